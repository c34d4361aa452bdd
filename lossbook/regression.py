"""Losses for real values: the mean, the median, quantiles, and everything between them that resists outliers.

Unless a docstring says otherwise: `pred` and `target` are real arrays of one shape, in the same unit u; ``reduction="none"`` has
that shape; r = pred - target, and each loss is 0 at r = 0. Shapes that differ raise ValueError, integer predictions TypeError,
a parameter out of its range ValueError. Losses of |r| alone are symmetric in their arguments, so a target that asks for gradient
receives it.
"""

from ._card import Card, Twin, card, cites, denies, describes, says
from ._loss import gradient_of, in_range, loss, require
from ._twins import optax
from ._xp import (
    absolute,
    clip,
    exp,
    expm1,
    log1p,
    log1p_square,
    log_cosh_of,
    magnitude,
    namespace,
    one_minus_bell,
    positive_part,
    sign,
    step,
    sum_classes,
    tanh,
    unit,
    where,
)

REAL = {"pred": "R", "target": "R"}


# --- the mean and the median --------------------------------------------------------------------------------------------


@loss(pred=0, target=0, symmetric=True)
def squared_error(pred, target):
    """Squared error (ŷ - y)²: the loss whose best constant is the mean.

    Unit u². Convention: no factor ½, as in ``torch.nn.functional.mse_loss`` and unlike ``optax.l2_loss``.
    Source: Legendre (1805).

    >>> import numpy as np
    >>> float(squared_error(np.array([1.0, 4.0]), np.array([0.0, 2.0])))
    2.5
    """
    return (pred - target) ** 2


@gradient_of(squared_error)
def squared_error_gradient(pred, target):
    return 2 * (pred - target)


@describes(squared_error)
def _():
    from . import check
    from ._symbols import r, y, y_hat

    return Card(
        squared_error,
        symbols={"pred": y_hat, "target": y},
        domain=REAL,
        formula=r**2,
        gradient=squared_error_gradient,
        gradient_formula=2 * r,
        convention="no factor ½",
        reference="legendre1805",
        twins=[
            Twin("torch.nn.functional.mse_loss", _torch("mse_loss")),
            Twin("optax.squared_error", optax("squared_error"), reductions=("none",)),
            Twin("optax.l2_loss", optax("l2_loss"), factor=2, reductions=("none",)),
        ],
        claims=[
            says(check.convex, "proved"),
            says(check.elicits, "verified", functional="mean"),
            denies(check.elicits, "verified", functional="median", witness="exponential"),
            says(check.symmetric, "proved"),
            says(check.homogeneous, "proved", degree=2),
            says(check.smooth, "verified", order=2),
            cites(
                "elicits", "up to a function of y alone, only Bregman divergences have the mean as best constant (Savage 1971)"
            ),
            says(check.strongly_convex, "proved", modulus=2),
            says(
                check.identity,
                "proved",
                name="the Bregman divergence of G(u) = u²",
                expression=y**2 - y_hat**2 - 2 * y_hat * (y - y_hat),
            ),
            denies(check.resists, "verified", share="1/51", witness=1e6),
            denies(check.triangle_inequality, "proved", witness=(0.0, 1.0, 2.0)),
        ],
        chapter="01_what_a_loss_is",
    )


@loss(pred=0, target=0, symmetric=True)
def absolute_error(pred, target):
    """Absolute error |ŷ - y|: the loss whose best constant is the median.

    Unit u. At r = 0 the gradient is 0, the middle of the subdifferential [-1, 1].
    Source: Boscovich (1757), as told by Stigler (1986).

    >>> import numpy as np
    >>> float(absolute_error(np.array([1.0, 4.0]), np.array([0.0, 2.0])))
    1.5
    """
    return absolute(pred - target)


@gradient_of(absolute_error)
def absolute_error_gradient(pred, target):
    return sign(pred - target)


@describes(absolute_error)
def _():
    import sympy

    from . import check
    from ._symbols import r, y, y_hat

    return Card(
        absolute_error,
        symbols={"pred": y_hat, "target": y},
        domain=REAL,
        formula=sympy.Abs(r),
        gradient=absolute_error_gradient,
        gradient_formula=sympy.sign(r),
        convention="gradient 0 at r = 0",
        reference="stigler1986",
        twins=[
            Twin("sklearn.metrics.mean_absolute_error", _mean_absolute_error, reductions=("mean",)),
            Twin("torch.nn.functional.l1_loss", _torch("l1_loss")),
        ],
        claims=[
            says(check.convex, "proved"),
            says(check.lipschitz, "searched", bound=1),
            says(check.elicits, "verified", functional="median"),
            denies(check.elicits, "verified", functional="mean", witness="exponential"),
            says(check.symmetric, "proved"),
            says(check.homogeneous, "proved", degree=1),
            denies(check.smooth, "verified", order=1, witness=0),
            denies(check.strongly_convex, "proved", modulus=1, witness={"between": (1.0, 3.0), "target": 0.0}),
            says(check.resists, "verified", share="2/5"),
            denies(check.resists, "verified", share="3/5", witness=1e6),
            says(check.triangle_inequality, "searched"),
        ],
        chapter="01_what_a_loss_is",
    )


# --- between the two: convex and robust ---------------------------------------------------------------------------------


@loss(pred=0, target=0, symmetric=True)
def huber(pred, target, *, delta=1.0):
    """Huber loss: ½ r² up to |r| = δ, then δ (|r| - δ/2): a parabola that goes on as its tangent.

    Unit u²; `delta` > 0 in the unit of the target (∞ gives ½ r²), so a change of units changes the estimate.
    Convention: δ times ``smooth_l1`` with β = δ. Source: Huber (1964).

    >>> import numpy as np
    >>> huber(np.array([0.5, 3.0]), np.zeros(2), delta=1.0, reduction="none").tolist()
    [0.125, 2.5]
    """
    in_range(delta=delta, low=0, closed="]")
    r = pred - target
    inner = clip(r, -delta, delta)
    return inner * (r - inner / 2)


