"""What a trained model answers to grey images."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brainseg.models import as_input

if TYPE_CHECKING:
    from brainseg.backend import keras

AT_ONCE = 32
"""Images that are computed at once; more take more memory."""

MIRRORS = ((), (1,), (2,), (1, 2))
"""Axes of (n, h, w, channels) along which an image and its mirror images are reversed."""

Answer = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""What computes: from images, (n, h, w, channels), 0 to 1, to tumour probabilities, (n, h, w, 1)."""


def predict(model: "keras.Model", images: NDArray[np.uint8], mirrored: bool = False) -> NDArray[np.float32]:
    """Tumour probabilities of grey images, (n, size, size), 0 to 1.

    Args:
        model: One of the book's models.
        images: (n, size, size), 0 to 255.
        mirrored: Give the mean of the predictions for the image and its three mirror images, each mirrored back.
    """
    return answered(partial(asked, model.predict_on_batch), images, mirrored)


def asked(function: Callable[..., Any], *arrays: NDArray[Any]) -> NDArray[np.float32]:
    """What a function of Keras says of images, the first axis of each array; of a single one by asking about it twice.

    For one image, TensorFlow's convolutions choose their way by the size of the processor's caches, and the last digits
    of the answer change with it.

    >>> asked(lambda x: 10 * x * len(x), np.ones((1, 2))).tolist()
    [[20.0, 20.0]]
    """
    count = len(arrays[0])
    twice = [np.concatenate([array, array]) if count == 1 else array for array in arrays]
    return np.asarray(function(*twice), np.float32)[:count]


def answered(answer: Answer, images: NDArray[np.uint8], mirrored: bool = False) -> NDArray[np.float32]:
    """As :func:`predict`, whatever computes.

    >>> images = np.array([[[0, 255]]], np.uint8)
    >>> answered(lambda x: x[..., :1], images).tolist(), answered(lambda x: 0 * x[..., :1], images, True).tolist()
    ([[[0.0, 1.0]]], [[[0.0, 0.0]]])
    """
    chunks = [as_input(images[i : i + AT_ONCE]) for i in range(0, len(images), AT_ONCE)]
    return np.concatenate([_mean_answer(answer, x, MIRRORS if mirrored else MIRRORS[:1])[..., 0] for x in chunks])


def _mean_answer(answer: Answer, x: NDArray[np.float32], mirrors: tuple[tuple[int, ...], ...]) -> NDArray[np.float32]:
    answers = [np.flip(answer(np.flip(x, axes)), axes) for axes in mirrors]
    return np.asarray(np.mean(answers, axis=0), np.float32)
