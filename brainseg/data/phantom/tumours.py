"""Three tumour types: where they grow, their shape, how they look with contrast agent, what they push aside."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainseg.data.phantom.anatomy import load_atlas
from brainseg.data.phantom.noise import Field, Points, smooth_noise
from brainseg.data.phantom.tissues import Contrast, cover

TYPES = ("meningioma", "glioma", "pituitary")


@dataclass(frozen=True)
class Tumour:
    """One tumour.

    Attributes:
        kind: One of `TYPES`.
        centre, axes: In MNI space, and semi-axes, both in mm.
        roughness: Height of the bumps of its surface, as a share of the radius.
        bright: Grey value of what takes up contrast agent, as a multiple of that of white matter.
        rim: Thickness in mm of what takes up contrast agent around the core.
        core: Grey value of the core, as a multiple of that of white matter.
        oedema: Reach in mm of the swelling around it.
        seed: Of its surface and texture.
    """

    kind: str
    centre: NDArray[np.float32]
    axes: NDArray[np.float32]
    roughness: float
    bright: float
    rim: float
    core: float
    oedema: float
    seed: int

    @property
    def radius(self) -> float:
        """Mean radius in mm."""
        return float(self.axes.mean())

    def level(self, where: Points) -> Field:
        """Approximate signed distance to the tumour surface in mm, negative inside, at points of the average head."""
        offset = self._offset(where) / self.axes.reshape(3, *(1,) * (where.ndim - 1))
        level = (np.sqrt((offset**2).sum(0)) - 1) * np.float32(self.radius)
        close = level < self.radius
        there = where[:, close]
        rough = smooth_noise(there, 1.5 * self.radius, self.seed)
        rough += 0.4 * smooth_noise(there, 0.6 * self.radius, self.seed + 1)
        level[close] += np.float32(self.roughness * self.radius) * rough
        if self.kind != "pituitary":
            level[close] = np.maximum(level[close], load_atlas().cavity.at(there) + 0.5)
        return np.asarray(level, np.float32)

    def push(self, where: Points) -> Points:
        """Where the tissue now at `where` lay before the tumour grew (mass effect)."""
        offset = self._offset(where)
        distance = np.sqrt((offset**2).sum(0)) + np.float32(1e-3)
        pushed = 0.45 * self.radius * np.exp(-np.maximum(distance - self.radius, 0) / (1.2 * self.radius))
        return np.asarray(where - offset / distance * np.minimum(pushed, 0.8 * distance), np.float32)

    def paint(self, image: Field, where: Points, level: Field, white: Field, contrast: Contrast) -> Field:
        """Draw the tumour and its oedema on grey values at points (3, k); `white` is the share of white matter."""
        bumps, grain = smooth_noise(where, 10 + self.radius, self.seed + 2), smooth_noise(where, 7, self.seed + 3)
        if self.oedema > 0:
            reach = level - self.oedema * (0.8 + 0.5 * bumps) * (0.4 + 0.6 * white)
            image = image - (image - 0.72 * contrast.white) * np.clip(-reach / 5, 0, 1) * (
                image > 0.72 * contrast.white
            )
        if self.kind == "meningioma":
            image = cover(image, contrast.liquor, np.abs(level - 0.8) - 0.5 * (1 + bumps), 1.5)
            tail = np.maximum(np.abs(load_atlas().cavity.at(where) + 0.6) - 1, level - 9)
            image = cover(image, self.bright * contrast.white, tail)
        bright = self.bright * contrast.white
        look = bright * (1 + 0.07 * grain + 0.13 * bumps)
        core = level + self.rim * (1 + 0.4 * bumps)
        inside = cover(look, self.core * contrast.white * (1 + 0.04 * bumps + 0.04 * grain), core, 2)
        return cover(image, inside, level, 1.5)

    def _offset(self, where: Points) -> Points:
        return where - self.centre.reshape(3, *(1,) * (where.ndim - 1))


def grow(kind: str, rng: np.random.Generator) -> Tumour:
    """A random tumour of a kind, in the place where that kind grows."""
    side = rng.choice([-1.0, 1.0])
    seed = int(rng.integers(2**31))
    solid = 99.0
    if kind == "pituitary":
        radius = float(np.clip(rng.lognormal(np.log(12.5), 0.28), 7, 22))
        centre = np.array([rng.normal(0, 2), 3 + rng.normal(0, 1.5), -38 + 0.6 * radius])
        axes = radius * np.array([1.1, 0.9, 1.0]) * rng.uniform(0.9, 1.1, 3)
        rim = 0.4 * radius if rng.random() < 0.15 else solid
        look = (0.1, rng.normal(1.5, 0.14), rim, 0.5, 0.0)
    elif kind == "meningioma":
        radius = float(np.clip(rng.lognormal(np.log(20.0), 0.28), 9, 30))
        centre = _at_falx(rng, side, radius) if rng.random() < 0.25 else _at_dura(rng, side, 0.7 * radius)
        axes = radius * rng.uniform(0.85, 1.15, 3)
        look = (0.06, rng.normal(1.55, 0.14), solid, 1.0, rng.choice([0.0, 6.0, 12.0]))
    else:
        radius = float(np.clip(rng.lognormal(np.log(23.0), 0.28), 11, 34))
        centre = np.array([side * rng.uniform(20, 42), rng.uniform(-65, 40), rng.uniform(-8, 42)])
        axes = radius * rng.uniform(0.75, 1.25, 3)
        bright, rim = _glioma_look(rng, radius)
        look = (0.17, bright, rim, rng.uniform(0.4, 0.75), rng.uniform(3, 14))
    roughness, bright, rim, core, oedema = map(float, look)
    return Tumour(kind, centre.astype(np.float32), axes.astype(np.float32), roughness, bright, rim, core, oedema, seed)


def _glioma_look(rng: np.random.Generator, radius: float) -> tuple[float, float]:
    """Brightness and thickness of the rim: thin or thick ring, solid and patchy, or hardly any contrast agent."""
    kind = rng.choice(["ring", "thick", "solid", "dark"], p=[0.48, 0.1, 0.07, 0.35])
    rim = {"ring": 2.8, "thick": 0.3 * radius, "solid": 99.0, "dark": 1.5}[kind]
    return rng.normal({"solid": 1.25, "dark": 0.9}.get(str(kind), 1.4), 0.12), rim


def _at_falx(rng: np.random.Generator, side: float, radius: float) -> NDArray[np.float64]:
    """Beside the midline, above the corpus callosum."""
    return np.array([side * 0.85 * radius, rng.uniform(-60, 45), rng.uniform(38, 60)])


def _at_dura(rng: np.random.Generator, side: float, depth: float) -> NDArray[np.float64]:
    """A point at `depth` mm under the inner skull, in a random direction but downwards."""
    direction = np.array([side * rng.uniform(0.2, 1), rng.uniform(-1, 1), rng.uniform(-0.2, 1)])
    direction /= np.sqrt(np.sum(direction**2))
    start = np.array([0.0, -20.0, 5.0])
    ray = (start[:, None] + direction[:, None] * np.arange(0, 120)).astype(np.float32)
    surface = int(np.argmax(load_atlas().cavity.at(ray) > -depth))
    return np.asarray(start + direction * surface)
