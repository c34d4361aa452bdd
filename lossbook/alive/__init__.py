"""Figures that answer: a slider or a drag, and the curve, the number and the sentence follow.

    from lossbook import alive
    alive.boxes()

shows one, on a page of the book without a kernel, in JupyterLab from the same cell, on paper as a still. A figure is described in
Python (`Figure`: sliders, handles, values, marks, a sentence); `alive.js`, one script for all, computes what follows from the
positions, with the formulas of the Cards. Every value has its counterpart in the package, and the tests compare the two.
"""

from ._expression import printed
from ._figure import Figure, Handle, Mark, Move, Panel, Slider, Value, curve
from .figures import (
    FIGURES,
    boxes,
    ctc_lattice,
    focal,
    huber_delta,
    info_nce,
    margins,
    noisy_labels,
    quantile,
    robust_line,
    simplex,
    smoothing,
    temperature,
    two_modes,
    valley,
)

__all__ = [
    "FIGURES",
    "Figure",
    "Handle",
    "Mark",
    "Move",
    "Panel",
    "Slider",
    "Value",
    "boxes",
    "ctc_lattice",
    "curve",
    "focal",
    "huber_delta",
    "info_nce",
    "margins",
    "noisy_labels",
    "printed",
    "quantile",
    "robust_line",
    "simplex",
    "smoothing",
    "temperature",
    "two_modes",
    "valley",
]
