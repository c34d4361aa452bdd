"""Exercises of the chapter "The gradient the optimiser sees"."""

import math

import numpy as np
from scipy import special

from lossbook._result import Result, beyond
from lossbook.exercises import exercise_for


def _one_hot(logits, label):
    return np.eye(len(logits))[label]


def _naive_softmax(logits):
    with np.errstate(all="ignore"):
        return np.exp(logits) / np.exp(logits).sum()


@exercise_for(
    "gradient.1",
    stub="""
        def gradient(logits, label):
            return np.zeros_like(logits)
        """,
    hints=[
        "The gradient is prediction minus target.",
        "Subtract the largest logit before you take exponentials: softmax does not change.",
    ],
    mistakes=[
        (
            lambda logits, label: _one_hot(logits, label) - special.softmax(logits),
            "The sign: a step against the gradient must raise the logit of the label.",
        ),
        (lambda logits, label: special.softmax(logits), "This is the prediction. What has to be subtracted?"),
        (lambda logits, label: _naive_softmax(logits) - _one_hot(logits, label), "Right for small logits. What is exp(1000)?"),
    ],
)
def check_softmax_gradient(answer):
    r"""The gradient of softmax cross-entropy.

    Write `gradient(logits, label)`: the gradient of softmax cross-entropy for one example, `logits` being a NumPy vector
    and `label` the index of the true class. It must also work for logits such as `[1000.0, 0.0]`."""
    from lossbook import card

    rng = np.random.default_rng(0)
    cases = [(3 * rng.standard_normal(size), int(rng.integers(size))) for size in (2, 3, 5, 10)] + [(np.array([1000.0, 0.0]), 1)]
    worst, message = 0.0, ""
    for logits, label in cases:
        got = np.asarray(answer(logits.copy(), label), float)
        if got.shape != logits.shape:
            return Result(False, "verified", message=f"for {len(logits)} logits your answer has the shape {got.shape}")
        gap = float(np.max(np.abs(got - card("softmax_cross_entropy").gradient(logits, np.asarray(label)))))
        if beyond(gap, worst):
            worst, message = gap, f"at logits {logits.round(2).tolist()} and label {label} your answer is {got.round(4).tolist()}"
    return Result(worst < 1e-10, "verified", points=len(cases), worst=worst, message=message)


@exercise_for(
    "gradient.2",
    stub="p = 0.9",
    hints=[
        "At target 0 the loss is the mirror image of the one at target 1: put 1 - p in the place of p.",
        "Solve 3 (1 - p) - 1 < 0.",
    ],
    mistakes=[
        (1 / 3, "That is where the loss with target 1 changes. Mirror it."),
        (0.5, "At one half the slope is steepest in p, not in z. The second derivative is by the logit."),
    ],
)
def check_concave(answer):
    r"""Where Newton walks away.

    The target is 0 and the loss is $\sigma(z)^2$. Above which predicted probability of class 1 is this loss concave, so that
    Newton's method walks away from the target? Give a number."""
    p = float(answer)
    if not 0 < p < 1:
        return Result(False, "verified", message=f"{p} is not a probability strictly between 0 and 1")

    def curvature(p):
        z, step = math.log(p / (1 - p)), 1e-3
        loss = [(1 / (1 + math.exp(-z - h))) ** 2 for h in (-step, 0.0, step)]
        return (loss[0] - 2 * loss[1] + loss[2]) / step**2

    below, above = curvature(p - 0.002), curvature(p + 0.002)
    message = f"the curvature is {below:.4f} just below p = {p:g} and {above:.4f} just above"
    return Result(above < 0 < below, "verified", points=2, message=message)


