"""Losses for the time until an event, where some are still waiting when the observation ends: they are censored.

`event` is 1 where the event was seen and 0 where the subject was censored (anything else raises ValueError). Values are in nats.
To leave the censored out, or to take their last time for that of an event, biases what is learned: their rows carry likelihood.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from ._card import Card, Twin, denies, describes, says
from ._loss import LABELS, gradient_of, loss, namespace, require, zero_or_one
from ._xp import exp, is_torch, log1p, sigmoid, softplus, sum_classes, where
from .ordinal import asked

TIES = ("efron", "breslow")


@loss(log_hazard=0, time=0, event=0, counted=lambda log_hazard, time, event: event == 1)
def cox_partial_likelihood(log_hazard, time, event, *, ties="efron"):
    """Cox's partial likelihood: log Σ_{j at risk} e^{s_j} - s_i for each event i, where all with t_j ≥ t_i are at risk.

    One sample: arrays (N,) of log-hazards s, finite times and events. ``reduction="none"`` has one value per event, in the order
    of the input; the mean is over the events, nan without any. `weight` has one entry per event and multiplies its term alone:
    the subject stays at risk for the others, so weight 0 does not remove what it holds. Risk sets need the whole sample: the
    losses of mini-batches do not add up to its loss. `ties`: for the l-th (from 0) of m events at one time "efron" takes l/m of
    those m off its risk set, "breslow" nothing. torch.compile and vmap: with sum or mean, without `weight`.
    Times take the dtype of the floats: large integers in float32 may fall together. Source: Cox (1972, 1975), Efron (1977).

    >>> import numpy as np
    >>> cox_partial_likelihood(np.zeros(3), np.array([2.0, 1.0, 3.0]), np.array([1, 1, 0]), reduction="none").round(6).tolist()
    [0.693147, 1.098612]
    """
    risk = _at_risk(log_hazard, time, event, ties)
    terms = -_below(risk.s, risk.highest) + log1p(risk.own * risk.tied - 1 + risk.later)  # without ties nothing cancels
    return terms[risk.back]


@gradient_of(cox_partial_likelihood)
def cox_partial_likelihood_gradient(log_hazard, time, event, *, ties="efron"):
    """Of the sum over the events: the shares that a subject has in the risk sets, less 1 for its own event."""
    risk = _at_risk(log_hazard, time, event, ties)
    xp, seen = namespace(log_hazard), risk.event == 1
    share = where(seen, 1 / (risk.own * risk.tied + risk.later), 0.0)  # times e^(s - highest)
    earlier = _tail_sums(xp.flip(-risk.highest), xp.flip(share))
    top, mass = (xp.flip(part)[risk.first] for part in earlier)  # of the events before those tied with this row
    tied = _totals(risk.own * share, risk.group)[risk.group] * exp(_below(risk.s, risk.highest))
    return (mass * exp(risk.s + top) + where(seen, tied - 1, 0.0))[risk.back]


@describes(cox_partial_likelihood)
def _():
    from sympy import Symbol

    from . import check
    from ._symbols import Events, Times, Z

    return Card(
        cox_partial_likelihood,
        symbols={"log_hazard": Z, "time": Times, "event": Events, "ties": Symbol("ties")},
        domain={"log_hazard": "R", "time": "times", "event": "{0, 1}", "ties": "{efron, breslow}"},
        oracle=_cox_oracle,
        gradient=cox_partial_likelihood_gradient,
        link="log of the hazard ratio",
        convention="one value per event, mean over the events; Efron's ties; no event: sum 0, mean nan",
        reference="cox1972",
        twins=[
            Twin(
                "statsmodels.duration.hazard_regression.PHReg",
                _cox_statsmodels,
                note="minus its log-likelihood, with the identity as design",
                reductions=("sum", "mean"),
            )
        ],
        claims=[
            says(check.on_samples(check.convex), "searched", name="all log-hazards together", segments=800),
            says(check.unaffected, "verified", when="a constant is added to all log-hazards"),
            says(check.unaffected, "verified", when="time runs on another increasing scale"),
            says(check.unaffected, "verified", when="the subjects are listed in another order"),
            says(check.unaffected, "verified", when="those who leave before the first event are left out"),
            says(check.listmle_of_times, "verified"),
            says(check.efron_below_breslow, "searched"),
            denies(check.adds_up, "verified", witness={"log_hazard": [0.0, 0.0], "time": [1.0, 2.0], "event": [1.0, 1.0]}),
        ],
        terms=1.0,  # with ties, log of a risk set less a share of it: below 0 for a subject that dominates
        chapter="26_time_to_event",
    )


@loss(logits=1, interval=LABELS, event=0)
def discrete_hazard_nll(logits, interval, event):
    """Discrete-time hazards: Σ_{k ≤ k_i} BCE(z_k, [k = k_i] event) for σ(z_k) = P(event in interval k | none before).

    `logits` (..., K), `interval` k_i in 0 .. K-1 (...): the interval of the event, or the last one that the censored subject
    survived *whole* (one who leaves within an interval is often given the interval before). ``reduction="none"``: shape (...).
    Survival through interval k is the product of 1 - σ(z_j) over j ≤ k. Source: Gensheimer and Narasimhan (2019).

    >>> import numpy as np
    >>> discrete_hazard_nll(np.zeros((2, 3)), np.array([1, 2]), np.array([1, 0]), reduction="none").round(6).tolist()
    [1.386294, 2.079442]
    """
    seen, survived = _steps(interval, event)
    return sum_classes(asked(seen, softplus(-logits)) + asked(survived, softplus(logits)))


@gradient_of(discrete_hazard_nll)
def discrete_hazard_nll_gradient(logits, interval, event):
    seen, survived = _steps(interval, event)
    return survived * sigmoid(logits) - seen * sigmoid(-logits)


@describes(discrete_hazard_nll)
def _():
    from sympy import Sum, log

    from . import check
    from ._symbols import K, Q, Z, j, k, l, sigmoid, softplus, y

    def survived(index):
        return Sum(Q[l], (l, index + 1, K)) + (1 - y) * Q[index]

    second = {K: 3, Q[1]: 0, Q[2]: 1, Q[3]: 0}
    return Card(
        discrete_hazard_nll,
        symbols={"logits": Z, "interval": Q, "event": y},
        domain={"logits": "R^K", "interval": "simplex of K classes", "event": "{0, 1}"},
        formula=Sum(y * Q[k] * softplus(-Z[k]) + survived(k) * softplus(Z[k]), (k, 1, K)),
        gradient=discrete_hazard_nll_gradient,
        gradient_formula=survived(j) * sigmoid(Z[j]) - y * Q[j] * sigmoid(-Z[j]),
        link="sigmoid of each interval",
        convention="a censored subject has survived its interval",
        reference="gensheimer2019",
        twins=[
            Twin(
                "torch.nn.functional.binary_cross_entropy_with_logits",
                _hazard_torch,
                note="summed over the intervals in which the subject is at risk",
                reductions=("none",),
            )
        ],
        claims=[
            says(check.convex, "proved", name="the logits"),
            says(check.outcomes_sum_to_one, "enumerated"),
            says(check.reads_off, "verified", reading="P(y = k | y ≥ k)"),
            says(
                check.identity,
                "proved",
                expression=-log(1 - sigmoid(Z[1])) - log(1 - sigmoid(Z[2])),
                name="-log S with S the product of 1 - σ(z_k) for a censored subject, here in the second of three intervals",
                where=second | {y: 0},
            ),
            says(
                check.identity,
                "proved",
                expression=-log(sigmoid(Z[2])) - log(1 - sigmoid(Z[1])),
                name="-log of its hazard times the survival before it for an event, here in the second of three intervals",
                where=second | {y: 1},
            ),
            says(
                check.identity,
                "proved",
                expression=y * softplus(-Z[1]) + (1 - y) * softplus(Z[1]),
                name="the binary cross-entropy for K = 1",
                where={K: 1, Q[1]: 1},
            ),
        ],
        chapter="26_time_to_event",
    )


class _Risk(NamedTuple):
    """A sample sorted by time, events before censorings, and for each row what is at risk then, in units of e^highest:
    `own` · `tied` (the rows of the same time and kind, or a share of them) plus `later` (all rows after those)."""

    s: Any
    event: Any
    highest: Any
    own: Any
    tied: Any
    later: Any
    group: Any  # of rows of the same time and kind: 0, 1, ...
    first: Any  # the first row of that group
    back: Any  # the order that undoes the sorting


def _at_risk(log_hazard, time, event, ties):
    if ties not in TIES:
        raise ValueError(f"ties must be one of {TIES}, got {ties!r}")
    if log_hazard.ndim != 1:
        raise ValueError(f"log_hazard must have one axis, the subjects of one sample, got shape {tuple(log_hazard.shape)}")
    xp = namespace(log_hazard)
    require(time, xp.isfinite(time), "time must be finite")
    require(event, (event == 0) | (event == 1), "event must be 0 or 1")
    order = xp.argsort(-event, stable=True)
    order = order[xp.argsort(time[order], stable=True)]
    s, t, e = log_hazard[order], time[order], event[order]
    s = where(e.cumsum(0) > 0, s, 0.0)  # who leaves before the first event is never at risk, whatever it holds
    fresh = (t[1:] != t[:-1]) | (e[1:] != e[:-1])
    group = xp.concat([xp.zeros_like(order[:1]), xp.astype(fresh, order.dtype)]).cumsum(0)
    counts = _totals(xp.ones_like(order), group)
    count, end = counts[group], counts.cumsum(0)[group]
    first = end - count
    constant = s.detach() if is_torch(s) else s  # the gradient goes by the mass
    top, mass = _tail_sums(constant, exp(_below(s, constant)))
    highest = top[first]
    later = mass[end] * exp(_below(top[end], highest))
    tied = _totals(exp(_below(s, highest)), group)[group]
    rank = xp.arange(order.shape[0], device=order.device) - first
    own = 1 - xp.astype(rank, time.dtype) / xp.astype(count, time.dtype) if ties == "efron" else 1.0
    return _Risk(s, e, highest, own, tied, later, group, first, back=xp.argsort(order))


def _tail_sums(top, mass):
    """Σ of mass · e^top over the rows i, i + 1, ..., for i = 0, ..., N, each sum again as a top, the highest, and a mass.

    By doubling: each pass joins every row with the one `reach` rows on. Nothing overflows, and no digits are lost to a shift.
    """
    xp = namespace(mass)
    top = xp.concat([top, xp.full(1, -math.inf, dtype=top.dtype, device=top.device)])
    mass = xp.concat([mass, xp.zeros(1, dtype=mass.dtype, device=mass.device)])
    reach = 1
    while reach < top.shape[0]:
        here, there = top[:-reach], top[reach:]
        higher = xp.maximum(here, there)
        joint = mass[:-reach] * exp(_below(here, higher)) + mass[reach:] * exp(_below(there, higher))
        top, mass = xp.concat([higher, top[-reach:]]), xp.concat([joint, mass[-reach:]])
        reach *= 2
    return top, mass


def _below(x, highest):
    """x - highest, and 0 where both are the same infinity."""
    same = (x == highest) & namespace(x).isinf(x)
    return where(same, 0.0, x - where(same, 0.0, highest))


def _totals(x, group):
    """Σ of x over the rows of group 0, 1, ..., in an array as long as x."""
    if is_torch(x):
        return x.new_zeros(x.shape).index_add(0, group, x)
    totals = np.zeros_like(x)
    np.add.at(totals, group, x)
    return totals


def _steps(interval, event):
    """How much each interval counts as one with an event, and as one that was survived."""
    zero_or_one(event=event)
    xp = namespace(interval)
    beyond = xp.flip(xp.flip(interval, axis=-1).cumsum(-1), axis=-1)[..., 1:]
    beyond = xp.concat([beyond, xp.zeros_like(interval[..., :1])], axis=-1)
    event = event[..., None]
    return event * interval, beyond + (1 - event) * interval


def _cox_oracle(log_hazard, time, event, ties="efron"):
    """Sum over the events of -log of the probability that, of all at risk then, it is this subject's turn. Of the m subjects with
    an event at that time, Efron takes l/m off the risk set of the l-th, l = 0, ..., m-1."""
    import mpmath

    hazard, loss = [mpmath.exp(s) for s in log_hazard], mpmath.mpf(0)
    for i, seen in enumerate(event):
        if seen == 1:
            at_risk = sum(hazard[j] for j in range(len(time)) if time[j] >= time[i])
            tied = [j for j in range(len(time)) if time[j] == time[i] and event[j] == 1]
            if ties == "efron":
                at_risk -= sum(hazard[j] for j in tied) * tied.index(i) / len(tied)
            loss -= mpmath.log(hazard[i] / at_risk)
    return loss


def _cox_statsmodels(log_hazard, time, event, *, ties, reduction):
    from statsmodels.duration.hazard_regression import PHReg

    model = PHReg(time, np.eye(len(time)), status=event, ties=ties)
    total = -getattr(model, f"{ties}_loglike")(log_hazard)
    return total if reduction == "sum" else total / np.sum(event)


def _hazard_torch(logits, interval, event, *, reduction):
    from torch.nn.functional import binary_cross_entropy_with_logits

    at_risk = interval.flip(-1).cumsum(-1).flip(-1)
    target = event[:, None] * interval / at_risk.clamp(min=1e-300)
    return (at_risk * binary_cross_entropy_with_logits(logits, target, reduction="none")).sum(-1)
