"""The engine of the fused losses: a loop over tiles that stay in the cache, and one autograd Function.

Autograd writes an array of the size of its input at almost every op, and keeps several of them for the way back. Here the
gradient is known by hand. A *kernel* takes a tile of rows and returns their values and their gradients; the loop adds up the
values, and writes each gradient, times the factor with which its row enters the result, into the one array that is kept.
Backward only multiplies it by what comes in from above.

The plain definition stays in charge of all that is rare. It speaks when an argument is wrong, and it computes what the Function
cannot: derivatives in a weight or a parameter, under torch.compile and vmap, in forward mode, for NumPy. A tile with a
value or a slope that is not finite is handed to it, so what inf and nan mean is decided in one place.
"""

import functools
import inspect
import math
from dataclasses import dataclass

import torch

from .._loss import Batch, Labels, bind, check_reduction, class_indices, inspect_batch, ready
from .._xp import is_torch, values_readable, without_autocast

TILE = 2**17  # numbers in a tile on a CPU: a few tiles of float32 fit in its caches
LAUNCH = 2**26  # on a GPU tiles only save memory: large enough that starting a kernel costs nothing


# glibc hands a large block that is freed back to the kernel, which then gives the next one zeroed page by zeroed page, unless a
# block as large has been freed before. This is one, and nobody touches it: the arrays of a tile stay in the cache from now on.
torch.empty(2**23 - 2**12, dtype=torch.float32, device="cpu")


def fused(plain, gradient, *, kernel=None, job=None, tiles=1, per_class=(), pays_from=2**13):
    """The fused form of a loss: same name, same arguments, same values.

    `gradient` is its hand-derived gradient: the plain formulas are run tile by tile, unless there is a `kernel`, a faster form of
    both, or a `job` that computes all rows at once. A kernel with few arrays is faster on several `tiles` at once. `per_class`
    names parameters that are arrays with an entry per class; other arrays go to the plain definition. Inputs of fewer than
    `pays_from` numbers are computed faster there.
    """
    default = inspect.signature(plain).parameters["reduction"].default
    job = job or functools.partial(Tiles, kernel=kernel, gradient=gradient, tiles_at_once=tiles)

    @functools.wraps(plain)
    def function(*arrays, weight=None, reduction=default, denominator=None, **params):
        check_reduction(reduction, denominator)
        arrays, params = bind(plain.__name__, plain.axes, arrays, params)
        options = {"weight": weight, "reduction": reduction, "denominator": denominator}
        held = [weight, denominator, *arrays[plain.predictions :], *params.values()]
        spread = [name for name, value in params.items() if getattr(value, "ndim", 0) and name not in per_class]
        if spread or not can_fuse(arrays, held):
            return plain(*arrays, **options, **params)
        try:
            return evaluate(plain, job, arrays, options, params)
        except Rare:
            return plain(*arrays, **options, **params)
        except (ValueError, IndexError):
            plain(*arrays, **options, **params)  # says which value is wrong, and where
            raise

    function.plain, function.pays_from = plain, pays_from
    return function


class Rare(Exception):
    """What a job finds is for the plain definition."""


def coupled(plain, pays_from, most=math.inf):
    """Decorate the fused form of a loss whose rows see each other: another formula for its values. Checks, weights and reductions
    are those of the loss. Where the formula returns None, or what is not finite, or cannot be used, the plain one is; of more
    than `most` rows that would need too much memory, and what is not finite stays.
    """

    def decorate(formula):
        exact = inspect.unwrap(plain)

        @functools.wraps(exact)
        def either(**arguments):
            arrays = [arguments[name] for name in plain.axes]
            if can_fuse(arrays) and arrays[0].numel():
                values = formula(**arguments)
                if values is not None and (len(arrays[0]) > most or values.isfinite().all()):
                    return values
            return exact(**arguments)

        function = plain.with_formula(either)
        function.plain, function.pays_from = plain, pays_from
        return function

    return decorate


def tile_size(x):
    return TILE if x.device.type == "cpu" else LAUNCH


