"""Counts and amounts: hard parameters, zeros, infinities, conventions of other libraries, and what raises."""

import functools
from dataclasses import replace

import mpmath
import numpy as np
import pytest
import torch
from sympy import exp, oo

from lossbook import card, check, gamma_nll, negative_binomial_nll, poisson_nll, tweedie_deviance
from lossbook._symbols import phi, y, z

INF = np.inf
POISSON, NEGATIVE_BINOMIAL, GAMMA = card("poisson_nll"), card("negative_binomial_nll"), card("gamma_nll")
TWEEDIE = card("tweedie_deviance")

FAILURES = [
    ("canonical", lambda: check.canonical("gamma_nll")),
    ("canonical at a point", lambda: check.canonical("gamma_nll", at={"point": (1.0, 2.0), "params": {"shape": 1.0}})),
    ("gradient_range", lambda: check.gradient_range("negative_binomial_nll", low=-y, high=2 * phi)),
    ("gradient_range from below", lambda: check.gradient_range("poisson_nll", low=-2 * y, high=oo)),
    ("gradient_range, not convex", lambda: check.gradient_range(replace(POISSON, formula=-POISSON.formula), low=-y, high=oo)),
    (
        "gradient_limit",
        lambda: check.gradient_limit(
            "negative_binomial_nll", parameter="dispersion", to="oo", expression=exp(z) - 2 * y, name="wrong"
        ),
    ),
    ("moments", lambda: check.moments("negative_binomial_nll", variance=exp(z))),
    ("moments, the mean", lambda: check.moments(replace(POISSON, function=_one_more), variance=exp(z))),
    ("rescaled", lambda: check.rescaled("tweedie_deviance", degree=1)),
    ("rescaled, a log-likelihood", lambda: check.rescaled("gamma_nll", degree=0)),
    ("zero_only_at_the_target", lambda: check.zero_only_at_the_target("poisson_nll")),
    (
        "zero_only_at_the_target, negative",
        lambda: check.zero_only_at_the_target(
            replace(TWEEDIE, formula=-TWEEDIE.formula, gradient_formula=-TWEEDIE.gradient_formula)
        ),
    ),
    ("convex_between", lambda: check.convex_between("tweedie_deviance", parameter="power", low=1, high=3)),
    ("convex_between from below", lambda: check.convex_between("tweedie_deviance", parameter="power", low=0, high=2)),
]


def _one_more(log_rate, target, *, reduction="mean"):
    """The Poisson law, but of the count minus one."""
    at_least_one = np.where(target > 0, target - 1, 0)
    return np.where(target > 0, poisson_nll(log_rate, at_least_one, reduction=reduction), INF)


_one_more.__dict__.update(poisson_nll.__dict__)

# --- hard parameters ----------------------------------------------------------------------------------------------------

POWERS = [1 + 1e-15, 1 + 1e-9, 1.001, 1.9, 2 - 1e-9, 2 + 1e-12, 2.5, 5.0, -1.0, -2.5]


@pytest.mark.parametrize("power", POWERS)
def test_tweedie_at_every_power(power):
    """Next to the powers 1 and 2, where the formula is 0 / 0, no digit is lost; nor far from them."""
    for library in ("numpy", "torch"):
        result = check.value(TWEEDIE, library=library, params={"power": power})
        assert result, (result.message, result.witness)
    for facts in (check.gradient, check.autograd, check.curvature):
        result = facts(TWEEDIE, params={"power": power})
        assert result, (facts.__name__, result.worst, result.witness)


def test_the_second_derivative_of_the_deviance_at_its_usual_powers():
    assert check.curvature(TWEEDIE)


@pytest.mark.parametrize("power", [1, 1 + 1e-9, 1.5, 2, 3, 0, -1])
def test_deviance_near_its_zero(power):
    """At y = 1 the deviance of log mean z is z² (1 + (3 - 2p) z / 3 + ...): every digit, down to z = 1e-150."""
    z = np.array([1e-150, 1e-12, -1e-9, 1e-5, -1e-3])
    got = tweedie_deviance(z, np.ones(5), power=power, reduction="none")
    want = z**2 * (1 + (3 - 2 * power) * z / 3 + (7 - 9 * power + 3 * power**2) * z**2 / 12)
    np.testing.assert_allclose(got[:4], want[:4], rtol=2e-14)
    assert got[4] == pytest.approx(want[4], rel=1e-7)
    assert tweedie_deviance(np.zeros(1), np.ones(1), power=power) == 0


