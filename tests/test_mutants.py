"""Planted errors, every one of which the rest of the suite must find.

A mutant is a piece of source with one thing wrong: a sign, a factor, an argument, a guard. The module is executed with the error
in place, its losses take the place of the sound ones in CARDS, and the checks and rules that guard the loss run until one fails.
The list is there to show that the suite bites. A mutant that survives means that a test is missing.
"""

import importlib
import re
import runpy
import sys
import types
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import test_cards
import test_classification as own
import test_rules as rules

import lossbook
from lossbook import CARDS, check

HERE = Path(__file__).parent
PACKAGE = Path(lossbook.__file__).parent
SHARED = ["_xp", "_reduce", "_loss"]
BROKEN = (NameError, SyntaxError, ImportError)  # then the mutant itself is at fault, and nothing has been found
FAMILIES = sorted({CARDS._builders[name].__module__.split(".")[-1] for name in CARDS})


def segment(source, where):
    """The lines of one function, `huber`, or of one card, `huber card`."""
    start = f"@describes({where.removesuffix(' card')})" if where.endswith(" card") else f"def {where}("
    begin = source.index(start)
    end = source.find("\n\n\n", begin)
    return begin, len(source) if end < 0 else end


def with_error(source, where, old, new):
    begin, end = segment(source, where)
    assert source.count(old, begin, end) == 1, f"{old!r} occurs {source.count(old, begin, end)} times in {where}"
    return source[:begin] + source[begin:end].replace(old, new) + source[end:]


@contextmanager
def planted(module, where, old, new):
    """The package with one error in `module`: shared modules are executed afresh, and all families after them."""
    names = [*SHARED, *FAMILIES] if module in SHARED else [module]
    saved = {name: importlib.import_module(f"lossbook.{name}") for name in names}
    builders, built = dict(CARDS._builders), dict(CARDS._built)
    try:
        CARDS._built.clear()
        for name in names:
            source = (PACKAGE / f"{name}.py").read_text()
            if name == module:
                source = with_error(source, where, old, new)
            fresh = types.ModuleType(f"lossbook.{name}")
            fresh.__package__ = "lossbook"
            sys.modules[fresh.__name__] = fresh
            exec(compile(source, f"<mutant of {name}>", "exec"), fresh.__dict__)
        yield
    finally:
        for name, sound in saved.items():
            sys.modules[f"lossbook.{name}"] = sound
        CARDS._builders.clear()
        CARDS._built.clear()
        CARDS._builders.update(builders)
        CARDS._built.update(built)


# What the tests of a family assert of one loss, as calls without arguments: the lists of that name in tests/test_<family>.py.
OWN = {}
for path in sorted(HERE.glob("test_*.py")):
    if re.search("^GUARDS = ", path.read_text(), re.M):
        for loss, calls in importlib.import_module(path.stem).GUARDS.items():
            OWN.setdefault(loss, []).extend(calls)


def guards(name):
    """What the suite asserts of one loss, the quick parts first. Each call must return something true, or raise."""
    yield from own_tests(name)
    yield from facts(CARDS[name])
    yield from manners(name)


def quickest(name, where, new):
    """The same, first what is likeliest to find the error: the claims for a Card, the rules for a guard that is missing."""
    if where.endswith(" card"):
        yield from claims(CARDS[name])
    elif new == "pass":
        yield from manners(name)
    yield from guards(name)


def own_tests(name):
    for guard in OWN.get(name, []):
        yield lambda guard=guard: guard() is None


def facts(card):
    """The function against its Card."""
    if not card.function.every_example:  # then its own tests compare it with its definition
        yield from claims(card)
        return
    yield lambda: check.autograd(card)  # the quickest: nothing here is computed in 50 digits
    yield lambda: check.value(card)
    yield lambda: check.value(card, library="torch")
    yield lambda: check.value(card, library="torch", dtype="float32", rtol=1e-5)
    yield lambda: check.gradient(card)
    if test_cards.smooth(card):
        yield lambda: check.curvature(card)
    yield from claims(card)


