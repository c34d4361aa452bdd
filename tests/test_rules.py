"""The common rules: shapes, dtypes, weights, reductions, bad input and the support matrix, for every loss on every backend."""

import functools
import inspect
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import lossbook
from lossbook import CARDS, _points
from lossbook._loss import ALL_BUT_FIRST, Labels

NAMES = [name for name in CARDS if CARDS[name].function.every_example]
LIBRARIES = {"numpy": np.asarray, "torch": torch.as_tensor}
LABELLED = [name for name in NAMES if any(isinstance(kind, Labels) for kind in CARDS[name].function.axes.values())]


def example(name, n=6, library="numpy", dtype="float64"):
    """n ordinary examples; labels as integers, as most people give them."""
    arrays = [a.astype(dtype) for a in _points.ordinary(CARDS[name], n=n)]
    kinds = CARDS[name].function.axes.values()
    return [LIBRARIES[library](a.argmax(-1) if isinstance(kind, Labels) else a) for a, kind in zip(arrays, kinds)]


def function_of(name):
    """The loss, with a value for each parameter that has no default."""
    return functools.partial(CARDS[name].function, **_points.required(CARDS[name]))


def call(name, *arrays, **options):
    return function_of(name)(*arrays, **options)


def whole(name):
    """Whether everything after the first axis is one example, so that a batch has one axis and an example alone is no batch."""
    return ALL_BUT_FIRST in CARDS[name].function.axes.values()


def predicted(name, arrays):
    """The arrays, those that are predictions ready for autograd."""
    return [a.requires_grad_() if i < CARDS[name].function.predictions else a for i, a in enumerate(arrays)]


each_loss = pytest.mark.parametrize("name", NAMES)
each_traceable = pytest.mark.parametrize("name", [name for name in NAMES if CARDS[name].function.traceable])
each_library = pytest.mark.parametrize("library", LIBRARIES)


def one_by_one(values):
    """One test for all values of its second argument: a thousand tests fewer, each of which costs pytest more than it does
    itself. A failure names the value; `test(name, value)` is for that one."""

    def decorate(test):
        @functools.wraps(test)
        def on_all(name, *chosen):
            for value in chosen or values:
                try:
                    test(name, value)
                except (Exception, pytest.fail.Exception) as error:
                    error.add_note(f"{test.__name__}({name!r}, {value!r})")
                    raise

        on_all.__signature__ = inspect.Signature([inspect.Parameter("name", inspect.Parameter.POSITIONAL_OR_KEYWORD)])
        return on_all

    return decorate


def default_reduction(name):
    """The mean, unless the docstring says that the loss is a sum."""
    default = inspect.signature(CARDS[name].function).parameters["reduction"].default
    assert default == "mean" or "sum" in CARDS[name].function.__doc__
    return default


@each_loss
@one_by_one(LIBRARIES)
def test_reductions(name, library):
    arrays = example(name, library=library)
    values = np.asarray(call(name, *arrays, reduction="none"))
    assert values.shape == (6,)
    np.testing.assert_allclose(call(name, *arrays, reduction="sum"), values.sum(), rtol=1e-13)
    np.testing.assert_allclose(call(name, *arrays, reduction="mean"), values.mean(), rtol=1e-13)
    np.testing.assert_allclose(call(name, *arrays, reduction="mean", denominator=24), values.sum() / 24, rtol=1e-13)
    assert call(name, *arrays) == call(name, *arrays, reduction=default_reduction(name))


@each_loss
@one_by_one(LIBRARIES)
def test_weights(name, library):
    arrays = example(name, library=library)
    values = np.asarray(call(name, *arrays, reduction="none"))
    w = np.array([0.5, 2.0, 0.0, 1.0, 3.0, 0.0])
    weight = LIBRARIES[library](w)
    np.testing.assert_allclose(call(name, *arrays, weight=weight, reduction="none"), values * w, rtol=1e-13)
    mean = functools.partial(call, name, *arrays, weight=weight, reduction="mean")
    np.testing.assert_allclose(mean(), (values * w).sum() / w.sum(), rtol=1e-13)
    np.testing.assert_allclose(mean(denominator=10.0), (values * w).sum() / 10, rtol=1e-13)


