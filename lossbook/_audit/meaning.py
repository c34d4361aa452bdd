"""What the loss means: scores or probabilities, where it is least, and another loss beside it."""

import contextlib

import numpy as np

from .arrays import numpy_of
from .case import NotRun, Refused
from .hard import classes_of, sure_scores


def check_double_softmax(case):
    """A softmax (or sigmoid) of what went through one already: the loss of a perfect prediction keeps a floor of a known
    height."""
    first, t = case.wrt[0], case.target
    role = case.info[first].role
    if t is None or role not in ("logits", "logit", "distribution", "probability"):
        raise NotRun("the prediction is no score or probability of classes")
    count = 2 if case.info[first].classes is None else case.inputs[first].shape[case.info[first].classes]
    right, wrong = (sure_scores(case, side, 1e3) for side in (1.0, -1.0))
    if right is None:
        raise NotRun("it is not clear what a right prediction is")
    if role in ("logits", "logit"):
        name = "softmax" if case.info[first].classes is not None else "sigmoid"
        hint = f"the loss itself applies a {name} twice. Remove one"
    else:
        name = "softmax" if role == "distribution" else "sigmoid"
        hint = f"the example's predictions are probabilities already, and the loss applies a {name}. Give it the scores"
    with contextlib.suppress(Refused):
        best, worst = (case.with_input(first, scores) for scores in (right, wrong))
        floor, top = (float(case.values(inputs).mean()) for inputs in (best, worst))
        heights = floors(case, count)
        per = case.n if case.behaviour == "sum" else 1
        for loss, (low, high) in heights.items():
            if abs(floor / per - low) < 1e-6 * (1 + low) and abs(top / per - high) < 1e-6 * (1 + high):
                few = case.smallest(best, lambda part: True)
                yield case.finding(
                    "double_softmax",
                    "warning" if role == "probability" else "error",
                    f"for a prediction that is certain and right the loss is {floor:.4g} and not 0, and for one that is "
                    f"certain and wrong only {top:.4g}: exactly what {loss} gives when {hint}. It learns slowly and never "
                    "becomes sure.",
                    few,
                    value=case.number(few),
                    expected=0.0,
                )
                return


def floors(case, count):
    """{loss: (least, largest value)} when scores are squashed to [0, 1] and then once more."""
    e = np.e
    if case.info[case.wrt[0]].classes is not None:
        p, q = e / (e + count - 1), 1 / (e + count - 1)
        return {
            "cross-entropy": (-np.log(p), -np.log(q)),
            "focal loss": (-((1 - p) ** 2) * np.log(p), -((1 - q) ** 2) * np.log(q)),
        }
    share = float((numpy_of(case.inputs[case.target]) > 0).mean())
    right, wrong, even = np.log1p(np.exp(-1)), np.log1p(e), np.log(2)  # of 1 and of 0 as scores
    return {"binary cross-entropy": (share * right + (1 - share) * even, share * even + (1 - share) * wrong)}


def check_probability_input(case):
    """Scores for a loss of probabilities, probabilities for a loss of their logarithms: both go through without an error."""
    first, t = case.wrt[0], case.target
    info = case.info[first]
    if t is None:
        raise NotRun("it is not clear which input is the target")
    x, value = numpy_of(case.inputs[first]).astype(np.float64), case.number()
    target = case.info[t]
    if info.classes is not None and info.role in ("logits", "distribution") and target.role == "labels":
        chosen = classes_of(case, t, info.classes)
        picked = np.take_along_axis(x, np.expand_dims(chosen, info.classes), info.classes).squeeze(info.classes)
        if case.close(value, -picked.mean()) or case.close(value, -picked.sum()):
            few = case.smallest(case.inputs, lambda part: True)
            yield case.finding(
                "probability_input",
                "error",
                f"the loss is minus the {info.role.rstrip('s')} of the label: it takes logarithms of probabilities (as "
                f"NLLLoss does), and the example gives it {'scores' if info.role == 'logits' else 'probabilities'}. It has "
                "no lower bound, and pulls nothing down. Apply log_softmax first, or take a cross-entropy of logits.",
                few,
                value=case.number(few),
            )
            return
    if info.role == "distribution" and target.role == "distribution":
        logs = case.with_input(first, np.log(np.maximum(x, 1e-300)))
        if value < 0 <= case.number(logs) and abs(case.number(case.with_input(t, x, logs))) < 1e-9:
            yield case.finding(
                "probability_input",
                "error",
                f"the divergence of two distributions is {value:.6g}, below 0. With the logarithms of the prediction it is "
                f"{case.number(logs):.6g}, and 0 where the two are equal: the loss takes log-probabilities (as kl_div does). "
                "Pass log_softmax(scores).",
                value=value,
            )
            return
    outside = (x < 0) | (x > 1)
    if info.role in ("logits", "logit") and outside.any():
        clipped = case.number(case.with_input(first, np.clip(x, 0.0, 1.0)))
        further = case.number(case.with_input(first, np.where(outside, 10 * x + np.sign(x), x)))
        stays = case.close(clipped, value) or (case.close(further, value) and not case.close(value, 0.0))
        if stays and not _is_flat_inside(case, first, x):
            yield case.finding(
                "probability_input",
                "error",
                f"entries of {info.name} below 0 and above 1 can be moved further out, and the loss stays {value:.6g}: it "
                "clamps them to [0, 1], so it takes probabilities, and the example gives it scores. Half of them get no "
                "gradient. Apply a sigmoid or softmax, or better, take a loss of logits.",
                case.with_input(first, np.where(outside, 10 * x + np.sign(x), x)),
                value=value,
            )


