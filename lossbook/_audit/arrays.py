"""Arrays of NumPy and torch as an audit handles them, and the random numbers that a loss may draw."""

import contextlib
import inspect
import random
import sys
import textwrap

import numpy as np

from .._xp import is_torch as is_tensor


def numpy_of(x):
    """Any value as a NumPy array; bfloat16, which NumPy lacks, as float32."""
    if is_tensor(x):
        x = x.detach().cpu()
        return (x.float() if str(x.dtype) == "torch.bfloat16" else x).numpy()
    return np.asarray(x)


def all_finite(slopes):
    return all(g is None or np.isfinite(g).all() for g in slopes)


def check_value(value):
    """A loss returns one array of real numbers."""
    if is_tensor(value) or isinstance(value, int | float | np.ndarray | np.generic):
        array = numpy_of(value)
        if array.dtype.kind in "fiub":
            return value
        raise TypeError(f"the loss must return real numbers, got {array.dtype}")
    raise TypeError(
        f"the loss must return one number or array, got {type(value).__name__}: audit the part that is the loss, for example "
        "audit(lambda *batch: loss(*batch)[0], ...)"
    )


def copy_of(x):
    return x.clone() if is_tensor(x) else np.copy(x)


def is_float(x):
    return x.is_floating_point() if is_tensor(x) else x.dtype.kind == "f"


def first_line(error, width=200):
    """Its first line, cut between words; an address that is cut would lead nowhere."""
    return textwrap.shorten(str(error).strip().split("\n")[0], width, placeholder=" …")


def seed(number):
    """The same random numbers from here on."""
    random.seed(number)
    np.random.seed(number)  # noqa: NPY002  what a loss may draw from
    if "torch" in sys.modules:
        sys.modules["torch"].default_generator.manual_seed(number)


@contextlib.contextmanager
def untouched_randomness():
    """Whoever audits a loss in the middle of a training finds the random numbers where they were."""
    torch = sys.modules.get("torch")
    before = random.getstate(), np.random.get_state(), torch and torch.default_generator.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
        if torch:
            torch.default_generator.set_state(before[2])


def is_module(x):
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(x, torch.nn.Module)


def take_rows(x, rows, axis):
    if is_tensor(x):
        import torch

        return x.index_select(axis, torch.as_tensor(rows, device=x.device))
    return np.take(x, rows, axis)


def moved_entry(x, entry, step):
    x = x.copy()
    x.flat[entry] += step
    return x


def parameters(loss):
    try:
        return inspect.signature(loss).parameters
    except (TypeError, ValueError):
        return {}
