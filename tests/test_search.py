"""Finding a loss: `lossbook.search` and the command line."""

import subprocess
import sys

import pytest

import lossbook
from lossbook import CARDS
from lossbook.__main__ import main
from lossbook._names import NAMES, other_names


def names(words):
    return [card.name for card in lossbook.search(words)]


def test_every_loss_is_found_by_its_name_first():
    for name in CARDS:
        assert names(name)[0] == name


def test_all_words_must_fit():
    assert set(names("proper bounded")) < set(names("bounded"))
    assert names("quantile regression")[0] == "pinball"
    assert names("no such loss anywhere") == []
    assert len(names("")) == len(CARDS)


@pytest.mark.parametrize(
    "words, first",
    [("MAE", "absolute_error"), ("SimCLR", "nt_xent"), ("Wasserstein distance", "wasserstein_1d"), ("AdaBoost", "exponential")],
)
def test_a_loss_is_found_by_a_name_that_others_gave_it(words, first):
    assert names(words)[0] == first


def test_every_loss_has_another_name_and_no_name_twice():
    assert set(CARDS) <= set(NAMES) <= set(lossbook.__all__)
    for name in NAMES:
        others = [other.lower() for other in other_names(name)]
        assert others and len(set(others)) == len(others), name


def test_a_denied_claim_does_not_fit():
    """The Card of Cauchy's loss says that it is not convex, and nothing else about convexity."""
    assert "huber" in names("convex")
    assert "cauchy" not in names("convex")


def test_list(capsys):
    assert main(["list", "proper", "bounded"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "scoring:" in lines
    assert any(line.startswith("  brier ") for line in lines)
    assert max(map(len, lines)) <= 120


def test_list_of_nothing(capsys):
    assert main(["list", "xyzzy"]) == 1
    assert "no loss fits 'xyzzy'" in capsys.readouterr().err


@pytest.mark.parametrize("name", CARDS)
def test_show(name, capsys):
    assert main(["show", name]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{name}(")
    for claim in CARDS[name].claims:
        assert f"claim      {claim.statement} ({claim.grade})" in out


def test_show_source_and_misspelt_names(capsys):
    assert main(["show", "huber", "--source"]) == 0
    assert "def huber(" in capsys.readouterr().out
    assert main(["show", "hubber"]) == 1
    assert "did you mean huber?" in capsys.readouterr().err


def test_from_the_shell():
    run = subprocess.run([sys.executable, "-m", "lossbook", "list", "quantile"], capture_output=True, text=True, check=True)
    assert "pinball" in run.stdout
