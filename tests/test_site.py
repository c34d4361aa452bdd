"""The built site: every internal link and anchor exists, nothing is unresolved, nothing comes from another host.

`make site` builds the book and runs this. Each check is a function of a folder; the second half plants an offence for each.
"""

import functools
import re
import zlib
from collections import Counter
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

import make_entrances
import pytest
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.inventory import InventoryFile

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build/html"
LOADS = {"src", "srcset", "poster", "data", "action", "background"}  # attributes that make a browser fetch something
PLACE = "https://books.example.org/losses"  # where a trial site is said to be published
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
    start = page.path.parent  # of 404.html, which is at the root, the links start at the root
    path = start / unquote(parts.path).removeprefix("/") if parts.path else page.path
    return path.resolve(), unquote(parts.fragment)


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


WRITTEN_IN = re.compile(r"<style\b|<script(?![^>]* (?:src=|type=.application/json))|<[^>]*\s(?:style|on\w+)\s*=\s*[\"']")


def code_in_the_page(site):
    """Scripts and styles that are written into a page: the Content-Security-Policy of the site allows files of its own only."""
    for page in pages(site):
        html = re.sub(r"<(pre|code|annotation)\b.*?</\1>", "", page.path.read_text(encoding="utf-8"), flags=re.DOTALL)
        yield from (f"{page.path.name}: {tag[:80]}" for tag in re.findall(r"<[a-z][^<>]*>", html) if WRITTEN_IN.match(tag))


def drawings(html):
    """(attributes, title) of every drawing of an article, without the panels inside one."""
    depth = 0
    article = html[html.find("<article") :].partition("</article>")[0]
    for end, attributes, title in re.findall(r"<(/?)svg\b([^>]*)>\s*(?:<title>([^<]*))?", article):
        if not end and depth == 0:
            yield attributes, title
        depth += -1 if end else 1


def figures_without_words(site):
    """A figure says what it shows to those who do not see it; a drawing that says nothing is marked as decoration."""
    for page in pages(site):
        html = page.path.read_text(encoding="utf-8")
        for attributes, title in drawings(html):
            words = title + "".join(re.findall(r'aria-label="([^"]*)"', attributes))
            if len(words) < 15 and 'aria-hidden="true"' not in attributes:
                yield f"{page.path.name}: a figure without a description: <svg{attributes[:60]}"
        for image in re.findall(r"<img\b[^>]*>", html):
            if not re.search(r'alt="[^"]', image):
                yield f"{page.path.name}: {image[:80]}"


def ids_that_clash(site):
    """A link or a figure's mark that refers to an id would reach the first of two."""
    for page in pages(site):
        counts = Counter(page.ids)
        yield from (f"{page.path.name}: {counts[name]} elements with the id {name}" for name in counts if counts[name] > 1)


def inventory(site):
    """{full name: address} of the Python names that other books can refer to."""
    with (site / "objects.inv").open("rb") as stream:
        kinds = InventoryFile.load(stream, "", lambda _, address: address)
    objects = {name: item for kind in kinds if kind.startswith("py:") for name, item in kinds[kind].items()}
    return {name: address for name, (_, _, address, _) in objects.items()}


def names_without_entry(site, names):
    """Public names that neither objects.inv nor a page knows."""
    known = inventory(site)
    anchors = {f"{page.path.relative_to(site).as_posix()}#{name}" for page in pages(site) for name in page.ids}
    for name in names:
        if name not in known:
            yield f"{name}: not in objects.inv"
        elif known[name] not in anchors:
            yield f"{name}: no page has its entry"


def cards_without_ways(site):
    """Sections of the atlas that lack the entry of the function, or a link to a chapter."""
    for path in (page.path for page in pages(site)):
        _, *sections = re.split(r'<span id="atlas-([\w-]+)">', path.read_text(encoding="utf-8"))
        for label, html in zip(sections[::2], sections[1::2], strict=True):
            if f'id="lossbook.{label.replace("-", "_")}"' not in html:
                yield f"{path.name}: {label}: no entry of the function"
            if not re.search(r'href="(\.\./)*(\d\d_|museum|court|same_name)\w*', html):
                yield f"{path.name}: {label}: no link to a chapter"


def lost_without_a_way(site):
    """The page for addresses that lead nowhere is there, and its links work wherever it is shown."""
    path = site / "404.html"
    if not path.is_file():
        yield "no 404.html"
        return
    page = Page(path)
    for url in page.links + page.loads:
        if not re.match(r"[a-z]+:|[#/]", url):
            yield f"404.html: {url or 'an empty link'} is relative"


