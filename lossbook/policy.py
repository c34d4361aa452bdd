"""Policies: the clipped surrogate of PPO, the GRPO family with its four denominators, and estimators of a KL divergence.

The log-ratio u = log π - log π_old of a token, or of an action, is the prediction; the advantage is given.
Values are pure numbers.
"""

from typing import Any, NamedTuple

from ._card import Card, Twin, denies, describes, says
from ._loss import check_dtype, check_weight, gradient_of, in_range, loss, prepare, quiet, same_library, zero_or_one
from ._reduce import check_reduction, reduce
from ._xp import clip as clamp
from ._xp import exp, expm1, magnitude, mul0, namespace, sum_classes, where

DENOMINATORS = ("token", "sequence", "constant", "sum")


@loss(log_ratio=0, advantage=0)
def ppo_clip(log_ratio, advantage, *, clip=0.2):
    """PPO's clipped surrogate -min(ρ A, clip(ρ, 1 - ε, 1 + ε) A) with ρ = e^u, the ratio of the new to the old probability.

    u = `log_ratio`, ε = `clip` in (0, 1). The gradient is 0 where A > 0 and ρ > 1 + ε, or A < 0 and ρ < 1 - ε, and -ρ A
    elsewhere, at the edges too. For A < 0 nothing bounds the value as ρ grows. Source: Schulman et al. (2017).

    >>> import numpy as np
    >>> ppo_clip(np.log([1.5, 1.5]), np.array([1.0, -1.0]), reduction="none").round(6).tolist()
    [-1.2, 1.5]
    """
    in_range(clip=clip, low=0, high=1)
    high, low, gain = _clipped(log_ratio, advantage, clip)
    return -where(high, advantage * (1.0 + clip), where(low, advantage * (1.0 - clip), gain))


@gradient_of(ppo_clip)
def ppo_clip_gradient(log_ratio, advantage, *, clip=0.2):
    high, low, gain = _clipped(log_ratio, advantage, clip)
    return -where(high | low, 0.0, gain)


@describes(ppo_clip)
def _():
    from sympy import And, Max, Min, Or, Piecewise, exp

    from . import check
    from ._symbols import A_hat, epsilon, u

    ratio = exp(u)
    clipped = Or(And(A_hat > 0, ratio > 1 + epsilon), And(A_hat < 0, ratio < 1 - epsilon))
    return Card(
        ppo_clip,
        symbols={"log_ratio": u, "advantage": A_hat, "clip": epsilon},
        domain={"log_ratio": "R", "advantage": "R", "clip": "(0, 1)"},
        formula=-Min(ratio * A_hat, Min(Max(ratio, 1 - epsilon), 1 + epsilon) * A_hat),
        gradient=ppo_clip_gradient,
        gradient_formula=Piecewise((0, clipped), (-A_hat * ratio, True)),
        link="log of the probability ratio",
        convention="a loss: minus the surrogate; at the edges of the clip the gradient is not 0",
        reference="schulman2017",
        twins=[Twin("torch.clamp", _ppo_torch, note="minus the minimum of the two surrogates", reductions=("none",))],
        claims=[
            says(
                check.silent_exactly_where,
                "verified",
                condition=_is_silent,
                where="A > 0 and ρ > 1 + ε, or A < 0 and ρ < 1 - ε, or A = 0",
            ),
            says(check.runs_away, "verified", at={"log_ratio": "t", "advantage": "-1"}, along="for A < 0 as ρ grows"),
            says(check.at_least, "searched", reference=_surrogate, name="the surrogate -ρ A without the clip", at=BOTH),
            says(check.gradient_identity, "proved", expression=-A_hat, where={u: 0}, name="-A at ρ = 1, the policy gradient"),
            says(check.identity, "proved", expression=-A_hat, where={u: 0}, name="-A at ρ = 1"),
            denies(check.convex, "proved", name="the log-ratio", witness=BENT),
        ],
        chapter="25_preferences",
    )


