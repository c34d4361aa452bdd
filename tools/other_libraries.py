"""Ask ten libraries for the losses they have under one name, and write the answers to book/other_libraries.json.

The libraries do not fit into the environment of the book (torchvision needs the build of torch that it was made for), so this
script has an environment of its own, and the page book/same_name.ipynb reads what it wrote:

    python3 -m venv /tmp/other_libraries
    /tmp/other_libraries/bin/pip install torch==2.14.1 torchvision==0.29.1
    /tmp/other_libraries/bin/pip install -r requirements-other-libraries.txt
    /tmp/other_libraries/bin/python tools/other_libraries.py            # a few minutes, on a CPU

Every input is written out below, once, and goes into the JSON. Every call is a string that is evaluated as it stands, so the
stored source line is what ran. `t` makes a torch tensor (float64, or int64 for whole labels), `j` a JAX array. What is not said
in a call is the library's default. Numbers that are not finite are stored as "nan", "inf" and "-inf".
"""

# ruff: noqa: E501 - a call stays on one line

import argparse
import datetime
import json
import os
import platform
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import numpy as np

TARGET = Path(__file__).parents[1] / "book" / "other_libraries.json"
LIBRARIES = ("torch", "torchvision", "optax", "keras", "kornia", "monai", "segmentation-models-pytorch",
             "pytorch-metric-learning", "scikit-learn", "scipy")  # fmt: skip

# ---- the inputs: the page computes this book's losses on the same ones ---------------------------------------------------------

ROW, COLUMN = np.indices((16, 16))
INPUTS = {
    # regression: residuals 0.5, -2, 0 and 6
    "pred": [1.5, 0.0, 1.0, 10.0],
    "true": [1.0, 2.0, 1.0, 4.0],
    # two pairs of vectors
    "u": [[1.0, 2.0, 2.0], [3.0, 0.0, 4.0]],
    "v": [[2.0, 2.0, 1.0], [0.0, 3.0, 4.0]],
    # two classes: logits, labels 0 and 1, labels -1 and 1
    "z": [2.0, -1.0, 0.5, -3.0],
    "y": [1, 0, 0, 1],
    "sign": [1, -1, -1, 1],
    # three classes: logits, labels, weights of the classes
    "Z": [[2.0, 0.5, -1.0], [0.2, 1.0, 0.1], [0.5, -2.0, -1.0], [-0.5, 0.3, 1.5]],
    "labels": [0, 2, 0, 1],
    "class_weights": [1.0, 2.0, 5.0],
    # distributions over three classes
    "p": [[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]],
    "q": [[0.4, 0.4, 0.2], [0.3, 0.3, 0.4]],
    # triplets
    "anchor": [[1.0, 0.0], [0.0, 2.0], [3.0, 4.0]],
    "positive": [[3.0, 1.0], [0.0, 1.0], [4.0, 3.0]],
    "negative": [[1.5, 1.0], [3.0, 2.0], [2.0, 4.5]],
    # pairs that belong together (1) or do not (0)
    "a": [[1.0, 0.0], [0.0, 2.0], [1.0, 1.0], [0.6, 0.8]],
    "b": [[0.8, 0.6], [0.5, 2.0], [1.0, 0.5], [0.0, -1.0]],
    "same": [1, 1, 0, 0],
    # two views of three examples
    "view1": [[1.0, 0.0, 0.2], [0.1, 1.0, 0.0], [0.5, 0.5, 1.0]],
    "view2": [[0.9, 0.3, 0.1], [0.0, 0.8, 0.4], [0.3, 0.6, 0.9]],
    # counts and their predicted means; a predicted variance for `pred`
    "rate": [0.5, 2.0, 4.0],
    "count": [0, 1, 6],
    "variance": [1.0, 4.0, 0.5, 9.0],
    # images in [0, 1]: black, white, and two patterns that differ
    "black": np.zeros((16, 16)).tolist(),
    "white": np.ones((16, 16)).tolist(),
    "image1": (((7 * ROW + 3 * COLUMN) % 10) / 10).tolist(),
    "image2": (((5 * ROW + 2 * COLUMN) % 10) / 10).tolist(),
    # masks: probabilities and truth
    "mask": [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]],
    "probability": [[0.9, 0.8, 0.3, 0.1], [0.7, 0.6, 0.2, 0.1], [0.4, 0.1, 0.1, 0.2], [0.1, 0.2, 0.1, 0.5]],
    # boxes (x1, y1, x2, y2)
    "boxes": [[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 4.0, 3.0]],
    "true_boxes": [[1.0, 1.0, 3.0, 3.0], [3.0, 0.0, 4.0, 1.0], [1.0, 1.0, 3.0, 4.0]],
    # an empty mask of 32 x 32 pixels and three predictions of it
    "nothing": np.zeros((32, 32), int).tolist(),
    "faint": np.full((32, 32), 0.1).tolist(),
    "double": np.full((32, 32), 0.2).tolist(),
    "perfect": np.zeros((32, 32)).tolist(),
}