@each_loss
@one_by_one([np.nan, np.inf, -np.inf])
def test_weight_zero_removes_an_example_whatever_it_holds(name, garbage):
    clean = example(name, library="torch")
    dirty = [a.clone() for a in clean]
    for a in dirty:
        a[2] = garbage if a.is_floating_point() else -7
    weight = torch.tensor([1.0, 1, 0, 1, 1, 2], dtype=torch.float64)
    a, b = (call(name, *predicted(name, arrays), weight=weight) for arrays in (clean, dirty))
    assert torch.equal(a, b)
    for p, q in zip(clean[: CARDS[name].function.predictions], dirty):
        (ga,), (gb,) = torch.autograd.grad(a, p, retain_graph=True), torch.autograd.grad(b, q, retain_graph=True)
        assert torch.equal(ga, gb)
        assert torch.all(gb[2] == 0)


@each_loss
@one_by_one(LIBRARIES)
def test_nothing(name, library):
    arrays = [a[:0] for a in example(name, library=library)]
    assert call(name, *arrays, reduction="none").shape == (0,)
    assert float(call(name, *arrays, reduction="sum")) == 0
    assert np.isnan(float(call(name, *arrays, reduction="mean")))
    zeros = LIBRARIES[library](np.zeros(6))
    everything_dropped = call(name, *example(name, library=library), weight=zeros, reduction="mean")
    assert np.isnan(float(everything_dropped))


@each_loss
@one_by_one(LIBRARIES)
def test_nan_propagates(name, library):
    for argument in range(len(CARDS[name].function.axes)):
        arrays = [np.array(a) for a in example(name)]
        if arrays[argument].dtype.kind == "i":
            continue
        arrays[argument][1] = np.nan
        values = np.asarray(call(name, *map(LIBRARIES[library], arrays), reduction="none"))
        assert np.isnan(values[1])
        assert np.isfinite(np.delete(values, 1)).all()


@each_loss
def test_nan_propagates_into_the_gradient(name):
    first, *rest = _points.ordinary(CARDS[name], n=4)
    first[1] = np.nan
    assert np.isnan(np.asarray(CARDS[name].gradients(first, *rest, **_points.required(CARDS[name]))[0])[1]).all()


@each_loss
@one_by_one(LIBRARIES)
def test_any_number_of_axes_and_any_layout(name, library):
    arrays = example(name, n=12, library=library)
    flat = np.asarray(call(name, *arrays, reduction="none"))
    if not whole(name):
        cubes = [a.reshape((2, 3, 2, *a.shape[1:])) for a in arrays]
        np.testing.assert_array_equal(np.asarray(call(name, *cubes, reduction="none")).ravel(), flat)
        np.testing.assert_allclose(call(name, *cubes, reduction="mean"), flat.mean(), rtol=1e-13)
        single = [a[0] for a in arrays]
        assert np.shape(call(name, *single, reduction="none")) == ()
    # To the rounding, not to the bit: a library takes whole vectors and the elements left over with different exp and log1p.
    every_other = call(name, *[a[::2] for a in arrays], reduction="none")
    np.testing.assert_allclose(every_other, flat[::2], rtol=1e-13, atol=1e-15)


@each_loss
def test_inputs_are_not_changed(name):
    arrays = example(name, library="torch")
    before = [a.clone() for a in arrays]
    call(name, *arrays, weight=torch.tensor([0.0, 1, 1, 1, 1, 1]))
    assert all(torch.equal(a, b) for a, b in zip(arrays, before))


