"""Planted errors, every one of which the rest of the suite must find.

A mutant is a piece of source with one thing wrong: a sign, a factor, an argument, a guard. The module is executed with the error
in place, its losses take the place of the sound ones in CARDS, and the checks and rules that guard the loss run until one fails.
The list is there to show that the suite bites. A mutant that survives means that a test is missing.

`mutants/killers.json` remembers which guard found each error, and that one is asked first; where it no longer finds it, all are.
`python tests/test_mutants.py` writes the file again, after mutants or guards have changed.
"""

import importlib
import json
import re
import runpy
import sys
import time
import types
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import test_cards
import test_classification as own
import test_rules as rules

import lossbook
from lossbook import CARDS, check

HERE = Path(__file__).parent
KILLERS = HERE / "mutants" / "killers.json"
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


@lru_cache(maxsize=64)  # an error in a shared module executes all families again as they are
def compiled(name, source):
    return compile(source, f"<mutant of {name}>", "exec")


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
            exec(compiled(name, source), fresh.__dict__)
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
    """What the suite asserts of one loss, each with a label. Each call must return something true, or raise."""
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
    for number, guard in enumerate(OWN.get(name, [])):
        yield f"own test {number}", lambda guard=guard: guard() is None


def facts(card):
    """The function against its Card."""
    if not card.function.every_example:  # then its own tests compare it with its definition
        yield from claims(card)
        return
    yield "autograd", lambda: check.autograd(card)  # the quickest: nothing here is computed in 50 digits
    yield "value", lambda: check.value(card)
    yield "value, torch", lambda: check.value(card, library="torch")
    yield "value, float32", lambda: check.value(card, library="torch", dtype="float32", rtol=1e-5)
    yield "gradient", lambda: check.gradient(card)
    if test_cards.smooth(card):
        yield "curvature", lambda: check.curvature(card)
    yield from claims(card)


def claims(card):
    for number, claim in enumerate(card.claims):
        yield f"claim {number}", lambda claim=claim: (result := claim.check()) and result.grade == claim.grade
    yield "twins", lambda: check.twins(card)


def manners(name):
    """The common rules, for losses whose examples have nothing to do with each other."""
    card = CARDS[name]
    if not card.function.every_example:
        return

    def keeps(rule, *arguments):
        label = " ".join([rule.__name__.removeprefix("test_"), *map(str, arguments)])
        return label, lambda: rule(name, *arguments) is None

    for rule in (rules.test_reductions, rules.test_weights, rules.test_nothing, rules.test_nan_propagates):
        yield from (keeps(rule, library) for library in ("torch", "numpy"))
    for rule in (rules.test_shapes_must_agree, rules.test_predictions_must_be_real, rules.test_targets_outside_the_domain):
        yield keeps(rule, "numpy")
    for garbage in (np.nan, np.inf):
        yield keeps(rules.test_weight_zero_removes_an_example_whatever_it_holds, garbage)
    yield keeps(rules.test_parameters_out_of_range)
    yield keeps(rules.test_bad_options)
    yield keeps(rules.test_libraries_do_not_mix)
    yield keeps(rules.test_nan_propagates_into_the_gradient)
    yield keeps(rules.test_inputs_are_not_changed)
    yield keeps(rules.test_dtype_is_kept, "float16")
    yield keeps(rules.test_any_number_of_axes_and_any_layout, "torch")
    yield keeps(test_cards.test_gradient_of_symmetric_losses_reaches_the_target)
    if name in rules.LIMITS:
        yield keeps(rules.test_infinite_predictions, "torch")
    if name in rules.SLOPES:
        yield keeps(rules.test_gradient_at_infinity)
    if name in rules.LABELLED:
        yield keeps(rules.test_labels_out_of_range, "numpy")
        yield keeps(rules.test_probabilities_are_checked, "numpy")
    if name in rules.WITH_SOFTMAX:
        yield keeps(rules.test_infinite_logits)
    if name == "softmax_cross_entropy":
        yield "weights multiply", lambda: own.test_weight_ignored_labels_and_class_weights_multiply() is None
        yield "all ignored", lambda: own.test_all_ignored() is None
    for library, dtype, rtol in test_cards.HALVES:
        yield (
            f"value, {library} {dtype}",
            lambda library=library, dtype=dtype, rtol=rtol: check.value(card, library=library, dtype=dtype, rtol=rtol),
        )


def killer(guards, first=None):
    """The label of the guard that fails or raises, asked in this order but for the one to ask `first`; None if all pass."""
    for label, guard in sorted(guards, key=lambda labelled: labelled[0] != first):
        try:
            if not guard():
                return label
        except BROKEN:
            raise
        except (Exception, pytest.fail.Exception):
            return label
    return None


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


@pytest.fixture(scope="module")
def known():
    return json.loads(KILLERS.read_text(encoding="utf-8"))


def found_by(mutant, first=None):
    """What finds this error: the label of a guard, or "import" where the module refuses to be built with it."""
    module, where, old, new = mutant[:4]
    name = mutant[4] if len(mutant) > 4 else where.removesuffix(" card").removesuffix("_gradient")
    try:
        with planted(module, where, old, new):
            return killer(quickest(name, where, new), first)
    except (AssertionError, *BROKEN):
        raise
    except Exception:
        return "import"


@pytest.mark.parametrize("mutant", MUTANTS, ids=map(identify, MUTANTS))
def test_mutant_is_killed(mutant, known):
    assert found_by(mutant, known.get(identify(mutant))), "every check passes with the error in place: a test is missing"


@pytest.mark.parametrize("name", OWN)
def test_a_sound_loss_keeps_every_rule(name):
    """What a sound loss breaks would seem to kill all its mutants. (Facts, claims and common rules are tests of their own.)"""
    assert killer(own_tests(name)) is None


def test_the_sound_package_survives():
    """The harness itself changes nothing: with an edit that means the same, every guard passes."""
    with planted("regression", "huber", "inner * (r - inner / 2)", "(r - inner / 2) * inner"):
        assert killer(guards("huber")) is None
    with planted("_xp", "softplus", "log1p(exp(-magnitude(x)))", "(log1p(exp(-magnitude(x))))"):
        assert killer(guards("sigmoid_cross_entropy")) is None


def test_there_are_enough():
    assert len(MUTANTS) >= 60
    assert len(set(MUTANTS)) == len(MUTANTS)


def record():
    """Write `KILLERS`, and say what each mutant cost."""
    found = {}
    for mutant in MUTANTS:
        start = time.process_time()
        label = found_by(mutant)
        found[identify(mutant)] = label
        print(f"{time.process_time() - start:6.2f} s  {identify(mutant)}: {label}", flush=True)
    KILLERS.write_text(json.dumps(found, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record()
