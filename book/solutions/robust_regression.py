import numpy as np
from scipy import optimize, stats


def robust_1(r, scale):
    """ψ(r)/r with r cancelled: 1 at r = 0, one half at r = s."""
    return 1 / (1 + (r / scale) ** 2)


def robust_2(beta, lr):
    """Huber's gradient is beta times as large, so the learning rate is divided by beta."""
    return beta, lr / beta


def robust_3():
    """c - 1 + exp(-(c + δ)) = 0 at c = 0.9, solved for δ; it is larger than c, as that formula needs."""
    return -np.log(1 - 0.9) - 0.9


def robust_4(efficiency):
    """(E ψ')² / E ψ² as a function of δ, and its root."""

    def gap(d):
        inside = 2 * stats.norm.cdf(d) - 1  # E ψ'
        square = inside - 2 * d * stats.norm.pdf(d) + 2 * d**2 * stats.norm.sf(d)  # E ψ²
        return inside**2 / square - efficiency

    return optimize.brentq(gap, 1e-3, 6)


def robust_5():
    """Beyond x = 2 (4 + 3 + 2 + 1) = 20 the line must pass through the bad point; with y = -5 the best such line goes down."""
    return 30.0, -5.0
