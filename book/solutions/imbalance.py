from lossbook.derive import m


def imbalance_1(alarm, miss, w):
    """The threshold in odds is alarm / miss; the weight has multiplied all odds by w."""
    odds = w * alarm / miss
    return odds / (1 + odds)


def imbalance_2(p, old, new):
    """Divide by the old prior, multiply by the new one, and let every row add up to 1."""
    changed = p / old * new
    return changed / changed.sum(axis=-1, keepdims=True)


def imbalance_3():
    """The first size at which the chance of a batch without a positive is at most 5 %."""
    size = 1
    while (50 / 51) ** size > 0.05:
        size += 1
    return size


def imbalance_4():
    """(1/n + 1/(m n)) / (1/n); at m = 5 the variance is 20 % above its limit, and 20 % is all that a million more could save."""
    return 1 + 1 / m


def imbalance_5():
    """Whoever misses the last class pays 50, so every other decision costs at least 0.1 · 50."""
    return [0.6, 0.3, 0.1], [[0, 1, 1], [1, 0, 1], [50, 50, 0]]
