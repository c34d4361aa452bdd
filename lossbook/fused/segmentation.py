"""Losses of whole masks. An overlap loss looks at a mask twice while it is in the cache: for its sums, and for its gradient,
which is linear in p and y. A Lovász loss sorts, but only the pixels that can have a weight; the others need not be looked at.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch

from .. import segmentation as plain
from .._loss import ALL_BUT_FIRST, Integers, bind, drop, in_range, in_unit_interval
from ._engine import Rare, can_fuse, fused, tile_size
from .sorting import rising


@dataclass
class Masks:
    """A job with one prediction and one target: `look(p, factor, buffer)` returns the values (n,) in float64 and, if there is a
    buffer, writes the gradient of Σ factor · value to it."""

    plain: object
    targets: list
    weight: object
    compute: object
    params: dict
    options: object = dict  # what the parameters mean in the general form

    @property
    def name(self):
        return self.plain.__name__

    def values(self, predictions):
        return self.look(predictions[0], None, None, **self.options(**self.params)).to(self.compute)

    def total(self, predictions, factor, buffers):
        (p,), (buffer,) = predictions, buffers
        factor = factor.double() if torch.is_tensor(factor) else p.new_full(p.shape[:1], factor, dtype=torch.float64)
        return (self.look(p, factor, buffer, **self.options(**self.params)) @ factor).to(self.compute)


class Overlap(Masks):
    """(wrong / (hit + wrong))^γ with hit = Σ p y + s and wrong = α Σ p (1 - y) + β Σ (1 - p) y or, `squared`, ½ Σ (p - y)²."""

    def look(self, p, factor, buffer, alpha=0.5, beta=0.5, gamma=1.0, smooth=0.0, squared=False, class_axis=None):
        in_range(alpha=alpha, beta=beta, gamma=gamma, low=0)
        in_range(smooth=smooth, low=0, closed="[")
        if class_axis not in (None, 1) or p.ndim <= (class_axis or 0):
            raise ValueError
        classes = p.shape[1] if class_axis else 1
        shape = len(p) * classes, math.prod(p.shape[1:]) // classes
        p, y = p.reshape(shape), self.targets[0].reshape(shape)
        weight = None if self.weight is None else self.weight.repeat_interleave(classes)
        if buffer is not None:
            slopes, of_mask = buffer.reshape(shape), (factor / classes).repeat_interleave(classes)
        tile = 2 * tile_size(p)
        values, step = [p.new_empty(0, dtype=torch.float64)], max(1, tile // shape[1])
        for start in range(0, shape[0], step):
            rows = slice(start, start + step)
            parts = [(rows, slice(column, column + tile)) for column in range(0, shape[1], tile)]
            tiles = [[self.ready(mask[part], weight, rows) for mask in (p, y)] for part in parts]
            hit, wrong = map(sum, zip(*(_hit_and_wrong(*pair, alpha, beta, squared) for pair in tiles)))
            hit = hit + smooth
            whole = (hit + wrong).masked_fill_(hit + wrong == 0, math.inf)  # 0/0 is 0
            right, miss = hit / whole, wrong / whole
            values.append(miss**gamma)
            if buffer is None:
                continue
            of_1, of_y = alpha * right / whole, -((alpha + beta) * right + miss) / whole
            if squared:
                of_1, of_y = right / whole, -1 / whole  # the first times p
            scale = of_mask[rows]
            if gamma != 1:
                scale = scale * gamma * (miss ** (gamma - 1)).masked_fill_(miss == 0, 0)
            of_1, of_y = ((scale * slope).to(self.compute)[:, None] for slope in (of_1, of_y))
            for part, (p_tile, y_tile) in zip(parts, tiles):
                torch.add(y_tile * of_y, p_tile * of_1 if squared else of_1, out=slopes[part])
        if buffer is not None:
            _write(slopes, buffer)
        return torch.cat(values).reshape(-1, classes).mean(1)

    def ready(self, mask, weight, rows):
        """Part of some masks, in the dtype to compute in, checked."""
        mask = mask.to(self.compute)
        if weight is not None and not weight[rows].all():
            mask = drop(mask, weight[rows], 1.0)
        least, most = map(float, mask.aminmax())
        if not (least >= 0 and most <= 1):  # a nan is allowed
            in_unit_interval(masks=mask)
        return mask


def _hit_and_wrong(p, y, alpha, beta, squared):
    """Sums of what is ≥ 0, so that nothing cancels where the masks nearly agree."""
    hit = (p * y).sum(-1).double()
    if squared:
        return hit, 0.5 * (p - y).square_().sum(-1).double()
    alarms, misses = (1 - y).mul_(p).sum(-1).double(), (1 - p).mul_(y).sum(-1).double()
    return hit, alpha * alarms + beta * misses


def _write(slopes, buffer):
    """Where a buffer could not be seen in another shape, it was a copy."""
    if slopes.data_ptr() != buffer.data_ptr():
        buffer.copy_(slopes.reshape(buffer.shape))


class Lovasz(Masks):
    """Σ w e over the errors e of the pixels of a mask, with w as in the plain definition: a constant while they keep their order.
    Images of weight 0 are not there."""

    def look(self, p, factor, buffer, per_image=True, **options):
        kept = list(range(len(p))) if self.weight is None else self.weight.nonzero().squeeze(1).tolist()
        values = p.new_zeros(len(p), dtype=torch.float64)
        p = self.by_class(p, **options)
        p = p.reshape(*p.shape[:2], math.prod(p.shape[2:]))
        if buffer is not None:
            buffer = self.by_class(buffer.zero_(), **options)
            slopes = buffer.reshape(p.shape)
        for images in [[i] for i in kept] if per_image else [kept] if kept else []:
            part = slice(images[0], images[-1] + 1) if images[-1] - images[0] < len(images) else images
            target = self.targets[0][part]
            for column, share, error, inside in self.errors(p[part], target, **options):
                weights = _weights(error.flatten(), inside.flatten(), self.least).view(error.shape).mul_(share * len(images))
                values[part] += (weights * error).sum(-1).double()
                if buffer is not None:
                    slopes[part, column] = weights.mul_(1 - 2 * inside).mul_(factor[part, None]).to(slopes.dtype)
        if buffer is not None:
            _write(slopes, buffer)
        return values


class Softmax(Lovasz):
    """One mask for each class: (n, K, pixels). The labels are class indices (n, pixels)."""

    least = -1.0

    def by_class(self, p, class_axis=-1, **_):
        return p.movedim(class_axis, 1)

    def errors(self, p, labels, classes="present", **_):
        if labels.amin() < 0 or labels.amax() >= p.shape[1] or not p.amin() >= 0 or not p.amax() <= 1:
            raise Rare
        sizes = labels.flatten().bincount(minlength=p.shape[1])
        found = sizes.nonzero().flatten().tolist() if classes == "present" else range(len(sizes))
        labels = labels.to(self.compute)  # compared faster than integers
        for k in found:
            inside = torch.eq(labels, k, out=torch.empty_like(labels))
            yield k, 1 / len(found), (inside - p[:, k]).abs_(), inside


class Hinge(Lovasz):
    """One mask, its errors cut off at 0: the pixels below have no weight."""

    least = 0.0

    def by_class(self, z):
        return z.unsqueeze(1)

    def errors(self, z, target):
        y = target.to(self.compute).flatten(1)
        error = 1 - y.mul(2).sub_(1).mul_(z[:, 0])
        if not ((y == 0) | (y == 1)).all() or not error.isfinite().all():
            raise Rare
        yield 0, 1.0, error.clamp_min_(0), y


def _weights(error, inside, least):
    """For each pixel of a mask how much the Jaccard loss grows when it becomes an error, the largest error first: for one inside
    1 / union, and for a false alarm left / (union (union - 1)), where `left` counts those inside that are still right. So what
    is outside has no weight once its error is smaller than all errors inside."""
    weights, size = torch.zeros_like(error), inside.sum(dtype=torch.float64).long()
    if size == 0:
        first = error.argmax()
        weights[first] = error[first] > least
        return weights
    lowest = torch.add(error, 1 - inside, alpha=torch.finfo(error.dtype).max / 2).amin()  # inside
    chosen = (error >= lowest).logical_and_(error > least)
    on_cpu = error.device.type == "cpu"
    place = torch.from_numpy(np.flatnonzero(chosen.numpy())) if on_cpu else chosen.nonzero().squeeze(1)  # five times as fast
    place = place.index_select(0, rising(-error.index_select(0, place))[1])  # the largest first, and of equal ones the first
    inside = inside.index_select(0, place)
    left = size - inside.cumsum(0, dtype=torch.int64)
    union = torch.arange(1, len(left) + 1, device=error.device).add_(left).to(error.dtype)
    left = left.to(error.dtype).div_((union - 1).clamp_min_(1))
    return weights.scatter_(0, place, torch.lerp(left, torch.ones_like(left), inside).div_(union))


def _indices(p, labels, class_axis):
    """Class indices (n, ...), from one-hot rows where they are; None where the plain definition has something to say."""
    if labels.is_floating_point() and labels.shape == p.shape:
        hot = labels == 1
        if (hot | (labels == 0)).all() and (hot.sum(class_axis) == 1).all():
            return hot.to(torch.uint8).argmax(class_axis)
    elif not labels.is_floating_point() and labels.dtype != torch.bool:
        return labels if labels.shape == p.select(class_axis, 0).shape else None


@functools.wraps(plain.lovasz_softmax)
def _by_index(probabilities, labels, class_axis=-1, **options):
    labels = labels.reshape(probabilities.select(class_axis, 0).shape)
    return plain.lovasz_softmax(probabilities, labels, class_axis=class_axis, **options)


_by_index.axes = {"probabilities": ALL_BUT_FIRST, "labels": Integers(1)}  # (n, pixels)
_by_index = fused(_by_index, plain.lovasz_softmax_gradient, job=Softmax)


@functools.wraps(plain.lovasz_softmax)
def lovasz_softmax(*arrays, **options):
    (p, labels), options = bind("lovasz_softmax", plain.lovasz_softmax.axes, arrays, options)
    class_axis = options.get("class_axis", -1)
    if can_fuse([p, labels]) and p.ndim > 1 and 0 not in p.shape and class_axis in (1, -1):
        indices = _indices(p, labels, class_axis)
        if indices is not None:
            return _by_index(p, indices.reshape(len(p), -1), **options)
    return plain.lovasz_softmax(p, labels, **options)


lovasz_softmax.plain, lovasz_softmax.pays_from = plain.lovasz_softmax, 2**12


def _overlap(loss, gradient, options=dict):
    return fused(loss, gradient, job=functools.partial(Overlap, options=options), pays_from=2**16)


dice = _overlap(plain.dice, plain.dice_gradient, lambda smooth=0.0, **others: {"smooth": smooth / 2, **others})
tversky = _overlap(plain.tversky, plain.tversky_gradient)
jaccard = _overlap(plain.jaccard, plain.jaccard_gradient, lambda **others: {"alpha": 1.0, "beta": 1.0, **others})
focal_tversky = _overlap(plain.focal_tversky, plain.focal_tversky_gradient, lambda gamma=0.75, **o: {"gamma": gamma, **o})
lovasz_hinge = fused(plain.lovasz_hinge, plain.lovasz_hinge_gradient, job=Hinge, pays_from=2**14)
