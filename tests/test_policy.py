"""What only the policy losses have: the edges of the clip, masks and four denominators, three estimates of a divergence."""

import importlib
import itertools
import math

import mpmath
import numpy as np
import pytest
import torch

from lossbook import CARDS

INF = np.inf
FORMS = ("token", "sequence", "constant", "sum")
RNG = np.random.default_rng(0)
U, A, KL = RNG.normal(0, 0.6, (4, 6)), RNG.standard_normal(4), RNG.gamma(1.0, 1.0, (4, 6))
MASK = np.arange(6) < np.array([6, 1, 4, 0])[:, None]  # the last answer has no token
WEIGHT = RNG.gamma(1.0, 1.0, (4, 6)) * (RNG.random((4, 6)) > 0.2)


def call(name, *arrays, **options):
    return CARDS[name].function(*arrays, **options)  # through CARDS, where the mutants live


def estimates(*arrays):
    return importlib.import_module("lossbook.policy").kl_estimators(*arrays)


# --- PPO ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("advantage", [2.0, -2.0])
def test_ppo_on_both_sides_of_each_edge(advantage):
    """1.25 and 0.75 are exact in binary: at the edge itself the gradient is still -ρ A."""
    for ratio, inside in ((1.25, True), (0.75, True), (1.2500001, advantage < 0), (0.7499999, advantage > 0)):
        u = np.log(ratio)
        assert np.exp(u) == ratio or ratio not in (1.25, 0.75)
        slope = CARDS["ppo_clip"].gradient(u, np.float64(advantage), clip=0.25)
        assert float(slope) == pytest.approx(-ratio * advantage if inside else 0, rel=1e-6)
        value = call("ppo_clip", u, np.float64(advantage), clip=0.25)
        assert float(value) == pytest.approx(-min(ratio * advantage, np.clip(ratio, 0.75, 1.25) * advantage), rel=1e-6)


def test_a_bad_action_that_became_likely_is_not_clipped():
    value = call("ppo_clip", np.log([1.1, 10.0, 1000.0]), -np.ones(3), reduction="none")
    np.testing.assert_allclose(value, [1.1, 10.0, 1000.0], rtol=1e-14)


def test_ratios_that_overflow():
    u = torch.tensor([1e4, 1e4, -1e4, 100.0], dtype=torch.float32, requires_grad=True)
    advantage = torch.tensor([0.0, 1.0, -1.0, -1e-8])
    values = call("ppo_clip", u, advantage, reduction="none")
    assert values[:3].tolist() == pytest.approx([0, -1.2, 0.8])
    assert values[3].item() == pytest.approx(1e-8 * math.exp(100), rel=1e-5)
    (slope,) = torch.autograd.grad(values.sum(), u)
    assert slope[:3].tolist() == [0, 0, 0]
    assert slope[3].item() == pytest.approx(1e-8 * math.exp(100), rel=1e-5)
    assert np.isnan(call("ppo_clip", np.array([np.nan]), np.array([0.0])))
    assert call("ppo_clip", np.array([INF]), np.array([-1.0])) == INF


# --- GRPO -----------------------------------------------------------------------------------------------------------------


def by_hand(u, advantage, mask, form, clip=0.2, kl=None, kl_weight=0.0, weight=None):
    """Values (N, T) and the number that the mean divides by, token by token, in mpmath."""
    values, count = np.zeros(u.shape), mpmath.mpf(0)
    for i in range(u.shape[0]):
        length = int(np.sum(mask[i]))
        for t in range(u.shape[1]):
            if not mask[i, t]:
                continue
            a = mpmath.mpf(float(advantage[i] if advantage.ndim == 1 else advantage[i, t]))
            ratio = mpmath.exp(mpmath.mpf(float(u[i, t])))
            clipped = min(max(ratio, 1 - mpmath.mpf(clip)), 1 + mpmath.mpf(clip))
            token = -min(ratio * a, clipped * a) + (0 if kl is None else kl_weight * mpmath.mpf(float(kl[i, t])))
            w = 1 if weight is None else float(weight[i, t])
            values[i, t] = w * token / {"token": 1, "sequence": length, "constant": u.shape[1], "sum": 1}[form]
            count += w if form == "token" else mpmath.mpf(w) / length
    return values, float(count)


