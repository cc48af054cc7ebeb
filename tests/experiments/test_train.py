"""Training: repeatable, resumable, found again; and the study's protocol in what it sees."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, log_loss

from brainseg.backend import keras
from brainseg.data.prepare import Prepared, prepare
from brainseg.errors import BrainsegError
from brainseg.experiments import fit as fitting
from brainseg.experiments import run as storing
from brainseg.experiments import train as training
from brainseg.experiments.batches import Batches
from brainseg.experiments.fit import DicePerImage, stopped
from brainseg.experiments.ladder import recipe_at
from brainseg.experiments.recipe import CORRECTED, TRAININGS, Recipe, Scale, Training
from brainseg.experiments.rows import label_rows, split_rows
from brainseg.experiments.run import Record, Run
from brainseg.experiments.scoring import score_answers
from brainseg.experiments.train import examples_of, run_name, train
from brainseg.fingerprint import PACKAGE, code_fingerprint, source_files
from brainseg.models import as_input
from brainseg.models.predict import predict
from brainseg.paper.tables import scores_on_test, summary
from brainseg.scores.published import published_scores
from tests.data_fixtures import write_dataset

TINY = Scale("tiny", 32, 2, 3)
HALF = 0.002
"""What kernels rounded to half precision, a part in 2048, may change of a metric."""
DEALING = 3
"""A fold in which labels move among the training images and among the validation images."""
SCRIPT = """
import sys
from pathlib import Path
from brainseg.data.prepare import prepare
from brainseg.experiments.ladder import recipe_at
from brainseg.experiments.recipe import Scale
from brainseg.experiments.train import train
root, work, store = map(Path, sys.argv[1:])
train(recipe_at("published", "unet", Scale("tiny", 32, 2, 3)), prepare(root, 32, work), store)
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def prepared(root: Path) -> Prepared:
    return prepare(root, TINY.size, root / "prepared")


