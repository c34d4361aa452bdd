"""What only divergences have: zeros among the probabilities, gradients behind a softmax, the median bandwidth, sampled laws."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import lossbook
from lossbook import CARDS, card, check
from lossbook.divergence import KNOWN

KL, JS = card("kl_divergence"), card("js_divergence")
EVEN = {"unbiased": True, "bandwidth": 1.0}


def call(name, *arrays, **options):
    return CARDS[name].function(*arrays, **options)  # through CARDS, where the mutants live


def with_function(sound, function):
    function.__name__ = sound.name
    function.__dict__.update(sound.function.__dict__)
    return replace(sound, function=function)


def concave(p, q, *, reduction="none", **params):
    return np.sqrt(KL.function(p, q, reduction="none"))


def shifted(p, q, *, reduction="none", **params):
    return KL.function(p, q, reduction="none") - 1e-3


FAILURES = [
    ("zero_only_where_equal", lambda: check.zero_only_where_equal(with_function(KL, shifted))),
    ("zero_only_where_equal, negative", lambda: check.zero_only_where_equal("mmd", params=EVEN)),
    (
        "zero_only_where_equal, blind",
        lambda: check.zero_only_where_equal("mmd", params=EVEN, at=([[0.0], [2.0]], [[1.0], [3.0]])),
    ),
    ("stays_below", lambda: check.stays_below("js_divergence", bound="1/2")),
    ("stays_below, too loose", lambda: check.stays_below("js_divergence", bound="1")),
    ("metric", lambda: check.metric("js_divergence", root=1)),
    ("metric, not symmetric", lambda: check.metric("kl_divergence", root=2)),
    (
        "at_least_as_much_as",
        lambda: check.at_least_as_much_as("kl_divergence", name="wrong", other=lambda p, q: 3 * tv(p, q) ** 2),
    ),
    (
        "at_least_as_much_as, loose",
        lambda: check.at_least_as_much_as("kl_divergence", name="wrong", other=lambda p, q: tv(p, q) ** 2),
    ),
    ("convex_in_both", lambda: check.convex_in_both(with_function(KL, concave))),
    ("loses_by_merging", lambda: check.loses_by_merging(with_function(KL, lambda p, q, **_: ((p - q) ** 2).sum(-1)))),
    ("gradient_in_logits", lambda: check.gradient_in_logits("kl_divergence", of="q", name="wrong", expression=wrong_slope())),
    ("amari_limits", lambda: check.amari_limits(with_function(card("f_divergence"), unnormalised))),
    ("mean_over_pairs_of_samples", lambda: check.mean_over_pairs_of_samples("energy_distance", kernel="minus distance")),
    ("sample_gradients", lambda: check.sample_gradients("wasserstein_1d", params={"power": 1.0})),
    ("best_for_samples", lambda: check.best_for_samples("wasserstein_1d", size=9, best="3/5", params={"power": 1.0})),
]


def tv(p, q):
    return abs(p - q).sum(-1) / 2


def wrong_slope():
    from lossbook._symbols import P, Z, j, softmax

    return P[j] - softmax(Z, j)


def unnormalised(p, q, *, f, reduction="none"):
    return card("f_divergence").function(p, q, f=f if isinstance(f, str) else lambda t: 2 * f(t), reduction="none")


# --- probabilities ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", [np.asarray, torch.as_tensor])
def test_zeros_among_the_probabilities(library):
    p = library(np.array([[0.0, 1.0], [0.5, 0.5], [0.0, 1.0], [1.0, 0.0]]))
    q = library(np.array([[0.5, 0.5], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]))
    np.testing.assert_allclose(call("kl_divergence", p, q, reduction="none"), [np.log(2), np.inf, 0, np.inf], rtol=1e-15)
    got = np.asarray(call("js_divergence", p, q, reduction="none"))
    half = np.log(4 / 3) / 2 + np.log(2 / 3) / 4 + np.log(2) / 4  # of (0, 1) and (½, ½)
    np.testing.assert_allclose(got, [half, half, 0, np.log(2)], rtol=1e-14)
    wanted = {
        "kl": [np.log(2), np.inf, 0, np.inf],
        "reverse_kl": [np.inf, np.log(2), 0, np.inf],
        "total_variation": [0.5, 0.5, 0, 1],
        "squared_hellinger": [1 - 0.5**0.5, 1 - 0.5**0.5, 0, 1],
        "pearson": [1, np.inf, 0, np.inf],
        "neyman": [np.inf, 1, 0, np.inf],
        "jensen_shannon": got,
    }
    for f, want in wanted.items():
        np.testing.assert_allclose(call("f_divergence", p, q, f=f, reduction="none"), want, rtol=1e-14)


def guard_zeros():
    test_zeros_among_the_probabilities(np.asarray)


@pytest.mark.parametrize("f", KNOWN)
def test_autograd_agrees_with_the_hand_gradient_at_zeros(f):
    p = torch.tensor([[0.0, 0.25, 0.75, 0.0], [0.5, 0.25, 0.25, 0.0]], dtype=torch.float64, requires_grad=True)
    q = torch.tensor([[0.5, 0.25, 0.25, 0.0], [0.0, 0.25, 0.75, 0.0]], dtype=torch.float64, requires_grad=True)
    slopes = torch.autograd.grad(call("f_divergence", p, q, f=f, reduction="sum"), (p, q))
    for slope, want in zip(slopes, CARDS["f_divergence"].gradient(p.detach().numpy(), q.detach().numpy(), f=f)):
        np.testing.assert_allclose(slope, want, rtol=1e-13, atol=1e-15)
        assert not np.isnan(want).any()


@pytest.mark.parametrize("name", ["kl_divergence", "js_divergence"])
def test_the_gradient_in_logits_survives_an_underflow(name):
    """softmax(-1000) is 0: the slope p log p has the limit 0 there, and nan would end a training run."""
    logits = torch.tensor([[0.0, 1.0, -1000.0]], dtype=torch.float64, requires_grad=True)
    q = torch.tensor([[0.5, 0.25, 0.25]], dtype=torch.float64)
    (slope,) = torch.autograd.grad(call(name, logits.softmax(-1), q), logits)
    assert torch.isfinite(slope).all()
    assert slope[0, 2] == 0
    near = torch.tensor([[0.0, 1.0, -40.0]], dtype=torch.float64, requires_grad=True)
    (close,) = torch.autograd.grad(call(name, near.softmax(-1), q), near)
    torch.testing.assert_close(slope, close, rtol=1e-9, atol=1e-14)


def test_small_divergences_keep_their_digits():
    """Near p = q the terms cancel: the sum of p log(p/q) alone would have no right digit left here."""
    step = 2.0**-40
    p, q = np.array([[0.5 + step, 0.5 - step]]), np.array([[0.5, 0.5]])
    assert float(call("kl_divergence", p, q)) == pytest.approx(2 * step**2, rel=1e-13)
    assert float(call("js_divergence", p, q)) == pytest.approx(step**2 / 2, rel=1e-13)
    assert call("kl_divergence", p, p) == 0


def test_probabilities_must_be_probabilities():
    p = np.array([[0.5, 0.5]])
    for wrong, message in (([[0.5, 0.6]], "sum to 1"), ([[1.5, -0.5]], r"q must lie in \[0, 1\]")):
        with pytest.raises(ValueError, match=message):
            call("kl_divergence", p, np.array(wrong))
    with pytest.raises(ValueError, match="probabilities in p must sum to 1"):
        call("js_divergence", 2 * p / 3, p)


def test_your_own_f():
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet([1.0] * 4, (2, 50))
    p[0], q[0] = [0.5, 0.5, 0.0, 0.0], [0.25, 0.5, 0.25, 0.0]
    got = call("f_divergence", p, q, f=lambda t: (t - 1) ** 2, reduction="none")
    np.testing.assert_allclose(got, call("f_divergence", p, q, f="pearson", reduction="none"), rtol=1e-12)
    with pytest.raises(ValueError, match=r"f\(1\) must be 0"):
        call("f_divergence", p, q, f=lambda t: t**2)
    with pytest.raises(ValueError, match="q must be > 0"):
        call("f_divergence", np.array([[0.5, 0.5]]), np.array([[0.0, 1.0]]), f=lambda t: (t - 1) ** 2)
    with pytest.raises(ValueError, match="f must be one of kl"):
        call("f_divergence", p, q, f="hellinger")
    with pytest.raises(ValueError, match="f must be one of kl"):
        CARDS["f_divergence"].gradient(p, q, f=lambda t: (t - 1) ** 2)


def test_modes_are_covered_or_sought_only_by_a_family_that_cannot_fit():
    """Forward KL spreads one bump over two modes, reverse KL picks one of them; two bumps fit either way."""
    x = np.linspace(-6, 6, 121)

    def bump(mean, scale):
        p = np.exp(-(((x - mean) / scale) ** 2) / 2)
        return p / p.sum()

    truth = (bump(-2, 0.6) + bump(2, 0.6)) / 2
    family = [(m, s) for m in np.linspace(-3, 3, 61) for s in np.linspace(0.3, 3, 28)]
    bumps = np.maximum(np.array([bump(*member) for member in family]), 1e-300)
    bumps /= bumps.sum(-1, keepdims=True)
    truths = np.tile(truth, (len(family), 1))
    forward = family[np.argmin(call("kl_divergence", truths, bumps, reduction="none"))]
    reverse = family[np.argmin(call("kl_divergence", bumps, truths, reduction="none"))]
    assert forward[0] == pytest.approx(0, abs=1e-9)
    assert forward[1] == pytest.approx(2.1, abs=0.06)
    assert abs(reverse[0]) == pytest.approx(2, abs=0.06)
    assert reverse[1] == pytest.approx(0.6, abs=0.06)


# --- samples ------------------------------------------------------------------------------------------------------------


def test_the_median_of_the_distances_is_held_constant():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((5, 2)), rng.standard_normal((4, 2))
    pooled = np.concatenate([x, y])
    distances = [np.linalg.norm(a - b) for i, a in enumerate(pooled) for b in pooled[:i]]
    h = float(np.median(distances))
    assert call("mmd", x, y) == pytest.approx(float(call("mmd", x, y, bandwidth=h)), rel=1e-13)
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, y)]
    slopes = torch.autograd.grad(call("mmd", *tensors), tensors)
    for got, want, held in zip(slopes, CARDS["mmd"].gradient(x, y), CARDS["mmd"].gradient(x, y, bandwidth=h)):
        np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-14)
        np.testing.assert_allclose(want, held, rtol=1e-11, atol=1e-14)


def test_points_that_coincide():
    same = np.ones((3, 2))
    assert call("mmd", same, same) == 0
    assert call("energy_distance", same, same) == 0
    mostly = np.array([[0.0], [0.0], [0.0], [0.0], [1.0]])  # a median of 0: the mean takes its place
    assert call("mmd", mostly, mostly[:4], unbiased=False) == pytest.approx(2 / 25 * (1 - np.exp(-1 / 2 / (2 * 8 / 72) ** 2)))
    for slope in CARDS["energy_distance"].gradient(same, same):
        assert (slope == 0).all()


def test_one_point_has_no_pairs():
    with pytest.raises(ValueError, match="y must hold at least 2 points"):
        call("mmd", np.zeros((3, 2)), np.zeros((1, 2)))
    with pytest.raises(ValueError, match="y needs at least one point"):
        call("energy_distance", np.zeros((3, 2)), np.zeros((0, 2)))
    assert call("mmd", np.zeros((1, 2)), np.zeros((1, 2)), unbiased=False) == 0


def test_energy_distance_is_the_square_of_scipys():
    from scipy.stats import energy_distance

    rng = np.random.default_rng(2)
    x, y = rng.standard_normal(7), rng.standard_normal(4) + 1
    assert call("energy_distance", x[:, None], y[:, None]) == pytest.approx(energy_distance(x, y) ** 2, rel=1e-12)


def test_the_unbiased_estimate_is_often_negative_where_the_laws_are_equal():
    x, y = np.random.default_rng(3).standard_normal((2, 500, 20, 2))
    values = call("mmd", x, y, reduction="none")
    assert 0.5 < (values < 0).mean() < 0.7
    assert abs(values.mean()) < 4 * values.std() / 500**0.5
    assert (call("mmd", x, y, unbiased=False, reduction="none") > 0).all()


def test_the_family_is_in_one_place():
    for name in lossbook.divergence.__all__:
        assert getattr(lossbook, name) is getattr(lossbook.divergence, name)


GUARDS = {
    "kl_divergence": [
        guard_zeros,
        test_small_divergences_keep_their_digits,
        test_probabilities_must_be_probabilities,
        lambda: test_the_gradient_in_logits_survives_an_underflow("kl_divergence"),
    ],
    "js_divergence": [
        guard_zeros,
        test_small_divergences_keep_their_digits,
        lambda: test_the_gradient_in_logits_survives_an_underflow("js_divergence"),
    ],
    "f_divergence": [
        guard_zeros,
        test_your_own_f,
        *(lambda f=f: test_autograd_agrees_with_the_hand_gradient_at_zeros(f) for f in KNOWN),
    ],
    "mmd": [test_the_median_of_the_distances_is_held_constant, test_points_that_coincide, test_one_point_has_no_pairs],
    "energy_distance": [test_energy_distance_is_the_square_of_scipys, test_points_that_coincide],
}
