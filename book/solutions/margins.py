def margin_1(x, s):
    """The widest gap is between the largest negative x and the smallest positive one: w·x + b is -1 and +1 there."""
    low, high = x[s < 0].max(), x[s > 0].min()
    w = 2 / (high - low)
    return w, 1 - w * high


def margin_2():
    """Where the slope of the expected loss, with the cost c on positives, is zero: (c·q - (1 - q)) / (c·q + 1 - q)."""
    return "(w*q - (1 - q)) / (w*q + 1 - q)"


def margin_3(z):
    """The square between -1 and 1, its tangent below, nothing above."""
    import numpy as np

    return np.where(z >= 1, 0.0, np.where(z <= -1, -z, (1 - z) ** 2 / 4))


def margin_4():
    """No class reaches one half, and the first is 9 points ahead."""
    return [0.45, 0.36, 0.19]
