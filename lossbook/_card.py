"""`Card`: what a loss means, as data. `CARDS`: all of them, built when first asked for, because SymPy is slow to import."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ._result import GRADES, Result


@dataclass(frozen=True)
class Claim:
    """One statement about a loss, with the check that can refute it and the grade of evidence that the check delivers."""

    kind: str
    statement: str
    grade: str
    witness: Any = None
    examine: Callable | None = field(default=None, repr=False)
    card: Any = field(default=None, repr=False, compare=False)  # the card holds the claim: comparing it would never end

    def check(self) -> Result:
        """Run the check now. A claim that is only cited has nothing to run and says so."""
        if self.examine is None:
            return Result(True, "cited", message="cited from the literature, not checked here")
        return self.examine(self.card)


@dataclass(frozen=True)
class Twin:
    """The same loss in another library: this package's value is `factor` times what `call` returns.

    `call(*arrays, reduction=..., **params)` takes arrays of the named library; `reductions` are those the library offers.
    """

    name: str
    call: Callable = field(repr=False)
    factor: Any = 1
    note: str = ""
    reductions: tuple = ("none", "sum", "mean")

    @property
    def library(self):
        return self.name.split(".")[0]


@dataclass(frozen=True)
class Card:
    """The fact sheet of one loss. Frozen data: everything it says is held against the function by the checks."""

    function: Callable = field(repr=False)
    symbols: Mapping = field(repr=False)
    domain: Mapping = field(repr=False)
    formula: Any = None
    gradient: Callable | None = field(default=None, repr=False)
    gradient_formula: Any = field(default=None, repr=False)
    oracle: Callable | None = field(default=None, repr=False)
    link: str = "identity"
    convention: str = field(default="", repr=False)
    reference: str = field(default="", repr=False)
    twins: tuple = field(default=(), repr=False)
    claims: tuple = field(default=(), repr=False)
    chapter: str = field(default="", repr=False)

    def __post_init__(self):
        if (self.formula is None) == (self.oracle is None):
            raise ValueError(f"{self.name}: a card carries a formula or an oracle, exactly one of them")
        object.__setattr__(self, "twins", tuple(self.twins))
        object.__setattr__(self, "claims", tuple(replace(claim, card=self) for claim in self.claims))

    @property
    def name(self):
        return self.function.__name__

    @property
    def prediction(self):
        """The symbol of the first argument."""
        return self.symbols[next(iter(self.function.axes))]

    @property
    def target(self):
        """The symbol of the last argument."""
        return self.symbols[next(reversed(self.function.axes))]

    @property
    def parameters(self):
        """Names of the parameters of the formula, in the order of the signature."""
        return [name for name in self.symbols if name not in self.function.axes]

    def equation(self, part="formula", label=None):
        """The formula as a numbered display equation, or the gradient, checked to be the derivative of the formula."""
        import sympy

        from ._points import given
        from .derive import define, equation

        if part == "formula":
            return define(r"\ell", self.formula, label=label)
        derivative = sympy.Eq(sympy.Derivative(self.formula, self._one_prediction()), self.gradient_formula, evaluate=False)
        return equation(derivative, given=given(self), label=label, left=self._derivative_latex())

    def _one_prediction(self):
        """The prediction, or its j-th entry where it is a vector."""
        import sympy

        from ._symbols import j

        return self.prediction[j] if isinstance(self.prediction, sympy.IndexedBase) else self.prediction

    def _derivative_latex(self):
        from ._symbols import latex

        return rf"\partial \ell/\partial {latex(self._one_prediction())}"

    def _repr_markdown_(self):
        from ._symbols import latex

        rows = [("formula", f"$\\displaystyle {latex(self.formula)}$")] if self.formula is not None else []
        if self.gradient_formula is not None:
            rows.append(("gradient", f"$\\displaystyle {self._derivative_latex()} = {latex(self.gradient_formula)}$"))
        rows.append(("domain", ", ".join(f"`{name}` ∈ {where}" for name, where in self.domain.items())))
        rows.append(("link", self.link))
        rows += [("convention", self.convention)] if self.convention else []
        rows += [("twin", _twin_line(twin)) for twin in self.twins]
        rows += [("claim", f"{_plain(claim.statement)} *({claim.grade})*") for claim in self.claims]
        lines = [f"| {what} | {text.replace('|', chr(92) + '|')} |" for what, text in rows]
        return "\n".join([f"| `{self.name}` | |", "|:--|:--|", *lines])

    def __str__(self):
        lines = [f"{self.name}: {self.formula if self.formula is not None else 'defined by its oracle'}"]
        lines += [f"  {claim.statement} ({claim.grade})" for claim in self.claims]
        return "\n".join(lines)


def _plain(text):
    """Text whose stars and underscores Markdown must leave alone."""
    return text.replace("*", r"\*").replace("_", r"\_")


def _twin_line(twin):
    from ._symbols import latex

    factor = "equal" if twin.factor == 1 else f"this package = ${latex(twin.factor)}$ × twin"
    return f"`{twin.name}`: {factor}" + (f"; {twin.note}" if twin.note else "")


class _Cards(Mapping):
    """Read-only mapping from the name of a loss to its Card; a card is built the first time it is looked up."""

    def __init__(self):
        self._builders, self._built = {}, {}

    def __getitem__(self, name):
        if name not in self._built:
            self._built[name] = self._builders[name]()
        return self._built[name]

    def __iter__(self):
        return iter(self._builders)

    def __len__(self):
        return len(self._builders)

    def __repr__(self):
        return f"CARDS({', '.join(self)})"


CARDS = _Cards()


def describes(function):
    """Decorate the function that builds the Card of a loss."""

    def register(build):
        CARDS._builders[function.__name__] = build
        return build

    return register


def card(loss):
    """The Card of a loss, given the function or its name."""
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", repr(loss))
    if name not in CARDS:
        import difflib

        close = difflib.get_close_matches(name, CARDS, n=3)
        raise KeyError(f"no card for {name!r}" + (f"; did you mean {', '.join(close)}?" if close else ""))
    return CARDS[name]


def says(check, grade, **options):
    """A claim that `check(card, **options)` holds."""
    return Claim(check.__name__, check.statement(**options), _grade(grade), examine=lambda card: check(card, **options))


def denies(check, grade, *, witness, **options):
    """A claim that `check` does *not* hold, with the stored witness at which it fails."""

    def examine(card):
        result = check(card, at=witness, **options)
        shown = result.worst is None or math.isfinite(result.worst)  # a nan fails every check and refutes nothing
        return replace(result, ok=shown and not result.ok, witness=witness)

    return Claim("not_" + check.__name__, check.negation(**options), _grade(grade), witness, examine)


def cites(kind, statement):
    """A claim from the literature that nothing here checks; these are counted in public."""
    return Claim(kind, statement, "cited")


def _grade(grade):
    if grade not in GRADES:
        raise ValueError(f"grade must be one of {GRADES}, got {grade!r}")
    return grade
