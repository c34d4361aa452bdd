from sympy import symbols


def trust_1(cost_missed, cost_alarm):
    """Acting costs (1 - p) · alarm, not acting p · miss: they are equal at alarm / (miss + alarm)."""
    return cost_alarm / (cost_missed + cost_alarm)


def trust_2():
    """H + (1 - p) H' with H = p (1 - p) (2 - p): the tangent at p, where q = 1."""
    p = symbols("p", nonnegative=True)
    return 2 * (1 - p) ** 3


def trust_3(p):
    """q (1 - p)² = (1 - q) p², solved for q."""
    return p**2 / (p**2 + (1 - p) ** 2)


def trust_4(p, old, new):
    """Prior out, new prior in, normalise."""
    moved = p * new / old
    return moved / moved.sum(axis=-1, keepdims=True)


def trust_5():
    """One confident mistake costs Brier little more than 2, and cross-entropy 4.6 nats."""
    return [0.99, 0.99, 0.99, 0.01], [0.45, 0.45, 0.45, 0.45]
