import numpy as np
from sympy import exp, log

from lossbook._symbols import c, nu


def survival_1():
    """All hours that were watched, divided by the number of failures: (200 + 500 + 300 + 2 · 1000) / 3."""
    return 3000 / 3


def survival_2():
    """The probability of an event before c is what the survivor function has lost by then."""
    return -log(1 - exp(-c / nu))


def survival_3(time, event, at):
    """At each time of an event, of those with t ≥ that time (the censored of this day included) a share has the event."""
    times = np.unique(time[event == 1])
    survivor = 1.0
    for t in times[times <= at]:
        survivor *= 1 - np.sum((time == t) & (event == 1)) / np.sum(time >= t)
    return survivor


def survival_4(theta, x, time, event):
    """For each event the weighted mean of the covariate over those at risk, minus the covariate of the event."""
    slope = 0.0
    for i in np.flatnonzero(event == 1):
        at_risk = time >= time[i]
        slope += np.average(x[at_risk], weights=np.exp(theta * x[at_risk])) - x[i]
    return slope


def survival_5():
    """In both batches the censored subject leaves first, and the one with the event is alone. In the sample two or one wait."""
    time = [1.0, 3.0, 2.0, 4.0]
    event = [0, 1, 0, 1]
    return time, event
