"""Segmentation: losses of whole masks, which compare one set of pixels with another.

`probabilities` and `target` (N, ...) in [0, 1] (else ValueError): N examples, and everything after the first axis is one mask: of
an image, a volume, a line. With ``class_axis=1`` they are (N, K, ...), one mask for each class; the value is the mean over the
K classes: a class that is in neither mask costs 0, one that is in one of the two costs 1. ``reduction="none"``: shape (N,).
Two empty masks have the loss 0 and, without smoothing, the gradient 0. Values are pure numbers in [0, 1] (`lovasz_hinge`: ≥ 0).
To ignore a pixel, set it to 0 in both arrays: all losses here but the Lovász pair are then as if it were not there.
"""

import functools
import math
from fractions import Fraction

from ._card import Card, Twin, denies, describes, says
from ._loss import (
    ALL_BUT_FIRST,
    check_dtype,
    check_weight,
    drop,
    gradient_of,
    in_range,
    in_unit_interval,
    loss,
    refuse_masks,
    require,
    same_library,
    zero_or_one,
)
from ._xp import is_float, mul0, namespace, one_hot, positive_part, step, where


@loss(probabilities=ALL_BUT_FIRST, target=ALL_BUT_FIRST)
def dice(probabilities, target, *, smooth=0.0, squared=False, class_axis=None):
    """Soft Dice 1 - (2 Σ p y + s) / (Σ p + Σ y + s), in [0, 1]; with ``squared=True`` the sums below are Σ p² + Σ y².

    `smooth` s ≥ 0 is 0 here; libraries add 1e-5 or 1, and optax adds it to Σ p y, where it counts double. The plain form is least
    at a mask of 0 and 1 even where the target is soft; only the squared form is least at p = y.
    Source: Drozdzal et al. (2016); the squared form Milletari, Navab and Ahmadi (2016).

    >>> import numpy as np
    >>> masks, target = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]), np.array([[1, 0, 0], [0, 0, 0]])
    >>> dice(masks, target, reduction="none").round(6).tolist()
    [0.333333, 0.0]
    """
    p, y = _masks(probabilities, target, class_axis, smooth)
    wrong, size = ((p - y) ** 2, p**2 + y**2) if squared else (p * (1 - y) + (1 - p) * y, p + y)
    return _mean(_share(_sum(wrong), _sum(size) + smooth))


@gradient_of(dice)
def dice_gradient(probabilities, target, *, smooth=0.0, squared=False, class_axis=None):
    p, y = _masks(probabilities, target, class_axis, smooth)
    size = _sum(p**2 + y**2 if squared else p + y)[..., None] + smooth
    score = _share(2 * _sum(p * y)[..., None] + smooth, size)
    return _to_pixels(_share(score * (2 * p if squared else 1) - 2 * y, size), probabilities)


@describes(dice)
def _():
    from sympy import Rational, Sum

    from . import check
    from ._card import card
    from ._symbols import P, Y, alpha, beta, epsilon, i, j, n, squares

    tversky = card("tversky").formula
    whole = {squares: 0}
    size = Sum((1 - squares) * (P[i] + Y[i]) + squares * (P[i] ** 2 + Y[i] ** 2), (i, 1, n)) + epsilon
    score = (2 * Sum(P[i] * Y[i], (i, 1, n)) + epsilon) / size
    plain, square = {"smooth": 0.0, "squared": False}, {"smooth": 0.0, "squared": True}
    return Card(
        dice,
        symbols={"probabilities": P, "target": Y, "smooth": epsilon, "squared": squares},
        domain={"probabilities": "[0, 1]^n without 0", "target": "[0, 1]^n", "smooth": "[0, inf)", "squared": "{True, False}"},
        formula=1 - score,
        gradient=dice_gradient,
        gradient_formula=(score * (1 - squares + 2 * squares * P[j]) - 2 * Y[j]) / size,
        convention="no smoothing; both masks empty: 0, one empty: 1; classes: the mean over all K",
        reference="milletari2016",
        twins=[
            Twin("monai.losses.DiceLoss", _dice_monai, note="smooth_nr = smooth_dr = smooth", reductions=("none",), tensors=True),
            Twin(
                "optax.losses.dice_loss",
                _dice_optax,
                note="with smooth/2, which counts double there",
                reductions=("none",),
                at={"smooth": 1.0, "squared": False},
            ),
        ],
        claims=[
            says(
                check.identity,
                "proved",
                expression=tversky.subs({alpha: Rational(1, 2), beta: Rational(1, 2), epsilon: epsilon / 2}, simultaneous=True),
                name="the Tversky loss for alpha = beta = 1/2 and half the smoothing, in the plain form",
                where=whole,
            ),
            says(check.set_function, "enumerated", of=_dice_of_sets, name="1 - 2|A ∩ B| / (|A| + |B|)"),
            says(check.fills, "searched", low=0, high=1),
            says(check.permutation_invariant, "verified", what="pixels"),
            says(check.unchanged, "verified", when="pixels that are 0 in both masks are added", change=_padded),
            says(check.unchanged, "verified", when="every pixel is repeated", change=_repeated, params=plain),
            denies(
                check.convex, "proved", name="the probabilities, in the plain form", witness=BETWEEN_MASKS | {"params": plain}
            ),
            denies(
                check.convex, "proved", name="the probabilities, in the squared form", witness=BETWEEN_SHADES | {"params": square}
            ),
            says(check.best_at_masks, "proved", where=whole, form=" in the plain form"),
            says(check.least_at, "searched", target=SOFT, best=(1.0, 0.0, 1.0), params=plain),
            denies(check.least_at, "proved", target=SOFT, best=SOFT, witness=(1.0, 0.0, 1.0), params=plain),
            says(check.least_at, "searched", target=SOFT, best=SOFT, params=square),
            says(check.fills_the_mask, "enumerated", params=plain),
            denies(check.pools, "verified", witness=TWO_IMAGES, params=plain),
            denies(check.metric_on_sets, "enumerated", witness=([1, 0], [1, 1], [0, 1]), params=plain),
            denies(check.submodular, "enumerated", witness=[1, 1, 0], params=plain),
        ],
        chapter="20_segmentation",
    )


