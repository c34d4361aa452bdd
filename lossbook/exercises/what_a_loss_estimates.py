"""Exercises of the chapter on what a loss estimates."""

import numpy as np
from scipy import stats
from sympy import log

from lossbook._result import Result
from lossbook._symbols import y, y_hat
from lossbook.exercises import exercise_for, same_formula, same_function, same_number


@exercise_for(
    "estimates.1",
    stub="factor = 1.0",
    hints=[
        "Which statistic of a lognormal distribution does the percentage error estimate, and what is its mean?",
        "Divide one formula by the other. The location μ cancels.",
    ],
    mistakes=[
        (float(np.exp(0.125)), "This leads from the median to the mean. Does the percentage error estimate the median?"),
        (float(np.exp(0.25)), "This leads from the percentage answer to the median. You were asked for the mean."),
        (float(np.exp(-0.375)), "This leads from the mean to the percentage answer: turn it round."),
    ],
)
def check_percentage_to_mean(answer):
    r"""From percentages to totals.

    The logarithm of the demand is normal with $\mu = 3$ and $\sigma = 0.5$. A model that was trained on the absolute
    percentage error is perfect. By which number must its forecast be multiplied so that it becomes the mean demand?
    """
    return same_number(answer, float(np.exp(0.375)))


def _smeared(log_pred, log_target, new_log_pred):
    return np.exp(new_log_pred) * np.mean(np.exp(log_target - log_pred))


@exercise_for(
    "estimates.2",
    stub="""
        def smeared(log_pred, log_target, new_log_pred):
            return np.exp(new_log_pred)
        """,
    hints=[
        "The factor comes from the training residuals log_target - log_pred.",
        "Which comes first, the exponential or the mean?",
    ],
    mistakes=[
        (
            lambda a, b, new: np.exp(new) * np.exp(np.mean(b - a)),
            "The exponential of the mean residual corrects nothing. Take the mean of something else.",
        ),
        (
            lambda a, b, new: np.exp(new + np.var(b - a) / 2),
            "This is right for normal errors only. Smearing makes no such assumption.",
        ),
        (
            lambda a, b, new: np.exp(new) * np.mean(np.exp(a - b)),
            "Look at the sign of the residual: the target is the prediction plus the error.",
        ),
    ],
)
def check_smeared(answer):
    r"""Smear it.

    A model was trained by least squares on logarithms. Write `smeared(log_pred, log_target, new_log_pred)`: from the predicted
    and true logarithms of the training examples and the predicted logarithms of new ones, the forecasts of the *mean* of the new
    targets by Duan's method.
    """
    rng = np.random.default_rng(0)
    cases = [(np.zeros(3), np.log([1.0, 2.0, 6.0]), np.array([0.0, 1.0]))]
    log_pred = rng.normal(1, 1, 50)
    cases.append((log_pred, log_pred + rng.exponential(0.7, 50) - 0.7, rng.normal(1, 1, 4)))
    return same_function(answer, _smeared, cases)


@exercise_for(
    "estimates.3",
    stub='loss = "(y_hat - y) ** 2"',
    hints=[
        "G(y) less the value at y of the tangent that touches G at the prediction.",
        "The derivative of u log u is log u + 1. Put it into G(y) - G(y_hat) - G'(y_hat) (y - y_hat) and collect.",
    ],
    mistakes=[
        ("2 * (y * log(y / y_hat) - y + y_hat)", "This is a deviance. The divergence itself has no factor 2."),
        ("y * log(y / y_hat)", "The linear terms are missing: this one can be negative, a divergence cannot."),
        (
            "y_hat * log(y_hat / y) - y_hat + y",
            "Here the tangent touches at the target. It has to touch at the prediction, or the best constant is not the mean.",
        ),
        ("y * log(y) - y_hat * log(y_hat)", "You have taken the difference of the values of G and left out the tangent's slope."),
    ],
)
def check_bregman_of_entropy(answer):
    r"""A loss from a curve.

    Give the Bregman divergence of $G(u) = u \log u$ as a loss of the prediction `y_hat` and the target `y`, both positive: a
    SymPy expression in these letters, or its text. Which known loss is it?
    """
    return same_formula(answer, y * log(y / y_hat) - y + y_hat, given=[y > 0, y_hat > 0])


@exercise_for(
    "estimates.4",
    stub="""
        def expectile_of(y, tau):
            return y.mean()
        """,
    hints=[
        "Solve the first-order condition for the expectile as if you knew which targets lie above it: a weighted mean.",
        "Start from the mean, weigh the targets, take the weighted mean, and repeat until it stays where it is.",
    ],
    mistakes=[
        (lambda y, tau: np.quantile(y, tau), "This is the quantile: it counts the targets above and does not measure them."),
        (lambda y, tau: stats.expectile(y, 1 - tau), "Too low a forecast costs tau, so which targets get the weight tau?"),
        (
            lambda y, tau: np.average(y, weights=np.where(y > y.mean(), tau, 1 - tau)),
            "One round is not enough: the weights belong to the mean, not yet to the expectile.",
        ),
    ],
)
def check_expectile_by_means(answer):
    r"""An expectile by means.

    Write `expectile_of(y, tau)`, the expectile of the numbers `y`, without a minimiser: by weighted means alone.
    """
    rng = np.random.default_rng(1)
    samples = [np.array([0.0, 0.0, 0.0, 8.0]), rng.exponential(2, 200), rng.normal(0, 1, 31)]
    cases = [(sample, tau) for sample in samples for tau in (0.9, 0.5, 0.2)]
    return same_function(answer, lambda y, tau: stats.expectile(y, tau), cases, rtol=1e-6, atol=1e-6)


@exercise_for(
    "estimates.5",
    stub="pair = ([1, 2, 3, 4], [1, 2, 3, 4])",
    hints=[
        "Make one list of four equal numbers. How can the other reach the same upper mean with a single large number?",
        "In the pooled list the upper half has four places. Which numbers are pushed out of it?",
    ],
    mistakes=[
        (([1, 1, 1, 1], [0, 0, 1, 1]), "The two agree, and so does the pool: no large outcome is there to displace a small one."),
        (([0, 0, 0, 0], [1, 1, 1, 1]), "These have equal variances, but the means of their upper halves differ."),
    ],
)
def check_tail_mean(answer):
    r"""No loss for the upper half.

    Give a pair of lists of four numbers each, between 0 and 10, that have the *same* mean of their upper half (the two largest
    numbers) while the eight numbers pooled have *another* mean of their upper half (the four largest). Such a pair proves that
    no loss can ask for this statistic.
    """
    lists = [np.sort(np.asarray(part, float)) for part in answer]
    if len(lists) != 2 or any(part.shape != (4,) for part in lists):
        return Result(False, "enumerated", message="two lists of four numbers each are needed")
    if any(part[0] < 0 or part[-1] > 10 for part in lists):
        return Result(False, "enumerated", message="a number lies outside the range from 0 to 10")
    a, b = (float(part[2:].mean()) for part in lists)
    pooled = float(np.sort(np.concatenate(lists))[4:].mean())
    if abs(a - b) > 1e-9:
        return Result(False, "enumerated", 1, abs(a - b), message=f"the means of the upper halves are {a:.6g} and {b:.6g}")
    if abs(pooled - a) < 1e-6:
        return Result(False, "enumerated", 1, a, message=f"the pooled list has the same mean of its upper half, {pooled:.6g}")
    return Result(True, "enumerated", 1)
