"""The losses over several ranks are those of one process: value and gradient to rounding, whatever rows each rank holds.

Each number of ranks is started once, as that many processes on gloo, which run all cases in the same order and write down what
failed; the tests below read it. Ordinarily there are 1 rank (this process) and 2; for more set LOSSBOOK_RANKS, as in
``LOSSBOOK_RANKS=2,3,4 python -m pytest tests/test_distributed.py``.
"""

import importlib.util
import json
import os
import subprocess
import sys
import time
import traceback
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
import torch.distributed as dist

import lossbook
from lossbook import distributed
from lossbook.distributed import _ranks, contrast, vocabulary

RANKS = [1, *map(int, os.environ.get("LOSSBOOK_RANKS", "2").split(","))]
SPLITS = {1: [[7]], 2: [[5, 3], [6, 0]], 3: [[4, 0, 3], [1, 5, 2]], 4: [[3, 1, 0, 4], [2, 2, 2, 2]]}  # the rows of each rank
CASES, PLANTS, PLANTED = {}, {}, []


def case(function):
    CASES[function.__name__] = function
    return function


def rank():
    return dist.get_rank() if dist.is_initialized() else 0


def size():
    return dist.get_world_size() if dist.is_initialized() else 1


def splits():
    """The rows of this rank among those of all, in different divisions; where an error is planted, in the first one."""
    for rows in SPLITS[size()][: 1 if PLANTED else None]:
        yield sum(rows), slice(sum(rows[: rank()]), sum(rows[: rank() + 1]))


def normal(*shape, seed=0, scale=1.0):
    return torch.from_numpy(np.random.default_rng([seed, *shape]).normal(0, scale, shape))


FAILED = []  # a rank that raised in the middle of a case would leave the others waiting: it writes it down and goes on


def expect(holds, message):
    if not holds:
        lines = [str(f.lineno) for f in traceback.extract_stack() if f.filename == __file__ and f.name != "run_case"][:-1]
        FAILED.append(f"line {', '.join(lines)}: {message}")


def near(ours, wanted, what, rtol=1e-12):
    """Equal up to rounding of the largest entry."""
    ours, wanted = ours.detach(), wanted.detach()
    largest = float(wanted.abs().max()) if wanted.numel() else 0.0
    fits = ours.shape == wanted.shape
    difference = float((ours - wanted).abs().max()) if fits and wanted.numel() else 0.0
    expect(fits and difference <= rtol * largest, f"{what} is off by {difference} of {largest}, shape {tuple(ours.shape)}")


def sum_over_ranks(x):
    x = x.clone()
    if size() > 1:
        dist.all_reduce(x)
    return x


def compare(ours, plain, cut, *arrays, rtol=1e-12, **learned):
    """`ours` of the rows `cut` is `plain` of all rows: value, gradient of the rows, summed gradient of what all ranks hold.

    Where they return values of rows, `plain` receives the same slopes for them.
    """
    whole = [a.clone().requires_grad_(a.is_floating_point()) for a in arrays]
    mine = [a[cut].clone().requires_grad_(a.is_floating_point()) for a in arrays]
    learned = {name: torch.tensor(value, dtype=torch.float64) for name, value in learned.items()}
    theirs, own = ({name: v.clone().requires_grad_() for name, v in learned.items()} for _ in range(2))
    wanted, value = plain(*whole, **theirs), ours(*mine, **own)
    near(value, wanted, "value", rtol)
    wanted.backward()
    value.backward()
    for i, (a, b) in enumerate(zip(mine, whole)):
        if a.requires_grad:
            near(a.grad, b.grad[cut], f"gradient {i}", rtol)
    for name in learned:
        near(sum_over_ranks(own[name].grad), theirs[name].grad, f"gradient of {name}", rtol)


# --- contrastive losses ------------------------------------------------------------------------------------------------------


@case
def contrastive_mean():
    for n, cut in splits():
        x, y = normal(n, 3), normal(n, 3, seed=1)
        for symmetric in (False, True):
            ours, plain = (lambda *a, f=f, s=symmetric, **k: f.info_nce(*a, symmetric=s, **k) for f in (distributed, lossbook))
            compare(ours, plain, cut, x, y, temperature=0.2)
        compare(distributed.nt_xent, lossbook.nt_xent, cut, x, y, temperature=0.3)
        compare(distributed.siglip, lossbook.siglip, cut, x, y, temperature=5.0, bias=-3.0)
        labels = torch.arange(n) * 5 % 3  # groups that span ranks
        compare(distributed.supervised_contrastive, lossbook.supervised_contrastive, cut, x, labels, temperature=0.4)


