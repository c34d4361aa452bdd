"""Cross-entropy of softmax where each rank holds the logits of its own classes, as in tensor parallelism.

With the largest logit of a rank and Σ e^(z - largest) over its classes, one maximum and one sum over the ranks make the
log-sum-exp of all classes: three or four numbers for each row are exchanged, never a logit. All ranks then have the same values.
The tiles are some rows high, and logits that come from a matrix product are made twice, a tile at a time, and never kept.
"""

import sys
from dataclasses import dataclass

import torch

from .._loss import check_weight, in_range
from .._reduce import check_reduction, reduce
from .._xp import softplus, without_autocast
from ._ranks import Ranks, as_number, once, tensors_only, wants_gradient


def softmax_cross_entropy(
    logits,
    labels,
    *,
    class_weights=None,
    label_smoothing=0.0,
    ignore_index=None,
    z_loss=0.0,
    weight=None,
    reduction="mean",
    denominator=None,
    group=None,
):
    """Cross-entropy -log softmax(z)_label where the classes are spread over the ranks, plus `z_loss` · (log Σ e^z)².

    logits: (..., K_r), all rows and this rank's classes, which follow those of the ranks before it; K_r ≥ 0 may differ. Or a
    DTensor that is split over its last axis, Shard(-1), which knows its group. labels: (...) integers in 0 .. K - 1, K = Σ K_r,
    the same on all ranks, as are `class_weights` (K,) and `weight` (...). Options as in `lossbook.softmax_cross_entropy`; labels
    may not be probabilities here. Each rank receives the gradient of its logits, as it is: no factor. Raises, on all ranks,
    IndexError for a label out of range, ValueError or TypeError for what does not fit or is not the same.
    Source: Shoeybi et al. (2019).

    >>> round(float(softmax_cross_entropy(torch.zeros(3, 4), torch.tensor([1, 3, 0]))), 4)  # one rank: log 4
    1.3863
    """
    logits, group = _local(logits, -1, "logits", group)
    options = _Options(class_weights, label_smoothing, ignore_index, z_loss, weight, reduction, denominator)
    return _cross_entropy("softmax_cross_entropy", options, {"logits": logits}, labels, group)


def linear_cross_entropy(
    hidden,
    kernel,
    labels,
    *,
    bias=None,
    class_weights=None,
    label_smoothing=0.0,
    ignore_index=None,
    z_loss=0.0,
    weight=None,
    reduction="mean",
    denominator=None,
    group=None,
):
    """`softmax_cross_entropy` of the logits hidden @ kernel.T + bias, each rank holding the rows of `kernel` for its classes.

    hidden: (..., D), the same on all ranks; kernel: (K_r, D), bias: (K_r,), this rank's, or DTensors that are split over their
    rows, Shard(0). The logits are never held. Each rank receives the gradients of its kernel and bias and the whole gradient of
    `hidden`, summed over the ranks. Half precision is multiplied as it is, and everything after that is float32.

    >>> hidden, kernel = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 5.0], [0.0, 7.0]])
    >>> round(float(linear_cross_entropy(hidden, kernel, torch.tensor([1]))), 4)  # one rank: log 2
    0.6931
    """
    kernel, group = _local(kernel, 0, "kernel", group)
    hidden, bias = _local(hidden, None, "hidden", group)[0], _local(bias, 0, "bias", group)[0]
    options = _Options(class_weights, label_smoothing, ignore_index, z_loss, weight, reduction, denominator)
    return _cross_entropy("linear_cross_entropy", options, {"hidden": hidden, "kernel": kernel, "bias": bias}, labels, group)


@dataclass
class _Options:
    class_weights: object
    label_smoothing: float
    ignore_index: object
    z_loss: float
    weight: object
    reduction: str
    denominator: object


