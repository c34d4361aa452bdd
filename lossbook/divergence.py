"""How far apart two distributions are: between class probabilities, and between samples.

Both arguments may be trained: both receive gradient. Probabilities `p` and `q` (..., K) lie in [0, 1] and sum to 1, else
ValueError; values are in nats. Samples `x` (..., n, D) and `y` (..., m, D) may have different sizes: ``reduction="none"`` has the
shape (...), a scalar for two plain samples. The transport distances of lossbook/transport.py belong to the same family.
"""

import math

from ._card import Card, Twin, denies, describes, says
from ._loss import DISTRIBUTION, Sample, gradient_of, in_range, loss, require
from ._xp import absolute, exp, log, log1p, magnitude, namespace, sign, sqrt, stop_gradient, sum_classes, where
from .scoring import _length, _towards
from .transport import _mean, _moved, _shuffled, _swapped, sinkhorn, sinkhorn_divergence, sliced_wasserstein, wasserstein_1d

__all__ = [
    "energy_distance",
    "f_divergence",
    "js_divergence",
    "kl_divergence",
    "mmd",
    "sinkhorn",
    "sinkhorn_divergence",
    "sliced_wasserstein",
    "wasserstein_1d",
]

PROBABILITIES = {"p": "interior of the simplex", "q": "interior of the simplex"}


@loss(predictions=2, p=DISTRIBUTION, q=DISTRIBUTION)
def kl_divergence(p, q):
    """Kullback–Leibler divergence KL(p‖q) = Σ_k p_k log(p_k / q_k) ≥ 0, in nats; 0 only for p = q.

    A class with p = 0 costs nothing; p > 0 where q = 0 costs +inf. The order of the arguments is that of the formula:
    ``torch.nn.functional.kl_div(q.log(), p)`` swaps them. The slopes log(p/q) + 1 and -p/q take the entries for free numbers;
    where p = 0 the logarithm counts as 0, so that the gradient in logits behind p is right. Source: Kullback and Leibler (1951).

    >>> import numpy as np
    >>> float(kl_divergence(np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]])).round(6))
    0.143841
    """
    return _kullback_leibler(p, q)


@gradient_of(kl_divergence)
def kl_divergence_gradient(p, q):
    return _log_ratio(p, q) + 1, -_ratio(p, q)


@describes(kl_divergence)
def _():
    from sympy import Sum, log

    from . import check
    from ._symbols import K, P, Q, Z, j, k, softmax

    def kl_from(first):
        return Sum(first * log(first / Q[k]), (k, 1, K))

    return Card(
        kl_divergence,
        symbols={"p": P, "q": Q},
        domain=PROBABILITIES,
        formula=Sum(P[k] * log(P[k] / Q[k]), (k, 1, K)),
        gradient=kl_divergence_gradient,
        gradient_formula=(log(P[j] / Q[j]) + 1, -P[j] / Q[j]),
        convention="KL(p‖q): the expectation is over the first argument; nats",
        reference="kullback1951",
        twins=[
            Twin(
                "torch.nn.functional.kl_div",
                _kl_torch,
                note='of (log q, p); our mean is its "batchmean", its "mean" divides by N K',
            ),
            Twin("torch.distributions.kl_divergence", _kl_distributions, note="of two Categorical", reductions=("none",)),
            Twin("scipy.special.rel_entr", _kl_rel_entr, note="summed over the classes", reductions=("none",)),
            Twin("scipy.stats.entropy", _kl_entropy, note="of (p, q), which it normalises", reductions=("none",)),
            Twin("optax.kl_divergence", _kl_optax, note="of (log q, p)", reductions=("none",)),
            Twin(
                "torchmetrics.functional.kl_divergence",
                _kl_torchmetrics,
                tensors=True,
            ),
        ],
        claims=[
            says(check.zero_only_where_equal, "searched"),
            denies(check.symmetric, "proved", witness={"pair": ([0.5, 0.5], [0.25, 0.75])}),
            denies(check.triangle_inequality, "proved", witness=([0.5, 0.5], [0.25, 0.75], [0.125, 0.875])),
            says(check.at_least_as_much_as, "searched", name="twice the square of the total variation (Pinsker)", other=_pinsker),
            says(check.convex_in_both, "searched"),
            says(check.loses_by_merging, "searched"),
            says(
                check.gradient_in_logits,
                "proved",
                of="q",
                name="q - p: that of softmax cross-entropy",
                expression=softmax(Z, j) - P[j],
            ),
            says(
                check.gradient_in_logits,
                "proved",
                of="p",
                name="p (log(p/q) - KL)",
                expression=softmax(Z, j) * (log(softmax(Z, j) / Q[j]) - kl_from(softmax(Z, k))),
            ),
            says(
                check.coincides,
                "verified",
                name="the softmax cross-entropy less the entropy of p",
                other=_cross_entropy_less_entropy,
                where=_two_distributions,
            ),
            denies(check.stays_below, "proved", bound="100", witness=([0.5, 0.5], [1.0, 1e-300])),
        ],
        chapter="22_latent_variables",
    )


