"""Exercises of the chapter on counts and relative errors."""

import numpy as np

from lossbook._result import Result
from lossbook._symbols import sigmoid, softplus, y, z
from lossbook.exercises import exercise_for, same_formula, same_function, same_number


@exercise_for(
    "count.1",
    stub="rate = 5.0",
    hints=[
        "Write the loss of both clinics with the offsets log 3 and log 12. Where does the sum of its gradients vanish?",
        "The gradient of a clinic is t exp(z) - y. Add the two and solve for exp(z).",
    ],
    mistakes=[
        (5.0, "This is the mean of the two rates. A clinic that was watched for longer knows more about the rate."),
        (28.5, "This is events per clinic. The clinics were watched for different times."),
        (1.335, "This looks like z, the logarithm. The question asks for the rate exp(z)."),
    ],
)
def check_exposure(answer):
    r"""Two clinics.

    One clinic counted 21 events in 3 months, another 36 in 12 months. Both have the same rate. Which rate per month has the
    least Poisson loss, with the logarithm of the time as the offset? A number, to four digits.
    """
    return same_number(answer, 57 / 15)


@exercise_for(
    "count.2",
    stub='slope = "softplus(z) - y"',
    hints=[
        "With μ as the prediction, the loss is μ - y log μ. What is its derivative with respect to μ?",
        "The chain rule: multiply by the derivative of softplus, which is sigmoid(z).",
    ],
    mistakes=[
        ("softplus(z) - y", "The mean minus the target is the gradient with the log link. Here the link is another."),
        (
            "sigmoid(z)*(softplus(z) - y)",
            "This belongs to half the squared error of the mean. What does the Poisson loss divide by?",
        ),
        ("1 - y/softplus(z)", "This is the derivative with respect to the mean. One factor of the chain rule is missing."),
    ],
)
def check_softplus_link(answer):
    r"""Another link.

    A network makes its mean positive by $\mu = \operatorname{softplus}(z)$ instead of $e^z$. Give the derivative of the Poisson
    loss with respect to $z$, as a formula in `z` and `y` with the functions `softplus` and `sigmoid`.
    """
    return same_formula(answer, sigmoid(z) * (1 - y / softplus(z)), given=[y > 0])


def _moment(mu, y):
    return max(np.sum((y - mu) ** 2) - np.sum(mu), 0.0) / np.sum(mu**2)


@exercise_for(
    "count.3",
    stub="""
        def alpha(mu, y):
            return 1.0
        """,
    hints=[
        "Set the sum of (y - mu)² equal to the sum of the variances mu + alpha mu².",
        "Solve for alpha. What if the counts scatter less than Poisson counts do?",
    ],
    mistakes=[
        (
            lambda mu, y: np.sum((y - mu) ** 2) / np.sum(mu**2),
            "Of the squared differences a part belongs to Poisson itself. Take it off first.",
        ),
        (
            lambda mu, y: np.sum(mu**2) / (np.sum((y - mu) ** 2) - np.sum(mu)),
            "This is φ itself, not 1/φ.",
        ),
        (
            lambda mu, y: (np.sum((y - mu) ** 2) - np.sum(mu)) / np.sum(mu**2),
            "Right where the counts are overdispersed. A variance below the Poisson variance needs another answer.",
        ),
    ],
)
def check_moment_dispersion(answer):
    r"""One number, without an optimiser.

    Write `alpha(mu, y)` for arrays of predicted means and of counts: the $\alpha = 1/\phi \ge 0$ with which the variances
    $\mu_i + \alpha \mu_i^2$ add up to the sum of the squared differences, or 0 if the counts scatter less than Poisson counts.
    """
    rng = np.random.default_rng(0)
    mu = rng.uniform(1, 6, 50)
    cases = [
        (np.array([2.0, 2.0, 2.0]), np.array([0.0, 1.0, 8.0])),
        (mu, rng.poisson(mu * rng.gamma(1.5, 1 / 1.5, 50)).astype(float)),
        (np.array([4.0, 4.0]), np.array([3.0, 5.0])),
    ]
    return same_function(answer, _moment, cases)


