"""Solutions of the exercises of the chapter "Write your own loss"."""

import numpy as np


def own_1(target, missing, left, scale):
    """The gradient is zero where e^(r/s) = b/h; with equal prices that is the target itself."""
    return target + scale * np.log(missing / left)


def own_2():
    """The slope is r near 0, as for half the squared error."""
    return "(exp(a * r) - 1) / a"


def own_3(u):
    """Below 0.1 eight terms of the series are exact to rounding; above, few digits cancel."""
    term, series = u**2 / 2, 0.0
    for power in range(3, 11):
        series, term = series + term, term * u / power
    return np.where(np.abs(u) < 0.1, series, np.expm1(u) - u)


def own_4(reduce):
    """Repeat each value as often as its weight says, in one long row of weights 1."""
    values = np.array([[1.0, 2.0, 6.0], [3.0, 0.5, 9.0]])
    weight = np.array([[2, 1, 0], [1, 3, 4]])
    repeated = values.ravel().repeat(weight.ravel())[None]
    return bool(np.isclose(reduce(values, weight.astype(float)), reduce(repeated, np.ones_like(repeated))))
