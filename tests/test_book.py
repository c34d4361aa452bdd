"""The rules that every notebook of the book keeps, and for each rule a planted offence that it must report.

A rule is a function of a chapter that yields complaints, sentences that say what to change. `make run NB=...` takes care of the
ids, the metadata, the execution counts and the quoted numbers.
"""

import ast
import copy
import functools
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
import yaml
from run_notebook import KERNEL, MEASURED, MEASUREMENT, RANDOM_ID, text_of

from lossbook import CARDS
from lossbook.exercises import all_exercises

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "book"
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())


def files(pages):
    """The files of the table of contents, a page before its sections; without those that a pattern names."""
    for page in pages:
        yield from [page["file"]] if "file" in page else []
        yield from files(page.get("sections", []))


PARTS = {part["caption"]: list(files(part["chapters"])) for part in TOC["parts"]}
GENERATED = ("book/atlas/", "book/reference/", "book/court/index", "book/museum/index")  # written by tools when the book is built
BIB_KEYS = re.findall(r"^@\w+\{([^,\s]+),", (BOOK / "references.bib").read_text(), re.MULTILINE)
NOTEBOOKS = sorted(path for path in BOOK.rglob("*.ipynb") if "atlas" not in path.parts and ".ipynb_checkpoints" not in path.parts)

CITE = re.compile(r"\{cite(?::\w+)?\}`([^`]+)`")
FENCE = re.compile(r"^(?P<fence>[`:]{3,})(?P<info>[^\n]*)\n(?P<body>.*?)^(?P=fence)\s*$", re.MULTILINE | re.DOTALL)


class Chapter(NamedTuple):
    path: Path
    notebook: nbformat.NotebookNode
    has_skeleton: bool = True  # the intro and the pages of the appendix have a form of their own

    @property
    def code(self):
        return [cell for cell in self.notebook.cells if cell.cell_type == "code"]

    @property
    def prose(self):
        return [cell for cell in self.notebook.cells if cell.cell_type == "markdown"]

    @property
    def outputs(self):
        return [(cell, output) for cell in self.code for output in cell.outputs]


def read(path):
    without_skeleton = [ROOT / f"{file}.ipynb" for file in [TOC["root"], *PARTS["Appendix"]]]
    return Chapter(path, nbformat.read(path, as_version=nbformat.NO_CONVERT), path not in without_skeleton)


read_once = functools.cache(read)  # for the rules, which change nothing


# ---- the rules ---------------------------------------------------------------------------------------------------------------

RULES = {}


def rule(function):
    RULES[function.__name__] = function
    return function


@rule
def executed_in_order(chapter):
    counts = [cell.execution_count for cell in chapter.code]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts are {counts}: run the whole notebook once, from the top"
    yield from (f"{cell.id}: an empty cell" for cell in chapter.notebook.cells if not cell.source.strip())


@rule
def no_errors(chapter):
    for cell, output in chapter.outputs:
        if output.output_type == "error":
            yield f"{cell.id}: stored with {output.ename}: {output.evalue}"
        if output.get("name") == "stderr":
            yield f"{cell.id}: writes to stderr: {output.text[:80]!r}"


@rule
def no_trailing_semicolon(chapter):
    for cell in chapter.code:
        if re.search(r";\s*(#[^\n]*)?$", cell.source.rstrip()):
            yield f"{cell.id}: ends in `;`, which hides an output here and not in the comparison"


@rule
def plain_python(chapter):
    for cell in chapter.code:
        try:
            ast.parse(cell.source)
        except SyntaxError as error:
            yield f"{cell.id}: not plain Python (a magic or a shell command?): {error.msg}"


def prose_only(text):
    """Markdown without what is not a sentence: code, formulas, roles, targets of links. Admonitions are sentences and stay."""

    def open_up(match):
        directive = re.match(r"\s*\{([\w:-]+)\}", match["info"])
        is_prose = directive and not directive[1].startswith(("code", "math", "literalinclude", "figure", "image"))
        return re.sub(r"^:[\w-]+:.*$", "", match["body"], flags=re.MULTILINE) if is_prose else ""

    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    while FENCE.search(text):
        text = FENCE.sub(open_up, text)
    text = re.sub(r"(\{[\w:-]+\})?(`+).+?\2", "", text, flags=re.DOTALL)
    text = re.sub(r"\$\$.+?\$\$|\$[^$\n]+(?:\n[^$\n]+)*\$", "", text, flags=re.DOTALL)
    return re.sub(r"\]\([^)]*\)|<https?://[^>]*>|https?://\S+|^\([\w-]+\)=$", "", text, flags=re.MULTILINE)