def _is_flat_inside(case, first, x):
    """Whether the loss does not move inside [0, 1] either: then it does not clamp, it is flat."""
    inside = np.clip(x, 0.1, 0.9)
    return case.close(case.number(case.with_input(first, inside)), case.number(case.with_input(first, 0.5 * inside)))


FAR = np.exp(-40)  # instead of 0, whose logarithm no prediction reaches
LINKS = {
    "it": lambda y: y,
    "its logarithm": lambda y: np.log(np.where(y == 0, FAR, y)),
    "its logit": lambda y: np.log(np.where(y == 0, FAR, y)) - np.log(np.where(y == 1, FAR, 1 - y)),
    "its exponential": lambda y: np.exp(y),
}


def check_minimum(case):
    """The loss is least where the prediction is the target; or, for classes, lower where the score of the right one is
    higher."""
    if not case.minimum_at_target:
        raise NotRun("minimum_at_target=False")
    case.need_repeatable()
    first, t = case.wrt[0], case.target
    if t is None or not case.info[t].is_target():
        raise NotRun("no input is named target")
    role, right, wrong = case.info[first].role, sure_scores(case, 1.0, 3.0), sure_scores(case, -1.0, 3.0)
    if right is not None and role in ("logits", "logit", "log_probability", "distribution", "probability"):
        if role in ("distribution", "probability"):
            right, wrong = (0.8 * scores + 0.1 for scores in (right, wrong))
            if role == "distribution":
                right, wrong = (scores / scores.sum(case.info[first].classes, keepdims=True) for scores in (right, wrong))
        low, high = (case.number(case.with_input(first, scores)) for scores in (right, wrong))
        if low > high + 1e-9 * (1 + abs(high)):
            good = case.smallest(case.with_input(first, right), lambda part: True)
            yield case.finding(
                "minimum",
                "error",
                f"where the score of every right class is high the loss is {low:.6g}, and where it is low {high:.6g}: it "
                "teaches the opposite. A sign, the order of the arguments, or the coding of the labels (0/1 or -1/1) is "
                "wrong.",
                good,
                value=low,
                value_when_wrong=high,
            )
        return
    if case.inputs[first].shape != case.inputs[t].shape or case.info[t].role in ("labels", "sign", "binary"):
        raise NotRun("prediction and target have no common scale")
    yield from _least_at_target(case, first, t)


def _least_at_target(case, first, t):
    y, best = numpy_of(case.inputs[t]).astype(np.float64), None
    for link in LINKS.values():
        with np.errstate(all="ignore"):
            place = link(y)
        if not np.isfinite(place).all():
            continue
        with contextlib.suppress(Refused):
            at, lower = case.number(case.with_input(first, place)), _lower_nearby(case, first, place)
            if np.isfinite(at) and lower is None:
                return
            best = best or (at, lower)
    if best is None:
        raise NotRun("the target lies outside of what the loss takes as a prediction")
    at, (place, value) = best
    numbers = ("real", "positive", "negative", "boxes")  # a soft probability may well have its minimum at 0 or 1
    same_scale = case.info[first].role in numbers and case.info[t].role in numbers
    beside = same_scale and _least_at_a_distance(case, first, t, y)
    yield case.finding(
        "minimum",
        "error" if same_scale and not beside else "warning",
        f"where the prediction is the target the loss is {at:.6g}, and close by it is {value:.6g}: its minimum is "
        + (
            "beside the target, at the same distance wherever that is. That is right if too much and too little differ in "
            "price; otherwise a constant or a sign is wrong."
            if beside
            else "elsewhere, also not at the logarithm, the logit or the exponential of the target. A sign, a missing square "
            "or absolute value, or the order of the arguments is wrong."
        )
        + " (If the target is no place to be reached, pass minimum_at_target=False.)",
        case.with_input(first, place),
        value=value,
        at_the_target=at,
    )


def _least_at_a_distance(case, first, t, y):
    """Whether the loss depends on prediction minus target alone, and is larger far away on both sides than at the target."""
    with contextlib.suppress(Refused):
        at, far = case.number(case.with_input(first, y)), 1e3 * (1 + np.abs(y).max())
        alike = all(case.close(case.number(case.with_input(t, y + c, case.with_input(first, y + c))), at) for c in (0.5, 2.0))
        return alike and all(case.number(case.with_input(first, y + side)) > at for side in (far, -far))
    return False


