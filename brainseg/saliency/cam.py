"""Maps from the features of a layer, weighted by the gradient: class activation maps for segmentation.

``layer`` is the name of that layer; None is that of :func:`coarsest_layer`.
"""

from typing import TYPE_CHECKING

import numpy as np

from brainseg.errors import BrainsegError
from brainseg.opencv import cv2
from brainseg.saliency.target import Array, Target, layers

if TYPE_CHECKING:
    from brainseg.backend import keras


def seg_grad_cam(target: Target, *, layer: str | None = None) -> Array:
    """Where the channels of a layer are active that raise the score; 0 or more, not normalised.

    Each channel is weighted by the mean of the gradient over all places; the weighted sum is cut off at zero and
    enlarged to the image, bilinearly. Vinogradova, Dibrov and Myers 2020, "Towards interpretable semantic segmentation
    via gradient-weighted class activation mapping", equation 2.
    """
    return seg_xres_cam(target, layer=layer, window=None)


def hires_cam(target: Target, *, layer: str | None = None) -> Array:
    """Like :func:`seg_grad_cam`, but each feature is weighted by the gradient at its own place.

    So nothing is shown where nothing contributed. Draelos and Carin 2020, "Use HiResCAM instead of Grad-CAM", equation
    4, with the sum of logits over the region in place of a class score.
    """
    return seg_xres_cam(target, layer=layer, window=1)


def seg_xres_cam(target: Target, *, layer: str | None = None, window: int | None = 2) -> Array:
    """Between the two: each feature is weighted by the mean gradient in its window.

    Hasany, Petitjean and Mériaudeau 2023, "Seg-XRes-CAM: explaining spatially local regions in image segmentation",
    section 3. A window of 1 is :func:`hires_cam`, one of the layer's whole size is :func:`seg_grad_cam`.

    Args:
        window: Side of the windows, in pixels of the layer; it must divide the layer's size. None: the whole layer.
    """
    features, gradient = target.features(layer or coarsest_layer(target.model))
    maps = (features * _pooled(gradient, window)).sum(axis=-1)
    return enlarged(np.maximum(maps, 0), target)


def published_grad_cam(target: Target, *, layer: str | None = None) -> Array:
    """Grad-CAM as the study made it; 0 to 1, the largest value of a map that is not empty is 1.

    Explained is the mean tumour probability of the region, which is the whole image in the study, and not the logits;
    the weighted channels are averaged and not summed, which changes nothing once the map is divided by its maximum. No
    method of :data:`brainseg.saliency.METHODS`: at the layer that the study names, it gives the answer again.

    Args:
        layer: None: the one that the study's notebook names, the output.

    >>> from brainseg.models import build
    >>> model, images = build("deeplab", size=16, width=2), np.random.default_rng(0).random((1, 16, 16, 3), np.float32)
    >>> answer = model.predict_on_batch(images)[..., 0]
    >>> bool(np.allclose(published_grad_cam(Target(model, images, "whole")), answer / answer.max(), atol=1e-6))
    True
    """
    probability = target.mean_probability()
    features, gradient = probability.features(layer or probability.output)
    maps = np.maximum((features * _pooled(gradient, None)).mean(axis=-1), 0)
    highest = maps.max(axis=(1, 2), keepdims=True)
    return enlarged(np.divide(maps, highest, out=np.zeros_like(maps), where=highest > 0), target)


def coarsest_layer(model: "keras.Model") -> str:
    """The last of the layers with the lowest resolution: where a model has seen most of the image.

    >>> from brainseg.models import build
    >>> coarsest_layer(build("deeplab", size=16, width=2))
    'decoder_2_conv_1'
    """
    sizes = {name: model.get_layer(name).output.shape[1] for name in layers(model)}
    return [name for name, size in sizes.items() if size == min(sizes.values())][-1]


def enlarged(maps: Array, target: Target) -> Array:
    """Maps at the size of the target's images, bilinearly."""
    height, width = target.images.shape[1:3]
    return np.stack([cv2.resize(one, (width, height), interpolation=cv2.INTER_LINEAR) for one in maps])


def _pooled(gradient: Array, window: int | None) -> Array:
    """Mean over windows, put back in each of their places; shape as before."""
    if window is None:
        return np.asarray(np.mean(gradient, axis=(1, 2), keepdims=True))
    n, height, width, channels = gradient.shape
    if window < 1 or height % window or width % window:
        raise BrainsegError(f"received a window of {window}, expected one that divides the layer's {height} × {width}")
    blocks = gradient.reshape(n, height // window, window, width // window, window, channels)
    means: Array = np.mean(blocks, axis=(2, 4), dtype=np.float32)
    return means.repeat(window, axis=1).repeat(window, axis=2)
