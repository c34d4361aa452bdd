"""Negative log densities: constants, tails, vanishing scales, far angles, held factors, and the other libraries' conventions."""

import math
from dataclasses import replace

import mpmath
import numpy as np
import pytest
import scipy.stats
import torch

import lossbook
from lossbook import card, check
from lossbook._symbols import a, alpha, kappa, mu, v, y

GAUSS, BETA, LAPLACE = card("gaussian_nll"), card("beta_gaussian_nll"), card("laplace_nll")
STUDENT, MIXTURE, VON_MISES = card("student_t_nll"), card("mixture_density_nll"), card("von_mises_nll")
INF = math.inf


def no_longer_held(sound):
    """The card of a loss with a held factor, as if the gradient saw that factor."""
    seen = {"formula": sound.formula.subs(sound.held), "gradient_formula": tuple(s.subs(sound.held) for s in sound.slopes)}
    return replace(sound, held={}, **seen)


def without_shares(logits, means, log_scales, target):
    """A gradient of the mixture that forgets whose target it is."""
    z = (means - target[..., None]) / np.exp(log_scales)
    return logits * 0, z / np.exp(log_scales), 1 - z**2


FAILURES = [
    ("normalised", lambda: check.normalised("huber")),
    ("normalised, a little off", lambda: check.normalised(replace(STUDENT, function=shifted(STUDENT, 1e-9)))),
    ("favours_the_truth", lambda: check.favours_the_truth("laplace_nll", of="gaussian_nll")),
    ("unbiased", lambda: check.unbiased("laplace_nll", of="gaussian_nll")),
    ("one_stationary_point", lambda: check.one_stationary_point("laplace_nll")),
    ("one_stationary_point, elsewhere", lambda: check.one_stationary_point(biased(GAUSS))),
    ("bounded_below", lambda: check.bounded_below("gaussian_nll", bound=0)),
    ("hessian_determinant", lambda: check.hessian_determinant("gaussian_nll", expression=(mu - y) ** 2)),
    ("convex_in", lambda: check.convex_in("gaussian_nll", where={}, coordinates=(mu, v), name="mean and log-variance")),
    ("permutation_invariant", lambda: check.permutation_invariant("ranked_probability_score", what="classes")),
    ("equals", lambda: check.equals("laplace_nll", other="gaussian_nll", arguments=lambda *arrays: arrays)),
    ("m_step", lambda: check.m_step(replace(MIXTURE, gradient=without_shares))),
    ("gradient, of a factor that is held", lambda: check.gradient(no_longer_held(BETA))),
    ("gradient, another factor held", lambda: check.gradient(replace(BETA, held={next(iter(BETA.held)): 1 + v**2}))),
    ("lipschitz, bound that depends on the scale", lambda: check.lipschitz("laplace_nll", bound=1)),
    ("limit, of scaled angles", lambda: scaled_angles(mu / kappa)),
]


def shifted(sound, by):
    def function(*arrays, reduction="mean", **params):
        return sound.function(*arrays, reduction=reduction, **params) + by

    function.__name__ = sound.name
    function.__dict__.update(sound.function.__dict__)
    return function


def biased(sound):
    first, second = sound.gradient_formula
    return replace(sound, gradient_formula=(first, second - 0.25))


def scaled_angles(angle):
    options = {"where": {mu: angle, y: y / kappa**0.5}, "expression": kappa, "name": "something else"}
    return check.limit("von_mises_nll", parameter="concentration", to="oo", **options)


def arrays(*values):
    return [np.array(value, dtype=float) for value in values]


# --- constants ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("df", [1e-6, 0.03, 7.0, 30.0, 1e3, 1e6, 1e9, 1e15])
@pytest.mark.parametrize("library, dtype, rtol", [("numpy", "float64", 1e-12), ("torch", "float32", 1e-5)])
def test_student_for_few_and_for_many_degrees_of_freedom(df, library, dtype, rtol):
    result = check.value("student_t_nll", params={"df": df}, library=library, dtype=dtype, rtol=rtol)
    assert result, (result.message, result.witness)


