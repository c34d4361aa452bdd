"""Solutions to the exercises of "What a loss is"."""

import numpy as np


def bread_quantile(missed, left):
    # bake one more while P(demand is higher) * missed > P(demand is lower) * left
    return missed / (missed + left)


def percentage_constant(y):
    y = np.sort(y)
    share = np.cumsum(1 / y) / np.sum(1 / y)
    return y[np.searchsorted(share, 0.5)]


def batches_to_mean(means, sizes):
    return np.sum(means * sizes) / np.sum(sizes)


def loss_for_harmonic_mean(pred, target):
    return (1 / pred - 1 / target) ** 2


SOLUTIONS = {
    "bread-quantile": bread_quantile,
    "percentage-constant": percentage_constant,
    "batches-to-mean": batches_to_mean,
    "loss-for-harmonic-mean": loss_for_harmonic_mean,
}
STUBS = {
    "bread-quantile": lambda missed, left: left / (missed + left),
    "percentage-constant": lambda y: np.median(y),
    "batches-to-mean": lambda means, sizes: np.mean(means),
    "loss-for-harmonic-mean": lambda pred, target: (np.log(pred) - np.log(target)) ** 2,
}
