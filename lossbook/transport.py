"""Transport distances: how far the mass of one sample must be moved to become the other.

Samples of any two sizes, each point with the same weight: `x` (..., n) and `y` (..., m) on the line, (..., n, D) and
(..., m, D) in space. Both receive gradient. ``reduction="none"`` has the shape (...). All values are powers: the mean of
‖x - y‖^power over the mass that is moved, without a root at the end.
"""

import math

from ._card import Card, Twin, denies, describes, says
from ._loss import Sample, gradient_of, in_range, loss, require, same_library
from ._xp import absolute, exp, expm1, log1p, mul0, namespace, sign, stop_gradient, sum_classes, unit, values_readable, where
from .scoring import _length, _sorted, _towards

MOST_STEPS = 10_000


@loss(predictions=2, x=Sample(1), y=Sample(1))
def wasserstein_1d(x, y, *, power=1):
    """Wasserstein distance on the line to its power, W_p^p = ∫ |F⁻¹(u) - G⁻¹(u)|^p du, exact for samples of any two sizes.

    `x` (..., n), `y` (..., m); the value has the shape (...) and the unit of the data to the `power` p ≥ 1: the least mean cost
    |x - y|^p of moving one sample onto the other, by sorting both, in O((n + m) log(n + m)). For p > 1 it is not a metric, but
    its p-th root is. Tied points share their slopes; at x = y the slope is 0. Source: Villani (2009).

    >>> import numpy as np
    >>> float(wasserstein_1d(np.array([0.0, 3.0]), np.array([1.0, 1.0, 7.0])).round(6))
    2.166667
    """
    in_range(low=1.0, closed="[", power=power)
    return _moved_on_a_line(x, y, power)


@gradient_of(wasserstein_1d)
def wasserstein_1d_gradient(x, y, *, power=1):
    return _slopes_on_a_line(x, y, power)


@describes(wasserstein_1d)
def _():
    from sympy import Symbol

    from . import check
    from ._symbols import X, Y

    first = {"power": 1.0}
    return Card(
        wasserstein_1d,
        symbols={"x": X, "y": Y, "power": Symbol("power")},
        domain={"x": "n numbers", "y": "m numbers", "power": "[1, inf)"},
        oracle=_line_oracle,
        gradient=wasserstein_1d_gradient,
        convention="W_p^p, without the p-th root; all points of a sample weigh the same",
        reference="villani2009",
        twins=[
            Twin("scipy.stats.wasserstein_distance", _line_scipy, at=first, reductions=("none",)),
            Twin("ot.wasserstein_1d", _line_pot, note="W_p^p", reductions=("none",)),
        ],
        claims=[
            says(check.zero_only_where_equal, "searched"),
            says(check.metric, "searched", root=1, params=first),
            says(check.metric, "searched", root=2, params={"power": 2.0}),
            denies(check.metric, "proved", root=1, params={"power": 2.0}, witness=([0.0], [1.0], [2.0])),
            says(check.coincides, "verified", name="∫ |F - G| for p = 1", other=_gap_of_cdfs, where=_two_on_a_line, params=first),
            says(check.least_cost, "verified"),
            says(
                check.coincides,
                "verified",
                name="the mean |x - y| where y is one point",
                other=lambda x, y: abs(x - y).mean(-1),
                where=_one_number,
                params=first,
            ),
            denies(check.sample_gradients, "enumerated", params=first, witness=3),
            *(
                says(check.best_for_samples, "enumerated", size=size, best=best, params=first)
                for size, best in ((1, "1"), (3, "2/3"), (5, "3/5"), (9, "5/9"))
            ),
            says(check.unchanged, "verified", when="x and y trade places", change=_swapped),
            says(check.unchanged, "verified", when="the points of each sample change places", change=_shuffled),
            says(check.unchanged, "verified", when="all points move together", change=_moved),
            says(check.scales_with_units, "verified", params=first),
            denies(check.convex, "proved", witness={"between": _CROSSING, "params": {"power": 2.0}}, name="the two samples"),
        ],
        chapter="23_adversaries",
    )


