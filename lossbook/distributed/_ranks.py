"""The ranks: how they agree on what they were given, and the few collectives that the losses are written with."""

import functools
import os

import torch
import torch.distributed as dist

from .._loss import check_weight, drop


class Ranks:
    """The processes of a group, seen from one of them. Without torch.distributed initialised there is one."""

    def __init__(self, group=None):
        self.group, self.rank, self.size = group, 0, 1
        if dist.is_available() and dist.is_initialized():
            self.rank, self.size = dist.get_rank(group), dist.get_world_size(group)
            if self.rank < 0:
                raise ValueError("this process is not in the process group that it was given: only its members may call")
        elif group is not None or int(os.environ.get("WORLD_SIZE", "1")) > 1:
            started = os.environ.get("WORLD_SIZE", "1")
            raise RuntimeError(
                f"torch.distributed is not initialised, though {started} processes were started (WORLD_SIZE) or a group was "
                "given: call torch.distributed.init_process_group first"
            )

    def agree(self, name, check):
        """Let all ranks check what they were given, and raise the same error on all of them if one is not content.

        `check()` returns what it has prepared, a dict of what must be equal on all ranks, and a number of this rank's own, e.g.
        of its rows. Returned are what was prepared here and the numbers of all ranks. No data are exchanged before this.
        """
        cause = None
        try:
            prepared, equal, own = check()
            report = (None, {"the loss": name, **{key: repr(value) for key, value in equal.items()}}, own)
        except Exception as error:  # whatever it is: the others wait for this rank
            if self.size == 1:
                raise
            known = type(error) in (TypeError, ValueError, IndexError)
            message = str(error) if known else f"{type(error).__name__}: {error}"
            cause, report = error, ((type(error) if known else RuntimeError, message), None, None)
        reports = self._exchange(name, report)
        failed = {rank: failure for rank, (failure, _, _) in enumerate(reports) if failure}
        if failed:
            kind = next(iter(failed.values()))[0]
            said = "; ".join(f"rank {rank} of {self.size}: {message}" for rank, (_, message) in failed.items())
            raise kind(f"{name} failed on {said}") from cause
        for key in reports[0][1]:
            values = [equal.get(key) for _, equal, _ in reports]
            if len(set(values)) > 1:
                got = ", ".join(f"{value} on rank {rank}" for rank, value in enumerate(values))
                raise ValueError(f"{reports[0][1]['the loss']}: all ranks must agree on {key}, got {got}")
        return prepared, [own for _, _, own in reports]

    def _exchange(self, name, report):
        if self.size == 1:
            return [report]
        reports = [None] * self.size
        try:
            dist.all_gather_object(reports, report, group=self.group)
        except RuntimeError as error:
            raise RuntimeError(
                f"{name} on rank {self.rank} of {self.size} waited in vain for the other ranks: one has died, has raised before "
                "it came here, or needs longer than the timeout that was given to init_process_group"
            ) from error
        return reports

    def reduce(self, x, op="sum"):
        """The sum or the maximum over the ranks, held constant."""
        x = x.detach().clone(memory_format=torch.contiguous_format)
        if self.size > 1:
            dist.all_reduce(x, dist.ReduceOp.MAX if op == "max" else dist.ReduceOp.SUM, group=self.group)
        return x

    def sum(self, x):
        """The sum over the ranks, for what is computed from it *alike on every rank*: see `_Sum`."""
        return _Sum.apply(self, x)

    def gather(self, x, sizes):
        """The rows of all ranks, for what is computed from them alike on every rank: the gradient is cut as the rows are."""
        return _Gather.apply(self, sizes, x)

    def blocks(self, sizes, *tensors):
        """The rows of each rank in turn, as (number of rows before them, [tensors]); the next ones are on their way meanwhile.

        So a rank holds the rows of two others at a time, not of all. The ranks must go through this together, to the end.
        """
        tensors = [t.detach().contiguous() for t in tensors]
        turns = [rank for rank, size in enumerate(sizes) if size]
        sent = self._send(turns[0], sizes, tensors) if turns else None
        for turn, rank in enumerate(turns):
            (rows, works), last = sent, turn + 1 == len(turns)
            sent = None if last else self._send(turns[turn + 1], sizes, tensors)
            for work in works:
                work.wait()
            yield sum(sizes[:rank]), rows

    def _send(self, rank, sizes, tensors):
        if self.size == 1:
            return tensors, []
        rows = [t if rank == self.rank else t.new_empty(sizes[rank], *t.shape[1:]) for t in tensors]
        return rows, [dist.broadcast(t, group_src=rank, group=self.group, async_op=True) for t in rows]


