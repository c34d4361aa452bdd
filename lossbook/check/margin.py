"""Where a loss of logits has its optimum, how much it curves, and what becomes of it in a limit."""

import itertools

import mpmath
import numpy as np
import scipy
import sympy

from .. import _points
from .._exact import equal, spell_out
from .._result import Result
from .._symbols import K, j, l, sigmoid
from ._kind import as_card, kind, largest, settings, symbols_of, values
from .estimates import ETAS, best_probability

ETA, V = sympy.Symbol("eta"), sympy.IndexedBase("v", real=True)  # the probability of the event; a direction
DISTRIBUTIONS = ([0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.34, 0.33, 0.33], [0.02, 0.9, 0.08])


# --- equal to something else, at least something else -------------------------------------------------------------------


@kind("at least {name}, and comes arbitrarily close to it", "not always at least {name}")
def at_least(card, *, reference, name, params=None, at=None):
    """No point lies below `reference(*arrays, **params)`, by more than rounding, and some point lies within 1e-3 of it."""
    lowest, count = np.inf, 0
    for setting in settings(card, params):
        for arrays in (_points.ordinary(card, n=5000, seed=14), _points.hard(card)) if at is None else [at]:
            arrays = [np.asarray(a, dtype=float) for a in arrays]
            floor = np.asarray(reference(*arrays, **setting))
            slack = (values(card, arrays, setting) - floor) / np.maximum(np.abs(floor), 1)
            lowest, count = -largest([-lowest, -slack.min()]), count + slack.size
    return Result(-1e-12 <= lowest < 1e-3, "searched", count, lowest, message=f"smallest slack {lowest:.3g}")


@kind("0 exactly where the logit of the label leads by {margin} or more", "not 0 exactly where the label leads by {margin}")
def zero_beyond(card, *, margin, params=None, at=None):
    """Rows in which the label leads by the margin or a little more cost 0; a little less, and they cost something."""
    margin = float(margin)
    rng, count, worst = np.random.default_rng(15), 0, 0.0
    for setting in settings(card, params):
        for lead in (-1.0, 0.0, margin - 1e-3, margin, margin + 1e-3, margin + 10.0) if at is None else [at]:
            logits = np.round(rng.normal(size=(300, 4)), 3)
            labels = rng.integers(0, 4, 300)
            rivals = np.where(np.eye(4)[labels] == 1, -np.inf, logits).max(axis=-1)
            logits[np.arange(300), labels] = rivals + lead
            costs = values(card, [logits, labels], setting)
            wrong = np.abs(costs) if lead >= margin else np.where(costs > 0, 0.0, 1.0)
            worst, count = largest([worst, wrong.max()]), count + 300
    return Result(worst < 1e-14, "searched", count, worst)


@kind("its {of} grows without bound", "its {of} does not grow without bound")
def unbounded(card, *, of, params=None, at=None):
    """Along a line of ever larger mistakes (2, 4, 8, ... 512 times the first one) it keeps growing, and by a factor above 10."""
    for setting in settings(card, params):
        sizes = 2.0 ** np.arange(1, 10)
        if has_rows(card):
            arrays = [sizes[:, None] * np.array([1.0, -1.0, 0.5]), np.tile([0.0, 1.0, 0.0], (9, 1))]
        else:
            arrays = [-sizes, np.ones(9)]
        with np.errstate(over="ignore"):
            grown = values(card, arrays, setting) if of == "value" else _lengths(card.gradients(*arrays, **setting)[0])
        if not (np.all(np.diff(grown) > 0) and grown[-1] > 10 * grown[0]):
            return Result(False, "verified", 9, float(grown[-1]), {"params": setting, "found": grown.tolist()})
    return Result(True, "verified", 9 * len(settings(card, params)))


def has_rows(card):
    return next(iter(card.function.axes.values())) == 1


def _lengths(gradient):
    return np.linalg.norm(np.reshape(np.asarray(gradient), (len(gradient), -1)), axis=1)


# --- optimum ------------------------------------------------------------------------------------------------------------


@kind("its best logit is {logit} when the event has probability η", "its best logit is not {logit}")
def best_logit(card, *, logit, params=None, at=None):
    """The logit of least expected loss is the given expression of eta (and of the parameters)."""
    worst, count = 0.0, 0
    for setting in settings(card, params):
        for eta in ETAS if at is None else [at]:
            want = float(sympy.sympify(logit).subs(symbols_of(card, setting)).subs(ETA, eta))
            worst = largest([worst, abs(best_probability(card, eta, setting, link=lambda z: z) - want)])
            count += 1
    return Result(worst < 1e-4, "verified", count, worst)


