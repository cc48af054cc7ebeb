"""Grey values of T1 with contrast agent: brain, meninges and vessels, and the head around them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainseg.data.phantom.anatomy import Atlas
from brainseg.data.phantom.noise import Field, Points, smooth_noise

Values = NDArray[np.floating]


@dataclass(frozen=True)
class Contrast:
    """Grey values (0 to 255) of one examination, half width of the sulci in mm, deviation of the noise."""

    liquor: float
    grey: float
    white: float
    muscle: float
    fat: float
    marrow: float
    vessel: float
    dura: float
    sulci: float
    noise: float


def random_contrast(rng: np.random.Generator) -> Contrast:
    """A random sequence setting and dose; grey and white matter differ little once there is contrast agent."""
    gain = rng.normal(0.82, 0.07)
    grey = gain * (104 - np.clip(rng.normal(10, 6), 2, 26))
    return Contrast(
        liquor=gain * rng.normal(50, 6),
        grey=grey,
        white=gain * 104,
        muscle=gain * rng.normal(70, 8),
        fat=gain * rng.normal(208, 14),
        marrow=gain * rng.normal(105, 16),
        vessel=gain * rng.normal(185, 15),
        dura=gain * rng.normal(105, 15),
        sulci=rng.uniform(-0.3, 0.7),
        noise=float(np.clip(rng.lognormal(np.log(3.2), 0.4), 1.5, 8)),
    )


def cover(image: Values, value: Values | float, distance: Values, edge: float = 1.0) -> Field:
    """Paint `value` where `distance` (mm) is negative, with an edge of this width."""
    weight = np.clip(np.float32(0.5) - distance / np.float32(edge), 0, 1)
    return np.asarray(image + weight * (value - image), np.float32)


def paint_head(atlas: Atlas, where: Points, contrast: Contrast, seed: int) -> Field:
    """Grey values at points (3, k) outside the brain: skull, scalp, face, neck and air."""
    x, y, z = np.abs(where[0]), where[1], where[2]
    skin, cavity = atlas.skin.at(where), atlas.cavity.at(where)
    coarse, fine = smooth_noise(where, 26, seed), smooth_noise(where, 8, seed + 1)
    strands = smooth_noise(where * np.array([[1], [0.8], [0.45]], np.float32), 15, seed + 2)
    under = skin + 5
    image = cover(np.full(skin.shape, 2, np.float32), contrast.fat * (1 + 0.05 * coarse + 0.03 * fine), skin)
    image = cover(image, 0.7 * contrast.fat, np.abs(skin + 0.8) - 0.7)
    fibres = contrast.muscle * (1 + 0.06 * fine + 0.14 * strands)
    image = cover(image, 0.72 * contrast.fat, skin + 10, 4)
    image = cover(image, 1.25 * fibres, np.maximum(1.5 * strands + 1.2 * coarse + 0.7 * fine - 1.2, skin / 3 + 3), 1.6)
    muscle = np.maximum(atlas.muscle.at(where) + 1.5 * coarse + 0.8 * strands, under)
    image = cover(image, fibres, muscle, 1.5)
    bone = np.maximum(atlas.bone.at(where) + 1.2 * coarse + 0.5 * strands, under)
    image = cover(
        cover(image, 0.5 * contrast.muscle, bone),
        contrast.marrow * (1.1 + 0.25 * strands),
        bone + 1.4 + 0.5 * coarse,
        1.6,
    )
    image = _orbits(image, atlas, where, contrast)
    air = np.maximum(atlas.air.at(where) + 1.2 * coarse + 0.6 * strands, under)
    image = _airways(image, air, np.where((x < 14) & (y > 30), 0.3 - 4 * np.abs(fine), -9), fine, contrast)
    canal = atlas.canal.at(where)
    image = cover(cover(image, contrast.liquor, canal), 0.9 * contrast.white, canal + 4)
    image = _calvarium(image, cavity, coarse, y, z, contrast)
    return _sella(image, x, y, z, contrast)


def _orbits(image: Field, atlas: Atlas, where: Points, contrast: Contrast) -> Field:
    orbit, eye = np.maximum(atlas.fat.at(where), atlas.skin.at(where) + 4), atlas.eye.at(where)
    image = cover(image, 0.95 * contrast.fat, orbit)
    image = cover(image, 1.3 * contrast.muscle, np.maximum(np.abs(orbit + 6) - 1.2, orbit))
    return cover(cover(image, 1.5 * contrast.muscle, eye), contrast.liquor, eye + 1.5)


def _airways(image: Field, distance: Field, walls: Field, fine: Field, contrast: Contrast) -> Field:
    """Sinuses and airways, lined with mucosa, which takes up contrast agent, and with walls between their cells."""
    image = cover(image, 0.9 * contrast.vessel, distance - 1 - 0.4 * fine, 1.6)
    return cover(image, 6, np.maximum(distance, walls))


def _calvarium(image: Field, cavity: Field, coarse: Field, y: Field, z: Field, contrast: Contrast) -> Field:
    """Dark inner and outer table with marrow between; thin at the base of the skull."""
    vault = np.clip((z + 48 - 0.3 * y) / 8, 0, 1)
    thickness = 1.2 + 1.2 * coarse + vault * (4.8 - 0.8 * coarse)
    image = cover(image, 14, cavity - thickness)
    marrow = np.maximum(cavity - thickness + 1.7, 1.9 - cavity)
    return cover(image, contrast.marrow, marrow, 1.5)


def _sella(image: Field, x: Field, y: Field, z: Field, contrast: Contrast) -> Field:
    """Pituitary gland between the cavernous sinuses, in which the carotid arteries are dark."""
    image = cover(image, 0.9 * contrast.vessel, _ball(x - 11, y - 1, z + 35, (4, 10, 6)))
    image = cover(image, 12, _ball(x - 13, y - 3, z + 35, (2.6, 7, 2.6)))
    return cover(image, 0.85 * contrast.vessel, _ball(x, y - 3, z + 36, (6, 5, 3.5)))


def paint_brain(atlas: Atlas, where: Points, brain: Points, contrast: Contrast, seed: int) -> tuple[Field, Field]:
    """Grey values at points (3, k) in the skull, and the share of white matter there.

    `where` is the place in the average head, `brain` the place before the tumour pushed it aside.
    """
    grey, white, t1 = atlas.grey.at(brain), atlas.white.at(brain), atlas.t1.at(brain)
    depth = -atlas.cavity.at(where)
    white_share = np.clip(0.5 + 1.6 * (white - grey), 0, 1)
    liquor = np.clip((0.6 - t1) / 0.16, 0, 1)
    fold = _fold(brain, depth, grey, seed)
    liquor = np.maximum(liquor, np.clip(0.5 + contrast.sulci - fold, 0, 1))
    texture = 1 + 0.02 * smooth_noise(brain, 6, seed + 1)
    tissue = (contrast.grey + (contrast.white - contrast.grey) * white_share) * texture
    image = tissue + liquor * (contrast.liquor - tissue)
    return _vessels(image, where, brain, liquor, depth, contrast, seed), white_share * (1 - liquor)


def _fold(brain: Points, depth: Field, grey: Field, seed: int) -> Field:
    """Distance in mm to sulci of this person, which run inwards from the surface of the brain."""
    offset = brain - np.array([0, -18, 8], np.float32).reshape(3, 1)
    radius = np.sqrt((offset**2).sum(0)) + np.float32(1)
    stretched = offset * (50 / radius + 0.25)
    distance = np.abs(smooth_noise(stretched, 17, seed)) * np.float32(17 / 6.3)
    return np.asarray(distance + 0.3 * np.maximum(depth - 10, 0) + 4 * np.maximum(0.5 - grey, 0), np.float32)


def _vessels(
    image: Field, where: Points, brain: Points, liquor: Field, depth: Field, contrast: Contrast, seed: int
) -> Field:
    """Dura, falx and tentorium, the large sinuses, choroid plexus, and veins and arteries in the sulci."""
    x, y, z = np.abs(brain[0]), brain[1], brain[2]
    first, second = smooth_noise(brain, 21, seed + 2), smooth_noise(brain, 21, seed + 3)
    vessel = np.hypot(first, second) * np.float32(21 / 6.3) - np.clip(0.7 - 0.03 * depth, 0.1, 0.7) - 0.4 * liquor
    image = cover(image, contrast.vessel, vessel)
    free = 3 * (0.4 - liquor)
    image = cover(image, contrast.dura, np.maximum(x - 0.6, np.maximum(free, -10 - z)))
    tent = np.abs(z + 24 - 20 * np.clip(1 - x / 50, 0, 1)) - 0.6
    image = cover(image, contrast.dura, np.maximum(np.maximum(tent, free), 30 + y))
    plexus = np.maximum(_ball(x - 24, y + 40, z - 10, (4, 7, 5)), 3 * (0.5 - liquor))
    image = cover(image, 0.85 * contrast.vessel, plexus)
    image = cover(image, contrast.dura, np.abs(depth - 0.2) - 0.5)
    sagittal = np.maximum(x - 0.6 * (7 - depth), np.maximum(np.minimum(y - 40, 20 - z), -22 - z))
    transverse = np.maximum(np.hypot(z + 24, depth - 3) - 3.5, y + 45)
    return cover(image, contrast.vessel, np.minimum(sagittal, transverse))


def _ball(x: Field, y: Field, z: Field, radii: tuple[float, float, float]) -> Field:
    norm = np.sqrt((x / radii[0]) ** 2 + (y / radii[1]) ** 2 + (z / radii[2]) ** 2)
    return np.asarray((norm - 1) * min(radii), np.float32)
