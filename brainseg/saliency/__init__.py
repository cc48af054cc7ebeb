"""Saliency: which pixels of an image a model's answer depends on, by many methods with one call.

Every method takes a model, images, the region to explain and a batch size, and returns a map per image.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from brainseg.backend import keras
from brainseg.errors import BrainsegError
from brainseg.saliency.attention import attention
from brainseg.saliency.cam import hires_cam, published_grad_cam, seg_grad_cam, seg_xres_cam
from brainseg.saliency.gradients import (
    gradient_times_input,
    gradient_variance,
    guided_backpropagation,
    input_gradient,
    integrated_gradients,
    smooth_gradient,
)
from brainseg.saliency.perturbation import occlusion, rise
from brainseg.saliency.region import Region
from brainseg.saliency.target import Array, weights_not_finite

METHODS: Mapping[str, Callable[..., Array]] = {
    "gradient": input_gradient,
    "gradient × input": gradient_times_input,
    "SmoothGrad": smooth_gradient,
    "gradient variance": gradient_variance,
    "integrated gradients": integrated_gradients,
    "guided backpropagation": guided_backpropagation,
    "Seg-Grad-CAM": seg_grad_cam,
    "Seg-XRes-CAM": seg_xres_cam,
    "HiResCAM": hires_cam,
    "Grad-CAM as published": published_grad_cam,
    "occlusion": occlusion,
    "RISE": rise,
    "attention": attention,
}
"""All methods, by the names that figures and tables use."""


def known_methods(names: Sequence[str]) -> Sequence[str]:
    """The same names, if all of them are in :data:`METHODS`.

    Raises:
        BrainsegError: If there is no such method.

    >>> known_methods(["gradient", "RISE"])
    ['gradient', 'RISE']
    """
    if unknown := [name for name in names if name not in METHODS]:
        raise BrainsegError(f"received the method {unknown[0]!r}, expected one of: {', '.join(METHODS)}")
    return names


def explain(
    method: str,
    model: "keras.Model",
    images: Array,
    region: Region = "predicted",
    batch_size: int = 32,
    **options: Any,
) -> Array:
    """Saliency maps of images by a method's name.

    Args:
        method: One of :data:`METHODS`.
        model: One of the book's models.
        images: What the model takes: (n, h, w, channels), 0 to 1.
        region: What is explained, see :data:`brainseg.saliency.region.Region`.
        batch_size: Images that are computed at once; more take more memory.
        options: Of the method: the function of :data:`METHODS` says which and what its values mean.

    Returns:
        (n, h, w).

    Raises:
        BrainsegError: If there is no such method, the images do not fit the model, they or its weights have values that
            are not finite, the region is empty in an image, or a value of the map is not finite.

    >>> from brainseg.models import build
    >>> explain("HiResCAM", build("unet", size=16, width=2), np.zeros((1, 16, 16, 3), np.float32), "whole").shape
    (1, 16, 16)
    """
    known_methods([method])
    expected = model.input_shape[1:]
    if images.ndim != 4 or images.shape[1:] != expected:
        raise BrainsegError(f"received images of shape {images.shape}, expected (n, {', '.join(map(str, expected))})")
    # Asked here, because the ReLU of a backend may make a finite number of what is none.
    if strange := [i for i, image in enumerate(images) if not np.isfinite(image).all()]:
        raise BrainsegError(
            f"received values that are not finite in image {', '.join(map(str, strange))}, expected 0 to 1: "
            "clean or leave out these images"
        )
    if unknown := weights_not_finite(model):
        raise BrainsegError(f"received a model with weights that are not finite, {unknown[0]} first: train it anew")
    maps = METHODS[method](model, images, region, batch_size, **options)
    if broken := [i for i, one in enumerate(maps) if not np.isfinite(one).all()]:
        raise BrainsegError(
            f"{method} gives values that are not finite for image {', '.join(map(str, broken))}: "
            "are the weights of the model and the images finite?"
        )
    return maps