@each_loss
@one_by_one(["float64", "float32", "float16", "bfloat16"])
def test_dtype_is_kept(name, dtype):
    arrays = [a.to(getattr(torch, dtype)) if a.is_floating_point() else a for a in example(name, library="torch")]
    for reduction in ("none", "sum", "mean"):
        assert call(name, *arrays, reduction=reduction).dtype == getattr(torch, dtype)


@pytest.mark.parametrize("denominator", [3, 3.0, np.array(3.0), np.float32(3), torch.tensor(3), torch.tensor(3.0)])
@each_library
def test_a_denominator_of_any_kind(library, denominator):
    pred, target = LIBRARIES[library](np.array([1.0, 2.0])), LIBRARIES[library](np.zeros(2))
    if library == "torch":
        pred.requires_grad_()
    got = lossbook.squared_error(pred, target, denominator=denominator)
    assert type(got) is type(lossbook.squared_error(pred, target))
    assert got.item() == pytest.approx(5 / 3, rel=1e-15)


def test_half_precision_sums_in_float32():
    big = torch.full((20, 300, 1025), 3.0, dtype=torch.float16)
    assert float(lossbook.squared_error(big, torch.zeros_like(big))) == 9.0


@each_loss
def test_mixed_floats_promote(name):
    first, *rest = example(name, library="torch")
    if any(a.is_floating_point() for a in rest):
        assert call(name, first.float(), *rest).dtype == torch.float64


# --- bad input ----------------------------------------------------------------------------------------------------------


@each_loss
@one_by_one(LIBRARIES)
def test_shapes_must_agree(name, library):
    arrays = example(name, library=library)
    for i in range(1, len(arrays)):
        for wrong, message in ((arrays[i][:5], "shape"), (arrays[i][..., None], "nothing is broadcast")):
            with pytest.raises(ValueError, match=message):
                call(name, *arrays[:i], wrong, *arrays[i + 1 :])
    with pytest.raises(ValueError, match="weight"):
        call(name, *arrays, weight=LIBRARIES[library](np.ones((6, 1))))


@each_loss
@one_by_one(LIBRARIES)
def test_predictions_must_be_real(name, library):
    arrays = example(name, library=library)
    for i in range(CARDS[name].function.predictions):
        for dtype in (np.int64, bool, np.complex128):
            wrong = LIBRARIES[library](np.ones(tuple(arrays[i].shape), dtype))
            with pytest.raises(TypeError, match="floating point"):
                call(name, *arrays[:i], wrong, *arrays[i + 1 :])


@each_loss
def test_integer_targets_are_accepted(name):
    arrays = example(name)
    for i in range(CARDS[name].function.predictions, len(arrays)):
        whole = np.ones(arrays[i].shape, np.int64)
        if arrays[i].dtype == float:
            as_float = call(name, *arrays[:i], whole.astype(float), *arrays[i + 1 :])
            np.testing.assert_array_equal(call(name, *arrays[:i], whole, *arrays[i + 1 :]), as_float)


def test_lists_beside_tensors():
    """Python numbers belong to no library: a list of tensors is stacked, a list of numbers takes the device and dtype."""
    losses, weights = [torch.tensor(2.0, requires_grad=True), torch.tensor(3.0)], [1.0, 0.5]
    total = lossbook.weighted_sum(losses, weights)
    assert total.item() == 3.5
    assert torch.autograd.grad(total, losses[0])[0] == 1
    logits = torch.tensor([[0.0, 1.0], [2.0, 0.0]], dtype=torch.float64)
    assert lossbook.brier(logits, [0, 1]) == lossbook.brier(logits, torch.tensor([0, 1]))
    assert lossbook.huber(logits, [[0.0, 0.0], [0.0, 0.0]], weight=[[1, 0], [1, 1]]).dtype == torch.float64


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "brier", "listnet"])
def test_nan_is_not_hidden_where_there_is_one_class(name):
    target = np.zeros((1, 1)) if name == "listnet" else np.array([0])
    assert np.isnan(call(name, np.array([[np.nan]]), target))


