"""`Case`: a loss, an example batch, and what every check asks of them: values, gradients, parts of the batch, small moves."""

import contextlib
import copy
import functools

import numpy as np

from .arrays import (
    all_finite,
    check_value,
    copy_of,
    first_line,
    is_float,
    is_module,
    is_tensor,
    moved_entry,
    numpy_of,
    parameters,
    seed,
    take_rows,
)
from .report import Finding
from .roles import guess, names_of


class Refused(Exception):
    """The loss raised an exception on inputs of a check; the check cannot go on."""


class NotRun(Exception):
    """A check does not apply, and why."""


class Hopeless(Exception):
    """After this, no further check could say anything."""


class Case:
    """The loss with its example inputs, as arrays of one library with floats in float64 (float32 where the loss insists)."""

    def __init__(self, loss, inputs, *, reference=None, minimum_at_target=True, claims=(), wrt=0, names=None):
        if not callable(loss):
            raise TypeError(f"the loss must be callable, a function or a torch module, got {type(loss).__name__}")
        if isinstance(loss, type):
            raise TypeError(f"the loss must be ready to be called on a batch, got the class {loss.__name__}: make an instance")
        if reference is not None and not callable(reference):
            raise TypeError(f"the reference must be a callable loss, got {type(reference).__name__}")
        self.wrt = (wrt,) if isinstance(wrt, int) else tuple(wrt)
        self.reference, self.minimum_at_target = reference, minimum_at_target
        self.claims = (claims,) if isinstance(claims, str) else tuple(claims)
        tensors = any(is_tensor(x) for x in inputs)
        if tensors and any(isinstance(x, np.ndarray) for x in inputs):
            raise TypeError("inputs must come from one library, got tensors and NumPy arrays: convert one with torch.as_tensor")
        self.is_torch = tensors or is_module(loss)
        self.given = [self._array(i, x) for i, x in enumerate(inputs)]
        self._check_wrt()
        self.loss, self.original, self.dtype = loss, loss, "float64"
        self.repeatable, self.precise = True, True  # what the first checks may find otherwise
        if is_module(loss):
            self.loss = copy.deepcopy(loss).double()
        self.inputs = self.cast(self.given, "float64")
        self.info = guess(names or names_of(loss, len(inputs)), [numpy_of(x) for x in self.inputs], self.wrt)
        lengths = [x.shape[i.axis] for x, i in zip(self.inputs, self.info) if i.axis is not None]
        self.n = lengths[0] if lengths else None

    # --- arrays -----------------------------------------------------------------------------------------------------------

    def _array(self, i, x):
        if is_tensor(x):
            return x.detach()
        try:
            array = np.asarray(x)
        except (ValueError, RuntimeError) as error:
            raise TypeError(f"inputs must be arrays, got {type(x).__name__} at position {i}: {error}") from error
        if array.dtype.kind not in "fiub":
            raise TypeError(f"inputs must be NumPy or torch arrays of numbers, got {type(x).__name__} at position {i}")
        return self.tensor(array) if self.is_torch else array

    def _check_wrt(self):
        if not self.given:
            raise TypeError("audit needs an example batch: audit(loss, pred, target)")
        for i in self.wrt:
            if not isinstance(i, int) or not 0 <= i < len(self.given):
                raise ValueError(f"wrt must count the inputs, 0 to {len(self.given) - 1}, got {i!r}")
            if not is_float(self.given[i]):
                raise TypeError(
                    f"wrt names input {i}, which holds {self.given[i].dtype}: predictions are floats; say with wrt= which "
                    "inputs the model predicts"
                )

    def tensor(self, array):
        import torch

        return torch.as_tensor(np.array(array))

    def like(self, array, i):
        """A NumPy array as input i: in the same library, dtype and device."""
        if not self.is_torch:
            return np.asarray(array, dtype=self.inputs[i].dtype)
        return self.tensor(array).to(self.inputs[i])

    def cast(self, inputs, dtype):
        """The inputs with their floats in another dtype, by its name."""
        if not self.is_torch:
            return [x.astype(dtype) if is_float(x) else x for x in inputs]
        import torch

        return [x.to(getattr(torch, dtype)) if is_float(x) else x for x in inputs]

    def at(self, dtype):
        """The same case in another dtype, with the parameters of a module in that dtype, too."""
        other = copy.copy(self)
        other.inputs, other.dtype = self.cast(self.inputs, dtype), dtype
        if is_module(self.original) and dtype != self.dtype:
            import torch

            other.loss = copy.deepcopy(self.original).to(getattr(torch, dtype))
        return other

    def with_input(self, i, array, inputs=None):
        """The inputs with one of them replaced."""
        inputs = list(self.inputs if inputs is None else inputs)
        inputs[i] = self.like(array, i) if isinstance(array, np.ndarray) else array
        return inputs

    def take(self, rows, inputs=None):
        """Some of the examples, in some order; repeated ones are allowed."""
        rows = np.array(rows, dtype=int)
        inputs = self.inputs if inputs is None else inputs
        return [x if i.axis is None else take_rows(x, rows, i.axis) for x, i in zip(inputs, self.info)]

    @property
    def name(self):
        """What people call the loss: the function, the class of a module, or what a partial holds."""
        loss = self.original
        while hasattr(loss, "func"):
            loss = loss.func
        return getattr(loss, "__name__", type(loss).__name__)

    @property
    def has_batch(self):
        return self.n is not None and self.n > 1

    def need_batch(self):
        if not self.has_batch:
            raise NotRun("the inputs share no axis with two examples or more")

    def need_torch(self):
        if not self.is_torch:
            raise NotRun("the loss takes NumPy arrays")

    def need_repeatable(self):
        if self.repeatable is False:
            raise NotRun("the loss draws random numbers")

    def find(self, role):
        """The first input with a role that is not predicted, or None."""
        return next((i for i, x in enumerate(self.info) if x.role == role and not x.predicted), None)

    @property
    def target(self):
        """The one input that is a target of the shape of the batch: named so, or the only other one. None if it is not
        clear."""
        others = [
            i for i, x in enumerate(self.info) if not x.predicted and x.axis is not None and x.role not in ("mask", "weight")
        ]
        named = [i for i in others if self.info[i].is_target()]
        return named[0] if len(named) == 1 else others[0] if len(others) == 1 else None

    # --- the loss ---------------------------------------------------------------------------------------------------------

    def call(self, inputs, loss=None):
        """What the loss returns for copies of the inputs. The same random numbers every time, where it draws some."""
        loss = self.loss if loss is None else loss
        if self.repeatable is False:
            seed(0)
        try:
            value = loss(*(copy_of(x) for x in inputs))
        except Exception as error:
            raise Refused(f"the loss raised {type(error).__name__}: {first_line(error)}") from error
        return check_value(value)

    def values(self, inputs=None, loss=None):
        """What the loss returns, as float64 of NumPy."""
        return numpy_of(self.call(self.inputs if inputs is None else inputs, loss)).astype(np.float64)

    def number(self, inputs=None, loss=None):
        """The sum of what the loss returns: one number, whatever the reduction."""
        return float(self.values(inputs, loss).sum())

    def backward(self, inputs=None, parts=None, loss=None):
        """(sum of the values, [its gradient for each of the parts]), as NumPy; by autograd, or by differences without it.

        A gradient is None where autograd finds no path.
        """
        inputs, parts = self.inputs if inputs is None else inputs, self.wrt if parts is None else parts
        if not self.is_torch:
            return self.number(inputs, loss), [self.differences(inputs, part, loss) for part in parts]
        import torch

        leaves = {part: inputs[part].detach().clone().requires_grad_() for part in parts}
        # a clone of the leaf, as the output of a network is no leaf: it may be changed in place
        value = self.call([leaves[i].clone() if i in leaves else x for i, x in enumerate(inputs)], loss)
        if not is_tensor(value) or not value.requires_grad:
            return float(numpy_of(value).sum()), [None] * len(parts)
        try:
            found = torch.autograd.grad(value.sum(), list(leaves.values()), allow_unused=True)
        except RuntimeError as error:
            raise Refused(f"backward raised {type(error).__name__}: {first_line(error)}") from error
        return float(value.detach().double().sum()), [None if g is None else numpy_of(g).astype(np.float64) for g in found]

    def spoils(self, inputs):
        """Whether the loss or its gradient is not finite there."""
        value, slopes = self.backward(inputs)
        return not np.isfinite(value) or not all_finite(slopes)

    def differences(self, inputs, part, loss=None, most=200):
        """The gradient by central differences, entry by entry; for more than `most` entries the others are 0."""
        x = numpy_of(inputs[part]).astype(np.float64)
        slopes = np.zeros(x.size)
        for entry in range(min(x.size, most)):
            step = 1e-5 * (1 + abs(x.flat[entry]))
            above, below = (self.number(self.with_input(part, moved_entry(x, entry, s), inputs), loss) for s in (step, -step))
            slopes[entry] = (above - below) / (2 * step)
        return slopes.reshape(x.shape)

    def reduced(self, reduction):
        """The loss with another reduction, or None if it knows none."""
        if "reduction" in parameters(self.loss):
            return functools.partial(self.loss, reduction=reduction)
        for loss in (self.loss, getattr(self.loss, "func", None)):  # a partial has a func
            if is_module(loss) and isinstance(getattr(loss, "reduction", None), str):
                other = copy.copy(loss)
                other.reduction = reduction
                return other
        return None

    @functools.cached_property
    def scalar(self):
        """Whether the loss of the example batch is one number."""
        return self.values().ndim == 0 or self.values().size == 1

    @functools.cached_property
    def behaviour(self):
        """ "none", or what becomes of the number when every example is there twice: "mean", "sum" or "other"."""
        if not self.scalar:
            return "none"
        once, twice = self.number(), self.number(self.take([*range(self.n), *range(self.n)]))
        if abs(once) < 1e-12 or self.close(twice, once):
            return "mean"
        return "sum" if self.close(twice, 2 * once) else "other"

    @property
    def has_digits(self):
        """Whether its numbers have the digits of float64."""
        return self.precise and self.dtype == "float64"

    @property
    def rtol(self):
        """How far two numbers may differ that should be equal."""
        return 1e-9 if self.has_digits else 1e-4

    def close(self, a, b, scale=0.0):
        return bool(np.allclose(a, b, rtol=self.rtol, atol=self.rtol * (scale + 1e-3), equal_nan=True))

    # --- moves ------------------------------------------------------------------------------------------------------------

    def direction(self, i, rng, inputs=None):
        """A random small change of input i that leaves it what it is: probabilities stay probabilities, boxes boxes."""
        x, role = numpy_of((self.inputs if inputs is None else inputs)[i]).astype(np.float64), self.info[i].role
        noise = rng.uniform(0.2, 1.0, x.shape) * rng.choice([-1.0, 1.0], x.shape)
        if role == "distribution":
            return 0.3 * x * (noise - (x * noise).sum(self.info[i].classes, keepdims=True))
        if role == "log_probability":
            return 0.3 * (noise - (np.exp(x) * noise).sum(self.info[i].classes, keepdims=True))
        room = {
            "probability": lambda: 0.3 * np.minimum(x, 1 - x),
            "positive": lambda: 0.3 * x,
            "negative": lambda: 0.3 * x,
            "boxes": lambda: 0.1 * np.minimum(x[..., 2:] - x[..., :2], 1e3).min(-1, keepdims=True),
        }.get(role, lambda: 0.1 * (1 + np.abs(x)))
        return noise * room()

    def shifted(self, i, step, inputs=None):
        """Input i moved by a step; logarithms of probabilities are made to sum to 1 again."""
        x = numpy_of((self.inputs if inputs is None else inputs)[i]).astype(np.float64) + step
        if self.info[i].role == "log_probability":
            x = x - np.log(np.exp(x).sum(self.info[i].classes, keepdims=True))
        return self.like(x, i)

    def moved(self, rng, size=1.0, inputs=None):
        """The inputs with the predictions moved at random: a little for size 1, and far for 10."""
        inputs = list(self.inputs if inputs is None else inputs)
        for i in self.wrt:
            small = self.info[i].role in ("distribution", "probability", "positive", "negative", "boxes", "log_probability")
            step = min(size, 3.0) if small else size
            inputs[i] = self.shifted(i, step * self.direction(i, rng, inputs), inputs)
        return inputs

    def smallest(self, inputs, fails):
        """The fewest examples on which something still fails: one, two, or all of them."""
        if self.n is None:
            return inputs
        count = next(x.shape[i.axis] for x, i in zip(inputs, self.info) if i.axis is not None)
        few = [[i] for i in range(min(count, 16))] + [[i, i + 1] for i in range(min(count - 1, 8))]
        for rows in few if count > 1 else []:
            part = self.take(rows, inputs)
            with contextlib.suppress(Refused):
                if fails(part):
                    return part
        return inputs

    def finding(self, check, severity, message, inputs=None, **seen):
        inputs = self.inputs if inputs is None else inputs
        return Finding(check, severity, " ".join(message.split()), {"inputs": tuple(inputs), **seen})
