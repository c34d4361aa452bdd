"""The README keeps its promises: its code prints what it says, its picture is the book's, its links exist."""

import re
import subprocess
import sys
from pathlib import Path

from readme_picture import PICTURE, picture

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_code_prints_what_the_readme_says():
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (said,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == (said, "")
    assert len(code.splitlines()) == 10


def test_the_picture_is_the_first_figure_of_the_book():
    svg, alt = picture()
    assert PICTURE.read_text(encoding="utf-8") == svg, "`make picture` copies it"
    assert f"![{alt}](book/images/{PICTURE.name})" in README


def test_links_to_files_exist():
    for page in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE-text.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text(encoding="utf-8")):
            assert (ROOT / target).exists(), f"{page}: {target}"


def test_versions_agree():
    found = {}
    for file in ("pyproject.toml", "CITATION.cff"):
        found[file] = re.search(r'^version\s*[=:]\s*"?([\d.]+)', (ROOT / file).read_text(), re.MULTILINE)[1]
    assert len(set(found.values())) == 1, found
    assert f"## {found['pyproject.toml']} " in (ROOT / "CHANGELOG.md").read_text()


def test_jupyterlab_renders_the_prose():
    """Admonitions and roles need jupyterlab-myst; JupyterLab leaves an extension out that does not fit, and says so only here."""
    # `jupyter labextension list`, without the grammars that tests/conftest.py leaves out
    code = "import sys; sys.modules['rfc3987_syntax'] = None; from jupyterlab.labextensions import main; main(['list'])"
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (line,) = [line for line in listed.stderr.splitlines() if line.strip().startswith("jupyterlab-myst v")]
    assert "OK" in line, listed.stderr
