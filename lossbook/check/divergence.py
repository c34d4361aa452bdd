"""Checks of divergences and of transport: between distributions, and between samples of them."""

import itertools
from fractions import Fraction

import mpmath
import numpy as np
import scipy
import sympy
from sympy.tensor.indexed import Indexed

from .. import _points
from .._exact import equal
from .._loss import Distribution
from .._result import Result
from .._symbols import K, Z, j, k, softmax
from ._kind import kind, largest, settings, values

ROUNDING = 1e-12


def _of_probabilities(card):
    return isinstance(next(iter(card.function.axes.values())), Distribution)


def _pairs(card, n=1000):
    """Pairs that are ordinary, far apart, and close together."""
    arrays = _points.ordinary(card, n=n, seed=51)
    rng = np.random.default_rng(52)
    yield arrays
    if _of_probabilities(card):
        far = np.exp(20 * rng.standard_normal((2, n, 4)))
        yield list(far / far.sum(-1, keepdims=True))
        half = rng.dirichlet([1.0, 1.0], n) / 2
        q = np.concatenate([half, half], axis=-1)  # p = (1 ± t) q adds up to 1, too
        yield [q * (1 + 10 ** rng.uniform(-3, -0.5, (n, 1)) * np.array([1, 1, -1, -1])), q]
    else:
        yield [0 * arrays[0], 0 * arrays[1] + 100]
        yield [arrays[0], 0 * arrays[1] + arrays[0][:, :1] + 1e-3 * arrays[1]]


# --- of all of them -----------------------------------------------------------------------------------------------------


@kind(
    "0 where the two are equal, and positive elsewhere",
    "not the case that it is 0 where the two are equal and positive elsewhere",
)
def zero_only_where_equal(card, *, params=None, at=None):
    """Random, far and close pairs (1e-4 apart or more), and each first argument with itself. `at` is one pair, in 50 digits."""
    if at is not None:
        value = card.exactly(list(at), _points.required(card) | (params or {}))
        ok = abs(value) < 1e-40 if np.array_equal(*at) else value > 0
        return Result(ok, "proved", 1, float(value), message=f"its value there is {float(value):.6g}")
    least, most, count = np.inf, 0.0, 0
    for setting in settings(card, params):
        for pair in _pairs(card, 300):
            differ = np.ones(300, bool) if not _of_probabilities(card) else np.abs(pair[0] - pair[1]).max(-1) > 1e-4
            least = -largest([-least, -values(card, pair, setting)[differ].min()])
            most = largest([most, abs(values(card, [pair[0], pair[0]], setting)).max()])
            count += len(pair[0])
    message = f"at least {least:.2g} elsewhere, at most {most:.2g} where equal"
    return Result(least > 10 * most and least > ROUNDING > most, "searched", count, most, message=message)


@kind("never above {bound!f}{name}, and comes close to it", "it can exceed {bound!f}")
def stays_below(card, *, bound, name="", params=None, at=None):
    """The largest value of random pairs, many of them far apart, lies within 0.1 % of the bound. `at` is one pair, exactly."""
    limit, highest, count = float(sympy.sympify(bound)), -np.inf, 0
    if at is not None:
        value = card.exactly(list(at), _points.required(card) | (params or {}))
        return Result(value <= limit, "proved", 1, float(value))
    for setting in settings(card, params):
        for pair in _pairs(card):
            highest, count = largest([highest, values(card, pair, setting).max()]), count + len(pair[0])
    ok = 0.999 * limit <= highest <= limit + ROUNDING
    return Result(ok, "searched", count, highest, message=f"largest value {highest:.6g}")


def _is_metric(word):
    def sentence(root="", **_):
        return word if root in ("", 1) else f"to the power 1/{root} {word}"

    return sentence


