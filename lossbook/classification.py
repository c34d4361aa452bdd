"""Losses for class labels, on raw scores: cross-entropy, focal loss, the exponential loss.

Binary losses take a `logit` z of any shape and a `target` y of that shape, the probability of the positive class (0 or 1 for a
plain label). Multiclass losses take `logits` (..., K) and `labels`: integer classes (...) or probabilities (..., K)
that sum to 1; ``reduction="none"`` has the shape (...). Values are in nats. Scores go in as they are: no sigmoid, no softmax
before the loss. A label outside 0 .. K-1 raises IndexError; a probability outside [0, 1], or a parameter out of its range,
ValueError.
"""

from ._card import Card, Twin, cites, denies, describes, says
from ._loss import LABELS, gradient_of, in_range, in_unit_interval, loss, namespace, zero_or_one
from ._xp import exp, expm1, log_softmax, mul0, probability_error, sigmoid, softplus, sum_classes, where

BINARY = {"logit": "R", "target": "[0, 1]"}
MULTICLASS = {"logits": "R^K", "labels": "simplex of K classes"}


@loss(logit=0, target=0)
def sigmoid_cross_entropy(logit, target, *, pos_weight=1.0):
    """Binary cross-entropy of σ(z): -w y log σ(z) - (1 - y) log σ(-z), the negative log-likelihood of a Bernoulli target.

    `pos_weight` = w ≥ 0 multiplies the cost of positives and moves the optimum: it is proper for w = 1 only.
    Convention: as ``torch.nn.functional.binary_cross_entropy_with_logits``, but correct at infinite logits too.
    Source: Cox (1958).

    >>> import numpy as np
    >>> sigmoid_cross_entropy(np.array([0.0, 800.0]), np.array([1.0, 0.0]), reduction="none").round(4).tolist()
    [0.6931, 800.0]
    """
    in_range(pos_weight=pos_weight, low=0, closed="[")
    in_unit_interval(target=target)
    return pos_weight * mul0(target, softplus(-logit)) + mul0(1 - target, softplus(logit))


@gradient_of(sigmoid_cross_entropy)
def sigmoid_cross_entropy_gradient(logit, target, *, pos_weight=1.0):
    return (1 - target) * sigmoid(logit) - pos_weight * target * sigmoid(-logit)


@describes(sigmoid_cross_entropy)
def _():
    import sympy

    from . import check
    from ._symbols import sigmoid, softplus, w, y, z

    eta = sympy.Symbol("eta")
    return Card(
        sigmoid_cross_entropy,
        symbols={"logit": z, "target": y, "pos_weight": w},
        domain=BINARY | {"pos_weight": "(0, inf)"},
        formula=w * y * softplus(-z) + (1 - y) * softplus(z),
        gradient=sigmoid_cross_entropy_gradient,
        gradient_formula=(1 - y) * sigmoid(z) - w * y * sigmoid(-z),
        link="sigmoid",
        convention="nats; pos_weight multiplies the cost of positives only",
        reference="cox1958",
        twins=[Twin("torch.nn.functional.binary_cross_entropy_with_logits", _bce_torch)],
        claims=[
            says(check.convex, "searched"),
            says(check.lipschitz, "searched", bound=sympy.Max(1, w)),
            says(check.proper, "verified", params={"pos_weight": 1.0}),
            denies(check.proper, "verified", witness=0.2, params={"pos_weight": 3.0}),
            says(check.optimum, "verified", optimum=w * eta / (w * eta + 1 - eta)),
            says(check.calibrated, "verified", params={"pos_weight": 1.0}),
            says(check.gradient_identity, "proved", expression=sigmoid(z) - y, name="σ(z) - y at w = 1", where={w: 1}),
            says(check.bounds_mistakes, "searched", factor=1 / sympy.log(2), params={"pos_weight": 1.0}),
            says(check.smooth, "verified", order=2),
        ],
        chapter="05_the_gradient",
    )


