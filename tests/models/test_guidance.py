"""Guidance: shares worked out by hand, and derivatives measured."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from brainseg.backend import keras
from brainseg.models import MODELS, build
from brainseg.models.guidance import energy_outside
from brainseg.models.losses import binary_crossentropy
from brainseg.models.trainee import trainee
from brainseg.saliency.gradients import input_gradient
from brainseg.saliency.target import Target
from tests.toy_models import LAYERS, images, randomise, square, toy

pytestmark = pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64:UserWarning")  # JAX, of a metric


def shares(model: Any, x: Any, masks: Any) -> Any:
    return keras.ops.convert_to_numpy(energy_outside(model, x, masks))


def squares(n: int = 2) -> Any:
    return np.repeat(square()[np.newaxis, ..., np.newaxis], n, axis=0)


def ones(size: int = 3) -> Any:
    return LAYERS.Conv2D(1, size, padding="same", kernel_initializer="ones", name="neighbours")


# Shares by hand.


@pytest.mark.contract
def test_what_sees_a_pixel_only_has_no_energy_outside() -> None:
    np.testing.assert_array_equal(shares(toy(weight=-3.0), images(), squares()), [0, 0])


@pytest.mark.contract
@pytest.mark.parametrize("weight", [1.0, -0.01, 100.0])
def test_the_share_of_a_sum_over_neighbours_is_counted_whatever_its_scale(weight: float) -> None:
    """In each direction 1, 2, 3, 2, 1 of the three columns of the mask see a column; the middle three are inside."""
    inside, everywhere = (4 + 9 + 4) ** 2, (1 + 4 + 9 + 4 + 1) ** 2
    found = shares(toy(ones(), weight=weight), images(), squares())
    np.testing.assert_allclose(found, 1 - inside / everywhere, rtol=1e-5)


@pytest.mark.contract
def test_each_image_has_its_own_share() -> None:
    masks = squares()
    masks[1] = 0
    masks[1, 0, 0] = 1  # sees the 2 × 2 pixels of the corner
    found = shares(toy(ones()), images(), masks)
    np.testing.assert_allclose(found, [1 - 17**2 / 19**2, 3 / 4], rtol=1e-5)


@pytest.mark.contract
def test_gradients_of_equal_channels_add_up_before_they_are_squared() -> None:
    """Weights 1 and −1 for two channels of a neighbour cancel; what is left is the pixel itself."""
    around = ones()
    model = toy(around, channels=2)
    kernel = np.zeros((3, 3, 2, 1))
    kernel[..., 0, 0], kernel[..., 1, 0] = 1, -1
    kernel[1, 1, 0, 0] = 2
    around.set_weights([kernel, np.zeros(1)])
    np.testing.assert_allclose(shares(model, images(channels=2), squares()), 0, atol=1e-6)


@pytest.mark.contract
def test_an_empty_mask_a_full_one_and_a_gradient_of_zero_have_none() -> None:
    x = images()
    assert shares(toy(ones()), x, 0 * squares()).tolist() == [0, 0]
    assert shares(toy(ones()), x, 0 * squares() + 1).tolist() == [0, 0]
    assert shares(toy(ones(), weight=0.0), x, squares()).tolist() == [0, 0]


@pytest.mark.contract
def test_the_energy_is_that_of_the_gradient_map() -> None:
    model = randomise(build("deeplab", size=16, width=4, normalisation="batch", dropout=0.5))
    x = np.repeat(images(3, size=16), 3, axis=-1)
    masks = np.zeros((3, 16, 16), np.float32)
    masks[0, 2:6, 4:7] = masks[1, 10:, 10:] = masks[2, 4:12, 4:12] = 1
    energy = input_gradient(Target(model, x, masks)).astype(float) ** 2
    expected = (energy * (1 - masks)).sum(axis=(1, 2)) / energy.sum(axis=(1, 2))
    assert 0.1 < expected.min() < expected.max() < 0.98
    np.testing.assert_allclose(shares(model, x, masks[..., np.newaxis]), expected, rtol=1e-4)


# The derivative of the share.


def no_loss(_: Any, probability: Any) -> Any:
    return 0 * keras.ops.sum(probability)


def smooth(*middle: Any) -> Any:
    features = LAYERS.Conv2D(2, 3, padding="same", name="features")
    model = toy(features, *middle, LAYERS.Activation("softplus"), ones())
    random = np.random.default_rng(2)
    features.set_weights([random.normal(0, 1, weight.shape) for weight in features.get_weights()])
    return model


@pytest.mark.contract
@pytest.mark.parametrize(
    "middle", [lambda: [], lambda: [LAYERS.BatchNormalization(momentum=0.5)]], ids=["plain", "batch normalisation"]
)
def test_a_step_of_training_follows_the_measured_derivative(middle: Callable[[], list[Any]]) -> None:
    """It is that of the network in training: with the statistics of the batch, which depend on the weights too."""
    model, x, masks = smooth(*middle()), images(3), squares(3)
    masks[2] = 0
    kernel = model.get_layer("features").kernel
    before = np.array(keras.ops.convert_to_numpy(kernel))
    guided = trainee(model, guidance=2.0)
    guided.compile(optimizer=keras.optimizers.SGD(1.0), loss=no_loss)
    guided.train_on_batch(x, masks)
    derivative = before - keras.ops.convert_to_numpy(guided.get_layer("features").kernel)

    def term(change: Any) -> float:
        kernel.assign(before + change)
        found = energy_outside(model, x, masks, training=True)
        return 2 * float(keras.ops.convert_to_numpy(found).astype(float).mean())

    measured = np.zeros_like(before)
    for place in np.ndindex(before.shape):
        change = np.zeros_like(before)
        change[place] = 0.01
        measured[place] = (term(change) - term(-change)) / 0.02
    assert np.abs(measured).max() > 0.01
    np.testing.assert_allclose(derivative, measured, atol=0.005 * np.abs(measured).max())


@pytest.mark.contract
def test_empty_masks_change_no_weight_and_give_no_nan() -> None:
    model, x = smooth(), images()
    guided = trainee(model, guidance=1.0)
    guided.compile(optimizer=keras.optimizers.SGD(1.0), loss=no_loss)
    assert float(guided.train_on_batch(x, 0 * squares())) == 0
    for old, new in zip(model.get_weights(), guided.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.contract
def test_the_term_is_in_the_loss_of_training_and_not_in_that_of_validation() -> None:
    x, masks = images(), squares()
    plain = toy(ones())
    plain.compile(loss="binary_crossentropy")
    guided = trainee(toy(ones()), guidance=2.0)
    guided.compile(optimizer=keras.optimizers.SGD(0.0), loss=binary_crossentropy)
    expected = float(plain.test_on_batch(x, masks))
    assert float(guided.test_on_batch(x, masks)) == pytest.approx(expected)
    assert float(guided.train_on_batch(x, masks)) == pytest.approx(expected + 2 * (1 - 17**2 / 19**2), rel=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_can_be_guided(name: str) -> None:
    guided = trainee(build(name, size=16, width=2, normalisation="batch", dropout=0.1), guidance=1.0)
    guided.compile(optimizer="sgd", loss=binary_crossentropy, run_eagerly=True)
    masks = np.zeros((2, 16, 16, 1), np.float32)
    masks[0, 4:9, 5:8] = 1
    assert np.isfinite(guided.train_on_batch(images(size=16, channels=3), masks))
    assert all(np.isfinite(weight).all() for weight in guided.get_weights())
