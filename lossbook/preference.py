"""Preferences: losses that train a language model on which of two answers is better, or on which single answers are good.

They take log-probabilities of whole answers, summed over their tokens (SimPO and ORPO: the mean over the tokens), of any shape.
Prompt and padding are left out of these sums by the caller. The reference model never receives a gradient.
Values are in nats.
"""

from ._card import Card, Twin, denies, describes, says
from ._loss import gradient_of, in_range, loss, require, zero_or_one
from ._xp import exp, expm1, log, log1p, namespace, positive_part, sigmoid, softplus, stop_gradient, where


@loss(predictions=2, chosen=0, rejected=0, ref_chosen=0, ref_rejected=0)
def dpo(chosen, rejected, ref_chosen, ref_rejected, *, beta=0.1):
    """Direct preference optimisation: -log σ(β Δ), Δ = (log π - log π₀)(chosen) - (log π - log π₀)(rejected).

    The four log-probabilities are sums over the tokens of an answer; `beta` > 0 is the price of leaving the reference π₀.
    Only the difference Δ is trained: both answers can become less likely while the loss falls.
    Source: Rafailov et al. (2023).

    >>> import numpy as np
    >>> float(dpo(np.array([-10.0]), np.array([-12.0]), np.array([-11.0]), np.array([-11.0])).round(6))
    0.598139
    """
    in_range(beta=beta, low=0)
    return softplus(-beta * _gain(chosen, rejected, ref_chosen, ref_rejected))


@gradient_of(dpo)
def dpo_gradient(chosen, rejected, ref_chosen, ref_rejected, *, beta=0.1):
    pull = beta * sigmoid(-beta * _gain(chosen, rejected, ref_chosen, ref_rejected))
    return -pull, pull


@describes(dpo)
def _():
    from sympy import log, sqrt

    from . import check
    from ._card import card
    from ._symbols import beta, log_l, log_w, ref_l, ref_w, sigmoid, softplus, z1, z2

    eta, pairwise, gain = check.ETA, card("pairwise_logistic").formula, (log_w - ref_w) - (log_l - ref_l)
    rewards = {z1: beta * (log_w - ref_w), z2: beta * (log_l - ref_l)}
    return Card(
        dpo,
        symbols=_pair_symbols(log_w, log_l, ref_w, ref_l) | {"beta": beta},
        domain=PAIR | {"beta": "(0, inf)"},
        formula=softplus(-beta * gain),
        gradient=dpo_gradient,
        gradient_formula=(-beta * sigmoid(-beta * gain), beta * sigmoid(-beta * gain)),
        link="softmax over the answers",
        convention="log-probabilities summed over tokens; β inside the sigmoid; no label smoothing",
        reference="rafailov2023",
        twins=[
            Twin("torch.nn.functional.logsigmoid", _dpo_torch, note="negative, of β Δ, as TRL computes it", reductions=("none",))
        ],
        claims=[
            says(
                check.identity,
                "proved",
                expression=pairwise.subs(rewards, simultaneous=True),
                name="the pairwise logistic loss of the implicit rewards β (log π - log π₀)",
            ),
            says(
                check.gradient_identity,
                "proved",
                expression=beta * sigmoid(-beta * gain),
                wrt=1,
                name="for the rejected answer the opposite of that for the chosen one: they sum to 0",
            ),
            says(
                check.identity, "proved", expression=log(2), where={log_w: ref_w, log_l: ref_l}, name="log 2 at the start, π = π₀"
            ),
            says(check.convex, "proved", name="both log-probabilities"),
            says(check.lipschitz, "searched", bound=beta, of=" in the chosen log-probability"),
            says(check.lipschitz, "searched", bound=sqrt(2) * beta, wrt=None, of=" in both"),
            says(check.ranges, "searched", low=0, high="∞"),
            says(check.optimal_policy, "proved"),
            says(check.best_margin, "proved", margin=log(eta / (1 - eta)) / beta),
            says(check.raises_the_chosen, "searched", where=" where every answer has a logit of its own"),
            denies(check.raises_the_chosen, "verified", witness=DISPLACED),
        ],
        chapter="25_preferences",
    )


