import numpy as np

from lossbook.derive import sigmoid, tau, z1, z2


def near_1(cosines, own, temperature):
    """Softmax minus one-hot, divided by the temperature; the largest logit is taken off so that nothing overflows."""
    logits = cosines / temperature
    shares = np.exp(logits - logits.max())
    return (shares / shares.sum() - np.eye(len(cosines))[own]) / temperature


def near_2():
    """log P for each anchor: one partner for 2 of them, three for 4, eight for 9."""
    return (2 * np.log(1) + 4 * np.log(3) + 9 * np.log(8)) / 15


def near_3():
    """log K must reach 10, so K is e to the power 10, rounded up; that I is larger does not help."""
    return int(np.ceil(np.exp(10)))


def near_4():
    """The chain rule on softplus((z2 - z1) / tau)."""
    return (z1 - z2) / tau**2 * sigmoid((z2 - z1) / tau)


def near_5():
    """A common first coordinate, and a second that separates the groups by a hundred-thousandth."""
    group = np.repeat([0, 1], 4)
    return np.column_stack([np.ones(8), 1e-5 * group + 1e-7 * np.arange(8)])
