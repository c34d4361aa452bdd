"""`Finding` and `Report`: what an audit saw, and where the book explains it."""

import html
import json
import textwrap
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .arrays import numpy_of

SEVERITIES = ("error", "warning", "info")

# Where each kind of finding is explained. tests/test_audit.py sees to it that the pages and their sections exist.
_GRADIENT, _NAN, _OWN = "book/05_the_gradient.html", "book/06_where_nans_come_from.html", "book/28_write_your_own.html"
_MEANS, _INFINITIES, _NAMES = (f"book/museum/{page}.html" for page in ("means_and_masks", "infinities", "names_and_scale"))
PAGES = {
    "gradient_wrong": f"{_OWN}#the-gradient-by-hand-in-pytorch",
    "gradient_missing": f"{_GRADIENT}#two-ways-to-kill-a-gradient-by-accident",
    "gradient_zero": f"{_GRADIENT}#flat-is-not-converged",
    "non_finite_value": f"{_NAN}#how-a-nan-is-born-and-how-it-travels",
    "non_finite_gradient": f"{_NAN}#the-branch-that-was-not-taken",
    "vanishing_gradient": f"{_INFINITIES}#bug-pytorch-103316",
    "half_precision": f"{_NAN}#half-precision",
    "empty": f"{_MEANS}#bug-pytorch-metric-learning-107",
    "all_ignored": f"{_MEANS}#bug-pytorch-70348",
    "broadcasting": f"{_NAMES}#bug-pytorch-16045",
    "order": f"{_OWN}#tests-by-properties",
    "padding": f"{_MEANS}#bug-tensorflow-34491",
    "accumulation": f"{_MEANS}#bug-transformers-34191",
    "reduction": "book/09_reductions.html#who-divides-by-what",
    "double_softmax": f"{_NAMES}#bug-tflearn-562",
    "probability_input": f"{_NAMES}#bug-segmentation-models-pytorch-1263",
    "batch_dependence": f"{_MEANS}#bug-pytorch-toolbelt-99",
    "target_gradient": "book/17_smoothing.html#distillation-soft-targets-with-content",
    "input_changed": f"{_OWN}#reductions-weights-and-masks",
    "nondeterminism": f"{_OWN}#tests-by-properties",
    "hidden_state": f"{_OWN}#tests-by-properties",
    "dtype_lost": f"{_NAN}#range-or-precision",
    "minimum": "book/07_what_a_loss_estimates.html#one-line-answers-the-question",
    "claim": f"{_OWN}#let-the-card-be-judged",
    "differs_from_reference": f"{_NAMES}#bug-pytorch-48595",
    "compile": "book/37_losses_at_scale.html",
    "vmap": "book/37_losses_at_scale.html",
    "autocast": f"{_NAN}#half-precision",
    "raises": f"{_OWN}#reductions-weights-and-masks",
}


@dataclass(frozen=True)
class Finding:
    """One thing that an audit saw happen.

    `check` is its kind, `severity` "error", "warning" or "info"; `message` says what is wrong, why it matters and how to mend
    it. `witness["inputs"]` are the arrays with which it happens, as few examples as show it, ready for ``loss(*inputs)``; the
    other entries say what came out. `page` is where the book explains it, from the root of its site.
    """

    check: str
    severity: str
    message: str
    witness: dict = field(default_factory=dict, repr=False)

    def __post_init__(self):
        if self.check not in PAGES or self.severity not in SEVERITIES:
            raise ValueError(f"no such finding: {self.check!r}, {self.severity!r}")

    @property
    def page(self):
        return PAGES[self.check]

    def __str__(self):
        shown = "".join(f"\n    {name} = {brief(value)}" for name, value in self.witness.items() if name != "inputs")
        inputs = "".join(f"\n    input {i}: {brief(array)}" for i, array in enumerate(self.witness.get("inputs", ())))
        return folded(f"{self.severity}: {self.check}\n    {self.message}{inputs}{shown}\n    read: {self.page}")

    def as_dict(self):
        witness = {name: _plain(value) for name, value in self.witness.items()}
        return {
            "check": self.check,
            "severity": self.severity,
            "message": self.message,
            "witness": witness,
            "page": self.page,
        }


