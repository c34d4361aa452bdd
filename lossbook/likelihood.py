"""Negative log densities of a real target: a loss is the noise it assumes, and its parameters can be predicted, too.

Constants are kept: exp(-loss) is a density in the unit 1/u, where u is the unit of the target, so losses of different laws can
be compared (nats; a change of units adds the log of the factor). Scales are predicted as logarithms, which may be any real
number. All arrays have one shape, which is that of ``reduction="none"``; a mixture has its K components on a last axis.
"""

import math

from ._card import Card, Twin, card, denies, describes, says
from ._loss import gradient_of, in_range, loss
from ._xp import (
    absolute,
    cos,
    exp,
    expm1,
    i0e,
    log,
    log1p,
    log1p_square,
    log_softmax,
    mul0,
    namespace,
    sign,
    sin,
    stop_gradient,
    sum_classes,
    top,
    where,
)

LOG_2PI = math.log(2 * math.pi)
GAUSSIAN = {"mean": "R", "log_variance": "log of a scale", "target": "R"}
LOCATION_SCALE = {"mean": "R", "log_scale": "log of a scale", "target": "R"}


# --- the Gaussian -------------------------------------------------------------------------------------------------------


@loss(predictions=2, mean=0, log_variance=0, target=0)
def gaussian_nll(mean, log_variance, target):
    """Gaussian negative log-likelihood ½ (log 2π + v + (μ - y)² e^-v), v = log σ²: mean and variance, both predicted.

    `mean` and `target` in the unit u, `log_variance` any real number. Not convex in both; without a floor: at an exact fit it
    falls with v for ever. Convention: the constant is kept and nothing is clamped; ``torch.nn.functional.gaussian_nll_loss``
    takes the variance, raises it to 1e-6 and drops the constant unless ``full=True``. Source: Nix and Weigend (1994).

    >>> import numpy as np
    >>> float(gaussian_nll(np.array([1.0]), np.array([0.0]), np.array([3.0])).round(6))
    2.918939
    """
    z = _scaled(mean - target, log_variance / 2)
    return _plus(z**2 / 2, log_variance / 2) + LOG_2PI / 2


@gradient_of(gaussian_nll)
def gaussian_nll_gradient(mean, log_variance, target):
    z = _scaled(mean - target, log_variance / 2)
    return _scaled(mean - target, log_variance), (1 - z) * (1 + z) / 2


def _gaussian(log_variance):
    """The formula of the Gaussian for any expression of the log-variance."""
    from sympy import exp, log, pi

    from ._symbols import mu, y

    return log(2 * pi) / 2 + log_variance / 2 + (mu - y) ** 2 * exp(-log_variance) / 2


@describes(gaussian_nll)
def _():
    from sympy import exp, log, pi

    from . import check
    from ._symbols import a, alpha, c, mu, v, y

    r = mu - y
    formula = _gaussian(v)
    natural = {mu: alpha / (2 * a), v: -log(2 * a)}  # α = μ/σ² and -a = -1/(2σ²)
    return Card(
        gaussian_nll,
        symbols={"mean": mu, "log_variance": v, "target": y},
        domain=GAUSSIAN,
        formula=formula,
        gradient=gaussian_nll_gradient,
        gradient_formula=(r * exp(-v), (1 - r**2 * exp(-v)) / 2),
        link="identity for the mean, log for the variance",
        convention="constant ½ log 2π kept; log-variance, not clamped",
        reference="nix1994",
        terms=1.0,
        twins=[
            Twin("torch.nn.functional.gaussian_nll_loss", _gaussian_torch, note="with var = e^v ≥ eps and full=True"),
            Twin("torch.distributions.Normal", _normal_torch, note="-log_prob", reductions=("none",)),
            Twin("scipy.stats.norm", _normal_scipy, note="-logpdf", reductions=("none",)),
            Twin("scoringrules.logs_normal", _normal_scoringrules, reductions=("none",)),
        ],
        claims=[
            says(check.fits, "verified", functionals="mean and log of the variance"),
            says(check.normalised, "verified"),
            says(check.favours_the_truth, "searched"),
            says(check.one_stationary_point, "proved"),
            denies(
                check.convex,
                "proved",
                name="mean and log-variance together",
                witness={
                    "between": ({"mean": 1.0, "log_variance": 0.0}, {"mean": 3.0, "log_variance": 2.0}),
                    "target": 0.0,
                },
            ),
            says(check.hessian_determinant, "proved", expression=-(r**2) * exp(-2 * v) / 2, of=", nowhere positive,"),
            says(
                check.hessian_determinant,
                "proved",
                expression=1 / (4 * a**3),
                where=natural,
                coordinates=(alpha, a),
                of=" in the natural parameters α = μ/σ² and -a = -1/(2σ²)",
            ),
            says(
                check.convex_in,
                "proved",
                where=natural,
                coordinates=(alpha, a),
                name="the natural parameters μ/σ² and -1/(2σ²)",
            ),
            denies(
                check.bounded_below,
                "verified",
                along="as the variance of an exact fit shrinks",
                witness={"mean": 1.0, "log_variance": "-t", "target": 1.0},
            ),
            says(
                check.identity,
                "proved",
                where={v: 0},
                expression=r**2 / 2 + log(2 * pi) / 2,
                name="half the squared error plus a constant, for variance 1",
            ),
            says(
                check.identity,
                "proved",
                where={mu: c * mu, y: c * y, v: v + 2 * log(c)},
                expression=formula + log(c),
                name="itself plus log c when the unit becomes c times smaller",
            ),
            says(
                check.identity,
                "proved",
                where={mu: mu + alpha, y: y + alpha},
                expression=formula,
                name="itself when mean and target move by the same amount",
            ),
            says(
                check.gradient_identity,
                "proved",
                where={v: log(r**2)},
                wrt=1,
                expression=0,
                name="0 in the log-variance where the variance is the squared residual",
            ),
        ],
        chapter="12_quantiles",
    )


