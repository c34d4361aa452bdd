"""Alive figures: the script of the page computes what the package computes, at 1e-9, wherever the sliders stand.

The script runs in V8, which a pinned wheel brings; without it these tests fail, they are not skipped. That the figures react to
mouse, keyboard and touch is tested in a browser, in tests_web.
"""

import itertools
import json
import re
from html import escape

import numpy as np
import pytest
import sympy
from py_mini_racer import MiniRacer

from lossbook import _symbols, alive, card
from lossbook.alive import _drawing, _expression, _figure

SCRIPT = (_figure.HERE / "alive.js").read_text(encoding="utf-8")
TOLERANCE = 1e-9


def engine():
    context = MiniRacer()
    context.eval(SCRIPT)
    return context


@pytest.fixture(scope="module")
def js():
    """Call a function of the script with plain data."""
    context = engine()

    def call(name, *arguments):
        return json.loads(context.eval(f"JSON.stringify(lossbookAlive.{name}({','.join(map(json.dumps, arguments))}))"))

    yield call
    context.close()


def figures():
    return [pytest.param(make, id=make.__name__) for make in alive.FIGURES]


def settings(figure):
    """Where the tests put the sliders and handles: each at its ends, one at a time, and all at random."""
    rng = np.random.default_rng(9)

    def at(control, share):
        low, high = control.limits
        steps = round((high - low) / control.step)
        return round(low + round(share * steps) * control.step, 9)

    yield {}
    for control in figure.controls:
        yield from ({control.name: at(control, share)} for share in (0, 1))
    for _ in range(7):
        yield {control.name: at(control, share) for control, share in zip(figure.controls, rng.random(len(figure.controls)))}


def distance(ours, theirs):
    """The largest difference, relative to the size of a number where that is above 1."""
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    if ours.shape != theirs.shape:
        return np.inf
    return float(np.max(np.abs(ours - theirs) / np.maximum(1, np.abs(theirs)), initial=0))  # nan stays nan and fails


# ---- the numbers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", figures())
def test_the_script_computes_what_the_package_computes(make, js):
    figure = make()
    description = figure.description()
    for positions in settings(figure):
        ours = js("state", description, figure.positions | positions)
        theirs = figure.at(**positions)
        for value in figure.values:
            off = distance(ours[value.name], theirs[value.name])
            assert off <= TOLERANCE, f"{value.name} at {positions}: the script says {ours[value.name]}, off by {off:.1e}"


@pytest.mark.parametrize("make", figures())
def test_a_value_that_is_kept_is_the_one_that_would_be_computed(make, js):
    """The page computes again only what a move changes."""
    figure = make()
    description, before = figure.description(), None
    for positions in list(settings(figure))[::3]:
        before = js("state", description, figure.positions | positions, before)
        assert before == js("state", description, figure.positions | positions)


@pytest.mark.parametrize("make", figures())
def test_the_script_draws_the_still_and_says_its_sentence(make, js):
    """What the page shows before anything is moved is what the script draws: nothing jumps when it takes over."""
    figure = make()
    description, names = figure.description(), figure.at()
    values = {name: np.asarray(value).tolist() for name, value in names.items()}
    for panel, full in zip(description["panels"], figure.panels[0]):
        assert js("draw", panel, values) == _drawing.draw(full, names)
    assert js("say", figure.says, values) == figure.sentence()


@pytest.mark.parametrize("make", figures())
def test_every_slider_and_handle_does_something(make, js):
    figure = make()
    description = figure.description()

    def seen(positions):
        names = js("state", description, positions)
        return [js("draw", panel, names) for panel in description["panels"]], js("say", figure.says, names)

    for control in figure.controls:
        ends = [seen(figure.positions | {control.name: end}) for end in control.limits]
        assert ends[0] != ends[1], f"{control.name} moves nothing"
        assert ends[0][1] != ends[1][1], f"{control.name} does not change the sentence"


def test_huber_s_line_is_where_the_gradient_vanishes(js):
    """Independently of the other computation: the condition itself, with the gradient of the package."""
    figure = alive.robust_line()
    for positions in settings(figure):
        names = js("state", figure.description(), figure.positions | positions)
        x, y = np.array(names["points"]).T
        a, b = names["huber"]
        pull = card("huber").gradient(a + b * x, y, delta=names["delta"])
        assert max(abs(pull.sum()), abs((pull * x).sum())) < 1e-8


# ---- the expressions ---------------------------------------------------------------------------------------------------------


def test_the_printer_writes_only_what_the_script_knows(js):
    known = set(js("functions.slice"))
    assert set(_expression.FUNCTIONS.values()) | {"if", "sum", "at"} <= known

    def heads(expression):
        if isinstance(expression, list):
            yield expression[0]
            for part in expression[1:]:
                yield from heads(part)

    for make in alive.FIGURES:
        for value in make().values:
            assert set(heads(value.expression)) <= known, f"{make.__name__}: {value.name}"


