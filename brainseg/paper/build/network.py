"""A shipped network as a script of the book, whose own JavaScript runs it: see ``brainseg/plotting/lab_network.js``."""

import base64
import json
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from onnx import ModelProto, NodeProto, helper, numpy_helper

from brainseg.app.weights import Weights
from brainseg.data.outside import read_bytes
from brainseg.errors import BrainsegError
from brainseg.models.exchange import named_weights

Layer = dict[str, Any]

PLAIN = {"MaxPool": "pool", "GlobalAveragePool": "mean", "Concat": "join", "Sigmoid": "sigmoid"}
"""Nodes of ONNX without settings that matter here, and what the book's script calls them."""


def network_script(network: Weights) -> str:
    """A script that gives ``brainsegLab.network``: the size of the image that it takes, and its layers."""
    given = {"size": network.recipe.size, "layers": layers(read_bytes(network.file))}
    return f"brainsegLab.network={json.dumps(given, separators=(',', ':'))};"


def layers(content: bytes) -> list[Layer]:
    """The layers of a file of :func:`brainseg.models.exchange.to_onnx`, in the order in which they are computed.

    Each has a ``name``, a ``kind`` and the names of its ``inputs``; the first is of ``image``. A convolution has its
    ``shape`` (out, in, h, w), its ``dilation``, its ``kernel`` in half precision, as it is stored, and for each channel
    that it gives a ``scale`` and a ``shift`` in single precision: its bias and the batch normalisation after it. With
    ``relu``, what is negative becomes 0. Numbers are in base64.

    Raises:
        BrainsegError: If there is a kind of layer that the book's script does not compute.
    """
    weights, found = named_weights(content), dict[str, Layer]()  # by the name of a value, the layer that gives it
    constants: dict[str, Any] = {}
    for node in ModelProto.FromString(content).graph.node:
        if node.op_type == "Constant":
            constants[node.name] = numpy_helper.to_array(helper.get_node_attr_value(node, "value"))
        elif node.op_type in ("BatchNormalization", "Relu"):
            layer = found[node.name] = found[node.input[0]]
            layer |= {"relu": True} if node.op_type == "Relu" else _normalised(layer, node, weights)
        elif node.op_type not in ("Cast", "Transpose"):
            inputs = [found[name]["name"] for name in node.input if name in found] or ["image"]
            found[node.name] = {"name": node.name, "inputs": inputs, **_kind(node, weights, constants)}
    unique = {layer["name"]: layer for layer in found.values()}.values()
    return [
        layer | {name: _base64(layer[name], "<f4") for name in ("scale", "shift")} if "scale" in layer else layer
        for layer in unique
    ]


def _kind(node: NodeProto, weights: dict[str, Any], constants: dict[str, Any]) -> Layer:
    """What a layer does, by the node that begins it."""
    if node.op_type == "Conv":
        kernel, bias = (weights[name.removesuffix("/single")] for name in node.input[1:])
        kernel = kernel.transpose(3, 2, 0, 1)
        return {
            "kind": "convolution",
            "shape": kernel.shape,
            "dilation": helper.get_node_attr_value(node, "dilations")[0],
            "kernel": _base64(kernel, "<f2"),
            "scale": np.ones(len(bias)),
            "shift": bias.astype(np.float64),
        }
    if node.op_type == "Resize":
        return {"kind": "enlarge", "times": int(constants[node.input[2]][-1])}
    if node.op_type not in PLAIN:
        raise BrainsegError(
            f"received {node.name}, a node {node.op_type}, expected one of {', '.join(PLAIN)}, Conv, "
            "Resize: teach lab_network.js to compute it"
        )
    return {"kind": PLAIN[node.op_type]}


def _normalised(layer: Layer, node: NodeProto, weights: dict[str, Any]) -> Layer:
    """Scale and shift of a convolution with the batch normalisation after it."""
    gamma, beta, mean, variance = (weights[name].astype(np.float64) for name in node.input[1:])
    scale = gamma / np.sqrt(variance + helper.get_node_attr_value(node, "epsilon"))
    return {"scale": scale, "shift": beta + scale * (layer["shift"] - mean)}


def _base64(values: ArrayLike, kind: DTypeLike) -> str:
    return base64.b64encode(np.ascontiguousarray(values, kind).tobytes()).decode("ascii")
