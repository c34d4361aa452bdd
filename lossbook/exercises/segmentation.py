"""Exercises of the chapter on segmentation and boxes."""

import itertools

import numpy as np
import sympy as sp

from lossbook._result import Result
from lossbook._symbols import L
from lossbook.exercises import exercise_for, same_formula, same_function, same_number
from lossbook.segmentation import dice


def _dice_of_kept(p, y, keep):
    return float(dice(p[None, keep], y[None, keep]))


def _cases_with_a_border():
    """Masks of six pixels: the predictions on the ignored ones, the targets there, or both are not 0."""
    p = np.array([0.9, 0.2, 0.6, 0.3, 0.8, 0.5])
    y = np.array([1.0, 0.0, 1.0, 0.0, 1.0, 0.0])
    for keep in ([1, 1, 1, 1, 0, 0], [1, 1, 0, 1, 1, 0], [0, 1, 1, 0, 1, 1]):
        yield p, y, np.array(keep, dtype=bool)


@exercise_for(
    "mask.1",
    stub="""
        import numpy as np

        def dice_ignoring(p, y, keep):
            return 1 - 2 * np.sum(p * y) / np.sum(p + y)
        """,
    hints=[
        "A pixel is in three sums: p·y, p and y. An ignored pixel must be in none of them.",
        "What must p and y be at a pixel, so that it adds 0 to each of the three sums?",
    ],
    mistakes=[
        (
            lambda p, y, keep: 1 - 2 * np.sum(p * y * keep) / np.sum(p + y * keep),
            "The target is gone at the ignored pixels. What the prediction says there is still counted as a false alarm.",
        ),
        (
            lambda p, y, keep: 1 - 2 * np.sum(p * y * keep) / np.sum(p * keep + y),
            "The prediction is gone at the ignored pixels. Their targets are still counted as misses.",
        ),
        (
            lambda p, y, keep: np.mean(keep) * (1 - 2 * np.sum(p * y) / np.sum(p + y)),
            "This scales the loss of all pixels. The ignored ones are still in every sum.",
        ),
    ],
)
def check_ignored_pixels(answer):
    r"""Pixels that nobody has labelled.

    Write `dice_ignoring(p, y, keep)`: the soft Dice loss without smoothing of one mask, for arrays `p` and `y` of shape (n,), in
    which only the pixels with `keep` true count. The result is a number.
    """
    return same_function(answer, _dice_of_kept, list(_cases_with_a_border()))


@exercise_for(
    "mask.2",
    stub="eta = 0.6",
    hints=[
        "For many pixels the expected squared Dice loss of the constant c is 1 - 2cη / (c² + η).",
        "Its derivative is zero where c² equals something. Solve for η.",
    ],
    mistakes=[
        (0.6, "This would be right for a proper loss. The chapter has derived where the squared form has its minimum."),
        (0.6**0.5, "The right relation, solved for the wrong side: the best constant is larger than η, not smaller."),
    ],
)
def check_read_back_a_constant(answer):
    r"""What a number means.

    A network without inputs was trained with the squared Dice loss on large masks, and answers $c = 0.6$ at every pixel. Its
    pixels are independent and all equally likely to be in the mask. How likely? Give the number to four digits.
    """
    return same_number(answer, 0.36)


@exercise_for(
    "mask.3",
    stub='threshold = "1/2"',
    hints=[
        "Let the mask have a hits and the union u pixels, so that L = 1 - a/u. A further pixel is in the target with "
        "probability η: then it adds a hit, and the union has it already. If not, the union grows.",
        "(a + η) / (u + 1 - η) is larger than a / u where ηu > a (1 - η).",
        "Solve for η, and write a/u as 1 - L.",
    ],
    mistakes=[
        ("(1 - L) / 2", "This is the rule for the Dice loss. In the Jaccard loss a hit does not enlarge the union."),
        ("1 - L", "Close: you have forgotten that a hit was in the union before it was marked."),
        ("(1 - L) / (1 + L)", "With the score J = 1 - L the numerator is right. The denominator is 1 + J, not 1 + L."),
        ("L / (1 + L)", "You have used the loss where the score 1 - L belongs."),
    ],
)
def check_jaccard_threshold(answer):
    r"""The threshold of the other overlap.

    In a large image with independent pixels, the best mask for the Jaccard loss has the expected loss $L$, a ratio of expected
    counts. It marks the pixels whose probability exceeds a number that depends on $L$ alone. Give this number as a formula in
    $L$ (a text, such as `"L/2"`).
    """
    return same_formula(answer, (1 - L) / (2 - L), given=(sp.Gt(L, 0), sp.Lt(L, 1)))


