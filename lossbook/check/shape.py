"""The shape of a loss: convex, steep, bounded, smooth."""

from dataclasses import replace

import mpmath
import numpy as np
import sympy

from .. import _points
from .._exact import exact
from .._result import Result, beyond
from ._kind import kind, largest, settings, symbols_of, values
from .convexity import proof


@kind("convex in {name}", "not convex in {name}")
def convex(card, *, at=None, params=None, segments=4000, name="the prediction"):
    """The chord lies above the loss. It is proved from the formula where that can be done; otherwise random segments search.

    With several predictions it is convex in all of them together. `at` holds the ends of a segment, `between`, and the other
    arguments by name; with several predictions an end is a dictionary.
    """
    if at is not None:
        at = dict(at)
        setting, ends = _points.required(card) | at.pop("params", {}), at.pop("between")
        low, high = [end if isinstance(end, dict) else {next(iter(card.function.axes)): end} for end in ends]
        middle = {key: (np.asarray(low[key]) + np.asarray(high[key])) / 2 for key in low}
        left, right, mid = (card.exactly([(end | at)[key] for key in card.function.axes], setting) for end in (low, high, middle))
        gap = mid - (left + right) / 2
        return Result(gap <= 0, "proved", 1, float(gap), message="middle minus mean of the ends")
    if reason := proof(card):
        return Result(True, "proved", message=reason)
    rng, worst, witness, count = np.random.default_rng(1), 0.0, None, 0
    for setting in settings(card, params):
        arrays = _points.ordinary(card, n=segments, seed=2)
        first, rest = arrays[: card.function.predictions], arrays[card.function.predictions :]
        scale, weight = 10 ** rng.uniform(-1, 1.5, segments), rng.random(segments)
        a = [_times(scale, x) for x in first]
        b = [start + _times(scale, rng.standard_normal(start.shape)) for start in a]
        between = [_times(weight, x) + _times(1 - weight, y) for x, y in zip(a, b)]
        low, high, mid = (values(card, [*ends, *rest], setting) for ends in (a, b, between))
        with np.errstate(invalid="ignore"):
            excess = (mid - weight * low - (1 - weight) * high) / (1 + np.abs(low) + np.abs(high))
        excess = np.where(np.isinf(low) | np.isinf(high), -np.inf, excess)  # below an infinite end lies everything
        count += segments
        if beyond(excess.max(), worst):
            i = int(np.argmax(excess))
            ends = [x[i] for x in a], [x[i] for x in b]
            ends = ends if len(first) > 1 else (ends[0][0], ends[1][0])
            worst, witness = float(excess[i]), {"params": setting, "between": ends, "rest": [r[i] for r in rest]}
    return Result(worst < 1e-12, "searched", count, worst, None if worst < 1e-12 else witness)


def _times(factor, rows):
    """One factor for each row."""
    return factor.reshape(-1, *[1] * (rows.ndim - 1)) * rows


def _gradients(card, setting, wrt, n=3000):
    """Pairs of inputs and gradient rows (points, entries), on a wide set of inputs: ordinary, stretched and hard."""
    rows, batches = [], [_points.ordinary(card, n=n, seed=3), _points.hard(card)]
    if list(card.domain.values())[:2] in (["R", "[0, 1]"], ["R", "{0, 1}"]):  # one logit: the whole line, for both labels
        batches += [[np.linspace(-12, 12, 2401), np.full(2401, label)] for label in (0.0, 1.0)]
    for arrays in batches:
        for stretch in (1.0, 5.0, 100.0):
            chosen = range(len(card.predictions)) if wrt is None else [wrt]
            stretched = [a * stretch if i in chosen else a for i, a in enumerate(arrays)]
            parts = card.gradients(*stretched, **setting)
            slopes = [np.asarray(parts[i]).reshape(len(arrays[0]), -1) for i in chosen]
            rows.append((stretched, np.concatenate(slopes, axis=1)))
    return rows


@kind("the norm of its gradient{of} is at most {bound!f}, and comes arbitrarily close to it")
def lipschitz(card, *, bound, params=None, wrt=0, of="", order=2):
    """No gradient found is longer than `bound`, and some gradient found reaches 99.9 % of it: a loose bound fails too.

    `wrt` counts the predictions: the gradient with respect to that one (None: to all together); `of` says so in the sentence, and
    what norm it is where it is not the Euclidean one but that of another `order`.
    The bound may depend on the parameters and on arguments that are numbers.
    """
    count, worst, reached = 0, 0.0, np.inf
    for setting in settings(card, params):
        limit = _function_of_arguments(card, sympy.sympify(bound).subs(symbols_of(card, setting)))
        shares = np.concatenate(
            [np.linalg.norm(g, order, axis=1) / limit(*arrays) for arrays, g in _gradients(card, setting, wrt)]
        )
        count += len(shares)
        worst, reached = largest([worst, shares.max()]), min(reached, shares.max())
    ok = worst <= 1 + 1e-12 and reached >= 0.999
    return Result(ok, "searched", count, worst, message=f"longest gradient found / bound: {reached:.4f} to {worst:.4f}")


