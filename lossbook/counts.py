"""Losses for counts and other amounts that are never negative: negative log-likelihoods and deviances with a log link.

The prediction z is the logarithm of the mean, μ = e^z, a real number for each example; `target` y has its shape, and so has
``reduction="none"``. A target outside the range that a docstring names raises ValueError. Every loss here is convex in z or says
where not, and has the logarithm of the mean as its best constant. Constants are kept: e^(-loss) is a probability or a density.
"""

import math

from ._card import Card, Twin, card, denies, describes, says
from ._loss import gradient_of, in_range, loss, require, values_readable
from ._xp import clip, exp, expm1, gammaln, log, log1p, magnitude, mul0, namespace, sigmoid, softplus, where


@loss(log_rate=0, target=0)
def poisson_nll(log_rate, target):
    """Poisson negative log-likelihood e^z - y z + log Γ(y + 1) of counts y with mean and variance e^z.

    `target` ≥ 0. What is not a whole number is accepted, too: then this is a quasi-likelihood, still right for the mean.
    Convention: the constant is exact; ``torch.nn.functional.poisson_nll_loss`` leaves it out or puts Stirling's approximation.
    Source: Nelder and Wedderburn (1972).

    >>> import numpy as np
    >>> poisson_nll(np.log([2.0, 2.0]), np.array([0, 3]), reduction="none").round(4).tolist()
    [2.0, 1.7123]
    """
    _not_negative(target)
    return _half_deviance(log_rate, target, 1) + _least_poisson_nll(target)


@gradient_of(poisson_nll)
def poisson_nll_gradient(log_rate, target):
    return _half_slope(log_rate, target, 1)


@describes(poisson_nll)
def _():
    from sympy import exp, log, loggamma, oo

    from . import check
    from ._symbols import xi, y, z

    formula = exp(z) - y * z + loggamma(y + 1)
    deviance = card("tweedie_deviance").formula.subs(xi, 1)
    return Card(
        poisson_nll,
        symbols={"log_rate": z, "target": y},
        domain={"log_rate": "R", "target": "{0, 1, 2, ...}"},
        formula=formula,
        gradient=poisson_nll_gradient,
        gradient_formula=exp(z) - y,
        link="log",
        convention="log Γ(y + 1) is kept; other y ≥ 0 are accepted (quasi-likelihood)",
        reference="nelder1972",
        twins=[
            Twin("torch.nn.functional.poisson_nll_loss", _poisson_torch, note="full=False, plus log Γ(y + 1)"),
            Twin("torch.distributions.Poisson", _poisson_distribution, reductions=("none",)),
            Twin("scipy.stats.poisson", _poisson_scipy, reductions=("none",)),
            Twin("statsmodels.genmod.families.Poisson", _statsmodels("Poisson"), reductions=("none",)),
            Twin("scoringrules.logs_poisson", _poisson_scoringrules, reductions=("none",)),
        ],
        claims=[
            says(check.canonical, "proved"),
            says(check.convex, "proved"),
            says(check.gradient_range, "proved", low=-y, high=oo),
            says(check.fits, "verified", functionals="log of the mean"),
            says(check.moments, "verified", variance=exp(z)),
            says(check.normalised, "verified"),
            says(check.favours_the_truth, "searched"),
            says(
                check.identity,
                "proved",
                expression=deviance / 2 + formula.subs(z, log(y)),
                name="half the Tweedie deviance at power 1, plus its own least value",
            ),
        ],
        chapter="13_counts",
    )


@loss(log_mean=0, target=0)
def negative_binomial_nll(log_mean, target, *, dispersion):
    """Negative binomial negative log-likelihood: counts with mean μ = e^z and variance μ + μ² / r.

    -log(Γ(y + r) / (Γ(r) Γ(y + 1))) + r log(1 + μ/r) + y log(1 + r/μ), with `dispersion` r > 0. Large r is nearly Poisson, small
    r is for counts that scatter more. The gradient r (μ - y) / (r + μ) stays below r. `target` ≥ 0; not only whole numbers.
    Convention: SciPy's n = r and p = r / (r + μ); torch's `probs` is 1 - p. Source: Lawless (1987).

    >>> import numpy as np
    >>> round(float(negative_binomial_nll(np.log(2.0), np.array(3), dispersion=1.0)), 4)
    2.315
    """
    in_range(dispersion=dispersion, low=0)
    _not_negative(target)
    y, r = target, _like(dispersion, log_mean)
    least = _least_poisson_nll(y) + log1p(y / r) / 2 + _stirling_error(r) - _stirling_error(r + y)
    return _negative_binomial_gap(log_mean, y, r) + least


