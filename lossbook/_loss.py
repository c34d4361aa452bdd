"""`loss`: the decorator that turns a per-example formula into a loss function.

A loss is written as its formula, one line of mathematics for one example. Everything that all losses share happens here, once:
shapes, dtypes, labels, weights, half precision and the reduction. The rules are those of the API section of the book.
"""

import contextlib
import functools
import inspect
import math
from dataclasses import dataclass

import array_api_compat
import numpy as np

from ._reduce import check_reduction, reduce
from ._xp import is_torch, namespace, one_hot, values_readable, where

COMMON = [
    inspect.Parameter("weight", inspect.Parameter.KEYWORD_ONLY, default=None),
    inspect.Parameter("reduction", inspect.Parameter.KEYWORD_ONLY, default="mean"),
    inspect.Parameter("denominator", inspect.Parameter.KEYWORD_ONLY, default=None),
]
LABELS = "labels"


def loss(*, symmetric=False, **axes):
    """Decorate a per-example formula. `axes` names the array arguments, in order, with the number of trailing axes that belong
    to one example; `labels=LABELS` marks class indices (...) or class probabilities (..., K), which the formula receives as
    probabilities. The last argument is the target; it receives gradient only if the loss is `symmetric` in its arguments.
    """

    def decorate(formula):
        signature = inspect.signature(formula)

        @functools.wraps(formula)
        def function(*arrays, weight=None, reduction="mean", denominator=None, **params):
            check_reduction(reduction, denominator)
            arrays, params = bind(formula.__name__, axes, arrays, params)
            batch = prepare(axes, arrays, weight, symmetric, params)
            with quiet(batch.arrays[0]):
                values = formula(*batch.arrays, **params)
                check_values(values, batch.shape)
                result = reduce(values, batch.weight, reduction, denominator)
                return namespace(result).astype(result, batch.dtype)

        function.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *COMMON])
        function.axes = axes
        function.symmetric = symmetric
        return function

    return decorate


def gradient_of(function):
    """Decorate the hand-derived gradient of a loss with respect to its predictions, per example and unreduced."""

    def decorate(formula):
        @functools.wraps(formula)
        def gradient(*arrays, **params):
            arrays, params = bind(formula.__name__, function.axes, arrays, params)
            batch = prepare(function.axes, arrays, None, function.symmetric, params)
            with quiet(batch.arrays[0]):
                result = formula(*batch.arrays, **params)
                return namespace(result).astype(result, batch.dtype)

        return gradient

    return decorate


@dataclass
class Batch:
    """Checked inputs, ready for the formula; `weight` is None when every example counts once."""

    arrays: list
    weight: object
    dtype: object
    shape: tuple


def bind(name, axes, arrays, params):
    """Array arguments may be passed by position or by name."""
    if len(arrays) > len(axes):
        raise TypeError(f"{name}() takes {len(axes)} arrays ({', '.join(axes)}), got {len(arrays)}; parameters go by keyword")
    params = dict(params)
    bound = list(arrays)
    for argument in list(axes)[len(arrays) :]:
        if argument not in params:
            raise TypeError(f"{name}() is missing the argument {argument!r}")
        bound.append(params.pop(argument))
    return bound, params


def prepare(axes, arrays, weight, symmetric, params):
    """Check the arrays against each other, bring them to one dtype (half precision to float32), drop examples of weight 0.

    Two parameters act here, on the weight, because they decide which examples count: `ignore_index` and `class_weights`.
    """
    names = list(axes)
    refuse_masks([*arrays, weight])
    arrays = same_library([*arrays, weight])
    *arrays, weight = arrays
    xp = namespace(arrays[0])
    for name, array in zip(names, arrays, strict=True):
        check_dtype(name, array, target=name == names[-1], labels=axes[name] == LABELS)
    shape = check_shapes(axes, arrays)
    if axes[names[-1]] == LABELS and not xp.isdtype(arrays[-1].dtype, "real floating"):
        arrays[-1] = xp.astype(arrays[-1], xp.int64)  # torch compares a uint8 with 300 or -100 as if they were uint8, too

    floats = [array.dtype for array in arrays if xp.isdtype(array.dtype, "real floating")]
    dtype = xp.result_type(*floats)
    compute = xp.float32 if xp.finfo(dtype).bits < 32 else dtype
    if not symmetric and is_torch(arrays[-1]):
        arrays[-1] = arrays[-1].detach()
    if weight is not None:
        weight = check_weight(weight, shape, compute)
    if params.get("ignore_index") is not None:
        weight = ignore(arrays[-1], params["ignore_index"], weight, compute)
    if params.get("class_weights") is not None:
        weight = weigh_classes(arrays, params["class_weights"], weight, compute)
    for i, name in enumerate(names):
        if axes[name] == LABELS:
            arrays[i] = as_probabilities(arrays[i], arrays[0], weight, compute)
        else:
            arrays[i] = drop(xp.astype(arrays[i], compute, copy=False), weight, 1.0)
    return Batch(arrays, weight, dtype, shape)


