"""Solutions of the page "Questions and answers"."""

import numpy as np
import torch


def answers_1(x):
    positive = x > 0
    return torch.where(positive, torch.sqrt(torch.where(positive, x, 1.0)), 0.0)


def answers_2(batches):
    count = sum(len(batch) for batch in batches)
    return [batch.sum() / count for batch in batches]


def answers_3(z, w):
    return 1 / (1 + np.exp(-(z - np.log(w))))