@gradient_of(huber)
def huber_gradient(pred, target, *, delta=1.0):
    return clip(pred - target, -delta, delta)


@describes(huber)
def _():
    from sympy import Abs, Max, Min, Piecewise

    from . import check
    from ._symbols import delta, r, y, y_hat

    return Card(
        huber,
        symbols={"pred": y_hat, "target": y, "delta": delta},
        domain=REAL | {"delta": "(0, inf)"},
        formula=Piecewise((r**2 / 2, Abs(r) <= delta), (delta * (Abs(r) - delta / 2), True)),
        gradient=huber_gradient,
        gradient_formula=Max(-delta, Min(delta, r)),
        convention="½ r² inside δ",
        reference="huber1964",
        twins=[
            Twin("torch.nn.functional.huber_loss", _torch("huber_loss")),
            Twin("torch.nn.functional.smooth_l1_loss", _smooth_l1_with_delta, factor=delta, note="with β = δ"),
            Twin("scipy.special.huber", _scipy("huber"), reductions=("none",)),
            Twin("statsmodels.robust.norms.HuberT.rho", _statsmodels("HuberT", "t"), reductions=("none",)),
            Twin("optax.huber_loss", optax("huber_loss"), reductions=("none",)),
        ],
        claims=[
            says(check.convex, "proved"),
            says(check.lipschitz, "searched", bound=delta),
            says(check.limit, "verified", parameter="delta", to="oo", expression=r**2 / 2, name="half the squared error"),
            denies(check.elicits, "verified", functional="mean", witness="exponential"),
            denies(check.elicits, "verified", functional="median", witness="exponential"),
            says(check.symmetric, "proved"),
            denies(check.homogeneous, "proved", degree=2, witness={"pair": (3.0, 0.0), "params": {"delta": 1.0}}),
            says(check.smooth, "verified", order=1, joints=(-delta, delta)),
            denies(check.smooth, "verified", order=2, witness=delta),
            says(
                check.limit,
                "verified",
                parameter="delta",
                to="0",
                times="1/δ times the loss ",
                factor=1 / delta,
                expression=Abs(r),
                name="the absolute error",
            ),
            says(check.homogeneous, "proved", degree=2, along="prediction, target and delta"),
            says(check.resists, "verified", share="2/5", params={"delta": 1.0}),
            denies(check.resists, "verified", share="3/5", params={"delta": 1.0}, witness=1e6),
        ],
        chapter="11_robust_regression",
    )


@loss(pred=0, target=0, symmetric=True)
def smooth_l1(pred, target, *, beta=1.0):
    """Smooth L1: r² / (2β) up to |r| = β, then |r| - β/2: the absolute error with its corner rounded off.

    Unit u; `beta` > 0 in the unit of the target (where another library takes β = 0, use ``absolute_error``).
    Convention: ``huber`` with δ = β, divided by β. Source: Girshick (2015).

    >>> import numpy as np
    >>> smooth_l1(np.array([0.5, 3.0]), np.zeros(2), beta=2.0, reduction="none").tolist()
    [0.0625, 2.0]
    """
    in_range(beta=beta, low=0)
    r = pred - target
    slope = clip(r / beta, -1.0, 1.0)
    return slope * (r - beta * slope / 2)


@gradient_of(smooth_l1)
def smooth_l1_gradient(pred, target, *, beta=1.0):
    return clip((pred - target) / beta, -1.0, 1.0)


@describes(smooth_l1)
def _():
    from sympy import Abs, Max, Min, Piecewise

    from . import check
    from ._symbols import beta, delta, r, y, y_hat

    return Card(
        smooth_l1,
        symbols={"pred": y_hat, "target": y, "beta": beta},
        domain=REAL | {"beta": "(0, inf)"},
        formula=Piecewise((r**2 / (2 * beta), Abs(r) <= beta), (Abs(r) - beta / 2, True)),
        gradient=smooth_l1_gradient,
        gradient_formula=Max(-1, Min(1, r / beta)),
        convention="Huber divided by its δ",
        reference="girshick2015",
        twins=[Twin("torch.nn.functional.smooth_l1_loss", _torch("smooth_l1_loss"))],
        claims=[
            says(check.convex, "proved"),
            says(check.lipschitz, "searched", bound=1),
            says(
                check.identity, "proved", name="Huber / δ with δ = β", expression=card("huber").formula.subs(delta, beta) / beta
            ),
            says(check.limit, "verified", parameter="beta", to="0", expression=Abs(r), name="the absolute error"),
            says(check.symmetric, "proved"),
            says(check.smooth, "verified", order=1, joints=(-beta, beta)),
        ],
        chapter="11_robust_regression",
    )


@loss(pred=0, target=0, symmetric=True)
def log_cosh(pred, target):
    """log cosh r: ½ r² near 0, |r| - log 2 far away, smooth to every order.

    r is taken as a pure number: divide by a scale first if the target has a unit. Source: Green (1990), as a potential function.

    >>> import numpy as np
    >>> log_cosh(np.array([1e-5, 800.0]), np.zeros(2), reduction="none").round(13).tolist()
    [5e-11, 799.3068528194401]
    """
    return log_cosh_of(pred - target)


@gradient_of(log_cosh)
def log_cosh_gradient(pred, target):
    return tanh(pred - target)


