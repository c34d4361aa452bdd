"""The fused losses against their plain definitions: value and gradient, on all that a Card lists, and in all that torch does."""

import ast
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import lossbook
from lossbook import _points, fused, nn
from lossbook._loss import ALL_BUT_FIRST, GROUPS, Labels
from lossbook.check._kind import settings
from lossbook.fused import _engine, contrastive, linear

FORMS = list(fused.FORMS.values())
BY_ROWS = [form for form in FORMS if form.plain.every_example]
of_all = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
of_rows = pytest.mark.parametrize("form", BY_ROWS, ids=lambda form: form.__name__)


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    """So that the inputs of these tests span several tiles and blocks, with a rest."""
    monkeypatch.setattr(_engine, "TILE", 64)
    monkeypatch.setattr(contrastive, "BLOCK", 16)
    monkeypatch.setattr(linear, "BLOCK", 64)


def tensors(form, arrays):
    """Points of a Card as float64 tensors, groups as integers."""
    made = [torch.as_tensor(np.asarray(a, dtype=float)) for a in arrays]
    return [a.long() if kind == GROUPS else a for a, kind in zip(made, form.plain.axes.values(), strict=True)]


def ordinary(form, n=40):
    return tensors(form, _points.ordinary(lossbook.card(form.plain), n=n, seed=5))


def batches(form):
    """The ordinary and the hard points of the Card, and those whose class probabilities are a class, with its index."""
    for arrays in (ordinary(form), tensors(form, _points.hard(lossbook.card(form.plain)))):
        yield arrays
        *_, kind = form.plain.axes.values()
        if isinstance(kind, Labels):
            sure = arrays[-1].amax(-1) == 1
            yield [*(a[sure] for a in arrays[:-1]), arrays[-1][sure].argmax(-1)]


def setting_of(form):
    """The parameters that have no default."""
    return _points.required(lossbook.card(form.plain))


def compute(function, arrays, predictions, **options):
    """The value, and the gradients of Σ pull · value with respect to the first arrays."""
    leaves = [a.detach().clone().requires_grad_() for a in arrays[:predictions]]
    value = function(*leaves, *arrays[predictions:], **options)
    pull = torch.linspace(0.5, 1.5, max(1, value.numel()), dtype=value.dtype)[: value.numel()].reshape(value.shape)
    return value.detach(), *torch.autograd.grad(value, leaves, pull)


def agree(form, arrays, rtol=1e-12, **options):
    """Equal to rtol of the largest entry, where that is finite; else equal in every entry."""
    ours = compute(form, arrays, form.plain.predictions, **options)
    plain = compute(form.plain, arrays, form.plain.predictions, **options)
    for one, other in zip(ours, plain, strict=True):
        finite = other[other.isfinite()]
        scale = float(finite.abs().max()) if finite.numel() else 0.0
        torch.testing.assert_close(one, other, rtol=rtol, atol=rtol * scale, equal_nan=True)
    return ours


@of_all
def test_equals_the_plain_definition(form):
    """To rounding, at every setting of the Card, at ordinary and at hard points, for each reduction."""
    for setting in settings(lossbook.card(form.plain), None):
        for arrays in batches(form):
            for reduction in ("none", "sum", "mean"):
                agree(form, arrays, reduction=reduction, **setting)


@of_rows
def test_small_values_keep_their_digits(form):
    for setting in settings(lossbook.card(form.plain), None):
        for arrays in batches(form):
            ours, plain = (f(*arrays, reduction="none", **setting) for f in (form, form.plain))
            torch.testing.assert_close(ours, plain, rtol=1e-11, atol=0)


@of_rows
def test_weights(form):
    """Weight 0 removes an example, whatever it holds; all of them leave a mean of nothing, and a gradient of 0."""
    (*_, arrays) = batches(form)
    arrays = [a.clone() for a in ordinary(form)] if len(arrays[0]) < 9 else arrays
    n = len(arrays[0])
    weight = torch.linspace(0, 2, n, dtype=torch.float64)
    weight[5] = 0
    first, last, setting = arrays[0], arrays[-1], setting_of(form)
    first[0], first[5] = math.nan, math.inf
    last[0] = math.nan if last.is_floating_point() else 10**6
    for reduction in ("none", "sum", "mean"):
        _, gradient, *_ = agree(form, arrays, weight=weight, reduction=reduction, **setting)
        assert (gradient[[0, 5]] == 0).all()
    agree(form, arrays, weight=weight, denominator=7, **setting)
    value, gradient, *_ = agree(form, arrays, weight=0 * weight, **setting)
    assert value.isnan() and (gradient == 0).all()
    agree(form, [a[:0] for a in arrays], reduction="sum", **setting)
    agree(form, [a[:0] for a in arrays], **setting)


