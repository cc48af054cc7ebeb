"""Three tumour types: where they grow, their shape, how they look with contrast agent, what they push aside."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainseg.data.phantom.anatomy import load_atlas
from brainseg.data.phantom.noise import Field, Points, smooth_noise

TYPES = ("meningioma", "glioma", "pituitary")


@dataclass(frozen=True)
class Tumour:
    """One tumour: centre and semi-axes in mm."""

    kind: str
    centre: NDArray[np.float32]
    axes: NDArray[np.float32]
    roughness: float
    seed: int

    @property
    def radius(self) -> float:
        """Mean radius in mm."""
        return float(self.axes.mean())

    def level(self, points: Points) -> Field:
        """Approximate signed distance to the tumour surface in mm, negative inside."""
        shape = (3, *(1,) * (points.ndim - 1))
        offset = (points - self.centre.reshape(shape)) / self.axes.reshape(shape)
        radial = np.sqrt((offset**2).sum(0)) - 1
        rough = smooth_noise(points, 1.6 * self.radius, self.seed) + 0.4 * smooth_noise(points, 0.6 * self.radius, self.seed + 1)
        return (radial + self.roughness * rough) * np.float32(self.radius)

    def push(self, points: Points) -> Points:
        """Where the tissue now at `points` lay before the tumour grew (mass effect)."""
        offset = points - self.centre.reshape(3, *(1,) * (points.ndim - 1))
        distance = np.sqrt((offset**2).sum(0)) + np.float32(1e-3)
        pushed = 0.5 * self.radius * np.exp(-np.maximum(distance - self.radius, 0) / (1.2 * self.radius))
        return points - offset / distance * np.minimum(pushed, 0.8 * distance)


def grow(kind: str, rng: np.random.Generator) -> Tumour:
    """A random tumour of a kind, in the place where that kind grows."""
    side = rng.choice([-1.0, 1.0])
    seed = int(rng.integers(2**31))
    if kind == "pituitary":
        radius = float(np.clip(rng.lognormal(np.log(10.0), 0.3), 5, 20))
        centre = np.array([rng.normal(0, 2), 4 + rng.normal(0, 1.5), -34 + 0.5 * radius])
        axes = radius * np.array([1.1, 0.9, 1.0]) * rng.uniform(0.9, 1.1, 3)
        roughness = 0.1
    elif kind == "meningioma":
        radius = float(np.clip(rng.lognormal(np.log(15.0), 0.3), 6, 26))
        centre = _at_dura(rng, side, depth=0.75 * radius)
        axes = radius * rng.uniform(0.85, 1.15, 3)
        roughness = 0.06
    else:
        radius = float(np.clip(rng.lognormal(np.log(18.0), 0.3), 7, 30))
        centre = np.array([side * rng.uniform(22, 42), rng.uniform(-60, 40), rng.uniform(-5, 40)])
        axes = radius * rng.uniform(0.8, 1.2, 3)
        roughness = 0.2
    return Tumour(kind, centre.astype(np.float32), axes.astype(np.float32), roughness, seed)


def _at_dura(rng: np.random.Generator, side: float, depth: float) -> NDArray[np.float64]:
    """A point at `depth` mm under the inner skull, in a random direction of the upper half."""
    direction = np.array([side * rng.uniform(0.1, 1), rng.uniform(-1, 1), rng.uniform(0, 1)])
    direction /= np.linalg.norm(direction)
    start = np.array([0.0, -20.0, 5.0])
    ray = (start[:, None] + direction[:, None] * np.arange(0, 120)).astype(np.float32)
    surface = int(np.argmax(load_atlas().cavity.at(ray, outside=9) > -depth))
    return start + direction * surface