@describes(log_cosh)
def _():
    import sympy

    from . import check
    from ._symbols import r, y, y_hat

    return Card(
        log_cosh,
        symbols={"pred": y_hat, "target": y},
        domain=REAL,
        formula=sympy.log(sympy.cosh(r)),
        gradient=log_cosh_gradient,
        gradient_formula=sympy.tanh(r),
        reference="green1990",
        twins=[Twin("optax.log_cosh", optax("log_cosh"), note="loses digits near 0", reductions=("none",))],
        claims=[
            says(check.convex, "proved"),
            says(check.lipschitz, "searched", bound=1),
            says(check.symmetric, "proved"),
            denies(check.elicits, "verified", functional="mean", witness="exponential"),
            says(check.smooth, "verified", order=2),
            says(check.behaves_like, "verified", expression=r**2 / 2, name="half the squared error"),
            says(
                check.behaves_like,
                "verified",
                expression=sympy.Abs(r) - sympy.log(2),
                name="the absolute error less log 2",
                residuals="large",
            ),
            denies(check.homogeneous, "proved", degree=2, witness={"pair": (1.0, 0.0)}),
            says(check.resists, "verified", share="2/5"),
        ],
        chapter="11_robust_regression",
    )


@loss(pred=0, target=0, symmetric=True)
def charbonnier(pred, target, *, scale=1.0):
    """Charbonnier (pseudo-Huber) loss s² (√(1 + (r/s)²) - 1): ½ r² near 0, s |r| far away, smooth to every order.

    Unit u²; `scale` > 0 in the unit of the target. Convention: the form √(r² + ε²) - ε of image restoration is this divided by
    s = ε. Source: Charbonnier et al. (1994).

    >>> import numpy as np
    >>> charbonnier(np.array([0.0, 3.0]), np.zeros(2), scale=4.0, reduction="none").tolist()
    [0.0, 4.0]
    """
    in_range(scale=scale, low=0)
    r = pred - target
    far = magnitude(r) > scale
    near = where(far, 0.0, r)  # there √(1 + u²) - 1 with u = r/s cancels, u² / (1 + √(1 + u²)) does not
    return where(far, scale * (_hypot(r, scale) - scale), near**2 / (1 + (1 + (near / scale) ** 2) ** 0.5))


@gradient_of(charbonnier)
def charbonnier_gradient(pred, target, *, scale=1.0):
    r = pred - target
    return scale * (r / _hypot(r, scale))


@describes(charbonnier)
def _():
    import sympy

    from . import check
    from ._symbols import r, scale, y, y_hat

    return Card(
        charbonnier,
        symbols={"pred": y_hat, "target": y, "scale": scale},
        domain=REAL | {"scale": "(0, inf)"},
        formula=scale**2 * (sympy.sqrt(1 + (r / scale) ** 2) - 1),
        gradient=charbonnier_gradient,
        gradient_formula=r / sympy.sqrt(1 + (r / scale) ** 2),
        convention="≈ ½ r² at 0",
        reference="charbonnier1994",
        twins=[Twin("scipy.special.pseudo_huber", _scipy("pseudo_huber"), reductions=("none",))],
        claims=[
            says(check.convex, "proved"),
            says(check.lipschitz, "searched", bound=scale),
            says(check.limit, "verified", parameter="scale", to="oo", expression=r**2 / 2, name="half the squared error"),
            says(check.symmetric, "proved"),
            says(check.smooth, "verified", order=2),
            says(
                check.limit,
                "verified",
                parameter="scale",
                to="0",
                times="1/s times the loss ",
                factor=1 / scale,
                expression=sympy.Abs(r),
                name="the absolute error",
            ),
            says(check.homogeneous, "proved", degree=2, along="prediction, target and scale"),
            says(check.resists, "verified", share="2/5", params={"scale": 1.0}),
        ],
        chapter="11_robust_regression",
    )


@loss(pred=0, target=0, symmetric=True)
def epsilon_insensitive(pred, target, *, epsilon=0.1):
    """ε-insensitive loss (|r| - ε)₊: errors smaller than ε cost nothing. The loss of support vector regression.

    Unit u; `epsilon` ≥ 0 in the unit of the target. At |r| = ε the gradient is 0. Source: Vapnik (1995).

    >>> import numpy as np
    >>> epsilon_insensitive(np.array([0.25, 3.0]), np.zeros(2), epsilon=0.5, reduction="none").tolist()
    [0.0, 2.5]
    """
    in_range(epsilon=epsilon, low=0, closed="[")
    return positive_part(absolute(pred - target) - epsilon)


@gradient_of(epsilon_insensitive)
def epsilon_insensitive_gradient(pred, target, *, epsilon=0.1):
    r = pred - target
    return sign(r) * step(absolute(r) - epsilon)


@describes(epsilon_insensitive)
def _():
    from sympy import Abs, Max, Piecewise, sign

    from . import check
    from ._symbols import epsilon, r, y, y_hat

    return Card(
        epsilon_insensitive,
        symbols={"pred": y_hat, "target": y, "epsilon": epsilon},
        domain=REAL | {"epsilon": "[0, inf)"},
        formula=Max(Abs(r) - epsilon, 0),
        gradient=epsilon_insensitive_gradient,
        gradient_formula=Piecewise((sign(r), Abs(r) > epsilon), (0, True)),
        convention="gradient 0 at |r| = ε",
        reference="vapnik1995",
        claims=[
            says(check.convex, "proved"),
            says(check.lipschitz, "searched", bound=1),
            says(check.identity, "proved", expression=Abs(r), name="the absolute error at ε = 0", where={epsilon: 0}),
            says(check.symmetric, "proved"),
            denies(check.smooth, "verified", order=1, witness=epsilon),
            denies(
                check.strongly_convex,
                "proved",
                modulus=1,
                witness={"between": (2.0, 3.0), "target": 0.0, "params": {"epsilon": 0.5}},
            ),
            says(check.homogeneous, "proved", degree=1, along="prediction, target and epsilon"),
        ],
    )


# --- redescending: far points lose their pull ---------------------------------------------------------------------------


@loss(pred=0, target=0, symmetric=True)
def cauchy(pred, target, *, scale=1.0):
    """Cauchy (Lorentzian) loss s²/2 · log(1 + (r/s)²): ½ r² near 0, a logarithm far away. Not convex.

    Unit u²; `scale` = s > 0 in the unit of the target. Convention: s²/2 times the negative log-density of a Cauchy error of
    scale s, up to a constant. Source: Black and Anandan (1996).

    >>> import numpy as np
    >>> cauchy(np.array([0.0, 1.0]), np.zeros(2), reduction="none").round(4).tolist()
    [0.0, 0.3466]
    """
    in_range(scale=scale, low=0)
    return scale**2 / 2 * log1p_square((pred - target) / scale)


