"""What only transport has: samples of any sizes, ties, directions, iterations that must converge, and their limits."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from lossbook import CARDS, card, check, transport
from lossbook.check.divergence import transport_cost

RNG = np.random.default_rng(0)
CLOUDS = RNG.standard_normal((6, 2)), RNG.standard_normal((5, 2)) + 1


def call(name, *arrays, **options):
    return CARDS[name].function(*arrays, **options)  # through CARDS, where the mutants live


def with_function(sound, function):
    function.__name__ = sound.name
    function.__dict__.update(sound.function.__dict__)
    return replace(sound, function=function)


def scaled(sound, factor):
    return with_function(sound, lambda *arrays, **options: factor * sound.function(*arrays, **options))


def unconverged():
    return replace(card("sinkhorn"), function=card("sinkhorn").function, gradient=first_guess)


def first_guess(x, y, *, epsilon, power, tolerance=None):
    return card("sinkhorn").gradient(x, y, epsilon=epsilon, power=power, tolerance=0.5)


def planted_marginals():
    """The check, with iterations that stop ten times too early."""
    sound = transport._potentials
    transport._potentials = lambda cost, epsilon, tolerance: sound(cost, epsilon, 10 * tolerance + 1e-2)
    try:
        return check.marginals("sinkhorn")
    finally:
        transport._potentials = sound


FAILURES = [
    ("least_cost", lambda: check.least_cost(scaled(card("wasserstein_1d"), 1 + 1e-9))),
    ("no_more_than_transport", lambda: check.no_more_than_transport(scaled(card("sliced_wasserstein"), 3))),
    ("no_more_than_transport, too little", lambda: check.no_more_than_transport(scaled(card("sliced_wasserstein"), 0.5))),
    ("no_less_than_transport", lambda: check.no_less_than_transport(scaled(card("sinkhorn"), 0.99))),
    ("no_less_than_transport, too much", lambda: check.no_less_than_transport(scaled(card("sinkhorn"), 1.5))),
    ("marginals", planted_marginals),
    ("envelope", lambda: check.envelope(unconverged())),
    ("tends_to_transport", lambda: check.tends_to_transport(scaled(card("sinkhorn"), 1.01))),
]


# --- on the line --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(1, 1), (1, 4), (4, 6), (5, 3), (6, 6), (7, 2)])
@pytest.mark.parametrize("power", [1, 2, 1.5, 3])
def test_samples_of_any_two_sizes(sizes, power):
    rng = np.random.default_rng(sum(sizes))
    x, y = (np.round(2 * rng.standard_normal(size)) for size in sizes)  # many points tie
    assert float(call("wasserstein_1d", x, y, power=power)) == pytest.approx(transport_cost(x, y, power), rel=1e-13, abs=1e-15)


def guard_sizes():
    for sizes, power in itertools.product([(1, 4), (4, 6), (7, 2)], [1, 1.5]):
        test_samples_of_any_two_sizes(sizes, power)


def test_against_the_linear_programme():
    x, y = CLOUDS[0][:4, 0], CLOUDS[1][:3, 0]
    cost = abs(x[:, None] - y) ** 2
    rows, columns = np.kron(np.eye(4), np.ones(3)), np.kron(np.ones(4), np.eye(3))
    plan = linprog(cost.ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.r_[np.full(4, 1 / 4), np.full(3, 1 / 3)])
    assert float(call("wasserstein_1d", x, y, power=2)) == pytest.approx(plan.fun, rel=1e-9)
    assert transport_cost(x, y, 2) == pytest.approx(plan.fun, rel=1e-9)


def test_points_that_tie_share_their_slopes():
    x, y = np.array([1.0, 1.0, 5.0]), np.array([0.0, 3.0, 5.0])
    by_hand = CARDS["wasserstein_1d"].gradient(x, y, power=2)
    np.testing.assert_allclose(by_hand[0], [-1 / 3, -1 / 3, 0], rtol=1e-15)
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, y)]
    for got, want in zip(torch.autograd.grad(call("wasserstein_1d", *tensors, power=2), tensors), by_hand):
        np.testing.assert_allclose(got, want, rtol=1e-15, atol=1e-15)


def test_infinite_points():
    assert call("wasserstein_1d", np.array([0.0, np.inf]), np.array([0.0, 1.0, 2.0])) == np.inf
    assert call("wasserstein_1d", np.array([-np.inf, 0.0]), np.array([1.0]), power=2) == np.inf


def test_directions_have_no_length():
    axes = np.array([[1.0, 0.0], [0.6, 0.8]])
    one, other = (call("sliced_wasserstein", *CLOUDS, projections=c * axes) for c in (1.0, 7.0))
    assert float(one) == pytest.approx(float(other), rel=1e-14)
    want = np.mean([call("wasserstein_1d", *(sample @ axis for sample in CLOUDS), power=2) for axis in axes])
    assert float(one) == pytest.approx(float(want), rel=1e-13)
    with pytest.raises(ValueError, match=r"shape \(L, 2\)"):
        call("sliced_wasserstein", *CLOUDS, projections=np.eye(3))
    with pytest.raises(ValueError, match="none of them zero"):
        call("sliced_wasserstein", *CLOUDS, projections=[[1.0, 0.0], [0.0, 0.0]])


# --- with entropy -------------------------------------------------------------------------------------------------------


def plan_of(x, y, epsilon, power=2.0, tolerance=1e-9):
    cost = np.linalg.norm(x[:, None] - y, axis=-1) ** power
    f, g = transport._potentials(cost, epsilon, tolerance)
    return transport._plan(cost, f, g, epsilon), cost


@pytest.mark.parametrize("epsilon", [1e3, 1.0, 0.1, 1e-2, 1e-3, 1e-5])
def test_the_value_is_that_of_the_plan(epsilon):
    plan, cost = plan_of(*CLOUDS, epsilon)
    primal = (plan * cost).sum() + epsilon * (plan * np.log(np.where(plan > 0, plan, 1) * 30)).sum()
    assert float(call("sinkhorn", *CLOUDS, epsilon=epsilon)) == pytest.approx(primal, rel=1e-6)
    assert abs(plan.sum(1) - 1 / 6).sum() < 1e-9
    assert abs(plan.sum(0) - 1 / 5).sum() < 1e-9


def test_the_value_is_no_more_than_the_truth_whatever_the_tolerance():
    """It is the value of a dual problem: stopping early makes it smaller, by the square of the error of the marginals."""
    exact = float(call("sinkhorn", *CLOUDS, epsilon=0.05, tolerance=1e-12))
    rough = [float(call("sinkhorn", *CLOUDS, epsilon=0.05, tolerance=t)) for t in (0.3, 1e-1, 1e-2, 1e-4)]
    assert all(value <= exact + 1e-13 for value in rough)
    assert exact - rough[-1] < 1e-7


def test_groups_that_hardly_meet():
    """Mass that crosses between two far groups is tiny, and Sinkhorn's step alone would need a million iterations."""
    x = np.array([[0.0], [1.0], [10.0], [11.0]])
    plan, _ = plan_of(x, x[:, ::-1] + 0.3, 0.5, tolerance=1e-12)
    np.testing.assert_allclose(plan.sum(1), np.full(4, 1 / 4), atol=1e-12)
    uneven = np.array([[0.0], [0.2], [9.0]]), np.array([[0.1], [8.0], [9.1], [9.3]])
    plan, cost = plan_of(*uneven, 0.05, tolerance=1e-12)
    assert (plan * cost).sum() == pytest.approx(transport_cost(*uneven, 2), rel=1e-3)