@loss(predictions=2, p=DISTRIBUTION, q=DISTRIBUTION)
def js_divergence(p, q):
    """Jensen–Shannon divergence ½ KL(p‖m) + ½ KL(q‖m) with m = (p + q)/2, in nats: from 0 to log 2, symmetric.

    Always finite: log 2 for distributions without a common class. Its square root is a metric (SciPy's ``jensenshannon`` returns
    that root), itself it is none. Where p = 0 the slope ½ log(p/m) counts as 0. Source: Lin (1991).

    >>> import numpy as np
    >>> float(js_divergence(np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]])).round(6))
    0.215762
    """
    return sum_classes(_jensen_shannon(p, q))


@gradient_of(js_divergence)
def js_divergence_gradient(p, q):
    middle = (p + q) / 2
    return _log_ratio(p, middle) / 2, _log_ratio(q, middle) / 2


@describes(js_divergence)
def _():
    from sympy import Sum, log

    from . import check
    from ._symbols import K, P, Q, Z, j, k, softmax

    def from_middle(first, second):
        return log(2 * first / (first + second))

    def mean_log(first):
        return Sum(first * from_middle(first, Q[k]), (k, 1, K))

    return Card(
        js_divergence,
        symbols={"p": P, "q": Q},
        domain=PROBABILITIES,
        formula=Sum(P[k] * from_middle(P[k], Q[k]) + Q[k] * from_middle(Q[k], P[k]), (k, 1, K)) / 2,
        gradient=js_divergence_gradient,
        gradient_formula=(from_middle(P[j], Q[j]) / 2, from_middle(Q[j], P[j]) / 2),
        convention="the divergence in nats, not its square root",
        reference="lin1991",
        twins=[
            Twin("scipy.spatial.distance.jensenshannon", _js_scipy, note="the square of it", reductions=("none",)),
            Twin("torchmetrics.functional.regression.jensen_shannon_divergence", _js_torchmetrics, tensors=True),
        ],
        claims=[
            says(check.zero_only_where_equal, "searched"),
            says(check.stays_below, "searched", bound="log(2)"),
            says(check.unchanged, "verified", when="p and q trade places", change=_swapped),
            says(check.metric, "searched", root=2),
            denies(check.triangle_inequality, "proved", witness=([0.9375, 0.0625], [0.5, 0.5], [0.0625, 0.9375])),
            says(check.convex_in_both, "searched"),
            says(check.loses_by_merging, "searched"),
            says(
                check.gradient_in_logits,
                "verified",
                of="p",
                name="½ p (log(p/m) - Σ p log(p/m))",
                expression=softmax(Z, j) * (from_middle(softmax(Z, j), Q[j]) - mean_log(softmax(Z, k))) / 2,
            ),
            says(
                check.coincides,
                "verified",
                name="log 2 less half the loss of the best discriminator between p and q",
                other=_best_discriminator,
                where=_two_distributions,
            ),
        ],
        chapter="23_adversaries",
    )


