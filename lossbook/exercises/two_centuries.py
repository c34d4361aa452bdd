"""Exercises of the chapter "Two centuries of losses"."""

import numpy as np

from lossbook._result import Result
from lossbook.exercises import exercise_for


@exercise_for(
    "history.1",
    stub="""
        def answer(x, y):
            return 0.0
        """,
    hints=[
        "A line whose residuals sum to zero passes through the point of the two means. Only the slope is left.",
        "With centred data the sum is Σ |xᵢ| |b - yᵢ/xᵢ|. For which slope is a weighted sum of distances least?",
    ],
    mistakes=[
        (
            lambda x, y: np.polyfit(x, y, 1)[0],
            "This is the least-squares slope of 1805. The sum to make small is one of absolute values.",
        ),
        (
            lambda x, y: np.median((y - y.mean()) / (x - x.mean())),
            "Nearly: a slope seen from far away counts more than one seen from near the mean.",
        ),
    ],
)
def check_boscovich_line(answer):
    r"""The line of Boscovich.

    Do what Boscovich did: write `answer(x, y)`, which returns the slope $b$ of the line $a + b x$ with the least sum of
    absolute residuals among those whose residuals sum to zero."""
    for seed, number in enumerate((3, 6, 25, 60)):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=number)
        y = 2 * x + rng.standard_t(1.5, size=number)
        u, v = x - x.mean(), y - y.mean()
        costs = np.abs(u * (v / u)[:, None] - v).sum(axis=1)  # the best slope meets one of the points exactly
        yours = float(np.abs(u * float(answer(x.copy(), y.copy())) - v).sum())
        if not yours <= costs.min() * (1 + 1e-9):
            message = f"on {number} points your slope leaves a sum of {yours:.4g}, and a smaller one exists"
            return Result(False, "verified", witness=seed, message=message)
    return Result(True, "verified", points=4)


@exercise_for(
    "history.2",
    stub="""
        def answer(r, scale):
            return np.ones_like(r)
        """,
    hints=["The weight is the derivative of the loss divided by the residual.", "It must be finite at a residual of 0."],
    mistakes=[
        (
            lambda r, scale: 1 / (1 + (r / scale) ** 2),
            "This is the weight of Cauchy's loss. Differentiate a square root instead of a logarithm.",
        ),
        (lambda r, scale: r / np.sqrt(1 + (r / scale) ** 2), "This is the derivative. Divide it by r, on paper."),
    ],
)
def check_weight_of_charbonnier(answer):
    r"""A weight.

    Write `answer(r, scale)`: the weight that iterated least squares gives to a residual $r$ under the Charbonnier loss
    $s^2 (\sqrt{1 + (r/s)^2} - 1)$, for arrays `r` that may contain 0."""
    from lossbook import card

    r = np.array([-30.0, -2.0, -0.5, 1e-6, 0.7, 4.0, 100.0])
    for scale in (0.3, 1.0, 5.0):
        want = card("charbonnier").gradient(r, np.zeros_like(r), scale=scale) / r
        got = np.asarray(answer(r.copy(), scale), float)
        if got.shape != r.shape:
            return Result(False, "verified", message=f"for {len(r)} residuals your answer has the shape {got.shape}")
        at_zero = float(np.asarray(answer(np.array([0.0]), scale), float)[0])
        gap = float(np.max(np.abs(got - want)))
        if not gap < 1e-8 or not abs(at_zero - 1) < 1e-8:
            message = f"with scale {scale} your weights are {got.round(4).tolist()}, and {at_zero:.4g} at a residual of 0"
            return Result(False, "verified", worst=gap, witness=scale, message=message)
    return Result(True, "verified", points=24)


@exercise_for(
    "history.3",
    stub="numbers = [0.0]",
    hints=[
        "Beyond c the biweight is flat. What does one group of observations see of another one far away?",
        "Put some observations near 0 and some more than 2 c away.",
    ],
    mistakes=[
        ([0.0, 0.1, 0.2, 0.3], "All four hear each other: they lie within c = 1."),
        ([0.0, 5.0], "Two minima, but equally deep. What makes one of them deeper?"),
        ([0.0, 0.1, 1.0, 1.1], "The two groups are too near: each still feels the other one."),
    ],
)
def check_two_valleys(answer):
    """Two valleys.

    Give a list of at most five numbers for which the mean biweight loss of a constant, with c = 1, has two separate local
    minima of different depth."""
    from lossbook import tukey_biweight

    y = np.asarray(answer, float)
    if y.ndim != 1 or not 1 <= len(y) <= 5 or np.abs(y).max() > 100:
        return Result(False, "verified", message="give a list of one to five numbers between -100 and 100")
    grid = np.arange(y.min() - 1.5, y.max() + 1.5, 0.01)
    pairs = np.broadcast_to(grid[:, None], (len(grid), len(y))), np.broadcast_to(y, (len(grid), len(y)))
    risk = tukey_biweight(*pairs, c=1.0, reduction="none").mean(axis=1)
    inside = (risk[1:-1] < risk[:-2] - 1e-12) & (risk[1:-1] < risk[2:] - 1e-12)
    minima = grid[1:-1][inside]
    depths = np.unique(risk[1:-1][inside].round(3))
    message = f"your sample has {len(minima)} separate minima, at {minima.round(2).tolist()}, of {len(depths)} different depths"
    return Result(len(minima) == 2 and len(depths) == 2, "verified", points=len(grid), message=message)


@exercise_for(
    "history.4",
    stub="delta = 1.345",
    hints=[
        "Copy the function efficiency of this chapter.",
        "A smaller δ is nearer to the median, whose efficiency is 2/π, about 0.64.",
    ],
    mistakes=[
        (1.28, "Nine tenths of the errors are not nine tenths of the efficiency."),
        (1.21, "That is below five per cent more. The efficiency falls slowly: go on."),
        (0.9, "A little too far."),
    ],
)
def check_cheaper_insurance(answer):
    r"""A cheaper insurance.

    Robustness is an insurance, and $\delta = 1.345$ costs five per cent. For which $\delta$ does Huber's loss cost ten per
    cent of the efficiency under standard normal errors? Give it to two decimals."""
    from scipy import stats

    delta = float(answer)
    if not 0 < delta < 5:
        return Result(False, "verified", message=f"{delta} is not a plausible δ")
    inside = stats.norm.cdf(delta) - stats.norm.cdf(-delta)
    # the variance of a normal variable that is clipped at ± δ
    clipped = inside - 2 * delta * stats.norm.pdf(delta) + 2 * delta**2 * stats.norm.sf(delta)
    efficiency = inside**2 / clipped
    message = f"with δ = {delta:g} the efficiency is {efficiency:.4f}"
    return Result(abs(efficiency - 0.9) < 0.001, "verified", points=1, worst=abs(efficiency - 0.9), message=message)
