"""The function against its Card: value, gradient, curvature, and the same loss in other libraries."""

import importlib.util

import mpmath
import numpy as np
import sympy

from .. import _points
from .._exact import exact
from .._result import Result, beyond
from .._symbols import j
from ._kind import kind, largest, settings, symbols_of


@kind("its value is the formula to {rtol} relative, also where that is hard")
def value(card, *, dtype="float64", library="numpy", rtol=1e-12, params=None):
    """The function equals the formula (or the oracle) in 50 digits at ordinary and at hard points."""
    worst, count = Result(True, "verified", worst=0.0), 0
    for setting in settings(card, params):
        for arrays in (_points.ordinary(card), _points.hard(card)):
            arrays = _points.inside(card, [_rounded(a, dtype, library) for a in arrays])
            got = _as_float64(_call(card.function, arrays, library, dtype, reduction="none", **setting))
            limit = _limits(dtype, library)
            for i in range(len(got)):
                want = _remembered(card, [a[i] for a in arrays], setting)
                gap = _relative_gap(got[i], want, limit, rtol, card.terms)
                count += 1
                if beyond(gap, worst.worst):
                    witness = {"params": setting, **{n: a[i].tolist() for n, a in zip(card.function.axes, arrays)}}
                    message = f"got {got[i]!r}, exactly {float(want)!r}"
                    worst = Result(gap <= rtol, "verified", worst=gap, witness=witness, message=message)
    if worst.ok:
        return Result(True, "verified", count, worst.worst, message=f"largest relative error {worst.worst:.1g}")
    return Result(False, "verified", count, worst.worst, worst.witness, worst.message)


REMEMBERED = {}  # what takes most of the time, and is the same for NumPy and torch


def _remembered(card, point, setting):
    """The exact value of one example; the key is all that it depends on."""
    definition = card.formula if card.oracle is None else card.oracle
    symbols = tuple(card.symbols.items()), tuple((card.held or {}).items())
    key = (definition, symbols, tuple(np.asarray(a).tobytes() for a in point), repr(setting))
    if key not in REMEMBERED:
        if len(REMEMBERED) > 20_000:
            REMEMBERED.clear()
        REMEMBERED[key] = card.exactly(point, setting)
    return REMEMBERED[key]


def _rounded(array, dtype, library):
    """The values an array of that dtype can hold, kept in float64 so that the formula sees what the function sees."""
    if dtype in ("float64", "float32", "float16"):
        with np.errstate(over="ignore"):
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


def _limits(dtype, library):
    if library == "torch":
        import torch

        info = torch.finfo(getattr(torch, dtype))
    else:
        info = np.finfo(dtype)
    return float(info.max), float(info.smallest_normal)


def _relative_gap(got, want, limits, rtol, terms):
    """|got - want| / |want|; beyond the largest number of the dtype infinity is right, below the smallest normal one 0 is.

    Where `terms` of that size cancel, the error is relative to them.
    """
    highest, smallest = limits
    if abs(want) > highest * (1 - rtol):
        return 0.0 if got == np.inf * np.sign(float(want)) or abs(got) >= highest * (1 - 2 * rtol) else np.inf
    gap = abs(got - float(want)) if abs(want) < 1e300 else abs(float(got - want))
    if not np.isfinite(gap):
        return np.inf
    return gap / max(abs(float(want)), smallest / rtol, terms)


