"""Answers of the four networks to one image and to many: float32, one thread, images in and probabilities out."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import ROOT, Race, Side, Work
from benchmarks.training import TITLES

FILES = ROOT / "build" / "benchmarks"
"""Where the networks lie that the sides share."""

SIZE, WIDTH = 128, 16
COUNTS = (1, 64)
HALF_PRECISION = 0.05
"""By how much answers may differ: OpenVINO computes in bfloat16 where the processor can."""


def races() -> list[Race]:
    """Every network, with one image and with many."""
    return [race(model, count) for model in TITLES for count in COUNTS]


def race(model: str, count: int) -> Race:
    """One network and number of images."""
    write_network(model, SIZE, WIDTH)
    given = {"model": model, "size": SIZE, "width": WIDTH, "count": count}
    peers = (
        Side("Keras", "inference:keras", given),
        Side("PyTorch", "inference:pytorch", given, "torch"),
        Side("OpenVINO, float32", "inference:openvino", given | {"precision": "f32"}, "openvino"),
        Side("OpenVINO, as it comes", "inference:openvino", given, "openvino"),
    )
    images = "1 image" if count == 1 else f"{count} images"
    ours = Side("brainseg", "inference:ours", given)
    return Race("inference", f"{TITLES[model]}, {images}", ours, peers, tolerance=HALF_PRECISION, rounds=5)


def write_network(model: str, size: int, width: int) -> None:
    """Write a network with batch normalisation and random weights for all sides: as ONNX, and its weights by name.

    Its first layer treats the three channels of an image alike.
    """
    from brainseg.experiments.fit import half_precision
    from brainseg.models import build
    from brainseg.models.exchange import named_weights, to_onnx

    network = build(model, size=size, width=width, normalisation="batch")
    kernel, *others = network.get_weights()
    kernel = np.broadcast_to(kernel.mean(axis=2, keepdims=True), kernel.shape)
    network.set_weights([half_precision(weights) for weights in (kernel, *others)])
    content = to_onnx(network)
    FILES.mkdir(parents=True, exist_ok=True)
    file_of(model, size, width, "onnx").write_bytes(content)
    weights: dict[str, Any] = dict(named_weights(content))
    np.savez(file_of(model, size, width, "npz"), **weights)


def file_of(model: str, size: int, width: int, kind: str) -> Path:
    """The file of a network."""
    return FILES / f"{model}-{size}-{width}.{kind}"


def built(model: str, size: int, width: int) -> Any:
    """The network that was written, in Keras."""
    from brainseg.models import build

    network = build(model, size=size, width=width, normalisation="batch")
    with np.load(file_of(model, size, width, "npz")) as stored:
        network.set_weights([stored[f"{layer.name}/{of.name}"] for layer in network.layers for of in layer.weights])
    return network


def pictures(size: int, count: int) -> NDArray[np.float32]:
    """Grey images of blocks with noise, (n, size, size, 3), 0 to 1; without it, pooling would choose among equals."""
    random = np.random.default_rng(0)
    blocks = np.kron(random.random((count, size // 8, size // 8), np.float32), np.ones((8, 8), np.float32))
    grey = 0.9 * blocks + 0.1 * random.random(blocks.shape, np.float32)
    return np.repeat(grey[..., np.newaxis], 3, axis=-1)


def ours(model: str, size: int, width: int, count: int) -> Work:
    """The exported network as ``brainseg predict`` asks it: by ONNX Runtime, here on one core."""
    from brainseg.models.runtime import opened

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    answer, images = opened(file_of(model, size, width, "onnx").read_bytes()), pictures(size, count)
    return lambda: answer(images)[..., 0]


def keras(model: str, size: int, width: int, count: int) -> Work:
    """The network in Keras, by its compiled function."""
    network, images = built(model, size, width), pictures(size, count)
    return lambda: network.predict_on_batch(images)[..., 0]


def openvino(model: str, size: int, width: int, count: int, precision: str | None = None) -> Work:
    """The exported network in OpenVINO, which computes in what it finds best unless it is told a precision."""
    import openvino as ov  # type: ignore[import-not-found]

    properties: dict[str, Any] = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
    if precision:
        properties["INFERENCE_PRECISION_HINT"] = precision
    network = ov.Core().compile_model(str(file_of(model, size, width, "onnx")), "CPU", properties)
    images = pictures(size, count)
    return lambda: network(images)[0][..., 0]


def pytorch(model: str, size: int, width: int, count: int) -> Work:
    """The network written in PyTorch, with the same weights, channels last."""
    import torch

    from benchmarks.pytorch import answer, load, mirrored, network

    torch.set_num_threads(1)
    net = load(network(model, width), file_of(model, size, width, "npz"))
    images = mirrored(pictures(size, count))

    def answers() -> NDArray[Any]:
        with torch.inference_mode():
            return mirrored(answer(net, images).numpy())

    return answers