@loss(predictions=2, chosen=0, rejected=0, ref_chosen=0, ref_rejected=0)
def ipo(chosen, rejected, ref_chosen, ref_rejected, *, beta=0.1):
    """Identity preference optimisation: (Δ - 1/(2β))², with Δ as in `dpo`: the margin has a goal, and no more is asked for.

    `beta` > 0. Convention: sums over the tokens, as in the paper; some libraries put the mean over the tokens here, which
    makes another loss of it. Source: Azar et al. (2024).

    >>> import numpy as np
    >>> float(ipo(np.array([-10.0]), np.array([-12.0]), np.array([-11.0]), np.array([-11.0])).round(6))
    9.0
    """
    in_range(beta=beta, low=0)
    return (_gain(chosen, rejected, ref_chosen, ref_rejected) - 0.5 / beta) ** 2


@gradient_of(ipo)
def ipo_gradient(chosen, rejected, ref_chosen, ref_rejected, *, beta=0.1):
    slope = 2 * (_gain(chosen, rejected, ref_chosen, ref_rejected) - 0.5 / beta)
    return slope, -slope


@describes(ipo)
def _():
    from . import check
    from ._card import card
    from ._symbols import beta, log_l, log_w, ref_l, ref_w, y, y_hat

    gain = (log_w - ref_w) - (log_l - ref_l)
    goal = 1 / (2 * beta)
    reached = {log_w: log_l + ref_w - ref_l + goal}
    square = card("squared_error").formula
    return Card(
        ipo,
        symbols=_pair_symbols(log_w, log_l, ref_w, ref_l) | {"beta": beta},
        domain=PAIR | {"beta": "(0, inf)"},
        formula=(gain - goal) ** 2,
        gradient=ipo_gradient,
        gradient_formula=(2 * (gain - goal), -2 * (gain - goal)),
        convention="log-probabilities summed over tokens; TRL (source of July 2026) divides them by the length first",
        reference="azar2024",
        twins=[Twin("torch.nn.functional.mse_loss", _ipo_torch, note="of Δ and 1/(2β)")],
        claims=[
            says(
                check.identity,
                "proved",
                expression=square.subs({y_hat: gain, y: goal}, simultaneous=True),
                name="the squared error of the margin Δ with the target 1/(2β)",
            ),
            says(check.gradient_identity, "proved", expression=0, where=reached, name="0 at the margin 1/(2β)"),
            says(
                check.identity, "proved", expression=0, where=reached, name="0 there: certain preferences have a finite optimum"
            ),
            says(check.convex, "proved", name="both log-probabilities"),
            says(
                check.gradient_identity,
                "proved",
                expression=-2 * (gain - goal),
                wrt=1,
                name="for the rejected answer the opposite of that for the chosen one: they sum to 0",
            ),
            says(check.best_margin, "proved", margin=(2 * check.ETA - 1) / (2 * beta)),
            says(check.raises_the_chosen, "searched", where=" where every answer has a logit of its own"),
            denies(check.raises_the_chosen, "verified", witness=DISPLACED),
        ],
        chapter="25_preferences",
    )


@loss(log_ratio=0, desirable=0)
def kto(log_ratio, desirable, *, beta=0.1, kl=0.0):
    """Kahneman-Tversky optimisation: σ(β (z₀ - u)) for a desirable answer, σ(β (u - z₀)) for an undesirable one.

    u = log π - log π₀ of one answer, `desirable` 1 or 0. z₀ = max(0, `kl`) is held constant: an estimate of KL(π, π₀), as a
    rule the mean of u over prompts with answers that belong to other prompts, which one example alone does not have.
    The weights λ of the two kinds of answers are given as `weight`. Source: Ethayarajh et al. (2024).

    >>> import numpy as np
    >>> kto(np.array([0.0, 10.0]), np.array([1, 0]), reduction="none").round(6).tolist()
    [0.5, 0.731059]
    """
    ahead = beta * _ahead(log_ratio, desirable, beta, kl)
    return desirable * sigmoid(-ahead) + (1 - desirable) * sigmoid(ahead)


