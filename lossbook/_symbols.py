"""The letters of the book: one SymPy symbol for each thing, and the four functions that formulas are written with.

Every formula, gradient and derivation uses these symbols and no others, so that `y_hat` on one page is the `y_hat` of all pages.
Classes are counted k = 1, ..., K and examples i = 1, ..., n; sums are written out: `Sum(q[k] * z[k], (k, 1, K))`.
"""

import re
import unicodedata

from sympy import (
    Add,
    Function,
    Ge,
    Gt,
    IndexedBase,
    KroneckerDelta,
    Le,
    Lt,
    Mul,
    S,
    Sum,
    Symbol,
    erfc,
    exp,
    fraction,
    log,
    pi,
    sqrt,
    symbols,
)
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.pretty.pretty_symbology import pretty_symbol
from sympy.printing.str import StrPrinter
from sympy.tensor.indexed import Indexed


class Hat(Symbol):
    """A symbol that prints with a hat: `Hat("y_hat")` is \\hat y."""

    def _latex(self, printer):
        return r"\hat " + self.name.removesuffix("_hat")


y_hat = Hat("y_hat", real=True)  # prediction
y = Symbol("y", real=True)  # target
r = y_hat - y  # residual: how far the prediction is above the target
z = Symbol("z", real=True)  # the logit, where there are two classes

K, n = symbols("K n", integer=True, positive=True)  # how many classes, how many examples
k, j, l, i, m = symbols("k j l i m", integer=True, positive=True)  # indices: k, j, l of classes, i and m of examples  # noqa: E741
c_y = Symbol("y", integer=True, positive=True)  # the target as a class: prints as y, runs through 1, ..., K

Z = IndexedBase("z", real=True)  # logits
Q = IndexedBase("q", nonnegative=True)  # target probabilities
P = IndexedBase("p", nonnegative=True)  # predicted probabilities
W = IndexedBase("w", nonnegative=True)  # weights
X = IndexedBase("x", real=True)  # inputs
Y = IndexedBase("y", real=True)  # the targets of n examples
Mu = IndexedBase("mu", real=True)  # the means of a mixture
Rho = IndexedBase("rho", real=True)  # the logarithms of its scales
Theta = IndexedBase("theta", real=True)  # the thresholds between ordered classes
Prior = IndexedBase("pi", positive=True)  # how frequent the classes are
Counts = IndexedBase("n", positive=True)  # how many examples each class has
Times = IndexedBase("t", real=True)  # the times of n subjects, of an event or of the end of the observation
Events = IndexedBase("delta", nonnegative=True)  # 1 where the event was seen, 0 where the subject was censored
Steps, Lengths = symbols("T_n S_n", integer=True, nonnegative=True)  # how many steps and labels a sequence has
blank = Symbol("b", integer=True, nonnegative=True)  # the class that stands for no label
T = IndexedBase("T", nonnegative=True)  # T[k, l]: the probability that class k is labelled l
Y_hat = IndexedBase(Hat("y_hat", real=True))  # the predictions for n examples
U, V = IndexedBase("u", real=True), IndexedBase("v", real=True)  # two embeddings that are compared
U_plus, U_minus = IndexedBase("u^+", real=True), IndexedBase("u^-", real=True)  # one that belongs to u, and one that does not
Groups = IndexedBase("g", integer=True)  # the group to which each example belongs

