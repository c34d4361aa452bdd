"""`loss`: the decorator that turns a per-example formula into a loss function.

A loss is written as its formula, one line of mathematics for one example. Everything that all losses share happens here, once:
shapes, dtypes, labels, weights, half precision and the reduction. The rules are those of the API section of the book.
"""

import contextlib
import functools
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass

import array_api_compat
import numpy as np

from ._reduce import check_reduction, reduce
from ._xp import clip, is_float, is_torch, namespace, one_hot, values_readable, where


@dataclass(frozen=True)
class Labels:
    """An argument that holds classes: indices (...) or probabilities (..., K). `classes(first, params)` is K."""

    classes: Callable


LABELS = Labels(lambda logits, params: logits.shape[-1])  # one logit per class
LEVELS = Labels(lambda logits, params: logits.shape[-1] + 1)  # ordered classes: one logit per step from a class to the next


@dataclass(frozen=True)
class Sample:
    """An argument that is a sample: its last `trailing` axes belong together, and the first of them may have any length."""

    trailing: int


@dataclass(frozen=True)
class Steps:
    """An argument whose first axis is time, as sequence models return it: (T, ..., and `trailing` axes of one example)."""

    trailing: int


@dataclass(frozen=True)
class Integers:
    """An argument of integers, such as lengths (...): its last `trailing` axes belong together and may have any length."""

    trailing: int = 0


@dataclass(frozen=True)
class Distribution:
    """An argument of probabilities: along the last axis they lie in [0, 1] and sum to 1."""

    trailing: int = 1


DISTRIBUTION = Distribution()
GROUPS = "integers of the shape of the batch that say who belongs together, and nothing else"
ALL_BUT_FIRST = ...  # everything after the first axis belongs to one example: an image, a mask, a state


def loss(*, predictions=1, symmetric=False, default="mean", counted=None, coupled=False, rows=1, traceable=True, **axes):
    """Decorate a per-example formula. `axes` names the array arguments, in order, with the number of trailing axes that belong
    to one example; `labels=LABELS` marks class indices (...) or class probabilities (..., K), which the formula receives as
    probabilities. The first `predictions` arguments are what the model says, the others are targets: they receive no gradient,
    unless the loss is `symmetric` in its arguments. `default` is the default reduction. `counted(*arrays)` tells which
    examples have a value at all, where not every one does.

    `coupled` says that the value of a row depends on the other rows of a batch (N, ...), which is one axis long. There an example
    of weight 0 is taken out before anything is computed, so that no other row sees it. Where it depends on the parameters whether
    they are, it is a function of them. `rows` is how many values each row has.
    A loss that iterates until it has converged looks at values and is not `traceable`: not for torch.compile and vmap.
    """

    def decorate(formula):
        signature = inspect.signature(formula)

        @functools.wraps(formula)
        def function(*arrays, weight=None, reduction=default, denominator=None, **params):
            check_reduction(reduction, denominator)
            arrays, params = bind(formula.__name__, axes, arrays, params)
            batch = prepare(function, arrays, None if counted or rows > 1 else weight, params)
            kept = rows_kept(batch) if (coupled(params) if callable(coupled) else coupled) else None
            with quiet(batch.arrays[0]):
                arrays = batch.arrays if kept is None else [a[kept] for a in batch.arrays]
                values, of_value = formula(**dict(zip(axes, arrays)), **params), batch.weight
                values = values if kept is None else put_back(values, kept)
                check_values(values, tuple(rows * n for n in batch.shape))
                if counted:
                    values, of_value = select(values, counted(*batch.arrays), weight, reduction)
                elif rows > 1 and weight is not None:
                    of_value = check_weight(same_library([values, weight])[1], tuple(values.shape), values.dtype)
                result = reduce(values, of_value, reduction, denominator)
                return namespace(result).astype(result, batch.dtype)

        common = {"weight": None, "reduction": default, "denominator": None}
        keywords = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value) for name, value in common.items()]
        function.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *keywords])
        function.with_formula = decorate  # the same loss, its values computed in another way
        function.axes, function.predictions, function.symmetric = axes, predictions, symmetric
        function.traceable = traceable
        function.every_example = counted is None and not coupled and not isinstance(next(iter(axes.values())), Steps)
        return function

    return decorate


