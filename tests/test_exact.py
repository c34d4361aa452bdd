"""The oracle itself: values against mpmath written out by hand, points inside the domain, equality that can fail."""

import math

import mpmath
import numpy as np
import pytest
from sympy import (
    Abs,
    And,
    Derivative,
    Eq,
    Float,
    IndexedBase,
    Integral,
    KroneckerDelta,
    Limit,
    Max,
    Min,
    Or,
    Piecewise,
    Product,
    Rational,
    Sum,
    Symbol,
    cosh,
    diag,
    exp,
    log,
    pi,
    sign,
    sin,
    sqrt,
    tanh,
)
from sympy import Matrix as M
from sympy import gamma as gamma_function

from lossbook import _exact
from lossbook._exact import _proved, equal, exact, sample, unknowns
from lossbook._symbols import (
    K,
    P,
    Q,
    Y,
    Y_hat,
    Z,
    beta,
    c,
    c_y,
    delta,
    epsilon,
    gamma,
    i,
    j,
    k,
    l,
    latex,
    logsumexp,
    n,
    p,
    r,
    sigma,
    sigmoid,
    softmax,
    softplus,
    tau,
    theta,
    y,
    y_hat,
    z,
)

SIMPLEX = [Eq(Sum(Q[k], (k, 1, K)), 1)]
CROSS_ENTROPY = logsumexp(Z) - Sum(Q[k] * Z[k], (k, 1, K))
HUBER = Piecewise((r**2 / 2, Abs(r) <= delta), (delta * (Abs(r) - delta / 2), True))
PINBALL = Max(tau * (y - y_hat), (tau - 1) * (y - y_hat))
LOGISTIC = softplus(z) - y * z


def by_hand(function, digits=9000):
    """A value computed in far more digits than `exact` needs, without any of its code."""
    with mpmath.workdps(digits):
        return +function(mpmath)


def close(value, expected, digits=48):
    with mpmath.workdps(digits + 20):
        return abs(value - expected) <= abs(expected) * mpmath.mpf(10) ** -digits


VALUES = [
    (LOGISTIC, {z: 0.3, y: 1.0}, lambda m: m.log1p(m.exp(m.mpf(0.3))) - m.mpf(0.3)),
    (LOGISTIC, {z: 800.0, y: 1.0}, lambda m: m.log1p(m.exp(-m.mpf(800)))),  # 3.7e-348: 348 digits cancel
    (LOGISTIC, {z: -800.0, y: 1.0}, lambda m: m.log1p(m.exp(m.mpf(800)))),
    (Derivative(LOGISTIC, z), {z: 800.0, y: 1.0}, lambda m: -1 / (1 + m.exp(m.mpf(800)))),
    (log(1 - sigmoid(z)), {z: 1e4}, lambda m: -m.mpf(10000) - m.log1p(m.exp(-m.mpf(10000)))),  # log of what 500 digits call 0
    (logsumexp(Z) - Z[c_y], {Z: [700.0, -3.0, 1.5], c_y: 1}, lambda m: m.log1p(m.exp(m.mpf(-703)) + m.exp(m.mpf("-698.5")))),
    (softmax(Z, j), {Z: np.array([1.0, 2.0]), j: 2}, lambda m: 1 / (1 + m.exp(m.mpf(-1)))),
    (CROSS_ENTROPY, {Z: [1.0, 2.0], Q: [0.25, 0.75]}, lambda m: m.log(m.e + m.exp(2)) - m.mpf(7) / 4),
    (HUBER, {y_hat: 0.1, y: 0, delta: 1.0}, lambda m: m.mpf(0.1) ** 2 / 2),  # 0.1 is the float, not one tenth
    (HUBER, {y_hat: np.float32(0.1), y: 0, delta: 0.05}, lambda m: 0.05 * (m.mpf(float(np.float32(0.1))) - m.mpf(0.05) / 2)),
    (sqrt(1 + (r / c) ** 2) - 1, {y_hat: 1e-100, y: 0, c: 1}, lambda m: m.mpf(1e-100) ** 2 / 2 * (1 - m.mpf(1e-100) ** 2 / 4)),
    (log(cosh(z)), {z: 500.0}, lambda m: 500 + m.log1p(m.exp(-m.mpf(1000))) - m.log(2)),
    (sign(r) * Min(Abs(r), 2), {y_hat: -3.0, y: 1.5}, lambda m: m.mpf(-2)),
    (Sum(P[k] * KroneckerDelta(k, j), (k, 1, K)) + epsilon / K, {P: [1, 2, 4], j: 3, epsilon: 0.5}, lambda m: 4 + m.mpf(1) / 6),
    (Product(Y[i], (i, 1, n)) / n, {Y: [2.0, 3.0, 5.0]}, lambda m: m.mpf(10)),
    (Sum(Sum(P[k], (k, 1, j)) ** 2, (j, 1, K - 1)), {P: [1.0, 2.0, 4.0]}, lambda m: m.mpf(10)),
    (Integral(r, (y_hat, y, y_hat)), {y_hat: 3, y: 1}, lambda m: m.mpf(2)),
    (Float(4.685) * z, {z: 1}, lambda m: m.mpf(4.685)),
]


