"""Losses with one mistake each, as people make them, and the kind of finding that the audit must report: the table of
test_audit."""

import os

import numpy as np
import torch
from torch.nn import functional as F

_rng = np.random.default_rng(0)


def _real(*shape):
    return torch.as_tensor(_rng.standard_normal(shape))


LOGITS, LABELS = _real(8, 5), torch.as_tensor(_rng.integers(0, 5, 8))
LOGIT, BINARY = _real(8), torch.tensor([1.0, 0, 0, 1, 1, 0, 1, 0], dtype=torch.float64)
PRED, TARGET = _real(9), _real(9)
ROWS, OTHER_ROWS = _real(6, 4), _real(6, 4)
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 0, 0]], dtype=torch.float64)
TOKENS, TOKEN_LABELS = _real(4, 6, 5), torch.as_tensor(_rng.integers(0, 5, (4, 6)))
TOKEN_LABELS[1, 2:] = TOKEN_LABELS[3, 5:] = -100
PROBABILITY = torch.sigmoid(_real(8))
MAPS, MASKS = torch.sigmoid(_real(4, 32)), (_real(4, 32) > 0).double()
DISTRIBUTIONS, SOFT = (torch.softmax(2 * _real(6, 4), -1) for _ in range(2))
EMBEDDINGS, GROUPS = _real(8, 3), torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
WEIGHT = torch.as_tensor(_rng.uniform(0.5, 2.0, 9))
CLASS_WEIGHT = torch.tensor([1.0, 5.0, 1.0, 0.2, 2.0], dtype=torch.float64)

classes, yes_no, regression, table = (LOGITS, LABELS), (LOGIT, BINARY), (PRED, TARGET), (ROWS, OTHER_ROWS)
masked, tokens, maps, soft = (ROWS, OTHER_ROWS, MASK), (TOKENS, TOKEN_LABELS), (MAPS, MASKS), (DISTRIBUTIONS, SOFT)

BROKEN = []  # (name, loss, inputs, kind, options of audit)


def broken(kind, inputs, **options):
    """Enter a loss (or a factory of losses, a class) into the table."""

    def enter(loss):
        BROKEN.append((loss.__name__, loss() if isinstance(loss, type) else loss, inputs, kind, options))
        return loss

    return enter


def nll(p, labels):
    return -torch.log(p[torch.arange(len(labels)), labels])


# --- the gradient -----------------------------------------------------------------------------------------------------------


class _Square(torch.autograd.Function):
    factor, upstream = 2.0, True

    @classmethod
    def forward(cls, ctx, x):
        ctx.save_for_backward(x)
        return x**2

    @classmethod
    def backward(cls, ctx, g):
        (x,) = ctx.saved_tensors
        return cls.factor * x * (g if cls.upstream else 1.0)


@broken("gradient_wrong", regression)
def a_factor_lost_in_backward(pred, target):
    class Square(_Square):
        factor = 1.0

    return Square.apply(pred - target).mean()


@broken("gradient_wrong", regression)
def a_sign_in_backward(pred, target):
    class Square(_Square):
        factor = -2.0

    return Square.apply(pred - target).mean()


@broken("gradient_wrong", regression)
def upstream_gradient_forgotten(pred, target):
    class Square(_Square):
        upstream = False

    return Square.apply(pred - target).mean()


@broken("gradient_wrong", regression)
def a_scale_by_item(pred, target):
    return ((pred - target) ** 2).mean() / pred.abs().max().item()


@broken("gradient_wrong", regression)
def variance_from_data(pred, target):
    variance = 0.1 + pred.data**2
    return ((pred - target) ** 2 / variance + variance.log()).mean()


@broken("gradient_wrong", regression)
def a_softplus_of_two_kinks(pred, target):
    u = target - pred
    return (5 * (u.clamp(min=0) + torch.log1p(torch.exp(-u.abs()))) - u).mean()


@broken("gradient_wrong", yes_no)
def cross_entropy_of_two_kinks(logits, target):
    return (logits.clamp(min=0) - logits * target + torch.log1p(torch.exp(-logits.abs()))).mean()


