"""The audit: it finds what is wrong with broken losses, sees nothing wrong with sound ones, and says what it saw."""

import functools
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from broken_losses import BROKEN, CLASS_WEIGHT
from docutils import nodes

import lossbook
from lossbook import CARDS, _audit, _points, nn
from lossbook._audit import CHECKS, Case, examine, transforms
from lossbook._audit.report import PAGES
from lossbook._loss import Labels

ROOT = Path(__file__).resolve().parent.parent
QUICK = [check for check in CHECKS if check is not transforms.check_compile]  # compiling takes longer than all the others


def run(loss, inputs, checks=QUICK, **options):
    return examine(Case(loss, inputs, **options), checks)


# --- broken losses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, loss, inputs, kind, options", BROKEN, ids=[row[0] for row in BROKEN])
def test_broken(name, loss, inputs, kind, options):
    report = run(loss, inputs, **options)
    found = [finding for finding in report.findings if finding.check == kind]
    assert found, f"{kind} not found; found were {[f.check for f in report.findings]}"
    assert all(len(f.message) > 60 and f.witness["inputs"] for f in found)


def test_there_are_enough_of_them():
    assert len(BROKEN) >= 60
    assert len({kind for *_, kind, _ in BROKEN}) >= 20
    assert {kind for *_, kind, _ in BROKEN} == set(PAGES) - {"compile"}


# --- sound losses -----------------------------------------------------------------------------------------------------------


def of_card(name):
    """(loss, example batch, options) of a loss of this package, labels as indices."""
    card = CARDS[name]
    function = card.function
    if name == "grpo":
        mask = torch.tensor([[1, 1, 1], [1, 0, 0], [1, 1, 0], [1, 1, 1]], dtype=torch.float64)
        rng = np.random.default_rng(0)
        batch = torch.as_tensor(rng.standard_normal((4, 3))), torch.as_tensor(rng.standard_normal(4)), mask
        return lambda log_ratio, advantage, mask: function(log_ratio, advantage, mask=mask), batch, {}
    arrays = zip(_points.ordinary(card, n=6), function.axes.values())
    batch = [torch.as_tensor(np.array(a.argmax(-1) if isinstance(kind, Labels) else a)) for a, kind in arrays]
    if name in ("pairwise_squared_hinge", "pairwise_square"):
        batch[-1] = torch.tensor([1.0, 0, 1, 0, 0, 1], dtype=torch.float64)
    return functools.partial(function, **_points.required(card)), batch, {"wrt": tuple(range(function.predictions))}


