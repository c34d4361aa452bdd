"""Differentiation: does the gradient reach the predictions, is it the derivative of the value, does it stay away from
targets?"""

import contextlib
import functools

import numpy as np

from ..check import slope
from .arrays import all_finite, moved_entry, numpy_of
from .case import NotRun, Refused
from .hard import hard_inputs

ALONG = (-1.0, 0.3, 1.0)  # where on a line through the example the derivative is compared


def check_gradient_reaches(case):
    """The value depends on the predictions, and autograd knows it."""
    case.need_torch()
    try:
        _, slopes = case.backward()
    except Refused as refused:
        if not str(refused).startswith("backward"):
            raise
        yield case.finding(
            "gradient_missing",
            "error",
            f"{refused}. Nothing can be trained with it. An operation that changes a tensor in place (+=, clamp_, x[mask] = "
            "0) destroys what the backward pass needs: write it without, e.g. with torch.where.",
        )
        return
    for part, gradient in zip(case.wrt, slopes):
        if gradient is None and _moves(case, part):
            yield case.finding(
                "gradient_missing",
                "error",
                f"the loss depends on {case.info[part].name}, but no gradient reaches it{_cause(case, part)}. The model is "
                "not trained by it. Keep every step in torch, differentiable, from the prediction to the loss.",
            )
        elif gradient is None:
            yield case.finding(
                "gradient_missing",
                "error",
                f"no gradient reaches {case.info[part].name}, and the loss did not change when it was moved at random: it is "
                "not used, or only through something flat such as argmax, round or a comparison. Nothing can be learned "
                "from it: use the scores themselves.",
            )


def _moves(case, part):
    """Whether a move of one input changes the value."""
    rng = np.random.default_rng(0)
    base = case.number()
    changed = [case.number(case.with_input(part, numpy_of(case.inputs[part]) + s * case.direction(part, rng))) for s in (1, 3)]
    return not all(np.isclose(v, base, rtol=1e-12, atol=0, equal_nan=True) for v in changed)


def _cause(case, part):
    """What cuts the gradient off, as far as it can be seen from outside."""
    with contextlib.suppress(Refused):
        if case.backward(parts=[part], loss=attached(case.loss))[1][0] is not None:
            return ": a detach() or no_grad() on the way cuts it off"
    return ": on the way it becomes a number, an integer or a NumPy array (.item(), .long(), argmax, .numpy(), .tolist())"


