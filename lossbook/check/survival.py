"""Ordered classes and survival times: what the logits of the steps say, and a loss whose example is a whole sample.

Most checks look at many examples, one per row. In the Cox likelihood the value of an event depends on everyone at risk, so its
example is the sample: `by_sample` makes a row of each, and `on_samples` turns any check into one that looks at such rows.
"""

import functools
import inspect
from dataclasses import replace

import numpy as np
import scipy

from .. import _points
from .._result import Result, beyond
from .._xp import is_torch
from ._kind import as_card, kind, largest, settings, values

TRUTHS = [np.array(q) for q in ([0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4], [0.05, 0.6, 0.05, 0.3])]  # of four ordered outcomes
READINGS = {  # what the sigmoid of each logit can say of the probabilities of ordered outcomes
    "P(y > k)": lambda at, beyond: beyond,
    "P(y > k | y ≥ k)": lambda at, beyond: beyond / (at + beyond),
    "P(y = k | y ≥ k)": lambda at, beyond: at / (at + beyond),
}


@kind("σ(z_k) = {reading} at its optimum")
def reads_off(card, *, reading):
    """For three distributions of four ordered outcomes, the logits of least expected loss are what the reading says."""
    worst = 0.0
    for q in TRUTHS:
        outcomes = _outcomes(card, len(q))

        def risk(logits, q=q, outcomes=outcomes):
            rows = np.tile(logits, (len(q), 1))
            return float(q @ values(card, [rows, *outcomes], {})), q @ np.asarray(card.gradient(rows, *outcomes))

        best = scipy.optimize.minimize(risk, np.zeros(len(q) - 1), jac=True, options={"gtol": 1e-10}).x
        beyond = 1 - np.cumsum(q)[:-1]
        worst = largest([worst, *np.abs(scipy.special.expit(best) - READINGS[reading](q[:-1], beyond))])
    return Result(worst < 1e-6, "verified", len(TRUTHS), worst)


def _outcomes(card, count):
    """The targets in their order: all classes, or an event in each interval and then a survivor of the last one."""
    if len(card.function.axes) == 2:
        return [np.eye(count)]
    last = count - 2
    return [np.eye(count - 1)[[*range(count - 1), last]], np.array([1.0] * (count - 1) + [0.0])]


@kind("P(y > k) falls with k at its optimum, with {model}", "P(y > k) need not fall with k at its optimum, with {model}")
def rank_consistent(card, *, model, at=None):
    """Linear models of one feature, fitted to 20 random samples (or to `at`): is σ(z_k) ≥ σ(z_{k+1}) at each example?

    "one score and a bias for each step": z_k = w x + b_k; "a score for each step": z_k = w_k x + b_k.
    """
    rng, worst, witness = np.random.default_rng(30), -np.inf, None
    draws = [(rng.standard_normal(40), rng.integers(0, 4, 40)) for _ in range(20)]
    for x, y in draws if at is None else [(np.array(at["feature"]), np.array(at["class"]))]:
        steps = y.max()
        slope = np.zeros(steps, int) if model.startswith("one score") else np.arange(steps)  # which slope each step has

        def risk(p, x=x, y=y, slope=slope, steps=steps):
            logits = x[:, None] * p[steps:][slope] + p[:steps]
            pull = np.asarray(card.gradient(logits, y))
            of_slopes = np.bincount(slope, x @ pull, minlength=slope.max() + 1)
            return float(card.function(logits, y, reduction="sum")), np.concatenate([pull.sum(0), of_slopes])

        best = scipy.optimize.minimize(risk, np.zeros(steps + slope.max() + 1), jac=True, options={"gtol": 1e-8}).x
        probability = scipy.special.expit(x[:, None] * best[steps:][slope] + best[:steps])
        rise = float(np.diff(probability, axis=1).max())
        if beyond(rise, worst):
            worst, witness = rise, {"feature": x.tolist(), "class": y.tolist()}
    ok = worst < 1e-6
    return Result(ok, "verified", len(draws) if at is None else 1, worst, None if ok else witness)


@kind("convex in the prediction and the {parameter} together")
def convex_with(card, *, parameter, segments=1000):
    """Random segments between pairs of a prediction and rising numbers, wide and narrow; the other arguments are held."""
    rng, worst, witness = np.random.default_rng(31), -np.inf, None
    arrays = _points.ordinary(card, n=segments, seed=32)
    for i in range(segments):
        scale, weight = 10 ** rng.uniform(-1, 1.5), rng.random()
        ends = [(scale * rng.standard_normal(), scale * np.cumsum(rng.exponential(size=3)) - scale) for _ in range(2)]
        ends.append(tuple(weight * a + (1 - weight) * b for a, b in zip(*ends)))
        rest = [a[i] for a in arrays[1:]]
        low, high, mid = (float(card.function(np.array(f), *rest, **{parameter: row})) for f, row in ends)
        excess = (mid - weight * low - (1 - weight) * high) / (1 + abs(low) + abs(high))
        if beyond(excess, worst):
            worst, witness = excess, {"ends": ends[:2]}
    return Result(worst < 1e-12, "searched", segments, worst, None if worst < 1e-12 else witness)


@kind("a likelihood under any censoring: over all intervals, with an event or censored in it, the probabilities sum to 1")
def outcomes_sum_to_one(card):
    """An event in interval k is seen if the random interval of censoring is k or later; else the survivor of that one is seen."""
    rng, worst = np.random.default_rng(33), 0.0
    for logits in (*_points.ordinary(card, n=20)[0], *_points.hard(card)[0][:100]):
        count = len(logits)
        leave = rng.dirichlet(np.ones(count))  # the probability of being censored in each interval
        stay = leave[::-1].cumsum()[::-1]  # ... in this one or later
        rows, intervals = np.tile(logits, (count, 1)), np.eye(count)
        event, survivor = (np.exp(-values(card, [rows, intervals, np.full(count, seen)], {})) for seen in (1.0, 0.0))
        worst = largest([worst, abs(event @ stay + survivor @ leave - 1)])
    return Result(worst < 1e-12, "enumerated", 120, worst)