@kind(_is_metric("a metric: symmetric, and never longer by way of a third point"), _is_metric("not a metric"))
def metric(card, *, root, params=None, at=None):
    """Random triples: apart, and with the middle one close to, or between, the others. `at` is one triple, in 50 digits."""
    if at is not None:
        setting = _points.required(card) | (params or {})
        long, first, second = (card.exactly([at[a], at[b]], setting) ** mpmath.mpf(1 / root) for a, b in ((0, 2), (0, 1), (1, 2)))
        return Result(long <= first + second, "proved", 1, float(long - first - second))
    worst, count, rng = -np.inf, 0, np.random.default_rng(53)
    for setting in settings(card, params):
        a, b, c = (_points.ordinary(card, n=1000, seed=seed)[0] for seed in (54, 55, 56))
        share = rng.random((1000, *[1] * (a.ndim - 1)))
        for middle in (b, share * a + (1 - share) * c, 0.999 * a + 0.001 * b):

            def distance(x, y, setting=setting):
                return np.maximum(values(card, [x, y], setting), 0) ** (1 / root)

            excess = distance(a, c) - distance(a, middle) - distance(middle, c)
            uneven = np.abs(distance(a, middle) - distance(middle, a))
            worst, count = largest([worst, *excess, *(uneven - 1e-9)]), count + 1000
    return Result(worst < 1e-7, "searched", count, worst, message=f"largest excess over the way round {worst:.2g}")


# --- of probabilities ---------------------------------------------------------------------------------------------------


@kind("at least {name}, and comes close to it")
def at_least_as_much_as(card, *, name, other, params=None):
    """The smallest ratio to `other(p, q)` among random pairs, close and far ones, lies between 1 and 1.01."""
    smallest, count = np.inf, 0
    for setting in settings(card, params):
        for pair in _pairs(card):
            bound = np.asarray(other(*pair))
            ratio = values(card, pair, setting)[bound > 1e-6] / bound[bound > 1e-6]
            smallest, count = -largest([-smallest, *-ratio]), count + len(ratio)
    return Result(1 - 1e-9 <= smallest <= 1.01, "searched", count, smallest, message=f"smallest ratio {smallest:.6f}")


@kind("convex in both arguments together", "not convex in both arguments together")
def convex_in_both(card, *, params=None):
    """Random segments between pairs of distributions: mixtures of p's and of q's cost no more than on average."""
    rng, worst, count = np.random.default_rng(57), -np.inf, 0
    for setting in settings(card, params):
        first, second = (_points.ordinary(card, n=1000, seed=seed) for seed in (58, 59))
        share = rng.random((1000, 1))
        mixed = [share * a + (1 - share) * b for a, b in zip(first, second)]
        ends = [values(card, pair, setting) for pair in (first, second)]
        excess = values(card, mixed, setting) - share[:, 0] * ends[0] - (1 - share[:, 0]) * ends[1]
        worst, count = largest([worst, *(excess / (1 + ends[0] + ends[1]))]), count + 1000
    return Result(worst < ROUNDING, "searched", count, worst)


@kind("never larger after classes have been merged, or mixed by the same noise")
def loses_by_merging(card, *, params=None):
    """p and q through the same random stochastic matrix (the data-processing inequality), a third of them plain mergers."""
    rng, worst, count = np.random.default_rng(60), -np.inf, 0
    for setting in settings(card, params):
        p, q = _points.ordinary(card, n=900, seed=61)
        noise = rng.dirichlet([0.3] * 3, (900, 4))
        noise[:300] = np.eye(3)[rng.integers(0, 3, (300, 4))]
        before = values(card, [p, q], setting)
        after = values(card, [np.minimum((r[:, None] @ noise)[:, 0], 1.0) for r in (p, q)], setting)
        worst, count = largest([worst, *((after - before) / (1 + before))]), count + 900
    return Result(worst < ROUNDING, "searched", count, worst)