def not_on_the_map(site):
    """Pages that sitemap.xml lacks, in a site that is published somewhere."""
    listed = re.findall(r"<loc>([^<]+)</loc>", (site / "sitemap.xml").read_text(encoding="utf-8"))
    for page in pages(site):
        name = page.path.relative_to(site).as_posix()
        if name not in ("404.html", "genindex.html", "search.html") and f"{PLACE}/{name}" not in listed:
            yield f"{name}: not on the map"


CHECKS = [broken_links, other_hosts, unresolved, figures_that_stay_dark, ids_that_clash, cards_without_ways, lost_without_a_way]
CHECKS += [code_in_the_page, figures_without_words]


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


def test_the_sidebar_shows_where_the_reader_is():
    for source in [*(ROOT / "book").rglob("*.ipynb"), *(ROOT / "book").rglob("*.md")]:
        page = (SITE / source.relative_to(ROOT)).with_suffix(".html")
        marks = re.findall(r'<a aria-current="page"[^>]* href="([^"]*)"', page.read_text(encoding="utf-8"))
        assert marks == ([] if page.stem == "intro" else ["#"]), page.name


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
    for room, found in make_entrances.exhibits().items():  # and from a bug to those of the same symptom
        named = {(index.resolve(), nodes.make_id(symptom)) for exhibit in found for symptom in exhibit.symptoms}
        assert named <= reached_from(Page(SITE / f"book/museum/{room}.html"))


def test_the_general_index_names_people_as_they_write_themselves():
    index = (SITE / "genindex.html").read_text(encoding="utf-8")
    assert "Mächler, Martin" in index and "Bucilă, Cristian" in index
    assert not re.findall(r">(?:others|[^<]*\\[^<]*)</a>", index)


def test_formulas_are_mathml_and_no_script_typesets_them():
    assert any("<math" in page.path.read_text(encoding="utf-8") for page in pages(SITE))
    for page in pages(SITE):
        assert 'class="math ' not in page.path.read_text(encoding="utf-8"), f"{page.path.name}: a formula that is still TeX"
        assert not [url for url in page.loads if "mathjax" in url.lower()], f"{page.path.name}: MathJax"


def public_names():
    """What `lossbook` exports, and what its modules export that are imported when they are first asked for."""
    import lossbook

    names = {f"lossbook.{name}": getattr(lossbook, name) for name in lossbook.__all__}
    for module in map(import_module, [f"lossbook.{name}" for name in lossbook._LAZY_MODULES]):
        own = [name for name, member in vars(module).items() if getattr(member, "__module__", "") == module.__name__]
        for name in getattr(module, "__all__", own):
            if not name.startswith("_") and all(getattr(module, name) is not member for member in names.values()):
                names[f"{module.__name__}.{name}"] = getattr(module, name)
    return list(names)


def test_every_public_name_has_an_entry():
    complaints = list(names_without_entry(SITE, public_names()))
    assert not complaints, "\n".join(complaints)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A site of two pages that is published somewhere."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    (source / "static").mkdir()
    (source / "static/search.js").write_text("var Scorer = {};")
    (source / "x.bib").write_text("")
    (source / "index.rst").write_text(
        "First\n=====\n\n"
        + "It says at some length what is on this page, and then more. " * 6
        + "\n\n.. toctree::\n\n   on/second\n"
    )
    (source / "on").mkdir()
    (source / "on/second.rst").write_text("Second\n======\n")
    (source / "conf.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT / 'book/_ext')!r})\nextensions = ['sphinxcontrib.bibtex', 'find']\n"
        f"bibtex_bibfiles = ['x.bib']\nhtml_baseurl = {PLACE + '/'!r}\n"
    )
    Sphinx(source, source, out, out / ".doctrees", "html", status=None).build()
    return out


def test_a_published_site_has_a_map_addresses_and_a_description(published):
    assert list(not_on_the_map(published)) == []
    html = (published / "on/second.html").read_text(encoding="utf-8")
    assert f'<link rel="canonical" href="{PLACE}/on/second.html" />' in html
    assert f'<meta property="og:url" content="{PLACE}/on/second.html">' in html
    assert '<meta name="description" content="It says at some length' in (published / "index.html").read_text(encoding="utf-8")
    assert 'href="/losses/search.html"' in (published / "404.html").read_text(encoding="utf-8")
    assert list(lost_without_a_way(published)) == []