@case
def contrastive_options():
    """Sums, weights, a given denominator, values of rows, anchors without a positive, numbers for parameters."""
    for n, cut in splits():
        x, y, w = normal(n, 3), normal(n, 3, seed=1), torch.arange(n) % 3 * 0.5  # every third row is taken out
        x = torch.where(w[:, None] == 0, torch.nan, x)
        both = torch.cat([w, w + 1])
        for options in ({"reduction": "sum"}, {"denominator": 4.0}, {}):
            for name, more in (("info_nce", {"symmetric": True}), ("siglip", {"temperature": 3.0, "bias": -1.0})):
                ours = lambda a, b: getattr(distributed, name)(a, b, weight=w[cut], **more, **options)  # noqa: B023, E731
                plain = lambda a, b: getattr(lossbook, name)(a, b, weight=w, **more, **options)  # noqa: B023, E731
                compare(ours, plain, cut, x, y)
            z = normal(n, 3, seed=2)
            here = torch.cat([both[:n][cut], both[n:][cut]])
            compare(
                lambda a, b: distributed.nt_xent(a, b, weight=here, **options),  # noqa: B023
                lambda a, b: lossbook.nt_xent(a, b, weight=both, **options),  # noqa: B023
                cut,
                z,
                y,
            )
        slope = normal(n, seed=3)
        compare(
            lambda a, b: (distributed.info_nce(a, b, reduction="none") * slope[cut]).sum() + 0 * b.sum(),  # noqa: B023
            lambda a, b: _with_the_slope_of_all(lossbook.info_nce(a, b, reduction="none") * slope, cut),  # noqa: B023
            cut,
            normal(n, 3, seed=2),
            y,
        )
        labels = torch.tensor([7, *range(n - 1)])
        labels[-1] = labels[1]  # two of a group, and the rest is alone
        compare(distributed.supervised_contrastive, lossbook.supervised_contrastive, cut, y, labels)


def _with_the_slope_of_all(values, cut):
    """The sum of the rank's own values, with the slope of the sum of all."""
    rest = values.sum() - values[cut].sum()
    return values[cut].sum() + (rest - rest.detach())  # the bracket is exactly 0


@case
def sure_answers_keep_their_digits():
    """A loss of 1e-40: relative precision, also of the gradient, where 1 - p would be 0."""
    for n, cut in splits():
        x = torch.eye(n, dtype=torch.float64) + 0.01 * normal(n, n)
        for name in ("info_nce", "nt_xent"):
            compare(getattr(distributed, name), getattr(lossbook, name), cut, x, x.clone(), temperature=0.01, rtol=1e-11)


@case
def half_precision_and_frozen_keys():
    for n, cut in splits():
        x, y = normal(n, 4).bfloat16(), normal(n, 4, seed=1).bfloat16()
        mine = x[cut].clone().requires_grad_()
        value = distributed.info_nce(mine, y[cut], temperature=torch.tensor(0.5))
        value.backward()
        whole = x.clone().requires_grad_()
        wanted = lossbook.info_nce(whole, y, temperature=0.5)
        wanted.backward()
        expect(value.dtype == mine.grad.dtype == torch.bfloat16, "another dtype")
        near(value.float(), wanted.float(), "value", 1e-2)
        near(mine.grad.float(), whole.grad[cut].float(), "gradient", 2e-2)
        with torch.autocast("cpu"):  # would take the products in half precision
            near(distributed.nt_xent(x[cut].float(), y[cut].float()), lossbook.nt_xent(x.float(), y.float()), "autocast", 1e-6)


@case
def no_second_derivatives():
    for name in ("nt_xent", "vicreg"):
        x = normal(3, 4).requires_grad_()
        value = getattr(distributed, name)(x, normal(3, 4, seed=1))
        try:
            torch.autograd.grad(value, x, create_graph=True)
            expect(False, f"{name} was differentiated twice")
        except RuntimeError as error:
            expect("no second derivatives" in str(error), str(error))


