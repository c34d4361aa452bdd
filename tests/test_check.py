"""Every check can fail: each one is shown a card with something wrong and must say so, with a witness where it promises one."""

import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import sympy

from lossbook import CARDS, Result, card, check
from lossbook._loss import loss
from lossbook._symbols import delta, r, sigmoid, y, z

HUBER, SQUARE, ENTROPY = card("huber"), card("squared_error"), card("sigmoid_cross_entropy")


def scaled(sound, factor):
    """The card of a loss whose function returns `factor` times too much."""

    def function(*arrays, reduction="mean", **params):
        return factor * sound.function(*arrays, reduction=reduction, **params)

    function.__name__ = sound.name
    function.__dict__.update(sound.function.__dict__)
    return replace(sound, function=function)


@loss(logit=0, target=0)
def lopsided(logit, target):
    """Not a good loss: it decides for the positive class from a probability of 0.2 on."""
    return (logit - (target * 4 - 0.5)) ** 2


def nan_once(p, t):
    """The gradient of the squared error, but for one residual in the midst of the others."""
    gradient = 2 * (p - t)
    return np.where(np.arange(len(gradient)) == len(gradient) // 2, np.nan, gradient)


@loss(pred=0, target=0)
def nan_at_zero(pred, target):
    """The squared error plus 0 times |r|, as a root: a nan in the derivatives where the residual is 0, and nowhere else."""
    r = pred - target
    return r**2 + 0 * (r**2) ** 0.5


def exchanged(*arrays, alpha=0.5, beta=0.5, **options):
    """The Tversky loss with its two weights the wrong way round."""
    return card("tversky").function(*arrays, alpha=beta, beta=alpha, **options)


exchanged.__name__ = "tversky"
exchanged.__dict__.update(card("tversky").function.__dict__)

FAILURES = [
    ("value", lambda: check.value(scaled(HUBER, 1 + 1e-9))),
    ("value of the formula", lambda: check.value(replace(HUBER, formula=HUBER.formula + 1))),
    ("value in float32", lambda: check.value(scaled(HUBER, 1.0001), dtype="float32", rtol=1e-5)),
    ("gradient formula", lambda: check.gradient(replace(SQUARE, gradient_formula=r))),
    ("gradient code", lambda: check.gradient(replace(SQUARE, gradient=lambda p, t: 2 * (t - p)))),
    ("gradient, nan at one point", lambda: check.gradient(replace(SQUARE, gradient=nan_once))),
    ("curvature, nan at one point", lambda: check.curvature(replace(SQUARE, function=nan_at_zero))),
    ("value, parameters exchanged", lambda: check.value(replace(card("tversky"), function=exchanged))),
    ("gradient against the formula", lambda: check.gradient(replace(SQUARE, formula=r**2 / 2))),
    ("autograd", lambda: check.autograd(scaled(SQUARE, 1.001))),
    ("curvature", lambda: check.curvature(replace(SQUARE, gradient_formula=3 * r))),
    ("convex", lambda: check.convex("cauchy")),
    ("convex, K classes", lambda: check.convex("brier")),
    ("lipschitz, bound too small", lambda: check.lipschitz("huber", bound=delta / 2)),
    ("lipschitz, bound too loose", lambda: check.lipschitz("huber", bound=1.01 * delta)),
    ("lipschitz, unbounded", lambda: check.lipschitz("squared_error", bound=10)),
    ("redescending", lambda: check.redescending("huber")),
    ("bounded, too small", lambda: check.bounded("geman_mcclure", bound=1)),
    ("bounded, too loose", lambda: check.bounded("geman_mcclure", bound=3)),
    ("smooth", lambda: check.smooth("huber", order=2, joints=(delta,))),
    ("elicits", lambda: check.elicits("huber", functional="mean", params={"delta": 1.0})),
    ("fits", lambda: check.fits("squared_error", functionals="median")),
    ("proper", lambda: check.proper("sigmoid_focal", params={"gamma": 2.0})),
    ("proper, K classes", lambda: check.proper("softmax_focal", params={"gamma": 2.0})),
    ("calibrated", lambda: check.calibrated("perceptron")),
    ("optimum", lambda: check.optimum("sigmoid_cross_entropy", optimum=sympy.Symbol("eta") ** 2, params={"pos_weight": 1.0})),
    ("identity", lambda: check.identity("squared_error", expression=2 * r**2, name="wrong")),
    ("gradient_identity", lambda: check.gradient_identity("sigmoid_cross_entropy", expression=sigmoid(z) + y, name="wrong")),
    ("symmetric", lambda: check.symmetric("pinball")),
    ("homogeneous", lambda: check.homogeneous("huber", degree=2)),
    ("limit", lambda: check.limit("huber", parameter="delta", to="oo", expression=r**2, name="wrong")),
    ("shift_invariant", lambda: check.shift_invariant("cosine_distance")),
    ("scale_invariant", lambda: check.scale_invariant("brier")),
    ("bounds_mistakes", lambda: check.bounds_mistakes("sigmoid_cross_entropy", factor=1, params={"pos_weight": 1.0})),
    ("strongly_convex", lambda: check.strongly_convex("squared_error", modulus=3)),
    (
        "strongly_convex at a point",
        lambda: check.strongly_convex("huber", modulus=1, at={"between": (3.0, 5.0), "target": 0.0, "params": {"delta": 1.0}}),
    ),
    ("without_influence", lambda: check.without_influence("welsch", beyond=3)),
    ("resists", lambda: check.resists("squared_error", share="1/51")),
    ("behaves_like", lambda: check.behaves_like("log_cosh", expression=r**2, name="wrong")),
    ("behaves_like at large", lambda: check.behaves_like("log_cosh", expression=r**2 / 2, name="wrong", residuals="large")),
    ("grows_with", lambda: check.grows_with("pinball", parameter="tau")),
    ("triangle_inequality", lambda: check.triangle_inequality("squared_error")),
    ("gradient_is_perpendicular", lambda: check.gradient_is_perpendicular("brier")),
    ("homogeneous along", lambda: check.homogeneous("huber", degree=1, along="prediction, target and delta")),
    (
        "limit times a factor",
        lambda: check.limit("huber", parameter="delta", to="0", factor=2 / delta, expression=sympy.Abs(r), name="wrong"),
    ),
    ("twins", lambda: check.twins(replace(HUBER, twins=[replace(HUBER.twins[0], factor=2)]))),
    ("twins, a little off", lambda: check.twins(replace(HUBER, twins=[replace(HUBER.twins[0], factor=1 + 1e-8)]))),
]


# The tests of a family show errors to the checks that were written for it, in a list of the same name.
FAMILIES = [path.stem for path in Path(__file__).parent.glob("test_*.py") if re.search("^FAILURES = ", path.read_text(), re.M)]
FAILURES += [failure for name in sorted(FAMILIES) if name != "test_check" for failure in import_module(name).FAILURES]


@pytest.mark.parametrize("wrong", [f for _, f in FAILURES], ids=[name for name, _ in FAILURES])
def test_check_fails(wrong):
    result = wrong()
    assert isinstance(result, Result)
    assert not result
    assert result.ok is False


def test_every_check_is_shown_an_error():
    checks = {name for name in check.__all__ if hasattr(getattr(check, name), "statement")}
    shown = {name.split(",")[0].split(" ")[0] for name, _ in FAILURES}
    assert checks <= shown, checks - shown


def test_a_refuted_convexity_comes_with_a_witness_that_refutes_it():
    found = check.convex("welsch", params={"scale": 1.0}).witness
    a, b = found["between"]
    assert not check.convex("welsch", at={"between": (a, b), "target": found["rest"][0], "params": {"scale": 1.0}})


def test_a_wrong_value_comes_with_the_inputs():
    result = check.value(scaled(HUBER, 2.0))
    assert {"pred", "target", "params"} <= set(result.witness)
    assert "exactly" in result.message


def test_a_false_witness_is_noticed():
    sound = next(c for c in card("cauchy").claims if c.kind == "not_convex")
    assert sound.check()
    from lossbook._card import denies

    harmless = {"between": (0.0, 0.5), "target": 0.0, "params": {"scale": 1.0}}
    empty = {"between": (float("nan"), 1.0), "target": 0.0, "params": {"scale": 1.0}}
    for witness in (harmless, empty):
        assert not replace(denies(check.convex, "proved", witness=witness), card=card("cauchy")).check()


def test_nan_is_never_a_pass():
    """A loss or a gradient that is nan somewhere fails every check that looks there."""

    def hole(logit, target, *, reduction="mean"):
        values = np.where(np.abs(logit - 0.5) < 0.4, np.nan, np.asarray(ENTROPY.function(logit, target, reduction="none")))
        return values if reduction == "none" else values.mean()

    hole.__dict__.update(ENTROPY.function.__dict__)
    holed = replace(
        card("exponential"),
        function=hole,
        gradient=lambda logit, target: np.where(np.abs(logit) < 0.4, np.nan, np.clip(logit, -1, 1)),
    )
    assert np.isnan(check.largest([0.0, np.nan]))
    assert not check.lipschitz(holed, bound=1)
    assert not check.bounded(holed, bound=1e4)
    assert not check.bounds_mistakes(holed, factor=10)
    assert not check.limit("general_robust", parameter="alpha", to="-oo", expression=sympy.nan, name="nothing")


def test_calibration_sees_a_loss_that_leans():
    leaning = replace(
        ENTROPY, function=lopsided, formula=(z - 4 * y + sympy.Rational(1, 2)) ** 2, symbols={"logit": z, "target": y}
    )
    assert not check.calibrated(leaning)


def test_statements_read_as_sentences():
    assert check.elicits.statement(functional="mean") == "its best constant prediction is the mean"
    for name in CARDS:
        for claim in CARDS[name].claims:
            assert "{" not in claim.statement
            assert claim.grade in check.GRADES


def test_a_sentence_can_do_without_options():
    for name in check.CHECKS:
        assert getattr(check, name).statement() and getattr(check, name).negation()


@pytest.mark.parametrize(
    "expression, written",
    [
        ("2*eta - 1", "2η - 1"),
        ("9*sqrt(2)/8", "9√2/8"),
        ("(2*eta - 1)/(2*beta)", "(2η - 1)/(2β)"),
        ("16*sqrt(5)*c/125", "16√5 c/125"),
        ("sqrt(1 - theta**2)", "√(1 - θ²)"),
        ("1/(w + 1)", "1/(w + 1)"),
        ("-A*beta*(K - 1)", "-A β (K - 1)"),
        ("2*q*(n - 1)", "2q (n - 1)"),
        ("-(mu - y)**2*exp(-2*v)/2", "-(μ - y)² e^(-2v)/2"),
        ("(p**2 + (1 - p)**2)**(-3/2)", "(p² + (1 - p)²)^(-3/2)"),
        ("(nu + 1)*exp(-rho)/(2*sqrt(nu))", "(ν + 1) e^(-ρ)/(2√ν)"),
        ("Max(tau, 1 - tau)", "max(τ, 1 - τ)"),
        ("Piecewise((-a, a < 0), (a, True))", "(-a if a < 0, else a)"),
        ("-oo", "-∞"),
        ("Abs(theta)*pi/y_hat", "π |θ|/ŷ"),
        ("1/(N*n)", "1/(N n)"),
    ],
)
def test_a_formula_in_a_sentence(expression, written):
    assert check.stays_below.statement(bound=expression) == f"never above {written}, and comes close to it"
    assert check.elicits.statement(functional=expression) == f"its best constant prediction is the {expression}"  # words stay


def test_result():
    assert Result(np.True_, "proved").ok is True
    with pytest.raises(ValueError, match="grade"):
        Result(True, "certain")
    assert str(Result(True, "searched", points=7)) == "holds (searched at 7 points)"
    assert str(Result(True, "verified", points=1, message="verified at 1 points")) == "holds (verified at 1 point)"
    assert str(Result(True, "proved", points=200, message="by SymPy")) == "holds (proved): by SymPy"


def test_best_constant_is_the_statistic():
    sample = np.array([0.0, 1.0, 2.0, 10.0, 20.0])
    assert check.best_constant("squared_error", sample) == pytest.approx(sample.mean(), abs=1e-6)
    assert check.best_constant("absolute_error", sample) == pytest.approx(2.0, abs=1e-6)
    assert check.best_constant("pinball", sample, {"tau": 0.9}) == pytest.approx(20.0, abs=0.2)
