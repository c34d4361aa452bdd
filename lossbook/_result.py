"""`Result`: what every check returns."""

from dataclasses import dataclass
from typing import Any

# From the strongest evidence to the weakest.
GRADES = ("proved", "enumerated", "verified", "searched", "measured", "cited")


@dataclass(frozen=True)
class Result:
    """What a check found: whether it holds, how strong the evidence is, and the worst case it saw."""

    ok: bool
    grade: str
    points: int = 0
    worst: float | None = None
    witness: Any = None
    message: str = ""
    hint: str = ""

    def __post_init__(self):
        object.__setattr__(self, "ok", bool(self.ok))  # np.True_ is not True
        if self.grade not in GRADES:
            raise ValueError(f"grade must be one of {GRADES}, got {self.grade!r}")

    def __bool__(self):
        return self.ok

    def __str__(self):
        count = "" if self.grade == "proved" or not self.points else f" at {self.points} point{'s' * (self.points != 1)}"
        detail = "" if self.message.startswith(self.grade) else self.message
        hint = f"\nhint: {self.hint}" if self.hint else ""
        return f"{'holds' if self.ok else 'fails'} ({self.grade}{count}){': ' * bool(detail)}{detail}{hint}"

    def _repr_pretty_(self, printer, cycle):
        printer.text(str(self))  # in a notebook, where a Result is what a cell ends in


def beyond(gap, worst):
    """Whether a gap is the worst so far: larger than all before it, or the first nan, which no later number may replace."""
    return worst == worst and not gap <= worst