# ---- the calls, by name --------------------------------------------------------------------------------------------------------

NAMES = {
    "squared error": [
        ("torch", "F.mse_loss(t(pred), t(true))"),
        ("keras", "keras.losses.MeanSquaredError()(t(true), t(pred))"),
        ("scikit-learn", "metrics.mean_squared_error(true, pred)"),
        ("optax", "optax.squared_error(j(pred), j(true)).mean()"),
        ("optax", "optax.l2_loss(j(pred), j(true)).mean()"),
    ],
    "absolute error and pinball": [
        ("torch", "F.l1_loss(t(pred), t(true))"),
        ("keras", "keras.losses.MeanAbsoluteError()(t(true), t(pred))"),
        ("scikit-learn", "metrics.mean_absolute_error(true, pred)"),
        ("scikit-learn", "metrics.mean_pinball_loss(true, pred)"),
        ("scikit-learn", "metrics.mean_pinball_loss(true, pred, alpha=0.9)"),
    ],
    "absolute percentage error": [
        ("scikit-learn", "metrics.mean_absolute_percentage_error(true, pred)"),
        ("keras", "keras.losses.MeanAbsolutePercentageError()(t(true), t(pred))"),
    ],
    "Huber and smooth L1": [
        ("torch", "F.huber_loss(t(pred), t(true), delta=3.0)"),
        ("torch", "F.smooth_l1_loss(t(pred), t(true), beta=3.0)"),
        ("torch", "F.smooth_l1_loss(t(pred), t(true))"),
        ("optax", "optax.huber_loss(j(pred), j(true), delta=3.0).mean()"),
        ("keras", "keras.losses.Huber(delta=3.0)(t(true), t(pred))"),
        ("scipy", "special.huber(3.0, pred - true).mean()"),
        ("scipy", "special.pseudo_huber(3.0, pred - true).mean()"),
    ],
    "cosine": [
        ("torch", "F.cosine_similarity(t(u), t(v)).mean()"),
        ("torch", "F.cosine_embedding_loss(t(u), t(v), torch.ones(2))"),
        ("scikit-learn", "metrics.pairwise.paired_cosine_distances(u, v).mean()"),
        ("scipy", "np.mean([distance.cosine(*pair) for pair in zip(u, v)])"),
        ("optax", "optax.cosine_distance(j(u), j(v)).mean()"),
        ("keras", "keras.losses.CosineSimilarity()(t(u), t(v))"),
    ],
    "focal, two classes": [
        ("torchvision", "torchvision.ops.sigmoid_focal_loss(t(z), t(y * 1.0))"),
        ("kornia", "kornia.losses.binary_focal_loss_with_logits(t(z)[:, None], t(y * 1.0)[:, None])[:, 0]"),
        ("optax", "optax.sigmoid_focal_loss(j(z), j(y))"),
        ("keras", "keras.losses.BinaryFocalCrossentropy(from_logits=True)(t(y)[:, None], t(z)[:, None])"),
        ("monai", "monai.losses.FocalLoss()(t(z)[:, None], t(y)[:, None])"),
        ("segmentation-models-pytorch", 'smp.losses.FocalLoss("binary")(t(z), t(y))'),
    ],
    "focal, several classes": [
        ("kornia", 'kornia.losses.focal_loss(t(Z), t(labels), alpha=None, reduction="mean")'),
        ("kornia", 'kornia.losses.focal_loss(t(Z), t(labels), alpha=0.25, reduction="sum")'),
        ("keras", "keras.losses.CategoricalFocalCrossentropy(from_logits=True)(t(onehot), t(Z))"),
        ("monai", "monai.losses.FocalLoss(use_softmax=True)(t(Z), t(onehot))"),
        ("monai", "monai.losses.FocalLoss(to_onehot_y=True)(t(Z), t(labels)[:, None])"),
        ("segmentation-models-pytorch", 'smp.losses.FocalLoss("multiclass")(t(Z), t(labels))'),
    ],
    "triplet": [
        ("torch", "F.triplet_margin_loss(t(anchor), t(positive), t(negative))"),
        ("optax", "optax.losses.triplet_margin_loss(j(anchor), j(positive), j(negative)).mean()"),
        ("pytorch-metric-learning", "pml.TripletMarginLoss()(t(triplets), t(triplet_labels), t(triplet_indices).unbind())"),
    ],
    "contrastive": [
        ("torch", "F.hinge_embedding_loss((t(a) - t(b)).norm(dim=1), t(2 * same - 1))"),
        ("torch", "F.cosine_embedding_loss(t(a), t(b), t(2 * same - 1))"),
        ("pytorch-metric-learning", "pml.ContrastiveLoss()(t(pairs), t(pair_labels), t(pair_indices).unbind())"),
        ("monai", "monai.losses.ContrastiveLoss()(t(a), t(b))"),
    ],
    "NT-Xent": [
        ("pytorch-metric-learning", "pml.NTXentLoss()(t(views), t(view_labels))"),
        ("optax", "optax.ntxent(j(views), j(view_labels))"),
        ("monai", "monai.losses.ContrastiveLoss()(t(view1), t(view2))"),
    ],
    "SSIM": [
        ("kornia", "kornia.losses.ssim_loss(t(black)[None, None], t(white)[None, None], 11)"),
        ("monai", "monai.losses.SSIMLoss(spatial_dims=2)(t(black)[None, None], t(white)[None, None])"),
        ("kornia", 'kornia.losses.ssim_loss(t(image1)[None, None], t(image2)[None, None], 11, padding="valid")'),
        ("kornia", "kornia.losses.ssim_loss(t(image1)[None, None], t(image2)[None, None], 11)"),
        ("monai", "monai.losses.SSIMLoss(spatial_dims=2)(t(image1)[None, None], t(image2)[None, None])"),
    ],
    "Kullback-Leibler": [
        ("torch", "F.kl_div(t(q).log(), t(p))"),
        ("torch", 'F.kl_div(t(q).log(), t(p), reduction="batchmean")'),
        ("torch", 'F.kl_div(t(q), t(p), reduction="batchmean")'),
        ("keras", "keras.losses.KLDivergence()(t(p), t(q))"),
        ("optax", "optax.kl_divergence(j(np.log(q)), j(p)).mean()"),
        ("scipy", "special.rel_entr(p, q).sum(axis=1).mean()"),
        ("scipy", "special.kl_div(p, q).sum(axis=1).mean()"),
        ("scipy", "stats.entropy(p, q, axis=1).mean()"),
        ("kornia", "kornia.losses.divergence.kl_div_loss_2d(t(p)[:, None, None, :], t(q)[:, None, None, :])"),
    ],
    "Jensen-Shannon": [
        ("scipy", "distance.jensenshannon(p, q, axis=1)"),
        (
            "kornia",
            'kornia.losses.divergence.js_div_loss_2d(t(p)[:, None, None, :], t(q)[:, None, None, :], reduction="none")[:, 0]',
        ),
    ],
    "Dice": [
        ("monai", "monai.losses.DiceLoss()(t(probability)[None, None], t(mask)[None, None])"),
        ("segmentation-models-pytorch", 'smp.losses.DiceLoss("binary")(t(logit(probability))[None, None], t(mask)[None, None])'),
        ("keras", "keras.losses.Dice()(t(mask)[None, :, :, None], t(probability)[None, :, :, None])"),
        ("optax", "optax.losses.binary_dice_loss(j(logit(probability))[None, :, :, None], j(mask)[None, :, :, None])[0]"),
        ("kornia", "kornia.losses.dice_loss(t(two_logits)[None], t(mask)[None])"),
        ("kornia", 'kornia.losses.dice_loss(t(two_logits)[None], t(mask)[None], average="macro")'),
        ("monai", "monai.losses.DiceLoss(squared_pred=True)(t(probability)[None, None], t(mask * 1.0)[None, None])"),
        ("monai", "monai.losses.GeneralizedDiceLoss()(t(probability)[None, None], t(mask)[None, None])"),
    ],
    "Jaccard": [
        ("monai", "monai.losses.DiceLoss(jaccard=True)(t(probability)[None, None], t(mask)[None, None])"),
        (
            "segmentation-models-pytorch",
            'smp.losses.JaccardLoss("binary")(t(logit(probability))[None, None], t(mask)[None, None])',
        ),
    ],
    "Tversky, alpha = 0.3 and beta = 0.7": [
        ("monai", "monai.losses.TverskyLoss(alpha=0.3, beta=0.7)(t(probability)[None, None], t(mask)[None, None])"),
        (
            "segmentation-models-pytorch",
            'smp.losses.TverskyLoss("binary", alpha=0.3, beta=0.7)(t(logit(probability))[None, None], t(mask)[None, None])',
        ),
        ("keras", "keras.losses.Tversky(alpha=0.3, beta=0.7)(t(mask)[None, :, :, None], t(probability)[None, :, :, None])"),
        (
            "optax",
            "optax.losses.dice_loss(j(logit(probability))[None, :, :, None], j(mask)[None, :, :, None], alpha=0.3, beta=0.7)[0]",
        ),
        ("kornia", "kornia.losses.tversky_loss(t(two_logits)[None], t(mask)[None], alpha=0.3, beta=0.7)"),
    ],
    "GIoU": [
        ("torchvision", "torchvision.ops.generalized_box_iou_loss(t(boxes), t(true_boxes))"),
        ("monai", 'monai.losses.BoxGIoULoss(reduction="none")(t(boxes), t(true_boxes))'),
    ],
    "CIoU": [
        ("torchvision", "torchvision.ops.complete_box_iou_loss(t(boxes), t(true_boxes))"),
    ],
    "Poisson": [
        ("torch", "F.poisson_nll_loss(t(np.log(rate)), t(count))"),
        ("torch", "F.poisson_nll_loss(t(np.log(rate)), t(count), full=True)"),
        ("keras", "keras.losses.Poisson()(t(count), t(rate))"),
        ("scipy", "-stats.poisson.logpmf(count, rate).mean()"),
        ("scikit-learn", "metrics.mean_poisson_deviance(count, rate)"),
    ],
    "Gaussian": [
        ("torch", "F.gaussian_nll_loss(t(pred), t(true), t(variance))"),
        ("torch", "F.gaussian_nll_loss(t(pred), t(true), t(variance), full=True)"),
        ("scipy", "-stats.norm.logpdf(true, pred, np.sqrt(variance)).mean()"),
    ],
    "hinge, two classes": [
        ("scikit-learn", "metrics.hinge_loss(sign, z)"),
        ("scikit-learn", "metrics.hinge_loss(y, z)"),
        ("keras", "keras.losses.Hinge()(t(sign), t(z))"),
        ("keras", "keras.losses.Hinge()(t(y), t(z))"),
        ("optax", "optax.hinge_loss(j(z), j(sign)).mean()"),
        ("optax", "optax.hinge_loss(j(z), j(y)).mean()"),
        ("torch", "F.margin_ranking_loss(t(z), t(0 * z), t(sign), margin=1.0)"),
        ("torch", "F.hinge_embedding_loss(t(z), t(sign))"),
    ],
    "hinge, several classes": [
        ("scikit-learn", "metrics.hinge_loss(labels, Z)"),
        ("optax", "optax.losses.multiclass_hinge_loss(j(Z), j(labels)).mean()"),
        ("keras", "keras.losses.CategoricalHinge()(t(onehot), t(Z))"),
        ("torch", "F.multi_margin_loss(t(Z), t(labels))"),
    ],
    "log loss": [
        ("scikit-learn", "metrics.log_loss(y, sigmoid(z))"),
        ("scikit-learn", "metrics.log_loss(labels, softmax(Z))"),
        ("torch", "F.binary_cross_entropy(t(sigmoid(z)), t(y * 1.0))"),
        ("torch", "F.binary_cross_entropy_with_logits(t(z), t(y * 1.0))"),
        ("torch", "F.cross_entropy(t(Z), t(labels))"),
        ("torch", "F.cross_entropy(t(softmax(Z)), t(labels))"),
        ("keras", "keras.losses.BinaryCrossentropy()(t(y)[:, None], t(sigmoid(z))[:, None])"),
        ("keras", "keras.losses.CategoricalCrossentropy()(t(onehot), t(softmax(Z)))"),
        ("optax", "optax.sigmoid_binary_cross_entropy(j(z), j(y)).mean()"),
        ("optax", "optax.softmax_cross_entropy_with_integer_labels(j(Z), j(labels)).mean()"),
        ("scipy", "-stats.bernoulli.logpmf(y, sigmoid(z)).mean()"),
    ],
    "log loss of a certain mistake": [
        ("scikit-learn", "metrics.log_loss([1], [0.0], labels=[0, 1])"),
        ("torch", "F.binary_cross_entropy(t([0.0]), t([1.0]))"),
        ("keras", "keras.losses.BinaryCrossentropy()(t([[1.0]]), t([[0.0]]))"),
        ("scipy", "-stats.bernoulli.logpmf(1, 0.0)"),
    ],
    "weighted mean": [
        ("torch", "F.cross_entropy(t(Z), t(labels), weight=t(class_weights))"),
        ("scikit-learn", "metrics.log_loss(labels, softmax(Z), sample_weight=class_weights[labels])"),
        (
            "keras",
            "keras.losses.CategoricalCrossentropy(from_logits=True)(t(onehot), t(Z), sample_weight=t(class_weights[labels]))",
        ),
        (
            "keras",
            "keras.metrics.CategoricalCrossentropy(from_logits=True)(t(onehot), t(Z), sample_weight=t(class_weights[labels]))",
        ),
    ],
    "label smoothing, 0.1": [
        ("torch", "F.cross_entropy(t(Z), t(labels), label_smoothing=0.1)"),
        ("keras", "keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)(t(onehot), t(Z))"),
        ("optax", "optax.softmax_cross_entropy(j(Z), optax.smooth_labels(j(onehot), 0.1)).mean()"),
        ("segmentation-models-pytorch", "smp.losses.SoftCrossEntropyLoss(smooth_factor=0.1)(t(Z), t(labels))"),
        ("keras", "keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1)(t(y)[:, None], t(z)[:, None])"),
        ("segmentation-models-pytorch", "smp.losses.SoftBCEWithLogitsLoss(smooth_factor=0.1)(t(z)[:, None], t(y)[:, None])"),
    ],
    "Brier": [
        ("scikit-learn", "metrics.brier_score_loss(y, sigmoid(z))"),
        ("scikit-learn", "metrics.brier_score_loss(y, sigmoid(z), scale_by_half=False)"),
        ("scikit-learn", "metrics.brier_score_loss(labels, softmax(Z))"),
        ("torch", "F.mse_loss(t(softmax(Z)), t(onehot))"),
        ("keras", "keras.losses.MeanSquaredError()(t(onehot), t(softmax(Z)))"),
    ],
}

