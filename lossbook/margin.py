"""Losses of the margin: they ask for the right side, at a distance, and for no probability.

Binary losses take a `logit` z of any shape and a `target` y of that shape, 0 or 1 (anything else raises ValueError: labels ±1 are
(s + 1) / 2); their margin is s·z with s = 2y - 1 = ±1. Multiclass losses take `logits` (..., K) and `labels`: integer classes
(...) or probabilities (..., K) that sum to 1. ``reduction="none"`` has the shape of the labels. Values are pure numbers.
"""

import math

import numpy as np

from ._card import Card, Twin, denies, describes, says
from ._loss import LABELS, gradient_of, loss, namespace, zero_or_one
from ._twins import optax
from ._xp import (
    mul0,
    positive_part,
    step,
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
            Twin("optax.hinge_loss", _optax_of_signs("hinge_loss"), note="with labels ±1", reductions=("none",)),
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
        chapter="14_margins",
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
        chapter="14_margins",
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
        twins=[
            Twin("optax.losses.perceptron_loss", _optax_of_signs("perceptron_loss"), note="with labels ±1", reductions=("none",))
        ],
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
        chapter="14_margins",
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
            Twin("optax.losses.multiclass_hinge_loss", optax("multiclass_hinge_loss"), reductions=("none",), indices=True),
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
        chapter="14_margins",
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
        chapter="14_margins",
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
        chapter="14_margins",
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


# The definitions, by brute force.


def _crammer_singer_oracle(logits, labels):
    """Σ_y q_y (max_j (z_j + [j ≠ y]) - z_y)."""
    costs = [max(z + (j != y) for j, z in enumerate(logits)) - logits[y] for y in range(len(logits))]
    return sum(q * cost for q, cost in zip(labels, costs))


TRUTH = "0.4, 0.35, 0.25"  # three classes, none of which has probability ½


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


def _optax_of_signs(name):
    """A binary loss of optax, which takes the labels as ±1."""

    def call(logit, target, *, reduction):
        return optax(name)(logit, 2 * target - 1, reduction=reduction)

    return call
