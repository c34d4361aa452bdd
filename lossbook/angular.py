"""Softmax losses with a margin in the angle: the cosines of an embedding with one prototype for each class are the logits.

Embeddings and prototypes are divided by their lengths first, so only angles count. The loss is the cross-entropy of `scale` ·
cosine, where the label's own cosine is made smaller: an embedding must be nearer to its prototype than the decision asks for.
The prototypes are a parameter: a torch tensor that is learned receives its gradient by autograd. Both losses need memory for
(..., K, D) numbers.
"""

import math

from ._card import Card, Twin, denies, describes, says
from ._loss import Labels, gradient_of, in_range, loss, parameter, require
from ._xp import absolute, cos, exp, expm1, log_softmax, mul0, namespace, sin, sqrt, sum_classes, top, unit, where
from .imbalance import _log_hit

CLASSES = Labels(lambda embeddings, params: _count(**params))


@loss(embeddings=1, labels=CLASSES)
def arcface(embeddings, labels, *, prototypes, margin=0.5, scale=64.0):
    """ArcFace: cross-entropy of s cos θ_k, with s cos(θ_y + m) for the label y; θ_k is the angle to the prototype of class k.

    embeddings: (..., D); `prototypes`: (K, D); labels: (...) classes or (..., K) probabilities, which mix the costs of classes.
    No embedding and no prototype may be 0. `margin` = m in radians, in [0, π/2]; `scale` = s > 0. Value in nats.
    Convention: beyond θ_y = π - m, where cos(θ + m) would rise again, the label has s (cos θ_y - m sin m), as in the authors'
    code: the cost goes on rising, with a jump at that angle. At θ_y = 0 and π, where the angle has a kink, sin θ has slope 0.
    Source: Deng, Guo, Xue and Zafeiriou (2019).

    >>> import numpy as np
    >>> x, prototypes = np.array([[2.0, 0.0]]), np.eye(2)
    >>> float(arcface(x, np.array([0]), prototypes=prototypes, margin=np.pi / 3, scale=1.0).round(6))  # log(1 + e^(0 - 1/2))
    0.474077
    """
    cosine, sine = _angles(embeddings, prototypes)
    own, _ = _with_arc(cosine, sine, margin)
    return -sum_classes(mul0(labels, _log_hit(*_lowered(cosine, cosine - own, scale))))


@gradient_of(arcface)
def arcface_gradient(embeddings, labels, *, prototypes, margin=0.5, scale=64.0):
    cosine, sine = _angles(embeddings, prototypes)
    own, slope = _with_arc(cosine, sine, margin)
    return _through_cosines(embeddings, labels, prototypes, cosine, cosine - own, slope, scale)


@describes(arcface)
def _():
    from . import check
    from ._symbols import Q, U, W, d, scale

    return Card(
        arcface,
        symbols={"embeddings": U, "labels": Q, "prototypes": W, "margin": d, "scale": scale},
        domain=_DOMAIN | {"margin": "[0, pi/2]"},
        oracle=_arcface_oracle,
        gradient=arcface_gradient,
        link="softmax of scaled cosines",
        convention="margin in radians; cos θ - m sin m for the label beyond θ = π - m",
        reference="deng2019",
        twins=[
            Twin(
                "pytorch_metric_learning.losses.ArcFaceLoss",
                _arcface_pml,
                note="its margin is in degrees",
                reductions=("mean",),
                at=_AT | {"margin": 0.5},
                indices=True,
                tensors=True,
            ),
            Twin("torch.nn.functional.cross_entropy", _arcface_torch, note="of the scaled cosines, by acos", indices=True),
        ],
        claims=[
            says(
                check.coincides,
                "verified",
                name="the softmax cross-entropy of scale · cosine, for margin 0",
                other=_normalised_softmax,
                where=_rows,
                params={"margin": 0.0, "scale": 3.0},
            ),
            says(check.rises_with_angle, "searched"),
            denies(
                check.rises_with_angle,
                "verified",
                form=" if the label had s cos(θ + m) at every angle",
                logit=_plain_arc,
                witness={"angles": [2.7, 3.1], "margin": 0.5},
            ),
            denies(check.steady_in_angle, "verified", witness={"angle": math.pi - 0.5, "margin": 0.5}),
            says(check.slope_in_angle, "verified", slope="scale*(1 - p)*sin(theta + margin)", below="pi - margin"),
            says(check.grows_with, "searched", parameter="margin"),
            says(check.scale_invariant, "verified"),
            says(check.gradient_is_perpendicular, "verified"),
        ],
        chapter="18_contrastive",
    )


