"""Losses for classes of unequal frequency: shifted logits, margins and weights that depend on how often a class occurs.

Multiclass losses take `logits` (..., K) and `labels`: integer classes (...) or probabilities (..., K) that sum to 1;
``reduction="none"`` has the shape (...). The binary loss takes a `logit` of any shape and a `target` of that shape. Values are in
nats. What is given per class, `prior` or `counts`, is an array or a list of K numbers; a wrong number raises ValueError.
"""

import math

from ._card import Card, Twin, denies, describes, says
from ._loss import (
    LABELS,
    check_dtype,
    gradient_of,
    in_range,
    in_unit_interval,
    loss,
    parameter,
    quiet,
    refuse_masks,
    require,
    same_library,
)
from ._twins import in_jax
from ._xp import (
    exp,
    expm1,
    log,
    log1p,
    log_softmax,
    mul0,
    namespace,
    probability_error,
    sigmoid,
    softplus,
    sum_classes,
    top,
    where,
)
from .classification import _focal_slope, _focus

MULTICLASS = {"logits": "R^K", "labels": "simplex of K classes"}


@loss(logits=1, labels=LABELS)
def logit_adjusted_cross_entropy(logits, labels, *, prior, tau=1.0):
    """Cross-entropy of softmax(z + τ log π): the frequent classes get a head start, so the scores z must not repeat it.

    `prior` = π (K,): how frequent each class is, > 0, summing to 1 (counts: divide by their sum). `tau` ≥ 0: 0 gives
    cross-entropy, 1 the balanced softmax, whose scores decide for the class with the largest P(x | class).
    At prediction time use z as it is: the shift belongs to the training alone.
    Source: Menon et al. (2021); Ren et al. (2020).

    >>> import numpy as np
    >>> logits, labels = np.zeros((2, 2)), np.array([0, 1])
    >>> logit_adjusted_cross_entropy(logits, labels, prior=[0.9, 0.1], reduction="none").round(4).tolist()
    [0.1054, 2.3026]
    """
    return sum_classes(mul0(labels, -_adjusted(logits, prior, tau)))


@gradient_of(logit_adjusted_cross_entropy)
def logit_adjusted_cross_entropy_gradient(logits, labels, *, prior, tau=1.0):
    return probability_error(_adjusted(logits, prior, tau), labels)


@describes(logit_adjusted_cross_entropy)
def _():
    from sympy import Sum, log, sqrt

    from . import check
    from ._symbols import K, Prior, Q, Z, j, k, logsumexp, softmax, tau

    shifted = Z + tau * log(Prior)
    rare = [0.8, 0.15, 0.05]
    return Card(
        logit_adjusted_cross_entropy,
        symbols={"logits": Z, "labels": Q, "prior": Prior, "tau": tau},
        domain=MULTICLASS | {"prior": "class frequencies", "tau": "[0, inf)"},
        formula=Sum(Q[k] * (logsumexp(shifted) - Z[k] - tau * log(Prior[k])), (k, 1, K)),
        gradient=logit_adjusted_cross_entropy_gradient,
        gradient_formula=softmax(shifted, j) - Q[j],
        link="softmax of z + τ log π",
        convention="τ log π is added in training only",
        reference="menon2021",
        chapter="15_imbalance",
        twins=[Twin("torch.nn.functional.cross_entropy", _adjusted_torch, note="of z + τ log π")],
        claims=[
            says(check.convex, "proved"),
            says(check.lipschitz, "searched", bound=sqrt(2)),
            says(
                check.identity,
                "proved",
                expression=Sum(Q[k] * (logsumexp(Z) - Z[k]), (k, 1, K)),
                name="cross-entropy at τ = 0",
                where={tau: 0},
            ),
            says(
                check.optimum_of_classes,
                "verified",
                optimum=Q[j] * Prior[j] ** -tau / Sum(Q[k] * Prior[k] ** -tau, (k, 1, K)),
                name="q / π^τ, normalised: that of cross-entropy with τ log π taken off the logits afterwards",
            ),
            says(check.balanced_rule, "verified", params={"tau": 1.0}),
            denies(check.balanced_rule, "verified", witness=0, params={"tau": 0.0}),
            denies(check.proper, "verified", witness=rare, params={"prior": rare, "tau": 1.0}),
            denies(check.calibrated, "verified", witness=[0.6, 0.3, 0.1], params={"prior": rare, "tau": 1.0}),
            says(check.shift_invariant, "verified"),
        ],
    )


