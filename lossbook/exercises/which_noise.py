"""Exercises of the chapter "Which noise does my loss assume?"."""

import numpy as np
from scipy import special, stats

from lossbook._result import Result
from lossbook.exercises import exercise_for


@exercise_for(
    "noise.1",
    stub="""
        def laplace_nll(pred, target, scale):
            return (pred - target) ** 2
        """,
    hints=[
        "Write the density of Laplace noise first, with the factor that makes its area 1.",
        "Minus the logarithm of a product is a sum: the absolute error over the scale, and a term that keeps the scale honest.",
    ],
    mistakes=[
        (
            lambda pred, target, scale: np.abs(pred - target) / scale,
            "The density must have area 1: which factor sees to that, and what is its logarithm?",
        ),
        (
            lambda pred, target, scale: np.abs(pred - target) / scale + np.log(scale),
            "One number is still missing: the density reaches to both sides.",
        ),
        (lambda pred, target, scale: np.abs(pred - target) + np.log(2 * scale), "Where does the scale enter the exponent?"),
    ],
)
def check_laplace_likelihood(answer):
    r"""A likelihood with every constant.

    Write `laplace_nll(pred, target, scale)`: minus the logarithm of the density of Laplace noise, one value per example,
    with every constant. Arrays of one shape go in, an array of that shape comes out.
    """
    rng = np.random.default_rng(3)
    pred, target = rng.normal(size=(2, 40))
    for scale in (0.1, 1.0, 7.0):
        got, want = np.asarray(answer(pred, target, scale)), -stats.laplace.logpdf(target, pred, scale)
        if got.shape != want.shape:
            return Result(
                False, "verified", points=1, message=f"the result has the shape {got.shape}, the predictions {pred.shape}"
            )
        gap = float(np.max(np.abs(got - want)))
        if not gap < 1e-10:
            spread = float(np.ptp(got - want))
            what = "by a constant that depends on the scale" if spread < 1e-10 else "in a way that depends on the residual"
            return Result(
                False, "verified", points=40, worst=gap, witness={"scale": scale}, message=f"at scale {scale} it is off {what}"
            )
    return Result(True, "verified", points=120)


@exercise_for(
    "noise.2",
    stub="""
        def best_scale(residuals):
            return 1.0
        """,
    hints=[
        "Which scale makes the derivative in the section on the size of the noise equal to 0?",
        "It is a mean of something, and its unit is that of the residuals.",
    ],
    mistakes=[
        (lambda residuals: np.std(residuals), "This is the best scale of Gaussian noise, around the mean."),
        (
            lambda residuals: np.median(np.abs(residuals)),
            "A robust scale, but not the likeliest: solve for where the derivative is 0.",
        ),
        (
            lambda residuals: np.sqrt(np.mean(residuals**2)),
            "The squares belong to the Gaussian. What stands in the exponent of Laplace's density?",
        ),
    ],
)
def check_laplace_scale(answer):
    r"""The best scale.

    Write `best_scale(residuals)`: the scale of Laplace noise that maximises the likelihood of these residuals."""
    for seed in range(5):
        residuals = np.random.default_rng(seed).normal(1.0, 3.0, size=50)
        found = float(answer(residuals))
        if not found > 0:
            return Result(False, "verified", points=seed + 1, message=f"a scale is positive, got {found}")
        cost = [-stats.laplace.logpdf(residuals, scale=found * factor).sum() for factor in (1.0, 0.999, 1.001)]
        if cost[0] > min(cost):
            better = "smaller" if cost[1] < cost[2] else "larger"
            message = f"for the residuals of default_rng({seed}) a slightly {better} scale is more likely than {found:.4g}"
            return Result(False, "verified", points=seed + 1, witness=seed, message=message)
    return Result(True, "verified", points=5)


