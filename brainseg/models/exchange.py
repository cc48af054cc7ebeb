"""Networks as ONNX files, which are run without Keras and give it its weights back, bit for bit.

Each operation of a network becomes the same operation of ONNX; nothing is folded, and every weight keeps its name.
Kernels are kept in half precision and cast when the graph is run, vectors as they are. Inside, features are laid out as
ONNX has them, (n, channels, h, w); outside, images and probabilities as Keras has them, (n, h, w, channels).
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from brainseg.errors import BrainsegError

if TYPE_CHECKING:
    from brainseg.backend import keras

OPSET = 18
"""Version of ONNX's operations: the first in which all that are used have the meaning that they have today."""

FORMAT = 8
"""Version of ONNX's file format that came with these operations, so that an older ONNX Runtime opens it, too."""

_TO_CHANNELS_FIRST, _TO_CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
_TO_ONNX_KERNEL, _TO_KERAS_KERNEL = (3, 2, 0, 1), (2, 3, 1, 0)
"""From (h, w, in, out) to (out, in, h, w), and back; of a transposed convolution in and out change places in both."""


def to_onnx(model: "keras.Model") -> bytes:
    """A network as an ONNX file: of ``images`` (n, h, w, channels) it computes ``probabilities`` (n, h, w, 1).

    The same network gives the same bytes. Its weights are named ``layer/variable``, as ``encoder_1_conv_1/kernel``.

    Args:
        model: One of the book's models, with kernels that are exact in half precision.

    Raises:
        BrainsegError: If a kernel is not exact in half precision, or the model has an operation that is not translated.

    >>> from brainseg.models import build
    >>> model = build("deeplab", size=16, width=2)
    >>> model.set_weights([weights.astype(np.float16) for weights in model.get_weights()])
    >>> weights = named_weights(to_onnx(model))
    >>> weights["logits/kernel"].shape, bool((weights["logits/kernel"] == model.get_layer("logits").kernel).all())
    ((1, 1, 2, 1), True)
    """
    graph, values = _Graph(), dict[int, str]()
    for place, operation in enumerate(model.operations):
        inputs = operation.input if isinstance(operation.input, list) else [operation.input]
        name = operation.name if hasattr(operation, "weights") else f"operation_{place}"
        values[id(operation.output)] = _translated(graph, operation, [values[id(one)] for one in inputs], name)
    graph.node("Transpose", [values[id(model.output)]], "probabilities", perm=_TO_CHANNELS_LAST)
    made = helper.make_graph(
        graph.nodes,
        model.name,
        [_interface("images", model.input_shape)],
        [_interface("probabilities", model.output_shape)],
        graph.weights,
    )
    opset = [helper.make_opsetid("", OPSET)]
    file = helper.make_model(made, producer_name="brainseg", ir_version=FORMAT, opset_imports=opset)
    return bytes(file.SerializeToString(deterministic=True))


def weights_by_name(model: "keras.Model") -> dict[str, NDArray[np.float32]]:
    """A model's weights, by names that are the same with every backend, in the order of ``model.weights``."""
    pairs = ((layer, *pair) for layer in model.layers for pair in zip(layer.weights, layer.get_weights(), strict=True))
    return {f"{layer.name}/{variable.name}": values for layer, variable, values in pairs}


def named_weights(content: bytes) -> dict[str, NDArray[np.float32]]:
    """The weights in a file of :func:`to_onnx`, by their names and as Keras has them: bit for bit those of the network.

    Raises:
        BrainsegError: If it is no ONNX file.
    """
    try:
        stored = ModelProto.FromString(content).graph.initializer
    except DecodeError as error:
        raise BrainsegError(f"received {len(content)} bytes that are no ONNX file: export the network again") from error
    return {one.name: _as_keras_has_it(numpy_helper.to_array(one)) for one in stored}