@gradient_of(kto)
def kto_gradient(log_ratio, desirable, *, beta=0.1, kl=0.0):
    ahead = beta * _ahead(log_ratio, desirable, beta, kl)
    return beta * (1 - 2 * desirable) * sigmoid(ahead) * sigmoid(-ahead)


@describes(kto)
def _():
    from sympy import Max, Rational

    from . import check
    from ._symbols import beta, sigmoid, u, y, z_0

    ahead = beta * (u - Max(0, z_0))
    return Card(
        kto,
        symbols={"log_ratio": u, "desirable": y, "beta": beta, "kl": z_0},
        domain={"log_ratio": "R", "desirable": "{0, 1}", "beta": "(0, inf)", "kl": "R"},
        formula=y * sigmoid(-ahead) + (1 - y) * sigmoid(ahead),
        gradient=kto_gradient,
        gradient_formula=beta * (1 - 2 * y) * sigmoid(ahead) * sigmoid(-ahead),
        link="sigmoid",
        convention="z₀ = max(0, kl), held constant; λ = 1 for both kinds, else by weight",
        reference="ethayarajh2024",
        claims=[
            says(check.ranges, "searched", low=0, high=1),
            denies(check.convex, "proved", name="the log-ratio", witness=CONCAVE),
            says(check.identity, "proved", expression=Rational(1, 2), where={u: 0, z_0: 0}, name="½ at the start, π = π₀"),
            says(check.lipschitz, "searched", bound=beta / 4),
            says(check.redescending, "verified"),
            says(
                check.identity,
                "proved",
                expression=y * sigmoid(-beta * u) + (1 - y) * sigmoid(beta * u),
                where={z_0: -(z_0**2)},
                name="what it is with kl = 0 for every negative estimate",
            ),
        ],
        chapter="25_preferences",
    )


@loss(predictions=2, chosen=0, rejected=0)
def simpo(chosen, rejected, *, beta=2.0, margin=1.0):
    """Simple preference optimisation: -log σ(β (log π(chosen) - log π(rejected)) - m), without a reference model.

    Both log-probabilities are the *mean* over the tokens of an answer. `beta` > 0; the margin m ≥ 0 is not multiplied by β
    (the paper's γ; where a library takes γ/β, that is m/β). Source: Meng, Xia and Chen (2024).

    >>> import numpy as np
    >>> float(simpo(np.array([-0.5]), np.array([-1.0])).round(6))
    0.693147
    """
    in_range(beta=beta, low=0)
    in_range(margin=margin, low=0, closed="[")
    return softplus(margin - beta * (chosen - rejected))


@gradient_of(simpo)
def simpo_gradient(chosen, rejected, *, beta=2.0, margin=1.0):
    pull = beta * sigmoid(margin - beta * (chosen - rejected))
    return -pull, pull


@describes(simpo)
def _():
    from sympy import sqrt

    from . import check
    from ._card import card
    from ._symbols import beta, d, log_l, log_w, ref_l, ref_w, sigmoid, softplus, z1, z2

    pairwise, behind = card("pairwise_logistic").formula, d - beta * (log_w - log_l)
    return Card(
        simpo,
        symbols={"chosen": log_w, "rejected": log_l, "beta": beta, "margin": d},
        domain=MEANS | {"beta": "(0, inf)", "margin": "[0, inf)"},
        formula=softplus(behind),
        gradient=simpo_gradient,
        gradient_formula=(-beta * sigmoid(behind), beta * sigmoid(behind)),
        link="softmax over the answers",
        convention="mean log-probabilities; the margin is not multiplied by β (TRL, source of July 2026, divides its γ by β)",
        reference="meng2024",
        twins=[Twin("torch.nn.functional.logsigmoid", _simpo_torch, note="negative, of β Δ - m", reductions=("none",))],
        claims=[
            says(
                check.identity,
                "proved",
                expression=pairwise.subs({z1: beta * log_w, z2: beta * log_l + d}, simultaneous=True),
                name="the pairwise logistic loss of the rewards β log π, with m given to the rejected answer",
            ),
            says(
                check.identity,
                "proved",
                expression=card("dpo").formula.subs(ref_w, ref_l),
                where={d: 0},
                name="DPO with a reference that gives both answers the same probability, at m = 0",
            ),
            says(
                check.gradient_identity,
                "proved",
                expression=beta * sigmoid(behind),
                wrt=1,
                name="for the rejected answer the opposite of that for the chosen one: they sum to 0",
            ),
            says(check.convex, "proved", name="both log-probabilities"),
            says(check.lipschitz, "searched", bound=sqrt(2) * beta, wrt=None, of=" in both"),
            says(check.ranges, "searched", low=0, high="∞"),
            says(check.raises_the_chosen, "searched", where=" where every answer has a logit of its own"),
            denies(check.raises_the_chosen, "verified", witness=DISPLACED),
        ],
        chapter="25_preferences",
    )


