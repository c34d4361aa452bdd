"""What only the losses for unequal classes have: priors, counts, margins, weights; and the authors' own code."""

import functools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import minimize

import lossbook
from lossbook import CARDS, check
from lossbook._symbols import Q, c, j

RNG = np.random.default_rng(0)
LOGITS = torch.as_tensor(2 * RNG.standard_normal((12, 4)))
LABELS = torch.as_tensor(RNG.integers(0, 4, 12))
SOFT = torch.as_tensor(RNG.dirichlet(np.ones(4), 12))
PRIOR = torch.tensor([0.7, 0.2, 0.09, 0.01], dtype=torch.float64)
COUNTS = [700, 200, 90, 10]
INF = np.inf
FAILURES = [
    ("optimum_of_classes", lambda: check.optimum_of_classes("logit_adjusted_cross_entropy", optimum=Q[j], name="wrong")),
    ("balanced_rule", lambda: check.balanced_rule("logit_adjusted_cross_entropy", params={"tau": 0.5})),
    ("optimal_margins", lambda: check.optimal_margins("ldam", power="1/3")),
    ("flat, too far", lambda: check.flat("asymmetric_focal", target=0, below=c + (1 - c) / 100)),
    ("flat, not far enough", lambda: check.flat("asymmetric_focal", target=0, below=c * 0.9, params={"clip": 0.1})),
]


def loss(name, *arrays, **options):
    return CARDS[name].function(*arrays, **options)  # through CARDS, where the mutants live


def same(ours, theirs, rtol=1e-12):
    torch.testing.assert_close(ours, theirs, rtol=rtol, atol=1e-14)


# --- logit adjustment ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [LABELS, SOFT], ids=["indices", "probabilities"])
def test_logit_adjustment_is_cross_entropy_of_shifted_logits(labels):
    for tau in (0.0, 1.0, 1.7):
        shifted = F.cross_entropy(LOGITS + tau * PRIOR.log(), labels, reduction="none")
        same(loss("logit_adjusted_cross_entropy", LOGITS, labels, prior=PRIOR, tau=tau, reduction="none"), shifted)


def test_training_with_the_shift_is_shifting_afterwards():
    """A full table of logits: its minimiser is that of cross-entropy less τ log π, up to a constant per input."""
    inputs, labels = RNG.integers(0, 3, 200), RNG.integers(0, 4, 200)
    labels[:12] = np.arange(12) % 4
    inputs[:12] = np.arange(12) // 4  # every pair occurs
    prior = np.bincount(labels) / 200

    def fit(function, gradient, **params):
        def risk(table):
            z = table.reshape(3, 4)
            slope = np.zeros((3, 4))
            np.add.at(slope, inputs, gradient(z[inputs], labels, **params) / 200)
            return float(function(z[inputs], labels, **params)), slope.ravel()

        z = minimize(risk, np.zeros(12), jac=True, options={"gtol": 1e-10}).x.reshape(3, 4)
        return z - z.mean(-1, keepdims=True)

    plain = fit(lossbook.softmax_cross_entropy, CARDS["softmax_cross_entropy"].gradient)
    adjusted = CARDS["logit_adjusted_cross_entropy"]
    shifted = plain - np.log(prior) + np.log(prior).mean()
    np.testing.assert_allclose(fit(adjusted.function, adjusted.gradient, prior=prior), shifted, atol=1e-6)


def test_next_to_huge_logits_the_prior_keeps_its_digits():
    logits = np.full((1, 4), 1e12)
    got = loss("logit_adjusted_cross_entropy", logits, np.array([3]), prior=PRIOR.numpy())
    assert float(got) == pytest.approx(-np.log(0.01), rel=1e-14)
    single = loss("logit_adjusted_cross_entropy", logits.astype(np.float32) + 7e6, np.array([3]), prior=[0.7, 0.2, 0.09, 0.01])
    assert single.dtype == np.float32
    assert float(single) == pytest.approx(-np.log(0.01), rel=1e-6)


