"""Losses that align one sequence with another: CTC for labels without times, soft-DTW for series that run at different speeds.

Both walk through a grid of cells and sum over all paths at once: a cell has its own cost plus the soft minimum of the cells it
is reached from. The shares that those cells have in the minimum, followed backwards from the end, say how likely a path passes
where, and that is the gradient. A cell of cost +inf is closed. Costs are in nats (CTC) or squared distances (soft-DTW).
"""

import math
from typing import Any, NamedTuple

from ._card import Card, Twin, denies, describes, says
from ._loss import Integers, Sample, Steps, gradient_of, in_range, loss, namespace, require
from ._xp import exp, log, log_softmax, one_hot, stop_gradient, where


@loss(logits=Steps(1), labels=Integers(1), logit_lengths=Integers(), label_lengths=Integers())
def ctc(logits, labels, *, logit_lengths, label_lengths, blank=0):
    """Connectionist temporal classification: -log Σ Π_t softmax(z_t)[π_t] over all alignments π that read as the labels.

    An alignment has one class per step; it is read by merging equal neighbours and then leaving out blanks, so two equal labels
    in a row need a blank between them. `logits` (T, N, K), time first; integer `labels` (N, S), never the `blank` (ValueError).
    The first `logit_lengths`[n] steps and `label_lengths`[n] labels of sequence n count; what lies beyond does nothing.
    ``reduction="none"``: shape (N,), not divided by the number of labels. No labels: all steps are blank. Fewer steps than
    labels and blanks between equal ones: no alignment, +inf with gradient 0. Source: Graves et al. (2006).

    >>> import numpy as np
    >>> lengths = {"logit_lengths": np.array([2]), "label_lengths": np.array([1])}
    >>> round(float(ctc(np.zeros((2, 1, 2)), np.array([[1]]), **lengths)), 6)  # 11, 01 and 10 read as 1, but 00 does not
    0.287682
    """
    lattice = _lattice(logits, labels, logit_lengths, label_lengths, blank)
    return _forward(lattice)[0]


@gradient_of(ctc)
def ctc_gradient(logits, labels, *, logit_lengths, label_lengths, blank=0):
    """At each step p_k less the probability of class k there, given that the alignment reads as the labels; 0 without any."""
    lattice = _lattice(logits, labels, logit_lengths, label_lengths, blank)
    xp, (_, ends, shares) = namespace(logits), _forward(lattice)
    passing, visits = ends, []  # the probability of each cell
    for running, (stay, step, jump) in zip([*lattice.running][::-1], shares[::-1]):
        here = where(running, passing[..., 1:], 0.0)
        visits.append(here)
        before = _pad(here * stay, 1, 0) + _pad(here * step, 0, 1) + _pad((here * jump)[..., 1:], 0, 2)
        passing = where(running, before, passing)
    visits = xp.stack(visits[::-1], axis=-2)
    classes = xp.moveaxis(visits @ one_hot(lattice.symbols, logits.shape[-1], logits.dtype), -2, 0)
    return exp(lattice.log_p) * xp.sum(classes, axis=-1, keepdims=True) - classes


