"""What only generative losses have: forms of a game, levels of noise for each example, and a penalty on a critic's slope."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import lossbook
from lossbook import card, check

FORMS = ["minimax", "non_saturating", "least_squares", "hinge", "wasserstein"]


def _g(name):
    """The function as the package has it now, so that a planted error in it is seen."""
    from importlib import import_module

    return getattr(import_module("lossbook.generative"), name)


# --- variational autoencoders -------------------------------------------------------------------------------------------


def test_kl_keeps_its_digits_near_the_prior():
    """e^v - 1 - v is v²/2 + v³/6 + ...: written out, the difference of float64 would be 0 or noise."""
    v = np.array([1e-9, -1e-6, 1e-3])
    got = _g("gaussian_kl")(np.zeros((3, 1)), v[:, None], reduction="none")
    np.testing.assert_allclose(got, v**2 / 4 + v**3 / 12 + v**4 / 48 + v**5 / 240, rtol=1e-12)


def test_kl_of_one_entry():
    assert _g("gaussian_kl")(np.array([[2.0]]), np.log([[4.0]])) == pytest.approx(2 + 1.5 - np.log(2), rel=1e-15)
    assert _g("gaussian_kl")(np.zeros((1, 3)), np.full((1, 3), -np.inf)) == np.inf  # no noise: infinitely far from the prior


def test_averaged_pixels_set_beta():
    """claim of many tutorials: mse_loss(mean) + KL is the ELBO; it is the one with beta = D/2."""
    rng = np.random.default_rng(0)
    image, decoded, mean, log_variance = *rng.standard_normal((2, 5, 48)), *rng.standard_normal((2, 5, 4))
    kl = _g("gaussian_kl")(mean, log_variance, reduction="none")
    log_likelihood = -((image - decoded) ** 2).sum(-1) / 2 - 24 * np.log(2 * np.pi)
    common = np.mean((image - decoded) ** 2) + kl.mean()
    bound = _g("elbo")(log_likelihood, kl, beta=24.0)
    assert common == pytest.approx((bound - 24 * np.log(2 * np.pi)) / 24, rel=1e-13)
    assert common != pytest.approx(_g("elbo")(log_likelihood, kl), rel=0.1)


# --- games --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gan_discriminator", "gan_generator"])
def test_an_unknown_form_lists_the_forms(name):
    with pytest.raises(ValueError, match="minimax, non_saturating, least_squares, hinge, wasserstein, got 'lsgan'"):
        _g(name)(*[np.zeros(2)] * (1 + (name == "gan_discriminator")), form="lsgan")


def test_values_of_each_form():
    real, fake, sp = 0.5, -3.0, lambda u: np.log1p(np.exp(u))
    critic = {"least_squares": 9.25, "hinge": 0.5, "wasserstein": -3.5}
    generator = {"minimax": -sp(fake), "non_saturating": sp(-fake), "least_squares": 16.0, "hinge": 3.0, "wasserstein": 3.0}
    for form in FORMS:
        pair = np.array([real]), np.array([fake])
        assert _g("gan_discriminator")(*pair, form=form) == pytest.approx(critic.get(form, sp(-real) + sp(fake)), rel=1e-14)
        assert _g("gan_generator")(pair[1], form=form) == pytest.approx(generator[form], rel=1e-14)


def test_default_forms():
    x = np.array([0.3])
    assert _g("gan_discriminator")(x, x) == _g("gan_discriminator")(x, x, form="minimax")
    assert _g("gan_generator")(x) == _g("gan_generator")(x, form="non_saturating")


def test_minimax_is_a_game_of_zero_sum():
    """In the minimax and Wasserstein forms the generator maximises the critic's part for generated samples."""
    fake = np.linspace(-5, 5, 11)
    for form in ("minimax", "wasserstein"):
        part = card("gan_discriminator").gradients(0 * fake, fake, form=form)[1]
        np.testing.assert_allclose(card("gan_generator").gradient(fake, form=form), -part, rtol=1e-14)