def _expected_dice(p, mask):
    return 2 * np.sum(p * mask) / (np.sum(mask) + np.sum(p))


@exercise_for(
    "mask.4",
    stub="""
        import numpy as np

        def best_mask(p):
            return p > 0.5
        """,
    hints=[
        "If k pixels are marked, which k should they be?",
        "So there are only n masks to compare: the k most probable pixels, for k from 1 to n.",
        "Sort the probabilities; a cumulative sum gives the hits of all n masks at once.",
    ],
    mistakes=[
        (lambda p: p > p.mean(), "The mean is not the rule. Compare the pixel with half of the best score."),
        (lambda p: p > p.max() / 2, "Half of the best score is needed, not half of the largest probability."),
        (lambda p: p >= 0, "All pixels: right if they are equally probable, and only then."),
        (lambda p: p > 0.5, "One half is the best threshold for the number of wrong pixels. The overlap asks for another one."),
    ],
)
def check_best_mask(answer):
    r"""From probabilities to an overlap.

    You have a calibrated probability `p` (n,) for each pixel. Write `best_mask(p)`: the boolean mask $M$ (n,) with the largest
    $2 \sum_{i \in M} p_i / (|M| + \sum_i p_i)$.
    """
    rng = np.random.default_rng(20)
    cases = [rng.beta(a, b, 9) for a, b in ((1, 1), (1, 4), (1, 9), (4, 1), (0.3, 0.3))]
    masks = np.array(list(itertools.product([0, 1], repeat=9)))[1:]
    worst, witness = 0.0, None
    for p in cases:
        mask = np.asarray(answer(p.copy()))
        if mask.shape != p.shape or not np.all((mask == 0) | (mask == 1)):
            return Result(False, "enumerated", message=f"for {len(p)} pixels your mask has shape {mask.shape}, or is not 0 and 1")
        best = max(_expected_dice(p, other) for other in masks)
        gap = best - _expected_dice(p, mask)
        if gap > worst + 1e-12:
            worst, witness = float(gap), p.round(3).tolist()
    message = f"for p = {witness} another mask scores {worst:.4g} more" if witness else ""
    return Result(worst < 1e-12, "enumerated", len(cases) * len(masks), worst, witness, message)


@exercise_for(
    "mask.5",
    stub="""
        target = [[1, 1, 1, 1], [1, 0, 0, 0]]
        first = [[1, 1, 1, 1], [1, 0, 0, 0]]
        second = [[1, 1, 1, 1], [1, 0, 0, 0]]
        answer = (target, first, second)
        """,
    hints=[
        "In the pool an image counts by its pixels; in the mean every image counts the same.",
        "Let one prediction find the large mask and miss the small one, and the other do the opposite.",
    ],
    mistakes=[
        (
            ([[1, 1, 1, 1], [1, 1, 1, 1]], [[1, 1, 1, 1], [0, 0, 0, 0]], [[1, 1, 1, 0], [1, 1, 0, 0]]),
            "Both masks are equally large. Then the pool has no large image that could decide.",
        ),
        (
            ([[1, 1, 1, 1], [1, 0, 0, 0]], [[0, 0, 0, 0], [1, 0, 0, 0]], [[1, 1, 1, 1], [0, 0, 0, 0]]),
            "Both averages prefer the same one, or cannot decide. Let the prediction that finds the small mask find a part "
            "of the large one, too.",
        ),
    ],
)
def check_two_rankings(answer):
    r"""Two averages, two winners.

    Give `(target, first, second)`, three lists of two masks of 0 and 1 (two rows of equal length): the first prediction must be
    better than the second by the Dice loss of the *pooled* pixels, and worse by the *mean* of the two Dice losses. No target may
    be empty.
    """
    target, first, second = (np.array(masks, dtype=float) for masks in answer)
    shapes = {masks.shape for masks in (target, first, second)}
    if len(shapes) != 1 or target.ndim != 2 or len(target) != 2:
        return Result(False, "verified", message=f"three arrays of two rows each are needed, got the shapes {sorted(shapes)}")
    if not target.any(axis=1).all():
        return Result(False, "verified", message="a target is empty")
    mean = [float(dice(masks, target)) for masks in (first, second)]
    pool = [float(dice(masks.reshape(1, -1), target.reshape(1, -1))) for masks in (first, second)]
    ok = pool[0] < pool[1] - 1e-12 and mean[0] > mean[1] + 1e-12
    message = f"pooled losses {pool[0]:.4g} and {pool[1]:.4g}, mean losses {mean[0]:.4g} and {mean[1]:.4g}"
    return Result(ok, "verified", 2, message="" if ok else message, witness=None if ok else [*pool, *mean])
