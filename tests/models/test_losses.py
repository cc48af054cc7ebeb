"""Losses against closed forms: what they charge for, that they can be saved, and that they always have a slope."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from brainseg.backend import keras
from brainseg.errors import BrainsegError
from brainseg.models.losses import LOSSES, SMOOTHING, CrossEntropyDice, Dice, FocalTversky, Tversky, loss

OVERLAP = [Tversky(0.3, 0.7), Dice(), FocalTversky(), CrossEntropyDice()]
every_overlap = pytest.mark.parametrize("overlap", OVERLAP, ids=lambda one: one.name)


def mask(tumour: int, pixels: int = 16) -> np.ndarray:
    """One image of 4 × 4 pixels whose first ones are tumour."""
    return (np.arange(pixels) < tumour).astype(np.float32).reshape(1, 4, 4, 1)


def value(one: keras.losses.Loss, truth: np.ndarray, probability: np.ndarray) -> float:
    return float(one(truth, probability))


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.0), (0.0, 1.0), (0.3, 0.7)])
def test_alpha_weighs_false_positives_and_beta_false_negatives(alpha: float, beta: float) -> None:
    only_false_positives = value(Tversky(alpha, beta), mask(4), mask(10))
    only_false_negatives = value(Tversky(alpha, beta), mask(10), mask(4))
    assert only_false_positives == pytest.approx(6 * alpha / (4 + 6 * alpha + SMOOTHING))
    assert only_false_negatives == pytest.approx(6 * beta / (4 + 6 * beta + SMOOTHING))


def test_keras_has_them_swapped_which_is_why_this_one_exists() -> None:
    theirs = keras.losses.Tversky(alpha=1.0, beta=0.0)
    assert value(theirs, mask(4), mask(10)) == pytest.approx(0, abs=1e-6)  # should be 0.6: remove ours when it is


@given(arrays(np.float32, (2, 4, 4, 1), elements=st.floats(0, 1, width=32)), st.integers(0, 16))
def test_dice_is_tversky_with_equal_weights(probability: np.ndarray, tumour: int) -> None:
    truth = np.concatenate([mask(tumour), mask(3)])
    assert value(Dice(), truth, probability) == pytest.approx(value(Tversky(0.5, 0.5), truth, probability), abs=1e-6)


def test_dice_of_soft_answers_is_the_closed_form() -> None:
    probability = np.full((1, 4, 4, 1), 0.25, np.float32)
    expected = 1 - (2 * 4 * 0.25 + 2 * SMOOTHING) / (4 + 16 * 0.25 + 2 * SMOOTHING)
    assert value(Dice(), mask(4), probability) == pytest.approx(expected)


def test_images_count_alike_or_by_their_size() -> None:
    truth = np.concatenate([mask(2), mask(14)])
    missed_small = np.concatenate([mask(0), mask(14)])
    missed_large = np.concatenate([mask(2), mask(0)])
    by_image = [value(Dice("image"), truth, answer) for answer in (missed_small, missed_large)]
    by_batch = [value(Dice("batch"), truth, answer) for answer in (missed_small, missed_large)]
    assert by_image == pytest.approx([(1 / 2) / 2, (7 / 8) / 2])
    assert by_batch == pytest.approx([1 / (14 + 1 + 1), 7 / (2 + 7 + 1)])


def test_the_focal_loss_is_a_root_of_the_other() -> None:
    plain, focal = Tversky(0.3, 0.7), FocalTversky(0.3, 0.7, gamma=2.0)
    assert value(focal, mask(4), mask(9)) == pytest.approx(value(plain, mask(4), mask(9)) ** 0.5)


def test_the_sum_is_the_sum() -> None:
    probability = np.linspace(0.01, 0.99, 16, dtype=np.float32).reshape(1, 4, 4, 1)
    truth = mask(5)
    entropy = -np.mean(truth * np.log(probability) + (1 - truth) * np.log(1 - probability))
    expected = entropy + value(Dice(), truth, probability)
    assert value(CrossEntropyDice(), truth, probability) == pytest.approx(expected, rel=1e-5)


@every_overlap
def test_right_is_nearly_free_and_inverted_is_dear(overlap: keras.losses.Loss) -> None:
    truth = mask(8)
    assert value(overlap, truth, truth) < 0.001
    assert value(overlap, truth, 1 - truth) > 0.8


@every_overlap
def test_an_empty_target_punishes_every_false_positive(overlap: keras.losses.Loss) -> None:
    charged = [value(overlap, mask(0), mask(false_positives)) for false_positives in (0, 1, 4, 16)]
    assert charged[0] < 0.001
    assert charged == sorted(set(charged))


@every_overlap
def test_training_on_an_empty_target_lowers_the_answer(overlap: keras.losses.Loss) -> None:
    image = keras.Input((4, 4, 1))
    model = keras.Model(image, keras.layers.Conv2D(1, 1, activation="sigmoid", kernel_initializer="zeros")(image))
    model.compile(keras.optimizers.SGD(1.0), overlap)
    model.fit(np.ones((1, 4, 4, 1)), mask(0), epochs=5, verbose=0)
    assert model.predict_on_batch(np.ones((1, 4, 4, 1))).max() < 0.4


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_finite_at_the_extremes_and_can_be_saved(name: str) -> None:
    one = loss(name)
    for tumour in (0, 5, 16):
        for answer in (mask(0), mask(16), mask(tumour)):
            assert np.isfinite(value(one, mask(tumour), answer))
    again = keras.losses.deserialize(keras.losses.serialize(one))
    answer = np.full((1, 4, 4, 1), 0.3, np.float32)
    assert value(again, mask(5), answer) == value(one, mask(5), answer)
    assert again.get_config() == one.get_config()


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(BrainsegError, match="received loss 'hinge', expected one of: binary_crossentropy, dice"):
        loss("hinge")
    with pytest.raises(BrainsegError, match="received per='pixel', expected one of: image, batch"):
        Dice("pixel")
    with pytest.raises(BrainsegError, match=r"received the weights -1 and 0.5"):
        Tversky(-1, 0.5)
    with pytest.raises(BrainsegError, match="received gamma=0"):
        FocalTversky(gamma=0)
