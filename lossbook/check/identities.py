"""Identities, invariances, limits and bounds."""

import itertools

import mpmath
import numpy as np
import sympy

from .. import _points
from .._exact import equal, exact, unroll
from .._result import Result
from .._symbols import K, text
from ._kind import as_card, kind, largest, settings, values


@kind("equal to {name}")
def identity(card, *, expression, name, where=None):
    """The formula, with `where` substituted, equals another expression everywhere."""
    formula = substituted(card.formula.subs(card.held), where or {})
    return equal(formula, expression, _points.given(card, without=where or {}))


@kind("its gradient is {name}")
def gradient_identity(card, *, expression, name, where=None, wrt=0):
    """The gradient formula equals an expression: mean minus target, for a loss with its canonical link."""
    slope = substituted(card.slopes[wrt].subs(card.held), where or {})
    return equal(slope, expression, _points.given(card, without=where or {}))


def substituted(formula, where):
    """With a number of classes given, the sums are written out, so that single entries can be given, too."""
    if K in where:
        formula = unroll(formula.subs(K, where[K]))
    return formula.subs({symbol: value for symbol, value in where.items() if symbol != K}, simultaneous=True)


@kind("unchanged when prediction and target trade places", "not symmetric in prediction and target")
def symmetric(card, at=None):
    """ℓ(a, b) = ℓ(b, a), the licence for the target to receive gradient."""
    if card.formula is None:
        a, b = _points.ordinary(card, n=100)
        gaps = [np.abs(values(card, [a, b], setting) - values(card, [b, a], setting)).max() for setting in settings(card, None)]
        return Result(largest(gaps) < 1e-12, "verified", 100 * len(gaps), largest(gaps))
    first, last = card.prediction, card.target
    if at is not None:
        a, b = at["pair"]
        one, two = (exact(card.formula, _points.named(card, pair, at.get("params", {}))) for pair in ((a, b), (b, a)))
        return Result(one == two, "proved", 1, float(abs(one - two)))
    return equal(card.formula, card.formula.xreplace({first: last, last: first}), _points.given(card))


def _scaled(degree="", along="prediction and target", **_):
    becomes = {0: "unchanged", 1: "multiplied by c", 2: "multiplied by c²"}
    return f"{becomes.get(degree, f'multiplied by c^{degree}')} when {along} are multiplied by c"


@kind(_scaled, lambda **options: f"not {_scaled(**options)}")
def homogeneous(card, *, degree, at=None, along="prediction and target"):
    """How the loss answers a change of units; `along` names what has that unit ("prediction, target and scale")."""
    factor = sympy.Symbol("c_", positive=True)
    first, last = card.prediction, card.target
    moved = [first, last, *(card.symbols[name] for name in card.parameters if name in along.replace(",", "").split())]
    scaled = card.formula.subs({symbol: factor * symbol for symbol in moved}, simultaneous=True)
    if at is not None:
        point = _points.named(card, at["pair"], at.get("params", {}))
        one, two = exact(scaled, point | {factor: 2.0}), 2**degree * exact(card.formula, point)
        return Result(abs(one - two) < 1e-40, "proved", 1, float(abs(one - two)))
    return equal(scaled, factor**degree * card.formula, _points.given(card))


@kind("{times}tends to {name} as {parameter} tends to {to!f}")
def limit(card, *, parameter, to, expression, name, times="", factor=1, where=None):
    """The gap to the limiting expression shrinks at each of five steps and ends below 1e-6 of its size.

    `factor` multiplies the loss before the limit is taken, `where` replaces symbols in it; `times` says so in the sentence.
    """
    symbol = card.symbols[parameter]
    powers = (2, 4, 6, 8, 10)
    steps = {"oo": [10.0**k for k in powers], "-oo": [-(10.0**k) for k in powers]}.get(to) or [
        float(to) + 10.0**-k for k in powers
    ]
    arrays, gaps = _points.ordinary(card, n=10, seed=5), []
    others = {name_: values for name_, values in _points.parameter_settings(card)[0].items() if name_ != parameter}
    for step in steps:
        gap = 0.0
        for i in range(10):
            inputs, setting = [a[i] for a in arrays], others | {parameter: step}
            point = _points.named(card, inputs, setting)
            with mpmath.workdps(60):
                if where is None:
                    value = card.exactly(inputs, setting, 60)
                else:
                    value = exact(card.formula.subs(where, simultaneous=True), point, 60)
                gone = exact(factor, point, 60) * value - exact(expression, point, 60)
            gap = largest([gap, float(abs(gone))])
        gaps.append(gap)
    shrinks = all(b < a or b < 1e-40 for a, b in itertools.pairwise(gaps))
    return Result(
        shrinks and gaps[-1] < 1e-6, "verified", 50, gaps[-1], message=f"gap at {symbol} = {steps[-1]:g}: {gaps[-1]:.1g}"
    )


