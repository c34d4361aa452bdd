"""Ranking: losses that see only the differences of scores, for pairs of items, for all pairs of a batch and for whole lists.

Pairs: the score s_i of the preferred item and the score s_j of the other, of any shape; both are predictions.
Batches: `scores` and `positive` (N,), 1 or 0; each positive is compared with each negative. The AUC is the share of these pairs
in which the positive has the higher score. Of a batch without a pair the sum is 0 and the mean nan.
Lists: `scores` and `relevance` (..., items), the higher the more relevant; ``reduction="none"`` gives one value per list, (...).
A larger score means an earlier place. Values are pure numbers.
"""

import math

import numpy as np

from ._card import Card, Twin, denies, describes, says
from ._loss import gradient_of, in_range, loss, require
from ._twins import in_jax
from ._xp import (
    clip,
    exp,
    expm1,
    log,
    log_softmax,
    mul0,
    namespace,
    positive_part,
    sigmoid,
    softplus,
    step,
    sum_classes,
    where,
)


@loss(predictions=2, preferred=0, other=0)
def pairwise_logistic(preferred, other):
    """Pairwise logistic loss log(1 + e^-(s_i - s_j)): RankNet, BPR, the reward model; Bradley and Terry's likelihood.

    It is the binary cross-entropy of the difference. The best difference is the log-odds of the preference.
    Source: Bradley and Terry (1952); Burges et al. (2005).

    >>> import numpy as np
    >>> pairwise_logistic(np.array([2.0, 0.0]), np.array([0.0, 0.0]), reduction="none").round(6).tolist()
    [0.126928, 0.693147]
    """
    return softplus(other - preferred)


@gradient_of(pairwise_logistic)
def pairwise_logistic_gradient(preferred, other):
    pull = sigmoid(other - preferred)
    return -pull, pull


@describes(pairwise_logistic)
def _():
    from sympy import Symbol, exp, log

    from . import check
    from ._card import card
    from ._symbols import sigmoid, softplus, y, z, z1, z2

    entropy, c = card("sigmoid_cross_entropy"), Symbol("c", real=True)
    return Card(
        pairwise_logistic,
        symbols={"preferred": z1, "other": z2},
        domain={"preferred": "R", "other": "R"},
        formula=softplus(z2 - z1),
        gradient=pairwise_logistic_gradient,
        gradient_formula=(-sigmoid(z2 - z1), sigmoid(z2 - z1)),
        link="sigmoid of the difference",
        reference="bradley1952",
        twins=[
            Twin(
                "torch.nn.functional.binary_cross_entropy_with_logits", _pairwise_torch, note="of the difference, with targets 1"
            ),
            Twin("torch.nn.functional.logsigmoid", _logsigmoid_torch, note="negative, of the difference", reductions=("none",)),
            Twin("rax.pairwise_logistic_loss", _pairwise_rax, note="for lists of two", reductions=("none",)),
        ],
        claims=[
            says(
                check.identity,
                "proved",
                expression=entropy.formula.subs({z: z1 - z2, y: 1, entropy.symbols["pos_weight"]: 1}),
                name="the binary cross-entropy of the difference, for the target 1",
            ),
            says(
                check.identity,
                "proved",
                expression=-log(exp(z1) / (exp(z1) + exp(z2))),
                name="minus the log of Bradley and Terry's probability that the first wins, with strengths exp(s)",
            ),
            says(
                check.identity,
                "proved",
                expression=softplus(z2 - z1),
                where={z1: z1 + c, z2: z2 + c},
                name="what it was before the same number is added to both scores",
            ),
            says(check.balanced, "searched"),
            says(check.convex, "proved", name="both scores"),
            says(check.lipschitz, "searched", bound=1, wrt=0, of=" in the preferred score"),
            says(check.lipschitz, "searched", bound="sqrt(2)", wrt=None, of=" in both scores"),
            says(check.best_difference, "verified", difference="log(eta/(1 - eta))"),
            says(check.separates, "searched"),
            denies(check.ranks_as_ndcg, "verified", witness=CROSSED),
        ],
        chapter="19_ranking",
    )