@loss(logits=1, labels=LABELS)
def ldam(logits, labels, *, counts, max_margin=0.5, scale=30.0):
    """Cross-entropy of s (z - Δ_y e_y): class y must win by the margin Δ_y = C (n_min / n_y)^¼, the larger the rarer it is.

    `counts` = n (K,) > 0: examples per class; the rarest class has the margin `max_margin` = C > 0. `scale` = s > 0 is meant for
    logits that are cosines. Class probabilities mix the costs of the classes: Σ_k q_k ℓ(z, k).
    Convention: as the authors' code. In the paper Δ_y = C n_y^(-¼), without n_min. Source: Cao et al. (2019).

    >>> import numpy as np
    >>> logits, labels = np.zeros((2, 2)), np.array([0, 1])
    >>> ldam(logits, labels, counts=[160, 10], scale=1.0, reduction="none").round(4).tolist()
    [0.8259, 0.9741]
    """
    return -sum_classes(mul0(labels, _log_hit(*_margins(logits, counts, max_margin, scale))))


@gradient_of(ldam)
def ldam_gradient(logits, labels, *, counts, max_margin=0.5, scale=30.0):
    # Σ_k q_k (softmax of the logits with class k lowered - e_k), the top class apart: lowering it moves all others a lot
    below, margin, is_top = _margins(logits, counts, max_margin, scale)
    p = exp(log_softmax(below))
    without = where(is_top, 0.0, p)
    pull = where(is_top, 0.0, labels) / (1 - without + without * exp(-margin))
    lowered = where(is_top, 0.0, exp(log_softmax(where(is_top, -margin, below))))
    of_top = sum_classes(where(is_top, labels, 0.0))[..., None]
    missing = -expm1(_log_hit(below, margin, is_top))
    return scale * (of_top * lowered + p * (sum_classes(pull)[..., None] - pull) - labels * missing)


@describes(ldam)
def _():
    from sympy import Sum, sqrt

    from . import check
    from ._symbols import Counts, K, Q, Z, d, k, logsumexp, scale

    balanced = {"counts": [20.0, 20.0, 20.0], "max_margin": 0.5, "scale": 2.0}
    return Card(
        ldam,
        symbols={"logits": Z, "labels": Q, "counts": Counts, "max_margin": d, "scale": scale},
        domain=MULTICLASS | {"counts": "class counts", "max_margin": "(0, inf)", "scale": "(0, inf)"},
        oracle=_ldam_oracle,
        gradient=ldam_gradient,
        link="softmax",
        convention="the rarest class has the margin max_margin; the scale multiplies logits and margins",
        reference="cao2019",
        chapter="15_imbalance",
        twins=[Twin("torch.nn.functional.cross_entropy", _ldam_torch, note="of s (z - Δ_y e_y)", indices=True)],
        claims=[
            says(check.convex, "searched"),
            says(check.lipschitz, "searched", bound=sqrt(2) * scale),
            says(
                check.limit,
                "verified",
                parameter="max_margin",
                to="0",
                expression=Sum(Q[k] * (logsumexp(scale * Z) - scale * Z[k]), (k, 1, K)),
                name="cross-entropy of s z",
            ),
            says(check.optimal_margins, "verified"),
            denies(check.proper, "verified", witness=[0.5, 0.3, 0.2], params=balanced),
            says(check.shift_invariant, "verified"),
        ],
    )


@loss(logit=0, target=0)
def asymmetric_focal(logit, target, *, gamma_positive=1.0, gamma_negative=4.0, clip=0.05):
    """Asymmetric loss for many labels: -y (1 - p)^γ₊ log p - (1 - y) p_c^γ₋ log(1 - p_c), with p = σ(z), p_c = (p - c)₊.

    `gamma_positive`, `gamma_negative` ≥ 0 mute easy positives and negatives; negatives with p ≤ `clip` = c in [0, 1) cost nothing
    and have gradient 0. A target strictly between 0 and 1 mixes the two costs. c = 0 and γ₊ = γ₋ give the focal loss.
    Convention: the gradient is the derivative of the value. Of the authors' two classes one (`AsymmetricLoss`) by default takes
    the factors (1 - p)^γ₊ and p_c^γ₋ as constants; both return the sum. Source: Ridnik et al. (2021).

    >>> import numpy as np
    >>> asymmetric_focal(np.array([0.0, 0.0, -3.0]), np.array([1.0, 0.0, 0.0]), reduction="none").round(6).tolist()
    [0.346574, 0.024515, 0.0]
    """
    in_range(gamma_positive=gamma_positive, gamma_negative=gamma_negative, low=0, closed="[")
    in_range(clip=clip, low=0, high=1, closed="[")
    in_unit_interval(target=target)
    cost, _ = _negative(logit, gamma_negative, clip)
    return _focus(target, -softplus(-logit), gamma_positive) + mul0(1 - target, cost)


