"""Every page of the site in a browser: formulas have a size, nothing is wider than a telephone, axe-core finds nothing.

Each check is a function of an open page that yields complaints. One browser page visits all pages, each once, because opening
is what costs. The second half plants an offence for each check, and for what is watched while a page is open.
"""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import HEIGHT, POLICY, opened, served

TELEPHONE = 390
# One page of each kind is also judged on a wide screen, with the sidebars, which are the same on all pages.
KINDS = ["book/intro", "book/11_robust_regression", "book/atlas/index", "book/atlas/families/regression", "search", "genindex"]
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
SHARED = (Path(__file__).parent / "pages.js").read_text(encoding="utf-8")
AXE = Axe().axe_script


def ask(page, expression, argument=None):
    """What an expression of pages.js says of this page."""
    return page.evaluate(f"(argument) => {{ {SHARED}; return {expression}; }}", argument)


def sideways_scrolling(page):
    """On a telephone the page stays in its column; what is wider scrolls in a box of its own."""
    page.set_viewport_size({"width": TELEPHONE, "height": HEIGHT})
    yield from ask(page, "tooWide()")


def formulas(page):
    """TeX that reached the reader as TeX, and formulas that the browser has drawn as nothing."""
    yield from ask(page, "untypeset()")


def inline_handlers(page):
    """The policy forbids them, but a browser says so only when one is used."""
    yield from ask(page, "inlineHandlers()")


def axe_core(page, looks=None):
    """What axe-core says, in light and in dark; a text that looks like one judged before is not judged again (`looks`: those)."""
    looks = {} if looks is None else looks
    page.evaluate(AXE)
    ask(page, "thin()")
    for scheme, rules in (("light", None), ("dark", COLOUR_RULES)):
        page.emulate_media(color_scheme=scheme)
        known = looks.setdefault(scheme, set())
        new = ask(page, "markNewLooks(argument)", sorted(known))
        known.update(new)
        if new or rules is None:
            yield from (f"{scheme}: {complaint}" for complaint in ask(page, "axeSays(argument)", rules))
    page.emulate_media(color_scheme="light")


# A wide table is made reachable by key when it comes near the window.
READ_TABLES = """async () => {
    for (const table of document.querySelectorAll("article .table-wrapper")) {
        if (table.tabIndex === 0 || table.scrollWidth <= table.clientWidth) continue;
        table.scrollIntoView({ behavior: "instant" });
        await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    }
    scrollTo({ top: 0, behavior: "instant" });
}"""

CHECKS = [sideways_scrolling, formulas, inline_handlers, axe_core]  # the last one takes the page apart


# ---- every page passes ---------------------------------------------------------------------------------------------------------


def pytest_generate_tests(metafunc):
    """One test for each page of the site, by its path."""
    if "path" in metafunc.fixturenames:
        site = Path(metafunc.config.getoption("--site"))
        found = [page.relative_to(site).as_posix() for page in site.rglob("*.html")]
        metafunc.parametrize("path", sorted(path for path in found if not path.startswith("_")) or ["index.html"])


@pytest.fixture(scope="module")
def reader(browser, site):
    """(page, its complaints, the looks that it has seen): one who opens page after page, on a telephone."""
    page, complaints = opened(browser, site, "404.html", width=TELEPHONE)
    yield page, complaints, {}
    page.context.close()


def test_page(path, reader, site):
    page, complaints, looks = reader
    complaints.clear()
    page.goto(f"{site}/{path}")
    if path == "index.html":
        page.wait_for_url("**/book/intro.html")  # it leads there
    page.evaluate(READ_TABLES)
    found = [*sideways_scrolling(page), *formulas(page), *inline_handlers(page), *axe_core(page, looks), *complaints]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("kind", KINDS)
def test_page_on_a_wide_screen(kind, page_of):
    found = list(axe_core(page_of(f"{kind}.html")))
    assert not found, "\n".join(found)


def test_formulas_are_drawn(page_of):
    """A page that shows nothing would pass the check above."""
    page = page_of("book/03_which_noise.html")
    assert page.locator("math[display=block]").count() > 5
    assert page.locator("article math[display=inline]").count() > 50


# ---- the checks bite -----------------------------------------------------------------------------------------------------------

SOUND = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sound</title>
<meta name="viewport" content="width=device-width">
<link rel="stylesheet" href="planted.css"></head><body><main><h1>Sound</h1>
<p>A formula, <math><mi>x</mi></math>, and <code>\\(TeX\\)</code>; {}</p></main></body></html>"""

STYLE = """@media (prefers-color-scheme: dark) { body { background: #111; color: #eee } }
.wide { min-width: 500px } .long { white-space: pre } .pale { color: #bbb; background: #fff } .dim { color: #222 }"""

OFFENCES = [
    (sideways_scrolling, "<table><tr><td class=wide>x</td></tr></table>"),
    (sideways_scrolling, f"<b class=long>{'x' * 99}</b>"),
    (formulas, r"\(x^2\)"),
    (formulas, "$$x$$"),
    (formulas, r"a title with $\log x$"),
    (formulas, r"a \frac{1}{2}"),
    (formulas, "<math></math>"),
    (formulas, "<math><merror><mi>x</mi></merror></math>"),
    (inline_handlers, "<button onclick='alert(1)'>x</button>"),
    (axe_core, "<button></button>"),
    (axe_core, "<img src='data:,'>"),
    (axe_core, "<span class=pale>pale</span>"),
    (axe_core, "<span class=dim>dark ink on dark paper</span>"),
    (axe_core, "<div class=highlight><pre><span class=pale>in code</span></pre></div>"),
    (axe_core, "<div class='figure-svg'><svg role='img'><path d='M0 0'/></svg></div>"),
]
WATCHED = [
    ("asks another host", "<link rel='prefetch' href='https://example.org/x.js'>"),
    ("violates", "<script>document.title = 'inline'</script>"),
    ("violates", "<p style='color: red'>x</p>"),
    ("console: planted", "<script src='error.js'></script>"),
    ("script error: planted", "<script src='throws.js'></script>"),
    ("404", "<img src='nowhere.png' alt='x'>"),
]


@pytest.fixture(scope="module")
def planted(browser, tmp_path_factory):
    """planted(html): a page with this in it, and what was written down while it was opened."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "favicon.ico").touch()
    (folder / "planted.css").write_text(STYLE)
    (folder / "error.js").write_text("console.error('planted')")
    (folder / "throws.js").write_text("throw new Error('planted')")
    with served(folder) as address:
        page, complaints = opened(browser, address, "favicon.ico")

        def plant(html="nothing more."):
            path = folder / f"{len(list(folder.iterdir()))}.html"  # a new name, so that it comes from no cache
            path.write_text(SOUND.replace("{}", html))
            complaints.clear()
            page.goto(f"{address}/{path.name}")
            page.evaluate("() => new Promise(requestAnimationFrame)")  # what the page asks for late has been asked
            return page, complaints

        yield plant
        page.context.close()


def test_a_sound_page_passes(planted):
    page, complaints = planted()
    assert [complaint for check in CHECKS for complaint in check(page)] == []
    assert complaints == []


@pytest.mark.parametrize("check, html", OFFENCES)
def test_check_bites(check, html, planted):
    page, _ = planted(html)
    assert list(check(page))


@pytest.mark.parametrize("expected, html", WATCHED)
def test_the_watch_bites(expected, html, planted):
    _, complaints = planted(html)
    assert any(expected in complaint for complaint in complaints), complaints


def test_the_policy_is_the_one_that_contributors_read():
    text = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert POLICY in " ".join(text.split())
