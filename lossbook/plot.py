r"""Figures in one style, and numbers that prose can quote.

Every plotting cell of the book ends in ``show(fig, alt="...")``. It displays the figure as an SVG that is the same text on
every machine (so that a test can compare it), that carries its description for readers who do not see it, and that uses one
colour, ``INK``, for everything that is not data, so that a page can replace it by its own text colour, light or dark.

The data colours are those of Okabe and Ito, the purple darkened: each has a contrast of at least 3 : 1 with white and with a
dark page. Lines differ in dashes too, and points in shape, so that no figure needs its colours.
"""

import functools
import hashlib
import html
import io
import math
import re
from collections.abc import Mapping
from typing import NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

INK = "#24292f"
BLUE, VERMILLION, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#c05c96"
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, INK)
DASHES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (9, 3)))
MARKERS = ("o", "s", "^", "D", "v")
FONTS = "DejaVu Sans, Verdana, sans-serif"  # the first two are of one width; the layout leaves room for a third
WIDTH = 6.0  # inches. At 350 px, the text column of a phone, 13 pt on 6 in are 10.5 px.

STYLE = {
    "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none",
    "font.family": "DejaVu Sans", "mathtext.fontset": "dejavusans", "font.size": 13, "axes.titlesize": 13, "axes.labelsize": 13,
    "xtick.labelsize": 12, "ytick.labelsize": 12, "legend.fontsize": 12, "axes.titlelocation": "left", "axes.titlepad": 8,
    "text.color": INK, "axes.edgecolor": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "axes.formatter.useoffset": False,
    "axes.grid": True, "grid.color": INK, "grid.alpha": 0.15, "axes.axisbelow": True,
    "lines.linewidth": 2.2, "lines.markersize": 6,
    "axes.prop_cycle": mpl.cycler(color=COLOURS) + mpl.cycler(linestyle=DASHES),
    # What makes an SVG repeatable: text stays text, no vertex is dropped by a comparison of nearly equal floats.
    "svg.fonttype": "none", "svg.hashsalt": "lossbook", "path.simplify": False,
}  # fmt: skip


def figure(rows=1, columns=1, *, height=None, **options):
    """A figure in the style of the book, and its axes: ``fig, axes = figure(2)``. At most two columns: phones are narrow.

    ``height`` is in inches; the width is always the same. ``options`` go to ``matplotlib.pyplot.subplots`` (``sharex=True``).
    Sets matplotlib's defaults to ``STYLE`` for the rest of the process.
    """
    if columns > 2:
        raise ValueError(f"a figure has at most two columns (got {columns}): three are too small on a phone; stack them in rows")
    mpl.rcParams.update(STYLE)
    height = height or 0.6 + rows * (2.9 if columns == 1 else 2.4)
    return plt.subplots(rows, columns, figsize=(WIDTH, height), layout="constrained", **options)


def style(i):
    """Colour, dashes and marker of the i-th series, for ``axes.plot(x, y, **style(i))``."""
    if not 0 <= i < len(COLOURS):
        raise ValueError(f"series {i + 1} of a figure: at most {len(COLOURS)} can be told apart; use two panels")
    return {"color": COLOURS[i], "linestyle": DASHES[i], "marker": MARKERS[i]}


# ---------------------------------------------------------------------------------------------------------------- display


def show(fig, alt):
    """Display the figure as SVG with ``alt`` as its description (and as its plain-text form), then close it.

    >>> fig, axes = figure()
    >>> line = axes.plot([0, 1], [0, 1])
    >>> show(fig, alt="A straight line through the origin with slope 1.")
    A straight line through the origin with slope 1.
    """
    _display({"image/svg+xml": svg(fig, alt), "text/plain": " ".join(alt.split())}, metadata={"needs_background": "light"})
    plt.close(fig)


