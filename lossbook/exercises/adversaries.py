"""Exercises of the chapter on adversaries and transport."""

import itertools

import numpy as np

from lossbook._result import Result, beyond
from lossbook._symbols import p, q
from lossbook.exercises import exercise_for, same_formula, same_function


@exercise_for(
    "critic.1",
    stub="""
        best = "p - q"
        """,
    hints=[
        "Write down what the critic pays at one place: p times its loss for data, plus q times its loss for generated points.",
        "Differentiate with respect to the output and solve for it.",
    ],
    mistakes=[
        ("log(p / q)", "This is the best output in the minimax form, a logit. The squares are taken of the output itself."),
        ("(p - q) / (p + q)", "That would be right for the labels 1 and -1. What are the labels here?"),
        ("q / (p + q)", "Which of the two has the label 1?"),
    ],
)
def check_least_squares_critic(answer):
    r"""Another critic.

    In the least-squares form the critic's loss is $(z - 1)^2$ for data and $z^2$ for generated points. A place has the
    probability $p$ under the data and $q$ under the generator. Which output $z$ is best there? Give a formula in `p` and `q`.
    """
    return same_formula(answer, p / (p + q), given=[p > 0, q > 0])


def _transport(places, p, q):
    order = np.argsort(places)
    gaps = np.cumsum((p - q)[order])[:-1]
    return np.sum(np.abs(gaps) * np.diff(places[order]))


@exercise_for(
    "critic.2",
    stub="""
        def transport(places, p, q):
            return np.sum(np.abs(p - q))
        """,
    hints=[
        "The distance is the integral of |F - G|. Between two neighbouring places F - G is constant.",
        "Sort the places, and bring both masses into the same order. Then np.cumsum and np.diff.",
    ],
    mistakes=[
        (
            lambda places, p, q: np.sum(np.abs(np.cumsum(p - q)[:-1]) * np.diff(places)),
            "Right where the places are sorted already. They need not be.",
        ),
        (
            lambda places, p, q: np.sum(np.abs(np.cumsum((p - q)[np.argsort(places)]))),
            "The gaps of the cumulative shares are right. How wide is each of them?",
        ),
        (
            lambda places, p, q: abs(places @ (p - q)),
            "This compares the means. Two laws with the same mean can be far apart.",
        ),
    ],
)
def check_weighted_transport(answer):
    r"""Weighted places.

    Two laws live on the same places of a line, with the masses `p` and `q`, which each sum to 1. Write
    `transport(places, p, q)`, the Wasserstein distance $W_1$ between them, for arrays of shape (n,) in any order.
    """
    rng = np.random.default_rng(0)
    cases = [(np.array([0.0, 1.0, 2.0]), np.array([0.5, 0.0, 0.5]), np.array([0.0, 1.0, 0.0]))]
    cases += [(np.array([2.0, 0.0, 1.0]), np.array([0.5, 0.5, 0.0]), np.array([0.0, 0.5, 0.5]))]
    cases += [(rng.normal(0, 2, 6), *rng.dirichlet(np.ones(6), 2)) for _ in range(20)]
    return same_function(answer, _transport, cases)


@exercise_for(
    "critic.3",
    stub="weight = 1.0",
    hints=[
        "The chapter derives what the best penalised critic reports. By which share is it too large?",
        "Set d / (4λ) to five per cent.",
    ],
    mistakes=[
        (20.0, "The difference of the critic's outputs is too large by that share. The report includes the penalty."),
        (2.0, "Is the excess 0.05, or 0.05 of the distance?"),
        (0.4, "Check which way it goes: does a larger weight of the penalty bring the slope nearer to 1?"),
    ],
)
def check_penalty_weight(answer):
    r"""Five per cent.

    All data lie at 2, all generated points at 0, and the critic is a straight line with the penalty $\lambda(|s| - 1)^2$ on its
    slope $s$. For which $\lambda$ does the best critic's loss, with the sign turned, exceed the true distance by exactly 5 %?
    """
    weight = float(answer)
    slopes = np.linspace(0, 400, 4_000_001)
    report = float(np.max(2 * slopes - weight * (slopes - 1) ** 2))
    share = report / 2 - 1
    message = "" if abs(share - 0.05) < 1e-6 else f"with your λ = {weight:g} the report is {share:.2%} above the distance"
    return Result(abs(share - 0.05) < 1e-6, "verified", 1, abs(share - 0.05), message=message)


