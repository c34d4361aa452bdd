"""Where the checks look: ordinary and hard inputs for every domain that a Card names. Examples have K = 4 classes or items."""

import itertools

import numpy as np

from ._loss import Labels

HARD = [0.0, 1e-8, 1e-4, 1.0, 20.0, 88.0, 100.0, 800.0, 1e4]
SIGNED = sorted({s * v for v in HARD for s in (1.0, -1.0)})
LOGITS = [
    [0, 0, 0, 0],
    [40, 0, -1, 2],
    [-1e4, 0, 1e4, 5],
    [800, 799, -800, 0],
    [1e-8, 0, -1e-8, 0],
    [88, -88, 20, 21],
    [-30, -30, -29, -31],
    [1e4, 1e4, 1e4, 1e4],
]
VECTORS = [[1, 0, 0, 0], [-2, 0, 0, 0], [1e-4, 1, -20, 2], [3, 3, 3, 3], [-1, 1, 1e4, 0], [0.5, -2, 1, 0.1]]
MIXTURES = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0.2, 0.8, 0, 0], [0.25, 0.25, 0.375, 0.125]]

# domain -> (n ordinary values drawn from an rng, hard values); for arrays a value is one row
DOMAINS = {
    "R": (lambda rng, n: 2 * rng.standard_normal(n), SIGNED),
    "R without 0": (lambda rng, n: rng.choice([-1.0, 1.0], n) * rng.gamma(2.0, 1.0, n), [v for v in SIGNED if v]),
    "(-1, inf)": (lambda rng, n: rng.gamma(1.5, 1.0, n) - 0.9, [-0.999, -0.5, *HARD]),
    "(0, inf)": (lambda rng, n: rng.gamma(1.5, 1.0, n) + 1e-3, [1e-8, 1e-4, 0.5, 1.0, 20.0, 800.0, 1e4]),
    "[0, inf)": (lambda rng, n: rng.gamma(1.5, 1.0, n), HARD),
    "(0, inf), for power < 2 also 0": (lambda rng, n: rng.gamma(1.5, 1.0, n) + 1e-3, [1e-8, 1e-4, 0.5, 1.0, 20.0, 800.0, 1e4]),
    "[0, 1]": (lambda rng, n: rng.random(n), [0.0, 1e-8, 0.3, 1.0]),
    "{0, 1}": (lambda rng, n: rng.integers(0, 2, n).astype(float), [0.0, 1.0]),
    "{0, 1, 2, ...}": (lambda rng, n: rng.poisson(3.0, n).astype(float), [0.0, 1.0, 2.0, 7.0, 100.0, 1e4]),
    "times": (lambda rng, n: rng.integers(1, n, n).astype(float), [1.0, 2.0, 2.0, 3.0]),
    "log of a scale": (lambda rng, n: rng.standard_normal(n), [-20.0, -3.0, 0.0, 1e-8, 4.0, 20.0]),
    "R^K": (lambda rng, n: 2 * rng.standard_normal((n, 4)), LOGITS),
    "R^K without 0": (lambda rng, n: 2 * rng.standard_normal((n, 4)), VECTORS),
    "R^(K-1)": (lambda rng, n: 2 * rng.standard_normal((n, 3)), [row[:3] for row in LOGITS]),
    "R^M": (lambda rng, n: 2 * rng.standard_normal((n, 5)), [[0, 0, 0, 0, 0], [-1e4, 1, 1, 1e4, 0], [1e-8, 0, -1e-8, 2, 2]]),
    "R^(M x D)": (
        lambda rng, n: 2 * rng.standard_normal((n, 5, 3)),
        [np.zeros((5, 3)), np.eye(5, 3), 1e4 * np.eye(5, 3) - 1, np.full((5, 3), 1e-8), np.arange(15.0).reshape(5, 3) ** 3],
    ),
    "R^D": (lambda rng, n: 2 * rng.standard_normal((n, 3)), [[0, 0, 0], [1, 0, 0], [1e-8, 1e-8, 1e-8], [-1e4, 20, 1], [0, 1, 8]]),
    "logs of K scales": (lambda rng, n: rng.standard_normal((n, 4)), [[0, 0, 0, 0], [-3, 0, 4, 1e-8], [-20, 20, 1, 1]]),
    "simplex of K classes": (lambda rng, n: _classes(rng, n, 4), MIXTURES),
    "times of K subjects": (
        lambda rng, n: rng.integers(0, 5, (n, 4)).astype(float),
        [[1, 2, 3, 4], [4, 3, 2, 1], [1, 1, 2, 2], [2, 1, 2, 1], [1, 1, 1, 1], [0, -5.5, 1e4, 1e-8]],
    ),
    "events of K subjects": (
        lambda rng, n: rng.integers(0, 2, (n, 4)).astype(float),
        [[1, 1, 1, 1], [0, 0, 0, 0], [1, 0, 1, 0], [0, 1, 1, 1], [1, 0, 0, 0]],
    ),
    "relevance of K items": (
        lambda rng, n: rng.integers(0, 4, (n, 4)).astype(float),
        [[0, 0, 0, 0], [3, 2, 1, 0], [0, 1, 0, 1], [1, 0, 0, 0], [2, 2, 2, 2]],
    ),
}
CONDITIONS = {  # domain -> what it demands of an array or of a symbol
    "R without 0": lambda v: v != 0,
    "(-1, inf)": lambda v: v > -1,
    "(0, inf)": lambda v: v > 0,
    "(0, inf), for power < 2 also 0": lambda v: v > 0,
    "{0, 1, 2, ...}": lambda v: v >= 0,
    "[0, inf)": lambda v: v >= 0,
    "(0, 1)": lambda v: (v > 0) & (v < 1),
    "[0, 1)": lambda v: (v >= 0) & (v < 1),
    "[0, 1]": lambda v: (v >= 0) & (v <= 1),
    "(0, 1]": lambda v: (v > 0) & (v <= 1),
    "(-inf, 0)": lambda v: v < 0,
}
PARAMETERS = {
    "(0, inf)": [1.0, 0.1, 3.0],
    "[0, inf)": [0.0, 0.5, 2.0],
    "(0, 1)": [0.5, 0.1, 0.9],
    "[0, 1)": [0.0, 0.1, 0.5],
    "[0, 1]": [0.0, 0.5, 1.0],
    "(0, 1]": [0.7, 0.1, 1.0],
    "R": [1.0, 2.0, 0.0, -2.0, 1.5, 1e-3],
    "[-1, inf)": [1.0, -1.0, 2.0, -0.5],
    "[1, 2], or a name": [1.5, "shannon", "gini"],
    "(-inf, 0)": [-4.0, -1.0, -0.5],
    "(-inf, 0] or [1, inf)": [1.5, 1.0, 2.0, 3.0, 0.0],
    "{True, False}": [False, True],
    "{efron, breslow}": ["efron", "breslow"],
    "a rank, or all": [None, 1, 3],
    "K - 1 rising numbers": [[-1.0, 0.25, 2.0], [-30.0, 0.0, 0.5]],
    "class frequencies": [[0.1, 0.2, 0.3, 0.4], [0.9, 0.09, 0.009, 0.001]],
    "class counts": [[1000.0, 100.0, 10.0, 1.0], [5.0, 5.0, 7.0, 5.0]],
    "rows that sum to 1": [
        [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]],
        [[0.75, 0.25, 0.0, 0.0], [0.125, 0.5, 0.25, 0.125], [0.0, 0.0, 1.0, 0.0], [0.25, 0.25, 0.25, 0.25]],
    ],
}
MOST = 400  # points that are enough where every combination of hard values would be thousands


