"""Self-supervised losses without negatives: two views of the same examples shall have the same embedding.

A constant embedding would do that, too: the collapse. `barlow_twins` and `vicreg` look at a batch of N rows and D columns, and
charge for columns that do not vary or that repeat each other. `byol` looks at each row alone, and a collapse costs it nothing.
"""

from ._card import Card, Twin, denies, describes, says
from ._loss import gradient_of, in_range, loss, require
from ._xp import absolute, namespace, positive_part, sqrt, step, stop_gradient, sum_classes, unit, where, without_autocast


@loss(predictions=2, z1=2, z2=2)
def barlow_twins(z1, z2, *, redundancy=0.005):
    """Barlow Twins: Σ_i (1 - C_ii)² + λ Σ_{i≠j} C_ij², where C_ij is the correlation of column i of z1 with column j of z2.

    z1, z2: (..., N, D), two views of N ≥ 2 examples, else ValueError; the value is (...), one number for a batch (N, D).
    `redundancy` = λ ≥ 0. Only correlations count, so the standard deviation may be that of the population or of the sample.
    Convention: the correlation with a constant column is 0, and such a column receives gradient 0; the authors' code has a small
    number in the denominator instead. Source: Zbontar, Jing, Misra, LeCun and Deny (2021).

    >>> import numpy as np
    >>> z1, z2 = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 2.0], [3.0, 5.0]])
    >>> float(barlow_twins(z1, z2, redundancy=0.5).round(6))  # C = [[-1, -1], [1, 1]]
    5.0
    """
    in_range(redundancy=redundancy, low=0, closed="[")
    missing, others = _correlations(_standardised(z1), _standardised(z2))
    return sum_classes(missing**2) + redundancy * sum_classes(sum_classes(others**2))


@gradient_of(barlow_twins)
def barlow_twins_gradient(z1, z2, *, redundancy=0.005):
    u, v = _standardised(z1), _standardised(z2)
    missing, others = _correlations(u, v)
    with without_autocast(z1):
        pull_u = redundancy * v @ _transposed(others) - missing[..., None, :] * v
        pull_v = redundancy * u @ others - missing[..., None, :] * u
    return _through_standardised(2 * pull_u, z1, u), _through_standardised(2 * pull_v, z2, v)


@describes(barlow_twins)
def _():
    from . import check
    from ._symbols import U, V, lamda

    return Card(
        barlow_twins,
        symbols={"z1": U, "z2": V, "redundancy": lamda},
        domain={"z1": "R^(N x D)", "z2": "R^(N x D)", "redundancy": "[0, inf)"},
        oracle=_barlow_oracle,
        gradient=barlow_twins_gradient,
        convention="sums over the entries of C; correlation 0 and gradient 0 for a constant column",
        reference="zbontar2021",
        twins=[
            Twin(
                "torch.corrcoef",
                _barlow_torch,
                note="the formula on its correlations",
                reductions=("none",),
            )
        ],
        claims=[
            says(
                check.unchanged,
                "verified",
                when="each column of each batch is multiplied by its own positive number and shifted by its own constant",
                change=check.rescale_columns,
            ),
            says(check.unchanged, "verified", when="the two views trade places", change=lambda rng, a, b: (b, a)),
            says(
                check.unchanged, "verified", when="the examples of both views are listed in another order", change=check.reorder
            ),
            says(check.at_collapse, "verified", value="D"),
            says(check.costs_nothing, "verified", where="equal batches whose columns are uncorrelated", length=1.0),
            denies(check.costs_nothing, "verified", where="equal batches whose columns are the same", witness=[[1, 1], [-1, -1]]),
        ],
        terms=1.0,  # correlations, which may be 0
        chapter="18_contrastive",
    )