@each_loss
def test_libraries_do_not_mix(name):
    first, *rest = example(name)
    options = {} if rest else {"weight": np.ones(6)}  # a single array cannot differ from itself
    with pytest.raises(TypeError, match="one library"):
        call(name, torch.as_tensor(first), *rest, **options)


@each_library
def test_parameters_do_not_broadcast_either(library):
    pred, target = LIBRARIES[library](np.ones(2)), LIBRARIES[library](np.zeros(2))
    levels = LIBRARIES[library](np.array([0.1, 0.9]))
    np.testing.assert_allclose(lossbook.pinball(pred, target, tau=levels, reduction="none"), [0.9, 0.1])
    with pytest.raises(ValueError, match=r"shape \(2,\), got \(2, 2\)"):
        lossbook.pinball(pred, target, tau=levels[:, None])


def test_masked_arrays_are_refused():
    pred = np.ma.array([1.0, 5.0], mask=[False, True])
    with pytest.raises(TypeError, match="weight 0"):
        lossbook.huber(pred, np.zeros(2))
    with pytest.raises(TypeError, match="weight 0"):
        lossbook.huber(np.zeros(2), np.zeros(2), weight=pred)


@each_loss
def test_bad_options(name):
    arrays = example(name)
    with pytest.raises(ValueError, match="reduction"):
        call(name, *arrays, reduction="average")
    with pytest.raises(ValueError, match="denominator"):
        call(name, *arrays, reduction="sum", denominator=3)
    with pytest.raises(ValueError, match="denominator"):
        call(name, *arrays, reduction="mean", denominator=-1)
    with pytest.raises(ValueError, match="weight must be >= 0"):
        call(name, *arrays, weight=np.array([1.0, 1, 1, -1, 1, 1]))
    with pytest.raises(ValueError, match="weight must be >= 0"):
        call(name, *arrays, weight=np.array([1.0, 1, 1, np.nan, 1, 1]))
    with pytest.raises(TypeError):
        call(name, *arrays, size_average=True)
    with pytest.raises(TypeError, match="missing"):
        call(name, *arrays[:-1])
    with pytest.raises(TypeError, match="by keyword"):
        call(name, *arrays, 0.5)


OUTSIDE = {
    "(0, inf)": [0.0, -1.0],
    "[0, inf)": [-0.1],
    "(0, 1)": [0.0, 1.0, 1.5],
    "[0, 1)": [-0.1, 1.0],
    "[0, 1]": [-0.1, 1.1],
    "(0, 1]": [0.0, 1.1],
    "[-1, inf)": [-1.1],
    "(-inf, 0)": [0.0, 1.0],
    "R": [],
    "[0, pi/2]": [-0.1, 1.6, 28.6],
}
ARRAYS = {  # for a parameter that is an array: one of the wrong shape, then wrong values
    "(-inf, 0] or [1, inf)": [0.5, 1e-9, float("inf"), float("nan")],
    "[1, inf)": [0.5, float("nan")],
    "powers of the distance": [0.5, float("nan")],
    "the sides of a window": [0, 2, -3, 1.5, 99, float("nan")],
    "strengths of the entropy": [0.0, -1.0, float("nan")],
    "errors of the marginals": [0.0, -1e-6, float("nan")],
    "directions of R^D": [[1.0, 0.0], [[1.0]], [[1.0, 0.0], [0.0, 0.0]], [[float("nan"), 1.0]]],
    "K - 1 rising numbers": [[], [[0.0], [1.0], [2.0]], [1.0, 0.0, 2.0], [0.0, 0.0, 1.0], [0.0, 1.0, float("nan")]],
    "prototypes of K classes": [
        [1.0, 2.0, 3.0, 4.0],
        np.ones((4, 2)).tolist(),
        np.eye(4, 3).tolist(),
        [[float("inf"), 1.0, 1.0]] * 4,
        (np.nan * np.ones((4, 3))).tolist(),
    ],
    "class frequencies": [[0.5, 0.5], [0.5, 0.5, 0.0, 0.0], [0.5, 0.6, -0.1, 0.1], [0.1, 0.2, 0.3, float("nan")]],
    "class counts": [[1.0, 2.0], [1.0, 2.0, 0.0, 3.0], [1.0, 2.0, -1.0, 3.0], [1.0, 2.0, float("nan"), 3.0]],
    "rows that sum to 1": [
        [1.0, 0.0, 0.0, 0.0],
        (np.eye(4) + 0.1).tolist(),
        (2 * np.eye(4) - 1 / 4).tolist(),
        (np.nan * np.eye(4)).tolist(),
    ],
}