def test_not_converged_is_an_error(monkeypatch):
    monkeypatch.setattr(transport, "MOST_STEPS", 3)
    with pytest.raises(RuntimeError, match=r"marginals are still off by .* after 3 steps: raise epsilon \(0.01\) or tolerance"):
        transport.sinkhorn(*CLOUDS, epsilon=0.01)


def test_tracing_is_refused():
    x, y = (torch.as_tensor(a) for a in CLOUDS)
    with pytest.raises(RuntimeError, match="vmap"):
        torch.func.vmap(lambda a: transport.sinkhorn(a, y, epsilon=1.0))(x[None])


def test_examples_of_a_batch_do_not_see_each_other():
    x, y = np.random.default_rng(4).standard_normal((2, 3, 4, 2))
    x[2] *= 5  # takes longest
    together = call("sinkhorn", x, y, epsilon=0.1, reduction="none")
    for i in range(3):
        assert together[i] == call("sinkhorn", x[i], y[i], epsilon=0.1)


def test_single_precision_is_solved_in_double():
    x, y = (torch.tensor(a, dtype=torch.float32) for a in CLOUDS)
    got = call("sinkhorn", x, y, epsilon=1e-3, tolerance=1e-9)  # which float32 cannot tell from 0
    assert got.dtype == torch.float32
    assert got.item() == pytest.approx(float(call("sinkhorn", x.double(), y.double(), epsilon=1e-3)), rel=1e-6)


def test_autograd_holds_the_potentials_constant():
    """Also far from convergence: the slope is that of the cost under the plan at hand, not of the steps that led there."""
    tensors = [torch.tensor(a, requires_grad=True) for a in CLOUDS]
    slopes = torch.autograd.grad(call("sinkhorn", *tensors, epsilon=0.1, tolerance=0.3), tensors)
    for got, want in zip(slopes, CARDS["sinkhorn"].gradient(*CLOUDS, epsilon=0.1, tolerance=0.3)):
        np.testing.assert_allclose(got, want, rtol=1e-11)


def test_the_divergence_of_equal_samples_is_zero():
    x, y = CLOUDS
    assert call("sinkhorn", x, x, epsilon=0.5) > 0.1
    assert abs(call("sinkhorn_divergence", x, x[::-1], epsilon=0.5)) < 1e-9
    assert call("sinkhorn_divergence", x, y, epsilon=0.5) > 0.1
    tensors = [torch.tensor(a, requires_grad=True) for a in CLOUDS]
    slopes = torch.autograd.grad(call("sinkhorn_divergence", *tensors, epsilon=0.5), tensors)
    for got, want in zip(slopes, CARDS["sinkhorn_divergence"].gradient(x, y, epsilon=0.5)):
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-13)


def test_nan_and_one_point():
    assert np.isnan(call("sinkhorn", np.array([[np.nan], [0.0]]), np.array([[1.0]]), epsilon=1.0))
    assert call("sinkhorn", np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]]), epsilon=0.1) == pytest.approx(25, rel=1e-14)


GUARDS = {
    "wasserstein_1d": [guard_sizes, test_points_that_tie_share_their_slopes, test_infinite_points],
    "sliced_wasserstein": [test_directions_have_no_length],
    "sinkhorn": [
        test_autograd_holds_the_potentials_constant,
        test_groups_that_hardly_meet,
        test_nan_and_one_point,
        test_single_precision_is_solved_in_double,
    ],
    "sinkhorn_divergence": [test_the_divergence_of_equal_samples_is_zero],
}
