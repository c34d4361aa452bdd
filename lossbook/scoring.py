"""Proper scoring rules: losses whose optimum is the true distribution. Lower is better.

Of classes: `logits` (..., K), softmax is applied inside, and `labels`: integer classes (...) or probabilities (..., K) that sum
to 1. Of real numbers: a normal law by `mean` and `scale`, or any law by `samples` (..., M), and `target` (...).
``reduction="none"`` has the shape (...).
"""

import math

import numpy as np

from ._card import Card, Twin, denies, describes, says
from ._loss import LABELS, gradient_of, loss, require
from ._xp import (
    absolute,
    erf,
    exp,
    is_torch,
    log_softmax,
    magnitude,
    mul0,
    namespace,
    normal_cdf,
    normal_pdf,
    positive_part,
    probability_error,
    sign,
    sqrt,
    sum_classes,
    where,
)

MULTICLASS = {"logits": "R^K", "labels": "simplex of K classes"}


@loss(logits=1, labels=LABELS)
def brier(logits, labels):
    """Brier score Σ_k (p_k - q_k)² with p = softmax(z), from 0 to 2. Strictly proper, bounded, not convex in the logits.

    Convention: the sum over all K classes; for K = 2 twice the (p - y)² that many libraries call by this name.
    Source: Brier (1950).

    >>> import numpy as np
    >>> float(brier(np.array([[0.0, 0.0]]), np.array([0])))
    0.5
    """
    return sum_classes(probability_error(log_softmax(logits), labels) ** 2)


@gradient_of(brier)
def brier_gradient(logits, labels):
    log_p = log_softmax(logits)
    p, error = exp(log_p), probability_error(log_p, labels)
    return 2 * p * (error - sum_classes(p * error)[..., None])


@describes(brier)
def _():
    from sympy import Sum

    from . import check
    from ._symbols import K, P, Q, Z, j, k, softmax

    def error(i):
        return softmax(Z, i) - Q[i]

    return Card(
        brier,
        symbols={"logits": Z, "labels": Q},
        domain=MULTICLASS,
        formula=Sum(error(k) ** 2, (k, 1, K)),
        gradient=brier_gradient,
        gradient_formula=2 * softmax(Z, j) * (error(j) - Sum(softmax(Z, k) * error(k), (k, 1, K))),
        link="softmax",
        convention="sum over all classes, in [0, 2]",
        reference="brier1950",
        twins=[
            Twin("torch.nn.functional.mse_loss", _brier_torch, note="of softmax(z) and q, summed", reductions=("sum",)),
            Twin(
                "sklearn.metrics.brier_score_loss",
                _brier_sklearn,
                note="with scale_by_half=False, the default for more than two classes",
                reductions=("mean",),
                indices=True,
            ),
            Twin(
                "scoringrules.brier_score",
                _brier_scoringrules,
                note="of each class against the rest, summed: for two classes 2 times it",
                reductions=("none",),
                indices=True,
            ),
            Twin(
                "properscoring.brier_score",
                _brier_properscoring,
                note="of each class against the rest, summed: for two classes 2 times it",
                reductions=("none",),
                indices=True,
            ),
        ],
        claims=[
            says(check.proper, "verified"),
            says(
                check.expected,
                "proved",
                name="‖p - q‖² + 1 - ‖q‖², least at p = q and only there",
                expression=Sum((P[k] - Q[k]) ** 2, (k, 1, K)) + 1 - Sum(Q[k] ** 2, (k, 1, K)),
            ),
            says(check.pulls_to_the_truth, "proved", weight=4),
            says(check.strictly_proper, "searched"),
            says(check.calibrated, "verified"),
            says(check.ranges, "searched", low=0, high=2),
            says(check.bounded, "searched", bound=2),
            says(check.shift_invariant, "verified"),
            says(check.convex_in_probabilities, "verified"),
            denies(check.convex, "proved", witness={"between": ([-8.0, 0.0], [0.0, 0.0]), "labels": [1.0, 0.0]}),
            says(check.forgets_confident_mistakes, "verified"),
            says(check.steepest, "searched", length=0.838),
            says(check.murphy_decomposition, "enumerated"),
            denies(check.feels_distance, "enumerated", witness={"label": 0, "near": 1, "far": 3}),
        ],
        chapter="08_trust_the_probabilities",
    )


