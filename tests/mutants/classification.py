"""Planted errors in lossbook/classification.py: (function or card, the right text, the wrong text[, the loss that finds it])."""

MUTANTS = [
    ("sigmoid_cross_entropy", "softplus(-logit)", "softplus(logit)"),
    ("sigmoid_cross_entropy_gradient", "- pos_weight", "+ pos_weight"),
    ("softmax_focal_gradient", "missing - gamma", "missing + gamma"),
    ("exponential_gradient", "(1 - 2 * target) * exp", "(2 * target - 1) * exp"),
    ("_smoothed", "epsilon / q.shape[-1]", "epsilon / (q.shape[-1] - 1)", "softmax_cross_entropy"),
    ("_focal_slope", "gamma * mul0", "mul0", "sigmoid_focal"),
    ("sigmoid_focal", "positive * _focus(target", "_focus(1 - target"),
    ("sigmoid_focal_gradient", "_focal_slope(-logit, gamma)", "_focal_slope(logit, gamma)"),
    ("softmax_focal", "labels, log_softmax(logits)", "labels, log_softmax(-logits)"),
    ("_focus", "sure = rest < namespace(rest).finfo(rest.dtype).smallest_normal", "sure = rest < 0", "softmax_focal"),
    ("_focus", "missed = log_p < -50", "missed = log_p > 0", "sigmoid_focal"),
    ("_focus", "missed = log_p < -50", "missed = log_p < -20", "sigmoid_focal"),
    ("sigmoid_cross_entropy", "in_unit_interval(target=target)", "pass"),
    ("sigmoid_cross_entropy card", "w * eta / (w * eta + 1 - eta)", "eta / (w * eta + 1 - eta)"),
    ("softmax_cross_entropy card", "bound=sqrt(2)", "bound=2"),
    ("softmax_cross_entropy card", "epsilon / K) * (logsumexp", "epsilon / (K - 1)) * (logsumexp"),
    ("softmax_focal card", '"gamma": 2.0', '"gamma": 0.0'),
    ("exponential card", "stretch=2", "stretch=1"),
]