@loss(probabilities=ALL_BUT_FIRST, target=ALL_BUT_FIRST)
def tversky(probabilities, target, *, alpha=0.5, beta=0.5, smooth=0.0, class_axis=None):
    """Tversky loss 1 - (TP + s) / (TP + α FP + β FN + s), TP = Σ p y, FP = Σ p (1 - y), FN = Σ (1 - p) y; in [0, 1].

    α > 0 weighs false alarms and β > 0 weighs misses: β > α marks more pixels. `smooth` s ≥ 0. α = β = ½ is Dice, whose smoothing
    is then 2s; α = β = 1 is Jaccard. Source: Salehi, Erdogmus and Gholipour (2017).

    >>> import numpy as np
    >>> tversky(np.array([[1.0, 1.0, 0.0]]), np.array([[1, 0, 1]]), alpha=0.25, beta=0.75, reduction="none").tolist()
    [0.5]
    """
    p, y = _masks(probabilities, target, class_axis, smooth)
    return _mean(_tversky(p, y, alpha, beta, smooth))


@gradient_of(tversky)
def tversky_gradient(probabilities, target, *, alpha=0.5, beta=0.5, smooth=0.0, class_axis=None):
    p, y = _masks(probabilities, target, class_axis, smooth)
    return _to_pixels(_tversky_pull(p, y, alpha, beta, smooth), probabilities)


@describes(tversky)
def _():
    from . import check
    from ._symbols import P, Y, alpha, beta, epsilon

    value, slope = _tversky_formulas()
    plain = {"alpha": 0.3, "beta": 0.7, "smooth": 0.0}
    return Card(
        tversky,
        symbols={"probabilities": P, "target": Y, "alpha": alpha, "beta": beta, "smooth": epsilon},
        domain={
            "probabilities": "[0, 1]^n without 0",
            "target": "[0, 1]^n",
            "alpha": "(0, inf)",
            "beta": "(0, inf)",
            "smooth": "[0, inf)",
        },
        formula=value,
        gradient=tversky_gradient,
        gradient_formula=slope,
        convention="alpha of false alarms, beta of misses, as in the paper; no smoothing",
        reference="salehi2017",
        twins=[
            Twin(
                "monai.losses.TverskyLoss",
                _tversky_monai,
                note="smooth_nr = smooth_dr = smooth",
                reductions=("none",),
                tensors=True,
            ),
            Twin("optax.losses.dice_loss", _tversky_optax, reductions=("none",)),
        ],
        claims=[
            says(
                check.set_function,
                "enumerated",
                of=_tversky_of_sets,
                name="1 - |A ∩ B| / (|A ∩ B| + 0.3 |A - B| + 0.7 |B - A|)",
                params=plain,
            ),
            says(check.fills, "searched", low=0, high=1),
            says(check.permutation_invariant, "verified", what="pixels"),
            says(check.best_at_masks, "proved"),
            says(check.marks_more_with_beta, "enumerated"),
            says(check.fills_the_mask, "enumerated", params={"alpha": 0.5, "beta": 0.5, "smooth": 0.0}),
            denies(check.convex, "proved", name="the probabilities", witness=BETWEEN_MASKS | {"params": plain}),
            denies(check.metric_on_sets, "enumerated", witness=([1, 0], [1, 1], [1, 1]), params=plain),
        ],
        chapter="20_segmentation",
    )


@loss(probabilities=ALL_BUT_FIRST, target=ALL_BUT_FIRST)
def focal_tversky(probabilities, target, *, alpha=0.5, beta=0.5, gamma=0.75, smooth=0.0, class_axis=None):
    """Focal Tversky loss: the Tversky loss to the power γ > 0, in [0, 1]; for K classes each before their mean.

    Convention: `gamma` is the exponent itself; the paper writes it 1/γ and finds γ = 4/3 best, which is 0.75 here, and its α
    weighs the misses (here β does). Where the masks agree the slope is infinite for γ < 1; the gradient is 0 there.
    Source: Abraham and Khan (2019).

    >>> import numpy as np
    >>> focal_tversky(np.array([[1.0, 1.0, 0.0]]), np.array([[1, 0, 1]]), gamma=2.0, reduction="none").tolist()
    [0.25]
    """
    in_range(gamma=gamma, low=0)
    p, y = _masks(probabilities, target, class_axis, smooth)
    miss = _tversky(p, y, alpha, beta, smooth)
    perfect = miss == 0
    return _mean(where(perfect, miss * (gamma == 1), where(perfect, 1.0, miss) ** gamma))


