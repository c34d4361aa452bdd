"""Measure one loss on one heap, in a process of its own: python -m bench.child '{"loss": "huber", ...}' >> records.

A process of its own, since the allocator is set up by its environment, and since a library that crashes or eats the memory then
takes only this loss with it. Every group of records is written as soon as it is known, one JSON object a line.
"""

import json
import os
import resource
import shutil
import sys
import time
import warnings
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

import torch

from bench import harness
from bench.losses import CASES
from bench.report import Record

EXACT = 1e-9  # largest relative error in float64 of what computes the same; what computes in float32 inside may have ROUGH
ROUGH = 1e-5
ROUGHLY = "agrees to float32 only"
SINGLE = 1e-2  # and in float32, at the size that is timed: where a maximum is nearly attained twice, the gradient may jump
CHECKED = ("small", "medium")  # the sizes at which float64 is compared
SAME = (0.9, 1.1)  # where the ratio of a function to itself must lie
TRIES = 3


@dataclass
class Contestant:
    name: str
    library: str
    role: str  # fused, definition, peer or compiled
    function: object = None
    note: str = ""
    sizes: tuple | None = None
    convention: object = None  # the definition, where it is compared with another one
    single: bool = False  # does not take float64; it is compared at the small size only, where no two numbers fall together
    agrees: bool | None = None  # None: not compared
    error: float | None = None  # the largest relative error in float64


# ---- who takes part ----------------------------------------------------------------------------------------------------------


def contestants(case, *, compiled=True, device="cpu"):
    """All that compute this loss; what cannot be had has no function, and a note that says why."""
    found = [build("lossbook.fused", "lossbook", "fused", case.fused), build("definition", "lossbook", "definition", case.plain)]
    for rival in case.rivals:
        if not rival.gpu or device == "cuda":
            found.append(build(rival.label, rival.library, "peer", rival.build, rival.note, rival.sizes, rival.convention))
    if compiled and case.compiled:
        found.append(build("torch.compile", "torch", "compiled", lambda: compile_plain(case), sizes=("large",)))
    return found


def build(name, library, role, make, note="", sizes=None, convention=None):
    try:
        return Contestant(name, library, role, make(), note, sizes, convention)
    except Exception as error:  # whatever keeps a library from being used is named in the table
        return Contestant(name, library, role, note=f"missing: {said(error)}")


def compile_plain(case):
    """The definition, compiled: where there is a C++ compiler."""
    if not any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "clang++", "c++")):
        raise FileNotFoundError("torch.compile needs a C++ compiler, and there is none")
    return torch.compile(case.plain(), dynamic=False)