@pytest.mark.parametrize("library", [np.asarray, torch.as_tensor])
@pytest.mark.parametrize("form", FORMS)
def test_grpo_token_by_token(form, library):
    for weight, kl in itertools.product((None, WEIGHT), (None, KL)):
        options = {"kl": kl, "kl_weight": 0.0 if kl is None else 0.3, "weight": weight}
        want, count = by_hand(U, A, MASK, form, **options)
        given = {"mask": MASK} | {k: v for k, v in options.items() if v is not None}
        given = {k: library(v) if isinstance(v, np.ndarray) else v for k, v in given.items()} | {"denominator_form": form}
        got = {r: call("grpo", library(U), library(A), reduction=r, **given) for r in ("none", "sum", "mean")}
        np.testing.assert_allclose(got["none"], want, rtol=1e-12, atol=1e-300)
        assert float(got["sum"]) == pytest.approx(want.sum(), rel=1e-12)
        assert float(got["mean"]) == pytest.approx(want.sum() / count, rel=1e-12)
        assert float(call("grpo", library(U), library(A), denominator=50, **given)) == pytest.approx(want.sum() / 50, rel=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_grpo_gradients(form):
    """By hand, by autograd, and as the derivative of the sum; that of `kl` is its weight times the same share."""
    u, kl = (torch.as_tensor(x).requires_grad_() for x in (U, KL))
    options = {"mask": torch.as_tensor(MASK), "denominator_form": form}
    total = call("grpo", u, torch.as_tensor(A), kl=kl, kl_weight=0.3, reduction="sum", **options)
    slope, of_kl = (g.numpy() for g in torch.autograd.grad(total, (u, kl)))
    np.testing.assert_allclose(slope, CARDS["grpo"].gradient(U, A, mask=MASK, denominator_form=form), rtol=1e-13)
    for i, t in itertools.product(range(4), range(6)):
        ends = []
        for side in (1e-6, -1e-6):
            moved = U.copy()
            moved[i, t] += side
            ends.append(by_hand(moved, A, MASK, form)[0].sum())
        assert slope[i, t] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-8)
    share = {"token": 1, "sequence": MASK.sum(1, keepdims=True).clip(1), "constant": 6, "sum": 1}[form]
    np.testing.assert_allclose(of_kl, 0.3 * MASK / share, rtol=1e-14)


