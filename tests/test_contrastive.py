"""The contrastive losses: batches whose rows meet each other are held here to all the rules of the others."""

import functools
import itertools
import math
from dataclasses import replace

import mpmath
import numpy as np
import pytest
import torch

from lossbook import CARDS, card, check

LIBRARIES = {"numpy": np.asarray, "torch": torch.as_tensor}
each_library = pytest.mark.parametrize("library", LIBRARIES)


def call(name, *arrays, **options):
    return CARDS[name].function(*arrays, **options)  # through CARDS, where the mutants live


# --- batches and what they cost, by definition ----------------------------------------------------------------------------


def cosine(x, y):
    dot = lambda s, t: mpmath.fsum(a * b for a, b in zip(s, t))  # noqa: E731
    return dot(x, y) / mpmath.sqrt(dot(x, x) * dot(y, y))


def surprise(logits, right):
    """-log of the share of one entry."""
    return mpmath.log(mpmath.fsum(mpmath.exp(s - logits[right]) for s in logits.values()))


def info_nce(query, key, temperature=0.07, symmetric=False):
    n = range(len(query))
    rows = [surprise({j: cosine(query[i], key[j]) / temperature for j in n}, i) for i in n]
    columns = [surprise({j: cosine(query[j], key[i]) / temperature for j in n}, i) for i in n]
    return [(r + c) / 2 for r, c in zip(rows, columns)] if symmetric else rows


def supervised(x, labels, temperature=0.1):
    values, rows = [], range(len(x))
    for i in rows:
        logits = {j: cosine(x[i], x[j]) / temperature for j in rows if j != i}
        positives = [j for j in logits if labels[j] == labels[i]]
        values += [mpmath.fsum(surprise(logits, j) for j in positives) / len(positives)] if positives else []
    return values


def nt_xent(z1, z2, temperature=0.5):
    return supervised([*z1, *z2], [*range(len(z1))] * 2, temperature)


def siglip(image, text, temperature, bias):
    logits = [[temperature * cosine(x, y) + bias for y in text] for x in image]
    return [mpmath.fsum(mpmath.log1p(mpmath.exp(-z if i == j else z)) for j, z in enumerate(row)) for i, row in enumerate(logits)]


def batch_hard(x, labels, margin=1.0, squared=False):
    values = []
    for a in range(len(x)):
        distance = [mpmath.norm([s - t for s, t in zip(x[a], y)]) ** (2 if squared else 1) for y in x]
        near = [d for n, d in enumerate(distance) if labels[n] != labels[a]]
        far = [d for p, d in enumerate(distance) if labels[p] == labels[a] and p != a]
        values += [max(mpmath.mpf(0), max(far) - min(near) + margin)] if near and far else []
    return values


def rows(seed, n, dimension=3):
    return np.random.default_rng(seed).standard_normal((n, dimension))


HARD = np.array([[1.0, 0, 0], [1, 1e-8, 0], [-1e4, 20, 1], [0, -1e-8, 0], [-1, 0, 0], [1e4, 1e4, 1e4], [3, 0, 0]])
PAIRS = [(rows(s, n), rows(s + 50, n)) for s, n in ((0, 1), (1, 2), (2, 3), (3, 6))]
PAIRS += [(HARD, HARD), (HARD, HARD[::-1].copy()), (np.ones((4, 2)), np.ones((4, 2))), (rows(5, 4, 1), rows(6, 4, 1))]
GROUPS = [(rows(s, n), np.random.default_rng(s).integers(0, 3, n)) for s, n in ((10, 2), (11, 5), (12, 7), (13, 8))]
GROUPS += [(HARD, np.array([0, 1, 0, 1, 2, 1, 0])), (np.ones((5, 2)), np.array([0, 0, 1, 1, 2]))]
GROUPS += [(rows(7, 4), np.zeros(4, int)), (rows(8, 4), np.arange(4)), (rows(9, 1), np.zeros(1, int))]
TEMPERATURES = [{}, {"temperature": 1.0}, {"temperature": 0.01}]
CASES = {  # loss -> definition, batches, settings
    "info_nce": (info_nce, PAIRS, [*TEMPERATURES, {"symmetric": True, "temperature": 0.3}]),
    "nt_xent": (nt_xent, PAIRS, TEMPERATURES),
    "supervised_contrastive": (supervised, GROUPS, TEMPERATURES),
    "siglip": (siglip, PAIRS, [{"temperature": 10.0, "bias": -10.0}, {"temperature": 0.5, "bias": 2.0}]),
    "batch_hard_triplet": (batch_hard, GROUPS, [{}, {"margin": 0.0}, {"margin": 0.3, "squared": True}]),
}
COUPLED, COUNTED = list(CASES), ["supervised_contrastive", "batch_hard_triplet"]
each_loss = pytest.mark.parametrize("name", COUPLED)


