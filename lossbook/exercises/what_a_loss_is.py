"""Exercises of the chapter "What a loss is"."""

import math

import numpy as np

from lossbook._result import Result
from lossbook.exercises import exercise_for


@exercise_for(
    "loss.1",
    stub="""
        def answer(missed, left):
            return 0.5
        """,
    hints=[
        "One more loaf is worth baking as long as the chance to sell it is large enough. How large?",
        "The pinball loss charges τ for each unit too low and 1 - τ for each unit too high. Only their ratio matters.",
    ],
    mistakes=[
        (lambda missed, left: left / (missed + left), "Ask which of the two prices speaks for baking more."),
        (lambda missed, left: missed / left, "A quantile is a share: what must the two prices be divided by?"),
    ],
)
def check_bread_quantile(answer):
    r"""How many loaves.

    A bakery loses `missed` euros for each loaf that it could have sold but did not bake, and `left` euros for each that it
    baked but did not sell. Which quantile of the demand should it bake? Write `answer(missed, left)`, which returns $\tau$."""
    for missed, left in [(1.0, 1.0), (3.0, 1.0), (0.5, 2.0), (1.2, 0.1)]:
        demand = np.sort(np.random.default_rng(0).lognormal(4.0, 0.5, 20_000))

        def cost(loaves, missed=missed, left=left, demand=demand):
            return np.mean(np.where(demand > loaves, missed * (demand - loaves), left * (loaves - demand)))

        tau = float(answer(missed, left))
        if not 0 < tau < 1:
            return Result(
                False, "verified", witness=(missed, left), message=f"answer({missed}, {left}) = {tau}: not between 0 and 1"
            )
        yours = cost(np.quantile(demand, tau))
        nearby = min(cost(np.quantile(demand, level)) for level in (max(tau - 0.01, 0), min(tau + 0.01, 1)))
        if nearby < yours:
            message = (
                f"with missed = {missed}, left = {left} your quantile costs {yours:.4g} euros a day, one nearby {nearby:.4g}"
            )
            return Result(False, "verified", witness=(missed, left), message=message)
    return Result(True, "verified", points=4)


@exercise_for(
    "loss.2",
    stub="""
        def answer(y):
            return np.mean(y)
        """,
    hints=[
        "Each observation pulls with a force of fixed size. Which size?",
        "Sort the targets and add up the weights 1/y: where does the sum pass half of the total?",
    ],
    mistakes=[
        (lambda y: np.median(y), "The median balances numbers of observations. Here they do not all pull equally hard."),
        (lambda y: np.sum(1) * len(y) / np.sum(1 / y), "A weighted mean answers a squared error. This loss has absolute values."),
    ],
)
def check_percentage_constant(answer):
    """The constant of MAPE.

    Write `answer(y)`: the constant of least mean absolute percentage error for an array of positive targets, found without
    trying constants one by one."""
    rng = np.random.default_rng(1)
    for number in (1, 2, 7, 200):
        y = rng.lognormal(1.0, 1.0, number)
        risks = (np.abs(y[:, None] - y) / y).mean(axis=1)  # a minimum is always at one of the observations
        yours = float(np.mean(np.abs(answer(y.copy()) - y) / y))
        if not yours <= risks.min() * (1 + 1e-9):
            message = f"on {number} targets your constant costs {yours:.4g}, and a cheaper one exists"
            return Result(False, "verified", witness=y[:7].round(3).tolist(), message=message)
    return Result(True, "verified", points=4)


@exercise_for(
    "loss.3",
    stub="""
        def answer(means, sizes):
            return means[0]
        """,
    hints=[
        "A mean over a batch forgets how many examples it had. Recover the sums.",
        "Add up mean times size, then divide by the number of all examples.",
    ],
    mistakes=[
        (lambda means, sizes: np.mean(means), "The mean of the means counts a batch of one as much as a batch of a thousand."),
        (lambda means, sizes: np.sum(means) / np.sum(sizes), "A mean has already been divided by its size. Undo that first."),
    ],
)
def check_batches_to_mean(answer):
    """From batches to examples.

    A training loop has recorded the mean loss of each batch. Write `answer(means, sizes)`: the mean loss over all examples."""
    rng = np.random.default_rng(2)
    for sizes in ([4, 4, 4], [64, 64, 58], [1, 0, 1000]):
        batches = [rng.exponential(size=size) + size for size in sizes]
        want = np.concatenate(batches).mean()
        means = np.array([batch.mean() if len(batch) else 0.0 for batch in batches])
        got = float(answer(means, np.array(sizes)))
        if not math.isclose(got, want, rel_tol=1e-9):
            message = f"for batches of {sizes} examples you get {got:.6g}, which is not the mean over the examples"
            return Result(False, "verified", witness=sizes, message=message)
    return Result(True, "verified", points=3)


@exercise_for(
    "loss.4",
    stub="""
        def answer(pred, target):
            return (pred - target) ** 2
        """,
    hints=[
        "The squared error asks for the mean. On which scale is the harmonic mean a mean?",
        "The harmonic mean is the number whose reciprocal is the mean of the reciprocals.",
    ],
    mistakes=[
        (
            lambda pred, target: (np.log(pred) - np.log(target)) ** 2,
            "On the scale of logarithms the best constant is the geometric mean. You need another scale.",
        ),
        (
            lambda pred, target: target * (pred - target) ** 2,
            "A weighted mean, and large targets weigh more. The harmonic mean lies below the mean.",
        ),
    ],
)
def check_loss_for_harmonic_mean(answer):
    """A loss to order.

    Invent a loss whose best constant is the harmonic mean. Write `answer(pred, target)`, which works on arrays of positive
    numbers, returns one loss per example, is never negative, and is 0 where both are equal."""
    rng = np.random.default_rng(3)
    for number in (2, 5, 50):
        y = rng.uniform(0.5, 8.0, number)
        same, apart = np.asarray(answer(y, y)), np.asarray(answer(y, 2 * y))
        if same.shape != y.shape or np.any(abs(same) > 1e-12) or np.any(apart < 0):
            message = "it must return one number per example, 0 where both are equal and never less than 0"
            return Result(False, "verified", witness=number, message=message)
        grid = np.linspace(0.4, 8.0, 7601)
        best = grid[np.argmin([np.mean(answer(np.full_like(y, constant), y)) for constant in grid])]
        harmonic = number / np.sum(1 / y)
        if abs(best - harmonic) > 0.002:
            message = f"on {y[:5].round(2).tolist()}... its best constant is {best:.3f}, which is not the harmonic mean"
            return Result(False, "verified", worst=abs(best - harmonic), witness=number, message=message)
    return Result(True, "verified", points=3)
