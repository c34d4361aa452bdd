"""Exercises of the chapter on quantiles and distributions."""

import numpy as np

from lossbook._result import Result
from lossbook._symbols import y
from lossbook.exercises import exercise_for, same_formula, same_function, same_number
from lossbook.scoring import crps_ensemble


@exercise_for(
    "quantile.1",
    stub="loaves = 100.0",
    hints=[
        "What do you lose with a missing loaf? What with a loaf left over?",
        "The level is the first cost over the sum of both. The exponential distribution with mean m has F(t) = 1 - exp(-t/m).",
    ],
    mistakes=[
        (-100 * np.log(0.75), "This is the quantile of the other level: too few loaves cost you more than too many."),
        (-100 * np.log(1 - 5 / 6), "A missing loaf does not cost the price: you also save the flour."),
        (-100 * np.log(1 - 3 / 5), "A loaf left over is not lost completely: the rest of its value comes back."),
    ],
)
def check_newsvendor(answer):
    r"""How many loaves?

    A loaf costs you 2 to bake and sells for 5. What is left in the evening goes to a farmer for 1. The demand is exponential
    with mean 100. How many loaves are best on average? A real number, to four digits.
    """
    return same_number(answer, 100 * np.log(4))


def _ladder(raw):
    return np.concatenate([raw[:, :1], raw[:, :1] + np.cumsum(np.logaddexp(0, raw[:, 1:]), axis=1)], axis=1)


@exercise_for(
    "quantile.2",
    stub="""
        def ladder(raw):
            return np.sort(raw, axis=1)
        """,
    hints=[
        "The first column stays as it is. What is added to it for the second column, and to the second for the third?",
        "A running sum of the softplus values, and softplus(u) = log(exp(0) + exp(u)). NumPy has a function for that logarithm.",
    ],
    mistakes=[
        (
            lambda raw: np.cumsum(np.logaddexp(0, raw), axis=1),
            "The lowest quantile may be negative: only the increments must be positive.",
        ),
        (
            lambda raw: np.concatenate([raw[:, :1], raw[:, :1] + np.logaddexp(0, raw[:, 1:])], axis=1),
            "Each level lies above the first one now. It must lie above the one before it.",
        ),
        (
            lambda raw: np.concatenate([raw[:, :1], raw[:, :1] + np.cumsum(np.exp(raw[:, 1:]), axis=1)], axis=1),
            "Positive increments, but not those of the softplus: the exponential explodes for large outputs.",
        ),
    ],
)
def check_ladder(answer):
    r"""Quantiles that cannot cross.

    A network has one output for each of $L$ levels. Write `ladder(raw)` for an array of the shape $(n, L)$: the first column is
    the lowest quantile, and each further column adds $\operatorname{softplus}(u) = \log(1 + e^u)$ of its output $u$ to the
    quantile before it. It must work for $u = 800$.
    """
    rng = np.random.default_rng(0)
    cases = [(np.array([[-2.0, 0.0, 1.0]]),), (rng.normal(0, 3, (4, 5)),), (np.array([[1.0, 800.0, -800.0, 2.0]]),)]
    return same_function(answer, _ladder, cases)


@exercise_for(
    "quantile.3",
    stub='crps = "y**2"',
    hints=[
        "Integrate (F(t) - [y <= t])² over t, with F(t) = t, in two parts: below y and above y.",
        "Below y the event has not happened and t² is paid; above it has, and (1 - t)² is paid.",
    ],
    mistakes=[
        ("y**3/3", "This is the part below y. What is paid above it?"),
        ("y**2/2 + (1 - y)**2/2", "The error is squared before it is integrated: a parabola under the integral, not a line."),
        ("2*(y**3 + (1 - y)**3)/3", "Twice too much. The factor 2 belongs to the form with the pinball loss."),
    ],
)
def check_uniform_crps(answer):
    r"""A score on paper.

    The forecast is the uniform distribution on $[0, 1]$, the target $y$ lies in it. Give the CRPS as a polynomial in `y`, to be
    compared at any $y$. (For which target is it lowest, and how low?)
    """
    return same_formula(answer, y**3 / 3 + (1 - y) ** 3 / 3)


