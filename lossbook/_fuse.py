"""`fuse`: the engine for a loss of your own."""

import inspect

import numpy as np
import torch

from ._loss import gradient_of, loss
from .fused._engine import fused


def fuse(value, gradient, *, points=None, pays_from=2**13, **params):
    """The fused form of an element-wise loss of your own, once its gradient has passed the check.

    ``value(pred, target, **params)`` returns one value per element and ``gradient(pred, target, **params)`` its derivative in
    `pred`, both on torch tensors. ``check.slope`` compares the two at `points`, a prediction and a target array (by default 1000
    normal ones, three units wide), for the given `params`: ValueError with the point where they differ. What is returned takes
    ``weight``, ``reduction`` and ``denominator`` as all losses do, and works tile by tile; under torch.compile and vmap it is
    `value` itself.

    >>> import torch
    >>> quartic = fuse(lambda pred, target: (pred - target) ** 4, lambda pred, target: 4 * (pred - target) ** 3)
    >>> pred = torch.tensor([1.0, -2.0], requires_grad=True)
    >>> quartic(pred, torch.zeros(2), reduction="sum").backward()
    >>> pred.grad
    tensor([  4., -32.])
    """
    from . import check

    if points is None:
        points = np.random.default_rng(0).normal(scale=3.0, size=(2, 1000))
    arrays = [torch.as_tensor(np.asarray(array, dtype=float)) for array in points]
    result = check.slope(value, gradient, *arrays, **params)
    if not result:
        raise ValueError(f"gradient must be the derivative of value: {result.message}")
    names = [name for name, p in inspect.signature(value).parameters.items() if p.kind is not p.KEYWORD_ONLY][:2]
    plain = loss(**dict.fromkeys(names, 0))(value)
    return fused(plain, gradient_of(plain)(gradient), pays_from=pays_from)