@kind("its gradient is the derivative of the formula")
def gradient(card, *, params=None, rtol=1e-11):
    """The hand-derived gradient: its formula is the derivative of the loss's formula, and its code equals its formula.

    Without a formula, the code equals the derivative of the oracle.
    """
    count, worst, witness, message = 0, 0.0, None, ""
    for setting in settings(card, params):
        for hard, arrays in ((False, _points.ordinary(card)), (True, _points.hard(card))):
            parts = [np.asarray(part) for part in card.gradients(*arrays, **setting)]
            for part, i in ((part, i) for part, got in enumerate(parts) for i in range(len(got))):
                point, got = [a[i] for a in arrays], parts[part][i]
                slopes = None if hard else _slopes(card, point, setting, part, got.shape)
                if card.gradient_formula is not None:
                    wanted = _by_formula(card, point, setting, part, got.shape)
                elif hard:  # at a kink or a tie the oracle has no derivative
                    continue
                else:
                    wanted = slopes
                for entry, want in wanted.items():
                    number, cancels = got[entry], bool(entry) or card.terms > 0
                    gaps = [_gradient_gap(number, want, cancels)]
                    if not hard:  # ordinary points are never at a kink, where a derivative does not exist
                        gaps.append(_gradient_gap(float(slopes[entry]), want, cancels))
                    count += 1
                    if beyond(largest(gaps), worst):
                        worst = largest(gaps)
                        inputs = [np.asarray(a).tolist() for a in point]
                        witness = {"params": setting, "inputs": inputs, "prediction": part, "entry": [*entry]}
                        message = f"code {number!r}, gradient formula {float(want)!r}"
    return Result(worst <= rtol, "verified", count, worst, None if worst <= rtol else witness, "" if worst <= rtol else message)


def _by_formula(card, point, setting, part, shape):
    """{entry: the gradient formula there}, all entries of a vector at once."""
    values = _points.named(card, point, setting)
    if not shape:
        return {(): exact(card.slopes[part], values)}
    wanted = exact(card.slopes[part], values | {j: range(1, shape[0] + 1)})
    return {(k,): want for k, want in enumerate(wanted)}


def _slopes(card, point, setting, part, shape):
    """{entry: the derivative} by a difference of step 1e-40 in 80 digits: right to some 35 digits, and SymPy-free."""
    with mpmath.workdps(80):
        step, slopes = mpmath.mpf(10) ** -40, {}
        here = card.exactly(point, setting, 80)
        for entry in np.ndindex(shape):
            moved = list(point)
            moved[part] = _moved(point[part], entry, step)
            slopes[entry] = (card.exactly(moved, setting, 80, held_at=point) - here) / step
        return slopes


def _bend(card, point, setting, part):
    """The second derivative in the first entry, by a second difference of step 1e-20 in 120 digits."""
    with mpmath.workdps(120):
        step, values = mpmath.mpf(10) ** -20, []
        for side in (step, 0, -step):
            moved = list(point)
            moved[part] = _moved(point[part], [0] * np.ndim(point[part]), side)
            values.append(card.exactly(moved, setting, 120))
        return (values[0] - 2 * values[1] + values[2]) / step**2


def _moved(array, entry, side):
    """The array with one entry moved by `side`, as numbers of mpmath."""
    if not entry:
        return mpmath.mpf(float(array)) + side
    return [
        _moved(row, entry[1:], side if i == entry[0] else 0) if np.ndim(row) or i == entry[0] else mpmath.mpf(float(row))
        for i, row in enumerate(array)
    ]


def _gradient_gap(got, want, cancels):
    """Relative error; below 1e-9 it is the absolute error that counts, and below 1e-4 where terms of a larger size cancel: in
    p - q for rows, and where the Card names the size of the terms."""
    want = float(want)
    if np.isinf(want) or np.isinf(got):
        return 0.0 if got == want else np.inf
    return abs(got - want) / max(abs(want), 1e-4 if cancels else 1e-9)


@kind("torch's autograd agrees with the hand-derived gradient")
def autograd(card, *, params=None, rtol=1e-11):
    """Gradients by torch autograd equal the hand gradient at ordinary and hard points, kinks included."""
    import torch

    count, worst, witness = 0, 0.0, None
    for setting in settings(card, params):
        for arrays in (_points.ordinary(card), _points.hard(card)):
            tensors = [torch.as_tensor(a) for a in arrays]
            predictions = [tensor.requires_grad_() for tensor in tensors[: card.function.predictions]]
            slopes = torch.autograd.grad(card.function(*tensors, reduction="sum", **setting), predictions)
            for part, (got, want) in enumerate(zip(slopes, card.gradients(*arrays, **setting))):
                got, want = got.numpy(), np.asarray(want)
                with np.errstate(invalid="ignore"):
                    gap = np.where(got == want, 0.0, np.abs(got - want) / np.maximum(np.abs(want), 1e-4))
                gap = np.where(np.isnan(gap), np.inf, gap)
                count += gap.size
                if gap.size and beyond(gap.max(), worst):
                    i = np.unravel_index(np.argmax(gap), gap.shape)
                    worst = float(gap.max())
                    witness = {"params": setting, "inputs": [a[i[0]].tolist() for a in arrays], "prediction": part, "got": got[i]}
    return Result(worst <= rtol, "verified", count, worst, None if worst <= rtol else witness)


