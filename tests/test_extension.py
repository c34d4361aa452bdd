"""The local Sphinx extension, on a book of one small page: figures, numbered equations, measured numbers, nothing remote."""

import re

import pytest
import small_book

FIGURE = (
    '<?xml version="1.0"?><svg role="img" viewBox="0 0 1 1"><title>A line</title><defs><path id="m1"/></defs>'
    '<use xlink:href="#m1" style="fill: #24292F; clip-path: url(#m1)"/></svg>'
)
EQUATION = "$$\n% \\label{eq-line}\n\\begin{aligned}\na &= b\n\\end{aligned}\n$$"
PROSE = "# Page\n\nBy {eq}`eq-line` the slope is {measured}`0.83 <slope>`."


def build(folder, prose=PROSE):
    """The page as HTML, and what Sphinx warned of."""
    alive = {"image/svg+xml": FIGURE, "text/html": "<loss-figure>alive</loss-figure>"}
    shown = [{"image/svg+xml": FIGURE}, alive, {"image/svg+xml": FIGURE}, {"text/latex": EQUATION}]
    html, warnings, _ = small_book.build(
        folder, "lossbook_site", prose, shown, myst_enable_extensions=["dollarmath"], numfig=True
    )
    return html, warnings


def test_page(tmp_path):
    html, warnings = build(tmp_path)
    assert "WARNING" not in warnings and "ERROR" not in warnings, warnings
    # 1. both figures stand in the page, in its ink, with ids of their own, and say what they show; all three are numbered
    figures = re.findall(r'<div class="figure-svg">(.*?</svg>)</div>', html)
    assert len(figures) == 2
    captions = re.findall(
        r'<figure[^>]* id="(figure-\d)">\s*<div.*?caption-number">Fig. (\d) </span>.*?href="#(.*?)"', html, re.DOTALL
    )
    assert captions == [("figure-1", "1", "figure-1"), ("figure-2", "2", "figure-2"), ("figure-3", "3", "figure-3")]
    assert html.index('id="figure-2"') < html.index("<loss-figure>") < html.index('id="figure-3"')
    for number, figure in zip((1, 3), figures, strict=True):
        assert figure.startswith('<svg role="img"') and "<title>A line</title>" in figure
        assert 'fill="currentColor"' in figure
        assert set(re.findall(r'(?:id="|#)([\w-]+)', figure)) == {f"figure{number}-m1"}
    # 2. the equation is numbered, the sentence refers to it, and the label is gone
    assert re.search(r'id="equation-eq-line".*?class="eqno">\(1\)', html, re.DOTALL)
    assert 'href="#equation-eq-line">(1)</a>' in html
    assert "\\label" not in html
    # 3. the number is there without its key, which is the tooltip
    assert re.search(r'<span class="measured" title="[^"]*slope">0\.83</span>', html)
    # 4. the style sheets that static/lossbook.css replaces are not loaded
    assert not re.findall(r'href="[^"]*(?:pygments\.css|mystnb\.)[^"]*"', html)


@pytest.mark.parametrize(
    "prose, complaint",
    [("# Page\n\n{eq}`eq-other`", "eq-other"), ("# Page\n\nThe slope is {measured}`0.83`.", "number <name>")],
)
def test_what_cannot_be_resolved_is_reported(tmp_path, prose, complaint):
    _, warnings = build(tmp_path, prose)
    assert complaint in warnings


def test_a_sentence_that_ends_with_a_question_has_one_mark(tmp_path):
    html, _ = build(tmp_path, "# Why?\n\nSee {doc}`index`. More in [Page](index.ipynb).")
    assert re.findall(r"</a>([^<]*)", html[html.index("See ") :].partition("</p>")[0]) == [" More in ", "."]


def test_long_names_are_broken_at_their_joints(tmp_path):
    prose = (
        "# `a_long_name`\n\nA `long_name_in_a_line`.\n\n| name |\n|:--|\n| `torch.nn.functional.l1_loss(x, y=1)`, `0.25, 0.75` |"
    )
    html, _ = build(tmp_path, prose)
    found = [re.sub(r"</?span[^>]*>", "", code) for code in re.findall(r"<code[^>]*>(.*?)</code>", html)]
    assert found[:2] == ["a_<wbr>long_<wbr>name", "long_name_in_a_line"]
    assert found[2:] == ["torch.<wbr>nn.<wbr>functional.<wbr>l1_<wbr>loss(<wbr>x, y=1)", "0.25, 0.75"]


def test_terms_lead_to_the_glossary(tmp_path):
    (tmp_path / "book").mkdir()
    entries = "loss\n  损失 · What a mistake costs, $c$.\n\nabsolute loss\n  绝对损失 · The distance. See {doc}`/index`.\n"
    glossary = f"# Glossary\n\n```{{glossary}}\n{entries}```\n"
    (tmp_path / "book/glossary.md").write_text(glossary, encoding="utf-8")
    prose = (
        "# A loss\n\nAn *absolute loss* of `loss`, glossy: two Losses and one loss, 5 %.\n\n```{toctree}\nbook/glossary\n```\n"
    )
    html, warnings = build(tmp_path, prose)
    assert "WARNING" not in warnings and "ERROR" not in warnings, warnings
    links = re.findall(r'<a class="term[^"]*" href="book/glossary.html#([^"]+)">([^<]+)</a>', html)
    assert links == [("term-absolute-loss", "absolute loss"), ("term-loss", "Losses")]
    brought = dict(re.findall(r'<div id="preview-(.*?)"><p>(.*?)</p>\s*</div>', html))
    assert brought["term-absolute-loss"] == "The distance."
    assert re.fullmatch(r"What a mistake costs, <.*\bc\b.*>\.", brought["term-loss"], re.DOTALL)
    assert "one loss, 5\u00a0%." in html  # the sign does not begin a line
    assert 'id="term-loss"' in (tmp_path / "out/book/glossary.html").read_text(encoding="utf-8")
