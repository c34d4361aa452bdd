import numpy as np
from scipy import optimize, stats


def irls_weight(r, scale):
    """ψ(r)/r with r cancelled: 1 at r = 0, one half at r = s."""
    return 1 / (1 + (r / scale) ** 2)


def smooth_l1_to_huber(beta, lr):
    """Huber's gradient is beta times as large, so the learning rate is divided by beta."""
    return beta, lr / beta


# c - 1 + exp(-(c + δ)) = 0 at c = 0.9, solved for δ; it is larger than c, as that formula needs.
huber_on_exponential = -np.log(1 - 0.9) - 0.9


def delta_for_efficiency(efficiency):
    """(E ψ')² / E ψ² as a function of δ, and its root."""

    def gap(d):
        inside = 2 * stats.norm.cdf(d) - 1  # E ψ'
        square = inside - 2 * d * stats.norm.pdf(d) + 2 * d**2 * stats.norm.sf(d)  # E ψ²
        return inside**2 / square - efficiency

    return optimize.brentq(gap, 1e-3, 6)


# Beyond 4 + 3 + 2 + 1 twice, |x| = 20, the line must pass through the bad point. With y = -5 the best of those lines goes down.
break_absolute_error = (30.0, -5.0)

SOLUTIONS = {
    "irls-weight": irls_weight,
    "smooth-l1-to-huber": smooth_l1_to_huber,
    "huber-on-exponential": huber_on_exponential,
    "delta-for-efficiency": delta_for_efficiency,
    "break-absolute-error": break_absolute_error,
}

STUBS = {
    "irls-weight": lambda r, scale: 1 / (1 + np.abs(r) / scale),
    "smooth-l1-to-huber": lambda beta, lr: (beta, lr),
    "huber-on-exponential": 0.9,
    "delta-for-efficiency": lambda efficiency: 1.345,
    "break-absolute-error": (4.0, -5.0),
}
