"""What is ignored: padding, masks, weights of 0, and a batch in which nothing counts."""

import contextlib
import copy

import numpy as np

from .arrays import all_finite, numpy_of
from .case import NotRun, Refused
from .reduction import ignored_label, times


def _ignoring(case):
    """(input, what an ignored entry of it is, words) for a mask, a weight, or labels with an index that is ignored."""
    i = case.find("mask")
    if i is not None:
        return i, _masks(case, i), f"elements that {case.info[i].name} hides"
    i = case.find("weight")
    if i is not None and case.info[i].axis is not None:
        return i, 0, f"elements of {case.info[i].name} 0"
    i = case.find("labels")
    if i is not None:
        ignored = ignored_label(case, numpy_of(case.inputs[i]))
        classes = (
            case.inputs[case.wrt[0]].shape[case.info[case.wrt[0]].classes] if case.info[case.wrt[0]].classes is not None else 0
        )
        if ignored is not None and not (ignored < 0 and classes == 0):
            return i, ignored, f"labels {ignored}"
    raise NotRun("nothing is ignored: no mask, no weight, no ignore_index")


def _masks(case, i):
    """Which value of a mask hides an element: 0, unless it says "padding" or "ignore", or only the other is without effect."""
    hides = [v for v in (0, 1) if _changed_by_content(case, i, v) is None]
    if hides == [1] or (1 in hides and case.info[i].words() & {"padding", "pad", "ignore", "ignored"}):
        return 1
    return 0


def _changed_by_content(case, i, ignored):
    """(inputs, value) where other predictions at the ignored places change the loss; None if they do not."""
    where = numpy_of(case.inputs[i]) == ignored
    if not where.any():
        return None
    inputs, rng = list(case.inputs), np.random.default_rng(9)
    for part in case.wrt:
        x = numpy_of(case.inputs[part])
        hidden = _spread(case, where, i, part)
        if hidden is None:
            return None
        inputs[part] = case.like(np.where(hidden, x + 3 * case.direction(part, rng), x), part)
    value = case.number(inputs)
    return None if case.close(value, case.number()) else (inputs, value)


def _spread(case, where, i, part):
    """A mask of the shape of input i as one that fits a prediction; None if it does not fit."""
    shape = case.inputs[part].shape
    axis = case.info[part].classes
    if axis is not None and where.ndim == len(shape) - 1:
        where = np.expand_dims(where, axis)
    while where.ndim < len(shape):
        where = where[..., None]
    try:
        return np.broadcast_to(where, tuple(shape))
    except ValueError:
        return None