def gradient_of(function):
    """Decorate the hand-derived gradient of a loss with respect to its predictions, per example and unreduced: one array, or a
    tuple where there are several predictions."""

    def decorate(formula):
        @functools.wraps(formula)
        def gradient(*arrays, **params):
            arrays, params = bind(formula.__name__, function.axes, arrays, params)
            batch = prepare(function, arrays, None, params)
            with quiet(batch.arrays[0]):
                result = formula(**dict(zip(function.axes, batch.arrays)), **params)
                if isinstance(result, tuple):
                    return tuple(namespace(part).astype(part, batch.dtype) for part in result)
                return namespace(result).astype(result, batch.dtype)

        return gradient

    return decorate


@dataclass
class Batch:
    """Checked inputs, ready for the formula; `weight` is None when every example counts once."""

    arrays: list
    weight: object
    dtype: object  # of the result
    shape: tuple
    compute: object  # the dtype to compute in


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


def prepare(function, arrays, weight, params):
    """Check the arrays against each other, bring them to one dtype (half precision to float32), drop examples of weight 0."""
    batch = inspect_batch(function, arrays, weight, params)
    batch.arrays = [
        ready(name, array, function.axes[name], batch, params) for name, array in zip(function.axes, batch.arrays, strict=True)
    ]
    return batch


def inspect_batch(function, arrays, weight, params):
    """The checked arrays as they came, with what `weight` and two parameters make of the weights.

    `ignore_index` and `class_weights` act here, because they decide which examples count and how much.
    """
    axes, predictions = function.axes, function.predictions
    refuse_masks([*arrays, weight])
    *arrays, weight = same_library([*arrays, weight])
    xp = namespace(arrays[0])
    for i, (name, kind) in enumerate(axes.items()):
        check_dtype(name, arrays[i], target=i >= predictions, labels=isinstance(kind, Labels), groups=kind == GROUPS)
        if isinstance(kind, Integers) and not xp.isdtype(arrays[i].dtype, "integral"):
            raise TypeError(f"{name} must be integers, got {arrays[i].dtype}")
    shape = check_shapes(axes, arrays, params)
    dtype = xp.result_type(*[array.dtype for array in arrays if is_float(array)])
    compute = xp.float32 if xp.finfo(dtype).bits < 32 else dtype
    if weight is not None:
        weight = check_weight(weight, shape, compute)
    for i, kind in enumerate(axes.values()):
        real = is_float(arrays[i])
        if kind == GROUPS or isinstance(kind, Integers) or (isinstance(kind, Labels) and not real):
            arrays[i] = xp.astype(arrays[i], xp.int64)  # torch compares a uint8 with 300 or -100 as if they were uint8, too
        if i >= predictions and not function.symmetric and is_torch(arrays[i]):
            arrays[i] = arrays[i].detach()
    if params.get("ignore_index") is not None:
        weight = ignore(arrays[-1], params["ignore_index"], weight, compute)
    if params.get("class_weights") is not None:
        weight = weigh_classes(arrays, params["class_weights"], weight, compute)
    return Batch(arrays, weight, dtype, shape, compute)


def ready(name, array, kind, batch, params):
    """An array of a checked batch as its formula takes it: class indices as one-hot rows, harmless values at weight 0."""
    xp, weight = namespace(array), batch.weight
    if kind == GROUPS:
        return array
    if isinstance(kind, Labels):
        return as_probabilities(array, kind.classes(batch.arrays[0], params), weight, batch.compute)
    if isinstance(kind, Integers):
        return drop(array, weight, 0)
    if isinstance(kind, Distribution):
        return as_distribution(name, array, weight, batch.compute)
    if isinstance(kind, Steps):
        weight = None if weight is None else weight[None]
    return drop(xp.astype(array, batch.compute, copy=False), weight, 1.0)


def rows_kept(batch):
    """Where the rows are coupled: which ones have a weight, or None if all have."""
    if len(batch.shape) != 1:
        raise ValueError(f"there must be one axis of examples, whose rows are compared with each other, got shape {batch.shape}")
    if batch.weight is None:
        return None
    if not values_readable(batch.weight):  # rows of weight 0 would stay in the batch, and the value would silently be another
        raise ValueError("weights of a loss that compares rows cannot be read under torch.compile or vmap: leave those rows out")
    kept = batch.weight != 0
    return None if bool(namespace(kept).all(kept)) else kept


