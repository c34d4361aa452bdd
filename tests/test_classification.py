"""What only the classification losses have: class weights, smoothing, ignored labels, alpha, and torch's conventions for them."""

import mpmath
import numpy as np
import pytest
import torch
import torch.nn.functional as F

import lossbook
from lossbook import CARDS

RNG = np.random.default_rng(0)
LOGITS = torch.as_tensor(3 * RNG.standard_normal((12, 5)))
LABELS = torch.as_tensor(RNG.integers(0, 5, 12))
SOFT = torch.as_tensor(RNG.dirichlet(np.ones(5), 12))
CLASS_WEIGHTS = torch.as_tensor(RNG.uniform(0.2, 3, 5))


def cross_entropy(*arrays, **options):
    return CARDS["softmax_cross_entropy"].function(*arrays, **options)  # through CARDS, where the mutants live


def same(ours, theirs, rtol=1e-13):
    torch.testing.assert_close(ours, theirs, rtol=rtol, atol=1e-14)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_class_weights_as_torch(reduction):
    same(
        cross_entropy(LOGITS, LABELS, class_weights=CLASS_WEIGHTS, reduction=reduction),
        F.cross_entropy(LOGITS, LABELS, weight=CLASS_WEIGHTS, reduction=reduction),
    )


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_ignored_labels_as_torch(reduction):
    labels = LABELS.clone()
    labels[[1, 4]] = -100
    for smoothing in (0.0, 0.1):
        same(
            cross_entropy(LOGITS, labels, ignore_index=-100, label_smoothing=smoothing, reduction=reduction),
            F.cross_entropy(LOGITS, labels, label_smoothing=smoothing, reduction=reduction),
        )
    same(
        cross_entropy(LOGITS, labels, ignore_index=-100, class_weights=CLASS_WEIGHTS, reduction=reduction),
        F.cross_entropy(LOGITS, labels, weight=CLASS_WEIGHTS, reduction=reduction),
    )


def test_weight_ignored_labels_and_class_weights_multiply():
    labels = LABELS.clone()
    labels[3] = 2
    weight = torch.as_tensor(RNG.uniform(0, 2, 12))
    plain = F.cross_entropy(LOGITS, labels, reduction="none")
    total = weight * CLASS_WEIGHTS[labels] * (labels != 2)
    got = cross_entropy(LOGITS, labels, weight=weight, class_weights=CLASS_WEIGHTS, ignore_index=2)
    same(got, (total * plain).sum() / total.sum())


def test_weights_with_probabilities_divide_by_their_sum_where_torch_divides_by_n():
    of_example = SOFT @ CLASS_WEIGHTS
    plain = F.cross_entropy(LOGITS, SOFT, reduction="none")
    same(cross_entropy(LOGITS, SOFT, class_weights=CLASS_WEIGHTS), (of_example * plain).sum() / of_example.sum())
    weighted = (SOFT * CLASS_WEIGHTS * -LOGITS.log_softmax(-1)).sum(-1)
    same(F.cross_entropy(LOGITS, SOFT, weight=CLASS_WEIGHTS), weighted.sum() / 12)


def test_weights_and_smoothing_together_differ_from_torch_by_the_stated_rule():
    epsilon, log_p = 0.1, LOGITS.log_softmax(-1)
    ours = CLASS_WEIGHTS[LABELS] * ((1 - epsilon) * -log_p[range(12), LABELS] - epsilon * log_p.mean(-1))
    torchs = CLASS_WEIGHTS[LABELS] * (1 - epsilon) * -log_p[range(12), LABELS] - epsilon / 5 * (CLASS_WEIGHTS * log_p).sum(-1)
    options = {"label_smoothing": epsilon, "reduction": "none"}
    same(cross_entropy(LOGITS, LABELS, class_weights=CLASS_WEIGHTS, **options), ours)
    same(F.cross_entropy(LOGITS, LABELS, weight=CLASS_WEIGHTS, **options), torchs)


def test_class_weights_may_be_a_list_and_are_checked():
    as_list = [1.0, 2.0, 3.0, 4.0, 5.0]
    same(
        cross_entropy(LOGITS, LABELS, class_weights=as_list),
        F.cross_entropy(LOGITS, LABELS, weight=torch.tensor(as_list).double()),
    )
    with pytest.raises(ValueError, match="one per class"):
        cross_entropy(LOGITS, LABELS, class_weights=[1.0, 2.0])
    with pytest.raises(ValueError, match="class_weights must be >= 0"):
        cross_entropy(LOGITS, LABELS, class_weights=[1.0, 2.0, 3.0, 4.0, -5.0])


def test_an_ignored_label_that_a_short_integer_cannot_hold():
    labels = torch.tensor([156, 1], dtype=torch.uint8)  # 156 is -100 modulo 256
    logits = torch.zeros(2, 300)
    torch.testing.assert_close(cross_entropy(logits, labels, ignore_index=-100, reduction="none"), torch.full((2,), 300.0).log())


def test_all_ignored():
    nothing = torch.full((12,), -100)
    assert torch.isnan(cross_entropy(LOGITS, nothing, ignore_index=-100))
    assert cross_entropy(LOGITS, nothing, ignore_index=-100, reduction="sum") == 0


def test_ignore_index_needs_integer_labels():
    with pytest.raises(ValueError, match="integer labels"):
        cross_entropy(LOGITS, SOFT, ignore_index=-100)


def test_soft_targets_can_leave_out_a_ruled_out_class():
    logits = torch.tensor([[0.0, -torch.inf, 0.0]], dtype=torch.float64)
    q = torch.tensor([[0.5, 0.0, 0.5]], dtype=torch.float64)
    assert cross_entropy(logits, q).item() == pytest.approx(np.log(2), rel=1e-15)


