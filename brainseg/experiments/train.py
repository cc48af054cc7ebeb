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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock
from numpy.typing import NDArray
from tqdm import tqdm

from brainseg.backend import configure, describe, keras
from brainseg.data.prepared import Prepared
from brainseg.errors import BrainsegError
from brainseg.experiments.batches import Batches, augment
from brainseg.experiments.recipe import VALIDATION_SHARE, Recipe, Training
from brainseg.experiments.run import Run, write_run
from brainseg.fingerprint import code_fingerprint, commit, source_files
from brainseg.models import build
from brainseg.models.guidance import Guided, without_guidance
from brainseg.models.losses import loss
from brainseg.models.predict import predict
from brainseg.scores import THRESHOLD

STATE = "state.npz"
METRICS = ("loss", "accuracy", "mean_iou", "dice", "dice_per_image")


def train(recipe: Recipe, prepared: Prepared, store: Path, progress: bool = False) -> Run:
    """Train a recipe on a prepared data set, or find the run that did.

    Args:
        recipe: What to train; recipes that differ only in what comes after the training share a run.
        prepared: The data set, at the recipe's size.
        store: Folder of the runs. Several processes may ask for the same run at once: one trains, the others wait.
        progress: Show a progress bar on standard error, if there is anything to do.

    Raises:
        BrainsegError: If the data are not of the recipe's size, or the loss stops being finite.
    """
    recipe = recipe.trained
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
    return Run.open(folder)


def run_name(recipe: Recipe, prepared: Prepared) -> str:
    """Name of a run's folder: it changes with the recipe, the data, the code and the versions that decide the run."""
    decides = {
        "recipe": recipe.id,
        "data": prepared.folder.name,
        "code": code_fingerprint(source_files(__name__)),
        "keras": [keras.version(), describe()["backend"]],
    }
    digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
    return f"{recipe.model}-{recipe.size}-{recipe.id}-{digest[:8]}"


def split_rows(recipe: Recipe, prepared: Prepared) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows to train on and rows to validate on, as the recipe says.

    Where borders are learnt, an image without one is in neither: that nothing was drawn on it does not mean that
    nothing is there.
    """
    training, validation = (prepared.rows(name, recipe.split) for name in ("train", "valid"))
    if recipe.preset.validation == "last_fifth":
        kept = int(len(training) * (1 - VALIDATION_SHARE))
        training, validation = training[:kept], training[kept:]
    if recipe.labels == "border":
        known = ~prepared.table["flags"].str.contains("no_border").to_numpy()
        training, validation = training[known[training]], validation[known[validation]]
    return training, validation


def label_rows(recipe: Recipe, prepared: Prepared) -> NDArray[np.intp]:
    """For every row, the row whose mask it is trained or validated on: its own, unless the recipe shuffles the labels.

    Shuffled, the masks of the training images are dealt out anew among them, and so are those of the validation images:
    then nothing that is known of an image's own tumour decides the weights, nor which of them are kept.
    """
    rows = np.arange(len(prepared.table))
    if recipe.pairing == "shuffled":
        random = np.random.default_rng(recipe.seed)
        for part in split_rows(recipe, prepared):
            rows[part] = random.permutation(part)
    return rows


def batch_dice(truth: Any, probability: Any) -> Any:
    """The study's Dice: hard, at 0.5, over all pixels of the batch at once. Keras averages it over the batches."""
    ops = keras.ops
    predicted = ops.cast(probability > THRESHOLD, "float32")
    pixels = ops.sum(truth) + ops.sum(predicted)
    epsilon = keras.config.epsilon()
    return (2 * ops.sum(truth * predicted) + epsilon) / (pixels + epsilon)


class DicePerImage(keras.metrics.Mean):  # type: ignore[misc]
    """Mean over images of the hard Dice of each, at 0.5; images without tumour, true or predicted, are left out."""

    def update_state(self, truth: Any, probability: Any, sample_weight: Any = None) -> None:
        """Add a batch of masks and probabilities, (b, h, w, 1)."""
        ops = keras.ops
        predicted = ops.cast(probability > THRESHOLD, "float32")
        common, pixels = ops.sum(truth * predicted, axis=(1, 2, 3)), ops.sum(truth + predicted, axis=(1, 2, 3))
        super().update_state(2 * common / ops.maximum(pixels, 1), ops.cast(pixels > 0, "float32"))


def compiled(recipe: Recipe, steps_per_epoch: int) -> "keras.Model":
    """The recipe's model, with its optimiser, its loss and the metrics that are followed."""
    preset = recipe.preset
    model = build(
        recipe.model,
        recipe.size,
        width=recipe.width,
        attention=recipe.attention,
        dropout=preset.dropout,
        normalisation=preset.normalisation,
        seed=recipe.seed,
    )
    if recipe.guidance > 0:
        model = Guided(model, recipe.guidance)
    model.compile(
        optimizer=keras.optimizers.Adam(_learning_rate(preset, recipe.epochs, steps_per_epoch)),
        loss=loss(preset.loss),
        metrics=[
            keras.metrics.BinaryAccuracy(name="accuracy"),
            keras.metrics.MeanIoU(num_classes=2, name="mean_iou"),
            keras.metrics.MeanMetricWrapper(batch_dice, name="dice"),
            DicePerImage(name="dice_per_image"),
        ],
    )
    model.optimizer.build(model.trainable_variables)
    return model


