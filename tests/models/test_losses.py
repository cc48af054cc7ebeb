"""Losses against closed forms: what they charge for, that they can be saved, and that they always have a slope."""

import numpy as np
import pytest

from brainseg.backend import keras
from brainseg.errors import BrainsegError
from brainseg.models.losses import LOSSES, SMOOTHING, loss, soft_dice

pytestmark = pytest.mark.contract
every_loss = pytest.mark.parametrize("name", LOSSES)


def mask(tumour: int) -> np.ndarray:
    """One image of 4 × 4 pixels whose first ones are tumour."""
    return (np.arange(16) < tumour).astype(np.float32).reshape(1, 4, 4, 1)


def value(name: str, truth: np.ndarray, probability: np.ndarray) -> float:
    return float(loss(name)(truth, probability))


def overlap(truth: np.ndarray, probability: np.ndarray) -> list[float]:
    found: list[float] = keras.ops.convert_to_numpy(soft_dice(truth, probability)).tolist()
    return found


def test_dice_of_soft_answers_is_the_closed_form() -> None:
    probability = np.full((1, 4, 4, 1), 0.25, np.float32)
    expected = 1 - (2 * 4 * 0.25 + 2 * SMOOTHING) / (4 + 16 * 0.25 + 2 * SMOOTHING)
    assert overlap(mask(4), probability) == pytest.approx([expected])


def test_false_positives_and_false_negatives_count_alike() -> None:
    assert overlap(mask(4), mask(10)) == overlap(mask(10), mask(4)) == pytest.approx([3 / (4 + 3 + SMOOTHING)])


def test_images_count_alike_whatever_their_size() -> None:
    truth = np.concatenate([mask(2), mask(14)])
    assert overlap(truth, np.concatenate([mask(0), mask(14)])) == pytest.approx([1 / 2, 0])
    assert overlap(truth, np.concatenate([mask(2), mask(0)])) == pytest.approx([0, 7 / 8])


def test_the_sum_is_the_sum() -> None:
    probability = np.linspace(0.01, 0.99, 16, dtype=np.float32).reshape(1, 4, 4, 1)
    truth = mask(5)
    entropy = -np.mean(truth * np.log(probability) + (1 - truth) * np.log(1 - probability))
    assert value("binary_crossentropy", truth, probability) == pytest.approx(entropy, rel=1e-5)
    assert value("bce_dice", truth, probability) == pytest.approx(entropy + overlap(truth, probability)[0], rel=1e-5)


@every_loss
def test_right_is_nearly_free_and_inverted_is_dear(name: str) -> None:
    assert value(name, mask(8), mask(8)) < 0.001
    assert value(name, mask(8), 1 - mask(8)) > 0.8


@every_loss
def test_an_empty_target_punishes_every_false_positive(name: str) -> None:
    charged = [value(name, mask(0), mask(false_positives)) for false_positives in (0, 1, 4, 16)]
    assert charged[0] < 0.001
    assert charged == sorted(set(charged))


@every_loss
def test_training_on_an_empty_target_lowers_the_answer(name: str) -> None:
    image = keras.Input((4, 4, 1))
    model = keras.Model(image, keras.layers.Conv2D(1, 1, activation="sigmoid", kernel_initializer="zeros")(image))
    model.compile(keras.optimizers.SGD(1.0), loss(name))
    model.fit(np.ones((1, 4, 4, 1)), mask(0), epochs=5, verbose=0)
    assert model.predict_on_batch(np.ones((1, 4, 4, 1))).max() < 0.4


@every_loss
def test_every_loss_is_finite_at_the_extremes_and_can_be_saved(name: str) -> None:
    for tumour in (0, 5, 16):
        for answer in (mask(0), mask(16), mask(tumour)):
            assert np.isfinite(value(name, mask(tumour), answer))
    again = keras.losses.deserialize(keras.losses.serialize(loss(name)))
    answer = np.full((1, 4, 4, 1), 0.3, np.float32)
    assert float(again(mask(5), answer)) == value(name, mask(5), answer)


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(BrainsegError, match="expected one of: binary_crossentropy, bce_dice"):
        loss("hinge")
