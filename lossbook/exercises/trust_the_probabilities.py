"""Exercises of the chapter on calibration and proper scores."""

import numpy as np
from sympy import diff

from lossbook._result import Result
from lossbook._symbols import p
from lossbook.exercises import exercise_for, same_formula, same_function


@exercise_for(
    "trust.1",
    stub="""
        def act_from(cost_missed, cost_alarm):
            return 0.5
        """,
    hints=[
        "Write down the expected cost of acting and of not acting, for a probability p.",
        "Acting costs (1 - p) times the alarm, not acting p times the miss. At which p are they equal?",
    ],
    mistakes=[
        (
            lambda missed, alarm: missed / (missed + alarm),
            "With an expensive miss you would now act later. Which cost belongs in the numerator?",
        ),
        (
            lambda missed, alarm: alarm / missed,
            "Nearly right when a miss costs far more. But acting is free where the event happens: weigh the alarm by 1 - p.",
        ),
    ],
)
def check_act_from(answer):
    r"""A threshold from costs.

    Missing an event costs `cost_missed`; a false alarm costs `cost_alarm`; right decisions cost nothing. Write
    `act_from(cost_missed, cost_alarm)`: the probability of the event from which on acting is the cheaper choice.
    """
    return same_function(answer, lambda missed, alarm: alarm / (missed + alarm), [(10_000.0, 500.0), (1.0, 1.0), (3.0, 12.0)])


@exercise_for(
    "trust.2",
    stub='loss_of_event = "p * (1 - p) * (2 - p)"',
    hints=[
        "The loss where the event happens is the height of the tangent at q = 1.",
        "The tangent at p has the height H(p) + (q - p) H'(p). Put q = 1 and factor.",
    ],
    mistakes=[
        (
            p * (1 - p) * (2 - p) - p * diff(p * (1 - p) * (2 - p), p),
            "This is where the tangent meets q = 0: the loss where the event does not happen.",
        ),
        (
            p * (1 - p) * (2 - p) - (1 - p) * diff(p * (1 - p) * (2 - p), p),
            "Right terms, wrong sign: the tangent goes from p to 1, so q - p is positive.",
        ),
    ],
)
def check_loss_from_a_hill(answer):
    r"""A loss from a hill.

    $H(p) = p\,(1 - p)\,(2 - p)$ is concave on $[0, 1]$ and zero at both ends. Which loss does its proper score charge for the
    forecast $p$ where the event happens? Give a formula in `p`, as SymPy or as text.
    """
    hill = p * (1 - p) * (2 - p)
    return same_formula(answer, hill + (1 - p) * diff(hill, p), given=[p < 1])


@exercise_for(
    "trust.3",
    stub="""
        def truth(p):
            return p
        """,
    hints=[
        "Expected loss: q (1 - p)³ + (1 - q) p³. Where is its slope in p zero?",
        "The slope is zero where q (1 - p)² = (1 - q) p². Solve for q.",
    ],
    mistakes=[
        (
            lambda p: np.sqrt(p) / (np.sqrt(p) + np.sqrt(1 - p)),
            "This is the map from the truth to the forecast. You are asked for the way back.",
        ),
        (lambda p: p**3 / (p**3 + (1 - p) ** 3), "You have compared the losses. At the optimum their slopes balance."),
    ],
)
def check_truth(answer):
    r"""Read the truth off a wrong loss.

    A model was trained with the loss $|p - y|^3$ on so many data that it sits at the optimum of the expected loss, for every
    input. Write `truth(p)`: the probability of the event where this model says `p`. (`p` is an array.)
    """
    cases = [(np.array([0.5, 0.6, 0.9]),), (np.linspace(0.01, 0.99, 25),)]
    return same_function(answer, lambda said: said**2 / (said**2 + (1 - said) ** 2), cases)


@exercise_for(
    "trust.4",
    stub="""
        def with_new_prior(p, old, new):
            return p
        """,
    hints=[
        "By Bayes' rule a posterior is proportional to prior times likelihood, and the likelihood has not changed.",
        "Divide by the old prior, multiply by the new one, and make each row sum to 1 again.",
    ],
    mistakes=[
        (
            lambda p, old, new: p * new / np.sum(p * new, axis=-1, keepdims=True),
            "The old prior is still inside p. Take it out first.",
        ),
        (
            lambda p, old, new: p * old / new / np.sum(p * old / new, axis=-1, keepdims=True),
            "The classes that have become more frequent should gain.",
        ),
        (lambda p, old, new: p * new / old, "Right up to a factor: do your rows sum to 1?"),
    ],
)
def check_with_new_prior(answer):
    r"""A new population.

    A classifier was calibrated where the classes had the frequencies `old` (K,). It is used where they have the frequencies
    `new` (K,), and within each class nothing has changed. Write `with_new_prior(p, old, new)` for probabilities `p` (n, K).
    """

    def right(stated, old, new):
        moved = stated * new / old
        return moved / moved.sum(axis=-1, keepdims=True)

    stated = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [1 / 3, 1 / 3, 1 / 3]])
    priors = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.1, 0.8])
    return same_function(answer, right, [(stated, *priors), (stated, *priors[::-1])])


@exercise_for(
    "trust.5",
    stub="forecasts = [0.9, 0.9, 0.9, 0.9], [0.8, 0.8, 0.8, 0.8]",
    hints=[
        "Brier stops counting when a mistake is confident; cross-entropy does not. Give the first forecaster one such mistake.",
        "Give the first forecaster three excellent forecasts and one terrible one, and the second four middling ones.",
    ],
    mistakes=[
        (([0.8] * 4, [0.9] * 4), "Here the second forecaster is better on every day, so every proper score agrees."),
        (
            ([0.99, 0.99, 0.99, 0.02], [0.8] * 4),
            "The right idea, but the one mistake is so costly that Brier, too, prefers the second. Make the second worse.",
        ),
        (
            ([0.9, 0.9, 0.9, 0.3], [0.4] * 4),
            "Now the first wins under both. Make its mistake more confident, or the second better.",
        ),
    ],
)
def check_reversed(answer):
    r"""Two judges disagree.

    It rains on four days. Give two lists of four stated probabilities of rain, `(first, second)`, each between `0.01` and
    `0.99`, such that the first forecaster has the smaller mean Brier score and the second the smaller mean cross-entropy.
    """
    first, second = (np.asarray(part, float) for part in answer)
    if first.shape != (4,) or second.shape != (4,):
        return Result(
            False, "enumerated", message=f"two lists of four numbers, please; got the shapes {first.shape}, {second.shape}"
        )
    both = np.concatenate([first, second])
    if not ((both >= 0.01) & (both <= 0.99)).all():
        return Result(False, "enumerated", message="a probability lies outside [0.01, 0.99]", witness=both)
    brier = [float(np.mean(2 * (1 - said) ** 2)) for said in (first, second)]
    nats = [float(np.mean(-np.log(said))) for said in (first, second)]
    if brier[0] < brier[1] and nats[1] < nats[0]:
        return Result(True, "enumerated", 2)
    message = f"Brier: {brier[0]:.4g} and {brier[1]:.4g}; cross-entropy: {nats[0]:.4g} and {nats[1]:.4g}"
    return Result(False, "enumerated", 2, message=message)
