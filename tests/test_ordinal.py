"""The losses for ordered classes: thresholds that are learned, probabilities, order, and how the three are related."""

import functools

import mpmath
import numpy as np
import pytest
import torch
from scipy.special import expit

from lossbook import CARDS, check
from lossbook.ordinal import CROSSING

RNG = np.random.default_rng(0)
THRESHOLDS = [-1.1, 0.3, 2.0]  # no float32 holds the first two
SCORE = 2 * RNG.standard_normal(12)
LOGITS = 2 * RNG.standard_normal((12, 3))
LABELS = RNG.integers(0, 4, 12)
SOFT = RNG.dirichlet(np.ones(4), 12)


def cumulative_link(*arrays, **options):
    return CARDS["cumulative_link"].function(*arrays, **options)  # through CARDS, where the mutants live


def coral(*arrays, **options):
    return CARDS["coral"].function(*arrays, **options)


def corn(*arrays, **options):
    return CARDS["corn"].function(*arrays, **options)


def test_probabilities_are_differences_of_the_cumulative_ones():
    cumulative = np.column_stack([np.zeros(12), expit(np.subtract.outer(THRESHOLDS, SCORE).T), np.ones(12)])
    p = np.diff(cumulative, axis=1)
    np.testing.assert_allclose(
        cumulative_link(SCORE, LABELS, thresholds=THRESHOLDS, reduction="none"), -np.log(p[range(12), LABELS]), rtol=1e-12
    )
    soft = -(SOFT * np.log(p)).sum(1)
    np.testing.assert_allclose(cumulative_link(SCORE, SOFT, thresholds=THRESHOLDS, reduction="none"), soft, rtol=1e-12)


def test_a_chain_of_questions_has_the_probability_of_its_answers():
    h = expit(LOGITS)
    chain = np.column_stack([np.ones(12), np.cumprod(h, axis=1)]) * np.column_stack([1 - h, np.ones(12)])
    np.testing.assert_allclose(corn(LOGITS, LABELS, reduction="none"), -np.log(chain[range(12), LABELS]), rtol=1e-12)


def test_every_step_is_a_binary_cross_entropy():
    bce = CARDS["sigmoid_cross_entropy"].function
    steps = bce(LOGITS, (LABELS[:, None] > np.arange(3)).astype(float), reduction="none")
    reached = LABELS[:, None] >= np.arange(3)
    np.testing.assert_allclose(coral(LOGITS, LABELS, reduction="none"), steps.sum(1), rtol=1e-14)
    np.testing.assert_allclose(corn(LOGITS, LABELS, reduction="none"), (steps * reached).sum(1), rtol=1e-14)


@pytest.mark.parametrize("narrow", [1e-12, 1e-4, 0.69, 0.71, 40.0, 1e4])
def test_a_class_of_any_width(narrow):
    for score in (0.3, narrow / 2):
        got = cumulative_link(np.array([score]), np.array([1]), thresholds=[0.0, narrow])
        with mpmath.workdps(50):
            upper, lower = (1 / (1 + mpmath.exp(mpmath.mpf(score) - mpmath.mpf(theta))) for theta in (narrow, 0.0))
            assert got == pytest.approx(float(-mpmath.log(upper - lower)), rel=1e-13, abs=0)


def test_thresholds_receive_the_derivative():
    thresholds = torch.tensor(THRESHOLDS, dtype=torch.float64, requires_grad=True)
    for labels in (torch.as_tensor(LABELS), torch.as_tensor(SOFT)):
        value = functools.partial(cumulative_link, torch.as_tensor(SCORE), labels)
        assert torch.autograd.gradcheck(lambda theta, value=value: value(thresholds=theta), thresholds)
        assert torch.autograd.gradgradcheck(lambda theta, value=value: value(thresholds=theta), thresholds)


def test_far_thresholds_leave_finite_gradients():
    for gap in (1e-30, 1e-9, 1e3):
        thresholds = torch.tensor([0.0, gap, 1e4], dtype=torch.float64, requires_grad=True)
        score = torch.tensor([1e4, -1e4, 0.0], dtype=torch.float64, requires_grad=True)
        value = cumulative_link(score, torch.tensor([0, 1, 2]), thresholds=thresholds, reduction="sum")
        assert all(torch.isfinite(g).all() for g in torch.autograd.grad(value, [score, thresholds]))