def test_focal_alpha():
    logit, target = LOGITS[:, 0], (LABELS > 2).double()
    plain = lossbook.sigmoid_focal(logit, target, reduction="none")
    side = torch.where(target == 1, 0.25, 0.75)
    same(lossbook.sigmoid_focal(logit, target, alpha=0.25, reduction="none"), side * plain)
    hand = CARDS["sigmoid_focal"].gradient
    same(hand(logit, target, alpha=0.25), side * hand(logit, target))

    plain = lossbook.softmax_focal(LOGITS, LABELS, reduction="none")
    same(lossbook.softmax_focal(LOGITS, LABELS, alpha=CLASS_WEIGHTS, reduction="none"), CLASS_WEIGHTS[LABELS] * plain)
    same(lossbook.softmax_focal(LOGITS, LABELS, alpha=CLASS_WEIGHTS), (CLASS_WEIGHTS[LABELS] * plain).mean())
    same(lossbook.softmax_focal(LOGITS, LABELS, alpha=torch.tensor(0.25), reduction="none"), plain / 4)
    with pytest.raises(ValueError, match="one per class"):
        lossbook.softmax_focal(LOGITS, LABELS, alpha=[1.0, 2.0])
    with pytest.raises(ValueError, match="alpha"):
        lossbook.sigmoid_focal(logit, target, alpha=1.5)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_focal_gradient_is_finite_where_the_naive_form_is_not(gamma, dtype):
    logit = torch.tensor([200.0, -200.0, 0.0, 1e4], dtype=dtype, requires_grad=True)
    target = torch.tensor([1.0, 0.0, 1.0, 0.0], dtype=dtype)
    (gradient,) = torch.autograd.grad(lossbook.sigmoid_focal(logit, target, gamma=gamma, reduction="sum"), logit)
    assert torch.isfinite(gradient).all()
    assert gradient[3] == 1  # confidently wrong: as cross-entropy
    logits = torch.stack([logit.detach(), torch.zeros(4, dtype=dtype)], -1).requires_grad_()
    (rows,) = torch.autograd.grad(lossbook.softmax_focal(logits, 1 - target.long(), gamma=gamma, reduction="sum"), logits)
    torch.testing.assert_close(rows[:, 0], gradient, rtol=1e-5, atol=1e-7)


def test_two_classes_are_one_logit():
    logit, target = LOGITS[:, 0], (LABELS > 2).double()
    pair = torch.stack([torch.zeros_like(logit), logit], -1)
    same(cross_entropy(pair, target.long()), lossbook.sigmoid_cross_entropy(logit, target))


def test_confident_logits_keep_their_digits():
    assert float(cross_entropy(np.array([[40.0, 0.0]]), np.array([0]))) == pytest.approx(np.exp(-40), rel=1e-14)
    assert float(lossbook.sigmoid_cross_entropy(np.array(40.0), np.array(1.0))) == pytest.approx(np.exp(-40), rel=1e-14)


@pytest.mark.parametrize("epsilon", [-1.0, -0.999, -0.5, 0.0, 1.0, 3.0])
def test_poly_keeps_its_digits_where_its_terms_cancel(epsilon):
    """At ε = -1 the first power of 1 - p is gone: what is left is half the square, down to the smallest numbers."""
    for gap in (1e-3, 0.1, 1.0, 5.0, 20.0, 40.0, 300.0):
        got = float(lossbook.poly_cross_entropy(np.array([[gap, 0.0]]), np.array([0]), epsilon=epsilon))
        with mpmath.workdps(400):
            p = 1 / (1 + mpmath.exp(-mpmath.mpf(gap)))
            assert got == pytest.approx(float(-mpmath.log(p) + mpmath.mpf(epsilon) * (1 - p)), rel=1e-13)


def test_poly_is_its_series():
    """(1 + ε)(1 - p) + Σ (1 - p)^j / j from j = 2 on."""
    logits = torch.tensor([[1.0, 0.0, 0.0], [2.0, 1.0, 0.0]], dtype=torch.float64)
    missing = 1 - logits.softmax(-1)[:, 0]
    series = sum(missing**j / j * (2.5 if j == 1 else 1) for j in range(1, 200))
    same(lossbook.poly_cross_entropy(logits, torch.tensor([0, 0]), epsilon=1.5, reduction="none"), series)


def test_poly_epsilon():
    same(lossbook.poly_cross_entropy(LOGITS, LABELS, epsilon=0.0), cross_entropy(LOGITS, LABELS))
    with pytest.raises(ValueError, match="epsilon"):
        lossbook.poly_cross_entropy(LOGITS, LABELS, epsilon=-1.5)
    mixed = sum(SOFT[:, y] * lossbook.poly_cross_entropy(LOGITS, 0 * LABELS + y, reduction="none") for y in range(5))
    same(lossbook.poly_cross_entropy(LOGITS, SOFT, reduction="none"), mixed)


def test_savage_is_half_the_brier_score_of_two_classes():
    logit, target = LOGITS[:, 0], (LABELS > 2).double()
    pair = torch.stack([torch.zeros_like(logit), logit], -1)
    same(2 * lossbook.savage(logit, target), lossbook.brier(pair, target.long()))
    assert lossbook.savage(torch.tensor([torch.inf, -torch.inf]), torch.ones(2), reduction="none").tolist() == [0, 1]
    assert CARDS["savage"].gradient(np.array([-800.0, 800.0]), np.ones(2)).tolist() == [0, 0]
    with pytest.raises(ValueError, match="target must be 0 or 1"):
        lossbook.savage(logit, 0.5 * target)


def test_exponential_overflows_to_infinity_and_says_so():
    assert lossbook.exponential(np.array([-1000.0]), np.array([1.0])) == np.inf
