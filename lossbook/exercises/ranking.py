"""Exercises of the chapter on ranking and choice."""

import math
from itertools import pairwise

import numpy as np
from scipy.special import expit, log_expit, softmax

from lossbook._result import Result
from lossbook._symbols import Z
from lossbook.check.ranking import ndcg
from lossbook.exercises import exercise_for, same_formula, same_function, same_number
from lossbook.ranking import listmle, pairwise_logistic


def _order_probability(scores):
    return float(np.exp(-listmle(scores, -np.arange(len(scores)))))


@exercise_for(
    "order.1",
    stub="""
        def order_probability(scores):
            return 1.0
        """,
    hints=[
        "The first place is a choice among all items, the second a choice among those that are left.",
        "Multiply softmax probabilities, each over scores[i:], and subtract the largest score before you take exp.",
    ],
    mistakes=[
        (lambda s: float(np.prod(softmax(s))), "An item that has been placed is no longer there to be chosen."),
        (
            lambda s: float(np.prod([softmax(s[: i + 1])[-1] for i in range(len(s))])),
            "You choose the item for each place among those before it. Who is left to be chosen at the first place?",
        ),
        (
            lambda s: float(np.prod([1 / (1 + np.exp(b - a)) for a, b in pairwise(s)])),
            "A product over neighbouring pairs: its sum over all orders is not 1. The choice is among all that are left.",
        ),
    ],
)
def check_order_probability(answer):
    r"""The probability of an order.

    Write `order_probability(scores)`: Plackett and Luce's probability that the items come out in exactly the order in which
    their scores are given, the first item first. The scores are an array; some of them may be large, like 800.
    """
    cases = [np.array([0.3, -0.2, 1.0]), np.array([1.0, 0.0]), np.zeros(4), np.array([800.0, 799.0, 0.0])]
    return same_function(answer, _order_probability, [(case,) for case in cases])


@exercise_for(
    "order.2",
    stub="probability = 0.5",
    hints=[
        "Under Bradley and Terry the log-odds of a duel is a difference of scores. Differences add up.",
        "So odds multiply: the odds of A against B are 3 to 1, those of B against C are 2 to 1.",
    ],
    mistakes=[
        (0.75 * 2 / 3, "You multiplied the probabilities. Which quantity is additive in the scores?"),
        (
            (0.75 + 2 / 3) / 2,
            "An average lies between the two probabilities. Should A not have it easier against C than against B?",
        ),
        (6.0, "These are the odds of A against C. Turn them into a probability."),
    ],
)
def check_two_duels(answer):
    r"""Two duels make a third.

    A beats B with probability $3/4$, and B beats C with probability $2/3$. With which probability does A beat C, if Bradley
    and Terry are right? Give the number to four digits.
    """
    return same_number(answer, 6 / 7)


@exercise_for(
    "order.3",
    stub="""
        gradient = "exp(Z[2])/(exp(Z[1]) + exp(Z[2]) + exp(Z[3])) - 1"
        """,
    hints=[
        "Write the loss as a sum over the places: LSE of the items that are left, minus the score of the item that is chosen.",
        "Item 2 is a candidate for the first place and for the second one. Both terms depend on its score.",
    ],
    mistakes=[
        ("exp(Z[2])/(exp(Z[1]) + exp(Z[2]) + exp(Z[3])) - 1", "This is softmax cross-entropy. Item 2 takes part in two choices."),
        (
            "exp(Z[2])/(exp(Z[2]) + exp(Z[3])) - 1",
            "This is the second choice alone. Item 2 was a candidate for the first place, too.",
        ),
        (
            "exp(Z[2])/(exp(Z[1]) + exp(Z[2]) + exp(Z[3])) + exp(Z[2])/(exp(Z[2]) + exp(Z[3])) - 2",
            "Both choices are there. But how often is item 2 chosen?",
        ),
    ],
)
def check_listmle_gradient(answer):
    r"""A gradient over two choices.

    Three items with scores $z_1, z_2, z_3$ came out in the order 1, 2, 3. Give the derivative of ListMLE with respect to
    $z_2$, as a text in SymPy's notation, `Z[1]`, `Z[2]` and `Z[3]` being the scores.
    """
    from sympy import exp, log

    a, b, c = (exp(Z[i]) for i in (1, 2, 3))
    loss = log(a + b + c) - Z[1] + log(b + c) - Z[2]
    return same_formula(answer, loss.diff(Z[2]))


_RELEVANCE = np.array([2.0, 1.0, 1.0, 0.0, 0.0])


