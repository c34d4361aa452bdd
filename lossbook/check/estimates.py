"""What a loss estimates: its best constant, its best probability, its decision."""

import functools

import numpy as np
import scipy
import sympy

from .. import _points
from .._loss import Labels
from .._result import Result, beyond
from ._kind import as_card, kind, largest, settings, symbols_of, values

FUNCTIONALS = {
    "mean": lambda y, **_: y.mean(),
    "median": lambda y, **_: np.median(y),
    "quantile": lambda y, tau, **_: np.quantile(y, tau),
    "expectile": lambda y, tau, **_: scipy.stats.expectile(y, tau),
    "median of the density f(y) / |y|": lambda y, **_: _weighted_median(y, 1 / np.abs(y)),
    "mean of log(1 + y), transformed back": lambda y, **_: np.expm1(np.log1p(y).mean()),
    "log of the mean": lambda y, **_: np.log(y.mean()),
    "log of the variance": lambda y, **_: np.log(y.var()),
    "log of the mean absolute deviation from the median": lambda y, **_: np.log(np.abs(y - np.median(y)).mean()),
}


@functools.cache
def samples():
    """Evenly spaced quantiles of laws that are skewed or heavy, by name."""
    laws = {
        "exponential": scipy.stats.expon,
        "lognormal": scipy.stats.lognorm(1.0),
        "normal": scipy.stats.norm(1.0, 2.0),
        "poisson": scipy.stats.poisson(2.5),
        "geometric": scipy.stats.geom(0.3, loc=-1),
    }
    return {name: law.ppf((np.arange(2001) + 0.5) / 2001) for name, law in laws.items()}


def _weighted_median(y, weight):
    order = np.argsort(y)
    return y[order][np.searchsorted(np.cumsum(weight[order]), weight.sum() / 2)]


def samples_of(card):
    """The names of the samples on which the target of this loss may take its values: counts where it is one, else the others."""
    where = card.domain[list(card.function.axes)[-1]]
    counts = where == "{0, 1, 2, ...}"
    holds = _points.CONDITIONS.get(where, lambda y: y == y)
    return [name for name, y in samples().items() if (name in ("poisson", "geometric")) == counts and holds(y).all()]


def best_constant(card, sample, params=None):
    """The constant prediction of least mean loss on a sample."""
    card = as_card(card)

    def risk(constant):
        return float(card.function(np.full_like(sample, constant), sample, **(params or {})))

    grid = np.linspace(sample.min(), np.quantile(sample, 0.999), 400)
    i = int(np.argmin([risk(g) for g in grid]))
    low, high = grid[max(i - 1, 0)], grid[min(i + 1, len(grid) - 1)]
    return float(scipy.optimize.minimize_scalar(risk, bounds=(low, high), method="bounded", options={"xatol": 1e-9}).x)


@kind("its best constant prediction is the {functional}", "its best constant prediction is not the {functional}")
def elicits(card, *, functional, params=None, at=None):
    """The constant of least mean loss equals the functional on three samples or more (`at`: on the named one)."""
    worst, count, witness = 0.0, 0, None
    for setting in settings(card, params):
        for name in samples_of(card) if at is None else [at]:
            sample = samples()[name]
            gap = abs(best_constant(card, sample, setting) - FUNCTIONALS[functional](sample, **setting))
            count += 1
            if beyond(gap, worst):
                worst, witness = gap, {"sample": name, "params": setting}
    return Result(worst < 2e-3, "verified", count, worst, None if worst < 2e-3 else witness)


@kind(
    "its best constant prediction stays within 1 of where it was when {share!f} of the sample is moved to a million",
    "its best constant prediction moves by more than 1 when {share!f} of the sample is moved to a million",
)
def resists(card, *, share, params=None, at=None):
    """51 points of a normal sample, of which the share (a fraction such as 2/5) is replaced by 1e6, or by the number `at`."""
    clean = scipy.stats.norm.ppf((np.arange(51) + 0.5) / 51)
    worst, count = 0.0, 0
    for setting in settings(card, params):
        dirty = clean.copy()
        dirty[-round(51 * float(sympy.Rational(share))) :] = 1e6 if at is None else at
        moved = abs(_lowest(card, dirty, setting) - _lowest(card, clean, setting))
        worst, count = largest([worst, moved]), count + 1
    return Result(worst < 1, "verified", count, worst, message=f"moved by {worst:.3g}")


def _lowest(card, sample, setting):
    """The best constant, looked for from every point of the sample: the risk of a loss that is not convex has many valleys."""

    def risk(constant):
        return float(card.function(np.full_like(sample, constant), sample, **setting))

    found = [scipy.optimize.minimize_scalar(risk, bounds=(y - 1, y + 1), method="bounded") for y in np.unique(sample)]
    found.append(scipy.optimize.minimize_scalar(risk, bounds=(sample.min(), sample.max()), method="bounded"))
    return float(min(found, key=lambda valley: valley.fun).x)


def best_constants(card, sample, params=None):
    """The constants of least mean loss on a sample, one for each prediction."""
    card, params = as_card(card), params or {}

    def risk(constants):
        rows = [np.full_like(sample, c) for c in constants]
        slopes = [np.mean(g) for g in card.gradients(*rows, sample, **params)]
        return float(card.function(*rows, sample, **params)), np.array(slopes)

    start = np.array([np.median(sample), *[0.0] * (card.function.predictions - 1)])
    return scipy.optimize.minimize(risk, start, jac=True, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-10}).x


def _best_constants(word):
    def sentence(functionals="", **_):
        return f"its best constant {'predictions are' if ' and ' in functionals else 'prediction is'} {word} {functionals}"

    return sentence


