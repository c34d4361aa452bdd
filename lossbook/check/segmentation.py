"""Losses of whole masks: what they are on sets of pixels, and which prediction they ask for when the truth is uncertain."""

import itertools

import numpy as np
import sympy

from .. import _points
from .._result import Result
from .._symbols import i, j
from ._kind import as_card, kind, largest, settings, values


def _maps(pixels):
    """All 2^pixels masks, one per row."""
    return np.array(list(itertools.product([0.0, 1.0], repeat=pixels)))


def _pairs(first, second):
    """Every row of the first with every row of the second, the second changing fastest."""
    return np.repeat(first, len(second), axis=0), np.tile(second, (len(first), 1))


@kind("on all pairs of masks it is {name}")
def set_function(card, *, of, name, arguments=None, params=None, pixels=6):
    """Every mask of a few pixels with every other, against the definition `of(A, B)` for sets, in fractions.

    `arguments(found, true)` makes the arrays of the loss of the masks, where it does not take them as they are.
    """
    found, true = _pairs(_maps(pixels), _maps(pixels))
    want = [float(of(*({p for p in range(pixels) if m[p]} for m in pair))) for pair in zip(found, true)]
    got = values(card, (arguments or (lambda *masks: masks))(found, true), _points.required(card) | (params or {}))
    gaps = np.abs(got - want)
    worst, at = largest(gaps), int(np.argmax(gaps))
    ok = worst < 1e-14
    return Result(ok, "enumerated", len(want), worst, None if ok else {"found": found[at].tolist(), "true": true[at].tolist()})


@kind(
    "on masks it is a distance: symmetric, 0 only between equals, and never longer by way of a third", "on masks not a distance"
)
def metric_on_sets(card, *, at=None, params=None, pixels=4):
    """All triples of masks of a few pixels, the empty one among them; `at` is one triple."""
    masks = _maps(pixels) if at is None else np.array(at, dtype=float)
    distance = values(card, _pairs(masks, masks), _points.required(card) | (params or {})).reshape(len(masks), len(masks))
    detour = np.min(distance[:, :, None] + distance[None], axis=1)
    equal = np.all(masks[:, None] == masks, axis=-1)
    worst = largest([np.max(distance - detour), np.max(np.abs(distance - distance.T)), np.max(np.abs(distance[equal]))])
    apart = np.min(distance[~equal])
    return Result(worst < 1e-14 and apart > 0, "enumerated", len(masks) ** 3, worst, message=f"smallest distance {apart:.3g}")


@kind(
    "submodular in the set of wrong pixels: the more are wrong, the less one more adds; so its Lovász extension is convex",
    "not submodular in the set of wrong pixels: one more may add more the more are wrong; so its Lovász extension is not convex",
)
def submodular(card, *, at=None, arguments=None, params=None, pixels=5):
    """f(A ∪ B) + f(A ∩ B) ≤ f(A) + f(B) for all sets A, B of wrong pixels and every true mask (`at`: for the true mask given)."""
    wrong, worst = _maps(pixels if at is None else len(at)), -np.inf
    sets = np.arange(len(wrong))
    for true in wrong if at is None else [np.array(at, dtype=float)]:
        masks = np.abs(wrong - true), np.tile(true, (len(wrong), 1))  # the prediction that is wrong there, and the truth
        f = values(card, (arguments or (lambda *masks: masks))(*masks), _points.required(card) | (params or {}))
        excess = f[sets[:, None] | sets] + f[sets[:, None] & sets] - f[:, None] - f
        worst = largest([worst, excess.max()])
    return Result(worst < 1e-14, "enumerated", len(wrong) ** (3 if at is None else 2), worst)


@kind("its values fill the range from {low} to {high}")
def fills(card, *, low, high):
    """No value found lies outside, and some come within 0.1 % of either end."""
    found = [
        values(card, arrays, setting)
        for setting in settings(card, None)
        for arrays in (_points.ordinary(card, n=2000, seed=3), _points.hard(card))
    ]
    found = np.concatenate(found)
    outside = largest([low - found.min(), found.max() - high])
    reached = found.min() <= low + 1e-3 and found.max() >= high - 1e-3
    span = f"found {found.min():.3g} to {found.max():.3g}"
    return Result(outside <= 1e-12 and reached, "searched", len(found), outside, message=span)


@kind("monotone in each pixel{form}, the others held: its least value is at a mask of 0 and 1, even for soft targets")
def best_at_masks(card, *, form="", where=None):
    """The numerator of its derivative in one pixel does not hold that pixel, nor does a factor of another sign.

    In each sum the pixel is set apart; what the others add to it is a symbol. Then a ratio of sums has a numerator of degree 0.
    """
    formula = card.formula.subs(where or {}, simultaneous=True)
    pixel = card.prediction[j]
    rest = iter(sympy.symbols("rest:9", nonnegative=True))

    def apart(total):
        return total.function.subs(i, j) + next(rest)

    sums = {total: apart(total) for total in sorted(formula.atoms(sympy.Sum), key=str)}
    slope = sympy.factor(sympy.diff(formula.xreplace(sums), pixel))
    above, below = sympy.fraction(slope)
    squared = all(power % 2 == 0 for factor, power in sympy.factor_list(below)[1] if factor.has(pixel))
    ok = bool(sums) and not above.has(pixel) and squared
    return Result(ok, "proved", message=f"the sign of the slope is that of {above}" if ok else f"slope {slope}")