def grpo(
    log_ratio,
    advantage,
    *,
    mask,
    clip=0.2,
    kl=None,
    kl_weight=0.0,
    denominator_form="token",
    weight=None,
    reduction="mean",
    denominator=None,
):
    """GRPO and its relatives: `ppo_clip` on the tokens of N answers, plus `kl_weight` times `kl`, with four denominators.

    `log_ratio`, `mask` (0 or 1; what it leaves out may hold anything) and `kl`, an estimate per token that receives gradient,
    have the shape (N, T); `advantage` too, or it is (N,), one per answer. With |o| tokens in an answer, `denominator_form` is
    "token" for Σ Σ ℓ / Σ |o| (DAPO), "sequence" for the mean over answers of Σ ℓ / |o| (GRPO), "constant" for that of Σ ℓ / T
    (Dr. GRPO; pad to the longest answer that is allowed, or T varies), "sum" for that of Σ ℓ.
    ``reduction="none"`` is ℓ, ℓ / |o|, ℓ / T, ℓ of shape (N, T). `denominator` is the number of tokens ("token") or of answers in
    the whole batch; an answer without tokens does not count. Source: Shao et al. (2024); Yu et al. (2025); Liu et al. (2025).

    >>> import numpy as np
    >>> long_and_short = np.array([[1, 1, 1, 1], [1, 0, 0, 0]])
    >>> for form in ("token", "sequence", "constant", "sum"):
    ...     print(float(grpo(np.zeros((2, 4)), np.array([-1.0, 1.0]), mask=long_and_short, denominator_form=form)))
    0.6
    0.0
    0.375
    1.5
    """
    check_reduction(reduction, denominator)
    batch, tokens, kl, weight = _token_batch(log_ratio, advantage, mask, kl, kl_weight, denominator_form, weight)
    with quiet(tokens):
        values = ppo_clip(*batch.arrays, clip=clip, reduction="none")
        values = values if kl is None else values + kl_weight * kl
        share, count = _shares(tokens, denominator_form)
        values = reduce(values * share, weight, "none", None)
        if reduction == "mean" and denominator is None:
            denominator = namespace(count).sum(count if weight is None else count * weight)
        result = reduce(values, None, reduction, denominator)
        return namespace(result).astype(result, batch.dtype)


grpo.axes, grpo.predictions, grpo.symmetric, grpo.every_example = {"log_ratio": 1, "advantage": 1}, 1, False, False


def grpo_gradient(log_ratio, advantage, *, mask, clip=0.2, kl=None, kl_weight=0.0, denominator_form="token"):
    """The gradient of the sum with respect to the log-ratio; that with respect to `kl` is `kl_weight` times the same shares."""
    batch, tokens, _, _ = _token_batch(log_ratio, advantage, mask, kl, kl_weight, denominator_form, None)
    slope = ppo_clip_gradient(*batch.arrays, clip=clip) * _shares(tokens, denominator_form)[0]
    return namespace(slope).astype(slope, batch.dtype)


@describes(grpo)
def _():
    from sympy import Symbol

    from . import check
    from ._card import card
    from ._symbols import A_hat, epsilon, lamda, u

    surrogate, divergence = card("ppo_clip"), Symbol("k_3", nonnegative=True)
    return Card(
        grpo,
        symbols={"log_ratio": u, "advantage": A_hat, "clip": epsilon, "kl": divergence, "kl_weight": lamda},
        domain={"log_ratio": "R", "advantage": "R", "clip": "(0, 1)", "kl": "R", "kl_weight": "[0, inf)"},
        formula=surrogate.formula + lamda * divergence,
        gradient=grpo_gradient,
        gradient_formula=surrogate.gradient_formula,
        link="log of the probability ratio",
        convention="mean over tokens by default, as in DAPO and in TRL (source of July 2026); GRPO's own is 'sequence'",
        reference="shao2024",
        claims=[
            says(check.token_weight, "verified", form="sequence", weight="1/(N*n)"),
            says(check.token_weight, "verified", form="token", weight="1/M"),
            says(check.token_weight, "verified", form="constant", weight="1/(N*T)"),
            says(check.token_weight, "verified", form="sum", weight="1/N"),
            says(check.mean_of_tokens, "verified", reference=ppo_clip, name="the clipped surrogate"),
            says(check.starts_at_the_policy_gradient, "verified"),
            says(check.estimates_divergence, "enumerated", which="k1"),
            says(check.estimates_divergence, "enumerated", which="k3"),
            denies(check.estimates_divergence, "enumerated", which="k2", witness=FAR),
            says(check.pulls_like, "enumerated", which="k1", of="0"),
            says(check.pulls_like, "enumerated", which="k2", of="that of KL(π, π₀)"),
            says(check.pulls_like, "enumerated", which="k3", of="that of KL(π₀, π)"),
            denies(check.pulls_like, "enumerated", which="k3", of="that of KL(π, π₀)", witness=FAR),
        ],
        chapter="25_preferences",
    )


class KLEstimates(NamedTuple):
    """Three estimates of KL(p, q), one value for each sample of p."""

    k1: Any
    k2: Any
    k3: Any


def kl_estimators(log_p, log_q):
    """Three estimates of KL(p, q) from samples of p: k1 = -log r, k2 = ½ (log r)², k3 = r - 1 - log r, with r = q / p.

    `log_p` is the log-probability of each sample under the policy p that *drew* it, `log_q` under the reference q, which receives
    no gradient; both of one shape, that of each estimate. k1 and k3 are unbiased, k2 is not; k2 and k3 are never negative.
    As losses they differ: on average k1 has no gradient at all, k2 that of KL(p, q), k3 that of KL(q, p).
    Returns a named tuple and is no loss of its own: there is nothing to reduce. Source: Schulman (2020); Tang and Munos (2025).

    >>> import numpy as np
    >>> [round(float(k), 6) for k in kl_estimators(np.log(0.5), np.log(0.25))]
    [0.693147, 0.240227, 0.193147]
    """
    batch = prepare(kl_estimators, [log_p, log_q], None, {})
    log_p, log_q = batch.arrays
    with quiet(log_p):
        log_r = log_q - log_p
        estimates = -log_r, log_r**2 / 2, exp_excess(log_r)
        return KLEstimates(*[namespace(k).astype(k, batch.dtype) for k in estimates])