tau = Symbol("tau", positive=True)  # quantile level, or temperature
delta, beta, gamma, sigma, scale = symbols("delta beta gamma sigma s", positive=True)
c, epsilon, lamda = symbols("c epsilon lambda", positive=True)
alpha, mu, theta = symbols("alpha mu theta", real=True)
w = Symbol("w", nonnegative=True)  # the weight of the positive class
L = Symbol("L", real=True)  # the value of a loss, where a loss is made of losses
omega = Symbol("omega", positive=True)  # a factor held constant: the gradient takes it for a number
v, rho = symbols("v rho", real=True)  # the logarithm of a variance, and of a scale
nu, kappa, phi, a = symbols("nu kappa phi a", positive=True)  # df; concentration; dispersion; shape
xi = Symbol("xi", real=True)  # Tweedie power
gamma_plus, gamma_minus = symbols("gamma_+ gamma_-", positive=True)  # focusing of positives and of negatives
A = Symbol("A", negative=True)  # the number that stands for log 0
order = Symbol("q", positive=True)  # the power of the generalised cross-entropy; target probabilities have an index, q_k
z1, z2 = symbols("z_1 z_2", real=True)  # the scores of two items
d = Symbol("d", positive=True)  # the margin that is asked for
fair = Symbol("f", nonnegative=True)  # 1 for an estimate without bias, 0 for the plain one
squares = Symbol("s", nonnegative=True)  # 1 for squares, of distances or in sums, 0 for the plain ones
p, q = symbols("p q", nonnegative=True)  # probabilities of the positive class
log_w, log_l = Symbol(r"\log \pi_{w}", real=True), Symbol(r"\log \pi_{l}", real=True)  # of the chosen and the rejected answer
ref_w, ref_l = Symbol(r"\log \pi^{0}_{w}", real=True), Symbol(r"\log \pi^{0}_{l}", real=True)  # and under the reference model
u, A_hat = Symbol("u", real=True), Hat("A_hat", real=True)  # log of a probability ratio, and the estimated advantage
R = Symbol("R", positive=True)  # the range of the values that a pixel can have
z_0 = Symbol("z_0", real=True)  # the reference point of KTO, an estimate of a divergence
log_evidence, kl_to_prior = Symbol(r"\log p", real=True), Symbol("D", real=True)  # the two terms of the ELBO
Noise, Score = IndexedBase("epsilon", real=True), IndexedBase("s", real=True)  # standard normal noise; a predicted score
Velocity = IndexedBase(Hat("u_hat", real=True))  # a predicted velocity
Start, End = IndexedBase("x^0", real=True), IndexedBase("x^1", real=True)  # the ends of a path


def _element(vector, index):
    """Entry `index` of an elementwise expression: (Z / tau) at k is Z[k] / tau."""
    return vector.xreplace({base: base[index] for base in vector.atoms(IndexedBase)})


def _brackets(inside):
    """Brackets that grow only where there is something tall inside."""
    return rf"\left({inside}\right)" if any(tall in inside for tall in (r"\frac", r"\sum", r"\prod")) else f"({inside})"


class _Definition(Function):
    """A named function that is an abbreviation: `rewrite(exp)` spells it out."""

    def _eval_evalf(self, precision):
        return self.rewrite(exp)._eval_evalf(precision)

    def _latex(self, printer, exp=None):
        power = "" if exp is None else f"^{{{exp}}}"
        return f"{self.latex_name}{power}{_brackets(printer._print(self.args[0]))}"


class sigmoid(_Definition):
    """sigma(u) = 1 / (1 + exp(-u)); its derivative is sigma(u) (1 - sigma(u))."""

    nargs = 1
    is_positive = True
    latex_name = r"\sigma"

    def fdiff(self, argindex=1):
        return self * (1 - self)

    def _eval_rewrite_as_exp(self, u, **kwargs):
        return 1 / (1 + exp(-u))


class softplus(_Definition):
    """softplus(u) = log(1 + exp(u)); its derivative is sigma(u)."""

    nargs = 1
    is_positive = True
    latex_name = r"\operatorname{softplus}"

    def fdiff(self, argindex=1):
        return sigmoid(self.args[0])

    def _eval_rewrite_as_exp(self, u, **kwargs):
        return log(1 + exp(u))


class logsumexp(_Definition):
    """LSE(z) = log(exp z_1 + ... + exp z_K), for `logsumexp(Z)` or any elementwise expression such as `logsumexp(Z / tau)`."""

    nargs = 1
    is_real = True
    latex_name = r"\operatorname{LSE}"

    def _eval_derivative(self, s):
        (u,) = self.args
        if isinstance(s, Indexed):
            return softmax(u, s.indices[0]) * _element(u, s.indices[0]).diff(s)
        slope = _element(u, k).diff(s)
        return S.Zero if slope == 0 else Sum(softmax(u, k) * slope, (k, 1, K))

    def _eval_rewrite_as_exp(self, u, **kwargs):
        return log(Sum(exp(_element(u, k)), (k, 1, K)))