@exercise_for(
    "order.4",
    stub="""
        before = [3, 2, 2, 1, 1]
        after = [3, 2, 2, 1, 1]
        scores = (before, after)
        """,
    hints=[
        "NDCG@1 looks at the first place alone, the pairwise loss at all eight pairs. How many of them hold the best item?",
        "Begin with the best item first and the others in the wrong order; then repair the many pairs, and give up the top.",
    ],
    mistakes=[
        (
            ([3, 2, 2, 1, 1], [3, 2, 2, 1, 1]),
            "Nothing has changed between the two. Begin with a bad order below the first place.",
        ),
        (
            ([3, 2, 2, 1, 1], [1, 2, 2, 3, 3]),
            "The NDCG fell, and the loss rose: you began with the best order. Begin with a poor one.",
        ),
        (
            ([1, 1, 1, 3, 3], [3, 2, 2, 1, 1]),
            "The loss fell, and the NDCG rose, as one would hope. Let the first place be right at first.",
        ),
    ],
)
def check_loss_and_ndcg_fall(answer):
    r"""Both fall.

    Five items have the relevances 2, 1, 1, 0, 0. Give two lists of scores, `before` and `after`, without ties at the first
    place, such that from the first to the second the pairwise logistic loss (summed over all pairs of different relevance)
    *falls*, and NDCG@1 *falls* as well.
    """
    before, after = (np.asarray(part, float) for part in answer)
    if before.shape != (5,) or after.shape != (5,):
        return Result(
            False, "enumerated", message=f"five scores each, please; yours have the shapes {before.shape}, {after.shape}"
        )
    for part in (before, after):
        if np.sum(part == part.max()) > 1:
            return Result(False, "enumerated", witness=part.tolist(), message="the largest score must be that of one item alone")
    i, j = np.nonzero(_RELEVANCE[:, None] > _RELEVANCE)
    loss = [float(pairwise_logistic(s[i], s[j], reduction="sum")) for s in (before, after)]
    gain = [ndcg(s, _RELEVANCE, 1) for s in (before, after)]
    ok = loss[1] < loss[0] and gain[1] < gain[0]
    message = "" if ok else f"the loss goes from {loss[0]:.4g} to {loss[1]:.4g}, NDCG@1 from {gain[0]:.4g} to {gain[1]:.4g}"
    return Result(ok, "enumerated", 2, loss[1] - loss[0], message=message)


def _corn_probabilities(logits):
    reached = np.cumsum(np.concatenate([np.zeros_like(logits[:, :1]), log_expit(logits)], axis=1), axis=1)
    stay = np.concatenate([log_expit(-logits), np.zeros_like(logits[:, :1])], axis=1)
    return np.exp(reached + stay)


def _differences(beyond):
    ones = np.ones_like(beyond[:, :1])
    return np.concatenate([ones, beyond], axis=1) - np.concatenate([beyond, 0 * ones], axis=1)


@exercise_for(
    "order.5",
    stub="""
        def class_probabilities(logits):
            return np.full((len(logits), logits.shape[1] + 1), 1 / (logits.shape[1] + 1))
        """,
    hints=[
        "To end in class k you must pass the steps before it, and then stop. Which sigmoids are passed, and which one is not?",
        "Take the cumulative product of the sigmoids. Class k has the product up to k, times one minus the next sigmoid.",
    ],
    mistakes=[
        (lambda z: _differences(expit(z)), "This reads the logits as CORAL's, P(y > k). Those of CORN are conditional."),
        (
            lambda z: softmax(np.concatenate([z, 0 * z[:, :1]], axis=1), axis=1),
            "A softmax knows no order. Each logit is a question of its own: higher still?",
        ),
        (
            lambda z: np.concatenate([1 - expit(z), expit(z[:, -1:])], axis=1),
            "A class is reached only if the steps before it were passed. Do your rows sum to 1?",
        ),
    ],
)
def check_corn_probabilities(answer):
    r"""From questions to classes.

    The logits of CORN say $\sigma(z_k) = P(y > k \mid y \ge k)$. Write `class_probabilities(logits)` that turns logits of shape
    `(n, K - 1)` into the probabilities of the classes, `(n, K)`.
    """
    cases = [np.array([[0.4, -1.0], [2.0, 3.0]]), np.array([[0.0, 0.5, -2.0, 1.0]]), np.array([[800.0, -800.0, 0.0]])]
    result = same_function(answer, _corn_probabilities, [(case,) for case in cases], atol=1e-9)
    if result and not math.isclose(float(np.sum(answer(cases[1]))), 1, rel_tol=1e-9):
        return Result(False, "verified", message="the probabilities do not sum to 1")
    return result