@dataclass(frozen=True)
class Report:
    """What an audit found: `ok` if it saw no error, the `findings`, the worst first, what it took each of the `inputs` for, and
    which checks it could not run, and why (`skipped`)."""

    loss: str
    findings: list[Finding]
    inputs: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self):
        return not self.errors

    @property
    def errors(self):
        return [finding for finding in self.findings if finding.severity == "error"]

    def __bool__(self):
        return self.ok

    def summary(self):
        counts = {severity: sum(f.severity == severity for f in self.findings) for severity in SEVERITIES}
        said = ", ".join(f"{n} {severity}{'s' * (n != 1 and severity != 'info')}" for severity, n in counts.items() if n)
        return f"{self.loss}: {said or 'nothing found'} ({len(self.checks)} checks, {len(self.skipped)} of them not run)"

    def __str__(self):
        lines = [self.summary(), *(f"  taken for: {line}" for line in self.inputs)]
        lines += [f"\n{finding}" for finding in self.findings]
        if self.skipped:
            lines += ["", "not run:", *(f"  {check}: {reason}" for check, reason in self.skipped.items())]
        return folded("\n".join(lines))

    def _repr_pretty_(self, printer, cycle):
        printer.text(str(self))

    def _repr_html_(self):
        """A notebook shows the findings as a table, and folds away what was assumed and what was not run."""
        mark = {"error": "✗", "warning": "!", "info": "i"}
        rows = [
            f"<tr><td>{mark[f.severity]} {f.severity}</td><td><code>{f.check}</code></td>"
            f'<td style="text-align: left">{html.escape(f.message)}'
            f"<details><summary>witness</summary><pre>{html.escape(_listing(f.witness))}</pre></details></td></tr>"
            for f in self.findings
        ]
        rest = [*(f"taken for: {line}" for line in self.inputs), *(f"not run: {c}: {why}" for c, why in self.skipped.items())]
        return (
            f"<p><b>{html.escape(self.summary())}</b></p>"
            + (f"<table><tbody>{''.join(rows)}</tbody></table>" if rows else "")
            + "<details><summary>what was assumed, and what was not "
            f"run</summary><pre>{html.escape(chr(10).join(rest))}</pre></details>"
        )

    def to_json(self):
        """The report as JSON text; arrays are lists, and what is not finite is the string "nan", "inf" or "-inf"."""
        content = {
            "loss": self.loss,
            "ok": self.ok,
            "findings": [finding.as_dict() for finding in self.findings],
            "inputs": self.inputs,
            "checks": self.checks,
            "skipped": self.skipped,
        }
        return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)


def folded(text, width=76):
    """Each line in lines that fit a terminal and a page, with its indent."""
    lines = text.split("\n")
    indents = [line[: len(line) - len(line.lstrip())] for line in lines]
    fill = [textwrap.fill(x, width, subsequent_indent=i, break_on_hyphens=False) for x, i in zip(lines, indents)]
    return "\n".join(fill)


def brief(value):
    """A number, an array or a text, short enough for a line."""
    if isinstance(value, str) or value is None:
        return str(value)
    array = _array(value)
    if array is None:
        return str(value)
    if array.ndim == 0:
        return f"{array.item():.6g}" if array.dtype.kind == "f" else str(array.item())
    text = np.array2string(array, precision=4, threshold=24, edgeitems=3, separator=", ", max_line_width=100)
    return " ".join(text.split()) + (f"  shape {array.shape}" if array.ndim > 1 or array.size > 24 else "")


def _listing(witness):
    """The whole witness, array by array: the inputs with all digits, what came out with those that all machines share."""
    lines = [f"input {i} = {_plain(array)}" for i, array in enumerate(witness.get("inputs", ()))]
    return "\n".join(lines + [f"{name} = {_six_digits(_plain(value))}" for name, value in witness.items() if name != "inputs"])


def _six_digits(plain):
    if isinstance(plain, list):
        return [_six_digits(entry) for entry in plain]
    return float(f"{plain:.6g}") if isinstance(plain, float) else plain


def _array(value):
    return None if isinstance(value, tuple | list | dict) else numpy_of(value)


def _plain(value: Any):
    """What JSON can say."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(entry) for entry in value]
    array = _array(value)
    if array.ndim:
        return [_plain(entry) for entry in array]
    number = array.item()
    return number if not isinstance(number, float) or np.isfinite(number) else str(number)