def svg(fig, alt):
    """The figure as SVG text that does not depend on the day, the machine's fonts or the last bits of a float."""
    alt = " ".join(alt.split())
    if not alt:
        raise ValueError("a figure needs a description in words: show(fig, alt='what the figure shows, with its numbers')")
    buffer = io.StringIO()
    with mpl.rc_context({key: STYLE[key] for key in ("svg.fonttype", "svg.hashsalt", "path.simplify")}):
        fig.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"\s*<metadata>.*?</metadata>|\s*<style.*?</style>|\s*<!--.*?-->", "", text, flags=re.S)
    text = re.sub(r"font-family: [^;\"]*", f"font-family: {FONTS}", text)
    text = re.sub(r'(?<= )(d|x|y|x1|y1|x2|y2|cx|cy|r|width|height|points|transform)="([^"]*)"', _round_attribute, text)
    # The style sheet removed above would have applied to the whole page; max-width makes the figure shrink on a phone.
    style = "max-width: 100%; height: auto; stroke-linejoin: round; stroke-linecap: butt"
    text = text.replace("<svg ", f'<svg role="img" style="{style}" ', 1)
    end = text.index(">") + 1
    return _own_ids(f"{text[:end]}\n <title>{html.escape(alt, quote=False)}</title>{text[end:]}")


def _round_attribute(match):
    name, value = match.groups()
    if "scale(" in value or "matrix(" in value:  # factors, not coordinates
        return match[0]
    value = re.sub(r"\s*\n", "", value)  # matplotlib writes a path on many lines
    return f'{name}="{re.sub(r"-?[0-9]+[.][0-9]+", _round_number, value)}"'


def _round_number(match):
    # Adding 0.0003 decides ties such as 0.125 the same way whether they arrive as 0.125 or as 0.124999.
    return f"{round(float(match[0]) + 0.0003, 2) + 0.0:.2f}".rstrip("0").rstrip(".")


def _own_ids(text):
    """Keep the ids that are referred to, numbered behind a hash of the content: two figures on a page never share one."""
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
    text = re.sub(r' id="([^"]*)"', lambda m: m[0] if m[1] in used else "", text)
    numbers = {old: str(n) for n, old in enumerate(re.findall(r' id="([^"]*)"', text))}
    reference = re.compile(r'( id="|href="#|url\(#)([^")]+)')
    prefix = "f" + hashlib.sha256(reference.sub(lambda m: m[1] + numbers[m[2]], text).encode()).hexdigest()[:8]
    return reference.sub(lambda m: f"{m[1]}{prefix}-{numbers[m[2]]}", text)


def measured(*, digits=4, allow_nonfinite=False, **values):
    """Display numbers that the prose quotes, one ``key = value`` per line.

    A real number is rounded to 4 significant digits (``digits=3`` for what was trained in float32), without trailing zeros,
    with an exponent only below 0.0001 and from a million on. Integers, booleans and strings are written as they are.

    >>> measured(slope=0.82939, half=0.5, seeds=20190, rate=3e-7, best="huber")
    slope = 0.8294
    half = 0.5
    seeds = 20190
    rate = 3e-07
    best = huber
    """
    lines = []
    for key, value in values.items():
        value = value.item() if hasattr(value, "item") else value  # NumPy and torch scalars
        if isinstance(value, float):
            if not math.isfinite(value) and not allow_nonfinite:
                raise ValueError(f"measured({key}={value}): a quoted number must be finite (or pass allow_nonfinite=True)")
            value = _rounded(value, digits)
        lines.append(f"{key} = {value}")
    _display({"text/plain": "\n".join(lines)})


def _rounded(value, digits):
    rounded = float(f"{value:.{digits}g}") + 0.0  # + 0.0 turns -0 into 0
    if rounded == 0 or 1e-4 <= abs(rounded) < 1e6:
        return f"{rounded:.12f}".rstrip("0").rstrip(".")
    return f"{rounded:.{digits}g}"


def _display(bundle, metadata=None):
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return print(bundle["text/plain"])
    if get_ipython() is None:
        return print(bundle["text/plain"])
    display(bundle, raw=True, metadata=metadata)


