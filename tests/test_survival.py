"""The survival losses. In the Cox likelihood the example is a sample, so it is held here to all the rules of the others."""

import functools
import math
from dataclasses import replace

import mpmath
import numpy as np
import pytest
import torch
from scipy.special import expit

from lossbook import CARDS, check
from lossbook.check.survival import by_sample

LIBRARIES = {"numpy": np.asarray, "torch": torch.as_tensor}
TIES = ("efron", "breslow")
each_library = pytest.mark.parametrize("library", LIBRARIES)
both_ties = pytest.mark.parametrize("ties", TIES)


def cox(*arrays, **options):
    return CARDS["cox_partial_likelihood"].function(*arrays, **options)  # through CARDS, where the mutants live


def hazard(*arrays, **options):
    return CARDS["discrete_hazard_nll"].function(*arrays, **options)


def draw(seed, n=12, times=6):
    """A sample with ties among events, among censorings and between them."""
    rng = np.random.default_rng(seed)
    return [2 * rng.standard_normal(n), rng.integers(0, times, n).astype(float), (rng.random(n) < 0.6).astype(float)]


SAMPLES = [draw(seed) for seed in range(8)] + [draw(seed, n=7, times=100) for seed in range(8, 12)]
HARD = [  # log-hazards, times, events
    [[1e4, -1e4, 0.0, 5.0], [1, 2, 3, 4], [1, 1, 1, 1]],
    [[1e4, 1e4 + 1, 1e4 - 1, -1e4, 1 - 1e4, -1 - 1e4], [1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 1, 1]],  # nobody late weighs on the early
    [[-1e4, 1 - 1e4, -1 - 1e4, 1e4], [4, 4, 4, 1], [1, 1, 1, 1]],
    [[40.0, 0.0, -1.0], [1, 2, 3], [1, 1, 1]],  # the first costs 6e-18
    [[1e-8, 0.0, -1e-8], [1, 2, 2], [1, 0, 1]],
    [[88.0, -88.0, 800.0, -800.0], [2, 2, 1, 1], [1, 1, 0, 1]],
    [[3.0], [1.0], [1]],
    [[0.5, 0.5, 0.5, 0.5], [1, 1, 1, 1], [1, 1, 1, 1]],
    [[0.0, 1.0, 2.0], [1.0, 1.0, 2.0], [0, 1, 1]],  # the censored one is still at risk at its own time
    [[0.0, 1.0, 2.0], [-5.0, 1e-300, 1e300], [1, 1, 1]],
]
ALL = [[np.array(part, float) for part in sample] for sample in [*SAMPLES, *HARD]]


def definition(s, t, e, ties):
    """The value of each event, in 60 digits, and the gradient of their sum."""
    with mpmath.workdps(9000 if np.abs(s).max() > 1e3 else 60):
        hazards, values = [mpmath.exp(mpmath.mpf(float(x))) for x in s], []
        gradient = [-mpmath.mpf(float(x)) for x in e]
        for i in np.flatnonzero(e):
            tied = [j for j in range(len(s)) if t[j] == t[i] and e[j]]
            off = mpmath.mpf(tied.index(i)) / len(tied) if ties == "efron" else 0
            share = [(1 - off if j in tied else 1) if t[j] >= t[i] else 0 for j in range(len(s))]
            total = mpmath.fsum(c * h for c, h in zip(share, hazards))
            values.append(mpmath.log(total / hazards[i]))
            gradient = [g + c * h / total for g, c, h in zip(gradient, share, hazards)]
        return np.array(values, dtype=float), np.array(gradient, dtype=float)


def has_tied_events(t, e):
    return len(set(t[e == 1])) < np.sum(e == 1)


@both_ties
@each_library
def test_each_event_by_its_definition(library, ties):
    for sample in ALL:
        got = np.asarray(cox(*map(LIBRARIES[library], sample), ties=ties, reduction="none"))
        want = definition(*sample, ties)[0]
        floor = 1e-12 if has_tied_events(*sample[1:]) else 0.0  # with ties the logarithm may pass through 0
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=floor)


