"""Losses with a log link: how the gradient ranges, what spread the law has, how the loss answers a change of units."""

from dataclasses import replace

import numpy as np
import sympy

from .. import _points
from .._exact import equal, exact
from .._result import Result, beyond
from .._symbols import c
from ._kind import kind, largest, symbols_of, within_domain
from .convexity import is_nonnegative, proof
from .likelihood import _predictions, law


@kind("its link is canonical: the gradient is the mean minus the target", "its log link is not canonical")
def canonical(card, *, at=None):
    """The gradient is e^z - y, by SymPy. `at` holds one `point` and the `params`: there the two numbers must differ."""
    slope, wanted = card.slopes[0], sympy.exp(card.prediction) - card.target
    if at is None:
        return equal(slope, wanted, _points.given(card))
    point = _points.named(card, at["point"], at.get("params", {}))
    gap = abs(exact(slope, point) - exact(wanted, point))
    return Result(gap < 1e-40, "proved", 1, float(gap))


@kind("its gradient rises from {low} to {high} as the prediction goes from -∞ to ∞")
def gradient_range(card, *, low, high):
    """The loss is convex, so that the gradient never falls, and SymPy finds its limits at both ends."""
    slope, low, high = (within_domain(card, sympy.sympify(e)) for e in (card.slopes[0], low, high))
    ends = [(sympy.limit(slope, card.prediction, end), wanted) for end, wanted in ((-sympy.oo, low), (sympy.oo, high))]
    agree = all(found == wanted or sympy.simplify(found - wanted) == 0 for found, wanted in ends)
    return Result(agree and proof(card) != "", "proved", message=f"limits {ends[0][0]} and {ends[1][0]}")


@kind("its gradient tends to {name} as {parameter} tends to {to!f}")
def gradient_limit(card, *, parameter, to, expression, name):
    """SymPy's limit of the gradient formula is the expression."""
    slope, wanted = within_domain(card, card.slopes[0]), within_domain(card, expression)
    (symbol,) = within_domain(card, card.symbols[parameter]).free_symbols
    found = sympy.limit(slope, symbol, sympy.sympify(to))
    return Result(sympy.simplify(found - wanted) == 0, "proved", message=f"limit {found}")


@kind("its law has mean e^z and variance {variance}")
def moments(card, *, variance, params=None):
    """Both by summing, or integrating, over all targets with the probability exp(-loss), for each of six predictions."""
    worst, count, witness = 0.0, 0, None
    for setting, row in _predictions(card, params, None, n=6):
        targets, probability = law(card, row, setting)
        point = symbols_of(card, setting) | {card.prediction: float(row[0])}
        mean, spread = float(np.exp(row[0])), float(sympy.sympify(variance).subs(point))
        found = probability @ targets, probability @ (targets - mean) ** 2
        gap, count = largest([abs(found[0] / mean - 1), abs(found[1] / spread - 1)]), count + 1
        if beyond(gap, worst):
            worst, witness = gap, {"params": setting, "prediction": float(row[0]), "mean and variance": found}
    return Result(worst < 1e-9, "verified", count, worst, None if worst < 1e-9 else witness)


@kind("multiplied by c^({degree}) when mean and target are multiplied by c")
def rescaled(card, *, degree):
    """A change of units moves z by log c. Each piece of the formula is compared."""
    z, y, factor = card.prediction, card.target, c**degree
    results = []
    for formula, where in pieces(card.formula):
        moved = formula.subs({z: z + sympy.log(c), y: c * y}, simultaneous=True)
        results.append(_same(card, moved, factor.subs(where) * formula))
    return weakest(results)


@kind("never negative, and 0 only where the mean is the target")
def zero_only_at_the_target(card):
    """It is 0 at z = log y, and its slope has the sign of e^z - y: the quotient of the two is positive, as SymPy sees."""
    z, y = card.prediction, card.target
    at_target = [_same(card, formula.subs(z, sympy.log(y)), 0) for formula, _ in pieces(card.formula)]
    quotient = sympy.simplify(within_domain(card, card.slopes[0] / (sympy.exp(z) - y)))
    return weakest([*at_target, Result(bool(quotient.is_positive), "proved", message=f"slope / (e^z - y) = {quotient}")])


@kind("convex in the prediction for every {parameter} from {low} to {high}")
def convex_between(card, *, parameter, low, high):
    """With the parameter written as (low + high t) / (1 + t), t ≥ 0, SymPy sees that the second derivative is ≥ 0."""
    t, results = sympy.Symbol("t", nonnegative=True), []
    symbol = card.symbols[parameter]
    for formula, where in pieces(card.formula):
        second = formula.diff(card.prediction, 2)
        second = within_domain(card, second.subs(where or {symbol: (low + high * t) / (1 + t)}))
        results.append(Result(is_nonnegative(sympy.expand_power_exp(sympy.simplify(second))), "proved", message=str(second)))
    return weakest(results)


def _same(card, left, right):
    """Equal at points, and proved where SymPy can simplify the difference to 0."""
    result = equal(left, right, _points.given(card))
    gap = within_domain(card, sympy.sympify(left - right)).rewrite(sympy.exp)  # powers as exp of logarithms
    vanishes = sympy.simplify(sympy.expand(sympy.expand_power_exp(gap))) == 0
    return replace(result, grade="proved") if result and vanishes else result


def pieces(formula):
    """The pieces of a formula that has others at single values of a parameter: [(expression, {parameter: value})]."""
    if not isinstance(formula, sympy.Piecewise):
        return [(formula, {})]
    return [(piece, {} if where == True else {where.lhs: where.rhs}) for piece, where in formula.args]  # noqa: E712


def weakest(results):
    """What fails, else the result with the weakest grade."""
    return next((r for r in results if not r), max(results, key=lambda r: ("proved", "verified").index(r.grade)))
