"""Planted errors, every one of which the rest of the suite must find.

A mutant is a piece of source with one thing wrong: a sign, a factor, an argument, a guard. The module is executed with the error
in place, its losses take the place of the sound ones in CARDS, and the checks and rules that guard the loss run until one fails.
The list is there to show that the suite bites. A mutant that survives means that a test is missing.
"""

import importlib
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

PACKAGE = Path(lossbook.__file__).parent
SHARED = ["_xp", "_reduce", "_loss"]
BROKEN = (NameError, SyntaxError, ImportError)  # then the mutant itself is at fault, and nothing has been found
FAMILIES = ["regression", "classification", "margin", "scoring"]


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


def guards(name):
    """What the suite asserts of one loss, the quick parts first. Each call must return something true, or raise."""
    card = CARDS[name]
    yield lambda: check.value(card)
    yield lambda: check.value(card, library="torch")
    yield lambda: check.value(card, library="torch", dtype="float32", rtol=1e-5)
    yield lambda: check.gradient(card)
    yield lambda: check.autograd(card)
    if any(claim.kind == "smooth" and "order 2" in claim.statement for claim in card.claims):
        yield lambda: check.curvature(card)
    for claim in card.claims:
        yield lambda claim=claim: (result := claim.check()) and result.grade == claim.grade
    yield lambda: check.twins(card)
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
        yield lambda: rules.test_infinite_logits(name) is None


def killed(name):
    """True as soon as one guard of the loss fails or raises."""
    for guard in guards(name):
        try:
            if not guard():
                return True
        except BROKEN:
            raise
        except (Exception, pytest.fail.Exception):
            return True
    return False


