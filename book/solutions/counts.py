import numpy as np


def count_1():
    """(3 + 12) exp(z) - (21 + 36) = 0: all events over all months."""
    return 57 / 15


def count_2():
    """The derivative of μ - y log μ is 1 - y/μ; that of softplus is the sigmoid. With e^z the product would be μ - y."""
    return "sigmoid(z)*(1 - y/softplus(z))"


def count_3(mu, y):
    """Σ(y - μ)² = Σμ + α Σμ², solved for α; no negative α is a variance of the negative binomial."""
    return max(np.sum((y - mu) ** 2) - np.sum(mu), 0.0) / np.sum(mu**2)


def count_4(y):
    """H = Σy, and the sandwich is Σ(y - ȳ)² / H²."""
    H = np.sum(y)
    return np.array([1 / np.sqrt(H), np.sqrt(np.sum((y - y.mean()) ** 2)) / H])


def count_5():
    """The weight of 1 is 1, that of the three others together 3/100; the mean is above 75."""
    return [1.0, 100.0, 100.0, 100.0]
