import math

import numpy as np
from scipy import optimize

from lossbook.derive import theta


def shape_1():
    """(1 + ρ) / (1 - ρ) = 100, solved for the correlation ρ."""
    return 99 / 101


def shape_2(curvatures, lr, factor):
    """The slowest direction has the largest |1 - lr λ|; its power must fall below 1 / factor."""
    rate = np.max(np.abs(1 - lr * curvatures))
    if rate >= 1:
        return math.inf
    return math.ceil(math.log(factor) / -math.log(rate))


def shape_3():
    """Two divided by the sharpness: θ² / (θ⁴ + 1)."""
    return theta**2 / (theta**4 + 1)


def shape_4():
    """r - sinh(2r)/2 = -r, that is sinh(2r) = 4r."""
    return optimize.brentq(lambda r: np.sinh(2 * r) - 4 * r, 0.5, 2)


def shape_5(w1, b1, w2, b2):
    """A hidden layer 20 times as weak and an output layer 20 times as strong."""
    return w1 / 20, b1 / 20, w2 * 20, b2
