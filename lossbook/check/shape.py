"""The shape of a loss: convex, steep, bounded, smooth."""

import mpmath
import numpy as np
import sympy

from .. import _points
from .._exact import exact
from .._result import Result
from .._symbols import sigmoid
from ._kind import kind, largest, settings, symbols_of, values


@kind("convex in {name}", "not convex in {name}")
def convex(card, *, at=None, params=None, segments=4000, name="the prediction"):
    """The chord lies above the loss. SymPy proves it where it can (second derivative ≥ 0); otherwise random segments search.

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
    if _proved_convex(card):
        return Result(True, "proved", message="its second derivative is ≥ 0 by SymPy")
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
        if not excess.max() <= worst:
            i = int(np.argmax(excess))
            ends = [x[i] for x in a], [x[i] for x in b]
            ends = ends if len(first) > 1 else (ends[0][0], ends[1][0])
            worst, witness = float(excess[i]), {"params": setting, "between": ends, "rest": [r[i] for r in rest]}
    return Result(worst < 1e-12, "searched", count, worst, None if worst < 1e-12 else witness)


def _times(factor, rows):
    """One factor for each row."""
    return factor.reshape(-1, *[1] * (rows.ndim - 1)) * rows


def _proved_convex(card):
    """Second derivative ≥ 0, by SymPy's assumptions alone, for smooth formulas of one prediction."""
    prediction = card.prediction
    if card.formula is None or len(card.predictions) > 1 or isinstance(prediction, sympy.IndexedBase):
        return False
    if card.formula.has(sympy.Abs, sympy.Max, sympy.Piecewise):
        return False
    second = card.formula.diff(prediction, 2)
    u = sympy.Symbol("u", positive=True)
    second = second.replace(sigmoid, lambda a: u / (1 + u) if a == prediction else sigmoid(a))  # σ(z) = u / (1 + u), u = e^z > 0
    return bool(sympy.simplify(second).is_nonnegative)


def _gradients(card, setting, wrt, n=3000):
    """Gradient rows (points, entries) on a wide set of inputs: ordinary, stretched and hard."""
    rows = []
    for arrays in (_points.ordinary(card, n=n, seed=3), _points.hard(card)):
        for stretch in (1.0, 5.0, 100.0):
            stretched = list(arrays)
            stretched[wrt] = arrays[wrt] * stretch
            got = np.asarray(card.gradients(*stretched, **setting)[wrt])
            rows.append(got.reshape(len(got), -1))
    return rows


@kind("the norm of its gradient{of} is at most {bound}, and comes arbitrarily close to it")
def lipschitz(card, *, bound, params=None, wrt=0, of=""):
    """No gradient found is longer than `bound`, and some gradient found reaches 99.9 % of it: a loose bound fails too.

    `wrt` counts the predictions: the gradient with respect to that one; `of` says so in the sentence.
    """
    count, worst, reached = 0, 0.0, np.inf
    for setting in settings(card, params):
        limit = float(sympy.sympify(bound).subs(symbols_of(card, setting)))
        norms = np.concatenate([np.linalg.norm(g, axis=1) for g in _gradients(card, setting, wrt)])
        count += len(norms)
        worst, reached = largest([worst, norms.max() / limit]), min(reached, norms.max() / limit)
    ok = worst <= 1 + 1e-12 and reached >= 0.999
    return Result(ok, "searched", count, worst, message=f"longest gradient found / bound: {reached:.4f} to {worst:.4f}")


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


@kind("its value never exceeds {bound}, and comes arbitrarily close to it")
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
                if not gap <= worst:
                    worst, witness = gap, {"joint": str(joint), "order": k, "params": setting}
    return Result(worst < 1e-30, "verified", count, worst, witness if not worst < 1e-30 else None)