@exercise_for(
    "critic.4",
    stub="""
        def fair_energy(x, y):
            return 0.0
        """,
    hints=[
        "Which of the three means counts pairs of a point with itself, at the distance 0?",
        "The mean over pairs of different points has n (n - 1) terms.",
    ],
    mistakes=[
        (
            lambda x, y: 2 * np.abs(x[:, None] - y).mean() - np.abs(x[:, None] - x).mean() - np.abs(y[:, None] - y).mean(),
            "This is the distance of the two samples, never negative, and too large on average: the pairs of a point with "
            "itself make the inner means too small.",
        ),
        (
            lambda x, y: (
                2 * np.abs(x[:, None] - y).sum() / (len(x) * (len(y) - 1))
                - np.abs(x[:, None] - x).sum() / (len(x) * (len(x) - 1))
                - np.abs(y[:, None] - y).sum() / (len(y) * (len(y) - 1))
            ),
            "The mean between the samples has no pairs of a point with itself. Divide it by all of its pairs.",
        ),
        (
            lambda x, y: (
                np.abs(x[:, None] - y).mean()
                - np.abs(x[:, None] - x).sum() / (len(x) * (len(x) - 1))
                - np.abs(y[:, None] - y).sum() / (len(y) * (len(y) - 1))
            ),
            "Count the means: two within the samples against how many between them?",
        ),
    ],
)
def check_fair_energy(answer):
    r"""Right on average.

    Write `fair_energy(x, y)` for two samples of numbers, of shapes (n,) and (m,): an estimate of the energy distance whose mean
    over all samples of two laws is exactly the energy distance of the laws. The checker draws every possible sample.
    """
    places, worst, witness, count = np.array([0.0, 1.0, 3.0]), 0.0, None, 0
    apart = np.abs(places[:, None] - places)
    for p_x, p_y in (([0.5, 0.2, 0.3], [0.1, 0.6, 0.3]), ([0.2, 0.3, 0.5], [0.2, 0.3, 0.5])):
        gap = np.array(p_x) - np.array(p_y)
        for n, m in ((2, 2), (2, 3), (3, 2)):
            mean = 0.0
            for draw in itertools.product(range(3), repeat=n + m):
                chance = np.prod(np.array(p_x)[list(draw[:n])]) * np.prod(np.array(p_y)[list(draw[n:])])
                mean += chance * float(answer(places[list(draw[:n])], places[list(draw[n:])]))
                count += 1
            off = abs(mean + gap @ apart @ gap)
            if beyond(off, worst):
                worst, witness = off, {"n": n, "m": m, "mean": mean}
    message = "" if worst < 1e-10 else f"your mean over all samples is off by {worst:.3g} at {witness}"
    return Result(worst < 1e-10, "enumerated", count, worst, witness, message)


@exercise_for(
    "critic.5",
    stub="weight = 0.5",
    hints=[
        "One step is a matrix of two rows: θ gains η w, and w gains -η (θ + λ w). The size of its larger eigenvalue decides.",
        "Let numpy.linalg.eigvals find it for λ from 0 to 4 at η = 0.1. Then try another η.",
    ],
    mistakes=[
        (0.1, "With λ = η the turn is just stopped from growing. The players come home faster with more."),
        (1.0, "It comes home. Is there a λ with which it comes home faster?"),
        (4.0, "Too much of a brake: now w is tied to 0, and θ creeps."),
    ],
)
def check_best_brake(answer):
    r"""The best brake.

    In the game $w\theta$ with the R1 penalty $\frac{\lambda}{2}w^2$ both players take gradient steps of size $\eta$ at the same
    time. Which $\lambda$ brings them to the solution fastest in the long run, for every $\eta < 1$?
    """
    weight, rates = float(answer), []
    for eta in (0.1, 0.3):
        step = np.array([[1.0, eta], [-eta, 1.0 - eta * weight]])
        rates.append(float(np.abs(np.linalg.eigvals(step)).max()))
    off = max(rates[0] - 0.9, rates[1] - 0.7)  # at its best the factor is 1 - η, which a double eigenvalue blurs
    shown = " and ".join(f"{rate:.6f}" for rate in rates)
    message = "" if off < 1e-4 else f"with λ = {weight:g} the distance is multiplied by {shown} a step at η = 0.1 and 0.3"
    return Result(off < 1e-4, "verified", 2, off, message=message)
