"""The whole book as one PDF: `make pdf` prints the built site into _build/lossbook.pdf with the browser of the tests.

1. One document: the articles of all pages in the order of the contents. An id gets the name of its page, and links follow it.
2. Printing: what is too wide is made to fit, and Chromium prints. Then title and contents are printed again, with the numbers of
   the pages, and take the place of the first ones.

The glossary has Chinese names: `apt-get install fonts-wqy-microhei`, or any other font that has them.
"""

import argparse
import html
import os
import posixpath
import re
import sys
import time
import tomllib
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pikepdf
import yaml
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests_web"))
from browser import browser_of  # noqa: E402

FIRST = "book/intro.html"
STYLE = Path(__file__).with_suffix(".css")
WIDTH = 643  # pixels between the margins of make_pdf.css: 170 mm
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
AUTHOR, RIGHTS = CONFIG["author"], CONFIG["copyright"]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

# ---- 1. one document -----------------------------------------------------------------------------------------------------------

TAG = re.compile(r"<[a-zA-Z][^<>]*>")
IDS = re.compile(r'(?<=\s)(id|for|name|aria-labelledby|aria-describedby|aria-controls)="([^"]*)"')
ADDRESSES = re.compile(r'(?<=[\s:])(href|src|data)="([^"]*)"')
FRAGMENTS = re.compile(r"url\(#([^)]*)\)")
ENTRY = re.compile(
    r'<p class="caption"[^>]*>(?P<part>.*?)</p>|'
    r'class="toctree-l(?P<level>\d)[^>]*><a[^>]*href="(?P<path>[^"]*)">(?P<title>.*?)</a>'
)


def key(path):
    """The name of a page inside the one document."""
    return path.removesuffix(".html").replace("/", "-")


def contents(site, first):
    """[(level, title, page or None)] as the page `first` shows it beside the text; a part has level 0 and no page."""
    found = [(0, "Introduction", first)]
    for entry in ENTRY.finditer((site / first).read_text(encoding="utf-8")):
        if entry["part"]:
            found.append((0, re.sub("<[^>]*>", "", entry["part"]), None))
        elif entry["path"] != "#":
            path = posixpath.normpath(posixpath.join(posixpath.dirname(first), entry["path"]))
            found.append((int(entry["level"]), entry["title"], path))
    return found


def moved(article, path, pages, assets):
    """The HTML of a page where it is one of many: its ids and its links, and the way to its files."""

    def ids(match):
        return f'{match[1]}="{" ".join(f"{key(path)}--{name}" for name in match[2].split())}"'

    def address(match):
        url, fragment = urldefrag(html.unescape(match[2]))
        if re.match(r"[a-z]+:|//", url):
            return match[0]
        to = posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(url))) if url else path
        if to in pages:
            return f'{match[1]}="#{html.escape(f"{key(to)}--{fragment}" if fragment else key(to))}"'
        return "" if match[1] == "href" else f'{match[1]}="{assets}/{to}"'  # a link to a file leads nowhere on paper

    def tag(match):
        return FRAGMENTS.sub(rf"url(#{key(path)}--\1)", ADDRESSES.sub(address, IDS.sub(ids, match[0])))

    return TAG.sub(tag, re.sub(r"<script.*?</script>", "", article, flags=re.DOTALL))


def plain(title):
    """The text of a title, without its elements."""
    return " ".join(html.unescape(re.sub("<[^>]*>", "", title)).split())


def running_head(path, title):
    """The style of the pages of a chapter: its title, up to a colon, stands above them."""
    text = re.sub(r'["\\]', r"\\\g<0>", plain(title).split(": ")[0])
    return f'@page {key(path)} {{ @top-right {{ content: "{text}" }} }} #{key(path)} {{ page: {key(path)} }}'


