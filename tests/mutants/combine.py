"""Planted errors in lossbook/combine.py: (function or card, the right text, the wrong text[, the loss that finds it])."""

MUTANTS = [
    ("weighted_sum", "mul0(weights, losses)", "weights * losses**2"),
    ("weighted_sum", "mul0(weights, losses)", "losses"),
    ("weighted_sum", "~(weights < 0)", "~(weights < -9)"),
    ("weighted_sum_gradient", "where(losses == losses, 1.0, losses)", "losses"),
    ("weighted_sum card", "witness=[(0.0, 1.0), (0.6, 0.6), (1.0, 0.0)]", "witness=[(0.0, 1.0), (0.4, 0.4), (1.0, 0.0)]"),
    ("uncertainty_weighting", "exp(-log_variances / 2)", "exp(-log_variances)"),
    ("uncertainty_weighting", "half + log_variances) / 2", "half + log_variances)"),
    ("uncertainty_weighting", "half * losses * half + log_variances", "half * losses * half - log_variances"),
    ("uncertainty_weighting_gradient", "(1 - half * losses * half)", "(1 + half * losses * half)"),
    ("uncertainty_weighting_gradient", "where(losses == losses, half, losses)", "half"),
    ("uncertainty_weighting card", "(1 + log(L)) / 2", "log(L) / 2"),
]
