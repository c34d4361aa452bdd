"""The whole book as one PDF: `make pdf` prints the built site into _build/lossbook.pdf with the browser of the tests.

1. One document: the articles of all pages in the order of the contents. An id gets the name of its page, and links follow it.
2. Printing: what is too wide is made to fit, Chromium prints, and the contents get the numbers of the pages.
"""

import argparse
import html
import os
import posixpath
import re
import sys
import time
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pikepdf
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests_web"))
from browser import browser_of  # noqa: E402

FIRST = "book/intro.html"
STYLE = Path(__file__).with_suffix(".css")
WIDTH = 680  # pixels between the margins of make_pdf.css: 180 mm
RIGHT, DIGIT = 552.8, 5.0  # points: where the text ends, and a digit of Helvetica at 9 points

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


def one_document(site, entries, assets):
    """The HTML of the whole book: a title, the contents, every article."""
    pages = {path for _, _, path in entries if path}
    texts = {path: (site / path).read_text(encoding="utf-8") for path in pages}
    sheets = dict.fromkeys(
        posixpath.normpath(posixpath.join(posixpath.dirname(path), sheet.split("?")[0]))
        for path in texts
        for sheet in re.findall(r'<link rel="stylesheet"[^>]*href="([^"]*)"', texts[path])
    )
    lines, articles, part = [], [], None
    for level, title, path in entries:
        where = f'<a href="#{key(path)}">{title}</a>' if path else title
        lines.append(f'<p class="level{level}">{where}</p>')
        if not path:
            part = f'<h1 class="part">{title}</h1>'
            continue
        article = re.search(r"<article[^>]*>(.*)</article>", texts[path], flags=re.DOTALL)[1]
        article = re.sub(r"<details(?![^>]* open)", "<details open", moved(article, path, pages, assets))
        article = re.sub(r"<h(\d)", lambda match, level=level: f'<h{match[1]} aria-level="{int(match[1]) + level}"', article)
        articles.append(f'<article id="{key(path)}">{part or ""}{article}</article>')
        part = None
    brand = re.search(r'class="brand">(.*?)<', texts[entries[0][2]])[1]
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{brand}</title>',
            *(f'<link rel="stylesheet" href="{assets}/{sheet}">' for sheet in sheets),
            f"<style>{STYLE.read_text(encoding='utf-8')}</style></head>",
            f'<body data-theme="light"><header class="cover"><p>{brand}</p></header>',
            f'<nav class="book-contents"><h1 aria-level="1">Contents</h1>{"".join(lines)}</nav>',
            '<div class="content"><div class="article-container">',
            *articles,
            "</div></div></body></html>",
        ]
    )


# ---- 2. printing ---------------------------------------------------------------------------------------------------------------

FIT = """() => {
    const complaints = [];
    for (const box of document.querySelectorAll(".formula, table, .figure-svg, pre")) {
        const room = (box.matches("table") ? box.parentElement : box).clientWidth;
        const need = box.scrollWidth;
        if (need > room + 1) {
            box.style.fontSize = `${Math.floor((room / need) * 100) / 100}em`;
            if (room / need < 0.6) complaints.push(`${box.className || box.localName} at ${Math.round((room / need) * 100)} %: `
                + box.textContent.trim().slice(0, 60));
        }
    }
    return complaints;
}"""


def number_contents(pdf, first):
    """Behind every link of the contents, which end where the article `first` begins: the number of the page that it leads to."""
    number = {page.obj.objgen: number for number, page in enumerate(pdf.pages, start=1)}
    page_of = {name: number[to[0].objgen] for name, to in pdf.Root.Dests.items()}
    font = pdf.make_indirect(
        pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
    )
    for page in pdf.pages[1 : page_of[f"/{first}"] - 1]:
        drawn = {}
        for link in page.obj.get("/Annots", []):
            text, bottom = str(page_of[str(link.Dest)]), float(link.Rect[1])
            drawn[link.Dest] = f"BT /Number 9 Tf {RIGHT - DIGIT * len(text):.2f} {bottom + 3:.2f} Td ({text}) Tj ET"
        page.add_resource(font, pikepdf.Name.Font, pikepdf.Name.Number)
        page.contents_add(b"q", prepend=True)
        page.contents_add("\n".join(["Q", *drawn.values()]).encode())


def polish(path, first):
    """Number the contents, and pack what Chromium leaves three times as large."""
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        number_contents(pdf, first)
        for item in pdf.objects:  # a heading that was moved to the next page is named twice in the outline
            if isinstance(item, pikepdf.Dictionary) and "/Dest" in item and "/Title" in item:
                title = str(item.Title)
                half = title[: len(title) // 2]
                item.Title = half if title == half * 2 else title
        pdf.save(path, object_stream_mode=pikepdf.ObjectStreamMode.generate, linearize=True)
        return len(pdf.pages)


def printed(browser, document, target):
    page = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
    page.set_default_timeout(0)
    page.emulate_media(media="print")
    page.goto(document.as_uri())
    page.evaluate("document.fonts.ready")
    for complaint in page.evaluate(FIT):
        print(f"  very small: {complaint}")
    page.pdf(path=target, prefer_css_page_size=True, print_background=True, outline=True, tagged=True)
    page.close()


def make(browser, site, target):
    """Print the site into a PDF; how many pages it has."""
    folder = target.parent / "pdf"
    folder.mkdir(parents=True, exist_ok=True)
    document = folder / "index.html"
    document.write_text(one_document(site, contents(site, FIRST), os.path.relpath(site, folder)), encoding="utf-8")
    printed(browser, document, target)
    return polish(target, key(FIRST))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--site", type=Path, default=ROOT / "_build/html")
    parser.add_argument("--output", type=Path, default=ROOT / "_build/lossbook.pdf")
    options = parser.parse_args()
    started, target = time.monotonic(), options.output.resolve()
    with sync_playwright() as playwright, browser_of(playwright) as browser:
        pages = make(browser, options.site.resolve(), target)
    print(f"{target}: {pages} pages, {target.stat().st_size / 1e6:.1f} MB, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
