"""Hard inputs: confident, tied, zero, huge. What is finite in exact arithmetic should be finite."""

import contextlib

import numpy as np

from .arrays import all_finite, numpy_of
from .case import NotRun, Refused

GENUINE = 1e100  # a value that grows to this before it overflows does so by right: e^z, not -log(softmax(z))


def hard_inputs(case, size=1e4):
    """{words: inputs}: predictions that a trained, a broken or an unlucky model makes, one kind at a time."""
    first = case.wrt[0]
    info, x = case.info[first], numpy_of(case.inputs[first]).astype(np.float64)
    found = {}
    for words, side in (("confident and right", 1.0), ("confident and wrong", -1.0)):
        scores = sure_scores(case, side, size)
        if scores is not None:
            found[words] = case.with_input(first, scores)
    if info.role in ("real", "logits", "logit"):
        found["all zero"] = case.with_input(first, np.zeros_like(x))
        found[f"large, {size:g} times the example"] = case.with_input(first, x * size)
    if info.role in ("positive", "negative"):
        found["large"], found["small"] = case.with_input(first, x * 1e4), case.with_input(first, x * 1e-8)
    same = [i for i, y in enumerate(case.inputs) if i != first and tuple(y.shape) == x.shape and case.info[i].axis is not None]
    for i in same:
        if case.info[i].role == info.role or (info.role == "real" and case.info[i].role in ("positive", "probability")):
            found[f"equal to {case.info[i].name}"] = case.with_input(first, numpy_of(case.inputs[i]).astype(np.float64))
    if case.has_batch:
        copied = case.take(np.zeros(case.n, dtype=int))
        found["the same for all examples"] = [
            copied[i] if info.predicted else x for i, (x, info) in enumerate(zip(case.inputs, case.info))
        ]
    return found


def sure_scores(case, side, size):
    """Predictions that are certain of the target (side 1), or of something else (side -1); None if that has no meaning here."""
    first, t = case.wrt[0], case.target
    info = case.info[first]
    x = numpy_of(case.inputs[first]).astype(np.float64)
    if t is None or info.role not in ("logits", "logit", "probability", "distribution", "log_probability"):
        return None
    target = numpy_of(case.inputs[t])
    if info.classes is None:
        if target.shape != x.shape or case.info[t].role not in ("binary", "sign"):
            return None
        yes = np.where(target > 0, side, -side)
        return size * yes if info.role == "logit" else (yes + 1) / 2
    chosen = classes_of(case, t, info.classes)
    if chosen is None:
        return None
    count = x.shape[info.classes]
    chosen = chosen if side > 0 else (chosen + 1) % count
    hot = np.moveaxis(np.eye(count)[chosen], -1, info.classes)
    return {"logits": size * (2 * hot - 1), "log_probability": np.where(hot == 1, 0.0, -size), "distribution": hot}[info.role]


def classes_of(case, t, axis):
    """The class of each example, from indices or from probabilities; an index out of range (ignored) becomes 0."""
    target, shape = numpy_of(case.inputs[t]), case.inputs[case.wrt[0]].shape
    rest = tuple(shape[:axis]) + tuple(shape[axis + 1 :])
    if target.dtype.kind in "iu" and target.shape == rest:
        return np.where((target >= 0) & (target < shape[axis]), target, 0)
    return target.argmax(axis) if target.shape == tuple(shape) else None


def check_hard_values(case):
    """nan is never right at finite inputs, and infinity only where the value grows without bound on the way there."""
    said = set()  # one finding of a kind is enough
    for words, inputs in hard_inputs(case).items():
        for dtype in ("float64", "float32") if case.dtype == "float64" and case.is_torch else (case.dtype,):
            with contextlib.suppress(Refused):
                here, there = case.at(dtype), case.cast(inputs, dtype)
                found = _not_finite(here, words, there, dtype)
                if found and (found.check, found.severity) not in said:
                    said.add((found.check, found.severity))
                    yield found
                if found or not np.isfinite(here.number(there)):
                    break


def _not_finite(case, words, inputs, dtype):
    first, role = case.wrt[0], case.info[case.wrt[0]].role
    value, slopes = case.backward(inputs)
    said = f"with {case.info[first].name} {words}" + ("" if dtype == "float64" else f" in {dtype}")
    if not np.isfinite(value):
        if not np.isnan(value) and _grows(case, inputs, dtype):
            return None
        few = case.smallest(inputs, lambda part: not np.isfinite(case.number(part)))
        mild = _no_limit(case, inputs) or (role in ("probability", "distribution") and not np.isnan(value))
        hint = (
            "There the loss has no limit or an infinite one: keep such inputs away from it, or define what it is there."
            if mild
            else "The exact value is finite: use the stable form (logsumexp, softplus, log1p, xlogy), with logits instead of "
            "probabilities, and no epsilon."
        )
        return case.finding(
            "non_finite_value",
            "warning" if mild else "error",
            f"{said} the loss is {value}. One such example and the training is lost. {hint}",
            few,
            value=case.number(few),
        )
    if all_finite(slopes):
        return None
    wrong = [g for g in slopes if g is not None and not np.isfinite(g).all()]
    mild = _no_limit(case, inputs) or (role in ("probability", "distribution") and not np.isnan(wrong[0]).any())
    kind = "nan" if np.isnan(wrong[0]).any() else "infinite"
    few = case.smallest(_nearest(case, inputs), case.spoils)
    value, begins = case.number(few), float(np.abs(numpy_of(few[first])).max())
    from_here = "" if begins in (0.0, float(np.abs(numpy_of(inputs[first])).max())) else f" (it begins near {begins:.3g})"
    return case.finding(
        "non_finite_gradient",
        "warning" if mild else "error",
        f"{said} the loss is finite, {value:.4g}, but its gradient is {kind}{from_here}: "
        "it turns all weights into nan in one step. The usual causes are sqrt or a norm at 0, a power below 1, and a branch "
        "of where() that is not taken: make its input harmless before the function, not after it.",
        few,
        value=value,
        gradient=next(g for g in case.backward(few)[1] if g is not None),
    )


