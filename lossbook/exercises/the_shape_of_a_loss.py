"""Exercises of the chapter "The shape of a loss"."""

import math

import numpy as np
from scipy import optimize

from lossbook._result import Result
from lossbook._symbols import theta
from lossbook.exercises import exercise_for
from lossbook.exercises._judge import same_formula, same_function, same_number


@exercise_for(
    "shape.1",
    stub="correlation = 0.9",
    hints=[
        "The Hessian of the mean squared error is twice the correlation matrix. Which are its eigenvectors?",
        "The eigenvectors are (1, 1) and (1, -1). Apply the matrix to them and divide the larger eigenvalue by the smaller.",
    ],
    mistakes=[
        (0.99, "This is one minus 1/100. The condition number is a ratio of two eigenvalues, and both of them move."),
        (1 - 1 / 200, "Twice too close to 1: write the ratio of the eigenvalues down and solve for the correlation."),
        (9999 / 10001, "This would be a condition number of 10000. Did you square the ratio?"),
    ],
)
def check_correlation(answer):
    r"""A narrow valley.

    Two standardised features have a positive correlation. For which correlation is the condition number of the mean squared
    error, as a function of the two weights, equal to 100? Give the number to four digits.
    """
    return same_number(answer, 99 / 101, rtol=5e-5)


def _steps(curvatures, lr, factor):
    rate = np.max(np.abs(1 - lr * np.asarray(curvatures)))
    return math.ceil(math.log(factor) / -math.log(rate)) if rate < 1 else math.inf


def _steps_of(choose):
    """A wrong answer that looks at one end of the spectrum only."""
    return lambda curvatures, lr, factor: _steps([choose(curvatures)], lr, factor)


@exercise_for(
    "shape.2",
    stub="""
        def steps(curvatures, lr, factor):
            return 1
        """,
    hints=[
        "In each direction a step multiplies the distance by 1 - lr · curvature. What matters is its absolute value.",
        "The largest of these absolute values is the rate. How often must it be multiplied to fall below 1 / factor?",
        "A rate of 1 or more never gets there.",
    ],
    mistakes=[
        (
            _steps_of(min),
            "The flattest direction is not always the slowest. What does a large learning rate do in the steepest one?",
        ),
        (
            _steps_of(max),
            "The steepest direction is not always the slowest. What does a small learning rate do in the flattest one?",
        ),
        (
            lambda curvatures, lr, factor: math.log(factor) * max(curvatures) / min(curvatures),
            "This is an estimate from the condition number. It does not know the learning rate; use the rate itself.",
        ),
    ],
)
def check_steps(answer):
    r"""How many steps?

    Write `steps(curvatures, lr, factor)`: the smallest number of steps of gradient descent on a quadratic after which the
    distance to the minimum is *certain* to have shrunk at least `factor` times in every direction. `curvatures` are the
    eigenvalues of the Hessian, all positive. Return `math.inf` if there is no such number.
    """
    cases = [
        (np.array([1.0, 10.0]), 0.05, 1000.0),
        (np.array([1.0, 10.0]), 0.19, 1000.0),
        (np.array([0.3, 2.0, 40.0]), 0.01, 1e6),
        (np.array([1.0, 10.0]), 0.25, 10.0),
    ]
    return same_function(answer, _steps, cases)


@exercise_for(
    "shape.3",
    stub='largest_rate = "2 / theta"',
    hints=[
        "Gradient descent can stay at a minimum only if the learning rate is below 2 divided by the sharpness there.",
        "The sharpness at this minimum is derived in the chapter: 2θ² + 2/θ².",
    ],
    mistakes=[
        (
            1 / (2 * theta**2 + 2 / theta**2),
            "This is 1 / sharpness, where a step goes exactly to the bottom. The bound is further.",
        ),
        (
            1 / theta**2,
            "You have used one entry of the diagonal. The sharpness is the sum of both, since the other eigenvalue is 0.",
        ),
        (2 * theta**2 + 2 / theta**2, "This is the sharpness itself. Which learning rates can live with it?"),
    ],
)
def check_largest_rate(answer):
    r"""Who can stay here?

    The loss $(uv - 1)^2$ has a minimum at $u = \theta$, $v = 1/\theta$ for every $\theta > 0$. Give, as a formula in $\theta$,
    the learning rate above which gradient descent cannot stay near this minimum: a SymPy expression in `theta` of
    `lossbook.derive`, or its text.
    """
    return same_formula(answer, 2 / (2 * theta**2 + 2 / theta**2), given=[theta > 0])