def test_a_prior_is_checked_and_keeps_its_gradient():
    def call(prior):
        return loss("logit_adjusted_cross_entropy", LOGITS, LABELS, prior=prior)

    with pytest.raises(ValueError, match=r"prior must be > 0, got 0\.0 at position 1"):
        call([1.0, 0.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="prior must sum to 1"):
        call([70.0, 20.0, 9.0, 1.0])
    with pytest.raises(ValueError, match="one per class"):
        call([0.5, 0.5])
    prior = PRIOR.clone().requires_grad_()
    (slope,) = torch.autograd.grad(call(prior), prior)
    assert torch.isfinite(slope).all() and slope.abs().max() > 0
    assert call(PRIOR.tolist()) == call(PRIOR)


# --- LDAM ---------------------------------------------------------------------------------------------------------------


def released(logits, label, max_margin=0.5, scale=30.0):
    """The rule of the authors' code: margins n^(-1/4) scaled to the largest, taken off the label's logit alone."""
    margins = 1 / np.sqrt(np.sqrt(np.array(COUNTS, float)))
    moved = logits - np.eye(4)[label] * (margins * max_margin / margins.max())
    return F.cross_entropy(torch.as_tensor(scale * moved), torch.as_tensor(label), reduction="none")


def test_ldam_is_the_released_rule():
    z = LOGITS.numpy() / 5
    same(torch.as_tensor(loss("ldam", z, LABELS.numpy(), counts=COUNTS, reduction="none")), released(z, LABELS.numpy()))


def test_ldam_is_linear_in_the_label():
    z = LOGITS.numpy() / 5
    costs = np.stack([released(z, np.full(12, k)).numpy() for k in range(4)], -1)
    mixed = loss("ldam", z, SOFT.numpy(), counts=COUNTS, reduction="none")
    np.testing.assert_allclose(mixed, (SOFT.numpy() * costs).sum(-1), rtol=1e-12)
    hand, autograd = CARDS["ldam"].gradient, torch.as_tensor(z).requires_grad_()
    (slope,) = torch.autograd.grad(loss("ldam", autograd, SOFT, counts=COUNTS, reduction="sum"), autograd)
    np.testing.assert_allclose(slope, hand(z, SOFT.numpy(), counts=COUNTS), rtol=1e-10, atol=1e-12)


def test_the_rarest_class_has_the_largest_margin():
    """Read off at equal logits, ℓ = log(1 + (K - 1) e^Δ): the ratio of two margins is that of n^(-1/4)."""
    costs = loss("ldam", np.zeros((4, 4)), np.arange(4), counts=COUNTS, scale=1.0, reduction="none")
    margins = np.log(np.expm1(costs) / 3)
    assert margins[3] == pytest.approx(0.5, rel=1e-14)
    np.testing.assert_allclose(margins / margins[0], (700 / np.array(COUNTS)) ** 0.25, rtol=1e-13)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_ldam_where_exponentials_end(dtype):
    """A margin of e^100 and a score that wins by 150 leave e^-50, which float32 holds, unlike e^-150 and e^100."""
    logits = torch.tensor([[150.0, 0.0], [0.0, 150.0], [0.0, 0.0]], dtype=dtype, requires_grad=True)
    options = {"counts": [5, 5], "max_margin": 100.0, "scale": 1.0}
    values = loss("ldam", logits, torch.tensor([0, 0, 0]), reduction="none", **options)
    assert values.tolist() == pytest.approx([np.exp(-50.0), 250.0, 100.0], rel=1e-5)
    (slope,) = torch.autograd.grad(values.sum(), logits)
    assert slope[:, 0].tolist() == pytest.approx([-np.exp(-50.0), -1.0, -1.0], rel=1e-5)
    by_hand = CARDS["ldam"].gradient(logits.detach(), torch.tensor([0, 0, 0]), **options)
    torch.testing.assert_close(by_hand, slope, rtol=1e-5, atol=1e-30)


def test_ldam_of_one_class_costs_nothing():
    assert float(loss("ldam", np.ones((2, 1)), np.zeros(2, int), counts=[3])) == 0


@pytest.mark.parametrize(
    "name, options", [("logit_adjusted_cross_entropy", {"prior": [0.2, 0.3, 0.5]}), ("ldam", {"counts": [2, 3, 5]})]
)
def test_infinite_logits(name, options):
    """A class ruled out that is not the label changes nothing; an infinite logit is certainty."""
    logits = torch.tensor([[0.5, -INF, 1.0], [INF, 0.0, 1.0], [0.5, -INF, -INF]], dtype=torch.float64, requires_grad=True)
    values = loss(name, logits, torch.tensor([0, 0, 0]), reduction="none", **options)
    far = logits.detach().clamp(-1e4, 1e4)
    same(values, loss(name, far, torch.tensor([0, 0, 0]), reduction="none", **options))
    assert values[1:].tolist() == [0, 0]
    (slope,) = torch.autograd.grad(values[0], logits)
    assert torch.isfinite(slope[0]).all()
    assert slope[0, 1] == 0
    assert loss(name, logits, torch.tensor([1, 1, 1]), reduction="none", **options).tolist() == [INF, INF, INF]


# --- asymmetric focal ---------------------------------------------------------------------------------------------------


def test_asymmetric_focal_is_the_released_rule():
    """As the authors write it, apart from the sum, the floor 1e-8 inside the logarithm, and the weight they may hold constant."""
    x, y = LOGITS.clone().requires_grad_(), (SOFT > 0.3).double()
    p = torch.sigmoid(x)
    negative = (1 - p + 0.05).clamp(max=1)
    held = (1 - p * y - negative * (1 - y)) ** (1.0 * y + 4.0 * (1 - y))
    log = y * p.log() + (1 - y) * negative.log()
    same(loss("asymmetric_focal", x, y, reduction="none"), -held * log)
    (ours,) = torch.autograd.grad(loss("asymmetric_focal", x, y, reduction="sum"), x)
    (true,) = torch.autograd.grad((-held * log).sum(), x, retain_graph=True)
    (detached,) = torch.autograd.grad((-held.detach() * log).sum(), x)
    same(ours, true)
    assert (detached - true).abs().max() > 0.1


def test_easy_negatives_are_silent():
    z = torch.linspace(-12, 6, 2001, dtype=torch.float64, requires_grad=True)
    value = loss("asymmetric_focal", z, torch.zeros_like(z), reduction="none")
    (slope,) = torch.autograd.grad(value.sum(), z)
    easy = torch.sigmoid(z) < 0.05
    assert (value[easy] == 0).all() and (slope[easy] == 0).all()
    assert (value[~easy] > 0).all() and (slope[~easy] > 0).all()
    assert slope.max().item() == pytest.approx(0.7326, abs=1e-4)
    (slope,) = torch.autograd.grad(loss("asymmetric_focal", z, torch.ones_like(z), reduction="sum"), z)
    assert slope.min().item() == pytest.approx(-1.0453, abs=1e-4)


@pytest.mark.parametrize("clip", [0.0, 0.05, 0.5])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 4.0])
def test_asymmetric_focal_at_infinity(gamma, clip):
    options = {"gamma_positive": gamma, "gamma_negative": gamma, "clip": clip, "reduction": "none"}
    z = torch.tensor([INF, -INF, 1e4, -1e4, -INF, INF], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0, 0.0], dtype=torch.float64)
    values = loss("asymmetric_focal", z, y, **options)
    assert values[:4].tolist() == [0, 0, 0, 0]
    assert values[4] == INF
    assert values[5].item() == pytest.approx((1 - clip) ** gamma * -np.log(clip) if clip else INF)
    (slope,) = torch.autograd.grad(values.sum(), z)
    want = [0, 0, 0, 0, -1, 0 if clip else 1]
    assert slope.tolist() == pytest.approx(want, abs=1e-300)
    del options["reduction"]
    assert CARDS["asymmetric_focal"].gradient(z.detach(), y, **options).tolist() == pytest.approx(want, abs=1e-300)


