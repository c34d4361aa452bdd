"""`make pdf` on a book of two pages: links lead inside, the outline has parts and chapters, the contents have numbers."""

import make_pdf
import pikepdf
import pytest

PAGE = """<html><head><link rel="stylesheet" href="../s.css?v=1"></head><body><div class="brand">A book</div>
<p class="caption"><span>A part</span></p><li class="toctree-l1"><a class="reference" href="one.html">1. One</a></li>
<article role="main" id="main">{}</article></body></html>"""
INTRO = '<h1 id="intro">Intro</h1><p>To <a href="one.html#here">there</a>, to <a href="../_sources/one.ipynb">a file</a>.</p>'
ONE = """<h1 id="one">One</h1><details><summary>Solution</summary><p id="here">here</p></details>
<svg><path id="mark"/><use href="#mark"/></svg><p><a href="intro.html">back</a> <a href="https://a.example">out</a></p>
<script>document.title = "run"</script>"""


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    site = tmp_path_factory.mktemp("site")
    (site / "book").mkdir()
    (site / "s.css").touch()
    (site / "book/intro.html").write_text(PAGE.replace("{}", INTRO))
    (site / "book/one.html").write_text(PAGE.replace("{}", ONE))
    return site


def test_the_pages_become_one_document(book):
    document = make_pdf.one_document(book, make_pdf.contents(book, "book/intro.html"), "site")
    for expected in (
        '<link rel="stylesheet" href="site/s.css">',
        '<a href="#book-one--here">there</a>, to <a >a file</a>',
        '<a href="#book-intro">back</a> <a href="https://a.example">out</a>',
        '<path id="book-one--mark"/><use href="#book-one--mark"/>',
        "<details open>",
    ):
        assert expected in document
    assert "script" not in document
    assert document.index('id="book-intro--intro"') < document.index("A part</h1>") < document.index('id="book-one--one"')


def test_the_document_is_printed(book, browser):
    target = book / "book.pdf"
    make_pdf.make(browser, book, target)
    with pikepdf.open(target) as pdf:
        assert len(pdf.pages) == 4  # title, contents, two articles
        with pdf.open_outline() as outline:
            assert [item.title for item in outline.root] == ["Contents", "Intro", "A part"]
            assert [item.title for item in outline.root[2].children] == ["One"]
        drawn = b"".join(part.read_bytes() for part in pdf.pages[1].Contents)
        assert b"(3) Tj" in drawn
        assert b"(4) Tj" in drawn
        links = [link.Dest for link in pdf.pages[2].Annots if "/Dest" in link]
        assert links == ["/book-one--here"]
        assert pdf.Root.Dests["/book-one--here"][0].objgen == pdf.pages[3].obj.objgen
