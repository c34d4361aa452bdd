"""The bugs of the museum, one test each, named after the thread in which it was reported: our losses do not have them.

What each bug is, and the wrong number that it gives, is shown in book/museum; tests/test_entrances.py holds that every exhibit
names its guard here. The tests ask what must not happen with the inputs of the report.
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import lossbook
from lossbook import check

# --- Means, weights, masks (book/museum/means_and_masks) ---------------------------------------------------------------------


Z = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.5, -1.0, 0.0], [0.0, 2.0, -0.5]], dtype=torch.float64)
Y = torch.tensor([0, 1, 2, 1])
WEIGHT = torch.tensor([1.0, 5.0, 9.0], dtype=torch.float64)
POSITIVE, TARGET = np.array([0.3, 0.3, 0.3]), np.array([0.6, 0.6, 0.6])  # every loss of a pair is the same

EQUAL_ERRORS = {  # each example has the same loss
    "squared_error": (POSITIVE, TARGET),
    "absolute_error": (POSITIVE, TARGET),
    "huber": (POSITIVE, TARGET),
    "pinball": (POSITIVE, TARGET),
    "sigmoid_cross_entropy": (POSITIVE, TARGET),
    "sigmoid_focal": (POSITIVE, TARGET),
    "hinge": (POSITIVE, np.ones(3)),
    "poisson_nll": (POSITIVE, TARGET),
    "softmax_cross_entropy": (np.tile([1.0, 0.0], (3, 1)), np.zeros(3, int)),
    "softmax_focal": (np.tile([1.0, 0.0], (3, 1)), np.zeros(3, int)),
    "token_cross_entropy": (np.tile([1.0, 0.0], (3, 1)), np.zeros(3, int)),
    "kl_divergence": (np.tile([0.9, 0.1], (3, 1)), np.tile([0.5, 0.5], (3, 1))),
    "dice": (np.tile([0.9, 0.1], (3, 1)), np.tile([1, 0], (3, 1))),
    "gaussian_kl": (np.ones((3, 2)), np.zeros((3, 2))),
}
MASKS = ["dice", "jaccard", "tversky", "focal_tversky", "generalized_dice"]


def gradient(loss, at):
    at = at.clone().requires_grad_(True)
    return torch.autograd.grad(loss(at), at)[0]


@pytest.mark.parametrize("name", EQUAL_ERRORS)
def test_pytorch_50528(name):
    """A weight must not cancel in a batch of one when the divisor is given."""
    pred, target = (array[:1] for array in EQUAL_ERRORS[name])
    loss = getattr(lossbook, name)
    heavy = loss(pred, target, weight=np.array([100.0]), denominator=1)
    assert np.isclose(heavy, 100 * loss(pred, target), rtol=1e-12) and heavy > 0


def test_pytorch_40560():
    """The mean must not be anything but the weighted sum over the stated divisor, for indices and for one-hot rows."""
    for labels in (Y, F.one_hot(Y, 3).double()):
        each = lossbook.softmax_cross_entropy(Z, labels, class_weights=WEIGHT, reduction="none")
        mean = lossbook.softmax_cross_entropy(Z, labels, class_weights=WEIGHT)
        by_count = lossbook.softmax_cross_entropy(Z, labels, class_weights=WEIGHT, denominator=4)
        assert torch.isclose(mean, each.sum() / WEIGHT[Y].sum(), rtol=1e-12)
        assert torch.isclose(by_count, each.mean(), rtol=1e-12)


def test_pytorch_72047():
    """The gradient must not depend on how a weighted batch is cut into parts."""
    ce, total = lossbook.softmax_cross_entropy, WEIGHT[Y].sum()
    whole = gradient(lambda z: ce(z, Y, class_weights=WEIGHT), Z)
    parts = [slice(0, 1), slice(1, 4)]
    added = gradient(lambda z: sum(ce(z[p], Y[p], class_weights=WEIGHT, denominator=total) for p in parts), Z)
    assert torch.allclose(added, whole, rtol=1e-12)


def test_pytorch_104776():
    """Class weights must not move the optimum away from the smoothed label."""
    smooth = torch.tensor([[28.0, 1.0, 1.0]], dtype=torch.float64) / 30
    weight = torch.tensor([1.0, 1.0, 100.0], dtype=torch.float64)
    slope = gradient(lambda z: lossbook.softmax_cross_entropy(z, Y[:1], class_weights=weight, label_smoothing=0.1), smooth.log())
    assert slope.abs().max() < 1e-12


def test_pytorch_73205():
    """Logits of an ignored row must not change a smoothed loss, and must not receive a gradient."""
    labels = torch.tensor([0, -100, 2, 1])

    def loss(z):
        return lossbook.softmax_cross_entropy(z, labels, label_smoothing=0.2, ignore_index=-100)

    changed = Z.clone()
    changed[1] += torch.tensor([9.0, -3.0, 0.0])
    assert torch.isclose(loss(Z), loss(changed), rtol=1e-12)
    assert (gradient(loss, changed)[1] == 0).all()


@pytest.mark.parametrize("ignored", [-1, -100, 255])
def test_pytorch_91383(ignored):
    """The label to ignore must not be looked up among the weights: the row is as if it were left out."""
    options = {"class_weights": WEIGHT, "label_smoothing": 0.1}
    labels = torch.tensor([0, ignored, 2, 1])
    kept = labels != ignored
    with_it = lossbook.softmax_cross_entropy(Z, labels, ignore_index=ignored, **options)
    assert torch.isclose(with_it, lossbook.softmax_cross_entropy(Z[kept], labels[kept], **options), rtol=1e-12)


@pytest.mark.parametrize("classes", [2, 10])
def test_pytorch_148884(classes):
    """Smoothing must not mean anything but ε/K on every class, and a stated target must be taken as it is."""
    on_all = np.full((1, classes), 0.1 / classes)
    on_all[0, 0] += 0.9
    label, z = np.zeros(1, int), np.log(on_all)
    smoothed = lossbook.softmax_cross_entropy(z, label, label_smoothing=0.1)
    stated = lossbook.softmax_cross_entropy(z, on_all)
    assert np.isclose(smoothed, stated, rtol=1e-12) and np.isclose(stated, -np.sum(on_all * z), rtol=1e-12)


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "token_cross_entropy"])
def test_pytorch_70348(name):
    """A part without a valid label must not spoil the batch: it adds 0, and its gradient is 0."""

    def loss(z, **options):
        return getattr(lossbook, name)(z, torch.full((4,), -100), ignore_index=-100, **options)

    assert loss(Z, denominator=7) == 0 and loss(Z, reduction="sum") == 0 and loss(Z).isnan()
    assert (gradient(lambda z: loss(z, denominator=7), Z) == 0).all()


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "token_cross_entropy"])
def test_pytorch_63004(name):
    """A class whose logit is minus infinity must not act: the loss is that of the other classes, its gradient is 0."""
    loss, labels = getattr(lossbook, name), torch.tensor([1, 1, 2, 1])
    masked = Z.clone()
    masked[:, 0] = -torch.inf
    slopes = gradient(lambda z: loss(z, labels), masked)
    assert torch.isclose(loss(masked, labels), loss(Z[:, 1:], labels - 1), rtol=1e-12)
    assert (slopes[:, 0] == 0).all()
    assert torch.allclose(slopes[:, 1:], gradient(lambda z: loss(z, labels - 1), Z[:, 1:]), rtol=1e-12)


@pytest.mark.parametrize("bad", [-torch.inf, torch.inf, torch.nan])
@pytest.mark.parametrize("name", ["softmax_cross_entropy", "token_cross_entropy"])
def test_pytorch_11551(name, bad):
    """An ignored row must not send NaN backwards, whatever it holds."""
    labels = torch.tensor([0, -100, 2, 1])
    z = Z.clone()
    z[1] = bad
    slopes = gradient(lambda z: getattr(lossbook, name)(z, labels, ignore_index=-100), z)
    assert (slopes[1] == 0).all() and torch.isfinite(slopes).all() and (slopes[0] != 0).any()


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "token_cross_entropy"])
def test_transformers_34191(name):
    """Accumulated gradients of texts of unequal length must not differ from those of one batch."""
    loss, texts = getattr(lossbook, name), [torch.tensor([0] * 100), torch.tensor([1] * 10)]
    both, start = torch.cat(texts), torch.zeros(2, dtype=torch.float64)
    whole = gradient(lambda z: loss(z.expand(110, 2), both), start)
    added = gradient(lambda z: sum(loss(z.expand(len(t), 2), t, denominator=110) for t in texts), start)
    assert torch.allclose(added, whole, rtol=1e-12) and abs(whole[1] - (0.5 - 10 / 110)) < 1e-12


@pytest.mark.parametrize("name", EQUAL_ERRORS)
def test_keras_19740(name):
    """The weighted mean of equal losses must not be another number than that loss."""
    loss = getattr(lossbook, name)
    weighted = loss(*EQUAL_ERRORS[name], weight=np.array([0.0, 1.0, 5.0]))
    assert np.isclose(weighted, loss(*EQUAL_ERRORS[name]), rtol=1e-12)


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "token_cross_entropy"])
def test_tensorflow_34491(name):
    """The mean over tokens must not depend on the padding."""
    loss = getattr(lossbook, name)
    padded = torch.cat([Z, torch.full((50, 3), 7.0, dtype=torch.float64)])
    labels = torch.cat([Y, torch.full((50,), -100)])
    assert torch.isclose(loss(padded, labels, ignore_index=-100), loss(Z, Y, ignore_index=-100), rtol=1e-12)


@pytest.mark.parametrize("name", EQUAL_ERRORS)
def test_keras_21908(name):
    """A batch whose weights are all 0 must not give a huge number: it is NaN, or 0 over a divisor of at least 1."""
    loss, nothing = getattr(lossbook, name), np.zeros(3)
    with np.errstate(all="ignore"):
        assert np.isnan(loss(*EQUAL_ERRORS[name], weight=nothing))
    assert loss(*EQUAL_ERRORS[name], weight=nothing, denominator=max(nothing.sum(), 1)) == 0
    half = torch.zeros(3, dtype=torch.float16)
    assert lossbook.absolute_error(half + 1, half, weight=half, denominator=1) == 0


def test_pytorch_2259():
    """A divergence must not be divided by the number of classes: classes of probability 0 change nothing."""
    p, q = np.array([[0.7, 0.2, 0.1]]), np.array([[0.3, 0.3, 0.4]])
    more = [np.pad(array, ((0, 0), (0, 97))) for array in (p, q)]
    for args in ((p, q), more):
        assert np.isclose(lossbook.kl_divergence(*args), np.sum(p * np.log(p / q)), rtol=1e-12)
    student, teacher = np.log(q), np.log(p)
    assert np.isclose(lossbook.distillation(student, teacher), np.sum(p * np.log(p / q)), rtol=1e-12)


def test_grammarvae_2():
    """The divergence of a Gaussian must not be a mean over its latents, and β must not be another number than it says."""
    mean, log_variance = np.array([[1.0, -2.0, 0.5]]), np.array([[0.3, -1.0, 0.0]])
    one, two = (lossbook.gaussian_kl(np.tile(mean, n), np.tile(log_variance, n), reduction="none") for n in (1, 2))
    assert np.allclose(two, 2 * one, rtol=1e-12)
    zero = np.zeros(1)
    assert np.isclose(lossbook.elbo(zero, two) - lossbook.elbo(zero, one), one[0], rtol=1e-12)


@pytest.mark.parametrize("name", MASKS)
def test_pytorch_toolbelt_99(name):
    """The loss of a batch of masks must not differ from the mean of the losses of its images."""
    target, found = np.zeros((2, 2, 16)), np.zeros((2, 2, 16))
    target[0, 0, :8], target[1, 0, 0], found[0, 0, :7], found[1, 0, 5] = 1, 1, 1, 1
    target[:, 1], found[:, 1] = 1 - target[:, 0], 1 - found[:, 0]
    loss = getattr(lossbook, name)
    alone = [loss(found[[i]], target[[i]], class_axis=1) for i in (0, 1)]
    assert np.isclose(loss(found, target, class_axis=1), np.mean(alone), rtol=1e-12) and alone[0] < alone[1]


@pytest.mark.parametrize("form, times", [("sequence", 100), ("token", 1), ("constant", 1), ("sum", 1)])
def test_trl_2995(form, times):
    """A token must not count otherwise than its denominator says."""
    mask = (torch.arange(1000) < torch.tensor([[10], [1000]])).double()
    advantage = torch.tensor([1.0, -1.0], dtype=torch.float64)

    def loss(u):
        return lossbook.grpo(u, advantage, mask=mask, denominator_form=form)

    start = torch.zeros(2, 1000, dtype=torch.float64)
    slopes = gradient(loss, start)
    assert torch.isclose(slopes[0, 0], -times * slopes[1, 0], rtol=1e-12) and (slopes[0, 10:] == 0).all()
    assert (abs(loss(start)) < 1e-12) == (form == "sequence")


@pytest.mark.parametrize("length", [1, 50])
def test_trl_1677(length):
    """The goal of IPO must not grow with the length of the answers: sums that differ by 1/(2β) have the loss 0."""
    chosen, rejected, zero = np.full(length, 3.0 / length), np.full(length, -2.0 / length), np.zeros(1)
    loss = lossbook.ipo(chosen.sum(keepdims=True), rejected.sum(keepdims=True), zero, zero, beta=0.1)
    assert abs(loss) < 1e-12
    assert np.isclose(lossbook.ipo(zero, zero, zero, zero, beta=0.1), 25, rtol=1e-12)


def test_pytorch_metric_learning_107():
    """Triplets and pairs that are all satisfied must not give NaN: their loss and its gradient are 0."""
    near, far = torch.zeros(2, 2), torch.tensor([[3.0, 4.0], [0.0, 5.0]])
    rows, labels = torch.tensor([[0.0], [0.1], [9.0], [9.1]]), torch.tensor([0, 0, 1, 1])
    losses = [
        (lambda x: lossbook.triplet(near, near, x), far),
        (lambda x: lossbook.pair_contrastive(near, x, torch.zeros(2)), far),
        (lambda x: lossbook.batch_hard_triplet(x, labels), rows),
    ]
    for loss, at in losses:
        assert loss(at) == 0 and (gradient(loss, at) == 0).all()


@pytest.mark.parametrize("name", ["triplet", "pair_contrastive"])
def test_pytorch_metric_learning_98(name):
    """An empty batch must not give an enormous number: NaN as a mean, 0 as a sum or over a divisor of at least 1."""
    empty = torch.zeros(0, 2)
    args = (empty, empty, empty if name == "triplet" else torch.zeros(0))
    loss = getattr(lossbook, name)
    assert loss(*args).isnan() and loss(*args, reduction="sum") == 0 and loss(*args, denominator=1) == 0


@pytest.mark.parametrize("name", ["supervised_contrastive", "batch_hard_triplet"])
def test_pytorch_metric_learning_744(name):
    """A batch without a positive pair must not look like a perfect one."""
    loss, x = getattr(lossbook, name), torch.eye(3)
    assert loss(x, torch.tensor([4, 7, 9])).isnan() and loss(x, torch.tensor([4, 7, 9]), reduction="none").shape == (0,)
    assert loss(x, torch.tensor([4, 7, 7]), reduction="none").shape == (2,)


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "token_cross_entropy", "softmax_focal", "crammer_singer"])
def test_liger_kernel_678(name):
    """The gradient of a loss per example must not be multiplied by the first weight only."""

    def loss(z):
        return getattr(lossbook, name)(z, Y, reduction="none")

    mask = torch.tensor([0.0, 0.5, 2.0, 0.25], dtype=torch.float64)
    rows = torch.stack([gradient(lambda z, i=i: loss(z)[i], Z)[i] for i in range(4)])
    slopes = gradient(lambda z: (mask * loss(z)).sum(), Z)
    assert torch.allclose(slopes, mask[:, None] * rows, rtol=1e-12) and (slopes[2] != 0).any()


def test_monai_369():
    """The weights of the generalised Dice loss must not cancel: it is one fraction, not a mean over the classes."""
    target, found = np.zeros((1, 2, 100)), np.zeros((1, 2, 100))
    target[0, 0, :90], target[0, 1, 90:], found[0, 0, :95], found[0, 1, 95:] = 1, 1, 1, 1
    w, overlap, size = 1 / target.sum(2) ** 2, (found * target).sum(2), (found + target).sum(2)
    value = lossbook.generalized_dice(found, target)
    assert np.isclose(value, 1 - 2 * (w * overlap).sum() / (w * size).sum(), rtol=1e-12)
    assert abs(value - lossbook.dice(found, target, class_axis=1)) > 0.01


# --- Infinities, zeros, precision (book/museum/infinities) -------------------------------------------------------------------


def value_and_gradient(loss, point, dtype=torch.float32):
    x = torch.tensor(point, dtype=dtype, requires_grad=True)
    value = loss(x).sum()
    return value.item(), torch.autograd.grad(value, x)[0]


@pytest.mark.parametrize("z", [-50.0, -120.0, -1e4])
def test_pytorch_103316(z):
    """The gradient of a sure mistake must not die, and its loss must not stop at 100."""
    value, gradient = value_and_gradient(lambda z: lossbook.sigmoid_cross_entropy(z, torch.tensor(1.0)), z)
    assert value == -z
    assert gradient == -1


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_keras_15249(label):
    """No clipping: the loss of a sure mistake is its logit on both sides, above 16.118."""
    logit = np.float32([50.0 - 100.0 * label])
    assert lossbook.sigmoid_cross_entropy(logit, np.float32([label])) == 50


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_keras_377(dtype):
    """A prediction that is sure and right has a finite loss above 0 where the probability is rounded to 1."""
    loss = lossbook.sigmoid_cross_entropy(dtype([40]), dtype([1]))
    assert np.isclose(loss, np.exp(-40.0), rtol=1e-6, atol=0)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_keras_4744(label):
    """A network without a sigmoid learns: an output below 0 is a logit and has a gradient."""
    _, gradient = value_and_gradient(lambda z: lossbook.sigmoid_cross_entropy(z, torch.tensor(label)), -3.0)
    assert torch.isclose(gradient, torch.sigmoid(torch.tensor(-3.0)) - label)


@pytest.mark.parametrize("loss", [lossbook.sigmoid_cross_entropy, lossbook.sigmoid_focal])
@pytest.mark.parametrize(("z", "label"), [(-np.inf, 0.0), (np.inf, 1.0)])
def test_pytorch_49844(loss, z, label):
    """An excluded choice that is right to be excluded costs 0, not NaN."""
    value, gradient = value_and_gradient(lambda x: loss(x, torch.tensor(label)), z)
    assert value == 0
    assert gradient == 0


@pytest.mark.parametrize("loss", [lossbook.softmax_cross_entropy, lossbook.softmax_focal])
def test_optax_896(loss):
    """A masked class with target 0 contributes 0, to the value and to the gradient."""
    masked, target = [[-np.inf, 0.0, 0.0]], torch.tensor([[0.0, 0.5, 0.5]])
    value, gradient = value_and_gradient(lambda z: loss(z, target), masked)
    assert np.isfinite(value)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("loss", [lossbook.kl_divergence, lossbook.js_divergence])
def test_trl_7252(loss):
    """An entropy with a class of probability 0 has a finite gradient too, in both arguments."""
    p, q = [[0.3, 0.7, 0.0]], torch.tensor([[0.5, 0.5, 0.0]])
    for f in (lambda x: loss(x, q), lambda x: loss(q, x)):
        value, gradient = value_and_gradient(f, p)
        assert np.isfinite(value)
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize(
    "name",
    [
        "squared_error",
        "absolute_error",
        "huber",
        "smooth_l1",
        "log_cosh",
        "pinball",
        "expectile",
        "epsilon_insensitive",
        "cauchy",
        "charbonnier",
        "geman_mcclure",
        "welsch",
        "tukey_biweight",
        "general_robust",
    ],
)
@pytest.mark.parametrize("residual", [-1e4, 0.0, 1e4])
def test_pytorch_68425(name, residual):
    """A loss of two pieces has a finite gradient far out on both, and at 0."""
    loss = getattr(lossbook, name)
    options = {"pinball": {"tau": 0.3}, "expectile": {"tau": 0.3}, "general_robust": {"alpha": 1.0}}.get(name, {})
    value, gradient = value_and_gradient(lambda r: loss(r, torch.tensor(0.0), **options), residual)
    assert np.isfinite(value)
    assert torch.isfinite(gradient)


@pytest.mark.parametrize("z", [-1e4, -100.0, -2.0, 0.0, 2.0, 100.0, 1e4])
def test_pytorch_2221(z):
    """The stable form is stable on both sides: log(1 + exp(z)) for label 0."""
    value = lossbook.sigmoid_cross_entropy(np.float32([z]), np.float32([0]))
    assert np.isclose(value, np.logaddexp(0.0, z), rtol=1e-6, atol=1e-40)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_pytorch_2298(label):
    """The slope at a logit of exactly 0 is 1/2 - y."""
    _, gradient = value_and_gradient(lambda z: lossbook.sigmoid_cross_entropy(z, torch.tensor(label)), 0.0)
    assert gradient == 0.5 - label


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("z", [-200.0, 20.0, 200.0])
def test_kornia_918(gamma, z):
    """The focal losses have a finite gradient at a sure prediction, for γ below 1 too."""
    _, binary = value_and_gradient(lambda x: lossbook.sigmoid_focal(x, torch.tensor(1.0), gamma=gamma), z)
    _, multi = value_and_gradient(lambda x: lossbook.softmax_focal(x, torch.tensor([0]), gamma=gamma), [[z, 0.0]])
    assert torch.isfinite(binary)
    assert torch.isclose(multi[0, 0], binary)


def test_tensorflow_28918():
    """The Huber loss for δ = ∞ is half the squared error."""
    value, gradient = value_and_gradient(lambda r: lossbook.huber(r, torch.zeros(2), delta=np.inf), [2.0, -3.0])
    assert value == (2.0**2 + 3.0**2) / 4
    assert gradient.tolist() == [1.0, -1.5]


@pytest.mark.parametrize(("r", "loss"), [(100.0, 100 - np.log(2)), (1e4, 1e4 - np.log(2)), (1e-4, 0.5e-8)])
def test_torchmetrics_3488(r, loss):
    """Log-cosh does not overflow far out and does not cancel near 0."""
    assert np.isclose(lossbook.log_cosh(np.float32([r]), np.float32([0])), loss, rtol=1e-6, atol=0)


def test_liger_kernel_769():
    """A class that is impossible for both adds nothing to the Jensen-Shannon divergence, where its probability is 0 too."""
    p, q = torch.tensor([[0.0, 0.0, -110.0]]), torch.tensor([[1.0, 0.0, -110.0]])
    with_it = lossbook.js_divergence(p.softmax(1), q.softmax(1))
    without = lossbook.js_divergence(p[:, :2].softmax(1), q[:, :2].softmax(1))
    assert torch.isclose(with_it, without, rtol=1e-6, atol=0)


def test_siamese_triplet_18():
    """Two equal embeddings do not make the gradient NaN."""
    a, b, one = [[1.0, 2.0], [3.0, 4.0]], torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.ones(2)
    losses = [
        lambda x: lossbook.pair_contrastive(x, b, one),
        lambda x: lossbook.pair_contrastive(x, b, 0 * one),
        lambda x: lossbook.triplet(x, b, b),
        lambda x: lossbook.batch_hard_triplet(torch.cat([x, b]), torch.tensor([0, 1, 0, 1])),
    ]
    for loss in losses:
        assert torch.isfinite(value_and_gradient(loss, a)[1]).all()


def test_optax_946():
    """A zero vector, which has no direction, is refused, not given a gradient of a hundred million."""
    with pytest.raises(ValueError, match="no direction"):
        lossbook.cosine_distance(torch.zeros(1, 2), torch.ones(1, 2))


def test_keras_io_910():
    """The gradient penalty of a critic without slope is 1 and has no NaN in its gradient."""
    x = torch.ones(1, 2)

    def penalty(w):
        return lossbook.gradient_penalty(lambda x: torch.tanh(x @ w), x, x, mix=torch.ones(1))

    for w in ([30.0, 40.0], [0.0, 0.0]):
        value, gradient = value_and_gradient(penalty, w)
        assert value == 1
        assert torch.isfinite(gradient).all()


def test_wgan_gp_27():
    """The norm in the gradient penalty is that of the whole image."""
    images = torch.zeros(2, 1, 28, 28)
    penalty = lossbook.gradient_penalty(lambda x: x.sum(dim=(1, 2, 3)) / 28, images, images, mix=torch.ones(2))
    assert torch.isclose(penalty, torch.tensor(0.0), atol=1e-9)


@pytest.mark.parametrize("loss", [lossbook.arcface, lossbook.cosface])
@pytest.mark.parametrize("point", [[[1.0, 0.0]], [[-1.0, 0.0]], [[0.6, 0.8]]])
def test_arcface_pytorch_91(loss, point):
    """An embedding that points exactly at a class, or away from it, has a finite gradient."""
    prototypes = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    value, gradient = value_and_gradient(lambda e: loss(e, torch.tensor([0]), prototypes=prototypes), point)
    assert np.isfinite(value)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("name", ["dice", "jaccard", "tversky", "focal_tversky", "generalized_dice", "lovasz_hinge"])
def test_segmentation_models_pytorch_463(name):
    """A mask of 90000 pixels does not overflow in float16."""
    mask = torch.ones(1, 300 * 300, dtype=torch.float16)
    loss = getattr(lossbook, name)(mask, mask)
    assert loss == 0
    assert loss.dtype == torch.float16


def test_pytorch_85791():
    """The mean over many positions does not overflow in float16."""
    logits, labels = torch.tensor([[0, 100]], dtype=torch.float16).expand(700, 2), torch.zeros(700, dtype=torch.long)
    assert lossbook.softmax_cross_entropy(logits, labels) == 100
    assert lossbook.token_cross_entropy(logits, labels) == 100


def ctc(z, labels, steps, sizes, **options):
    return lossbook.ctc(z, labels, logit_lengths=torch.tensor(steps), label_lengths=torch.tensor(sizes), **options)


def test_pytorch_14335():
    """A repeated label in two steps is impossible: infinite, with the gradient 0; in three steps it is possible."""
    repeated = torch.tensor([[1, 1]])
    value, gradient = value_and_gradient(lambda z: ctc(z, repeated, [2], [2]), np.zeros((2, 1, 3)).tolist())
    assert value == np.inf
    assert not gradient.any()
    assert torch.isfinite(ctc(torch.zeros(3, 1, 3), repeated, [3], [2]))


def test_pytorch_16199():
    """An impossible example is not counted as a loss of 0: it stays visible, and its neighbour keeps its loss."""
    losses = ctc(torch.zeros(2, 2, 3), torch.tensor([[1, 0], [1, 1]]), [2, 2], [1, 2], reduction="none")
    assert torch.isclose(losses[0], torch.tensor(3.0).log())
    assert losses[1] == np.inf
    assert ctc(torch.zeros(2, 2, 3), torch.tensor([[1, 0], [1, 1]]), [2, 2], [1, 2]) == np.inf


BOXES = [lossbook.iou_loss, lossbook.giou_loss, lossbook.diou_loss, lossbook.ciou_loss]


@pytest.mark.parametrize("loss", BOXES)
@pytest.mark.parametrize("box", [[3.0, 3, 3, 3], [1.0, 2, 4, 2], [0.0, 0, 2, 1]])
def test_vision_7746(loss, box):
    """A box costs 0 against itself, with or without an area."""
    assert loss(np.array([box]), np.array([box])) == 0


@pytest.mark.parametrize("loss", BOXES)
@pytest.mark.parametrize("box", [[3.0, 3, 3, 3], [1.0, 2, 4, 2], [2.0, 1, 2, 4]])
def test_diou_pytorch_detectron_19(loss, box):
    """A prediction without area has a finite value and a finite gradient."""
    value, gradient = value_and_gradient(lambda b: loss(b, torch.tensor([[0.0, 0, 4, 4]])), [box])
    assert np.isfinite(value)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("loss", BOXES)
def test_vision_6317(loss):
    """Boxes are compared one by one: other shapes are refused, and each pair has the loss it has alone."""
    boxes, targets = np.array([[0.0, 0, 1, 1], [0.0, 0, 4, 1]]), np.array([[0.0, 0, 1, 1], [0.0, 0, 1, 4]])
    alone = [loss(boxes[[i]], targets[[i]]) for i in range(2)]
    assert np.allclose(loss(boxes, targets, reduction="none"), alone, rtol=1e-12)
    with pytest.raises(ValueError, match="shape"):
        loss(boxes, np.concatenate([targets, targets]))


@pytest.mark.parametrize("options", [{"reduction": "sum"}, {"denominator": 1.0}], ids=["sum", "at least 1"])
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_pycox_124(ties, options):
    """A batch without an event has the sum 0 and the gradient 0; divided by at least 1 it is not NaN."""
    time, nobody = torch.tensor([1.0, 2.0]), torch.zeros(2)
    loss = lossbook.cox_partial_likelihood
    value, gradient = value_and_gradient(lambda h: loss(h, time, nobody, ties=ties, **options), [0.3, 0.1])
    assert value == 0
    assert not gradient.any()


def test_torchsurv_35():
    """A single subject teaches the discrete-time hazards something; Cox's likelihood is 0, by its formula."""
    _, gradient = value_and_gradient(
        lambda z: lossbook.discrete_hazard_nll(z, torch.tensor([0]), torch.tensor([1.0])), [[0.3, 0.1]]
    )
    assert gradient[0, 0] < -0.1
    assert lossbook.cox_partial_likelihood(np.array([0.3]), np.array([1.0]), np.array([1.0])) == 0


