"""Losses of a softmax over classes, from logits.

Everything rests on one way to write the softmax: what the label lacks, 1 - p_y, is taken as the sum of the other shares. So it
keeps its digits when p_y is close to 1, and with it -log p_y = -log(1 - (1 - p_y)) and the gradient, whose entry at the label is
-(1 - p_y).
"""

import torch

from .. import classification, language
from .._loss import in_range
from ._engine import fused


def _shares(logits, label):
    """Of a tile (n, K): log p_y and 1 - p_y, (n, 1); and p - onehot(y), (n, K). A share that underflows has log p = -inf."""
    error = logits.softmax(-1)
    own = error.gather(1, label)
    lacks = error.scatter_(1, label, 0.0).sum(1, keepdim=True)
    error.scatter_(1, label, -lacks)
    own.masked_fill_(own < torch.finfo(own.dtype).tiny, 0.0)
    return torch.where(own > 0.5, (-lacks).log1p(), own.log()), lacks, error


def cross_entropy(logits, labels, wanted, label_smoothing=0.0, z_loss=0.0):
    """-log p_y + ε mean(z_y - z) + λ (log Z)², and p - (1 - ε) onehot(y) - ε/K + 2 λ log Z · p."""
    in_range(label_smoothing=label_smoothing, low=0, high=1, closed="[")
    in_range(z_loss=z_loss, low=0, closed="[")
    if labels.is_floating_point():
        return _soft_cross_entropy(logits, labels, label_smoothing) if z_loss == 0 else None
    label = labels[:, None]
    own = logits.gather(1, label)
    spread = (own - logits).mean(1, keepdim=True) if label_smoothing else 0.0  # first, so that the shares take its memory
    log_p, _, error = _shares(logits, label)
    value = label_smoothing * spread - log_p
    if z_loss or label_smoothing:
        log_z = own - log_p
        bonus = 2 * z_loss * log_z
        value += z_loss * log_z**2
        if z_loss:
            error.mul_(1 + bonus)
        error.sub_(label_smoothing / logits.shape[1]).scatter_add_(1, label, bonus + label_smoothing)
    return value[:, 0], error


def _soft_cross_entropy(logits, q, label_smoothing):
    """Σ q (highest - z) + log(1 + others), where no term is negative, and p - q, with p_top = 1 - the sum of the others."""
    if label_smoothing:
        q = q.mul(1 - label_smoothing).add_(label_smoothing / q.shape[1])
    highest, top = logits.max(1, keepdim=True)
    log_p, lacks, error = _shares(logits, top)
    value = (highest - logits).mul_(q).sum(1, keepdim=True) - log_p * q.sum(1, keepdim=True)
    error.sub_(q).scatter_(1, top, 1 - q.gather(1, top) - lacks)
    return value[:, 0], error


def _softmax_focal(logits, labels, wanted, gamma=2.0, alpha=None):
    """-α (1 - p_y)^γ log p_y. A loss that sees p_y alone has the gradient of cross-entropy, times a number for the row."""
    in_range(gamma=gamma, low=0, closed="[")
    if labels.is_floating_point():
        return None
    log_p, lacks, error = _shares(logits, labels[:, None])
    scale = classification._per_class(alpha, error)
    scale = scale[labels][:, None] if getattr(scale, "ndim", 0) else scale
    sure = lacks == 0  # 0^(γ - 1) is infinite for γ < 1
    slope = lacks.masked_fill(sure, 1.0) ** (gamma - 1) * (lacks - gamma * log_p.exp() * log_p)
    return (-scale * lacks**gamma * log_p)[:, 0], error.mul_(scale * slope.masked_fill_(sure, 0.0))


softmax_cross_entropy = fused(
    classification.softmax_cross_entropy,
    classification.softmax_cross_entropy_gradient,
    kernel=cross_entropy,
    tiles=4,
    per_class=("class_weights",),
)
softmax_focal = fused(
    classification.softmax_focal, classification.softmax_focal_gradient, kernel=_softmax_focal, tiles=4, per_class=("alpha",)
)
token_cross_entropy = language._ignoring(
    fused(language.token_cross_entropy, language.token_cross_entropy_gradient, kernel=cross_entropy, tiles=4)
)
