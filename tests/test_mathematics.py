"""Mathematics typeset at build time: what TeX becomes, what a page shows, and what Sphinx says of a formula that cannot be."""

import re

import mathematics
import pytest
import small_book
from fontTools.ttLib import TTFont

STATIC = small_book.ROOT / "static"

# ---- conversion --------------------------------------------------------------------------------------------------------------

CONVERTED = [
    (r"\frac{a}{2}", "<mfrac><mi>a</mi><mn>2</mn></mfrac>"),
    (r"\mathbf x \mathcal L \mathbb R", "<mi>𝐱</mi><mrow><mspace/><mi>ℒ\ufe00</mi></mrow><mi>ℝ</mi>"),
    (r"\hat y", '<mover accent="true"><mi>y</mi><mo stretchy="false">ˆ</mo></mover>'),
    (r"\overline{ab}", '<mover accent="true"><mrow><mi>a</mi><mi>b</mi></mrow><mo stretchy="true">\u203e</mo></mover>'),
    (r"\left(x\right)", '<mo stretchy="false">(</mo><mi>x</mi><mo stretchy="false">)</mo>'),
    (r"\left(\frac12\right)", "<mo>(</mo><mfrac><mn>1</mn><mn>2</mn></mfrac><mo>)</mo>"),
    (r"\left(\left|a\right| b\right)", '<mo stretchy="false">)</mo>'),
    (r"\checkmark", "<mtext>✓</mtext>"),
    (r"{\small \text{so}}", "<mrow><mrow></mrow><mtext>so</mtext></mrow>"),
    (r"a &= b \\[2pt] &= c", '<mtd class="aligned-left"><mo>=</mo><mi>b</mi></mtd></mtr><mtr><mtd class="aligned-right"></mtd>'),
    ("a = b\n\nc = d", "<mi>b</mi></mtd></mtr><mtr><mtd"),
    (r"\begin{split}a &= b\end{split}", '<mtd class="aligned-left"><mo>=</mo><mi>b</mi></mtd>'),
    (r"\begin{align}a &= b\label{x}\end{align}", '<mtd class="aligned-left"><mo>=</mo><mi>b</mi></mtd>'),
    (r"\begin{equation*}a\end{equation*}", "<mi>a</mi>"),
    (r"\begin{cases}a & \text{if } b\end{cases}", '<mtd class="case"><mi>a</mi></mtd><mtd class="case condition"><mtext>if'),
    (r"\begin{pmatrix}a & b\end{pmatrix}", "<mtd><mi>a</mi></mtd><mtd><mi>b</mi></mtd></mtr></mtable><mo>)</mo>"),
    (r"\sum_{\substack{a \\ b}} x", '<mtd class="stacked"><mi>a</mi></mtd>'),
]


@pytest.mark.parametrize("latex, expected", CONVERTED)
def test_conversion(latex, expected):
    html = mathematics.mathml(latex, display=True)
    assert html.startswith('<math display="block"><semantics>')
    assert expected in html
    assert " style=" not in html  # what a tight Content-Security-Policy forbids


def test_tex_stays_beside_the_formula_but_not_in_a_title():
    assert '<annotation encoding="application/x-tex">a &lt; b</annotation>' in mathematics.mathml("a < b")
    assert mathematics.mathml("a < b", source=False) == '<math display="inline"><mi>a</mi><mo>&lt;</mo><mi>b</mi></math>'


@pytest.mark.parametrize(
    "latex, reason",
    [
        (r"\nothing", "Unknown command"),
        (r"\frac{a}", "Expected argument"),
        (r"\left(a", r"\\right"),
        (r"\color{red}a", "no class"),
    ],
)
def test_what_cannot_be_typeset(latex, reason):
    with pytest.raises(mathematics.MathematicsError, match=reason):
        mathematics.mathml(latex)


def test_font_has_what_is_drawn_its_sizes_and_its_measures(tmp_path):
    mathematics.typeface.write_font(mathematics.FONT, tmp_path / "small.woff2", "𝑥(√", mathematics.FEATURES)
    font = TTFont(tmp_path / "small.woff2")
    assert "MATH" in font and font.flavor == "woff2"
    assert {chr(code) for code in font.getBestCmap()} >= {"𝑥", "(", "√"}
    sizes = font["MATH"].table.MathVariants.VertGlyphCoverage.glyphs
    assert {font.getBestCmap()[ord(char)] for char in "(√"} <= set(sizes)


