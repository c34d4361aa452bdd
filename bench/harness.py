"""Time and memory of functions that compute the same thing: side by side in one process, in rounds of random order.

What is compared is a ratio within one round, so that whatever slows the machine for a while slows all of them. The repeats and
the clock of one measurement are those of `torch.utils.benchmark.Timer`.
"""

import itertools
import random
import statistics
import time
import tracemalloc

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.benchmark import Timer

SHORTEST = 0.01  # seconds that a measurement lasts at least: a shorter call is repeated
LONG = 0.3  # a longer call is timed by the clock alone, since Timer would run it two or three times for one measurement
SLOW = 1.5  # seconds: who takes longer is asked once
LEAST, MOST = 3, 9  # rounds


# ---- clocks ------------------------------------------------------------------------------------------------------------------


def clock(threads=1, device="cpu"):
    """Seconds of CPU time for one thread, of wall time for several, of CUDA events on a GPU."""
    if device == "cuda":
        return cuda_clock()
    return time.thread_time if threads == 1 else time.perf_counter


def cuda_clock():
    """A clock from CUDA events. Not tested: it needs a GPU."""
    start = torch.cuda.Event(enable_timing=True)
    start.record()

    def now():
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        event.synchronize()
        return start.elapsed_time(event) / 1000

    return now


# ---- one call ----------------------------------------------------------------------------------------------------------------


def forward(function, inputs):
    """The value alone, as in evaluation."""

    def run():
        with torch.no_grad():
            return function(*inputs)

    return run


def both(function, inputs, wrt):
    """The value and its gradient with respect to the first `wrt` inputs, as in training."""
    leaves = [x.detach().requires_grad_() for x in inputs[:wrt]]

    def run():
        value = function(*leaves, *inputs[wrt:])
        return value.detach(), torch.autograd.grad(value, leaves)

    return run


def seconds(run, clock, threads=1):
    """What one call takes."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        start = clock()
        run()
        return clock() - start
    finally:
        torch.set_num_threads(before)


# ---- many calls --------------------------------------------------------------------------------------------------------------


def interleave(runs, *, threads=1, clock=time.thread_time, budget=4.0, seed=0):
    """Seconds of each run, {name: [one per round]}. Every round asks all of them, in a new random order.

    There are as many rounds as fit into `budget` seconds, 3 at least and 9 at most, after one that warms up and is not counted.
    """
    order, times = list(runs), {name: [] for name in runs}
    timers = {name: Timer("run()", globals={"run": run}, timer=clock, num_threads=threads) for name, run in runs.items()}
    first = {name: seconds(runs[name], clock, threads) for name in order}
    for name in [name for name in order if first[name] > SLOW]:
        times[name] = [first[name]]
        order.remove(name)
    rounds = min(MOST, max(LEAST, round(budget / max(sum(max(first[name], 3 * SHORTEST) for name in order), 1e-9))))
    shuffle = random.Random(seed).shuffle
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            if first[name] > LONG:
                times[name].append(seconds(runs[name], clock, threads))
            else:
                times[name].append(timers[name].blocked_autorange(min_run_time=SHORTEST).median)
    return times


def quartiles(values):
    """Lower quartile, median, upper quartile; of a single value, three times that value."""
    if len(values) == 1:
        return list(values) * 3
    return statistics.quantiles(values, n=4, method="inclusive")


def ratio(theirs, ours):
    """How many times longer than ours: the quartiles of the ratios within a round; of the medians, if the rounds differ."""
    if len(theirs) == len(ours):
        return quartiles([a / b for a, b in zip(theirs, ours)])
    return quartiles([statistics.median(theirs) / statistics.median(ours)])


# ---- memory ------------------------------------------------------------------------------------------------------------------


def peak_bytes(run, device="cpu"):
    """The most bytes that were allocated during a call and alive at one time; what lived before the call is not counted.

    Tensors are seen by torch's profiler, which is told of every allocation and release; arrays of NumPy by tracemalloc, from 64
    KiB on: what Python itself needs is less. The two peaks are added, so a function that uses both is rated at its worst.
    """
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return torch.cuda.max_memory_allocated() - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        tracemalloc.start()
        result = run()
        _, arrays = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    del result
    events = [event for event in seen.profiler.kineto_results.events() if event.name() == "[memory]"]
    alive = itertools.accumulate(event.nbytes() for event in sorted(events, key=lambda event: event.start_ns()))
    return max(alive, default=0) + (arrays if arrays >= 2**16 else 0)


# ---- the limits of the machine -----------------------------------------------------------------------------------------------


def copy_rate(threads=1, device="cpu", clock=time.thread_time):
    """Bytes that a copy reads and writes in a second, between arrays that no cache holds."""
    source = torch.ones(2**24, device=device)
    target = torch.zeros_like(source)
    return 2 * source.nbytes / min(seconds(lambda: target.copy_(source), clock, threads) for _ in range(5))


def product_rate(threads=1, device="cpu", clock=time.thread_time):
    """Floating-point operations that a product of matrices makes in a second, in float32."""
    a = torch.ones(1024, 1024, device=device)
    c = torch.empty_like(a)
    return 2 * 1024**3 / min(seconds(lambda: torch.mm(a, a, out=c), clock, threads) for _ in range(3))


# ---- agreement ---------------------------------------------------------------------------------------------------------------


def difference(result, reference):
    """The larger of the relative errors of the value and of the gradient (in the Euclidean norm, all inputs together)."""
    (value, gradients), (true, slopes) = result, reference
    value, true = value.double(), true.double()
    if value.shape != true.shape:
        raise ValueError(f"the value has the shape {tuple(value.shape)}, that of the definition {tuple(true.shape)}")
    of_value = float((value - true).abs() / true.abs().clamp_min(1e-300))
    wrong = sum(float((g.double() - s.double()).square().sum()) for g, s in zip(gradients, slopes, strict=True))
    right = sum(float(s.double().square().sum()) for s in slopes)
    of_gradient = (wrong / right) ** 0.5 if right else wrong**0.5
    return max(of_value, of_gradient) if of_value == of_value and of_gradient == of_gradient else float("inf")
