"""Alive figures in a browser: each reacts to mouse, keyboard and touch, and its sentence then says what the package computes."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from lossbook import alive
from lossbook.alive import _drawing

ROOT = Path(__file__).parents[1]
FIGURES = {make.__name__: make() for make in alive.FIGURES}


def places():
    """{figure: (page, how many figures stand above it there)}, from the notebooks."""
    found = {}
    for path in sorted((ROOT / "book").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        for number, name in enumerate(re.findall(r"^(?:lossbook\.)?alive\.(\w+)\(\)$", code, re.MULTILINE)):
            found[name] = f"book/{path.stem}.html", number
    return found


PLACES = places()


# Sections are laid out as they come into view, and then take another height: scroll until the figure stays where it is.
SETTLE = """async element => {
  for (let last, calm = 0; calm < 5; ) {
    element.scrollIntoView({block: "center"});
    await new Promise(requestAnimationFrame);
    const { top } = element.getBoundingClientRect();
    calm = top === last ? calm + 1 : 0;
    last = top;
  }
}"""


@pytest.fixture
def shown(page_of):
    """shown(name): the page, and the figure on it."""

    def show(name, **options):
        path, number = PLACES[name]
        page = page_of(path, **options)
        element = page.locator("loss-figure").nth(number)
        if options.get("java_script_enabled", True):
            element.evaluate(SETTLE)
        return page, element

    return show


def says_what_the_package_says(name, element):
    """The sentence belongs to where the sliders and handles stand; returns that."""
    figure = FIGURES[name]
    element.page.wait_for_function("element => !element.waiting", arg=element.element_handle())  # the next frame has been drawn
    positions = element.evaluate("element => element.positions")
    expect(element.locator("output")).to_have_text(_drawing.say(figure.says, figure.at(**positions)))
    return positions


def middle(locator):
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_every_figure_has_a_place():
    assert set(PLACES) == set(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_mouse_and_keyboard(name, shown):
    page, element = shown(name)
    figure = FIGURES[name]
    assert says_what_the_package_says(name, element) == pytest.approx(figure.positions)
    for slider in figure.sliders:
        control = element.locator(f"input[name={slider.name}]")
        before = element.locator("output").inner_text()
        box = control.bounding_box()
        share = 0.3 if slider.value > sum(slider.limits) / 2 else 0.8
        page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        by_mouse = says_what_the_package_says(name, element)
        assert by_mouse[slider.name] != slider.value, f"the mouse did not move {slider.name}"
        assert element.locator("output").inner_text() != before
        control.press("ArrowLeft")
        by_key = says_what_the_package_says(name, element)
        assert by_key[slider.name] == pytest.approx(by_mouse[slider.name] - slider.step), f"the key did not move {slider.name}"
    for i, handle in enumerate(figure.handles):
        grip, moves = element.locator(".handle").nth(i), handle.moves
        before = says_what_the_package_says(name, element)
        grip.press("ArrowUp")
        by_key = says_what_the_package_says(name, element)
        upwards = next((move for move in moves if move.along == "y"), moves[0])
        assert by_key[upwards.name] == pytest.approx(before[upwards.name] + upwards.step), f"the key did not move {handle.label}"
        assert str(by_key[upwards.name]) in grip.get_attribute("aria-valuetext").replace("−", "-")
        x, y = middle(grip)
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 12, y + 25, steps=3)
        page.mouse.up()
        by_mouse = says_what_the_package_says(name, element)
        assert all(by_mouse[move.name] != by_key[move.name] for move in moves), f"the mouse did not move {handle.label}"
    element.locator("button.reset").click()
    assert says_what_the_package_says(name, element) == pytest.approx(figure.positions)


@pytest.mark.parametrize("name", FIGURES)
def test_touch(name, shown):
    page, element = shown(name, touch=True, width=390)
    figure = FIGURES[name]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for slider in figure.sliders[:1]:
        box = element.locator(f"input[name={slider.name}]").bounding_box()
        share = 0.3 if slider.value > sum(slider.limits) / 2 else 0.8
        page.touchscreen.tap(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        assert says_what_the_package_says(name, element)[slider.name] != slider.value
    finger = page.context.new_cdp_session(page)
    for i, handle in enumerate(figure.handles[-2:], start=max(0, len(figure.handles) - 2)):
        grip = element.locator(".handle").nth(i)
        grip.click(trial=True)  # waits until the page has come to rest
        x, y = middle(grip)
        for kind, points in (
            ("touchStart", [{"x": x, "y": y}]),
            ("touchMove", [{"x": x + 8, "y": y + 10}]),
            ("touchMove", [{"x": x + 12, "y": y + 30}]),
            ("touchEnd", []),
        ):
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        by_touch = says_what_the_package_says(name, element)
        end = dict(zip("xy", middle(grip)))
        for move in handle.moves:
            assert by_touch[move.name] != figure.positions[move.name], f"touch did not move {handle.label}"
            # Had the page scrolled instead, the finger would have lost the handle.
            assert end[move.along] == pytest.approx({"x": x + 12, "y": y + 30}[move.along], abs=4)


def test_a_run_ends_where_its_slider_ends(shown):
    _, element = shown("valley")
    steps = next(slider for slider in FIGURES["valley"].sliders if slider.play)
    element.locator(f"input[name={steps.name}]").press("End")
    for _ in range(3):
        element.locator(f"input[name={steps.name}]").press("ArrowLeft")
    button = element.locator("button.play")
    button.click()
    expect(button).to_have_text("Stop")
    expect(button).to_have_text("Run")
    assert says_what_the_package_says("valley", element)[steps.name] == steps.limits[1]


def test_who_asks_for_less_motion_gets_single_steps(shown):
    page, element = shown("valley", reduced_motion="reduce")
    button, start = element.locator("button.play"), FIGURES["valley"].positions["steps"]
    expect(button).to_have_text("One step")
    for n in (1, 2):
        button.click()
        page.wait_for_timeout(300)
        assert says_what_the_package_says("valley", element)["steps"] == start + n


SHIFTS = """() => new Promise((answer) => {
    const inside = ({ node }) => (node?.closest ? node : node?.parentElement)?.closest("loss-figure");
    const watch = (list) => answer(list.getEntries().filter((shift) => shift.sources.some(inside)).length);
    new PerformanceObserver(watch).observe({ type: "layout-shift", buffered: true });
    setTimeout(() => answer(0), 500);
})"""


def test_the_script_moves_nothing_when_it_takes_over(shown):
    """No layout shift in a figure, and the still is the first drawing."""
    page, element = shown("boxes")
    assert page.evaluate(SHIFTS) == 0
    drawn = element.locator("path.mark").evaluate_all("marks => marks.map((mark) => mark.getAttribute('d'))")
    assert drawn == re.findall(r'<path class="mark" d="([^"]*)"', FIGURES["boxes"].html())


def test_without_the_script_there_is_the_still(shown):
    _, element = shown("boxes", java_script_enabled=False)
    assert element.locator("svg").first.bounding_box()["height"] > 100
    assert not element.locator(".controls").is_visible()
    expect(element.locator("output")).to_have_text(FIGURES["boxes"].sentence())


def test_on_paper_there_is_the_still(shown):
    page, element = shown("boxes")
    page.emulate_media(media="print")
    assert element.locator("svg").first.is_visible()
    assert not element.locator(".controls").is_visible()


def test_a_page_without_a_figure_loads_no_script(page_of):
    scripts = "[...document.querySelectorAll('script[src], link[rel=stylesheet]')].map((e) => e.src || e.href).join(' ')"
    assert "alive" not in page_of("book/bibliography.html").evaluate(scripts)
    page, _ = PLACES["boxes"]
    assert "alive.js" in page_of(page).evaluate(scripts)
