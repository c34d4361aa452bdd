"""Exercises of the chapter on robust regression."""

import numpy as np
from scipy import stats

from lossbook._result import Result, beyond
from lossbook.exercises import exercise_for
from lossbook.regression import cauchy_gradient, huber_gradient, smooth_l1_gradient


@exercise_for(
    "robust.1",
    stub="""
        def weight(r, scale):
            return np.ones_like(r)
        """,
    hints=[
        "The weight is the gradient divided by the residual. Look the gradient up on the Card.",
        "Cancel r in ψ(r) / r on paper before you write code, so that nothing is divided by zero.",
    ],
    mistakes=[
        (lambda r, scale: 1 / (1 + np.abs(r) / scale), "Close: look again at how r/s enters the gradient, and to which power."),
        (lambda r, scale: r / (1 + (r / scale) ** 2), "This is ψ(r) itself. The weight is ψ(r) divided by r."),
        (lambda r, scale: 1 / (1 + r**2), "Which r counts as large depends on the scale, and yours does not."),
    ],
)
def check_irls_weight(answer):
    r"""A weight.

    IRLS needs $w(r) = \psi(r)/r$. Write `weight(r, scale)` for Cauchy's loss
    $\frac{s^2}{2}\log(1 + (r/s)^2)$, for an array `r` that may contain zeros. Which weight has a point at $r = 0$, and which
    at $r = s$?
    """
    r = np.array([0.0, 1e-8, -0.5, 1.0, 3.0, -40.0])
    worst, witness = 0.0, None
    for scale in (0.5, 1.0, 3.0):
        got = np.asarray(answer(r, scale), dtype=float)
        if got.shape != r.shape:
            return Result(False, "verified", message=f"for {len(r)} residuals your weights have the shape {got.shape}")
        want = cauchy_gradient(r[1:], np.zeros(5), scale=scale) / r[1:]
        gaps = np.abs(got - np.append(want[:1], want))  # at 0 the weight is the limit, which 1e-8 has reached
        i = int(np.argmax(np.where(np.isfinite(gaps), gaps, np.inf)))
        if beyond(gaps[i], worst):
            worst, witness = gaps[i], {"r": r[i], "scale": scale, "weight": got[i]}
    message = "" if worst < 1e-10 else f"the weight is not right at {witness}"
    return Result(worst < 1e-10, "verified", 3 * len(r), worst, witness, message)


@exercise_for(
    "robust.2",
    stub="""
        def migrate(beta, lr):
            return 1.0, lr
        """,
    hints=[
        "Both losses bend at the same residual. Which threshold does this give?",
        "A gradient step is the learning rate times the gradient. By which factor do the two gradients differ?",
    ],
    mistakes=[
        (lambda beta, lr: (beta, lr), "The bend is right. But are the two gradients equally large?"),
        (lambda beta, lr: (beta, lr * beta), "The bend is right. Which of the two gradients is the larger one, for β > 1?"),
    ],
)
def check_smooth_l1_to_huber(answer):
    r"""A migration.

    A model was trained by gradient descent with `smooth_l1_loss(beta=beta)` and the learning rate `lr`.
    Write `migrate(beta, lr)` that returns the `delta` of `huber_loss` and the learning rate with which every step stays the same.
    """
    target = np.random.default_rng(0).normal(0, 3, 40)
    count, worst, witness = 0, 0.0, None
    for beta, lr in ((1.0, 0.1), (3.0, 0.1), (0.2, 0.05)):
        delta, new_lr = map(float, answer(beta, lr))
        old = new = 2.0
        for _ in range(20):
            old = old - lr * smooth_l1_gradient(np.full(40, old), target, beta=beta).mean()
            new = new - new_lr * huber_gradient(np.full(40, new), target, delta=delta).mean()
            count, gap = count + 1, abs(old - new)
            if beyond(gap, worst):
                worst, witness = gap, {"beta": beta, "lr": lr}
    message = "" if worst < 1e-10 else f"with {witness} the two descents are {worst:.2g} apart after at most 20 steps"
    return Result(worst < 1e-10, "verified", count, worst, witness, message)


