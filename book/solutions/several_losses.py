import numpy as np
from sympy import log

from lossbook.derive import L


def several_1(w, factor, power):
    """The loss has shrunk by factor to the power; the weight makes up for it. From grams to kilograms, squared: a million."""
    return w * factor**power


def several_2(g1, g2):
    """The lowest point of the parabola in t, cut to the allowed range."""
    apart = g1 - g2
    t = np.clip(-(g2 @ apart) / (apart @ apart), 0, 1)
    return t * g1 + (1 - t) * g2


def several_3():
    """-L e^-v + 1/2 = 0. The value there is (1 + log 2 + log L) / 2: a constant more than in the chapter."""
    return log(2 * L)


def several_4():
    """The sums are 4, 3.8 and 4, the products 3, 3.61 and 3."""
    return [(1, 3), (1.9, 1.9), (3, 1)]
