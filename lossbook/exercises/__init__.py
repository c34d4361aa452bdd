'''Exercises with a checker. Each chapter's are in one module here; their solutions are in the book.

    @exercise_for(
        "loss.2",
        stub="""
            def best_constant(y):
                return y.mean()
            """,
        hints=["Draw the loss of one observation first.", "Where does its slope change sign?"],
        mistakes=[(np.max, "The largest observation pulls, but only as hard as any other.")],
    )
    def check_median(answer):
        """A best constant.

        Which constant c minimises the mean of |yᵢ - c|? Give a function of the observations.
        """
        return same_function(answer, np.median, [(np.array([1.0, 2.0, 10.0]),)])

The docstring is a title and, after an empty line, the prompt in Markdown. The checker returns a `Result` whose message says
where an answer is wrong without saying what is right. `mistakes` pairs typical wrong answers with the hint that each deserves: an
answer that fails at the same place by the same amount as one of them is the same mistake. Every other failure brings the next of
`hints`.
'''

import ast
import functools
import importlib
import inspect
import math
import pkgutil
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from lossbook._result import Result

from ._judge import same_formula, same_function, same_number  # noqa: F401  (for the chapters)

_exercises = {}
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|nan|inf", re.IGNORECASE)


@dataclass
class Exercise:
    """One exercise: read the ``prompt``, start from the ``stub``, then ``check(answer)`` as often as you like."""

    id: str
    title: str
    prompt: str
    stub: str  # Python that runs, and whose last name is a wrong answer
    hints: tuple[str, ...]
    mistakes: tuple[tuple, ...] = field(repr=False)  # pairs (wrong answer, hint)
    chapter: str
    checker: Callable = field(repr=False)
    failures: int = 0
    solved: bool = False

    def check(self, answer):
        """Judge an answer: a `Result` that is true if the answer is right and otherwise carries a message and a hint."""
        result = self._judge(answer)
        if result:
            self.solved = True
            return result
        self.failures += 1
        known = result.hint or next((hint for trace, hint in self._traces if _alike(trace, _trace(result))), "")
        return replace(result, hint=known or self.hints[min(self.failures, len(self.hints)) - 1])

    def _judge(self, answer):
        try:
            return self.checker(answer)
        except Exception as error:  # an answer may fail in any way; whoever gave it needs to see how
            return Result(False, "verified", message=f"your answer could not be checked: {type(error).__name__}: {error}")

    @functools.cached_property
    def _traces(self):
        return [(_trace(self._judge(wrong)), hint) for wrong, hint in self.mistakes]

    def _repr_mimebundle_(self, include=None, exclude=None):
        start = f'{self.stub}\n\nexercise("{self.id}").check({last_name(self.stub)})'
        plain = f"Exercise {self.id}: {self.title}\n\n{self.prompt}\n\n{start}"
        label = self.id.replace(".", "-")
        directive = f":::{{exercise}} {self.title}\n:label: {label}\n\n{self.prompt}\n\n```python\n{start}\n```\n:::"
        return {"text/plain": plain, "text/markdown": directive}


def exercise_for(id, *, stub, hints, mistakes=()):
    """Register the checker of an exercise: it takes the answer and returns a `Result`; its docstring is title and prompt."""

    def register(checker):
        if id in _exercises:
            raise ValueError(f"there is already an exercise {id!r}, in {_exercises[id].chapter}")
        title, _, prompt = (inspect.getdoc(checker) or "").partition("\n\n")
        if not prompt.strip() or not hints:
            raise ValueError(f"the exercise {id!r} needs a docstring (a title, an empty line, the prompt) and at least one hint")
        chapter = checker.__module__.rpartition(".")[2]
        start = textwrap.dedent(stub).strip()
        title = " ".join(title.split()).removesuffix(".")
        _exercises[id] = Exercise(id, title, prompt.strip(), start, tuple(hints), tuple(mistakes), chapter, checker)
        return checker

    return register


def exercise(id):
    """The exercise of that name: displayed, it shows its prompt.

    >>> exercise("loss.1").check(lambda missed, left: 0.5).ok
    False
    """
    exercises = all_exercises()
    if id not in exercises:
        raise KeyError(f"no exercise {id!r}; there are {', '.join(sorted(exercises)) or 'none yet'}")
    return exercises[id]


def progress(chapter=None):
    """How many exercises of each chapter this session has solved: ``print(progress())``, or ``progress("robust")`` for one."""
    chapters = {}
    for id, task in all_exercises().items():
        chapters.setdefault(id.partition(".")[0], []).append(task)
    if chapter is not None and chapter not in chapters:
        raise KeyError(f"no chapter {chapter!r}; there are {', '.join(sorted(chapters))}")
    lines = []
    for name in [chapter] if chapter else chapters:
        solved = [task.solved for task in chapters[name]]
        lines.append(f"{name:12}{sum(solved)} of {len(solved)}  {''.join('□■'[done] for done in solved)}")
    return "\n".join(lines)


def all_exercises():
    """All exercises by id; the chapters' modules are imported when they are first asked for."""
    _import_chapters()
    return _exercises


@functools.cache
def _import_chapters():
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


def last_name(source):
    """What the last statement of a stub defines: `f` of `def f(x): ...`, `c` of `c = 1`."""
    last = ast.parse(source).body[-1]
    return last.targets[0].id if isinstance(last, ast.Assign) else last.name


# ---- the same mistake: the same words, and numbers that agree to rounding --------------------------------------------------


def _trace(result):
    text = f"{result.message} {result.worst} {result.witness}"
    return _NUMBER.split(text), [float(number) for number in _NUMBER.findall(text)]


def _alike(a, b):
    close = functools.partial(math.isclose, rel_tol=1e-6, abs_tol=1e-12)
    return a[0] == b[0] and all(close(x, y) or (x != x and y != y) for x, y in zip(a[1], b[1], strict=True))
