"""Estimates and states of an experiment's trainings."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from brainseg.data.prepare import Prepared, prepare
from brainseg.errors import BrainsegError
from brainseg.experiments import plan as planning
from brainseg.experiments.ladder import recipe_at
from brainseg.experiments.matrix import Matrix, read_matrix
from brainseg.experiments.plan import Cost, State, cost, makespan, plan, seconds_and_memory, state, status, totals
from brainseg.experiments.recipe import Scale, published, scale_named
from brainseg.experiments.train import run_name
from tests.data_fixtures import write_dataset

QUICK = scale_named("quick")
UNIT = Cost(start=10, step=2, validation=1, augmentation=0.5, prediction=0.1, memory_mb=1000)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data"))


@pytest.fixture
def workspace(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("BRAINSEG_WORKSPACE", str(tmp_path))
    return tmp_path


@pytest.fixture
def prepared(root: Path, workspace: Path) -> Prepared:
    return prepare(root, QUICK.size, workspace / "prepared")


@pytest.fixture
def matrix() -> Matrix:
    return replace(read_matrix()["ladder"], scale="quick", models=("unet",), steps=("corrected", "processed"))


def test_an_estimate_adds_up_what_was_measured(prepared: Prepared) -> None:
    """Five images to train on in batches of four, two to validate on, nine in all; published has no augmentation."""
    plain = replace(UNIT, augmentation=0)
    seconds, memory = seconds_and_memory(published("unet", QUICK), prepared, plain)
    assert seconds == pytest.approx(10 + 30 * (2 * 2 + 1) + 9 * 0.1)
    assert memory == pytest.approx(1000 + 9 * 64 * 64 * 9 / 1e6)
    rest, _ = seconds_and_memory(published("unet", QUICK), prepared, plain, done=28)
    assert rest == pytest.approx(10 + 2 * (2 * 2 + 1) + 9 * 0.1)
    few = replace(published("unet", QUICK), images_per_epoch=3)
    assert seconds_and_memory(few, prepared, UNIT)[0] == pytest.approx(10 + 30 * (2 + 1 + 3 * 0.5) + 9 * 0.1)


def test_a_cost_is_measured_once_for_what_computes_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipe_at("corrected", "deeplab", Scale("tiny", 16, 2, 2))
    measured = cost(recipe, tmp_path)
    assert min(measured.start, measured.step, measured.validation, measured.augmentation, measured.prediction) > 0
    assert 100 < measured.memory_mb < 10_000
    monkeypatch.setattr("subprocess.run", None)
    assert cost(replace(recipe, seed=5, scale_epochs=9), tmp_path) == measured


def test_a_step_that_cannot_be_measured_says_why(tmp_path: Path) -> None:
    with pytest.raises(BrainsegError, match="a step of unet at 20 pixels and width 2 could not be measured"):
        cost(published("unet", Scale("odd", 20, 2, 2)), tmp_path)


def test_a_state_is_read_from_the_run_folder(prepared: Prepared, workspace: Path) -> None:
    recipe, store = published("unet", QUICK), workspace / "runs"
    folder = store / run_name(recipe, prepared)
    folder.mkdir(parents=True)
    assert state(recipe, prepared, store) == State(0)
    np.savez(folder / "state.npz", history=json.dumps([{}, {}]))
    assert state(recipe, prepared, store) == State(2)
    with FileLock(store / f"{folder.name}.lock"):
        assert state(recipe, prepared, store) == State(2, busy=True)
    assert state(recipe, prepared, store) == State(2)
    (folder / "run.json").touch()
    assert state(recipe, prepared, store) == State(None)


def test_a_training_that_two_steps_share_is_planned_once(
    root: Path, workspace: Path, matrix: Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "cost", lambda *_: UNIT)
    table = plan([matrix], root)
    assert table["state"].tolist() == ["not begun", "shares a training"]
    assert table["epochs"].tolist() == [QUICK.epochs, 0]
    assert table["minutes"].iloc[0] > 0 == table["minutes"].iloc[1]
    assert totals(table, 2).startswith("1 trainings, ")


def test_status_tells_store_and_results_apart(root: Path, workspace: Path, matrix: Matrix) -> None:
    assert status([matrix], None)["state"].tolist() == ["unknown", "unknown"]
    table = status([matrix], root)
    assert table["state"].tolist() == ["not begun", "not begun"]
    assert table["recorded"].tolist() == ["no", "no"]
    assert set(status([read_matrix()["ladder"]], None)["recorded"]) == {"yes"}


def test_workers_share_the_work() -> None:
    assert makespan([], 2) == 0
    assert makespan([5, 1, 1, 1], 2) == 5
    assert makespan([1, 1, 1], 1) == 3