@loss(predictions=2, preferred=0, other=0)
def margin_ranking(preferred, other, *, margin=1.0):
    """Margin ranking loss (m - (s_i - s_j))₊: the hinge of the difference; nothing is asked for beyond the margin m ≥ 0.

    With m = 0, the default of torch, equal scores cost nothing: the same score for every item is optimal.
    At the kink the gradient is 0. Source: Herbrich, Graepel and Obermayer (2000).

    >>> import numpy as np
    >>> margin_ranking(np.array([2.0, 0.5]), np.array([0.0, 0.0]), reduction="none").tolist()
    [0.0, 0.5]
    """
    in_range(margin=margin, low=0, closed="[")
    return positive_part(margin - (preferred - other))


@gradient_of(margin_ranking)
def margin_ranking_gradient(preferred, other, *, margin=1.0):
    pull = step(margin - (preferred - other))
    return -pull, pull


@describes(margin_ranking)
def _():
    from sympy import Max, Piecewise, Rational, Symbol, sign

    from . import check
    from ._symbols import d, z1, z2

    c = Symbol("c", real=True)
    short = z1 - z2 < d
    return Card(
        margin_ranking,
        symbols={"preferred": z1, "other": z2, "margin": d},
        domain={"preferred": "R", "other": "R", "margin": "[0, inf)"},
        formula=Max(d - (z1 - z2), 0),
        gradient=margin_ranking_gradient,
        gradient_formula=(Piecewise((-1, short), (0, True)), Piecewise((1, short), (0, True))),
        convention="margin 1 (torch: 0); gradient 0 at the kink",
        reference="herbrich2000",
        twins=[
            Twin("torch.nn.functional.margin_ranking_loss", _margin_torch, note="with y = 1 and the margin passed"),
            Twin("rax.pairwise_hinge_loss", _margin_rax, note="for lists of two", reductions=("none",), at={"margin": 1.0}),
        ],
        claims=[
            says(
                check.identity,
                "proved",
                expression=Max(d - (z1 - z2), 0),
                where={z1: z1 + c, z2: z2 + c},
                name="what it was before the same number is added to both scores",
            ),
            says(check.balanced, "searched"),
            says(check.convex, "proved", name="both scores"),
            says(check.lipschitz, "searched", bound=1, wrt=0, of=" in the preferred score"),
            says(check.lipschitz, "searched", bound="sqrt(2)", wrt=None, of=" in both scores"),
            says(check.best_difference, "verified", difference=d * sign(Symbol("eta") - Rational(1, 2)), params={"margin": 1.0}),
            says(check.separates, "searched", params={"margin": 1.0}),
            denies(check.separates, "proved", witness=(5.0, 5.0), params={"margin": 0.0}),
            denies(check.ranks_as_ndcg, "verified", witness=CROSSED),
        ],
        chapter="19_ranking",
    )


@loss(scores=0, positive=0, coupled=True, counted=lambda scores, positive: _has_a_pair(positive))
def pairwise_squared_hinge(scores, positive, *, margin=1.0):
    """Mean of (m - s_p + s_n)₊² over all pairs of a positive p and a negative n of the batch: a smooth bound of m² (1 - AUC).

    scores, positive: (N,), one batch; positive is 1 or 0 (anything else raises ValueError). One value per positive, its mean over
    the negatives, so that their mean is the mean over the pairs; without a negative no positive has a value. ``reduction="none"``
    has them in the order of the batch. `weight` has one entry per value and multiplies it alone. The batch decides which pairs
    there are: the losses of its parts do not add up. Time and memory grow as N². torch.compile and vmap: with sum or mean,
    without `weight`. Source: Gao and Zhou (2015), who show that it is consistent with the AUC, which the hinge is not.

    >>> import numpy as np
    >>> scores, positive = np.array([2.0, 0.0, 0.5, -1.0]), np.array([1, 1, 0, 0])
    >>> pairwise_squared_hinge(scores, positive, reduction="none").tolist()  # (0² + 0²) / 2 and (1.5² + 0²) / 2
    [0.0, 1.125]
    """
    in_range(margin=margin, low=0, closed="[")
    return _over_negatives(positive_part(_shortfalls(scores, positive, margin)) ** 2, positive)


@gradient_of(pairwise_squared_hinge)
def pairwise_squared_hinge_gradient(scores, positive, *, margin=1.0):
    """Of the sum: each pair pulls its two scores apart, for as long as they lack something to the margin."""
    return _pulled_apart(2 * positive_part(_shortfalls(scores, positive, margin)), positive)