def test_learned_thresholds_find_the_frequencies():
    """With a score of 0 for all, the best thresholds are the logits of the cumulative frequencies."""
    raw = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0] * 10 + [1] * 20 + [2] * 30 + [3] * 40)
    optimizer = torch.optim.LBFGS([raw], max_iter=200, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe")

    def thresholds():
        return torch.cat([raw[:1], raw[:1] + torch.nn.functional.softplus(raw[1:]).cumsum(0)])

    def closure():
        optimizer.zero_grad()
        loss = cumulative_link(torch.zeros(100, dtype=torch.float64), labels, thresholds=thresholds())
        loss.backward()
        return loss

    optimizer.step(closure)
    torch.testing.assert_close(thresholds().sigmoid(), torch.tensor([0.1, 0.3, 0.6], dtype=torch.float64), rtol=1e-6, atol=0)


def test_only_the_distance_to_the_thresholds_counts():
    moved = cumulative_link(SCORE + 5, LABELS, thresholds=np.array(THRESHOLDS) + 5)
    assert moved == pytest.approx(float(cumulative_link(SCORE, LABELS, thresholds=THRESHOLDS)), rel=1e-13)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_infinite_scores(library):
    make = {"numpy": np.asarray, "torch": torch.as_tensor}[library]
    score = make(np.array([np.inf, np.inf, -np.inf, -np.inf]))
    value = cumulative_link(score, make(np.array([3, 1, 0, 2])), thresholds=THRESHOLDS, reduction="none")
    assert value.tolist() == [0, np.inf, 0, np.inf]
    logits = make(np.array([[np.inf, np.inf, -np.inf], [-np.inf, np.inf, np.inf], [-np.inf, np.inf, np.nan]]))
    labels = make(np.array([2, 0, 0]))
    for loss in (coral, corn):
        values = loss(logits, labels, reduction="none").tolist()
        assert values[:2] == [0, 0 if loss is corn else np.inf]  # of class 0 CORN asks one question
        assert np.isnan(values[2])  # also where the question is not asked


def test_thresholds_of_every_kind():
    want = float(cumulative_link(SCORE, LABELS, thresholds=THRESHOLDS))
    assert cumulative_link(SCORE, LABELS, thresholds=tuple(THRESHOLDS)) == want
    assert cumulative_link(SCORE, LABELS, thresholds=np.array(THRESHOLDS)) == want
    score, labels = torch.as_tensor(SCORE), torch.as_tensor(LABELS)
    parts = [torch.tensor(theta, dtype=torch.float64) for theta in THRESHOLDS]
    for thresholds in (THRESHOLDS, parts, torch.stack(parts)):
        assert cumulative_link(score, labels, thresholds=thresholds).item() == pytest.approx(want, rel=1e-14)
    half = cumulative_link(score.half(), labels, thresholds=torch.tensor(THRESHOLDS).half())
    assert half.dtype == torch.float16


@pytest.mark.parametrize(
    "thresholds, message",
    [
        ([], "thresholds must be given"),
        ([1.0, 1.0], "rise strictly: each difference must be > 0, got 0.0 at position 0"),
        ([0.0, 2.0, 1.0], "rise strictly.* at position 1"),
        ([float("nan")], "finite"),
        ([0.0, float("inf")], "finite"),
        ([[0.0, 1.0]], r"shape \(1,\), in one row, got \(1, 2\)"),
    ],
)
def test_thresholds_are_checked(thresholds, message):
    with pytest.raises(ValueError, match=message):
        cumulative_link(np.zeros(2), np.array([0, 0]), thresholds=thresholds)


def test_the_number_of_classes_is_told_by_the_thresholds():
    with pytest.raises(IndexError, match=r"class indices in 0 .. 2, got 3"):
        cumulative_link(np.zeros(1), np.array([3]), thresholds=[0.0, 1.0])
    with pytest.raises(ValueError, match=r"shape \(1, 3\)"):
        cumulative_link(np.zeros(1), np.full((1, 4), 0.25), thresholds=[0.0, 1.0])
    with pytest.raises(ValueError, match="thresholds must be given"):
        cumulative_link(np.zeros(1), np.array([0]))


def test_a_slope_for_each_step_crosses_where_one_score_does_not():
    """The witness on the card: at the feature 4, P(y > 1) = 0.94 exceeds P(y > 0) = 0.80."""
    crossing = check.rank_consistent("coral", model="a score for each step", at=CROSSING)
    assert not crossing
    assert crossing.worst == pytest.approx(expit(2.8015) - 0.8, abs=1e-3)
    assert check.rank_consistent("coral", model="one score and a bias for each step", at=CROSSING)


def test_coral_is_the_loss_of_all_thresholds():
    """What `mord.LogisticAT` minimises: softplus of the signed distance to every threshold, not the cumulative likelihood."""
    distance = np.subtract.outer(SCORE, THRESHOLDS)
    side = np.where(LABELS[:, None] > np.arange(3), 1, -1)
    np.testing.assert_allclose(coral(distance, LABELS, reduction="none"), np.logaddexp(0, -side * distance).sum(1), rtol=1e-13)
    likelihood = cumulative_link(SCORE, LABELS, thresholds=THRESHOLDS, reduction="none")
    inner = (LABELS > 0) & (LABELS < 3)
    assert np.all(likelihood[inner] != pytest.approx(coral(distance, LABELS, reduction="none")[inner]))


GUARDS = {
    "cumulative_link": [
        test_probabilities_are_differences_of_the_cumulative_ones,
        *[functools.partial(test_a_class_of_any_width, narrow) for narrow in (1e-12, 0.69, 40.0, 1e4)],
        test_far_thresholds_leave_finite_gradients,
        functools.partial(test_infinite_scores, "torch"),
        functools.partial(test_thresholds_are_checked, [float("nan")], "finite"),
    ],
    "corn": [test_a_chain_of_questions_has_the_probability_of_its_answers, functools.partial(test_infinite_scores, "numpy")],
    "coral": [test_every_step_is_a_binary_cross_entropy],
}
