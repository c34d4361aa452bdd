"""What only scoring rules have: ordered classes, a scale of 0, ensembles with ties, laws and their samples."""

import itertools
from dataclasses import replace
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy
import torch

from lossbook import CARDS, card, check
from lossbook._symbols import K, P, Q, k

GAUSS, RPS = card("crps_gaussian"), card("ranked_probability_score")


def call(name, *arrays, **options):
    return CARDS[name].function(*arrays, **options)  # through CARDS, where the mutants live


def doubled_scale(part):
    return lambda mean, scale, target, **options: part(mean, 2 * scale, target, **options)


def with_function(sound, function):
    function.__name__ = sound.name
    function.__dict__.update(sound.function.__dict__)
    return replace(sound, function=function)


WRONG_LAW = replace(with_function(GAUSS, doubled_scale(GAUSS.function)), gradient=doubled_scale(GAUSS.gradient))
TWO = sympy.Sum((P[k] - Q[k]) ** 2, (k, 1, K))

FAILURES = [
    ("expected", lambda: check.expected("brier", expression=TWO, name="wrong")),
    ("expected of another", lambda: check.expected("spherical_score", expression=TWO, name="wrong")),
    ("pulls_to_the_truth", lambda: check.pulls_to_the_truth("brier", weight=2)),
    ("pulls_to_the_truth, a weight that may be negative", lambda: check.pulls_to_the_truth(flipped(), weight=-4)),
    ("strictly_proper", lambda: check.strictly_proper("generalized_cross_entropy", params={"q": 0.7})),
    ("strictly_proper of laws", lambda: check.strictly_proper(with_function(card("energy_score"), without_spread))),
    (
        "strictly_proper, a tie",
        lambda: check.strictly_proper("crps_ensemble", params={"fair": True}, at=([-1.0, 1.0], [-2.0, 2.0])),
    ),
    ("convex_in_probabilities", lambda: check.convex_in_probabilities("spherical_score")),
    ("convex_in_probabilities, concave", lambda: check.convex_in_probabilities(flipped())),
    ("forgets_confident_mistakes", lambda: check.forgets_confident_mistakes("softmax_cross_entropy")),
    ("steepest", lambda: check.steepest("brier", length=0.84)),
    ("murphy_decomposition", lambda: check.murphy_decomposition("spherical_score")),
    ("feels_distance", lambda: check.feels_distance("brier")),
    ("integral", lambda: check.integral(replace(GAUSS, formula=GAUSS.formula * (1 + sympy.Float("1e-9"))), form=THRESHOLDS)),
    ("fits_the_normal_law", lambda: check.fits_the_normal_law(WRONG_LAW)),
    ("hessian", lambda: check.hessian(replace(GAUSS, formula=-GAUSS.formula), names="mean and scale")),
    ("hessian of a saddle", lambda: check.hessian(replace(GAUSS, formula=saddle()), names="mean and scale")),
    ("mean_over_samples", lambda: check.mean_over_samples("crps_ensemble", times=1, params={"fair": False})),
    ("mean_over_samples of vectors", lambda: check.mean_over_samples("energy_score")),
    ("coincides", lambda: check.coincides("energy_score", name="wrong", other=lambda x, y: x[:, 0, 0], where=few)),
    ("unchanged", lambda: check.unchanged("energy_score", when="wrong", change=lambda rng, x, y: (x + 1, y))),
    ("scales_with_units", lambda: check.scales_with_units("huber", params={"delta": 1.0})),
    ("ranges", lambda: check.ranges("brier", low=-1, high=2)),
    ("ranges, too high", lambda: check.ranges("brier", low=0, high=3)),
    ("ranges, too low", lambda: check.ranges("spherical_score", low=-1, high=-0.5)),
    ("ranges, not so far", lambda: check.ranges("brier", low=0, high="∞")),
]
THRESHOLDS = next(iter(check.INTEGRALS))


def flipped():
    return replace(card("brier"), formula=-card("brier").formula)


def saddle():
    mean, scale = GAUSS.predictions
    return mean**2 + scale**2 - 4 * mean * scale


def without_spread(samples, target, *, reduction="none"):
    return np.linalg.norm(samples - target[:, None], axis=-1).mean(-1)


def few(rng):
    return rng.standard_normal((5, 4, 3)), rng.standard_normal((5, 3))


