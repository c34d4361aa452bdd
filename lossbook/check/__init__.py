"""The checks of the book, one function per kind of claim. The notebooks, the tests and the Cards call the same ones.

A check takes a Card (or a loss, or its name), does one thing that could fail, and returns a `Result` with what it did. Checks
that can refute a claim at one point take `at=`, the witness, so that a negative claim is the same check failing there.
Formulas are evaluated in 50 digits; searches run the function itself in float64.
"""

from .._exact import equal, exact
from .._result import GRADES, Result
from ._kind import CHECKS, largest
from .card import autograd, curvature, gradient, twins, value
from .estimates import (
    ETAS,
    FUNCTIONALS,
    SAMPLES,
    best_constant,
    best_constants,
    best_probability,
    calibrated,
    elicits,
    fits,
    optimum,
    proper,
)
from .identities import (
    bounds_mistakes,
    gradient_identity,
    homogeneous,
    identity,
    limit,
    scale_invariant,
    shift_invariant,
    symmetric,
)
from .shape import bounded, convex, lipschitz, redescending, smooth

__all__ = ["GRADES", "Result", "equal", "exact", *CHECKS]