@describes(pairwise_squared_hinge)
def _():
    from . import check

    return Card(
        pairwise_squared_hinge,
        **_of_batches(),
        oracle=_squared_hinge_oracle,
        gradient=pairwise_squared_hinge_gradient,
        convention="mean over the pairs, margin 1, as in libauc (its hparam); scores as they are, no sigmoid; no pair: mean nan",
        reference="gao2015",
        claims=[
            *_claims_of_batches(),
            says(
                check.coincides,
                "verified",
                name="the square of the margin ranking loss for a single negative",
                other=_square_of_margin_ranking,
                where=_one_negative,
                params={"margin": 1.0},
            ),
            says(
                check.coincides,
                "verified",
                name="0 where all positives are ahead of all negatives by the margin",
                other=lambda scores, positive: np.zeros(20),
                where=_far_apart,
                params={"margin": 1.0},
            ),
        ],
    )


@loss(scores=0, positive=0, coupled=True, counted=lambda scores, positive: _has_a_pair(positive))
def pairwise_square(scores, positive, *, margin=1.0):
    """Mean of (m - s_p + s_n)² over all pairs of a positive p and a negative n of the batch: every difference is to be m.

    It is (m - mean s_p + mean s_n)² plus the variance of the positives plus that of the negatives, so two means and two variances
    are all it knows of a batch; a pair that is ahead by more than the margin costs, too. Arguments, values and weights: see
    `pairwise_squared_hinge`. Source: Gao, Jin, Zhu and Zhou (2013).

    >>> import numpy as np
    >>> scores, positive = np.array([2.0, 0.0, 0.5, -1.0]), np.array([1, 1, 0, 0])
    >>> pairwise_square(scores, positive, reduction="none").tolist()  # (0.5² + 2²) / 2 and (1.5² + 0²) / 2
    [2.125, 1.125]
    """
    in_range(margin=margin, low=0, closed="[")
    return _over_negatives(_shortfalls(scores, positive, margin) ** 2, positive)


@gradient_of(pairwise_square)
def pairwise_square_gradient(scores, positive, *, margin=1.0):
    """Of the sum: each pair pulls its two scores to the distance m."""
    return _pulled_apart(2 * _shortfalls(scores, positive, margin), positive)


@describes(pairwise_square)
def _():
    from . import check

    return Card(
        pairwise_square,
        **_of_batches(),
        oracle=_square_oracle,
        gradient=pairwise_square_gradient,
        convention="mean over the pairs, margin 1, as in libauc (its hparam); scores as they are, no sigmoid; no pair: mean nan",
        reference="gao2013",
        claims=[
            *_claims_of_batches(),
            says(check.knows_means_and_variances, "verified"),
            says(
                check.coincides,
                "verified",
                name="the squared error of the difference, with the margin as target, for a single negative",
                other=_squared_error_of_differences,
                where=_one_negative,
                params={"margin": 1.0},
            ),
            denies(
                check.coincides,
                "verified",
                name="0 where all positives are ahead of all negatives by the margin",
                other=lambda scores, positive, margin: np.zeros(1),
                witness=([3.0, 0.0], [1.0, 0.0]),
                params={"margin": 1.0},
            ),
        ],
    )


@loss(scores=1, relevance=1)
def listnet(scores, relevance):
    """ListNet, top-one form: the cross-entropy of softmax(relevance) and softmax(scores).

    Convention: `relevance` is any real number and goes through softmax here; libraries use their labels as they are given.
    Source: Cao et al. (2007).

    >>> import numpy as np
    >>> float(listnet(np.array([[0.0, 0.0]]), np.array([[2.0, 0.0]])).round(6))
    0.693147
    """
    return -sum_classes(mul0(exp(log_softmax(relevance)), log_softmax(scores)))


@gradient_of(listnet)
def listnet_gradient(scores, relevance):
    return exp(log_softmax(scores)) - exp(log_softmax(relevance))


