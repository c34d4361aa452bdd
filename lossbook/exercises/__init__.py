'''Exercises with a checker: each chapter's are in one module here, their solutions are in the book.

    @exercise_for("mean-absolute", hints=["Draw the loss of one observation first.", "Where does its slope change sign?"])
    def check(answer):
        """Which constant c minimises the mean of |yᵢ - c|? Give a function of the observations."""
        y = np.array([1.0, 2.0, 10.0])
        return Result(answer(y) == 2.0, "verified", points=1, message=f"at y = {y} your answer is {answer(y)}")

The docstring is the prompt, in Markdown. The message says where an answer is wrong without saying what is right.
'''

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from lossbook._result import Result

_exercises = {}


@dataclass
class Exercise:
    """One exercise: read the ``prompt``, then ``check(answer)`` as often as you like; the n-th failure brings the n-th hint."""

    id: str
    prompt: str
    hints: tuple[str, ...]
    chapter: str
    checker: Callable = field(repr=False)
    failures: int = 0

    def check(self, answer):
        """Judge an answer: a `Result` that is true if the answer is right and otherwise carries a message and a hint."""
        try:
            result = self.checker(answer)
        except Exception as error:  # an answer may fail in any way; whoever gave it needs to see how
            result = Result(False, "verified", message=f"your answer could not be checked: {type(error).__name__}: {error}")
        if result:
            return result
        self.failures += 1
        hint = self.hints[min(self.failures, len(self.hints)) - 1] if self.hints else ""
        return replace(result, hint=hint)

    def _repr_mimebundle_(self, include=None, exclude=None):
        text = f"Exercise {self.id}\n\n{self.prompt}"
        return {"text/plain": text, "text/markdown": f"**Exercise** `{self.id}`\n\n{self.prompt}"}


def exercise_for(id, *, hints=()):
    """Register the checker of an exercise: it takes the answer and returns a `Result`; its docstring is the prompt."""

    def register(checker):
        if id in _exercises:
            raise ValueError(f"there is already an exercise {id!r}, in {_exercises[id].chapter}")
        if not checker.__doc__:
            raise ValueError(f"the exercise {id!r} has no prompt: write it as the docstring of its checker")
        chapter = checker.__module__.rpartition(".")[2]
        _exercises[id] = Exercise(id, inspect.getdoc(checker), tuple(hints), chapter, checker)
        return checker

    return register


def exercise(id):
    """The exercise of that name: displayed, it shows its prompt."""
    exercises = all_exercises()
    if id not in exercises:
        raise KeyError(f"no exercise {id!r}; there are {', '.join(sorted(exercises)) or 'none yet'}")
    return exercises[id]


def all_exercises():
    """All exercises by name; the chapters' modules are imported when they are first asked for."""
    _import_chapters()
    return _exercises


@functools.cache
def _import_chapters():
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
