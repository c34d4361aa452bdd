"""Exercises of the chapter on noisy labels."""

import numpy as np

from lossbook._result import Result
from lossbook._symbols import K
from lossbook.exercises import exercise_for
from lossbook.exercises._judge import same_formula, same_function


def _accuracy(noisy, rate, classes):
    return (noisy - rate / (classes - 1)) / (1 - rate * classes / (classes - 1))


@exercise_for(
    "labels.1",
    stub="""
        def clean_accuracy(noisy, rate, classes):
            return noisy
        """,
    hints=[
        "Write the noisy accuracy as a function of the clean one first. A prediction can agree with a noisy label in two ways.",
        "A right prediction meets the label with probability 1 - rate. A wrong one meets it if the label has moved there.",
        "Noisy accuracy = lift + slope × clean accuracy, with the lift rate / (classes - 1). Solve for the clean one.",
    ],
    mistakes=[
        (
            lambda noisy, rate, classes: noisy / (1 - rate),
            "This forgets that a wrong prediction sometimes meets a wrong label by luck.",
        ),
        (
            lambda noisy, rate, classes: noisy / (1 - rate * classes / (classes - 1)),
            "The slope is right. What does a model score whose predictions are never right?",
        ),
        (
            lambda noisy, rate, classes: (noisy - rate / classes) / (1 - rate),
            "Here a wrong label may be the true class, too. In this chapter it is one of the other classes.",
        ),
    ],
)
def check_clean_accuracy(answer):
    r"""The accuracy behind the noise.

    A model has the accuracy `noisy` on validation labels of which a share `rate` is wrong: symmetric noise, a wrong label is any
    of the other classes, equally often. Write `clean_accuracy(noisy, rate, classes)`: the expected accuracy on the true labels.
    """
    cases = [(0.5, 0.4, 10), (0.3, 0.0, 4), (0.61, 0.2, 2), (0.1, 0.5, 10), (0.25, 0.6, 100)]
    return same_function(answer, _accuracy, cases)


@exercise_for(
    "labels.2",
    stub='rate = "1/2"',
    hints=[
        "At this rate the labels say nothing at all about the class. What does then hold for the entries of a row of T?",
        "Every label, right or wrong, is equally likely: set 1 - ε equal to ε / (K - 1).",
    ],
    mistakes=[
        ("1/2", "Right for two classes. With ten, the right label can be the most frequent one although most labels are wrong."),
        ("1/K", "This is the probability of each label at that point. The question is the share of wrong ones."),
        ("(K - 1) / (K + 1)", "Compare one right entry of a row with one wrong entry, not with all of them and more."),
    ],
)
def check_breakdown(answer):
    r"""How much is too much?

    Up to which share $\epsilon$ of symmetrically wrong labels does the most frequent label remain the true class, among $K$
    classes? Give the formula, as text or in SymPy, in `K`.
    """
    return same_formula(answer, 1 - 1 / K)


@exercise_for(
    "labels.3",
    stub="""
        def transition(true, given, classes):
            return np.eye(classes)
        """,
    hints=[
        "Count first: how many images of class k carry the label l?",
        "Row k is a distribution: which total must it be divided by?",
    ],
    mistakes=[
        (
            lambda true, given, classes: (lambda c: c / c.sum(0))(np.eye(classes)[true].T @ np.eye(classes)[given]),
            "Your columns add up to one. That is the distribution of the class given the label; T is the other way round.",
        ),
        (
            lambda true, given, classes: (lambda c: c / c.sum(1, keepdims=True))(
                np.eye(classes)[given].T @ np.eye(classes)[true]
            ),
            "The rows of T belong to the true classes, its columns to the labels.",
        ),
        (
            lambda true, given, classes: np.eye(classes)[true].T @ np.eye(classes)[given] / len(true),
            "These are joint frequencies; they add up to one over the whole matrix. Each row should.",
        ),
    ],
)
def check_transition(answer):
    r"""T from trusted images.

    For some images you have looked up the `true` class, and you know the `given` label; both are arrays of integers from 0.
    Write `transition(true, given, classes)`: the estimate of $T$ by counting. Every class occurs among the true ones.
    """
    rng = np.random.default_rng(3)
    cases = []
    for classes, count in ((2, 9), (3, 40), (5, 60)):
        true = np.append(np.arange(classes), rng.integers(0, classes, count))
        given = np.where(rng.random(len(true)) < 0.6, true, rng.integers(0, classes, len(true)))
        cases.append((true, given, classes))

    def counted(true, given, classes):
        counts = np.zeros((classes, classes))
        np.add.at(counts, (true, given), 1)
        return counts / counts.sum(axis=1, keepdims=True)

    return same_function(answer, counted, cases)


@exercise_for(
    "labels.4",
    stub="T = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]",
    hints=[
        "The labels come from the distribution Tᵀq. Which entry should become the largest?",
        "Let the first class lose as much as is allowed, and let all of it go to one class.",
        "The second class may keep all of its own labels.",
    ],
    mistakes=[
        (
            [[0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0.2, 0.2, 0.6]],
            "Symmetric noise never changes the order of the classes. Send the wrong labels somewhere.",
        ),
        (
            [[0.4, 0.6, 0], [0, 1, 0], [0, 0, 1]],
            "More than two fifths of the first class are labelled wrongly. Less is enough.",
        ),
        (
            [[0.6, 0.4, 0], [0.4, 0.6, 0], [0.4, 0, 0.6]],
            "The first class loses labels to the second, and wins as many back. Let the second keep its own.",
        ),
    ],
)
def check_changed_decision(answer):
    r"""A transition that changes the decision.

    At some input the classes have the probabilities $q = (0.5, 0.3, 0.2)$. Give a matrix $T$ in which every class keeps at least
    three fifths of its labels, and for which the optimum of cross-entropy on the noisy labels still decides for another class
    than the first, by at least `0.01`.
    """
    matrix = np.asarray(answer, float)
    if matrix.shape != (3, 3):
        return Result(False, "enumerated", message=f"T needs three rows and three columns, yours has the shape {matrix.shape}")
    if not (np.all(matrix >= 0) and np.allclose(matrix.sum(1), 1)):
        return Result(False, "enumerated", message="each row must be a distribution: not negative, and adding up to one")
    least = int(np.argmin(np.diag(matrix)))
    if matrix[least, least] < 0.6 - 1e-12:
        message = f"class {least + 1} keeps only {matrix[least, least]:.3g} of its labels"
        return Result(False, "enumerated", 1, float(matrix[least, least]), message=message)
    seen = np.array([0.5, 0.3, 0.2]) @ matrix
    lead = float(seen[1:].max() - seen[0])
    message = (
        "" if lead >= 0.01 - 1e-12 else f"the labels have the distribution {seen.round(3).tolist()}: still for the first class"
    )
    return Result(bool(lead >= 0.01 - 1e-12), "enumerated", 1, lead, message=message)