@loss(predictions=2, z1=2, z2=2)
def vicreg(z1, z2, *, invariance=25.0, variance=25.0, covariance=1.0):
    """VICReg: λ mean (z1 - z2)² + μ ½[v(z1) + v(z2)] + ν [c(z1) + c(z2)], with the weights λ, μ, ν ≥ 0 in the order of the names.

    z1, z2: (..., N, D), two views of N ≥ 2 examples, else ValueError; the value is (...), one number for a batch (N, D).
    v = mean over the columns of (1 - √(Var + 0.0001))₊ and c = 1/D Σ_{i≠j} Cov_ij², both with N - 1. Unit: 1, for embeddings
    whose standard deviation is meant to be 1.
    Convention: the scaling of the authors' code, with which 25, 25, 1 were chosen. The paper prints λ' mean_n ‖z1 - z2‖² and
    μ' [v + v]: for it, pass invariance = D λ' and variance = 2 μ'. Source: Bardes, Ponce and LeCun (2022).

    >>> import numpy as np
    >>> z = np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    >>> float(vicreg(z, z)), float(vicreg(z, z + 2.0)), round(float(vicreg(0 * z, 0 * z)), 6)
    (0.0, 100.0, 24.75)
    """
    in_range(invariance=invariance, variance=variance, covariance=covariance, low=0, closed="[")
    value = invariance * _mean(sum_classes((z1 - z2) ** 2) / z1.shape[-1])
    for z in (z1, z2):
        x = _centred(z)
        value = value + variance * _mean(positive_part(1 - _deviation(x))) / 2
        value = value + covariance * sum_classes(sum_classes(_off_diagonal(_covariance(x)) ** 2)) / z.shape[-1]
    return value


@gradient_of(vicreg)
def vicreg_gradient(z1, z2, *, invariance=25.0, variance=25.0, covariance=1.0):
    rows, columns = z1.shape[-2:]
    slopes = []
    for z, difference in ((z1, z1 - z2), (z2, z2 - z1)):
        x = _centred(z)
        deviation = _deviation(x)
        spread = (step(1 - deviation) / deviation)[..., None, :] * x
        with without_autocast(z):
            repeated = x @ _off_diagonal(_covariance(x))
        inner = (4 * covariance * repeated - variance / 2 * spread) / (columns * (rows - 1))
        slopes.append(2 * invariance * difference / (rows * columns) + inner)
    return tuple(slopes)


@describes(vicreg)
def _():
    from . import check
    from ._symbols import U, V, lamda, mu, nu

    weights = ["invariance", "variance", "covariance"]
    return Card(
        vicreg,
        symbols={"z1": U, "z2": V, "invariance": lamda, "variance": mu, "covariance": nu},
        domain={"z1": "R^(N x D)", "z2": "R^(N x D)", **dict.fromkeys(weights, "[0, inf)")},
        oracle=_vicreg_oracle,
        gradient=vicreg_gradient,
        convention="mean of squares over rows and columns, mean of the two variance terms; N - 1; slope 0 at the kink",
        reference="bardes2022",
        twins=[
            Twin(
                "pytorch_metric_learning.losses.VICRegLoss",
                _vicreg_pml,
                reductions=("none",),
                at={"invariance": 25.0, "variance": 25.0, "covariance": 1.0},
                tensors=True,
            ),
            Twin(
                "torch.cov",
                _vicreg_torch,
                note="the formula of the paper on its covariances, with the weights invariance / D and variance / 2",
                reductions=("none",),
                at={"invariance": 25.0, "variance": 10.0, "covariance": 2.0},
            ),
        ],
        claims=[
            says(check.at_collapse, "verified", value="variance*(1 - 1/100)"),
            says(check.unchanged, "verified", when="the two views trade places", change=lambda rng, a, b: (b, a)),
            says(
                check.unchanged, "verified", when="the examples of both views are listed in another order", change=check.reorder
            ),
            says(check.unchanged, "verified", when="one vector is added to all rows of both batches", change=check.shift_rows),
            says(check.shift_of_one, "verified", cost="invariance*s/D"),
            says(
                check.costs_nothing,
                "verified",
                where="equal batches whose columns are uncorrelated and have a variance of 1 or more",
                length=1.5,
            ),
            denies(
                check.costs_nothing,
                "verified",
                where="equal batches whose columns are uncorrelated, whatever their variance",
                witness=[[0.5, 0.5], [-0.5, 0.5], [0.5, -0.5], [-0.5, -0.5]],
            ),
        ],
        terms=1.0,  # 1 - √Var and covariances, which may be 0
        chapter="18_contrastive",
    )


@loss(prediction=1, target=1)
def byol(prediction, target):
    """BYOL: 2 - 2 cos(prediction, target) = ‖u - v‖² for the unit vectors u, v of the two. The target receives no gradient.

    prediction, target: (..., D) -> (...), a pure number from 0 to 4. A zero vector has no direction: ValueError. For the
    symmetric loss add both directions, each with its own prediction. The least value, 0, is also reached where all embeddings are
    the same: it is not this value that prevents a collapse. Source: Grill et al. (2020); Chen and He (2021).

    >>> import numpy as np
    >>> byol(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[3.0, 0.0], [0.0, 2.0]]), reduction="none").tolist()
    [0.0, 2.0]
    """
    for name, array in (("prediction", prediction), ("target", target)):
        longest = namespace(array).max(absolute(array), axis=-1)
        require(longest, longest != 0, f"the longest entry of {name} must not be 0: a zero vector has no direction")
    return sum_classes((unit(prediction) - unit(target)) ** 2)  # without 1 - cos, which cancels for nearly equal directions