def _cross_entropy(name, options, factors, labels, group):
    ranks, labels = Ranks(group), _local(labels, None, "labels", group)[0]
    dtype, sizes = ranks.agree(name, lambda: _check(options, factors, labels))
    # From here on all ranks have the same before them, and raise alike.
    classes, start = sum(sizes), sum(sizes[: ranks.rank])
    compute = torch.promote_types(dtype, torch.float32)
    labels, shape = labels.detach().to(torch.int64).flatten(), labels.shape
    weight = None if options.weight is None else options.weight.detach().to(compute).flatten()
    if options.ignore_index is not None:
        counted = (labels != options.ignore_index).to(compute)
        weight = counted if weight is None else weight * counted
    kept = torch.ones_like(labels, dtype=torch.bool) if weight is None else weight != 0
    wrong = kept & ((labels < 0) | (labels >= classes))
    if bool(wrong.any()):
        raise IndexError(f"labels must be class indices in 0 .. {classes - 1}, got {labels[wrong][0].item()}")
    if options.class_weights is not None:
        of_class = torch.as_tensor(options.class_weights, dtype=compute, device=labels.device).detach()
        if of_class.shape != (classes,):
            raise ValueError(f"class_weights must have shape {(classes,)}, one for each class of all ranks, got {of_class.shape}")
        if not bool((of_class >= 0).all()):
            raise ValueError(f"class_weights must be >= 0, got {of_class.min().item()}")
        of_label = of_class[torch.where(kept, labels, 0)]
        weight = of_label if weight is None else weight * of_label
        kept = kept & (weight != 0)
    task = _Task(ranks, torch.where(kept, labels - start, -1), kept, classes, options.label_smoothing, options.z_loss, compute)
    values = _Rows.apply(task, *(factors.get(k) for k in ("hidden", "kernel", "bias")), factors.get("logits"))
    weight = None if weight is None else weight.reshape(shape)
    return reduce(values.reshape(shape), weight, options.reduction, options.denominator).to(dtype)


def _check(options, factors, labels):
    """What can be seen on one rank; the ranks compare the rest, for labels by a checksum."""
    check_reduction(options.reduction, options.denominator)
    in_range(label_smoothing=options.label_smoothing, low=0, high=1, closed="[")
    in_range(z_loss=options.z_loss, low=0, closed="[")
    factors = {name: factor for name, factor in factors.items() if factor is not None}
    tensors_only(**factors, labels=labels)
    first, *others = factors
    dtype = factors[first].dtype
    for name, factor in factors.items():
        if not factor.is_floating_point() or factor.dtype != dtype:
            raise TypeError(f"{name} must be real floating point like {first} ({dtype}), got {factor.dtype}: convert it")
    rows, columns = tuple(factors[first].shape[:-1]), factors[first].shape[-1] if factors[first].ndim else None
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise TypeError(f"labels must be integer class indices, got {labels.dtype}")
    if columns is None or tuple(labels.shape) != rows:
        raise ValueError(f"labels must have the shape {rows} of {first} without its last axis, got {tuple(labels.shape)}")
    classes = columns
    if others:
        if factors["kernel"].ndim != 2 or factors["kernel"].shape[1] != columns:
            raise ValueError(f"kernel must have shape (classes, {columns}), got {tuple(factors['kernel'].shape)}")
        classes = len(factors["kernel"])
        if factors.get("bias", factors["kernel"][:, 0]).shape != (classes,):
            raise ValueError(f"bias must have shape {(classes,)} to match kernel, got {tuple(factors['bias'].shape)}")
    if options.weight is not None:
        tensors_only(weight=options.weight)
        check_weight(options.weight.detach(), rows, dtype)
    places = torch.arange(1, labels.numel() + 1, device=labels.device)
    equal = {
        "the rows": rows,
        "the dtype": dtype,
        "labels (their checksum)": (labels.flatten().to(torch.int64) * places).sum().item(),
        "what is given": [*factors, options.weight is not None, options.class_weights is not None],
        "the options": [options.ignore_index, options.reduction, *map(as_number, (options.label_smoothing, options.z_loss))],
        "the denominator": as_number(options.denominator),
        "what requires a gradient": wants_gradient(*factors.values()),
    }
    return dtype, equal, classes


def _local(x, axis, name, group):
    """This rank's part of a DTensor that is split over `axis` (None: not split), and its group; other tensors as they are."""
    dtensor = sys.modules.get("torch.distributed.tensor")  # who has a DTensor has imported it
    if dtensor is None or not isinstance(x, dtensor.DTensor):
        return x, group
    wanted = dtensor.Replicate() if axis is None else dtensor.Shard(axis % x.ndim)
    if x.placements != (wanted,):
        raise ValueError(f"{name} must be a DTensor over one mesh dimension with {wanted}, got {x.placements}: redistribute it")
    return x.to_local(), x.device_mesh.get_group() if group is None else group


# --- the values of the rows --------------------------------------------------------------------------------------------------

TILE = {"cpu": 2**18, "cuda": 2**24}  # logits looked at together


