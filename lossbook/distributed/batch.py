"""Losses that are made of a few sums over the batch, or of its scores: these cross the ranks, the rows of embeddings do not."""

import torch

from .._loss import in_range, prepare
from .._xp import without_autocast
from ..contrastive import nt_xent
from ..fused import sorting
from ..selfsupervised import _off_diagonal
from ._ranks import Ranks, as_number, tensors_only, wants_gradient


def barlow_twins(z1, z2, *, redundancy=0.005, group=None):
    """Barlow Twins over all ranks: Σ_i (1 - C_ii)² + λ Σ_{i≠j} C_ij² with the correlations of the rows of all ranks.

    z1, z2: (n, D), two views of this rank's examples; all ranks together need two, else ValueError. `redundancy` = λ ≥ 0. A
    constant column has correlation 0 and gradient 0, as in `lossbook.barlow_twins`. D² + O(D) numbers are exchanged, whatever n.
    Source: Zbontar, Jing, Misra, LeCun and Deny (2021).

    >>> z1, z2 = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 2.0], [3.0, 5.0]])
    >>> round(float(barlow_twins(z1, z2, redundancy=0.5)), 4)  # one rank: C = [[-1, -1], [1, 1]]
    5.0
    """
    ranks, (z1, z2), rows, dtype = _views("barlow_twins", z1, z2, group, redundancy=redundancy)
    with without_autocast(z1):
        (u, one), (v, two) = (_of_length_one(ranks, _centred(ranks, z, rows)) for z in (z1, z2))
        uu, vv, apart = ranks.sum(torch.stack([(x**2).sum(0) for x in (u, v, u - v)]))
        uu, vv = torch.where(one, uu, 1.0), torch.where(two, vv, 1.0)
        # uu = vv = 1 up to rounding, but their slopes count. 2 ⟨u, v⟩ = uu + vv - ‖u - v‖²: so 1 - C_ii comes without cancelling.
        missing = (apart - (uu.sqrt() - vv.sqrt()) ** 2) / (2 * (uu * vv).sqrt())
        missing = torch.where(one & two, missing, 1.0)
        others = _off_diagonal(ranks.sum(u.T @ v) / (uu[:, None] * vv).sqrt())
        return ((missing**2).sum() + redundancy * (others**2).sum()).to(dtype)


def vicreg(z1, z2, *, invariance=25.0, variance=25.0, covariance=1.0, group=None):
    """VICReg over all ranks: λ mean (z1 - z2)² + μ ½[v(z1) + v(z2)] + ν [c(z1) + c(z2)], with the covariances of all rows.

    z1, z2: (n, D), two views of this rank's examples; all ranks together need two, else ValueError. Formula and scaling are those
    of `lossbook.vicreg`. 2 D² + O(D) numbers are exchanged, whatever n. Source: Bardes, Ponce and LeCun (2022).

    >>> z = torch.tensor([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    >>> float(vicreg(z, z)), float(vicreg(z, z + 2.0))  # one rank
    (0.0, 100.0)
    """
    weights = {"invariance": invariance, "variance": variance, "covariance": covariance}
    ranks, (z1, z2), rows, dtype = _views("vicreg", z1, z2, group, **weights)
    columns = z1.shape[1]
    with without_autocast(z1):
        value = invariance * ranks.sum(((z1 - z2) ** 2).sum()) / (rows * columns)
        for z in (z1, z2):
            x = _centred(ranks, z, rows)
            moments = ranks.sum(x.T @ x) / (rows - 1)
            short = torch.relu(1 - (moments.diagonal() + 1e-4).sqrt())
            value = value + variance * short.mean() / 2 + covariance * (_off_diagonal(moments) ** 2).sum() / columns
        return value.to(dtype)


