"""A verification fails where it should, and its report names what differs: pytest runs as ``make verify`` runs it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from brainseg.book.chapters import execute_chapter
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


def leave(cells: list[Any]) -> None:
    """Change nothing."""


def tamper(cells: list[Any]) -> None:
    cells[0].outputs[0].text = cells[0].outputs[0].text.replace("0.713", "0.731")


def empty(cells: list[Any]) -> None:
    cells[0].outputs = []


def swap(cells: list[Any]) -> None:
    cells[1].outputs, cells[2].outputs = cells[2].outputs, cells[1].outputs


def blank(cells: list[Any]) -> None:
    """Leave the picture of an empty plot."""
    import base64
    import io

    from matplotlib.figure import Figure

    file = io.BytesIO()
    figure = Figure()
    figure.subplots()
    figure.savefig(file, format="png")
    cells[1].outputs[0].data["image/png"] = base64.b64encode(file.getvalue()).decode()


DEFECTS: dict[str, tuple[Callable[[list[Any]], None], dict[str, str]]] = {
    "sound": (leave, {}),
    "tampered": (tamper, {"cell-01": "stdout: 0.731 became 0.713; 0.001 is allowed"}),
    "emptied": (empty, {"cell-01": "stdout: the reference has no such output"}),
    "swapped": (swap, {"cell-02": "image/png: the pictures differ", "cell-03": "image/png: the pictures differ"}),
    "blank": (blank, {"cell-02": "image/png: the pictures differ"}),
}


def verify(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run pytest as ``make verify`` does; gives its exit status and the report."""
    options = [
        "--nbval",
        "--nbval-current-env",
        "-W",
        "default",
        "-p",
        "no:cacheprovider",
        "-n",
        "2",
        "--dist",
        "loadscope",
    ]
    command = [sys.executable, "-m", "pytest", *options, "--report", "report", *arguments]
    status = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).returncode
    return status, json.loads((folder / "report" / "report.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, Any], str]:
    """The verification of five copies of a notebook, four of which have a defect: exit status, report, its page."""
    folder = tmp_path_factory.mktemp("copies")
    for name in ("notebooks", "verification"):
        (folder / name).mkdir()
        shutil.copy(REPOSITORY / name / "conftest.py", folder / name)
    (folder / "lock").touch()
    (folder / "chapter.py").write_text(CHAPTER)
    target = folder / "notebooks" / "sound.ipynb"
    execute_chapter(folder / "chapter.py", target, folder / "lock", {})
    for name, (damage, _) in DEFECTS.items():
        notebook = nbformat.read(target, as_version=4)
        damage(notebook.cells)
        nbformat.write(notebook, target.with_stem(name))
    notebooks = [f"notebooks/{name}.ipynb" for name in DEFECTS]
    status, report = verify(folder, *notebooks, "verification")
    return status, report, (folder / "report" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DEFECTS)
def test_every_defect_is_found_and_nothing_else(verified: tuple[int, dict[str, Any], str], name: str) -> None:
    _, report, page = verified
    found = {one["name"]: one["message"] for one in report["checks"] if one["group"] == name and not one["passed"]}
    expected = DEFECTS[name][1]
    assert found.keys() == expected.keys()
    for cell, message in expected.items():
        assert found[cell].startswith(message)
        assert f"{name}, {cell}" in page


def test_the_verdict_the_counts_and_the_cells_left_out_are_in_the_report(
    verified: tuple[int, dict[str, Any], str],
) -> None:
    status, report, page = verified
    assert status == 1
    assert report["reproduced"] is False
    assert report["groups"]["sound"] | {"seconds": 0} == {
        "passed": 4,
        "failed": 0,
        "compared": 5,
        "ignored": 1,
        "largest": 0,
        "seconds": 0,
    }
    assert report["ignored"] == [f"{name}, cell-04" for name in sorted(DEFECTS)]
    assert "Not reproduced: 5 checks failed" in page
    assert "data:image/png;base64," in page
