"""Losses of the margin: they ask for the right side, at a distance, and for no probability. And losses whose probabilities may
be exactly 0, which are content with a margin too.

Binary losses take a `logit` z of any shape and a `target` y of that shape, 0 or 1 (anything else raises ValueError: labels ±1 are
(s + 1) / 2); their margin is s·z with s = 2y - 1 = ±1. Multiclass losses take `logits` (..., K) and `labels`: integer classes
(...) or probabilities (..., K) that sum to 1. ``reduction="none"`` has the shape of the labels. Values are pure numbers.
"""

import math

import numpy as np

from ._card import Card, Twin, denies, describes, says
from ._loss import LABELS, gradient_of, loss, namespace, zero_or_one
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
    step,
    stop_gradient,
    sum_classes,
    top,
    where,
)

BINARY = {"logit": "R", "target": "{0, 1}"}
MULTICLASS = {"logits": "R^K", "labels": "simplex of K classes"}


@loss(logit=0, target=0)
def hinge(logit, target):
    """Hinge loss (1 - s z)₊: the loss of support vector machines. At the kink s z = 1 the gradient is 0.

    Decides as the likelier class does, but its optimum is ±1: the probability cannot be read off.
    Source: Cortes and Vapnik (1995).

    >>> import numpy as np
    >>> hinge(np.array([0.25, 3.0, 0.0]), np.array([1.0, 1.0, 0.0]), reduction="none").tolist()
    [0.75, 0.0, 1.0]
    """
    zero_or_one(target=target)
    return positive_part(1 - (2 * target - 1) * logit)


@gradient_of(hinge)
def hinge_gradient(logit, target):
    side = 2 * target - 1
    return -side * step(1 - side * logit)


@describes(hinge)
def _():
    from sympy import Abs, Max, Piecewise, Symbol
    from sympy import sign as sign_of

    from . import check
    from ._symbols import y, z

    margin = (2 * y - 1) * z
    return Card(
        hinge,
        symbols={"logit": z, "target": y},
        domain=BINARY,
        formula=Max(1 - margin, 0),
        gradient=hinge_gradient,
        gradient_formula=Piecewise((1 - 2 * y, margin < 1), (0, True)),
        convention="targets 0 and 1; gradient 0 at the kink",
        reference="cortes1995",
        twins=[
            Twin("sklearn.metrics.hinge_loss", _hinge_sklearn, note="with labels ±1", reductions=("mean",)),
            Twin("optax.hinge_loss", _optax("hinge_loss"), note="with labels ±1", reductions=("none",)),
        ],
        claims=[
            says(check.convex, "proved"),
            says(check.lipschitz, "searched", bound=1),
            says(check.calibrated, "verified"),
            denies(check.proper, "verified", witness=0.8),
            says(check.bounds_mistakes, "searched", factor=1),
            denies(check.smooth, "verified", order=1, witness=-1),
            says(check.best_logit, "verified", logit=sign_of(2 * check.ETA - 1)),
            denies(check.invertible, "verified", witness=(0.6, 0.8)),
            says(check.psi_transform, "verified", psi=Abs(Symbol("theta", real=True))),
        ],
        chapter="05_the_gradient",
    )


@loss(logit=0, target=0)
def squared_hinge(logit, target):
    """Squared hinge loss (1 - s z)₊²: a hinge without a corner, at the price of an unbounded gradient.

    Its optimum is z = 2η - 1, from which the probability η can be read. Source: Cortes and Vapnik (1995).

    >>> import numpy as np
    >>> squared_hinge(np.array([0.5, 3.0, 1.0]), np.array([1.0, 1.0, 0.0]), reduction="none").tolist()
    [0.25, 0.0, 4.0]
    """
    zero_or_one(target=target)
    return positive_part(1 - (2 * target - 1) * logit) ** 2


@gradient_of(squared_hinge)
def squared_hinge_gradient(logit, target):
    side = 2 * target - 1
    return -2 * side * positive_part(1 - side * logit)