@kind("for {of} = softmax(z) its gradient in z is {name}")
def gradient_in_logits(card, *, of, name, expression):
    """The formula with softmax(z) in the place of one argument, differentiated, against the expression, for all K."""
    through = card.symbols[of]
    (other,) = (card.symbols[argument] for argument in card.function.axes if argument != of)
    formula = card.formula.replace(lambda e: isinstance(e, Indexed) and e.base == through, lambda e: softmax(Z, e.indices[0]))
    return equal(formula.diff(Z[j]), expression, [sympy.Eq(sympy.Sum(other[k], (k, 1, K)), 1)], points=60)


@kind("for f(t) = (1 - t^α) / (α (1 - α)) it tends to KL(p‖q) as α rises to 1, and to KL(q‖p) as α falls to 0")
def amari_limits(card):
    """The gap to either shrinks at each of four steps, about tenfold."""
    p, q = _points.ordinary(card, n=200, seed=62)
    ends = {1: values(card, [p, q], {"f": "kl"}), 0: values(card, [p, q], {"f": "reverse_kl"})}
    worst = 0.0
    for end, limit in ends.items():
        gaps = []
        for step in (1e-2, 1e-3, 1e-4, 1e-5):
            a = abs(end - step)
            gaps.append(np.max(np.abs(values(card, [p, q], {"f": lambda t, a=a: (1 - t**a) / (a * (1 - a))}) - limit)))
        worst = largest([worst, *(later / earlier for earlier, later in itertools.pairwise(gaps))])
    return Result(worst < 0.2, "verified", 1600, worst, message=f"each gap at most {worst:.3f} of the one before")


# --- of samples ---------------------------------------------------------------------------------------------------------

PLACES = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0]])
CHANCES = np.array([4, 1, 3]), np.array([1, 5, 2])  # in eighths, of X and of Y
KERNELS = {
    "gaussian": lambda d: np.exp(-(d**2) / 2),
    "minus distance": lambda d: -d,
}


def _samples(size):
    """All samples of `size` of the three places, as indices, with their probabilities under each law."""
    rows = np.array(list(itertools.product(range(3), repeat=size)))
    return rows, *((chances / 8)[rows].prod(1) for chances in CHANCES)


def _as_points(card, rows):
    """The places as the loss takes them: vectors, or numbers."""
    return PLACES[rows] if next(iter(card.function.axes.values())).trailing == 2 else PLACES[rows] @ np.array([1.0, 1.0])


@kind(
    "averaged over all samples of two laws it is the distance of the laws{plus}",
    "averaged over all samples of two laws it is not the distance of the laws{plus}",
)
def mean_over_pairs_of_samples(card, *, kernel, times=0, plus="", params=None, at=None):
    """Every pair of samples (`at`: of those two sizes) of two laws on three points, each with its probability.

    The distance of the laws is E k(X, X') + E k(Y, Y') - 2 E k(X, Y); `times` is what the spreads add.
    """
    gram = KERNELS[kernel](np.linalg.norm(PLACES[:, None] - PLACES, axis=-1))
    p, q = (chances / 8 for chances in CHANCES)
    worst, count = 0.0, 0
    for setting, (n, m) in itertools.product(settings(card, params), ((2, 2), (2, 3), (3, 2)) if at is None else [at]):
        (xs, of_x, _), (ys, _, of_y) = _samples(n), _samples(m)
        pairs = np.repeat(np.arange(len(xs)), len(ys)), np.tile(np.arange(len(ys)), len(xs))
        mean = (of_x[pairs[0]] * of_y[pairs[1]]) @ values(card, [PLACES[xs[pairs[0]]], PLACES[ys[pairs[1]]]], setting)
        spread = (gram[0, 0] - p @ gram @ p) / n + (gram[0, 0] - q @ gram @ q) / m
        worst = largest([worst, abs(mean - (p - q) @ gram @ (p - q) - times * spread)])
        count += len(pairs[0])
    return Result(worst < ROUNDING, "enumerated", count, worst)