def _lower_nearby(case, first, place):
    """(prediction, value) with a lower loss than at a place; None if 24 random neighbours at several distances have none."""
    rng = np.random.default_rng(10)
    here = case.with_input(first, place)
    at = case.number(here)
    for size in (0.1, 1.0, 3.0):
        for _ in range(8):
            step = case.direction(first, rng, here)
            with contextlib.suppress(Refused):
                value = case.number(case.with_input(first, place + size * step))
                if value < at - 1e-9 * (1 + abs(at)):
                    return place + size * step, value
    return None


# --- reference ------------------------------------------------------------------------------------------------------------


def check_reference(case):
    """The loss and a reference loss on the same inputs: equal, or a factor apart, or a factor and a constant, or different."""
    if case.reference is None:
        raise NotRun("no reference")
    rng = np.random.default_rng(11)
    batches = [case.inputs, *(case.moved(rng, size) for size in (1.0, 2.0, 3.0, 5.0))]
    if case.has_batch:
        batches.append(case.take(range(case.n - 1)))
    ours, theirs = [], []
    for inputs in batches:
        with contextlib.suppress(Refused):
            a, b = case.values(inputs), case.values(inputs, case.reference)
            if a.shape != b.shape:
                yield case.finding(
                    "differs_from_reference",
                    "error",
                    f"the loss has the shape {a.shape} and the reference {b.shape}: compare them with the same reduction.",
                    inputs,
                    value=a,
                    reference=b,
                )
                return
            ours.append(a.ravel())
            theirs.append(b.ravel())
    if not ours:
        raise NotRun("the reference refuses the inputs")
    gaps = [np.abs(a - b).max(initial=0.0) / (1e-300 + np.abs(b).max(initial=0.0)) for a, b in zip(ours, theirs)]
    if max(gaps) < (1e-9 if case.dtype == "float64" else 1e-5):
        return
    worst = batches[int(np.argmax(gaps))]
    few = case.smallest(worst, lambda part: not case.close(case.values(part), case.values(part, case.reference)))
    value, reference = case.values(few), case.values(few, case.reference)
    where = np.argmax(np.abs(value - reference))
    relation = _relation(case, ours, theirs) or (
        "another one than the reference, and not by a factor or a constant: "
        f"{value.flat[where]:.6g} where the reference is {reference.flat[where]:.6g}"
    )
    yield case.finding(
        "differs_from_reference",
        "error",
        f"the loss is {relation}. Say so in its docstring, or correct it: a factor changes the learning "
        "rate and the balance with other terms; anything else changes what is learned.",
        few,
        value=value,
        reference=reference,
    )


def _relation(case, ours, theirs):
    """In words: the reference times a factor, plus a constant; None if neither."""
    a, b = np.concatenate(ours), np.concatenate(theirs)
    for x, y, which in (
        (a, b, ""),
        (np.concatenate(ours[:-1] or ours), np.concatenate(theirs[:-1] or theirs), ", for this size of batch"),
    ):
        with np.errstate(all="ignore"):
            ratio = x / y
        if np.isfinite(ratio).all() and np.ptp(ratio) < 1e-7 * abs(ratio[0]):
            return f"{_named(case, ratio[0])} times the reference{which}"
        if len(x) > 2 and np.ptp(y) > 0:
            slope, constant = np.polyfit(y, x, 1)
            if np.abs(slope * y + constant - x).max() < 1e-7 * (np.abs(x).max() + abs(constant)):
                factor = "" if abs(slope - 1) < 1e-7 else f"{_named(case, slope)} times "
                return f"{factor}the reference {'plus' if constant > 0 else 'minus'} {abs(constant):.6g}{which}"
    return None


def _named(case, factor):
    """A factor with the name of a number that it equals: 2, 1/2, log 2, the number of examples or of classes."""
    shape = case.inputs[case.wrt[0]].shape
    known = {"-1": -1, "log 2, nats against bits": np.log(2), "1/log 2, bits against nats": 1 / np.log(2)}
    known |= {f"{n}": n for n in (2, 3, 4)} | {f"1/{n}": 1 / n for n in (2, 3, 4)}
    if case.n:
        known |= {f"{case.n}, the number of examples,": case.n, f"1/{case.n}, one over the number of examples,": 1 / case.n}
    if len(shape) > 1:
        known |= {
            f"{shape[-1]}, the length of the last axis,": shape[-1],
            f"1/{shape[-1]}, one over the last axis,": 1 / shape[-1],
        }
    return next((name for name, number in known.items() if abs(factor - number) < 1e-7 * abs(number)), f"{factor:.6g}")


CHECKS = [check_double_softmax, check_probability_input, check_minimum, check_reference]