# An empty mask: the same call for three predictions. X stands for the prediction
# (probabilities), L for its logits, L2 for the logits of two classes, background and foreground.
X, L, Y = "t(X)[None, None]", "t(L)[None, None]", "t(nothing)[None, None]"
J, JY, K = "j(L)[None, :, :, None]", "j(nothing)[None, :, :, None]", "t(L2)[None]"
EMPTY = {
    "Dice": [
        ("segmentation-models-pytorch", f'smp.losses.DiceLoss("binary")({L}, {Y})'),
        ("kornia", f'kornia.losses.dice_loss({K}, t(nothing)[None], average="macro")'),
        ("kornia", f"kornia.losses.dice_loss({K}, t(nothing)[None])"),
        ("optax", f"optax.losses.binary_dice_loss({J}, {JY})[0]"),
        ("monai", f"monai.losses.DiceLoss()({X}, {Y})"),
        ("keras", "keras.losses.Dice()(t(nothing)[None, :, :, None], t(X)[None, :, :, None])"),
    ],
    "generalised Dice": [
        ("monai", f"monai.losses.GeneralizedDiceLoss()({X}, {Y})"),
        ("optax", "optax.losses.multiclass_generalized_dice_loss(j(L2.transpose(1, 2, 0))[None],"
                  " jnp.stack([1 - j(nothing), j(nothing)], axis=-1)[None])"),
    ],
    "Jaccard": [
        ("segmentation-models-pytorch", f'smp.losses.JaccardLoss("binary")({L}, {Y})'),
        ("monai", f"monai.losses.DiceLoss(jaccard=True)({X}, {Y})"),
    ],
    "Tversky": [
        ("segmentation-models-pytorch", f'smp.losses.TverskyLoss("binary")({L}, {Y})'),
        ("kornia", f"kornia.losses.tversky_loss({K}, t(nothing)[None], alpha=0.5, beta=0.5)"),
        ("monai", f"monai.losses.TverskyLoss()({X}, {Y})"),
        ("keras", "keras.losses.Tversky()(t(nothing)[None, :, :, None], t(X)[None, :, :, None])"),
    ],
}  # fmt: skip

