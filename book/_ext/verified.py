"""When were the outputs of a page last compared? A record that the test run keeps, and that the page tells its reader.

`pytest -p book._ext.verified --nbval` writes book/verified.json: for every notebook of which every cell has passed, the day, the
seconds, the versions and a fingerprint of code and outputs. A record that is still true is kept, and a run that changes nothing
changes no file; the date is the day on which this code first gave these outputs with these versions. A page whose fingerprint has
changed says nothing until it has been tested again. A run that was twice as fast, on a machine with less to do, takes its place.
"""

import datetime
import hashlib
import json
import platform
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path

RECORD = Path(__file__).parents[1] / "verified.json"
VERSIONS = ("numpy", "torch")


def fingerprint(notebook):
    """Of what a test compares, the code and its outputs: a change of the prose does not touch it. Returns it and the cells."""
    cells = [(cell["source"], cell["outputs"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return hashlib.sha256(json.dumps(cells, sort_keys=True).encode()).hexdigest()[:16], len(cells)


def record_of(page, notebook):
    """The record of a page, if it is of this code and of these outputs."""
    found = json.loads(RECORD.read_text()).get(page) if RECORD.exists() else None
    return found if found and found["fingerprint"] == fingerprint(notebook)[0] else None


# ---- what pytest calls -------------------------------------------------------------------------------------------------------

seconds, failed = defaultdict(list), set()


def pytest_runtest_logreport(report):
    notebook = report.nodeid.partition("::")[0]
    if report.failed or report.skipped:
        failed.add(notebook)
    elif report.when == "call":
        seconds[notebook].append(report.duration)


def pytest_sessionfinish(session):
    if hasattr(session.config, "workerinput"):  # of several processes, the first one hears of all tests
        return
    versions = {"python": platform.python_version()} | {name: version(name).partition("+")[0] for name in VERSIONS}
    records = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    for path, durations in seconds.items():
        file = session.config.rootpath / path
        if path in failed or file.suffix != ".ipynb":
            continue
        mark, cells = fingerprint(json.loads(file.read_text(encoding="utf-8")))
        page = file.relative_to(RECORD.parents[1]).with_suffix("").as_posix()
        new = {"fingerprint": mark, "cells": cells, **versions}
        old = records.get(page, {})
        known = new.items() <= old.items() and old["seconds"] < 2 * sum(durations)
        if cells == len(durations) and not known:
            records[page] = new | {"date": datetime.date.today().isoformat(), "seconds": round(sum(durations), 1)}
    lines = (f"{json.dumps(page)}: {json.dumps(record)}" for page, record in sorted(records.items()))
    RECORD.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