@pytest.mark.parametrize("expression, values, expected", VALUES, ids=lambda v: str(v)[:40] if not callable(v) else "")
def test_values_are_correct_to_fifty_digits(expression, values, expected):
    assert close(exact(expression, values), by_hand(expected))


def test_below_the_floor_is_zero_and_outside_the_domain_is_nan():
    assert abs(exact(LOGISTIC, {z: 1e4, y: 1.0})) < mpmath.mpf(10) ** -400  # e^-10000
    assert abs(exact(softplus(z) - z - softplus(-z), {z: 3.7})) < mpmath.mpf(10) ** -400  # exactly 0
    assert mpmath.isnan(exact(log(z), {z: -1.0}))
    assert mpmath.isnan(exact(1 / z, {z: 0.0}))


def test_an_index_is_looked_up_where_it_stands():
    values = {Z: [1.5, 2.5, 4.0], j: 2, l: 2}
    assert exact(Z[j] + 10 * Z[j + 1] + 100 * Z[j - 1], values) == 2.5 + 40 + 150
    assert exact(KroneckerDelta(j, l) * Z[j], values) == 2.5
    assert exact(KroneckerDelta(j, l) * Z[j], values | {l: 3}) == 0
    assert exact(Sum(Z[k], (k, 1, j)), values) == 4
    first = Piecewise((Z[j], Eq(j, 1)), (Z[j] - Z[j - 1], True))  # the other branch would look up an entry 0
    assert [exact(first, values | {j: index}) for index in (1, 2, 3)] == [1.5, 1, 1.5]
    for index in (0, 4):
        with pytest.raises(IndexError):
            exact(Z[j], values | {j: index})


def test_a_sequence_of_indices_gives_the_value_at_each():
    values = {Z: [0.5, -1.0, 800.0]}
    for formula in (softmax(Z, j), Z[j] * sigmoid(Z[j]) - KroneckerDelta(j, 2)):
        for index, found in enumerate(exact(formula, values | {j: range(1, 4)}), start=1):
            alone = exact(formula, values | {j: index})
            with mpmath.workdps(60):
                assert abs(found - alone) <= abs(alone) * mpmath.mpf(10) ** -49
    undefined, known = exact(log(Z[j]), {Z: [-1.0, 2.0], j: (1, 2)})  # one of them does not take the other with it
    assert mpmath.isnan(undefined)
    assert known == exact(log(Z[j]), {Z: [2.0], j: 1})


def test_sizes_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match="K = "):
        exact(CROSS_ENTROPY, {Z: [1.0, 2.0, 3.0], Q: [0.5, 0.5]})


def test_derivatives_of_the_named_functions_are_those_of_their_definitions():
    for function in (softplus(2 * z), sigmoid(-z), logsumexp(Z / tau), softmax(Z / tau, k)):
        for variable in (z, tau, Z[j]):
            assert equal(function.diff(variable), function.rewrite(exp).diff(variable), points=60)
    assert math.isclose(sigmoid(2).evalf(), 1 / (1 + math.exp(-2)), rel_tol=1e-15)


# --- points ---------------------------------------------------------------------------------------------------------------


def test_points_lie_in_the_domain_and_are_the_same_for_the_same_seed():
    given = [*SIMPLEX, And(y >= 0, y <= 1), tau < 1, z > y, Eq(c, delta**2)]
    symbols = unknowns(CROSS_ENTROPY + y * tau * z * c * delta + Q[j], *given)
    points = sample(symbols, given, np.random.default_rng(3), 100)
    assert len(points) == 100
    for point in points:
        assert sum(point[Q]) == 1  # exactly: the entries are multiples of 2^-30
        assert min(point[Q]) > 0
        assert len(point[Z]) == len(point[Q]) == point[K]
        assert 1 <= point[j] <= point[K]
        assert 0 <= point[y] <= 1
        assert 0 < point[tau] < 1
        assert point[z] > point[y]
        with mpmath.workdps(60):
            assert close(point[c], mpmath.mpf(point[delta]) ** 2)
    assert points == sample(symbols, given, np.random.default_rng(3), 100)
    assert max(abs(v) for point in points for v in point[Z]) > 500
    assert {point[K] for point in points} == {2, 3, 5}


def test_points_of_a_finite_set_and_of_an_empty_one():
    assert {point[y] for point in sample([y], [Or(Eq(y, 0), Eq(y, 1))], n=20)} == {0.0, 1.0}
    with pytest.raises(ValueError, match="no point"):
        sample([y, z], [y > z, z > y], n=1)


