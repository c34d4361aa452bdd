"""Losses for torch whose value and gradient are computed together, tile by tile, from the gradient that was derived by hand.

Same names, arguments and values as the plain definitions, which they are tested against and fall back on. What they give up is
the second derivative. `nn.Loss` takes them where they pay; `lossbook.fuse` makes one of your own element-wise loss.
"""

# ruff: noqa: F401 (what is imported here is what this module is for)

from .boxes import ciou_loss, diou_loss, giou_loss, iou_loss
from .contrastive import batch_hard_triplet, info_nce, nt_xent, siglip, supervised_contrastive
from .linear import linear_cross_entropy
from .pointwise import (
    absolute_error,
    absolute_percentage_error,
    cauchy,
    charbonnier,
    epsilon_insensitive,
    expectile,
    geman_mcclure,
    general_robust,
    huber,
    log_cosh,
    pinball,
    quantile_huber,
    sigmoid_cross_entropy,
    sigmoid_focal,
    smooth_l1,
    squared_error,
    squared_log_error,
    tukey_biweight,
    welsch,
)
from .segmentation import dice, focal_tversky, jaccard, lovasz_hinge, lovasz_softmax, tversky
from .softmax import softmax_cross_entropy, softmax_focal, token_cross_entropy
from .sorting import cox_partial_likelihood, crps_ensemble, pairwise_square, pairwise_squared_hinge

FORMS = {
    form.plain: form for form in list(globals().values()) if hasattr(form, "pays_from")
}  # of which loss each is the fused form

__all__ = sorted([*(form.__name__ for form in FORMS.values()), "linear_cross_entropy"])
