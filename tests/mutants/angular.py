"""Planted errors in lossbook/angular.py: (function or card, the right text, the wrong text[, the loss that finds it])."""

ARC, COS = "arcface", "cosface"

MUTANTS = [
    (ARC, "margin=0.5, scale", "margin=0.4, scale"),
    (ARC, "cosine - own, scale", "own - cosine, scale"),
    (
        ARC,
        "-sum_classes(mul0(labels, _log_hit(*_lowered(cosine, cosine - own, scale))))",
        "-_log_hit(*_lowered(cosine, cosine - own, scale))[..., 0]",
    ),
    ("arcface card", "*sin(theta + margin)", "*sin(theta)"),
    ("arcface card", '"angles": [2.7, 3.1]', '"angles": [2.0, 2.1]'),
    ("arcface card", "math.pi - 0.5", "math.pi - 0.6"),
    ("_with_arc", "before = cosine >= -cos(m)", "before = cosine >= -2 + 0 * cosine", ARC),
    ("_with_arc", "cosine - m * sin(m)", "cosine - m", ARC),
    ("_with_arc", "cosine * cos(m) - sine * sin(m)", "cosine * cos(m) + sine * sin(m)", ARC),
    ("_with_arc", "slope = cos(m) + sin(m)", "slope = cos(m) - sin(m)", ARC),
    ("_with_arc", "where(before, slope, 1.0)", "slope", ARC),
    ("_with_arc", "high=math.pi / 2", "high=math.inf", ARC),
    ("_angles", "_length(u - p) * _length(u + p) / 2", "sqrt((1 - sum_classes(u * p) ** 2).clip(0.0))", ARC),
    ("_angles", "_length(u - p) * _length(u + p) / 2", "_length(u - p) * _length(u + p)", ARC),
    ("_angles", "longest != 0", "longest == longest", COS),
    ("_length", "where(total == 0, 0.0, sqrt(where(total == 0, 1.0, total)))", "sqrt(total)", ARC),
    ("_unit_prototypes", "(longest > 0) & (longest < math.inf)", "longest == longest", COS),
    ("_unit_prototypes", "return unit(", "return (", COS),
    ("_through_cosines", "total - sum_classes(total * u)[..., None] * u", "total", ARC),
    ("_through_cosines", "others - own * slope", "others - own", ARC),
    ("_through_cosines", "p * (sum_classes(pull)[..., None] - pull)", "p * sum_classes(pull)[..., None]", COS),
    ("_through_cosines", "/ sum_classes(embeddings * u)[..., None]", "", COS),
    ("_count", "if prototypes is None:", "if False:", COS),
    (COS, "margin + 0 * cosine, scale", "0 * cosine, scale"),
    (COS, "margin=0.35, scale=64.0", "margin=0.35, scale=30.0"),
    (COS, 'in_range(margin=margin, low=0, closed="[")', "pass"),
    ("cosface_gradient", "margin + 0 * cosine, 1.0", "margin + 0 * cosine, 2.0"),
    ("cosface card", 'slope="scale*(1 - p)*sin(theta)"', 'slope="scale*p*sin(theta)"'),
    ("cosface card", '"margin": 0.0, "scale": 3.0', '"margin": 0.1, "scale": 3.0'),
]
