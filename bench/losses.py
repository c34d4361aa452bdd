"""What is measured: for each loss its sizes, its inputs, its options and the rivals that compute the same.

Every contestant is a function of the inputs that returns the mean, a 0-d tensor. A rival is built when it is needed, so that a
library that is missing costs its own rows only, and a library whose convention differs is adapted where it is built.
"""

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F

import lossbook


@dataclass(frozen=True)
class Rival:
    library: str  # as pip knows it; "usual" for a formula that people write themselves
    name: str
    build: Callable  # of nothing, returns the function of the inputs
    note: str = ""  # how it was adapted
    sizes: tuple | None = None  # where it is measured, if not everywhere
    convention: Callable | None = None  # the definition in the convention of the rival, where it is another
    gpu: bool = False  # runs on a GPU only

    @property
    def label(self):
        return self.name if self.library in ("torch", "usual") else f"{self.library} {self.name}"


@dataclass(frozen=True)
class Case:
    name: str
    function: str  # its name in lossbook
    sizes: dict  # size -> shape
    inputs: Callable  # of a generator and a shape
    wrt: int  # the first so many inputs receive a gradient
    options: dict
    definition: Callable | None  # the plain form, where it is not lossbook.<function>
    flops: Callable | None  # of a shape: the multiplications and additions of its matrix products
    compiled: bool  # whether torch.compile is tried on the plain form
    rivals: list = field(default_factory=list)

    def make(self, size, seed=0, device="cpu"):
        """The inputs, in float32."""
        inputs = self.inputs(np.random.default_rng(seed), *self.sizes[size])
        return [torch.as_tensor(x).to(device) for x in inputs]

    def plain(self):
        return self.definition or _mean_of(getattr(lossbook, self.function), self.options)

    def fused(self):
        fused = importlib.import_module("lossbook.fused")
        return _mean_of(getattr(fused, self.function), self.options)


CASES = {}


def case(name, sizes, inputs, *, function=None, wrt=1, definition=None, flops=None, compiled=True, **options):
    CASES[name] = Case(name, function or name, sizes, inputs, wrt, options, definition, flops, compiled)


def rival(names, library, name, note="", **more):
    """Decorate what builds a rival of one or more losses (names with a space between); it is given the options of the loss."""

    def decorate(build):
        for each in names.split():
            options = CASES[each].options
            CASES[each].rivals.append(Rival(library, name, lambda build=build, options=options: build(**options), note, **more))
        return build

    return decorate


def _mean_of(function, options):
    return lambda *inputs: function(*inputs, **options)


def usual(names, name="usual formula"):
    """Decorate a formula as people write it: a function of the inputs and the options."""
    return lambda formula: rival(names, "usual", name)(lambda **options: _mean_of(formula, options)) and formula


# ---- inputs ------------------------------------------------------------------------------------------------------------------


def normal(rng, *shape):
    return rng.standard_normal(shape, dtype=np.float32)


def coins(rng, *shape):
    return (rng.random(shape, dtype=np.float32) < 0.3).astype(np.float32)


def two_samples(rng, n):
    return normal(rng, n), normal(rng, n)


def logit_and_target(rng, n):
    return normal(rng, n), coins(rng, n)


def logits_and_labels(rng, n, k):
    return 3 * normal(rng, n, k), rng.integers(k, size=n)


def some_ignored(rng, n, k):
    logits, labels = logits_and_labels(rng, n, k)
    return logits, np.where(rng.random(n) < 0.2, -100, labels)


def hidden_kernel_labels(rng, n, d, k):
    return normal(rng, n, d), normal(rng, k, d) / d**0.5, rng.integers(k, size=n)


def masks(rng, n, k, side):
    """Probabilities of k classes and the truth, one-hot: (n, k, side, side) both."""
    labels = rng.integers(k, size=(n, side, side))
    return softmax(normal(rng, n, k, side, side)), np.moveaxis(np.eye(k, dtype=np.float32)[labels], -1, 1)


def untrained(rng, n, k, side):
    """Probabilities that know nothing of the labels."""
    return softmax(normal(rng, n, k, side, side)), rng.integers(k, size=(n, side, side))


