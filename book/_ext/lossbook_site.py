"""What the book asks of Sphinx beyond standard extensions: small things, one section each.

1. Figures: the SVG that a cell shows becomes part of the page, so that its ink follows the light and the dark theme. It has a
   number, as has an alive figure.
2. Equations: LaTeX that a cell shows and that carries ``\\label{eq-name}`` is numbered, and {eq}`eq-name` refers to it. What has
   been checked wears a badge with its grade, which opens the evidence.
3. Numbers: {measured}`0.83 <slope>` shows 0.83, a number that `make run` copies from the cell that measured `slope`.
4. Weight: style sheets and scripts whose place static/lossbook.css and static/site.js take are left out.
5. Folds: solutions, {dropdown}s and hidden code are <details>, which need no script; {margin} is a note beside the text. What
   a theorem says is no section.
6. Words: the first time that a page uses a term of the glossary, it leads there and shows the definition under the pointer. A
   percent sign stays with its number, no full stop follows a question mark, and long names are broken at their joints.
7. Speed: what libraries do again for every citation, word or block of code is done once.
"""

import functools
import re
import zlib
from html import escape
from pathlib import Path

import pybtex.plugin
from docutils import nodes
from docutils.nodes import make_id
from myst_nb.sphinx_ import HideCodeCellNode
from pybtex.richtext import Text
from sphinx.highlighting import PygmentsBridge
from sphinx.search.en import SearchEnglish
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx.writers.html5 import HTML5Translator
from sphinx_proof.domain import ProofDomain

from lossbook._result import GRADES

INK = "#24292f"  # the one colour of text and axes in lossbook.plot; tests/test_site.py holds the two equal


def outputs(document, *mime_types):
    """Every (container, child) in which a cell's output of one of these types was parsed, in the order of the page."""
    for container in list(document.findall(nodes.container)):
        if container.get("mime_type") in mime_types and container.children:
            yield container, container.children[0]


# ---- 1. figures --------------------------------------------------------------------------------------------------------------


def as_attributes(match):
    """`style="fill: none; stroke-width: 2"` as `fill="none" stroke-width="2"`: a page without inline styles can be kept safe."""
    pairs = [pair.partition(":")[::2] for pair in match[1].split(";") if pair.strip()]
    return "".join(f' {name.strip()}="{value.strip()}"' for name, value in pairs if name.strip() not in ("max-width", "height"))


def without_styles(html):
    return re.sub("<svg.*?</svg>", lambda svg: re.sub(r' style="([^"]*)"', as_attributes, svg[0]), html, flags=re.DOTALL)


def page_svg(svg, number):
    """The SVG as a part of a page: its ink is the page's, and its ids are its own even where a page shows a figure twice."""
    svg = without_styles(svg[svg.index("<svg") :])  # no XML declaration, no doctype
    svg = re.sub(INK, "currentColor", svg, flags=re.IGNORECASE)
    svg = re.sub(r'(\bid="|\bhref="#|url\(#)', rf"\g<1>figure{number}-", svg)
    return f'<div class="figure-svg">{svg}</div>'


class shown_figure(nodes.figure):
    """A figure with a number and a link to itself. What it shows, its description says: the caption has no words of its own."""


def numbered(content, number):
    return shown_figure("", content, nodes.caption(), ids=[f"figure-{number}"])


class InlineFigures(SphinxTransform):
    default_priority = 200  # while the page is read, before Sphinx collects its images

    def apply(self):
        for raw in list(self.document.findall(nodes.raw)):
            raw[:] = [nodes.Text(without_styles(raw.astext()))]
        number = 0
        for container, shown in outputs(self.document, "image/svg+xml", "text/html"):
            alive = "<loss-figure" in container.parent.astext()  # it brings its picture too, for where no page is made
            if alive != (container["mime_type"] == "text/html"):
                continue
            number += 1
            if not alive:
                _, path = self.env.relfn2path(shown["uri"])
                html = page_svg(Path(path).read_text(encoding="utf-8"), number)
            shown.replace_self(numbered(shown.deepcopy() if alive else nodes.raw("", html, format="html"), number))


# ---- 2. equations ------------------------------------------------------------------------------------------------------------


EVIDENCE = re.compile(r"\[(?:.*; )?(proved|\d+ points?)\]$", re.MULTILINE)  # how lossbook.derive ends the text of a checked line


def show_evidence(container):
    """Below an equation with checked steps: their weakest grade, which opens to the steps as the checker saw them."""
    bundle = container.parent
    text = next((child.astext() for child in bundle if child.get("mime_type") == "text/plain"), "")
    marks = EVIDENCE.findall(text)
    if marks:
        points = next((mark for mark in marks if mark != "proved"), None)
        badge = f"✓ verified at {points}" if points else "✓ proved"
        steps = nodes.literal_block("", text, language="none")
        place = bundle.parent.index(bundle) + 1
        bundle.parent.insert(place, fold("", fold_title("", badge), steps, classes=["evidence"]))


