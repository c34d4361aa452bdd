"""Language models: the cross-entropy of tokens, the z-loss that keeps their logits in place, and distillation.

`logits` (..., K) are raw scores over the vocabulary, `labels` (...) the tokens that came: the caller shifts them, so that the
logits at t stand beside token t + 1. ``reduction="none"`` has the shape (...). Values are in nats. The losses of preferences
between answers and of policies, in `preference` and `policy`, belong to the same family.
"""

import functools

from . import classification
from ._card import Card, Twin, denies, describes, says
from ._loss import LABELS, gradient_of, in_range, loss, same_library
from ._xp import exp, is_float, log1p, log_softmax, mul0, namespace, probability_error, sum_classes, top, where
from .policy import exp_excess, grpo, kl_estimators, ppo_clip
from .preference import dpo, ipo, kto, orpo, simpo

__all__ = [
    "distillation",
    "dpo",
    "grpo",
    "ipo",
    "kl_estimators",
    "kto",
    "orpo",
    "ppo_clip",
    "simpo",
    "token_cross_entropy",
    "z_loss",
]


def _ignoring(function):
    """`ignore_index` takes out tokens only if it is given. Here it is given by default, unless the labels are probabilities."""

    @functools.wraps(function)
    def with_default(*arrays, **options):
        (labels,) = same_library([options.get("labels", arrays[1] if len(arrays) > 1 else None)])
        real = labels is not None and is_float(labels)
        return function(*arrays, **({} if real else {"ignore_index": -100}) | options)

    return with_default


@_ignoring
@loss(logits=1, labels=LABELS)
def token_cross_entropy(logits, labels, *, ignore_index=-100, z_loss=0.0):
    """Cross-entropy of tokens, -log softmax(z)_label, plus λ (log Z)² with λ = `z_loss` ≥ 0 and log Z = LSE(z).

    Labels equal to `ignore_index` (None: none) have weight 0, whatever their logits hold. The mean divides by the number of
    tokens that count in *this* call: under gradient accumulation pass `denominator`, the count of the whole batch. Labels may
    also be probabilities (..., K), none of which is ignored. Source: Chowdhery et al. (2023) for the z-loss.

    >>> import numpy as np
    >>> token_cross_entropy(np.zeros((3, 4)), np.array([1, -100, 2]), reduction="none").round(6).tolist()
    [1.386294, 0.0, 1.386294]
    """
    in_range(z_loss=z_loss, low=0, closed="[")
    factor = namespace(logits).zeros_like(logits[..., 0]) + z_loss
    log_z = where(factor == 0, 0.0, _log_sum_exp(logits))
    return sum_classes(mul0(labels, -log_softmax(logits))) + factor * log_z**2


@gradient_of(token_cross_entropy)
def token_cross_entropy_gradient(logits, labels, *, z_loss=0.0):
    log_p = log_softmax(logits)
    return probability_error(log_p, labels) + 2 * z_loss * _log_sum_exp(logits)[..., None] * exp(log_p)


@describes(token_cross_entropy)
def _():
    from sympy import Sum

    from . import check
    from ._card import card
    from ._symbols import K, Q, Z, j, k, lamda, logsumexp, softmax

    entropy = card("softmax_cross_entropy")
    plain = entropy.formula.subs(entropy.symbols["label_smoothing"], 0)
    return Card(
        token_cross_entropy,
        symbols={"logits": Z, "labels": Q, "z_loss": lamda},
        domain={"logits": "R^K", "labels": "simplex of K classes", "z_loss": "[0, inf)"},
        formula=Sum(Q[k] * (logsumexp(Z) - Z[k]), (k, 1, K)) + lamda * logsumexp(Z) ** 2,
        gradient=token_cross_entropy_gradient,
        gradient_formula=softmax(Z, j) - Q[j] + 2 * lamda * logsumexp(Z) * softmax(Z, j),
        link="softmax",
        convention="nats; tokens with label -100 are ignored; the mean divides by the tokens of this call",
        reference="chowdhery2023",
        chapter="09_reductions",
        twins=[
            Twin("torch.nn.functional.cross_entropy", _cross_entropy_torch, at={"z_loss": 0.0}, indices=True),
            Twin(
                "optax.softmax_cross_entropy_with_integer_labels",
                _cross_entropy_optax,
                reductions=("none",),
                at={"z_loss": 0.0},
                indices=True,
            ),
        ],
        claims=[
            says(check.identity, "proved", expression=plain, where={lamda: 0}, name="the softmax cross-entropy at λ = 0"),
            says(check.accumulates, "verified"),
            denies(check.accumulates, "verified", witness=[3, 50, 400], params={"z_loss": 0.0}),
            denies(check.perplexity_is_a_mean, "verified", witness=[0.5, 0.125]),
            says(check.shift_invariant, "verified", params={"z_loss": 0.0}),
            says(check.gradient_total, "proved", expression=2 * lamda * logsumexp(Z), name="2 λ log Z"),
            says(check.proper, "verified"),
            denies(
                check.convex,
                "proved",
                name="the logits for λ > 0",
                witness=FLAT | {"labels": [1.0, 0.0], "params": {"z_loss": 2.0}},
            ),
        ],
    )