def _negative_binomial(log_mean, count, r):
    """The definition with Γ, in 400 digits."""
    with mpmath.workdps(400):
        mean = mpmath.exp(log_mean)
        ways = mpmath.loggamma(count + r) - mpmath.loggamma(r) - mpmath.loggamma(count + 1)
        return float(-ways - r * mpmath.log(r / (r + mean)) - count * mpmath.log(mean / (r + mean)))


@pytest.mark.parametrize("library", [np.asarray, torch.as_tensor])
@pytest.mark.parametrize("dispersion", [1e-3, 15.99, 16.01, 1e4, 1e8, 1e12, 1e100])
def test_dispersion_of_any_size(library, dispersion):
    """log Γ(y + r) - log Γ(r) would have lost every digit at r = 1e16."""
    log_mean, count = np.array([0.7, 3.0, -2.0, 4.6, 1.1, 9.2]), np.array([0.0, 2.0, 3.0, 101.0, 16.0, 1e4])
    got = negative_binomial_nll(library(log_mean), library(count), dispersion=dispersion, reduction="none")
    want = [_negative_binomial(a, b, mpmath.mpf(dispersion)) for a, b in zip(log_mean.tolist(), count.tolist())]
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_a_large_count_in_float32():
    """The terms of the textbook formula are 1e5 here and would leave three digits."""
    log_rate, count = np.float32(np.log(10_000)), np.float32(9_950)
    exactly = poisson_nll(np.float64(log_rate), np.float64(count))
    assert poisson_nll(log_rate, count) == pytest.approx(exactly, rel=1e-5)
    assert poisson_nll(log_rate, count).dtype == np.float32


@pytest.mark.parametrize("known", [POISSON, NEGATIVE_BINOMIAL], ids=lambda known: known.name)
def test_targets_that_are_not_whole(known):
    quasi = replace(known, domain=known.domain | {"target": "[0, inf)"}, terms=1.0)
    for facts in (check.value, check.gradient, check.autograd):
        result = facts(quasi)
        assert result, (facts.__name__, result.message, result.witness)


def test_the_parameters_of_the_law_can_be_learned():
    """One dispersion for each example, with the gradient of the definition, zeros included."""
    r = torch.tensor([0.5, 3.0, 20.0, 1e6], dtype=torch.float64, requires_grad=True)
    log_mean, count = torch.tensor([0.3, 1.0, 2.5, 2.0], dtype=torch.float64), torch.tensor([0, 1, 12, 7])
    (slope,) = torch.autograd.grad(negative_binomial_nll(log_mean, count, dispersion=r, reduction="sum"), r)
    for i in range(4):
        with mpmath.workdps(60):
            want = mpmath.diff(lambda d, i=i: _mp_negative_binomial(log_mean[i].item(), count[i].item(), d), r[i].item())
        assert slope[i].item() == pytest.approx(float(want), rel=1e-9, abs=1e-15)
    with pytest.raises(ValueError, match="one value per example"):
        negative_binomial_nll(log_mean, count, dispersion=r[:, None])


def _mp_negative_binomial(log_mean, count, r):
    mean = mpmath.exp(log_mean)
    ways = mpmath.loggamma(count + r) - mpmath.loggamma(r) - mpmath.loggamma(count + 1)
    return -ways + (r + count) * mpmath.log1p(mean / r) - count * (log_mean - mpmath.log(r))


# --- zeros, negative targets, infinities --------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [1, 1 + 1e-9, 1.5, 1.999, 0, -1, -2.5])
def test_tweedie_at_zero_and_below(power):
    """A target of 0 costs 2 μ^(2-p) / (2-p); negative targets, for p ≤ 0 alone, follow scikit-learn."""
    from sklearn.metrics import mean_tweedie_deviance

    for log_mean in (-3.0, 0.0, 2.0):
        z = torch.tensor(log_mean, dtype=torch.float64, requires_grad=True)
        for target in (0.0, -1.0, -40.0) if power <= 0 else (0.0,):
            value = tweedie_deviance(z, torch.tensor(target, dtype=torch.float64), power=power)
            want = mean_tweedie_deviance([target], [np.exp(log_mean)], power=power)
            assert value.item() == pytest.approx(want, rel=1e-13)
            slope = 2 * (np.exp((2 - power) * log_mean) - target * np.exp((1 - power) * log_mean))
            assert torch.autograd.grad(value, z)[0].item() == pytest.approx(slope, rel=1e-13)
            assert TWEEDIE.gradient(np.array(log_mean), np.array(target), power=power) == pytest.approx(slope, rel=1e-13)


