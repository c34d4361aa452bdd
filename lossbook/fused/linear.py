"""Cross-entropy of a linear layer, logits = hidden @ kernelᵀ + bias, whose logits never stand in memory all at once."""

import contextlib
import dataclasses

import torch

from .._xp import is_torch
from ..language import cross_entropy_and_z_loss, cross_entropy_and_z_loss_gradient
from ._engine import Rare, Tiles, can_fuse, evaluate
from .softmax import cross_entropy

BLOCK = 2**22  # logits that stand in memory at a time; with more of them the matrix products are faster


def linear_cross_entropy(hidden, kernel, labels, *, bias=None, weight=None, reduction="mean", denominator=None, **options):
    """Cross-entropy -log softmax(W h + b)_label of a linear layer, without ever holding the logits of all examples.

    hidden: (..., D); kernel: (K, D), the rows of W; labels: (...) class indices or (..., K) probabilities; bias: (K,) or None.
    `options`: `class_weights` (K,), `label_smoothing`, `ignore_index` (-100) and `z_loss`, as in ``softmax_cross_entropy`` and
    ``token_cross_entropy``; `weight`, `reduction` and `denominator` as everywhere. The logits of a block of examples become their
    own gradient, which is multiplied into those of hidden, kernel and bias, and forgotten. Under autocast the products are taken
    in its dtype. Convention: as ``torch.nn.functional.linear_cross_entropy``. Source: Wijmans et al. (2025), who do not hold the
    block either.

    >>> import torch
    >>> hidden, kernel = torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 0.0], [0.0, 5.0]])
    >>> linear_cross_entropy(hidden, kernel, torch.tensor([0]))  # log(1 + e^-2)
    tensor(0.1269)
    """
    hidden, kernel, *rest = _layer(hidden, kernel, bias)
    if not is_torch(labels):
        raise TypeError(f"labels must be a tensor, got {type(labels).__name__}")
    reduce = {"weight": weight, "reduction": reduction, "denominator": denominator}
    if not labels.is_floating_point():
        options = {"ignore_index": -100} | options
    if can_fuse([hidden, kernel, labels, *rest], [weight, denominator, labels, *options.values()]):
        shape = hidden.new_empty(1).expand(*hidden.shape[:-1], len(kernel))  # stands for the logits in the checks, without memory
        predictions = [hidden.reshape(-1, hidden.shape[-1]), kernel, *rest]
        with contextlib.suppress(Rare):
            return evaluate(cross_entropy_and_z_loss, Linear, [shape, labels], reduce, options, predictions)
    return cross_entropy_and_z_loss(torch.nn.functional.linear(hidden, kernel, *rest), labels, **reduce, **options)


class Linear:
    """The job: a block of rows after the other, its logits in tiles."""

    name = "linear_cross_entropy"

    def __init__(self, *, targets, **rest):
        self.targets = targets
        self.tiles = Tiles(
            kernel=cross_entropy, tiles_at_once=4, gradient=cross_entropy_and_z_loss_gradient, targets=targets, **rest
        )

    def values(self, predictions):
        """One value per row, (n,)."""
        parts = [tiles.values([logits]) for _, logits, tiles in self.blocks(*predictions)]
        return torch.cat(parts) if parts else predictions[0].new_empty(0, dtype=self.tiles.compute)

    def total(self, predictions, factor, buffers):
        """Σ factor · value; with E = the gradient in the logits: E W, Eᵀ H and the column sums of E go to the buffers."""
        hidden, kernel, *_ = predictions
        of_hidden, of_kernel, *of_bias = buffers
        wanted = any(buffer is not None for buffer in buffers)
        total = hidden.new_zeros((), dtype=torch.float64)
        of_kernel, *of_bias = (None if b is None else _sum_in(b, self.tiles.compute) for b in (of_kernel, *of_bias))
        for part, logits, tiles in self.blocks(*predictions):
            total += tiles.total([logits], factor[part] if is_torch(factor) else factor, [logits if wanted else None])
            if of_hidden is not None:
                of_hidden[part] = logits @ kernel.to(logits.dtype)
            if of_kernel is not None:
                _add_product(of_kernel, logits, hidden[part])
            if of_bias and of_bias[0] is not None:
                of_bias[0] += logits.sum(0)
        for buffer, sum_ in zip(buffers[1:], (of_kernel, *of_bias)):
            if buffer is not None and buffer is not sum_:
                buffer.copy_(sum_)
        return total.to(self.tiles.compute)

    def blocks(self, hidden, kernel, bias=None):
        """For one block after the other: where it is, its logits, and the job that is left to do on them."""
        step = max(1, BLOCK // len(kernel))
        weight, targets = self.tiles.weight, self.tiles.targets
        for start in range(0, len(hidden), step):
            part = slice(start, start + step)
            logits = torch.nn.functional.linear(hidden[part], kernel, bias)
            logits = logits.float() if logits.dtype == torch.float16 else logits  # a gradient over N would underflow there
            of_part = {"targets": [t[part] for t in targets], "weight": None if weight is None else weight[part]}
            yield part, logits, dataclasses.replace(self.tiles, **of_part)


def _sum_in(buffer, dtype):
    """Where to add up a gradient: in its buffer, unless that has fewer digits."""
    return buffer.zero_() if buffer.dtype == dtype else torch.zeros_like(buffer, dtype=dtype)


def _add_product(sum_, error, hidden):
    """sum += errorᵀ hidden, in place where there is one dtype."""
    if sum_.dtype == error.dtype == hidden.dtype:
        sum_.addmm_(error.T, hidden)
    else:
        sum_ += error.T @ hidden.to(error.dtype)


def _layer(hidden, kernel, bias):
    """The arrays of the layer, checked; under autocast in its dtype."""
    arrays = {"hidden": hidden, "kernel": kernel} | ({} if bias is None else {"bias": bias})
    for name, array in arrays.items():
        if not (is_torch(array) and array.is_floating_point()):
            raise TypeError(f"{name} must be a tensor of floats, got {getattr(array, 'dtype', type(array).__name__)}")
    if len({array.dtype for array in arrays.values()}) > 1:
        raise TypeError(f"the arrays must have one dtype, got {', '.join(f'{n} {a.dtype}' for n, a in arrays.items())}")
    features = tuple(hidden.shape[-1:])
    if kernel.ndim != 2 or kernel.shape[0] == 0 or tuple(kernel.shape[1:]) != features:
        raise ValueError(f"kernel must have shape (K, D) with the D = {features} of hidden, got {tuple(kernel.shape)}")
    if bias is not None and bias.shape != kernel.shape[:1]:
        raise ValueError(f"bias must have shape {tuple(kernel.shape[:1])}, one entry per class, got {tuple(bias.shape)}")
    device = hidden.device.type
    if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        return [array.to(torch.get_autocast_dtype(device)) for array in arrays.values()]
    return list(arrays.values())
