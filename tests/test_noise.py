"""What only the losses for noisy labels have: limits, sums over the classes, transition matrices, impossible labels."""

import functools
import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lossbook import CARDS, check
from lossbook._symbols import K, order

RNG = np.random.default_rng(1)
LOGITS = torch.as_tensor(2 * RNG.standard_normal((12, 3)))
LABELS = torch.as_tensor(RNG.integers(0, 3, 12))
SOFT = torch.as_tensor(RNG.dirichlet(np.ones(3), 12))
NOISE = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.0, 0.3, 0.7]])
INF = np.inf
GCE, SCE, FORWARD = "generalized_cross_entropy", "symmetric_cross_entropy", "forward_corrected_cross_entropy"
FAILURES = [
    ("symmetric_costs, wrong total", lambda: check.symmetric_costs(GCE, total=K, where={order: 1})),
    ("symmetric_costs", lambda: check.symmetric_costs(GCE, total=K - 1)),
    ("class_costs, too wide", lambda: check.class_costs(GCE, low=0.9 * (K - K ** (1 - order)) / order, high=(K - 1) / order)),
    ("class_costs, too narrow", lambda: check.class_costs(GCE, low=(K - K ** (1 - order)) / order, high=0.9 * (K - 1) / order)),
    ("at_identity", lambda: check.at_identity(FORWARD, matrix="transition", expression=CARDS[GCE].formula, name="wrong")),
    ("affine_in_noise", lambda: check.affine_in_noise("softmax_cross_entropy", params={"label_smoothing": 0.0})),
]


def loss(name, *arrays, **options):
    return CARDS[name].function(*arrays, **options)  # through CARDS, where the mutants live


def costs(name, logits=LOGITS, **options):
    """The cost of every class: (..., K)."""
    every = [torch.full(logits.shape[:-1], k) for k in range(logits.shape[-1])]
    return torch.stack([loss(name, logits, labels, reduction="none", **options) for labels in every], -1)


def same(ours, theirs, rtol=1e-12):
    torch.testing.assert_close(ours, theirs, rtol=rtol, atol=1e-14)


# --- generalised and symmetric cross-entropy ------------------------------------------------------------------------------


def test_generalized_cross_entropy_between_its_ends():
    p = LOGITS.softmax(-1)[range(12), LABELS]
    same(loss(GCE, LOGITS, LABELS, reduction="none"), (1 - p**0.7) / 0.7)
    same(loss(GCE, LOGITS, LABELS, q=1.0, reduction="none"), 1 - p)
    absolute = F.l1_loss(LOGITS.softmax(-1), F.one_hot(LABELS, 3).double(), reduction="none").sum(-1)
    same(loss(GCE, LOGITS, LABELS, q=1.0, reduction="none"), absolute / 2)
    for q in (1e-12, 1e-300):
        same(loss(GCE, LOGITS, LABELS, q=q, reduction="none"), F.cross_entropy(LOGITS, LABELS, reduction="none"), rtol=1e-10)


def test_the_sum_over_the_classes_and_where_it_is_extreme():
    for q in (0.2, 0.7, 1.0):
        sums = costs(GCE, q=q).sum(-1)
        assert ((3 - 3 ** (1 - q)) / q - 1e-14 <= sums).all() and (sums <= 2 / q + 1e-14).all()
    at_extremes = costs(GCE, torch.tensor([[0.0, 0.0, 0.0], [800.0, 0.0, 0.0]], dtype=torch.float64)).sum(-1)
    assert at_extremes.tolist() == pytest.approx([(3 - 3**0.3) / 0.7, 2 / 0.7], rel=1e-14)
    reverse = costs(SCE, alpha=0.0, beta=1.0, log_zero=-4.0).sum(-1)
    same(reverse, torch.full((12,), 8.0, dtype=torch.float64))


def test_risk_under_symmetric_noise():
    """By enumeration: a label moves to each other class with probability r / 2. Slope 1 - r K / (K - 1); not so for CE."""
    rate, clean = 0.4, np.array([0.55, 0.25, 0.2])
    moves = (1 - rate) * np.eye(3) + rate / 2 * (1 - np.eye(3))

    def slopes(name, **options):
        every = costs(name, **options).numpy()
        before = every @ clean
        after = sum(clean[y] * moves[y, seen] * every[:, seen] for y, seen in itertools.product(range(3), repeat=2))
        return np.diff(after) / np.diff(before)

    np.testing.assert_allclose(slopes(GCE, q=1.0), 1 - rate * 3 / 2, rtol=1e-10)
    np.testing.assert_allclose(slopes(SCE, alpha=0.0), 1 - rate * 3 / 2, rtol=1e-10)
    assert np.ptp(slopes("softmax_cross_entropy")) > 0.1