def _function_of_arguments(card, expression):
    """An expression in the scalar arguments as a function of all arguments."""
    places = [i for i, name in enumerate(card.function.axes) if isinstance(card.symbols[name], sympy.Symbol)]
    compiled = sympy.lambdify([card.symbols[list(card.function.axes)[i]] for i in places], expression, "numpy")
    return lambda *arrays: compiled(*[arrays[i] for i in places])


@kind("its gradient returns to 0 for a large residual")
def redescending(card, *, params=None):
    """A point far enough away loses all influence on the fit: |gradient| falls to 0 as the first prediction grows."""
    sizes = np.array([1e2, 1e4, 1e6, 1e8])
    worst = 0.0
    for setting in settings(card, params):
        others = [np.zeros(4) for _ in list(card.function.axes)[1:]]
        pulls = np.abs(card.gradients(sizes, *others, **setting)[0])
        if not (np.all(np.diff(pulls) <= 0) and pulls[-1] < 1e-6):
            return Result(False, "verified", 4, float(pulls[-1]), {"params": setting, "residuals": sizes.tolist()})
        worst = largest([worst, float(pulls[-1])])
    return Result(True, "verified", 4 * len(settings(card, params)), worst)


@kind("its value never exceeds {bound!f}, and comes arbitrarily close to it")
def bounded(card, *, bound, params=None):
    """No value found exceeds `bound` and some value reaches 99.9 % of it."""
    count, worst, reached = 0, 0.0, np.inf
    for setting in settings(card, params):
        limit = float(sympy.sympify(bound).subs(symbols_of(card, setting)))
        found = []
        for arrays in (_points.ordinary(card, n=3000, seed=3), _points.hard(card)):
            found += [values(card, [arrays[0] * stretch, *arrays[1:]], setting) for stretch in (1.0, 100.0)]
        highest = largest([v.max() for v in found])
        count += sum(map(len, found))
        worst, reached = largest([worst, highest / limit]), min(reached, highest / limit)
    return Result(worst <= 1 + 1e-12 and reached >= 0.999, "searched", count, worst, message=f"largest / bound: {worst:.4f}")


@kind("continuous derivatives up to order {order} where its pieces meet", "no continuous derivative of order {order} at a joint")
def smooth(card, *, order, joints=(0,), at=None):
    """One-sided limits of the value and of its derivatives agree at the joints (residuals or logits, with the target at 0).

    `at` is one joint; then the derivative of the given order alone is compared there.
    """
    prediction, target = card.prediction, card.target
    orders = range(order + 1) if at is None else [order]
    worst, count, witness, step = 0.0, 0, None, mpmath.mpf(10) ** -40
    for setting in _points.parameter_settings(card):
        numbers = {card.symbols[name]: value for name, value in setting.items()}
        for joint in joints if at is None else [at]:
            place = exact(joint, numbers)
            for k in orders:
                derivative = (
                    card.formula.diff(prediction, k).replace(sympy.DiracDelta, lambda *_: sympy.S.Zero) if k else card.formula
                )
                with mpmath.workdps(60):
                    left, right = (exact(derivative, numbers | {prediction: place + s * step, target: 0}, 60) for s in (-1, 1))
                    gap, count = abs(float(right - left)), count + 1
                if beyond(gap, worst):
                    worst, witness = gap, {"joint": str(joint), "order": k, "params": setting}
    return Result(worst < 1e-30, "verified", count, worst, witness if not worst < 1e-30 else None)


@kind("strongly convex with modulus {modulus}", "not strongly convex with modulus {modulus}")
def strongly_convex(card, *, modulus, at=None):
    """Less modulus/2 times the square of the prediction, it is still convex: it curves at least that much everywhere.

    `at` are two predictions and the other arguments: the chord must lie above the middle by modulus/8 times their distance².
    """
    if at is not None:
        at = dict(at)
        setting, (a, b) = _points.required(card) | at.pop("params", {}), at.pop("between")
        left, right, mid = (card.exactly([x, *at.values()], setting) for x in (a, b, (a + b) / 2))
        spare = (left + right) / 2 - mid - sympy.Rational(modulus) / 8 * (a - b) ** 2
        return Result(spare >= 0, "proved", 1, float(spare), message="mean of the ends minus middle, minus what is asked")
    rest = replace(card, formula=sympy.expand(card.formula - sympy.Rational(modulus) / 2 * card.prediction**2))
    reason = proof(rest)
    return Result(bool(reason), "proved", message=reason or "no proof found")


@kind("its gradient is exactly 0 for a residual beyond {beyond}", "its gradient is not 0 for a residual beyond {beyond}")
def without_influence(card, *, beyond, params=None, at=None):
    """A point far enough away does not pull at all (`at` is one residual beyond)."""
    count, worst = 0, 0.0
    for setting in settings(card, params):
        limit = float(sympy.sympify(beyond).subs(symbols_of(card, setting)))
        far = limit * np.array([1.0 + 1e-9, 1.5, 10.0, 1e6]) if at is None else np.array([float(at)])
        pulls = np.concatenate([card.gradients(side * far, np.zeros(len(far)), **setting)[0] for side in (1, -1)])
        worst, count = largest([worst, np.abs(pulls).max()]), count + len(pulls)
    return Result(worst == 0, "verified", count, worst)