@kind("its optimum is {probability} when the event has probability {eta}")
def optimal_at(card, *, eta, probability, params=None):
    """One point of the map from the true probability to the optimum; both may be expressions of the parameters."""
    worst, count = 0.0, 0
    for setting in settings(card, params):
        truth, want = (float(sympy.sympify(number).subs(symbols_of(card, setting))) for number in (eta, probability))
        worst, count = largest([worst, abs(best_probability(card, truth, setting) - want)]), count + 1
    return Result(worst < 1e-4, "verified", count, worst)


@kind("the probability can be read off its optimum", "different probabilities can have the same optimum")
def invertible(card, *, params=None, at=None):
    """The best logit rises strictly with the probability of the event (`at`: two probabilities)."""
    least, count = np.inf, 0
    for setting in settings(card, params):
        best = [best_probability(card, eta, setting, link=lambda z: z) for eta in (ETAS if at is None else at)]
        least, count = -largest([-least, -np.min(np.diff(best))]), count + len(best)
    return Result(least > 1e-3, "verified", count, least)


@kind("its optimum misses the true probability by up to {miss}")
def misses(card, *, miss, params=None):
    """The map from the optimum back to the true probability, from the gradient: it rises, and its largest gap is `miss`.

    Two classes: where the expected gradient η g₁(z) + (1 - η) g₀(z) is 0, η = g₀ / (g₀ - g₁).
    """
    logit = np.linspace(-8, 8, 4001)
    worst = 0.0
    for setting in settings(card, params):
        rows = np.stack([np.zeros_like(logit), logit], -1) if has_rows(card) else logit
        labels = [np.tile(np.eye(2)[y], (len(logit), 1)) if has_rows(card) else np.full_like(logit, y) for y in (0, 1)]
        of_0, of_1 = (np.asarray(card.gradient(rows, label, **setting)) for label in labels)
        of_0, of_1 = (of_0[:, 1], of_1[:, 1]) if has_rows(card) else (of_0, of_1)
        eta = of_0 / (of_0 - of_1)
        if not np.all(np.diff(eta) > 0):
            return Result(False, "verified", len(logit), witness=setting, message="more than one optimum for a probability")
        worst = largest([worst, np.abs(1 / (1 + np.exp(-logit)) - eta).max()])
    return Result(abs(worst - float(miss)) < 1e-3, "verified", len(logit), worst, message=f"largest gap {worst:.4f}")


@kind("its optimum is never the true probability between {low} and {high}")
def improper_between(card, *, low, high, params=None):
    """A certificate in interval arithmetic: with the truth as the prediction the expected gradient η g₁ + (1 - η) g₀ is not 0.

    The interval of η is halved until on each part the rounding-proof range of that gradient leaves 0 out.
    """
    (setting,) = settings(card, params)
    slope = card.gradient_formula.subs(symbols_of(card, setting))
    slope = ETA * slope.subs(card.target, 1) + (1 - ETA) * slope.subs(card.target, 0)
    slope = slope.subs({sigmoid(card.prediction): ETA, sigmoid(-card.prediction): 1 - ETA})
    if slope.has(card.prediction):
        raise ValueError(f"{card.name} is not a loss of the sigmoid of its logit")
    ranged = sympy.lambdify(ETA, slope, [{"log": mpmath.iv.log, "exp": mpmath.iv.exp}])
    boxes, done = [(mpmath.mpf(low), mpmath.mpf(high))], 0
    while boxes:
        a, b = boxes.pop()
        if 0 not in mpmath.iv.mpf(ranged(mpmath.iv.mpf([a, b]))):
            done += 1
        elif b - a < 1e-6:
            return Result(False, "proved", done, witness={"eta": float(a)}, message="the gradient may be 0 there")
        else:
            boxes += [(a, (a + b) / 2), ((a + b) / 2, b)]
    return Result(True, "proved", done, message=f"{done} intervals")


@kind("proper through {name}: the {name} of its optimum is the true distribution", "not proper through {name}")
def proper_through(card, *, link, name, params=None, at=None):
    """The link of the logits of least expected loss is the distribution of the labels itself (`at`: for that one)."""
    worst, count = 0.0, 0
    for setting in settings(card, params):
        for q in map(np.array, DISTRIBUTIONS if at is None else [at]):
            gap = np.max(np.abs(link(best_logits(card, q, setting), **setting) - q))
            worst, count = largest([worst, gap]), count + 1
    return Result(worst < 1e-4, "verified", count, worst)