@loss(logits=1, labels=LABELS)
def spherical_score(logits, labels):
    """Spherical score -Σ_k q_k p_k / ‖p‖ with p = softmax(z), from -1 to 0. Strictly proper, bounded.

    Convention: negative, so that lower is better. Source: Gneiting and Raftery (2007), after Roby (1965).

    >>> import numpy as np
    >>> float(spherical_score(np.array([[0.0, 0.0]]), np.array([0])).round(6))
    -0.707107
    """
    return -sum_classes(labels * _direction(logits))


@gradient_of(spherical_score)
def spherical_score_gradient(logits, labels):
    v = _direction(logits)
    return v * (v * sum_classes(labels * v)[..., None] - labels)


@describes(spherical_score)
def _():
    from sympy import Rational, Sum, sqrt

    from . import check
    from ._symbols import K, P, Q, Z, j, k, p, softmax

    def norm(x):
        return sqrt(Sum(x[k] ** 2, (k, 1, K)))

    length = sqrt(Sum(softmax(Z, k) ** 2, (k, 1, K)))
    agreement = Sum(Q[k] * softmax(Z, k), (k, 1, K)) / length
    direction = softmax(Z, j) / length
    return Card(
        spherical_score,
        symbols={"logits": Z, "labels": Q},
        domain=MULTICLASS,
        formula=-agreement,
        gradient=spherical_score_gradient,
        gradient_formula=direction * (direction * agreement - Q[j]),
        link="softmax",
        convention="negated: lower is better",
        reference="gneiting2007",
        claims=[
            says(check.proper, "verified"),
            says(
                check.expected,
                "proved",
                name="-‖q‖ + ½ ‖q‖ ‖p/‖p‖ - q/‖q‖‖², least at p = q and only there",
                expression=-norm(Q) + norm(Q) * Sum((P[j] / norm(P) - Q[j] / norm(Q)) ** 2, (j, 1, K)) / 2,
            ),
            says(check.pulls_to_the_truth, "proved", weight=(p**2 + (1 - p) ** 2) ** Rational(-3, 2)),
            says(check.strictly_proper, "searched"),
            says(check.calibrated, "verified"),
            says(check.ranges, "searched", low=-1, high=0),
            says(check.shift_invariant, "verified"),
            denies(check.convex, "proved", witness={"between": ([-8.0, 0.0], [0.0, 0.0]), "labels": [1.0, 0.0]}),
            denies(
                check.convex_in_probabilities,
                "proved",
                witness={"between": ([0.0, 1.0], [0.25, 0.75]), "labels": [1.0, 0.0]},
            ),
            says(check.forgets_confident_mistakes, "verified"),
            says(check.steepest, "searched", length=0.544),
            denies(check.feels_distance, "enumerated", witness={"label": 0, "near": 1, "far": 3}),
        ],
        chapter="04_cross_entropy",
    )


@loss(logits=1, labels=LABELS)
def ranked_probability_score(logits, labels):
    """Ranked probability score Σ_{k<K} (F_k - O_k)², F and O the cumulative p = softmax(z) and q; from 0 to K - 1.

    For ordered classes: a mistake costs more the further it is from the label. Strictly proper; for K = 2 half of `brier`.
    Convention: not divided by K - 1. Also known as the squared earth mover's distance. Source: Epstein (1969).

    >>> import numpy as np
    >>> ranked_probability_score(np.zeros((2, 3)), np.array([1, 2]), reduction="none").round(6).tolist()
    [0.222222, 0.555556]
    """
    return sum_classes(_cumulative_error(exp(log_softmax(logits)), labels) ** 2)


@gradient_of(ranked_probability_score)
def ranked_probability_score_gradient(logits, labels):
    p = exp(log_softmax(logits))
    error = _cumulative_error(p, labels)
    slope = namespace(p).concat([_from_the_top(error), 0.0 * p[..., :1]], axis=-1)  # half the slope in p
    return 2 * p * (slope - sum_classes(p * slope)[..., None])