@describes(squared_hinge)
def _():
    from sympy import Max, Symbol

    from . import check
    from ._symbols import y, z

    margin = (2 * y - 1) * z
    return Card(
        squared_hinge,
        symbols={"logit": z, "target": y},
        domain=BINARY,
        formula=Max(1 - margin, 0) ** 2,
        gradient=squared_hinge_gradient,
        gradient_formula=-2 * (2 * y - 1) * Max(1 - margin, 0),
        convention="targets 0 and 1; no factor ½",
        reference="cortes1995",
        claims=[
            says(check.convex, "proved"),
            says(check.calibrated, "verified"),
            says(check.bounds_mistakes, "searched", factor=1),
            says(check.smooth, "verified", order=1, joints=(-1,)),
            denies(check.smooth, "verified", order=2, witness=-1),
            says(check.best_logit, "verified", logit=2 * check.ETA - 1),
            says(check.invertible, "verified"),
            says(check.unbounded, "verified", of="gradient"),
            says(check.psi_transform, "verified", psi=Symbol("theta", real=True) ** 2),
        ],
        chapter="05_the_gradient",
    )


@loss(logit=0, target=0)
def perceptron(logit, target):
    """Perceptron loss (-s z)₊: only mistakes cost. The useless logit z = 0 is optimal for every probability.

    At z = 0 the gradient is 0. Source: Rosenblatt (1958).

    >>> import numpy as np
    >>> perceptron(np.array([0.5, 3.0]), np.array([1.0, 0.0]), reduction="none").tolist()
    [0.0, 3.0]
    """
    zero_or_one(target=target)
    return positive_part(-(2 * target - 1) * logit)


@gradient_of(perceptron)
def perceptron_gradient(logit, target):
    side = 2 * target - 1
    return -side * step(-side * logit)


@describes(perceptron)
def _():
    from sympy import Max, Piecewise

    from . import check
    from ._symbols import y, z

    margin = (2 * y - 1) * z
    return Card(
        perceptron,
        symbols={"logit": z, "target": y},
        domain=BINARY,
        formula=Max(-margin, 0),
        gradient=perceptron_gradient,
        gradient_formula=Piecewise((1 - 2 * y, margin < 0), (0, True)),
        convention="targets 0 and 1; gradient 0 at z = 0",
        reference="rosenblatt1958",
        twins=[Twin("optax.losses.perceptron_loss", _optax("perceptron_loss"), note="with labels ±1", reductions=("none",))],
        claims=[
            says(check.convex, "proved"),
            says(check.lipschitz, "searched", bound=1),
            denies(check.calibrated, "verified", witness=0.8),
            denies(check.bounds_mistakes, "searched", factor=1, witness=(0.5, 0.0)),
            *[
                says(
                    check.identity,
                    "proved",
                    expression=Max(z, 0) - label * z,
                    name=f"max(z, 0) - y z, the Fenchel-Young loss without a regularizer, at y = {label}",
                    where={y: label},
                )
                for label in (1, 0)
            ],
            says(check.limit_of, "verified", family=_logistic_at, name="T times the cross-entropy of σ(z / T)"),
            denies(check.invertible, "verified", witness=(0.6, 0.8)),
        ],
        chapter="05_the_gradient",
    )


@loss(logits=1, labels=LABELS)
def crammer_singer(logits, labels):
    """Multiclass hinge of Crammer and Singer: max_j (z_j + [j ≠ y]) - z_y, the worst rival's violation of a margin of 1.

    `logits` (..., K); `labels`: classes (...) or probabilities (..., K), which mix the costs: Σ_k q_k ℓ(z, k). Where rivals tie,
    the first one carries the gradient. Inconsistent for K ≥ 3: where no class has probability ½, a tie of all is optimal.
    Convention: as ``sklearn.metrics.hinge_loss`` for several classes; K = 2 is the hinge of z_1 - z_0.
    Source: Crammer and Singer (2001).

    >>> import numpy as np
    >>> crammer_singer(np.array([[2.0, 1.5, 0.0], [2.0, 1.0, 0.0]]), np.array([0, 0]), reduction="none").tolist()
    [0.5, 0.0]
    """
    _, rival = _rivals(logits)
    return sum_classes(mul0(labels, positive_part(1 + rival - logits)))


