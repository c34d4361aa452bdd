"""Every loss x every property x every backend, from the Cards: the function is held to its formula, its gradient, its claims."""

import inspect
import itertools
from dataclasses import replace

import numpy as np
import pytest

from lossbook import CARDS, _points, check
from lossbook._loss import Distribution, Labels
from lossbook.check.card import _call as called
from lossbook.check.card import _rounded as rounded

NAMES = list(CARDS)
EACH = [name for name in NAMES if CARDS[name].function.every_example]  # the others are checked in the tests of their family
KINKED = ["Abs(", "Max(", "Min(", "Piecewise(", "sign("]  # in a formula: then there need be no second derivative everywhere


def smooth(card):
    """Whether autograd must get the second derivative right: the formula has no kink, or the card claims that it is joined so."""
    claimed = any(c.kind == "smooth" and "order 2" in c.statement for c in card.claims)
    return claimed or (card.formula is not None and not any(kink in str(card.formula) for kink in KINKED))


SMOOTH = [name for name in EACH if smooth(CARDS[name])]
CLAIMS = [pytest.param(claim, id=f"{name}-{i}-{claim.kind}") for name in NAMES for i, claim in enumerate(CARDS[name].claims)]
# relative error that each dtype may have
DTYPES = [("numpy", "float64", 1e-12), ("numpy", "float32", 1e-5), ("torch", "float64", 1e-12), ("torch", "float32", 1e-5)]
HALVES = [("numpy", "float16", 1e-3), ("torch", "float16", 1e-3), ("torch", "bfloat16", 8e-3)]


@pytest.mark.parametrize("name", EACH)
def test_value_is_the_formula(name):
    """In both libraries, one after the other: what is the same point in two of them is computed in 50 digits only once."""
    for library, dtype, rtol in DTYPES:
        result = check.value(name, library=library, dtype=dtype, rtol=rtol)
        assert result, (library, dtype, result.message, result.witness)
        assert result.points >= 40


def in_half(card, arrays, dtype, library):
    """The points, rounded, that float32 accepts too: there the sum of probabilities may miss 1 by less."""
    arrays = _points.inside(card, [rounded(array, dtype, library) for array in arrays])
    kinds = card.function.axes.values()
    sums = [
        array.sum(-1).reshape(len(array), -1) for array, kind in zip(arrays, kinds) if isinstance(kind, (Labels, Distribution))
    ]
    kept = np.logical_and.reduce([np.ones(len(arrays[0]), bool), *((abs(total - 1) <= 1e-4).all(1) for total in sums)])
    return [array[kept] for array in arrays]


@pytest.mark.parametrize("name", EACH)
def test_half_precision_computes_in_float32_and_rounds_once(name):
    """Bit for bit the value in float32 at the same points, rounded: nothing need be computed in 50 digits again."""
    card, tried = CARDS[name], 0
    for (library, dtype, _), setting in itertools.product(HALVES, _points.parameter_settings(card)):
        for points in (_points.ordinary(card), _points.hard(card)):
            arrays = in_half(card, points, dtype, library)
            half, single = (
                called(card.function, arrays, library, kind, reduction="none", **setting) for kind in (dtype, "float32")
            )
            expected = rounded(np.asarray(single, dtype=np.float64), dtype, library)
            np.testing.assert_array_equal(np.asarray(half.double() if library == "torch" else half), expected, (dtype, setting))
            tried += len(expected)
    assert tried >= 30


@pytest.mark.parametrize("name", EACH)
def test_gradient_is_the_derivative_of_the_formula(name):
    result = check.gradient(name)
    assert result, (result.message, result.witness)


@pytest.mark.parametrize("name", EACH)
def test_autograd_agrees_with_the_hand_gradient(name):
    result = check.autograd(name)
    assert result, (result.worst, result.witness)


@pytest.mark.parametrize("name", SMOOTH)
def test_second_derivative(name):
    result = check.curvature(name)
    assert result, (result.worst, result.witness)


@pytest.mark.parametrize("claim", CLAIMS)
def test_claim(claim):
    result = claim.check()
    assert result, (claim.statement, result.message, result.witness)
    assert result.grade == claim.grade, f"the card says {claim.grade}, the check delivers {result.grade}"


@pytest.mark.parametrize("name, twin", [(name, twin) for name in NAMES for twin in CARDS[name].twins], ids=str)
def test_twin(name, twin):
    pytest.importorskip(twin.library)
    result = check.twins(name, twin=twin.name)
    assert result, result.message
    assert result.points >= 1


def test_few_claims_are_only_cited():
    claims = [claim for card in CARDS.values() for claim in card.claims]
    cited = sum(claim.grade == "cited" for claim in claims)
    assert cited / len(claims) < 0.05


@pytest.mark.parametrize("name", NAMES)
def test_card_is_complete(name):
    card = CARDS[name]
    assert set(card.symbols) == set(card.domain)
    assert card.reference, "every loss names its source"
    assert card.gradient is not None
    assert len(card.claims) >= 3
    parameters = inspect.signature(card.function).parameters
    assert list(parameters)[-3:] == ["weight", "reduction", "denominator"]
    assert list(inspect.signature(card.gradient).parameters)[: len(card.function.axes)] == list(card.function.axes)
    if card.gradient_formula is not None:
        assert len(card.slopes) == len(card.predictions)
    assert ">>>" in inspect.getdoc(card.function)
    assert "Source" in inspect.getdoc(card.function)


@pytest.mark.parametrize("name", NAMES)
def test_card_displays(name):
    text = CARDS[name]._repr_markdown_()
    assert text.count("\n") > 6
    assert "None" not in text
    assert repr(CARDS[name])


def test_cards_compare():
    assert replace(CARDS["huber"]) == CARDS["huber"]
    assert replace(CARDS["huber"], link="log") != CARDS["huber"]
    assert CARDS["huber"].claims[0] != CARDS["huber"].claims[1]


def test_unknown_name_suggests():
    from lossbook import card

    with pytest.raises(KeyError, match="huber"):
        card("hubber")


@pytest.mark.parametrize("name", EACH)
def test_gradient_of_symmetric_losses_reaches_the_target(name):
    """Targets receive gradient exactly where the card claims symmetry."""
    import torch

    card = CARDS[name]
    arrays = [torch.as_tensor(a) for a in _points.ordinary(card, n=5)]
    for a in arrays:
        a.requires_grad_()
    total = card.function(*arrays, reduction="sum", **_points.required(card))
    targets = arrays[card.function.predictions :]
    gradient, *others = [*torch.autograd.grad(total, targets, allow_unused=True), None] if targets else [None]
    assert all(other is None for other in others)
    claimed = any(c.kind == "symmetric" for c in card.claims)
    assert card.function.symmetric == claimed
    if claimed:
        swapped = torch.as_tensor(card.gradient(arrays[-1].detach(), arrays[0].detach(), **_points.required(card)))
        np.testing.assert_allclose(gradient, swapped, rtol=1e-9, atol=1e-12)
    else:
        assert gradient is None
