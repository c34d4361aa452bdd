"""Losses of generative models: variational autoencoders, adversarial games, and learning to remove noise.

Arrays (N, ...) hold N examples; everything after the first axis is one example (an image, a state), over whose entries the
squared errors are *summed*: divide by the number of entries for the mean that most training code takes. `sigma` and `alpha` are
numbers, or arrays (N,) with one level of noise for each example. All random numbers are drawn by the caller and passed in.
"""

import math

from ._card import Card, Twin, denies, describes, says
from ._loss import ALL_BUT_FIRST, gradient_of, in_range, in_unit_interval, loss, parameter, prepare
from ._reduce import check_reduction, reduce
from ._xp import expm1, is_torch, namespace, positive_part, sigmoid, softplus, sqrt, step, sum_classes, where
from .policy import exp_excess

# --- variational autoencoders -------------------------------------------------------------------------------------------


@loss(predictions=2, mean=1, log_variance=1)
def gaussian_kl(mean, log_variance):
    """KL(N(μ, σ²) ‖ N(0, 1)) = ½ Σ (μ² + e^v - 1 - v), v = log σ², summed over the D entries of the last axis, in nats.

    (..., D) -> (...). Both arguments are predictions of the encoder and there is no target; v is any real number and not clamped.
    Never negative, and 0 only where μ = 0 and v = 0. Source: Kingma and Welling (2014).

    >>> import numpy as np
    >>> float(gaussian_kl(np.array([[3.0, 4.0]]), np.zeros((1, 2))))
    12.5
    """
    return sum_classes(mean**2 / 2 + exp_excess(log_variance) / 2)


@gradient_of(gaussian_kl)
def gaussian_kl_gradient(mean, log_variance):
    return 1 * mean, expm1(log_variance) / 2


@describes(gaussian_kl)
def _():
    from sympy import Sum, exp

    from . import check
    from ._symbols import K, Mu, V, j, k

    return Card(
        gaussian_kl,
        symbols={"mean": Mu, "log_variance": V},
        domain={"mean": "R^K", "log_variance": "logs of K scales"},
        formula=Sum(Mu[k] ** 2 + exp(V[k]) - 1 - V[k], (k, 1, K)) / 2,
        gradient=gaussian_kl_gradient,
        gradient_formula=(Mu[j], (exp(V[j]) - 1) / 2),
        link="identity for the mean, log for the variance",
        convention="summed over the last axis; v is the log of the variance, not of the standard deviation",
        reference="kingma2014",
        twins=[Twin("torch.distributions.kl_divergence", _kl_torch, note="of two Normal, summed", reductions=("none",))],
        claims=[
            says(check.mean_log_ratio, "verified"),
            says(check.bounded_below, "searched", bound=0),
            says(check.convex, "proved", name="the mean and the log-variance together"),
            says(check.permutation_invariant, "verified", what="entries"),
            says(
                check.identity,
                "proved",
                where={K: 3, V[1]: 0, V[2]: 0, V[3]: 0},
                expression=(Mu[1] ** 2 + Mu[2] ** 2 + Mu[3] ** 2) / 2,
                name="half the squared length of the mean, for three entries of variance 1",
            ),
        ],
        chapter="22_latent_variables",
    )


@loss(predictions=2, log_likelihood=0, kl=0)
def elbo(log_likelihood, kl, *, beta=1.0):
    """Negative evidence lower bound -log p(x|z) + β KL(q ‖ p), per example, in nats; β = 1 bounds -log p(x) from above.

    `log_likelihood` is log p(x|z), constants included, of one sample z of q (or a mean over several); `kl` has the same shape,
    for instance from `gaussian_kl` with ``reduction="none"``. `beta` ≥ 0. To add a squared error *averaged* over n entries to a
    KL that is summed is to set β = n/2. Source: Kingma and Welling (2014); β: Higgins et al. (2017).

    >>> import numpy as np
    >>> float(elbo(np.array([-3.0]), np.array([0.5]), beta=4.0))
    5.0
    """
    in_range(beta=beta, low=0, closed="[")
    return beta * kl - log_likelihood


