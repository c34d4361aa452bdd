"""Alignments: CTC, whose time comes first and which is therefore held here to all the rules of the others, and soft-DTW."""

import functools
import inspect
import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import lossbook
from lossbook import CARDS, card, check
from lossbook.check.sequence import by_sequence, count_paths, dtw, warping_paths

LIBRARIES = {"numpy": np.asarray, "torch": torch.as_tensor}
each_library = pytest.mark.parametrize("library", LIBRARIES)
each_alignment = pytest.mark.parametrize("name", ["soft_dtw", "soft_dtw_divergence"])


def ctc(logits, labels, steps, counts, **options):
    """The loss, through CARDS, where the mutants live."""
    return CARDS["ctc"].function(logits, labels, logit_lengths=steps, label_lengths=counts, **options)


def ctc_gradient(logits, labels, steps, counts, **params):
    return CARDS["ctc"].gradient(logits, labels, logit_lengths=steps, label_lengths=counts, **params)


def draw(seed=0, steps=7, count=6, classes=5, longest=3, library="numpy"):
    """Sequences of different lengths, one of them without labels, with equal labels in a row and with padding."""
    rng = np.random.default_rng(seed)
    logits, labels = 2 * rng.standard_normal((steps, count, classes)), rng.integers(1, classes, (count, longest))
    labels[1] = 2
    steps, counts = rng.integers(5, steps + 1, count), rng.integers(1, longest + 1, count)
    counts[:3] = [0, longest, longest][:count]
    labels[np.arange(longest) >= counts[:, None]] = -7
    return [LIBRARIES[library](a) for a in (logits, labels, steps, counts)]


def slope_of(logits, *rest, **options):
    logits = logits.clone().requires_grad_()
    return torch.autograd.grad(ctc(logits, *rest, **{"reduction": "sum"} | options), logits)[0]


# --- CTC: value and gradient --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "library, dtype, rtol",
    [
        ("numpy", "float64", 1e-12),
        ("torch", "float64", 1e-12),
        ("numpy", "float32", 1e-5),
        ("torch", "float32", 1e-5),
        ("numpy", "float16", 1e-3),
        ("torch", "bfloat16", 8e-3),
    ],
)
def test_ctc_is_its_definition(library, dtype, rtol):
    result = check.value(by_sequence("ctc"), library=library, dtype=dtype, rtol=rtol)
    assert result, (result.message, result.witness)


def test_ctc_gradients():
    for one in (check.gradient, check.autograd):
        result = one(by_sequence("ctc"))
        assert result, (result.worst, result.witness)


def test_ctc_gradient_is_the_textbook_formula():
    """p - Σ α β / (p P) over the cells of a class, with forward and backward probabilities in plain numbers, not logarithms."""
    logits, labels, steps, counts = draw(1)
    got = ctc_gradient(logits, labels, steps, counts)
    for n, (most, count) in enumerate(zip(steps, counts)):
        p = np.exp(logits[:most, n]) / np.exp(logits[:most, n]).sum(-1, keepdims=True)
        path = [0, *itertools.chain(*([c, 0] for c in labels[n, :count]))]
        alpha, beta = (_forward(rows, cells) for rows, cells in ((p, path), (p[::-1], path[::-1])))
        beta = beta[::-1, ::-1]
        likelihood = alpha[-1, -2:].sum() if count else alpha[-1, -1]
        want = p.copy()
        for s, c in enumerate(path):
            want[:, c] -= alpha[:, s] * beta[:, s] / (p[:, c] * likelihood)
        np.testing.assert_allclose(got[:most, n], want, rtol=1e-11, atol=1e-13)
        assert np.all(got[most:, n] == 0)


def _forward(p, path):
    """α_t(s): the probability of all beginnings that are in cell s at step t."""
    alpha = np.zeros((len(p), len(path)))
    alpha[0, :2] = p[0, path[:2]]
    for t, s in itertools.product(range(1, len(p)), range(len(path))):
        reach = 3 if s >= 2 and path[s] != 0 and path[s] != path[s - 2] else 2
        alpha[t, s] = p[t, path[s]] * alpha[t - 1, max(s - reach + 1, 0) : s + 1].sum()
    return alpha


def test_ctc_second_derivative():
    logits, *rest = draw(2, steps=5, count=3, classes=3, longest=2, library="torch")
    assert torch.autograd.gradgradcheck(lambda z: ctc(z, *rest, reduction="none"), logits.requires_grad_())


