"""Short dtypes: what float64 says is finite, and the digits it has."""

import contextlib

import numpy as np

from .arrays import all_finite, numpy_of
from .case import Refused
from .hard import hard_inputs


def check_half_precision(case):
    """What float64 says is finite, and fits, is finite in float16 and bfloat16, also for many elements and confident scores."""
    case.need_torch()
    import torch

    for dtype in ("float16", "bfloat16"):
        here, limit = case.at(dtype), 0.1 * torch.finfo(getattr(torch, dtype)).max
        hard = {"the example": case.inputs, **hard_inputs(case, 100.0)}
        if dtype == "float16":
            hard |= _many(case)
        else:  # bfloat16 reaches as far as float32: only its few digits can hurt
            hard = {words: inputs for words, inputs in hard.items() if words.startswith(("the example", "confident"))}
        for words, inputs in hard.items():
            short = case.cast(inputs, dtype)
            if not all(torch.isfinite(x).all() for x in short if x.is_floating_point()):
                continue
            with contextlib.suppress(Refused):
                value, slopes = here.backward(short) if not words.startswith("many") else (here.number(short), [])
                if np.isfinite(value) and all_finite(slopes):
                    continue
                exact, slopes = case.backward(case.cast(short, case.dtype))
                if not (abs(exact) < limit and all(np.abs(g).max(initial=0.0) < limit for g in slopes if g is not None)):
                    continue
                few = short if words.startswith("many") else here.smallest(short, here.spoils)
                yield case.finding(
                    "half_precision",
                    "error" if words == "the example" else "warning",
                    f"in {dtype} ({words}) the {'gradient' if np.isfinite(value) else 'loss'} is not finite; in {case.dtype} "
                    f"the loss of the same numbers is {exact:.4g}. Sums of more than 65504 and an epsilon below 6e-8 do not "
                    "exist in float16: compute the loss in float32, logits.float(), and return to the short dtype at the "
                    "end.",
                    few,
                    value=value,
                    exact=exact,
                )
                return


def _many(case, elements=2**17):
    """Many elements made of the example's own: two large maps of probabilities, or a large batch of what is added up. None where
    the loss makes tensors of all pairs, which would not fit into memory."""
    large, small, smaller = (_enlarged(case, size) for size in (elements, 512, 256))
    if large is None or _largest_tensor(case, small) > 3 * _largest_tensor(case, smaller):
        return {}
    return {"many elements": large}


def _enlarged(case, elements):
    """The example, repeated until there are so many elements; None where it is not clear along which axis."""
    first, info = case.inputs[case.wrt[0]], case.info[case.wrt[0]]
    if len({tuple(x.shape) for x in case.inputs}) > 1 or not case.has_batch:
        return None
    copies = elements // max(1, first[0].numel()) + 1
    if first.ndim > 1 and info.role in ("probability", "logit"):
        return [x[:2].repeat(*[1] * (x.ndim - 1), copies) for x in case.inputs]
    return case.take(np.arange(copies) % case.n) if info.axis == 0 and info.role == "real" else None


def _largest_tensor(case, inputs):
    """The number of elements of the largest tensor that the loss makes on its way."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    class Watch(TorchDispatchMode):
        most = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            made = function(*args, **(kwargs or {}))
            self.most = max([self.most, *(x.numel() for x in tree_leaves(made) if hasattr(x, "numel"))])
            return made

    with Watch() as watch:
        case.call(inputs)
    return watch.most


def check_dtype(case):
    """float64 goes in and float64 comes out, with the digits of float64."""
    case.need_torch()
    value = case.call(case.inputs)
    if case.dtype != "float64":
        yield case.finding(
            "dtype_lost",
            "warning",
            "the loss takes float32 and refuses float64, so nobody can check its gradient. A tensor made inside has a fixed "
            "dtype: make it with dtype=x.dtype, or torch.zeros_like.",
        )
        return
    if str(getattr(value, "dtype", "torch.float64")) != "torch.float64":
        yield case.finding(
            "dtype_lost",
            "error",
            f"float64 goes in and {value.dtype} comes out: digits are lost silently, and a derivative cannot be checked by "
            "differences. Something inside casts with .float() or is made with a fixed dtype: use x.dtype.",
            value=numpy_of(value),
        )
        return
    rng, seen = np.random.default_rng(6), 0
    for size in (1.0, 3.0, 1.0):
        inputs = case.moved(rng, size)
        rounded = [case.cast(case.cast([x], "float32"), "float64")[0] if i in case.wrt else x for i, x in enumerate(inputs)]
        with contextlib.suppress(Refused):
            value = case.values(inputs)
            if not (value == case.values(rounded)).all():
                return
            steady = case.close(case.values(case.moved(rng, 1e-3, inputs)), value)  # a staircase has no digits to lose
            seen += not steady and any(np.abs(g).max(initial=0.0) > 0 for g in case.backward(inputs)[1] if g is not None)
    if seen:
        case.precise = False
        yield case.finding(
            "dtype_lost",
            "error",
            "predictions in float64 and the same rounded to float32 give the same loss to the last bit: inside, float64 is "
            "silently cast down to float32. Remove the .float(), or cast up only: x.float() if x is shorter than float32.",
            inputs,
            rounded=rounded[case.wrt[0]],
            value=case.values(inputs),
        )


FIRST = [check_dtype]
CHECKS = [check_half_precision]