def trained(rng, n, k, side):
    """Probabilities that are sure and right for some 95 % of the pixels."""
    labels = rng.integers(k, size=(n, side, side))
    guess = np.where(rng.random(labels.shape) < 0.05, rng.integers(k, size=labels.shape), labels)
    return softmax(normal(rng, n, k, side, side) + 9 * np.moveaxis(np.eye(k, dtype=np.float32)[guess], -1, 1)), labels


def softmax(logits):
    return torch.softmax(torch.from_numpy(logits), 1)


def two_views(rng, n, d):
    first = normal(rng, n, d)
    return first, first + normal(rng, n, d)


def grouped(rng, n, d):
    """Rows in groups of 16 on average."""
    return normal(rng, n, d), rng.integers(max(n // 16, 2), size=n)


def box_pairs(rng, n):
    corner, size = rng.random((n, 2), dtype=np.float32), rng.random((n, 2), dtype=np.float32) + 0.1
    boxes = np.concatenate([corner, corner + size], 1)
    return boxes, boxes + 0.05 * (rng.random((n, 4), dtype=np.float32) + 0.01)  # no corner lies on its target


def scores(rng, n):
    positive = rng.random(n) < 0.5
    return normal(rng, n) + positive.astype(np.float32), positive.astype(np.int64)


def ensembles(rng, n, m):
    return normal(rng, n, m), normal(rng, n)


def lifetimes(rng, n, together=1):
    """Log-hazards, times (groups of `together` at one time) and events (half of them)."""
    return normal(rng, n), (rng.permutation(n) // together).astype(np.float32), (rng.random(n) < 0.5).astype(np.int64)


def clouds(rng, n, d):
    return normal(rng, n, d), normal(rng, n, d) + 0.5


# ---- the losses --------------------------------------------------------------------------------------------------------------

LINE = {"small": (2**10,), "medium": (2**17,), "large": (2**23,)}
LOGITS = {"small": (64, 10), "medium": (256, 1000), "large": (1024, 32000)}
IMAGES = {"small": (2, 3, 16), "medium": (2, 19, 64), "large": (8, 19, 256)}
ROWS = {"small": (64, 64), "medium": (1024, 128), "large": (8192, 256)}
PAIRS = {"small": (64, 64), "medium": (512, 128), "large": (4096, 256)}  # two matrices of so many rows
SCORES = {"small": (100,), "medium": (1000,), "large": (10_000,)}
LIVES = {"small": (200,), "medium": (2**17,), "large": (1_000_000,)}

case("softmax_cross_entropy", LOGITS, logits_and_labels)
case("softmax_cross_entropy_smoothed", {**LOGITS, "large": (512, 32000)}, some_ignored, function="softmax_cross_entropy",
     label_smoothing=0.1, ignore_index=-100)  # fmt: skip
case("token_cross_entropy", {**LOGITS, "large": (512, 32000)}, some_ignored, z_loss=1e-4)
case("linear_cross_entropy", {"small": (64, 32, 100), "medium": (512, 128, 2000), "large": (2048, 512, 32000)},
     hidden_kernel_labels, wrt=2, flops=lambda n, d, k: 6 * n * d * k,
     definition=lambda hidden, kernel, labels: lossbook.softmax_cross_entropy(hidden @ kernel.T, labels))  # fmt: skip
case("sigmoid_cross_entropy", LINE, logit_and_target)
case("sigmoid_focal", LINE, logit_and_target, alpha=0.25)
case("softmax_focal", {**LOGITS, "large": (8192, 1000)}, logits_and_labels)
case("squared_error", LINE, two_samples)
case("absolute_error", LINE, two_samples)
case("huber", LINE, two_samples)
case("smooth_l1", LINE, two_samples)
case("log_cosh", LINE, two_samples)
case("pinball", LINE, two_samples, tau=0.9)
case("quantile_huber", LINE, two_samples, tau=0.9)
case("charbonnier", LINE, two_samples)
case("dice", IMAGES, masks, class_axis=1)
case("tversky", IMAGES, masks, class_axis=1, alpha=0.3, beta=0.7)
case("lovasz_softmax_untrained", IMAGES, untrained, function="lovasz_softmax", compiled=False, class_axis=1, per_image=False)
case("lovasz_softmax_trained", IMAGES, trained, function="lovasz_softmax", compiled=False, class_axis=1, per_image=False)
case("nt_xent", PAIRS, two_views, wrt=2, flops=lambda n, d: 12 * n * n * d, temperature=0.5)  # 2n rows, a symmetric matrix
case("info_nce", ROWS, two_views, wrt=2, flops=lambda n, d: 6 * n * n * d, symmetric=True)
case("supervised_contrastive", ROWS, grouped, flops=lambda n, d: 3 * n * n * d)
case("siglip", PAIRS, two_views, wrt=2, flops=lambda n, d: 6 * n * n * d, temperature=10.0, bias=-10.0)
case("batch_hard_triplet", {**ROWS, "medium": (512, 256)}, grouped, flops=lambda n, d: n * n * d, compiled=False)
for kind in ("iou", "giou", "diou", "ciou"):
    case(f"{kind}_loss", {"small": (256,), "medium": (2**15,), "large": (2**20,)}, box_pairs)
for kind in ("pairwise_squared_hinge", "pairwise_square"):
    case(kind, SCORES, scores, compiled=False,
         definition=lambda s, positive, power=kind: _all_pairs(s, positive, power == "pairwise_squared_hinge"))  # fmt: skip
case("crps_ensemble", {"small": (50, 20), "medium": (1000, 100), "large": (5000, 200)}, ensembles, compiled=False)
case("cox_breslow", LIVES, lifetimes, function="cox_partial_likelihood", compiled=False, ties="breslow")
case("cox_efron", LIVES, lambda rng, n: lifetimes(rng, n, together=4), function="cox_partial_likelihood", compiled=False)
case("sinkhorn", {"small": (50, 2), "medium": (250, 8), "large": (1000, 8)}, clouds, wrt=2, compiled=False, epsilon=1.0)


# ---- what people write themselves --------------------------------------------------------------------------------------------


def _all_pairs(s, positive, hinge):
    gap = 1 - s[positive == 1][:, None] + s[positive == 0][None, :]
    return (gap.clamp_min(0) if hinge else gap).square().mean()


@usual("token_cross_entropy")
def _(logits, labels, z_loss):
    counted = (labels != -100).to(logits.dtype)
    penalty = z_loss * (torch.logsumexp(logits, -1).square() * counted).sum() / counted.sum()
    return F.cross_entropy(logits, labels) + penalty


@usual("linear_cross_entropy", "F.linear, F.cross_entropy")
def _(hidden, kernel, labels):
    return F.cross_entropy(F.linear(hidden, kernel), labels)


@usual("softmax_focal")
def _(logits, labels):
    log_p = F.log_softmax(logits, -1).gather(-1, labels[:, None])[:, 0]
    return (-((1 - log_p.exp()) ** 2) * log_p).mean()


@usual("log_cosh")
def _(pred, target):
    r = pred - target
    return (r + F.softplus(-2 * r) - np.log(2)).mean()


@usual("pinball")
def _(pred, target, tau):
    r = target - pred
    return torch.maximum(tau * r, (tau - 1) * r).mean()


@usual("quantile_huber")
def _(pred, target, tau):
    side = torch.abs(tau - (target < pred).to(pred.dtype))
    return (side * F.huber_loss(pred, target, reduction="none")).mean()


@usual("charbonnier")
def _(pred, target):
    return (torch.sqrt(1 + (pred - target) ** 2) - 1).mean()


@usual("dice tversky")
def _(p, y, class_axis, alpha=0.5, beta=0.5):
    p, y = p.flatten(2), y.flatten(2)
    both = (p * y).sum(-1)
    return (1 - both / (both + alpha * (p * (1 - y)).sum(-1) + beta * ((1 - p) * y).sum(-1))).mean()


@usual("nt_xent", "masked product, F.cross_entropy")
def _(z1, z2, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    similarity = (z @ z.T / temperature).fill_diagonal_(float("-inf"))
    n = len(z1)
    return F.cross_entropy(similarity, torch.arange(2 * n, device=z.device).roll(n))


@usual("info_nce", "open_clip's form: F.cross_entropy twice")
def _(query, key, symmetric, temperature=0.07):
    logits = F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).T / temperature
    labels = torch.arange(len(query), device=logits.device)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


@usual("siglip", "open_clip's form: logsigmoid of all pairs")
def _(image, text, temperature, bias):
    logits = temperature * F.normalize(image, dim=-1) @ F.normalize(text, dim=-1).T + bias
    sign = 2 * torch.eye(len(image), dtype=logits.dtype, device=logits.device) - 1
    return -F.logsigmoid(sign * logits).sum() / len(image)


@usual("batch_hard_triplet", "torch.cdist, hardest by mask")
def _(embeddings, labels):
    distance = torch.cdist(embeddings, embeddings)
    same = labels[:, None] == labels[None, :]
    other = same.clone().fill_diagonal_(False)
    furthest = distance.masked_fill(~other, float("-inf")).amax(1)
    nearest = distance.masked_fill(same, float("inf")).amin(1)
    return (furthest - nearest + 1)[other.any(1)].clamp_min(0).mean()


@usual("iou_loss")
def _(boxes, targets):
    low, high = torch.maximum(boxes[:, :2], targets[:, :2]), torch.minimum(boxes[:, 2:], targets[:, 2:])
    common = (high - low).clamp_min(0).prod(1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (targets[:, 2:] - targets[:, :2]).prod(1)
    return (1 - common / (areas - common)).mean()


@usual("crps_ensemble", "energy form")
def _(samples, target):
    spread = (samples[:, :, None] - samples[:, None, :]).abs().mean((1, 2))
    return ((samples - target[:, None]).abs().mean(1) - spread / 2).mean()


@usual("cox_breslow")
def _(log_hazard, time, event, ties):
    order = torch.argsort(time, descending=True)
    s, seen = log_hazard[order], event[order]
    return ((torch.logcumsumexp(s, 0) - s) * seen).sum() / seen.sum()


@usual("sinkhorn", "log-domain, 100 iterations")
def _(x, y, epsilon):
    cost, n, m = torch.cdist(x, y).square(), len(x), len(y)
    f, g = cost.new_zeros(n), cost.new_zeros(m)
    for _ in range(100):
        f = -epsilon * (torch.logsumexp((g - cost) / epsilon, 1) - np.log(m))
        g = -epsilon * (torch.logsumexp((f[:, None] - cost) / epsilon, 0) - np.log(n))
    return f.mean() + g.mean()


# ---- torch.nn.functional -----------------------------------------------------------------------------------------------------


@rival("softmax_cross_entropy softmax_cross_entropy_smoothed", "torch", "F.cross_entropy")
def _(**options):
    return _mean_of(F.cross_entropy, options)


@rival("linear_cross_entropy", "torch", "F.linear_cross_entropy")
def _():
    return lambda *inputs: F.linear_cross_entropy(*inputs, options=torch.nn.LinearCrossEntropyOptions())


@rival("linear_cross_entropy", "torch", "F.linear_cross_entropy, tuned", "256 rows at a time")
def _():
    return lambda *inputs: F.linear_cross_entropy(*inputs, options=torch.nn.LinearCrossEntropyOptions(batch_chunk_size=256))


for names, function in {
    "sigmoid_cross_entropy": F.binary_cross_entropy_with_logits,
    "squared_error": F.mse_loss,
    "absolute_error": F.l1_loss,
    "huber": F.huber_loss,
    "smooth_l1": F.smooth_l1_loss,
}.items():
    rival(names, "torch", f"F.{function.__name__}")(lambda function=function: function)


# ---- libraries for images: torchvision, kornia, MONAI, segmentation_models_pytorch -------------------------------------------


def torchvision():
    """torchvision, whose losses are pure Python. A wheel built for CUDA cannot load its compiled operators beside a CPU build of
    torch, and stops at the first one that it wants to describe: so these two are declared for it."""
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    torchvision.operators = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        torchvision.operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return importlib.import_module("torchvision")


@rival("sigmoid_focal", "torchvision", "sigmoid_focal_loss")
def _(alpha):
    loss = torchvision().ops.sigmoid_focal_loss
    return lambda z, y: loss(z, y, alpha=alpha, reduction="mean")


def _box_loss(name):
    loss = getattr(torchvision().ops, name)
    return lambda boxes, targets: loss(boxes, targets, reduction="mean", eps=0.0)


@rival("giou_loss", "torchvision", "generalized_box_iou_loss", "with eps 0 for 1e-7")
def _():
    return _box_loss("generalized_box_iou_loss")


@rival("diou_loss", "torchvision", "distance_box_iou_loss", "with eps 0 for 1e-7")
def _():
    return _box_loss("distance_box_iou_loss")


def ciou_alpha_held(boxes, targets):
    """CIoU whose gradient holds the factor α of the shape term v constant: diou + α v."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    true_width, true_height = targets[:, 2] - targets[:, 0], targets[:, 3] - targets[:, 1]
    v = 4 / np.pi**2 * (torch.atan(true_width / true_height) - torch.atan(width / height)) ** 2
    diou, ciou = (loss(boxes, targets, reduction="none") for loss in (lossbook.diou_loss, lossbook.ciou_loss))
    return (diou + ((ciou - diou) / v).detach() * v).mean()


@rival("ciou_loss", "torchvision", "complete_box_iou_loss", "with eps 0 for 1e-7; compared with a gradient that holds α constant",
       convention=ciou_alpha_held)  # fmt: skip
def _():
    return _box_loss("complete_box_iou_loss")


@rival("giou_loss", "monai", "BoxGIoULoss")
def _():
    from monai.losses import BoxGIoULoss

    return BoxGIoULoss()


@rival("sigmoid_focal", "kornia", "binary_focal_loss_with_logits", "with an axis of one class")
def _(alpha):
    from kornia.losses import binary_focal_loss_with_logits

    return lambda z, y: binary_focal_loss_with_logits(z[:, None], y[:, None], alpha=alpha, reduction="mean")


@rival("softmax_focal", "kornia", "focal_loss", "its mean is over rows and classes: times K")
def _():
    from kornia.losses import focal_loss

    return lambda logits, labels: focal_loss(logits, labels, alpha=None, reduction="mean") * logits.shape[1]


@rival("charbonnier", "kornia", "charbonnier_loss")
def _():
    from kornia.losses import charbonnier_loss

    return lambda pred, target: charbonnier_loss(pred, target, reduction="mean")


@rival("sigmoid_focal", "monai", "FocalLoss", "with an axis of one class")
def _(alpha):
    from monai.losses import FocalLoss

    loss = FocalLoss(alpha=alpha)
    return lambda z, y: loss(z[:, None], y[:, None])


@rival("softmax_focal", "monai", "FocalLoss", "its mean is over rows and classes: times K")
def _():
    from monai.losses import FocalLoss

    loss = FocalLoss(use_softmax=True, to_onehot_y=True)
    return lambda logits, labels: loss(logits, labels[:, None]) * logits.shape[1]


@rival("dice", "monai", "DiceLoss", "without smoothing")
def _(class_axis):
    from monai.losses import DiceLoss

    return DiceLoss(smooth_nr=0, smooth_dr=0)


@rival("tversky", "monai", "TverskyLoss", "without smoothing")
def _(class_axis, alpha, beta):
    from monai.losses import TverskyLoss

    return TverskyLoss(alpha=alpha, beta=beta, smooth_nr=0, smooth_dr=0)


@rival("sigmoid_focal", "segmentation-models-pytorch", "FocalLoss")
def _(alpha):
    torchvision()
    from segmentation_models_pytorch.losses import FocalLoss

    return FocalLoss("binary", alpha=alpha)


@rival("lovasz_softmax_untrained lovasz_softmax_trained", "segmentation-models-pytorch", "LovaszLoss",
       "its inner function, of probabilities: the class takes logits")  # fmt: skip
def _(class_axis, per_image):
    torchvision()
    from segmentation_models_pytorch.losses.lovasz import _lovasz_softmax

    return lambda p, labels: _lovasz_softmax(p, labels, per_image=per_image)


# ---- libraries for embeddings: lightly, pytorch-metric-learning --------------------------------------------------------------


@rival("nt_xent", "lightly", "NTXentLoss")
def _(temperature):
    torchvision()
    from lightly.loss.ntx_ent_loss import NTXentLoss

    return NTXentLoss(temperature)


@rival("nt_xent", "pytorch-metric-learning", "NTXentLoss", "its memory grows with the cube of the rows", sizes=("small",))
def _(temperature):
    from pytorch_metric_learning.losses import NTXentLoss

    loss = NTXentLoss(temperature)
    return lambda z1, z2: loss(torch.cat([z1, z2]), torch.arange(len(z1)).repeat(2))


@rival("supervised_contrastive", "pytorch-metric-learning", "SupConLoss")
def _():
    from pytorch_metric_learning.losses import SupConLoss

    return SupConLoss(0.1)


@rival("batch_hard_triplet", "pytorch-metric-learning", "BatchHardMiner, TripletMarginLoss",
       "margin 1, embeddings as they are, mean over all triplets")  # fmt: skip
def _():
    from pytorch_metric_learning import distances, losses, miners, reducers

    distance = distances.LpDistance(normalize_embeddings=False)
    miner = miners.BatchHardMiner(distance=distance)
    loss = losses.TripletMarginLoss(1.0, distance=distance, reducer=reducers.MeanReducer())
    return lambda embeddings, labels: loss(embeddings, labels, miner(embeddings, labels))


# ---- the others: libauc, scoringrules, torchsurv, pycox, geomloss, POT -------------------------------------------------------


for kind, name in {"pairwise_squared_hinge": "squared_hinge", "pairwise_square": "squared"}.items():

    @rival(kind, "libauc", f"PairwiseAUCLoss({name})")
    def _(name=name):
        from libauc.losses.auc import PairwiseAUCLoss

        return PairwiseAUCLoss(name)


@rival("crps_ensemble", "scoringrules", "crps_ensemble", "its default estimator, in torch")
def _():
    sys.modules.setdefault("numba", None)  # compiled at import, for ten seconds, and not used with torch
    from scoringrules import crps_ensemble

    return lambda samples, target: crps_ensemble(target, samples, backend="torch").mean()


@rival("cox_breslow cox_efron", "torchsurv", "neg_partial_log_likelihood", "its sum, divided by the events")
def _(ties="efron"):
    torchvision()  # which torchmetrics imports for it
    from torchsurv.loss.cox import neg_partial_log_likelihood as loss

    return lambda s, time, event: loss(s, event == 1, time, ties_method=ties, reduction="sum") / event.sum()


@rival("cox_breslow", "pycox", "cox_ph_loss", "the times are distinct: it has no treatment of ties")
def _(ties):
    from pycox.models.loss import cox_ph_loss

    return lambda s, time, event: cox_ph_loss(s, time, event)


@rival("sinkhorn", "geomloss", "SamplesLoss", "its cost is half the squared distance: blur² = epsilon/2, times 2")
def _(epsilon):
    from geomloss import SamplesLoss

    loss = SamplesLoss("sinkhorn", p=2, blur=(epsilon / 2) ** 0.5, scaling=0.9, debias=False, backend="tensorized")
    return lambda x, y: 2 * loss(x, y)


@rival("sinkhorn", "POT", "solve_sample", "with the entropy against the product of the marginals, envelope gradient")
def _(epsilon):
    from ot import solve_sample

    return lambda x, y: solve_sample(x, y, reg=epsilon, reg_type="KL", tol=1e-6, max_iter=1000, grad="envelope").value


# ---- on a GPU only -----------------------------------------------------------------------------------------------------------


@rival("softmax_cross_entropy softmax_cross_entropy_smoothed", "liger-kernel", "liger_cross_entropy", gpu=True)
def _(**options):
    from liger_kernel.transformers.functional import liger_cross_entropy

    return _mean_of(liger_cross_entropy, options)


@rival("linear_cross_entropy", "liger-kernel", "liger_fused_linear_cross_entropy", gpu=True)
def _():
    from liger_kernel.transformers.functional import liger_fused_linear_cross_entropy as loss

    return lambda hidden, kernel, labels: loss(hidden, kernel, labels)


@rival("linear_cross_entropy", "cut-cross-entropy", "linear_cross_entropy", gpu=True)
def _():
    from cut_cross_entropy import linear_cross_entropy

    return linear_cross_entropy
