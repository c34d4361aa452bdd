"""Solutions to the exercises of "Two centuries of losses"."""

import numpy as np


def history_1(x, y):
    u, v = x - x.mean(), y - y.mean()  # the line passes through the means
    order = np.argsort(v / u)
    share = np.cumsum(np.abs(u)[order]) / np.abs(u).sum()
    return (v / u)[order][np.searchsorted(share, 0.5)]  # the median of the slopes, weighted by |u|


def history_2(r, scale):
    return 1 / np.sqrt(1 + (r / scale) ** 2)


def history_3():
    return [0.0, 0.1, 0.2, 5.0, 5.1]  # three here, two there, and neither group sees the other


def history_4():
    return 0.98
