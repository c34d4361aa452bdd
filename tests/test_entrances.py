"""The claims court and the museum of bugs keep their form, so that their first pages can be written from them."""

import ast
import re
from dataclasses import replace
from pathlib import Path

import make_entrances
import pytest
from make_entrances import SYMPTOMS, TODAY

ROOT = Path(__file__).parents[1]
CLAIMS = [claim for claims in make_entrances.claims().values() for claim in claims]
EXHIBITS = [exhibit for exhibits in make_entrances.exhibits().values() for exhibit in exhibits]
GUARD_TESTS = re.findall(r"^def (test_\w+)\(", (ROOT / "tests/test_pitfalls.py").read_text(encoding="utf-8"), re.MULTILINE)


def complaints_about_claim(claim):
    for name in ("Who says it", "Why it is plausible"):
        if len(claim.field(name)) < 30:
            yield f"no field :{name}:"
    if claim.text.count("{admonition} Guess first") != 1:
        yield "asks the reader to guess once"
    if len(claim.verdicts) != 1:
        yield f"has {len(claim.verdicts)} verdicts"


def complaints_about_exhibit(exhibit):
    repository, number = exhibit.label.removeprefix("bug-").rsplit("-", 1)
    if len(exhibit.field("Symptom")) < 20:
        yield "no field :Symptom:"
    if not re.search(rf"\]\(https://github\.com/[\w./-]+/(issues|pull)/{number}\)", exhibit.field("Thread")):
        yield f"links no thread {number}"
    if exhibit.field("Today") not in TODAY:
        yield f":Today: is {exhibit.field('Today')!r}"
    if exhibit.field("Guard") != f"`test_{repository.replace('-', '_')}_{number}`":
        yield f":Guard: is {exhibit.field('Guard')}"
    if exhibit.field("Guard").strip("`") not in GUARD_TESTS:
        yield "its guard is not in tests/test_pitfalls.py"
    if not set(exhibit.symptoms) <= set(SYMPTOMS):
        yield f"symptoms that no index has: {sorted(set(exhibit.symptoms) - set(SYMPTOMS))}"


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.label)
def test_a_claim_has_its_parts(claim):
    assert not list(complaints_about_claim(claim))


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: exhibit.label)
def test_an_exhibit_has_its_parts(exhibit):
    assert not list(complaints_about_exhibit(exhibit))


def test_there_are_enough_and_none_twice():
    labels = [entry.label for entry in CLAIMS + EXHIBITS]
    assert len(set(labels)) == len(labels)
    assert len(CLAIMS) >= 26
    assert len(EXHIBITS) >= 50


def test_every_verdict_is_shown_by_the_function_that_checks_it():
    """A verdict typed as Markdown would be checked by nothing."""
    for page in make_entrances.COURT:
        calls = re.findall(r"^verdict\(", _code("court", page), re.MULTILINE)
        assert len(calls) == len(make_entrances.claims()[page]), page
        assert "**Verdict:" not in _code("court", page)


def test_every_cell_of_an_exhibit_asserts():
    """The cell after an exhibit holds what its words say; those before the first exhibit are helpers."""
    for page in make_entrances.MUSEUM:
        cells = make_entrances.nbformat.read(ROOT / "book/museum" / f"{page}.ipynb", as_version=4).cells
        first = next(i for i, cell in enumerate(cells) if "\n(bug-" in f"\n{cell.source}")
        for cell in cells[first:]:
            if cell.cell_type == "code":
                assert any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(cell.source))), (page, cell.id)


def test_every_guard_belongs_to_an_exhibit():
    named = {exhibit.field("Guard").strip("`") for exhibit in EXHIBITS}
    assert set(GUARD_TESTS) == named
    assert len(GUARD_TESTS) == len(set(GUARD_TESTS)) == len(EXHIBITS)


def test_every_symptom_leads_to_a_bug_and_every_bug_has_a_symptom():
    index = make_entrances.museum()
    for symptom in SYMPTOMS:
        section = index.split(f"## {symptom}\n")[1].split("\n## ")[0]
        assert re.search(r"^- \[.+\]\(#bug-", section, re.MULTILINE), symptom
    for exhibit in EXHIBITS:
        assert f"](#{exhibit.label})" in index


def test_the_first_page_of_the_court_lists_every_claim_with_its_verdict():
    index = make_entrances.court()
    for claim in CLAIMS:
        (row,) = [line for line in index.splitlines() if f"(#{claim.label})" in line]
        assert claim.verdicts[0] in row


# ---- the rules bite ----------------------------------------------------------------------------------------------------------

SOUND_CLAIM = CLAIMS[0]
SOUND_EXHIBIT = EXHIBITS[0]


@pytest.mark.parametrize("field", ["Who says it", "Why it is plausible"])
def test_a_claim_without_a_field_is_noticed(field):
    assert list(complaints_about_claim(changed(SOUND_CLAIM, f":{field}:", "")))


@pytest.mark.parametrize("field", ["Symptom", "Thread", "Today", "Guard", "Find it under"])
def test_an_exhibit_without_a_field_is_noticed(field):
    assert list(complaints_about_exhibit(changed(SOUND_EXHIBIT, f":{field}:", "")))


def test_a_claim_without_a_guess_or_a_verdict_is_noticed():
    assert list(complaints_about_claim(changed(SOUND_CLAIM, "Guess first", "Note")))
    assert list(complaints_about_claim(replace(SOUND_CLAIM, outputs="")))


def changed(entry, old, new):
    assert old in entry.text
    return replace(entry, text=entry.text.replace(old, new))


def _code(folder, page):
    cells = make_entrances.nbformat.read(ROOT / "book" / folder / f"{page}.ipynb", as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "code")
