"""lossbook: loss functions with the formula, the gradient and the claims that each of them is tested against.

What needs more than NumPy is imported when it is first asked for.
"""

from importlib import import_module

from ._card import (
    CARDS,
    Card,
    Claim,
    Twin,
    card,
)
from ._result import Result
from ._search import search
from .angular import (
    arcface,
    cosface,
)
from .boxes import (
    ciou_loss,
    diou_loss,
    giou_loss,
    iou_loss,
)
from .classification import (
    exponential,
    poly_cross_entropy,
    savage,
    sigmoid_cross_entropy,
    sigmoid_focal,
    softmax_cross_entropy,
    softmax_focal,
)
from .combine import (
    uncertainty_weighting,
    weighted_sum,
)
from .contrastive import (
    batch_hard_triplet,
    info_nce,
    nt_xent,
    pair_contrastive,
    siglip,
    supervised_contrastive,
    triplet,
)
from .counts import (
    gamma_nll,
    negative_binomial_nll,
    poisson_nll,
    tweedie_deviance,
)
from .divergence import (
    energy_distance,
    f_divergence,
    js_divergence,
    kl_divergence,
    mmd,
    sinkhorn,
    sinkhorn_divergence,
    sliced_wasserstein,
    wasserstein_1d,
)
from .fenchel_young import (
    fenchel_young,
    sparsemax,
)
from .generative import (
    denoising_score_matching,
    diffusion,
    elbo,
    flow_matching,
    gan_discriminator,
    gan_generator,
    gaussian_kl,
    gradient_penalty,
)
from .image import (
    ssim,
    total_variation,
)
from .imbalance import (
    asymmetric_focal,
    class_balanced_weights,
    ldam,
    logit_adjusted_cross_entropy,
)
from .language import (
    distillation,
    dpo,
    grpo,
    ipo,
    kl_estimators,
    kto,
    orpo,
    ppo_clip,
    simpo,
    token_cross_entropy,
    z_loss,
)
from .likelihood import (
    beta_gaussian_nll,
    gaussian_nll,
    laplace_nll,
    mixture_density_nll,
    student_t_nll,
    von_mises_nll,
)
from .margin import (
    crammer_singer,
    hinge,
    lee_lin_wahba,
    perceptron,
    squared_hinge,
    weston_watkins,
)
from .noise import (
    forward_corrected_cross_entropy,
    generalized_cross_entropy,
    symmetric_cross_entropy,
)
from .ordinal import (
    coral,
    corn,
    cumulative_link,
)
from .ranking import (
    lambda_rank,
    listmle,
    listnet,
    margin_ranking,
    pairwise_logistic,
    pairwise_square,
    pairwise_squared_hinge,
)
from .regression import (
    absolute_error,
    absolute_percentage_error,
    cauchy,
    charbonnier,
    cosine_distance,
    epsilon_insensitive,
    expectile,
    geman_mcclure,
    general_robust,
    huber,
    log_cosh,
    pinball,
    quantile_huber,
    smooth_l1,
    squared_error,
    squared_log_error,
    tukey_biweight,
    welsch,
)
from .scoring import (
    brier,
    crps_ensemble,
    crps_gaussian,
    energy_score,
    ranked_probability_score,
    spherical_score,
)
from .segmentation import (
    dice,
    focal_tversky,
    generalized_dice,
    jaccard,
    lovasz_hinge,
    lovasz_softmax,
    tversky,
)
from .selfsupervised import (
    barlow_twins,
    byol,
    vicreg,
)
from .sequence import (
    ctc,
    soft_dtw,
    soft_dtw_divergence,
)
from .survival import (
    cox_partial_likelihood,
    discrete_hazard_nll,
)

__version__ = "0.1.0"

# Imported on first use: these bring SymPy, torch or matplotlib with them.
_LAZY_MODULES = ("alive", "check", "data", "derive", "distributed", "fused", "nn", "plot", "train")
_LAZY_NAMES = {
    "Derivation": "derive",
    "DerivationError": "derive",
    "assert_loss_is_sound": "_audit",
    "audit": "_audit",
    "exercise": "exercises",
    "progress": "exercises",
    "fuse": "_fuse",
}


def __getattr__(name):
    if name in _LAZY_MODULES:
        return import_module(f".{name}", __name__)
    if name in _LAZY_NAMES:
        return getattr(import_module(f".{_LAZY_NAMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "CARDS",
    "Card",
    "Claim",
    "Derivation",
    "DerivationError",
    "Result",
    "Twin",
    "assert_loss_is_sound",
    "audit",
    "card",
    "class_balanced_weights",
    "exercise",
    "fuse",
    "gradient_penalty",
    "kl_estimators",
    "progress",
    "search",
    *CARDS,
]


def __dir__():
    return sorted({*globals(), *__all__, *_LAZY_MODULES})