@loss(logits=1, labels=LABELS)
def softmax_cross_entropy(logits, labels, *, class_weights=None, label_smoothing=0.0, ignore_index=None):
    """Cross-entropy of softmax(z) against the smoothed target (1 - ε) q + ε/K: the negative log-likelihood of a class.

    `label_smoothing` = ε in [0, 1). `class_weights` (K,) ≥ 0 multiplies the example's weight by the weight of its class (for
    probabilities q by Σ q_k w_k), so the mean divides by the sum of those. `ignore_index`: integer labels of weight 0.
    Convention: equal to ``torch.nn.functional.cross_entropy`` for one of weights and smoothing at a time; with both, torch
    weights the smoothing term class by class, and with probabilities and weights its mean divides by N.
    Source: Bridle (1990); label smoothing: Szegedy et al. (2016).

    >>> import numpy as np
    >>> logits = np.array([[2.0, 0.0, 0.0], [0.0, 40.0, 0.0]])
    >>> softmax_cross_entropy(logits, np.array([0, 1]), reduction="none").round(20).tolist()
    [0.23954476622188453, 8.5e-18]
    """
    in_range(label_smoothing=label_smoothing, low=0, high=1, closed="[")
    q = _smoothed(labels, label_smoothing)
    return sum_classes(mul0(q, -log_softmax(logits)))  # class_weights and ignore_index have acted on the weight already


@gradient_of(softmax_cross_entropy)
def softmax_cross_entropy_gradient(logits, labels, *, label_smoothing=0.0):
    return probability_error(log_softmax(logits), _smoothed(labels, label_smoothing))


@describes(softmax_cross_entropy)
def _():
    from sympy import Sum, sqrt

    from . import check
    from ._symbols import K, Q, Z, epsilon, j, k, logsumexp, softmax

    return Card(
        softmax_cross_entropy,
        symbols={"logits": Z, "labels": Q, "label_smoothing": epsilon},
        domain=MULTICLASS | {"label_smoothing": "[0, 1)"},
        formula=Sum(((1 - epsilon) * Q[k] + epsilon / K) * (logsumexp(Z) - Z[k]), (k, 1, K)),
        gradient=softmax_cross_entropy_gradient,
        gradient_formula=softmax(Z, j) - (1 - epsilon) * Q[j] - epsilon / K,
        link="softmax",
        convention="nats; smoothing puts ε/K on every class; weights enter the denominator of the mean",
        reference="bridle1990",
        twins=[Twin("torch.nn.functional.cross_entropy", _cross_entropy_torch)],
        claims=[
            says(check.convex, "searched"),
            says(check.lipschitz, "searched", bound=sqrt(2), params={"label_smoothing": 0.0}),
            says(check.proper, "verified", params={"label_smoothing": 0.0}),
            denies(check.proper, "verified", witness=[0.5, 0.3, 0.2], params={"label_smoothing": 0.1}),
            says(check.calibrated, "verified"),
            says(check.shift_invariant, "verified"),
            cites("local", "for K ≥ 3 the logarithmic score is the only proper one that looks at p_y alone (Bernardo 1979)"),
        ],
        chapter="05_the_gradient",
    )


@loss(logit=0, target=0)
def sigmoid_focal(logit, target, *, gamma=2.0, alpha=None):
    """Binary focal loss -(1 - p)^γ log p, p being the probability of the true class: cross-entropy with easy examples muted.

    `gamma` ≥ 0 (0 gives cross-entropy); `alpha` in [0, 1] multiplies positives by α and negatives by 1 - α (None: both by 1).
    A target y strictly between 0 and 1 mixes the two costs, y : 1 - y. Finite, with a finite gradient, at every logit and γ.
    Convention: ``torchvision.ops.sigmoid_focal_loss`` has α = 0.25 by default. Not proper. Source: Lin et al. (2017).

    >>> import numpy as np
    >>> sigmoid_focal(np.array([0.0, 3.0]), np.ones(2), reduction="none").round(6).tolist()
    [0.173287, 0.000109]
    """
    in_range(gamma=gamma, low=0, closed="[")
    in_unit_interval(target=target)
    positive, negative = _sides(alpha)
    return positive * _focus(target, -softplus(-logit), gamma) + negative * _focus(1 - target, -softplus(logit), gamma)


