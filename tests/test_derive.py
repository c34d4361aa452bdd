"""Derivations: true ones compile and say their grade, wrong steps do not, and what is shown is stable."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
from sympy import (
    Abs,
    Derivative,
    Eq,
    Float,
    Integral,
    Limit,
    Matrix,
    Max,
    Min,
    Piecewise,
    Product,
    Rational,
    Sum,
    cosh,
    diag,
    exp,
    log,
    oo,
    pi,
    sign,
    sqrt,
    true,
)

from lossbook._symbols import (
    K,
    P,
    Q,
    Y,
    Y_hat,
    Z,
    delta,
    gamma,
    i,
    j,
    k,
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
from lossbook.derive import Derivation, DerivationError, define, equation

SIMPLEX = Eq(Sum(Q[k], (k, 1, K)), 1)
LOGISTIC = softplus(z) - y * z
CROSS_ENTROPY = logsumexp(Z) - Sum(Q[k] * Z[k], (k, 1, K))
HUBER = Piecewise((r**2 / 2, Abs(r) <= delta), (delta * (Abs(r) - delta / 2), True))
# as much as a derivation asks of a Card
CARD = SimpleNamespace(name="sigmoid_cross_entropy", formula=LOGISTIC, gradient_formula=sigmoid(z) - y)


def logistic_gradient(**options):
    return (
        Derivation("The gradient of the logistic loss", Derivative(LOGISTIC, z), **options)
        .step(Derivative(softplus(z), z) - y, "the second term is linear")
        .step(sigmoid(z) - y, "the derivative of softplus is the sigmoid")
    )


# --- derivations that hold ---------------------------------------------------------------------------------------------------


def test_logistic_gradient_ends_at_the_card():
    derivation = logistic_gradient().ends_at(CARD, "gradient")
    assert derivation.grade == "proved"
    assert [step.expression for step in derivation.steps] == [Derivative(softplus(z), z) - y, sigmoid(z) - y]


def test_softmax_gradient_for_any_number_of_classes():
    start = Derivative(-Sum(Q[k] * log(softmax(Z, k)), (k, 1, K)), Z[j])
    derivation = (
        Derivation("The gradient of softmax cross-entropy", start, given=[SIMPLEX])
        .step(Derivative(CROSS_ENTROPY, Z[j]), "the logarithm of softmax, and the targets sum to one")
        .step(Derivative(logsumexp(Z), Z[j]) - Q[j], "only one term of the sum depends on this logit")
        .step(softmax(Z, j) - Q[j], "the gradient of LSE is softmax")
    )
    assert derivation.grade == "proved"


def test_softmax_hessian_as_a_matrix():
    for size in (2, 3):
        probability = Matrix([softmax(Z, a + 1) for a in range(size)])
        hessian = Matrix(size, size, lambda a, b: Derivative(logsumexp(Z), Z[a + 1], Z[b + 1]))
        assert Derivation("Hessian", hessian).step(diag(*probability) - probability * probability.T, "twice").grade == "proved"


def test_huber_gradient_is_a_clipped_residual():
    Derivation("Huber", Derivative(HUBER, y_hat)).step(
        Piecewise((r, Abs(r) <= delta), (delta * sign(r), True)), "branch by branch"
    ).step(Max(-delta, Min(delta, r)), "that is the residual, clipped")


def test_pinball_under_a_condition():
    loss = Max(tau * (y - y_hat), (tau - 1) * (y - y_hat))
    Derivation("Pinball", loss, given=[tau < 1]).step((y - y_hat) * (tau - Piecewise((1, y < y_hat), (0, True))), "by the sign")


def test_cross_entropy_is_entropy_plus_divergence():
    entropy = -Sum(Q[k] * log(Q[k]), (k, 1, K))
    start = -Sum(Q[k] * log(P[k]), (k, 1, K))
    Derivation("CE = H + KL", start).step(-Sum(Q[k] * (log(Q[k]) - log(Q[k] / P[k])), (k, 1, K)), "add and subtract").step(
        entropy + Sum(Q[k] * log(Q[k] / P[k]), (k, 1, K)), "split the sum"
    )


def test_gaussian_likelihood_gives_squared_error():
    density = exp(-((Y[i] - Y_hat[i]) ** 2) / (2 * sigma**2)) / sqrt(2 * pi * sigma**2)
    squares = Sum((Y[i] - Y_hat[i]) ** 2, (i, 1, n))
    derivation = (
        Derivation("Gaussian noise", -log(Product(density, (i, 1, n))))
        .step(-Sum(log(density), (i, 1, n)), "the logarithm of a product")
        .step(squares / (2 * sigma**2) + n * log(2 * pi * sigma**2) / 2, "the logarithm of the density")
    )
    assert derivation.grade == "proved"


def test_unevaluated_starts():
    squares = Sum((Y[i] - theta) ** 2, (i, 1, n))
    Derivation("Mean", Derivative(squares, theta)).step(2 * n * theta - 2 * Sum(Y[i], (i, 1, n)), "sum rule")
    Derivation("Area", Integral(r, (y_hat, y, y_hat))).step(r**2 / 2, "integrate the residual")
    Derivation("Limit", Limit((1 - p**theta) / theta, theta, 0), given=[p < 1, p > 0]).step(-log(p), "the derivative at zero")
    Derivation("Limit at infinity", Limit(softplus(theta) - theta, theta, oo)).step(0, "softplus approaches its asymptote")


def test_the_grade_is_the_weakest_of_the_steps():
    derivation = Derivation("Half angle", log((cosh(z) + 1) ** 2)).step(2 * log(cosh(z) + 1), "logarithm of a power")
    assert derivation.grade == "proved"
    derivation.step(4 * log(cosh(z / 2)) + 2 * log(2), "half angle").step(4 * log(2 * cosh(z / 2)) - 2 * log(2), "collect")
    assert [step.result.grade for step in derivation.steps] == ["proved", "verified", "proved"]
    assert derivation.grade == "verified"
    assert Derivation("nothing yet", z).grade is None


def test_a_derivation_can_say_at_the_start_where_it_leads():
    derivation = Derivation("Logistic", -y * log(sigmoid(z)) - (1 - y) * log(1 - sigmoid(z)), equals=CARD)
    assert "the formula on the card of sigmoid cross entropy" in repr(derivation)
    with pytest.raises(DerivationError, match="the end of 'Logistic'"):
        Derivation("Logistic", -y * log(sigmoid(z)), equals=CARD)


# --- planted errors -----------------------------------------------------------------------------------------------------------

WRONG = {
    "sign": (Derivative(LOGISTIC, z), sigmoid(z) + y),
    "factor": (r**2, r**2 / 2),
    "dropped term": (-log(exp(-(r**2) / (2 * sigma**2)) / sqrt(2 * pi * sigma**2)), r**2 / (2 * sigma**2) + log(sigma)),
    "wrong index": (Derivative(CROSS_ENTROPY, Z[j]), softmax(Z, j) - Q[k]),
    "sum over the wrong term": (Sum(Q[k] * Z[j], (k, 1, K)), Sum(Q[k] * Z[k], (k, 1, K))),
    "wrong branch": (Derivative(HUBER, y_hat), Piecewise((r, Abs(r) <= delta), (-delta * sign(r), True))),
    "branches swapped": (HUBER, Piecewise((r**2 / 2, Abs(r) >= delta), (delta * (Abs(r) - delta / 2), True))),
    "at large logits only": (softplus(z), log(1 + exp(Min(z, 500)))),
    "at large logits only, of a vector": (logsumexp(Z), log(Sum(exp(Min(Z[k], 500)), (k, 1, K)))),
    "one part in 10^12": (sigmoid(z), sigmoid(z) * (1 + Rational(1, 10**12))),
    "a rounded constant": (log(2 * pi) * z, Float("1.8378770664093453", 17) * z),
    "part of the domain": (Max(0, 1 - z), 1 - z),
    "condition left out": (-Sum(Q[k] * log(softmax(Z, k)), (k, 1, K)), CROSS_ENTROPY),
    "undefined": (log(z**2), 2 * log(z)),
    "mean for sum": (Derivative(Sum((Y[i] - theta) ** 2, (i, 1, n)), theta), 2 * theta - 2 * Sum(Y[i], (i, 1, n)) / n),
    "Hessian with the wrong sign": (
        Matrix(2, 2, lambda a, b: Derivative(logsumexp(Z), Z[a + 1], Z[b + 1])),
        Matrix(2, 2, lambda a, b: softmax(Z, 1) * softmax(Z, 2)),
    ),
    "focal exponent": (Derivative((1 - sigmoid(z)) ** gamma, z), -gamma * sigmoid(z) * (1 - sigmoid(z)) ** (gamma - 1)),
}


@pytest.mark.parametrize("start, wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_step_names_itself_both_sides_and_a_point(start, wrong):
    derivation = Derivation("Planted", start).step(start, "nothing happens")
    with pytest.raises(DerivationError) as failure:
        derivation.step(wrong, "a slip")
    message = str(failure.value)
    assert "step 2 of 'Planted' (a slip)" in message
    assert str(start) in message
    assert str(wrong) in message
    assert failure.value.witness["left"] != failure.value.witness["right"]
    assert " = " in message.splitlines()[-1]
    assert len(derivation.steps) == 1  # the wrong line was not added


def test_an_end_in_another_form_is_shown_and_the_same_form_is_not_repeated():
    assert repr(logistic_gradient().ends_at(1 - sigmoid(-z) - y)).endswith("= -y - sigmoid(-z) + 1  [proved]")
    assert repr(logistic_gradient().ends_at(sigmoid(z) - y)) == repr(logistic_gradient())


def test_a_wrong_end_is_refused():
    with pytest.raises(DerivationError, match="the end of"):
        logistic_gradient().ends_at(CARD, "formula")
    with pytest.raises(DerivationError, match="the end of"):
        logistic_gradient().ends_at(y - sigmoid(z))


# --- equations ----------------------------------------------------------------------------------------------------------------


def test_equations_are_checked():
    assert repr(equation(Eq(softplus(z), z + softplus(-z)))) == "softplus(z) = z + softplus(-z)  [proved]"
    with pytest.raises(DerivationError, match="the equation does not hold"):
        equation(Eq(softplus(z), z - softplus(-z)))
    with pytest.raises(TypeError, match="define"):
        equation(sigmoid(z))
    with pytest.raises(TypeError, match="collapsed"):
        equation(true)


def test_definitions_say_that_they_are_definitions():
    shown = define(r"\ell", HUBER, label="eq-huber")
    assert repr(shown).endswith("[definition]")
    assert r"\ell &\mathrel{:=} \begin{cases}" in shown._repr_latex_()
    assert "\\label{eq-huber}\n" in shown._repr_latex_()


# --- what is shown ------------------------------------------------------------------------------------------------------------

TEXT = """\
The gradient of the logistic loss
    Derivative(-y*z + softplus(z), z)
  = -y + Derivative(softplus(z), z)  [the second term is linear; proved]
  = -y + sigmoid(z)  [the derivative of softplus is the sigmoid; proved]
  = -y + sigmoid(z)  [the gradient on the card of sigmoid cross entropy; proved]
  where y <= 1"""

LATEX = r"""$$
% \label{eq-logistic-gradient}
\begin{aligned}
& \frac{\partial}{\partial z} \left(\operatorname{softplus}(z) - y z\right) \\
&= \frac{d}{d z} \operatorname{softplus}(z) - y \\
& \quad {\small \text{the second term is linear }\checkmark\;\text{proved}} \\
&= \sigma(z) - y \\
& \quad {\small \text{the derivative of softplus is the}} \\
& \quad {\small \text{sigmoid }\checkmark\;\text{proved}} \\
& \quad {\small \text{the gradient on the card of}} \\
& \quad {\small \text{sigmoid cross entropy }\checkmark\;\text{proved}} \\
& \quad {\small \text{where } y \leq 1}
\end{aligned}
$$"""


def test_text_and_latex_are_exactly_these():
    derivation = logistic_gradient(given=[y <= 1], label="eq-logistic-gradient").ends_at(CARD, "gradient")
    assert repr(derivation) == TEXT
    assert derivation._repr_latex_() == LATEX
    assert derivation._repr_mimebundle_() == {"text/latex": LATEX, "text/plain": TEXT}


def test_verified_steps_say_at_how_many_points():
    derivation = Derivation("Half angle", log(cosh(z) + 1)).step(2 * log(cosh(z / 2)) + log(2), "half angle")
    assert derivation.grade == "verified"
    assert "[half angle; 200 points]" in repr(derivation)
    assert r"\text{half angle }\checkmark\;\text{200 points}" in derivation._repr_latex_()


def test_reasons_are_words():
    with pytest.raises(ValueError, match="plain words"):
        Derivation("Words", z).step(z, r"because $\alpha$ & so on")


def test_latex_of_the_weight_of_a_term():
    assert latex((tau - 1) * (y - y_hat)) == r"\left(\tau - 1\right) \left(y - \hat y\right)"


def test_importing_the_package_does_not_import_sympy():
    code = "import sys, lossbook; assert 'sympy' not in sys.modules; import lossbook.derive; assert 'sympy' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
