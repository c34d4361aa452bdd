"""What helps to find: in this book, from a link to it, and from elsewhere.

1. Index: the losses under all their names, the symptoms in the words of those who have them, the people; the search reads it too.
2. Previews: what a reference to an equation, a citation or a term leads to is shown beside it (static/find.js). The symptoms of
   a bug lead to all bugs that have them.
3. Pages: a description of each for other sites, a map of the site, and a page for addresses that lead nowhere.

Addresses from outside need `html_baseurl` (_config.yml, html: baseurl), the place where the book is published. While there is
none, the map and the canonical addresses are left out.
"""

import re
import zlib
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from docutils import nodes
from pybtex.richtext import Text
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

from lossbook._names import other_names

# ---- 1. index ----------------------------------------------------------------------------------------------------------------

# What people type, beside the heading that the museum's index has for it (tools/make_entrances.py).
IN_OTHER_WORDS = {
    "The loss is NaN": "loss is nan; loss becomes nan; nan loss; training diverges to nan",
    "The loss is finite and the gradient is NaN": "nan gradients; gradient is nan; weights become nan",
    "The loss is infinite or enormous": "loss is inf; loss explodes; loss is huge; infinite loss",
    "The gradient is infinite or enormous": "exploding gradients; gradient explosion; gradient is inf",
    "It fails in half precision": "float16; fp16; bfloat16; mixed precision; autocast; overflow",
    "The loss is stuck": "loss does not decrease; loss not decreasing; loss does not change; loss is constant; loss plateau",
    "The loss is 0 or the gradient is 0": "loss is zero; gradient is zero; vanishing gradients; no gradient",
    "The loss does not go below some value": "loss stops falling; loss floor; loss stuck at 0.3133; loss above zero",
    "The loss is negative": "negative loss; loss below zero",
    "The loss falls and the wrong thing is learned": "loss decreases but accuracy does not improve; wrong predictions",
    "One class is predicted for everything": "predicts only one class; always the same class; majority class",
    "The metric and the loss disagree": "loss and accuracy disagree; loss and metric differ",
    "A batch of one behaves oddly": "batch size 1",
    "Nothing to learn from: empty masks, boxes or batches": "empty mask; empty batch; no positive examples",
    "The mean is not the mean of the parts": "reduction mean is wrong; mean of means; average of batches",
    "Weights or masks have the wrong effect": "class weights have no effect; mask is ignored; padding; ignore_index",
    "The result changes with gradient accumulation": "gradient accumulation gives different results",
    "The result changes with the number of devices": "multi-GPU loss differs; DDP; distributed training",
    "It runs out of memory": "out of memory; OOM; CUDA out of memory; memory of the logits",
    "Two libraries give different numbers": "different results in PyTorch and TensorFlow; loss differs between libraries",
    "CTC gives infinity or blanks only": "CTC predicts only blanks; CTC loss inf",
    "The chosen answer becomes less likely": "DPO log-probabilities decrease; chosen rewards decrease",
    "The documentation says something else": "documentation is wrong",
}


class Index(SphinxTransform):
    """Entries at sections of losses and symptoms, which the search puts first, and at sections that cite somebody."""

    default_priority = 500  # ids are settled, the domains have not yet collected the entries

    def apply(self):
        for section in self.document.findall(nodes.section):
            for name in self.names(section):
                enter(section, name, "main")
        if self.env.docname != "book/bibliography":
            for section, person in dict.fromkeys(self.people()):
                enter(section, person, "")

    def names(self, section):
        title = section.next_node(nodes.title)
        heading = title.astext() if title is not None else ""
        if any(label.startswith("atlas-") for label in section["ids"]):
            return [heading, *other_names(heading)]
        if self.env.docname == "book/museum/index":
            return IN_OTHER_WORDS[heading].split("; ") if heading in IN_OTHER_WORDS else []
        return []

    def people(self):
        """Who is named in the text, up to three for a work, and where."""
        entries = self.env.get_domain("cite").bibdata.data.entries
        for citation in self.document.findall(addnodes.pending_xref):
            section = place(citation)
            if citation.get("refdomain") != "cite" or section is None:
                continue
            for key in map(str.strip, citation["reftarget"].split(",")):
                authors = entries[key].persons.get("author", []) if key in entries else []
                for person in authors if len(authors) <= 3 else authors[:1]:
                    last = " ".join(person.prelast_names + person.last_names)
                    first = " ".join(person.first_names + person.middle_names)
                    if last == "others":  # BibTeX's "and others" is nobody
                        continue
                    yield section, str(Text.from_latex(f"{last}, {first}" if first else last))


def place(node):
    """The section that a node stands in; those inside an exercise or a solution have no place of their own."""
    while node is not None and not (isinstance(node, nodes.section) and not re.match("exercise|solution", node["ids"][0])):
        node = node.parent
    return node


def enter(section, text, main):
    """An entry whose place is the section itself: the search then knows its title."""
    entry = ("single", text.replace(";", ","), section["ids"][0], main, None)
    if not isinstance(section[1] if len(section) > 1 else None, addnodes.index):
        section.insert(1, addnodes.index(entries=[]))
    section[1]["entries"].append(entry)