@gradient_of(cauchy)
def cauchy_gradient(pred, target, *, scale=1.0):
    r = pred - target
    return r / (1 + (r / scale) ** 2)


@describes(cauchy)
def _():
    import sympy

    from . import check
    from ._symbols import r, scale, y, y_hat

    return Card(
        cauchy,
        symbols={"pred": y_hat, "target": y, "scale": scale},
        domain=REAL | {"scale": "(0, inf)"},
        formula=scale**2 / 2 * sympy.log(1 + (r / scale) ** 2),
        gradient=cauchy_gradient,
        gradient_formula=r / (1 + (r / scale) ** 2),
        convention="≈ ½ r² at 0",
        reference="black1996",
        claims=[
            denies(check.convex, "proved", witness={"between": (2.0, 10.0), "target": 0.0, "params": {"scale": 1.0}}),
            says(check.lipschitz, "searched", bound=scale / 2),
            says(check.redescending, "verified"),
            says(check.symmetric, "proved"),
            says(check.limit, "verified", parameter="scale", to="oo", expression=r**2 / 2, name="half the squared error"),
            says(check.smooth, "verified", order=2),
            says(check.homogeneous, "proved", degree=2, along="prediction, target and scale"),
            says(check.resists, "verified", share="2/5", params={"scale": 1.0}),
            denies(check.without_influence, "verified", beyond=scale, witness=1e3),
        ],
        chapter="11_robust_regression",
    )


@loss(pred=0, target=0, symmetric=True)
def geman_mcclure(pred, target, *, scale=1.0):
    """Geman-McClure loss 2 (r/s)² / ((r/s)² + 4): ½ (r/s)² near 0, never more than 2. Not convex.

    A pure number; `scale` = s > 0 in the unit of the target. Convention: the scaling of Barron (2019), where it is α = -2.
    Source: Geman and McClure (1985).

    >>> import numpy as np
    >>> geman_mcclure(np.array([0.0, 2.0, 1e300]), np.zeros(3), reduction="none").tolist()
    [0.0, 1.0, 2.0]
    """
    in_range(scale=scale, low=0)
    u = magnitude((pred - target) / (2 * scale))
    far = u > 1
    large, small = where(far, u, 1.0), where(far, 0.0, u)
    return where(far, 2 / (1 + large**-2), 2 * small**2 / (1 + small**2))


@gradient_of(geman_mcclure)
def geman_mcclure_gradient(pred, target, *, scale=1.0):
    u = (pred - target) / (2 * scale)
    return 2 * u / scale / (1 + u**2) ** 2


@describes(geman_mcclure)
def _():
    import sympy

    from . import check
    from ._symbols import r, scale, y, y_hat

    return Card(
        geman_mcclure,
        symbols={"pred": y_hat, "target": y, "scale": scale},
        domain=REAL | {"scale": "(0, inf)"},
        formula=2 * (r / scale) ** 2 / ((r / scale) ** 2 + 4),
        gradient=geman_mcclure_gradient,
        gradient_formula=16 * r / (scale**2 * ((r / scale) ** 2 + 4) ** 2),
        convention="Barron's scaling, ≈ ½ (r/s)² at 0",
        reference="geman1985",
        claims=[
            denies(check.convex, "proved", witness={"between": (2.0, 10.0), "target": 0.0, "params": {"scale": 1.0}}),
            says(check.bounded, "searched", bound=2),
            says(check.lipschitz, "searched", bound=3 * sympy.sqrt(3) / (8 * scale)),
            says(check.redescending, "verified"),
            says(check.symmetric, "proved"),
            says(check.smooth, "verified", order=2),
            says(check.homogeneous, "proved", degree=0, along="prediction, target and scale"),
            says(check.resists, "verified", share="2/5", params={"scale": 1.0}),
        ],
        chapter="11_robust_regression",
    )


@loss(pred=0, target=0, symmetric=True)
def welsch(pred, target, *, scale=1.0):
    """Welsch (Leclerc) loss 1 - exp(-½ (r/s)²): an upside-down bell, never more than 1. Not convex.

    A pure number; `scale` = s > 0 in the unit of the target. Source: Dennis and Welsch (1978).

    >>> import numpy as np
    >>> welsch(np.array([1e-8, 1.0, 9.0]), np.zeros(3), reduction="none").round(17).tolist()
    [5e-17, 0.3934693402873666, 1.0]
    """
    in_range(scale=scale, low=0)
    return one_minus_bell((pred - target) / scale)


@gradient_of(welsch)
def welsch_gradient(pred, target, *, scale=1.0):
    u = clip((pred - target) / scale, -40.0, 40.0)
    return u / scale * exp(-(u**2) / 2)


@describes(welsch)
def _():
    import sympy

    from . import check
    from ._symbols import r, scale, y, y_hat

    return Card(
        welsch,
        symbols={"pred": y_hat, "target": y, "scale": scale},
        domain=REAL | {"scale": "(0, inf)"},
        formula=1 - sympy.exp(-((r / scale) ** 2) / 2),
        gradient=welsch_gradient,
        gradient_formula=r / scale**2 * sympy.exp(-((r / scale) ** 2) / 2),
        convention="≈ ½ (r/s)² at 0",
        reference="dennis1978",
        claims=[
            denies(check.convex, "proved", witness={"between": (1.0, 5.0), "target": 0.0, "params": {"scale": 1.0}}),
            says(check.bounded, "searched", bound=1),
            says(check.lipschitz, "searched", bound=sympy.exp(-sympy.Rational(1, 2)) / scale),
            says(check.redescending, "verified"),
            says(check.symmetric, "proved"),
            says(check.smooth, "verified", order=2),
            says(check.homogeneous, "proved", degree=0, along="prediction, target and scale"),
            says(check.resists, "verified", share="2/5", params={"scale": 3.0}),
        ],
        chapter="11_robust_regression",
    )