@loss(predictions=2, mean=0, log_variance=0, target=0)
def beta_gaussian_nll(mean, log_variance, target, *, beta=0.5):
    """β-NLL: the Gaussian negative log-likelihood times the *constant* σ^2β: poorly fitted points keep their say in the mean.

    `beta` in [0, 1]: 0 is `gaussian_nll`; at 1 the mean gets the gradient of ½ (μ - y)². The weight takes no part in the
    gradient, so the value is not what is minimised: it is no proper score, and comparing values means nothing.
    Arguments as in `gaussian_nll`. Source: Seitzer, Tavakoli, Antic and Martius (2022).

    >>> import numpy as np
    >>> round(float(beta_gaussian_nll(np.array([1.0]), np.array([2.0]), np.array([3.0]), beta=1.0)), 4)
    16.1791
    """
    in_range(beta=beta, low=0, high=1, closed="[]")
    z = _scaled(mean - target, log_variance / 2)
    return stop_gradient(exp(beta * log_variance)) * (_plus(z**2 / 2, log_variance / 2) + LOG_2PI / 2)


@gradient_of(beta_gaussian_nll)
def beta_gaussian_nll_gradient(mean, log_variance, target, *, beta=0.5):
    in_mean, in_log_variance = gaussian_nll_gradient(mean, log_variance, target)
    weight = exp(beta * log_variance)
    return weight * in_mean, weight * in_log_variance


@describes(beta_gaussian_nll)
def _():
    from sympy import exp

    from . import check
    from ._symbols import beta, mu, omega, v, y

    r = mu - y
    slopes = (omega * r * exp(-v), omega * (1 - r**2 * exp(-v)) / 2)
    return Card(
        beta_gaussian_nll,
        symbols={"mean": mu, "log_variance": v, "target": y, "beta": beta},
        domain=GAUSSIAN | {"beta": "[0, 1]"},
        formula=omega * _gaussian(v),
        held={omega: exp(beta * v)},
        gradient=beta_gaussian_nll_gradient,
        gradient_formula=slopes,
        link="identity for the mean, log for the variance",
        convention="constant ½ log 2π kept inside the weighted term; the weight is held constant",
        reference="seitzer2022",
        terms=1.0,
        twins=[
            Twin(
                "torch.nn.functional.gaussian_nll_loss",
                _beta_gaussian_torch,
                note="with full=True, times `var.detach() ** beta`",
                reductions=("none",),
            )
        ],
        claims=[
            says(check.identity, "proved", where={beta: 0}, expression=_gaussian(v), name="gaussian_nll at β = 0"),
            says(
                check.gradient_identity,
                "proved",
                where={beta: 1},
                expression=r,
                name="that of half the squared error, for the mean at β = 1",
            ),
            says(
                check.gradient_identity,
                "proved",
                expression=r * exp((beta - 1) * v),
                name="the residual times σ^(2β - 2), for the mean",
            ),
            says(check.one_stationary_point, "proved"),
            says(check.unbiased, "verified", of="gaussian_nll"),
            denies(
                check.favours_the_truth,
                "searched",
                of="gaussian_nll",
                witness={
                    "truth": {"mean": 0.0, "log_variance": 0.0},
                    "other": {"mean": 0.0, "log_variance": -0.1},
                    "params": {"beta": 0.5},
                },
            ),
            denies(check.normalised, "verified", witness={"mean": 0.0, "log_variance": 1.0, "params": {"beta": 0.5}}),
        ],
        chapter="12_quantiles",
    )