@kind(
    "its gradient in x, averaged over all samples y of a law, is the gradient at the law itself",
    "its gradient in x, averaged over all samples y of a law, is not the gradient at the law itself",
)
def sample_gradients(card, *, params=None, at=None):
    """Every sample of 2 and of 3 (`at`: of so many) of a law on three points, which is itself the sample of its eight eighths."""
    x = np.array([[0.3, 0.4], [2.0, -1.0]])
    x = x if next(iter(card.function.axes.values())).trailing == 2 else x @ np.array([1.0, 1.0])
    worst, count = 0.0, 0
    for setting, size in itertools.product(settings(card, params), (2, 3) if at is None else [at]):
        rows, _, chance = _samples(size)
        slopes = card.gradients(np.repeat(x[None], len(rows), axis=0), _as_points(card, rows), **setting)[0]
        law = _as_points(card, np.repeat(np.arange(3), CHANCES[1]))
        mean = np.tensordot(chance, slopes, axes=1)
        worst, count = largest([worst, *np.abs(mean - card.gradients(x, law, **setting)[0]).ravel()]), count + len(rows)
    return Result(worst < ROUNDING, "enumerated", count, worst)


@kind("its mean over the samples of {size} from a coin of probability 3/5 is least for one of probability {best}")
def best_for_samples(card, *, size, best, params=None):
    """The coin with i heads among 90 sides, for i from 0 to 90, against every sample, with its binomial probability."""
    heads = np.arange(91)
    coins = (np.arange(90) < heads[:, None]).astype(float)
    vectors = next(iter(card.function.axes.values())).trailing == 2
    worst = 0.0
    for setting in settings(card, params):
        mean = np.zeros(91)
        for shown in range(size + 1):
            sample = np.tile((np.arange(size) < shown).astype(float), (91, 1))
            pair = [coins[..., None], sample[..., None]] if vectors else [coins, sample]
            mean += scipy.stats.binom.pmf(shown, size, 0.6) * values(card, pair, setting)
        worst = largest([worst, abs(heads[np.argmin(mean)] / 90 - float(Fraction(best)))])
    return Result(worst < 1e-9, "enumerated", 91 * (size + 1), worst)


# --- of transport -------------------------------------------------------------------------------------------------------


def transport_cost(x, y, power):
    """The least mean cost of a match of the points, each repeated until both samples are of one size: exact, by assignment."""
    x, y = (np.reshape(sample, (len(sample), -1)) for sample in (x, y))
    a, b = np.repeat(x, len(y), axis=0), np.repeat(y, len(x), axis=0)
    cost = np.linalg.norm(a[:, None] - b, axis=-1) ** power
    return cost[scipy.optimize.linear_sum_assignment(cost)].mean()


def _clouds(n=8):
    rng = np.random.default_rng(63)
    return rng.standard_normal((n, 4, 2)), rng.standard_normal((n, 5, 2)) + 0.5


@kind("the least mean cost of all ways to match the two samples")
def least_cost(card, *, params=None):
    """Against the exact solution of the assignment problem, for samples of 4 and 3 points."""
    worst, count = 0.0, 0
    for setting in settings(card, params):
        arrays = _points.ordinary(card, n=40, seed=64)
        want = np.array([transport_cost(x, y, setting["power"]) for x, y in zip(*arrays)])
        worst, count = largest([worst, *(np.abs(values(card, arrays, setting) / want - 1))]), count + 40
    return Result(worst < 1e-11, "verified", count, worst)


@kind("never above the cost of transport in space, and equal to it where all points lie on one of the directions")
def no_more_than_transport(card):
    """A projection brings no two points further apart; with one direction, and samples along it, nothing is lost."""
    worst, kept, (x, y) = -np.inf, 0.0, _clouds(20)
    for setting in settings(card, None):
        full = np.array([transport_cost(a, b, setting["power"]) for a, b in zip(x, y)])
        worst = largest([worst, *(values(card, [x, y], setting) / full - 1)])
        flat = [sample * np.array([1.0, 0.0]) for sample in (x, y)]
        full = np.array([transport_cost(a, b, setting["power"]) for a, b in zip(*flat)])
        kept = largest([kept, *np.abs(values(card, flat, setting | {"projections": [[1.0, 0.0]]}) / full - 1)])
    return Result(
        worst < 0 and kept < 1e-11, "searched", 60, worst, message=f"at most {1 + worst:.3f} of it; {kept:.1g} on a line"
    )


