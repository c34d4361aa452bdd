"""What only losses of boxes have: boxes without area, edges that meet, the constant of CIoU, and the formulas of torchvision."""

import functools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from lossbook import CARDS, check

NAMES = ["iou_loss", "giou_loss", "diou_loss", "ciou_loss"]
UNIT = [0.0, 0.0, 1.0, 1.0]
each_loss = pytest.mark.parametrize("name", NAMES)


def value(name, box, target):
    return float(CARDS[name].function(np.array(box, dtype=float), np.array(target, dtype=float)))


def slopes(name, box, target):
    """By hand; autograd gives the same."""
    box, target = torch.tensor(box, dtype=torch.float64, requires_grad=True), torch.tensor(target, dtype=torch.float64)
    (by_torch,) = torch.autograd.grad(CARDS[name].function(box, target), box)
    by_hand = CARDS[name].gradient(box.detach(), target)
    assert torch.isfinite(by_hand).all()
    torch.testing.assert_close(by_torch, by_hand, rtol=1e-11, atol=1e-13)
    return by_hand.tolist()


# as torchvision 0.20 computes them, but without its constant 1e-7: written out here, because it is not installed
def from_torchvision(box, target):
    x1, y1, x2, y2 = box.unbind(-1)
    x1g, y1g, x2g, y2g = target.unbind(-1)
    wide, high = torch.min(x2, x2g) - torch.max(x1, x1g), torch.min(y2, y2g) - torch.max(y1, y1g)
    both = torch.where((wide > 0) & (high > 0), wide * high, torch.zeros_like(wide))
    union = (x2 - x1) * (y2 - y1) + (x2g - x1g) * (y2g - y1g) - both
    iou = both / union
    cw, ch = torch.max(x2, x2g) - torch.min(x1, x1g), torch.max(y2, y2g) - torch.min(y1, y1g)
    giou = 1 - iou + (cw * ch - union) / (cw * ch)
    diou = 1 - iou + (((x1 + x2 - x1g - x2g) / 2) ** 2 + ((y1 + y2 - y1g - y2g) / 2) ** 2) / (cw**2 + ch**2)
    v = 4 / math.pi**2 * (torch.atan((x2g - x1g) / (y2g - y1g)) - torch.atan((x2 - x1) / (y2 - y1))) ** 2
    with torch.no_grad():
        alpha = v / (1 - iou + v)
    return {"iou_loss": 1 - iou, "giou_loss": giou, "diou_loss": diou, "ciou_loss": diou + alpha * v}, alpha, v, iou


def random_boxes():
    from lossbook._points import ordinary

    return [torch.as_tensor(a) for a in ordinary(CARDS["iou_loss"], n=300, seed=70)]


@each_loss
def test_the_reference(name):
    boxes, targets = random_boxes()
    theirs = from_torchvision(boxes, targets)[0][name]
    torch.testing.assert_close(CARDS[name].function(boxes, targets, reduction="none"), theirs, rtol=1e-12, atol=1e-14)


def test_the_constant_that_torchvision_holds():
    """Its gradient of CIoU misses α (1 - α) ∂v and - α² ∂(1 - IoU): ours is that of the value, also without them."""
    boxes, targets = random_boxes()
    boxes.requires_grad_()
    losses, alpha, v, iou = from_torchvision(boxes, targets)
    held, dv, miss = (torch.autograd.grad(x.sum(), boxes, retain_graph=True)[0] for x in (losses["ciou_loss"], v, 1 - iou))
    alpha = alpha[:, None]
    ours = CARDS["ciou_loss"].gradient(boxes.detach(), targets)
    torch.testing.assert_close(ours, held + alpha * (1 - alpha) * dv - alpha**2 * miss, rtol=1e-9, atol=1e-11)
    assert (ours - held).abs().max() > 0.01


POINT, LINE, CROSSING = [0.5, 0.5, 0.5, 0.5], [0.5, 0, 0.5, 1], [0, 0.5, 1, 0.5]
FLAT = [  # box, target, IoU, GIoU, DIoU and CIoU losses
    (POINT, POINT, (0, 0, 0, 0)),
    (LINE, LINE, (0, 0, 0, 0)),
    (POINT, UNIT, (1, 1, 1, 1)),  # a point has no shape, and the box around both is the target
    (UNIT, POINT, (1, 1, 1, 1)),
    (LINE, CROSSING, (1, 2, 1, 1.5)),  # v = 1, α = 1/2
    ([0, 0, 0, 0], [1, 1, 1, 1], (1, 2, 2, 2)),
    ([0, 0, 0, 0], [1, 0, 1, 0], (1, 1, 2, 2)),  # the box around both has no area either
    (LINE, UNIT, (1, 1, 1, 1 + 0.25**2 / 1.25)),
]


