"""What only the combinations of losses have: lists of numbers and of tensors, losses that are switched off, learned weights."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from lossbook import CARDS, card, check

INF, NAN = np.inf, np.nan


def call(name, *arrays, **options):
    return CARDS[name].function(*arrays, **options)  # through CARDS, where the mutants live


def upside_down(losses, weights, *, reduction="sum", **_):
    return CARDS["weighted_sum"].function(-np.asarray(losses), weights, reduction=reduction)


upside_down.__dict__.update(card("weighted_sum").function.__dict__)
CORNER = [(0.0, 1.0), (0.6, 0.6), (1.0, 0.0)]  # the middle one is a trade-off, and lies behind the line between the others
FAILURES = [
    ("best_is_a_trade_off", lambda: check.best_is_a_trade_off(replace(card("weighted_sum"), function=upside_down))),
    ("reaches_every_trade_off", lambda: check.reaches_every_trade_off("weighted_sum", at=CORNER)),
]


def test_a_trade_off_in_front_of_the_line_is_no_witness():
    assert check.reaches_every_trade_off("weighted_sum", at=[(0.0, 1.0), (0.4, 0.4), (1.0, 0.0)])


@pytest.mark.parametrize("name", ["weighted_sum", "uncertainty_weighting"])
def test_a_list_of_tensors(name):
    """As they come out of other losses; gradient flows back to each."""
    losses = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.5, 2.0, 3.0)]
    second = torch.tensor([1.0, 0.25, 2.0], dtype=torch.float64)
    total = call(name, losses, second)
    assert total.item() == pytest.approx(float(call(name, [0.5, 2.0, 3.0], second.tolist())), rel=1e-15)
    want = second if name == "weighted_sum" else torch.exp(-second) / 2
    torch.testing.assert_close(torch.stack(torch.autograd.grad(total, losses)), want, rtol=1e-15, atol=0)


@pytest.mark.parametrize("garbage", [NAN, INF, -INF])
def test_weight_zero_switches_a_loss_off(garbage):
    losses = torch.tensor([1.0, garbage, 3.0], requires_grad=True)
    total = call("weighted_sum", losses, torch.tensor([2.0, 0.0, 1.0]))
    (gradient,) = torch.autograd.grad(total, losses)
    assert total.item() == 5
    assert gradient.tolist() == [2, 0, 1]
    assert CARDS["weighted_sum"].gradient(np.array([garbage]), np.array([0.0])) == 0


def test_what_counts_is_not_hidden():
    assert call("weighted_sum", [1.0, INF], [1.0, 1e-300]) == INF
    assert math.isnan(call("weighted_sum", [1.0, NAN], [1.0, 1e-300]))
    assert math.isnan(call("weighted_sum", [1.0, 1.0], [1.0, NAN]))
    with pytest.raises(ValueError, match=r"weights must be >= 0, got -1.0 at position 1"):
        call("weighted_sum", [1.0, 1.0], [1.0, -1.0])
    with pytest.raises(ValueError, match="weights must have shape"):
        call("weighted_sum", [1.0, 1.0], [1.0])


def test_weights_receive_no_gradient():
    losses, weights = (torch.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    call("weighted_sum", losses, weights).backward()
    assert weights.grad is None


def test_learned_weights_minimise_the_geometric_mean():
    """Gradient descent on v alone ends at v = log L, where the sum is ½ Σ (1 + log L)."""
    losses = torch.tensor([1e-3, 1.0, 50.0], dtype=torch.float64)
    v = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    newton = torch.optim.LBFGS([v], max_iter=200, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe")

    def closure():
        newton.zero_grad()
        value = call("uncertainty_weighting", losses, v)
        value.backward()
        return value

    newton.step(closure)
    torch.testing.assert_close(v.detach(), torch.log(losses), rtol=0, atol=1e-6)
    assert closure().item() == pytest.approx(0.5 * (3 + torch.log(losses).sum().item()), rel=1e-9)


def test_no_overflow_before_the_product():
    """e^-v alone would be too large here; the product is not."""
    assert call("uncertainty_weighting", [0.0], [-1000.0]) == -500
    assert call("uncertainty_weighting", [1e-300], [-1000.0]) == pytest.approx(
        0.5 * 1e-300 * math.e**500 * math.e**500, rel=1e-12
    )


def test_a_loss_at_its_limits():
    assert call("uncertainty_weighting", [INF], [0.0]) == INF
    assert call("uncertainty_weighting", [2.0], [INF]) == INF
    assert call("uncertainty_weighting", [-1.0], [-20.0]) < -1e8  # a negative loss is rewarded without end
    assert math.isnan(call("uncertainty_weighting", [NAN], [0.0]))