def best_logits(card, q, params=None):
    """The logits of least expected loss when the classes have the probabilities q, the best of several starts."""
    card, params, classes = as_card(card), params or {}, np.eye(len(q))

    def risk(logits):
        rows = np.tile(logits, (len(q), 1))
        return float(q @ values(card, [rows, classes], params)), q @ np.asarray(card.gradient(rows, classes, **params))

    starts = [np.zeros(len(q)), *(2 * classes)]
    return min((scipy.optimize.minimize(risk, s, jac=True, options={"gtol": 1e-10}) for s in starts), key=lambda r: r.fun).x


@kind("against a certain class its best logits put that class {gap} ahead, and no further")
def leads_by(card, *, gap, params=None):
    """Four classes: the minimum for a label that is always the same lies at finite logits, this far apart."""
    worst, count = 0.0, 0
    for setting in settings(card, params):
        want = float(sympy.sympify(gap).subs(symbols_of(card, setting)).subs(K, 4))
        for label in np.eye(4):
            best = best_logits(card, label, setting)
            worst, count = largest([worst, *np.abs(best[label == 1] - best[label == 0] - want)]), count + 1
    return Result(worst < 1e-4, "verified", count, worst)


@kind("its least value for target probabilities q is {name}")
def least_value(card, *, reference, name, params=None):
    """The minimum over the logits of the loss against one and the same q is `reference(q)`."""
    worst, count, target = 0.0, 0, list(card.function.axes)[-1]
    for setting in settings(card, params):
        for q in map(np.array, DISTRIBUTIONS):

            def risk(logits, q=q, setting=setting):
                options = {target: q} | setting
                return float(card.function(logits, reduction="none", **options)), np.asarray(card.gradient(logits, **options))

            found = min(
                scipy.optimize.minimize(risk, s, jac=True, options={"gtol": 1e-10}).fun for s in (np.zeros(len(q)), np.log(q))
            )
            worst, count = largest([worst, abs(found - reference(q))]), count + 1
    return Result(worst < 1e-8, "verified", count, worst)


@kind("its best logits, less their mean, are {logits}, and no others, when three classes have the probabilities {q}")
def optimal_logits(card, *, q, logits, costs):
    """The expected loss rises from there in every direction: a certificate in fractions, for a convex loss in straight pieces.
    `q` and `logits` are written as "2/5, 7/20, 1/4".

    `costs(z, y)` is the loss of label y as a sum of maxima of affine functions; it is compared with the function first. The slope
    along a direction is linear between the directions in which two active pieces tie, so it is enough that it is > 0 on those.
    """
    q, place = ([sympy.Rational(number.strip()) for number in numbers.split(",")] for numbers in (q, logits))
    z, rows = sympy.symbols("z1:4", real=True), np.round(np.random.default_rng(16).normal(size=(50, 3)), 2)
    formulas = [sympy.sympify(costs(z, y)) for y in range(3)]
    for y, formula in enumerate(formulas):
        if not np.allclose(sympy.lambdify(z, formula)(*rows.T), values(card, [rows, np.full(50, y)], {}), rtol=1e-12, atol=1e-12):
            return Result(False, "verified", 50, message=f"the costs of label {y} are not those of the function")
    expected = sum(share * formula for share, formula in zip(q, formulas))
    names = {peak: sympy.Dummy() for peak in expected.atoms(sympy.Max)}
    there, a, b = dict(zip(z, place)), *sympy.symbols("a b", real=True)

    def along(piece):
        return sum(piece.diff(u) * step for u, step in zip(z, (a, b, -a - b)))

    active = {t: [along(part) for part in peak.args if part.subs(there) == peak.subs(there)] for peak, t in names.items()}
    linear = sympy.expand(expected.xreplace(names))
    slope = along(linear) + sum(linear.coeff(t) * sympy.Max(*parts) for t, parts in active.items())
    ties = [(1, 0), (0, 1)]
    for parts in active.values():
        ties += [(-(f - g).coeff(b), (f - g).coeff(a)) for f, g in itertools.combinations(parts, 2) if f != g]
    slopes = {ray: slope.subs({a: ray[0], b: ray[1]}) for tie in ties for ray in (tie, (-tie[0], -tie[1]))}
    lowest = min(slopes, key=slopes.get)
    message = f"expected loss {expected.subs(there)}, least slope {slopes[lowest]} along {len(slopes)} directions"
    return Result(slopes[lowest] > 0, "proved", witness=None if slopes[lowest] > 0 else lowest, message=message)


