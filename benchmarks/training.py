"""Steps of training, images in and weights changed: ours, and as one writes them in Keras, in PyTorch, in the study.

The answer that the sides share is their number of parameters; dropout is random, so losses differ.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import UNCAPPED, Race, Side, Work

TITLES = {"unet": "U-Net", "linknet": "LinkNet", "segnet": "SegNet", "deeplab": "Modified DeepLab"}
SCALES: Mapping[str, dict[str, Any]] = {
    "64 px": {"size": 64, "width": 8, "batch_size": 4},
    "128 px": {"size": 128, "width": 16, "batch_size": 8},
}
"""Those of the book's scales ``quick`` and ``laptop``."""


def races() -> list[Race]:
    """The corrected training of each network at two sizes, in half precision where that is fast, and the published."""
    corrected = [against_others(model, scale) for model in TITLES for scale in SCALES]
    half = [in_half_precision(model) for model in TITLES] if has_bfloat16() else []
    return [*corrected, *half, *(against_the_study(model) for model in TITLES)]


def smoke_races() -> list[Race]:
    """The quickest training beside plain Keras."""
    options = {"model": "deeplab", **SCALES["64 px"]}
    ours, theirs = Side("brainseg", "training:our_steps", options), plain_keras("Keras", options)
    return [Race("training", f"{TITLES['deeplab']}, 64 px", ours, (theirs,), rounds=5)]


def against_others(model: str, scale: str) -> Race:
    """The corrected training in float32."""
    options = {"model": model, **SCALES[scale]}
    ours = Side("brainseg", "training:our_steps", options)
    torch = Side("PyTorch", "training:pytorch_steps", options, "torch")
    return Race("training", f"{TITLES[model]}, {scale}", ours, (plain_keras("Keras", options), torch))


def in_half_precision(model: str) -> Race:
    """The corrected training at the larger size in bfloat16, as the package trains there."""
    single = {"model": model, **SCALES["128 px"]}
    half = single | {"precision": "bfloat16"}
    ours = Side("brainseg, bfloat16", "training:our_steps", half, variables=UNCAPPED)
    peers = (
        Side("PyTorch, float32", "training:pytorch_steps", single, "torch"),
        Side("PyTorch, bfloat16", "training:pytorch_steps", half, "torch"),
    )
    return Race("training", f"{TITLES[model]}, 128 px, bfloat16", ours, peers)


def against_the_study(model: str) -> Race:
    """The published training at the larger size: the study's network, loss and metrics, compiled as it did."""
    options = {"model": model, **SCALES["128 px"], "step": "published"}
    ours = Side("brainseg", "training:our_steps", options)
    return Race("training", f"{TITLES[model]} as published, 128 px", ours, (plain_keras("the study’s code", options),))


def plain_keras(title: str, options: Mapping[str, Any]) -> Side:
    """Keras without this package's training, with all instructions of the processor."""
    return Side(title, "training:keras_steps", options, variables=UNCAPPED)


def has_bfloat16() -> bool:
    """Whether this machine computes in bfloat16 at a speed that is worth it."""
    from brainseg.backend import bfloat16
    from brainseg.errors import BrainsegError

    try:
        bfloat16()
    except BrainsegError:
        return False
    return True


def batch(size: int, batch_size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Random images, (b, size, size, 3), and masks with a square each, (b, size, size, 1)."""
    x = np.random.default_rng(0).random((batch_size, size, size, 3), np.float32)
    y = np.zeros((batch_size, size, size, 1), np.float32)
    y[:, size // 4 : size // 2, size // 4 : size // 2] = 1
    return x, y


def our_steps(
    model: str, size: int, width: int, batch_size: int, step: str = "corrected", precision: str = "float32"
) -> Work:
    """A step as :func:`brainseg.experiments.fit.fit` takes it."""
    from brainseg.backend import configure
    from brainseg.experiments.fit import compiled, untrained

    configure(seed=0)
    recipe = replace(recipe_of(model, size, width, batch_size, step), precision=precision)
    return _keras_step(compiled(recipe, untrained(recipe), steps_per_epoch=100), size, batch_size)


def keras_steps(model: str, size: int, width: int, batch_size: int, step: str = "corrected") -> Work:
    """The same network, loss and metrics as a user of Keras compiles them, on probabilities."""
    from brainseg.backend import keras
    from brainseg.experiments.fit import DicePerImage, batch_dice, untrained

    recipe = recipe_of(model, size, width, batch_size, step)
    metrics = ["accuracy", keras.metrics.MeanIoU(num_classes=2), batch_dice]
    if step == "corrected":
        metrics.append(DicePerImage(name="dice_per_image"))
    loss = {"binary_crossentropy": "binary_crossentropy", "bce_dice": _bce_dice}[recipe.preset.loss]
    network = untrained(recipe)
    network.compile(optimizer="adam", loss=loss, metrics=metrics)
    return _keras_step(network, size, batch_size)


def pytorch_steps(model: str, size: int, width: int, batch_size: int, precision: str = "float32") -> Work:
    """The corrected training in PyTorch: channels last, Adam, one thread."""
    import torch

    from benchmarks.pytorch import as_tensor, bce_dice, network

    torch.set_num_threads(1)
    net = network(model, width, dropout=0.1).train()
    optimiser = torch.optim.Adam(net.parameters(), lr=0.003)
    images, masks = batch(size, batch_size)
    buffers = sum(value.numel() for name, value in net.named_buffers() if not name.endswith("num_batches_tracked"))
    parameters = sum(value.numel() for value in net.parameters()) + buffers

    def step() -> Any:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            logits = net(as_tensor(images))
        loss = bce_dice(logits.float(), as_tensor(masks))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        assert np.isfinite(loss.item())
        return parameters

    return step


def recipe_of(model: str, size: int, width: int, batch_size: int, step: str = "corrected") -> Any:
    """The recipe of a step of the ladder, in float32 and of that size."""
    from brainseg.experiments.ladder import recipe_at
    from brainseg.experiments.recipe import SCALES

    return replace(recipe_at(step, model, SCALES["quick"]), size=size, width=width, batch_size=batch_size)


def _keras_step(network: Any, size: int, batch_size: int) -> Work:
    images, masks = batch(size, batch_size)

    def step() -> int:
        assert np.isfinite(network.train_on_batch(images, masks)[0])
        return int(network.count_params())

    return step


def _bce_dice(truth: Any, probability: Any) -> Any:
    from brainseg.backend import keras

    ops = keras.ops
    found = ops.sum(truth * probability, axis=(1, 2, 3))
    dice = 1 - (2 * found + 2) / (ops.sum(truth + probability, axis=(1, 2, 3)) + 2)
    return ops.mean(keras.losses.binary_crossentropy(truth, probability), axis=(1, 2)) + dice
