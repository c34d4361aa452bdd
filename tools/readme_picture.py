"""The picture of the README is the first still figure of the book: `make picture` copies it from the output in book/intro.ipynb.

On its own, outside a page, it follows the reader's system from light to dark by a style of its own.
"""

import re
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "book/images/four_lines.svg"
THEME = "<style>svg { color: #24292f } @media (prefers-color-scheme: dark) { svg { color: #e6edf3 } }</style>"


def picture():
    """The SVG and its description."""
    cells = nbformat.read(ROOT / "book/intro.ipynb", as_version=4).cells
    shown = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    figure = next(data for data in shown if "image/svg+xml" in data and "text/html" not in data)
    svg = figure["image/svg+xml"].replace("#24292f", "currentColor")
    return re.sub(r"</title>", rf"</title>\n {THEME}", svg, count=1) + "\n", figure["text/plain"]


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(picture()[0], encoding="utf-8")
    print(f"written: {PICTURE.relative_to(ROOT)}")
