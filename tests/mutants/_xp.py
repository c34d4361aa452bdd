"""Planted errors in lossbook/_xp.py: (function or card, the right text, the wrong text[, the loss that finds it])."""

MUTANTS = [
    ("softplus", "where(x < 0, 0.0, x) + log1p(exp(-magnitude(x)))", "log(1 + exp(x))", "sigmoid_cross_entropy"),
    ("softplus", "magnitude(x)", "absolute(x)", "sigmoid_cross_entropy"),
    ("sigmoid", "exp(-softplus(-x))", "1 - exp(-softplus(x))", "sigmoid_cross_entropy"),
    (
        "log_softmax",
        "below - log1p(others)",
        "logits - log(namespace(logits).sum(exp(logits), axis=-1, keepdims=True))",
        "softmax_cross_entropy",
    ),
    ("log_softmax", "log1p(others)", "log(1 + others)", "softmax_cross_entropy"),
    ("log_softmax", "where(is_top, 0.0, exp(below))", "exp(below)", "softmax_cross_entropy"),
    (
        "log_cosh_of",
        "where(small, near, far + log1p(exp(-2 * far)) - math.log(2))",
        "magnitude(x) + log1p(exp(-2 * magnitude(x))) - math.log(2)",
        "log_cosh",
    ),
    ("mul0", "factor * where(factor == 0, 1.0, x)", "factor * x", "sigmoid_cross_entropy"),
    ("log1p_square", "where(big, 2 * log(large) + log1p(large**-2), log1p(where(big, 0.0, x) ** 2))", "log(1 + x**2)", "cauchy"),
    ("probability_error", "where(q == 1, expm1(log_p), exp(log_p) - q)", "exp(log_p) - q", "brier"),
    (
        "one_minus_bell",
        "where(near, -expm1(-(where(near, x, 0.0) ** 2) / 2), 1 - exp(-(x**2) / 2))",
        "1 - exp(-(x**2) / 2)",
        "welsch",
    ),
    ("softplus", "log1p(exp(-magnitude(x)))", "clip(log1p(exp(-magnitude(x))), 1e-7, 100.0)", "sigmoid_cross_entropy"),
    ("log_softmax", "below - log1p(others)", "clip(below - log1p(others), -100.0, 0.0)", "softmax_cross_entropy"),
    ("positive_part", "where(x <= 0, 0.0, x)", "where(x > 0, x, 0.0)", "hinge"),
    ("step", "clip(sign(x), 0.0, 1.0)", "where(x > 0, 1.0, 0 * x)", "hinge"),
    ("step", "clip(sign(x), 0.0, 1.0)", "(sign(x) + 1) / 2", "pinball"),
]
