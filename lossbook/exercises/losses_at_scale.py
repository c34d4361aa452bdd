"""Exercises of the chapter on losses at scale."""

import numpy as np
from sympy import Derivative

from lossbook._result import Result, beyond
from lossbook._symbols import d, sigmoid, softplus, y, z
from lossbook.exercises import exercise_for, same_formula, same_function


def _late_difference(r, scale):
    root = np.sqrt(r**2 + scale**2)
    return scale * (root - scale), scale * r / root


@exercise_for(
    "scale.1",
    stub="""
        def kernel(r, scale):
            return np.zeros_like(r), np.zeros_like(r)
        """,
    hints=[
        "Compute h = √(r² + s²) once. The slope is s r / h.",
        "h - s loses its digits where r is small. Multiply and divide by h + s.",
    ],
    mistakes=[
        (_late_difference, "Right on paper. What is left of √(r² + s²) - s in floating point, when r is a billionth of s?"),
        (
            lambda r, scale: (scale * r**2 / (np.sqrt(r**2 + scale**2) + scale), r / np.sqrt(r**2 + scale**2)),
            "The value is right. A slope of a loss in r², near zero, is r itself: check yours for a scale that is not 1.",
        ),
    ],
)
def check_charbonnier_kernel(answer):
    r"""A kernel with one square root.

    Write the tile code of Charbonnier's loss: for an array of residuals, `kernel(r, scale)` returns the values
    $s(\sqrt{r^2 + s^2} - s)$ and the slopes in $r$. Both must be right to 12 digits, for residuals as small as $10^{-9}$. One
    square root is enough.
    """
    r = np.array([1e-9, -1e-5, 0.3, -2.0, 50.0])
    count, worst, witness = 0, 0.0, None
    for scale in (1.0, 0.1, 3.0):
        root = np.sqrt(r**2 + scale**2)
        wanted = {"value": scale * r**2 / (root + scale), "slope": scale * r / root}
        for part, want, got in zip(wanted, wanted.values(), answer(r.copy(), scale)):
            got = np.asarray(got, dtype=float)
            if got.shape != r.shape:
                return Result(False, "verified", message=f"for {len(r)} residuals your {part}s have the shape {got.shape}")
            gaps = np.abs(got / want - 1)
            i, count = int(np.argmax(np.where(np.isfinite(gaps), gaps, np.inf))), count + len(r)
            if beyond(gaps[i], worst):
                worst, witness = gaps[i], {"r": r[i], "scale": scale, part: got[i]}
    message = "" if worst < 1e-12 else f"a number is off by {worst:.2g} of its size at {witness}"
    return Result(bool(worst < 1e-12), "verified", count, worst, witness, message)


def _head(tokens, width, vocabulary):
    """As counted: three arrays of logits, or one and the gradients of the layer."""
    logits = tokens * vocabulary
    return 4 * max(3 * logits, logits + width * vocabulary + tokens * width)


@exercise_for(
    "scale.2",
    stub="""
        def peak_bytes(tokens, width, vocabulary):
            return 4 * tokens * vocabulary
        """,
    hints=[
        "Follow the arrays through time: logits, log-probabilities, slopes in these, slopes in the logits. Which are kept?",
        "After the log-probabilities are gone, the slopes in the logits are multiplied into two gradients. How large are those?",
    ],
    mistakes=[
        (
            lambda tokens, width, vocabulary: 12 * tokens * vocabulary,
            "Right for many tokens. And if there are few, and D is large?",
        ),
        (
            lambda tokens, width, vocabulary: 8 * tokens * vocabulary,
            "That is the way forward: logits and log-probabilities. More is alive on the way back.",
        ),
        (
            lambda tokens, width, vocabulary: 4 * (3 * tokens * vocabulary + width * vocabulary + tokens * width),
            "Not all of these are alive at one time: the log-probabilities are gone before the layer gets its gradients.",
        ),
    ],
)
def check_peak_of_a_head(answer):
    """The peak as a formula.

    `F.cross_entropy(F.linear(hidden, kernel), labels)` and its backward pass run on N tokens of width D with V words, in
    float32. Inputs and labels do not count, gradients do, and single numbers per token are neglected. Write
    `peak_bytes(tokens, width, vocabulary)`, the largest number of bytes that are alive at one time.
    """
    cases = [(1024, 32, 16384), (64, 512, 4096), (8, 256, 1000), (4096, 4096, 128256)]
    return same_function(answer, _head, cases)


@exercise_for(
    "scale.3",
    stub="""
        def factor(counts, rank):
            return 1.0
        """,
    hints=[
        "Write the loss of all rows as a sum of n_r / n times the local means.",
        "The mean over the ranks divides by their number. Who multiplies?",
    ],
    mistakes=[
        (
            lambda counts, rank: counts[rank] / sum(counts),
            "This is the share of the rank in the mean. What does the averaging do to it?",
        ),
        (lambda counts, rank: len(counts), "Right, if every rank had everything. How much of the whole has this one?"),
        (lambda counts, rank: 1 / len(counts), "The averaging divides already. And do the ranks have equally many rows?"),
    ],
)
def check_factor_of_a_rank(answer):
    r"""The factor of a rank.

    Each of several ranks has `counts[rank]` rows, and computes the gradient of the *mean* loss of its own rows.
    DistributedDataParallel then takes the mean over the ranks. Write `factor(counts, rank)`: what a rank has to multiply its
    loss by, so that the result is the gradient of the mean over all rows. A rank may have no rows; its factor is then 0.
    """
    rng = np.random.default_rng(0)
    count, worst, witness = 0, 0.0, None
    for counts in ([4, 4], [5, 3, 1], [7, 0, 2, 2]):
        rows = rng.normal(1.0, 1.0, sum(counts))  # the gradients of the single rows
        parts = np.split(rows, np.cumsum(counts)[:-1])
        factors = [float(answer(list(counts), rank)) for rank in range(len(counts))]
        shares = [f * part.mean() if len(part) else f for f, part in zip(factors, parts)]
        gap, count = abs(np.mean(shares) - rows.mean()), count + len(rows)
        if beyond(gap, worst):
            worst, witness = gap, {"counts": counts, "factors": [round(f, 4) for f in factors]}
    message = "" if worst < 1e-12 else f"the averaged gradient is off by {worst:.3g} for {witness}"
    return Result(bool(worst < 1e-12), "verified", count, worst, witness, message)


@exercise_for(
    "scale.4",
    stub='gradient = "-y"',
    hints=["The derivative of softplus is the sigmoid.", "Chain rule: what does d - y z contribute when z moves?"],
    mistakes=[
        ("-sigmoid(d - y*z)", "Right for y = 1. Which way should the slope point for y = -1?"),
        ("y*sigmoid(d - y*z)", "The size is right. A larger y z should make the loss smaller."),
        ("-y*sigmoid(y*z - d)", "Look at the argument: where is the loss steep, at a large or at a small margin?"),
    ],
)
def check_gradient_of_soft_margin(answer):
    r"""Let it be fused.

    A classifier with labels $y = \pm 1$ should reach the margin $d$, softly: the loss is $\operatorname{softplus}(d - y z)$.
    Give its gradient in the logit $z$, as text such as `"-y*sigmoid(z)"`, as a SymPy expression, or as a `Derivation` that
    starts from the derivative.
    """
    return same_formula(answer, -y * sigmoid(d - y * z), start=Derivative(softplus(d - y * z), z))
