"""What is recorded is read whole, or not at all."""

import gzip
from dataclasses import replace

import pytest

from brainseg.errors import BrainsegError
from brainseg.experiments import recorded
from brainseg.experiments.matrix import chosen, read_matrix
from brainseg.experiments.recipe import SCALES
from brainseg.fingerprint import resource
from brainseg.models import MODELS


def test_runs_of_an_experiment_are_all_that_it_names() -> None:
    (matrix,) = chosen(["folds"])
    runs = recorded.recorded_runs("folds")
    assert len(runs) == len(matrix.files) == len(MODELS) * 5 * 3
    assert {run.recipe.seed for run in runs} == {0, 1, 2}


def test_maps_and_labels_know_their_network() -> None:
    maps = recorded.recorded_saliency("guided-maps")
    assert maps.scores.groupby(["model", "guidance"])["fold"].nunique().tolist() == 4 * [5]
    assert set(maps.randomisation["model"]) == {"unet", "deeplab"}
    assert recorded.recorded_labels("labels")["model"].unique().tolist() == ["unet", "deeplab"]


def test_networks_at_every_scale_are_as_published_or_corrected_smallest_first() -> None:
    runs = recorded.recorded_at_every_scale()
    sizes = [run.recipe.size for run in runs]
    assert sizes == sorted(sizes)
    assert {run.recipe.training for run in runs} == {"published", "corrected"}
    assert {run.recipe.guidance for run in runs} == {0}


def test_a_result_that_does_not_exist_is_named() -> None:
    with pytest.raises(BrainsegError, match=r"nowhere\.json is missing"):
        recorded.recorded("nowhere")


def test_an_experiment_that_is_not_recorded_is_an_error_that_says_how_to_record_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    matrix = read_matrix() | {"ladder": replace(read_matrix()["ladder"], recorded=False)}
    monkeypatch.setattr(recorded, "read_matrix", lambda: matrix)
    assert not any(run.recipe.size == SCALES["small"].size for run in recorded.recorded_at_every_scale())
    monkeypatch.setattr(recorded, "chosen", lambda names: [replace(matrix["ladder"], scale="full")])
    with pytest.raises(BrainsegError, match="results/tumorseg-full-ladder"):
        recorded.recorded_runs.__wrapped__("ladder")


def test_records_hold_no_place_of_a_machine() -> None:
    for path in (path for path in resource("results").rglob("*") if path.is_file() and path.suffix != ".onnx"):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        assert b"/" not in content.replace(b"1/", b"")


def test_scores_of_an_experiment_are_one_row_per_run_and_image() -> None:
    scores = recorded.recorded_scores("attention")
    assert not scores.duplicated(["run", "number"]).any()
    of_runs = {record.name: record for record in recorded.recorded_runs("attention")}
    assert set(scores["run"]) == set(of_runs)
    for name, rows in scores.groupby("run"):
        record = of_runs[str(name)]
        assert rows["border_dice"].to_list() == pytest.approx(record.scores["border_dice"].to_list(), nan_ok=True)
        assert set(rows["attention"]) == {record.recipe.attention or "none"}


def test_scores_of_maps_are_no_scores_of_runs() -> None:
    with pytest.raises(BrainsegError, match="records saliency, expected one that records runs: ladder, "):
        recorded.recorded_scores("saliency")