FAR = [  # (loss, parameters, prediction, target, value, gradient); 800 stands for any e^z that overflows
    (poisson_nll, {}, INF, 2, INF, INF),
    (poisson_nll, {}, 800, 2, INF, INF),
    (poisson_nll, {}, -INF, 2, INF, -2),
    (poisson_nll, {}, INF, 0, INF, INF),
    (poisson_nll, {}, -INF, 0, 0, 0),
    (negative_binomial_nll, {"dispersion": 3.0}, INF, 2, INF, 3),
    (negative_binomial_nll, {"dispersion": 3.0}, INF, 0, INF, 3),
    (negative_binomial_nll, {"dispersion": 3.0}, 800, 0, 3 * (800 - np.log(3)), 3),
    (negative_binomial_nll, {"dispersion": 3.0}, -INF, 2, INF, -2),
    (negative_binomial_nll, {"dispersion": 3.0}, -INF, 0, 0, 0),
    (gamma_nll, {"shape": 3.0}, INF, 2, INF, 3),
    (gamma_nll, {"shape": 3.0}, -INF, 2, INF, -INF),
    (gamma_nll, {"shape": 3.0}, -800, 2, INF, -INF),
    (tweedie_deviance, {"power": 1.5}, INF, 2, INF, INF),
    (tweedie_deviance, {"power": 1.5}, -INF, 2, INF, -INF),
    (tweedie_deviance, {"power": 1.5}, -INF, 0, 0, 0),
    (tweedie_deviance, {"power": 1}, -INF, 2, INF, -4),
    (tweedie_deviance, {"power": 1}, INF, 0, INF, INF),
    (tweedie_deviance, {"power": 2}, INF, 2, INF, 2),
    (tweedie_deviance, {"power": 3}, INF, 2, 0.5, 0),
    (tweedie_deviance, {"power": 3}, -800, 2, INF, -INF),
    (tweedie_deviance, {"power": 3}, -INF, 2, INF, -INF),
    (tweedie_deviance, {"power": 0}, 800, 2, INF, INF),
    (tweedie_deviance, {"power": 0}, 800, 0, INF, INF),
    (tweedie_deviance, {"power": 0}, 800, -2, INF, INF),
    (tweedie_deviance, {"power": 0}, -INF, 2, 4, 0),
    (tweedie_deviance, {"power": -1}, -INF, -2, 0, 0),
]


@pytest.mark.parametrize("function, params, prediction, target, value, slope", FAR)
def test_far_away(function, params, prediction, target, value, slope):
    """Never nan: infinity where the exact value is beyond the dtype, with a gradient of the right sign."""
    first, last = np.array([float(prediction)]), np.array([float(target)])
    pair = torch.tensor(first, requires_grad=True), torch.tensor(last)
    by_torch = function(*pair, **params)
    for got in (function(first, last, **params), by_torch.item()):
        assert got == pytest.approx(value, rel=1e-12)
    by_hand = card(function).gradient(first, last, **params)[0]
    (by_autograd,) = torch.autograd.grad(by_torch, pair[0])
    assert by_hand == pytest.approx(slope, abs=1e-300)
    assert by_autograd.item() == pytest.approx(slope, abs=1e-300)


