"""What was aimed at, and what was reached: python bench/goals.py prints it for the newest stored run.

A goal is how many times faster than a rival the fused form should be, forward + backward, at the large size with one thread; its
floor is what it must not fall below; `memory` is how many times more bytes the rival must need at its peak.
"""

from dataclasses import dataclass

BEST = "best"  # the fastest of all contestants but ours


@dataclass(frozen=True)
class Goal:
    loss: str
    against: str  # a contestant, or BEST
    goal: float | None
    floor: float | None
    memory: float | None = None
    heap: str = "retained"


GOALS = [
    Goal("softmax_cross_entropy", "F.cross_entropy", 1.3, 1.0, 2.9),
    Goal("softmax_cross_entropy", "F.cross_entropy", 2.0, 1.0, 2.9, "default"),
    Goal("softmax_cross_entropy_smoothed", "F.cross_entropy", 1.3, 1.0, 2.9),
    Goal("softmax_cross_entropy_smoothed", "F.cross_entropy", 2.0, 1.0, 2.9, "default"),
    Goal("linear_cross_entropy", "F.linear_cross_entropy", 2.0, None),
    Goal("linear_cross_entropy", "F.linear, F.cross_entropy", 1.0, None, 12.0),
    Goal("linear_cross_entropy", "F.linear_cross_entropy, tuned", None, 0.9, 1.3),
    Goal("sigmoid_focal", "torchvision sigmoid_focal_loss", 1.6, 1.2, 6.0),
    Goal("sigmoid_focal", "torchvision sigmoid_focal_loss", 5.0, 1.2, 6.0, "default"),
    Goal("squared_error", "F.mse_loss", 1.4, 1.0, 1.9),
    Goal("sigmoid_cross_entropy", "F.binary_cross_entropy_with_logits", 1.2, 1.0, 1.9),
    Goal("log_cosh", "usual formula", 1.6, 1.1, 3.8),
    Goal("pinball", "usual formula", 8.0, 5.0, 6.0),
    Goal("dice", "monai DiceLoss", 1.8, 1.2, 2.4, "default"),
    Goal("tversky", "monai TverskyLoss", 3.0, 2.0, 4.0, "default"),
    Goal("lovasz_softmax_untrained", "segmentation-models-pytorch LovaszLoss", 3.0, 1.8, 1.4, "default"),
    Goal("lovasz_softmax_trained", "segmentation-models-pytorch LovaszLoss", 10.0, 6.0, 4.0, "default"),
    Goal("nt_xent", "masked product, F.cross_entropy", 1.9, 1.3, 15.0),
    Goal("nt_xent", "masked product, F.cross_entropy", 3.5, 1.3, 15.0, "default"),
    Goal("supervised_contrastive", "pytorch-metric-learning SupConLoss", 5.0, 3.0, 50.0),
    Goal("supervised_contrastive", "pytorch-metric-learning SupConLoss", 12.0, 3.0, 50.0, "default"),
    Goal("info_nce", "open_clip's form: F.cross_entropy twice", 1.6, 1.1, 8.0),
    Goal("info_nce", "open_clip's form: F.cross_entropy twice", 2.5, 1.1, 8.0, "default"),
    Goal("batch_hard_triplet", "pytorch-metric-learning BatchHardMiner, TripletMarginLoss", 7.0, 4.0, 20.0),
    Goal("batch_hard_triplet", "pytorch-metric-learning BatchHardMiner, TripletMarginLoss", 13.0, 4.0, 20.0, "default"),
    Goal("giou_loss", "torchvision generalized_box_iou_loss", 2.4, 1.5, 3.5),
    Goal("diou_loss", "torchvision distance_box_iou_loss", 2.4, 1.5, 3.5),
    Goal("ciou_loss", "torchvision complete_box_iou_loss", 2.4, 1.5, 3.5),
    Goal("pairwise_squared_hinge", "definition", 200.0, 50.0, 100.0, "default"),
    Goal("cox_breslow", "pycox cox_ph_loss", 1.5, 1.1, None, "default"),
    Goal("cox_efron", "torchsurv neg_partial_log_likelihood", 3.0, 2.0, 0.9, "default"),
    Goal("crps_ensemble", "scoringrules crps_ensemble", 2.4, 1.5),
    Goal("crps_ensemble", "energy form", None, None, 25.0),
    Goal("sinkhorn", "log-domain, 100 iterations", 7.0, 5.0, 2.3, "default"),
    Goal("sinkhorn", "POT solve_sample", 1.0, None, None, "default"),
]
NOT_MEASURED = "CTC, SSIM, LambdaRank and the cross-entropy in NumPy have goals, and no fused form to measure."