@pytest.mark.parametrize("epsilon", [0.1, 0.01])
def test_pot_54(epsilon):
    """Sinkhorn's iteration does not underflow where exp(-cost / ε) is 0."""
    x = np.array([[0.0], [1.0]])
    assert np.isclose(lossbook.sinkhorn(x, x + 10, epsilon=epsilon), 100 + epsilon * np.log(2), rtol=1e-6)


def test_pytorch_190058():
    """Nothing is added to the variance: the Gaussian likelihood is that of the textbook."""
    zero, variance = np.zeros(1), np.array([4.0])
    expected = (np.log(2 * np.pi) + np.log(4.0)) / 2
    assert np.isclose(lossbook.gaussian_nll(zero, np.log(variance), zero), expected, rtol=1e-12)


@pytest.mark.parametrize("s", [-20.0, -7.0, 0.0, 7.0])
def test_pytorch_49807(s):
    """The gradient by the log-variance is the slope of the value, also far below a variance of 1e-6."""
    loss, r, zero = lossbook.gaussian_nll, torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    _, gradient = value_and_gradient(lambda s: loss(r, s, zero), [s], torch.float64)
    step = 1e-4
    quotient = (loss(r, zero + s + step, zero) - loss(r, zero + s - step, zero)) / (2 * step)
    assert torch.isclose(gradient[0], quotient, rtol=1e-6)


