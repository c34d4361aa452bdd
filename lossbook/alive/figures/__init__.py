"""The alive figures of the book, one function each: the last line of a cell is ``alive.boxes()``.

In each, `expression` is what the page computes and `truth` the same from the package. A formula is that of the Card,
``formula(name, ...)``, with names of the figure in the place of its symbols.
"""

from .classification import focal, margins, noisy_labels, simplex, smoothing, temperature
from .minimising import two_modes, valley
from .regression import huber_delta, quantile, robust_line
from .structure import boxes, ctc_lattice, info_nce

FIGURES = (
    robust_line,
    simplex,
    huber_delta,
    quantile,
    focal,
    smoothing,
    temperature,
    noisy_labels,
    info_nce,
    boxes,
    margins,
    two_modes,
    valley,
    ctc_lattice,
)
