"""Exercises of the chapter on several losses at once."""

import numpy as np
from sympy import log

from lossbook._result import Result
from lossbook._symbols import L
from lossbook.exercises import exercise_for
from lossbook.exercises._judge import same_formula, same_function


@exercise_for(
    "several.1",
    stub="""
        def new_weight(w, factor, power):
            return w
        """,
    hints=[
        "What happens to one residual when its unit becomes larger, and what to the loss?",
        "The weight must make up for exactly the factor by which the loss has changed.",
    ],
    mistakes=[
        (lambda w, factor, power: w * factor, "This is right for one power only. Which?"),
        (lambda w, factor, power: w / factor**power, "The losses have become smaller. Should the weight, too?"),
        (lambda w, factor, power: w * factor**2, "You have fixed the power at 2. The loss is |r| to a power that is given."),
    ],
)
def check_new_weight(answer):
    r"""A weight moves house.

    One of the losses of a model is the mean of $|r|^{\text{power}}$, with the weight `w`. Its target is now stored in a unit
    that is `factor` times as large, so all its numbers are divided by `factor` (1000 from grams to kilograms). Write
    `new_weight(w, factor, power)`, with which the optimum stays the same.
    """

    def reference(w, factor, power):
        return w * factor**power

    return same_function(answer, reference, [(1.0, 1000.0, 2), (0.5, 10.0, 1), (3.0, 0.1, 2), (2.0, 4.0, 1.5)])


@exercise_for(
    "several.2",
    stub="""
        def shortest(g1, g2):
            return (g1 + g2) / 2
        """,
    hints=[
        "Write the squared length of t g1 + (1 - t) g2 as a parabola in t. Where is its lowest point?",
        "The lowest point may lie outside the allowed range of t. What is best then?",
    ],
    mistakes=[
        (lambda g1, g2: (g1 + g2) / 2, "The mean is one combination. A shorter one leans towards the shorter gradient."),
        (
            lambda g1, g2: g1 if g1 @ g1 < g2 @ g2 else g2,
            "This is the shorter of the two ends. A point between them can be shorter still.",
        ),
        (
            lambda g1, g2: g2 + (g2 @ (g2 - g1)) / ((g1 - g2) @ (g1 - g2)) * (g1 - g2),
            "Right while the lowest point of the parabola is allowed. Here it is not.",
        ),
        (
            lambda g1, g2: g1 + np.clip((g2 @ (g2 - g1)) / ((g1 - g2) @ (g1 - g2)), 0, 1) * (g2 - g1),
            "Which of the two gradients does your t multiply?",
        ),
    ],
)
def check_shortest(answer):
    r"""The shortest direction.

    Write `shortest(g1, g2)`: the shortest vector of the form $t g_1 + (1 - t) g_2$ with $0 \le t \le 1$, for two different
    gradients, arrays of one shape (d,).
    """

    def reference(g1, g2):
        t = np.clip(g2 @ (g2 - g1) / ((g1 - g2) @ (g1 - g2)), 0, 1)
        return t * g1 + (1 - t) * g2

    cases = [([1.0, 0.0], [0.0, 2.0]), ([1.0, 1.0, 0.0], [4.0, 5.0, 1.0]), ([6.0, -2.0], [1.0, 0.5]), ([1.0, 2.0], [-2.0, -4.0])]
    return same_function(answer, reference, [(np.array(a), np.array(b)) for a, b in cases])


@exercise_for(
    "several.3",
    stub="""
        from sympy import log
        from lossbook.derive import L

        best = log(L)
        """,
    hints=[
        "Differentiate with respect to v. Which of the two terms has changed?",
        "Set the derivative to zero, bring v to one side, and take the logarithm.",
    ],
    mistakes=[
        ("log(L)", "This is the best v of the formula in the chapter. Here the two terms have not the same factor."),
        ("log(L/2)", "Look again at the side on which the factor 2 ends."),
        ("log(L)/2", "The factor stands inside the logarithm, not before it."),
    ],
)
def check_other_convention(answer):
    r"""Another convention.

    Some programs write uncertainty weighting as $L e^{-v} + v/2$. Which $v$ is best for a fixed loss $L > 0$? Give a formula in
    `L`. Does the compromise between several losses change?
    """
    return same_formula(answer, log(2 * L), given=[L > 0])


@exercise_for(
    "several.4",
    stub="points = [(1, 3), (2, 2), (3, 1)]",
    hints=[
        "The middle must lie below the straight line between the ends, and its product must be larger than one of theirs.",
        "Keep the ends, (1, 3) and (3, 1). Which sums and which products are allowed for a middle with two equal losses?",
    ],
    mistakes=[
        ([(1, 3), (2, 2), (3, 1)], "The middle lies exactly on the line, so no weights prefer it."),
        ([(1, 3), (1.5, 1.5), (3, 1)], "Found by a sum, but the product prefers it as well. Move it outwards a little."),
        ([(1, 3), (2.5, 2.5), (3, 1)], "Now it lies above the line. A sum prefers an end."),
    ],
)
def check_too_balanced(answer):
    r"""Too balanced.

    Give three trade-offs, pairs of losses between 1 and 10, of which none is beaten by another in both losses. The sum with equal
    weights must prefer the *second* point, and uncertainty weighting, with its best $v$, must prefer one of the other two.
    """
    points = np.asarray(answer, float)
    if points.shape != (3, 2) or points.min() < 1 or points.max() > 10:
        return Result(False, "enumerated", message="three pairs of losses between 1 and 10 are asked for")
    for i, one in enumerate(points):
        for k, other in enumerate(points):
            if i != k and (one <= other).all():
                return Result(False, "enumerated", message=f"point {i + 1} is at least as good as point {k + 1} in both losses")
    sums, products = points.sum(axis=1), points.prod(axis=1)
    if not sums[1] < min(sums[0], sums[2]):
        gap = float(sums[1] - min(sums[0], sums[2]))
        return Result(False, "enumerated", 3, gap, message=f"the sum of the second point is {gap:.4g} above the best of the ends")
    gap = float(min(products[0], products[2]) - products[1])
    message = "" if gap < 0 else f"the product of the second point is {gap:.4g} below the best of the ends"
    return Result(gap < 0, "enumerated", 3, gap, message=message)