@gradient_of(focal_tversky)
def focal_tversky_gradient(probabilities, target, *, alpha=0.5, beta=0.5, gamma=0.75, smooth=0.0, class_axis=None):
    p, y = _masks(probabilities, target, class_axis, smooth)
    miss = _tversky(p, y, alpha, beta, smooth)[..., None]
    perfect = miss == 0
    slope = where(perfect, 1.0 * (gamma == 1), gamma * where(perfect, 1.0, miss) ** (gamma - 1))
    return _to_pixels(slope * _tversky_pull(p, y, alpha, beta, smooth), probabilities)


@describes(focal_tversky)
def _():
    from . import check
    from ._card import card
    from ._symbols import P, Y, alpha, beta, epsilon, gamma

    value, slope = _tversky_formulas()
    plain = {"alpha": 0.3, "beta": 0.7, "gamma": 0.75, "smooth": 0.0}
    return Card(
        focal_tversky,
        symbols={"probabilities": P, "target": Y, "alpha": alpha, "beta": beta, "gamma": gamma, "smooth": epsilon},
        domain={
            "probabilities": "[0, 1]^n without 0",
            "target": "[0, 1]^n",
            "alpha": "(0, inf)",
            "beta": "(0, inf)",
            "gamma": "(0, inf)",
            "smooth": "[0, inf)",
        },
        formula=value**gamma,
        gradient=focal_tversky_gradient,
        gradient_formula=gamma * value ** (gamma - 1) * slope,
        convention="gamma is the exponent (the paper: 1/gamma); gradient 0 where the masks agree and gamma ≠ 1",
        reference="abraham2019",
        claims=[
            says(
                check.identity,
                "proved",
                expression=card("tversky").formula,
                name="the Tversky loss for gamma = 1",
                where={gamma: 1},
            ),
            says(check.fills, "searched", low=0, high=1),
            says(check.permutation_invariant, "verified", what="pixels"),
            says(
                check.best_at_masks, "proved", where={gamma: 1}, form=" (as the Tversky loss, of which it is a growing function)"
            ),
            denies(check.convex, "proved", name="the probabilities", witness=BETWEEN_MASKS | {"params": plain}),
        ],
        chapter="20_segmentation",
    )


@loss(probabilities=ALL_BUT_FIRST, target=ALL_BUT_FIRST)
def jaccard(probabilities, target, *, smooth=0.0, class_axis=None):
    """Soft Jaccard (IoU) loss 1 - (Σ p y + s) / (Σ p + Σ y - Σ p y + s), in [0, 1]. `smooth` s ≥ 0.

    It is 2D / (1 + D) for the Dice loss D: the two put masks in the same order, image by image. On sets it is a distance.
    For soft targets it is least at a mask of 0 and 1, not at p = y. Source: Rahman and Wang (2016); Bertels et al. (2019).

    >>> import numpy as np
    >>> jaccard(np.array([[1.0, 1.0, 0.0]]), np.array([[1, 0, 0]]), reduction="none").tolist()
    [0.5]
    """
    p, y = _masks(probabilities, target, class_axis, smooth)
    return _mean(_tversky(p, y, 1.0, 1.0, smooth))


@gradient_of(jaccard)
def jaccard_gradient(probabilities, target, *, smooth=0.0, class_axis=None):
    p, y = _masks(probabilities, target, class_axis, smooth)
    return _to_pixels(_tversky_pull(p, y, 1.0, 1.0, smooth), probabilities)


@describes(jaccard)
def _():
    from sympy import Sum

    from . import check
    from ._card import card
    from ._symbols import P, Y, alpha, beta, epsilon, i, j, n, squares

    both = Sum(P[i] * Y[i], (i, 1, n)) + epsilon
    either = Sum(P[i] + Y[i] - P[i] * Y[i], (i, 1, n)) + epsilon
    of_dice = card("dice").formula.subs({squares: 0, epsilon: 0})
    plain = {"smooth": 0.0}
    return Card(
        jaccard,
        symbols={"probabilities": P, "target": Y, "smooth": epsilon},
        domain={"probabilities": "[0, 1]^n without 0", "target": "[0, 1]^n", "smooth": "[0, inf)"},
        formula=1 - both / either,
        gradient=jaccard_gradient,
        gradient_formula=((1 - Y[j]) * both / either - Y[j]) / either,
        convention="no smoothing; both masks empty: 0, one empty: 1; classes: the mean over all K",
        reference="bertels2019",
        twins=[
            Twin(
                "monai.losses.DiceLoss",
                _jaccard_monai,
                note="with jaccard=True, smooth_nr = 2 smooth, smooth_dr = smooth",
                reductions=("none",),
                tensors=True,
            )
        ],
        claims=[
            says(
                check.identity,
                "proved",
                expression=card("tversky").formula.subs({alpha: 1, beta: 1}),
                name="the Tversky loss for alpha = beta = 1",
            ),
            says(
                check.identity,
                "proved",
                expression=2 * of_dice / (1 + of_dice),
                name="2D / (1 + D) for the Dice loss D, without smoothing",
                where={epsilon: 0},
            ),
            says(check.set_function, "enumerated", of=_jaccard_of_sets, name="1 - |A ∩ B| / |A ∪ B|"),
            says(check.metric_on_sets, "enumerated"),
            says(check.submodular, "enumerated"),
            says(check.fills, "searched", low=0, high=1),
            says(check.permutation_invariant, "verified", what="pixels"),
            says(check.best_at_masks, "proved"),
            says(check.least_at, "searched", target=SOFT, best=(1.0, 0.0, 1.0), params=plain),
            denies(check.least_at, "proved", target=SOFT, best=SOFT, witness=(1.0, 0.0, 1.0), params=plain),
            denies(check.convex, "proved", name="the probabilities", witness=BETWEEN_MASKS | {"params": plain}),
            denies(check.pools, "verified", witness=TWO_IMAGES, params=plain),
        ],
        chapter="20_segmentation",
    )