@kind("unchanged when a constant is added to all logits")
def shift_invariant(card, *, params=None):
    """Only differences of logits count."""
    return _unchanged(card, lambda z, rng: z + rng.uniform(-50, 50, (len(z), 1)), params)


@kind("unchanged when the prediction is multiplied by a positive number")
def scale_invariant(card, *, params=None):
    """Only the direction of the prediction counts."""
    return _unchanged(card, lambda z, rng: z * rng.uniform(0.01, 100, (len(z), 1)), params)


def _unchanged(card, change, params):
    rng, worst, count = np.random.default_rng(7), 0.0, 0
    for setting in settings(card, params):
        first, *rest = _points.ordinary(card, n=500, seed=8)
        before, after = values(card, [first, *rest], setting), values(card, [change(first, rng), *rest], setting)
        worst, count = largest([worst, np.max(np.abs(before - after))]), count + 500
    return Result(worst < 1e-10, "verified", count, worst)


def _bound(factor="", **_):
    return "an upper bound of the 0-1 loss" + ("" if factor in ("", 1) else f" after multiplication by {text(factor)}")


@kind(_bound, "not an upper bound of the 0-1 loss")
def bounds_mistakes(card, *, factor, params=None, at=None):
    """factor · loss ≥ 1 wherever the sign of the logit is wrong or 0, and ≥ 0 elsewhere."""
    worst, count = np.inf, 0
    for setting in settings(card, params):
        for arrays in (
            (_points.ordinary(card, n=2000, seed=9), _points.hard(card)) if at is None else [[np.atleast_1d(v) for v in at]]
        ):
            logit, target = arrays[0], np.round(arrays[1])
            slack = float(factor) * values(card, [logit, target], setting) - ((2 * target - 1) * logit <= 0)
            worst, count = -largest([-worst, -slack.min()]), count + len(slack)
    return Result(worst >= -1e-12, "searched", count, worst, message=f"smallest slack {worst:.3g}")


@kind("like {name} for {residuals} residuals")
def behaves_like(card, *, expression, name, residuals="small"):
    """With target 0: as the residual shrinks to 1e-8, on either side, the ratio to the expression tends to 1; as it grows to 1e8,
    the difference from the expression tends to 0."""
    large = residuals == "large"
    powers = [2, 4, 6, 8] if large else [-2, -4, -6, -8]
    worst, count = 0.0, 0
    for setting in settings(card, None):
        for side in (1, -1):
            points = [_points.named(card, [side * 10.0**power, 0.0], setting) for power in powers]
            pairs = [(exact(card.formula, point), exact(expression, point)) for point in points]
            gaps = [abs(float(one - other if large else one / other - 1)) for one, other in pairs]
            if not all(b < a or b < 1e-14 for a, b in itertools.pairwise(gaps)):
                return Result(False, "verified", count, largest(gaps), {"params": setting, "gaps": gaps})
            worst, count = largest([worst, gaps[-1]]), count + len(powers)
    return Result(worst < 1e-6, "verified", count, worst)


@kind("grows with {parameter}", "does not always grow with {parameter}")
def grows_with(card, *, parameter, at=None):
    """At every ordinary point the loss rises, or stays, along the settings of one parameter (`at`: at that one point)."""
    others = {key: value for key, value in _points.parameter_settings(card)[0].items() if key != parameter}
    steps = sorted(_points.PARAMETERS[card.domain[parameter]])
    arrays = _points.ordinary(card, n=500, seed=6) if at is None else [np.atleast_1d(v) for v in at]
    rows = np.array([values(card, arrays, others | {parameter: step}) for step in steps])
    worst = -float(np.min(np.diff(rows, axis=0)))
    return Result(worst < 1e-12, "searched", rows.size, worst)