@pytest.mark.parametrize("x", [1e-300, 1e-9, 0.5, 1.0, 3.7, 1e3, 1e8, 1e100])
def test_difference_of_log_gammas(x):
    """Subtracting two values of lgamma loses every digit of it from x = 1e16 on; the series does not."""
    from lossbook.likelihood import _gamma_gap

    with mpmath.workdps(400):
        want = mpmath.loggamma(mpmath.mpf(x) + 0.5) - mpmath.loggamma(x) - mpmath.log(x) / 2
    assert float(_gamma_gap(np.array(x))) == pytest.approx(float(want), rel=2e-15, abs=1e-13)


@pytest.mark.parametrize("concentration", [1e-9, 50.0, 1e4, 1e8])
def test_von_mises_for_angles_that_scatter_or_do_not(concentration):
    result = check.value("von_mises_nll", params={"concentration": concentration})
    assert result, (result.message, result.witness)


def test_losses_of_the_residual_plus_a_constant():
    p, t = np.array([0.5, -2.0, 4.0]), np.array([1.0, 1.0, 1.0])
    half_log_2pi = 0.5 * math.log(2 * math.pi)
    assert lossbook.gaussian_nll(p, p * 0, t) == pytest.approx(lossbook.squared_error(p, t) / 2 + half_log_2pi, rel=1e-15)
    assert lossbook.laplace_nll(p, p * 0, t) == pytest.approx(lossbook.absolute_error(p, t) + math.log(2), rel=1e-15)
    one = lossbook.student_t_nll(p, p * 0, t, df=1.0)
    assert one == pytest.approx(2 * lossbook.cauchy(p, t) + math.log(math.pi), rel=1e-14)


def test_laws_can_be_compared():
    """With their constants kept, the losses rank the laws: for a sample of each law, its own loss is the smallest."""
    rng, zero = np.random.default_rng(0), np.zeros(20_000)
    samples = {"gaussian_nll": rng.standard_normal(20_000), "laplace_nll": rng.laplace(0, 2**-0.5, 20_000)}
    for name, sample in samples.items():
        gaussian = lossbook.gaussian_nll(zero, zero, sample)
        laplace = lossbook.laplace_nll(zero, zero - math.log(2) / 2, sample)
        assert (gaussian < laplace) == (name == "gaussian_nll")


# --- scales that vanish, values that are infinite -----------------------------------------------------------------------

VANISHING = [
    ("gaussian_nll", {}, 0.5 * math.log(2 * math.pi) - 1e4 / 2),
    ("laplace_nll", {}, math.log(2) - 1e4),
    ("student_t_nll", {"df": 1.0}, math.log(math.pi) - 1e4),
]


@pytest.mark.parametrize("name, params, want", VANISHING)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_an_exact_fit_stays_finite_for_any_scale(name, params, want, dtype):
    mean, scale, target = (torch.tensor(x, dtype=getattr(torch, dtype)) for x in (2.0, -1e4, 2.0))
    value = card(name).function(mean.requires_grad_(), scale.requires_grad_(), target, **params)
    assert value.item() == pytest.approx(want, rel=1e-6)
    by_autograd = torch.autograd.grad(value, (mean, scale))
    by_hand = card(name).gradients(*(np.array(x, dtype=dtype) for x in (2.0, -1e4, 2.0)), **params)
    log_slope = 0.5 if name == "gaussian_nll" else 1.0
    assert [float(g) for g in by_autograd] == [0.0, log_slope]
    assert [float(g) for g in by_hand] == [0.0, log_slope]