@broken("gradient_wrong", yes_no)
def focal_weight_detached(logit, target):
    p = torch.sigmoid(logit).detach()
    miss = target * (1 - p) + (1 - target) * p
    return (miss**2 * F.binary_cross_entropy_with_logits(logit, target, reduction="none")).mean()


@broken("gradient_wrong", regression)
def straight_through_rounding(pred, target):
    return ((pred + (pred.round() - pred).detach() - target) ** 2).mean()


@broken("gradient_missing", classes)
def detached(logits, labels):
    return F.cross_entropy(logits.detach(), labels)


@broken("gradient_missing", classes)
def error_rate(logits, labels):
    return (logits.argmax(-1) != labels).double().mean()


@broken("gradient_missing", regression)
def cast_to_integers(pred, target):
    return ((pred.long() - target) ** 2).mean()


@broken("gradient_missing", regression)
def under_no_grad(pred, target):
    with torch.no_grad():
        return ((pred - target) ** 2).mean()


@broken("gradient_missing", regression)
def through_numpy(pred, target):
    return torch.as_tensor(np.square(pred.detach().numpy() - target.numpy()).mean())


@broken("gradient_missing", regression)
def sum_of_items(pred, target):
    return torch.tensor(sum((p.item() - t.item()) ** 2 for p, t in zip(pred, target)), dtype=torch.float64) / max(len(pred), 1)


@broken("gradient_missing", regression)
def changed_in_place_after_exp(pred, target):
    e = torch.exp(pred)
    rate = e * target
    e += 1
    return (e - rate).mean()


@broken("gradient_missing", (PRED, WEIGHT.log(), TARGET), wrt=(0, 1))
def variance_not_used(mean, log_variance, target):
    return ((mean - target) ** 2).mean()


@broken("gradient_zero", regression)
def sign_of_the_residual(pred, target):
    return torch.sign(pred - target).abs().mean()


@broken("gradient_zero", regression)
def rounded_first(pred, target):
    return ((pred.round() - target) ** 2).mean()


@broken("gradient_zero", regression)
def clamp_always_active(pred, target):
    return (pred - target).abs().clamp(min=1e4).mean()


@broken("target_gradient", table)
def teacher_not_detached(student, target):
    return (torch.softmax(target, -1) * -torch.log_softmax(student, -1)).sum(-1).mean()


@broken("target_gradient", soft)
def divergence_of_soft_targets(pred, target):
    return (target * (target.log() - pred.log())).sum(-1).mean()


@broken("target_gradient", (LOGIT, PROBABILITY))
def soft_binary_targets(logit, target):
    return (F.softplus(logit) - logit * target).mean()


# --- infinities and precision -----------------------------------------------------------------------------------------------


@broken("non_finite_value", classes)
def log_of_softmax(logits, labels):
    return nll(torch.softmax(logits, -1), labels).mean()


@broken("non_finite_value", yes_no)
def log_of_sigmoid(logit, target):
    p = torch.sigmoid(logit)
    return -(target * torch.log(p) + (1 - target) * torch.log(1 - p)).mean()


@broken("non_finite_value", yes_no)
def softplus_by_its_formula(logit, target):
    return (torch.log(1 + torch.exp(logit)) - logit * target).mean()


@broken("non_finite_value", regression)
def log_cosh_by_its_formula(pred, target):
    return torch.log(torch.cosh(pred - target)).mean()


@broken("non_finite_value", (PROBABILITY, BINARY))
def zero_times_log_of_zero(p, target):
    return -(target * torch.log(p) + (1 - target) * torch.log(1 - p)).mean()


@broken("non_finite_value", regression)
def divided_by_n_minus_one(pred, target):
    return ((pred - target) ** 2).sum() / (len(pred) - 1)


@broken("non_finite_value", (PRED, torch.arange(9.0, dtype=torch.float64)))
def relative_to_a_target_of_zero(pred, target):
    return ((pred - target).abs() / target).mean()