@loss(pred=0, target=0, symmetric=True)
def tukey_biweight(pred, target, *, c=4.685):
    """Tukey's biweight c²/6 · (1 - (1 - (r/c)²)³) up to |r| = c, then the constant c²/6: far points have no pull at all.

    Unit u²; `c` > 0 in the unit of the target. The default gives 95 % efficiency for normal errors of unit variance.
    Source: Beaton and Tukey (1974).

    >>> import numpy as np
    >>> tukey_biweight(np.array([0.0, 6.0, 600.0]), np.zeros(3), c=6.0, reduction="none").tolist()
    [0.0, 6.0, 6.0]
    """
    in_range(c=c, low=0)
    u2 = clip((pred - target) / c, -1.0, 1.0) ** 2
    return c**2 / 6 * u2 * (3 - 3 * u2 + u2**2)  # 1 - (1 - u²)³, multiplied out so that nothing cancels


@gradient_of(tukey_biweight)
def tukey_biweight_gradient(pred, target, *, c=4.685):
    u = clip((pred - target) / c, -1.0, 1.0)
    return c * u * (1 - u**2) ** 2


@describes(tukey_biweight)
def _():
    from sympy import Abs, Piecewise, sqrt

    from . import check
    from ._symbols import c, r, y, y_hat

    return Card(
        tukey_biweight,
        symbols={"pred": y_hat, "target": y, "c": c},
        domain=REAL | {"c": "(0, inf)"},
        formula=Piecewise((c**2 / 6 * (1 - (1 - (r / c) ** 2) ** 3), Abs(r) <= c), (c**2 / 6, True)),
        gradient=tukey_biweight_gradient,
        gradient_formula=Piecewise((r * (1 - (r / c) ** 2) ** 2, Abs(r) <= c), (0, True)),
        convention="≈ ½ r² at 0",
        reference="beaton1974",
        twins=[Twin("statsmodels.robust.norms.TukeyBiweight.rho", _statsmodels("TukeyBiweight", "c"), reductions=("none",))],
        claims=[
            denies(check.convex, "proved", witness={"between": (0.0, 8.0), "target": 0.0, "params": {"c": 4.0}}),
            says(check.bounded, "searched", bound=c**2 / 6),
            says(check.lipschitz, "searched", bound=16 * c / (25 * sqrt(5))),
            says(check.redescending, "verified"),
            says(check.symmetric, "proved"),
            says(check.smooth, "verified", order=2, joints=(-c, c)),
            says(check.without_influence, "verified", beyond=c),
            says(check.homogeneous, "proved", degree=2, along="prediction, target and c"),
            says(check.resists, "verified", share="2/5", params={"c": 4.685}),
        ],
        chapter="11_robust_regression",
    )


@loss(pred=0, target=0, symmetric=True)
def general_robust(pred, target, *, alpha=1.0, scale=1.0):
    """Barron's general robust loss |α-2|/α · (((r/s)²/|α-2| + 1)^(α/2) - 1): one knob from ½ (r/s)² to bounded losses.

    A pure number; `scale` = s > 0 in the unit of the target; `alpha` is a Python number: 2 gives ½ (r/s)², 1 Charbonnier / s²,
    0 Cauchy's logarithm log(1 + ½ (r/s)²), -2 Geman-McClure, -∞ Welsch, ∞ its opposite exp(½ (r/s)²) - 1. Convex for α ≥ 1.
    Source: Barron (2019).

    >>> import numpy as np
    >>> [round(float(general_robust(np.array(3.0), np.array(0.0), alpha=a)), 4) for a in (2, 1, 0, -2, float("-inf"))]
    [4.5, 2.1623, 1.7047, 1.3846, 0.9889]
    """
    in_range(scale=scale, low=0)
    in_range(alpha=alpha, closed="[]")
    u = (pred - target) / scale
    if alpha == 2:
        return u**2 / 2
    if abs(alpha) < 1e-15:  # the limit, to the last digit
        return log1p_square(u / 2**0.5)
    if abs(alpha) == float("inf"):
        return one_minus_bell(u) if alpha < 0 else expm1(u**2 / 2)
    distance = abs(alpha - 2)
    return distance / alpha * expm1(alpha / 2 * log1p_square(u / distance**0.5))


@gradient_of(general_robust)
def general_robust_gradient(pred, target, *, alpha=1.0, scale=1.0):
    u = (pred - target) / scale
    if alpha == 2:
        return u / scale
    if abs(alpha) == float("inf"):
        u = clip(u, -40.0, 40.0)
        return u / scale * exp(u**2 / 2 if alpha > 0 else -(u**2) / 2)
    return u / scale * exp((alpha / 2 - 1) * log1p_square(u / abs(alpha - 2) ** 0.5))