def once(backward):
    """Decorate a backward pass that cannot be differentiated again: autograd would take some of what it used for constants."""

    @functools.wraps(backward)
    def checked(ctx, *slopes):
        if torch.is_grad_enabled():  # so it is in a backward pass with create_graph
            raise RuntimeError("lossbook.distributed has no second derivatives: leave create_graph=True out")
        return backward(ctx, *slopes)

    return checked


class _Sum(torch.autograd.Function):
    """L = f(Σ_r x_r), with the same f on every rank: dL/dx_r = f'(Σ x), which each rank has already. Summing it over the ranks
    again would multiply it by their number; dividing it by their number would be the bug that the tests plant."""

    @staticmethod
    def forward(ctx, ranks, x):
        return ranks.reduce(x)

    @staticmethod
    @once  # the gradient is alike on every rank, and its own gradient is not
    def backward(ctx, gradient):
        return None, gradient


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, ranks, sizes, x):
        ctx.start, ctx.rows = sum(sizes[: ranks.rank]), x.shape[0]
        return torch.cat([x[:0], *(rows for _, (rows,) in ranks.blocks(sizes, x))])

    @staticmethod
    @once
    def backward(ctx, gradient):
        return None, None, gradient[ctx.start : ctx.start + ctx.rows]


class _Times(torch.autograd.Function):
    @staticmethod
    def forward(ctx, factor, x):
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return None, gradient * ctx.factor


def tensors_only(**arrays):
    for name, array in arrays.items():
        if not isinstance(array, torch.Tensor):
            raise TypeError(f"{name} must be a torch tensor, got {type(array).__name__}")


def as_number(x):
    """A number or 0-d tensor as what the ranks can compare."""
    return x.item() if hasattr(x, "item") else x


def wants_gradient(*tensors):
    """Which of them want one. The ranks must agree, as they work together in the backward pass too."""
    return [torch.is_grad_enabled() and isinstance(t, torch.Tensor) and t.requires_grad for t in tensors]


def for_ddp(loss, *, group=None):
    """The same value with the number of ranks times the gradient, for gradients that will be averaged over the ranks.

    DistributedDataParallel and FSDP divide the sum of the gradients by the number of ranks. That is right if each rank has a loss
    of its own and the objective is the mean of them, and 1 / (number of ranks) of what it should be for a loss of all ranks, or
    for the rank's share of one. `group`: the group over which they average.

    >>> import torch
    >>> float(for_ddp(torch.tensor(2.5)))  # one rank
    2.5
    """
    tensors_only(loss=loss)
    return _Times.apply(Ranks(group).size, loss)


def total(amount, *, group=None):
    """The sum over all ranks of a number or of the entries of a tensor: the `denominator` of a mean over what all ranks hold.

    Pass the number of a rank's examples, or its weights. It is a Python number, the same on every rank, and has no gradient.
    TypeError for what is neither a number nor a tensor.

    >>> import torch
    >>> total(3), total(torch.tensor([1.0, 0.5, 0.0]))
    (3, 1.5)
    """

    def check():
        if not isinstance(amount, int | float | torch.Tensor):
            raise TypeError(f"amount must be a number or a tensor, got {type(amount).__name__}")
        if not isinstance(amount, torch.Tensor):
            return None, {}, amount
        wide = torch.float64 if amount.is_floating_point() else torch.int64
        return None, {}, amount.detach().to(wide).sum().item()

    return sum(Ranks(group).agree("total", check)[1])


def global_mean(values, weight=None, *, group=None):
    """Σ w v / Σ w over all entries of all ranks: the same number on every rank, nan where there is nothing.

    values, weight: of any shape, equal on one rank, which may be another one on each. The gradient is that of this mean with
    respect to the rank's own values. Weight 0 takes an entry out whatever it holds. A mean of the means of the ranks is another
    number where their counts differ. Raises as the losses do: TypeError for integer values, ValueError for a weight of another
    shape or below 0.

    >>> float(global_mean(torch.tensor([1.0, 2.0, torch.nan]), torch.tensor([3.0, 1.0, 0.0])))
    1.25
    """
    ranks = Ranks(group)

    def check():
        tensors_only(values=values, **({} if weight is None else {"weight": weight}))
        if not values.is_floating_point():
            raise TypeError(f"values must be real floating point, got {values.dtype}")
        wide = values.to(torch.promote_types(values.dtype, torch.float32))
        if weight is None:
            return wide, {"the dtype of values": values.dtype}, values.numel()
        w = check_weight(weight.detach(), tuple(values.shape), wide.dtype)
        return drop(wide, w, 0.0) * w, {"the dtype of values": values.dtype}, w.sum(dtype=torch.float64).item()

    weighted, counts = ranks.agree("global_mean", check)
    return (ranks.sum(weighted.sum()) / weighted.new_tensor(sum(counts))).to(values.dtype)