@gradient_of(negative_binomial_nll)
def negative_binomial_nll_gradient(log_mean, target, *, dispersion):
    y, r = target, _like(dispersion, log_mean)
    u, near = _log_ratio(log_mean, y)
    logit = log_mean - log(r)
    return where(near, y * expm1(u) * sigmoid(-logit), r * sigmoid(logit) - y * sigmoid(-logit))


@describes(negative_binomial_nll)
def _():
    from sympy import exp, log, loggamma

    from . import check
    from ._symbols import phi, y, z

    mu, ways = exp(z), loggamma(y + phi) - loggamma(phi) - loggamma(y + 1)
    return Card(
        negative_binomial_nll,
        symbols={"log_mean": z, "target": y, "dispersion": phi},
        domain={"log_mean": "R", "target": "{0, 1, 2, ...}", "dispersion": "(0, inf)"},
        formula=(phi + y) * log(1 + mu / phi) - y * (z - log(phi)) - ways,
        gradient=negative_binomial_nll_gradient,
        gradient_formula=phi * (mu - y) / (phi + mu),
        link="log",
        convention="variance μ + μ² / dispersion; other y ≥ 0 are accepted (quasi-likelihood)",
        reference="lawless1987",
        twins=[
            Twin("torch.distributions.NegativeBinomial", _negative_binomial_torch, reductions=("none",), note=_FLIPPED),
            Twin("scipy.stats.nbinom", _negative_binomial_scipy, reductions=("none",), note="n = r, p = r / (r + μ)"),
            Twin(
                "statsmodels.genmod.families.NegativeBinomial",
                _statsmodels("NegativeBinomial"),
                reductions=("none",),
                note="alpha = 1 / r",
            ),
            Twin(
                "scoringrules.logs_negbinom",
                _negative_binomial_scoringrules,
                reductions=("none",),
                at={"dispersion": 3.0},
                note="for r < 1 it returns ∞",
            ),
        ],
        claims=[
            says(check.convex, "proved"),
            says(check.gradient_range, "proved", low=-y, high=phi),
            denies(check.canonical, "proved", witness={"point": (1.0, 2.0), "params": {"dispersion": 1.0}}),
            says(
                check.gradient_identity,
                "proved",
                expression=phi / (phi + mu) * (mu - y),
                name="the gradient of Poisson, times dispersion / (dispersion + mean)",
            ),
            says(check.fits, "verified", functionals="log of the mean"),
            says(check.moments, "verified", variance=mu + mu**2 / phi),
            says(check.normalised, "verified"),
            says(check.favours_the_truth, "searched"),
            says(
                check.limit,
                "verified",
                parameter="dispersion",
                to="oo",
                expression=card("poisson_nll").formula,
                name="the Poisson negative log-likelihood",
            ),
            says(
                check.gradient_limit, "proved", parameter="dispersion", to="oo", expression=mu - y, name="the gradient of Poisson"
            ),
        ],
        chapter="13_counts",
    )


@loss(log_mean=0, target=0)
def gamma_nll(log_mean, target, *, shape):
    """Gamma negative log-likelihood k z + k y e^-z - (k - 1) log y - k log k + log Γ(k) of amounts with standard deviation μ/√k.

    Mean μ = e^z in the unit of the target, which must be > 0; `shape` k > 0, and k = 1 is the exponential distribution. The
    error counts relative to the mean, and an overestimate never pulls harder than k. The value changes with the unit of y, as
    every density does. Source: Nelder and Wedderburn (1972).

    >>> import numpy as np
    >>> round(float(gamma_nll(np.log(2.0), np.array(3.0), shape=1.0)), 4)
    2.1931
    """
    in_range(shape=shape, low=0)
    require(target, ~(target <= 0), "target must be > 0")
    k = _like(shape, log_mean)
    return _above_tangent(log(target) - log_mean, k) + log(target) + log(2 * math.pi / k) / 2 + _stirling_error(k)


