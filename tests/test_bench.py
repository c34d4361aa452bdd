"""The benchmarks' harness: on functions whose times, memory and errors are known, and on the losses at their smallest size.

Nothing is measured here: time is a clock that the functions themselves advance.
"""

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # where pytest is not started as `python -m pytest`

from bench import __main__ as bench  # noqa: E402
from bench import child, goals, harness, report  # noqa: E402
from bench.losses import CASES, Case, Rival, two_samples  # noqa: E402


class Time:
    """A clock that only `spend` advances; `spent` has who did, in order."""

    def __init__(self):
        self.now, self.spent = 0.0, []

    def __call__(self):
        return self.now

    def spend(self, name, seconds):
        def run():
            self.now += seconds
            self.spent.append(name)

        return run


# ---- the arithmetic ----------------------------------------------------------------------------------------------------------


def test_a_ratio_is_taken_within_a_round():
    assert harness.ratio([2.0, 40.0, 6.0], [1.0, 20.0, 3.0]) == [2.0, 2.0, 2.0]
    assert harness.ratio([1.0, 2.0, 3.0, 8.0], [1.0, 1.0, 1.0, 1.0]) == [1.75, 2.5, 4.25]
    assert harness.ratio([30.0], [1.0, 2.0, 3.0]) == [15.0] * 3  # who was stopped after a round: the medians


def test_rounds_ask_everyone_in_another_order_and_the_slow_once():
    time = Time()
    runs = {name: time.spend(name, seconds) for name, seconds in {"a": 0.375, "b": 0.75, "c": 1.25, "slow": 7.0}.items()}
    times = harness.interleave(runs, clock=time, budget=9.5, seed=1)
    assert times == {"a": [0.375] * 4, "b": [0.75] * 4, "c": [1.25] * 4, "slow": [7.0]}
    rounds = [time.spent[k : k + 3] for k in range(4, 16, 3)]
    assert all(sorted(each) == ["a", "b", "c"] for each in rounds) and len(set(map(tuple, rounds))) > 1
    assert len(harness.interleave(runs, clock=time, budget=0.0)["a"]) == harness.LEAST


def test_short_calls_are_repeated():
    """Below LONG, Timer repeats a call until the measurement lasts; what it says is still the time of one call."""
    time = Time()
    times = harness.interleave({"short": time.spend("short", 1e-3)}, clock=time)
    assert times["short"] == pytest.approx([1e-3] * harness.MOST)
    assert len(time.spent) > 10 * harness.MOST


def test_peak_of_known_allocations():
    """The most that lives at one time, in units of the input: forwards, backwards, and in NumPy."""
    x = torch.ones(2**16)

    def four_units(x):
        a = x + 1  # 1
        b = a * 2  # 2
        del a  # 1
        c = x.new_empty(3, len(x))  # 4
        return b.sum() + 0 * c[0, 0]

    def units(run):
        return harness.peak_bytes(run) / x.nbytes

    assert units(harness.forward(four_units, [x])) == pytest.approx(4, abs=1e-2)
    assert units(harness.both(torch.nn.functional.mse_loss, [x, x + 1], 1)) == pytest.approx(2, abs=1e-2)
    assert units(lambda: torch.from_numpy(np.ones((2, len(x)), np.float32)) + 0) == pytest.approx(4, abs=0.1)


