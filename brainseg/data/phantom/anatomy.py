"""The head: brain tissue from the MNI152 templates, and a model of what surrounds it.

All coordinates are millimetres in MNI space: x to the right, y to the front, z upwards.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from brainseg.data.phantom.noise import Field, Points


@dataclass(frozen=True)
class Volume:
    """Values on a regular grid in MNI space."""

    values: NDArray[np.float32]
    origin: tuple[float, float, float]
    spacing: float

    def at(self, points: Points, outside: float = 0.0) -> Field:
        """Linear interpolation at points (3, …) in mm; `outside` beyond the grid."""
        origin = np.array(self.origin, np.float32).reshape(3, *(1,) * (points.ndim - 1))
        coordinates = (points - origin) / np.float32(self.spacing)
        return ndimage.map_coordinates(self.values, coordinates, order=1, cval=outside)


@dataclass(frozen=True)
class Atlas:
    """Tissue maps of the average brain (0 to 1) and the signed distance to the inner skull (mm, inside < 0)."""

    grey: Volume
    white: Volume
    brain: Volume
    cavity: Volume


@lru_cache(maxsize=1)
def load_atlas() -> Atlas:
    """The MNI152 (2009a, nonlinear, symmetric) maps shipped with nilearn; nothing is downloaded."""
    from nilearn.datasets import load_mni152_gm_template, load_mni152_template, load_mni152_wm_template

    images = (load_mni152_gm_template(resolution=1), load_mni152_wm_template(resolution=1),
              load_mni152_template(resolution=1))
    origin = tuple(float(v) for v in images[0].affine[:3, 3])
    grey, white, t1 = (Volume(np.asarray(i.dataobj, np.float32), origin, 1.0) for i in images)
    brain = Volume((t1.values > 0).astype(np.float32), origin, 1.0)
    return Atlas(grey, white, brain, _cavity(brain))


def _cavity(brain: Volume) -> Volume:
    origin, spacing = (-110.0, -150.0, -170.0), 2.0
    axes = [np.arange(o, e, spacing, dtype=np.float32) for o, e in zip(origin, (111, 131, 111), strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"))
    inside = brain.at(grid) > 0.5
    distance = ndimage.distance_transform_edt(~inside) - ndimage.distance_transform_edt(inside)
    closed = ndimage.distance_transform_edt(distance < 5) > 4
    distance = ndimage.distance_transform_edt(~closed) - ndimage.distance_transform_edt(closed)
    distance = ndimage.gaussian_filter(distance.astype(np.float32) * spacing, 1.0)
    return Volume(distance, origin, spacing)
