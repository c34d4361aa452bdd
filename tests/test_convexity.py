"""Convexity is proved only where it is true: every route is shown formulas to accept, and formulas to refuse."""

from dataclasses import replace

import pytest
from sympy import Abs, Max, Min, Piecewise, Rational, Sum, exp, log, sqrt

from lossbook import CARDS, card, check
from lossbook._symbols import K, Q, Z, delta, k, logsumexp, r, sigmoid, softplus, tau, y, y_hat, z
from lossbook.check.convexity import bends_up, bends_up_in_pieces, is_convex, proof


@pytest.mark.parametrize(
    "convex", [z, 3 - 2 * z, z**2, z**4, Abs(z), Max(z, 0) ** 2, exp(z**2), softplus(-z), tau * exp(z) - z, Max(z, -z, z**2)]
)
def test_composition_accepts(convex):
    assert is_convex(convex, (z,))


@pytest.mark.parametrize(
    "other",
    [
        -(z**2),
        z**3,
        sqrt(z),
        log(z),
        Min(z, 0),
        -Abs(z),
        sigmoid(z),
        y * exp(z),
        exp(-softplus(z)),
        Max(z, -1) ** 2,
        Abs(z) ** Rational(1, 2),
        z * exp(z),
        1 / z,
    ],
)
def test_composition_refuses(other):
    assert not is_convex(other, (z,))


def test_composition_of_vectors():
    assert is_convex(Sum(Q[k] * (logsumexp(Z) - Z[k]), (k, 1, K)), (Z,))
    assert not is_convex(Sum(Q[k] * (Z[k] - logsumexp(Z)), (k, 1, K)), (Z,))
    assert not is_convex(logsumexp(-softplus(Z)), (Z,))


def test_second_derivative():
    assert bends_up(log(exp(z) + exp(-z)), z)
    assert not bends_up(log(1 + z**2), z)
    assert not bends_up(Abs(z), z)  # pieces are for the route below


@pytest.mark.parametrize("slope", [0, Rational(1, 2), 1, 2])
def test_pieces_need_slopes_that_do_not_fall(slope):
    line = Piecewise((r**2 / 2, Abs(r) <= delta), (slope * delta * (Abs(r) - delta) + delta**2 / 2, True))
    assert bends_up_in_pieces(line, y_hat, y) == (slope >= 1)


def test_pieces_need_no_jump_and_no_dent():
    jump = Piecewise((r**2 / 2, Abs(r) <= delta), (delta * Abs(r), True))
    dent = Piecewise((-r, r > 0), (r, True))
    assert not bends_up_in_pieces(jump, y_hat, y)
    assert not bends_up_in_pieces(dent, y_hat, y)
    assert bends_up_in_pieces(-dent, y_hat, y)


def test_no_proof_for_a_loss_with_a_witness_against_it():
    """Wherever a Card has a witness against convexity, no route may lead to a proof."""
    denied = [name for name in CARDS if any(c.kind == "not_convex" and "at " not in c.statement for c in CARDS[name].claims)]
    assert len(denied) > 8
    assert [name for name in denied if proof(CARDS[name])] == []


def unknown(*arrays, **params):
    """A definition that nothing can be proved from."""


def test_every_proof_survives_a_search():
    """Random segments find nothing against what was proved."""
    for name in CARDS:
        if proof(CARDS[name]):
            opaque = replace(CARDS[name], formula=None, oracle=unknown)
            result = check.convex(opaque, segments=2000)
            assert result.ok, name
            assert result.grade == "searched"


def test_the_proof_knows_the_domain():
    """With the weight of the negative side 1 - τ, a τ above 1 would make the loss concave there."""
    assert proof(card("pinball"))
    assert not proof(replace(card("expectile"), domain=card("expectile").domain | {"tau": "R"}))
