import numpy as np
from sympy import sympify

from lossbook._symbols import Z, logsumexp


def sequence_1(perplexity, tokens, characters):
    """Each document costs tokens · log2(perplexity) bits; all bits over all characters."""
    return np.sum(tokens * np.log2(perplexity)) / np.sum(characters)


def sequence_2():
    """Minus log Z: after it log Z is 0, the least of the z-loss, and the cross-entropy has not changed."""
    return sympify(-logsumexp(Z))


def sequence_3(labels, steps):
    """With ones for probabilities the sum over all alignments is their number."""
    cells = [0] + [c for label in labels for c in (label, 0)]
    total = [1 if s < 2 else 0 for s in range(len(cells))]
    for _ in range(steps - 1):
        new = []
        for s, c in enumerate(cells):
            paths = total[s] + (total[s - 1] if s > 0 else 0)
            if s > 1 and c != 0 and c != cells[s - 2]:
                paths += total[s - 2]
            new.append(paths)
        total = new
    return sum(total[-2:])


def sequence_4():
    """Blank, blank has 0.36 and says nothing; the three paths that read as the label have 0.64 together."""
    return [[0.6, 0.4], [0.6, 0.4]]
