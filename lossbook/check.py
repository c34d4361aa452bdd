"""The checks of the book, one function per kind of claim. The notebooks, the tests and the Cards call the same ones.

A check takes a Card (or a loss, or its name), does one thing that could fail, and returns a `Result` with what it did. Checks
that can refute a claim at one point take `at=`, the witness, so that a negative claim is the same check failing there.
Formulas are evaluated in 50 digits; searches run the function itself in float64.
"""

import functools
import itertools

import mpmath
import numpy as np
import sympy
from scipy import optimize, stats

from . import _points
from ._card import card as find_card
from ._exact import equal, exact
from ._loss import LABELS
from ._result import GRADES, Result
from ._symbols import j, sigmoid

__all__ = ["GRADES", "Result", "equal", "exact"]


def kind(statement, negation=None):
    """Register a check together with the sentence that a claim of its kind makes, and the one that denies it."""

    def decorate(check):
        @functools.wraps(check)
        def on_card(loss, **options):
            return check(loss if hasattr(loss, "formula") else find_card(loss), **options)

        on_card.statement = functools.partial(_sentence, statement)
        on_card.negation = functools.partial(_sentence, negation or f"not true: {statement}")
        __all__.append(check.__name__)
        return on_card

    return decorate


def _sentence(template, *, params=None, **options):
    setting = ", ".join(f"{name} = {value:g}" for name, value in (params or {}).items())
    return template.format_map(_Words(options)) + (f", at {setting}" if setting else "")


class _Words(dict):
    """Options as they read in a sentence."""

    def __missing__(self, key):
        return ""

    def __getitem__(self, key):
        value = super().__getitem__(key) if key in self else ""
        return sympy.sstr(value) if isinstance(value, sympy.Basic) else value


def _values(card, arrays, params):
    return np.asarray(card.function(*arrays, reduction="none", **params))


def largest(numbers):
    """The maximum, as a float; nan if any number is nan, where Python's max would hide it."""
    return float(np.max(np.asarray(numbers, dtype=float)))


def _settings(card, params):
    return [params] if params is not None else _points.parameter_settings(card)


# --- the function against its Card --------------------------------------------------------------------------------------


@kind("its value is the formula to {rtol} relative, also where that is hard")
def value(card, *, dtype="float64", library="numpy", rtol=1e-12, params=None):
    """The function equals the formula in 50 digits at ordinary and at hard points."""
    worst, count = Result(True, "verified", worst=0.0), 0
    for setting in _settings(card, params):
        for arrays in (_points.ordinary(card), _points.hard(card)):
            arrays = _points.inside(card, [_rounded(a, dtype, library) for a in arrays])
            got = _as_float64(_call(card.function, arrays, library, dtype, reduction="none", **setting))
            limit = _largest(dtype, library)
            for i in range(len(got)):
                want = exact(card.formula, _points.named(card, [a[i] for a in arrays], setting))
                gap = _relative_gap(got[i], want, limit, rtol)
                count += 1
                if not gap <= worst.worst:
                    witness = {"params": setting, **{n: a[i].tolist() for n, a in zip(card.function.axes, arrays)}}
                    message = f"got {got[i]!r}, exactly {float(want)!r}"
                    worst = Result(gap <= rtol, "verified", worst=gap, witness=witness, message=message)
    if worst.ok:
        return Result(True, "verified", count, worst.worst, message=f"largest relative error {worst.worst:.1g}")
    return Result(False, "verified", count, worst.worst, worst.witness, worst.message)


def _rounded(array, dtype, library):
    """The values an array of that dtype can hold, kept in float64 so that the formula sees what the function sees."""
    if dtype in ("float64", "float32", "float16"):
        return array.astype(dtype).astype(np.float64)
    import torch

    return torch.as_tensor(array).to(getattr(torch, dtype)).to(torch.float64).numpy()


def _call(function, arrays, library, dtype, **options):
    if library == "numpy":
        return function(*[a.astype(dtype) for a in arrays], **options)
    import torch

    return function(*[torch.as_tensor(a).to(getattr(torch, dtype)) for a in arrays], **options)


def _as_float64(values):
    return np.asarray(values.double() if hasattr(values, "double") else values, dtype=np.float64)