@pytest.fixture(scope="module")
def run(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(recipe_at("published", "unet", TINY), prepared, tmp_path_factory.mktemp("runs"))


def weights(folder: Path) -> list[np.ndarray]:
    return list(keras.saving.load_model(folder / "model.keras", compile=False).get_weights())


def test_a_run_holds_what_it_promises(run: Run, prepared: Prepared) -> None:
    assert list(run.history.columns) == [
        "epoch",
        *("loss", "accuracy", "mean_iou", "dice", "dice_per_image"),
        *("val_loss", "val_accuracy", "val_mean_iou", "val_dice", "val_dice_per_image"),
    ]
    assert run.history["epoch"].tolist() == list(range(1, len(run.history) + 1))
    assert run.probability.shape == (len(prepared.table), TINY.size, TINY.size)
    assert run.provenance["data"] == prepared.fingerprint
    assert not (run.folder / "state.npz").exists()


def test_scores_are_those_of_the_models_masks(run: Run, prepared: Prepared) -> None:
    again = run.model.predict(as_input(np.asarray(prepared.images)), verbose=0)[..., 0]
    np.testing.assert_allclose(again, run.probability, atol=1e-5)
    assert run.scores["number"].tolist() == prepared.table["number"].tolist()
    for i, found in enumerate(run.scores["dice"]):
        truth, predicted = prepared.masks["position"][i], run.probability[i] > 0.5
        if truth.any() or predicted.any():
            assert found == pytest.approx(f1_score(truth.ravel(), predicted.ravel(), zero_division=0))
        else:
            assert np.isnan(found)


def test_the_last_validation_metrics_are_those_of_the_kept_weights(run: Run, prepared: Prepared) -> None:
    rows = prepared.rows("valid")
    scores = published_scores(run.probability[rows], prepared.masks["position"][rows], TINY.batch_size)
    last = run.history.iloc[-1]
    for metric, found in scores.items():
        assert last[f"val_{metric}"] == pytest.approx(found, abs=HALF)
    probability = np.clip(run.probability[rows].astype(float), 1e-7, 1 - 1e-7)
    truth = prepared.masks["position"][rows]
    assert last["val_loss"] == pytest.approx(log_loss(truth.ravel(), probability.ravel()), abs=HALF)


def test_kernels_are_exact_in_half_precision_and_nearly_what_was_trained(run: Run) -> None:
    kernels = [weight for weight in run.model.get_weights() if weight.ndim > 1]
    assert all((kernel == kernel.astype(np.float16)).all() for kernel in kernels)
    vectors = [weight for weight in run.model.get_weights() if weight.ndim == 1]
    assert any((vector != vector.astype(np.float16)).any() for vector in vectors)
    made = run.provenance["weights"]
    assert made["rounded"] == fitting.digest(run.model.get_weights()) != made["trained"]


def test_a_finished_run_is_found_and_not_trained_again(
    run: Run, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(training, "fit", fail)
    assert train(run.recipe, prepared, run.folder.parent).folder == run.folder


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_to_the_same_weights(run: Run, root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(root), str(root / "prepared"), str(tmp_path)]
    state = tmp_path / run.folder.name / "state.npz"
    with subprocess.Popen(command, stderr=subprocess.PIPE) as first:
        deadline = time.monotonic() + 120
        while first.poll() is None and not state.exists() and time.monotonic() < deadline:
            time.sleep(0.005)
        first.send_signal(signal.SIGKILL)
    assert first.returncode == -signal.SIGKILL, "the run was over before it could be killed"
    with np.load(state) as stored:
        epochs = len(json.loads(str(stored["history"])))
    assert 0 < epochs < len(run.history)
    subprocess.run(command, check=True, capture_output=True)
    for resumed, whole in zip(weights(state.parent), weights(run.folder), strict=True):
        np.testing.assert_array_equal(resumed, whole)
    pd.testing.assert_frame_equal(pd.read_csv(state.parent / "history.csv"), run.history, check_exact=True)


class Killed(BaseException):
    """What no code of the package catches."""


MOMENTS = ("within an epoch", "with half a state", "before the state is renamed", "with half a run")


@pytest.mark.slow
def test_a_corrected_run_that_ends_at_every_bad_moment_goes_on_to_the_same_weights(
    prepared: Prepared, tmp_path: Path
) -> None:
    """Dropout, augmentation, batch normalisation and a schedule have states too.

    Each start goes on from where the last one ended, and the epochs are counted from there.
    """
    recipe = recipe_at("corrected", "deeplab", Scale("tiny", 32, 2, 1, epochs=8))
    whole = train(recipe, prepared, tmp_path / "whole")
    store = tmp_path / "killed"
    folder, epochs = store / whole.folder.name, []
    for moment in MOMENTS:
        with pytest.MonkeyPatch.context() as patch:
            kill(moment, patch)
            with pytest.raises(Killed):
                train(recipe, prepared, store)
        with np.load(folder / "state.npz") as stored:
            epochs.append(len(json.loads(str(stored["history"]))))
        assert not (folder / "run.json").exists()
    assert epochs == [2, 3, 4, 8]
    resumed = train(recipe, prepared, store)
    for ours, theirs in zip(weights(folder), weights(whole.folder), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(resumed.probability, whole.probability)
    pd.testing.assert_frame_equal(resumed.history, whole.history, check_exact=True)
    pd.testing.assert_frame_equal(resumed.scores, whole.scores, check_exact=True)


def kill(moment: str, patch: pytest.MonkeyPatch) -> None:
    """Let the second epoch from now, or the end of the training, be the last moment."""
    epoch, save = 0, np.savez

    class Dying(Batches):
        def __getitem__(self, index: int) -> Any:
            if moment == "within an epoch" and epoch == 2 and index == 1:
                raise Killed
            return super().__getitem__(index)

    def savez(path: Path, **arrays: object) -> None:
        nonlocal epoch
        epoch += 1
        save(path, **arrays)  # type: ignore[arg-type]
        if moment == "with half a state" and epoch == 2:
            os.truncate(path, path.stat().st_size // 2)
            raise Killed
        if moment == "before the state is renamed" and epoch == 2:
            raise Killed

    def half(*_: object, **__: object) -> None:
        raise Killed

    patch.setattr(fitting, "Batches", Dying)
    patch.setattr(np, "savez", savez)
    if moment == "with half a run":
        patch.setattr(pd.DataFrame, "to_csv", half)


def named(recipe: Recipe, prepared: Prepared) -> str:
    return run_name(recipe, examples_of(recipe, prepared))


def test_a_name_changes_with_recipe_and_arrays_and_not_with_where_these_are_from(prepared: Prepared) -> None:
    recipe = recipe_at("published", "unet", TINY)
    brighter = replace(prepared, images=np.asarray(prepared.images) | np.uint8(1))
    other_mask = replace(prepared, masks={**prepared.masks, "border": 1 - np.asarray(prepared.masks["border"])})
    moved = replace(prepared, folder=prepared.folder.with_name("other"), fingerprint="another")
    name = named(recipe, prepared)
    assert named(replace(recipe, seed=1), prepared) != name
    assert named(recipe, brighter) != name
    assert named(recipe, other_mask) == name, "the published training does not see the borders"
    assert named(recipe, moved) == name


def test_what_reads_the_data_and_what_scores_an_answer_does_not_decide_weights() -> None:
    decides = {path.relative_to(PACKAGE).as_posix() for path in source_files("brainseg.experiments.fit")}
    assert {"models/unet.py", "models/losses.py", "experiments/batches.py", "backend.py"} <= decides
    others = ("data/", "scores/m", "scores/p", "scores/s", "saliency/", "plotting/", "app/", "paper/", "cli.py")
    assert [path for path in decides if path.startswith(others) and path != "data/__init__.py"] == []


def test_a_new_score_trains_nothing_anew_and_is_there(
    run: Run, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scored(*given: Any) -> pd.DataFrame:
        return score_answers(*given).assign(new=1.0)

    def changed(paths: Iterable[Path]) -> str:
        paths = list(paths)
        edited = any(path.name == "scoring.py" for path in paths)
        return code_fingerprint(paths) + ("edited" if edited else "")

    before = run.folder.stat().st_mtime_ns
    scored.__module__ = score_answers.__module__
    monkeypatch.setattr(storing, "score_answers", scored)
    monkeypatch.setattr(storing, "code_fingerprint", changed)
    storing.code_of.cache_clear()
    monkeypatch.setattr(training, "fit", None)
    again = train(run.recipe, prepared, run.folder.parent)
    storing.code_of.cache_clear()
    assert (again.scores["new"] == 1).all()
    assert again.answers == run.answers
    assert before <= run.folder.stat().st_mtime_ns


def test_a_run_answers_changed_images_without_another_training(
    run: Run, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only images of the test split change, which no training has seen."""
    images = np.array(prepared.images)
    images[prepared.rows("test")] = 0
    before = np.array(run.probability)  # read now: a run keeps the answers to the images that were asked for last
    monkeypatch.setattr(training, "fit", None)
    again = train(run.recipe, replace(prepared, images=images), run.folder.parent)
    assert again.folder == run.folder
    seen = np.concatenate([prepared.rows("train"), prepared.rows("valid")])
    np.testing.assert_array_equal(again.probability[seen], before[seen])
    assert (again.probability[prepared.rows("test")] != before[prepared.rows("test")]).any()


def test_validation_is_the_valid_split_or_the_end_of_the_training_list(prepared: Prepared) -> None:
    rows, validation = split_rows(recipe_at("published", "unet", TINY), prepared)
    assert set(prepared.table["split"].iloc[rows]) == {"train"}
    assert set(prepared.table["split"].iloc[validation]) == {"valid"}
    rows, validation = split_rows(recipe_at("published", "segnet", TINY), prepared)
    assert (rows.tolist(), validation.tolist()) == ([0, 1, 2, 3], [4])


@pytest.mark.parametrize(
    ("losses", "stop"),
    [([], False), ([1], False), ([1, 2, 3], True), ([1, 2, 0.5], False), ([2, 1, 1, 1], True), ([1, 2], False)],
)
def test_stopping_waits_for_an_improvement(losses: list[float], stop: bool) -> None:
    history = [{"val_loss": loss} for loss in losses]
    assert stopped(history, Training(epochs=9, patience=2)) is stop
    assert not stopped(history, Training(epochs=9, patience=None))


def test_stopping_on_dice_waits_for_a_rise() -> None:
    history = [
        {"val_loss": loss, "val_dice_per_image": dice} for loss, dice in ((1, 0.2), (2, 0.4), (3, 0.4), (4, 0.3))
    ]
    assert stopped(history, Training(epochs=9, patience=2, monitor="dice"))
    assert not stopped(history[:3], Training(epochs=9, patience=2, monitor="dice"))


@pytest.fixture(scope="module")
def corrected(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A corrected training without mirroring, so that its predictions are those that it was validated with."""
    plain = replace(CORRECTED, epochs=12, learning_rate=0.03, mirrored=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TRAININGS, "corrected", {"unet": plain})  # type: ignore[call-overload]
        yield train(recipe_at("corrected", "unet", TINY), prepared, tmp_path_factory.mktemp("runs"))


def test_the_corrected_training_keeps_the_weights_of_its_best_epoch(corrected: Run) -> None:
    followed = corrected.history["val_dice_per_image"]
    best = followed.max()
    assert best > followed.iloc[-1] + 0.001, "the last epoch is the best: this run cannot tell the two apart"
    kept = corrected.scores.loc[corrected.scores["split"] == "valid", "dice"]
    assert kept.mean() == pytest.approx(best, abs=HALF)


def test_the_corrected_training_sees_no_patient_of_the_test_split(corrected: Run, prepared: Prepared) -> None:
    seen = np.concatenate(split_rows(corrected.recipe, prepared))
    patients = prepared.table["patient"]
    assert not set(patients.iloc[seen]) & set(patients[corrected.scores["split"] == "test"])


def test_borders_are_not_learnt_from_an_image_without_one(prepared: Prepared) -> None:
    table = prepared.table.copy()
    table.loc[0, "flags"] = "no_border"
    incomplete = replace(prepared, table=table)
    labels = {name: split_rows(recipe_at(name, "unet", TINY), incomplete)[0] for name in ("paired", "borders")}
    assert 0 in labels["paired"]
    assert 0 not in labels["borders"]


def test_shuffled_labels_are_dealt_out_within_training_and_within_validation(prepared: Prepared) -> None:
    recipe = recipe_at("corrected", "unet", TINY, fold=DEALING)
    own, shuffled = (label_rows(each, prepared) for each in (recipe, replace(recipe, pairing="shuffled")))
    everywhere = np.arange(len(prepared.table))
    np.testing.assert_array_equal(own, everywhere)
    moved = np.zeros(len(everywhere), bool)
    for part in split_rows(recipe, prepared):
        assert set(shuffled[part]) == set(part)
        assert (shuffled[part] != part).any()
        moved[part] = True
    np.testing.assert_array_equal(shuffled[~moved], own[~moved])


def test_a_training_is_given_the_labels_that_were_dealt_out(prepared: Prepared) -> None:
    """As if the masks had lain in that order, and unlike the order in which they lie."""
    recipe = recipe_at("corrected", "unet", TINY, fold=DEALING)
    shuffled = replace(recipe, pairing="shuffled")
    border = np.random.default_rng(0).integers(0, 2, prepared.images.shape, np.uint8)
    mixed = replace(prepared, masks={**prepared.masks, "border": border})
    laid_so = replace(prepared, masks={**prepared.masks, "border": border[label_rows(shuffled, prepared)]})
    dealt = examples_of(shuffled, mixed).fingerprint
    assert dealt == examples_of(recipe, laid_so).fingerprint != examples_of(recipe, mixed).fingerprint


def test_recipes_that_differ_after_training_share_a_run(run: Run, prepared: Prepared) -> None:
    assert named(replace(run.recipe, scoring="per_image").trained, prepared) == run.folder.name


def test_mirrored_predictions_follow_the_image(run: Run, prepared: Prepared) -> None:
    images = np.asarray(prepared.images[:2])
    straight = predict(run.model, images, mirrored=True)
    for axes in ((1,), (2,), (1, 2)):
        turned = predict(run.model, np.flip(images, axes), mirrored=True)
        np.testing.assert_allclose(np.flip(turned, axes), straight, atol=1e-6)
    assert np.abs(predict(run.model, images) - straight).max() > 1e-6


def test_dice_per_image_counts_each_image_once_and_empty_pairs_never() -> None:
    truth = np.zeros((3, 2, 2, 1), np.float32)
    truth[0, 0, 0], truth[1] = 1, 1
    probability = truth.copy()
    probability[0, 1, 1] = 0.9
    metric = DicePerImage()
    metric.update_state(truth, probability)
    assert float(metric.result()) == pytest.approx((2 / 3 + 1) / 2)


def test_a_record_survives_the_way_through_json(corrected: Run) -> None:
    record = Record.from_json(corrected.to_json())
    assert record.recipe == corrected.recipe
    pd.testing.assert_frame_equal(record.scores, corrected.scores, rtol=0, atol=1e-4, check_dtype=False)
    pd.testing.assert_frame_equal(record.history, corrected.history, rtol=0, atol=1e-4, check_dtype=False)


def test_data_of_another_size_are_refused(prepared: Prepared, tmp_path: Path) -> None:
    with pytest.raises(BrainsegError, match="images of 32 pixels for a recipe of 64"):
        train(replace(recipe_at("published", "unet", TINY), size=64), prepared, tmp_path)


def test_a_loss_that_is_not_finite_stops_the_run(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: Any) -> object:
        model = compiled(*given)
        model.get_layer("logits").bias.assign([np.nan])
        return model

    compiled = fitting.compiled
    monkeypatch.setattr(fitting, "compiled", broken)
    with pytest.raises(BrainsegError, match="the loss of unet is nan in epoch 1"):
        train(recipe_at("published", "unet", TINY), prepared, tmp_path)


def test_the_tables_beside_the_published_numbers(run: Run, prepared: Prepared) -> None:
    table = summary(run)
    assert table.loc["Dice", "published"] == 0.3624
    assert table.loc["mean IoU", "published validation"] == 0.4813
    assert table.loc["accuracy", "training"] == run.history["accuracy"].iloc[-1]

    on_test = scores_on_test(run, prepared)
    assert on_test["dice_per_image"] == pytest.approx(run.scores.loc[run.scores["split"] == "test", "dice"].mean())