_THRESHOLD = optimize.brentq(lambda r: math.sinh(2 * r) - 4 * r, 0.5, 2)


@exercise_for(
    "shape.4",
    stub="border = 1.2",
    hints=[
        "From r the next iterate is r - sinh(2r)/2. What is it exactly at the border between coming closer and moving away?",
        "At the border the next iterate is -r. This is an equation for r, which scipy.optimize.brentq can solve.",
    ],
    mistakes=[
        (2 * _THRESHOLD, "You have solved for the double residual, 2r. Divide."),
        (optimize.brentq(lambda r: math.sinh(2 * r) - 2 * r - 2, 0.5, 2), "The next iterate has to be -r, not -1."),
        (math.asinh(1.0), "Here the sinh of r is 1. Which equation says that the distance to the minimum stays the same?"),
    ],
)
def check_border(answer):
    r"""The border of convergence.

    Newton's method for one log-cosh loss converges from small residuals and diverges from large ones. From which residual
    $r > 0$ on does it diverge? Give the number to four digits.
    """
    return same_number(answer, _THRESHOLD, rtol=5e-5)


def _output(w1, b1, w2, b2, x):
    return np.maximum(x @ w1 + b1, 0) @ w2 + b2


def _sharpness(w1, b1, w2, b2, x, y):
    """The largest eigenvalue of the Hessian, in its smooth part, of the mean squared error (one output)."""
    hidden = x @ w1 + b1
    on = (hidden > 0).astype(float)
    slope = on * w2[:, 0]  # (n, h)
    parts = [(x[:, :, None] * slope[:, None]).reshape(len(x), -1), slope, np.maximum(hidden, 0), np.ones((len(x), 1))]
    jacobian = np.concatenate(parts, axis=1)
    return np.linalg.eigvalsh(2 * jacobian.T @ jacobian / len(x))[-1]


def _network():
    rng = np.random.default_rng(4)
    w1, b1, w2, b2 = rng.normal(size=(3, 5)), rng.normal(size=5), rng.normal(size=(5, 1)), rng.normal(size=1)
    x = rng.normal(size=(60, 3))
    return (w1, b1, w2, b2), x, _output(w1, b1, w2, b2, x)


@exercise_for(
    "shape.5",
    stub="""
        def sharpen(w1, b1, w2, b2):
            return w1, b1, w2, b2
        """,
    hints=[
        "relu(α z) = α relu(z) for α > 0. What must be multiplied by α, and what divided by it?",
        "The Hessian entry of a weight grows like the square of the weights of the other layer. How far from 1 must α be?",
    ],
    mistakes=[
        (
            lambda w1, b1, w2, b2: (w1 / 20, b1, w2 * 20, b2),
            "The units bend somewhere else now. What belongs to their input besides w1?",
        ),
        (
            lambda w1, b1, w2, b2: (w1 / 20, b1 / 20, w2 * 20, b2 * 20),
            "The output has moved by a constant. Which bias comes after the units?",
        ),
        (lambda w1, b1, w2, b2: (w1 / 3, b1 / 3, w2 * 3, b2), "The function is the same, and it is sharper, but not by enough."),
    ],
)
def check_sharpen(answer):
    r"""A sharper network.

    A ReLU network with one output is `np.maximum(x @ w1 + b1, 0) @ w2 + b2`. It fits its 60 targets exactly. Write
    `sharpen(w1, b1, w2, b2)` that returns four arrays of the same shapes which give the *same function* for every `x`, but
    at which the Hessian of the mean squared error has a largest eigenvalue at least 50 times as large.
    """
    weights, x, y = _network()
    found = tuple(np.asarray(part, float) for part in answer(*(part.copy() for part in weights)))
    if len(found) != 4 or any(a.shape != b.shape for a, b in zip(found, weights, strict=True)):
        return Result(False, "verified", message="the four arrays must keep their shapes")
    gaps = np.abs(_output(*found, x) - y)[:, 0]
    i = int(np.argmax(gaps))
    if not gaps[i] < 1e-8:
        message = f"another function: at x = {x[i].round(2).tolist()} the output moves by {gaps[i]:.3g}"
        return Result(False, "verified", len(x), float(gaps[i]), message=message)
    times = float(_sharpness(*found, x, y) / _sharpness(*weights, x, y))
    message = "" if times >= 50 else f"the same function, {times:.3g} times as sharp"
    return Result(times >= 50, "verified", len(x), times, message=message)
