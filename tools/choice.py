"""The questions of the choice guide: what is the target, what should the prediction be, what is wrong with the data.

A question is (text, {answer: question or names of losses}). The first name is the one to start with; the others are for when it
does not do. What the page says of a loss comes from its docstring and its Card.
"""

VALUE = (
    "What should the prediction be?",
    {
        "The mean": ["squared_error"],
        "A typical value, although some targets are far off": ["huber", "absolute_error", "tukey_biweight"],
        "A quantile: too low and too high do not cost the same": ["pinball", "quantile_huber", "expectile"],
        "A mean with its uncertainty": ["gaussian_nll", "beta_gaussian_nll", "student_t_nll"],
        "A whole distribution": ["crps_gaussian", "crps_ensemble", "mixture_density_nll"],
        "Right to so many per cent": ["squared_log_error", "absolute_percentage_error"],
        "An angle": ["von_mises_nll"],
    },
)
AMOUNT = (
    "What is counted or measured?",
    {
        "Events, as often as their mean says": ["poisson_nll"],
        "Events whose counts vary more than that": ["negative_binomial_nll"],
        "A positive amount": ["gamma_nll"],
        "An amount that is often exactly 0": ["tweedie_deviance"],
    },
)
CLASSES = (
    "What is special about the labels?",
    {
        "Nothing": ["softmax_cross_entropy", "brier"],
        "Some classes are rare, and each class should count the same": ["logit_adjusted_cross_entropy", "ldam"],
        "Some labels are wrong, nobody knows which": ["generalized_cross_entropy", "symmetric_cross_entropy"],
        "It is known how often one class is labelled as another": ["forward_corrected_cross_entropy"],
        "The classes have an order": ["cumulative_link", "corn", "ranked_probability_score"],
        "Most classes should get a probability of exactly 0": ["sparsemax", "fenchel_young"],
        "Only the decision counts, no probability": ["crammer_singer"],
    },
)
YES_OR_NO = (
    "What is special about it?",
    {
        "Nothing, or several answers may be yes at once": ["sigmoid_cross_entropy"],
        "Almost all answers are no": ["sigmoid_cross_entropy", "asymmetric_focal", "sigmoid_focal"],
        "Only the decision counts, no probability": ["hinge", "squared_hinge"],
    },
)
ORDER = (
    "What is known?",
    {
        "Which of two is preferred": ["pairwise_logistic", "margin_ranking"],
        "A relevance for every item of a list": ["listnet", "lambda_rank"],
        "The order of the items": ["listmle"],
    },
)
TOGETHER = (
    "What is known?",
    {
        "Pairs, as two views of one thing": ["info_nce", "nt_xent", "siglip"],
        "A label for each": ["supervised_contrastive", "batch_hard_triplet", "arcface"],
        "Nothing but augmentations, and negatives are unwanted": ["vicreg", "barlow_twins", "byol"],
    },
)
PICTURE = (
    "What is predicted?",
    {
        "A mask": ["dice", "tversky", "lovasz_hinge"],
        "A class for every pixel": ["softmax_cross_entropy", "lovasz_softmax", "generalized_dice"],
        "Boxes": ["giou_loss", "ciou_loss"],
        "The picture itself": ["absolute_error", "ssim", "total_variation"],
    },
)
SEQUENCE = (
    "What is known?",
    {
        "The next token": ["token_cross_entropy", "distillation"],
        "The labels, but not when they occur": ["ctc"],
        "A curve that may run faster or slower": ["soft_dtw_divergence"],
        "Which of two answers is better": ["dpo", "ipo", "simpo"],
        "Whether an answer is good": ["kto"],
        "A reward for each answer": ["grpo", "ppo_clip"],
    },
)
GENERATE = (
    "With what kind of model?",
    {
        "One that removes noise": ["diffusion", "denoising_score_matching"],
        "One that moves noise to data": ["flow_matching"],
        "An autoencoder with a prior": ["elbo", "gaussian_kl"],
        "A generator and a critic": ["gan_discriminator", "gan_generator"],
        "Any that can be sampled: compare samples": ["energy_distance", "mmd", "sinkhorn_divergence"],
    },
)
START = (
    "What is the target?",
    {
        "A real number": VALUE,
        "A count, or an amount that is never negative": AMOUNT,
        "One of several classes": CLASSES,
        "Yes or no": YES_OR_NO,
        "The time until an event": (
            "How is time recorded?",
            {"Exactly": ["cox_partial_likelihood"], "In intervals": ["discrete_hazard_nll"]},
        ),
        "An order of items": ORDER,
        "Which things belong together": TOGETHER,
        "A picture": PICTURE,
        "A sequence": SEQUENCE,
        "More examples like these": GENERATE,
    },
)


def leaves(question=START):
    """All lists of names that the questions lead to."""
    for answer in question[1].values():
        if isinstance(answer, tuple):
            yield from leaves(answer)
        else:
            yield answer