class _Largest(torch.overrides.TorchFunctionMode):
    """The largest tensor that any operation returns."""

    largest = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        sizes = [t.numel() for t in (result if isinstance(result, tuple | list) else [result]) if isinstance(t, torch.Tensor)]
        self.largest = max([self.largest, *sizes])
        return result


@case
def no_rank_holds_all_pairs():
    n, columns = 96, 8  # rows on each rank
    x, y = normal(n, columns, seed=rank()).requires_grad_(), normal(n, columns, seed=9).requires_grad_()
    with patch.dict(contrast.TILE, cpu=512), _Largest() as seen:
        for loss in (distributed.nt_xent(x, y), distributed.info_nce(x, y, symmetric=True)):
            loss.backward()
    expect(
        seen.largest <= 2 * n * (columns + 4), f"a tensor of {seen.largest} entries where there are {(2 * n) ** 2} local pairs"
    )


# --- classes over the ranks --------------------------------------------------------------------------------------------------

VOCABULARY = [
    {},
    {"label_smoothing": 0.2},
    {"z_loss": 0.3},
    {"class_weights": True, "label_smoothing": 0.1, "ignore_index": 2, "z_loss": 0.1, "weight": True},
    {"reduction": "sum", "ignore_index": -100},
    {"denominator": 3.0},
]


def _plain_cross_entropy(logits, labels, *, z_loss=0.0, weight=None, ignore_index=None, class_weights=None, **options):
    value = lossbook.softmax_cross_entropy(
        logits, labels, weight=weight, ignore_index=ignore_index, class_weights=class_weights, **options
    )
    if not z_loss:
        return value
    weights = torch.ones(labels.shape, dtype=torch.float64) if weight is None else weight
    weights = weights if ignore_index is None else weights * (labels != ignore_index)
    safe = torch.where(weights == 0, 0, labels)
    weights = weights if class_weights is None else weights * class_weights[safe]
    return value + z_loss * lossbook.z_loss(logits, weight=weights, reduction=options.get("reduction", "mean"))


@case
def vocabulary_cross_entropy():
    for k, cut in splits():
        logits = normal(2, 5, k, scale=3.0)
        labels = torch.from_numpy(np.random.default_rng(k).integers(0, k, (2, 5)))
        labels[0, :3] = torch.tensor([2, 0, k - 1])
        hidden, kernel, bias = normal(2, 5, 3), normal(k, 3, seed=1, scale=2.0), normal(k, seed=2)
        for options in VOCABULARY:
            options = dict(options)
            if options.get("ignore_index") == -100:
                labels = labels.clone()
                labels[1, 0] = -100
            elif (labels == -100).any():
                continue
            if options.pop("weight", False):
                options["weight"] = (torch.arange(10.0, dtype=torch.float64) % 4).reshape(2, 5)
            if options.pop("class_weights", False):
                options["class_weights"] = 0.5 + torch.arange(k, dtype=torch.float64)
            whole, mine = logits.clone().requires_grad_(), logits[..., cut].clone().requires_grad_()
            wanted = _plain_cross_entropy(whole, labels, **options)
            value = distributed.softmax_cross_entropy(mine, labels, **options)
            near(value, wanted, f"value for {options}")
            wanted.backward()
            value.backward()
            near(mine.grad, whole.grad[..., cut], f"gradient for {options}")
            parts = [a.clone().requires_grad_() for a in (hidden, kernel, bias)]
            shards = [a.clone().requires_grad_() for a in (hidden, kernel[cut], bias[cut])]
            wanted = _plain_cross_entropy(parts[0] @ parts[1].T + parts[2], labels, **options)
            value = distributed.linear_cross_entropy(*shards[:2], labels, bias=shards[2], **options)
            near(value, wanted, f"linear value for {options}")
            wanted.backward()
            value.backward()
            for ours, theirs, name in zip(shards, (parts[0].grad, parts[1].grad[cut], parts[2].grad[cut]), "hkb"):
                near(ours.grad, theirs, f"linear gradient of {name} for {options}")
            rows = distributed.softmax_cross_entropy(mine, labels, **(options | {"reduction": "none", "denominator": None}))
            expect(rows.shape == labels.shape, "the shape of none")


