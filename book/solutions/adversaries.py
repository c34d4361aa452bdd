import numpy as np


def critic_1():
    """The slope 2 p (z - 1) + 2 q z is zero: again the probability that a point at this place is real."""
    return "p / (p + q)"


def critic_2(places, p, q):
    """∫ |F - G|: the gap of the cumulative shares after each place, times the way to the next place."""
    order = np.argsort(places)
    gaps = np.cumsum((p - q)[order])[:-1]
    return np.sum(np.abs(gaps) * np.diff(places[order]))


def critic_3():
    """d / (4λ) = 0.05 with d = 2."""
    return 2 / (4 * 0.05)


def critic_4(x, y):
    """Pairs of a point with itself add nothing to the sums, so it is enough not to count them."""

    def within(sample):
        pairs = len(sample) * (len(sample) - 1)
        return np.abs(sample[:, None] - sample).sum() / pairs

    return 2 * np.abs(x[:, None] - y).mean() - within(x) - within(y)


def critic_5():
    """The eigenvalues of [[1, η], [-η, 1 - ηλ]] meet where (ηλ)² = 4η²; both are then 1 - η."""
    return 2.0
