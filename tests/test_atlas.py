"""The atlas says what the Cards say: every loss, every claim, and the counts on its first page."""

import json
import re
from collections import Counter

import choice
import docstrings
import make_atlas
import make_reference
import pytest

from lossbook import CARDS

INDEX = make_atlas.index()


def test_counts_on_the_first_page_are_those_of_the_claims_that_the_tests_run():
    grades = Counter(claim.grade for card in CARDS.values() for claim in card.claims)
    printed = {grade: int(count) for grade, count in re.findall(r"^\| (\w+) \| (\d+) \|", INDEX, re.MULTILINE)}
    assert {grade: count for grade, count in printed.items() if count} == grades
    assert f"{len(CARDS)} losses" in INDEX
    assert f"{sum(grades.values())} claims" in INDEX


def anchor(name):
    return f"atlas-{name.replace('_', '-')}"


def test_every_loss_has_a_row_and_a_section():
    assert sorted(name for names in make_atlas.families().values() for name in names) == sorted(CARDS)
    for name in CARDS:
        assert INDEX.count(f"[`{name}`](#{anchor(name)})") == 1


@pytest.mark.parametrize("name", ["huber", "cauchy", "cox_partial_likelihood", "gaussian_nll"])
def test_a_section_prints_the_card(name):
    text = "\n".join(make_atlas.section(name))
    assert text.count(f"({anchor(name)})=") == 1
    for claim in CARDS[name].claims:
        assert re.search(
            rf"^\| {re.escape(make_atlas.cell(claim.statement))}(<br>Witness: `.+`)? \| {claim.grade} \|$", text, re.M
        )
    for twin in CARDS[name].twins:
        assert f"`{twin.name}`" in text
    assert f"def {name}(" in text
    assert ("$$" in text) == (CARDS[name].formula is not None)


@pytest.mark.parametrize(
    "words, printed",
    [
        ("e^(-s_i) and -1", "e<sup>−s<sub>i</sub></sup> and −1"),
        ("Σ_{j≠y} (1 - z_y)", "Σ<sub>j≠y</sub> (1 − z<sub>y</sub>)"),
        ("softmax(z)_label, w = -2 -> 3 x 4", "softmax(z)<sub>label</sub>, w = −2 → 3 × 4"),
        ("k(x, x') of Cox's classes'", "k(x, x′) of Cox's classes'"),
        ("Ω*(z), at label_smoothing = 0", r"Ω\*(z), at label\_smoothing = 0"),
        ("`kl_weight` times 1e-4, the *mean*", "`kl_weight` times 1e-4, the *mean*"),
        ("log-loss, `e^-z * 2`", "log-loss, `e^-z * 2`"),
    ],
)
def test_mathematics_in_a_sentence(words, printed):
    assert docstrings.shielded(words) == printed


def test_a_domain_is_written_with_its_signs():
    assert make_atlas.domain("R^(N x D), or [0, inf)") == r"ℝ<sup>N × D</sup>, or \[0, ∞)"


def test_a_check_shows_what_it_says_of_a_loss():
    assert make_reference.claimed("lossbook.check.lipschitz")[0].startswith("Claimed, for instance, of [`")
    for kind in ("convex", "favours_the_truth", "triangle_inequality"):
        (line, _) = make_reference.claimed(f"lossbook.check.{kind}")
        claim = next(c for name in CARDS for c in CARDS[name].claims if c.kind == kind)  # where it can, a true one
        assert docstrings.shielded(claim.statement) in line
    assert make_reference.claimed("lossbook.check.Result") == []


def test_a_property_is_read_off_the_claims():
    convex = make_atlas.PROPERTIES["convex"]
    assert make_atlas.verdict(CARDS["huber"], convex) == "yes (proved)"
    assert make_atlas.verdict(CARDS["cauchy"], convex) == "no (proved)"
    assert make_atlas.verdict(CARDS["softmax_focal"], make_atlas.PROPERTIES["bounded"]) == ""


def test_data_files():
    for name in CARDS:
        facts = json.loads(json.dumps(make_atlas.facts(name)))
        assert facts["name"] == name
        assert len(facts["claims"]) == len(CARDS[name].claims)
    keys = set(re.findall(r"^@\w+\{([^,]+),", make_atlas.bibliography(), re.MULTILINE))
    assert keys == {card.reference for card in CARDS.values()}


def test_the_choice_guide_ends_in_code_that_runs():
    page = make_atlas.choose()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == sum(len(names) for names in choice.leaves())
    for code in sorted(set(blocks)):
        exec(compile(code, "<choice guide>", "exec"), {})


def test_the_choice_guide_knows_only_losses_that_exist():
    names = {name for leaf in choice.leaves() for name in leaf}
    assert names <= set(CARDS)
    assert all(leaf for leaf in choice.leaves())
    assert len(names) > 60


def test_a_family_without_a_title_is_noticed(monkeypatch):
    monkeypatch.delitem(make_atlas.TITLES, "regression")
    with pytest.raises(ValueError, match="no title for regression"):
        make_atlas.families()