@describes(ranked_probability_score)
def _():
    from sympy import KroneckerDelta, Sum

    from . import check
    from ._symbols import K, P, Q, Z, j, k, l, softmax

    def error(forecast):
        return Sum(forecast - Q[l], (l, 1, k))

    reaches = Sum(KroneckerDelta(j, l) - softmax(Z, l), (l, 1, k))  # [j ≤ k] - F_k
    return Card(
        ranked_probability_score,
        symbols={"logits": Z, "labels": Q},
        domain=MULTICLASS,
        formula=Sum(error(softmax(Z, l)) ** 2, (k, 1, K - 1)),
        gradient=ranked_probability_score_gradient,
        gradient_formula=2 * softmax(Z, j) * Sum(error(softmax(Z, l)) * reaches, (k, 1, K - 1)),
        link="softmax",
        convention="sum over the K - 1 thresholds, in [0, K - 1]",
        reference="epstein1969",
        twins=[
            Twin("scoringrules.rps_score", _rps_scoringrules, note="with labels from 1 to K", reductions=("none",), indices=True)
        ],
        claims=[
            says(check.proper, "verified"),
            says(
                check.expected,
                "verified",
                name="Σ (F_k - O_k)² + Σ O_k (1 - O_k), least at p = q and only there",
                expression=Sum(error(P[l]) ** 2 + Sum(Q[l], (l, 1, k)) * (1 - Sum(Q[l], (l, 1, k))), (k, 1, K - 1)),
            ),
            says(check.pulls_to_the_truth, "proved", weight=2),
            says(check.strictly_proper, "searched"),
            denies(
                check.strictly_proper,
                "proved",
                score=_earth_mover,
                name=" with |F - O| in place of its square (the earth mover's distance)",
                witness=([0.5, 0.2, 0.3], [0.0, 1.0, 0.0]),
            ),
            says(check.calibrated, "verified"),
            says(check.coincides, "verified", name="half the Brier score for two classes", other=_half_brier, where=_two_classes),
            says(check.feels_distance, "enumerated"),
            says(check.ranges, "searched", low=0, high=3, name=" for four classes"),
            says(check.shift_invariant, "verified"),
            says(check.convex_in_probabilities, "verified"),
            denies(check.convex, "proved", witness={"between": ([-8.0, 0.0], [0.0, 0.0]), "labels": [1.0, 0.0]}),
            says(check.forgets_confident_mistakes, "verified"),
            says(check.steepest, "searched", length=1.257),
        ],
        chapter="19_ranking",
    )


@loss(predictions=2, mean=0, scale=0, target=0)
def crps_gaussian(mean, scale, target):
    """CRPS of the normal law N(μ, σ²): σ (ω (2Φ(ω) - 1) + 2φ(ω) - 1/√π), ω = (y - μ)/σ; its limit |y - μ| at scale 0.

    `scale` is the standard deviation σ, in the unit of the target, as are `mean` and the value. A negative scale raises
    ValueError. An outlier costs |y - μ|, where the likelihood of the same law charges (y - μ)².
    Source: Gneiting, Raftery, Westveld and Goldman (2005).

    >>> import numpy as np
    >>> crps_gaussian(np.zeros(3), np.array([1.0, 1.0, 0.0]), np.array([0.0, 2.0, 2.0]), reduction="none").round(6).tolist()
    [0.233695, 1.452792, 2.0]
    """
    require(scale, ~(scale < 0), "scale must be >= 0")
    w = _distance_in_scales(target - mean, scale)
    residual = where(scale == 0, absolute(target - mean), magnitude(target - mean))  # only at scale 0 there is a kink
    return residual + scale * (2 * (normal_pdf(w) - w * normal_cdf(-w)) - 1 / math.sqrt(math.pi))


@gradient_of(crps_gaussian)
def crps_gaussian_gradient(mean, scale, target):
    w = _distance_in_scales(target - mean, scale)
    return sign(mean - target) * erf(w / math.sqrt(2)), 2 * normal_pdf(w) - 1 / math.sqrt(math.pi)