@describes(ctc)
def _():
    from . import check
    from ._symbols import Lengths, Steps, Y, Z, blank

    unlike = {"labels": [1], "logit_lengths": 2, "label_lengths": 1}
    return Card(
        ctc,
        symbols={"logits": Z, "labels": Y, "logit_lengths": Steps, "label_lengths": Lengths, "blank": blank},
        domain={
            "logits": "R^(T x K), time first",
            "labels": "strings of labels",
            "logit_lengths": "numbers of steps",
            "label_lengths": "numbers of labels",
            "blank": "a class",
        },
        oracle=_ctc_oracle,
        gradient=ctc_gradient,
        link="softmax at each step",
        convention="not divided by the number of labels; the gradient is that of the logits; no alignment: +∞, gradient 0",
        reference="graves2006",
        twins=[
            Twin(
                "torch.nn.functional.ctc_loss",
                _ctc_torch,
                note='of log_softmax(logits); its "mean" divides each value by the number of labels first',
                reductions=("none", "sum"),
            ),
            Twin("optax.ctc_loss", _ctc_optax, note="batch first; paddings instead of lengths", reductions=("none",)),
        ],
        claims=[
            says(check.sums_alignments, "enumerated"),
            says(check.strings_sum_to_one, "enumerated"),
            says(check.infinite_without_alignment, "enumerated"),
            says(check.balanced_steps, "verified"),
            says(check.on_sequences(check.ranges), "searched", low=0, high="∞"),
            says(
                check.coincides,
                "verified",
                name="the sum of the softmax cross-entropies where there are as many steps as labels, no two in a row equal",
                other=_labels_in_turn,
                where=_no_room,
            ),
            says(
                check.coincides,
                "verified",
                name="the sum of the softmax cross-entropies of the blank where there are no labels",
                other=_only_blanks,
                where=_no_labels,
            ),
            says(
                check.coincides,
                "verified",
                name="its value after the classes, and with them the blank, are numbered in another way",
                other=_renumbered,
                where=_some_sequences,
            ),
            says(check.unchanged, "verified", when="steps and labels run backwards", change=_backwards),
            says(check.unchanged, "verified", when="a constant is added to all logits of a step", change=_shifted),
            says(check.unchanged, "verified", when="what lies beyond the lengths changes", change=_other_padding),
            denies(
                check.convex,
                "proved",
                name="the logits",
                witness={"between": ([[2.0, 0.0], [-2.0, 0.0]], [[-2.0, 0.0], [2.0, 0.0]]), **unlike},
            ),
        ],
        terms=1.0,  # near 0 it is log of a sum of products that come close to 1 together
        chapter="21_sequences",
    )


@loss(symmetric=True, x=Sample(2), y=Sample(2))
def soft_dtw(x, y, *, gamma=1.0):
    """Soft dynamic time warping: -γ log Σ e^(-cost / γ) over all warping paths; the cost is Σ ‖x_i - y_j‖² along the path.

    `x` (..., T, D), `y` (..., U, D), at least one step each: the value has the shape (...). A path goes from (1, 1) to (T, U) by
    steps (1, 0), (0, 1) and (1, 1). γ > 0, in the unit of the cost; towards 0 it is DTW. It is below DTW, by up to γ log of the
    number of paths: it can be negative, is not 0 for x = y and is not least there (`soft_dtw_divergence` is 0). Symmetric: both
    arguments receive gradient. Time and memory grow as T·U·D. Source: Cuturi and Blondel (2017).

    >>> import numpy as np
    >>> x, y = np.array([[0.0], [1.0]]), np.array([[0.0], [1.0], [1.0]])
    >>> round(float(soft_dtw(x, y, gamma=0.01)), 6), round(float(soft_dtw(x, y)), 6)
    (0.0, -0.806018)
    """
    return _warp(x, y, gamma)[0]


@gradient_of(soft_dtw)
def soft_dtw_gradient(x, y, *, gamma=1.0):
    """With respect to x: 2 Σ_j E_ij (x_i - y_j), where E_ij is the probability that a path passes the cell (i, j)."""
    return _slope(x, y, gamma)