@gradient_of(gamma_nll)
def gamma_nll_gradient(log_mean, target, *, shape):
    v = log(target) - log_mean
    large = v > 1
    return where(large, shape - _times_exp(shape, v), -shape * expm1(where(large, 0.0, v)))


@describes(gamma_nll)
def _():
    from sympy import exp, log, loggamma, oo

    from . import check
    from ._symbols import a, xi, y, z

    formula = a * z + a * y * exp(-z) - (a - 1) * log(y) - a * log(a) + loggamma(a)
    deviance = card("tweedie_deviance").formula.subs(xi, 2)
    return Card(
        gamma_nll,
        symbols={"log_mean": z, "target": y, "shape": a},
        domain={"log_mean": "R", "target": "(0, inf)", "shape": "(0, inf)"},
        formula=formula,
        gradient=gamma_nll_gradient,
        gradient_formula=a - a * y * exp(-z),
        link="log",
        convention="the shape is what statistics calls 1 / dispersion; constants are kept",
        reference="nelder1972",
        twins=[
            Twin("torch.distributions.Gamma", _gamma_torch, reductions=("none",), note="concentration k, rate k / μ"),
            Twin("scipy.stats.gamma", _gamma_scipy, reductions=("none",), note="a = k, scale = μ / k"),
            Twin("statsmodels.genmod.families.Gamma", _statsmodels("Gamma"), reductions=("none",), note="scale = 1 / k"),
            Twin("scoringrules.logs_gamma", _gamma_scoringrules, reductions=("none",)),
        ],
        claims=[
            says(check.convex, "proved"),
            says(check.gradient_range, "proved", low=-oo, high=a),
            denies(check.canonical, "proved", witness={"point": (1.0, 2.0), "params": {"shape": 1.0}}),
            says(check.fits, "verified", functionals="log of the mean"),
            says(check.moments, "verified", variance=exp(2 * z) / a),
            says(check.normalised, "verified"),
            says(check.favours_the_truth, "searched"),
            says(
                check.identity,
                "proved",
                expression=a * deviance / 2 + formula.subs(z, log(y)),
                name="shape times half the Tweedie deviance at power 2, plus its own least value",
            ),
        ],
        terms=1.0,
        chapter="13_counts",
    )


@loss(log_mean=0, target=0)
def tweedie_deviance(log_mean, target, *, power=1.5):
    """Tweedie deviance 2 (y^(2-p) / ((1-p)(2-p)) - y μ^(1-p) / (1-p) + μ^(2-p) / (2-p)) with μ = e^z, zero only at μ = y.

    For amounts whose variance is proportional to μ^p. `power` p is a Python number: 0 gives (μ - y)², 1 the Poisson, 2 the gamma
    deviance; between 1 and 2 the target may be exactly 0 or any amount above. For 0 < p < 1 no such distribution exists:
    ValueError. `target` > 0 for p ≥ 2, ≥ 0 for 1 ≤ p < 2, any real number for p ≤ 0. Unit u^(2-p). Convex in z for 1 ≤ p ≤ 2.
    Convention: the full deviance, as in ``sklearn.metrics.mean_tweedie_deviance``. Source: Jørgensen (1987).

    >>> import numpy as np
    >>> [round(float(tweedie_deviance(np.log(2.0), np.array(3.0), power=p)), 4) for p in (0, 1, 1.5, 2)]
    [1.0, 0.4328, 0.2857, 0.1891]
    """
    _check_tweedie(target, power)
    return 2 * _half_deviance(log_mean, target, power)


@gradient_of(tweedie_deviance)
def tweedie_deviance_gradient(log_mean, target, *, power=1.5):
    return 2 * _half_slope(log_mean, target, power)