def test_torch_divides_its_mean_by_the_numbers_of_labels():
    logits, labels, steps, counts = draw(3, library="torch")
    labels = labels.clamp(min=1)
    theirs = F.ctc_loss(logits.log_softmax(-1), labels, steps, counts)
    share = 1 / counts.clamp(min=1).double()
    ours = ctc(logits, labels, steps, counts, weight=share, denominator=len(counts))
    assert float(ours) == pytest.approx(float(theirs), rel=1e-13)
    assert float(ctc(logits, labels, steps, counts)) != pytest.approx(float(theirs), rel=0.1)


def test_torch_returns_the_gradient_of_the_logits_for_that_of_log_probabilities():
    """As our Card says. Its backward assumes that the input comes from log_softmax: alone it is not the derivative."""
    logits, labels, steps, counts = draw(3, library="torch")
    labels, log_p = labels.clamp(min=1), logits.log_softmax(-1).requires_grad_()
    theirs = torch.autograd.grad(F.ctc_loss(log_p, labels, steps, counts, reduction="sum"), log_p)[0]
    torch.testing.assert_close(theirs, slope_of(logits, labels, steps, counts), rtol=1e-10, atol=1e-13)


@each_library
def test_ctc_long_sequences_do_not_underflow(library):
    logits, labels, steps, counts = draw(4, steps=800, count=2, classes=30, longest=60)
    steps[:], counts[:] = 800, 60
    labels[:] = np.where(labels < 1, 1, labels)
    exactly = ctc(logits, labels, steps, counts, reduction="none")
    assert np.all((exactly > 1000) & np.isfinite(exactly))
    short = [LIBRARIES[library](a) for a in (logits.astype(np.float32), labels, steps, counts)]
    np.testing.assert_allclose(ctc(*short, reduction="none"), exactly, rtol=1e-5)
    if library == "torch":
        np.testing.assert_allclose(slope_of(*short), ctc_gradient(logits, labels, steps, counts), atol=1e-4)


# --- CTC: the common rules ----------------------------------------------------------------------------------------------


@each_library
def test_ctc_reductions(library):
    arrays = draw(library=library)
    values = np.asarray(ctc(*arrays, reduction="none"))
    assert values.shape == (6,)
    w = np.array([0.5, 2.0, 0.0, 1.0, 3.0, 0.0])
    weight = LIBRARIES[library](w)
    for options, want in (
        ({}, values.mean()),
        ({"reduction": "sum"}, values.sum()),
        ({"denominator": 24}, values.sum() / 24),
        ({"weight": weight}, values @ w / w.sum()),
        ({"weight": weight, "reduction": "sum"}, values @ w),
        ({"weight": weight, "denominator": 10.0}, values @ w / 10),
    ):
        np.testing.assert_allclose(ctc(*arrays, **options), want, rtol=1e-13)
    np.testing.assert_allclose(ctc(*arrays, weight=weight, reduction="none"), values * w, rtol=1e-13)
    with pytest.raises(ValueError, match="weight must have one entry per example"):
        ctc(*arrays, weight=LIBRARIES[library](np.ones(7)))
    with pytest.raises(ValueError, match="weight must be >= 0"):
        ctc(*arrays, weight=-weight)


@pytest.mark.parametrize("garbage", [np.nan, np.inf, -np.inf])
def test_weight_zero_removes_a_sequence_whatever_it_holds(garbage):
    weight = torch.tensor([1.0, 1, 0, 1, 1, 2], dtype=torch.float64)
    clean = draw(library="torch")
    dirty = [a.clone() for a in clean]
    dirty[0][:, 2], dirty[1][2], dirty[2][2], dirty[3][2] = garbage, 99, -5, 1000
    assert torch.equal(ctc(*clean, weight=weight), ctc(*dirty, weight=weight))
    slope = slope_of(*dirty, weight=weight)
    assert torch.equal(slope, slope_of(*clean, weight=weight))
    assert torch.all(slope[:, 2] == 0)
    assert float(ctc(*dirty, weight=weight, reduction="none")[2]) == 0