@loss(predictions=2, chosen=0, rejected=0)
def orpo(chosen, rejected, *, weight_odds=0.1):
    """Odds-ratio preference optimisation: -log p_w + λ log(1 + odds_l / odds_w), odds = p / (1 - p), without a reference.

    log p is the *mean* log-probability of the tokens of an answer, at most 0 (else ValueError); λ = `weight_odds` ≥ 0.
    The value and both gradients stay finite as p_w goes to 1, and at p_w = 1. Source: Hong, Lee and Thorne (2024).

    >>> import numpy as np
    >>> float(orpo(np.log([0.5]), np.log([0.5])).round(6))  # log 2 + 0.1 log 2
    0.762462
    """
    in_range(weight_odds=weight_odds, low=0, closed="[")
    chosen, rejected = _log_probabilities(chosen, rejected)
    return weight_odds * _odds_cost(chosen, rejected) - chosen


@gradient_of(orpo)
def orpo_gradient(chosen, rejected, *, weight_odds=0.1):
    chosen, rejected = _log_probabilities(chosen, rejected)
    above = rejected - _log1mexp(rejected) - chosen
    behind = above + _log1mexp(chosen)
    pull, worse = sigmoid(behind), behind > 0
    of_chosen = where(worse, pull / where(worse, -expm1(chosen), 1.0), sigmoid(-behind) * exp(where(worse, 0.0, above)))
    return -1 - weight_odds * of_chosen, weight_odds * pull / -expm1(rejected)


@describes(orpo)
def _():
    from sympy import Symbol, exp, log

    from . import check
    from ._symbols import lamda, log_l, log_w, sigmoid, softplus

    p, q = (Symbol(name, positive=True) for name in "pq")  # p / (1 + p) runs from 0 to 1
    behind = log_l - log(1 - exp(log_l)) - log_w + log(1 - exp(log_w))
    pull = lamda * sigmoid(behind)
    return Card(
        orpo,
        symbols={"chosen": log_w, "rejected": log_l, "weight_odds": lamda},
        domain={"chosen": "(-inf, 0)", "rejected": "(-inf, 0)", "weight_odds": "[0, inf)"},
        formula=lamda * softplus(behind) - log_w,
        gradient=orpo_gradient,
        gradient_formula=(-1 - pull / (1 - exp(log_w)), pull / (1 - exp(log_l))),
        convention="mean log-probabilities; the first term is that of the chosen answer alone, λ multiplies the second",
        reference="hong2024",
        claims=[
            says(
                check.identity,
                "verified",
                expression=-log(p / (1 + p)) + lamda * log(1 + q / p),
                where={log_w: log(p / (1 + p)), log_l: log(q / (1 + q))},
                name="-log p_w + λ log(1 + odds_l / odds_w)",
            ),
            says(check.bounded_below, "searched", bound=0),
            denies(
                check.convex,
                "proved",
                name="both log-probabilities",
                witness={
                    "between": ({"chosen": -1.0, "rejected": -0.025}, {"chosen": -0.0015, "rejected": -0.0033}),
                    "params": {"weight_odds": 2.0},
                },
            ),
            says(check.raises_the_chosen, "searched", where=" where every answer has a logit of its own"),
            says(check.raises_the_chosen, "searched", where=" also where DPO makes it less likely", model=DISPLACED),
            says(check.identity, "proved", expression=-log_w, where={lamda: 0}, name="-log p_w at λ = 0: plain fine-tuning"),
        ],
        chapter="25_preferences",
    )


