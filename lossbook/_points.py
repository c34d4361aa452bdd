"""Where the checks look: ordinary and hard inputs for every domain that a Card names. Examples have K = 4 classes or items."""

import itertools

import numpy as np

from ._loss import Distribution, Labels

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
SIMPLEX = [
    [0.25, 0.25, 0.25, 0.25],
    [0.25 + 1e-9, 0.25 - 1e-9, 0.25, 0.25],
    [0.97, 0.01, 0.01, 0.01],
    [0.01, 0.01, 0.01, 0.97],
    [1e-8, 1 - 3e-8, 1e-8, 1e-8],
    [1e-300, 0.5, 0.375, 0.125],
]
TWO_POINTS = [[[0, 0], [0, 0]], [[1, 0], [0, 1]], [[-20, 1], [5, 1e-8]], [[1e-8, 0], [3, 4]]]
THREE_POINTS = [[[0, 0], [0, 0], [0, 0]], [[1, 0], [0, 1], [1, 1]], [[20, -3], [5, 1e-8], [0, 0]], [[3, 4], [3, 4], [1e-8, 0]]]

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
    "log of a probability": (lambda rng, n: -rng.gamma(2.0, 3.0, n), [0.0, -1e-8, -1e-4, -1.0, -20.0, -88.0, -800.0, -1e4]),
    "(-inf, 0)": (lambda rng, n: -rng.gamma(1.5, 1.0, n) - 1e-3, [-1e-8, -1e-4, -0.5, -1.0, -20.0, -800.0]),
    "log of a scale": (lambda rng, n: rng.standard_normal(n), [-20.0, -3.0, 0.0, 1e-8, 4.0, 20.0]),
    "R^K": (lambda rng, n: 2 * rng.standard_normal((n, 4)), LOGITS),
    "R^K without 0": (lambda rng, n: 2 * rng.standard_normal((n, 4)), VECTORS),
    "R^D without 0": (
        lambda rng, n: rng.standard_normal((n, 3)),
        [[1, 0, 0], [-2, 0, 0], [1, 1e-8, 0], [1e-4, 1, -20], [-1e4, 20, 1], [-1, -1, 1]],
    ),
    "R^(K-1)": (lambda rng, n: 2 * rng.standard_normal((n, 3)), [row[:3] for row in LOGITS]),
    "R^M": (lambda rng, n: 2 * rng.standard_normal((n, 5)), [[0, 0, 0, 0, 0], [-1e4, 1, 1, 1e4, 0], [1e-8, 0, -1e-8, 2, 2]]),
    "R^(M x D)": (
        lambda rng, n: 2 * rng.standard_normal((n, 5, 3)),
        [np.zeros((5, 3)), np.eye(5, 3), 1e4 * np.eye(5, 3) - 1, np.full((5, 3), 1e-8), np.arange(15.0).reshape(5, 3) ** 3],
    ),
    "[0, 1]^n": (
        lambda rng, n: _shades(rng, n, (4,)),
        [[0, 0, 0, 0], [1, 0, 0, 1], [1, 1, 1, 1], [0, 1e-4, 0, 0], [0.5, 0.25, 1, 0]],
    ),
    "[0, 1]^n without 0": (
        lambda rng, n: rng.random((n, 4)),
        [[1, 1e-4, 0, 1], [0, 0, 0, 1e-4], [1, 1, 1, 0.75], [0.25, 0.5, 1, 0]],
    ),
    "[0, 1]^(K x n)": (
        lambda rng, n: rng.random((n, 3, 4)),
        [np.zeros((3, 4)), np.full((3, 4), 1e-4), np.eye(3, 4), np.eye(3)[[0, 1, 2, 2]].T, np.ones((3, 4))],
    ),
    "masks of K classes": (
        lambda rng, n: _shades(rng, n, (3, 4)),
        [np.zeros((3, 4)), np.eye(3)[[0, 1, 2, 2]].T, np.eye(3)[[0, 0, 2, 0]].T, np.full((3, 4), 0.25)],
    ),
    "R^n": (lambda rng, n: 2 * rng.standard_normal((n, 4)), LOGITS),
    "{0, 1}^n": (
        lambda rng, n: rng.integers(0, 2, (n, 4)).astype(float),
        [[0, 0, 0, 0], [1, 1, 1, 1], [1, 0, 0, 1], [0, 1, 0, 0]],
    ),
    "n rows of probabilities": (
        lambda rng, n: rng.dirichlet(np.ones(4), (n, 3)),
        [
            np.eye(4)[:3],
            np.full((3, 4), 0.25),
            np.array(MIXTURES)[[0, 4, 5]],
            np.array([[1, 0, 0, 0], [0.25, 0.75, 0, 0], [0, 0, 0, 1]]),
        ],
    ),
    "n classes": (
        lambda rng, n: np.eye(4)[rng.integers(0, 4, (n, 3))],
        [np.eye(4)[:3], np.eye(4)[[0, 1, 1]], np.eye(4)[[3, 3, 3]], np.eye(4)[[1, 0, 3]]],
    ),
    "R^D": (lambda rng, n: 2 * rng.standard_normal((n, 3)), [[0, 0, 0], [1, 0, 0], [1e-8, 1e-8, 1e-8], [-1e4, 20, 1], [0, 1, 8]]),
    "embeddings": (lambda rng, n: rng.standard_normal((n, 3)), [[0, 0, 0], [1, 0, 0], [1, 1e-8, 0], [-1e4, 20, 1]]),
    "embeddings without 0": (lambda rng, n: rng.standard_normal((n, 3)), [[1, 0, 0], [1, 1e-8, 0], [-1e4, 20, 1], [0, -1e-8, 0]]),
    "groups": (lambda rng, n: rng.integers(0, 4, n), [0, 1]),
    "logs of K scales": (lambda rng, n: rng.standard_normal((n, 4)), [[0, 0, 0, 0], [-3, 0, 4, 1e-8], [-20, 20, 1, 1]]),
    "simplex of K classes": (lambda rng, n: _classes(rng, n, 4), MIXTURES),
    "interior of the simplex": (lambda rng, n: rng.dirichlet(np.full(4, 0.8), n), SIMPLEX),
    "n points of R^D": (lambda rng, n: rng.standard_normal((n, 2, 2)), TWO_POINTS),
    "m points of R^D": (lambda rng, n: rng.standard_normal((n, 3, 2)), THREE_POINTS),
    "m numbers": (lambda rng, n: 2 * rng.standard_normal((n, 3)), [[0, 0, 0], [1, 2, 2], [-1e4, 1e-8, 1e4]]),
    "states in R^n": (lambda rng, n: 2 * rng.standard_normal((n, 3)), [[0, 0, 0], [1, 2, 2], [-1e4, 1e-8, 1e4]]),
    "n numbers": (lambda rng, n: 2 * rng.standard_normal((n, 4)), [[0, 0, 0, 0], [2, 1, 1, 2], [1e4, 1e-8, 0, -1], [3, 2, 1, 0]]),
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
    "R^(T x K), time first": (lambda rng, n: 2 * rng.standard_normal((4, n, 3)), []),
    "R^(T x K)": (
        lambda rng, n: 2 * rng.standard_normal((n, 4, 3)),
        [
            np.zeros((4, 3)),
            [[40, 0, -1], [-1, 40, 0], [0, 2, 40], [40, 0, 1]],
            [[-1e4, 0, 1e4], [800, 799, -800], [1e-8, 0, -1e-8], [88, -88, 20]],
            [[0, 1e4, 0], [0, 1e4, 0], [0, 0, 1e4], [0, 0, 1e4]],
            [[-30, -30, -29], [1e4, 1e4, 1e4], [0, -1e4, -1e4], [0, 1, 2]],
        ],
    ),
    "strings of labels": (lambda rng, n: rng.integers(1, 3, (n, 2)), [[1, 1], [1, 2], [2, 1]]),
    "numbers of steps": (lambda rng, n: rng.integers(3, 5, n), [4, 3, 2, 1, 0]),
    "numbers of labels": (lambda rng, n: rng.integers(0, 3, n), [2, 1, 0]),
    "R^(N x D)": (  # a batch: N rows, D columns
        lambda rng, n: rng.standard_normal((n, 3, 2)),
        [np.full((3, 2), 0.1), [[1, 0], [0, 1], [3, -2]], [[1, 1e4], [1, 20], [1, -3]], [[0, 1], [2, 1.5], [-1, 20]]],
    ),
    "R^(T x D)": (
        lambda rng, n: rng.standard_normal((n, 2, 2)),
        [np.zeros((2, 2)), 1e4 * np.eye(2), np.full((2, 2), 1e-8), [[0, 1], [2, 3]], [[1, 1], [-20, 88]]],
    ),
    "R^(U x D)": (
        lambda rng, n: rng.standard_normal((n, 3, 2)),
        [np.zeros((3, 2)), 1e4 * np.eye(3, 2) - 1, np.full((3, 2), 1e-4), [[0, 1], [2, 3], [2, 3]]],
    ),
    "boxes": (
        lambda rng, n: _boxes(rng, n),
        [
            [0, 0, 1, 1],
            [0.25, 0.25, 0.5, 0.75],
            [1, 0.5, 2, 3],
            [20, -30, 21, -21],
            [0, 0, 1 + 1e-8, 1],
            [-1e4, -1e4, 1e4, 1e4],
            [0, 0, 1e-8, 1e-8],
            [0.5, 0, 0.5, 1],
            [0, 0.5, 1, 0.5],
            [0, 0, 0, 0],
        ],
    ),
    "[0, 1]^(C x H x W)": (
        lambda rng, n: rng.random((n, 1, 3, 4)),
        [
            np.zeros((1, 3, 4)),
            np.full((1, 3, 4), 0.75),
            np.indices((1, 3, 4)).sum(axis=0) % 2,
            np.arange(12.0).reshape(1, 3, 4) / 16,
            0.5 + 1e-4 * np.eye(3, 4)[None],
        ],
    ),
    "R^(C x H x W)": (
        lambda rng, n: rng.standard_normal((n, 2, 3, 4)),
        [
            np.zeros((2, 3, 4)),
            np.full((2, 3, 4), -20.0),
            1e4 * np.eye(3, 4) * np.ones((2, 1, 1)),
            np.arange(24.0).reshape(2, 3, 4) ** 2,
        ],
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
    "interior of the simplex": lambda v: v > 0,
}
PARAMETERS = {
    "(0, inf)": [1.0, 0.1, 3.0],
    "[0, inf)": [0.0, 0.5, 2.0],
    "(0, 1)": [0.5, 0.1, 0.9],
    "[0, 1)": [0.0, 0.1, 0.5],
    "[0, 1]": [0.0, 0.5, 1.0],
    "(0, 1]": [0.7, 0.1, 1.0],
    "[1, inf)": [1.0, 2.0, 1.5],
    "R": [1.0, 2.0, 0.0, -2.0, 1.5, 1e-3],
    "[-1, inf)": [1.0, -1.0, 2.0, -0.5],
    "[1, 2], or a name": [1.5, "shannon", "gini"],
    "(-inf, 0)": [-4.0, -1.0, -0.5],
    "(-inf, 0] or [1, inf)": [1.5, 1.0, 2.0, 3.0, 0.0],
    "{True, False}": [False, True],
    "{efron, breslow}": ["efron", "breslow"],
    "a rank, or all": [None, 1, 3],
    "a class": [0],
    "the sides of a window": [3, 1],
    "the name of a game": ["minimax", "non_saturating", "least_squares", "hinge", "wasserstein"],
    "epsilon, x0 or v": ["epsilon"] * 3 + ["x0"] * 3 + ["v"] * 3,
    "simple, snr or min_snr": ["simple", "snr", "min_snr", "min_snr", "simple", "snr", "snr", "min_snr", "simple"],
    "K - 1 rising numbers": [[-1.0, 0.25, 2.0], [-30.0, 0.0, 0.5]],
    "the name of an f": ["kl", "reverse_kl", "total_variation", "squared_hellinger", "pearson", "neyman", "jensen_shannon"],
    "directions of R^D": [[[1.0, 0.0], [0.6, 0.8], [3.0, -1.0]]],
    "strengths of the entropy": [1.0, 0.3],
    "powers of the distance": [2.0, 1.0],
    "errors of the marginals": [1e-13],
    "[0, pi/2]": [0.5, 1.5, 0.0],
    "prototypes of K classes": [
        [[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [-1.0, -1.0, 1.0], [1.0, 1.0, 0.5]],
        [[3.0, -1.0, 0.5], [1e-3, 1e-3, 0.0], [-20.0, 1.0, 4.0], [1.0, 0.0, 0.0]],
    ],
    "class frequencies": [[0.1, 0.2, 0.3, 0.4], [0.9, 0.09, 0.009, 0.001]],
    "class counts": [[1000.0, 100.0, 10.0, 1.0], [5.0, 5.0, 7.0, 5.0]],
    "rows that sum to 1": [
        [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]],
        [[0.75, 0.25, 0.0, 0.0], [0.125, 0.5, 0.25, 0.125], [0.0, 0.0, 1.0, 0.0], [0.25, 0.25, 0.25, 0.25]],
    ],
}
MOST = 400  # points that are enough where every combination of hard values would be thousands


