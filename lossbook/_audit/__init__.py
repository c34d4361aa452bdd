"""`audit`: the checks of the book, turned on your own loss.

    import torch, lossbook

    def my_loss(logits, labels):
        p = logits.softmax(-1)
        return -torch.log(p[range(len(labels)), labels]).mean()

    report = lossbook.audit(my_loss, torch.randn(8, 10), torch.randint(10, (8,)))
    print(report)                      # what it saw, with the inputs that show it, why it matters, how to mend it
    report.ok                          # no finding is an error
    report.findings[0].witness         # {"inputs": (...), ...}: my_loss(*witness["inputs"]) shows it again
    report.findings[0].page            # where the book explains it

In a test: ``lossbook.assert_loss_is_sound(my_loss, logits, labels)``. On the command line:
``python -m lossbook audit mymodule:MyLoss --inputs "logits[8,10]" "labels[8]<10"``.

A check is a generator ``check_x(case)`` that yields a `Finding` for what it saw happen, in the file of its family: gradient, hard
inputs, precision, batch, reduction, what is ignored, meaning, claims, transforms. `case` is the loss with its example batch
(case.py). What each input is taken for, roles.py guesses, and the report tells.
"""

import warnings

import numpy as np

from . import batch, claims, gradient, hard, ignored, meaning, precision, reduction, transforms
from .arrays import untouched_randomness
from .case import Case, Hopeless, NotRun, Refused
from .report import SEVERITIES, Finding, Report

FIRST = [*batch.FIRST, *precision.FIRST]  # what the others build on
CHECKS = [
    *FIRST,
    *gradient.CHECKS,
    *hard.CHECKS,
    *precision.CHECKS,
    *batch.CHECKS,
    *reduction.CHECKS,
    *ignored.CHECKS,
    *meaning.CHECKS,
    *claims.CHECKS,
    *transforms.CHECKS,
]


def audit(loss, *inputs, reference=None, minimum_at_target=True, claims=(), wrt=0):
    """Look for what people get wrong in a loss, by calling it: gradients, hard inputs, means and masks, shapes, dtypes.

    `loss` is any function or torch module that returns one number or one value per example; `inputs` is an example batch, of
    NumPy or of torch arrays, with a few ordinary examples. `wrt` are the positions of the inputs that the model predicts (a
    number or several). `reference` is a loss that it should equal. `minimum_at_target=False` says that the loss is not meant to
    be least where the prediction is the target. `claims` are names of checks in ``lossbook.check``, such as ``"convex"``, with
    options, ``("lipschitz", {"bound": 1})``, or claims of a Card. NumPy has no autograd: derivatives are then differences.

    Returns a `Report`: `ok` (no error), `findings` (the worst first), `to_json()`. Every finding is something that happened,
    with the inputs that show it: an error is wrong whatever the loss is for, a warning may be meant, info is good to know.

    Raises TypeError for what is no loss or no array, ValueError for a claim or an input that does not exist.

    >>> import numpy as np
    >>> report = audit(lambda pred, target: ((pred - target) ** 2).sum() / 8, np.arange(4.0), np.ones(4) / 2)
    >>> report.ok, [finding.check for finding in report.findings]
    (True, ['broadcasting'])
    >>> audit(lambda pred, target: (pred - target).mean(), np.arange(4.0), np.ones(4) * 2).errors[0].check
    'minimum'
    """
    case = Case(loss, inputs, reference=reference, minimum_at_target=minimum_at_target, claims=claims, wrt=wrt)
    return examine(case)


def assert_loss_is_sound(loss, *inputs, **options):
    """For a test: `audit` sees no error, or AssertionError says which, with the inputs that show it. Options as for `audit`."""
    report = audit(loss, *inputs, **options)
    if not report.ok:
        raise AssertionError("\n\n".join([report.summary(), *map(str, report.errors)]))


def examine(case, checks=None, progress=None):
    """Run the checks (all, unless some are named) on a case; `progress(done, count, name)` is told before each."""
    checks = CHECKS if checks is None else [*FIRST, *(c for c in checks if c not in FIRST)]
    names = [check.__name__.removeprefix("check_") for check in checks]
    for claim in case.claims:
        claims.read(claim)  # a claim that does not exist is bad use: say so first
    findings, skipped, hopeless = [], {}, None
    with warnings.catch_warnings(), np.errstate(all="ignore"), untouched_randomness():
        warnings.simplefilter("ignore")
        for done, (name, check) in enumerate(zip(names, checks)):
            if progress:
                progress(done, len(checks), name)
            if hopeless:
                skipped[name] = hopeless
                continue
            try:
                for finding in check(case):
                    findings.append(finding)
            except (NotRun, Refused) as reason:
                skipped[name] = str(reason)
            except Hopeless as reason:
                hopeless = str(reason)
        if progress:
            progress(len(checks), len(checks), "")
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    described = [info.describe(x) for info, x in zip(case.info, case.inputs)]
    return Report(case.name, findings, described, names, skipped)


__all__ = ["CHECKS", "Case", "Finding", "Report", "assert_loss_is_sound", "audit", "examine"]
