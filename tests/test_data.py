"""The datasets: shapes, known values, and no network."""

import inspect
import socket
import subprocess
import sys

import numpy as np
import pytest

from lossbook import data

# rows, features, classes (0: regression), and a number computed from the data that is known from elsewhere
KNOWN = {
    "digits": (1797, 64, 10), "breast_cancer": (569, 30, 2), "iris": (150, 4, 3), "wine": (178, 13, 3), "anes96": (944, 5, 7),
    "modechoice": (840, 6, 2), "diabetes": (442, 10, 0), "engel": (235, 1, 0), "stackloss": (21, 3, 0), "randhie": (20190, 9, 0),
    "strikes": (62, 1, 0), "sunspots": (309, 1, 0),
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*arguments, **keywords):
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_every_loader_is_listed_here():
    loaders = {name for name, f in inspect.getmembers(data, inspect.isfunction) if not inspect.signature(f).parameters}
    assert loaders == {*KNOWN, "text"}


@pytest.mark.parametrize("name", KNOWN)
def test_a_dataset_is_complete(name):
    rows, features, classes = KNOWN[name]
    found = getattr(data, name)()
    assert found.x.shape == (rows, features) == (len(found.y), len(found.feature_names))
    assert found.x.dtype == np.float64
    assert np.isfinite(found.x).all()
    assert len(found.classes) == classes
    assert found.y.dtype == (np.int64 if classes else np.float64)
    assert set(np.unique(found.y)) == set(range(classes)) if classes else np.isfinite(found.y).all()
    assert set(found.units) <= {*found.feature_names, found.target_name}
    assert found.source
    doc = getattr(data, name).__doc__
    assert all(word in doc for word in ("Source:", "Licence:", "nits:", f"{rows} x {features}"))


SKLEARN = {"digits": {}, "breast_cancer": {}, "iris": {}, "wine": {}, "diabetes": {"scaled": False}}


@pytest.mark.parametrize("name", KNOWN)
def test_the_files_hold_what_their_packages_load(name):
    """The columns are named here, and the files read without the packages: both must be as the packages have it."""
    found = getattr(data, name)()
    if name in SKLEARN:
        from sklearn import datasets

        whole = getattr(datasets, f"load_{name}")(**SKLEARN[name])
        assert [str(column).removesuffix(" (cm)") for column in whole.feature_names] == list(found.feature_names)
        x, y = whole.data, whole.target
    else:
        from statsmodels import datasets

        table = getattr(datasets, name).load().data
        x, y = table[list(found.feature_names)].to_numpy(), table[found.target_name].to_numpy()
    np.testing.assert_array_equal(found.x, x)
    np.testing.assert_array_equal(found.y, y)


def test_reading_imports_none_of_the_packages():
    code = "import sys; from lossbook import data; data.digits(); data.engel(); data.text()"
    code += "; print({'sklearn', 'statsmodels'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize("name", ["anes96", "modechoice", "engel", "stackloss", "randhie", "strikes", "sunspots"])
def test_the_licence_is_the_one_statsmodels_states(name):
    from statsmodels import datasets

    assert "public domain" in getattr(datasets, name).COPYRIGHT.lower()
    assert getattr(data, name)().licence == "public domain"


def test_known_values():
    stackloss = data.stackloss()
    slope = np.linalg.lstsq(np.column_stack([np.ones(21), stackloss.x]), stackloss.y)[0]
    np.testing.assert_allclose(slope, [-39.92, 0.7156, 1.2953, -0.1521], atol=5e-4)  # the published least squares fit
    engel = data.engel()
    np.testing.assert_allclose(np.polyfit(engel.column("income"), engel.y, 1), [0.4852, 147.475], atol=1e-3)
    assert np.bincount(data.breast_cancer().y).tolist() == [212, 357]
    assert round(data.randhie().y.mean(), 2) == 2.86
    assert np.bincount(data.modechoice().y.reshape(210, 4).argmax(axis=1)).tolist() == [
        58,
        63,
        30,
        59,
    ]
    assert data.iris().y.tolist() == [0] * 50 + [1] * 50 + [2] * 50
    assert data.diabetes().y.mean() == pytest.approx(152.13, abs=0.01)


def test_text_is_prose_in_a_small_alphabet():
    text = data.text()
    assert text.alphabet == "\n '(),-.0abcdefghijklmnopqrstuvwxyz"
    assert text.characters.count("\n") == 94
    assert text.characters.endswith("\n")
    assert "\nthe samples in this dataset correspond to 0 0m patches of forest in the us, collected for" in text.characters
    assert not any(trace in text.characters for trace in ("  ", " \n", "\n\n", "( ", " )", "--"))
    words = text.characters.split()
    assert 12 < len(words) / words.count("the") < 20  # as in other English prose
    assert all(word in data.text.__doc__ for word in ("Source:", "Licence:", "nits:", f"{len(text.characters)} characters"))
    assert text.licence.startswith("BSD")
    assert "scikit-learn" in text.source


def test_text_becomes_tokens_and_back():
    text = data.text()
    train, test = text.split()
    assert text.decode(text.encode("a bird.\n")) == "a bird.\n"
    assert text.alphabet[0] == "\n"
    assert train.dtype == np.int64
    lines = text.characters.splitlines(keepends=True)
    assert text.decode(test) == "".join(lines[4::5])
    assert sorted(text.decode(train).splitlines(True) + lines[4::5]) == sorted(lines)


def test_split_is_a_partition_that_depends_on_the_seed():
    x, y = np.arange(20.0).reshape(10, 2), np.arange(10)
    (x_train, y_train), (x_test, y_test) = data.split(x, y, test=0.3, seed=1)
    assert (len(y_train), len(y_test)) == (7, 3)
    assert sorted([*y_train, *y_test]) == list(range(10))
    np.testing.assert_array_equal(x[y_train], x_train)
    np.testing.assert_array_equal(x[y_test], x_test)
    assert data.split(x, y, test=0.3, seed=1)[1][1].tolist() == y_test.tolist()
    assert data.split(x, y, test=0.3, seed=2)[1][1].tolist() != y_test.tolist()


def test_split_refuses_an_empty_side_and_unequal_rows():
    for test in (0.0, 1.0, 1.5):
        with pytest.raises(ValueError, match="one side empty"):
            data.split(np.zeros(4), np.zeros(4), test=test)
    with pytest.raises(ValueError, match="same number of rows"):
        data.split(np.zeros(4), np.zeros(5))


def test_standardize_learns_from_the_training_part_alone():
    train, other = np.array([[1.0, 0.1], [3.0, 0.1]]), np.array([[5.0, 0.4]])
    first, second = data.standardize(train, other)
    np.testing.assert_array_equal(first, [[-1, 0], [1, 0]])
    np.testing.assert_allclose(second, [[3, 0.3]])
    np.testing.assert_array_equal(data.standardize(train), first)