def _largest(dtype, library):
    if library == "torch":
        import torch

        info = torch.finfo(getattr(torch, dtype))
    else:
        info = np.finfo(dtype)
    return float(info.max), float(info.smallest_normal)


def _relative_gap(got, want, limits, rtol):
    """|got - want| / |want|; beyond the largest number of the dtype infinity is right, below the smallest normal one 0 is."""
    largest, smallest = limits
    if abs(want) > largest * (1 - rtol):
        return 0.0 if got == np.inf * np.sign(float(want)) or abs(got) >= largest * (1 - 2 * rtol) else np.inf
    gap = abs(got - float(want)) if abs(want) < 1e300 else abs(float(got - want))
    if not np.isfinite(gap):
        return np.inf
    return gap / max(abs(float(want)), smallest / rtol)


@kind("its gradient is the derivative of the formula")
def gradient(card, *, params=None, rtol=1e-11):
    """The hand-derived gradient: its formula is the derivative of the loss's formula, and its code equals its formula."""
    prediction = card.prediction
    vector = isinstance(prediction, sympy.IndexedBase)
    count, worst, witness, message = 0, 0.0, None, ""
    for setting in _settings(card, params):
        for hard, arrays in ((False, _points.ordinary(card)), (True, _points.hard(card))):
            got = np.asarray(card.gradient(*arrays, **setting))
            for i in range(len(got)):
                for entry in range(got.shape[-1]) if vector else (None,):
                    point = _points.named(card, [a[i] for a in arrays], setting) | ({j: entry + 1} if vector else {})
                    number = got[i] if entry is None else got[i, entry]
                    want = exact(card.gradient_formula, point)
                    gaps = [_gradient_gap(number, want, vector)]
                    if not hard:  # ordinary points are never at a kink, where a derivative does not exist
                        gaps.append(_gradient_gap(float(_slope(card.formula, prediction, point)), want, vector))
                    count += 1
                    if not largest(gaps) <= worst:
                        worst, witness = (
                            largest(gaps),
                            {"params": setting, "inputs": [a[i].tolist() for a in arrays], "entry": entry},
                        )
                        message = f"code {number!r}, gradient formula {float(want)!r}"
    return Result(worst <= rtol, "verified", count, worst, None if worst <= rtol else witness, "" if worst <= rtol else message)


def _slope(formula, prediction, point):
    """The derivative of a formula by a central difference of step 1e-20 in 80 digits: right to some 40 digits, and SymPy-free."""
    entry = point.get(j)
    point = {symbol: value for symbol, value in point.items() if symbol != j}
    with mpmath.workdps(80):
        step, ends = mpmath.mpf(10) ** -20, []
        for side in (step, -step):
            if entry is None:
                moved = mpmath.mpf(float(point[prediction])) + side
            else:
                moved = [mpmath.mpf(float(value)) + (side if i == entry - 1 else 0) for i, value in enumerate(point[prediction])]
            ends.append(exact(formula, point | {prediction: moved}, 80))
        return (ends[0] - ends[1]) / (2 * step)


def _gradient_gap(got, want, vector):
    """Relative error; below 1e-9 (for rows, where p - q cancels, below 1e-4) it is the absolute error that counts."""
    want = float(want)
    if np.isinf(want) or np.isinf(got):
        return 0.0 if got == want else np.inf
    return abs(got - want) / max(abs(want), 1e-4 if vector else 1e-9)


@kind("torch's autograd agrees with the hand-derived gradient")
def autograd(card, *, params=None, rtol=1e-11):
    """Gradients by torch autograd equal the hand gradient at ordinary and hard points, kinks included."""
    import torch

    count, worst, witness = 0, 0.0, None
    for setting in _settings(card, params):
        for arrays in (_points.ordinary(card), _points.hard(card)):
            first, *rest = [torch.as_tensor(a) for a in arrays]
            first.requires_grad_()
            got = torch.autograd.grad(card.function(first, *rest, reduction="sum", **setting), first)[0].numpy()
            want = np.asarray(card.gradient(*arrays, **setting))
            with np.errstate(invalid="ignore"):
                gap = np.where(got == want, 0.0, np.abs(got - want) / np.maximum(np.abs(want), 1e-4))
            gap = np.where(np.isnan(gap), np.inf, gap)
            count += gap.size
            if gap.size and not gap.max() <= worst:
                i = np.unravel_index(np.argmax(gap), gap.shape)
                worst, witness = (
                    float(gap.max()),
                    {"params": setting, "inputs": [a[i[0]].tolist() for a in arrays], "got": got[i]},
                )
    return Result(worst <= rtol, "verified", count, worst, None if worst <= rtol else witness)