def check_padding(case):
    """What is ignored does not count: other content, or more of it, leaves the loss as it is."""
    case.need_batch()
    case.need_repeatable()
    i, ignored, words = _ignoring(case)
    leak = _changed_by_content(case, i, ignored)
    if leak is None and not (numpy_of(case.inputs[i]) == ignored).any():
        marked = numpy_of(case.inputs[i]).copy()
        marked.reshape(-1)[:: max(2, marked.size // 3)] = ignored
        other = _with_inputs(case, case.with_input(i, marked))
        with contextlib.suppress(Refused):
            leak = _changed_by_content(other, i, ignored)
            case = other
    if leak is not None:
        inputs, value = leak
        yield case.finding(
            "padding",
            "error",
            f"the loss changes when the predictions at {words} change: what should be ignored is seen. Put the mask where "
            "the values of the elements are, after the nonlinearity and before the sum, and nowhere else.",
            inputs,
            value=value,
            before=case.number(),
        )
        return
    padded = _padded(case, i, ignored)
    try:
        before, after = case.number(), case.number(padded)
    except Refused as refused:
        raise NotRun(str(refused)) from refused
    if case.scalar and not case.close(before, after):
        severity = "warning" if case.info[i].role == "weight" else "error"
        yield case.finding(
            "padding",
            severity,
            f"one more example that consists of {words} changes the loss from {before:.6g} to "
            f"{after:.6g}{times(after, before)}. The mean divides by all elements, also by those that do not count: the "
            "longer the padding, the smaller the step. Divide by the number (or the weights) of those that count: (values * "
            "mask).sum() / mask.sum().",
            padded,
            value=after,
            before=before,
        )
    yield from _spoilt(case, i, ignored, words)


def _with_inputs(case, inputs):
    other = copy.copy(case)
    other.inputs = inputs
    for name in ("scalar", "behaviour"):
        other.__dict__.pop(name, None)
    return other


def _padded(case, i, ignored):
    """The batch with its first example once more, ignored."""
    rows = [*range(case.n), 0]
    inputs = case.take(rows)
    marked = numpy_of(inputs[i]).copy()
    np.moveaxis(marked, case.info[i].axis or 0, 0)[-1] = ignored
    inputs[i] = case.like(marked, i)
    return inputs


def _spoilt(case, i, ignored, words):
    """Ignored elements that hold nan or infinity, as padding sometimes does, must not reach the gradient."""
    inputs = _padded(case, i, ignored)
    first = case.wrt[0]
    for content in (np.inf, np.nan):
        x = numpy_of(inputs[first]).copy()
        np.moveaxis(x, case.info[first].axis or 0, 0)[-1] = content
        spoilt = case.with_input(first, x, inputs)
        with contextlib.suppress(Refused):
            value, slopes = case.backward(spoilt)
            if not np.isfinite(value) or not all_finite(slopes):
                what = "loss" if not np.isfinite(value) else "gradient"
                yield case.finding(
                    "padding",
                    "warning",
                    f"with {content} in the predictions at {words} the {what} is nan: 0 times infinity is not 0. Put a "
                    "harmless number there before anything is computed: torch.where(mask, pred, 0.0).",
                    case.smallest(spoilt, lambda part: not np.isfinite(case.number(part))) if what == "loss" else spoilt,
                    value=value,
                )
                return


def check_all_ignored(case):
    """A batch in which nothing counts: 0, or nan where it is a mean; and then no gradient that spoils the others."""
    i, ignored, words = _ignoring(case)
    marked = np.full_like(numpy_of(case.inputs[i]), ignored)
    inputs = case.with_input(i, marked)
    inputs = case.smallest(inputs, lambda part: True)
    try:
        value, slopes = case.backward(inputs)
    except Refused as refused:
        yield case.finding(
            "all_ignored", "warning", f"where all are {words}, {refused}. Say what the loss of nothing is.", inputs
        )
        return
    if np.isnan(value):
        yield case.finding(
            "all_ignored",
            "info",
            f"where all are {words}, the loss is nan, the mean of nothing. One such batch and the training is lost, so skip "
            "it, or add up sums and divide by the count of the whole batch, at least 1.",
            inputs,
            value=value,
        )
    elif not np.isfinite(value) or abs(value) > 1e6:
        yield case.finding(
            "all_ignored",
            "error",
            f"where all are {words}, the loss is {value:.4g}: it divides by almost 0. Divide by max(count, 1).",
            inputs,
            value=value,
        )
    elif not all_finite(slopes):
        yield case.finding(
            "all_ignored",
            "error",
            f"where all are {words}, the loss is {value:.4g} and its gradient nan: the value was repaired (nan_to_num, "
            "where), and the gradient was not. Choose the denominator before the division: count.clamp(min=1).",
            inputs,
            value=value,
        )


def check_empty(case):
    """A batch without examples: 0, or nan where it is a mean."""
    case.need_batch()
    inputs = case.take([])
    try:
        value, _ = case.backward(inputs)
    except (Refused, ZeroDivisionError) as refused:
        yield case.finding(
            "empty", "info", f"for a batch without examples {refused}. A filter may leave none: say what it is.", inputs
        )
        return
    if not np.isfinite(value):
        yield case.finding(
            "empty",
            "info",
            f"for a batch without examples the loss is {value}, the mean of nothing. Where a filter may leave none, skip the "
            "batch.",
            inputs,
            value=value,
        )


CHECKS = [check_padding, check_all_ignored, check_empty]
