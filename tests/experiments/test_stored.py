"""Networks that come with the repository: found by what decides them, bit for bit, and refused when damaged."""

import json
from pathlib import Path

import numpy as np
import pytest

from brainseg.data.prepare import Prepared, prepare
from brainseg.errors import BrainsegError
from brainseg.experiments import stored
from brainseg.experiments import train as training
from brainseg.experiments.ladder import recipe_at
from brainseg.experiments.recipe import Scale
from brainseg.experiments.run import Run
from brainseg.experiments.train import train
from tests.data_fixtures import write_dataset

TINY = Scale("tiny", 32, 2, 3, epochs=2)
RECIPE = recipe_at("published", "segnet", TINY)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    root = write_dataset(tmp_path_factory.mktemp("data"))
    return prepare(root, TINY.size, root / "prepared")


@pytest.fixture(scope="module")
def run(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(RECIPE, prepared, tmp_path_factory.mktemp("runs"))


@pytest.fixture
def repository(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that holds the run's network."""
    monkeypatch.setattr(stored, "resource", lambda name: tmp_path / name)
    monkeypatch.delenv(stored.ANEW, raising=False)
    stored.keep(run, tmp_path / stored.FOLDER)
    return tmp_path / stored.FOLDER


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("trained")

    monkeypatch.setattr(training, "fit", fail)


@pytest.mark.usefixtures("repository", "no_training")
def test_a_stored_network_is_found_and_answers_bit_for_bit(run: Run, prepared: Prepared, tmp_path: Path) -> None:
    again = train(RECIPE, prepared, tmp_path / "runs")
    assert again.name == run.name
    for one, other in zip(again.model.get_weights(), run.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(again.probability, run.probability)
    assert again.history.equals(run.history)
    assert again.provenance == run.provenance


@pytest.mark.usefixtures("repository", "no_training")
def test_where_asked_for_or_where_something_else_decides_it_is_trained(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AssertionError, match="trained"):
        train(recipe_at("published", "segnet", TINY, seed=1), prepared, tmp_path / "runs")
    monkeypatch.setenv(stored.ANEW, "1")
    with pytest.raises(AssertionError, match="trained"):
        train(RECIPE, prepared, tmp_path / "runs")


def test_a_damaged_network_is_refused(run: Run, prepared: Prepared, repository: Path, tmp_path: Path) -> None:
    file = repository / f"{run.name}.json"
    about = json.loads(file.read_text())
    about["provenance"]["weights"]["rounded"] = "0" * 64
    file.write_text(json.dumps(about))
    with pytest.raises(BrainsegError, match=f"{run.name}.onnx is damaged"):
        train(RECIPE, prepared, tmp_path / "runs")


def test_weights_of_another_recipe_are_refused(run: Run) -> None:
    weights = {f"layer_{i}": weight for i, weight in enumerate(run.model.get_weights())}
    with pytest.raises(BrainsegError, match="weights do not fit the recipe of SegNet with 32 pixels and width 2"):
        stored.restored(RECIPE, weights)
