"""A verification fails where it should, and its report names what differs: pytest runs as ``make verify`` runs it."""

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

from brainseg.data.dataset import open_dataset
from brainseg.paper.build.chapters import execute_chapter
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


def verify(folder: Path, *arguments: str, **environment: str) -> tuple[int, dict[str, Any]]:
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
    variables = os.environ | environment
    status = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False).returncode
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


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of the repository's files, with the phantom in a workspace of its own."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        target = tmp_path / "repository" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, target)
    phantom = open_dataset("phantom").root
    shutil.copytree(phantom, tmp_path / "workspace" / "data" / phantom.name)
    return tmp_path / "repository"


def test_five_seeded_defects_are_each_named(repository: Path) -> None:
    """A wrong number, a removed output, changed code, a changed image, and a claim that does not hold."""
    notebook = repository / "notebooks" / "01_data.ipynb"
    content = nbformat.read(notebook, as_version=4)
    tables = [
        cell for cell in content.cells if any("text/html" in out.get("data", {}) for out in cell.get("outputs", []))
    ]
    wrong, removed = tables[:2]
    shown = wrong.outputs[0].data
    shown["text/html"] = re.sub(r"<td>(\d)", r"<td>9\1", shown["text/html"], count=1)
    removed.outputs = []
    nbformat.write(content, notebook)

    module = repository / "brainseg" / "plotting" / "dataset.py"
    module.write_text(module.read_text() + "\n\nLEFT_OVER = 1\n")

    workspace = repository.parent / "workspace"
    image = sorted(workspace.rglob("*.jpg"))[0]
    image.write_bytes(image.read_bytes() + b"\0")

    ledger = repository / "book" / "claims.yml"
    claim = r"(id: images-of-other-labels\n(?:  .*\n)*?  published: )\d+"
    ledger.write_text(re.sub(claim, r"\g<1>376", ledger.read_text()))

    chosen = "01_data or phantom or images-of-other-labels"
    places = {"BRAINSEG_WORKSPACE": str(workspace), "PYTHONPATH": str(repository)}
    status, report = verify(repository, "notebooks/01_data.ipynb", "verification", "-k", chosen, **places)
    found = {f"{one['group']}: {one['name']}": one["message"] for one in report["checks"] if not one["passed"]}
    expected = {
        f"01_data: {wrong.id}": "became",
        f"01_data: {removed.id}": "the reference has no such output",
        "references: reference is current and sound: 01_data": "brainseg/plotting/dataset.py has changed",
        "data: files of the phantom are as they were made": f"{image.name} has changed",
        "claims: claim: images-of-other-labels": "not reproduced",
    }
    assert status == 1
    assert found.keys() == expected.keys()
    for name, words in expected.items():
        assert words in found[name]
