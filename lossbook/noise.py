"""Losses for labels that are sometimes wrong: bounded ones, and one that knows how the labels were corrupted.

`logits` (..., K) and `labels`: integer classes (...) or probabilities (..., K) that sum to 1, which mix the costs of the classes:
Σ_k q_k ℓ(z, k). ``reduction="none"`` has the shape (...). Values are in nats.
"""

import math

from ._card import Card, Twin, denies, describes, says
from ._loss import LABELS, gradient_of, in_range, loss, parameter, require
from ._xp import exp, expm1, log, log1p, log_softmax, mul0, namespace, probability_error, sum_classes, where

MULTICLASS = {"logits": "R^K", "labels": "simplex of K classes"}


@loss(logits=1, labels=LABELS)
def generalized_cross_entropy(logits, labels, *, q=0.7):
    """Generalised cross-entropy (1 - p_y^q) / q with p = softmax(z): from cross-entropy (q → 0) to 1 - p_y (q = 1).

    `q` in (0, 1]. Bounded by 1 / q; at q = 1 it is half the absolute error |p - e_y| summed over the classes, which tolerates
    symmetric label noise. Exact for tiny q. Not proper: for class probabilities η the best p is proportional to η^(1 / (1 - q)).
    Source: Zhang and Sabuncu (2018); q = 1: Ghosh et al. (2017).

    >>> import numpy as np
    >>> generalized_cross_entropy(np.array([[0.0, 0.0], [9.0, 0.0]]), np.array([0, 1]), reduction="none").round(4).tolist()
    [0.5492, 1.4259]
    """
    in_range(q=q, low=0, high=1, closed="]")
    return -sum_classes(labels * expm1(q * log_softmax(logits))) / q


@gradient_of(generalized_cross_entropy)
def generalized_cross_entropy_gradient(logits, labels, *, q=0.7):
    log_p = log_softmax(logits)
    return _pulled(labels * exp(q * log_p), log_p)


@describes(generalized_cross_entropy)
def _():
    from sympy import Abs, KroneckerDelta, Rational, Sum, sqrt

    from . import check
    from ._symbols import K, Q, Z, j, k, logsumexp, order, softmax

    def weight(i):
        return Q[i] * softmax(Z, i) ** order

    error = Sum(Abs(softmax(Z, j) - KroneckerDelta(j, k)), (j, 1, K))
    noisy = {"labels": 0, "rate": 0.4, "logits": ([0.0, 0.0, 0.0], [4.0, 0.0, 0.0])}
    return Card(
        generalized_cross_entropy,
        symbols={"logits": Z, "labels": Q, "q": order},
        domain=MULTICLASS | {"q": "(0, 1]"},
        formula=Sum(Q[k] * (1 - softmax(Z, k) ** order) / order, (k, 1, K)),
        gradient=generalized_cross_entropy_gradient,
        gradient_formula=softmax(Z, j) * Sum(weight(k), (k, 1, K)) - weight(j),
        link="softmax",
        convention="divided by q, so that q → 0 gives cross-entropy; q = 1 is half the absolute error",
        reference="zhang2018",
        chapter="16_noisy_labels",
        twins=[
            Twin("keras.losses.categorical_generalized_cross_entropy", _gce_keras, reductions=("none",), indices=True),
            Twin(
                "torch.nn.functional.l1_loss",
                _l1_torch,
                factor=Rational(1, 2),
                note="of softmax(z) and e_y, summed over the classes",
                reductions=("sum",),
                at={"q": 1.0},
                indices=True,
            ),
        ],
        claims=[
            says(
                check.limit,
                "verified",
                parameter="q",
                to="0",
                expression=Sum(Q[k] * (logsumexp(Z) - Z[k]), (k, 1, K)),
                name="cross-entropy",
            ),
            says(
                check.identity,
                "verified",
                expression=Sum(Q[k] * error, (k, 1, K)) / 2,
                name="half the absolute error of p, ½ Σ_j |p_j - [j = y]|, at q = 1",
                where={order: 1},
            ),
            says(check.bounded, "searched", bound=1 / order),
            says(check.lipschitz, "searched", bound=sqrt(2) * order**order / (1 + order) ** (1 + order)),
            says(check.class_costs, "searched", low=(K - K ** (1 - order)) / order, high=(K - 1) / order),
            says(check.symmetric_costs, "proved", total=K - 1, where={order: 1}, when=" at q = 1"),
            denies(check.symmetric_costs, "proved", witness=noisy["logits"], params={"q": 0.7}),
            says(check.affine_in_noise, "verified", params={"q": 1.0}),
            denies(check.affine_in_noise, "verified", witness=noisy, params={"q": 0.7}),
            denies(check.proper, "verified", witness=[0.5, 0.3, 0.2], params={"q": 0.7}),
            says(
                check.optimum_of_classes,
                "verified",
                optimum=Q[j] ** (1 / (1 - order)) / Sum(Q[k] ** (1 / (1 - order)), (k, 1, K)),
                name="q_k^(1 / (1 - q)), normalised",
                params={"q": 0.7},
            ),
            says(check.calibrated, "verified"),
            denies(
                check.convex, "proved", witness={"between": ([-8.0, 0.0], [0.0, 0.0]), "labels": [1.0, 0.0], "params": {"q": 0.7}}
            ),
            says(check.shift_invariant, "verified"),
        ],
    )


