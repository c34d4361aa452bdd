"""What a reader does with a page: choose light or dark, turn pages, open folds, copy a listing, take the notebook, print."""

import gzip
import re

import pytest
from playwright.sync_api import expect

CHAPTER = "book/11_robust_regression.html"
LOOK = """() => {
    const lightness = (colour) => colour.match(/[0-9.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part) / 765, 0);
    const { backgroundColor, color } = getComputedStyle(document.body);
    const ink = document.querySelector(".figure-svg path[style*=currentColor]") ?? document.body;
    return { paper: lightness(backgroundColor), text: lightness(color), figure: lightness(getComputedStyle(ink).color) };
}"""


def is_dark(page):
    """Whether the page is dark, its text and the ink of its figures light; it must be all or nothing."""
    look = page.evaluate(LOOK)
    dark = [look["paper"] < 0.3, look["text"] > 0.7, look["figure"] > 0.7]
    assert len(set(dark)) == 1, look
    return dark[0]


def toggle(page):
    page.locator("button.theme-toggle:visible").first.click()


def turn(page, way):
    """The link below the text leads where the head of the page says that the next or the previous page is."""
    expected = page.locator(f"link[rel={way}]").evaluate("link => link.href")
    page.locator(f"a.{way}-page").click()
    page.wait_for_url(expected)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_system_decides_until_the_reader_does(scheme, page_of):
    assert is_dark(page_of(CHAPTER, scheme=scheme)) == (scheme == "dark")


def test_dark_is_remembered(page_of):
    page = page_of(CHAPTER)
    for _ in range(3):
        if not is_dark(page):
            toggle(page)
    assert is_dark(page)
    page.reload()
    assert is_dark(page)
    turn(page, "next")
    assert is_dark(page)


def test_one_page_leads_to_the_next_and_back(page_of):
    page = page_of(CHAPTER)
    turn(page, "next")
    assert not page.url.endswith(CHAPTER)
    turn(page, "prev")
    assert page.url.endswith(CHAPTER)


def test_the_contents_show_the_page_that_is_read(page_of):
    """Beside the text when it has been drawn, on a telephone when they are opened."""
    shown = """() => {
        const { top, bottom, left } = document.querySelector(".sidebar-tree .current-page > a").getBoundingClientRect();
        return 0 <= left && 0 < top && bottom < innerHeight;
    }"""
    page = page_of("book/31_which_loss.html")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.reload()
    page.wait_for_function(shown)
    page.set_viewport_size({"width": 390, "height": 900})
    page.reload()
    page.locator("label[for=__navigation]:visible").first.click()
    page.wait_for_function(shown)


def arrives(page, section):
    """The section comes to stand at the top of the window; the page may glide there."""
    place = "id => { const { top } = document.getElementById(id).getBoundingClientRect(); return 0 < top && top < 120; }"
    page.wait_for_function(place, arg=section)


def test_the_contents_lead_to_a_section_and_mark_it(page_of):
    page = page_of(CHAPTER)
    page.set_viewport_size({"width": 1400, "height": 900})
    marked = page.locator(".toc-tree li.scroll-current > a")
    expect(marked).to_have_attribute("href", "#")
    for number in (3, 12, 1, 8):
        link = page.locator(".toc-tree a").nth(number)
        link.click()
        target = link.get_attribute("href")
        expect(marked).to_have_attribute("href", target)
        arrives(page, target[1:])


def test_an_address_leads_into_a_page(page_of):
    arrives(page_of(f"{CHAPTER}#what-does-it-estimate"), "what-does-it-estimate")


def test_on_the_way_up_a_button_leads_to_the_top(page_of):
    page = page_of(CHAPTER)
    button = page.locator(".back-to-top")
    for height, shown in ((900, False), (800, True), (1000, False), (700, True)):
        page.evaluate("top => scrollTo({ top, behavior: 'instant' })", height)
        expect(button).to_be_visible(visible=shown)
    button.click()
    page.wait_for_function("() => scrollY === 0")
    expect(button).to_be_hidden()