@functools.cache
def expected(name, batch, setting):
    """Value by value."""
    define, batches, settings = CASES[name]
    with mpmath.workdps(120):  # some values are 1e-43
        numbers = [[list(map(mpmath.mpf, row)) for row in a] if a.ndim == 2 else list(a) for a in batches[batch]]
        return np.array(define(*numbers, **settings[setting]), dtype=float)


def everything(name):
    _, batches, settings = CASES[name]
    for (i, arrays), (j, setting) in itertools.product(enumerate(batches), enumerate(settings)):
        yield arrays, setting, expected(name, i, j)


def predictions(name, tensors):
    """Ready for autograd."""
    return [t.requires_grad_() for t in tensors[: CARDS[name].function.predictions]]


def example(name, n=8, library="numpy", setting=0):
    """One ordinary batch in which every row has a value, and a setting."""
    arrays = [rows(20, n), np.arange(n) % 2 if name in COUNTED else rows(21, n)]
    return [LIBRARIES[library](a) for a in arrays], CASES[name][2][setting]


@each_library
@each_loss
def test_each_value_by_its_definition(name, library):
    floor = 1e-12 if name == "batch_hard_triplet" else 1e-300  # two distances may cancel
    for arrays, setting, want in everything(name):
        got = np.asarray(call(name, *map(LIBRARIES[library], arrays), **setting, reduction="none"))
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=floor * max(1, np.abs(arrays[0]).max() ** 2))


@each_loss
def test_the_sum_is_the_oracle(name):
    for arrays, setting, want in itertools.islice(everything(name), 12):
        inputs = [[[float(v) for v in row] for row in a] if a.ndim == 2 else a.tolist() for a in arrays]
        assert float(CARDS[name].exactly(inputs, setting)) == pytest.approx(want.sum(), rel=1e-13)


@each_loss
def test_gradient_is_the_derivative_of_the_sum(name):
    """A central difference of the definition, with a step of 1e-20 in 60 digits."""
    define, _, settings = CASES[name]
    for setting, n in itertools.product(settings, (3, 4)):
        arrays = [rows(30, n), np.array([0, 0, 1, 1])[:n] if name in COUNTED else rows(31, n)]
        for part, got in enumerate(CARDS[name].gradients(*arrays, **setting)):
            for r, c in np.ndindex(got.shape):
                ends = []
                with mpmath.workdps(60):
                    for side in (mpmath.mpf("1e-20"), mpmath.mpf("-1e-20")):
                        moved = [[list(map(mpmath.mpf, row)) for row in a] if a.ndim == 2 else a for a in arrays]
                        moved[part][r][c] += side
                        ends.append(mpmath.fsum(define(*moved, **setting)))
                    want = float((ends[0] - ends[1]) / mpmath.mpf("2e-20"))
                assert got[r, c] == pytest.approx(want, rel=1e-11, abs=1e-13)


@each_loss
def test_autograd_is_the_hand_gradient(name):
    for arrays, setting, _ in everything(name):
        tensors = [torch.as_tensor(a.copy()) for a in arrays]
        first = predictions(name, tensors)
        slopes = torch.autograd.grad(call(name, *tensors, **setting, reduction="sum"), first)
        for got, want in zip(slopes, CARDS[name].gradients(*arrays, **setting)):
            assert np.isfinite(want).all()
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-11 * max(1, np.abs(want).max()))


@pytest.mark.parametrize("name", [name for name in COUPLED if name != "batch_hard_triplet"])
def test_second_derivative(name):
    tensors, setting = example(name, n=4, library="torch")
    first = predictions(name, tensors)
    rest = tensors[len(first) :]
    assert torch.autograd.gradgradcheck(lambda *x: call(name, *x, *rest, **setting, reduction="sum"), first)