# --- ordered classes ----------------------------------------------------------------------------------------------------


def test_thresholds_one_by_one():
    p = np.array([0.5, 0.125, 0.25, 0.125])
    for label in range(4):
        want = sum((p[: cut + 1].sum() - (label <= cut)) ** 2 for cut in range(3))
        assert float(call("ranked_probability_score", np.log(p), np.array(label))) == pytest.approx(want, rel=1e-15)


def test_a_certain_forecast_keeps_its_digits():
    """1 - F would round to 0: what is left is summed from the classes beyond the label."""
    logits = np.array([60.0, 0.0, 10.0])
    want = float((mpmath.exp(10) + 1) ** 2 + mpmath.exp(20)) * np.exp(-120)
    assert float(call("ranked_probability_score", logits, np.array(0))) == pytest.approx(want, rel=1e-13)


@pytest.mark.parametrize("library", [np.asarray, torch.as_tensor])
def test_infinite_logits(library):
    """Certainty costs the number of thresholds between it and the label; a class ruled out counts as an empty step."""
    logits = library(np.array([[np.inf, 0.0, 1.0, 2.0], [0.0, -np.inf, 0.0, -np.inf]]))
    values = call("ranked_probability_score", logits, library(np.array([3, 0])), reduction="none")
    np.testing.assert_allclose(values, [3.0, 0.5], rtol=1e-15)


def test_one_class_is_certain():
    assert float(call("ranked_probability_score", np.array([[2.0]]), np.array([0]))) == 0
    assert RPS.gradient(np.array([[2.0]]), np.array([0])).tolist() == [[0.0]]


@pytest.mark.parametrize("entry", range(3))
def test_one_nan_among_the_probabilities_is_not_lost(entry):
    q = np.array([[0.5, 0.25, 0.25]])
    q[0, entry] = np.nan
    assert np.isnan(call("ranked_probability_score", np.zeros((1, 3)), q))


def test_the_earth_mover_prefers_a_certain_forecast_to_the_truth():
    """Where F = 1/2 is a tie, every (a, 1 - a, 0) is best: among them (0, 1, 0), never the truth."""
    q = [Fraction(5, 10), Fraction(2, 10), Fraction(3, 10)]

    def expected(p, power):
        return sum(w * sum(abs(sum(p[: c + 1]) - (y <= c)) ** power for c in range(2)) for y, w in enumerate(q))

    steps = [Fraction(i, 20) for i in range(21)]
    grid = [(a, b, 1 - a - b) for a, b in itertools.product(steps, steps) if a + b <= 1]
    least = min(expected(p, 1) for p in grid)
    assert {p for p in grid if expected(p, 1) == least} == {p for p in grid if p[2] == 0 and p[0] <= 1}
    assert (least, expected(q, 1)) == (Fraction(4, 5), Fraction(23, 25))
    assert min(grid, key=lambda p: expected(p, 2)) == tuple(q)


def test_two_classes_of_brier_are_twice_the_binary_score():
    p, y = np.array([0.25, 0.75]), np.array([1, 0])
    pair = np.stack([np.log(1 - p), np.log(p)], -1)
    np.testing.assert_allclose(call("brier", pair, y, reduction="none"), 2 * (p - y) ** 2, rtol=1e-14)


# --- the normal law -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_at_scale_zero_it_is_the_absolute_error(dtype):
    mean, scale = torch.tensor([1.0, 1.0, 1.0, 0.0], dtype=dtype), torch.zeros(4, dtype=dtype)
    target = torch.tensor([3.5, -0.5, 1.0, 3e4], dtype=dtype)
    mean.requires_grad_(), scale.requires_grad_()
    values = call("crps_gaussian", mean, scale, target, reduction="none")
    assert torch.equal(values, (target - mean).abs())
    slopes = torch.autograd.grad(values.sum(), (mean, scale))
    torch.testing.assert_close(slopes[0], torch.tensor([-1.0, 1.0, 0.0, -1.0], dtype=dtype))
    flat, top = -1 / np.sqrt(np.pi), 2 / np.sqrt(2 * np.pi) - 1 / np.sqrt(np.pi)
    torch.testing.assert_close(slopes[1], torch.tensor([flat, flat, top, flat], dtype=dtype))
    by_hand = GAUSS.gradient(mean.detach(), scale.detach(), target)
    torch.testing.assert_close(by_hand, slopes)


