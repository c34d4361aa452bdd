"""Fenchel-Young losses: a regulariser says what a prediction is, and the loss how far scores are from it. Sparsemax is one.

`logits` (..., K) and `labels`: integer classes (...) or probabilities (..., K) that sum to 1. ``reduction="none"`` has the shape
(...). What they predict may have probabilities of exactly 0, and a margin is enough for a loss of 0.
"""

import numpy as np

from ._card import Card, Twin, describes, says
from ._loss import LABELS, gradient_of, loss, namespace
from ._twins import optax
from ._xp import (
    clip,
    exp,
    expm1,
    log,
    log1p,
    log_softmax,
    mul0,
    one_hot,
    positive_part,
    probability_error,
    stop_gradient,
    sum_classes,
    top,
    where,
)

MULTICLASS = {"logits": "R^K", "labels": "simplex of K classes"}
_NAMES = {"shannon": 1, "gini": 2}
SHANNON = {"regularizer": "shannon"}


@loss(logits=1, labels=LABELS)
def sparsemax(logits, labels):
    """Sparsemax loss Ω*(z) + Ω(q) - ⟨z, q⟩ with Ω = ½‖·‖²: a cross-entropy whose probabilities can be exactly 0.

    `logits` (..., K); `labels`: classes (...) or probabilities (..., K). The prediction p is the point of the simplex nearest to
    z, and the gradient is p - q. The loss is 0 exactly where p = q; for a class: where its logit leads by 1 or more.
    Computed as ½‖p - q‖² + Σ q_k (τ - z_k)₊, where p = (z - τ)₊. Not linear in q: for probabilities it is not the mean of the
    costs of the classes, but less by ½(1 - ‖q‖²), which does not depend on z. Source: Martins and Astudillo (2016).

    >>> import numpy as np
    >>> sparsemax(np.array([[2.0, 1.0, 0.0], [0.5, 0.0, -3.0]]), np.array([0, 0]), reduction="none").tolist()
    [0.0, 0.0625]
    """
    return _gini(logits, labels)


@gradient_of(sparsemax)
def sparsemax_gradient(logits, labels):
    return _sparse(logits) - labels


@describes(sparsemax)
def _():
    from sympy import sqrt

    from . import check
    from ._symbols import Q, Z

    return Card(
        sparsemax,
        symbols={"logits": Z, "labels": Q},
        domain=MULTICLASS,
        oracle=_sparsemax_oracle,
        gradient=sparsemax_gradient,
        link="sparsemax",
        convention="Ω(q) is included, so that the least value is 0, also for class probabilities",
        reference="martins2016",
        twins=[
            Twin("entmax.sparsemax_loss", _entmax("sparsemax_loss"), reductions=("none",), indices=True, tensors=True),
            Twin(
                "optax.losses.multiclass_sparsemax_loss", optax("multiclass_sparsemax_loss"), reductions=("none",), indices=True
            ),
        ],
        claims=[
            says(check.convex, "searched"),
            says(check.lipschitz, "searched", bound=sqrt(2)),
            says(check.shift_invariant, "verified"),
            says(check.zero_beyond, "searched", margin=1),
            says(check.at_least, "searched", reference=_half_squared_distance, name="½‖p - q‖², and so 0 only where p = q"),
            says(check.least_value, "verified", reference=lambda q: 0.0, name="0"),
            says(check.proper_through, "verified", link=_sparse, name="sparsemax"),
            says(check.calibrated, "verified"),
            says(check.limit_of, "verified", family=_entmax_near_2, name="fenchel_young at α = 2 - T"),
        ],
        chapter="14_margins",
    )