@pytest.mark.parametrize("dtype, rtol", [("float32", 1e-5), ("float16", 1e-3), ("bfloat16", 8e-3)])
@each_loss
def test_short_floats(name, dtype, rtol):
    kind = getattr(torch, dtype)
    for setting in CASES[name][2]:
        if setting.get("temperature") == 0.01 and dtype == "float32":
            rtol = 1e-4  # a cosine that is off by 1e-7 is 100 times that in the logit
        tensors, _ = example(name, library="torch")
        tensors[: CARDS[name].function.predictions] = [t.to(kind) for t in tensors if t.is_floating_point()]
        got = call(name, *tensors, **setting, reduction="none")
        want = call(name, *[t.double() if t.is_floating_point() else t for t in tensors], **setting, reduction="none")
        assert got.dtype == kind
        torch.testing.assert_close(got.double(), want, rtol=rtol, atol=1e-6)
        for reduction in ("sum", "mean"):
            assert call(name, *tensors, **setting, reduction=reduction).dtype == kind
        if dtype != "bfloat16":
            arrays = [t.numpy() for t in tensors]
            np.testing.assert_allclose(call(name, *arrays, **setting, reduction="none"), want, rtol=rtol, atol=1e-6)


@each_loss
def test_autocast_changes_nothing(name):
    tensors, setting = example(name, library="torch")
    tensors = [t.float() if t.is_floating_point() else t for t in tensors]
    want = call(name, *tensors, **setting, reduction="none")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = call(name, *tensors, **setting, reduction="none")
    assert torch.equal(got, want)


# --- reductions and weights -----------------------------------------------------------------------------------------------


@each_library
@each_loss
def test_reductions_and_denominator(name, library):
    arrays, setting = example(name, library=library)
    values = np.asarray(call(name, *arrays, **setting, reduction="none"))
    assert values.shape == (16 if name == "nt_xent" else 8,)
    np.testing.assert_allclose(call(name, *arrays, **setting, reduction="sum"), values.sum(), rtol=1e-13)
    np.testing.assert_allclose(call(name, *arrays, **setting), values.mean(), rtol=1e-13)
    np.testing.assert_allclose(call(name, *arrays, **setting, denominator=20), values.sum() / 20, rtol=1e-13)


@each_library
@pytest.mark.parametrize("name", ["info_nce", "siglip"])
def test_a_row_of_weight_0_is_not_in_the_batch(name, library):
    (a, b), setting = example(name)
    weight = np.array([1.0, 0, 2, 1, 0, 0.5, 1, 3])
    kept = weight != 0
    alone = np.asarray(call(name, a[kept], b[kept], **setting, reduction="none")) * weight[kept]
    for garbage in (np.nan, np.inf, 0.0):
        dirty = [a.copy(), b.copy()]
        for array in dirty:
            array[1] = array[4] = garbage
        inputs = [LIBRARIES[library](x) for x in (*dirty, weight)]
        values = np.asarray(call(name, *inputs[:2], weight=inputs[2], **setting, reduction="none"))
        np.testing.assert_allclose(values[kept], alone, rtol=1e-13)
        assert (values[~kept] == 0).all()
        np.testing.assert_allclose(call(name, *inputs[:2], weight=inputs[2], **setting), alone.sum() / weight.sum(), rtol=1e-13)
    tensors = [torch.as_tensor(x) for x in dirty]
    first = predictions(name, tensors)
    slopes = torch.autograd.grad(call(name, *tensors, weight=torch.as_tensor(weight), **setting), first)
    assert all(torch.isfinite(slope).all() and (slope[[1, 4]] == 0).all() for slope in slopes)


@each_library
@pytest.mark.parametrize("name", ["nt_xent", *COUNTED])
def test_a_weight_multiplies_a_value(name, library):
    arrays, setting = example(name, library=library)
    values = np.asarray(call(name, *arrays, **setting, reduction="none"))
    w = np.arange(len(values)) / 2.0
    options = {"weight": LIBRARIES[library](w), **setting}
    np.testing.assert_allclose(call(name, *arrays, **options, reduction="none"), values * w, rtol=1e-13)
    np.testing.assert_allclose(call(name, *arrays, **options), (values * w).sum() / w.sum(), rtol=1e-13)
    with pytest.raises(ValueError, match="weight must have one entry"):
        call(name, *arrays, **(options | {"weight": LIBRARIES[library](w[:-1])}))
    with pytest.raises(ValueError, match="weight must be >= 0"):
        call(name, *arrays, **(options | {"weight": LIBRARIES[library](-w)}))