# ---------------------------------------------------------------------------------------------------------------- figures


def loss_and_gradient(losses, *, against="residual", limits=(-3, 3), target=None, ylim=None, gradient_ylim=None, points=241):
    """Losses above, their derivatives below, against the residual (``target`` 0) or against the logit (``target`` 1).

    ``losses`` is a list of names, functions of the package or ``functools.partial`` of them (for parameters), or a mapping from
    labels to those or to pairs ``(value, gradient)`` of functions of x. The derivative is the Card's own, derived by hand.

        fig, axes = loss_and_gradient(["squared_error", partial(lossbook.huber, delta=1.0)], limits=(-3, 3), ylim=(0, 5))
    """
    pairs = losses if isinstance(losses, Mapping) else {_label(loss): loss for loss in losses}
    target = (0.0 if against == "residual" else 1.0) if target is None else target
    x = np.linspace(*limits, points)
    fig, (top, bottom) = figure(2, sharex=True)
    for i, (label, loss) in enumerate(pairs.items()):
        value, gradient = loss if isinstance(loss, tuple) else _curves(loss, target)
        look = style(i) | {"marker": None}
        top.plot(x, value(x), label=label, **look)
        bottom.plot(x, gradient(x), label=label, **look)
    names = {"residual": "residual: prediction − target", "logit": "logit"}
    top.set(title="loss", xlim=limits, ylim=ylim)
    bottom.set(title="its derivative", xlabel=names.get(against, against), ylim=gradient_ylim)
    label_lines(top)
    return fig, (top, bottom)


def _label(loss):
    if isinstance(loss, functools.partial):
        return _label(loss.func) + "".join(f"\n{key} = {value:g}" for key, value in loss.keywords.items())
    return (loss if isinstance(loss, str) else getattr(loss, "__name__", None) or loss.name).replace("_", " ")


def _curves(loss, target):
    """Value and hand-derived gradient of a loss, or of a partial of one, as functions of the prediction alone."""
    from lossbook import Card, card

    parameters = loss.keywords if isinstance(loss, functools.partial) else {}
    found = loss if isinstance(loss, Card) else card(getattr(loss, "func", loss))
    value = functools.partial(found.function, reduction="none", **parameters)
    gradient = functools.partial(found.gradient, **parameters)
    return (lambda x: value(x, np.full_like(x, target))), (lambda x: gradient(x, np.full_like(x, target)))


def label_lines(axes):
    """Name each labelled line at the right edge, at the height where it ends: a key in the order of the lines."""
    axes.figure.draw_without_rendering()  # fixes the limits and the layout
    box = axes.get_window_extent()
    row = 15.5 * axes.figure.dpi / 72 / box.height  # one line of text, as a fraction of the panel
    entries = []
    for line in axes.get_lines():
        if not line.get_label().startswith("_"):
            pixels = axes.transData.transform(np.asarray(line.get_xydata(), float))
            pixels = pixels[np.isfinite(pixels).all(axis=1)]
            last_seen = pixels[(pixels[:, 1] >= box.y0) & (pixels[:, 1] <= box.y1), 0].max(initial=box.x0)
            end = min(max((pixels[-1, 1] - box.y0) / box.height, 0), 1)
            entries.append((end, -last_seen, line, row * (1 + line.get_label().count("\n"))))
    # Of the lines that leave at the top, the first stands highest; lines that end together stay in the order they were drawn in,
    # which the last bits of a float must not decide.
    entries.sort(key=lambda entry: (round(entry[0], 3), round(entry[1])), reverse=True)
    for y, (_, _, line, _) in zip(_spread([e[0] for e in entries], [e[3] for e in entries]), entries, strict=True):
        sample = mpl.lines.Line2D([1.02, 1.055, 1.09], [y] * 3)
        sample.update_from(line)
        sample.set(transform=axes.transAxes, clip_on=False, markevery=[1], label="_sample")
        axes.add_line(sample)
        axes.text(1.11, y, line.get_label(), transform=axes.transAxes, va="center", fontsize=12, linespacing=1.05)


