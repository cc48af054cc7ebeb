"""Losses against closed forms: what they charge for, that they can be saved, and that they always have a slope."""

import numpy as np
import pytest
from numpy.typing import ArrayLike

from brainseg.backend import keras
from brainseg.errors import BrainsegError
from brainseg.models.losses import LOSSES, SMOOTHING, loss, soft_dice

pytestmark = pytest.mark.contract
every_loss = pytest.mark.parametrize("name", LOSSES)


def mask(tumour: int) -> np.ndarray:
    """One image of 4 × 4 pixels whose first ones are tumour."""
    return (np.arange(16) < tumour).astype(np.float32).reshape(1, 4, 4, 1)


def logits(probability: ArrayLike) -> np.ndarray:
    """What a sigmoid makes these probabilities of; ±30 for 0 and 1."""
    probability = np.asarray(probability)
    with np.errstate(divide="ignore"):
        return np.asarray(np.clip(np.log(probability) - np.log(1 - probability), -30, 30))


def value(name: str, truth: np.ndarray, probability: np.ndarray) -> float:
    return float(loss(name)(truth, logits(probability))[0])


def overlap(truth: np.ndarray, probability: np.ndarray) -> list[float]:
    found: list[float] = keras.ops.convert_to_numpy(soft_dice(truth, logits(probability))).tolist()
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
    model = keras.Model(image, keras.layers.Conv2D(1, 1, kernel_initializer="zeros")(image))
    model.compile(keras.optimizers.SGD(1.0), loss(name))
    model.fit(np.ones((1, 4, 4, 1)), mask(0), epochs=5, verbose=0)
    assert model.predict_on_batch(np.ones((1, 4, 4, 1))).max() < logits(0.4)


@every_loss
@pytest.mark.parametrize("size", [0.0, 1e4])
def test_every_loss_is_finite_and_has_a_finite_slope_at_the_extremes(name: str, size: float) -> None:
    start = keras.Variable(np.zeros((1, 4, 4, 1), np.float32))
    image = keras.Input((4, 4, 1))
    model = keras.Model(image, keras.layers.Conv2D(1, 1, kernel_initializer="ones", name="logits")(image))
    model.compile(keras.optimizers.SGD(0.1), loss(name))
    for tumour in (0, 5, 16):
        answer = np.where(mask(tumour), -size, size)
        assert np.isfinite(keras.ops.convert_to_numpy(loss(name)(mask(tumour), start + answer))).all()
        model.train_on_batch(answer, mask(tumour))
        assert all(np.isfinite(weight).all() for weight in model.get_weights())


@every_loss
def test_each_image_has_its_own_loss(name: str) -> None:
    truth, answer = np.concatenate([mask(3), mask(9)]), np.concatenate([mask(4), mask(2)])
    both = keras.ops.convert_to_numpy(loss(name)(truth, logits(answer)))
    assert both.tolist() == pytest.approx([value(name, mask(3), mask(4)), value(name, mask(9), mask(2))])


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(BrainsegError, match="expected one of: binary_crossentropy, bce_dice"):
        loss("hinge")
