"""Planted errors in lossbook/fenchel_young.py: (function or card, the right text, the wrong text[, the loss that finds it])."""

MUTANTS = [
    ("sparsemax_gradient", "_sparse(logits) - labels", "labels - _sparse(logits)"),
    ("sparsemax card", "link=_sparse,", "link=lambda z: np.exp(z) / np.exp(z).sum(),"),
    ("sparsemax card", "margin=1", 'margin="1/2"'),
    ("_gini", "where(above > 0, 0.0, -above)", "positive_part(-above)", "sparsemax"),
    ("_gini", "/ 2 + sum", "+ sum", "sparsemax"),
    ("_sparse_threshold", "1 + rank * near <=", "rank * near <=", "sparsemax"),
    ("_sparse_threshold", "where(outside, 0.0, near)", "near", "sparsemax"),
    ("_sparse_threshold", "descending=True", "descending=False", "sparsemax"),
    ("_below_top", "where(first, 0.0, logits - ", "where(first, logits, logits - ", "sparsemax"),
    ("fenchel_young", "conjugate + negentropy", "conjugate - negentropy"),
    ("fenchel_young", "- sum_classes(mul0(target, above))", "- sum_classes(mul0(target, below))"),
    ("fenchel_young", "_log0(target) - log_softmax", "-log_softmax"),
    ("fenchel_young_gradient", "_tsallis_threshold(below, alpha), alpha)", "_tsallis_threshold(below, 2), alpha)"),
    ("fenchel_young card", 'margin=2, params={"regularizer": 1.5}', 'margin=1, params={"regularizer": 1.5}'),
    ("_tsallis_exp", "zero = above <= -1", "zero = u <= -1", "fenchel_young"),
    ("_tsallis_log", "expm1((alpha - 1)", "expm1(alpha", "fenchel_young"),
    ("_tsallis_index", "return _NAMES[regularizer]", "return 2", "fenchel_young"),
    ("_tsallis_threshold", "(sum_classes(p)[..., None] - 1) / slope", "1e-3 * slope", "fenchel_young"),
    ("_tsallis_threshold", "total * _tsallis_log(1 / total, alpha) / slope", "0.1 * (1 - total) / slope", "fenchel_young"),
]