@both_ties
def test_gradient_is_the_share_in_each_risk_set_less_the_event(ties):
    for sample in ALL:
        want = definition(*sample, ties)[1]
        np.testing.assert_allclose(CARDS["cox_partial_likelihood"].gradient(*sample, ties=ties), want, rtol=1e-11, atol=1e-13)
        tensors = [torch.as_tensor(part) for part in sample]
        tensors[0].requires_grad_()
        (got,) = torch.autograd.grad(cox(*tensors, ties=ties, reduction="sum"), tensors[0])
        np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("library, dtype, rtol", [("numpy", "float64", 1e-12), ("torch", "float64", 1e-12)])
def test_the_sum_is_the_oracle(library, dtype, rtol):
    assert check.value(by_sample("cox_partial_likelihood"), library=library, dtype=dtype, rtol=rtol)


def test_gradient_is_the_derivative_of_the_oracle():
    assert check.gradient(by_sample("cox_partial_likelihood"))


@both_ties
def test_second_derivative(ties):
    s, t, e = map(torch.as_tensor, SAMPLES[0])
    value = functools.partial(cox, ties=ties, reduction="sum")
    assert torch.autograd.gradgradcheck(lambda x: value(x, t, e), s.clone().requires_grad_())


@pytest.mark.parametrize("dtype, rtol", [("float32", 1e-5), ("float16", 1e-3), ("bfloat16", 8e-3)])
@both_ties
def test_short_floats(ties, dtype, rtol):
    kind = getattr(torch, dtype)
    for sample in ALL[:-1]:
        tensors = [torch.as_tensor(part).to(kind) for part in sample]
        got = cox(*tensors, ties=ties, reduction="none")
        want = cox(*[x.double() for x in tensors], ties=ties, reduction="none")
        assert got.dtype == kind
        torch.testing.assert_close(got.double(), want, rtol=rtol, atol=rtol)
        if dtype != "bfloat16":
            arrays = [x.numpy() for x in tensors]
            np.testing.assert_allclose(cox(*arrays, ties=ties, reduction="none"), want, rtol=rtol, atol=rtol)
            assert cox(*arrays, ties=ties).dtype == arrays[0].dtype


@each_library
def test_cox_reductions_weight_and_denominator(library):
    s, t, e = map(LIBRARIES[library], SAMPLES[1])
    values = np.asarray(cox(s, t, e, reduction="none"))
    assert values.shape == (int(e.sum()),)
    np.testing.assert_allclose(cox(s, t, e, reduction="sum"), values.sum(), rtol=1e-13)
    np.testing.assert_allclose(cox(s, t, e), values.mean(), rtol=1e-13)
    np.testing.assert_allclose(cox(s, t, e, denominator=20), values.sum() / 20, rtol=1e-13)
    weight = np.arange(len(values)) / 2.0  # the first event has weight 0, and stays at risk for the others
    options = {"weight": LIBRARIES[library](weight)}
    np.testing.assert_allclose(cox(s, t, e, **options, reduction="none"), values * weight, rtol=1e-13)
    np.testing.assert_allclose(cox(s, t, e, **options), (values * weight).sum() / weight.sum(), rtol=1e-13)
    np.testing.assert_allclose(cox(s, t, e, **options, denominator=3.0), (values * weight).sum() / 3, rtol=1e-13)
    with pytest.raises(ValueError, match="weight must have one entry"):
        cox(s, t, e, weight=LIBRARIES[library](np.ones(len(SAMPLES[1][0]))))
    with pytest.raises(ValueError, match="weight must be >= 0"):
        cox(s, t, e, weight=-options["weight"])


def test_a_weighted_event_multiplies_its_gradient_only():
    s, t, e = map(torch.as_tensor, SAMPLES[2])
    weight = torch.rand(int(e.sum()), dtype=torch.float64)
    s.requires_grad_()
    (got,) = torch.autograd.grad(cox(s, t, e, weight=weight, reduction="sum"), s)
    parts = [torch.autograd.grad(value, s, retain_graph=True)[0] for value in cox(s, t, e, reduction="none")]
    torch.testing.assert_close(got, sum(w * part for w, part in zip(weight, parts)), rtol=1e-12, atol=1e-14)