def reached(goal, records):
    """Times faster and times leaner than the rival, at the large size with one thread; None for what was not measured."""
    here = [r for r in records if (r["loss"], r["size"], r["heap"], r["threads"]) == (goal.loss, "large", goal.heap, 1)]
    ours = next((r for r in here if r["role"] == "fused" and r["both_s"]), None)
    others = [r for r in here if r["role"] not in ("fused", "control") and r["both_s"]]
    if goal.against != BEST:
        others = [r for r in others if r["contestant"] == goal.against]
    if not ours or not others or ours["void"]:
        return None, None
    rival = min(others, key=lambda r: r["both_ratio"][1])
    leaner = rival["peak_bytes"] / ours["peak_bytes"] if ours["peak_bytes"] else None
    return rival["both_ratio"][1], leaner


def verdict(goal, faster, leaner):
    """In words: every part that was aimed at and not reached is named."""
    if faster is None:
        return "not measured"
    missed = []
    if goal.floor and faster < goal.floor:
        missed.append(f"BELOW THE FLOOR of {goal.floor:g}")
    elif goal.goal and faster < goal.goal:
        missed.append(f"short of the goal by {1 - faster / goal.goal:.0%}")
    if goal.memory and (leaner is None or leaner < goal.memory):
        missed.append(f"memory short of {goal.memory:g} x")
    return ", ".join(missed) or "reached"


def slower(records, least=100_000):
    """Where another contestant is faster than the fused form by more than the spread, from `least` elements on."""
    groups = {}
    for r in records:
        groups.setdefault((r["loss"], r["size"], r["heap"], r["threads"]), []).append(r)
    for key, group in groups.items():
        ours = next((r for r in group if r["role"] == "fused" and r["both_s"]), None)
        if ours and ours["elements"] >= least and not ours["void"]:
            others = [r for r in group if r["role"] not in ("fused", "control") and r["both_s"] and r["both_ratio"][2] < 1]
            if others:
                best = min(others, key=lambda r: r["both_ratio"][1])
                yield *key, best["contestant"], best["both_ratio"][1]


def number(value):
    return "-" if value is None else f"{value:.3g}"


def table(records):
    """Loss: goal, floor, reached, verdict. And where the fused form is not the fastest."""
    columns = f"{'heap':9}{'goal':>6}{'floor':>6}{'now':>7}{'memory':>8}{'now':>7}  verdict"
    rows = [f"\n{'goals: times faster, times leaner':34}{'against':32}{columns}"]
    measured = {r["loss"] for r in records}
    for goal in [goal for goal in GOALS if goal.loss in measured]:
        faster, leaner = reached(goal, records)
        rows.append(
            f"{goal.loss:34}{goal.against:32.31}{goal.heap:9}{number(goal.goal):>6}{number(goal.floor):>6}{number(faster):>7}"
            f"{number(goal.memory):>8}{number(leaner):>7}  {verdict(goal, faster, leaner)}"
        )
    rows.append(NOT_MEASURED)
    behind = list(slower(records))
    rows.append(f"\nfrom 10^5 elements on the fused form is slower than another in {len(behind)} cases" + ":" * bool(behind))
    for loss, size, heap, threads, name, ratio in behind:
        rows.append(
            f"  {loss}, {size}, {heap} heap, {threads} thread{'s' * (threads != 1)}: {name} takes {ratio:.2f} of its time"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    from bench.report import latest

    print(table(latest()[1]))