@gradient_of(crammer_singer)
def crammer_singer_gradient(logits, labels):
    (first, second), rival = _rivals(logits)
    active = labels * step(1 + rival - logits)
    of_first = sum_classes(where(first, active, 0.0))[..., None]
    return where(first, sum_classes(active)[..., None] - of_first, where(second, of_first, 0.0)) - active


@describes(crammer_singer)
def _():
    from sympy import sqrt

    from . import check
    from ._symbols import Q, Z

    return Card(
        crammer_singer,
        symbols={"logits": Z, "labels": Q},
        domain=MULTICLASS,
        oracle=_crammer_singer_oracle,
        gradient=crammer_singer_gradient,
        convention="costs mix linearly for class probabilities; where rivals tie, the first one carries the gradient",
        reference="crammer2001",
        twins=[
            Twin("sklearn.metrics.hinge_loss", _hinge_of_classes_sklearn, reductions=("mean",), indices=True),
            Twin("optax.losses.multiclass_hinge_loss", _optax("multiclass_hinge_loss"), reductions=("none",), indices=True),
        ],
        claims=[
            says(check.convex, "searched"),
            says(check.lipschitz, "searched", bound=sqrt(2)),
            says(check.shift_invariant, "verified"),
            says(check.zero_beyond, "searched", margin=1),
            says(check.optimal_logits, "proved", q=TRUTH, logits="0, 0, 0", costs=_crammer_singer_costs),
            denies(check.calibrated, "verified", witness=[0.4, 0.35, 0.25]),
            says(check.at_least, "searched", reference=_mistakes, name="the 0-1 loss"),
            says(check.limit_of, "verified", family=_cross_entropy_at, name="T times the cross-entropy of (z + 1 - e_y) / T"),
        ],
        chapter="05_the_gradient",
        terms=1.0,
    )


@loss(logits=1, labels=LABELS)
def weston_watkins(logits, labels):
    """Multiclass hinge of Weston and Watkins: Σ_{j≠y} (1 + z_j - z_y)₊, every rival's violation of a margin of 1.

    `logits` (..., K); `labels`: classes (...) or probabilities (..., K), which mix the costs: Σ_k q_k ℓ(z, k). It needs memory
    for K² numbers per example. Not consistent for K ≥ 3. Convention: the sum over the rivals;
    ``torch.nn.functional.multi_margin_loss`` divides it by K. Source: Weston and Watkins (1999).

    >>> import numpy as np
    >>> weston_watkins(np.array([[2.0, 1.5, 1.25], [2.0, 1.0, 0.0]]), np.array([0, 0]), reduction="none").tolist()
    [0.75, 0.0]
    """
    return sum_classes(mul0(labels, sum_classes(positive_part(_violations(logits)))))


@gradient_of(weston_watkins)
def weston_watkins_gradient(logits, labels):
    active = labels[..., None] * step(_violations(logits))
    return namespace(active).sum(active, axis=-2) - sum_classes(active)