@each_library
def test_no_events_one_subject_nobody(library):
    s, t, e = (LIBRARIES[library](part) for part in SAMPLES[0])
    for arrays in ((s, t, 0 * e), (s[:0], t[:0], e[:0])):
        assert cox(*arrays, reduction="none").shape == (0,)
        assert float(cox(*arrays, reduction="sum")) == 0
        assert math.isnan(float(cox(*arrays)))
    one = [LIBRARIES[library](np.array([x])) for x in (3.0, 2.0, 1.0)]
    assert cox(*one, reduction="none").tolist() == [0.0]


def test_equal_hazards_count_heads():
    s, t, e = np.zeros(5), np.array([1.0, 1.0, 1.0, 2.0, 1.0]), np.array([1, 1, 0, 1, 1])
    np.testing.assert_allclose(np.exp(cox(s, t, e, ties="breslow", reduction="none")), [5, 5, 1, 5], rtol=1e-14)
    np.testing.assert_allclose(np.exp(cox(s, t, e, reduction="none")), [5, 4, 1, 3], rtol=1e-14)


@each_library
def test_a_nan_spreads_to_those_who_are_at_risk_with_it(library):
    s, t, e = np.zeros(5), np.array([1.0, 2.0, 2.0, 3.0, 4.0]), np.array([1.0, 1.0, 0.0, 1.0, 1.0])
    for row, spoiled in ((2, [True, True, False, False]), (3, [True, True, True, False]), (0, [True, False, False, False])):
        dirty = s.copy()
        dirty[row] = np.nan
        got = np.asarray(cox(*map(LIBRARIES[library], (dirty, t, e)), reduction="none"))
        assert np.isnan(got).tolist() == spoiled
        gradient = CARDS["cox_partial_likelihood"].gradient(dirty, t, e)
        assert np.isnan(gradient[row])


@pytest.mark.parametrize("garbage", [np.nan, np.inf, -np.inf])
def test_who_leaves_before_the_first_event_does_not_count_whatever_it_holds(garbage):
    s = torch.tensor([garbage, 0.5, 1.0, -1.0], dtype=torch.float64, requires_grad=True)
    t, e = torch.tensor([0.5, 1.0, 2.0, 3.0]), torch.tensor([0, 1, 1, 0])
    value = cox(s, t, e, reduction="sum")
    (gradient,) = torch.autograd.grad(value, s)
    assert value == cox(s[1:], t[1:], e[1:], reduction="sum")
    assert gradient[0] == 0
    torch.testing.assert_close(gradient, CARDS["cox_partial_likelihood"].gradient(s.detach(), t, e))


@each_library
def test_infinite_log_hazards_give_the_limit(library):
    def values(s):
        t, e = np.arange(3.0), np.ones(3)
        return np.asarray(cox(*map(LIBRARIES[library], (np.array(s), t, e)), reduction="none")).tolist()

    assert values([np.inf, 0.0, 0.0]) == [0.0, math.log(2), 0.0]
    assert values([0.0, np.inf, 0.0]) == [np.inf, 0.0, 0.0]
    assert values([-np.inf, 0.0, 0.0]) == [np.inf, math.log(2), 0.0]
    assert values([0.0, 0.0, -np.inf]) == [math.log(2), 0.0, 0.0]


def test_order_of_the_subjects_and_layout():
    s, t, e = SAMPLES[3]
    order = np.random.default_rng(0).permutation(len(s))
    values = np.full(len(s), np.nan)
    values[e == 1] = cox(s, t, e, ties="breslow", reduction="none")
    permuted = cox(s[order], t[order], e[order], ties="breslow", reduction="none")
    np.testing.assert_allclose(permuted, values[order][e[order] == 1], rtol=1e-13)
    apart = np.stack([s, t, e], axis=-1)
    np.testing.assert_array_equal(cox(*apart.T), cox(s, t, e))