def _as_keras_has_it(values: NDArray[Any]) -> NDArray[np.float32]:
    kept = values.transpose(_TO_KERAS_KERNEL) if values.ndim == 4 else values
    return np.ascontiguousarray(kept, np.float32)


class _Graph:
    """The nodes and weights of an ONNX graph, as they are added; a value has the name of the node that gives it."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []

    def node(self, kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def constant(self, name: str, values: Any) -> str:
        return self.node("Constant", [], name, value=numpy_helper.from_array(np.asarray(values)))

    def weights_of(self, layer: Any) -> list[str]:
        """Add a layer's weights; the names of their values in single precision, in Keras's order."""
        pairs = zip(layer.weights, layer.get_weights(), strict=True)
        return [self._weight(f"{layer.name}/{variable.name}", values) for variable, values in pairs]

    def _weight(self, name: str, values: NDArray[np.float32]) -> str:
        if values.ndim < 2:
            self.weights.append(numpy_helper.from_array(values, name))
            return name
        half = _in_half_precision(name, values).transpose(_TO_ONNX_KERNEL)
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(half), name))
        return self.node("Cast", [name], f"{name}/single", to=TensorProto.FLOAT)


def _in_half_precision(name: str, values: NDArray[np.float32]) -> NDArray[np.float16]:
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    if (lost := values[half != values]).size:
        raise BrainsegError(
            f"received {lost[0]:.9g} among the weights of {name}, expected numbers that are exact in half precision: "
            "round the kernels first"
        )
    return half


def _interface(name: str, shape: tuple[int | None, ...]) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape[1:]])


def _translated(graph: _Graph, operation: Any, inputs: list[str], name: str) -> str:
    """Add an operation of Keras to a graph; the name of its value."""
    kinds = [kind.__name__ for kind in type(operation).__mro__]  # a batch normalisation may be one of another name
    for kind in kinds:
        if kind in _TRANSLATIONS:
            return _TRANSLATIONS[kind](graph, operation, inputs, name)
    raise BrainsegError(
        f"received {operation.name}, an operation {kinds[0]}, expected one of {', '.join(_TRANSLATIONS)}: translate it"
    )


def _expect(operation: Any, **expected: Any) -> None:
    """Refuse an operation with other settings than those that its translation has."""
    for setting, value in expected.items():
        if (received := getattr(operation, setting)) != value:
            raise BrainsegError(
                f"received {operation.name} with {setting} {received!r}, expected {value!r}: translate it, too"
            )


def _image(graph: _Graph, layer: Any, inputs: list[str], name: str) -> str:
    return graph.node("Transpose", ["images"], name, perm=_TO_CHANNELS_FIRST)


def _convolution(graph: _Graph, layer: Any, inputs: list[str], name: str) -> str:
    _expect(layer, strides=(1, 1), padding="same", groups=1, data_format="channels_last")
    missing = [rate * (size - 1) for rate, size in zip(layer.dilation_rate, layer.kernel_size, strict=True)]
    before, after = [one // 2 for one in missing], [one - one // 2 for one in missing]
    wiring = {"pads": before + after, "dilations": layer.dilation_rate, "kernel_shape": layer.kernel_size}
    return _activated(graph, "Conv", layer, inputs, name, **wiring)


def _transposed_convolution(graph: _Graph, layer: Any, inputs: list[str], name: str) -> str:
    """TensorFlow cuts the last row and column off, which are one more than twice those of the input."""
    _expect(layer, strides=(2, 2), padding="same", kernel_size=(3, 3), dilation_rate=(1, 1), output_padding=None)
    wiring = {"pads": (0, 0, 1, 1), "strides": layer.strides, "kernel_shape": layer.kernel_size}
    return _activated(graph, "ConvTranspose", layer, inputs, name, **wiring)


def _activated(graph: _Graph, kind: str, layer: Any, inputs: list[str], name: str, **wiring: Any) -> str:
    """A node with a layer's weights, and the activation that the layer has."""
    activation = _ACTIVATIONS[_activation_of(layer)]
    inputs = [*inputs, *graph.weights_of(layer)]
    if activation is None:
        return graph.node(kind, inputs, name, **wiring)
    return graph.node(activation, [graph.node(kind, inputs, f"{name}/linear", **wiring)], name)