@describes(crps_gaussian)
def _():
    from sympy import Abs, erfc, pi, sqrt

    from . import check
    from ._symbols import mu, normal_cdf, normal_pdf, sigma, y

    omega = (y - mu) / sigma
    return Card(
        crps_gaussian,
        symbols={"mean": mu, "scale": sigma, "target": y},
        domain={"mean": "R", "scale": "(0, inf)", "target": "R"},
        formula=sigma * (omega * (2 * normal_cdf(omega) - 1) + 2 * normal_pdf(omega) - 1 / sqrt(pi)),
        gradient=crps_gaussian_gradient,
        gradient_formula=(1 - 2 * normal_cdf(omega), 2 * normal_pdf(omega) - 1 / sqrt(pi)),
        convention="in the unit of the target; scale 0 gives the limit |y - μ|",
        reference="gneiting2005",
        twins=[
            Twin("scoringrules.crps_normal", _crps_scoringrules, note="nan at scale 0", reductions=("none",)),
            Twin("properscoring.crps_gaussian", _crps_properscoring, note="nan at scale 0", reductions=("none",)),
        ],
        claims=[
            *(says(check.integral, "verified", form=form) for form in check.INTEGRALS),
            says(check.fits_the_normal_law, "verified"),
            denies(check.fits_the_normal_law, "verified", witness="exponential"),
            says(check.gradient_identity, "proved", expression=erfc(omega / sqrt(2)) - 1, name="1 - 2F(y) for the mean"),
            says(check.hessian, "proved", names="mean and scale"),
            says(check.lipschitz, "searched", bound=1, wrt=0, of=" with respect to the mean"),
            says(check.lipschitz, "searched", bound=1 / sqrt(pi), wrt=1, of=" with respect to the scale"),
            says(check.limit, "verified", parameter="scale", to="0", expression=Abs(y - mu), name="|y - μ|"),
            says(check.coincides, "verified", name="the absolute error at scale 0", other=_error_of_mean, where=_scale_zero),
            says(check.unchanged, "verified", when="mean and target move together", change=_moved_law),
            says(check.scales_with_units, "verified"),
        ],
        chapter="12_quantiles",
    )


@loss(samples=1, target=0)
def crps_ensemble(samples, target, *, fair=False):
    """CRPS of an ensemble, 1/M Σ |x_i - y| - 1/(2M²) Σ Σ |x_i - x_j|, in O(M log M); in the unit of the target.

    `samples` (..., M): the M members; `target` (...). With ``fair=True`` the double sum is divided by 2M(M - 1): then the mean
    over random samples is the score of the law they come from, whatever M ≥ 2 (fewer raise ValueError).
    Members that tie, or equal the target, add the slope 0 of |x| there.
    Source: Matheson and Winkler (1976); fair: Ferro (2014).

    >>> import numpy as np
    >>> crps_ensemble(np.array([[0.0, 4.0, 1.0]]), np.array([2.0]), reduction="none").round(6).tolist()
    [0.777778]
    """
    if fair and samples.shape[-1] < 2:
        raise ValueError("samples must hold at least 2 members for fair=True, got 1: one member says nothing about the spread")
    xp, members = namespace(samples), samples.shape[-1]
    rank = xp.arange(members, dtype=samples.dtype, device=samples.device)
    level = rank / (members - 1) if fair else (rank + 0.5) / members
    gaps = _sorted(samples - target[..., None])  # twice their mean pinball loss at these levels: no term is negative
    return 2 * _mean(mul0(xp.flip(level, axis=-1), _excess(gaps)) + mul0(level, _excess(-gaps)))


@gradient_of(crps_ensemble)
def crps_ensemble_gradient(samples, target, *, fair=False):
    members = samples.shape[-1]
    above = sum_classes(sign(samples[..., :, None] - samples[..., None, :]))
    return sign(samples - target[..., None]) / members - above / (members * (members - fair))