@case
def hard_logits():
    """Sure, ruled out, far apart, and nan in a row that does not count."""
    for k, cut in splits():
        logits = normal(6, k, scale=2.0)
        logits[0, 0], logits[1, 1:], logits[2, -1], logits[3, 0] = 80.0, -torch.inf, -torch.inf, 5000.0
        logits[4] = torch.nan
        labels = torch.tensor([0, 0, 1, k - 1, -100, 2])
        whole, mine = logits.clone().requires_grad_(), logits[:, cut].clone().requires_grad_()
        wanted = lossbook.softmax_cross_entropy(whole, labels, ignore_index=-100, reduction="none")
        value = distributed.softmax_cross_entropy(mine, labels, ignore_index=-100, reduction="none")
        expect(torch.allclose(value, wanted, rtol=1e-12, atol=0), f"values {value}, wanted {wanted}")  # the first is some 1e-34
        wanted.sum().backward()
        value.sum().backward()
        expect(torch.allclose(mine.grad, whole.grad[:, cut], rtol=1e-12, atol=0), "gradients")


@case
def dtensor_shards():
    if size() == 1:
        return
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Replicate, Shard, distribute_tensor

    mesh = init_device_mesh("cpu", (size(),))
    k, labels = 4 * size() - 1, torch.tensor([0, 3, 2])
    full, kernel, hidden = normal(3, k), normal(k, 4), normal(3, 4, seed=1)
    logits = distribute_tensor(full, mesh, [Shard(-1)]).requires_grad_()
    value = distributed.softmax_cross_entropy(logits, labels)
    value.backward()
    whole = full.clone().requires_grad_()
    wanted = lossbook.softmax_cross_entropy(whole, labels)
    wanted.backward()
    near(value, wanted, "value")
    near(logits.grad.full_tensor(), whole.grad, "gradient")
    parts = [distribute_tensor(a, mesh, [p]).requires_grad_() for a, p in ((hidden, Replicate()), (kernel, Shard(0)))]
    distributed.linear_cross_entropy(*parts, labels).backward()
    plain = [a.clone().requires_grad_() for a in (hidden, kernel)]
    lossbook.softmax_cross_entropy(plain[0] @ plain[1].T, labels).backward()
    for ours, theirs in zip(parts, plain):
        near(ours.grad.full_tensor(), theirs.grad, "gradient of a product")
    with pytest.raises(ValueError, match="redistribute"):
        distributed.softmax_cross_entropy(distribute_tensor(full, mesh, [Shard(0)]), labels)


# --- means, moments, pairs ---------------------------------------------------------------------------------------------------


@case
def means():
    for n, cut in splits():
        pred, target, w = normal(n, 2), normal(n, 2, seed=1), (torch.arange(2 * n, dtype=torch.float64) % 3).reshape(n, 2)
        compare(
            lambda p, t: distributed.global_mean(lossbook.huber(p, t, reduction="none"), w[cut]),  # noqa: B023
            lambda p, t: lossbook.huber(p, t, weight=w),  # noqa: B023
            cut,
            pred,
            target,
        )
        expect(distributed.total(w[cut]) == w.sum().item(), "the total of a tensor")
        expect(distributed.total(len(pred[cut])) == n, "the total of numbers")
        whole = lossbook.huber(pred, target, weight=w)
        share = lossbook.huber(pred[cut], target[cut], weight=w[cut], denominator=distributed.total(w[cut]))
        near(sum_over_ranks(share), whole, "the sum of the shares")


@case
def moments():
    for n, cut in splits():
        x, y = normal(n, 3), normal(n, 3, seed=1)
        for name, options in (("barlow_twins", {"redundancy": 0.3}), ("vicreg", {}), ("vicreg", {"invariance": 0.0})):
            ours, plain = (lambda a, b, f=f: getattr(f, name)(a, b, **options) for f in (distributed, lossbook))  # noqa: B023
            compare(ours, plain, cut, x, y)
            compare(ours, plain, cut, 1e6 + 0.1 * x, y, rtol=1e-8)  # 1e6 costs 1e-9 of what is left
        x[:, 1] = 0.1  # a constant column
        compare(lambda a, b: distributed.barlow_twins(a, b), lambda a, b: lossbook.barlow_twins(a, b), cut, x, y)
        close = y + 1e-7 * x  # C_ii is 1 - 1e-14
        compare(
            lambda a, b: distributed.barlow_twins(a, b, redundancy=0.0),
            lambda a, b: lossbook.barlow_twins(a, b, redundancy=0.0),
            cut,
            close,
            y,
            rtol=1e-7,
        )


