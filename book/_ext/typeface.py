"""The face that the text is set in: Source Serif of Adobe (SIL Open Font Licence), cut down to the letters of the book.

A page uses three cuts of 15 kB each, which static/lossbook.css calls "Book". The package has the whole fonts; the parts of them
are made once for a list of characters and kept beside what Sphinx has read. Greek and Chinese come from the reader's own fonts.
"""

import importlib.util
import inspect
import shutil
import zlib
from pathlib import Path

CUTS = {"Regular": "book.woff2", "It": "book-italic.woff2", "Semibold": "book-bold.woff2"}
CHARACTERS = "".join(map(chr, [*range(0x20, 0x7F), *range(0xA0, 0x100)])) + "čłšžŠŽőœı–—‘’“”…′→−"
FEATURES = ["kern", "liga", "lnum", "tnum"]


def write_font(source, path, characters, features, change=None):
    """The part of a font that draws these characters, changed; of its names, the family, the copyright and the licence stay."""
    from fontTools import subset  # takes long to import, and is needed once

    options = subset.Options(flavor="woff2", layout_features=features, hinting=False, name_IDs=[0, 1, 2, 13, 14])
    font = subset.load_font(str(source), options)
    if change:
        change(font)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=characters)
    subsetter.subset(font)
    subset.save_font(font, str(path), options)


def publish(app, name, source, characters, features, change=None):
    """Put the part of a font into the site; it is made once for what is asked, and kept beside what Sphinx has read."""
    asked = f"{source}{characters}{features}{change and inspect.getsource(change)}".encode() + Path(__file__).read_bytes()
    made = Path(app.doctreedir) / f"{zlib.crc32(asked):08x}-{name}"
    if not made.exists():
        write_font(source, made, characters, features, change)
    shutil.copyfile(made, Path(app.outdir) / "_static" / name)


def finish(app, exception):
    if exception or app.builder.format != "html":
        return
    fonts = Path(importlib.util.find_spec("font_source_serif_pro").origin).parent / "files"
    for cut, name in CUTS.items():
        publish(app, name, fonts / f"SourceSerifPro-{cut}.ttf", CHARACTERS, FEATURES)


def setup(app):
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