@kind("between the transport cost and that plus ε log(min(n, m))")
def no_less_than_transport(card):
    """The entropy of a plan, relative to the product of its marginals, is at most the logarithm of the smaller sample."""
    lowest, highest, (x, y) = np.inf, -np.inf, _clouds(20)
    for power, epsilon in itertools.product((1.0, 2.0), (10.0, 1.0, 0.1, 0.01)):
        excess = values(card, [x, y], {"epsilon": epsilon, "power": power}) - [transport_cost(a, b, power) for a, b in zip(x, y)]
        lowest, highest = -largest([-lowest, *-excess]), largest([highest, *(excess / epsilon / np.log(4))])
    ok = lowest > -ROUNDING and highest <= 1 + 1e-9
    return Result(ok, "searched", 160, lowest, message=f"smallest excess {lowest:.2g}, largest {highest:.3f} of ε log n")


@kind("its plan has the marginals 1/n and 1/m to the tolerance that is asked for")
def marginals(card):
    """The plans of eight pairs of samples, for ε from 10 down to 1e-3 and three tolerances."""
    from ..transport import _pairs, _plan, _potentials

    worst, count = 0.0, 0
    for epsilon, tolerance in itertools.product((10.0, 1.0, 0.1, 0.01, 1e-3), (1e-3, 1e-6, 1e-9)):
        cost = np.linalg.norm(_pairs(*_clouds()), axis=-1) ** 2
        plan = _plan(cost, *_potentials(cost, epsilon, tolerance), epsilon)
        off = [np.abs(plan.sum(axis) - 1 / size).sum(-1).max() for axis, size in ((-1, 4), (-2, 5))]
        worst, count = largest([worst, *(np.array(off) / tolerance)]), count + 8
    return Result(worst <= 1, "verified", count, worst, message=f"largest error: {worst:.2f} of the tolerance")


@kind("its gradient is that of the cost with the plan held constant (the envelope theorem)")
def envelope(card):
    """The gradient, made from one plan, against central differences of the value, in which the plan moves."""
    worst, step = 0.0, 1e-5
    for power, epsilon in ((2.0, 1.0), (2.0, 0.1), (1.0, 0.3)):
        setting = {"epsilon": epsilon, "power": power, "tolerance": 1e-12}
        arrays = _clouds(3)
        for part, slope in enumerate(card.gradients(*arrays, **setting)):
            for place in np.ndindex(arrays[part].shape[1:]):
                moved = [np.array(a) for a in arrays], [np.array(a) for a in arrays]
                for ends, side in zip(moved, (step, -step)):
                    ends[part][:, *place] += side
                rise = (values(card, moved[0], setting) - values(card, moved[1], setting)) / (2 * step)
                worst = largest([worst, *np.abs(rise - slope[:, *place])])
    return Result(worst < 1e-8, "verified", 162, worst)


@kind("tends to the transport cost as ε tends to 0")
def tends_to_transport(card):
    """The gap to the exact cost of eight pairs shrinks at each of five steps of ε and is below 1e-3 at ε = 1e-4."""
    worst = 0.0
    for power in (1.0, 2.0):
        (x, y), gaps = _clouds(), []
        exact = np.array([transport_cost(a, b, power) for a, b in zip(x, y)])
        for epsilon in (1.0, 0.1, 0.01, 1e-3, 1e-4):
            gaps.append(largest(np.abs(values(card, [x, y], {"epsilon": epsilon, "power": power}) - exact)))
        worst = largest([worst, gaps[-1], *(1.0 for a, b in itertools.pairwise(gaps) if not b < a)])
    return Result(worst < 1e-3, "verified", 80, worst, message=f"largest gap at ε = 1e-4: {worst:.2g}")
