"""Wrong labels and unequal classes: what noise does to a risk, where the optimum goes, who decides for the rare class."""

import itertools

import numpy as np
import scipy
import sympy

from .. import _points
from .._exact import equal, exact
from .._result import Result, beyond
from .._symbols import K, Q, c_y, j
from ._kind import kind, largest, settings, symbols_of, values
from .estimates import _best_distribution


@kind(
    "its costs of all classes add up to {total}{when}, whatever the prediction: symmetric",
    "its costs of all classes do not add up to a constant",
)
def symmetric_costs(card, *, total=None, where=None, when="", params=None, at=None):
    """Σ_y ℓ(z, y) does not depend on z, which is what makes a loss tolerant to symmetric label noise.

    `where` replaces symbols, and `when` says so in the sentence; `at` are two rows of logits, at which the sums are compared.
    """
    one_hot = card.formula.replace(lambda e: getattr(e, "base", None) == Q, lambda e: sympy.KroneckerDelta(e.indices[0], c_y))
    if at is not None:
        setting = _points.required(card) | (params or {})
        first, second = (exact(_sum_of_classes(one_hot), _points.named(card, [row], setting) | {K: len(row)}) for row in at)
        return Result(first == second, "proved", 1, float(abs(first - second)))
    given = [condition for condition in _points.given(card, without=where or {}) if not condition.has(Q)]
    return equal(_sum_of_classes(one_hot).subs(where or {}), sympy.sympify(total), given)


def _sum_of_classes(cost):
    return sympy.Sum(cost, (c_y, 1, K))


@kind("its costs of all classes add up to between {low} and {high}, and come arbitrarily close to both")
def class_costs(card, *, low, high, params=None, classes=4):
    """The sum over the classes stays between the two bounds at random and at hard logits, and comes within 0.1 % of each."""
    worst, count = 0.0, 0
    for setting in settings(card, params):
        numbers = symbols_of(card, setting) | {K: classes}
        least, most = (float(sympy.sympify(bound).subs(numbers)) for bound in (low, high))
        rows = _points.ordinary(card, n=2000, seed=3)[0]
        rows = np.concatenate([scale * rows for scale in (1.0, 1e-6, 1e3)])
        sums = sum(values(card, [rows, np.tile(np.eye(classes)[y], (len(rows), 1))], setting) for y in range(classes))
        outside = largest([least - sums.min(), sums.max() - most])
        missed = largest([sums.min() / least - 1, 1 - sums.max() / most])
        worst, count = largest([worst, outside / most]), count + len(sums)
        if not (outside <= 1e-12 * most and missed <= 1e-3):
            return Result(False, "searched", count, worst, {"params": setting, "sums": [sums.min(), sums.max()]})
    return Result(True, "searched", count, worst)


@kind(
    "under symmetric label noise of rate r its risk is 1 - r K / (K - 1) times the clean risk plus a constant",
    "under symmetric label noise its risk is not 1 - r K / (K - 1) times the clean risk plus a constant",
)
def affine_in_noise(card, *, params=None, at=None):
    """Differences of risks between two predictions shrink by that factor, for noise that moves a label to any other class with
    probability r / (K - 1). `at` names the logits of both, the clean class and the rate."""
    rng, worst, count = np.random.default_rng(4), 0.0, 0
    for setting in settings(card, params):
        if at is None:
            first, second = (_points.ordinary(card, n=500, seed=seed)[0] for seed in (5, 6))
            clean, rate = rng.dirichlet(np.ones(first.shape[-1]), 500), rng.random((500, 1))
        else:
            first, second = (np.array([row]) for row in at["logits"])
            clean, rate = np.eye(first.shape[-1])[[at["labels"]]], at["rate"]
        others = first.shape[-1] - 1
        noisy = (1 - rate) * clean + rate / others * (1 - clean)
        before, after = (values(card, [first, q], setting) - values(card, [second, q], setting) for q in (clean, noisy))
        gap = np.abs(after - (1 - np.ravel(rate) * (others + 1) / others) * before)
        worst, count = largest([worst, gap.max()]), count + len(gap)
    return Result(worst < 1e-12, "verified", count, worst)


DISTRIBUTIONS = ([0.4, 0.3, 0.2, 0.1], [0.1, 0.1, 0.1, 0.7], [0.26, 0.25, 0.25, 0.24])