def refuse_masks(arrays):
    """Some NumPy functions forget the mask, and a mean over what is left would still divide by the number of all entries."""
    if any(isinstance(a, np.ma.MaskedArray) for a in arrays):
        raise TypeError("arrays must not be masked, got a masked array: pass its data, and weight 0 for what is masked")


def same_library(arrays):
    """All NumPy or all torch. Python numbers and lists count as NumPy."""
    torch_inputs = [is_torch(a) for a in arrays if a is not None]
    if any(torch_inputs) and not all(torch_inputs):
        kinds = sorted({type(a).__module__.split(".")[0] for a in arrays if a is not None})
        raise TypeError(
            f"all arrays must come from one library, got {' and '.join(kinds)}: convert one with torch.as_tensor or .numpy()"
        )
    if any(torch_inputs):
        return list(arrays)
    return [a if a is None or array_api_compat.is_array_api_obj(a) else np.asarray(a) for a in arrays]


def check_dtype(name, array, *, target, labels):
    xp = namespace(array)
    real = xp.isdtype(array.dtype, "real floating")
    if xp.isdtype(array.dtype, "complex floating") or not (real or target):
        raise TypeError(f"{name} must be real floating point, got {array.dtype}: convert it, e.g. to float32")
    if labels and xp.isdtype(array.dtype, "bool"):
        raise TypeError(f"{name} must be integer class indices or float probabilities, got {array.dtype}")
    if not (real or xp.isdtype(array.dtype, ("integral", "bool"))):
        raise TypeError(f"{name} must be numbers, got {array.dtype}")


def check_shapes(axes, arrays):
    """All arrays must agree on the shape of the batch, which is returned. Nothing is broadcast."""
    (name, trailing), *others = axes.items()
    leader, shape = arrays[0], tuple(arrays[0].shape)
    if leader.ndim < trailing or 0 in shape[len(shape) - trailing :]:
        raise ValueError(f"{name} needs at least one entry on its last axis (classes or features), got shape {shape}")
    batch = shape[: len(shape) - trailing]
    for (other, kind), array in zip(others, arrays[1:], strict=True):
        indices = kind == LABELS and not namespace(array).isdtype(array.dtype, "real floating")
        wanted = batch if indices else shape
        if tuple(array.shape) != wanted:
            hint = " (class indices must be integers; floats are class probabilities)" if kind == LABELS and not indices else ""
            raise ValueError(
                f"{other} must have shape {wanted} to match {name} of shape {shape}, got {tuple(array.shape)}: "
                f"nothing is broadcast, reshape one of them{hint}"
            )
    return batch


def check_values(values, shape):
    """A parameter given as an array must fit the examples: if its shape spread them out, that would be silent broadcasting."""
    if tuple(values.shape) != shape:
        raise ValueError(
            f"there must be one value per example, shape {shape}, got {tuple(values.shape)}: "
            "a parameter given as an array must fit the examples, reshape it"
        )


def check_weight(weight, shape, dtype):
    xp = namespace(weight)
    if xp.isdtype(weight.dtype, "complex floating"):
        raise TypeError(f"weight must be real, got {weight.dtype}")
    if tuple(weight.shape) != shape:
        raise ValueError(f"weight must have one entry per example, shape {shape}, got {tuple(weight.shape)}")
    require(weight, weight >= 0, "weight must be >= 0")
    return xp.astype(weight, dtype)


