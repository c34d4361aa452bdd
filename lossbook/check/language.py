"""Losses of language models: tokens and their means, answers and their probabilities, policies and their divergence."""

import numpy as np
import sympy

from .. import _points
from .._exact import equal
from .._result import Result
from .._symbols import K, j, l, sigmoid
from .._xp import log_softmax
from ._kind import kind, largest, settings, values
from .margin import ETA, V

# --- logits and tokens --------------------------------------------------------------------------------------------------


@kind("its gradient adds up to {name} over the classes")
def gradient_total(card, *, expression, name):
    """The sum of the gradient formula over its entries."""
    return equal(sympy.Sum(card.slopes[0], (j, 1, K)), expression, _points.given(card))


@kind("its second derivative in the direction v is {name}")
def curvature_along(card, *, expression, name):
    """Σ v_j H_jl v_l, H being the derivative of the gradient formula, equals an expression in `V`, whatever its sign."""
    along = sympy.Sum(V[j] * V[l] * card.slopes[0].diff(card.prediction[l]), (j, 1, K), (l, 1, K))
    return equal(along, expression, _points.given(card))


@kind(
    "micro-batches, each divided by the number of tokens of the whole batch, add up to its mean",
    "the mean of the means of micro-batches is not the mean over their tokens",
)
def accumulates(card, *, params=None, at=None):
    """60 tokens, a third of them ignored, cut at three random places. `at`: the lengths of micro-batches without a denominator,
    all averaged, against the mean over all their tokens."""
    worst, count = 0.0, 0
    for setting in settings(card, params):
        rng = np.random.default_rng(24)
        for _ in range(20 if at is None else 1):
            lengths = np.diff([0, *sorted(rng.integers(0, 61, 3)), 60]) if at is None else np.array(at)
            logits, labels = rng.normal(0, 2, (lengths.sum(), 5)), rng.integers(0, 5, lengths.sum())
            if at is None:
                labels[rng.random(60) < 1 / 3] = -100
            ends = np.cumsum(lengths)[:-1]
            parts = list(zip(np.split(logits, ends), np.split(labels, ends), strict=True))
            whole = card.function(logits, labels, **setting)
            if at is None:
                tokens = np.sum(labels != -100)
                found = sum(card.function(*part, denominator=tokens, **setting) for part in parts)
            else:
                found = np.mean([card.function(*part, **setting) for part in parts])
            worst, count = largest([worst, abs(found - whole) / abs(whole)]), count + len(parts)
    return Result(worst < 1e-12, "verified", count, worst, message=f"relative gap {worst:.3g}")


@kind("the perplexity e^mean of a text is the mean of e^loss", "the perplexity e^mean of a text is not the mean of e^loss")
def perplexity_is_a_mean(card, *, at):
    """The text is one of two tokens with these two probabilities for the right word."""
    logits = [[np.log(p), np.log1p(-p)] for p in at]
    losses = [card.exactly([row, [1.0, 0.0]], _points.parameter_settings(card)[0]) for row in logits]
    one, other = sympy.exp(sum(map(sympy.Float, losses)) / 2), sum(sympy.exp(sympy.Float(v)) for v in losses) / 2
    return Result(abs(one - other) < 1e-12, "verified", 1, float(abs(one - other)), message=f"{one:.4f} and {other:.4f}")


# --- preferences --------------------------------------------------------------------------------------------------------


@kind(
    "training makes the chosen answer more likely{where}",
    "training can make the chosen answer less likely, and the rejected one too, while the loss falls",
)
def raises_the_chosen(card, *, where="", model=None, at=None):
    """300 steps of gradient descent on the state of a model whose answers have the logits ⟨answer, state⟩, from π = π₀ on.

    The first answer is the chosen one, the second the rejected one. Without a `model` each of four answers has its own logit.
    """
    rng, worst, count, told = np.random.default_rng(25), np.inf, 0, ""
    fixed = model or at
    answers = np.array(fixed["answers"]) if fixed else np.eye(4)  # (K, D)
    for setting in settings(card, None):
        states = np.array([fixed["state"]]) if fixed else rng.normal(0, 2, (10, 4))  # (R, D): R models at once
        start = log_softmax(states @ answers.T)  # (R, K)
        for _step in range(300):
            now = log_softmax(states @ answers.T)
            slopes = card.gradients(*_pair(card, now, start), **setting)
            pull = sum(g[:, None] * (np.eye(len(answers))[i] - np.exp(now)) for i, g in enumerate(slopes))
            states = states - 0.05 * pull @ answers
        end = log_softmax(states @ answers.T)
        before, after = (card.function(*_pair(card, p, start), reduction="none", **setting) for p in (start, end))
        for s, e, b, a in zip(start, end, before, after):
            rise, count = e[0] - s[0], count + 1
            if at is not None and not (e[1] < s[1] and a < b):
                rise = 0.0  # a witness shows both answers falling and the loss as well
            if not rise >= worst or count == 1:
                worst = float(rise)
                told = f"log-probabilities {s[:2].round(2)} to {e[:2].round(2)}, loss {b:.3f} to {a:.3f}"
    falls = worst < 0 if at is not None else not worst > 0
    return Result(not falls, "verified" if at is not None else "searched", count, worst, message=told)


