"""Checks of generative losses: what a bound is apart from, who wins a game, and what the best answer to noise is.

Laws are small enough to be exact: atoms for data and for a generator, and Gaussians. With data of three atoms the clean value
behind a noisy one has only three candidates, so that a mean given the noisy value is a sum.
"""

import numpy as np
import sympy

from .. import _points
from .._card import card as find_card
from .._exact import equal
from .._result import Result
from .._symbols import End, K, Mu, Start, V, Velocity, alpha, kl_to_prior, log_evidence, n, sigma, text
from ._kind import kind, largest, values

# --- variational bounds -------------------------------------------------------------------------------------------------


@kind("equal to the mean of log q - log p over q, with q = N(mean, e^v) in each entry and p = N(0, 1)")
def mean_log_ratio(card):
    """By Gauss-Hermite quadrature, which is exact here: the logarithms of both densities are quadratic."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    mean, log_variance = _points.ordinary(card, n=200, seed=51)
    x = mean[..., None] + np.exp(log_variance / 2)[..., None] * nodes
    ratio = (x**2 - nodes**2 - log_variance[..., None]) / 2
    want = (ratio @ (weights / weights.sum())).sum(-1)
    gap = largest(np.abs(values(card, [mean, log_variance], {}) - want) / np.maximum(want, 1))
    return Result(gap < 1e-12, "verified", len(want), gap)


@kind("with beta = 1 above -log p(x) by KL(q ‖ p(z|x)), for a linear model with Gaussian noise")
def gap_is_posterior_divergence(card):
    """z ~ N(0, 1), x ~ N(a z + b, s²) and q = N(m, e^w): the mean of log p(x|z), both divergences and p(x) have closed forms."""
    a, b, x, m, w = sympy.symbols("a b x m w", real=True)
    s = sympy.Symbol("s", positive=True)
    log_p = -sympy.log(2 * sympy.pi * s**2) / 2 - ((x - a * m - b) ** 2 + a**2 * sympy.exp(w)) / (2 * s**2)
    prior = find_card("gaussian_kl").formula.subs(K, 1).doit().subs({Mu[1]: m, V[1]: w})
    bound = card.formula.subs({log_evidence: log_p, kl_to_prior: prior, card.symbols["beta"]: 1})
    marginal = a**2 + s**2
    evidence = sympy.log(2 * sympy.pi * marginal) / 2 + (x - b) ** 2 / (2 * marginal)
    centre, variance = a * (x - b) / marginal, s**2 / marginal
    posterior = (sympy.log(variance) - w + (sympy.exp(w) + (m - centre) ** 2) / variance - 1) / 2
    return equal(bound - evidence, posterior)


@kind(
    "with beta = {beta} at least -log p(x) on average over q, and equal to it for the exact posterior",
    "with beta = {beta} it can lie below -log p(x)",
)
def bounds_evidence(card, *, beta=1, at=None):
    """A hidden state of 3 values, 500 random models and laws q; `at` is the prior, the likelihood of each state, and q."""
    rng, least, tight = np.random.default_rng(52), np.inf, 0.0
    for _ in range(500 if at is None else 1):
        prior, likelihood, q = rng.dirichlet(np.ones(3), 3) if at is None else map(np.asarray, at)
        evidence = prior @ likelihood
        bounds = []
        for law in (q, prior * likelihood / evidence):
            inputs = [law @ np.log(likelihood), law @ np.log(law / prior)]
            bounds.append(float(values(card, [np.atleast_1d(v) for v in inputs], {"beta": beta})[0] + np.log(evidence)))
        least, tight = -largest([-least, -bounds[0]]), largest([tight, abs(bounds[1])])
    ok = least >= -1e-12 and (tight < 1e-12 or at is not None)
    return Result(ok, "searched", 500 if at is None else 1, least, message=f"at least {least:.3g} above")


# --- games --------------------------------------------------------------------------------------------------------------


@kind("in the form {form} its mean is least for the critic {name}")
def best_discriminator(card, *, form, critic, value, name):
    """Twenty laws of the data and of the generator on 3 atoms: the mean over all pairs, at that critic and at 200 others."""
    rng, gap, least = np.random.default_rng(53), 0.0, np.inf
    for _ in range(20):
        p, g = rng.dirichlet(np.full(3, 2.0), 2)
        best = critic(p, g)
        reached = _play(card, p, g, best, form)
        others = [best + size * rng.standard_normal(3) for size in (0.01, 0.3, 1.0, 5.0) for _ in range(50)]
        gap = largest([gap, abs(reached - value(p, g))])
        least = -largest([-least, *(reached - _play(card, p, g, other, form) for other in others)])
    return Result(gap < 1e-12 and least > 0, "verified", 4000, gap, message=f"all others cost at least {least:.2g} more")


def _play(card, p, g, critic, form):
    """The mean loss of a critic given by its output for each atom."""
    real, fake = np.repeat(critic, len(p)), np.tile(critic, len(p))
    return float(np.outer(p, g).ravel() @ values(card, [real, fake], {"form": form}))


@kind("in the form {form} its gradient tends to {slope} where the critic is sure that a sample is generated (output to -∞)")
def slope_far_below(card, *, form, slope):
    """At outputs -5, -10, -20 and -40 the gap shrinks, at last below 1e-12."""
    outputs = np.array([-5.0, -10.0, -20.0, -40.0])
    gaps = np.abs(np.asarray(card.gradient(outputs, form=form)) - slope)
    shrinks = bool(np.all((np.diff(gaps) < 0) | (gaps[1:] == 0)))
    return Result(shrinks and gaps[-1] < 1e-12, "verified", 4, float(gaps[-1]), message=f"gaps {gaps.tolist()}")


@kind(
    "in the form {form}, with its best critic held fixed, the generator follows the gradient of {name}",
    "in the form {form}, with its best critic held fixed, the generator does not follow the gradient of {name}",
)
def follows(card, *, form, critic, objective, name, at=None):
    """The generator is a softmax over 3 atoms; both gradients in its logits by autograd (`at`: p_d and the logits)."""
    import torch

    rng, worst = np.random.default_rng(54), 0.0
    for _ in range(50 if at is None else 1):
        p, logits = (rng.dirichlet(np.ones(3)), rng.standard_normal(3)) if at is None else at
        p, logits = torch.as_tensor(p, dtype=torch.float64), torch.as_tensor(logits, dtype=torch.float64).requires_grad_()
        g = torch.softmax(logits, -1)
        fixed = torch.as_tensor(critic(p.numpy(), g.detach().numpy()))
        mean = (g * card.function(fixed, form=form, reduction="none")).sum()
        ours, theirs = (torch.autograd.grad(total, logits, retain_graph=True)[0] for total in (mean, objective(p, g)))
        worst = largest([worst, (ours - theirs).abs().max()])
    return Result(worst < 1e-12, "verified", 50 if at is None else 1, worst)


# --- noise --------------------------------------------------------------------------------------------------------------

ATOMS, SHARES = np.array([-1.5, 0.5, 2.0]), np.array([0.2, 0.5, 0.3])  # the data
LEVELS = (0.2, 0.5, 0.8)
NOISY = np.linspace(-4.0, 4.0, 41)
SIGNAL_AND_NOISE = {  # how much of the data and how much of the noise the noisy value has
    "denoising_score_matching": lambda level: (1.0, level),
    "diffusion": lambda level: ((1 - level**2) ** 0.5, level),
    "flow_matching": lambda level: (1 - level, level),
}


@kind("for each noisy x its best answer is {name}", "for some noisy x its best answer is not {name}")
def best_denoiser(card, *, answer, name, params=None, at=None):
    """The mean gradient given x is 0 at `answer(x, score, signal, noise)`; the score of the noisy data comes from autograd.

    x = signal · clean + noise · ε, at three levels of the noise (`at`: at that one) and 41 values of x.
    """
    worst, count = 0.0, 0
    for level in LEVELS if at is None else [at]:
        given, _, answers, arrays, setting = _scene(card, level, answer, params)
        slopes = np.asarray(card.gradients(answers, *arrays, **setting)[0])[..., 0].reshape(given.shape)
        size = np.sum(given * np.abs(slopes), axis=-1)
        gap = np.abs(np.sum(given * slopes, axis=-1)) / np.maximum(size, 1e-3)
        worst, count = largest([worst, gap.max()]), count + len(gap)
    return Result(worst < 1e-10, "verified", count, worst)


@kind("its mean is above 0 even for the best answer: a training loss that stays there is normal")
def positive_at_its_best(card, *, answer, params=None):
    """The mean over the noisy values at three levels of the noise, each above 1e-3."""
    lowest = np.inf
    for level in LEVELS:
        given, density, answers, arrays, setting = _scene(card, level, answer, params)
        costs = values(card, [answers, *arrays], setting).reshape(given.shape)
        lowest = -largest([-lowest, -np.average(np.sum(given * costs, axis=-1), weights=density)])
    return Result(lowest > 1e-3, "verified", len(LEVELS) * len(NOISY), lowest, message=f"lowest mean {lowest:.3g}")


def _scene(card, level, answer, params):
    """The chance of each atom given x, the density of x, and what the loss is called with: one row for each x and atom."""
    import torch

    signal, noise = SIGNAL_AND_NOISE[card.name](level)
    x = torch.tensor(NOISY, requires_grad=True)
    log_joint = torch.log(torch.tensor(SHARES)) - ((x[:, None] - signal * torch.tensor(ATOMS)) / noise) ** 2 / 2
    log_density = torch.logsumexp(log_joint, -1)
    score = torch.autograd.grad(log_density.sum(), x)[0].numpy()
    given, density = torch.softmax(log_joint, -1).detach().numpy(), log_density.exp().detach().numpy()
    epsilon, clean = (NOISY[:, None] - signal * ATOMS) / noise, np.broadcast_to(ATOMS, given.shape)
    answers = np.broadcast_to(answer(NOISY, score, signal, noise)[:, None], given.shape)
    parts = {"noise": epsilon, "start": epsilon, "clean": clean, "end": clean}
    rows = [parts[name].reshape(-1, 1) for name in list(card.function.axes)[1:]]
    setting = {name: size for name, size in (("alpha", signal), ("sigma", noise)) if name in card.parameters}
    return given, density, answers.reshape(-1, 1), rows, setting | (params or {})


def _in_errors(verb):
    def sentence(parametrization="", weighting="", factor="", **_):
        times = "" if factor in ("", 1) else f"{text(factor)} times "
        return (
            f"for the same denoiser, with the prediction {parametrization} and the weighting {weighting}, where α² + σ² = 1, "
            f"it {verb} {times}the squared error of the clean data"
        )

    return sentence


@kind(_in_errors("is"), _in_errors("is not"))
def error_of_clean(card, *, parametrization, weighting, factor, at=None):
    """100 guesses of the clean data, written as a prediction of the noise, the data or v, at five alphas (`at`: at that one)."""
    rng, worst, alphas = np.random.default_rng(55), 0.0, (0.1, 0.45, 0.8, 0.95, 0.99) if at is None else (at,)
    for signal in alphas:
        setting = {"alpha": signal, "sigma": (1 - signal**2) ** 0.5}
        epsilon, clean, guess = rng.standard_normal((3, 100, 4))
        noise = (signal * clean + setting["sigma"] * epsilon - signal * guess) / setting["sigma"]
        prediction = {"epsilon": noise, "x0": guess, "v": signal * noise - setting["sigma"] * guess}[parametrization]
        ours = values(card, [prediction, epsilon, clean], setting | {"parametrization": parametrization, "weighting": weighting})
        size = float(sympy.sympify(factor).subs({alpha: setting["alpha"], sigma: setting["sigma"]}))
        ratio = ours / (size * np.sum((guess - clean) ** 2, axis=-1))
        worst = largest([worst, np.abs(ratio - 1).max()])
    return Result(worst < 1e-11, "verified", 100 * len(alphas), worst)


@kind("equal to ‖x̂₁ - x₁‖²/(1 - t)², where x̂₁ is where the velocity leads from x_t in the time that is left")
def error_of_the_end(card):
    """For one entry, with the velocity (x̂₁ - x_t)/(1 - t); the entries are added up on both sides."""
    guess, time = sympy.symbols("x_hat t", real=True)
    there = (1 - time) * Start[1] + time * End[1]
    ours = card.formula.subs(n, 1).doit().subs(Velocity[1], (guess - there) / (1 - time))
    plain = dict(zip((Start[1], End[1]), sympy.symbols("x_0 x_1", real=True)))
    return equal(ours.subs(plain), ((guess - End[1]) ** 2 / (1 - time) ** 2).subs(plain))