@describes(crps_ensemble)
def _():
    from sympy import Abs, Sum, sign, sqrt

    from . import check
    from ._symbols import X, fair, i, j, m, n, y

    apart = Sum(Abs(X[i] - X[m]), (m, 1, n), (i, 1, n))
    return Card(
        crps_ensemble,
        symbols={"samples": X, "target": y, "fair": fair},
        domain={"samples": "R^M", "target": "R", "fair": "{True, False}"},
        formula=Sum(Abs(X[i] - y), (i, 1, n)) / n - apart / (2 * n * (n - fair)),
        gradient=crps_ensemble_gradient,
        gradient_formula=sign(X[j] - y) / n - Sum(sign(X[j] - X[i]), (i, 1, n)) / (n * (n - fair)),
        convention="biased by default, 1/(2M²); fair=True divides by 2M(M - 1); gradient 0 where |x| has its kink",
        reference="matheson1976",
        twins=[
            Twin("scoringrules.crps_ensemble", _ensemble_scoringrules, note='estimator "qd", or "fair"', reductions=("none",)),
            Twin("properscoring.crps_ensemble", _ensemble_properscoring, reductions=("none",), at={"fair": False}),
        ],
        claims=[
            says(check.mean_over_samples, "enumerated", params={"fair": True}),
            says(check.mean_over_samples, "enumerated", times=1 / 2, plus=" plus E|X - X'| / (2M)", params={"fair": False}),
            denies(check.mean_over_samples, "enumerated", params={"fair": False}, witness=2),
            says(check.strictly_proper, "searched", params={"fair": False}),
            denies(check.strictly_proper, "searched", params={"fair": True}, witness=([-1.0, 1.0], [-2.0, 2.0])),
            says(
                check.coincides,
                "verified",
                name="the absolute error for one member",
                other=_absolute_error,
                where=_one_member,
                params={"fair": False},
            ),
            says(
                check.coincides,
                "verified",
                name="twice the mean pinball loss of the sorted members at the levels (i - ½)/M",
                other=_mean_pinball,
                where=_five_members,
                params={"fair": False},
            ),
            says(check.ranges, "searched", low=0, high="∞"),
            says(check.unchanged, "verified", when="the members change places", change=_permuted),
            says(check.unchanged, "verified", when="members and target move together", change=_moved),
            says(check.scales_with_units, "verified"),
            says(check.lipschitz, "searched", bound=sqrt(165) / 25, params={"fair": False}, of=" for five members"),
            denies(
                check.convex, "proved", witness={"between": ([0.0, 2.0], [2.0, 0.0]), "target": 8.0, "params": {"fair": False}}
            ),
        ],
        chapter="12_quantiles",
    )


@loss(samples=2, target=1)
def energy_score(samples, target):
    """Energy score 1/M Σ ‖x_i - y‖ - 1/(2M²) Σ Σ ‖x_i - x_j‖ of M vectors; in the unit of the target.

    `samples` (..., M, D), `target` (..., D): the value has the shape (...). For D = 1 it is `crps_ensemble`. Time and memory
    grow as M²D. Where points coincide the gradient of the distance is 0.
    Source: Gneiting and Raftery (2007).

    >>> import numpy as np
    >>> float(energy_score(np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([0.0, 0.0])))
    1.25
    """
    apart = _length(samples[..., :, None, :] - samples[..., None, :, :])
    return _mean(_length(samples - target[..., None, :])) - _mean(_mean(apart)) / 2


@gradient_of(energy_score)
def energy_score_gradient(samples, target):
    members = samples.shape[-2]
    apart = _towards(samples[..., :, None, :] - samples[..., None, :, :])
    return (_towards(samples - target[..., None, :]) - namespace(samples).mean(apart, axis=-2)) / members


@describes(energy_score)
def _():
    from . import check
    from ._symbols import X, Y

    return Card(
        energy_score,
        symbols={"samples": X, "target": Y},
        domain={"samples": "R^(M x D)", "target": "R^D"},
        oracle=_energy_oracle,
        gradient=energy_score_gradient,
        convention="biased, 1/(2M²); Euclidean distance, not squared; gradient 0 where points coincide",
        reference="gneiting2007",
        twins=[Twin("scoringrules.es_ensemble", _energy_scoringrules, note='estimator "nrg"', reductions=("none",))],
        claims=[
            says(check.strictly_proper, "searched"),
            denies(
                check.strictly_proper,
                "proved",
                score=_squared_energy,
                name=" with squared distances, which see only the mean",
                witness=([[-1.0], [1.0]], [[0.0], [0.0]]),
            ),
            says(check.coincides, "verified", name="the ensemble's CRPS for D = 1", other=_crps_of_column, where=_one_column),
            says(check.coincides, "verified", name="the distance ‖x - y‖ for one member", other=_distance, where=_one_vector),
            says(check.mean_over_samples, "enumerated", times=1 / 2, plus=" plus E‖X - X'‖ / (2M)"),
            says(check.ranges, "searched", low=0, high="∞"),
            says(check.unchanged, "verified", when="the members change places", change=_permuted),
            says(check.unchanged, "verified", when="members and target move together", change=_moved),
            says(check.unchanged, "verified", when="space is rotated", change=_rotated),
            says(check.scales_with_units, "verified"),
            denies(check.convex, "proved", witness={"between": ([[0.0], [2.0]], [[2.0], [0.0]]), "target": [8.0]}),
        ],
        chapter="12_quantiles",
    )


