"""Solutions of the exercises of the chapter "The gradient the optimiser sees"."""

import numpy as np


def gradient_1(logits, label):
    p = np.exp(logits - logits.max())  # the largest exponent is 0: no overflow
    p = p / p.sum()
    p[label] -= 1
    return p


def gradient_2():
    """At target 0 the curvature has the sign of 2 - 3p."""
    return 2 / 3


def gradient_3(x):
    curvature = np.linalg.eigvalsh(x.T @ x / (4 * len(x))).max()
    return 2 / curvature


def gradient_4(K):
    return np.log(np.e + K - 1) - 1  # the loss of the logits (1, 0, ..., 0)


def gradient_5(weights, x, y):
    p = 1 / (1 + np.exp(-x @ weights))
    gradient = x.T @ (p - y) / len(y)
    hessian = (x.T * (p * (1 - p))) @ x / len(y)
    return weights - np.linalg.solve(hessian, gradient)
