"""Losses for class labels, on raw scores: cross-entropy and its variants, focal loss, exponential and Savage loss.

Binary losses take a `logit` z of any shape and a `target` y of that shape, the probability of the positive class (0 or 1 for a
plain label). Multiclass losses take `logits` (..., K) and `labels`: integer classes (...) or probabilities (..., K)
that sum to 1; ``reduction="none"`` has the shape (...). Values are in nats. Scores go in as they are: no sigmoid, no softmax
before the loss. A label outside 0 .. K-1 raises IndexError; a probability outside [0, 1], or a parameter out of its range,
ValueError.
"""

import numpy as np

from ._card import Card, Twin, cites, denies, describes, says
from ._loss import LABELS, gradient_of, in_range, in_unit_interval, loss, namespace, zero_or_one
from ._twins import in_jax, optax
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
    from sympy import log

    from . import check
    from ._symbols import sigmoid, softplus, w, y, z

    eta, plain = check.ETA, {"pos_weight": 1.0}
    divergence = y * log(y / sigmoid(z)) + (1 - y) * log((1 - y) / sigmoid(-z))
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
        twins=[
            Twin("torch.nn.functional.binary_cross_entropy_with_logits", _bce_torch),
            Twin("torch.nn.functional.soft_margin_loss", _soft_margin, note="with labels ±1", reductions=("none",), at=plain),
            Twin("optax.sigmoid_binary_cross_entropy", _bce_optax, reductions=("none",), at=plain),
        ],
        claims=[
            says(check.convex, "proved"),
            says(check.lipschitz, "searched", bound=sympy.Max(1, w)),
            says(check.proper, "verified", params={"pos_weight": 1.0}),
            denies(check.proper, "verified", witness=0.2, params={"pos_weight": 3.0}),
            says(check.optimum, "verified", optimum=w * eta / (w * eta + 1 - eta)),
            says(check.calibrated, "verified", params={"pos_weight": 1.0}),
            says(check.gradient_identity, "proved", expression=sigmoid(z) - y, name="σ(z) - y at w = 1", where={w: 1}),
            says(check.bounds_mistakes, "searched", factor=1 / sympy.log(2), params={"pos_weight": 1.0}),
            says(check.smooth, "verified", order=2),
            says(check.curvature_bound, "proved", bound=sympy.Rational(1, 4), params=plain),
            says(
                check.identity,
                "proved",
                expression=softplus(z) - y * z,
                name="log(1 + e^z) - y z, a Fenchel-Young loss, at w = 1",
                where={w: 1},
            ),
            says(
                check.identity,
                "proved",
                expression=divergence - y * log(y) - (1 - y) * log(1 - y),
                name="KL(y, σ(z)), a Bregman divergence, plus the entropy of y, at w = 1",
                where={w: 1},
            ),
            says(check.best_logit, "verified", logit=log(w * eta / (1 - eta))),
            says(check.optimal_at, "verified", eta=1 / (1 + w), probability=sympy.Rational(1, 2)),
            denies(check.calibrated, "verified", witness=0.35, params={"pos_weight": 3.0}),
            says(check.invertible, "verified"),
            says(check.unbounded, "verified", of="value"),
            says(check.cooled, "verified", reference=_perceptron, name="the perceptron loss", params=plain),
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
    from sympy import Rational, Sum, log, sqrt

    from . import check
    from ._symbols import K, Q, Z, epsilon, j, k, l, logsumexp, softmax

    plain = {"label_smoothing": 0.0}
    entropy = -Sum(Q[k] * log(Q[k]), (k, 1, K))
    divergence = Sum(Q[k] * log(Q[k] / softmax(Z, k)), (k, 1, K))
    from_uniform = Sum(log(1 / K / softmax(Z, k)) / K, (k, 1, K))
    cross_entropy = logsumexp(Z) - Sum(Q[k] * Z[k], (k, 1, K))
    mean = Sum(softmax(Z, l) * check.V[l], (l, 1, K))
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
        twins=[
            Twin("torch.nn.functional.cross_entropy", _cross_entropy_torch),
            Twin("optax.softmax_cross_entropy", _cross_entropy_optax, note="of smooth_labels(q, ε)", reductions=("none",)),
            Twin(
                "optax.softmax_cross_entropy_with_integer_labels",
                _integers_optax,
                reductions=("none",),
                at=plain,
                indices=True,
            ),
            Twin("sklearn.metrics.log_loss", _log_loss, note="of softmax(z)", reductions=("mean",), at=plain, indices=True),
        ],
        claims=[
            says(check.convex, "proved"),
            says(check.lipschitz, "searched", bound=sqrt(2), params={"label_smoothing": 0.0}),
            says(check.proper, "verified", params={"label_smoothing": 0.0}),
            denies(check.proper, "verified", witness=[0.5, 0.3, 0.2], params={"label_smoothing": 0.1}),
            says(check.calibrated, "verified"),
            says(check.shift_invariant, "verified"),
            cites("local", "for K ≥ 3 the logarithmic score is the only proper one that looks at p_y alone (Bernardo 1979)"),
            says(check.gradient_identity, "proved", expression=softmax(Z, j) - Q[j], name="p - q at ε = 0", where={epsilon: 0}),
            says(
                check.curves,
                "proved",
                expression=Sum(softmax(Z, k) * (check.V[k] - mean) ** 2, (k, 1, K)),
                name="the variance of v under p",
            ),
            says(check.curvature_bound, "searched", bound=Rational(1, 2), params=plain),
            says(
                check.identity,
                "proved",
                expression=cross_entropy,
                name="LSE(z) - ⟨q, z⟩, a Fenchel-Young loss, at ε = 0",
                where={epsilon: 0},
            ),
            says(
                check.identity,
                "proved",
                expression=divergence + entropy,
                name="KL(q, p), a Bregman divergence, plus the entropy of q, at ε = 0",
                where={epsilon: 0},
            ),
            says(check.least_value, "verified", reference=_entropy, name="their entropy", params=plain),
            says(
                check.identity,
                "proved",
                expression=(1 - epsilon) * cross_entropy + epsilon * from_uniform + epsilon * log(K),
                name="(1 - ε) CE + ε KL(uniform, p) + ε log K",
            ),
            says(check.optimum_of_classes, "verified", optimum=(1 - epsilon) * Q[j] + epsilon / K, name="(1 - ε) q + ε/K"),
            says(check.leads_by, "verified", gap=log(1 + K * (1 - epsilon) / epsilon), params={"label_smoothing": 0.1}),
            says(
                check.limit,
                "verified",
                parameter="label_smoothing",
                to="0",
                expression=cross_entropy,
                name="LSE(z) - ⟨q, z⟩",
            ),
            says(check.lipschitz, "searched", bound=sqrt(1 + (1 - epsilon) ** 2 - epsilon**2 / 4), of=" for four classes"),
            says(check.lipschitz, "searched", bound=2, order=1, of=", as a sum of absolute values,", params=plain),
            says(check.unbounded, "verified", of="value"),
            says(
                check.coincides,
                "verified",
                other=_weighted_cross_entropy,
                name="Σ q_k w_k times the cross-entropy without class weights w",
                params={"class_weights": [0.5, 1.0, 2.0, 4.0]},
            ),
            says(check.at_init, "measured"),
            says(check.cooled, "verified", reference=_multiclass_perceptron, name="max z - ⟨q, z⟩", params=plain),
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
        twins=[Twin("optax.sigmoid_focal_loss", _focal_optax, note="for y = 0 and 1", reductions=("none",))],
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
            says(check.improper_between, "proved", low="0.01", high="0.49", params={"gamma": 2.0}),
            says(check.improper_between, "proved", low="0.51", high="0.99", params={"gamma": 2.0}),
            says(check.optimal_at, "verified", eta=0.976454, probability=0.8, params={"gamma": 2.0}),
            says(check.misses, "verified", miss=0.2068, params={"gamma": 2.0}),
            says(check.invertible, "verified"),
            *[
                says(check.lipschitz, "searched", bound=longest, params={"gamma": power})
                for power, longest in ((0.5, 1.009), (1.0, 1.0454), (2.0, 1.129), (5.0, 1.3147))
            ],
            says(
                check.steeper,
                "searched",
                other="sigmoid_cross_entropy",
                factor=1.2247,
                below=0.298,
                name="cross-entropy",
                params={"gamma": 2.0},
            ),
            says(
                check.at_least,
                "searched",
                reference=_cross_entropy_less_entropy,
                name="cross-entropy less γ times the entropy of σ(z)",
                params={"gamma": 2.0},
            ),
            says(check.smooth, "verified", order=2),
        ],
        chapter="08_trust_the_probabilities",
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

    segment = {"between": ([-8.0, 0.0], [-2.0, 0.0]), "labels": [1.0, 0.0], "params": {"gamma": 2.0}}

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
            says(
                check.identity,
                "proved",
                expression=logsumexp(Z) - Sum(Q[k] * Z[k], (k, 1, K)),
                name="CE at γ = 0",
                where={gamma: 0},
            ),
            denies(check.convex, "proved", witness=segment, name="the prediction at γ = 2"),
            says(check.misses, "verified", miss=0.2068, params={"gamma": 2.0}),
            says(
                check.at_least,
                "searched",
                reference=_cross_entropy_less_entropies,
                name="cross-entropy less γ times the entropy of p",
                params={"gamma": 2.0},
            ),
        ],
        chapter="08_trust_the_probabilities",
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
    from sympy import Symbol, exp, log, sqrt

    from . import check
    from ._symbols import sigmoid, y, z

    eta, theta = check.ETA, Symbol("theta", real=True)
    odds = sigmoid(2 * z) / sigmoid(-2 * z)
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
            says(check.best_logit, "verified", logit=log(eta / (1 - eta)) / 2),
            says(check.invertible, "verified"),
            says(
                check.identity, "proved", expression=sqrt(1 / odds), name="√((1 - p) / p) with p = σ(2z), at y = 1", where={y: 1}
            ),
            says(check.identity, "proved", expression=sqrt(odds), name="√(p / (1 - p)) with p = σ(2z), at y = 0", where={y: 0}),
            says(check.unbounded, "verified", of="gradient"),
            says(check.psi_transform, "verified", psi=1 - sqrt(1 - theta**2)),
        ],
        chapter="08_trust_the_probabilities",
    )


