"""Solutions to the exercises of "Two centuries of losses"."""

import numpy as np


def boscovich_line(x, y):
    u, v = x - x.mean(), y - y.mean()  # the line passes through the means
    order = np.argsort(v / u)
    share = np.cumsum(np.abs(u)[order]) / np.abs(u).sum()
    return (v / u)[order][np.searchsorted(share, 0.5)]  # the median of the slopes, weighted by |u|


def weight_of_charbonnier(r, scale):
    return 1 / np.sqrt(1 + (r / scale) ** 2)


def two_valleys():
    return [0.0, 0.1, 0.2, 5.0, 5.1]  # three here, two there, and neither group sees the other


def cheaper_insurance():
    return 0.98


SOLUTIONS = {
    "boscovich-line": boscovich_line,
    "weight-of-charbonnier": weight_of_charbonnier,
    "two-valleys": two_valleys(),
    "cheaper-insurance": cheaper_insurance(),
}
STUBS = {
    "boscovich-line": lambda x, y: np.polyfit(x, y, 1)[0],
    "weight-of-charbonnier": lambda r, scale: 1 / (1 + (r / scale) ** 2),
    "two-valleys": [0.0, 0.1, 0.2, 0.3],
    "cheaper-insurance": 1.21,
}
