"""Cleaning of predicted masks: seven operations, pipelines of them, and the choice of one on validation images.

Masks are stacks, (n, h, w), of 0 and 1 or Booleans. Results have the shape and type of the masks, which are not
changed.

Footprint
    That of dilation, erosion, opening and closing is a disc, see :func:`disc`.
Components and holes
    Pixels of a mask that meet at a side or a corner belong together (8-connected). A hole is background from which no
    path over the sides of pixels (4-connected) leads to the edge of the image.
Outside of the image
    Dilation, erosion and opening look at pixels of the image only, so that a tumour which the edge cuts is not eroded
    from there. Closing takes what lies outside for background: otherwise it would fill the gap between a mask and a
    nearby edge, as OpenCV does, see :func:`published_closing`. Either way an opening removes pixels only, a closing
    adds pixels only, and a second one changes nothing, also at the edge.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from brainseg.errors import BrainsegError
from brainseg.opencv import cv2
from brainseg.scores.masks import binary_mask, components
from brainseg.scores.metrics import dice

Masks = NDArray[Any]

SIZE = 128
"""Width of the images, in pixels, for which the radii and areas of a pipeline are given."""


def disc(radius: int) -> NDArray[np.uint8]:
    """Footprint of the pixels whose centres are at most ``radius`` pixels from the middle, (2·radius + 1)².

    >>> disc(2)
    array([[0, 0, 1, 0, 0],
           [0, 1, 1, 1, 0],
           [1, 1, 1, 1, 1],
           [0, 1, 1, 1, 0],
           [0, 0, 1, 0, 0]], dtype=uint8)
    """
    if radius < 0:
        raise BrainsegError(f"received a radius of {radius} pixels, expected 0 or more")
    offsets = np.arange(-radius, radius + 1)
    return (offsets**2 + offsets[:, np.newaxis] ** 2 <= radius**2).astype(np.uint8)


def dilation(masks: Masks, radius: int) -> Masks:
    """Add every pixel that has a mask pixel within ``radius`` pixels.

    This and the next three: Serra 1982, "Image analysis and mathematical morphology".

    >>> dilation(np.array([[[0, 0, 0, 0, 0],
    ...                     [0, 0, 1, 0, 0],
    ...                     [0, 0, 0, 0, 0]]]), 1)
    array([[[0, 0, 1, 0, 0],
            [0, 1, 1, 1, 0],
            [0, 0, 1, 0, 0]]])
    """
    footprint = disc(radius)
    return _each(masks, lambda mask: cv2.dilate(mask, footprint))


def erosion(masks: Masks, radius: int) -> Masks:
    """Keep every mask pixel that has only mask pixels within ``radius`` pixels.

    >>> erosion(np.array([[[0, 0, 1, 1, 1],
    ...                    [0, 0, 1, 1, 1],
    ...                    [0, 0, 0, 0, 0]]]), 1)
    array([[[0, 0, 0, 1, 1],
            [0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0]]])
    """
    footprint = disc(radius)
    return _each(masks, lambda mask: cv2.erode(mask, footprint))


def opening(masks: Masks, radius: int) -> Masks:
    """Erosion, then dilation: remove what the disc does not fit into.

    >>> opening(np.array([[[0, 0, 1, 0, 0, 0, 0],
    ...                    [0, 1, 1, 1, 1, 1, 0],
    ...                    [0, 0, 1, 0, 0, 0, 0]]]), 1)
    array([[[0, 0, 1, 0, 0, 0, 0],
            [0, 1, 1, 1, 0, 0, 0],
            [0, 0, 1, 0, 0, 0, 0]]])
    """
    footprint = disc(radius)
    return _each(masks, lambda mask: cv2.morphologyEx(mask, cv2.MORPH_OPEN, footprint))


def closing(masks: Masks, radius: int) -> Masks:
    """Dilation, then erosion: add the background that the disc does not fit into.

    >>> closing(np.array([[[0, 1, 1, 0, 1, 1, 0],
    ...                    [0, 1, 1, 0, 1, 1, 0],
    ...                    [0, 1, 1, 0, 1, 1, 0]]]), 1)
    array([[[0, 1, 1, 0, 1, 1, 0],
            [0, 1, 1, 1, 1, 1, 0],
            [0, 1, 1, 0, 1, 1, 0]]])
    """
    footprint = disc(radius)

    def closed(mask: NDArray[np.uint8]) -> NDArray[Any]:
        wide = cv2.copyMakeBorder(mask, radius, radius, radius, radius, cv2.BORDER_CONSTANT, value=0)
        height, width = mask.shape
        return cv2.morphologyEx(wide, cv2.MORPH_CLOSE, footprint)[radius : radius + height, radius : radius + width]

    return _each(masks, closed)


def published_closing(masks: Masks) -> Masks:
    """The closing that the study applied to its training labels, by OpenCV's 5×5 "ellipse".

    The ellipse has 17 pixels, ``disc(2)`` has 13. OpenCV looks at pixels of the image only: a mask that comes within
    two pixels of the edge can grow to it. A filled rectangle farther inside is left as it is. Closed before the
    threshold or after it, as the study does, a mask is the same.

    >>> published_closing(np.array([[[0, 1, 1, 0, 0, 1, 0, 0, 0]]]))
    array([[[1, 1, 1, 1, 1, 1, 0, 0, 0]]])
    """
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    return _each(masks, lambda mask: cv2.morphologyEx(mask, cv2.MORPH_CLOSE, ellipse))


def fill_holes(masks: Masks) -> Masks:
    """Add the background that the mask encloses.

    >>> fill_holes(np.array([[[0, 1, 1, 0, 1, 1],
    ...                       [1, 0, 0, 1, 0, 0],
    ...                       [0, 1, 1, 0, 1, 1]]]))
    array([[[0, 1, 1, 0, 1, 1],
            [1, 1, 1, 1, 0, 0],
            [0, 1, 1, 0, 1, 1]]])
    """
    return _each(masks, ndimage.binary_fill_holes)


def largest_component(masks: Masks) -> Masks:
    """Keep the component with the most pixels; of equal ones, that which a reader of the image meets first.

    >>> largest_component(np.array([[[1, 0, 0, 0, 1],
    ...                              [0, 0, 1, 1, 0],
    ...                              [1, 0, 0, 0, 0]]]))
    array([[[0, 0, 0, 0, 1],
            [0, 0, 1, 1, 0],
            [0, 0, 0, 0, 0]]])
    """

    def largest(mask: NDArray[np.uint8]) -> NDArray[Any]:
        labels, areas = components(mask[np.newaxis])
        return np.asarray(mask & (labels[0] == areas.argmax()))

    return _each(masks, largest)


def remove_small(masks: Masks, pixels: int) -> Masks:
    """Remove the components of fewer than ``pixels`` pixels.

    >>> remove_small(np.array([[[1, 1, 0, 0, 1],
    ...                         [0, 0, 0, 1, 0],
    ...                         [1, 0, 0, 1, 0]]]), 3)
    array([[[0, 0, 0, 0, 1],
            [0, 0, 0, 1, 0],
            [0, 0, 0, 1, 0]]])
    """

    def kept(mask: NDArray[np.uint8]) -> NDArray[Any]:
        labels, areas = components(mask[np.newaxis])
        return np.asarray(mask & (areas >= pixels)[labels[0]])

    return _each(masks, kept)


WHOLE: Mapping[str, Callable[[Masks], Masks]] = {"fill_holes": fill_holes, "largest_component": largest_component}
"""Operations without an amount."""

MEASURED: Mapping[str, Callable[[Masks, int], Masks]] = {
    "dilation": dilation,
    "erosion": erosion,
    "opening": opening,
    "closing": closing,
    "remove_small": remove_small,
}
"""Operations with an amount: the area of ``remove_small``, the radius of the others."""


def _unknown(text: str) -> BrainsegError:
    known = ", ".join([*WHOLE, *(f"{name} N" for name in MEASURED)])
    return BrainsegError(f"received the operation {text!r}, expected one of {known}, with N a whole number from 0 up")


@dataclass(frozen=True)
class Operation:
    """One step of a pipeline.

    Args:
        name: Of :data:`WHOLE` or :data:`MEASURED`.
        amount: Of the latter: radius or area in pixels of an image :data:`SIZE` pixels wide.
    """

    name: str
    amount: int | None = None

    def __post_init__(self) -> None:
        measured = self.amount is not None and self.amount >= 0 and self.name in MEASURED
        whole = self.amount is None and self.name in WHOLE
        if not (measured or whole):
            raise _unknown(str(self))

    def __str__(self) -> str:
        return self.name if self.amount is None else f"{self.name} {self.amount}"

    @classmethod
    def parse(cls, text: str) -> "Operation":
        """The operation of which ``text`` is the ``str``."""
        written = re.fullmatch(r"(\w+)(?: (\d+))?", text)
        if written is None:
            raise _unknown(text)
        name, amount = written.groups()
        return cls(name, None if amount is None else int(amount))

    def __call__(self, masks: Masks) -> Masks:
        """Apply it to masks of any width: a radius grows with the width, an area with its square, both rounded up.

        A component is smaller than an area exactly if it is smaller than the area rounded up. Radii are coarser: at
        64 pixels, 1 and 2 are both 1 pixel.
        """
        if self.amount is None:
            return WHOLE[self.name](masks)
        scale = masks.shape[-1] / SIZE
        amount = self.amount * (scale**2 if self.name == "remove_small" else scale)
        return MEASURED[self.name](masks, int(np.ceil(amount)))


@dataclass(frozen=True)
class Pipeline:
    """Operations that are applied one after another; without any, masks stay as they are.

    >>> str(Pipeline.parse("fill_holes, remove_small 20")), str(Pipeline())
    ('fill_holes, remove_small 20', 'nothing')
    """

    operations: tuple[Operation, ...] = ()

    def __str__(self) -> str:
        return ", ".join(map(str, self.operations)) or "nothing"

    @classmethod
    def parse(cls, text: str) -> "Pipeline":
        """The pipeline of which ``text`` is the ``str``."""
        return cls(() if text == "nothing" else tuple(Operation.parse(step.strip()) for step in text.split(",")))


def apply(pipeline: Pipeline, masks: Masks) -> Masks:
    """Apply a pipeline to masks.

    >>> apply(Pipeline.parse("fill_holes, largest_component"), np.array([[[1, 1, 1, 0, 0],
    ...                                                                   [1, 0, 1, 0, 1],
    ...                                                                   [1, 1, 1, 0, 0]]]))
    array([[[1, 1, 1, 0, 0],
            [1, 1, 1, 0, 0],
            [1, 1, 1, 0, 0]]])
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
"""What :func:`choose` tries unless told otherwise."""


