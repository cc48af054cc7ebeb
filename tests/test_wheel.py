"""The installed package: what it reads of the repository travels with it."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.slow
EXECUTE = """
import jupytext, nbformat, papermill
nbformat.write(jupytext.read("chapter.py", fmt="py:percent"), "chapter.ipynb")
papermill.execute_notebook("chapter.ipynb", "executed.ipynb", kernel_name="python3", progress_bar=False)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package as its wheel has it, away from the repository."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    built = subprocess.run([*pip, "--wheel-dir", folder, REPOSITORY], capture_output=True, text=True)
    if built.returncode and "hatchling" in built.stderr and "No matching distribution" in built.stderr:
        pytest.skip("the build backend cannot be had here, without a network")
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def away(installed: Path, folder: Path, *command: object) -> str:
    """Run Python in a folder, with the installed package; what it printed."""
    environment = os.environ | {"PYTHONPATH": str(installed), "BRAINSEG_WORKSPACE": str(folder / "work")}
    python = [sys.executable, *map(str, command)]
    done = subprocess.run(python, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_installed_package_is_the_one_that_runs(installed: Path, tmp_path: Path) -> None:
    assert away(installed, tmp_path, "-c", "import brainseg; print(brainseg.__file__)").startswith(str(installed))


def test_a_chapter_runs_outside_the_repository(installed: Path, tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "notebooks" / "01_data.py", tmp_path / "chapter.py")
    away(installed, tmp_path, "-c", EXECUTE)
    assert "<td>2,146<" in (tmp_path / "executed.ipynb").read_text(encoding="utf-8")


def test_claims_are_judged_and_networks_answer_outside_the_repository(installed: Path, tmp_path: Path) -> None:
    app = "import sys; from brainseg.cli import app; sys.argv[1:] = {}; app()"
    assert "reproduced" in away(installed, tmp_path, "-c", app.format(["claims"]))
    assert "minutes" in away(installed, tmp_path, "-c", app.format(["plan", "ladder"]))
