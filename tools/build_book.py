"""The command `jupyter-book`, quicker: `python tools/build_book.py build . -W -n --keep-going -q`."""

import functools
import gc
import os
import sys

# jsonschema would compile a grammar of international web addresses at every start; to it the package is not installed now.
sys.modules["rfc3987_syntax"] = None
# The trees of a book are large and stay: to look for garbage in them less often makes the build a tenth faster.
gc.set_threshold(100_000, 50, 100)

import jupyter_book.sphinx  # noqa: E402
import sphinx.builders  # noqa: E402
from jupyter_book.cli.main import main  # noqa: E402

# The command has no option for it: a process for each core reads, and then writes what one more has prepared.
jupyter_book.sphinx.build_sphinx = functools.partial(jupyter_book.sphinx.build_sphinx, jobs=os.cpu_count() + 1)


def dealt(pages, processes):
    """Portions for the processes, two for each. Long pages stand side by side, so they are dealt like cards."""
    return [pages[start :: 2 * processes] for start in range(min(len(pages), 2 * processes))]


sphinx.builders.make_chunks = dealt

if __name__ == "__main__":
    try:
        main()
    except SystemExit as ended:
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(ended.code or 0)  # to take the trees apart would take three seconds