def put_back(values, kept):
    """The values of the rows that were kept at their places among all rows, and 0 elsewhere."""
    xp = namespace(values)
    if values.shape[0] == 0:
        return xp.zeros(kept.shape, dtype=values.dtype, device=values.device)
    place = clip(xp.cumulative_sum(xp.astype(kept, xp.int64)) - 1, 0, None)
    return where(kept, values[place], 0.0)


def select(values, counted, weight, reduction):
    """The values that count and their weights, where not every example has one; `weight` has an entry for each that has."""
    xp = namespace(values)
    if weight is None and reduction != "none":  # without picking, so that it can be compiled
        return where(counted, values, 0.0), xp.astype(counted, values.dtype)
    values = values[counted]
    if weight is None:
        return values, None
    (_, weight) = same_library([values, weight])
    weight = check_weight(weight, tuple(values.shape), values.dtype)
    return drop(values, weight, 0.0), weight


def refuse_masks(arrays):
    """Some NumPy functions forget the mask, and a mean over what is left would still divide by the number of all entries."""
    if any(isinstance(a, np.ma.MaskedArray) for a in arrays):
        raise TypeError("arrays must not be masked, got a masked array: pass its data, and weight 0 for what is masked")


def same_library(arrays):
    """All NumPy or all torch. Python numbers and lists are neither, and become what the others are; alone they become NumPy."""
    arrays = [_stacked(a) for a in arrays]
    tensors = [a for a in arrays if is_torch(a)]
    if not tensors:
        return [a if a is None or array_api_compat.is_array_api_obj(a) else np.asarray(a) for a in arrays]
    others = [a for a in arrays if a is not None and not is_torch(a)]  # torch.compile need not trace what tensors are
    if any(array_api_compat.is_array_api_obj(a) for a in others):
        kinds = sorted({type(a).__module__.split(".")[0] for a in arrays if hasattr(a, "dtype")})
        raise TypeError(
            f"all arrays must come from one library, got {' and '.join(kinds)}: convert one with torch.as_tensor or .numpy()"
        )
    return [a if a is None or is_torch(a) else _like(a, tensors[0]) for a in arrays]


def _stacked(array):
    """A list of torch tensors, say one loss per task, as one tensor."""
    if isinstance(array, list | tuple) and any(is_torch(a) for a in array):
        import torch

        like = next(a for a in array if is_torch(a))
        return torch.stack([a if is_torch(a) else _like(a, like) for a in array])
    return array


def _like(numbers, tensor):
    """Python numbers as a tensor beside another: on its device, and in its dtype unless they are all integers."""
    import torch

    made = torch.as_tensor(numbers, device=tensor.device)
    if made.is_floating_point() and tensor.is_floating_point():  # not made.to(...): it has rounded to float32 already
        return torch.as_tensor(numbers, dtype=tensor.dtype, device=tensor.device)
    return made


def check_dtype(name, array, *, target, labels, groups=False):
    if is_float(array) and not groups:
        return
    xp = namespace(array)
    if groups and not xp.isdtype(array.dtype, ("integral", "bool")):
        raise TypeError(f"{name} must be integers that say who belongs together, got {array.dtype}")
    if xp.isdtype(array.dtype, "complex floating") or not target:
        raise TypeError(f"{name} must be real floating point, got {array.dtype}: convert it, e.g. to float32")
    if labels and xp.isdtype(array.dtype, "bool"):
        raise TypeError(f"{name} must be integer class indices or float probabilities, got {array.dtype}")
    if not xp.isdtype(array.dtype, ("integral", "bool")):
        raise TypeError(f"{name} must be numbers, got {array.dtype}")


def check_shapes(axes, arrays, params):
    """All arrays must agree on the shape of the batch, which is returned, and on their trailing axes. Nothing is broadcast."""
    (name, first), *others = axes.items()
    shape = tuple(arrays[0].shape)
    trailing, leading = _trailing(first, shape), isinstance(first, Steps)
    batch, tail = shape[leading : len(shape) - trailing], shape[len(shape) - trailing :]
    if len(shape) < leading + trailing or 0 in tail:
        raise ValueError(f"{name} needs {_entries(trailing)}, got shape {shape}")
    for (other, kind), array in zip(others, arrays[1:], strict=True):
        hint = ""
        if kind == GROUPS:
            wanted = batch
        elif isinstance(kind, Sample):
            length = tuple(array.shape)[-kind.trailing] if array.ndim >= kind.trailing else "any"
            wanted = (*batch, length, *tail[1:])
            if length == 0:
                raise ValueError(f"{other} needs at least one point, got shape {tuple(array.shape)}")
        elif isinstance(kind, Integers):
            lengths = tuple(array.shape)[len(batch) :]
            wanted = batch + (lengths if len(lengths) == kind.trailing else ("any",) * kind.trailing)
        elif not isinstance(kind, Labels):
            wanted = batch + tail[trailing - _trailing(kind, shape) :]
        elif is_float(array):
            wanted, hint = (*batch, kind.classes(arrays[0], params)), _FLOATS
        else:
            wanted = batch
        if tuple(array.shape) != wanted:
            raise ValueError(
                f"{other} must have shape {wanted} to match {name} of shape {shape}, got {tuple(array.shape)}: "
                f"nothing is broadcast, reshape one of them{hint}"
            )
    return batch


