import numpy as np


def quantile_1():
    """A missing loaf costs 5 - 2 = 3, a loaf left over 2 - 1 = 1, so τ = 3/4; the quantile solves 1 - exp(-t/100) = 3/4."""
    return 100 * np.log(4)


def quantile_2(raw):
    """The running sum starts from the lowest quantile; every increment is positive."""
    lowest, steps = raw[:, :1], np.logaddexp(0, raw[:, 1:])
    return np.concatenate([lowest, lowest + np.cumsum(steps, axis=1)], axis=1)


def quantile_3():
    """The integral of t² from 0 to y, and of (1 - t)² from y to 1: y² - y + 1/3, lowest at y = 1/2 with the value 1/12."""
    return "y**3/3 + (1 - y)**3/3"


def quantile_4(scores, alpha):
    """The rank among n + 1 places, rounded up; beyond n no score is large enough."""
    rank = int(np.ceil(round((len(scores) + 1) * (1 - alpha), 9)))
    return np.inf if rank > len(scores) else np.sort(scores)[rank - 1]


def quantile_5():
    """They enclose all targets, so the fair score is 0; a quarter of their distance is 25."""
    return -50.0, 50.0