@gradient_of(elbo)
def elbo_gradient(log_likelihood, kl, *, beta=1.0):
    in_range(beta=beta, low=0, closed="[")
    return 0 * log_likelihood - 1, 0 * kl + beta


@describes(elbo)
def _():
    from sympy import Integer, Sum, log, pi

    from . import check
    from ._symbols import X, Y_hat, beta, i, kl_to_prior, log_evidence, n

    errors = Sum((X[i] - Y_hat[i]) ** 2, (i, 1, n))
    constant = n * log(2 * pi) / 2
    return Card(
        elbo,
        symbols={"log_likelihood": log_evidence, "kl": kl_to_prior, "beta": beta},
        domain={"log_likelihood": "R", "kl": "R", "beta": "[0, inf)"},
        formula=-log_evidence + beta * kl_to_prior,
        gradient=elbo_gradient,
        gradient_formula=(Integer(-1), beta),
        convention="the negative bound, to be minimised; constants of the likelihood belong to log p(x|z)",
        reference="kingma2014",
        terms=1.0,
        claims=[
            says(check.gap_is_posterior_divergence, "proved"),
            says(check.bounds_evidence, "searched", beta=1),
            denies(check.bounds_evidence, "searched", beta=0.5, witness=([0.5, 0.5], [0.9, 0.1], [0.99, 0.01])),
            says(
                check.identity,
                "proved",
                where={log_evidence: -errors / 2 - constant, beta: n / 2},
                expression=(errors / n + kl_to_prior) * n / 2 + constant,
                name="n/2 times (squared error averaged over n pixels + KL) plus a constant, for a Gaussian likelihood of "
                "variance 1 and beta = n/2",
            ),
            says(
                check.identity,
                "proved",
                where={log_evidence: -errors / 2 - constant, beta: 1},
                expression=(errors + 2 * kl_to_prior) / 2 + constant,
                name="half of (squared error summed over the pixels + 2 KL) plus a constant, for that likelihood and beta = 1",
            ),
            says(check.convex, "proved", name="log-likelihood and KL together"),
        ],
        chapter="22_latent_variables",
    )


# --- adversarial games --------------------------------------------------------------------------------------------------


@loss(predictions=2, real=0, fake=0)
def gan_discriminator(real, fake, *, form="minimax"):
    """What the critic minimises in an adversarial game, per pair of its outputs for a real and a generated sample.

    `real`, `fake` of equal shape, unbounded (logits; no sigmoid before). `form`: "minimax" and "non_saturating", which share it,
    sp(-real) + sp(fake) with sp(u) = log(1 + e^u); "least_squares" (real - 1)² + fake²; "hinge" (1 - real)₊ + (1 + fake)₊;
    "wasserstein" fake - real, which has no least value without a `gradient_penalty` or another bound on the slope.
    Convention: no factor ½ in least_squares. Source: Goodfellow et al. (2014); Mao et al. (2017); Lim and Ye (2017);
    Arjovsky, Chintala and Bottou (2017).

    >>> import numpy as np
    >>> real, fake = np.array([2.0]), np.array([-0.5])
    >>> float(gan_discriminator(real, fake, form="hinge")), float(gan_discriminator(real, fake, form="wasserstein"))
    (0.5, -2.5)
    """
    _one_of(FORMS, form=form)
    if form == "least_squares":
        return (real - 1) ** 2 + fake**2
    if form == "hinge":
        return positive_part(1 - real) + positive_part(1 + fake)
    if form == "wasserstein":
        return fake - real
    return softplus(-real) + softplus(fake)


@gradient_of(gan_discriminator)
def gan_discriminator_gradient(real, fake, *, form="minimax"):
    if form == "least_squares":
        return 2 * (real - 1), 2 * fake
    if form == "hinge":
        return -step(1 - real), step(1 + fake)
    if form == "wasserstein":
        return 0 * real - 1, 0 * fake + 1
    return -sigmoid(-real), sigmoid(fake)