def claims(card):
    for claim in card.claims:
        yield lambda claim=claim: (result := claim.check()) and result.grade == claim.grade
    yield lambda: check.twins(card)


def manners(name):
    """The common rules, for losses whose examples have nothing to do with each other."""
    card = CARDS[name]
    if not card.function.every_example:
        return
    for rule in (rules.test_reductions, rules.test_weights, rules.test_nothing, rules.test_nan_propagates):
        yield lambda rule=rule: rule(name, "torch") is None and rule(name, "numpy") is None
    for rule in (rules.test_shapes_must_agree, rules.test_predictions_must_be_real, rules.test_targets_outside_the_domain):
        yield lambda rule=rule: rule(name, "numpy") is None
    for garbage in (np.nan, np.inf):
        yield lambda garbage=garbage: rules.test_weight_zero_removes_an_example_whatever_it_holds(name, garbage) is None
    for rule in (
        rules.test_parameters_out_of_range,
        rules.test_bad_options,
        rules.test_libraries_do_not_mix,
        rules.test_nan_propagates_into_the_gradient,
        rules.test_inputs_are_not_changed,
    ):
        yield lambda rule=rule: rule(name) is None
    for library, dtype, rtol in test_cards.HALVES:
        yield lambda library=library, dtype=dtype, rtol=rtol: check.value(card, library=library, dtype=dtype, rtol=rtol)
    yield lambda: rules.test_dtype_is_kept(name, "float16") is None
    yield lambda: rules.test_any_number_of_axes_and_any_layout(name, "torch") is None
    yield lambda: test_cards.test_gradient_of_symmetric_losses_reaches_the_target(name) is None
    if name in rules.LIMITS:
        yield lambda: rules.test_infinite_predictions(name, "torch") is None
    if name in rules.SLOPES:
        yield lambda: rules.test_gradient_at_infinity(name) is None
    if name == "softmax_cross_entropy":
        yield lambda: all(
            part() is None for part in (own.test_weight_ignored_labels_and_class_weights_multiply, own.test_all_ignored)
        )
    if name in rules.LABELLED:
        yield lambda: rules.test_labels_out_of_range(name, "numpy") is None
        yield lambda: rules.test_probabilities_are_checked(name, "numpy") is None
    if name in rules.WITH_SOFTMAX:
        yield lambda: rules.test_infinite_logits(name) is None


def killed(name, where="", new=""):
    """True as soon as one guard of the loss fails or raises."""
    for guard in quickest(name, where, new):
        try:
            if not guard():
                return True
        except BROKEN:
            raise
        except (Exception, pytest.fail.Exception):
            return True
    return False


# One file for each module of the package.
MUTANTS = [
    (path.stem, *mutant) for path in sorted((HERE / "mutants").glob("*.py")) for mutant in runpy.run_path(str(path))["MUTANTS"]
]


