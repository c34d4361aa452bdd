"""Losses of boxes and images: where they are flat, and what they have in common with the areas and images they compare."""

import numpy as np

from .. import _points
from .._result import Result
from ._kind import kind, largest, settings, values


@kind("0 where prediction and target are equal")
def zero_where_same(card, *, params=None):
    """ℓ(x, x) = 0 exactly, at ordinary and hard points, and the gradient there is 0, too."""
    worst, count = 0.0, 0
    for setting in settings(card, params):
        for x, *_ in (_points.ordinary(card, n=300, seed=8), _points.hard(card)):
            worst = largest([worst, *np.abs(values(card, [x, x], setting)), np.abs(card.gradients(x, x, **setting)[0]).max()])
            count += len(x)
    return Result(worst == 0, "verified", count, worst)


@kind("for boxes that are apart its gradient is exactly 0", "for boxes that are apart its gradient need not be 0")
def flat_when_apart(card, *, at=None):
    """Random boxes, moved away from their targets along one axis or both; `at` is a box and its target."""
    if at is None:
        rng = np.random.default_rng(61)
        boxes, targets = _points.ordinary(card, n=500, seed=60)
        sides = np.concatenate([rng.integers(-1, 1, (500, 1)) * 2 + 1, rng.integers(-1, 2, (500, 1))], axis=-1)
        boxes = boxes + np.tile(rng.permuted(sides, axis=1) * 100.0, 2)
    else:
        boxes, targets = (np.array([box], dtype=float) for box in at)
    steepest = largest(np.abs(card.gradients(boxes, targets)[0]))
    return Result(steepest == 0, "verified", len(boxes), steepest, message=f"largest entry of a gradient {steepest:.3g}")


@kind(
    "a plateau: a box inside its target can be moved inside it, and nothing changes",
    "no plateau: a box inside its target that is moved inside it costs more or less",
)
def flat_inside(card, *, at=None):
    """Random boxes at two random places inside their target; `at` holds the two places and the target."""
    if at is None:
        rng = np.random.default_rng(62)
        (targets,) = _points.ordinary(card, n=500, seed=60)[1:]
        sides = np.tile(targets[:, 2:] - targets[:, :2], 2)
        size = rng.uniform(0.1, 0.9, (500, 2))
        places = [np.concatenate([low := rng.random((500, 2)) * (1 - size), low + size], axis=-1) for _ in range(2)]
        pairs = [np.tile(targets[:, :2], 2) + place * sides for place in places]
    else:
        *pairs, targets = (np.array([box], dtype=float) for box in at)
    first, second = (values(card, [boxes, targets], {}) for boxes in pairs)
    worst = largest(np.abs(first - second))
    return Result(worst < 1e-12, "verified", len(targets), worst, message=f"largest change {worst:.6g}")


@kind("its value never exceeds {bound!f}", "its value can exceed {bound!f}")
def never_above(card, *, bound, at=None, params=None):
    """No ordinary or hard point lies above; `at` are the arrays of one example."""
    setting = _points.required(card) | (params or {})
    if at is not None:
        value = float(card.exactly([np.array(a, dtype=float) for a in at], setting))
        return Result(value <= bound, "proved", 1, value, message=f"value {value:.6g}")
    found = np.concatenate([values(card, a, setting) for a in (_points.ordinary(card, n=3000, seed=3), _points.hard(card))])
    return Result(largest(found) <= bound * (1 + 1e-12), "searched", len(found), largest(found))


@kind("between 1 and √2 times the isotropic form Σ √(∂ᵢ² + ∂ⱼ²), and it comes close to both")
def isotropic_bounds(card):
    """Random images, images that vary along one axis only, and slopes at 45 degrees, with ∂ = 0 beyond the border."""
    (images,) = _points.ordinary(card, n=500, seed=63)
    rows, columns = np.indices(images.shape[-2:])
    images = np.concatenate(
        [images, images[:, :, :1] + 0 * images, images[:1] * 0 + rows, images[:1] * 0 + 1e4 * (rows == columns)]
    )
    large = np.add.outer(np.arange(2000.0), np.arange(2000.0))[None, None]  # few pixels are at the border
    ratios = []
    for batch in (images, large):
        down, right = np.zeros(batch.shape), np.zeros(batch.shape)
        down[..., :-1, :], right[..., :-1] = np.diff(batch, axis=-2), np.diff(batch, axis=-1)
        ratios.append(values(card, [batch], {}) / np.sqrt(down**2 + right**2).sum(axis=(-3, -2, -1)))
    ratios = np.concatenate(ratios)
    low, high = ratios.min(), ratios.max()
    ok = 1 - 1e-12 <= low < 1.001 and np.sqrt(2) * 0.999 < high <= np.sqrt(2) * (1 + 1e-12)
    return Result(ok, "searched", len(ratios), largest(ratios), message=f"ratios {low:.6f} to {high:.6f}")
