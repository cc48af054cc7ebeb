"""Cleaning of predicted masks: seven operations, pipelines of them, and the choice of one on validation images.

Masks are stacks (n, h, w) of 0 and 1, or booleans; results have the same type, and the input is not changed. The
footprint of the first four is a disc. Components and holes: two pixels belong together if they touch, be it at a
corner; a hole is background that is not connected to the edge of the image over sides of pixels.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from brainseg.errors import BrainsegError
from brainseg.masks import binary_mask
from brainseg.metrics import dice

Masks = NDArray[Any]

SIZE = 128
"""Side of the images, in pixels, for which the radii and areas of a pipeline are given."""

CORNERS = np.ones((3, 3), bool)


def disc(radius: int) -> NDArray[np.uint8]:
    """Disc of pixels whose centres are at most `radius` from the middle one, (2·radius + 1)².

    Examples
    --------
    >>> disc(1)
    array([[0, 1, 0],
           [1, 1, 1],
           [0, 1, 0]], dtype=uint8)
    """
    if radius < 0:
        raise BrainsegError(f"received a radius of {radius} pixels, expected 0 or more")
    offsets = np.arange(-radius, radius + 1)
    return (offsets**2 + offsets[:, np.newaxis] ** 2 <= radius**2).astype(np.uint8)


def dilation(masks: Masks, radius: int) -> Masks:
    """Add every pixel that has a mask pixel within `radius`.

    Serra 1982, "Image analysis and mathematical morphology". Outside of the image there is no tumour.

    Raises
    ------
    BrainsegError
        If the masks are not (n, h, w) with values 0 and 1, or the radius is negative; so in all functions here.

    Examples
    --------
    >>> print(picture(dilation(drawing("-----", "--#--", "-----"), 1)))
    --#--
    -###-
    --#--
    """
    return _each(masks, lambda mask: cv2.dilate(mask, disc(radius), borderType=cv2.BORDER_CONSTANT, borderValue=0))


def erosion(masks: Masks, radius: int) -> Masks:
    """Keep every pixel that has only mask pixels within `radius`; what lies outside of the image is not asked.

    Examples
    --------
    >>> print(picture(erosion(drawing("-----", "-###-", "-###-", "-###-", "-----"), 1)))
    -----
    -----
    --#--
    -----
    -----
    """
    return _each(masks, lambda mask: cv2.erode(mask, disc(radius), borderType=cv2.BORDER_CONSTANT, borderValue=1))


def opening(masks: Masks, radius: int) -> Masks:
    """Erosion, then dilation: remove what the disc does not fit into, keep the rest in place.

    Examples
    --------
    >>> print(picture(opening(drawing("-------", "--#----", "-#####-", "--#----", "-------"), 1)))
    -------
    --#----
    -###---
    --#----
    -------
    """
    return dilation(erosion(masks, radius), radius)


def closing(masks: Masks, radius: int) -> Masks:
    """Dilation, then erosion: fill what a disc outside of the mask does not fit into, keep the rest in place.

    The image is continued by background while the mask grows, so that closing never removes a pixel at the edge.

    Examples
    --------
    >>> print(picture(closing(drawing("-------", "-##-##-", "-##-##-", "-##-##-", "-------"), 1)))
    -------
    -##-##-
    -#####-
    -##-##-
    -------
    """
    margin = [(0, 0), (radius, radius), (radius, radius)]
    grown = dilation(np.pad(_checked(masks), margin), radius) if radius > 0 else masks
    closed = erosion(grown, radius)
    return closed[:, radius:-radius, radius:-radius] if radius > 0 else closed


def fill_holes(masks: Masks) -> Masks:
    """Add the background that the mask encloses.

    Examples
    --------
    >>> print(picture(fill_holes(drawing("-####-", "-#--#-", "-####-"))))
    -####-
    -####-
    -####-
    """
    return _each(masks, ndimage.binary_fill_holes)


def largest_component(masks: Masks) -> Masks:
    """Keep the component with the most pixels; of several, the first from above.

    Examples
    --------
    >>> print(picture(largest_component(drawing("#----", "--##-", "--##-"))))
    -----
    --##-
    --##-
    """

    def largest(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
        labels, areas = _components(mask)
        return labels == 1 + np.argmax(areas) if len(areas) else mask.astype(bool)

    return _each(masks, largest)


def remove_small(masks: Masks, pixels: int) -> Masks:
    """Remove the components of fewer than so many pixels.

    Examples
    --------
    >>> print(picture(remove_small(drawing("#----", "--##-", "--##-"), 4)))
    -----
    --##-
    --##-
    """

    def kept(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
        labels, areas = _components(mask)
        return np.concatenate([[False], areas >= pixels])[labels]

    return _each(masks, kept)


def drawing(*rows: str) -> NDArray[np.uint8]:
    """One mask, (1, h, w), from rows of dashes and crosses.

    Examples
    --------
    >>> drawing("-#", "##").tolist()
    [[[0, 1], [1, 1]]]
    """
    return np.array([[[character == "#" for character in row] for row in rows]], np.uint8)


def picture(masks: Masks) -> str:
    """The first mask of a stack as rows of dashes and crosses."""
    return "\n".join("".join("-#"[int(pixel)] for pixel in row) for row in masks[0])


@dataclass(frozen=True)
class Operation:
    """One step of a pipeline: its name, and its radius or area in pixels of a 128-pixel image, if it has one."""

    name: str
    amount: int | None = None

    def __str__(self) -> str:
        return self.name if self.amount is None else f"{self.name} {self.amount}"

    def __call__(self, masks: Masks) -> Masks:
        """Apply it to masks of any size: radii and areas are scaled with the image, and rounded up."""
        scale = masks.shape[-1] / SIZE
        if self.name in WHOLE:
            return WHOLE[self.name](masks)
        if self.amount is None or self.name not in MEASURED:
            known = ", ".join([*WHOLE, *(f"{name} N" for name in MEASURED)])
            raise BrainsegError(f"received the operation {str(self)!r}, expected one of: {known}")
        power = 2 if self.name == "remove_small" else 1
        return MEASURED[self.name](masks, int(np.ceil(self.amount * scale**power)))


WHOLE: Mapping[str, Callable[[Masks], Masks]] = {"fill_holes": fill_holes, "largest_component": largest_component}
MEASURED: Mapping[str, Callable[[Masks, int], Masks]] = {
    "dilation": dilation,
    "erosion": erosion,
    "opening": opening,
    "closing": closing,
    "remove_small": remove_small,
}


@dataclass(frozen=True)
class Pipeline:
    """Operations that are applied one after another; none leaves masks as they are.

    Examples
    --------
    >>> str(Pipeline.parse("fill_holes, remove_small 20")), str(Pipeline())
    ('fill_holes, remove_small 20', 'nothing')
    """

    operations: tuple[Operation, ...] = ()

    def __str__(self) -> str:
        return ", ".join(map(str, self.operations)) or "nothing"

    @classmethod
    def parse(cls, text: str) -> "Pipeline":
        """The pipeline that is written so."""
        steps = [] if text == "nothing" else [step.split() for step in text.split(",")]
        return cls(tuple(Operation(name, *map(int, amount)) for name, *amount in steps))


def apply(pipeline: Pipeline, masks: Masks) -> Masks:
    """Apply a pipeline to masks.

    Examples
    --------
    >>> print(picture(apply(Pipeline.parse("fill_holes, largest_component"), drawing("###--", "#-#-#", "###--"))))
    ###--
    ###--
    ###--
    """
    for operation in pipeline.operations:
        masks = operation(masks)
    return masks


CANDIDATES = tuple(
    Pipeline.parse(text)
    for text in (
        "nothing",
        "fill_holes",
        "largest_component",
        "remove_small 20",
        "remove_small 50",
        "opening 1",
        "opening 2",
        "closing 2",
        "closing 4",
        "dilation 1",
        "erosion 1",
        "closing 2, fill_holes",
        "fill_holes, remove_small 50",
        "fill_holes, largest_component",
        "opening 2, largest_component, fill_holes",
    )
)
"""What :func:`choose` tries; the first is to do nothing."""


def choose(masks: Masks, truth: Masks, candidates: Sequence[Pipeline] = CANDIDATES) -> tuple[Pipeline, pd.DataFrame]:
    """Choose the pipeline with the highest mean Dice per image: on validation images, never on test images.

    A pipeline is preferred to an earlier one only if it is better, so that doing nothing is kept unless something
    helps: the rule of nnU-Net (Isensee et al. 2021, "nnU-Net", post-processing).

    Parameters
    ----------
    masks, truth
        Predicted and true binary masks of the validation images, (n, h, w).
    candidates
        What to try; the first is what all are compared with.

    Returns
    -------
    Pipeline, DataFrame
        The chosen one, and one row per candidate: ``candidate``, ``dice`` (mean over images), ``better`` and ``worse``
        (shares of images whose Dice rises or falls against the first).

    Raises
    ------
    BrainsegError
        As the operations, and if there is no candidate.

    Examples
    --------
    >>> truth = drawing("-----", "-##--", "-##--", "-----")
    >>> speckled = drawing("----#", "-##--", "-##--", "-----")
    >>> chosen, table = choose(speckled, truth, [Pipeline(), Pipeline.parse("largest_component")])
    >>> str(chosen), table["dice"].round(2).tolist()
    ('largest_component', [0.89, 1.0])
    """
    if not candidates:
        raise BrainsegError("received no candidate, expected at least one pipeline")
    scores = [dice(apply(candidate, masks), truth) for candidate in candidates]
    table = pd.DataFrame(
        {
            "candidate": [str(candidate) for candidate in candidates],
            "dice": [np.nanmean(score) for score in scores],
            "better": [np.mean(score > scores[0]) for score in scores],
            "worse": [np.mean(score < scores[0]) for score in scores],
        }
    )
    return candidates[int(table["dice"].argmax())], table


def _each(masks: Masks, operation: Callable[[NDArray[np.uint8]], NDArray[Any]]) -> Masks:
    checked = _checked(masks)
    return np.stack([operation(mask) for mask in checked.astype(np.uint8)]).astype(checked.dtype)


def _checked(masks: Masks) -> Masks:
    array = np.asarray(masks)
    if array.ndim != 3 or not len(array):
        raise BrainsegError(f"received masks of shape {array.shape}, expected (n, h, w) with at least one mask")
    binary_mask(array, "mask")
    return array


def _components(mask: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Labels from 1 on, and the number of pixels of each."""
    labels = np.asarray(ndimage.label(mask, CORNERS)[0], np.intp)
    return labels, np.bincount(labels.ravel())[1:]