@loss(logits=1, labels=LABELS)
def symmetric_cross_entropy(logits, labels, *, alpha=0.1, beta=1.0, log_zero=-4.0):
    """Symmetric cross-entropy α CE + β RCE: the reverse part -Σ_k p_k log [k = y] with log 0 := A is -A (1 - p_y).

    `alpha` = α ≥ 0, `beta` = β ≥ 0; `log_zero` = A < 0. The reverse part is bounded and tolerates symmetric label noise; A = -2
    makes it the absolute error |p - e_y|, summed over the classes. Class probabilities mix the costs of the classes.
    Convention: only the product β A counts. The paper is quoted with A = -4 and A = -6; the authors' code takes ln 10⁻⁴ = -9.21.
    Source: Wang et al. (2019).

    >>> import numpy as np
    >>> float(symmetric_cross_entropy(np.array([[0.0, 0.0]]), np.array([0])).round(4))
    2.0693
    """
    in_range(alpha=alpha, beta=beta, low=0, closed="[")
    in_range(log_zero=log_zero, high=0)
    log_p = log_softmax(logits)
    return alpha * sum_classes(mul0(labels, -log_p)) + beta * log_zero * sum_classes(labels * expm1(log_p))


@gradient_of(symmetric_cross_entropy)
def symmetric_cross_entropy_gradient(logits, labels, *, alpha=0.1, beta=1.0, log_zero=-4.0):
    log_p = log_softmax(logits)
    return alpha * probability_error(log_p, labels) - beta * log_zero * _pulled(labels * exp(log_p), log_p)


