import numpy as np


def open_1(n1, loss1, n2, loss2, floor, n):
    """The loss without its floor is a power of n: two points give the power."""
    slope = np.log((loss2 - floor) / (loss1 - floor)) / np.log(n2 / n1)
    return floor + (loss1 - floor) * (n / n1) ** slope


def open_2():
    """The mean is 0.5, so the first option is cheaper; but in seven cases of ten the second one is, by a little."""
    return [(-1.0, 0.7), (4.0, 0.3)]


def open_3():
    """Count up until log n - (n - 1)/n reaches 3."""
    n = 1
    while np.log(n) - (n - 1) / n < 3:
        n += 1
    return n


def open_4(x, w, size):
    """The last right singular vector of x is orthogonal to all of its rows, and has length 1."""
    _, _, right = np.linalg.svd(x)
    return w + size * right[-1]
