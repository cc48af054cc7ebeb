"""A window of the logits is what the whole network says there."""

from typing import Any

import numpy as np
import onnx
import pytest

from brainseg.backend import keras
from brainseg.models.exchange import to_onnx
from brainseg.models.restricted import Window, bounding_window, restricted
from brainseg.models.runtime import computing
from tests.models.test_exchange import every_variant, network
from tests.toy_models import images

SIZE = 32
WINDOWS = [
    (range(SIZE), range(SIZE)),
    (range(1), range(SIZE - 1, SIZE)),
    (range(13, 14), range(14, 15)),
    (range(3, 22), range(19, SIZE)),
]


def logits(model: Any, x: Any) -> Any:
    return keras.ops.convert_to_numpy(keras.Model(model.input, model.get_layer("logits").output)(x, training=False))


def in_window(model: Any, window: Window, x: Any) -> Any:
    content = restricted(to_onnx(model), window)
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    return computing(content)(x)[0]


@every_variant
def test_a_window_is_a_part_of_the_whole(name: str, attention: str | None, normalisation: str | None) -> None:
    model, x = network(name, attention, normalisation, SIZE), images(2, 3, SIZE)
    whole = logits(model, x)
    for rows, columns in WINDOWS:
        expected = whole[:, rows.start : rows.stop, columns.start : columns.stop, 0]
        np.testing.assert_allclose(in_window(model, (rows, columns), x)[:, 0], expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", ["unet", "deeplab"])
def test_every_pixel_of_a_line_is_right(name: str) -> None:
    model, x = network(name, "published", "batch", SIZE), images(1, 3, SIZE)
    whole = logits(model, x)
    for place in range(SIZE):
        pixel = in_window(model, (range(place, place + 1), range(7, 8)), x)
        np.testing.assert_allclose(pixel[0, 0, 0], whole[0, place, 7], rtol=0, atol=2e-5)


def test_a_small_window_computes_less() -> None:
    content = to_onnx(network("unet", size=128))
    small = onnx.load_from_string(restricted(content, (range(60, 70), range(60, 70))))
    inferred = onnx.shape_inference.infer_shapes(small).graph.value_info
    shapes = {one.name: [size.dim_value for size in one.type.tensor_type.shape.dim][1:] for one in inferred}
    assert shapes["decoder_1_conv_2"] == [4, 10, 10]
    assert shapes["decoder_1_conv_1"] == [4, 12, 12]
    assert shapes["encoder_1_conv_1"] == [4, 128, 128]


def test_the_window_of_one_pixel_is_that_pixel() -> None:
    pixels = np.zeros((5, 6), bool)
    pixels[4, 2] = True
    assert bounding_window(pixels) == (range(4, 5), range(2, 3))