# --- Which loss is this, and at what scale (book/museum/names_and_scale) -----------------------------------------------------


@pytest.mark.parametrize("name", ["squared_error", "absolute_error", "huber", "smooth_l1", "log_cosh", "pinball", "charbonnier"])
def test_pytorch_16045(name):
    """A column against a row must not become a table."""
    loss = getattr(lossbook, name)
    for pred, target in [(np.zeros((3, 1)), np.arange(3.0)), (torch.zeros(3, 1), torch.arange(3.0))]:
        with pytest.raises(ValueError, match="nothing is broadcast"):
            loss(pred, target)


def test_pathomicfusion_9():
    """The Cox loss must depend on who had the event, and must refuse a column of events."""
    score, time = np.array([-0.5, 0.3, 0.1, 0.8]), np.arange(4.0)
    first, last = [lossbook.cox_partial_likelihood(score, time, np.array(e)) for e in ([1, 1, 0, 0], [0, 0, 1, 1])]
    assert abs(first - last) > 0.1
    with pytest.raises(ValueError, match="nothing is broadcast"):
        lossbook.cox_partial_likelihood(score, time, np.array([[1], [1], [0], [0]]))


@pytest.mark.parametrize("kind", [torch.int64, torch.int32, torch.bool, torch.float32])
def test_torchsurv_117(kind):
    """Events of type integer must select those with an event, not the rows 0 and 1."""
    score, time, event = torch.tensor([0.2, 0.1, 0.4, 0.3]).double(), torch.arange(4.0).double(), torch.tensor([0, 0, 1, 1])
    rest = torch.logcumsumexp(score.flip(0), 0).flip(0) - score
    ours = lossbook.cox_partial_likelihood(score, time, event.to(kind), reduction="none")
    torch.testing.assert_close(ours, rest[event.bool()])


