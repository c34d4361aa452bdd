"""Boxes: losses that compare a predicted box with a true one by the area they share.

`boxes` and `targets` (..., 4) hold x1, y1, x2, y2 with x1 ≤ x2 and y1 ≤ y2 (else ValueError, in both), in any one unit; they are
compared pairwise and ``reduction="none"`` has the shape (...). Values are pure numbers. A box may be a line or a point: two boxes
without area have an IoU of 0, or of 1 if they are equal, and a ratio 0/0 in a penalty counts as 0; no constant is added anywhere.
Where an edge lies on the same edge of the target, the gradient is the mean of its one-sided values: 0 at a perfect box. Boxes
that touch have the gradient of boxes that overlap.
"""

import math
from dataclasses import dataclass
from typing import Any

from ._card import Card, denies, describes, says
from ._loss import gradient_of, loss, require
from ._xp import namespace, sign, stop_gradient, where


@loss(boxes=1, targets=1)
def iou_loss(boxes, targets):
    """IoU loss 1 - |A ∩ B| / |A ∪ B| of two boxes, the intersection over the union of their areas; in [0, 1].

    Boxes that are apart cost 1, and their gradient is exactly 0: the loss cannot bring them together. UnitBox takes -log IoU.
    Source: Yu, Jiang, Wang, Cao and Huang (2016).

    >>> import numpy as np
    >>> iou_loss(np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[0, 0, 2, 1]]), reduction="none").tolist()
    [0.5]
    """
    return _iou_loss(_compare(boxes, targets))


@gradient_of(iou_loss)
def iou_loss_gradient(boxes, targets):
    pair = _compare(boxes, targets)
    return _iou_slope(pair) / pair.unit


@describes(iou_loss)
def _():
    from . import check

    return Card(
        iou_loss,
        **_facts(_iou_oracle, iou_loss_gradient),
        reference="yu2016",
        claims=[
            says(
                check.coincides,
                "verified",
                name="the Jaccard loss of their pixels, for boxes of whole pixels",
                other=_jaccard_of_pixels,
                where=_boxes_of_pixels,
            ),
            says(check.ranges, "searched", low=0, high=1),
            says(check.flat_when_apart, "verified"),
            says(check.flat_inside, "verified"),
            says(check.at_most, "searched", reference=_values_of(giou_loss), name="the GIoU loss"),
            says(check.at_most, "searched", reference=_values_of(diou_loss), name="the DIoU loss"),
            says(check.triangle_inequality, "searched"),
            says(check.unchanged, "verified", when="both boxes are stretched along x and along y", change=_stretched),
            *_common_claims(),
        ],
        chapter="20_segmentation",
    )


@loss(boxes=1, targets=1)
def giou_loss(boxes, targets):
    """GIoU loss 1 - IoU + |C \\ (A ∪ B)| / |C|, where C is the smallest box that holds both; in [0, 2).

    It pulls boxes together that are apart. For a box inside its target (or around it) the penalty is 0: moved inside it, the box
    neither gains nor loses. Source: Rezatofighi, Tsoi, Gwak, Sadeghian, Reid and Savarese (2019).

    >>> import numpy as np
    >>> giou_loss(np.array([[0.0, 0.0, 1.0, 1.0]]), np.array([[3, 0, 4, 1]]), reduction="none").tolist()
    [1.5]
    """
    pair = _compare(boxes, targets)
    return _iou_loss(pair) + _ratio(pair.gap, _area(pair.hull))


@gradient_of(giou_loss)
def giou_loss_gradient(boxes, targets):
    pair = _compare(boxes, targets)
    union, hull = pair.union, _area(pair.hull)
    penalty = _quotient_slope(hull - union, _hull_slope(pair) - _union_slope(pair), hull, _hull_slope(pair))
    return (_iou_slope(pair) + penalty) / pair.unit