def said(error):
    """An error in one short line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    return f"{type(error).__name__}: {lines[0][:160]}"


def released(library):
    """The version of a library; of what people write themselves, that of torch."""
    try:
        return version("torch" if library == "usual" else library)
    except PackageNotFoundError:
        return None


# ---- do they agree? ----------------------------------------------------------------------------------------------------------


def compare(case, everyone, device="cpu"):
    """Compare value and gradient with the definition in float64. Who disagrees loses its function: it is named, not timed."""
    for size in [size for size in CHECKED if size in case.sizes]:
        single = case.make(size, seed=1, device=device)
        inputs = [x.double() if x.is_floating_point() else x for x in single]
        for x in inputs[: case.wrt]:  # where float32 has drawn a number twice, there is no one gradient: shift all a little
            x *= 1 - 1e-8 * torch.rand(x.shape, generator=torch.Generator().manual_seed(0), dtype=x.dtype).to(device)
        reference = harness.both(case.plain(), inputs, case.wrt)()
        for one in [
            one for one in everyone if takes_part(one, size) and one.role != "compiled" and one.function and not one.single
        ]:
            own = harness.both(one.convention, inputs, case.wrt)() if one.convention else reference
            function, note, allowed = one.function, one.note, EXACT if one.library == "lossbook" else ROUGH
            result = attempt(one, harness.both(function, inputs, case.wrt))
            if result is None and one.role == "peer" and size == "small":
                one.function, one.note, one.single, allowed = function, note, True, 10 * ROUGH
                result = attempt(one, harness.both(function, single, case.wrt))
            if result:
                error = harness.difference(result, own)
                judge(one, error, allowed)
                one.error = max(error, one.error or 0.0)


def attempt(one, run):
    """What the run returns; None, if it fails: then the contestant loses its function."""
    try:
        return run()
    except Exception as failure:
        one.function, one.note = None, noted(one.note, f"fails: {said(failure)}")


def judge(one, error, allowed):
    """Set whether a contestant `agrees`, and say so where it does but for an epsilon of its own or an inner float32."""
    one.agrees = error <= allowed
    if not one.agrees:
        one.function, one.note = None, noted(one.note, f"disagrees with the definition: relative error {error:.1g}")
    elif allowed < SINGLE and error > EXACT and ROUGHLY not in one.note:
        one.note = noted(one.note, ROUGHLY)


def noted(note, more):
    return f"{note}; {more}" if note else more


def takes_part(one, size):
    return one.sizes is None or size in one.sizes


# ---- how long do they take? --------------------------------------------------------------------------------------------------


def measure(case, size, everyone, *, heap, threads, budget, device="cpu"):
    """The records of one size, one list for each number of threads."""
    inputs = case.make(size, device=device)
    present = [one for one in everyone if takes_part(one, size)]
    peaks, compiling = warm_up(case, inputs, present, device)
    for number in threads:
        present = [one for one in present if one.role != "compiled" or number == 1]  # it would compile anew
        clock = harness.clock(number, device)
        times, void = timed(case, inputs, present, clock, number, budget)
        moved = sum(x.nbytes for x in inputs) + sum(x.nbytes for x in inputs[: case.wrt])
        floor = moved / harness.copy_rate(number, device, clock)
        if case.flops:
            floor = max(floor, case.flops(*case.sizes[size]) / harness.product_rate(number, device, clock))
        ours = baseline(present)
        records = []
        for one in [*present, control(ours)] if ours else present:
            record = Record(
                loss=case.name,
                size=size,
                shape=list(case.sizes[size]),
                elements=sum(x.numel() for x in inputs[: case.wrt]),
                heap=heap,
                threads=number,
                device=device,
                contestant=one.name,
                role=one.role,
                library=one.library,
                version=released(one.library),
                agrees=one.agrees,
                error=one.error,
                peak_bytes=peaks.get(one.name),
                floor_s=floor,
                compile_s=compiling.get(one.name),
                void=void,
                note=one.note,
            )
            if (one.name, "both") in times:
                record.rounds = len(times[one.name, "both"])
                for what in ("forward", "both"):
                    spent = times[one.name, what]
                    setattr(record, f"{what}_s", harness.quartiles(spent))
                    setattr(record, f"{what}_ratio", harness.ratio(spent, times[ours.name, what]))
            records.append(asdict(record))
        yield records


def warm_up(case, inputs, present, device):
    """Call everyone once, which warms up, gives the peak of its memory, and is compared with the definition in float32."""
    peaks, compiling, reference = {}, {}, None
    for one in sorted(present, key=lambda one: one.role != "definition"):
        if one.function and one.role == "compiled":
            torch.compile(torch.neg)(torch.ones(8))  # the first compilation of all looks for the compiler and its headers
            start = time.perf_counter()
            attempt(one, harness.both(one.function, inputs, case.wrt))
            compiling[one.name] = time.perf_counter() - start
        if one.function and attempt(one, harness.forward(one.function, inputs)) is not None:
            results, run = [], harness.both(one.function, inputs, case.wrt)
            peak = attempt(one, lambda run=run, results=results: harness.peak_bytes(lambda: results.append(run()), device))
            if peak is not None:
                peaks[one.name], reference = peak, reference or results[0]
                judge(one, harness.difference(results[0], reference), SINGLE)
    return peaks, compiling


def timed(case, inputs, present, clock, threads, budget):
    """The times of everyone, forward and both, and whether they are void: the baseline beside itself must take the same time."""
    ours = baseline(present)
    if not ours:
        return {}, False
    runs = {}
    for one in [*(one for one in present if one.function), control(ours)]:
        runs[one.name, "both"] = harness.both(one.function, inputs, case.wrt)
        runs[one.name, "forward"] = harness.forward(one.function, inputs)
    for seed in range(TRIES):
        times = harness.interleave(runs, threads=threads, clock=clock, budget=budget, seed=seed)
        _, middle, _ = harness.ratio(times["control", "both"], times[ours.name, "both"])
        if SAME[0] <= middle <= SAME[1]:
            return times, False
    return times, True


def baseline(present):
    """Whom the others are compared with: the fused form; the definition, where there is no fused form."""
    return next((one for one in present if one.role in ("fused", "definition") and one.function), None)


def control(ours):
    return Contestant("control", ours.library, "control", ours.function, f"{ours.name} once more")


# ---- the process -------------------------------------------------------------------------------------------------------------


def main(order):
    warnings.simplefilter("ignore")
    case, device, sizes = CASES[order["loss"]], order["device"], order["sizes"]
    if device == "cpu":  # better an error that can be named than a machine without memory
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        resource.setrlimit(resource.RLIMIT_AS, (2 * memory // 3, -1))
    torch.set_num_threads(1)
    everyone = contestants(case, compiled=order["compile"], device=device)
    compare(case, everyone, device)
    for size in sizes:
        here = [Contestant(**vars(one)) for one in everyone]  # who fails at this size may do at the next
        threads = order["threads"] if size == "large" else [1]
        for records in measure(case, size, here, heap=order["heap"], threads=threads, budget=order["budget"], device=device):
            for record in records:
                print(json.dumps(record), file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    chosen, sys.stdout = json.loads(sys.argv[1]), sys.stderr  # what a library prints does not get between the records
    main(chosen)
