import math

import numpy as np

from lossbook._symbols import alpha, scale, sigma


def score_1(x, alpha, sigma):
    """The mean of +1 and -1, weighted by their two bells at x; tanh does not overflow."""
    return np.tanh(alpha * x / sigma**2)


def score_2(v, x, alpha, sigma):
    """v = α ε - σ x₀ and x = α x₀ + σ ε are a rotation of (x₀, ε); this turns it back."""
    return alpha * v + sigma * x


def score_3():
    """The floor s²σ²/(α²s² + σ²) of the clean guess, times the signal-to-noise ratio α²/σ²."""
    return alpha**2 * scale**2 / (alpha**2 * scale**2 + sigma**2)


def score_4():
    """Var(x¹ | x) / (1 - t)² = s²/(t²s² + (1 - t)²); its integral over t is s π/2, here with s = 2."""
    return 2 * math.pi / 2


def score_5():
    """Halfway between two images the best guess is their mean, which is neither; a small σ does not change that."""
    return [-1.0, 1.0], 0.0
