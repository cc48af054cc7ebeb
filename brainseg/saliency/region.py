"""Which part of a model's answer is to be explained."""

import numpy as np
from numpy.typing import NDArray

from brainseg.errors import BrainsegError
from brainseg.scores import THRESHOLD

WHOLE = "whole"
Region = str | NDArray[np.generic]
"""``"whole"``: every pixel; or a mask, (n, h, w) or (h, w) for all images, 0 and 1."""


def region_weights(images: NDArray[np.float32], region: Region) -> NDArray[np.float32]:
    """The pixels of each image whose logits are explained: 1 in the region, 0 elsewhere, (n, h, w).

    >>> images = np.zeros((2, 16, 16, 3), np.float32)
    >>> region_weights(images, "whole").sum(axis=(1, 2)).tolist()
    [256.0, 256.0]
    """
    shape = images.shape[:3]
    if isinstance(region, str):
        if region != WHOLE:
            raise BrainsegError(f"received the region {region!r}, expected {WHOLE!r} or a mask")
        return np.ones(shape, np.float32)
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