FLAGS = ["{True, False}"]


@each_loss
def test_parameters_out_of_range(name):
    card = CARDS[name]
    for parameter in card.parameters:
        wrong = ARRAYS.get(card.domain[parameter]) or [*OUTSIDE.get(card.domain[parameter], []), float("nan")]
        for value in wrong if card.domain[parameter] not in FLAGS else []:
            if name == "sigmoid_cross_entropy" and value == 0.0:
                continue  # a weight of 0 is allowed there, though no probability can be read off then
            with pytest.raises(ValueError, match=parameter):
                call(name, *example(name), **{parameter: value})


def labels_of(name, arrays):
    """Among the arrays, the one that holds classes."""
    return next(a for a, kind in zip(arrays, CARDS[name].function.axes.values()) if isinstance(kind, Labels))


@each_library
@pytest.mark.parametrize("name", LABELLED)
def test_labels_out_of_range(name, library):
    arrays = example(name, library=library)
    ignored = inspect.signature(CARDS[name].function).parameters.get("ignore_index")
    for wrong in (4, -1, -100 if ignored is None or ignored.default is None else -101):
        labels_of(name, arrays)[3] = wrong
        with pytest.raises(IndexError, match=f"got {wrong} at position 3"):
            call(name, *arrays)


@each_library
@pytest.mark.parametrize("name", ["softmax_cross_entropy", "brier"])
def test_short_integers(name, library):
    """A uint8 holds neither 300 nor -100, and torch compares it with them as if they were uint8, too."""
    logits = LIBRARIES[library](np.random.default_rng(0).standard_normal((2, 300)))
    for dtype in ("uint8", "int8", "int16"):
        labels = LIBRARIES[library](np.array([101, 27], dtype=dtype))
        assert call(name, logits, labels) == call(name, logits, LIBRARIES[library](np.array([101, 27])))


@each_library
@pytest.mark.parametrize("name", LABELLED)
def test_probabilities_are_checked(name, library):
    arrays = example(name)
    place = next(i for i, a in enumerate(arrays) if a is labels_of(name, arrays))

    def with_labels(labels):
        return call(name, *[LIBRARIES[library](labels if i == place else a) for i, a in enumerate(arrays)])

    indices = np.array([0, 1, 2, 3, 0, 1])
    np.testing.assert_array_equal(with_labels(np.eye(4)[indices]), with_labels(indices))
    q = np.full((6, 4), 0.25)
    q[2, 0] = 0.5
    with pytest.raises(ValueError, match="sum to 1"):
        with_labels(q)
    q[2] = [1.5, -0.5, 0, 0]
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        with_labels(q)


BAD_TARGETS = {
    "[0, 1]": [-0.1, 1.1],
    "{0, 1}": [-1.0, 0.5],
    "R without 0": [0.0],
    "(-1, inf)": [-1.0, -2.0],
    "(0, inf)": [0.0, -1.0],
    "(0, inf), for power < 2 also 0": [-1.0],
    "[0, inf)": [-1.0],
    "{0, 1, 2, ...}": [-1.0],
}


