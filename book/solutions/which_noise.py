import numpy as np
from scipy.special import gammaln


def noise_1(pred, target, scale):
    return np.abs(pred - target) / scale + np.log(2 * scale)


def noise_2(residuals):
    return np.mean(np.abs(residuals))


def noise_3(nll):
    return nll + np.log(9 / 5)  # the density is 9/5 times smaller


def noise_4(z, y):
    return np.exp(z) - y * z + gammaln(y + 1), np.exp(z) - y
