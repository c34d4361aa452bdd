"""Exercises of the chapter "What does cross-entropy measure?"."""

import numpy as np
from scipy import special, stats

from lossbook._result import Result
from lossbook.exercises import exercise_for


def _torch_kl(*args, **options):
    import torch.nn.functional as F  # torch takes a second to import: only when an answer is checked

    return F.kl_div(*args, **options)


@exercise_for(
    "entropy.1",
    stub="""
        def extra_bits(q, p):
            return 0.0
        """,
    hints=[
        "Extra bits are a cross-entropy minus an entropy. Which logarithm counts bits?",
        "An event that never happens costs nothing, however long its code word is.",
        "An event that does happen and has no code word costs infinitely much.",
    ],
    mistakes=[
        (
            lambda q, p: np.sum(q * np.log2(q / p)),
            "Right for positive probabilities. What does 0 · log 0 give in floating point?",
        ),
        (lambda q, p: np.sum(special.rel_entr(q, p)), "These are nats."),
        (
            lambda q, p: np.sum(special.rel_entr(p, q)) / np.log(2),
            "The symbols follow q. With which weights is the waste averaged?",
        ),
    ],
)
def check_extra_bits(answer):
    r"""Wasted bits.

    A code was built for the probabilities `p`, the symbols follow `q`. Write `extra_bits(q, p)`: how many bits per symbol
    the code wastes. Some entries of `q` or of `p` may be 0.
    """
    rng = np.random.default_rng(1)
    cases = [(rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(5))) for _ in range(20)]
    cases += [(np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.25, 0.5])), (np.array([0.5, 0.5]), np.array([1.0, 0.0]))]
    for q, p in cases:
        with np.errstate(all="ignore"):
            got = float(answer(q, p))
        want = stats.entropy(q, p, base=2)
        if not (got == want or abs(got - want) < 1e-9):
            message = f"for q = {q.round(3)} and p = {p.round(3)} the answer is {got:.4g}"
            return Result(False, "verified", points=len(cases), worst=abs(got - want), witness=(q, p), message=message)
    return Result(True, "verified", points=len(cases))


@exercise_for(
    "entropy.2",
    stub="""
        def floor(epsilon, classes):
            return 1.0
        """,
    hints=[
        "Which distribution is the target after smoothing?",
        "The least cross-entropy with a soft target is a quantity of the target alone.",
    ],
    mistakes=[
        (lambda epsilon, classes: 0.0, "A loss of 0 needs a target that is certain. Is it, after smoothing?"),
        (
            lambda epsilon, classes: float(special.entr(1 - epsilon) + (classes - 1) * special.entr(epsilon / classes)),
            "The label keeps a little more than 1 - ε: read the recipe again.",
        ),
    ],
)
def check_smoothing_floor(answer):
    r"""The floor under a smoothed loss.

    Write `floor(epsilon, classes)`: the least value, in nats, of the cross-entropy with label smoothing $\epsilon$.

    Smoothing puts $1 - \epsilon + \epsilon/K$ on the label and $\epsilon/K$ on every other class.
    """
    for epsilon, classes in [(0.1, 10), (0.2, 2), (0.01, 1000), (0.0, 5)]:
        target = np.full(classes, epsilon / classes)
        target[0] += 1 - epsilon
        with np.errstate(all="ignore"):
            got = float(answer(epsilon, classes))
        want = float(np.sum(special.entr(target)))
        if not abs(got - want) < 1e-9:
            side = "no finite number" if not np.isfinite(got) else "too high" if got > want else "too low"
            message = f"for epsilon = {epsilon} and {classes} classes the answer is {side}"
            return Result(False, "verified", points=4, worst=abs(got - want), witness=(epsilon, classes), message=message)
    return Result(True, "verified", points=4)