EXPRESSIONS = {
    "a fraction": _symbols.z / 3 - sympy.Rational(1, 7),
    "powers and roots": sympy.sqrt(_symbols.z**2 + 1) + _symbols.delta**-2,
    "by cases": sympy.Piecewise((_symbols.z, _symbols.z > 1), (_symbols.delta, _symbols.z >= 0), (sympy.pi, True)),
    "comparisons": sympy.Piecewise((1, _symbols.z < 1), (2, _symbols.z <= 1), (_symbols.z, True)),
    "functions": sympy.exp(_symbols.z) + sympy.log(_symbols.delta) + sympy.Abs(_symbols.z) + sympy.sign(_symbols.z),
    "extremes": sympy.Max(_symbols.z, 0) * sympy.Min(_symbols.delta, 1, _symbols.z),
    "definitions": _symbols.sigmoid(_symbols.z) + _symbols.softplus(-_symbols.z),
    "circles": sympy.cos(_symbols.z) * sympy.sin(_symbols.delta),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_an_expression_keeps_its_value(name, js):
    expression = EXPRESSIONS[name]
    for z, delta in itertools.product((-2.0, -0.5, 0.5, 1.0, 3.0), (0.25, 2.0)):
        exact = expression.subs({_symbols.z: sympy.Rational(z), _symbols.delta: sympy.Rational(delta)})
        there = alive.printed(expression, {_symbols.z: "z", _symbols.delta: "delta"})
        ours = js("evaluate", there, {"z": z, "delta": delta})
        assert distance(ours, float(sympy.N(exact.rewrite(sympy.exp) if exact.has(_symbols.sigmoid) else exact))) < 1e-14


def test_a_sum_over_classes_keeps_its_value(js):
    Z, K, k = _symbols.Z, _symbols.K, _symbols.k
    there = alive.printed(sympy.Sum(k * Z[k] * _symbols.softmax(Z, k), (k, 1, K)), {Z: "z", K: 3})
    z = np.array([0.3, -1.0, 2.0])
    p = np.exp(z) / np.exp(z).sum()
    assert distance(js("evaluate", there, {"z": z.tolist()}), (np.array([1, 2, 3]) * z * p).sum()) < 1e-14


@pytest.mark.parametrize(
    "expression, complaint",
    [
        (sympy.gamma(_symbols.z), "cannot compute gamma"),
        (sympy.Derivative(sympy.Function("f")(_symbols.z), _symbols.z), "cannot compute"),
        (sympy.I * _symbols.z, "cannot compute"),
        (_symbols.z + _symbols.gamma, "nothing stands for gamma"),
        (_symbols.Q[1], "nothing stands for q"),
        (sympy.Piecewise((_symbols.z, _symbols.z > 1), evaluate=False), "last case"),
        (sympy.Sum(_symbols.Z[_symbols.k], (_symbols.k, 2, 3)), "from 1"),
    ],
    ids=str,
)
def test_what_the_script_does_not_know_is_refused(expression, complaint):
    with pytest.raises(ValueError, match=complaint):
        alive.printed(expression, {_symbols.z: "z", _symbols.Z: "vector"})


@pytest.mark.parametrize("expression", [["gamma", 1], ["constructor"], "nothing", ["add", "toString"]])
def test_the_script_refuses_what_it_does_not_know(expression):
    context = engine()
    with pytest.raises(Exception, match="is called"):
        context.eval(f"lossbookAlive.evaluate({json.dumps(expression)}, Object.create(null))")
    context.close()


# ---- the forms in which a figure is shown ------------------------------------------------------------------------------------


def test_a_figure_without_words_is_refused():
    parts = {"says": "", "sliders": (), "values": (), "rows": ()}
    for alt in ("", "  ", "a figure"):
        with pytest.raises(ValueError, match="description in words"):
            alive.Figure(alt=alt, **parts)
    with pytest.raises(TypeError, match="alt"):
        alive.Figure(**parts)


def test_an_unknown_position_is_refused():
    with pytest.raises(ValueError, match="no slider or handle is called"):
        alive.boxes().at(x=1)


@pytest.mark.parametrize("make", figures())
def test_what_is_stored_is_the_same_each_time_and_needs_no_script(make, monkeypatch):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    bundle = make()._repr_mimebundle_()
    assert bundle == make()._repr_mimebundle_()
    html = bundle["text/html"]
    assert not re.search(r"\son\w+=|style=|javascript:|<style", html), "inline styles and handlers break the page's policy"
    assert re.findall(r"<script[^>]*>", html) == ['<script type="application/json">']
    assert not re.search(r"\b(nan|inf)\b", " ".join(re.findall(r' d="([^"]*)"', html)))
    assert json.loads(re.search(r"<script[^>]*>(.*?)</script>", html, re.DOTALL)[1], parse_constant=pytest.fail)["says"]
    assert re.search(r'<svg role="img"[^>]*>\s*<title>[^<]{15,}</title>', bundle["image/svg+xml"])
    assert bundle["text/plain"].startswith(make().alt)
    for slider in make().sliders:
        assert escape(slider.label) in html
    assert len(html) < 30_000


def test_a_kernel_with_somebody_at_it_brings_the_script(monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "book/20_segmentation.ipynb")
    html = alive.boxes()._repr_mimebundle_()["text/html"]
    assert "customElements.define" in html and "loss-figure" in html
    assert "</script" not in SCRIPT.lower()


def test_the_script_is_small_and_makes_no_code_of_data():
    assert len(SCRIPT.encode()) < 30_000
    assert not re.search(r"\beval\(|new Function|innerHTML|document\.write|import\(|fetch\(|https?://", SCRIPT)