@loss(predictions=2, x=Sample(2), y=Sample(2))
def sliced_wasserstein(x, y, *, projections, power=2):
    """Sliced Wasserstein distance: the mean of `wasserstein_1d` over the projections of both samples onto given directions.

    `x` (..., n, D), `y` (..., m, D); `projections` (L, D): one direction a row, used at length 1 (a zero row raises
    ValueError). The value, of shape (...), has the unit of the data to the `power` p ≥ 1. Draw the directions yourself, say as
    rows of normal numbers, and draw new ones from step to step: few directions do not see all differences.
    Source: Rabin, Peyré, Delon and Bernot (2011).

    >>> import numpy as np
    >>> float(sliced_wasserstein(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]]), projections=[[1.0, 0.0], [0.0, 1.0]]))
    12.5
    """
    in_range(low=1.0, closed="[", power=power)
    return namespace(x).mean(_moved_on_a_line(*_projected(x, y, _directions(projections, x)), power), axis=-1)


@gradient_of(sliced_wasserstein)
def sliced_wasserstein_gradient(x, y, *, projections, power=2):
    directions = _directions(projections, x)
    slopes = _slopes_on_a_line(*_projected(x, y, directions), power)
    xp = namespace(x)
    return tuple(xp.matmul(xp.matrix_transpose(slope), directions) / directions.shape[0] for slope in slopes)


@describes(sliced_wasserstein)
def _():
    from sympy import Symbol

    from . import check
    from ._symbols import X, Y

    axes, one = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [[1.0, 0.0]]
    return Card(
        sliced_wasserstein,
        symbols={"x": X, "y": Y, "projections": Symbol("projections"), "power": Symbol("power")},
        domain={"x": "n points of R^D", "y": "m points of R^D", "projections": "directions of R^D", "power": "[1, inf)"},
        oracle=_sliced_oracle,
        gradient=sliced_wasserstein_gradient,
        convention="the mean of W_p^p over the directions, without the p-th root",
        reference="rabin2011",
        twins=[
            Twin("ot.sliced_wasserstein_distance", _sliced_pot, note="to the power p: it returns the root", reductions=("none",))
        ],
        claims=[
            says(check.zero_only_where_equal, "searched", params={"projections": axes, "power": 2.0}),
            denies(
                check.zero_only_where_equal,
                "proved",
                params={"projections": one, "power": 2.0},
                witness=([[0.0, 0.0]], [[0.0, 1.0]]),
            ),
            says(check.metric, "searched", root=2, params={"projections": axes, "power": 2.0}),
            says(check.unchanged, "verified", when="x and y trade places", change=_swapped),
            says(check.unchanged, "verified", when="the points of each sample change places", change=_shuffled),
            says(check.unchanged, "verified", when="all points move together", change=_moved),
            says(check.no_more_than_transport, "searched"),
            says(
                check.coincides,
                "verified",
                name="‖x - y‖²/D for single points and orthogonal directions",
                other=lambda x, y: ((x - y)[:, 0] ** 2).mean(-1),
                where=_single_points,
                params={"projections": axes[:2], "power": 2.0},
            ),
        ],
        chapter="23_adversaries",
    )


@loss(predictions=2, traceable=False, x=Sample(2), y=Sample(2))
def sinkhorn(x, y, *, epsilon, power=2, tolerance=1e-6):
    """Entropic transport cost: the least Σ P_ij ‖x_i - y_j‖^power + ε KL(P‖a bᵀ) over plans P with the marginals 1/n and 1/m.

    `x` (..., n, D), `y` (..., m, D); the value has the shape (...) and the unit of the data to the `power`, and so has `epsilon`.
    Sinkhorn's iterations run in float64 on logarithms, every fifth a Newton step, until the errors of the marginals add up to at
    most `tolerance`; if 10 000 steps do not suffice: RuntimeError. The value is that of the dual problem, never above the true
    one. The gradient holds the plan constant (the envelope theorem): a second derivative would be wrong. Not for torch.compile
    and vmap, because the iterations look at values. sinkhorn(x, x) is not 0: see `sinkhorn_divergence`. A step takes O(n m), one
    of Newton O(n² (n + m)). Source: Cuturi (2013), Peyré and Cuturi (2019).

    >>> import numpy as np
    >>> x = np.array([[0.0], [1.0]])
    >>> float(sinkhorn(x, x + 2.0, epsilon=0.1).round(6)), float(sinkhorn(x, x, epsilon=0.1).round(6))
    (4.06931, 0.06931)
    """
    _check_entropic(epsilon, power, tolerance)
    return _entropic(x, y, epsilon, power, tolerance)