def _nearest(case, inputs):
    """On the way from the example to inputs that spoil the loss, the first that do; scores only, as the others end where they
    should: probabilities at 0 and 1."""
    first, near = case.wrt[0], inputs
    if case.info[first].role not in ("real", "logits", "logit"):
        return inputs
    start, end = (numpy_of(x[first]).astype(np.float64) for x in (case.inputs, inputs))
    low, high = 0.0, 1.0
    with contextlib.suppress(Refused):
        for _ in range(30):
            middle = (low + high) / 2
            between = case.with_input(first, start + middle * (end - start), inputs)
            low, high, near = (low, middle, between) if case.spoils(between) else (middle, high, near)
    return near


def _grows(case, inputs, dtype):
    """Whether the value is already huge just before it becomes infinite, on the way from the example: then it should be."""
    first = case.wrt[0]
    start, end = (numpy_of(x[first]).astype(np.float64) for x in (case.inputs, inputs))
    low, high, last = 0.0, 1.0, 0.0
    for _ in range(30):
        middle = (low + high) / 2
        value = case.number(case.cast(case.with_input(first, start + middle * (end - start)), dtype))
        low, high, last = (middle, high, value) if np.isfinite(value) else (low, middle, last)
    return abs(last) > (GENUINE if dtype == "float64" else 1e30)


def _no_limit(case, inputs):
    """Whether the value tends to different numbers as these inputs are approached from different sides, as an angle does at
    0."""
    first, rng = case.wrt[0], np.random.default_rng(4)
    if case.info[first].role not in ("real", "logits"):
        return False
    x, limits = numpy_of(inputs[first]).astype(np.float64), []
    for _ in range(3):
        side = 1e-7 * rng.standard_normal(x.shape)
        limits.append(case.number(case.with_input(first, x + side, case.cast(inputs, case.dtype))))
    return bool(np.isfinite(limits).all() and np.ptp(limits) > 1e-4 * (1e-3 + np.abs(limits).max()))


def check_single_example(case):
    """A batch of one is a batch."""
    case.need_batch()
    one = case.take([0])
    fewer = case.take(range(case.n - 1))
    for words, inputs, cause in (
        ("one example fewer", fewer, "The size of the batch is written into the loss: take it from the inputs, pred.shape[0]."),
        ("a single example", one, "A squeeze() without an axis is the usual cause: name the axis."),
    ):
        try:
            value = case.number(inputs)
        except Refused as refused:
            yield case.finding(
                "raises",
                "error" if _shape_trouble(refused) else "warning",
                f"with {words} {refused}. The last batch of an epoch is often short. {cause}",
                inputs,
            )
            return
    if np.isfinite(value):
        return
    values = [case.number(case.take([i])) for i in range(min(case.n, 8))]
    if np.isfinite(values).any():
        return  # it is that example, not that it is alone: other checks look at it
    compares = np.isnan(value) and _compares(case)
    yield case.finding(
        "empty" if compares else "non_finite_value",
        "info" if compares else "error",
        f"for a single example the loss is {value}, whichever it is. The last batch of an epoch may have one. A variance "
        "with n - 1, or a mean over the other examples, is then a division by 0: say what the loss of one example is, or "
        "refuse it.",
        one,
        value=value,
    )


def _shape_trouble(refused):
    return not any(word in str(refused) for word in ("ValueError", "at least", "more than 1"))


def _compares(case):
    """Whether examples are compared with each other, so that one alone has no loss: the loss of four is neither the mean nor the
    sum of those of two pairs, nor would it be with another count."""
    if case.n < 4:
        return False
    four, *pairs = (case.number(case.take(rows)) for rows in ([0, 1, 2, 3], [0, 1], [2, 3]))
    return not any(case.close(c * four, sum(pairs)) for c in (1.0, 2.0, 3.0))


def check_vanishing_gradient(case):
    """Where the prediction is confidently wrong, there is a pull."""
    if case.info[case.wrt[0]].role not in ("logits", "logit"):
        raise NotRun("the prediction is no score of classes")
    far, near = (sure_scores(case, -1.0, size) for size in (50.0, 1.0))
    if far is None:
        raise NotRun("it is not clear what a wrong prediction is")
    first = case.wrt[0]
    inputs = case.with_input(first, far)
    value, (gradient, *_) = case.backward(inputs)
    _, (usual, *_) = case.backward(case.with_input(first, near))
    if gradient is None or usual is None or not np.isfinite(value):
        return
    strongest, reference = np.abs(gradient).max(), np.abs(usual).max()
    if reference > 0 and strongest < 1e-6 * reference:
        few = case.smallest(inputs, lambda part: np.abs(case.backward(part)[1][0]).max() < 1e-6 * reference)
        yield case.finding(
            "vanishing_gradient",
            "warning",
            f"where {case.info[first].name} is wrong with a score of 50, the gradient is {strongest:.2g}; with a score of 1 "
            f"it is {reference:.2g}. The worst mistakes are not corrected. If the loss is not meant to be bounded, give it "
            "logits and the stable form instead of a sigmoid or softmax followed by log, clamp or an epsilon.",
            few,
            gradient=strongest,
            gradient_at_score_1=reference,
        )


CHECKS = [check_hard_values, check_single_example, check_vanishing_gradient]