def ignore(labels, index, weight, dtype):
    """Weight 0 for the examples whose label is `index`."""
    xp = namespace(labels)
    if xp.isdtype(labels.dtype, "real floating"):
        raise ValueError("ignore_index needs integer labels; with probabilities, give those examples weight 0")
    counted = xp.astype(labels != index, dtype)
    return counted if weight is None else weight * counted


def weigh_classes(arrays, class_weights, weight, dtype):
    """Each example's weight times the weight of its class; for class probabilities q, times Σ q_k w_k."""
    logits, labels = arrays
    xp, classes = namespace(logits), logits.shape[-1]
    if not hasattr(class_weights, "dtype"):
        class_weights = xp.asarray(class_weights, dtype=dtype, device=logits.device)
    (_, class_weights) = same_library([logits, class_weights])
    if tuple(class_weights.shape) != (classes,):
        raise ValueError(f"class_weights must have shape ({classes},), one per class, got {tuple(class_weights.shape)}")
    require(class_weights, class_weights >= 0, "class_weights must be >= 0")
    q = as_probabilities(labels, logits, weight, dtype)
    of_example = xp.sum(q * xp.astype(class_weights, dtype), axis=-1)
    return of_example if weight is None else weight * of_example


def drop(array, weight, harmless):
    """Put a harmless value where the weight is 0, before any nonlinearity: masking afterwards leaves nan in the gradient."""
    if weight is None:
        return array
    counted = weight != 0
    return where(counted[(..., *[None] * (array.ndim - counted.ndim))], array, harmless)


def as_probabilities(labels, logits, weight, dtype):
    """Class indices (...) as one-hot rows (..., K); class probabilities (..., K) checked and passed on."""
    xp, classes = namespace(logits), logits.shape[-1]
    like = xp.astype(logits, dtype, copy=False)
    if xp.isdtype(labels.dtype, "real floating"):
        tolerance = max(1e-4, 2 * xp.finfo(labels.dtype).eps)
        labels = drop(xp.astype(labels, dtype, copy=False), weight, 1 / classes)
        in_unit_interval(labels=labels)
        total = xp.sum(labels, axis=-1)
        close = ~(xp.abs(total - 1) > tolerance)
        require(total, close, "probabilities in labels must sum to 1 over the classes")
        return labels
    labels = drop(labels, weight, 0)
    require(labels, (labels >= 0) & (labels < classes), f"labels must be class indices in 0 .. {classes - 1}", IndexError)
    return one_hot(labels, classes, like)


def quiet(array):
    """No NumPy warnings: inf and nan are answers here, not accidents; they are returned, never hidden."""
    return contextlib.nullcontext() if is_torch(array) else np.errstate(all="ignore")


def require(array, holds, invariant, error=ValueError):
    """Raise unless `holds` everywhere, naming the first position where it does not. Skipped where values cannot be read."""
    if not (values_readable(array) and values_readable(holds)) or bool(namespace(holds).all(holds)):
        return
    position = tuple(int(i) for i in np.argwhere(~np.asarray(holds))[0])
    where_ = f" at position {position if len(position) != 1 else position[0]}" if position else ""
    raise error(f"{invariant}, got {array[position].item()}{where_}")


def in_range(*, low=-math.inf, high=math.inf, closed="", **params):
    """Parameters must lie between `low` and `high`; `closed` holds '[' and ']' where that end itself is allowed."""
    for name, value in params.items():
        if not values_readable(value):
            continue
        above = value >= low if "[" in closed else value > low
        below = value <= high if "]" in closed else value < high
        inside = above & below
        if not (inside if isinstance(inside, bool) else inside.all()):
            left, right = "[" if "[" in closed else "(", "]" if "]" in closed else ")"
            raise ValueError(f"{name} must lie in {left}{low}, {high}{right}, got {value}")


def in_unit_interval(**arrays):
    for name, array in arrays.items():
        require(array, ~((array < 0) | (array > 1)), f"{name} must lie in [0, 1]")


def zero_or_one(**arrays):
    for name, array in arrays.items():
        require(array, ~((array != 0) & (array != 1) & (array == array)), f"{name} must be 0 or 1")
