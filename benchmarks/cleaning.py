"""Morphology of 1,000 masks: this package, and loops over the masks with scikit-image and with SciPy."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Race, Side, Work

COUNT, SIZE = 1000, 128
OPERATIONS = ("dilation 2", "erosion 2", "opening 2", "closing 2", "fill_holes", "largest_component", "remove_small 50")
Mask = NDArray[Any]


def races() -> list[Race]:
    """Every operation."""
    return [race(operation, COUNT) for operation in OPERATIONS]


def smoke_races() -> list[Race]:
    """Two operations on fewer masks."""
    return [race(operation, COUNT // 10, rounds=5) for operation in ("opening 2", "remove_small 50")]


def race(operation: str, count: int, rounds: int = 7) -> Race:
    """One operation."""
    options = {"operation": operation, "count": count}
    libraries = {"scikit-image": "scikit_image", "SciPy": "scipy"}
    peers = tuple(Side(f"{title}, mask by mask", f"cleaning:{name}", options) for title, name in libraries.items())
    ours = Side("brainseg", "cleaning:ours", options)
    return Race("morphology", operation.replace("_", " "), ours, peers, tolerance=0, rounds=rounds)


def blobs(count: int, size: int = SIZE) -> Mask:
    """Masks of some blobs with holes, away from the edge, (count, size, size), 0 and 1."""
    from scipy import ndimage

    noise = np.random.default_rng(0).standard_normal((count, size, size)).astype(np.float32)
    smooth = ndimage.gaussian_filter(noise, (0, 3, 3))
    masks = (smooth > smooth.std()).astype(np.uint8)
    edge = np.pad(np.ones((size - 20, size - 20), np.uint8), 10)
    return np.asarray(masks * edge)


def ours(operation: str, count: int) -> Work:
    """All masks at once."""
    from brainseg.morphology import Pipeline, apply

    masks, pipeline = blobs(count), Pipeline.parse(operation)
    return lambda: apply(pipeline, masks)


def scikit_image(operation: str, count: int) -> Work:
    """A loop over the masks with scikit-image."""
    import skimage

    measure: Any = skimage.measure
    morphology: Any = skimage.morphology

    def largest(mask: Mask) -> Mask:
        labels = measure.label(mask, connectivity=2)
        return np.asarray(labels == np.bincount(labels.ravel())[1:].argmax() + 1)

    disc, sides = morphology.disk(2), morphology.disk(1)
    return _loop(
        operation,
        count,
        {
            "dilation 2": lambda mask: morphology.dilation(mask, disc),
            "erosion 2": lambda mask: morphology.erosion(mask, disc),
            "opening 2": lambda mask: morphology.opening(mask, disc),
            "closing 2": lambda mask: morphology.closing(mask, disc),
            "fill_holes": lambda mask: morphology.reconstruction(_seed(mask), mask, "erosion", sides),
            "largest_component": largest,
            "remove_small 50": lambda mask: morphology.remove_small_objects(mask > 0, max_size=49, connectivity=2),
        },
    )


def scipy(operation: str, count: int) -> Work:
    """A loop over the masks with SciPy."""
    from scipy import ndimage

    from brainseg.morphology import disc

    footprint, corners = disc(2), np.ones((3, 3))

    def by_area(mask: Mask, keep: Callable[[Mask], Any]) -> Mask:
        labels, number = ndimage.label(mask, corners)
        areas = ndimage.sum_labels(mask, labels, range(1, number + 1))
        return np.isin(labels, np.flatnonzero(keep(areas)) + 1)

    return _loop(
        operation,
        count,
        {
            "dilation 2": lambda mask: ndimage.binary_dilation(mask, footprint),
            "erosion 2": lambda mask: ndimage.binary_erosion(mask, footprint),
            "opening 2": lambda mask: ndimage.binary_opening(mask, footprint),
            "closing 2": lambda mask: ndimage.binary_closing(mask, footprint),
            "fill_holes": ndimage.binary_fill_holes,
            "largest_component": lambda mask: by_area(mask, lambda areas: np.arange(len(areas)) == areas.argmax()),
            "remove_small 50": lambda mask: by_area(mask, lambda areas: areas >= 50),
        },
    )


def _loop(operation: str, count: int, operations: Mapping[str, Callable[[Mask], Any]]) -> Work:
    masks, do = blobs(count), operations[operation]
    return lambda: np.stack([do(mask) for mask in masks]).astype(np.uint8)


def _seed(mask: Mask) -> Mask:
    """Where scikit-image's reconstruction starts: one everywhere but at the edge of the image."""
    seed = np.ones_like(mask)
    seed[0], seed[-1], seed[:, 0], seed[:, -1] = mask[0], mask[-1], mask[:, 0], mask[:, -1]
    return seed