@describes(listnet)
def _():
    from sympy import Sum
    from sympy.tensor.indexed import Indexed

    from . import check
    from ._card import card
    from ._symbols import K, Q, Y, Z, j, k, logsumexp, softmax

    entropy = card("softmax_cross_entropy")
    plain = entropy.formula.subs(entropy.symbols["label_smoothing"], 0)
    of_relevance = plain.replace(lambda e: isinstance(e, Indexed) and e.base == Q, lambda e: softmax(Y, e.indices[0]))
    return Card(
        listnet,
        symbols={"scores": Z, "relevance": Y},
        domain={"scores": "R^K", "relevance": "R^K"},
        formula=Sum(softmax(Y, k) * (logsumexp(Z) - Z[k]), (k, 1, K)),
        gradient=listnet_gradient,
        gradient_formula=softmax(Z, j) - softmax(Y, j),
        link="softmax",
        convention="softmax of the relevance inside",
        reference="cao2007",
        twins=[
            Twin("optax.losses.ranking_softmax_loss", _listnet_optax, note="labels softmax(relevance)", reductions=("none",)),
            Twin("rax.softmax_loss", _listnet_rax, note="labels softmax(relevance)", reductions=("none",)),
            Twin("torch.nn.functional.cross_entropy", _listnet_torch, note="with softmax(relevance) as target"),
        ],
        claims=[
            says(check.identity, "proved", expression=of_relevance, name="the softmax cross-entropy of softmax(relevance)"),
            says(check.shift_invariant, "verified"),
            says(check.balanced, "searched"),
            says(check.convex, "proved", name="the scores"),
            says(check.lipschitz, "searched", bound="sqrt(2)"),
            says(check.bounds_reciprocal_rank, "searched"),
            denies(check.ranks_as_ndcg, "verified", witness=CROSSED),
        ],
        chapter="19_ranking",
    )


@loss(scores=1, relevance=1)
def listmle(scores, relevance):
    """ListMLE: -log P(order), Plackett and Luce's probability of the order that sorts `relevance` from high to low.

    The sum over places i of LSE(s_i, ..., s_n) - s_i. Items of equal relevance keep the order in which they are given.
    Convention: the sum over the places of a list, not their mean. Source: Xia et al. (2008), after Plackett (1975).

    >>> import numpy as np
    >>> float(listmle(np.array([[0.0, 0.0, 0.0]]), np.array([[2, 1, 0]])).round(6))  # log 3!
    1.791759
    """
    order = _order(relevance)
    return sum_classes(_tails(_taken(scores, order))) + _nan_of(scores) + _nan_of(relevance)


@gradient_of(listmle)
def listmle_gradient(scores, relevance):
    order = _order(relevance)
    s = _taken(scores, order)
    tails = _tails(s)
    earlier = _places(s)[:, None] < _places(s)
    chosen = exp(where(earlier, s[..., None, :] - (s + tails)[..., :, None], -math.inf))  # at each earlier place, by softmax
    pull = namespace(s).sum(chosen, axis=-2) + expm1(-tails)
    return _taken(pull, namespace(s).argsort(order, axis=-1)) + (_nan_of(scores) + _nan_of(relevance))[..., None]


@describes(listmle)
def _():
    from . import check
    from ._symbols import Y, Z

    return Card(
        listmle,
        symbols={"scores": Z, "relevance": Y},
        domain={"scores": "R^K", "relevance": "R^K"},
        oracle=_listmle_oracle,
        gradient=listmle_gradient,
        link="Plackett–Luce",
        convention="sum over the places; ties of relevance keep the given order",
        reference="xia2008",
        twins=[Twin("rax.listmle_loss", _listmle_rax, reductions=("none",))],
        claims=[
            says(check.orders_sum_to_one, "enumerated"),
            says(check.shift_invariant, "verified"),
            says(check.balanced, "searched"),
            says(check.convex, "searched", name="the scores"),
            says(check.equals, "verified", other="pairwise_logistic", arguments=_as_lists, when=" of the two scores of a list"),
            denies(check.ranks_as_ndcg, "verified", witness=CROSSED),
        ],
        chapter="19_ranking",
    )


@loss(scores=1, relevance=1)
def lambda_rank(scores, relevance, *, k=None):
    """LambdaRank: Σ |ΔNDCG_ij| log(1 + e^-(s_i - s_j)) over pairs with relevance_i > relevance_j.

    |ΔNDCG_ij| is what swapping the two changes in the NDCG of the current ranking; it is held constant in the gradient, which
    is the λ field. Gains 2^relevance - 1 (relevance ≥ 0), discounts 1 / log₂(1 + rank), 0 beyond rank `k` (None: all count).
    Equal scores rank in the given order; a list without a relevant item gives 0. Where two items trade places the weights change
    and the value jumps: no function has the λ field as its gradient everywhere.
    Source: Burges, Ragno and Le (2006); as a loss: Wang et al. (2018).

    >>> import numpy as np
    >>> float(lambda_rank(np.array([[0.0, 0.0]]), np.array([[0, 1]])).round(6))
    0.25582
    """
    better, weights = _pairs(scores, relevance, k)
    behind = where(better, scores[..., None, :] - scores[..., :, None], 0.0)
    return sum_classes(sum_classes(mul0(weights, softplus(behind)))) + _nan_of(scores)


