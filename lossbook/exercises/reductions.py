"""Exercises of the chapter on reductions."""

import numpy as np

from lossbook._result import Result
from lossbook._symbols import p, w
from lossbook.exercises import exercise_for, same_formula, same_function, same_number


@exercise_for(
    "reduction.1",
    stub="C = 1.0",
    hints=[
        "First turn the mean into a sum with the exchange rate. Which penalty belongs to the sum?",
        "Divide the whole objective by the factor of the penalty, so that only one half is left before the squares.",
    ],
    mistakes=[
        (500.0, "This is 1 / λ. The loss of scikit-learn is a sum: how many examples does it add up?"),
        (1.6, "This is n λ, the penalty that belongs to the sum. C stands at the other term."),
        (400_000.0, "You have multiplied by n where the exchange rate divides."),
    ],
)
def check_exchange_rate(answer):
    r"""The exchange rate.

    A logistic regression on $n = 800$ examples minimises the *mean* loss plus $\frac{\lambda}{2}\lVert\theta\rVert^2$ with
    $\lambda = 0.002$. Which `C` gives the same weights in scikit-learn, which minimises
    $C \sum_i \ell_i + \frac12 \lVert\theta\rVert^2$?
    """
    return same_number(answer, 1 / (800 * 0.002))


def _epoch_mean(means, counts):
    held = counts > 0
    return np.sum(means[held] * counts[held]) / np.sum(counts)


@exercise_for(
    "reduction.2",
    stub="""
        def epoch_mean(means, counts):
            return np.mean(means)
        """,
    hints=[
        "What is the sum of the losses of a batch, if you know its mean and its count?",
        "A batch without valid tokens has the mean nan and the count 0, and 0 times nan is nan.",
    ],
    mistakes=[
        (
            lambda means, counts: np.mean(means),
            "Every batch has the same share here. A batch of 5 should not count as much as one of 64.",
        ),
        (
            lambda means, counts: np.sum(means * counts) / np.sum(counts),
            "Right for batches that hold something. What is 0 times nan?",
        ),
        (lambda means, counts: np.nansum(means * counts) / len(means), "The sum is right. By what do you divide it?"),
    ],
)
def check_epoch_mean(answer):
    """The mean of an epoch.

    A training loop has stored the mean loss of each batch and how many valid tokens it had, two NumPy arrays. Write
    `epoch_mean(means, counts)`: the mean over all valid tokens of the epoch. A batch may have had none; then its mean is nan. At
    least one batch had some.
    """
    cases = [
        (np.array([0.7, 0.3, 2.5]), np.array([64, 64, 5])),
        (np.array([1.0, np.nan, 3.0]), np.array([3, 0, 1])),
        (np.array([0.25]), np.array([7])),
    ]
    return same_function(answer, _epoch_mean, cases)


def _masked_gradient(pred, target, valid):
    slope = np.zeros_like(pred)
    slope[valid] = 2 * (pred[valid] - target[valid]) / valid.sum()
    return slope


@exercise_for(
    "reduction.3",
    stub="""
        def masked_gradient(pred, target, valid):
            return 2 * (pred - target) * valid / len(pred)
        """,
    hints=[
        "The masked entries may be nan or infinite. Multiplying them by 0 does not remove them.",
        "Start from an array of zeros and fill in the valid entries only. Divide by how many there are.",
    ],
    mistakes=[
        (
            lambda pred, target, valid: np.where(valid, 2 * (pred - target), 0.0) / len(pred),
            "The mask works. But the mean divides by the padded length.",
        ),
        (
            lambda pred, target, valid: 2 * (pred - target) * valid / valid.sum(),
            "The divisor is right. What is nan times 0?",
        ),
        (
            lambda pred, target, valid: np.where(valid, 2 * (pred - target), 0.0),
            "This is the gradient of the sum.",
        ),
    ],
)
def check_masked_gradient(answer):
    """A mask that holds.

    Write `masked_gradient(pred, target, valid)`: the gradient of the mean squared error over the valid entries, with respect to
    `pred`. All three are arrays of one length. `valid` is boolean and somewhere True; where it is False, `pred` and `target` may
    hold anything, also nan.
    """
    cases = [
        (np.array([1.0, 2.0, 4.0]), np.array([0.0, 3.0, 1.0]), np.array([True, False, True])),
        (np.array([1.0, np.nan, -2.0, np.inf]), np.array([0.5, 0.0, 1.0, np.inf]), np.array([True, False, True, False])),
    ]
    return same_function(answer, _masked_gradient, cases)


@exercise_for(
    "reduction.4",
    stub="""
        from lossbook.derive import p

        share = p
        """,
    hints=[
        "A batch of three holds 0, 1, 2 or 3 heavy examples. How probable is each, and what is the share then?",
        "With two heavy examples, the share of their class is 2w / (2w + 1), and there are three orders.",
    ],
    mistakes=[
        (
            p * w / (p * w + 1 - p),
            "This is the share in the full data, the ratio of the averages. You need the average of the ratios.",
        ),
        (p**2 + 2 * p * (1 - p) * w / (w + 1), "This is the share for two examples."),
        (
            p**3 + p**2 * (1 - p) * 2 * w / (2 * w + 1) + p * (1 - p) ** 2 * w / (w + 2),
            "The four shares are right. In how many orders can one heavy example stand among three?",
        ),
    ],
)
def check_share_of_three(answer):
    """Three examples.

    A class of frequency `p` has the weight `w`, the other class the weight 1. Each batch holds three random examples, and its
    loss is divided by the sum of its weights. What is the expected share of the heavy class? Give a formula in `p` and `w`, as
    text or as a SymPy expression with the letters of `lossbook.derive`.
    """
    target = p**3 + 3 * p**2 * (1 - p) * 2 * w / (2 * w + 1) + 3 * p * (1 - p) ** 2 * w / (w + 2)
    return same_formula(answer, target)


@exercise_for(
    "reduction.5",
    stub="parts = [[1.0, 0.0], [0.0, 0.0]]",
    hints=[
        "The error of the mean of means is largest where the counts and the means of the parts differ most.",
        "How many micro-batches with the mean 1 do you need beside one with the mean 0, and how many tokens may they hold?",
    ],
    mistakes=[
        ([[1.0], [0.0] * 99], "One part against one part gives a mean of means of one half. Use more parts."),
        (
            [[1.0] * 50, [1.0] * 25, [0.0] * 25],
            "The mean of means is high, but so is the mean over the tokens. Make the high parts small.",
        ),
        ([[1.0], [1.0], [0.0] * 10], "The idea is right. The token mean must become smaller still."),
    ],
)
def check_break_the_mean(answer):
    """Break it.

    Give micro-batches, a list of lists of token losses between 0 and 1, with at most 100 tokens in all, whose mean of means is
    at least `0.6` while the mean over all tokens is at most `0.05`.
    """
    parts = [np.asarray(part, float) for part in answer]
    tokens = np.concatenate(parts)
    if any(len(part) == 0 for part in parts) or len(tokens) > 100 or not ((tokens >= 0) & (tokens <= 1)).all():
        return Result(False, "enumerated", message="between 1 and 100 losses from 0 to 1, and no empty part, are allowed")
    of_means, of_tokens = float(np.mean([part.mean() for part in parts])), float(tokens.mean())
    held = of_means >= 0.6 - 1e-12 and of_tokens <= 0.05 + 1e-12
    message = "" if held else f"the mean of the means is {of_means:.4g}, the mean over the tokens {of_tokens:.4g}"
    return Result(held, "enumerated", len(tokens), of_means, message=message)