def attached(loss):
    """The loss with detach() and no_grad() without effect: what the gradient would be without them."""
    import torch
    from torch.overrides import TorchFunctionMode

    class Attached(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            if function in (torch.Tensor.detach, torch.detach):
                return args[0]
            if function is torch._C._set_grad_enabled:
                return None
            return function(*args, **(kwargs or {}))

    def call(*inputs):
        with Attached():
            return loss(*inputs)

    return call


def check_gradient_zero(case):
    """Not every gradient is exactly 0, wherever the predictions are moved."""
    rng = np.random.default_rng(1)
    moved = [case.inputs, *(case.moved(rng, size) for size in (1.0, 3.0, 10.0, 30.0, 10.0))]
    largest = {part: -1.0 for part in case.wrt}  # below 0: never seen
    for inputs in moved:
        with contextlib.suppress(Refused):
            for part, gradient in zip(case.wrt, case.backward(inputs)[1]):
                largest[part] = max(largest[part], np.inf if gradient is None else np.abs(gradient).max(initial=0.0))
    for part in case.wrt:
        if largest[part] == 0:
            yield case.finding(
                "gradient_zero",
                "error",
                f"the gradient of {case.info[part].name} is exactly 0 here and at five other random predictions: the value "
                "is a staircase (a count of errors, a threshold, a rounding) or a clamp that is always active. Gradient "
                "descent does not move: take a smooth or convex stand-in for what is counted.",
                gradient=np.zeros(case.inputs[part].shape),
            )


def check_gradient_wrong(case):
    """Along random lines, and entry by entry where they disagree, autograd's slope is the one of the values; so it is where
    prediction and target are equal, and where the prediction is 0."""
    case.need_torch()
    rng = np.random.default_rng(2)
    steps = {part: case.direction(part, rng) for part in case.wrt}
    for words, inputs, judge in _suspects(case, steps):
        if judge(case, inputs) is None:  # a kink lies within the step
            continue
        inputs = case.smallest(inputs, lambda few, judge=judge: judge(case, few) is not None)
        part, entry, found, want = judge(case, inputs)
        deliberate = judge(case, inputs, attached(case.loss)) is None
        place = f"{case.info[part].name}[{', '.join(map(str, entry))}]" if entry is not None else case.info[part].name
        place += words
        ratio = f" ({found / want:.4g} times it)" if want and np.isfinite(found / want) and found else ""
        cause = (
            "A detach() or no_grad() holds a part of the value constant: if that is meant (as in CIoU, or for a weight), "
            "say so in the docstring; if not, remove it."
            if deliberate
            else "The optimiser follows the gradient, not the value: correct the backward pass (or the part of the value that "
            "autograd does not see: .item(), .data, NumPy), and compare it with torch.autograd.gradcheck."
        )
        yield case.finding(
            "gradient_wrong",
            "warning" if deliberate else "error",
            f"at {place} the gradient is {found:.6g}, but the value changes at the rate {want:.6g}{ratio}. {cause}",
            inputs,
            wrt=part,
            entry=entry,
            gradient=found,
            slope=want,
        )
        return


def _suspects(case, steps):
    """(words, inputs, what judges them) where a gradient may be wrong: a first look, at few calls of the loss."""
    for at in ALONG:
        inputs = list(case.inputs)
        for part, step in steps.items():
            inputs[part] = case.shifted(part, 0.9 * at * step)
        if not (case.has_digits and _agrees_along(case, inputs, steps)):
            yield "", inputs, _wrong_entry
    for words, inputs in hard_inputs(case).items() if case.has_digits else ():
        if words == "all zero" or words.startswith("equal to"):
            with contextlib.suppress(Refused):
                value, (slope, *_) = case.backward(inputs, case.wrt[:1])
                step = steps[case.wrt[0]]
                if slope is not None and _off(case, inputs, case.wrt[0], step, float((slope * step).sum()), value)[0] > 0:
                    yield f", {words},", inputs, _wrong_where_smooth


def _wrong_where_smooth(case, inputs, loss=None):
    """`_wrong_entry`, where the value has one slope, from both sides and at any step: no kink, no tip as |x| or x / |x| has."""
    value, slopes = case.backward(inputs, loss=loss)
    wrong = _wrong_entry(case, inputs, loss) if all_finite(slopes) else None
    if wrong is None or wrong[1] is None:
        return None
    part, entry, found, want = wrong
    x, flat = numpy_of(inputs[part]).astype(np.float64), np.ravel_multi_index(entry, inputs[part].shape)
    near, nearer = (
        [(case.number(case.with_input(part, moved_entry(x, flat, s), inputs)) - value) / s for s in (step, -step)]
        for step in (1e-4, 1e-5)
    )
    converges = np.abs(nearer).max() <= 2 * np.abs(near).max()  # at a jump the slope grows as steps become smaller
    return wrong if converges and np.ptp([near, nearer]) < 0.02 * abs(found - want) else None


def _agrees_along(case, inputs, steps):
    """`check.slope` on the line through the inputs: the value along it, and the gradient projected on it."""

    def at(t):
        return [case.shifted(i, t * steps[i], inputs) if i in steps else x for i, x in enumerate(inputs)]

    @functools.cache
    def value(t):
        return case.number(at(t))

    @functools.cache
    def projected(t):
        slopes = case.backward(at(t))[1]
        return sum(float((g * steps[part]).sum()) for part, g in zip(steps, slopes) if g is not None)

    size = max(abs(projected(0.0)), 1e-6 * abs(value(0.0)), 1e-100)  # so that the tolerance of `slope` is relative

    def over(function):
        return lambda ts: np.array([function(t) / size for t in ts.tolist()])

    return bool(slope(over(value), over(projected), np.zeros(1), rtol=1e-5))


def _wrong_entry(case, inputs, loss=None):
    """(input, entry, gradient, slope) where the gradient differs most from what the value does on both sides, or None.

    Steps become smaller until the gradient lies between the two one-sided slopes: so a kink is no error.
    """
    worst, gap = None, 0.0
    value, slopes = case.backward(inputs, loss=loss)
    for part, gradient in zip(case.wrt, slopes):
        if gradient is None:
            continue
        for entry, move in _moves_of(case, inputs, part, gradient):
            found = float((gradient * move).sum())
            off, want = _off(case, inputs, part, move, found, value)
            if off > gap:
                worst, gap = (part, entry, found, want), off
    return worst


def _moves_of(case, inputs, part, gradient, most=24):
    """(entry, direction) for the entries with the largest gradient and some others; a distribution moves as a whole."""
    if case.info[part].role in ("distribution", "log_probability"):
        for seed in range(3):
            yield None, case.direction(part, np.random.default_rng(seed), inputs)
        return
    ranked = np.argsort(-np.abs(gradient), axis=None, kind="stable")
    others = np.random.default_rng(3).permutation(ranked[most // 2 :])
    for flat in [*ranked[: most // 2], *others[: most // 2]]:
        entry = tuple(int(i) for i in np.unravel_index(flat, gradient.shape))
        move = np.zeros(gradient.shape)
        move[entry] = 1.0
        yield entry, move


def _off(case, inputs, part, move, found, value):
    """(by how much a gradient lies outside the one-sided slopes, at the best of several steps; the slope there)."""
    x = numpy_of(inputs[part]).astype(np.float64)
    size = float((np.abs(move) * (1e-3 + np.abs(x))).sum() / np.abs(move).sum())  # a step must not leave the domain of x
    best, want = np.inf, np.nan
    noise = 1e-15 if case.has_digits else 1e-6
    for step in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6) if case.has_digits else (0.1, 0.03):
        step = step * size / max(1.0, np.abs(move).max())
        above, below = (case.number(case.with_input(part, x + s * move, inputs)) for s in (step, -step))
        sides = sorted([(above - value) / step, (value - below) / step])
        reach = 1e-3 * max(map(abs, sides)) + 1e-3 * abs(found) + 20 * noise * (abs(value) + 1e-3) / step
        outside = max(sides[0] - reach - found, found - sides[1] - reach, 0.0)
        if not outside > 0:  # also where it is nan: no evidence
            return 0.0, sides[0]
        if outside < best:
            best, want = outside, (sides[0] + sides[1]) / 2
    return best, want


def check_target_gradient(case):
    """What is not predicted receives no gradient, unless prediction and target may trade places."""
    case.need_torch()
    t = case.target
    if t is None or case.info[t].role not in ("real", "probability", "distribution", "positive", "boxes", "negative"):
        raise NotRun("no input is a target of real numbers")
    if case.inputs[t].dtype != case.inputs[case.wrt[0]].dtype:
        raise NotRun("the target holds no floats")
    if not (case.info[t].is_target() or len(case.inputs) == 2):
        raise NotRun("it is not clear which input is the target")
    (gradient,) = case.backward(parts=[t])[1]
    if gradient is None or not np.abs(gradient).max(initial=0.0) > 0 or _symmetric(case, t):
        return
    inputs = case.smallest(case.inputs, lambda few: np.abs(case.backward(few, [t])[1][0]).max() > 0)
    yield case.finding(
        "target_gradient",
        "warning",
        f"{case.info[t].name} receives a gradient, too. Where the target comes from a network (a teacher, a bootstrapped "
        "value, soft labels), it will be moved towards the prediction. Detach it inside the loss: target.detach().",
        inputs,
        gradient=case.backward(inputs, [t])[1][0],
    )


def _symmetric(case, t):
    first = case.wrt[0]
    swapped = list(case.inputs)
    swapped[first], swapped[t] = swapped[t], swapped[first]
    with contextlib.suppress(Refused):
        return case.close(case.number(swapped), case.number())
    return False


CHECKS = [check_gradient_reaches, check_gradient_zero, check_gradient_wrong, check_target_gradient]
