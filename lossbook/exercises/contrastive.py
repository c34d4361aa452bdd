"""Exercises of the chapter on contrastive losses."""

import numpy as np
from sympy import exp

from lossbook._result import Result
from lossbook._symbols import sigmoid, tau, z1, z2
from lossbook.exercises import exercise_for, same_formula, same_function


def _softmax(z):
    shares = np.exp(z - z.max())
    return shares / shares.sum()


def _forces(cosines, own, temperature):
    return (_softmax(cosines / temperature) - np.eye(len(cosines))[own]) / temperature


@exercise_for(
    "near.1",
    stub="""
        def forces(cosines, own, temperature):
            return np.zeros_like(cosines)
        """,
    hints=[
        "InfoNCE is a softmax cross-entropy. What are its logits?",
        "The gradient with respect to a logit is probability minus one-hot. One factor is missing on the way to the cosine.",
    ],
    mistakes=[
        (
            lambda cosines, own, temperature: _softmax(cosines / temperature) - np.eye(len(cosines))[own],
            "This is the gradient with respect to the logits. How do the logits depend on the cosines?",
        ),
        (
            lambda cosines, own, temperature: (np.eye(len(cosines))[own] - _softmax(cosines / temperature)) / temperature,
            "The sizes are right. A gradient points uphill: which sign has it for a negative?",
        ),
        (
            lambda cosines, own, temperature: (_softmax(cosines) - np.eye(len(cosines))[own]) / temperature,
            "The temperature belongs inside the softmax as well.",
        ),
    ],
)
def check_forces(answer):
    r"""The forces of one query.

    Write `forces(cosines, own, temperature)`: the gradient of InfoNCE for one query with respect to its cosines, an array of
    shape (K,), where `own` is the index of the partner. It must also work at a temperature of `0.001`.
    """
    rng = np.random.default_rng(0)
    cases = [(rng.uniform(-1, 1, size), own, t) for size, own, t in ((4, 0, 1.0), (5, 3, 0.1), (7, 6, 0.001))]
    return same_function(answer, _forces, cases)


@exercise_for(
    "near.2",
    stub="least = 0.0",
    hints=[
        "How many partners has an image in a group of two? In a group of nine?",
        "The least value of an anchor with P partners is log P. The mean is over the anchors, not over the groups.",
    ],
    mistakes=[
        (0.0, "An anchor with several partners has to share its probability among them."),
        ((np.log(1) + np.log(3) + np.log(8)) / 3, "A mean over groups. The loss is a mean over anchors."),
        (
            (2 * np.log(2) + 4 * np.log(4) + 9 * np.log(9)) / 15,
            "An image is not its own partner: it is left out of the denominator, too.",
        ),
    ],
)
def check_floor(answer):
    r"""The floor.

    A batch holds three groups, of 2, 4 and 9 images. Which value does the supervised contrastive loss (the mean over the
    anchors) not get below, however good the encoder and however small the temperature? Give four digits.
    """
    floor = (2 * np.log(1) + 4 * np.log(3) + 9 * np.log(8)) / 15
    gap = abs(float(answer) - floor)
    side = "above" if float(answer) > floor else "below"
    message = "" if gap < 2e-4 * floor else f"{float(answer):.4g} lies {side} the floor"
    return Result(gap < 2e-4 * floor, "verified", 1, gap, message=message)


@exercise_for(
    "near.3",
    stub="K = 512",
    hints=[
        "What is the most that log K - L can be, for any data?",
        "Nats belong to the natural logarithm. And K is a whole number.",
    ],
    mistakes=[
        (2**10, "That would be ten bits. The losses of this book are in nats."),
        (22026, "Very close. Is log K already 10?"),
        (10**10, "It suffices, but it is not the smallest. Which logarithm is in the loss?"),
    ],
)
def check_batch_for_information(answer):
    r"""How large a batch?

    Two views share $I = 40$ nats. What is the smallest number of candidates $K$ with which InfoNCE *could* report 10 nats?
    """
    count = float(answer)
    if count != int(count) or count < 1:
        return Result(False, "verified", 1, message=f"{count:g} is no number of candidates")
    if np.log(count) < 10:
        return Result(False, "verified", 1, float(count), message=f"with {count:.0f} candidates the report ends below 10 nats")
    fewer = np.log(count - 1) >= 10
    message = f"{count:.0f} candidates suffice, but so do {count - 1:.0f}" if fewer else ""
    return Result(not fewer, "verified", 2, float(count), message=message)