@loss(predictions=2, p=DISTRIBUTION, q=DISTRIBUTION)
def f_divergence(p, q, *, f):
    """f-divergence Σ_k q_k f(p_k / q_k) ≥ 0 of a convex f with f(1) = 0, in nats where f has a logarithm.

    `f`: "kl" (t log t, KL(p‖q)), "reverse_kl" (-log t), "total_variation" (½|t - 1|, in [0, 1]), "squared_hellinger"
    (½(√t - 1)², in [0, 1]), "pearson" ((t - 1)², χ²), "neyman" ((t - 1)²/t) or "jensen_shannon"; or your own function of arrays
    of ratios t = p/q: then q = 0 < p raises ValueError, because nothing says how f grows. A class with p = q = 0 adds nothing;
    where p = 0 or q = 0, logarithms and roots in slopes count as in `kl_divergence`.
    Source: Csiszár (1967); Ali and Silvey (1966).

    >>> import numpy as np
    >>> p, q = np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]])
    >>> float(f_divergence(p, q, f="total_variation")), float(f_divergence(p, q, f=lambda t: abs(t - 1) / 2))
    (0.25, 0.25)
    """
    if callable(f):
        return sum_classes(_own_f(p, q, f))
    return _known(f)[0](p, q)


@gradient_of(f_divergence)
def f_divergence_gradient(p, q, *, f):
    """For the functions that have a name: slope(p, q), and for q that of the function whose divergence swaps p and q."""
    _, slope, swapped = _known(f)
    return slope(p, q), _known(swapped)[1](q, p)


@describes(f_divergence)
def _():
    from sympy import Symbol

    from . import check
    from ._symbols import P, Q

    return Card(
        f_divergence,
        symbols={"p": P, "q": Q, "f": Symbol("f")},
        domain={**PROBABILITIES, "f": "the name of an f"},
        oracle=_f_oracle,
        gradient=f_divergence_gradient,
        convention="Σ q f(p/q); total variation and squared Hellinger with the factor ½, in [0, 1]",
        reference="ali1966",
        twins=[
            Twin(
                "scipy.stats.power_divergence",
                _f_scipy,
                note="with λ = 0, -1, -1/2, 1, -2 after the factors 1/2, 1/2, 1/8, 1, 1; cityblock/2; jensenshannon squared",
                reductions=("none",),
            )
        ],
        claims=[
            says(check.zero_only_where_equal, "searched"),
            says(check.convex_in_both, "searched"),
            says(check.loses_by_merging, "searched"),
            *(
                says(check.coincides, "verified", name=name, other=other, where=_two_distributions, params={"f": f})
                for f, name, other in (
                    ("kl", "KL(p‖q)", _kl),
                    ("reverse_kl", "KL(q‖p)", lambda p, q: _kl(q, p)),
                    ("jensen_shannon", "the Jensen–Shannon divergence", _js),
                    ("squared_hellinger", "1 - Σ √(p q)", lambda p, q: 1 - (p * q) ** 0.5 @ _ones(p)),
                    ("total_variation", "the largest difference p(A) - q(A) over all sets A of classes", _largest_difference),
                )
            ),
            says(check.stays_below, "searched", bound="1", params={"f": "total_variation"}),
            says(check.stays_below, "searched", bound="1", params={"f": "squared_hellinger"}),
            says(check.metric, "searched", root=1, params={"f": "total_variation"}),
            says(check.metric, "searched", root=2, params={"f": "squared_hellinger"}),
            denies(check.metric, "proved", root=1, params={"f": "pearson"}, witness=([0.5, 0.5], [0.25, 0.75], [0.125, 0.875])),
            says(
                check.at_least_as_much_as,
                "searched",
                name="the squared Hellinger distance",
                other=_hellinger,
                params={"f": "total_variation"},
            ),
            says(check.at_least_as_much_as, "searched", name="exp(KL(p‖q)) - 1", other=_expm1_kl, params={"f": "pearson"}),
            says(check.amari_limits, "verified"),
        ],
        chapter="23_adversaries",
    )


@loss(predictions=2, x=Sample(2), y=Sample(2))
def mmd(x, y, *, bandwidth=None, unbiased=True):
    """Squared maximum mean discrepancy: mean k(x, x') + mean k(y, y') - 2 mean k(x, y), k(a, b) = exp(-‖a - b‖² / (2h²)).

    `x` (..., n, D), `y` (..., m, D): the value has the shape (...). `bandwidth` is h, in the unit of the data; None takes the
    median of the distances between all n + m points (their mean if that is 0), held constant by the gradient. ``unbiased=True``
    leaves the pairs of a point with itself out: right on average, but it can be negative; it needs n, m ≥ 2, else ValueError.
    Otherwise ≥ 0 and too large on average. Time and memory grow as (n + m)² D.
    Source: Gretton, Borgwardt, Rasch, Schölkopf and Smola (2012).

    >>> import numpy as np
    >>> float(mmd(np.array([[0.0], [2.0]]), np.array([[1.0], [3.0]]), bandwidth=1.0).round(6))
    -0.64468
    """
    h = _bandwidth(x, y, bandwidth)
    within = [_mean_kernel(sample, h, unbiased, name) for name, sample in (("x", x), ("y", y))]
    return within[0] + within[1] - 2 * _mean(_mean(_kernel(x, y, h)))


