"""Proofs of convexity from the formula alone: by the rules of composition, by the second derivative, or piece by piece."""

import itertools

import sympy as sp
from sympy.functions.elementary.miscellaneous import MinMaxBase
from sympy.tensor.indexed import Indexed

from .._symbols import logsumexp, sigmoid, softplus
from ._kind import within_domain

GROWING = (sp.exp, softplus, logsumexp)  # convex and nowhere decreasing: of something convex they are convex


def proof(card):
    """In words, why the formula is convex in all predictions together; "" if none of the routes leads there."""
    if card.formula is None:
        return ""
    formula, predictions = within_domain(card, card.formula), card.predictions
    if is_convex(formula, predictions):
        return "by the rules of composition"
    if len(predictions) > 1 or isinstance(predictions[0], sp.IndexedBase):
        return ""
    if bends_up(formula, predictions[0]):
        return "its second derivative is ≥ 0 by SymPy"
    if isinstance(card.target, sp.Symbol) and bends_up_in_pieces(formula, predictions[0], card.target):
        return "each piece bends up, and no slope falls where two meet"
    return ""


# --- composition --------------------------------------------------------------------------------------------------------


def is_convex(e, variables):
    """Convex in the variables (symbols or vectors) by the rules: sums, non-negative multiples, maxima, growing convex functions
    of convex ones, powers of what is affine, or convex and non-negative."""
    if is_affine(e, variables):
        return True
    if isinstance(e, sp.Add):
        return all(is_convex(term, variables) for term in e.args)
    if isinstance(e, sp.Mul):
        factor, rest = e.as_independent(*_atoms(e, variables), as_Add=False)
        return not rest.is_Mul and is_nonnegative(factor) and is_convex(rest, variables)
    if isinstance(e, sp.Sum):
        return is_convex(e.function, variables) and not any(limit.has(*_atoms(e, variables)) for limit in e.limits)
    if isinstance(e, sp.Max):
        return all(is_convex(part, variables) for part in e.args)
    if isinstance(e, sp.Abs):
        return is_affine(e.args[0], variables)
    if isinstance(e, GROWING):
        return is_convex(e.args[0], variables)
    if isinstance(e, sp.Pow) and not depends(e.exp, variables):
        even = e.exp.is_even and e.exp.is_positive and is_affine(e.base, variables)
        return bool(even or (is_nonnegative(e.exp - 1) and is_convex(e.base, variables) and _is_never_negative(e.base)))
    return False


def depends(e, variables):
    return bool(_atoms(e, variables))


def _atoms(e, variables):
    """Where the variables occur: the symbols themselves, and the vectors or their entries."""
    found = {s for s in e.free_symbols if s in variables}
    found |= {entry for entry in e.atoms(Indexed) if entry.base in variables}
    return sorted(found | {base for base in e.atoms(sp.IndexedBase) if base in variables}, key=str)


def is_affine(e, variables):
    """A constant plus constant multiples of the variables."""
    if not depends(e, variables) or e in variables or (isinstance(e, Indexed) and e.base in variables):
        return True
    if isinstance(e, sp.Add):
        return all(is_affine(term, variables) for term in e.args)
    if isinstance(e, sp.Mul):
        depending = [factor for factor in e.args if depends(factor, variables)]
        return len(depending) == 1 and is_affine(depending[0], variables)
    if isinstance(e, sp.Sum):
        return is_affine(e.function, variables)
    return False


def is_nonnegative(e):
    """Whether SymPy sees from the assumptions that e ≥ 0; where sums over the classes are part of it, from their terms."""
    if isinstance(e, sp.Sum):
        return is_nonnegative(e.function)
    if isinstance(e, (sp.Add, sp.Mul)) and e.has(sp.Sum):
        return all(map(is_nonnegative, e.args))
    return bool(e.is_nonnegative or sp.factor(sp.together(e)).is_nonnegative)


def _is_never_negative(e):
    return bool(e.is_nonnegative or (isinstance(e, sp.Max) and any(part.is_nonnegative for part in e.args)))


# --- second derivative --------------------------------------------------------------------------------------------------


def bends_up(formula, prediction):
    """The second derivative of a smooth formula is ≥ 0."""
    if formula.has(sp.Abs, MinMaxBase, sp.Piecewise):
        return False
    u = sp.Symbol("u", positive=True)
    second = formula.diff(prediction, 2)
    second = second.replace(sigmoid, lambda a: u / (1 + u) if a == prediction else sigmoid(a))  # σ(z) = u / (1 + u), u = e^z > 0
    return is_nonnegative(sp.simplify(second))


# --- piece by piece -----------------------------------------------------------------------------------------------------


def bends_up_in_pieces(formula, prediction, target):
    """For a formula in pieces of the residual: on both sides of 0 every piece bends up, and slopes do not fall at the joints."""
    u = sp.Symbol("u_", positive=True)
    sides = []
    for sign in (-1, 1):  # residual = sign · u
        side = _without_branches(formula.subs(prediction, target + sign * u), u)
        if side is None:
            return False
        sides.append(side)
        for piece in side:
            if not is_nonnegative(sp.simplify(piece[0].diff(u, 2))):
                return False
        for (left, _, joint), (right, _, _) in itertools.pairwise(side):
            value, slope = ((right - left).diff(u, n).subs(u, joint) for n in (0, 1))
            if sp.simplify(value) != 0 or not is_nonnegative(sp.simplify(slope)):
                return False
    (below, *_), (above, *_) = sides
    value, slope = (above[0] - below[0]).subs(u, 0), (above[0] + below[0]).diff(u).subs(u, 0)
    return sp.simplify(value) == 0 and is_nonnegative(sp.simplify(slope))


def _without_branches(side, u):
    """The pieces [(expression, from, to)] along u > 0, or None where the branches cannot be told apart."""
    side = sp.piecewise_fold(side)
    if not side.has(sp.Piecewise):
        return None if side.has(sp.Abs, MinMaxBase) else [(side, sp.S.Zero, sp.oo)]
    if not isinstance(side, sp.Piecewise):
        return None
    pieces, start = [], sp.S.Zero
    for expression, condition in side.args:
        if condition == True:  # noqa: E712
            pieces.append((expression, start, sp.oo))
            break
        if not isinstance(condition, (sp.Le, sp.Lt, sp.Ge, sp.Gt)) or condition.lts != u or condition.gts.has(u):
            return None
        pieces.append((expression, start, condition.gts))
        start = condition.gts
    return None if any(piece.has(sp.Abs, MinMaxBase, sp.Piecewise) for piece, _, _ in pieces) else pieces
