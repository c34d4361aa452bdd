"""Exercises of the chapter on margins."""

import numpy as np

from lossbook._result import Result
from lossbook._symbols import q, w
from lossbook.exercises import exercise_for
from lossbook.exercises._judge import same_formula, same_function
from lossbook.margin import crammer_singer


def _points(seed, n=12, gap=0.4):
    rng = np.random.default_rng(seed)
    s = np.where(np.arange(n) % 2 == 0, -1.0, 1.0)
    return np.round(s * (gap / 2 + rng.exponential(1.0, n)) + rng.normal(), 3), s


def _widest(x, s):
    low, high = x[s < 0].max(), x[s > 0].min()
    return 2 / (high - low), -(high + low) / (high - low)


@exercise_for(
    "margin.1",
    stub="""
        def widest(x, s):
            return 1.0, -x.mean()
        """,
    hints=[
        "Only two of the points touch the margin. Which two?",
        "The scores of these two points are -1 and +1. That is two equations for w and b.",
    ],
    mistakes=[
        (
            lambda x, s: (1 / (x[s > 0].min() - x[s < 0].max()), -0.5 * (x[s > 0].min() + x[s < 0].max())),
            "Where is the score of the nearest positive point? It should be 1, and it should be -1 at the nearest negative one.",
        ),
        (
            lambda x, s: (
                2 / (x[s > 0].mean() - x[s < 0].mean()),
                -(x[s > 0].mean() + x[s < 0].mean()) / (x[s > 0].mean() - x[s < 0].mean()),
            ),
            "You use the means of the two classes. Points far from the boundary have the price 0.",
        ),
    ],
)
def check_widest(answer):
    r"""The widest margin on a line.

    The numbers `x` carry the signs `s`, which are $\pm1$; all negative ones lie to the left of all positive ones. Write
    `widest(x, s)` that returns the $w$ and the $b$ of least $w^2$ with $s_i (w x_i + b) \ge 1$ for all $i$. The bias $b$ is free
    here: it does not count as length. No optimiser is needed.
    """
    return same_function(answer, _widest, [_points(seed) for seed in range(4)], rtol=1e-9)


@exercise_for(
    "margin.2",
    stub='best = "2*q - 1"',
    hints=[
        "Write the expected loss between the corners: one square for each label, each with its probability and its cost.",
        "Set the slope to zero. The weight multiplies only the term of the positive label.",
    ],
    mistakes=[
        ("w*(2*q - 1)", "At w = 1 this is right. But the best score must stay between -1 and 1, however large w is."),
        ("(q - w*(1 - q)) / (q + w*(1 - q))", "You let the negative label cost w times as much."),
        ("(w*q - (1 - q)) / 2", "The slope is zero where? The sum of the weights is no longer 1, and it divides."),
    ],
)
def check_weighted_squared_hinge(answer):
    r"""When mistakes cost differently.

    A missed positive is $w$ times as expensive: the squared hinge of a positive example is multiplied by $w > 0$. Give the score
    $z$ of least expected loss where the positive class has the probability $q$, as a formula in `q` and `w`.
    """
    return same_formula(answer, (w * q - 1 + q) / (w * q + 1 - q), given=[q < 1, w > 0])


def _two_classes(z):
    return np.where(np.abs(z) < 1, (1 - z) ** 2 / 4, np.maximum(-z, 0))


@exercise_for(
    "margin.3",
    stub="""
        def sparsemax_loss(z):
            return (1 - z) ** 2 / 4
        """,
    hints=[
        "For which z does (1 + z) / 2 leave the interval from 0 to 1, and which p is the best one then?",
        "Put p = 0 into the first line of the derivation.",
    ],
    mistakes=[
        (lambda z: np.maximum(1 - z, 0) ** 2 / 4, "Right on one side. What is the best p for a very negative z?"),
        (lambda z: np.where(np.abs(z) < 1, (1 - z) ** 2 / 4, 0.0), "Beyond which of the two corners is the loss zero?"),
        (lambda z: np.where(np.abs(z) < 1, (1 - z) ** 2 / 4, np.maximum(1 - z, 0)), "Does your loss have a jump at -1?"),
    ],
)
def check_sparsemax_of_two(answer):
    r"""Sparsemax at both ends.

    The chapter derives the sparsemax loss for the logits $(z, 0)$ and label 1, as long as $-1 < z < 1$. Write
    `sparsemax_loss(z)` for an array of any real numbers.
    """
    cases = [(np.array([-0.9, 0.0, 0.3, 0.99]),), (np.array([-1.0, -1.5, -7.0]),), (np.array([1.0, 1.2, 30.0]),)]
    return same_function(answer, _two_classes, cases)


@exercise_for(
    "margin.4",
    stub="q = [0.5, 0.3, 0.2]",
    hints=[
        "When does raising the logit of the likeliest class lower the expected loss? Look at the derivation.",
        "No class may have a majority, and yet the first must lead clearly.",
    ],
    mistakes=[
        ([0.6, 0.3, 0.1], "With a majority the loss decides. Look at the sign of 1 - 2q in the derivation."),
        ([0.4, 0.38, 0.22], "It does tie here. Now make the lead larger."),
        ([0.45, 0.36, 0.29], "These are not probabilities of three classes: add them up."),
    ],
)
def check_silent_distribution(answer):
    r"""Make it fall silent.

    Give the probabilities of three classes, the first at least `0.08` above the second and the second above the third, for which
    the tie $z = (0, 0, 0)$ costs Crammer and Singer strictly less in expectation than any logits that put class 1 ahead.
    """
    shares = np.asarray(answer, dtype=float)
    if shares.shape != (3,) or abs(shares.sum() - 1) > 1e-9 or shares.min() < 0:
        return Result(
            False, "searched", message=f"three numbers from 0 on that sum to 1 are asked for; yours sum to {shares.sum():.4g}"
        )
    if shares[0] - shares[1] < 0.08 - 1e-12 or shares[1] <= shares[2]:
        return Result(
            False,
            "searched",
            1,
            float(shares[0] - shares[1]),
            message=f"the first leads the second by {shares[0] - shares[1]:.3g}",
        )
    steps = np.linspace(-3, 3, 61)
    z = np.stack(np.meshgrid(steps, steps, [0.0]), -1).reshape(-1, 3)
    z = z[(z[:, 0] > z[:, 1]) & (z[:, 0] > z[:, 2])]
    expected = sum(shares[k] * crammer_singer(z, np.full(len(z), k), reduction="none") for k in range(3))
    at_tie = sum(shares[k] * float(crammer_singer(np.zeros((1, 3)), np.array([k]))) for k in range(3))
    i = int(np.argmin(expected))
    good = bool(expected[i] > at_tie + 1e-9)
    message = "" if good else f"the logits {z[i].round(2)} cost {expected[i]:.4g}, the tie costs {at_tie:.4g}"
    return Result(good, "searched", len(z), float(at_tie - expected[i]), message=message)