def test_least_squares_is_mse_to_1_and_0():
    real, fake = torch.randn(2, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    mse = torch.nn.functional.mse_loss
    want = mse(real, torch.ones(20)) + mse(fake, torch.zeros(20))
    torch.testing.assert_close(_g("gan_discriminator")(real, fake, form="least_squares"), want)
    torch.testing.assert_close(_g("gan_generator")(fake, form="least_squares"), mse(fake, torch.ones(20)))


def test_at_the_edges_of_the_hinge_there_is_no_pull():
    slopes = card("gan_discriminator").gradients(np.array([1.0, 0.999]), np.array([-1.0, -0.999]), form="hinge")
    assert [s.tolist() for s in slopes] == [[0.0, -1.0], [0.0, 1.0]]


# --- gradient penalty ---------------------------------------------------------------------------------------------------


def _points(n=4, shape=(3,), dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(n, *shape, generator=generator, dtype=dtype) for _ in range(2)] + [
        torch.rand(n, generator=generator, dtype=dtype)
    ]


def test_penalty_of_a_linear_critic():
    """(‖w‖ - 1)² with the gradient 2 (‖w‖ - 1) w/‖w‖, wherever the points are."""
    w = torch.tensor([1.0, -2.0, 2.0], dtype=torch.float64, requires_grad=True)
    real, fake, mix = _points()
    value = _g("gradient_penalty")(lambda x: x @ w, real, fake, mix=mix)
    assert value.item() == pytest.approx(4.0, rel=1e-14)
    (slope,) = torch.autograd.grad(value, w)
    torch.testing.assert_close(slope, 2 * (3 - 1) * w.detach() / 3, rtol=1e-13, atol=0)


def test_penalty_looks_between_the_two():
    """D(x) = ½‖x‖² has the slope x̂ itself; mix = 1 is at the real one, mix = 0 at the generated one."""
    real, fake, mix = _points()
    mix[0], mix[1] = 0.0, 1.0
    between = mix[:, None] * real + (1 - mix[:, None]) * fake
    want = (torch.linalg.norm(between, dim=-1) - 1) ** 2
    for m in (mix, mix[:, None]):
        got = _g("gradient_penalty")(lambda x: (x**2).sum(-1) / 2, real, fake, mix=m, reduction="none")
        torch.testing.assert_close(got, want, rtol=1e-13, atol=0)
    assert torch.equal(between[0], fake[0])


def test_penalty_of_a_flat_critic_has_a_finite_gradient():
    w = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    real, fake, mix = _points()
    value = _g("gradient_penalty")(lambda x: (x @ w)[:, None], real, fake, mix=mix)
    assert value.item() == 1.0
    assert torch.equal(torch.autograd.grad(value, w)[0], torch.zeros(3, dtype=torch.float64))


def test_penalty_of_a_network():
    """Second derivatives reach the parameters: against differences, on images, under no_grad too."""
    torch.manual_seed(0)
    critic = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(8, 5), torch.nn.Softplus(), torch.nn.Linear(5, 1)).double()
    real, fake, mix = _points(shape=(2, 2, 2))
    penalty = _g("gradient_penalty")

    def of(weight):
        return penalty(lambda x: torch.func.functional_call(critic, {"1.weight": weight}, x), real, fake, mix=mix)

    assert torch.autograd.gradcheck(of, critic[1].weight.detach().clone().requires_grad_())
    with torch.no_grad():
        assert penalty(critic, real, fake, mix=mix).item() == pytest.approx(of(critic[1].weight).item(), rel=1e-14)


def test_penalty_holds_the_samples_constant():
    real, fake, mix = (a.requires_grad_() for a in _points())
    w = torch.ones(3, dtype=torch.float64, requires_grad=True)
    value = _g("gradient_penalty")(lambda x: (x**2) @ w, real, fake, mix=mix)
    assert torch.autograd.grad(value, [real, fake, mix], allow_unused=True) == (None, None, None)


