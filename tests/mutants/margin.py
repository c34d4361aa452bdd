"""Planted errors in lossbook/margin.py: (function or card, the right text, the wrong text[, the loss that finds it])."""

MUTANTS = [
    ("hinge", "1 - (2 * target - 1)", "1 + (2 * target - 1)"),
    ("perceptron_gradient", "-side * step(-side", "side * step(-side"),
    ("squared_hinge_gradient", "-2 * side", "-side"),
    ("hinge", "zero_or_one(target=target)", "pass"),
    ("perceptron card", 'denies(check.calibrated, "verified", witness=0.8)', 'says(check.calibrated, "verified")'),
]
