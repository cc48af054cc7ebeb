"""The part of a network that some pixels of its logits need: the same numbers there, in less time.

What a pixel depends on is known beforehand: a convolution sees a neighbourhood, a pooling a square, an enlargement the
pixels around its place. So behind the coarsest layer, in which each pixel may depend on the whole image, only a frame
around the pixels that are asked for is computed.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.shape_inference import infer_shapes

Window = tuple[range, range]
"""Rows and columns."""

_WEIGHTS = ("Cast", "Constant")
"""Operations that give weights and no features."""

_ONE_INPUT = ("Conv", "ConvTranspose", "BatchNormalization", "Resize", "ReduceMean", "ReduceMax")
"""Operations of which only the first input is features."""


def bounding_window(pixels: NDArray[Any]) -> Window:
    """The smallest window with all pixels, (h, w), that are not zero.

    >>> bounding_window(np.array([[0, 0, 0], [0, 1, 1]]))
    (range(1, 2), range(1, 3))
    """
    rows, columns = (range(int(places.min()), int(places.max()) + 1) for places in np.nonzero(pixels))
    return rows, columns


def restricted(content: bytes, window: Window) -> bytes:
    """A graph that computes the logits in a window from the whole images, as an ONNX file.

    Args:
        content: A file of :func:`brainseg.models.exchange.to_onnx`.
        window: Of the images' rows and columns.

    Returns:
        It maps ``images`` (n, h, w, channels) to ``logits`` (n, 1, rows, columns).
    """
    file = ModelProto.FromString(content)
    whole = infer_shapes(file).graph
    part = _Part(whole, window)
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 1, *map(len, window)])
    file.graph.CopyFrom(helper.make_graph(list(part.nodes()), whole.name, whole.input, [logits], whole.initializer))
    return bytes(file.SerializeToString(deterministic=True))


class _Part:
    """The windows of features that the logits in one window depend on, and the nodes that compute them."""

    def __init__(self, whole: GraphProto, window: Window) -> None:
        self.whole = whole
        self.sizes = {value.name: _size(value.type.tensor_type.shape.dim) for value in whole.value_info}
        self.windows = {"logits": window}
        for node in reversed(whole.node):
            value = node.output[0]
            if value in self.windows and node.op_type == "Transpose":  # of the images, which stay whole
                height, width = self.sizes[value]
                self.windows[value] = range(height), range(width)
            for name in _features(node) if value in self.windows else ():
                seen = self._seen(node, name)
                self.windows[name] = _union(self.windows.get(name, seen), seen)

    def nodes(self) -> Iterator[NodeProto]:
        """What computes the windows, in the order of the whole."""
        for node in self.whole.node:
            if node.op_type in _WEIGHTS:
                yield node
            elif node.output[0] in self.windows:
                yield from self._nodes_of(node)

    def _nodes_of(self, node: NodeProto) -> Iterator[NodeProto]:
        value, part = node.output[0], NodeProto()
        part.CopyFrom(node)
        for place, name in enumerate(_features(node)):
            seen = self._seen(node, name)
            if seen != self.windows[name]:
                part.input[place] = f"{value}/input_{place}"
                yield from _cut(name, self.windows[name], seen, part.input[place])
        if node.op_type in ("Conv", "ConvTranspose"):
            _pad(part, seen, self.windows[value])
        if node.op_type != "Resize":
            yield part
            return
        part.name = part.output[0] = f"{value}/enlarged"
        yield part
        scales = [large // small for large, small in zip(self.sizes[value], self.sizes[node.input[0]], strict=True)]
        rows, columns = (range(scale * one.start, scale * one.stop) for scale, one in zip(scales, seen, strict=True))
        yield from _cut(part.output[0], (rows, columns), self.windows[value], value)

    def _seen(self, node: NodeProto, name: str) -> Window:
        """What the window of a node's value depends on in one of its inputs."""
        sizes = zip(self.sizes[name], self.sizes[node.output[0]], strict=True)
        rows, columns = (
            _seen_along(node, axis, window, *size)
            for axis, (window, size) in enumerate(zip(self.windows[node.output[0]], sizes, strict=True))
        )
        return rows, columns


def _size(dimensions: Any) -> tuple[int, int]:
    """Height and width of features; of weights something that nobody asks for."""
    height, width = [*(one.dim_value for one in dimensions), 0, 0, 0, 0][2:4]
    return height, width


def _features(node: NodeProto) -> list[str]:
    """The inputs of a node that are features, and may be cut."""
    if node.op_type in (*_WEIGHTS, "Transpose"):
        return []
    return list(node.input[:1] if node.op_type in _ONE_INPUT else node.input)


def _union(one: Window, other: Window) -> Window:
    rows, columns = (range(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True))
    return rows, columns


def _geometry(node: NodeProto, axis: int) -> tuple[int, int, int]:
    """Step, padding and reach of a convolution or pooling: an output at o sees inputs from step · o - padding on.

    It sees as far as the reach beyond that. In a transposed convolution inputs and outputs change places.
    """
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    step, padding = given.get("strides", (1, 1))[axis], given.get("pads", (0, 0))[axis]
    return step, padding, given.get("dilations", (1, 1))[axis] * (given.get("kernel_shape", (1, 1))[axis] - 1)


def _seen_along(node: NodeProto, axis: int, window: range, size: int, output_size: int) -> range:
    """What a window of outputs depends on along one axis of an input; what would lie beyond its border is left out."""
    step, padding, reach = _geometry(node, axis)
    if size == 1 or node.op_type == "GlobalAveragePool":
        return range(size)
    if node.op_type == "ConvTranspose":
        first, last = -(-(window[0] + padding - reach) // step), (window[-1] + padding) // step
    elif node.op_type == "Resize":  # between the two inputs on both sides of its centre
        scale = output_size // size
        first, last = (2 * window[0] + 1 - scale) // (2 * scale), (2 * window[-1] + 1 - scale) // (2 * scale) + 1
    else:
        first, last = step * window[0] - padding, step * window[-1] - padding + reach
    return range(max(0, first), min(size, last + 1))


def _pad(node: NodeProto, seen: Window, window: Window) -> None:
    """Let a convolution give the window from what it sees: with zeros beyond the border of the image only."""
    before, after = [], []
    for axis, (inputs, outputs) in enumerate(zip(seen, window, strict=True)):
        step, padding, reach = _geometry(node, axis)
        if node.op_type == "Conv":
            before.append(inputs.start - (step * outputs[0] - padding))
            after.append(step * outputs[-1] - padding + reach - inputs[-1])
        else:
            before.append(outputs[0] + padding - step * inputs.start)
            after.append(step * inputs[-1] + reach - padding - outputs[-1])
    (pads,) = (attribute for attribute in node.attribute if attribute.name == "pads")
    pads.ints[:] = before + after


def _cut(name: str, window: Window, wanted: Window, value: str) -> Iterator[NodeProto]:
    """Cut a window out of features that are there in another."""
    starts = [new.start - old.start for new, old in zip(wanted, window, strict=True)]
    ends = [start + len(new) for start, new in zip(starts, wanted, strict=True)]
    arrays = {
        f"{value}/{what}": np.array(numbers) for what, numbers in (("starts", starts), ("ends", ends), ("axes", [2, 3]))
    }
    for constant, array in arrays.items():
        yield helper.make_node("Constant", [], [constant], value=numpy_helper.from_array(array))
    yield helper.make_node("Slice", [name, *arrays], [value], value)
