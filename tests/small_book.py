"""A book of one small page, for the tests of the extensions in book/_ext."""

from io import StringIO
from pathlib import Path

import nbformat
from run_notebook import KERNEL
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

ROOT = Path(__file__).parents[1]


def build(folder, extension, prose, shown, **settings):
    """The page as HTML, what Sphinx warned of, and its exit status. Below the prose stands one cell that has `shown` this."""
    v4 = nbformat.v4
    outputs = [v4.new_output("display_data", data=data) for data in shown]
    cells = [v4.new_markdown_cell(prose), v4.new_code_cell("show()", outputs=outputs, execution_count=1)]
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    nbformat.write(v4.new_notebook(cells=cells, metadata=metadata), folder / "index.ipynb")
    settings |= {"extensions": ["myst_nb", extension], "nb_execution_mode": "off"}
    warnings, out = StringIO(), folder / "out"
    with docutils_namespace():
        app = Sphinx(
            folder, None, out, folder / "trees", "html", settings, None, warnings, True, warningiserror=True, keep_going=True
        )
        app.build()
    return (out / "index.html").read_text(encoding="utf-8"), warnings.getvalue(), app.statuscode