WRONG = {
    "sign": lambda x: -(x**2).sum(),
    "factor": lambda x: 2 * (x**2).sum(),
    "right value, wrong gradient": lambda x: (x**2).detach().sum() + 3 * (x - x.detach()) @ x.detach(),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_value_or_gradient_is_seen(wrong):
    x = [torch.arange(1.0, 5.0, dtype=torch.float64)]
    right = harness.both(lambda x: (x**2).sum(), x, 1)()
    assert harness.difference(right, right) == 0
    assert harness.difference(harness.both(wrong, x, 1)(), right) >= 0.5
    assert harness.difference((right[0], [right[1][0] * float("nan")]), right) == float("inf")


# ---- who takes part ----------------------------------------------------------------------------------------------------------


def squares(x, y):
    return ((x - y) ** 2).mean()


def failing(x, y):
    raise MemoryError("no room")


def no_double(x, y):
    return squares(x, y) + torch.dot(x.detach(), torch.zeros(len(x)))


def not_installed():
    raise ModuleNotFoundError("No module named 'absent'")


def fake(*rivals):
    """A loss of two sizes with made-up rivals; its fused form is the definition."""
    sizes = {"small": (8,), "medium": (64,), "large": (256,)}
    case = Case("fake", "squared_error", sizes, two_samples, 1, {}, squares, None, False)
    object.__setattr__(case, "fused", lambda: squares)
    case.rivals.extend(Rival(library, name, build, note) for library, name, build, note in rivals)
    return case


RIVALS = (
    ("torch", "right", lambda: torch.nn.functional.mse_loss, "as it is"),
    ("absent", "gone", not_installed, ""),
    ("torch", "half", lambda: lambda x, y: squares(x, y) / 2, "another convention"),
    ("torch", "single", lambda: lambda x, y: squares(x.float(), y.float()), ""),
    ("torch", "no double", lambda: no_double, ""),
    ("torch", "failing", lambda: failing, ""),
)


def test_who_is_missing_or_disagrees_is_named_and_not_timed():
    everyone = child.contestants(fake(*RIVALS), compiled=False)
    child.compare(fake(*RIVALS), [one for one in everyone if one.name != "failing"])
    found = {one.name: one for one in everyone}
    assert [name for name, one in found.items() if one.function and name != "failing"] == [
        "lossbook.fused", "definition", "right", "single", "no double"]  # fmt: skip
    assert found["absent gone"].note == "missing: ModuleNotFoundError: No module named 'absent'"
    assert found["half"].agrees is False and "disagrees with the definition: relative error 0.5" in found["half"].note
    assert found["half"].note.startswith("another convention")
    assert found["single"].agrees and found["single"].note == child.ROUGHLY and 1e-9 < found["single"].error < 1e-5
    assert found["no double"].agrees and found["no double"].single and not found["right"].single
    assert found["right"].error < 1e-15


def test_ours_has_no_excuse():
    """What is right to float32 only is called wrong if it is the fused form."""
    case = fake()
    object.__setattr__(case, "fused", lambda: lambda x, y: squares(x.float(), y.float()))
    everyone = child.contestants(case)
    child.compare(case, everyone)
    assert everyone[0].agrees is False and everyone[0].function is None


# ---- a run -------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def steady(monkeypatch):
    """Times by decree: two seconds for everyone, one for the fused form; the control takes `steady.factor` of that."""
    steady = SimpleNamespace(factor=1.0, calls=0)

    def interleave(runs, **options):
        steady.calls += 1
        seconds = {"lossbook.fused": 1.0, "control": steady.factor}
        return {(name, what): [seconds.get(name, 2.0)] * 3 for name, what in runs}

    monkeypatch.setattr(harness, "interleave", interleave)
    monkeypatch.setattr(harness, "copy_rate", lambda *_: 1024.0)
    return steady


def records(case=None, size="large"):
    case = case or fake(*RIVALS)
    everyone = child.contestants(case, compiled=False)
    everyone = [one for one in everyone if one.name != "half"]
    return next(child.measure(case, size, everyone, heap="default", threads=[1], budget=0.0))


def test_records_are_flat_documented_and_readable(steady, tmp_path):
    found = records()
    names = [field.name for field in fields(report.Record)]
    assert all(list(record) == names for record in found)
    manual = (ROOT / "bench" / "README.md").read_text(encoding="utf-8")
    assert [name for name in names if f"| `{name}` |" not in manual] == []
    right = next(r for r in found if r["contestant"] == "right")
    assert right["both_s"] == [2.0] * 3 and right["both_ratio"] == right["forward_ratio"] == [2.0] * 3 and right["rounds"] == 3
    assert right["elements"] == 256 and right["floor_s"] == 3 * 4 * 256 / 1024.0  # two arrays read, a gradient written
    report.write(tmp_path / "2000-01-01.json", {"date": "2000-01-01"}, found)
    assert report.latest(tmp_path) == ({"date": "2000-01-01"}, found)
    assert report.plot(found, tmp_path / "growth.svg").stat().st_size > 1000
    lines = report.table(found).splitlines()
    assert any(line.split()[:3] == ["right", "2.00", "(2.00-2.00)"] for line in lines)
    assert any("gone: missing: ModuleNotFoundError" in line for line in lines)
    assert any("failing: fails: MemoryError: no room" in line for line in lines)
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("factor, void, calls", [(1.0, False, 1), (1.09, False, 1), (1.2, True, 3), (0.8, True, 3)])
def test_a_run_counts_only_if_a_function_takes_the_time_of_itself(steady, factor, void, calls):
    steady.factor = factor
    found = records()
    assert {record["void"] for record in found} == {void} and steady.calls == calls
    assert ("VOID" in report.table(found)) == void


def test_without_a_fused_form_the_definition_is_the_measure(steady):
    case = fake(*RIVALS[:1])
    object.__setattr__(case, "fused", not_installed)
    text = report.table(records(case))
    assert "lossbook.fused: missing: ModuleNotFoundError" in text and "ratios are to definition" in text


DEATHS = [(-9, "killed by signal 9"), (1, "failed: RuntimeError: broken"), (None, "given up after 5 s")]


@pytest.mark.parametrize("ended, note", DEATHS)
def test_a_process_that_dies_is_named(monkeypatch, ended, note):
    """What it had written before is kept, but for a line that it did not finish."""

    def run(command, stdout, stderr, timeout, **_):
        stdout.write('{"loss": "huber"}\n{"loss": "hub')
        stderr.write("USDT: noise\nRuntimeError: broken\n")
        if ended is None:
            raise subprocess.TimeoutExpired(command, timeout)
        return SimpleNamespace(returncode=ended)

    monkeypatch.setattr(subprocess, "run", run)
    options = bench.arguments(list(CASES), ["--only", "huber", "--limit", "5"])
    first, last = bench.measure("huber", "retained", options, "cache")
    assert first == {"loss": "huber"}
    assert last["note"] == note and last["role"] == "process" and last["void"]
    assert list(last) == [field.name for field in fields(report.Record)]
    assert f"the process: {note}" in report.table([last])


def test_what_can_be_chosen(capsys):
    quick = bench.arguments(list(CASES), ["--only", "nt_xent", "--sizes", "small"])
    assert quick.only == ["nt_xent"] and quick.sizes == ["small"]
    assert "results" not in str(quick.output)  # where full runs are kept
    assert bench.arguments(list(CASES), []).output.parent == ROOT / "bench" / "results"
    with pytest.raises(SystemExit):
        bench.arguments(list(CASES), ["--only", "nt_cent"])
    assert "there is no nt_cent; there are softmax_cross_entropy" in capsys.readouterr().err


# ---- goals -------------------------------------------------------------------------------------------------------------------


def test_goals_name_what_is_measured():
    for goal in goals.GOALS:
        rivals = {rival.label for rival in CASES[goal.loss].rivals} | {"definition", "torch.compile"}
        assert goal.against in rivals and goal.heap in bench.HEAPS, goal


@pytest.mark.parametrize(
    "faster, leaner, verdict",
    [
        (2.0, 3.0, "reached"),
        (1.5, 3.0, "short of the goal by 25%"),
        (0.9, 3.0, "BELOW THE FLOOR of 1"),
        (2.5, 1.9, "memory short of 2 x"),
        (None, None, "not measured"),
    ],
)
def test_verdicts(faster, leaner, verdict):
    assert goals.verdict(goals.Goal("fake", "right", 2.0, 1.0, 2.0), faster, leaner) == verdict


def test_what_was_reached(steady):
    found = records()
    goal = goals.Goal("fake", "right", 2.0, 1.0, heap="default")
    assert goals.reached(goal, found)[0] == 2.0
    assert goals.reached(goals.Goal("fake", "right", 2.0, 1.0, heap="retained"), found) == (None, None)
    assert list(goals.slower(found, least=256)) == []
    for record in found:
        if record["contestant"] == "right":
            record["both_ratio"] = [0.4, 0.5, 0.6]
    assert list(goals.slower(found, least=256)) == [("fake", "large", "default", 1, "right", 0.5)]
    assert list(goals.slower(found, least=257)) == []


# ---- the losses --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(CASES))
def test_what_needs_no_other_library_agrees(name):
    """The definition, the fused form if there is one, torch's losses and the usual formulas, at the small size in float64."""
    case = CASES[name]
    inputs = [x.double() if x.is_floating_point() else x for x in case.make("small")]
    right = harness.both(case.plain(), inputs, case.wrt)()
    assert right[0].isfinite() and all(g.isfinite().all() and g.abs().sum() > 0 for g in right[1])
    near = [one for one in case.rivals if one.library in ("torch", "usual")]
    assert near or case.rivals
    for one in near:
        assert harness.difference(harness.both(one.build(), inputs, case.wrt)(), right) < child.ROUGH, one.name