def _errors(y):
    return np.array([1 / np.sqrt(y.sum()), np.sqrt(np.sum((y - y.mean()) ** 2)) / y.sum()])


@exercise_for(
    "count.4",
    stub="""
        def errors(y):
            plain = 1 / np.sqrt(len(y))
            return np.array([plain, plain])
        """,
    hints=[
        "With only a constant, x is 1 for everybody and mu is the mean of y. What is H?",
        "H is the sum of y. The first error is its inverse root; the second divides the root of the sum of squares by H.",
    ],
    mistakes=[
        (
            lambda y: np.array([y.std(), y.std()]) / np.sqrt(len(y)),
            "These are errors of the mean. The estimate is its logarithm.",
        ),
        (
            lambda y: np.array([1 / np.sqrt(y.sum()), np.sqrt(np.sum((y - y.mean()) ** 2)) / len(y)]),
            "The first is right. The second is the error of the mean: divide by the curvature H, not by n.",
        ),
        (
            lambda y: np.array([1 / np.sqrt(y.sum()), np.sum((y - y.mean()) ** 2) / y.sum() ** 2]),
            "The first is right. The second is a variance: its root is missing.",
        ),
        (
            lambda y: np.array([1 / np.sqrt(y.sum()), y.std(ddof=1) * np.sqrt(len(y)) / y.sum()]),
            "The first is right. The second is close: the sandwich adds up the squares and does not correct for n - 1.",
        ),
    ],
)
def check_two_errors(answer):
    r"""Two error bars.

    A Poisson model has only a constant. Write `errors(y)` that returns an array of two standard errors of its coefficient
    $\log\bar y$: the one that the likelihood reports, $H^{-1/2}$, and the one of the sandwich.
    """
    cases = [(np.array([0.0, 1.0, 2.0, 9.0]),), (np.array([3.0, 5.0, 4.0, 4.0, 2.0]),), (np.array([0.0, 0.0, 0.0, 20.0]),)]
    return same_function(answer, _errors, cases)


@exercise_for(
    "count.5",
    stub="amounts = [1.0, 2.0, 3.0, 4.0]",
    hints=[
        "Each amount counts with the weight 1/y. Which amount outweighs all the others together?",
        "Take one small amount and several equal large ones. How small must it be?",
    ],
    mistakes=[
        ([1.0, 1.0, 1.0, 100.0], "The best constant is low enough. But most of these amounts lie below their mean."),
        ([20.0, 90.0, 90.0, 90.0], "Most amounts lie above the mean, and the best constant is low, but not low enough."),
        ([50.0, 100.0, 100.0, 100.0], "Here the large amounts outweigh the small one: add up the weights 1/y."),
    ],
)
def check_too_low(answer):
    r"""Too low by a factor of ten.

    Give 4 to 20 positive amounts of which at least three quarters lie above their mean, and for which the constant of least mean
    absolute percentage error is nevertheless below a *tenth* of the mean.
    """
    amounts = np.asarray(answer, float)
    if amounts.ndim != 1 or not 4 <= len(amounts) <= 20 or not np.all((amounts > 0) & np.isfinite(amounts)):
        return Result(False, "enumerated", message="4 to 20 positive, finite numbers are wanted")
    above = float(np.mean(amounts > amounts.mean()))
    if above < 0.75:
        return Result(False, "enumerated", len(amounts), above, message=f"a share of {above:.3g} lies above the mean")
    costs = [np.mean(np.abs(c - amounts) / amounts) for c in amounts]  # piecewise linear: an amount is a best constant
    best = amounts[np.isclose(costs, min(costs), rtol=1e-12)].max()
    share = float(best / amounts.mean())
    message = "" if share < 0.1 else f"the best constant is {share:.3g} of the mean"
    return Result(share < 0.1, "enumerated", len(amounts), share, message=message)
