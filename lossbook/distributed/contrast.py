"""Contrastive losses whose negatives are the rows of all ranks.

Each rank goes through all cosines of its own rows with those of one rank after the other, tile by tile, and again in the backward
pass. It needs memory for its own rows, for those of two other ranks and for a tile, and never for all pairs. What a row has to
know of all others, such as the denominator of its softmax, travels with it in the backward pass, so that no gradient has to be
sent back: a pair (i, j) is met twice, on the rank of i and on the rank of j, and each takes its own part.
"""

from dataclasses import dataclass

import torch

from .. import contrastive
from .._loss import check_reduction, check_weight, prepare, rows_kept, select
from .._xp import softplus, unit, without_autocast
from ..contrastive import _have_directions, _one_number, _positive_number
from ._ranks import Ranks, as_number, once, tensors_only, wants_gradient


def info_nce(query, key, *, temperature=0.07, symmetric=False, weight=None, reduction="mean", denominator=None, group=None):
    """InfoNCE over all ranks: each query has to find its own key among the keys of all ranks. `lossbook.info_nce`, spread out.

    query, key: (n, D), this rank's rows, n ≥ 0, and row i of `key` belongs to row i of `query`. `temperature` > 0 is a number or
    a 0-d tensor, which may be learned, equal on all ranks. `symmetric` averages both directions (CLIP). The mean is that of all
    rows of all ranks, "none" has this rank's (n,); a row of weight 0 is taken out on all ranks. ValueError or TypeError, on all
    ranks, if one has the wrong shape or dtype, or a zero vector. Source: van den Oord, Li and Vinyals (2018); Radford et al.
    (2021).

    >>> round(float(info_nce(torch.eye(3), torch.eye(3), temperature=1.0)), 4)  # one rank: log(1 + 2/e)
    0.5514
    """
    call = _Call("info_nce", {"query": query, "key": key}, weight, reduction, denominator, group)
    (query, key), sizes = call.agree({"temperature": temperature}, {"symmetric": symmetric})
    pairs = _Pairs(call.ranks, sizes, _Softmax, both=symmetric)
    found = _Losses.apply(pairs, 1 / _beside(query, temperature), None, unit(query), unit(key), None)
    return call.reduce((found[0] + found[1]) / 2 if symmetric else found[0])


def nt_xent(z1, z2, *, temperature=0.5, weight=None, reduction="mean", denominator=None, group=None):
    """NT-Xent over all ranks: each view has to find the other view of its example among the views of all ranks.

    z1, z2: (n, D), two views of this rank's n ≥ 0 examples. `temperature` > 0 is a number or a 0-d tensor, which may be learned,
    equal on all ranks. "none" and `weight` have this rank's 2n entries, those of z1 first; a weight multiplies a value, and does
    not take the view out. Raises as `info_nce`. Source: Chen, Kornblith, Norouzi and Hinton (2020).

    >>> round(float(nt_xent(torch.eye(2), torch.eye(2), temperature=1.0)), 4)  # one rank: log(1 + 2/e)
    0.5514
    """
    call = _Call("nt_xent", {"z1": z1, "z2": z2}, weight, reduction, denominator, group)
    (z1, z2), sizes = call.agree({"temperature": temperature})
    example = sum(sizes[: call.ranks.rank]) + torch.arange(len(z1), device=z1.device)
    pairs = _Pairs(call.ranks, [2 * size for size in sizes], _Softmax)
    views = unit(torch.cat([z1, z2]))
    return call.reduce(_Losses.apply(pairs, 1 / _beside(z1, temperature), None, views, None, torch.cat([example, example]))[0])