def link_grades(app, doctree, docname):
    """The grade of a claim leads to what the grades mean."""
    for node in list(doctree.findall(nodes.emphasis)):
        grade = node.astext().strip("()")
        if node.astext() == f"({grade})" and grade in GRADES:
            meaning = f"{app.builder.get_relative_uri(docname, app.config.root_doc)}#how-to-read-a-claim"
            node.replace_self(nodes.reference("", grade, refuri=meaning, internal=True, classes=["grade", grade]))


class NumberedEquations(SphinxTransform):
    default_priority = 200

    def apply(self):
        math = self.env.get_domain("math")
        for container, block in outputs(self.document, "text/latex"):
            show_evidence(container)
            label = re.search(r"(?:% *)?\\label\{(eq-[^}]+)\}", block.astext())  # in a comment, Jupyter's MathJax does not see it
            if label is None:
                continue
            latex = block.astext().replace(label[0], "").strip()
            block[:] = [nodes.Text(latex)]
            block["label"], block["docname"] = label[1], self.env.docname
            math.note_equation(self.env.docname, label[1], location=block)
            block["number"] = math.get_equation_number_for(label[1])
            block["ids"].append(make_id(f"equation-{label[1]}"))
            self.document.note_explicit_target(block)


# ---- 3. numbers --------------------------------------------------------------------------------------------------------------


class measured(nodes.inline):
    """A number in a sentence that a cell has computed."""


class MeasuredRole(SphinxRole):
    def run(self):
        match = re.fullmatch(r"(.+?)\s*<([\w.]+)>", self.text)
        if match is None:
            message = self.inliner.reporter.error(f"write {{measured}}`number <name>`, not {self.text!r}", line=self.lineno)
            return [self.inliner.problematic(self.rawtext, self.rawtext, message)], [message]
        return [measured(self.rawtext, match[1], name=match[2])], []


def visit_measured(self, node):
    self.body.append(f'<span class="measured" title="measured in this chapter: {escape(node["name"])}">')


def depart_measured(self, node):
    self.body.append("</span>")


# ---- 4. weight ---------------------------------------------------------------------------------------------------------------

# By static/lossbook.css, in a tenth of their size, and by static/site.js, which does not lay out the whole page.
REPLACED = {"pygments.css", "exercise.css", "proof.css", "styles/furo-extensions.css", "scripts/furo.js"}


def without_replaced(app, pagename, templatename, context, doctree):
    def is_replaced(file):
        name = str(file.filename).removeprefix("_static/")
        return name in REPLACED or name.startswith("mystnb.")

    for kind in ("css_files", "script_files"):
        context[kind] = [file for file in context.get(kind, []) if not is_replaced(file)]


# ---- 5. folds and notes in the margin ----------------------------------------------------------------------------------------


class fold(nodes.General, nodes.Element):
    """A part that opens at a click or a key, also in a page without scripts, and that a search in the page finds."""


class fold_title(nodes.General, nodes.TextElement):
    pass


class Dropdown(SphinxDirective):
    has_content, required_arguments, final_argument_whitespace = True, 1, True

    def run(self):
        title, messages = self.parse_inline(self.arguments[0])
        return [fold("", fold_title("", "", *title), *messages, *self.parse_content_to_nodes())]


class Margin(SphinxDirective):
    has_content, optional_arguments, final_argument_whitespace = True, 1, True

    def run(self):
        title, messages = self.parse_inline(self.arguments[0]) if self.arguments else ([], [])
        heading = [nodes.paragraph("", "", nodes.strong("", "", *title))] if title else []
        return [margin("", *heading, *messages, *self.parse_content_to_nodes())]


class margin(nodes.General, nodes.Element):
    pass


def fold_away(app, doctree, docname):
    """What is marked as a dropdown, and code that a cell hides, becomes a fold. Ids that are there twice are dropped."""
    for node in list(doctree.findall(nodes.Element)):
        if isinstance(node, HideCodeCellNode):
            node.replace_self(fold("", fold_title("", "Code"), *node.children, classes=["code-fold"]))
        elif "dropdown" in node.get("classes", []):
            kinds = [name for name in node["classes"] if name != "dropdown"]
            title = fold_title("", "", *node.children[0].children)
            for link in list(title.findall(nodes.reference)):
                link.parent.replace(link, link.children)  # a title that opens its part cannot also lead elsewhere
            node.replace_self(fold("", title, *node.children[1:], ids=node["ids"], classes=kinds))
        elif isinstance(node, nodes.entry) and not node.astext() and isinstance(node.parent.parent, nodes.thead):
            node[:] = [nodes.paragraph("", "", nodes.inline("", "value", classes=["spoken"]))]  # a header is never empty
        elif isinstance(node, nodes.container) and {"math-wrapper", "table-wrapper"} & set(node["classes"]):
            node["ids"] = []  # Furo gives its box the ids of what is inside
        elif isinstance(node, nodes.section) and node["ids"] in (["exercise-content"], ["solution-content"]):
            node["ids"] = []


