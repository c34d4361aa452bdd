"""The command line: python -m lossbook audit mymodule:MyLoss --inputs "logits[8,10]" "labels[8]<10"."""

import importlib
import inspect
import sys

import numpy as np

from . import examine
from .case import Case
from .roles import draw


def run(chosen):
    """Audit what was chosen and print the report; 1 if there are errors, 2 if it cannot be audited."""
    try:
        inputs = inputs_of(chosen.inputs, chosen.seed, chosen.numpy)
        loss = find(chosen.loss)
        reference = None if chosen.reference is None else find(chosen.reference)
        options = {"wrt": tuple(int(i) for i in chosen.wrt.split(",")), "minimum_at_target": not chosen.no_minimum}
        case = Case(loss, list(inputs.values()), reference=reference, claims=chosen.claims, names=list(inputs), **options)
        report = examine(case, progress=bar if sys.stderr.isatty() else None)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2
    print(report.to_json() if chosen.json else report)
    return 0 if report.ok else 1


def inputs_of(specs, seed, as_numpy):
    """{name: array} of the inputs described; tensors in float32, as most people train."""
    rng = np.random.default_rng(seed)
    drawn = dict(draw(spec, rng) for spec in specs)
    if len(drawn) < len(specs):
        raise ValueError(f"each input needs a name of its own, got {', '.join(specs)}")
    if as_numpy:
        return drawn
    import torch

    tensors = {name: torch.as_tensor(array) for name, array in drawn.items()}
    return {name: x.float() if x.is_floating_point() else x for name, x in tensors.items()}


def find(path):
    """The object that "module:name" names; the current directory is searched, too."""
    module, _, name = path.partition(":")
    if not name:
        raise ValueError(f'a loss is named "module:name", got {path!r}')
    if "" not in sys.path:
        sys.path.insert(0, "")
    found = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found() if inspect.isclass(found) else found


def bar(done, count, name, width=24):
    """A line on the terminal that says how far it is."""
    full = round(width * done / count)
    text = f"[{'#' * full}{'.' * (width - full)}] {done}/{count} {name}"
    sys.stderr.write(f"\r{text:<70}" if done < count else "\r" + " " * 70 + "\r")
    sys.stderr.flush()