# ---- what the libraries do where a bug was reported: float32 unless a call says otherwise --------------------------------------
# `tgrad(f, x)` and `jgrad(f, x)`: the value of f at x and its gradient, by torch and by JAX.

MUSEUM = {
    "focal loss, gamma 0.5, logits 200 and -200, both right": [
        ("torchvision", "tgrad(lambda z: torchvision.ops.sigmoid_focal_loss(z, f32([1, 0]), gamma=0.5).sum(), [200, -200])"),
        ("kornia", "tgrad(lambda z: kornia.losses.binary_focal_loss_with_logits(z, f32([[1], [0]]), gamma=0.5).sum(), [[200], [-200]])"),
        ("optax", "jgrad(lambda z: optax.sigmoid_focal_loss(z, jnp.float32([1, 0]), gamma=0.5).sum(), [200, -200])"),
        ("monai", "tgrad(lambda z: monai.losses.FocalLoss(gamma=0.5)(z, f32([[1], [0]])), [[200], [-200]])"),
        ("segmentation-models-pytorch", 'tgrad(lambda z: smp.losses.FocalLoss("binary", gamma=0.5)(z, f32([1, 0])), [200, -200])'),
        ("keras", "tgrad(lambda z: keras.losses.BinaryFocalCrossentropy(gamma=0.5, from_logits=True, dtype='float32')"
                  "(f32([[1], [0]]), z), [[200], [-200]])"),
    ],
    "degenerate boxes: the prediction is a point inside the target": [
        ("torchvision", "tgrad(lambda b: torchvision.ops.complete_box_iou_loss(b, f32([[0, 0, 2, 2]])).sum(), [[1, 1, 1, 1]])"),
        ("torchvision", "tgrad(lambda b: torchvision.ops.distance_box_iou_loss(b, f32([[0, 0, 2, 2]])).sum(), [[1, 1, 1, 1]])"),
        ("torchvision", "tgrad(lambda b: torchvision.ops.generalized_box_iou_loss(b, f32([[0, 0, 2, 2]])).sum(), [[1, 1, 1, 1]])"),
        ("monai", "tgrad(lambda b: monai.losses.BoxGIoULoss()(b, f32([[0, 0, 2, 2]])), [[1, 1, 1, 1]])"),
    ],
    "degenerate boxes: both are the same point": [
        ("torchvision", "tgrad(lambda b: torchvision.ops.complete_box_iou_loss(b, f32([[1, 1, 1, 1]])).sum(), [[1, 1, 1, 1]])"),
        ("torchvision", "tgrad(lambda b: torchvision.ops.generalized_box_iou_loss(b, f32([[1, 1, 1, 1]])).sum(), [[1, 1, 1, 1]])"),
    ],
    "degenerate boxes: the prediction is a segment, height 0": [
        ("torchvision", "tgrad(lambda b: torchvision.ops.complete_box_iou_loss(b, f32([[0, 0, 2, 2]])).sum(), [[0, 1, 2, 1]])"),
        ("torchvision", "tgrad(lambda b: torchvision.ops.generalized_box_iou_loss(b, f32([[0, 0, 2, 2]])).sum(), [[0, 1, 2, 1]])"),
    ],
    "binary cross-entropy of the probability 0 for a positive": [
        ("keras", "tgrad(lambda p: keras.losses.BinaryCrossentropy(dtype='float32')(f32([[1]]), p), [[0]])"),
        ("keras", "tgrad(lambda p: keras.losses.binary_crossentropy(f32([[1]]), p).sum(), [[1e-9]])"),
        ("torch", "tgrad(lambda p: F.binary_cross_entropy(p, f32([1])), [0])"),
    ],
    "Huber with delta = inf, residual 2": [
        ("optax", "jgrad(lambda r: optax.huber_loss(r, delta=jnp.inf).sum(), [2])"),
        ("torch", "tgrad(lambda r: F.huber_loss(r, f32([0]), delta=float('inf')), [2])"),
        ("keras", "tgrad(lambda r: keras.losses.Huber(delta=float('inf'), dtype='float32')(f32([0]), r), [2])"),
        ("scipy", "special.huber(np.inf, 2.0)"),
    ],
    "Dice in float16 on 512 x 512 pixels, all foreground": [
        ("segmentation-models-pytorch",
         'smp.losses.DiceLoss("binary")(torch.full((1, 1, 512, 512), 4.0, dtype=torch.float16), torch.ones(1, 1, 512, 512))'),
        ("segmentation-models-pytorch", 'smp.losses.DiceLoss("binary")(torch.full((1, 1, 512, 512), 4.0), torch.ones(1, 1, 512, 512))'),
        ("monai", "monai.losses.DiceLoss(sigmoid=True)(torch.full((1, 1, 512, 512), 4.0, dtype=torch.float16),"
                  " torch.ones(1, 1, 512, 512, dtype=torch.float16))"),
        ("kornia", "kornia.losses.dice_loss(torch.tensor([0.0, 4.0], dtype=torch.float16).view(1, 2, 1, 1).expand(1, 2, 512, 512),"
                   " torch.ones(1, 512, 512, dtype=torch.long))"),
    ],
    "cosine of a zero vector": [
        ("optax", "jgrad(lambda x: optax.cosine_distance(x, jnp.float32([[1, 0]])).sum(), [[0, 0]])"),
        ("optax", "jgrad(lambda x: optax.cosine_distance(x, jnp.float32([[1, 0]]), epsilon=1e-8).sum(), [[0, 0]])"),
        ("torch", "tgrad(lambda x: 1 - F.cosine_similarity(x, f32([[1, 0]])).sum(), [[0, 0]])"),
        ("keras", "tgrad(lambda x: keras.losses.CosineSimilarity(dtype='float32')(f32([[1, 0]]), x), [[0, 0]])"),
    ],
    "weights 0 and 1 of two examples with losses 0 and 1": [
        ("keras", "keras.losses.MeanSquaredError()(t([[0.0], [0.0]]), t([[0.0], [1.0]]), sample_weight=t([0.0, 1.0]))"),
        ("keras", "keras.metrics.MeanSquaredError()(t([[0.0], [0.0]]), t([[0.0], [1.0]]), sample_weight=t([0.0, 1.0]))"),
        ("keras", 'keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")'
                  "(t([[0.0], [0.0]]), t([[0.0], [1.0]]), sample_weight=t([0.0, 1.0]))"),
        ("scikit-learn", "metrics.mean_squared_error([0.0, 0.0], [0.0, 1.0], sample_weight=[0.0, 1.0])"),
    ],
    "triplet loss of a batch with no valid triplet": [
        ("pytorch-metric-learning", "tgrad(lambda x: pml.TripletMarginLoss()(x, torch.tensor([0, 0, 0])), [[1, 0], [0, 1], [1, 1]])"),
        ("pytorch-metric-learning", "tgrad(lambda x: pml.NTXentLoss()(x, torch.tensor([0, 1, 2])), [[1, 0], [0, 1], [1, 1]])"),
    ],
    "generalised Dice: do the weights count? squares, inverses, none": [
        ("monai", "[monai.losses.GeneralizedDiceLoss(w_type=w)(torch.stack([1 - t(probability), t(probability)])[None],"
                  " torch.stack([1 - t(mask), t(mask)])[None]).item() for w in ('square', 'simple', 'uniform')]"),
    ],
}  # fmt: skip


