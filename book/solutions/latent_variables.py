import numpy as np


def latent_1(mean, s):
    """With v = 2 log s the exponential of v is s squared."""
    return (mean**2 + s**2 - 1 - 2 * np.log(s)).sum(axis=-1) / 2


def latent_2():
    """E/3072 + D/128, times 1536: half of E plus 12 D."""
    return 3072 / 2 / 128


def latent_3(precision):
    """The best variances are 1/Λ_ii; what is left is half the log of the product of the Λ_ii over the determinant of Λ."""
    return (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1]) / 2


def latent_4():
    """Divided by β, the loss is that of β = 1 with the decoder variance β σ²."""
    return "beta * sigma**2"


def latent_5(z):
    """A fast oscillation: values at most 1, slopes up to 20."""
    return np.sin(20 * z)
