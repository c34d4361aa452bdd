"""Losses for ordered classes 0 < 1 < ... < K-1: grades, stars, stages. A near miss costs less than a far one.

`labels`: integer classes (...) or probabilities (..., K) that sum to 1; ``reduction="none"`` has the shape (...). Values are in
nats. What the model gives: one `score` (...) that K - 1 thresholds cut into classes, or K - 1 `logits` (..., K-1), one for each
step from a class to the next. Soft labels q cost what classes drawn from q cost on average.
"""

import math

from ._card import Card, Twin, denies, describes, says
from ._loss import LEVELS, Labels, gradient_of, loss, namespace, parameter, require
from ._xp import exp, expm1, log, log1p, mul0, sigmoid, softplus, sum_classes, where

STEPS = {"logits": "R^(K-1)", "labels": "simplex of K classes"}


def _between(score, params):
    """K, one more than there are thresholds."""
    thresholds = params.get("thresholds", ())
    if len(thresholds) == 0:
        raise ValueError("thresholds must be given, one between each two neighbouring classes, got none")
    return len(thresholds) + 1


@loss(score=0, labels=Labels(_between))
def cumulative_link(score, labels, *, thresholds):
    """Proportional odds: -log(σ(θ_y - z) - σ(θ_{y-1} - z)) for a score z, the likelihood of P(y ≤ k) = σ(θ_k - z).

    `thresholds` θ (K-1,), strictly rising (else ValueError); with them at infinity on both sides. A torch tensor of thresholds
    receives gradient, so they can be learned: as a first value and a cumulative sum of softplus, they stay in order.
    Convention: a larger score means a higher class, as in statsmodels and R's polr. Source: McCullagh (1980).

    >>> import numpy as np
    >>> cumulative_link(np.array([0.0, 800.0]), np.array([1, 2]), thresholds=[-1.0, 1.0], reduction="none").round(6).tolist()
    [0.771937, 0.0]
    """
    thresholds = _rising(thresholds, score)
    below = mul0(labels[..., :-1], softplus(score[..., None] - thresholds))  # the score should stay below the upper threshold
    above = mul0(labels[..., 1:], softplus(thresholds - score[..., None]))  # and above the lower one
    width = -labels[..., 1:-1] * _log1mexp(thresholds[1:] - thresholds[:-1])  # a narrow class is unlikely for every score
    return sum_classes(below) + sum_classes(above) + sum_classes(width)


@gradient_of(cumulative_link)
def cumulative_link_gradient(score, labels, *, thresholds):
    thresholds = _rising(thresholds, score)
    down = sum_classes(labels[..., :-1] * sigmoid(score[..., None] - thresholds))
    return down - sum_classes(labels[..., 1:] * sigmoid(thresholds - score[..., None]))


@describes(cumulative_link)
def _():
    from sympy import Sum, exp, log

    from . import check
    from ._symbols import K, Q, Theta, a, k, sigmoid, softplus, y, z

    def at_most(index):
        return sigmoid(Theta[index] - z)

    lowest, highest = Q[1] * log(at_most(1)), Q[K] * log(sigmoid(z - Theta[K - 1]))
    middle = {K: 3, Q[1]: 0, Q[2]: 1, Q[3]: 0, Theta[2]: Theta[1] + a}  # a > 0
    return Card(
        cumulative_link,
        symbols={"score": z, "labels": Q, "thresholds": Theta},
        domain={"score": "R", "labels": "simplex of K classes", "thresholds": "K - 1 rising numbers"},
        formula=-lowest - highest - Sum(Q[k] * log(at_most(k) - at_most(k - 1)), (k, 2, K - 1)),
        gradient=cumulative_link_gradient,
        gradient_formula=Q[1] * sigmoid(z - Theta[1])
        - Q[K] * at_most(K - 1)
        + Sum(Q[k] * (1 - at_most(k) - at_most(k - 1)), (k, 2, K - 1)),
        link="cumulative logit",
        convention="P(y ≤ k) = σ(θ_k - z): the score is subtracted",
        reference="mccullagh1980",
        twins=[
            Twin(
                "statsmodels.miscmodels.ordinal_model.OrderedModel",
                _ordered_model,
                note="it adds 1e-20 to each probability; compared at θ = (-1, 0.25, 2)",
                reductions=("none",),
                at={},
                indices=True,
            )
        ],
        claims=[
            says(check.normalised, "verified"),
            says(
                check.gradient_identity,
                "proved",
                expression=1 - sigmoid(Theta[1] + a - z) - sigmoid(Theta[1] - z),
                name="1 - σ(θ_y - z) - σ(θ_(y-1) - z), here for the middle one of three classes",
                where=middle,
            ),
            says(
                check.identity,
                "verified",
                expression=softplus(z - Theta[1] - a) + softplus(Theta[1] - z) - log(1 - exp(-a)),
                name="two binary cross-entropies and the cost of a narrow class, here for the middle one of three",
                where=middle,
            ),
            says(
                check.identity,
                "proved",
                expression=y * softplus(Theta[1] - z) + (1 - y) * softplus(z - Theta[1]),
                name="the binary cross-entropy of z - θ for K = 2",
                where={K: 2, Q[1]: 1 - y, Q[2]: y},
            ),
            says(check.convex, "searched", name="the score"),
            says(check.convex_with, "searched", parameter="thresholds"),
            says(check.lipschitz, "searched", bound=1),
        ],
        chapter="19_ranking",
    )