@gradient_of(lambda_rank)
def lambda_rank_gradient(scores, relevance, *, k=None):
    better, weights = _pairs(scores, relevance, k)
    behind = where(better, scores[..., None, :] - scores[..., :, None], 0.0)
    pull = mul0(weights, sigmoid(behind))
    return namespace(pull).sum(pull, axis=-2) - sum_classes(pull) + _nan_of(scores)[..., None]


@describes(lambda_rank)
def _():
    from sympy import Symbol

    from . import check
    from ._symbols import Y, Z

    return Card(
        lambda_rank,
        symbols={"scores": Z, "relevance": Y, "k": Symbol("k", integer=True, positive=True)},
        domain={"scores": "R^K", "relevance": "relevance of K items", "k": "a rank, or all"},
        oracle=_lambda_oracle,
        gradient=lambda_rank_gradient,
        convention="gains 2^rel - 1, discounts 1 / log2(1 + rank), weights constant; divided by the ideal DCG, cut at k as well",
        reference="burges2006",
        twins=[
            Twin(
                "rax.pairwise_logistic_loss",
                _lambda_rax,
                note="with dcg_lambdaweight, over the number of items",
                reductions=("none",),
            )
        ],
        claims=[
            says(check.shift_invariant, "verified"),
            says(check.balanced, "searched"),
            says(check.conservative, "searched", within=" inside one ranking of the items"),
            denies(check.conservative, "verified", witness=LOOP),
            says(check.bounds_ndcg, "searched"),
            says(check.ranks_as_ndcg, "verified"),
            denies(check.convex, "proved", name="the scores", witness=BULGE),
        ],
        chapter="19_ranking",
    )


# A rectangle in the plane of the first two scores that crosses from one ranking to another, not symmetric: on the square
# with corners (±1, ±1) the work cancels.
LOOP = {"corners": [[-1.0, -0.5, 0.0], [1.0, -0.5, 0.0], [1.0, 0.5, 0.0], [-1.0, 0.5, 0.0]], "relevance": [2.0, 1.0, 0.0]}

# Between these scores lies a ranking with larger weights.
BULGE = {"between": ([-3.0, 3.0, 2.0], [-2.0, -3.0, 3.0]), "relevance": [2.0, 1.0, 0.0]}

# Two lists of two items, with their probabilities and relevance: the first item is the more relevant one more often, but the
# NDCG is higher on average with the second item first. In general: Duchi, Mackey and Jordan (2010).
CROSSED = [(0.52, (3.0, 1.0)), (0.48, (0.0, 1.0))]


def _nan_of(rows):
    """nan for rows that hold a nan, else 0: comparisons and sorting would hide it."""
    return sum_classes(where(rows == rows, 0.0, rows))


def _places(rows):
    """0, 1, 2, ... along the last axis."""
    return namespace(rows).arange(rows.shape[-1], device=rows.device)


def _order(relevance):
    """The items from the most to the least relevant; equal ones as they are given."""
    return namespace(relevance).argsort(relevance, axis=-1, descending=True, stable=True)


def _taken(rows, order):
    return namespace(rows).take_along_axis(rows, order, axis=-1)


def _tails(s):
    """LSE(s_i, ..., s_n) - s_i for each place i, in log₂ n steps: each doubles how far a place looks ahead.

    As differences to s_i all terms are ≥ 0, so that nothing cancels, even for scores of ±1e4.
    """
    xp = namespace(s)
    tails, ahead = xp.zeros_like(s), 1
    while ahead < s.shape[-1]:
        near, rest = tails[..., :-ahead], tails[..., -ahead:]
        far = tails[..., ahead:] + (s[..., ahead:] - s[..., :-ahead])
        gap = where(near == math.inf, 0.0, far - near)
        tails = xp.concat([near + softplus(gap), rest], axis=-1)
        ahead *= 2
    return tails


def _ranks(rows):
    """1 for the largest of each row, 2 for the next, ...; equal ones as they are given."""
    mine, its = rows[..., :, None], rows[..., None, :]
    place = _places(rows)
    ahead = (its > mine) | ((its == mine) & (place < place[:, None]))
    return 1 + sum_classes(namespace(rows).astype(ahead, rows.dtype))