@dataclass
class _Task:
    """What is known of the rows: `labels` count from this rank's first class, and those of other ranks lie outside."""

    ranks: Ranks
    labels: torch.Tensor
    kept: torch.Tensor
    classes: int
    smoothing: float
    z_loss: float
    compute: torch.dtype

    def tiles(self, hidden, kernel, bias, logits):
        """Logits, some rows at a time: (tile, logits, rows whose label is here, those labels). What a dropped row holds is 0."""
        width = max(1, (logits if hidden is None else kernel).shape[0 if logits is None else -1])
        step = max(1, TILE.get(self.labels.device.type, 2**20) // width)
        for first in range(0, len(self.labels), step):
            tile = slice(first, first + step)
            z = logits[tile] if hidden is None else hidden[tile] @ kernel.T
            z = (z if bias is None else z + bias).to(self.compute)
            z = torch.where(self.kept[tile, None], z, 0.0)
            here = ((self.labels[tile] >= 0) & (self.labels[tile] < z.shape[1])).nonzero()[:, 0]
            yield tile, z, here, self.labels[tile][here]


class _Rows(torch.autograd.Function):
    """(1 - ε) miss + ε (lse - mean z) + λ lse² for each row, miss being -log softmax of the label.

    With B the log-sum-exp of the classes that are *not* the label, miss = log(1 + e^(B - z_label)): exact to the last digits of
    the smallest miss, and so is the slope of the label, -(1 - e^-miss).
    """

    @staticmethod
    def forward(ctx, task, hidden, kernel, bias, logits):
        rows = task.labels.new_zeros(len(task.labels), dtype=task.compute)
        highest, others, label, total = torch.full_like(rows, -torch.inf), rows.clone(), rows.clone(), rows.clone()
        flat = [None if x is None else x.reshape(len(task.labels), x.shape[-1]) for x in (hidden, logits)]
        with without_autocast(rows):
            for tile, z, here, own in task.tiles(flat[0], kernel, bias, flat[1]):
                if not z.shape[1]:
                    continue
                highest[tile] = z.amax(1)
                label[tile][here] = z[here, own]
                total[tile] = z.sum(1)
                z = torch.exp(z - highest[tile, None].clamp(min=torch.finfo(z.dtype).min))
                z[here, own] = 0.0
                others[tile] = z.sum(1)
        top = task.ranks.reduce(highest, "max")
        others = torch.where(highest == -torch.inf, 0.0, others * torch.exp(highest - top))
        others, label, total = task.ranks.reduce(torch.stack([others, label, total]))
        others = top + torch.log(others)
        miss, lse = softplus(others - label), torch.logaddexp(others, label)
        values = miss
        if task.smoothing:
            values = (1 - task.smoothing) * miss + task.smoothing * (lse - total / task.classes)
        if task.z_loss:
            values = values + task.z_loss * lse**2
        ctx.task = task
        ctx.save_for_backward(hidden, kernel, bias, logits, miss, lse)
        return torch.where(task.kept, values, 0.0)

    @staticmethod
    @once
    def backward(ctx, slope):
        task, (hidden, kernel, bias, logits, miss, lse) = ctx.task, ctx.saved_tensors
        flat = [None if x is None else x.reshape(len(task.labels), x.shape[-1]) for x in (hidden, logits)]
        wide = [None if x is None else torch.zeros_like(x, dtype=task.compute) for x in (flat[0], kernel, bias)]
        of_logits = None if logits is None else torch.empty_like(flat[1])
        slope = torch.where(task.kept, slope, 0.0)
        with without_autocast(slope):
            for tile, z, here, own in task.tiles(flat[0], kernel, bias, flat[1]):
                pull = torch.exp(z - lse[tile, None]) * (1 + 2 * task.z_loss * lse[tile, None]) - task.smoothing / task.classes
                miss_here, lse_here = miss[tile][here], lse[tile][here]
                of_label = torch.expm1(-miss_here) + task.smoothing - task.smoothing / task.classes
                pull[here, own] = of_label + 2 * task.z_loss * lse_here * torch.exp(-miss_here)
                pull *= slope[tile, None]
                if logits is not None:
                    of_logits[tile] = pull.to(logits.dtype)
                    continue
                wide[0][tile] = (pull.to(kernel.dtype) @ kernel).to(task.compute)
                wide[1] += pull.T @ flat[0][tile].to(task.compute)
                if bias is not None:
                    wide[2] += pull.sum(0)
        if logits is not None:
            return None, None, None, None, of_logits.reshape(logits.shape)
        of_hidden = task.ranks.reduce(wide[0]).reshape(hidden.shape).to(hidden.dtype)
        return None, of_hidden, wide[1].to(kernel.dtype), None if bias is None else wide[2].to(bias.dtype), None