def _spread(wanted, heights):
    """Positions as near to the wanted ones as the heights of the labels allow; ``wanted`` descends."""
    positions, bottom = [], math.inf
    for want, height in zip(wanted, heights, strict=True):  # from the top, push down
        positions.append(min(want, bottom - height / 2))
        bottom = positions[-1] - height / 2
    top = -heights[-1] / 2 if heights else 0
    for i in range(len(positions) - 1, -1, -1):  # from the bottom, push up
        positions[i] = max(positions[i], top + heights[i] / 2)
        top = positions[i] + heights[i] / 2
    return positions


def contours(function, xlim, ylim, *, levels=10, paths=None, xlabel="", ylabel="", points=101):
    """Level lines of ``function(x, y)``, bluer where it is lower, and ``paths``: a mapping from labels to arrays (steps, 2)."""
    x, y = np.meshgrid(np.linspace(*xlim, points), np.linspace(*ylim, points))
    z = function(x, y)
    fig, axes = figure(height=4.2)
    if np.isscalar(levels):  # quadratic spacing: the level lines of a parabola are evenly apart
        levels = z.min() + (z.max() - z.min()) * np.linspace(0, 1, levels + 1) ** 2
    opacities = np.linspace(0.45, 0.03, len(levels) - 1).round(2)
    axes.contourf(x, y, z, levels=levels, colors=[(BLUE, opacity) for opacity in opacities])
    for path in axes.contour(x, y, z, levels=levels, colors=[INK], linewidths=0.7, alpha=0.45).get_paths():
        if len(path.vertices):  # a level that nothing reaches has no line
            _close(path)
    for i, (label, path) in enumerate((paths or {}).items(), start=1):  # series 0 is blue, like the background
        axes.plot(*np.asarray(path, float).T, label=label, markersize=4, linewidth=1.6, **style(i))
    axes.set(xlabel=xlabel, ylabel=ylabel, xlim=xlim, ylim=ylim)
    axes.grid(visible=False)
    if paths:
        fig.legend(loc="outside upper left", ncols=2)
    return fig, axes


def _close(path):
    """Close the lines of a path that end where they began, to the rounding: to the bit, two processors do not agree."""
    starts = np.flatnonzero(path.codes == path.MOVETO)
    for start, stop in zip(starts, [*starts[1:], len(path.codes)], strict=True):
        if np.allclose(path.vertices[start], path.vertices[stop - 1], rtol=1e-9):
            path.codes[stop - 1] = path.CLOSEPOLY


class ReliabilityBins(NamedTuple):
    """One entry per bin that is not empty."""

    confidence: np.ndarray  # mean predicted probability
    frequency: np.ndarray  # share of events
    count: np.ndarray


def reliability_bins(probability, outcome, bins=10):
    """Group predictions into ``bins`` intervals of equal width and compare the mean prediction with the frequency of the event.

    >>> reliability_bins([0.1, 0.15, 0.9], [0, 1, 1], bins=2).frequency
    array([0.5, 1. ])
    """
    probability, outcome = np.asarray(probability, float), np.asarray(outcome, float)
    if probability.ndim != 1 or probability.shape != outcome.shape:
        raise ValueError(f"probability and outcome must be vectors of one length; got {probability.shape}, {outcome.shape}")
    if not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError("probabilities must lie in [0, 1]; got logits? Apply a sigmoid first")
    index = np.minimum((probability * bins).astype(int), bins - 1)
    count = np.bincount(index, minlength=bins)
    used = count > 0
    mean = lambda values: np.bincount(index, weights=values, minlength=bins)[used] / count[used]  # noqa: E731
    return ReliabilityBins(mean(probability), mean(outcome), count[used])


