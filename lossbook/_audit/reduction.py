"""Reductions: what the mean divides by, and whether the loss of a batch is made of the losses of its examples."""

import contextlib

import numpy as np

from .arrays import numpy_of, parameters
from .case import NotRun, Refused


def check_reduction(case):
    """ "none" gives values, "sum" their sum, and "mean" that sum divided by something that has a name."""
    each = case.reduced("none")
    if each is None:
        raise NotRun("the loss has no parameter named reduction")
    try:
        values = case.values(loss=each)
    except Refused as refused:
        raise NotRun(f"with reduction='none' {refused}") from refused
    if values.ndim == 0:
        yield case.finding(
            "reduction",
            "error",
            "with reduction='none' the loss is one number. Whoever weighs or masks the examples gets a wrong result without "
            "an error: return one value per example before anything is summed.",
            value=values,
        )
        return
    total = values.sum()
    with contextlib.suppress(Refused):
        added = case.number(loss=case.reduced("sum"))
        if not case.close(added, total):
            yield case.finding(
                "reduction",
                "error",
                f"with reduction='sum' the loss is {added:.6g}, and its values with reduction='none' add up to "
                f"{total:.6g}{times(added, total)}. Compute the values once, and reduce them in one place.",
                sum=added,
                values=values,
            )
    with contextlib.suppress(Refused):
        mean = case.number(loss=case.reduced("mean"))
        if case.close(mean * values.size, total) or not np.isfinite(mean):
            return
        divisor = total / mean if mean else np.inf
        name = next((name for name, weights in divisors(case).items() if case.close(divisor, weights.sum())), None)
        is_sum = abs(divisor - 1) < 1e-6 and values.size > 1
        yield case.finding(
            "reduction",
            "error" if is_sum else "warning",
            f"with reduction='mean' the loss is the sum of its {values.size} values divided by {divisor:.6g}"
            + (f", {name}" if name else "")
            + (
                ": the mean is the sum. The step then grows with the batch."
                if is_sum
                else ". Someone who takes the mean of reduction='none' gets another number: say in the docstring what is "
                "divided by."
            ),
            mean=mean,
            values=values,
            divisor=divisor,
        )


def times(a, b):
    return f", {a / b:.4g} times as much" if b and np.isfinite(a / b) else ""


def divisors(case):
    """{words: what each example adds to it} for what a mean may sensibly divide by."""
    found = {"the number of examples": np.ones(case.n)}
    for i, info in enumerate(case.info):
        x = numpy_of(case.inputs[i])
        if info.axis != 0 or info.predicted:
            continue
        rows = x.reshape(case.n, -1)
        if info.role in ("mask", "weight", "binary"):
            found[f"the sum of {info.name}"] = rows.sum(1).astype(float)
            found[f"the number of entries of {info.name} that are not 0"] = (rows != 0).sum(1).astype(float)
            if info.role == "mask":
                found[f"the number of entries of {info.name} that are 0"] = (rows == 0).sum(1).astype(float)
        if info.role == "labels":
            ignored = ignored_label(case, x)
            if ignored is not None:
                found["the number of labels that are not ignored"] = (rows != ignored).sum(1).astype(float)
            for weight in _class_weights(case):
                if rows.min(initial=0) >= 0 and rows.max(initial=0) < len(weight):
                    found["the sum of the class weights of the labels"] = weight[rows].sum(1).astype(float)
    return found


def _class_weights(case):
    """What the loss holds under a name with "weight": an attribute or buffer of a module, a keyword of a partial."""
    loss = case.loss
    held = {**vars(loss), **dict(getattr(loss, "_buffers", {}))} if hasattr(loss, "__dict__") else {}
    held |= getattr(loss, "keywords", None) or {}
    arrays = [numpy_of(x) for name, x in held.items() if "weight" in name and x is not None and not callable(x)]
    return [x for x in arrays if x.ndim == 1 and x.dtype.kind in "fiu"]


