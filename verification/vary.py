"""What the same machine gives twice, and what other arithmetic changes: one chapter, its networks trained anew.

Not part of ``make verify``, which it would make half as long again: ``make vary`` runs it, after ``make book``.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from brainseg.data.dataset import default_store, open_dataset
from brainseg.experiments.run import Record
from brainseg.experiments.stored import ANEW
from brainseg.paper.build.reproduced import differences

REPOSITORY = Path(__file__).resolve().parents[1]
CHAPTER, MODEL = "05_deeplab", "deeplab"
MADE = default_store() / "phantom-quick-0"
OTHER_ARITHMETIC = {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_NUM_INTRAOP_THREADS": "2", "OMP_NUM_THREADS": "2"}
"""Another library for convolutions, and sums in another order."""
DICE = {"published": 0.25, "corrected": 0.45}
"""By step: how far the mean Dice of a network may move, as in test_networks.py."""


def run(workspace: Path, *command: object, **environment: str) -> None:
    """Run a command in a workspace that has the phantom and its arrays."""
    phantom = open_dataset("phantom").root
    if not (workspace / "data").is_dir():
        (workspace / "data").mkdir(parents=True)
        (workspace / "data" / phantom.name).symlink_to(phantom)
        (workspace / "prepared").symlink_to(default_store() / "prepared")
    variables = os.environ | {"BRAINSEG_WORKSPACE": str(workspace), "TF_NUM_INTEROP_THREADS": "1"} | environment
    subprocess.run([*map(str, command)], cwd=REPOSITORY, env=variables, check=True)


def trained(workspace: Path, step: str, **environment: str) -> Record:
    """The record of a network that is trained anew."""
    record = workspace / f"{step}.json"
    command = (Path(sys.executable).with_name("brainseg"), "train", MODEL, "--step", step, "--record", record)
    run(workspace, *command, **{ANEW: "1"}, **environment)
    return Record.from_json(record.read_text(encoding="utf-8"))


def executed(workspace: Path, **environment: str) -> Path:
    """The chapter, executed."""
    target = workspace / f"{CHAPTER}.ipynb"
    prepared = default_store() / "prepared" / "phantom-quick.json"
    command = (sys.executable, "-m", "brainseg.paper.build", "execute", f"notebooks/{CHAPTER}.py", target)
    run(workspace, *command, "--prepared", prepared, **environment)
    return target


def test_same_machine_gives_the_same_bytes(tmp_path: Path) -> None:
    for step in DICE:
        trained(tmp_path, step)
    in_the_book = MADE / "book" / "notebooks" / f"{CHAPTER}.ipynb"
    assert executed(tmp_path, **{ANEW: "1"}).read_bytes() == in_the_book.read_bytes()


@pytest.mark.parametrize("step", DICE)
def test_a_network_trained_with_other_arithmetic_is_worth_about_the_same(step: str, tmp_path: Path) -> None:
    here = Record.from_json((MADE / "runs" / f"{MODEL}-{step}-published.json").read_text(encoding="utf-8"))
    assert abs(dice(trained(tmp_path, step, **OTHER_ARITHMETIC)) - dice(here)) < DICE[step]


def dice(record: Record) -> float:
    return float(record.scores.loc[record.scores["split"] == "test", "border_dice"].mean())


def test_stored_networks_answer_within_rounding_in_other_arithmetic(tmp_path: Path) -> None:
    chapter = executed(tmp_path, **OTHER_ARITHMETIC)
    assert differences(chapter, REPOSITORY / "notebooks" / chapter.name, rounding=True) == []