# --- heavier tails ------------------------------------------------------------------------------------------------------


@loss(predictions=2, mean=0, log_scale=0, target=0)
def laplace_nll(mean, log_scale, target):
    """Laplace negative log-likelihood log 2 + ρ + |μ - y| e^-ρ, ρ = log b: the absolute error with a scale.

    `mean` and `target` in the unit u; the best constants are the median and the log of the mean absolute deviation from it. At
    μ = y the gradient in μ is 0. Source: Laplace (1774), as told by Stigler (1986).

    >>> import numpy as np
    >>> float(laplace_nll(np.array([1.0]), np.array([0.0]), np.array([3.0])).round(6))
    2.693147
    """
    return _plus(_scaled(absolute(mean - target), log_scale), log_scale) + math.log(2)


@gradient_of(laplace_nll)
def laplace_nll_gradient(mean, log_scale, target):
    r = mean - target
    return _scaled(sign(r), log_scale), 1 - _scaled(absolute(r), log_scale)


@describes(laplace_nll)
def _():
    from sympy import Abs, exp, log
    from sympy import sign as sgn

    from . import check
    from ._symbols import alpha, c, mu, rho, y

    r = mu - y
    formula = log(2) + rho + Abs(r) * exp(-rho)
    return Card(
        laplace_nll,
        symbols={"mean": mu, "log_scale": rho, "target": y},
        domain=LOCATION_SCALE,
        formula=formula,
        gradient=laplace_nll_gradient,
        gradient_formula=(sgn(r) * exp(-rho), 1 - Abs(r) * exp(-rho)),
        link="identity for the mean, log for the scale",
        convention="constant log 2 kept; gradient 0 in μ at μ = y",
        reference="stigler1986",
        chapter="03_which_noise",
        terms=1.0,
        twins=[
            Twin("torch.distributions.Laplace", _laplace_torch, note="-log_prob", reductions=("none",)),
            Twin("scipy.stats.laplace", _laplace_scipy, note="-logpdf", reductions=("none",)),
            Twin("scoringrules.logs_laplace", _laplace_scoringrules, reductions=("none",)),
        ],
        claims=[
            says(check.fits, "verified", functionals="median and log of the mean absolute deviation from the median"),
            says(check.normalised, "verified"),
            says(check.favours_the_truth, "searched"),
            says(check.unbiased, "verified"),
            says(check.lipschitz, "searched", bound=exp(-rho), of=" in the mean"),
            denies(
                check.convex,
                "proved",
                name="mean and log-scale together",
                witness={"between": ({"mean": 1.0, "log_scale": 0.0}, {"mean": 3.0, "log_scale": 1.0}), "target": 0.0},
            ),
            denies(
                check.bounded_below,
                "verified",
                along="as the scale of an exact fit shrinks",
                witness={"mean": 1.0, "log_scale": "-t", "target": 1.0},
            ),
            says(
                check.identity,
                "proved",
                where={rho: 0},
                expression=Abs(r) + log(2),
                name="the absolute error plus log 2, for scale 1",
            ),
            says(
                check.identity,
                "proved",
                where={mu: c * mu, y: c * y, rho: rho + log(c)},
                expression=formula + log(c),
                name="itself plus log c when the unit becomes c times smaller",
            ),
            says(
                check.identity,
                "proved",
                where={mu: mu + alpha, y: y + alpha},
                expression=formula,
                name="itself when mean and target move by the same amount",
            ),
        ],
    )


