"""The only reduction in the package: how per-example values become one number."""

from ._xp import is_torch, namespace, values_readable

REDUCTIONS = ("none", "sum", "mean")


def reduce(values, weight, reduction, denominator):
    """Weighted sum, weighted mean, or the weighted values themselves.

    The mean divides the weighted sum by the sum of the weights, or by `denominator` if one is given: the count of the whole
    batch when this call sees only a part of it (gradient accumulation, data parallelism). The mean of nothing is nan.
    """
    if weight is not None:
        values = values * weight
    if reduction == "none":
        return values
    xp = namespace(values)
    total = xp.sum(values)
    if reduction == "sum":
        return total
    if denominator is None:
        denominator = xp.sum(weight) if weight is not None else _count(values)
    elif not isinstance(denominator, int | float) and is_torch(denominator) != is_torch(total):
        denominator = denominator.item()  # a 0-d array of the other library is a number
    return total / denominator


def check_reduction(reduction, denominator):
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction must be one of {REDUCTIONS}, got {reduction!r}")
    if denominator is None:
        return
    if reduction != "mean":
        raise ValueError(f"denominator divides the mean; with reduction={reduction!r} it would be ignored: leave it out")
    if not isinstance(denominator, int | float) and getattr(denominator, "shape", ()) != ():
        raise ValueError(f"denominator must be a number or a 0-d array, got shape {tuple(denominator.shape)}")
    if values_readable(denominator) and not denominator >= 0:
        raise ValueError(f"denominator must be >= 0 (a count or a sum of weights), got {denominator}")


def _count(values):
    count = 1
    for length in values.shape:
        count *= length
    return count
