"""Exercises of the chapter that goes from data to a decision."""

import numpy as np

from lossbook._result import Result
from lossbook._symbols import p
from lossbook.exercises import exercise_for, same_formula, same_function, same_number


@exercise_for(
    "decision.1",
    stub="""
        def thresholds(c_fn, c_fp, c_r):
            return 0.5, 0.5
        """,
    hints=[
        "Where does the expected cost of a discharge equal the price of a reading? And that of a biopsy?",
        "When the reading is too dear its zone is empty. Which two actions are left, and where do they meet?",
    ],
    mistakes=[
        (
            lambda c_fn, c_fp, c_r: (c_r / c_fn, 1 - c_r / c_fp),
            "Right as long as the reading is cheap. What happens when the lower threshold lies above the upper one?",
        ),
        (
            lambda c_fn, c_fp, c_r: (c_r / c_fp, 1 - c_r / c_fn),
            "A discharge goes wrong when there is a tumour. Which cost belongs to the lower threshold?",
        ),
        (
            lambda c_fn, c_fp, c_r: (c_fp / (c_fp + c_fn),) * 2,
            "This is the threshold of two actions. Here is a third one.",
        ),
    ],
)
def check_thresholds(answer):
    r"""Two thresholds.

    Write `thresholds(c_fn, c_fp, c_r)`: the pair of probabilities below which *discharge* and above which *biopsy* is the
    cheapest action, with the second reading in between. When the second reading is never the cheapest, both are the threshold
    of the two other actions.
    """

    def reference(c_fn, c_fp, c_r):
        low, high = c_r / c_fn, 1 - c_r / c_fp
        return (low, high) if low < high else (c_fp / (c_fp + c_fn),) * 2

    cases = [(20.0, 1.0, 0.3), (5.0, 2.0, 0.5), (20.0, 1.0, 2.0), (1.0, 1.0, 0.75)]
    return same_function(answer, reference, cases)


@exercise_for(
    "decision.2",
    stub="q = 0.015",
    hints=[
        "Write the expected cost of the reading: its price, and the cost of the tumours that it overlooks.",
        "Set it equal to 20 q and solve for q.",
    ],
    mistakes=[
        (0.3 / 22, "The overlooked tumours make the reading dearer. Have you put them on the right side?"),
        (0.3 / 2, "You have equated the price with the cost of the overlooked tumours. Compare with the discharge."),
    ],
)
def check_fallible_reader(answer):
    r"""A reader who errs.

    A missed tumour costs 20 and a second reading `0.3`, but the reader overlooks one tumour in ten, and the patient is then
    discharged. Below which probability `q` of a tumour is a discharge at once cheaper than the second reading? Four significant
    digits.
    """
    return same_number(answer, 1 / 60)


@exercise_for(
    "decision.3",
    stub="""
        loss = "(1 - p)**2 / 2"
        """,
    hints=[
        "A tumour with the forecast p pays 1 - t for each threshold t above p. Multiply by the weight of t.",
        "Integrate 6 t (1 - t)² from p to 1. At p = 1 the loss is zero, at p = 0 it is 1/2.",
    ],
    mistakes=[
        ("3*p**2 - 4*p**3 + 3*p**4/2", "You have integrated from 0 to p. Which thresholds send this tumour home?"),
        ("1 - 3*p**2 + 2*p**3", "This is the integral of the weight alone. What does a missed tumour cost at the threshold t?"),
    ],
)
def check_weighted_average(answer):
    r"""A loss made to measure.

    Costs are scaled to $c_{FP} = t$ and $c_{FN} = 1 - t$. A clinic expects the threshold $t$ to lie in the middle, with the
    density $6 t (1 - t)$ on $0 < t < 1$. What does a tumour with the forecast `p` cost on average? Give a formula in `p`, as
    text or in SymPy.
    """
    return same_formula(answer, (1 - 6 * p**2 + 8 * p**3 - 3 * p**4) / 2, given=[p > 0, p < 1])


