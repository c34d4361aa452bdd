"""Exercises of the chapter "Audit your own loss"."""

import numpy as np

from lossbook._result import Result
from lossbook.exercises import exercise_for, same_function


def _shares(counts):
    return counts / counts.sum()


@exercise_for(
    "audit.1",
    stub="""
        def weights(counts):
            return np.ones(len(counts))
        """,
    hints=[
        "Write the mean of the whole batch as one fraction. What does a micro-batch add to its numerator?",
        "A micro-batch with the mean m and c tokens adds c m to the sum, and the sum is divided by all tokens.",
    ],
    mistakes=[
        (lambda counts: np.ones(len(counts)) / len(counts), "This is the mean of the means, which the audit warned of."),
        (lambda counts: counts.copy(), "These weights give the sum of the losses: what is missing is the division."),
        (lambda counts: counts.sum() / counts, "A short micro-batch should count less, not more."),
    ],
)
def check_weights(answer):
    r"""The weights of micro-batches.

    A batch is cut into micro-batches with `counts` tokens that are not padding, an array. Each has the mean loss $m_k$ of its own
    tokens. Write `weights(counts)`, the weights $w_k$ with which $\sum_k w_k m_k$ is the mean over all tokens of the batch."""
    cases = [(np.array([5.0, 3.0]),), (np.array([100.0, 10.0, 1.0]),), (np.array([4.0, 4.0, 4.0, 4.0]),)]
    return same_function(answer, _shares, cases)


def _stable(z, gamma):
    import torch.nn.functional as F

    return (gamma * F.logsigmoid(-z)).exp() * F.softplus(-z)


def _plain_power(z, gamma):
    import torch.nn.functional as F

    return (1 - z.sigmoid()) ** gamma * F.softplus(-z)


def _sigmoid_of_minus(z, gamma):
    import torch.nn.functional as F

    return (-z).sigmoid() ** gamma * F.softplus(-z)


def _with_epsilon(z, gamma):
    import torch.nn.functional as F

    return (1 - z.sigmoid()).clamp(min=1e-12) ** gamma * F.softplus(-z)


@exercise_for(
    "audit.2",
    stub="""
        def focal(z, gamma):
            return torch.nn.functional.softplus(-z)
        """,
    hints=[
        "The factor is the probability of the other class to the power gamma. What is its logarithm?",
        "log(1 - σ(z)) = log σ(-z), and F.logsigmoid computes it for every finite score.",
    ],
    mistakes=[
        (_plain_power, "1 - σ(z) is exactly 0 from z = 37 on, and a power below 1 has no slope there."),
        (
            _sigmoid_of_minus,
            "Much better: σ(-z) is exactly 0 only from about z = 745 on. Can you avoid the power of a 0 altogether?",
        ),
        (_with_epsilon, "The clamp changes the value itself where the score is large, and cuts the gradient of the factor."),
    ],
)
def check_focal(answer):
    r"""A power without a zero.

    Write `focal(z, gamma)` in PyTorch: $(1 - \sigma(z))^\gamma$ times $\operatorname{softplus}(-z)$, the focal loss of the right
    class with the score `z`, one value per score. Value and gradient must be right to six digits for scores from $-50$ to
    $10\,000$, for $\gamma = 1/2$, too. You may use `torch` and `torch.nn.functional` as `F`."""
    import torch

    points = 0
    for gamma in (0.5, 2.0):
        for score in (-50.0, -2.0, 0.0, 1.5, 40.0, 1e4):
            z = torch.tensor([score], dtype=torch.float64, requires_grad=True)
            found, wanted = answer(z, gamma), _stable(z, gamma)
            slopes = [torch.autograd.grad(value.sum(), z)[0].item() for value in (found, wanted)]
            pairs = {"gradient": tuple(slopes), "value": (found.sum().item(), wanted.item())}
            for what, (got, want) in pairs.items():
                points += 1
                if not abs(got - want) <= 1e-6 * abs(want):
                    place = f"z = {score:g}, gamma = {gamma:g}"
                    return Result(False, "verified", points, witness=score, message=f"at {place} your {what} is {got:.4g}")
    return Result(True, "verified", points)


def _pinball(tau):
    return lambda pred, target: np.mean(np.maximum(tau * (target - pred), (tau - 1) * (target - pred)))


LOSSES = {
    "the pinball loss with tau = 0.9": (_pinball(0.9), True),
    "its mirror image": (_pinball(0.1), False),
    "the pinball loss with tau = 0.75": (_pinball(0.75), False),
    "the absolute error": (lambda pred, target: np.mean(np.abs(pred - target)), False),
    "the squared error": (lambda pred, target: np.mean((pred - target) ** 2), False),
}
_SKEWED = -np.log1p(-(np.arange(400) + 0.5) / 400)


def _best(loss):
    return _SKEWED[np.argmin([loss(np.full_like(_SKEWED, c), _SKEWED) for c in _SKEWED])]


def _low_is_dearer(loss):
    return bool(loss(np.array([-1.0]), np.array([0.0])) > loss(np.array([1.0]), np.array([0.0])))


@exercise_for(
    "audit.3",
    stub="""
        def estimates_it(loss):
            return True
        """,
    hints=[
        "No batch of two or three examples shows it. Which constant is best for a whole sample?",
        "Try each target of a skewed sample as the constant, and ask which share of the targets lies below the best one.",
    ],
    mistakes=[
        (_low_is_dearer, "This finds the mirror image. But too low is dearer for every level above one half."),
        (
            lambda loss: bool(_best(loss) > np.median(_SKEWED)),
            "Above the median is not enough: the mean of a skewed sample is, too.",
        ),
        (lambda loss: bool(np.isclose(_best(loss), np.median(_SKEWED))), "The 90 % quantile is not the median."),
    ],
)
def check_estimates(answer):
    """The test that was missing.

    Write `estimates_it(loss)`, which is `True` if the best constant prediction under `loss` is the 90 % quantile of the targets,
    and `False` otherwise. `loss(pred, target)` takes two NumPy arrays of one shape and returns a number. You may use NumPy as
    `np`."""
    wrong = [name for name, (loss, right) in LOSSES.items() if bool(answer(loss)) != right]
    if wrong:
        message = f"your test misjudges {len(wrong)} of {len(LOSSES)} losses, the first of them {wrong[0]}"
        return Result(False, "verified", len(LOSSES), worst=float(len(wrong)), witness=tuple(wrong), message=message)
    return Result(True, "verified", len(LOSSES))