@loss(predictions=2, mean=0, log_scale=0, target=0)
def student_t_nll(mean, log_scale, target, *, df):
    """Student-t negative log-likelihood (ν + 1)/2 · log(1 + ((μ - y)/σ)²/ν) + log σ + c(ν), ρ = log σ: outliers lose their pull.

    `mean` and `target` in the unit u; `df` = ν > 0 is a number or an array that fits the examples: 1 is Cauchy's law, ∞ in the
    limit Gauss's. The pull of a residual is largest at √ν σ, then returns to 0. σ is the scale, not the standard deviation.
    Source: Lange, Little and Taylor (1989).

    >>> import numpy as np
    >>> float(student_t_nll(np.array([1.0]), np.array([0.0]), np.array([3.0]), df=1.0).round(6))
    2.754168
    """
    in_range(df=df, low=0)
    df = _as_array(df, mean)
    distance = (df + 1) / 2 * log1p_square(_scaled(mean - target, log_scale) / df**0.5)
    return _plus(distance, log_scale) + (LOG_2PI / 2 - _gamma_gap(df / 2))


@gradient_of(student_t_nll)
def student_t_nll_gradient(mean, log_scale, target, *, df):
    x = _scaled(mean - target, log_scale) / df**0.5
    return (df + 1) / df**0.5 * _scaled(1 / (x + 1 / x), log_scale), 1 - (df + 1) / (1 + x**-2)


@describes(student_t_nll)
def _():
    from sympy import exp, log, loggamma, pi, sqrt

    from . import check
    from ._symbols import alpha, c, mu, nu, rho, scale, y, y_hat

    square = (mu - y) ** 2
    constant = log(pi * nu) / 2 + loggamma(nu / 2) - loggamma((nu + 1) / 2)
    formula = (nu + 1) / 2 * log(1 + square / (nu * exp(2 * rho))) + rho + constant
    cauchy = card("cauchy").formula.subs(y_hat, mu)
    peak = (nu + 1) / (2 * sqrt(nu)) * exp(-rho)
    return Card(
        student_t_nll,
        symbols={"mean": mu, "log_scale": rho, "target": y, "df": nu},
        domain=LOCATION_SCALE | {"df": "(0, inf)"},
        formula=formula,
        gradient=student_t_nll_gradient,
        gradient_formula=(
            (nu + 1) * (mu - y) / (nu * exp(2 * rho) + square),
            1 - (nu + 1) * square / (nu * exp(2 * rho) + square),
        ),
        link="identity for the mean, log for the scale",
        convention="constant c(ν) kept; σ is the scale of the law, not its standard deviation",
        reference="lange1989",
        terms=1.0,
        twins=[
            Twin("torch.distributions.StudentT", _student_torch, note="-log_prob", reductions=("none",)),
            Twin("scipy.stats.t", _student_scipy, note="-logpdf", reductions=("none",)),
            Twin("scoringrules.logs_t", _student_scoringrules, reductions=("none",)),
        ],
        claims=[
            says(check.normalised, "verified"),
            says(check.favours_the_truth, "searched"),
            says(check.unbiased, "verified"),
            says(check.redescending, "verified"),
            says(check.lipschitz, "searched", bound=peak, of=" in the mean"),
            says(
                check.gradient_identity,
                "proved",
                where={mu: y + sqrt(nu) * exp(rho)},
                expression=peak,
                name="at its peak (ν + 1) / (2 √ν σ) for a residual of √ν σ, in the mean",
            ),
            says(
                check.limit,
                "verified",
                parameter="df",
                to="oo",
                expression=_gaussian(2 * rho),
                name="the Gaussian",
            ),
            says(
                check.identity,
                "proved",
                where={nu: 1},
                expression=2 * cauchy.subs(scale, exp(rho)) / exp(2 * rho) + log(pi) + rho,
                name="the loss `cauchy` of scale σ, times 2/σ², plus log(πσ), for ν = 1",
            ),
            denies(
                check.convex,
                "proved",
                name="the mean",
                witness={
                    "between": ({"mean": 2.0, "log_scale": 0.0}, {"mean": 10.0, "log_scale": 0.0}),
                    "target": 0.0,
                    "params": {"df": 1.0},
                },
            ),
            denies(
                check.bounded_below,
                "verified",
                along="as the scale of an exact fit shrinks",
                witness={"mean": 1.0, "log_scale": "-t", "target": 1.0, "params": {"df": 3.0}},
            ),
            says(
                check.identity,
                "proved",
                where={mu: c * mu, y: c * y, rho: rho + log(c)},
                expression=formula + log(c),
                name="itself plus log c when the unit becomes c times smaller",
            ),
            says(
                check.identity,
                "proved",
                where={mu: mu + alpha, y: y + alpha},
                expression=formula,
                name="itself when mean and target move by the same amount",
            ),
        ],
        chapter="03_which_noise",
    )


