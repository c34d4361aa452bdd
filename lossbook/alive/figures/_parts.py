"""What several figures are made of."""

import numpy as np

from ... import card
from ..._symbols import K, j
from .._expression import printed
from .._figure import Mark, Panel, Value, curve

INK = 4  # the colour of the text, in the order of plot.COLOURS


def point(name, x, y):
    """A single point to draw, from two values by their names."""
    return Value(name, ["list", ["list", x, y]], lambda v: [[getattr(v, x), getattr(v, y)]])


def formula(loss, names, part="formula"):
    """The formula of a Card, or its gradient, for the page. `names` go by the names of the arguments."""
    found = card(loss)
    symbols = {**found.symbols, "K": K, "j": j}
    expression = found.formula if part == "formula" else found.gradient_formula
    return printed(expression, {symbols[name]: target for name, target in names.items()})


def constant(value):
    return lambda v: value


def pairs(*columns):
    return np.column_stack([np.atleast_1d(np.asarray(column, float)) for column in columns])


def softmax(z):
    z = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return z / z.sum(axis=-1, keepdims=True)


def circle(points):
    turn = 2 * np.pi * np.arange(points) / (points - 1)
    return pairs(np.cos(turn), np.sin(turn))


def losses_and_slopes(losses, probe, *, ylim, slopes, xlabel):
    """Values and two panels for losses: {label: (name, fixed arguments, {parameter: name or number})}, all against the slider
    `probe`. `fixed` is the other argument of the loss.
    """
    values, above, below = [], [], []
    for i, (label, (name, target, parameters)) in enumerate(losses.items()):
        prediction = next(iter(card(name).symbols))

        def named(x, prediction=prediction, target=target, parameters=parameters):
            return {prediction: x, "target": target, **parameters}

        def arguments(v, parameters=parameters):
            return {key: getattr(v, of) if isinstance(of, str) else of for key, of in parameters.items()}

        def value(x, v, name=name, target=target, arguments=arguments):
            x = np.atleast_1d(np.asarray(x, float))
            return card(name).function(x, np.full_like(x, target), reduction="none", **arguments(v))

        def slope(x, v, name=name, target=target, arguments=arguments):
            x = np.atleast_1d(np.asarray(x, float))
            return card(name).gradient(x, np.full_like(x, target), **arguments(v))

        for what, part, truth, marks in (("loss", "formula", value, above), ("slope", "gradient", slope, below)):
            at_probe = formula(name, named(probe.name), part)
            values += [
                curve(f"{what}_curve_{i}", formula(name, named("x"), part), truth, probe.limits),
                Value(f"{what}_{i}", at_probe, lambda v, truth=truth: truth(getattr(v, probe.name), v)[0]),
                point(f"{what}_dot_{i}", probe.name, f"{what}_{i}"),
            ]
            shown = label if what == "loss" else ""
            marks += [
                Mark("line", f"{what}_curve_{i}", i, shown, dash=i),
                Mark("dots", f"{what}_dot_{i}", i),
            ]
    rows = (
        (Panel(probe.limits, ylim, tuple(above), title="loss", height=160),),
        (Panel(probe.limits, slopes, tuple(below), title="its derivative", xlabel=xlabel, height=120),),
    )
    return tuple(values), rows