def test_no_window_is_too_narrow_for_its_sidebars(page_of):
    page = page_of(CHAPTER)
    sideways = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    wide = []
    for width in range(320, 1680, 16):
        page.set_viewport_size({"width": width, "height": 900})
        wide += [width] if page.evaluate(sideways) > 0 else []
    assert not wide


def test_the_names_of_losses_stay_whole(page_of):
    page = page_of("book/atlas/cheat_sheet.html")
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        heights = page.eval_on_selector_all("td:first-child a code", "codes => codes.map((code) => code.getClientRects().length)")
        assert len(heights) > 50 and set(heights) == {1}


def test_the_front_door_leads_to_the_introduction(page_of):
    page_of("").wait_for_url("**/book/intro.html")


def test_tab_leads_to_the_text_first(page_of):
    page = page_of(CHAPTER)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#furo-main-content"
    page.wait_for_function("() => document.activeElement.getBoundingClientRect().top >= 0")  # it slides in


def test_a_solution_opens_by_keyboard(page_of):
    page = page_of(CHAPTER)
    solution = page.locator("article details").filter(has_text="Solution").first
    assert not solution.evaluate("fold => fold.open")
    solution.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert solution.evaluate("fold => fold.open")
    assert solution.locator("pre").first.is_visible()


def test_a_link_into_a_fold_opens_it(page_of):
    page = page_of(CHAPTER)
    inside = page.evaluate("document.querySelector('article details:not([open]) [id]')?.id")
    if inside is None:  # nothing in a fold of this page can be linked to: put something there
        inside = page.evaluate("document.querySelector('article details > :not(summary)').id = 'planted'")
    # The browser of the tests opens it by itself, others leave that to the script: the address alone, then what the script hears.
    page.evaluate("hash => { history.pushState(null, '', `#${hash}`); dispatchEvent(new Event('hashchange')) }", inside)
    assert page.locator(f"[id='{inside}']").is_visible()


def test_a_listing_is_copied_as_it_is_written(page_of):
    page = page_of(CHAPTER, permissions=["clipboard-read", "clipboard-write"])
    cell = page.locator("div.cell_input:visible").first
    cell.hover()
    cell.locator("button.copybtn").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == cell.locator("pre").inner_text().strip()
    assert "lossbook" in copied


def test_every_chapter_offers_its_notebook(page_of):
    page = page_of(CHAPTER)
    address = page.locator("a[download]").first.evaluate("link => link.href")
    notebook = page.request.get(address).json()
    assert notebook["nbformat"] == 4
    assert any("lossbook" in "".join(cell["source"]) for cell in notebook["cells"])


@pytest.mark.parametrize("path", [CHAPTER, "book/intro.html", "book/atlas/index.html"])
def test_the_folder_opens_from_disk(path, page_of, folder):
    page = page_of(path, home=folder.as_uri())
    assert page.evaluate("[...document.styleSheets].length") >= 3
    families = page.evaluate("document.fonts.ready.then(() => [...document.fonts].map(font => [font.family, font.status]))")
    assert {family for family, status in families if status == "error"} <= {"As wide"}  # the system's own, if it has them
    toggle(page)
    assert page.locator("article h1").is_visible()


def test_a_page_is_whole_without_scripts(page_of):
    page = page_of(CHAPTER, java_script_enabled=False)
    assert page.locator("article h1").is_visible()
    assert page.locator("math").first.bounding_box()["width"] > 0
    assert page.locator(".figure-svg svg").first.bounding_box()["height"] > 100
    page.locator("article details summary").first.click()
    assert page.locator("article details[open]").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_print_is_ink_on_paper_with_everything_open(scheme, page_of):
    page = page_of(CHAPTER, scheme=scheme)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("article details:not([open])").count() == 0
    assert page.locator("article pre:not(:visible)").count() == 0
    for chrome in (".sidebar-drawer", ".toc-drawer", ".theme-toggle", "a.next-page", "button.copybtn", "a.headerlink"):
        assert page.locator(f"{chrome}:visible").count() == 0, chrome
    assert not is_dark(page)
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("article details[open]").count() == 0


