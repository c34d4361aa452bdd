"""Planted errors in lossbook/_reduce.py: (function or card, the right text, the wrong text[, the loss that finds it])."""

MUTANTS = [
    ("reduce", "xp.sum(weight) if weight is not None else _count(values)", "_count(values)", "huber"),
    ("reduce", "return total / denominator", "return total / max(denominator, 1)", "huber"),
    ("reduce", "return total / denominator", "return total / (denominator + 1e-7)", "huber"),
    ("reduce", "        values = values * weight", "        pass", "huber"),
    ("_count", "count *= length", "count = length", "cosine_distance"),
    ("check_reduction", "if reduction not in REDUCTIONS:", "if False:", "huber"),
]