@gradient_of(mmd)
def mmd_gradient(x, y, *, bandwidth=None, unbiased=True):
    h = _bandwidth(x, y, bandwidth)
    return _mmd_slope(x, y, h, unbiased), _mmd_slope(y, x, h, unbiased)


@describes(mmd)
def _():
    from sympy import Symbol

    from . import check
    from ._symbols import X, Y, sigma

    biased, even = {"unbiased": False, "bandwidth": 1.0}, {"unbiased": True, "bandwidth": 1.0}
    return Card(
        mmd,
        symbols={"x": X, "y": Y, "bandwidth": sigma, "unbiased": Symbol("unbiased")},
        domain={"x": "n points of R^D", "y": "m points of R^D", "bandwidth": "(0, inf)", "unbiased": "{True, False}"},
        oracle=_mmd_oracle,
        gradient=mmd_gradient,
        convention="squared, unbiased by default; kernel exp(-‖a - b‖²/(2h²)); the median of the distances is held constant",
        reference="gretton2012",
        twins=[
            Twin(
                "sklearn.metrics.pairwise.rbf_kernel",
                _mmd_sklearn,
                note="with gamma = 1/(2h²), averaged",
                reductions=("none",),
            ),
            Twin(
                "geomloss.SamplesLoss",
                _mmd_geomloss,
                factor=2,
                note='"gaussian" with blur = h',
                at={"bandwidth": 0.5, "unbiased": False},
                reductions=("none",),
                tensors=True,
            ),
        ],
        claims=[
            says(check.mean_over_pairs_of_samples, "enumerated", kernel="gaussian", params=even),
            says(check.mean_over_pairs_of_samples, "enumerated", kernel="gaussian", times=1, plus=_SPREAD, params=biased),
            denies(check.mean_over_pairs_of_samples, "enumerated", kernel="gaussian", params=biased, witness=(2, 2)),
            says(check.zero_only_where_equal, "searched", params=biased),
            denies(check.zero_only_where_equal, "proved", params=even, witness=([[0.0], [2.0]], [[1.0], [3.0]])),
            says(check.metric, "searched", root=2, params=biased),
            says(check.stays_below, "searched", bound="2", params=biased),
            says(check.sample_gradients, "enumerated", params=even),
            says(check.unchanged, "verified", when="x and y trade places", change=_swapped),
            says(check.unchanged, "verified", when="the points of each sample change places", change=_shuffled),
            says(check.unchanged, "verified", when="all points move together", change=_moved),
            says(check.unchanged, "verified", when="space is rotated", change=_rotated),
        ],
        terms=1.0,
        chapter="23_adversaries",
    )


@loss(predictions=2, x=Sample(2), y=Sample(2))
def energy_distance(x, y):
    """Energy distance 2 mean ‖x - y‖ - mean ‖x - x'‖ - mean ‖y - y'‖ ≥ 0 of two samples, in the unit of the data.

    `x` (..., n, D), `y` (..., m, D): the value has the shape (...). The means run over all pairs, those of a point with itself
    included: the distance between the two empirical laws. For D = 1 it is 2 ∫ (F - G)², of which SciPy returns the square root.
    Where points coincide the slope of the distance is 0. Time and memory grow as (n + m)² D. Source: Székely and Rizzo (2013).

    >>> import numpy as np
    >>> float(energy_distance(np.array([[0.0], [2.0]]), np.array([[1.0]])))
    1.0
    """
    return 2 * _mean_distance(x, y) - _mean_distance(x, x) - _mean_distance(y, y)


@gradient_of(energy_distance)
def energy_distance_gradient(x, y):
    return _energy_slope(x, y), _energy_slope(y, x)