def one_document(site, entries, assets, numbers=None):
    """The HTML of the whole book: a title, the contents, every article; with the `numbers` of their pages no article."""
    pages = {path for _, _, path in entries if path}
    texts = {path: (site / path).read_text(encoding="utf-8") for path in pages}
    sheets = dict.fromkeys(
        posixpath.normpath(posixpath.join(posixpath.dirname(path), sheet.split("?")[0]))
        for path in texts
        for sheet in re.findall(r'<link rel="stylesheet"[^>]*href="([^"]*)"', texts[path])
    )
    lines, articles, heads, part = [], [], [], None
    for level, title, path in entries:
        if not path:
            lines.append(f'<p class="level{level}">{title}</p>')
            part = f'<h1 class="part">{title}</h1>'
            continue
        number = numbers[key(path)] if numbers else "0"
        lines.append(f'<p class="level{level}"><a href="#{key(path)}"><span>{title}</span> <span>{number}</span></a></p>')
        article = re.search(r"<article[^>]*>(.*)</article>", texts[path], flags=re.DOTALL)[1]
        article = re.sub(r"<details(?![^>]* open)", "<details open", moved(article, path, pages, assets))
        article = re.sub(r"<h(\d)", lambda match, level=level: f'<h{match[1]} aria-level="{int(match[1]) + level}"', article)
        articles.append(f'<article id="{key(path)}">{part or ""}{article}</article>')
        heads.append(running_head(path, title))
        part = None
    brand = re.search(r'class="brand">(.*?)<', texts[entries[0][2]])[1]
    rights = html.escape(RIGHTS).replace(". ", ".<br>", 1)
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{brand}</title>',
            *(f'<link rel="stylesheet" href="{assets}/{sheet}">' for sheet in sheets),
            f"<style>{STYLE.read_text(encoding='utf-8')}</style>",
            *(["<style>", *heads, "</style>"] if not numbers else []),
            '</head><body data-theme="light"><header class="cover">',
            f"<div><p>{brand}</p><p>{html.escape(AUTHOR)}</p></div><p>Version {VERSION}<br>© {rights}</p></header>",
            f'<nav class="book-contents"><h1 aria-level="1">Contents</h1>{"".join(lines)}</nav>',
            '<div class="content"><div class="article-container">',
            *(articles if not numbers else []),
            "</div></div></body></html>",
        ]
    )


# ---- 2. printing ---------------------------------------------------------------------------------------------------------------

FIT = """() => {
    const complaints = [];
    const shrink = (box, room, need) => {
        let size = 1;
        for (let round = 0; round < 4 && need() > room + 1; round++) {
            size *= room / need();
            box.style.fontSize = `${Math.floor(size * 100) / 100}em`;
        }
        if (size < 0.4) complaints.push(`very small: ${box.className || box.localName} at ${Math.round(size * 100)} %: `
            + (box.closest("tr") || box).textContent.trim().replace(/\\s+/g, " ").slice(0, 60));
    };
    const long = [...document.querySelectorAll("table")].filter(table => table.scrollWidth > table.parentElement.clientWidth + 1)
        .flatMap(table => [...table.querySelectorAll(".formula")].map(box => [box, table.parentElement.clientWidth * 0.4]));
    for (const [box, room] of long) shrink(box, room, () => box.firstElementChild.getBoundingClientRect().width);
    for (const table of document.querySelectorAll("table"))
        shrink(table, table.parentElement.clientWidth, () => table.scrollWidth);
    for (const box of document.querySelectorAll(".formula:not(table *), .figure-svg, pre"))
        shrink(box, box.clientWidth, () => box.scrollWidth);
    for (const article of document.querySelectorAll("article"))
        if (article.scrollWidth > article.clientWidth + 1)
            complaints.push(`${article.id} is wider than its page, and Chromium prints the whole book smaller`);
    return complaints;
}"""

