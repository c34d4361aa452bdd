"""Figures: the same SVG everywhere, legible everywhere, and showing the numbers they were given."""

import itertools
import re
import xml.etree.ElementTree as ElementTree
from functools import partial

import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from matplotlib.colors import to_rgb
from matplotlib.path import Path
from statsmodels.stats.proportion import proportion_confint

import lossbook
from lossbook import plot

X = np.linspace(-3, 3, 61)


def draw(noise=0.0, slope=1.0):
    fig, axes = plot.figure()
    axes.plot(X, slope * np.abs(X) * (1 + noise), label="absolute")
    axes.fill_between(X, X**2 * (1 - noise), X**2 * (1 + noise) + 1, alpha=0.2)
    axes.scatter(X[::10], np.sin(X[::10]) * (1 + noise))
    axes.set(xlabel="residual (kg)", ylabel="loss (kg)")
    return fig


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plot.plt.close("all")


@pytest.fixture
def kernel():
    """A running IPython, so that display() makes outputs instead of printing."""
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


# ------------------------------------------------------------------------------------------------------------------ the SVG


@pytest.mark.parametrize("alt", ["", "  \n "])
def test_a_figure_needs_a_description(alt):
    with pytest.raises(ValueError, match="description"):
        plot.svg(draw(), alt)


def test_the_svg_ignores_the_last_bits_of_the_data():
    assert plot.svg(draw(), "x") == plot.svg(draw(noise=1e-12), "x")
    assert plot.svg(draw(), "x") != plot.svg(draw(slope=1.01), "x")


@pytest.mark.parametrize("written", ["0.125000", "0.124999", "0.125001", "-0.115000", "-0.114999"])
def test_ties_are_rounded_one_way(written):
    assert plot._round_attribute(re.match(r'(x)="(.*)"', f'x="{written}"')) == ('x="-0.11"' if "-" in written else 'x="0.13"')


def test_the_svg_is_described_and_keeps_to_itself():
    text = plot.svg(draw(), "a < b &\n c")
    root = ElementTree.fromstring(text)
    assert root.attrib["role"] == "img"
    assert root[0].tag.endswith("title")
    assert root[0].text == "a < b & c"
    assert "<style" not in text
    assert "<metadata" not in text
    assert "<!" not in text
    assert "residual (kg)" in [element.text for element in root.iter() if element.tag.endswith("text")]  # text stays text
    assert not re.search(r' (?:d|x|y)="[^"]*\.\d{3}', text)


def test_two_figures_on_a_page_share_no_id_and_every_reference_resolves():
    texts = [plot.svg(draw(slope=s), "x") for s in (1.0, 2.0)]
    ids = [re.findall(r' id="([^"]*)"', text) for text in texts]
    assert ids[0]
    assert not set(ids[0]) & set(ids[1])
    for text, own in zip(texts, ids, strict=True):
        assert len(set(own)) == len(own)
        assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', text)) == set(own)


def test_everything_but_the_data_is_ink():
    fig, axes = plot.figure()
    axes.set(xlabel="x", ylabel="y", title="t")
    axes.text(0.5, 0.5, "note")
    assert set(re.findall(r"(?:fill|stroke): (#\w+)", plot.svg(fig, "x"))) == {plot.INK}


def luminance(colour):
    c = np.array(to_rgb(colour))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("page", ["#ffffff", "#14181e"])
@pytest.mark.parametrize("colour", plot.COLOURS[:-1])
def test_data_colours_stand_out_on_light_and_dark_pages(colour, page):
    low, high = sorted([luminance(colour), luminance(page)])
    assert (high + 0.05) / (low + 0.05) >= 3  # WCAG 2.2, 1.4.11, graphical objects


def test_text_is_readable_on_a_phone():
    sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", plot.svg(draw(), "x"))]
    assert min(sizes) * 350 / (72 * plot.WIDTH) >= 9.5  # pixels, in a text column of 350


