import numpy as np
from sympy import symbols


def reduction_1():
    """n times λ belongs to the sum, and C is its inverse: 1 / (800 · 0.002)."""
    return 1 / (800 * 0.002)


def reduction_2(means, counts):
    """Sums from means, without the batches that held nothing; then one division by the count of the whole."""
    held = counts > 0
    return np.sum(means[held] * counts[held]) / np.sum(counts)


def reduction_3(pred, target, valid):
    """The masked entries never enter a calculation."""
    slope = np.zeros_like(pred)
    slope[valid] = 2 * (pred[valid] - target[valid]) / valid.sum()
    return slope


def reduction_4():
    """Three, two or one heavy examples, each case with its probability and its share."""
    p, w = symbols("p w", nonnegative=True)
    two, one = 3 * p**2 * (1 - p), 3 * p * (1 - p) ** 2
    return p**3 + two * 2 * w / (2 * w + 1) + one * w / (w + 2)


def reduction_5():
    """Two parts of one token with loss 1, and one part of 98 tokens with loss 0: 2/3 against 1/50."""
    return [[1.0], [1.0], [0.0] * 98]
