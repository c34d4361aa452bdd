"""What only losses of masks have: empty masks, classes, pools of images, Lovász extensions, and errors for their checks."""

import functools
import itertools
import sys
from dataclasses import replace

import numpy as np
import pytest
import test_rules as rules
import torch

from lossbook import CARDS, check
from lossbook._loss import ALL_BUT_FIRST, gradient_of, loss

LIBRARIES = {"numpy": np.asarray, "torch": torch.as_tensor}
OVERLAP = ["dice", "tversky", "focal_tversky", "jaccard"]
LOVASZ = ["lovasz_hinge", "lovasz_softmax"]
each_library = pytest.mark.parametrize("library", LIBRARIES)
each_overlap = pytest.mark.parametrize("name", OVERLAP)
each_lovasz = pytest.mark.parametrize("name", LOVASZ)


def call(name, *arrays, **options):
    return CARDS[name].function(*arrays, **options)


def autograd(name, first, *rest, **options):
    first = torch.as_tensor(first, dtype=torch.float64).requires_grad_()
    total = call(name, first, *map(torch.as_tensor, rest), reduction="sum", **options)
    return torch.autograd.grad(total, first)[0].numpy()


def assert_gradients_agree(name, *arrays, **options):
    """Autograd, the hand gradient, and both finite."""
    by_hand, by_torch = CARDS[name].gradient(*arrays, **options), autograd(name, *arrays, **options)
    assert by_hand.shape == arrays[0].shape
    assert np.isfinite(by_hand).all()
    np.testing.assert_allclose(by_torch, by_hand, rtol=1e-12, atol=1e-14)
    return by_hand


# --- empty masks, perfect masks -----------------------------------------------------------------------------------------


@each_library
@each_overlap
def test_both_empty_cost_nothing_and_one_empty_costs_one(name, library):
    nothing, shade, full = np.zeros((1, 2, 3)), np.full((1, 2, 3), 0.1), np.ones((1, 2, 3))
    for p, y, want in ((nothing, nothing, 0), (shade, nothing, 1), (full, nothing, 1), (nothing, full, 1), (full, full, 0)):
        value = call(name, *map(LIBRARIES[library], (p, y)), reduction="none")
        assert value.tolist() == [want]
        slope = assert_gradients_agree(name, p, y)
        if not y.any():
            assert np.all(slope == 0)
    assert call(name, nothing, full, smooth=2.0) == pytest.approx(
        {"dice": 6 / 8, "tversky": 3 / 5, "focal_tversky": 0.6**0.75, "jaccard": 6 / 8}[name]
    )
    assert call(name, nothing, nothing, smooth=2.0) == 0


def test_squared_dice_of_empty_masks():
    nothing, full = np.zeros((1, 4)), np.ones((1, 4))
    for p, y, want in ((nothing, nothing, 0), (full, nothing, 1), (nothing, full, 1), (full, full, 0)):
        assert call("dice", p, y, squared=True) == want
        assert_gradients_agree("dice", p, y, squared=True)


@pytest.mark.parametrize("gamma, share", [(0.75, 0.0), (1.0, 1.0), (2.0, 0.0)])
def test_focal_slope_where_the_masks_agree(gamma, share):
    """Infinite for gamma < 1 and declared 0; that of the Tversky loss for gamma = 1; 0 for gamma > 1."""
    mask = np.array([[1.0, 0.0, 1.0]])
    want = share * CARDS["tversky"].gradient(mask, mask)
    np.testing.assert_array_equal(assert_gradients_agree("focal_tversky", mask, mask, gamma=gamma), want)
    assert call("focal_tversky", mask, mask, gamma=gamma) == 0
    assert np.all(CARDS["tversky"].gradient(mask, mask) != 0)


def test_masks_that_nearly_agree_keep_their_digits():
    """1 - 2 · 1 / (2 + 1e-14) would be 0 or a multiple of 1e-16."""
    p, y = np.array([[1.0, 1e-14]]), np.array([[1.0, 0.0]])
    assert call("dice", p, y) == pytest.approx(5e-15, rel=1e-12)
    assert call("jaccard", p, y) == pytest.approx(1e-14, rel=1e-12)
    assert call("dice", p, y, squared=True) == pytest.approx(5e-29, rel=1e-12)


