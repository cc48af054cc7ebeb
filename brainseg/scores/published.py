"""The study's three metrics as it computed them, and the "IoU" and "Dice" that it printed for single images.

What they measured is the subject of the book. To score a model use :mod:`brainseg.scores.metrics`.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainseg.errors import BrainsegError
from brainseg.scores import THRESHOLD
from brainseg.scores.masks import binary_mask, require_one_shape


def published_scores(probability: ArrayLike, truth: ArrayLike, batch_size: int = 32) -> dict[str, float]:
    """The study's three metrics, exactly as Keras computes them from the study's settings.

    ``accuracy``
        Share of pixels on the right side of 0.5, background included.
    ``mean_iou``
        ``keras.metrics.MeanIoU(num_classes=2)`` given probabilities. It expects class numbers and turns what it gets
        into whole numbers by cutting off the decimals: every probability below 1 becomes class 0, background.
        A model that finds every tumour and one that finds none get the same score, half the background's share,
        unless a probability rounds to exactly 1.
    ``dice``
        Dice of all pixels of a batch pooled, averaged over the batches of ``batch_size`` images in the given order.
        A batch with no tumour, neither true nor predicted, scores 1; the study's function gives 0, and meets none.

    Args:
        probability: (n, h, w), 0 to 1.
        truth: Binary masks, (n, h, w).
        batch_size: Images per batch.

    >>> truth = [[[0, 0, 0, 1]]]
    >>> found, missed = [[[0.1, 0.1, 0.1, 0.9]]], [[[0.1, 0.1, 0.1, 0.1]]]
    >>> published_scores(found, truth)["mean_iou"], published_scores(missed, truth)["mean_iou"]
    (0.375, 0.375)
    """
    values = np.asarray(probability, np.float32)
    actual = binary_mask(truth, "truth")
    require_one_shape(values, actual)
    predicted = values > THRESHOLD
    starts = range(0, len(actual), batch_size)
    pooled = [_pooled_dice(predicted[i : i + batch_size], actual[i : i + batch_size]) for i in starts]
    return {
        "accuracy": float(np.mean(predicted == actual)),
        "mean_iou": _mean_iou(values.astype(np.int64) == 1, actual),
        "dice": float(np.mean(pooled)),
    }


def background_scores(truth: ArrayLike) -> dict[str, float]:
    """What :func:`published_scores` gives a model that finds no tumour in any image.

    >>> background_scores([[[0, 0, 0, 1]]])
    {'accuracy': 0.75, 'mean_iou': 0.375, 'dice': 0.0}
    """
    actual = binary_mask(truth, "truth")
    return published_scores(np.zeros(actual.shape), actual, batch_size=len(actual))


def broadcast_scores(prediction: ArrayLike, truth: ArrayLike) -> dict[str, float]:
    """The study's "IoU" and "Dice" of a single image, which are neither.

    Its predicted mask has shape (h, w, 1) and its true mask (h, w). NumPy stretches such a pair to (h, w, w), in which
    predicted pixel (i, j) meets true pixel (j, k) for all i, j and k. The study divides the "intersection" of the
    stretched pair by their "union" for IoU, and twice that intersection by the number of pixels of the two masks for
    "Dice", which can then be far above 1. The two are tied to each other: with d for "Dice" and images of h pixels,
    "IoU" is (d/2) / (h − d/2), and the pairs that the study prints obey this.

    Args:
        prediction, truth: Binary masks of one image, (h, h), not both empty.

    >>> right = [[0, 0, 0], [0, 1, 1], [0, 1, 1]]
    >>> broadcast_scores(right, right)["dice"]
    2.0
    """
    predicted, actual = binary_mask(prediction, "prediction"), binary_mask(truth, "truth")
    require_one_shape(predicted, actual)
    if actual.ndim != 2 or actual.shape[0] != actual.shape[1]:
        raise BrainsegError(f"received masks of shape {actual.shape}, expected square ones, (h, h)")
    if not (predicted.any() or actual.any()):
        raise BrainsegError("received two empty masks, expected at least one tumour pixel")
    stretched = predicted[:, :, np.newaxis]
    intersection = int(np.logical_and(stretched, actual).sum())
    return {
        "iou": intersection / int(np.logical_or(stretched, actual).sum()),
        "dice": 2 * intersection / int(predicted.sum() + actual.sum()),
    }


def _mean_iou(predicted: NDArray[np.bool_], actual: NDArray[np.bool_]) -> float:
    """Mean over the classes that occur, background and tumour, of IoU over all pixels of all images."""
    classes = [(predicted, actual), (~predicted, ~actual)]
    unions = [(p & a, p | a) for p, a in classes]
    return float(np.mean([both.sum() / either.sum() for both, either in unions if either.any()]))


def _pooled_dice(predicted: NDArray[np.bool_], actual: NDArray[np.bool_]) -> float:
    pixels = predicted.sum() + actual.sum()
    return float(2 * np.sum(predicted & actual) / pixels) if pixels else 1.0