@pytest.mark.parametrize("name, params, _", VANISHING)
def test_infinite_predictions(name, params, _):
    """The limits: a mean infinitely far, a scale that is 0 or infinite. The density is then 0, or infinite at an exact fit."""
    function = card(name).function
    cases = [(INF, 0, 0, INF), (-INF, 0, 0, INF), (1, -INF, 0, INF), (1, INF, 0, INF), (1, -INF, 1, -INF)]
    for mean, scale, target, want in cases:
        for convert in (np.asarray, torch.as_tensor):
            assert float(function(*map(convert, arrays(mean, scale, target)), **params)) == want, (mean, scale, target)


def test_overflow_is_infinite_not_nan():
    """Where the density is below the smallest number of the dtype the loss is inf."""
    far = [np.array(x, dtype=np.float32) for x in ([0.0, 0.0], [0.0, 1.0], [-60.0, -60.0], 1e10)]
    assert lossbook.mixture_density_nll(*far) == INF
    assert lossbook.mixture_density_nll(*map(torch.as_tensor, far)) == INF
    assert lossbook.gaussian_nll(*arrays(1e200, 0, 0)) == INF


def test_a_far_outlier_does_not_overflow_where_the_tail_is_a_power():
    value = float(lossbook.student_t_nll(*arrays(1e200, 0, 0), df=3.0))
    assert value == pytest.approx(float(STUDENT.exactly([1e200, 0.0, 0.0], {"df": 3.0})), rel=1e-14)
    slope, in_scale = (float(g) for g in STUDENT.gradients(*arrays(1e200, 0, 0), df=3.0))
    assert slope == pytest.approx(4e-200, rel=1e-14, abs=0)
    assert in_scale == -3.0


@pytest.mark.parametrize("name, params", [("gaussian_nll", {}), ("student_t_nll", {"df": 3.0})])
def test_the_pull_of_a_small_residual_is_right_to_the_last_digits(name, params):
    """It does not cancel, unlike the gradient in the scale, so its error is relative."""
    for residual in (1e-5, -1e-12, 1e-100):
        point = [residual, -2.5, 0.0]
        got = float(card(name).gradients(*arrays(*point), **params)[0])
        symbols = dict(zip(card(name).symbols.values(), [*point, *params.values()]))
        want = float(check.exact(card(name).slopes[0], symbols))
        assert got == pytest.approx(want, rel=1e-14, abs=0)


# --- parameters that are tensors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, parameter, value", [("student_t_nll", "df", 3.5), ("von_mises_nll", "concentration", 1.5)])
def test_the_parameter_can_be_learned(name, parameter, value):
    sound = card(name)
    inputs = [0.5] * len(sound.function.axes)
    inputs[0] = 2.0
    learned = torch.tensor(value, dtype=torch.float64, requires_grad=True)
    loss = sound.function(*(torch.tensor(x, dtype=torch.float64) for x in inputs), **{parameter: learned})
    (slope,) = torch.autograd.grad(loss, learned)
    with mpmath.workdps(40):
        want = mpmath.diff(lambda x: sound.exactly(inputs, {parameter: x}, 40), value)
    assert float(slope) == pytest.approx(float(want), rel=1e-11)


@pytest.mark.parametrize("convert", [np.asarray, torch.as_tensor])
def test_one_parameter_for_each_example(convert):
    mean, zero, df = (convert(np.array(x)) for x in ([1.0, 2.0], [0.0, 0.0], [1.0, 30.0]))
    got = lossbook.student_t_nll(mean, zero, zero, df=df, reduction="none")
    want = [lossbook.student_t_nll(mean[i], zero[i], zero[i], df=float(df[i])) for i in range(2)]
    assert [float(x) for x in got] == pytest.approx([float(x) for x in want], rel=1e-15)
    turned = lossbook.von_mises_nll(mean, zero, concentration=df, reduction="none")
    assert float(turned[1]) == pytest.approx(float(lossbook.von_mises_nll(mean[1], zero[1], concentration=30.0)), rel=1e-15)
    with pytest.raises(ValueError, match="one value per example"):
        lossbook.student_t_nll(mean, zero, zero, df=df[:, None])