def tag(name, **attributes):
    """Visitors that write a node as this element."""

    def visit(self, node):
        self.body.append(self.starttag(node, name, "", **attributes))

    def depart(self, node):
        self.body.append(f"</{name}>\n")

    return visit, depart


def plain_theorems(app, doctree):
    """What a theorem says is no section of the page: sphinx-proof gives all of them one id."""
    for section in list(doctree.findall(lambda node: isinstance(node, nodes.section) and node["ids"] == ["proof-content"])):
        section["ids"], section["classes"] = [], []
        section.replace_self(section.children)


# ---- 6. words ----------------------------------------------------------------------------------------------------------------

GLOSSARY = "book/glossary"


@functools.lru_cache(maxsize=1)  # once a build, not once a page
def definitions(app):
    """{term: (id on the page of the glossary, definition as a paragraph)}"""
    if GLOSSARY not in app.env.found_docs:
        return {}
    items = app.env.get_doctree(GLOSSARY).findall(nodes.definition_list_item)
    return {item.children[0].astext(): (item.children[0]["ids"][0], definition(item.children[-1])) for item in items}


def definition(entry):
    """What an entry says in English, without the chapters that it ends on; what it refers to is in words."""
    paragraph = nodes.paragraph()
    for node in entry.next_node(nodes.paragraph).children:
        if isinstance(node, nodes.Text):
            _, chinese, after = node.partition(" · ")
            node = nodes.Text(after if chinese and not paragraph.children else node)
            if node.endswith("See "):
                paragraph += nodes.Text(node.removesuffix("See ").rstrip())
                break
        paragraph += node.deepcopy() if isinstance(node, nodes.Text | nodes.math) else nodes.Text(node.astext())
    return paragraph


def pattern_of(terms):
    """Any of the terms, the longest first, as a whole word or its plural."""
    longest_first = sorted(terms, key=len, reverse=True)
    return re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, longest_first))})(?:e?s)?(?![\w-])", re.IGNORECASE)


def in_prose(text):
    """Whether this is a piece of a paragraph, emphasised or not; a word in a link, a heading or code stays as it is."""
    node = text.parent
    while isinstance(node, (nodes.emphasis, nodes.strong)):
        node = node.parent
    return isinstance(node, nodes.paragraph)


def link_terms(app, doctree, docname):
    in_sentences = docname != GLOSSARY and docname != "book/bibliography" and not docname.startswith("book/reference/")
    terms = definitions(app) if in_sentences else {}
    if not terms or app.builder.format != "html":
        return
    pattern = pattern_of(terms)
    known, page = {term.lower(): term for term in terms}, app.builder.get_relative_uri(docname, GLOSSARY)
    for text in filter(in_prose, list(doctree.findall(nodes.Text))):
        new, end = [], 0
        for match in pattern.finditer(text):
            term = known.pop(match[1].lower(), None)  # the first time only
            if term is None:
                continue
            link = nodes.reference("", match[0], refuri=f"{page}#{terms[term][0]}", internal=True, classes=["term"])
            new += [nodes.Text(text[end : match.start()]), link]
            end = match.end()
        if new:
            text.parent.replace(text, [node for node in [*new, nodes.Text(text[end:])] if node.astext()])


def bring_definitions(app, pagename, templatename, context, doctree):
    """Definitions of the terms that the page links are laid by for static/find.js to show."""
    links = [] if doctree is None else [link for link in doctree.findall(nodes.reference) if "term" in link["classes"]]
    laid = (
        f'<div id="preview-{anchor}">{rendered(app, anchor)}</div>'
        for _, _, anchor in (link["refuri"].partition("#") for link in links)
    )
    context["body"] = context.get("body", "") + (f'<div class="previews">{"".join(laid)}</div>' if links else "")


@functools.cache
def rendered(app, anchor):
    return app.builder.render_partial(next(text for name, text in definitions(app).values() if name == anchor))["fragment"]


def hold_percent(app, doctree, docname):
    """The percent sign does not begin a line, away from its number."""
    for text in filter(in_prose, list(doctree.findall(nodes.Text))):
        if " %" in text:
            text.parent.replace(text, nodes.Text(text.replace(" %", "\u00a0%")))


