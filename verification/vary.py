"""What the same machine gives twice, and what other arithmetic changes: one chapter, its networks trained anew.

Not part of ``make verify``, which it would make half as long again: ``make vary`` runs it, after ``make book``.
"""

import os
import subprocess
import sys
from pathlib import Path

import nbformat

from brainseg.data.dataset import default_store, open_dataset
from brainseg.experiments.stored import ANEW
from brainseg.paper.build.agreement import compare

REPOSITORY = Path(__file__).resolve().parents[1]
CHAPTER, MODEL = "05_deeplab", "deeplab"
IN_THE_BOOK = default_store() / "phantom-quick-0" / "book" / "notebooks" / f"{CHAPTER}.ipynb"
OTHER_ARITHMETIC = {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_NUM_INTRAOP_THREADS": "2", "OMP_NUM_THREADS": "2"}
"""Another library for convolutions, and sums in another order."""


def executed(workspace: Path, **environment: str) -> Path:
    """The chapter, executed in a workspace that has the phantom, after its networks were trained there."""
    phantom = open_dataset("phantom").root
    (workspace / "data").mkdir(parents=True)
    (workspace / "data" / phantom.name).symlink_to(phantom)
    store = {"BRAINSEG_WORKSPACE": str(workspace), ANEW: "1"}
    variables = os.environ | store | {"TF_NUM_INTEROP_THREADS": "1"} | environment

    def run(*command: object) -> None:
        subprocess.run([*map(str, command)], cwd=REPOSITORY, env=variables, check=True)

    for step in ("published", "corrected"):
        run(Path(sys.executable).with_name("brainseg"), "train", MODEL, "--step", step)
    target = workspace / f"{CHAPTER}.ipynb"
    prepared = default_store() / "prepared" / "phantom-quick.json"
    execute = (sys.executable, "-m", "brainseg.paper.build", "execute")
    run(*execute, f"notebooks/{CHAPTER}.py", target, "--prepared", prepared)
    return target


def test_same_machine_gives_the_same_bytes(tmp_path: Path) -> None:
    assert executed(tmp_path / "again").read_bytes() == IN_THE_BOOK.read_bytes()


def test_other_arithmetic_stays_within_the_tolerances(tmp_path: Path) -> None:
    cells = nbformat.read(executed(tmp_path / "varied", **OTHER_ARITHMETIC), as_version=4).cells
    references = nbformat.read(REPOSITORY / "notebooks" / f"{CHAPTER}.ipynb", as_version=4).cells
    found = {
        reference.id: compare(reference.outputs, cell.outputs, cell.metadata.get("tags", []), exact=False)
        for reference, cell in zip(references, cells, strict=True)
        if cell.cell_type == "code"
    }
    differences = [f"{name}: {one.message}" for name, compared in found.items() for one in compared if not one.agrees]
    assert differences == []
