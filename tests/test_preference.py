"""What only the preference losses have: references, margins with a goal, probabilities of 1, and what training does."""

import math

import mpmath
import numpy as np
import pytest
import torch

from lossbook import CARDS

INF = np.inf
RNG = np.random.default_rng(0)
PAIRS = -RNG.gamma(2.0, 5.0, (4, 50))


def call(name, *arrays, **options):
    return CARDS[name].function(*arrays, **options)  # through CARDS, where the mutants live


# --- DPO and IPO ----------------------------------------------------------------------------------------------------------


def test_only_the_difference_counts():
    w, l, rw, rl = PAIRS  # noqa: E741
    for name in ("dpo", "ipo"):
        values = call(name, w, l, rw, rl, reduction="none")
        np.testing.assert_allclose(call(name, w - 3, l - 3, rw, rl, reduction="none"), values, rtol=1e-11)
        np.testing.assert_allclose(call(name, w, l, rw - 5, rl - 5, reduction="none"), values, rtol=1e-11)
        np.testing.assert_allclose(call(name, w - rw, l - rl, 0 * w, 0 * l, reduction="none"), values, rtol=1e-11)


@pytest.mark.parametrize("name", ["dpo", "ipo"])
def test_long_answers_in_single_precision(name):
    """Log-probabilities of thousands, a margin of a few hundredths: every float32 that comes in is used to its last digit."""
    start = np.float32(-RNG.uniform(3000, 5000, 200))
    w, l, rw, rl = (np.float32(start - shift) for shift in RNG.uniform(0, 1, (4, 200)))  # noqa: E741
    exactly = [a.astype(np.float64) for a in (w, l, rw, rl)]
    got, want = call(name, w, l, rw, rl, reduction="none"), call(name, *exactly, reduction="none")
    np.testing.assert_allclose(got, want, rtol=3e-7)


def test_references_receive_no_gradient():
    arrays = [torch.as_tensor(a).requires_grad_() for a in PAIRS]
    for name in ("dpo", "ipo"):
        slopes = torch.autograd.grad(call(name, *arrays), arrays, allow_unused=True)
        assert slopes[2] is None
        assert slopes[3] is None
        torch.testing.assert_close(slopes[0], -slopes[1], rtol=1e-14, atol=0)


def test_an_impossible_answer():
    w, l = (torch.tensor([v], dtype=torch.float64, requires_grad=True) for v in (-INF, -3.0))  # noqa: E741
    reference = torch.tensor([-2.0], dtype=torch.float64)
    value = call("dpo", w, l, reference, reference)
    assert value.item() == INF
    assert [g.item() for g in torch.autograd.grad(value, (w, l))] == [-0.1, 0.1]
    assert call("dpo", l, w, reference, reference).item() == 0


