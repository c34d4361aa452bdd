"""Solutions of the page "Questions and answers"."""

import numpy as np
import torch


def safe_square_root(x):
    positive = x > 0
    return torch.where(positive, torch.sqrt(torch.where(positive, x, 1.0)), 0.0)


def micro_batches(batches):
    count = sum(len(batch) for batch in batches)
    return [batch.sum() / count for batch in batches]


def undo_pos_weight(z, w):
    return 1 / (1 + np.exp(-(z - np.log(w))))


SOLUTIONS = {"safe-square-root": safe_square_root, "micro-batches": micro_batches, "undo-pos-weight": undo_pos_weight}
STUBS = {
    "safe-square-root": lambda x: torch.where(x > 0, torch.sqrt(x), torch.zeros_like(x)),  # right value, NaN gradient
    "micro-batches": lambda batches: [batch.sum() / max(len(batch), 1) / len(batches) for batch in batches],
    "undo-pos-weight": lambda z, w: 1 / (1 + np.exp(-z)),
}
