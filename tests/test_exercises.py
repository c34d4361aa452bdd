"""Exercises: each solution passes, its stub and its typical mistakes do not; and the mechanism that finds the right hint."""

import inspect
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sympy import Derivative

from lossbook import Derivation, exercises, progress
from lossbook._result import Result
from lossbook._symbols import r, y, y_hat
from lossbook.exercises import all_exercises, exercise, exercise_for, last_name, same_formula, same_function, same_number

SOLUTIONS = Path(__file__).parents[1] / "book" / "solutions"
IDS = sorted(all_exercises())


def solution(task):
    """The solution of the exercise `robust.1` is `robust_1`; a function without parameters returns the answer."""
    found = runpy.run_path(str(SOLUTIONS / f"{task.chapter}.py"))[task.id.replace(".", "_")]
    return found if inspect.signature(found).parameters else found()


def is_wrong(result):
    """Judged wrong, not broken, and the reader is told more than that."""
    assert not result
    assert "could not be checked" not in result.message
    assert result.message
    return bool(result.hint)


@pytest.fixture
def fresh(request):
    """An exercise that nobody has tried yet."""
    task = all_exercises()[request.param]
    task.failures, task.solved = 0, False
    yield task
    task.failures, task.solved = 0, False


each = pytest.mark.parametrize("fresh", IDS, indirect=True)


@each
def test_the_solution_passes(fresh):
    result = fresh.check(solution(fresh))
    assert result, result.message
    assert fresh.solved


@each
def test_the_stub_runs_and_is_wrong(fresh):
    namespace = {"np": np, "torch": torch}
    exec(fresh.stub, namespace)
    assert is_wrong(fresh.check(namespace[last_name(fresh.stub)]))


@each
def test_an_empty_answer_is_wrong(fresh):
    assert not fresh.check(None)


@each
def test_every_typical_mistake_gets_its_own_hint(fresh):
    assert fresh.mistakes
    for wrong, hint in fresh.mistakes:
        result = fresh.check(wrong)
        assert is_wrong(result)
        assert result.hint == hint


@pytest.mark.parametrize("path", sorted(SOLUTIONS.glob("*.py")), ids=lambda path: path.stem)
def test_every_solution_has_its_exercise(path):
    own = {task.id.replace(".", "_") for task in all_exercises().values() if task.chapter == path.stem}
    assert set(re.findall(r"^def (\w+_\d+)\(", path.read_text(), re.MULTILINE)) == own


def test_exercises_are_numbered_within_their_chapter():
    chapters = {}
    for task in all_exercises().values():
        word, number = task.id.split(".")
        chapters.setdefault((word, task.chapter), []).append(int(number))
    assert len({word for word, _ in chapters}) == len({chapter for _, chapter in chapters}) == len(chapters)
    for numbers in chapters.values():
        assert sorted(numbers) == list(range(1, len(numbers) + 1))


# ------------------------------------------------------------------------------------------------------------------ the mechanism


@pytest.fixture
def double(monkeypatch):
    """A tiny exercise that exists for one test."""
    monkeypatch.setattr(exercises, "_exercises", {})

    @exercise_for(
        "tiny.1",
        stub="""
            def double(x):
                return x
            """,
        hints=["Add.", "Add $x$ to itself."],
        mistakes=[(lambda x: x**2, "That is the square."), (lambda x: 3 * x, "Once too often.")],
    )
    def check(answer):
        r"""Twice as much.

        Write the function $x \mapsto 2x$.

        One line is enough.
        """
        return same_function(answer, lambda x: 2 * x, [(1.5,), (np.array([3.0, 4.0]),)])

    return exercise("tiny.1")


def test_a_right_answer(double):
    result = double.check(lambda x: x + x)
    assert result
    assert result.hint == ""
    assert double.failures == 0


def test_the_nth_failure_brings_the_nth_hint_and_then_the_last(double):
    hints = [double.check(lambda x: x).hint for _ in range(3)]
    assert hints == ["Add.", "Add $x$ to itself.", "Add $x$ to itself."]


def test_a_known_mistake_brings_its_own_hint_however_it_is_written(double):
    assert double.check(lambda x: np.exp(2 * np.log(x))).hint == "That is the square."
    assert double.check(lambda x: x + x + x).hint == "Once too often."
    assert double.check(lambda x: x**2 + 1e-3).hint == "Add $x$ to itself."  # near a mistake is not that mistake