def test_near_the_kink():
    """p - c loses its digits if it is written so: at c = ½ and z = 1e-12 it is z / 4."""
    value = loss("asymmetric_focal", np.array(1e-12), np.array(0.0), gamma_negative=0.0, clip=0.5)
    assert float(value) == pytest.approx(2.5e-13, rel=1e-11)


def test_where_the_asymmetric_optimum_is():
    """Negatives below c cost nothing, so no class is told to go below c; and positives are favoured."""
    assert check.best_probability("asymmetric_focal", 0.02, {"gamma_positive": 0.0, "gamma_negative": 0.0}) > 0.0499
    assert check.best_probability("asymmetric_focal", 0.35) > 0.5


# --- class-balanced weights ---------------------------------------------------------------------------------------------


def test_class_balanced_weights():
    weights = lossbook.class_balanced_weights
    n = np.array([1.0, 2.0, 10.0, 1e6])
    np.testing.assert_allclose(weights(n, beta=0.9), 0.1 / (1 - 0.9**n), rtol=1e-13)
    assert weights(n, beta=0.0).tolist() == [1, 1, 1, 1]
    np.testing.assert_allclose(weights(n, beta=1 - 1e-13), 1 / n, rtol=1e-6)
    series = [sum(0.99**i for i in range(m)) for m in (1, 2, 50)]  # 1 + β + β² + ... + β^(n - 1): the effective number
    np.testing.assert_allclose(weights([1, 2, 50], beta=0.99), 1 / np.array(series), rtol=1e-12)
    tiny = 2.0**-40  # 1 - β^2 = 2 tiny - tiny²
    assert weights([2.0], beta=1 - tiny)[0] == pytest.approx(1 / (2 - tiny), rel=1e-15)


