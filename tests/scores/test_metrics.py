"""Scores against scikit-learn, OpenCV, Keras, values of MONAI, and grids computed by hand."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist
from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

from brainseg.errors import BrainsegError
from brainseg.scores.metrics import (
    dice,
    hd95_px,
    image_scores,
    iou,
    lesions,
    precision,
    recall,
    specificity,
    surface_dice,
)
from brainseg.scores.published import published_scores

SIZE = 64
OVERLAP_SCORES = (dice, iou, precision, recall, specificity)
IMAGE_SCORES = (*OVERLAP_SCORES, hd95_px, surface_dice)

masks = arrays(bool, (2, 3, 5, 5))


def disc(row: int, column: int, radius: int) -> Any:
    y, x = np.ogrid[:SIZE, :SIZE]
    return (y - row) ** 2 + (x - column) ** 2 <= radius**2


def rectangle(rows: slice, columns: slice) -> Any:
    mask = np.zeros((SIZE, SIZE), bool)
    mask[rows, columns] = True
    return mask


@pytest.mark.parametrize(
    ("score", "oracle"),
    [
        (dice, f1_score),
        (iou, jaccard_score),
        (precision, precision_score),
        (recall, recall_score),
    ],
)
@given(pair=masks)
def test_overlap_scores_are_those_of_scikit_learn(score: Any, oracle: Any, pair: Any) -> None:
    prediction, truth = pair
    undefined = {} if oracle is jaccard_score else {"zero_division": np.nan}
    for i, value in enumerate(score(prediction, truth)):
        if prediction[i].any() or truth[i].any():
            assert value == pytest.approx(oracle(truth[i].ravel(), prediction[i].ravel(), **undefined), nan_ok=True)
        else:
            assert np.isnan(value)


@given(masks)
def test_specificity_is_the_recall_of_the_background(pair: Any) -> None:
    prediction, truth = pair
    np.testing.assert_array_equal(specificity(prediction, truth), recall(~prediction, ~truth))


@given(masks)
def test_dice_and_iou_say_the_same(pair: Any) -> None:
    d, j = dice(*pair), iou(*pair)
    np.testing.assert_allclose(d, 2 * j / (1 + j))
    np.testing.assert_allclose(j, d / (2 - d))


@given(masks)
def test_which_mask_is_the_truth_matters_only_to_precision_and_recall(pair: Any) -> None:
    prediction, truth = pair
    for score in (dice, iou, hd95_px, surface_dice):
        np.testing.assert_array_equal(score(prediction, truth), score(truth, prediction))
    np.testing.assert_array_equal(precision(prediction, truth), recall(truth, prediction))


@given(masks)
def test_surface_dice_is_a_share_that_grows_with_the_tolerance(pair: Any) -> None:
    prediction, truth = pair
    strict, usual, loose = (surface_dice(prediction, truth, tolerance) for tolerance in (0, 1, 2.5))
    defined = pair.any(axis=(0, 2, 3))
    assert ((strict >= 0) & (strict <= usual) & (usual <= loose) & (loose <= 1))[defined].all()
    assert np.isnan(usual[~defined]).all()


@given(masks)
def test_distances_are_those_of_all_pairs_of_boundary_pixels(pair: Any) -> None:
    def pixels(mask: Any) -> Any:
        padded = np.pad(mask, 1)
        above, below, left, right = padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]
        return np.argwhere(mask & ~(above & below & left & right))

    predictions, truths = pair
    hd95, within = hd95_px(predictions, truths), surface_dice(predictions, truths, tolerance_px=1.5)
    for i, (prediction, truth) in enumerate(zip(predictions, truths, strict=True)):
        if not (prediction.any() and truth.any()):
            assert np.isnan(hd95[i])
            continue
        between = cdist(pixels(prediction), pixels(truth))
        nearest = [between.min(axis=1), between.min(axis=0)]
        assert hd95[i] == pytest.approx(max(np.quantile(distances, 0.95) for distances in nearest))
        assert within[i] == pytest.approx(np.mean(np.concatenate(nearest) <= 1.5))


@pytest.mark.parametrize("score", IMAGE_SCORES[:4] + IMAGE_SCORES[5:])
@given(pair=masks)
def test_a_margin_of_background_changes_nothing_but_specificity(score: Any, pair: Any) -> None:
    margin = np.pad(pair, ((0, 0), (0, 0), (2, 1), (0, 3)))
    np.testing.assert_array_equal(score(*margin), score(*pair))


def test_squares_two_pixels_apart() -> None:
    """Of the 8 boundary pixels of each, 3 coincide with one of the other, 2 are 1 pixel and 3 are 2 pixels away."""
    prediction, truth = np.zeros((2, 1, 5, 7))
    prediction[0, 1:4, 1:4] = truth[0, 1:4, 3:6] = 1
    assert hd95_px(prediction, truth) == 2
    for tolerance, share in ((0, 3 / 8), (0.9, 3 / 8), (1, 5 / 8), (2, 1)):
        assert surface_dice(prediction, truth, tolerance) == share


def test_single_pixels_are_a_hypotenuse_apart() -> None:
    prediction, truth = np.zeros((2, 1, 6, 6))
    prediction[0, 1, 1] = truth[0, 4, 5] = 1
    assert hd95_px(prediction, truth) == 5
    assert surface_dice(prediction, truth, tolerance_px=5) == 1
    assert surface_dice(prediction, truth, tolerance_px=4.9) == 0


def test_hd95_is_the_larger_percentile_and_not_that_of_both_directions_together() -> None:
    """The distances are ten times 0 and once 8 one way, ten times 0 the other way."""
    truth = np.zeros((1, 1, 18))
    truth[..., :10] = 1
    prediction = truth.copy()
    prediction[..., 17] = 1
    assert hd95_px(prediction, truth) == hd95_px(truth, prediction) == pytest.approx(np.percentile([0] * 10 + [8], 95))
    assert np.percentile([0] * 20 + [8], 95) == 0


# MONAI 1.6.1 (torch 2.15.0, CPU): compute_dice, compute_iou, compute_confusion_matrix_metric ("precision", "recall",
# "specificity"), compute_hausdorff_distance (percentile=95), compute_surface_dice (class_thresholds 1, then 2).
MONAI = {
    "shifted": (
        (disc(30, 34, 10), disc(32, 30, 10)),
        (0.716088, 0.55774, 0.716088, 0.716088, 0.976184, 4.472136, 0.196429, 0.357143),
    ),
    "too small": (
        (disc(32, 32, 8), disc(32, 32, 14)),
        (0.48642, 0.32137, 1.0, 0.32137, 1.0, 6.324555, 0.0, 0.0),
    ),
    "at the edge": (
        (rectangle(slice(0, 20), slice(40, 64)), disc(12, 50, 12)),
        (0.816504, 0.689908, 0.783333, 0.852608, 0.971546, 4.886395, 0.385135, 0.614865),
    ),
    "one of two": (
        (disc(20, 20, 6), disc(20, 20, 6) | rectangle(slice(40, 50), slice(44, 60))),
        (0.585492, 0.413919, 1.0, 0.413919, 1.0, 41.25037, 0.571429, 0.571429),
    ),
    "false alarm": (
        (disc(20, 20, 7) | disc(50, 50, 3), disc(20, 21, 7)),
        (0.819572, 0.694301, 0.752809, 0.899329, 0.988852, 37.48333, 0.818182, 0.818182),
    ),
}


@pytest.mark.parametrize("case", MONAI)
def test_every_pixel_score_is_that_of_monai(case: str) -> None:
    (prediction, truth), values = MONAI[case]
    pair = prediction[np.newaxis], truth[np.newaxis]
    ours = [score(*pair)[0] for score in IMAGE_SCORES] + [surface_dice(*pair, tolerance_px=2)[0]]
    assert ours == pytest.approx(values, abs=2e-6)


def test_lesions_meet_at_corners_and_are_found_by_a_shared_pixel() -> None:
    truth = [
        [1, 0, 0, 0, 1, 1],
        [0, 1, 0, 0, 1, 1],
        [0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 1],
    ]
    prediction = [
        [1, 0, 0, 1, 1, 0],  # part of the first lesion; part of the second
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 1, 0, 1, 0],  # beside the third and the fourth, twice
    ]
    counts = lesions([prediction, truth], [truth, prediction])
    assert counts.columns.tolist() == ["lesions", "found", "false_lesions"]
    assert counts.to_numpy().tolist() == [[4, 2, 2], [4, 2, 2]]


def test_one_predicted_component_can_find_several_lesions() -> None:
    counts = lesions(np.ones((1, 3, 5)), [[[1, 0, 1, 0, 1]] * 3])
    assert counts.to_numpy().tolist() == [[3, 3, 0]]


@given(masks)
def test_lesions_are_the_components_of_opencv(pair: Any) -> None:
    counts = lesions(*pair).to_numpy().tolist()
    for i, (prediction, truth) in enumerate(zip(*pair, strict=True)):
        true_labels, true = cv2.connectedComponents(truth.astype(np.uint8), connectivity=8)
        predicted_labels, predicted = cv2.connectedComponents(prediction.astype(np.uint8), connectivity=8)
        found, right = set(true[prediction]) - {0}, set(predicted[truth]) - {0}
        assert counts[i] == [true_labels - 1, len(found), predicted_labels - 1 - len(right)]


EMPTY, TUMOUR = np.zeros((SIZE, SIZE), bool), disc(20, 20, 5)
NAN = np.nan


@pytest.mark.parametrize(
    ("prediction", "truth", "expected"),
    [
        (EMPTY, EMPTY, [NAN, NAN, NAN, NAN, 1, NAN, NAN, 0, 0, 0]),
        (TUMOUR, EMPTY, [0, 0, 0, NAN, 1 - TUMOUR.mean(), NAN, 0, 0, 0, 1]),
        (EMPTY, TUMOUR, [0, 0, NAN, 0, 1, NAN, 0, 1, 0, 0]),
        (TUMOUR, TUMOUR, [1, 1, 1, 1, 1, 0, 1, 1, 1, 0]),
    ],
    ids=["both empty", "false alarm", "missed", "right"],
)
def test_empty_masks_score_as_the_table_says(prediction: Any, truth: Any, expected: list[float]) -> None:
    np.testing.assert_array_equal(image_scores(prediction[np.newaxis], truth[np.newaxis]).loc[0], expected)


def test_without_a_healthy_pixel_there_is_no_specificity() -> None:
    assert np.isnan(specificity(np.zeros((1, 2, 2)), np.ones((1, 2, 2)))).all()


@given(masks)
def test_image_scores_are_the_single_scores_side_by_side(pair: Any) -> None:
    table = image_scores(*pair)
    for score in IMAGE_SCORES:
        np.testing.assert_array_equal(table.pop(score.__name__), score(*pair))
    assert table.equals(lesions(*pair))


def test_every_score_notices_the_inverted_prediction_and_the_published_mean_iou_does_not() -> None:
    truth = np.stack([disc(20, 20, 9), disc(40, 30, 5), rectangle(slice(8, 30), slice(30, 40))])
    scores: list[Callable[[Any, Any], Any]] = [
        *OVERLAP_SCORES,
        lambda prediction, truth: surface_dice(prediction, truth, tolerance_px=0),
        lambda prediction, truth: lesions(prediction, truth)["found"],
    ]
    for score in scores:
        np.testing.assert_array_equal(score(truth, truth), 1)
        np.testing.assert_array_equal(score(~truth, truth), 0)
    right, inverted = np.where(truth, 0.99, 0.01), np.where(truth, 0.01, 0.99)
    for probability in (right, inverted):
        assert published_scores(probability, truth)["mean_iou"] == pytest.approx((1 - truth.mean()) / 2)


def test_with_a_tolerance_surface_dice_does_not_notice_which_side_is_tumour() -> None:
    """Each half of the image has 20 boundary pixels; the 8 along the middle are 1 pixel from the other half."""
    left = np.zeros((1, 8, 8), bool)
    left[..., :4] = True
    assert surface_dice(~left, left, tolerance_px=1) == 8 / 20
    assert dice(~left, left) == 0


def test_no_images_have_no_scores() -> None:
    table = image_scores(np.zeros((0, 4, 4)), np.zeros((0, 4, 4)))
    assert table.shape == (0, 10)


@pytest.mark.parametrize("score", [*IMAGE_SCORES, lesions, image_scores])
def test_what_cannot_be_scored_is_named(score: Any) -> None:
    mask = np.zeros((2, 4, 4))
    with pytest.raises(BrainsegError, match="expected one shape"):
        score(mask[0], mask)
    with pytest.raises(BrainsegError, match=r"expected \(n, h, w\)"):
        score(mask[0], mask[0])
    with pytest.raises(BrainsegError, match="apply a threshold first"):
        score(mask + 0.3, mask)


@pytest.mark.parametrize("tolerance_px", [-1, np.nan, np.inf])
def test_a_tolerance_is_a_finite_length(tolerance_px: float) -> None:
    with pytest.raises(BrainsegError, match="expected a number from 0 up"):
        surface_dice(np.ones((1, 2, 2)), np.ones((1, 2, 2)), tolerance_px)
