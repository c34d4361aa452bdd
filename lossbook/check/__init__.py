"""The checks of the book, one function per kind of claim. The notebooks, the tests and the Cards call the same ones.

A check takes a Card (or a loss, or its name), does one thing that could fail, and returns a `Result` with what it did. Checks
that can refute a claim at one point take `at=`, the witness, so that a negative claim is the same check failing there.
Formulas are evaluated in 50 digits; searches run the function itself in float64.
"""

from .._exact import equal, exact
from .._result import GRADES, Result
from ._kind import CHECKS, largest
from .boxes import flat_inside, flat_when_apart, isotropic_bounds, never_above, zero_where_same
from .card import autograd, curvature, gradient, twins, value
from .combine import best_is_a_trade_off, reaches_every_trade_off
from .contrastive import (
    above_l_in,
    above_log_positives,
    alignment_and_uniformity,
    best_bias,
    best_critic,
    bounds_information,
    collapsed,
    focuses,
    hardest_of_all,
    idle,
    keeps_the_centre,
    mean_of_those_that_cost,
    move,
    moves_with_the_rows,
    share_of_negatives,
    sums_over_parts,
    tightens,
)
from .counts import canonical, convex_between, gradient_limit, gradient_range, moments, rescaled, zero_only_at_the_target
from .divergence import (
    amari_limits,
    at_least_as_much_as,
    best_for_samples,
    convex_in_both,
    envelope,
    gradient_in_logits,
    least_cost,
    loses_by_merging,
    marginals,
    mean_over_pairs_of_samples,
    metric,
    no_less_than_transport,
    no_more_than_transport,
    sample_gradients,
    stays_below,
    tends_to_transport,
    zero_only_where_equal,
)
from .estimates import (
    ETAS,
    FUNCTIONALS,
    best_constant,
    best_constants,
    best_probability,
    calibrated,
    elicits,
    fits,
    optimum,
    proper,
    resists,
    samples,
)
from .generative import (
    best_denoiser,
    best_discriminator,
    bounds_evidence,
    error_of_clean,
    error_of_the_end,
    follows,
    gap_is_posterior_divergence,
    mean_log_ratio,
    positive_at_its_best,
    slope_far_below,
)
from .identities import (
    behaves_like,
    bounds_mistakes,
    coincides,
    equals,
    gradient_identity,
    gradient_is_perpendicular,
    grows_with,
    homogeneous,
    identity,
    limit,
    permutation_invariant,
    scale_invariant,
    shift_invariant,
    symmetric,
    triangle_inequality,
    unchanged,
)
from .language import (
    accumulates,
    best_margin,
    curvature_along,
    estimates_divergence,
    gradient_total,
    mean_of_tokens,
    optimal_policy,
    perplexity_is_a_mean,
    pulls_like,
    raises_the_chosen,
    runs_away,
    silent_exactly_where,
    starts_at_the_policy_gradient,
    token_weight,
)
from .likelihood import (
    bounded_below,
    convex_in,
    favours_the_truth,
    hessian_determinant,
    m_step,
    normalised,
    one_stationary_point,
    unbiased,
)
from .margin import (
    ETA,
    V,
    at_init,
    at_least,
    best_logit,
    best_logits,
    cooled,
    curvature_bound,
    curves,
    expands,
    improper_between,
    invertible,
    leads_by,
    least_value,
    limit_of,
    misses,
    optimal_at,
    optimal_logits,
    proper_through,
    psi_transform,
    steeper,
    unbounded,
    zero_beyond,
)
from .noise import (
    affine_in_noise,
    at_identity,
    balanced_rule,
    class_costs,
    flat,
    optimal_margins,
    optimum_of_classes,
    symmetric_costs,
)
from .ranking import (
    balanced,
    best_difference,
    bounds_auc,
    bounds_ndcg,
    bounds_reciprocal_rank,
    conservative,
    knows_means_and_variances,
    orders_by_probability,
    orders_sum_to_one,
    ranks_as_ndcg,
    separates,
)
from .scoring import (
    INTEGRALS,
    convex_in_probabilities,
    expected,
    feels_distance,
    fits_the_normal_law,
    forgets_confident_mistakes,
    hessian,
    integral,
    mean_over_samples,
    murphy_decomposition,
    pulls_to_the_truth,
    ranges,
    scales_with_units,
    steepest,
    strictly_proper,
)
from .segmentation import (
    best_at_masks,
    convex_among,
    fills,
    fills_the_mask,
    least_at,
    marks_more_with_beta,
    mean_of_classes,
    metric_on_sets,
    pools,
    set_function,
    submodular,
)
from .selfsupervised import (
    at_collapse,
    costs_nothing,
    differentiates_both,
    reorder,
    rescale_columns,
    rises_with_angle,
    shift_of_one,
    shift_rows,
    slope_in_angle,
    steady_in_angle,
)
from .sequence import (
    approaches,
    at_most,
    balanced_steps,
    expected_path_length,
    ignores_speed,
    infinite_without_alignment,
    least_at_equality,
    never_negative,
    on_sequences,
    strings_sum_to_one,
    sums_alignments,
    zero_at_equality,
)
from .shape import bounded, convex, lipschitz, redescending, smooth, strongly_convex, without_influence
from .slope import slope
from .survival import (
    adds_up,
    convex_with,
    efron_below_breslow,
    listmle_of_times,
    on_samples,
    outcomes_sum_to_one,
    rank_consistent,
    reads_off,
    unaffected,
)

__all__ = ["GRADES", "Result", "equal", "exact", *CHECKS]
