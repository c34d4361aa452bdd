"""Execute notebooks in place and leave them fit to be committed: `make run NB=book/01_name.ipynb`.

What is kept: the cells, their ids, their outputs. What goes: timings, widget state, the patch version of Python, random cell ids.
The code is formatted for the width of a page, and the numbers in the prose, {measured}`0.83 <slope>`, are copied again from the
outputs. What changed is printed.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

COLUMN = 78  # characters of code that fit the page without scrolling
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
MEASURED = re.compile(r"(\{measured\}`)([^`<]+?)(\s*<([\w.]+)>`)")
MEASUREMENT = re.compile(r"^([A-Za-z_][\w.]*) = (.+)$", re.MULTILINE)
RANDOM_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f-]{4,27})?")


# ---- reading ----


def text_of(output):
    """The plain text of one output, or nothing."""
    return output.get("text", "") or output.get("data", {}).get("text/plain", "")


def measurements(notebook):
    """The lines `name = value` that the cells of this notebook print: {name: value}, the last one wins."""
    found = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            found.update(MEASUREMENT.findall(text_of(output)))
    return found


def readable_id(cell, taken):
    """An id a person can read in a diff: the first words of the cell, with a number where that is not enough."""
    noise = re.compile(r"\s*($|\(.*\)=|[:`]{3}|import |from )")
    lines = [line for line in cell.source.splitlines() if not noise.match(line)]
    words = re.findall(r"[a-z][a-z0-9]*", (lines or [cell.cell_type])[0].lower())[:5]
    stem = "-".join(words)[:40] or cell.cell_type
    return next(name for name in [stem, *(f"{stem}-{n}" for n in range(2, 1000))] if name not in taken)


# ---- writing ----


def tidy(notebook):
    """Remove what differs between two runs or two machines and says nothing to a reader."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    taken = {cell.id for cell in notebook.cells if "id" in cell and not RANDOM_ID.fullmatch(cell.id)}
    for cell in notebook.cells:
        if "id" not in cell or RANDOM_ID.fullmatch(cell.id):
            cell.id = readable_id(cell, taken)
            taken.add(cell.id)
        cell.metadata = {key: value for key, value in cell.metadata.items() if key in ("tags", "check", "mystnb")}
    return notebook


def refresh_numbers(notebook):
    """Copy every measured number into the sentences that quote it."""
    values = measurements(notebook)

    def current(match):
        if match[4] not in values:
            raise SystemExit(f"the text quotes {match[4]!r}, but no cell prints `{match[4]} = ...`")
        return match[1] + values[match[4]] + match[3]

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = MEASURED.sub(current, cell.source)
    return notebook


def run(path):
    """Format and execute one notebook in place; return the ids of the cells whose outputs or prose changed."""
    ruff = [sys.executable, "-m", "ruff", "format", "--quiet", f"--line-length={COLUMN}", str(path)]
    subprocess.run(ruff, check=True)
    notebook = tidy(nbformat.read(path, as_version=4))
    before = {cell.id: (cell.source, cell.get("outputs")) for cell in notebook.cells}
    notebook = nbformat.from_dict(notebook)
    NotebookClient(notebook, timeout=300, kernel_name="python3", record_timing=False, coalesce_streams=True).execute(
        cwd=str(path.parent)
    )
    notebook = refresh_numbers(tidy(notebook))
    nbformat.validate(notebook)
    nbformat.write(notebook, path)
    return [cell.id for cell in notebook.cells if (cell.source, cell.get("outputs")) != before[cell.id]]


def main():
    parser = argparse.ArgumentParser(description="Execute notebooks in place and leave them fit to be committed.")
    parser.add_argument("notebooks", nargs="+", type=Path)
    for path in parser.parse_args().notebooks:
        print(f"{path}: running", flush=True)
        try:
            changed = run(path)
        except CellExecutionError as error:
            sys.exit(f"{path}: not saved, a cell raised\n{error}")
        print(f"{path}: " + (f"changed: {', '.join(changed)}" if changed else "nothing changed"))


if __name__ == "__main__":
    main()