class softmax(_Definition):
    """softmax(z)_j = exp(z_j) / (exp z_1 + ... + exp z_K), written `softmax(Z, j)`."""

    nargs = 2
    is_positive = True

    def _eval_derivative(self, s):
        u, index = self.args
        if isinstance(s, Indexed):
            (other,) = s.indices
            return self * (KroneckerDelta(index, other) - softmax(u, other)) * _element(u, other).diff(s)
        return self * (_element(u, index).diff(s) - logsumexp(u).diff(s))

    def _eval_rewrite_as_exp(self, u, index, **kwargs):
        return exp(_element(u, index)) / Sum(exp(_element(u, k)), (k, 1, K))

    def _latex(self, printer, exp=None):
        u, index = map(printer._print, self.args)
        plain = rf"\operatorname{{softmax}}{_brackets(u)}_{{{index}}}"
        return plain if exp is None else rf"{plain}^{{{exp}}}"


class distance(_Definition):
    """The Euclidean distance of two vectors, written `distance(U, V)`; it has no derivative where they are the same."""

    nargs = 2
    is_nonnegative = True

    def _eval_derivative(self, s):
        if not isinstance(s, Indexed):
            return S.Zero
        (index,) = s.indices
        difference = self.args[0][index] - self.args[1][index]
        return difference.diff(s) * difference / self

    def _eval_rewrite_as_exp(self, u, v, **kwargs):
        return sqrt(Sum((u[k] - v[k]) ** 2, (k, 1, K)))

    def _latex(self, printer, exp=None):
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"\lVert {printer._print(self.args[0])} - {printer._print(self.args[1])} \rVert{power}"


class normal_cdf(_Definition):
    """Phi(u), the standard normal distribution function; its derivative is phi(u)."""

    nargs = 1
    is_positive = True
    latex_name = r"\Phi"

    def fdiff(self, argindex=1):
        return normal_pdf(self.args[0])

    def _eval_rewrite_as_exp(self, u, **kwargs):
        return erfc(-u / sqrt(2)) / 2


class normal_pdf(_Definition):
    """phi(u) = exp(-u**2 / 2) / sqrt(2 pi), the standard normal density."""

    nargs = 1
    is_positive = True
    latex_name = r"\varphi"

    def fdiff(self, argindex=1):
        return -self.args[0] * self

    def _eval_rewrite_as_exp(self, u, **kwargs):
        return exp(-(u**2) / 2) / sqrt(2 * pi)


DEFINITIONS = (sigmoid, softplus, logsumexp, softmax, distance, normal_cdf, normal_pdf)


def _minus_last(printer, expr):
    """y_hat - y, not -y + y_hat: terms with a minus sign go last."""
    terms = sorted(printer._as_ordered_terms(expr, order="lex"), key=lambda term: term.could_extract_minus_sign())
    return Add(*terms, evaluate=False)