# --- equality -------------------------------------------------------------------------------------------------------------


def test_an_integral_without_a_closed_form_is_refused():
    with pytest.raises(ValueError, match="cannot carry out every integral"):
        equal(Integral(exp(sin(theta)), (theta, 0, sigma)), sigma)


PROBABILITIES = M([softmax(Z, a) for a in (1, 2, 3)])
HESSIAN = M(3, 3, lambda a, b: Derivative(logsumexp(Z), Z[a + 1], Z[b + 1]))
DENSITY = exp(-((Y[i] - Y_hat[i]) ** 2) / (2 * sigma**2)) / sqrt(2 * pi * sigma**2)

PROVED = {
    "sigmoid cross-entropy": (-y * log(sigmoid(z)) - (1 - y) * log(1 - sigmoid(z)), LOGISTIC),
    "its stable form": (softplus(z), Max(z, 0) + log(1 + exp(-Abs(z)))),
    "its gradient": (Derivative(LOGISTIC, z), sigmoid(z) - y),
    "softmax cross-entropy": (-Sum(Q[k] * log(softmax(Z, k)), (k, 1, K)), CROSS_ENTROPY, SIMPLEX),
    "its gradient for K classes": (Derivative(CROSS_ENTROPY, Z[j]), softmax(Z, j) - Q[j]),
    "its gradient for a label": (Derivative(logsumexp(Z) - Z[c_y], Z[j]), softmax(Z, j) - KroneckerDelta(j, c_y)),
    "its Hessian": (Derivative(logsumexp(Z), Z[j], Z[l]), softmax(Z, j) * (KroneckerDelta(j, l) - softmax(Z, l))),
    "its Hessian as a matrix": (HESSIAN, diag(*PROBABILITIES) - PROBABILITIES * PROBABILITIES.T),
    "label smoothing": (
        logsumexp(Z) - Sum(((1 - epsilon) * Q[k] + epsilon / K) * Z[k], (k, 1, K)),
        (1 - epsilon) * CROSS_ENTROPY + epsilon * (logsumexp(Z) - Sum(Z[k], (k, 1, K)) / K),
    ),
    "shift of the logits": (logsumexp(Z), c + log(Sum(exp(Z[k] - c), (k, 1, K)))),
    "cross-entropy is entropy plus divergence": (
        -Sum(Q[k] * log(P[k]), (k, 1, K)),
        -Sum(Q[k] * log(Q[k]), (k, 1, K)) + Sum(Q[k] * log(Q[k] / P[k]), (k, 1, K)),
    ),
    "Huber's gradient": (Derivative(HUBER, y_hat), Max(-delta, Min(delta, r))),
    "pinball's gradient": (Derivative(PINBALL, y_hat), Piecewise((1, y_hat > y), (0, True)) - tau),
    "Gaussian likelihood": (
        -log(Product(DENSITY, (i, 1, n))),
        Sum((Y[i] - Y_hat[i]) ** 2, (i, 1, n)) / (2 * sigma**2) + n * log(2 * pi * sigma**2) / 2,
    ),
    "sum of squares": (Derivative(Sum((Y[i] - theta) ** 2, (i, 1, n)), theta), 2 * (n * theta - Sum(Y[i], (i, 1, n)))),
    "tanh": (tanh(z), 2 * sigmoid(2 * z) - 1),
    "log-cosh": (log(cosh(z)), softplus(2 * z) - z - log(2)),
    "numbers of examples and classes alone": ((n + K) / (n * K), 1 / n + 1 / K),
    "a limit": (Limit(log(1 + r**2 * beta) / beta, beta, 0), r**2),
}


@pytest.mark.parametrize("pair", PROVED.values(), ids=PROVED)
def test_true_equalities_are_proved(pair):
    result = equal(*pair)
    assert result.ok, result.message
    assert result.grade == "proved"
    assert result.points >= 50


def test_what_is_not_proved_is_verified_and_says_at_how_many_points():
    result = equal(log(cosh(z) + 1), 2 * log(cosh(z / 2)) + log(2))
    assert (result.ok, result.grade, result.points) == (True, "verified", 200)
    assert result.worst < 1e-30