def test_show_displays_one_bundle_and_closes_the_figure(kernel):
    fig = draw()
    with capture_output() as captured:
        plot.show(fig, alt="A figure.")
    (output,) = captured.outputs
    assert output.data["text/plain"] == "A figure."
    assert output.data["image/svg+xml"].startswith("<svg")
    assert output.metadata == {"needs_background": "light"}
    assert not plot.plt.fignum_exists(fig.number)


# ------------------------------------------------------------------------------------------------------------- measured numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.82939, "0.8294"), (0.5, "0.5"), (3.0, "3"), (123456.7, "123500"), (999999.0, "1e+06"), (1e6, "1e+06"), (-0.0, "0"),
        (1e-4, "0.0001"), (0.000123456, "0.0001235"), (3e-7, "3e-07"), (-2.5e9, "-2.5e+09"), (20190, "20190"), (True, "True"),
        ("huber", "huber"), (np.float32(0.1), "0.1"), (np.int64(7), "7"), (torch.tensor(0.25), "0.25"), (np.array(2.0), "2"),
    ],
)  # fmt: skip
def test_measured_writes_four_digits(capsys, value, text):
    plot.measured(key=value)
    assert capsys.readouterr().out == f"key = {text}\n"


def test_measured_displays_plain_text(kernel):
    with capture_output() as captured:
        assert plot.measured(a=1.0, b=2) is None
    assert [output.data for output in captured.outputs] == [{"text/plain": "a = 1\nb = 2"}]


@pytest.mark.parametrize("value", [np.nan, np.inf, np.float32("-inf")])
def test_measured_refuses_what_is_not_finite_unless_told(capsys, value):
    with pytest.raises(ValueError, match="finite"):
        plot.measured(key=value)
    plot.measured(key=value, allow_nonfinite=True)
    assert capsys.readouterr().out == f"key = {float(value)}\n"


# ------------------------------------------------------------------------------------------------------------- kinds of figures


def test_three_columns_are_refused():
    with pytest.raises(ValueError, match="two columns"):
        plot.figure(1, 3)


def test_six_series_are_refused():
    with pytest.raises(ValueError, match="told apart"):
        plot.curves({str(i): [1.0, 2.0] for i in range(6)})


def test_loss_and_gradient_of_plain_functions():
    fig, (top, bottom) = plot.loss_and_gradient({"square": (np.square, lambda r: 2 * r)}, limits=(-2, 2))
    (loss,), (gradient,) = top.get_lines()[:1], bottom.get_lines()
    np.testing.assert_array_equal(loss.get_ydata(), loss.get_xdata() ** 2)
    np.testing.assert_array_equal(gradient.get_ydata(), 2 * gradient.get_xdata())
    assert plot.svg(fig, "x").count(">square</text>") == 1


@pytest.mark.parametrize("against", ["residual", "logit"])
def test_loss_and_gradient_of_the_package(against):
    loss = partial(lossbook.huber, delta=0.7) if against == "residual" else "sigmoid_cross_entropy"
    _, (top, bottom) = plot.loss_and_gradient([loss], against=against)
    (value,), (gradient,) = top.get_lines()[:1], bottom.get_lines()
    x = value.get_xdata()
    expected = np.where(abs(x) <= 0.7, x**2 / 2, 0.7 * (abs(x) - 0.35)) if against == "residual" else np.logaddexp(0, -x)
    np.testing.assert_allclose(value.get_ydata(), expected, atol=1e-12)
    np.testing.assert_allclose(gradient.get_ydata()[1:-1], np.gradient(expected, x)[1:-1], atol=0.02)


def test_labels_stand_in_the_order_of_the_lines_and_do_not_overlap():
    _, axes = plot.figure()
    for name, y in {"low": 0.9 * X, "lower": 0.89 * X, "leaves first": 9 * X, "leaves": 6 * X, "two\nlines": 0.91 * X}.items():
        axes.plot(X, y, label=name)
    axes.set(xlim=(-3, 3), ylim=(-3, 3))
    plot.label_lines(axes)
    assert len(axes.get_legend_handles_labels()[1]) == 5  # the samples of the key are no lines of their own
    boxes = {text.get_text(): text.get_window_extent() for text in axes.texts}
    assert sorted(boxes, key=lambda name: -boxes[name].y0) == ["leaves first", "leaves", "two\nlines", "low", "lower"]
    ordered = sorted(boxes.values(), key=lambda box: box.y0)
    assert all(below.y1 <= above.y0 + 1 for below, above in itertools.pairwise(ordered))


