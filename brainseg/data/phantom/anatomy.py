"""The head: brain tissue from the MNI152 templates, and a model of what surrounds it.

All coordinates are millimetres in MNI space: x to the right, y to the front, z upwards. Shapes are volumes of signed
distance to a surface: negative inside, in mm.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from brainseg.data.phantom.noise import Field, Points

Point = tuple[float, float, float]

RIGHT, FRONT, UP = (0.0, 120.0), (-150.0, 130.0), (-190.0, 116.0)
SPACING = 2.0
FAR = 99.0


@dataclass(frozen=True)
class Volume:
    """Values on a regular grid in MNI space; `outside` beyond it."""

    values: NDArray[np.float32]
    origin: Point
    spacing: float
    outside: float = 0.0

    def at(self, points: Points) -> Field:
        """Linear interpolation at points (3, …) in mm."""
        origin = np.array(self.origin, np.float32).reshape(3, *(1,) * (points.ndim - 1))
        coordinates = (points - origin) / np.float32(self.spacing)
        return np.asarray(ndimage.map_coordinates(self.values, coordinates, order=1, cval=self.outside), np.float32)


@dataclass(frozen=True)
class Atlas:
    """The average head.

    Attributes:
        grey, white: Tissue maps of the brain, 0 to 1.
        t1: Grey values of the brain with sharpened edges: about 0.3 in liquor, 0.7 in grey and 0.9 in white matter.
        cavity: Inner surface of the skull.
        skin, air, muscle, bone, fat, eye, canal: Surfaces in the rest of the head: outer skin; sinuses and airways;
            muscles and tongue; bones of face and neck and base of the skull; orbits; eyeballs; spinal canal.
    """

    grey: Volume
    white: Volume
    t1: Volume
    cavity: Volume
    skin: Volume
    air: Volume
    muscle: Volume
    bone: Volume
    fat: Volume
    eye: Volume
    canal: Volume


@lru_cache(maxsize=1)
def load_atlas() -> Atlas:
    """The MNI152 (2009a, nonlinear, symmetric) maps shipped with nilearn, with a head; nothing is downloaded."""
    grey, white, t1 = (_template(name) for name in ("gm", "wm", "t1"))
    brain = t1.values > 0
    blurred = ndimage.gaussian_filter(t1.values, 1.5) / np.maximum(ndimage.gaussian_filter(brain * 1.0, 1.5), 0.1)
    sharp = np.where(brain, t1.values + 0.8 * (t1.values - blurred), 0).astype(np.float32)
    cavity = _cavity(replace(t1, values=brain.astype(np.float32)))
    return Atlas(grey, white, replace(t1, values=sharp), _mirrored(cavity), *_head(cavity))


def _template(name: str) -> Volume:
    """One of nilearn's maps, scaled to a maximum of 1; importing `nilearn.datasets` for it would take seconds."""
    folder = Path(str(files("nilearn"))) / "datasets" / "data"
    image = nibabel.Nifti1Image.from_filename(folder / f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz")
    values = np.asarray(image.dataobj, np.float32)
    x, y, z = (float(v) for v in image.affine[:3, 3])
    return Volume(values / values.max(), (x, y, z), 1.0)


def _cavity(brain: Volume) -> Field:
    """Right half of the brain with its sulci and ventricles closed; the templates are symmetric."""
    inside = brain.at(np.stack(np.meshgrid(*_axes(), indexing="ij"))) > 0.5
    return np.asarray(ndimage.gaussian_filter(_closed(inside, 10), 1.0), np.float32)


def _closed(inside: NDArray[np.bool_], gap: float) -> Field:
    """Distance to a shape whose gaps narrower than twice `gap` mm are filled."""
    grown = ndimage.distance_transform_edt(~inside) * SPACING < gap
    filled = ndimage.distance_transform_edt(grown) * SPACING > gap
    signed = ndimage.distance_transform_edt(~filled) - ndimage.distance_transform_edt(filled)
    return np.asarray(signed * SPACING, np.float32)


def _axes() -> list[Field]:
    """Coordinates of the right half of the grid for the head."""
    return [np.arange(a, b + 1, SPACING, dtype=np.float32) for a, b in (RIGHT, FRONT, UP)]


def _grid() -> list[Field]:
    return list(np.meshgrid(*_axes(), indexing="ij", sparse=True))


def _mirrored(half: Field) -> Volume:
    """Both halves of the head, from the right one."""
    return Volume(np.concatenate([half[:0:-1], half]), (-RIGHT[1], FRONT[0], UP[0]), SPACING, FAR)


# --- face, neck and base of the skull: set by eye, good for grey values only; x counts to both sides ------------------


def _head(cavity: Field) -> list[Volume]:
    """Skin, air, muscle, bone, fat, eye, canal."""
    air = [
        _ball((8, 20, -46), (9, 12, 9)),
        _ball((7, 46, -42), (7, 22, 11)),
        _ball((33, 52, -72), (13, 16, 17)),
        _ball((11, 80, -16), (10, 5, 11)),
        _ball((6, 56, -68), (3, 32, 19)),
        _ball((56, -32, -56), (9, 12, 13)),
        _ball((0, 8, -80), (11, 11, 16)),
        _rod((0, 6, -95), (0, -4, -190), 7),
        _rod((0, 78, -97), (0, 50, -92), 3),
    ]
    muscle = [
        _ball((64, 24, -22), (11, 26, 36)),
        _ball((58, 26, -92), (10, 19, 26)),
        _ball((36, 20, -84), (13, 14, 18)),
        _ball((22, -78, -125), (19, 24, 65)),
        _ball((42, -50, -125), (12, 28, 65)),
        _ball((48, -8, -140), (10, 13, 60)),
        _ball((13, -14, -140), (10, 8, 60)),
        _ball((0, 46, -108), (24, 32, 20)),
        _ball((0, 88, -104), (24, 6, 14)),
    ]
    bone = [
        _rod((0, -3, -44), (0, -24, -74), 9),
        _rod((0, -22, -84), (0, -24, -104), 8),
        *[_ball((0, -25 - i, -118 - 19 * i), (15, 10, 8.5)) for i in range(4)],
        *[_ball((0, -78, -100 - 18 * i), (5, 15, 5)) for i in range(5)],
        _rod((14, -16, -50), (62, -36, -50), 10),
        _rod((54, 12, -72), (52, 22, -112), 6),
        _rod((50, 26, -114), (14, 74, -128), 8),
        _rod((58, 22, -52), (46, 62, -56), 5),
        _rod((36, 40, -88), (10, 76, -88), 6),
        _rod((12, 22, -34), (52, 24, -28), 5),
        _rod((10, 84, -22), (46, 62, -16), 7),
    ]
    z = _grid()[2]
    skin = [
        np.maximum(ndimage.gaussian_filter(_closed(cavity < 0, 26), 2) - 12.5, -75 - z),
        _ball((0, -17, 4), (80, 105, 94)),
        _ball((0, 30, -62), (66, 62, 80)),
        _ball((0, 86, -54), (15, 22, 20)),
        _rod((0, -40, -60), (0, -42, -190), 56),
        _rod((0, -50, -215), (120, -50, -215), 62),
        _rod((46, 0, -55), (42, 26, -112), 24),
        _ball((58, -24, -52), (19, 36, 36)),
    ]
    canal = [_rod((0, -42, -58), (0, -50, -92), 9), _rod((0, -50, -92), (0, -50, -190), 9)]
    orbit, eye = [_ball((29, 52, -40), (19, 30, 20))], [_ball((32, 64, -39), (12.5, 12.5, 12.5))]
    return [_union(shapes) for shapes in (skin, air, muscle, bone, orbit, eye, canal)]


def _union(shapes: list[Field]) -> Volume:
    return _mirrored(ndimage.gaussian_filter(np.minimum.reduce(shapes), 1.0))


def _ball(centre: Point, radii: Point) -> Field:
    """Approximate distance to an ellipsoid."""
    scaled = [(axis - c) / r for axis, c, r in zip(_grid(), centre, radii, strict=True)]
    norm = np.sqrt(sum(s * s for s in scaled))
    slope = np.sqrt(sum((s / r) ** 2 for s, r in zip(scaled, radii, strict=True)))
    return np.asarray(norm * (norm - 1) / np.maximum(slope, 1e-3), np.float32)


def _rod(start: Point, end: Point, radius: float) -> Field:
    """Distance to a rod with round ends."""
    offset = [axis - s for axis, s in zip(_grid(), start, strict=True)]
    along = [e - s for s, e in zip(start, end, strict=True)]
    share = np.clip(sum(o * a for o, a in zip(offset, along, strict=True)) / sum(a * a for a in along), 0, 1)
    square = sum((o - share * a) ** 2 for o, a in zip(offset, along, strict=True))
    return np.asarray(np.sqrt(square) - radius, np.float32)