# ---- 2. previews -------------------------------------------------------------------------------------------------------------


def bring_equations(app, doctree, docname):
    """Equations of other pages to which this one refers are laid by, without number, for the script to show."""
    if app.builder.format != "html":
        return
    brought = nodes.container(classes=["previews"])
    equations = app.env.get_domain("math").equations
    there = {make_anchor(label): (page, label) for label, (page, _) in equations.items() if page != docname}
    for reference in doctree.findall(nodes.reference):
        path, _, anchor = reference.get("refuri", "").partition("#")
        page, label = there.pop(anchor, (None, None)) if path else (None, None)
        if page is None:
            continue
        for block in app.env.get_doctree(page).findall(nodes.math_block):
            if block.get("label") == label:
                copy = nodes.math_block("", block.astext(), nowrap=block.get("nowrap", False), number=None, label=None)
                brought += nodes.container("", copy, ids=[f"preview-{anchor}"])
    if brought.children:
        doctree += brought


def make_anchor(label):
    return nodes.make_id(f"equation-{label}")


def link_symptoms(app, doctree, docname):
    """The symptoms of an exhibit lead to all exhibits that have them."""
    if app.builder.format != "html" or not docname.startswith("book/museum/"):
        return
    index = app.builder.get_relative_uri(docname, "book/museum/index")
    for field in doctree.findall(nodes.field):
        if field[0].astext() == "Find it under":
            symptoms = field[1].astext().split("; ")
            links = [nodes.reference("", words, refuri=f"{index}#{nodes.make_id(words)}", internal=True) for words in symptoms]
            field[1].children = []
            field[1] += nodes.paragraph("", "", *[node for link in links for node in (nodes.Text("; "), link)][1:])


# ---- 3. pages ----------------------------------------------------------------------------------------------------------------


def description(doctree):
    """The first paragraph of a page, without formulas, cut at a word."""
    for paragraph in doctree.findall(nodes.paragraph):
        if paragraph.next_node(nodes.math) is None and len(text := " ".join(paragraph.astext().split())) > 60:
            return text if len(text) <= 200 else text[:200].rpartition(" ")[0] + " …"
    return ""


def describe(app, pagename, templatename, context, doctree):
    words = description(doctree) if doctree is not None else ""
    title = re.sub(r"<math.*?</math>|<[^>]*>", "", context.get("title", ""), flags=re.DOTALL)
    facts = [("og:type", "article"), ("og:title", title), ("og:site_name", app.config.html_title), ("og:description", words)]
    if app.config.html_baseurl:
        place = app.config.html_baseurl.rstrip("/")
        facts += [("og:url", f"{place}/{app.builder.get_target_uri(pagename)}"), ("og:image", f"{place}/_static/{CARD}")]
    tags = [f'<meta name="description" content="{escape(words)}">'] if words else []
    tags += [f'<meta property="{key}" content="{escape(value)}">' for key, value in facts if value]
    context["metatags"] = "\n".join([context.get("metatags", ""), *tags])


CARD = "card.png"
LOST = """<h1>No page here</h1>
<p>The address may be misspelt, or the page has moved. Three ways on: the <a href="search.html">search</a>, the
<a href="genindex.html">index</a>, and the <a href="index.html">first page</a> of the book.</p>"""


def lost_page(app):
    yield "404", {"title": "No page here", "body": LOST}, "page.html"


def absolute(html, root):
    """A page whose links start at the root: whoever asks for a page that is not there may ask in any folder."""
    return re.sub(r'\b(href|src|action|data-content_root)="(?:\./)?(?![a-z]+:|[#/"])', rf'\1="{root}', html)


def site_map(addresses):
    urls = "\n".join(f"<url><loc>{escape(address)}</loc></url>" for address in addresses)
    opening = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
    return f"{opening}\n{urls}\n</urlset>\n"


def finish(app, exception):
    if exception or app.builder.name != "html":
        return
    out, place = Path(app.outdir), app.config.html_baseurl.rstrip("/")
    lost = out / "404.html"
    lost.write_text(absolute(lost.read_text(encoding="utf-8"), urlsplit(place).path + "/"), encoding="utf-8")
    if place:
        addresses = [f"{place}/{app.builder.get_target_uri(page)}" for page in sorted(app.env.found_docs)]
        (out / "sitemap.xml").write_text(site_map(addresses), encoding="utf-8")


def ranking(app, config):
    """Sphinx writes this script into the search page's own (and would look for it where the build was started)."""
    config.html_search_scorer = str(Path(app.srcdir) / "static/search.js")
    config.html_domain_indices = False  # the reference has the modules, and Sphinx's list of them has code in the page


def setup(app):
    app.connect("config-inited", ranking)
    app.add_transform(Index)
    app.add_js_file("find.js", loading_method="defer")
    app.add_css_file("find.css")
    app.connect("doctree-resolved", bring_equations, priority=940)
    app.connect("doctree-resolved", link_symptoms)
    app.connect("html-page-context", describe, priority=700)
    app.connect("html-collect-pages", lost_page)
    app.connect("build-finished", finish)
    return {"env_version": zlib.crc32(Path(__file__).read_bytes()), "parallel_read_safe": True, "parallel_write_safe": True}
