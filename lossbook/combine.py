"""Several losses as one: the weighted sum, and weights that are learned.

`losses` (T,), one value per task: an array, a list of numbers, or a list of 0-d tensors; ``reduction="none"`` has the same shape.
The default reduction is the sum: the losses are parts of one objective, not examples.
"""

from ._card import Card, denies, describes, says
from ._loss import gradient_of, loss, require
from ._xp import exp, mul0, where


@loss(default="sum", losses=0, weights=0)
def weighted_sum(losses, weights):
    """Weighted sum Σ w_i L_i of several losses. Default reduction: sum.

    `weights` ≥ 0 receive no gradient. Weight 0 removes a loss, even if it is nan or inf; only ratios of weights move the optimum.
    Source: Boyd and Vandenberghe (2004), scalarization.

    >>> float(weighted_sum([0.5, 2.0, float("nan")], [1.0, 0.25, 0.0]))
    1.0
    """
    require(weights, ~(weights < 0), "weights must be >= 0")
    return mul0(weights, losses)


@gradient_of(weighted_sum)
def weighted_sum_gradient(losses, weights):
    return mul0(weights, where(losses == losses, 1.0, losses))  # nan where a loss that counts is nan


@describes(weighted_sum)
def _():
    from . import check
    from ._symbols import L, w

    return Card(
        weighted_sum,
        symbols={"losses": L, "weights": w},
        domain={"losses": "R", "weights": "[0, inf)"},
        formula=w * L,
        gradient=weighted_sum_gradient,
        gradient_formula=w,
        convention="sum, not mean; the weights are given",
        reference="boyd2004",
        claims=[
            says(check.gradient_identity, "proved", expression=w, name="the weight: what one unit of that loss is worth"),
            says(check.identity, "proved", expression=0, where={w: 0}, name="0 for weight 0"),
            says(check.convex, "proved", name="the losses"),
            says(check.best_is_a_trade_off, "searched"),
            denies(check.reaches_every_trade_off, "proved", witness=[(0.0, 1.0), (0.6, 0.6), (1.0, 0.0)]),
        ],
        chapter="30_several_losses",
    )


@loss(predictions=2, default="sum", losses=0, log_variances=0)
def uncertainty_weighting(losses, log_variances):
    """Uncertainty weighting Σ ½ (L_i e^-v_i + v_i): the weights e^-v_i / 2 are learned along. Default reduction: sum.

    `losses` L ≥ 0, `log_variances` v: both receive gradient. The best v is log L, where the value is Σ ½ (1 + log L): in the end
    the geometric mean of the losses is minimised. So it has no lower bound as a loss falls to 0, and none for a negative loss,
    such as a log density, which is accepted but makes no sense.
    Source: Kendall, Gal and Cipolla (2018).

    >>> float(uncertainty_weighting([1.0, 4.0], [0.0, 0.0]))
    2.5
    """
    half = exp(-log_variances / 2)  # applied twice: e^-v alone can overflow where L e^-v does not
    return (half * losses * half + log_variances) / 2


@gradient_of(uncertainty_weighting)
def uncertainty_weighting_gradient(losses, log_variances):
    half = exp(-log_variances / 2)
    return half * where(losses == losses, half, losses) / 2, (1 - half * losses * half) / 2


@describes(uncertainty_weighting)
def _():
    from sympy import Symbol, exp, log, pi

    from . import check
    from ._card import card
    from ._symbols import L, v

    gaussian = card("gaussian_nll")
    positive = Symbol("L", positive=True)
    return Card(
        uncertainty_weighting,
        symbols={"losses": L, "log_variances": v},
        domain={"losses": "[0, inf)", "log_variances": "log of a scale"},
        formula=(L * exp(-v) + v) / 2,
        gradient=uncertainty_weighting_gradient,
        gradient_formula=(exp(-v) / 2, (1 - L * exp(-v)) / 2),
        convention="½ (L e^-v + v) with the log-variance v; other forms drop the ½ of the second term",
        reference="kendall2018",
        terms=1.0,
        claims=[
            says(check.gradient_identity, "proved", expression=0, where={v: log(L)}, wrt=1, name="0 in v at v = log L"),
            says(check.convex_in, "proved", where={L: positive}, coordinates=[v], name="v for a positive loss"),
            says(
                check.identity,
                "proved",
                expression=(1 + log(L)) / 2,
                where={v: log(L)},
                name="(1 + log L)/2 at the best v: their sum is minimal where the product of the losses is",
            ),
            says(
                check.identity,
                "proved",
                expression=gaussian.formula - log(2 * pi) / 2,
                where={L: (gaussian.prediction - gaussian.target) ** 2},
                name="the Gaussian negative log-likelihood without its constant, for L the squared error",
            ),
            denies(
                check.bounded_below,
                "verified",
                witness={"losses": "exp(-t)", "log_variances": "-t"},
                along="with v = log L as the loss L goes to 0",
            ),
            denies(
                check.bounded_below,
                "verified",
                witness={"losses": "-1", "log_variances": "-log(1 + t)"},
                along="for the negative loss L = -1, as v goes to -∞",
            ),
            denies(
                check.convex,
                "proved",
                name="loss and log-variance together",
                witness={"between": ({"losses": 0.0, "log_variances": 0.0}, {"losses": 4.0, "log_variances": 2.0})},
            ),
        ],
        chapter="30_several_losses",
    )
