"""Run the benchmarks: python -m bench [--only nt_xent,huber] [--sizes small,large] ..., or `make bench ONLY=... SIZES=...`."""

import argparse
import contextlib
import datetime
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import goals, report

ROOT = Path(__file__).parents[1]
SIZES = ("small", "medium", "large")
HUGE = str(2**40)
# glibc gives large blocks back to the kernel, so that each large temporary is paid for page by page, again and again. A retained
# heap keeps them: it is how a long training run, or another allocator, behaves.
HEAPS = {
    "default": {},
    "retained": {
        "MALLOC_TRIM_THRESHOLD_": HUGE,
        "MALLOC_MMAP_THRESHOLD_": HUGE,
        "MALLOC_MMAP_MAX_": "0",
        "MALLOC_TOP_PAD_": str(2**28),
    },
}


def arguments(names, given=None):
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.split(":", 1)[0])
    parser.add_argument("--only", type=split, default=names, help="losses, with commas between")
    parser.add_argument("--sizes", type=split, default=list(SIZES), help="small, medium, large")
    parser.add_argument("--heaps", type=split, default=list(HEAPS), help="default, retained")
    parser.add_argument("--threads", type=lambda text: [int(n) for n in split(text)], default=[1, 2])
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out: it compiles for seconds per loss")
    parser.add_argument("--budget", type=float, default=2.0, help="seconds of rounds for one loss at one size")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds after which a loss is given up")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--output", type=Path, help="the JSON file; a full run goes to bench/results/<date>.json")
    options = parser.parse_args(given)
    for chosen, known in ((options.only, names), (options.sizes, SIZES), (options.heaps, HEAPS)):
        unknown = [name for name in chosen if name not in known]
        if unknown:
            parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(known)}")
    whole = options.only == names and options.sizes == list(SIZES) and options.heaps == list(HEAPS)
    folder = ROOT / "bench" / "results" if whole else ROOT / "_build" / "bench"
    options.output = options.output or folder / f"{datetime.date.today().isoformat()}.json"
    return options


def split(text):
    return [part for part in text.replace(",", " ").split() if part]


def measure(loss, heap, options, cache):
    """The records of one loss on one heap, from a process of its own; if that dies, what it had written, and one that says so."""
    last = heap == options.heaps[-1]  # several threads and torch.compile on one heap are enough
    order = {"loss": loss, "heap": heap, "sizes": options.sizes, "threads": options.threads if last else options.threads[:1],
             "compile": last and not options.no_compile, "budget": options.budget, "device": options.device}  # fmt: skip
    most = str(max(options.threads))
    environment = os.environ | HEAPS[heap] | {"OMP_NUM_THREADS": most, "MKL_NUM_THREADS": most, "TORCHINDUCTOR_CACHE_DIR": cache,
                                              "TORCHINDUCTOR_COMPILE_THREADS": "1"}  # fmt: skip
    command = [sys.executable, "-m", "bench.child", json.dumps(order)]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        ended = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            ended = subprocess.run(command, cwd=ROOT, env=environment, stdout=out, stderr=err, timeout=options.limit).returncode
        out.seek(0), err.seek(0)
        records = [json.loads(line) for line in out if line.endswith("\n")]
        if ended != 0:
            said = [line.strip() for line in err if line.strip() and not line.startswith("USDT")]
            records.append(report.lost(order, obituary(ended, options.limit, said)))
        return records


def obituary(ended, limit, said):
    """Why a process did not finish: too slow, killed (by 9 when memory runs out), or an error of its own."""
    if ended is None:
        return f"given up after {limit:g} s"
    return f"killed by signal {-ended}" if ended < 0 else f"failed: {said[-1] if said else f'exit {ended}'}"


def main():
    from bench.losses import CASES  # imports torch

    options = arguments(list(CASES))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # keeps what was measured, as Ctrl-C does
    machine, records = report.machine(), []
    print(f"{machine['cpu']}, {machine['cores']} cores, {machine['library']}. Ratios: how many times as much as {report.OURS}.")
    try:
        with tempfile.TemporaryDirectory() as cache:  # empty: compilation is timed
            for loss in options.only:
                for heap in options.heaps:
                    found = measure(loss, heap, options, cache)
                    print(report.table(found), flush=True)
                    records += found
    except KeyboardInterrupt:
        print("\nInterrupted: what was measured so far is kept.")
    path = report.write(options.output, machine, records)
    picture = report.plot(records, options.output.with_suffix(".svg"))
    print(goals.table(records))
    print(f"\nRecords: {path}\nCost as size grows: {picture}")


if __name__ == "__main__":
    main()
