"""Scores of items: what orders them best, what a gradient of them must satisfy, and how a loss relates to NDCG and rank."""

import itertools
import math

import numpy as np
import scipy
import sympy

from .. import _points
from .._exact import exact
from .._result import Result, beyond
from ._kind import kind, largest, settings, symbols_of, values
from .estimates import ETAS


@kind("its gradient sums to 0 over the items: all scores together are not moved", "its gradient does not sum to 0 over the items")
def balanced(card, *, params=None):
    """The entries of the gradient of one list, or of the two scores of a pair, add up to 0."""
    worst, count = 0.0, 0
    for setting in settings(card, params):
        for arrays in (_points.ordinary(card, n=500, seed=8), _points.hard(card)):
            parts = [np.asarray(part) for part in card.gradients(*arrays, **setting)]
            entries = parts[0] if len(parts) == 1 else np.stack(parts, axis=-1)
            gap = np.abs(entries.sum(-1)) / (1 + np.abs(entries).sum(-1))
            worst, count = largest([worst, gap.max()]), count + len(gap)
    return Result(worst < 1e-12, "searched", count, worst)


@kind(
    "0 only where the preferred item has the higher score",
    "0 also where the two scores are equal: the trivial solution",
)
def separates(card, *, params=None, at=None):
    """A pair that costs nothing is a pair in the right order."""
    if at is not None:
        value = exact(card.formula, _points.named(card, at, _points.required(card) | (params or {})))
        return Result(value > 0 or at[0] > at[1], "proved", 1, float(value))
    smallest, count = np.inf, 0
    for setting in settings(card, params):
        for arrays in (_points.ordinary(card, n=2000, seed=9), _points.hard(card)):
            value, wrong = values(card, arrays, setting), arrays[0] <= arrays[1]
            smallest, count = -largest([-smallest, *-value[wrong]]), count + len(value)
    return Result(smallest > 0, "searched", count, smallest)


@kind("its best difference of scores is {difference!f} when the first item is preferred with probability η")
def best_difference(card, *, difference, params=None):
    """The difference that minimises the expected loss of a pair, for six probabilities."""
    worst, count = 0.0, 0
    for setting in settings(card, params):
        for eta in ETAS:
            want = float(sympy.sympify(difference).subs(symbols_of(card, setting)).subs(sympy.Symbol("eta"), eta))
            risk = _risk_of_a_pair(card, [(eta, (1.0, 0.0)), (1 - eta, (0.0, 1.0))], setting)
            best = _lowest(risk, np.linspace(-12, 12, 2401))
            worst, count = largest([worst, abs(best - want)]), count + 1
    return Result(worst < 1e-4, "verified", count, worst)


def _risk_of_a_pair(card, cases, setting):
    """The expected loss of two items as a function of the difference of their scores; cases: (probability, relevances)."""

    def loss(difference, relevance):
        zero = np.zeros_like(difference)
        if len(card.predictions) == 1:
            scores = np.stack([difference, zero], -1)
            return values(card, [scores, np.tile(relevance, (len(difference), 1))], setting)
        first, second = relevance
        return 0.0 if first == second else values(card, [difference, zero][:: 1 if first > second else -1], setting)

    return lambda d: sum(probability * loss(np.atleast_1d(d), relevance) for probability, relevance in cases)


def _lowest(risk, grid):
    i = int(np.argmin(risk(grid)))
    low, high = grid[max(i - 1, 0)], grid[min(i + 1, len(grid) - 1)]
    return float(
        scipy.optimize.minimize_scalar(lambda d: risk(d)[0], bounds=(low, high), method="bounded", options={"xatol": 1e-10}).x
    )


@kind(
    "for two items its optimum puts first the one that maximises the expected NDCG",
    "for two items its optimum need not put first the one that maximises the expected NDCG",
)
def ranks_as_ndcg(card, *, params=None, at=None):
    """Lists of two items with random relevances and probabilities (or those in `at`): which order each of the two prefers."""
    rng, count, witness = np.random.default_rng(6), 0, None
    for setting in settings(card, params):
        cut = setting.get("k")
        draws = [list(zip(rng.dirichlet(np.ones(3)), map(tuple, rng.integers(0, 4, (3, 2)) * 1.0))) for _ in range(20)]
        for cases in draws if at is None else [at]:
            advantage = sum(p * (ndcg([1, 0], r, cut) - ndcg([0, 1], r, cut)) for p, r in cases)
            if abs(advantage) < 0.02:
                continue  # both orders are as good
            best = _lowest(_risk_of_a_pair(card, cases, setting), np.linspace(-12, 12, 2401))
            count += 1
            if not best * advantage > 1e-6:
                witness = {"cases": cases, "params": setting, "best difference": best, "advantage of the first": advantage}
    return Result(witness is None and count > 0, "verified", count, witness=witness)


