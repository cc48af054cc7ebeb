"""Scores of predicted masks, of each image.

Every score takes predicted and true binary masks of the same images, (n, h, w) each, and refuses shapes that differ and
values other than 0 and 1.

One policy for empty masks, "what is undefined is NaN", and what follows from it:

===========================  ==========  ======================  ====================
score                        both empty  truth empty: healthy    prediction empty:
                                         image, false alarm      tumour missed
===========================  ==========  ======================  ====================
dice, iou, surface_dice      NaN         0                       0
precision                    NaN         0                       NaN
recall                       NaN         NaN                     0
specificity                  1           below 1                 1
hd95_px                      NaN         NaN                     NaN
lesions, found (counts)      0, 0        0, 0                    at least 1, 0
false_lesions (count)        0           at least 1              0
===========================  ==========  ======================  ====================

Means over images leave NaN out. A mean of ``hd95_px`` or ``precision`` is therefore one over the images in which
something was predicted: a model that misses its hardest tumours altogether improves both. Read them with the share
of missed images, those with lesions and an empty prediction. MONAI 1.6 decides as this table does, except that
its Dice and IoU by default leave out false alarms in healthy images as well. The study's own three metrics are in
:mod:`brainseg.scores.published`.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from brainseg.errors import BrainsegError
from brainseg.scores.masks import SurfaceDistances, components, mask_pair, surface_distances

TOLERANCE_PX = 1.0
"""Boundaries agree where they are at most this far apart, unless told otherwise."""


def dice(prediction: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
    """Dice coefficient of each image, ``2·|P∩T| / (|P|+|T|)``, 0 to 1.

    Dice 1945, "Measures of the amount of ecologic association between species". For binary masks it is the F1 score
    of the foreground pixels. Both masks empty: NaN.

    >>> dice([[[1, 1, 0]], [[0, 0, 0]]], [[[0, 1, 1]], [[0, 0, 0]]])
    array([0.5, nan])
    """
    pixels = _confusion(prediction, truth)
    return _ratio(2 * pixels.true_positive, pixels.predicted + pixels.actual)


def iou(prediction: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union of each image, ``|P∩T| / (|P|+|T|−|P∩T|)``, 0 to 1; both masks empty: NaN.

    Jaccard 1912, "The distribution of the flora in the alpine zone". Always Dice / (2 − Dice).

    >>> iou([[[1, 1, 0]]], [[[0, 1, 1]]]).round(3)
    array([0.333])
    """
    pixels = _confusion(prediction, truth)
    return _ratio(pixels.true_positive, pixels.predicted + pixels.actual - pixels.true_positive)