@gradient_of(byol)
def byol_gradient(prediction, target):
    u, v = unit(prediction), unit(target)
    value = sum_classes((u - v) ** 2)[..., None]
    return (2 * (u - v) - value * u) / sum_classes(prediction * u)[..., None]


@describes(byol)
def _():
    from sympy import Sum, sqrt

    from . import check
    from ._symbols import K, Y, Y_hat, j, k

    def length(x):
        return sqrt(Sum(x[k] ** 2, (k, 1, K)))

    dot, a, b = Sum(Y_hat[k] * Y[k], (k, 1, K)), length(Y_hat), length(Y)
    return Card(
        byol,
        symbols={"prediction": Y_hat, "target": Y},
        domain={"prediction": "R^K without 0", "target": "R^K without 0"},
        formula=2 - 2 * dot / (a * b),
        gradient=byol_gradient,
        gradient_formula=2 * dot * Y_hat[j] / (a**3 * b) - 2 * Y[j] / (a * b),
        convention="the target is held constant; one direction",
        reference="grill2020",
        twins=[
            Twin("torch.nn.functional.cosine_similarity", _byol_torch, note="2 - 2 times it", reductions=("none",)),
            Twin("optax.cosine_distance", _byol_optax, factor=2, reductions=("none",)),
        ],
        claims=[
            says(check.collapsed, "verified", value="0"),
            says(check.ranges, "searched", low=0, high=4, name=": a collapse is a global minimum"),
            says(
                check.coincides,
                "verified",
                name="the squared Euclidean distance of the two unit vectors",
                other=_between_unit_vectors,
                where=lambda rng: rng.standard_normal((2, 40, 4)),
            ),
            says(check.scale_invariant, "verified"),
            says(check.gradient_is_perpendicular, "verified"),
            denies(
                check.differentiates_both, "verified", witness={"views": [[1.0, 0.0], [1.0, 2.0]], "encoder": [[1, 0], [1, 1]]}
            ),
        ],
        chapter="18_contrastive",
    )


# --- columns of a batch ---------------------------------------------------------------------------------------------------


def _centred(z):
    """Each column less its mean. The first row is taken off before: a constant column becomes exactly 0, whatever its size."""
    if z.shape[-2] < 2:
        raise ValueError(f"a batch must have at least two rows, which vary or do not, got shape {tuple(z.shape)}")
    shifted = z - stop_gradient(z[..., :1, :])
    return shifted - namespace(z).mean(shifted, axis=-2, keepdims=True)


def _standardised(z):
    """The centred columns divided by their Euclidean lengths; 0, with slope 0, where a column is constant."""
    xp, x = namespace(z), _centred(z)
    largest = stop_gradient(xp.max(absolute(x), axis=-2, keepdims=True))  # divided out so that no square overflows
    varies = largest != 0
    x = x / where(varies, largest, 1.0)
    return where(varies, x / sqrt(where(varies, xp.sum(x**2, axis=-2, keepdims=True), 1.0)), 0.0)


def _through_standardised(pull, z, u):
    """The gradient with respect to z from that with respect to u = _standardised(z)."""
    xp = namespace(z)
    length = xp.sum(_centred(z) * u, axis=-2, keepdims=True)
    turned = pull - xp.sum(pull * u, axis=-2, keepdims=True) * u
    return where(length == 0, 0.0, turned / where(length == 0, 1.0, length))


def _correlations(u, v):
    """1 - C_ii, as half the squared distance of the two columns so that nothing cancels, and C without its diagonal."""
    xp = namespace(u)
    constant = sum(xp.astype(xp.all(x == 0, axis=-2), u.dtype) for x in (u, v))  # a column 0 lacks its length 1
    missing = (xp.sum((u - v) ** 2, axis=-2) + constant) / 2
    with without_autocast(u):
        return missing, _off_diagonal(_transposed(u) @ v)


def _covariance(x):
    """The covariances of the columns of a centred batch, with N - 1."""
    with without_autocast(x):
        return _transposed(x) @ x / (x.shape[-2] - 1)


def _deviation(x):
    """√(Var + 0.0001): the small number is part of the definition, and gives a constant column a slope, which is 0."""
    return sqrt(namespace(x).sum(x**2, axis=-2) / (x.shape[-2] - 1) + 1e-4)


