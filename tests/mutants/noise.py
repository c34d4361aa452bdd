"""Planted errors in lossbook/noise.py: (function or card, the right text, the wrong text[, the loss that finds it])."""

GCE, SCE, FORWARD = "generalized_cross_entropy", "symmetric_cross_entropy", "forward_corrected_cross_entropy"
MUTANTS = [
    (GCE, "expm1(q * log_softmax(logits))) / q", "expm1(q * log_softmax(logits)))"),
    (GCE, "labels * expm1(q * log_softmax(logits))", "labels * (exp(log_softmax(logits)) ** q - 1)"),
    (GCE, 'in_range(q=q, low=0, high=1, closed="]")', "pass"),
    (f"{GCE}_gradient", "exp(q * log_p)", "exp(log_p)"),
    (f"{GCE} card", "K - 1, where={order: 1}", "K - 1, where={order: 2}"),
    (f"{GCE} card", "(K - K ** (1 - order))", "(K - K**order)"),
    (f"{GCE} card", 'affine_in_noise, "verified", params={"q": 1.0}', 'affine_in_noise, "verified", params={"q": 0.5}'),
    (f"{GCE} card", "Q[j] ** (1 / (1 - order))", "Q[j] ** (1 / order)"),
    (SCE, "mul0(labels, -log_p)", "(labels * -log_p)"),
    (SCE, "in_range(log_zero=log_zero, high=0)", "pass"),
    (SCE, 'in_range(alpha=alpha, beta=beta, low=0, closed="[")', "pass"),
    (f"{SCE} card", "total=-beta * A * (K - 1)", "total=-beta * A * K"),
    (f"{SCE} card", "/ (4 * steep)", "/ (2 * steep)"),
    ("_pulled", "weights * expm1(log_p)", "weights * exp(log_p)", GCE),
    ("_pulled", "sum_classes(weights)[..., None] - weights", "sum_classes(weights)[..., None]", SCE),
    (FORWARD, "(1 - transition.T)", "(1 - transition)"),
    (FORWARD, "missed < 0.5", "missed < 2"),
    (f"{FORWARD}_gradient", "- sum_classes(counted[..., None, :] * posterior)", "- counted"),
    ("_corrupted", "log_p[..., None] + where", "log_p[..., None, :] + where", FORWARD),
    ("_corrupted", "where(never, -math.inf, log(where(never, 1.0, transition)))", "log(transition)", FORWARD),
    (
        "_corrupted",
        'require(total, namespace(total).abs(total - 1) <= 1e-4, "transition must have rows that sum to 1")',
        "pass",
        FORWARD,
    ),
    (f"{FORWARD} card", "truth=Sum(T[k, j] * Q[k], (k, 1, K))", "truth=Sum(T[j, k] * Q[k], (k, 1, K))"),
    (f"{FORWARD} card", "Q[l] * T[j, l] / seen", "Q[l] * T[l, j] / seen"),
]