def _radius(scores, alpha):
    rank = int(np.ceil(round((len(scores) + 1) * (1 - alpha), 9)))
    return np.inf if rank > len(scores) else float(np.sort(scores)[rank - 1])


@exercise_for(
    "quantile.4",
    stub="""
        def radius(scores, alpha):
            return np.quantile(scores, 1 - alpha)
        """,
    hints=[
        "The new example has n + 1 places to fall into. Which rank has a probability of at least 1 - alpha below it?",
        "The rank may be n + 1. What must the radius be when no calibration score is large enough?",
    ],
    mistakes=[
        (
            lambda scores, alpha: float(np.sort(scores)[int(np.ceil(round(len(scores) * (1 - alpha), 9))) - 1]),
            "You have counted n places. The new example adds one.",
        ),
        (
            lambda scores, alpha: float(
                np.sort(scores)[min(int(np.ceil(round((len(scores) + 1) * (1 - alpha), 9))), len(scores)) - 1]
            ),
            "With so few scores the largest is not enough: what does the promise require then?",
        ),
        (
            lambda scores, alpha: float(np.sort(scores)[int(np.ceil(round((len(scores) + 1) * (1 - alpha), 9))) - 1]),
            "Right while such a score exists. With few scores the rank is n + 1: no finite number keeps the promise then.",
        ),
        (
            lambda scores, alpha: float(np.sort(scores)[min(int((len(scores) + 1) * (1 - alpha)), len(scores)) - 1]),
            "A rank that is rounded down promises too little.",
        ),
    ],
)
def check_radius(answer):
    r"""The right rank.

    Write `radius(scores, alpha)`: the number by which split conformal prediction widens an interval, from the $n$ calibration
    scores, so that a new example is covered with probability at least $1 - \alpha$. If no finite number can promise this, return
    `np.inf`. (Take the ceiling of a number rounded to 9 decimals: `100 * (1 - 0.45)` is a little more than 55.)
    """
    rng = np.random.default_rng(1)
    sizes = ((12, 0.4), (19, 0.1), (20, 0.1), (57, 0.25), (9, 0.1), (8, 0.1), (4, 0.5))
    cases = [(rng.normal(size=n).round(3), alpha) for n, alpha in sizes]

    def finite(radius):
        def bounded(scores, alpha):
            try:
                return np.minimum(float(radius(scores, alpha)), 1e9)  # so that infinity differs from other numbers
            except IndexError:
                return np.nan  # the rank n + 1 was looked up among n scores

        return bounded

    return same_function(finite(answer), finite(_radius), cases)


@exercise_for(
    "quantile.5",
    stub="members = (0.0, 1.0)",
    hints=[
        "When is the mean distance of two members to a target exactly half of their own distance?",
        "The plain score of two members that enclose a target is a quarter of their distance.",
    ],
    mistakes=[
        ((0.0, 5.0), "Some of the targets lie outside. What does the fair score charge for those?"),
        ((-3.0, 8.0), "The fair score is fooled already. Now make the forecast really useless."),
        ((-100.0, 0.0), "Wide enough, but on one side only: the targets must lie in between."),
    ],
)
def check_fooled(answer):
    r"""Fool the fair score.

    The targets are $-3, -2, \dots, 8$. Give two members whose mean *fair* CRPS over these targets is 0, and whose *plain* one is
    at least 20.
    """
    targets = np.arange(-3.0, 9)
    ensemble = np.tile(np.asarray(answer, float), (12, 1))
    plain, fair = (float(crps_ensemble(ensemble, targets, fair=kind)) for kind in (False, True))
    ok = abs(fair) < 1e-9 and plain >= 20
    message = "" if ok else f"the fair score is {fair:.4g} and the plain one {plain:.4g}"
    return Result(ok, "verified", 12, fair, message=message)