def test_penalty_reductions_and_weights():
    real, fake, mix = _points()
    critic, penalty = (lambda x: (x**2).sum(-1)), _g("gradient_penalty")
    each = penalty(critic, real, fake, mix=mix, reduction="none")
    w = torch.tensor([1.0, 0.0, 2.0, 0.5], dtype=torch.float64)
    spoiled = real.clone()
    spoiled[1] = torch.nan
    torch.testing.assert_close(penalty(critic, real, fake, mix=mix), each.mean())
    torch.testing.assert_close(penalty(critic, real, fake, mix=mix, reduction="mean", denominator=8), each.sum() / 8)
    torch.testing.assert_close(penalty(critic, spoiled, fake, mix=mix, weight=w), (w * each).sum() / w.sum())
    assert torch.isnan(penalty(critic, spoiled, fake, mix=mix))
    assert penalty(critic, real[:0], fake[:0], mix=mix[:0], reduction="none").shape == (0,)
    half = penalty(critic, *(a.to(torch.bfloat16) for a in (real, fake)), mix=mix)
    assert half.dtype == torch.bfloat16


def test_penalty_refuses():
    real, fake, mix = _points()
    penalty, critic = _g("gradient_penalty"), lambda x: x.sum(-1)
    with pytest.raises(TypeError, match="real must be a torch tensor, got ndarray"):
        penalty(critic, real.numpy(), fake.numpy(), mix=mix.numpy())
    with pytest.raises(TypeError, match="mix must be a torch tensor, got float"):
        penalty(critic, real, fake, mix=0.5)
    with pytest.raises(TypeError, match="floating point"):
        penalty(critic, real.long(), fake, mix=mix)
    with pytest.raises(ValueError, match="nothing is broadcast"):
        penalty(critic, real, fake[:3], mix=mix)
    with pytest.raises(ValueError, match=r"mix must have shape \(4,\) or \(4, 1\)"):
        penalty(critic, real, fake, mix=torch.rand(4, 3))
    with pytest.raises(ValueError, match=r"mix must lie in \[0, 1\]"):
        penalty(critic, real, fake, mix=mix + 1)
    with pytest.raises(ValueError, match="critic must return one number per example"):
        penalty(lambda x: x, real, fake, mix=mix)
    with pytest.raises(ValueError, match="critic must be differentiable"):
        penalty(lambda x: x.detach().sum(-1), real, fake, mix=mix)
    with pytest.raises(ValueError, match="reduction"):
        penalty(critic, real, fake, mix=mix, reduction="average")


# --- noise --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", [np.asarray, torch.as_tensor])
def test_a_level_of_noise_for_each_example(library):
    rng = np.random.default_rng(1)
    arrays = [library(a) for a in rng.standard_normal((3, 4, 2, 3))]
    alpha, sigma = np.array([0.0, 0.3, 0.97, 1.0]), np.array([1.0, 0.9, 0.2, 5.0])
    score, network = _g("denoising_score_matching"), _g("diffusion")
    got = score(*arrays[:2], sigma=library(sigma), reduction="none")
    for i in range(4):
        one = score(*[a[i : i + 1] for a in arrays[:2]], sigma=float(sigma[i]), reduction="none")
        np.testing.assert_allclose(got[i], one[0], rtol=1e-14)
    for target in ("epsilon", "x0", "v"):
        for weighting in ("simple", "snr", "min_snr"):
            form = {"parametrization": target, "weighting": weighting}
            got = network(*arrays, alpha=library(alpha), sigma=library(sigma), reduction="none", **form)
            slope = card("diffusion").gradient(*arrays, alpha=library(alpha), sigma=library(sigma), **form)
            for i in range(4):
                level = {"alpha": float(alpha[i]), "sigma": float(sigma[i])}
                one = network(*[a[i : i + 1] for a in arrays], reduction="none", **level, **form)
                np.testing.assert_allclose(got[i], one[0], rtol=1e-14)
                np.testing.assert_allclose(
                    slope[i], card("diffusion").gradient(*[a[i : i + 1] for a in arrays], **level, **form)[0], rtol=1e-14
                )