@each_library
@each_loss
def test_nobody_and_one_row(name, library):
    arrays, setting = example(name, library=library)
    nobody = [a[:0] for a in arrays]
    assert call(name, *nobody, **setting, reduction="none").shape == (0,)
    assert float(call(name, *nobody, **setting, reduction="sum")) == 0
    assert math.isnan(float(call(name, *nobody, **setting)))
    one = call(name, *[a[:1] for a in arrays], **setting, reduction="none")
    if name in COUNTED:
        assert one.shape == (0,)
        assert math.isnan(float(call(name, *[a[:1] for a in arrays], **setting)))
    elif name == "siglip":
        assert float(one[0]) == pytest.approx(float(siglip(*(a[:1].tolist() for a in arrays), **setting)[0]), rel=1e-13)
    else:
        assert np.asarray(one).tolist() == [0.0] * (2 if name == "nt_xent" else 1)  # there is nothing to mistake it for
    if name in ("info_nce", "siglip"):
        zeros = LIBRARIES[library](np.zeros(8))
        assert math.isnan(float(call(name, *arrays, weight=zeros, **setting)))
        assert np.asarray(call(name, *arrays, weight=zeros, **setting, reduction="none")).tolist() == [0.0] * 8


# --- who has a value ------------------------------------------------------------------------------------------------------


@each_library
def test_anchors_alone_in_their_group_have_no_value_but_are_negatives(library):
    x, labels = rows(40, 6), np.array([0, 0, 1, 1, 2, 1])  # row 4 is alone
    for name in COUNTED:
        values = np.asarray(call(name, LIBRARIES[library](x), LIBRARIES[library](labels), reduction="none"))
        assert values.shape == (5,)
        without = call(name, np.delete(x, 4, 0), np.delete(labels, 4), reduction="none")
        assert np.all(values >= without - 1e-12)
        assert np.any(values > without + 1e-3)
        tensor = torch.as_tensor(x).requires_grad_()
        (slope,) = torch.autograd.grad(call(name, tensor, torch.as_tensor(labels), reduction="sum"), tensor)
        assert slope[4].abs().max() > 0


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
@pytest.mark.parametrize("name", COUNTED)
def test_an_anchor_without_a_value_leaves_no_nan_on_the_way_back(name):
    x = torch.as_tensor(rows(40, 6)).requires_grad_()
    with torch.autograd.detect_anomaly():
        call(name, x, torch.tensor([0, 0, 1, 1, 2, 1])).backward()
    assert torch.isfinite(x.grad).all()


@each_library
def test_a_batch_of_one_group_has_no_triplet_and_one_of_singles_has_no_pair(library):
    x, labels = rows(41, 4), np.arange(4)
    for name, groups in (("batch_hard_triplet", 0 * labels), ("batch_hard_triplet", labels), ("supervised_contrastive", labels)):
        arrays = [LIBRARIES[library](a) for a in (x, groups)]
        assert call(name, *arrays, reduction="none").shape == (0,)
        assert float(call(name, *arrays, reduction="sum")) == 0
        assert math.isnan(float(call(name, *arrays)))
        assert np.all(np.asarray(CARDS[name].gradient(*arrays)) == 0)
    assert call("supervised_contrastive", *(LIBRARIES[library](a) for a in (x, 0 * labels)), reduction="none").shape == (4,)


def test_labels_are_names_only():
    x, labels = rows(42, 8), np.arange(8) % 3
    for name, change in itertools.product(COUNTED, (lambda g: 100 - 7 * g, lambda g: g.astype(np.uint8), lambda g: g.tolist())):
        assert call(name, x, change(labels)) == call(name, x, labels)
        with pytest.raises(TypeError, match="labels must be integers"):
            call(name, x, labels + 0.0)