@kind("its second derivative by autograd is the derivative of its gradient formula")
def curvature(card, *, params=None, rtol=1e-9):
    """Two passes of autograd against the derivative of the gradient formula, at ordinary points and at a zero residual."""
    import torch

    prediction = card.prediction
    vector = isinstance(prediction, sympy.IndexedBase)
    second = card.gradient_formula.diff(prediction[j] if vector else prediction)
    count, worst, witness = 0, 0.0, None
    for setting in _settings(card, params):
        arrays = _points.ordinary(card, n=24)
        arrays[0][0] = arrays[1][0] if arrays[0].shape == arrays[1].shape else 0.0
        first, *rest = [torch.as_tensor(a) for a in arrays]
        first.requires_grad_()
        (once,) = torch.autograd.grad(card.function(first, *rest, reduction="sum", **setting), first, create_graph=True)
        column = once[..., 0].sum() if vector else once.sum()
        got = torch.autograd.grad(column, first)[0].numpy()
        got = got[..., 0] if vector else got
        for i in range(len(got)):
            want = float(exact(second, _points.named(card, [a[i] for a in arrays], setting) | ({j: 1} if vector else {})))
            gap, count = abs(got[i] - want) / max(abs(want), 1e-4), count + 1
            if not gap <= worst:
                worst, witness = gap, {"params": setting, "inputs": [a[i].tolist() for a in arrays], "got": got[i], "want": want}
    return Result(worst <= rtol, "verified", count, worst, None if worst <= rtol else witness)


# --- shape of the loss --------------------------------------------------------------------------------------------------


@kind("convex in the prediction", "not convex in the prediction")
def convex(card, *, at=None, params=None, segments=4000):
    """The chord lies above the loss. SymPy proves it where it can (second derivative ≥ 0); otherwise random segments search."""
    if at is not None:
        at = dict(at)
        setting, a, b = at.pop("params", {}), *at.pop("between")
        middle = np.add(a, b) / 2
        low, high, mid = (exact(card.formula, _points.named(card, [x, *at.values()], setting)) for x in (a, b, middle))
        return Result(
            mid <= (low + high) / 2, "proved", 1, float(mid - (low + high) / 2), message="middle minus mean of the ends"
        )
    if _proved_convex(card):
        return Result(True, "proved", message="its second derivative is ≥ 0 by SymPy")
    rng, worst, witness, count = np.random.default_rng(1), 0.0, None, 0
    for setting in _settings(card, params):
        first, *rest = _points.ordinary(card, n=segments, seed=2)
        scale = 10 ** rng.uniform(-1, 1.5, (segments,) + (1,) * (first.ndim - 1))
        a, b = first * scale, first + scale * rng.standard_normal(first.shape)
        weight = rng.random((segments,) + (1,) * (first.ndim - 1))
        low, high, mid = (_values(card, [x, *rest], setting) for x in (a, b, weight * a + (1 - weight) * b))
        weight = weight.reshape(segments)
        excess = mid - weight * low - (1 - weight) * high
        excess = excess / (1 + np.abs(low) + np.abs(high))
        count += segments
        if not excess.max() <= worst:
            i = int(np.argmax(excess))
            worst, witness = float(excess[i]), {"params": setting, "between": (a[i], b[i]), "rest": [r[i] for r in rest]}
    return Result(worst < 1e-12, "searched", count, worst, None if worst < 1e-12 else witness)


def _proved_convex(card):
    """Second derivative ≥ 0, by SymPy's assumptions alone, for smooth formulas of one prediction."""
    prediction = card.prediction
    if isinstance(prediction, sympy.IndexedBase) or card.formula.has(sympy.Abs, sympy.Max, sympy.Piecewise):
        return False
    second = card.formula.diff(prediction, 2)
    u = sympy.Symbol("u", positive=True)
    second = second.replace(sigmoid, lambda a: u / (1 + u) if a == prediction else sigmoid(a))  # σ(z) = u / (1 + u), u = e^z > 0
    return bool(sympy.simplify(second).is_nonnegative)