def _views(name, z1, z2, group, **params):
    """The checked views, the number of rows on all ranks, and the dtype to return."""
    ranks = Ranks(group)

    def check():
        tensors_only(z1=z1, z2=z2)
        in_range(low=0, closed="[", **params)
        batch = prepare(nt_xent, [z1, z2], None, {})  # the same arguments; and a rank may have no rows
        if z1.ndim != 2:
            raise ValueError(f"z1 must have shape (rows, columns), one batch, got {tuple(z1.shape)}")
        numbers = {key: as_number(value) for key, value in params.items()}
        alike = {
            "the number of columns": z1.shape[1],
            "the dtype": batch.dtype,
            "what requires a gradient": wants_gradient(z1, z2),
        }
        return batch, alike | numbers, len(z1)

    batch, sizes = ranks.agree(name, check)
    if sum(sizes) < 2:
        raise ValueError(f"the batch of all ranks must have at least two rows, which vary or do not, got {sizes} on the ranks")
    return ranks, batch.arrays, sum(sizes), batch.dtype


def _centred(ranks, z, rows):
    """Each column less its mean over all ranks; a constant column becomes exactly 0, as the largest entry is taken off first.

    The mean is held constant. What follows are products Σ (x - m)(y - m'), and their slope in m is -Σ (y - m') = 0.
    """
    highest = ranks.reduce(z.detach().amax(0) if len(z) else z.new_full(z.shape[1:], -torch.inf), "max")
    shifted = z - highest
    return shifted - ranks.reduce(shifted.sum(0)) / rows


def _of_length_one(ranks, x):
    """Centred columns divided by their length over all ranks, a constant, and which of them vary; the others become 0."""
    largest = ranks.reduce(x.detach().abs().amax(0) if len(x) else x.new_zeros(x.shape[1:]), "max")
    varies = largest != 0
    x = x / torch.where(varies, largest, 1.0)  # no square overflows
    length = ranks.reduce((x.detach() ** 2).sum(0)).sqrt()
    return torch.where(varies, x / torch.where(varies, length, 1.0), 0.0), varies


def pairwise_squared_hinge(scores, positive, *, margin=1.0, group=None):
    """Mean of (margin - s_p + s_n)₊² over all pairs of positives p and negatives n, of all ranks: it bounds margin² (1 - AUC).

    scores, positive: (n,), this rank's examples; positive is boolean, or 0 and 1. The scores of all ranks are gathered, N numbers
    on each, and sorted there, as in `lossbook.fused.pairwise_squared_hinge`; each rank keeps the gradient of its own. nan if all
    ranks together have no pair. Source: Gao and Zhou (2015).

    >>> float(pairwise_squared_hinge(torch.tensor([2.0, 0.0, 0.5]), torch.tensor([1, 1, 0])))  # one rank: (0² + 1.5²) / 2
    1.125
    """
    return sorting.pairwise_squared_hinge(*_all_scores("pairwise_squared_hinge", scores, positive, margin, group), margin=margin)


def pairwise_square(scores, positive, *, margin=1.0, group=None):
    """Mean of (margin - s_p + s_n)² over all pairs of a positive p and a negative n, of whichever ranks.

    Arguments, exchange and nan as in `pairwise_squared_hinge`. Source: Gao, Jin, Zhu and Zhou (2013).

    >>> float(pairwise_square(torch.tensor([2.0, 0.0, 0.5]), torch.tensor([1, 1, 0])))  # one rank: (0.5² + 1.5²) / 2
    1.25
    """
    return sorting.pairwise_square(*_all_scores("pairwise_square", scores, positive, margin, group), margin=margin)


def _all_scores(name, scores, positive, margin, group):
    """The scores of all ranks, and 1 for those of positives."""
    ranks = Ranks(group)

    def check():
        tensors_only(scores=scores, positive=positive)
        in_range(margin=margin, low=0, closed="[")
        if not scores.is_floating_point():
            raise TypeError(f"scores must be real floating point, got {scores.dtype}: convert them, e.g. to float32")
        if scores.ndim != 1 or positive.shape != scores.shape:
            raise ValueError(f"scores and positive must have one shape (n,), got {tuple(scores.shape)}, {tuple(positive.shape)}")
        if not bool(((positive == 0) | (positive == 1)).all()):
            raise ValueError(f"positive must be 0 or 1, got {positive[(positive != 0) & (positive != 1)][0].item()}")
        alike = {"the dtype": scores.dtype, "the margin": as_number(margin), "what requires a gradient": wants_gradient(scores)}
        return None, alike, len(scores)

    _, sizes = ranks.agree(name, check)
    return ranks.gather(scores, sizes), ranks.gather((positive.detach() == 1).to(torch.uint8), sizes)