def test_large_masks_in_half_precision():
    """512² pixels: their sum is beyond 65504, the largest number of float16."""
    ones = torch.ones((1, 512, 512), dtype=torch.float16)
    half = ones.clone()
    half[:, ::2] = 0
    for name, want in (("dice", 1 / 3), ("jaccard", 0.5)):
        value = call(name, half, ones)
        assert value.dtype == torch.float16
        assert value.item() == pytest.approx(want, rel=1e-3)


@pytest.mark.parametrize("name, wrong, right", [("tversky", 0.3, 0.7), ("focal_tversky", 0.3, 0.7)])
def test_false_alarms_and_misses_weigh_differently(name, wrong, right):
    """The settings of the Card take both equal: here they differ."""
    setting = {"alpha": wrong, "beta": right, "smooth": 0.25} | ({"gamma": 0.5} if name == "focal_tversky" else {})
    for result in (check.value(name, params=setting), check.gradient(name, params=setting), check.autograd(name, params=setting)):
        assert result, result.message


# --- shapes and classes -------------------------------------------------------------------------------------------------


@each_overlap
def test_everything_after_the_first_axis_is_one_mask(name):
    rng = np.random.default_rng(0)
    p, y = rng.random((2, 60)), rng.random((2, 60))
    flat = call(name, p, y, reduction="none")
    assert flat.shape == (2,)
    for shape in ((2, 1, 60), (2, 5, 12), (2, 3, 4, 5)):
        np.testing.assert_array_equal(call(name, p.reshape(shape), y.reshape(shape), reduction="none"), flat)
        assert CARDS[name].gradient(p.reshape(shape), y.reshape(shape)).shape == shape
    np.testing.assert_array_equal(
        call(name, p[:, 0], y[:, 0], reduction="none"), call(name, p[:, :1], y[:, :1], reduction="none")
    )


