import numpy as np
from sympy import exp

import lossbook
from lossbook.derive import beta, p, z1, z2


def preference_1():
    """The reference's odds p : (1 - p), multiplied by e^(r/β), and normalised."""
    return p / (p + (1 - p) * exp(-(z1 - z2) / beta))


def preference_2(policy, reference, mask, beta):
    """Sums over the tokens that count, then the loss of four numbers per pair."""
    now = np.where(mask, policy, 0.0).sum(-1)  # (2, N)
    before = np.where(mask, reference, 0.0).sum(-1)
    return lossbook.dpo(*now, *before, beta=beta, reduction="none")


def preference_3():
    """1 / sqrt(p (1 - p)) = 4: of the two roots of p (1 - p) = 1/16 the smaller one."""
    return (1 - np.sqrt(3) / 2) / 2


def preference_4():
    """Along (1, -1) the logits rise by 1, -1 and x - y = 4; their mean, 4/3, is more than the 1 of the chosen."""
    return 3.0, -1.0