def reliability(models, *, bins=10, event="the event"):
    """Reliability diagram: how often the event happened where it was predicted with probability p, with 95 % Wilson intervals.

    ``models`` maps labels to pairs ``(probability, outcome)``. Below, how many predictions each bin holds.
    """
    fig, (axes, below) = figure(2, height=5.0, sharex=True, gridspec_kw={"height_ratios": [3, 1]})
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle="-", alpha=0.6)
    for i, (label, pair) in enumerate(models.items()):
        found = reliability_bins(*pair, bins=bins)
        low, high = wilson(found.frequency, found.count)
        axes.plot(found.confidence, found.frequency, label=label, clip_on=False, **style(i))
        axes.vlines(found.confidence, low, high, color=COLOURS[i], linewidth=1.2)
        below.plot(found.confidence, found.count, clip_on=False, **style(i))
    axes.set(ylabel="observed frequency", xlim=(0, 1), ylim=(0, 1))
    below.set(xlabel=f"predicted probability of {event}", ylabel="count", yscale="log")
    below.set(yticks=below.dataLim.intervaly)  # the least and the largest count; of powers of ten there may be only one
    below.yaxis.set(minor_formatter=mpl.ticker.NullFormatter(), major_formatter=mpl.ticker.StrMethodFormatter("{x:.0f}"))
    fig.legend(loc="outside upper left", ncols=2)
    return fig, (axes, below)


def wilson(frequency, count, z=1.959964):
    """Wilson's interval for a proportion (95 % by default): unlike the textbook one, sensible at 0, at 1 and for small counts."""
    frequency, count = np.asarray(frequency, float), np.asarray(count, float)
    centre = (frequency + z * z / (2 * count)) / (1 + z * z / count)
    half = z * np.sqrt(frequency * (1 - frequency) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return centre - half, centre + half


def curves(runs, *, x=None, xlabel="epoch", ylabel="loss", log=False, points=200):
    """Training curves: the line is the median over the seeds, the band reaches from the smallest to the largest.

    ``runs`` maps labels to arrays (seeds, steps), or (steps,) for a single run. ``log`` draws the values on a logarithmic axis.
    Curves of more than ``points`` values are drawn at that many of their steps.
    """
    fig, axes = figure()
    for i, (label, run) in enumerate(runs.items()):
        run = np.atleast_2d(np.asarray(run, float))
        at = np.unique(np.linspace(0, run.shape[1] - 1, points).round().astype(int))
        run, steps = run[:, at], (np.arange(1, run.shape[1] + 1) if x is None else np.asarray(x))[at]
        axes.plot(steps, np.median(run, axis=0), label=label, markevery=max(len(at) // 6, 1), **style(i))
        if len(run) > 1:
            axes.fill_between(steps, run.min(axis=0), run.max(axis=0), color=COLOURS[i], alpha=0.2, linewidth=0)
    axes.set(xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
    axes.margins(x=0.01)
    label_lines(axes)
    return fig, axes


def paired(scores, *, xlabel="score"):
    """One row per method, one dot per seed; thin lines join the dots of one seed, a bar marks the median.

    ``scores`` maps labels to arrays (seeds,), all with the same seeds in the same order.
    """
    values = {label: np.asarray(score, float) for label, score in scores.items()}
    shapes = {value.shape for value in values.values()}
    if len(shapes) != 1:
        raise ValueError(f"every method needs the same seeds, one score each; got the shapes {sorted(shapes)}")
    fig, axes = figure(height=1.0 + 0.62 * len(values))
    rows = np.arange(len(values))
    axes.plot(np.stack(list(values.values())), rows, color=INK, linestyle="-", linewidth=0.8, alpha=0.35)
    for row, score in enumerate(values.values()):
        axes.plot(score, np.full(len(score), row), markersize=7, **style(row) | {"linestyle": "none"})
        axes.vlines(np.median(score), row - 0.28, row + 0.28, color=INK, linewidth=2)
    axes.set(xlabel=xlabel, yticks=rows, yticklabels=list(values), ylim=(len(values) - 0.5, -0.5))
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    return fig, axes