def _gradients(card, setting, n=3000):
    """Gradient rows (points, entries) on a wide set of inputs: ordinary, stretched and hard."""
    rows = []
    for arrays in (_points.ordinary(card, n=n, seed=3), _points.hard(card)):
        for stretch in (1.0, 5.0, 100.0):
            stretched = [arrays[0] * stretch, *arrays[1:]]
            got = np.asarray(card.gradient(*stretched, **setting))
            rows.append(got.reshape(len(got), -1))
    return rows


@kind("the norm of its gradient is at most {bound}, and comes arbitrarily close to it")
def lipschitz(card, *, bound, params=None):
    """No gradient found is longer than `bound`, and some gradient found reaches 99.9 % of it: a loose bound fails too."""
    count, worst, reached = 0, 0.0, np.inf
    for setting in _settings(card, params):
        limit = float(sympy.sympify(bound).subs({card.symbols[name]: value for name, value in setting.items()}))
        norms = np.concatenate([np.linalg.norm(g, axis=1) for g in _gradients(card, setting)])
        count += len(norms)
        worst, reached = largest([worst, norms.max() / limit]), min(reached, norms.max() / limit)
    ok = worst <= 1 + 1e-12 and reached >= 0.999
    return Result(ok, "searched", count, worst, message=f"longest gradient found / bound: {reached:.4f} to {worst:.4f}")


@kind("its gradient returns to 0 for a large residual")
def redescending(card, *, params=None):
    """A point far enough away loses all influence on the fit: |gradient| falls to 0 as the prediction grows."""
    sizes = np.array([1e2, 1e4, 1e6, 1e8])
    worst = 0.0
    for setting in _settings(card, params):
        pulls = np.abs(card.gradient(sizes, np.zeros(4), **setting))
        if not (np.all(np.diff(pulls) <= 0) and pulls[-1] < 1e-6):
            return Result(False, "verified", 4, float(pulls[-1]), {"params": setting, "residuals": sizes.tolist()})
        worst = largest([worst, float(pulls[-1])])
    return Result(True, "verified", 4 * len(_settings(card, params)), worst)


@kind("its value never exceeds {bound}, and comes arbitrarily close to it")
def bounded(card, *, bound, params=None):
    """No value found exceeds `bound` and some value reaches 99.9 % of it."""
    count, worst, reached = 0, 0.0, np.inf
    for setting in _settings(card, params):
        limit = float(sympy.sympify(bound).subs({card.symbols[name]: value for name, value in setting.items()}))
        values = []
        for arrays in (_points.ordinary(card, n=3000, seed=3), _points.hard(card)):
            values += [_values(card, [arrays[0] * stretch, *arrays[1:]], setting) for stretch in (1.0, 100.0)]
        highest = largest([v.max() for v in values])
        count += sum(map(len, values))
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


# --- what the loss estimates --------------------------------------------------------------------------------------------

SAMPLES = {  # three skewed or heavy samples, as 2001 evenly spaced quantiles
    "exponential": stats.expon.ppf((np.arange(2001) + 0.5) / 2001),
    "lognormal": stats.lognorm(1.0).ppf((np.arange(2001) + 0.5) / 2001),
    "normal": stats.norm(1.0, 2.0).ppf((np.arange(2001) + 0.5) / 2001),
}
FUNCTIONALS = {
    "mean": lambda y, **_: y.mean(),
    "median": lambda y, **_: np.median(y),
    "quantile": lambda y, tau, **_: np.quantile(y, tau),
    "expectile": lambda y, tau, **_: stats.expectile(y, tau),
}


def best_constant(card, sample, params=None):
    """The constant prediction of least mean loss on a sample."""
    card = card if hasattr(card, "formula") else find_card(card)

    def risk(constant):
        return float(card.function(np.full_like(sample, constant), sample, **(params or {})))

    grid = np.linspace(sample.min(), np.quantile(sample, 0.999), 400)
    i = int(np.argmin([risk(g) for g in grid]))
    low, high = grid[max(i - 1, 0)], grid[min(i + 1, len(grid) - 1)]
    return float(optimize.minimize_scalar(risk, bounds=(low, high), method="bounded", options={"xatol": 1e-9}).x)