@loss(probabilities=ALL_BUT_FIRST, target=ALL_BUT_FIRST)
def generalized_dice(probabilities, target, *, class_axis=1):
    """Generalised Dice 1 - 2 Σ_k w_k Σ p y / Σ_k w_k Σ (p + y), w_k = 1 / (Σ y_k)²; arrays (N, K, ...), in [0, 1].

    One ratio for all classes of an image, in which small classes have large weights. Convention: a class that the target does not
    hold has the largest weight of those it holds. One class, or ``class_axis=None``: the plain Dice loss, whatever the weight.
    Source: Sudre et al. (2017).

    >>> import numpy as np
    >>> generalized_dice(np.array([[[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]]), np.array([[[1, 0, 0], [0, 1, 1]]])).round(6).tolist()
    0.333333
    """
    p, y, w = _weighted_masks(probabilities, target, class_axis)
    return _share(_sum(w * _sum(p * (1 - y) + (1 - p) * y)), _sum(w * _sum(p + y)))


@gradient_of(generalized_dice)
def generalized_dice_gradient(probabilities, target, *, class_axis=1):
    p, y, w = _weighted_masks(probabilities, target, class_axis)
    size = _sum(w * _sum(p + y))
    score = _share(2 * _sum(w * _sum(p * y)), size)
    pull = w[..., None] * _share(score[..., None, None] - 2 * y, size[..., None, None])
    return namespace(pull).reshape(pull, probabilities.shape)


@describes(generalized_dice)
def _():
    from . import check
    from ._symbols import P, Y

    return Card(
        generalized_dice,
        symbols={"probabilities": P, "target": Y},
        domain={"probabilities": "[0, 1]^(K x n)", "target": "masks of K classes"},
        oracle=_generalized_oracle,
        gradient=generalized_dice_gradient,
        convention="a class that is absent from the target has the largest weight of those present",
        reference="sudre2017",
        claims=[
            says(check.permutation_invariant, "verified", what="pixels"),
            says(check.unchanged, "verified", when="the classes trade places", change=_other_classes),
            says(check.unchanged, "verified", when="every pixel is repeated", change=_repeated),
            says(check.unchanged, "verified", when="pixels that are 0 in both masks are added", change=_padded),
            says(check.coincides, "verified", name="the Dice loss for one class", other=_dice_of_one_class, where=_one_class),
            says(check.fills, "searched", low=0, high=1),
            denies(check.mean_of_classes, "verified", witness=LARGE_AND_SMALL),
        ],
        chapter="20_segmentation",
    )


def _pooled(params):
    """Whether the pixels of all images are sorted together, so that the images are coupled."""
    return not params.get("per_image", True)


@loss(coupled=_pooled, logit=ALL_BUT_FIRST, target=ALL_BUT_FIRST)
def lovasz_hinge(logit, target, *, per_image=True):
    """Lovász hinge: the hinge errors (1 - (2y - 1) z)₊ of all pixels, weighted by what they do to the Jaccard loss; ≥ 0.

    `logit` and `target` (N, ...), y in {0, 1}. From the largest error down, the weight of a pixel is how much the Jaccard loss
    grows when it becomes an error, too. Errors of 0 and 1 give the Jaccard loss itself; in between the function is convex.
    With an empty target the value is the largest error, and only that pixel has a gradient; of equal errors the first counts.
    ``per_image=False`` pools the pixels of all images: each value is N times what an image contributes to the one value of the
    pool, which is their mean; the gradient is that of their sum. Under torch.compile the pool takes no weight.
    Source: Yu and Blaschko (2015); Berman, Rannen Triki and Blaschko (2018).

    >>> import numpy as np
    >>> lovasz_hinge(np.array([[2.0, -2.0, 0.0]]), np.array([[1, 0, 0]]), reduction="none").tolist()
    [0.5]
    """
    error, pull = _hinge_errors(logit, target, per_image)
    return _of_image(mul0(pull, positive_part(error)))  # a nan is sorted to the front, where no weight is 0


@gradient_of(lovasz_hinge)
def lovasz_hinge_gradient(logit, target, *, per_image=True):
    error, pull = _hinge_errors(logit, target, per_image)
    return (1 - 2 * target) * pull * step(error) + _spread(_nan_of(error), logit)


