"""The still of an alive figure: the same marks at the same pixels as in part 3 of `alive.js`, and what never moves.

Everything is placed on a page 432 wide, the width of the other figures of the book in points.
"""

import math
import re
from html import escape

from ..plot import COLOURS, FONTS

WIDTH, LINE = 432, 17
DASHES = ("", "7 3", "2 2.5", "8 3 2 3", "12 4")


# ---- what moves, as in alive.js ----------------------------------------------------------------------------------------------


def number(u):
    rounded = math.floor(min(max(float(u), -9999), 9999) * 10 + 0.003 + 0.5) / 10
    return f"{rounded:.1f}".removesuffix(".0") if rounded else "0"


def written(value, decimals):
    """A number with so many decimals and a proper minus sign."""
    if abs(value) >= 1e9:
        mantissa, exponent = f"{value:.1e}".split("e")
        text = f"{mantissa}e{int(exponent):+d}"
    else:
        text = f"{value + 1e-12:.{decimals}f}"
    return (text.replace("-", "") if float(text) == 0 else text).replace("-", "−")


def say(template, names):
    """`"at {x:1} it is {y}"` with the values: the digit is the number of decimals."""
    return re.sub(r"\{(\w+)(?::(\d))?\}", lambda m: written(float(names[m[1]]), int(m[2] or 0)), template)


def scales(panel):
    (x1, x2), (y1, y2) = panel["xlim"], panel["ylim"]
    return (lambda x: number((x - x1) / (x2 - x1) * panel["width"])), (lambda y: number((y2 - y) / (y2 - y1) * panel["height"]))


def _circle(x, y, r):
    half = f"a{number(r)} {number(r)} 0 1 0"
    return f"M{number(float(x) - r)} {y}{half} {number(2 * r)} 0{half} {number(-2 * r)} 0Z"


def _arrow(arrow, X, Y, head):
    a, b, c, d = (float(scale(u)) for u, scale in zip(arrow, (X, Y, X, Y)))
    length = math.hypot(c - a, d - b)
    if length < 0.5:
        return ""
    size = min(head, length) / length
    u, v = (c - a) * size, (d - b) * size
    tip = f"{number(c)} {number(d)}"
    wings = [f"M{tip}L{number(c - u + side * 0.5 * v)} {number(d - v - side * 0.5 * u)}" for side in (1, -1)]
    return f"M{number(a)} {number(b)}L{tip}{''.join(wings)}"


PATHS = {
    "line": lambda points, X, Y, _: "".join(f"{'L' if i else 'M'}{X(x)} {Y(y)}" for i, (x, y) in enumerate(points)),
    "dots": lambda points, X, Y, r: "".join(_circle(X(x), Y(y), r) for x, y in points),
    "bubbles": lambda points, X, Y, _: "".join(_circle(X(x), Y(y), r) for x, y, r in points),
    "bars": lambda points, X, Y, half: "".join(
        f"M{number(float(X(x)) - half)} {Y(0)}V{Y(y)}H{number(float(X(x)) + half)}V{Y(0)}Z" for x, y in points
    ),
    "box": lambda box, X, Y, _: f"M{X(box[0])} {Y(box[1])}H{X(box[2])}V{Y(box[3])}H{X(box[0])}Z",
    "arrows": lambda arrows, X, Y, head: "".join(_arrow(arrow, X, Y, head) for arrow in arrows),
}


def draw(panel, names):
    """Path data of every mark of a panel; of a text its place and its words."""
    X, Y = scales(panel)
    return [
        [X(names[mark["of"]][0]), Y(names[mark["of"]][1]), say(mark["text"], names)]
        if mark["kind"] == "text"
        else PATHS[mark["kind"]](names[mark["of"]], X, Y, mark["size"])
        for mark in panel["marks"]
    ]


# ---- what stands still -------------------------------------------------------------------------------------------------------


def _ticks(low, high, room):
    """Round numbers, at most as many as there is room for."""
    least = (high - low) / max(room, 2)
    power = 10 ** math.floor(math.log10(least))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least * 0.999)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return {
        round(i * step, 9): written(i * step, decimals)
        for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    }


def _text(x, y, words, **attributes):
    rest = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<text x="{number(x)}" y="{number(y)}"{rest}>{escape(words)}</text>'


def _length(words):
    """Roughly the width of the words in the widest of the fonts."""
    return sum(12 if letter in "mwMW" else 4.5 if letter in "fijlrt ,.()" else 7.8 for letter in words)