@loss(embeddings=1, labels=CLASSES)
def cosface(embeddings, labels, *, prototypes, margin=0.35, scale=64.0):
    """CosFace: cross-entropy of s cos θ_k, with s (cos θ_y - m) for the label y; θ_k is the angle to the prototype of class k.

    embeddings: (..., D); `prototypes`: (K, D); labels: (...) classes or (..., K) probabilities, which mix the costs of classes.
    No embedding and no prototype may be 0. `margin` = m ≥ 0 is a difference of cosines; `scale` = s > 0. Value in nats.
    Source: Wang et al. (2018).

    >>> import numpy as np
    >>> x, prototypes = np.array([[2.0, 0.0]]), np.eye(2)
    >>> float(cosface(x, np.array([0]), prototypes=prototypes, margin=0.5, scale=1.0).round(6))  # log(1 + e^(0 - 1/2))
    0.474077
    """
    in_range(margin=margin, low=0, closed="[")
    cosine, _ = _angles(embeddings, prototypes)
    return -sum_classes(mul0(labels, _log_hit(*_lowered(cosine, margin + 0 * cosine, scale))))


@gradient_of(cosface)
def cosface_gradient(embeddings, labels, *, prototypes, margin=0.35, scale=64.0):
    cosine, _ = _angles(embeddings, prototypes)
    return _through_cosines(embeddings, labels, prototypes, cosine, margin + 0 * cosine, 1.0, scale)


@describes(cosface)
def _():
    from . import check
    from ._symbols import Q, U, W, d, scale

    return Card(
        cosface,
        symbols={"embeddings": U, "labels": Q, "prototypes": W, "margin": d, "scale": scale},
        domain=_DOMAIN | {"margin": "[0, inf)"},
        oracle=_cosface_oracle,
        gradient=cosface_gradient,
        link="softmax of scaled cosines",
        convention="the margin is taken off the cosine, before the scale",
        reference="wang2018b",
        twins=[
            Twin(
                "pytorch_metric_learning.losses.CosFaceLoss",
                _cosface_pml,
                reductions=("mean",),
                at=_AT | {"margin": 0.35},
                indices=True,
                tensors=True,
            ),
            Twin("torch.nn.functional.cross_entropy", _cosface_torch, note="of the scaled cosines less the margin", indices=True),
        ],
        claims=[
            says(
                check.coincides,
                "verified",
                name="the softmax cross-entropy of scale · cosine, for margin 0",
                other=_normalised_softmax,
                where=_rows,
                params={"margin": 0.0, "scale": 3.0},
            ),
            says(check.rises_with_angle, "searched"),
            says(check.steady_in_angle, "searched"),
            says(check.slope_in_angle, "verified", slope="scale*(1 - p)*sin(theta)", below="pi"),
            says(check.grows_with, "searched", parameter="margin"),
            says(check.scale_invariant, "verified"),
            says(check.gradient_is_perpendicular, "verified"),
        ],
        chapter="18_contrastive",
    )


# --- angles ---------------------------------------------------------------------------------------------------------------


def _count(prototypes=None, **others):
    if prototypes is None:
        raise TypeError("prototypes is missing: one row for each class, shape (K, D)")
    return len(prototypes)


def _unit_prototypes(embeddings, prototypes):
    shape = (len(prototypes), embeddings.shape[-1])
    prototypes = parameter("prototypes", prototypes, like=embeddings, shape=shape, each="a row for each class")
    longest = namespace(prototypes).max(absolute(prototypes), axis=-1)
    require(longest, (longest > 0) & (longest < math.inf), "the longest entry of prototypes must be finite and not 0 in each row")
    return unit(namespace(prototypes).astype(prototypes, embeddings.dtype))


