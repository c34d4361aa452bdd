"""Margins in angles: the conventions beyond π - m, learned prototypes, angles 0 and π, and what is refused."""

import math

import numpy as np
import pytest
import torch

from lossbook import CARDS

RNG = np.random.default_rng(0)
X, LABELS = RNG.standard_normal((6, 3)), np.array([0, 1, 2, 3, 0, 1])
PROTOTYPES = RNG.standard_normal((4, 3))
NAMES = ["arcface", "cosface"]
each = pytest.mark.parametrize("name", NAMES)


def arcface(*arrays, **options):
    return CARDS["arcface"].function(*arrays, **options)  # through CARDS, where the mutants live


def cosface(*arrays, **options):
    return CARDS["cosface"].function(*arrays, **options)


def by_hand(own, scale):
    """The cross-entropies by loops, with acos."""
    values = []
    for x, y in zip(X, LABELS):
        angles = [math.acos(x @ p / math.dist(x, 0 * x) / math.dist(p, 0 * p)) for p in PROTOTYPES]
        logits = [scale * (own(a) if k == y else math.cos(a)) for k, a in enumerate(angles)]
        values.append(math.log(sum(map(math.exp, logits))) - logits[y])
    return values


def test_defaults():
    """Margin 0.5 radians and 0.35, scale 64."""
    wanted = by_hand(lambda a: math.cos(a + 0.5) if a <= math.pi - 0.5 else math.cos(a) - 0.5 * math.sin(0.5), 64)
    np.testing.assert_allclose(arcface(X, LABELS, prototypes=PROTOTYPES, reduction="none"), wanted, rtol=1e-11, atol=1e-13)
    wanted = by_hand(lambda a: math.cos(a) - 0.35, 64)
    np.testing.assert_allclose(cosface(X, LABELS, prototypes=PROTOTYPES, reduction="none"), wanted, rtol=1e-11, atol=1e-13)


def test_beyond_pi_minus_margin():
    """The label's cosine is cos θ - m sin m there, and its slope that of cos θ; the jump is cos m + m sin m - 1."""
    prototypes, m = [[1.0, 0.0], [0.0, 1.0]], 0.5
    for angle, own in ((3.0, math.cos(3.0) - m * math.sin(m)), (2.0, math.cos(2.0 + m))):
        got = arcface(np.array([math.cos(angle), math.sin(angle)]), np.array(0), prototypes=prototypes, scale=1.0)
        assert got == pytest.approx(math.log1p(math.exp(math.sin(angle) - own)), rel=1e-14)
    ends = [math.pi - m - 1e-12, math.pi - m + 1e-12]
    alone = [arcface(np.array([math.cos(a), math.sin(a)]), np.array(0), prototypes=prototypes, scale=1.0) for a in ends]
    logits = [math.sin(math.pi - m) - math.log(math.expm1(value)) for value in alone]
    assert logits[0] - logits[1] == pytest.approx(math.cos(m) + m * math.sin(m) - 1, rel=1e-9)