# --- the weight of the beta-NLL is a constant ---------------------------------------------------------------------------


def test_the_weight_gets_no_gradient():
    """Differences of the surrogate, in which the weight stays where it was, give the gradient; those of the value do not."""
    mean, log_variance, target, beta, step = 1.0, 0.7, 3.0, 0.5, 1e-6
    (_, slope) = BETA.gradients(*arrays(mean, log_variance, target), beta=beta)

    def surrogate(moved):
        return math.exp(beta * log_variance) * float(lossbook.gaussian_nll(*arrays(mean, moved, target)))

    def value(moved):
        return float(lossbook.beta_gaussian_nll(*arrays(mean, moved, target), beta=beta))

    held, seen = ((f(log_variance + step) - f(log_variance - step)) / (2 * step) for f in (surrogate, value))
    assert surrogate(log_variance) == pytest.approx(value(log_variance), rel=1e-15)
    assert float(slope) == pytest.approx(held, rel=1e-8)
    assert abs(seen - held) > 0.5


def test_the_card_shows_what_is_held():
    text = BETA._repr_markdown_()
    assert "held constant" in text
    assert r"\omega" in text
    assert "held constant" not in GAUSS._repr_markdown_()


def test_poorly_fitted_points_keep_their_say():
    """The pull on the mean, of two points with the same standardised residual: under the NLL 1/σ, at β = 1 the other way."""
    mean, log_variance, target = arrays([1.0, 10.0], [0.0, 2 * math.log(10)], [0.0, 0.0])
    pulls = {b: BETA.gradients(mean, log_variance, target, beta=b)[0] for b in (0.0, 0.5, 1.0)}
    assert pulls[0.0] == pytest.approx([1.0, 0.1])
    assert pulls[0.5] == pytest.approx([1.0, 1.0])
    assert pulls[1.0] == pytest.approx([1.0, 10.0])


# --- mixtures -----------------------------------------------------------------------------------------------------------


def test_shares_far_from_every_mean():
    """At y = 1e4 the exponents are 5e7 and the means differ by 1e-8: the shares come from differences, not from the exponents."""
    point = [[0.0, 0.0, 0.0], [1e-8, 0.0, -1e-8], [0.0, 0.0, 0.0], 1e4]
    inputs = arrays(*point)
    share = -np.asarray(MIXTURE.gradients(*inputs)[1]) / (1e4 - np.array(point[1]))
    with mpmath.workdps(60):
        density = [mpmath.exp(-((mpmath.mpf(m) - 10_000) ** 2) / 2) for m in point[1]]
        want = [float(part / sum(density)) for part in density]
    np.testing.assert_allclose(share, want, rtol=1e-13)
    assert max(want) - min(want) > 5e-5
    tensors = [torch.as_tensor(x) for x in inputs]
    tensors[1].requires_grad_()
    (slope,) = torch.autograd.grad(lossbook.mixture_density_nll(*tensors), tensors[1])
    np.testing.assert_allclose(-slope / (1e4 - tensors[1].detach()), want, rtol=1e-12)


@pytest.mark.parametrize("log_scale", [-400.0, -800.0])
def test_a_component_too_narrow_and_too_far(log_scale):
    """Its share is 0, so it gets no gradient, although its standardised residual, or the square of it, is infinite."""
    inputs = arrays([[0.0, 0.0]], [[0.0, 9.0]], [[0.0, log_scale]], [1.0])
    want = 0.5 * math.log(2 * math.pi) + math.log(2) + 0.5
    assert lossbook.mixture_density_nll(*inputs) == pytest.approx(want, rel=1e-15)
    tensors = [torch.as_tensor(x).requires_grad_() for x in inputs[:3]]
    slopes = torch.autograd.grad(lossbook.mixture_density_nll(*tensors, torch.ones(1, dtype=torch.float64)), tensors)
    for by_hand, by_autograd, first in zip(MIXTURE.gradients(*inputs), slopes, (-0.5, -1.0, 0.0)):
        assert by_hand[0, 0] == pytest.approx(first, abs=1e-15)
        np.testing.assert_allclose(by_autograd, by_hand, atol=1e-15)
        assert by_hand[0, 1] == (0.5 if first == -0.5 else 0)