@each_loss
@one_by_one(LIBRARIES)
def test_targets_outside_the_domain(name, library):
    function, domain = CARDS[name].function, CARDS[name].domain
    for i, argument in list(enumerate(function.axes))[function.predictions :]:
        for wrong in BAD_TARGETS.get(domain[argument], []):
            arrays = [np.array(a) for a in example(name)]
            arrays[i][3] = wrong
            with pytest.raises(ValueError, match=rf"{argument} must .* at position 3"):
                call(name, *map(LIBRARIES[library], arrays))


def test_a_zero_vector_has_no_direction():
    with pytest.raises(ValueError, match="direction"):
        lossbook.cosine_distance(np.zeros((1, 3)), np.ones((1, 3)))


# --- infinities: the limit where there is one ---------------------------------------------------------------------------

INF = np.inf
LIMITS = {
    "sigmoid_cross_entropy": [(INF, 1, 0), (INF, 0, INF), (-INF, 0, 0), (-INF, 1, INF), (INF, 0.5, INF)],
    "sigmoid_focal": [(INF, 1, 0), (INF, 0, INF), (-INF, 0, 0), (-INF, 1, INF)],
    "exponential": [(INF, 1, 0), (INF, 0, INF), (-INF, 0, 0), (-INF, 1, INF)],
    "hinge": [(INF, 1, 0), (INF, 0, INF), (-INF, 0, 0), (-INF, 1, INF)],
    "squared_error": [(INF, 0, INF), (-INF, 0, INF)],
    "absolute_error": [(INF, 0, INF), (-INF, 0, INF)],
    "huber": [(INF, 0, INF), (-INF, 0, INF)],
    "smooth_l1": [(INF, 0, INF), (-INF, 0, INF)],
    "log_cosh": [(INF, 0, INF), (-INF, 0, INF)],
    "charbonnier": [(INF, 0, INF), (-INF, 0, INF)],
    "cauchy": [(INF, 0, INF), (-INF, 0, INF)],
    "geman_mcclure": [(INF, 0, 2), (-INF, 0, 2)],
    "welsch": [(INF, 0, 1), (-INF, 0, 1)],
    "tukey_biweight": [(INF, 0, 4.685**2 / 6), (-INF, 0, 4.685**2 / 6)],
    "pinball": [(INF, 0, INF), (-INF, 0, INF)],
    "expectile": [(INF, 0, INF), (-INF, 0, INF)],
}


@each_library
@pytest.mark.parametrize("name", LIMITS)
def test_infinite_predictions(name, library):
    for first, last, want in LIMITS[name]:
        got = float(call(name, *map(LIBRARIES[library], (np.array([first]), np.array([float(last)])))))
        assert got == pytest.approx(want, rel=1e-15)


def test_extreme_parameters():
    """Far beyond the data a scale, and next to nothing an alpha, leave the limit: ½ r², and log(1 + ½ r²)."""
    pred, target = np.array([1e8], np.float32), np.zeros(1, np.float32)
    assert lossbook.charbonnier(pred, target, scale=1e25) == pytest.approx(5e15, rel=1e-6)
    assert lossbook.general_robust(np.float64(3.0), np.float64(0.0), alpha=1e-320) == pytest.approx(np.log(5.5), rel=1e-15)


