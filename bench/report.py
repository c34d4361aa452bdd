"""What is made of the records: the table in the terminal, the JSON file, and a picture of the cost as the size grows."""

import datetime
import json
import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from pathlib import Path

OURS = "lossbook.fused"
LIBRARIES = (
    "lossbook", "torch", "numpy", "torchvision", "kornia", "monai", "segmentation-models-pytorch", "pytorch-metric-learning",
    "lightly", "libauc", "torchsurv", "pycox", "scoringrules", "geomloss", "POT", "liger-kernel", "cut-cross-entropy",
)  # fmt: skip


# ---- one record ---------------------------------------------------------------------------------------------------------------


@dataclass
class Record:
    """What is stored of a contestant at one size, on one heap, with so many threads; README.md says what each field means."""

    loss: str
    size: str
    shape: list
    elements: int
    heap: str
    threads: int
    device: str
    contestant: str
    role: str
    library: str
    version: str | None
    agrees: bool | None = None
    error: float | None = None
    forward_s: list | None = None
    both_s: list | None = None
    forward_ratio: list | None = None
    both_ratio: list | None = None
    rounds: int = 0
    peak_bytes: int | None = None
    floor_s: float | None = None
    compile_s: float | None = None
    void: bool = False
    note: str = ""


# ---- the machine -------------------------------------------------------------------------------------------------------------


def machine():
    """What the numbers were measured on: without it they mean nothing."""
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.release()}",
        "library": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        "versions": {library: installed(library) for library in LIBRARIES},
    }


def cpu():
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def installed(library):
    try:
        return version(library)
    except PackageNotFoundError:
        return None


# ---- the table ---------------------------------------------------------------------------------------------------------------


def table(records):
    """The ratios of one or more groups, as text: lower quartile, median and upper quartile over the rounds."""
    groups = groupby(records, key=lambda r: [r[key] for key in ("loss", "size", "shape", "heap", "threads")])
    return "\n".join(text for key, group in groups for text in lines(*key, list(group)))


def lines(loss, size, shape, heap, threads, group):
    """One group: who takes how many times as long as the baseline, and who is not there and why."""
    control = next((r for r in group if r["role"] == "control"), None)
    title = f"\n{loss}, {size} ({' x '.join(map(str, shape))}), {heap} heap, {threads} thread{'s' * (threads != 1)}"
    if control:
        title += f": itself / itself {control['both_ratio'][1]:.2f}" + ", VOID: not between 0.9 and 1.1" * control["void"]
    yield title
    base = next((r for r in group if r["role"] in ("fused", "definition") and r["both_s"]), None)
    if base:
        yield f"  {'':44}{'forward+backward':>22}{'forward':>9}{'memory':>8}{'of limit':>9}"
    for r in group:
        if r["role"] == "control":
            continue
        name = r["contestant"]
        if r["both_s"]:
            low, middle, high = r["both_ratio"]
            times = f"{middle:9.2f} ({low:.2f}-{high:.2f})"
            memory = r["peak_bytes"] / base["peak_bytes"] if base["peak_bytes"] else float("nan")
            yield f"  {name:44.44}{times:>22}{r['forward_ratio'][1]:9.2f}{memory:8.2f}{r['floor_s'] / r['both_s'][1]:9.0%}"
        compiled = f"compiled in {r['compile_s']:.0f} s" if r["compile_s"] else ""
        notes = "; ".join(part for part in (r["note"], compiled) if part)
        if notes or not r["both_s"]:
            yield f"  {name + ': ' if not r['both_s'] else '    '}{notes}"
    if base and base["role"] != "fused":
        yield f"  ratios are to {base['contestant']}, since there is no {OURS} form here"


def lost(order, why):
    """The record of a process that ended before it had written all."""
    size = ", ".join(order["sizes"])
    process = {"contestant": "the process", "role": "process", "library": "lossbook", "version": installed("lossbook")}
    where = {"heap": order["heap"], "threads": order["threads"][0], "device": order["device"]}
    return asdict(Record(loss=order["loss"], size=size, shape=[], elements=0, **where, **process, void=True, note=why))


# ---- the file ----------------------------------------------------------------------------------------------------------------


def write(path, machine, records):
    """JSON with one record a line, so that a difference between two runs can be read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = ",\n  ".join(json.dumps(record) for record in records)
    path.write_text(f'{{\n "machine": {json.dumps(machine)},\n "records": [\n  {rows}\n ]\n}}\n', encoding="utf-8")
    return path


def latest(folder=Path(__file__).parent / "results"):
    """The newest stored run: (machine, records)."""
    path = max(folder.glob("*.json"), default=None)
    if path is None:
        raise FileNotFoundError(f"there is no run in {folder}: `make bench` makes one")
    run = json.loads(path.read_text(encoding="utf-8"))
    return run["machine"], run["records"]


# ---- the picture -------------------------------------------------------------------------------------------------------------


def plot(records, path):
    """Forward + backward against the number of elements, both axes logarithmic, a panel per loss.

    On the retained heap, if it was measured, with one thread. Time is in units of the baseline at the smallest size: ratios only.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    heaps = {r["heap"] for r in records}
    heap = "retained" if "retained" in heaps else next(iter(heaps), None)
    chosen = [r for r in records if r["heap"] == heap and r["threads"] == 1 and r["both_s"] and r["role"] != "control"]
    losses = list(dict.fromkeys(r["loss"] for r in chosen))
    columns = min(4, max(len(losses), 1))
    rows = -(-max(len(losses), 1) // columns)
    figure, panels = plt.subplots(rows, columns, figsize=(4.2 * columns, 3.4 * rows), squeeze=False, layout="constrained")
    for panel in panels.flat[len(losses) :]:
        panel.remove()
    for loss, panel in zip(losses, panels.flat):
        mine = sorted((r for r in chosen if r["loss"] == loss), key=lambda r: r["elements"])
        first = next(r for r in mine if r["role"] in ("fused", "definition"))
        for name in dict.fromkeys(r["contestant"] for r in mine):
            points = [(r["elements"], r["both_s"]) for r in mine if r["contestant"] == name]
            size = [n for n, _ in points]
            low, middle, high = zip(*[[q / first["both_s"][1] for q in times] for _, times in points])
            (line,) = panel.plot(size, middle, "o-", markersize=3, label=name, linewidth=2 if name == OURS else 1)
            panel.fill_between(size, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
        limit = [(r["elements"], r["floor_s"] / first["both_s"][1]) for r in mine if r["contestant"] == first["contestant"]]
        panel.plot(*zip(*limit), "k:", linewidth=1, label="limit of the machine")
        panel.set(xscale="log", yscale="log", title=loss, xlabel="elements", ylabel="time, relative")
        panel.legend(fontsize=6)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return path