kl_estimators.axes, kl_estimators.predictions, kl_estimators.symmetric = {"log_p": 0, "log_q": 0}, 1, False

# The surrogate is concave where the advantage is positive and the clip does not hold; a grid of log-ratios for both signs.
BENT = {"between": (-2.0, 0.0), "advantage": 1.0, "params": {"clip": 0.2}}
BOTH = [[side / 50 for side in range(-200, 201)] * 2, [2.0] * 401 + [-3.0] * 401]

# A policy and a reference on three actions, as logits, that are far apart.
FAR = [[2.0, 0.0, -1.0], [-1.0, 0.0, 2.0]]


def _clipped(log_ratio, advantage, clip):
    """Where the clip holds ρ back, from above for a positive advantage, from below for a negative one, and ρ A elsewhere."""
    ratio = exp(log_ratio)
    high, low = (advantage > 0) & (ratio > 1 + clip), (advantage < 0) & (ratio < 1 - clip)
    flat = high | low | ((advantage == 0) & (log_ratio == log_ratio))  # there ρ may overflow
    half = exp(where(flat, 0.0, log_ratio) / 2)  # applied twice: ρ alone can overflow where ρ A does not
    return high, low, advantage * half * half


def _token_batch(log_ratio, advantage, mask, kl, kl_weight, form, weight):
    """Checked inputs: the two arrays of the surrogate, harmless where a token does not count, the mask, `kl` and the weights."""
    in_range(kl_weight=kl_weight, low=0, closed="[")
    if form not in DENOMINATORS:
        raise ValueError(f"denominator_form must be one of {DENOMINATORS}, got {form!r}")
    if kl is None and not (isinstance(kl_weight, int | float) and kl_weight == 0):
        raise ValueError(f"kl_weight multiplies kl, which is missing: give kl, one estimate per token, got kl_weight={kl_weight}")
    log_ratio, advantage, mask, kl, weight = same_library([log_ratio, advantage, mask, kl, weight])
    xp, shape = namespace(log_ratio), tuple(log_ratio.shape)
    if len(shape) != 2:
        raise ValueError(f"log_ratio must have shape (N, T), answers and their tokens, got {shape}")
    if tuple(advantage.shape) == shape[:1]:
        advantage = xp.broadcast_to(advantage[:, None], shape)
    for name, array in {"mask": mask, "kl": kl}.items():
        if array is not None and tuple(array.shape) != shape:
            raise ValueError(f"{name} must have the shape {shape} of log_ratio, got {tuple(array.shape)}: nothing is broadcast")
    zero_or_one(mask=mask)
    counted = xp.astype(mask, xp.float32)
    if weight is not None:
        counted = where(check_weight(weight, shape, xp.float32) == 0, 0.0, counted)
    batch = prepare(ppo_clip, [log_ratio, advantage], counted, {})
    dtype = batch.arrays[0].dtype
    if kl is not None:
        check_dtype("kl", kl, target=False, labels=False)
        kl = where(counted == 0, 0.0, xp.astype(kl, dtype))
    return batch, xp.astype(mask, dtype), kl, None if weight is None else xp.astype(weight, dtype)


def _shares(tokens, form):
    """By what the loss of each token is multiplied, and how much each token adds to the count that the mean divides by."""
    lengths = sum_classes(tokens)[:, None]
    of_answer = tokens / where(lengths == 0, 1.0, lengths)  # the tokens of an answer add up to 1
    if form == "token":
        return tokens, tokens
    if form == "sequence":
        return of_answer, of_answer
    return tokens / (max(tokens.shape[1], 1) if form == "constant" else 1), of_answer


def exp_excess(x):
    """e^x - 1 - x ≥ 0: near 0 by its series, since the difference would keep no digit of x²/2."""
    small = magnitude(x) < 1
    near, far = where(small, x, 0.0), where(small, 1.0, x)
    series = 1.0
    for n in range(20, 2, -1):
        series = 1 + near / n * series
    return where(small, near**2 / 2 * series, expm1(far) - clamp(far, None, 1e4))


def _is_silent(log_ratio, advantage, *, clip):
    ratio = exp(log_ratio)
    return ((advantage > 0) & (ratio > 1 + clip)) | ((advantage < 0) & (ratio < 1 - clip)) | (advantage == 0)


def _surrogate(log_ratio, advantage, *, clip):
    return -mul0(advantage, exp(log_ratio))


# --- twins ----------------------------------------------------------------------------------------------------------------


def _ppo_torch(log_ratio, advantage, *, reduction, clip):
    import torch

    ratio = log_ratio.exp()
    return -torch.min(ratio * advantage, torch.clamp(ratio, 1 - clip, 1 + clip) * advantage)