@loss(logits=1)
def z_loss(logits):
    """z-loss (log Z)², log Z = LSE(z): pulls the normaliser of the softmax to Z = 1. Multiply it by a small λ, such as 1e-4.

    It does what cross-entropy cannot: it sees a constant that is added to all logits. Source: Chowdhery et al. (2023).

    >>> import numpy as np
    >>> float(z_loss(np.zeros((1, 4))).round(6))  # (log 4)²
    1.921812
    """
    return _log_sum_exp(logits) ** 2


@gradient_of(z_loss)
def z_loss_gradient(logits):
    return 2 * _log_sum_exp(logits)[..., None] * exp(log_softmax(logits))


@describes(z_loss)
def _():
    from sympy import Sum, Symbol

    from . import check
    from ._symbols import K, Z, j, k, l, logsumexp, softmax

    shift = Symbol("c", real=True)
    mean = Sum(softmax(Z, k) * check.V[k], (k, 1, K))
    variance = Sum(softmax(Z, l) * (check.V[l] - mean) ** 2, (l, 1, K))
    return Card(
        z_loss,
        symbols={"logits": Z},
        domain={"logits": "R^K"},
        formula=logsumexp(Z) ** 2,
        gradient=z_loss_gradient,
        gradient_formula=2 * logsumexp(Z) * softmax(Z, j),
        convention="without the factor λ",
        reference="chowdhery2023",
        terms=1.0,
        claims=[
            says(check.gradient_total, "proved", expression=2 * logsumexp(Z), name="2 log Z, not 0 as that of cross-entropy,"),
            says(
                check.identity,
                "proved",
                expression=(logsumexp(Z) + shift) ** 2,
                where={Z: Z + shift},
                name="(log Z + c)² after c is added to all logits: not blind to it, as cross-entropy is",
            ),
            says(
                check.coincides,
                "verified",
                other=_nothing,
                where=_log_probabilities,
                name="0 for logits that are log-probabilities",
            ),
            says(check.bounded_below, "searched", bound=0),
            says(
                check.curvature_along,
                "proved",
                expression=2 * mean**2 + 2 * logsumexp(Z) * variance,
                name="2 ⟨p, v⟩² + 2 log Z · Var_p(v): never negative where log Z ≥ 0",
            ),
            denies(check.convex, "proved", name="the logits where log Z < 0", witness=FLAT),
        ],
        chapter="21_sequences",
    )


@loss(student=1, teacher=1)
def distillation(student, teacher, *, temperature=1.0):
    """Distillation T² KL(softmax(v / T), softmax(z / T)) of a teacher's logits v to a student's z, both (..., K).

    `temperature` T > 0. The factor T² keeps the gradient, T (softmax(z / T) - softmax(v / T)), of the same size for large T.
    The teacher receives no gradient. Source: Hinton, Vinyals and Dean (2015).

    >>> import numpy as np
    >>> float(distillation(np.array([[0.0, 0.0]]), np.array([[2.0, 0.0]])).round(6))
    0.327813
    """
    in_range(temperature=temperature, low=0)
    log_p, log_q = _softened(teacher, temperature), _softened(student, temperature)
    p, q = exp(log_p), exp(log_q)
    d = where(p == 0, 0.0, log_q - log_p)
    far = (p == 0) | (d > 1)
    near = p * exp_excess(where(far, 0.0, d))
    return temperature**2 * sum_classes(where(far, q - p - p * d, near))  # Σ p (e^d - 1 - d): as Σ p e^d = 1, no term below 0


@gradient_of(distillation)
def distillation_gradient(student, teacher, *, temperature=1.0):
    return temperature * (exp(_softened(student, temperature)) - exp(_softened(teacher, temperature)))


