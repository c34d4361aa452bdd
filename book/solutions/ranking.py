import numpy as np


def order_1(scores):
    """At each place a softmax over the items that are left; their largest score is subtracted, so that nothing overflows."""
    probability = 1.0
    for i in range(len(scores)):
        left = np.exp(scores[i:] - np.max(scores[i:]))
        probability *= left[0] / left.sum()
    return probability


def order_2():
    """Log-odds add up, so odds multiply: 3 times 2 is 6 to 1, and 6 to 1 is the probability 6/7."""
    odds = 3 * 2
    return odds / (1 + odds)


def order_3():
    """Two softmax probabilities, one for each choice in which item 2 was a candidate, minus 1 for the one in which it won."""
    return "exp(Z[2])/(exp(Z[1]) + exp(Z[2]) + exp(Z[3])) + exp(Z[2])/(exp(Z[2]) + exp(Z[3])) - 1"


def order_4():
    """At first the best item leads and the four below it are upside down; then they are in order, and it is second."""
    return [5, 1, 1, 4, 4], [4, 5, 3, 1, 1]


def order_5(logits):
    """The steps before class k are passed (a cumulative product of sigmoids), and the next one is not."""
    passed = np.exp(-np.logaddexp(0, -logits))  # the sigmoid, without overflow
    ones = np.ones_like(logits[:, :1])
    reached = np.concatenate([ones, np.cumprod(passed, axis=1)], axis=1)
    return reached * np.concatenate([1 - passed, ones], axis=1)