def _discounts(ranks, k):
    discounts = math.log(2) / log(1 + ranks)
    return discounts if k is None else where(ranks <= k, discounts, 0.0)


def _pairs(scores, relevance, k):
    """Which item (row) is more relevant than which (column), and |ΔNDCG| of swapping them, 0 for the other pairs.

    Gains are divided by 2^(largest relevance), which leaves the NDCG as it is and keeps them finite.
    """
    _check_k(k)
    require(relevance, ~(relevance < 0), "relevance must be >= 0")
    scale = 2.0 ** (relevance - namespace(relevance).max(relevance, axis=-1, keepdims=True))
    ideal = sum_classes(-expm1(-math.log(2) * relevance) * scale * _discounts(_ranks(relevance), k))
    more = relevance[..., :, None] - relevance[..., None, :]
    better = more > 0
    gains = -expm1(-math.log(2) * where(better, more, 0.0)) * scale[..., :, None]  # 2^rel_i - 2^rel_j
    discounts = _discounts(_ranks(scores), k)
    moves = namespace(scores).abs(discounts[..., :, None] - discounts[..., None, :])
    return better, gains * moves / where(ideal == 0, 1.0, ideal)[..., None, None]


def _check_k(k):
    if k is not None and (isinstance(k, bool) or not isinstance(k, int) or k < 1):
        raise ValueError(f"k must be an integer >= 1, or None for all ranks, got {k!r}")


# --- all pairs of a batch -------------------------------------------------------------------------------------------------


def _has_a_pair(positive):
    """Which entries have a value: the positives, if there is a negative."""
    return (positive == 1) & namespace(positive).any(positive == 0)


def _shortfalls(scores, positive, margin):
    """What each pair of a positive (row) and a negative (column) lacks to the margin, m - s_p + s_n; 0 for other pairs."""
    require(positive, (positive == 0) | (positive == 1), "positive must be 0 or 1")
    pairs = (positive == 1)[:, None] & (positive == 0)
    return where(pairs, margin - (scores[:, None] - scores), 0.0)


def _over_negatives(costs, positive):
    """The mean of each row over the columns that are negatives."""
    return sum_classes(costs) / sum_classes(namespace(costs).astype(positive == 0, costs.dtype))


def _pulled_apart(pulls, positive):
    """What the pairs do to each score, when a positive takes the mean of its pairs: the negative goes down, the positive up."""
    xp = namespace(pulls)
    negatives = sum_classes(xp.astype(positive == 0, pulls.dtype))
    return (xp.sum(pulls, axis=0) - sum_classes(pulls)) / clip(negatives, 1.0, None)


def _of_batches():
    from ._symbols import Y, Z, d

    return {
        "symbols": {"scores": Z, "positive": Y, "margin": d},
        "domain": {"scores": "R", "positive": "{0, 1}", "margin": "[0, inf)"},
    }


def _claims_of_batches():
    from . import check

    return [
        says(check.orders_by_probability, "verified", params={"margin": 1.0}),
        denies(check.orders_by_probability, "verified", witness=[(3, 1), (1, 3)], params={"margin": 0.0}),
        says(check.bounds_auc, "searched"),
        says(check.on_samples(check.convex), "searched", name="all scores together", segments=800),
        says(check.on_samples(check.balanced), "searched"),
        says(check.on_samples(check.shift_invariant), "verified"),
        denies(check.sums_over_parts, "verified", witness=[[0.0, 1.0], [1.0, 0.0]]),
    ]


def _one_negative(rng):
    return 2 * rng.standard_normal(21), (np.arange(21) > 0).astype(float)


def _square_of_margin_ranking(scores, positive):
    return margin_ranking(scores[1:], np.full(20, scores[0]), reduction="none") ** 2


def _squared_error_of_differences(scores, positive):
    from .regression import squared_error

    return squared_error(scores[1:] - scores[0], np.ones(20), reduction="none")


def _far_apart(rng):
    positive = np.arange(40) % 2
    return rng.random(40) + 2.0 * positive, positive.astype(float)


# --- oracles: the definitions, item by item ------------------------------------------------------------------------------