@exercise_for(
    "robust.3",
    stub="delta = 1.0",
    hints=[
        "There are two formulas, one for c ≥ δ and one for c < δ. Where do they meet?",
        "For c < δ the expected gradient c - 1 + exp(-(c + δ)) is zero at the best constant. Solve it for δ.",
    ],
    mistakes=[
        (0.9, "At δ = 0.9 the loss bends exactly at 0 for this constant, but the mean gradient is not zero yet. Solve for it."),
        (-np.log(0.1), "You have solved 1 - exp(-δ) = c. The constant itself is missing in the exponent."),
    ],
)
def check_huber_on_exponential(answer):
    r"""Backwards.

    For the exponential distribution with mean 1, which $\delta$ makes $0.9$ the best constant of Huber's
    loss? Give the number to four digits.
    """
    delta = float(answer)
    sample = stats.expon.ppf((np.arange(20000) + 0.5) / 20000)
    slope = float(huber_gradient(np.full_like(sample, 0.9), sample, delta=delta).mean())
    message = "" if abs(slope) < 1e-4 else f"with delta = {delta:.4g} the mean gradient at 0.9 is {slope:.2g}, not 0"
    return Result(abs(slope) < 1e-4, "verified", len(sample), abs(slope), message=message)


@exercise_for(
    "robust.4",
    stub="""
        def delta_for(efficiency):
            return 1.345
        """,
    hints=[
        "For large n the variance is E ψ² / (E ψ')², and the mean has variance 1. The efficiency is the inverse of the first.",
        "E ψ' is the probability of |r| ≤ δ. E ψ² is the part of r² inside δ, plus δ² times the probability of the outside.",
        "Efficiency grows with δ from 2/π to 1: let scipy.optimize.brentq find the root.",
    ],
    mistakes=[
        (
            lambda efficiency: stats.norm.ppf((1 + efficiency) / 2),
            "This puts a share of the *points* inside ±δ. The efficiency is a ratio of variances.",
        ),
    ],
)
def check_delta_for_efficiency(answer):
    r"""The price list.

    Write `delta_for(efficiency)`: the threshold, in standard deviations, at which Huber's estimate of
    a location has the given efficiency on normal data, for any efficiency between `0.7` and `0.99`.
    """
    t = np.linspace(-9, 9, 200_001)
    density = stats.norm.pdf(t) * (t[1] - t[0])
    worst, witness = 0.0, None
    for wanted in (0.7, 0.8, 0.9, 0.95, 0.99):
        delta = float(answer(wanted))
        psi = huber_gradient(t, np.zeros_like(t), delta=delta)
        gap = abs((psi @ (t * density)) ** 2 / (psi**2 @ density) - wanted)
        if beyond(gap, worst):
            worst, witness = gap, {"efficiency": wanted, "delta": delta}
    message = "" if worst < 1e-4 else f"the efficiency is {worst:.2g} away from the wanted one at {witness}"
    return Result(worst < 1e-4, "verified", 5, worst, witness, message)


@exercise_for(
    "robust.5",
    stub="point = (4.0, -5.0)",
    hints=[
        "What the loss bounds is the sign of the residual. What is not bounded?",
        "Add up |x| over the good points. Which x outweighs them all?",
    ],
    mistakes=[
        ((0.0, -5.0), "At x = 0 a point only lifts or lowers the line. Where does a point turn it?"),
        ((4.0, -5.0), "Within |x| ≤ 4 the nine good points together outweigh any target."),
        ((19.0, -5.0), "Far out, but the good points still outweigh it. Add up their |x|."),
    ],
)
def check_break_absolute_error(answer):
    r"""Break it.

    Nine points lie at $x = -4, -3, \dots, 4$, exactly on $y = x$. Give one further point `(x, y)` with
    $|x| < 40$ and $|y| \le 5$ that turns the slope of the absolute-error fit (with intercept) *negative*. Try first to do it
    with $|x| \le 4$.
    """
    bad = tuple(map(float, answer))
    if not (abs(bad[0]) < 40 and abs(bad[1]) <= 5):
        return Result(False, "enumerated", message=f"{bad} is outside the allowed region")
    x, y = np.append(np.arange(-4.0, 5), bad[0]), np.append(np.arange(-4.0, 5), bad[1])
    pairs = [(i, k) for i in range(10) for k in range(i) if x[i] != x[k]]  # a best line passes through two of the points
    slopes = np.array([(y[i] - y[k]) / (x[i] - x[k]) for i, k in pairs])
    costs = [np.abs(y - y[i] - slope * (x - x[i])).sum() for (i, _), slope in zip(pairs, slopes)]
    steepest = slopes[np.isclose(costs, min(costs), rtol=1e-12)].max()
    message = "" if steepest < 0 else f"with your point at x = {bad[0]:g} a line of slope {steepest:.3g} is best"
    return Result(bool(steepest < 0), "enumerated", len(pairs), float(steepest), message=message)