def test_pytorch_16804():
    """A weight per class must weigh positives of that class, and nothing else."""
    logits, masks = torch.zeros(1, 2, 3, 2).double(), torch.ones(1, 2, 3, 2).double()
    weight = torch.tensor([1.0, 10.0]).double()[:, None, None]
    positive, negative = [
        lossbook.sigmoid_cross_entropy(logits, y, pos_weight=weight, reduction="none").mean((0, 2, 3)) for y in (masks, 1 - masks)
    ]
    torch.testing.assert_close(positive / np.log(2), torch.tensor([1.0, 10.0]).double())
    torch.testing.assert_close(negative / np.log(2), torch.ones(2).double())


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "softmax_focal", "brier", "poly_cross_entropy", "token_cross_entropy"])
@pytest.mark.parametrize("row", [[5.0, 0.0, 0.0], [-1.0, 1.0, 1.0]])
def test_pytorch_134853(name, row):
    """Rows that are no probabilities must not pass as such."""
    with pytest.raises(ValueError, match="must lie in"):
        getattr(lossbook, name)(torch.zeros(1, 3), torch.tensor([row]))


@pytest.mark.parametrize("c", [0.01, 1.0, 3.0, 100.0])
def test_pytorch_48595(c):
    """Smooth L1 must be Huber divided by the threshold, as in torch."""
    r = torch.tensor([-4.0, 0.005, 2.0, 50.0]).double()
    huber = lossbook.huber(r, 0 * r, delta=c, reduction="none")
    torch.testing.assert_close(lossbook.smooth_l1(r, 0 * r, beta=c, reduction="none"), huber / c)
    torch.testing.assert_close(huber, F.huber_loss(r, 0 * r, delta=c, reduction="none"))


