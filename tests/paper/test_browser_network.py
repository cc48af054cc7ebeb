"""The layers that the book's script computes: in NumPy they give what ONNX Runtime gives."""

import base64
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from brainseg.app.weights import shipped
from brainseg.data.outside import read_bytes
from brainseg.errors import BrainsegError
from brainseg.models import as_input
from brainseg.opencv import cv2
from brainseg.paper.build.network import layers, network_script

Planes = NDArray[Any]


def numbers(text: str, kind: str) -> Planes:
    return np.frombuffer(base64.b64decode(text), kind).astype(np.float64)


def convolution(inputs: list[Planes], layer: dict[str, Any]) -> Planes:
    (planes,), step, (_, _, side, _) = inputs, layer["dilation"], layer["shape"]
    kernel = numbers(layer["kernel"], "<f2").reshape(layer["shape"])
    border = (step * (side - 1) // 2,) * 2
    padded, (_, h, w) = np.pad(planes, ((0, 0), border, border)), planes.shape
    moved = (
        (y, x, padded[:, y * step : y * step + h, x * step : x * step + w]) for y in range(side) for x in range(side)
    )
    made = np.sum([np.tensordot(kernel[:, :, y, x], seen, 1) for y, x, seen in moved], axis=0)
    scale, shift = (numbers(layer[name], "<f4")[:, np.newaxis, np.newaxis] for name in ("scale", "shift"))
    return np.asarray(np.maximum(scale * made + shift, 0 if layer.get("relu") else -np.inf))


KINDS: dict[str, Callable[[list[Planes], dict[str, Any]], Planes]] = {
    "convolution": convolution,
    "pool": lambda inputs, layer: np.maximum.reduce([inputs[0][:, y::2, x::2] for y in (0, 1) for x in (0, 1)]),
    "mean": lambda inputs, layer: inputs[0].mean(axis=(1, 2), keepdims=True),
    "enlarge": lambda inputs, layer: np.stack(
        [cv2.resize(plane, None, fx=layer["times"], fy=layer["times"]) for plane in inputs[0]]
    ),
    "join": lambda inputs, layer: np.concatenate(inputs),
    "sigmoid": lambda inputs, layer: 1 / (1 + np.exp(-inputs[0])),
}


def test_the_layers_compute_what_the_network_computes() -> None:
    network = shipped("deeplab")
    image = np.random.default_rng(0).integers(0, 256, (1, 128, 128)).astype(np.uint8)
    given = json.loads(network_script(network).removeprefix("brainsegLab.network=").removesuffix(";"))
    assert given["size"] == network.recipe.size
    assert network.recipe.preset.mirrored
    made = {"image": as_input(image)[0].transpose(2, 0, 1).astype(np.float64)}
    for layer in given["layers"]:
        made[layer["name"]] = KINDS[layer["kind"]]([made[name] for name in layer["inputs"]], layer)
    found = made[given["layers"][-1]["name"]]
    np.testing.assert_allclose(found, network.answer(as_input(image))[..., 0], rtol=0, atol=1e-5)


def test_a_layer_that_the_script_does_not_compute_is_refused() -> None:
    with pytest.raises(BrainsegError, match="ConvTranspose"):
        layers(read_bytes(shipped("linknet").file))
