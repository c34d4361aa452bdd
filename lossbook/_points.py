"""Where the checks look: ordinary and hard inputs for every domain that a Card names."""

import itertools

import numpy as np

from ._loss import LABELS

HARD = [0.0, 1e-8, 1e-4, 1.0, 20.0, 88.0, 100.0, 800.0, 1e4]
SIGNED = sorted({s * v for v in HARD for s in (1.0, -1.0)})

# domain -> (ordinary values drawn from an rng, hard values)
REALS = {
    "R": (lambda rng, n: 2 * rng.standard_normal(n), SIGNED),
    "R without 0": (lambda rng, n: rng.choice([-1.0, 1.0], n) * rng.gamma(2.0, 1.0, n), [v for v in SIGNED if v]),
    "(-1, inf)": (lambda rng, n: rng.gamma(1.5, 1.0, n) - 0.9, [-0.999, -0.5, *HARD]),
    "[0, 1]": (lambda rng, n: rng.random(n), [0.0, 1e-8, 0.3, 1.0]),
    "{0, 1}": (lambda rng, n: rng.integers(0, 2, n).astype(float), [0.0, 1.0]),
}
CONDITIONS = {  # domain -> what it demands of an array or of a symbol
    "R without 0": lambda v: v != 0,
    "(-1, inf)": lambda v: v > -1,
    "(0, 1)": lambda v: (v > 0) & (v < 1),
    "[0, 1)": lambda v: (v >= 0) & (v < 1),
    "[0, 1]": lambda v: (v >= 0) & (v <= 1),
}
PARAMETERS = {
    "(0, inf)": [1.0, 0.1, 3.0],
    "[0, inf)": [0.0, 0.5, 2.0],
    "(0, 1)": [0.5, 0.1, 0.9],
    "[0, 1)": [0.0, 0.1, 0.5],
    "R": [1.0, 2.0, 0.0, -2.0, 1.5, 1e-3],
}
LOGITS = [
    [0, 0, 0],
    [40, 0, -1],
    [-1e4, 0, 1e4],
    [800, 799, -800],
    [1e-8, 0, -1e-8],
    [88, -88, 20],
    [-30, -30, -29],
    [1e4, 1e4, 1e4],
]
VECTORS = [[1, 0, 0], [1e-4, 1, -20], [3, 3, 3], [-1, 1, 1e4], [0.5, -2, 1]]
MIXTURES = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.2, 0.8, 0], [0.25, 0.25, 0.5]]


def parameter_settings(card, overrides=None):
    """A handful of settings of the parameters: the defaults' domain values, varied together."""
    names = card.parameters
    choices = [(overrides or {}).get(name) or PARAMETERS[card.domain[name]] for name in names]
    longest = max(map(len, choices), default=1)
    return [{name: values[i % len(values)] for name, values in zip(names, choices)} for i in range(longest)]


def ordinary(card, n=40, seed=0):
    """n random examples, as the arrays the loss takes: scalars (n,), or rows (n, K) with K = 4 and labels as probabilities."""
    rng = np.random.default_rng(seed)
    arrays = []
    for name, kind in card.function.axes.items():
        if kind == LABELS:
            rows = np.concatenate([np.eye(4)[rng.integers(0, 4, n - n // 2)], rng.dirichlet(np.ones(4), n // 2)])
            arrays.append(rows)
        elif kind == 1:
            arrays.append(2 * rng.standard_normal((n, 4)))
        else:
            arrays.append(REALS[card.domain[name]][0](rng, n))
    return arrays


def hard(card):
    """Every combination of the hard values of the arguments: confident, tied, tiny, huge."""
    kinds = card.function.axes
    lists = []
    for name, kind in kinds.items():
        if kind == LABELS:
            lists.append(MIXTURES)
        elif kind == 1:
            lists.append(LOGITS if LABELS in kinds.values() else VECTORS)
        else:
            lists.append(REALS[card.domain[name]][1])
    columns = zip(*itertools.product(*lists))
    return [np.array(column, dtype=float) for column in columns]


def inside(card, arrays):
    """The examples that rounding to a shorter dtype has not pushed out of the domain."""
    keep = np.ones(len(arrays[0]), bool)
    for name, array in zip(card.function.axes, arrays):
        keep &= CONDITIONS.get(card.domain[name], lambda v: True)(array)
    return [array[keep] for array in arrays]


def given(card, without=()):
    """The domain as conditions on the symbols: ranges of scalars, and class probabilities that sum to 1."""
    scalars = {card.symbols[name]: where for name, where in card.domain.items() if where in CONDITIONS and where != "R without 0"}
    conditions = [CONDITIONS[where](symbol) for symbol, where in scalars.items() if symbol not in without]
    if LABELS in card.function.axes.values():
        from sympy import Eq, Sum

        from ._symbols import K, k

        conditions.append(Eq(Sum(card.target[k], (k, 1, K)), 1))
    return tuple(conditions)


def named(card, arrays, params):
    """One example as {symbol: value}, for the exact evaluation of a formula."""
    values = {card.symbols[name]: array for name, array in zip(card.function.axes, arrays)}
    return values | {card.symbols[name]: value for name, value in params.items()}