def precision(prediction: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
    """Share of the predicted pixels of each image that are tumour, ``|P∩T| / |P|``, 0 to 1; nothing predicted: NaN.

    Also called positive predictive value.

    >>> precision([[[1, 0, 0]], [[0, 0, 0]]], [[[1, 1, 0]], [[1, 1, 0]]])
    array([ 1., nan])
    """
    pixels = _confusion(prediction, truth)
    return _ratio(pixels.true_positive, pixels.predicted)


def recall(prediction: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
    """Share of the tumour pixels of each image that are predicted, ``|P∩T| / |T|``, 0 to 1; no tumour: NaN.

    Also called sensitivity.

    >>> recall([[[1, 0, 0]], [[1, 0, 0]]], [[[1, 1, 0]], [[0, 0, 0]]])
    array([0.5, nan])
    """
    pixels = _confusion(prediction, truth)
    return _ratio(pixels.true_positive, pixels.actual)


def specificity(prediction: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
    """Share of the healthy pixels of each image that are not predicted, 0 to 1; no healthy pixel: NaN.

    The one score here that says something about images without tumour. Where tumours are small it is close to 1
    whatever the model does inside them.

    >>> specificity([[[1, 1, 0, 0]], [[0, 0, 0, 0]]], [[[0, 1, 1, 1]], [[0, 0, 0, 0]]])
    array([0., 1.])
    """
    pixels = _confusion(prediction, truth)
    false_positive = pixels.predicted - pixels.true_positive
    healthy = pixels.all - pixels.actual
    return _ratio(healthy - false_positive, healthy)


def hd95_px(prediction: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
    """95th percentile of the Hausdorff distance of each image, in pixels of the masks given; either empty: NaN.

    The larger of two percentiles: that of the distances from each boundary pixel of the prediction to the nearest of
    the truth, and that of the distances from the truth to the prediction, each interpolated linearly. This is the
    convention of MONAI and MetricsReloaded. Others, medpy for one, take one percentile of both directions pooled,
    which dilutes what only one direction shows, such as a false alarm far away. A boundary pixel is a pixel of the mask
    with one of its four neighbours outside the mask or the image.

    Huttenlocher et al. 1993, "Comparing images using the Hausdorff distance", is the definition without percentile.
    Images stored without pixel spacing allow no millimetres, and distances of resized images compare only with those
    of the same size.

    >>> hd95_px([[[1, 0, 0, 0, 0]], [[0, 0, 0, 0, 0]]], [[[0, 0, 0, 1, 0]], [[0, 0, 0, 1, 0]]])
    array([ 3., nan])
    """

    def hd95(distances: SurfaceDistances) -> float:
        if not (distances.from_prediction.size and distances.from_truth.size):
            return np.nan
        return max(float(np.percentile(direction, 95)) for direction in distances)

    return np.array([hd95(distances) for distances in surface_distances(prediction, truth)], np.float64)


def surface_dice(prediction: ArrayLike, truth: ArrayLike, tolerance_px: float = TOLERANCE_PX) -> NDArray[np.float64]:
    """Share of the two boundaries of each image that lie within a tolerance of the other, 0 to 1; both empty: NaN.

    Nikolov et al. 2018, "Deep learning to achieve clinically applicable segmentation of head and neck anatomy for
    radiotherapy", also called normalised surface distance. Boundary pixels, as in :func:`hd95_px`, are counted; the
    paper instead measures the length of contour elements ("surfels") that run between the pixels, so that a diagonal
    stretch weighs √2 times as much there as here. MONAI offers both and counts pixels unless told otherwise.

    A mask and its inverse have neighbouring boundaries, which agree at a tolerance of 1 pixel or more: the score does
    not tell which side of a boundary is called tumour. Read it with :func:`dice`.

    Args:
        tolerance_px: Largest distance, in pixels of the masks given, at which boundaries agree.

    >>> surface_dice([[[1, 1, 0, 0, 0]]], [[[1, 1, 1, 1, 0]]]).round(3)
    array([0.833])
    """
    if not 0 <= tolerance_px < np.inf:
        raise BrainsegError(f"received a tolerance of {tolerance_px} pixels, expected a number from 0 up")
    both = [np.concatenate(distances) for distances in surface_distances(prediction, truth)]
    agreeing = np.array([np.count_nonzero(distances <= tolerance_px) for distances in both])
    return _ratio(agreeing, np.array([len(distances) for distances in both]))


def lesions(prediction: ArrayLike, truth: ArrayLike) -> pd.DataFrame:
    """Count the true lesions of each image, how many of them are found, and the predicted ones that are none.

    A lesion is a connected component of a mask, pixels that meet at a corner included (8-connected). It is found where
    one of its pixels is predicted.

    Returns:
        One row per image, columns ``lesions`` (true ones), ``found`` (of these) and ``false_lesions`` (predicted
        components that share no pixel with any lesion).

    >>> lesions([[[1, 0, 0, 1, 0, 0, 0]]], [[[1, 1, 0, 0, 0, 1, 1]]])
       lesions  found  false_lesions
    0        2      1              1
    """
    predicted, actual = mask_pair(prediction, truth)
    image_of_lesion, share_found = _covered(actual, predicted)
    image_of_component, share_true = _covered(predicted, actual)
    images = {
        "lesions": image_of_lesion,
        "found": image_of_lesion[share_found > 0],
        "false_lesions": image_of_component[share_true == 0],
    }
    return pd.DataFrame({name: np.bincount(image, minlength=len(actual)) for name, image in images.items()})


def image_scores(prediction: ArrayLike, truth: ArrayLike) -> pd.DataFrame:
    """Every score of this module for each image.

    Returns:
        One row per image in the given order, columns ``dice``, ``iou``, ``precision``, ``recall``, ``specificity``,
        ``hd95_px``, ``surface_dice`` (tolerance :data:`TOLERANCE_PX`), ``lesions``, ``found`` and ``false_lesions``;
        empty masks as in the table at the top of this module.

    >>> image_scores([[[1, 1, 0]], [[0, 0, 0]]], [[[0, 1, 1]], [[0, 1, 0]]])[["dice", "hd95_px", "lesions", "found"]]
       dice  hd95_px  lesions  found
    0   0.5     0.95        1      1
    1   0.0      NaN        1      0
    """
    scores = (dice, iou, precision, recall, specificity, hd95_px, surface_dice)
    table = pd.DataFrame({score.__name__: score(prediction, truth) for score in scores})
    return table.join(lesions(prediction, truth))


class _Confusion(NamedTuple):
    """Numbers of pixels of each image, (n,)."""

    true_positive: NDArray[np.int64]
    predicted: NDArray[np.int64]
    actual: NDArray[np.int64]
    all: int


def _confusion(prediction: ArrayLike, truth: ArrayLike) -> _Confusion:
    predicted, actual = mask_pair(prediction, truth)
    true_positive, predictions, truths = (mask.sum(axis=(1, 2)) for mask in (predicted & actual, predicted, actual))
    return _Confusion(true_positive, predictions, truths, all=actual.shape[1] * actual.shape[2])


def _ratio(numerator: NDArray[Any], denominator: NDArray[Any]) -> NDArray[np.float64]:
    score = np.full(len(numerator), np.nan)
    np.divide(numerator, denominator, out=score, where=denominator > 0)
    return score


def _covered(masks: NDArray[np.bool_], others: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Of each component of the masks the number of its image, and the share of it that the other masks cover."""
    labels, pixels = components(masks)
    image = np.empty(len(pixels), np.int64)
    image[labels] = np.arange(len(masks))[:, np.newaxis, np.newaxis]
    common = np.bincount(labels[others], minlength=len(pixels))
    return image[1:], common[1:] / pixels[1:]
