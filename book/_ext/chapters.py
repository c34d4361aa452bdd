"""What a page says about itself, and about the part of the book that it opens.

1. The line below the title: how much there is to read, when the outputs were last compared, where to run the page.
2. The notebooks that readers download install the package where it is missing.
3. The parts: {parts} in the introduction asks a question for each; the map and the openers of the parts are made from it.
4. The contents in the sidebar: the pages of the book, the one that is read and its sections open.
"""

import datetime
import json
import re
import zlib
from html import escape
from pathlib import Path
from urllib.parse import quote

from docutils import nodes
from sphinx.util.docutils import SphinxDirective
from verified import record_of

WORDS_A_MINUTE = 230


def source(app, docname):
    """The notebook that a page is made from, or None."""
    path = Path(app.env.doc2path(docname))
    return path if path.suffix == ".ipynb" else None


# ---- 1. the line below the title ---------------------------------------------------------------------------------------------


def doors(app, docname):
    """[(name, address, whether it is a download)]: the notebook, and where it can be run if the repository is public."""
    name, config = source(app, docname).relative_to(app.srcdir).as_posix(), app.config
    found = [("Notebook", f"{'../' * docname.count('/')}_sources/{name}", True)]
    if config.lossbook_repository:
        where = config.lossbook_repository.removeprefix("https://github.com/")
        colab = f"https://colab.research.google.com/github/{where}/blob/{config.lossbook_branch}/_sources/{name}"
        found += [("Colab", colab, False), ("Binder", f"https://mybinder.org/v2/gh/{where}/HEAD?labpath={quote(name)}", False)]
    return found


def chapter_line(app, doctree, docname):
    notebook = json.loads(source(app, docname).read_text(encoding="utf-8"))
    words = sum(len(node.astext().split()) for node in doctree.findall(nodes.paragraph))
    said = [f"{max(1, round(words / WORDS_A_MINUTE))} min of prose"]
    record = record_of(docname, notebook)
    if record:
        day = datetime.date.fromisoformat(record["date"])
        versions = f"Python {record['python']}, NumPy {record['numpy']}, PyTorch {record['torch']}"
        said.append(f'verified on <time datetime="{day}">{day.day} {day:%B %Y}</time>, {versions}')
        said.append(f"{record['cells']} cells in {record['seconds']:.0f} s")
    links = (
        f'<a href="{escape(address)}"{" download" if download else ""}>{name}</a>'
        for name, address, download in doors(app, docname)
    )
    return f'<div class="chapter-line"><p>{" · ".join(said)}</p><p>{" ".join(links)}</p></div>'


def add_chapter_line(app, doctree, docname):
    title = next(doctree.findall(nodes.title), None)
    if app.builder.format == "html" and source(app, docname) and title is not None:
        line = nodes.raw("", chapter_line(app, doctree, docname), format="html")
        if docname == app.config.root_doc:
            title.parent.append(line)
        else:
            title.parent.insert(title.parent.index(title) + 1, line)


# ---- 2. downloads ------------------------------------------------------------------------------------------------------------

SETUP = """\
# Where lossbook is missing, as on Colab, this installs it; where it is there, this does nothing.
import importlib.util

if importlib.util.find_spec("lossbook") is None:
    %pip install --quiet "lossbook[book] @ git+{repository}\""""


def add_setup_cells(app, exception):
    """The notebooks of the repository stay what the tests run; the copies that the site offers begin with the set-up."""
    if exception or app.builder.format != "html" or not app.config.lossbook_repository:
        return
    cell = {"cell_type": "code", "id": "set-up", "metadata": {}, "execution_count": None, "outputs": []}
    cell["source"] = SETUP.format(repository=app.config.lossbook_repository).splitlines(keepends=True)
    for path in (Path(app.outdir) / "_sources").rglob("*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        if notebook["cells"][0].get("id") != cell["id"]:
            notebook["cells"].insert(0, cell)
            path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1), encoding="utf-8")


# ---- 3. parts ----------------------------------------------------------------------------------------------------------------


class parts_map(nodes.General, nodes.Element):
    pass


class Parts(SphinxDirective):
    """The questions that the parts of the book answer, one a line, in the order of _toc.yml; the page shows the map instead."""

    has_content = True

    def run(self):
        if len(self.content) != len(parts(self.config)):
            raise self.error(f"{len(parts(self.config))} parts in _toc.yml and {len(self.content)} questions: write one for each")
        self.env.lossbook_questions = list(self.content)
        return [parts_map()]


def parts(config):
    """[(title, pages)] of the table of contents, without the sections of a page."""
    return [(part.caption, [str(page) for page in part.files()]) for part in config.external_site_map.root.subtrees]


def note_sentence(app, doctree):
    """What a chapter is good for: the first sentence of its text."""
    paragraph = next(doctree.findall(nodes.paragraph), None)
    sentence = re.split(r"(?<=[.?!])\s", " ".join(paragraph.astext().split()))[0] if paragraph else ""
    sentence = sentence.removeprefix("After this chapter you can ")
    app.env.lossbook_sentences = getattr(app.env, "lossbook_sentences", {}) | {
        app.env.docname: sentence[:1].upper() + sentence[1:]
    }


