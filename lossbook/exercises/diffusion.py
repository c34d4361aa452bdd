"""Exercises of the chapter on diffusion and flow matching."""

import math

import numpy as np

from lossbook._result import Result
from lossbook._symbols import alpha, scale, sigma
from lossbook.exercises import exercise_for, same_formula, same_function, same_number


@exercise_for(
    "score.1",
    stub="""
        def denoise(x, alpha, sigma):
            return np.sign(x)
        """,
    hints=[
        "The best guess is the probability of +1 minus the probability of -1, given x.",
        "The log-odds are (x + α)²/2σ² - (x - α)²/2σ². Which function turns them into that mean?",
    ],
    mistakes=[
        (lambda x, a, s: np.tanh(x / s**2), "Where do the two bells stand: at ±1, or somewhere else?"),
        (lambda x, a, s: np.tanh(2 * a * x / s**2), "The log-odds are right. But tanh takes half of them."),
        (lambda x, a, s: 1 / (1 + np.exp(-2 * a * x / s**2)), "This is the probability of +1, not the mean of +1 and -1."),
    ],
)
def check_two_points(answer):
    r"""The best guess for two points.

    The clean number is $+1$ or $-1$, equally likely, and $x = \alpha x_0 + \sigma\epsilon$. Write `denoise(x, alpha, sigma)`,
    the guess of $x_0$ of least mean squared error, for an array `x`. It must not overflow for small `sigma`."""
    x = np.array([-30.0, -1.2, -0.1, 0.0, 0.4, 2.0, 50.0])
    levels = ((0.6, 0.8), (0.8, 0.6), (1.0, 0.5), (0.1, 0.995), (1.0, 0.01))
    return same_function(answer, lambda x, a, s: np.tanh(a * x / s**2), [(x, a, s) for a, s in levels])


@exercise_for(
    "score.2",
    stub="""
        def noise_of(v, x, alpha, sigma):
            return v
        """,
    hints=[
        "You have two equations, for x and for v, and two unknowns. Eliminate x0.",
        "Multiply the equation of v by α and that of x by σ, then use α² + σ² = 1.",
    ],
    mistakes=[
        (lambda v, x, a, s: a * x - s * v, "This is the clean guess. The noise is the other one of the pair."),
        (lambda v, x, a, s: a * v - s * x, "One sign: put α = 0 in. What is x then, and what is the noise?"),
        (lambda v, x, a, s: (v + s * x) / a, "This divides by α, which may be zero. The right form divides by nothing."),
    ],
)
def check_noise_of_v(answer):
    r"""From v to the noise.

    Write `noise_of(v, x, alpha, sigma)`: the noise that belongs to $v = \alpha\epsilon - \sigma x_0$ at
    $x = \alpha x_0 + \sigma\epsilon$, where $\alpha^2 + \sigma^2 = 1$. It must work for $\alpha = 0$, too."""
    rng = np.random.default_rng(0)
    cases = [(*rng.standard_normal((2, 4)), np.cos(angle), np.sin(angle)) for angle in (0.3, 1.0, 1.5)]
    cases.append((np.array([0.5, -1.0]), np.array([2.0, 3.0]), 0.0, 1.0))
    return same_function(answer, lambda v, x, a, s: a * v + s * x, cases)


@exercise_for(
    "score.3",
    stub='floor = "sigma**2"',
    hints=[
        "Start from the floor of the clean guess, which the chapter derives.",
        "An error of the clean guess becomes an error of the noise by one factor. Square it.",
    ],
    mistakes=[
        ("scale**2*sigma**2/(alpha**2*scale**2 + sigma**2)", "This is the floor of the x0 loss. In which unit is the other?"),
        ("alpha**2", "Right for data of variance 1. Here the variance is s²."),
        ("scale**2/(alpha**2*scale**2 + sigma**2)", "You have multiplied by the factor of v."),
    ],
)
def check_epsilon_floor(answer):
    r"""The least noise loss.

    The data are normal with mean 0 and variance $s^2$ (`scale`**2). What is the least mean of $(\hat\epsilon - \epsilon)^2$ at
    the level $\alpha$, $\sigma$? Give a formula in `alpha`, `sigma` and `scale`, as a SymPy expression or as text."""
    return same_formula(answer, alpha**2 * scale**2 / (alpha**2 * scale**2 + sigma**2))


@exercise_for(
    "score.4",
    stub="floor = 0.0",
    hints=[
        "At time t the signal is t and the noise 1 - t. Put them into the floor of the clean guess, with s = 2.",
        "Divide by (1 - t)² and integrate 4/(4t² + (1 - t)²) from 0 to 1.",
    ],
    mistakes=[
        (math.pi / 2, "This is the floor for a standard deviation of 1."),
        (2 * math.pi, "The floor does not grow with the variance. Do the integral again."),
        (5.0, "This is the variance of the target without looking at x. The velocity may look."),
    ],
)
def check_flow_floor(answer):
    r"""Where a flow loss stops.

    The noise is standard normal, the data are normal with mean 0 and standard deviation 2, and the pairs are independent. At
    which value does the flow matching loss of a perfect velocity stop, averaged over $t$ between 0 and 1, per entry?"""
    t, weight = np.polynomial.legendre.leggauss(60)
    t, weight = (t + 1) / 2, weight / 2
    return same_number(answer, float(weight @ (4 / (4 * t**2 + (1 - t) ** 2))), rtol=1e-3)


@exercise_for(
    "score.5",
    stub="example = ([0.0], 0.0)",
    hints=[
        "The best guess is a mean of data points. When is a mean far from everything that it is a mean of?",
        "Two data points, and an x that cannot decide between them.",
    ],
    mistakes=[
        (([-1.0, 0.0, 1.0], 0.0), "The mean is a data point here. Which point has to go?"),
        (([-1.0, 1.0], 1.5), "From there one data point is far more likely than the other. Where do they balance?"),
        (([-0.5, 0.5], 0.0), "The right idea. Use all the room that you have."),
    ],
)
def check_guess_off_the_data(answer):
    r"""A guess that is no image.

    Give `(data, x)`: a list of at most five numbers between $-1$ and 1, all equally likely, and a noisy number `x`, such that at
    $\alpha = 1$ and $\sigma = 0.2$ the best guess of the clean number is at least $0.9$ away from every one of them. So the
    minimiser of the loss may answer with something that does not exist."""
    points, x = np.asarray(answer[0], float), float(answer[1])
    if not (1 <= len(points) <= 5 and np.all(np.abs(points) <= 1)):
        return Result(False, "verified", message="give one to five numbers between -1 and 1")
    logits = -((x - points) ** 2) / (2 * 0.2**2)
    shares = np.exp(logits - logits.max())
    guess = float(shares @ points / shares.sum())
    gap = float(np.abs(points - guess).min())
    message = "" if gap >= 0.9 else f"at x = {x:g} the best guess is {guess:.3f}, only {gap:.3f} from a data point"
    return Result(gap >= 0.9, "verified", 1, gap, guess, message)