# --- several modes, and angles ------------------------------------------------------------------------------------------


@loss(predictions=3, logits=1, means=1, log_scales=1, target=0)
def mixture_density_nll(logits, means, log_scales, target):
    """Mixture density network: -log Σ_k π_k N(y; μ_k, σ_k²), π = softmax(logits), ρ_k = log σ_k: several answers at once.

    `logits`, `means`, `log_scales` (..., K), `target` (...). For K = 1 it is `gaussian_nll`. Which component is which carries
    no meaning, and a component that sits on one target and shrinks takes the loss to -∞. Source: Bishop (1994).

    >>> import numpy as np
    >>> logits, means, log_scales = np.zeros((1, 2)), np.array([[-1.0, 1.0]]), np.zeros((1, 2))
    >>> float(mixture_density_nll(logits, means, log_scales, np.array([0.0])).round(6))
    1.418939
    """
    one, log_share = _responsibilities(logits, means, log_scales, target)
    log_weight, mean, log_scale, log_share = (_at(one, x) for x in (log_softmax(logits), means, log_scales, log_share))
    z = _scaled(mean - target, log_scale)
    return _plus(z**2 / 2, log_scale) - log_weight + log_share + LOG_2PI / 2  # the share of k is π_k N_k / Σ: solved for Σ


@gradient_of(mixture_density_nll)
def mixture_density_nll_gradient(logits, means, log_scales, target):
    share = exp(_responsibilities(logits, means, log_scales, target)[1])
    z = _scaled(means - target[..., None], log_scales)
    return exp(log_softmax(logits)) - share, mul0(share, _scaled(z, log_scales)), mul0(share, (1 - z) * (1 + z))


@describes(mixture_density_nll)
def _():
    from sympy import exp, log, pi

    from . import check
    from ._symbols import Mu, Rho, Z, j, logsumexp, softmax, y

    joint = Z - Rho - (Mu - y) ** 2 * exp(-2 * Rho) / 2
    share = softmax(joint, j)
    r = Mu[j] - y
    return Card(
        mixture_density_nll,
        symbols={"logits": Z, "means": Mu, "log_scales": Rho, "target": y},
        domain={"logits": "R^K", "means": "R^K", "log_scales": "logs of K scales", "target": "R"},
        formula=log(2 * pi) / 2 + logsumexp(Z) - logsumexp(joint),
        gradient=mixture_density_nll_gradient,
        gradient_formula=(
            softmax(Z, j) - share,
            share * r * exp(-2 * Rho[j]),
            share * (1 - r**2 * exp(-2 * Rho[j])),
        ),
        link="softmax for the weights, identity for the means, log for the scales",
        convention="constant ½ log 2π kept",
        reference="bishop1994",
        terms=1.0,
        twins=[
            Twin(
                "torch.distributions.MixtureSameFamily",
                _mixture_torch,
                note="-log_prob, of Categorical and Normal",
                reductions=("none",),
            ),
            Twin("scoringrules.logs_mixnorm", _mixture_scoringrules, reductions=("none",)),
        ],
        claims=[
            says(check.normalised, "verified"),
            says(check.favours_the_truth, "searched"),
            says(check.unbiased, "verified"),
            says(check.permutation_invariant, "verified", what="components"),
            says(check.shift_invariant, "verified"),
            says(
                check.equals,
                "verified",
                other="gaussian_nll",
                arguments=_one_component,
                when=" for K = 1",
            ),
            says(check.m_step, "verified"),
            denies(
                check.bounded_below,
                "verified",
                along="as one component shrinks onto a target",
                witness={"logits": [0, 0], "means": [1, 0], "log_scales": ["-t", 0], "target": 1},
            ),
            denies(
                check.convex,
                "proved",
                name="the means",
                witness={
                    "between": (
                        {"logits": [0.0, 0.0], "means": [0.0, 3.0], "log_scales": [0.0, 0.0]},
                        {"logits": [0.0, 0.0], "means": [3.0, 0.0], "log_scales": [0.0, 0.0]},
                    ),
                    "target": 0.0,
                },
            ),
        ],
        chapter="12_quantiles",
    )


