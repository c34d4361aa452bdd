"""lossbook: loss functions with the formula, the gradient and the claims that each of them is tested against.

The public names, one per line. What needs more than NumPy is imported when it is first asked for.
"""

from importlib import import_module

from ._card import (
    CARDS,
    Card,
    Claim,
    Twin,
    card,
)
from ._result import Result
from .classification import (
    exponential,
    sigmoid_cross_entropy,
    sigmoid_focal,
    softmax_cross_entropy,
    softmax_focal,
)
from .margin import (
    hinge,
    perceptron,
    squared_hinge,
)
from .regression import (
    absolute_error,
    absolute_percentage_error,
    cauchy,
    charbonnier,
    cosine_distance,
    epsilon_insensitive,
    expectile,
    geman_mcclure,
    general_robust,
    huber,
    log_cosh,
    pinball,
    quantile_huber,
    smooth_l1,
    squared_error,
    squared_log_error,
    tukey_biweight,
    welsch,
)
from .scoring import (
    brier,
    spherical_score,
)

__version__ = "0.1.0"

# Imported on first use: these bring SymPy, torch or matplotlib with them.
_LAZY_MODULES = ("check", "data", "derive", "nn", "plot", "train")
_LAZY_NAMES = {"Derivation": "derive", "DerivationError": "derive", "exercise": "exercises"}


def __getattr__(name):
    if name in _LAZY_MODULES:
        return import_module(f".{name}", __name__)
    if name in _LAZY_NAMES:
        return getattr(import_module(f".{_LAZY_NAMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "CARDS",
    "Card",
    "Claim",
    "Derivation",
    "DerivationError",
    "Result",
    "Twin",
    "card",
    "exercise",
    *CARDS,
]


def __dir__():
    return sorted({*globals(), *__all__, *_LAZY_MODULES})
