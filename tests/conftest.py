"""What every test process does first."""

import sys

# jsonschema compiles 38 grammars to check addresses with letters beyond ASCII, three seconds of every process that reads a
# notebook. No notebook has one, and jsonschema does without.
sys.modules.setdefault("rfc3987_syntax", None)
