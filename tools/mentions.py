"""Which notebooks name a public name of the package, and which of them most: for the atlas and for the reference."""

import functools
import json
import re
from collections import Counter
from pathlib import Path

from lossbook import CARDS

ROOT = Path(__file__).parents[1]


@functools.cache
def uses():
    """{full name: {notebook: how often its text and its cells name it}}, the notebooks in the order of the book."""
    counts = {}
    for page in re.findall(r"file: (book/[\w/]+)", (ROOT / "_toc.yml").read_text(encoding="utf-8")):
        path = (ROOT / page).with_suffix(".ipynb")
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"] if path.exists() else []
        source = "\n".join("".join(cell["source"]) for cell in cells)
        names = re.findall(r"\blossbook(?:\.\w+)+", source)
        for module, imported in re.findall(r"from (lossbook[\w.]*) import ([\w, ]+)", source):
            for name in imported.replace(" ", "").split(","):
                names += [f"{module}.{rest}" for rest in re.findall(rf"(?<![\w.\"])({name}(?:\.\w+)*)\b", source)]
        for name in names:
            counts.setdefault(name, Counter())[page] += 1
    return counts


def chapters_of(name):
    """At most five notebooks for a public name: the chapter that its Card names, then those that use it most."""
    loss = name.removeprefix("lossbook.")
    own = [f"book/{CARDS[loss].chapter}"] if loss in CARDS and CARDS[loss].chapter else []
    most = [page for page, _ in uses().get(name, Counter()).most_common()]
    return list(dict.fromkeys(own + most))[:5]