def can_fuse(arrays, held=()):
    """Tensors with values to look at, and derivatives in the predictions alone, backwards."""
    if not all(is_torch(array) and values_readable(array) for array in arrays):
        return False
    if any(is_torch(value) and value.requires_grad for value in held):
        return False
    return torch.autograd.forward_ad._current_level < 0


def evaluate(plain, job, arrays, options, params, predictions=None):
    """Check, compute and reduce: value = Σ factor · value of the row, where the factor is weight / denominator. `predictions`:
    what the job takes, if that is something else than the first arrays."""
    batch = inspect_batch(plain, arrays, options["weight"], params)
    lead = len(batch.shape)
    rows = batch.arrays if lead == 1 else [array.reshape(-1, *array.shape[lead:]) for array in batch.arrays]
    weight = None if batch.weight is None else batch.weight.reshape(-1)
    for i, kind in enumerate(plain.axes.values()):
        if isinstance(kind, Labels) and not rows[i].is_floating_point():
            rows[i] = class_indices(rows[i], kind.classes(rows[0], params), weight)
    params = {name: value for name, value in params.items() if name not in ("ignore_index", "class_weights")}  # in the weight
    work = job(plain=plain, targets=rows[plain.predictions :], weight=weight, compute=batch.compute, params=params)
    predictions = predictions or rows[: plain.predictions]
    if options["reduction"] == "none":
        values = apply(work, None, *predictions)
        return (values if weight is None else values * weight).reshape(batch.shape).to(batch.dtype)
    divisor = 1.0
    if options["reduction"] == "mean":
        count = math.prod(batch.shape) if weight is None else weight.sum(dtype=torch.float64)
        divisor = float(count if options["denominator"] is None else options["denominator"])
    if divisor == 0:  # the mean of nothing
        raise Rare
    factor = 1 / divisor if weight is None else weight / divisor
    return apply(work, factor, *predictions).to(batch.dtype)


def apply(job, factor, *predictions):
    """The Function on a job: Σ factor · value, or without a factor the values, with their gradients."""
    return Fused.apply(job, factor, torch.is_grad_enabled(), *predictions)


class Fused(torch.autograd.Function):
    """Σ factor · value with its gradient, computed together; or, without a factor, all values, and the gradient when asked."""

    @staticmethod
    def forward(ctx, job, factor, graph, *predictions):
        ctx.job, ctx.together, ctx.dtypes = job, factor is not None, [p.dtype for p in predictions]
        with without_autocast(predictions[0]):
            if not ctx.together:
                ctx.save_for_backward(*predictions)
                ctx.versions = [target._version for target in job.targets]
                return job.values(predictions)
            buffers = [  # not in float16: what underflows there would be lost before backward has scaled it
                torch.empty_like(p, dtype=torch.float32 if p.dtype == torch.float16 else None) if graph and wanted else None
                for p, wanted in zip(predictions, ctx.needs_input_grad[3:])
            ]
            ctx.save_for_backward(*buffers)  # they are filled before they are saved
            return job.total(predictions, factor, buffers)

    @staticmethod
    def backward(ctx, pull):
        if torch.is_grad_enabled():  # create_graph: what is returned here would count as a constant
            raise RuntimeError(
                f"lossbook.fused.{ctx.job.name} has no second derivative: take the plain definition (nn.Loss: fused=False)"
            )
        saved = ctx.saved_tensors
        with without_autocast(pull):
            if ctx.together:
                gradients = [g if g is None else _scaled(g, pull).to(dtype) for g, dtype in zip(saved, ctx.dtypes)]
            else:
                if ctx.versions != [target._version for target in ctx.job.targets]:
                    raise RuntimeError(f"a target of {ctx.job.name} was changed in place before backward: pass a copy of it")
                gradients = [torch.empty_like(p) if wanted else None for p, wanted in zip(saved, ctx.needs_input_grad[3:])]
                ctx.job.total(saved, pull, gradients)
        return None, None, None, *gradients


def _scaled(gradient, pull):
    """gradient · pull: in place, unless the graph is kept for another time."""
    if torch._C._autograd._get_current_graph_task_keep_graph():
        return gradient * pull
    return gradient if pull.device.type == "cpu" and pull.item() == 1 else gradient.mul_(pull)