@exercise_for(
    "near.4",
    stub="slope = 0",
    hints=[
        "With two candidates the loss is softplus((z2 - z1) / tau). Differentiate with respect to tau.",
        "The derivative of softplus is the sigmoid; that of 1 / tau is -1 / tau**2.",
    ],
    mistakes=[
        (
            (z2 - z1) / tau**2 * sigmoid((z2 - z1) / tau),
            "The size is right. What is the derivative of 1 / tau?",
        ),
        (
            (z1 - z2) / tau**2,
            "The inner derivative alone. By what does the chain rule multiply it?",
        ),
        (
            (z1 - z2) / tau * sigmoid((z2 - z1) / tau),
            "One power of tau is missing.",
        ),
    ],
)
def check_temperature_slope(answer):
    r"""A learned temperature.

    A query has its partner at the cosine $z_1$ and a single negative at $z_2$. Give the derivative of InfoNCE with respect to
    the temperature $\tau$, as a SymPy expression in `z1`, `z2`, `tau` (or as text). Which way does a learned $\tau$ move once the
    partner is nearer than the negative?
    """
    return same_formula(answer, (z1 - z2) / (tau**2 * (1 + exp((z1 - z2) / tau))))


def _rows(steps, base):
    return [[base, step] for step in steps]


_GROUPS = np.repeat([0, 1], 4)


@exercise_for(
    "near.5",
    stub="embeddings = np.ones((8, 2))",
    hints=[
        "The nearest neighbour compares distances with each other. What may you add to all rows?",
        "A long common vector makes all cosines nearly 1. The groups may differ by very little.",
    ],
    mistakes=[
        (
            1e-4 * np.eye(2)[_GROUPS] + 1e-6 * np.arange(8)[:, None],
            "The distances are tiny, but the directions are still far apart: cosines do not care for length.",
        ),
        (
            np.column_stack([np.ones(8), 1e-5 * (np.arange(8) % 2)]),
            "The cosines are fine. But the difference must separate the two groups.",
        ),
        (
            np.column_stack([np.ones(8), _GROUPS + 0.01 * np.arange(8)]),
            "The neighbours are fine. Make the difference small against what the rows have in common.",
        ),
    ],
)
def check_hidden_collapse(answer):
    r"""Hide a collapse.

    Eight images belong to the groups 0, 0, 0, 0, 1, 1, 1, 1. Give embeddings, an array of shape (8, D) whose rows all differ,
    that have collapsed for every loss on cosines (all cosines above $0.999999$), while the nearest *other* row is always of the
    right group.
    """
    x = np.asarray(answer, float)
    if x.ndim != 2 or len(x) != 8 or not np.isfinite(x).all():
        return Result(False, "verified", message=f"embeddings of shape {x.shape}, not (8, D), or not finite")
    lengths = np.linalg.norm(x, axis=1)
    if not lengths.all():
        return Result(False, "verified", message="a row is 0 and has no direction")
    least = float((x @ x.T / np.outer(lengths, lengths)).min())
    gaps = np.linalg.norm(x[:, None] - x[None], axis=-1) + np.diag(np.full(8, np.inf))
    right = int(np.sum(_GROUPS[gaps.argmin(1)] == _GROUPS))
    if gaps.min() == 0:
        return Result(False, "verified", 8, message="two rows are the same")
    if least <= 0.999999:
        return Result(False, "verified", 8, least, message=f"the least cosine is {least:.6g}")
    message = "" if right == 8 else f"the nearest row is of the right group for {right} of 8"
    return Result(right == 8, "verified", 8, least, message=message)