# (module, function or card, the right text, the wrong text[, the loss whose guards must find it])
MUTANTS = [
    # wrong sign
    ("regression", "squared_error_gradient", "pred - target", "target - pred"),
    ("regression", "pinball", "target - pred", "pred - target"),
    ("regression", "pinball_gradient", "step(pred - target) - tau", "tau - step(pred - target)"),
    ("regression", "huber", "r - inner / 2", "r + inner / 2"),
    ("regression", "log_cosh_gradient", "tanh(pred - target)", "-tanh(pred - target)"),
    ("regression", "cosine_distance_gradient", "u - v - distance", "u - v + distance"),
    ("classification", "sigmoid_cross_entropy", "softplus(-logit)", "softplus(logit)"),
    ("classification", "sigmoid_cross_entropy_gradient", "- pos_weight", "+ pos_weight"),
    ("classification", "softmax_focal_gradient", "missing - gamma", "missing + gamma"),
    ("classification", "exponential_gradient", "(1 - 2 * target) * exp", "(2 * target - 1) * exp"),
    ("margin", "hinge", "1 - (2 * target - 1)", "1 + (2 * target - 1)"),
    ("margin", "perceptron_gradient", "-side * step(-side", "side * step(-side"),
    ("scoring", "spherical_score", "return -sum", "return sum"),
    ("scoring", "brier_gradient", "error - sum", "error + sum"),
    # wrong factor or exponent
    ("regression", "squared_error", "** 2", "** 2 / 2"),
    ("regression", "huber", "inner / 2", "inner / 2.0000001"),
    ("regression", "smooth_l1", "beta * slope / 2", "slope / 2"),
    ("regression", "charbonnier_gradient", "scale * (r", "(r"),
    ("regression", "cauchy", "scale**2 / 2 *", "scale**2 *"),
    ("regression", "cauchy_gradient", "(r / scale) ** 2", "(r / scale) ** 2 / 2"),
    ("regression", "geman_mcclure", "(2 * scale)", "scale"),
    ("regression", "welsch_gradient", "u / scale * exp", "u * exp"),
    ("regression", "tukey_biweight", "3 - 3 * u2", "3 - 2 * u2"),
    ("regression", "tukey_biweight_gradient", "(1 - u**2) ** 2", "(1 - u**2)"),
    ("regression", "general_robust", "distance / alpha", "1 / alpha"),
    ("regression", "general_robust_gradient", "alpha / 2 - 1", "alpha / 2"),
    ("regression", "expectile", "(1 - tau) * r**2", "(1 - tau) * r**2 / 2"),
    ("regression", "expectile_gradient", "2 * tau * r", "tau * r"),
    ("regression", "squared_log_error_gradient", "/ (1 + pred)", "/ (1 + target)"),
    ("classification", "_smoothed", "epsilon / q.shape[-1]", "epsilon / (q.shape[-1] - 1)", "softmax_cross_entropy"),
    ("classification", "_focal_slope", "gamma * mul0", "mul0", "sigmoid_focal"),
    ("classification", "sigmoid_focal", "positive * _focus(target", "_focus(1 - target"),
    ("margin", "squared_hinge_gradient", "-2 * side", "-side"),
    ("scoring", "_direction", "** 0.5", "** 1.0", "spherical_score"),
    # swapped or wrong arguments
    ("regression", "pinball", "tau * shortfall, (tau - 1) * shortfall", "(tau - 1) * shortfall, tau * shortfall"),
    ("regression", "quantile_huber", "(1 - tau) * rounded, tau * rounded", "tau * rounded, (1 - tau) * rounded"),
    ("regression", "expectile", "where(r > 0", "where(r < 0"),
    ("regression", "absolute_percentage_error", "/ absolute(target)", "/ absolute(pred)"),
    ("regression", "epsilon_insensitive_gradient", "absolute(r) - epsilon", "absolute(r) + epsilon"),
    ("regression", "huber", "clip(r, -delta, delta)", "clip(r, -delta, 2 * delta)"),
    ("classification", "sigmoid_focal_gradient", "_focal_slope(-logit, gamma)", "_focal_slope(logit, gamma)"),
    ("classification", "softmax_focal", "labels, log_softmax(logits)", "labels, log_softmax(-logits)"),
    # the naive, unstable form
    ("_xp", "softplus", "where(x < 0, 0.0, x) + log1p(exp(-magnitude(x)))", "log(1 + exp(x))", "sigmoid_cross_entropy"),
    ("_xp", "softplus", "magnitude(x)", "absolute(x)", "sigmoid_cross_entropy"),
    ("_xp", "sigmoid", "exp(-softplus(-x))", "1 - exp(-softplus(x))", "sigmoid_cross_entropy"),
    (
        "_xp",
        "log_softmax",
        "below - log1p(others)",
        "logits - log(namespace(logits).sum(exp(logits), axis=-1, keepdims=True))",
        "softmax_cross_entropy",
    ),
    ("_xp", "log_softmax", "log1p(others)", "log(1 + others)", "softmax_cross_entropy"),
    ("_xp", "log_softmax", "where(is_top, 0.0, exp(below))", "exp(below)", "softmax_cross_entropy"),
    (
        "_xp",
        "log_cosh_of",
        "where(small, near, far + log1p(exp(-2 * far)) - math.log(2))",
        "magnitude(x) + log1p(exp(-2 * magnitude(x))) - math.log(2)",
        "log_cosh",
    ),
    ("_xp", "mul0", "factor * where(factor == 0, 1.0, x)", "factor * x", "sigmoid_cross_entropy"),
    (
        "_xp",
        "log1p_square",
        "where(big, 2 * log(large) + log1p(large**-2), log1p(where(big, 0.0, x) ** 2))",
        "log(1 + x**2)",
        "cauchy",
    ),
    ("_xp", "probability_error", "where(q == 1, expm1(log_p), exp(log_p) - q)", "exp(log_p) - q", "brier"),
    (
        "_xp",
        "one_minus_bell",
        "where(near, -expm1(-(where(near, x, 0.0) ** 2) / 2), 1 - exp(-(x**2) / 2))",
        "1 - exp(-(x**2) / 2)",
        "welsch",
    ),
    ("regression", "charbonnier", "near**2 / (1 + (1 + (near / scale) ** 2) ** 0.5)", "scale * (_hypot(near, scale) - scale)"),
    (
        "regression",
        "_log_ratio",
        "where(close, log1p(where(close, change, 0.0)), log1p(pred) - log1p(target))",
        "log1p(pred) - log1p(target)",
        "squared_log_error",
    ),
    (
        "regression",
        "cosine_distance",
        "sum_classes((unit(pred) - unit(target)) ** 2) / 2",
        "1 - sum_classes(unit(pred) * unit(target))",
    ),
    ("regression", "geman_mcclure", "2 / (1 + large**-2)", "2 * large**2 / (1 + large**2)"),
    (
        "classification",
        "_focus",
        "sure = rest < namespace(rest).finfo(rest.dtype).smallest_normal",
        "sure = rest < 0",
        "softmax_focal",
    ),
    ("classification", "_focus", "missed = log_p < -50", "missed = log_p > 0", "sigmoid_focal"),
    ("classification", "_focus", "missed = log_p < -50", "missed = log_p < -20", "sigmoid_focal"),
    # a clamp or a small number that hides something
    ("_xp", "softplus", "log1p(exp(-magnitude(x)))", "clip(log1p(exp(-magnitude(x))), 1e-7, 100.0)", "sigmoid_cross_entropy"),
    ("_xp", "log_softmax", "below - log1p(others)", "clip(below - log1p(others), -100.0, 0.0)", "softmax_cross_entropy"),
    ("_xp", "positive_part", "where(x <= 0, 0.0, x)", "where(x > 0, x, 0.0)", "hinge"),
    ("_xp", "step", "clip(sign(x), 0.0, 1.0)", "where(x > 0, 1.0, 0 * x)", "hinge"),
    ("_xp", "step", "clip(sign(x), 0.0, 1.0)", "(sign(x) + 1) / 2", "pinball"),
    ("regression", "absolute_percentage_error", "/ absolute(target)", "/ (absolute(target) + 1e-7)"),
    # a missing guard
    ("regression", "pinball", "in_range(tau=tau, low=0, high=1)", "pass"),
    ("regression", "huber", 'in_range(delta=delta, low=0, closed="]")', "pass"),
    ("regression", "absolute_percentage_error", "require(target, target != 0,", "(target, target != 0,"),
    ("regression", "squared_log_error", "~(array <= -1)", "~(array < -1)"),
    ("classification", "sigmoid_cross_entropy", "in_unit_interval(target=target)", "pass"),
    ("margin", "hinge", "zero_or_one(target=target)", "pass"),
    (
        "_loss",
        "prepare",
        "shape = check_shapes(axes, arrays)",
        "shape = tuple(arrays[0].shape)[: arrays[0].ndim - axes[names[0]]]",
        "squared_error",
    ),
    ("_loss", "prepare", "arrays[-1] = arrays[-1].detach()", "pass", "pinball"),
    ("_loss", "prepare", "compute = xp.float32 if xp.finfo(dtype).bits < 32 else dtype", "compute = dtype", "log_cosh"),
    ("_loss", "as_probabilities", "(labels >= 0) & (labels < classes)", "labels < classes", "brier"),
    ("_loss", "as_probabilities", "abs(total - 1) > tolerance", "abs(total - 1) > 2", "brier"),
    ("_loss", "check_weight", "require(weight, weight >= 0", "(weight, weight >= 0", "huber"),
    ("_loss", "in_range", "value >= low if", "value > low - 1 if", "epsilon_insensitive"),
    (
        "_loss",
        "drop",
        "return where(counted[(..., *[None] * (array.ndim - counted.ndim))], array, harmless)",
        "return array",
        "log_cosh",
    ),
    ("_loss", "same_library", "raise TypeError(", "print(", "huber"),
    ("_loss", "ignore", "labels != index", "labels == index", "softmax_cross_entropy"),
    (
        "_loss",
        "weigh_classes",
        "return of_example if weight is None else weight * of_example",
        "return of_example",
        "softmax_cross_entropy",
    ),
    ("_loss", "as_probabilities", "labels = drop(labels, weight, 0)", "pass", "softmax_cross_entropy"),
    # the wrong mean
    ("_reduce", "reduce", "xp.sum(weight) if weight is not None else _count(values)", "_count(values)", "huber"),
    ("_reduce", "reduce", "return total / denominator", "return total / max(denominator, 1)", "huber"),
    ("_reduce", "reduce", "return total / denominator", "return total / (denominator + 1e-7)", "huber"),
    ("_reduce", "reduce", "        values = values * weight", "        pass", "huber"),
    ("_reduce", "_count", "count *= length", "count = length", "cosine_distance"),
    ("_reduce", "check_reduction", "if reduction not in REDUCTIONS:", "if False:", "huber"),
    # a card that says something wrong
    ("regression", "huber card", "r**2 / 2, Abs(r) <= delta", "r**2 / 2, Abs(r) <= 2 * delta"),
    ("regression", "huber card", "gradient_formula=Max(-delta", "gradient_formula=Max(delta"),
    ("regression", "huber card", "factor=delta", "factor=1 / delta"),
    ("regression", "huber card", "bound=delta", "bound=2 * delta"),
    ("regression", "squared_error card", 'functional="mean"', 'functional="median"'),
    ("regression", "squared_error card", "degree=2", "degree=1"),
    ("regression", "pinball card", "Max(tau, 1 - tau)", "Max(tau, 2 - tau)"),
    ("regression", "general_robust card", "Eq(alpha, 2)),\n            (log", "Eq(alpha, 3)),\n            (log"),
    ("regression", "welsch card", '"between": (1.0, 5.0)', '"between": (0.0, 0.5)'),
    ("regression", "tukey_biweight card", "16 * c / (25 * sqrt(5))", "16 * c / 25"),
    ("regression", "expectile card", "gradient_formula=2 * side", "gradient_formula=side"),
    ("regression", "absolute_error card", 'says(check.convex, "searched")', 'says(check.convex, "proved")'),
    ("classification", "sigmoid_cross_entropy card", "w * eta / (w * eta + 1 - eta)", "eta / (w * eta + 1 - eta)"),
    ("classification", "softmax_cross_entropy card", "bound=sqrt(2)", "bound=2"),
    ("classification", "softmax_cross_entropy card", "epsilon / K) * (logsumexp", "epsilon / (K - 1)) * (logsumexp"),
    ("classification", "softmax_focal card", '"gamma": 2.0', '"gamma": 0.0'),
    ("classification", "exponential card", "stretch=2", "stretch=1"),
    ("margin", "perceptron card", 'denies(check.calibrated, "verified", witness=0.8)', 'says(check.calibrated, "verified")'),
    ("scoring", "brier card", "bound=2", "bound=1"),
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
            assert killed(name), "every check passes with the error in place: a test is missing"
    except (AssertionError, *BROKEN):
        raise
    except Exception:  # the module itself refuses to be built with the error: found
        return


def test_the_sound_package_survives():
    """The harness itself changes nothing: with an edit that means the same, every guard passes."""
    with planted("regression", "huber", "inner * (r - inner / 2)", "(r - inner / 2) * inner"):
        assert not killed("huber")
    with planted("_xp", "softplus", "log1p(exp(-magnitude(x)))", "(log1p(exp(-magnitude(x))))"):
        assert not killed("sigmoid_cross_entropy")


def test_there_are_enough():
    assert len(MUTANTS) >= 60
    assert len(set(MUTANTS)) == len(MUTANTS)
