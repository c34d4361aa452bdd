import numpy as np
from sympy import log

from lossbook.derive import K, p


def diagnose_1(low, high, classes):
    """The label at the top, all others at the bottom. Cosines with 1000 classes: at best log(1 + 999/e²), 4.9 of 6.9 nats."""
    return np.log(1 + (classes - 1) * np.exp(low - high))


def diagnose_2():
    """Each prediction is best at the median of all the targets."""
    return 4.0


def diagnose_3(x, x_val):
    """Sets of rows: the order and the number of copies in the training set do not matter."""
    known = {tuple(row) for row in x}
    return sum(tuple(row) in known for row in x_val)


def diagnose_4():
    """Smallest at p = 1/K, where it is log K; any other p costs more."""
    return -log(p) / K - (K - 1) / K * log((1 - p) / (K - 1))