@loss(logits=1, labels=LEVELS)
def coral(logits, labels):
    """CORAL: Σ_k BCE(z_k, [y > k]), one binary cross-entropy for each of the K - 1 steps between neighbouring classes.

    In the source z_k = f + b_k shares one score f; then the probabilities σ(z_k) of y > k fall with k at the optimum. Here the
    logits are free, and nothing orders them. A sum over the steps; for probabilities q the targets are P(y > k).
    Source: Cao, Mirjalili and Raschka (2020).

    >>> import numpy as np
    >>> coral(np.array([[0.0, 0.0], [800.0, -800.0]]), np.array([2, 1]), reduction="none").round(6).tolist()
    [1.386294, 0.0]
    """
    up_to, beyond = _tails(labels)
    return sum_classes(mul0(beyond, softplus(-logits)) + mul0(up_to, softplus(logits)))


@gradient_of(coral)
def coral_gradient(logits, labels):
    up_to, beyond = _tails(labels)
    return up_to * sigmoid(logits) - beyond * sigmoid(-logits)


@describes(coral)
def _():
    from sympy import Sum

    from . import check
    from ._symbols import K, Q, Z, j, k, l, sigmoid, softplus, y

    def beyond(index):
        return Sum(Q[l], (l, index + 1, K))

    def up_to(index):
        return Sum(Q[l], (l, 1, index))

    return Card(
        coral,
        symbols={"logits": Z, "labels": Q},
        domain=STEPS,
        formula=Sum(beyond(k) * softplus(-Z[k]) + up_to(k) * softplus(Z[k]), (k, 1, K - 1)),
        gradient=coral_gradient,
        gradient_formula=up_to(j) * sigmoid(Z[j]) - beyond(j) * sigmoid(-Z[j]),
        link="sigmoid of each step",
        convention="sum over the K - 1 steps; targets [y > k]",
        reference="cao2020",
        twins=[Twin("coral_pytorch.losses.coral_loss", _coral_pytorch, note="of levels [y > k]", tensors=True)],
        claims=[
            says(check.convex, "proved", name="the logits"),
            says(
                check.identity,
                "proved",
                expression=softplus(-Z[1]) + softplus(Z[2]),
                name="two binary cross-entropies, here for the middle one of three classes",
                where={K: 3, Q[1]: 0, Q[2]: 1, Q[3]: 0},
            ),
            says(
                check.identity,
                "proved",
                expression=y * softplus(-Z[1]) + (1 - y) * softplus(Z[1]),
                name="the binary cross-entropy for K = 2",
                where={K: 2, Q[1]: 1 - y, Q[2]: y},
            ),
            says(check.reads_off, "verified", reading="P(y > k)"),
            says(check.rank_consistent, "verified", model="one score and a bias for each step"),
            denies(check.rank_consistent, "verified", model="a score for each step", witness=CROSSING),
            denies(check.normalised, "verified", witness={"logits": [0.0, 0.0]}),
        ],
        chapter="19_ranking",
    )


@loss(logits=1, labels=LEVELS)
def corn(logits, labels):
    """CORN: Σ_{k ≤ y} BCE(z_k, [y > k]), the chain of questions "higher still?": σ(z_k) is P(y > k | y ≥ k).

    P(y > k) = σ(z_0) ··· σ(z_k) falls with k whatever the logits, and exp(-loss) is the probability of the class.
    Convention: one value per example. ``coral_pytorch.losses.corn_loss`` divides the sum by the number of questions asked,
    Σ_i min(y_i + 1, K - 1), where the mean here divides by that of examples. Source: Shi, Cao and Raschka (2023).

    >>> import numpy as np
    >>> corn(np.array([[0.0, 0.0], [0.0, 0.0]]), np.array([0, 2]), reduction="none").round(6).tolist()
    [0.693147, 1.386294]
    """
    _, beyond = _tails(labels)
    return sum_classes(asked(beyond, softplus(-logits)) + asked(labels[..., :-1], softplus(logits)))


