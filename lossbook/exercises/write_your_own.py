"""Exercises of the chapter "Write your own loss"."""

import mpmath
import numpy as np
import sympy as sp

from lossbook._result import Result
from lossbook._symbols import a, r, y_hat
from lossbook.exercises import exercise_for, same_formula, same_function


def _least(target, missing, left, scale):
    return target + scale * np.log(missing / left)


@exercise_for(
    "own.1",
    stub="""
        def best(target, missing, left, scale):
            return target
        """,
    hints=[
        "Where is the gradient zero? It is (b + h) σ(r/s) - b.",
        "σ(u) = b/(b + h) means e^u = b/h.",
    ],
    mistakes=[
        (
            lambda target, missing, left, scale: target - scale * np.log(missing / left),
            "Check the side: a missing unit is dearer.",
        ),
        (
            lambda target, missing, left, scale: target + np.log(missing / left),
            "The logarithm is a pure number: what gives it a unit?",
        ),
        (
            lambda target, missing, left, scale: target + scale * missing / left,
            "The sigmoid has to be inverted, and that takes a logarithm.",
        ),
    ],
)
def check_best(answer):
    r"""The price of smoothness.

    The need is known: it is `target`. Write `best(target, missing, left, scale)`, the prediction with the least loss
    $h r + (b + h)\, s \operatorname{softplus}(-r/s)$, where $b$ is `missing`, $h$ is `left` and $s$ is `scale`. For which prices
    is it the target itself?"""
    cases = [(100.0, 4.0, 1.0, 10.0), (0.0, 1.0, 1.0, 3.0), (5.0, 1.0, 9.0, 0.5)]
    return same_function(answer, _least, cases)


_LINEX = (sp.exp(a * r) - a * r - 1) / a**2


@exercise_for(
    "own.2",
    stub="""
        slope = "a * r"
        """,
    hints=[
        "Differentiate term by term; the residual r has the slope 1 in the prediction.",
        "The derivative of exp(a r) is a exp(a r). Do not forget the division by a².",
    ],
    mistakes=[
        ("(exp(a * r) - 1) / a**2", "The exponential has a factor inside."),
        ("(a * exp(a * r) - 1) / a**2", "Both terms, the exponential and the straight line, have a factor a."),
        ("exp(a * r) - 1", "Near 0 the loss is r²/2, so its slope must be r there."),
    ],
)
def check_slope(answer):
    r"""Another asymmetric loss.

    The loss $\left(e^{a r} - a r - 1\right)/a^2$ rises like an exponential on one side and like a straight line on the other.
    Give its derivative with respect to the prediction as a formula in `a` and `r` (text, or SymPy with the letters of
    `lossbook._symbols`)."""
    return same_formula(answer, sp.diff(_LINEX, y_hat))


def _exact_linex(u):
    with mpmath.workdps(60):
        u = mpmath.mpf(float(u))
        return float(mpmath.exp(u) - u - 1)


@exercise_for(
    "own.3",
    stub="""
        def excess(u):
            return np.exp(u) - u - 1
        """,
    hints=[
        "Which digits are left when two nearly equal numbers are subtracted? Look at u = 1e-6.",
        "For small u add up the series u²/2 + u³/6 + ..., and choose between the two with np.where.",
    ],
    mistakes=[
        (lambda u: np.expm1(u) - u, "expm1 keeps the digits of eᵘ - 1, and subtracting u loses them again."),
        (lambda u: u**2 / 2, "The first term of the series is right only for very small u."),
        (
            lambda u: np.where(np.abs(u) < 1e-3, u**2 / 2, np.expm1(u) - u),
            "At the edge of the small values one term of the series is not enough.",
        ),
    ],
)
def check_excess(answer):
    r"""Digits that cancel.

    Write `excess(u)`, which is $e^u - u - 1$ for an array `u`, with a relative error below $10^{-10}$ everywhere between
    $-700$ and $700$. You may use NumPy as `np`."""
    points = np.array([2.0, -50.0, 300.0, -0.5, 0.2, 0.02, 1e-3, 9e-4, -1e-4, 1e-6, -1e-8, 1e-12])
    with np.errstate(all="ignore"):
        got = np.asarray(answer(points.copy()), float)
    if got.shape != points.shape:
        return Result(False, "verified", message=f"for an array of shape {points.shape} your answer has the shape {got.shape}")
    for u, value in zip(points, got, strict=True):
        gap = abs(value / _exact_linex(u) - 1)
        if not gap < 1e-10:
            return Result(False, "verified", worst=float(gap), message=f"at u = {u:g} the relative error is {gap:.2g}")
    return Result(True, "verified", points=len(points))


def _weighted(values, weight):
    return np.sum(weight * values) / np.sum(weight)


def _mean_of_products(values, weight):
    return np.mean(weight * values)


def _over_counted(values, weight):
    return np.sum(weight * values) / np.count_nonzero(weight)


def _mean_of_means(values, weight):
    return np.mean(np.sum(weight * values, axis=1) / np.sum(weight, axis=1))


def _ignoring(values, weight):
    return np.mean(values)


REDUCTIONS = [
    (_weighted, True, "the weighted mean"),
    (_ignoring, False, "a mean that ignores the weights"),
    (_mean_of_products, False, "the mean of weight times value"),
    (_over_counted, False, "a sum divided by the number of weights that are not 0"),
    (_mean_of_means, False, "the mean of the weighted means of the rows"),
]


@exercise_for(
    "own.4",
    stub="""
        def counts_right(reduce):
            return False
        """,
    hints=[
        "A weight of 2 is the same as a value that is there twice.",
        "Give the rows of your table different sums of weights, and a weight of 0 somewhere.",
    ],
    mistakes=[
        (
            lambda reduce: bool(np.isclose(reduce(np.arange(6.0).reshape(2, 3), np.ones((2, 3))), 2.5)),
            "Weights that are all 1 cannot show how weights act.",
        ),
        (
            lambda reduce: bool(np.isclose(reduce(np.array([[1.0, 2.0], [5.0, 8.0]]), np.array([[2.0, 0.0], [1.0, 1.0]])), 3.75)),
            "Weights whose mean is 1 hide by what the sum is divided.",
        ),
        (
            lambda reduce: bool(np.isclose(reduce(np.array([[1.0, 2.0, 6.0]]), np.array([[2.0, 2.0, 0.0]])), 1.5)),
            "With one row, a mean of means is a mean.",
        ),
    ],
)
def check_counts(answer):
    r"""A test of weights.

    A reduction takes a table of `values` and a table of `weight` of the same shape, (rows, columns), and returns one number.
    Write `counts_right(reduce)`: `True` if a weight of $k$ acts like a value that is there $k$ times, for $k = 0, 1, 2, \dots$,
    and `False` if not. Your test must accept the weighted mean and reject four wrong reductions."""
    for count, (reduce, want, name) in enumerate(REDUCTIONS, 1):
        if bool(answer(reduce)) != want:
            return Result(False, "verified", points=count, message=f"your test {'rejects' if want else 'accepts'} {name}")
    return Result(True, "verified", points=len(REDUCTIONS))
