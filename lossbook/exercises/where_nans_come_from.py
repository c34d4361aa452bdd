"""Exercises of the chapter on the birth of NaNs."""

import math

import mpmath
import numpy as np
from sympy import log

from lossbook._result import Result
from lossbook._symbols import epsilon
from lossbook.exercises import exercise_for, same_formula, same_number

LARGEST = 65504.0  # of float16


@exercise_for(
    "nan.1",
    stub="largest = 12.0",
    hints=[
        "Which number overflows first: a single exponential, or their sum?",
        "All 1000 terms are equal, so the sum is 1000 exp(z). The largest float16 is 65504.",
    ],
    mistakes=[
        (math.log(LARGEST), "With this z a single exponential is still finite. But 1000 of them are added."),
        (math.log10(LARGEST / 1000), "You have taken the logarithm to base 10. The loss uses exp."),
        (math.log(3.4028e38 / 1000), "This is the limit of float32. The exercise asks for float16."),
    ],
)
def check_overflow(answer):
    r"""The largest logit.

    A classifier for $K = 1000$ classes runs in float16 and computes softmax by the naive formula. At the start of training all
    its logits are equal. What is the largest such logit $z$ for which the sum of the exponentials does not overflow? Give two
    decimals.
    """
    return same_number(answer, math.log(LARGEST / 1000), atol=0.006)


@exercise_for(
    "nan.2",
    stub="""
        def log1mexp(a):
            return np.log(1 - np.exp(-a))
        """,
    hints=[
        "Where does 1 - exp(-a) lose digits: at small a, at large a, or at both ends?",
        "np.expm1(x) is exp(x) - 1 and np.log1p(x) is log(1 + x), both without cancellation. Use one of them at each end.",
        "Switch from one form to the other near a = log 2.",
    ],
    mistakes=[
        (lambda a: np.log1p(-np.exp(-a)), "This is right for large a. What is exp(-a) for a tiny a?"),
        (lambda a: np.log(-np.expm1(-a)), "This is right for small a. What is -expm1(-a) for a large a?"),
        (
            lambda a: np.log(1 - np.exp(-a) + 1e-12),
            "A small constant moves the value: the answer must be right, not only finite.",
        ),
    ],
)
def check_log1mexp(answer):
    r"""Both ends.

    Write `log1mexp(a)`, which computes $\log(1 - e^{-a})$ for an array of positive numbers `a`, with a relative error below
    $10^{-12}$ from $a = 10^{-300}$ to $a = 700$.
    """
    a = np.array([1e-300, 1e-20, 1e-9, 1e-3, 0.3, 0.6, 0.8, 2.0, 20.0, 45.0, 300.0, 700.0])
    with np.errstate(all="ignore"):
        got = np.asarray(answer(a.copy()), float)
    if got.shape != a.shape:
        return Result(False, "verified", message=f"for {len(a)} numbers your answer has the shape {got.shape}")
    with mpmath.workdps(700):
        truth = np.array([float(mpmath.log(1 - mpmath.exp(-mpmath.mpf(x)))) for x in a])
    errors = np.abs(got / truth - 1)
    bad = ~(errors < 1e-12)
    if not bad.any():
        return Result(True, "verified", len(a), float(errors.max()))
    places = ", ".join(f"{x:g}" for x in a[bad])
    return Result(False, "verified", len(a), message=f"wrong at a = {places}", witness=int(bad.sum()))


