"""Maps from what a change of the image does to the score: the model is only asked, never differentiated."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

import numpy as np

from brainseg.errors import BrainsegError
from brainseg.opencv import cv2
from brainseg.saliency.target import Array, Target

Thing = TypeVar("Thing")


def occlusion(target: Target, *, size: int = 8, stride: int = 4, fill: float = 0.0) -> Array:
    """What the score loses when a patch over the pixel is painted over, mean over patches; in logits, signed.

    Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks", section 4.2. The region is that of
    the image as it is.

    Args:
        size: Side of the patches in pixels.
        stride: Pixels from one patch to the next; at the edges patches are cut off.
        fill: Grey value to paint with.
    """
    n, height, width, _ = target.images.shape
    if not 1 <= stride <= size <= min(height, width):
        raise BrainsegError(
            f"received patches of {size} every {stride} pixels, expected 1 ≤ stride ≤ size ≤ {min(height, width)}"
        )
    starts = range(1 - stride, height, stride), range(1 - stride, width, stride)
    patches = [(slice(max(0, y), y + size), slice(max(0, x), x + size)) for y in starts[0] for x in starts[1]]
    loss, covered = np.zeros((n, height, width)), np.zeros((height, width))
    before = target.score()
    for i, image in enumerate(target.images):
        for some in _batches(patches, target.batch_size):
            painted = np.repeat(image[np.newaxis], len(some), axis=0)
            for copy, patch in zip(painted, some, strict=True):
                copy[patch] = fill
            for patch, after in zip(some, target.score(painted, [i] * len(some)), strict=True):
                loss[i][patch] += before[i] - after
    for patch in patches:
        covered[patch] += 1
    return (loss / covered).astype(np.float32)


def rise(target: Target, *, masks: int = 500, cells: int = 8, keep: float = 0.5, seed: int = 0) -> Array:
    """Mean score of the images in which a pixel stays visible, less the mean of all; in logits, signed.

    Petsiuk, Das and Saenko 2018, "RISE", equation 6 and section 3.2: random coarse masks, enlarged smoothly and
    shifted, darken the image. There the score is a probability; logits may be negative, so the mean score, which any
    pixel would get, is taken off.

    Args:
        masks: Their number; all images get the same.
        cells: Cells of a coarse mask in each direction.
        keep: Probability that a cell is kept.
        seed: Of the masks.
    """
    if masks < 2 or not 0 < keep < 1:
        raise BrainsegError(f"received {masks} masks that keep {keep}, expected 2 or more, and a share between 0 and 1")
    images, random = target.images, np.random.default_rng(seed)
    weighted, total = np.zeros(images.shape[:3]), np.zeros((len(images), 1, 1))
    visible = np.zeros(images.shape[1:3])
    for some in _batches(_smooth_masks(images.shape[1:3], masks, cells, keep, random), target.batch_size):
        drawn = np.stack(some)
        visible += drawn.sum(axis=0)
        for i, image in enumerate(images):
            values = target.score(image * drawn[..., np.newaxis], [i] * len(drawn)).astype(float)
            weighted[i] += np.tensordot(values, drawn, axes=1)
            total[i] += values.sum()
    return (weighted / visible - total / masks).astype(np.float32)


def _smooth_masks(
    shape: tuple[int, ...], number: int, cells: int, keep: float, random: np.random.Generator
) -> Iterator[Array]:
    height, width = shape
    cell = -(-height // cells), -(-width // cells)
    for _ in range(number):
        coarse = (random.random((cells + 1, cells + 1)) < keep).astype(np.float32)
        large = cv2.resize(coarse, ((cells + 1) * cell[1], (cells + 1) * cell[0]), interpolation=cv2.INTER_LINEAR)
        y, x = (int(random.integers(side)) for side in cell)
        yield np.asarray(large[y : y + height, x : x + width], np.float32)


def _batches(things: Iterable[Thing], batch_size: int) -> Iterator[list[Thing]]:
    rest = iter(things)
    while some := list(islice(rest, batch_size)):
        yield some