@describes(giou_loss)
def _():
    from . import check

    return Card(
        giou_loss,
        **_facts(_giou_oracle, giou_loss_gradient),
        reference="rezatofighi2019",
        claims=[
            says(check.ranges, "searched", low=0, high=2),
            denies(check.flat_when_apart, "verified", witness=APART),
            says(check.flat_inside, "verified"),
            says(check.triangle_inequality, "searched"),
            says(check.unchanged, "verified", when="both boxes are stretched along x and along y", change=_stretched),
            *_common_claims(),
        ],
        chapter="20_segmentation",
    )


@loss(boxes=1, targets=1)
def diou_loss(boxes, targets):
    """DIoU loss 1 - IoU + ρ² / c²: ρ between the centres, c the diagonal of the smallest box that holds both; in [0, 2).

    It moves a box inside its target towards the centre, where the IoU and GIoU losses are flat.
    Source: Zheng, Wang, Liu, Li, Ye and Ren (2020).

    >>> import numpy as np
    >>> diou_loss(np.array([[0.0, 0.0, 1.0, 1.0]]), np.array([[3, 0, 4, 1]]), reduction="none").round(6).tolist()
    [1.529412]
    """
    pair = _compare(boxes, targets)
    return _iou_loss(pair) + _ratio(*_distances(pair))


@gradient_of(diou_loss)
def diou_loss_gradient(boxes, targets):
    pair = _compare(boxes, targets)
    return (_iou_slope(pair) + _distance_slope(pair)) / pair.unit


@describes(diou_loss)
def _():
    from . import check

    return Card(
        diou_loss,
        **_facts(_diou_oracle, diou_loss_gradient),
        reference="zheng2020",
        claims=[
            says(check.never_above, "searched", bound=2),
            denies(check.flat_when_apart, "verified", witness=APART),
            denies(check.flat_inside, "verified", witness=INSIDE),
            says(check.at_most, "searched", reference=_values_of(ciou_loss), name="the CIoU loss"),
            denies(check.triangle_inequality, "proved", witness=HALVES),
            *_common_claims(),
        ],
        chapter="20_segmentation",
    )


@loss(boxes=1, targets=1)
def ciou_loss(boxes, targets):
    """CIoU loss: the DIoU loss + α v, v = (4/π²) (arctan(w'/h') - arctan(w/h))², α = v / (1 - IoU + v); in [0, 3).

    v compares the shapes w/h; it is 0 where one of the boxes is a point, which has none. Convention: the gradient is the
    derivative of the value. The paper and torchvision (α under no_grad) hold α constant there: their gradient is not that of the
    value, and smaller by α (1 - α) in v and larger by α² in the IoU.
    Source: Zheng, Wang, Liu, Li, Ye and Ren (2020).

    >>> import numpy as np
    >>> ciou_loss(np.array([[0.0, 0.0, 2.0, 1.0]]), np.array([[0, 0, 1, 2]]), reduction="none").round(6).tolist()
    [0.762918]
    """
    pair = _compare(boxes, targets)
    miss, v = _iou_loss(pair), _shape_term(pair)
    return miss + _ratio(*_distances(pair)) + _ratio(v**2, miss + v)


@gradient_of(ciou_loss)
def ciou_loss_gradient(boxes, targets):
    pair = _compare(boxes, targets)
    v = _shape_term(pair)
    alpha = _ratio(v, _iou_loss(pair) + v)[..., None]
    pull = (1 - alpha**2) * _iou_slope(pair) + alpha * (2 - alpha) * _shape_slope(pair)
    return (pull + _distance_slope(pair)) / pair.unit


@describes(ciou_loss)
def _():
    from . import check

    return Card(
        ciou_loss,
        **_facts(_ciou_oracle, ciou_loss_gradient),
        reference="zheng2020",
        claims=[
            denies(check.never_above, "proved", bound=2, witness=LINES),
            says(check.never_above, "searched", bound=3),
            denies(check.flat_when_apart, "verified", witness=APART),
            denies(check.flat_inside, "verified", witness=INSIDE),
            says(
                check.coincides,
                "verified",
                name="the DIoU loss, for boxes of one shape",
                other=_values_of(diou_loss),
                where=_of_one_shape,
            ),
            denies(check.triangle_inequality, "proved", witness=HALVES),
            *_common_claims(),
        ],
        chapter="20_segmentation",
    )