@pytest.mark.parametrize("box, target, want", FLAT)
def test_boxes_without_area(box, target, want):
    for name, expected in zip(NAMES, want):
        assert value(name, box, target) == pytest.approx(expected, rel=1e-14, abs=0), name
        slopes(name, box, target)


def test_a_line_inside_the_target_is_pulled_open():
    assert slopes("iou_loss", LINE, UNIT) == [1, 0, -1, 0]
    assert slopes("iou_loss", POINT, UNIT) == [0, 0, 0, 0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_where_edges_meet_the_slope_is_the_mean_of_both_sides(name, shift):
    """In x1 and x2; the boxes share an edge there, but are not equal."""
    box, target, step = [0.0, 0.0, 1.0 + shift, 1.5], [0.0, 0.5, 1.0 + shift, 2.5], 1e-7
    for entry in (0, 2):
        sides = []
        for sign in (1, -1):
            moved = list(box)
            moved[entry] += sign * step
            sides.append(sign * (value(name, moved, target) - value(name, box, target)) / step)
        assert slopes(name, box, target)[entry] == pytest.approx(sum(sides) / 2, abs=1e-5)


@each_loss
def test_nearly_equal_boxes_keep_their_digits(name):
    """1 - IoU as a difference from 1 would have four digits left."""
    box = [0.0, 0.0, 1.0, 1.0 + 2.0**-40]
    assert value(name, box, UNIT) == pytest.approx(2.0**-40, rel=1e-11)


@each_loss
@pytest.mark.parametrize("size", [1e-30, 1e-18, 1e18, 1e30])
def test_any_unit_in_float32(name, size):
    """The areas 1e-60 and 1e60 are no numbers of float32."""
    boxes, targets = (a.float() for a in random_boxes())
    boxes, targets = boxes[:50].requires_grad_(), targets[:50]
    far = CARDS[name].function((boxes * size), targets * size, reduction="none")
    torch.testing.assert_close(far, CARDS[name].function(boxes, targets, reduction="none"), rtol=1e-4, atol=1e-5)
    (slope,) = torch.autograd.grad(far.sum(), boxes)
    (near,) = torch.autograd.grad(CARDS[name].function(boxes, targets, reduction="sum"), boxes)
    torch.testing.assert_close(slope, near, rtol=1e-3, atol=1e-3)


@each_loss
@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("box", [UNIT, [5.0, 0.5, 6.0, 1.0]])
def test_one_nan_is_enough(name, place, box):
    broken = list(box)
    broken[place] = np.nan
    assert np.isnan(value(name, broken, UNIT))
    assert np.isnan(value(name, UNIT, broken))


@each_loss
def test_what_is_no_box(name):
    for wrong in ([1, 0, 0, 1], [0, 1, 1, 0]):
        with pytest.raises(ValueError, match="targets must have x1 <= x2"):
            value(name, UNIT, wrong)
        with pytest.raises(ValueError, match="boxes must have x1 <= x2"):
            value(name, wrong, UNIT)
    with pytest.raises(ValueError, match="four numbers"):
        CARDS[name].function(np.zeros((2, 3)), np.zeros((2, 3)))


def raised(name, by=0.0, power=1.0):
    """A card whose function is off, and whose gradient is nowhere 0."""
    sound = CARDS[name]

    def function(*arrays, reduction="mean", **params):
        return sound.function(*arrays, reduction=reduction, **params) ** power + by

    function.__dict__.update(sound.function.__dict__)
    return replace(sound, function=function)


FAILURES = [
    ("zero_where_same", lambda: check.zero_where_same(raised("iou_loss", by=1e-9))),
    ("flat_when_apart", lambda: check.flat_when_apart("giou_loss")),
    ("flat_when_apart at a box", lambda: check.flat_when_apart("iou_loss", at=(UNIT, [0.5, 0, 2, 1]))),
    ("flat_inside", lambda: check.flat_inside("diou_loss")),
    ("never_above", lambda: check.never_above("giou_loss", bound=1.9)),
    ("never_above at a point", lambda: check.never_above("giou_loss", bound=1, at=(UNIT, [3, 0, 4, 1]))),
    ("isotropic_bounds", lambda: check.isotropic_bounds(raised("total_variation", by=1.0))),
    ("triangle_inequality with centres", lambda: check.triangle_inequality("diou_loss")),
    ("triangle_inequality with shapes", lambda: check.triangle_inequality("ciou_loss")),
    ("triangle_inequality of boxes", lambda: check.triangle_inequality(raised("iou_loss", power=3))),
]


GUARDS = {
    name: [
        functools.partial(test_where_edges_meet_the_slope_is_the_mean_of_both_sides, name, 0.0),
        functools.partial(test_any_unit_in_float32, name, 1e-30),
        functools.partial(test_any_unit_in_float32, name, 1e30),
    ]
    for name in NAMES
}
