"""What sorting makes cheap: sums over all pairs, and over all who are at risk, in O(n log n). After the sort everything is a
running sum, in float64, of terms that are not negative, so that nothing cancels.
"""

import functools
import math

import torch
from torch.nn.functional import pad

from .. import ranking, scoring, survival
from .._loss import in_range
from ._engine import apply, coupled, fused

MANY = 2**13  # of more rows the plain definition cannot look at all pairs


def rising(x, last=None):
    """x in rising order along its last axis, the place each entry had, and `last` in that order: a boolean (1-D) for entries that
    come after those equal to them, which otherwise keep their order. NumPy sorts integers six times as fast as torch sorts floats
    with their places: here the bits of a float32, in the order of the floats, then `last`, then the place make one integer."""
    if x.dtype != torch.float32 or x.device.type != "cpu":
        before = None if last is None else last.to(torch.uint8).argsort(stable=True)
        ordered, place = (x if before is None else x[before]).sort(stable=True)
        place = place if before is None else before[place]
        return ordered, place, last if last is None else last[place]
    keys = _turned((x + 0.0).view(torch.int32)).long().bitwise_left_shift_(32)  # + 0.0: -0.0 equals 0.0
    keys += torch.arange(x.shape[-1]) if last is None else torch.arange(x.shape[-1]).add_(last, alpha=2**31)
    keys.numpy().sort()
    low = keys.bitwise_and(2**32 - 1)
    last = last if last is None else low >= 2**31
    return _turned(keys.bitwise_right_shift_(32).int()).view(torch.float32), low.bitwise_and_(2**31 - 1), last


def _turned(bits):
    """A negative float counts its size upwards in the other 31 bits: turned over, they count downwards. Twice does nothing."""
    return bits ^ ((bits >> 31) & (2**31 - 1))


class Sorted:
    """The job of a loss that sorts its rows: `look` tells their places in that order, their values, their gradient by factor."""

    targets = ()  # backward does not look at them again

    def __init__(self, name, look):
        self.name, self.look = name, look

    def values(self, predictions):
        self.place, values, self.slopes = self.look()
        return torch.zeros_like(predictions[0]).scatter_(0, self.place, values.to(predictions[0].dtype))

    def total(self, predictions, factor, buffers):
        buffers[0].zero_().scatter_(0, self.place, self.slopes(factor[self.place].double()).to(buffers[0].dtype))


def _zero_or_one(y):
    return not (y * y - y).count_nonzero()


def _from_the_end(x):
    return x.flip(0).cumsum_(0).flip(0)


@coupled(ranking.pairwise_squared_hinge, pays_from=300, most=MANY)
def pairwise_squared_hinge(scores, positive, *, margin=1.0):
    """With w = m - s_p and w = -s_n a pair costs (w_p - w_n)₊². Along the line of all w the number N of negatives passed is the
    slope of L = Σ (w - w_n)₊, and 2L is the slope of Σ (w - w_n)₊². All are straight between two w, so trapezoids are exact."""
    in_range(margin=margin, low=0, closed="[")
    if _zero_or_one(positive):
        look = functools.partial(_hinge, scores.detach(), positive, margin)
        return apply(Sorted("pairwise_squared_hinge", look), None, scores)


def _hinge(scores, positive, margin):
    s = scores.double() - scores.double().mean()  # only differences count
    _, place, y = rising((margin * positive - s).to(scores.dtype), last=positive == 1)
    y = y.double()
    w = (y * margin).sub_(s[place])  # where float32 sees a tie they may fall, by no more than its rounding
    step = w.diff()
    passed = (1 - y).cumsum_(0)
    negatives = passed[-1:].clamp_min(1)
    line = pad((passed[:-1] * step).cumsum_(0), (1, 0))
    square = pad((line[1:] + line[:-1]).mul_(step).cumsum_(0), (1, 0))

    def slopes(factor):
        f = y * factor
        ahead = pad(_from_the_end(_from_the_end(f)[1:].mul_(step)), (0, 1))  # Σ f (w_p - w)₊
        return torch.lerp(ahead, f.mul_(line).neg_(), y).mul_(2 / negatives)

    return place, square.mul_(y).div_(negatives), slopes