# Geometry. All lengths are differences of two coordinates, in units of the longer side of the hull: then no area overflows or
# vanishes, and every area below is a sum of terms ≥ 0, so that nothing cancels for boxes that nearly agree.
@dataclass
class _Pair:
    """A box and its target, compared: widths and heights (..., 2) in the same order, and `apart` (...)."""

    size: Any  # of the box
    true: Any  # of the target
    below: Any  # how far the box reaches beyond the target on the side of x1 and y1; negative where the target reaches further
    above: Any  # the same on the side of x2 and y2
    both: Any  # the intersection
    hull: Any  # the smallest box around both
    apart: Any  # whether there is no intersection
    unit: Any

    @property
    def union(self):
        return _area(self.size) + _area(self.true) - _area(self.both)

    @property
    def gap(self):
        """The area of the hull that neither covers. Where they overlap: the corners where each is the longer one on one side."""
        corners = sum(_half_positive(-x[..., 0] * y[..., 1]) for x in (self.below, self.above) for y in (self.below, self.above))
        return where(self.apart, _area(self.hull) - _area(self.size) - _area(self.true), corners)


def _compare(boxes, targets):
    xp = namespace(boxes)
    if boxes.shape[-1] != 4:
        raise ValueError(f"boxes must have four numbers x1, y1, x2, y2 on the last axis, got shape {tuple(boxes.shape)}")
    low, high, true_low, true_high = boxes[..., :2], boxes[..., 2:], targets[..., :2], targets[..., 2:]
    for name, sides in (("boxes", high - low), ("targets", true_high - true_low)):
        require(sides, ~(sides < 0), f"{name} must have x1 <= x2 and y1 <= y2: x2 - x1 and y2 - y1 must be >= 0")
    hull = xp.maximum(high, true_high) - xp.minimum(low, true_low)
    unit = stop_gradient(xp.max(hull, axis=-1, keepdims=True))
    unit = where(unit == 0, 1.0, unit)
    both = (xp.minimum(high, true_high) - xp.maximum(low, true_low)) / unit
    apart = xp.min(both, axis=-1) < 0
    both = where(apart[..., None], 0.0, both)
    below, above = (true_low - low) / unit, (high - true_high) / unit
    return _Pair((high - low) / unit, (true_high - true_low) / unit, below, above, both, hull / unit, apart, unit)


def _iou_loss(pair):
    """The area of one box alone over that of the union."""
    outside = _half_positive(pair.below) + _half_positive(pair.above)
    missed = _half_positive(-pair.below) + _half_positive(-pair.above)
    alone = _around(outside, pair.size, pair.both) + _around(missed, pair.true, pair.both)
    union = alone + _area(pair.both)
    nothing = union == 0
    differ = namespace(union).max(outside + missed, axis=-1) > 0
    share = where(pair.apart | nothing, 1.0, alone) / where(pair.apart | nothing, 1.0, union)
    return where(nothing & ~differ, 0.0, share)


def _around(rim, size, both):
    """The area of a box without the intersection, where `rim` is by how much it is wider and higher."""
    return rim[..., 0] * size[..., 1] + both[..., 0] * rim[..., 1]


def _distances(pair):
    """The squares of the distance of the centres and of the diagonal of the hull."""
    return _sum_of_squares((pair.above - pair.below) / 2), _sum_of_squares(pair.hull)


def _shape_term(pair):
    return 4 / math.pi**2 * _angle(pair) ** 2


def _angle(pair):
    """arctan(w'/h') - arctan(w/h), in one step: the angle between the diagonals."""
    (w, h), (true_w, true_h) = _sides(_direction(pair.size)), _sides(_direction(pair.true))
    cross, dot = true_w * h - true_h * w, true_w * w + true_h * h
    return namespace(dot).atan2(cross, dot)  # 0 for a point, with slope 0


def _direction(size):
    """Width and height over the longer of them, which is held constant: an angle does not depend on it."""
    return size / _longer(size)


def _longer(size):
    longer = stop_gradient(namespace(size).max(size, axis=-1, keepdims=True))
    return where(longer == 0, 1.0, longer)


