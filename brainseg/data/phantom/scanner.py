"""The scanner: a subject with a tumour becomes a T1-weighted slice with contrast agent, and its border."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.measure import find_contours

from brainseg.data.phantom.anatomy import load_atlas
from brainseg.data.phantom.noise import Points, smooth_noise
from brainseg.data.phantom.tumours import Tumour, grow

PLANES = ("axial", "coronal", "sagittal")
MATRIX = 320


@dataclass(frozen=True)
class Subject:
    """A person: pose in the scanner, shape of the head, tumour, tissue contrast."""

    pose: NDArray[np.float32]
    tumour: Tumour
    elastic: float
    seed: int

    def to_template(self, points: Points) -> Points:
        """Scanner coordinates to MNI coordinates, in mm."""
        moved = np.tensordot(self.pose, points, 1).astype(np.float32)
        bend = np.stack([smooth_noise(points, 70, self.seed + axis) for axis in range(3)])
        return moved + np.float32(self.elastic) * bend


def new_subject(kind: str, rng: np.random.Generator) -> Subject:
    """A random person with a tumour of the given kind."""
    angles = np.deg2rad(rng.normal(0, 4, 3))
    pose = np.diag(1 / rng.normal(1, 0.035, 3))
    for axis, angle in enumerate(angles):
        i, j = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        pose = pose @ turn
    return Subject(pose.astype(np.float32), grow(kind, rng), 2.5, int(rng.integers(2**31)))


def plane_points(plane: str, position: float, centre: tuple[float, float], field: float) -> Points:
    """Coordinates (3, n, n) of a slice: rows run down the image, columns to the right."""
    steps = ((np.arange(MATRIX, dtype=np.float32) + 0.5) / MATRIX - 0.5) * field
    across, down = centre[0] + steps[None, :], centre[1] - steps[:, None]
    across, down = np.broadcast_arrays(across, down)
    level = np.full_like(across, position)
    order = {"axial": (-across, down, level), "coronal": (-across, level, down), "sagittal": (level, -across, down)}
    return np.stack(order[plane]).astype(np.float32)


def scan(subject: Subject, points: Points, rng: np.random.Generator) -> NDArray[np.float32]:
    """Grey values (0 to 255) of the slice at `points`."""
    atlas = load_atlas()
    where = subject.to_template(points)
    level = subject.tumour.level(points)
    brain = subject.to_template(subject.tumour.push(points))
    cavity = atlas.cavity.at(where, outside=99)
    grey, white = atlas.grey.at(brain), atlas.white.at(brain)
    image = np.full(cavity.shape, 4, np.float32)
    image = np.where(cavity < 15, 200, image)
    image = np.where(cavity < 8, 25, image)
    inside = 35 + 60 * grey + 75 * white
    image = np.where(cavity < 1, inside, image)
    if subject.tumour.kind == "glioma":
        core = np.clip((level + 0.45 * subject.tumour.radius) / -3, 0, 1)
        look = 185 - 130 * core
    else:
        look = np.float32(190)
    weight = np.clip(0.5 - level, 0, 1)
    image = image * (1 - weight) + weight * look
    noise = rng.normal(0, 4, (2, *image.shape))
    return np.hypot(cv2.GaussianBlur(image, (0, 0), 0.6) + noise[0], noise[1]).astype(np.float32)


@dataclass(frozen=True)
class Slice:
    """A slice in Cheng's frame: pixels (None where only the border is wanted) and border points (k, 2) as (x, y)."""

    frame: int
    pixels: NDArray[np.uint8]
    border: NDArray[np.float64]


def scan_series(subject: Subject, plane: str, frame: int, wanted: list[bool], rng: np.random.Generator) -> list[Slice]:
    """Neighbouring slices through the tumour; grey values only for those that are wanted."""
    axis = ["sagittal", "coronal", "axial"].index(plane)
    centre, reach = subject.tumour.centre, 0.75 * subject.tumour.axes[axis]
    positions = centre[axis] + np.linspace(-reach, reach, len(wanted) + 2)[1:-1]
    slices = []
    for position, want in zip(positions, wanted, strict=True):
        points = plane_points(plane, float(position), (0.0, -15.0 if plane == "axial" else -20.0), 250.0)
        image = np.zeros((MATRIX, MATRIX), np.float32)
        if want:
            image = scan(subject, points, rng)
        pixels = cv2.resize(image, (frame, frame), interpolation=cv2.INTER_CUBIC)
        border = hand_drawn(subject, points, rng) * frame - 0.5
        slices.append(Slice(frame, np.clip(pixels, 0, 255).astype(np.uint8), border))
    return slices


def hand_drawn(subject: Subject, points: Points, rng: np.random.Generator) -> NDArray[np.float64]:
    """The tumour contour as a few hand-placed points (x, y) in units of the field (0 to 1)."""
    contours = find_contours(subject.tumour.level(points), 0.0)
    longest = max(contours, key=len)[:-1, ::-1]
    count = int(np.clip(rng.lognormal(np.log(19), 0.35), 7, 58))
    steps = np.sort((np.arange(count) + rng.uniform(-0.3, 0.3, count)) / count % 1)
    drawn = longest[(steps * len(longest)).astype(int)]
    return (drawn + rng.normal(0, 0.4, drawn.shape) + 0.5) / MATRIX