def supervised_contrastive(embeddings, labels, *, temperature=0.1, reduction="mean", denominator=None, group=None):
    """Supervised contrastive loss over all ranks: each anchor has to find the other rows of its group, wherever they are.

    embeddings: (n, D), labels: (n,) integers, this rank's rows, n ≥ 0; a label means the same group on all ranks. `temperature`
    as in `nt_xent`. An anchor that is alone in its group on all ranks together has no value: it is left out of "none", which has
    this rank's other anchors, and of the mean. Raises as `info_nce`. Source: Khosla et al. (2020).

    >>> x, labels = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]), torch.tensor([7, 7, 8])  # the last one is alone
    >>> supervised_contrastive(x, labels, temperature=1.0, reduction="none")  # log(1 + 1/e)
    tensor([0.3133, 0.3133])
    """
    call = _Call("supervised_contrastive", {"embeddings": embeddings, "labels": labels}, None, reduction, denominator, group)
    (embeddings, labels), sizes = call.agree({"temperature": temperature})
    pairs = _Pairs(call.ranks, sizes, _Softmax)
    values, counted = _Losses.apply(pairs, 1 / _beside(embeddings, temperature), None, unit(embeddings), None, labels)
    return call.reduce(values, counted)


def siglip(image, text, *, temperature, bias, weight=None, reduction="mean", denominator=None, group=None):
    """SigLIP over all ranks: each pair of an image and a text of any ranks is a binary question of its own.

    image, text: (n, D), this rank's rows, n ≥ 0, and row i of `text` belongs to row i of `image`. `temperature` > 0 multiplies
    the cosines; it and `bias` are numbers or 0-d tensors, which may be learned, equal on all ranks. One value per image, the sum
    over the texts of all ranks; `weight`, "none" and what raises as in `info_nce`. Source: Zhai, Mustafa, Kolesnikov and Beyer
    (2023).

    >>> round(float(siglip(torch.eye(2), torch.eye(2), temperature=10.0, bias=-10.0)), 4)  # one rank: log 2 + log(1 + e^-10)
    0.6932
    """
    call = _Call("siglip", {"image": image, "text": text}, weight, reduction, denominator, group)
    (image, text), sizes = call.agree({"temperature": temperature, "bias": bias})
    pairs = _Pairs(call.ranks, sizes, _Sigmoid)
    scale, bias = (_beside(image, number) for number in (temperature, bias))
    return call.reduce(_Losses.apply(pairs, scale, bias, unit(image), unit(text), None)[0])


class _Call:
    """One call of a loss: its checks, which all ranks pass or none, and its reduction over the ranks."""

    def __init__(self, name, arrays, weight, reduction, denominator, group):
        self.name, self.arrays, self.weight, self.ranks = name, arrays, weight, Ranks(group)
        self.reduction, self.denominator = reduction, denominator

    def agree(self, numbers, options=()):
        """The rows that count, in the dtype of the computation, and how many of them each rank has."""
        return self.ranks.agree(self.name, lambda: self.check(numbers, dict(options)))

    def check(self, numbers, options):
        check_reduction(self.reduction, self.denominator)
        tensors_only(**self.arrays)
        plain = getattr(contrastive, self.name)
        of_rows = self.weight if self.name != "nt_xent" else None  # it has two values for each row
        batch = prepare(plain, list(self.arrays.values()), of_rows, {})
        self.kept, self.dtype, self.of_value = rows_kept(batch), batch.dtype, batch.weight
        rows = [a if self.kept is None else a[self.kept] for a in batch.arrays]
        if self.name == "nt_xent" and self.weight is not None:
            self.of_value = check_weight(torch.as_tensor(self.weight), (2 * len(rows[0]),), rows[0].dtype)
        _have_directions(**dict(zip(self.arrays, rows[: plain.predictions])))
        for name, number in numbers.items():
            (_one_number if name == "bias" else _positive_number)(**{name: number})
        equal = {
            "the length of a row": rows[0].shape[1],
            "the dtype": self.dtype,
            **{name: as_number(number) for name, number in numbers.items()},
            **options,
            "the reduction": self.reduction,
            "the denominator": as_number(self.denominator),
            "what requires a gradient": wants_gradient(*self.arrays.values(), *numbers.values()),
        }
        return rows, equal, len(rows[0])

    def reduce(self, values, counted=None):
        """The mean or the sum over all ranks, or this rank's values."""
        if self.kept is not None:  # not put_back: where no row is left, it gives values that know of no backward pass
            values = values.new_zeros(self.kept.shape).masked_scatter(self.kept, values)
        weight = self.of_value
        if counted is not None:
            values, weight = select(values, counted, None, self.reduction)
        if weight is not None:
            values = values * weight
        if self.reduction == "none":
            return values.to(self.dtype)
        result = self.ranks.sum(values.sum())
        if self.reduction == "mean":
            count = values.new_tensor(values.numel()) if weight is None else weight.sum()
            result = result / (self.ranks.reduce(count) if self.denominator is None else self.denominator)
        return result.to(self.dtype)