@of_all
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite(form, bad):
    """It means what it means in the plain definition, there and in no other row."""
    arrays, setting = [a.clone() for a in ordinary(form)], setting_of(form)
    arrays[0].view(len(arrays[0]), -1)[7, 0] = bad
    try:
        form.plain(*arrays, **setting)
    except ValueError as outside:
        with pytest.raises(ValueError, match=re.escape(str(outside))):
            form(*arrays, **setting)
    else:
        for reduction in ("none", "mean"):
            agree(form, arrays, reduction=reduction, **setting)


@of_all
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_dtypes(form, dtype):
    arrays = [a.to(dtype) if a.is_floating_point() else a for a in ordinary(form)]
    for reduction in ("none", "mean"):
        value, *gradients = agree(form, arrays, rtol=20 * torch.finfo(dtype).eps, reduction=reduction, **setting_of(form))
        assert {a.dtype for a in (value, *gradients)} == {dtype}


def test_float16_gradients_survive_loss_scaling():
    """The mean over many divides each gradient until float16 has no such number; the scale of the loss saves it."""
    logits, labels = torch.zeros(5000, 2, dtype=torch.float16), torch.zeros(5000, dtype=torch.int64)
    logits[:, 1] = -8  # p = 3.4e-4, and p / 5000 is the smallest number there is
    for function in (fused.softmax_cross_entropy, lossbook.softmax_cross_entropy):
        leaf = logits.clone().requires_grad_()
        (function(leaf, labels).float() * 16384).backward()
        torch.testing.assert_close(leaf.grad[0], torch.tensor([-0.001099, 0.001099], dtype=torch.float16), rtol=2e-3, atol=0)


@of_all
def test_strides_and_batch_axes(form):
    """Arrays that are views, and examples that stand in a table, where rows are not coupled."""
    arrays, setting = ordinary(form), setting_of(form)
    agree(form, [a.repeat_interleave(2, 0)[::2] for a in arrays], **setting)
    agree(form, [a.transpose(0, -1).contiguous().transpose(0, -1) for a in arrays], **setting)
    if form in BY_ROWS and ALL_BUT_FIRST not in form.plain.axes.values():
        table = [a.reshape(5, 8, *a.shape[1:]) for a in arrays]
        assert agree(form, table, reduction="none", **setting)[0].shape == (5, 8)


@of_all
def test_the_graph(form):
    """Accumulated, kept and scaled gradients; under checkpointing; and the second derivative, which there is not."""
    arrays, setting = ordinary(form), setting_of(form)
    leaf, rest = arrays[0].clone().requires_grad_(), arrays[1:]
    value = form(leaf, *rest, **setting)
    (first,) = torch.autograd.grad(value, leaf, retain_graph=True)
    first.mul_(0)  # what was handed out is the caller's
    (once,) = torch.autograd.grad(value, leaf, torch.tensor(3.0, dtype=value.dtype), retain_graph=True)
    value.backward()
    torch.testing.assert_close(once, 3 * leaf.grad)
    before = leaf.grad.clone()
    torch.utils.checkpoint.checkpoint(lambda x: form(x, *rest, **setting), leaf, use_reentrant=False).backward()
    torch.testing.assert_close(leaf.grad, 2 * before)
    if form not in DIFFERENTIABLE_TWICE:
        with pytest.raises(RuntimeError, match=f"{form.__name__} has no second derivative: take the plain definition"):
            torch.autograd.grad(form(leaf, *rest, **setting), leaf, create_graph=True)


# These have no gradient by hand: autograd has all of their derivatives.
DIFFERENTIABLE_TWICE = [fused.batch_hard_triplet, fused.pairwise_square]


