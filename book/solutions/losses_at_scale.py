import numpy as np
from sympy import Derivative

from lossbook._symbols import d, sigmoid, softplus, y, z
from lossbook.derive import Derivation


def scale_1(r, scale):
    """√(r² + s²) - s = r² / (√(r² + s²) + s): a difference of two squares, over their sum. Nothing cancels."""
    h = np.sqrt(r**2 + scale**2)
    return scale * r**2 / (h + scale), scale * r / h


def scale_2(tokens, width, vocabulary):
    """Log-probabilities, slopes in them, slopes in the logits; later the last of these, and the gradients of the layer."""
    logits = tokens * vocabulary
    softmax_backward = 3 * logits
    layer_backward = logits + vocabulary * width + tokens * width
    return 4 * max(softmax_backward, layer_backward)


def scale_3(counts, rank):
    """The share of the rank in the mean of all rows, times the number of ranks, by which the averaging divides."""
    return len(counts) * counts[rank] / sum(counts)


def scale_4():
    """The derivative of softplus, times the derivative of its argument."""
    return Derivation("The soft margin", Derivative(softplus(d - y * z), z)).step(-y * sigmoid(d - y * z), "chain rule")