def test_every_target_with_every_weighting():
    """All nine against the definition, at an SNR of 0, below 5 and above 5 (the random settings of the Card do not meet all)."""
    rng = np.random.default_rng(2)
    arrays = rng.standard_normal((3, 5, 3))
    for alpha, sigma in ((0.0, 1.0), (0.6, 0.8), (0.95, 0.3), (1.0, 0.2), (1.0, 4.0)):
        for target in ("epsilon", "x0", "v"):
            for weighting in ("simple", "snr", "min_snr"):
                if alpha == 0 and target == "epsilon" and weighting != "simple":
                    continue  # no clean data can be read off: the limit is below
                options = {"alpha": alpha, "sigma": sigma, "parametrization": target, "weighting": weighting}
                got = _g("diffusion")(*arrays, reduction="none", **options)
                want = [float(card("diffusion").exactly([a[i] for a in arrays], options)) for i in range(5)]
                np.testing.assert_allclose(got, want, rtol=1e-12)


def test_pure_noise():
    """At alpha = 0 the weights are limits: the noise still counts, the clean data do not."""
    arrays = np.random.default_rng(3).standard_normal((3, 2, 3))
    plain = _g("diffusion")(*arrays, alpha=0.0, sigma=1.0)
    for weighting in ("snr", "min_snr"):
        assert _g("diffusion")(*arrays, alpha=0.0, sigma=1.0, weighting=weighting) == plain
        assert _g("diffusion")(*arrays, alpha=0.0, sigma=1.0, weighting=weighting, parametrization="x0") == 0


def test_noise_refuses():
    arrays = np.zeros((3, 2, 3))
    for options, message in (
        ({"parametrization": "eps"}, "parametrization must be one of epsilon, x0, v, got 'eps'"),
        ({"weighting": "p2"}, "weighting must be one of simple, snr, min_snr, got 'p2'"),
        ({"alpha": np.ones(3)}, "alpha must have shape"),
        ({"alpha": [0.5, 1.5]}, "alpha must lie in"),
        ({"sigma": [0.5, 0.0]}, "sigma must lie in"),
        ({"sigma": np.ones((2, 1))}, "sigma must have shape"),
    ):
        with pytest.raises(ValueError, match=message):
            _g("diffusion")(*arrays, **{"alpha": 0.8, "sigma": 0.6, **options})
    with pytest.raises(ValueError, match="sigma must have shape"):
        _g("denoising_score_matching")(*arrays[:2], sigma=np.ones((2, 1, 1)))


def test_levels_may_be_learned():
    sigma = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    arrays = [torch.ones(2, 3, dtype=torch.float64)] * 2
    (slope,) = torch.autograd.grad(_g("denoising_score_matching")(*arrays, sigma=sigma, reduction="sum"), sigma)
    want = -6 * (1 + 1 / sigma) / sigma**2
    torch.testing.assert_close(slope, want.detach())


def test_sums_and_not_means():
    """Twice the entries, twice the loss; and a flat array (N,) has examples of one entry."""
    one, two = np.ones((4, 3)), np.ones((4, 2, 3))
    for name, count, options in (
        ("flow_matching", 3, {}),
        ("denoising_score_matching", 2, {"sigma": 1.0}),
        ("diffusion", 3, {"alpha": 0.8, "sigma": 0.6}),
    ):
        small, large = (_g(name)(2 * a, *[0 * a] * (count - 1), **options) for a in (one, two))
        assert (small, large) == (12.0, 24.0)
        assert _g(name)(*[np.ones(5)] + [np.zeros(5)] * (count - 1), reduction="none", **options).shape == (5,)


def test_crossing_paths_cost_something():
    """Four paths from ±1 to ±1: halfway two of them are at 0, one going up and one down. The best velocity is 0, the loss 2."""
    start, end = np.array([[-1.0], [-1.0], [1.0], [1.0]]), np.array([[-1.0], [1.0], [-1.0], [1.0]])
    assert _g("flow_matching")(np.zeros((4, 1)), start, end) == 2.0


# --- the checks of this family can fail ---------------------------------------------------------------------------------


