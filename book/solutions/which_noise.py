import numpy as np
from scipy.special import gammaln


def laplace_nll(pred, target, scale):
    return np.abs(pred - target) / scale + np.log(2 * scale)


def best_scale(residuals):
    return np.mean(np.abs(residuals))


def in_fahrenheit(nll):
    return nll + np.log(9 / 5)  # the density is 9/5 times smaller


def poisson_nll(z, y):
    return np.exp(z) - y * z + gammaln(y + 1), np.exp(z) - y


SOLUTIONS = {
    "laplace-likelihood": laplace_nll,
    "laplace-scale": best_scale,
    "units-of-likelihood": in_fahrenheit,
    "poisson-likelihood": poisson_nll,
}
STUBS = {
    "laplace-likelihood": lambda pred, target, scale: np.abs(pred - target) / scale,
    "laplace-scale": lambda residuals: np.std(residuals),
    "units-of-likelihood": lambda nll: nll * 9 / 5,
    "poisson-likelihood": lambda z, y: (np.exp(z) - y * z, np.exp(z) - y),
}