def _angles(embeddings, prototypes):
    """Cosines and sines of the angles of each embedding with each prototype: (..., K).

    For unit vectors sin θ = ‖u - p‖ ‖u + p‖ / 2, which keeps its digits where √(1 - cos²) has none, near θ = 0 and π.
    """
    longest = namespace(embeddings).max(absolute(embeddings), axis=-1)
    require(longest, longest != 0, "the longest entry of embeddings must not be 0: a zero vector has no direction")
    u, p = unit(embeddings)[..., None, :], _unit_prototypes(embeddings, prototypes)
    return sum_classes(u * p), _length(u - p) * _length(u + p) / 2


def _length(x):
    """The Euclidean length of each row, with slope 0 at 0."""
    total = sum_classes(x**2)
    return where(total == 0, 0.0, sqrt(where(total == 0, 1.0, total)))


def _with_arc(cosine, sine, margin):
    """cos(θ + m) = cos θ cos m - sin θ sin m, or cos θ - m sin m beyond θ = π - m, and the derivative with respect to cos θ."""
    in_range(margin=margin, low=0, high=math.pi / 2, closed="[]")
    m = namespace(cosine).full((), margin, dtype=cosine.dtype, device=cosine.device)
    before = cosine >= -cos(m)
    slope = cos(m) + sin(m) * where(sine == 0, 0.0, cosine / where(sine == 0, 1.0, sine))
    own = where(before, cosine * cos(m) - sine * sin(m), cosine - m * sin(m))
    return own, where(before, slope, 1.0)


def _lowered(cosine, margin, scale):
    """s (cos - largest cos), the margins times s, and where the largest cosine is: what `_log_hit` asks for."""
    in_range(scale=scale, low=0)
    is_top = top(cosine)
    highest = sum_classes(where(is_top, cosine, 0.0))[..., None]
    return scale * where(is_top, 0.0, cosine - highest), scale * margin, is_top


def _through_cosines(embeddings, labels, prototypes, cosine, margin, slope, scale):
    """The gradient with respect to the embeddings, where the label's own cosine has moved by `margin` and slopes by `slope`.

    For class k the cost has the derivative s p_j in another cosine, and -s (1 - p_k) `slope` in its own, with the softmax p of
    the lowered logits; as for LDAM, the top class is taken apart, since lowering it moves all the others a lot.
    """
    below, margin, is_top = _lowered(cosine, margin, scale)
    p = exp(log_softmax(below))
    without = where(is_top, 0.0, p)
    pull = where(is_top, 0.0, labels) / (1 - without + without * exp(-margin))
    of_top = sum_classes(where(is_top, labels, 0.0))[..., None]
    others = of_top * where(is_top, 0.0, exp(log_softmax(where(is_top, -margin, below))))
    others = others + p * (sum_classes(pull)[..., None] - pull)
    own = labels * -expm1(_log_hit(below, margin, is_top))
    u, prototypes = unit(embeddings), _unit_prototypes(embeddings, prototypes)
    turns = prototypes - cosine[..., None] * u[..., None, :]  # the part of each prototype at right angles to the embedding
    total = namespace(u).sum((others - own * slope)[..., None] * turns, axis=-2)
    total = total - sum_classes(total * u)[..., None] * u  # near θ = 0 and π the slope makes what was rounded visible
    return scale * total / sum_classes(embeddings * u)[..., None]


# --- definitions, in mpmath -----------------------------------------------------------------------------------------------

_DOMAIN = {
    "embeddings": "R^D without 0",
    "labels": "simplex of K classes",
    "prototypes": "prototypes of K classes",
    "scale": "(0, inf)",
}
_AT = {"scale": 64.0}


def _cross_entropy_oracle(embedding, labels, prototypes, scale, own):
    """Σ_k q_k times the cross-entropy for class k of scale · cos θ, with own(θ_k) in place of cos θ_k."""
    import mpmath

    def angle(a, b):  # atan2 of the area and the product: right in all digits at every angle
        dot, squares = mpmath.fdot(a, b), mpmath.fdot(a, a) * mpmath.fdot(b, b)
        area = mpmath.fsum((a[i] * b[j] - a[j] * b[i]) ** 2 for i in range(len(a)) for j in range(i))
        return mpmath.acos(dot / mpmath.sqrt(squares)) if area == 0 else mpmath.atan2(mpmath.sqrt(area), dot)

    angles = [angle(embedding, list(map(mpmath.mpf, row))) for row in prototypes]
    value = mpmath.mpf(0)
    for k, q in enumerate(labels):
        logits = [scale * (own(theta) if i == k else mpmath.cos(theta)) for i, theta in enumerate(angles)]
        value += q * (mpmath.log(mpmath.fsum(map(mpmath.exp, logits))) - logits[k])
    return value