def of_torch():
    """(name, loss, example batch, options) of the losses of torch.nn."""
    rng = np.random.default_rng(1)
    x, y, z = (torch.as_tensor(rng.standard_normal((6, 5))) for _ in range(3))
    a, b = x[:, 0].clone(), y[:, 0].clone()
    labels, yes = torch.as_tensor(rng.integers(0, 5, 6)), torch.as_tensor(rng.integers(0, 2, (6, 5)).astype(float))
    sign, logs, soft = 2 * yes - 1, torch.log_softmax(x, -1), torch.softmax(y, -1)
    several = torch.tensor([[0, 3, -1, 1, 2], [1, -1, 0, 2, 3], [4, 2, 0, -1, 1]] * 2)
    count, positive = torch.as_tensor(rng.poisson(3.0, 6).astype(float)), torch.as_tensor(rng.gamma(2.0, 1.0, 6))
    ctc = torch.log_softmax(torch.as_tensor(rng.standard_normal((7, 4, 5))), -1), torch.as_tensor(rng.integers(1, 5, (4, 2)))
    lengths = torch.full((4,), 7), torch.full((4,), 2)
    t = torch.nn
    return [
        ("L1Loss", t.L1Loss(), (a, b), {}),
        ("MSELoss", t.MSELoss(), (x, y), {}),
        ("MSELoss_sum", t.MSELoss(reduction="sum"), (a, b), {}),
        ("MSELoss_none", t.MSELoss(reduction="none"), (a, b), {}),
        ("SmoothL1Loss", t.SmoothL1Loss(), (a, b), {}),
        ("HuberLoss", t.HuberLoss(delta=0.5), (a, b), {}),
        ("CrossEntropyLoss", t.CrossEntropyLoss(), (x, labels), {}),
        ("CrossEntropyLoss_smooth", t.CrossEntropyLoss(label_smoothing=0.1), (x, labels), {}),
        ("CrossEntropyLoss_weight", t.CrossEntropyLoss(weight=CLASS_WEIGHT), (x, labels), {}),
        ("CrossEntropyLoss_soft", t.CrossEntropyLoss(), (x, soft), {}),
        ("CrossEntropyLoss_maps", t.CrossEntropyLoss(), (torch.stack([x, y, z], -1), torch.stack([labels] * 3, -1)), {}),
        ("NLLLoss", t.NLLLoss(), (logs, labels), {}),
        ("KLDivLoss", t.KLDivLoss(reduction="batchmean"), (logs, soft), {}),
        ("BCELoss", t.BCELoss(), (torch.sigmoid(x), yes), {}),
        ("BCEWithLogitsLoss", t.BCEWithLogitsLoss(), (x, yes), {}),
        ("BCEWithLogitsLoss_pos", t.BCEWithLogitsLoss(pos_weight=CLASS_WEIGHT), (x, yes), {}),
        ("SoftMarginLoss", t.SoftMarginLoss(), (x, sign), {}),
        ("MultiLabelSoftMarginLoss", t.MultiLabelSoftMarginLoss(), (x, yes), {}),
        ("MultiLabelMarginLoss", t.MultiLabelMarginLoss(), (x, several), {}),
        ("MultiMarginLoss", t.MultiMarginLoss(), (x, labels), {}),
        ("HingeEmbeddingLoss", t.HingeEmbeddingLoss(), (a.abs(), sign[:, 0].clone()), {}),
        ("MarginRankingLoss", t.MarginRankingLoss(margin=0.5), (a, b, sign[:, 0].clone()), {"wrt": (0, 1)}),
        ("CosineEmbeddingLoss", t.CosineEmbeddingLoss(), (x, y, sign[:, 0].clone()), {"wrt": (0, 1)}),
        ("TripletMarginLoss", t.TripletMarginLoss(), (x, y, z), {"wrt": (0, 1, 2)}),
        ("TripletMarginWithDistanceLoss", t.TripletMarginWithDistanceLoss(), (x, y, z), {"wrt": (0, 1, 2)}),
        ("PoissonNLLLoss", t.PoissonNLLLoss(), (a, count), {}),
        ("PoissonNLLLoss_with_zeros", t.PoissonNLLLoss(), (a, torch.tensor([0.0, 0, 1, 3, 0, 2])), {}),
        ("GaussianNLLLoss", t.GaussianNLLLoss(), (a, b, positive), {"wrt": (0, 2)}),
        ("CTCLoss", t.CTCLoss(), (*ctc, *lengths), {}),
    ]


def of_nn():
    """Losses of this package as modules, with parameters, weights and reductions."""
    rng = np.random.default_rng(2)
    x, y = (torch.as_tensor(rng.standard_normal((6, 5))) for _ in range(2))
    labels = torch.as_tensor(rng.integers(0, 5, 6))
    ignored = torch.where(torch.arange(6) % 3 == 1, -100, labels)
    weight = torch.tensor([1.0, 0.5, 2.0, 0.0, 1.0, 3.0], dtype=torch.float64)

    def weighed(pred, target, weight):
        return lossbook.huber(pred, target, weight=weight)

    def masked(pred, target, mask):
        return (mask * (pred - target).abs()).sum() / mask.sum()

    def padded(pred, target, padding_mask):
        return torch.where(padding_mask, 0.0, (pred - target) ** 2).sum() / (~padding_mask).sum()

    def directions(pred, target):  # jumps at 0
        return (1 - (torch.nn.functional.normalize(pred) * torch.nn.functional.normalize(target)).sum(-1)).mean()

    def full_of_kinks(x, other):
        return torch.sin(2000 * (x - other)).abs().mean()

    counted = torch.arange(30).reshape(6, 5) % 7 > 2
    return [
        ("masked", masked, (x, y, counted.double()), {}),
        ("padded", padded, (x, y, ~counted), {}),
        ("directions", directions, (x, y), {}),
        ("full_of_kinks", full_of_kinks, (x, y), {}),
        ("huber_layer", nn.Loss(lossbook.huber, delta=2.0), (x, y), {}),
        ("weighed", weighed, (x[:, 0].clone(), y[:, 0].clone(), weight), {}),
        ("class_weights", nn.Loss(lossbook.softmax_cross_entropy, class_weights=CLASS_WEIGHT), (x, labels), {}),
        ("ignore_index", functools.partial(lossbook.softmax_cross_entropy, ignore_index=-100), (x, ignored), {}),
        ("sum", functools.partial(lossbook.squared_error, reduction="sum"), (x, y), {}),
        ("none", functools.partial(lossbook.brier, reduction="none"), (x, labels), {}),
        (
            "fused",
            lossbook.fused.softmax_cross_entropy,
            (x, labels),
            {},
        ),
    ]


