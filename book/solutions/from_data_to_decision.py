import numpy as np
from sympy import Integral, Symbol

from lossbook._symbols import p


def decision_1(c_fn, c_fp, c_r):
    """The lines cross at c_R / c_FN and 1 - c_R / c_FP; where they cross in the wrong order, two actions are left."""
    low, high = c_r / c_fn, 1 - c_r / c_fp
    if low >= high:
        low = high = c_fp / (c_fp + c_fn)
    return low, high


def decision_2():
    """20 q = 0.3 + 0.1 · 20 q, so 18 q = 0.3: a reader who errs raises the lower threshold."""
    return 0.3 / 18


def decision_3():
    """The integral of 6 t (1 - t) · (1 - t) from p to 1."""
    t = Symbol("t", positive=True)
    return Integral(6 * t * (1 - t) ** 2, (t, p, 1)).doit()


def decision_4():
    """One tumour just below 1/21 costs 20; being cautious with everybody costs four biopsies and many nats."""
    sharp = [0.99, 0.045, 0.01, 0.01, 0.01, 0.01]
    cautious = [0.5] * 6
    cautious[2:] = [0.9] * 4
    return sharp, cautious


def decision_5(w_old, w_new, share_old, share_new):
    """Act where z - log w_old + (new - old prior log-odds) is at least -log w_new."""

    def odds(share):
        return share / (1 - share)

    return np.log(w_old / w_new) + np.log(odds(share_old) / odds(share_new))