# ---- evaluation ----------------------------------------------------------------------------------------------------------------


def prepared(inputs=INPUTS):
    """The inputs as arrays, and what follows from them: what the calls of one name share."""
    arrays = {name: np.asarray(value) for name, value in inputs.items()}
    count = len(arrays["anchor"])
    together, apart = np.flatnonzero(arrays["same"]), np.flatnonzero(arrays["same"] == 0)
    logit = np.log(arrays["probability"]) - np.log1p(-arrays["probability"])
    return arrays | {
        "logit": lambda p: np.log(p) - np.log1p(-p),
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
        "softmax": lambda z: np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True),
        "onehot": np.eye(3)[arrays["labels"]],
        # the logits of two classes, background and foreground, for the mask
        "two_logits": np.stack([0 * logit, logit]),
        # anchors, positives and negatives one below the other, and which rows make a triplet
        "triplets": np.concatenate([arrays["anchor"], arrays["positive"], arrays["negative"]]),
        "triplet_labels": np.tile(np.arange(count), 3),
        "triplet_indices": np.arange(3 * count).reshape(3, count),
        "pairs": np.concatenate([arrays["a"], arrays["b"]]),
        "pair_labels": np.arange(2 * len(arrays["a"])),
        "pair_indices": np.stack([together, together + len(arrays["a"]), apart, apart + len(arrays["a"])]),
        "views": np.concatenate([arrays["view1"], arrays["view2"]]),
        "view_labels": np.tile(np.arange(len(arrays["view1"])), 2),
    }