@describes(gan_discriminator)
def _():
    from sympy import Symbol, sqrt

    from . import check
    from ._symbols import z1, z2

    claims = [says(check.best_discriminator, "verified", form=form, **best) for form, best in _best_critics().items()]
    return Card(
        gan_discriminator,
        symbols={"real": z1, "fake": z2, "form": Symbol("form")},
        domain={"real": "R", "fake": "R", "form": "the name of a game"},
        oracle=_discriminator_oracle,
        gradient=gan_discriminator_gradient,
        link="logit, for minimax and non_saturating",
        convention="minimised; one real sample for each generated one; least squares without ½, labels 1 and 0",
        reference="goodfellow2014",
        twins=[
            Twin(
                "torch.nn.functional.binary_cross_entropy_with_logits",
                _two_cross_entropies,
                note="minimax: that of the real ones with label 1 plus that of the generated ones with label 0",
                at={},
            ),
        ],
        claims=[
            *claims,
            denies(
                check.bounded_below,
                "verified",
                along="as the critic grows steeper, in the form wasserstein",
                witness={"real": "t", "fake": "-t", "params": {"form": "wasserstein"}},
            ),
            says(check.convex, "searched", name="the two outputs together, in every form"),
            says(check.lipschitz, "searched", bound=sqrt(2), wrt=None, params={"form": "hinge"}),
            says(check.lipschitz, "searched", bound=sqrt(2), wrt=None, params={"form": "minimax"}),
        ],
        chapter="23_adversaries",
    )


@loss(fake=0)
def gan_generator(fake, *, form="non_saturating"):
    """What the generator minimises in an adversarial game: a function of the critic's output for a generated sample.

    `form`: "minimax" -sp(fake), whose gradient vanishes where the critic is sure (fake -> -∞); "non_saturating" sp(-fake), whose
    gradient is -1 there; "least_squares" (fake - 1)²; "hinge" and "wasserstein" -fake. sp(u) = log(1 + e^u). Its critic is
    `gan_discriminator` with the same form. Source: Goodfellow et al. (2014); Mao et al. (2017); Lim and Ye (2017);
    Arjovsky, Chintala and Bottou (2017).

    >>> import numpy as np
    >>> round(float(gan_generator(np.array([0.0]))), 6), round(float(gan_generator(np.array([0.0]), form="minimax")), 6)
    (0.693147, -0.693147)
    """
    _one_of(FORMS, form=form)
    if form == "minimax":
        return -softplus(fake)
    if form == "non_saturating":
        return softplus(-fake)
    return (fake - 1) ** 2 if form == "least_squares" else -fake


@gradient_of(gan_generator)
def gan_generator_gradient(fake, *, form="non_saturating"):
    if form == "minimax":
        return -sigmoid(fake)
    if form == "non_saturating":
        return -sigmoid(-fake)
    return 2 * (fake - 1) if form == "least_squares" else 0 * fake - 1


@describes(gan_generator)
def _():
    from sympy import Symbol

    from . import check
    from ._symbols import z2

    critics = {form: best["critic"] for form, best in _best_critics().items()}
    return Card(
        gan_generator,
        symbols={"fake": z2, "form": Symbol("form")},
        domain={"fake": "R", "form": "the name of a game"},
        oracle=_generator_oracle,
        gradient=gan_generator_gradient,
        link="logit, for minimax and non_saturating",
        convention="minimised; least squares without ½",
        reference="goodfellow2014",
        twins=[
            Twin(
                "torch.nn.functional.binary_cross_entropy_with_logits",
                _cross_entropy_of_ones,
                note="non_saturating: with label 1",
                at={},
            ),
        ],
        claims=[
            says(check.slope_far_below, "verified", form="minimax", slope=0),
            says(check.slope_far_below, "verified", form="non_saturating", slope=-1),
            says(
                check.follows,
                "verified",
                form="non_saturating",
                critic=critics["minimax"],
                objective=_reverse_kl_less_js,
                name="KL(p_g ‖ p_d) - 2 JS(p_d, p_g)",
            ),
            says(
                check.follows,
                "verified",
                form="minimax",
                critic=critics["minimax"],
                objective=_twice_js,
                name="2 JS(p_d, p_g)",
            ),
            denies(
                check.follows,
                "verified",
                form="non_saturating",
                critic=critics["minimax"],
                objective=_twice_js,
                name="2 JS(p_d, p_g)",
                witness=([0.2, 0.3, 0.5], [0.0, 1.0, -1.0]),
            ),
            says(
                check.follows,
                "verified",
                form="hinge",
                critic=critics["hinge"],
                objective=_twice_tv,
                name="2 TV(p_d, p_g)",
            ),
            denies(
                check.bounded_below,
                "verified",
                along="as the critic is fooled, in the form minimax",
                witness={"fake": "t", "params": {"form": "minimax"}},
            ),
        ],
        chapter="23_adversaries",
    )