def _classes(rng, n, classes):
    """Half of the rows one-hot, half of them probabilities."""
    return np.concatenate([np.eye(classes)[rng.integers(0, classes, n - n // 2)], rng.dirichlet(np.ones(classes), n // 2)])


def parameter_settings(card, overrides=None):
    """A handful of settings of the parameters: the defaults' domain values, varied together."""
    names = card.parameters
    choices = [(overrides or {}).get(name) or PARAMETERS[card.domain[name]] for name in names]
    longest = max(map(len, choices), default=1)
    return [{name: values[i % len(values)] for name, values in zip(names, choices)} for i in range(longest)]


def required(card):
    """The first setting of those parameters that have no default."""
    import inspect

    parameters = inspect.signature(card.function).parameters
    needed = [name for name, p in parameters.items() if p.default is p.empty and name not in card.function.axes]
    return {name: PARAMETERS[card.domain[name]][0] for name in needed}


def ordinary(card, n=40, seed=0):
    """n random examples, as the arrays the loss takes: scalars (n,), or rows (n, 4) with labels as probabilities."""
    rng = np.random.default_rng(seed)
    return [DOMAINS[card.domain[name]][0](rng, n) for name in card.function.axes]


def hard(card):
    """Combinations of the hard values of the arguments: confident, tied, tiny, huge. All of them, or `MOST` drawn at random."""
    points = list(itertools.product(*(DOMAINS[card.domain[name]][1] for name in card.function.axes)))
    if len(points) > MOST:
        chosen = np.random.default_rng(0).choice(len(points), MOST, replace=False)
        points = [points[i] for i in sorted(chosen)]
    return [np.array(column, dtype=float) for column in zip(*points)]


def inside(card, arrays):
    """The examples that rounding to a shorter dtype has not pushed out of the domain."""
    keep = np.ones(len(arrays[0]), bool)
    for name, array in zip(card.function.axes, arrays):
        holds = CONDITIONS.get(card.domain[name], lambda v: np.ones(v.shape, bool))(array)
        keep &= holds.reshape(len(array), -1).all(axis=1)
    return [array[keep] for array in arrays]


def given(card, without=()):
    """The domain as conditions on the symbols: ranges of scalars, and class probabilities that sum to 1."""
    scalars = {card.symbols[name]: where for name, where in card.domain.items() if where in CONDITIONS and where != "R without 0"}
    conditions = [CONDITIONS[where](symbol) for symbol, where in scalars.items() if symbol not in without]
    if any(isinstance(kind, Labels) for kind in card.function.axes.values()):
        from sympy import Eq, Sum

        from ._symbols import K, k

        (labels,) = [name for name, kind in card.function.axes.items() if isinstance(kind, Labels)]
        conditions.append(Eq(Sum(card.symbols[labels][k], (k, 1, K)), 1))
    return tuple(c for c in conditions if c != True)  # noqa: E712  a symbol that is positive anyway


def named(card, arrays, params):
    """One example as {symbol: value}, for the exact evaluation of a formula."""
    values = {card.symbols[name]: array for name, array in zip(card.function.axes, arrays)}
    values |= {card.symbols[name]: value for name, value in params.items()}
    if card.held:
        from ._exact import exact

        values |= {symbol: exact(factor, values, digits=130) for symbol, factor in card.held.items()}
    return values
