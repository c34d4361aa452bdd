"""Sums over alignments, held against what they sum: every alignment of labels with steps, every warping path of two series."""

import functools
import inspect
import itertools
import math
from dataclasses import replace

import numpy as np
import scipy

from .. import _points
from .._result import Result
from .._xp import is_torch, namespace
from ._kind import as_card, kind, largest, settings, values

STEPS, CLASSES = 6, 4  # 4096 alignments


# --- CTC ----------------------------------------------------------------------------------------------------------------


def read(alignment, blank):
    """The labels that an alignment stands for: equal neighbours merged, then blanks left out."""
    return tuple(c for c, _ in itertools.groupby(alignment) if c != blank)


def strings(symbols, longest):
    """All strings of labels up to a length, as the arrays that CTC takes: labels, padded with -1, and their lengths."""
    found = [s for length in range(longest + 1) for s in itertools.product(symbols, repeat=length)]
    return found, np.array([[*s, *[-1] * (longest - len(s))] for s in found]), np.array([len(s) for s in found])


def _likelihoods(card, logits, blank):
    """e^-loss of every string of up to T labels, for one sequence of logits (T, K), by string."""
    found, labels, lengths = strings([c for c in range(logits.shape[1]) if c != blank], len(logits))
    batch = np.repeat(logits[:, None], len(found), axis=1)
    loss = values(card, [batch, labels, np.full(len(found), len(logits)), lengths], {"blank": blank})
    return dict(zip(found, np.exp(-loss)))


def _logits(count):
    rng = np.random.default_rng(40)
    return [scale * rng.standard_normal((STEPS, CLASSES)) for scale in (0.0, 1.0, 5.0)[:count]]


@kind("e^-loss is the sum of the probabilities of all alignments that read as the labels")
def sums_alignments(card):
    """All 4096 alignments of 6 steps and 4 classes, for every string of up to 6 labels; class 0 or class 3 is the blank."""
    worst, count = 0.0, 0
    for logits, blank in itertools.product(_logits(3), (0, CLASSES - 1)):
        p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        likelihoods = _likelihoods(card, logits, blank)
        wanted = dict.fromkeys(likelihoods, 0.0)
        for alignment in itertools.product(range(CLASSES), repeat=STEPS):
            wanted[read(alignment, blank)] += math.prod(p[t, c] for t, c in enumerate(alignment))
        gaps = [abs(likelihoods[s] - total) / total if total else likelihoods[s] for s, total in wanted.items()]
        worst, count = largest([worst, *gaps]), count + CLASSES**STEPS
    return Result(worst < 1e-12, "enumerated", count, worst)


@kind("a likelihood of strings: over all strings of labels e^-loss sums to 1")
def strings_sum_to_one(card):
    """All 1093 strings of up to 6 labels out of 3, for 6 steps; no longer one has an alignment."""
    totals = [sum(_likelihoods(card, logits, 0).values()) for logits in _logits(3)]
    worst = largest(np.abs(np.array(totals) - 1))
    return Result(worst < 1e-12, "enumerated", 3 * 1093, worst)


@kind("+∞ with gradient 0 exactly where there are fewer steps than labels and blanks between equal ones")
def infinite_without_alignment(card):
    """All strings of up to 5 labels out of 2, for 0 to 5 steps; elsewhere the value is finite and the gradient is not 0."""
    found, labels, lengths = strings([1, 2], 5)
    needed = np.array([len(s) + sum(a == b for a, b in itertools.pairwise(s)) for s in found])
    logits, right = np.random.default_rng(41).standard_normal((5, len(found), 3)), True
    for steps in range(6):
        arrays = [logits, labels, np.full(len(found), steps), lengths]
        impossible = needed > steps
        loss, slope = values(card, arrays, {}), np.abs(card.gradient(*arrays)).sum((0, 2))
        right &= bool(np.all(np.isinf(loss) == impossible) and np.all(loss[impossible] > 0))
        right &= bool(np.all((slope == 0) == (impossible | (steps == 0))))
    return Result(right, "enumerated", 6 * len(found))


@kind("its gradient sums to 0 over the classes of each step")
def balanced_steps(card):
    """At ordinary logits, of which some steps do not count."""
    slopes = np.asarray(card.gradient(*_points.ordinary(card, n=300, seed=8)))
    worst = largest(np.abs(slopes.sum(-1)))
    return Result(worst < 1e-12 and np.abs(slopes).max() > 0.1, "verified", slopes[..., 0].size, worst)