@kind("its best constant prediction is the {functional}", "its best constant prediction is not the {functional}")
def elicits(card, *, functional, params=None, at=None):
    """The constant of least mean loss equals the functional on three samples (`at`: on the named one)."""
    worst, count, witness = 0.0, 0, None
    for setting in _settings(card, params):
        for name in SAMPLES if at is None else [at]:
            sample = SAMPLES[name]
            gap = abs(best_constant(card, sample, setting) - FUNCTIONALS[functional](sample, **setting))
            count += 1
            if not gap <= worst:
                worst, witness = gap, {"sample": name, "params": setting}
    return Result(worst < 2e-3, "verified", count, worst, None if worst < 2e-3 else witness)


def best_probability(card, eta, params=None, link=lambda z: 1 / (1 + np.exp(-z))):
    """The probability that minimises the expected loss of a binary loss when the event has probability `eta`."""
    card = card if hasattr(card, "formula") else find_card(card)
    params = params or {}

    def risk(logit):
        logit = np.atleast_1d(np.asarray(logit, float))
        return eta * _values(card, [logit, np.ones_like(logit)], params) + (1 - eta) * _values(
            card, [logit, np.zeros_like(logit)], params
        )

    grid = np.linspace(-12, 12, 2401)
    i = int(np.argmin(risk(grid)))
    low, high = grid[max(i - 1, 0)], grid[min(i + 1, 2400)]
    best = optimize.minimize_scalar(lambda z: risk(z)[0], bounds=(low, high), method="bounded", options={"xatol": 1e-10}).x
    return float(link(best))


ETAS = (0.05, 0.2, 0.35, 0.6, 0.8, 0.97)


@kind("proper: its optimum is the true probability", "not proper: its optimum is not the true probability")
def proper(card, *, params=None, at=None, stretch=1.0):
    """The minimiser of the expected loss, passed through the link, is the probability itself.

    Binary losses: `stretch` is the factor of the logit inside the sigmoid. Multiclass: three class distributions.
    """
    worst, count, witness = 0.0, 0, None
    for setting in _settings(card, params):
        if LABELS in card.function.axes.values():
            cases = (
                [np.array(q) for q in ([0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.34, 0.33, 0.33])] if at is None else [np.array(at)]
            )
            found = [_best_distribution(card, q, setting) for q in cases]
        else:
            cases = ETAS if at is None else [at]
            found = [best_probability(card, eta, setting, link=lambda z: 1 / (1 + np.exp(-stretch * z))) for eta in cases]
        for truth, best in zip(cases, found):
            gap = float(np.max(np.abs(best - truth)))
            count += 1
            if not gap <= worst:
                worst, witness = (
                    gap,
                    {"truth": np.asarray(truth).tolist(), "optimum": np.asarray(best).tolist(), "params": setting},
                )
    return Result(worst < 1e-4, "verified", count, worst, None if worst < 1e-4 else witness)


def _best_distribution(card, q, setting):
    """Softmax of the logits of least expected loss Σ_y q_y ℓ(z, y), the best of four starts."""
    classes = np.eye(len(q))

    def risk(logits):
        rows = np.tile(logits, (len(q), 1))
        slope = np.asarray(card.gradient(rows, classes, **setting))
        return float(q @ _values(card, [rows, classes], setting)), q @ slope

    starts = [np.zeros(len(q)), *(2 * np.eye(len(q)))]
    best = min((optimize.minimize(risk, s, jac=True, options={"gtol": 1e-10}) for s in starts), key=lambda r: r.fun).x
    weights = np.exp(best - best.max())
    return weights / weights.sum()


@kind("calibrated: its optimum decides for the likelier class", "not calibrated: its optimum need not favour the likelier class")
def calibrated(card, *, params=None, at=None):
    """Binary: the best logit has the sign of η - ½. Multiclass: the best logits rank the likeliest class first."""
    count, witness = 0, None
    for setting in _settings(card, params):
        if LABELS in card.function.axes.values():
            cases = [np.array(q) for q in ([0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.36, 0.33, 0.31])]
            right = [int(np.argmax(_best_distribution(card, q, setting))) == int(np.argmax(q)) for q in cases]
        else:
            cases = ETAS if at is None else [at]
            right = [(best_probability(card, eta, setting) - 0.5) * (eta - 0.5) > 1e-9 for eta in cases]
        count += len(cases)
        if not all(right):
            witness = {"truth": np.asarray(cases[right.index(False)]).tolist(), "params": setting}
    return Result(witness is None, "verified", count, witness=witness)


