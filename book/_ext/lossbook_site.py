"""What the book asks of Sphinx beyond standard extensions: six small things, one section each.

1. Figures: the SVG that a cell shows becomes part of the page, so that its ink follows the light and the dark theme.
2. Equations: LaTeX that a cell shows and that carries ``\\label{eq-name}`` is numbered, and {eq}`eq-name` refers to it.
3. Numbers: {measured}`0.83 <slope>` shows 0.83, a number that `make run` copies from the cell that measured `slope`.
4. Nothing from elsewhere: scripts that would ask another host are left out.
5. Ids: sphinx-exercise gives each exercise of a page the same id, which nothing refers to; it is taken away.
6. Terms: the first time that a page uses a term of the glossary, the word leads there and shows the definition under the pointer.
"""

import functools
import re
import zlib
from html import escape
from pathlib import Path

from docutils import nodes
from docutils.nodes import make_id
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxRole

INK = "#24292f"  # the one colour of text and axes in lossbook.plot; tests/test_site.py holds the two equal


def outputs(document, mime_type):
    """Every (container, child) in which a cell's output of this type was parsed."""
    for container in list(document.findall(nodes.container)):
        if container.get("mime_type") == mime_type and container.children:
            yield container, container.children[0]


# ---- 1. figures --------------------------------------------------------------------------------------------------------------


def page_svg(svg, number):
    """The SVG as a part of a page: its ink is the page's, and its ids are its own even where a page shows a figure twice."""
    svg = svg[svg.index("<svg") :]  # no XML declaration, no doctype
    svg = re.sub(INK, "currentColor", svg, flags=re.IGNORECASE)
    svg = re.sub(r'(\bid="|\bhref="#|url\(#)', rf"\g<1>figure{number}-", svg)
    return f'<div class="figure-svg">{svg}</div>'


class InlineFigures(SphinxTransform):
    default_priority = 200  # while the page is read, before Sphinx collects its images

    def apply(self):
        for number, (container, image) in enumerate(outputs(self.document, "image/svg+xml"), start=1):
            _, path = self.env.relfn2path(image["uri"])
            html = page_svg(Path(path).read_text(encoding="utf-8"), number)
            container.children[0].replace_self(nodes.raw("", html, format="html"))


# ---- 2. equations ------------------------------------------------------------------------------------------------------------


class NumberedEquations(SphinxTransform):
    default_priority = 200

    def apply(self):
        math = self.env.get_domain("math")
        for _, block in outputs(self.document, "text/latex"):
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


# ---- 4. nothing from elsewhere -----------------------------------------------------------------------------------------------


def without_thebe(app, pagename, templatename, context, doctree):
    """Jupyter Book always loads Thebe, which runs cells on a remote machine: not for a book that works with the network cut."""

    def is_thebe(file):
        return "thebe" in f"{file.filename} {file.attributes.get('body', '')}".lower()

    for files in ("script_files", "css_files"):
        context[files] = [file for file in context.get(files, []) if not is_thebe(file)]


def without_thebe_settings(app, doctree, docname):
    for node in list(doctree.findall(nodes.raw)):
        if "text/x-thebe-config" in node.astext() or "thebe-kernel" in node.astext() or "kernelName" in node.astext():
            node.parent.remove(node)


# ---- 5. ids ------------------------------------------------------------------------------------------------------------------


def without_repeated_ids(app, doctree, docname):
    for section in doctree.findall(nodes.section):
        if section["ids"] in (["exercise-content"], ["solution-content"]):
            section["ids"] = []


# ---- 6. terms ----------------------------------------------------------------------------------------------------------------

GLOSSARY = "book/glossary"


@functools.lru_cache(maxsize=1)  # once a build, not once a page
def definitions(app):
    """{term: (id on the page of the glossary, definition as text, without the chapter that it ends on)}"""
    if GLOSSARY not in app.env.found_docs:
        return {}
    items = app.env.get_doctree(GLOSSARY).findall(nodes.definition_list_item)
    pairs = ((item.children[0], item.children[-1]) for item in items)
    texts = ((term, " ".join(definition.astext().split())) for term, definition in pairs)
    return {term.astext(): (term["ids"][0], re.sub(r" See [^.]*\.$", "", text)) for term, text in texts}


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
    terms = {} if docname == GLOSSARY else definitions(app)
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
            anchor, definition = terms[term]
            link = nodes.reference("", match[0], refuri=f"{page}#{anchor}", reftitle=definition, internal=True, classes=["term"])
            new += [nodes.Text(text[end : match.start()]), link]
            end = match.end()
        if new:
            text.parent.replace(text, [node for node in [*new, nodes.Text(text[end:])] if node.astext()])


def setup(app):
    app.add_transform(InlineFigures)
    app.add_transform(NumberedEquations)
    app.add_role("measured", MeasuredRole())
    app.add_node(measured, html=(visit_measured, depart_measured), override=True)
    app.connect("html-page-context", without_thebe, priority=900)
    app.connect("doctree-resolved", without_thebe_settings, priority=900)
    app.connect("doctree-resolved", without_repeated_ids, priority=900)
    app.connect("doctree-resolved", link_terms, priority=900)
    # A changed extension reads every page again.
    return {"env_version": zlib.crc32(Path(__file__).read_bytes()), "parallel_read_safe": True, "parallel_write_safe": True}