def test_kornia_493():
    """Sigmoid focal must be softmax focal with a constant 0 as second logit, and have no weight unless asked for."""
    z = np.array([-3.0, 0.0, 1.0])
    p = 1 / (1 + np.exp(-z))
    plain = lossbook.sigmoid_focal(z, np.ones(3), reduction="none")
    np.testing.assert_allclose(plain, -((1 - p) ** 2) * np.log(p), rtol=1e-12)
    pair = lossbook.softmax_focal(np.stack([0 * z, z], 1), np.ones(3, int), reduction="none")
    np.testing.assert_allclose(pair, plain, rtol=1e-12)
    for y, alpha in [(1.0, 0.25), (0.0, 0.75)]:
        weighed = lossbook.sigmoid_focal(z, np.full(3, y), alpha=0.25, reduction="none")
        none = lossbook.sigmoid_focal(z, np.full(3, y), reduction="none")
        np.testing.assert_allclose(weighed, alpha * none, rtol=1e-12)


@pytest.mark.parametrize("K", [2, 5, 100])
def test_aprender_2199(K):
    """The smoothed target must sum to one: adding a constant to all logits changes nothing, its gradient sums to 0."""
    logits, label = torch.linspace(-1, 2, K).double()[None].requires_grad_(), torch.tensor([1])
    loss = lossbook.softmax_cross_entropy(logits, label, label_smoothing=0.1)
    torch.testing.assert_close(loss, F.cross_entropy(logits, label, label_smoothing=0.1))
    q = 0.1 / K + 0.9 * torch.eye(K).double()[1]
    torch.testing.assert_close(torch.autograd.grad(loss, logits)[0][0], logits.detach().softmax(1)[0] - q)


