"""Checks of scoring rules: what they expect of the truth, how they decompose, and how they treat laws and samples of them."""

import itertools
from fractions import Fraction

import mpmath
import numpy as np
import scipy
import sympy

from .. import _points
from .._exact import equal, exact
from .._result import Result, beyond
from .._symbols import K, P, Q, k, p, softmax
from ._kind import kind, largest, settings, values
from .estimates import has_classes, samples
from .identities import after


def in_probabilities(card):
    """The formula of a loss of classes in terms of p_k instead of logits."""
    return card.formula.replace(softmax, lambda logits, index: P[index])


def _with_label(formula, label):
    """The formula for one label instead of the probabilities q."""
    return formula.replace(lambda e: getattr(e, "base", None) == Q, lambda e: sympy.KroneckerDelta(e.indices[0], label))


# --- classes ------------------------------------------------------------------------------------------------------------


@kind("for labels drawn from q its expected value is {name}")
def expected(card, *, expression, name):
    """Σ_y q_y ℓ(p, y) equals the expression in p and q on the simplex: most often a distance of p from q plus an entropy of q."""
    label = sympy.Symbol("label", integer=True, positive=True)
    mean = sympy.Sum(Q[label] * _with_label(in_probabilities(card), label), (label, 1, K))
    return equal(mean, expression, [sympy.Eq(sympy.Sum(v[k], (k, 1, K)), 1) for v in (P, Q)])


@kind("for two classes its expected slope in p is (p - η) · {weight!f}, and that factor is positive: p = η is the only minimum")
def pulls_to_the_truth(card, *, weight):
    """The expected value has one stationary point, the true probability eta, and falls towards it from both sides."""
    eta, u = sympy.Symbol("eta", nonnegative=True), sympy.Symbol("u", positive=True)
    formula = in_probabilities(card).subs(K, 2).doit()
    first, second = ({P[1]: p, P[2]: 1 - p, Q[1]: side, Q[2]: 1 - side} for side in (1, 0))
    risk = eta * formula.subs(first) + (1 - eta) * formula.subs(second)
    result = equal(risk.diff(p), (p - eta) * weight, [p < 1, eta < 1])
    positive = sympy.factor(sympy.together(sympy.sympify(weight).subs(p, u / (1 + u)))).is_positive
    return result if positive or not result else Result(False, "verified", message=f"SymPy does not see that {weight} > 0")


