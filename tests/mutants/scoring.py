"""Planted errors in lossbook/scoring.py: (function or card, the right text, the wrong text[, the loss that finds it])."""

MUTANTS = [
    ("spherical_score", "return -sum", "return sum"),
    ("brier_gradient", "error - sum", "error + sum"),
    ("_direction", "** 0.5", "** 1.0", "spherical_score"),
    ("brier card", "bound=2", "bound=1"),
]
