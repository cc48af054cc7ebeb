"""Networks as ONNX files: the same answers from ONNX Runtime, and the same weights back in Keras."""

from functools import cache
from typing import Any

import numpy as np
import onnx
import pytest

from brainseg.backend import keras
from brainseg.errors import BrainsegError
from brainseg.models import build
from brainseg.models.exchange import named_weights, to_onnx, weights_by_name
from brainseg.models.runtime import opened
from tests.models.test_models import VARIANTS
from tests.toy_models import LAYERS, images, randomise

CLOSE = 1e-5
"""How far the probabilities of ONNX Runtime may be from those of Keras: as far as its backends are from each other."""

every_variant = pytest.mark.parametrize(("name", "attention", "normalisation"), VARIANTS)


def half(model: Any) -> Any:
    """The model with kernels that half precision holds."""
    model.set_weights([w.astype(np.float16).astype(np.float32) if w.ndim > 1 else w for w in model.get_weights()])
    return model


@cache
def network(name: str, attention: str | None = "published", normalisation: str | None = None, size: int = 32) -> Any:
    """A model with random weights, of which no probability is certain, so that all of them tell something."""
    model = randomise(build(name, size=size, width=4, attention=attention, normalisation=normalisation))
    logits = model.get_layer("logits")
    before = keras.Model(model.input, logits.output)
    values = keras.ops.convert_to_numpy(before(images(4, 3, size), training=False))
    kernel, bias = logits.get_weights()
    logits.set_weights([kernel / values.std(), (bias - values.mean()) / values.std()])
    return half(model)


def of_one_pixel(weight: float, bias: float = 0) -> Any:
    """A model that answers sigmoid(weight · x + bias) for each pixel x."""
    image = keras.Input((8, 8, 1), name="image")
    model = keras.Model(image, LAYERS.Conv2D(1, 1, padding="same", activation="sigmoid", name="logits")(image))
    model.set_weights([np.full((1, 1, 1, 1), weight), np.array([bias])])
    return model


def answer_of_keras(model: Any, x: Any) -> Any:
    return keras.ops.convert_to_numpy(model(x, training=False))


@pytest.mark.contract
@every_variant
def test_onnx_runtime_answers_as_keras_does(name: str, attention: str | None, normalisation: str | None) -> None:
    model, x = network(name, attention, normalisation), images(3, 3, 32)
    expected = answer_of_keras(model, x)
    assert expected.std() > 0.1
    np.testing.assert_allclose(opened(to_onnx(model))(x), expected, rtol=0, atol=CLOSE)


def test_all_taps_of_the_widest_dilation_are_in_place() -> None:
    model, x = network("deeplab", size=160), images(1, 3, 160)
    np.testing.assert_allclose(opened(to_onnx(model))(x), answer_of_keras(model, x), rtol=0, atol=CLOSE)


@pytest.mark.contract
@every_variant
def test_weights_come_back_bit_for_bit(name: str, attention: str | None, normalisation: str | None) -> None:
    model = network(name, attention, normalisation)
    back = named_weights(to_onnx(model))
    expected = weights_by_name(model)
    assert back.keys() == expected.keys()
    assert len(expected) == len(model.weights)
    for key, values in expected.items():
        assert back[key].dtype == np.float32
        assert back[key].shape == values.shape
        assert back[key].tobytes() == values.tobytes()


@every_variant
def test_a_file_is_valid_and_the_same_whatever_was_built_before(
    name: str, attention: str | None, normalisation: str | None
) -> None:
    content = to_onnx(half(build(name, 16, width=2, attention=attention, normalisation=normalisation)))
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    assert to_onnx(half(build(name, 16, width=2, attention=attention, normalisation=normalisation))) == content


@pytest.mark.parametrize("name", ["unet", "deeplab"])
def test_an_answer_does_not_depend_on_what_is_asked_with_it(name: str) -> None:
    answer, x = opened(to_onnx(network(name))), images(5, 3, 32)
    np.testing.assert_array_equal(answer(x), np.concatenate([answer(x[i : i + 1]) for i in range(len(x))]))


def test_a_kernel_that_half_precision_does_not_hold_is_refused() -> None:
    with pytest.raises(BrainsegError, match=r"received 1\.00048828 among the weights of logits/kernel, .* round"):
        to_onnx(of_one_pixel(1 + 2**-11))
    with pytest.raises(BrainsegError, match=r"received 100000 among the weights of logits/kernel"):
        to_onnx(of_one_pixel(1e5))
    assert named_weights(to_onnx(of_one_pixel(1 + 2**-10, bias=1e5)))["logits/bias"] == 1e5


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (LAYERS.AveragePooling2D(2, name="a"), "received a, an operation AveragePooling2D, expected one of InputLayer"),
        (
            LAYERS.Conv2D(1, 3, strides=2, padding="same", name="a"),
            r"received a with strides \(2, 2\), expected \(1, 1\)",
        ),
        (LAYERS.Conv2D(1, 3, name="a"), "received a with padding 'valid', expected 'same'"),
        (LAYERS.Conv2D(1, 1, padding="same", activation="tanh", name="a"), "received a with activation tanh, expected"),
        (LAYERS.UpSampling2D(name="a"), "received a with interpolation 'nearest', expected 'bilinear'"),
        (LAYERS.Conv2DTranspose(1, 2, strides=2, padding="same", name="a"), r"received a with kernel_size \(2, 2\)"),
        (LAYERS.BatchNormalization(scale=False, name="a"), "received a with scale False, expected True"),
        (LAYERS.ReLU(6, name="a"), "received a with max_value 6"),
        (LAYERS.GlobalAveragePooling2D(keepdims=False, name="a"), "received a with keepdims False"),
    ],
)
def test_what_is_not_translated_is_refused(layer: Any, message: str) -> None:
    image = keras.Input((8, 8, 1), name="image")
    with pytest.raises(BrainsegError, match=message):
        to_onnx(half(keras.Model(image, layer(image))))


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(BrainsegError, match="received 5 bytes that are no ONNX file"):
        named_weights(b"hello")
    with pytest.raises(BrainsegError, match="received no network that ONNX Runtime opens"):
        opened(b"hello")


def test_an_answer_is_what_the_formula_says() -> None:
    x = images()
    answer = opened(to_onnx(of_one_pixel(2, bias=-1)))
    np.testing.assert_allclose(answer(x), 1 / (1 + np.exp(1 - 2 * x)), rtol=0, atol=CLOSE)