def gradient_penalty(critic, real, fake, *, mix, weight=None, reduction="mean", denominator=None):
    """Gradient penalty (‖∇D(x̂)‖ - 1)² of a critic D at x̂ = mix · real + (1 - mix) · fake, per example; torch only.

    `critic` maps (N, ...) to one number for each example, (N,) or (N, 1); it must treat the examples one by one, so no batch
    normalisation. `real`, `fake` (N, ...) are held constant; `mix` (N,) or (N, 1, ...) in [0, 1], drawn by the caller, most often
    uniformly. The gradient reaches the parameters of the critic, through its slope; it is 0 where the slope is 0. It is a plain
    function and not made by the decorator of the other losses, because it differentiates the critic itself. Times λ (10 in the
    paper) and added to the "wasserstein" form of `gan_discriminator`. Source: Gulrajani et al. (2017).

    >>> import torch
    >>> real, fake = torch.ones(2, 2), torch.zeros(2, 2)
    >>> gradient_penalty(lambda x: 3 * x[:, 0] + 4 * x[:, 1], real, fake, mix=torch.tensor([0.5, 0.25])).item()
    16.0
    """
    check_reduction(reduction, denominator)
    for name, array in (("real", real), ("fake", fake), ("mix", mix)):
        if not is_torch(array):
            raise TypeError(
                f"{name} must be a torch tensor, got {type(array).__name__}: the critic is differentiated by autograd"
            )
    import torch

    batch = prepare(gradient_penalty, [real, fake], weight, {})
    real, fake = (array.detach() for array in batch.arrays)
    n = real.shape[0]
    if tuple(mix.shape) not in ((n,), (n, *[1] * (real.ndim - 1))):
        raise ValueError(f"mix must have shape {(n,)} or {(n, *[1] * (real.ndim - 1))}, one per example, got {tuple(mix.shape)}")
    in_unit_interval(mix=mix)
    mix = mix.detach().reshape(n, *[1] * (real.ndim - 1)).to(real.dtype)
    with torch.enable_grad():
        between = (mix * real + (1 - mix) * fake).to(batch.dtype).requires_grad_()
        scores = critic(between)
        if tuple(scores.shape) not in ((n,), (n, 1)):
            raise ValueError(f"critic must return one number per example, shape {(n,)} or {(n, 1)}, got {tuple(scores.shape)}")
        if not scores.requires_grad:
            raise ValueError("critic must be differentiable, got scores without gradient: does it detach, or run under no_grad?")
        (slope,) = torch.autograd.grad(scores.sum(), between, create_graph=True, materialize_grads=True)
    squares = _sum(slope.to(real.dtype) ** 2)
    flat = squares == 0  # the norm has no gradient there: 0 by convention, where the plain square root gives nan
    norm = where(flat, 0.0, sqrt(where(flat, 1.0, squares)))
    return reduce((norm - 1) ** 2, batch.weight, reduction, denominator).to(batch.dtype)


gradient_penalty.axes = {"real": ALL_BUT_FIRST, "fake": ALL_BUT_FIRST}
gradient_penalty.predictions, gradient_penalty.symmetric = 2, False


# --- removing noise -----------------------------------------------------------------------------------------------------


