"""The command `jupyter-book`, started three seconds sooner: `python tools/build_book.py build . -W -n --keep-going -q`."""

import gc
import sys

# jsonschema would compile a grammar of international web addresses at every start; to it the package is not installed now.
sys.modules["rfc3987_syntax"] = None
# The trees of a book are large and stay: to look for garbage in them less often makes the build a tenth faster.
gc.set_threshold(100_000, 50, 100)

from jupyter_book.cli.main import main  # noqa: E402

if __name__ == "__main__":
    main()
