"""Exercises: the solution of each passes, a plausible wrong answer does not; and the mechanism that shows prompts and hints."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from lossbook import exercises
from lossbook._result import Result
from lossbook.exercises import all_exercises, exercise, exercise_for

SOLUTIONS = Path(__file__).parent.parent / "book" / "solutions"


def answers(chapter, kind):
    return runpy.run_path(str(SOLUTIONS / f"{chapter}.py"))[kind]


@pytest.mark.parametrize("id", sorted(all_exercises()))
def test_the_solution_passes_and_a_wrong_answer_is_judged_wrong(id):
    task = all_exercises()[id]
    result = task.check(answers(task.chapter, "SOLUTIONS")[id])
    assert result, result.message
    result = task.check(answers(task.chapter, "STUBS")[id])
    assert not result
    assert "could not be checked" not in result.message  # wrong, not broken
    assert result.message
    assert result.hint


@pytest.mark.parametrize("path", sorted(SOLUTIONS.glob("*.py")), ids=lambda path: path.stem)
def test_every_solution_has_its_exercise(path):
    own = {task.id for task in all_exercises().values() if task.chapter == path.stem}
    assert set(answers(path.stem, "SOLUTIONS")) == set(answers(path.stem, "STUBS")) == own


# ------------------------------------------------------------------------------------------------------------------ the mechanism


@pytest.fixture
def double(monkeypatch):
    """A tiny exercise that exists for one test."""
    monkeypatch.setattr(exercises, "_exercises", {})

    @exercise_for("double", hints=["Add.", "Add $x$ to itself."])
    def check(answer):
        r"""Write the function $x \mapsto 2x$.

        One line is enough.
        """
        return Result(answer(3) == 6, "verified", points=1, message=f"at x = 3 your answer is {answer(3)}")

    return exercise("double")


def test_a_right_answer(double):
    result = double.check(lambda x: x + x)
    assert result
    assert result.hint == ""
    assert double.failures == 0


def test_the_nth_failure_brings_the_nth_hint_and_then_the_last(double):
    hints = [exercise("double").check(lambda x: x).hint for _ in range(4)]
    assert hints == ["Add.", "Add $x$ to itself.", "Add $x$ to itself.", "Add $x$ to itself."]


def test_an_answer_that_breaks_is_wrong_and_says_why(double):
    result = double.check(None)
    assert not result
    assert "TypeError: 'NoneType' object is not callable" in result.message


def test_an_exercise_shows_its_prompt(double):
    prompt = "Write the function $x \\mapsto 2x$.\n\nOne line is enough."
    assert double.prompt == prompt
    assert double._repr_mimebundle_() == {
        "text/plain": f"Exercise double\n\n{prompt}",
        "text/markdown": f"**Exercise** `double`\n\n{prompt}",
    }


def test_registering_needs_a_new_name_and_a_prompt(double):
    with pytest.raises(ValueError, match="already"):
        exercise_for("double")(lambda answer: None)
    with pytest.raises(ValueError, match="no prompt"):
        exercise_for("triple")(lambda answer: None)


def test_an_unknown_name_lists_what_there_is(double):
    with pytest.raises(KeyError, match="no exercise 'doubel'; there are double"):
        exercise("doubel")


def test_chapters_are_imported_only_when_asked_for():
    code = "import sys, lossbook.exercises as e; print([m for m in sys.modules if m.startswith('lossbook.exercises.')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