@kind("its optimum is {name}", "its optimum is not {name}")
def optimum_of_classes(card, *, optimum, name, truth=Q[j], params=None, at=None):
    """The best softmax(z) has the entries `optimum`, when the labels have the distribution `truth`; both are expressions in
    q_j, for three distributions q of four classes (`at`: for that one)."""
    worst, count, witness = 0.0, 0, None
    for setting in settings(card, params):
        for q in DISTRIBUTIONS if at is None else [at]:
            point = {Q: q} | {card.symbols[key]: value for key, value in setting.items()}
            seen, wanted = (
                np.array([float(exact(expression, point | {j: i + 1, K: len(q)})) for i in range(len(q))])
                for expression in (truth, optimum)
            )
            gap = largest(np.abs(_best_distribution(card, seen, setting) - wanted))
            count += 1
            if beyond(gap, worst):
                worst, witness = gap, {"q": q, "params": setting}
    return Result(worst < 1e-4, "verified", count, worst, None if worst < 1e-4 else witness)


@kind("equal to {name} where {matrix} is the identity")
def at_identity(card, *, matrix, expression, name):
    """The formula with 1 on the diagonal of a parameter that is a matrix, and 0 elsewhere, equals the expression."""
    base = card.symbols[matrix]
    formula = card.formula.replace(lambda e: getattr(e, "base", None) == base, lambda e: sympy.KroneckerDelta(*e.indices))
    return equal(formula, expression, _points.given(card))


@kind(
    "its optimum decides with the best balanced accuracy that any rule has",
    "its optimum does not decide with the best balanced accuracy",
)
def balanced_rule(card, *, params=None, at=None):
    """On random joint tables of five inputs and three unequal classes, against all 3⁵ rules (`at`: the number of one table)."""
    worst, count = 0.0, 0
    for seed in range(5) if at is None else [at]:
        rng = np.random.default_rng(seed)
        joint = rng.dirichlet(np.ones(5), 3).T * [0.9, 0.08, 0.02]  # P(x, y): rows are inputs
        frequency = joint.sum(0)
        setting = {"prior": frequency.tolist()} | (params or {})

        def accuracy(rule, joint=joint, frequency=frequency):
            return np.mean([joint[np.array(rule) == y, y].sum() / frequency[y] for y in range(3)])

        decided = [int(np.argmax(_best_distribution(card, row / row.sum(), setting))) for row in joint]
        best = max(accuracy(rule) for rule in itertools.product(range(3), repeat=5))
        worst, count = largest([worst, best - accuracy(decided)]), count + 1
    return Result(worst < 1e-12, "verified", count, worst)


@kind("its margins minimise Σ_k 1 / (Δ_k n_k^({power})), the bound on the error, for a given sum of two margins")
def optimal_margins(card, *, power="1/2", pairs=((1000.0, 10.0), (50.0, 49.0), (3.0, 200.0))):
    """The margins are read off the loss at equal logits, ℓ = log(1 + e^Δ), and compared with the minimiser."""
    worst = 0.0
    for counts in pairs:
        costs = values(card, [np.zeros((2, 2)), np.eye(2)], {"counts": list(counts), "scale": 1.0})
        margins, (n, m) = np.log(np.expm1(costs)), np.array(counts) ** float(sympy.Rational(power))
        total = margins.sum()
        best = scipy.optimize.minimize_scalar(
            lambda first, n=n, m=m, total=total: 1 / (first * n) + 1 / ((total - first) * m),
            bounds=(0, total),
            method="bounded",
            options={"xatol": 1e-10},
        ).x
        worst = largest([worst, abs(best - margins[0]) / total])
    return Result(worst < 1e-6, "verified", len(pairs), worst)


@kind("its gradient is exactly 0 for a target of {target} while p < {below!f}, and not beyond")
def flat(card, *, target, below, params=None):
    """A binary loss that leaves easy examples alone: p = σ(z) is drawn on either side of the bound."""
    rng, count, worst = np.random.default_rng(6), 0, 0.0
    for setting in settings(card, params):
        limit = float(sympy.sympify(below).subs(symbols_of(card, setting)))
        p = np.concatenate([limit * rng.uniform(1e-9, 1 - 1e-9, 500), limit + (1 - limit) * rng.uniform(1e-9, 1 - 1e-9, 500)])
        p, easy = p[p > 0], (np.arange(1000) < 500)[p > 0]
        slope = np.abs(card.gradients(np.log(p) - np.log1p(-p), np.full_like(p, target), **setting)[0])
        count, worst = count + len(p), largest([worst, *slope[easy]])
        if not slope[~easy].min() > 0:
            return Result(False, "searched", count, 0.0, {"params": setting}, message="the gradient is 0 beyond the bound, too")
    return Result(worst == 0, "searched", count, worst)
