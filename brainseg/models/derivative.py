"""The derivative of a network's logits as a graph of its own, so that a gradient needs no Keras either.

Each operation hands the derivative of the score by its value on to its inputs: the chain rule, from the logits
backwards, in the operations of ONNX. The rules stand in the table at the end.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.shape_inference import infer_shapes

from brainseg.errors import known

IMAGES = "images"


def coarsest(content: bytes) -> str:
    """The layer that :func:`brainseg.saliency.cam.coarsest_layer` names, of a file of the same network."""
    whole = infer_shapes(ModelProto.FromString(content)).graph
    heights = {one.name: _shape(one.type.tensor_type)[1] for one in whole.value_info if "/" not in one.name}
    names = [str(node.output[0]) for node in whole.node]
    layers = [name for name in names[: names.index("logits")] if heights.get(name, 0) > 1]
    return [name for name in layers if heights[name] == min(heights[one] for one in layers)][-1]


def derivative(content: bytes, value: str = IMAGES) -> bytes:
    """A graph of the derivative of a score, the sum of the logits over a region, by one of a network's values.

    Args:
        content: A file of :func:`brainseg.models.exchange.to_onnx`.
        value: The images, or the features that the layer of this name gives.

    Returns:
        An ONNX file. It maps ``images`` (n, h, w, channels) and ``region`` (n, h, w, 1), the weight of each logit in
        the score, to the ``value`` and the ``derivative`` by it, both (n, rows, columns, channels).

    Raises:
        BrainsegError: If there is no such value.
    """
    file = ModelProto.FromString(content)
    whole = infer_shapes(file).graph
    chain = _Chain(whole, known(value, [IMAGES, *(node.output[0] for node in whole.node)], "value"))
    region = helper.make_tensor_value_info("region", TensorProto.FLOAT, ["n", "h", "w", 1])
    features = ["n", "rows", "columns", "channels"]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, features) for name in ("value", "derivative")]
    inputs = [*whole.input, region]
    file.graph.CopyFrom(helper.make_graph(chain.nodes, whole.name, inputs, outputs, whole.initializer))
    return bytes(file.SerializeToString(deterministic=True))


class _Chain:
    """The nodes of a graph up to its logits, and those that lead the derivative back to one of its values."""

    def __init__(self, whole: GraphProto, value: str) -> None:
        forward = list(whole.node)[: [node.output[0] for node in whole.node].index("logits") + 1]
        self.nodes = [_with_places(node) for node in forward]
        self.shapes = {one.name: _shape(one.type.tensor_type) for one in whole.value_info}
        self.parts: dict[str, list[str]] = {}
        self.hand_on("logits", self.node("Transpose", "region", perm=(0, 3, 1, 2)))
        for node in reversed(forward):
            if node.output[0] == value:
                break
            if node.op_type in _RULES and node.output[0] in self.parts:
                _RULES[node.op_type](self, node, self.derivative_by(node.output[0]))
        for name, end in (("value", value), ("derivative", self.derivative_by(value))):
            outwards = end if value == IMAGES else self.node("Transpose", end, perm=(0, 2, 3, 1))
            self.nodes.append(helper.make_node("Identity", [outwards], [name]))

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add an operation; the name of its value."""
        name = f"derivative_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(self, values: Any) -> str:
        return self.node("Constant", value=numpy_helper.from_array(np.asarray(values)))

    def hand_on(self, value: str, part: str) -> None:
        """Add a part of the derivative by a value: one for each operation that takes it."""
        self.parts.setdefault(value, []).append(part)

    def derivative_by(self, value: str) -> str:
        parts = self.parts[value]
        return parts[0] if len(parts) == 1 else self.node("Sum", *parts)


def _shape(kind: Any) -> list[int]:
    """Of features without their number: channels, height and width."""
    return [size.dim_value for size in kind.shape.dim][1:]


def _with_places(node: NodeProto) -> NodeProto:
    """Let a pooling say where its maxima were, too."""
    copy = NodeProto()
    copy.CopyFrom(node)
    if node.op_type == "MaxPool":
        copy.output.append(_places(node))
    return copy


def _places(node: NodeProto) -> str:
    return f"{node.output[0]}/places"


def _settings(node: NodeProto, *names: str) -> dict[str, Any]:
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    return {name: given[name] for name in names if name in given}


def _relu(chain: _Chain, node: NodeProto, slope: str) -> None:
    positive = chain.node("Greater", node.output[0], chain.constant(np.float32(0)))
    chain.hand_on(node.input[0], chain.node("Mul", slope, chain.node("Cast", positive, to=TensorProto.FLOAT)))


def _sigmoid(chain: _Chain, node: NodeProto, slope: str) -> None:
    rest = chain.node("Sub", chain.constant(np.float32(1)), node.output[0])
    chain.hand_on(node.input[0], chain.node("Mul", slope, chain.node("Mul", node.output[0], rest)))


def _normalisation(chain: _Chain, node: NodeProto, slope: str) -> None:
    scale, variance = node.input[1], node.input[4]
    epsilon = chain.constant(np.float32(_settings(node, "epsilon")["epsilon"]))
    factor = chain.node("Div", scale, chain.node("Sqrt", chain.node("Add", variance, epsilon)))
    of_channels = chain.node("Unsqueeze", factor, chain.constant(np.array([1, 2])))
    chain.hand_on(node.input[0], chain.node("Mul", slope, of_channels))


