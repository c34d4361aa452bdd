import numpy as np
import torch.nn.functional as F
from scipy.special import rel_entr, xlogy


def extra_bits(q, p):
    return np.sum(rel_entr(q, p)) / np.log(2)  # rel_entr knows what to do with zeros


def floor(epsilon, classes):
    on_label, elsewhere = 1 - epsilon + epsilon / classes, epsilon / classes
    return -xlogy(on_label, on_label) - (classes - 1) * xlogy(elsewhere, elsewhere)


def kl_normal(m1, s1, m2, s2):
    return np.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 1 / 2  # symmetric when s1 = s2


def kl_from_logits(logits, target):
    return F.kl_div(logits.log_softmax(-1), target, reduction="batchmean")


SOLUTIONS = {
    "extra-bits": extra_bits,
    "smoothing-floor": floor,
    "kl-of-two-normals": kl_normal,
    "kl-div-without-traps": kl_from_logits,
}
STUBS = {
    "extra-bits": lambda q, p: np.sum(q * np.log2(q / p)),
    "smoothing-floor": lambda epsilon, classes: 0.0,
    "kl-of-two-normals": lambda m1, s1, m2, s2: (m1 - m2) ** 2 / 2,
    "kl-div-without-traps": lambda logits, target: F.kl_div(logits.softmax(-1), target, reduction="batchmean"),
}