@loss(logits=1, target=LABELS)
def fenchel_young(logits, target, *, regularizer):
    """Fenchel-Young loss Ω*(z) + Ω(q) - ⟨z, q⟩ ≥ 0 on the simplex; its gradient is p - q, where p maximises ⟨z, p⟩ - Ω(p).

    `logits` (..., K); `target`: classes (...) or probabilities (..., K). `regularizer` Ω is "shannon", Σ p log p (softmax
    cross-entropy less the entropy of q); "gini", ½‖p‖² (sparsemax); a number α in [1, 2], (Σ p^α - 1) / (α(α - 1)) (α-entmax;
    1 is Shannon, 2 is Gini less a ½ that cancels in the loss); or your own pair of functions `(omega, predict)`, Ω of (..., K)
    and the maximiser p of (..., K), through which autograd finds the gradient. Not linear in q.
    Source: Blondel, Martins and Niculae (2020); α-entmax: Peters, Niculae and Martins (2019).

    >>> import numpy as np
    >>> round(float(fenchel_young(np.array([[1.0, 0.0]]), np.array([0]), regularizer="shannon")), 6)
    0.313262
    >>> float(fenchel_young(np.array([[1.0, 0.0]]), np.array([0]), regularizer="gini"))
    0.0
    """
    alpha = _tsallis_index(regularizer)
    if alpha is None:
        omega, predict = regularizer
        p = predict(logits)
        return omega(target) - omega(p) + sum_classes(mul0(p - target, logits))
    if alpha == 1:
        return sum_classes(mul0(target, _log0(target) - log_softmax(logits)))
    if alpha == 2:
        return _gini(logits, target)
    below = _below_top(logits)
    above = below - _tsallis_threshold(below, alpha)
    conjugate = (
        sum_classes(_tsallis_exp(above, alpha, power=alpha)) - 1
    ) / alpha  # less its threshold, which ⟨q, z - τ⟩ takes up
    negentropy = sum_classes(mul0(target, _tsallis_log(target, alpha))) / alpha
    return conjugate + negentropy - sum_classes(mul0(target, above))


@gradient_of(fenchel_young)
def fenchel_young_gradient(logits, target, *, regularizer):
    alpha = _tsallis_index(regularizer)
    if alpha is None:
        return regularizer[1](logits) - target
    if alpha == 1:
        return probability_error(log_softmax(logits), target)
    if alpha == 2:
        return _sparse(logits) - target
    below = _below_top(logits)
    return _tsallis_exp(below - _tsallis_threshold(below, alpha), alpha) - target


@describes(fenchel_young)
def _():
    from sympy import sqrt

    from . import check
    from ._symbols import Q, Z, alpha

    return Card(
        fenchel_young,
        symbols={"logits": Z, "target": Q, "regularizer": alpha},
        domain={"logits": "R^K", "target": "simplex of K classes", "regularizer": "[1, 2], or a name"},
        oracle=_fenchel_young_oracle,
        gradient=fenchel_young_gradient,
        link="the maximiser of ⟨z, p⟩ - Ω(p)",
        convention="Ω(q) is included, so that the least value is 0; Tsallis entropies are divided by α(α - 1)",
        reference="blondel2020",
        twins=[
            Twin(
                "entmax.entmax15_loss",
                _entmax("entmax15_loss"),
                reductions=("none",),
                at={"regularizer": 1.5},
                indices=True,
                tensors=True,
            ),
            Twin(
                "entmax.entmax_bisect_loss",
                _entmax("entmax_bisect_loss", alpha=1.25),
                reductions=("none",),
                at={"regularizer": 1.25},
                indices=True,
                tensors=True,
            ),
            Twin(
                "optax.losses.make_fenchel_young_loss",
                _fenchel_young_optax,
                note="of logsumexp, plus Σ q log q",
                reductions=("none",),
                at={"regularizer": 1.0},
            ),
        ],
        claims=[
            says(check.convex, "searched"),
            says(check.lipschitz, "searched", bound=sqrt(2)),
            says(check.shift_invariant, "verified"),
            says(check.least_value, "verified", reference=lambda q: 0.0, name="0"),
            says(check.proper_through, "verified", link=_prediction, name="the maximiser of ⟨z, p⟩ - Ω(p)"),
            says(check.calibrated, "verified"),
            says(check.zero_beyond, "searched", margin=2, params={"regularizer": 1.5}),
            says(check.zero_beyond, "searched", margin=1, params={"regularizer": "gini"}),
            says(check.coincides, "verified", other=_shannon, name="cross-entropy less the entropy of q", params=SHANNON),
            says(check.coincides, "verified", other=_sparsemax_value, name="sparsemax", params={"regularizer": "gini"}),
            says(check.limit_of, "verified", family=_entmax_near_1, name="the loss at α = 1 + T", params=SHANNON),
        ],
        terms=1.0,
        chapter="14_margins",
    )


