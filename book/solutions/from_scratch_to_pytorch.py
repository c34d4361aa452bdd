"""Solutions of the exercises of the chapter "From scratch to PyTorch"."""

import numpy as np


def code_1(d_hidden, hidden):
    return d_hidden * (1 - hidden**2)


def code_2(means, counts):
    total = sum(mean * count for mean, count in zip(means, counts) if count > 0)
    return total / sum(counts)


def code_3(value, gradient, velocity, lr, momentum):
    velocity = momentum * velocity + gradient
    return value - lr * (gradient + momentum * velocity), velocity


def code_4(f, gradient, x, h=1e-6):
    differences = np.zeros_like(x)
    for i in range(len(x)):
        step = np.zeros_like(x)
        step[i] = h
        differences[i] = (f(x + step) - f(x - step)) / (2 * h)
    return np.allclose(gradient(x), differences, rtol=1e-5, atol=1e-8)