@describes(general_robust)
def _():
    from sympy import Abs, Eq, Piecewise, exp, log, sqrt

    from . import check
    from ._symbols import alpha, r, scale, y, y_hat

    u2 = (r / scale) ** 2
    distance = Abs(alpha - 2)
    return Card(
        general_robust,
        symbols={"pred": y_hat, "target": y, "alpha": alpha, "scale": scale},
        domain=REAL | {"alpha": "R", "scale": "(0, inf)"},
        formula=Piecewise(
            (u2 / 2, Eq(alpha, 2)),
            (log(1 + u2 / 2), Eq(alpha, 0)),
            (distance / alpha * ((u2 / distance + 1) ** (alpha / 2) - 1), True),
        ),
        gradient=general_robust_gradient,
        gradient_formula=Piecewise((r / scale**2, Eq(alpha, 2)), (r / scale**2 * (u2 / distance + 1) ** (alpha / 2 - 1), True)),
        convention="≈ ½ (r/s)² at 0",
        reference="barron2019",
        claims=[
            says(check.convex, "searched", params={"alpha": 1.0, "scale": 1.0}),
            denies(
                check.convex, "proved", witness={"between": (2.0, 10.0), "target": 0.0, "params": {"alpha": 0.5, "scale": 1.0}}
            ),
            says(check.identity, "proved", expression=sqrt(1 + u2) - 1, name="Charbonnier / s² at α = 1", where={alpha: 1}),
            says(check.identity, "proved", expression=2 * u2 / (u2 + 4), name="Geman-McClure at α = -2", where={alpha: -2}),
            says(check.limit, "verified", parameter="alpha", to="0", expression=log(1 + u2 / 2), name="log(1 + ½ (r/s)²)"),
            says(check.limit, "verified", parameter="alpha", to="2", expression=u2 / 2, name="½ (r/s)²"),
            says(check.limit, "verified", parameter="alpha", to="-oo", expression=1 - exp(-u2 / 2), name="Welsch"),
            says(check.symmetric, "proved"),
            says(check.smooth, "verified", order=2),
            says(check.grows_with, "searched", parameter="alpha"),
            says(check.homogeneous, "proved", degree=0, along="prediction, target and scale"),
        ],
        chapter="11_robust_regression",
    )


# --- asymmetric: quantiles and expectiles -------------------------------------------------------------------------------


@loss(pred=0, target=0)
def pinball(pred, target, *, tau=0.5):
    """Pinball (quantile) loss max(τ (y - ŷ), (τ - 1)(y - ŷ)): predicting too low costs τ per unit, too high 1 - τ.

    Its best constant is the τ-quantile. Unit u; 0 < `tau` < 1. At r = 0 the gradient is -τ.
    Convention: at τ = ½ it is half of the absolute error. Source: Koenker and Bassett (1978).

    >>> import numpy as np
    >>> pinball(np.array([0.0, 3.0]), np.array([1.0, 1.0]), tau=0.75, reduction="none").tolist()
    [0.75, 0.5]
    """
    in_range(tau=tau, low=0, high=1)
    shortfall = target - pred
    return where(shortfall >= 0, tau * shortfall, (tau - 1) * shortfall)


@gradient_of(pinball)
def pinball_gradient(pred, target, *, tau=0.5):
    return step(pred - target) - tau


@describes(pinball)
def _():
    from sympy import Abs, Max, Piecewise

    from . import check
    from ._symbols import r, tau, y, y_hat

    return Card(
        pinball,
        symbols={"pred": y_hat, "target": y, "tau": tau},
        domain=REAL | {"tau": "(0, 1)"},
        formula=Max(-tau * r, (1 - tau) * r),
        gradient=pinball_gradient,
        gradient_formula=Piecewise((1 - tau, r > 0), (-tau, True)),
        convention="τ = ½ gives half of the absolute error; gradient -τ at r = 0",
        reference="koenker1978",
        twins=[
            Twin("sklearn.metrics.mean_pinball_loss", _sklearn("mean_pinball_loss", tau="alpha"), reductions=("mean",)),
            Twin("scoringrules.quantile_score", _quantile_score, reductions=("none",)),
        ],
        claims=[
            says(check.convex, "proved"),
            says(check.lipschitz, "searched", bound=Max(tau, 1 - tau)),
            says(check.elicits, "verified", functional="quantile"),
            says(check.identity, "proved", expression=Abs(r) / 2, name="half of the absolute error at τ = ½", where={tau: 0.5}),
            denies(check.symmetric, "proved", witness={"pair": (1.0, 0.0), "params": {"tau": 0.9}}),
            denies(check.smooth, "verified", order=1, witness=0),
            says(check.homogeneous, "proved", degree=1),
        ],
        chapter="12_quantiles",
    )


@loss(pred=0, target=0)
def quantile_huber(pred, target, *, tau=0.5, delta=1.0):
    """Quantile Huber loss |τ - [r > 0]| · Huber_δ(r) / δ: the pinball loss with its corner rounded off.

    Unit u; 0 < `tau` < 1; `delta` > 0 in the unit of the target. Convention: divided by δ, so that it tends to
    the pinball loss as δ → 0; without the division it is δ times this. Source: Dabney et al. (2018).

    >>> import numpy as np
    >>> quantile_huber(np.array([0.0, 4.0]), np.array([2.0, 2.0]), tau=0.75, reduction="none").tolist()
    [1.125, 0.375]
    """
    in_range(tau=tau, low=0, high=1)
    in_range(delta=delta, low=0)
    r = pred - target
    slope = clip(r / delta, -1.0, 1.0)
    rounded = slope * (r - delta * slope / 2)
    return where(r > 0, (1 - tau) * rounded, tau * rounded)


@gradient_of(quantile_huber)
def quantile_huber_gradient(pred, target, *, tau=0.5, delta=1.0):
    slope = clip((pred - target) / delta, -1.0, 1.0)
    return where(slope > 0, (1 - tau) * slope, tau * slope)


@describes(quantile_huber)
def _():
    from sympy import Abs, Max, Min, Piecewise

    from . import check
    from ._symbols import delta, r, tau, y, y_hat

    side = Piecewise((1 - tau, r > 0), (tau, True))
    return Card(
        quantile_huber,
        symbols={"pred": y_hat, "target": y, "tau": tau, "delta": delta},
        domain=REAL | {"tau": "(0, 1)", "delta": "(0, inf)"},
        formula=side * Piecewise((r**2 / (2 * delta), Abs(r) <= delta), (Abs(r) - delta / 2, True)),
        gradient=quantile_huber_gradient,
        gradient_formula=side * Max(-1, Min(1, r / delta)),
        convention="divided by δ, so that it tends to the pinball loss",
        reference="dabney2018",
        claims=[
            says(check.convex, "proved"),
            says(check.lipschitz, "searched", bound=Max(tau, 1 - tau)),
            says(check.limit, "verified", parameter="delta", to="0", expression=card("pinball").formula, name="the pinball loss"),
            denies(check.elicits, "verified", functional="quantile", witness="exponential"),
            denies(check.symmetric, "proved", witness={"pair": (1.0, 0.0), "params": {"tau": 0.9, "delta": 1.0}}),
            says(
                check.limit,
                "verified",
                parameter="delta",
                to="oo",
                times="δ times the loss ",
                factor=delta,
                expression=r**2 / 2 * Piecewise((1 - tau, r > 0), (tau, True)),
                name="half of the expectile loss",
            ),
        ],
        chapter="12_quantiles",
    )