def _learning_rate(preset: Training, epochs: int, steps_per_epoch: int) -> Any:
    """A constant, or a rise and half a cosine over the whole training."""
    if preset.warm_up is None:
        return preset.learning_rate
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=preset.learning_rate / 100,
        warmup_target=preset.learning_rate,
        warmup_steps=preset.warm_up * steps_per_epoch,
        decay_steps=(epochs - preset.warm_up) * steps_per_epoch,
    )


def best_epoch(history: list[dict[str, float]], monitor: str) -> int:
    """Index of the first of the best epochs: lowest validation loss, or highest validation Dice per image.

    >>> best_epoch([{"val_loss": 3.0}, {"val_loss": 2.0}, {"val_loss": 2.5}], "loss")
    1
    """
    if monitor == "loss":
        return int(np.argmin([row["val_loss"] for row in history]))
    return int(np.argmax([row["val_dice_per_image"] for row in history]))


def stopped(history: list[dict[str, float]], preset: Training) -> bool:
    """Whether what is monitored has not improved for as many epochs as the preset's patience.

    >>> history = [{"val_loss": loss} for loss in (3, 2, 2.5, 2.1)]
    >>> stopped(history, Training(epochs=9, patience=2)), stopped(history, Training(epochs=9, patience=3))
    (True, False)
    """
    if preset.patience is None or not history:
        return False
    return len(history) - 1 - best_epoch(history, preset.monitor) >= preset.patience


def _fit(recipe: Recipe, prepared: Prepared, folder: Path, progress: bool) -> "_State":
    configure(recipe.seed)
    preset, masks = recipe.preset, prepared.masks[recipe.mask][label_rows(recipe, prepared)]
    training, validation = split_rows(recipe, prepared)
    held = Batches(prepared.images[validation], masks[validation], recipe.batch_size)
    seen = min(len(training), recipe.images_per_epoch or len(training))
    state = _State(compiled(recipe, -(-seen // recipe.batch_size)), folder / STATE, preset.monitor)

    def batches(epoch: int) -> Batches:
        random = np.random.default_rng([recipe.seed, epoch])
        order = random.permutation(training)[:seen]
        images, labels = prepared.images[order], masks[order]
        if preset.augmentation is not None:
            images, labels = augment(images, labels, preset.augmentation, int(random.integers(2**31)))
        return Batches(images, labels, recipe.batch_size)

    done = len(state.history)
    with tqdm(
        total=recipe.epochs, initial=done, desc=f"train {recipe.model}", unit="epoch", disable=not progress
    ) as bar:
        while len(state.history) < recipe.epochs and not stopped(state.history, preset):
            started = time.monotonic()
            logs = state.model.fit(batches(len(state.history)), validation_data=held, shuffle=False, verbose=0).history
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

    def __init__(self, model: "keras.Model", path: Path, monitor: str) -> None:
        self.model, self.path, self.monitor = model, path, monitor
        self.history: list[dict[str, float]] = []
        self.best: list[NDArray[Any]] = []
        self.seconds = 0.0
        if path.exists():
            with np.load(path) as stored:
                for name, variable in self._variables():
                    variable.assign(stored[name])
                self.best = [stored[f"best/{i}"] for i, _ in enumerate(model.weights)]
                self.history = json.loads(str(stored["history"]))
                self.seconds = float(stored["seconds"])

    def advance(self, row: dict[str, float], seconds: float) -> None:
        """Note an epoch and write everything down."""
        self.history.append(row)
        self.seconds += seconds
        if best_epoch(self.history, self.monitor) == len(self.history) - 1:
            self.best = self.model.get_weights()
        partial = self.path.with_name(f"partial-{self.path.name}")
        arrays = {name: keras.ops.convert_to_numpy(variable) for name, variable in self._variables()}
        arrays |= {f"best/{i}": weights for i, weights in enumerate(self.best)}
        np.savez(partial, history=json.dumps(self.history), seconds=self.seconds, **arrays)
        partial.replace(self.path)

    def _variables(self) -> Iterator[tuple[str, Any]]:
        """Weights, states of random generators, moments and step count of the optimiser."""
        for layer in self.model.layers:
            yield from ((f"{layer.name}/{i}", variable) for i, variable in enumerate(layer.variables))
        yield from ((f"optimiser/{i}", variable) for i, variable in enumerate(self.model.optimizer.variables))


def _finish(state: _State, recipe: Recipe, prepared: Prepared, folder: Path) -> None:
    """Predict with the weights that the recipe keeps, and write the run."""
    if recipe.preset.monitor == "dice":
        state.model.set_weights(state.best)
    model = without_guidance(state.model)
    history = pd.DataFrame(state.history)
    history.insert(0, "epoch", np.arange(1, len(history) + 1))
    provenance = {
        "data": prepared.fingerprint,
        "code": code_fingerprint(source_files(__name__)),
        "commit": commit(),
        "made_with": describe() | {"python": platform.python_version(), "machine": platform.machine()},
        "seconds": round(state.seconds, 1),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    probability = predict(model, prepared.images, recipe.preset.mirrored)
    write_run(folder, recipe, prepared, model, history, probability, provenance)
    state.path.unlink()
