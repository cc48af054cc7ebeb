"""Binary masks: what every score asks of them, their boundaries and their connected components."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from brainseg.errors import BrainsegError

_NEIGHBOURS = np.pad(np.ones((1, 3, 3), bool), ((1, 1), (0, 0), (0, 0)))  # by edge or corner, in the same image


def binary_mask(mask: ArrayLike, name: str) -> NDArray[np.bool_]:
    """The mask as Booleans, refused by its name where a value is neither 0 nor 1.

    >>> binary_mask([0, 1], "truth")
    array([False,  True])
    """
    values = np.asarray(mask)
    binary = values.astype(bool)
    if not np.array_equal(binary, values):
        raise BrainsegError(
            f"received a {name} with values from {values.min()} to {values.max()}, expected only 0 and 1: "
            "apply a threshold first"
        )
    return binary


def require_one_shape(prediction: NDArray[Any], truth: NDArray[Any]) -> None:
    """Refuse a prediction that is not of the shape of the truth."""
    if prediction.shape != truth.shape:
        raise BrainsegError(
            f"received a prediction of shape {prediction.shape} and a truth of shape {truth.shape}, expected one shape"
        )


def mask_pair(prediction: ArrayLike, truth: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Predicted and true masks of the same images as Booleans, (n, h, w) each; refuses anything else."""
    predicted, actual = binary_mask(prediction, "prediction"), binary_mask(truth, "truth")
    require_one_shape(predicted, actual)
    if actual.ndim != 3:
        raise BrainsegError(f"received masks of shape {actual.shape}, expected (n, h, w)")
    return predicted, actual


def boundary(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels of one mask, (h, w), of whose four neighbours one is outside the mask or the image.

    >>> boundary(np.ones((3, 3), bool)).astype(int)
    array([[1, 1, 1],
           [1, 0, 1],
           [1, 1, 1]])
    """
    return mask & ~ndimage.binary_erosion(mask)


class SurfaceDistances(NamedTuple):
    """Of one image, in pixels, from each boundary pixel of one mask to the nearest of the other.

    A mask without pixels has no distances, and those to it are infinite.
    """

    from_prediction: NDArray[np.float64]
    from_truth: NDArray[np.float64]


def surface_distances(prediction: ArrayLike, truth: ArrayLike) -> Iterator[SurfaceDistances]:
    """Euclidean distances between the :func:`boundary` pixels of the two masks of each image.

    >>> (image,) = surface_distances([[[1, 1, 0, 0]]], [[[1, 1, 1, 1]]])
    >>> image.from_prediction, image.from_truth
    (array([0., 0.]), array([0., 0., 1., 2.]))
    """
    for predicted, actual in zip(*mask_pair(prediction, truth), strict=True):
        box = _bounding_box(predicted | actual)
        ours, theirs = boundary(predicted[box]), boundary(actual[box])
        yield SurfaceDistances(_distances(ours, theirs), _distances(theirs, ours))


def components(masks: NDArray[np.bool_ | np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The components of masks, (n, h, w): pixels of an image that meet at an edge or a corner (8-connected).

    Returns:
        labels, pixels: Of each pixel the number of its component, in reading order from 1; 0 is background. And by
            these numbers how many pixels a component has, none for background.

    >>> components(np.array([[[1, 1, 0, 1]], [[0, 0, 1, 0]]], bool))
    (array([[[1, 1, 0, 2]],
    <BLANKLINE>
           [[0, 0, 3, 0]]]), array([0, 2, 1, 1]))
    """
    labels = np.asarray(ndimage.label(masks, _NEIGHBOURS)[0], np.int64)
    pixels = np.bincount(labels.ravel(), minlength=1)
    pixels[0] = 0
    return labels, pixels


def _bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    """The smallest box around the mask; all of it if it is empty."""
    boxes = ndimage.find_objects(mask.astype(np.uint8))
    return boxes[0] if boxes else (slice(None), slice(None))


def _distances(start: NDArray[np.bool_], target: NDArray[np.bool_]) -> NDArray[np.float64]:
    if not target.any():
        return np.full(np.count_nonzero(start), np.inf)
    return ndimage.distance_transform_edt(~target)[start]
