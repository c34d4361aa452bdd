"""Solutions of the chapter "What will change?"."""

import numpy as np
from scipy import stats


def future_1(p, q):
    return p**q  # l'(p) = -p^(q - 1), times -p


def future_2(validation_new, test_new, validation_old, test_old):
    seeds = np.arange(len(test_new))
    new = test_new[seeds, validation_new.argmax(axis=1)]
    old = test_old[seeds, validation_old.argmax(axis=1)]
    return np.mean(new - old)


def future_3(a, m, n):
    at_most = stats.binom.cdf(np.arange(m), m, a)  # P(one candidate has at most k right)
    return np.sum(1 - at_most**n) / m - a  # mean of the best = sum of P(best > k)


def future_4(p, size):
    return 1 - p**size - (1 - p) ** size
