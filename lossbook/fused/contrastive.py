"""Contrastive losses whose N × N products never stand in memory.

Only one part of such a loss is quadratic: for each row x_i the sum over j of e^(x_i · y_j), or of another function of these
products. The positives need N products, or the product with a mean. So that one part is computed here, block by block, forwards
and once more backwards. Directions, temperature and positives are a few ops on N × D numbers and are left to autograd.
"""

import math

import torch

from .. import contrastive as plain
from .._xp import unit
from ._engine import apply, coupled

BLOCK = 1024  # rows and columns of a block of products
LOG2_E = math.log2(math.e)


class Products:
    """The products of the rows of x with those of y, or with each other, where a block serves its rows and its columns."""

    targets = ()

    def __init__(self, name, columns=False, graph=False):
        self.name, self.columns, self.graph = name, columns, graph  # are the columns summed, too; may gradients be wanted

    def blocks(self, x, y):
        """For one block after the other: its rows, its columns and the products, in bits: e^(x · y) is 2 to that power."""
        alone, x_bits = x is y, x * LOG2_E
        for top in range(0, len(x), BLOCK):
            for left in range(top if alone else 0, len(y), BLOCK):
                i, j = slice(top, top + BLOCK), slice(left, left + BLOCK)
                products = x_bits[i] @ y[j].T
                yield i, j, products.fill_diagonal_(-math.inf) if alone and i == j else products

    def multiply(self, x, y, buffers, slopes):
        """From `slopes`, blocks of derivatives in the products, to the buffers: slope · y for the rows of x, slopeᵀ · x for y."""
        of_x, of_y = buffers if len(buffers) == 2 else buffers * 2
        for buffer in buffers:
            if buffer is not None:
                buffer.zero_()
        for i, j, slope in slopes:
            if of_x is not None:
                of_x[i] += slope @ y[j]
            if of_y is not None and not (x is y and i == j):
                of_y[j] += slope.T @ x[i]


class LogSumExp(Products):
    """The job log Σ_j e^(x_i · y_j): of the rows, (n,), or of rows and `columns`, (2, n). Alone, x meets itself but for the
    diagonal, and its columns are its rows. All powers are relative to the largest product so far, of all rows."""

    def values(self, predictions):
        x, y = predictions[0], predictions[-1]
        self.top, rows = x.new_full((), -math.inf), x.new_zeros(len(x))
        columns = rows if x is y else x.new_zeros(len(y)) if self.columns else None
        self.sums = [rows] if columns is None or columns is rows else [rows, columns]
        for i, j, products in self.blocks(x, y):
            top = torch.maximum(self.top, products.amax())
            for sums in self.sums:
                sums.mul_((self.top - top).exp2_().nan_to_num_(0.0))
            self.top = top
            powers = products.sub_(top).exp2_()
            rows[i] += powers.sum(1)
            if columns is not None and not (x is y and i == j):
                columns[j] += powers.sum(0)
        small = len(y) * torch.finfo(x.dtype).tiny / torch.finfo(x.dtype).eps
        logs = [sums.masked_fill(sums < small, 0.0).log2_().add_(self.top).mul_(1 / LOG2_E) for sums in self.sums]
        return logs[0] if len(logs) == 1 else torch.stack(logs)

    def total(self, predictions, factor, buffers):
        x, y = predictions[0], predictions[-1]
        shares = [f / sums for f, sums in zip(factor.reshape(len(self.sums), -1), self.sums)]
        of_row, of_column = shares[0], shares[-1] if x is y or self.columns else None

        def slopes():
            for i, j, products in self.blocks(x, y):
                share = of_row[i, None] if of_column is None else of_row[i, None] + of_column[j]
                yield i, j, products.sub_(self.top).exp2_().mul_(share)

        self.multiply(x, y, buffers, slopes())


class SumSoftplus(Products):
    """The job Σ_j log(1 + e^(x_i · y_j)): of the rows, (n,). The same products give the gradient of their sum, and a mean asks
    for nothing else. Where the factors of the rows differ, they are computed once more."""

    def values(self, predictions):
        sums, one = predictions[0].new_zeros(len(predictions[0])), predictions[0].new_ones(len(predictions[0]))
        self.whole = [torch.empty_like(p) if self.graph else None for p in predictions]
        self.multiply(*predictions, self.whole, self.slopes(*predictions, one, sums))
        return sums

    def slopes(self, x, y, factor, sums):
        for i, j, products in self.blocks(x, y):
            logs = products.abs().neg_().exp2_().log1p_()
            sums[i] += logs.sum(1).add_(torch.clamp_min(products, 0, out=logs).sum(1), alpha=1 / LOG2_E)
            yield i, j, products.mul_(1 / LOG2_E).sigmoid_().mul_(factor[i, None])

    def total(self, predictions, factor, buffers):
        if (factor != factor[0]).any():
            return self.multiply(*predictions, buffers, self.slopes(*predictions, factor, torch.zeros_like(factor)))
        for buffer, whole in zip(buffers, self.whole):
            if buffer is not None:
                torch.mul(whole, factor[0], out=buffer)


