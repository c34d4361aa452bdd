"""Losses that are negative log densities: normalised, proper, bounded below or not, and what their parameters mean.

`normalised`, `favours_the_truth` and `unbiased` add up or integrate over all targets. Where the target lives is read off the
domain of the last argument: "R" and "(0, inf)" are integrated, counts and classes are summed, and `support="circle"` says that a
real target is an angle. Integrals run in float64 by the double-exponential rule, which sees tails out to 1e±300; sums of counts
take the first 200 000 terms.
"""

import numpy as np
import sympy

from .. import _points
from .._exact import equal
from .._loss import Labels
from .._result import Result, beyond
from ._kind import as_card, kind, largest, settings, values

STEP = 1 / 256
LINE = np.exp(np.pi / 2 * np.sinh(np.arange(-6.75, 6.75, STEP)))  # nodes on (0, inf), dense near 0, and their weights
LINE_WEIGHTS = LINE * np.pi / 2 * np.cosh(np.arange(-6.75, 6.75, STEP)) * STEP


@kind("normalised: exp(-loss) adds up to 1 over all targets", "not normalised: exp(-loss) does not add up to 1")
def normalised(card, *, support=None, params=None, at=None):
    """The integral, or the sum, of exp(-loss) over all targets is 1 to 1e-10 for each of six predictions (`at`: for that one).

    `support` is needed only for angles ("circle"); `at` holds the predictions by name, and `params`.
    """
    worst, count, witness = 0.0, 0, None
    for setting, row in _predictions(card, params, at, n=6):
        _, probability = law(card, row, setting, support)
        gap, count = abs(float(probability.sum()) - 1), count + 1
        if beyond(gap, worst):
            worst, witness = gap, {"params": setting, "predictions": [np.asarray(part).tolist() for part in row]}
    return Result(worst < 1e-10, "verified", count, worst, None if worst < 1e-10 else witness)


@kind(
    "strictly proper: under each law it describes, a prediction of any other law costs more on average",
    "not proper: under some law another prediction costs less on average",
)
def favours_the_truth(card, *, of=None, support=None, params=None, at=None):
    """The expected loss under the law of each of four predictions exceeds its value there at 21 other predictions, near and far.

    `of` names the loss whose law it is, if it is not this one; `at` holds a true prediction and one `other`, both by name.
    """
    rng, worst, count, witness = np.random.default_rng(17), np.inf, 0, None
    for setting, row in _predictions(card, params, at and at["truth"] | {"params": at.get("params", {})}, n=4):
        targets, probability = law(of or card, row, setting, support)
        if at is None:
            far = [list(other) for _, other in _predictions(card, setting, None, n=9, seed=18)]
            near = [[part + s * rng.standard_normal(np.shape(part)) for part in row] for s in (0.03, 0.1, 0.3) for _ in range(4)]
            others = far + near
        else:
            others = [[np.asarray(at["other"][name], float) for name in at["truth"]]]
        for other in others:
            extra = _costs(card, other, targets, setting) - _costs(card, row, targets, setting)
            excess, count = float(probability @ extra), count + 1
            if not excess >= worst:
                worst, witness = excess, {"params": setting, "truth": list(map(_plain, row)), "other": list(map(_plain, other))}
    ok = worst > 1e-12
    return Result(ok, "searched", count, worst, None if ok else witness, f"smallest excess {worst:.3g}")


@kind("unbiased: its expected gradient is 0 at the true parameters", "biased: its expected gradient is not 0 at the truth")
def unbiased(card, *, of=None, support=None, params=None, at=None):
    """The mean of the gradient under the law of each of four predictions is 0, to 1e-8 of the mean size of the gradient."""
    worst, count, witness = 0.0, 0, None
    for setting, row in _predictions(card, params, at, n=4):
        targets, probability = law(of or card, row, setting, support)
        for part in card.gradients(*_repeated(row, len(targets)), targets, **setting):
            slope = np.asarray(part).reshape(len(targets), -1)
            gap = largest(np.abs(probability @ slope) / np.maximum(probability @ np.abs(slope), 1e-8))
            count += 1
            if beyond(gap, worst):
                worst, witness = gap, {"params": setting, "predictions": list(map(_plain, row))}
    return Result(worst < 1e-8, "verified", count, worst, None if worst < 1e-8 else witness)


@kind("its expected gradient under a Gaussian law is 0 at the true mean and variance, and nowhere else")
def one_stationary_point(card):
    """The gradient formulas are polynomials of the target, so moments give their mean; SymPy solves for the predictions."""
    mean, deviation = sympy.Symbol("m", real=True), sympy.Symbol("s", positive=True)
    moments = [1, mean, mean**2 + deviation**2]
    if not all(slope.is_polynomial(card.target) for slope in card.slopes):
        return Result(False, "proved", message="the gradient is no polynomial of the target")
    slopes = [sympy.Poly(sympy.expand(slope), card.target) for slope in card.slopes]
    expected = [sum(factor * moments[power] for (power,), factor in slope.terms()) for slope in slopes]
    found = sympy.solve(expected, card.predictions, dict=True)
    truth = dict(zip(card.predictions, (mean, 2 * sympy.log(deviation)), strict=True))
    ok = len(found) == 1 and all(sympy.expand_log(found[0][s] - truth[s]) == 0 for s in truth)
    return Result(ok, "proved", message=f"solutions: {found}")