@loss(pred=0, target=0)
def expectile(pred, target, *, tau=0.5):
    """Expectile loss |τ - [r > 0]| · r²: the asymmetric squared error. Its best constant is the τ-expectile.

    Unit u²; 0 < `tau` < 1. Convention: no factor ½, so that τ = ½ gives half of the squared error.
    Source: Newey and Powell (1987).

    >>> import numpy as np
    >>> expectile(np.array([0.0, 4.0]), np.array([2.0, 2.0]), tau=0.75, reduction="none").tolist()
    [3.0, 1.0]
    """
    in_range(tau=tau, low=0, high=1)
    r = pred - target
    return where(r > 0, (1 - tau) * r**2, tau * r**2)


@gradient_of(expectile)
def expectile_gradient(pred, target, *, tau=0.5):
    r = pred - target
    return where(r > 0, 2 * (1 - tau) * r, 2 * tau * r)


@describes(expectile)
def _():
    from sympy import Piecewise

    from . import check
    from ._symbols import r, tau, y, y_hat

    side = Piecewise((1 - tau, r > 0), (tau, True))
    return Card(
        expectile,
        symbols={"pred": y_hat, "target": y, "tau": tau},
        domain=REAL | {"tau": "(0, 1)"},
        formula=side * r**2,
        gradient=expectile_gradient,
        gradient_formula=2 * side * r,
        convention="no factor ½",
        reference="newey1987",
        claims=[
            says(check.convex, "proved"),
            says(check.elicits, "verified", functional="expectile"),
            says(check.identity, "proved", expression=r**2 / 2, name="half of the squared error at τ = ½", where={tau: 0.5}),
            says(check.homogeneous, "proved", degree=2),
            denies(check.symmetric, "proved", witness={"pair": (1.0, 0.0), "params": {"tau": 0.9}}),
            says(check.smooth, "verified", order=1),
            denies(check.smooth, "verified", order=2, witness=0),
        ],
        chapter="07_what_a_loss_estimates",
    )


# --- relative errors and directions -------------------------------------------------------------------------------------


@loss(pred=0, target=0)
def absolute_percentage_error(pred, target):
    """Absolute percentage error |ŷ - y| / |y|, as a fraction: 0.1 is 10 %. For y > 0 the best constant is below the median.

    A pure number. A target of 0 raises ValueError: no relative error exists there. At r = 0 the gradient is 0.
    Convention: scikit-learn divides by max(|y|, eps) instead. Source: Gneiting (2011), on what it estimates.

    >>> import numpy as np
    >>> float(absolute_percentage_error(np.array([90.0, 12.0]), np.array([100.0, 10.0])).round(6))
    0.15
    """
    require(target, target != 0, "target must not be 0 (use absolute_error or squared_log_error there)")
    return absolute(pred - target) / absolute(target)


@gradient_of(absolute_percentage_error)
def absolute_percentage_error_gradient(pred, target):
    return sign(pred - target) / absolute(target)


@describes(absolute_percentage_error)
def _():
    import sympy

    from . import check
    from ._symbols import r, y, y_hat

    return Card(
        absolute_percentage_error,
        symbols={"pred": y_hat, "target": y},
        domain={"pred": "R", "target": "R without 0"},
        formula=sympy.Abs(r) / sympy.Abs(y),
        gradient=absolute_percentage_error_gradient,
        gradient_formula=sympy.sign(r) / sympy.Abs(y),
        convention="a fraction, not multiplied by 100",
        reference="gneiting2011",
        twins=[
            Twin(
                "sklearn.metrics.mean_absolute_percentage_error",
                _sklearn("mean_absolute_percentage_error"),
                reductions=("mean",),
                note="where |y| is not below its eps",
            )
        ],
        claims=[
            says(check.convex, "proved"),
            denies(check.elicits, "verified", functional="median", witness="lognormal"),
            denies(check.elicits, "verified", functional="mean", witness="lognormal"),
            says(check.homogeneous, "verified", degree=0),
            denies(check.symmetric, "proved", witness={"pair": (1.0, 2.0)}),
            says(check.elicits, "verified", functional="median of the density f(y) / |y|"),
        ],
        chapter="07_what_a_loss_estimates",
    )


@loss(pred=0, target=0, symmetric=True)
def squared_log_error(pred, target):
    """Squared logarithmic error (log(1 + ŷ) - log(1 + y))²: a squared relative error for counts and prices.

    A pure number. `pred` and `target` must be above -1, else ValueError. Symmetric.
    Source: no first paper is known to us; the name is scikit-learn's (Pedregosa et al. 2011).

    >>> import numpy as np
    >>> float(squared_log_error(np.array([0.0]), np.array([np.e - 1])).round(6))
    1.0
    """
    for name, array in (("pred", pred), ("target", target)):
        require(array, ~(array <= -1), f"{name} must be above -1, where log(1 + {name}) exists")
    return _log_ratio(pred, target) ** 2


@gradient_of(squared_log_error)
def squared_log_error_gradient(pred, target):
    return 2 * _log_ratio(pred, target) / (1 + pred)