PAIR = dict.fromkeys(("chosen", "rejected", "ref_chosen", "ref_rejected"), "log of a probability")
MEANS = dict.fromkeys(("chosen", "rejected"), "log of a probability")

# Where an answer is far from the reference, a step towards it pays less and less.
CONCAVE = {"between": (-40.0, 0.0), "desirable": 1.0, "params": {"beta": 0.1, "kl": 0.0}}

# Three answers with logits ⟨answer, state⟩, of which only the state is trained: the third answer takes all the probability,
# because it lies further along the difference of the first (chosen) and the second (rejected) than the first does.
DISPLACED = {"answers": [[1.0, 0.0], [1.0, -0.5], [0.0, 5.0]], "state": [1.0, 0.0]}


def _pair_symbols(*symbols):
    return dict(zip(PAIR, symbols, strict=True))


def _gain(chosen, rejected, ref_chosen, ref_rejected):
    """How much more than the reference the model prefers the chosen answer.

    Long answers have log-probabilities of hundreds that nearly cancel: what rounding takes from each difference is put back.
    """
    one, lost_of_one = _minus(chosen, ref_chosen)
    other, lost_of_other = _minus(rejected, ref_rejected)
    gain, lost = _minus(one, other)
    return gain + (lost + (lost_of_one - lost_of_other))


def _minus(a, b):
    """a - b as it is rounded, and the rest that rounding takes (Knuth); 0 where the difference is infinite."""
    difference = a - b
    taken = a - difference
    rest = (a - (difference + taken)) - (b - taken)
    return difference, where(rest == rest, rest, 0.0)


def _ahead(log_ratio, desirable, beta, kl):
    """u - z₀, with a z₀ that is not negative and receives no gradient."""
    in_range(beta=beta, low=0)
    in_range(kl=kl)
    zero_or_one(desirable=desirable)
    return log_ratio - positive_part(namespace(log_ratio).zeros_like(log_ratio) + stop_gradient(kl))


def _log_probabilities(chosen, rejected):
    removed = (chosen == 1) & (rejected == 1)  # what an example of weight 0 holds by now
    require(chosen, ~(chosen > 0) | removed, "chosen must be <= 0, the mean log of a probability")
    require(rejected, ~(rejected > 0) | removed, "rejected must be <= 0, the mean log of a probability")
    return where(removed, -1.0, chosen), where(removed, -1.0, rejected)


def _odds_cost(chosen, rejected):
    """log(1 + odds_l / odds_w). Where the chosen answer is ahead, 1 - p_w is a factor and not a logarithm: it may be 0."""
    above = rejected - _log1mexp(rejected) - chosen
    worse = above + _log1mexp(chosen) > 0
    behind = softplus(where(worse, above, 0.0) + _log1mexp(where(worse, chosen, -1.0)))
    ahead = log1p(exp(where(worse, 0.0, above)) * -expm1(chosen))
    return where(worse, behind, ahead)


def _log1mexp(x):
    """log(1 - e^x) for x < 0, to rounding beside x itself, with which it is added here."""
    return log(-expm1(x))


# --- twins ----------------------------------------------------------------------------------------------------------------


def _dpo_torch(chosen, rejected, ref_chosen, ref_rejected, *, reduction, beta):
    import torch.nn.functional

    return -torch.nn.functional.logsigmoid(beta * (chosen - rejected - (ref_chosen - ref_rejected)))


def _ipo_torch(chosen, rejected, ref_chosen, ref_rejected, *, reduction, beta):
    import torch.nn.functional

    gain = chosen - rejected - (ref_chosen - ref_rejected)
    return torch.nn.functional.mse_loss(gain, torch.full_like(gain, 1 / (2 * beta)), reduction=reduction)


def _simpo_torch(chosen, rejected, *, reduction, beta, margin):
    import torch.nn.functional

    return -torch.nn.functional.logsigmoid(beta * (chosen - rejected - margin / beta))