FALSE = {
    "sign": (Derivative(LOGISTIC, z), y - sigmoid(z)),
    "factor": (Derivative(r**2, y_hat), r),
    "dropped term": (CROSS_ENTROPY, -Sum(Q[k] * Z[k], (k, 1, K))),
    "wrong index": (Derivative(CROSS_ENTROPY, Z[j]), softmax(Z, j) - Q[k]),
    "wrong branch": (Derivative(HUBER, y_hat), Piecewise((r, Abs(r) <= delta), (delta, True))),
    "wrong side of the kink": (PINBALL, (y - y_hat) * (tau - Piecewise((1, y > y_hat), (0, True)))),
    "log and exp in the wrong order": (logsumexp(Z), Sum(log(exp(Z[k])), (k, 1, K))),
    "only where z is large": (softplus(z), softplus(Min(z, 400))),
    "only where z is very negative": (sigmoid(z), 1 / (1 + exp(Min(-z, 300)))),
    "by one part in 10^12": (softplus(z), softplus(z) * (1 + Rational(1, 10**12))),
    "by 10^-20 beside 1": (1 + sigmoid(z), 1 + sigmoid(z) + Rational(1, 10**20)),
    "on half of the line": (sqrt(r**2), r),
    "outside the unit ball": (Max(Abs(r) - 1, 0), Abs(r) - 1),
    "without the condition it needs": (-Sum(Q[k] * log(softmax(Z, k)), (k, 1, K)), CROSS_ENTROPY),
    "undefined on one side": (log(z**2), 2 * log(z)),
    "undefined on both sides": (log(-(z**2)), log(-(z**2))),
    "true for two classes only": (Sum(softmax(Z, k) ** 2, (k, 1, K)), 1 - 2 * softmax(Z, 1) * softmax(Z, 2)),
    "one entry of a matrix": (M([[1, sigmoid(z)], [0, 1]]), M([[1, sigmoid(-z)], [0, 1]])),
    "number of examples for number of classes": (n / K, K / n),
    "shapes": (M([[1, 0]]), M([[1], [0]])),
    "focal loss without the first term": (
        Derivative(-((1 - p) ** gamma) * log(p), p),
        -((1 - p) ** gamma) / p,
        [p < 1],
    ),
}


@pytest.mark.parametrize("pair", FALSE.values(), ids=FALSE)
def test_false_equalities_fail_with_a_point(pair):
    result = equal(*pair)
    assert not result.ok
    if result.witness is not None:
        left, right = result.witness["left"], result.witness["right"]
        assert mpmath.isnan(left) or mpmath.isnan(right) or not close(left, right, 30)
    else:
        assert "shapes" in result.message


@pytest.mark.parametrize("name", sorted(FALSE.keys() - {"undefined on both sides", "shapes", "one entry of a matrix"}))
def test_the_prover_alone_proves_nothing_false(name):
    left, right, *given = FALSE[name]
    assert not _proved(left, right, *given or [()])


def test_the_printer_writes_as_a_textbook_does():
    assert latex(r) == r"\hat y - y"
    assert latex(LOGISTIC) == r"\operatorname{softplus}(z) - y z"
    assert latex(logsumexp(Z) - Z[c_y]) == r"\operatorname{LSE}(z) - z_{y}"
    assert latex(-Sum(Q[k] * log(P[k]), (k, 1, K))) == r"- \sum_{k=1}^{K} q_{k} \log p_{k}"
    assert latex(Piecewise((1, r > 0), (0, True))) == r"\left[\hat y - y > 0\right]"
    assert latex(sigmoid(z) ** 2) == r"\sigma^{2}(z)"
    assert latex(Derivative(logsumexp(Z), Z[j])).replace(" ", "") == r"\frac{\partial}{\partialz_{j}}\operatorname{LSE}(z)"
    assert latex(Abs(r) <= delta) == r"\left\lvert \hat y - y \right\rvert \leq \delta"


def test_what_was_found_in_one_domain_says_nothing_of_another():
    assert equal(Abs(z), z, given=[z > 0])
    assert not equal(Abs(z), z)
    assert equal(Abs(z), z, given=[z > 0]).points == 200  # and once more from what is known


def test_points_are_drawn_once_whoever_asks(monkeypatch):
    """Two who take turns see the same points; a domain whose drawing broke off is not at its end."""
    one, other = (_exact._points_of((((z, ()),), (), 7, 6)) for _ in range(2))
    assert all(a is b for a, b in zip(one, other, strict=True))
    with monkeypatch.context() as patch:
        patch.setattr(_exact, "_point", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            next(_exact._points_of((((z, ()),), (), 8, 6)))
    assert len(list(_exact._points_of((((z, ()),), (), 8, 6)))) == 6


@pytest.mark.parametrize("name", ["gamma", "entry_0", "exp"])
def test_a_letter_may_have_the_name_of_something_else(name):
    letter, vector = Symbol(name), IndexedBase("v")
    expression = letter * gamma_function(vector[1]) + exp(letter)
    found = exact(expression, {letter: 2.0, vector: [4.0]})
    assert abs(found - (12 + mpmath.exp(2))) < 1e-14
    assert abs(exact(letter * gamma_function(Symbol("x")), {letter: 2.0, Symbol("x"): 4.0}) - 12) < 1e-14
