"""A verdict holds on its evidence only: every way to get one without evidence is refused."""

import numpy as np
import pytest

from lossbook.court import WORDS, verdict


def better(gain):
    """It is better
    in most seeds."""
    return (np.asarray(gain) > 0).mean() > 0.5


WORSE, BETTER = np.array([-1.0, -2.0, 3.0]), np.array([1.0, 2.0, -3.0])


def given(word="half-true", claim=better, *, fails=WORSE, holds=BETTER, instead="It depends.", **options):
    return verdict(word, claim, fails={"noise": fails}, holds={"no noise": holds}, instead=instead, **options)


def test_what_it_shows():
    shown = given(grade="enumerated")._repr_markdown_()
    assert shown == (
        "**Verdict: half-true** (enumerated). Put to the test: *It is better in most seeds.*\n\n"
        "- It fails: noise.\n- It holds: no noise.\n\n**Say instead:** It depends."
    )
    assert "noise" in repr(given())


def test_the_evidence_decides():
    with pytest.raises(AssertionError, match="the claim holds for noise"):
        given(fails=BETTER)
    with pytest.raises(AssertionError, match="the claim fails for no noise"):
        given(holds=WORSE)


def test_the_inverted_claim_is_refused():
    def worse(gain):
        "It is worse in most seeds."
        return not better(gain)

    with pytest.raises(AssertionError, match="the claim holds for noise; the claim fails for no noise"):
        given(claim=worse)


@pytest.mark.parametrize("answer", [True, False])
def test_a_claim_that_nothing_contradicts_is_refused(answer):
    def always(gain):
        "Whatever comes."
        return answer

    with pytest.raises(AssertionError):
        given(claim=always)


def test_a_claim_that_changes_its_mind_is_refused():
    answers = iter([False, True, True, True])

    def moody(gain):
        "Now so, now so."
        return next(answers)

    with pytest.raises(AssertionError, match="not a fixed question"):
        given(claim=moody)


@pytest.mark.parametrize("outcome", [np.nan, np.array([1.0, np.nan]), (1.0, [np.nan]), {"seed": np.float32("nan")}])
def test_nan_is_no_evidence(outcome):
    with pytest.raises(ValueError, match="holds a nan"):
        given(fails=outcome)


def test_both_settings_words_and_a_sentence_are_needed():
    with pytest.raises(ValueError, match="one where it holds"):
        verdict("false", better, fails={"noise": WORSE}, holds={}, instead="No.")
    with pytest.raises(ValueError, match=WORDS[0]):
        given("maybe")
    with pytest.raises(ValueError, match="grade"):
        given(grade="felt")
    with pytest.raises(ValueError, match="docstring"):
        given(claim=lambda gain: better(gain))
