"""Models so small that what they answer can be worked out by hand."""

from typing import Any

import numpy as np

from brainseg.backend import keras

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


def images(n: int = 2, channels: int = 1, size: int = SIZE, seed: int = 0) -> Any:
    return np.random.default_rng(seed).random((n, size, size, channels), dtype=np.float32)


def square() -> Any:
    """A mask of 3 × 3 pixels."""
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[2:5, 3:6] = 1
    return mask