@each_library
def test_of_equally_hard_rows_the_first_counts(library):
    """Rows 1 and 2 are as far from row 0, and so are 3 and 4: the first of each receives the pull."""
    x = np.array([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    labels = np.array([0, 0, 0, 1, 1])
    hardest = CARDS["batch_hard_triplet"].function.__wrapped__.__globals__["_hardest"]
    furthest, nearest = hardest(*map(LIBRARIES[library], (x, labels)))
    assert (int(furthest[0]), int(nearest[0])) == (1, 3)


def test_hardest_rows_are_found_where_squares_overflow():
    x, labels = 1e200 * np.array([[0.0], [1.0], [3.0], [4.5]]), np.array([0, 0, 1, 1])
    np.testing.assert_allclose(call("batch_hard_triplet", x, labels, reduction="none"), [0, 0, 0, 0])
    np.testing.assert_allclose(call("batch_hard_triplet", x, np.array([0, 1, 0, 1]), reduction="none") / 1e200, [2, 2.5, 1.5, 2])


# --- rules ----------------------------------------------------------------------------------------------------------------


@each_library
@each_loss
def test_a_nan_spreads_to_all_who_meet_it(name, library):
    meets_all = {"info_nce": [False, True], "siglip": [False, True], "nt_xent": [True, True]}.get(name, [True])
    for part, everybody in enumerate(meets_all):
        arrays, setting = example(name)
        arrays[part] = arrays[part].copy()
        arrays[part][2, 1] = np.nan
        got = np.isnan(np.asarray(call(name, *map(LIBRARIES[library], arrays), **setting, reduction="none")))
        assert got.all() if everybody else got.tolist() == [i == 2 for i in range(8)]
        assert np.isnan(CARDS[name].gradients(*arrays, **setting)[part][2]).all()


@each_library
@each_loss
def test_what_is_refused(name, library):
    (a, b), setting = example(name, library=library)
    with pytest.raises(ValueError, match="nothing is broadcast"):
        call(name, a, b[:5], **setting)
    for wrong in ((a[None], b[None]), (a[0], b[0])):
        with pytest.raises(ValueError, match="there must be one axis of examples"):
            call(name, *wrong, **setting)
    with pytest.raises(ValueError, match="at least one entry"):
        call(name, a[:, :0], b[:, :0] if b.ndim == 2 else b, **setting)
    for dtype in (np.int64, np.complex128, bool):
        with pytest.raises(TypeError, match="floating point"):
            call(name, LIBRARIES[library](np.ones((8, 3), dtype)), b, **setting)
    for options in ({"reduction": "average"}, {"reduction": "sum", "denominator": 3}, {"denominator": -1}):
        with pytest.raises(ValueError):
            call(name, a, b, **setting, **options)
    for broken in (lambda: call(name, a, **setting), lambda: call(name, a, b, 1.0, **setting), lambda: call(name, a, b, eps=1)):
        with pytest.raises(TypeError):
            broken()
    with pytest.raises(TypeError, match="one library"):
        call(name, torch.as_tensor(a), np.asarray(b), **setting)
    if name != "batch_hard_triplet":
        dirty = LIBRARIES[library](rows(20, 8))
        dirty[3] = 0.0
        with pytest.raises(ValueError, match=r"must not be 0: a zero vector has no direction, got 0.0 at position 3"):
            call(name, dirty, b, **setting)
        for wrong in (0.0, -1.0, math.nan):
            with pytest.raises(ValueError, match="temperature"):
                call(name, a, b, **(setting | {"temperature": wrong}))
        with pytest.raises(ValueError, match="temperature must be a number or a 0-d array"):
            call(name, a, b, **(setting | {"temperature": LIBRARIES[library](np.ones(8))}))
    else:
        for wrong in (-0.1, math.nan):
            with pytest.raises(ValueError, match="margin"):
                call(name, a, b, margin=wrong)


def test_siglip_needs_its_temperature_and_its_bias():
    (a, b), setting = example("siglip")
    for key in setting:
        with pytest.raises(TypeError, match=key):
            call("siglip", a, b, **{name: value for name, value in setting.items() if name != key})
    with pytest.raises(ValueError, match="bias must be a number or a 0-d array"):
        call("siglip", a, b, temperature=1.0, bias=np.ones(8))


@each_loss
def test_layout_inputs_and_targets(name):
    arrays, setting = example(name, n=16)
    apart = [a[::2] for a in arrays]
    together = call(name, *[a.copy() for a in apart], **setting)
    np.testing.assert_allclose(call(name, *apart, **setting), together, rtol=1e-13)  # vector and scalar kernels round differently
    tensors = [torch.as_tensor(a) for a in arrays]
    before = [t.clone() for t in tensors]
    call(name, *predictions(name, tensors), *tensors[CARDS[name].function.predictions :], **setting).backward()
    assert all(torch.equal(a, b) for a, b in zip(tensors, before))


def test_learned_parameters_receive_gradient():
    a, b = (torch.as_tensor(rows(s, 5)) for s in (20, 21))
    for name, start in (("info_nce", {"temperature": 0.3}), ("nt_xent", {"temperature": 0.3})):
        value = torch.tensor(start["temperature"], dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda t, name=name: call(name, a, b, temperature=t), value)
    pair = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (10.0, -10.0)]
    assert torch.autograd.gradcheck(lambda t, c: call("siglip", a, b, temperature=t, bias=c), pair)


@each_loss
def test_compile(name):
    tensors, setting = example(name, library="torch")
    torch._dynamo.reset()
    for reduction in ("mean", "sum"):
        function = functools.partial(call, name, **setting, reduction=reduction)
        compiled = torch.compile(function, fullgraph=True, backend="eager")
        torch.testing.assert_close(compiled(*tensors), function(*tensors), rtol=1e-13, atol=0)
    first = predictions(name, tensors)
    for got, want in zip(torch.autograd.grad(compiled(*tensors), first), torch.autograd.grad(function(*tensors), first)):
        torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-15)


