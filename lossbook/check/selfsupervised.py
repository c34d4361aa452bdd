"""Embeddings without negatives, and margins in angles: what collapses, what repeats, and what an angle costs."""

import mpmath
import numpy as np
import sympy

from .. import _points
from .._result import Result
from ._kind import kind, largest, settings, values


def rescale_columns(rng, *batches):
    """Each column of each batch multiplied by its own positive number and shifted by its own constant."""
    return [b * rng.uniform(0.1, 10, (len(b), 1, b.shape[-1])) + rng.normal(0, 5, (len(b), 1, b.shape[-1])) for b in batches]


def shift_rows(rng, *batches):
    """One vector added to all rows of all batches."""
    shift = 3 * rng.standard_normal((len(batches[0]), 1, batches[0].shape[-1]))
    return [b + shift for b in batches]


def reorder(rng, *batches):
    """The rows of all batches in the same other order."""
    order = rng.permutation(batches[0].shape[-2])
    return [b[:, order] for b in batches]


# --- of a batch of rows and columns ---------------------------------------------------------------------------------------


@kind("its value is {value!f} where all rows of both batches are the same, and its gradient is 0 there: nothing leads out")
def at_collapse(card, *, value):
    """Batches of 2, 4 and 7 rows in 2, 3 and 5 dimensions D; the value is an expression in D and in the parameters."""
    rng, worst, count = np.random.default_rng(50), 0.0, 0
    for setting in settings(card, None):
        for n, d in ((2, 2), (4, 3), (7, 5)):
            batch = np.tile(rng.standard_normal(d), (n, 1))
            want = _number(value, setting | {"D": d})
            slopes = card.gradients(batch, batch, **setting)
            worst, count = largest([worst, abs(values(card, [batch, batch], setting) - want), *np.abs(slopes).ravel()]), count + 1
    return Result(worst < 1e-14, "verified", count, worst)


@kind("where the two batches are equal, moving all rows of one of them by a vector of squared length s adds {cost!f}")
def shift_of_one(card, *, cost):
    """Random batches and shifts; the cost is an expression in s, in the number of columns D, and in the parameters."""
    rng, worst, count = np.random.default_rng(51), 0.0, 0
    batch, _ = _points.ordinary(card, n=50, seed=52)
    for setting in settings(card, None):
        shift = rng.standard_normal((len(batch), 1, batch.shape[-1]))
        added = values(card, [batch, batch + shift], setting) - values(card, [batch, batch], setting)
        for got, s in zip(added, np.sum(shift**2, axis=(1, 2))):
            worst, count = largest([worst, abs(got - _number(cost, setting | {"s": s, "D": batch.shape[-1]}))]), count + 1
    return Result(worst < 1e-12, "verified", count, worst)


@kind("0, the least value, for {where}", "not 0 for {where}")
def costs_nothing(card, *, where, length=1.0, at=None):
    """Value and gradient are exactly 0 where both batches are the columns of a Hadamard matrix, times `length` or more, or `at`.

    These columns are at right angles to each other and to the constant; and no random value is below 0.
    """
    signs = np.array([[1, 1], [1, -1]])
    four = np.kron(signs, signs)[:, 1:] * length
    batches = [four, 2 * four[:, :2], four + 4] if at is None else [np.array(at, float)]
    worst, count = 0.0, 0
    for setting in settings(card, None):
        if at is None:
            worst, count = largest([worst, *-values(card, _points.ordinary(card, n=200, seed=53), setting)]), count + 200
        for batch in batches:
            slopes = np.abs(card.gradients(batch, batch, **setting)) if at is None else [0.0]
            worst, count = largest([worst, values(card, [batch, batch], setting), *np.ravel(slopes)]), count + 1
    return Result(worst < 1e-15, "verified", count, worst)