# Characters that no font has here: they are drawn like one that no font has anywhere, sometimes as nothing.
MISSING = r"""() => {
    const canvas = new OffscreenCanvas(32, 32), context = canvas.getContext("2d", {willReadFrequently: true});
    const drawn = (character, font) => {
        context.clearRect(0, 0, 32, 32);
        context.font = `16px ${font}`;
        context.fillText(character, 4, 24);
        return context.measureText(character).width + " " + context.getImageData(0, 0, 32, 32).data.join();
    };
    const font = getComputedStyle(document.querySelector("article")).fontFamily;
    const nobody = drawn("\u{10fffd}", font);
    const text = [...new Set(document.body.textContent)];
    return text.filter(character => /[^\p{C}\p{Z}\p{M}]/u.test(character) && drawn(character, font) === nobody).join("");
}"""


def outline(pdf, titles):
    """Chromium forgets the space where a line of a heading ends, and names twice what it has moved to the next page."""
    by_letters = {re.sub(r"\s", "", title): title for title in titles}
    for item in pdf.objects:
        if isinstance(item, pikepdf.Dictionary) and "/Dest" in item and "/Title" in item:
            letters = re.sub(r"\s", "", str(item.Title))
            half = letters[: len(letters) // 2]
            item.Title = by_letters.get(letters) or by_letters.get(half if letters == half * 2 else "") or item.Title


def page_numbers(pdf):
    """{name of a place: number of its page}."""
    number = {page.obj.objgen: number for number, page in enumerate(pdf.pages, start=1)}
    return {name.removeprefix("/"): number[to[0].objgen] for name, to in pdf.Root.Dests.items()}


def printed(browser, document, target):
    page = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
    page.set_default_timeout(0)
    page.emulate_media(media="print")
    page.goto(document.as_uri())
    page.evaluate("document.fonts.ready")
    complaints = page.evaluate(FIT)
    if missing := page.evaluate(MISSING) if page.query_selector("article") else "":
        complaints.append(f"no font here has {missing[:20]} ({len(missing)} characters), and they will be missing")
    titles = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(title => title.textContent)")
    page.pdf(path=target, prefer_css_page_size=True, print_background=True, outline=True, tagged=True)
    page.close()
    return complaints, [" ".join(title.split()) for title in titles]


def make(browser, site, target):
    """Print the site into a PDF; how many pages it has, and what is wrong with it."""
    folder = target.parent / "pdf"
    folder.mkdir(parents=True, exist_ok=True)
    document, front = folder / "index.html", folder / "contents.pdf"
    entries, assets = contents(site, FIRST), os.path.relpath(site, folder)
    document.write_text(one_document(site, entries, assets), encoding="utf-8")
    complaints, titles = printed(browser, document, target)
    with pikepdf.open(target, allow_overwriting_input=True) as pdf:
        numbers = page_numbers(pdf)
        document.write_text(one_document(site, entries, assets, numbers), encoding="utf-8")
        printed(browser, document, front)
        with pikepdf.open(front) as numbered:
            for page, fresh in zip(pdf.pages[: numbers[key(FIRST)] - 1], numbered.pages, strict=True):
                page.Contents = pdf.copy_foreign(fresh.Contents)
                page.Resources = pdf.copy_foreign(numbered.make_indirect(fresh.Resources))
        outline(pdf, titles)
        pdf.docinfo["/Author"] = AUTHOR
        pdf.docinfo["/Creator"] = f"lossbook {VERSION}"
        with pdf.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as metadata:
            metadata.load_from_docinfo(pdf.docinfo)
            metadata["dc:language"] = {"en"}
            metadata["dc:rights"] = RIGHTS
        pdf.save(target, object_stream_mode=pikepdf.ObjectStreamMode.generate, linearize=True)  # a third of what Chromium writes
        return len(pdf.pages), complaints


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--site", type=Path, default=ROOT / "_build/html")
    parser.add_argument("--output", type=Path, default=ROOT / "_build/lossbook.pdf")
    options = parser.parse_args()
    started, target = time.monotonic(), options.output.resolve()
    with sync_playwright() as playwright, browser_of(playwright) as browser:
        pages, complaints = make(browser, options.site.resolve(), target)
    for complaint in complaints:
        print(f"  {complaint}")
    print(f"{target}: {pages} pages, {target.stat().st_size / 1e6:.1f} MB, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