@describes(weston_watkins)
def _():
    from sympy import Max, Piecewise, Sum, sqrt

    from . import check
    from ._symbols import K, Q, Z, j, k, l

    def active(of, label):
        return Piecewise((1, 1 + Z[of] - Z[label] > 0), (0, True))

    return Card(
        weston_watkins,
        symbols={"logits": Z, "labels": Q},
        domain=MULTICLASS,
        formula=Sum(Q[k] * (Sum(Max(1 + Z[l] - Z[k], 0), (l, 1, K)) - 1), (k, 1, K)),
        gradient=weston_watkins_gradient,
        gradient_formula=Sum(Q[k] * active(j, k), (k, 1, K)) - Q[j] * Sum(active(l, j), (l, 1, K)),
        convention="the sum over the rivals, not divided by K; gradient 0 at a kink",
        reference="weston1999",
        twins=[Twin("torch.nn.functional.multi_margin_loss", _multi_margin, note="multiplied by K", indices=True)],
        claims=[
            says(check.convex, "proved"),
            says(check.shift_invariant, "verified"),
            says(check.zero_beyond, "searched", margin=1),
            says(check.lipschitz, "searched", bound=sqrt(12), of=" for four classes"),
            says(check.optimal_logits, "proved", q=TRUTH, logits="1/3, 1/3, -2/3", costs=_weston_watkins_costs),
            says(check.at_least, "searched", reference=_crammer_singer_value, name="the loss of Crammer and Singer"),
        ],
        chapter="05_the_gradient",
        terms=1.0,
    )


@loss(logits=1, labels=LABELS)
def lee_lin_wahba(logits, labels):
    """Multiclass hinge of Lee, Lin and Wahba: Σ_{j≠y} (c_j + 1/(K-1))₊ with c = z - mean(z). Consistent for every K.

    `logits` (..., K), finite; `labels`: classes (...) or probabilities (..., K), which mix the costs: Σ_k q_k ℓ(z, k).
    Convention: the paper asks for logits that sum to 0; here they are centred, so that any logits may go in. The loss is then
    unchanged by a shift, equals the paper's where the sum is 0, and its gradient sums to 0. K = 2 is the hinge of ½(z_1 - z_0).
    Source: Lee, Lin and Wahba (2004).

    >>> import numpy as np
    >>> lee_lin_wahba(np.array([[1.0, -0.5, -0.5], [2.0, 2.0, 2.0]]), np.array([0, 0]), reduction="none").tolist()
    [0.0, 1.0]
    """
    return sum_classes(mul0(1 - labels, positive_part(_above_the_floor(logits))))


@gradient_of(lee_lin_wahba)
def lee_lin_wahba_gradient(logits, labels):
    active = (1 - labels) * step(_above_the_floor(logits))
    return active - sum_classes(active)[..., None] / logits.shape[-1]


@describes(lee_lin_wahba)
def _():
    from sympy import Max, Piecewise, Sum

    from . import check
    from ._symbols import K, Q, Z, j, k, l

    def above(i):
        return Z[i] - Sum(Z[l], (l, 1, K)) / K + 1 / (K - 1)

    def active(i):
        return (1 - Q[i]) * Piecewise((1, above(i) > 0), (0, True))

    return Card(
        lee_lin_wahba,
        symbols={"logits": Z, "labels": Q},
        domain=MULTICLASS,
        formula=Sum((1 - Q[k]) * Max(above(k), 0), (k, 1, K)),
        gradient=lee_lin_wahba_gradient,
        gradient_formula=active(j) - Sum(active(k), (k, 1, K)) / K,
        convention="logits are centred first: the paper asks for logits that sum to 0; gradient 0 at a kink",
        reference="lee2004",
        claims=[
            says(check.convex, "searched"),
            says(check.shift_invariant, "verified"),
            says(check.calibrated, "verified"),
            says(check.lipschitz, "searched", bound=1, of=" for four classes"),
            says(check.optimal_logits, "proved", q=TRUTH, logits="1, -1/2, -1/2", costs=_lee_lin_wahba_costs),
        ],
        chapter="05_the_gradient",
        terms=1.0,
    )


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
                "optax.losses.multiclass_sparsemax_loss", _optax("multiclass_sparsemax_loss"), reductions=("none",), indices=True
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
        chapter="05_the_gradient",
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
        chapter="05_the_gradient",
        terms=1.0,
    )


# --- helpers of this module ---------------------------------------------------------------------------------------------