class _Textbook(LatexPrinter):
    """SymPy's LaTeX, with the few habits of a textbook that it lacks."""

    def _print_Add(self, expr, order=None):
        return super()._print_Add(_minus_last(self, expr), order="none")

    def _print_Mul(self, expr):
        # (tau - 1) (y - y_hat), q_k log p_k: parameters go first, logarithms and sums last
        if expr.could_extract_minus_sign() and (-expr).is_Mul:
            return f"- {self._print(-expr)}"

        def place(factor):
            return isinstance(factor, Sum), isinstance(factor, log), factor.has(y, y_hat, z)

        return super()._print_Mul(Mul(*sorted(expr.as_ordered_factors(), key=place), evaluate=False))

    def _print_log(self, expr, exp=None):
        power = "" if exp is None else f"^{{{exp}}}"
        inside = self._print(expr.args[0])
        short = expr.args[0].is_Atom or isinstance(expr.args[0], (Indexed, Sum, _Definition))
        return rf"\log{power} {inside if short else _brackets(inside)}"

    def _print_loggamma(self, expr, exp=None):
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"\log{power} \Gamma{_brackets(self._print(expr.args[0]))}"

    def _print_Derivative(self, expr):
        # SymPy sees one variable in LSE(z), but z_j is one of many
        self._settings["diff_operator_latex"] = r"\partial " if any(isinstance(v, Indexed) for v in expr.variables) else "d"
        return super()._print_Derivative(expr)

    def _print_Indexed(self, expr):
        return f"{self._print(expr.base)}_{{{','.join(map(self._print, expr.indices))}}}"

    def _print_Relational(self, expr):
        # |r| <= delta, not delta >= |r|: the longer side goes first
        if isinstance(expr, (Gt, Ge, Lt, Le)) and expr.lhs.count_ops() < expr.rhs.count_ops():
            expr = expr.reversed
        return super()._print_Relational(expr)

    def _print_Piecewise(self, expr):
        # the Iverson bracket: [condition] is 1 where the condition holds and 0 elsewhere
        if len(expr.args) == 2 and expr.args[0].expr == 1 and expr.args[1].expr == 0 and expr.args[1].cond == True:  # noqa: E712
            return rf"\left[{self._print(expr.args[0].cond)}\right]"
        return super()._print_Piecewise(expr)

    def _print_Abs(self, expr, exp=None):
        inside = rf"\left\lvert {self._print(expr.args[0])} \right\rvert"
        return inside if exp is None else f"{inside}^{{{exp}}}"


def latex(expression):
    """The LaTeX of an expression as the book prints it."""
    return _Textbook({"order": "none"}).doprint(expression)


class _Sentence(StrPrinter):
    """An expression as it is written inside a sentence: 2η - 1, 9√2/8, e^(-ρ)."""

    def _print_Add(self, expr, order=None):
        return super()._print_Add(_minus_last(self, expr), order="none")

    def _print_Symbol(self, expr):
        return pretty_symbol(expr.name.replace("_hat", "hat"))

    def _print_Indexed(self, expr):
        return f"{self._print(expr.base.label)}_{''.join(map(self._print, expr.indices))}"

    def _print_Infinity(self, expr):
        return "∞"

    def _print_NegativeInfinity(self, expr):
        return "-∞"

    def _print_Pi(self, expr):
        return "π"

    def _print_Function(self, expr):
        return f"{str(expr.func).lower()}({self.stringify(expr.args, ', ')})"  # SymPy writes Max, Min

    def _print_LatticeOp(self, expr):
        return self._print_Function(expr)

    def _print_Abs(self, expr):
        return f"|{self._print(expr.args[0])}|"

    def _print_Exp1(self, expr):
        return "e"

    def _print_exp(self, expr):
        return self._print_Pow(expr)

    def _print_Pow(self, expr, rational=False):
        base, power = expr.base, expr.exp
        if power in (-1, -S.Half):
            return f"1/{self._factor(1 / expr)}"
        if power == S.Half:
            return f"√{self._factor(base)}"
        written = self.parenthesize(base, PRECEDENCE["Pow"])
        if power in (2, 3):
            return written + "  ²³"[power]
        return f"{written}^{self.parenthesize(power, PRECEDENCE['Func'])}"

    def _print_Mul(self, expr):
        number, rest = expr.as_coeff_Mul()
        if number < 0:
            return f"-{self._term(-number * rest)}"
        above, below = fraction(expr, exact=True)
        if below != 1:
            return f"{self._term(above)}/{self._factor(below)}"
        product = " ".join(map(self._term, expr.as_ordered_factors()))
        return re.sub(r"^(\d+) (?=[^\W\d](?![^\W\d_])|√)", r"\1", product)  # 2η, but 2 (n - 1) and 2 scale

    def _term(self, expr):
        return f"({self._print(expr)})" if expr.is_Add else self._print(expr)

    def _factor(self, expr):
        return f"({self._print(expr)})" if expr.is_Mul else self._term(expr)

    def _print_Piecewise(self, expr):
        cases = [f"{self._print(value)} if {self._print(condition)}" for value, condition in expr.args[:-1]]
        return f"({', '.join(cases)}, else {self._print(expr.args[-1].expr)})"


def text(expression):
    """An expression as the sentences of claims have it."""
    return unicodedata.normalize("NFC", _Sentence().doprint(expression))
