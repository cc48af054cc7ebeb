"""A verification fails where it should, and its report names what differs: pytest runs as ``make verify`` runs it."""

import base64
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from matplotlib.figure import Figure

from brainseg.data.dataset import open_dataset
from brainseg.paper.build.chapters import execute_chapter
from brainseg.paper.build.report import Check, Session, summary
from tests.conftest import REPOSITORY

CHAPTER = """\
# %%
print("Dice 0.713 on 12 images")

# %% mystnb={"figure": {"caption": "A line.", "name": "fig-line"}}
import matplotlib.pyplot as plt
_ = plt.plot([0, 1, 2], [0, 2, 1])

# %% mystnb={"figure": {"caption": "Dots.", "name": "fig-dots"}}
_ = plt.plot([0, 1, 2], [2, 0, 1], "o", markersize=12)

# %% tags=["nbval-ignore-output"]
import os
print(os.getpid())
"""
CHECKS = """\
import pytest

@pytest.mark.parametrize("name", ["one", "two"])
def test_claim(name):
    pass
"""
LOCALLY, ON_WORKERS = (), ("-n", "2", "--dist", "loadscope")
ALL = ("notebooks/01_tiny.ipynb", "verification")

Result = tuple[int, dict[str, Any], str]
"""Of a verification: its exit status, its report, and the report's page."""


def verify(folder: Path, *arguments: str, **environment: str) -> Result:
    """Run pytest as ``make verify`` does."""
    options = ("--nbval", "--nbval-current-env", "-W", "default", "-p", "no:cacheprovider", "--report", "report")
    command = [sys.executable, "-m", "pytest", *options, *arguments]
    done = subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True)
    report, page = ((folder / "report" / name).read_text(encoding="utf-8") for name in ("report.json", "index.html"))
    return done.returncode, json.loads(report), page


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one executed chapter and two claims."""
    folder = tmp_path_factory.mktemp("sound")
    for name in ("notebooks", "verification", "book"):
        (folder / name).mkdir()
    for name in ("notebooks", "verification"):
        shutil.copy(REPOSITORY / name / "conftest.py", folder / name)
    (folder / "lock").touch()
    (folder / "notebooks" / "01_tiny.py").write_text(CHAPTER)
    (folder / "verification" / "test_claims.py").write_text(CHECKS)
    (folder / "book" / "claims.yml").write_text("- id: one\n- id: two\n")
    chapter = folder / "notebooks" / "01_tiny.py"
    execute_chapter(chapter, chapter.with_suffix(".ipynb"), folder / "lock", {})
    return folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    """A copy of it to spoil."""
    return Path(shutil.copytree(sound, tmp_path / "repository"))


@pytest.mark.parametrize("workers", [LOCALLY, pytest.param(ON_WORKERS, marks=pytest.mark.slow)])
def test_what_is_whole_and_agrees_is_reproduced(folder: Path, workers: tuple[str, ...]) -> None:
    status, report, page = verify(folder, *ALL, *workers)
    assert (status, report["verdict"], report["reproduced"], report["missing"]) == (0, "reproduced", True, [])
    assert report["session"] == {"status": 0, "collected": 6, "run": 6, "deselected": 0}
    assert ">Reproduced<" in page


def fail(folder: Path) -> None:
    script = folder / "verification" / "test_claims.py"
    script.write_text(script.read_text().replace("pass", "assert name == 'two'"))


def crash(folder: Path) -> None:
    _edit(folder, lambda cells: cells[1].update(source="import os\nos._exit(1)"))


def skip(folder: Path) -> None:
    _edit(folder, lambda cells: cells[0].metadata.update(tags=["nbval-skip"]))


def drop_a_cell(folder: Path) -> None:
    _edit(folder, lambda cells: cells.pop(2))


def break_collection(folder: Path) -> None:
    (folder / "verification" / "test_claims.py").write_text("import nowhere\n")


def remove_the_notebook(folder: Path) -> None:
    (folder / "notebooks" / "01_tiny.ipynb").unlink()


def add_a_chapter(folder: Path) -> None:
    shutil.copy(folder / "notebooks" / "01_tiny.py", folder / "notebooks" / "02_more.py")


def add_a_claim(folder: Path) -> None:
    with (folder / "book" / "claims.yml").open("a") as ledger:
        ledger.write("- id: three\n")


def empty_the_ledger(folder: Path) -> None:
    (folder / "book" / "claims.yml").write_text("[]\n")


def change_nothing(folder: Path) -> None:
    pass


def _edit(folder: Path, change: Callable[[list[Any]], object]) -> None:
    path = folder / "notebooks" / "01_tiny.ipynb"
    notebook = nbformat.read(path, as_version=4)
    change(notebook.cells)
    nbformat.write(notebook, path)


WRONG: dict[str, tuple[Callable[[Path], None], tuple[str, ...], str]] = {
    "stopped at a failure": (fail, ("-x",), "not reproduced"),
    "kernel crashed": (crash, (), "not reproduced"),
    "cell skipped": (skip, (), "not reproduced"),
    "collection failed": (break_collection, (), "not reproduced"),
    "cell not in the notebook": (drop_a_cell, (), "not verified"),
    "notebook not there": (remove_the_notebook, (), "not verified"),
    "chapter not asked for": (add_a_chapter, (), "not verified"),
    "claim not tested": (add_a_claim, (), "not verified"),
    "no claims": (empty_the_ledger, (), "not verified"),
    "left out by a word": (change_nothing, ("-k", "not two"), "not verified"),
    "left out by name": (change_nothing, ("--deselect", "notebooks/01_tiny.ipynb::Cell 1"), "not verified"),
    "only collected": (change_nothing, ("--collect-only",), "not verified"),
}


@pytest.mark.slow
@pytest.mark.parametrize("workers", [LOCALLY, ON_WORKERS], ids=["locally", "on workers"])
@pytest.mark.parametrize("case", WRONG)
def test_what_is_not_whole_or_does_not_agree_is_not_reproduced(
    folder: Path, case: str, workers: tuple[str, ...]
) -> None:
    spoil, options, verdict = WRONG[case]
    spoil(folder)
    status, report, page = verify(folder, *ALL, *workers, *options)
    assert status != 0
    assert (report["verdict"], report["reproduced"]) == (verdict, False)
    assert ">Reproduced<" not in page