# --- helpers of this module ---------------------------------------------------------------------------------------------


def _below_top(logits):
    """z - max z ≤ 0: no digit is lost to a common shift, and at the top it is exactly 0, also where that is +inf."""
    first = top(logits)
    return where(first, 0.0, logits - sum_classes(where(first, logits, 0.0))[..., None])


def _gini(logits, q):
    """½‖p - q‖² + Σ q_k (τ - z_k)₊, the Fenchel-Young loss of ½‖·‖²."""
    below = _below_top(logits)
    above = below - _sparse_threshold(below)
    slack = where(above > 0, 0.0, -above)  # at 0 it has a slope and (z - τ)₊ has none: together they are smooth
    return sum_classes((positive_part(above) - q) ** 2) / 2 + sum_classes(mul0(q, slack))


def _sparse(logits):
    """sparsemax(z), the point of the simplex nearest to z."""
    below = _below_top(logits)
    return positive_part(below - _sparse_threshold(below))


def _sparse_threshold(below):
    """τ with Σ (z - τ)₊ = 1, by sorting: the first k logits are above it, k being the last with 1 + k z_k > z_1 + ... + z_k."""
    xp = namespace(below)
    near = xp.sort(clip(below, -1.0, 0.0), axis=-1, descending=True)  # more than 1 below the top, a class has p = 0
    rank = xp.astype(xp.arange(1, below.shape[-1] + 1, device=below.device), below.dtype)
    outside = 1 + rank * near <= near.cumsum(-1)
    count = sum_classes(xp.astype(~outside, below.dtype))
    return ((sum_classes(where(outside, 0.0, near)) - 1) / count)[..., None]


def _tsallis_index(regularizer):
    """α of a name or a number, or None for a pair of functions."""
    if isinstance(regularizer, str) and regularizer in _NAMES:
        return _NAMES[regularizer]
    if isinstance(regularizer, int | float) and not isinstance(regularizer, bool) and 1 <= regularizer <= 2:
        return regularizer
    if isinstance(regularizer, tuple | list) and len(regularizer) == 2 and all(map(callable, regularizer)):
        return None
    raise ValueError(
        "regularizer must be 'shannon', 'gini', a number alpha in [1, 2] or a pair of functions (omega, predict), "
        f"got {regularizer!r}"
    )


def _tsallis_log(p, alpha):
    """(p^(α-1) - 1) / (α - 1), which is log p at α = 1."""
    return expm1((alpha - 1) * _log0(p)) / (alpha - 1)


def _log0(p):
    """log p, where p = 0 a number that 0 · log 0 = 0 will not see."""
    return log(where(p == 0, 1.0, p))


def _tsallis_exp(u, alpha, power=1):
    """(1 + (α-1) u)₊^(1/(α-1)), which is e^u at α = 1: the inverse of the logarithm above. Raised to a power on the way."""
    above = (alpha - 1) * u
    zero = above <= -1
    return where(zero, 0.0, exp(power * log1p(where(zero, 0.0, above)) / (alpha - 1)))


def _tsallis_threshold(below, alpha, steps=20):
    """τ with Σ exp_α(z - τ) = 1 for z ≤ 0.

    S^(α-1) is convex and falls in τ, where S is that sum. Newton's method for S^(α-1) = 1 therefore climbs from 0 to τ and never
    passes it; where all logits are equal, and for α near 1, one step is enough. One more step, for S = 1, is left to autograd:
    by the implicit function theorem its derivative is that of τ.
    """
    still = stop_gradient(below)
    tau = namespace(still).zeros_like(still[..., :1])
    for _ in range(steps):
        total, slope = (sum_classes(_tsallis_exp(still - tau, alpha, power))[..., None] for power in (1, 2 - alpha))
        tau = tau - total * _tsallis_log(1 / total, alpha) / slope
    p = _tsallis_exp(below - tau, alpha)
    return tau + (sum_classes(p)[..., None] - 1) / slope


