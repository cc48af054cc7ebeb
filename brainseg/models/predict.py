"""What a trained model answers to grey images."""

import numpy as np
from numpy.typing import NDArray

from brainseg.backend import keras
from brainseg.models import as_input

AT_ONCE = 32
"""Images that are computed at once; more take more memory."""

MIRRORS = ((), (1,), (2,), (1, 2))
"""Axes of (n, h, w, channels) along which an image and its mirror images are reversed."""


def predict(model: "keras.Model", images: NDArray[np.uint8], mirrored: bool = False) -> NDArray[np.float32]:
    """Tumour probabilities of grey images, (n, size, size), 0 to 1.

    Args:
        model: One of the book's models.
        images: (n, size, size), 0 to 255.
        mirrored: Give the mean of the predictions for the image and its three mirror images, each mirrored back.
    """
    chunks = [as_input(images[i : i + AT_ONCE]) for i in range(0, len(images), AT_ONCE)]
    return np.concatenate([_mean_prediction(model, x, MIRRORS if mirrored else MIRRORS[:1])[..., 0] for x in chunks])


def _mean_prediction(
    model: "keras.Model", x: NDArray[np.float32], mirrors: tuple[tuple[int, ...], ...]
) -> NDArray[np.float32]:
    predicted = [np.flip(model.predict_on_batch(np.flip(x, axes)), axes) for axes in mirrors]
    return np.asarray(np.mean(predicted, axis=0), np.float32)