@rule
def no_typed_numbers(chapter):
    for cell in chapter.prose:
        for number in re.findall(r"(?<![\w.])\d*\.\d+|\d+(?:\.\d+)?e-?\d+", prose_only(cell.source)):
            yield f"{cell.id}: {number} is typed; quote a measurement with {{measured}}, mark a constant as code or mathematics"


@rule
def measured_numbers_are_current(chapter):
    printed = [pair for _, output in chapter.outputs for pair in MEASUREMENT.findall(text_of(output))]
    for cell in chapter.prose:
        quoted = MEASURED.findall(cell.source)
        if len(quoted) != cell.source.count("{measured}"):
            yield f"{cell.id}: write {{measured}}`number <name>`"
        for _, number, _, name in quoted:
            values = sorted({value for key, value in printed if key == name})
            if values != [number]:
                yield f"{cell.id}: says {name} is {number}, the cells print {' and '.join(values) or 'no such name'}"


def asserts(cell):
    return any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(cell.source)))


def is_check(name, chapter):
    """A check is a test, `tests/test_file.py::test_name`, or a cell of the same notebook that asserts, by its id."""
    if "::" in name:
        file, test = name.split("::")
        return (ROOT / file).is_file() and f"def {test}(" in (ROOT / file).read_text()
    return any(cell.id == name and asserts(cell) for cell in chapter.code)


@rule
def display_equations_are_outputs(chapter):
    for cell in chapter.prose:
        without_code = re.sub(r"`[^`\n]+`", "", cell.source)
        displays = re.search(r"\$\$|\{math\}\s*\n|\\\[|\\begin\{(equation|align|gather|multline)", without_code)
        if displays and not is_check(cell.metadata.get("check", ""), chapter):
            yield f"{cell.id}: a display equation comes from a Card or a Derivation, or its cell names a check"


@rule
def readable_ids(chapter):
    if (chapter.notebook.nbformat, chapter.notebook.nbformat_minor) != (4, 5):
        yield "not in nbformat 4.5"
    for name in [
        cell.get("id", "") for cell in chapter.notebook.cells
    ]:  # reading has replaced missing and double ids by random ones
        if not re.fullmatch(r"[a-z][a-z0-9-]*", name) or RANDOM_ID.fullmatch(name):
            yield f"{name!r} is no readable id: `make run` gives one"


@rule
def no_noise(chapter):
    if chapter.notebook.metadata != {"kernelspec": KERNEL, "language_info": {"name": "python"}}:
        yield f"notebook metadata {dict(chapter.notebook.metadata)}: kernelspec {KERNEL} and the language, nothing else"
    for cell in chapter.notebook.cells:
        extra = set(cell.metadata) - {"tags", "check", "mystnb"}
        if extra:
            yield f"{cell.id}: metadata {sorted(extra)}"
    for cell, output in chapter.outputs:
        if any("widget" in mime_type for mime_type in output.get("data", {})):
            yield f"{cell.id}: a widget, which is dead on a page"
        if re.search(r"/(home|root|tmp|work|Users)/|at 0x[0-9a-f]{6,}", text_of(output)):
            yield f"{cell.id}: the output names a path or an address of this machine"


@rule
def ignored_outputs_are_few_and_asserted(chapter):
    ignored = [i for i, cell in enumerate(chapter.code) if "nbval-ignore-output" in cell.metadata.get("tags", [])]
    if len(ignored) > len(chapter.code) / 4:
        yield f"{len(ignored)} of {len(chapter.code)} cells are not compared: at most a quarter"
    for i in ignored:
        if i + 1 == len(chapter.code) or not asserts(chapter.code[i + 1]):
            yield f"{chapter.code[i].id}: its output is not compared, so the next code cell must assert what the text says of it"
    for cell in chapter.code:
        hidden = {"nbval-skip", "raises-exception"} & set(cell.metadata.get("tags", []))
        if hidden or re.search(r"#\s*NBVAL", cell.source):
            yield f"{cell.id}: a cell is run and compared, or tagged nbval-ignore-output"