def on_sequences(check):
    """The same check, looking at sequences one by one; its claims read the same."""

    @functools.wraps(check)
    def one_by_one(loss, **options):
        return check(by_sequence(loss), **options)

    return one_by_one


def by_sequence(loss):
    """The card of the same loss with the sequences on the first axis, where the other checks look for examples."""
    card = as_card(loss)

    def time_first(logits, labels, logit_lengths, label_lengths):
        if is_torch(logits):
            return logits.movedim(1, 0), labels.long(), logit_lengths.long(), label_lengths.long()
        return np.moveaxis(logits, 1, 0), *(np.asarray(a).astype(int) for a in (labels, logit_lengths, label_lengths))

    def function(*arrays, **options):
        return card.function(*time_first(*arrays), **options)

    def gradient(*arrays, **params):
        slopes = card.gradient(*time_first(*arrays), **params)
        return namespace(slopes).moveaxis(slopes, 0, 1)

    function.__name__, function.__signature__ = card.name, inspect.signature(card.function)
    function.__dict__ |= card.function.__dict__
    return replace(card, function=function, gradient=gradient, domain=card.domain | {"logits": "R^(T x K)"})


# --- soft-DTW -----------------------------------------------------------------------------------------------------------


def dtw(x, y, **_):
    """Dynamic time warping of series (n, T, D) and (n, U, D) with squared distances, cell by cell."""
    cost = ((x[..., :, None, :] - y[..., None, :, :]) ** 2).sum(-1)
    best = np.full(np.add(cost.shape, (*[0] * (cost.ndim - 2), 1, 1)), np.inf)
    best[..., 0, 0] = 0.0
    for i, j in np.ndindex(cost.shape[-2:]):
        before = np.minimum(np.minimum(best[..., i, j], best[..., i + 1, j]), best[..., i, j + 1])
        best[..., i + 1, j + 1] = cost[..., i, j] + before
    return best[..., -1, -1]


def warping_paths(rows, columns):
    """All paths from (0, 0) to the last cell by steps down, right and diagonal."""
    if rows == columns == 1:
        return [[(0, 0)]]
    last, before = (rows - 1, columns - 1), [(rows - 1, columns), (rows, columns - 1), (rows - 1, columns - 1)]
    return [[*path, last] for r, c in before if r and c for path in warping_paths(r, c)]


def count_paths(rows, columns):
    """Their number, the Delannoy number, by its formula."""
    return sum(math.comb(rows - 1, k) * math.comb(columns - 1, k) * 2**k for k in range(min(rows, columns)))


@kind("at most {name}, and comes arbitrarily close to it", "not always at most {name}")
def at_most(card, *, reference, name, params=None):
    """No point lies above `reference(*arrays, **params)`, by more than rounding, and some point lies within 1e-3 of it."""
    highest, closest, count = -np.inf, np.inf, 0
    for setting in settings(card, params):
        for arrays in (_points.ordinary(card, n=3000, seed=14), _points.hard(card)):
            ceiling = np.asarray(reference(*arrays, **setting))
            excess = values(card, arrays, setting) - ceiling
            highest = largest([highest, *(excess / np.maximum(np.abs(ceiling), 1))])
            closest, count = min(closest, np.abs(excess).min()), count + excess.size
    message = f"largest excess {highest:.3g}, smallest distance {closest:.3g}"
    return Result(highest <= 1e-12 and closest < 1e-3, "searched", count, highest, message=message)


@kind("tends to {name} as {parameter} tends to 0")
def approaches(card, *, reference, name, parameter):
    """The gap to `reference(*arrays)` shrinks with each of six steps of the parameter from 1 to 1e-5, at last below 1e-4."""
    arrays = _points.ordinary(card, n=200, seed=18)
    wanted = np.asarray(reference(*arrays))
    gaps = [largest(np.abs(values(card, arrays, {parameter: 10.0**-power}) - wanted)) for power in range(6)]
    shrinks = all(b < a or b < 1e-12 for a, b in itertools.pairwise(gaps))
    return Result(shrinks and gaps[-1] < 1e-4, "verified", 200 * len(gaps), gaps[-1])


@kind("never negative", "negative at some points")
def never_negative(card, *, params=None, at=None):
    """Ordinary and hard points, and the lowest that descent in both series finds from 4 starts; `at` is one point, exactly."""
    if at is not None:
        value = card.exactly(at, params or {})
        return Result(value >= 0, "proved", 1, float(value))
    lowest, count = np.inf, 0
    for setting in settings(card, params):
        for arrays in (_points.ordinary(card, n=1000, seed=3), _points.hard(card)):
            found = values(card, arrays, setting)
            lowest, count = -largest([-lowest, -found.min()]), count + len(found)
        for x, y in zip(*_points.ordinary(card, n=4, seed=4)):
            found = _descend(lambda v, setting=setting: _both(card, v[0], v[1], setting), [x, y]).fun
            lowest, count = -largest([-lowest, -found]), count + 1
    return Result(lowest >= -1e-12, "searched", count, lowest, message=f"lowest value found: {lowest:.3g}")


