"""Derivatives as graphs are those that Keras's backend finds."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest

from brainseg.backend import keras
from brainseg.errors import BrainsegError
from brainseg.models.derivative import coarsest, derivative
from brainseg.models.exchange import to_onnx
from brainseg.models.runtime import computing
from brainseg.saliency.cam import coarsest_layer
from brainseg.saliency.target import Target
from tests.models.test_exchange import every_variant, network
from tests.toy_models import images

SIZE = 32


@pytest.fixture(autouse=True)
def without_tracing() -> Iterator[None]:
    """TensorFlow takes seconds to trace a network that is asked once."""
    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * abs(expected).max())


@every_variant
def test_derivatives_are_those_of_the_backend(name: str, attention: str | None, normalisation: str | None) -> None:
    model, x = network(name, attention, normalisation, SIZE), images(2, 3, SIZE)
    region = (np.random.default_rng(0).random((2, SIZE, SIZE)) < 0.3).astype(np.float32)
    content, target = to_onnx(model), Target(model, x, region)
    by_images = derivative(content)
    onnx.checker.check_model(onnx.load_from_string(by_images), full_check=True)
    given, gradient = computing(by_images)(x, region[..., np.newaxis])
    np.testing.assert_array_equal(given, x)
    close(gradient, target.gradient())
    layer = coarsest(content)
    assert layer == coarsest_layer(model)
    for found, expected in zip(
        computing(derivative(content, layer))(x, region[..., np.newaxis]), target.features(layer), strict=True
    ):
        close(found, expected)


def test_features_reach_the_answer_on_several_ways() -> None:
    model, x, region = network("unet", size=SIZE), images(1, 3, SIZE), np.ones((1, SIZE, SIZE), np.float32)
    _, gradient = computing(derivative(to_onnx(model), "encoder_1_conv_2"))(x, region[..., np.newaxis])
    close(gradient, Target(model, x, region).features("encoder_1_conv_2")[1])


def test_a_layer_that_is_not_there_is_refused() -> None:
    with pytest.raises(BrainsegError, match="received value 'encoder_9', expected one of: images, image, encoder_1"):
        derivative(to_onnx(network("unet")), "encoder_9")