def test_compile_with_a_temperature_that_changes():
    a, b = (torch.as_tensor(rows(s, 5)) for s in (20, 21))
    torch._dynamo.reset()
    compiled = torch.compile(CARDS["info_nce"].function, fullgraph=True, backend="eager")
    for temperature in (0.5, 0.6, 0.7):
        torch.testing.assert_close(compiled(a, b, temperature=temperature), call("info_nce", a, b, temperature=temperature))


@each_loss
def test_vmap_over_batches(name):
    batches = [
        example(name, library="torch")[0],
        [t.flip(0) * (2 if t.ndim == 2 else 1) for t in example(name, library="torch")[0]],
    ]
    stacked, setting = [torch.stack(parts) for parts in zip(*batches)], CASES[name][2][0]
    function = functools.partial(call, name, **setting, reduction="sum")
    want = torch.stack([function(*batch) for batch in batches])
    torch.testing.assert_close(torch.func.vmap(function)(*stacked), want, rtol=1e-12, atol=1e-14)
    slopes = torch.func.vmap(torch.func.grad(function))(*stacked)
    for got, batch in zip(slopes, batches):
        torch.testing.assert_close(got, CARDS[name].gradients(*batch, **setting)[0], rtol=1e-9, atol=1e-12)


# --- pairs and triplets ---------------------------------------------------------------------------------------------------


def test_conventions_of_torch_and_optax_at_their_defaults():
    """torch adds 1e-6 to each entry of the differences, as if the anchor stood there; where embeddings coincide it shows."""
    a, p, n = (torch.as_tensor(rows(s, 6)) for s in (60, 61, 62))
    theirs = functools.partial(torch.nn.functional.triplet_margin_loss, reduction="none")
    torch.testing.assert_close(call("triplet", a + 1e-6, p, n, reduction="none"), theirs(a, p, n), rtol=1e-14, atol=1e-15)
    assert theirs(a, a, n, margin=9.0)[0] - call("triplet", a, a, n, margin=9.0, reduction="none")[0] > 1e-7
    optax = pytest.importorskip("optax")
    import jax

    with jax.enable_x64(True):
        arrays = [jax.numpy.asarray(t.numpy()) for t in (a, a, n)]
        rounded = float(optax.losses.triplet_margin_loss(*arrays, margin=9.0)[0])
    far = float((a - n).norm(dim=-1)[0])
    assert rounded == pytest.approx(9 + 1e-3 - math.sqrt(far**2 + 1e-6), rel=1e-13)  # 1e-3 for a distance of 0


@each_library
def test_the_difference_of_two_distances_keeps_its_digits(library):
    """An anchor far from two embeddings close to each other: in float32 the two distances would be equal."""
    a, p, n = np.array([1e4, 0.0]), np.array([0.0, 0.0]), np.array([1e-3, 1.0])
    for dtype, rtol in ((np.float32, 1e-5), (np.float64, 1e-13)):
        arrays = [LIBRARIES[library](x.astype(dtype)) for x in (a, p, n)]
        x = [np.array([mpmath.mpf(float(v)) for v in row]) for row in map(np.asarray, arrays)]
        with mpmath.workdps(50):
            near, far = (mpmath.sqrt(sum((x[0] - other) ** 2)) for other in x[1:])
            plain, squared = float(near - far), float(near**2 - far**2)
        assert float(call("triplet", *arrays, margin=0.0)) == pytest.approx(plain, rel=rtol)
        assert float(call("triplet", *arrays, margin=0.0, squared=True)) == pytest.approx(squared, rel=rtol)


