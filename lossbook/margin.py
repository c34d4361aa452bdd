"""Losses of the margin s·z, where s = 2y - 1 = ±1: they ask for the right side, at a distance, and for no probability.

`logit` z of any shape and `target` y of that shape, 0 or 1 (anything else raises ValueError: labels ±1 are (s + 1) / 2).
``reduction="none"`` has the same shape. Values are pure numbers.
"""

from ._card import Card, Twin, denies, describes, says
from ._loss import gradient_of, loss, zero_or_one
from ._xp import positive_part, step

BINARY = {"logit": "R", "target": "{0, 1}"}


@loss(logit=0, target=0)
def hinge(logit, target):
    """Hinge loss (1 - s z)₊: the loss of support vector machines. At the kink s z = 1 the gradient is 0.

    Decides as the likelier class does, but its optimum is ±1: the probability cannot be read off.
    Source: Cortes and Vapnik (1995).

    >>> import numpy as np
    >>> hinge(np.array([0.25, 3.0, 0.0]), np.array([1.0, 1.0, 0.0]), reduction="none").tolist()
    [0.75, 0.0, 1.0]
    """
    zero_or_one(target=target)
    return positive_part(1 - (2 * target - 1) * logit)


@gradient_of(hinge)
def hinge_gradient(logit, target):
    side = 2 * target - 1
    return -side * step(1 - side * logit)


@describes(hinge)
def _():
    from sympy import Max, Piecewise

    from . import check
    from ._symbols import y, z

    margin = (2 * y - 1) * z
    return Card(
        hinge,
        symbols={"logit": z, "target": y},
        domain=BINARY,
        formula=Max(1 - margin, 0),
        gradient=hinge_gradient,
        gradient_formula=Piecewise((1 - 2 * y, margin < 1), (0, True)),
        convention="targets 0 and 1; gradient 0 at the kink",
        reference="cortes1995",
        twins=[Twin("sklearn.metrics.hinge_loss", _hinge_sklearn, note="with labels ±1", reductions=("mean",))],
        claims=[
            says(check.convex, "searched"),
            says(check.lipschitz, "searched", bound=1),
            says(check.calibrated, "verified"),
            denies(check.proper, "verified", witness=0.8),
            says(check.bounds_mistakes, "searched", factor=1),
            denies(check.smooth, "verified", order=1, witness=-1),
        ],
        chapter="05_the_gradient",
    )


@loss(logit=0, target=0)
def squared_hinge(logit, target):
    """Squared hinge loss (1 - s z)₊²: a hinge without a corner, at the price of an unbounded gradient.

    Its optimum is z = 2η - 1, from which the probability η can be read. Source: Cortes and Vapnik (1995).

    >>> import numpy as np
    >>> squared_hinge(np.array([0.5, 3.0, 1.0]), np.array([1.0, 1.0, 0.0]), reduction="none").tolist()
    [0.25, 0.0, 4.0]
    """
    zero_or_one(target=target)
    return positive_part(1 - (2 * target - 1) * logit) ** 2


@gradient_of(squared_hinge)
def squared_hinge_gradient(logit, target):
    side = 2 * target - 1
    return -2 * side * positive_part(1 - side * logit)


@describes(squared_hinge)
def _():
    from sympy import Max

    from . import check
    from ._symbols import y, z

    margin = (2 * y - 1) * z
    return Card(
        squared_hinge,
        symbols={"logit": z, "target": y},
        domain=BINARY,
        formula=Max(1 - margin, 0) ** 2,
        gradient=squared_hinge_gradient,
        gradient_formula=-2 * (2 * y - 1) * Max(1 - margin, 0),
        convention="targets 0 and 1; no factor ½",
        reference="cortes1995",
        claims=[
            says(check.convex, "searched"),
            says(check.calibrated, "verified"),
            says(check.bounds_mistakes, "searched", factor=1),
            says(check.smooth, "verified", order=1, joints=(-1,)),
            denies(check.smooth, "verified", order=2, witness=-1),
        ],
        chapter="05_the_gradient",
    )


@loss(logit=0, target=0)
def perceptron(logit, target):
    """Perceptron loss (-s z)₊: only mistakes cost. The useless logit z = 0 is optimal for every probability.

    At z = 0 the gradient is 0. Source: Rosenblatt (1958).

    >>> import numpy as np
    >>> perceptron(np.array([0.5, 3.0]), np.array([1.0, 0.0]), reduction="none").tolist()
    [0.0, 3.0]
    """
    zero_or_one(target=target)
    return positive_part(-(2 * target - 1) * logit)


@gradient_of(perceptron)
def perceptron_gradient(logit, target):
    side = 2 * target - 1
    return -side * step(-side * logit)


@describes(perceptron)
def _():
    from sympy import Max, Piecewise

    from . import check
    from ._symbols import y, z

    margin = (2 * y - 1) * z
    return Card(
        perceptron,
        symbols={"logit": z, "target": y},
        domain=BINARY,
        formula=Max(-margin, 0),
        gradient=perceptron_gradient,
        gradient_formula=Piecewise((1 - 2 * y, margin < 0), (0, True)),
        convention="targets 0 and 1; gradient 0 at z = 0",
        reference="rosenblatt1958",
        claims=[
            says(check.convex, "searched"),
            says(check.lipschitz, "searched", bound=1),
            denies(check.calibrated, "verified", witness=0.8),
            denies(check.bounds_mistakes, "searched", factor=1, witness=(0.5, 0.0)),
        ],
        chapter="05_the_gradient",
    )


def _hinge_sklearn(logit, target, *, reduction):
    from sklearn.metrics import hinge_loss

    return hinge_loss(target, logit, labels=[0.0, 1.0])
