import numpy as np


def mask_1(p, y, keep):
    """An ignored pixel is 0 in both masks: then it adds nothing to any of the three sums."""
    p, y = p * keep, y * keep
    return 1 - 2 * np.sum(p * y) / np.sum(p + y)


def mask_2():
    """The best constant is the square root of the probability, so the probability is its square."""
    return 0.6**2


def mask_3():
    """Marking a pixel pays where its probability exceeds a / (u + a); divide by u and write 1 - L for a / u."""
    return "(1 - L) / (2 - L)"


def mask_4(p):
    """Of the n masks that hold the k most probable pixels, the best one: its pixels lie above half of its score."""
    ordered = np.sort(p)[::-1]
    score = 2 * np.cumsum(ordered) / (np.arange(1, len(p) + 1) + p.sum())
    return p > score.max() / 2


def mask_5():
    """The first finds the four pixels and misses the one; the second finds half of the four, and the one."""
    target = [[1, 1, 1, 1], [1, 0, 0, 0]]
    first = [[1, 1, 1, 1], [0, 0, 0, 0]]
    second = [[1, 1, 0, 0], [1, 0, 0, 0]]
    return target, first, second