@gradient_of(asymmetric_focal)
def asymmetric_focal_gradient(logit, target, *, gamma_positive=1.0, gamma_negative=4.0, clip=0.05):
    _, slope = _negative(logit, gamma_negative, clip)
    return (1 - target) * slope - target * _focal_slope(logit, gamma_positive)


@describes(asymmetric_focal)
def _():
    from sympy import Max, Min, Piecewise, Symbol, log

    from . import card, check
    from ._symbols import c, gamma, gamma_minus, gamma_plus, sigmoid, softplus, y, z

    eta = Symbol("eta")
    p, p_c = sigmoid(z), Max(sigmoid(z) - c, 0)
    rest = p - c
    usual = {"gamma_positive": 1.0, "gamma_negative": 4.0, "clip": 0.05}
    unclipped = {"gamma_positive": 2.0, "gamma_negative": 0.5, "clip": 0.0}
    up = sigmoid(-z) ** gamma_plus * (sigmoid(-z) - gamma_plus * p * log(p))
    down = p * (1 - p) * rest ** (gamma_minus - 1) * (rest / (1 - rest) - gamma_minus * log(1 - rest))
    return Card(
        asymmetric_focal,
        symbols={"logit": z, "target": y, "gamma_positive": gamma_plus, "gamma_negative": gamma_minus, "clip": c},
        domain={"logit": "R", "target": "[0, 1]", "gamma_positive": "[0, inf)", "gamma_negative": "[0, inf)", "clip": "[0, 1)"},
        formula=y * sigmoid(-z) ** gamma_plus * softplus(-z) - (1 - y) * p_c**gamma_minus * log(1 - p_c),
        gradient=asymmetric_focal_gradient,
        gradient_formula=(1 - y) * Piecewise((down, p > c), (0, True)) - y * up,
        link="sigmoid",
        convention="the derivative goes through the focusing factors; gradient 0 at p = c",
        reference="ridnik2021",
        chapter="15_imbalance",
        twins=[
            Twin(
                "optax.sigmoid_focal_loss",
                _focal_optax,
                note="the focal loss; a soft target mixes the two costs",
                reductions=("none",),
                at={"gamma_positive": 2.0, "gamma_negative": 2.0, "clip": 0.0},
            )
        ],
        claims=[
            says(
                check.optimum,
                "verified",
                optimum=Max(c, Min(1, eta * (1 + c))),
                params={"gamma_positive": 0.0, "gamma_negative": 0.0, "clip": 0.05},
            ),
            says(
                check.identity,
                "proved",
                expression=card("sigmoid_focal").formula,
                name="the focal loss at c = 0 and γ₊ = γ₋",
                where={c: 0, gamma_plus: gamma, gamma_minus: gamma},
            ),
            says(check.flat, "searched", target=0, below=c),
            says(check.gradient, "verified", params=usual),
            says(check.value, "verified", params=unclipped),
            says(check.autograd, "verified", params=unclipped),
            denies(check.convex, "proved", witness={"between": (0.0, 8.0), "target": 0.0, "params": usual}),
            denies(check.proper, "verified", witness=0.8, params=usual),
            denies(check.calibrated, "verified", witness=0.35, params=usual),
        ],
    )


def class_balanced_weights(counts, *, beta=0.999):
    """Weights (1 - β) / (1 - βⁿ) for classes of n examples, to be passed on as `class_weights`. Not a loss.

    `counts` (K,) > 0 are the sizes of the classes, an array or a list; the result (K,) is of the same library.
    `beta` in [0, 1): at 0 every weight is 1, and as β → 1 the weights tend to 1 / n. Exact to rounding in between.
    Convention: not normalised. The authors' code multiplies the weights so that they sum to K.
    Source: Cui et al. (2019).

    >>> class_balanced_weights([1000, 10, 1]).round(5).tolist()
    [0.00158, 0.10045, 1.0]
    """
    in_range(beta=beta, low=0, high=1, closed="[")
    refuse_masks([counts])
    (counts,) = same_library([counts])
    check_dtype("counts", counts, target=True, labels=False)
    if counts.ndim != 1:
        raise ValueError(f"counts must have shape (K,), one per class, got {tuple(counts.shape)}")
    require(counts, counts > 0, "counts must be > 0")
    with quiet(counts):
        xp, n = namespace(counts), counts / 1  # integers become the library's floats
        wide = xp.astype(n, xp.float32) if xp.finfo(n.dtype).bits < 32 else n
        log_beta = math.log(beta) if beta > 0 else -math.inf
        return xp.astype((beta - 1) / expm1(wide * log_beta), n.dtype)


# --- helpers of this module ---------------------------------------------------------------------------------------------