@exercise_for(
    "entropy.3",
    stub="""
        def kl_normal(m1, s1, m2, s2):
            return 0.0
        """,
    hints=[
        "Write the logarithm of the ratio of the two densities: a quadratic in x.",
        "Under the first distribution, the mean of (x - m1)² is s1², and that of (x - m2)² is s1² + (m1 - m2)².",
        "Check your formula at s1 = s2 = 1 against the one in this chapter.",
    ],
    mistakes=[
        (lambda m1, s1, m2, s2: (m1 - m2) ** 2 / 2, "This is the case s1 = s2 = 1. Now let the scales differ."),
        (
            lambda m1, s1, m2, s2: np.log(s1 / s2) + (s2**2 + (m1 - m2) ** 2) / (2 * s1**2) - 1 / 2,
            "The other direction. Under which of the two distributions is the mean taken?",
        ),
        (
            lambda m1, s1, m2, s2: np.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2),
            "Nearly: put m1 = m2 and s1 = s2. What should the divergence be?",
        ),
    ],
)
def check_kl_of_two_normals(answer):
    r"""The divergence of two normals.

    Write `kl_normal(m1, s1, m2, s2)`: the divergence $\mathrm{KL}$ of the normal distribution with mean $m_1$ and standard
    deviation $s_1$ from the one with $m_2$ and $s_2$, in nats. Afterwards: when is it symmetric?
    """
    rng = np.random.default_rng(4)
    for _ in range(20):
        m1, m2 = rng.normal(0, 2, size=2)
        s1, s2 = rng.uniform(0.3, 3, size=2)
        x = np.linspace(m1 - 12 * s1, m1 + 12 * s1, 20001)
        log_first, log_second = stats.norm.logpdf(x, m1, s1), stats.norm.logpdf(x, m2, s2)
        want = np.trapezoid(np.exp(log_first) * (log_first - log_second), x)
        got = float(answer(m1, s1, m2, s2))
        if not abs(got - want) < 1e-6:
            message = f"at ({m1:.3f}, {s1:.3f}, {m2:.3f}, {s2:.3f}) it is off by {got - want:.4g} from the integral"
            return Result(False, "verified", points=20, worst=abs(got - want), witness=(m1, s1, m2, s2), message=message)
    return Result(True, "verified", points=20)


@exercise_for(
    "entropy.4",
    stub="""
        def kl_from_logits(logits, target):
            return logits.sum()
        """,
    hints=[
        "Which of the two arguments of torch.nn.functional.kl_div is in logarithms?",
        "log_softmax turns logits into logarithms of probabilities.",
        "What does the default reduction divide by?",
    ],
    mistakes=[
        (
            lambda logits, target: _torch_kl(logits.softmax(-1), target, reduction="batchmean"),
            "No divergence is negative. In which form does kl_div want its first argument?",
        ),
        (
            lambda logits, target: _torch_kl(logits.log_softmax(-1), target),
            "Exactly a quarter, with four classes: what does the default reduction divide by?",
        ),
        (
            lambda logits, target: _torch_kl(logits.log_softmax(-1), target, reduction="sum"),
            "A sum over the examples. The mean was asked for.",
        ),
    ],
)
def check_kl_div(answer):
    r"""kl_div without traps.

    Write `kl_from_logits(logits, target)` with `torch.nn.functional.kl_div`: the mean over the examples of
    $\mathrm{KL}(q\,\|\,p)$, where `target` holds $q$ and $p$ is the softmax of `logits`. Both are tensors of shape $(n, K)$.
    """
    import torch

    rng = np.random.default_rng(6)
    logits, target = rng.normal(size=(7, 4)), rng.dirichlet(np.ones(4), size=7)
    want = float(np.mean(np.sum(special.rel_entr(target, special.softmax(logits, axis=1)), axis=1)))
    got = float(answer(torch.tensor(logits), torch.tensor(target)))
    if abs(got - want) < 1e-9:
        return Result(True, "verified", points=7)
    if got < 0:
        message = "the result is negative, which no divergence is"
    elif abs(got - want / 4) < 1e-9:
        message = "the result is exactly a quarter of what it should be, and there are four classes"
    else:
        message = f"the result is {got:.4f}, off by {got - want:.4f}"
    return Result(False, "verified", points=7, worst=abs(got - want), message=message)
