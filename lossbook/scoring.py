"""Proper scoring rules: losses whose optimum is the true distribution. Lower is better; softmax is applied inside.

`logits` (..., K) and `labels`: integer classes (...) or probabilities (..., K) that sum to 1; ``reduction="none"`` has the shape
(...). Values are pure numbers.
"""

from ._card import Card, Twin, denies, describes, says
from ._loss import LABELS, gradient_of, loss
from ._xp import exp, log_softmax, probability_error, sum_classes

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
    from ._symbols import K, Q, Z, j, k, softmax

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
        twins=[Twin("torch.nn.functional.mse_loss", _brier_torch, note="of softmax(z) and q, summed", reductions=("sum",))],
        claims=[
            says(check.proper, "verified"),
            says(check.calibrated, "verified"),
            says(check.bounded, "searched", bound=2),
            says(check.shift_invariant, "verified"),
            denies(check.convex, "proved", witness={"between": ([-8.0, 0.0], [0.0, 0.0]), "labels": [1.0, 0.0]}),
        ],
        chapter="04_cross_entropy",
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
    from sympy import Sum, sqrt

    from . import check
    from ._symbols import K, Q, Z, j, k, softmax

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
            says(check.calibrated, "verified"),
            says(check.shift_invariant, "verified"),
            denies(check.convex, "proved", witness={"between": ([-8.0, 0.0], [0.0, 0.0]), "labels": [1.0, 0.0]}),
        ],
        chapter="04_cross_entropy",
    )


def _direction(logits):
    """softmax(z) / ‖softmax(z)‖."""
    p = exp(log_softmax(logits))
    return p / sum_classes(p**2)[..., None] ** 0.5


def _brier_torch(logits, labels, *, reduction):
    import torch.nn.functional

    return torch.nn.functional.mse_loss(logits.softmax(-1), labels, reduction=reduction)