@pytest.mark.parametrize("name", ["K = 1", "K = 2, one ruled out"])
def test_a_mixture_of_one(name):
    mean, log_variance, target = arrays([1.0, -3.0], [0.4, -2.0], [0.0, 5.0])
    rows = [np.zeros((2, 1)), mean[:, None], log_variance[:, None] / 2]
    if name != "K = 1":
        rows = [np.concatenate([row, np.full((2, 1), extra)], axis=1) for row, extra in zip(rows, (-INF, 7.0, 1.0))]
    got = lossbook.mixture_density_nll(*rows, target, reduction="none")
    np.testing.assert_allclose(got, lossbook.gaussian_nll(mean, log_variance, target, reduction="none"), rtol=1e-15)
    assert all(np.isfinite(slope).all() for slope in MIXTURE.gradients(*rows, target))


def test_two_modes_are_worth_it():
    """A target that is ±1: two components cost log 2 for the choice and beat one broad Gaussian between them."""
    target = np.tile([1.0, -1.0], 50)
    logits, means, log_scales = (np.tile(row, (100, 1)) for row in ([0.0, 0.0], [-1.0, 1.0], [-3.0, -3.0]))
    mixture = lossbook.mixture_density_nll(logits, means, log_scales, target)
    single = lossbook.gaussian_nll(target * 0, target * 0, target)
    assert float(mixture) == pytest.approx(math.log(2) + 0.5 * math.log(2 * math.pi) - 3, rel=1e-14)
    assert mixture < single


def test_every_component_needs_its_own_numbers():
    with pytest.raises(ValueError, match="means must have shape"):
        lossbook.mixture_density_nll(np.zeros((3, 2)), np.zeros((3, 4)), np.zeros((3, 2)), np.zeros(3))
    with pytest.raises(ValueError, match="target must have shape"):
        lossbook.mixture_density_nll(np.zeros((3, 2)), np.zeros((3, 2)), np.zeros((3, 2)), np.zeros((3, 2)))


# --- angles -------------------------------------------------------------------------------------------------------------


def test_angles_many_turns_apart():
    """The difference of two doubles is rounded; sin and cos get what the rounding took away as well."""
    for angle, target in ((1e8, 1e-9), (-1e12, 0.1), (2e15, 1 / 3)):
        value = float(lossbook.von_mises_nll(*arrays(angle, target), concentration=2.0))
        assert value == pytest.approx(float(VON_MISES.exactly([angle, target], {"concentration": 2.0})), rel=1e-14)
        slope = float(VON_MISES.gradient(*arrays(angle, target), concentration=2.0))
        with mpmath.workdps(60):
            assert slope == pytest.approx(float(2 * mpmath.sin(mpmath.mpf(angle) - mpmath.mpf(target))), rel=1e-13)
    assert np.isnan(lossbook.von_mises_nll(*arrays(INF, 0), concentration=2.0))


def test_the_best_direction_is_the_mean_direction():
    hours = np.array([6.1, 0.2, 5.9, 0.4, 6.0])  # around 0, from both sides
    best = math.atan2(np.sin(hours).sum(), np.cos(hours).sum())
    slope = VON_MISES.gradient(np.full(5, best), hours, concentration=3.0)
    assert abs(slope.sum()) < 1e-14
    assert lossbook.von_mises_nll(np.full(5, best), hours, concentration=3.0) < lossbook.von_mises_nll(
        np.full(5, hours.mean()), hours, concentration=3.0
    )