@kind(
    "strictly proper{name}: any other forecast does worse on average", "not strictly proper{name}: another forecast does as well"
)
def strictly_proper(card, *, score=None, name="", params=None, at=None, pairs=2000):
    """The mean over outcomes drawn from the truth is less for the truth than for another forecast, on random pairs.

    Forecasts are probabilities of classes, or laws given by their atoms, all of one weight. `score(forecast, outcome)` takes
    the place of the loss; it is computed in fractions at the pair `at`, the truth and another forecast.
    """
    if at is not None and score is not None:
        truth, other = _fractions(at)
        excess = _mean_score(card, other, truth, score) - _mean_score(card, truth, truth, score)
        return Result(excess > 0, "proved", 1, float(-excess), message=f"{excess} more than the truth")
    rng, least, count = np.random.default_rng(4), np.inf, 0
    for setting in settings(card, params):

        def rule(forecast, outcomes, setting=setting):
            forecasts = np.repeat(np.log(forecast)[None] if has_classes(card) else forecast[None], len(outcomes), axis=0)
            return values(card, [forecasts, outcomes], setting)

        for _ in range(pairs // 4 if at is None else 1):
            truth, other = _laws(card, rng) if at is None else map(np.asarray, at)
            outcomes = np.arange(len(truth)) if has_classes(card) else truth
            weights = truth if has_classes(card) else np.full(len(truth), 1 / len(truth))
            excess = (rule(other, outcomes) - rule(truth, outcomes)) @ weights
            least, count = -largest([-least, -excess]), count + 1
    return Result(least > 1e-12, "searched", count, -least, message=f"at least {least:.2g} more than the truth")


def _laws(card, rng):
    """Two forecasts: class probabilities, or four atoms; the others are new ones, or the truth wider or narrower."""
    if has_classes(card):
        return rng.dirichlet(np.ones(4), 2)
    trailing = next(iter(card.function.axes.values()))
    truth, other = rng.standard_normal((2, 4, 3)[: trailing + 1])
    middle = truth.mean(0)
    return truth, other if rng.random() < 0.5 else middle + rng.choice([0.0, 0.3, 0.7, 1.5, 3.0]) * (truth - middle)


def _fractions(nested):
    return [_fractions(part) for part in nested] if isinstance(nested, list | tuple) else Fraction(str(nested))


def _mean_score(card, forecast, truth, score):
    if has_classes(card):
        return sum(weight * score(forecast, label) for label, weight in enumerate(truth))
    return sum(score(forecast, outcome) for outcome in truth) / len(truth)


@kind("convex in the probabilities p", "not convex in the probabilities p")
def convex_in_probabilities(card, *, at=None):
    """The Hessian in p is constant and positive semidefinite for 2 to 5 classes; `at` is a segment with its ends, `between`."""
    formula = in_probabilities(card)
    if at is not None:
        low, high = at["between"]
        middle = (np.asarray(low) + np.asarray(high)) / 2
        left, right, mid = (exact(formula, {P: ends, Q: at["labels"]}) for ends in (low, high, middle))
        return Result(mid <= (left + right) / 2, "proved", 1, float(mid - (left + right) / 2))
    for classes in range(2, 6):
        hessian = sympy.hessian(formula.subs(K, classes).doit(), [P[i] for i in range(1, classes + 1)])
        if hessian.free_symbols or not hessian.is_positive_semidefinite:
            return Result(False, "verified", classes - 1, witness={"classes": classes})
    return Result(True, "verified", 4, message="for 2 to 5 classes")


@kind("its gradient vanishes when one wrong class has all the probability")
def forgets_confident_mistakes(card):
    """With the logit t on a wrong class and 0 elsewhere, the length of the gradient falls to 0 as t grows."""
    sizes = np.array([5.0, 10, 20, 40])
    pulls = np.linalg.norm(card.gradients(sizes[:, None] * np.eye(4)[1], np.zeros(4, int))[0], axis=-1)
    return Result(np.all(np.diff(pulls) < 0) and pulls[-1] < 1e-12, "verified", 4, float(pulls[-1]))


@kind("the longest gradient that maximisation finds for four classes has the norm {length}")
def steepest(card, *, length):
    """From eight starts for each label; the norm agrees with the stated one to its third decimal."""
    rng, found = np.random.default_rng(5), []
    for label in range(4):

        def shortness(logits, label=label):
            return -np.linalg.norm(card.gradients(logits, np.array(label))[0])

        found += [-scipy.optimize.minimize(shortness, 2 * rng.standard_normal(4)).fun for _ in range(8)]
    return Result(abs(largest(found) - length) < 5e-4, "searched", len(found), largest(found), message=f"{max(found):.6f}")


@kind("its mean is reliability - resolution + uncertainty, for every table of forecasts and outcomes")
def murphy_decomposition(card):
    """Every data set of up to five examples with three different forecasts and three classes."""
    forecasts = np.array([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75], [0.25, 0.5, 0.25]])
    cells = [(f, y) for f in range(3) for y in range(3)]
    score = values(card, [np.log([forecasts[f] for f, _ in cells]), np.array([y for _, y in cells])], {})
    worst, count, witness = 0.0, 0, None
    for size in range(1, 6):
        for data in itertools.combinations_with_replacement(range(9), size):
            group, outcome = np.array([cells[c] for c in data]).T
            base = np.eye(3)[outcome].mean(0)
            total = base @ (1 - base)
            for f in set(group):
                often, share = np.eye(3)[outcome[group == f]].mean(0), np.mean(group == f)
                total += share * (np.sum((forecasts[f] - often) ** 2) - np.sum((often - base) ** 2))
            gap, count = abs(score[list(data)].mean() - total), count + 1
            if beyond(gap, worst):
                worst, witness = float(gap), [cells[c] for c in data]
    return Result(worst < 1e-12, "enumerated", count, worst, None if worst < 1e-12 else witness)