def ignored_label(case, labels):
    """The label that is ignored: the loss says so, or the labels hold a negative one."""
    keywords = getattr(case.loss, "keywords", None) or {}
    said = keywords.get("ignore_index", getattr(case.loss, "ignore_index", None))
    if said is None:
        parameter = parameters(case.loss).get("ignore_index")
        said = None if parameter is None or parameter.default is parameter.empty else parameter.default
    if said is None and labels.size and labels.min() < 0:
        said = int(labels.min())
    return said


def check_batch(case):
    """The loss of the batch is the mean (or sum) of the losses of its examples, weighed by something that has a name."""
    case.need_batch()
    case.need_repeatable()
    count = min(case.n, 12)
    few = case.take(range(count))
    alone = [case.take([i], few) for i in range(count)]
    if not case.scalar:
        yield from _depends_on_neighbours(case, few, alone)
        return
    total, singles = case.number(few), np.array([_number_or_nan(case, x) for x in alone])
    if case.behaviour == "sum" and case.close(singles.sum(), total):
        return
    weights = {name: w[:count] for name, w in divisors(case).items()}
    for name, w in weights.items():
        with np.errstate(all="ignore"):
            sums = np.where(w > 0, w, 1.0) * singles  # where nothing counts, many divide by at least 1
            mean = np.where((w > 0) | np.isfinite(singles), sums, 0.0).sum() / w.sum()
        if case.close(mean, total, np.abs(singles[np.isfinite(singles)]).max(initial=0.0)):
            if name != "the number of examples" and not np.allclose(w, w[0]):
                yield _accumulates_by(case, name, w, total, singles)
            return
    yield case.finding(
        "batch_dependence",
        "info",
        f"the loss of {len(singles)} examples is {total:.6g}, and no mean of their losses one by one: the value depends on "
        "which examples are together. Contrastive losses, losses of sets (Dice of a batch) and of whole samples do. Then "
        "gradient accumulation and several devices train another loss than one large batch.",
        few,
        value=total,
        one_by_one=singles,
    )


def _number_or_nan(case, inputs):
    with contextlib.suppress(Refused):
        return case.number(inputs)
    return np.nan


def _depends_on_neighbours(case, few, alone):
    """A loss that returns a value for each example."""
    values = case.values(few)
    if values.shape[:1] != (len(alone),):
        raise NotRun("the loss returns neither one number nor one value per example")
    with contextlib.suppress(Refused):
        singles = [case.values(x) for x in alone]
        wrong = [i for i, v in enumerate(singles) if v.size != values[i].size or not case.close(v.ravel(), values[i].ravel())]
        if wrong:
            i = wrong[0]
            yield case.finding(
                "batch_dependence",
                "info",
                f"example {i} has the loss {_short(values[i])} in the batch and {_short(singles[i])} alone: its value "
                "depends on its neighbours. Contrastive losses should; others have mixed up their axes.",
                few,
                value=values[i],
                alone=singles[i],
            )


def _short(values):
    return f"{values.ravel()[0]:.6g}" if values.size == 1 else np.array2string(values.ravel()[:3], precision=4)


def _accumulates_by(case, name, weights, total, singles):
    """Micro-batches of unequal weight: their mean is not the loss of the batch."""
    count = len(singles)
    for cut in (max(1, count // 3), *range(1, count)):  # not where both parts happen to weigh the same
        with contextlib.suppress(Refused):
            wrong = np.mean([case.number(case.take(rows)) for rows in (range(cut), range(cut, count))])
            if not np.isfinite(wrong) or np.isclose(wrong, total, rtol=1e-4):
                continue
            return case.finding(
                "accumulation",
                "warning",
                f"the mean divides by {name}. The mean of two micro-batches is {wrong:.6g}, the loss of the whole batch "
                f"{total:.6g}: gradient accumulation and several devices change what is trained. Add up sums, and divide once "
                f"by {name} of the whole batch; or weigh each micro-batch by its share of it.",
                case.take(range(count)),
                value=total,
                mean_of_micro_batches=wrong,
                denominators=weights,
            )
    return case.finding(
        "accumulation",
        "warning",
        f"the mean divides by {name}: under gradient accumulation, add up sums, and divide once by that of the whole batch.",
        value=total,
        one_by_one=singles,
        denominators=weights,
    )


CHECKS = [check_reduction, check_batch]