def test_the_absolute_error_puts_everything_on_the_likeliest_class():
    for q in ([0.4, 0.35, 0.25], [0.2, 0.5, 0.3]):
        logits = torch.zeros(3, dtype=torch.float64, requires_grad=True)
        for _ in range(200):
            (slope,) = torch.autograd.grad(loss(GCE, logits, torch.tensor(q, dtype=torch.float64), q=1.0), logits)
            logits = (logits - 20 * slope).detach().requires_grad_()
        assert logits.softmax(-1)[int(np.argmax(q))] > 0.99


def test_symmetric_cross_entropy_is_linear_and_only_the_product_counts():
    same(loss(SCE, LOGITS, SOFT, reduction="none"), (SOFT * costs(SCE)).sum(-1))
    p = LOGITS.softmax(-1)[range(12), LABELS]
    plain = F.cross_entropy(LOGITS, LABELS, reduction="none")
    same(loss(SCE, LOGITS, LABELS, alpha=6.0, beta=0.1, log_zero=-9.21, reduction="none"), 6 * plain + 0.921 * (1 - p))
    same(loss(SCE, LOGITS, LABELS, beta=2.0, log_zero=-3.0), loss(SCE, LOGITS, LABELS, beta=1.0, log_zero=-6.0))
    same(loss(SCE, LOGITS, LABELS, alpha=1.0, beta=0.0), F.cross_entropy(LOGITS, LABELS))


def test_the_released_reverse_part():
    """The authors' code: -Σ_k p_k log(one-hot clamped to [1e-4, 1]); it is the reverse part with A = ln 1e-4."""
    p = LOGITS.softmax(-1)
    reverse = -(p * F.one_hot(LABELS, 3).double().clamp(1e-4, 1.0).log()).sum(-1)
    same(loss(SCE, LOGITS, LABELS, alpha=0.0, log_zero=np.log(1e-4), reduction="none"), reverse)


# --- forward correction -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [LABELS, SOFT], ids=["indices", "probabilities"])
def test_forward_correction(labels):
    seen = (LOGITS.softmax(-1) @ torch.as_tensor(NOISE)).log()
    q = F.one_hot(labels, 3).double() if labels.ndim == 1 else labels
    same(loss(FORWARD, LOGITS, labels, transition=NOISE.tolist(), reduction="none"), -(q * seen).sum(-1))
    same(loss(FORWARD, LOGITS, labels, transition=np.eye(3).tolist()), F.cross_entropy(LOGITS, labels))


def test_rows_are_the_clean_classes():
    """Class 0 is labelled 1 in a fifth of the cases, class 1 never 0: which way round T is read shows."""
    logits = torch.tensor([[50.0, 0.0]], dtype=torch.float64)
    got = loss(FORWARD, logits, torch.tensor([1]), transition=[[0.8, 0.2], [0.0, 1.0]])
    assert got.item() == pytest.approx(-np.log(0.2), rel=1e-12)


def test_the_clean_distribution_is_the_optimum_and_the_noisy_one_is_that_of_cross_entropy():
    clean = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    noisy = clean @ torch.as_tensor(NOISE)
    gradient = CARDS[FORWARD].gradient(clean.log(), noisy, transition=NOISE.tolist())
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-15, rtol=0)
    assert CARDS["softmax_cross_entropy"].gradient(clean.log(), noisy).abs().max() > 0.04


