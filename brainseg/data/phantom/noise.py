"""Smooth random fields in space, for everything that varies between people and tissues."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Points = NDArray[np.float32]
Field = NDArray[np.float32]

TILE = 96
CYCLES = 6


@lru_cache(maxsize=1)
def _tile() -> Field:
    """A periodic random volume of zero mean and unit variance, band-limited around `CYCLES` per side."""
    white = np.random.default_rng(0).standard_normal((TILE,) * 3)
    frequency = np.fft.fftfreq(TILE, 1 / TILE)
    radius = np.sqrt(sum(axis**2 for axis in np.meshgrid(*(frequency,) * 3, indexing="ij")))
    band = np.exp(-0.5 * ((radius - CYCLES) / (0.35 * CYCLES)) ** 2)
    tile = np.fft.ifftn(np.fft.fftn(white) * band).real
    return np.asarray(tile / tile.std(), np.float32)


def smooth_noise(points: Points, wavelength: float, seed: int) -> Field:
    """Zero-mean, unit-variance noise at points in space.

    Args:
        points: Coordinates in mm, shape (3, …).
        wavelength: Typical distance between two crests, in mm.
        seed: Another seed is another field.
    """
    offset = np.random.default_rng(seed).uniform(0, TILE, 3).astype(np.float32)
    scale = np.float32(TILE / CYCLES / wavelength)
    coordinates = points * scale + offset.reshape(3, *(1,) * (points.ndim - 1))
    return np.asarray(ndimage.map_coordinates(_tile(), coordinates, order=1, mode="grid-wrap"), np.float32)