@describes(symmetric_cross_entropy)
def _():
    from sympy import Abs, KroneckerDelta, Piecewise, Sum, sqrt

    from . import check
    from ._symbols import A, K, Q, Z, alpha, beta, j, k, logsumexp, softmax

    error = Sum(Abs(softmax(Z, j) - KroneckerDelta(j, k)), (j, 1, K))
    reverse = softmax(Z, j) * (Sum(Q[k] * softmax(Z, k), (k, 1, K)) - Q[j])
    steep = -beta * A
    pair = ([0.0, 0.0, 0.0], [4.0, 0.0, 0.0])
    return Card(
        symmetric_cross_entropy,
        symbols={"logits": Z, "labels": Q, "alpha": alpha, "beta": beta, "log_zero": A},
        domain=MULTICLASS | {"alpha": "[0, inf)", "beta": "[0, inf)", "log_zero": "(-inf, 0)"},
        formula=Sum(Q[k] * (alpha * (logsumexp(Z) - Z[k]) - beta * A * (1 - softmax(Z, k))), (k, 1, K)),
        gradient=symmetric_cross_entropy_gradient,
        gradient_formula=alpha * (softmax(Z, j) - Q[j]) - beta * A * reverse,
        link="softmax",
        convention="log 0 := A, a finite number; the reverse part is linear in the label",
        reference="wang2019",
        chapter="16_noisy_labels",
        claims=[
            says(
                check.identity,
                "verified",
                expression=Sum(Q[k] * error, (k, 1, K)),
                name="the absolute error of p, Σ_j |p_j - [j = y]|, at α = 0, β = 1, A = -2",
                where={alpha: 0, beta: 1, A: -2},
            ),
            says(
                check.identity,
                "proved",
                expression=Sum(Q[k] * (logsumexp(Z) - Z[k]), (k, 1, K)),
                name="cross-entropy at α = 1, β = 0",
                where={alpha: 1, beta: 0},
            ),
            says(check.symmetric_costs, "proved", total=-beta * A * (K - 1), where={alpha: 0}, when=" at alpha = 0"),
            denies(check.symmetric_costs, "proved", witness=pair, params={"alpha": 0.1, "beta": 1.0, "log_zero": -4.0}),
            says(check.affine_in_noise, "verified", params={"alpha": 0.0, "beta": 1.0, "log_zero": -4.0}),
            says(
                check.lipschitz,
                "searched",
                bound=sqrt(2) * Piecewise(((alpha + steep) ** 2 / (4 * steep), steep > alpha), (alpha, True)),
                params={"alpha": 0.1, "beta": 1.0, "log_zero": -4.0},
            ),
            denies(
                check.proper,
                "verified",
                witness=[0.5, 0.3, 0.2],
                params={"alpha": 1.0, "beta": 1.0, "log_zero": -4.0},
            ),
            says(check.calibrated, "verified", params={"alpha": 1.0, "beta": 1.0, "log_zero": -4.0}),
            denies(
                check.convex,
                "proved",
                witness={
                    "between": ([-12.0, 0.0], [0.0, 0.0]),
                    "labels": [1.0, 0.0],
                    "params": {"alpha": 0.1, "beta": 1.0, "log_zero": -4.0},
                },
            ),
            says(check.shift_invariant, "verified"),
        ],
    )


@loss(logits=1, labels=LABELS)
def forward_corrected_cross_entropy(logits, labels, *, transition):
    """Cross-entropy of the noisy label: -log (Tᵀp)_y, where T_kl is the probability that class k is labelled l.

    `transition` = T (K, K), entries in [0, 1], rows summing to 1; the identity gives cross-entropy. With an invertible T the best
    p is the distribution of the *clean* label, though only noisy ones are seen. Finite wherever the label is possible at all: a
    label that T never produces costs +inf, with gradient 0. Memory: K² numbers per example. Source: Patrini et al. (2017).

    >>> import numpy as np
    >>> T = [[0.8, 0.2], [0.4, 0.6]]
    >>> logits, labels = np.array([[2000.0, 0.0], [2000.0, 0.0]]), np.array([0, 1])
    >>> forward_corrected_cross_entropy(logits, labels, transition=T, reduction="none").round(4).tolist()
    [0.2231, 1.6094]
    """
    log_p, transition, _, log_hit = _corrupted(logits, transition)
    # -log (1 - miss) has the digits of a small loss, -log hit those of a large one
    missed = sum_classes(exp(log_p)[..., None, :] * (1 - transition.T))
    near = missed < 0.5
    return sum_classes(mul0(labels, where(near, -log1p(-where(near, missed, 0.0)), -log_hit)))


@gradient_of(forward_corrected_cross_entropy)
def forward_corrected_cross_entropy_gradient(logits, labels, *, transition):
    log_p, _, joint, log_hit = _corrupted(logits, transition)
    possible = log_hit > -math.inf
    posterior = exp(joint - where(possible, log_hit, 0.0)[..., None, :])  # of the clean class, given each noisy label
    counted = where(possible, labels, 0.0)
    return exp(log_p) * sum_classes(counted)[..., None] - sum_classes(counted[..., None, :] * posterior)