@describes(soft_dtw)
def _():
    from . import check
    from ._symbols import X, Y, gamma
    from .check.sequence import dtw

    return Card(
        soft_dtw,
        symbols={"x": X, "y": Y, "gamma": gamma},
        domain={"x": "R^(T x D)", "y": "R^(U x D)", "gamma": "(0, inf)"},
        oracle=_soft_dtw_oracle,
        gradient=soft_dtw_gradient,
        convention="squared Euclidean cost, without ½ and without division by the length of the path",
        reference="cuturi2017",
        twins=[Twin("tslearn.metrics.soft_dtw", _soft_dtw_tslearn, note="one pair at a time", reductions=("none",))],
        claims=[
            says(check.symmetric, "verified"),
            says(check.at_most, "searched", reference=dtw, name="DTW"),
            says(check.at_least, "searched", reference=_dtw_less_paths, name="DTW - γ log of the number of paths"),
            says(check.approaches, "verified", reference=dtw, name="DTW", parameter="gamma"),
            says(
                check.coincides,
                "verified",
                name="-γ log of the Delannoy number, which counts the paths, where all costs are 0",
                other=_free_paths,
                where=_equal_points,
                params={"gamma": 1.0},
            ),
            says(
                check.coincides,
                "verified",
                name="the sum of the squared distances where one series has one step",
                other=_squared_distances,
                where=_one_step,
            ),
            says(check.expected_path_length, "enumerated"),
            says(check.unchanged, "verified", when="both series run backwards", change=_both_backwards),
            says(check.unchanged, "verified", when="both series are moved together", change=_both_moved),
            says(
                check.coincides,
                "verified",
                name="c² times its value at x / c, y / c and γ / c²",
                other=_at_another_unit,
                where=_two_series,
                params={"gamma": 1.0},
            ),
            denies(check.never_negative, "proved", witness=([[0.0], [1.0]], [[0.0], [1.0]])),
            denies(check.zero_at_equality, "proved", witness=[[0.0], [1.0]]),
            denies(check.least_at_equality, "proved", witness=([[0.0], [1.0]], [[0.25], [0.75]])),
            denies(check.triangle_inequality, "proved", witness=([[0.0]], [[1.0]], [[2.0]])),
            denies(
                check.convex,
                "proved",
                name="the first series",
                witness={"between": ([[-1.0], [-3.0]], [[-3.0], [-1.0]]), "y": [[1.0], [3.0], [2.0]]},
            ),
        ],
        terms=1.0,  # a cost less γ log of the number of paths that share it: it passes through 0
        chapter="21_sequences",
    )


@loss(symmetric=True, x=Sample(2), y=Sample(2))
def soft_dtw_divergence(x, y, *, gamma=1.0):
    """Soft-DTW divergence: soft_dtw(x, y) - ½ soft_dtw(x, x) - ½ soft_dtw(y, y), which is 0 for x = y.

    `x` (..., T, D), `y` (..., U, D): shape (...). γ > 0 as in `soft_dtw`. That it is never negative is not proved for this
    cost; a search has found nothing below 0. It is not 0 for the same shape at another speed, as DTW is.
    Symmetric: both arguments receive gradient. Source: Blondel, Mensch and Vert (2021).

    >>> import numpy as np
    >>> x, y = np.array([[0.0], [1.0]]), np.array([[0.0], [1.0], [1.0]])
    >>> float(soft_dtw_divergence(x, x)), round(float(soft_dtw_divergence(x, y)), 6)
    (0.0, 0.383084)
    """
    return _warp(x, y, gamma)[0] - (_warp(x, x, gamma)[0] + _warp(y, y, gamma)[0]) / 2


@gradient_of(soft_dtw_divergence)
def soft_dtw_divergence_gradient(x, y, *, gamma=1.0):
    """With respect to x; both arguments of soft_dtw(x, x) move, which makes up for the ½."""
    return _slope(x, y, gamma) - _slope(x, x, gamma)


