"""Exercises of the page "Questions and answers"."""

import numpy as np
from scipy import special

from lossbook._result import Result
from lossbook.exercises import exercise_for


def _where(*args):
    import torch  # takes a second to import: only when an answer is checked

    return torch.where(*args)


@exercise_for(
    "answers.1",
    stub="""
        def root(x):
            return torch.sqrt(x)
        """,
    hints=[
        "Print the gradient of your function at x = 0: the derivative of the square root is infinite there.",
        "Replace the input of the square root where x is not positive, by 1 for example, and choose the value 0 afterwards.",
    ],
    mistakes=[
        (lambda x: _where(x > 0, x**0.5, 0.0), "The values are right. Print the gradient at 0: `where` does not protect it."),
        (
            lambda x: (x + 1e-12).clamp(min=0) ** 0.5,
            "A small number inside the root changes the value, and the gradient near 0 becomes huge instead.",
        ),
    ],
)
def check_safe_square_root(answer):
    r"""A safe square root.

    Write `root(x)` for torch tensors: $\sqrt x$ where `x` is positive and 0 elsewhere, with gradient 0 there.
    Distances between equal points need it.
    """
    import torch

    x = torch.tensor([4.0, 0.25, 0.0, -1.0], dtype=torch.float64, requires_grad=True)
    value = answer(x)
    value.sum().backward()
    for what, got, want in (("value", value.detach(), [2.0, 0.5, 0.0, 0.0]), ("gradient", x.grad, [0.25, 1.0, 0.0, 0.0])):
        if not np.allclose(got.numpy(), want, rtol=1e-12):
            return Result(False, "verified", 4, message=f"at x = {x.tolist()} your {what} is {got.tolist()}")
    return Result(True, "verified", points=4)


@exercise_for(
    "answers.2",
    stub="""
        def contributions(batches):
            return [0.0 for batch in batches]
        """,
    hints=[
        "The mean of means weighs every micro-batch alike, however few examples it has.",
        "Divide each sum by the number of examples in all micro-batches together.",
    ],
    mistakes=[
        (
            lambda batches: [batch.sum() / max(len(batch), 1) / len(batches) for batch in batches],
            "The mean of means: a batch of 3 counts as much as one of 50.",
        ),
        (lambda batches: [batch.sum() for batch in batches], "These add up to the sum. By what must all be divided?"),
    ],
)
def check_micro_batches(answer):
    """Contributions of micro-batches.

    `batches` is a list of arrays, the losses of the examples of each micro-batch; some may be empty. Write
    `contributions(batches)`: one number per micro-batch, such that they add up to the mean over all examples.
    """
    rng = np.random.default_rng(2)
    for sizes in ((3, 50), (10, 10, 10), (7, 0, 1)):
        batches = [rng.exponential(size=size) for size in sizes]
        got, want = np.asarray(answer(batches), dtype=float), np.concatenate(batches).mean()
        if got.shape != (len(sizes),):
            return Result(False, "verified", 3, message=f"{len(sizes)} micro-batches, but {got.shape} numbers")
        if not np.isclose(got.sum(), want):
            message = f"for micro-batches of {sizes} examples your numbers add up to {got.sum():.4f}, which is not the mean"
            return Result(False, "verified", 3, abs(got.sum() - want), sizes, message)
    return Result(True, "verified", points=3)


@exercise_for(
    "answers.3",
    stub="""
        def probability(z, w):
            return 0.5
        """,
    hints=[
        "At the optimum the odds are w times too large.",
        "Odds become logits by the logarithm: subtract log w, then apply the sigmoid.",
    ],
    mistakes=[
        (lambda z, w: special.expit(z), "This is the probability before the correction: the odds are w times too large."),
        (lambda z, w: special.expit(z) / w, "Not the probability but the odds were multiplied by w."),
        (lambda z, w: special.expit(z + np.log(w)), "In which direction has the weight moved the logit?"),
    ],
)
def check_undo_pos_weight(answer):
    """Undo pos_weight.

    A classifier was trained with `pos_weight = w` and gives the logit `z`. Write `probability(z, w)`, the probability of the
    positive class that the data support.
    """
    for eta in (0.01, 0.2, 0.5, 0.9):
        for w in (0.5, 1.0, 3.0, 100.0):
            got = float(answer(np.log(w * eta / (1 - eta)), w))
            if not np.isclose(got, eta, rtol=1e-9):
                message = f"with w = {w} and a true probability of {eta} you return {got:.4f}"
                return Result(False, "verified", 16, abs(got - eta), (eta, w), message)
    return Result(True, "verified", points=16)