@dataclass
class Tiles:
    """The job of a loss whose rows do not see each other: tile after tile, by a kernel or else by the plain formulas."""

    plain: object
    gradient: object
    kernel: object
    targets: list
    weight: object
    compute: object
    params: dict
    tiles_at_once: int = 1
    trusting: bool = True  # that logits of weight 0 are finite, until a tile is not

    @property
    def name(self):
        return self.plain.__name__

    def values(self, predictions):
        """One value per row, (n,)."""
        parts = [values for _, values, *_ in self.tiles(predictions, wanted=False)]
        return torch.cat(parts) if parts else predictions[0].new_empty(0, dtype=self.compute)

    def total(self, predictions, factor, buffers):
        """Σ factor · value; each gradient, times the factor, goes to its buffer."""
        total, by_row = 0.0, is_torch(factor)
        for part, values, sum_, *slopes in self.tiles(predictions, wanted=any(buffer is not None for buffer in buffers)):
            of_row = factor[part] if by_row else factor
            total += float(values @ of_row) if by_row else sum_ * factor
            for slope, buffer in zip(slopes, buffers):
                if buffer is not None:
                    column = of_row[(..., *[None] * (slope.ndim - 1))] if by_row else factor
                    torch.mul(slope, column, out=buffer[part])
        return predictions[0].new_full((), total, dtype=self.compute)

    def tiles(self, predictions, wanted):
        """For one tile after the other: where it is, its values, their sum, and its gradients in the predictions if wanted."""
        arrays = [*predictions, *self.targets]
        step = max(1, tile_size(arrays[0]) * self.tiles_at_once // max(1, math.prod(arrays[0].shape[1:])))
        for start in range(0, len(arrays[0]), step):
            part = slice(start, start + step)
            tile = arrays if step >= len(arrays[0]) else [array[part] for array in arrays]
            found = (
                self.kernel and self.kernel(*self.ready(tile, part, indices=True), wanted, **self.params)
            ) or self.by_formula(tile, part, wanted)
            sums = [array.sum().item() for array in found]
            if not math.isfinite(sum(sums)):
                self.trusting = False
                found = self.by_autograd(tile, part, wanted)
                sums = [found[0].sum().item()]
            yield part, found[0], sums[0], *found[1:]

    def by_formula(self, tile, part, wanted):
        """The plain formulas of value and gradient; they take class indices as one-hot rows."""
        arrays = dict(zip(self.plain.axes, self.ready(tile, part)))
        values = inspect.unwrap(self.plain)(**arrays, **self.params)
        slopes = inspect.unwrap(self.gradient)(**arrays, **self.params) if wanted else ()
        return values, *(slopes if isinstance(slopes, tuple) else (slopes,))

    def by_autograd(self, tile, part, wanted):
        """The plain definition itself, with the gradient that autograd takes of it."""
        count = self.plain.predictions
        with torch.enable_grad():
            leaves = [array.detach().to(self.compute).requires_grad_() for array in tile[:count]]
            arrays = dict(zip(self.plain.axes, self.ready([*leaves, *tile[count:]], part)))
            values = inspect.unwrap(self.plain)(**arrays, **self.params)
            return values.detach(), *(torch.autograd.grad(values.sum(), leaves) if wanted else ())

    def ready(self, tile, part, indices=False):
        """The arrays of a tile as a formula takes them: checked, in the dtype to compute in, harmless where the weight is 0.
        Class indices stay `indices`, or become one-hot rows. Beside indices logits stay as they are at first: what a weight of 0
        does not make 0 is not finite, and is computed anew."""
        weight = None if self.weight is None else self.weight[part]
        chosen = [
            indices and isinstance(kind, Labels) and not array.is_floating_point()
            for array, kind in zip(tile, self.plain.axes.values())
        ]
        return [
            array
            if is_index
            else array.to(self.compute)  # what `ready` comes to, in a tenth of its time
            if isinstance(kind, int) and (weight is None or (self.trusting and any(chosen)))
            else ready(name, array, kind, Batch(tile, weight, None, tile[0].shape[:1], self.compute), self.params)
            for array, (name, kind), is_index in zip(tile, self.plain.axes.items(), chosen)
        ]
