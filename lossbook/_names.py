"""The other names of the losses: what papers, libraries and people call them. `search` and the search of the book read them.

Names of functions and classes in other libraries need no entry where the Card has them as twins. Several losses may share a name,
as "contrastive loss" does: all of them are then found.
"""

from functools import cache

# The name in the package: other names, separated by semicolons. Capitals do not matter to a search; they are for the eye.
NAMES = {
    "squared_error": "mean squared error; MSE; L2 loss; quadratic loss; least squares; RMSE",
    "absolute_error": "mean absolute error; MAE; L1 loss; least absolute deviations; LAD; median regression",
    "huber": "Huber loss; Huber's M-estimator; robust regression loss",
    "smooth_l1": "smooth L1 loss; SmoothL1Loss; Fast R-CNN box loss",
    "log_cosh": "log-cosh loss; logcosh; log hyperbolic cosine",
    "charbonnier": "Charbonnier loss; pseudo-Huber loss; L1-L2 loss; generalised Charbonnier",
    "epsilon_insensitive": "epsilon-insensitive loss; ε-insensitive loss; SVR loss; support vector regression",
    "cauchy": "Cauchy loss; Lorentzian loss",
    "geman_mcclure": "Geman-McClure loss; Geman-McLure",
    "welsch": "Welsch loss; Leclerc loss; correntropy loss",
    "tukey_biweight": "Tukey's biweight; Tukey bisquare; bisquare loss; redescending M-estimator",
    "general_robust": "general and adaptive robust loss; Barron loss; adaptive robust loss",
    "pinball": "quantile loss; pinball loss; check loss; tilted loss; quantile regression; newsvendor loss",
    "quantile_huber": "quantile Huber loss; QR-DQN loss; smoothed pinball loss",
    "expectile": "expectile loss; asymmetric least squares; asymmetric squared error; IQL value loss",
    "absolute_percentage_error": "mean absolute percentage error; MAPE",
    "squared_log_error": "mean squared logarithmic error; MSLE; RMSLE",
    "cosine_distance": "cosine distance; cosine similarity loss; CosineEmbeddingLoss; cosine embedding loss",
    "sigmoid_cross_entropy": (
        "binary cross-entropy; BCE; BCEWithLogitsLoss; BCELoss; logistic loss; log loss; logistic regression loss; deviance "
        "of a Bernoulli; SoftMarginLoss"
    ),
    "softmax_cross_entropy": (
        "cross-entropy; CE; CrossEntropyLoss; NLLLoss; softmax loss; categorical cross-entropy; sparse categorical "
        "cross-entropy; multinomial logistic loss; label smoothing"
    ),
    "sigmoid_focal": "focal loss; binary focal loss; RetinaNet loss",
    "softmax_focal": "multiclass focal loss; focal loss; categorical focal loss",
    "exponential": "exponential loss; AdaBoost loss; boosting loss",
    "savage": "Savage loss; SavageBoost loss; robust boosting loss",
    "poly_cross_entropy": "PolyLoss; Poly-1; poly-1 cross-entropy",
    "logit_adjusted_cross_entropy": "logit adjustment; logit-adjusted loss; balanced softmax; long-tailed learning",
    "ldam": "LDAM loss; label-distribution-aware margin loss",
    "asymmetric_focal": "asymmetric loss; ASL; multi-label loss",
    "class_balanced_weights": "class-balanced loss; effective number of samples; class weights",
    "arcface": "ArcFace loss; additive angular margin loss; AAM-softmax",
    "cosface": "CosFace loss; large margin cosine loss; LMCL; additive margin softmax; AM-softmax",
    "iou_loss": "IoU loss; intersection over union loss; box overlap loss",
    "giou_loss": "GIoU loss; generalised IoU; generalized IoU",
    "diou_loss": "DIoU loss; distance IoU",
    "ciou_loss": "CIoU loss; complete IoU",
    "weighted_sum": "multi-task loss; sum of losses; scalarisation; linear scalarization",
    "uncertainty_weighting": "uncertainty weighting; homoscedastic uncertainty; multi-task loss; learned loss weights",
    "pair_contrastive": "contrastive loss; siamese loss; pairwise contrastive loss; Hadsell contrastive loss",
    "triplet": "triplet loss; triplet margin loss; TripletMarginLoss; FaceNet loss",
    "batch_hard_triplet": "batch-hard triplet loss; hard triplet mining; hard negative mining",
    "info_nce": (
        "InfoNCE; CLIP loss; contrastive predictive coding; CPC loss; N-pair loss; multiple negatives ranking loss; in-batch "
        "negatives; MoCo loss; contrastive loss"
    ),
    "nt_xent": "NT-Xent; SimCLR loss; normalised temperature-scaled cross-entropy; contrastive loss",
    "supervised_contrastive": "supervised contrastive loss; SupCon; SupConLoss",
    "siglip": "SigLIP loss; sigmoid contrastive loss; sigmoid loss for language image pre-training",
    "poisson_nll": "Poisson loss; Poisson negative log-likelihood; PoissonNLLLoss; Poisson regression; count regression",
    "negative_binomial_nll": "negative binomial loss; negative binomial regression; overdispersed counts",
    "gamma_nll": "gamma loss; gamma regression; gamma negative log-likelihood",
    "tweedie_deviance": (
        "Tweedie loss; Tweedie deviance; compound Poisson loss; insurance loss; gamma deviance; Poisson deviance"
    ),
    "brier": "Brier score; Brier loss; quadratic score; quadratic scoring rule; multiclass Brier score",
    "spherical_score": "spherical score; spherical scoring rule",
    "ranked_probability_score": "ranked probability score; RPS; squared EMD loss",
    "crps_gaussian": "CRPS; continuous ranked probability score; Gaussian CRPS",
    "crps_ensemble": "CRPS; continuous ranked probability score; ensemble CRPS; fair CRPS",
    "energy_score": "energy score; multivariate CRPS",
    "wasserstein_1d": "Wasserstein distance; earth mover's distance; EMD; optimal transport in one dimension",
    "sliced_wasserstein": "sliced Wasserstein distance; SWD",
    "sinkhorn": "Sinkhorn distance; entropic optimal transport; optimal transport; regularised optimal transport",
    "sinkhorn_divergence": "Sinkhorn divergence; debiased Sinkhorn; optimal transport loss",
    "kl_divergence": "Kullback-Leibler divergence; KL divergence; KLDivLoss; relative entropy; I-divergence",
    "js_divergence": "Jensen-Shannon divergence; JSD; Jensen–Shannon",
    "f_divergence": (
        "f-divergence; Csiszár divergence; phi-divergence; total variation distance; chi-squared divergence; Hellinger distance"
    ),
    "mmd": "maximum mean discrepancy; MMD; kernel two-sample loss; kernel distance",
    "energy_distance": "energy distance; Cramér distance; Székely energy statistic",
    "sparsemax": "sparsemax loss; sparse softmax loss",
    "fenchel_young": "Fenchel-Young loss; entmax loss; 1.5-entmax; Tsallis loss; generalised entropy loss",
    "ppo_clip": "PPO loss; proximal policy optimisation; clipped surrogate objective; policy gradient loss",
    "grpo": "GRPO loss; group relative policy optimisation; Dr. GRPO; DAPO loss; RLVR loss",
    "kl_estimators": "k1 k2 k3 estimator; KL penalty; Schulman KL estimator; k3 estimator",
    "gaussian_kl": "VAE KL term; KL divergence of two Gaussians; KL to the standard normal",
    "elbo": "ELBO; evidence lower bound; VAE loss; variational lower bound; variational free energy; beta-VAE loss",
    "gan_discriminator": "GAN loss; discriminator loss; critic loss; adversarial loss; WGAN loss; LSGAN loss; hinge GAN loss",
    "gan_generator": "GAN loss; generator loss; adversarial loss; non-saturating loss; WGAN generator loss",
    "gradient_penalty": "gradient penalty; WGAN-GP; R1 penalty; Lipschitz penalty",
    "denoising_score_matching": "score matching; denoising score matching; DSM; score-based model loss",
    "diffusion": "diffusion loss; DDPM loss; noise prediction loss; epsilon prediction; v-prediction; Min-SNR weighting",
    "flow_matching": "flow matching; rectified flow; conditional flow matching; CFM loss; stochastic interpolants",
    "total_variation": "total variation loss; TV loss; TV regularisation; smoothness loss",
    "ssim": "SSIM loss; structural similarity; DSSIM; structural dissimilarity",
    "dpo": "DPO loss; direct preference optimisation; direct preference optimization; RLHF without a reward model",
    "ipo": "IPO loss; identity preference optimisation; ΨPO",
    "kto": "KTO loss; Kahneman-Tversky optimisation; Kahneman-Tversky optimization; unpaired preference loss",
    "simpo": "SimPO loss; simple preference optimisation; reference-free preference loss",
    "orpo": "ORPO loss; odds-ratio preference optimisation; odds ratio loss",
    "token_cross_entropy": (
        "language model loss; next-token loss; perplexity; causal language modelling loss; LM loss; token-level cross-entropy"
    ),
    "z_loss": "z-loss; PaLM z-loss; router z-loss; logit drift penalty; log partition penalty",
    "distillation": "knowledge distillation loss; KD loss; teacher-student loss; dark knowledge; Hinton loss",
    "gaussian_nll": (
        "Gaussian negative log-likelihood; GaussianNLLLoss; heteroscedastic loss; variance network loss; aleatoric "
        "uncertainty loss"
    ),
    "beta_gaussian_nll": "beta-NLL; β-NLL; beta negative log-likelihood",
    "laplace_nll": "Laplace negative log-likelihood; Laplacian loss; heteroscedastic absolute error",
    "student_t_nll": "Student-t loss; Student's t negative log-likelihood; heavy-tailed loss; t-distribution loss",
    "mixture_density_nll": "mixture density network; MDN loss; Gaussian mixture loss; multimodal regression",
    "von_mises_nll": "von Mises loss; circular loss; angle loss; periodic regression; angular regression",
    "hinge": "hinge loss; SVM loss; max-margin loss; support vector machine loss",
    "squared_hinge": "squared hinge loss; L2-SVM loss",
    "perceptron": "perceptron loss; perceptron criterion; Rosenblatt loss",
    "crammer_singer": "multiclass hinge; Crammer-Singer loss; multiclass SVM loss; categorical hinge",
    "weston_watkins": "Weston-Watkins loss; multiclass hinge; MultiMarginLoss; multi-class margin loss",
    "lee_lin_wahba": "Lee-Lin-Wahba loss; multiclass hinge; consistent multiclass SVM loss",
    "generalized_cross_entropy": "generalised cross-entropy; GCE loss; Lq loss; noise-robust cross-entropy; noisy labels loss",
    "symmetric_cross_entropy": "symmetric cross-entropy; SCE loss; reverse cross-entropy; RCE",
    "forward_corrected_cross_entropy": "forward correction; loss correction; noise transition matrix; forward loss correction",
    "cumulative_link": (
        "proportional odds; cumulative logit model; ordinal logistic regression; ordinal regression; ordered logit"
    ),
    "coral": "CORAL loss; consistent rank logits; ordinal regression",
    "corn": "CORN loss; conditional ordinal regression; ordinal regression",
    "pairwise_logistic": (
        "RankNet loss; BPR loss; Bayesian personalised ranking; Bradley-Terry loss; reward model loss; pairwise ranking loss"
    ),
    "margin_ranking": "MarginRankingLoss; margin ranking loss; pairwise hinge loss; RankSVM loss",
    "pairwise_squared_hinge": "AUC loss; pairwise squared hinge; AUC maximisation; squared hinge surrogate of the AUC",
    "pairwise_square": "AUC square loss; pairwise square loss; AUC maximisation; AUC margin loss",
    "listnet": "ListNet loss; listwise softmax loss; listwise ranking loss",
    "listmle": "ListMLE loss; Plackett-Luce loss; listwise likelihood; listwise ranking loss",
    "lambda_rank": "LambdaRank loss; LambdaMART loss; LambdaLoss; NDCG loss",
    "dice": "Dice loss; soft Dice; F1 loss; Sørensen-Dice loss; DSC loss; overlap loss",
    "tversky": "Tversky loss; Tversky index loss",
    "focal_tversky": "focal Tversky loss; FTL",
    "jaccard": "Jaccard loss; soft IoU loss; IoU loss for segmentation; Jaccard distance",
    "generalized_dice": "generalised Dice loss; generalized Dice loss; GDL",
    "lovasz_hinge": "Lovász hinge; Lovasz hinge; Lovasz loss",
    "lovasz_softmax": "Lovász-softmax; Lovasz softmax; Lovasz loss",
    "barlow_twins": "Barlow Twins loss; redundancy reduction; cross-correlation loss",
    "vicreg": "VICReg loss; variance-invariance-covariance regularisation",
    "byol": "BYOL loss; bootstrap your own latent; SimSiam loss; negative cosine similarity; stop-gradient loss",
    "ctc": "CTC loss; CTCLoss; connectionist temporal classification; speech recognition loss; alignment-free loss",
    "soft_dtw": "soft-DTW; soft dynamic time warping; differentiable dynamic time warping",
    "soft_dtw_divergence": "soft-DTW divergence",
    "cox_partial_likelihood": (
        "Cox loss; Cox proportional hazards; DeepSurv loss; partial likelihood; survival loss; Efron ties; Breslow ties"
    ),
    "discrete_hazard_nll": "discrete-time survival loss; discrete hazards; nnet-survival; logistic hazard; survival loss",
}


@cache
def other_names(loss):
    """The other names of a loss as a tuple.

    >>> other_names("log_cosh")
    ('log-cosh loss', 'logcosh', 'log hyperbolic cosine')
    """
    return tuple(name.strip() for name in NAMES.get(loss, "").split(";") if name.strip())