def _times(sound, factor):
    """The card of a loss whose function returns `factor` times too much."""

    def function(*arrays, **params):
        return factor * sound.function(*arrays, **params)

    function.__name__ = sound.name
    function.__dict__.update(sound.function.__dict__)
    return replace(sound, function=function)


def _half(x, score, signal, noise):
    return score / 2


SCORE, FLOW, GAME = card("denoising_score_matching"), card("flow_matching"), card("gan_generator")
KL, BOUND, DIFFUSION = card("gaussian_kl"), card("elbo"), card("diffusion")
HINGE = {"form": "hinge", "critic": lambda p, g: np.sign(p - g), "name": "wrong"}

FAILURES = [
    ("mean_log_ratio", lambda: check.mean_log_ratio(_times(KL, 1 + 1e-9))),
    ("gap_is_posterior_divergence", lambda: check.gap_is_posterior_divergence(replace(BOUND, formula=BOUND.formula * 2))),
    ("bounds_evidence", lambda: check.bounds_evidence(BOUND, beta=0.9)),
    ("bounds_evidence, not tight", lambda: check.bounds_evidence(BOUND, beta=1.1)),
    ("best_discriminator, value", lambda: check.best_discriminator("gan_discriminator", value=lambda p, g: 2.0, **HINGE)),
    (
        "best_discriminator, critic",
        lambda: check.best_discriminator(
            "gan_discriminator",
            form="least_squares",
            critic=lambda p, g: 0.9 * p / (p + g),
            value=lambda p, g: np.sum(p * g / (p + g)),
            name="wrong",
        ),
    ),
    ("slope_far_below", lambda: check.slope_far_below(GAME, form="minimax", slope=-1)),
    ("follows", lambda: check.follows(GAME, objective=lambda p, g: abs(p - g).sum() / 2, **HINGE)),
    ("best_denoiser", lambda: check.best_denoiser(SCORE, answer=_half, name="wrong")),
    ("best_denoiser of a flow", lambda: check.best_denoiser(FLOW, answer=_half, name="wrong")),
    ("positive_at_its_best", lambda: check.positive_at_its_best(_times(SCORE, 0.0), answer=_half)),
    (
        "error_of_clean",
        lambda: check.error_of_clean(DIFFUSION, parametrization="v", weighting="simple", factor=1),
    ),
    ("error_of_the_end", lambda: check.error_of_the_end(replace(FLOW, formula=2 * FLOW.formula))),
]

PENALTY = [
    test_penalty_of_a_linear_critic,
    test_penalty_looks_between_the_two,
    test_penalty_of_a_flat_critic_has_a_finite_gradient,
    test_penalty_of_a_network,
    test_penalty_holds_the_samples_constant,
    test_penalty_reductions_and_weights,
    test_penalty_refuses,
]
GUARDS = {
    "gaussian_kl": [test_kl_keeps_its_digits_near_the_prior, test_kl_of_one_entry],
    "elbo": [test_averaged_pixels_set_beta],
    "gan_discriminator": [
        test_values_of_each_form,
        test_default_forms,
        test_at_the_edges_of_the_hinge_there_is_no_pull,
        lambda: test_an_unknown_form_lists_the_forms("gan_discriminator"),
        *PENALTY,
    ],
    "gan_generator": [
        test_values_of_each_form,
        test_default_forms,
        test_minimax_is_a_game_of_zero_sum,
        lambda: test_an_unknown_form_lists_the_forms("gan_generator"),
    ],
    "denoising_score_matching": [test_levels_may_be_learned, test_noise_refuses, test_sums_and_not_means],
    "diffusion": [
        lambda: [test_a_level_of_noise_for_each_example(a) for a in (np.asarray, torch.as_tensor)] and None,
        test_every_target_with_every_weighting,
        test_pure_noise,
        test_noise_refuses,
    ],
    "flow_matching": [test_crossing_paths_cost_something, test_sums_and_not_means],
}


def test_public():
    assert "gradient_penalty" in lossbook.__all__
