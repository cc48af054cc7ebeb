"""The scanner: a subject with a tumour becomes T1-weighted slices with contrast agent, and tumour borders."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.measure import find_contours

from brainseg.data.phantom.anatomy import load_atlas
from brainseg.data.phantom.noise import Field, Points, smooth_noise
from brainseg.data.phantom.tissues import Contrast, paint_brain, paint_head, random_contrast
from brainseg.data.phantom.tumours import Tumour, grow
from brainseg.opencv import cv2

PLANES = ("axial", "coronal", "sagittal")
AXES = {"sagittal": 0, "coronal": 1, "axial": 2}
MATRIX = 256
COARSE = 32
BEND = np.float32(2.2)


@dataclass(frozen=True)
class Subject:
    """A person: pose in the scanner, shape of the head, tumour, tissue contrast."""

    pose: NDArray[np.float32]
    tumour: Tumour
    contrast: Contrast
    seed: int

    def to_template(self, points: Points) -> Points:
        """Scanner coordinates (3, …) to MNI coordinates, in mm."""
        return self._posed(points) + self._bend(points)

    def slice_to_template(self, points: Points) -> Points:
        """The same for a slice (3, MATRIX, MATRIX), quicker: the bend is smooth, so that few points tell it."""
        step = MATRIX // COARSE
        bend = self._bend(points.reshape(3, COARSE, step, COARSE, step).mean((2, 4)))
        return self._posed(points) + np.stack([_enlarge(b) for b in bend])

    def _posed(self, points: Points) -> Points:
        return np.asarray(np.einsum("ij,j...->i...", self.pose, points), np.float32)

    def _bend(self, points: Points) -> Points:
        return BEND * np.stack([smooth_noise(points, 130, self.seed + axis) for axis in range(3)])

    def tumour_range(self, axis: int) -> tuple[float, float]:
        """First and last coordinate (mm) of the tumour along an axis of the scanner."""
        point = target = self.tumour.centre[:, None]
        back = _inverse(self.pose)
        for _ in range(8):
            point = point + np.einsum("ij,jk->ik", back, target - self.to_template(point)).astype(np.float32)
        steps = np.linspace(-1.6, 1.6, 33, dtype=np.float32) * np.float32(self.tumour.radius)
        cube = point.reshape(3, 1, 1, 1) + np.stack(np.meshgrid(steps, steps, steps, indexing="ij"))
        inside = cube[axis][self.tumour.level(self.to_template(cube)) < 0]
        return float(inside.min()), float(inside.max())


def new_subject(kind: str, rng: np.random.Generator) -> Subject:
    """A random person with a tumour of the given kind."""
    pose = np.diag(1 / rng.normal(1, 0.035, 3))
    for axis, angle in enumerate(np.deg2rad(rng.normal(0, 4, 3))):
        i, j = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        pose = np.einsum("ij,jk->ik", pose, turn)
    return Subject(pose.astype(np.float32), grow(kind, rng), random_contrast(rng), int(rng.integers(2**31)))


def _inverse(matrix: NDArray[np.floating]) -> NDArray[np.floating]:
    """Of a 3 × 3 matrix; without LAPACK, which computes otherwise on each processor."""
    one, two, three = matrix
    columns = np.stack([np.cross(two, three), np.cross(three, one), np.cross(one, two)], axis=1)
    return np.asarray(columns / np.sum(one * columns[:, 0]))


def _enlarge(field: Field) -> Field:
    return np.asarray(cv2.resize(field, (MATRIX, MATRIX), interpolation=cv2.INTER_LINEAR), np.float32)


def plane_points(plane: str, position: float, field: float, size: int = MATRIX) -> Points:
    """Coordinates (3, size, size) of a slice in mm: rows run down the image, columns to the right."""
    steps = ((np.arange(size, dtype=np.float32) + 0.5) / size - 0.5) * np.float32(field)
    middle = -15 if plane == "axial" else 106 - field / 2
    across, down = np.broadcast_arrays(steps[None, :], middle - steps[:, None])
    level = np.full_like(across, position)
    order = {
        "axial": (-across, down, level),
        "coronal": (-across, level, down),
        "sagittal": (level, -12 - across, down),
    }
    return np.stack(order[plane]).astype(np.float32)


def scan(subject: Subject, where: Points, level: Field) -> Field:
    """Grey values (0 to 255) of a slice, from the places in the average head (3, n, n) and distances to the tumour."""
    atlas = load_atlas()
    skin, cavity = atlas.skin.at(where), atlas.cavity.at(where)
    image = np.full(skin.shape, 2, np.float32)
    white = np.zeros_like(image)
    outer, inner = (skin < 2) & (cavity > -1), cavity < 0.5
    image[outer] = paint_head(atlas, where[:, outer], subject.contrast, subject.seed)
    within = where[:, inner]
    brain = subject.tumour.push(within)
    image[inner], white[inner] = paint_brain(atlas, within, brain, subject.contrast, subject.seed)
    near = level < 30
    image[near] = subject.tumour.paint(image[near], where[:, near], level[near], white[near], subject.contrast)
    return image


def _acquire(subject: Subject, image: Field, points: Points, rng: np.random.Generator) -> Field:
    """Uneven coil sensitivity, finite resolution, and Rician noise."""
    bias = np.exp(0.1 * _enlarge(smooth_noise(points[:, 4::8, 4::8], 200, subject.seed + 9)))
    sharp = cv2.GaussianBlur(image * bias, (0, 0), 0.45)
    noise = subject.contrast.noise * rng.standard_normal((2, *image.shape), np.float32)
    return np.asarray(np.hypot(sharp + noise[0], noise[1]), np.float32)


@dataclass(frozen=True)
class Slice:
    """A slice in Cheng's frame: pixels (black where only the border is wanted) and border points (k, 2) as (x, y)."""

    frame: int
    pixels: NDArray[np.uint8]
    border: NDArray[np.float64]