def test_a_short_right_answer_against_a_long_wrong_one():
    """10 tokens and 1000, advantages 1 and -1: what one token weighs in the mean of GRPO and of DAPO."""
    mask = torch.as_tensor(np.arange(1000) < np.array([[10], [1000]]))
    u = torch.zeros(2, 1000, dtype=torch.float64, requires_grad=True)
    for form, short, long in (("sequence", -0.05, 0.0005), ("token", -1 / 1010, 1 / 1010), ("constant", -0.0005, 0.0005)):
        loss = call("grpo", u, torch.tensor([1.0, -1.0]), mask=mask, denominator_form=form)
        (slope,) = torch.autograd.grad(loss, u)
        assert (slope[0, 0].item(), slope[1, 0].item()) == pytest.approx((short, long), rel=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_grpo_micro_batches(form):
    """With the count of the whole batch, tokens or answers, micro-batches add up to it."""
    count = MASK.sum() if form == "token" else MASK.any(1).sum()
    parts = [call("grpo", U[s], A[s], mask=MASK[s], denominator_form=form, denominator=count) for s in (slice(0, 1), slice(1, 4))]
    assert sum(parts) == pytest.approx(call("grpo", U, A, mask=MASK, denominator_form=form), rel=1e-14)


@pytest.mark.parametrize("garbage", [np.nan, INF, -INF])
@pytest.mark.parametrize("form", FORMS)
def test_tokens_left_out_may_hold_anything(form, garbage):
    """By the mask or by a weight of 0; only the mask shortens an answer."""
    weight = np.where(RNG.random((4, 6)) > 0.3, 1.0, 0.0)
    out = ~MASK | (weight == 0)
    advantage = np.repeat(A[:, None], 6, axis=1)
    found = []
    for fill in (0.5, garbage):
        arrays = [np.where(out, fill, x) for x in (U, advantage, KL)]
        u, a, kl = (torch.as_tensor(x).requires_grad_() for x in arrays)
        options = {"mask": torch.as_tensor(MASK), "weight": torch.as_tensor(weight), "denominator_form": form}
        value = call("grpo", u, a, kl=kl, kl_weight=0.5, **options)
        found.append((value, *torch.autograd.grad(value, (u, kl))))
    assert all(torch.equal(clean, dirty) for clean, dirty in zip(*found))
    assert torch.all(found[1][1][torch.as_tensor(out)] == 0)


@pytest.mark.parametrize("library", [np.asarray, torch.as_tensor])
def test_what_counts_is_not_hidden(library):
    for place in range(3):
        arrays = [x.copy() for x in (U, np.repeat(A[:, None], 6, axis=1), KL)]
        arrays[place][2, 1] = np.nan
        u, a, kl = map(library, arrays)
        values = np.asarray(call("grpo", u, a, kl=kl, kl_weight=1.0, mask=library(MASK), reduction="none"))
        assert np.isnan(values[2, 1])
        assert np.isnan(values).sum() == 1


@pytest.mark.parametrize("form", FORMS)
def test_grpo_of_nothing(form):
    for shape in ((0, 3), (2, 0)):
        empty, advantage = np.zeros(shape), np.zeros(shape[0])
        assert call("grpo", empty, advantage, mask=empty, denominator_form=form, reduction="sum") == 0
        assert np.isnan(call("grpo", empty, advantage, mask=empty, denominator_form=form))
        assert call("grpo", empty, advantage, mask=empty, denominator_form=form, reduction="none").shape == shape
    assert np.isnan(call("grpo", U, A, mask=0 * U, denominator_form=form))


@pytest.mark.parametrize("dtype, rtol", [("float32", 1e-5), ("float16", 2e-3), ("bfloat16", 2e-2)])
def test_grpo_dtypes(dtype, rtol):
    arrays = [torch.as_tensor(x).to(getattr(torch, dtype)) for x in (U, A)]
    mask = torch.as_tensor(MASK)
    for reduction in ("none", "sum", "mean"):
        got = call("grpo", *arrays, mask=mask, reduction=reduction)
        assert got.dtype == getattr(torch, dtype)
        want = call("grpo", *[x.double() for x in arrays], mask=mask, reduction=reduction)
        torch.testing.assert_close(got.double(), want, rtol=rtol, atol=rtol)
    assert CARDS["grpo"].gradient(*arrays, mask=mask).dtype == getattr(torch, dtype)
    with pytest.raises(TypeError, match="log_ratio must be real floating point"):
        call("grpo", U.astype(int), A, mask=MASK)
    with pytest.raises(TypeError, match="kl must be real floating point"):
        call("grpo", U, A, mask=MASK, kl=KL.astype(int), kl_weight=1.0)
    with pytest.raises(TypeError, match="one library"):
        call("grpo", U, A, mask=torch.as_tensor(MASK))


WRONG = [
    ({"mask": MASK[:, :5]}, "mask must have the shape"),
    ({"mask": MASK[:, 0]}, "mask must have the shape"),
    ({"mask": MASK + 1.0}, "mask must be 0 or 1"),
    ({"mask": 0.5 * MASK}, "mask must be 0 or 1"),
    ({"kl": KL[0]}, "kl must have the shape"),
    ({"kl_weight": 0.1}, "kl, which is missing"),
    ({"kl": KL, "kl_weight": -0.1}, "kl_weight must lie in"),
    ({"clip": 0.0}, "clip must lie in"),
    ({"clip": 1.0}, "clip must lie in"),
    ({"denominator_form": "grpo"}, "denominator_form must be one of"),
    ({"weight": -WEIGHT}, "weight must be >= 0"),
    ({"weight": WEIGHT[0]}, "weight must have one entry"),
    ({"reduction": "average"}, "reduction must be one of"),
    ({"reduction": "sum", "denominator": 3}, "denominator divides the mean"),
]


@pytest.mark.parametrize("options, message", WRONG)
def test_grpo_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        call("grpo", U, A, **({"mask": MASK} | options))


def test_grpo_shapes():
    for wrong in ((U[0], A), (U, A[:3]), (U, U[:, :5]), (U[None], A)):
        with pytest.raises(ValueError, match="must have shape"):
            call("grpo", *wrong, mask=MASK)
    spread = np.repeat(A[:, None], 6, axis=1)
    assert call("grpo", U, A, mask=MASK) == call("grpo", U, spread, mask=MASK)
    square = U[:, :4]  # N = T: one per answer, never one per place
    assert call("grpo", square, A, mask=MASK[:, :4]) == call("grpo", square, np.repeat(A[:, None], 4, 1), mask=MASK[:, :4])


@pytest.mark.parametrize("form", FORMS)
def test_grpo_compiles_and_maps(form):
    arrays = [torch.as_tensor(x) for x in (U, A)]
    options = {"mask": torch.as_tensor(MASK), "kl": torch.as_tensor(KL), "kl_weight": 0.1, "denominator_form": form}
    want = call("grpo", *arrays, **options)
    torch._dynamo.reset()
    compiled = torch.compile(CARDS["grpo"].function, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(*arrays, **options), want)

    def one(u, a, mask, kl):
        return CARDS["grpo"].function(u, a, mask=mask, kl=kl, kl_weight=0.1, denominator_form=form)

    groups = [torch.stack([x, x]) for x in (*arrays, options["mask"], options["kl"])]
    torch.testing.assert_close(torch.func.vmap(one)(*groups), torch.stack([want, want]))


def test_grpo_leaves_its_inputs_and_their_order_alone():
    before, order = [x.copy() for x in (U, A, MASK, KL)], np.array([2, 0, 3, 1])
    values = call("grpo", U, A, mask=MASK, kl=KL, kl_weight=1.0, denominator_form="sequence", reduction="none")
    assert all(np.array_equal(x, y) for x, y in zip(before, (U, A, MASK, KL)))
    moved = [x[order] for x in before]
    again = call("grpo", *moved[:2], mask=moved[2], kl=moved[3], kl_weight=1.0, denominator_form="sequence", reduction="none")
    np.testing.assert_array_equal(again, values[order])


# --- estimates of the divergence ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("log_r", [0.0, 1e-12, -1e-8, 1e-4, -0.3, 0.9999, 1.0, -1.0, 5.0, -40.0, 700.0])
def test_k3_keeps_its_digits(log_r):
    """r - 1 - log r is ½ (log r)² near r = 1, which a difference of numbers near 1 would not see."""
    with mpmath.workdps(60):
        x = mpmath.mpf(log_r)
        want = [-x, x**2 / 2, mpmath.exp(x) - 1 - x]
    found = estimates(np.array(0.0), np.array(log_r))
    assert [float(k) for k in found] == pytest.approx([float(w) for w in want], rel=1e-13, abs=0)
    log_p = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    slopes = [torch.autograd.grad(k, log_p)[0].item() for k in estimates(log_p, torch.tensor(log_r, dtype=torch.float64))]
    with mpmath.workdps(60):
        assert slopes == pytest.approx([1.0, -log_r, float(1 - mpmath.exp(mpmath.mpf(log_r)))], rel=1e-12, abs=0)


def test_estimates_are_named_and_typed():
    log_p, log_q = (torch.randn(3, 4, dtype=torch.float16).requires_grad_() for _ in range(2))
    found = estimates(log_p, log_q)
    assert found._fields == ("k1", "k2", "k3")
    assert all(k.dtype == torch.float16 and k.shape == (3, 4) for k in found)
    assert torch.all(found.k3 >= 0)
    slopes = torch.autograd.grad(found.k3.sum(), (log_p, log_q), allow_unused=True)
    assert slopes[1] is None
    with pytest.raises(ValueError, match="log_q must have shape"):
        estimates(np.zeros(3), np.zeros((3, 1)))
    with pytest.raises(TypeError, match="log_p must be real"):
        estimates(np.zeros(3, int), np.zeros(3))
    with pytest.raises(TypeError, match="one library"):
        estimates(np.zeros(3), torch.zeros(3))
    assert np.isnan(estimates(np.array(np.nan), np.array(0.0)).k3)
    assert estimates(np.array(-INF), np.array(0.0)).k3 == INF
    assert estimates(np.array(0.0), np.array(-INF)).k3 == INF


def test_k2_is_not_unbiased():
    """p = (½, ¼, ¼), q uniform: KL = 1.5 log ⅔ + ... against the mean of k2, both as exact sums."""
    p, q = np.array([0.5, 0.25, 0.25]), np.full(3, 1 / 3)
    k = estimates(np.log(p), np.log(q))
    divergence = float(p @ np.log(p / q))
    assert p @ k.k1 == pytest.approx(divergence, rel=1e-13)
    assert p @ k.k3 == pytest.approx(divergence, rel=1e-13)
    assert p @ k.k2 == pytest.approx(0.5 * p @ np.log(p / q) ** 2, rel=1e-13)
    assert abs(p @ k.k2 / divergence - 1) > 0.02


def _all_forms(test, *arguments):
    return lambda: [test(form, *arguments) for form in FORMS] and None


GUARDS = {
    "ppo_clip": [test_ratios_that_overflow, lambda: [test_ppo_on_both_sides_of_each_edge(a) for a in (2.0, -2.0)] and None],
    "grpo": [
        _all_forms(test_grpo_token_by_token, np.asarray),
        _all_forms(test_grpo_gradients),
        _all_forms(test_grpo_micro_batches),
        _all_forms(test_tokens_left_out_may_hold_anything, np.nan),
        _all_forms(test_grpo_of_nothing),
        lambda: [test_grpo_refuses(*case) for case in WRONG] and None,
        test_grpo_shapes,
        lambda: test_grpo_dtypes("float16", 2e-3),
        lambda: [test_k3_keeps_its_digits(x) for x in (0.0, -1e-8, 0.9999, -40.0, 700.0)] and None,
        test_estimates_are_named_and_typed,
    ],
}