def test_inputs_are_not_changed_and_targets_get_no_gradient():
    s, t, e = map(torch.as_tensor, SAMPLES[4])
    before = [x.clone() for x in (s, t, e)]
    t.requires_grad_()
    assert torch.autograd.grad(cox(s.requires_grad_(), t, e), [s, t], allow_unused=True)[1] is None
    assert all(torch.equal(a, b) for a, b in zip((s, t, e), before))


def test_events_may_be_integers_or_booleans_and_times_integers():
    s, t, e = SAMPLES[5]
    for event in (e.astype(int), e.astype(bool), e.astype(np.uint8)):
        assert cox(s, t.astype(int), event) == cox(s, t, e)
    assert cox(list(s), list(t), list(e)) == cox(s, t, e)


def test_large_integer_times_fall_together_in_float32():
    """As the docstring warns: 2^24 + 1 has no float32."""
    t, e = torch.tensor([2**24, 2**24 + 1]), torch.ones(2)
    assert cox(torch.zeros(2), t, e, ties="breslow", reduction="sum").item() == pytest.approx(2 * math.log(2))
    assert cox(torch.zeros(2).double(), t, e, ties="breslow", reduction="sum").item() == pytest.approx(math.log(2))


@each_library
def test_what_is_refused(library):
    s, t, e = map(LIBRARIES[library], SAMPLES[6])
    dirty = LIBRARIES[library](np.array(SAMPLES[6][1]))
    for wrong in (np.nan, np.inf, -np.inf):
        dirty[3] = wrong
        with pytest.raises(ValueError, match=r"time must be finite, got .* at position 3"):
            cox(s, dirty, e)
    for wrong in (2.0, -1.0, 0.5, np.nan):
        dirty[3] = wrong
        with pytest.raises(ValueError, match=r"event must be 0 or 1, got .* at position"):
            cox(s, t, dirty)
    with pytest.raises(ValueError, match=r"ties must be one of .*efron.*breslow"):
        cox(s, t, e, ties="exact")
    for axes in ((), (3, 4)):
        arrays = [LIBRARIES[library](np.ones(axes)) for _ in range(3)]
        with pytest.raises(ValueError, match="log_hazard must have one axis"):
            cox(*arrays)
    for wrong in (s[:5], s[:, None]):
        for place in (1, 2):
            arrays = [s, t, e]
            arrays[place] = wrong
            with pytest.raises(ValueError, match="nothing is broadcast"):
                cox(*arrays)
    for dtype in (np.int64, np.complex128, bool):
        with pytest.raises(TypeError, match="floating point"):
            cox(LIBRARIES[library](np.ones(len(SAMPLES[6][0]), dtype)), t, e)
    for options in ({"reduction": "average"}, {"reduction": "sum", "denominator": 3}, {"denominator": -1}):
        with pytest.raises(ValueError):
            cox(s, t, e, **options)
    for call in (lambda: cox(s, t), lambda: cox(s, t, e, 1.0), lambda: cox(s, t, e, strata=e)):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(TypeError, match="one library"):
        cox(torch.as_tensor(SAMPLES[6][0]), SAMPLES[6][1], SAMPLES[6][2])


@pytest.mark.parametrize("ties, reduction", [("efron", "mean"), ("breslow", "sum")])
def test_compile(ties, reduction):
    arrays = [torch.as_tensor(part) for part in SAMPLES[7]]
    torch._dynamo.reset()
    function = functools.partial(cox, ties=ties, reduction=reduction)
    compiled = torch.compile(function, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(*arrays), function(*arrays), rtol=1e-14, atol=0)
    arrays[0].requires_grad_()
    (got,) = torch.autograd.grad(compiled(*arrays), arrays[0])
    torch.testing.assert_close(got, torch.autograd.grad(function(*arrays), arrays[0])[0], rtol=1e-13, atol=1e-16)