@gradient_of(corn)
def corn_gradient(logits, labels):
    _, beyond = _tails(labels)
    return labels[..., :-1] * sigmoid(logits) - beyond * sigmoid(-logits)


@describes(corn)
def _():
    from sympy import Sum

    from . import check
    from ._symbols import K, Q, Z, j, k, l, sigmoid, softplus, y

    def beyond(index):
        return Sum(Q[l], (l, index + 1, K))

    return Card(
        corn,
        symbols={"logits": Z, "labels": Q},
        domain=STEPS,
        formula=Sum(beyond(k) * softplus(-Z[k]) + Q[k] * softplus(Z[k]), (k, 1, K - 1)),
        gradient=corn_gradient,
        gradient_formula=Q[j] * sigmoid(Z[j]) - beyond(j) * sigmoid(-Z[j]),
        link="sigmoid of each step, given that it is reached",
        convention="sum over the steps that are reached, per example",
        reference="shi2023",
        twins=[
            Twin(
                "coral_pytorch.losses.corn_loss",
                _corn_pytorch,
                note="times Σ min(y + 1, K - 1), the number of conditional examples, by which it divides",
                reductions=("sum", "mean"),
                indices=True,
                tensors=True,
            )
        ],
        claims=[
            says(check.convex, "proved", name="the logits"),
            says(check.normalised, "verified"),
            says(check.reads_off, "verified", reading="P(y > k | y ≥ k)"),
            says(
                check.identity,
                "proved",
                expression=y * softplus(-Z[1]) + (1 - y) * softplus(Z[1]),
                name="the binary cross-entropy for K = 2",
                where={K: 2, Q[1]: 1 - y, Q[2]: y},
            ),
        ],
        chapter="19_ranking",
    )


# One feature, three classes: with a slope for each step, P(y > 1) = 0.94 exceeds P(y > 0) = 0.8 at the last example.
CROSSING = {"feature": [0.0, 1.0, 2.0, 3.0, 4.0], "class": [1, 2, 0, 2, 2]}


def asked(share, cost):
    """share · cost: a question that is not asked costs nothing, even where it would be infinite; a nan is not hidden."""
    return share * where((share == 0) & (cost == math.inf), 0.0, cost)


def _rising(thresholds, score):
    """The thresholds as an array of the library of the score, strictly rising."""
    thresholds = parameter("thresholds", thresholds, like=score, shape=(len(thresholds),), each="in one row")
    require(thresholds, namespace(thresholds).isfinite(thresholds), "thresholds must be finite")
    rises = thresholds[1:] - thresholds[:-1]
    require(rises, rises > 0, "thresholds must rise strictly: each difference must be > 0")
    return thresholds


def _log1mexp(gap):
    """log(1 - e^-gap) for gap > 0: by expm1 where e^-gap is near 1, by log1p where it is near 0."""
    near = gap < 0.7
    close, far = where(near, gap, 1.0), where(near, 1.0, gap)
    return where(near, log(-expm1(-close)), log1p(-exp(-far)))


def _tails(labels):
    """P(y ≤ k) and P(y > k) for each step k, both as sums of what is not negative."""
    xp = namespace(labels)
    beyond = xp.flip(xp.flip(labels[..., 1:], axis=-1).cumsum(-1), axis=-1)
    return labels[..., :-1].cumsum(-1), beyond


def _ordered_model(score, labels, *, thresholds, reduction):
    import numpy as np
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    model = OrderedModel(labels, score[:, None], distr="logit")
    return -model.loglikeobs(np.concatenate([[1.0, thresholds[0]], np.log(np.diff(thresholds))]))


def _coral_pytorch(logits, labels, *, reduction):
    from coral_pytorch.losses import coral_loss

    levels = labels.flip(-1).cumsum(-1).flip(-1)[..., 1:]
    return coral_loss(logits, levels, reduction=None if reduction == "none" else reduction)


def _corn_pytorch(logits, labels, *, reduction):
    from coral_pytorch.losses import corn_loss

    classes = logits.shape[-1] + 1
    asked = (labels + 1).clamp(max=classes - 1).sum().item()
    return corn_loss(logits, labels, classes) * (asked if reduction == "sum" else asked / len(labels))