def test_a_checker_may_choose_the_hint_itself(double):
    double.checker = lambda answer: Result(False, "verified", message="no", hint="From the checker.")
    assert double.check(1).hint == "From the checker."


def test_an_answer_that_breaks_is_wrong_and_says_why(double):
    result = double.check(None)
    assert not result
    assert "TypeError: 'NoneType' object is not callable" in result.message


def test_an_exercise_shows_its_prompt_and_where_to_start(double):
    assert double.title == "Twice as much"
    assert double.prompt == "Write the function $x \\mapsto 2x$.\n\nOne line is enough."
    start = 'def double(x):\n    return x\n\nexercise("tiny.1").check(double)'
    shown = double._repr_mimebundle_()
    assert shown["text/plain"] == f"Exercise tiny.1: Twice as much\n\n{double.prompt}\n\n{start}"
    assert shown["text/markdown"] == (
        f":::{{exercise}} Twice as much\n:label: tiny-1\n\n{double.prompt}\n\n```python\n{start}\n```\n:::"
    )


def test_progress_counts_what_is_solved(double):
    assert progress("tiny").split() == ["tiny", "0", "of", "1", "□"]
    double.check(lambda x: 2 * x)
    assert progress().split() == ["tiny", "1", "of", "1", "■"]
    with pytest.raises(KeyError, match="there are tiny"):
        progress("other")


def test_registering_needs_a_new_id_a_prompt_and_a_hint(double):
    with pytest.raises(ValueError, match="already"):
        exercise_for("tiny.1", stub="a = 1", hints=["h"])(lambda answer: None)
    with pytest.raises(ValueError, match="the prompt"):
        exercise_for("tiny.2", stub="a = 1", hints=["h"])(lambda answer: None)

    def check(answer):
        """Title.

        Prompt.
        """

    with pytest.raises(ValueError, match="at least one hint"):
        exercise_for("tiny.2", stub="a = 1", hints=[])(check)


def test_an_unknown_id_lists_what_there_is(double):
    with pytest.raises(KeyError, match=r"no exercise 'tiny\.2'; there are tiny\.1"):
        exercise("tiny.2")


def test_chapters_are_imported_only_when_asked_for():
    code = "import sys, lossbook.exercises as e; print([m for m in sys.modules if m.startswith('lossbook.exercises.')])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert found == "['lossbook.exercises._judge']\n"


# ------------------------------------------------------------------------------------------------------------------ the judges


def test_same_function_says_where_it_differs_and_keeps_its_cases():
    case = np.array([3.0, 4.0])

    def in_place(x):
        x *= 0
        return x

    result = same_function(in_place, np.negative, [(case,)])
    assert not result
    assert result.message == "at ([3, 4]) your answer is [0, 0]"
    assert result.worst == 4
    assert case.tolist() == [3, 4]
    assert same_function(lambda x: -x, np.negative, [(case,)])
    assert not same_function(lambda x: x * np.nan, np.negative, [(case,)])
    assert same_function(lambda x: x * np.inf, lambda x: x * np.inf, [(case,)])
    assert not same_function(lambda x: x, lambda x: x * np.inf, [(case,)])
    assert "shape (), not (2,)" in same_function(np.sum, np.negative, [(case,)]).message


def test_same_number_says_the_side():
    assert same_number(1.00001, 1.0)
    assert same_number(0.9, 1.0).message == "0.9 is too small"
    assert same_number(2, 1.0).message == "2 is too large"
    assert same_number(np.nan, 1.0).message == "nan is not a number"


def test_same_formula_takes_text_expressions_and_derivations():
    target = 2 * (y_hat - y)
    assert same_formula("2*y_hat - 2*y", target)
    assert same_formula(2 * r, target)
    wrong = same_formula("y_hat - y", target)
    assert not wrong
    assert re.fullmatch(r"at y = \S+, y_hat = \S+ your formula is \S+", wrong.message)
    chain = Derivation("slope", Derivative(r**2, y_hat)).step(2 * r, "the power rule")
    assert same_formula(chain, target, start=Derivative(r**2, y_hat))
    assert "starts from" in same_formula(chain, target, start=Derivative(r**3, y_hat)).message
    assert not same_formula(Derivation("slope", Derivative(r**2, y)).step(-2 * r, "the chain rule"), target)