@kind("never longer by way of a third point: the triangle inequality holds", "the triangle inequality does not hold")
def triangle_inequality(card, *, at=None, triples=20_000):
    """ℓ(a, c) ≤ ℓ(a, b) + ℓ(b, c), on random triples, also of whole numbers, where much is equal, or on the one given."""
    if at is not None:
        a, b, c = at
        long, first, second = (card.exactly(pair, _points.required(card)) for pair in ((a, c), (a, b), (b, c)))
        return Result(long <= first + second, "proved", 1, float(long - first - second))
    worst = -np.inf
    for setting, rounded in itertools.product(settings(card, None), (np.asarray, np.round)):
        a, b, c = (rounded(_points.ordinary(card, n=triples, seed=seed)[0]) for seed in (21, 22, 23))
        excess = values(card, [a, c], setting) - values(card, [a, b], setting) - values(card, [b, c], setting)
        worst = largest([worst, excess.max()])
    return Result(worst < 1e-12, "searched", 2 * triples, worst)


@kind("its gradient stands at right angles to the prediction")
def gradient_is_perpendicular(card):
    """A step along the gradient turns the prediction and does not, to first order, lengthen it."""
    first, *rest = _points.ordinary(card, n=500, seed=12)
    slope = card.gradients(first, *rest, **_points.required(card))[0]
    cosines = np.abs(np.sum(slope * first, axis=-1)) / (np.linalg.norm(slope, axis=-1) * np.linalg.norm(first, axis=-1))
    return Result(cosines.max() < 1e-12, "verified", 500, largest(cosines))


@kind("equal to {name}", "not equal to {name}")
def coincides(card, *, other, name, where=None, params=None, at=None):
    """The function returns what `other(*arrays, **params)` computes in another way, at ordinary and at hard points; or, where the
    two are the same in a special case only, what `other(*arrays)` is on the random arrays `where(rng)`."""
    worst, count = 0.0, 0
    for setting in settings(card, params):
        if at is not None:
            batches = [[np.asarray(a, dtype=float) for a in at]]
        elif where is not None:
            batches = [where(np.random.default_rng(6))]
        else:
            batches = [_points.ordinary(card, n=200, seed=13), _points.hard(card)]
        for arrays in batches:
            theirs = np.asarray(other(*arrays) if where is not None else other(*arrays, **setting))
            ours = values(card, arrays, setting)
            gaps = np.abs(ours - theirs) / np.maximum(np.abs(theirs), max(card.terms, 1e-4))
            worst, count = largest([worst, gaps.max()]), count + gaps.size
    return Result(worst < 1e-11, "verified", count, worst)


@kind("equal to {other}{when}")
def equals(card, *, other, arguments, when="", params=None):
    """The values are those of another loss of the package. `arguments(*arrays)` makes this loss's arguments of the other's."""
    other, worst, count = as_card(other), 0.0, 0
    for setting in settings(other, None):
        arrays = _points.ordinary(other, n=200, seed=20)
        ours = values(card, arguments(*arrays), _points.required(card) | (params or {}))
        theirs = values(other, arrays, setting)
        gap = np.abs(ours - theirs) / np.maximum(np.abs(theirs), max(card.terms, 1e-8))
        worst, count = largest([worst, gap.max()]), count + len(gap)
    return Result(worst < 1e-12, "verified", count, worst)


@kind("unchanged when the {what} trade places")
def permutation_invariant(card, *, what, params=None):
    """A random permutation of the last axis of every argument that has one leaves each value as it was."""

    def change(rng, *arrays):
        order = rng.permutation(arrays[0].shape[-1])
        return [a[..., order] if a.ndim > 1 else a for a in arrays]

    return unchanged(card, when=what, change=change, params=params)


@kind("unchanged when {when}", "not unchanged when {when}")
def unchanged(card, *, when, change, params=None):
    """The value is the same after `change(rng, *arrays)`."""
    return after(card, lambda rng, arrays: (change(rng, *arrays), 1.0), params)


def after(card, change, params):
    worst, count = 0.0, 0
    for setting in settings(card, params):
        arrays = _points.ordinary(card, n=300, seed=8)
        moved, factor = change(np.random.default_rng(7), arrays)
        before, after = factor * values(card, arrays, setting), values(card, moved, setting)
        worst, count = largest([worst, *(np.abs(after - before) / np.maximum(np.abs(before), 1e-3 * factor))]), count + 300
    return Result(worst < 1e-9, "verified", count, worst)