@describes(soft_dtw_divergence)
def _():
    from . import check
    from ._symbols import X, Y, gamma
    from .check.sequence import dtw

    return Card(
        soft_dtw_divergence,
        symbols={"x": X, "y": Y, "gamma": gamma},
        domain={"x": "R^(T x D)", "y": "R^(U x D)", "gamma": "(0, inf)"},
        oracle=_divergence_oracle,
        gradient=soft_dtw_divergence_gradient,
        convention="squared Euclidean cost; soft-DTW less half of that of each series with itself",
        reference="blondel2021",
        twins=[
            Twin(
                "tslearn.metrics.soft_dtw",
                _divergence_tslearn,
                note="three times; its own `SoftDTWLossPyTorch(normalize=True)` computes in float32",
                reductions=("none",),
            )
        ],
        claims=[
            says(check.symmetric, "verified"),
            says(check.zero_at_equality, "verified"),
            says(check.never_negative, "searched"),
            says(check.least_at_equality, "searched"),
            says(check.approaches, "verified", reference=dtw, name="DTW", parameter="gamma"),
            says(
                check.coincides,
                "verified",
                name="the squared distance of series of one step",
                other=_squared_distances,
                where=_one_step_each,
            ),
            says(
                check.coincides,
                "verified",
                name="c² times its value at x / c, y / c and γ / c²",
                other=_divergence_at_another_unit,
                where=_two_series,
                params={"gamma": 1.0},
            ),
            says(check.unchanged, "verified", when="both series run backwards", change=_both_backwards),
            says(check.unchanged, "verified", when="both series are moved together", change=_both_moved),
            denies(check.ignores_speed, "proved", witness=([[0.0], [1.0]], [[0.0], [1.0], [1.0]])),
            denies(check.triangle_inequality, "proved", witness=([[0.0]], [[1.0]], [[2.0]])),
        ],
        terms=1.0,
        chapter="21_sequences",
    )


def _soft_minimum(options, gamma=1.0, axis=0):
    """-γ log Σ e^(-r / γ) over one axis, and the share of each option in it; +inf and 0 where all are +inf."""
    xp = namespace(options)
    least = _lowest(options, axis)
    mass = exp((least - options) / gamma)
    total = xp.sum(mass, axis=axis, keepdims=True)
    closed = total == 0
    total = where(closed, 1.0, total)
    return xp.squeeze(where(closed, math.inf, least - gamma * log(total)), axis=axis), mass / total


def _lowest(x, axis):
    """The minimum over one axis, held constant; 0 where all are +inf."""
    lowest = stop_gradient(namespace(x).min(x, axis=axis, keepdims=True))
    return where(lowest == math.inf, 0.0, lowest)


def _pad(x, left, right, value=0.0):
    """x with `left` and `right` entries of one value before and after its last axis."""
    xp = namespace(x)
    ends = [xp.full((*x.shape[:-1], count), value, dtype=x.dtype, device=x.device) for count in (left, right)]
    return xp.concat([ends[0], x, ends[1]], axis=-1)


class _Lattice(NamedTuple):
    """What CTC walks through: blank, label, blank, ..., label, blank at each step, and before the first of them a start."""

    symbols: Any  # (..., 2S + 1): the classes of the cells
    jumps: Any  # (..., 2S + 1): whether a path may come from two cells before, over a blank that is not needed
    ends: Any  # (..., 2S + 2): where a path may end
    running: Any  # (T, ..., 1): the steps that count
    log_p: Any  # (T, ..., K)
    cost: Any  # (T, ..., 2S + 1): -log p of the cells


