"""Train a recipe and keep the run: resumable, found again by what decides it.

A run is a folder. While it is trained it holds ``state.npz``, replaced after every epoch by one rename, from which an
interrupted training goes on to the same weights, bit for bit, that it would have reached. When it is finished the
folder holds the model, the history, the scores and where they come from.
"""

import hashlib
import json
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock
from numpy.typing import NDArray
from tqdm import tqdm

from brainseg.backend import configure, describe, keras
from brainseg.data.prepare import Prepared
from brainseg.errors import BrainsegError
from brainseg.metrics import THRESHOLD, dice, iou
from brainseg.models import build
from brainseg.recipe import Recipe
from brainseg.sources import fingerprint, source_files

STATE = "state.npz"
METRICS = ("loss", "accuracy", "mean_iou", "dice")


@dataclass(frozen=True, eq=False)
class Run:
    """A finished training run.

    Attributes
    ----------
    folder
        Where it is stored.
    recipe
        What was trained.
    history
        One row per epoch: ``epoch`` (from 1), ``loss``, ``accuracy``, ``mean_iou``, ``dice``, and the same on the
        validation images as ``val_…``: the study's metrics as Keras computed them.
    scores
        One row per image of the data set: ``split``, ``number``, ``patient``, ``tumour_type``, ``predicted`` and
        ``labelled`` (areas, share of the image) and ``dice`` and ``iou`` of the prediction against the mask that the
        recipe learns from, NaN where both are empty.
    provenance
        What the run was made from and with: data, code, versions, device, time.
    """

    folder: Path
    recipe: Recipe
    history: pd.DataFrame
    scores: pd.DataFrame
    provenance: dict[str, Any]

    @cached_property
    def probability(self) -> NDArray[np.float32]:
        """Tumour probabilities of all images, (n, size, size), 0 to 1, in the order of the prepared data."""
        stored: NDArray[np.float32] = np.load(self.folder / "probability.npy", mmap_mode="r")
        return stored

    @cached_property
    def model(self) -> "keras.Model":
        """The trained model."""
        return keras.saving.load_model(self.folder / "model.keras", compile=False)