def _rivals(logits):
    """Indicators of the first and the second largest logit, and for each class (..., K) its largest rival."""
    first = top(logits)
    others = where(first, -math.inf, logits)
    second = top(others)
    highest, next_one = sum_classes(where(first, logits, 0.0)), sum_classes(where(second, others, 0.0))
    return (first, second), where(first, next_one[..., None], highest[..., None])


def _violations(logits):
    """1 + z_j - z_k for label k in the rows and rival j in the columns; 0 where they are the same class."""
    xp = namespace(logits)
    columns = xp.arange(logits.shape[-1], device=logits.device)
    same = columns[:, None] == columns
    return where(same, 0.0, 1 + logits[..., None, :] - logits[..., :, None])


def _above_the_floor(logits):
    """Centred logits, plus the 1 / (K - 1) by which the other classes are to stay below 0."""
    classes = logits.shape[-1]
    return logits - sum_classes(logits)[..., None] / classes + 1 / max(classes - 1, 1)


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


_NAMES = {"shannon": 1, "gini": 2}


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


# The definitions, by brute force.


def _crammer_singer_oracle(logits, labels):
    """Σ_y q_y (max_j (z_j + [j ≠ y]) - z_y)."""
    costs = [max(z + (j != y) for j, z in enumerate(logits)) - logits[y] for y in range(len(logits))]
    return sum(q * cost for q, cost in zip(labels, costs))


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


TRUTH = "0.4, 0.35, 0.25"  # three classes, none of which has probability ½
SHANNON = {"regularizer": "shannon"}


# The costs of label y = 0, 1, 2 as formulas of three logits.


def _crammer_singer_costs(z, y):
    from sympy import Max

    return Max(*(z[j] + int(j != y) for j in range(3))) - z[y]


def _weston_watkins_costs(z, y):
    from sympy import Max

    return sum(Max(0, 1 + z[j] - z[y]) for j in range(3) if j != y)


def _lee_lin_wahba_costs(z, y):
    from sympy import Max, Rational

    return sum(Max(0, z[j] - sum(z) / 3 + Rational(1, 2)) for j in range(3) if j != y)


# Other losses, and other ways to the same number.


def _mistakes(logits, labels):
    return 1 - labels[np.arange(len(logits)), logits.argmax(axis=-1)]


def _crammer_singer_value(logits, labels):
    return crammer_singer(logits, labels, reduction="none")


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


def _logistic_at(temperature, logit, target):
    from .classification import sigmoid_cross_entropy

    return temperature * sigmoid_cross_entropy(logit / temperature, target, reduction="none")


def _cross_entropy_at(temperature, logits, labels):
    """With a margin: each rival of the label is helped by 1."""
    from .classification import softmax_cross_entropy

    cost = 0.0
    for label in np.eye(logits.shape[-1]):
        helped = (logits + 1 - label) / temperature
        cost = cost + labels @ label * softmax_cross_entropy(helped, np.tile(label, (len(logits), 1)), reduction="none")
    return temperature * cost


# Twins.


def _hinge_sklearn(logit, target, *, reduction):
    from sklearn.metrics import hinge_loss

    return hinge_loss(target, logit, labels=[0.0, 1.0])


def _hinge_of_classes_sklearn(logits, labels, *, reduction):
    from sklearn.metrics import hinge_loss

    return hinge_loss(labels, logits, labels=range(logits.shape[-1]))


def _multi_margin(logits, labels, *, reduction):
    import torch.nn.functional

    return logits.shape[-1] * torch.nn.functional.multi_margin_loss(logits, labels, reduction=reduction)


def _optax(name):
    """A loss of optax in double precision; it takes the labels of binary losses as ±1."""

    def call(logits, labels, *, reduction):
        import jax
        import optax

        with jax.enable_x64(True):
            labels = labels if logits.ndim == 2 else 2 * labels - 1
            return np.asarray(getattr(optax.losses, name)(jax.numpy.asarray(logits), jax.numpy.asarray(labels)))

    return call


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