@gradient_of(sinkhorn)
def sinkhorn_gradient(x, y, *, epsilon, power=2, tolerance=1e-6):
    return _entropic_slopes(x, y, epsilon, power, tolerance)


@describes(sinkhorn)
def _():
    from sympy import Symbol

    from . import check
    from ._symbols import X, Y, epsilon

    return Card(
        sinkhorn,
        symbols={"x": X, "y": Y, "epsilon": epsilon, "power": Symbol("power"), "tolerance": Symbol("tolerance")},
        domain={
            "x": "n points of R^D",
            "y": "m points of R^D",
            "epsilon": "strengths of the entropy",
            "power": "powers of the distance",
            "tolerance": "errors of the marginals",
        },
        oracle=_entropic_oracle,
        gradient=sinkhorn_gradient,
        convention="⟨P, C⟩ + ε KL(P‖a bᵀ) with C = ‖x - y‖^power (no ½), uniform weights",
        reference="cuturi2013",
        twins=[Twin("ot.solve", _entropic_pot, note='reg_type="KL", its .value, not its .value_linear', reductions=("none",))],
        claims=[
            says(check.marginals, "verified"),
            says(check.envelope, "verified"),
            says(check.tends_to_transport, "verified"),
            says(
                check.coincides,
                "verified",
                name="the mean cost over all pairs for a large ε",
                other=_mean_cost,
                where=_two_clouds,
                params={"epsilon": 1e13, "power": 1.0, "tolerance": 1e-12},
            ),
            denies(
                check.zero_only_where_equal,
                "proved",
                params={"epsilon": 1.0, "power": 2.0},
                witness=([[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [1.0, 0.0]]),
            ),
            says(check.no_less_than_transport, "searched"),
            says(check.unchanged, "verified", when="x and y trade places", change=_swapped),
            says(check.unchanged, "verified", when="the points of each sample change places", change=_shuffled),
            says(check.unchanged, "verified", when="all points move together", change=_moved),
        ],
        chapter="23_adversaries",
    )


@loss(predictions=2, traceable=False, x=Sample(2), y=Sample(2))
def sinkhorn_divergence(x, y, *, epsilon, power=2, tolerance=1e-6):
    """Debiased entropic transport: sinkhorn(x, y) - ½ sinkhorn(x, x) - ½ sinkhorn(y, y) ≥ 0, and 0 for x = y.

    Arguments, shapes, iterations and errors as in `sinkhorn`. From the transport cost at ε → 0 it leads, for power 1, to half of
    `energy_distance` at ε → ∞. Source: Genevay, Peyré and Cuturi (2018); Feydy et al. (2019).

    >>> import numpy as np
    >>> x = np.array([[0.0], [1.0]])
    >>> float(sinkhorn_divergence(x, x + 2.0, epsilon=0.1).round(6)), abs(float(sinkhorn_divergence(x, x, epsilon=0.1)))
    (4.0, 0.0)
    """
    _check_entropic(epsilon, power, tolerance)
    own = _entropic(x, x, epsilon, power, tolerance) + _entropic(y, y, epsilon, power, tolerance)
    return _entropic(x, y, epsilon, power, tolerance) - own / 2


@gradient_of(sinkhorn_divergence)
def sinkhorn_divergence_gradient(x, y, *, epsilon, power=2, tolerance=1e-6):
    between = _entropic_slopes(x, y, epsilon, power, tolerance)
    own = (_entropic_slopes(sample, sample, epsilon, power, tolerance) for sample in (x, y))
    return tuple(slope - (first + second) / 2 for slope, (first, second) in zip(between, own))


@describes(sinkhorn_divergence)
def _():
    from sympy import Symbol

    from . import check
    from ._symbols import X, Y, epsilon

    return Card(
        sinkhorn_divergence,
        symbols={"x": X, "y": Y, "epsilon": epsilon, "power": Symbol("power"), "tolerance": Symbol("tolerance")},
        domain={
            "x": "n points of R^D",
            "y": "n points of R^D",
            "epsilon": "strengths of the entropy",
            "power": "powers of the distance",
            "tolerance": "errors of the marginals",
        },
        oracle=_divergence_oracle,
        gradient=sinkhorn_divergence_gradient,
        convention="that of sinkhorn; the self terms are taken off by halves",
        reference="feydy2019",
        twins=[Twin("ot.solve", _divergence_pot, note='reg_type="KL", its .value, three times', reductions=("none",))],
        claims=[
            says(check.zero_only_where_equal, "searched"),
            says(check.envelope, "verified"),
            says(check.tends_to_transport, "verified"),
            says(
                check.coincides,
                "verified",
                name="half the energy distance for a large ε",
                other=_half_energy,
                where=_two_clouds,
                params={"epsilon": 1e13, "power": 1.0, "tolerance": 1e-12},
            ),
            says(check.unchanged, "verified", when="x and y trade places", change=_swapped),
            says(check.unchanged, "verified", when="the points of each sample change places", change=_shuffled),
            says(check.unchanged, "verified", when="all points move together", change=_moved),
        ],
        terms=1.0,
        chapter="23_adversaries",
    )


# --- on the line --------------------------------------------------------------------------------------------------------


def _steps(n, m, like):
    """The n + m steps of the two quantile functions together, some of width 0: the two points there, and the width."""
    xp = namespace(like)
    of_x, of_y = (xp.arange(1, size + 1, device=like.device) for size in (n, m))
    level = xp.sort(xp.concat([m * of_x, n * of_y]))  # in units of 1/(n m)
    width = level - xp.concat([0 * level[:1], level[:-1]])
    return (level - 1) // m, (level - 1) // n, xp.astype(width, like.dtype) / (n * m)


def _moved_on_a_line(x, y, power):
    i, j, width = _steps(x.shape[-1], y.shape[-1], x)
    return sum_classes(mul0(width, absolute(_sorted(x)[..., i] - _sorted(y)[..., j]) ** power))


def _slopes_on_a_line(x, y, power):
    i, j, width = _steps(x.shape[-1], y.shape[-1], x)
    gap = _sorted(x)[..., i] - _sorted(y)[..., j]
    pull = mul0(width, power * absolute(gap) ** (power - 1) * sign(gap))
    return _to_points(pull, i, x), -_to_points(pull, j, y)


def _to_points(pull, place, x):
    """What pulls at each place of the sorted sample, at the points: where points tie, the mean of the two orders."""
    xp = namespace(x)
    at_place = xp.astype(place[:, None] == xp.arange(x.shape[-1], device=x.device), x.dtype)
    pulls = xp.matmul(pull[..., None, :], at_place)[..., 0, :]
    rank = xp.argsort(xp.argsort(x, axis=-1), axis=-1)
    from_the_end = xp.flip(xp.argsort(xp.argsort(xp.flip(x, axis=-1), axis=-1), axis=-1), axis=-1)
    return (xp.take_along_axis(pulls, rank, axis=-1) + xp.take_along_axis(pulls, from_the_end, axis=-1)) / 2


def _directions(projections, x):
    (_, rows) = same_library([x, projections])
    if rows.ndim != 2 or rows.shape[-1] != x.shape[-1] or rows.shape[0] == 0:
        raise ValueError(f"projections must have shape (L, {x.shape[-1]}), one direction a row, got {tuple(rows.shape)}")
    rows = namespace(rows).astype(rows, x.dtype)
    longest = namespace(rows).max(absolute(rows), axis=-1)
    require(longest, (longest > 0) & (longest < math.inf), "projections must be finite directions, none of them zero")
    return unit(rows)


def _projected(x, y, directions):
    """(..., n, D) -> (..., L, n), and y alike."""
    xp = namespace(x)
    return tuple(xp.matrix_transpose(xp.matmul(sample, xp.matrix_transpose(directions))) for sample in (x, y))


# --- with entropy -------------------------------------------------------------------------------------------------------


def _check_entropic(epsilon, power, tolerance):
    in_range(low=0.0, epsilon=epsilon, tolerance=tolerance)
    in_range(low=1.0, closed="[", power=power)


def _pairs(x, y):
    """x_i - y_j in float64: (..., n, D) and (..., m, D) -> (..., n, m, D)."""
    xp = namespace(x)
    return xp.astype(x, xp.float64)[..., :, None, :] - xp.astype(y, xp.float64)[..., None, :, :]


def _plan(cost, f, g, epsilon):
    return exp((f[..., :, None] + g[..., None, :] - cost) / epsilon) / (cost.shape[-2] * cost.shape[-1])


def _entropic(x, y, epsilon, power, tolerance):
    """The dual value: mean f + mean g - ε (Σ P - 1). With the potentials held constant its slope in the cost is the plan."""
    cost = _length(_pairs(x, y)) ** power
    f, g = _potentials(stop_gradient(cost), epsilon, tolerance)
    surplus = _mean(_mean(expm1((f[..., :, None] + g[..., None, :] - cost) / epsilon)))  # Σ P - 1, also for a large ε
    return _mean(f) + _mean(g) - epsilon * surplus


def _entropic_slopes(x, y, epsilon, power, tolerance):
    xp, gaps = namespace(x), _pairs(x, y)
    length = _length(gaps)
    plan = _plan(length**power, *_potentials(length**power, epsilon, tolerance), epsilon)
    pull = (plan * power * length ** (power - 1))[..., None] * _towards(gaps)
    return xp.sum(pull, axis=-2), -xp.sum(pull, axis=-3)


def _potentials(cost, epsilon, tolerance):
    """f (..., n) and g (..., m) of the plan. Each problem stops by itself, as soon as its marginals are right.

    ε comes down to its value by halves, which brings the potentials near. Then Sinkhorn's step, the best f for a given g, can be
    slow where mass hardly crosses between groups of points; every fifth step is Newton's, which is not.
    """
    if not values_readable(cost):
        raise RuntimeError("Sinkhorn's iterations look at values, which torch.compile and vmap hide: call it outside of them")
    xp, n = namespace(cost), cost.shape[-2]
    widest = xp.max(cost, axis=(-2, -1))
    f = xp.zeros(cost.shape[:-1], dtype=cost.dtype, device=cost.device)
    for step in range(MOST_STEPS):
        eased = (widest * 0.5**step)[..., None]
        eased = where((eased > epsilon) & (eased < math.inf), eased, epsilon)
        g = _soft_min(xp.matrix_transpose(cost), f, eased)
        plan = _plan(cost, f, g, eased[..., None])  # its columns are right
        error = 1 / n - xp.sum(plan, axis=-1)
        off = xp.sum(absolute(error), axis=-1)
        running = (eased[..., 0] > epsilon) | (off > tolerance)  # nan has arrived, too
        if not bool(xp.any(running)):
            return f, g
        better = f + _newton_step(plan, error) * eased if step % 5 == 4 else _soft_min(cost, g, eased)
        f = where(running[..., None], better, f)
    raise RuntimeError(
        f"the marginals are still off by {float(xp.max(off)):.1g} after {MOST_STEPS} steps: raise epsilon ({epsilon}) or "
        f"tolerance ({tolerance})"
    )


def _soft_min(cost, potential, epsilon):
    """-ε log mean_j exp((potential_j - cost_ij) / ε) for each i."""
    xp = namespace(cost)
    exponent = (potential[..., None, :] - cost) / epsilon[..., None]
    top = xp.max(exponent, axis=-1, keepdims=True)
    return -epsilon * (top[..., 0] + log1p(_mean(expm1(exponent - top))))


def _newton_step(plan, error):
    """The step in f/ε that makes the row sums right to first order, shortened so that the dual value rises.

    With g the best for f, the derivative of the rows is the Laplacian of a graph: its weights say how much mass of the rows i
    and k meets in the same columns. Built from them it keeps the digits of weak links; f_n stays, a constant in f does nothing.
    """
    xp, n = namespace(plan), plan.shape[-2]
    link = xp.matmul(plan, xp.matrix_transpose(plan)) * plan.shape[-1]
    link = link * (1 - xp.eye(n, dtype=plan.dtype, device=plan.device))
    diagonal = (1 + 1e-14) * sum_classes(link) + 1e-100  # more than the links, or groups without any link would be singular
    laplacian = xp.eye(n, dtype=plan.dtype, device=plan.device) * diagonal[..., None] - link
    step = xp.linalg.solve(laplacian[..., :-1, :-1], error[..., :-1, None])[..., 0]
    step = xp.concat([step, 0 * error[..., -1:]], axis=-1)
    size = xp.max(step, axis=-1, keepdims=True) - xp.min(step, axis=-1, keepdims=True)
    step = step * where(size > 0, log1p(size) / where(size > 0, size, 1.0), 1.0)
    return where(absolute(step) < math.inf, step, 0.0)


def _mean(x):
    return namespace(x).mean(x, axis=-1)


# --- oracles ------------------------------------------------------------------------------------------------------------


def _line_oracle(x, y, *, power):
    """The least mean of |x - y|^p over all ways to match the sample x, repeated m times, with the sample y, repeated n times: in
    their order, which for a convex cost no exchange of two partners improves."""
    from mpmath import mpf

    repeated = sorted(v for v in x for _ in y), sorted(v for v in y for _ in x)
    return sum(abs(a - b) ** mpf(power) for a, b in zip(*repeated, strict=True)) / (len(x) * len(y))


def _sliced_oracle(x, y, *, projections, power):
    """The mean over the directions θ of the transport cost on the line between the numbers ⟨x_i, θ⟩ and ⟨y_j, θ⟩, ‖θ‖ = 1."""
    from mpmath import mpf, sqrt

    total = mpf(0)
    for direction in projections:
        size = sqrt(sum(mpf(c) ** 2 for c in direction))
        along = [[sum(u * mpf(c) for u, c in zip(point, direction, strict=True)) / size for point in sample] for sample in (x, y)]
        total += _line_oracle(*along, power=power)
    return total / len(projections)


def _entropic_oracle(x, y, *, epsilon, power, tolerance=None):
    """min ⟨P, C⟩ + ε KL(P‖a bᵀ) for two points x: the plan has one multiplier λ, the root of a rising function:
    P_1j = b_j σ((λ - C_1j + C_2j)/ε) with Σ_j P_1j = ½."""
    from mpmath import exp, log, mp, mpf, sqrt

    epsilon, power, m = mpf(epsilon), mpf(power), len(y)
    cost = [[sqrt(sum((u - v) ** 2 for u, v in zip(a, b, strict=True))) ** power for b in y] for a in x]
    apart = [first - second for first, second in zip(*cost, strict=True)]

    def first_row(multiplier):
        return [1 / (1 + exp((gap - multiplier) / epsilon)) / m for gap in apart]

    low, high = min(apart), max(apart)
    root = (low + high) / 2
    for _ in range(100):  # Newton's steps, and the middle of the bracket where they lead out of it
        row = first_row(root)
        low, high = (root, high) if sum(row) < mpf(1) / 2 else (low, root)
        slope = sum(mass * (1 - m * mass) for mass in row) / epsilon
        better = root + (mpf(1) / 2 - sum(row)) / slope if slope else root
        if abs(better - root) <= epsilon * mpf(10) ** (-mp.dps // 2 - 5):  # the next one would have twice as many right digits
            row = first_row(better)
            break
        root = better if low < better < high else (low + high) / 2
    plan = [row, [mpf(1) / m - mass for mass in row]]
    return sum(p * c + epsilon * p * log(2 * m * p) for masses, costs in zip(plan, cost) for p, c in zip(masses, costs))


def _divergence_oracle(x, y, *, epsilon, power, tolerance=None):
    """OT(x, y) - ½ OT(x, x) - ½ OT(y, y) with OT = min ⟨P, C⟩ + ε KL(P‖a bᵀ), for samples of two points."""
    between, *own = (_entropic_oracle(a, b, epsilon=epsilon, power=power) for a, b in ((x, y), (x, x), (y, y)))
    return between - sum(own) / 2


# --- what the losses are compared with ----------------------------------------------------------------------------------

_CROSSING = ({"x": [0.0, 2.0], "y": [0.0, 2.0]}, {"x": [2.0, 0.0], "y": [0.0, 2.0]})


def _swapped(rng, x, y):
    return y, x


def _shuffled(rng, x, y):
    return x[:, rng.permutation(x.shape[1])], y[:, rng.permutation(y.shape[1])]


def _moved(rng, x, y):
    shift = rng.uniform(-5, 5, (len(x), 1, *x.shape[2:]))
    return x + shift, y + shift


def _two_on_a_line(rng):
    return rng.standard_normal((100, 4)), rng.standard_normal((100, 6))


def _one_number(rng):
    return rng.standard_normal((100, 4)), rng.standard_normal((100, 1))


def _single_points(rng):
    return rng.standard_normal((100, 1, 2)), rng.standard_normal((100, 1, 2))


def _two_clouds(rng):
    return rng.standard_normal((20, 4, 2)), rng.standard_normal((20, 5, 2))


def _gap_of_cdfs(x, y):
    import numpy as np

    found = []
    for a, b in zip(x, y):
        ends = np.sort(np.concatenate([a, b]))
        gap = (a[:, None] <= ends[:-1]).mean(0) - (b[:, None] <= ends[:-1]).mean(0)
        found.append(abs(gap) @ np.diff(ends))
    return np.array(found)


def _mean_cost(x, y):
    import numpy as np

    return np.linalg.norm(x[:, :, None] - y[:, None], axis=-1).mean((-2, -1))


def _half_energy(x, y):
    from .divergence import energy_distance

    return energy_distance(x, y, reduction="none") / 2


# --- twins --------------------------------------------------------------------------------------------------------------


def _line_scipy(x, y, *, reduction, power):
    import numpy as np
    from scipy.stats import wasserstein_distance

    return np.array([wasserstein_distance(a, b) for a, b in zip(x, y)])


def _line_pot(x, y, *, reduction, power):
    import ot

    return ot.wasserstein_1d(x.T, y.T, p=power)


def _sliced_pot(x, y, *, reduction, projections, power):
    import numpy as np
    import ot

    directions = np.array(projections) / np.linalg.norm(projections, axis=-1, keepdims=True)
    return np.array([ot.sliced_wasserstein_distance(a, b, projections=directions.T, p=power) ** power for a, b in zip(x, y)])


def _solved_by_pot(x, y, epsilon, power):
    import ot

    return ot.solve(ot.dist(x, y, metric="euclidean") ** power, reg=epsilon, reg_type="KL", max_iter=1_000_000, tol=1e-14).value


def _entropic_pot(x, y, *, reduction, epsilon, power, tolerance):
    import numpy as np

    return np.array([_solved_by_pot(a, b, epsilon, power) for a, b in zip(x, y)])


def _divergence_pot(x, y, *, reduction, epsilon, power, tolerance):
    import numpy as np

    def three(a, b):
        between, *own = (_solved_by_pot(u, v, epsilon, power) for u, v in ((a, b), (a, a), (b, b)))
        return between - sum(own) / 2

    return np.array([three(a, b) for a, b in zip(x, y)])
