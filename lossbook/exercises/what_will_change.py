"""Exercises of the chapter "What will change?"."""

import numpy as np
from scipy import stats

from lossbook._result import Result
from lossbook.exercises import exercise_for


@exercise_for(
    "future.1",
    stub="""
        def strength(p, q):
            return 1 - p
        """,
    hints=[
        "The strength is s(p) = -p times the derivative of the loss with respect to p.",
        "The derivative of p^q is q p^(q-1); the factor p raises the power by one again.",
    ],
    mistakes=[
        (lambda p, q: p ** (q - 1), "Minus the derivative. The strength has a factor p more."),
        (lambda p, q: q * p**q, "The q of the derivative cancels against the one in the loss."),
    ],
)
def check_strength(answer):
    r"""The strength of a loss.

    Generalised cross-entropy is $\ell(p) = (1 - p^q)/q$. Give a function of `p` and `q` that returns its strength
    $s(p) = -p\,\ell'(p)$, the factor by which it multiplies the gradient of cross-entropy.
    """
    p, step = np.linspace(0.05, 0.95, 19), 1e-6
    for q in (0.2, 0.7, 1.0):
        exact = -p * ((1 - (p + step) ** q) - (1 - (p - step) ** q)) / (2 * step * q)
        gap = np.abs(np.asarray(answer(p, q)) - exact)
        worst = int(np.argmax(gap))
        if not gap[worst] < 1e-6:
            message = (
                f"at p = {p[worst]:.2f}, q = {q} your strength is {np.asarray(answer(p, q))[worst]:.4f}, off by {gap[worst]:.2g}"
            )
            return Result(False, "verified", 57, gap[worst], (p[worst], q), message)
    return Result(True, "verified", points=57)


@exercise_for(
    "future.2",
    stub="""
        def gain(validation_new, test_new, validation_old, test_old):
            return 0.0
        """,
    hints=[
        "For each seed, find the trial with the best validation accuracy, for each method separately.",
        "Then look up the test accuracy of that trial: the best test accuracy itself must never be used.",
    ],
    mistakes=[
        (
            lambda validation_new, test_new, validation_old, test_old: np.mean(test_new.max(1) - test_old.max(1)),
            "You have looked for the best trial on the test data.",
        ),
        (
            lambda validation_new, test_new, validation_old, test_old: np.mean(validation_new.max(1) - validation_old.max(1)),
            "This is the gain on the data that chose the trials.",
        ),
        (
            lambda validation_new, test_new, validation_old, test_old: np.mean(
                test_new[np.arange(len(test_new)), validation_new.argmax(1)] - test_old.max(1)
            ),
            "Both methods must be chosen in the same way.",
        ),
    ],
)
def check_honest_gain(answer):
    """An honest gain.

    Write `gain(validation_new, test_new, validation_old, test_old)`. All four arrays have the shape (seeds, trials).
    Select on validation (the first trial where several are equal), and return the mean over the seeds of the difference
    in test accuracy, new minus old.
    """
    rng = np.random.default_rng(1)
    for trial in range(5):
        arrays = [rng.binomial(50, 0.8, (6, 8)) / 50 for _ in range(4)]
        validation_new, test_new, validation_old, test_old = arrays
        seeds = np.arange(6)
        want = np.mean(test_new[seeds, validation_new.argmax(1)] - test_old[seeds, validation_old.argmax(1)])
        got = answer(*[array.copy() for array in arrays])
        if not np.isclose(got, want):
            return Result(
                False, "verified", trial + 1, message=f"on random scores number {trial + 1} you report a gain of {got:.4f}"
            )
    return Result(True, "verified", points=5)


@exercise_for(
    "future.3",
    stub="""
        def optimism(a, m, n):
            return a
        """,
    hints=[
        "The number of right answers of one candidate is binomial. The best of n is at most k if all n are at most k.",
        "The mean of a count that runs from 0 to m is the sum of P(count > k) over k = 0, ..., m - 1.",
    ],
    mistakes=[
        (lambda a, m, n: 0.0, "One candidate is unbiased. The best of many is not: a maximum grows with n."),
        (
            lambda a, m, n: np.sqrt(2 * np.log(n) * a * (1 - a) / m),
            "The textbook bound for a normal maximum. The count of right answers is binomial, and can be summed exactly.",
        ),
        (lambda a, m, n: np.sum(1 - stats.binom.cdf(np.arange(m), m, a) ** n) - a, "A score is a share of the m images."),
    ],
)
def check_winners_curse(answer):
    r"""The winner's curse.

    `n` candidates all have the same true accuracy `a`. Each is scored on its own `m` validation images, and the best score
    is reported. Write `optimism(a, m, n)`, the expected best score minus `a`, exactly (no simulation).
    """
    for a, m, n in ((0.8, 100, 1), (0.8, 100, 24), (0.5, 10, 3), (0.95, 1000, 200)):
        at_most = stats.binom.cdf(np.arange(m), m, a)
        want = np.sum(1 - at_most**n) / m - a
        got = float(answer(a, m, n))
        if not abs(got - want) < 1e-9:
            return Result(
                False, "verified", 4, abs(got - want), (a, m, n), f"for a = {a}, m = {m}, n = {n} your optimism is {got:.4f}"
            )
    return Result(True, "verified", points=4)


@exercise_for(
    "future.4",
    stub="""
        def teaches(p, size):
            return 1.0
        """,
    hints=["When is the deviation of every reward from the mean 0?", "All right, or all wrong: subtract both chances from 1."],
    mistakes=[
        (lambda p, size: 1 - (1 - p) ** size, "A group that is all right teaches nothing either."),
        (lambda p, size: 1 - p**size, "A group that is all wrong teaches nothing either."),
    ],
)
def check_groups(answer):
    r"""Groups that teach.

    A model solves a question with probability `p`. GRPO draws `size` answers and learns from the deviations of their rewards
    (1 or 0) from the group's mean. Write `teaches(p, size)`, the probability that not all deviations are 0.
    """
    for p, size in ((0.01, 16), (0.5, 2), (0.9, 8), (0.3, 1), (1.0, 4)):
        outcomes = np.arange(size + 1)
        chances = stats.binom.pmf(outcomes, size, p)
        want = chances[(outcomes > 0) & (outcomes < size)].sum()
        got = float(answer(p, size))
        if not abs(got - want) < 1e-12:
            return Result(False, "enumerated", 5, abs(got - want), (p, size), f"for p = {p} and {size} answers you say {got:.4f}")
    return Result(True, "enumerated", points=5)
