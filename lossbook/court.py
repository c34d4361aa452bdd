"""The verdict on a claim that people repeat: the claim is put to the evidence, where it fails and where it holds.

A claim is a function from what an experiment brought to True or False; its docstring says it in words. The same function is asked
everywhere, so a claim that nothing could contradict, or nothing could support, does not pass for an answer.
"""

import inspect
import math
from dataclasses import dataclass

import numpy as np

from ._result import GRADES

WORDS = ("false", "half-true", "true on a condition")


@dataclass(frozen=True)
class Verdict:
    """What the evidence says of a claim; in a notebook it shows as a few lines of Markdown."""

    word: str
    claim: str
    fails: tuple[str, ...]
    holds: tuple[str, ...]
    instead: str
    grade: str

    def __repr__(self):
        return (
            f"Verdict: {self.word} ({self.grade}). {self.claim} Fails: {'; '.join(self.fails)}. Holds: {'; '.join(self.holds)}."
        )

    def _repr_markdown_(self):
        lines = [f"**Verdict: {self.word}** ({self.grade}). Put to the test: *{self.claim}*", ""]
        lines += [f"- It fails: {where}." for where in self.fails] + [f"- It holds: {where}." for where in self.holds]
        return "\n".join([*lines, "", f"**Say instead:** {self.instead}"])


def verdict(word, claim, *, fails, holds, instead, grade="measured"):
    """Ask `claim` of every outcome in `fails`, where it must be untrue, and in `holds`, where it must be true.

    `word` is one of `WORDS`, `grade` the kind of evidence, `instead` what to say in place of the claim. `fails` and `holds` map
    the description of a setting to its outcome, whatever `claim` takes (numbers, arrays of one entry per seed, tuples of them);
    neither may be empty. Raises `AssertionError` if an outcome contradicts the verdict, or if the inverted claim would get it as
    well, and `ValueError` if an outcome holds a nan, which contradicts nothing and supports nothing.

    >>> def larger_is_better(gain):
    ...     "More is better in most seeds."
    ...     return (gain > 0).mean() > 0.5
    >>> verdict(
    ...     "half-true",
    ...     larger_is_better,
    ...     fails={"wide noise": np.array([-1.0, -2.0, 0.5])},
    ...     holds={"no noise": np.array([1.0, 3.0, 2.0])},
    ...     instead="More is better where there is no noise.",
    ... )
    Verdict: half-true (measured). More is better in most seeds. Fails: wide noise. Holds: no noise.
    """
    if word not in WORDS:
        raise ValueError(f"a verdict is one of {WORDS}, got {word!r}")
    if grade not in GRADES:
        raise ValueError(f"grade must be one of {GRADES}, got {grade!r}")
    if not fails or not holds:
        raise ValueError("a verdict needs a setting where the claim fails and one where it holds")
    if not inspect.getdoc(claim):
        raise ValueError("the claim needs a docstring that says it in words")
    for where, outcome in [*fails.items(), *holds.items()]:
        if _has_nan(outcome):
            raise ValueError(f"{where}: the outcome holds a nan; if that is the finding, pass np.isnan(...) of it")
    wrong = _contradictions(claim, fails, holds)
    assert not wrong, f"the evidence says otherwise: {'; '.join(wrong)}"
    inverted = _contradictions(lambda outcome: not claim(outcome), fails, holds)
    assert len(inverted) == len(fails) + len(holds), "the inverted claim gets the same verdict: the claim is not a fixed question"
    words = " ".join(inspect.getdoc(claim).split())
    return Verdict(word, words, tuple(fails), tuple(holds), instead, grade)


def _contradictions(claim, fails, holds):
    wrong = [f"the claim holds for {where}" for where, outcome in fails.items() if claim(outcome)]
    return wrong + [f"the claim fails for {where}" for where, outcome in holds.items() if not claim(outcome)]


def _has_nan(outcome):
    if isinstance(outcome, dict):
        return any(map(_has_nan, outcome.values()))
    if isinstance(outcome, list | tuple):
        return any(map(_has_nan, outcome))
    if isinstance(outcome, float):
        return math.isnan(outcome)
    if hasattr(outcome, "dtype"):
        array = np.asarray(outcome)
        return array.dtype.kind == "f" and bool(np.isnan(array).any())
    return False
