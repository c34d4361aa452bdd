"""Exercises of the chapter "From scratch to PyTorch"."""

import numpy as np
from scipy import optimize

from lossbook._result import Result
from lossbook.exercises import exercise_for


def _heavy_ball(value, gradient, velocity, lr, momentum):
    velocity = momentum * velocity + gradient
    return value - lr * velocity, velocity


@exercise_for(
    "code.1",
    stub="""
        def tanh_backward(d_hidden, hidden):
            return d_hidden
        """,
    hints=[
        "By the chain rule, multiply by the slope of tanh at each unit.",
        "The slope of tanh is 1 minus the square of its value.",
    ],
    mistakes=[
        (lambda d_hidden, hidden: d_hidden * (hidden > 0), "This is the slope of ReLU."),
        (lambda d_hidden, hidden: d_hidden * (1 - np.tanh(hidden) ** 2), "`hidden` has been through the tanh already."),
    ],
)
def check_tanh(answer):
    r"""Backwards through tanh.

    Replace the ReLU of this chapter by $\tanh$. Write `tanh_backward(d_hidden, hidden)`, the line that computes `d_before`:
    `hidden` holds the values *after* the tanh, `d_hidden` the derivative of the loss by them."""
    rng = np.random.default_rng(0)
    before, d_hidden, step = rng.standard_normal((7, 4)), rng.standard_normal((7, 4)), 1e-6
    got = np.asarray(answer(d_hidden.copy(), np.tanh(before)), float)
    want = d_hidden * (np.tanh(before + step) - np.tanh(before - step)) / (2 * step)
    if got.shape != want.shape:
        return Result(False, "verified", message=f"for inputs of shape (7, 4) your answer has the shape {got.shape}")
    gap = np.abs(got - want)
    at = np.unravel_index(gap.argmax(), gap.shape)
    message = f"where before = {before[at]:.3f} and d_hidden = {d_hidden[at]:.3f} your answer is {got[at]:.4f}"
    return Result(gap.max() < 1e-8, "verified", points=28, worst=float(gap.max()), message=message)


@exercise_for(
    "code.2",
    stub="""
        def combine(means, counts):
            return means[0]
        """,
    hints=[
        "What is the sum of the losses of one micro-batch?",
        "A mean times its count is a sum; a part without examples adds nothing.",
    ],
    mistakes=[
        (lambda means, counts: sum(means) / len(means), "Three examples weigh as much as 97 here."),
        (lambda means, counts: np.dot(means, counts) / np.sum(counts), "Right, unless a part is empty: what is 0 times nan?"),
    ],
)
def check_combine(answer):
    r"""Means of micro-batches.

    Micro-batches report their mean losses, `means`, and how many examples each counted, `counts`. Write
    `combine(means, counts)`: the mean over all examples. A part that counted nothing reports the mean `nan` and the count 0."""
    cases = [
        ([1.0, 2.0], [10, 10], 1.5),
        ([2.0, 1.0], [3, 97], 1.03),
        ([0.5, float("nan"), 2.5], [6, 0, 2], 1.0),
    ]
    for means, counts, want in cases:
        got = float(answer(list(means), list(counts)))
        if not abs(got - want) < 1e-12:
            return Result(False, "verified", message=f"for means {means} and counts {counts} your answer is {got:.4g}")
    return Result(True, "verified", points=len(cases))


@exercise_for(
    "code.3",
    stub="""
        def nesterov(value, gradient, velocity, lr, momentum):
            return value - lr * gradient, velocity
        """,
    hints=[
        "The velocity is the same as for plain momentum: momentum times the old one, plus the gradient.",
        "The parameter moves by lr times (gradient + momentum times the new velocity).",
    ],
    mistakes=[
        (_heavy_ball, "This is plain momentum. Nesterov's step looks one velocity further."),
        (
            lambda value, gradient, velocity, lr, momentum: _heavy_ball(value, (1 + momentum) * gradient, velocity, lr, momentum),
            "The first step is right, and then the velocity has grown too fast: it adds up the plain gradients.",
        ),
    ],
)
def check_nesterov(answer):
    r"""Nesterov's momentum.

    Nesterov's momentum looks one step ahead. Write `nesterov(value, gradient, velocity, lr, momentum)`, which returns the new
    value and the new velocity, equal to `torch.optim.SGD(..., nesterov=True)`. The velocity starts at 0."""
    import torch

    target = torch.tensor([3.0, -1.0, 0.5], dtype=torch.float64)
    theirs = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([theirs], lr=0.1, momentum=0.8, nesterov=True)
    ours, velocity = np.zeros(3), np.zeros(3)
    for step in range(1, 11):
        optimizer.zero_grad()
        ((theirs - target) ** 4).sum().backward()
        gradient = 4 * (ours - target.numpy()) ** 3
        optimizer.param_groups[0]["lr"] = 0.01
        optimizer.step()
        ours, velocity = answer(ours, gradient, velocity, 0.01, 0.8)
        gap = float(np.max(np.abs(ours - theirs.detach().numpy())))
        if not gap < 1e-10:
            return Result(
                False,
                "verified",
                points=step,
                worst=gap,
                message=f"after step {step} the parameters differ from torch's by {gap:.2g}",
            )
    return Result(True, "verified", points=10)


@exercise_for(
    "code.4",
    stub="""
        def is_gradient(f, gradient, x):
            return True
        """,
    hints=[
        "Compare each entry with (f(x + h) - f(x - h)) / (2h), moving one entry of x at a time; h = 1e-6 suits float64.",
        "Compare relative to the size of the gradient: an error of one part in a thousand is an error.",
    ],
    mistakes=[
        (
            lambda f, gradient, x: np.allclose(gradient(x), optimize.approx_fprime(x, f, 1e-6), rtol=0.01),
            "The tolerance hides an error of one part in a thousand.",
        ),
        (
            lambda f, gradient, x: np.array_equal(gradient(x), optimize.approx_fprime(x, f, 1e-6)),
            "A difference quotient has an error of its own: ask for nearly equal.",
        ),
    ],
)
def check_gradient_test(answer):
    r"""A test of gradients.

    Write `is_gradient(f, gradient, x)`: whether the vector function `gradient` is the gradient of the scalar function `f` at
    the NumPy vector `x`. It must accept right gradients, and reject one that is wrong by 0.1 % in a single entry."""

    def f(x):
        return float(np.sum(np.exp(x)) + x[0] * x[-1] ** 2)

    def right(x):
        g = np.exp(x)
        g[0] += x[-1] ** 2
        g[-1] += 2 * x[0] * x[-1]
        return g

    def off_by(factor, entry):
        def gradient(x):
            g = right(x)
            g[entry] *= factor
            return g

        return gradient

    x = np.array([0.3, -0.7, 1.1, 0.2])
    cases = [(right, True, "a right gradient"), (lambda x: -right(x), False, "a gradient of the wrong sign")]
    cases += [
        (lambda x: 2 * right(x), False, "twice the gradient"),
        (off_by(1.001, 2), False, "a gradient wrong by 0.1 % in entry 2"),
    ]
    for gradient, want, name in cases:
        if bool(answer(f, gradient, x.copy())) != want:
            return Result(False, "verified", message=f"your test {'rejects' if want else 'accepts'} {name}")
    return Result(True, "verified", points=len(cases))