def test_curves_draw_the_median_and_the_range():
    runs = np.array([[3.0, 1.0], [5.0, 2.0], [4.0, 9.0]])
    _, axes = plot.curves({"huber": runs})
    np.testing.assert_array_equal(axes.get_lines()[0].get_xydata(), [[1, 4], [2, 2]])
    band = axes.collections[0].get_paths()[0].vertices
    assert {(1.0, 3.0), (1.0, 5.0), (2.0, 1.0), (2.0, 9.0)} <= {tuple(vertex) for vertex in band}


def test_level_lines_close_to_the_rounding():
    """Whether the ends of a ring are equal to the bit depends on the processor; whether the ring is drawn closed must not."""
    ring = np.array([[0.1 + 0.2, 1], [1, 1], [1, 0], [0.3, 1], [5, 5], [6, 6]])
    path = Path(ring, [1, 2, 2, 2, 1, 2])
    plot._close(path)
    assert path.codes.tolist() == [1, 2, 2, 79, 1, 2]


def test_contours_draw_the_paths():
    path = np.array([[0.0, 0.0], [1.0, 0.5]])
    _, axes = plot.contours(lambda a, b: a**2 + b**2, (-2, 2), (-1, 1), paths={"descent": path})
    np.testing.assert_array_equal(axes.get_lines()[0].get_xydata(), path)


def test_reliability_bins_count_every_prediction():
    probability, outcome = np.array([0.0, 0.07, 0.1, 0.55, 1.0]), np.array([0, 1, 0, 1, 1])
    confidence, frequency, count = plot.reliability_bins(probability, outcome, bins=10)
    np.testing.assert_array_equal(count, [2, 1, 1, 1])
    np.testing.assert_allclose(confidence, [0.035, 0.1, 0.55, 1.0])
    np.testing.assert_array_equal(frequency, [0.5, 0, 1, 1])
    _, (axes, below) = plot.reliability({"model": (probability, outcome)})
    assert below.get_yticks().tolist() == [count.min(), count.max()]  # of powers of ten there may be only one
    np.testing.assert_array_equal(axes.get_lines()[1].get_ydata(), frequency)


@pytest.mark.parametrize("bad", [([0.5, 2.0], [0, 1]), ([0.5], [0, 1]), ([[0.5]], [[1]]), ([0.5, np.nan], [0, 1])])
def test_reliability_refuses_what_is_not_a_probability(bad):
    with pytest.raises(ValueError, match="probabilit"):
        plot.reliability_bins(*bad)


def test_wilson_agrees_with_statsmodels():
    for successes, trials in [(0, 5), (3, 7), (50, 50)]:
        expected = proportion_confint(successes, trials, method="wilson")
        np.testing.assert_allclose(plot.wilson(successes / trials, trials), expected, atol=1e-7)


def test_paired_needs_the_same_seeds():
    with pytest.raises(ValueError, match="same seeds"):
        plot.paired({"a": [1.0, 2.0], "b": [1.0]})
    _, axes = plot.paired({"a": [1.0, 2.0], "b": [1.5, 2.5]})
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]


def test_labels_of_lines_that_end_together_keep_their_order():
    """The last bits of a float, which differ between processors, must not decide which label stands above the other."""
    for noise in (0.0, 1e-15, -1e-15):
        _, axes = plot.figure()
        axes.plot([0, 1], [0, 0.5 + noise], label="first")
        axes.plot([0, 1], [1, 0.5], label="second")
        plot.label_lines(axes)
        heights = {text.get_text(): text.get_position()[1] for text in axes.texts}
        assert heights["first"] > heights["second"]