@kind("the regret of its decisions is bounded through ψ(θ) = {psi}")
def psi_transform(card, *, psi, params=None):
    """Bartlett's transform: how much more a wrong decision costs at least, when η = (1 + θ)/2 is the probability of the event."""
    theta, worst, count = sympy.Symbol("theta", real=True), 0.0, 0
    for setting in settings(card, params):
        for level in (0.05, 0.2, 0.5, 0.8, 0.95):
            eta = (1 + level) / 2

            def risk(logit, eta=eta, setting=setting):
                logit = np.atleast_1d(np.asarray(logit, dtype=float))
                both = [values(card, [logit, np.full_like(logit, label)], setting) for label in (0.0, 1.0)]
                return (1 - eta) * both[0] + eta * both[1]

            wrong, any_ = (_least(risk, low, high) for low, high in ((-12.0, 0.0), (-12.0, 12.0)))
            want = float(sympy.sympify(psi).subs(theta, level))
            worst, count = largest([worst, abs(wrong - any_ - want)]), count + 1
    return Result(worst < 1e-6, "verified", count, worst)


def _least(risk, low, high):
    """The least value of a risk on an interval: on a grid, then between the neighbours of its best point, ends included."""
    grid = np.linspace(low, high, 2401)
    found = risk(grid)
    i = int(np.argmin(found))
    ends = grid[max(i - 1, 0)], grid[min(i + 1, 2400)]
    inner = scipy.optimize.minimize_scalar(lambda z: risk(z)[0], bounds=ends, method="bounded", options={"xatol": 1e-12})
    return min(found[i], inner.fun)


# --- curvature, steepness -----------------------------------------------------------------------------------------------


@kind("its second derivative in the direction v is {name}, never negative")
def curves(card, *, expression, name, where=None):
    """Σ v_j H_jl v_l, H being the derivative of the gradient formula, equals a sum in `V` whose terms SymPy sees are ≥ 0."""
    if not (isinstance(expression, sympy.Sum) and expression.function.is_nonnegative):
        return Result(False, "verified", message="SymPy does not see that every term is ≥ 0")
    second = card.gradient_formula.subs(where or {}).diff(card.prediction[l])
    along = sympy.Sum(V[j] * V[l] * second, (j, 1, K), (l, 1, K))
    return equal(along, expression, _points.given(card, without=where or {}))


@kind("its curvature is at most {bound!f} in every direction, and comes arbitrarily close to it")
def curvature_bound(card, *, bound, params=None):
    """The largest eigenvalue of the Hessian, by autograd, at ordinary, hard and tied points. For one logit it is also proved:
    bound less the second derivative is a quotient of polynomials in e^z that SymPy sees is ≥ 0."""
    import torch

    worst, reached, count = 0.0, np.inf, 0
    for setting in settings(card, params):
        limit = float(sympy.sympify(bound).subs(symbols_of(card, setting)))
        highest = 0.0
        for arrays in (_points.ordinary(card, n=100, seed=17), _points.hard(card)):
            first, labels = (torch.as_tensor(np.asarray(a, dtype=float)) for a in arrays)
            tied = torch.zeros_like(first)
            if has_rows(card):
                tied[:, 0] = tied[:, 1] = 50.0

            def loss(logits, label, setting=setting):
                return card.function(logits, label, reduction="none", **setting)

            for logits in (first, tied):
                hessians = torch.func.vmap(torch.func.hessian(loss))(logits, labels)
                found = torch.linalg.eigvalsh(hessians)[:, -1] if has_rows(card) else hessians
                highest, count = largest([highest, found.max()]), count + len(found)
        worst, reached = largest([worst, highest / limit]), min(reached, highest / limit)
    ok = worst <= 1 + 1e-9 and reached >= 0.999
    grade = "searched" if has_rows(card) or not _at_most(card, bound, params) else "proved"
    return Result(ok, grade, count, worst, message=f"largest curvature found / bound: {reached:.4f} to {worst:.4f}")


def _at_most(card, bound, params):
    """Whether SymPy sees that bound - ℓ'' ≥ 0 for targets 0 and 1, and so, ℓ being linear in the target, for all between."""
    u, w = sympy.Symbol("u", positive=True), symbols_of(card, params or {})
    second = card.gradient_formula.subs(w).diff(card.prediction)
    if second.diff(card.target, 2) != 0:
        return False
    second = second.replace(sigmoid, lambda a: u / (1 + u) if a == card.prediction else 1 / (1 + u))  # σ(z), σ(-z); u = e^z
    rests = [sympy.factor(sympy.together(sympy.nsimplify(bound - second.subs(card.target, y)))) for y in (0, 1)]
    return all(rest.is_nonnegative for rest in rests)


