"""The attention gates' own maps, as large as the image."""

from typing import TYPE_CHECKING

import cv2
import numpy as np

from brainseg.errors import BrainsegError
from brainseg.models.attention import attention_maps
from brainseg.saliency.region import Region
from brainseg.saliency.target import Array

if TYPE_CHECKING:
    from brainseg.backend import keras


def attention(
    model: "keras.Model",
    images: Array,
    region: Region = "whole",
    batch_size: int = 32,
    *,
    place: str | None = None,
) -> Array:
    """What an attention gate lets through, 0 (nothing) to 1 (everything), enlarged to the image.

    It is the same whatever region is explained: a gate is part of the model, not an explanation of an answer.

    Args:
        model, images, region, batch_size: As :func:`brainseg.saliency.gradients.input_gradient`; the region is not
            used.
        place: Which gate, by the names of :func:`brainseg.models.attention.attention_maps`; None: the finest.

    Raises:
        BrainsegError: If the model has no attention with a map, or not at that place.
    """
    maps = attention_maps(model, images, batch_size)
    if not maps:
        raise BrainsegError(f"{model.name} has no attention maps: build it with attention 'gate' or 'spatial'")
    if place is not None and place not in maps:
        raise BrainsegError(f"received the place {place!r}, expected one of: {', '.join(maps)}")
    size = images.shape[2], images.shape[1]
    return np.stack([cv2.resize(one, size, interpolation=cv2.INTER_LINEAR) for one in maps[place or next(iter(maps))]])
