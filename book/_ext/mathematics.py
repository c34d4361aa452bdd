"""Mathematics is typeset when the book is built, as MathML that the browser draws: no page needs a script for it.

1. Conversion: TeX becomes MathML Core, with the TeX beside it and with classes in place of inline styles.
2. Pages: what Sphinx writes for a formula in a line and for one on its own, numbered or not.
3. The font: a part of STIX Two Math with the characters that the book's formulas use.

The package math-core converts the whole book in a tenth of a second. A formula that it does not understand, a style without a
class and a character without a glyph are warnings that name the page. static/mathematics.css has the rest.
"""

import functools
import importlib.util
import re
import unicodedata
import zlib
from html import escape, unescape
from pathlib import Path

import typeface
from docutils import nodes
from fontTools.ttLib import TTFont
from math_core import LatexError, LatexToMathML
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)


class MathematicsError(ValueError):
    """Why a formula cannot be typeset."""


# ---- 1. conversion -----------------------------------------------------------------------------------------------------------

# What LaTeX has and the converter has not. `small` is said of text alone, all of which static/mathematics.css makes small.
MACROS = {"small": "", "substack": r"\begin{subarray}{c}#1\end{subarray}", "checkmark": r"\text{✓}"}
TEX = LatexToMathML(fancy_error=False, macros=MACROS)

# Brackets that could grow round what is no taller than they are: TeX leaves them as they are, browsers would take the next size.
SPACE = r'((?: [lr]space="[^"]*")*)'
TALL = r'<m(?:frac|under|over>|sqrt|root|table)|<mo(?! stretchy="false")[^>]*>[]()[{}|‖]'
LOW = re.compile(rf"<mo{SPACE}>([([{{|‖])</mo>((?:(?!{TALL}).)*)<mo{SPACE}>([])}}|‖])</mo>")

# A line over or under several letters: the converter writes a combining one, which browsers do not centre.
LINES = {"\u0332</mo></mover>": "\u203e</mo></mover>", "\u0332</mo></munder>": "_</mo></munder>"}

# The converter writes inline styles, which a tight Content-Security-Policy forbids.
CLASSES = {
    "text-align: left;justify-items: start;": "column-left",
    "text-align: right;justify-items: end;": "column-right",
    "text-align: left;justify-items: start;padding-left: 0;": "aligned-left",
    "text-align: right;justify-items: end;padding-right: 0;": "aligned-right",
    "text-align: left;justify-items: start;padding-right: 0;": "case",
    "text-align: left;justify-items: start;padding-right: 0;padding-left:1em;": "case condition",
    "padding-top: 0;padding-bottom: 0;": "stacked",
    "padding-left:0.2778em;padding-right:0.2778em;": "relation",
    "padding-right:0.1667em;": "operator",
    "margin-left:-0.16666667em;": "closer",
}


# What browsers set too close: a fraction beside a fraction reads as one, and the space before a remark's tick is lost.
SPACED = {"</mfrac><mfrac>": '</mfrac><mspace width="0.1667em"/><mfrac>', "<mtext>✓": '<mspace width="0.4em"/><mtext>✓'}
# The font's prime stands high already: as a superscript it would be a speck above the line.
PRIMED = re.compile(r"<msup>(<m([in])[^>]*>[^<]*</m\2>)<mo[^>]*>([′″‴])</mo></msup>")
# A root over letters and numbers alone, for which the sign of common size is enough; see `narrow_roots`.
LOW_ROOT = re.compile(r"<msqrt>((?:<mrow>|</mrow>|<m[ino](?: [^>]*)?>[^<()]*</m[ino]>)*)</msqrt>")