def _arcface_oracle(embedding, labels, *, prototypes, margin, scale):
    """Σ_k q_k times the cross-entropy for class k of s cos θ, where class k itself has s cos(θ_k + m), or s (cos θ_k - m sin m)
    if θ_k > π - m; θ is the angle of the embedding with each prototype."""
    import mpmath

    def own(theta):
        inside = theta <= mpmath.pi - margin
        return mpmath.cos(theta + margin) if inside else mpmath.cos(theta) - margin * mpmath.sin(margin)

    return _cross_entropy_oracle(embedding, labels, prototypes, scale, own)


def _cosface_oracle(embedding, labels, *, prototypes, margin, scale):
    """Σ_k q_k times the cross-entropy for class k of s cos θ, where class k itself has s (cos θ_k - m); θ is the angle of the
    embedding with each prototype."""
    import mpmath

    return _cross_entropy_oracle(embedding, labels, prototypes, scale, lambda theta: mpmath.cos(theta) - margin)


# --- the same by other means ----------------------------------------------------------------------------------------------


def _rows(rng):
    return rng.standard_normal((40, 3)), rng.integers(0, 4, 40)


def _normalised_softmax(embeddings, labels):
    import numpy as np

    from . import _points
    from .classification import softmax_cross_entropy

    prototypes = np.array(_points.PARAMETERS[_DOMAIN["prototypes"]][0])
    cosines = (embeddings @ prototypes.T) / np.linalg.norm(embeddings, axis=1)[:, None] / np.linalg.norm(prototypes, axis=1)
    return softmax_cross_entropy(3.0 * cosines, labels, reduction="none")


def _plain_arc(angle, margin):
    import numpy as np

    return np.cos(angle + margin)


def _torch_logits(embeddings, labels, prototypes, scale, own):
    """Scaled cosines with own(θ) for the labels, by acos."""
    import torch

    prototypes = torch.as_tensor(prototypes, dtype=embeddings.dtype)
    angles = torch.nn.functional.cosine_similarity(embeddings[:, None], prototypes, dim=-1).clamp(-1, 1).acos()
    is_label = torch.nn.functional.one_hot(labels, len(prototypes)).bool()
    return scale * torch.where(is_label, own(angles), angles.cos())


def _arcface_torch(embeddings, labels, *, reduction, prototypes, margin, scale):
    import torch

    def own(angle):
        return torch.where(angle <= math.pi - margin, (angle + margin).cos(), angle.cos() - margin * math.sin(margin))

    logits = _torch_logits(embeddings, labels, prototypes, scale, own)
    return torch.nn.functional.cross_entropy(logits, labels, reduction=reduction)


def _cosface_torch(embeddings, labels, *, reduction, prototypes, margin, scale):
    import torch

    logits = _torch_logits(embeddings, labels, prototypes, scale, lambda angle: angle.cos() - margin)
    return torch.nn.functional.cross_entropy(logits, labels, reduction=reduction)


def _pml(name, margin):
    def call(embeddings, labels, prototypes, scale):
        import torch
        from pytorch_metric_learning import losses

        theirs = getattr(losses, name)(len(prototypes), embeddings.shape[-1], margin=margin, scale=scale)
        theirs.W.data = torch.as_tensor(prototypes, dtype=embeddings.dtype).T
        return theirs(embeddings, labels).detach()

    return call


def _arcface_pml(embeddings, labels, *, reduction, prototypes, margin, scale):
    return _pml("ArcFaceLoss", math.degrees(margin))(embeddings, labels, prototypes, scale)


def _cosface_pml(embeddings, labels, *, reduction, prototypes, margin, scale):
    return _pml("CosFaceLoss", margin)(embeddings, labels, prototypes, scale)