@loss(angle=0, target=0)
def von_mises_nll(angle, target, *, concentration):
    """Von Mises negative log-likelihood -κ cos(μ - y) + log(2π I₀(κ)): the Gaussian of the circle, for directions and hours.

    `angle` and `target` in radians, any real numbers (2π is 0); `concentration` = κ > 0 is a number or an array that fits the
    examples, large where the angles scatter little: their variance is about 1/κ. Source: Mardia and Jupp (2000).

    >>> import numpy as np
    >>> float(von_mises_nll(np.array([0.1]), np.array([0.1 + 2 * np.pi]), concentration=2.0).round(6))
    0.661871
    """
    in_range(concentration=concentration, low=0)
    kappa = _as_array(concentration, angle)
    d, rest = _difference(angle, target)
    half = sin(d / 2) * cos(rest / 2) + cos(d / 2) * sin(rest / 2)
    return 2 * kappa * half**2 + (log(i0e(kappa)) + LOG_2PI)  # κ - κ cos d = 2 κ sin²(d/2) does not cancel


@gradient_of(von_mises_nll)
def von_mises_nll_gradient(angle, target, *, concentration):
    d, rest = _difference(angle, target)
    return concentration * (sin(d) * cos(rest) + cos(d) * sin(rest))


@describes(von_mises_nll)
def _():
    from sympy import besseli, cos, log, pi, sin, sqrt

    from . import check
    from ._symbols import alpha, kappa, mu, y

    formula = -kappa * cos(mu - y) + log(2 * pi * besseli(0, kappa))
    return Card(
        von_mises_nll,
        symbols={"angle": mu, "target": y, "concentration": kappa},
        domain={"angle": "R", "target": "R", "concentration": "(0, inf)"},
        formula=formula,
        gradient=von_mises_nll_gradient,
        gradient_formula=kappa * sin(mu - y),
        convention="radians; constant log(2π I₀(κ)) kept",
        reference="mardia2000",
        terms=1.0,
        twins=[Twin("scipy.stats.vonmises", _von_mises_scipy, note="-logpdf", reductions=("none",))],
        claims=[
            says(check.normalised, "verified", support="circle"),
            says(check.favours_the_truth, "searched", support="circle"),
            says(check.unbiased, "verified", support="circle"),
            says(check.identity, "proved", where={mu: mu + 2 * pi}, expression=formula, name="itself one turn (2π) further"),
            says(
                check.identity,
                "proved",
                where={mu: mu + alpha, y: y + alpha},
                expression=formula,
                name="itself when both angles turn by the same amount",
            ),
            says(check.lipschitz, "searched", bound=kappa),
            denies(
                check.convex,
                "proved",
                name="the angle",
                witness={"between": (2.0, 4.0), "target": 0.0, "params": {"concentration": 1.0}},
            ),
            says(
                check.limit,
                "verified",
                parameter="concentration",
                to="oo",
                where={mu: mu / sqrt(kappa), y: y / sqrt(kappa)},
                expression=_gaussian(0) - log(kappa) / 2,
                name="the Gaussian, with angles in units of 1/√κ,",
            ),
        ],
    )


# --- shared pieces ------------------------------------------------------------------------------------------------------


def _scaled(residual, log_scale):
    """residual / e^log_scale: of a residual of 0 it is 0, also where the scale is too small for its dtype."""
    lowest = -math.log(namespace(residual).finfo(residual.dtype).max)
    return residual * exp(-where((residual == 0) & (log_scale < lowest), 0.0, log_scale))


def _plus(distance, log_scale):
    """distance + log_scale; an infinite distance wins over a scale of 0."""
    return distance + where(distance == math.inf, 0.0, log_scale)


def _as_array(value, like):
    """A parameter, be it a number or an array, as an array of the library and dtype of `like`."""
    return namespace(like).zeros((), dtype=like.dtype, device=like.device) + value


def _gamma_gap(x):
    """log Γ(x + ½) - log Γ(x) - ½ log x, to an absolute error of 1e-13 for every x > 0; it tends to 0 as x grows.

    The recurrence of Γ leads up to x + 10, where five terms of the series are enough; differences of log Γ would cancel.
    """
    up, series = x + 10, 0.0
    for coefficient in (-31 / 18432, 17 / 14336, -1 / 640, 1 / 192, -1 / 8):
        series = series / up**2 + coefficient
    return series / up + 0.5 * log1p(10 / x) - sum(log1p(0.5 / (x + i)) for i in range(10))


