"""Fit a recipe's model to images and masks: what decides its weights, and nothing else.

Neither what reads the data nor what scores an answer is imported here, so that the fingerprint of this module changes
with neither of them.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from brainseg.backend import configure, keras
from brainseg.errors import BrainsegError
from brainseg.experiments.batches import Batches, augment
from brainseg.experiments.recipe import Recipe, Training
from brainseg.models import build
from brainseg.models.losses import loss
from brainseg.models.trainee import Trainee, trainee
from brainseg.scores import THRESHOLD

STATE = "state.npz"
METRICS = ("loss", "accuracy", "mean_iou", "dice", "dice_per_image")


@dataclass(frozen=True, eq=False)
class Examples:
    """What a network is trained and validated on: grey images, (n, size, size), 0 to 255, and masks, 0 and 1."""

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    validation_images: NDArray[np.uint8]
    validation_masks: NDArray[np.uint8]

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with any pixel."""
        digest = hashlib.sha256()
        for array in (self.images, self.masks, self.validation_images, self.validation_masks):
            digest.update(str(array.shape).encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Fitted:
    """What a training results in.

    Attributes:
        model: With the weights that the recipe keeps, kernels rounded to :func:`half_precision`.
        trained: The :func:`digest` of these weights before they were rounded.
        history: One row of measures per epoch.
        seconds: The epochs took.
    """

    model: "keras.Model"
    trained: str
    history: list[dict[str, float]]
    seconds: float


def untrained(recipe: Recipe) -> "keras.Model":
    """The recipe's model with its initial weights, not compiled."""
    return build(
        recipe.model,
        recipe.size,
        width=recipe.width,
        attention=recipe.attention,
        dropout=recipe.preset.dropout,
        normalisation=recipe.preset.normalisation,
        seed=recipe.seed,
    )


def fit(recipe: Recipe, examples: Examples, state: Path, progress: bool = False) -> Fitted:
    """Train a recipe's model; from where it stopped, if it was interrupted.

    Args:
        recipe: What to train.
        examples: On what.
        state: File for what is known after each epoch. An interrupted training goes on from it to the same weights, bit
            for bit, that it would have reached.
        progress: Show a progress bar on standard error.

    Raises:
        BrainsegError: If the loss stops being finite.
    """
    configure(recipe.seed)
    preset = recipe.preset
    held = Batches(examples.validation_images, examples.validation_masks, recipe.batch_size)
    seen = images_per_epoch(recipe, len(examples.images))
    model = untrained(recipe)
    training = _State(compiled(recipe, model, -(-seen // recipe.batch_size)), state, preset.monitor)

    def batches(epoch: int) -> Batches:
        random = np.random.default_rng([recipe.seed, epoch])
        order = random.permutation(len(examples.images))[:seen]
        images, masks = examples.images[order], examples.masks[order]
        if preset.augmentation is not None:
            images, masks = augment(images, masks, preset.augmentation, int(random.integers(2**31)))
        return Batches(images, masks, recipe.batch_size)

    history = training.history
    with tqdm(
        total=recipe.epochs, initial=len(history), desc=f"train {recipe.model}", unit="epoch", disable=not progress
    ) as bar:
        while len(history) < recipe.epochs and not stopped(history, preset):
            started = time.monotonic()
            logs = training.model.fit(batches(len(history)), validation_data=held, shuffle=False, verbose=0).history
            row = {name: float(logs[name][0]) for split in ("", "val_") for name in (split + m for m in METRICS)}
            if not np.isfinite(row["loss"]):
                raise BrainsegError(
                    f"the loss of {recipe.model} is {row['loss']} in epoch {len(history) + 1}: "
                    "another seed or a lower learning rate may help"
                )
            training.advance(row, time.monotonic() - started)
            bar.set_postfix({"loss": f"{row['loss']:.4f}", "val_loss": f"{row['val_loss']:.4f}"}, refresh=False)
            bar.update()
    trained = training.best if preset.monitor == "dice" else training.model.get_weights()
    model.set_weights([half_precision(weights) for weights in trained])
    return Fitted(model, digest(trained), history, training.seconds)


def half_precision(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Kernels as half precision can hold them, so that a network takes half the place; vectors as they are.

    Raises:
        BrainsegError: If a weight is too large for that.

    >>> half_precision(np.full((1, 1), 1 / 3, np.float32)), half_precision(np.float32([1 / 3]))
    (array([[0.33325195]], dtype=float32), array([0.33333334], dtype=float32))
    """
    if weights.ndim < 2:
        return weights
    if not (largest := np.abs(weights).max()) <= np.finfo(np.float16).max:
        raise BrainsegError(f"received a weight of {largest:g}, too large for half precision: try another seed")
    return weights.astype(np.float16).astype(np.float32)


def digest(weights: Iterable[NDArray[np.float32]]) -> str:
    """SHA-256 of weights, bit for bit."""
    found = hashlib.sha256()
    for array in weights:
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def images_per_epoch(recipe: Recipe, available: int) -> int:
    """How many of the training images an epoch sees."""
    seen = min(available, recipe.images_per_epoch or available)
    if recipe.preset.whole_batches and seen > recipe.batch_size:
        seen -= seen % recipe.batch_size
    return seen


def compiled(recipe: Recipe, model: "keras.Model", steps_per_epoch: int) -> Trainee:
    """What is trained in the model's place, with its optimiser, its loss and the metrics that are followed."""
    preset = recipe.preset
    made = trainee(model, recipe.precision, recipe.guidance)
    made.compile(
        optimizer=keras.optimizers.Adam(_learning_rate(preset, recipe.epochs, steps_per_epoch)),
        loss=loss(preset.loss),
        metrics=[
            keras.metrics.BinaryAccuracy(name="accuracy"),
            keras.metrics.MeanIoU(num_classes=2, name="mean_iou"),
            keras.metrics.MeanMetricWrapper(batch_dice, name="dice"),
            DicePerImage(name="dice_per_image"),
        ],
    )
    made.optimizer.build(made.trainable_variables)
    return made


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


class _State:
    """What training must know to go on after an interruption, on disk after every epoch."""

    def __init__(self, model: Trainee, path: Path, monitor: str) -> None:
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