def law(loss, row, setting, support=None):
    """The targets at which a law is looked at and the probability of each: exp(-loss) times the weight of the target."""
    card = as_card(loss)
    setting = {name: value for name, value in setting.items() if name in card.parameters}
    targets, weights = nodes(card, row, setting, support)
    probability = weights * np.exp(-values(card, [*_repeated(row, len(targets)), targets], setting))
    likely = ~(probability < 1e-200)  # nan stays; what is left out weighs nothing
    return targets[likely], probability[likely]


def nodes(card, row, setting, support=None):
    """Targets and their weights: quadrature nodes where the target is real, all values where it is a count or a class."""
    target, axis = list(card.function.axes.items())[-1]
    where = support or card.domain[target]
    if isinstance(axis, Labels):
        classes = axis.classes(row[0], setting)
        return np.eye(classes), np.ones(classes)
    if where == "{0, 1, 2, ...}":
        return np.arange(200_000.0), np.ones(200_000)
    if where == "circle":
        n = 2000
        return np.arange(n) * 2 * np.pi / n, np.full(n, 2 * np.pi / n)
    if where in ("(0, inf)", "[0, inf)"):
        return LINE, LINE_WEIGHTS
    centre = float(row[0]) if np.ndim(row[0]) == 0 else 0.0  # a kink of the density may sit there: both sides get their nodes
    return np.concatenate([centre - LINE[::-1], centre + LINE]), np.concatenate([LINE_WEIGHTS[::-1], LINE_WEIGHTS])


def _predictions(card, params, at, n, seed=16):
    """Pairs of a setting and one example's predictions: the ordinary ones, or those that `at` names."""
    names = list(card.function.axes)[: card.function.predictions]
    if at is not None:
        at = dict(at)
        setting = _points.required(card) | at.pop("params", {})
        return [(setting, [np.asarray(at[name], float) for name in names])]
    arrays = _points.ordinary(card, n=n, seed=seed)[: len(names)]
    return [(setting, [a[i] for a in arrays]) for setting in settings(card, params) for i in range(n)]


def _repeated(row, n):
    return [np.repeat(np.asarray(part)[None], n, axis=0) for part in row]


def _costs(card, row, targets, setting):
    return values(card, [*_repeated(row, len(targets)), targets], setting)


def _plain(part):
    return np.asarray(part).tolist()


@kind("its value never falls below {bound!f}", "no lower bound: it falls without end {along}")
def bounded_below(card, *, bound=None, params=None, at=None, along=""):
    """No value found lies below `bound`. `at` gives the arguments as expressions of t > 0: along that path the exact values at
    t = 1, 10, 100, 1000 and 10 000 must not fall each time, the last one below -100."""
    if at is not None:
        at, t = dict(at), sympy.Symbol("t")
        setting = _points.required(card) | at.pop("params", {})

        def place(value, number):
            return [place(v, number) for v in value] if isinstance(value, list) else float(sympy.sympify(value).subs(t, number))

        found = [float(card.exactly([place(at[name], 10.0**k) for name in card.function.axes], setting, 15)) for k in range(5)]
        falls = bool(np.all(np.diff(found) < 0)) and found[-1] < -100
        return Result(not falls, "verified", len(found), found[-1], message=f"values {found}")
    lowest, count = np.inf, 0
    for setting in settings(card, params):
        for arrays in (_points.ordinary(card, n=3000, seed=3), _points.hard(card)):
            found = values(card, arrays, setting)
            lowest, count = -largest([-lowest, -found.min()]), count + len(found)
    return Result(lowest >= float(bound), "searched", count, lowest, message=f"lowest value found: {lowest:.6g}")


@kind("the determinant of its Hessian{of} is {expression}")
def hessian_determinant(card, *, expression, where=None, coordinates=None, of=""):
    """The determinant of the second derivatives in the predictions, or, with `where` substituted, in other coordinates."""
    return equal(_hessian(card, where, coordinates).det(), expression)


@kind("strictly convex in {name}")
def convex_in(card, *, where, coordinates, name):
    """With `where` substituted, every leading minor of the Hessian in the new coordinates is positive, as SymPy sees."""
    hessian = _hessian(card, where, coordinates)
    minors = [sympy.simplify(hessian[:size, :size].det()) for size in range(1, len(coordinates) + 1)]
    return Result(all(minor.is_positive for minor in minors), "proved", message=f"leading minors {minors}")


def _hessian(card, where, coordinates):
    return sympy.hessian(card.formula.subs(where or {}, simultaneous=True), coordinates or card.predictions)


@kind("its gradient is 0 exactly where a step of expectation-maximisation changes nothing")
def m_step(card):
    """On a sample, the gradient is a positive multiple of how far one step moves: weights, means and variances in turn."""
    from scipy.special import softmax
    from scipy.stats import norm

    (logits, means, log_scales, _), worst = _points.ordinary(card, n=5, seed=21), 0.0
    for z, mu, rho in zip(logits, means, log_scales):
        y = np.random.default_rng(22).standard_normal(50) * 2
        gamma = softmax(z + norm.logpdf(y[:, None], mu, np.exp(rho)), axis=-1)  # responsibilities
        share, variance = gamma.sum(0), np.exp(2 * rho)
        new_mu = gamma.T @ y / share
        new_variance = (gamma * (y[:, None] - mu) ** 2).sum(0) / share
        wanted = (50 * (softmax(z) - share / 50), share * (mu - new_mu) / variance, share * (1 - new_variance / variance))
        found = [slope.sum(0) for slope in card.gradients(*_repeated([z, mu, rho], 50), y)]
        worst = largest([worst, *(np.max(np.abs(f - w) / (1 + np.abs(w))) for f, w in zip(found, wanted))])
    return Result(worst < 1e-10, "verified", 5, worst)