def test_a_factor_brings_an_overflow_back():
    """e^715 is infinite in float64 and 1e-4 e^715 is not, nor is 1e-8 e^(1.9 · 380), half the slope of a deviance."""
    far, one = torch.tensor(-715.0, dtype=torch.float64, requires_grad=True), torch.ones((), dtype=torch.float64)
    value, want = gamma_nll(far, one, shape=1e-4), float(mpmath.exp(715 + mpmath.log(1e-4)))
    assert value.item() == pytest.approx(want, rel=1e-12)
    assert torch.autograd.grad(value, far)[0].item() == pytest.approx(-want, rel=1e-12)
    assert GAMMA.gradient(np.array(-715.0), np.array(1.0), shape=1e-4) == pytest.approx(-want, rel=1e-12)
    steep = TWEEDIE.gradient(np.array(-380.0), np.array(1e-8), power=2.9)
    assert steep == pytest.approx(float(-2 * mpmath.exp(1.9 * 380 + mpmath.log(1e-8))), rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_overflows_to_infinity(dtype):
    log_rate = torch.tensor([20.0, 100.0, -3.0], dtype=dtype, requires_grad=True)
    values = poisson_nll(log_rate, torch.tensor([3, 3, 3]), reduction="none")
    (slope,) = torch.autograd.grad(values.sum(), log_rate)
    assert not torch.isnan(values).any()
    assert not torch.isnan(slope).any()
    assert values[1].item() == slope[1].item() == INF
    assert values[2].item() == pytest.approx(np.exp(-3) + 9 + np.log(6), rel=8e-3)


# --- conventions --------------------------------------------------------------------------------------------------------


def test_stirling_in_torch():
    """`full=True` adds Stirling's approximation of log y!, for y > 1 alone: too little, by δ(y) = 1 / (12 y) - ..."""
    count = torch.tensor([0.0, 1.0, 2.0, 3.0, 5.0, 10.0], dtype=torch.float64)
    log_rate = torch.full_like(count, 0.4)
    full = torch.nn.functional.poisson_nll_loss(log_rate, count, full=True, reduction="none")
    error = full - poisson_nll(log_rate, count, reduction="none")
    np.testing.assert_allclose(error, [0, 0, -0.0413407, -0.0276779, -0.0166447, -0.0083306], atol=5e-8)


def test_the_probability_of_torch_is_flipped():
    log_mean, count, r = torch.tensor(3.0, dtype=torch.float64), torch.tensor(4.0, dtype=torch.float64), 2.5
    p = r / (r + log_mean.exp())
    ours = negative_binomial_nll(log_mean, count, dispersion=r).item()
    law = torch.distributions.NegativeBinomial
    assert -law(torch.tensor(r).double(), probs=1 - p).log_prob(count).item() == pytest.approx(ours, rel=1e-12)
    assert abs(-law(torch.tensor(r).double(), probs=p).log_prob(count).item() - ours) > 1


def test_a_mean_that_is_too_large_pulls_less_than_the_dispersion():
    """Where Poisson pulls with μ - y; where the count is too large both pull in proportion to it, Poisson harder."""
    log_mean, count = np.log([1e6, 2.0]), np.array([2.0, 1e6])
    poisson, other = POISSON.gradient(log_mean, count), NEGATIVE_BINOMIAL.gradient(log_mean, count, dispersion=3.0)
    np.testing.assert_allclose(poisson, [1e6 - 2, 2 - 1e6], rtol=1e-12)
    np.testing.assert_allclose(other, [3 * (1e6 - 2) / (1e6 + 3), -0.6 * (1e6 - 2)], rtol=1e-12)


def test_special_powers_under_vmap_and_compile():
    log_mean, target = torch.tensor([0.3, 1.0, -2.0]).double(), torch.tensor([1.0, 5.0, 0.2]).double()
    for power in (0, 1, 2):
        mapped = torch.func.vmap(functools.partial(tweedie_deviance, power=power))(log_mean, target)
        torch.testing.assert_close(mapped, tweedie_deviance(log_mean, target, power=power, reduction="none"))
    torch._dynamo.reset()
    compiled = torch.compile(tweedie_deviance, fullgraph=True, backend="eager")
    for power in (1.25, 1.5, 2.0):  # from the second call on a symbol, which then takes a special value
        want = tweedie_deviance(log_mean, target, power=power)
        torch.testing.assert_close(compiled(log_mean, target, power=power), want, rtol=1e-13, atol=0)


def test_targets_that_no_such_law_has():
    one = np.ones(2)
    for power, wrong, message in ((2, 0.0, "> 0 for power >= 2"), (3.5, -1.0, "> 0 for power >= 2"), (1, -0.5, ">= 0 for")):
        with pytest.raises(ValueError, match=rf"target must be {message}.*, got {wrong} at position 1"):
            tweedie_deviance(one, np.array([1.0, wrong]), power=power)
    with pytest.raises(ValueError, match=r"power must be <= 0 or >= 1, got 0\.5: there is no Tweedie distribution between"):
        tweedie_deviance(one[:0], one[:0], power=0.5)
    with pytest.raises(ValueError, match=r"target must be >= 0, got -1\.0 at position 0"):
        poisson_nll(one, np.array([-1.0, 2.0]))
    with pytest.raises(ValueError, match="target must be > 0"):
        gamma_nll(one, np.array([0.0, 2.0]), shape=1.0)
    with pytest.raises(ValueError, match="dispersion must lie in"):
        negative_binomial_nll(one, one, dispersion=0.0)
