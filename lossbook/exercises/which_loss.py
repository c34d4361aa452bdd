"""Exercises of the chapter on the choice of a loss."""

import numpy as np

from lossbook._result import Result
from lossbook._symbols import scale, tau, y_hat
from lossbook.exercises import exercise_for, same_formula, same_function


@exercise_for(
    "choice.1",
    stub="""
        def level(price, cost, salvage):
            return 0.5
        """,
    hints=[
        "What do you lose by one piece too few, compared with having had it? And by one piece too many?",
        "The level is the share of the first loss in the sum of the two. Simplify the sum.",
    ],
    mistakes=[
        (lambda price, cost, salvage: (price - cost) / price, "What is left over is not lost completely: it brings the salvage."),
        (
            lambda price, cost, salvage: (cost - salvage) / (price - salvage),
            "This is the share of being too high. A piece that sells well should give a high level.",
        ),
        (lambda price, cost, salvage: price / (price + cost), "A missing piece does not lose the price: you did not pay for it."),
    ],
)
def check_level(answer):
    r"""From prices to a loss.

    A piece costs you `cost`, sells for `price`, and brings `salvage` if it is left over, with
    salvage < cost < price. Write `level(price, cost, salvage)`: the `tau` of the pinball loss whose best answer is the stock with
    the largest expected profit.
    """

    def reference(price, cost, salvage):
        return (price - cost) / (price - salvage)

    return same_function(answer, reference, [(4.0, 3.0, 1.0), (10.0, 1.0, 0.0), (4.0, 3.0, 2.5), (1.2, 1.0, -0.5)])


@exercise_for(
    "choice.2",
    stub="""
        def decide(p, refuse):
            return p.argmax(axis=1)
        """,
    hints=[
        "What is the expected cost of naming class k? Which class makes it lowest?",
        "Compare that lowest cost with the cost of refusing. Which of the two is cheaper?",
    ],
    mistakes=[
        (
            lambda p, refuse: np.where(p.max(axis=1) > refuse, p.argmax(axis=1), -1),
            "If refusing is cheap, you should refuse often. Yours refuses seldom then.",
        ),
        (
            lambda p, refuse: np.where(p.max(axis=1) > 0.5, p.argmax(axis=1), -1),
            "One half is right for one value of the cost only. Which one?",
        ),
    ],
)
def check_refusal(answer):
    r"""The right to refuse.

    A wrong class costs 1, a right one costs 0, and to refuse (a person looks at the case) costs `refuse`, between 0 and 1. Write
    `decide(p, refuse)` for probabilities `p` of the shape $(n, K)$: for each row the class, counted from 0, or -1 for a refusal.
    """

    def reference(p, refuse):
        return np.where(1 - p.max(axis=1) < refuse, p.argmax(axis=1), -1)

    p = np.array([[0.98, 0.01, 0.01], [0.2, 0.55, 0.25], [0.3, 0.3, 0.4], [0.05, 0.15, 0.8]])
    return same_function(answer, reference, [(p, refuse) for refuse in (0.1, 0.3, 0.5, 0.65)])


@exercise_for(
    "choice.3",
    stub='regret = "(y_hat - tau)**2 / 2"',
    hints=[
        "The density is 1/scale, so put that factor before the integrals and let them end at scale.",
        "The best answer is no longer tau itself. Where does the distribution function reach tau?",
    ],
    mistakes=[
        ((y_hat - tau * scale) ** 2 / 2, "The best answer is right. But a wider distribution has less mass near it."),
        ((y_hat - tau) ** 2 / (2 * scale), "The factor is right. Where is the best answer when the target goes up to scale?"),
    ],
)
def check_regret(answer):
    r"""The regret, wider.

    The target is uniform on $[0, s]$ and the price is the pinball loss of level $\tau$. Give the expected price of $\hat y$ minus
    that of the best answer, as a formula in `y_hat`, `tau` and `scale` (the letter $s$), for $0 \le \hat y \le s$.
    """
    return same_formula(answer, (y_hat - tau * scale) ** 2 / (2 * scale))


@exercise_for(
    "choice.4",
    stub="targets = [1.0, 2.0, 3.0, 4.0, 5.0]",
    hints=[
        "If mean and median are equal, nothing is lost. What moves the mean and leaves the median?",
        "Let four targets be equal. What happens to the ratio when the fifth moves away? And if two move away?",
    ],
    mistakes=[
        ([1.0, 1.0, 1.0, 9.0, 9.0], "Two targets far away pull the mean further, but the median's own price rises, too."),
        ([1.0, 2.0, 4.0, 8.0, 16.0], "Skewed, but the targets near the median differ, and the median pays for this as well."),
    ],
)
def check_worst_default(answer):
    r"""How bad can the default be?

    Give five positive targets for which the mean costs at least `1.55` times as much as the median, in mean absolute error.
    """
    y = np.asarray(answer, dtype=float)
    if y.shape != (5,) or not np.all((y > 0) & np.isfinite(y)):
        return Result(False, "enumerated", message="five positive numbers are asked for")
    best = np.abs(y - np.median(y)).mean()
    if best == 0:
        return Result(False, "enumerated", message="five equal targets: both answers cost nothing")
    ratio = float(np.abs(y - y.mean()).mean() / best)
    message = "" if ratio >= 1.55 else f"for your targets the mean costs {ratio:.4g} times as much as the median"
    return Result(ratio >= 1.55, "enumerated", 1, ratio, message=message)