@each_library
def test_what_lies_beyond_the_lengths_does_nothing(library):
    logits, labels, steps, counts = draw(5)
    dirty, other = logits.copy(), labels.copy()
    for n, (most, count) in enumerate(zip(steps, counts)):
        dirty[most:, n], other[n, count:] = np.nan, [0, 99, -1][n % 3]
    arrays = [LIBRARIES[library](a) for a in (dirty, other, steps, counts)]
    want = ctc(logits, labels, steps, counts, reduction="none")
    np.testing.assert_allclose(ctc(*arrays, reduction="none"), want, rtol=1e-13)
    if library == "torch":
        slope = slope_of(*arrays).numpy()
        np.testing.assert_allclose(slope, ctc_gradient(logits, labels, steps, counts), rtol=1e-11, atol=1e-15)
        assert all(np.all(slope[most:, n] == 0) for n, most in enumerate(steps))


@each_library
def test_no_alignment_is_infinite_and_has_no_gradient(library):
    """The labels 1, 1 in two steps: a blank is needed between them (pytorch #14335). The other sequence is not touched."""
    arrays = [np.zeros((3, 2, 3)), np.array([[1, 1], [1, 2]]), np.array([2, 3]), np.array([2, 2])]
    assert ctc(*map(LIBRARIES[library], arrays), reduction="none").tolist()[0] == math.inf
    assert np.all(ctc_gradient(*arrays)[:, 0] == 0)
    if library == "torch":
        slope = slope_of(*map(torch.as_tensor, arrays)).numpy()
        assert np.all(slope[:, 0] == 0)
        assert np.abs(slope[:, 1]).max() > 0.1
        assert np.isfinite(slope_of(*map(torch.as_tensor, arrays), reduction="mean")).all()


@each_library
def test_no_steps_and_no_labels(library):
    arrays = [np.zeros((2, 3, 2)), np.array([[1], [1], [1]]), np.array([0, 0, 2]), np.array([0, 1, 0])]
    arrays = [LIBRARIES[library](a) for a in arrays]
    np.testing.assert_allclose(ctc(*arrays, reduction="none"), [0.0, math.inf, 2 * math.log(2)], rtol=1e-15)
    nobody = [arrays[0][:, :0], *(a[:0] for a in arrays[1:])]
    assert ctc(*nobody, reduction="none").shape == (0,)
    assert float(ctc(*nobody, reduction="sum")) == 0
    assert math.isnan(float(ctc(*nobody)))
    assert math.isnan(float(ctc(*arrays, weight=LIBRARIES[library](np.zeros(3)))))
    no_labels = [arrays[0], arrays[1][:, :0], arrays[2], 0 * arrays[3]]
    np.testing.assert_allclose(ctc(*no_labels, reduction="none"), [0.0, 0.0, 2 * math.log(2)], rtol=1e-15)


@each_library
def test_ctc_nan_propagates(library):
    for impossible in (False, True):
        logits, labels, steps, counts = draw(6)
        logits[3, 1, 2] = np.nan
        steps[1] = 4 if impossible else steps[1]  # 2, 2, 2 needs five
        values = np.asarray(ctc(*map(LIBRARIES[library], (logits, labels, steps, counts)), reduction="none"))
        assert np.isnan(values).tolist() == [False, True, False, False, False, False]
        assert np.isnan(ctc_gradient(logits, labels, steps, counts)[3, 1]).all()


def test_a_class_ruled_out():
    logits, labels, steps, counts = draw(7, library="torch")
    logits[:, :, 4], labels[labels == 4] = -math.inf, 3
    values, slope = ctc(logits, labels, steps, counts, reduction="none"), slope_of(logits, labels, steps, counts)
    torch.testing.assert_close(values, ctc(logits[..., :4], labels, steps, counts, reduction="none"), rtol=1e-13, atol=0)
    assert torch.isfinite(slope).all()
    assert torch.all(slope[..., 4] == 0)
    labels[2, 0] = 4
    assert ctc(logits, labels, steps, counts, reduction="none")[2] == math.inf
    assert torch.isfinite(slope_of(logits, labels, steps, counts)).all()


@each_library
def test_ctc_of_any_number_of_axes(library):
    """One sequence without the axis of the batch, and a batch with two axes."""
    logits, labels, steps, counts = draw(8, library=library)
    values = np.asarray(ctc(logits, labels, steps, counts, reduction="none"))
    one = ctc(logits[:, 4], labels[4], steps[4], counts[4], reduction="none")
    assert np.shape(one) == ()
    assert float(one) == values[4]
    grid = [logits.reshape(7, 2, 3, 5), labels.reshape(2, 3, 3), steps.reshape(2, 3), counts.reshape(2, 3)]
    np.testing.assert_array_equal(np.asarray(ctc(*grid, reduction="none")).ravel(), values)
    slopes = ctc_gradient(*grid)
    np.testing.assert_array_equal(np.asarray(slopes).reshape(7, 6, 5), np.asarray(ctc_gradient(logits, labels, steps, counts)))
    np.testing.assert_array_equal(ctc(logits[:, ::2], labels[::2], steps[::2], counts[::2], reduction="none"), values[::2])