@each
def test_at_angle_0_and_pi_gradients_are_finite(name):
    card, prototypes = CARDS[name], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    x = torch.tensor([[2.0, 0.0, 0.0], [-3.0, 0.0, 0.0], [0.5, 0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 0, 1])
    total = card.function(x, labels, prototypes=prototypes, scale=4.0, reduction="sum")
    (slope,) = torch.autograd.grad(total, x, create_graph=True)
    assert torch.isfinite(slope).all()
    np.testing.assert_allclose(slope.detach(), card.gradient(x.detach(), labels, prototypes=prototypes, scale=4.0), rtol=1e-14)
    assert torch.isfinite(torch.autograd.grad(slope.sum(), x)[0]).all()
    if name == "arcface":  # the label at angle 0: log(1 + e^(s (0 - cos m)))
        assert card.function(x[0].detach(), labels[0], prototypes=prototypes, scale=4.0).item() == pytest.approx(
            math.log1p(math.exp(-4 * math.cos(0.5))), rel=1e-14
        )


@each
def test_prototypes_are_learned(name):
    function = CARDS[name].function
    prototypes = torch.tensor(PROTOTYPES, requires_grad=True)
    x = torch.tensor(X, requires_grad=True)
    labels = torch.tensor(LABELS)

    def loss(x, prototypes):
        return function(x, labels, prototypes=prototypes, scale=3.0)

    assert torch.autograd.gradcheck(loss, (x, prototypes))
    assert torch.autograd.gradgradcheck(loss, (x, prototypes))
    (slope,) = torch.autograd.grad(loss(x, prototypes), prototypes)
    assert (slope.abs().sum(1) > 0).all()
    np.testing.assert_allclose((slope * prototypes).sum(1).detach(), 0, atol=1e-15)


@each
def test_only_directions_of_prototypes_count(name):
    function, stretch = CARDS[name].function, np.array([[1e-3], [2.0], [1e200], [7.0]])
    np.testing.assert_allclose(
        function(X, LABELS, prototypes=PROTOTYPES * stretch), function(X, LABELS, prototypes=PROTOTYPES), rtol=1e-12
    )


@each
def test_small_angles_keep_their_digits(name):
    """Where 1 - cos² has no digits left; margins of 1 radian, and of 1."""
    angle, prototypes = 3e-9, [[1.0, 0.0], [0.0, 1.0]]
    x = np.array([math.cos(angle), math.sin(angle)])
    got = CARDS[name].function(x, np.array(0), prototypes=prototypes, scale=1.0, margin=1.0)
    own = math.cos(angle + 1.0) if name == "arcface" else math.cos(angle) - 1.0
    assert got == pytest.approx(math.log1p(math.exp(math.sin(angle) - own)), rel=1e-15)


@each
def test_probabilities_mix_the_costs_of_the_classes(name):
    function, q = CARDS[name].function, RNG.dirichlet(np.ones(4), 6)
    costs = [function(X, np.full(6, k), prototypes=PROTOTYPES, reduction="none") for k in range(4)]
    np.testing.assert_allclose(
        function(X, q, prototypes=PROTOTYPES, reduction="none"), (q * np.transpose(costs)).sum(1), rtol=1e-12
    )


def test_without_margin_they_are_the_same():
    options = {"prototypes": PROTOTYPES, "margin": 0.0, "reduction": "none"}
    np.testing.assert_allclose(arcface(X, LABELS, **options), cosface(X, LABELS, **options), rtol=1e-13)


@each
def test_what_is_refused(name):
    function = CARDS[name].function
    with pytest.raises(TypeError, match="prototypes is missing"):
        function(X, LABELS)
    with pytest.raises(ValueError, match=r"embeddings must not be 0.* at position 1"):
        function(np.array([[1.0, 0, 0], [0.0, 0, 0]]), LABELS[:2], prototypes=PROTOTYPES)
    with pytest.raises(ValueError, match="prototypes must be finite and not 0"):
        function(X, LABELS, prototypes=np.eye(4, 3))
    with pytest.raises(ValueError, match=r"prototypes must have shape \(4, 3\), a row for each class"):
        function(X, LABELS, prototypes=np.ones((4, 2)))
    with pytest.raises(IndexError, match="got 3 at position 3"):
        function(X, LABELS, prototypes=PROTOTYPES[:3])


def test_a_margin_in_degrees_is_refused():
    with pytest.raises(ValueError, match="margin must lie in"):
        arcface(X, LABELS, prototypes=PROTOTYPES, margin=28.6)


GUARDS = {
    name: [
        lambda name=name: test_at_angle_0_and_pi_gradients_are_finite(name),
        lambda name=name: test_prototypes_are_learned(name),
        lambda name=name: test_only_directions_of_prototypes_count(name),
        lambda name=name: test_small_angles_keep_their_digits(name),
        lambda name=name: test_what_is_refused(name),
        test_defaults,
    ]
    for name in NAMES
}
GUARDS["arcface"] += [test_beyond_pi_minus_margin, test_a_margin_in_degrees_is_refused]
