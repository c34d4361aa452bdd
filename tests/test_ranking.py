"""What only the ranking losses have: orders and ties, ranks and their limits, NDCG and AUC as scikit-learn computes them."""

import functools
import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import ndcg_score, roc_auc_score

from lossbook import CARDS, card, check
from lossbook.check.ranking import _work, ndcg
from lossbook.check.survival import by_sample
from lossbook.ranking import CROSSED, LOOP, _pairs

INF = np.inf
RNG = np.random.default_rng(0)
SCORES, RELEVANCE = 2 * RNG.standard_normal((8, 6)), RNG.integers(0, 4, (8, 6)).astype(float)


def call(name, *arrays, **options):
    return CARDS[name].function(*arrays, **options)  # through CARDS, where the mutants live


def changed(name, change):
    """The card of a loss whose function returns change(value, *arrays)."""
    sound = card(name)

    def function(*arrays, reduction="mean", **params):
        return change(sound.function(*arrays, reduction=reduction, **params), *arrays)

    function.__name__ = name
    function.__dict__.update(sound.function.__dict__)
    return replace(sound, function=function)


def scaled(name, factor):
    return changed(name, lambda value, *_: factor * value)


def twisted(scores, relevance, **_):
    """A field that is no gradient: each score pulls at the next."""
    return np.roll(scores, 1, axis=-1) ** 2


def upside_down(name):
    """The card of a loss that takes the scores with the other sign, at a margin of 1."""
    turned = changed(name, lambda value, *_: value)
    function, gradient = turned.function, turned.gradient

    def of_minus(scores, *rest, margin=None, **options):
        return function(-scores, *rest, **options)

    of_minus.__name__ = name
    of_minus.__dict__.update(function.__dict__)
    return replace(turned, function=of_minus, gradient=lambda scores, *rest, **_: -gradient(-scores, *rest))


FAILURES = [
    ("balanced", lambda: check.balanced(replace(card("listnet"), gradient=twisted))),
    ("balanced, a pair", lambda: check.balanced(replace(card("pairwise_logistic"), gradient=lambda p, o: (p, p)))),
    ("separates", lambda: check.separates("margin_ranking", params={"margin": 0.0})),
    ("separates, at equal scores", lambda: check.separates("margin_ranking", params={"margin": 0.0}, at=(1.0, 1.0))),
    ("best_difference", lambda: check.best_difference("pairwise_logistic", difference="2*log(eta/(1 - eta))")),
    ("best_difference, a hinge", lambda: check.best_difference("margin_ranking", difference="log(eta/(1 - eta))")),
    ("ranks_as_ndcg", lambda: check.ranks_as_ndcg("listmle", at=CROSSED)),
    ("bounds_ndcg, too small", lambda: check.bounds_ndcg(scaled("lambda_rank", 0.99))),
    ("bounds_ndcg, too loose", lambda: check.bounds_ndcg(scaled("lambda_rank", 1.1))),
    ("bounds_reciprocal_rank", lambda: check.bounds_reciprocal_rank(scaled("listnet", 0.5))),
    ("bounds_reciprocal_rank, too loose", lambda: check.bounds_reciprocal_rank(changed("listnet", lambda v, *_: v + 0.1))),
    ("orders_sum_to_one", lambda: check.orders_sum_to_one(scaled("listmle", 1.001))),
    ("orders_sum_to_one, another loss", lambda: check.orders_sum_to_one("listnet")),
    ("bounds_auc", lambda: check.bounds_auc(scaled("pairwise_squared_hinge", 0.99))),
    ("bounds_auc, too loose", lambda: check.bounds_auc(changed("pairwise_square", lambda v, *_: v + 1e-6))),
    ("orders_by_probability", lambda: check.orders_by_probability("pairwise_square", params={"margin": 0.0})),
    ("orders_by_probability, upside down", lambda: check.orders_by_probability(upside_down("pairwise_squared_hinge"))),
    ("knows_means_and_variances", lambda: check.knows_means_and_variances("pairwise_squared_hinge")),
    ("conservative", lambda: check.conservative("lambda_rank")),
    ("conservative, in one cell", lambda: check.conservative(replace(card("listnet"), gradient=twisted), within=" inside")),
]


# --- ListMLE --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 33])
def test_listmle_is_one_cross_entropy_after_the_other(n):
    """The tails are built by doubling: lengths on both sides of a power of two."""
    scores, relevance = RNG.normal(0, 5, (4, n)), RNG.permuted(np.tile(np.arange(n), (4, 1)), axis=1)
    s = np.take_along_axis(scores, np.argsort(-relevance), axis=-1)
    first = np.zeros(4, int)
    want = sum(call("softmax_cross_entropy", s[:, i:], first, reduction="none") for i in range(n))
    np.testing.assert_allclose(call("listmle", scores, relevance, reduction="none"), want, rtol=1e-13, atol=1e-300)


