"""What a page says of itself: when it was verified, where it can be run, and figures without inline styles."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "book/_ext"))

import chapters
import find
import lossbook_site
import make_entrances
import verified


def notebook(source="1 + 1", output="2", prose="Text."):
    shown = {"output_type": "execute_result", "data": {"text/plain": output}}
    cells = [{"cell_type": "markdown", "source": prose}, {"cell_type": "code", "source": source, "outputs": [shown]}]
    return {"cells": cells}


# ---- verified on -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A session of the tests over book/a.ipynb: run(cells that pass, cells that fail) returns the records."""
    monkeypatch.setattr(verified, "RECORD", tmp_path / "book/verified.json")
    monkeypatch.setattr(verified, "seconds", verified.defaultdict(list))
    monkeypatch.setattr(verified, "failed", set())
    verified.RECORD.parent.mkdir()
    (tmp_path / "book/a.ipynb").write_text(json.dumps(notebook()))

    def session(passed, failed=0, duration=1.0):
        verified.seconds.clear(), verified.failed.clear()
        for ok in [True] * passed + [False] * failed:
            report = SimpleNamespace(nodeid="book/a.ipynb::Cell 0", failed=not ok, skipped=False, when="call", duration=duration)
            verified.pytest_runtest_logreport(report)
        verified.pytest_sessionfinish(SimpleNamespace(config=SimpleNamespace(rootpath=tmp_path)))
        return json.loads(verified.RECORD.read_text())

    return session


def test_a_page_is_verified_when_all_its_cells_have_passed(run):
    assert run(passed=1)["book/a"]["cells"] == 1
    assert verified.record_of("book/a", notebook())["seconds"] == 1


@pytest.mark.parametrize("passed, failed", [(0, 1), (1, 1), (2, 0), (0, 0)])
def test_a_page_is_not_verified_by_fewer(run, passed, failed):
    assert run(passed, failed) == {}


@pytest.mark.parametrize("changed, known", [({"prose": "Other text."}, True), ({"source": "2"}, False), ({"output": "3"}, False)])
def test_a_record_is_of_this_code_and_of_these_outputs(run, changed, known):
    run(passed=1)
    assert bool(verified.record_of("book/a", notebook(**changed))) == known


def test_a_record_that_is_still_true_stays(run):
    verified.RECORD.write_text(json.dumps({"book/a": run(passed=1)["book/a"] | {"date": "2001-01-01"}}))
    assert run(passed=1, duration=1.5)["book/a"]["date"] == "2001-01-01"
    assert run(passed=1, duration=0.4)["book/a"]["seconds"] == 0.4


# ---- where it can be run -----------------------------------------------------------------------------------------------------


def site(tmp_path, repository):
    config = SimpleNamespace(lossbook_repository=repository, lossbook_branch="gh-pages")
    env = SimpleNamespace(doc2path=lambda docname: tmp_path / f"{docname}.ipynb")
    return SimpleNamespace(config=config, env=env, srcdir=tmp_path, outdir=tmp_path, builder=SimpleNamespace(format="html"))


def test_doors_are_those_that_lead_somewhere(tmp_path):
    assert [name for name, _, _ in chapters.doors(site(tmp_path, ""), "book/a")] == ["Notebook"]
    doors = chapters.doors(site(tmp_path, "https://github.com/owner/name"), "book/a")
    assert [address for _, address, _ in doors] == [
        "../_sources/book/a.ipynb",
        "https://colab.research.google.com/github/owner/name/blob/gh-pages/_sources/book/a.ipynb",
        "https://mybinder.org/v2/gh/owner/name/HEAD?labpath=book/a.ipynb",
    ]


@pytest.mark.parametrize("repository, added", [("", 0), ("https://github.com/owner/name", 1)])
def test_downloads_begin_with_the_set_up(tmp_path, repository, added):
    path = tmp_path / "_sources/book/a.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(notebook()))
    for _ in range(2):  # a second build adds no second cell
        chapters.add_setup_cells(site(tmp_path, repository), None)
    cells = json.loads(path.read_text())["cells"]
    assert len(cells) == 2 + added
    assert not added or ("%pip install" in "".join(cells[0]["source"]) and repository in "".join(cells[0]["source"]))


# ---- parts -------------------------------------------------------------------------------------------------------------------


def test_what_another_process_has_read_is_kept():
    app = SimpleNamespace(config=SimpleNamespace(root_doc="book/intro"))
    env = SimpleNamespace(lossbook_sentences={"book/a": "Old.", "book/b": "Its own."}, lossbook_questions=None)
    other = SimpleNamespace(lossbook_sentences={"book/a": "New.", "book/b": "Stale."}, lossbook_questions=["Why?"])
    chapters.merge_pages(app, env, {"book/a"}, other)
    assert env.lossbook_sentences == {"book/a": "New.", "book/b": "Its own."}
    assert env.lossbook_questions is None
    chapters.merge_pages(app, env, {"book/intro"}, other)
    assert env.lossbook_questions == ["Why?"]


# ---- figures and grades ------------------------------------------------------------------------------------------------------


def test_styles_of_a_figure_become_attributes():
    html = '<p style="color: red"><svg style="max-width: 9%; height: auto"><path style="fill: none; stroke-width: 2"/></svg></p>'
    assert lossbook_site.without_styles(html) == '<p style="color: red"><svg><path fill="none" stroke-width="2"/></svg></p>'


def test_every_symptom_has_the_words_that_people_type():
    assert set(find.IN_OTHER_WORDS) == set(make_entrances.SYMPTOMS)


@pytest.mark.parametrize(
    "text, marks",
    [("  = x  [because; proved]", ["proved"]), ("  = x[i]  [200 points]", ["200 points"]), ("x := y  [definition]", [])],
)
def test_evidence_is_found_at_the_end_of_a_line(text, marks):
    assert lossbook_site.EVIDENCE.findall(text) == marks
