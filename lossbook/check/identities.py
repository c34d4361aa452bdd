"""Identities, invariances, limits and bounds."""

import itertools

import numpy as np
import sympy

from .. import _points
from .._exact import equal, exact
from .._result import Result
from ._kind import kind, largest, settings, values


@kind("equal to {name}")
def identity(card, *, expression, name, where=None):
    """The formula, with `where` substituted, equals another expression everywhere."""
    return equal(card.formula.subs(where or {}), expression, _points.given(card, without=where or {}))


@kind("its gradient is {name}")
def gradient_identity(card, *, expression, name, where=None, wrt=0):
    """The gradient formula equals an expression: mean minus target, for a loss with its canonical link."""
    return equal(card.slopes[wrt].subs(where or {}), expression, _points.given(card, without=where or {}))


@kind("unchanged when prediction and target trade places", "not symmetric in prediction and target")
def symmetric(card, at=None):
    """ℓ(a, b) = ℓ(b, a), the licence for the target to receive gradient."""
    first, last = card.prediction, card.target
    if at is not None:
        a, b = at["pair"]
        one, two = (exact(card.formula, _points.named(card, pair, at.get("params", {}))) for pair in ((a, b), (b, a)))
        return Result(one == two, "proved", 1, float(abs(one - two)))
    return equal(card.formula, card.formula.xreplace({first: last, last: first}), _points.given(card))


@kind(
    "multiplied by c^{degree} when prediction and target are multiplied by c",
    "not multiplied by c^{degree} when prediction and target are multiplied by c",
)
def homogeneous(card, *, degree, at=None):
    """How the loss answers a change of units."""
    factor = sympy.Symbol("c_", positive=True)
    first, last = card.prediction, card.target
    scaled = card.formula.subs({first: factor * first, last: factor * last}, simultaneous=True)
    if at is not None:
        point = _points.named(card, at["pair"], at.get("params", {}))
        one, two = exact(scaled, point | {factor: 2.0}), 2**degree * exact(card.formula, point)
        return Result(abs(one - two) < 1e-40, "proved", 1, float(abs(one - two)))
    return equal(scaled, factor**degree * card.formula, _points.given(card))


@kind("tends to {name} as {parameter} tends to {to}")
def limit(card, *, parameter, to, expression, name):
    """The gap to the limiting expression shrinks at each of five steps and ends below 1e-6 of its size."""
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
            limiting = exact(expression, _points.named(card, inputs, setting))
            gap = largest([gap, float(abs(card.exactly(inputs, setting) - limiting))])
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


@kind("an upper bound of the 0-1 loss after multiplication by {factor}", "not an upper bound of the 0-1 loss")
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