@gradient_of(sigmoid_focal)
def sigmoid_focal_gradient(logit, target, *, gamma=2.0, alpha=None):
    positive, negative = _sides(alpha)
    return negative * (1 - target) * _focal_slope(-logit, gamma) - positive * target * _focal_slope(logit, gamma)


@describes(sigmoid_focal)
def _():
    from sympy import log

    from . import check
    from ._symbols import gamma, sigmoid, softplus, y, z

    def slope(u):
        return sigmoid(-u) ** gamma * (sigmoid(-u) - gamma * sigmoid(u) * log(sigmoid(u)))

    return Card(
        sigmoid_focal,
        symbols={"logit": z, "target": y, "gamma": gamma},
        domain=BINARY | {"gamma": "[0, inf)"},
        formula=y * sigmoid(-z) ** gamma * softplus(-z) + (1 - y) * sigmoid(z) ** gamma * softplus(z),
        gradient=sigmoid_focal_gradient,
        gradient_formula=(1 - y) * slope(-z) - y * slope(z),
        link="sigmoid",
        convention="no α by default; with one, positives are multiplied by α and negatives by 1 - α",
        reference="lin2017",
        claims=[
            denies(check.convex, "proved", witness={"between": (-8.0, -2.0), "target": 1.0, "params": {"gamma": 2.0}}),
            says(
                check.identity,
                "proved",
                expression=y * softplus(-z) + (1 - y) * softplus(z),
                name="CE at γ = 0",
                where={gamma: 0},
            ),
            denies(check.proper, "verified", witness=0.8, params={"gamma": 2.0}),
            says(check.calibrated, "verified"),
        ],
        chapter="05_the_gradient",
    )


@loss(logits=1, labels=LABELS)
def softmax_focal(logits, labels, *, gamma=2.0, alpha=None):
    """Multiclass focal loss -Σ α_k q_k (1 - p_k)^γ log p_k with p = softmax(z).

    `gamma` ≥ 0 (0 gives cross-entropy); `alpha` is None, a number, or one number per class, and multiplies the value only: the
    mean still divides by the number of examples. Finite, with a finite gradient, at every logit and γ. Not proper.
    Source: Lin et al. (2017).

    >>> import numpy as np
    >>> softmax_focal(np.array([[0.0, 0.0], [800.0, 0.0]]), np.array([0, 0]), reduction="none").round(6).tolist()
    [0.173287, 0.0]
    """
    in_range(gamma=gamma, low=0, closed="[")
    return sum_classes(_per_class(alpha, labels) * _focus(labels, log_softmax(logits), gamma))


@gradient_of(softmax_focal)
def softmax_focal_gradient(logits, labels, *, gamma=2.0, alpha=None):
    log_p = log_softmax(logits)
    p, missing = exp(log_p), -expm1(log_p)
    sure = missing == 0  # there the slope is 0, whatever γ makes of 0^(γ - 1)
    slope = where(sure, 0.0, where(sure, 1.0, missing) ** (gamma - 1) * (missing - gamma * mul0(p, log_p)))
    slope = _per_class(alpha, labels) * labels * slope
    return p * sum_classes(slope)[..., None] - slope


@describes(softmax_focal)
def _():
    from sympy import Sum, log

    from . import check
    from ._symbols import K, Q, Z, gamma, j, k, logsumexp, softmax

    def slope(i):
        p = softmax(Z, i)
        return Q[i] * ((1 - p) ** gamma - gamma * p * (1 - p) ** (gamma - 1) * log(p))

    return Card(
        softmax_focal,
        symbols={"logits": Z, "labels": Q, "gamma": gamma},
        domain=MULTICLASS | {"gamma": "[0, inf)"},
        formula=Sum(Q[k] * (1 - softmax(Z, k)) ** gamma * (logsumexp(Z) - Z[k]), (k, 1, K)),
        gradient=softmax_focal_gradient,
        gradient_formula=softmax(Z, j) * Sum(slope(k), (k, 1, K)) - slope(j),
        link="softmax",
        convention="α multiplies the value and does not enter the denominator of the mean",
        reference="lin2017",
        claims=[
            denies(check.proper, "verified", witness=[0.5, 0.3, 0.2], params={"gamma": 2.0}),
            says(check.calibrated, "verified"),
            says(check.shift_invariant, "verified"),
        ],
        chapter="05_the_gradient",
    )