@both_ties
def test_vmap_and_grad(ties):
    batch = [torch.as_tensor(np.stack(parts)) for parts in zip(*SAMPLES[:8])]
    for reduction in ("sum", "mean"):
        function = functools.partial(cox, ties=ties, reduction=reduction)
        one_by_one = torch.stack([function(*sample) for sample in zip(*batch)])
        torch.testing.assert_close(torch.func.vmap(function)(*batch), one_by_one, rtol=1e-13, atol=1e-15)
    slopes = torch.func.vmap(torch.func.grad(functools.partial(cox, ties=ties, reduction="sum")))(*batch)
    for got, sample in zip(slopes, zip(*batch)):
        by_hand = CARDS["cox_partial_likelihood"].gradient(*sample, ties=ties)
        torch.testing.assert_close(got, by_hand, rtol=1e-11, atol=1e-14)


def test_a_large_sample_keeps_its_digits():
    """The sums are made by doubling: 5000 equal hazards in the order of their times cost log 5000!, to the last digits."""
    n = 5000
    got = cox(np.full(n, 1e4), np.arange(n), np.ones(n), reduction="sum")
    assert got == pytest.approx(math.lgamma(n + 1), rel=1e-14)


@both_ties
def test_statsmodels_with_ties_and_censoring(ties):
    """Here event by event of censored samples; the twin on the card compares one sample."""
    hazard_regression = pytest.importorskip("statsmodels.duration.hazard_regression")
    for s, t, e in SAMPLES:
        model = hazard_regression.PHReg(t, np.eye(len(s)), status=e, ties=ties)
        assert cox(s, t, e, ties=ties, reduction="sum") == pytest.approx(-getattr(model, f"{ties}_loglike")(s), rel=1e-12)
        slope = -getattr(model, f"{ties}_gradient")(s)
        np.testing.assert_allclose(CARDS["cox_partial_likelihood"].gradient(s, t, e, ties=ties), slope, rtol=1e-10, atol=1e-12)


@pytest.mark.filterwarnings("ignore")
@both_ties
def test_torchsurv_in_float32(ties):
    """It rounds to float32, and divides its mean by the number of distinct times where events share them."""
    torchsurv = pytest.importorskip("torchsurv.loss.cox")
    for sample in SAMPLES[:8]:
        s, t, e = (torch.as_tensor(part) for part in sample)
        options = {"ties_method": ties, "reduction": "sum"}
        theirs = torchsurv.neg_partial_log_likelihood(s, e.bool(), t, **options).item()
        assert cox(s, t, e, ties=ties, reduction="sum").item() == pytest.approx(theirs, rel=1e-5)
        mean = torchsurv.neg_partial_log_likelihood(s, e.bool(), t, ties_method=ties).item()
        assert mean * len(set(sample[1][sample[2] == 1])) == pytest.approx(theirs, rel=1e-5)


# --- discrete hazards -----------------------------------------------------------------------------------------------------


def test_survival_is_the_product_of_what_is_left():
    z = np.array([0.3, -1.0, 2.0, 0.5])
    h = expit(z)
    for k in range(4):
        survival = np.prod(1 - h[: k + 1])
        event, censored = np.exp([-hazard(z[None], np.array([k]), np.array([seen])) for seen in (1, 0)])
        assert censored == pytest.approx(survival, rel=1e-14)
        assert event == pytest.approx(h[k] * np.prod(1 - h[:k]), rel=1e-14)


def test_an_event_is_a_class_of_corn():
    """Its logits ask "is it over?" where those of CORN ask "is it higher still?"; the survivors are the last class."""
    rng = np.random.default_rng(0)
    z, k = rng.standard_normal((20, 4)), rng.integers(0, 5, 20)
    theirs = CARDS["corn"].function(-z, k, reduction="none")
    ours = hazard(z, np.minimum(k, 3), (k < 4).astype(int), reduction="none")
    np.testing.assert_allclose(ours, theirs, rtol=1e-14)