@kind("a mistake costs more the further it is from the label", "a far mistake costs no more than a near one")
def feels_distance(card, *, at=None):
    """The same confident logits on a class nearer to the label and on one further away, for all labels and classes."""
    cases = [at] if at is not None else []
    for label, near, far in itertools.product(range(4), repeat=3) if at is None else ():
        if 0 < abs(near - label) < abs(far - label):
            cases.append({"label": label, "near": near, "far": far})
    near, far = (values(card, [3.0 * np.eye(4)[[c[e] for c in cases]], np.array([c["label"] for c in cases])], {}) for e in _ENDS)
    return Result(np.all(far > near + 1e-12), "enumerated", len(cases), float(np.min(far - near)))


_ENDS = ("near", "far")


# --- laws and samples of them -------------------------------------------------------------------------------------------


def _over_thresholds(mean, scale, target):
    return mpmath.quad(lambda x: mpmath.ncdf(x, mean, scale) ** 2, [mpmath.ninf, mean, target]) + mpmath.quad(
        lambda x: mpmath.ncdf(-x, -mean, scale) ** 2, [target, mean + 2 * scale, mpmath.inf]
    )


def _over_levels(mean, scale, target):
    def twice_pinball(tau):
        residual = target - mean - scale * mpmath.sqrt(2) * mpmath.erfinv(2 * tau - 1)
        return 2 * (tau - (residual < 0)) * residual

    joint = mpmath.ncdf(target, mean, scale)
    return mpmath.quad(twice_pinball, [0, joint / 2, joint, (1 + joint) / 2, 1])


def _over_pairs(mean, scale, target):
    density = mpmath.npdf
    to_target = mpmath.quad(lambda x: abs(x - target) * density(x, mean, scale), sorted([mpmath.ninf, mean, target, mpmath.inf]))
    apart = mpmath.quad(lambda x: abs(x) * density(x, 0, scale * mpmath.sqrt(2)), [mpmath.ninf, 0, mpmath.inf])
    return to_target - apart / 2


INTEGRALS = {
    "the integral of (F(x) - [y ≤ x])² over all thresholds x": _over_thresholds,
    "the integral of twice its pinball loss over all levels": _over_levels,
    "E|X - y| - ½ E|X - X'|": _over_pairs,
}


@kind("equal to {form}")
def integral(card, *, form):
    """The formula of a normal law's score against one of three integrals, computed by quadrature in 20 digits."""
    worst, points = 0.0, [(0, 1, 0), (0, 1, 1), (1, 2, -3), (-1, 0.5, 1), (2, 3, 2.5), (0, 0.25, 0.125)]
    with mpmath.workdps(20):
        for point in points:
            want = INTEGRALS[form](*map(mpmath.mpf, point))
            worst = largest([worst, abs(card.exactly([float(v) for v in point], {}) - want) / want])
    return Result(worst < 1e-12, "verified", len(points), worst)