@each_library
@each_overlap
def test_classes_are_averaged(name, library):
    """Class by class in a loop; one class is in neither mask, one in one of them."""
    rng = np.random.default_rng(1)
    p, y = rng.random((3, 4, 2, 5)), rng.integers(0, 2, (3, 4, 2, 5)).astype(float)
    y[1, 2], p[1, 2], y[2, 0] = 0, 0, 0
    got = call(name, *map(LIBRARIES[library], (p, y)), class_axis=1, reduction="none")
    want = np.mean([call(name, p[:, k], y[:, k], reduction="none") for k in range(4)], axis=0)
    np.testing.assert_allclose(got, want, rtol=1e-14)
    slope = assert_gradients_agree(name, p, y, class_axis=1)
    for k in range(4):
        np.testing.assert_allclose(4 * slope[:, k], CARDS[name].gradient(p[:, k], y[:, k]), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", [*OVERLAP, "generalized_dice"])
def test_the_class_axis_is_none_or_one(name):
    p = np.full((2, 3, 4), 0.5)
    for wrong in (0, 2, -1, "1"):
        with pytest.raises(ValueError, match="class_axis"):
            call(name, p, p, class_axis=wrong)
    with pytest.raises(ValueError, match=r"\(N, K, ...\)"):
        call(name, p[:, 0, 0], p[:, 0, 0], class_axis=1)


@each_library
@pytest.mark.parametrize("name", [*OVERLAP, "generalized_dice"])
def test_masks_lie_between_0_and_1(name, library):
    sound = np.full((2, 3, 4), 0.5)
    for place, argument in enumerate(("probabilities", "target")):
        for wrong in (-0.1, 1.1, np.inf):
            arrays = [sound.copy(), sound.copy()]
            arrays[place][1, 2, 3] = wrong
            with pytest.raises(ValueError, match=rf"{argument} must lie in \[0, 1\]"):
                call(name, *map(LIBRARIES[library], arrays))


@pytest.mark.parametrize("name", [*OVERLAP, "generalized_dice", "lovasz_hinge"])
def test_a_mask_has_pixels_and_a_batch_has_an_axis(name):
    with pytest.raises(ValueError, match="at least one entry"):
        call(name, np.zeros((2, 0)), np.zeros((2, 0)))
    with pytest.raises(ValueError, match="first axis"):
        call(name, np.array(0.5), np.array(1.0))


@pytest.mark.parametrize("name", [*OVERLAP, "generalized_dice"])
def test_pixels_that_are_0_in_both_are_ignored(name):
    rng = np.random.default_rng(2)
    p, y = rng.random((2, 3, 8)), rng.integers(0, 2, (2, 3, 8)).astype(float)
    keep = np.array([1.0, 1, 0, 1, 0, 0, 1, 1])
    options = {"class_axis": 1}
    np.testing.assert_allclose(
        call(name, p * keep, y * keep, **options), call(name, p[..., keep == 1], y[..., keep == 1], **options)
    )


# --- generalised Dice ---------------------------------------------------------------------------------------------------


def test_generalised_dice_by_its_definition():
    p = np.array([[[0.5, 0.5, 1.0, 0.0], [0.5, 0.5, 0.0, 0.25], [0.0, 0.0, 0.0, 0.75]]])
    y = np.array([[[1, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]]])
    w = [1 / 9, 1.0, 1.0]  # of three pixels, of one, and of none: that has the largest of the other weights
    both = w[0] * 2.0 + w[1] * 0.25
    sizes = w[0] * (2.0 + 3) + w[1] * (1.25 + 1) + w[2] * 0.75
    assert call("generalized_dice", p, y) == pytest.approx(1 - 2 * both / sizes, rel=1e-14)
    assert_gradients_agree("generalized_dice", p, y.astype(float))


def test_generalised_dice_of_empty_masks():
    nothing, shade = np.zeros((1, 2, 3)), np.full((1, 2, 3), 0.1)
    for p, y, want in ((nothing, nothing, 0), (shade, nothing, 1), (nothing, np.ones((1, 2, 3)), 1)):
        assert call("generalized_dice", p, y) == want
        assert_gradients_agree("generalized_dice", p, y)


def test_generalised_dice_of_one_class_is_dice():
    rng = np.random.default_rng(3)
    p, y = rng.random((5, 7)), rng.random((5, 7))
    want = call("dice", p, y, reduction="none")
    np.testing.assert_allclose(call("generalized_dice", p, y, class_axis=None, reduction="none"), want, rtol=1e-14)
    np.testing.assert_allclose(call("generalized_dice", p[:, None], y[:, None], reduction="none"), want, rtol=1e-14)
    slope = CARDS["generalized_dice"].gradient(p, y, class_axis=None)
    np.testing.assert_allclose(slope, CARDS["dice"].gradient(p, y), rtol=1e-12)


def test_generalised_dice_of_monai():
    """Its weights are float32, so 1e-6 is all that can be asked; a class without a pixel has the largest of the other weights."""
    losses = pytest.importorskip("monai.losses")
    rng = np.random.default_rng(4)
    p = torch.tensor(rng.random((6, 3, 4, 5)))
    y = torch.nn.functional.one_hot(torch.tensor(rng.integers(0, 3, (6, 4, 5))), 3).movedim(-1, 1).double()
    y[0, 1] = 0
    theirs = losses.GeneralizedDiceLoss(smooth_nr=0, smooth_dr=0, reduction="none")(p, y).reshape(-1)
    torch.testing.assert_close(call("generalized_dice", p, y, reduction="none"), theirs, rtol=1e-6, atol=0)


# --- Lovász extensions --------------------------------------------------------------------------------------------------


def choquet(errors, mask):
    """The definition without orders: the integral over t of the Jaccard loss when all errors ≥ t are mistakes."""
    levels = np.unique(np.append(errors, 0.0))
    total = 0.0
    for low, high in itertools.pairwise(levels):
        wrong = errors >= high
        total += (high - low) * wrong.sum() / (wrong | mask).sum()
    return total


def hinge_by_definition(z, y):
    return choquet(np.maximum(1 - (2 * y - 1) * z, 0).ravel(), y.ravel() == 1)


def softmax_by_definition(p, labels, classes="present"):
    """p (..., K), labels (...)."""
    counted = [k for k in range(p.shape[-1]) if classes == "all" or np.any(labels == k)]
    return np.mean([choquet(np.abs((labels == k) - p[..., k]).ravel(), (labels == k).ravel()) for k in counted])


def images(name, n=5, seed=5):
    """Predictions and targets of n images of 4 by 6 pixels, with equal errors among them; no pixel of the last class."""
    rng = np.random.default_rng(seed)
    if name == "lovasz_hinge":
        return rng.integers(-6, 6, (n, 4, 6)) / 2, rng.integers(0, 2, (n, 4, 6))
    p = rng.dirichlet(np.ones(4), (n, 4, 6))
    p[0, 0] = 0.25
    return p, rng.integers(0, 3, (n, 4, 6))


DEFINITION = {"lovasz_hinge": hinge_by_definition, "lovasz_softmax": softmax_by_definition}


@each_library
@each_lovasz
def test_lovasz_by_its_definition(name, library):
    arrays = images(name)
    want = [DEFINITION[name](*image) for image in zip(*arrays)]
    got = call(name, *map(LIBRARIES[library], arrays), reduction="none")
    np.testing.assert_allclose(got, want, rtol=1e-13)
    assert call(name, *map(LIBRARIES[library], arrays)) == pytest.approx(np.mean(want), rel=1e-13)
    assert_gradients_agree(name, *arrays)


@each_library
@each_lovasz
def test_a_pool_of_images(name, library):
    """One value for all pixels: it is the mean of what "none" returns, which splits it among the images."""
    arrays = images(name)
    want = DEFINITION[name](*(a.reshape(-1, *a.shape[3:]) for a in arrays))
    tensors = [LIBRARIES[library](a) for a in arrays]
    assert call(name, *tensors, per_image=False) == pytest.approx(want, rel=1e-13)
    shares = np.asarray(call(name, *tensors, per_image=False, reduction="none"))
    assert shares.shape == (5,)
    np.testing.assert_allclose(shares.mean(), want, rtol=1e-13)
    assert abs(np.mean(np.asarray(call(name, *tensors, reduction="none"))) - want) > 1e-3
    assert_gradients_agree(name, *arrays, per_image=False)
    one = [LIBRARIES[library](a[:1]) for a in arrays]
    assert call(name, *one, per_image=False) == pytest.approx(call(name, *one).item(), rel=1e-14)


@each_lovasz
def test_weight_0_takes_an_image_out_of_the_pool(name):
    arrays = [torch.as_tensor(a) for a in images(name)]
    weight = torch.tensor([1.0, 0, 1, 1, 0], dtype=torch.float64)
    dirty = [a.clone() for a in arrays]
    dirty[0][1], dirty[1][4] = np.nan, 99
    want = call(name, *(a[weight == 1] for a in arrays), per_image=False)
    dirty[0].requires_grad_()
    got = call(name, *dirty, weight=weight, per_image=False)
    assert got.item() == pytest.approx(want.item(), rel=1e-14)
    (slope,) = torch.autograd.grad(got, dirty[0])
    assert torch.isfinite(slope).all()
    assert torch.all(slope[weight == 0] == 0)
    assert torch.any(slope[0] != 0)


def test_an_empty_target_leaves_the_largest_error_alone():
    z, y = np.array([[0.5, -3.0, 0.5, 0.0]]), np.zeros((1, 4))
    assert call("lovasz_hinge", z, y) == 1.5
    np.testing.assert_array_equal(assert_gradients_agree("lovasz_hinge", z, y), [[1, 0, 0, 0]])  # of equal errors the first
    assert call("lovasz_hinge", np.full((1, 4), -1.0), y) == 0
    assert np.all(CARDS["lovasz_hinge"].gradient(np.full((1, 4), -1.0), y) == 0)


@pytest.mark.parametrize("classes", ["present", "all"])
def test_classes_that_no_pixel_has(classes):
    p, labels = images("lovasz_softmax")
    want = [softmax_by_definition(*image, classes) for image in zip(p, labels)]
    np.testing.assert_allclose(call("lovasz_softmax", p, labels, classes=classes, reduction="none"), want, rtol=1e-13)
    assert_gradients_agree("lovasz_softmax", p, labels, classes=classes)
    pooled = softmax_by_definition(p, labels, classes)
    assert call("lovasz_softmax", p, labels, classes=classes, per_image=False) == pytest.approx(pooled, rel=1e-13)


@each_library
def test_labels_are_indices_or_one_hot_rows(library):
    p, labels = images("lovasz_softmax")
    want = call("lovasz_softmax", p, labels)
    tensor = LIBRARIES[library](p)
    for same in (np.eye(4)[labels], labels.astype(np.uint8), labels.astype(np.int16)):
        assert call("lovasz_softmax", tensor, LIBRARIES[library](same)) == pytest.approx(want, rel=1e-14)
    assert call("lovasz_softmax", probabilities=tensor, labels=labels.tolist()) == pytest.approx(want, rel=1e-14)
    assert call("lovasz_softmax", tensor, labels=LIBRARIES[library](labels)) == pytest.approx(want, rel=1e-14)
    one_pixel = call("lovasz_softmax", tensor[:, 0, 0], LIBRARIES[library](labels[:, 0, 0]), reduction="none")
    np.testing.assert_allclose(one_pixel, 1 - p[range(5), 0, 0, labels[:, 0, 0]], rtol=1e-14)


@each_library
def test_classes_on_the_second_axis(library):
    p, labels = images("lovasz_softmax")
    moved, tensors = np.moveaxis(p, -1, 1), [LIBRARIES[library](a) for a in (p, labels)]
    for options in ({}, {"per_image": False}, {"classes": "all"}):
        want = call("lovasz_softmax", *tensors, reduction="none", **options)
        for same in (labels, np.moveaxis(np.eye(4)[labels], -1, 1)):
            arrays = LIBRARIES[library](moved), LIBRARIES[library](same)
            got = call("lovasz_softmax", *arrays, class_axis=1, reduction="none", **options)
            np.testing.assert_allclose(got, want, rtol=1e-14)
        slope = assert_gradients_agree("lovasz_softmax", moved, labels, class_axis=1, **options)
        np.testing.assert_allclose(np.moveaxis(slope, 1, -1), CARDS["lovasz_softmax"].gradient(p, labels, **options), rtol=1e-14)
    for wrong in (0, 2, None):
        with pytest.raises(ValueError, match="class_axis must be -1"):
            call("lovasz_softmax", *tensors, class_axis=wrong)
    with pytest.raises(ValueError, match="class_axis=1"):
        call("lovasz_softmax", *tensors, class_axis=1)


@each_library
def test_labels_that_are_refused(library):
    p, labels = (LIBRARIES[library](a) for a in images("lovasz_softmax"))
    for wrong, error, message in (
        (4, IndexError, r"0 .. 3, got 4 at position \(2, 1, 3\)"),
        (-100, IndexError, "got -100"),
    ):
        bad = LIBRARIES[library](images("lovasz_softmax")[1].copy())
        bad[2, 1, 3] = wrong
        with pytest.raises(error, match=message):
            call("lovasz_softmax", p, bad)
        weight = LIBRARIES[library](np.array([1.0, 1, 0, 1, 1]))
        assert np.isfinite(float(call("lovasz_softmax", p, bad, weight=weight)))
    with pytest.raises(ValueError, match="class_axis=-1"):
        call("lovasz_softmax", LIBRARIES[library](np.full((5, 4, 4, 6), 0.25)), labels)
    with pytest.raises(ValueError, match="0 or 1"):
        call("lovasz_softmax", p, p)
    with pytest.raises(ValueError, match="one-hot"):
        call("lovasz_softmax", p, LIBRARIES[library](np.zeros((5, 4, 6, 4))))
    with pytest.raises(TypeError, match="labels must be integer class indices"):
        call("lovasz_softmax", p, labels > 1)
    with pytest.raises(ValueError, match="classes must be 'present' or 'all'"):
        call("lovasz_softmax", p, labels, classes=[1])
    with pytest.raises(ValueError, match="at least 2 axes"):
        call("lovasz_softmax", p[:, 0, 0, 0], labels[:, 0, 0])
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        call("lovasz_softmax", 2 * p, labels)
    with pytest.raises(ValueError, match="weight must have one entry per example"):
        call("lovasz_softmax", p, labels, weight=LIBRARIES[library](np.ones((5, 1))))


@each_library
def test_short_integers(library):
    """Classes beyond what a uint8 or an int8 can hold."""
    p = LIBRARIES[library](np.random.default_rng(7).dirichlet(np.ones(300), (1, 5)))
    labels = np.array([[101, 27, 5, 0, 5]])
    for dtype in ("uint8", "int8", "int16"):
        assert call("lovasz_softmax", p, LIBRARIES[library](labels.astype(dtype))) == call(
            "lovasz_softmax", p, LIBRARIES[library](labels)
        )


@each_library
def test_the_target_of_the_hinge_is_a_set(library):
    z, y = LIBRARIES[library](np.zeros((2, 3))), np.zeros((2, 3))
    for wrong in (0.5, -1.0, np.inf):
        y[1, 2] = wrong
        with pytest.raises(ValueError, match=r"target must be 0 or 1, got .* at position \(1, 2\)"):
            call("lovasz_hinge", z, LIBRARIES[library](y))


@each_library
def test_infinite_logits(library):
    def hinge(z, y):
        return float(call("lovasz_hinge", *(LIBRARIES[library](np.array([a], dtype=float)) for a in (z, y))))

    assert hinge([np.inf, -np.inf, np.inf], [1, 0, 1]) == 0
    assert hinge([np.inf, np.inf, 0], [0, 0, 1]) == np.inf
    assert hinge([np.inf, np.inf, 0], [0, 0, 0]) == np.inf  # the weight of the second is 0
    assert hinge([-np.inf, 1], [1, 1]) == np.inf


@each_library
@each_lovasz
def test_nan_propagates_into_value_and_gradient(name, library):
    p, y = images(name)
    for place in (0, 1):
        arrays = [p.copy(), np.eye(4)[y] if name == "lovasz_softmax" else y.astype(float)]
        arrays[place][2].flat[7] = np.nan
        value = np.asarray(call(name, *map(LIBRARIES[library], arrays), reduction="none"))
        assert np.isnan(value[2])
        assert np.isfinite(np.delete(value, 2)).all()
        assert np.isnan(CARDS[name].gradient(*arrays)[2]).all()
    p, y = np.array([[-5.0, 3.0, np.nan]]), np.zeros((1, 3))  # where the weight of the pixel is 0
    if name == "lovasz_hinge":
        assert np.isnan(call(name, *map(LIBRARIES[library], (p, y))))


def test_pixels_are_counted_without_rounding():
    """A running sum of ones in float32 stops at 2²⁴, about 4000² pixels, in float16 at 2048: pixels are counted as integers."""
    ones = np.ones((1, 3000), dtype=np.float16)
    steps = sys.modules["lossbook.segmentation"]._steps(ones, ones)
    np.testing.assert_allclose(steps, 1 / 3000, rtol=1e-3)


# --- the Lovász losses are compared among the images of a pool, so the common rules are asked for here ------------------


@each_lovasz
def test_lovasz_against_the_oracle(name):
    for library, dtype, rtol in (*(("numpy", d, r) for d, r in (("float64", 1e-12), ("float32", 1e-5), ("float16", 1e-3))),):
        assert check.value(name, library=library, dtype=dtype, rtol=rtol)
    for dtype, rtol in (("float64", 1e-12), ("float32", 1e-5), ("float16", 1e-3), ("bfloat16", 8e-3)):
        assert check.value(name, library="torch", dtype=dtype, rtol=rtol)
    assert check.gradient(name)
    assert check.autograd(name)


BY_LIBRARY = [
    rules.test_reductions,
    rules.test_weights,
    rules.test_nothing,
    rules.test_nan_propagates,
    rules.test_any_number_of_axes_and_any_layout,
    rules.test_shapes_must_agree,
    rules.test_predictions_must_be_real,
    rules.test_targets_outside_the_domain,
]
BY_NAME = [
    rules.test_nan_propagates_into_the_gradient,
    rules.test_inputs_are_not_changed,
    rules.test_mixed_floats_promote,
    rules.test_bad_options,
    rules.test_libraries_do_not_mix,
]


@each_library
@each_lovasz
@pytest.mark.parametrize("rule", BY_LIBRARY, ids=lambda rule: rule.__name__)
def test_common_rules(rule, name, library):
    rule(name, library)


@each_lovasz
@pytest.mark.parametrize("rule", BY_NAME, ids=lambda rule: rule.__name__)
def test_common_rules_of_torch(rule, name):
    rule(name)


@each_lovasz
def test_dtypes_and_garbage(name):
    for dtype in ("float64", "float32", "float16", "bfloat16"):
        rules.test_dtype_is_kept(name, dtype)
    for garbage in (np.nan, np.inf, -np.inf):
        rules.test_weight_zero_removes_an_example_whatever_it_holds(name, garbage)


@each_lovasz
def test_lovasz_compiles(name):
    arrays = [torch.as_tensor(a) for a in images(name)]
    for options in ({}, {"per_image": False}):
        torch._dynamo.reset()
        function = functools.partial(CARDS[name].function, **options)
        compiled = torch.compile(function, fullgraph=True, backend="eager")
        torch.testing.assert_close(compiled(*arrays), function(*arrays), rtol=1e-14, atol=0)
    weight = torch.tensor([1.0, 0, 2, 1, 1], dtype=torch.float64)
    torch._dynamo.reset()
    pooled = {} if name == "lovasz_softmax" else {"per_image": False}  # then which images count decides the value of the others
    with pytest.raises(Exception, match="leave those rows out"):
        torch.compile(CARDS[name].function, fullgraph=True, backend="eager")(*arrays, weight=weight, **pooled)
    if not pooled:
        return
    torch._dynamo.reset()
    compiled = torch.compile(CARDS[name].function, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(*arrays, weight=weight), call(name, *arrays, weight=weight), rtol=1e-14, atol=0)


@each_lovasz
def test_lovasz_under_vmap(name):
    rules.test_vmap_and_grad(name)


@pytest.mark.parametrize("name", [*OVERLAP, "generalized_dice"])
def test_classes_compile(name):
    rng = np.random.default_rng(6)
    p, y = (torch.as_tensor(rng.random((2, 3, 4, 5))) for _ in range(2))
    torch._dynamo.reset()
    compiled = torch.compile(functools.partial(CARDS[name].function, class_axis=1), fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(p, y), call(name, p, y, class_axis=1), rtol=1e-14, atol=0)


# --- the checks can fail ------------------------------------------------------------------------------------------------


@loss(probabilities=ALL_BUT_FIRST, target=ALL_BUT_FIRST)
def mean_square(probabilities, target):
    """A loss of pixels, not of sets: its best prediction is the probability of each pixel."""
    return ((probabilities - target) ** 2).reshape((target.shape[0], -1)).mean(-1)


@gradient_of(mean_square)
def mean_square_gradient(probabilities, target):
    return 2 * (probabilities - target) / target[0].size


def of(name, function):
    """The card of that name with another function."""
    return replace(CARDS[name], function=function)


def spoiled(name, change):
    """The card with another value: `change(value, *arrays, **params)`."""
    sound = CARDS[name].function

    @functools.wraps(sound)
    def function(*arrays, reduction="mean", **params):
        return change(sound(*arrays, reduction=reduction, **params), *arrays, **params)

    return of(name, function)


def jaccard_of_sets(a, b):
    return 1 - len(a & b) / len(a | b) if a or b else 0


def indices_traded(name):
    sound = CARDS[name].function

    @functools.wraps(sound)
    def function(*arrays, alpha=0.5, beta=0.5, **params):
        return sound(*arrays, alpha=beta, beta=alpha, **params)

    return of(name, function)


SOFT, PLAIN = (0.5, 0.3, 0.8), {"smooth": 0.0, "squared": False}
FAILURES = [
    ("set_function", lambda: check.set_function("dice", of=jaccard_of_sets, name="Jaccard")),
    (
        "set_function, empty masks",
        lambda: check.set_function("jaccard", of=lambda a, b: jaccard_of_sets(a, b) if a or b else 1, name=""),
    ),
    ("metric_on_sets", lambda: check.metric_on_sets("dice")),
    ("metric_on_sets, not symmetric", lambda: check.metric_on_sets("tversky", params={"alpha": 0.9, "beta": 1.1})),
    ("metric_on_sets, 0 between others", lambda: check.metric_on_sets(spoiled("jaccard", lambda value, *_, **__: 0 * value))),
    ("submodular", lambda: check.submodular("dice", params=PLAIN)),
    ("fills", lambda: check.fills("jaccard", low=0, high=0.9)),
    ("fills, not reached", lambda: check.fills("jaccard", low=0, high=1.1)),
    ("fills, beyond", lambda: check.fills("jaccard", low=0.1, high=1)),
    ("best_at_masks", lambda: check.best_at_masks("dice", where={CARDS["dice"].symbols["squared"]: 1})),
    ("least_at", lambda: check.least_at("dice", target=SOFT, best=SOFT, params=PLAIN)),
    ("least_at, squared", lambda: check.least_at("dice", target=SOFT, best=(1, 0, 1), params=PLAIN | {"squared": True})),
    ("least_at, nearly", lambda: check.least_at("dice", target=SOFT, best=(1, 0.01, 1), params=PLAIN)),
    ("fills_the_mask", lambda: check.fills_the_mask(of("jaccard", mean_square), params={})),
    ("marks_more_with_beta", lambda: check.marks_more_with_beta(indices_traded("tversky"))),
    (
        "marks_more_with_beta, no change",
        lambda: check.marks_more_with_beta(spoiled("tversky", lambda value, *_, **__: 0 * value)),
    ),
    ("pools", lambda: check.pools("dice")),
    ("mean_of_classes", lambda: check.mean_of_classes("generalized_dice")),
    ("convex_among", lambda: check.convex_among("jaccard", name="the probabilities")),
]


def test_a_mean_of_pixels_pools():
    assert check.pools(of("jaccard", mean_square))


def test_squares_of_pixels_are_not_least_at_masks():
    card = replace(CARDS["jaccard"], function=mean_square, gradient=mean_square_gradient)
    assert check.least_at(card, target=SOFT, best=SOFT, params={})


def runs(*tests):
    """The tests with each library, where they take one."""
    for test in tests:
        marks = [mark.args[0] for mark in getattr(test, "pytestmark", [])]
        yield from [functools.partial(test, library=library) for library in LIBRARIES] if "library" in marks else [test]


GUARDS = {
    name: [
        *[functools.partial(test_both_empty_cost_nothing_and_one_empty_costs_one, name, library) for library in LIBRARIES],
        functools.partial(test_everything_after_the_first_axis_is_one_mask, name),
        functools.partial(test_classes_are_averaged, name, "numpy"),
        functools.partial(test_the_class_axis_is_none_or_one, name),
        functools.partial(test_masks_lie_between_0_and_1, name, "numpy"),
    ]
    for name in OVERLAP
}
GUARDS["dice"] += [
    test_squared_dice_of_empty_masks,
    test_masks_that_nearly_agree_keep_their_digits,
    test_large_masks_in_half_precision,
]
for weighted in ("tversky", "focal_tversky"):
    GUARDS[weighted].append(functools.partial(test_false_alarms_and_misses_weigh_differently, weighted, 0.3, 0.7))
GUARDS["focal_tversky"] += [
    functools.partial(test_focal_slope_where_the_masks_agree, *case) for case in ((0.75, 0.0), (1.0, 1.0), (2.0, 0.0))
]
GUARDS["generalized_dice"] = [
    test_generalised_dice_by_its_definition,
    test_generalised_dice_of_empty_masks,
    test_generalised_dice_of_one_class_is_dice,
    functools.partial(test_masks_lie_between_0_and_1, "generalized_dice", "numpy"),
]
for extension in LOVASZ:
    GUARDS[extension] = [
        functools.partial(test_lovasz_by_its_definition, extension, "torch"),
        functools.partial(test_a_pool_of_images, extension, "numpy"),
        functools.partial(test_weight_0_takes_an_image_out_of_the_pool, extension),
        *[functools.partial(test_nan_propagates_into_value_and_gradient, extension, library) for library in LIBRARIES],
        functools.partial(test_lovasz_against_the_oracle, extension),
        *[functools.partial(test_common_rules, rule, extension, "numpy") for rule in BY_LIBRARY],
        *[functools.partial(test_common_rules_of_torch, rule, extension) for rule in BY_NAME],
    ]
GUARDS["lovasz_hinge"] += [
    test_pixels_are_counted_without_rounding,
    *runs(test_the_target_of_the_hinge_is_a_set, test_infinite_logits, test_an_empty_target_leaves_the_largest_error_alone),
]
GUARDS["lovasz_softmax"] += [
    functools.partial(test_classes_that_no_pixel_has, "present"),
    functools.partial(test_classes_that_no_pixel_has, "all"),
    *runs(
        test_classes_on_the_second_axis,
        test_short_integers,
        test_labels_are_indices_or_one_hot_rows,
        test_labels_that_are_refused,
    ),
]