def _at(one, x):
    """The entry of each row that the indicator picks."""
    return sum_classes(where(one, x, 0.0))


def _responsibilities(logits, means, log_scales, target):
    """The likeliest component t, as an indicator, and the log of the share that each component has in the density at the target.

    Shares are differences of exponents: far from all means these are huge and nearly equal, so each is compared with that of t
    before anything is squared: (z_t² - z_k²)/2 = (z_t - z_k)(z_t + z_k)/2, where z_t - z_k needs no target.
    """
    target = target[..., None]
    joint = log_softmax(logits) - log_scales - _scaled(means - target, log_scales) ** 2 / 2
    one, gone = top(joint), joint == -math.inf
    means, log_scales = where(gone, target, means), where(gone, 0.0, log_scales)  # a component without a share: nothing to do
    z = _scaled(means - target, log_scales)
    logit_t, mean_t, scale_t, z_t = (_at(one, x)[..., None] for x in (logits, means, log_scales, z))
    wider = log_scales > scale_t
    shift = _scaled(mean_t - means, where(wider, log_scales, scale_t))
    stretch = expm1(where(wider, scale_t - log_scales, log_scales - scale_t)) * where(wider, -z_t, z)
    exponent = logits - logit_t - (log_scales - scale_t) + (shift + stretch) * (z_t + z) / 2
    return one, log_softmax(where(one, 0.0, where(gone, -math.inf, exponent)))


def _difference(a, b):
    """a - b as it is rounded, and what the rounding took away: angles may be many turns apart."""
    d = a - b
    shift = d - a
    return d, (a - (d - shift)) - (b + shift)


def _one_component(mean, log_variance, target):
    return mean[..., None] * 0, mean[..., None], log_variance[..., None] / 2, target


# --- twins --------------------------------------------------------------------------------------------------------------


def _gaussian_torch(mean, log_variance, target, *, reduction):
    import torch.nn.functional

    return torch.nn.functional.gaussian_nll_loss(mean, target, log_variance.exp(), full=True, reduction=reduction)


def _beta_gaussian_torch(mean, log_variance, target, *, reduction, beta):
    return _gaussian_torch(mean, log_variance, target, reduction="none") * log_variance.exp().detach() ** beta


def _normal_torch(mean, log_variance, target, *, reduction):
    import torch

    return -torch.distributions.Normal(mean, (log_variance / 2).exp()).log_prob(target)


def _normal_scipy(mean, log_variance, target, *, reduction):
    import scipy.stats

    return -scipy.stats.norm.logpdf(target, mean, exp(log_variance / 2))


def _normal_scoringrules(mean, log_variance, target, *, reduction):
    import scoringrules

    return scoringrules.logs_normal(target, mean, exp(log_variance / 2))


def _laplace_torch(mean, log_scale, target, *, reduction):
    import torch

    return -torch.distributions.Laplace(mean, log_scale.exp()).log_prob(target)


def _laplace_scipy(mean, log_scale, target, *, reduction):
    import scipy.stats

    return -scipy.stats.laplace.logpdf(target, mean, exp(log_scale))


def _laplace_scoringrules(mean, log_scale, target, *, reduction):
    import scoringrules

    return scoringrules.logs_laplace(target, mean, exp(log_scale))


def _student_torch(mean, log_scale, target, *, reduction, df):
    import torch

    return -torch.distributions.StudentT(df, mean, log_scale.exp()).log_prob(target)


def _student_scipy(mean, log_scale, target, *, reduction, df):
    import scipy.stats

    return -scipy.stats.t.logpdf(target, df, mean, exp(log_scale))


def _student_scoringrules(mean, log_scale, target, *, reduction, df):
    import scoringrules

    return scoringrules.logs_t(target, df, mean, exp(log_scale))


def _mixture_torch(logits, means, log_scales, target, *, reduction):
    from torch.distributions import Categorical, MixtureSameFamily, Normal

    return -MixtureSameFamily(Categorical(logits=logits), Normal(means, log_scales.exp())).log_prob(target)


def _mixture_scoringrules(logits, means, log_scales, target, *, reduction):
    import scoringrules

    return scoringrules.logs_mixnorm(target, means, exp(log_scales), exp(log_softmax(logits)))


def _von_mises_scipy(angle, target, *, reduction, concentration):
    import scipy.stats

    return -scipy.stats.vonmises.logpdf(target, concentration, angle)