def merge_pages(app, env, docnames, other):
    """What another process has read of these pages."""
    theirs = getattr(other, "lossbook_sentences", {})
    found = {docname: theirs[docname] for docname in docnames if docname in theirs}
    env.lossbook_sentences = getattr(env, "lossbook_sentences", {}) | found
    if app.config.root_doc in docnames:
        env.lossbook_questions = getattr(other, "lossbook_questions", None)


def chapters(app, here, pages, sentences):
    """The pages of a part as a list of links, with a sentence for each if wanted."""
    items = []
    for page in pages:
        sentence = f"<br>{escape(app.env.lossbook_sentences.get(page, ''))}" if sentences else ""
        link = f'<a href="{app.builder.get_relative_uri(here, page)}">{title_of(app, page)}</a>'
        items.append(f"<li>{link}{sentence}</li>")
    return f"<ul>{''.join(items)}</ul>"


def show_parts(app, doctree, docname):
    if app.builder.format != "html":
        return
    questions = getattr(app.env, "lossbook_questions", None) or [""] * len(parts(app.config))
    book = list(zip(parts(app.config), questions, strict=True))
    for node in list(doctree.findall(parts_map)):
        told = (
            f'<section><p class="part">Part {number}</p><h3>{escape(title)}</h3><p class="question">{escape(question)}</p>'
            f"{chapters(app, docname, pages, sentences=False)}</section>"
            for number, ((title, pages), question) in enumerate(book, start=1)
        )
        node.replace_self(nodes.raw("", f'<div class="map">{"".join(told)}</div>', format="html"))
    for number, ((title, pages), question) in enumerate(book, start=1):
        if pages[0] == docname:
            opener = (
                f'<div class="opener"><p class="part">Part {number} of {len(book)}</p><p class="title">{escape(title)}</p>'
                f'<p class="question">{escape(question)}</p><details class="fold"><summary>The chapters of this part</summary>'
                f"{chapters(app, docname, pages, sentences=True)}</details></div>"
            )
            doctree.insert(0, nodes.raw("", opener, format="html"))


# ---- 4. the contents in the sidebar ------------------------------------------------------------------------------------------


def title_of(app, page):
    number = ".".join(map(str, app.env.toc_secnumbers.get(page, {}).get("", ())))
    return f"{number}{app.config.html_secnumber_suffix if number else ''}{escape(app.env.titles[page].astext())}"


def below(app, page):
    """A page and all of its sections."""
    return {page}.union(*(below(app, section) for section in app.env.toctree_includes.get(page, [])))


def toggle(page, title, opened):
    """What opens the pages below one, as Furo's style sheet knows it."""
    name, text = f"below-{page.replace('/', '-')}", re.sub("<.*?>", "", title)
    box = f'<input class="toctree-checkbox" id="{name}" name="{name}" role="switch" type="checkbox"{" checked" * opened}'
    arrow = '<span class="icon"><svg><use href="#svg-arrow-right"></use></svg></span>'
    return f'{box} aria-label="Toggle navigation of {text}"><label for="{name}">{arrow}</label>'


def entries(app, pages, here, level=1):
    items = []
    for page in pages:
        title, sections = title_of(app, page), [name for name in app.env.toctree_includes.get(page, []) if name in app.env.titles]
        classes = [f"toctree-l{level}"] + ["has-children"] * bool(sections)
        classes += ["current"] * (here in below(app, page)) + ["current-page"] * (here == page)
        nested = ""
        if sections:
            nested = f"{toggle(page, title, 'current' in classes)}\n{entries(app, sections, here, level + 1)}"
        address, mark = app.builder.get_relative_uri(here, page) or "#", ' aria-current="page"' if page == here else ""
        link = f'<a{mark} class="reference internal" href="{address}">{title}</a>'
        items.append(f'<li class="{" ".join(classes)}">{link}{nested}</li>')
    return "<ul>\n" + "\n".join(items) + "\n</ul>"


def without_contents(app, pagename, templatename, context, doctree):
    """Sphinx would copy the headings of the whole book for each page, and Furo parse them, only to keep the titles."""
    context["toctree"] = lambda **options: ""


def lighter_contents(app, pagename, templatename, context, doctree):
    caption = '<p class="caption" role="heading" aria-level="2"><span class="caption-text">{}</span></p>\n{}'
    context["furo_navigation_tree"] = "\n".join(
        caption.format(escape(title), entries(app, pages, pagename)) for title, pages in parts(app.config)
    )


def setup(app):
    app.add_config_value("lossbook_repository", "", "html", types=[str])  # https://github.com/owner/name
    app.add_config_value("lossbook_branch", "gh-pages", "html", types=[str])  # where the built site is, for Colab
    app.add_directive("parts", Parts)
    app.add_node(parts_map)
    app.connect("doctree-read", note_sentence)
    app.connect("env-merge-info", merge_pages)
    app.connect("doctree-resolved", show_parts, priority=940)
    app.connect("doctree-resolved", add_chapter_line, priority=950)
    app.connect("html-page-context", without_contents, priority=100)  # before Furo
    app.connect("html-page-context", lighter_contents, priority=900)  # after it
    app.connect("build-finished", add_setup_cells)
    return {"env_version": zlib.crc32(Path(__file__).read_bytes()), "parallel_read_safe": True, "parallel_write_safe": True}