SLOPES = {  # gradient at an infinite prediction, target 0 (or 1 where the second entry says so)
    "sigmoid_cross_entropy": [(INF, 0, 1), (INF, 1, 0), (-INF, 1, -1), (-INF, 0, 0)],
    "sigmoid_focal": [(INF, 0, 1), (INF, 1, 0), (-INF, 1, -1), (-INF, 0, 0)],
    "hinge": [(INF, 0, 1), (INF, 1, 0), (-INF, 1, -1), (-INF, 0, 0)],
    "perceptron": [(INF, 0, 1), (INF, 1, 0), (-INF, 1, -1), (-INF, 0, 0)],
    "absolute_error": [(INF, 0, 1), (-INF, 0, -1)],
    "huber": [(INF, 0, 1), (-INF, 0, -1)],
    "smooth_l1": [(INF, 0, 1), (-INF, 0, -1)],
    "log_cosh": [(INF, 0, 1), (-INF, 0, -1)],
    "cauchy": [(1e200, 0, 0), (-1e200, 0, 0)],
    "welsch": [(INF, 0, 0), (-INF, 0, 0)],
    "tukey_biweight": [(INF, 0, 0), (-INF, 0, 0)],
    "pinball": [(INF, 0, 0.5), (-INF, 0, -0.5)],
    "quantile_huber": [(INF, 0, 0.5), (-INF, 0, -0.5)],
    "epsilon_insensitive": [(INF, 0, 1), (-INF, 0, -1)],
}


@pytest.mark.parametrize("name", SLOPES)
def test_gradient_at_infinity(name):
    for first, last, want in SLOPES[name]:
        pair = torch.tensor([first], dtype=torch.float64, requires_grad=True), torch.tensor([last], dtype=torch.float64)
        by_hand = CARDS[name].gradient(np.array([first]), np.array([float(last)]))
        (by_autograd,) = torch.autograd.grad(call(name, *pair), pair[0])
        assert float(by_hand[0]) == pytest.approx(want, abs=1e-150)
        assert float(by_autograd[0]) == pytest.approx(want, abs=1e-150), (first, last)


WITH_SOFTMAX = ["softmax_cross_entropy", "softmax_focal", "brier", "spherical_score"]


@pytest.mark.parametrize("name", WITH_SOFTMAX)
def test_infinite_logits(name):
    """A class ruled out (logit -inf) that is not the label changes nothing; an infinite logit is certainty."""
    logits = torch.tensor([[0.5, -INF, 1.0], [INF, 0.0, 1.0]], dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 0])
    values = call(name, logits, labels, reduction="none")
    two = call(name, torch.tensor([[0.5, 1.0]], dtype=torch.float64), torch.tensor([0]))
    assert values[0].item() == pytest.approx(two.item(), rel=1e-14)
    assert values[1].item() == (-1 if name == "spherical_score" else 0)
    (gradient,) = torch.autograd.grad(values[0], logits)
    assert torch.isfinite(gradient[0]).all()
    assert gradient[0, 1] == 0


def test_a_row_of_ruled_out_classes_can_be_ignored():
    logits = torch.tensor([[0.0, 1.0], [-INF, -INF]], requires_grad=True)
    value = lossbook.softmax_cross_entropy(logits, torch.tensor([0, -100]), ignore_index=-100)
    (gradient,) = torch.autograd.grad(value, logits)
    assert value.item() == pytest.approx(1.3132617)
    assert torch.isfinite(gradient).all()


# --- support matrix -----------------------------------------------------------------------------------------------------


@each_traceable
def test_compile(name):
    """With the defaults, then with weights and other parameters: one that changes is traced as a symbol, from then on."""
    arrays, card = example(name, library="torch"), CARDS[name]
    torch._dynamo.reset()
    compiled = torch.compile(function_of(name), fullgraph=True, backend="eager")
    weight = torch.tensor([1.0, 0, 1, 2, 1, 1], dtype=torch.float64)
    changing = [key for key in card.parameters if card.domain[key] in OUTSIDE] + ["alpha"] * (name == "softmax_focal")
    changes = [{key: -v if card.domain.get(key) == "(-inf, 0)" else v for key in changing} for v in (0.55, 0.6, 0.65)]
    # The defaults are passed by name, so that the next call changes them; two traces, a second each, are then enough.
    defaults = {key: p.default for key, p in inspect.signature(card.function).parameters.items() if type(p.default) is float}
    for options in [defaults | _points.required(card), *({"weight": weight} | change for change in changes)]:
        torch.testing.assert_close(compiled(*arrays, **options), call(name, *arrays, **options), rtol=1e-14, atol=0)