def choose(masks: Masks, truth: Masks, candidates: Sequence[Pipeline] = CANDIDATES) -> tuple[Pipeline, pd.DataFrame]:
    """Choose the pipeline with the highest mean Dice per image: on validation images, never on test images.

    Masks are left as they are unless a pipeline raises the mean, the rule of nnU-Net (Isensee et al. 2021, "nnU-Net: a
    self-configuring method for deep learning-based biomedical image segmentation"). Of equal ones the shorter is
    chosen, then the earlier. Dice is that of :func:`brainseg.scores.metrics.dice`: a healthy image counts, with 0,
    while something is predicted in it, so that the mean also rises where a false alarm is removed altogether.

    Args:
        masks, truth: Predicted and true binary masks of the validation images, (n, h, w).
        candidates: What to try beside doing nothing.

    Returns:
        Pipeline, DataFrame: The chosen one; and one row per candidate, the first for doing nothing, with columns
            ``candidate``, ``dice`` (mean over images), ``change`` (mean over the images that have a Dice before and
            after), ``better`` and ``worse`` (shares of all images, those whose Dice rises and falls).

    >>> truth = np.array([[[0, 1, 1, 0, 0, 0]]])
    >>> speckled = np.array([[[0, 1, 1, 0, 0, 1]]])
    >>> chosen, table = choose(speckled, truth, [Pipeline.parse("largest_component"), Pipeline.parse("erosion 1")])
    >>> str(chosen)
    'largest_component'
    >>> table.round(2)
               candidate  dice  change  better  worse
    0            nothing   0.8     0.0     0.0    0.0
    1  largest_component   1.0     0.2     1.0    0.0
    2          erosion 1   0.0    -0.8     0.0    1.0
    """
    before = dice(masks, truth)
    if not np.any(truth):
        raise BrainsegError("received truth without a tumour in any image, expected at least one to choose by")
    pipelines = list(dict.fromkeys([Pipeline(), *candidates]))
    after = np.stack([dice(apply(pipeline, masks), truth) for pipeline in pipelines])
    table = pd.DataFrame(
        {
            "candidate": [str(pipeline) for pipeline in pipelines],
            "dice": np.nanmean(after, axis=1),
            "change": np.nanmean(after - before, axis=1),
            "better": np.mean(after > before, axis=1),
            "worse": np.mean(after < before, axis=1),
        }
    )
    best = [pipeline for pipeline, mean in zip(pipelines, table["dice"], strict=True) if mean == table["dice"].max()]
    return min(best, key=lambda pipeline: len(pipeline.operations)), table


def _each(masks: Masks, operation: Callable[[NDArray[np.uint8]], NDArray[Any]]) -> Masks:
    """The masks after an operation on each."""
    if np.ndim(masks) != 3:
        raise BrainsegError(f"received masks of shape {np.shape(masks)}, expected (n, h, w)")
    results = np.empty_like(masks)
    for mask, result in zip(binary_mask(masks, "mask").astype(np.uint8), results, strict=True):
        result[...] = operation(mask)
    return results
