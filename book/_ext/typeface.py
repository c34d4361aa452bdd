"""The face that the text is set in: Source Serif of Adobe (SIL Open Font Licence), cut down to the letters of the book.

A page uses three cuts of 15 kB each, which static/lossbook.css calls "Book". The package has the whole fonts; the parts of them
are made once for a list of characters and kept beside what Sphinx has read. Greek and Chinese come from the reader's own fonts.
"""

import hashlib
import importlib.util
import shutil
from pathlib import Path

from fontTools import subset

CUTS = {"Regular": "book.woff2", "It": "book-italic.woff2", "Semibold": "book-bold.woff2"}
CHARACTERS = [*range(0x20, 0x7F), *range(0xA0, 0x100), *map(ord, "čłšžŠŽőœı–—‘’“”…′→−")]


def write_font(source, path):
    options = subset.Options(
        flavor="woff2", layout_features=["kern", "liga", "lnum", "tnum"], hinting=False, name_IDs=[0, 13, 14]
    )
    font = subset.load_font(str(source), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=CHARACTERS)
    subsetter.subset(font)
    subset.save_font(font, str(path), options)


def finish(app, exception):
    if exception or app.builder.format != "html":
        return
    fonts = Path(importlib.util.find_spec("font_source_serif_pro").origin).parent / "files"
    mark = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    for cut, name in CUTS.items():
        cached = Path(app.doctreedir) / f"{mark}-{name}"
        if not cached.exists():
            write_font(fonts / f"SourceSerifPro-{cut}.ttf", cached)
        shutil.copyfile(cached, Path(app.outdir) / "_static" / name)


def setup(app):
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