def _trailing(kind, shape):
    """How many axes at the end of the first array belong to one example."""
    if kind is ALL_BUT_FIRST:
        if not shape:
            raise ValueError("the first axis counts the examples: there must be one, got a 0-d array")
        return len(shape) - 1
    return kind.trailing if isinstance(kind, Sample | Steps | Distribution) else kind


_FLOATS = " (class indices must be integers; floats are class probabilities)"


def _entries(trailing):
    last = "its last axis (classes, items or features)" if trailing == 1 else f"each of its last {trailing} axes"
    return f"at least one entry on {last}"


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
    if is_float(labels):
        raise ValueError("ignore_index needs integer labels; with probabilities, give those examples weight 0")
    counted = xp.astype(labels != index, dtype)
    return counted if weight is None else weight * counted


def weigh_classes(arrays, class_weights, weight, dtype):
    """Each example's weight times the weight of its class; for class probabilities q, times Σ q_k w_k."""
    logits, labels = arrays
    class_weights = parameter("class_weights", class_weights, like=logits, shape=logits.shape[-1:], each="one per class")
    require(class_weights, class_weights >= 0, "class_weights must be >= 0")
    xp = namespace(labels)
    class_weights = xp.astype(class_weights, dtype)
    if is_float(labels):
        of_example = xp.sum(as_distribution("labels", labels, weight, dtype) * class_weights, axis=-1)
    else:
        of_example = class_weights[class_indices(labels, logits.shape[-1], weight)]
    return of_example if weight is None else weight * of_example


def parameter(name, value, *, like, shape, each):
    """A parameter that is an array: a list, or an array of the library of `like`, of the given shape (`each`: in words)."""
    (_, value) = same_library([like, value])
    if tuple(value.shape) != tuple(shape):
        raise ValueError(f"{name} must have shape {tuple(shape)}, {each}, got {tuple(value.shape)}")
    xp = namespace(value)
    if is_float(value):
        return value
    return xp.astype(value, like.dtype if xp.finfo(like.dtype).bits >= 32 else xp.float32)


def drop(array, weight, harmless):
    """Put a harmless value where the weight is 0, before any nonlinearity: masking afterwards leaves nan in the gradient."""
    if weight is None:
        return array
    counted = weight != 0
    return where(counted[(..., *[None] * (array.ndim - counted.ndim))], array, harmless)


def as_probabilities(labels, classes, weight, dtype):
    """Class indices (...) as one-hot rows (..., K); class probabilities (..., K) checked and passed on."""
    if is_float(labels):
        return as_distribution("labels", labels, weight, dtype)
    return one_hot(class_indices(labels, classes, weight), classes, dtype)


def class_indices(labels, classes, weight):
    """Class indices (...), checked; 0 where the weight is 0."""
    labels = drop(labels, weight, 0)
    require(labels, (labels >= 0) & (labels < classes), f"labels must be class indices in 0 .. {classes - 1}", IndexError)
    return labels


def as_distribution(name, array, weight, dtype):
    """Probabilities (..., K), checked: the sum may miss 1 by what their dtype, or a careful user, has rounded."""
    xp = namespace(array)
    tolerance = max(1e-4, 2 * xp.finfo(array.dtype).eps)
    array = drop(xp.astype(array, dtype, copy=False), weight, 1 / array.shape[-1])
    in_unit_interval(**{name: array})
    total = xp.sum(array, axis=-1)
    close = ~(xp.abs(total - 1) > tolerance)
    require(total, close, f"probabilities in {name} must sum to 1 over the classes")
    return array


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
