"""Embeddings: what turning, collapsing and listing them in another order does, and how much InfoNCE can know.

Many of these losses look at a whole batch: there the arrays of `_points.ordinary` are one batch, whose rows meet each other.
"""

import itertools
import math

import numpy as np
import sympy

from .. import _points
from .._loss import GROUPS
from .._result import Result, beyond
from ._kind import as_card, kind, largest, settings, values


def move(rng, *arrays):
    """The embeddings turned and shifted, all in the same way; what is not an embedding stays."""
    dimension = arrays[0].shape[-1]
    turn, _ = np.linalg.qr(rng.standard_normal((dimension, dimension)))
    shift = 3 * rng.standard_normal(dimension)
    return [a @ turn + shift if a.ndim == 2 else a for a in arrays]


# --- of all embeddings ----------------------------------------------------------------------------------------------------


@kind("its value is {value!f} where all embeddings are the same, and its gradient is 0 there: nothing leads out of the collapse")
def collapsed(card, *, value):
    """Batches of 4, 6 and 10 rows that are all one vector; groups have two rows, and other targets are 0.

    The value is an expression in the parameters, by their names, and in n, the number of rows.
    """
    rng, worst, count = np.random.default_rng(40), 0.0, 0
    for setting, n in itertools.product(settings(card, None), (4, 6, 10)):
        point = rng.standard_normal(3)
        arrays = [np.tile(point, (n, 1)) if trailing == 1 else np.arange(n) // 2 for trailing in card.function.axes.values()]
        arrays = [a if t in (1, GROUPS) else np.zeros(n) for a, t in zip(arrays, card.function.axes.values())]
        numbers = {sympy.Symbol(name): number for name, number in (setting | {"n": n}).items()}
        want = float(sympy.sympify(value, {"n": sympy.Symbol("n")}).subs(numbers))
        slopes = [np.abs(slope).max() for slope in card.gradients(*arrays, **setting)]
        gaps = np.abs(values(card, arrays, setting) - want) / (1 + abs(want))
        worst, count = largest([worst, *gaps, *slopes]), count + 1
    return Result(worst < 1e-12, "verified", count, worst)


@kind("its gradients with respect to all embeddings add up to 0: their centre stays where it is")
def keeps_the_centre(card):
    """The sum over the arguments of each row, and over the rows of a batch where they meet each other."""
    worst, count = 0.0, 0
    for setting in settings(card, None):
        slopes = np.stack(card.gradients(*_points.ordinary(card, n=200, seed=41), **setting), axis=1)
        slopes = slopes if card.function.every_example else slopes.reshape(1, -1, slopes.shape[-1])
        gap = np.abs(slopes.sum(1)) / (1e-300 + np.abs(slopes).sum(1))
        worst, count = largest([worst, gap.max()]), count + len(gap)
    return Result(worst < 1e-12, "verified", count, worst)


@kind("{when} cost nothing and do not pull: value and gradient are exactly 0")
def idle(card, *, when, idle):
    """Those of 2000 random examples and of the hard ones for which `idle(*arrays, **setting)` is true; there are some."""
    worst, fewest = 0.0, math.inf
    for setting in settings(card, None):
        mask, found = [], []
        for arrays in (_points.ordinary(card, n=2000, seed=42), _points.hard(card)):
            mask.append(idle(*arrays, **setting))
            slopes = np.stack(card.gradients(*arrays, **setting), axis=1).reshape(len(arrays[0]), -1)
            found.append(np.abs(slopes).sum(1) + np.abs(values(card, arrays, setting)))
        mask, found = np.concatenate(mask), np.concatenate(found)
        worst, fewest = largest([worst, *found[mask]]), min(fewest, int(mask.sum()))
    return Result(worst == 0 and fewest >= 10, "verified", int(fewest), worst)


@kind(
    "its mean is the mean over the examples that cost something",
    "its mean is over all examples, not over those that cost something: it shrinks as more of them are satisfied",
)
def mean_of_those_that_cost(card, *, at=None):
    """The mean of a random batch (`at`: of the given arrays) against the mean of its values above 0."""
    worst, count = 0.0, 0
    for setting in settings(card, {}) if at is not None else settings(card, None):
        arrays = _points.ordinary(card, n=200, seed=43) if at is None else [np.array(a) for a in at]
        found = values(card, arrays, setting)
        worst = largest([worst, abs(float(card.function(*arrays, **setting)) - found[found > 0].mean())])
        count += 1
    return Result(worst < 1e-12, "verified", count, worst)


# --- of batches -----------------------------------------------------------------------------------------------------------


@kind("each value moves with its row when the batch is listed in another order")
def moves_with_the_rows(card):
    """A random order of 60 rows; where a row has two values, those of the second views come after those of the first."""
    order, worst, count = np.random.default_rng(44).permutation(60), 0.0, 0
    for setting in settings(card, None):
        arrays = _points.ordinary(card, n=60, seed=45)
        before, after = values(card, arrays, setting), values(card, [a[order] for a in arrays], setting)
        moved = before.reshape(-1, 60)[:, order].ravel()
        worst, count = largest([worst, *(np.abs(after - moved) / (1e-6 + np.abs(moved)))]), count + len(moved)
    return Result(worst < 1e-9, "verified", count, worst)


@kind("the sum over the parts of a batch", "not the sum over the parts of a batch: in a part a row meets fewer others")
def sums_over_parts(card, *, at=None):
    """The sum over random batches (`at`: over that one) against those over its first and its second half."""
    worst, count = 0.0, 0
    batches = [_points.ordinary(card, n=20, seed=seed) for seed in range(20)]
    for arrays in batches if at is None else [[np.array(a) for a in at]]:
        half, setting = len(arrays[0]) // 2, settings(card, {})[0]
        whole, *parts = (
            float(card.function(*some, reduction="sum", **setting))
            for some in (arrays, [a[:half] for a in arrays], [a[half:] for a in arrays])
        )
        worst, count = largest([worst, abs(whole - sum(parts))]), count + 1
    return Result(worst < 1e-10, "verified", count, worst)


@kind("for each anchor equal to the largest triplet loss in the batch")
def hardest_of_all(card):
    """Every triplet of random batches of 12 rows in three groups."""
    other, worst, count = as_card("triplet"), 0.0, 0
    for setting, seed in itertools.product(settings(card, None), range(4)):
        rng = np.random.default_rng(seed)
        x, labels = rng.standard_normal((12, 3)), np.arange(12) % 3
        for anchor, found in enumerate(values(card, [x, labels], setting)):
            same = labels == labels[anchor]
            others = [p for p in np.flatnonzero(same) if p != anchor]
            p, n = np.array(list(itertools.product(others, np.flatnonzero(~same)))).T
            costs = values(other, [np.tile(x[anchor], (len(p), 1)), x[p], x[n]], setting)
            worst, count = largest([worst, abs(found - costs.max())]), count + len(p)
    return Result(worst < 1e-12, "enumerated", count, worst)


@kind("at least L_in, -log of the mean share of the positives, and above it where an anchor has several")
def above_l_in(card):
    """By Jensen's inequality. L_in puts the mean inside the logarithm; random batches of 40 rows in four groups."""
    smallest, reached, count = math.inf, 0.0, 0
    for setting, seed in itertools.product(settings(card, None), range(20)):
        x, labels = np.random.default_rng(seed).standard_normal((40, 3)), np.arange(40) % 4
        share, positive = _shares(x, labels, **setting)
        slack = values(card, [x, labels], setting) + np.log((share * positive).sum(1) / positive.sum(1))
        smallest, reached, count = -largest([-smallest, *-slack]), largest([reached, *slack]), count + len(slack)
    return Result(smallest > -1e-12 and reached > 0.1, "searched", count, smallest, message=f"largest difference {reached:.3g}")


def _shares(x, labels, temperature):
    """The softmax of the cosines of each row with the others, and which of these are its positives."""
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    weight = np.exp(x @ x.T / temperature) * (1 - np.eye(len(x)))
    return weight / weight.sum(1, keepdims=True), (labels[:, None] == labels) & ~np.eye(len(x), dtype=bool)


@kind("at least log P for an anchor with P positives, and close to that where groups are points on opposite sides: not 0")
def above_log_positives(card):
    """Random batches of 12 rows in groups of 2, 3, 4 and 6, then two groups at opposite points with temperature 0.05."""
    smallest, gap, count = math.inf, 0.0, 0
    for size in (2, 3, 4, 6):
        labels, positives = np.arange(12) // size, size - 1
        for setting, seed in itertools.product(settings(card, None), range(20)):
            found = values(card, [np.random.default_rng(seed).standard_normal((12, 3)), labels], setting)
            smallest, count = -largest([-smallest, *(math.log(positives) - found)]), count + len(found)
        point = np.array([[0.6, 0.0, 0.8]])
        best = values(card, [np.repeat([1.0, -1.0], size)[:, None] * point, np.repeat([0, 1], size)], {"temperature": 0.05})
        gap, count = largest([gap, *np.abs(best - math.log(positives))]), count + len(best)
    return Result(smallest > -1e-12 and gap < 1e-12, "searched", count, smallest, message=f"at opposite points {gap:.1g} above")


@kind(
    "for equal views spread evenly on a circle, less log(2n - 1), it tends to alignment plus uniformity: "
    "-1/temperature + log of the mean of exp(cosine / temperature), as n grows"
)
def alignment_and_uniformity(card):
    """The mean over the circle is the Bessel function I₀(1/temperature); the gap falls like 1/n from 16 to 512 examples."""
    from scipy.special import i0e

    worst, count, sizes = 0.0, 0, np.array([16, 64, 256, 512])
    for setting in settings(card, {"temperature": 0.5}) + settings(card, {"temperature": 1.0}):
        limit = np.log(i0e(1 / setting["temperature"]))  # log of e^-1/τ I₀(1/τ)
        gaps = []
        for n in sizes:
            angle = 2 * np.pi * np.arange(n) / n
            views = np.stack([np.cos(angle), np.sin(angle)], axis=1)
            gaps.append(values(card, [views, views], setting)[0] - np.log(2 * n - 1) - limit)
        extrapolated = (sizes[-1] * gaps[-1] - sizes[-2] * gaps[-2]) / (sizes[-1] - sizes[-2])  # what is left without the 1/n
        falls = bool(np.all(np.diff(np.abs(gaps)) < 0)) and abs(gaps[-1]) < 0.01
        worst, count = largest([worst, abs(extrapolated)]) if falls else math.nan, count + len(sizes)
    return Result(worst < 1e-4, "verified", count, worst, message=f"{worst:.1g} away from the limit after extrapolation")


# --- InfoNCE and information ----------------------------------------------------------------------------------------------

CRITICS = {
    "log p(y | x) - log p(y)": lambda joint: np.log(joint / joint.sum(1, keepdims=True) / joint.sum(0)),
    "log p(y | x)": lambda joint: np.log(joint / joint.sum(1, keepdims=True)),
}
BEST = "log p(y | x) - log p(y)"


def _laws():
    """Joint laws of x and y, each with two or three values: random ones, and one in which x all but tells y."""
    rng = np.random.default_rng(46)
    return [*(rng.dirichlet(np.ones(a * b)).reshape(a, b) for a, b in ((2, 2), (3, 3), (2, 3))), np.eye(3) * 0.32 + 0.04 / 9]


def _information(joint):
    return float(np.sum(joint * CRITICS[BEST](joint)))


def expected_loss(card, joint, critic, n, value=lambda losses: losses):
    """The exact mean of the loss of one row over all batches of n pairs of a law, whose own key is drawn with x and the others
    apart from it. Cosine / temperature is made equal to the critic: vectors of length 1 have any small enough products."""
    temperature = 0.9 / np.linalg.norm(critic, axis=1).max()
    inside = critic * temperature
    queries = np.concatenate([inside, np.sqrt(1 - np.sum(inside**2, axis=1, keepdims=True))], axis=1)
    keys, total, marginal = np.eye(critic.shape[1], queries.shape[1]), 0.0, joint.sum(0)
    for others in itertools.product(range(len(marginal)), repeat=n - 1):
        for x, y in np.ndindex(joint.shape):
            rows = [np.tile(queries[x], (n, 1)), keys[[y, *others]]]
            loss = values(card, rows, {"temperature": temperature, "symmetric": False})[0]
            total += joint[x, y] * marginal[list(others)].prod() * value(loss)
    return float(total)


def _without_the_positive(loss):
    """-log(e^s⁺ / Σ of the others), from -log of the share in the whole sum."""
    return loss + np.log(-np.expm1(-loss))


@kind(
    "log n less its expected value{denominator} is at most the mutual information and at most log n, with any critic",
    "log n less its expected value{denominator} can exceed both the mutual information and log n",
)
def bounds_information(card, *, denominator="", at=None):
    """Every batch of 2 and 3 pairs of four laws (`at`: of one), with the best critic and three random ones."""
    rng, worst, count, witness = np.random.default_rng(47), -math.inf, 0, None
    value = _without_the_positive if denominator else (lambda loss: loss)
    for joint, n in itertools.product(_laws() if at is None else [np.array(at)], (2, 3)):
        best = CRITICS[BEST](joint)
        for critic in (best, *(rng.normal(0, 2, joint.shape) for _ in range(3))) if at is None else [best]:
            bound = math.log(n) - expected_loss(card, joint, critic, n, value)
            excess, count = bound - min(math.log(n), _information(joint)), count + joint.size * joint.shape[1] ** (n - 1)
            if beyond(excess, worst):
                worst, witness = excess, {"law": joint.tolist(), "critic": critic.tolist(), "n": n}
    ok = worst <= 1e-12
    return Result(ok, "enumerated", count, worst, None if ok else witness, f"largest bound less the information {worst:.3g}")


@kind(
    "of all critics {critic} makes its expected value least",
    "{critic} is not the critic of least expected value",
)
def best_critic(card, *, critic, at=None):
    """Every batch of 3 pairs of four laws (`at`: of one): the critic against ten others, near it and far from it."""
    rng, worst, count = np.random.default_rng(48), math.inf, 0
    for joint in _laws() if at is None else [np.array(at)]:
        ours = CRITICS[critic](joint)
        least = expected_loss(card, joint, ours, 3)
        others = [ours + size * rng.standard_normal(joint.shape) for size in (0.01, 0.1, 1.0) for _ in range(3)]
        for other in others if critic == BEST else [*others, CRITICS[BEST](joint)]:
            worst, count = -largest([-worst, least - expected_loss(card, joint, other, 3)]), count + 1
    return Result(worst > 0, "enumerated", count, worst, message=f"another critic costs at least {worst:.3g} more")


@kind("with the best critic log n less its expected value grows with n, and stays below the mutual information")
def tightens(card):
    """Every batch of 1, 2, 3, 4 and 5 pairs of three laws: from 0 on, each step is a gain."""
    smallest, left, count = math.inf, math.inf, 0
    for joint in _laws()[:1] + _laws()[2:]:
        sizes = range(1, 6) if joint.size < 9 else range(1, 5)
        bounds = [math.log(n) - expected_loss(card, joint, CRITICS[BEST](joint), n) for n in sizes]
        smallest = -largest([-smallest, *-np.diff(bounds)])
        left, count = -largest([-left, bounds[-1] - _information(joint)]), count + len(bounds)
    return Result(smallest > 1e-6 and left > 1e-6, "enumerated", count, smallest, message=f"smallest gain {smallest:.3g}")


@kind(
    "the lower the temperature the more its gradient looks at the nearest negative alone: from 1/(n - 1) of the pull to all of it"
)
def focuses(card):
    """How hard one query pulls on the cosines of five negatives, at temperatures from 100 down to 0.01, by autograd."""
    import torch

    cosines = torch.tensor([0.5, 0.6, 0.45, 0.1, 0.0, -0.3], dtype=torch.float64)
    query = torch.cat([cosines, (1 - cosines.square().sum()).sqrt()[None]])  # its products with a basis are the cosines
    shares = []
    for temperature in (100.0, 10.0, 1.0, 0.3, 0.1, 0.03, 0.01):
        keys = torch.eye(6, 7, dtype=torch.float64, requires_grad=True)
        value = card.function(query.expand(6, 7), keys, temperature=temperature, reduction="none")[0]
        (slope,) = torch.autograd.grad(value, keys)
        pull = (slope.norm(dim=-1) / (1 - cosines.square()).sqrt())[1:]
        shares.append(float(pull[0] / pull.sum()))
    ok = bool(np.all(np.diff(shares) > 0)) and abs(shares[0] - 0.2) < 0.01 and shares[-1] > 0.9999
    return Result(ok, "verified", len(shares), shares[-1], message=f"shares from {shares[0]:.4f} to {shares[-1]:.4f}")


# --- SigLIP ---------------------------------------------------------------------------------------------------------------


@kind("where all cosines are equal, its best bias is -log(n - 1) - temperature · cosine: the log-odds of a match")
def best_bias(card):
    """The slope in the bias, by autograd, is 0 there and has the sign of the distance beside it."""
    import torch

    worst, count = 0.0, 0
    for n, temperature in itertools.product((2, 5, 30), (1.0, 10.0)):
        rows = torch.ones(n, 3, dtype=torch.float64)
        slopes = []
        for aside in (0.0, 1.0, -1.0):
            bias = torch.tensor(aside - math.log(n - 1) - temperature, dtype=torch.float64, requires_grad=True)
            total = card.function(rows, rows, temperature=temperature, bias=bias)
            slopes.append(float(torch.autograd.grad(total, bias)[0]))
        worst, count = largest([worst, abs(slopes[0])]) if slopes[2] < -0.01 < 0.01 < slopes[1] else math.nan, count + 1
    return Result(worst < 1e-12, "verified", count, worst)


@kind("with bias {bias} and embeddings at right angles, negatives make up {share!f} of its value, the positives the rest")
def share_of_negatives(card, *, bias, share):
    """Batches of n = 2, 8 and 64 rows: what the value loses with all negatives turned to the far side, by a huge temperature."""
    worst, count = 0.0, 0
    for n in (2, 8, 64):
        image, text = np.eye(2 * n)[:n], np.eye(2 * n)[n:]
        value = values(card, [image, text], {"temperature": 1.0, "bias": float(bias)})
        positive = values(card, [image[:1], text[:1]], {"temperature": 1.0, "bias": float(bias)})  # a batch without negatives
        found = 1 - positive[0] / value
        want = float(sympy.sympify(share).subs(sympy.Symbol("n"), n))
        worst, count = largest([worst, *np.abs(found - want)]), count + n
    return Result(worst < 1e-12, "verified", count, worst)
