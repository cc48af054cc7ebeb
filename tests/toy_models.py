"""Models so small that what they answer can be worked out by hand."""

from functools import cache
from typing import Any

import numpy as np

from brainseg.backend import keras
from brainseg.models import build

LAYERS = keras.layers
SIZE = 8


def toy(*middle: Any, channels: int = 1, weight: float = 1.0, bias: float = 0.0) -> Any:
    """A model of the given layers, a 1×1 convolution of the given weight to the logits, and a sigmoid."""
    image = keras.Input((SIZE, SIZE, channels), name="image")
    x = image
    for layer in middle:
        x = layer(x)
    x = LAYERS.Conv2D(
        1,
        1,
        kernel_initializer=keras.initializers.Constant(weight),
        bias_initializer=keras.initializers.Constant(bias),
        name="logits",
    )(x)
    return keras.Model(image, LAYERS.Activation("sigmoid", name="probability")(x))


@cache
def tiny(name: str, attention: str | None = "published", normalisation: str | None = None) -> Any:
    """One of the book's models for images of 16 pixels, shared by all tests: its weights must not be changed."""
    return build(name, size=16, width=2, attention=attention, normalisation=normalisation)


def randomise(model: Any, seed: int = 0) -> Any:
    """Give a model random weights that are the same on every backend, and let no feature die out or explode."""
    random = np.random.default_rng(seed)
    for weight in model.weights:
        spread = np.sqrt(2 / np.prod(weight.shape[:-1]))  # of one number for a bias
        positive = weight.path.endswith(("gamma", "variance"))
        weight.assign(random.uniform(0.5, 1.5, weight.shape) if positive else random.normal(0, spread, weight.shape))
    return model


def images(n: int = 2, channels: int = 1, size: int = SIZE, seed: int = 0) -> Any:
    return np.random.default_rng(seed).random((n, size, size, channels), dtype=np.float32)


def square() -> Any:
    """A mask of 3 × 3 pixels."""
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[2:5, 3:6] = 1
    return mask