def _dot(x, y):
    return (x * y).sum(-1)


@coupled(plain.info_nce, pays_from=2**13)
def info_nce(query, key, *, temperature=0.07, symmetric=False):
    plain._have_directions(query=query, key=key)
    query, key = unit(query) / plain._positive_number(temperature=temperature), unit(key)
    found = apply(LogSumExp("info_nce", columns=symmetric), None, query, key)
    return (found.mean(0) if symmetric else found) - _dot(query, key)


@coupled(plain.nt_xent, pays_from=2**13)
def nt_xent(z1, z2, *, temperature=0.5):
    plain._have_directions(z1=z1, z2=z2)
    views = unit(torch.cat([z1, z2])) / _root(temperature)
    return apply(LogSumExp("nt_xent"), None, views) - _dot(*views.chunk(2)).repeat(2)


@coupled(plain.supervised_contrastive, pays_from=2**13)
def supervised_contrastive(embeddings, labels, *, temperature=0.1):
    """The mean product with the positives is the one with the sum of the group, less the row itself."""
    plain._have_directions(embeddings=embeddings)
    x = unit(embeddings) / _root(temperature)
    _, group, size = labels.unique(return_inverse=True, return_counts=True)
    sums = x.new_zeros(len(size), x.shape[1]).index_add(0, group, x)
    near = (_dot(x, sums[group]) - _dot(x, x)) / (size[group] - 1).clamp_min(1)
    return apply(LogSumExp("supervised_contrastive"), None, x) - near


@coupled(plain.siglip, pays_from=2**13)
def siglip(image, text, *, temperature, bias):
    """The bias is one more entry of each row, beside a 1. Of the own text, log(1 + e^-z) = log(1 + e^z) - z."""
    plain._have_directions(image=image, text=text)
    image, text = plain._positive_number(temperature=temperature) * unit(image), unit(text)
    one = torch.ones_like(text[:, :1])
    image, text = torch.cat([image, one * plain._one_number(bias=bias)], 1), torch.cat([text, one], 1)
    return apply(SumSoftplus("siglip", graph=torch.is_grad_enabled()), None, image, text) - _dot(image, text)


def _root(temperature):
    """√τ: divided by it, rows have products that are cosines over τ."""
    temperature = plain._positive_number(temperature=temperature)
    return temperature**0.5


@coupled(plain.batch_hard_triplet, pays_from=2**13)
def batch_hard_triplet(embeddings, labels, *, margin=1.0, squared=False):
    plain.in_range(margin=margin, low=0, closed="[")
    positive, negative = hardest(embeddings.detach(), labels)
    return plain.positive_part(margin + plain._excess(embeddings, embeddings[positive], embeddings[negative], squared))


def hardest(x, labels):
    """For each row the furthest of its group and the nearest of the others, without the distances of all pairs.

    Squared distances come from products, which is fast and costs digits where points are close: who lies within that error of
    the best is a candidate, and candidates are compared by their exact distances. The rows are taken in the order of their
    groups, so that the positives of a block of rows stand in a few columns.
    """
    if not x.isfinite().all():
        return plain._hardest(x, labels)
    order = labels.argsort(stable=True)
    centred, group = (x - x.mean(0))[order], labels[order]
    square = _dot(centred, centred)
    error = 4 * x.shape[1] * torch.finfo(x.dtype).eps * square.max()
    furthest, nearest = torch.zeros_like(order), torch.zeros_like(order)
    for start in range(0, len(x), BLOCK):
        i = slice(start, start + BLOCK)
        distance = torch.addmm(square, centred[i], centred.T, alpha=-2).add_(square[i, None])
        first, last = torch.searchsorted(group, group[i][[0, -1]]), torch.searchsorted(group, group[i][[0, -1]], right=True)
        near = slice(int(first[0]), int(last[1]))
        same = group[i, None] == group[near]
        mates = distance[:, near].masked_fill(~same, -math.inf)
        furthest[order[i]] = _decide(x, order[i], order[near], mates, mates.amax(1) - error, torch.ge)
        distance[:, near].masked_fill_(same, math.inf)
        closest = distance.amin(1)
        bound = torch.where(closest < math.inf, closest + error, -math.inf)  # nobody is near enough where there is no other group
        nearest[order[i]] = _decide(x, order[i], order, distance, bound, torch.le)
    return furthest, nearest


def _decide(x, rows, columns, distance, bound, within):
    """Of the columns whose distance is `within` the bound of the row, the best by its exact distance, of equals the first one;
    0 where there is none."""
    row, column = within(distance, bound[:, None], out=distance).nonzero(as_tuple=True)
    step = max(1, 2**22 // x.shape[1])
    pairs = zip(rows[row].split(step), columns[column].split(step))
    exact = torch.cat([plain._length(x[a] - x[b]) for a, b in pairs]) if len(row) else distance.new_empty(0)
    best = "amin" if within is torch.le else "amax"
    tie = exact == exact.new_zeros(len(rows)).scatter_reduce(0, row, exact, best, include_self=False)[row]
    return torch.zeros_like(rows).scatter_reduce(0, row[tie], columns[column[tie]], "amin", include_self=False)