def _beside(rows, number):
    return torch.as_tensor(number, dtype=rows.dtype, device=rows.device)


# --- all pairs, tile by tile -----------------------------------------------------------------------------------------------

TILE = {"cpu": 2**18, "cuda": 2**24}  # pairs looked at together


@dataclass
class _Pairs:
    """Which pairs there are: `sizes` rows on each rank, a `rule` that turns logits into values and slopes, and whether `both`
    sides of a pair are anchors."""

    ranks: Ranks
    sizes: list
    rule: object
    both: bool = False

    def meet(self, rows, others, ids, state=None):
        """The cosines of this rank's rows with the rows of all ranks in tiles: (tile, others, state, cosines, positive, itself).

        Two rows are positives of each other if their ids are equal; without ids row i belongs to row i of the other side. Rows
        that meet themselves, as `others` is None, are no pair.
        """
        place = torch.arange(len(rows), device=rows.device) + sum(self.sizes[: self.ranks.rank])
        alone, others = others is None, rows if others is None else others
        carried = [others, *([] if ids is None else [ids]), *([] if state is None else [state])]
        for start, (block, *rest) in self.ranks.blocks(self.sizes, *carried):
            their_place = torch.arange(len(block), device=rows.device) + start
            their_ids = their_place if ids is None else rest[0]
            step = max(1, TILE.get(rows.device.type, 2**20) // len(block))
            for first in range(0, len(rows), step):
                tile = slice(first, first + step)
                itself = place[tile, None] == their_place if alone else None
                positive = (place if ids is None else ids)[tile, None] == their_ids
                if alone:
                    positive &= ~itself
                yield tile, block, rest[-1] if state is not None else None, rows[tile] @ block.T, positive, itself


class _Losses(torch.autograd.Function):
    """The values of all anchors, from logit = scale · cosine + bias of all pairs, and which anchors have a value.

    x and y are unit vectors; the anchors are the rows of x, and with `both` also those of y. y is None: x meets itself.
    """

    @staticmethod
    def forward(ctx, pairs, scale, bias, x, y, ids):
        ctx.pairs, values, states = pairs, [], []
        with without_autocast(x):
            for rows, others in ((x, y), (y, x))[: 1 + pairs.both]:
                found = pairs.rule.nothing(rows)
                for tile, _, _, cosines, positive, itself in pairs.meet(rows, others, ids):
                    logits = _logits(cosines, scale, bias)
                    found[:, tile] = pairs.rule.add(found[:, tile], logits, positive, itself)
                value, state, counted = pairs.rule.value(found)
                values.append(value)
                states.append(state)
        ctx.save_for_backward(scale, bias, x, y, ids, *states)
        ctx.mark_non_differentiable(counted)
        return (*values, counted)

    @staticmethod
    @once
    def backward(ctx, *slopes):
        pairs, (scale, bias, x, y, ids, *states) = ctx.pairs, ctx.saved_tensors
        anchors = [torch.cat([state, slope[:, None]], 1) for state, slope in zip(states, slopes)]  # what travels with a row
        of_scale, of_bias, gradients = 0.0, 0.0, [None, None]
        with without_autocast(x):
            for side, (rows, others) in enumerate([(x, None)] if y is None else [(x, y), (y, x)]):
                mine = anchors[side] if side < len(anchors) else None
                their_side = side if y is None else 1 - side
                theirs = anchors[their_side] if their_side < len(anchors) else None
                gradients[side] = torch.zeros_like(rows)
                for tile, block, their_state, cosines, positive, itself in pairs.meet(rows, others, ids, theirs):
                    logits, pull = _logits(cosines, scale, bias), 0.0
                    if mine is not None:  # a pair belongs to the rank of its anchor: its share of the slope in scale and bias
                        pull = pairs.rule.slope(logits, positive, itself, mine[tile].T[..., None])
                        of_scale = of_scale + (pull * cosines).sum(dtype=torch.float64)
                        of_bias = of_bias + pull.sum(dtype=torch.float64)
                    if their_state is not None:
                        pull = pull + pairs.rule.slope(logits, positive, itself, their_state.T[:, None])
                    gradients[side][tile] += pull @ block
                gradients[side] *= scale
        of_scale, of_bias = (torch.as_tensor(total, device=x.device).to(x.dtype) for total in (of_scale, of_bias))
        return None, of_scale, None if bias is None else of_bias, *gradients, None


def _logits(cosines, scale, bias):
    return cosines * scale if bias is None else cosines * scale + bias


class _Softmax:
    """The mean over the positives p of an anchor of -log softmax_p = (LSE over all) - s_p.

    With the log-sums-exp A over the positives and B over the others, it is (A - mean s_p) + log(1 + e^(B - A)). For one positive
    the first term is exactly 0, and nothing cancels however sure the answer is.
    """

    @staticmethod
    def nothing(rows):
        found = rows.new_zeros(4, len(rows))  # A, B, Σ s_p, number of positives
        found[:2] = -torch.inf
        return found

    @staticmethod
    def add(found, logits, positive, itself):
        other = ~positive if itself is None else ~(positive | itself)
        sums = [torch.logsumexp(torch.where(these, logits, -torch.inf), 1) for these in (positive, other)]
        totals = [torch.where(positive, logits, 0.0).sum(1), positive.sum(1)]
        return torch.stack([*map(torch.logaddexp, found[:2], sums), *(a + b for a, b in zip(found[2:], totals))])

    @staticmethod
    def value(found):
        """The values, and of each anchor LSE, share of a positive in the target and, if there is one positive, -P(error)."""
        positives, others, total, count = found
        counted = count > 0
        positives, count = torch.where(counted, positives, 0.0), count.clamp(min=1)
        excess = softplus(others - positives)
        value = torch.where(counted, positives - total / count + excess, 0.0)
        lse = torch.where(counted, torch.logaddexp(positives, others), torch.inf)  # e^(s - inf) = 0: no slope
        share = torch.where(counted, 1 / count, 0.0)
        return value, torch.stack([lse, share, torch.expm1(-excess)], 1), counted

    @staticmethod
    def slope(logits, positive, itself, anchor):
        """softmax - target for each pair, times what the anchor's value weighs."""
        lse, share, missing, weight = anchor
        p = torch.exp(logits - lse)
        error = torch.where(positive, torch.where(share == 1, missing, p - share), p)
        return weight * (error if itself is None else torch.where(itself, 0.0, error))


class _Sigmoid:
    """Σ over all pairs of an anchor of log(1 + e^(-s)) for a positive and of log(1 + e^s) for a negative."""

    @staticmethod
    def nothing(rows):
        return rows.new_zeros(1, len(rows))

    @staticmethod
    def add(found, logits, positive, itself):
        return found + softplus(torch.where(positive, -logits, logits)).sum(1)

    @staticmethod
    def value(found):
        return found[0], found.new_empty(found.shape[1], 0), torch.ones_like(found[0], dtype=torch.bool)

    @staticmethod
    def slope(logits, positive, itself, anchor):
        (weight,) = anchor
        return weight * torch.where(positive, -torch.sigmoid(-logits), torch.sigmoid(logits))