@kind("its gradient is up to {factor} times as long as that of {name}, and longer just where p < {below}")
def steeper(card, *, other, factor, below, name, params=None):
    """For the positive class, over the line of logits: the largest ratio of the two gradients is `factor`, no less by 0.1 %, and
    the ratio is above 1 where p = σ(z) is less than `below`, to three decimals."""
    (setting,) = settings(card, params)
    logit = np.linspace(-30, 30, 60_001)
    ratio = np.abs(card.gradient(logit, np.ones_like(logit), **setting) / as_card(other).gradient(logit, np.ones_like(logit)))
    p, worst = 1 / (1 + np.exp(-logit)), largest(ratio / float(factor))
    sides = np.all(ratio[p > below + 5e-4] < 1) and np.all(ratio[(p > 1e-6) & (p < below - 5e-4)] > 1)
    return Result(0.999 <= worst <= 1 and sides, "searched", len(logit), worst, message=f"at most {worst * factor:.5f} times")


# --- limits -------------------------------------------------------------------------------------------------------------


@kind("T times its value at z / T tends to {name} as T tends to 0")
def cooled(card, *, reference, name, params=None):
    """The temperature limit: the gap to `reference(*arrays)` shrinks with each of eight steps of T, at last below 1e-3."""

    def family(temperature, first, *rest, **setting):
        return temperature * values(card, [first / temperature, *rest], setting)

    return _shrinks(card, family, lambda *arrays, **setting: reference(*arrays), params)


@kind("the limit of {name} as T tends to 0")
def limit_of(card, *, family, name, params=None):
    """`family(T, *arrays)` comes closer to the function with each of eight steps of T towards 0, at last to within 1e-3."""
    return _shrinks(card, family, lambda *arrays, **setting: values(card, arrays, setting), params)


def _shrinks(card, family, limit, params):
    count, last = 0, 0.0
    for setting in settings(card, params):
        arrays = _points.ordinary(card, n=100, seed=18)
        wanted = np.asarray(limit(*arrays, **setting))
        gaps = [largest(np.abs(family(4.0**-step, *arrays, **setting) - wanted)) for step in range(9)]
        if not all(b < a or b < 1e-12 for a, b in itertools.pairwise(gaps)):
            return Result(False, "verified", count, gaps[-1], {"params": setting, "gaps": gaps})
        last, count = largest([last, gaps[-1]]), count + 900
    return Result(last < 1e-3, "verified", count, last, message=f"gap {last:.1g} at T = {4.0**-8:.1g}")


@kind("its expansion in powers of 1 - p, p the probability of the label, begins with the coefficients {coefficients}")
def expands(card, *, coefficients):
    """The Taylor coefficients of the formula for two classes, from the first power on, as SymPy finds them."""
    left_out, logits, labels = sympy.Symbol("m", positive=True), card.prediction, card.target
    formula = spell_out(card.formula).subs(K, 2).doit()
    formula = formula.subs({labels[1]: 1, labels[2]: 0, logits[1]: sympy.log((1 - left_out) / left_out), logits[2]: 0})
    found = sympy.series(sympy.simplify(formula), left_out, 0, len(coefficients) + 1).removeO()
    coefficients = map(sympy.sympify, coefficients)
    wrong = [n for n, wanted in enumerate(coefficients, 1) if sympy.simplify(found.coeff(left_out, n) - wanted) != 0]
    ok = not wrong and found.coeff(left_out, 0) == 0
    return Result(ok, "proved", message=str(found), witness=wrong or None)


@kind("with many classes about log K + σ²/2 on average at random logits of variance σ²")
def at_init(card):
    """The mean of 4,000 draws with K = 1,000 classes lies within four standard errors, and 0.002 for K being finite."""
    rng, worst = np.random.default_rng(19), 0.0
    for sigma in (0.0, 0.5, 1.0):
        costs = values(card, [sigma * rng.standard_normal((4000, 1000)), rng.integers(0, 1000, 4000)], {})
        gap = abs(costs.mean() - np.log(1000) - sigma**2 / 2)
        worst = largest([worst, gap / (4 * costs.std() / np.sqrt(4000) + 2e-3)])
    return Result(worst <= 1, "measured", 12_000, worst, message=f"largest deviation / tolerance {worst:.2f}")
