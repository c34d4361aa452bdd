"""Exercises of the chapter on latent variables."""

import numpy as np

from lossbook._result import Result
from lossbook._symbols import beta, sigma
from lossbook.exercises import exercise_for, same_formula, same_function, same_number
from lossbook.generative import gaussian_kl


def _log_variance(mean, s):
    return gaussian_kl(mean, 2 * np.log(s), reduction="none")


@exercise_for(
    "latent.1",
    stub="""
        def divergence(mean, s):
            return (mean**2).sum(axis=-1) / 2
        """,
    hints=[
        "The formula of the chapter is written with the logarithm of the variance. What is that in terms of s?",
        "Set v = 2 log s, so that the exponential of v is s squared.",
    ],
    mistakes=[
        (
            lambda mean, s: (mean**2 + s - 1 - np.log(s)).sum(axis=-1) / 2,
            "This takes s for the variance. What is the variance of a law with standard deviation s?",
        ),
        (
            lambda mean, s: (mean**2 + s**2 - 1 - np.log(s)).sum(axis=-1) / 2,
            "The variance is right. But the last term is the logarithm of the variance, not of s.",
        ),
        (
            lambda mean, s: (mean**2 + s**2 - 1 - 2 * np.log(s)).mean(axis=-1) / 2,
            "The terms are right. How are the entries of one latent vector combined?",
        ),
    ],
)
def check_divergence_from_standard_deviation(answer):
    r"""An encoder with standard deviations.

    An encoder returns means and *standard deviations* $s > 0$, two arrays (..., K). Write `divergence(mean, s)`: the KL
    divergence of that Gaussian from the standard normal prior, summed over the last axis.
    """
    rng = np.random.default_rng(0)
    cases = [(np.array([0.0, 1.0]), np.array([2.0, 0.5])), (rng.normal(size=(4, 3)), np.exp(rng.normal(size=(4, 3))))]
    return same_function(answer, _log_variance, cases)


@exercise_for(
    "latent.2",
    stub="beta = 1.0",
    hints=[
        "Write both terms with the sums of one image: the squared error over its pixels, the divergence over its latents.",
        "A common factor of both terms is only a step size. Multiply so that the summed squared error has the factor one half.",
    ],
    mistakes=[
        (1536, "Half the number of pixels would be right if the divergence were summed. Here it is averaged, too."),
        (24, "The ratio of the two counts is right. Which factor stands before the squared error in a Gaussian likelihood?"),
        (6, "Start from the sums: a mean over pixels is a sum divided by 3072, a mean over latents one divided by 128."),
    ],
)
def check_two_means(answer):
    r"""Two means.

    Images have $3 \times 32 \times 32$ numbers, and there are 128 latents. The code adds `F.mse_loss(output, images)` and
    `kl.mean()`, where `kl` has the shape (batch, 128). Up to a factor before everything, this is a β-VAE whose
    decoder has the variance 1. Which β?
    """
    return same_number(answer, 12.0)


def _gap(precision):
    return (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1]) / 2


def _gap_of_marginals(precision):
    covariance = np.linalg.inv(precision)
    trace = np.diag(precision) @ np.diag(covariance) - len(precision)
    return (trace - np.log(np.diag(covariance)).sum() - np.linalg.slogdet(precision)[1]) / 2


@exercise_for(
    "latent.3",
    stub="""
        def gap(precision):
            return 0.0
        """,
    hints=[
        "The KL between two Gaussians with one mean, q with variances s: half of the sum of Λ s - 1 - log s over the diagonal, "
        "less half the log-determinant of Λ.",
        "Minimise over each s by itself: which s does the derivative give, and what is left of the sum?",
    ],
    mistakes=[
        (lambda precision: -_gap(precision), "A divergence is never negative. Which of the two determinants is larger?"),
        (lambda precision: 2 * _gap(precision), "Look at the factor before the logarithm of a Gaussian's variance."),
        (_gap_of_marginals, "You gave q the variances of the posterior. The best q in the reverse direction is narrower."),
    ],
)
def check_mean_field_gap(answer):
    r"""The price of a diagonal.

    The true posterior is a Gaussian with the precision matrix $\Lambda$ (the inverse of its covariance matrix), and $q$ is the
    best Gaussian with a *diagonal* covariance. Write `gap(precision)`: how many nats does the bound lie below the evidence?
    """
    cases = [(np.array([[2.0, 1.0], [1.0, 3.0]]),), (np.diag([1.0, 4.0, 9.0]),)]
    rng = np.random.default_rng(1)
    factor = rng.normal(size=(4, 4))
    return same_function(answer, _gap, [*cases, (np.eye(4) + factor @ factor.T,)])


@exercise_for(
    "latent.4",
    stub='threshold = "sigma**2"',
    hints=[
        "Divide the whole loss by β. Which variance does the decoder have now?",
        "The threshold of the chapter holds for β = 1. Apply it to the loss that you have divided.",
    ],
    mistakes=[
        ("beta * sigma", "Right idea. But a data variance must be compared with a variance."),
        ("sigma**2 / beta", "Should a larger β keep more latents, or fewer?"),
        (
            "beta * sigma**2 / 2",
            "The factor one half stands before both terms of the likelihood. Follow it through the division.",
        ),
    ],
)
def check_beta_threshold(answer):
    r"""The threshold of a β-VAE.

    A linear VAE is trained with β before the divergence and a decoder of fixed variance $\sigma^2$. Along a direction in which
    the data have a variance below some number, the decoder's weight goes to 0. Give that number, a formula in `beta` and `sigma`
    (a SymPy expression or its text).
    """
    return same_formula(answer, beta * sigma**2)


@exercise_for(
    "latent.5",
    stub="""
        def f(z):
            return np.sin(z)
        """,
    hints=[
        "The score-function estimator sees the values of f only. The reparameterised one sees the slope.",
        "Make the slope large almost everywhere, and keep the values small.",
    ],
    mistakes=[
        (lambda z: z**2, "The values grow with the slope here. Which functions have small values and large slopes?"),
        (np.sign, "This function is not smooth: the slope is 0 almost everywhere, so one of the two estimators is biased."),
        (lambda z: 100 * np.sin(z), "A factor before f multiplies both variances alike. Change the shape, not the scale."),
    ],
)
def check_break_the_reparameterisation(answer):
    r"""Break it.

    Let $z \sim N(\mu, 1)$ at $\mu = 0$. Give a smooth function `f(z)` of an array for which the score-function estimate of the
    derivative with respect to $\mu$ has less than a *tenth* of the variance of the reparameterised one.
    """
    z = np.linspace(-9, 9, 40_001)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    value = np.asarray(answer(z), float)
    slope = (np.asarray(answer(z + 1e-5), float) - np.asarray(answer(z - 1e-5), float)) / 2e-5
    if value.shape != z.shape:
        return Result(False, "verified", message=f"for {len(z)} numbers your f has the shape {value.shape}")
    score, path = density @ (value * z), density @ slope
    if not abs(score - path) < 1e-4 * (1 + abs(score)):
        message = f"the two estimators disagree: their means are {score:.4g} and {path:.4g}"
        return Result(False, "verified", len(z), abs(score - path), message=message)
    ratio = (density @ (value * z) ** 2 - score**2) / max(density @ slope**2 - path**2, 1e-300)
    message = (
        "" if ratio < 0.1 else f"the ratio of the variances is {ratio:.4g}; at z = 1 your f is {value[z.searchsorted(1)]:.4g}"
    )
    return Result(bool(ratio < 0.1), "verified", len(z), float(ratio), message=message)
