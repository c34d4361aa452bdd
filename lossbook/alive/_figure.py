"""`Figure`: what an alive figure is made of, and the forms in which Jupyter, the pages and paper show it.

A figure is data: positions of sliders and handles, values that follow from them, marks that draw the values, and a sentence. Each
value is there twice: as nested lists that `alive.js` computes on the page, and as `truth`, a call of this package that draws the
still and against which the tests hold the script.
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..plot import INK
from . import _drawing

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Slider:
    """A position that is set with a slider, or runs to the end of its limits where `play` is true."""

    name: str
    label: str
    limits: tuple
    step: float
    value: float
    unit: str = ""
    play: bool = False  # a button that runs it to its end


@dataclass(frozen=True)
class Move:
    """One direction of a handle: the position `name`, along "x" or "y" of its panel."""

    name: str
    along: str
    limits: tuple
    step: float
    value: float
    word: str


@dataclass(frozen=True)
class Handle:
    """A point of a panel that can be dragged. `at` are the two values where it stands."""

    label: str
    at: tuple
    moves: tuple
    panel: int = 0


@dataclass(frozen=True)
class Value:
    """A value of the figure: nested lists for the page; `truth(values)`, computed by the package."""

    name: str
    expression: Any
    truth: Callable


def curve(name, expression, truth, limits, *, of="x", points=121):
    """The value of an expression along `of`, as points to draw; `truth(x, values)` takes all x at once."""
    low, high = limits

    def line(values):
        a, b = (getattr(values, end) if isinstance(end, str) else end for end in limits)
        x = a + (b - a) * np.arange(points) / (points - 1)
        return np.column_stack([x, truth(x, values)])

    return Value(name, ["locus", of, expression, of, low, high, points], line)


@dataclass(frozen=True)
class Mark:
    """What a panel shows of the value named `of`, and its look."""

    kind: str
    of: str
    colour: int = 0
    label: str = ""
    size: float = 4.5
    width: float = 2.2
    dash: int = 0
    opacity: float = 1.0
    text: str = ""
    anchor: str = "middle"


@dataclass(frozen=True)
class Panel:
    """A plot of the figure: its limits, its marks and the words at its axes."""

    xlim: tuple
    ylim: tuple
    marks: tuple
    title: str = ""
    xlabel: str = ""
    height: int = 150
    axes: bool = True
    xticks: dict | None = None
    yticks: dict | None = None


@dataclass(frozen=True)
class Figure:
    """An alive figure. `rows` holds tuples of panels, `says` the sentence with ``{value:decimals}`` in it; `alt` is required."""

    alt: str
    says: str
    sliders: tuple
    values: tuple
    rows: tuple
    handles: tuple = ()
    data: dict = field(default_factory=dict)

    def __post_init__(self):
        object.__setattr__(self, "alt", " ".join(self.alt.split()))
        if len(self.alt) < 15:
            raise ValueError(f"a figure needs a description in words, got alt={self.alt!r}: say what it shows, and what moves")

    @property
    def controls(self):
        """Sliders, and directions of handles: everything that has a position."""
        return (*self.sliders, *(move for handle in self.handles for move in handle.moves))

    @property
    def positions(self):
        return {control.name: control.value for control in self.controls}

    def at(self, **positions):
        """Every value of the figure by its name, computed by the package."""
        unknown = set(positions) - set(self.positions)
        if unknown:
            raise ValueError(f"no slider or handle is called {sorted(unknown)}; there are {list(self.positions)}")
        names = SimpleNamespace(**self.data, **(self.positions | positions))
        for value in self.values:
            setattr(names, value.name, value.truth(names))
        return vars(names)

    @property
    def panels(self):
        """The panels as data, each with its place: a row below the other."""
        placed, top = [], 4
        for row in self.rows:
            left, room = (38 if row[0].axes else 4), _drawing.WIDTH - 8
            width = (room - left) if len(row) == 1 else (room - left - (38 if row[1].axes else 16)) / 2
            boxes = [{**asdict(panel), "width": round(width, 1)} for panel in row]
            head = max(_drawing.keys(box)[1] for box in boxes) * _drawing.LINE + 4
            for i, box in enumerate(boxes):
                box |= {"left": round(left + i * (_drawing.WIDTH - 8 - width - left), 1), "top": top + head}
            placed += boxes
            feet = [20 * box["axes"] + 18 * bool(box["xlabel"]) for box in boxes]
            top += head + max(box["height"] for box in boxes) + max(feet) + 6
        return placed, top

    def description(self):
        """What `alive.js` reads: everything that moves, and nothing else."""
        moving = ("xlim", "ylim", "width", "height")
        panels = [
            {name: panel[name] for name in moving} | {"marks": [_short(mark) for mark in panel["marks"]]}
            for panel in self.panels[0]
        ]
        return {
            "positions": self.positions,
            "data": self.data,
            "lets": [[value.name, value.expression] for value in self.values],
            "panels": panels,
            "handles": [asdict(handle) for handle in self.handles],
            "says": self.says,
        }

    # ---- how it is shown ----

    @cached_property
    def _still(self):
        """The attributes and the parts of the drawing before anything is moved, and the sentence."""
        (panels, height), names = self.panels, self.at()
        return *_drawing.svg(panels, [asdict(handle) for handle in self.handles], height, names), _drawing.say(self.says, names)

    def sentence(self):
        return self._still[2]

    def svg(self):
        """The still on its own."""
        attributes, parts, _ = self._still
        words = escape(self.alt, quote=False)
        return f'<svg role="img" {attributes} color="{INK}">\n<title>{words}</title>\n{parts}\n</svg>'

    def html(self):
        """The still, the sliders and the sentence, and the description as data, for `alive.js` to bring alive."""
        attributes, parts, sentence = self._still
        role = "group" if self.handles else "img"
        data = json.dumps(self.description(), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
        play = "".join(
            f'<button type="button" class="play" data-of="{s.name}" disabled>Run</button>' for s in self.sliders if s.play
        )
        return "\n".join(
            [
                "<loss-figure>",
                f'<svg role="{role}" aria-label="{escape(self.alt)}" {attributes}>',
                parts,
                "</svg>",
                '<div class="controls">',
                *map(_slider, self.sliders),
                f'<div class="buttons">{play}<button type="button" class="reset" disabled>Reset</button></div>',
                "</div>",
                f'<output aria-live="polite">{escape(sentence)}</output>',
                f'<script type="application/json">{data}</script>',
                "</loss-figure>",
            ]
        )

    def _repr_mimebundle_(self, include=None, exclude=None):
        html = self.html()
        if _someone_is_looking():
            style, script = (HERE / name for name in ("alive.css", "alive.js"))
            html += (
                f"\n<style>\n{style.read_text(encoding='utf-8')}</style>\n<script>\n{script.read_text(encoding='utf-8')}</script>"
            )
        return {"text/html": html, "image/svg+xml": self.svg(), "text/plain": f"{self.alt}\n{self.sentence()}"}


def _short(mark):
    """A mark without what only the still needs."""
    return {name: mark[name] for name in ("kind", "of", "size")} | ({"text": mark["text"]} if mark["text"] else {})


def _slider(slider):
    value = _drawing.written(slider.value, len(str(slider.step).partition(".")[2])) + slider.unit
    unit = f' data-unit="{slider.unit}"' if slider.unit else ""
    low, high = slider.limits
    where = f'min="{low}" max="{high}" step="{slider.step}" value="{slider.value}"'
    return (
        f"<label><span>{escape(slider.label)}</span>"
        f'<input type="range" name="{slider.name}" {where}{unit} disabled>'
        f'<span class="value" aria-hidden="true">{value}</span></label>'
    )


def _someone_is_looking():
    """Whether a front end shows the output now; then it carries the script. Pages load the script once, and stored outputs and
    tests stay free of it: neither `make run` nor nbval sets this variable, the server of JupyterLab does for its kernels."""
    return "JPY_SESSION_NAME" in os.environ