@loss(score=ALL_BUT_FIRST, noise=ALL_BUT_FIRST)
def denoising_score_matching(score, noise, *, sigma):
    """Denoising score matching ‖s + ε/σ‖²: the score at x + σε is asked to be -ε/σ, the slope of log q(x + σε | x).

    `score`, `noise` (N, ...) -> (N,), summed over the entries of an example; `noise` is the standard normal ε. `sigma` > 0 is a
    number or (N,). Its least mean value is not 0: the best score is that of the data blurred by σ. Times σ² (not done here) the
    levels of noise count alike. Convention: no factor ½, which the paper has. Source: Vincent (2011).

    >>> import numpy as np
    >>> float(denoising_score_matching(np.array([[1.0, -1.0]]), np.array([[0.5, 0.5]]), sigma=0.5))
    4.0
    """
    sigma = _of_examples("sigma", sigma, score)
    in_range(sigma=sigma, low=0)
    return _sum((score + noise / sigma) ** 2)


@gradient_of(denoising_score_matching)
def denoising_score_matching_gradient(score, noise, *, sigma):
    return 2 * (score + noise / _of_examples("sigma", sigma, score))


@describes(denoising_score_matching)
def _():
    from sympy import Sum

    from . import check
    from ._symbols import Noise, Score, i, j, n, sigma

    return Card(
        denoising_score_matching,
        symbols={"score": Score, "noise": Noise, "sigma": sigma},
        domain={"score": "states in R^n", "noise": "states in R^n", "sigma": "(0, inf)"},
        formula=Sum((Score[i] + Noise[i] / sigma) ** 2, (i, 1, n)),
        gradient=denoising_score_matching_gradient,
        gradient_formula=2 * (Score[j] + Noise[j] / sigma),
        convention="summed over the entries of an example, no ½ and no factor σ²",
        reference="vincent2011",
        twins=[_mse(lambda score, noise, *, sigma: (score, -noise / sigma))],
        claims=[
            says(check.best_denoiser, "verified", answer=_score, name="the score of the data blurred by σ"),
            denies(check.best_denoiser, "verified", answer=_to_the_middle, name="-x/σ², the way to 0", witness=0.5),
            says(check.positive_at_its_best, "verified", answer=_score),
            says(check.convex, "proved", name="the score"),
            says(check.coincides, "verified", other=_noise_error, name="‖ε̂ - ε‖²/σ² with ε̂ = -σ s, the diffusion loss"),
        ],
        chapter="24_diffusion",
    )


@loss(prediction=ALL_BUT_FIRST, noise=ALL_BUT_FIRST, clean=ALL_BUT_FIRST)
def diffusion(prediction, noise, clean, *, alpha, sigma, parametrization="epsilon", weighting="simple"):
    """Diffusion loss w ‖prediction - target‖² at x_t = α x₀ + σ ε, (N, ...) -> (N,), summed over the entries of an example.

    `clean` is x₀, `noise` the standard normal ε, `alpha` in [0, 1] and `sigma` > 0 numbers or (N,). `parametrization` names the
    target: "epsilon" ε, "x0" x₀, "v" α ε - σ x₀. `weighting`: "simple" w = 1, which means another weight for each target;
    "snr" and "min_snr" weigh the error of x₀ that the prediction implies, SNR ‖x̂₀ - x₀‖² and min(SNR, 5) ‖x̂₀ - x₀‖² with
    SNR = α²/σ², and so are one loss for all three. Convention: sums, not means; a mean over D entries divides by D. Source: Ho,
    Jain and Abbeel (2020); v: Salimans and Ho (2022); min-SNR: Hang et al. (2023).

    >>> import numpy as np
    >>> state = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0]]), np.array([[0.0, 2.0]])
    >>> float(diffusion(*state, alpha=0.8, sigma=0.6)), round(float(diffusion(*state, alpha=0.8, sigma=0.6, weighting="snr")), 6)
    (4.0, 4.0)
    """
    target, w = _target_and_weight(prediction, noise, clean, alpha, sigma, parametrization, weighting)
    return _sum(w * (prediction - target) ** 2)


@gradient_of(diffusion)
def diffusion_gradient(prediction, noise, clean, *, alpha, sigma, parametrization="epsilon", weighting="simple"):
    target, w = _target_and_weight(prediction, noise, clean, alpha, sigma, parametrization, weighting)
    return 2 * w * (prediction - target)