@describes(forward_corrected_cross_entropy)
def _():
    from sympy import Sum, log, sqrt

    from . import check
    from ._symbols import K, Q, T, Z, j, k, l, logsumexp, softmax

    seen = Sum(T[k, l] * softmax(Z, k), (k, 1, K))
    mixed = [[0.75, 0.25, 0.0, 0.0], [0.125, 0.5, 0.25, 0.125], [0.0, 0.0, 1.0, 0.0], [0.25, 0.25, 0.0, 0.5]]
    three = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.0, 0.3, 0.7]]
    return Card(
        forward_corrected_cross_entropy,
        symbols={"logits": Z, "labels": Q, "transition": T},
        domain=MULTICLASS | {"transition": "rows that sum to 1"},
        formula=-Sum(Q[l] * log(seen), (l, 1, K)),
        gradient=forward_corrected_cross_entropy_gradient,
        gradient_formula=softmax(Z, j) * (1 - Sum(Q[l] * T[j, l] / seen, (l, 1, K))),
        link="softmax",
        convention="rows of T are clean classes, columns are labels",
        reference="patrini2017",
        chapter="16_noisy_labels",
        twins=[Twin("torch.nn.functional.nll_loss", _forward_torch, note="of log(softmax(z) T)", indices=True)],
        claims=[
            says(
                check.at_identity,
                "proved",
                matrix="transition",
                expression=Sum(Q[k] * (logsumexp(Z) - Z[k]), (k, 1, K)),
                name="cross-entropy",
            ),
            says(
                check.optimum_of_classes,
                "verified",
                truth=Sum(T[k, j] * Q[k], (k, 1, K)),
                optimum=Q[j],
                name="the distribution q of the clean label, when the labels come from q through an invertible T",
                params={"transition": mixed},
            ),
            denies(check.proper, "verified", witness=[0.5, 0.3, 0.2], params={"transition": three}),
            says(check.lipschitz, "searched", bound=sqrt(2), params={"transition": mixed}),
            denies(
                check.convex,
                "proved",
                witness={
                    "between": ([0.0, 0.0], [8.0, 0.0]),
                    "labels": [0.0, 1.0],
                    "params": {"transition": [[0.75, 0.25], [0.25, 0.75]]},
                },
            ),
            says(check.shift_invariant, "verified"),
        ],
    )


# --- helpers of this module ---------------------------------------------------------------------------------------------


def _pulled(weights, log_p):
    """Σ_k w_k (p_j - [j = k]) for each class j, with 1 - p from log p, which keeps its digits."""
    return exp(log_p) * (sum_classes(weights)[..., None] - weights) + weights * expm1(log_p)


def _corrupted(logits, transition):
    """log p, the transition matrix checked, log p_k T_kl, and log (Tᵀp)_l, the last two without log 0 in any gradient."""
    classes = logits.shape[-1]
    transition = parameter("transition", transition, like=logits, shape=(classes, classes), each="one row per class")
    require(transition, (transition >= 0) & (transition <= 1), "transition must lie in [0, 1]")
    total = sum_classes(transition)
    require(total, namespace(total).abs(total - 1) <= 1e-4, "transition must have rows that sum to 1")
    never, log_p = transition == 0, log_softmax(logits)
    joint = log_p[..., None] + where(never, -math.inf, log(where(never, 1.0, transition)))
    peak = namespace(joint).max(joint, axis=-2)
    peak = where(peak == -math.inf, 0.0, peak)
    total = namespace(joint).sum(exp(joint - peak[..., None, :]), axis=-2)
    impossible = total == 0
    return log_p, transition, joint, where(impossible, -math.inf, peak + log(where(impossible, 1.0, total)))


def _forward_torch(logits, labels, *, reduction, transition):
    import torch

    seen = logits.softmax(-1) @ torch.tensor(transition, dtype=logits.dtype)
    return torch.nn.functional.nll_loss(seen.log(), labels, reduction=reduction)


def _gce_keras(logits, labels, *, reduction, q):
    import os

    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    z, q = (keras.ops.convert_to_tensor(number, "float64") for number in (logits, q))
    return keras.ops.convert_to_numpy(keras.losses.categorical_generalized_cross_entropy(labels, keras.ops.softmax(z), q))


def _l1_torch(logits, labels, *, reduction, q):
    import torch.nn.functional as F

    return F.l1_loss(logits.softmax(-1), F.one_hot(labels, logits.shape[-1]).to(logits), reduction=reduction)
