"""The built site: every internal link and anchor exists, nothing is unresolved, nothing comes from another host.

`make site` builds the book and runs this. Each check is a function of a folder; the second half plants an offence for each.
"""

import functools
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import make_entrances
import pytest

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build/html"
LOADS = {"src", "srcset", "poster", "data", "action", "background"}  # attributes that make a browser fetch something
REMOTE = re.compile(r"(?:https?:)?//[\w-]+\.[\w.-]+")


class Page(HTMLParser):
    """What one HTML file links to, loads and is made of."""

    def __init__(self, path):
        super().__init__()
        self.path, self.ids, self.links, self.loads, self.scripts, self.text, self._inside = path, [], [], [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        values = {name: value or "" for name, value in attributes}
        if tag not in ("br", "hr", "img", "input", "link", "meta"):
            self._inside.append(tag)
        self.ids += [values[name] for name in ("id", "name") if name in values and (name == "id" or tag == "a")]
        self.loads += [values[name] for name in LOADS & set(values) if tag != "a"]
        self.loads += re.findall(r"url\(['\"]?([^'\")]+)", values.get("style", ""))
        if tag == "link" and values.get("rel") != "canonical":
            self.loads.append(values.get("href", ""))
        elif tag in ("image", "use"):
            self.loads.append(values.get("href") or values.get("xlink:href", ""))
        elif tag in ("a", "area") and "href" in values:
            self.links.append(values["href"])

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_endtag(self, tag):
        if tag in self._inside:
            while self._inside.pop() != tag:
                pass

    def handle_data(self, data):
        if "script" in self._inside:
            self.scripts.append(data)
        elif not {"pre", "code", "style"} & set(self._inside):
            self.text.append(data)


@functools.cache
def parsed(path, changed):
    """A page is parsed once for all checks, and again where it has changed."""
    return Page(path)


def pages(site):
    found = [path for path in sorted(site.rglob("*.html")) if "_static" not in path.relative_to(site).parts]
    return [parsed(path, path.stat().st_mtime_ns) for path in found]


def target(page, url):
    """The file and the anchor that a link inside the site points to; None where it points outside."""
    parts = urlsplit(url)
    if parts.scheme or parts.netloc:
        return None
    return (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path.resolve(), unquote(parts.fragment)


def broken_links(site):
    found = pages(site)
    ids = {page.path.resolve(): set(page.ids) for page in found}
    for page in found:
        for url in page.links + [url for url in page.loads if url and not url.startswith(("data:", "#"))]:
            where = target(page, url)
            if where is None:
                continue
            path, anchor = where
            if not path.is_file():
                yield f"{page.path.name}: {url}: no such file"
            elif anchor and path in ids and anchor not in ids[path]:
                yield f"{page.path.name}: {url}: no such anchor"


def other_hosts(site):
    """Whatever a browser would fetch from elsewhere: plain links are the reader's choice and are allowed."""
    for page in pages(site):
        yield from (f"{page.path.name}: loads {url}" for url in page.loads if REMOTE.match(url))
        yield from (f"{page.path.name}: a script names {url}" for script in page.scripts for url in REMOTE.findall(script))
    for path in sorted(site.rglob("*.css")):
        css = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for url in re.findall(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)", css):
            url = "".join(url).strip()
            if REMOTE.match(url):
                yield f"{path.name}: loads {url}"
            elif not url.startswith(("data:", "#")) and not (path.parent / urlsplit(url).path).is_file():
                yield f"{path.name}: {url}: no such file"


def unresolved(site):
    """Markup that reached the reader: a role, a label, a citation or an error message of Sphinx."""
    for page in pages(site):
        text = "".join(page.text)
        for mark in re.findall(r"\{[a-z:]+\}`[^`]*`|\\label\{[^}]*\}|\[\?\]|\?\?|System Message", text):
            yield f"{page.path.name}: {mark}"


def figures_that_stay_dark(site):
    """A figure whose ink was not replaced would be black on black in the dark theme."""
    for page in pages(site):
        html = page.path.read_text(encoding="utf-8")
        figures = "".join(re.findall(r'<div class="figure-svg">.*?</svg>', html, flags=re.DOTALL))
        if re.search(r"#24292f|#000000\b", figures):
            yield f"{page.path.name}: a figure with its own ink"


def ids_that_clash(site):
    """A link or a figure's mark that refers to an id would reach the first of two."""
    for page in pages(site):
        counts = Counter(page.ids)
        yield from (f"{page.path.name}: {counts[name]} elements with the id {name}" for name in counts if counts[name] > 1)


CHECKS = [broken_links, other_hosts, unresolved, figures_that_stay_dark, ids_that_clash]


# ---- the site passes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_site(check):
    complaints = list(check(SITE))
    assert not complaints, "\n".join(complaints)


def test_every_page_of_the_book_is_there_and_can_be_downloaded():
    for source in [*(ROOT / "book").rglob("*.ipynb"), *(ROOT / "book").rglob("*.md")]:
        page = (SITE / source.relative_to(ROOT)).with_suffix(".html")
        assert page.is_file(), f"{source.name} has no page"
        if source.suffix == ".ipynb":
            download = f"_sources/{source.relative_to(ROOT).as_posix()}"
            assert any(link.endswith(download) for link in Page(page).links), f"{page.name} has no download button"


def test_from_a_symptom_to_the_bug_in_two_clicks():
    """Every page leads to the index by symptom, and that to every exhibit."""
    index = SITE / "book/museum/index.html"

    def reached_from(page):
        return {where for url in page.links if (where := target(page, url))}

    for page in pages(SITE):
        if "book" in page.path.relative_to(SITE).parts:
            assert index.resolve() in {path for path, _ in reached_from(page)}, page.path.name
    reached = {anchor for _, anchor in reached_from(Page(index))}
    exhibits = {exhibit.label for found in make_entrances.exhibits().values() for exhibit in found}
    assert exhibits <= reached, exhibits - reached


def test_formulas_are_typeset_by_a_script_of_the_site():
    with_formulas = [page for page in pages(SITE) if 'class="math' in page.path.read_text(encoding="utf-8")]
    assert with_formulas
    for page in with_formulas:
        scripts = [urlsplit(url).path for url in page.loads]
        assert any(path.endswith("_static/mathjax/tex-chtml.js") for path in scripts), f"{page.path.name}: no MathJax"


def test_the_ink_of_the_figures_is_the_ink_that_the_site_replaces():
    from lossbook.plot import INK

    assert f'INK = "{INK}"' in (ROOT / "book/_ext/lossbook_site.py").read_text(encoding="utf-8")


# ---- the checks bite ---------------------------------------------------------------------------------------------------------

OFFENCES = [
    (broken_links, '<a href="nowhere.html">x</a>'),
    (broken_links, '<a href="#nowhere">x</a>'),
    (broken_links, '<a href="other.html#nowhere">x</a>'),
    (broken_links, '<img src="nowhere.png">'),
    (other_hosts, '<script src="https://cdn.example.org/x.js"></script>'),
    (other_hosts, '<link rel="stylesheet" href="//cdn.example.org/x.css">'),
    (other_hosts, '<script>const x = "https://cdn.example.org/x.js"</script>'),
    (other_hosts, '<p style="background: url(https://example.org/x.png)">'),
    (other_hosts, '<svg><image href="https://example.org/x.png"/></svg>'),
    (unresolved, "<p>See {eq}`eq-nothing`.</p>"),
    (unresolved, r"<p>\[\label{eq-x} a\]</p>"),
    (unresolved, "<p>[?]</p>"),
    (figures_that_stay_dark, '<div class="figure-svg"><svg><path style="stroke: #24292f"/></svg></div>'),
    (ids_that_clash, '<div class="figure-svg"><svg><path id="a"/><path id="a"/></svg></div>'),
    (ids_that_clash, '<p id="here">x</p>'),
]


@pytest.fixture
def small_site(tmp_path):
    text = '<h1 id="top">Other</h1><p><code>{eq}`x`</code> <a href="https://a.org">out</a></p>'
    (tmp_path / "other.html").write_text(text)
    (tmp_path / "own.css").write_text("/* https://example.org */ p { background: url(data:x) }")
    links = '<link href="own.css"><h1 id="here">Page</h1><a href="other.html#top">x</a><a href="#here">y</a>'
    (tmp_path / "page.html").write_text(links)
    return tmp_path


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_sound_site_passes(check, small_site):
    assert list(check(small_site)) == []


@pytest.mark.parametrize("check, html", OFFENCES)
def test_check_bites(check, html, small_site):
    page = small_site / "page.html"
    page.write_text(page.read_text() + html)
    assert list(check(small_site))


@pytest.mark.parametrize(
    "css", ["@import 'https://a.org/x';", "p { background: url(//a.org/x) }", "p { background: url(no.png) }"]
)
def test_style_sheet_check_bites(css, small_site):
    (small_site / "own.css").write_text(css)
    assert list(other_hosts(small_site))
