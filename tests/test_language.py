"""What only the losses of tokens have: ignored labels, micro-batches, ruled-out tokens, temperatures; errors for the checks."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest
import torch
import torch.nn.functional as F

import lossbook
from lossbook import CARDS, card, check
from lossbook.language import FLAT
from lossbook.policy import ppo_clip
from lossbook.preference import DISPLACED

INF = np.inf
RNG = np.random.default_rng(0)
LOGITS, LABELS = RNG.normal(0, 3, (7, 5)), np.array([0, 4, -100, 2, -100, 1, 3])


def call(name, *arrays, **options):
    return CARDS[name].function(*arrays, **options)  # through CARDS, where the mutants live


def with_function(name, function):
    """The card of a loss with another function in its place."""
    function.__dict__.update(card(name).function.__dict__)
    return replace(card(name), function=function)


def deaf(logits, labels, *, denominator=None, **params):
    return card("token_cross_entropy").function(logits, labels, **params)


def doubled(log_ratio, advantage, **options):
    return 2 * card("grpo").function(log_ratio, advantage, **options)


def backwards(*arrays, **params):
    return tuple(-part for part in card("dpo").gradient(*arrays, **params))


FAILURES = [
    ("gradient_total", lambda: check.gradient_total("z_loss", expression=1, name="wrong")),
    ("curvature_along", lambda: check.curvature_along("z_loss", expression=0, name="wrong")),
    ("accumulates", lambda: check.accumulates(with_function("token_cross_entropy", deaf))),
    ("accumulates, means of means", lambda: check.accumulates("token_cross_entropy", at=[3, 50, 400])),
    ("perplexity_is_a_mean", lambda: check.perplexity_is_a_mean("token_cross_entropy", at=[0.5, 0.125])),
    ("raises_the_chosen", lambda: check.raises_the_chosen(replace(card("dpo"), gradient=backwards))),
    ("raises_the_chosen, displaced", lambda: check.raises_the_chosen("dpo", at=DISPLACED)),
    ("raises_the_chosen, displaced as a model", lambda: check.raises_the_chosen("simpo", model=DISPLACED)),
    ("best_margin", lambda: check.best_margin("dpo", margin=check.ETA)),
    ("optimal_policy", lambda: check.optimal_policy("ipo")),
    ("silent_exactly_where", lambda: check.silent_exactly_where("ppo_clip", condition=lambda u, a, clip: a == 0, where="wrong")),
    ("runs_away", lambda: check.runs_away("ppo_clip", at={"log_ratio": "t", "advantage": "1"}, along="wrong")),
    ("token_weight", lambda: check.token_weight("grpo", form="sequence", weight="1/M")),
    ("token_weight, by the padding", lambda: check.token_weight("grpo", form="constant", weight="1/(N*n)")),
    ("mean_of_tokens", lambda: check.mean_of_tokens("grpo", reference=lambda u, a: 1.001 * ppo_clip(u, a), name="wrong")),
    (
        "starts_at_the_policy_gradient",
        lambda: check.starts_at_the_policy_gradient(with_function("grpo", doubled)),
    ),
    ("estimates_divergence", lambda: check.estimates_divergence("grpo", which="k2")),
    ("pulls_like", lambda: check.pulls_like("grpo", which="k1", of="that of KL(π, π₀)")),
    ("pulls_like, the other direction", lambda: check.pulls_like("grpo", which="k3", of="that of KL(π, π₀)")),
]


# --- tokens ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", [np.asarray, torch.as_tensor])
def test_ignored_tokens_are_ignored_by_default(library):
    logits, labels = torch.as_tensor(LOGITS), torch.as_tensor(LABELS)
    for reduction in ("none", "sum", "mean"):
        got = call("token_cross_entropy", library(LOGITS), library(LABELS), reduction=reduction)
        np.testing.assert_allclose(got, F.cross_entropy(logits, labels, ignore_index=-100, reduction=reduction), rtol=1e-13)
    kept = LABELS != -100
    plain = call("softmax_cross_entropy", LOGITS[kept], LABELS[kept])
    assert call("token_cross_entropy", library(LOGITS), labels=library(LABELS)) == pytest.approx(plain, rel=1e-14)
    assert call("token_cross_entropy", LOGITS.tolist(), LABELS.tolist()) == pytest.approx(plain, rel=1e-14)


def test_another_token_can_be_ignored_or_none():
    kept = np.where(LABELS == -100, 2, LABELS)
    got = call("token_cross_entropy", LOGITS, kept, ignore_index=2)
    assert got == pytest.approx(call("softmax_cross_entropy", LOGITS, kept, ignore_index=2), rel=1e-14)
    assert got != pytest.approx(call("token_cross_entropy", LOGITS, kept), rel=1e-3)
    with pytest.raises(IndexError, match="got -100 at position 2"):
        call("token_cross_entropy", LOGITS, LABELS, ignore_index=None)
    with pytest.raises(IndexError, match="got -1 at position 0"):
        call("token_cross_entropy", LOGITS, np.full(7, -1))


def test_shifted_by_the_caller():
    """As in every language model: logits at t against token t + 1; the last logits have nothing to predict."""
    logits, ids = RNG.standard_normal((2, 6, 9)), RNG.integers(0, 9, (2, 6))
    got = call("token_cross_entropy", logits[:, :-1], ids[:, 1:])
    flat = torch.as_tensor(logits[:, :-1]).flatten(0, 1), torch.as_tensor(ids[:, 1:]).flatten()
    assert got == pytest.approx(F.cross_entropy(*flat).item(), rel=1e-13)


@pytest.mark.parametrize("garbage", [np.nan, INF, -INF])
@pytest.mark.parametrize("factor", [0.0, 0.5])
def test_what_is_ignored_may_hold_anything(garbage, factor):
    dirty = torch.as_tensor(LOGITS).clone()
    dirty[LABELS == -100] = garbage
    pulls = []
    for logits in (torch.as_tensor(LOGITS), dirty):
        logits.requires_grad_()
        value = call("token_cross_entropy", logits, torch.as_tensor(LABELS), z_loss=factor)
        pulls.append((value.item(), torch.autograd.grad(value, logits)[0]))
    assert pulls[0][0] == pulls[1][0]
    assert torch.equal(pulls[0][1], pulls[1][1])
    assert torch.all(pulls[1][1][LABELS == -100] == 0)


def test_weights_and_ignored_tokens_multiply():
    weight = np.arange(7.0)
    values = np.asarray(call("token_cross_entropy", LOGITS, LABELS, weight=weight, reduction="none"))
    total = weight[LABELS != -100].sum()
    assert call("token_cross_entropy", LOGITS, LABELS, weight=weight) == pytest.approx(values.sum() / total, rel=1e-14)
    assert np.isnan(call("token_cross_entropy", LOGITS, np.full(7, -100)))
    assert call("token_cross_entropy", LOGITS, np.full(7, -100), reduction="sum") == 0


def test_probabilities_as_labels():
    q = RNG.dirichlet(np.ones(5), 7)
    assert call("token_cross_entropy", LOGITS, q) == pytest.approx(call("softmax_cross_entropy", LOGITS, q), rel=1e-14)
    assert call("token_cross_entropy", LOGITS.tolist(), q.tolist()) == call("token_cross_entropy", LOGITS, q)
    with pytest.raises(ValueError, match="needs integer labels"):
        call("token_cross_entropy", LOGITS, q, ignore_index=-100)


def test_the_two_parts():
    labels = np.abs(LABELS) % 5
    parts = call("softmax_cross_entropy", LOGITS, labels) + 0.3 * call("z_loss", LOGITS)
    assert call("token_cross_entropy", LOGITS, labels, z_loss=0.3) == pytest.approx(parts, rel=1e-14)


def test_a_factor_that_is_learned():
    factor = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    labels = torch.as_tensor(np.abs(LABELS) % 5)
    value = call("token_cross_entropy", torch.as_tensor(LOGITS), labels, z_loss=factor)
    assert torch.autograd.grad(value, factor)[0].item() == pytest.approx(float(call("z_loss", LOGITS)), rel=1e-13)


def test_ruled_out_and_certain_tokens():
    """A logit -inf adds nothing to Z; an infinite one is certainty, which costs nothing while there is no z-loss."""
    logits = torch.tensor([[0.5, -INF, 1.0], [INF, 0.0, 1.0]], dtype=torch.float64, requires_grad=True)
    two = torch.tensor([[0.5, 1.0]], dtype=torch.float64)
    for factor in (0.0, 0.5):
        value = call("token_cross_entropy", logits[:1], torch.tensor([0]), z_loss=factor)
        assert value.item() == pytest.approx(call("token_cross_entropy", two, torch.tensor([0]), z_loss=factor).item(), rel=1e-14)
        (pull,) = torch.autograd.grad(value, logits)
        assert torch.isfinite(pull).all()
        assert pull[0, 1] == 0
    sure = call("token_cross_entropy", logits[1:], torch.tensor([0]))
    (pull,) = torch.autograd.grad(sure, logits)
    assert sure.item() == 0
    assert torch.equal(pull, torch.zeros_like(pull))
    assert call("z_loss", np.array([[INF, 0.0]])) == INF
    assert call("z_loss", np.array([[-INF, 2.0]])) == 4


def test_a_token_of_a_short_micro_batch_weighs_133_times_as_much():
    """Micro-batches of 3, 50 and 400 tokens: the mean of the means, and the sums over one count."""
    logits = torch.zeros(453, 4, dtype=torch.float64, requires_grad=True)
    parts = torch.split(logits, [3, 50, 400])
    means = sum(call("token_cross_entropy", part, torch.zeros(len(part), dtype=torch.int64)) / 3 for part in parts)
    (pull,) = torch.autograd.grad(means, logits)
    assert pull[0, 0] / pull[-1, 0] == pytest.approx(400 / 3, rel=1e-12)
    sums = sum(call("token_cross_entropy", part, torch.zeros(len(part), dtype=torch.int64), denominator=453) for part in parts)
    (pull,) = torch.autograd.grad(sums, logits)
    assert pull[0, 0] / pull[-1, 0] == pytest.approx(1, rel=1e-12)


def test_chunks_of_the_batch_add_up():
    logits, labels = RNG.normal(0, 5, (64, 100)), RNG.integers(0, 100, 64)
    whole = call("token_cross_entropy", logits, labels, z_loss=1e-4)
    chunks = sum(
        call("token_cross_entropy", logits[i : i + 10], labels[i : i + 10], z_loss=1e-4, reduction="sum")
        for i in range(0, 64, 10)
    )
    assert chunks / 64 == pytest.approx(whole, rel=1e-13)


# --- z-loss ---------------------------------------------------------------------------------------------------------------


def test_curvature_of_the_z_loss_changes_its_sign_with_log_z():
    """Along a direction v with ⟨p, v⟩ = 0 the curvature is 2 log Z Var_p(v)."""
    for level in (-3.0, 3.0):
        logits = torch.full((2,), level, dtype=torch.float64)
        hessian = torch.func.hessian(lambda z: call("z_loss", z))(logits)
        v = torch.tensor([1.0, -1.0], dtype=torch.float64)
        assert (v @ hessian @ v).item() == pytest.approx(2 * (level + np.log(2)), rel=1e-12)
    ends = [card("z_loss").exactly([end], {}) for end in FLAT["between"]]
    assert card("z_loss").exactly([[-3.0, -3.0]], {}) > sum(ends) / 2


# --- distillation ---------------------------------------------------------------------------------------------------------


def divergence(v, z, temperature):
    """T² KL by its definition, in 60 digits."""
    with mpmath.workdps(60):
        p, q = ([mpmath.exp(mpmath.mpf(float(x)) / temperature) for x in row] for row in (v, z))
        p, q = ([x / sum(row) for x in row] for row in (p, q))
        return float(temperature**2 * sum(a * mpmath.log(a / b) for a, b in zip(p, q)))


@pytest.mark.parametrize("temperature, gap", [(1, 1e-3), (20, 1e-3), (20, 1.0), (1000, 1.0)])
def test_close_to_the_teacher_and_hot(temperature, gap):
    """The value is of the order (gap / T)² then: a difference of logarithms would keep half as many digits, or none."""
    teacher = RNG.standard_normal(5)
    student = teacher + gap * RNG.standard_normal(5)
    want = divergence(teacher, student, temperature)
    assert call("distillation", student, teacher, temperature=temperature) == pytest.approx(want, rel=1e-9)
    single = [np.float32(x) for x in (student, teacher)]
    want = divergence(single[1], single[0], temperature)
    assert call("distillation", *single, temperature=temperature) == pytest.approx(want, rel=2e-3)


def test_never_negative_and_0_for_the_teacher_itself():
    logits = RNG.normal(0, 30, (2000, 6))
    assert np.all(call("distillation", logits, logits + 1e-9 * RNG.standard_normal(logits.shape), reduction="none") >= 0)
    np.testing.assert_array_equal(call("distillation", logits, logits, reduction="none"), 0)


def test_the_factor_keeps_the_size_of_the_gradient():
    """For large T it is (z - v)/K for centred logits; without T² it would fall like 1/T²."""
    student, teacher = RNG.standard_normal((2, 8))
    for temperature in (100.0, 1e4):
        slope = CARDS["distillation"].gradient(student, teacher, temperature=temperature)
        want = (student - student.mean() - teacher + teacher.mean()) / 8
        np.testing.assert_allclose(slope, want, atol=3 / temperature)


def test_tokens_that_the_teacher_or_the_student_rules_out():
    student = torch.tensor([[0.3, -INF, 1.0]], dtype=torch.float64, requires_grad=True)
    teacher = torch.tensor([[1.0, -INF, 0.0]], dtype=torch.float64)
    value = call("distillation", student, teacher)
    assert value.item() == pytest.approx(divergence([1.0, 0.0], [0.3, 1.0], 1), rel=1e-13)
    assert torch.isfinite(torch.autograd.grad(value, student)[0]).all()
    finite = torch.tensor([[0.3, 0.1, 1.0]], dtype=torch.float64, requires_grad=True)
    value = call("distillation", finite, teacher)
    (pull,) = torch.autograd.grad(value, finite)
    np.testing.assert_allclose(pull, CARDS["distillation"].gradient(finite.detach(), teacher), rtol=1e-12)
    assert call("distillation", student.detach(), finite.detach()) == INF


def test_all_names_of_the_family():
    from lossbook import language

    assert set(language.__all__) < set(lossbook.__all__)
    assert len(language.__all__) == 11


GUARDS = {
    "token_cross_entropy": [
        lambda: test_ignored_tokens_are_ignored_by_default(np.asarray),
        test_probabilities_as_labels,
        test_ruled_out_and_certain_tokens,
    ],
    "z_loss": [test_ruled_out_and_certain_tokens],
    "distillation": [
        lambda: [test_close_to_the_teacher_and_hot(*case) for case in ((20, 1e-3), (1000, 1.0))] and None,
        test_never_negative_and_0_for_the_teacher_itself,
        test_tokens_that_the_teacher_or_the_student_rules_out,
    ],
}