@rule
def figures_have_words(chapter):
    for cell, output in chapter.outputs:
        data = output.get("data", {})
        if {"image/png", "image/jpeg"} & set(data):
            yield f"{cell.id}: a bitmap is not compared: show figures with lossbook.plot.show"
        described = re.search(r'<svg[^>]*role="img"[^>]*>\s*<title>[^<]{15,}</title>', data.get("image/svg+xml", ""))
        if "image/svg+xml" in data and not described:
            yield f"{cell.id}: a figure says in words what it shows: plot.show(fig, alt=...)"
    for cell in chapter.prose:
        if re.search(r"!\[\s*\]\(", cell.source):
            yield f"{cell.id}: an image without a description"


@rule
def small(chapter):
    size = chapter.path.stat().st_size
    if size > 1_500_000:
        yield f"{size / 1e6:.1f} MB: fewer points in the figures"


ELSEWHERE = (
    r"urlopen|urlretrieve|\brequests\.|\bfetch_\w+|download\s*=\s*True"
    r"|torch\.(?:randn?|randint|randperm|normal)\b|np\.random\.(?!default_rng|Generator)\w+"
)


@rule
def offline_and_seeded(chapter):
    for cell in chapter.code:
        for found in re.findall(ELSEWHERE, cell.source):
            yield f"{cell.id}: {found}: nothing is downloaded, and random numbers come from np.random.default_rng(seed)"


def headings(chapter):
    text = "\n".join(FENCE.sub("", cell.source) for cell in chapter.prose)
    return [(len(marks), title.strip()) for marks, title in re.findall(r"^(#+) (.+)$", text, re.MULTILINE)]


@rule
def skeleton(chapter):
    titles = headings(chapter)
    if not titles or titles[0][0] != 1 or [level for level, _ in titles].count(1) != 1:
        yield "a chapter opens with its one `# title`"
    if any(below[0] > above[0] + 1 for above, below in pairwise(titles)):
        yield "a heading skips a level"
    for name in ["Exercises", "Take-away"] if chapter.has_skeleton else []:
        if not any(title.startswith(name) for _, title in titles):
            yield f"a section {name!r} is missing"


@rule
def exercises_have_solutions(chapter):
    """Each exercise of the chapter is shown once, in order, and a folded solution follows that includes the tested one."""
    module = chapter.path.stem.split("_", 1)[-1]
    own = sorted(task.id for task in all_exercises().values() if task.chapter == module)
    source = "\n".join(cell.source for cell in chapter.notebook.cells)
    shown = re.findall(r'^exercise\("([\w.]+)"\)$', source, re.MULTILINE)
    if shown != own:
        yield f"shows the exercises {shown}, lossbook/exercises/{module}.py has {own}: a cell each, exercise(id)"
    for name in own:
        label, function = name.replace(".", "-"), name.replace(".", "_")
        include = rf"solutions/{module}\.py\n:pyobject: {function}\n"
        if not re.search(rf"\{{solution\}} {label}\n:class: dropdown\n(?:(?!^:::).*\n)*?.*{include}", source, re.MULTILINE):
            yield f"{name}: no folded {{solution}} {label} that includes {function} of solutions/{module}.py"


@rule
def citations_exist(chapter):
    cited = [key.strip() for cell in chapter.prose for keys in CITE.findall(cell.source) for key in keys.split(",")]
    yield from (f"{key} is not in references.bib" for key in cited if key not in BIB_KEYS)
    if chapter.has_skeleton and not cited:
        yield "a chapter cites its sources with {cite}"
    if any("{bibliography}" in cell.source for cell in chapter.prose):
        yield "there is one bibliography, on its own page"


# ---- the rules hold ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_rule(path, name):
    complaints = list(RULES[name](read_once(path)))
    assert not complaints, f"{path.name}:\n  " + "\n  ".join(complaints)


def test_the_book_has_its_six_parts():
    assert list(PARTS) == [
        "Background",
        "Core concepts and how they connect",
        "Algorithms, steps and mathematics",
        "Code examples",
        "Future trends and challenges",
        "Appendix",
    ]


def test_toc_is_complete():
    listed = [TOC["root"], *(file for files in PARTS.values() for file in files)]
    assert len(listed) == len(set(listed))
    for file in listed:
        if file.startswith(GENERATED):
            continue
        assert any((ROOT / file).with_suffix(suffix).is_file() for suffix in (".md", ".ipynb")), f"{file} does not exist"
    pages = {*NOTEBOOKS, *BOOK.glob("*.md")}
    unlisted = {str(page.relative_to(ROOT).with_suffix("")) for page in pages} - set(listed)
    assert not unlisted, f"not in _toc.yml: {unlisted}"


