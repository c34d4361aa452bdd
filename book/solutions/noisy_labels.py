import numpy as np


def labels_1(noisy, rate, classes):
    """Noisy accuracy = rate / (K - 1) + (1 - rate K / (K - 1)) × clean accuracy, solved for the clean one."""
    lift = rate / (classes - 1)
    return (noisy - lift) / (1 - rate * classes / (classes - 1))


def labels_2():
    """1 - ε = ε / (K - 1): the right label is as frequent as each wrong one, and each has probability 1 / K."""
    return "1 - 1/K"


def labels_3(true, given, classes):
    """Count the pairs; row k, divided by the number of images of class k, is a distribution over labels."""
    counts = np.zeros((classes, classes))
    np.add.at(counts, (true, given), 1)
    return counts / counts.sum(axis=1, keepdims=True)


def labels_4():
    """The first class loses 0.4 of 0.5 to the second: 0.3 are left, and 0.3 + 0.2 are seen there."""
    return [[0.6, 0.4, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