def _lattice(logits, labels, logit_lengths, label_lengths, blank):
    xp, (steps, classes, longest) = namespace(logits), (logits.shape[0], logits.shape[-1], labels.shape[-1])
    if steps == 0:
        raise ValueError("logits need at least one step on their first axis, time, got none")
    if not 0 <= blank < classes:
        raise ValueError(f"blank must be a class in 0 .. {classes - 1}, got {blank}")
    for name, lengths, most in (("logit_lengths", logit_lengths, steps), ("label_lengths", label_lengths, longest)):
        require(lengths, (lengths >= 0) & (lengths <= most), f"{name} must lie in 0 .. {most}")

    def count(most):
        return xp.arange(most, device=logits.device)

    given = count(longest) < label_lengths[..., None]
    known = (labels >= 0) & (labels < classes)
    require(labels, known | ~given, f"labels must be class indices in 0 .. {classes - 1}", IndexError)
    require(labels, (labels != blank) | ~given, f"labels must not hold the blank, {blank}, which is put between them")
    last = xp.full_like(label_lengths[..., None], blank)
    cell = count(2 * longest + 1)
    symbols = where(cell % 2 == 1, xp.concat([where(given, labels, blank), last], axis=-1)[..., cell // 2], blank)
    jumps = symbols != _pad(symbols, 2, 0, -1)[..., :-2]  # never to a blank, as two cells before there is one, too
    place = count(2 * longest + 2) // 2
    running = (count(steps).reshape(-1, *[1] * logit_lengths.ndim) < logit_lengths)[..., None]
    log_p = log_softmax(where(running, logits, 0.0))
    cost = -xp.take_along_axis(log_p, symbols[None], axis=-1)
    return _Lattice(symbols, jumps, place == label_lengths[..., None], running, log_p, cost)


def _forward(lattice):
    """The soft minimum of all paths, the share of each cell as their end, and the shares of stay, step and jump at each step."""
    xp, shares, total = namespace(lattice.cost), [], 0.0
    start = xp.full(lattice.ends.shape, math.inf, dtype=lattice.cost.dtype, device=lattice.cost.device)
    cells = where(xp.arange(start.shape[-1], device=start.device) == 0, 0.0, start)
    for cost, running in zip(lattice.cost, lattice.running):
        jump = where(lattice.jumps, _pad(cells[..., :-2], 1, 0, math.inf), math.inf)
        least, share = _soft_minimum(xp.stack([cells[..., 1:], cells[..., :-1], jump]))
        cells = where(running, _pad(cost + least, 1, 0, math.inf), cells)
        lowest = _lowest(cells, -1)
        cells, total = cells - lowest, total + lowest[..., 0]  # small numbers keep their digits in float32
        shares.append(share)
    value, ends = _soft_minimum(where(lattice.ends, cells, math.inf), axis=-1)
    return total + value, ends, shares


def _warp(x, y, gamma):
    """Soft-DTW, one diagonal i + j = const after the other, and the shares of up, left and diagonal on each.

    Entry i + 1 of `cells` is the cell of row i; the entry before the first row is closed, but for the start, before the corner.
    """
    in_range(gamma=gamma, low=0)
    xp, shares, total = namespace(x), [], 0.0
    costs = _diagonals(xp.sum(_differences(x, y) ** 2, axis=-1))
    cells = xp.full_like(_pad(costs[..., 0], 1, 0), math.inf)
    before = where(xp.arange(cells.shape[-1], device=cells.device) == 0, 0.0, cells)
    for cost in xp.permute_dims(costs, (costs.ndim - 1, *range(costs.ndim - 1))):
        least, share = _soft_minimum(xp.stack([cells[..., :-1], cells[..., 1:], before[..., :-1]]), gamma)
        before, cells = cells, _pad(cost + least, 1, 0, math.inf)
        lowest = _lowest(cells, -1)
        before, cells, total = before - lowest, cells - lowest, total + lowest[..., 0]
        shares.append(share)
    return total + cells[..., -1], shares


def _slope(x, y, gamma):
    """The gradient of soft-DTW in x: the shares followed back from the last cell."""
    xp, visits = namespace(x), []
    shares = _warp(x, y, gamma)[1]

    def row_above(passing):
        return _pad(passing[..., 1:], 0, 1)

    here = _pad(xp.zeros_like(x[..., 1:, 0]), 0, 1, 1.0)
    jumped = xp.zeros_like(here)
    for up, left, diagonal in shares[::-1]:
        visits.append(here)
        here, jumped = row_above(here * up) + here * left + jumped, row_above(here * diagonal)
    visits = _rows(xp.stack(visits[::-1], axis=-1))
    return xp.sum(2 * visits[..., None] * _differences(x, y), axis=-2)


def _differences(x, y):
    return x[..., :, None, :] - y[..., None, :, :]


def _diagonals(grid):
    """Row i moved i places to the right, so that the diagonals become columns; closed cells where there was nothing."""
    *batch, rows, columns = grid.shape
    width = rows + columns
    flat = _pad(grid, 0, rows, math.inf).reshape(*batch, rows * width)
    return flat[..., :-rows].reshape(*batch, rows, width - 1)


def _rows(diagonals):
    """The inverse of `_diagonals`."""
    *batch, rows, width = diagonals.shape
    flat = _pad(diagonals.reshape(*batch, rows * width), 0, rows)
    return flat.reshape(*batch, rows, width + 1)[..., : width + 1 - rows]


# --- what the cards compare with ----------------------------------------------------------------------------------------


def _ctc_oracle(logits, labels, logit_lengths, label_lengths, blank=0):
    """-log of the sum, over all choices of one class for each step that read as the labels once equal neighbours are merged and
    blanks left out, of the product of the probabilities of those classes."""
    import itertools

    import mpmath

    wanted, total = [int(c) for c in labels[: int(label_lengths)]], mpmath.mpf(0)
    p = []
    for row in logits[: int(logit_lengths)]:
        weights = [mpmath.exp(v) for v in row]
        p.append([w / mpmath.fsum(weights) for w in weights])
    for choice in itertools.product(range(len(logits[0])), repeat=len(p)):
        if [c for c, _ in itertools.groupby(choice) if c != blank] == wanted:
            total += mpmath.fprod(p[t][c] for t, c in enumerate(choice))
    return -mpmath.log(total)


def _soft_dtw_oracle(x, y, gamma=1.0):
    """-γ log of the sum of e^(-cost / γ) over all paths from the first to the last cell that step down, right or diagonally; the
    cost of a path is the sum of the squared distances ‖x_i - y_j‖² of its cells."""
    import mpmath

    def costs_from(i, j):
        here = mpmath.fsum((a - b) ** 2 for a, b in zip(x[i], y[j]))
        onward = [(r, c) for r, c in ((i + 1, j), (i, j + 1), (i + 1, j + 1)) if r < len(x) and c < len(y)]
        return [here + rest for cell in onward for rest in costs_from(*cell)] or [here]

    gamma = mpmath.mpf(gamma)
    return -gamma * mpmath.log(mpmath.fsum(mpmath.exp(-cost / gamma) for cost in costs_from(0, 0)))


def _divergence_oracle(x, y, gamma=1.0):
    """Soft-DTW of x and y, by all their warping paths, less half of that of x and x and half of that of y and y."""
    return _soft_dtw_oracle(x, y, gamma) - (_soft_dtw_oracle(x, x, gamma) + _soft_dtw_oracle(y, y, gamma)) / 2


def _ctc_torch(logits, labels, logit_lengths, label_lengths, *, blank, reduction):
    import torch.nn.functional

    return torch.nn.functional.ctc_loss(
        logits.log_softmax(-1), labels, logit_lengths, label_lengths, blank=blank, reduction=reduction
    )


def _ctc_optax(logits, labels, logit_lengths, label_lengths, *, blank, reduction):
    import jax
    import jax.numpy as jnp
    import numpy as np
    import optax

    with jax.enable_x64(True):
        beyond = [np.arange(most) >= n[:, None] for most, n in ((len(logits), logit_lengths), (labels.shape[1], label_lengths))]
        paddings = [jnp.asarray(padding, float) for padding in beyond]
        logits = jnp.moveaxis(jnp.asarray(logits), 0, 1)
        return np.asarray(optax.ctc_loss(logits, paddings[0], jnp.asarray(labels), paddings[1], blank_id=blank))


def _soft_dtw_tslearn(x, y, *, gamma, reduction):
    import tslearn.metrics

    return [tslearn.metrics.soft_dtw(a, b, gamma=gamma) for a, b in zip(x, y)]


def _divergence_tslearn(x, y, *, gamma, reduction):
    import numpy as np

    between, of_x, of_y = (
        np.array(_soft_dtw_tslearn(*pair, gamma=gamma, reduction=reduction)) for pair in ((x, y), (x, x), (y, y))
    )
    return between - (of_x + of_y) / 2


def _sequences(rng, steps, labels, classes=4, count=30):
    """Logits, and labels none of which equals the one before or is 0."""
    import numpy as np

    moves = rng.integers(1, classes - 1, (count, labels))
    string = 1 + np.cumsum(moves, axis=-1) % (classes - 1)
    return [3 * rng.standard_normal((steps, count, classes)), string, np.full(count, steps), np.full(count, labels)]


def _no_room(rng):
    return _sequences(rng, 5, 5)


def _labels_in_turn(logits, labels, logit_lengths, label_lengths):
    from .classification import softmax_cross_entropy

    return sum(softmax_cross_entropy(z, y, reduction="none") for z, y in zip(logits, labels.T))


def _no_labels(rng):
    return _sequences(rng, 5, 0)


def _only_blanks(logits, labels, logit_lengths, label_lengths):
    from .classification import softmax_cross_entropy

    return sum(softmax_cross_entropy(z, 0 * label_lengths, reduction="none") for z in logits)


def _some_sequences(rng):
    return _sequences(rng, 6, 3)


def _renumbered(logits, labels, logit_lengths, label_lengths):
    import numpy as np

    names = np.array([2, 3, 1, 0])  # class k is called names[k]: the blank 2
    lengths = {"logit_lengths": logit_lengths, "label_lengths": label_lengths}
    return ctc(logits[..., np.argsort(names)], names[labels], **lengths, blank=2, reduction="none")


def _backwards(rng, logits, labels, logit_lengths, label_lengths):
    logits, labels = logits.copy(), labels.copy()
    for n, (steps, count) in enumerate(zip(logit_lengths, label_lengths)):
        logits[:steps, n] = logits[:steps, n][::-1]
        labels[n, :count] = labels[n, :count][::-1]
    return logits, labels, logit_lengths, label_lengths


def _shifted(rng, logits, *rest):
    return logits + rng.uniform(-50, 50, (*logits.shape[:-1], 1)), *rest


def _other_padding(rng, logits, labels, logit_lengths, label_lengths):
    logits, labels = logits.copy(), labels.copy()
    for n, (steps, count) in enumerate(zip(logit_lengths, label_lengths)):
        logits[steps:, n], labels[n, count:] = math.nan, -1
    return logits, labels, logit_lengths, label_lengths


def _dtw_less_paths(x, y, gamma):
    from .check.sequence import count_paths, dtw

    return dtw(x, y) - gamma * math.log(count_paths(x.shape[-2], y.shape[-2]))


def _equal_points(rng):
    point = rng.standard_normal((10, 1, 3))
    return point.repeat(5, axis=1), point.repeat(8, axis=1)


def _free_paths(x, y):
    from .check.sequence import count_paths

    return [-math.log(count_paths(x.shape[1], y.shape[1]))] * len(x)


def _one_step(rng):
    return rng.standard_normal((30, 1, 3)), rng.standard_normal((30, 6, 3))


def _one_step_each(rng):
    return rng.standard_normal((30, 1, 3)), rng.standard_normal((30, 1, 3))


def _two_series(rng):
    return rng.standard_normal((30, 5, 3)), rng.standard_normal((30, 7, 3))


def _squared_distances(x, y):
    return ((x - y) ** 2).sum((1, 2))


def _at_another_unit(x, y):
    return 9 * soft_dtw(x / 3, y / 3, gamma=1 / 9, reduction="none")


def _divergence_at_another_unit(x, y):
    return 9 * soft_dtw_divergence(x / 3, y / 3, gamma=1 / 9, reduction="none")


def _both_backwards(rng, x, y):
    return x[:, ::-1], y[:, ::-1]


def _both_moved(rng, x, y):
    move = 3 * rng.standard_normal((len(x), 1, x.shape[-1]))
    return x + move, y + move