def _sides(size):
    return size[..., 0], size[..., 1]


def _area(size):
    return size[..., 0] * size[..., 1]


def _sum_of_squares(x):
    return x[..., 0] ** 2 + x[..., 1] ** 2


def _ratio(part, whole):
    """part / whole, and 0 for 0/0."""
    nothing = whole == 0
    return where(nothing, 0.0, part) / where(nothing, 1.0, whole)


def _half_positive(x):
    """max(x, 0), with slope 1/2 at the kink."""
    xp = namespace(x)
    return xp.maximum(x, xp.zeros_like(x))


# Gradients with respect to x1, y1, x2, y2, in the same unit.
def _area_slope(size, low=1.0, high=1.0):
    """Of a width times a height whose lower ends move by `low` when those of the box do, and the upper ends by `high`."""
    xp = namespace(size)
    other = xp.flip(size, axis=-1)
    return xp.concat([-other * low, other * high], axis=-1)


def _hull_slope(pair):
    return _area_slope(pair.hull, (1 + sign(pair.below)) / 2, (1 + sign(pair.above)) / 2)


def _both_slope(pair):
    return _area_slope(pair.both, (1 - sign(pair.below)) / 2, (1 - sign(pair.above)) / 2)


def _union_slope(pair):
    return _area_slope(pair.size) - _both_slope(pair)


def _iou_slope(pair):
    return -_quotient_slope(_area(pair.both), _both_slope(pair), pair.union, _union_slope(pair))


def _distance_slope(pair):
    xp = namespace(pair.hull)
    centre = (pair.above - pair.below) / 2
    low, high = pair.hull * (1 + sign(pair.below)), pair.hull * (1 + sign(pair.above))
    between, diagonal = _distances(pair)
    return _quotient_slope(between, xp.concat([centre, centre], axis=-1), diagonal, xp.concat([-low, high], axis=-1))


def _shape_slope(pair):
    xp = namespace(pair.size)
    w, h = _sides(_direction(pair.size))
    turn = xp.stack([-_ratio(h, w**2 + h**2), _ratio(w, w**2 + h**2)], axis=-1) / _longer(pair.size)
    pull = 8 / math.pi**2 * _angle(pair)[..., None] * turn
    return xp.concat([-pull, pull], axis=-1)


def _quotient_slope(part, part_slope, whole, whole_slope):
    part, whole = part[..., None], whole[..., None]
    return _ratio(_ratio(part_slope * whole - part * whole_slope, whole), whole)


# The definitions, by exact arithmetic of areas.
def _facts(oracle, gradient):
    from ._symbols import X, Y

    return dict(
        symbols={"boxes": X, "targets": Y},
        domain={"boxes": "boxes", "targets": "boxes"},
        oracle=oracle,
        gradient=gradient,
        convention="x1, y1, x2, y2; no constant in a denominator; two boxes without area: IoU 0, or 1 if they are equal",
    )


def _overlap(a, b):
    """The area of the intersection of two boxes."""
    from mpmath import mpf

    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return width * height if width > 0 and height > 0 else mpf(0)


def _iou_oracle(a, b):
    """1 - |A ∩ B| / |A ∪ B|, by the areas of the boxes A and B; without area 0 if they are equal and 1 if not."""
    union = _overlap(a, a) + _overlap(b, b) - _overlap(a, b)
    return 1 - _overlap(a, b) / union if union else int(a != b)


def _hull(a, b):
    return [min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])]


def _giou_oracle(a, b):
    """1 - |A ∩ B| / |A ∪ B| + (|C| - |A ∪ B|) / |C|, by areas, C the smallest box around A and B."""
    hull = _overlap(_hull(a, b), _hull(a, b))
    union = _overlap(a, a) + _overlap(b, b) - _overlap(a, b)
    return _iou_oracle(a, b) + ((hull - union) / hull if hull else 0)