@each_library
def test_distances_whose_squares_overflow_or_vanish(library):
    for size in (1e200, 1e-200):
        a, p, n = (LIBRARIES[library](size * np.array(x)) for x in ([0.0, 0.0], [3.0, 4.0], [1.0, 0.0]))
        assert float(call("triplet", a, p, n, margin=0.0)) == pytest.approx(4 * size, rel=1e-14)
        assert float(call("pair_contrastive", a, p, 0.0, margin=0.0)) == 0
    tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in ([0.0, 0.0], [3e200, 4e200], [1e200, 0.0])]
    slopes = torch.autograd.grad(call("triplet", *tensors), tensors)
    for got, want in zip(slopes, ([0.4, -0.8], [0.6, 0.8], [-1.0, 0.0])):
        np.testing.assert_allclose(got, want, rtol=1e-14)


def test_an_embedding_at_infinity_is_far_from_all_others():
    inf, zero = np.array([[np.inf, 0.0]]), np.zeros((1, 2))
    assert call("pair_contrastive", inf, zero, np.zeros(1)) == 0
    assert call("pair_contrastive", inf, zero, np.ones(1)) == np.inf


def test_same_is_0_or_1():
    for wrong in (0.5, -1.0, 2.0):
        with pytest.raises(ValueError, match=r"same must be 0 or 1, got .* at position 1"):
            call("pair_contrastive", rows(1, 3), rows(2, 3), np.array([1, wrong, 0]))
    same = np.array([1, 0, 1])
    assert call("pair_contrastive", rows(1, 3), rows(2, 3), same.astype(bool)) == call(
        "pair_contrastive", rows(1, 3), rows(2, 3), same
    )


def test_the_distance_of_the_formulas():
    from lossbook._symbols import U, V, distance, j, latex, tau

    point = {U: [3.0, 0.0], V: [0.0, 4.0]}
    assert check.exact(distance(U, V), point) == 5
    assert float(check.exact(distance(U, V).diff(V[j]), point | {j: 2})) == 0.8
    assert distance(U, V).diff(tau) == 0
    assert latex(distance(U, V) ** 2) == r"\lVert u - v \rVert^{2}"


# --- SupCon, InfoNCE and their relatives ----------------------------------------------------------------------------------


def test_symmetric_is_clip():
    a, b = rows(70, 6), rows(71, 6)
    both = [call("info_nce", *pair, reduction="none") for pair in ((a, b), (b, a))]
    np.testing.assert_allclose(call("info_nce", a, b, symmetric=True, reduction="none"), np.mean(both, axis=0), rtol=1e-14)


def test_info_nce_at_a_cold_temperature_neither_overflows_nor_loses_the_tail():
    a = torch.eye(3, dtype=torch.float32, requires_grad=True)
    value = call("info_nce", a, torch.eye(3), temperature=1e-2)
    assert value.item() == pytest.approx(2 * math.exp(-100), rel=1e-4)
    worst = call("info_nce", a, -torch.eye(3), temperature=1e-4)
    assert worst.item() == pytest.approx(1e4 + math.log(2), rel=1e-6)
    assert torch.isfinite(torch.autograd.grad(worst, a)[0]).all()


def test_leaving_the_positive_out_gives_hundreds_of_nats():
    """The example of the catalogue: with a confident critic the so-called bound is far above log n."""
    from lossbook.check.contrastive import _without_the_positive

    values = call("info_nce", np.eye(8), np.eye(8), temperature=0.05, reduction="none")
    assert math.log(8) - values.mean() <= math.log(8)
    assert math.log(8) - _without_the_positive(values).mean() > 19


# --- the checks can fail --------------------------------------------------------------------------------------------------


def changed(name, change):
    """The card of a loss whose function returns change(value)."""
    sound = card(name)

    def function(*arrays, reduction="mean", **params):
        value = change(sound.function(*arrays, reduction="none", **params))
        return value if reduction == "none" else getattr(value, reduction)()

    function.__name__ = name
    function.__dict__.update(sound.function.__dict__)
    return replace(sound, function=function)


def lukewarm():
    """The card of an InfoNCE whose temperature never falls below 1."""
    sound = card("info_nce")
    return replace(sound, function=lambda *a, temperature, **k: sound.function(*a, temperature=max(temperature, 1.0), **k))


def bent(name, change):
    """The card of a loss whose gradients are changed."""
    sound = card(name)
    return replace(sound, gradient=lambda *arrays, **params: tuple(map(change, sound.gradients(*arrays, **params))))