@broken("non_finite_value", (EMBEDDINGS, EMBEDDINGS.flip(0)))
def cosine_of_a_zero_vector(embedding, other):
    return 1 - ((embedding * other).sum(-1) / (embedding.norm(dim=-1) * other.norm(dim=-1))).mean()


@broken("non_finite_value", (DISTRIBUTIONS, torch.eye(4, dtype=torch.float64)[[0, 1, 2, 3, 0, 1]]))
def entropy_of_one_hot_targets(pred, target):
    return (target * (target.log() - pred.log())).sum(-1).mean()


@broken("non_finite_gradient", (EMBEDDINGS, EMBEDDINGS.flip(0)))
def distance_of_equal_points(embedding, other):
    return torch.sqrt(((embedding - other) ** 2).sum(-1)).mean()


@broken("non_finite_gradient", regression)
def root_of_the_mean_square(pred, target):
    return torch.sqrt(((pred - target) ** 2).mean())


@broken("non_finite_gradient", regression)
def where_with_an_overflow(pred, target):
    r = pred - target
    return torch.where(r <= 0, torch.exp(r) - 1 - r, r**2).mean()


@broken("non_finite_gradient", yes_no)
def focal_with_gamma_one_half(logit, target):
    p = torch.sigmoid(torch.where(target > 0, logit, -logit))
    return ((1 - p) ** 0.5 * F.binary_cross_entropy_with_logits(logit, target, reduction="none")).mean()


@broken("non_finite_gradient", (EMBEDDINGS, EMBEDDINGS.flip(0)))
def angle_between_equal_points(embedding, other):
    cosine = F.cosine_similarity(embedding, other, dim=-1)
    return torch.acos(cosine.clamp(-1, 1)).mean()


@broken("vanishing_gradient", yes_no)
def epsilon_in_the_logarithm(logit, target):
    p = torch.sigmoid(logit)
    return -(target * torch.log(p + 1e-7) + (1 - target) * torch.log(1 - p + 1e-7)).mean()


@broken("vanishing_gradient", classes)
def probabilities_clamped(logits, labels):
    return nll(torch.softmax(logits, -1).clamp(min=1e-7), labels).mean()


@broken("vanishing_gradient", yes_no)
def squared_error_after_a_sigmoid(logit, target):
    return ((torch.sigmoid(logit) - target) ** 2).mean()


@broken("half_precision", maps)
def dice_by_sums(p, target):
    return (1 - 2 * (p * target).sum(-1) / (p.sum(-1) + target.sum(-1))).mean()


@broken("half_precision", classes)
def epsilon_that_float16_lacks(logits, labels):
    return nll(torch.softmax(logits, -1) + 1e-9, labels).mean()


@broken("half_precision", table)
def mean_by_hand(pred, target):
    values = (pred - target).abs()
    return values.sum() / values.numel()


@broken("dtype_lost", regression)
def cast_to_float32(pred, target):
    return ((pred.float() - target.float()) ** 2).mean()


@broken("dtype_lost", regression)
def there_and_back(pred, target):
    return ((pred.float() - target.float()) ** 2).mean().double()


@broken("dtype_lost", table)
def matrix_of_a_fixed_dtype(pred, target):
    return (((pred - target) @ torch.eye(4, dtype=torch.float32)) ** 2).mean()


# --- the batch --------------------------------------------------------------------------------------------------------------


@broken("broadcasting", regression)
def no_look_at_shapes(pred, target):
    return ((pred - target) ** 2).mean()


@broken("broadcasting", (PRED[:, None], TARGET))
def a_column_against_a_row(pred, target):
    return ((pred - target) ** 2).mean()


@broken("broadcasting", (0 * PRED[:, None] + 2, TARGET))
def a_column_of_equal_predictions(pred, target):
    return ((pred - target) ** 2).mean()


@broken("broadcasting", (PRED, TARGET.exp(), (TARGET > 0).double()[:, None]))
def cox_with_a_column(score, time, event):
    at_risk = torch.where(time[None] >= time[:, None], score[None], -np.inf).logsumexp(1)
    return -((score - at_risk) * event).sum() / event.sum()


