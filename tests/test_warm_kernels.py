"""A notebook cannot tell a warm kernel from a fresh one."""

import sys

import nbformat
import pytest
import warm_kernels
from jupyter_client.provisioning import KernelProvisionerFactory
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")

LOOK = """
import os, signal, subprocess, sys
import matplotlib, numpy as np
print(sys.argv[1], sys.path, sys.modules["__main__"].__name__, "lossbook" in sys.modules, os.getcwd())
print(os.getpid() == os.getsid(0) == os.getpgid(0), signal.getsignal(signal.SIGCHLD), signal.getsignal(signal.SIGINT))
print(sorted({*os.environ} - {"LOSSBOOK_HERE"}), os.environ.get("LOSSBOOK_HERE"))
print(subprocess.run(["false"]).returncode, matplotlib.get_backend(), matplotlib.is_interactive(), sys.stdin.read())
"""
DRAW = "import random; print(random.random(), np.random.random())"


@pytest.fixture
def warm(monkeypatch):
    """The plugin at work, with what is imported in a second."""
    factory = KernelProvisionerFactory.instance()
    monkeypatch.setattr(factory, "default_provisioner_name", factory.default_provisioner_name)
    monkeypatch.setattr(warm_kernels, "WARM", ["ipykernel.kernelapp", "matplotlib.pyplot", "numpy.random"])
    warm_kernels.pytest_configure()
    yield
    warm_kernels.pytest_sessionfinish()
    warm_kernels.warm_process.cache_clear()


def outputs(folder, *cells):
    """What the cells of a notebook print, in a kernel of their own."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, kernel_name="python3", coalesce_streams=True).execute(cwd=str(folder))
    return [cell.outputs[0].text for cell in notebook.cells]


def test_a_warm_kernel_is_like_a_fresh_one(tmp_path, monkeypatch, request):
    (fresh,) = outputs(tmp_path, LOOK)
    request.getfixturevalue("warm")
    first, drawn = outputs(tmp_path, LOOK, DRAW)
    assert first == fresh
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setenv("LOSSBOOK_HERE", "1")  # after the warm process has started
    second, drawn_again = outputs(other, LOOK, DRAW)
    assert second == fresh.replace(str(tmp_path), str(other)).replace("] None", "] 1")
    assert not {*drawn.split()} & {*drawn_again.split()}


def test_a_warm_kernel_that_dies_is_missed(tmp_path, warm):
    with pytest.raises(DeadKernelError):
        outputs(tmp_path, "import os; os._exit(1)")