def train(recipe: Recipe, prepared: Prepared, store: Path, progress: bool = False) -> Run:
    """Train a recipe on a prepared data set, or find the run that did.

    Parameters
    ----------
    recipe
        What to train.
    prepared
        The data set, at the recipe's size.
    store
        Folder of the runs. Several processes may ask for the same run at once: one trains, the others wait.
    progress
        Show a progress bar on standard error, if there is anything to do.

    Raises
    ------
    BrainsegError
        If the data are not of the recipe's size, or the loss stops being finite.
    """
    if prepared.size != recipe.size:
        raise BrainsegError(
            f"received images of {prepared.size} pixels for a recipe of {recipe.size}: prepare the data at that size"
        )
    folder = store / run_name(recipe, prepared)
    if not (folder / "run.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(store / f"{folder.name}.lock"):
            if not (folder / "run.json").exists():
                _finish(_fit(recipe, prepared, folder, progress), recipe, prepared, folder)
    return _open(folder)


def run_name(recipe: Recipe, prepared: Prepared) -> str:
    """Name of a run's folder: it changes with the recipe, the data, the code and the versions that decide the run."""
    decides = {
        "recipe": recipe.id,
        "data": prepared.folder.name,
        "code": fingerprint(source_files(__name__)),
        "keras": [keras.version(), describe()["backend"]],
    }
    digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
    return f"{recipe.model}-{recipe.size}-{recipe.id}-{digest[:8]}"


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Images and masks of some rows, a batch at a time.

    Images become (b, size, size, 3), float32 in 0 to 1, three equal channels as in the study; masks (b, size, size, 1),
    float32, 0 or 1.
    """

    def __init__(self, prepared: Prepared, mask: str, rows: NDArray[np.intp], batch_size: int) -> None:
        super().__init__()
        self.images, self.masks = prepared.images, prepared.masks[mask]
        self.rows, self.batch_size = rows, batch_size

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        rows = self.rows[index * self.batch_size : (index + 1) * self.batch_size]
        return as_input(self.images[rows]), self.masks[rows].astype(np.float32)[..., np.newaxis]


def as_input(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Grey images (n, h, w), 0 to 255, as the models expect them: (n, h, w, 3), 0 to 1."""
    return np.repeat(images[..., np.newaxis].astype(np.float32) / 255, 3, axis=-1)


def split_rows(recipe: Recipe, prepared: Prepared) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows to train on and rows to validate on, as the recipe's schedule says."""
    rows = prepared.rows("train")
    if recipe.schedule.validation == "valid":
        return rows, prepared.rows("valid")
    kept = int(len(rows) * 0.8)
    return rows[:kept], rows[kept:]


def batch_dice(truth: Any, probability: Any) -> Any:
    """The study's Dice: hard, at 0.5, over all pixels of the batch at once. Keras averages it over the batches."""
    ops = keras.ops
    predicted = ops.cast(probability > THRESHOLD, "float32")
    pixels = ops.sum(truth) + ops.sum(predicted)
    epsilon = keras.config.epsilon()
    return (2 * ops.sum(truth * predicted) + epsilon) / (pixels + epsilon)


def compiled(recipe: Recipe) -> "keras.Model":
    """The recipe's model, with the study's optimiser, loss and metrics."""
    model = build(recipe.model, recipe.size, width=recipe.width, attention=recipe.attention, seed=recipe.seed)
    model.compile(
        optimizer=keras.optimizers.Adam(),
        loss="binary_crossentropy",
        metrics=[
            keras.metrics.BinaryAccuracy(name="accuracy"),
            keras.metrics.MeanIoU(num_classes=2, name="mean_iou"),
            keras.metrics.MeanMetricWrapper(batch_dice, name="dice"),
        ],
    )
    model.optimizer.build(model.trainable_variables)
    return model


def stopped(history: list[dict[str, float]], patience: int | None) -> bool:
    """Whether the validation loss has not improved for ``patience`` epochs.

    Examples
    --------
    >>> stopped([{"val_loss": loss} for loss in (3, 2, 2.5, 2.1)], patience=2)
    True
    """
    losses = [row["val_loss"] for row in history]
    return patience is not None and bool(losses) and len(losses) - 1 - int(np.argmin(losses)) >= patience


def _fit(recipe: Recipe, prepared: Prepared, folder: Path, progress: bool) -> "_State":
    configure(recipe.seed)
    model = compiled(recipe)
    state = _State(model, folder / STATE)
    schedule = recipe.schedule

    def batches(rows: NDArray[np.intp]) -> Batches:
        return Batches(prepared, recipe.mask, rows, recipe.batch_size)

    training, validation = split_rows(recipe, prepared)
    done = len(state.history)
    with tqdm(
        total=schedule.epochs, initial=done, desc=f"train {recipe.model}", unit="epoch", disable=not progress
    ) as bar:
        while len(state.history) < schedule.epochs and not stopped(state.history, schedule.patience):
            started = time.monotonic()
            order = np.random.default_rng([recipe.seed, len(state.history)]).permutation(training)
            logs = model.fit(batches(order), validation_data=batches(validation), shuffle=False, verbose=0).history
            row = {name: float(logs[name][0]) for split in ("", "val_") for name in (split + m for m in METRICS)}
            if not np.isfinite(row["loss"]):
                raise BrainsegError(
                    f"the loss of {recipe.model} is {row['loss']} in epoch {len(state.history) + 1}: "
                    "another seed or a lower learning rate may help"
                )
            state.advance(row, time.monotonic() - started)
            bar.set_postfix({"loss": f"{row['loss']:.4f}", "val_loss": f"{row['val_loss']:.4f}"}, refresh=False)
            bar.update()
    return state


class _State:
    """What training must know to go on after an interruption, on disk after every epoch."""

    def __init__(self, model: "keras.Model", path: Path) -> None:
        self.model, self.path = model, path
        self.history: list[dict[str, float]] = []
        self.seconds = 0.0
        if path.exists():
            with np.load(path) as stored:
                for name, variable in self._variables():
                    variable.assign(stored[name])
                self.history = json.loads(str(stored["history"]))
                self.seconds = float(stored["seconds"])

    def advance(self, row: dict[str, float], seconds: float) -> None:
        """Note an epoch and write everything down."""
        self.history.append(row)
        self.seconds += seconds
        partial = self.path.with_name(f"partial-{self.path.name}")
        arrays = {name: keras.ops.convert_to_numpy(variable) for name, variable in self._variables()}
        np.savez(partial, history=json.dumps(self.history), seconds=self.seconds, **arrays)
        partial.replace(self.path)

    def _variables(self) -> Iterator[tuple[str, Any]]:
        """Weights, states of random generators, moments and step count of the optimiser."""
        for layer in self.model.layers:
            yield from ((f"{layer.name}/{i}", variable) for i, variable in enumerate(layer.variables))
        yield from ((f"optimiser/{i}", variable) for i, variable in enumerate(self.model.optimizer.variables))


def _finish(state: _State, recipe: Recipe, prepared: Prepared, folder: Path) -> None:
    """Predict, score and write the run; ``run.json`` comes last and says that the rest is complete."""
    everything = Batches(prepared, recipe.mask, np.arange(len(prepared.table)), 32)
    probability = np.asarray(state.model.predict(everything, verbose=0)[..., 0], np.float32)
    np.save(folder / "probability.npy", probability)
    state.model.save(folder / "model.keras", include_optimizer=False)
    history = pd.DataFrame(state.history)
    history.insert(0, "epoch", np.arange(1, len(history) + 1))
    history.to_csv(folder / "history.csv", index=False)
    image_scores(prepared, recipe.mask, probability).to_csv(folder / "scores.csv", index=False)
    provenance = {
        "data": prepared.fingerprint,
        "code": fingerprint(source_files(__name__)),
        "made_with": describe() | {"python": platform.python_version(), "machine": platform.machine()},
        "seconds": round(state.seconds, 1),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    content = json.dumps({"recipe": recipe.to_dict(), "provenance": provenance}, indent=2)
    partial = folder / "partial-run.json"
    partial.write_text(content + "\n")
    partial.replace(folder / "run.json")
    (folder / STATE).unlink()


def image_scores(prepared: Prepared, mask: str, probability: NDArray[np.float32]) -> pd.DataFrame:
    """One row of scores per image, see :attr:`Run.scores`."""
    predicted, labelled = probability > THRESHOLD, np.asarray(prepared.masks[mask])
    scores = prepared.table[["split", "number", "patient", "tumour_type"]].copy()
    scores["predicted"] = predicted.mean(axis=(1, 2))
    scores["labelled"] = labelled.mean(axis=(1, 2))
    scores["dice"] = dice(predicted, labelled)
    scores["iou"] = iou(predicted, labelled)
    return scores


def _open(folder: Path) -> Run:
    content = json.loads((folder / "run.json").read_text())
    return Run(
        folder=folder,
        recipe=Recipe.from_dict(content["recipe"]),
        history=pd.read_csv(folder / "history.csv"),
        scores=pd.read_csv(folder / "scores.csv", keep_default_na=False, na_values={"dice": [""], "iou": [""]}),
        provenance=content["provenance"],
    )