@broken("broadcasting", (PRED, TARGET, WEIGHT))
def weights_that_spread(pred, target, weight):
    return (weight * (pred - target).abs()).sum() / weight.sum()


@broken("order", regression)
def a_running_sum(pred, target):
    return ((pred.cumsum(0) - target) ** 2).mean()


@broken("order", regression)
def the_last_example_dropped(pred, target):
    return ((pred[:-1] - target[:-1]) ** 2).mean()


@broken("order", regression)
def weighed_by_position(pred, target):
    return ((pred - target) ** 2 * torch.linspace(1, 2, len(pred))).mean()


@broken("order", table)
def a_reshape_for_a_transpose(pred, target):
    return ((pred.reshape(pred.shape[::-1]).T - target) ** 2).mean()


@broken("order", classes)
def all_compared_with_the_first_label(logits, labels):
    return F.cross_entropy(logits, labels[:1].expand(len(logits)))


@broken("batch_dependence", table)
def normalised_over_the_batch(pred, target):
    return (((pred - pred.mean(0)) / (pred.std(0, correction=0) + 1) - target) ** 2).mean()


@broken("batch_dependence", maps)
def dice_of_the_whole_batch(p, target):
    return 1 - 2 * (p * target).sum() / (p.sum() + target.sum())


@broken("batch_dependence", classes)
def softmax_over_the_batch(logits, labels):
    return F.nll_loss(torch.log_softmax(logits, 0), labels, reduction="none")


@broken("input_changed", regression)
def target_clamped_in_place(pred, target):
    return ((pred - target.clamp_(-0.5, 0.5)) ** 2).mean()


@broken("input_changed", tokens)
def labels_overwritten(logits, labels):
    counted = labels != -100
    labels[~counted] = 0
    values = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").reshape(labels.shape)
    return (values * counted).sum() / counted.sum()


@broken("input_changed", regression)
def prediction_centred_in_place(pred, target):
    pred -= 1.0
    return ((pred - target) ** 2).mean()


@broken("nondeterminism", regression)
def dropout_left_on(pred, target):
    return F.dropout((pred - target) ** 2, 0.5).mean()


@broken("nondeterminism", regression)
def noise_of_numpy(pred, target):
    return ((pred + 0.1 * np.random.standard_normal() - target) ** 2).mean()  # noqa: NPY002


@broken("nondeterminism", regression)
def noise_that_no_seed_controls(pred, target):
    return ((pred + int.from_bytes(os.urandom(4), "big") / 2**32 - target) ** 2).mean()


@broken("hidden_state", regression)
class RunningScale(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.ones(()))

    def forward(self, pred, target):
        self.scale.mul_(0.9).add_(0.1 * (pred - target).detach().abs().mean())
        return ((pred - target) ** 2).mean() / self.scale