@pytest.mark.parametrize("counts", [(3, 4, 5), (3.0, 4.5, 5.5)])
def test_compile_with_a_denominator_that_changes(counts):
    pred, target = example("huber", library="torch")
    torch._dynamo.reset()
    compiled = torch.compile(lossbook.huber, fullgraph=True, backend="eager")
    for count in counts:
        want = lossbook.huber(pred, target, denominator=count)
        torch.testing.assert_close(compiled(pred, target, denominator=count), want)


@each_traceable
def test_vmap_and_grad(name):
    arrays, function = example(name, library="torch"), function_of(name)
    one = (lambda *arrays: function(*[a[None] for a in arrays])) if whole(name) else function
    torch.testing.assert_close(torch.func.vmap(one)(*arrays), call(name, *arrays, reduction="none"))
    wrt = tuple(range(CARDS[name].function.predictions))
    per_example = torch.func.vmap(torch.func.grad(one, argnums=wrt))(*arrays)
    by_hand = CARDS[name].gradients(*arrays, **_points.required(CARDS[name]))
    torch.testing.assert_close(per_example, by_hand, rtol=1e-9, atol=1e-12)


def test_import_is_light():
    code = "import sys, lossbook; print([m for m in ('sympy', 'scipy', 'torch', 'matplotlib', 'sklearn') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_public_names():
    assert set(CARDS) < set(lossbook.__all__)
    for name in lossbook.__all__:
        assert getattr(lossbook, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'hubber'"):
        lossbook.hubber  # noqa: B018


# --- random shapes and values -------------------------------------------------------------------------------------------


EXAMPLES = int(os.environ.get("LOSSBOOK_EXAMPLES", "0"))  # so many random examples for each loss; 0: the same few every time


@each_loss
@settings(max_examples=EXAMPLES or 8, derandomize=not EXAMPLES, deadline=None)
@given(
    shape=st.lists(st.integers(0, 4), min_size=0, max_size=3),
    scale=st.sampled_from([1e-6, 1e-2, 1.0, 30.0, 1e3, 1e5]),
    seed=st.integers(0, 2**32 - 1),
)
def test_random_batches(name, shape, scale, seed):
    """NumPy and torch agree; the sum is the sum of the parts; a permuted batch has the same values."""
    card, function = CARDS[name], function_of(name)
    shape = (shape or [1])[:1] if whole(name) else shape
    n = int(np.prod(shape))
    arrays = _points.ordinary(card, n=max(n, 1), seed=seed)
    if card.domain[next(iter(card.function.axes))].startswith("R"):
        arrays[0] = arrays[0] * scale
    arrays = [a[:n].reshape((*shape, *a.shape[1:])) for a in arrays]
    values = function(*arrays, reduction="none")
    assert values.shape == tuple(shape)
    theirs = function(*map(torch.as_tensor, arrays), reduction="none").numpy()
    np.testing.assert_allclose(values, theirs, rtol=1e-12, atol=max(1e-300, 1e-12 * card.terms))
    np.testing.assert_allclose(function(*arrays, reduction="sum"), values.sum(), rtol=1e-11)
    if shape and shape[0] > 1:
        order = np.random.default_rng(seed).permutation(shape[0])
        np.testing.assert_array_equal(function(*[a[order] for a in arrays], reduction="none"), values[order])


def test_keyword_arguments():
    pred, target = np.array([1.0, 2.0]), np.array([0.0, 0.0])
    assert lossbook.huber(target=target, pred=pred) == lossbook.huber(pred, target)
    assert functools.partial(lossbook.huber, delta=0.5)(pred, target) == lossbook.huber(pred, target, delta=0.5)
    assert lossbook.huber([1.0, 2.0], [0, 0]) == lossbook.huber(pred, target)