def ndcg(scores, relevance, k=None):
    """NDCG of one list by its definition; of equal scores the first counts as higher, and without a relevant item it is 1."""

    def dcg(keys):
        ranking = sorted(range(len(relevance)), key=lambda i: -keys[i])[:k]
        return sum((2 ** relevance[i] - 1) / math.log2(rank + 1) for rank, i in enumerate(ranking, start=1))

    return dcg(scores) / dcg(relevance) if max(relevance) > 0 else 1.0


@kind("at least log 2 times what the NDCG of the ranking lacks to 1, and comes close to it", "not an upper bound of 1 - NDCG")
def bounds_ndcg(card, *, params=None):
    """loss / log 2 ≥ 1 - NDCG@k at random scores, spread and close together; the smallest slack found is near 0."""
    smallest, closest, count = np.inf, np.inf, 0
    for setting in settings(card, params):
        scores, relevance = _points.ordinary(card, n=400, seed=12)
        for spread in (1e-6, 1.0, 30.0):
            loss = values(card, [spread * scores, relevance], setting) / math.log(2)
            lack = np.array([1 - ndcg(s, r, setting.get("k")) for s, r in zip(scores, relevance)])
            smallest, count = -largest([-smallest, *(lack - loss)]), count + len(loss)
            closest = min(closest, *(loss - lack)[lack > 0.1])
    message = f"smallest slack {smallest:.1g}, where the ranking is wrong {closest:.1g}"
    return Result(smallest >= -1e-12 and closest < 1e-3, "searched", count, smallest, message=message)


@kind("at least the expected log of the rank, and so at least 1 - 1/rank, of an item drawn from softmax(relevance)")
def bounds_reciprocal_rank(card, *, params=None):
    """loss ≥ Σ q_i log(rank_i) ≥ 1 - Σ q_i / rank_i, where the rank counts items of equal score as ahead; slack near 0 occurs."""
    smallest, count = np.inf, 0
    for setting in settings(card, params):
        scores, relevance = _points.ordinary(card, n=2000, seed=13)
        for spread in (0.01, 1.0, 10.0):
            for sharpness in (1.0, 10.0):
                q = np.exp(sharpness * (relevance - relevance.max(-1, keepdims=True)))
                q /= q.sum(-1, keepdims=True)
                ranks = (scores[:, None, :] >= scores[:, :, None]).sum(-1)
                loss = values(card, [spread * scores, sharpness * relevance], setting)
                slack = np.minimum(loss - (q * np.log(ranks)).sum(-1), loss - (1 - (q / ranks).sum(-1)))
                smallest, count = -largest([-smallest, *-slack]), count + len(slack)
    return Result(-1e-12 <= smallest < 0.02, "searched", count, smallest, message=f"smallest slack {smallest:.1g}")


# --- all pairs of a batch: positives against negatives --------------------------------------------------------------------


@kind("margin² (1 - AUC) or more, where equal scores count as errors; exactly that where each pair is a tie or has the margin")
def bounds_auc(card):
    """The mean of random batches, spread and close together, and of batches whose pairs are ties or the margin apart."""
    rng, smallest, exact_gap, count = np.random.default_rng(16), np.inf, 0.0, 0
    for setting, spread in itertools.product(settings(card, None), (1e-6, 1.0, 30.0)):
        for n in (4, 12, 30):
            positive = np.arange(n) % 2
            for scores in (spread * rng.standard_normal(n), setting["margin"] * positive * rng.integers(0, 2, n)):
                wrong = np.mean(scores[positive == 1][:, None] <= scores[positive == 0])
                slack = float(card.function(scores, positive, **setting)) - setting["margin"] ** 2 * wrong
                smallest, count = -largest([-smallest, -slack]), count + 1
            exact_gap = largest([exact_gap, abs(slack)])  # the last of them
    return Result(smallest > -1e-12 and exact_gap < 1e-12, "searched", count, smallest, message=f"smallest slack {smallest:.1g}")


