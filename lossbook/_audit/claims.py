"""What the caller claims, held against the loss by the checks of the book."""

import functools
import inspect

import numpy as np
import sympy

from .. import check
from .._card import Card, Claim
from .._loss import LABELS
from .arrays import numpy_of
from .case import NotRun, Refused

DOMAINS = {  # role -> (domain of numbers, domain of rows); a row has four entries there
    "logits": (None, "R^K"),
    "logit": ("R", None),
    "real": ("R", "R^K"),
    "probability": ("[0, 1]", "[0, 1]^n"),
    "positive": ("(0, inf)", None),
    "negative": ("(-inf, 0)", None),
    "distribution": (None, "interior of the simplex"),
    "boxes": (None, "boxes"),
    "binary": ("{0, 1}", "{0, 1}^n"),
}


def check_claims(case):
    """The claims: "convex", ("lipschitz", {"bound": 1}), or a `Claim` of a Card."""
    if not case.claims:
        raise NotRun("nothing is claimed")
    for said, examine in map(read, case.claims):
        try:
            result = examine(card_of(case))
        except (Refused, ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
            yield case.finding(
                "claim",
                "warning",
                f"not checked: {said}. The check raised {type(error).__name__}: {error}. Most checks are for losses of one "
                "prediction and one target, numbers or rows; fix other inputs with functools.partial.",
            )
            continue
        if not result:
            yield case.finding(
                "claim",
                "error",
                f"not true: {said}. {result.message} Correct the loss, or do not rely on it.",
                worst=result.worst,
                where=str(result.witness),
            )


def read(claim):
    """(sentence, function of a Card) of a claim; ValueError for what is none."""
    if isinstance(claim, Claim):
        if claim.examine is None:
            raise ValueError(f"a claim that is only cited cannot be checked: {claim.statement}")
        return claim.statement, claim.examine
    kind, options = (claim, {}) if isinstance(claim, str) else claim
    if kind not in check.CHECKS:
        raise ValueError(f"no check is named {kind!r}; there are {', '.join(sorted(check.CHECKS))}")
    examine = getattr(check, kind)
    return examine.statement(**options), functools.partial(examine, **options)


def card_of(case):
    """The loss as a Card without a formula: one value per example, on the domains that the roles of its inputs name."""
    if any(info.axis != 0 for info in case.info) or case.info[-1].predicted:
        raise ValueError("claims are checked for losses of predictions and targets that share their first axis")
    axes, domain, symbols = {}, {}, {}
    for i, info in enumerate(case.info):
        rows = case.inputs[i].ndim > 1
        if case.inputs[i].ndim > 2:
            raise ValueError(
                f"claims are checked for losses of numbers and rows, got {info.name} of shape {tuple(case.inputs[i].shape)}"
            )
        classes = info.role == "labels" or (info.role == "distribution" and not info.predicted)
        where = "simplex of K classes" if classes else DOMAINS.get(info.role, (None, None))[rows]
        if where is None:
            raise ValueError(f"claims are not checked for {info.describe(case.inputs[i])}")
        axes[info.name], domain[info.name] = LABELS if classes else int(rows), where
        symbols[info.name] = (sympy.IndexedBase if rows or classes else sympy.Symbol)(info.name)

    def arrays_of(arrays):
        given = zip(map(np.asarray, arrays), case.info)
        return [case.like(a.argmax(-1) if info.role == "labels" else a, i) for i, (a, info) in enumerate(given)]

    def function(*arrays, reduction="none"):
        values = numpy_of(_each(case, arrays_of(arrays))).astype(np.float64)
        return values if reduction == "none" else getattr(values, reduction)()

    def gradient(*arrays):
        inputs = arrays_of(arrays)
        slopes = case.backward(inputs, loss=lambda *given: _each(case, given))[1]
        return slopes[0] if len(slopes) == 1 else tuple(slopes)

    def oracle(*numbers):
        """The loss itself, in float64."""
        return float(function(*[np.asarray(x, dtype=float)[None] for x in numbers])[0])

    function.__name__ = case.name
    function.__signature__ = inspect.Signature([inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in axes])
    function.axes, function.predictions = axes, len(case.wrt)
    return Card(function, symbols, domain, gradient=gradient, oracle=oracle)


def _each(case, inputs):
    """One value per example."""
    each = case.reduced("none")
    if each is not None:
        values = case.call(inputs, each)
        if values.ndim == 1:
            return values
    singles = [case.call([x[i : i + 1] for x in inputs]).sum() for i in range(len(inputs[0]))]
    if not case.is_torch:
        return np.array(singles)
    import torch

    return torch.stack(singles) if singles else inputs[0].sum() * torch.zeros(0)


CHECKS = [check_claims]
