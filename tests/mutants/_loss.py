"""Planted errors in lossbook/_loss.py: (function or card, the right text, the wrong text[, the loss that finds it])."""

MUTANTS = [
    (
        "inspect_batch",
        "shape = check_shapes(axes, arrays, params)",
        "shape = tuple(arrays[0].shape)[: arrays[0].ndim - next(iter(axes.values()))]",
        "squared_error",
    ),
    ("inspect_batch", "arrays[i] = arrays[i].detach()", "pass", "pinball"),
    ("inspect_batch", "compute = xp.float32 if xp.finfo(dtype).bits < 32 else dtype", "compute = dtype", "log_cosh"),
    ("class_indices", "(labels >= 0) & (labels < classes)", "labels < classes", "brier"),
    ("as_distribution", "abs(total - 1) > tolerance", "abs(total - 1) > 2", "brier"),
    ("check_weight", "require(weight, weight >= 0", "(weight, weight >= 0", "huber"),
    ("in_range", "value >= low if", "value > low - 1 if", "epsilon_insensitive"),
    ("drop", "return where(counted[(..., *[None] * (array.ndim - counted.ndim))], array, harmless)", "return array", "log_cosh"),
    ("same_library", "raise TypeError(", "print(", "huber"),
    ("ignore", "labels != index", "labels == index", "softmax_cross_entropy"),
    (
        "weigh_classes",
        "return of_example if weight is None else weight * of_example",
        "return of_example",
        "softmax_cross_entropy",
    ),
    ("class_indices", "labels = drop(labels, weight, 0)", "pass", "softmax_cross_entropy"),
    ("select", "where(counted, values, 0.0), xp.astype(counted, values.dtype)", "values, None", "cox_partial_likelihood"),
    ("select", "return drop(values, weight, 0.0), weight", "return values, None", "cox_partial_likelihood"),
    ("parameter", "if tuple(value.shape) != tuple(shape):", "if False:", "ldam"),
    (
        "_like",
        "return torch.as_tensor(numbers, dtype=tensor.dtype, device=tensor.device)",
        "return made.to(tensor.dtype)",
        "ldam",
    ),
    ("check_shapes", "tail[trailing - _trailing(kind, shape) :]", "tail[: _trailing(kind, shape)]", "energy_score"),
    ("ready", "return drop(array, weight, 0)", "return array", "ctc"),
    (
        "check_shapes",
        "leading = _trailing(first, shape), isinstance(first, Steps)",
        "leading = _trailing(first, shape), 0",
        "ctc",
    ),
]
