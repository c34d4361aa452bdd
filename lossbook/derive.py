"""Derivations that compile: a chain of equalities in which every step is checked before it can be shown.

    Derivation("The gradient of the logistic loss", Derivative(softplus(z) - y * z, z)) \\
        .step(sigmoid(z) - y, "the derivative of softplus is the sigmoid") \\
        .ends_at(card("sigmoid_cross_entropy"), "gradient")

A step that does not hold raises `DerivationError`. A step that holds carries its grade: "proved" where SymPy finds a proof,
"verified" where the two sides agree to 30 digits at random points of the domain. `equation` shows a single equality, checked
in the same way, and `define` a definition, which is marked as one.
"""

from dataclasses import dataclass
from textwrap import wrap

import sympy as sp

from ._exact import equal
from ._result import GRADES, Result
from ._symbols import *  # noqa: F403  (the letters of the book, for whoever writes a derivation)
from ._symbols import latex

COLUMN = 34  # letters of small print that fit on a phone beside the number of the equation


class DerivationError(ValueError):
    """A step that does not hold: its number, its reason, both sides, and a point at which they differ."""

    def __init__(self, where, reason, left, right, result):
        self.step, self.reason, self.left, self.right, self.witness = where, reason, left, right, result.witness
        because = f" ({reason})" if reason else ""
        super().__init__(f"{where}{because} does not hold\n  left:  {left}\n  right: {right}\n  {result.message}")


@dataclass(frozen=True)
class Step:
    """One line of a derivation: what the line before is equal to, why, and what the check found."""

    expression: sp.Basic
    reason: str
    result: Result

    @property
    def mark(self):
        return "proved" if self.result.grade == "proved" else f"{self.result.points} points"


class Derivation:
    """A chain of equalities from `start`, valid where the conditions `given` hold.

    `start` may contain unevaluated derivatives, integrals, limits and sums: they are shown as such and worked out to compare.
    `equals`, an expression or a Card, is where the chain leads: compared with the start at once, and shown as the last line.
    `label="eq-name"` makes the derivation a numbered equation, to which the book refers by this name.
    """

    def __init__(self, title, start, *, given=(), equals=None, label=None):
        self.title, self.start, self.given, self.label = title, sp.sympify(start), tuple(given), label
        self.steps = ()
        self._end = None if equals is None else self._arrival(self.start, equals, "formula")

    def step(self, expression, reason):
        """The next line: equal to the line before, for this reason."""
        number = f"step {len(self.steps) + 1} of {self.title!r}"
        self.steps += (_checked(number, self._last, sp.sympify(expression), reason, self.given),)
        return self

    def ends_at(self, target, part="formula"):
        """Check that the last line is this expression, or the formula (or `part="gradient"`) of this Card."""
        self._end = self._arrival(self._last, target, part)
        return self

    @property
    def grade(self):
        """The weakest grade among the steps; None before the first step."""
        return max((step.result.grade for step in self._lines), key=GRADES.index, default=None)

    @property
    def _last(self):
        return self.steps[-1].expression if self.steps else self.start

    @property
    def _lines(self):
        arrived = self._end and not self._end.reason and self._end.expression == self._last  # nothing more to say
        return self.steps + ((self._end,) if self._end and not arrived else ())

    def _arrival(self, expression, target, part):
        reason = ""
        if hasattr(target, "formula"):
            reason = f"the {part} on the card of {target.name.replace('_', ' ')}"
            target = {"formula": target.formula, "gradient": target.gradient_formula}[part]
        return _checked(f"the end of {self.title!r}", expression, sp.sympify(target), reason, self.given)

    def _repr_latex_(self):
        rows = [f"& {latex(self.start)}"]
        for line in self._lines:
            rows += [f"&= {latex(line.expression)}"] if line is not self._end or line.expression != self._last else []
            rows += _remarks(line.reason, line.mark)
        return _display(rows, self.given, self.label)

    def __repr__(self):
        lines = [f"  = {line.expression}  [{line.reason}{line.reason and '; '}{line.mark}]" for line in self._lines]
        return "\n".join([self.title, f"    {self.start}", *lines, *_where(self.given)])

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/latex": self._repr_latex_(), "text/plain": repr(self)}


@dataclass(frozen=True, repr=False)
class Equation:
    """A display equation: `left = right` with its evidence, or a definition."""

    left: str  # LaTeX
    right: str  # LaTeX
    text: str
    relation: str = "="
    mark: str = ""
    given: tuple = ()
    label: str | None = None

    def _repr_latex_(self):
        apart = len(self.left) > 12 and len(self.left) + len(self.right) > 90  # two lines on a narrow screen
        rows = [f"& {self.left}", f"&{self.relation} {self.right}"] if apart else [f"{self.left} &{self.relation} {self.right}"]
        return _display(rows + (_remarks("", self.mark) if self.mark else []), self.given, self.label)

    def __repr__(self):
        return "\n".join([f"{self.text}  [{self.mark or 'definition'}]", *_where(self.given)])

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/latex": self._repr_latex_(), "text/plain": repr(self)}


def equation(equality, *, given=(), label=None, left=None):
    """Show an equality, `Eq(left, right)`, that has been checked; DerivationError where it does not hold.

    `left`, as LaTeX, is shown in place of a left side that is too long to read.
    """
    if isinstance(equality, bool | type(sp.true)):
        raise TypeError("Eq(left, right) collapsed to true or false: write Eq(left, right, evaluate=False)")
    if not isinstance(equality, sp.Eq):
        raise TypeError(f"equation() shows an Eq(left, right), got {equality}; for a definition use define(name, expression)")
    step = _checked("the equation", equality.lhs, equality.rhs, "", given)
    text = f"{left or equality.lhs} = {equality.rhs}"
    return Equation(left or latex(equality.lhs), latex(equality.rhs), text, mark=step.mark, given=tuple(given), label=label)


def define(name, expression, *, label=None):
    """Show the definition `name := expression`; `name` is LaTeX or a SymPy expression. Nothing is claimed, nothing is checked."""
    left = name if isinstance(name, str) else latex(name)
    return Equation(left, latex(expression), f"{name} := {expression}", relation=r"\mathrel{:=}", label=label)


def _checked(where, left, right, reason, given):
    if set(reason) & set("\\$&%#{}^_"):
        raise ValueError(f"a reason is written in plain words, got {reason!r}")
    result = equal(left, right, given)
    if not result:
        raise DerivationError(where, reason, left, right, result)
    return Step(right, reason, result)


def _remarks(reason, mark):
    """The reason and the mark as rows of small print, short enough for a phone."""
    mark = f"✓ {mark}".replace(" ", "\u00a0")  # not broken
    rows = [rf"& \quad {{\small \text{{{row}}}}}" for row in wrap(f"{reason} {mark}", COLUMN)]
    return [row.replace("✓\u00a0", r"}\checkmark\;\text{").replace("\u00a0", " ").replace(r"\text{}", "") for row in rows]


def _where(given):
    return [f"  where {', '.join(map(str, given))}"] if given else []


def _display(rows, given, label):
    """Aligned LaTeX. The label stands in a comment: the book reads it, and Jupyter's MathJax never sees one label twice."""
    if given:
        conditions = r",\; ".join(map(latex, given))
        rows = [*rows, rf"& \quad {{\small \text{{where }} {conditions}}}"]
    name = [f"% \\label{{{label}}}"] if label else []
    return "\n".join(["$$", *name, r"\begin{aligned}", " \\\\\n".join(rows), r"\end{aligned}", "$$"])