@describes(tweedie_deviance)
def _():
    from sympy import Eq, Piecewise, exp, log

    from . import check
    from ._symbols import xi, y, z

    mu = exp(z)
    general = y ** (2 - xi) / ((1 - xi) * (2 - xi)) - y * exp((1 - xi) * z) / (1 - xi) + exp((2 - xi) * z) / (2 - xi)
    poisson, gamma = 2 * (y * (log(y) - z) - y + mu), 2 * (z - log(y) + y / mu - 1)
    limits = {"1": (poisson, "the Poisson deviance"), "2": (gamma, "the gamma deviance")}
    return Card(
        tweedie_deviance,
        symbols={"log_mean": z, "target": y, "power": xi},
        domain={"log_mean": "R", "target": TWEEDIE_TARGETS, "power": "(-inf, 0] or [1, inf)"},
        formula=Piecewise((poisson, Eq(xi, 1)), (gamma, Eq(xi, 2)), (2 * general, True)),
        gradient=tweedie_deviance_gradient,
        gradient_formula=2 * (exp((2 - xi) * z) - y * exp((1 - xi) * z)),
        link="log",
        convention="the full deviance, not half of it; where power < 0 and y < 0, y^(2-p) is 0",
        reference="jorgensen1987",
        twins=[
            Twin("sklearn.metrics.mean_tweedie_deviance", _sklearn("mean_tweedie_deviance"), reductions=("mean",)),
            Twin(
                "sklearn.metrics.mean_poisson_deviance", _sklearn("mean_poisson_deviance"), reductions=("mean",), at={"power": 1}
            ),
            Twin("sklearn.metrics.mean_gamma_deviance", _sklearn("mean_gamma_deviance"), reductions=("mean",), at={"power": 2}),
            Twin("statsmodels.genmod.families.Tweedie", _tweedie_statsmodels, reductions=("none",)),
            Twin("torchmetrics.functional.tweedie_deviance_score", _tweedie_torchmetrics, reductions=("mean",), tensors=True),
        ],
        claims=[
            says(check.zero_only_at_the_target, "proved"),
            says(check.gradient_identity, "proved", expression=2 * (mu - y) * mu ** (1 - xi), name="2 (μ - y) μ^(1 - power)"),
            says(check.rescaled, "proved", degree=2 - xi),
            says(
                check.identity, "proved", expression=(mu - y) ** 2, name="the squared error of the mean at power 0", where={xi: 0}
            ),
            *(
                says(check.limit, "verified", parameter="power", to=to, expression=expression, name=name)
                for to, (expression, name) in limits.items()
            ),
            says(check.fits, "verified", functionals="log of the mean"),
            says(check.convex_between, "proved", parameter="power", low=1, high=2),
            denies(
                check.convex,
                "proved",
                witness={"between": (1.0, 5.0), "target": 1.0, "params": {"power": 3.0}},
                name="the prediction at power 3",
            ),
            denies(
                check.convex,
                "proved",
                witness={"between": (-5.0, -1.0), "target": 1.0, "params": {"power": 0.0}},
                name="the prediction at power 0",
            ),
        ],
        chapter="13_counts",
    )


TWEEDIE_TARGETS = "(0, inf), for power < 2 also 0"


def _not_negative(target):
    require(target, ~(target < 0), "target must be >= 0")


def _check_tweedie(target, power):
    in_range(power=power)
    if values_readable(power) and 0 < power < 1:
        raise ValueError(f"power must be <= 0 or >= 1, got {power}: there is no Tweedie distribution between")
    if power >= 2:
        require(target, ~(target <= 0), "target must be > 0 for power >= 2")
    elif power >= 1:
        require(target, ~(target < 0), "target must be >= 0 for power >= 1")


# --- the deviance: how much worse a mean is than the best one -----------------------------------------------------------


def _half_deviance(z, y, power):
    """Half the Tweedie deviance, the integral of e^((1 - p) s) (e^s - y) over s from log y to z."""
    a, b = 1 - power, 2 - power
    positive = ~(y <= 0)
    value = _half_deviance_above_0(where(positive, z, 0.0), where(positive, y, 1.0), a, b)
    if power >= 2:
        return value
    z = where(positive, 0.0, z)  # for y ≤ 0 the integral begins at -∞
    below = exp(b * z) / b
    if power <= 0:
        below = below - y * exp(a * where(y == 0, 0.0, z)) / a + (y**2 / 2 if power == 0 else 0.0)
    return where(positive, value, below)


