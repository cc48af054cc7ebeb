"""The study's metrics against Keras, closed forms, and numbers that the study printed."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import f1_score

from brainseg.backend import keras
from brainseg.errors import BrainsegError
from brainseg.experiments.fit import batch_dice
from brainseg.scores.published import background_scores, broadcast_scores, published_scores

probabilities = arrays(np.float32, (5, 4, 4), elements=st.floats(0, 1, width=32))


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(probabilities, arrays(bool, (5, 4, 4)), st.integers(1, 6))
def test_published_scores_are_what_keras_computes(probability: Any, truth: Any, batch_size: int) -> None:
    scores = published_scores(probability, truth, batch_size)
    mean_iou = keras.metrics.MeanIoU(num_classes=2)
    mean_iou.update_state(truth, probability)
    accuracy = keras.metrics.BinaryAccuracy()
    accuracy.update_state(truth[..., None], probability[..., None])
    pooled = keras.metrics.MeanMetricWrapper(batch_dice)
    for start in range(0, 5, batch_size):
        batch = slice(start, start + batch_size)
        pooled.update_state(truth[batch].astype("float32"), probability[batch])
    assert scores["mean_iou"] == pytest.approx(float(mean_iou.result()), abs=1e-6)
    assert scores["accuracy"] == pytest.approx(float(accuracy.result()), abs=1e-6)
    assert scores["dice"] == pytest.approx(float(pooled.result()), abs=1e-5)


def test_the_published_mean_iou_cannot_tell_the_best_model_from_the_worst() -> None:
    truth = np.random.default_rng(1).random((3, 8, 8)) > 0.9
    best, worst = np.where(truth, 0.99, 0.01), np.where(truth, 0.01, 0.99)
    background = background_scores(truth)
    assert background["accuracy"] == pytest.approx(1 - truth.mean())
    assert background["mean_iou"] == pytest.approx(background["accuracy"] / 2)
    for probability in (best, worst):
        assert published_scores(probability, truth)["mean_iou"] == background["mean_iou"]
    assert published_scores(worst, truth)["accuracy"] == 0
    assert published_scores(truth.astype(float), truth)["mean_iou"] == 1


def test_broadcast_scores_obey_the_pair_that_the_study_printed() -> None:
    printed_iou, printed_dice, height = 0.0541, 13.1321, 128
    assert printed_dice / 2 / (height - printed_dice / 2) == pytest.approx(printed_iou, abs=5e-5)
    rng = np.random.default_rng(2)
    for _ in range(5):
        prediction, truth = rng.random((2, height, height)) > rng.random()
        scores = broadcast_scores(prediction, truth)
        assert scores["iou"] == pytest.approx(scores["dice"] / 2 / (height - scores["dice"] / 2))


@given(arrays(bool, (2, 6, 6)).filter(np.any))
def test_broadcast_scores_pair_columns_with_rows(pair: Any) -> None:
    prediction, truth = pair
    meetings = int(prediction.sum(axis=0) @ truth.sum(axis=1))
    assert broadcast_scores(prediction, truth)["dice"] == pytest.approx(2 * meetings / (prediction.sum() + truth.sum()))


@given(arrays(bool, (2, 3, 5, 5)).filter(np.any))
def test_in_one_batch_the_published_dice_is_that_of_all_pixels(pair: Any) -> None:
    prediction, truth = pair
    scores = published_scores(prediction, truth, batch_size=len(truth))
    assert scores["dice"] == pytest.approx(f1_score(truth.ravel(), prediction.ravel()))


def test_what_cannot_be_scored_is_named() -> None:
    mask = np.zeros((2, 4, 4))
    with pytest.raises(BrainsegError, match="expected one shape"):
        published_scores(mask[:1], mask)
    with pytest.raises(BrainsegError, match="apply a threshold first"):
        background_scores(mask + 0.3)
    with pytest.raises(BrainsegError, match="expected square ones"):
        broadcast_scores(np.ones((2, 3)), np.ones((2, 3)))
    with pytest.raises(BrainsegError, match="two empty masks"):
        broadcast_scores(mask[0], mask[0])
