"""Exercises of the chapter on imbalance and cost."""

import numpy as np

from lossbook._result import Result
from lossbook._symbols import m
from lossbook.exercises import exercise_for
from lossbook.exercises._judge import same_formula, same_function


@exercise_for(
    "imbalance.1",
    stub="""
        def threshold(alarm, miss, w):
            return 0.5
        """,
    hints=[
        "Without a weight the threshold is the share of the false alarm in the sum of the two costs.",
        "Which logit belongs to that threshold? The weight moves every logit by log w.",
    ],
    mistakes=[
        (
            lambda alarm, miss, w: alarm / (alarm + miss),
            "Right for a model that was trained without a weight. What did w do to it?",
        ),
        (
            lambda alarm, miss, w: alarm / (alarm + w * miss),
            "You have moved the threshold down. The weight has moved the outputs up.",
        ),
        (lambda alarm, miss, w: min(1.0, w * alarm / (alarm + miss)), "Probabilities are not multiplied by w. What is?"),
    ],
)
def check_threshold(answer):
    r"""A threshold for a weighted model.

    A model was trained with `pos_weight=w`, to its optimum. A false alarm costs `alarm` and a miss costs
    `miss`. Write `threshold(alarm, miss, w)`: act when the sigmoid of the model's logit is above it.
    """

    def reference(alarm, miss, w):
        return w * alarm / (w * alarm + miss)

    return same_function(answer, reference, [(1.0, 1.0, 1.0), (1.0, 20.0, 20.0), (1.0, 20.0, 5.0), (3.0, 1.0, 2.0)])


@exercise_for(
    "imbalance.2",
    stub="""
        def change_prior(p, old, new):
            return p
        """,
    hints=[
        "By Bayes' theorem p is proportional to the old prior times P(x | class). Divide by the old prior first.",
        "After the change a row need not add up to 1.",
    ],
    mistakes=[
        (lambda p, old, new: p * new / old, "The proportions are right. Are these probabilities?"),
        (lambda p, old, new: p * new / (p * new).sum(-1, keepdims=True), "The old prior is still inside p."),
        (
            lambda p, old, new: (p * old / new) / (p * old / new).sum(-1, keepdims=True),
            "You have changed the prior the other way round.",
        ),
    ],
)
def check_change_prior(answer):
    r"""Another hospital.

    A classifier gives probabilities `p`, an array of the shape (n, K), and was trained where the classes had
    the shares `old`, an array (K,). Now it is used where they have the shares `new`, and within each class nothing has changed.
    Write `change_prior(p, old, new)`, the probabilities there.
    """

    def reference(p, old, new):
        odds = p * new / old
        return odds / odds.sum(axis=-1, keepdims=True)

    p = np.array([[0.5, 0.3, 0.2], [0.98, 0.01, 0.01], [0.1, 0.1, 0.8]])
    even, rare = np.full(3, 1 / 3), np.array([0.9, 0.08, 0.02])
    return same_function(answer, reference, [(p, even, rare), (p, rare, even), (p, rare, rare[::-1].copy())])


@exercise_for(
    "imbalance.3",
    stub="size = 32",
    hints=[
        "What is the chance that a batch of B examples has no positive at all?",
        "Solve (1 - π) to the power B ≤ 0.05 for B, and round up.",
    ],
    mistakes=[
        (51, "A batch of 51 holds one positive on average. In how many batches is there none?"),
        (3, "Look at your logarithms: one of them belongs to the positives. You need the chance of the others."),
        (203, "You have asked for at least one positive in more than 98 of 100 batches."),
    ],
)
def check_batch_size(answer):
    r"""How large a batch?

    One example in 51 is positive, and batches are drawn at random. What is the smallest batch size with which
    at least 95 of 100 batches hold a positive, on average?
    """
    size = int(answer)
    empty = (50 / 51) ** size
    if size != answer or size < 1:
        return Result(False, "enumerated", message=f"{answer} is no batch size")
    if empty > 0.05:
        return Result(
            False,
            "enumerated",
            1,
            empty,
            message=f"of 10000 batches of {size}, {10000 * empty:.0f} have no positive: more than 500",
        )
    smaller = (50 / 51) ** (size - 1)
    message = "" if smaller > 0.05 else f"{size} is enough, and so is {size - 1}"
    return Result(smaller > 0.05, "enumerated", 2, smaller, message=message)


@exercise_for(
    "imbalance.4",
    stub="""
        from lossbook.derive import m

        ratio = 1 / m
        """,
    hints=[
        "With n positives and m n negatives the variance is a sum of two fractions.",
        "With infinitely many negatives the second fraction is gone. Divide.",
    ],
    mistakes=[
        (1 / m, "This is what the negatives add. The positives keep their own share of the variance."),
        (m / (1 + m), "This is the ratio upside down: the precision that you keep."),
        (1 + m, "More negatives should lower the variance."),
    ],
)
def check_negatives(answer):
    r"""How many negatives?

    You keep all positives and draw $m$ negatives for each of them. By which factor is the variance of the
    estimated log-odds larger than with infinitely many negatives? Give a formula in `m`. What does it say for $m = 5$?
    """
    return same_formula(answer, 1 + 1 / m)


@exercise_for(
    "imbalance.5",
    stub="""
        probabilities = [0.6, 0.3, 0.1]
        costs = [[0, 1, 1], [1, 0, 1], [1, 1, 0]]
        answer = probabilities, costs
        """,
    hints=[
        "Deciding for class l costs, on average, the sum over k of the probability of k times costs[k][l].",
        "Make it very expensive to miss the class that is least probable.",
    ],
    mistakes=[
        (
            ([0.6, 0.3, 0.1], [[0, 1, 1], [1, 0, 1], [1, 1, 0]]),
            "With equal costs the most probable class is always the best decision. Change a row.",
        ),
        (
            ([0.6, 0.3, 0.1], [[0, 1, 9], [1, 0, 9], [1, 1, 0]]),
            "You have changed a column: it is expensive to decide for the last class. Make it expensive to miss it.",
        ),
        (
            ([0.6, 0.3, 0.1], [[0, 1, 1], [1, 0, 1], [9, 1, 0]]),
            "Missing the last class is expensive now, but only in one of two ways.",
        ),
    ],
)
def check_costs(answer):
    r"""The least probable decision.

    Give three probabilities that add up to 1, all different, and a 3 × 3 table of costs, with `costs[k][l]` for deciding `l` when
    `k` is true, zeros on the diagonal and all else between 1 and 100. The cheapest decision must be the *least* probable class.
    """
    p, costs = np.asarray(answer[0], float), np.asarray(answer[1], float)
    if p.shape != (3,) or costs.shape != (3, 3):
        return Result(False, "enumerated", message=f"the shapes are {p.shape} and {costs.shape}, not (3,) and (3, 3)")
    others = costs[~np.eye(3, dtype=bool)]
    if abs(p.sum() - 1) > 1e-9 or p.min() <= 0 or len(set(p)) < 3:
        return Result(False, "enumerated", message="the probabilities must be positive, different, and add up to 1")
    if np.diag(costs).any() or others.min() < 1 or others.max() > 100:
        return Result(False, "enumerated", message="the diagonal must be 0, and the other costs between 1 and 100")
    expected, least = p @ costs, int(np.argmin(p))
    gap = float(expected[least] - np.delete(expected, least).min())
    message = "" if gap < 0 else f"deciding for the least probable class costs {gap:.4g} more than the cheapest decision"
    return Result(gap < 0, "enumerated", 3, gap, expected.tolist(), message)