def _half_deviance_above_0(z, y, a, b):
    """For y > 0. Close to z = log y, what the two exponentials rise above their tangents; elsewhere, by how much they rise."""
    start = log(y)
    foot, (u, near) = y**b, _log_ratio(z, y)
    close = where(near, u, 0.0)
    bent = foot * (_divided(_above_tangent(b * close), b) - _divided(_above_tangent(a * close), a))
    far = where(near, start + 1, z)
    xp = namespace(z)
    # Where one of the two has grown by a factor e^50 over the other, the other no longer counts and must not overflow with it.
    last, first = xp.maximum(far, start - 50), xp.minimum(far, start + 50)
    apart = _rise(b, last - start, foot, b * last) - _rise(a, first - start, foot, a * first + start)
    return where(near, bent, apart)


def _rise(c, u, foot, top):
    """foot (e^(cu) - 1) / c, which is foot · u for c = 0; `top` is the logarithm of foot · e^(cu)."""
    if c == 0:
        return foot * u
    small = magnitude(c * u) < 1
    return where(small, foot * expm1(c * where(small, u, 0.0)), exp(where(small, 0.0, top)) - foot) / c


def _half_slope(z, y, power):
    """e^((1 - p) z) (e^z - y), the larger of the two exponentials taken out."""
    a, b = 1 - power, 2 - power
    positive = ~(y <= 0)
    start = log(where(positive, y, 1.0))
    gap = expm1(-magnitude(z - start))
    falling = exp(a * z + start) if a != 0 else y  # y e^(az), which may be finite where e^(az) overflows
    above = where(z > start, -_power(b, z) * gap, falling * gap)
    return where(positive, above, _power(b, z) - mul0(y, _power(a, z)))


def _power(c, z):
    """e^(cz), also for z = ±∞ where c = 0."""
    return exp(c * z) if c != 0 else namespace(z).ones_like(z)


def _negative_binomial_gap(z, y, r):
    """By how much the negative binomial value exceeds the one at μ = y: (r + y) (log(1 - q + q e^u) - q u), q = y / (r + y)."""
    u, near = _log_ratio(z, y)
    close = where(near, u, 0.0)
    close = where(y > r, -close, close)  # the same with 1 - q and -u: so that q ≤ ½
    q = where(y > r, r, y) / (r + y)
    bent = (r + y) * (q * _above_tangent(close) - _above_tangent(log1p(q * expm1(close))))
    logit, positive = z - log(r), where(y > 0, y, 1.0)
    apart = r * (softplus(logit) - log1p(y / r)) + mul0(y, softplus(-logit) - log1p(r / positive))
    return where(near, bent, apart)


def _log_ratio(z, y):
    """u = log(μ / y), and where it is near 0; never for y = 0."""
    u = z - log(where(y > 0, y, 1.0))
    return u, (magnitude(u) < 1) & (y > 0)


def _above_tangent(x, factor=1.0):
    """e^x - 1 - x ≥ 0 times a factor: how far e^x is above its tangent at 0, by its series where the difference would cancel."""
    small = magnitude(x) < 1
    near, far = where(small, x, 0.0), where(small, 1.0, x)
    series = 1.0
    for n in range(19, 2, -1):  # x²/2 (1 + x/3 (1 + x/4 (1 + ...)))
        series = 1 + near / n * series
    line = 1 + clip(far, -math.inf, 1e4)  # beyond, e^x is infinite in every dtype
    return where(small, factor * near**2 / 2 * series, _times_exp(factor, far) - factor * line)


def _times_exp(factor, x):
    """factor · e^x, which may be finite where e^x alone overflows."""
    return factor * exp(x / 2) * exp(x / 2)


def _divided(x, c):
    """x / c, or 0 for c = 0, where x is of the order c²."""
    return x / c if c != 0 else 0.0


# --- factorials ---------------------------------------------------------------------------------------------------------


def _least_poisson_nll(y):
    """log Γ(y + 1) - y log y + y, the value of `poisson_nll` at μ = y: without the large terms that cancel in it."""
    positive = where(y > 0, y, 1.0)
    return where(y > 0, log(2 * math.pi * positive) / 2 + _stirling_error(positive), mul0(y, y))