def test_ctc_takes_lists_and_short_integers_and_changes_nothing():
    logits, labels, steps, counts = draw(9, library="torch")
    labels = labels.clamp(min=0)
    before = [a.clone() for a in (logits, labels, steps, counts)]
    value = ctc(logits, labels, steps, counts)
    assert ctc(logits, labels.to(torch.uint8), steps.to(torch.int32), counts.to(torch.int16)) == value
    assert ctc(logits, labels.tolist(), steps.tolist(), counts.tolist()) == value
    ctc(logits, labels, steps, counts, weight=torch.zeros(6))
    assert all(torch.equal(a, b) for a, b in zip((logits, labels, steps, counts), before))


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_ctc_keeps_the_dtype(dtype):
    logits, *rest = draw(library="torch")
    for reduction in ("none", "sum", "mean"):
        assert ctc(logits.to(getattr(torch, dtype)), *rest, reduction=reduction).dtype == getattr(torch, dtype)


@each_library
def test_what_ctc_refuses(library):
    def refuses(error, match, place=None, value=None, **options):
        arrays = [np.array(a) for a in draw()]
        if place is not None:
            arrays[place] = value(arrays[place]) if callable(value) else value
        with pytest.raises(error, match=match):
            ctc(*map(LIBRARIES[library], arrays), **options)

    def with_entry(row, value):
        def change(array):
            array[row] = value
            return array

        return change

    refuses(ValueError, "labels must not hold the blank, 0, .* at position \\(1, 1\\)", 1, with_entry((1, 1), 0))
    refuses(ValueError, "labels must not hold the blank, 2, ", blank=2)
    refuses(IndexError, "labels must be class indices in 0 .. 4, got 5 at position \\(2, 0\\)", 1, with_entry((2, 0), 5))
    refuses(IndexError, "labels must be class indices in 0 .. 4, got -1", 1, with_entry((2, 0), -1))
    for wrong in (-1, 8):
        refuses(ValueError, f"logit_lengths must lie in 0 .. 7, got {wrong} at position 3", 2, with_entry(3, wrong))
    for wrong in (-1, 4):
        refuses(ValueError, f"label_lengths must lie in 0 .. 3, got {wrong} at position 3", 3, with_entry(3, wrong))
    for wrong in (-1, 5):
        refuses(ValueError, "blank must be a class in 0 .. 4", blank=wrong)
    refuses(ValueError, "at least one step", 0, lambda z: z[:0])
    refuses(ValueError, "at least one entry", 0, lambda z: z[..., :0])
    refuses(ValueError, "nothing is broadcast", 0, lambda z: z[:, :5])
    refuses(ValueError, "labels must have shape \\(6, 'any'\\)", 1, lambda y: y[0, 0])
    for place in (1, 2, 3):
        refuses(ValueError, "nothing is broadcast", place, lambda a: a[:5])
        refuses(ValueError, "nothing is broadcast", place, lambda a: a[..., None])
        refuses(TypeError, "must be integers", place, lambda a: a.astype(float))
        refuses(TypeError, "must be integers", place, lambda a: a > 0)
    for dtype in (np.int64, np.complex128, bool):
        refuses(TypeError, "floating point", 0, lambda z, dtype=dtype: z.astype(dtype))
    for options in ({"reduction": "average"}, {"reduction": "sum", "denominator": 3}, {"denominator": -1}):
        refuses(ValueError, "reduction|denominator", **options)
    refuses(TypeError, "zero_infinity", zero_infinity=True)
    logits, *rest = draw()
    with pytest.raises(TypeError, match="missing the argument 'logit_lengths'"):
        CARDS["ctc"].function(logits, rest[0])
    with pytest.raises(TypeError, match="one library"):
        ctc(torch.as_tensor(logits), *rest)
    with pytest.raises(TypeError, match="weight 0"):
        ctc(np.ma.array(logits), *rest)


def test_ctc_signature():
    parameters = inspect.signature(lossbook.ctc).parameters
    assert [name for name, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD] == ["logits", "labels"]