@kind(
    "for a normal truth its best normal forecast has the mean and the standard deviation of the truth",
    "for other truths its best normal forecast need not have the mean and the standard deviation of the truth",
)
def fits_the_normal_law(card, *, at=None):
    """The mean and the scale of least expected score (200 Gauss-Hermite nodes) for three normal laws; `at` names a sample."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    truths = [(m + s * nodes, weights / weights.sum()) for m, s in ((0.0, 1.0), (3.0, 0.5), (-2.0, 10.0))]
    if at is not None:
        truths = [(samples()[at], np.full(len(samples()[at]), 1 / len(samples()[at])))]
    worst = 0.0
    for target, weights in truths:
        mean = weights @ target
        scale = np.sqrt(weights @ (target - mean) ** 2)

        def risk(theta, target=target, weights=weights):
            rows = np.full_like(target, theta[0]), np.full_like(target, np.exp(theta[1])), target
            slopes = [weights @ part for part in card.gradients(*rows)]
            return weights @ values(card, rows, {}), np.array([slopes[0], np.exp(theta[1]) * slopes[1]])

        best = scipy.optimize.minimize(risk, [mean + scale, np.log(scale) + 1], jac=True, options={"gtol": 1e-10}).x
        worst = largest([worst, abs(best[0] - mean) / scale, abs(best[1] - np.log(scale))])
    tolerance = 1e-4 if at is None else 1e-2  # a sample is not quite its law
    return Result(
        worst < tolerance, "verified", len(truths), worst, message=f"largest distance from the truth {worst:.1g} scales"
    )


@kind("convex in {names} together: its Hessian has no negative eigenvalue")
def hessian(card, *, names):
    """Both second derivatives and the determinant of the Hessian in the two predictions are ≥ 0, by SymPy."""
    first, second = card.predictions
    matrix = sympy.hessian(card.formula, (first, second))
    minors = [matrix[0, 0], matrix[1, 1], matrix.det()]
    ok = all(sympy.simplify(minor).is_nonnegative for minor in minors)
    return Result(ok, "proved" if ok else "verified", message="both diagonal entries and the determinant are ≥ 0 by SymPy")


@kind(
    "averaged over all samples of a law it is the score of the law{plus}",
    "averaged over all samples of a law it is not the score of the law{plus}",
)
def mean_over_samples(card, *, times=0, plus="", params=None, at=None):
    """Every sample of 2, 3 and 4 members (`at`: of so many) of a law on three points, with its probability, at four targets.

    What comes on top of the score of the law is `times` E|X - X'| / M; `plus` says so in the sentence.
    """
    vectors = next(iter(card.function.axes.values())) == 2
    atoms = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0]] if vectors else [0.0, 1.0, 3.0])
    targets = np.array([[-1.0, 0.5], [0.5, 1.0], [2.0, 2.0], [9.0, 1.0]] if vectors else [-1.0, 0.5, 2.0, 9.0])
    chance = np.array([0.5, 0.125, 0.375])

    def distances(a, b):
        return np.linalg.norm(np.reshape(a[:, None] - b[None], (len(a), len(b), -1)), axis=-1)

    apart = chance @ distances(atoms, atoms) @ chance
    worst, count = 0.0, 0
    for setting, members in itertools.product(settings(card, params), (2, 3, 4) if at is None else [at]):
        for target, to_target in zip(targets, distances(targets, atoms) @ chance):
            samples = np.array(list(itertools.product(range(3), repeat=members)))
            score = values(card, [atoms[samples], np.repeat(target[None], len(samples), axis=0)], setting)
            mean = chance[samples].prod(1) @ score
            gap = abs(mean - (to_target - apart / 2) - float(times) * apart / members)
            worst, count = largest([worst, gap]), count + len(samples)
    return Result(worst < 1e-12, "enumerated", count, worst)


# --- of all losses ------------------------------------------------------------------------------------------------------


@kind("multiplied by c when all its arrays are multiplied by c > 0")
def scales_with_units(card, *, params=None):
    """Homogeneous of degree 1: the value has the unit of the target."""

    def change(rng, arrays):
        factor = 10 ** rng.uniform(-3, 3, len(arrays[-1]))
        return [factor.reshape(-1, *[1] * (a.ndim - 1)) * a for a in arrays], factor

    return after(card, change, params)


@kind("its values fill the range from {low} to {high}{name}")
def ranges(card, *, low, high, name="", params=None):
    """No value found lies outside, and some come within 0.1 % of either end (for "∞": beyond 1000)."""
    found = []
    for setting in settings(card, params):
        for arrays in (_points.ordinary(card, n=3000, seed=3), _points.hard(card)):
            found += [values(card, [arrays[0] * stretch, *arrays[1:]], setting) for stretch in (1.0, 100.0)]
    found = np.concatenate(found)
    near = 1e-3 * (1 if high == "∞" else high - low)
    reached = found.min() <= low + near and found.max() >= (1000 if high == "∞" else high - near)
    inside = found.min() >= low - 1e-12 and (high == "∞" or found.max() <= high + 1e-12)
    span = f"found {found.min():.3g} to {found.max():.3g}"
    return Result(inside and reached, "searched", len(found), float(found.max()), message=span)
