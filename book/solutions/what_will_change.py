"""Solutions of the chapter "What will change?"."""

import numpy as np
from scipy import stats


def strength_of_gce(p, q):
    return p**q  # l'(p) = -p^(q - 1), times -p


def honest_gain(validation_new, test_new, validation_old, test_old):
    seeds = np.arange(len(test_new))
    new = test_new[seeds, validation_new.argmax(axis=1)]
    old = test_old[seeds, validation_old.argmax(axis=1)]
    return np.mean(new - old)


def winners_curse(a, m, n):
    at_most = stats.binom.cdf(np.arange(m), m, a)  # P(one candidate has at most k right)
    return np.sum(1 - at_most**n) / m - a  # mean of the best = sum of P(best > k)


def groups_that_teach(p, size):
    return 1 - p**size - (1 - p) ** size


SOLUTIONS = {
    "strength-of-a-loss": strength_of_gce,
    "honest-gain": honest_gain,
    "winners-curse": winners_curse,
    "groups-that-teach": groups_that_teach,
}
STUBS = {
    "strength-of-a-loss": lambda p, q: p ** (q - 1),
    "honest-gain": lambda validation_new, test_new, validation_old, test_old: np.mean(test_new.max(1) - test_old.max(1)),
    "winners-curse": lambda a, m, n: 0.0,
    "groups-that-teach": lambda p, size: 1 - (1 - p) ** size,
}