@case
def pairs_of_scores():
    for n, cut in splits():
        for scores in (normal(n), normal(n).round()):  # ties, and pairs on the kink
            for squared_hinge in (True, False):

                def plain(s, positive, hinge=squared_hinge):
                    gap = 1.5 - s[positive == 1][:, None] + s[positive == 0]
                    return ((gap.relu() if hinge else gap) ** 2).mean()

                ours = distributed.pairwise_squared_hinge if squared_hinge else distributed.pairwise_square
                compare(lambda s, p, f=ours: f(s, p, margin=1.5), plain, cut, scores, torch.arange(n) % 3 % 2)
                expect(ours(scores[cut], torch.zeros(n)[cut]).isnan(), "a value without a pair")


# --- training, and what goes wrong -------------------------------------------------------------------------------------------


class _Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 3, dtype=torch.float64)
        self.temperature = torch.nn.Parameter(torch.tensor(0.5, dtype=torch.float64))
        with torch.no_grad():
            self.linear.weight.copy_(normal(3, 4))
            self.linear.bias.copy_(normal(3))

    def forward(self, x, y):
        return self.linear(x), self.linear(y), self.temperature * 1.0


def _step(net, loss):
    loss.backward()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter -= 0.1 * parameter.grad
    return torch.cat([parameter.detach().flatten() for parameter in net.parameters()])


@case
def a_step_of_ddp_is_the_step_of_one_process():
    if size() == 1:
        return
    for n, cut in splits():
        x, y = normal(n, 4), normal(n, 4, seed=1)
        one, many = _Net(), torch.nn.parallel.DistributedDataParallel(_Net())
        a, b, temperature = one(x, y)
        wanted = _step(one, lossbook.nt_xent(a, b, temperature=temperature) + lossbook.huber(a, b))
        a, b, temperature = many(x[cut], y[cut])
        share = lossbook.huber(a, b, denominator=distributed.total(a.numel()))
        loss = distributed.for_ddp(distributed.nt_xent(a, b, temperature=temperature) + share)
        near(_step(many.module, loss), wanted, "the parameters after a step")
        expect(distributed.for_ddp(loss) == loss, "for_ddp changes the value")


def _raises(kind, words, call):
    """Every rank raises the same error."""
    try:
        call()
        said = "no error"
    except kind as error:
        said = str(error)
    expect(all(word in said for word in words), f"{words} are not in: {said}")
    everyone = [said] * size()
    if size() > 1:
        dist.all_gather_object(everyone, said)
    expect(len(set(everyone)) == 1, f"the ranks say {everyone}")


