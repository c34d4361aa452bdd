"""Solutions of the exercises of the chapter "The gradient the optimiser sees"."""

import numpy as np


def softmax_gradient(logits, label):
    p = np.exp(logits - logits.max())  # the largest exponent is 0: no overflow
    p = p / p.sum()
    p[label] -= 1
    return p


def safe_rate(x):
    curvature = np.linalg.eigvalsh(x.T @ x / (4 * len(x))).max()
    return 2 / curvature


def floor(K):
    return np.log(np.e + K - 1) - 1  # the loss of the logits (1, 0, ..., 0)


def newton_step(weights, x, y):
    p = 1 / (1 + np.exp(-x @ weights))
    gradient = x.T @ (p - y) / len(y)
    hessian = (x.T * (p * (1 - p))) @ x / len(y)
    return weights - np.linalg.solve(hessian, gradient)


SOLUTIONS = {
    "gradient-softmax": softmax_gradient,
    "gradient-concave": 2 / 3,
    "gradient-safe-rate": safe_rate,
    "gradient-softmax-twice": floor,
    "gradient-newton": newton_step,
}

STUBS = {
    "gradient-softmax": lambda logits, label: -softmax_gradient(logits, label),
    "gradient-concave": 0.5,
    "gradient-safe-rate": lambda x: 2 / np.linalg.eigvalsh(x.T @ x / len(x)).max(),
    "gradient-softmax-twice": lambda K: 0.0,
    "gradient-newton": lambda weights, x, y: weights - x.T @ (1 / (1 + np.exp(-x @ weights)) - y) / len(y),
}