# --- other libraries ----------------------------------------------------------------------------------------------------


def test_torch_raises_small_variances():
    """torch uses max(var, 1e-6) in the value and lets the gradient through as if it had not; there the two losses differ."""
    mean, target = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    log_variance = torch.full((1,), math.log(1e-9), dtype=torch.float64)
    theirs = torch.nn.functional.gaussian_nll_loss(mean, target, log_variance.exp(), full=True)
    raised = lossbook.gaussian_nll(mean, torch.full_like(log_variance, math.log(1e-6)), target)
    assert float(theirs) == pytest.approx(float(raised), rel=1e-12)
    assert float(lossbook.gaussian_nll(mean, log_variance, target)) > 900 * float(theirs)


def test_torch_von_mises_is_an_approximation():
    """torch computes I0 by a polynomial: right to 1e-6 or so, which is why it is no twin."""
    angle, target = torch.linspace(-3, 3, 50, dtype=torch.float64), torch.zeros(50, dtype=torch.float64)
    gaps = []
    for concentration in (0.5, 3.0, 20.0):
        theirs = -torch.distributions.VonMises(angle, torch.tensor(concentration, dtype=torch.float64)).log_prob(target)
        ours = lossbook.von_mises_nll(angle, target, concentration=concentration, reduction="none")
        gaps.append(float((ours - theirs).abs().max()))
    assert 1e-10 < max(gaps) < 1e-6


# --- the checks ---------------------------------------------------------------------------------------------------------


def test_witnesses_that_refute_nothing():
    path = {"mean": 1.0, "log_variance": "t", "target": 1.0}  # the other way it rises
    assert check.bounded_below("gaussian_nll", at=path)
    truth = {"mean": 0.0, "log_variance": 0.0}
    assert check.favours_the_truth("gaussian_nll", at={"truth": truth, "other": {"mean": 0.1, "log_variance": 0.0}})
    assert check.normalised("gaussian_nll", at=truth)


def test_sums_over_all_targets_see_heavy_tails():
    """Student's law with df = 0.1 has a part of its mass beyond 1e9 that no grid of even steps would find."""
    from lossbook.check.likelihood import law

    targets, probability = law("student_t_nll", arrays(0, 0), {"df": 0.1})
    assert probability.sum() == pytest.approx(1, abs=1e-12)
    beyond = probability[np.abs(targets) > 1e9].sum()
    assert beyond == pytest.approx(2 * scipy.stats.t.sf(1e9, 0.1), rel=0.01)
    assert beyond > 0.05


def test_natural_parameters_in_numbers():
    """det H = -r² e^-2v / 2 < 0 in (μ, v), and 1/(4a³) > 0 in (α, a)."""
    point = {mu: 1.0, v: 0.3, y: 3.0}
    import sympy

    joint = sympy.hessian(GAUSS.formula, (mu, v)).det().subs(point)
    assert float(joint) == pytest.approx(-2 * math.exp(-0.6), rel=1e-12)
    formula = GAUSS.formula.subs({mu: alpha / (2 * a), v: -sympy.log(2 * a)}, simultaneous=True)
    natural = sympy.hessian(formula, (alpha, a)).det().subs({alpha: 0.7, a: 0.2, y: 3.0})
    assert float(natural) == pytest.approx(1 / (4 * 0.2**3), rel=1e-12)


def test_the_pull_of_a_residual_peaks_at_the_root_of_df():
    residuals = np.linspace(0.0, 10.0, 100_001)
    zero = np.zeros_like(residuals)
    for df in (1.0, 4.0, 9.0):
        pull = STUDENT.gradients(residuals, zero, zero, df=df)[0]
        assert residuals[pull.argmax()] == pytest.approx(df**0.5, abs=1e-4)
        assert pull.max() == pytest.approx((df + 1) / (2 * df**0.5), rel=1e-9)