@case
def errors_are_raised_on_all_ranks():
    bad, of = size() - 1, f"rank {size() - 1}"
    x, y, labels = normal(3, 4), normal(3, 4, seed=1), torch.arange(3)
    odd = rank() == bad
    where = [of] if size() > 1 else []
    _raises(ValueError, [*where, "(2, 4)", "(3, 4)"], lambda: distributed.nt_xent(x, y[:2] if odd else y))
    _raises(TypeError, [*where, "int64"], lambda: distributed.info_nce(x.long() if odd else x, y))
    _raises(TypeError, [*where, "ndarray"], lambda: distributed.vicreg(x, y.numpy() if odd else y))
    _raises(ValueError, [*where, "no direction"], lambda: distributed.siglip(0 * x if odd else x, y, temperature=1.0, bias=0.0))
    _raises(ValueError, [*where, "temperature"], lambda: distributed.nt_xent(x, y, temperature=-1.0 if odd else 0.5))
    _raises(TypeError, [*where, "integers"], lambda: distributed.supervised_contrastive(x, labels * 1.0 if odd else labels))
    _raises(ValueError, [*where, "(3, 2)"], lambda: distributed.pairwise_square(x[:, :2] if odd else x[:, 0], labels > 1))
    _raises(ValueError, [*where, "weight"], lambda: distributed.global_mean(x, -(x**2) if odd else x**2))
    _raises(IndexError, ["labels", "97"], lambda: distributed.softmax_cross_entropy(x, labels + 97))
    _raises(ValueError, ["two rows"], lambda: distributed.vicreg(x[:0], y[:0]))
    _raises(TypeError, [*where, "labels"], lambda: distributed.linear_cross_entropy(x, y, labels.double() if odd else labels))
    if size() == 1:
        return
    columns = 3 if odd else 4
    _raises(
        ValueError, ["length of a row", "4 on rank 0", "3 on " + of], lambda: distributed.nt_xent(x[:, :columns], y[:, :columns])
    )
    _raises(ValueError, ["dtype", "float32"], lambda: distributed.info_nce(*((x.float(), y.float()) if odd else (x, y))))
    _raises(ValueError, ["temperature", "0.4 on " + of], lambda: distributed.nt_xent(x, y, temperature=0.4 if odd else 0.5))
    _raises(ValueError, ["gradient"], lambda: distributed.nt_xent(x.clone().requires_grad_(not odd), y))
    _raises(ValueError, ["labels"], lambda: distributed.softmax_cross_entropy(x, labels.flip(0) if odd else labels))
    _raises(ValueError, ["the loss", "vicreg"], lambda: (distributed.vicreg if odd else distributed.barlow_twins)(x, y))
    contrastive_mean()


@case
def a_rank_that_does_not_come_ends_the_wait():
    if size() == 1:
        return
    group, start = dist.new_group(timeout=timedelta(seconds=1)), time.monotonic()
    if rank() == 0:
        with pytest.raises(RuntimeError, match=r"nt_xent on rank 0 .* waited in vain"):
            distributed.nt_xent(normal(2, 3), normal(2, 3), group=group)
        expect(time.monotonic() - start < 20, "it took too long")
    dist.barrier()


@case
def part_of_the_ranks_is_a_group():
    if size() < 3:
        return
    group = dist.new_group([0, 2])
    x, y = normal(4, 3), normal(4, 3, seed=1)
    if rank() in (0, 2):
        cut = slice(0, 1) if rank() == 0 else slice(1, 4)
        near(distributed.nt_xent(x[cut], y[cut], group=group), lossbook.nt_xent(x, y), "value")
    else:
        with pytest.raises(ValueError, match="not in the process group"):
            distributed.nt_xent(x, y, group=group)


@case
def the_example():
    """It trains in one process and in several, and says by how much they differ."""
    specification = importlib.util.spec_from_file_location("example", Path(__file__).parents[1] / "examples" / "distributed.py")
    example = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(example)
    for name, loss, alone, difference in example.results():
        near(loss, alone, f"{name}: the loss")
        expect(difference < 1e-12, f"{name}: the gradient differs by {difference}")


# --- errors that the cases above must notice ---------------------------------------------------------------------------------


def plant(caught_by, target, attribute):
    """Decorate a replacement of `attribute`; it receives the original one. Where it is in force, `caught_by` must fail."""

    def decorate(replace):
        PLANTS[replace.__name__] = (caught_by, target, attribute, replace)
        return replace

    return decorate


@plant(contrastive_mean, _ranks._Sum, "backward")
def gradient_divided_by_the_ranks(original):
    return staticmethod(lambda ctx, gradient: (None, gradient / size()))


@plant(means, _ranks._Sum, "backward")
def gradient_summed_over_the_ranks_again(original):
    return staticmethod(lambda ctx, gradient: (None, sum_over_ranks(gradient)))


@plant(contrastive_mean, contrast._Pairs, "meet")
def no_gradient_from_the_anchors_of_others(original):
    def meet(self, *arguments):
        for tile, block, state, *rest in original(self, *arguments):
            yield tile, block, state if state is None else torch.cat([state[:, :-1], 0 * state[:, -1:]], 1), *rest

    return meet


@plant(a_step_of_ddp_is_the_step_of_one_process, distributed, "for_ddp")
def gradient_averaged_by_ddp(original):
    return lambda loss: loss