@pytest.mark.parametrize("library", [np.asarray, torch.as_tensor])
def test_listmle_keeps_the_order_of_ties(library):
    scores = np.array([0.3, -1.0, 2.0, 0.1])
    tied = call("listmle", library(scores), library(np.array([1.0, 2.0, 1.0, 1.0])))
    spelled_out = call("listmle", library(scores), library(np.array([3.0, 4.0, 2.0, 1.0])))
    assert float(tied) == float(spelled_out)
    many = np.zeros(100)  # short sorts are stable by accident
    ramp = np.linspace(1, -1, 100)
    assert float(call("listmle", library(ramp), library(many))) == float(call("listmle", library(ramp), library(ramp)))


def test_listmle_is_cox_without_censoring():
    for scores in SCORES:
        time = RNG.permutation(6) + 1.0
        cox = call("cox_partial_likelihood", scores, time, np.ones(6), reduction="sum")
        assert float(call("listmle", scores, -time)) == pytest.approx(float(cox), rel=1e-12)


def test_listmle_of_a_long_list():
    scores = torch.linspace(-1e4, 1e4, 1000, dtype=torch.float64, requires_grad=True)
    upside_down = call("listmle", scores, -torch.arange(1000.0, dtype=torch.float64))
    (gradient,) = torch.autograd.grad(upside_down, scores)
    assert upside_down.item() == pytest.approx((1e4 - scores.detach().numpy()).sum(), rel=1e-9)
    assert torch.isfinite(gradient).all()
    right = call("listmle", scores.detach(), torch.arange(1000.0, dtype=torch.float64))
    assert right.item() == pytest.approx(999 * math.exp(-2e4 / 999), rel=1e-4)  # tiny, and not lost


def test_listmle_second_derivative():
    assert check.curvature("listmle")


def test_an_item_that_cannot_win():
    scores = torch.tensor([1.0, -INF, 0.5], dtype=torch.float64, requires_grad=True)
    last, first = torch.tensor([3.0, 1.0, 2.0]), torch.tensor([1.0, 3.0, 2.0])
    value = call("listmle", scores, last)
    assert value.item() == pytest.approx(call("listmle", scores[[0, 2]], last[[0, 2]]).item(), rel=1e-15)
    (gradient,) = torch.autograd.grad(value, scores)
    assert torch.isfinite(gradient).all()
    assert call("listmle", scores, first).item() == INF


# --- ListNet --------------------------------------------------------------------------------------------------------------


def test_listnet_without_an_item():
    """-inf in both arguments takes an item out of the list."""
    scores, relevance = SCORES[0].copy(), RELEVANCE[0].copy()
    scores[2] = relevance[2] = -INF
    value = call("listnet", scores, relevance)
    assert value == pytest.approx(float(call("listnet", np.delete(scores, 2), np.delete(relevance, 2))), rel=1e-14)


# --- pairs ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pairwise_logistic", "margin_ranking"])
def test_pairs_at_infinity(name):
    for pair, want, slope in (((INF, 0), 0, 0), ((0, -INF), 0, 0), ((-INF, 0), INF, 1), ((0, INF), INF, 1)):
        one, other = (torch.tensor(float(v), dtype=torch.float64, requires_grad=True) for v in pair)
        value = call(name, one, other)
        assert value.item() == want
        assert [g.item() for g in torch.autograd.grad(value, (one, other))] == [-slope, slope]