def _listmle_oracle(scores, relevance):
    """Draw the items one after the other, each with probability exp(s) over the sum of those that are left."""
    import mpmath

    left, loss = sorted(range(len(scores)), key=lambda i: -relevance[i]), 0
    while left:
        loss -= mpmath.log(mpmath.exp(scores[left[0]]) / sum(mpmath.exp(scores[j]) for j in left))
        left = left[1:]
    return loss


def _lambda_oracle(scores, relevance, k=None):
    """For each pair, swap the two in the ranking and see how the NDCG changes."""
    import itertools

    import mpmath

    items = range(len(scores))
    discounts = [1 / mpmath.log(1 + rank, 2) for rank in range(1, len(scores) + 1)][:k]

    def dcg(ranking):
        return sum(discount * (2 ** relevance[i] - 1) for i, discount in zip(ranking, discounts))

    ranking = sorted(items, key=lambda i: -scores[i])
    ideal, loss = max(dcg(order) for order in itertools.permutations(items)), mpmath.mpf(0)
    for i, j in itertools.product(items, repeat=2):
        if relevance[i] > relevance[j]:
            swapped = [{i: j, j: i}.get(item, item) for item in ranking]
            loss += abs(dcg(swapped) - dcg(ranking)) / ideal * mpmath.log(1 + mpmath.exp(scores[j] - scores[i]))
    return loss


def _squared_hinge_oracle(scores, positive, margin=1):
    """Sum over the positives of the mean over the negatives of max(0, m - s_p + s_n)²."""
    ahead, behind = ([s for s, y in zip(scores, positive) if y == side] for side in (1, 0))
    return sum(max(0, margin - p + n) ** 2 / len(behind) for p in ahead for n in behind)


def _square_oracle(scores, positive, margin=1):
    """Sum over the positives of the mean over the negatives of (m - s_p + s_n)²."""
    ahead, behind = ([s for s, y in zip(scores, positive) if y == side] for side in (1, 0))
    return sum((margin - p + n) ** 2 / len(behind) for p in ahead for n in behind)


def _as_lists(preferred, other):
    """Each pair as a list of two items, the first of them relevant."""
    import numpy as np

    return np.stack([preferred, other], -1), np.tile([1.0, 0.0], (len(preferred), 1))


# --- twins ----------------------------------------------------------------------------------------------------------------


def _pairwise_torch(preferred, other, *, reduction):
    import torch.nn.functional

    difference = preferred - other
    ones = torch.ones_like(difference)
    return torch.nn.functional.binary_cross_entropy_with_logits(difference, ones, reduction=reduction)


def _logsigmoid_torch(preferred, other, *, reduction):
    import torch.nn.functional

    return -torch.nn.functional.logsigmoid(preferred - other)


def _margin_torch(preferred, other, *, reduction, margin):
    import torch.nn.functional

    return torch.nn.functional.margin_ranking_loss(
        preferred, other, torch.ones_like(preferred), margin=margin, reduction=reduction
    )


def _listnet_torch(scores, relevance, *, reduction):
    import torch.nn.functional

    return torch.nn.functional.cross_entropy(scores, relevance.softmax(-1), reduction=reduction)


def _pairwise_rax(preferred, other, *, reduction):
    return _rax("pairwise_logistic_loss", *_as_lists(preferred, other))


def _margin_rax(preferred, other, *, reduction, margin):
    return _rax("pairwise_hinge_loss", *_as_lists(preferred, other))


def _listnet_rax(scores, relevance, *, reduction):
    from scipy.special import softmax

    return _rax("softmax_loss", scores, softmax(relevance, axis=-1))


def _listnet_optax(scores, relevance, *, reduction):
    from scipy.special import softmax

    return in_jax("optax.losses.ranking_softmax_loss", scores, softmax(relevance, axis=-1), reduce_fn=None)


def _listmle_rax(scores, relevance, *, reduction):
    return _rax("listmle_loss", scores, relevance)


def _lambda_rax(scores, relevance, *, reduction, k):
    import functools

    import rax

    weigh = functools.partial(rax.dcg_lambdaweight, normalize=True, topn=k)
    return _rax("pairwise_logistic_loss", scores, relevance, lambdaweight_fn=weigh) / scores.shape[-1]


def _rax(name, scores, relevance, **options):
    """One value per list; rax leaves the pairs of a list apart."""
    values = in_jax(f"rax.{name}", scores, relevance, reduce_fn=None, **options)
    return values.sum(-1) if "pairwise" in name else values
