"""What every test process does."""

import gc
import sys

# jsonschema compiles 38 grammars to check addresses with letters beyond ASCII, three seconds of every process that reads a
# notebook. No notebook has one, and jsonschema does without.
sys.modules.setdefault("rfc3987_syntax", None)


def pytest_collection_finish():
    """Ten thousand tests and what they import stay to the end: no search for garbage need look at them."""
    gc.collect()
    gc.freeze()