@describes(diffusion)
def _():
    from sympy import Min, Symbol

    from . import check
    from ._symbols import Noise, X, Y_hat, alpha, sigma

    snr = alpha**2 / sigma**2
    return Card(
        diffusion,
        symbols={
            "prediction": Y_hat,
            "noise": Noise,
            "clean": X,
            "alpha": alpha,
            "sigma": sigma,
            "parametrization": Symbol("parametrization"),
            "weighting": Symbol("weighting"),
        },
        domain={
            "prediction": "states in R^n",
            "noise": "states in R^n",
            "clean": "states in R^n",
            "alpha": "[0, 1]",
            "sigma": "(0, inf)",
            "parametrization": "epsilon, x0 or v",
            "weighting": "simple, snr or min_snr",
        },
        oracle=_diffusion_oracle,
        gradient=diffusion_gradient,
        convention="summed over the entries of an example; v = α ε - σ x₀; min-SNR with γ = 5",
        reference="ho2020",
        twins=[
            _mse(lambda prediction, noise, clean, **_: (prediction, noise), at={"alpha": 0.8, "sigma": 0.6}),
        ],
        claims=[
            says(check.error_of_clean, "verified", parametrization="epsilon", weighting="simple", factor=snr),
            says(check.error_of_clean, "verified", parametrization="v", weighting="simple", factor=snr + 1),
            says(check.error_of_clean, "verified", parametrization="x0", weighting="simple", factor=1),
            *[says(check.error_of_clean, "verified", parametrization=p, weighting="snr", factor=snr) for p in TARGETS],
            *[
                says(check.error_of_clean, "verified", parametrization=p, weighting="min_snr", factor=Min(snr, 5))
                for p in TARGETS
            ],
            denies(check.error_of_clean, "verified", parametrization="epsilon", weighting="simple", factor=1, witness=0.8),
            says(check.convex, "searched"),
            says(check.best_denoiser, "verified", answer=_noise_from_score, name="-σ times the score of the noisy data"),
            says(
                check.best_denoiser,
                "verified",
                answer=_clean_from_score,
                name="(x + σ² times the score of the noisy data)/α: Tweedie's formula",
                params={"parametrization": "x0"},
            ),
            says(check.positive_at_its_best, "verified", answer=_noise_from_score),
        ],
        chapter="24_diffusion",
    )


@loss(velocity=ALL_BUT_FIRST, start=ALL_BUT_FIRST, end=ALL_BUT_FIRST)
def flow_matching(velocity, start, end):
    """Flow matching ‖u - (x₁ - x₀)‖²: the velocity at x_t = (1 - t) x₀ + t x₁ on the straight path from `start` x₀ to `end` x₁.

    (N, ...) -> (N,), summed over the entries of an example; t appears only in where the velocity u is evaluated. Its least mean
    value is not 0 where paths cross: a flat training loss above 0 is normal. Convention: data at t = 1, noise at t = 0; a
    sum, not a mean. Source: Lipman, Chen, Ben-Hamu, Nickel and Le (2023).

    >>> import numpy as np
    >>> float(flow_matching(np.array([[1.0, 1.0]]), np.zeros((1, 2)), np.array([[1.0, 3.0]])))
    4.0
    """
    return _sum((velocity - (end - start)) ** 2)


@gradient_of(flow_matching)
def flow_matching_gradient(velocity, start, end):
    return 2 * (velocity - (end - start))


@describes(flow_matching)
def _():
    from sympy import Sum

    from . import check
    from ._symbols import End, Start, Velocity, i, j, n

    return Card(
        flow_matching,
        symbols={"velocity": Velocity, "start": Start, "end": End},
        domain={"velocity": "states in R^n", "start": "states in R^n", "end": "states in R^n"},
        formula=Sum((Velocity[i] - (End[i] - Start[i])) ** 2, (i, 1, n)),
        gradient=flow_matching_gradient,
        gradient_formula=2 * (Velocity[j] - (End[j] - Start[j])),
        convention="from noise at t = 0 to data at t = 1; summed over the entries of an example",
        reference="lipman2023",
        twins=[_mse(lambda velocity, start, end: (velocity, end - start))],
        claims=[
            says(check.error_of_the_end, "proved"),
            says(
                check.best_denoiser,
                "verified",
                answer=_velocity_from_score,
                name="x/t + (1 - t)/t times the score of the law of x at time t",
            ),
            says(check.positive_at_its_best, "verified", answer=_velocity_from_score),
            says(check.convex, "proved", name="the velocity"),
            says(
                check.coincides, "verified", other=_backwards, name="itself along the reversed path, with the velocity reversed"
            ),
        ],
        chapter="24_diffusion",
    )


