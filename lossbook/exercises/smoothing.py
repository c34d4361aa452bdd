"""Exercises of the chapter on label smoothing, temperature and distillation."""

import numpy as np

from lossbook._result import Result
from lossbook.exercises import exercise_for
from lossbook.exercises._judge import same_formula, same_function


@exercise_for(
    "smoothing.1",
    stub="""
        def to_torch(eps, classes):
            return eps
        """,
    hints=[
        "Write the target of a wrong class in both conventions.",
        "Then compare the target of the label: both must agree with the same number.",
    ],
    mistakes=[
        (lambda eps, classes: eps * (classes - 1) / classes, "You have gone the other way: from torch to the other code."),
        (lambda eps, classes: eps * classes, "Close: into how many parts does the other code divide its share?"),
    ],
)
def check_to_torch(answer):
    r"""Two conventions.

    Other code gives the label $1-\epsilon$ and each wrong class $\epsilon/(K-1)$. Write `to_torch(eps, classes)`: the value of
    `label_smoothing` with which PyTorch uses the same target.
    """
    cases = [(0.1, 2), (0.1, 10), (0.3, 5), (0.05, 1000)]
    return same_function(answer, lambda eps, classes: eps * classes / (classes - 1), cases)


@exercise_for(
    "smoothing.2",
    stub="""
        def undo(p, eps):
            return p
        """,
    hints=[
        "At the optimum p = (1 - ε) q + ε/K. Solve it for q.",
        "K is the length of the last axis of p.",
    ],
    mistakes=[
        (lambda p, eps: p - eps / np.shape(p)[-1], "These do not add up to one: the other part of the target was scaled, too."),
        (lambda p, eps: p / (1 - eps), "The scale is right. What had been added to every class?"),
        (lambda p, eps: (p - eps) / (1 - eps), "How much of ε did each single class receive?"),
    ],
)
def check_undo(answer):
    r"""Undo the bias.

    A net is at the optimum of the cross-entropy with label smoothing (as in PyTorch) and gives the probabilities `p` (the last
    axis holds the classes). Write `undo(p, eps)`: the true class probabilities.
    """
    rng = np.random.default_rng(0)
    cases = []
    for eps, classes in ((0.1, 2), (0.2, 3), (0.3, 10)):
        true = rng.dirichlet(np.ones(classes), size=2)
        cases.append(((1 - eps) * true + eps / classes, eps))
    return same_function(answer, lambda p, eps: (p - eps / p.shape[-1]) / (1 - eps), cases)


@exercise_for(
    "smoothing.3",
    stub="gap = 'log((1 - epsilon) / epsilon)'",
    hints=[
        "At the optimum the softmax equals the target, so the gap is the logarithm of a ratio of targets.",
        "The teacher's part of the target for the first of two classes is sigmoid(z). What is the target of the mixture?",
    ],
    mistakes=[
        ("(1 - epsilon) * z", "You have mixed the logits. The mixture is one of probabilities."),
        ("log((1 - epsilon) / epsilon) + z", "The two parts of a mixture of targets do not multiply."),
        (
            "log((1 - epsilon + epsilon * sigmoid(z)) / (epsilon * sigmoid(z)))",
            "The numerator is right. Which probability does the teacher give to the second class?",
        ),
    ],
)
def check_gap(answer):
    r"""A smoothed label with a teacher in it.

    There are two classes. The target is $(1-\epsilon)$ times the hard label (the first class) plus $\epsilon$ times a teacher
    that gives the first class the probability $\sigma(z)$. Which gap between the two logits of the student is best? Give a
    formula in `epsilon` and `z`, as text or in SymPy, with `sigmoid`.
    """
    from lossbook._symbols import epsilon, log, sigmoid, z

    target = log((1 - epsilon + epsilon * sigmoid(z)) / (epsilon * (1 - sigmoid(z))))
    return same_formula(answer, target, given=[epsilon < 1])


@exercise_for(
    "smoothing.4",
    stub="student = [0.0, 0.0, 0.0]",
    hints=[
        "In the exchanged order the gradient of class k is q_k times something: make every q_k nearly zero or nearly one.",
        "The right order has the gradient q - p. When is that large?",
    ],
    mistakes=[
        ([5.0, 0.0, 0.0], "This student agrees with the teacher, so both gradients are small."),
        ([0.0, 4.0, 0.0], "The direction is right. Is the student sure enough?"),
        ([0.0, 6.0, 6.0], "Divided between two classes, the student still moves. Let it be sure of one."),
    ],
)
def check_stuck(answer):
    r"""Make a student that nobody can teach.

    A teacher has the logits $(5, 0, 0)$. Give three logits of a student, between $-20$ and 20, for which the gradient of
    $\mathrm{KL}(\text{teacher} \,\|\, \text{student})$ in the logits is longer than 1, while that of the exchanged
    $\mathrm{KL}(\text{student} \,\|\, \text{teacher})$ is shorter than `0.001`.
    """
    z = np.asarray(answer, float)
    if z.shape != (3,) or not np.all(np.abs(z) <= 20):
        return Result(False, "verified", message="three logits between -20 and 20 are wanted")
    log_q, log_p = (a - np.log(np.sum(np.exp(a))) for a in (z, np.array([5.0, 0.0, 0.0])))
    q, p = np.exp(log_q), np.exp(log_p)
    right = float(np.linalg.norm(q - p))
    exchanged = float(np.linalg.norm(q * (log_q - log_p - q @ (log_q - log_p))))
    message = (
        "" if right > 1 and exchanged < 1e-3 else f"right order: a gradient of length {right:.4g}; exchanged: {exchanged:.4g}"
    )
    return Result(not message, "verified", 1, exchanged, message=message)