@describes(lovasz_hinge)
def _():
    from . import check
    from ._symbols import Y, Z

    return Card(
        lovasz_hinge,
        symbols={"logit": Z, "target": Y},
        domain={"logit": "R^n", "target": "{0, 1}^n"},
        oracle=_hinge_oracle,
        gradient=lovasz_hinge_gradient,
        convention="target in {0, 1}; one value per image; an empty target gives the largest error",
        reference="berman2018",
        twins=[
            Twin("kornia.losses.lovasz_hinge_loss", _hinge_kornia, note="image by image", reductions=("none",), tensors=True),
        ],
        claims=[
            says(
                check.set_function,
                "enumerated",
                of=_jaccard_of_sets,
                name="1 - |A ∩ B| / |A ∪ B| where no pixel lies between the margins, z = ±1 and z = 0 for an error",
                arguments=_at_the_margin,
                pixels=8,
            ),
            says(check.submodular, "enumerated", arguments=_at_the_margin),
            says(check.convex, "searched", name="the logits"),
            says(check.permutation_invariant, "verified", what="pixels"),
            says(check.unchanged, "verified", when="every pixel is repeated", change=_repeated),
            says(
                check.coincides,
                "verified",
                name="the largest hinge error where the target is empty",
                other=_largest_error,
                where=_empty,
            ),
            says(
                check.coincides,
                "verified",
                name="the mean hinge error where all pixels are in the target",
                other=_mean_error,
                where=_full,
            ),
            denies(check.pools, "verified", witness=TWO_IMAGES),
        ],
        chapter="20_segmentation",
    )


def _class_indices(function):
    """Class indices (N, ...) become the rows (N, ..., K) of the mask of each class, which the decorated function compares."""

    @functools.wraps(function)
    def of_classes(*arrays, **options):
        chosen = {name: options[name] for name in ("weight", "class_axis") if name in options}
        if len(arrays) == 2:
            arrays = arrays[0], _indicators(*arrays, **chosen)
        elif "labels" in options and (arrays or "probabilities" in options):
            first = arrays[0] if arrays else options["probabilities"]
            options = options | {"labels": _indicators(first, options["labels"], **chosen)}
        return function(*arrays, **options)

    return of_classes


@_class_indices
@loss(coupled=True, probabilities=ALL_BUT_FIRST, labels=ALL_BUT_FIRST)
def lovasz_softmax(probabilities, labels, *, per_image=True, classes="present", class_axis=-1):
    """Lovász-softmax: the errors |y - p| of all pixels, weighted by what they do to the Jaccard loss of their class; in [0, 1].

    `probabilities` (N, ..., K) in [0, 1], or (N, K, ...) with ``class_axis=1``, and `labels` (N, ...), indices in 0 .. K-1 (else
    IndexError), or one-hot in the shape of the probabilities. The value is the mean over the classes "present" in the labels of
    the image, or over "all" of them: then a class that no pixel has costs the largest probability that it gets.
    ``per_image=False`` pools the pixels of all images: each value is N times what an image contributes to the one value of the
    pool, which is their mean; the gradient is that of their sum. Under torch.compile it takes no weight.
    Of equal errors the first counts first. Source: Berman, Rannen Triki and Blaschko (2018).

    >>> import numpy as np
    >>> p = np.array([[[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]])
    >>> lovasz_softmax(p, np.array([[0, 0, 1]]), reduction="none").tolist()
    [0.25]
    """
    error, pull = _class_errors(probabilities, labels, per_image, classes, class_axis)
    return _of_image(pull * error)


@_class_indices
@gradient_of(lovasz_softmax)
def lovasz_softmax_gradient(probabilities, labels, *, per_image=True, classes="present", class_axis=-1):
    error, pull = _class_errors(probabilities, labels, per_image, classes, class_axis)
    return (1 - 2 * labels) * _classes_back(pull, class_axis) + _spread(_nan_of(error), probabilities)


@describes(lovasz_softmax)
def _():
    from . import check
    from ._symbols import P, Q

    return Card(
        lovasz_softmax,
        symbols={"probabilities": P, "labels": Q},
        domain={"probabilities": "n rows of probabilities", "labels": "n classes"},
        oracle=_softmax_oracle,
        gradient=lovasz_softmax_gradient,
        convention="the classes are on the last axis; the mean over the classes present in the image",
        reference="berman2018",
        twins=[
            Twin(
                "kornia.losses.lovasz_softmax_loss",
                _softmax_kornia,
                note="image by image, less the largest probability of each class that no pixel has",
                reductions=("none",),
                tensors=True,
            ),
        ],
        claims=[
            says(
                check.set_function,
                "enumerated",
                of=_mean_jaccard_of_sets,
                name="the mean of 1 - |A ∩ B| / |A ∪ B| over the classes in the labels where all probabilities are 0 or 1",
                arguments=_two_classes,
            ),
            says(check.convex_among, "searched", name="the probabilities"),
            says(check.unchanged, "verified", when="the pixels trade places", change=_other_pixels),
            says(check.unchanged, "verified", when="the classes trade places", change=_other_classes_of_rows),
            says(check.fills, "searched", low=0, high=1),
        ],
        chapter="20_segmentation",
    )


# Witnesses. A pixel that is none of the mask, or three: along these segments the loss bends down.
BETWEEN_MASKS = {"between": ([1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]), "target": [1.0, 0.0, 0.0, 0.0]}
BETWEEN_SHADES = {"between": ([1.0, 0.5, 0.5, 0.5], [1.0, 1.0, 1.0, 1.0]), "target": [1.0, 0.0, 0.0, 0.0]}
SOFT = (0.5, 0.3, 0.8)

# A large mask that is found and a small one that is missed: of two images half of the loss, in their pool two pixels of eight.
TWO_IMAGES = ([[1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 0.0, 0.0]], [[1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 0.0, 0.0]])