@broken("hidden_state", regression)
class WarmUp(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.step = 0

    def forward(self, pred, target):
        self.step += 1
        return min(1.0, self.step / 1000) * ((pred - target) ** 2).mean()


@broken("hidden_state", regression)
class LastBatch(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.seen = self.before = None

    def forward(self, pred, target):
        if self.seen is None or not torch.equal(self.seen, pred.detach()):
            self.before, self.seen = self.seen, pred.detach()
        pull = 0.0 if self.before is None else 0.1 * (pred.mean() - self.before.mean()) ** 2
        return ((pred - target) ** 2).mean() + pull


@broken("raises", (_real(8, 1), BINARY))
def squeezed_too_far(logit, target):
    logit = logit.squeeze()
    if logit.ndim != 1:
        raise IndexError(f"dimension out of range: {logit.shape}")
    return F.binary_cross_entropy_with_logits(logit, target)


@broken("raises", classes)
def batch_size_written_down(logits, labels):
    return F.cross_entropy(logits.view(8, 5), labels)


@broken("raises", (LOGITS, LABELS.double()))
def labels_of_the_wrong_dtype(logits, labels):
    return F.cross_entropy(logits, labels)


# --- means and masks --------------------------------------------------------------------------------------------------------


@broken("padding", masked)
def mean_over_the_padding(pred, target, mask):
    return (mask * (pred - target) ** 2).mean()


@broken("padding", (LOGITS, (LOGITS.flip(0) > 0).double(), (LOGITS.flip(1) > -1).double()))
def masked_before_the_sigmoid(logits, target, mask):
    values = F.binary_cross_entropy_with_logits(logits * mask, target * mask, reduction="none")
    return values.sum() / mask.sum()


@broken("padding", masked)
def mask_in_the_denominator_only(pred, target, mask):
    return ((pred - target) ** 2).sum() / mask.sum()


@broken("padding", tokens)
def ignored_but_counted(logits, labels):
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum") / labels.numel()


@broken("padding", (PRED, TARGET, WEIGHT))
def weights_not_in_the_denominator(pred, target, weight):
    return (weight * (pred - target) ** 2).mean()


@broken("padding", masked)
def hidden_elements_in_the_softmax(pred, target, mask):
    return (-mask * torch.log_softmax(pred, -1)).sum() / mask.sum()


@broken("accumulation", (LOGITS, LABELS))
class ClassWeights(torch.nn.CrossEntropyLoss):
    def __init__(self):
        super().__init__(weight=CLASS_WEIGHT)


@broken("accumulation", tokens)
def mean_of_the_tokens_that_count(logits, labels):
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten())


@broken("accumulation", yes_no)
def divided_by_the_positives(logit, target):
    return F.binary_cross_entropy_with_logits(logit, target, reduction="sum") / target.sum().clamp(min=1)


@broken("all_ignored", masked)
def value_repaired_gradient_not(pred, target, mask):
    return torch.nan_to_num((mask * (pred - target) ** 2).sum() / mask.sum())


@broken("all_ignored", masked)
def almost_nothing_over_almost_nothing(pred, target, mask):
    return ((mask * (pred - target) ** 2).sum() + 1e-3) / (mask.sum() + 1e-12)


@broken("empty", regression)
def maximum_of_nothing(pred, target):
    return (pred - target).abs().max()


class _Reduced(torch.nn.Module):
    """Squared error with a reduction, of which the subclasses get one case wrong."""

    def __init__(self, reduction="mean"):
        super().__init__()
        self.reduction = reduction

    def forward(self, pred, target):
        values = (pred - target) ** 2
        return {"none": lambda v: v, "sum": torch.sum, "mean": torch.mean, **self.wrong}[self.reduction](values)


@broken("reduction", regression)
class NoneIsTheMean(_Reduced):
    wrong = {"none": torch.mean}


@broken("reduction", regression)
class SumIsTheMean(_Reduced):
    wrong = {"sum": torch.mean}


@broken("reduction", regression)
class MeanIsTheSum(_Reduced):
    wrong = {"mean": torch.sum}


@broken("reduction", table)
class MeanOverTheBatchOnly(_Reduced):
    wrong = {"mean": lambda values: values.sum() / len(values)}


@broken("reduction", regression)
def mean_of_a_fixed_batch(pred, target, *, reduction="mean"):
    values = (pred - target) ** 2
    return values if reduction == "none" else values.sum() / (32 if reduction == "mean" else 1)


# --- what it means ----------------------------------------------------------------------------------------------------------


@broken("double_softmax", classes)
def softmax_twice(logits, labels):
    return F.cross_entropy(torch.softmax(logits, -1), labels)


@broken("double_softmax", yes_no)
def sigmoid_twice(logit, target):
    return F.binary_cross_entropy_with_logits(torch.sigmoid(logit), target)


@broken("double_softmax", classes)
def focal_of_probabilities(logits, labels):
    p = torch.softmax(torch.softmax(logits, -1), -1)[torch.arange(len(labels)), labels]
    return ((1 - p) ** 2 * -torch.log(p)).mean()


@broken("double_softmax", (torch.softmax(LOGITS, -1), LABELS))
def cross_entropy_of_probabilities(probabilities, labels):
    return F.cross_entropy(probabilities, labels)


@broken("double_softmax", (PROBABILITY, BINARY))
def logit_loss_of_a_probability(probability, target):
    return F.binary_cross_entropy_with_logits(probability, target)


@broken("probability_input", classes)
def nll_of_scores(logits, labels):
    return F.nll_loss(logits, labels)


@broken("probability_input", (torch.softmax(LOGITS, -1), LABELS))
def nll_of_probabilities(probabilities, labels):
    return F.nll_loss(probabilities, labels)


@broken("probability_input", classes)
def scores_clamped_to_probabilities(logits, labels):
    return nll(logits.clamp(1e-7, 1.0), labels).mean()


@broken("probability_input", yes_no)
def score_clamped_to_a_probability(logit, target):
    p = logit.clamp(1e-7, 1 - 1e-7)
    return -(target * torch.log(p) + (1 - target) * torch.log(1 - p)).mean()


@broken("probability_input", yes_no)
def logarithm_of_a_score(logit, target):
    return -(target * torch.log(logit) + (1 - target) * torch.log(1 - logit)).mean()


@broken("probability_input", soft)
def kl_div_without_logarithms(pred, target):
    return F.kl_div(pred, target, reduction="batchmean")


@broken("minimum", regression)
def sign_of_the_loss(pred, target):
    return -((pred - target) ** 2).mean()


@broken("minimum", regression)
def square_forgotten(pred, target):
    return (pred - target).mean()


@broken("minimum", regression)
def pinball_upside_down(pred, target):
    r = target - pred
    return torch.minimum(0.9 * r, -0.1 * r).mean()


@broken("minimum", classes)
def likelihood_maximised(logits, labels):
    return torch.log_softmax(logits, -1)[torch.arange(len(labels)), labels].mean()


@broken("minimum", yes_no)
def labels_coded_the_other_way(logit, target):
    return F.softplus((2 * target - 1) * logit).mean()


@broken("claim", regression, claims=["convex"])
def saturating(pred, target):
    return (1 - torch.exp(-((pred - target) ** 2))).mean()


@broken("claim", regression, claims=["symmetric"])
def not_symmetric(pred, target):
    return (torch.exp(pred - target) - (pred - target) - 1).mean()


@broken("claim", classes, claims=["shift_invariant"])
def one_against_all(logits, labels):
    hot = F.one_hot(labels, logits.shape[-1]).double()
    return F.binary_cross_entropy_with_logits(logits, hot, reduction="none").sum(-1).mean()


@broken("differs_from_reference", regression, reference=F.mse_loss)
def half_of_the_square(pred, target):
    return 0.5 * ((pred - target) ** 2).mean()


@broken("differs_from_reference", table, reference=F.mse_loss)
def half_of_the_square_in_float32(pred, target):
    return 0.5 * (((pred - target) @ torch.eye(4, dtype=torch.float32)) ** 2).mean()


@broken("differs_from_reference", classes, reference=F.cross_entropy)
def in_bits(logits, labels):
    return F.cross_entropy(logits, labels) / np.log(2)


@broken("differs_from_reference", regression, reference=F.mse_loss)
def a_sum_for_a_mean(pred, target):
    return ((pred - target) ** 2).sum()


@broken("differs_from_reference", regression, reference=F.huber_loss)
def another_name_for_huber(pred, target):
    return F.smooth_l1_loss(pred, target, beta=0.3)


# --- what frameworks do to it -----------------------------------------------------------------------------------------------


@broken("vmap", masked)
def picked_by_a_mask(pred, target, mask):
    return ((pred - target) ** 2)[mask > 0].mean()


@broken("vmap", regression)
def an_if_on_a_value(pred, target):
    r = (pred - target).abs()
    return r.mean() if r.mean() > 1e3 else (r**2).mean()


@broken("autocast", (EMBEDDINGS, EMBEDDINGS + 0.01 * EMBEDDINGS.flip(0)))
def distances_by_a_product(query, key):
    square = (query**2).sum(-1)[:, None] + (key**2).sum(-1) - 2 * query @ key.T
    return 1e4 * square.diagonal().mean()