SOUND = [(name, *of_card(name)) for name in CARDS] + of_torch() + of_nn()
DEFECTS = {"SoftMarginLoss": "non_finite_value"}  # log(1 + exp(-yx)) overflows in torch: a real one


@pytest.mark.parametrize("name, loss, inputs, options", SOUND, ids=[row[0] for row in SOUND])
def test_sound(name, loss, inputs, options):
    report = run(loss, inputs, **options)
    assert {finding.check for finding in report.errors} == {DEFECTS[name]} if name in DEFECTS else report.ok, str(report)
    assert len(report.skipped) < 14, report.skipped


# --- what a finding says ----------------------------------------------------------------------------------------------------


def test_witnesses_reproduce_what_was_seen():
    """Called with the inputs of the witness, the loss does it again, and few examples are enough."""
    seen = {}
    for name, loss, inputs, kind, options in BROKEN:
        if name in ("log_of_softmax", "distance_of_equal_points", "a_factor_lost_in_backward", "mean_over_the_padding"):
            seen[name] = loss, next(f for f in run(loss, inputs, **options).findings if f.check == kind).witness
    loss, witness = seen["log_of_softmax"]
    assert loss(*witness["inputs"]) == np.inf == witness["value"]
    assert len(witness["inputs"][1]) == 1
    loss, witness = seen["distance_of_equal_points"]
    point = witness["inputs"][0].clone().requires_grad_()
    loss(point, *witness["inputs"][1:]).backward()
    assert point.grad.isnan().any() and len(point) == 1
    loss, witness = seen["a_factor_lost_in_backward"]
    pred = witness["inputs"][0].clone().requires_grad_()
    loss(pred, *witness["inputs"][1:]).backward()
    assert pred.grad[witness["entry"]] == witness["gradient"] == pytest.approx(witness["slope"] / 2, rel=1e-3)
    loss, witness = seen["mean_over_the_padding"]
    assert loss(*witness["inputs"]) == witness["value"] != pytest.approx(witness["before"])


@pytest.mark.parametrize(
    "name, severity",
    [
        ("focal_weight_detached", "warning"),  # a detach() is written on purpose; the report says what it does
        ("a_scale_by_item", "error"),
        ("a_softplus_of_two_kinks", "error"),
        ("cox_with_a_column", "error"),
        ("a_column_of_equal_predictions", "error"),
        ("no_look_at_shapes", "warning"),
        ("a_column_against_a_row", "error"),
        ("cosine_of_a_zero_vector", "warning"),
        ("log_of_softmax", "error"),
        ("dice_of_the_whole_batch", "info"),
        ("maximum_of_nothing", "info"),
        ("dropout_left_on", "warning"),
        ("RunningScale", "error"),
        ("MeanIsTheSum", "error"),
    ],
)
def test_severity(name, severity):
    _, loss, inputs, kind, options = next(row for row in BROKEN if row[0] == name)
    found = [f.severity for f in run(loss, inputs, **options).findings if f.check == kind]
    assert found[0] == severity and (kind != "broadcasting" or len(found) == 1)


