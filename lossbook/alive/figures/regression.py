"""Regression: a line through points, thresholds, quantiles."""

from itertools import combinations

import numpy as np

from ... import card
from .._figure import Figure, Handle, Mark, Move, Panel, Slider, Value, curve
from ._parts import INK, constant, formula, losses_and_slopes, pairs, point


def _line(a, b, low, high):
    """The ends of a line with this intercept and slope."""
    return ["list", ["list", low, ["add", a, ["mul", low, b]]], ["list", high, ["add", a, ["mul", high, b]]]]


HEIGHTS = (2.2, 3.3, 2.9, 4.6, 4.1, 5.6, 5.3, 6.7, 1.6)


def _through_two(v):
    """Of the lines through two points the one with the least absolute error."""
    x, y = np.asarray(v.points, float).T
    i, k = np.array([pair for pair in combinations(range(len(x)), 2) if x[pair[0]] != x[pair[1]]]).T
    slope = (y[k] - y[i]) / (x[k] - x[i])
    lines = np.column_stack([y[i] - slope * x[i], slope])
    fitted = lines[:, :1] + lines[:, 1:] * x
    errors = card("absolute_error").function(fitted, np.broadcast_to(y, fitted.shape), reduction="none")
    return lines[np.argmin(errors.mean(axis=1).round(12))]


def _flat_point(loss, v, **parameters):
    """The line at which the gradient of the mean loss vanishes, by Powell's hybrid method from the least absolute residuals."""
    from scipy.optimize import root

    x, y = np.asarray(v.points, float).T

    def gradient(line):
        pull = card(loss).gradient(line[0] + line[1] * x, y, **parameters)
        return [pull.sum(), (pull * x).sum()]

    return root(gradient, _through_two(v), tol=1e-13).x


def robust_line():
    """A line through points that can be dragged: squared, absolute and Huber's loss answer."""
    points = ["list", *(["list", "x9" if i == 9 else i, f"y{i}"] for i in range(1, 10))]
    fits = {
        "squared": (["least_squares", "points"], lambda v: _flat_point("squared_error", v)),
        "absolute": (["least_absolute", "points"], _through_two),
        "huber": (["huber_line", "points", "delta"], lambda v: _flat_point("huber", v, delta=v.delta)),
    }
    values = [Value("points", points, lambda v: [[v.x9 if i == 9 else i, getattr(v, f"y{i}")] for i in range(1, 10)])]
    for i in range(1, 9):
        values.append(Value(f"x{i}", i, constant(i)))
    for name, (expression, truth) in fits.items():
        values += [
            Value(name, expression, truth),
            Value(f"{name}_slope", ["at", name, 2], lambda v, name=name: getattr(v, name)[1]),
            Value(
                f"{name}_line",
                _line(["at", name, 1], ["at", name, 2], 0, 10),
                lambda v, name=name: [[x, getattr(v, name)[0] + getattr(v, name)[1] * x] for x in (0, 10)],
            ),
        ]
    marks = (
        Mark("line", "squared_line", 1, "squared", dash=1),
        Mark("line", "absolute_line", 2, "absolute", dash=2),
        Mark("line", "huber_line", 3, "Huber"),
    )
    handles = [
        Handle(
            f"point {i} of 9",
            (f"x{i}", f"y{i}"),
            (
                *([Move("x9", "x", (0, 10), 0.1, 9, "x")] if i == 9 else []),
                Move(f"y{i}", "y", (0, 10), 0.1, height, "height"),
            ),
        )
        for i, height in enumerate(HEIGHTS, start=1)
    ]
    return Figure(
        alt="""Nine points that can be dragged and three straight lines through them, fitted by squared, absolute and Huber's
        loss. Eight points lie near a rising line, the last one far below: it turns the line of squared error, the other
        two hardly notice it.""",
        says="Slopes: squared {squared_slope:2}, absolute {absolute_slope:2}, Huber {huber_slope:2}. "
        "The last point stands at {y9:1}.",
        sliders=(Slider("delta", "Huber's threshold δ", (0.2, 5), 0.1, 0.5),),
        values=tuple(values),
        rows=((Panel((0, 10), (0, 10), marks, height=230),),),
        handles=tuple(handles),
    )