@kind("its optimum is {optimum} when the event has probability eta")
def optimum(card, *, optimum, params=None):
    """The best probability of a binary loss is the given expression of eta (and of its parameters)."""
    eta, worst, count = sympy.Symbol("eta"), 0.0, 0
    for setting in _settings(card, params):
        numbers = {card.symbols[name]: value for name, value in setting.items()}
        for truth in ETAS:
            want = float(sympy.sympify(optimum).subs(numbers).subs(eta, truth))
            worst, count = largest([worst, abs(best_probability(card, truth, setting) - want)]), count + 1
    return Result(worst < 1e-4, "verified", count, worst)


# --- identities ---------------------------------------------------------------------------------------------------------


@kind("equal to {name}")
def identity(card, *, expression, name, where=None):
    """The formula, with `where` substituted, equals another expression everywhere."""
    return equal(card.formula.subs(where or {}), expression, _points.given(card, without=where or {}))


@kind("its gradient is {name}")
def gradient_identity(card, *, expression, name, where=None):
    """The gradient formula equals an expression: mean minus target, for a loss with its canonical link."""
    return equal(card.gradient_formula.subs(where or {}), expression, _points.given(card, without=where or {}))


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
            point = _points.named(card, [a[i] for a in arrays], others | {parameter: step})
            gap = largest([gap, float(abs(exact(card.formula, point) - exact(expression, point)))])
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
    for setting in _settings(card, params):
        first, *rest = _points.ordinary(card, n=500, seed=8)
        before, after = _values(card, [first, *rest], setting), _values(card, [change(first, rng), *rest], setting)
        worst, count = largest([worst, np.max(np.abs(before - after))]), count + 500
    return Result(worst < 1e-10, "verified", count, worst)


@kind("an upper bound of the 0-1 loss after multiplication by {factor}", "not an upper bound of the 0-1 loss")
def bounds_mistakes(card, *, factor, params=None, at=None):
    """factor · loss ≥ 1 wherever the sign of the logit is wrong or 0, and ≥ 0 elsewhere."""
    worst, count = np.inf, 0
    for setting in _settings(card, params):
        for arrays in (
            (_points.ordinary(card, n=2000, seed=9), _points.hard(card)) if at is None else [[np.atleast_1d(v) for v in at]]
        ):
            logit, target = arrays[0], np.round(arrays[1])
            slack = float(factor) * _values(card, [logit, target], setting) - ((2 * target - 1) * logit <= 0)
            worst, count = -largest([-worst, -slack.min()]), count + len(slack)
    return Result(worst >= -1e-12, "searched", count, worst, message=f"smallest slack {worst:.3g}")


# --- other libraries ----------------------------------------------------------------------------------------------------


@kind("equal to its twins up to the stated factors")
def twins(card, *, rtol=1e-10):
    """Every installed twin returns this package's value divided by the factor on the Card, in each reduction it offers."""
    count, worst, message = 0, 0.0, ""
    for twin in card.twins:
        for setting in _points.parameter_settings(card):
            arrays = _points.ordinary(card, n=30, seed=11)
            if twin.library == "torch":
                import torch

                arrays = [torch.as_tensor(a) for a in arrays]
            factor = float(sympy.sympify(twin.factor).subs({card.symbols[name]: value for name, value in setting.items()}))
            for reduction in twin.reductions:
                ours = np.asarray(card.function(*arrays, reduction=reduction, **setting))
                theirs = factor * np.asarray(twin.call(*arrays, reduction=reduction, **setting))
                gap = float(np.max(np.abs(ours - theirs) / np.maximum(np.abs(ours), 1e-8)))
                count += 1
                if not gap <= worst:
                    worst, message = (
                        gap,
                        f"{twin.name}, {reduction}, {setting}: ours / theirs = {np.ravel(ours)[0]} / {np.ravel(theirs)[0]}",
                    )
    return Result(worst <= rtol, "verified", count, worst, message="" if worst <= rtol else message)
