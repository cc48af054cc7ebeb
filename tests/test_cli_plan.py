"""``brainseg plan`` and ``brainseg status`` as a new user meets them."""

from pathlib import Path

import pytest

from brainseg.experiments import plan as planning
from tests.data_fixtures import write_dataset
from tests.experiments.test_plan import UNIT
from tests.test_cli_train import Brainseg, Captured, brainseg

__all__ = ["brainseg"]


def test_plan_ends_with_totals_and_status_with_counts(
    brainseg: Brainseg, capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "cost", lambda *_: UNIT)
    chosen = ["corrected", "--scale", "quick", "--data", write_dataset(tmp_path / "data")]
    assert brainseg("plan", *chosen, "--cores", "2") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 4 + 1
    assert lines[-1].startswith("4 trainings, ")
    assert "on 2 cores at most" in lines[-1]
    assert brainseg("status", *chosen) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "4 runs: 0 finished in the store, 0 recorded"


def test_an_unknown_experiment_is_one_line(brainseg: Brainseg, capsys: Captured) -> None:
    for command in ("plan", "status"):
        assert brainseg(command, "everything") == 2
        assert capsys.readouterr().err.startswith("Error: received experiment 'everything', expected one of: ladder")