def test_ctc_compiled():
    arrays = draw(library="torch")
    torch._dynamo.reset()
    compiled = torch.compile(ctc, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(*arrays), ctc(*arrays), rtol=1e-14, atol=0)
    arrays[0].requires_grad_()
    (got,) = torch.autograd.grad(compiled(*arrays), arrays[0])
    torch.testing.assert_close(got, slope_of(*[a.detach() for a in arrays], reduction="mean"), rtol=1e-13, atol=1e-16)


def test_ctc_under_vmap():
    arrays = draw(library="torch")
    torch.testing.assert_close(torch.func.vmap(ctc, in_dims=(1, 0, 0, 0))(*arrays), ctc(*arrays, reduction="none"))
    slopes = torch.func.vmap(torch.func.grad(ctc), in_dims=(1, 0, 0, 0), out_dims=1)(*arrays)
    torch.testing.assert_close(slopes, ctc_gradient(*arrays), rtol=1e-11, atol=1e-14)


# --- soft-DTW -----------------------------------------------------------------------------------------------------------


def two_series(rows, columns, features=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, features)), rng.standard_normal((columns, features))


def over_all_paths(x, y, gamma):
    cost = ((x[:, None] - y[None]) ** 2).sum(-1)
    scores = np.array([-sum(cost[cell] for cell in path) for path in warping_paths(len(x), len(y))]) / gamma
    return -gamma * (scores.max() + math.log(np.exp(scores - scores.max()).sum()))


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (2, 2), (4, 6), (6, 4), (5, 5)])
def test_every_shape_by_all_paths(shape):
    x, y = two_series(*shape)
    for gamma in (0.05, 1.0, 20.0):
        want = over_all_paths(x, y, gamma)
        assert CARDS["soft_dtw"].function(x, y, gamma=gamma) == pytest.approx(want, rel=1e-12, abs=1e-12)
        apart = want - (over_all_paths(x, x, gamma) + over_all_paths(y, y, gamma)) / 2
        assert CARDS["soft_dtw_divergence"].function(x, y, gamma=gamma) == pytest.approx(apart, rel=1e-11, abs=1e-11)


