import numpy as np
import torch
from sympy import log

from lossbook._symbols import epsilon


def nan_1():
    """1000 exp(z) = 65504, solved for z."""
    return np.log(65504 / 1000)


def nan_2(a):
    """log(-expm1(-a)) up to log 2, log1p(-exp(-a)) beyond; here no gradient is taken, so selecting afterwards is allowed."""
    with np.errstate(divide="ignore"):  # the branch that is not taken may be log 0
        return np.where(a < np.log(2), np.log(-np.expm1(-a)), np.log1p(-np.exp(-a)))


def nan_3(p):
    """The logarithm sees 1 where p is 0; 0 · log 1 is 0, and its slope is finite."""
    return -(p * torch.log(torch.where(p > 0, p, 1.0))).sum()


def nan_4():
    """The slope is p/(p + ε) times the true one, so half of it is left at p = ε; the logit of ε is its log odds."""
    return log(epsilon / (1 - epsilon))


def nan_5(gradients):
    """The logarithm of 65504 / max|g| to base 2, rounded down."""
    return 2.0 ** np.floor(np.log2(65504 / np.max(np.abs(gradients))))
