"""Which part of a model's answer is to be explained."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from brainseg.errors import BrainsegError
from brainseg.morphology import largest_component
from brainseg.scores import THRESHOLD

if TYPE_CHECKING:
    from brainseg.backend import keras

Region = str | tuple[int, int] | NDArray[np.generic]
"""``"whole"``: every pixel; ``"predicted"``: those in the model's own mask; ``"largest"``: the largest component of
that mask; (row, column): one pixel; or a mask, (n, h, w) or (h, w) for all images, 0 and 1."""

NAMES = ("whole", "predicted", "largest")


def region_weights(
    model: "keras.Model", images: NDArray[np.float32], region: Region, batch_size: int = 32
) -> NDArray[np.float32]:
    """The pixels of each image whose logits are explained: 1 in the region, 0 elsewhere, (n, h, w).

    >>> from brainseg.models import build
    >>> images = np.zeros((2, 16, 16, 3), np.float32)
    >>> region_weights(build("deeplab", size=16, width=2), images, (3, 5)).nonzero()
    (array([0, 1]), array([3, 3]), array([5, 5]))
    """
    shape = images.shape[:3]
    if isinstance(region, str):
        weights = _named(region, model, images, batch_size)
    elif isinstance(region, tuple):
        weights = np.zeros(shape, bool)
        if not (0 <= region[0] < shape[1] and 0 <= region[1] < shape[2]):
            raise BrainsegError(f"received the pixel {region}, expected (row, column) within {shape[1]} × {shape[2]}")
        weights[:, region[0], region[1]] = True
    else:
        mask = np.asarray(region)
        if mask.shape not in (shape, shape[1:]):
            raise BrainsegError(f"received a region of shape {mask.shape}, expected {shape} or {shape[1:]}")
        weights = np.broadcast_to(mask, shape)
    if empty := [i for i, pixels in enumerate(weights) if not pixels.any()]:
        raise BrainsegError(
            f"the region to explain is empty in image {', '.join(map(str, empty))}: leave these out, or explain 'whole'"
        )
    return weights.astype(np.float32)


def marked_or_whole(probability: NDArray[np.float32]) -> NDArray[np.bool_]:
    """What a network marks in each image, or the whole image where it marks nothing: a region that is never empty.

    >>> marked_or_whole(np.array([[[0.9, 0.1]], [[0.2, 0.1]]], np.float32)).tolist()
    [[[True, False]], [[True, True]]]
    """
    marked = np.asarray(probability) > THRESHOLD
    return np.where(marked.any(axis=(1, 2), keepdims=True), marked, True)


def _named(name: str, model: "keras.Model", images: NDArray[np.float32], batch_size: int) -> NDArray[np.bool_]:
    if name not in NAMES:
        expected = ", ".join(map(repr, NAMES))
        raise BrainsegError(f"received the region {name!r}, expected one of {expected}, (row, column), or a mask")
    if name == "whole":
        return np.ones(images.shape[:3], bool)
    chunks = [images[i : i + batch_size] for i in range(0, len(images), batch_size)]
    predicted = np.concatenate([np.asarray(model.predict_on_batch(x)) for x in chunks])[..., 0] > THRESHOLD
    return predicted if name == "predicted" else largest_component(predicted).astype(bool)