@plant(vocabulary_cross_entropy, _ranks.Ranks, "reduce")
def maximum_of_the_own_classes_only(original):
    return lambda self, x, op="sum": x if op == "max" else original(self, x, op)


@plant(vocabulary_cross_entropy, vocabulary, "_Task")
def labels_counted_from_the_wrong_class(original):
    return lambda ranks, labels, *rest: original(ranks, labels + (ranks.rank > 0), *rest)


@plant(pairs_of_scores, _ranks.Ranks, "gather")
def gathered_without_gradient(original):
    return lambda self, x, sizes: original(self, x.detach(), sizes) + 0 * x.sum()


@plant(moments, _ranks.Ranks, "sum")
def moments_of_the_own_rows(original):
    return lambda self, x: x


def run_case(function):
    """Where it fails, or nothing. Small tiles, so that there are several."""
    with patch.dict(contrast.TILE, cpu=8), patch.dict(vocabulary.TILE, cpu=8):
        FAILED.clear()
        try:
            function()
        except Exception:
            if size() > 1:  # the others may be waiting for this rank: its end ends them too
                raise
            FAILED.append(traceback.format_exc(limit=-4))
    return "\n".join(FAILED)


def run_planted(name):
    function, target, attribute, replace = PLANTS[name]
    with ExitStack() as stack:
        original = getattr(target, attribute)
        stack.enter_context(patch.object(target, attribute, replace(original)))
        PLANTED.append(name)
        stack.callback(PLANTED.clear)
        return run_case(function)


def work(store, this, ranks, results):
    """One of the processes: the cases, then the planted errors."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=this, world_size=ranks, timeout=timedelta(seconds=30))
    found = {name: run_case(function) for name, function in CASES.items()}
    found |= {name: run_planted(name) for name in PLANTS}
    everyone = [None] * ranks
    dist.all_gather_object(everyone, found)
    if this == 0:
        finished = Path(f"{results}.part")
        finished.write_text(json.dumps(everyone))
        finished.rename(results)  # whoever waits for it reads all of it
    dist.destroy_process_group()


@pytest.fixture(scope="session")
def outcome(tmp_path_factory):
    """What failed, by number of ranks, rank and case. Where several processes run the tests, the first one starts the ranks."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    known = {}

    def of(ranks):
        if isinstance(known.get(ranks), list):
            return known[ranks]
        results = folder / f"ranks{ranks}.json"
        try:
            (folder / f"ranks{ranks}").mkdir()
            started = [_start(folder / f"ranks{ranks}", this, ranks, results) for this in range(ranks)]
            logs = []
            for process in started:
                try:
                    logs.append(process.communicate(timeout=240)[0])
                except subprocess.TimeoutExpired:
                    process.kill()
                    logs.append(f"killed after four minutes:\n{process.communicate()[0]}")
            if not results.exists():
                results.write_text(json.dumps("\n".join(logs)))
        except FileExistsError:
            deadline = time.monotonic() + 300
            while not results.exists() and time.monotonic() < deadline:
                time.sleep(0.2)
        known[ranks] = json.loads(results.read_text())
        assert isinstance(known[ranks], list), f"the ranks did not finish:\n{known[ranks]}"
        return known[ranks]

    return of


def _start(folder, this, ranks, results):
    command = [sys.executable, __file__, str(folder / "store"), str(this), str(ranks), str(results)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("ranks", RANKS)
def test_equals_one_process(ranks, name, outcome):
    failed = [run_case(CASES[name])] if ranks == 1 else [found[name] for found in outcome(ranks)]
    assert not any(failed), "\n".join(f"rank {this}: {said}" for this, said in enumerate(failed) if said)


@pytest.mark.parametrize("name", PLANTS)
@pytest.mark.parametrize("ranks", RANKS[1:])
def test_planted_error_is_noticed(ranks, name, outcome):
    assert any("is off by" in found[name] for found in outcome(ranks)), f"{PLANTS[name][0].__name__} did not notice it"


def test_not_initialised(monkeypatch):
    x = normal(3, 2)
    near(distributed.nt_xent(x, x + 1), lossbook.nt_xent(x, x + 1), "one process")
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(RuntimeError, match=r"4 processes were started.*init_process_group first"):
        distributed.nt_xent(x, x + 1)


if __name__ == "__main__":
    work(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
