"""Exercises of the chapter on open problems."""

import numpy as np

from lossbook._result import Result
from lossbook.exercises import exercise_for, same_function, same_number


def _extrapolate(n1, loss1, n2, loss2, floor, n):
    slope = np.log((loss2 - floor) / (loss1 - floor)) / np.log(n2 / n1)
    return floor + (loss1 - floor) * (n / n1) ** slope


@exercise_for(
    "open.1",
    stub="""
        def forecast(n1, loss1, n2, loss2, floor, n):
            return loss2
        """,
    hints=[
        "What is a straight line on logarithmic axes: the loss, or the loss without its floor?",
        "Two points give the slope of that line. The third point lies on it; then put the floor back.",
    ],
    mistakes=[
        (
            lambda n1, loss1, n2, loss2, floor, n: _extrapolate(n1, loss1, n2, loss2, 0.0, n),
            "This is a power law without a floor. Which part of the loss can data remove?",
        ),
        (
            lambda n1, loss1, n2, loss2, floor, n: _extrapolate(n1, loss1, n2, loss2, floor, n) - floor,
            "The removable part is right. The loss is more than that.",
        ),
        (
            lambda n1, loss1, n2, loss2, floor, n: loss1 + (loss2 - loss1) * (n - n1) / (n2 - n1),
            "This is a straight line on ordinary axes. On which axes is the curve straight?",
        ),
    ],
)
def check_forecast(answer):
    r"""A forecast from two points.

    A learning curve is $L(n) = L_\infty + B\,n^{-\beta}$. You know the floor and the loss at two sizes. Write
    `forecast(n1, loss1, n2, loss2, floor, n)` that returns the loss at size `n`.
    """
    cases = [(100.0, 3.0, 400.0, 2.0, 1.0, 1600.0), (10.0, 0.9, 1000.0, 0.3, 0.1, 5e4), (50.0, 2.0, 100.0, 1.5, 0.0, 200.0)]
    return same_function(answer, _extrapolate, cases)


@exercise_for(
    "open.2",
    stub="differences = [(-1.0, 0.5), (1.0, 0.5)]",
    hints=[
        "SPO+ moves to the side on which the difference lies more often. The best choice follows the mean.",
        "Let the difference be negative most of the time, by a little, and positive rarely, by a lot.",
    ],
    mistakes=[
        ([(-1.0, 0.3), (2.0, 0.7)], "Here the majority and the mean agree. Make them disagree."),
        ([(-1.0, 0.7), (2.0, 0.3)], "The majority is negative. Is the mean positive?"),
        ([(-1.0, 0.7), (4.0, 0.7)], "These probabilities do not add up to 1."),
    ],
)
def check_skewed_difference(answer):
    r"""Make it choose wrongly.

    Two options; the second costs $d$ more than the first. Give the distribution of $d$ as a list of pairs `(value, probability)`,
    with at least two values, all within $\pm 10$ and none of them 0, so that the first option is cheaper on average although the
    constant prediction of least expected SPO+ chooses the second.
    """
    values, chances = np.array([tuple(map(float, pair)) for pair in answer]).T
    total, mean = float(chances.sum()), float(values @ chances)
    if np.any(chances <= 0) or abs(total - 1) > 1e-9:
        return Result(
            False, "verified", worst=total, message=f"the probabilities are to be positive and add up to 1, not {total:g}"
        )
    if np.any(np.abs(values) > 10) or np.any(values == 0):
        return Result(False, "verified", worst=float(np.abs(values).max()), message="a value is 0 or beyond 10")
    if mean <= 1e-9:
        return Result(
            False, "verified", worst=mean, message=f"on average the second option costs {mean:g} more, so it is no mistake"
        )
    corners = np.append(values / 2, 0.0)  # a piecewise linear function is least at a corner
    risk = np.maximum(0, np.abs(values) - 2 * np.sign(values) * corners[:, None]) @ chances
    least = float(corners[np.flatnonzero(risk <= risk.min() + 1e-12)].max())  # the largest, if there are several
    message = "" if least < 0 else f"SPO+ is least at a prediction of {least:g} and chooses the first option"
    return Result(least < 0, "verified", len(corners), least, message=message)


@exercise_for(
    "open.3",
    stub="n = 2",
    hints=[
        "The divergence of best-of-n is log n - (n - 1)/n. Try a few values of n.",
        "For large n the second term is almost 1, but not quite: so begin near the exponential of 4.",
    ],
    mistakes=[
        (21, "The exponential of 3 is about 20. The second term of the divergence is missing."),
        (55, "You have replaced the second term by 1. It is a little less, and one answer fewer is enough."),
    ],
)
def check_samples_for_divergence(answer):
    """How many answers?

    What is the smallest number n for which the best of n answers, without ties, is at least 3 nats away from an ordinary answer?
    """
    return same_number(answer, 54)


@exercise_for(
    "open.4",
    stub="""
        def twin(x, w, size):
            return w
        """,
    hints=[
        "Which changes of w leave x @ w as it is? There are many, because x has fewer rows than columns.",
        "Take any vector, subtract its projection on the rows of x (np.linalg.pinv helps), and scale what is left.",
    ],
    mistakes=[
        (lambda x, w, size: w + size / np.sqrt(len(w)), "The distance is right, but the training predictions have moved."),
        (
            lambda x, w, size: w + (np.eye(len(w)) - np.linalg.pinv(x) @ x)[:, 0],
            "The predictions stay. Which length is the change to have?",
        ),
    ],
)
def check_twin(answer):
    """A twin with the same training loss.

    A linear model has more weights than examples. Write `twin(x, w, size)` that returns other weights at the Euclidean distance
    `size` from `w` with the same predictions on the training inputs `x`, of shape (n, d) with n < d.
    """
    rng, count = np.random.default_rng(0), 0
    for rows, columns, size in ((3, 5, 1.0), (4, 20, 7.0), (1, 2, 0.1)):
        x, w = rng.normal(size=(rows, columns)), rng.normal(size=columns)
        other = np.asarray(answer(x.copy(), w.copy(), size), float)
        count += 1
        case = {"shape of x": x.shape, "size": size}
        if other.shape != w.shape:
            return Result(False, "verified", count, witness=case, message=f"at {case} your weights have the shape {other.shape}")
        moved, far = float(np.abs(x @ (other - w)).max()), float(np.linalg.norm(other - w))
        if not moved < 1e-8:
            return Result(False, "verified", count, moved, case, f"at {case} a training prediction moves by {moved:.2g}")
        if not abs(far - size) < 1e-8 * (1 + size):
            return Result(False, "verified", count, far, case, f"at {case} the distance is {far:.3g}")
    return Result(True, "verified", count)