def test_vicreg_8():
    """VICReg must have the scaling of the authors' code, and that of the paper on request."""
    rng = np.random.default_rng(0)
    a = 0.5 * rng.standard_normal((16, 8))
    b = a + 0.1
    spread = [(1 - np.sqrt(x.var(0, ddof=1) + 1e-4)).clip(0).mean() for x in (a, b)]
    terms = ((a - b) ** 2).mean(), sum(spread) / 2
    assert np.isclose(lossbook.vicreg(a, b, variance=0.0, covariance=0.0), 25 * terms[0], rtol=1e-12)
    assert np.isclose(lossbook.vicreg(a, b, invariance=0.0, covariance=0.0), 25 * terms[1], rtol=1e-12)
    off = sum((np.cov(x.T) ** 2).sum() - (np.diag(np.cov(x.T)) ** 2).sum() for x in (a, b)) / 8
    assert np.isclose(lossbook.vicreg(a, b, invariance=0.0, variance=0.0), off, rtol=1e-9)


def test_optax_1458():
    """The smoothing of Dice must count once: an empty overlap of s false alarms costs one half."""
    for s in (1.0, 4.0):
        p = np.array([[s / 8] * 8])
        assert np.isclose(lossbook.dice(p, np.zeros((1, 8)), smooth=s), 0.5, rtol=1e-12)
        assert np.isclose(lossbook.tversky(p, np.zeros((1, 8)), smooth=s / 2), 0.5, rtol=1e-12)