def test_class_balanced_weights_of_any_kind():
    weights = lossbook.class_balanced_weights
    for counts in ([5, 50], np.array([5, 50]), np.array([5, 50], np.float32), torch.tensor([5, 50]), torch.tensor([5.0, 50.0])):
        got = weights(counts)
        assert isinstance(got, torch.Tensor if isinstance(counts, torch.Tensor) else np.ndarray)
        np.testing.assert_allclose(got, [0.001 / (1 - 0.999**5), 0.001 / (1 - 0.999**50)], rtol=2e-6)
    assert weights(np.array([5, 50], np.float16)).dtype == np.float16
    assert weights(torch.tensor([5.0, 50.0], dtype=torch.bfloat16)).dtype == torch.bfloat16
    assert weights([]).shape == (0,)
    labels = torch.tensor([0, 1, 1])
    class_weights = weights([1, 2])
    plain = lossbook.softmax_cross_entropy(LOGITS[:3, :2], labels, reduction="none")
    weighted = lossbook.softmax_cross_entropy(LOGITS[:3, :2], labels, class_weights=class_weights.tolist(), reduction="sum")
    same(weighted, (torch.as_tensor(class_weights)[labels] * plain).sum())


def test_class_balanced_weights_are_checked():
    weights = lossbook.class_balanced_weights
    for wrong in ([3, 0], [3, -1], [3, np.nan]):
        with pytest.raises(ValueError, match=r"counts must be > 0.*at position 1"):
            weights(wrong)
    for beta in (1.0, -0.1, np.nan):
        with pytest.raises(ValueError, match=r"beta must lie in \[0, 1\)"):
            weights([1, 2], beta=beta)
    with pytest.raises(ValueError, match="one per class"):
        weights([[1, 2]])
    with pytest.raises(TypeError, match="counts"):
        weights(np.array([1j, 2]))
    with pytest.raises(TypeError, match="mask"):
        weights(np.ma.array([1.0, 2.0], mask=[False, True]))
    with np.errstate(all="raise"):
        weights([1e300, 1e-3], beta=0.0)
    compiled = torch.compile(lossbook.class_balanced_weights, fullgraph=True, backend="eager")
    counts = torch.tensor([3.0, 30.0])
    for beta in (0.9, 0.99, 0.999):
        torch.testing.assert_close(compiled(counts, beta=beta), weights(counts, beta=beta))


GUARDS = {
    "ldam": [
        test_the_rarest_class_has_the_largest_margin,
        functools.partial(test_ldam_where_exponentials_end, torch.float32),
        functools.partial(test_infinite_logits, "ldam", {"counts": [2, 3, 5]}),
    ],
    "logit_adjusted_cross_entropy": [
        test_next_to_huge_logits_the_prior_keeps_its_digits,
        functools.partial(test_infinite_logits, "logit_adjusted_cross_entropy", {"prior": [0.2, 0.3, 0.5]}),
    ],
    "asymmetric_focal": [
        test_near_the_kink,
        *[functools.partial(test_asymmetric_focal_at_infinity, 4.0, c) for c in (0.05, 0.0)],
    ],
}
