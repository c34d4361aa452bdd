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

    `call(*arrays, reduction=..., **params)` takes torch tensors if the library is torch or built on it (`tensors`), else NumPy
    arrays; `reductions` are those the library offers. `at` are the settings in which the two are the same loss, where there
    are others; `indices` says that the library wants class indices.
    """

    name: str
    call: Callable = field(repr=False)
    factor: Any = 1
    note: str = ""
    reductions: tuple = ("none", "sum", "mean")
    at: Mapping | None = None
    indices: bool = False
    tensors: bool | None = None

    @property
    def library(self):
        return self.name.split(".")[0]

    @property
    def takes_tensors(self):
        return self.library == "torch" if self.tensors is None else self.tensors


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
    terms: float = field(default=0.0, repr=False)  # how large the terms are that may cancel; an error is relative to no less
    held: Mapping = field(default_factory=dict, repr=False)  # symbols of the formula that the gradient takes for constants

    def __post_init__(self):
        if (self.formula is None) == (self.oracle is None):
            raise ValueError(f"{self.name}: a card carries a formula or an oracle, exactly one of them")
        if self.oracle is not None and not self.oracle.__doc__:
            raise ValueError(f"{self.name}: the oracle says in its docstring what it defines")
        object.__setattr__(self, "twins", tuple(self.twins))
        object.__setattr__(self, "claims", tuple(replace(claim, card=self) for claim in self.claims))

    @property
    def name(self):
        return self.function.__name__

    @property
    def predictions(self):
        """The symbols of what the model says."""
        return tuple(self.symbols[name] for name in list(self.function.axes)[: self.function.predictions])

    @property
    def prediction(self):
        """The symbol of the first argument."""
        return self.predictions[0]

    @property
    def target(self):
        """The symbol of the last argument."""
        return self.symbols[next(reversed(self.function.axes))]

    @property
    def parameters(self):
        """Names of the parameters of the formula, in the order of the signature."""
        return [name for name in self.symbols if name not in self.function.axes]

    @property
    def slopes(self):
        """The formula of the gradient for each prediction."""
        return self.gradient_formula if isinstance(self.gradient_formula, tuple) else (self.gradient_formula,)

    def gradients(self, *arrays, **params):
        """The hand-derived gradient as a tuple, one array for each prediction."""
        gradient = self.gradient(*arrays, **params)
        return gradient if isinstance(gradient, tuple) else (gradient,)

    def exactly(self, arrays, params, digits=50, held_at=None):
        """The loss of one example to `digits` digits, from the formula or from the oracle, which computes with mpmath.

        `held_at` are the arrays that give the factors in `held` their values: for a derivative they stay while `arrays` move.
        """
        from ._exact import exact, settle
        from ._points import named

        if self.oracle is None:
            point = named(self, arrays, params)
            if self.held and held_at is not None:
                before = named(self, held_at, params)
                point |= {symbol: before[symbol] for symbol in self.held}
            return exact(self.formula, point, digits)
        return settle(lambda numbers: self.oracle(*numbers, **params), arrays, digits)

    def equation(self, part="formula", label=None, wrt=0):
        """The formula as a numbered display equation, or the gradient, checked to be the derivative of the formula."""
        import sympy

        from ._points import given
        from .derive import define, equation

        if self.formula is None:
            raise ValueError(f"{self.name} is defined by its oracle and has no formula to print: inspect.getsource(card.oracle)")
        if part == "formula":
            return define(r"\ell", self.formula, label=label)
        derivative = sympy.Eq(sympy.Derivative(self.formula, self._entry(wrt)), self.slopes[wrt], evaluate=False)
        return equation(derivative, given=given(self), label=label, left=self._derivative_latex(wrt))

    def _entry(self, wrt=0):
        """A prediction, or its j-th entry where it is a vector."""
        import sympy

        from ._symbols import j

        symbol = self.predictions[wrt]
        return symbol[j] if isinstance(symbol, sympy.IndexedBase) else symbol

    def _derivative_latex(self, wrt=0):
        from ._symbols import latex

        return rf"\partial \ell/\partial {latex(self._entry(wrt))}"

    def _repr_markdown_(self):
        from ._symbols import latex

        if self.formula is not None:
            rows = [("formula", f"$\\displaystyle {latex(self.formula)}$")]
        else:
            rows = [("definition", _plain(" ".join(self.oracle.__doc__.split())))]
        for i, slope in enumerate(self.slopes if self.gradient_formula is not None else ()):
            rows.append(("gradient", f"$\\displaystyle {self._derivative_latex(i)} = {latex(slope)}$"))
        rows += [("held constant", f"${latex(symbol)} = {latex(factor)}$") for symbol, factor in self.held.items()]
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
    shown = {name: f"{value:g}" if isinstance(value, int | float) else value for name, value in (twin.at or {}).items()}
    where = ", ".join(f"{name} = {value}" for name, value in shown.items())
    return f"`{twin.name}`: {factor}" + (f" at {where}" if where else "") + (f"; {twin.note}" if twin.note else "")


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