@kind(
    "with one encoder for prediction and target its gradient is the derivative of its value",
    "with one encoder for prediction and target its gradient is not the derivative of its value: the target is held constant",
)
def differentiates_both(card, *, at):
    """The encoder is a matrix W, prediction W x and target W x'. Its slope W ↦ loss(W x, W x'), by differences in 50 digits,
    against the gradient of the loss, which reaches W through the prediction alone."""
    (x, other), encoder = np.array(at["views"], float), np.array(at["encoder"], float)
    got = np.outer(card.gradients(encoder @ x, encoder @ other)[0], x)
    want, step = np.empty_like(encoder), mpmath.mpf(10) ** -20
    for index in np.ndindex(encoder.shape):
        with mpmath.workdps(50):
            ends = []
            for side in (step, -step):
                moved = mpmath.matrix(encoder.tolist())
                moved[index] += side
                ends.append(card.exactly([list(moved * mpmath.matrix(v.tolist())) for v in (x, other)], {}, 50))
            want[index] = float((ends[0] - ends[1]) / (2 * step))
    gap = largest(np.abs(got - want).ravel())
    return Result(gap < 1e-12, "verified", got.size, gap)


# --- of angles ------------------------------------------------------------------------------------------------------------


def _at_angles(angles):
    """Embeddings in a plane at these angles to the prototype of class 0, and all at a right angle to that of class 1."""
    angles = np.asarray(angles, float)
    return np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=-1), np.zeros(len(angles), int)


def _angular(card, params):
    """Margins up to the largest, with a scale at which no cost rounds to 0."""
    margins = [0.5, 0.0, 1.5] if params is None else [params["margin"]]
    return [{"prototypes": [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], "scale": 8.0, "margin": margin} for margin in margins]


@kind(
    "the cost of the label{form} rises with its angle, all the way from 0 to π",
    "the cost of the label{form} does not rise with its angle all the way from 0 to π",
)
def rises_with_angle(card, *, form="", logit=None, at=None):
    """On 2001 angles, or at the two given; `logit(angle, margin)` stands for the cosine of the label in another form."""
    worst, count = -np.inf, 0
    angles = np.linspace(0, np.pi, 2001) if at is None else np.array(at["angles"])
    for setting in _angular(card, at):
        if logit is None:
            costs = values(card, _at_angles(angles), setting)
        else:
            costs = np.log1p(np.exp(-setting["scale"] * logit(angles, setting["margin"])))
        worst, count = largest([worst, *-np.diff(costs)]), count + len(angles)
    return Result(worst < 0, "searched" if at is None else "verified", count, worst)


@kind(
    "continuous in the angle of the label: a step of δ changes it by at most scale · δ",
    "not continuous in the angle of the label",
)
def steady_in_angle(card, *, at=None):
    """On 2001 angles, or across the one given in a step of 2e-9."""
    worst, count = 0.0, 0
    angles = np.linspace(0, np.pi, 2001) if at is None else np.array([at["angle"] - 1e-9, at["angle"] + 1e-9])
    for setting in _angular(card, at):
        change = np.abs(np.diff(values(card, _at_angles(angles), setting)))
        worst, count = largest([worst, *(change / (setting["scale"] * np.diff(angles)))]), count + len(angles)
    return Result(worst < 1 + 1e-4, "searched" if at is None else "verified", count, worst)


@kind("its slope in the angle of the label is {slope!f} for θ < {below!f}, p the probability that the label keeps")
def slope_in_angle(card, *, slope, below):
    """The gradient along the circle, at 40 angles for each margin."""
    worst, count = 0.0, 0
    for setting in _angular(card, None):
        numbers = {name: setting[name] for name in ("margin", "scale")}
        angles = np.linspace(0.01, _number(below, numbers) - 0.01, 40)
        embeddings, labels = _at_angles(angles)
        along = np.stack([-np.sin(angles), np.cos(angles), 0 * angles], axis=-1)
        got = np.sum(card.gradients(embeddings, labels, **setting)[0] * along, axis=-1)
        p = np.exp(-values(card, [embeddings, labels], setting))
        want = [_number(slope, numbers | {"p": p_, "theta": angle}) for p_, angle in zip(p, angles)]
        worst, count = largest([worst, *np.abs(got - want)]), count + len(angles)
    return Result(worst < 1e-11, "verified", count, worst)


def _number(expression, symbols):
    """An expression in the names of the parameters and a few more, as a number."""
    names = {name: sympy.Symbol(name) for name in symbols}
    return float(sympy.sympify(expression, names).subs({names[name]: number for name, number in symbols.items()}))
