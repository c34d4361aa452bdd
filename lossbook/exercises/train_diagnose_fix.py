"""Exercises of the chapter on diagnosing a training run."""

import numpy as np
from sympy import log

from lossbook._symbols import K, p
from lossbook.exercises import exercise_for, same_formula, same_function, same_number


@exercise_for(
    "diagnose.1",
    stub="""
        def floor(low, high, classes):
            return 0.0
        """,
    hints=[
        "Which outputs are best for the label? Which are best for the other classes?",
        "Put the largest value at the label and the smallest at the others, and write the cross-entropy down.",
    ],
    mistakes=[
        (
            lambda low, high, classes: np.log(1 + (classes - 1) / np.e),
            "Right for outputs between 0 and 1. What enters is the distance between the two ends.",
        ),
        (
            lambda low, high, classes: np.log(1 + (classes - 1) * np.exp(-high)),
            "The other outputs can go down to `low`, which need not be 0.",
        ),
        (
            lambda low, high, classes: np.log(1 + classes * np.exp(low - high)),
            "Nearly: how many classes are there besides the label?",
        ),
    ],
)
def check_floor(answer):
    r"""The floor of a bounded output.

    A network ends in a tanh, or compares unit vectors, or applies a softmax: its outputs lie between `low` and `high`, and each
    can reach both ends. The loss is the cross-entropy of these outputs, taken as logits. Write `floor(low, high, classes)`, the
    smallest mean loss in nats that training could reach. (Then look at cosine similarities, between -1 and 1, with 1000 classes.)
    """
    cases = [(-0.5, 2.0, 10), (-1.0, 1.0, 10), (-1.0, 1.0, 1000), (-16.0, 16.0, 1000), (2.0, 2.5, 2)]

    def reference(low, high, classes):
        return np.log1p((classes - 1) * np.exp(low - high))

    return same_function(answer, reference, cases)


@exercise_for(
    "diagnose.2",
    stub="constant = 0.0",
    hints=[
        "Every prediction meets every target. Which single number is best for all of them?",
        "Which constant minimises the mean absolute deviation of the five targets?",
    ],
    mistakes=[
        (7.4, "That is the mean, which squared errors would give. Which constant is best for absolute errors?"),
        (10.5, "The middle of the range would minimise the largest error, not the mean of the errors."),
    ],
)
def check_broadcast_absolute(answer):
    r"""The wrong shape, with another loss.

    A regression with absolute errors is trained with predictions of shape `(5, 1)` against the targets
    `[1, 2, 4, 10, 20]` of shape `(5,)`, until it has converged. What does it predict, for every input?
    """
    return same_number(answer, 4.0, rtol=1e-6)


@exercise_for(
    "diagnose.3",
    stub="""
        def shared(x, x_val):
            return 0
        """,
    hints=[
        "The order of the rows says nothing: each validation row must be compared with all training rows.",
        "Count validation rows, not pairs. A row that stands twice in the training set counts once.",
    ],
    mistakes=[
        (
            lambda x, x_val: int((x[: len(x_val)] == x_val[: len(x)]).all(1).sum()),
            "This compares rows at the same position. A leak is seldom so polite.",
        ),
        (
            lambda x, x_val: int((x[:, None] == x_val).all(2).sum()),
            "This counts pairs. If a training row stands there twice, its copy in the validation set is counted twice.",
        ),
        (
            lambda x, x_val: int((x[:, None] == x_val).any(2).any(0).sum()),
            "This asks for one equal feature. The whole row must be equal.",
        ),
    ],
)
def check_leak(answer):
    r"""Find the leak.

    Write `shared(x, x_val)` that returns how many rows of the validation set `x_val` stand in the training set `x` too. Both are
    arrays with one row per example; the order is arbitrary, and rows may occur more than once.
    """
    rng = np.random.default_rng(0)

    def reference(x, x_val):
        known = {row.tobytes() for row in np.ascontiguousarray(x)}
        return sum(row.tobytes() in known for row in np.ascontiguousarray(x_val))

    cases = []
    for copies in (0, 3, 5):
        x = rng.integers(0, 4, (12, 3)).astype(float)
        x[-1] = x[0]  # a row that stands there twice
        x_val = np.concatenate([rng.integers(0, 4, (6, 3)) + 0.5 * (np.arange(3) == 0), x[:copies]])
        cases.append((x, rng.permutation(x_val)))
    return same_function(answer, reference, cases)


@exercise_for(
    "diagnose.4",
    stub="""
        from sympy import log
        from lossbook.derive import K, p

        expected = log(K)
        """,
    hints=[
        "The label is the favourite with probability 1/K, and one of the others with probability (K - 1)/K.",
        "Average the two losses, -log p and the negative logarithm of what each other class gets.",
    ],
    mistakes=[
        (-log(p), "This is the loss when the label is the favourite. How often is it?"),
        (
            -p * log(p) - (1 - p) * log((1 - p) / (K - 1)),
            "This is the entropy of the prediction: labels drawn as the model believes. Here they are drawn without looking.",
        ),
        (
            -log(p) / K - (K - 1) / K * log(1 - p),
            "Each of the other classes gets only its share of 1 - p.",
        ),
    ],
)
def check_expected_loss(answer):
    r"""The price of confidence.

    The labels are independent of the inputs, and all $K$ classes are equally frequent. A model gives one class the probability
    $p$ and shares the rest equally among the others. Give its expected cross-entropy as a formula in `p` and `K`. At which $p$ is
    it smallest, and what is it there?
    """
    return same_formula(answer, -log(p) / K - (K - 1) / K * log((1 - p) / (K - 1)), given=(p > 0, p < 1, K > 1))