def test_italics():
    assert [mathematics.italics()[letter] for letter in "ahzΩπϵ"] == ["𝑎", "ℎ", "𝑧", "𝛺", "𝜋", "𝜖"]


# ---- a page ------------------------------------------------------------------------------------------------------------------

PROSE = r"""# The norm $\ell_2$

In a line $\sqrt{x}$, by {eq}`eq-mean`, and a long one $a + b + c + d + e + f + g + h + i + j + k$.

$$
m = \frac1n \sum_i x_i
$$ (eq-mean)

\begin{align}
a &= b
\end{align}
"""
CARD = "| term | formula |\n|---|---|\n| variance | $\\sigma^2$ |"


def build(folder, prose=PROSE):
    return small_book.build(
        folder,
        "mathematics",
        prose,
        [{"text/latex": "$$\n\\int_0^1 f\n$$"}, {"text/markdown": CARD}],
        myst_enable_extensions=["amsmath", "dollarmath"],
        nb_render_markdown_format="myst",
        html_static_path=[str(STATIC)],
    )


def test_page(tmp_path):
    html, warnings, status = build(tmp_path)
    assert status == 0 and not warnings
    assert not re.search("<script[^>]*mathjax", html, re.IGNORECASE)
    # every kind of formula: a title, a line, a display, an environment, and two outputs
    for typeset in (
        "<mi>ℓ</mi><mn>2</mn>",
        '<msqrt class="low"><mi>x</mi></msqrt>',
        "<munder>",
        "aligned-right",
        "<msubsup>",
        "<mi>σ</mi>",
    ):
        assert typeset in html, typeset
    # numbers and what refers to them are Sphinx's; MyST numbers the environment
    assert re.search(r'<div class="equation" id="equation-eq-mean">.*?class="eqno">\(1\)', html, re.DOTALL)
    assert 'href="#equation-eq-mean">(1)</a>' in html and "(2)" in html
    # the keyboard reaches whatever may scroll
    assert html.count('<div class="formula" tabindex="0">') == 3
    assert html.count('<span class="formula long" tabindex="0">') == 1
    # the name of the page is text
    title = re.search(r"<title>(.*?)</title>", html, re.DOTALL)[1]
    assert "ℓ" in title and "\\ell" not in title
    # the font is there, of the site, and has the italic letters
    css = (tmp_path / "out/_static/mathematics.css").read_text(encoding="utf-8")
    assert 'url("mathematics.woff2")' in css
    assert {ord("𝑥"), ord("√"), ord("∫")} <= set(TTFont(tmp_path / "out/_static/mathematics.woff2").getBestCmap())


def test_a_bad_formula_is_an_error_that_says_where(tmp_path):
    _, warnings, status = build(tmp_path, "# Page\n\nIn a line $\\frac{a}$.\n\n$$\nx = 中\n$$")
    assert status == 1
    said = re.findall(r"index\.ipynb:\d+: WARNING: a formula cannot be typeset: (.*)\n([^\x1b\n]*)", warnings)
    assert [formula for _, formula in said] == [r"\frac{a}", "x = 中"]
    assert "Expected argument" in said[0][0] and "the font has no 中" in said[1][0]


def test_every_class_has_a_rule():
    css = (STATIC / "mathematics.css").read_text(encoding="utf-8")
    missing = {name for names in mathematics.CLASSES.values() for name in names.split() if f".{name}" not in css}
    assert not missing


@pytest.mark.parametrize(
    "latex, expected",
    [
        (r"\frac{a}{b} \frac{c}{d}", '</mfrac><mspace width="0.1667em"/><mfrac>'),
        ("f'(x)", '<mrow><mi>f</mi><mo lspace="0" rspace="0">′</mo></mrow>'),
        (r"\sqrt{n}", '<msqrt class="low">'),
        (r"\sqrt{\frac{a}{b}}", "<msqrt><mfrac>"),
        (r"\sqrt{x^2}", "<msqrt><msup>"),
        (r"\text{because } \checkmark", '<mspace width="0.4em"/><mtext>✓'),
    ],
)
def test_what_browsers_set_badly_is_written_for_them(latex, expected):
    assert expected in mathematics.mathml(latex)


def test_a_sign_stays_with_the_formula_before_it():
    context = {"body": '<math display="inline">a</math>, <math display="inline">b</math> <math display="block">c</math>.'}
    mathematics.hold_together(None, "", "", context, None)
    assert context["body"].count('class="together"') == 1
    assert context["body"].startswith('<span class="together"><math display="inline">a</math>,</span> <math')