@exercise_for(
    "gradient.3",
    stub="""
        def safe_rate(x):
            return 0.1
        """,
    hints=[
        "Which matrix is never exceeded by the Hessian of the mean loss?",
        "2 / L, with L the largest eigenvalue of XᵀX / (4n).",
    ],
    mistakes=[
        (
            lambda x: 2 / np.linalg.eigvalsh(x.T @ x / len(x)).max(),
            "Safe, but four times too careful: how large can p (1 - p) be?",
        ),
        (lambda x: 8 / np.linalg.norm(x, 2) ** 2, "The loss is a mean. Where does n enter?"),
        (
            lambda x: 4 * len(x) / np.linalg.norm(x, 2) ** 2,
            "1/L is the best rate for a bound on one step. Descent stays stable further: how far?",
        ),
    ],
)
def check_safe_rate(answer):
    r"""A safe learning rate.

    Write `safe_rate(x)`: the number below which every learning rate is safe for gradient descent on the *mean* logistic
    loss of a linear model with the inputs `x` of shape (n, d), whatever the labels and the start."""
    rng, worst, message = np.random.default_rng(1), 0.0, ""
    for n, d in ((5, 2), (40, 3), (200, 7)):
        x = rng.standard_normal((n, d)) * rng.uniform(0.1, 5, d)
        want = 8 * n / np.linalg.norm(x, 2) ** 2  # the squared singular value is the eigenvalue of XᵀX
        gap = abs(float(answer(x)) / want - 1)
        if beyond(gap, worst):
            worst, message = (
                gap,
                f"for random inputs of shape {n} x {d} your answer is {answer(x):.4g}; its relative error is {gap:.2g}",
            )
    return Result(worst < 1e-8, "verified", points=3, worst=worst, message=message)


@exercise_for(
    "gradient.4",
    stub="""
        def floor(K):
            return 0.0
        """,
    hints=[
        "What is the best vector that the first softmax can give?",
        "Cross-entropy of the logits (1, 0, ..., 0) with label 0.",
    ],
    mistakes=[
        (lambda K: np.log(K), "That is the loss of a network that knows nothing. What can it reach at best?"),
        (lambda K: np.log(1 + (K - 1) * np.exp(-1)) + 1, "Nearly: how large is the logit of the label, and was it subtracted?"),
    ],
)
def check_softmax_twice(answer):
    r"""Softmax, twice.

    Write `floor(K)`: the number that the cross-entropy of $K$ classes cannot go below when its input has already been
    through a softmax."""
    from lossbook import softmax_cross_entropy

    for classes in (2, 3, 10, 1000):
        sure = np.zeros(classes)
        sure[0] = 1.0
        want, got = float(softmax_cross_entropy(sure, np.asarray(0))), float(answer(classes))
        if not abs(got - want) < 1e-9:
            side = "above" if got > want else "below"
            return Result(
                False,
                "verified",
                message=f"for K = {classes} your answer {got:.4f} is {side} the smallest loss that can be reached",
            )
    return Result(True, "verified", points=4)


@exercise_for(
    "gradient.5",
    stub="""
        def newton_step(weights, x, y):
            return weights
        """,
    hints=[
        "The gradient is Xᵀ(p - y) / n, with p the sigmoid of the logits.",
        "The Hessian is Xᵀ diag(p (1 - p)) X / n; np.linalg.solve(hessian, gradient) is the step.",
    ],
    mistakes=[
        (
            lambda weights, x, y: weights - x.T @ (special.expit(x @ weights) - y) / len(y),
            "This is a gradient step of rate 1. Newton's step is measured by the curvature.",
        ),
        (
            lambda weights, x, y: (
                weights - np.linalg.solve(x.T @ x / (4 * len(y)), x.T @ (special.expit(x @ weights) - y) / len(y))
            ),
            "You use the bound 1/4 in place of the curvature p (1 - p): it converges, but not in 8 steps.",
        ),
    ],
)
def check_newton(answer):
    r"""A Newton step.

    Write `newton_step(weights, x, y)`: the weights after one Newton step on the mean logistic loss, for inputs `x` (n, d) and
    targets `y` (n,) of 0 and 1. Then see in how many steps it finds the optimum for the data of this chapter."""
    rng = np.random.default_rng(2)
    x, weights = rng.standard_normal((60, 3)), np.zeros(3)
    y = (rng.random(60) < 1 / (1 + np.exp(-x @ [1.0, -0.5, 0.2]))).astype(float)
    for _ in range(8):
        weights = np.asarray(answer(weights, x, y), float)
    slope = float(np.linalg.norm(x.T @ (1 / (1 + np.exp(-x @ weights)) - y) / 60))
    message = f"after 8 steps on a random problem the gradient still has the length {slope:.2g}"
    return Result(slope < 1e-12, "verified", points=1, worst=slope, message=message)