@exercise_for(
    "nan.3",
    stub="""
        def entropy(p):
            return -(p * torch.log(p)).sum()
        """,
    hints=[
        "Look at the value first, then at the gradient: torch.autograd.grad(entropy(p), p).",
        "The logarithm must not see the 0. Which number can you give it instead, so that 0 times its logarithm is 0?",
    ],
    mistakes=[
        (
            lambda p: -_torch().where(p > 0, p * _torch().log(p), 0.0).sum(),
            "The value is right. But the slope of the branch that is not taken is infinite, and 0 times infinity is NaN.",
        ),
        (lambda p: -(p * _torch().log(p + 1e-7)).sum(), "Finite, but no longer the entropy: the constant changes every term."),
        (lambda p: (p * _torch().log(_torch().where(p > 0, p, 1.0))).sum(), "The zeros are in order. Look at the sign."),
    ],
)
def check_entropy(answer):
    r"""The entropy of a sure prediction.

    Write `entropy(p)`, which returns $-\sum_k p_k \log p_k$ of a torch vector in float64. Entries that are exactly 0 add nothing,
    and their gradient is finite (choose it yourself). The gradient of the others is right: $-\log p_k - 1$.
    """
    torch = _torch()
    for count, numbers in enumerate(([0.5, 0.25, 0.25], [0.75, 0.25, 0.0], [0.0, 1.0, 0.0], [1.0, 1e-30, 0.0]), 1):
        p = torch.tensor(numbers, dtype=torch.float64, requires_grad=True)
        value = answer(p)
        truth = -sum(x * math.log(x) for x in numbers if x)
        if not abs(value.item() - truth) < 1e-9:
            gap = f"{value.item() - truth:.1e}"
            return Result(False, "verified", count, message=f"at p = {numbers} your entropy is off by {gap}", witness=numbers)
        (slope,) = torch.autograd.grad(value, p)
        bad = [k for k, x in enumerate(numbers) if not math.isfinite(slope[k])]
        bad += [k for k, x in enumerate(numbers) if x and not abs(slope[k].item() + math.log(x) + 1) < 1e-9]
        if bad:
            where = f"the gradient by entry {bad[0]} is {slope[bad[0]].item():.4g}"
            return Result(False, "verified", count, message=f"at p = {numbers} {where}", witness=numbers)
    return Result(True, "verified", 4)


@exercise_for(
    "nan.4",
    stub="""
        from lossbook._symbols import epsilon
        from sympy import exp, log

        edge = -1 / epsilon
        """,
    hints=[
        "Divide the slope of -log(p + ε) by the slope of -log p. At which p is the quotient one half?",
        "The quotient is p/(p + ε), which is one half at p = ε. Now solve p = 1/(1 + exp(-z)) for z.",
    ],
    mistakes=[
        (epsilon, "This is the probability. The exercise asks for the logit."),
        (log(epsilon), "Close for a small ε. But z is the log of the odds p/(1 - p), not of p."),
        (log((1 - epsilon) / epsilon), "Look at the sign: this logit belongs to a sure and correct prediction."),
    ],
)
def check_edge(answer):
    r"""Half of the gradient.

    An example of the positive class has the logit $z$ and the probability $p = \sigma(z)$. Its loss is $-\log(p + \epsilon)$ with
    $0 < \epsilon < 1$, instead of $-\log p$. At which logit is the slope by $z$ half of what it would be without $\epsilon$? Give
    a formula in $\epsilon$, in SymPy.
    """
    return same_formula(answer, log(epsilon / (1 - epsilon)), given=(epsilon < 1,))


@exercise_for(
    "nan.5",
    stub="""
        def loss_scale(gradients):
            return 1024.0
        """,
    hints=[
        "Which of the gradients decides how far you can go? Where does float16 end?",
        "The largest power of two that is at most 65504 / max|g|: round its logarithm to base 2 down.",
    ],
    mistakes=[
        (lambda g: LARGEST / np.max(np.abs(g)), "Nothing overflows. But a scale that is no power of two rounds every gradient."),
        (lambda g: 2.0 ** np.ceil(np.log2(LARGEST / np.max(np.abs(g)))), "Rounded up, the largest gradient overflows."),
        (
            lambda g: 2.0 ** np.floor(np.log2(LARGEST / np.max(g))),
            "Gradients have a sign, and a large negative one overflows, too.",
        ),
    ],
)
def check_loss_scale(answer):
    r"""The largest loss scale.

    Write `loss_scale(gradients)` for an array of gradients, not all 0: the largest power of two $s$ for which $|s\,g|$ does not
    exceed 65504 for any gradient $g$.
    """
    cases = [np.array(case) for case in ([1e-3, -2e-5, 3e-8], [2e-6, 1e-9], [0.5, -40.0, 1e-4], [1.0, 0.0])]
    for count, g in enumerate(cases, 1):
        scale = float(answer(g.copy()))
        top = scale * float(np.max(np.abs(g)))
        message = ""
        if not (scale > 0 and math.frexp(scale)[0] == 0.5):
            message = f"{scale:.6g} is no power of two"
        elif not top <= LARGEST:
            message = f"the largest gradient becomes {top:.6g}"
        elif 2 * top <= LARGEST:
            message = f"the scale could be larger: the largest gradient becomes {top:.6g}"
        if message:
            return Result(False, "verified", count, message=f"for gradients {g.tolist()} {message}", witness=count)
    return Result(True, "verified", len(cases))


def _torch():
    """torch, which is slow to import, when an answer is judged."""
    import torch

    return torch
