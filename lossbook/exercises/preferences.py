"""Exercises of the chapter on preferences and policies."""

import numpy as np
from sympy import exp

from lossbook._result import Result
from lossbook._symbols import beta, p, z1, z2
from lossbook._xp import log_softmax
from lossbook.exercises import exercise_for, same_formula, same_function, same_number
from lossbook.preference import dpo, dpo_gradient


def _two_pairs():
    """Per-token log-probabilities (2, N, T) of policy and reference, and a mask; what is masked out holds other numbers."""
    rng = np.random.default_rng(0)
    policy, reference = -rng.exponential(1.0, (2, 2, 3, 5))
    mask = np.arange(5) < np.array([[5, 3, 1], [2, 5, 4]])[..., None]  # (2, N, T)
    return policy, reference, mask


def _token_dpo(policy, reference, mask, beta):
    now, before = np.where(mask, policy, 0.0).sum(-1), np.where(mask, reference, 0.0).sum(-1)
    return dpo(*now, *before, beta=beta, reduction="none")


@exercise_for(
    "preference.1",
    stub='best = "sigmoid((z1 - z2) / beta)"',
    hints=[
        "The best policy multiplies each probability of the reference by the exponential of its reward over β, and divides by Z.",
        "Divide the numerator and the denominator by the exponential of the first reward over β.",
    ],
    mistakes=[
        (p * exp((z1 - z2) / beta), "This is the numerator only: the two probabilities do not add up to 1 yet."),
        (p / (p + (1 - p) * exp(-beta * (z1 - z2))), "β is a price: the larger it is, the less the policy may move."),
        (p / (p + (1 - p) * exp((z1 - z2) / beta)), "The better the first answer, the likelier it must become."),
    ],
)
def check_two_answers(answer):
    r"""Two answers.

    A prompt has two possible answers, with rewards $z_1$ and $z_2$. The reference gives the first one the probability $p$. Which
    probability does the policy that maximises the mean reward minus $\beta$ times the divergence from the reference give it?
    Write it as text, in `p`, `z1`, `z2`, `beta`, with `exp`, or as a SymPy expression in the letters of `lossbook.derive`.
    """
    return same_formula(answer, p / (p + (1 - p) * exp(-(z1 - z2) / beta)), given=[p < 1])


@exercise_for(
    "preference.2",
    stub="""
        def dpo_of_tokens(policy, reference, mask, beta):
            return np.log(2) * np.ones(policy.shape[1])
        """,
    hints=[
        "First sum the log-probabilities of the tokens that count: of chosen and rejected, under policy and reference.",
        "Then take the four sums to lossbook.dpo with reduction none.",
    ],
    mistakes=[
        (
            lambda policy, reference, mask, beta: dpo(*policy.sum(-1), *reference.sum(-1), beta=beta, reduction="none"),
            "Padding counts in your sums. Where is the mask?",
        ),
        (
            lambda policy, reference, mask, beta: dpo(
                *((policy * mask).sum(-1) / mask.sum(-1)),
                *((reference * mask).sum(-1) / mask.sum(-1)),
                beta=beta,
                reduction="none",
            ),
            "The log-probability of an answer is the sum over its tokens. You took the mean, as SimPO does.",
        ),
        (
            lambda policy, reference, mask, beta: _token_dpo(policy[::-1], reference[::-1], mask[::-1], beta),
            "Chosen and rejected have changed places, or a sign is wrong: the loss must fall when the chosen answer gains.",
        ),
        (
            lambda policy, reference, mask, beta: _token_dpo(policy, 0 * reference, mask, beta),
            "What is compared is how far the policy has moved. From where?",
        ),
    ],
)
def check_tokens(answer):
    r"""Tokens and padding.

    Write `dpo_of_tokens(policy, reference, mask, beta)`. The first two arrays have the shape `(2, N, T)`: the log-probability of
    each token, of the chosen answers (index 0) and of the rejected ones (index 1). `mask` has that shape too, and is false for
    padding. Return DPO's loss of each of the `N` pairs.
    """
    policy, reference, mask = _two_pairs()
    return same_function(answer, _token_dpo, [(policy, reference, mask, 0.1), (policy, reference, mask, 2.0)])


@exercise_for(
    "preference.3",
    stub="rate = 0.25",
    hints=[
        "Dividing by the standard deviation multiplies the gradient by its inverse. What is the deviation of a coin with rate p?",
        "p (1 - p) = 1/16 is a quadratic equation. It has two roots.",
    ],
    mistakes=[
        (1 / 16, "Close: the variance of a coin is not p but p (1 - p)."),
        ((1 + np.sqrt(3) / 2) / 2, "That is an easy prompt with the same factor. The one below one half was asked for."),
        ((1 - np.sqrt(1 - 4 / 256)) / 2, "The variance is divided by this, you say. It is the deviation, its root."),
    ],
)
def check_hard_prompt(answer):
    r"""A hard prompt.

    Answers to a prompt are right (reward 1) with probability $p$, else wrong (reward 0). At which $p < \frac12$ does the division
    of the advantages by the standard deviation make the gradient of this prompt 4 times as large? Give four digits.
    """
    return same_number(answer, (1 - np.sqrt(3) / 2) / 2, rtol=1e-3)


@exercise_for(
    "preference.4",
    stub="third = (0.0, 0.0)",
    hints=[
        "A small step moves the state along the difference of the chosen and the rejected answer. Which logit rises most?",
        "The chosen answer falls if its own logit rises by less than the mean rise of the three.",
    ],
    mistakes=[
        ((1.0, 0.0), "A copy of the chosen answer rises with it, no faster. Go further along the difference."),
        ((3.0, 0.0), "You are exactly at the border: the mean rise equals the rise of the chosen answer."),
        ((-3.0, 3.0), "This answer lies along the difference, but on the side of the rejected one."),
    ],
)
def check_third_answer(answer):
    r"""The third answer.

    A model has three answers with the logits $\langle a, h \rangle$; only the state $h$ is trained, and it starts at $(0, 0)$.
    The chosen answer is $a = (1, 0)$, the rejected one $a = (0, 1)$. Give a third answer $(x, y)$ with $|x|, |y| \le 3$ for which
    the first small step of DPO makes the *chosen* answer less likely.
    """
    third = np.array([float(part) for part in answer])
    if third.shape != (2,) or not np.all(np.abs(third) <= 3):
        return Result(False, "verified", message=f"{third.tolist()} is not a pair of numbers between -3 and 3")
    answers = np.array([[1.0, 0.0], [0.0, 1.0], third])
    before = log_softmax(answers @ np.zeros(2))
    chosen, rejected = (float(slope[0]) for slope in dpo_gradient(*(np.array([before[0]]) for _ in range(4))))
    mean = np.exp(before) @ answers
    state = -1e-4 * (chosen * (answers[0] - mean) + rejected * (answers[1] - mean))
    rise = float(log_softmax(answers @ state)[0] - before[0]) / 1e-4
    fell = rise < -1e-4
    message = "" if fell else f"with {third.tolist()} the chosen answer changes at the rate {rise:.2g}"
    return Result(fell, "verified", 1, rise, message=message)
