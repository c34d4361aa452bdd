import numpy as np

from lossbook._symbols import scale, tau, y_hat


def choice_1(price, cost, salvage):
    """Too few loses price - cost, too many loses cost - salvage; the sum is price - salvage."""
    return (price - cost) / (price - salvage)


def choice_2(p, refuse):
    """Naming the likeliest class costs 1 - max p: refuse where that is not below the cost of refusing."""
    return np.where(1 - p.max(axis=1) < refuse, p.argmax(axis=1), -1)


def choice_3():
    """The best answer is τ s; the second derivative of the expected price is the density 1/s."""
    return (y_hat - tau * scale) ** 2 / (2 * scale)


def choice_4():
    """Four equal targets and one far away: the mean moves a fifth of the way, the median stays. The ratio is 8/5."""
    return [1.0, 1.0, 1.0, 1.0, 101.0]