@describes(distillation)
def _():
    from sympy import Sum, sqrt

    from . import check
    from ._symbols import K, Y, Z, j, k, l, logsumexp, softmax, tau

    cross = logsumexp(Z / tau) - Sum(softmax(Y / tau, k) * Z[k] / tau, (k, 1, K))
    entropy = logsumexp(Y / tau) - Sum(softmax(Y / tau, k) * Y[k] / tau, (k, 1, K))
    apart = Sum((Z[k] - Y[k]) / K, (k, 1, K))
    return Card(
        distillation,
        symbols={"student": Z, "teacher": Y, "temperature": tau},
        domain={"student": "R^K", "teacher": "R^K", "temperature": "(0, inf)"},
        formula=tau**2 * (logsumexp(Z / tau) + Sum(softmax(Y / tau, k) * (Y[k] - Z[k]) / tau, (k, 1, K)) - logsumexp(Y / tau)),
        gradient=distillation_gradient,
        gradient_formula=tau * (softmax(Z / tau, j) - softmax(Y / tau, j)),
        link="softmax of z / T",
        convention="times T²; KL(teacher, student)",
        reference="hinton2015",
        chapter="17_smoothing",
        terms=1.0,
        twins=[
            Twin("torch.nn.functional.kl_div", _distillation_torch, note="of log softmax(· / T), times T²"),
            Twin(
                "optax.losses.kl_divergence_with_log_targets",
                _distillation_optax,
                note="of log softmax(· / T), times T²",
                reductions=("none",),
            ),
        ],
        claims=[
            says(
                check.identity,
                "proved",
                expression=tau**2 * (cross - entropy),
                name="T² times the cross-entropy with the teacher less the teacher's entropy",
            ),
            says(
                check.gradient_identity,
                "proved",
                expression=tau**2 * cross.diff(Z[j]),
                name="that of T² times the cross-entropy: the entropy of the teacher does not move the student",
            ),
            says(
                check.limit,
                "verified",
                parameter="temperature",
                to="oo",
                expression=Sum((Z[l] - Y[l] - apart) ** 2 / (2 * K), (l, 1, K)),
                name="half the variance of the differences z - v: the squared error of centred logits",
            ),
            says(check.shift_invariant, "verified"),
            says(check.balanced, "searched"),
            says(check.convex, "proved", name="the logits of the student"),
            says(check.lipschitz, "searched", bound=sqrt(2) * tau),
            says(check.bounded_below, "searched", bound=0),
        ],
    )


@loss(logits=1, labels=LABELS)
def cross_entropy_and_z_loss(logits, labels, *, class_weights=None, label_smoothing=0.0, ignore_index=None, z_loss=0.0):
    """``softmax_cross_entropy`` with all its options, plus λ (log Z)²: the plain definition of ``fused.linear_cross_entropy``."""
    value = classification.softmax_cross_entropy.__wrapped__(logits, labels, label_smoothing=label_smoothing)
    in_range(z_loss=z_loss, low=0, closed="[")
    return value + z_loss * _log_sum_exp(logits) ** 2 if z_loss else value


@gradient_of(cross_entropy_and_z_loss)
def cross_entropy_and_z_loss_gradient(logits, labels, *, label_smoothing=0.0, z_loss=0.0):
    slope = classification.softmax_cross_entropy_gradient.__wrapped__(logits, labels, label_smoothing=label_smoothing)
    return slope + 2 * z_loss * _log_sum_exp(logits)[..., None] * exp(log_softmax(logits)) if z_loss else slope


# Between these logits log Z is lower than at both ends, and negative all the way.
FLAT = {"between": ([-4.0, -2.0], [-2.0, -4.0])}


def _log_sum_exp(logits):
    """log Σ e^z = max z + log(1 + Σ others); a class that is ruled out, z = -inf, adds nothing."""
    highest, below = _from_the_top(logits)
    return highest + log1p(sum_classes(where(top(logits), 0.0, exp(below))))


def _softened(logits, temperature):
    """log softmax(z / T), the largest logit taken off first: rounding z / T would cost more than rounding a difference."""
    return log_softmax(_from_the_top(logits)[1] / temperature)


def _from_the_top(logits):
    """The largest logit of each row, and how far each logit lies below it."""
    is_top = top(logits)
    highest = sum_classes(where(is_top, logits, 0.0))
    return highest, where(is_top & (logits == logits), 0.0, logits - highest[..., None])


def _log_probabilities(rng):
    return [log_softmax(rng.normal(0, 5, (200, 6)))]


def _nothing(logits):
    return 0 * logits[:, 0]


# --- twins ----------------------------------------------------------------------------------------------------------------


def _cross_entropy_torch(logits, labels, *, reduction, z_loss):
    import torch.nn.functional

    return torch.nn.functional.cross_entropy(logits, labels, ignore_index=-100, reduction=reduction)


def _cross_entropy_optax(logits, labels, *, reduction, z_loss):
    return _jax("optax", "softmax_cross_entropy_with_integer_labels", logits, labels)


def _distillation_torch(student, teacher, *, reduction, temperature):
    import torch.nn.functional

    log_q, log_p = (torch.log_softmax(z / temperature, -1) for z in (student, teacher))
    how = {"mean": "batchmean"}.get(reduction, reduction)
    divergence = torch.nn.functional.kl_div(log_q, log_p, log_target=True, reduction=how)
    return temperature**2 * (divergence.sum(-1) if reduction == "none" else divergence)


def _distillation_optax(student, teacher, *, reduction, temperature):
    from scipy.special import log_softmax

    log_q, log_p = (log_softmax(z / temperature, axis=-1) for z in (student, teacher))
    return temperature**2 * _jax("optax.losses", "kl_divergence_with_log_targets", log_q, log_p)


def _jax(module, name, *arrays):
    """Call a function of a JAX library in float64."""
    from importlib import import_module

    import jax
    import numpy as np

    with jax.enable_x64(True):
        return np.asarray(getattr(import_module(module), name)(*map(jax.numpy.asarray, arrays)))