FAILURES = [
    ("collapsed", lambda: check.collapsed("nt_xent", value="log(2*n)")),
    ("collapsed, gradient", lambda: check.collapsed(bent("info_nce", lambda g: g + 1e-9), value="log(n)")),
    ("keeps_the_centre", lambda: check.keeps_the_centre("info_nce")),
    ("keeps_the_centre, pairs", lambda: check.keeps_the_centre(bent("triplet", np.abs))),
    ("idle", lambda: check.idle("pair_contrastive", when="all", idle=lambda a, b, same, margin: same == 0)),
    ("idle, nobody", lambda: check.idle("pair_contrastive", when="none", idle=lambda a, b, same, margin: same > 1)),
    ("mean_of_those_that_cost", lambda: check.mean_of_those_that_cost("triplet")),
    ("moves_with_the_rows", lambda: check.moves_with_the_rows(changed("info_nce", lambda v: v + np.arange(len(v))))),
    ("sums_over_parts", lambda: check.sums_over_parts("siglip")),
    ("hardest_of_all", lambda: check.hardest_of_all(changed("batch_hard_triplet", lambda v: v * (1 - 1e-9)))),
    ("above_l_in", lambda: check.above_l_in(changed("supervised_contrastive", lambda v: 0.7 * v))),
    ("above_l_in, too loose", lambda: check.above_l_in(changed("supervised_contrastive", lambda v: 0 * v + np.nan))),
    ("above_log_positives", lambda: check.above_log_positives(changed("supervised_contrastive", lambda v: v - 1e-9))),
    ("above_log_positives, too loose", lambda: check.above_log_positives(changed("supervised_contrastive", lambda v: v + 0.01))),
    ("alignment_and_uniformity", lambda: check.alignment_and_uniformity(changed("nt_xent", lambda v: v + 1e-3))),
    ("bounds_information", lambda: check.bounds_information(changed("info_nce", lambda v: v - 0.2))),
    ("bounds_information, without", lambda: check.bounds_information("info_nce", denominator="x", at=[[0.4, 0.1], [0.1, 0.4]])),
    ("best_critic", lambda: check.best_critic("info_nce", critic="log p(y | x)")),
    ("tightens", lambda: check.tightens(changed("info_nce", lambda v: v + 0 * v[0] + math.log(len(v))))),
    ("tightens, too far", lambda: check.tightens(changed("info_nce", lambda v: v * 0.5))),
    ("focuses", lambda: check.focuses(lukewarm())),
    (
        "best_bias",
        lambda: check.best_bias(
            replace(card("siglip"), function=lambda *a, bias, **k: card("siglip").function(*a, bias=bias + 0.01, **k))
        ),
    ),
    ("share_of_negatives", lambda: check.share_of_negatives("siglip", bias=-10, share="(n - 1)/n")),
]


GUARDS = {
    name: [
        *[functools.partial(test_each_value_by_its_definition, name, library) for library in LIBRARIES],
        functools.partial(test_autograd_is_the_hand_gradient, name),
        functools.partial(test_gradient_is_the_derivative_of_the_sum, name),
        functools.partial(test_the_sum_is_the_oracle, name),
        *[functools.partial(test_nobody_and_one_row, name, library) for library in LIBRARIES],
        functools.partial(test_a_nan_spreads_to_all_who_meet_it, name, "torch"),
        functools.partial(test_what_is_refused, name, "numpy"),
        functools.partial(test_autocast_changes_nothing, name),
    ]
    for name in COUPLED
}
GUARDS["supervised_contrastive"].append(
    functools.partial(test_an_anchor_without_a_value_leaves_no_nan_on_the_way_back, "supervised_contrastive")
)
GUARDS["siglip"].append(test_siglip_needs_its_temperature_and_its_bias)
GUARDS["batch_hard_triplet"] += [
    functools.partial(test_of_equally_hard_rows_the_first_counts, "torch"),
    test_hardest_rows_are_found_where_squares_overflow,
    functools.partial(test_a_batch_of_one_group_has_no_triplet_and_one_of_singles_has_no_pair, "torch"),
]
GUARDS["triplet"] = [
    functools.partial(test_the_difference_of_two_distances_keeps_its_digits, "numpy"),
    functools.partial(test_distances_whose_squares_overflow_or_vanish, "torch"),
]
GUARDS["pair_contrastive"] = [test_an_embedding_at_infinity_is_far_from_all_others, test_same_is_0_or_1]
