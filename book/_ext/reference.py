"""The names of the package lead to their entries: in prose, where code is in a line, and in cells.

A name is what the Python domain knows: `lossbook.huber`, or `huber` where only a loss can be meant, and in a cell whatever the
page has imported. In prose the first mention in a section is a link, in cells the first on the page: more would be in the way.
"""

import re
import zlib
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx import addnodes

ATLAS, NAME = "book/atlas/families/", r"[A-Za-z_]\w*"
CHAIN = re.compile(rf'<span class="n">{NAME}</span>(?:<span class="o">\.</span><span class="n">{NAME}</span>)*')


def entries(app):
    """{name: (page, anchor)} of all that has an entry, modules left out: they share their names with parameters."""
    objects = app.env.get_domain("py").objects
    return {name: (entry.docname, entry.node_id) for name, entry in objects.items() if entry.objtype != "module"}


def address(app, docname, entry):
    page, anchor = entry
    return f"#{anchor}" if page == docname else f"{app.builder.get_relative_uri(docname, page)}#{anchor}"


# ---- prose -------------------------------------------------------------------------------------------------------------------


def meant(text, found):
    """The entry of a piece of code in a line: a full name, or the short one of a loss."""
    name = text.removesuffix("()")
    full = name if name.startswith("lossbook.") else f"lossbook.{name}"
    entry = found.get(full)
    return entry if entry and (full == name or entry[0].startswith(ATLAS)) else None


def parent(node, kind):
    while node is not None and not isinstance(node, kind):
        node = node.parent
    return node


def link_prose(app, doctree, docname):
    if app.builder.format != "html":
        return
    found, seen = entries(app), set()
    at_home = {anchor: signature.parent for signature in doctree.findall(addnodes.desc_signature) for anchor in signature["ids"]}
    for literal in list(doctree.findall(nodes.literal)):
        entry = meant(literal.astext(), found)
        place = parent(literal, (addnodes.desc, nodes.section))
        if entry is None or (id(place), entry) in seen or parent(literal, (nodes.reference, nodes.title)):
            continue
        if docname == entry[0] and place in (at_home[entry[1]], at_home[entry[1]].parent):
            continue  # it stands in its own entry, or beside it
        seen.add((id(place), entry))
        link = nodes.reference("", "", refuri=address(app, docname, entry), internal=True, classes=["name"])
        literal.replace_self(link)
        link += literal


# ---- cells -------------------------------------------------------------------------------------------------------------------


def imported(code):
    """{name in the cells of a page: its full name}"""
    names = {"lossbook": "lossbook"}
    for module, listed in re.findall(r"^from (lossbook[\w.]*) import ([\w, ]+)", code, re.MULTILINE):
        for each in listed.split(","):
            name, _, alias = each.strip().partition(" as ")
            names[alias or name] = f"{module}.{name}"
    return names


def link_cells(app, pagename, templatename, context, doctree):
    if doctree is None or "body" not in context or "lossbook" not in context["body"]:
        return
    code = "\n".join(block.astext() for block in doctree.findall(nodes.literal_block))
    names, found, seen = imported(code), entries(app), set()

    def linked(match):
        spans = re.findall(rf'<span class="n">({NAME})</span>', match[0])
        if spans[0] not in names:
            return match[0]
        for size in range(len(spans), 0, -1):
            full = ".".join([names[spans[0]], *spans[1:size]])
            if full in found and full not in seen:
                seen.add(full)
                shown = r'<span class="o">.</span>'.join(f'<span class="n">{name}</span>' for name in spans[:size])
                link = f'<a class="name" href="{escape(address(app, pagename, found[full]))}">{shown}</a>'
                return link + match[0].removeprefix(shown)
        return match[0]

    context["body"] = CHAIN.sub(linked, context["body"])


def setup(app):
    app.connect("doctree-resolved", link_prose, priority=950)
    app.connect("html-page-context", link_cells, priority=600)
    return {"env_version": zlib.crc32(Path(__file__).read_bytes()), "parallel_read_safe": True, "parallel_write_safe": True}
