"""Exercises of the chapter on the time to an event."""

import math

import numpy as np
from sympy import exp, log

from lossbook._result import Result
from lossbook._symbols import c, nu
from lossbook.exercises import exercise_for, same_formula, same_function, same_number
from lossbook.survival import cox_partial_likelihood, cox_partial_likelihood_gradient


@exercise_for(
    "survival.1",
    stub="mean_life = 400.0",
    hints=[
        "Write the loss of each row: density for a failure, survivor for a lamp that still burns. Set the slope to zero.",
        "How many hours were watched altogether? How many failures were seen?",
    ],
    mistakes=[
        (1000 / 3, "This is the mean of the lamps that failed. The two that still burn have told you something, too."),
        (600.0, "This takes the two lamps that burn as failed at 1000 hours. Their rows pay for survival alone."),
        (1500.0, "Count the failures again: the denominator counts events."),
    ],
)
def check_lamps(answer):
    r"""Five lamps.

    Five lamps burn for at most 1000 hours in a test. Three fail, after 200, 300 and 500 hours; two still burn at the end.
    Which mean lifetime of an exponential distribution has the least loss? A number, in hours.
    """
    return same_number(answer, 3000 / 3)


@exercise_for(
    "survival.2",
    stub='loss = "c/nu"',
    hints=[
        "Write down the probability of what is known, then take minus its logarithm.",
        "The survivor function of the exponential distribution at c is exp(-c/nu). What is the rest?",
    ],
    mistakes=[
        ("c/nu", "This is the loss of somebody who has survived until c. Here the event came before."),
        ("c/nu + log(nu)", "This is the density at c: it claims that the event came at the visit itself."),
        ("log(1 - exp(-c/nu))", "The sign: a loss is minus the logarithm of a probability, so it is not negative."),
        ("1 - exp(-c/nu)", "This is the probability. A loss is minus its logarithm."),
    ],
)
def check_left_censored(answer):
    r"""Too late.

    An inspector comes once, at the time $c$, and finds that the event has already happened. Such a row is *left-censored*.
    Give its loss for the exponential distribution with mean $\nu$, as a formula in `c` and `nu` (with `exp` and `log`).
    """
    return same_formula(answer, -log(1 - exp(-c / nu)))


def _product_limit(time, event, at):
    times, died = np.unique(time[event == 1], return_counts=True)
    at_risk = np.array([(time >= t).sum() for t in times])
    return np.prod((1 - died / at_risk)[times <= at])


def _strictly_later(time, event, at):
    times, died = np.unique(time[event == 1], return_counts=True)
    gone = np.array([((time == t) & (event == 0)).sum() for t in times])
    at_risk = np.array([(time >= t).sum() for t in times]) - gone
    return np.prod((1 - died / at_risk)[times <= at])


@exercise_for(
    "survival.3",
    stub="""
        def survivor(time, event, at):
            return 1.0
        """,
    hints=[
        "At each distinct time of an event: how many are at risk, how many have the event?",
        "Multiply 1 - d/n over the times of events up to and including `at`.",
    ],
    mistakes=[
        (lambda time, event, at: np.mean(time > at), "A row that is censored before `at` is not known to have had the event."),
        (
            lambda time, event, at: np.mean(time[event == 1] > at),
            "The censored rows were at risk until they left. Count them until then.",
        ),
        (_strictly_later, "Somebody who is censored at the time of an event was still at risk then."),
    ],
)
def check_kaplan_meier(answer):
    r"""The curve by hand.

    Write `survivor(time, event, at)`: the Kaplan–Meier estimate of $S$ at the number `at`, from arrays of times and of events
    (1) and censorings (0). Events at `at` itself have happened.
    """
    time = np.array([2.0, 3.0, 3.0, 5.0, 5.0, 6.0, 8.0, 9.0])
    event = np.array([1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    return same_function(answer, _product_limit, [(time, event, at) for at in (7.0, 1.0, 3.0, 5.0, 8.5)])


def _slope(theta, x, time, event):
    return float(x @ cox_partial_likelihood_gradient(theta * x, time, event, ties="breslow"))


def _without_the_censored(theta, x, time, event):
    return _slope(theta, x[event == 1], time[event == 1], event[event == 1])


def _plain_mean(theta, x, time, event):
    return _slope(0.0, x, time, event)


@exercise_for(
    "survival.4",
    stub="""
        def slope(theta, x, time, event):
            return 0.0
        """,
    hints=[
        "Go through the events. Who is at risk at each? The censored belong to it as long as they wait.",
        "The weight of a subject in the mean is exp(theta * x).",
    ],
    mistakes=[
        (_without_the_censored, "The rows without an event have no term of their own, but they stand in the risk sets."),
        (lambda theta, x, time, event: -_slope(theta, x, time, event), "The sign: the loss is minus the log-likelihood."),
        (_plain_mean, "The mean over the risk set is weighted by the hazards, which depend on theta."),
    ],
)
def check_cox_slope(answer):
    r"""Covariate and risk set.

    Write `slope(theta, x, time, event)`: the derivative with respect to $\theta$ of Cox's loss, summed over the events, for
    log-hazards $\theta x_i$ with one covariate and distinct times. Do not call the package.
    """
    rng = np.random.default_rng(4)
    cases = [
        (theta, rng.normal(size=8), rng.permutation(8) + 1.0, np.array([1, 0, 1, 1, 0, 1, 0, 1.0])) for theta in (0.5, 0.0, -2.0)
    ]
    return same_function(answer, _slope, cases)


@exercise_for(
    "survival.5",
    stub="""
        time = [1.0, 2.0, 3.0, 4.0]
        event = [1, 1, 1, 1]
        sample = (time, event)
        """,
    hints=[
        "A term of the loss is zero if the subject with the event is alone at risk. When is it alone in its batch?",
        "Let one subject of each batch be censored before the other one has its event.",
    ],
    mistakes=[
        (([1.0, 2.0, 3.0, 4.0], [0, 0, 0, 0]), "Without events every loss is 0, that of the whole sample, too."),
        (([1.0, 2.0, 3.0, 4.0], [0, 1, 0, 0]), "The exercise asks for an event in each batch."),
        (([1.0, 2.0, 3.0, 4.0], [1, 0, 1, 0]), "In each batch the event comes first, while the other one still waits."),
    ],
)
def check_silent_batches(answer):
    r"""Silent batches.

    Four subjects, all with log-hazard 0, go into two batches: the first two, and the last two. Give `(time, event)`, two lists
    of four numbers, with exactly one event in each batch, such that Cox's loss is 0 in both batches and at
    least `0.6` for the whole sample.
    """
    time, event = (np.asarray(part, float) for part in answer)
    if time.shape != (4,) or event.shape != (4,) or not np.isin(event, (0, 1)).all():
        return Result(False, "enumerated", message="give four times and four events, 0 or 1")
    per_batch = (int(event[:2].sum()), int(event[2:].sum()))
    if per_batch != (1, 1):
        return Result(False, "enumerated", message=f"your batches have {per_batch[0]} and {per_batch[1]} events")
    parts = [
        float(cox_partial_likelihood(np.zeros(len(time[s])), time[s], event[s], reduction="sum"))
        for s in (slice(0, 2), slice(2, 4), slice(0, 4))
    ]
    ok = math.isclose(parts[0], 0, abs_tol=1e-12) and math.isclose(parts[1], 0, abs_tol=1e-12) and parts[2] >= 0.6
    message = "" if ok else f"the losses are {parts[0]:.3f} and {parts[1]:.3f} in the batches, {parts[2]:.3f} in the sample"
    return Result(ok, "enumerated", 1, parts[2], message=message)