def with_known_environments(latex, display):
    """Numbers and labels are Sphinx's; what spans lines is `aligned` or `gathered`, which are as wide as they need to be."""
    latex = re.sub(r"\\(begin|end)\{(align|gather)\*?\}", r"\\\1{\2ed}", latex)
    latex = re.sub(r"\\(begin|end)\{split\}", r"\\\1{aligned}", latex)
    latex = re.sub(r"\\(?:begin|end)\{equation\*?\}|\\label\{[^}]*\}", "", latex)
    latex = re.sub(r"\\\\\s*\[-?[\d.]+ *[a-z]{2}\]", r"\\\\", latex)  # space after a line would be shown as text
    lines = [part.strip() for part in re.split(r"\n\s*\n", latex) if part.strip()]
    outside = re.sub(r"\\begin\{(\w+)\}.*?\\end\{\1\}|\\substack\{(?:[^{}]|\{[^{}]*\})*\}", "", latex, flags=re.DOTALL)
    if display and (len(lines) > 1 or r"\\" in outside):
        return r"\begin{aligned}" + r"\\".join(lines) + r"\end{aligned}"
    return latex


@functools.cache
def mathml(latex, display=False, source=True):
    """MathML of a formula; with its TeX as an annotation, except where a page reads a title as text.

    >>> mathml("x^2", source=False)
    '<math display="inline"><msup><mi>x</mi><mn>2</mn></msup></math>'
    """
    try:
        converted = TEX.convert_with_local_state(with_known_environments(latex, display), displaystyle=display)
    except LatexError as error:
        raise MathematicsError(str(error)) from None
    while converted != (low := LOW.sub(r'<mo stretchy="false"\1>\2</mo>\3<mo stretchy="false"\4>\5</mo>', converted)):
        converted = low
    for before, after in (LINES | SPACED).items():
        converted = converted.replace(before, after)
    converted = PRIMED.sub(r'<mrow>\1<mo lspace="0" rspace="0">\3</mo></mrow>', converted)
    converted = LOW_ROOT.sub(r'<msqrt class="low">\1</msqrt>', converted)
    for style in set(re.findall(r' style="([^"]*)"', converted)):
        if style not in CLASSES:
            raise MathematicsError(f"no class for the style {style!r}: name one in {__name__}.CLASSES and static/mathematics.css")
        converted = converted.replace(f' style="{style}"', f' class="{CLASSES[style]}"')
    inside = re.fullmatch(r"<math[^>]*>(.*)</math>", converted, flags=re.DOTALL)[1]
    if source:
        annotation = f'<annotation encoding="application/x-tex">{escape(latex.strip(), quote=False)}</annotation>'
        inside = f"<semantics><mrow>{inside}</mrow>{annotation}</semantics>"
    return f'<math display="{"block" if display else "inline"}">{inside}</math>'


# ---- 2. pages ----------------------------------------------------------------------------------------------------------------


LONG = 20  # characters that may be wider than half a phone


def shown(converted):
    """The text of MathML, without the TeX beside it."""
    return unescape(re.sub(r"<annotation.*?</annotation>|<[^>]*>", "", converted, flags=re.DOTALL))


def html_of(node):
    """A formula that cannot be typeset is shown as it was written; the warning was given when the page was read."""
    display = isinstance(node, nodes.math_block)
    try:
        return mathml(node.astext(), display, source=not isinstance(node.parent, nodes.title))
    except MathematicsError:
        return f"<code>{escape(node.astext())}</code>"


def visit_math(self, node):
    """A long one gets a box that scrolls in a table and on a phone; the keyboard reaches it."""
    html = html_of(node)
    self.body.append(f'<span class="formula long" tabindex="0">{html}</span>' if len(shown(html)) >= LONG else html)
    raise nodes.SkipNode


def visit_displayed_math(self, node):
    """The formula scrolls in a box of its own where the page is narrow, and its number stays beside it."""
    self.body.append(self.starttag(node, "div", CLASS="equation"))
    self.body.append(f'<div class="formula" tabindex="0">{html_of(node)}</div>')
    if node.get("number"):
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, _("Link to this equation"))
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


# A formula and the sign behind it: the browser would end a line between them.
TOGETHER = re.compile(r'<math display="inline">(?:(?!</math>).)*</math>[.,;:!?)’”]+', re.DOTALL)


def hold_together(app, pagename, templatename, context, doctree):
    context["body"] = TOGETHER.sub(r'<span class="together">\g<0></span>', context.get("body", ""))


# ---- 3. the font -------------------------------------------------------------------------------------------------------------