def _off_diagonal(matrix):
    xp = namespace(matrix)
    index = xp.arange(matrix.shape[-1], device=matrix.device)
    return where(index[:, None] == index, 0.0, matrix)


def _transposed(matrix):
    return namespace(matrix).matrix_transpose(matrix)


def _mean(x):
    return namespace(x).mean(x, axis=-1)


# --- definitions, in mpmath -----------------------------------------------------------------------------------------------


def _moment(x, y):
    """The mean of (x - mean x) (y - mean y)."""
    import mpmath

    mean_x, mean_y = mpmath.fsum(x) / len(x), mpmath.fsum(y) / len(y)
    return mpmath.fsum((a - mean_x) * (b - mean_y) for a, b in zip(x, y)) / len(x)


def _barlow_oracle(z1, z2, *, redundancy):
    """Σ_i (1 - C_ii)² + λ Σ_{i≠j} C_ij², where C_ij is the correlation of column i of the first batch with column j of the
    second, cov(x, y) / √(var(x) var(y)), and 0 where one of the two columns is constant."""
    import mpmath

    value = mpmath.mpf(0)
    for i, x in enumerate(zip(*z1)):
        for j, y in enumerate(zip(*z2)):
            constant = len(set(x)) == 1 or len(set(y)) == 1
            c = mpmath.mpf(0) if constant else _moment(x, y) / mpmath.sqrt(_moment(x, x) * _moment(y, y))
            value += (1 - c) ** 2 if i == j else redundancy * c**2
    return value


def _vicreg_oracle(z1, z2, *, invariance, variance, covariance):
    """λ times the mean of (z1 - z2)² over rows and columns, plus, for each batch, μ/2 times the mean over the columns of
    max(0, 1 - √(Var + 1/10000)) and ν/D times the sum of the squares of all covariances of two different columns."""
    import mpmath

    n, d = len(z1), len(z1[0])
    value = invariance * mpmath.fsum((z1[b][i] - z2[b][i]) ** 2 for b in range(n) for i in range(d)) / (n * d)
    for z in (z1, z2):
        for i, x in enumerate(zip(*z)):
            for j, y in enumerate(zip(*z)):
                moment = _moment(x, y) * n / (n - 1)
                if i == j:
                    value += variance * max(mpmath.mpf(0), 1 - mpmath.sqrt(moment + mpmath.mpf(1e-4))) / (2 * d)
                else:
                    value += covariance * moment**2 / d
    return value


# --- the same by other means ----------------------------------------------------------------------------------------------


def _between_unit_vectors(prediction, target):
    import numpy as np

    u, v = (x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (prediction, target))
    return np.linalg.norm(u - v, axis=-1) ** 2


def _barlow_torch(z1, z2, *, reduction, redundancy):
    import torch

    values = []
    for a, b in zip(z1, z2):
        c = torch.corrcoef(torch.cat([a, b], dim=1).T)[: a.shape[1], a.shape[1] :]
        values.append((1 - c.diagonal()).square().sum() + redundancy * (c.square().sum() - c.diagonal().square().sum()))
    return torch.stack(values)


def _vicreg_pml(z1, z2, *, reduction, invariance, variance, covariance):
    import torch
    from pytorch_metric_learning import losses

    theirs = losses.VICRegLoss(invariance, variance, covariance, eps=1e-4)
    return torch.stack([theirs(a, ref_emb=b) for a, b in zip(z1, z2)])


def _vicreg_torch(z1, z2, *, reduction, invariance, variance, covariance):
    import torch

    values = []
    for a, b in zip(z1, z2):
        value = invariance / a.shape[1] * (a - b).square().sum(1).mean()
        for z in (a, b):
            cov = torch.cov(z.T)
            hinge = torch.relu(1 - (cov.diagonal() + 1e-4).sqrt()).mean()
            value = value + variance / 2 * hinge + covariance / a.shape[1] * (cov - cov.diagonal().diag()).square().sum()
        values.append(value)
    return torch.stack(values)


def _byol_torch(prediction, target, *, reduction):
    import torch

    return 2 - 2 * torch.nn.functional.cosine_similarity(prediction, target, dim=-1)


def _byol_optax(prediction, target, *, reduction):
    import jax
    import numpy as np
    import optax

    with jax.enable_x64(True):
        return np.asarray(optax.cosine_distance(jax.numpy.asarray(prediction), jax.numpy.asarray(target)))