def test_infinite_hazard_logits():
    z = torch.tensor([[-np.inf, np.inf, np.nan]], dtype=torch.float64)
    one = torch.ones(1)
    assert torch.isnan(hazard(z, torch.tensor([1]), one))  # a nan beyond the interval is no example to trust either
    z[0, 2] = np.inf
    assert hazard(z, torch.tensor([1]), one).item() == 0
    assert hazard(z, torch.tensor([0]), 0 * one).item() == 0
    assert hazard(z, torch.tensor([0]), one).item() == np.inf


# --- the checks can fail ------------------------------------------------------------------------------------------------

COX, HAZARD = CARDS["cox_partial_likelihood"], CARDS["discrete_hazard_nll"]


def spoiled(card, change):
    """The card with another function: `change(value, *arrays, **options)`."""

    @functools.wraps(card.function)
    def function(*arrays, **options):
        return change(card.function(*arrays, **options), *arrays, **options)

    return replace(card, function=function)


UNAFFECTED = {
    "a constant is added to all log-hazards": lambda value, s, t, e, **_: value + 1e-3 * s.sum(),
    "time runs on another increasing scale": lambda value, s, t, e, **_: value + t.mean(),
    "the subjects are listed in another order": lambda value, s, t, e, **_: value + s[0],
    "those who leave before the first event are left out": lambda value, s, t, e, **_: value + len(t),
}
FAILURES = [("unaffected", lambda when=w, f=f: check.unaffected(spoiled(COX, f), when=when)) for w, f in UNAFFECTED.items()] + [
    (
        "efron_below_breslow",
        lambda: check.efron_below_breslow(spoiled(COX, lambda value, s, t, e, ties, **_: value * (ties[0] == "b"))),
    ),
    ("efron_below_breslow, no difference", lambda: check.efron_below_breslow(spoiled(COX, lambda value, *a, **_: 0 * value))),
    ("adds_up", lambda: check.adds_up(COX)),
    ("listmle_of_times", lambda: check.listmle_of_times(spoiled(COX, lambda value, *arrays, **_: value * 1.001))),
    (
        "outcomes_sum_to_one",
        lambda: check.outcomes_sum_to_one(spoiled(HAZARD, lambda value, z, k, event, **_: value * (1 + event))),
    ),
    ("reads_off", lambda: check.reads_off("corn", reading="P(y > k)")),
    ("reads_off, hazards", lambda: check.reads_off(HAZARD, reading="P(y > k | y ≥ k)")),
    ("rank_consistent", lambda: check.rank_consistent("coral", model="a score for each step")),
    (
        "convex_with",
        lambda: check.convex_with(spoiled(CARDS["cumulative_link"], lambda v, *_, **__: v**0.5), parameter="thresholds"),
    ),
    ("convex on samples", lambda: check.on_samples(check.convex)(spoiled(COX, lambda value, *_, **__: -value), segments=50)),
    ("value of samples", lambda: check.value(by_sample(spoiled(COX, lambda value, *_, **__: value * 1.0001)))),
]

GUARDS = {
    "cox_partial_likelihood": [
        *[functools.partial(test_each_event_by_its_definition, library, ties) for library in LIBRARIES for ties in TIES],
        *[functools.partial(test_gradient_is_the_share_in_each_risk_set_less_the_event, ties) for ties in TIES],
        functools.partial(test_the_sum_is_the_oracle, "numpy", "float64", 1e-12),
        *[functools.partial(test_cox_reductions_weight_and_denominator, library) for library in LIBRARIES],
        *[functools.partial(test_no_events_one_subject_nobody, library) for library in LIBRARIES],
        functools.partial(test_a_nan_spreads_to_those_who_are_at_risk_with_it, "torch"),
        functools.partial(test_who_leaves_before_the_first_event_does_not_count_whatever_it_holds, np.nan),
        functools.partial(test_infinite_log_hazards_give_the_limit, "numpy"),
        functools.partial(test_what_is_refused, "numpy"),
        functools.partial(test_short_floats, "efron", "float16", 1e-3),
    ],
    "discrete_hazard_nll": [test_survival_is_the_product_of_what_is_left, test_an_event_is_a_class_of_corn],
}