@describes(energy_distance)
def _():
    from . import check
    from ._symbols import X, Y

    return Card(
        energy_distance,
        symbols={"x": X, "y": Y},
        domain={"x": "n points of R^D", "y": "m points of R^D"},
        oracle=_energy_oracle,
        gradient=energy_distance_gradient,
        convention="not the square root, which scipy.stats.energy_distance returns; Euclidean distance; all pairs count",
        reference="szekely2013",
        claims=[
            says(check.zero_only_where_equal, "searched"),
            says(check.metric, "searched", root=2),
            denies(check.metric, "proved", root=1, witness=([[0.0]], [[0.0], [1.0]], [[1.0]])),
            says(check.coincides, "verified", name="2 ∫ (F - G)² on the line", other=_squared_gap_of_cdfs, where=_two_on_a_line),
            says(
                check.coincides,
                "verified",
                name="twice the energy score where y is one point",
                other=_twice_energy_score,
                where=_one_point,
            ),
            says(check.mean_over_pairs_of_samples, "enumerated", kernel="minus distance", times=1, plus=_SPREAD_OF_DISTANCE),
            says(check.sample_gradients, "enumerated"),
            *(says(check.best_for_samples, "enumerated", size=size, best="3/5") for size in (1, 3, 9)),
            says(check.unchanged, "verified", when="x and y trade places", change=_swapped),
            says(check.unchanged, "verified", when="the points of each sample change places", change=_shuffled),
            says(check.unchanged, "verified", when="all points move together", change=_moved),
            says(check.unchanged, "verified", when="space is rotated", change=_rotated),
            says(check.scales_with_units, "verified"),
        ],
        terms=1.0,
        chapter="23_adversaries",
    )


# --- probabilities ------------------------------------------------------------------------------------------------------


def _relative_entropy(p, q):
    """p log(p/q) - p + q ≥ 0, entry by entry: by its series where p is close to q, so that the terms do not cancel."""
    both = ~((p == 0) | (q == 0))
    a, b = where(both, p, 1.0), where(both, q, 1.0)
    close = magnitude(b - a) < a / 2
    u = log1p(where(close, b - a, 0.0) / where(close, a, 1.0))
    series = 1.0  # (e^u - 1 - u) / (u²/2)
    for n in range(18, 2, -1):
        series = 1 + u / n * series
    apart = a * _log_of(a, b) - a + b
    value = where(close, a * u**2 / 2 * series, apart)
    unbounded = where((q == 0) & (p != 0), q, 1.0)  # 0 where the value is +inf, so that the slopes are, too
    return where(both, value, where(p == 0, q, p / unbounded))


def _kullback_leibler(p, q):
    """Σ p log(p/q), with what the sums of p and q miss to 1 kept apart from the small terms."""
    return sum_classes(_relative_entropy(p, q)) + sum_classes(p - q)


def _log_of(a, b):
    """log(a/b) of positive numbers whose ratio may be too large for the dtype."""
    wide = (a > 1e20 * b) | (b > 1e20 * a)
    return where(wide, log(a) - log(b), log(where(wide, 1.0, a) / where(wide, 1.0, b)))


def _log_ratio(p, q):
    """log(p/q), and 0 where p = 0."""
    p, q = where(p == 0, 1.0, p), where(p == 0, 1.0, q)
    return _log_of(p, q)


def _ratio(p, q):
    """p/q, and 0 where p = 0."""
    return p / where(p == 0, 1.0, q)