def test_bibliography_keys_are_unique_and_regular():
    assert sorted(set(BIB_KEYS)) == sorted(BIB_KEYS)
    odd = [key for key in BIB_KEYS if not re.fullmatch(r"[a-z]+\d{4}[a-z]?", key)]
    assert not odd, f"a key is author and year, like huber1964: {odd}"


def test_sources_of_the_cards_are_in_the_bibliography():
    missing = {card.name: card.reference for card in CARDS.values() if card.reference not in BIB_KEYS}
    assert not missing


def test_the_chapter_of_a_card_is_in_the_book_and_names_the_loss():
    chapters = {Path(file).name: ROOT / f"{file}.ipynb" for files in PARTS.values() for file in files}
    told = {name: card.chapter for name, card in CARDS.items() if card.chapter}
    assert set(told.values()) <= set(chapters)
    text = {chapter: chapters[chapter].read_text(encoding="utf-8") for chapter in set(told.values())}
    silent = {name: chapter for name, chapter in told.items() if not re.search(rf"\b{name}\b", text[chapter])}
    assert not silent, f"the chapter does not name the loss: {silent}"


def test_the_letters_of_the_notation_are_those_of_the_formulas():
    from lossbook import _symbols

    rows = re.findall(r"^\| \$(.+?)\$ \| `(\w+)(?:\[([\w, ]+)\])?` \|", (BOOK / "notation.md").read_text(), re.MULTILINE)
    assert len(rows) > 50
    for latex, name, indices in rows:
        symbol = getattr(_symbols, name)
        symbol = symbol[tuple(getattr(_symbols, index) for index in indices.split(", "))] if indices else symbol
        assert latex.split(" = ")[-1 if name == "r" else 0] == _symbols.latex(symbol), name


# ---- the rules bite ----------------------------------------------------------------------------------------------------------

SVG = '<svg role="img" viewBox="0 0 1 1">\n <title>A line that rises from left to right.</title></svg>'


def sound_chapter(path):
    """The smallest chapter that keeps every rule."""
    v4 = nbformat.v4
    shown = v4.new_output("display_data", data={"text/plain": "slope = 0.5", "image/svg+xml": SVG})
    prose = f"# Title\n\nThe slope is {{measured}}`0.5 <slope>`, see {{cite}}`{BIB_KEYS[0]}`.\n\n## Exercises\n\n## Take-away"
    cells = [
        v4.new_markdown_cell(prose, id="title"),
        v4.new_code_cell("show()", id="measure", execution_count=1, outputs=[shown]),
        v4.new_code_cell("assert True", id="check", execution_count=2),
    ]
    cells += [v4.new_code_cell("1 + 1", id=f"more-{n}", execution_count=n) for n in (3, 4)]
    notebook = v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL, "language_info": {"name": "python"}})
    nbformat.write(notebook, path)
    return read(path)


def prose(text):
    """An offence in the prose."""

    def plant(notebook):
        notebook.cells[0].source += "\n\n" + text

    return plant


def code(source, i=1):
    """An offence in the code."""

    def plant(notebook):
        notebook.cells[i].source = source

    return plant


def output(i=1, **values):
    """An offence in a stored output."""

    def plant(notebook):
        notebook.cells[i].outputs = [nbformat.v4.new_output(**values)]

    return plant


def tag(*tags, cells=(1,)):
    def plant(notebook):
        for i in cells:
            notebook.cells[i].metadata.tags = list(tags)

    return plant


def change(old, new):
    """An offence anywhere: replace text in the first cell."""

    def plant(notebook):
        assert old in notebook.cells[0].source
        notebook.cells[0].source = notebook.cells[0].source.replace(old, new)

    return plant


def attribute(i, **values):
    """An offence in the attributes or metadata of a cell."""

    def plant(notebook):
        notebook.cells[i].update(values)

    return plant