@each_alignment
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (4, 6), (6, 4)])
def test_both_gradients_by_autograd(name, shape):
    x, y = two_series(*shape)
    pair = [torch.as_tensor(a).requires_grad_() for a in (x, y)]
    got = torch.autograd.grad(CARDS[name].function(*pair, gamma=0.7), pair)
    np.testing.assert_allclose(got[0], CARDS[name].gradient(x, y, gamma=0.7), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(got[1], CARDS[name].gradient(y, x, gamma=0.7), rtol=1e-11, atol=1e-13)


@each_alignment
def test_alignments_are_smooth(name):
    pair = [torch.as_tensor(a).requires_grad_() for a in two_series(3, 4)]
    assert torch.autograd.gradgradcheck(functools.partial(CARDS[name].function, gamma=0.5), pair)


def test_the_paths_are_counted_by_delannoy():
    for rows, columns in itertools.product(range(1, 6), repeat=2):
        paths = warping_paths(rows, columns)
        assert len(paths) == len(set(map(tuple, paths))) == count_paths(rows, columns)
    assert count_paths(4, 4) == 63


def test_long_series_and_small_gamma():
    x, y = two_series(150, 130, seed=3)
    assert CARDS["soft_dtw"].function(x, y, gamma=1e-9) == pytest.approx(float(dtw(x, y)), rel=1e-12)
    slope = CARDS["soft_dtw"].gradient(x, y, gamma=1e-9)
    pair = [torch.as_tensor(x).requires_grad_(), torch.as_tensor(y)]
    (got,) = torch.autograd.grad(CARDS["soft_dtw"].function(*pair, gamma=1e-9), pair[0])
    np.testing.assert_allclose(got, slope, rtol=1e-11, atol=1e-13)
    assert np.isfinite(slope).all()


@each_alignment
@each_library
def test_series_need_steps_and_the_same_features(name, library):
    x, y = map(LIBRARIES[library], two_series(3, 4))
    for pair in ((x[:0], y), (x, y[:0]), (x[:, :0], y[:, :0]), (x, y[:, :1]), (x, y[0]), (x[0], y)):
        with pytest.raises(ValueError):
            CARDS[name].function(*pair)


# --- the checks of this family ------------------------------------------------------------------------------------------


def altered(name, change):
    """The card of a loss whose values have been changed."""
    sound = card(name)

    def function(*arrays, reduction="mean", **params):
        values = change(np.asarray(sound.function(*arrays, reduction="none", **params)))
        return values if reduction == "none" else values.mean()

    function.__name__, function.__dict__ = name, dict(sound.function.__dict__)
    return replace(sound, function=function)


def bent(name, change):
    """The card of a loss whose gradient has been changed."""
    sound = card(name)
    return replace(sound, gradient=lambda *arrays, **params: change(sound.gradient(*arrays, **params)))


def lopsided():
    sound = card("soft_dtw")

    def function(x, y, *, reduction="mean", **params):
        return sound.function(x, y, reduction=reduction, **params) + 1e-6 * x[:, 0, 0]

    function.__name__, function.__dict__ = "soft_dtw", dict(sound.function.__dict__)
    return replace(sound, function=function)


FAILURES = [
    ("sums_alignments", lambda: check.sums_alignments(altered("ctc", lambda v: v + 1e-9))),
    ("strings_sum_to_one", lambda: check.strings_sum_to_one(altered("ctc", lambda v: v * (1 + 1e-9)))),
    ("infinite_without_alignment", lambda: check.infinite_without_alignment(altered("ctc", lambda v: np.minimum(v, 1e300)))),
    ("infinite_without_alignment, gradient", lambda: check.infinite_without_alignment(bent("ctc", lambda g: g + 1e-6))),
    ("balanced_steps", lambda: check.balanced_steps(bent("ctc", lambda g: g + 1e-6))),
    ("balanced_steps of nothing", lambda: check.balanced_steps(bent("ctc", lambda g: 0 * g))),
    ("at_most", lambda: check.at_most("soft_dtw", reference=lambda x, y, gamma: dtw(x, y) - gamma, name="too low")),
    ("at_most, too loose", lambda: check.at_most("soft_dtw", reference=lambda x, y, gamma: dtw(x, y) + 1, name="too high")),
    (
        "approaches",
        lambda: check.approaches("soft_dtw", reference=lambda x, y: 1.001 * dtw(x, y), name="wrong", parameter="gamma"),
    ),
    ("never_negative", lambda: check.never_negative("soft_dtw")),
    ("never_negative at a point", lambda: check.never_negative("soft_dtw", at=([[0.0], [0.0]], [[0.0]] * 2))),
    ("zero_at_equality", lambda: check.zero_at_equality("soft_dtw")),
    ("least_at_equality", lambda: check.least_at_equality("soft_dtw")),
    ("ignores_speed", lambda: check.ignores_speed("soft_dtw_divergence", at=([[0.0], [1.0]], [[0.0], [1.0], [1.0]]))),
    ("expected_path_length", lambda: check.expected_path_length(bent("soft_dtw", lambda g: g * (1 + 1e-9)))),
    ("symmetric of an algorithm", lambda: check.symmetric(lopsided())),
    ("value of an algorithm over sequences", lambda: check.value(by_sequence(altered("ctc", lambda v: v * 1.001)))),
]


# What the mutants have to survive, beside the claims of the cards.
GUARDS = {
    "ctc": [
        lambda: test_ctc_is_its_definition("numpy", "float64", 1e-12),
        lambda: test_ctc_is_its_definition("torch", "float64", 1e-12),
        lambda: test_ctc_gradient_is_the_textbook_formula(),
        lambda: test_what_lies_beyond_the_lengths_does_nothing("torch"),
        lambda: test_no_alignment_is_infinite_and_has_no_gradient("torch"),
        lambda: test_no_steps_and_no_labels("numpy"),
        lambda: test_ctc_nan_propagates("numpy"),
        lambda: test_what_ctc_refuses("numpy"),
        lambda: test_a_class_ruled_out(),
        lambda: test_ctc_gradients(),
        lambda: test_weight_zero_removes_a_sequence_whatever_it_holds(np.nan),
    ],
    "soft_dtw": [
        lambda: test_every_shape_by_all_paths((4, 6)),
        lambda: test_both_gradients_by_autograd("soft_dtw", (6, 4)),
        lambda: test_long_series_and_small_gamma(),
    ],
    "soft_dtw_divergence": [
        lambda: test_every_shape_by_all_paths((6, 4)),
        lambda: test_both_gradients_by_autograd("soft_dtw_divergence", (4, 6)),
    ],
}
