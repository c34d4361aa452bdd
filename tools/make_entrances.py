"""Write the first pages of the claims court and of the museum of bugs from what their notebooks say: nothing on them is typed.

The court's lists every claim with its verdict, the museum's leads from a symptom to the exhibits. `make html` runs this before
each build.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import generated
import nbformat

ROOT = Path(__file__).parents[1]


def rooms(folder):
    """The pages of a folder, as the table of contents has them."""
    return tuple(re.findall(rf"file: book/{folder}/(?!index)(\w+)", (ROOT / "_toc.yml").read_text(encoding="utf-8")))


COURT, MUSEUM = rooms("court"), rooms("museum")

# What a person sees, in the order of the page; every exhibit is found under one or more of them.
SYMPTOMS = (
    "The loss is NaN",
    "The loss is finite and the gradient is NaN",
    "The loss is infinite or enormous",
    "The gradient is infinite or enormous",
    "It fails in half precision",
    "The loss is stuck",
    "The loss is 0 or the gradient is 0",
    "The loss does not go below some value",
    "The loss is negative",
    "The loss falls and the wrong thing is learned",
    "One class is predicted for everything",
    "The metric and the loss disagree",
    "A batch of one behaves oddly",
    "Nothing to learn from: empty masks, boxes or batches",
    "The mean is not the mean of the parts",
    "Weights or masks have the wrong effect",
    "The result changes with gradient accumulation",
    "The result changes with the number of devices",
    "It runs out of memory",
    "Two libraries give different numbers",
    "CTC gives infinity or blanks only",
    "The chosen answer becomes less likely",
    "The documentation says something else",
)
TODAY = (
    "still so: run below",
    "by design: run below",
    "fixed: simulated",
    "not in this environment: simulated",
    "needs a GPU: simulated",
)


@dataclass(frozen=True)
class Entry:
    """A section of one of the notebooks: a claim of the court or an exhibit of the museum."""

    label: str
    title: str
    text: str  # the Markdown of the section, up to the next entry
    outputs: str  # the Markdown that its cells show

    def field(self, name):
        """What the field list of the section says after `:name:`, or nothing."""
        match = re.search(rf"^:{re.escape(name)}: (.+)$", self.text, re.MULTILINE)
        return match[1].strip() if match else ""

    @property
    def verdicts(self):
        return re.findall(r"^\*\*Verdict: ([^*]+)\*\*", self.outputs, re.MULTILINE)

    @property
    def symptoms(self):
        return [symptom.strip() for symptom in self.field("Find it under").split(";")]


def entries(folder, page, kind):
    """The sections of a notebook that carry a label `(kind-...)=`, in order."""
    cells = nbformat.read(ROOT / "book" / folder / f"{page}.ipynb", as_version=4).cells
    found = []
    for cell in cells:
        if cell.cell_type == "markdown":
            before, *sections = re.split(rf"^\(({kind}-[\w-]+)\)=\n#+ (.+)$", cell.source, flags=re.MULTILINE)
            pieces = [sections[i : i + 3] for i in range(0, len(sections), 3)]
            if found:
                found[-1][2].append(before)
            found += [[label, title, [text], []] for label, title, text in pieces]
        elif found:
            found[-1][3] += [output.get("data", {}).get("text/markdown", "") for output in cell.outputs]
    return [Entry(label, title.strip(), "\n\n".join(text), "\n".join(shown)) for label, title, text, shown in found]


def title_of(folder, page):
    first = nbformat.read(ROOT / "book" / folder / f"{page}.ipynb", as_version=4).cells[0].source
    return re.match(r"# (.+)", first)[1]


def claims():
    return {page: entries("court", page, "claim") for page in COURT}


def exhibits():
    return {page: entries("museum", page, "bug") for page in MUSEUM}


def court():
    """The first page of the court."""
    pages = claims()
    lines = [
        "# The claims court",
        "",
        f"*{sum(map(len, pages.values()))} sentences about losses that people repeat. Each is taken at its word: who says "
        "it and why it is plausible, a prediction that you can make, the experiment or the proof, and a verdict. The claim is "
        "put as one question and asked twice, in a setting where the answer is no and in one where it is yes, so that you learn "
        "where it is true. Read a line, decide, and only then open the verdict.*",
        "",
    ]
    for page, found in pages.items():
        lines += [f"## {title_of('court', page)}", "", "| What people say | Verdict |", "|---|---|"]
        lines += [f"| [{_quoted(claim.title)}](#{claim.label}) | {_folded(claim.verdicts[0])} |" for claim in found]
        lines.append("")
    return "\n".join(lines)


def museum():
    """The first page of the museum: the index by symptom."""
    found = [exhibit for exhibits_of in exhibits().values() for exhibit in exhibits_of]
    lines = [
        "# The museum of bugs",
        "",
        f"*{len(found)} bugs of loss functions that real people have reported. Each exhibit says what they saw, repeats the "
        "bug in a few lines, names the cause and the cure, and links the thread; a test of this package guards against it. Start "
        "with what you see.*",
        "",
        "You can also walk through the rooms: "
        + ", ".join(f"{{doc}}`{title_of('museum', page)} </book/museum/{page}>`" for page in MUSEUM)
        + ". How to look for the cause of a run that fails is told in {doc}`/book/29_train_diagnose_fix`.",
        "",
    ]
    for symptom in SYMPTOMS:
        lines += [f"## {symptom}", ""]
        lines += [f"- [{exhibit.title}](#{exhibit.label})" for exhibit in found if symptom in exhibit.symptoms]
        lines.append("")
    return "\n".join(lines)


def _quoted(title):
    """The claim without its quotation marks or full stop, and without what would end a cell of the table."""
    return title.strip('"“”').rstrip(".").replace("|", r"\|")


def _folded(verdict):
    """Shown when the reader has decided."""
    return f"<details><summary>open</summary>{verdict}</details>"


def main():
    generated.write(ROOT / "book", {"court/index.md": court(), "museum/index.md": museum()})
    print(f"entrances: {sum(map(len, claims().values()))} claims, {sum(map(len, exhibits().values()))} exhibits")


if __name__ == "__main__":
    main()
