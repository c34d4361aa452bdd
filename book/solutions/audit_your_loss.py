"""Solutions of the exercises of the chapter "Audit your own loss"."""

import numpy as np
import torch.nn.functional as F


def audit_1(counts):
    """A micro-batch with c tokens adds c times its mean to a sum that is divided by all tokens."""
    return counts / counts.sum()


def audit_2(z, gamma):
    """The power becomes a product of logarithms, and no 0 is raised to anything."""
    return (gamma * F.logsigmoid(-z)).exp() * F.softplus(-z)


def audit_3(loss):
    """Try each target of a skewed sample as the constant, and look where the best one lies."""
    sample = np.random.default_rng(0).exponential(size=301)
    costs = [loss(np.full_like(sample, c), sample) for c in sample]
    best = sample[np.argmin(costs)]
    return bool(abs(np.mean(sample <= best) - 0.9) < 0.02)