def huber_delta():
    """Huber's loss and its smooth relative against δ."""
    delta = Slider("delta", "threshold δ", (0.2, 3), 0.1, 1.0)
    probe = Slider("r", "residual", (-4, 4), 0.1, 2.5)
    values, rows = losses_and_slopes(
        {
            "Huber": ("huber", 0, {"delta": "delta"}),
            "pseudo-Huber": ("charbonnier", 0, {"scale": "delta"}),
        },
        probe,
        ylim=(0, 6),
        slopes=(-3.2, 3.2),
        xlabel="residual: prediction − target",
    )
    return Figure(
        alt="""Huber's loss and the pseudo-Huber loss against the residual, their derivatives below. Two sliders set the
        threshold and the residual at which both are read off. Huber's derivative is the residual up to the threshold,
        and the threshold from there on; the other one only comes near it.""",
        says="A residual of {r:1} with δ = {delta:1} costs {loss_0:3} (Huber) or {loss_1:3} (pseudo-Huber), "
        "and pulls with {slope_0:3} or {slope_1:3}.",
        sliders=(delta, probe),
        values=values,
        rows=rows,
    )


SALES = [0.3, 0.6, 0.9, 1.1, 1.4, 1.6, 1.9, 2.1, 2.4, 2.7, 3.0, 3.3, 3.6, 4.0, 4.4, 4.9, 5.4, 6.0, 6.8, 7.9, 9.3]


def quantile():
    """The mean pinball loss of a constant, and the quantile at its bottom."""

    def mean(a):
        return ["mul", ["sum", formula("pinball", {"pred": a, "target": ["at", "sales", "i"], "tau": "tau"}), "i", 21], 1 / 21]

    def truth(a, v):
        a = np.atleast_1d(np.asarray(a, float))
        return np.array([card("pinball").function(np.full(21, one), np.array(v.sales), tau=v.tau) for one in a])

    values = (
        Value(
            "below", ["sum", ["if", ["lt", ["at", "sales", "i"], "a"], 1, 0], "i", 21], lambda v: sum(s < v.a for s in v.sales)
        ),
        Value("best", ["at", "sales", ["ceil", ["mul", 21, "tau"]]], lambda v: min(v.sales, key=lambda s: truth(s, v)[0])),
        curve("cost_curve", mean("x"), truth, (0, 10)),
        Value("cost", mean("a"), lambda v: truth(v.a, v)[0]),
        Value("least", mean("best"), lambda v: truth(v.best, v)[0]),
        Value("row", ["each", ["list", ["at", "sales", "i"], 0], "i", 21], lambda v: pairs(v.sales, np.zeros(21))),
        Value("level", 0.55, constant(0.55)),
        Value("a_line", ["list", ["list", "a", -1], ["list", "a", 1]], lambda v: [[v.a, -1], [v.a, 1]]),
        Value("best_line", ["list", ["list", "best", -1], ["list", "best", 1]], lambda v: [[v.best, -1], [v.best, 1]]),
        point("a_dot", "a", "cost"),
        point("best_dot", "best", "least"),
    )
    return Figure(
        alt="""Twenty-one values on a line, a mark that can be dragged along them, and below it the mean pinball loss of a
        constant prediction. A slider sets the level; the loss is least at the value below which that share of the
        others lies.""",
        says="At τ = {tau:2} the line at {a:1} costs {cost:3}, with {below} of 21 values below it. "
        "The least cost, {least:3}, is at {best:1}.",
        sliders=(Slider("tau", "level τ", (0.05, 0.95), 0.05, 0.8),),
        values=values,
        rows=(
            (
                Panel(
                    (0, 10),
                    (-1, 1),
                    (
                        Mark("dots", "row", INK, "values", size=4, opacity=0.4),
                        Mark("line", "a_line", 0, "your line"),
                        Mark("line", "best_line", 1, "quantile", dash=1),
                    ),
                    height=70,
                    yticks={},
                ),
            ),
            (
                Panel(
                    (0, 10),
                    (0, 4),
                    (Mark("line", "cost_curve", INK), Mark("dots", "best_dot", 1), Mark("dots", "a_dot", 0, size=5.5)),
                    title="mean pinball loss",
                    xlabel="prediction",
                    height=140,
                ),
            ),
        ),
        handles=(Handle("your line", ("a", "level"), (Move("a", "x", (0, 10), 0.1, 2.5, "prediction"),)),),
        data={"sales": SALES},
    )
