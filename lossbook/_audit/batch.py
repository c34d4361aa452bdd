"""The batch as a whole: the same again, in another order, in another shape; nothing else may play a part."""

import contextlib
import copy
import warnings

import numpy as np
from scipy.special import expit, softmax

from .arrays import copy_of, numpy_of, seed
from .case import Hopeless, NotRun, Refused


def check_example(case):
    """The loss of the example batch is a finite number. Otherwise there is nothing to check."""
    if case.n == 0:
        raise ValueError("the example batch is empty: audit needs a few ordinary examples")
    try:
        value = case.call(case.inputs)
    except Refused as refused:
        value = _in_float32(case, refused)
    if isinstance(value, str):
        yield case.finding(
            "raises",
            "error",
            f"on the example batch {value}. Check that the inputs are what the loss takes, in its order: here "
            f"{'; '.join(i.describe(x) for i, x in zip(case.info, case.inputs))}.",
        )
        raise Hopeless("the loss raises on the example batch")
    values = numpy_of(value)
    if not np.isfinite(values).all():
        yield from _out_of_domain(case)
        few = case.smallest(case.inputs, lambda part: not np.isfinite(case.values(part)).all())
        yield case.finding(
            "non_finite_value",
            "error",
            f"the loss of the example batch is {values.sum()}. Look at the inputs of the witness: a log of 0, a root or a "
            "log of a negative number, a division by 0.",
            few,
            value=case.values(few),
        )
        raise Hopeless("the loss of the example batch is not finite")


def _in_float32(case, refused):
    """Once more in float32, for a loss with a fixed dtype inside; the words of the error if that does not help."""
    if case.is_torch:
        case.inputs, case.dtype, case.loss = case.cast(case.inputs, "float32"), "float32", case.original
        with contextlib.suppress(Refused):
            return case.call(case.inputs)
    return str(refused)


def _out_of_domain(case):
    """Scores where probabilities are wanted: nan with them, finite with their sigmoid or softmax."""
    first = case.wrt[0]
    if case.info[first].role not in ("logits", "logit", "real"):
        return
    x, axis = numpy_of(case.inputs[first]).astype(np.float64), case.info[first].classes
    name, squashed = ("sigmoid", expit(np.clip(x, -30, 30))) if axis is None else ("softmax", softmax(x, axis))
    with contextlib.suppress(Refused):
        inputs = case.with_input(first, squashed)
        if np.isfinite(case.values(inputs)).all():
            few = case.smallest(case.inputs, lambda part: not np.isfinite(case.values(part)).all())
            yield case.finding(
                "probability_input",
                "error",
                f"{case.info[first].name} holds scores, and the loss is {case.number()}; with their {name} it is finite. It "
                f"takes probabilities: apply the {name} first, or better, take a loss of logits, which is stable.",
                few,
                value=case.values(few),
            )


def check_repeatable(case):
    """The same batch has the same loss: now, after another batch, and whatever the random numbers are."""
    seed(0)
    first = case.values()
    seed(0)
    again = case.values()
    seed(1)
    otherwise = case.values()
    if not np.array_equal(first, again, equal_nan=True):
        remembers = _remembers(case)
        yield case.finding(
            "hidden_state" if remembers else "nondeterminism",
            "error",
            "the same batch with the same random seed has another loss when it comes again: "
            + (
                f"the loss keeps {remembers}. A value then depends on how often it was asked, and validation changes "
                "training. Keep such state outside and pass it in, or update it only in an explicit step."
                if remembers
                else "it remembers what it saw, or draws random numbers that no seed controls. Nothing that it says can be "
                "reproduced: pass a generator, and state, as an argument."
            ),
            first=first,
            again=again,
        )
        raise Hopeless("its value cannot be reproduced")
    if case.has_batch:
        case.values(case.take([*range(1, case.n), 0], case.moved(np.random.default_rng(7), 5.0)))
        seed(0)
        after = case.values()
        if not np.array_equal(first, after, equal_nan=True):
            yield case.finding(
                "hidden_state",
                "error",
                "after another batch the same batch has another loss: the loss remembers what it saw. A value then depends "
                "on the order of the batches, and validation changes training. Keep such state outside, and pass it in.",
                first=first,
                again=after,
            )
            raise Hopeless("its value cannot be reproduced")
    if not np.array_equal(first, otherwise, equal_nan=True):
        case.repeatable = False
        yield case.finding(
            "nondeterminism",
            "warning",
            "the loss of the same batch changes with the random seed: it draws random numbers (dropout, sampled negatives, "
            "noise). Curves are noisier, and validation cannot be repeated: pass a generator as an argument, and use eval() "
            "to validate.",
            first=first,
            again=otherwise,
        )


def _remembers(case):
    """What a module changed in itself during a call, in words; "" if nothing is seen to change."""
    state = getattr(case.loss, "__dict__", None)
    if state is None or not hasattr(case.loss, "state_dict"):
        return ""
    before = {**copy.deepcopy(dict(case.loss.state_dict())), **{k: v for k, v in state.items() if isinstance(v, int | float)}}
    case.values()
    after = {**dict(case.loss.state_dict()), **{k: v for k, v in state.items() if isinstance(v, int | float)}}
    changed = [k for k in before if k in after and not np.array_equal(numpy_of(before[k]), numpy_of(after[k]))]
    return "" if not changed else f"state in {', '.join(changed)}"