def _direction(logits):
    """softmax(z) / ‖softmax(z)‖."""
    p = exp(log_softmax(logits))
    return p / sum_classes(p**2)[..., None] ** 0.5


def _brier_torch(logits, labels, *, reduction):
    import torch.nn.functional

    return torch.nn.functional.mse_loss(logits.softmax(-1), labels, reduction=reduction)


def _cumulative_error(p, q):
    """F_k - O_k for k < K. Where O_k > ½ it is 1 - O_k less the classes beyond k: for a certain label nothing cancels."""
    error = where(_up_to(q) > 0.5, (1 - _up_to(q)) - _beyond(p), _up_to(p) - _up_to(q))
    return error + 0.0 * q[..., -1:]  # the one probability not yet used, which may be nan


def _up_to(p):
    return namespace(p).cumulative_sum(p, axis=-1)[..., :-1]


def _beyond(p):
    return _from_the_top(p)[..., 1:]


def _from_the_top(x):
    """Entry k is the sum of the entries from k on."""
    xp = namespace(x)
    return xp.flip(xp.cumulative_sum(xp.flip(x, axis=-1), axis=-1), axis=-1)


def _distance_in_scales(residual, scale):
    """|y - μ| / σ, cut at 40, where Φ is 1 in every dtype: so the scale may be 0."""
    residual = magnitude(residual)
    far = residual > 40 * scale
    return where(far, 40.0, where(far, 0.0, residual) / where(far | (scale == 0), 1.0, scale))


def _sorted(x):
    """In rising order. Entries that tie share their slopes: the mean of the two orders in which they can stand."""
    xp = namespace(x)
    if not is_torch(x):  # no slopes, and an unstable sort takes a tenth of the time
        return xp.sort(x, axis=-1, stable=False)
    return xp.sort(x, axis=-1) / 2 + xp.sort(xp.flip(x, axis=-1), axis=-1) / 2


def _excess(x):
    """(x)₊ with slope ½ at 0, so that (x)₊ + (-x)₊ has the slope 0 there."""
    return where(x == 0, x / 2, positive_part(x))


def _mean(x):
    return namespace(x).mean(x, axis=-1)


def _length(v):
    """‖v‖ with slope 0 at v = 0; the largest entry is divided out first so that no square overflows or vanishes."""
    size = namespace(v).max(absolute(v), axis=-1, keepdims=True)
    size = where((size > 0) & (size < math.inf), size, 1.0)
    square = sum_classes((v / size) ** 2)
    return where(square == 0, 0.0, size[..., 0] * sqrt(where(square == 0, 1.0, square)))


def _towards(v):
    """v / ‖v‖, and 0 for v = 0."""
    length = _length(v)
    return v / where(length == 0, 1.0, length)[..., None]


def _energy_oracle(samples, target):
    """1/M Σ ‖x_i - y‖ - 1/(2M²) Σ Σ ‖x_i - x_j‖, with both sums over all members."""
    from mpmath import hypot, mpf

    def distance(a, b):
        total = mpf(0)
        for u, v in zip(a, b, strict=True):
            total = hypot(total, u - v)
        return total

    members = len(samples)
    to_target = sum(distance(x, target) for x in samples) / members
    return to_target - sum(distance(x, other) for x in samples for other in samples) / (2 * members**2)


# --- what the losses are compared with: special cases, variants, moved inputs -------------------------------------------


def _half_brier(logits, labels):
    return brier(logits, labels, reduction="none") / 2


