"""The checks of the book, one function per kind of claim. The notebooks, the tests and the Cards call the same ones.

A check takes a Card (or a loss, or its name), does one thing that could fail, and returns a `Result` with what it did. Checks
that can refute a claim at one point take `at=`, the witness, so that a negative claim is the same check failing there.
Formulas are evaluated in 50 digits; searches run the function itself in float64.
"""

from .._exact import equal, exact
from .._result import GRADES, Result
from ._kind import CHECKS, largest
from .card import autograd, curvature, gradient, twins, value
from .combine import best_is_a_trade_off, reaches_every_trade_off
from .counts import canonical, convex_between, gradient_limit, gradient_range, moments, rescaled, zero_only_at_the_target
from .estimates import (
    ETAS,
    FUNCTIONALS,
    SAMPLES,
    best_constant,
    best_constants,
    best_probability,
    calibrated,
    elicits,
    fits,
    optimum,
    proper,
    resists,
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
    scale_invariant,
    shift_invariant,
    symmetric,
    triangle_inequality,
    unchanged,
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
    bounds_ndcg,
    bounds_reciprocal_rank,
    conservative,
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
from .shape import bounded, convex, lipschitz, redescending, smooth, strongly_convex, without_influence
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