# --- a sample is an example ---------------------------------------------------------------------------------------------

OF_A_SAMPLE = {"R": "R^K", "times": "times of K subjects", "{0, 1}": "events of K subjects"}


def by_sample(loss):
    """The card of the same loss with samples of K subjects as its examples; the value of a sample is the sum over its events."""
    card = as_card(loss)

    def stacked(rows):
        if is_torch(rows[0]):
            import torch

            return torch.stack(rows)
        return np.array(rows)

    def function(*arrays, reduction="mean", **params):
        totals = stacked([card.function(*sample, reduction="sum", **params) for sample in zip(*arrays)])
        return totals if reduction == "none" else getattr(totals, reduction)()

    def gradient(*arrays, **params):
        return stacked([card.gradient(*sample, **params) for sample in zip(*arrays)])

    function.__name__, function.__signature__ = card.name, inspect.signature(card.function)
    function.axes = dict.fromkeys(card.function.axes, 1)
    function.predictions, function.symmetric, function.every_example = card.function.predictions, False, True
    domain = {name: OF_A_SAMPLE.get(where, where) for name, where in card.domain.items()}
    return replace(card, function=function, gradient=gradient, domain=domain)


def on_samples(check):
    """The same check, looking at whole samples; its claims read the same."""

    @functools.wraps(check)
    def on_rows(loss, **options):
        return check(by_sample(loss), **options)

    return on_rows


def _samples(count, seed, subjects=9):
    """Random samples with ties and censoring: log-hazards, times, events."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield (
            3 * rng.standard_normal(subjects),
            rng.integers(0, 5, subjects).astype(float),
            rng.integers(0, 2, subjects).astype(float),
        )


def _total(card, sample, setting):
    return float(card.function(*sample, reduction="sum", **setting))


def _another_scale(rng, s, t, e):
    """Times that stand in the same order at other distances."""
    scale = np.cumsum(rng.exponential(size=len(t)) + 1e-6)
    return s, scale[np.searchsorted(np.unique(t), t)], e


def _another_order(rng, *sample):
    order = rng.permutation(len(sample[0]))
    return tuple(part[order] for part in sample)


def _without_the_first_to_leave(rng, s, t, e):
    kept = t >= np.min(t[e == 1], initial=np.inf)
    return s[kept], t[kept], e[kept]


CHANGES = {
    "a constant is added to all log-hazards": lambda rng, s, t, e: (s + rng.uniform(-50, 50), t, e),
    "time runs on another increasing scale": _another_scale,
    "the subjects are listed in another order": _another_order,
    "those who leave before the first event are left out": _without_the_first_to_leave,
}


@kind("unchanged when {when}")
def unaffected(card, *, when):
    """The sum over the events of a sample before and after the change, for samples with ties and censoring."""
    rng, worst, count = np.random.default_rng(34), 0.0, 0
    for setting in settings(card, None):
        for sample in _samples(100, seed=35):
            gap = abs(_total(card, CHANGES[when](rng, *sample), setting) - _total(card, sample, setting))
            worst, count = largest([worst, gap]), count + 1
    return Result(worst < 1e-10, "verified", count, worst)


@kind("equal to ListMLE, the Plackett–Luce likelihood of the order of the times, where nobody is censored and no times are equal")
def listmle_of_times(card):
    """The sum over the events of each sample against the loss of the list whose relevance is minus the time."""
    scores, relevance = _points.ordinary(as_card("listmle"), n=200, seed=20)
    theirs = values(as_card("listmle"), [scores, relevance], {})
    ours = values(by_sample(card), [scores, -relevance, np.ones_like(scores)], {})
    worst = largest(np.abs(ours - theirs) / theirs)
    return Result(worst < 1e-12, "verified", len(ours), worst)


@kind(
    "never more with ties='efron' than with ties='breslow', less where events share a time and equal where none do",
    "not always less with ties='efron' than with ties='breslow' where events share a time",
)
def efron_below_breslow(card):
    """Event by event in samples with ties, and in the same samples with the ties of events broken."""
    worst, reached, count = -np.inf, 0.0, 0
    for s, t, e in _samples(200, seed=36):
        for times, tied in ((t, True), (t + np.arange(len(t)) / 100, False)):
            efron, breslow = (
                np.asarray(card.function(s, times, e, ties=ties, reduction="none")) for ties in ("efron", "breslow")
            )
            gap = efron - breslow if tied else np.abs(efron - breslow)
            worst, count = largest([worst, *gap]), count + len(gap)
            reached = largest([reached, *-gap])
    return Result(worst < 1e-12 and reached > 0.1, "searched", count, worst, message=f"largest difference {reached:.3g}")


@kind("the sum over parts of a sample", "not the sum over mini-batches of a sample: those at risk are in all of them")
def adds_up(card, *, at=None):
    """The sum over the events of a sample is that over its first half plus that over its second (`at`: for the one sample)."""
    worst, count = 0.0, 0
    for sample in _samples(50, seed=37) if at is None else [[np.array(at[name]) for name in card.function.axes]]:
        half = len(sample[0]) // 2
        parts = [[part[:half] for part in sample], [part[half:] for part in sample]]
        gap = abs(_total(card, sample, {}) - sum(_total(card, part, {}) for part in parts))
        worst, count = largest([worst, gap]), count + 1
    return Result(worst < 1e-10, "verified", count, worst)
