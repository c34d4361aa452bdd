"""Exercises of the chapter on sequences."""

import itertools

import numpy as np

from lossbook._result import Result
from lossbook._symbols import Z, logsumexp
from lossbook.exercises import exercise_for, same_formula, same_function


def _bits(perplexity, tokens, characters):
    return np.sum(tokens * np.log2(perplexity)) / np.sum(characters)


@exercise_for(
    "sequence.1",
    stub="""
        def bits_per_character(perplexity, tokens, characters):
            return np.mean(np.log2(perplexity))
        """,
    hints=[
        "What is the loss of one whole document, in bits? A perplexity and a number of tokens tell it.",
        "Add up the bits of all documents first. Then divide, once.",
    ],
    mistakes=[
        (
            lambda perplexity, tokens, characters: np.sum(tokens * np.log2(perplexity)) / np.sum(tokens),
            "These are bits per token. The tokeniser must drop out.",
        ),
        (
            lambda perplexity, tokens, characters: np.mean(tokens * np.log2(perplexity) / characters),
            "Each document is right, but their mean counts a short document as much as a long one.",
        ),
        (
            lambda perplexity, tokens, characters: np.sum(tokens * np.log(perplexity)) / np.sum(characters),
            "The division is right. Which logarithm counts bits?",
        ),
    ],
)
def check_bits_per_character(answer):
    """Pooling.

    A report gives, for each of several documents, the perplexity per token, the number of tokens and the number of characters.
    Write `bits_per_character(perplexity, tokens, characters)`, three arrays, for all documents together.
    """
    cases = [
        (np.array([30.0, 12.0]), np.array([100.0, 1000.0]), np.array([450.0, 4100.0])),
        (np.array([2.0, 4.0, 8.0]), np.array([6.0, 3.0, 2.0]), np.array([6.0, 6.0, 6.0])),
    ]
    return same_function(answer, _bits, cases)


@exercise_for(
    "sequence.2",
    stub='shift = "0"',
    hints=[
        "Adding a constant to all logits does not change the cross-entropy. What does it do to log Z?",
        "Both terms can be at their best at once. At which log Z is the second term least?",
    ],
    mistakes=[
        ("logsumexp(Z)", "After this shift log Z is twice as large. The sign matters."),
        (
            "-Sum(Z[k], (k, 1, K)) / K",
            "This makes the mean of the logits 0. The z-loss looks at log Z, which is not their mean.",
        ),
    ],
)
def check_shift(answer):
    r"""The constant that nobody sees.

    A network gives good probabilities, but its logits $z$ have drifted. Which constant must be added to all $K$ logits
    so that the sum of cross-entropy and $\lambda (\log Z)^2$ is as small as any constant can make it? Give a formula in the
    letters of the book, as text or in SymPy, such as `"Sum(Z[k], (k, 1, K))"`.
    """
    return same_formula(answer, -logsumexp(Z))


def _count(labels, steps):
    """The number of alignments of labels with steps, by the table of CTC with ones."""
    cells = [0] + [c for label in labels for c in (label, 0)]
    total = [int(s < 2) for s in range(len(cells))]
    for _ in range(steps - 1):
        before = [0, 0, *total]
        total = [
            before[s + 2] + before[s + 1] + (before[s] if c != 0 and s > 1 and c != cells[s - 2] else 0)
            for s, c in enumerate(cells)
        ]
    return sum(total[-2:])


def _distinct(labels, steps):
    from math import comb

    return comb(steps + len(labels), 2 * len(labels))


def _every_jump(labels, steps):
    """The table that jumps over the blank between two equal labels as well."""
    return _distinct(labels, steps) if len(labels) else 1


def _no_blanks(labels, steps):
    from math import comb

    return comb(steps - 1, len(labels) - 1) if labels else 1


@exercise_for(
    "sequence.3",
    stub="""
        def count(labels, steps):
            return steps ** len(labels)
        """,
    hints=[
        "Start with two steps: list all pairs of classes and read each of them.",
        "The table of the chapter takes numbers of any kind. Which probabilities turn a sum of products into a count?",
        "Do not forget that a path may not jump over the blank between two equal labels.",
    ],
    mistakes=[
        (_every_jump, "Right as long as no label is repeated. What must stand between two equal labels?"),
        (_no_blanks, "These are the alignments without blanks."),
    ],
)
def check_count(answer):
    """How many alignments?

    Write `count(labels, steps)`: the number of alignments that CTC adds up for a list of `labels` (whole numbers from 1) and a
    number of `steps`, as a whole number. Labels may be repeated, and there may be too few steps.
    """
    cases = [([1], 3), ([1, 2], 4), ([1, 2, 3], 8), ([1, 1], 2), ([1, 1], 4), ([1, 2, 2, 2], 9), ([], 5)]
    return same_function(answer, _count, cases)


@exercise_for(
    "sequence.4",
    stub="p = [[0.1, 0.9], [0.9, 0.1]]",
    hints=[
        "Two steps and one label are enough. Write down the four alignments, and what each of them says.",
        "The empty string has one alignment, the label has three. Make that one the most probable, and the three more together.",
    ],
    mistakes=[
        ([[0.9, 0.1], [0.9, 0.1]], "The most probable alignment says nothing, and that is here the most probable string too."),
        ([[0.4, 0.6], [0.4, 0.6]], "The label leads at each step, and as a string as well. Which class should lead?"),
    ],
)
def check_greedy(answer):
    """The most probable path is not the most probable string.

    It is common to decode a CTC network by the most probable class of every step. Give a list `p` of probabilities, one row per
    step (at most six), the blank first, at most four classes, for which the string read off in this way is *not* the most
    probable string. No two classes of a row may be equally probable.
    """
    p = np.asarray(answer, float)
    if p.ndim != 2 or not (1 <= p.shape[0] <= 6 and 2 <= p.shape[1] <= 4):
        return Result(False, "enumerated", message=f"rows of probabilities are expected, and your array has the shape {p.shape}")
    if (p < 0).any() or not np.allclose(p.sum(axis=1), 1):
        return Result(
            False, "enumerated", message=f"the rows add up to {p.sum(axis=1).round(4).tolist()}, or an entry is negative"
        )
    if any(len(np.unique(row)) < len(row) for row in p):
        return Result(False, "enumerated", message="two classes of one step are equally probable")
    strings = {}
    for path in itertools.product(range(p.shape[1]), repeat=len(p)):
        string = tuple(c for c, _ in itertools.groupby(path) if c)
        strings[string] = strings.get(string, 0.0) + float(np.prod(p[np.arange(len(p)), path]))
    greedy = tuple(int(c) for c, _ in itertools.groupby(p.argmax(axis=1)) if c)
    ahead = max(strings.values()) - strings[greedy]
    shown = " ".join(map(str, greedy)) or "nothing"
    message = f"the most probable path says {shown}, and with {strings[greedy]:.3g} no string is more probable"
    right = ahead > 1e-9
    return Result(right, "enumerated", p.shape[1] ** len(p), ahead, message="" if right else message)