@of_all
def test_where_the_plain_definition_takes_over(form):
    """NumPy, vmap, forward mode and a weight that learns."""
    arrays, setting = ordinary(form), setting_of(form)
    assert isinstance(form(*(a.numpy() for a in arrays), **setting), np.ndarray | np.generic)
    plain = form.plain(*arrays, **setting)
    if form in BY_ROWS:
        weight = torch.ones(len(arrays[0]), dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(form(*arrays, weight=weight, reduction="sum", **setting), weight)
        torch.testing.assert_close(gradient, form.plain(*arrays, reduction="none", **setting))
    stacked = torch.func.vmap(lambda *a: form(*a, **setting))(*(a[None] for a in arrays))
    torch.testing.assert_close(stacked, plain[None])
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(arrays[0], torch.ones_like(arrays[0]))
        assert torch.autograd.forward_ad.unpack_dual(form(dual, *arrays[1:], **setting)).tangent is not None


@pytest.mark.parametrize("form", [fused.huber, fused.token_cross_entropy, fused.info_nce], ids=lambda form: form.__name__)
def test_compiles(form):
    arrays = ordinary(form)
    torch._dynamo.reset()
    compiled = torch.compile(form, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(*arrays), form.plain(*arrays))


@of_all
def test_autocast(form):
    """It changes nothing: products are taken in the dtype of the embeddings."""
    arrays, setting = [a.float() if a.is_floating_point() else a for a in ordinary(form)], setting_of(form)
    plain = compute(form, arrays, form.plain.predictions, **setting)
    with torch.autocast("cpu", torch.bfloat16):
        for one, other in zip(compute(form, arrays, form.plain.predictions, **setting), plain, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_errors_are_those_of_the_plain_definition():
    logits, labels = torch.zeros(50, 3), torch.zeros(50, dtype=torch.int64)
    labels[30] = 3
    with pytest.raises(IndexError, match=r"labels must be class indices in 0 .. 2, got 3 at position 30"):
        fused.softmax_cross_entropy(logits, labels)
    target = torch.zeros(200)
    target[100] = 1.5
    with pytest.raises(ValueError, match=r"target must lie in \[0, 1\], got 1.5 at position 100"):
        fused.sigmoid_focal(torch.zeros(200), target)
    with pytest.raises(ValueError, match="nothing is broadcast"):
        fused.huber(torch.zeros(3), torch.zeros(3, 1))
    with pytest.raises(ValueError, match=r"delta must lie in \(0, inf\], got -1"):
        fused.huber(torch.zeros(3), torch.zeros(3), delta=-1)
    with pytest.raises(TypeError, match="missing the argument 'target'"):
        fused.huber(torch.zeros(3))
    with pytest.raises(ValueError, match="a zero vector has no direction"):
        fused.nt_xent(torch.zeros(3, 2), torch.ones(3, 2))


def test_a_target_that_changes_before_backward_is_noticed():
    pred, target = torch.randn(50, requires_grad=True), torch.zeros(50)
    values = fused.huber(pred, target, reduction="none")
    target += 1
    with pytest.raises(RuntimeError, match="a target of huber was changed in place"):
        values.sum().backward()


MASKS = [
    ("dice", {"class_axis": 1, "smooth": 0.5}),
    ("dice", {"class_axis": 1, "squared": True}),
    ("tversky", {"class_axis": 1, "alpha": 0.3, "beta": 0.7}),
    *(("lovasz_softmax", {"class_axis": 1, "per_image": i, "classes": c}) for i in (True, False) for c in ("present", "all")),
]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize(("name", "options"), MASKS, ids=str)
def test_masks_of_classes(name, options, dtype):
    """Several classes on the second axis, as indices too; errors that tie; a class that is absent; an image of weight 0."""
    rng = np.random.default_rng(3)
    p = torch.as_tensor(np.round(8 * rng.dirichlet(np.ones(4), (5, 6, 7))) / 8).movedim(-1, 1).to(dtype)
    labels = torch.as_tensor(rng.integers(0, 3, (5, 6, 7)))
    y = torch.nn.functional.one_hot(labels, 4).movedim(-1, 1).to(dtype)
    for target in [y, labels] if name == "lovasz_softmax" else [y]:
        for weight in (None, torch.tensor([1.0, 0, 2, 1, 1], dtype=dtype)):
            agree(getattr(fused, name), [p, target], rtol=20 * torch.finfo(dtype).eps, weight=weight, **options)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_cox_in_float32(ties):
    """There another sort is used: of times that tie, and of 0 and -0, which do."""
    rng = np.random.default_rng(4)
    time = torch.as_tensor(rng.integers(-2, 3, 60)).float()
    time[::7] = -0.0
    hazard, event = torch.as_tensor(rng.standard_normal(60)).float(), torch.as_tensor(rng.integers(0, 2, 60))
    for reduction in ("none", "mean"):
        agree(fused.cox_partial_likelihood, [hazard, time, event], rtol=1e-5, ties=ties, reduction=reduction)


# --- memory ---------------------------------------------------------------------------------------------------------------


class Allocations(TorchDispatchMode):
    """How many numbers each new storage holds that an op returns."""

    def __init__(self):
        super().__init__()
        self.storages = {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                self.storages[storage.data_ptr()] = storage, storage.nbytes() // tensor.element_size()  # kept: no address twice
        return result


def allocations(function, arrays, predictions, **options):
    leaves = [a.requires_grad_(i < predictions) for i, a in enumerate(arrays)]
    given = {a.untyped_storage().data_ptr() for a in arrays}
    with Allocations() as record:
        function(*leaves, **options).backward()
    return [size for address, (_, size) in record.storages.items() if address not in given]


@of_rows
def test_one_array_is_kept(form):
    """Of the size of the predictions there is the gradient, and nothing else, not even for a moment."""
    arrays = ordinary(form, n=400)
    sizes = allocations(form, arrays, form.plain.predictions, **setting_of(form))
    assert sum(size >= arrays[0].numel() for size in sizes) == form.plain.predictions


@pytest.mark.parametrize("name", ["info_nce", "nt_xent", "supervised_contrastive", "siglip", "batch_hard_triplet"])
def test_the_products_never_stand_in_memory(name):
    form, n = getattr(fused, name), 256
    arrays = ordinary(form, n=n)
    sizes = allocations(form, arrays, form.plain.predictions, **setting_of(form))
    assert max(sizes) < n * n / 4, max(sizes)


def test_the_engine_and_its_kernels_stay_small():
    """Lines of code, without docstrings, comments and blank lines: what is hard to follow is not kept for its speed."""
    total = 0
    for path in Path(fused.__file__).parent.glob("*.py"):
        source = path.read_text()
        for node in ast.walk(tree := ast.parse(source)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
                node.body = node.body[1:] or [ast.Pass()]
        total += sum(bool(line.strip()) for line in ast.unparse(tree).splitlines())
    assert total < 920, total


# --- contrastive ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["info_nce", "nt_xent", "supervised_contrastive"])
def test_a_learned_temperature(name):
    form = getattr(fused, name)
    found = []
    for function in (form, form.plain):
        temperature = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
        found += torch.autograd.grad(function(*ordinary(form), temperature=temperature), temperature)
    torch.testing.assert_close(*found, rtol=1e-12, atol=0)


def test_hardest_of_points_that_coincide():
    """Products see no difference between points that are close; the first of equals counts, as in the plain definition."""
    rng = np.random.default_rng(0)
    labels = torch.as_tensor(rng.integers(0, 5, 60))
    close = torch.as_tensor(1e4 + 1e-6 * rng.standard_normal((60, 3)))
    clusters = torch.as_tensor(1e4 * rng.integers(-1, 2, (60, 3)) + 1e-5 * rng.standard_normal((60, 3)))
    for embeddings in (
        close,
        clusters,
        torch.ones(60, 3, dtype=torch.float64),
        torch.as_tensor(rng.integers(0, 2, (60, 3)).astype(float)),
    ):
        for a, b in zip(contrastive.hardest(embeddings, labels), lossbook.contrastive._hardest(embeddings, labels)):
            counted = lossbook.contrastive._has_triplets(labels)
            assert (a == b)[counted].all()
    one_group = torch.zeros(60, dtype=torch.int64)
    assert fused.batch_hard_triplet(close, one_group).isnan()


# --- the linear layer -------------------------------------------------------------------------------------------------------


OPTIONS = [
    {},
    {"reduction": "none"},
    {"reduction": "sum", "z_loss": 0.01},
    {"label_smoothing": 0.1, "class_weights": torch.tensor([1.0, 0.0, 2.0, 0.5, 1.5])},
    {"ignore_index": 2, "denominator": 11},
    {"weight": torch.linspace(0, 1, 30)},
]


def layer(dtype=torch.float64, soft=False, n=30):
    generator = torch.Generator().manual_seed(0)
    hidden, kernel, bias = (torch.randn(*shape, generator=generator).to(dtype) for shape in ((n, 4), (5, 4), (5,)))
    labels = torch.randint(0, 5, (n,), generator=generator)
    return [hidden, kernel, bias], torch.eye(5, dtype=dtype)[labels] * 0.7 + 0.06 if soft else labels


def layer_pair(arrays, labels, with_bias=True, **options):
    """Fused, and the plain definition on logits that stand in memory."""
    arrays = arrays if with_bias else arrays[:2]

    def ours(hidden, kernel, bias=None, *, labels):
        return fused.linear_cross_entropy(hidden, kernel, labels, bias=bias, **options)

    def plain(hidden, kernel, bias=None, *, labels):
        index = {} if labels.is_floating_point() else {"ignore_index": -100}
        logits = torch.nn.functional.linear(hidden, kernel, bias)
        return lossbook.language.cross_entropy_and_z_loss(logits, labels, **(index | options))

    return [compute(f, arrays, len(arrays), labels=labels) for f in (ours, plain)]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("with_bias", [True, False])
def test_linear_cross_entropy(options, with_bias):
    arrays, labels = layer()
    labels[3] = options.get("ignore_index", -100)
    for one, other in zip(*layer_pair(arrays, labels, with_bias, **options), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-13)


def test_linear_cross_entropy_of_nothing():
    """All labels ignored: nan, and a gradient of 0; no examples: nan."""
    arrays, labels = layer()
    ours, plain = layer_pair(arrays, torch.full_like(labels, -100))
    assert ours[0].isnan() and plain[0].isnan() and all((g == 0).all() for g in (*ours[1:], *plain[1:]))
    ours, plain = layer_pair([arrays[0][:0], *arrays[1:]], labels[:0])
    assert ours[0].isnan() and plain[0].isnan() and ours[1].shape == (0, 4)


def test_linear_cross_entropy_of_probabilities_and_in_half_precision():
    for one, other in zip(*layer_pair(*layer(soft=True), label_smoothing=0.2), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-13)
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        for one, other in zip(*layer_pair(*layer(dtype)), strict=True):
            assert one.dtype == dtype
            torch.testing.assert_close(one, other, rtol=10 * torch.finfo(dtype).eps, atol=torch.finfo(dtype).eps)
    with torch.autocast("cpu", torch.bfloat16):
        ours, plain = layer_pair(*layer(torch.float32))
        assert ours[0].dtype == plain[0].dtype == torch.bfloat16
        torch.testing.assert_close(ours[1], plain[1], rtol=0.05, atol=0.002)


def test_float16_logits_of_many_examples_do_not_underflow():
    """Each has the gradient p / 5000, which float16 rounds by a ninth; their sum is p."""
    hidden, kernel = torch.ones(5000, 1, dtype=torch.float16), torch.tensor([[0.0], [-8.0]], dtype=torch.float16)
    kernel.requires_grad_()
    fused.linear_cross_entropy(hidden, kernel, torch.zeros(5000, dtype=torch.int64)).backward()
    torch.testing.assert_close(kernel.grad[1].double(), torch.tensor([3.3535e-4], dtype=torch.float64), rtol=2e-3, atol=0)


def test_linear_cross_entropy_is_that_of_torch():
    (hidden, kernel, bias), labels = layer()
    theirs = torch.nn.functional.linear_cross_entropy(hidden, kernel, labels, linear_bias=bias)
    torch.testing.assert_close(fused.linear_cross_entropy(hidden, kernel, labels, bias=bias), theirs)


def test_the_logits_never_stand_in_memory():
    arrays, labels = layer(n=300)
    sizes = allocations(lambda h, k, b: fused.linear_cross_entropy(h, k, labels, bias=b), arrays, 3)
    assert max(sizes) <= max(a.numel() for a in arrays)


def test_errors_of_the_layer():
    (hidden, kernel, bias), labels = layer()
    with pytest.raises(ValueError, match=r"kernel must have shape \(K, D\) with the D = \(4,\) of hidden, got \(4, 5\)"):
        fused.linear_cross_entropy(hidden, kernel.T, labels)
    with pytest.raises(ValueError, match=r"bias must have shape \(5,\)"):
        fused.linear_cross_entropy(hidden, kernel, labels, bias=bias[:3])
    with pytest.raises(TypeError, match=r"one dtype, got hidden torch.float64, kernel torch.float32"):
        fused.linear_cross_entropy(hidden, kernel.float(), labels)
    with pytest.raises(TypeError, match="labels must be a tensor, got list"):
        fused.linear_cross_entropy(hidden, kernel, labels.tolist())
    with pytest.raises(IndexError, match=r"labels must be class indices in 0 .. 4, got 5"):
        fused.linear_cross_entropy(hidden, kernel, labels + 3)


# --- a loss of one's own, and nn.Loss ---------------------------------------------------------------------------------------


def quartic(pred, target, *, scale=1.0):
    return ((pred - target) / scale) ** 4


def quartic_slope(pred, target, *, scale=1.0):
    return 4 * (pred - target) ** 3 / scale**4


def test_fuse():
    form = lossbook.fuse(quartic, quartic_slope, scale=2.0)
    pred, target = torch.randn(2, 300, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours, own = compute(form, [pred, target], 1, scale=0.5), compute(quartic, [pred, target], 1, scale=0.5)
    torch.testing.assert_close(ours[0], own[0].mean())
    torch.testing.assert_close(ours[1], quartic_slope(pred, target, scale=0.5) / 600)
    with pytest.raises(ValueError, match=r"one entry per example"):
        form(pred, target, weight=torch.ones(3))


@pytest.mark.parametrize(
    ("value", "gradient", "message"),
    [
        (quartic, lambda p, t: 3 * (p - t) ** 3, "the gradient is .*, and the value has the slope"),
        (quartic, lambda p, t: 4 * (t - p) ** 3, "the value has the slope"),
        (lambda p, t: (p - t.mean()) ** 2, lambda p, t: 2 * (p - t.mean()), "the value of an element depends on other elements"),
        (lambda p, t: ((p - t) ** 2).mean(), lambda p, t: 2 * (p - t), "one number per element"),
        (lambda p, t: p.log(), lambda p, t: 1 / p, "nan"),
    ],
    ids=["factor", "sign", "other elements", "reduced", "outside the domain"],
)
def test_fuse_refuses(value, gradient, message):
    with pytest.raises(ValueError, match=message):
        lossbook.fuse(value, gradient)


def test_fuse_looks_where_it_is_told_to():
    points = np.linspace(0.1, 3, 500), np.zeros(500)
    assert lossbook.fuse(lambda p, t: p.log(), lambda p, t: 1 / p, points=points)(torch.ones(3), torch.zeros(3)) == 0


def test_layer_takes_the_fused_form_where_it_pays(monkeypatch):
    called = []
    form = fused.FORMS[lossbook.huber]
    spy = lambda *a, **k: called.append(len(a[0])) or form(*a, **k)  # noqa: E731
    spy.pays_from = 100
    monkeypatch.setitem(fused.FORMS, lossbook.huber, spy)
    small, large = torch.ones(2, 10), torch.ones(2, 100)
    for choice, wanted in (("auto", [100]), (True, [10, 100]), (False, [])):
        called.clear()
        layer = nn.Loss(lossbook.huber, fused=choice, delta=2.0)
        assert layer(*small) == layer(*large) == 0
        assert called == wanted
    with pytest.raises(ValueError, match=r"fused must be 'auto' or False for brier: it has no fused form"):
        nn.Loss(lossbook.brier, fused=True)
    with pytest.raises(ValueError, match=r"fused must be 'auto', True or False, got 'yes'"):
        nn.Loss(lossbook.huber, fused="yes")