def test_pytorch_28575():
    """The Poisson loss must be minus a log-probability: over all counts the probabilities sum to one."""
    counts = np.arange(60.0)
    for mean in (0.3, 2.0, 10.0):
        nll = lossbook.poisson_nll(np.full(60, np.log(mean)), counts, reduction="none")
        assert np.isclose(np.exp(-nll).sum(), 1, rtol=1e-12)


def test_pytorch_42449():
    """The negative binomial must have the mean that it is given, and probabilities that sum to one."""
    counts = np.arange(2000.0)
    for mean, r in [(10.0, 1.0), (2.0, 5.0)]:
        p = np.exp(-lossbook.negative_binomial_nll(np.full(2000, np.log(mean)), counts, dispersion=r, reduction="none"))
        assert np.isclose(p.sum(), 1, rtol=1e-10) and np.isclose((p * counts).sum(), mean, rtol=1e-10)


def test_trl_6780():
    """A generalised Jensen-Shannon divergence over beta (1 - beta) must end at both divergences; ours is the one at one half."""
    t, s = np.array([[0.7, 0.2, 0.1]]), np.array([[0.2, 0.2, 0.6]])
    kl = lossbook.kl_divergence
    for beta, end in [(1e-6, kl(t, s)), (1 - 1e-6, kl(s, t)), (0.5, 4 * lossbook.js_divergence(t, s))]:
        m = beta * t + (1 - beta) * s
        assert np.isclose((beta * kl(t, m) + (1 - beta) * kl(s, m)) / (beta * (1 - beta)), end, rtol=1e-4)


def test_pytorch_57459():
    """A divergence must be 0 for equal arguments, positive otherwise, in the order of its formula, and refuse logarithms."""
    p, q = np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]])
    assert lossbook.kl_divergence(p, p) == 0 < lossbook.kl_divergence(p, q)
    assert np.isclose(lossbook.kl_divergence(p, q), 0.5 * np.log(2) + 0.5 * np.log(2 / 3), rtol=1e-12)
    with pytest.raises(ValueError, match="must lie in"):
        lossbook.kl_divergence(p, np.log(q))


@pytest.mark.parametrize("name", ["pinball", "expectile", "quantile_huber", "absolute_error", "huber"])
def test_scikit_learn_8087(name):
    """The value must be at least 0 for errors of both signs, and its gradient must be its slope."""
    loss = getattr(lossbook, name)
    pred, y = torch.tensor([0.0, 0.0, 3.0]).double().requires_grad_(), torch.tensor([-1.5, 0.25, 0.0]).double()
    assert (loss(pred, y, reduction="none") > 0).all()
    torch.autograd.gradcheck(lambda x: loss(x, y, reduction="none"), pred)


@pytest.mark.parametrize("tau", [0.1, 0.5, 0.9])
def test_npfl139_17(tau):
    """The best constant must be the tau-quantile, not that of 1 - tau."""
    data = np.random.default_rng(1).exponential(size=101)
    costs = [lossbook.pinball(np.full(101, c), data, tau=tau) for c in data]
    assert np.isclose(data[np.argmin(costs)], np.quantile(data, tau))
    assert lossbook.pinball(np.zeros(1), np.ones(1), tau=tau) == tau  # too low costs tau per unit


@pytest.mark.parametrize("name", ["squared_error", "huber", "squared_hinge", "hinge", "expectile", "sigmoid_cross_entropy"])
def test_pytorch_7237(name):
    """A weight must multiply the value, outside of any power."""
    loss, z, y = getattr(lossbook, name), np.array([0.5, -2.0, 3.0]), np.array([1.0, 1.0, 1.0])
    weight = np.array([2.0, 3.0, 0.5])
    ours, plain = [loss(z, y, weight=w, reduction="none") for w in (weight, None)]
    np.testing.assert_allclose(ours, weight * plain, rtol=1e-12)


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "softmax_focal", "brier", "token_cross_entropy"])
def test_tflearn_562(name):
    """A sure and right prediction must cost nothing, whatever the number of classes."""
    for K in (2, 1000):
        assert getattr(lossbook, name)(100 * torch.eye(K)[:1], torch.tensor([0])) < 1e-6


@pytest.mark.parametrize("name", ["dice", "jaccard", "tversky", "focal_tversky"])
def test_segmentation_models_pytorch_1263(name):
    """Losses of logits and of probabilities must be 0 at a perfect prediction of their kind; the latter refuse logits."""
    z, y = np.array([[-40.0, 40.0]]), np.array([[0.0, 1.0]])
    assert lossbook.sigmoid_focal(z, y) < 1e-12 and lossbook.lovasz_hinge(z, y) == 0
    assert getattr(lossbook, name)(1 / (1 + np.exp(-z)), y) < 1e-12
    with pytest.raises(ValueError, match="must lie in"):
        getattr(lossbook, name)(z, y)


@pytest.mark.parametrize("name", ["dice", "jaccard", "tversky"])
def test_monai_657(name):
    """Pixels whose probability and target are masked must count as if they were not there."""
    p, y, loss = np.array([[0.9, 0.6, 0.2]]), np.array([[1.0, 1.0, 0.0]]), getattr(lossbook, name)
    padded = [np.pad(x, [(0, 0), (0, 30)]) for x in (p, y)]
    assert np.isclose(loss(*padded), loss(p, y), rtol=1e-12)