FONT = Path(importlib.util.find_spec("ziamath").origin).parent / "fonts/STIXTwoMath-Regular.ttf"
FEATURES = ["ssty", "ccmp", "dtls", "flac"]  # what makes the sizes and shapes of mathematics
INVISIBLE = set("\n\u2061\u2062\u2063\u2064\ufe00\ufe01")  # function application and its like, which of two script styles


def characters(converted):
    """What a browser needs of the font, before it puts italic letters in the place of a variable's."""
    return (set(shown(converted)) - INVISIBLE) | ({"√"} if re.search("<m(sqrt|root)[ >]", converted) else set())


@functools.cache
def known_characters():
    return set(map(chr, TTFont(FONT, lazy=True).getBestCmap()))


@functools.cache
def italics():
    """{letter: its mathematical italic}, as Unicode has them."""
    letters = {"h": "\N{PLANCK CONSTANT}"}
    for char in map(chr, range(0x1D434, 0x1D71C)):
        if unicodedata.name(char, "").startswith("MATHEMATICAL ITALIC"):
            letters[chr(int(unicodedata.decomposition(char).split()[1], 16))] = char
    return letters


def narrow_roots(font):
    """The signs of a root in all sizes, as wide as the one of common size: what is wider stands out at the left.

    A browser makes room for the widest of them, a hole behind a small root. The style sheet makes room for a tall one.
    """
    root = font.getBestCmap()[ord("√")]
    variants = font["MATH"].table.MathVariants
    built = variants.VertGlyphConstruction[variants.VertGlyphCoverage.glyphs.index(root)]
    width = font["hmtx"][root][0]
    parts = [record.VariantGlyph for record in built.MathGlyphVariantRecord]
    parts += [record.glyph for record in built.GlyphAssembly.PartRecords]
    for name in dict.fromkeys(parts):
        advance, left = font["hmtx"][name]
        glyph = font["glyf"][name]
        glyph.coordinates.translate((width - advance, 0))
        glyph.recalcBounds(font["glyf"])
        font["hmtx"][name] = (width, left + width - advance)


# ---- what Sphinx calls -------------------------------------------------------------------------------------------------------


def use(app, config):
    config.html_math_renderer = "mathematics"


def start(app):
    if not hasattr(app.env, "mathematics"):
        app.env.mathematics = {}  # {page: characters of its formulas}


def read_page(app, doctree):
    """Every formula of a page is converted when the page is read, so that a bad one is reported where it stands."""
    used = app.env.mathematics[app.env.docname] = set()
    for node in doctree.findall(lambda node: isinstance(node, (nodes.math, nodes.math_block))):
        latex = node.astext()
        try:
            found = characters(mathml(latex, display=isinstance(node, nodes.math_block)))
            if missing := found - known_characters():
                raise MathematicsError(f"the font has no {', '.join(sorted(missing))}")
        except MathematicsError as error:
            logger.warning("a formula cannot be typeset: %s\n%s", error, latex.strip(), location=node)
        else:
            used |= found


def forget_page(app, env, docname):
    env.mathematics.pop(docname, None)


def merge_pages(app, env, docnames, other):
    env.mathematics |= {name: other.mathematics[name] for name in docnames if name in other.mathematics}


def finish(app, exception):
    if exception or app.builder.format != "html":
        return
    used = set().union(*app.env.mathematics.values(), " ")
    drawn = "".join(sorted(used | {italics()[char] for char in used & italics().keys()}))
    typeface.publish(app, "mathematics.woff2", FONT, drawn, FEATURES, narrow_roots)


def setup(app):
    app.add_html_math_renderer("mathematics", (visit_math, None), (visit_displayed_math, None))
    app.add_css_file("mathematics.css")
    app.connect("config-inited", use)
    app.connect("builder-inited", start)
    app.connect("doctree-read", read_page)
    app.connect("env-purge-doc", forget_page)
    app.connect("env-merge-info", merge_pages)
    app.connect("html-page-context", hold_together)
    app.connect("build-finished", finish)
    # A changed extension reads every page again.
    return {"env_version": zlib.crc32(Path(__file__).read_bytes()), "parallel_read_safe": True, "parallel_write_safe": True}