def keys(panel):
    """The marks that have a name, in lines that fit the panel: (x, line, mark), and how many lines there are."""
    places, x, line = [], 0, 1 if panel["title"] else 0
    for mark in panel["marks"]:
        if mark["label"]:
            width = 28 + _length(mark["label"])
            if x and x + width > panel["width"] + 8:
                x, line = 0, line + 1
            places.append((x, line, mark))
            x += width + 10
    return places, line + bool(places)


def _look(mark):
    colour = "currentColor" if mark["colour"] == 4 else COLOURS[mark["colour"]]
    kind = mark["kind"]
    if kind in ("dots", "bubbles", "bars"):
        return f'fill="{colour}" fill-opacity="{mark["opacity"]:g}"' + (f' stroke="{colour}"' if mark["opacity"] < 1 else "")
    dash = f' stroke-dasharray="{DASHES[mark["dash"]]}"' if DASHES[mark["dash"]] else ""
    fill = f'fill="{colour}" fill-opacity="0.15"' if kind == "box" else 'fill="none"'
    return f'{fill} stroke="{colour}" stroke-width="{mark["width"]:g}"{dash}'


def _panel(panel, names):
    (x1, x2), (y1, y2), w, h = panel["xlim"], panel["ylim"], panel["width"], panel["height"]
    X, Y = scales(panel)
    still = []
    places, lines = keys(panel)
    if panel["title"]:
        still.append(_text(0, -lines * LINE + 11, panel["title"], font_size=13))
    for x, line, mark in places:
        y = (line - lines) * LINE + 7
        if mark["kind"] in ("line", "arrows"):
            still.append(f'<path d="M{number(x)} {number(y)}h22" {_look(mark)}/>')
        elif mark["kind"] in ("bars", "box"):
            still.append(f'<path d="M{number(x + 4)} {number(y - 6)}h12v12h-12Z" {_look(mark)}/>')
        else:
            still.append(f'<path d="{_circle(number(x + 10), number(y), 5)}" {_look(mark)}/>')
        still.append(_text(x + 28, y + 4, mark["label"]))
    if panel["axes"]:
        for x, words in (panel["xticks"] if panel["xticks"] is not None else _ticks(x1, x2, w / 48)).items():
            still.append(f'<path d="M{X(x)} 0V{number(h)}" stroke="currentColor" stroke-opacity="0.15"/>')
            still.append(_text(float(X(x)), h + 16, words, text_anchor="middle"))
        for y, words in (panel["yticks"] if panel["yticks"] is not None else _ticks(y1, y2, h / 32)).items():
            still.append(f'<path d="M0 {Y(y)}H{number(w)}" stroke="currentColor" stroke-opacity="0.15"/>')
            still.append(_text(-6, float(Y(y)) + 4, words, text_anchor="end"))
        still.append(f'<path d="M0 0V{number(h)}H{number(w)}" stroke="currentColor" fill="none"/>')
    if panel["xlabel"]:
        still.append(_text(w / 2, h + (32 if panel["axes"] else 16), panel["xlabel"], text_anchor="middle", font_size=13))
    marks = []
    for mark, shape in zip(panel["marks"], draw(panel, names)):
        if mark["kind"] == "text":
            marks.append(
                f'<text class="mark" x="{shape[0]}" y="{shape[1]}" text-anchor="{mark["anchor"]}">{escape(shape[2])}</text>'
            )
        else:
            marks.append(f'<path class="mark" d="{shape}" {_look(mark)}/>')
    clip = f'<svg class="panel" width="{number(w)}" height="{number(h)}" overflow="hidden">{"".join(marks)}</svg>'
    return f'<g aria-hidden="true">{"".join(still)}{clip}</g>'


def _handle(handle, panel, names):
    X, Y = scales(panel)
    place = f"translate({X(names[handle['at'][0]])} {Y(names[handle['at'][1]])})"
    knob = f'<circle class="knob" r="7" fill="{COLOURS[0]}" stroke="#ffffff" stroke-width="2"/>'
    inside = f'<circle r="16" fill-opacity="0"/>{knob}'  # a fingertip is larger than the knob
    return f'<g class="handle" aria-label="{escape(handle["label"])}" transform="{place}">{inside}</g>'


def svg(panels, handles, height, names):
    """The parts of the drawing, without the <svg> around them."""
    parts = []
    for i, panel in enumerate(panels):
        own = "".join(_handle(handle, panel, names) for handle in handles if handle["panel"] == i)
        parts.append(f'<g transform="translate({number(panel["left"])} {number(panel["top"])})">{_panel(panel, names)}{own}</g>')
    box = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {number(height)}" width="{WIDTH}" height="{number(height)}"'
    return f'{box} fill="currentColor" font-family="{FONTS}" font-size="12" stroke-linejoin="round"', "\n".join(parts)