def _activation_of(layer: Any) -> str:
    name = str(layer.activation.__name__)
    if name not in _ACTIVATIONS:
        raise BrainsegError(f"received {layer.name} with activation {name}, expected one of: {', '.join(_ACTIVATIONS)}")
    return name


def _activation(graph: _Graph, layer: Any, inputs: list[str], name: str) -> str:
    kind = _ACTIVATIONS[_activation_of(layer)]
    return inputs[0] if kind is None else graph.node(kind, inputs, name)


def _relu(graph: _Graph, layer: Any, inputs: list[str], name: str) -> str:
    _expect(layer, max_value=None, negative_slope=0, threshold=0)
    return graph.node("Relu", inputs, name)


def _normalisation(graph: _Graph, layer: Any, inputs: list[str], name: str) -> str:
    _expect(layer, axis=-1, scale=True, center=True)
    return graph.node("BatchNormalization", [*inputs, *graph.weights_of(layer)], name, epsilon=layer.epsilon)


def _pooling(graph: _Graph, layer: Any, inputs: list[str], name: str) -> str:
    _expect(layer, padding="valid", data_format="channels_last")
    return graph.node("MaxPool", inputs, name, kernel_shape=layer.pool_size, strides=layer.strides)


def _mean_over_image(graph: _Graph, layer: Any, inputs: list[str], name: str) -> str:
    _expect(layer, keepdims=True, data_format="channels_last")
    return graph.node("GlobalAveragePool", inputs, name)


def _enlargement(graph: _Graph, layer: Any, inputs: list[str], name: str) -> str:
    """Bilinear, with pixels as squares: their centres lie half a pixel from the image's edge."""
    _expect(layer, interpolation="bilinear", data_format="channels_last")
    scales = graph.constant(f"{name}/scales", np.array([1, 1, *layer.size], np.float32))
    return graph.node("Resize", [*inputs, "", scales], name, mode="linear", coordinate_transformation_mode="half_pixel")


def _concatenation(graph: _Graph, layer: Any, inputs: list[str], name: str) -> str:
    _expect(layer, axis=-1)
    return graph.node("Concat", inputs, name, axis=1)


def _over_channels(kind: str) -> "_Translation":
    def translation(graph: _Graph, operation: Any, inputs: list[str], name: str) -> str:
        _expect(operation, axis=[-1], keepdims=True)
        return graph.node(kind, [*inputs, graph.constant(f"{name}/axes", np.array([1], np.int64))], name)

    return translation


def _same(kind: str) -> "_Translation":
    return lambda graph, operation, inputs, name: graph.node(kind, inputs, name)


_Translation = Callable[[_Graph, Any, list[str], str], str]

_ACTIVATIONS: Mapping[str, str | None] = {"linear": None, "relu": "Relu", "sigmoid": "Sigmoid"}
"""Of a layer, by the names of Keras's functions."""

_TRANSLATIONS: Mapping[str, _Translation] = {
    "InputLayer": _image,
    "Conv2D": _convolution,
    "Conv2DTranspose": _transposed_convolution,
    "BatchNormalization": _normalisation,
    "ReLU": _relu,
    "Activation": _activation,
    "MaxPooling2D": _pooling,
    "GlobalAveragePooling2D": _mean_over_image,
    "UpSampling2D": _enlargement,
    "Dropout": lambda graph, layer, inputs, name: inputs[0],
    "Concatenate": _concatenation,
    "Add": _same("Add"),
    "Multiply": _same("Mul"),
    "Mean": _over_channels("ReduceMean"),
    "Max": _over_channels("ReduceMax"),
}
"""By the class of the operation of Keras."""