@pytest.mark.parametrize("name", ["softmax_cross_entropy", GCE])
def test_backward_correction_is_unbiased(name):
    """Costs times T⁻¹, averaged over the labels that a clean class may get, are the clean costs. Forward correction is not."""
    every = costs(name).numpy()
    corrected = every @ np.linalg.inv(NOISE).T  # Σ_k (T⁻¹)_lk ℓ_k for the label l
    for y in range(3):
        averaged = sum(NOISE[y, seen] * corrected[:, seen] for seen in range(3))
        np.testing.assert_allclose(averaged, every[:, y], rtol=1e-12)
    assert corrected.min() < 0  # the price: no longer bounded below by 0
    forward = costs(FORWARD, transition=NOISE.tolist()).numpy()
    assert np.abs(forward @ NOISE[0] - every[:, 0]).max() > 0.1


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_where_probabilities_end(dtype):
    """softmax underflows, the loss does not; and close to 0 it keeps its digits."""
    far = torch.tensor([[0.0, -3e3, -4e3]], dtype=dtype, requires_grad=True)
    value = loss(FORWARD, far, torch.tensor([1]), transition=[[0.75, 0.0, 0.25], [0.0, 0.5, 0.5], [0.0, 1.0, 0.0]])
    assert value.item() == pytest.approx(3000 + np.log(2), rel=1e-6)
    (slope,) = torch.autograd.grad(value, far)
    assert slope[0].tolist() == pytest.approx([1, -1, 0], abs=1e-6)
    sure = torch.tensor([[40.0, 40.0, 0.0]], dtype=dtype)
    value = loss(FORWARD, sure, torch.tensor([0]), transition=[[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    assert value.item() == pytest.approx(np.exp(-40) / 4, rel=1e-5)


def test_a_label_that_never_occurs():
    merged = [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    z = LOGITS.clone().requires_grad_()
    values = loss(FORWARD, z, torch.tensor([0, 1, 2] * 4), transition=merged, reduction="none")
    assert (values[1::3] == INF).all() and torch.isfinite(values[0::3]).all() and torch.isfinite(values[2::3]).all()
    (slope,) = torch.autograd.grad(values.sum(), z)
    assert torch.isfinite(slope).all() and (slope[1::3] == 0).all()
    same(CARDS[FORWARD].gradient(LOGITS, torch.tensor([0, 1, 2] * 4), transition=merged), slope)


def test_a_transition_is_checked_and_keeps_its_gradient():
    def call(transition):
        return loss(FORWARD, LOGITS, LABELS, transition=transition)

    with pytest.raises(ValueError, match=r"transition must have rows that sum to 1, got 0\.9.* at position 1"):
        call([[1.0, 0, 0], [0.9, 0, 0], [0, 0, 1]])
    with pytest.raises(ValueError, match=r"transition must lie in \[0, 1\]"):
        call([[1.5, -0.5, 0], [0, 1, 0], [0, 0, 1]])
    with pytest.raises(ValueError, match="one row per class"):
        call([0.5, 0.25, 0.25])
    T = torch.as_tensor(NOISE).requires_grad_()
    (slope,) = torch.autograd.grad(call(T), T)
    seen = LOGITS.softmax(-1) @ torch.as_tensor(NOISE)
    want = -(LOGITS.softmax(-1).T @ (F.one_hot(LABELS, 3) / seen)) / 12
    same(slope[T > 0], want[T > 0])
    assert torch.isfinite(slope).all()


@pytest.mark.parametrize("name, options", [(GCE, {}), (SCE, {}), (FORWARD, {"transition": NOISE.tolist()})])
def test_infinite_logits(name, options):
    """A class ruled out that is not the label changes nothing; an infinite logit is certainty."""
    logits = torch.tensor([[0.5, -INF, 1.0], [INF, 0.0, 1.0]], dtype=torch.float64, requires_grad=True)
    values = loss(name, logits, torch.tensor([0, 0]), reduction="none", **options)
    same(values, loss(name, logits.detach().clamp(-1e4, 1e4), torch.tensor([0, 0]), reduction="none", **options))
    (slope,) = torch.autograd.grad(values[0], logits)
    assert torch.isfinite(slope[0]).all()
    assert slope[0, 1] == 0
    wrong = {GCE: 1 / 0.7, SCE: INF, FORWARD: -np.log(0.2)}
    assert loss(name, logits[1], torch.tensor(1), **options).item() == pytest.approx(wrong[name])


def test_label_smoothing_moves_the_optimum():
    """The optimum of smoothed cross-entropy is (1 - ε) q + ε / K."""
    from lossbook._symbols import Q, epsilon, j

    optimum = (1 - epsilon) * Q[j] + epsilon / K
    assert check.optimum_of_classes("softmax_cross_entropy", optimum=optimum, name="smoothed")
    assert not check.optimum_of_classes("softmax_cross_entropy", optimum=Q[j], name="q", params={"label_smoothing": 0.1})


GUARDS = {
    SCE: [functools.partial(test_infinite_logits, SCE, {})],
    FORWARD: [
        functools.partial(test_where_probabilities_end, torch.float32),
        functools.partial(test_infinite_logits, FORWARD, {"transition": NOISE.tolist()}),
        test_a_label_that_never_occurs,
        test_a_transition_is_checked_and_keeps_its_gradient,
    ],
}