def _mean_cost(forecast, y):
    act = forecast >= 1 / 21
    return float(np.mean(20 * y * ~act + (1 - y) * act))


@exercise_for(
    "decision.4",
    stub="""
        forecasts = ([0.5] * 6, [0.5] * 6)
        """,
    hints=[
        "Only the side of 1/21 decides the cost. Put one tumour a little below it in the first forecast.",
        "Then make the second forecast caution itself: everybody just above 1/21. What does cross-entropy say of it?",
    ],
    mistakes=[
        (
            ([0.9, 0.9, 0.1, 0.1, 0.1, 0.1], [0.5] * 6),
            "Both forecasts are above 1/21 everywhere, so they lead to the same biopsies.",
        ),
        (
            ([0.9, 0.001, 0.01, 0.01, 0.01, 0.01], [0.5] * 6),
            "The first one costs more, as it should, but it is so sure about one tumour that its cross-entropy suffers.",
        ),
    ],
)
def check_lower_loss_higher_cost(answer):
    r"""Break it.

    Six patients, the first two with a tumour; a missed tumour costs 20, a needless biopsy 1, and the threshold is $1/21$. Give
    two forecasts, six probabilities each, strictly between 0 and 1, such that the *first* has the smaller cross-entropy and yet
    the larger cost.
    """
    first, second = (np.asarray(part, float) for part in answer)
    y = np.array([1.0, 1, 0, 0, 0, 0])
    if first.shape != (6,) or second.shape != (6,):
        return Result(False, "enumerated", message="two forecasts of six probabilities each")
    if not all(((part > 0) & (part < 1)).all() for part in (first, second)):
        return Result(False, "enumerated", message="probabilities lie strictly between 0 and 1")
    entropy = [float(-np.mean(y * np.log(part) + (1 - y) * np.log1p(-part))) for part in (first, second)]
    paid = [_mean_cost(part, y) for part in (first, second)]
    ok = entropy[0] < entropy[1] and paid[0] > paid[1]
    message = f"cross-entropies {entropy[0]:.4g} and {entropy[1]:.4g}, costs {paid[0]:.4g} and {paid[1]:.4g}"
    return Result(ok, "enumerated", 6, paid[1] - paid[0], message="" if ok else message)


def _logit(share):
    return np.log(share / (1 - share))


@exercise_for(
    "decision.5",
    stub="""
        def cut(w_old, w_new, share_old, share_new):
            return 0.0
        """,
    hints=[
        "The logit of the weighted model is the true one plus log w_old. Write the true logit in the old population.",
        "In the new population the logit moves by the change of the prior log-odds. Act where it is at least -log(w_new).",
    ],
    mistakes=[
        (
            lambda w_old, w_new, share_old, share_new: np.log(w_old / w_new),
            "The costs are right. The new population is missing.",
        ),
        (
            lambda w_old, w_new, share_old, share_new: np.log(w_old / w_new) + _logit(share_new) - _logit(share_old),
            "Rarer tumours should raise the cut. Look at the sign of the prior log-odds.",
        ),
        (
            lambda w_old, w_new, share_old, share_new: -np.log(w_new) + _logit(share_old) - _logit(share_new),
            "This would be right for plain cross-entropy. Which constant do the weights add to the logit?",
        ),
    ],
)
def check_everything_changes(answer):
    r"""Everything changes.

    A model was trained with cross-entropy whose positive weight was `w_old`, on a population with the share `share_old` of
    tumours. Now a missed tumour costs `w_new` needless biopsies, and the share is `share_new`. Write
    `cut(w_old, w_new, share_old, share_new)`: the value of the model's logit from which on a biopsy is the cheaper one of the two
    actions.
    """

    def reference(w_old, w_new, share_old, share_new):
        return np.log(w_old / w_new) + _logit(share_old) - _logit(share_new)

    cases = [(20.0, 5.0, 0.37, 0.05), (1.0, 20.0, 0.5, 0.01), (3.0, 100.0, 0.2, 0.4)]
    return same_function(answer, reference, cases)