MODULES = {
    "F": "torch.nn.functional",
    "jax": "jax",
    "jnp": "jax.numpy",
    "keras": "keras",
    "kornia": "kornia",
    "monai": "monai",
    "optax": "optax",
    "pml": "pytorch_metric_learning.losses",
    "smp": "segmentation_models_pytorch",
    "torch": "torch",
    "torchvision": "torchvision",
    "distance": "scipy.spatial.distance",
    "special": "scipy.special",
    "stats": "scipy.stats",
    "metrics": "sklearn.metrics",
}


def libraries():
    """Everything the calls name. Slow: imports all ten libraries."""
    os.environ["KERAS_BACKEND"] = "torch"
    import_module("monai.losses")
    found = {name: import_module(module) for name, module in MODULES.items()}
    jax, jnp, torch = found["jax"], found["jnp"], found["torch"]
    jax.config.update("jax_enable_x64", True)
    found["keras"].config.set_floatx("float64")

    def t(array):
        return torch.as_tensor(np.asarray(array))

    def f32(values):
        return torch.tensor(values, dtype=torch.float32)

    def tgrad(function, x):
        x = f32(x).requires_grad_()
        value = function(x)
        (gradient,) = torch.autograd.grad(value, x)
        return {"value": value.detach(), "gradient": gradient}

    def jgrad(function, x):
        value, gradient = jax.value_and_grad(function)(jnp.asarray(x, dtype=jnp.float32))
        return {"value": value, "gradient": gradient}

    return found | {"np": np, "t": t, "j": jnp.asarray, "f32": f32, "tgrad": tgrad, "jgrad": jgrad}


