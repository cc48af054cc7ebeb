"""Saliency: which pixels of an image a model's answer depends on, by many methods with one call.

Every method takes a :class:`brainseg.saliency.target.Target` and returns a map per image, (n, h, w).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from brainseg.backend import keras
from brainseg.errors import BrainsegError, known
from brainseg.saliency.attention import attention
from brainseg.saliency.cam import hires_cam, seg_grad_cam, seg_xres_cam
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
from brainseg.saliency.target import Array, Target, weights_not_finite

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
    "occlusion": occlusion,
    "RISE": rise,
    "attention": attention,
}
"""All methods, by the names that figures and tables use."""


def known_methods(names: Sequence[str]) -> list[str]:
    """The same names, if all of them are in :data:`METHODS`."""
    return [known(name, METHODS, "method") for name in names]


def explain(
    method: str,
    model: "keras.Model",
    images: Array,
    region: Region,
    batch_size: int = 32,
    **options: Any,
) -> Array:
    """Saliency maps of images by a method's name, (n, h, w).

    Args:
        method: One of :data:`METHODS`.
        model, images, region, batch_size: As :class:`brainseg.saliency.target.Target`.
        options: Of the method: the function of :data:`METHODS` says which and what its values mean.

    Raises:
        BrainsegError: If there is no such method, the images do not fit the model, they or its weights have values that
            are not finite, the region is empty in an image, or a value of the map is not finite.

    >>> from brainseg.models import build
    >>> explain("HiResCAM", build("deeplab", size=16, width=2), np.zeros((1, 16, 16, 3), np.float32), "whole").shape
    (1, 16, 16)
    """
    known(method, METHODS, "method")
    expected = model.input_shape[1:]
    if images.ndim != 4 or images.shape[1:] != expected:
        raise BrainsegError(f"received images of shape {images.shape}, expected (n, {', '.join(map(str, expected))})")
    # Asked here, because the ReLU of a backend may make a finite number of what is none.
    if strange := _not_finite(images):
        raise BrainsegError(
            f"received values that are not finite in image {strange}, expected 0 to 1: clean or leave out these images"
        )
    if unknown := weights_not_finite(model):
        raise BrainsegError(f"received a model with weights that are not finite, {unknown[0]} first: train it anew")
    maps = METHODS[method](Target(model, images, region, batch_size), **options)
    if broken := _not_finite(maps):
        raise BrainsegError(
            f"{method} gives values that are not finite for image {broken}: are the weights and the images very large?"
        )
    return maps


def _not_finite(arrays: Array) -> str:
    """The numbers of the arrays that have a value that is not finite."""
    return ", ".join(str(i) for i, array in enumerate(arrays) if not np.isfinite(array).all())