def end_once(app, doctree, docname):
    """A sentence that ends with the name of a chapter, "What is a loss?", has ended: no full stop follows."""
    for reference in list(doctree.findall(nodes.reference)):
        after = reference.next_node(descend=False, siblings=True)
        if isinstance(after, nodes.Text) and after.startswith(".") and reference.astext().endswith("?"):
            after.parent.replace(after, nodes.Text(after[1:]))


def break_at_joints(app, doctree, docname):
    """A long name in a table or a heading may be broken after a full stop, a line or a bracket; that of a link stays whole."""
    for literal in list(doctree.findall(nodes.literal)):
        name = literal.astext()
        parts = re.split(r"(?<=[._(,=])(?=[a-zA-Z])", name) if len(name) > 8 else [name]
        around = {type(node) for node in above(literal)} if len(parts) > 1 else set()
        if around & {nodes.entry, nodes.title} and nodes.reference not in around:
            joints = [node for part in parts for node in (nodes.raw("", "<wbr>", format="html"), nodes.Text(part))]
            literal.children = []
            literal.extend(joints[1:])


def above(node):
    while node.parent is not None:
        node = node.parent
        yield node


def mark_chinese(app, doctree, docname):
    """The Chinese names of the glossary are read in Chinese."""
    if docname != GLOSSARY or app.builder.format != "html":
        return
    for text in list(doctree.findall(nodes.Text)):
        if re.search(r"[\u4e00-\u9fff]", text):
            marked = re.sub(r"[\u4e00-\u9fff]+", r'<span lang="zh-Hans">\g<0></span>', escape(text))
            text.parent.replace(text, nodes.raw("", marked, format="html"))


def readable_bibliography(app, pagename, templatename, context, doctree):
    """The references are the items of a list; docutils gives them a role that has been withdrawn and that no list may hold."""
    context["body"] = context.get("body", "").replace('role="doc-biblioentry"', 'role="listitem"')


# ---- 7. speed ----------------------------------------------------------------------------------------------------------------

# For every citation pybtex looks through all installed packages for its plug-ins: a quarter of the whole build.
pybtex.plugin._load_entry_point = functools.cache(pybtex.plugin._load_entry_point)
Text.from_latex = classmethod(functools.cache(Text.from_latex.__func__))
# The search reduces every word of every page to its stem, and each block of code has its style written anew.
SearchEnglish.stem = functools.cache(SearchEnglish.stem)
PygmentsBridge.get_formatter = functools.cache(PygmentsBridge.get_formatter)
# It keeps what it knows of theorems where its own extension merges it, and so has nothing to add.
ProofDomain.merge_domaindata = lambda self, docnames, otherdata: None
# Its author does not say so, but it numbers the sections when all pages have been read, so several processes may read them.
QUIET_ABOUT_PROCESSES = "sphinx_multitoc_numbering"


def setup(app):
    if QUIET_ABOUT_PROCESSES in app.extensions:
        app.extensions[QUIET_ABOUT_PROCESSES].parallel_read_safe = True
    app.add_transform(InlineFigures)
    app.add_transform(NumberedEquations)
    app.add_role("measured", MeasuredRole())
    app.add_directive("dropdown", Dropdown)
    app.add_directive("margin", Margin)
    app.add_node(measured, html=(visit_measured, depart_measured), override=True)
    by_sphinx = (HTML5Translator.visit_figure, HTML5Translator.depart_figure)
    app.add_enumerable_node(shown_figure, "figure", lambda node: "a figure", override=True, html=by_sphinx)
    app.add_node(fold, html=tag("details", CLASS="fold"), override=True)
    app.add_node(fold_title, html=tag("summary"), override=True)
    app.add_node(margin, html=tag("aside", CLASS="margin", role="note"), override=True)
    app.add_config_value("comments_config", {}, "html")  # Jupyter Book sets it for an extension that is not used here
    app.connect("html-page-context", without_replaced, priority=900)
    app.connect("html-page-context", readable_bibliography)
    app.connect("html-page-context", bring_definitions)
    app.connect("doctree-read", plain_theorems)
    app.connect("doctree-resolved", fold_away, priority=900)
    app.connect("doctree-resolved", link_grades, priority=900)
    app.connect("doctree-resolved", link_terms, priority=900)
    app.connect("doctree-resolved", hold_percent, priority=905)
    app.connect("doctree-resolved", end_once, priority=905)
    app.connect("doctree-resolved", mark_chinese, priority=960)
    app.connect("doctree-resolved", break_at_joints, priority=970)
    # A changed extension reads every page again.
    return {"env_version": zlib.crc32(Path(__file__).read_bytes()), "parallel_read_safe": True, "parallel_write_safe": True}