@kind("its second derivative by autograd is the derivative of its gradient formula")
def curvature(card, *, params=None, rtol=1e-9):
    """Two passes of autograd against the derivative of the gradient formula, at ordinary points and at a zero residual.

    Each prediction twice (the first entry of a vector); without a formula, against a second difference of the oracle.
    """
    import torch

    count, worst, witness = 0, 0.0, None
    for setting in settings(card, params):
        arrays = _points.ordinary(card, n=24)
        arrays[0][0] = arrays[-1][0] if arrays[0].shape == arrays[-1].shape else 0.0
        tensors = [torch.as_tensor(a) for a in arrays]
        predictions = [tensor.requires_grad_() for tensor in tensors[: card.function.predictions]]
        slopes = torch.autograd.grad(card.function(*tensors, reduction="sum", **setting), predictions, create_graph=True)
        for part, symbol in enumerate(card.predictions):
            vector = isinstance(symbol, sympy.IndexedBase)
            second = card.slopes[part].diff(symbol[j] if vector else symbol) if card.gradient_formula is not None else None
            column = slopes[part][..., 0].sum() if vector else slopes[part].sum()
            column = column + 0 * predictions[part].sum()  # where the loss is linear there is nothing else to differentiate
            got = torch.autograd.grad(column, predictions[part], retain_graph=True)[0].numpy()
            got = got[..., 0] if vector else got
            for i in range(len(got)):
                inputs = [a[i] for a in arrays]
                if second is None:
                    want = float(_bend(card, inputs, setting, part))
                else:
                    want = float(exact(second, _points.named(card, inputs, setting) | ({j: 1} if vector else {})))
                gap, count = abs(got[i] - want) / max(abs(want), 1e-4), count + 1
                if beyond(gap, worst):
                    inputs = [np.asarray(a).tolist() for a in inputs]
                    worst, witness = gap, {"params": setting, "inputs": inputs, "got": got[i], "want": want}
    return Result(worst <= rtol, "verified", count, worst, None if worst <= rtol else witness)


@kind("equal to its twins up to the stated factors")
def twins(card, *, rtol=1e-10, twin=None):
    """Every installed twin (or the one named) returns this package's value divided by the factor on the Card, in each reduction
    it offers. The message names the libraries that are not installed."""
    count, worst, message, missing = 0, 0.0, "", []
    for other in card.twins:
        if twin not in (None, other.name):
            continue
        if importlib.util.find_spec(other.library) is None:
            missing += [other.library] * (other.library not in missing)
            continue
        for setting in _points.parameter_settings(card) if other.at is None else [_points.required(card) | other.at]:
            arrays = _points.ordinary(card, n=30, seed=11)
            if other.indices:
                arrays[-1] = arrays[-1].argmax(-1)
            if other.takes_tensors:
                import torch

                arrays = [torch.as_tensor(a) for a in arrays]
            factor = float(sympy.sympify(other.factor).subs(symbols_of(card, setting)))
            for reduction in other.reductions:
                ours = np.asarray(card.function(*arrays, reduction=reduction, **setting))
                theirs = factor * np.asarray(other.call(*arrays, reduction=reduction, **setting))
                gap = float(np.max(np.abs(ours - theirs) / np.maximum(np.abs(ours), max(1e-8, card.terms))))
                count += 1
                if beyond(gap, worst):
                    worst = gap
                    message = f"{other.name}, {reduction}, {setting}: ours / theirs = {np.ravel(ours)[0]} / {np.ravel(theirs)[0]}"
    if worst <= rtol:
        message = f"not installed: {', '.join(missing)}" if missing else ""
    return Result(worst <= rtol, "verified", count, worst, message=message)
