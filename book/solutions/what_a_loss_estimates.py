import numpy as np
from sympy import log

from lossbook._symbols import y, y_hat


def estimates_1():
    """e^(μ + σ²/2) over e^(μ - σ²), at σ = 0.5."""
    return np.exp(1.5 * 0.5**2)


def estimates_2(log_pred, log_target, new_log_pred):
    """The mean of the exponentiated training errors, as one common factor."""
    return np.exp(new_log_pred) * np.mean(np.exp(log_target - log_pred))


def estimates_3():
    """G(y) - G(ŷ) - G'(ŷ)(y - ŷ) with G(u) = u log u; ŷ log ŷ cancels."""
    return y * log(y / y_hat) - y + y_hat


def estimates_4(y, tau):
    """The mean with weight tau above the present value and 1 - tau below, until it stays."""
    value = np.mean(y)
    for _ in range(1000):
        before, value = value, np.average(y, weights=np.where(y > value, tau, 1 - tau))
        if value == before:
            break
    return value


def estimates_5():
    """Upper halves (1, 1) and (0, 2), both with mean 1; pooled (1, 1, 1, 2), with mean 1.25."""
    return [1, 1, 1, 1], [0, 0, 0, 2]