@kind(_best_constants("the"), _best_constants("not the"))
def fits(card, *, functionals, params=None, at=None):
    """The constants of least mean loss, one for each prediction, equal the functionals on every sample (`at`: on the named one).

    `functionals` names them, in the order of the predictions, joined by ``" and "``.
    """
    worst, count, witness = 0.0, 0, None
    for setting in settings(card, params):
        for name in samples_of(card) if at is None else [at]:
            sample = samples()[name]
            wanted = [FUNCTIONALS[words](sample, **setting) for words in functionals.split(" and ")]
            gap = largest(np.abs(best_constants(card, sample, setting) - wanted))
            count += 1
            if beyond(gap, worst):
                worst, witness = gap, {"sample": name, "params": setting}
    return Result(worst < 2e-3, "verified", count, worst, None if worst < 2e-3 else witness)


def best_probability(card, eta, params=None, link=lambda z: 1 / (1 + np.exp(-z))):
    """The probability that minimises the expected loss of a binary loss when the event has probability `eta`."""
    card = as_card(card)
    params = params or {}

    def risk(logit):
        logit = np.atleast_1d(np.asarray(logit, float))
        return eta * values(card, [logit, np.ones_like(logit)], params) + (1 - eta) * values(
            card, [logit, np.zeros_like(logit)], params
        )

    grid = np.linspace(-12, 12, 2401)
    i = int(np.argmin(risk(grid)))
    low, high = grid[max(i - 1, 0)], grid[min(i + 1, 2400)]
    best = scipy.optimize.minimize_scalar(lambda z: risk(z)[0], bounds=(low, high), method="bounded", options={"xatol": 1e-10}).x
    return float(link(best))


ETAS = (0.05, 0.2, 0.35, 0.6, 0.8, 0.97)


@kind("proper: its optimum is the true probability", "not proper: its optimum is not the true probability")
def proper(card, *, params=None, at=None, stretch=1.0):
    """The minimiser of the expected loss, passed through the link, is the probability itself.

    Binary losses: `stretch` is the factor of the logit inside the sigmoid. Multiclass: three class distributions.
    """
    worst, count, witness = 0.0, 0, None
    for setting in settings(card, params):
        if has_classes(card):
            cases = (
                [np.array(q) for q in ([0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.34, 0.33, 0.33])] if at is None else [np.array(at)]
            )
            found = [_best_distribution(card, q, setting) for q in cases]
        else:
            cases = ETAS if at is None else [at]
            found = [best_probability(card, eta, setting, link=lambda z: 1 / (1 + np.exp(-stretch * z))) for eta in cases]
        for truth, best in zip(cases, found):
            gap = float(np.max(np.abs(best - truth)))
            count += 1
            if beyond(gap, worst):
                worst, witness = (
                    gap,
                    {"truth": np.asarray(truth).tolist(), "optimum": np.asarray(best).tolist(), "params": setting},
                )
    return Result(worst < 1e-4, "verified", count, worst, None if worst < 1e-4 else witness)


def _best_distribution(card, q, setting):
    """Softmax of the logits of least expected loss Σ_y q_y ℓ(z, y), the best of four starts."""
    classes = np.eye(len(q))

    def risk(logits):
        rows = np.tile(logits, (len(q), 1))
        slope = np.asarray(card.gradient(rows, classes, **setting))
        return float(q @ values(card, [rows, classes], setting)), q @ slope

    starts = [np.zeros(len(q)), *(2 * np.eye(len(q)))]
    best = min((scipy.optimize.minimize(risk, s, jac=True, options={"gtol": 1e-10}) for s in starts), key=lambda r: r.fun).x
    weights = np.exp(best - best.max())
    return weights / weights.sum()


@kind("calibrated: its optimum decides for the likelier class", "not calibrated: its optimum need not favour the likelier class")
def calibrated(card, *, params=None, at=None):
    """Binary: the best logit has the sign of η - ½. Multiclass: the best logits rank the likeliest class first."""
    count, witness = 0, None
    for setting in settings(card, params):
        if has_classes(card):
            cases = [np.array(q) for q in ([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.36, 0.33, 0.31]] if at is None else [at])]
            right = [_first(_best_distribution(card, q, setting)) == int(np.argmax(q)) for q in cases]
        else:
            cases = ETAS if at is None else [at]
            right = [(best_probability(card, eta, setting) - 0.5) * (eta - 0.5) > 1e-9 for eta in cases]
        count += len(cases)
        if not all(right):
            witness = {"truth": np.asarray(cases[right.index(False)]).tolist(), "params": setting}
    return Result(witness is None, "verified", count, witness=witness)


def _first(p):
    """The class that is clearly first, or None where the first two tie."""
    second, first = np.argsort(p)[-2:]
    return int(first) if p[first] - p[second] > 1e-6 else None


@kind("its optimum is {optimum} when the event has probability η")
def optimum(card, *, optimum, params=None):
    """The best probability of a binary loss is the given expression of eta (and of its parameters)."""
    eta, worst, count = sympy.Symbol("eta"), 0.0, 0
    for setting in settings(card, params):
        numbers = symbols_of(card, setting)
        for truth in ETAS:
            want = float(sympy.sympify(optimum).subs(numbers).subs(eta, truth))
            worst, count = largest([worst, abs(best_probability(card, truth, setting) - want)]), count + 1
    return Result(worst < 1e-4, "verified", count, worst)


def has_classes(card):
    return any(isinstance(kind, Labels) for kind in card.function.axes.values())