def _pair(card, now, start):
    """The arrays of a loss of the first two answers: what the models say now and what the reference, their start, says."""
    return [now[:, 0], now[:, 1], start[:, 0], start[:, 1]][: len(card.function.axes)]


@kind("its best margin is {margin} when the chosen answer is preferred with probability η")
def best_margin(card, *, margin):
    """With log-probabilities m and 0, and a reference that prefers neither, the expected slope in m is 0 there."""
    first, second, *rest = (card.symbols[name] for name in card.function.axes)
    nothing = dict.fromkeys(rest, 0)
    kept, lost = ({first: margin, second: 0}, {first: 0, second: margin})
    slope = ETA * card.slopes[0].subs(kept | nothing) + (1 - ETA) * card.slopes[1].subs(lost | nothing)
    odds = sympy.Symbol("u", positive=True)
    return equal(slope.subs(ETA, odds / (1 + odds)), 0)


@kind("its optimum for preferences by rewards r is π ∝ π₀ e^(r/β), which maximises E r - β KL(π, π₀)")
def optimal_policy(card):
    """Three answers with symbolic rewards, preferences of the Bradley-Terry form, and a symbolic reference: at that policy the
    expected gradient of all pairs is 0, and every other policy has β KL(it, that policy) less of E r - β KL."""
    beta = card.symbols["beta"]
    gains, odds, others = (sympy.symbols(f"{letter}_1:4", positive=True) for letter in "gap")
    rewards = [beta * sympy.log(gain) for gain in gains]  # e^(r/β), and with it r, can be anything
    reference, policy, best = map(_shares, (odds, others, [weight * gain for weight, gain in zip(odds, gains)]))
    slopes = []
    for a in range(3):
        total = 0
        for b in {0, 1, 2} - {a}:
            total += sigmoid(rewards[a] - rewards[b]) * _slope_at(card, 0, best, reference, a, b)
            total += sigmoid(rewards[b] - rewards[a]) * _slope_at(card, 1, best, reference, b, a)
        slopes.append(total)

    def value(p):
        return sum(part * (r - beta * sympy.log(part / ref)) for part, r, ref in zip(p, rewards, reference))

    stands = equal(sympy.Matrix(slopes).expand(), sympy.zeros(3, 1))
    if stands.grade != "proved" or not stands:
        return stands
    return equal(value(best) - value(policy), beta * sum(p * sympy.log(p / top) for p, top in zip(policy, best)))


def _shares(weights):
    return [weight / sum(weights) for weight in weights]


def _slope_at(card, which, policy, reference, chosen, rejected):
    logs = [sympy.expand_log(sympy.log(p)) for p in (policy[chosen], policy[rejected], reference[chosen], reference[rejected])]
    point = dict(zip((card.symbols[name] for name in card.function.axes), logs))
    return card.slopes[which].subs(point, simultaneous=True)


# --- policies -----------------------------------------------------------------------------------------------------------


@kind("its gradient is 0 exactly where {where}")
def silent_exactly_where(card, *, condition, where, params=None):
    """On a grid of both arguments the gradient is 0 where `condition` holds, and nowhere else."""
    grid = np.linspace(-3, 3, 601)
    first, second = (side.ravel() for side in np.meshgrid(grid, np.array([-20.0, -1.0, -1e-3, 0.0, 1e-3, 1.0, 20.0])))
    wrong, count = 0, 0
    for setting in settings(card, params):
        silent = np.asarray(card.gradient(first, second, **setting)) == 0
        wrong += int(np.sum(silent != condition(first, second, **setting)))
        count += len(first)
    return Result(wrong == 0, "verified", count, float(wrong), message=f"{wrong} points disagree")


@kind("its value and its gradient grow without end {along}", "its value and its gradient do not grow without end {along}")
def runs_away(card, *, at, along):
    """`at` gives the arguments as expressions of t: at t = 1, 2, 4, ..., 64 value and |gradient| rise, in the end above 1e6."""
    at, t, found = dict(at), sympy.Symbol("t"), []
    setting = _points.required(card) | at.pop("params", {})
    for power in range(7):
        arrays = [np.array([float(sympy.sympify(at[name]).subs(t, 2**power))]) for name in card.function.axes]
        found.append([values(card, arrays, setting)[0], abs(card.gradients(*arrays, **setting)[0][0])])
    found = np.array(found)
    return Result(np.all(np.diff(found, axis=0) > 0) and found[-1].min() > 1e6, "verified", 7, float(found[-1].min()))


LENGTHS = (10, 1000)  # two answers, one of them a hundred times as long