# --- helpers of this module ---------------------------------------------------------------------------------------------

FORMS = ("minimax", "non_saturating", "least_squares", "hinge", "wasserstein")
TARGETS = ("epsilon", "x0", "v")
WEIGHTINGS = ("simple", "snr", "min_snr")
MIN_SNR = 5  # γ of the min-SNR paper


def _one_of(names, **option):
    for name, value in option.items():
        if value not in names:
            raise ValueError(f"{name} must be one of {', '.join(names)}, got {value!r}")


def _sum(x):
    """Over all axes but the first."""
    return namespace(x).sum(x, axis=tuple(range(1, x.ndim)))


def _of_examples(name, value, like):
    """A number as it is; one number for each example (N,) as (N, 1, ...), so that it meets the entries of its example."""
    if isinstance(value, int | float) or getattr(value, "shape", None) == ():
        return value
    value = parameter(name, value, like=like, shape=like.shape[:1], each="one per example")
    return namespace(value).astype(value, like.dtype)[(..., *[None] * (like.ndim - 1))]


def _target_and_weight(prediction, noise, clean, alpha, sigma, parametrization, weighting):
    _one_of(TARGETS, parametrization=parametrization)
    _one_of(WEIGHTINGS, weighting=weighting)
    alpha, sigma = _of_examples("alpha", alpha, prediction), _of_examples("sigma", sigma, prediction)
    in_range(alpha=alpha, low=0, high=1, closed="[]")
    in_range(sigma=sigma, low=0)
    of_noise, of_clean = {"epsilon": (1, 0), "x0": (0, 1), "v": (alpha, -sigma)}[parametrization]
    target = of_noise * noise + of_clean * clean
    if weighting == "simple":
        return target, 1
    to_noise = {"epsilon": 1, "x0": alpha / sigma, "v": alpha / (alpha**2 + sigma**2)}[
        parametrization
    ]  # errors of ε for one here
    w = to_noise**2
    if weighting == "min_snr":
        signal, most = alpha**2, MIN_SNR * sigma**2
        w = w * most / ((signal + most + abs(signal - most)) / 2)  # min(1, 5/SNR), by the larger of the two, also where SNR = 0
    return target, w


def _best_critics():
    """For each form the critic of least mean loss and that loss, from the probabilities p of the data and g of the generator."""
    import numpy as np

    def log_odds(p, g):
        return np.log(p / g)

    def js(p, g):
        return np.log(4) - 2 * _js(p, g)

    game = {"critic": log_odds, "value": js, "name": "log p_d/p_g, where it is log 4 - 2 JS(p_d, p_g)"}
    return {
        "minimax": game,
        "non_saturating": game,
        "least_squares": {
            "critic": lambda p, g: p / (p + g),
            "value": lambda p, g: np.sum(p * g / (p + g)),
            "name": "p_d/(p_d + p_g), where it is Σ p_d p_g/(p_d + p_g)",
        },
        "hinge": {
            "critic": lambda p, g: np.sign(p - g),
            "value": lambda p, g: 2 - np.sum(np.abs(p - g)),
            "name": "sign(p_d - p_g), where it is 2 - 2 TV(p_d, p_g)",
        },
    }


# What the generator follows; p and g are probabilities of atoms, as arrays of NumPy or torch.


def _kl(p, q):
    return (p * namespace(p).log(p / q)).sum()


def _js(p, g):
    return _kl(p, (p + g) / 2) / 2 + _kl(g, (p + g) / 2) / 2


def _twice_js(p, g):
    return 2 * _js(p, g)


def _reverse_kl_less_js(p, g):
    return _kl(g, p) - 2 * _js(p, g)


def _twice_tv(p, g):
    return abs(p - g).sum()


# The best answers to a noisy x = signal · clean + noise · ε, from the score of the law of x.


def _score(x, score, signal, noise):
    return score


