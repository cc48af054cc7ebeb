"""How good a saliency map is: does it point at the tumour, is it faithful to the model, is it stable.

The first question is about tumours and needs their borders; the others are about the model and need none. A map can be
faithful to a model that looks in the wrong place, and point at a tumour by luck: so every table has :func:`controls`.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from brainseg.errors import BrainsegError
from brainseg.opencv import cv2
from brainseg.saliency.target import Array, Target
from brainseg.scores.masks import binary_mask

Scores = NDArray[np.float64]


def energy_inside(maps: ArrayLike, masks: ArrayLike) -> Scores:
    """Share of a map's positive values, by their sum, that lies inside the mask: 0 to 1, (n,).

    Arras, Osman and Samek 2022, "CLEVR-XAI", relevance mass accuracy. NaN where a mask is empty or nothing is positive.
    A map that is even everywhere has the mask's share of the image.

    >>> float(energy_inside([[[3.0, 1.0], [-2.0, 0.0]]], [[[1, 0], [1, 0]]])[0])
    0.75
    """
    values, inside = _map_and_mask(maps, masks)
    positive = np.maximum(values, 0)
    total = positive.sum(axis=(1, 2))
    known = (total > 0) & inside.any(axis=(1, 2))
    shares: Scores = np.full(len(total), np.nan)
    np.divide((positive * inside).sum(axis=(1, 2)), total, out=shares, where=known)
    return shares


def pointing_game(maps: ArrayLike, masks: ArrayLike) -> Scores:
    """Whether the highest value of a map lies inside the mask: 1 or 0, (n,); of several highest, the share that does.

    Zhang et al. 2018, "Top-down neural attention by excitation backprop", section 4.1. NaN where a mask is empty.

    >>> pointing_game([[[3.0, 1.0]], [[1.0, 1.0]]], [[[1, 0]], [[1, 0]]]).tolist()
    [1.0, 0.5]
    """
    values, inside = _map_and_mask(maps, masks)
    highest = values == values.max(axis=(1, 2), keepdims=True)
    hits = (highest & inside).sum(axis=(1, 2)) / highest.sum(axis=(1, 2))
    return np.where(inside.any(axis=(1, 2)), hits, np.nan)


def localisation_auc(maps: ArrayLike, masks: ArrayLike) -> Scores:
    """Probability that a pixel inside the mask has a higher value than one outside: 0 to 1, (n,); one half is chance.

    It is the area under the curve of the share of the tumour found over the share of other pixels taken, when pixels
    are taken from the highest value down. NaN where a mask is empty or full.

    >>> localisation_auc([[[3.0, 1.0], [2.0, 0.0]]], [[[1, 0], [0, 0]]]).tolist()
    [1.0]
    """
    values, inside = _map_and_mask(maps, masks)
    return np.array(
        [
            roc_auc_score(mask.ravel(), value.ravel()) if 0 < mask.sum() < mask.size else np.nan
            for value, mask in zip(values, inside, strict=True)
        ]
    )


def deletion(target: Target, maps: Array, *, steps: int = 32) -> Scores:
    """Mean tumour probability of the region while pixels go black, those with the highest map values first, (n,).

    Petsiuk, Das and Saenko 2018, "RISE", section 4.1. The area under the curve over the share of black pixels, 0 to 1:
    the lower, the better did the map name what the answer rests on.

    Args:
        target: What the maps explain.
        maps: (n, h, w); of pixels with equal values the upper, then the left one comes first.
        steps: Points of the curve after the first.
    """
    return _curve_area(target, target.images, np.zeros_like(target.images), maps, steps)


def insertion(target: Target, maps: Array, *, steps: int = 32) -> Scores:
    """Mean tumour probability of the region while a blurred image becomes sharp, highest map values first, (n,).

    The counterpart of :func:`deletion`: the higher, the better. The image is blurred by a Gaussian whose standard
    deviation is an eighth of its width.
    """
    sigma = target.images.shape[2] / 8
    blurred = [cv2.GaussianBlur(image, (0, 0), sigma).reshape(image.shape) for image in target.images]
    return _curve_area(target, np.stack(blurred), target.images, maps, steps)


def sensitivity(
    target: Target, maps: Array, *, share: float = 0.2, cell: int = 4, subsets: int = 64, seed: int = 0
) -> Scores:
    """Correlation between the map values of a random part of the image and what the score loses when it goes black.

    Ancona et al. 2018, "Towards better understanding of gradient-based attribution methods", sensitivity-n. Between -1
    and 1, (n,); 1 where the map is right up to a factor, NaN where the map or the loss is the same for all parts.

    Args:
        target, maps: As :func:`deletion`.
        share: Share of the image's cells that go black together.
        cell: Side of the cells in pixels.
        subsets: Random parts of each image.
        seed: Of the parts.
    """
    height, width = target.images.shape[1:3]
    rows, columns = -(-height // cell), -(-width // cell)
    number = max(1, round(share * rows * columns))
    random, before = np.random.default_rng(seed), target.score()
    scores = np.empty(len(maps))
    for i, image in enumerate(target.images):
        parts = np.zeros((subsets, rows * columns), bool)
        for part in parts:
            part[random.choice(rows * columns, number, replace=False)] = True
        black = parts.reshape(subsets, rows, columns).repeat(cell, 1).repeat(cell, 2)[:, :height, :width]
        after = target.score(image * ~black[..., np.newaxis], [i] * subsets)
        scores[i] = _correlation(before[i] - after.astype(np.float64), (maps[i] * black).sum(axis=(1, 2)))
    return scores


def rank_correlation(maps: ArrayLike, others: ArrayLike) -> Scores:
    """How alike two maps order the pixels by the strength of their values: Spearman's correlation, -1 to 1, (n,).

    The sign of a value does not count, as in Adebayo et al. 2018, "Sanity checks for saliency maps", section 3. NaN
    where a map is even.

    >>> rank_correlation([[[1.0, 2.0], [-3.0, 4.0]]], [[[0.1, 0.2], [0.3, 0.9]]]).tolist()
    [1.0]
    """
    a, b = (np.abs(np.asarray(values, np.float64)) for values in (maps, others))
    if a.shape != b.shape or a.ndim != 3:
        raise BrainsegError(f"received maps of shape {a.shape} and {b.shape}, expected both (n, h, w)")
    return np.array([_correlation(rankdata(x), rankdata(y)) for x, y in zip(a, b, strict=True)])


def stability(
    method: Callable[[Array], Array], images: Array, *, copies: int = 4, noise: float = 0.02, seed: int = 0
) -> Scores:
    """How little a map changes when the image does: mean :func:`rank_correlation` with maps of noisy copies, (n,).

    Args:
        method: From images to maps, for example :func:`brainseg.saliency.explain` with all but the images given. The
            region should be given as a mask: else it moves with the noise too.
        images: (n, h, w, channels), 0 to 1.
        copies: Noisy copies of each image.
        noise: Standard deviation of the noise, as a share of the range of grey values; all channels get the same.
        seed: Of the noise.

    >>> ramp = np.linspace(0, 1, 16, dtype=np.float32).reshape(1, 4, 4, 1)
    >>> stability(lambda images: images[..., 0], ramp, noise=0.001).tolist()
    [1.0]
    """
    if copies < 1:
        raise BrainsegError(f"received copies={copies}, expected 1 or more")
    random, before = np.random.default_rng(seed), method(images)
    drawn = [noise * random.standard_normal((*images.shape[:3], 1), dtype=np.float32) for _ in range(copies)]
    found = [rank_correlation(before, method(np.clip(images + added, 0, 1))) for added in drawn]
    return np.asarray(np.mean(found, axis=0))


def controls(images: Array, predicted: Array, seed: int = 0) -> dict[str, Array]:
    """Maps that know nothing of the model's inside: a saliency map that they beat shows nothing new.

    Args:
        images: (n, h, w, channels).
        predicted: The model's own masks or probabilities, (n, h, w).
        seed: Of the noise.

    Returns:
        By name, (n, h, w) each, 0 or more: ``centre``, a blob in the middle of the image, with a standard deviation of
        a quarter of its size; ``edges``, the magnitude of the image's slope (Sobel); ``predicted mask``; ``noise``,
        even.

    >>> list(controls(np.zeros((1, 8, 8, 3), np.float32), np.zeros((1, 8, 8), np.float32)))
    ['centre', 'edges', 'predicted mask', 'noise']
    """
    n, height, width = images.shape[:3]
    y, x = (np.linspace(-2, 2, size, dtype=np.float32) for size in (height, width))
    blob = np.exp(-(y[:, np.newaxis] ** 2 + x**2) / 2)
    slopes = [[cv2.Sobel(image.mean(axis=-1), cv2.CV_32F, *order) for order in ((1, 0), (0, 1))] for image in images]
    return {
        "centre": np.repeat(blob[np.newaxis], n, axis=0),
        "edges": np.stack([np.hypot(*both) for both in slopes]),
        "predicted mask": predicted.astype(np.float32),
        "noise": np.random.default_rng(seed).random((n, height, width), dtype=np.float32),
    }


def _map_and_mask(maps: ArrayLike, masks: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    values, inside = np.asarray(maps, np.float64), binary_mask(masks, "mask")
    if values.ndim != 3 or values.shape != inside.shape:
        raise BrainsegError(
            f"received maps of shape {values.shape} and masks of {inside.shape}, expected both (n, h, w)"
        )
    return values, inside


def _curve_area(target: Target, start: Array, end: Array, maps: Array, steps: int) -> Scores:
    """Area under the region's mean probability while pixels change from one image to the other, by their map values."""
    if steps < 1:
        raise BrainsegError(f"received steps={steps}, expected 1 or more")
    probability = target.mean_probability()
    shares = np.linspace(0, 1, steps + 1)
    areas = np.empty(len(maps))
    for i, values in enumerate(maps):
        order = np.argsort(-values, axis=None, kind="stable")
        place = np.empty(values.size, np.intp)
        place[order] = np.arange(values.size)
        changed = place.reshape(values.shape) < np.rint(shares * values.size)[:, np.newaxis, np.newaxis]
        path = np.where(changed[..., np.newaxis], end[i], start[i])
        areas[i] = np.trapezoid(probability.score(path, [i] * len(path)), shares)
    return areas


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else np.nan
