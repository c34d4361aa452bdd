"""What frameworks do to a loss: compile it, map it over a batch of batches, run it in mixed precision."""

import numpy as np

from .arrays import all_finite, first_line, numpy_of
from .case import NotRun, Refused


def check_vmap(case):
    """torch.func.vmap over two batches gives the losses of the two."""
    case.need_torch()
    import torch

    other = case.moved(np.random.default_rng(12), 1.0)
    stacked = [torch.stack([x, y]) for x, y in zip(case.inputs, other)]
    wanted = [case.values(inputs) for inputs in (case.inputs, other)]
    try:
        found = numpy_of(torch.func.vmap(case.loss, randomness="same")(*stacked)).astype(np.float64)
    except Exception as error:
        by_hand = "setup_context" in str(error) or "generate_vmap_rule" in str(error)
        yield case.finding(
            "vmap",
            "warning",
            f"torch.func.vmap raises {type(error).__name__}: {first_line(error)}. Losses of many seeds or models at once, "
            "and gradients per example, need it. "
            + (
                "Write forward without ctx, keep what backward needs in setup_context(ctx, inputs, output), and set "
                "generate_vmap_rule = True in the class."
                if by_hand
                else "Indexing with a mask, .item() and if on a value are what it cannot follow: use torch.where."
            ),
        )
        return
    if found.shape == (2, *wanted[0].shape) and all(case.close(a, b) for a, b in zip(found, wanted)):
        return
    if case.repeatable is not False:
        yield case.finding(
            "vmap",
            "error",
            "torch.func.vmap gives other values without an error: an axis is counted from the front, or all axes are "
            "reduced, somewhere inside. Count axes from the end, or by name.",
            value=found,
            one_by_one=wanted,
        )


def check_autocast(case):
    """Under autocast to bfloat16, a float32 loss stays finite and near what it was."""
    case.need_torch()
    import torch

    here, device = case.at("float32"), case.inputs[0].device.type
    try:
        want, _ = here.backward()
    except Refused as refused:
        raise NotRun(f"in float32 {refused}") from refused
    try:
        with torch.autocast(device, dtype=torch.bfloat16):
            found, slopes = here.backward()
    except (Refused, RuntimeError) as error:
        yield case.finding(
            "autocast",
            "warning",
            f"under autocast {first_line(error)}. Turn it off inside the loss: torch.autocast(device, enabled=False).",
        )
        return
    finite = np.isfinite(found) and all_finite(slopes)
    if finite and abs(found - want) <= 0.05 * abs(want) + 1e-3:
        return
    if case.repeatable is not False:
        yield case.finding(
            "autocast",
            "warning" if finite else "error",
            f"under autocast to bfloat16 the loss is {found:.6g}, without it {want:.6g}: a product of matrices inside is "
            "taken with three digits. Turn autocast off inside the loss, and compute in float32: with "
            "torch.autocast(device, enabled=False).",
            here.inputs,
            value=found,
            without_autocast=want,
        )


def check_compile(case):
    """torch.compile gives the same value and gradient, in one graph."""
    case.need_torch()
    case.need_repeatable()
    import torch

    want, slopes = case.backward()
    broke = None
    for fullgraph in (True, False):
        torch._dynamo.reset()
        try:
            value, found = case.backward(loss=torch.compile(case.loss, backend="eager", fullgraph=fullgraph))
        except Refused as refused:
            broke = refused
            continue
        same = all(
            a is b is None or (a is not None and b is not None and np.allclose(a, b, rtol=1e-6, atol=1e-9, equal_nan=True))
            for a, b in zip(found, slopes)
        )
        if not case.close(value, want) or not same:
            yield case.finding(
                "compile",
                "error",
                f"compiled, the loss is {value:.6g} and otherwise "
                f"{want:.6g}{'' if same else ', and its gradient is another one'}: Python that runs once (a counter, a "
                "cache, a number read from a tensor) is frozen into the graph. Keep such things outside.",
                value=value,
                eager=want,
            )
        elif broke:
            yield case.finding(
                "compile",
                "info",
                f"torch.compile cannot take the loss in one graph (fullgraph=True): {first_line(broke)}. It works in pieces, "
                "and is slower. An if on a value, .item() and indexing with a mask break a graph: torch.where does not.",
            )
        return
    yield case.finding(
        "compile",
        "warning",
        f"torch.compile fails: {first_line(broke)}. Remove what cannot be traced: .item(), .numpy(), an if on a value.",
    )


CHECKS = [check_vmap, check_autocast, check_compile]
