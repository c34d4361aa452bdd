"""The page "Same name, different number": its numbers are complete, come from the script, and a wrong one is found."""

import copy
import json
import re
from pathlib import Path

import nbformat
import numpy as np
import other_libraries
import pytest

BOOK = Path(__file__).parents[1] / "book"
STORED = json.loads((BOOK / "other_libraries.json").read_text(encoding="utf-8"))
pytestmark = pytest.mark.filterwarnings("ignore:reduction")  # of F.kl_div, whose "mean" is one of the numbers

PARTS = ("names", "empty", "museum")
CELLS = [cell.source for cell in nbformat.read(BOOK / "same_name.ipynb", as_version=4).cells if cell.cell_type == "code"]


def entries(stored, *parts):
    """(part, name, position, answer) of every stored answer."""
    return [
        (part, name, i, answer)
        for part in parts
        for name, answers in stored[part].items()
        for i, answer in enumerate(answers)
    ]  # fmt: skip


def complaints(stored):
    """What is missing in the file, as sentences."""
    for key in ("by", "date", "python", "platform", "versions"):
        if not stored["made"].get(key):
            yield f"made: no {key}"
    for part, name, i, answer in entries(stored, *PARTS):
        where = f"{part}, {name}, {i + 1}"
        if set(answer) != {"library", "version", "call", "value"}:
            yield f"{where}: has {sorted(answer)}"
        elif answer["version"] != stored["made"]["versions"].get(answer["library"]):
            yield f"{where}: {answer['library']} {answer['version']} is not the version that the head states"
        elif not all_numbers(answer["value"]):
            yield f"{where}: {answer['value']!r} is no number"


def all_numbers(value):
    """Numbers, in lists or under names; "nan", "inf" and "-inf" stand for those that JSON does not have."""
    if isinstance(value, dict):
        return bool(value) and all(map(all_numbers, value.values()))
    if isinstance(value, list):
        return bool(value) and all(map(all_numbers, value))
    return value in ("nan", "inf", "-inf") or (isinstance(value, float | int) and not isinstance(value, bool))


def test_the_file_is_complete():
    assert not list(complaints(STORED))
    assert set(other_libraries.LIBRARIES) == {answer["library"] for *_, answer in entries(STORED, *PARTS)}


@pytest.mark.parametrize("change", [{"call": None}, {"version": "0.0"}, {"value": "many"}, {"value": []}, {"value": None}])
def test_an_incomplete_file_is_reported(change):
    stored = copy.deepcopy(STORED)
    answer = stored["names"]["cosine"][0]
    answer.update(change)
    if answer["call"] is None:
        del answer["call"]
    assert list(complaints(stored))


def test_inputs_and_calls_are_those_of_the_script():
    assert STORED["inputs"] == other_libraries.INPUTS
    for part, table in (("names", other_libraries.NAMES), ("empty", other_libraries.EMPTY), ("museum", other_libraries.MUSEUM)):
        asked = {name: [(answer["library"], answer["call"]) for answer in answers] for name, answers in STORED[part].items()}
        assert asked == table, f"run tools/other_libraries.py again: {part} has changed"


def test_versions_are_those_of_the_requirements():
    text = (BOOK.parent / "requirements-other-libraries.txt").read_text(encoding="utf-8")
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)$", text, re.MULTILINE))
    assert {library: pinned.get(library) for library in STORED["made"]["versions"]} == STORED["made"]["versions"]


# ---- the rules of the page -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page():
    """The names of the page after all its cells have run; the numbers come from the stored file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(BOOK)
        names = {}
        for source in CELLS:
            exec(source, names)
    return names


def checks(name):
    """The cells that compare this name, as one text."""
    found = [source for source in CELLS if f'compare(\n    "{name}",' in source or f'compare("{name}",' in source]
    assert found, f"the page has no table of {name!r}"
    return "\n".join(found)


def wrong(value):
    """The same value, its first number off by a thousandth, or by a thousandth of itself."""
    if isinstance(value, list):
        return [wrong(value[0]), *value[1:]]
    return 1e3 if value == "inf" else value + 1e-3 * max(abs(value), 1)


def test_every_name_has_its_table(page):
    assert page["made"] == STORED["made"]
    assert len(page["followed"]) == len(entries(STORED, "names"))
    for name in STORED["names"]:
        checks(name)


@pytest.mark.parametrize("name", STORED["names"])
def test_a_wrong_number_in_a_table_is_found(page, name):
    for i, answer in enumerate(STORED["names"][name]):
        stored = copy.deepcopy(STORED)
        stored["names"][name][i]["value"] = wrong(answer["value"])
        names = dict(page, stored=stored)
        names["compare"] = rebound(page["compare"], names)
        with pytest.raises(AssertionError):
            exec(checks(name), names)


def rebound(function, names):
    """The function, with these global names."""
    return type(function)(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)


@pytest.mark.parametrize("which", ["faint", "double", "perfect"])
def test_a_wrong_number_of_an_empty_mask_is_found(page, which):
    (table,) = (source for source in CELLS if "RULES[library, name]" in source)
    for i in range(len(page["rows"])):
        rows = copy.deepcopy(page["rows"])
        rows[i][3][which] = wrong(rows[i][3][which])
        with pytest.raises(AssertionError):
            exec(table, dict(page, rows=rows))


def test_the_sandbox_of_these_tests_accepts_the_true_numbers(page):
    for name in STORED["names"]:
        names = dict(page)
        names["compare"] = rebound(page["compare"], names)
        exec(checks(name), names)


# ---- the museum ----------------------------------------------------------------------------------------------------------------


def museum(name, library, i=0):
    (found,) = (key for key in STORED["museum"] if key.startswith(name))
    return [answer["value"] for answer in STORED["museum"][found] if answer["library"] == library][i]


def test_the_museum_holds_what_it_was_asked_for():
    """What the pages of the museum quote. Where a library mends its bug, this says so when the file is written again."""

    def numbers(value):
        return np.asarray(value, float)

    for library in ("torchvision", "keras", "segmentation-models-pytorch"):
        assert np.isnan(numbers(museum("focal loss", library)["gradient"])).all(), library
    for library in ("kornia", "optax", "monai"):
        assert not numbers(museum("focal loss", library)["gradient"]).any(), library
    assert museum("degenerate boxes: the prediction is a point", "torchvision")["value"] == "nan"
    assert museum("degenerate boxes: both", "torchvision", 1)["value"] == 1
    assert museum("Huber with delta = inf", "optax")["value"] == "nan"
    assert museum("Huber with delta = inf", "torch") == {"value": 2.0, "gradient": [2.0]}
    assert abs(museum("binary cross-entropy", "keras")["value"] + np.log(1e-7)) < 1e-5
    assert museum("Dice in float16", "segmentation-models-pytorch") == "nan"
    assert 0 < museum("Dice in float16", "segmentation-models-pytorch", 1) < 0.01
    assert museum("cosine of a zero vector", "optax")["value"] == "nan"
    assert [museum("weights 0 and 1", "keras", i) for i in range(3)] == [0.5, 1.0, 1.0]
    assert museum("triplet loss of a batch", "pytorch-metric-learning")["value"] == 0
    assert len(set(museum("generalised Dice", "monai"))) == 3