@exercise_for(
    "noise.3",
    stub="""
        def in_fahrenheit(nll):
            return nll
        """,
    hints=[
        "By what factor does a density shrink when its axis is stretched?",
        "The area under it stays 1. A factor in the density is a term in its logarithm.",
    ],
    mistakes=[
        (lambda nll: nll * 9 / 5, "A factor in the density becomes something else in its logarithm."),
        (lambda nll: nll - np.log(9 / 5), "Does the density become lower or higher when its axis is stretched?"),
        (lambda nll: 32 + nll * 9 / 5, "The number is no temperature. Ask what happens to the density."),
    ],
)
def check_units(answer):
    r"""A change of units.

    A model of temperatures has a mean negative log-likelihood of `nll` nats in degrees Celsius. Write `in_fahrenheit(nll)`:
    the same number for the same model and the same data in degrees Fahrenheit, where $F = 32 + 9C/5$.
    """
    rng = np.random.default_rng(8)
    for _ in range(20):
        mean, scale = rng.normal(10, 5), rng.uniform(0.1, 9)
        celsius = rng.normal(mean, scale, size=30)
        nll = -stats.norm.logpdf(celsius, mean, scale).mean()
        want = -stats.norm.logpdf(32 + 1.8 * celsius, 32 + 1.8 * mean, 1.8 * scale).mean()
        got = float(answer(nll))
        if not abs(got - want) < 1e-9:
            message = f"for nll = {nll:.4f} the answer {got:.4f} is too {'large' if got > want else 'small'}"
            return Result(False, "verified", points=1, worst=abs(got - want), witness=nll, message=message)
    return Result(True, "verified", points=20)


@exercise_for(
    "noise.4",
    stub="""
        def poisson_nll(z, y):
            return z - y, z - y
        """,
    hints=[
        "Write the Poisson probability of y events at rate exp(z) and take minus its logarithm.",
        "The logarithm of y factorial stays in the value; use scipy.special.gammaln. It has no part in the gradient.",
        "What does this chapter say that the gradient is for every natural parameter?",
    ],
    mistakes=[
        (
            lambda z, y: (np.exp(z) - y * z, np.exp(z) - y),
            "Right up to a constant that depends on y: every constant was asked for.",
        ),
        (
            lambda z, y: (np.exp(z) - y * z + special.gammaln(y + 1), y - np.exp(z)),
            "The value is right. Which sign has the derivative where the rate is too high?",
        ),
        (
            lambda z, y: (np.exp(z) - y * z + special.gammaln(y), np.exp(z) - y),
            "The logarithm of y factorial: what does gammaln(y) give at y = 3?",
        ),
    ],
)
def check_poisson(answer):
    r"""Counts.

    Counts $y = 0, 1, 2, \dots$ often follow a Poisson distribution. Its natural parameter is the logarithm of the rate, $z$.

    Write `poisson_nll(z, y)` that returns two arrays: the negative log-likelihood, with every constant, and its derivative
    with respect to $z$.
    """
    rng = np.random.default_rng(5)
    z = rng.normal(size=60)
    y = rng.poisson(np.exp(z))
    value, gradient = (np.asarray(part) for part in answer(z, y))
    gap = np.abs(value + stats.poisson.logpmf(y, np.exp(z)))
    if not gap.max() < 1e-9:
        at = int(gap.argmax())
        message = f"the value at z = {z[at]:.4f}, y = {y[at]} is off by {gap[at]:.4g}"
        return Result(False, "verified", points=60, worst=float(gap.max()), witness=(z[at], y[at]), message=message)
    step = 1e-5
    slope = (stats.poisson.logpmf(y, np.exp(z - step)) - stats.poisson.logpmf(y, np.exp(z + step))) / (2 * step)
    gap = np.abs(gradient - slope)
    if not gap.max() < 1e-6:
        at = int(gap.argmax())
        message = f"the derivative at z = {z[at]:.4f}, y = {y[at]} differs from a difference quotient by {gap[at]:.4g}"
        return Result(False, "verified", points=60, worst=float(gap.max()), witness=(z[at], y[at]), message=message)
    return Result(True, "verified", points=120, worst=float(gap.max()))