def plain(value):
    """A number, or a nested list of numbers, as JSON has it: "nan", "inf" and "-inf" where a number is not finite."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    value = value.detach().numpy() if hasattr(value, "detach") else np.asarray(value)
    if value.ndim:
        return [plain(entry) for entry in value]
    return float(value) if np.isfinite(value) else str(float(value))


def answers(table, names):
    """The table of calls with the library's version and its value beside each call."""
    return {
        name: [
            {"library": library, "version": version(library), "call": call, "value": plain(eval(call, names))}
            for library, call in calls
        ]
        for name, calls in table.items()
    }


def empty_masks(names):
    """Each call for the predictions 0.1 and 0.2 everywhere and for the perfect one, whose logits are -1000."""
    logits = {which: names["logit"](names[which]) for which in ("faint", "double")}
    logits["perfect"] = np.full_like(names["perfect"], -1000.0)
    both = {which: np.stack([0 * logit, logit]) for which, logit in logits.items()}
    runs = {which: answers(EMPTY, names | {"X": names[which], "L": logits[which], "L2": both[which]}) for which in logits}
    return {
        name: [entry | {"value": {which: runs[which][name][i]["value"] for which in runs}} for i, entry in enumerate(entries)]
        for name, entries in runs["faint"].items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--output", type=Path, default=TARGET)
    output = parser.parse_args().output
    names = libraries() | prepared()
    result = {
        "made": {
            "by": "tools/other_libraries.py",
            "date": datetime.date.today().isoformat(),
            "python": platform.python_version(),
            "platform": f"{platform.system()} {platform.machine()}, CPU",
            "versions": {library: version(library) for library in LIBRARIES},
        },
        "inputs": INPUTS,
        "names": answers(NAMES, names),
        "empty": empty_masks(names),
        "museum": answers(MUSEUM, names),
    }
    output.write_text(compact(result) + "\n", encoding="utf-8")
    print(f"{output}: {sum(len(entries) for part in ('names', 'empty', 'museum') for entries in result[part].values())} answers")


def compact(result):
    """JSON with one line for each answer and for each input, so that a diff shows what changed."""

    def one_line(value):
        return json.dumps(value, allow_nan=False)

    parts = []
    for part, content in result.items():
        if part in ("made", "inputs"):
            lines = [f"  {one_line(key)}: {one_line(value)}" for key, value in content.items()]
        else:
            lines = [
                f"  {one_line(name)}: [\n" + ",\n".join(f"   {one_line(entry)}" for entry in entries) + "\n  ]"
                for name, entries in content.items()
            ]
        parts.append(f" {one_line(part)}: {{\n" + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(parts) + "\n}"


if __name__ == "__main__":
    main()