def scan_series(subject: Subject, plane: str, frame: int, wanted: list[bool], rng: np.random.Generator) -> list[Slice]:
    """Neighbouring slices through the tumour; grey values only for those that are wanted."""
    first, last = subject.tumour_range(AXES[plane])
    positions = np.linspace(0.85 * first + 0.15 * last, 0.15 * first + 0.85 * last, len(wanted))
    field = float(rng.normal(245, 5) if plane == "axial" else rng.normal(238, 5))
    slices = []
    for position, want in zip(positions, wanted, strict=True):
        points = plane_points(plane, float(position), field)
        where = subject.slice_to_template(points)
        level = subject.tumour.level(where)
        pixels = np.zeros((frame, frame), np.uint8)
        if want:
            pixels = _store(_acquire(subject, scan(subject, where, level), points, rng), plane, frame)
        border = hand_drawn(level, rng) * frame - 0.5
        slices.append(Slice(frame, pixels, border))
    return slices


def _store(image: Field, plane: str, frame: int) -> NDArray[np.uint8]:
    """Interpolate to the frame, cut the edge that distortion correction leaves, and spread the grey values."""
    fine = cv2.resize(image, (frame, frame), interpolation=cv2.INTER_CUBIC)
    down, across = np.meshgrid(*(np.linspace(-1, 1, frame),) * 2, indexing="ij")
    edge = (0.86, 0.93) if plane == "axial" else (0.97, 1.1)
    fine[(np.abs(across) > edge[0] + 0.06 * down**2) | (np.abs(down) > edge[1] + 0.03 * across**2)] = 0
    equalise = cv2.createCLAHE(clipLimit=1.6, tileGridSize=(8, 8))
    return np.asarray(equalise.apply(np.clip(fine, 0, 255).astype(np.uint8)), np.uint8)


def hand_drawn(level: Field, rng: np.random.Generator) -> NDArray[np.float64]:
    """The tumour contour as a few hand-placed points (x, y) in units of the field (0 to 1)."""
    contours: list[NDArray[np.float64]] = find_contours(level, 0.0)  # type: ignore[no-untyped-call]
    longest = max(contours, key=len)[:-1, ::-1]
    count = int(np.clip(rng.lognormal(np.log(19), 0.35), 7, 58))
    steps = np.sort((np.arange(count) + rng.uniform(-0.3, 0.3, count)) / count % 1)
    drawn = longest[(steps * len(longest)).astype(int)]
    return np.asarray((drawn + rng.normal(0, 0.4, drawn.shape) + 0.5) / len(level))