@pytest.mark.parametrize("check", PAGES)
def test_pages(check):
    """The page of a finding is in the book, and so is the section."""
    path, _, anchor = PAGES[check].partition("#")
    source = ROOT / path.replace(".html", ".ipynb")
    cells = json.loads(source.read_text())["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    anchors = set(re.findall(r"^\(([\w-]+)\)=", text, re.MULTILINE))
    anchors |= {nodes.make_id(title) for title in re.findall(r"^#+ (.*)", text, re.MULTILINE)}
    assert not anchor or anchor in anchors, sorted(anchors)
    assert source.relative_to(ROOT).with_suffix("").as_posix() in (ROOT / "_toc.yml").read_text()


def test_relation_to_a_reference_is_named():
    said = {}
    for name, loss, inputs, kind, options in BROKEN:
        if kind == "differs_from_reference":
            said[name] = run(loss, inputs, [_audit.meaning.check_reference], **options).errors[0].message
    assert "1/2 times the reference" in said["half_of_the_square"]
    assert "bits against nats" in said["in_bits"]
    assert "9, the number of examples, times the reference, for this size of batch" in said["a_sum_for_a_mean"]
    assert "not by a factor" in said["another_name_for_huber"]


def test_numbers_in_a_message_are_those_of_the_witness():
    _, loss, inputs, _, options = next(row for row in BROKEN if row[0] == "another_name_for_huber")
    (found,) = run(loss, inputs, [_audit.meaning.check_reference], **options).errors
    value, other = (float(found.witness[name]) for name in ("value", "reference"))
    assert f"{value:.6g} where the reference is {other:.6g}." in found.message

    def masked_mean(pred, target, mask):
        return ((pred - target) ** 2 * mask).sum() / mask.sum()

    batch = torch.arange(6.0), torch.tensor([0.0, 3, 0, 1, 5, 2]), torch.tensor([1.0, 1, 1, 1, 0, 0])
    (found,) = run(masked_mean, batch, [_audit.reduction.check_batch]).findings  # cut in 2 + 4, both parts weigh 2
    assert found.witness["mean_of_micro_batches"] != pytest.approx(found.witness["value"], rel=1e-3)


def test_guesses_are_told():
    rng = np.random.default_rng(0)
    boxes = np.concatenate([rng.random((5, 2)), 1 + rng.random((5, 2))], -1)
    report = run(lambda boxes, targets: np.abs(boxes - targets).sum(), (boxes, boxes[::-1].copy()))
    assert report.inputs == [
        "boxes (5, 4): boxes x1, y1, x2, y2, predicted",
        "targets (5, 4): boxes x1, y1, x2, y2",
    ]
    probabilities = rng.dirichlet(np.ones(3), 5)
    roles = [
        (probabilities, "probabilities that sum to 1 (classes on axis 1)"),
        (np.log(probabilities), "logarithms of probabilities that sum to 1 (classes on axis 1)"),
        (rng.standard_normal((5, 3)), "scores of classes (classes on axis 1)"),
    ]
    for pred, role in roles:
        report = run(lambda pred, labels: -pred[np.arange(len(pred)), labels].mean(), (pred, np.array([0, 2, 1, 1, 0])))
        assert report.inputs[0] == f"pred (5, 3): {role}, predicted"


def test_report_reads_well_and_is_json():
    report = run(lambda pred, target: -((pred - target) ** 2).mean(), (torch.arange(4.0), torch.ones(4)))
    text, table, content = str(report), report._repr_html_(), json.loads(report.to_json())
    assert text.startswith("<lambda>: 1 error, ") and "error: minimum" in text and "not run:" in text and "read: book/" in text
    assert "<code>minimum</code>" in table and "<script" not in table
    assert content["ok"] is False is bool(report)
    assert content["findings"][0]["check"] == "minimum" and len(content["findings"][0]["witness"]["inputs"][0]) == 1
    empty = next(f for f in content["findings"] if f["check"] == "empty")
    assert empty["witness"]["value"] == "nan"


def test_numbers_that_machines_do_not_share_have_six_digits():
    finding = _audit.Finding(
        "minimum", "error", "", {"inputs": (np.array([1 / 3]),), "value": 1 / 3, "slopes": [np.array([2 / 3])]}
    )
    table = _audit.Report("", [finding])._repr_html_()
    assert f"input 0 = [{1 / 3}]\nvalue = 0.333333\nslopes = [[0.666667]]<" in table


def test_text_is_folded():
    report = run(lambda pred, target: -((pred - target) ** 2).mean(), (torch.arange(4.0), torch.ones(4)))
    lines = str(report).splitlines()
    refused = str(_audit.Report("", [], skipped={"padding": "the loss raised " + "words " * 30}))
    assert max(map(len, [*lines, *str(report.findings[0]).splitlines(), *refused.splitlines()])) <= 76
    assert " ".join(str(report).split()).count(report.findings[0].message) == 1
    begin = next(i for i, line in enumerate(lines) if line.startswith("    where the "))
    assert lines[begin + 1].startswith("    ")


def focal_half(logits, target):
    p = torch.where(target == 1, torch.sigmoid(logits), 1 - torch.sigmoid(logits))
    return ((1 - p) ** 0.5 * torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")).mean()


def test_gradient_that_is_not_finite_is_shown_where_it_begins():
    logit, target = torch.linspace(-2, 2, 6), torch.tensor([0.0, 1, 0, 1, 1, 0])
    (found,) = [f for f in run(focal_half, (logit, target)).findings if f.check == "non_finite_gradient"]
    score = found.witness["inputs"][0].abs().max().item()
    assert 36 < score < 38 and f"near {score:.3g}" in found.message


class SquareByHand(torch.autograd.Function):
    @staticmethod
    def forward(ctx, gap):
        ctx.save_for_backward(gap)
        return (gap**2).sum()

    @staticmethod
    def backward(ctx, upstream):
        return 2 * ctx.saved_tensors[0] * upstream


def test_remedy_of_vmap_fits_the_cause():
    pair, checks = (torch.arange(4.0), torch.ones(4)), [transforms.check_vmap]
    (by_hand,) = run(lambda pred, target: SquareByHand.apply(pred - target), pair, checks).findings
    (by_item,) = run(in_pieces, pair, checks).findings
    assert "setup_context(ctx, inputs, output)" in by_hand.message and "torch.where" not in by_hand.message
    assert "torch.where" in by_item.message and "setup_context" not in by_item.message
    assert not re.search(r"https?://\S*…", by_hand.message)


# --- compiled ---------------------------------------------------------------------------------------------------------------


def another_one_when_compiled(pred, target):
    return ((pred - target) ** 2).mean() * (2 if torch.compiler.is_compiling() else 1)


def in_pieces(pred, target):
    return ((pred - target) ** 2).mean() * (1 if pred.sum().item() > -1e9 else 2)


@pytest.mark.parametrize("loss, severity", [(another_one_when_compiled, "error"), (in_pieces, "info"), (torch.nn.L1Loss(), None)])
def test_compile(loss, severity):
    report = run(loss, (torch.arange(4.0), torch.ones(4)), [transforms.check_compile])
    assert [f.severity for f in report.findings if f.check == "compile"] == [severity] * (severity is not None)


# --- NumPy, options, bad use ------------------------------------------------------------------------------------------------


def log_sum(logits, labels):
    return (np.log(np.exp(logits).sum(-1)) - logits[np.arange(len(labels)), labels]).mean()


def accuracy(logits, labels):
    return (logits.argmax(-1) != labels).mean()


@pytest.mark.parametrize(
    "loss, found",
    [(log_sum, {"non_finite_value"}), (accuracy, {"gradient_zero"}), (lossbook.softmax_cross_entropy, set())],
)
def test_numpy(loss, found):
    """Derivatives are differences there: a staircase is seen, too."""
    logits = np.random.default_rng(0).standard_normal((6, 4))
    report = lossbook.audit(loss, logits, np.array([0, 1, 2, 3, 0, 1]))
    assert {finding.check for finding in report.errors} == found, str(report)
    assert report.skipped["gradient_wrong"] == "the loss takes NumPy arrays"


def test_claims_hold_or_not():
    pred, target = torch.linspace(-2, 2, 6, dtype=torch.float64), torch.zeros(6, dtype=torch.float64)
    claims = ["convex", "symmetric", ("lipschitz", {"bound": 1})]
    assert run(torch.nn.L1Loss(), (pred, target), [_audit.claims.check_claims], claims=claims).ok
    found = run(torch.nn.HuberLoss(delta=3.0), (pred, target), [_audit.claims.check_claims], claims=claims).errors
    assert [f.check for f in found] == ["claim"] and "at most 1" in found[0].message
    logit, binary = torch.linspace(-2, 2, 6), torch.tensor([0.0, 1, 0, 1, 1, 0])
    assert run(torch.nn.BCEWithLogitsLoss(), (logit, binary), [_audit.claims.check_claims], claims=["proper"]).ok

    def hinge(logit, target):
        return (1 - (2 * target - 1) * logit).clamp(min=0).mean()

    assert not run(hinge, (logit, binary), [_audit.claims.check_claims], claims=["proper"]).ok


def test_claims_of_a_card():
    pred, target = torch.linspace(-2, 2, 6, dtype=torch.float64), torch.zeros(6, dtype=torch.float64)
    (claim,) = [claim for claim in lossbook.card("absolute_error").claims if claim.kind == "symmetric"]
    checks = [_audit.claims.check_claims]
    assert run(torch.nn.L1Loss(), (pred, target), checks, claims=[claim]).ok
    lopsided = run(lambda pred, target: torch.exp(pred - target).mean(), (pred, target), checks, claims=[claim])
    assert claim.statement in lopsided.errors[0].message


def test_a_loss_of_another_purpose():
    pred, target = torch.randn(2, 6, generator=torch.Generator().manual_seed(0))
    away = functools.partial(lambda pred, target: torch.exp(-((pred - target) ** 2)).mean())
    assert [f.check for f in run(away, (pred, target)).errors] == ["minimum"]
    assert run(away, (pred, target), minimum_at_target=False).ok


def stock_cost(pred, target):
    return (pred - target + 5 * torch.nn.functional.softplus(target - pred)).mean()


@pytest.mark.parametrize(
    "loss, severity",
    [
        (stock_cost, "warning"),  # least at the target + log 4: too little costs more than too much
        (lambda pred, target: ((pred + target) ** 2).mean(), "error"),
        (lambda pred, target: (pred - target).mean(), "error"),
        (lambda pred, target: ((pred - target) ** 2 + 2 * target * pred).mean(), "error"),
    ],
)
def test_a_minimum_beside_the_target_may_be_meant(loss, severity):
    pred, target = torch.randn(2, 6, generator=torch.Generator().manual_seed(0))
    assert [f.severity for f in run(loss, (pred, target)).findings if f.check == "minimum"] == [severity]


def test_assert_loss_is_sound():
    pred, target = torch.arange(4.0), torch.ones(4)
    lossbook.assert_loss_is_sound(torch.nn.MSELoss(), pred, target)
    with pytest.raises(AssertionError, match=r"(?s)1 error.*error: minimum.*input 0"):
        lossbook.assert_loss_is_sound(lambda pred, target: -((pred - target) ** 2).mean(), pred, target)


def test_nothing_outside_changes():
    """Neither the loss, nor the inputs, nor the random numbers of whoever audits."""
    layer, pred, target = torch.nn.MSELoss(), torch.arange(4.0), torch.ones(4)
    torch.manual_seed(3)
    before = torch.rand(3)
    torch.manual_seed(3)
    run(layer, (pred, target))
    assert torch.equal(torch.rand(3), before)
    losses = {name: loss for name, loss, *_ in BROKEN}
    doubles = pred.double()
    run(losses["target_clamped_in_place"], (pred.double(), doubles))
    assert torch.equal(pred, torch.arange(4.0)) and torch.equal(doubles, pred.double()) and pred.dtype == torch.float32
    RunningScale = losses["RunningScale"]
    run(RunningScale, (pred, target))
    assert RunningScale.scale == 1 and RunningScale.scale.dtype == torch.float32


@pytest.mark.parametrize(
    "arguments, options, error, said",
    [
        ((3, torch.ones(2)), {}, TypeError, "callable"),
        ((torch.nn.MSELoss, torch.ones(2), torch.ones(2)), {}, TypeError, "make an instance"),
        ((torch.nn.MSELoss(),), {}, TypeError, "example batch"),
        ((torch.nn.MSELoss(), "a", "b"), {}, TypeError, "arrays"),
        ((torch.nn.MSELoss(), torch.ones(2), np.ones(2)), {}, TypeError, "one library"),
        ((torch.nn.MSELoss(), torch.ones(2, dtype=torch.long), torch.ones(2)), {}, TypeError, "wrt="),
        ((torch.nn.MSELoss(), torch.ones(2), torch.ones(2)), {"wrt": 2}, ValueError, "0 to 1"),
        ((torch.nn.MSELoss(), torch.ones(2), torch.ones(2)), {"claims": ["nice"]}, ValueError, "no check is named 'nice'"),
        ((torch.nn.MSELoss(), torch.ones(0), torch.ones(0)), {}, ValueError, "empty"),
        ((torch.nn.MSELoss(), torch.ones(2), torch.ones(2)), {"reference": 3}, TypeError, "reference"),
        ((lambda a, b: {"loss": a}, torch.ones(2), torch.ones(2)), {}, TypeError, "the part that is the loss"),
    ],
)
def test_bad_use(arguments, options, error, said):
    with pytest.raises(error, match=said):
        lossbook.audit(*arguments, **options)


# --- the command line -------------------------------------------------------------------------------------------------------


def test_command_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "mine_for_audit.py").write_text(
        "import torch\nclass Mine(torch.nn.Module):\n    def forward(self, logits, labels):\n"
        "        return -torch.log(logits.softmax(-1)[torch.arange(len(labels)), labels]).mean()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(_audit, "CHECKS", QUICK)
    from lossbook.__main__ import main

    shapes = ["--inputs", "logits[8,10]", "labels[8]<10"]
    assert main(["audit", "mine_for_audit:Mine", *shapes, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["check"] == "non_finite_value"
    assert main(["audit", "torch.nn.functional:cross_entropy", *shapes, "--reference", "lossbook:softmax_cross_entropy"]) == 0
    assert "labels (8,): class indices" in capsys.readouterr().out
    for wrong, said in (
        (["mine_for_audit", *shapes], "module:name"),
        (["mine_for_audit:Yours", *shapes], "Yours"),
        (["no_such_module:Mine", *shapes], "no_such_module"),
        (["torch.nn:MSELoss", "--inputs", "pred(8)"], "is written"),
        (["torch.nn:MSELoss", "--inputs", "pred[8]", "pred[8]"], "name of its own"),
        (["torch.nn:MSELoss", "--inputs", "x[]:distribution", "y[3]"], "last axis of distribution holds the classes"),
        (["torch.nn:MSELoss", "--inputs", "x[8,3]:boxes", "y[3]"], "corners x1, y1, x2, y2, got the shape (8, 3)"),
    ):
        assert main(["audit", *wrong]) == 2
        assert said in capsys.readouterr().err


def test_progress_bar(capsys):
    from lossbook._audit.command import bar

    for done in range(4):
        bar(done, 3, "order")
    shown = capsys.readouterr().err
    assert "[########................] 1/3 order" in shown and shown.endswith("\r")


@pytest.mark.parametrize("role", ["real", "probability", "positive", "negative", "boxes", "binary", "sign", "mask", "weight"])
def test_drawn_inputs_are_what_they_are_said_to_be(role):
    name, array = _audit.roles.draw(f"x[6, 4]:{role}", np.random.default_rng(0))
    others = {"binary": [0, 1], "sign": [-1, 1], "mask": [0, 1]}
    assert name == "x" and array.shape == (6, 4)
    if role in others:
        assert np.array_equal(np.unique(array), others[role])
    else:
        guessed = _audit.roles.guess(["x", "t"], [array, array[::-1]], (0,))[0].role
        assert guessed == ("positive" if role == "weight" else role)


def test_import_stays_light():
    code = "import sys, lossbook; lossbook.audit; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