def _adjusted(logits, prior, tau):
    """log softmax(z + τ log π). The posterior comes first: next to a huge logit τ log π would lose its digits."""
    in_range(tau=tau, low=0, closed="[")
    prior = parameter("prior", prior, like=logits, shape=logits.shape[-1:], each="one per class")
    require(prior, prior > 0, "prior must be > 0")
    total = sum_classes(prior)
    require(total, namespace(prior).abs(total - 1) <= 1e-4, "prior must sum to 1 (divide counts by their sum)")
    return log_softmax(log_softmax(logits) + tau * log(prior))


def _margins(logits, counts, max_margin, scale):
    """s (z - max z), the margins s Δ of the classes, and where the maximum is."""
    in_range(max_margin=max_margin, scale=scale, low=0)
    counts = parameter("counts", counts, like=logits, shape=logits.shape[-1:], each="one per class")
    require(counts, counts > 0, "counts must be > 0")
    is_top = top(logits)
    highest = sum_classes(where(is_top, logits, 0.0))[..., None]
    margin = scale * max_margin * (namespace(counts).min(counts) / counts) ** 0.25
    return scale * where(is_top, 0.0, logits - highest), margin, is_top


def _log_hit(below, margin, is_top):
    """log of the probability that class k keeps when only its own logit is lowered, for each k.

    The top class: softmax with that logit lowered. Any other stays below the top: u = z_k - max z becomes u - m, and
    the sum over the others changes by e^(u - m) - e^u, which is too small to cancel anything next to the 1 of the top.
    """
    others = sum_classes(where(is_top, 0.0, exp(below)))[..., None]
    of_top = log_softmax(where(is_top, -margin, below))
    return where(is_top, of_top, below - margin - log1p(others + where(is_top, 0.0, exp(below)) * expm1(-margin)))


def _negative(logit, gamma, clip):
    """p_c^γ (-log(1 - p_c)) and its derivative. Where p_c is 0, both are."""
    m = namespace(logit).full_like(logit, clip)
    kink = log(m) - log1p(-m)  # p - c = p (1 - c) (1 - e^(kink - z)) keeps its digits near the kink
    p_c = sigmoid(logit) * (1 - m) * -expm1(where(logit <= kink, 0.0, kink - logit))
    silent = p_c < namespace(p_c).finfo(p_c.dtype).smallest_normal  # autograd must not meet 0^(γ - 1)
    full = sigmoid(-logit) + m < math.exp(-50)  # p_c is 1 to the last digit, and its cost may be infinite
    safe = where(full, 1.0, where(silent, 0.5, p_c))
    near = safe <= 0.5
    far = where(m > 0, -log(where(m > 0, sigmoid(-logit) + m, 1.0)), softplus(logit))
    cost = where(near, -log1p(-where(near, safe, 0.0)), far)
    survives = 1 / (1 + mul0(m, 1 + exp(logit)))  # (1 - p) / (1 - p_c)
    slope = sigmoid(logit) * safe**gamma * (gamma * mul0(sigmoid(-logit), cost) / safe + survives)
    return where(silent, 0.0, safe**gamma * cost), where(silent, 0.0, slope)


def _ldam_oracle(logits, labels, *, counts, max_margin, scale):
    """Σ_k q_k times the cross-entropy of s (z - Δ_k e_k) for class k, where Δ_k = C (n_min / n_k)^¼."""
    import mpmath

    total = mpmath.mpf(0)
    for k, q in enumerate(labels):
        margin = max_margin * mpmath.root(mpmath.mpf(min(counts)) / mpmath.mpf(counts[k]), 4)
        moved = [scale * (z - margin * (i == k)) for i, z in enumerate(logits)]
        total -= q * mpmath.log(mpmath.exp(moved[k]) / mpmath.fsum(map(mpmath.exp, moved)))
    return total


def _adjusted_torch(logits, labels, *, reduction, prior, tau):
    import torch

    return torch.nn.functional.cross_entropy(
        logits + tau * torch.tensor(prior, dtype=logits.dtype).log(), labels, reduction=reduction
    )


def _ldam_torch(logits, labels, *, reduction, counts, max_margin, scale):
    import torch

    margins = 1 / torch.tensor(counts, dtype=logits.dtype).sqrt().sqrt()
    margins = max_margin * margins / margins.max()
    moved = logits - torch.nn.functional.one_hot(labels, len(counts)) * margins
    return torch.nn.functional.cross_entropy(scale * moved, labels, reduction=reduction)


def _focal_optax(logit, target, *, reduction, gamma_positive, gamma_negative, clip):
    """For a target between 0 and 1 optax takes the power of a mean of p and 1 - p; here the costs of 0 and 1 are mixed."""
    of_1, of_0 = (in_jax("optax.losses.sigmoid_focal_loss", logit, target * 0 + y, gamma=gamma_positive) for y in (1, 0))
    return target * of_1 + (1 - target) * of_0