@pytest.mark.parametrize("omega", [0.0, 1e-9, 0.3, 3.0, 8.0, 20.0, 39.9, 40.1, 1e3, 1e9])
@pytest.mark.parametrize("scale", [1e-300, 1e-8, 1.0, 1e8])
def test_in_the_tails(omega, scale):
    mean, sigma, target = (torch.tensor(v, dtype=torch.float64) for v in (0.0, scale, omega * scale))
    mean.requires_grad_(), sigma.requires_grad_()
    value = call("crps_gaussian", mean, sigma, target)
    with mpmath.workdps(60):
        s, y = mpmath.mpf(scale), mpmath.mpf(target.item())
        w = y / s
        want = s * (w * mpmath.erf(w / mpmath.sqrt(2)) + 2 * mpmath.npdf(w) - 1 / mpmath.sqrt(mpmath.pi))
        slope = 2 * mpmath.npdf(w) - 1 / mpmath.sqrt(mpmath.pi)
    assert value.item() == pytest.approx(float(want), rel=1e-14, abs=0)
    got = torch.autograd.grad(value, (mean, sigma))
    assert got[1].item() == pytest.approx(float(slope), rel=1e-12)
    assert got[0].item() == pytest.approx(-float(mpmath.erf(w / mpmath.sqrt(2))), rel=1e-12, abs=1e-15)


def test_infinite_arguments():
    inf, one = np.array([np.inf]), np.array([1.0])
    for arrays in ((inf, one, one), (one, one, -inf), (one, inf, one)):
        assert call("crps_gaussian", *arrays) == np.inf
    assert GAUSS.gradient(one, one, inf)[0] == -1
    assert GAUSS.gradient(one, one, -inf)[1] == pytest.approx(-1 / np.sqrt(np.pi))


@pytest.mark.parametrize("library", [np.asarray, torch.as_tensor])
def test_a_negative_scale_is_refused_and_nan_is_not_hidden(library):
    one = library(np.ones(3))
    with pytest.raises(ValueError, match=r"scale must be >= 0, got -2\.0 at position 1"):
        call("crps_gaussian", one, library(np.array([1.0, -2.0, 0.0])), one)
    for place in range(3):
        arrays = [np.ones(1), np.zeros(1), np.ones(1)]
        arrays[place] = np.array([np.nan])
        assert np.isnan(float(call("crps_gaussian", *map(library, arrays))))


# --- ensembles ----------------------------------------------------------------------------------------------------------


def definition(samples, target, fair):
    """All pairs, in fractions."""
    x, y, n = [Fraction(float(v)) for v in samples], Fraction(float(target)), len(samples)
    apart = sum(abs(a - b) for a in x for b in x)
    return float(sum(abs(a - y) for a in x) / n - (apart / (2 * n * (n - fair)) if apart else 0))


@pytest.mark.parametrize("fair", [False, True])
@pytest.mark.parametrize("members", [1, 2, 3, 4, 8, 33])
def test_all_pairs(members, fair):
    """Small whole numbers, so that members tie with each other and with the target."""
    rng = np.random.default_rng(members)
    samples, target = rng.integers(-3, 4, (40, members)) * 0.1, rng.integers(-3, 4, 40) * 0.1
    if fair and members == 1:
        with pytest.raises(ValueError, match="samples must hold at least 2 members"):
            call("crps_ensemble", samples, target, fair=True)
        return
    want = [definition(x, y, fair) for x, y in zip(samples, target)]
    np.testing.assert_allclose(
        call("crps_ensemble", samples, target, fair=fair, reduction="none"),
        want,
        rtol=1e-13,
        atol=1e-16,
    )
    tensor = torch.as_tensor(samples).requires_grad_()
    (slope,) = torch.autograd.grad(call("crps_ensemble", tensor, torch.as_tensor(target), fair=fair, reduction="sum"), tensor)
    by_hand = CARDS["crps_ensemble"].gradient(samples, target, fair=fair)
    np.testing.assert_allclose(slope, by_hand, atol=1e-15)
    equal = samples[:, :1] == samples  # members that tie are pulled alike
    np.testing.assert_allclose(np.where(equal, slope, 0), np.where(equal, slope[:, :1], 0), atol=1e-15)


