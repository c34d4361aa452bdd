"""Solutions to the exercises of "What a loss is"."""

import numpy as np


def loss_1(missed, left):
    # bake one more while P(demand is higher) * missed > P(demand is lower) * left
    return missed / (missed + left)


def loss_2(y):
    y = np.sort(y)
    share = np.cumsum(1 / y) / np.sum(1 / y)
    return y[np.searchsorted(share, 0.5)]


def loss_3(means, sizes):
    return np.sum(means * sizes) / np.sum(sizes)


def loss_4(pred, target):
    return (1 / pred - 1 / target) ** 2