@loss(logit=0, target=0)
def savage(logit, target):
    """Savage loss σ(-v)² with v = s z, s = 2y - 1 = ±1: the Brier score (p - y)² of p = σ(z). Bounded by 1, not convex.

    `target` is 0 or 1. Proper; the gradient is at most 8/27 and vanishes at confident mistakes, so that outliers lose their pull.
    Convention: half of ``brier`` on the logits (0, z). Source: Masnadi-Shirazi and Vasconcelos (2008).

    >>> import numpy as np
    >>> savage(np.array([0.0, 100.0, -100.0]), np.ones(3), reduction="none").round(6).tolist()
    [0.25, 0.0, 1.0]
    """
    zero_or_one(target=target)
    return sigmoid((1 - 2 * target) * logit) ** 2


@gradient_of(savage)
def savage_gradient(logit, target):
    side = 1 - 2 * target
    return 2 * side * sigmoid(side * logit) ** 2 * sigmoid(-side * logit)


@describes(savage)
def _():
    import sympy

    from . import check
    from ._symbols import sigmoid, y, z

    wrong, eta, theta = sigmoid((1 - 2 * y) * z), check.ETA, sympy.Symbol("theta", real=True)
    return Card(
        savage,
        symbols={"logit": z, "target": y},
        domain={"logit": "R", "target": "{0, 1}"},
        formula=wrong**2,
        gradient=savage_gradient,
        gradient_formula=2 * (1 - 2 * y) * wrong**2 * sigmoid((2 * y - 1) * z),
        link="sigmoid",
        convention="targets 0 and 1; in [0, 1]",
        reference="masnadi2008",
        twins=[Twin("torch.nn.functional.mse_loss", _mse_of_sigmoid, note="of σ(z) and y")],
        claims=[
            denies(check.convex, "proved", witness={"between": (-8.0, 0.0), "target": 1.0}),
            says(check.proper, "verified"),
            says(check.calibrated, "verified"),
            says(check.bounded, "searched", bound=1),
            says(check.lipschitz, "searched", bound=sympy.Rational(8, 27)),
            says(check.bounds_mistakes, "searched", factor=4),
            says(check.smooth, "verified", order=2),
            says(
                check.identity,
                "proved",
                expression=(sigmoid(z) - 1) ** 2,
                name="(σ(z) - 1)², the Brier score, at y = 1",
                where={y: 1},
            ),
            says(check.identity, "proved", expression=sigmoid(z) ** 2, name="σ(z)², the Brier score, at y = 0", where={y: 0}),
            says(check.coincides, "verified", other=_half_brier, name="half of brier on the logits (0, z)"),
            says(check.best_logit, "verified", logit=sympy.log(eta / (1 - eta))),
            says(check.invertible, "verified"),
            says(check.psi_transform, "verified", psi=theta**2 / 4),
        ],
        chapter="08_trust_the_probabilities",
    )