def _shades(rng, n, shape):
    """Half of the masks with shades between 0 and 1, half of them without."""
    return np.concatenate([rng.random((n - n // 2, *shape)), rng.integers(0, 2, (n // 2, *shape)).astype(float)])


def _boxes(rng, n):
    """Boxes x1, y1, x2, y2 near the origin: some overlap, some lie inside others, some are apart."""
    low = rng.standard_normal((n, 2))
    return np.concatenate([low, low + rng.gamma(1.5, 1.0, (n, 2))], axis=-1)


def _classes(rng, n, classes):
    """Half of the rows one-hot, half of them probabilities."""
    return np.concatenate([np.eye(classes)[rng.integers(0, classes, n - n // 2)], rng.dirichlet(np.ones(classes), n // 2)])


def parameter_settings(card, overrides=None):
    """A handful of settings of the parameters: the domain's values, varied together, but two of one domain never in step."""
    names = card.parameters
    domains = [card.domain[name] for name in names]
    steps = [domains[:i].count(domain) for i, domain in enumerate(domains)]
    choices = [(overrides or {}).get(name) or PARAMETERS[card.domain[name]] for name in names]
    longest = max(map(len, choices), default=1)
    return [{n: values[(i + step) % len(values)] for n, values, step in zip(names, choices, steps)} for i in range(longest)]


def required(card):
    """The first setting of those parameters that have no default, or one that asks for larger examples than those here."""
    import inspect

    parameters = inspect.signature(card.function).parameters
    needed = [name for name, p in parameters.items() if p.default is p.empty and name not in card.function.axes]
    needed += [name for name in card.parameters if card.domain[name] == "the sides of a window"]
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
    from sympy import Eq, IndexedBase, Sum

    from ._symbols import K, k

    bounded = {card.symbols[name]: where for name, where in card.domain.items() if where in CONDITIONS and where != "R without 0"}
    scalars = {symbol: where for symbol, where in bounded.items() if not isinstance(symbol, IndexedBase)}
    conditions = [CONDITIONS[where](symbol) for symbol, where in scalars.items() if symbol not in without]
    vectors = [card.symbols[name] for name, kind in card.function.axes.items() if isinstance(kind, Labels | Distribution)]
    conditions += [Eq(Sum(vector[k], (k, 1, K)), 1) for vector in vectors]
    return tuple(c for c in conditions if c != True)  # noqa: E712  a symbol that is positive anyway


def named(card, arrays, params):
    """One example as {symbol: value}, for the exact evaluation of a formula."""
    values = {card.symbols[name]: array for name, array in zip(card.function.axes, arrays)}
    values |= {card.symbols[name]: value for name, value in params.items()}
    if card.held:
        from ._exact import exact

        values |= {symbol: exact(factor, values, digits=130) for symbol, factor in card.held.items()}
    return values