def test_nothing_cancels():
    """Terms of size 1e8 leave a score of 1e-8, and exactly 0 where the fair score of two members is 0."""
    samples, target = np.array([[-1e8, 1e8], [-1e8, 1e-8], [1e-8, 1e8]]), np.array([3.0, 0.0, 0.0])
    got = call("crps_ensemble", samples, target, fair=True, reduction="none")
    np.testing.assert_allclose(got, [0.0, 0.0, 1e-8], rtol=1e-15)


@pytest.mark.parametrize("fair", [False, True])
def test_fair_ensembles_under_compile_and_vmap(fair):
    rng = np.random.default_rng(0)
    samples, target = torch.as_tensor(rng.standard_normal((6, 5))), torch.as_tensor(rng.standard_normal(6))

    def loss(samples, target):
        return CARDS["crps_ensemble"].function(samples, target, fair=fair)

    want = CARDS["crps_ensemble"].function(samples, target, fair=fair, reduction="none")
    torch._dynamo.reset()
    compiled = torch.compile(loss, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(samples, target), want.mean(), rtol=1e-14, atol=0)
    torch.testing.assert_close(torch.func.vmap(loss)(samples, target), want)


def test_infinite_members_and_targets():
    samples = np.array([[0.0, 1.0, np.inf], [-np.inf, 0.0, 1.0], [0.0, 1.0, 2.0]])
    target = np.array([0.0, 0.0, np.inf])
    assert np.all(call("crps_ensemble", samples, target, reduction="none") == np.inf)
    assert np.isnan(call("crps_ensemble", np.array([[0.0, np.nan]]), np.array([0.0]), fair=True))


def test_many_members_approach_the_law():
    """The ensemble of M evenly spaced quantiles; the gap falls as 1/M. A million members in M log M steps."""
    import scipy.stats

    want, gaps = float(call("crps_gaussian", np.zeros(1), np.ones(1), np.array([0.7]))), []
    for members in (10, 100, 1000, 1_000_000):
        samples = scipy.stats.norm.ppf((np.arange(members) + 0.5) / members)[None]
        gaps.append(abs(float(call("crps_ensemble", samples, np.array([0.7]))) - want))
    assert gaps[0] > 5 * gaps[1] > 25 * gaps[2] > 0
    assert gaps[-1] < 1e-6


# --- vectors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1e-300, 1e-200, 1.0, 1e200, 1e300])
def test_no_square_overflows_or_vanishes(size):
    samples = torch.tensor([[[3.0, 4.0], [0.0, 0.0]]], dtype=torch.float64) * size
    samples.requires_grad_()
    value = call("energy_score", samples, torch.zeros(1, 2, dtype=torch.float64))
    assert value.item() == pytest.approx(1.25 * size, rel=1e-15)
    (slope,) = torch.autograd.grad(value, samples)
    torch.testing.assert_close(slope[0, 0], torch.tensor([0.15, 0.2], dtype=torch.float64))
    torch.testing.assert_close(slope[0, 1], torch.tensor([0.15, 0.2], dtype=torch.float64))


def test_points_that_coincide_have_a_finite_gradient():
    samples = torch.zeros(2, 4, 3, dtype=torch.float64).requires_grad_()
    value = call("energy_score", samples, torch.tensor([[0.0, 0, 0], [0, 3, 4]], dtype=torch.float64), reduction="none")
    assert value.tolist() == [0.0, 5.0]
    (slope,) = torch.autograd.grad(value.sum(), samples)
    torch.testing.assert_close(slope[0], torch.zeros(4, 3, dtype=torch.float64))
    torch.testing.assert_close(slope[1], torch.tensor([[0, -0.15, -0.2]] * 4, dtype=torch.float64))


def test_an_infinite_target_is_infinitely_far():
    assert call("energy_score", np.zeros((1, 2, 2)), np.array([[0.0, -np.inf]])) == np.inf


def test_shapes_of_samples():
    for name, samples, target in (
        ("crps_ensemble", (2, 0), (2,)),
        ("energy_score", (2, 4, 0), (2, 0)),
        ("energy_score", (4,), ()),
    ):
        with pytest.raises(ValueError, match="samples needs at least one entry"):
            call(name, np.zeros(samples), np.zeros(target))
    with pytest.raises(ValueError, match="target must have shape"):
        call("energy_score", np.zeros((2, 4, 3)), np.zeros((2, 4)))