@loss(logits=1, labels=LABELS)
def poly_cross_entropy(logits, labels, *, epsilon=1.0):
    """Poly-1 loss -log p_y + ε (1 - p_y) with p = softmax(z): cross-entropy whose first term in powers of 1 - p_y is reweighted.

    `epsilon` = ε ≥ -1 (0 gives cross-entropy). For probabilities q the costs mix: Σ_k q_k (-log p_k + ε (1 - p_k)). Not proper.
    Convention: ε = 1 by default; ``optax.losses.poly_loss_cross_entropy`` takes 2. Source: Leng et al. (2022).

    >>> import numpy as np
    >>> float(poly_cross_entropy(np.array([[0.0, 0.0]]), np.array([0])).round(6))
    1.193147
    """
    in_range(epsilon=epsilon, low=-1, closed="[")
    cost = -log_softmax(logits)
    if epsilon >= 0:
        return sum_classes(mul0(labels, cost - epsilon * expm1(-cost)))
    return sum_classes(mul0(labels, (1 + epsilon) * cost - epsilon * _above_tangent(cost)))


@gradient_of(poly_cross_entropy)
def poly_cross_entropy_gradient(logits, labels, *, epsilon=1.0):
    log_p = log_softmax(logits)
    p = exp(log_p)
    return probability_error(log_p, labels) + epsilon * p * (sum_classes(labels * p)[..., None] - labels)