def _to_the_middle(x, score, signal, noise):
    return -x / noise**2


def _noise_from_score(x, score, signal, noise):
    return -noise * score


def _clean_from_score(x, score, signal, noise):
    return (x + noise**2 * score) / signal


def _velocity_from_score(x, score, signal, noise):
    return x / signal + noise / signal * score


# The definitions, by brute force.


def _discriminator_oracle(real, fake, *, form):
    """Minimax and non_saturating: -log σ(D(x)) - log(1 - σ(D(G))); least_squares: (D(x) - 1)² + D(G)²;
    hinge: max(0, 1 - D(x)) + max(0, 1 + D(G)); wasserstein: D(G) - D(x)."""
    import mpmath

    if form == "least_squares":
        return (real - 1) ** 2 + fake**2
    if form == "hinge":
        return max(mpmath.mpf(0), 1 - real) + max(mpmath.mpf(0), 1 + fake)
    if form == "wasserstein":
        return fake - real
    return mpmath.log(1 + mpmath.exp(-real)) + mpmath.log(1 + mpmath.exp(fake))


def _generator_oracle(fake, *, form):
    """Minimax: log(1 - σ(D(G))); non_saturating: -log σ(D(G)); least_squares: (D(G) - 1)²; hinge and wasserstein: -D(G)."""
    import mpmath

    if form == "minimax":
        return -mpmath.log(1 + mpmath.exp(fake))
    if form == "non_saturating":
        return mpmath.log(1 + mpmath.exp(-fake))
    return (fake - 1) ** 2 if form == "least_squares" else -fake


def _diffusion_oracle(prediction, noise, clean, *, alpha, sigma, parametrization, weighting):
    """simple: Σ (prediction - target)² with the target ε, x₀ or α ε - σ x₀; snr and min_snr: SNR or min(SNR, 5) times
    Σ (x̂₀ - x₀)², where x̂₀ is solved from the prediction and x_t = α x₀ + σ ε."""
    import mpmath

    a, s, total = mpmath.mpf(alpha), mpmath.mpf(sigma), 0
    snr = (a / s) ** 2
    for hat, eps, x in zip(prediction, noise, clean):
        if weighting == "simple":
            total += (hat - {"epsilon": eps, "x0": x, "v": a * eps - s * x}[parametrization]) ** 2
            continue
        noisy = a * x + s * eps
        if parametrization == "epsilon":
            hat = (noisy - s * hat) / a
        elif parametrization == "v":
            hat = (a * noisy - s * hat) / (a**2 + s**2)
        total += (snr if weighting == "snr" else min(snr, mpmath.mpf(5))) * (hat - x) ** 2
    return total


# Other losses, and other ways to the same number.


def _noise_error(score, noise, *, sigma):
    return diffusion(-sigma * score, noise, 0 * noise, alpha=0.0, sigma=1.0, reduction="none") / sigma**2


def _backwards(velocity, start, end):
    return flow_matching(-velocity, end, start, reduction="none")


# Twins.


def _kl_torch(mean, log_variance, *, reduction):
    from torch.distributions import Normal, kl_divergence

    return kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(-1)


def _two_cross_entropies(real, fake, *, reduction):
    return _cross_entropy(real, 1.0, reduction) + _cross_entropy(fake, 0.0, reduction)


def _cross_entropy_of_ones(fake, *, reduction):
    return _cross_entropy(fake, 1.0, reduction)


def _cross_entropy(logit, label, reduction):
    import torch

    return torch.nn.functional.binary_cross_entropy_with_logits(logit, torch.full_like(logit, label), reduction=reduction)


def _mse(sides, at=None):
    """The twin ``mse_loss`` of two arrays: equal as a sum; its mean is over the entries, here it is over the examples."""

    def call(*arrays, reduction, **params):
        import torch

        entries = math.prod(arrays[0].shape[1:])
        value = torch.nn.functional.mse_loss(*sides(*arrays, **params), reduction=reduction)
        return entries * value if reduction == "mean" else value

    note = "its mean times the number of entries of an example"
    return Twin("torch.nn.functional.mse_loss", call, note=note, reductions=("sum", "mean"), at=at)