def _two_classes(rng):
    return 3 * rng.standard_normal((200, 2)), rng.dirichlet(np.ones(2), 200)


def _earth_mover(p, label):
    """Σ |F_k - O_k| of one forecast."""
    return sum(abs(sum(p[: k + 1]) - (label <= k)) for k in range(len(p) - 1))


def _error_of_mean(mean, scale, target):
    return abs(mean - target)


def _scale_zero(rng):
    return np.round(rng.standard_normal(200)), np.zeros(200), np.round(rng.standard_normal(200))  # many are equal


def _absolute_error(samples, target):
    return abs(samples[:, 0] - target)


def _one_member(rng):
    return rng.standard_normal((200, 1)), rng.standard_normal(200)


def _mean_pinball(samples, target):
    from .regression import pinball

    return sum(2 * pinball(x, target, tau=(2 * i + 1) / 10, reduction="none") for i, x in enumerate(np.sort(samples).T)) / 5


def _five_members(rng):
    return rng.standard_normal((200, 5)), rng.standard_normal(200)


def _crps_of_column(samples, target):
    return crps_ensemble(samples[..., 0], target[..., 0], reduction="none")


def _one_column(rng):
    return rng.standard_normal((200, 5, 1)), rng.standard_normal((200, 1))


def _distance(samples, target):
    return np.linalg.norm(samples[:, 0] - target, axis=-1)


def _one_vector(rng):
    return rng.standard_normal((200, 1, 3)), rng.standard_normal((200, 3))


def _squared_energy(samples, target):
    """The energy score of one forecast with squared distances."""
    to_target = sum(sum((a - b) ** 2 for a, b in zip(x, target, strict=True)) for x in samples) / len(samples)
    apart = sum(sum((a - b) ** 2 for a, b in zip(x, other, strict=True)) for x in samples for other in samples)
    return to_target - apart / (2 * len(samples) ** 2)


def _permuted(rng, samples, target):
    return rng.permuted(samples, axis=1) if samples.ndim == 2 else samples[:, rng.permutation(samples.shape[1])], target


def _moved(rng, samples, target):
    shift = rng.uniform(-50, 50, (len(samples), *target.shape[1:]))
    return samples + shift[:, None], target + shift


def _moved_law(rng, mean, scale, target):
    shift = rng.uniform(-50, 50, len(mean))
    return mean + shift, scale, target + shift


def _rotated(rng, samples, target):
    rotation, _ = np.linalg.qr(rng.standard_normal((samples.shape[-1],) * 2))
    return samples @ rotation, target @ rotation


# --- twins --------------------------------------------------------------------------------------------------------------


def _probabilities(logits):
    p = np.exp(logits - logits.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def _brier_sklearn(logits, labels, *, reduction):
    from sklearn.metrics import brier_score_loss

    return brier_score_loss(labels, _probabilities(logits), labels=range(logits.shape[-1]), scale_by_half=False)


def _brier_scoringrules(logits, labels, *, reduction):
    import scoringrules

    return scoringrules.brier_score(np.eye(logits.shape[-1])[labels], _probabilities(logits)).sum(-1)


def _brier_properscoring(logits, labels, *, reduction):
    import properscoring

    return properscoring.brier_score(np.eye(logits.shape[-1])[labels], _probabilities(logits)).sum(-1)


def _rps_scoringrules(logits, labels, *, reduction):
    import scoringrules

    return scoringrules.rps_score(labels + 1, _probabilities(logits))


def _crps_scoringrules(mean, scale, target, *, reduction):
    import scoringrules

    return scoringrules.crps_normal(target, mean, scale)


def _crps_properscoring(mean, scale, target, *, reduction):
    import properscoring

    return properscoring.crps_gaussian(target, mean, scale)


def _ensemble_scoringrules(samples, target, *, reduction, fair):
    import scoringrules

    return scoringrules.crps_ensemble(target, samples, estimator="fair" if fair else "qd")


def _ensemble_properscoring(samples, target, *, reduction, fair):
    import properscoring

    return properscoring.crps_ensemble(target, samples)


def _energy_scoringrules(samples, target, *, reduction):
    import scoringrules

    return scoringrules.es_ensemble(target, samples)