def _diou_oracle(a, b):
    """1 - |A ∩ B| / |A ∪ B|, plus the squared distance of the centres over the squared diagonal of the box around both."""
    x1, y1, x2, y2 = _hull(a, b)
    diagonal = (x2 - x1) ** 2 + (y2 - y1) ** 2
    between = ((a[0] + a[2] - b[0] - b[2]) / 2) ** 2 + ((a[1] + a[3] - b[1] - b[3]) / 2) ** 2
    return _iou_oracle(a, b) + (between / diagonal if diagonal else 0)


def _ciou_oracle(a, b):
    """The DIoU loss plus v² / (1 - IoU + v), v = (4/π²) (arctan(w'/h') - arctan(w/h))² for boxes that are not points."""
    from mpmath import atan2, pi

    sides = [(box[2] - box[0], box[3] - box[1]) for box in (a, b)]
    v = 0
    if all(w or h for w, h in sides):
        v = 4 / pi**2 * (atan2(*sides[1]) - atan2(*sides[0])) ** 2
    miss = _iou_oracle(a, b) + v
    return _diou_oracle(a, b) + (v**2 / miss if miss else 0)


# What the claims of several cards have in common.
APART = ((0, 0, 1, 1), (3, 0, 4, 1))
INSIDE = ((1, 1, 2, 2), (1.25, 1.25, 2.25, 2.25), (0, 0, 4, 4))
HALVES = ((1, 1, 2, 2), (0, 1, 2, 2), (0, 1, 1, 2))  # two unit squares side by side, between them the two as one box
LINES = ((0, 0, 0, 1), (100, 0, 101, 0))
BETWEEN = {"between": ((0.0, 0.0, 1.0, 1.0), (2.0, 0.0, 3.0, 1.0)), "targets": (0.0, 0.0, 1.0, 1.0)}


def _common_claims():
    from . import check

    return [
        says(check.zero_where_same, "verified"),
        says(
            check.unchanged, "verified", when="box and target trade places", change=lambda rng, boxes, targets: [targets, boxes]
        ),
        says(check.unchanged, "verified", when="both boxes are moved", change=_moved),
        says(check.unchanged, "verified", when="both boxes are multiplied by a number > 0", change=_enlarged),
        says(check.unchanged, "verified", when="x and y trade places", change=_turned),
        denies(check.convex, "proved", name="the box", witness=BETWEEN),
    ]


def _moved(rng, boxes, targets):
    import numpy as np

    step = np.tile(rng.uniform(-10, 10, (len(boxes), 2)), 2)
    return [boxes + step, targets + step]


def _enlarged(rng, boxes, targets):
    factor = 10 ** rng.uniform(-3, 3, (len(boxes), 1))
    return [factor * boxes, factor * targets]


def _stretched(rng, boxes, targets):
    import numpy as np

    factors = np.tile(10 ** rng.uniform(-3, 3, (len(boxes), 2)), 2)
    return [factors * boxes, factors * targets]


def _turned(rng, boxes, targets):
    return [boxes[:, [1, 0, 3, 2]], targets[:, [1, 0, 3, 2]]]


def _values_of(function):
    return lambda boxes, targets: function(boxes, targets, reduction="none")


def _boxes_of_pixels(rng):
    """Boxes whose corners are whole numbers from 0 to 7."""
    import numpy as np

    low = rng.integers(0, 6, (2, 200, 2))
    boxes = np.concatenate([low, low + rng.integers(1, 3, low.shape)], axis=-1)
    return list(boxes.astype(float))


def _jaccard_of_pixels(boxes, targets):
    import numpy as np

    from .segmentation import jaccard

    y, x = np.indices((8, 8)) + 0.5

    def mask(box):
        return ((box[0] < x) & (x < box[2]) & (box[1] < y) & (y < box[3])).astype(float)

    return jaccard(*(np.array([mask(box) for box in side]) for side in (boxes, targets)), reduction="none")


def _of_one_shape(rng):
    import numpy as np

    low, sides = rng.standard_normal((2, 200, 2)), rng.gamma(2.0, 1.0, (200, 2))
    return [np.concatenate([corner, corner + factor * sides], axis=-1) for corner, factor in zip(low, (1.0, 1.5))]