# Two classes, of three pixels and of one, the small one missed.
LARGE_AND_SMALL = ([[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]], [[1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])


# --- masks --------------------------------------------------------------------------------------------------------------


def _masks(probabilities, target, class_axis, smooth=0.0):
    """Both arrays as (N, K, pixels), with K = 1 where there are no classes."""
    if class_axis not in (None, 1):
        raise ValueError(f"class_axis must be None (one class) or 1, as in (N, K, ...), got {class_axis!r}")
    if class_axis == 1 and probabilities.ndim < 2:
        raise ValueError(f"probabilities must have shape (N, K, ...) with class_axis=1, got {tuple(probabilities.shape)}")
    in_unit_interval(probabilities=probabilities, target=target)
    in_range(smooth=smooth, low=0, closed="[")
    lead = probabilities.shape[:1] + (probabilities.shape[1:2] if class_axis else (1,))
    pixels = math.prod(probabilities.shape[1 if class_axis is None else 2 :])
    return (namespace(a).reshape(a, (*lead, pixels)) for a in (probabilities, target))


def _weighted_masks(probabilities, target, class_axis):
    """The masks, and the weight of each class, 1 for the smallest: multiplied by a constant all weights give the same loss."""
    p, y = _masks(probabilities, target, class_axis)
    size = _sum(y)
    absent = size == 0
    smallest = namespace(y).min(where(absent, math.inf, size), axis=-1, keepdims=True)
    return p, y, where(absent, 1.0, (smallest / where(absent, 1.0, size)) ** 2)


def _sum(x):
    """Over the pixels of a mask, or over the classes: the last axis."""
    return namespace(x).sum(x, axis=-1)


def _mean(values):
    """Over the classes: (N, K) -> (N,)."""
    return namespace(values).mean(values, axis=-1)


def _share(part, whole):
    """part / whole, and 0 where there is nothing at all."""
    nothing = whole == 0
    return where(nothing, 0.0, part / where(nothing, 1.0, whole))


def _to_pixels(pull, probabilities):
    """The gradient of the mean over the classes, in the shape of the probabilities."""
    return namespace(pull).reshape(pull / pull.shape[1], probabilities.shape)


def _tversky(p, y, alpha, beta, smooth):
    """α FP + β FN over itself plus TP: sums of what is ≥ 0, so that nothing cancels where the masks nearly agree."""
    wrong, hit = _wrong_and_hit(p, y, alpha, beta, smooth)
    return _share(wrong, hit + wrong)


def _tversky_pull(p, y, alpha, beta, smooth):
    wrong, hit = (part[..., None] for part in _wrong_and_hit(p, y, alpha, beta, smooth))
    whole = hit + wrong
    return _share((alpha * (1 - y) - beta * y) * _share(hit, whole) - y * _share(wrong, whole), whole)


def _wrong_and_hit(p, y, alpha, beta, smooth):
    in_range(alpha=alpha, beta=beta, low=0)
    return alpha * _sum(p * (1 - y)) + beta * _sum((1 - p) * y), _sum(p * y) + smooth


def _tversky_formulas():
    """The formula of the loss and of its gradient."""
    from sympy import Sum

    from ._symbols import P, Y, alpha, beta, epsilon, i, j, n

    hit = Sum(P[i] * Y[i], (i, 1, n)) + epsilon
    false_alarms, misses = Sum(P[i] * (1 - Y[i]), (i, 1, n)), Sum((1 - P[i]) * Y[i], (i, 1, n))
    wrong = alpha * false_alarms + beta * misses
    slope = ((alpha * (1 - Y[j]) - beta * Y[j]) * hit - Y[j] * wrong) / (hit + wrong) ** 2
    return 1 - hit / (hit + wrong), slope


# --- Lovász extensions --------------------------------------------------------------------------------------------------


def _hinge_errors(logit, target, per_image):
    """The error of each pixel before it is cut off at 0, and its weight."""
    zero_or_one(target=target)
    error = 1 - (2 * target - 1) * logit
    return error, _pull(error[..., None], target[..., None], per_image)[..., 0]


def _class_errors(probabilities, labels, per_image, classes, class_axis):
    """The error of each pixel in each class, and its weight; the classes on the last axis."""
    if classes not in ("present", "all"):
        raise ValueError(f"classes must be 'present' or 'all', got {classes!r}")
    if probabilities.ndim < 2:
        raise ValueError(f"probabilities must have at least 2 axes, (N, ..., K), got shape {tuple(probabilities.shape)}")
    in_unit_interval(probabilities=probabilities)
    zero_or_one(labels=labels)
    probabilities, labels = (_classes_last(a, class_axis) for a in (probabilities, labels))
    total = _sum(labels)
    require(total, (total == 1) | (total != total), "labels must be class indices or one-hot rows: the sum over the classes is 1")
    error = where(labels == 1, 1 - probabilities, where(labels == 0, probabilities, labels))
    return error, _pull(error, labels, per_image, only_present=classes == "present")


def _classes_last(x, class_axis):
    """(N, K, ...) as (N, ..., K), where the classes are on axis 1."""
    return x if class_axis == -1 else namespace(x).permute_dims(x, (0, *range(2, x.ndim), 1))


def _classes_back(x, class_axis):
    return x if class_axis == -1 else namespace(x).permute_dims(x, (0, x.ndim - 1, *range(1, x.ndim - 1)))


def _pull(error, inside, per_image, only_present=False):
    """The weight of the error of each pixel (N, ..., K), which is its gradient: a constant while the errors keep their order."""
    xp, shape = namespace(error), error.shape
    images = shape[0] if per_image else 1
    pixels = math.prod(shape[:-1]) // max(images, 1)
    rows = [xp.permute_dims(xp.reshape(x, (images, pixels, shape[-1])), (0, 2, 1)) for x in (error, inside)]
    weights = _steps(*rows)
    if only_present:
        present = xp.astype(xp.any(rows[1] == 1, axis=-1), error.dtype)
        weights = weights * (present / _sum(present)[..., None])[..., None]
    else:
        weights = weights / shape[-1]
    weights = xp.reshape(xp.permute_dims(weights, (0, 2, 1)), shape)
    return weights if per_image else weights * shape[0]


def _steps(error, inside):
    """How much the Jaccard loss grows at each pixel when they become errors one by one, the largest error first."""
    xp = namespace(error)
    order = xp.argsort(error, axis=-1, descending=True, stable=True)
    missed = xp.take_along_axis(inside, order, axis=-1) == 1
    found = xp.cumulative_sum(xp.astype(missed, xp.int64), axis=-1)
    left = found[..., -1:] - found  # of the mask, still without error
    union = left + xp.arange(1, error.shape[-1] + 1, device=error.device)  # of the mask and the false alarms so far
    first = union == 1  # a false alarm next to an empty mask
    left, union = xp.astype(left, error.dtype), xp.astype(union, error.dtype)
    alarm = where(first, 1.0, left / (union * where(first, 1.0, union - 1)))
    grows = where(missed, 1 / union, alarm)
    return xp.take_along_axis(grows, xp.argsort(order, axis=-1), axis=-1)


def _of_image(x):
    """The sum over everything but the first axis."""
    return _sum(namespace(x).reshape(x, (x.shape[0], math.prod(x.shape[1:]))))


def _nan_of(x):
    """nan for images that hold a nan, else 0."""
    return _of_image(where(x == x, 0.0, x))


def _spread(values, like):
    """One value per image, at each of its pixels."""
    return values[(..., *[None] * (like.ndim - 1))]


def _indicators(probabilities, labels, weight=None, class_axis=-1):
    """Class indices (N, ...) as one-hot rows, checked; what an image of weight 0 holds is not looked at."""
    if class_axis not in (-1, 1):
        raise ValueError(f"class_axis must be -1, as in (N, ..., K), or 1, as in (N, K, ...), got {class_axis!r}")
    refuse_masks([labels])
    probabilities, labels, weight = same_library([probabilities, labels, weight])
    check_dtype("labels", labels, target=True, labels=True)
    xp = namespace(labels)
    if is_float(labels) or probabilities.ndim < 2:
        return labels
    wanted = list(probabilities.shape)
    classes = wanted.pop(class_axis)
    if list(labels.shape) != wanted:
        raise ValueError(
            f"labels must have shape {tuple(wanted)} to match probabilities of shape {tuple(probabilities.shape)} "
            f"with class_axis={class_axis}, got {tuple(labels.shape)}: nothing is broadcast"
        )
    labels = xp.astype(labels, xp.int64)
    if weight is not None:
        labels = drop(labels, check_weight(weight, tuple(labels.shape[:1]), probabilities.dtype), 0)
    require(labels, (labels >= 0) & (labels < classes), f"labels must be class indices in 0 .. {classes - 1}", IndexError)
    return _classes_back(one_hot(labels, classes, probabilities.dtype), class_axis)


# --- definitions by brute force, on sets and over all orders ------------------------------------------------------------


def _dice_of_sets(a, b):
    return 1 - Fraction(2 * len(a & b), len(a) + len(b)) if a or b else 0


def _tversky_of_sets(a, b):
    both = len(a & b)
    return 1 - both / (both + Fraction(3, 10) * len(a - b) + Fraction(7, 10) * len(b - a)) if a or b else 0


def _jaccard_of_sets(a, b):
    return 1 - Fraction(len(a & b), len(a | b)) if a or b else 0


def _mean_jaccard_of_sets(a, b):
    """Two classes of six pixels: those of the set and all others. Only classes that the labels hold count."""
    everything = set(range(6))
    losses = [_jaccard_of_sets(found, true) for found, true in ((a, b), (everything - a, everything - b)) if true]
    return sum(losses) / len(losses)


def _generalized_oracle(probabilities, target):
    """1 - 2 Σ_k w_k |P_k ∩ Y_k| / Σ_k w_k (|P_k| + |Y_k|) for fuzzy sets of pixels, P_k found and Y_k true, w_k = 1 / |Y_k|²; a
    class with an empty Y_k has the largest of the other weights, or 1 if all are empty; 0 if there is nothing at all."""
    weights = [1 / sum(row) ** 2 if sum(row) else None for row in target]
    largest = max((w for w in weights if w is not None), default=1)
    weights = [largest if w is None else w for w in weights]
    both = sum(w * p * y for w, row, truth in zip(weights, probabilities, target) for p, y in zip(row, truth))
    sizes = sum(w * (p + y) for w, row, truth in zip(weights, probabilities, target) for p, y in zip(row, truth))
    return 1 - 2 * both / sizes if sizes else sizes


def _lovasz_oracle(errors, mask):
    """The largest, over all orders of the pixels, of the sum of each error times the growth of the Jaccard loss at its turn."""
    import itertools

    import mpmath

    true = {i for i, y in enumerate(mask) if y == 1}

    def of_errors(wrong):
        return mpmath.mpf(len(wrong)) / len(true | wrong) if wrong else mpmath.mpf(0)

    return max(
        sum(errors[i] * (of_errors(set(order[: turn + 1])) - of_errors(set(order[:turn]))) for turn, i in enumerate(order))
        for order in itertools.permutations(range(len(errors)))
    )


def _hinge_oracle(logit, target):
    """The Lovász extension of the Jaccard loss at the hinge errors (1 - (2y - 1) z)₊: the largest, over all orders of the pixels,
    of the sum of each error times the growth of the Jaccard loss when its pixel becomes wrong after those before it."""
    return _lovasz_oracle([max(1 - (2 * y - 1) * z, 0) for z, y in zip(logit, target)], target)


def _softmax_oracle(probabilities, labels):
    """The mean over the classes in the labels of the Lovász extension of the Jaccard loss at the errors |y - p|: the largest,
    over all orders of the pixels, of the sum of each error times the growth of the Jaccard loss when its pixel becomes wrong."""
    masks = [(k, [row[k] for row in labels]) for k in range(len(labels[0])) if any(row[k] == 1 for row in labels)]
    return sum(_lovasz_oracle([abs(y - row[k]) for row, y in zip(probabilities, mask)], mask) for k, mask in masks) / len(masks)


# --- what the claims change and compare ---------------------------------------------------------------------------------


def _padded(rng, *masks):
    import numpy as np

    return [np.concatenate([m, np.zeros_like(m)], axis=-1) for m in masks]


def _repeated(rng, *masks):
    import numpy as np

    return [np.repeat(m, 3, axis=-1) for m in masks]


def _other_classes(rng, *masks):
    order = rng.permutation(masks[0].shape[1])
    return [m[:, order] for m in masks]


def _other_pixels(rng, *rows):
    order = rng.permutation(rows[0].shape[1])
    return [r[:, order] for r in rows]


def _other_classes_of_rows(rng, *rows):
    order = rng.permutation(rows[0].shape[-1])
    return [r[..., order] for r in rows]


def _one_class(rng):
    return rng.random((50, 1, 7)), rng.random((50, 1, 7))


def _dice_of_one_class(p, y):
    return dice(p[:, 0], y[:, 0], reduction="none")


def _empty(rng):
    import numpy as np

    return rng.standard_normal((50, 7)), np.zeros((50, 7))


def _full(rng):
    import numpy as np

    return rng.standard_normal((50, 7)), np.ones((50, 7))


def _largest_error(logit, target):
    return positive_part(1 + logit).max(-1)


def _mean_error(logit, target):
    return positive_part(1 - logit).mean(-1)


def _at_the_margin(found, true):
    """Logits on the right side where the two masks agree, at the margin, and 0, an error of 1, where they do not."""
    return (2 * true - 1) * (found == true), true


def _two_classes(found, true):
    """The mask and what it leaves out as the probabilities, and the labels, of two classes."""
    import numpy as np

    return np.stack([1 - found, found], -1), true.astype(int)


# --- the same losses elsewhere ------------------------------------------------------------------------------------------


def _dice_monai(probabilities, target, *, smooth, squared, reduction):
    return _monai("DiceLoss", probabilities, target, smooth, squared_pred=squared)


def _jaccard_monai(probabilities, target, *, smooth, reduction):
    return _monai("DiceLoss", probabilities, target, 2 * smooth, jaccard=True)


def _tversky_monai(probabilities, target, *, alpha, beta, smooth, reduction):
    return _monai("TverskyLoss", probabilities, target, smooth, alpha=alpha, beta=beta)


def _monai(name, probabilities, target, smooth, **options):
    import monai.losses

    made = getattr(monai.losses, name)(smooth_nr=smooth, smooth_dr=smooth, reduction="none", **options)
    return made(probabilities[:, None], target[:, None]).reshape(-1)


def _dice_optax(probabilities, target, *, smooth, squared, reduction):
    return _optax(probabilities, target, smooth=smooth / 2)


def _tversky_optax(probabilities, target, *, alpha, beta, smooth, reduction):
    return _optax(probabilities, target, alpha=alpha, beta=beta, smooth=smooth)


def _optax(probabilities, target, **options):
    """In float64. It takes logits, and the one class on the last axis."""
    import jax
    import numpy as np
    import optax.losses
    from scipy.special import logit

    with jax.enable_x64(True):
        p, y = (jax.numpy.asarray(a[..., None]) for a in (logit(probabilities), target))
        return np.asarray(optax.losses.dice_loss(p, y, **options))


def _hinge_kornia(logit, target, *, reduction):
    import torch
    from kornia.losses import lovasz_hinge_loss

    return torch.stack([lovasz_hinge_loss(z[None, None, None], y[None, None]) for z, y in zip(logit, target)])


def _softmax_kornia(probabilities, labels, *, reduction):
    """It takes logits (N, K, H, W) and averages over all classes: those that no pixel has are taken out of the mean."""
    import torch
    from kornia.losses import lovasz_softmax_loss

    logits, indices = probabilities.log().movedim(-1, 1)[..., None], labels.argmax(-1)[..., None]
    of_all = torch.stack([lovasz_softmax_loss(z[None], y[None]) for z, y in zip(logits, indices)])
    present = labels.any(1)
    return (of_all * labels.shape[-1] - (probabilities.amax(1) * ~present).sum(1)) / present.sum(1)