def test_without_margin_equal_scores_are_left_alone():
    same = torch.zeros(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    value = call("margin_ranking", *same, margin=0.0)
    assert value.item() == 0
    assert all(torch.equal(g, torch.zeros(3)) for g in torch.autograd.grad(value, same))


# --- all pairs of a batch -------------------------------------------------------------------------------------------------

BATCH = np.array([2.0, 0.0, 0.5, -1.0, 0.5]), np.array([1.0, 1.0, 0.0, 0.0, 1.0])
LIBRARIES = {"numpy": np.asarray, "torch": torch.as_tensor}
each_library = pytest.mark.parametrize("library", LIBRARIES)
of_batches = pytest.mark.parametrize("name", ["pairwise_squared_hinge", "pairwise_square"])


@of_batches
def test_a_batch_is_its_oracle(name):
    for library, dtype, rtol in (("numpy", "float64", 1e-12), ("torch", "float64", 1e-12), ("torch", "float32", 1e-5)):
        result = check.value(by_sample(name), library=library, dtype=dtype, rtol=rtol)
        assert result, (library, dtype, result.message)
    assert check.gradient(by_sample(name))
    assert check.autograd(by_sample(name))


@of_batches
@each_library
def test_each_positive_has_the_mean_over_the_negatives(name, library):
    scores, positive = map(LIBRARIES[library], BATCH)
    want = {
        "pairwise_squared_hinge": [0.0, (1.5**2 + 0) / 2, (1.0**2 + 0) / 2],
        "pairwise_square": [(0.5**2 + 2.0**2) / 2, (1.5**2 + 0) / 2, (1.0**2 + 0.5**2) / 2],
    }[name]
    assert call(name, scores, positive, reduction="none").tolist() == want
    assert float(call(name, scores, positive)) == pytest.approx(np.mean(want), rel=1e-15)
    assert float(call(name, scores, positive, denominator=7)) == pytest.approx(np.sum(want) / 7, rel=1e-15)
    weight = LIBRARIES[library](np.array([0.5, 2.0, 0.0]))
    assert call(name, scores, positive, weight=weight, reduction="none").tolist() == [0.5 * want[0], 2 * want[1], 0.0]
    assert float(call(name, scores, positive, weight=weight)) == pytest.approx((0.5 * want[0] + 2 * want[1]) / 2.5, rel=1e-15)
    with pytest.raises(ValueError, match="weight must have one entry"):
        call(name, scores, positive, weight=LIBRARIES[library](np.ones(5)))


@of_batches
@each_library
def test_without_a_pair_there_is_no_value(name, library):
    scores, positive = map(LIBRARIES[library], BATCH)
    for batch in ((scores, 0 * positive), (scores, 0 * positive + 1), (scores[:0], positive[:0])):
        assert call(name, *batch, reduction="none").shape == (0,)
        assert float(call(name, *batch, reduction="sum")) == 0
        assert math.isnan(float(call(name, *batch)))
        assert not np.any(np.asarray(CARDS[name].gradient(*batch)))
    lonely = torch.as_tensor(BATCH[0]).requires_grad_()
    (pull,) = torch.autograd.grad(call(name, lonely, torch.ones(5), reduction="sum"), lonely)
    assert torch.equal(pull, torch.zeros_like(pull))


@of_batches
@each_library
def test_what_a_batch_must_be(name, library):
    scores, positive = map(LIBRARIES[library], BATCH)
    for wrong in (2.0, -1.0, 0.5, np.nan):
        dirty = LIBRARIES[library](np.array([1.0, 1.0, 0.0, wrong, 0.0]))
        with pytest.raises(ValueError, match=r"positive must be 0 or 1, got .* at position 3"):
            call(name, scores, dirty)
    with pytest.raises(ValueError, match="one axis of examples"):
        call(name, scores[None], positive[None])
    with pytest.raises(ValueError, match="nothing is broadcast"):
        call(name, scores, positive[:4])
    for margin in (-0.1, np.nan):
        with pytest.raises(ValueError, match="margin must lie in"):
            call(name, scores, positive, margin=margin)
    as_bool = call(name, scores, LIBRARIES[library](BATCH[1] == 1))
    assert as_bool == call(name, scores, positive) == call(name, scores, LIBRARIES[library](BATCH[1].astype(int)))


@of_batches
def test_a_nan_spoils_the_pairs_it_is_in(name):
    scores, positive = BATCH
    for row, spoiled in ((1, [False, True, False]), (2, [True, True, True])):
        dirty = torch.as_tensor(np.where(np.arange(5) == row, np.nan, scores)).requires_grad_()
        values = call(name, dirty, torch.as_tensor(positive), reduction="none")
        assert values.isnan().tolist() == spoiled
        (pull,) = torch.autograd.grad(values.sum(), dirty)
        want = (np.arange(5) == row) | (positive != positive[row])  # itself, and all that it makes a pair with
        np.testing.assert_array_equal(pull.isnan(), want)


def test_infinite_scores_of_pairs():
    scores, positive = torch.tensor([INF, 0.0, -INF, 1.0]), torch.tensor([1, 1, 0, 0])
    assert call("pairwise_squared_hinge", scores, positive, reduction="none").tolist() == [0.0, 2.0]
    assert call("pairwise_square", scores, positive, reduction="none").tolist() == [INF, INF]


@pytest.mark.parametrize("margin", [0.5, 1.0])
def test_the_bound_of_the_auc_as_sklearn_has_it(margin):
    """At 30 scores without ties; a pair in the right order may cost, one in the wrong order costs more than margin²."""
    scores, positive = RNG.standard_normal(30), np.arange(30) % 3 == 0
    lack = margin**2 * (1 - roc_auc_score(positive, scores))
    hinge, square = (call(name, scores, positive, margin=margin) for name in ("pairwise_squared_hinge", "pairwise_square"))
    assert lack < hinge < square


@of_batches
def test_compile_and_vmap_of_batches(name):
    scores, positive = map(torch.as_tensor, BATCH)
    torch._dynamo.reset()
    compiled = torch.compile(CARDS[name].function, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(scores, positive, margin=0.5), call(name, scores, positive, margin=0.5))
    both = torch.stack([scores, -2 * scores])
    slopes = torch.func.vmap(torch.func.grad(lambda s: call(name, s, positive, reduction="sum")))(both)
    torch.testing.assert_close(slopes, torch.stack([CARDS[name].gradient(s, positive) for s in both]))


GUARDS = {
    name: [
        functools.partial(test_a_batch_is_its_oracle, name),
        *[functools.partial(test_each_positive_has_the_mean_over_the_negatives, name, library) for library in LIBRARIES],
        functools.partial(test_without_a_pair_there_is_no_value, name, "torch"),
        functools.partial(test_what_a_batch_must_be, name, "numpy"),
        functools.partial(test_a_nan_spoils_the_pairs_it_is_in, name),
        test_infinite_scores_of_pairs,
    ]
    for name in ("pairwise_squared_hinge", "pairwise_square")
}


# --- LambdaRank -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [None, 1, 3])
def test_lambda_rank_weighs_pairs_by_ndcg_as_sklearn_has_it(k):
    """Swap two items in the ranking, see what scikit-learn's NDCG (of gains 2^rel - 1) says, and weigh the logistic loss."""
    for scores, relevance in zip(SCORES, RELEVANCE):
        gains, total = [2**relevance - 1], 0.0
        for i, j in itertools.permutations(range(6), 2):
            if relevance[i] > relevance[j]:
                swapped = scores.copy()
                swapped[[i, j]] = scores[[j, i]]
                change = abs(ndcg_score(gains, [swapped], k=k) - ndcg_score(gains, [scores], k=k))
                total += change * call("pairwise_logistic", scores[i], scores[j])
        assert float(call("lambda_rank", scores, relevance, k=k)) == pytest.approx(total, rel=1e-12)
        assert ndcg(scores, relevance, k) == pytest.approx(ndcg_score(gains, [scores], k=k), rel=1e-12)


def test_all_ranks_and_no_relevant_item():
    np.testing.assert_array_equal(call("lambda_rank", SCORES, RELEVANCE, k=6), call("lambda_rank", SCORES, RELEVANCE))
    np.testing.assert_array_equal(call("lambda_rank", SCORES, RELEVANCE, k=99), call("lambda_rank", SCORES, RELEVANCE))
    for same in (0.0, 2.0):
        scores = torch.as_tensor(SCORES).requires_grad_()
        value = call("lambda_rank", scores, torch.full((8, 6), same))
        (gradient,) = torch.autograd.grad(value, scores)
        assert value.item() == 0
        assert torch.equal(gradient, torch.zeros_like(gradient))


@pytest.mark.parametrize("k", [0, -1, 1.5, 2.0, True, "2"])
def test_k_is_a_rank(k):
    with pytest.raises(ValueError, match="k must be an integer >= 1, or None"):
        call("lambda_rank", SCORES, RELEVANCE, k=k)


def test_compile_with_another_k():
    scores, relevance = torch.as_tensor(SCORES), torch.as_tensor(RELEVANCE)
    torch._dynamo.reset()
    compiled = torch.compile(CARDS["lambda_rank"].function, fullgraph=True, backend="eager")
    for k in (1, 2, 3, None):
        torch.testing.assert_close(compiled(scores, relevance, k=k), call("lambda_rank", scores, relevance, k=k))


def test_relevance_must_not_be_negative():
    with pytest.raises(ValueError, match=r"relevance must be >= 0, got -1.0 at position \(0, 1\)"):
        call("lambda_rank", np.zeros((1, 2)), np.array([[1.0, -1.0]]))


def test_gains_neither_overflow_nor_cancel():
    scores = np.array([0.0, 1.0])
    one = float(call("lambda_rank", scores, np.array([1.0, 0.0])))
    assert float(call("lambda_rank", scores, np.array([5000.0, 0.0]))) == pytest.approx(one, rel=1e-15)
    assert call("lambda_rank", np.float32(scores), np.array([200.0, 0.0], np.float32)) == pytest.approx(one, rel=1e-6)
    near, (d1, d2) = 2.0**-40, (1.0, 1 / math.log2(3))
    better, worse = 2 ** (1 + near) - 1, 1.0
    want = 2 * math.expm1(near * math.log(2)) * (d1 - d2) / (better * d1 + worse * d2) * math.log1p(math.e)
    assert float(call("lambda_rank", scores, np.array([1 + near, 1.0]))) == pytest.approx(want, rel=1e-12)


def test_equal_scores_rank_in_the_given_order():
    """Ranks 1, 2, 3: swapping the first with the third changes most."""
    zeros = np.zeros(3)
    pull = CARDS["lambda_rank"].gradient(zeros, np.array([0.0, 0.0, 1.0]))
    first, second, third = 1, 1 / math.log2(3), 0.5
    np.testing.assert_allclose(pull, np.array([first - third, second - third, 2 * third - first - second]) / 2, rtol=1e-14)


def test_the_value_jumps_where_two_items_trade_places():
    """The weights of the other pairs change there; the gradient knows nothing of it."""
    below, above = (float(call("lambda_rank", np.array([1.0, s, 0.0]), np.array([2.0, 1.0, 0.0]))) for s in (-1e-9, 1e-9))
    assert abs(above - below) > 0.01


def test_the_work_along_a_loop_is_what_the_jumps_leave():
    """All around, value changes add up to 0: what does not come from the gradient comes from the jumps, with the other sign."""
    corners, relevance = np.array(LOOP["corners"]), np.array(LOOP["relevance"])
    jumps = 0.0
    right, up = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
    for place, along in (  # where two scores are equal on the way round
        (-up / 2 - right / 2, right),
        (-up / 2, right),
        (right, up),
        (up / 2 + right / 2, -right),
        (up / 2, -right),
        (-right, -up),
    ):
        before, after = (place + side * along for side in (-1e-10, 1e-10))
        jumps += float(call("lambda_rank", after, relevance) - call("lambda_rank", before, relevance))
    work = _work(card("lambda_rank"), corners, [relevance], {"k": None})
    assert work == pytest.approx(-jumps, abs=1e-8)
    assert work == pytest.approx(-0.0286779, abs=1e-7)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_pairs_in_the_wrong_order_cost_at_least_what_ndcg_lacks(n):
    """All relevances 0 .. 3, all rankings, all k: their |ΔNDCG| add up to 1 - NDCG or more. Each costs log 2 or more."""
    cases = itertools.product(itertools.combinations_with_replacement((0.0, 1.0, 2.0, 3.0), n), itertools.permutations(range(n)))
    relevance, scores = (np.array(part, float) for part in zip(*cases))
    wrong = (relevance[:, :, None] > relevance[:, None, :]) & (scores[:, :, None] < scores[:, None, :])
    for k in range(1, n + 1):
        _, weights = _pairs(scores, relevance, k)
        slack = (weights * wrong).sum((1, 2)) - [1 - ndcg(*case, k) for case in zip(scores, relevance)]
        assert slack.min() > -1e-14


@pytest.mark.parametrize("name", ["listnet", "listmle", "lambda_rank"])
@pytest.mark.parametrize("library", [np.asarray, torch.as_tensor])
def test_lists_of_one_item_and_single_nans(name, library):
    """One item has nothing to be compared with, but a nan is still a nan, wherever it is and however it would be sorted."""
    assert float(call(name, library(np.array([3.0])), library(np.array([1.0])))) == 0
    with pytest.raises(ValueError, match="at least one entry"):
        call(name, library(np.zeros((2, 0))), library(np.zeros((2, 0))))
    for n in (1, 3) if name != "listnet" else (3,):  # softmax of one item is 1, whatever its score
        for i, argument in itertools.product(range(n), range(2)):
            arrays = [np.arange(float(n)), np.arange(float(n))]
            arrays[argument][i] = np.nan
            assert np.isnan(float(call(name, *map(library, arrays))))


def test_ndcg_by_hand():
    assert ndcg([1, 0], (0.0, 1.0)) == pytest.approx(1 / math.log2(3))
    assert ndcg([0, 0], (1.0, 0.0)) == 1
    assert ndcg([1, 0], (0.0, 1.0), k=1) == 0
    assert ndcg([1, 0], (0.0, 0.0)) == 1
