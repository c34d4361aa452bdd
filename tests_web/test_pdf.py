"""`make pdf` on a book of two pages: links lead inside, the outline has parts and chapters, the contents have numbers.

And nothing is cut, or printed smaller because something else is too wide.
"""

import make_pdf
import pikepdf
import pytest
from pypdf import PdfReader

PAGE = """<html><head><link rel="stylesheet" href="../s.css?v=1"></head><body><div class="brand">A book</div>
<p class="caption" role="heading"><span>A part</span></p>
<li class="toctree-l1"><a class="reference" href="one.html">1. One &amp; "two": which?</a></li>
<article role="main" id="main">{}</article></body></html>"""
INTRO = '<h1 id="intro">Intro</h1><p>To <a href="one.html#here">there</a>, to <a href="../_sources/one.ipynb">a file</a>.</p>'
LONG = f"<math>{'<mi>x</mi><mo>+</mo>' * 20}</math>"
ONE = f"""<h1 id="one">One {"word " * 20}</h1><details><summary>Solution</summary><p id="here">here</p></details>
<svg><path id="mark"/><use href="#mark"/></svg><p><a href="intro.html">back</a> <a href="https://a.example">out</a></p>
<div><table><tr><td>a loss</td><td><span class="formula long">{LONG}</span></td></tr></table></div>
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
    pages, complaints = make_pdf.make(browser, book, target)
    assert pages == 4  # title, contents, two articles
    assert complaints == []
    title, contents, intro, one = (" ".join(page.extract_text().split()) for page in PdfReader(target).pages)
    assert make_pdf.AUTHOR in title
    assert 'Contents Introduction 3 A part 1. One & "two": which? 4' in contents
    assert intro.startswith("Introduction 3 Intro")  # above the page, and below it
    assert one.startswith('1. One & "two" 4')
    assert one.count("+") == 20
    with pikepdf.open(target) as pdf:
        with pdf.open_outline() as outline:
            assert [item.title for item in outline.root] == ["Contents", "Intro", "A part"]
            assert [item.title for item in outline.root[2].children] == [f"One {'word ' * 20}".strip()]  # as if it were one line
        links = [link.Dest for link in pdf.pages[2].Annots if "/Dest" in link]
        assert links == ["/book-one--here"]
        assert pdf.Root.Dests["/book-one--here"][0].objgen == pdf.pages[3].obj.objgen
        assert pdf.docinfo["/Author"] == make_pdf.AUTHOR
        assert pdf.Root.Lang == "en"


def test_what_is_too_wide_and_what_has_no_letter_are_said(book, browser):
    page = browser.new_page(viewport={"width": make_pdf.WIDTH, "height": 900})
    page.set_content('<article id="wide"><div style="width: 900px">a letter, − and \ue000</div></article>')
    assert page.evaluate(make_pdf.FIT) == ["wide is wider than its page, and Chromium prints the whole book smaller"]
    assert page.evaluate(make_pdf.MISSING) == ""
    page.set_content("<article>a letter of Kirat Rai, for which there is hardly a font: \U00016d40</article>")
    assert page.evaluate(make_pdf.MISSING) == "\U00016d40"
    page.close()


def test_in_a_table_the_formulas_become_smaller_and_not_the_words(book, browser):
    page = browser.new_page(viewport={"width": 560, "height": 900})
    page.set_content(f'<div><table><tr><td>a loss</td><td><span class="formula">{LONG}</span></td></tr></table></div>')
    page.evaluate(make_pdf.FIT)
    sizes = page.evaluate("['table', '.formula'].map((one) => document.querySelector(one).style.fontSize)")
    assert sizes[0] == "" and 0 < float(sizes[1].removesuffix("em")) < 1
    page.close()