def _convolution(chain: _Chain, node: NodeProto, slope: str) -> None:
    """A convolution with the kernel turned by half a turn, inputs and outputs exchanged."""
    settings = _settings(node, "pads", "dilations", "kernel_shape")
    reach = [rate * (size - 1) for rate, size in zip(settings["dilations"], settings["kernel_shape"], strict=True)]
    settings["pads"] = [one - padding for one, padding in zip(2 * reach, settings["pads"], strict=True)]
    backwards = (-1, -1), 2 * (np.iinfo(np.int64).min,), (2, 3), (-1, -1)  # from, to, axes, steps
    turned = chain.node("Slice", node.input[1], *(chain.constant(np.array(two)) for two in backwards))
    kernel = chain.node("Transpose", turned, perm=(1, 0, 2, 3))
    chain.hand_on(node.input[0], chain.node("Conv", slope, kernel, **settings))


def _transposed_convolution(chain: _Chain, node: NodeProto, slope: str) -> None:
    settings = _settings(node, "pads", "strides", "kernel_shape")
    chain.hand_on(node.input[0], chain.node("Conv", slope, node.input[1], **settings))


def _pooling(chain: _Chain, node: NodeProto, slope: str) -> None:
    settings = _settings(node, "strides", "kernel_shape")
    chain.hand_on(node.input[0], chain.node("MaxUnpool", slope, _places(node), **settings))


def _enlargement(chain: _Chain, node: NodeProto, slope: str) -> None:
    """Bilinear enlargement is a matrix for the rows and one for the columns; their transposes lead back."""
    before, after = chain.shapes[node.input[0]][1:], chain.shapes[node.output[0]][1:]
    rows, columns = (_between(*sizes) for sizes in zip(before, after, strict=True))
    by_columns = chain.node("MatMul", slope, chain.constant(columns))
    chain.hand_on(node.input[0], chain.node("MatMul", chain.constant(rows.T), by_columns))


def _between(before: int, after: int) -> NDArray[np.float32]:
    """What linear enlargement takes from which pixel, (after, before): pixels are squares, beyond the last is the last.

    >>> _between(2, 4)
    array([[1.  , 0.  ],
           [0.75, 0.25],
           [0.25, 0.75],
           [0.  , 1.  ]], dtype=float32)
    """
    places = (np.arange(after) + 0.5) * before / after - 0.5
    return np.stack([np.interp(places, np.arange(before), one) for one in np.eye(before)], axis=1).astype(np.float32)


def _concatenation(chain: _Chain, node: NodeProto, slope: str) -> None:
    ends = np.cumsum([0, *(chain.shapes[name][0] for name in node.input)])
    for name, start, end in zip(node.input, ends[:-1], ends[1:], strict=True):
        cut = [chain.constant(np.array([place])) for place in (start, end, 1)]
        chain.hand_on(name, chain.node("Slice", slope, *cut))


def _sum(chain: _Chain, node: NodeProto, slope: str) -> None:
    for name in node.input:
        chain.hand_on(name, slope)


def _product(chain: _Chain, node: NodeProto, slope: str) -> None:
    """Of features and weights, which may be the same for all channels or for all places."""
    for name, other in (node.input, reversed(node.input)):
        shapes = zip(chain.shapes[name], chain.shapes[node.output[0]], strict=True)
        shared = [axis for axis, (own, all_of_it) in enumerate(shapes, start=1) if own != all_of_it]
        part = chain.node("Mul", slope, other)
        chain.hand_on(name, chain.node("ReduceSum", part, chain.constant(np.array(shared))) if shared else part)


def _mean(chain: _Chain, node: NodeProto, slope: str) -> None:
    number = np.prod(chain.shapes[node.input[0]]) / np.prod(chain.shapes[node.output[0]])
    share = chain.node("Div", slope, chain.constant(np.float32(number)))
    chain.hand_on(node.input[0], chain.node("Expand", share, chain.node("Shape", node.input[0])))


def _maximum(chain: _Chain, node: NodeProto, slope: str) -> None:
    largest = chain.node("Equal", node.input[0], node.output[0])
    chain.hand_on(node.input[0], chain.node("Mul", slope, chain.node("Cast", largest, to=TensorProto.FLOAT)))


def _layout(chain: _Chain, node: NodeProto, slope: str) -> None:
    chain.hand_on(node.input[0], chain.node("Transpose", slope, perm=(0, 2, 3, 1)))


_RULES: Mapping[str, Callable[[_Chain, NodeProto, str], None]] = {
    "Transpose": _layout,
    "Conv": _convolution,
    "ConvTranspose": _transposed_convolution,
    "BatchNormalization": _normalisation,
    "Relu": _relu,
    "Sigmoid": _sigmoid,
    "MaxPool": _pooling,
    "GlobalAveragePool": _mean,
    "Resize": _enlargement,
    "Concat": _concatenation,
    "Add": _sum,
    "Mul": _product,
    "ReduceMean": _mean,
    "ReduceMax": _maximum,
}
"""By the operation of ONNX."""