@describes(poly_cross_entropy)
def _():
    from sympy import Rational, Sum, sqrt

    from . import check
    from ._symbols import K, Q, Z, epsilon, j, k, logsumexp, softmax

    two = {"epsilon": 2.0}
    segment = {"between": ([-6.0, 0.0], [-2.0, 0.0]), "labels": [1.0, 0.0], "params": two}
    agreement = Sum(Q[k] * softmax(Z, k), (k, 1, K))
    return Card(
        poly_cross_entropy,
        symbols={"logits": Z, "labels": Q, "epsilon": epsilon},
        domain=MULTICLASS | {"epsilon": "[-1, inf)"},
        formula=Sum(Q[k] * (logsumexp(Z) - Z[k] + epsilon * (1 - softmax(Z, k))), (k, 1, K)),
        gradient=poly_cross_entropy_gradient,
        gradient_formula=softmax(Z, j) - Q[j] + epsilon * softmax(Z, j) * (agreement - Q[j]),
        link="softmax",
        convention="nats; ε = 1 by default",
        reference="leng2022",
        twins=[Twin("optax.losses.poly_loss_cross_entropy", optax("poly_loss_cross_entropy"), reductions=("none",))],
        claims=[
            denies(check.proper, "verified", witness=[0.5, 0.3, 0.2], params=two),
            says(check.calibrated, "verified"),
            says(check.shift_invariant, "verified"),
            says(check.misses, "verified", miss=0.119, params=two),
            says(check.expands, "proved", coefficients=(1 + epsilon, Rational(1, 2), Rational(1, 3), Rational(1, 4))),
            says(
                check.identity,
                "proved",
                expression=logsumexp(Z) - Sum(Q[k] * Z[k], (k, 1, K)),
                name="cross-entropy at ε = 0",
                where={epsilon: 0},
            ),
            says(
                check.gradient_identity,
                "proved",
                expression=(1 + epsilon * agreement) * softmax(Z, j) - (1 + epsilon * softmax(Z, j)) * Q[j],
                name="(1 + ε ⟨q, p⟩) p - (1 + ε p) q, for a label (1 + ε p_y) (p - q)",
            ),
            denies(check.convex, "proved", witness=segment, name="the prediction at ε = 2"),
            says(check.convex, "searched", params={"epsilon": 1.0}),
            says(check.lipschitz, "searched", bound=sqrt(2) * Rational(9, 8), params=two),
        ],
        chapter="34_open_problems",
    )