@loss(logit=0, target=0)
def exponential(logit, target):
    """Exponential loss e^(-s z) with s = 2y - 1 = ±1: the loss of AdaBoost.

    `target` is 0 or 1. Proper through the link σ(2z). Its gradient is unbounded: one mislabelled point can dominate.
    Source: Freund and Schapire (1997).

    >>> import numpy as np
    >>> exponential(np.array([1.0, 1.0]), np.array([1.0, 0.0]), reduction="none").round(4).tolist()
    [0.3679, 2.7183]
    """
    zero_or_one(target=target)
    return exp((1 - 2 * target) * logit)


@gradient_of(exponential)
def exponential_gradient(logit, target):
    return (1 - 2 * target) * exp((1 - 2 * target) * logit)


@describes(exponential)
def _():
    from sympy import exp

    from . import check
    from ._symbols import y, z

    return Card(
        exponential,
        symbols={"logit": z, "target": y},
        domain={"logit": "R", "target": "{0, 1}"},
        formula=exp((1 - 2 * y) * z),
        gradient=exponential_gradient,
        gradient_formula=(1 - 2 * y) * exp((1 - 2 * y) * z),
        link="sigmoid of 2z",
        reference="freund1997",
        claims=[
            says(check.convex, "proved"),
            says(check.proper, "verified", stretch=2),
            says(check.calibrated, "verified"),
            says(check.bounds_mistakes, "searched", factor=1),
            says(check.smooth, "verified", order=2),
        ],
        chapter="05_the_gradient",
    )


# --- helpers of this module ---------------------------------------------------------------------------------------------


def _smoothed(q, epsilon):
    return (1 - epsilon) * q + epsilon / q.shape[-1]


def _sides(alpha):
    """The factors of positives and negatives."""
    if alpha is None:
        return 1.0, 1.0
    in_range(alpha=alpha, low=0, high=1, closed="[]")
    return alpha, 1 - alpha


def _per_class(alpha, labels):
    """alpha as a factor of (..., K): 1, one number, or one number per class."""
    if alpha is None:
        return 1.0
    if not isinstance(alpha, int | float):
        xp = namespace(labels)
        alpha = xp.asarray(alpha, dtype=labels.dtype, device=labels.device)
        if tuple(alpha.shape) not in ((), (labels.shape[-1],)):
            raise ValueError(f"alpha must be one number or one per class ({labels.shape[-1]}), got shape {tuple(alpha.shape)}")
    in_range(alpha=alpha, low=0, closed="[")
    return alpha


def _focus(q, log_p, gamma):
    """-q (1 - p)^γ log p. To the last digit it is -q log p once p < e^-50, and 0 once p is 1: autograd must meet neither an
    infinite log p in a product nor 0^(γ - 1)."""
    missed = log_p < -50
    near = where(missed, -1.0, log_p)
    rest = -expm1(near)
    sure = rest < namespace(rest).finfo(rest.dtype).smallest_normal
    return mul0(q, where(missed, -log_p, where(sure, 0.0, where(sure, 1.0, rest) ** gamma * -near)))


def _focal_slope(logit, gamma):
    """(1 - p)^γ (1 - p - γ p log p) with p = σ(z): how hard a positive example pulls its logit up."""
    missing = sigmoid(-logit)
    return missing**gamma * (missing + gamma * mul0(sigmoid(logit), softplus(-logit)))


def _bce_torch(logit, target, *, reduction, pos_weight):
    import torch

    weight = torch.as_tensor(pos_weight, dtype=logit.dtype)
    return torch.nn.functional.binary_cross_entropy_with_logits(logit, target, pos_weight=weight, reduction=reduction)


def _cross_entropy_torch(logits, labels, *, reduction, **params):
    import torch.nn.functional

    return torch.nn.functional.cross_entropy(logits, labels, reduction=reduction, **params)