@kind('with the denominator "{form}" a token of an answer of n tokens weighs {weight!f}')
def token_weight(card, *, form, weight):
    """Minus the gradient of the mean for advantage 1 at ratio 1, token by token: answers of 10 and 1000 tokens, padded to 1200.

    The weight is an expression of n, of the number of answers N, of all their tokens M and of the padded length T.
    """
    numbers = {"N": len(LENGTHS), "M": sum(LENGTHS), "T": 1200}
    mask = np.arange(1200) < np.array(LENGTHS)[:, None]
    found = -_slope_of_the_mean(card, mask, denominator_form=form)
    worst = 0.0
    for row, length in zip(found, LENGTHS):
        want = float(sympy.sympify(weight, locals=numbers | {"n": length}))
        worst = largest([worst, np.abs(row[:length] / want - 1).max(), np.abs(row[length:]).max()])
    return Result(worst < 1e-12, "verified", mask.size, worst, message=f"{found[0, 0]:.3g} and {found[1, 0]:.3g}")


def _slope_of_the_mean(card, mask, **options):
    import torch

    log_ratio = torch.zeros(mask.shape, dtype=torch.float64, requires_grad=True)
    loss = card.function(log_ratio, torch.ones(len(mask), dtype=torch.float64), mask=torch.as_tensor(mask), **options)
    return torch.autograd.grad(loss, log_ratio)[0].numpy()


@kind('over equal masks each denominator gives the mean of {name}, "sum" that times the tokens of an answer')
def mean_of_tokens(card, *, reference, name):
    """Without padding, for answers of one length: three of the four forms are one mean of `reference`, the fourth is 7 of it."""
    rng, worst = np.random.default_rng(26), 0.0
    log_ratio, advantage = rng.normal(0, 0.5, (5, 7)), rng.standard_normal(5)
    want = reference(log_ratio, np.repeat(advantage[:, None], 7, axis=1))
    for form, times in (("token", 1), ("sequence", 1), ("constant", 1), ("sum", 7)):
        found = card.function(log_ratio, advantage, mask=np.ones((5, 7)), denominator_form=form)
        worst = largest([worst, abs(found / times / want - 1)])
    return Result(worst < 1e-12, "verified", 4, worst)


@kind("on policy, at log-ratio 0, its value is minus the mean advantage and its gradient that of the policy gradient")
def starts_at_the_policy_gradient(card):
    """The value hides what is learnt: with advantages that sum to 0 it is 0, while the gradient is -A over the count."""
    import torch

    advantage = torch.tensor([1.0, -2.0, 4.0, -3.0], dtype=torch.float64)
    log_ratio = torch.zeros(4, 6, dtype=torch.float64, requires_grad=True)
    loss = card.function(log_ratio, advantage, mask=torch.ones(4, 6))
    (slope,) = torch.autograd.grad(loss, log_ratio)
    worst = largest([abs(loss.item()), (slope + advantage[:, None] / 24).abs().max()])
    return Result(worst < 1e-15, "verified", 24, worst)


# --- estimators of a divergence -----------------------------------------------------------------------------------------


def _three_actions(at):
    """Pairs (logits of the policy, log-probabilities of the reference) on three actions: twenty random ones, or the given one."""
    rng = np.random.default_rng(27)
    pairs = [rng.normal(0, 1.5, (2, 3)) for _ in range(20)] if at is None else [np.array(at)]
    return [(logits, log_softmax(other)) for logits, other in pairs]


@kind("{which} is an unbiased estimate of KL(π, π₀) under samples of π", "{which} is a biased estimate of KL(π, π₀)")
def estimates_divergence(card, *, which, at=None):
    """The exact mean over three actions drawn from π."""
    from ..policy import kl_estimators

    worst, count = 0.0, 0
    for logits, reference in _three_actions(at):
        log_p = log_softmax(logits)
        mean = np.exp(log_p) @ getattr(kl_estimators(log_p, reference), which)
        worst, count = largest([worst, abs(mean - np.exp(log_p) @ (log_p - reference))]), count + 3
    return Result(worst < 1e-14, "enumerated", count, worst, message=f"largest bias {worst:.3g}")


GRADIENTS = {
    "0": lambda log_p, log_q: 0 * log_p.sum(),
    "that of KL(π, π₀)": lambda log_p, log_q: (log_p.exp() * (log_p - log_q)).sum(),
    "that of KL(π₀, π)": lambda log_p, log_q: (log_q.exp() * (log_q - log_p)).sum(),
}


@kind(
    "as a loss on samples of π, {which} has on average the gradient {of}",
    "as a loss on samples of π, {which} does not have the gradient {of} on average",
)
def pulls_like(card, *, which, of, at=None):
    """The mean over three actions drawn from π of the gradient in the logits, by autograd, the sampling held constant."""
    import torch

    from ..policy import kl_estimators

    worst, count = 0.0, 0
    for logits, reference in _three_actions(at):
        logits, reference = torch.tensor(logits, requires_grad=True), torch.tensor(reference)
        log_p = logits.log_softmax(-1)
        mean = (log_p.exp().detach() * getattr(kl_estimators(log_p, reference), which)).sum()
        (got,) = torch.autograd.grad(mean, logits, retain_graph=True)
        (want,) = torch.autograd.grad(GRADIENTS[of](log_p, reference), logits)
        worst, count = largest([worst, (got - want).abs().max()]), count + 3
    return Result(worst < 1e-13, "enumerated", count, worst, message=f"largest difference {worst:.3g}")
