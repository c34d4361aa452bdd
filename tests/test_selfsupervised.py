"""Self-supervised losses: batches by their definitions, both conventions of VICReg, constant columns, stop-gradient."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lossbook import CARDS, card, check
from lossbook._points import DOMAINS

RNG = np.random.default_rng(0)
A, B = RNG.standard_normal((2, 7, 3)) * [0.5, 1.0, 3.0] + [0.0, 5.0, -1.0]
B = B + 0.5 * A
BATCHES = ["barlow_twins", "vicreg"]
each_batch = pytest.mark.parametrize("name", BATCHES)


def function(name):
    return CARDS[name].function  # through CARDS, where the mutants live


def test_barlow_by_numpy():
    c = np.corrcoef(A.T, B.T)[:3, 3:]
    on, off = (1 - np.diag(c)) ** 2, c**2 * (1 - np.eye(3))
    assert function("barlow_twins")(A, B) == pytest.approx(on.sum() + 0.005 * off.sum(), rel=1e-13)
    assert function("barlow_twins")(A, B, redundancy=2.0) == pytest.approx(on.sum() + 2 * off.sum(), rel=1e-13)


def parts_of_vicreg():
    """The terms as the paper prints them: s, v + v', c + c'."""
    covariances = [np.cov(z.T, ddof=1) for z in (A, B)]
    v = sum(np.mean(np.maximum(0, 1 - np.sqrt(np.diag(c) + 1e-4))) for c in covariances)
    c = sum(np.sum(c**2 * (1 - np.eye(3))) / 3 for c in covariances)
    return np.mean(np.sum((A - B) ** 2, axis=1)), v, c


def test_vicreg_in_both_conventions():
    s, v, c = parts_of_vicreg()
    assert v > 0.1
    vicreg = function("vicreg")
    assert vicreg(A, B) == pytest.approx(25 * s / 3 + 25 * v / 2 + c, rel=1e-13)
    assert vicreg(A, B, invariance=3 * 25, variance=2 * 25) == pytest.approx(25 * s + 25 * v + c, rel=1e-13)
    for key, want in (("invariance", s / 3), ("variance", v / 2), ("covariance", c)):
        weights = dict.fromkeys(["invariance", "variance", "covariance"], 0.0) | {key: 2.0}
        assert vicreg(A, B, **weights) == pytest.approx(2 * want, rel=1e-13)


@each_batch
def test_gradients_of_a_batch(name):
    """Autograd twice against differences, the hand gradient against autograd, and with each weight alone."""
    a, b = torch.tensor(A, requires_grad=True), torch.tensor(B, requires_grad=True)
    assert torch.autograd.gradcheck(function(name), (a, b))
    assert torch.autograd.gradgradcheck(function(name), (a, b))
    settings = [{}] + [{key: 3.0} for key in CARDS[name].parameters]
    for setting in settings:
        got = torch.autograd.grad(function(name)(a, b, **setting), (a, b))
        for x, y in zip(got, CARDS[name].gradients(A, B, **setting)):
            np.testing.assert_allclose(x, y, rtol=1e-11, atol=1e-13)


@each_batch
def test_many_batches_at_once(name):
    many = function(name)(np.stack([A, B]), np.stack([B, B]), reduction="none")
    np.testing.assert_allclose(many, [function(name)(A, B), function(name)(B, B)], rtol=1e-14)
    assert np.shape(function(name)(A, B)) == ()


@each_batch
@pytest.mark.parametrize("library", [np.asarray, torch.as_tensor])
def test_one_row_varies_with_nothing(name, library):
    with pytest.raises(ValueError, match="at least two rows"):
        function(name)(library(A[:1]), library(B[:1]))


@each_batch
@pytest.mark.parametrize("value", [0.1, 1e8 + 0.3, -1e-300])
def test_constant_columns(name, value):
    """The mean of equal numbers may round: the column counts as constant all the same, and its gradient is finite."""
    a = np.stack([A[:, 0], np.full(7, value)], axis=1)
    b = np.stack([B[:, 0], B[:, 1]], axis=1)
    got = function(name)(a, b)
    if name == "barlow_twins":
        c = [np.corrcoef(A[:, 0], B[:, i])[0, 1] for i in (0, 1)]
        assert got == pytest.approx((1 - c[0]) ** 2 + 1 + 0.005 * c[1] ** 2, rel=1e-12)
    else:
        wanted = CARDS[name].exactly([a, b], {"invariance": 25.0, "variance": 25.0, "covariance": 1.0})
        assert got == pytest.approx(float(wanted), rel=1e-12)
    x, y = torch.tensor(a, requires_grad=True), torch.tensor(b, requires_grad=True)
    slopes = torch.autograd.grad(function(name)(x, y), (x, y), create_graph=True)
    for slope, hand in zip(slopes, CARDS[name].gradients(a, b)):
        assert torch.isfinite(slope).all()
        np.testing.assert_allclose(slope.detach(), hand, rtol=1e-11, atol=1e-13)
    if name == "barlow_twins":
        assert (slopes[0][:, 1] == 0).all()
    assert all(torch.isfinite(second).all() for second in torch.autograd.grad(sum(s.sum() for s in slopes), (x, y)))


def test_correlations_of_columns_whose_squares_overflow_or_vanish():
    want = function("barlow_twins")(A, B)
    for factor in (1e200, 1e-200):
        assert function("barlow_twins")(A * factor, B) == pytest.approx(want, rel=1e-12)


def test_nearly_equal_views_keep_their_digits():
    """1 - C of 1e-12 is no difference of two numbers close to 1."""
    z = np.array([[1.0], [-1.0], [1.0], [-1.0]])
    step = 1e-6 * np.array([[1.0], [1.0], [-1.0], [-1.0]])  # C = 1 / √(1 + 1e-12)
    want = (1 - 1 / np.sqrt(np.longdouble(1) + np.longdouble(1e-12))) ** 2
    assert function("barlow_twins")(z, z + step) == pytest.approx(float(want), rel=1e-6, abs=0)


@each_batch
def test_autocast_changes_nothing(name):
    a, b = torch.tensor(A, dtype=torch.float32), torch.tensor(B, dtype=torch.float32)
    plain = function(name)(a, b)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(function(name)(a, b), plain)
        hand = CARDS[name].gradients(a, b)
    assert all(torch.equal(x, y) for x, y in zip(hand, CARDS[name].gradients(a, b)))


def test_byol_is_what_a_siamese_network_minimises():
    """The target gets no gradient; both directions together are the symmetric loss; a zero vector is refused."""
    byol = function("byol")
    q, z = torch.tensor(A, requires_grad=True), torch.tensor(B, requires_grad=True)
    (byol(q, z) + byol(z.detach(), q)).backward()
    assert z.grad is None
    assert byol(A, B, reduction="none") == pytest.approx(2 - 2 * torch.cosine_similarity(q, z).detach().numpy(), rel=1e-13)
    for pair, name in (((0 * A, B), "prediction"), ((A, 0 * B), "target")):
        with pytest.raises(ValueError, match=f"{name} must not be 0: a zero vector has no direction"):
            byol(*pair)


def test_nearly_equal_directions():
    got = function("byol")(np.array([1.0, 1e-9]), np.array([1.0, 0.0]))
    assert got == pytest.approx(1e-18, rel=1e-14, abs=0)


GUARDS = {
    name: [
        lambda name=name: test_gradients_of_a_batch(name),
        lambda name=name: test_one_row_varies_with_nothing(name, np.asarray),
        lambda name=name: test_constant_columns(name, 0.1),
        lambda name=name: test_autocast_changes_nothing(name),
    ]
    for name in BATCHES
}
GUARDS["barlow_twins"] += [
    test_barlow_by_numpy,
    test_correlations_of_columns_whose_squares_overflow_or_vanish,
    test_nearly_equal_views_keep_their_digits,
]
GUARDS["vicreg"] += [test_vicreg_in_both_conventions]
GUARDS["byol"] = [test_byol_is_what_a_siamese_network_minimises, test_nearly_equal_directions]


def _wrong_gradient(name):
    """The loss with a gradient that is wrong by 1 everywhere."""
    sound = card(name)
    return replace(sound, gradient=lambda *arrays, **params: [g + 1.0 for g in sound.gradients(*arrays, **params)])


WITNESS = {"views": [[1.0, 0.0], [1.0, 2.0]], "encoder": [[1.0, 0.0], [1.0, 1.0]]}
FAILURES = [
    ("at_collapse", lambda: check.at_collapse("barlow_twins", value="D - 1")),
    ("at_collapse, gradient", lambda: check.at_collapse(_wrong_gradient("barlow_twins"), value="D")),
    ("shift_of_one", lambda: check.shift_of_one("vicreg", cost="invariance*s")),
    ("costs_nothing", lambda: check.costs_nothing("vicreg", where="small columns", length=0.5)),
    ("costs_nothing, gradient", lambda: check.costs_nothing(_wrong_gradient("barlow_twins"), where="", length=1.0)),
    ("differentiates_both", lambda: check.differentiates_both("byol", at=WITNESS)),
    (
        "rises_with_angle",
        lambda: check.rises_with_angle("arcface", logit=lambda angle, margin: np.cos(angle + margin), form=" plain"),
    ),
    ("steady_in_angle", lambda: check.steady_in_angle("arcface")),
    ("slope_in_angle", lambda: check.slope_in_angle("arcface", slope="scale*(1 - p)*sin(theta)", below="pi - margin")),
]


def test_the_domain_of_batches_has_a_constant_column():
    assert any(np.ptp(np.array(z), axis=0).min() == 0 for z in DOMAINS["R^(N x D)"][1])