OFFENCES = {
    "executed_in_order": [attribute(1, execution_count=7), attribute(1, execution_count=None), attribute(0, source=" ")],
    "no_errors": [
        output(output_type="error", ename="ValueError", evalue="no", traceback=[]),
        output(output_type="stream", name="stderr", text="a warning"),
    ],
    "no_trailing_semicolon": [code("plot();"), code("plot();  # quiet\n")],
    "plain_python": [code("!ls"), code("%timeit f(x)")],
    "no_typed_numbers": [
        prose("It costs 0.83 nats."),
        prose(":::{note}\nAbout .5 of them.\n:::"),
        prose("A rate of 1e-3."),
        prose("`code` 2.5 `code`"),
        prose("From $a$ to 1.5 and $b$."),
    ],
    "measured_numbers_are_current": [
        prose("{measured}`0.6 <slope>`"),
        prose("{measured}`0.5 <other>`"),
        prose("{measured}`0.5`"),
        output(2, output_type="stream", name="stdout", text="slope = 0.6\n"),
    ],
    "display_equations_are_outputs": [
        prose("$$a = b$$"),
        prose("```{math}\na = b\n```"),
        prose("\\begin{align}a\\end{align}"),
        attribute(0, source="$$a = b$$", metadata={"check": "measure"}),
        attribute(0, source="$$a = b$$", metadata={"check": "tests/test_book.py::test_nothing"}),
    ],
    "readable_ids": [attribute(1, id="3f2a9c1b"), attribute(1, id="check"), attribute(1, id="Cell_1")],
    "no_noise": [
        attribute(1, metadata={"execution": {"iopub.execute_input": "2026-01-01"}}),
        lambda notebook: notebook.metadata.update(widgets={}),
        lambda notebook: notebook.metadata.language_info.update(version="3.11.7"),
        output(output_type="stream", name="stdout", text="saved in /home/me/loss.csv"),
        output(output_type="display_data", data={"application/vnd.jupyter.widget-view+json": {}}),
    ],
    "ignored_outputs_are_few_and_asserted": [
        tag("nbval-ignore-output", cells=(3,)),
        tag("nbval-ignore-output", cells=(1, 2)),
        tag("nbval-skip"),
        code("# NBVAL_IGNORE_OUTPUT\nf()"),
    ],
    "figures_have_words": [
        output(output_type="display_data", data={"image/png": "aGk="}),
        output(output_type="display_data", data={"image/svg+xml": "<svg viewBox='0 0 1 1'></svg>"}),
        prose("![](picture.svg)"),
    ],
    "small": [output(output_type="stream", name="stdout", text="x" * 1_600_000)],
    "offline_and_seeded": [
        code("fetch_openml('mnist')"),
        code("MNIST(download=True)"),
        code("torch.randn(3)"),
        code("np.random.seed(0)"),
        code("requests.get(url)"),
    ],
    "skeleton": [
        change("# Title", "Title"),
        change("## Exercises", "## More"),
        prose("# Second"),
        prose("#### Deep"),
        change("Take-away", "End"),
    ],
    "exercises_have_solutions": [code('exercise("robust.1")')],
    "citations_exist": [
        prose("{cite:t}`nobody1900`"),
        change("{cite}", "{ref}"),
        prose("{cite}`huber1964, nobody1900`"),
        prose("```{bibliography}\n```"),
    ],
}


def test_a_sound_chapter_passes_every_rule(tmp_path):
    chapter = sound_chapter(tmp_path / "sound.ipynb")
    assert {name: list(check(chapter)) for name, check in RULES.items()} == {name: [] for name in RULES}


def test_every_rule_has_an_offence():
    assert set(OFFENCES) == set(RULES)


@pytest.mark.filterwarnings("ignore::nbformat.warnings.DuplicateCellId")
@pytest.mark.parametrize("name, plant", [(name, plant) for name, plants in OFFENCES.items() for plant in plants])
def test_rule_bites(name, plant, tmp_path):
    path = tmp_path / "offending.ipynb"
    notebook = copy.deepcopy(sound_chapter(path).notebook)
    plant(notebook)
    path.write_text(json.dumps(notebook))
    assert list(RULES[name](read(path)))


def test_a_missing_solution_is_reported():
    chapter = read(next(BOOK.glob("*_robust_regression.ipynb")))
    for cell in chapter.prose:
        cell.source = cell.source.replace(":pyobject: robust_2", ":pyobject: robust_1")
    (complaint,) = exercises_have_solutions(chapter)
    assert complaint.startswith("robust.2: no folded")


def test_prose_only_leaves_out_what_is_no_sentence():
    text = "A `1.5`, {math}`2.5`, $3.5 x$, [link](4.5.html), <https://a.b/5.5>.\n\n```python\n6.5\n```\n\n$$\n7.5\n$$"
    assert not re.search(r"\d", prose_only(text))