def test_minimising_dpo_finds_the_closed_form():
    """Three answers, all pairs, preferences by rewards: the minimum is π₀ e^(r/β), normalised."""
    rewards, reference, beta = torch.tensor([1.0, 0.2, -0.5]).double(), torch.tensor([0.2, 0.3, 0.5]).double(), 0.7
    logits = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    first, second = (torch.tensor(side) for side in zip(*[(a, b) for a in range(3) for b in range(3) if a != b]))
    wins = torch.sigmoid(rewards[first] - rewards[second])
    newton = torch.optim.LBFGS([logits], max_iter=200, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe")

    def closure():
        newton.zero_grad()
        log_p, log_q = logits.log_softmax(-1), reference.log()
        value = call("dpo", log_p[first], log_p[second], log_q[first], log_q[second], beta=beta, weight=wins)
        value.backward()
        return value

    newton.step(closure)
    want = reference * torch.exp(rewards / beta)
    torch.testing.assert_close(logits.detach().softmax(-1), want / want.sum(), rtol=1e-6, atol=0)


def test_certain_preferences_have_an_end_for_ipo_alone():
    margins = np.array([1.0, 5.0, 25.0, 125.0])
    zero = np.zeros(4)
    dpo, ipo = (call(name, margins, zero, zero, zero, beta=0.1, reduction="none") for name in ("dpo", "ipo"))
    assert np.all(np.diff(dpo) < 0)
    assert ipo.tolist() == [16.0, 0.0, 400.0, 14400.0]


# --- KTO ------------------------------------------------------------------------------------------------------------------


def test_the_reference_point_of_kto_is_held():
    log_ratio = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
    kl = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    value = call("kto", log_ratio, torch.tensor([1, 0]), kl=kl)
    slopes = torch.autograd.grad(value, (log_ratio, kl), allow_unused=True)
    assert slopes[1] is None
    want = torch.sigmoid(0.1 * (kl.detach() - log_ratio.detach()) * torch.tensor([1.0, -1.0])).mean()
    assert value.item() == pytest.approx(want.item(), rel=1e-14)


@pytest.mark.parametrize("library", [np.asarray, torch.as_tensor])
def test_a_negative_divergence_counts_as_0(library):
    arrays = library(np.array([1.0, -2.0])), library(np.array([True, False]))
    assert call("kto", *arrays, kl=-3.0) == call("kto", *arrays)
    assert call("kto", *arrays, kl=3.0) != call("kto", *arrays)
    each = call("kto", *arrays, kl=library(np.array([0.5, -1.0])), reduction="none")
    assert float(each[0]) == float(call("kto", arrays[0][:1], arrays[1][:1], kl=0.5))
    assert float(each[1]) == float(call("kto", arrays[0][1:], arrays[1][1:]))


@pytest.mark.parametrize("wrong", [0.5, -1.0, 2.0])
def test_desirable_or_not(wrong):
    with pytest.raises(ValueError, match="desirable must be 0 or 1"):
        call("kto", np.zeros(1), np.array([wrong]))


# --- SimPO and ORPO -------------------------------------------------------------------------------------------------------


def test_simpo_asks_for_a_margin():
    w = np.array([-1.0])
    assert call("simpo", w, w - 0.5, beta=2.0, margin=1.0) == pytest.approx(math.log(2), rel=1e-15)
    assert call("simpo", w, w, margin=0.0) == call("dpo", w, w, w, w)


def odds_ratio(w, l, weight):  # noqa: E741
    """-log p_w + λ log(1 + odds_l / odds_w), by the definition, in 400 digits, with its two slopes."""
    with mpmath.workdps(400):
        p, q, weight = mpmath.exp(mpmath.mpf(w)), mpmath.exp(mpmath.mpf(l)), mpmath.mpf(weight)
        total = p * (1 - q) + q * (1 - p)
        value = -mpmath.log(p) + weight * mpmath.log(1 + q * (1 - p) / (p * (1 - q)))
        return float(value), float(-1 - weight * q / total), float(weight * q * (1 - p) / (total * (1 - q)))


CLOSE = [-1e-300, -1e-20, -1e-12, -1e-4, -0.1, -math.log(2), -5.0, -50.0, -600.0]


@pytest.mark.parametrize("w", CLOSE)
def test_odds_near_certainty(w):
    for l in CLOSE:  # noqa: E741
        want = odds_ratio(w, l, 0.1)
        pair = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (w, l)]
        value = call("orpo", *pair)
        assert value.item() == pytest.approx(want[0], rel=1e-12, abs=1e-305)
        by_autograd = [g.item() for g in torch.autograd.grad(value, pair)]
        by_hand = [float(g) for g in CARDS["orpo"].gradient(np.array(w), np.array(l))]
        assert by_autograd == pytest.approx(want[1:], rel=1e-11)
        assert by_hand == pytest.approx(want[1:], rel=1e-11)


def test_a_certain_answer():
    """p_w = 1: the odds are infinite, their loss is 0, and its slope in log p_w is the odds of the rejected answer."""
    w, l = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.0, math.log(0.8)))  # noqa: E741
    value = call("orpo", w, l, weight_odds=0.5)
    slopes = [g.item() for g in torch.autograd.grad(value, (w, l))]
    assert value.item() == 0
    assert slopes == pytest.approx([-1 - 0.5 * 4, 0], rel=1e-14)
    assert [float(g) for g in CARDS["orpo"].gradient(np.array(0.0), np.log(0.8), weight_odds=0.5)] == pytest.approx(slopes)
    assert call("orpo", np.array(-1.0), np.array(0.0)) == INF
    assert np.isnan(call("orpo", np.array(0.0), np.array(0.0)))  # odds infinite over infinite


def test_a_loss_is_no_log_probability():
    for pair in ((0.3, -1.0), (-1.0, 0.3), (1.0, -1.0), (-1.0, 1.0)):
        with pytest.raises(ValueError, match=r"(chosen|rejected) must be <= 0, the mean log of a probability"):
            call("orpo", np.array(pair[0]), np.array(pair[1]))


def test_no_odds_no_rejected_answer():
    w = torch.tensor([-0.3, -2.0], requires_grad=True)
    l = torch.tensor([-1.0, -0.1], requires_grad=True)  # noqa: E741
    value = call("orpo", w, l, weight_odds=0.0)
    assert value.item() == pytest.approx(1.15)
    assert torch.equal(torch.autograd.grad(value, l)[0], torch.zeros(2))


GUARDS = {
    "dpo": [lambda: test_long_answers_in_single_precision("dpo"), test_an_impossible_answer],
    "kto": [test_the_reference_point_of_kto_is_held, lambda: test_a_negative_divergence_counts_as_0(np.asarray)],
    "orpo": [
        lambda: [test_odds_near_certainty(w) for w in CLOSE] and None,
        test_a_certain_answer,
        test_a_loss_is_no_log_probability,
    ],
}