# A derivation is planted with an error in the same way: as text, executed. Every one must be refused where it stands.
DERIVATIONS = """
from sympy import Derivative, Eq, Integer, Matrix, Piecewise, Sum, log
from lossbook import card
from lossbook.derive import *

(Derivation("logistic gradient", Derivative(y * softplus(-z) + (1 - y) * softplus(z), z))
    .step(-y * sigmoid(-z) + (1 - y) * sigmoid(z), "the derivative of softplus is the sigmoid")
    .step(sigmoid(z) - y, "the two sigmoids add up to one"))

(Derivation("softmax gradient", Derivative(logsumexp(Z) - Sum(Q[k] * Z[k], (k, 1, K)), Z[j]), given=[Eq(Sum(Q[k], (k, 1, K)), 1)])
    .step(softmax(Z, j) - Q[j], "the gradient of LSE is softmax"))

(Derivation("cross-entropy", -Sum(Q[k] * log(P[k]), (k, 1, K)), given=[Eq(Sum(Q[k], (k, 1, K)), 1), Eq(Sum(P[k], (k, 1, K)), 1)])
    .step(-Sum(Q[k] * log(Q[k]), (k, 1, K)) + Sum(Q[k] * log(Q[k] / P[k]), (k, 1, K)), "add and subtract the entropy"))

(Derivation("pinball gradient", Derivative(card("pinball").formula, y_hat), given=[y_hat > y, tau < 1])
    .step(1 - tau, "above the target the second branch holds"))

(Derivation("squared error", Derivative(r**2, y_hat)).step(2 * r, "the power rule").ends_at(card("squared_error"), "gradient"))
"""
WRONG_DERIVATIONS = [
    ("sigmoid(z) - y,", "sigmoid(z) + y,"),
    ("sigmoid(z) - y,", "sigmoid(z) - 2 * y,"),
    ("-y * sigmoid(-z)", "-y * sigmoid(z)"),
    ("softmax(Z, j) - Q[j]", "softmax(Z, k) - Q[k]"),
    ("softmax(Z, j) - Q[j]", "Q[j] - softmax(Z, j)"),
    ("- Sum(Q[k] * Z[k], (k, 1, K)), Z[j])", "- Sum(Q[k] * Z[k], (k, 1, K - 1)), Z[j])"),
    ("log(Q[k] / P[k])", "log(P[k] / Q[k])"),
    ("Sum(Q[k] * log(Q[k] / P[k])", "Sum(P[k] * log(Q[k] / P[k])"),
    ("(1 - tau,", "(tau,"),
    ("y_hat > y, tau", "y_hat < y, tau"),
    ("step(2 * r,", "step(r,"),
    ('ends_at(card("squared_error"), "gradient")', 'ends_at(card("squared_error"), "formula")'),
]


def test_sound_derivations_compile():
    exec(DERIVATIONS, {})
    assert DERIVATIONS.count("Derivation(") == 5


@pytest.mark.parametrize("old, new", WRONG_DERIVATIONS)
def test_wrong_derivation_is_refused(old, new):
    imports, *derivations = DERIVATIONS.split("\n\n")
    (derivation,) = [text for text in derivations if old in text]
    assert derivation.count(old) == 1
    with pytest.raises(lossbook.DerivationError):
        exec(f"{imports}\n{derivation.replace(old, new)}", {})


def identify(mutant):
    module, where, old, new = mutant[:4]
    return f"{module}.{where}: {' '.join(old.split())[:30]} -> {' '.join(new.split())[:30]}"


@pytest.mark.parametrize("mutant", MUTANTS, ids=map(identify, MUTANTS))
def test_mutant_is_killed(mutant):
    module, where, old, new = mutant[:4]
    name = mutant[4] if len(mutant) > 4 else where.removesuffix(" card").removesuffix("_gradient")
    try:
        with planted(module, where, old, new):
            assert killed(name, where, new), "every check passes with the error in place: a test is missing"
    except (AssertionError, *BROKEN):
        raise
    except Exception:  # the module itself refuses to be built with the error: found
        return


@pytest.mark.parametrize("name", CARDS)
def test_a_sound_loss_keeps_every_rule(name):
    """A rule that a sound loss breaks would seem to kill all its mutants. (Its facts are the tests of test_cards.py.)"""
    for guard in [*own_tests(name), *manners(name)]:
        assert guard()


def test_the_sound_package_survives():
    """The harness itself changes nothing: with an edit that means the same, every guard passes."""
    with planted("regression", "huber", "inner * (r - inner / 2)", "(r - inner / 2) * inner"):
        assert not killed("huber")
    with planted("_xp", "softplus", "log1p(exp(-magnitude(x)))", "(log1p(exp(-magnitude(x))))"):
        assert not killed("sigmoid_cross_entropy")


def test_there_are_enough():
    assert len(MUTANTS) >= 60
    assert len(set(MUTANTS)) == len(MUTANTS)