@pytest.mark.parametrize("name", ["dice", "jaccard", "tversky", "focal_tversky", "generalized_dice", "lovasz_softmax"])
def test_monai_5413(name):
    """What has not been through a softmax must not pass for probabilities."""
    logits, target = torch.tensor([[[0.0, 0.0, 0.0], [4.0, 4.0, -3.0]]]), torch.tensor([[[0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]])
    options = {"class_axis": 1}
    with pytest.raises(ValueError, match="must lie in"):
        getattr(lossbook, name)(logits, target, **options)
    assert 0 <= getattr(lossbook, name)(logits.softmax(1), target, **options) <= 1


def test_kornia_473():
    """SSIM must exceed 1 and keep its gradient for images that are each other's negative."""
    board = torch.tensor(np.indices((11, 11)).sum(0) % 2).double()[None, None]
    image = (0.9 - 0.8 * board).requires_grad_()
    loss = lossbook.ssim(image, board)
    (slope,) = torch.autograd.grad(loss, image)
    assert 1 < loss < 2 and slope.abs().sum() > 1e-3


@pytest.mark.parametrize("name", ["dice", "jaccard", "tversky", "focal_tversky", "generalized_dice"])
def test_mmocr_408(name):
    """A perfect empty mask must cost 0, one with a false alarm must not; with smoothing fewer false alarms cost less."""
    loss, empty, faint = getattr(lossbook, name), np.zeros((1, 1, 16)), np.full((1, 1, 16), 0.1)
    assert loss(empty, empty) == 0 and loss(faint, empty) == 1
    if name != "generalized_dice":
        assert 0 == loss(empty, empty, smooth=1.0) < loss(faint / 2, empty, smooth=1.0) < loss(faint, empty, smooth=1.0) < 1


@pytest.mark.parametrize("name", ["distillation", "js_divergence", "kl_divergence"])
def test_trl_5731(name):
    """A student equal to its teacher must have loss 0 and gradient 0."""
    z = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 3.0]]).double()
    student, outlet = z.clone().requires_grad_(), (lambda x: x) if name == "distillation" else (lambda x: x.softmax(1))
    loss = getattr(lossbook, name)(outlet(student), outlet(z))
    (slope,) = torch.autograd.grad(loss, student)
    assert loss.abs() < 1e-15 and slope.abs().max() < 1e-15


def test_liger_kernel_262():
    """A class of probability 0 must not give NaN, and the comparison that the checks use must fail on NaN."""
    p, q = np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]])
    assert np.isclose(lossbook.kl_divergence(p, q), np.log(2), rtol=1e-12)
    assert np.isclose(lossbook.js_divergence(p, q), 0.75 * np.log(4 / 3), rtol=1e-12)
    assert not check.largest(np.array([np.nan, 0.0])) <= 1e-6


def test_pytorch_52241():
    """The gradient of CTC must be that of its value, for the argument that it takes."""
    logits = torch.tensor(np.random.default_rng(2).standard_normal((3, 1, 3)), requires_grad=True)
    sizes = {"logit_lengths": torch.tensor([3]), "label_lengths": torch.tensor([1])}
    assert torch.autograd.gradcheck(lambda z: lossbook.ctc(z, torch.tensor([[1]]), **sizes), logits)


@pytest.mark.parametrize("name", ["ciou_loss", "diou_loss", "giou_loss", "iou_loss"])
def test_mmdetection_5835(name):
    """The gradient of a loss for boxes must be the slope of its value, no factor held."""
    box = torch.tensor([[0.5, 0.5, 5.0, 1.5]]).double().requires_grad_()
    target = torch.tensor([[0.0, 0.0, 2.0, 4.0]]).double()
    assert torch.autograd.gradcheck(lambda b: getattr(lossbook, name)(b, target), box)


@pytest.mark.parametrize("epsilon", [0.05, 1.0, 20.0])
def test_ott_375(epsilon):
    """The entropic cost must never be below the exact one."""
    x, y = np.array([0.0, 1.0, 4.0]), np.array([2.0, 3.0, 9.0])
    exact = lossbook.wasserstein_1d(x, y, power=2)
    assert lossbook.sinkhorn(x[:, None], y[:, None], epsilon=epsilon) >= exact - 1e-5


def test_ms_swift_10081():
    """Queries and keys must both receive their gradient: the gradients of the devices add up to that of the whole batch."""
    rng = np.random.default_rng(3)
    a, b = torch.tensor(rng.standard_normal((2, 8, 5)))
    W = torch.tensor(rng.standard_normal((5, 4)), requires_grad=True)
    cosines = F.normalize(a @ W) @ F.normalize(b @ W).T
    (whole,) = torch.autograd.grad(F.cross_entropy(cosines / 0.5, torch.arange(8)), W)

    def gradient(own):
        keep = torch.isin(torch.arange(8), own)[:, None]
        q, k = [torch.where(keep, x @ W, (x @ W).detach()) for x in (a, b)]
        return torch.autograd.grad(lossbook.info_nce(q, k, temperature=0.5), W)[0]

    torch.testing.assert_close(sum(gradient(own) for own in torch.arange(8).view(4, 2)), whole)


def test_pytorch_metric_learning_712():
    """Embeddings that say nothing must cost the logarithm of the number of candidates, no more and no less."""
    for n in (8, 32):
        same = np.ones((n, 4))
        assert np.isclose(lossbook.info_nce(same, same), np.log(n), rtol=1e-12)
        assert np.isclose(lossbook.nt_xent(same, same), np.log(2 * n - 1), rtol=1e-12)


def test_pytorch_124480():
    """Pieces divided by the count of the whole batch must add up to the loss of the whole batch, in value and gradient."""
    rng = np.random.default_rng(4)
    hidden, last = torch.tensor(rng.standard_normal((12, 6))), torch.tensor(rng.standard_normal((9, 6)), requires_grad=True)
    labels = torch.tensor(rng.integers(9, size=12))
    labels[:3] = -100
    whole = F.cross_entropy(hidden @ last.T, labels)
    pieces = [lossbook.token_cross_entropy(h @ last.T, y, denominator=9) for h, y in zip(hidden.split(4), labels.split(4))]
    torch.testing.assert_close(sum(pieces), whole)
    torch.testing.assert_close(torch.autograd.grad(sum(pieces), last)[0], torch.autograd.grad(whole, last)[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1.0, 1e3, 1e6])
def test_trl_800(size, dtype):
    """The loss itself must never pull the chosen answer down, nor pull the two answers with different strength."""
    logs = torch.tensor(-size * np.random.default_rng(5).random((4, 200)), dtype=dtype)
    chosen, rejected, ref_chosen, ref_rejected = logs.requires_grad_().unbind()
    loss = lossbook.dpo(chosen, rejected, ref_chosen, ref_rejected, reduction="sum")
    up, down = torch.autograd.grad(loss, [chosen, rejected])
    assert (up <= 0).all() and torch.equal(up, -down)
    wrong = (chosen - rejected) < (ref_chosen - ref_rejected)  # pulled by at least β / 2, however far away
    assert wrong.any() and (up[wrong] <= -0.05).all()