def _both(card, x, y, setting):
    """Value and gradient in both series of a loss that is symmetric in them."""
    return float(card.function(x, y, **setting)), [card.gradient(x, y, **setting), card.gradient(y, x, **setting)]


def _descend(function, starts):
    """The lowest value that BFGS finds, moving all the arrays that `function` takes as a list."""
    shapes, ends = [s.shape for s in starts], np.cumsum([s.size for s in starts])[:-1]

    def flat(v):
        value, slopes = function([part.reshape(shape) for part, shape in zip(np.split(v, ends), shapes)])
        return value, np.concatenate([np.ravel(slope) for slope in slopes])

    return scipy.optimize.minimize(
        flat, np.concatenate([np.ravel(s) for s in starts]), jac=True, options={"gtol": 1e-8, "maxiter": 60}
    )


@kind("0 where the two series are equal", "not 0 where the two series are equal")
def zero_at_equality(card, *, params=None, at=None):
    """ℓ(x, x) = 0 for ordinary and hard series, or for the one given, exactly."""
    if at is not None:
        value = card.exactly([at, at], params or {})
        return Result(value == 0, "proved", 1, abs(float(value)), message=f"value {float(value):.6g}")
    worst, count = 0.0, 0
    for setting in settings(card, params):
        for x, *_ in (_points.ordinary(card, n=300, seed=8), _points.hard(card)):
            worst, count = largest([worst, *np.abs(values(card, [x, x], setting))]), count + len(x)
    return Result(worst == 0, "verified", count, worst)


@kind("for a given series least where the other is equal", "for a given series not least where the other is equal")
def least_at_equality(card, *, params=None, at=None):
    """Descent from 5 starts of the same length finds nothing lower than ℓ(x, x); `at` is x and a series that may be lower."""
    if at is not None:
        x, other = at
        excess = card.exactly([other, x], params or {}) - card.exactly([x, x], params or {})
        return Result(excess >= 0, "proved", 1, float(excess), message=f"{float(excess):.6g} from the value at equality")
    rng, lowest, count = np.random.default_rng(42), np.inf, 0
    for setting in settings(card, params):
        for y in _points.ordinary(card, n=5, seed=19)[0]:

            def from_y(v, y=y, setting=setting):
                return float(card.function(v[0], y, **setting)), [card.gradient(v[0], y, **setting)]

            excess = _descend(from_y, [rng.standard_normal(y.shape)]).fun - float(card.function(y, y, **setting))
            lowest, count = -largest([-lowest, -excess]), count + 1
    return Result(lowest > -1e-10, "searched", count, lowest, message=f"lowest value found: {lowest:.3g} from that at equality")


@kind("0 for the same series at another speed", "not 0 for the same series at another speed")
def ignores_speed(card, *, at, params=None):
    """`at` is a series and the same one with steps repeated."""
    value = card.exactly(at, params or {})
    return Result(abs(value) < 1e-40, "proved", 1, abs(float(value)), message=f"value {float(value):.6g}")


@kind("its derivative in a cost that is added to all cells is the expected number of cells on a path")
def expected_path_length(card):
    """A feature that is ½ in x and 0 in y adds ¼ everywhere, and its gradient is the sum of the probabilities E_ij of a row.

    All paths of series of 3 and of 4 steps are listed, each with the probability e^(-cost / γ) / Σ.
    """
    rng, worst, paths = np.random.default_rng(43), 0.0, warping_paths(3, 4)
    lengths = np.array([len(path) for path in paths])
    for setting in settings(card, None):
        for _ in range(20):
            x, y = rng.standard_normal((3, 2)), rng.standard_normal((4, 2))
            x[:, 1], y[:, 1] = 0.5, 0.0
            cost = ((x[:, None] - y[None]) ** 2).sum(-1)
            scores = np.array([-sum(cost[cell] for cell in path) for path in paths]) / setting["gamma"]
            chance = np.exp(scores - scores.max())
            wanted = lengths @ chance / chance.sum()
            worst = largest([worst, abs(card.gradient(x, y, **setting)[:, 1].sum() - wanted)])
    return Result(worst < 1e-12, "enumerated", 60 * len(paths), worst)
