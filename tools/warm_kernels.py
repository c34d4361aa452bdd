"""Notebook kernels that start warm: `pytest -p tools.warm_kernels --nbval --nbval-current-env book`.

A kernel spends five to eight seconds on importing torch, SymPy, Matplotlib and SciPy, and the book needs fifty kernels. With this
plugin one process imports them, and lossbook, and every kernel is a fork of it, with a folder, an environment and random numbers
of its own. Without the plugin everything works the same, only slower.
"""

import contextlib
import functools
import gc
import importlib
import io
import json
import os
import runpy
import signal
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

# What most notebooks import, themselves or with their first call. None of it starts a thread, which would not survive a fork.
WARM = ["ipykernel.kernelapp", "matplotlib.pyplot", "matplotlib.backends.backend_svg", "numpy", "array_api_compat.numpy"]
WARM += ["scipy.optimize", "scipy.special", "scipy.stats", "sympy", "sympy.physics.units", "sympy.tensor.tensor"]
WARM += ["torch", "torch._dynamo", "array_api_compat.torch", "sklearn.linear_model", "sklearn.metrics", "statsmodels.api"]
WARM += [f"lossbook.{name}" for name in ("check", "data", "derive", "exercises", "nn", "plot", "train")]
sys.modules.setdefault("rfc3987_syntax", None)  # no notebook needs it, and jsonschema would take three seconds over it
INLINE = "module://matplotlib_inline.backend_inline"  # a kernel sets it before anything imports Matplotlib


# ---- in the warm process ----


def serve(names):
    """Import these modules, then fork a kernel for every request on standard input, until that closes."""
    del sys.path[0]  # the folder of this file: a kernel does not see it
    os.environ.setdefault("MPLBACKEND", INLINE)
    for name in names:
        importlib.import_module(name)
    if "lossbook.plot" in names:
        draw()
    gc.freeze()  # no kernel need look for garbage in what was imported
    signal.signal(signal.SIGCHLD, reap)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            return become_kernel(**json.loads(line))
        print(pid, flush=True)
    os._exit(0)  # taking apart what was imported would take seconds


def draw():
    """A figure with a formula, thrown away: the first one of a process looks for fonts and sets up the parser of formulas."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from lossbook.plot import STYLE

    with mpl.rc_context(STYLE):
        figure = Figure(layout="constrained")
        figure.subplots().set_xlabel("$x^2$")
        figure.savefig(io.StringIO(), format="svg")


def reap(*_):
    """Let go of the kernels that have ended; until then their ids would look alive."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def become_kernel(command, folder, environment):
    """Turn this fork into what `command`, python -m ipykernel_launcher ..., would have started."""
    import numpy as np

    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.environ.clear()
    os.environ.update(environment, JPY_PARENT_PID=str(os.getppid()))
    os.chdir(folder)
    np.random.seed()  # noqa: NPY002 - random.seed() happens by itself, and torch starts every process with the same seed
    sys.argv = command[2:]
    runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)


# ---- in pytest ----


class Fork:
    """A forked kernel, with as much of subprocess.Popen as jupyter_client uses."""

    stdin = stdout = stderr = None

    def __init__(self, pid):
        self.pid = pid

    def send_signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def poll(self):
        try:
            return self.send_signal(0)  # None while the process is there
        except ProcessLookupError:
            return 0

    wait = poll  # jupyter_client waits once poll() has said that the process is gone


@functools.cache
def warm_process():
    """One for each worker of pytest-xdist; it ends when its worker closes the pipe, or ends itself."""
    return subprocess.Popen([sys.executable, __file__, *WARM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


class WarmProvisioner(LocalProvisioner):
    async def launch_kernel(self, cmd, *, cwd=None, env=None, **kwargs):
        self.cwd = cwd or Path.cwd()
        warm = warm_process()
        print(json.dumps({"command": cmd, "folder": str(self.cwd), "environment": env}), file=warm.stdin, flush=True)
        self.process = Fork(int(warm.stdout.readline()))
        self.pid = self.pgid = self.process.pid
        return self.connection_info


def pytest_configure():
    if sys.platform != "linux":  # elsewhere a fork does not survive everything that is imported here
        return
    factory = KernelProvisionerFactory.instance()
    factory.provisioners["warm"] = EntryPoint("warm", f"{__name__}:{WarmProvisioner.__name__}", factory.GROUP_NAME)
    factory.default_provisioner_name = "warm"


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish():
    if warm_process.cache_info().currsize:
        warm_process().communicate()


if __name__ == "__main__":
    serve(sys.argv[1:])