@kind("for the soft target {target} it is least at {best}", "for the soft target {target} it is not least at {best}")
def least_at(card, *, target, best, params, at=None):
    """No prediction on a grid of step 1/20, and none of 5000 random ones, has a smaller value; `at` is one other prediction."""
    setting = _points.required(card) | params
    if at is not None:
        here, there = (card.exactly([np.array(p), np.array(target)], setting) for p in (best, at))
        return Result(here <= there, "proved", 1, float(here - there))
    grid = np.array(list(itertools.product(np.linspace(0, 1, 21), repeat=len(target))))
    others = np.concatenate([grid, np.random.default_rng(38).random((5000, len(target)))])
    truth = np.tile(target, (len(others), 1))
    excess = values(card, [others, truth], setting) - values(card, [np.array([best], float), truth[:1]], setting)
    near = np.all(np.abs(others - best) < 1e-9, axis=1)
    ok = excess.min() > -1e-12 and excess[~near].min() > 0
    witness = None if ok else others[np.argmin(excess)].tolist()
    return Result(ok, "searched", len(others), -float(excess.min()), witness)


ETAS = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7]


def _risk(card, predictions, chances, setting):
    """The expected loss of each prediction over all label maps of independent pixels with these chances."""
    maps = _maps(len(chances))
    weights = np.prod(np.where(maps == 1, chances, 1 - np.asarray(chances)), axis=1)
    return values(card, _pairs(predictions, maps), setting).reshape(len(predictions), len(maps)) @ weights


@kind(
    "for six independent pixels that are each in the mask with probability 0.2 to 0.7, it is least on average for all ones, "
    "and not for that probability",
    "for six independent pixels of one probability, not least on average for all ones",
)
def fills_the_mask(card, *, params):
    """The mean over all 64 label maps, for all 64 masks, for constants of step 1/100 and for 300 random predictions."""
    setting, masks = _points.required(card) | params, _maps(6)[::-1]
    constants = np.repeat(np.linspace(0, 0.99, 100)[:, None], 6, axis=1)
    others = np.concatenate([masks, constants, np.random.default_rng(39).random((300, 6))])
    worst = -np.inf
    for eta in ETAS:
        risk = _risk(card, others, [eta] * 6, setting)
        worst = largest([worst, risk[0] - risk[1:].min()])
    return Result(worst < 0, "enumerated", len(ETAS) * len(others) * 64, worst)


@kind("the more beta outweighs alpha = 1 - beta, the more pixels has the mask that is best on average")
def marks_more_with_beta(card):
    """All 64 masks against all 64 label maps of six independent pixels: from beta 0.1 to 0.9 the best mask grows by 2 or more."""
    chances, masks = [0.05, 0.1, 0.2, 0.35, 0.5, 0.7], _maps(6)
    sizes = []
    for beta in (0.1, 0.3, 0.5, 0.7, 0.9):
        risk = _risk(card, masks, chances, {"alpha": 1 - beta, "beta": beta})
        sizes.append(int(masks[np.argmin(risk)].sum()))
    ok = np.all(np.diff(sizes) >= 0) and sizes[-1] >= sizes[0] + 2
    return Result(ok, "enumerated", 5 * 64 * 64, message=f"pixels in the best mask: {sizes}")


@kind(
    "the mean over the images is its value for the pixels of all images together",
    "the mean over the images is not its value for the pixels of all images together",
)
def pools(card, *, at=None, params=None):
    """Random pairs of images, or the two in `at`: their predictions and their targets."""
    setting, worst, count = _points.required(card) | (params or {}), 0.0, 0
    batches = [[a[k : k + 2] for a in _points.ordinary(card, n=40, seed=40)] for k in range(0, 40, 2)] if at is None else [at]
    for batch in batches:
        batch = [np.array(a, dtype=float) for a in batch]
        together = values(card, [a.reshape(1, -1) for a in batch], setting)[0]
        worst, count = largest([worst, abs(values(card, batch, setting).mean() - together)]), count + 1
    return Result(worst < 1e-12, "verified", count, worst)


@kind("the mean over the classes of the Dice loss", "not the mean over the classes of the Dice loss: the weights do not cancel")
def mean_of_classes(card, *, at=None):
    """Random images of three classes, or the one in `at`: its predictions and its target."""
    arrays = _points.ordinary(card, n=50, seed=41) if at is None else [np.array(a, dtype=float)[None] for a in at]
    gaps = np.abs(values(card, arrays, {}) - values(as_card("dice"), arrays, {"class_axis": 1}))
    return Result(gaps.max() < 1e-12, "verified", len(gaps), largest(gaps))


@kind("convex in {name}, which stay between 0 and 1")
def convex_among(card, *, name, segments=4000):
    """The chord between two predictions that are allowed lies above the loss."""
    (low, *rest), high = _points.ordinary(card, n=segments, seed=42), _points.ordinary(card, n=segments, seed=43)[0]
    weight = np.random.default_rng(44).random(segments)
    share = weight.reshape(-1, *[1] * (low.ndim - 1))
    left, right, middle = (values(card, [p, *rest], {}) for p in (low, high, share * low + (1 - share) * high))
    worst = largest(middle - weight * left - (1 - weight) * right)
    return Result(worst < 1e-12, "searched", segments, worst)