def _sparsemax_oracle(logits, labels):
    """Σ q_k (Ω* - z_k) + ½‖q‖², with Ω* = max_p (⟨z, p⟩ - ½‖p‖²) over the simplex, by trying every support."""
    import itertools

    values = []
    for size in range(1, len(logits) + 1):
        for support in itertools.combinations(logits, size):
            tau = (sum(support) - 1) / size
            p = [z - tau for z in support]
            if min(p) >= 0:
                values.append(sum(z * share - share**2 / 2 for z, share in zip(support, p)))
    return sum(q * (max(values) - z) + q**2 / 2 for q, z in zip(labels, logits))


def _fenchel_young_oracle(logits, target, *, regularizer):
    """Σ q_k (Ω* - z_k) + Ω(q), with Ω* = max_p (⟨z, p⟩ - Ω(p)) over the simplex, by the multiplier of Σ p = 1."""
    import mpmath

    if regularizer == "gini":
        return _sparsemax_oracle(logits, target)
    if regularizer in ("shannon", 1):
        highest = max(logits)
        conjugate = highest + mpmath.log(sum(mpmath.exp(z - highest) for z in logits))
        return sum(q * (conjugate - z + mpmath.log(q)) for q, z in zip(target, logits) if q)
    alpha = mpmath.mpf(regularizer)
    power, scaled = 1 / (alpha - 1), [(alpha - 1) * z for z in logits]

    def omega(p):
        return (sum(share**alpha for share in p) - 1) / (alpha * (alpha - 1))

    def total(t, power=power):
        return sum((u - t) ** power for u in scaled if u > t)

    t = max(scaled) - 1  # the root where only the largest has p > 0; otherwise it lies further on, where the total is less
    if sum(u > t for u in scaled) > 1:
        slope = power - 1
        t = mpmath.findroot(lambda t: total(t) - 1, t, solver="newton", df=lambda t: -power * total(t, slope), maxsteps=200)
    p = [max(u - t, 0) ** power for u in scaled]
    conjugate = sum(share * z for share, z in zip(p, logits)) - omega(p)
    return omega(target) + sum(q * (conjugate - z) for q, z in zip(target, logits))


def _sparsemax_value(logits, labels, *, regularizer):
    return sparsemax(logits, labels, reduction="none")


def _half_squared_distance(logits, labels):
    return ((_sparse(logits) - labels) ** 2).sum(axis=-1) / 2


def _shannon(logits, labels, *, regularizer):
    from .classification import softmax_cross_entropy

    return softmax_cross_entropy(logits, labels, reduction="none") + sum_classes(mul0(labels, _log0(labels)))


def _prediction(logits, *, regularizer):
    nothing = one_hot(np.asarray(0), logits.shape[-1], logits.dtype)
    return fenchel_young_gradient(logits, nothing, regularizer=regularizer) + nothing


def _entmax_near_1(temperature, logits, labels, *, regularizer):
    return fenchel_young(logits, labels, regularizer=1 + temperature, reduction="none")


def _entmax_near_2(temperature, logits, labels):
    return fenchel_young(logits, labels, regularizer=2 - temperature, reduction="none")


def _fenchel_young_optax(logits, target, *, reduction, regularizer):
    import jax
    import optax

    with jax.enable_x64(True):
        theirs = optax.losses.make_fenchel_young_loss(jax.nn.logsumexp)
        values = np.asarray(jax.vmap(theirs)(jax.numpy.asarray(logits), jax.numpy.asarray(target)))
    return values + sum_classes(mul0(target, _log0(target)))


def _entmax(name, **options):
    def call(logits, labels, *, reduction, **params):
        import entmax

        return getattr(entmax, name)(logits, labels, **options)

    return call