def _jensen_shannon(p, q):
    nothing = (p == 0) & (q == 0)
    p, q = where(nothing, 1.0, p), where(nothing, 1.0, q)  # equal: value and slopes are 0
    middle = (p + q) / 2
    return (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2


def _half_squared_hellinger(p, q):
    """½ (√p - √q)² without the difference of two roots; where one of them is 0, half the other."""
    both = ~((p == 0) | (q == 0))
    a, b = where(both, p, 1.0), where(both, q, 1.0)
    return where(both, ((a - b) / (sqrt(a) + sqrt(b))) ** 2 / 2, (p + q) / 2)


def _chi_squared(p, q):
    """(p - q)² / q, and 0 for p = q = 0."""
    return (p - q) ** 2 / where((p == 0) & (q == 0), 1.0, q)


def _chi_slope(p, q):
    return where((p == 0) & (q == 0), 0.0 * p, 2 * (p - q) / where((p == 0) & (q == 0), 1.0, q))


def _neyman_slope(p, q):
    nothing = (p == 0) & (q == 0)
    return where(nothing, 0.0 * p, 1 - (q / where(nothing, 1.0, p)) ** 2)


# name -> the divergence, its slope in p, and the name of the f-divergence with p and q swapped
KNOWN = {
    "kl": (_kullback_leibler, lambda p, q: _log_ratio(p, q) + 1, "reverse_kl"),
    "reverse_kl": (lambda p, q: _kullback_leibler(q, p), lambda p, q: -_ratio(q, p), "kl"),
    "total_variation": (lambda p, q: sum_classes(absolute(p - q)) / 2, lambda p, q: sign(p - q) / 2, "total_variation"),
    "squared_hellinger": (
        lambda p, q: sum_classes(_half_squared_hellinger(p, q)),
        lambda p, q: (1 - sqrt(_ratio(q, where(p == 0, math.inf, p)))) / 2,
        "squared_hellinger",
    ),
    "pearson": (lambda p, q: sum_classes(_chi_squared(p, q)), _chi_slope, "neyman"),
    "neyman": (lambda p, q: sum_classes(_chi_squared(q, p)), _neyman_slope, "pearson"),
    "jensen_shannon": (
        lambda p, q: sum_classes(_jensen_shannon(p, q)),
        lambda p, q: _log_ratio(p, (p + q) / 2) / 2,
        "jensen_shannon",
    ),
}


def _known(f):
    if f not in KNOWN:
        raise ValueError(f"f must be one of {', '.join(KNOWN)} or a function of the ratios p/q, got {f!r}")
    return KNOWN[f]


def _own_f(p, q, f):
    """q f(p/q) for the caller's own f, which is held to f(1) = 0."""
    at_one = f(where(q == q, q, q) * 0 + 1)
    require(at_one, ~(magnitude(at_one) > 1e-6) | (q != q), "f(1) must be 0")
    require(q, ~((q == 0) & (p > 0)), "q must be > 0 where p is: nothing says how your f grows")
    return where(q == 0, 0.0 * p, q * f(p / where(q == 0, 1.0, q)))


# --- samples ------------------------------------------------------------------------------------------------------------


def _pairs(x, y):
    """x_i - y_j: (..., n, D) and (..., m, D) -> (..., n, m, D)."""
    return x[..., :, None, :] - y[..., None, :, :]


def _mean_distance(x, y):
    return _mean(_mean(_length(_pairs(x, y))))


def _energy_slope(x, y):
    """The slope in x, the first of the two samples."""
    xp = namespace(x)
    to_other, to_own = (xp.mean(_towards(_pairs(x, sample)), axis=-2) for sample in (y, x))
    return 2 * (to_other - to_own) / x.shape[-2]


def _bandwidth(x, y, bandwidth):
    """h, with axes to stand beside the pairs; None: the median of the distances in the pooled sample, held constant."""
    if bandwidth is not None:
        in_range(low=0.0, bandwidth=bandwidth)
        return bandwidth
    xp = namespace(x)
    pooled = stop_gradient(xp.concat([x, y], axis=-2))
    distances = _length(_pairs(pooled, pooled))
    points = distances.shape[-1]
    pairs = points * (points - 1) // 2
    ranked = xp.sort(xp.reshape(distances, (*distances.shape[:-2], points**2)), axis=-1)[..., points:]  # each pair twice
    median = (ranked[..., 2 * ((pairs - 1) // 2)] + ranked[..., 2 * (pairs // 2)]) / 2
    h = where(median > 0, median, _mean(ranked))
    return where(h > 0, h, 1.0)[..., None, None, None]


def _kernel(x, y, h):
    return exp(-sum_classes((_pairs(x, y) / h) ** 2) / 2)


def _mean_kernel(sample, h, unbiased, name):
    """The mean of k over the pairs of one sample, with or without those of a point with itself."""
    points = sample.shape[-2]
    if not unbiased:
        return _mean(_mean(_kernel(sample, sample, h)))
    if points < 2:
        raise ValueError(f"{name} must hold at least 2 points for unbiased=True, got 1")
    xp = namespace(sample)
    apart = 1 - xp.eye(points, dtype=sample.dtype, device=sample.device)
    return xp.sum(_kernel(sample, sample, h) * apart, axis=(-2, -1)) / (points * (points - 1))


def _mmd_slope(x, y, h, unbiased):
    """The slope in x, the first of the two samples."""

    def pull(sample):
        towards = -_pairs(x, sample) / h
        return namespace(x).sum(towards / h * _kernel(x, sample, h)[..., None], axis=-2)

    n, m = x.shape[-2], y.shape[-2]
    return 2 * pull(x) / (n * (n - unbiased)) - 2 * pull(y) / (n * m)


# --- oracles ------------------------------------------------------------------------------------------------------------


def _f_oracle(p, q, *, f):
    """Σ q f(p/q) with the convex function f of each name, f(1) = 0."""
    from mpmath import log, sqrt

    generator = {
        "kl": lambda t: t * log(t),
        "reverse_kl": lambda t: -log(t),
        "total_variation": lambda t: abs(t - 1) / 2,
        "squared_hellinger": lambda t: (sqrt(t) - 1) ** 2 / 2,
        "pearson": lambda t: (t - 1) ** 2,
        "neyman": lambda t: (t - 1) ** 2 / t,
        "jensen_shannon": lambda t: (t * log(2 * t / (1 + t)) + log(2 / (1 + t))) / 2,
    }[f]
    return sum(b * generator(a / b) for a, b in zip(p, q, strict=True))


def _mmd_oracle(x, y, *, bandwidth=None, unbiased=True):
    """The three means of k(a, b) = exp(-‖a - b‖² / (2h²)), as sums over all pairs; h not given: the median distance."""
    from mpmath import exp, sqrt

    def square(a, b):
        return sum((u - v) ** 2 for u, v in zip(a, b, strict=True))

    pooled = [*x, *y]
    if bandwidth is None:
        distances = sorted(sqrt(square(a, b)) for i, a in enumerate(pooled) for b in pooled[:i])
        bandwidth = (distances[(len(distances) - 1) // 2] + distances[len(distances) // 2]) / 2

    def mean(one, other, without_self):
        kernels = [
            exp(-square(a, b) / bandwidth / bandwidth / 2)
            for i, a in enumerate(one)
            for k, b in enumerate(other)
            if not without_self or i != k
        ]
        return sum(kernels) / len(kernels)

    return mean(x, x, unbiased) + mean(y, y, unbiased) - 2 * mean(x, y, False)


def _energy_oracle(x, y):
    """2 mean ‖x - y‖ - mean ‖x - x'‖ - mean ‖y - y'‖, as sums over all pairs."""
    from mpmath import sqrt

    def mean(one, other):
        total = sum(sqrt(sum((u - v) ** 2 for u, v in zip(a, b, strict=True))) for a in one for b in other)
        return total / (len(one) * len(other))

    return 2 * mean(x, y) - mean(x, x) - mean(y, y)


# --- what the losses are compared with ----------------------------------------------------------------------------------

_SPREAD = " plus E(1 - k(X, X'))/n + E(1 - k(Y, Y'))/m"
_SPREAD_OF_DISTANCE = " plus E‖X - X'‖/n + E‖Y - Y'‖/m"


def _two_distributions(rng):
    return rng.dirichlet([1.0] * 4, 200), rng.dirichlet([1.0] * 4, 200)


def _ones(p):
    import numpy as np

    return np.ones(p.shape[-1])


def _kl(p, q):
    return kl_divergence(p, q, reduction="none")


def _js(p, q):
    return js_divergence(p, q, reduction="none")


def _pinsker(p, q):
    return 2 * (abs(p - q).sum(-1) / 2) ** 2


def _hellinger(p, q):
    return f_divergence(p, q, f="squared_hellinger", reduction="none")


def _expm1_kl(p, q):
    import numpy as np

    return np.expm1(_kl(p, q))


def _cross_entropy_less_entropy(p, q):
    import numpy as np

    from .classification import softmax_cross_entropy

    return softmax_cross_entropy(np.log(q), p, reduction="none") + (p * np.log(p)).sum(-1)


def _largest_difference(p, q):
    import itertools

    import numpy as np

    sets = np.array(list(itertools.product([0.0, 1.0], repeat=p.shape[-1])))
    return ((p - q) @ sets.T).max(-1)


def _best_discriminator(p, q):
    """Half of the cross-entropy of the discriminator p/(p + q), which the minimax game of a GAN leaves as its value."""
    import numpy as np

    from .classification import sigmoid_cross_entropy

    logit = np.log(p) - np.log(q)
    real, fake = (sigmoid_cross_entropy(logit, np.full_like(p, side), reduction="none") for side in (1.0, 0.0))
    return np.log(2) - ((p * real).sum(-1) + (q * fake).sum(-1)) / 2


def _rotated(rng, x, y):
    import numpy as np

    rotation, _ = np.linalg.qr(rng.standard_normal((x.shape[-1],) * 2))
    return x @ rotation, y @ rotation


def _two_on_a_line(rng):
    return rng.standard_normal((100, 4, 1)), rng.standard_normal((100, 6, 1))


def _squared_gap_of_cdfs(x, y):
    import numpy as np

    found = []
    for a, b in zip(x[..., 0], y[..., 0]):
        ends = np.sort(np.concatenate([a, b]))
        gap = (a[:, None] <= ends[:-1]).mean(0) - (b[:, None] <= ends[:-1]).mean(0)
        found.append(2 * (gap**2) @ np.diff(ends))
    return np.array(found)


def _one_point(rng):
    return rng.standard_normal((100, 4, 3)), rng.standard_normal((100, 1, 3))


def _twice_energy_score(x, y):
    from .scoring import energy_score

    return 2 * energy_score(x, y[:, 0], reduction="none")


# --- twins --------------------------------------------------------------------------------------------------------------


def _kl_torch(p, q, *, reduction):
    import torch.nn.functional

    if reduction == "none":
        return torch.nn.functional.kl_div(q.log(), p, reduction="none").sum(-1)
    return torch.nn.functional.kl_div(q.log(), p, reduction={"mean": "batchmean", "sum": "sum"}[reduction])


def _kl_distributions(p, q, *, reduction):
    from torch.distributions import Categorical, kl_divergence

    return kl_divergence(Categorical(probs=p), Categorical(probs=q))


def _kl_rel_entr(p, q, *, reduction):
    from scipy.special import rel_entr

    return rel_entr(p, q).sum(-1)


def _kl_entropy(p, q, *, reduction):
    from scipy.stats import entropy

    return entropy(p, q, axis=-1)


def _kl_optax(p, q, *, reduction):
    import jax
    import numpy as np
    import optax

    with jax.enable_x64(True):
        return np.asarray(optax.kl_divergence(jax.numpy.log(jax.numpy.asarray(q)), jax.numpy.asarray(p)))


def _kl_torchmetrics(p, q, *, reduction):
    from torchmetrics.functional import kl_divergence

    return kl_divergence(p, q, reduction=reduction)


def _js_scipy(p, q, *, reduction):
    from scipy.spatial.distance import jensenshannon

    return jensenshannon(p, q, axis=-1) ** 2


def _js_torchmetrics(p, q, *, reduction):
    from torchmetrics.functional.regression import jensen_shannon_divergence

    return jensen_shannon_divergence(p, q, reduction=reduction)


def _f_scipy(p, q, *, reduction, f):
    import numpy as np
    from scipy.spatial.distance import cityblock
    from scipy.stats import power_divergence

    if f == "total_variation":
        return np.array([cityblock(a, b) / 2 for a, b in zip(p, q)])
    if f == "jensen_shannon":
        return _js_scipy(p, q, reduction=reduction)
    power, factor = {
        "kl": (0, 1 / 2),
        "reverse_kl": (-1, 1 / 2),
        "squared_hellinger": (-1 / 2, 1 / 8),
        "pearson": (1, 1),
        "neyman": (-2, 1),
    }[f]
    return factor * power_divergence(p, q, axis=-1, lambda_=power).statistic


def _mmd_sklearn(x, y, *, reduction, bandwidth, unbiased):
    import numpy as np
    from sklearn.metrics.pairwise import rbf_kernel

    def mean(a, b, without_self):
        kernel = rbf_kernel(a, b, gamma=1 / (2 * bandwidth**2))
        return kernel[~np.eye(len(a), dtype=bool)].mean() if without_self else kernel.mean()

    return np.array([mean(a, a, unbiased) + mean(b, b, unbiased) - 2 * mean(a, b, False) for a, b in zip(x, y)])


def _mmd_geomloss(x, y, *, reduction, bandwidth, unbiased):
    import torch
    from geomloss import SamplesLoss

    return torch.stack([SamplesLoss("gaussian", blur=bandwidth)(a, b) for a, b in zip(x, y)])