@describes(squared_log_error)
def _():
    from sympy import log

    from . import check
    from ._symbols import y, y_hat

    return Card(
        squared_log_error,
        symbols={"pred": y_hat, "target": y},
        domain={"pred": "(-1, inf)", "target": "(-1, inf)"},
        formula=(log(1 + y_hat) - log(1 + y)) ** 2,
        gradient=squared_log_error_gradient,
        gradient_formula=2 * (log(1 + y_hat) - log(1 + y)) / (1 + y_hat),
        reference="pedregosa2011",
        twins=[Twin("sklearn.metrics.mean_squared_log_error", _squared_log_sklearn, reductions=("mean",))],
        claims=[
            denies(check.convex, "proved", witness={"between": (4.0, 100.0), "target": 0.0}),
            denies(check.elicits, "verified", functional="mean", witness="lognormal"),
            says(check.symmetric, "proved"),
            says(check.elicits, "verified", functional="mean of log(1 + y), transformed back"),
        ],
        chapter="07_what_a_loss_estimates",
    )


@loss(pred=1, target=1, symmetric=True)
def cosine_distance(pred, target):
    """Cosine distance 1 - cos(pred, target): how far two directions are apart, from 0 to 2.

    pred, target: (..., D); ``reduction="none"`` gives (...). A pure number. A zero vector has no direction: ValueError.
    Computed as half the squared distance of the unit vectors, which keeps its digits for nearly parallel vectors.
    Source: Salton, Wong and Yang (1975).

    >>> import numpy as np
    >>> float(cosine_distance(np.array([1.0, 0.0]), np.array([1.0, 1.0])).round(6))
    0.292893
    """
    for name, array in (("pred", pred), ("target", target)):
        length = namespace(array).max(absolute(array), axis=-1)
        require(length, length != 0, f"the longest entry of {name} must not be 0: a zero vector has no direction")
    return sum_classes((unit(pred) - unit(target)) ** 2) / 2


@gradient_of(cosine_distance)
def cosine_distance_gradient(pred, target):
    u, v = unit(pred), unit(target)
    distance = sum_classes((u - v) ** 2)[..., None] / 2
    length = sum_classes(pred * u)[..., None]
    return (u - v - distance * u) / length


@describes(cosine_distance)
def _():
    from sympy import Sum, sqrt

    from . import check
    from ._symbols import K, Y, Y_hat, j, k

    def total(expression):
        return Sum(expression, (k, 1, K))

    dot, a, b = total(Y_hat[k] * Y[k]), sqrt(total(Y_hat[k] ** 2)), sqrt(total(Y[k] ** 2))
    return Card(
        cosine_distance,
        symbols={"pred": Y_hat, "target": Y},
        domain={"pred": "R^K without 0", "target": "R^K without 0"},
        formula=1 - dot / (a * b),
        gradient=cosine_distance_gradient,
        gradient_formula=dot * Y_hat[j] / (a**3 * b) - Y[j] / (a * b),
        reference="salton1975",
        twins=[
            Twin("torch.nn.functional.cosine_similarity", _cosine_torch, note="one minus it", reductions=("none",)),
            Twin("optax.cosine_distance", optax("cosine_distance"), reductions=("none",)),
        ],
        claims=[
            says(check.bounded, "searched", bound=2),
            says(check.scale_invariant, "verified"),
            says(check.symmetric, "proved"),
            denies(check.convex, "proved", witness={"between": ([1.0, 0.0], [-1.0, 0.5]), "target": [1.0, 0.0]}),
            says(check.gradient_is_perpendicular, "verified"),
            denies(check.triangle_inequality, "proved", witness=([1.0, 0.0], [1.0, 1.0], [0.0, 1.0])),
        ],
    )


# --- helpers of this module ---------------------------------------------------------------------------------------------


def _hypot(x, scale):
    """√(x² + s²) = m √(1 + (l/m)²) with m the larger of the two and l the other, so that no square overflows."""
    far = magnitude(x) > scale
    larger, other = where(far, magnitude(x), scale), where(far, scale, magnitude(x))
    return larger * (1 + (other / larger) ** 2) ** 0.5


def _log_ratio(pred, target):
    """log((1 + ŷ) / (1 + y)): through the relative difference where the two are close, where two logarithms would cancel."""
    change = (pred - target) / (1 + target)
    close = magnitude(change) < 0.5
    return where(close, log1p(where(close, change, 0.0)), log1p(pred) - log1p(target))


# Twins are looked up when they are called, so that importing this module imports no other library.
def _torch(name):
    def call(pred, target, *, reduction, **params):
        import torch.nn.functional

        return getattr(torch.nn.functional, name)(pred, target, reduction=reduction, **params)

    return call


def _smooth_l1_with_delta(pred, target, *, reduction, delta):
    return _torch("smooth_l1_loss")(pred, target, reduction=reduction, beta=delta)


def _cosine_torch(pred, target, *, reduction):
    import torch.nn.functional

    return 1 - torch.nn.functional.cosine_similarity(pred, target, dim=-1)


def _scipy(name):
    def call(pred, target, *, reduction, **params):
        import scipy.special

        return getattr(scipy.special, name)(*params.values(), pred - target)

    return call


def _statsmodels(norm, parameter):
    def call(pred, target, *, reduction, **params):
        import statsmodels.robust.norms

        return getattr(statsmodels.robust.norms, norm)(**{parameter: next(iter(params.values()))}).rho(pred - target)

    return call


def _sklearn(name, **renamed):
    def call(pred, target, *, reduction, **params):
        import sklearn.metrics

        return getattr(sklearn.metrics, name)(target, pred, **{renamed[key]: value for key, value in params.items()})

    return call


def _squared_log_sklearn(pred, target, *, reduction):
    from sklearn.metrics import mean_squared_log_error

    return mean_squared_log_error(target, pred)


def _quantile_score(pred, target, *, reduction, tau):
    import scoringrules

    return scoringrules.quantile_score(target, pred, tau)


def _mean_absolute_error(pred, target, *, reduction):
    from sklearn.metrics import mean_absolute_error

    return mean_absolute_error(target, pred)