def test_each_theorem_has_a_number_and_a_place():
    numbers = []
    for source in (ROOT / "book").glob("*.ipynb"):
        labels = re.findall(r":label: (theorem-[\w-]+)", source.read_text(encoding="utf-8"))
        page = (SITE / "book" / f"{source.stem}.html").read_text(encoding="utf-8") if labels else ""
        for label in labels:
            title = rf'id="{label}">\s*<p class="admonition-title"><span class="caption-number">Theorem ([\d.]+) </span>'
            numbers += re.findall(title, page) or [f"{label} on {source.stem} has none"]
    assert len(numbers) >= 9 and len(set(numbers)) == len(numbers)
    assert all(re.fullmatch(r"\d+\.\d", number) for number in numbers), numbers


def test_no_style_sheet_ends_a_page_in_webkit():
    """WebKitGTK 2.50 crashes where lines of this length are to be pretty."""
    ours = [path for path in (SITE / "_static").glob("*.css") if "text-wrap: pretty" in path.read_text(encoding="utf-8")]
    assert not ours


def test_the_ink_of_the_figures_is_the_ink_that_the_site_replaces():
    from lossbook.plot import INK

    assert f'INK = "{INK}"' in (ROOT / "book/_ext/lossbook_site.py").read_text(encoding="utf-8")


# ---- the checks bite ---------------------------------------------------------------------------------------------------------

INVENTORY = b"# Sphinx inventory version 2\n# Project: x\n# Version: 1\n# The remainder of this file is compressed using zlib.\n"
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
    (code_in_the_page, "<script>let x = 1</script>"),
    (code_in_the_page, "<style>p { color: red }</style>"),
    (code_in_the_page, '<p style="color: red">x</p>'),
    (code_in_the_page, '<button onclick="f()">x</button>'),
    (figures_without_words, '<article><svg role="img"><path/></svg></article>'),
    (figures_without_words, '<article><svg role="img"><title>short</title></svg></article>'),
    (figures_without_words, '<img src="own.css" alt="">'),
    (cards_without_ways, '<span id="atlas-a"></span><a href="../../01_b.html">b</a>'),
    (cards_without_ways, '<span id="atlas-a"></span><dt id="lossbook.a">a</dt>'),
]


@pytest.fixture
def small_site(tmp_path):
    text = '<h1 id="top">Other</h1><p><code>{eq}`x`</code> <a href="https://a.org">out</a></p>'
    (tmp_path / "other.html").write_text(text)
    (tmp_path / "own.css").write_text("/* https://example.org */ p { background: url(data:x) }")
    links = '<link href="own.css"><h1 id="here">Page</h1><a href="other.html#top">x</a><a href="#here">y</a>'
    (tmp_path / "page.html").write_text(links)
    (tmp_path / "404.html").write_text('<a href="/page.html">x</a><a href="https://a.org">out</a>')
    card = '<span id="atlas-huber"></span><dt id="lossbook.huber">x</dt><a href="11_robust.html">y</a>'
    (tmp_path / "card.html").write_text(card)
    (tmp_path / "11_robust.html").write_text("")
    entry = zlib.compress(b"lossbook.huber py:function 1 card.html#$ -\n")
    (tmp_path / "objects.inv").write_bytes(INVENTORY + entry)
    return tmp_path


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_sound_site_passes(check, small_site):
    assert list(check(small_site)) == []


@pytest.mark.parametrize("check, html", OFFENCES)
def test_check_bites(check, html, small_site):
    page = small_site / "page.html"
    page.write_text(page.read_text() + html)
    assert list(check(small_site))


def test_check_of_the_names_bites(small_site):
    assert list(names_without_entry(small_site, ["lossbook.huber"])) == []
    assert list(names_without_entry(small_site, ["lossbook.hubert"]))
    (small_site / "card.html").write_text("<p>no entry</p>")
    assert list(names_without_entry(small_site, ["lossbook.huber"]))


def test_check_of_the_lost_page_bites(small_site):
    (small_site / "404.html").write_text('<a href="page.html">x</a>')
    assert list(lost_without_a_way(small_site))
    (small_site / "404.html").unlink()
    assert list(lost_without_a_way(small_site))


def test_check_of_the_map_bites(published):
    map_of_site = published / "sitemap.xml"
    whole = map_of_site.read_text(encoding="utf-8")
    map_of_site.write_text(whole.replace("on/second", "on/first"), encoding="utf-8")
    assert list(not_on_the_map(published))
    map_of_site.write_text(whole, encoding="utf-8")


@pytest.mark.parametrize(
    "css", ["@import 'https://a.org/x';", "p { background: url(//a.org/x) }", "p { background: url(no.png) }"]
)
def test_style_sheet_check_bites(css, small_site):
    (small_site / "own.css").write_text(css)
    assert list(other_hosts(small_site))