@kind(
    "with a score for each kind of example, its optimum orders them as their probability of being positive: consistent with AUC",
    "with a score for each kind of example, its optimum need not order them as their probability of being positive",
)
def orders_by_probability(card, *, params=None, at=None):
    """The best scores of four kinds of examples, in 20 random populations; `at` are the (positives, negatives) of each kind."""
    rng, worst, count, witness = np.random.default_rng(17), np.inf, 0, None
    populations = [np.array(at)] if at is not None else [rng.integers(1, 10, (4, 2)) for _ in range(20)]
    for setting, kinds in itertools.product(settings(card, params), populations):
        of = np.repeat(np.tile(np.arange(len(kinds)), 2), kinds.T.ravel())  # the kind of each example, positives first
        positive = np.repeat([1.0, 0.0], kinds.sum(0))

        def risk(scores, of=of, positive=positive, setting=setting):
            pull = np.asarray(card.gradient(scores[of], positive, **setting))
            return float(card.function(scores[of], positive, reduction="sum", **setting)), np.bincount(of, pull)

        best = scipy.optimize.minimize(risk, np.zeros(len(kinds)), jac=True, options={"gtol": 1e-10}).x
        rate = kinds[:, 0] / kinds.sum(1)
        ahead = [best[i] - best[j] for i, j in itertools.permutations(range(len(kinds)), 2) if rate[i] > rate[j]]
        count += len(ahead)
        if beyond(-min(ahead), -worst):
            worst, witness = min(ahead), kinds.tolist()
    return Result(worst > 1e-6, "verified", count, worst, None if worst > 1e-6 else witness)


@kind("its mean is (margin - mean of the positives + mean of the negatives)² plus the variances of the two")
def knows_means_and_variances(card):
    """Random batches of 2 to 50 examples, with few and with many positives."""
    rng, worst, count = np.random.default_rng(18), 0.0, 0
    for setting, n, share in itertools.product(settings(card, None), (2, 5, 50), (0.1, 0.5, 0.9)):
        scores, positive = 3 * rng.standard_normal(n), rng.permutation(np.arange(n) < max(1, int(share * n)))
        p, q = scores[positive], scores[~positive]
        want = (setting["margin"] - p.mean() + q.mean()) ** 2 + p.var() + q.var()
        worst, count = largest([worst, abs(float(card.function(scores, positive, **setting)) - want) / want]), count + 1
    return Result(worst < 1e-12, "verified", count, worst)


@kind("the negative logarithm of a probability: over all orders of the items exp(-loss) sums to 1")
def orders_sum_to_one(card, *, params=None):
    """All 24 orders of four items, for ordinary and for hard scores."""
    worst, count = 0.0, 0
    for setting in settings(card, params):
        for scores in (_points.ordinary(card, n=20)[0], _points.hard(card)[0]):
            orders = itertools.permutations(range(scores.shape[1]))
            total = sum(np.exp(-values(card, [scores, np.tile(np.array(o, float), (len(scores), 1))], setting)) for o in orders)
            worst, count = largest([worst, *np.abs(total - 1)]), count + len(scores)
    return Result(worst < 1e-12, "enumerated", count, worst)


@kind(
    "its gradient does no work along closed paths{within}, as the slope of one function must",
    "its gradient does work along a closed path: it is the slope of no function of the scores",
)
def conservative(card, *, within="", params=None, at=None):
    """The integral of gradient · step along closed polygons is 0: random triangles, or with `within` such triangles only in
    which no two scores trade places. `at` has the `corners` of one polygon and the other arguments by name.
    """
    rng, worst, count, witness = np.random.default_rng(14), 0.0, 0, None
    for setting in settings(card, params) if at is None else [_points.required(card) | at.get("params", {})]:
        scores, *rest = _points.ordinary(card, n=20, seed=15)
        names = list(card.function.axes)[1:]
        for i in range(20) if at is None else range(1):
            if at is not None:
                corners, others = np.array(at["corners"], float), [np.array(at[name], float) for name in names]
            else:
                gaps = np.diff(np.sort(scores[i]))
                reach = gaps.min() / 2.1 if within else 3.0
                corners, others = scores[i] + rng.uniform(-reach, reach, (3, scores.shape[1])), [r[i] for r in rest]
            work = abs(_work(card, corners, others, setting))
            count += 1
            if beyond(work, worst):
                worst, witness = work, {"params": setting, "corners": corners.tolist()}
    return Result(worst < 1e-10, "verified" if at is not None else "searched", count, worst, None if worst < 1e-10 else witness)


def _work(card, corners, others, setting):
    """∮ gradient · ds along the polygon, by Gauss's rule on each piece of an edge between two changes of the ranking."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    total = 0.0
    for start, end in zip(corners, np.roll(corners, -1, axis=0)):
        step = end - start
        apart, closing = (np.subtract.outer(v, v)[np.triu_indices(len(v), 1)] for v in (start, -step))
        with np.errstate(divide="ignore", invalid="ignore"):
            crossings = apart / closing
        cuts = [0.0, *sorted(t for t in crossings if 0 < t < 1), 1.0]
        for low, high in itertools.pairwise(cuts):
            path = start + (low + (high - low) * (nodes[:, None] + 1) / 2) * step
            slopes = np.asarray(card.gradients(path, *[np.tile(o, (len(path), 1)) for o in others], **setting)[0])
            total += (high - low) / 2 * weights @ (slopes @ step)
    return float(total)
