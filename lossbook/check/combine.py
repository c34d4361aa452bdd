"""Several losses at once: which trade-offs a combination of them finds."""

import numpy as np
import sympy

from .._result import Result
from ._kind import kind, values


@kind("with weights > 0 its optimum is a trade-off: no other point is better in one loss and no worse in the rest")
def best_is_a_trade_off(card):
    """Among 30 random points of 3 losses with positive weights, 300 times: nothing dominates the one of least value."""
    rng, dominated = np.random.default_rng(23), 0
    for _ in range(300):
        points, weights = rng.integers(0, 6, (30, 3)).astype(float), rng.gamma(1.0, 1.0, 3) + 1e-3
        best = points[np.argmin(values(card, [points, np.tile(weights, (30, 1))], {}).sum(-1))]
        dominated += bool(((points <= best).all(-1) & (points < best).any(-1)).any())
    return Result(dominated == 0, "searched", 300, float(dominated))


@kind("every trade-off is the optimum for some weights", "a trade-off may be the optimum for no weights at all")
def reaches_every_trade_off(card, *, at):
    """Three points (two losses each): whatever the weights, the middle one costs more than the mean of the two at the ends."""
    weights = sympy.symbols("w_1 w_2", positive=True)

    def total(point):
        parts = zip(weights, point, strict=True)
        return sum(card.formula.subs({card.target: w, card.prediction: sympy.Rational(str(x))}) for w, x in parts)

    one, middle, other = map(total, at)
    excess = sympy.expand(middle - (one + other) / 2)
    return Result(not excess.is_positive, "proved", len(at), message=f"the middle costs {excess} more than the mean of the ends")