def test_nothing_moves_while_a_page_loads(page_of):
    """On the second page of a visit: on the first, fonts that come late may move a line."""
    page = page_of("404.html")
    page.evaluate("Promise.all([...document.fonts].map((font) => font.load().catch(() => null))).then(() => true)")
    page.goto(page.url.replace("404.html", CHAPTER))
    shift = page.evaluate(
        """() => new Promise((done) => {
            let sum = 0;
            new PerformanceObserver((list) => { for (const entry of list.getEntries()) sum += entry.value; })
                .observe({ type: "layout-shift", buffered: true });
            setTimeout(() => done(sum), 300);
        })"""
    )
    assert shift < 0.02


def test_fonts_are_asked_for_before_the_style_sheets_are_read(page_of):
    """On a first visit a font that is asked for only when the first line is laid out comes too late, and moves it."""
    page = page_of(CHAPTER)
    page.wait_for_load_state("networkidle")
    entries = page.evaluate("performance.getEntriesByType('resource').map((entry) => [entry.name, entry.initiatorType])")
    asked = {name.rsplit("/")[-1]: how for name, how in entries if name.endswith(".woff2")}
    assert [asked[name] for name in ("book.woff2", "book-italic.woff2", "book-bold.woff2")] == ["link"] * 3


MEASURED = """
window.measured = [];
const watch = (object, name, kind) => {
    const { [kind]: original, ...rest } = Object.getOwnPropertyDescriptor(object, name);
    Object.defineProperty(object, name, { ...rest, [kind](...given) {
        if (!this.checkVisibility({ contentVisibilityAuto: true }) && this.closest("article > section > section"))
            measured.push(`${name} of ${this.outerHTML.slice(0, 60)}`);
        return original.apply(this, given);
    } });
};
for (const name of ["clientWidth", "clientHeight", "scrollWidth", "scrollHeight"]) watch(Element.prototype, name, "get");
for (const name of ["offsetTop", "offsetLeft", "offsetWidth", "offsetHeight"]) watch(HTMLElement.prototype, name, "get");
for (const name of ["getBoundingClientRect", "getClientRects"]) watch(Element.prototype, name, "value");
"""


@pytest.mark.parametrize("path", [CHAPTER, "book/21_sequences.html", "book/atlas/families/regression.html"])
def test_no_script_lays_out_what_is_far_away(path, page_of):
    """To measure one element of a section lays out the section: a chapter would take seconds on a phone."""
    page = page_of("404.html")
    page.add_init_script(MEASURED)
    page.goto(page.url.replace("404.html", path))
    page.wait_for_load_state("networkidle")
    assert page.evaluate("measured.splice(0)") == []
    page.evaluate("document.querySelector('article > section > section:last-of-type p').getBoundingClientRect()")
    assert len(page.evaluate("measured")) == 1


def test_the_first_view_is_light(page_of):
    """Under 300 kB, as a host sends it, without the figures: every file that the page asks for."""
    page = page_of(CHAPTER)
    page.wait_for_load_state("networkidle")
    weights = {}
    for address in page.evaluate("[location.href, ...performance.getEntriesByType('resource').map((entry) => entry.name)]"):
        body = page.request.get(address).body()
        if address == page.url:
            body = re.sub(rb"<svg.*?</svg>", b"", body, flags=re.DOTALL)
        weights[address.rsplit("/", 1)[1]] = min(len(body), len(gzip.compress(body)))
    assert len(weights) >= 4
    assert sum(weights.values()) < 300_000, weights
