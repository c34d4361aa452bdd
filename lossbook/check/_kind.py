"""`kind`: the decorator of a check, with the sentence that a claim of its kind makes. And what several checks share."""

import functools
import inspect
import string

import numpy as np
import sympy
from sympy.abc import _clash  # letters that are functions in SymPy: N, beta, ...

from .. import _points
from .._card import card as find_card
from .._symbols import text

CHECKS = []  # the names of all checks, in the order in which they are defined


def kind(statement, negation=None):
    """Register a check together with the sentence that a claim of its kind makes, and the one that denies it.

    The sentence is filled in from the options of the claim: "{name}" is the option `name`, words, and "{bound!f}" is `bound`,
    an expression, a number or a string that SymPy reads. A function of the options may write the sentence instead.
    An option that is not given is a blank.
    """

    def decorate(check):
        @functools.wraps(check)
        def on_card(loss, **options):
            return check(as_card(loss), **options)

        defaults = {
            name: p.default for name, p in inspect.signature(check).parameters.items() if isinstance(p.default, str | int | float)
        }
        on_card.statement = functools.partial(_sentence, statement, **defaults)
        on_card.negation = functools.partial(_sentence, negation or f"not true: {statement}", **defaults)
        CHECKS.append(check.__name__)
        return on_card

    return decorate


def as_card(loss):
    return loss if hasattr(loss, "formula") else find_card(loss)


def _sentence(template, *, params=None, **options):
    setting = ", ".join(f"{name} = {_brief(value)}" for name, value in (params or {}).items())
    written = template(**options) if callable(template) else _Sentence().vformat(template, (), options)
    return written + (f", at {setting}" if setting else "")


def _brief(value):
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


class _Sentence(string.Formatter):
    """Options as they read in a sentence; what `!f` marks is a formula even where it is a string."""

    def get_value(self, key, args, options):
        return options.get(key, "")

    def convert_field(self, value, conversion):
        if conversion == "f" and isinstance(value, str) and value:
            value = sympy.sympify(value, _clash)
        return text(sympy.sympify(value)) if isinstance(value, sympy.Basic | tuple) else value


def values(card, arrays, params):
    """One value per example."""
    return np.asarray(card.function(*arrays, reduction="none", **params))


def largest(numbers):
    """The maximum, as a float; nan if any number is nan, where Python's max would hide it."""
    return float(np.max(np.asarray(numbers, dtype=float)))


def settings(card, params):
    """The settings that a check runs through: the one asked for, or the handful of the Card's domain."""
    return [_points.required(card) | params] if params is not None else _points.parameter_settings(card)


def symbols_of(card, setting):
    """A setting as {symbol: number}, for an expression in the symbols of the Card."""
    return {card.symbols[name]: value for name, value in setting.items() if value is not None and not hasattr(value, "__len__")}


def within_domain(card, formula):
    """The formula with its scalars replaced by symbols whose assumptions say what the domain says, so that SymPy sees signs:
    u / (1 + u) with u ≥ 0 for what lies in [0, 1], and a symbol that is positive, or not 0, where that is all."""
    assumptions = {
        "(0, inf)": {"positive": True},
        "(0, inf), for power < 2 also 0": {"positive": True},
        "[0, inf)": {"nonnegative": True},
        "{0, 1, 2, ...}": {"nonnegative": True},
        "R without 0": {"real": True, "nonzero": True},
    }
    replaced = {}
    for name, where in card.domain.items():
        symbol = card.symbols[name]
        if not isinstance(symbol, sympy.Symbol) or symbol in card.predictions:
            continue
        if where in ("[0, 1]", "(0, 1)", "[0, 1)", "(0, 1]", "{0, 1}"):
            u = sympy.Symbol(f"u_{symbol}", nonnegative=True)
            replaced[symbol] = u / (1 + u)
        elif where in assumptions:
            replaced[symbol] = sympy.Symbol(f"u_{symbol}", **assumptions[where])
    return formula.subs(replaced, simultaneous=True)