# --- helpers of this module ---------------------------------------------------------------------------------------------


def _smoothed(q, epsilon):
    return (1 - epsilon) * q + epsilon / q.shape[-1]


def _above_tangent(x):
    """e^-x - 1 + x for x ≥ 0, by its series near 0, where the terms cancel."""
    near, rest = where(x < 0.5, x, 0.0), 1.0
    for n in range(16, 2, -1):
        rest = 1 - near / n * rest
    return where(x < 0.5, near**2 / 2 * rest, x + expm1(-x))


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


# Other ways to the same number.


def _entropy(q):
    return -(q @ np.log(q))


def _perceptron(logit, target):
    return np.where(logit > 0, (1 - target) * logit, -target * logit)


def _multiclass_perceptron(logits, labels):
    return logits.max(axis=-1) - (labels * logits).sum(axis=-1)


def _weighted_cross_entropy(logits, labels, *, class_weights):
    return labels @ np.asarray(class_weights) * softmax_cross_entropy(logits, labels, reduction="none")


def _half_brier(logit, target):
    from .scoring import brier

    return brier(np.stack([0 * logit, logit], -1), np.stack([1 - target, target], -1), reduction="none") / 2


def _cross_entropy_less_entropy(logit, target, *, gamma):
    entropy = sigmoid_cross_entropy(logit, sigmoid(logit), reduction="none")
    return sigmoid_cross_entropy(logit, target, reduction="none") - gamma * entropy


def _cross_entropy_less_entropies(logits, labels, *, gamma):
    entropy = softmax_cross_entropy(logits, exp(log_softmax(logits)), reduction="none")
    return softmax_cross_entropy(logits, labels, reduction="none") - gamma * entropy


def _bce_optax(logit, target, *, reduction, pos_weight):
    return optax("sigmoid_binary_cross_entropy")(logit, target, reduction=reduction)


def _cross_entropy_optax(logits, labels, *, reduction, label_smoothing):
    q = in_jax("optax.losses.smooth_labels", labels, alpha=label_smoothing)
    return optax("softmax_cross_entropy")(logits, q, reduction=reduction)


def _integers_optax(logits, labels, *, reduction, label_smoothing):
    return optax("softmax_cross_entropy_with_integer_labels")(logits, labels, reduction=reduction)


def _focal_optax(logit, target, *, reduction, gamma):
    """For a target between 0 and 1 optax takes the power of a mean of p and 1 - p; here the costs of 0 and 1 are mixed."""
    of_1, of_0 = (optax("sigmoid_focal_loss")(logit, np.full_like(logit, y), reduction=reduction, gamma=gamma) for y in (1, 0))
    return target * of_1 + (1 - target) * of_0


def _log_loss(logits, labels, *, reduction, label_smoothing):
    from sklearn.metrics import log_loss

    return log_loss(labels, exp(log_softmax(logits)), labels=range(logits.shape[-1]))


def _soft_margin(logit, target, *, reduction, pos_weight):
    import torch

    of_1, of_0 = (
        torch.nn.functional.soft_margin_loss(logit, side, reduction="none") for side in (0 * target + 1, 0 * target - 1)
    )
    return target * of_1 + (1 - target) * of_0


def _mse_of_sigmoid(logit, target, *, reduction):
    import torch.nn.functional

    return torch.nn.functional.mse_loss(logit.sigmoid(), target, reduction=reduction)


def _bce_torch(logit, target, *, reduction, pos_weight):
    import torch

    weight = torch.as_tensor(pos_weight, dtype=logit.dtype)
    return torch.nn.functional.binary_cross_entropy_with_logits(logit, target, pos_weight=weight, reduction=reduction)


def _cross_entropy_torch(logits, labels, *, reduction, **params):
    import torch.nn.functional

    return torch.nn.functional.cross_entropy(logits, labels, reduction=reduction, **params)