@coupled(ranking.pairwise_square, pays_from=200, most=MANY)
def pairwise_square(scores, positive, *, margin=1.0):
    """Over the negatives the mean of (m - s_p + s_n)² is (m - s_p + mean s_n)² plus their variance. No gradient by hand."""
    in_range(margin=margin, low=0, closed="[")
    if _zero_or_one(positive):
        s = scores.double() - scores.detach().double().mean()
        negatives = s[positive == 0]
        mean = negatives.sum() / max(1, len(negatives))
        values = (margin - (s - mean)) ** 2 + ((negatives - mean) ** 2).sum() / max(1, len(negatives))
        return values.to(scores.dtype)


@coupled(survival.cox_partial_likelihood, pays_from=1)
def cox_partial_likelihood(log_hazard, time, event, *, ties="efron"):
    """With h = e^s, in the order of time: an event costs log(1 + Σ h of later rows / h), and takes its share 1 / Σ h at risk from
    each row at risk. With ties the later rows begin after those tied, and what is at risk of these is `own` times their sum."""
    low, high = log_hazard.aminmax()
    narrow = high - low < math.log(torch.finfo(log_hazard.dtype).max) / 1.4  # beyond that range h would overflow
    if ties in survival.TIES and _zero_or_one(event) and event.any() and narrow and time.isfinite().all():
        look = functools.partial(_partial, log_hazard.detach(), time, event, ties)
        return apply(Sorted("cox_partial_likelihood", look), None, log_hazard)


def _partial(log_hazard, time, event, ties):
    t, place, gone = rising(time, last=event == 0)
    start = int(gone.view(torch.uint8).argmin())  # who leaves before the first event is never at risk
    place, s = place[start:], log_hazard.index_select(0, place[start:]).double()
    h, seen = s.sub_(s.max()).exp_(), ~gone[start:]
    later = _from_the_end(h)
    follows = (t[start + 1 :] == t[start:-1]).logical_and_(seen[1:])  # an event at the time of the row before, which is one, too
    if tied := bool(follows.any()):
        group = pad(~follows, (1, 0), value=True).cumsum(0).sub_(1)
        size = torch.bincount(group)
        end = size.cumsum(0)
        later = pad(later, (0, 1))[end][group]
        own = torch.ones_like(h)
        begin = (end - size)[group]
        if ties == "efron":
            own -= (torch.arange(len(h), device=h.device) - begin).double().div_(size[group])
        together = _sums(h, group).mul_(own)
        at_risk, ratio = together + later, together.div_(h).sub_(1).add_(later.div_(h))
    else:
        at_risk, ratio = later, pad(later[1:], (0, 1)).div_(h)

    def slopes(factor):
        f = seen.double().mul_(factor)
        share = f / at_risk
        taken = share.cumsum(0)
        if tied:
            taken = pad(taken, (1, 0))[begin].add_(_sums(share.mul_(own), group))
        return taken.mul_(h).sub_(f)

    return place, ratio.to(log_hazard.dtype).log1p_().mul_(seen), slopes


def _sums(x, group):
    """Σ x over the rows of the same group, for each row."""
    return torch.zeros_like(x).index_add_(0, group, x)[group]


def _crps(samples, target, wanted, fair=False):
    """Of the M gaps x - y in rising order, that of rank r has the slope (sign + (M - 1 - 2r) / (M - fair)) / M: towards y, and
    away from the other members. The loss is Σ slope · gap, where no term is negative. Members that tie share their ranks."""
    members = samples.shape[-1]
    if fair and members < 2:
        raise ValueError
    gap, place, _ = rising(samples - target[:, None])
    slope = gap.sign().add_(_lean(torch.arange(members, device=gap.device), members, fair))
    tied = (gap[:, 1:] == gap[:, :-1]).any(1).nonzero()[:, 0]
    if len(tied):
        some = gap[tied]
        slope[tied] = some.sign().add_(_lean(_shared_ranks(some), members, fair))
    slope.div_(members)
    value = gap.mul_(slope).sum(-1)
    return value, torch.empty_like(slope).scatter_(1, place, slope)


def _lean(rank, members, fair):
    return (members - 1 - 2 * rank).double() / (members - fair)


def _shared_ranks(ordered):
    """The mean place of each run of equal entries, at each of them."""
    rows, members = ordered.shape
    first = pad(ordered[:, 1:] != ordered[:, :-1], (1, 0), value=True).view(-1).nonzero()[:, 0]
    length = pad(first[1:], (0, 1), value=rows * members) - first
    middle = (first % members).double().add_(length - 1, alpha=0.5)
    return middle.repeat_interleave(length, output_size=rows * members).view(rows, members)


crps_ensemble = fused(scoring.crps_ensemble, scoring.crps_ensemble_gradient, kernel=_crps, pays_from=4000)
