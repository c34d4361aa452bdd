"""What most checkers do: compare a function, a number or a formula with the right one, and say where they differ."""

import math

import numpy as np
import sympy as sp

from lossbook import _symbols
from lossbook._exact import equal
from lossbook._result import Result
from lossbook.derive import Derivation


def same_function(answer, reference, cases, *, rtol=1e-9, atol=1e-12):
    """Whether ``answer(*case) == reference(*case)`` for every case (a tuple of arguments), up to rounding.

    The answer gets copies, so that it may change its arguments.
    """
    for count, case in enumerate(cases, 1):
        expected = np.asarray(reference(*case), float)
        got = np.asarray(answer(*(np.copy(part) if isinstance(part, np.ndarray) else part for part in case)), float)
        shown = ", ".join(_short(part) for part in case)
        if got.shape != expected.shape:
            message = f"at ({shown}) your answer has the shape {got.shape}, not {expected.shape}"
            return Result(False, "verified", count, witness=case, message=message)
        with np.errstate(invalid="ignore"):  # inf - inf
            gap = np.abs(got - expected)
        if not np.all((got == expected) | np.isfinite(expected) & (gap <= atol + rtol * np.abs(expected))):
            message = f"at ({shown}) your answer is {_short(got)}"
            return Result(False, "verified", count, float(np.max(gap)), case, message)
    return Result(True, "verified", len(cases))


def same_number(answer, value, *, atol=0.0, rtol=1e-4):
    """Whether a number is the right one; the message says whether it is too small or too large."""
    answer = float(answer)
    if math.isclose(answer, value, rel_tol=rtol, abs_tol=atol):
        return Result(True, "verified", 1)
    side = "not a number" if math.isnan(answer) else "too small" if answer < value else "too large"
    return Result(False, "verified", 1, message=f"{answer:.6g} is {side}", witness=answer)


def same_formula(answer, target, *, given=(), start=None):
    """Whether a formula equals the target: a SymPy expression in the letters of the book, its text, or a `Derivation`.

    A derivation must begin with ``start``; that its steps hold it has checked itself, so only its last line is compared.
    """
    if isinstance(answer, Derivation):
        if start is not None and not equal(answer.start, start, given):
            return Result(False, "verified", message=f"your derivation starts from {answer.start}")
        answer = answer.steps[-1].expression if answer.steps else answer.start
    answer = sp.sympify(answer, locals=vars(_symbols)) if isinstance(answer, str) else sp.sympify(answer)
    result = equal(answer, target, given)
    if result or not isinstance(result.witness, dict):
        return result
    place = ", ".join(f"{name} = {_short(value)}" for name, value in result.witness["point"].items())
    message = f"at {place} your formula is {_short(result.witness['left'])}"
    return Result(False, result.grade, result.points, result.worst, message=message)


def _short(value):
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, list | tuple) or np.ndim(value):
        shown = [_short(part) for part in value[:6]]
        return f"[{', '.join(shown + ['...'] * (len(value) > 6))}]"
    try:
        return f"{float(value):.6g}"
    except (TypeError, ValueError):
        return str(value)