def _stirling_error(x):
    """log Γ(x + 1) - (x log x - x + ½ log(2πx)), what Stirling's formula leaves out: 1/(12x) - 1/(360x³) + ... for large x."""
    large = x > 16
    far, near = where(large, x, 16.0), where(large, 1.0, x)
    series = 0.0
    for coefficient in (-1 / 1680, 1 / 1260, -1 / 360, 1 / 12):
        series = series / far**2 + coefficient
    exact = gammaln(near + 1) - near * log(near) + near - log(2 * math.pi * near) / 2
    return where(large, series / far, exact)


def _like(parameter, z):
    """A parameter as an array with one entry for each example."""
    return namespace(z).zeros_like(z) + parameter


# --- twins --------------------------------------------------------------------------------------------------------------

_FLIPPED = "logits = z - log r; its probs = μ / (r + μ) is 1 - p of SciPy"


def _poisson_torch(log_rate, target, *, reduction):
    import torch

    constant = {"none": torch.as_tensor, "sum": torch.sum, "mean": torch.mean}[reduction](torch.lgamma(target + 1))
    return torch.nn.functional.poisson_nll_loss(log_rate, target, reduction=reduction) + constant


def _poisson_distribution(log_rate, target, *, reduction):
    from torch.distributions import Poisson

    return -Poisson(log_rate.exp()).log_prob(target)


def _poisson_scipy(log_rate, target, *, reduction):
    import numpy as np
    from scipy.stats import poisson

    return -poisson.logpmf(target, np.exp(log_rate))


def _poisson_scoringrules(log_rate, target, *, reduction):
    import numpy as np
    from scoringrules import logs_poisson

    return logs_poisson(target, np.exp(log_rate))


def _negative_binomial_torch(log_mean, target, *, reduction, dispersion):
    import torch

    return -torch.distributions.NegativeBinomial(
        torch.as_tensor(dispersion, dtype=log_mean.dtype), logits=log_mean - math.log(dispersion)
    ).log_prob(target)


def _negative_binomial_scipy(log_mean, target, *, reduction, dispersion):
    import numpy as np
    from scipy.stats import nbinom

    return -nbinom.logpmf(target, n=dispersion, p=dispersion / (dispersion + np.exp(log_mean)))


def _negative_binomial_scoringrules(log_mean, target, *, reduction, dispersion):
    import numpy as np
    from scoringrules import logs_negbinom

    return logs_negbinom(target, dispersion, mu=np.exp(log_mean))


def _gamma_torch(log_mean, target, *, reduction, shape):
    import torch

    concentration = torch.as_tensor(shape, dtype=log_mean.dtype)
    return -torch.distributions.Gamma(concentration, shape * torch.exp(-log_mean)).log_prob(target)


def _gamma_scipy(log_mean, target, *, reduction, shape):
    import numpy as np
    from scipy.stats import gamma

    return -gamma.logpdf(target, shape, scale=np.exp(log_mean) / shape)


def _gamma_scoringrules(log_mean, target, *, reduction, shape):
    import numpy as np
    from scoringrules import logs_gamma

    return logs_gamma(target, shape, scale=np.exp(log_mean) / shape)


def _statsmodels(family):
    def call(prediction, target, *, reduction, dispersion=None, shape=None):
        import numpy as np
        from statsmodels.genmod import families

        law = families.NegativeBinomial(alpha=1 / dispersion) if dispersion else getattr(families, family)()
        return -law.loglike_obs(target, np.exp(prediction), **({"scale": 1 / shape} if shape else {}))

    return call


def _sklearn(name):
    def call(log_mean, target, *, reduction, power):
        import numpy as np
        import sklearn.metrics

        options = {"power": power} if name == "mean_tweedie_deviance" else {}
        return getattr(sklearn.metrics, name)(target, np.exp(log_mean), **options)

    return call


def _tweedie_statsmodels(log_mean, target, *, reduction, power):
    import numpy as np
    from statsmodels.genmod.families import Tweedie

    return Tweedie(var_power=power)._resid_dev(target, np.exp(log_mean))


def _tweedie_torchmetrics(log_mean, target, *, reduction, power):
    from torchmetrics.functional import tweedie_deviance_score

    return tweedie_deviance_score(log_mean.exp(), target, power=power)
