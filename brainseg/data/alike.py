"""Near-duplicates: the same picture again, brighter or darker, mirrored, turned, or saved anew."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from brainseg.opencv import cv2

SIDE: Final = 64
"""Pixels to a side at which pictures are compared."""

ALIKE: Final = 0.985
"""Correlation from which two pictures count as one. Copies of the phantom's slices, brighter or darker by a quarter and
saved anew, have 0.99 or more. Neighbouring slices of a patient have up to 0.976 there and 0.973 in the study's images,
slices of different patients up to 0.91 and 0.94.
"""

_ROWS: Final = 256


def thumbnail(colours: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A picture, (height, width, 3), made grey and small, (SIDE, SIDE), with a mean of zero and a length of one.

    A picture of one grey value becomes zeros, and so is like none.
    """
    small = cv2.resize(colours, (SIDE, SIDE), interpolation=cv2.INTER_AREA).mean(axis=2, dtype=np.float32)
    small -= small.mean()
    length = np.linalg.norm(small)
    return np.asarray(small / length if length else small, np.float32)


def most_alike(asked: NDArray[np.float32], among: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """For each thumbnail, (n, SIDE, SIDE), the place of the most similar one among others, and their correlation.

    Of the eight ways to turn and mirror a picture, the one with the largest counts.

    >>> picture = np.random.default_rng(0).integers(0, 200, (2, 90, 80, 3), np.uint8)
    >>> there = np.stack([thumbnail(one) for one in picture])
    >>> places, correlation = most_alike(thumbnail(picture[1, :, ::-1] // 2 + 40)[None], there)
    >>> places, correlation > ALIKE
    (array([1]), array([ True]))
    """
    others = among.reshape(len(among), -1).T
    places, largest = np.zeros(len(asked), np.intp), np.full(len(asked), -1, np.float32)
    for start in range(0, len(asked), _ROWS):
        rows = slice(start, start + _ROWS)
        for mirrored in (asked[rows], asked[rows, :, ::-1]):
            for turns in range(4):
                turned = np.rot90(mirrored, turns, axes=(1, 2)).reshape(len(mirrored), -1)
                found = turned @ others
                best = found.argmax(axis=1)
                value = found[np.arange(len(best)), best]
                places[rows] = np.where(value > largest[rows], best, places[rows])
                largest[rows] = np.maximum(value, largest[rows])
    return places, largest