def check_input_changed(case):
    """The arrays that the caller passed are as before."""
    copies = [copy_of(x) for x in case.inputs]
    with contextlib.suppress(Exception):
        case.loss(*copies)
    for i, (before, after) in enumerate(zip(case.inputs, copies)):
        if before.shape != after.shape or not np.array_equal(numpy_of(before), numpy_of(after), equal_nan=True):
            inputs = case.smallest(case.inputs, lambda part, i=i: _changes(case, part, i))
            yield case.finding(
                "input_changed",
                "error",
                f"the loss changes {case.info[i].name} in place. Whatever uses it afterwards (a metric, a second loss, the "
                "next epoch, where data are kept in memory) works with other numbers: copy first, or write the step without "
                "+= and functions that end in an underscore.",
                inputs,
                before=before,
                after=after,
            )


def _changes(case, inputs, i):
    copies = [copy_of(x) for x in inputs]
    case.loss(*copies)
    return not np.array_equal(numpy_of(inputs[i]), numpy_of(copies[i]), equal_nan=True)


def check_order(case):
    """A permutation of the examples leaves the loss of the batch as it is, and permutes the losses of the examples."""
    case.need_batch()
    case.need_repeatable()
    before = case.values()
    rows = before.ndim > 0 and before.shape[0] == case.n
    for order in (np.roll(np.arange(case.n), 1), np.arange(case.n)[::-1], np.random.default_rng(8).permutation(case.n)):
        after = case.values(case.take(order))
        if after.shape != before.shape:
            return
        if not case.close(after, before[order] if rows else before, np.abs(before).max(initial=0.0)):
            alone = sum(i.axis is not None for i in case.info) < 2
            yield case.finding(
                "order",
                "warning" if alone else "error",
                "the same examples in another order have another loss. Shuffling then changes what is trained. A cumulative "
                "sum, a first or last example that is treated apart, a flattened axis, or a transposed one does it"
                + (
                    ": unless the pairs are made by their places in the batch, correct it."
                    if alone
                    else ": compute each example by itself, and sort first where time matters."
                ),
                case.inputs,
                order=order,
                value=before,
                reordered=after,
            )
            return


def check_broadcasting(case):
    """(N,) against (N, 1) is refused, or means the same; it must not become N x N."""
    case.need_batch()
    first = case.wrt[0]
    x = case.inputs[first]
    if tuple(x.shape) in ((case.n,), (case.n, 1)):
        seen = list(_example_broadcasts(case, first))
        yield from seen
        if seen:
            return
    partners = [i for i, y in enumerate(case.inputs) if i != first and tuple(y.shape) == tuple(x.shape)]
    if not partners:
        raise NotRun("no other input has the shape of the prediction")
    flat = [y.reshape(-1) if tuple(y.shape) == tuple(x.shape) else y for y in case.inputs]
    with contextlib.suppress(Refused):
        want = case.values(flat)
        if not case.close(want.sum(), case.number()):
            raise NotRun("a row is one example, and columns mean something else")
        for i in partners:
            column = list(flat)
            column[i] = flat[i].reshape(-1, 1)
            with contextlib.suppress(Refused), warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                got = case.values(column)
                if got.shape == want.shape and case.close(got, want, np.abs(want).max(initial=0.0)):
                    continue
                loud = [w for w in said if "size" in str(w.message) or "broadcast" in str(w.message)]
                yield case.finding(
                    "broadcasting",
                    "info" if loud else "warning",
                    f"{case.info[first].name} of shape (N,) and {case.info[i].name} of shape (N, 1) are broadcast to N x "
                    f"N{' (with a warning)' if loud else ' silently'}: every prediction meets every target, and the model "
                    "learns the mean. Refuse it: if pred.shape != target.shape: raise ValueError.",
                    column,
                    value=got,
                    with_equal_shapes=want,
                )
                return


def _example_broadcasts(case, first):
    """The example itself has a column beside a row, and the value is another one when the columns are squeezed: here, or near
    by, as equal predictions would hide it."""
    row, column = (case.n,), (case.n, 1)
    shapes = [tuple(y.shape) for y in case.inputs]
    if row not in shapes or column not in shapes:
        return
    wide, flat = (first if shapes[first] == shape else shapes.index(shape) for shape in (column, row))
    squeeze = "the prediction" if wide == first else case.info[wide].name
    harm = "prediction meets every target, and the model learns the mean" if wide == first else "example meets every other one"
    for inputs in (case.inputs, case.moved(np.random.default_rng(13))):
        with contextlib.suppress(Refused):
            squeezed = [y.reshape(-1) if shape == column else y for y, shape in zip(inputs, shapes)]
            got, want = case.values(inputs), case.values(squeezed)
            if got.shape != want.shape or not case.close(got, want):
                yield case.finding(
                    "broadcasting",
                    "error",
                    f"in the example batch {case.info[wide].name} has the shape (N, 1) and {case.info[flat].name} (N,): they "
                    f"are broadcast to N x N, every {harm}. Squeeze {squeeze}, and let the loss refuse unequal shapes.",
                    inputs,
                    value=got,
                    with_equal_shapes=want,
                )
                return


FIRST = [check_example, check_repeatable]
CHECKS = [check_input_changed, check_order, check_broadcasting]
