"""A model drawn from its own Keras graph: one box a block, one arrow a connection between blocks."""

import re
import textwrap
from dataclasses import dataclass
from itertools import groupby
from math import log2
from typing import TYPE_CHECKING, Any, Final

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from brainseg.models import TITLES
from brainseg.plotting.style import INK, SOFT, WIDTH, Plate, plate, styled

if TYPE_CHECKING:
    from brainseg.backend import keras

BLOCK = re.compile(r"(?:encoder|decoder|gate)_\d+|bottleneck|aspp_(?:image|point|dilation_\d+)|aspp|logits|probability")
OUTPUT: Final = {"logits": "output", "probability": "output"}

OPERATIONS: Final = {
    "Activation": "sigmoid",
    "Add": "add",
    "BatchNormalization": "norm",
    "Concatenate": "concatenate",
    "Conv2D": "conv",
    "Conv2DTranspose": "up-conv",
    "Dropout": "dropout",
    "GlobalAveragePooling2D": "mean",
    "InputLayer": "grey slice",
    "MaxPooling2D": "pool",
    "Multiply": "multiply",
    "ReLU": "ReLU",
    "UpSampling2D": "enlarge",
}

COLOURS: Final = {
    "image": ("#f1f3f5", "#9aa3ae"),
    "encoder": ("#dcebf7", "#0072b2"),
    "bottleneck": ("#e4def5", "#785ef0"),
    "aspp": ("#e4def5", "#785ef0"),
    "gate": ("#fdeccb", "#d98c00"),
    "decoder": ("#d9f0e6", "#009e73"),
    "output": ("#f1f3f5", "#9aa3ae"),
}
"""Fill and edge of each kind of block."""

HARD_SPACE: Final = "\N{NO-BREAK SPACE}"
BOX_WIDTH, BOX_HEIGHT, ROW = 1.76, 0.78, 1.06
COLUMNS: Final = (0.05 + BOX_WIDTH / 2, WIDTH / 2, WIDTH - 0.05 - BOX_WIDTH / 2)


@dataclass(frozen=True)
class Block:
    """Layers of a model that belong together, because their names start alike.

    Attributes:
        name: For instance `encoder_1`, `gate_4`, `aspp_dilation_6`, `output`.
        shape: Height, width and channels of the features after the last layer at the block's finest resolution: what an
            encoder block hands to its skip connection and, pooled, to the next block.
        operations: What its layers do, in order.
        parameters: Number of its weights, trainable or not.
    """

    name: str
    shape: tuple[int, int, int]
    operations: tuple[str, ...]
    parameters: int

    @property
    def kind(self) -> str:
        """What sort of block it is: `encoder`, `decoder`, `gate`, `bottleneck`, `aspp`, `image` or `output`."""
        return self.name.partition("_")[0]

    @property
    def title(self) -> str:
        """The name in words."""
        words = self.name.replace("_", " ")
        if self.kind == "aspp":
            return "ASPP merged" if words == "aspp" else words.replace("aspp", "ASPP").replace("dilation", "rate")
        return words.capitalize()


@dataclass(frozen=True)
class Blocks:
    """A model as a graph of blocks: the blocks in order of the model's layers, and who feeds whom."""

    blocks: dict[str, Block]
    connections: tuple[tuple[str, str], ...]


def block_name(layer: str) -> str:
    """The name of the block that a layer belongs to.

    >>> block_name("encoder_1_conv_2"), block_name("aspp_dilation_6"), block_name("logits")
    ('encoder_1', 'aspp_dilation_6', 'output')
    """
    found = BLOCK.match(layer)
    name = found.group() if found else layer
    return OUTPUT.get(name, name)


def blocks_of(model: "keras.Model") -> Blocks:
    """Group the layers of a functional model by block and collect the connections between blocks."""
    layers: dict[str, list[Any]] = {}
    connections: dict[tuple[str, str], None] = {}
    for layer in model.layers:
        name = block_name(layer.name)
        layers.setdefault(name, []).append(layer)
        for source in _sources(layer):
            if block_name(source) != name:
                connections[block_name(source), name] = None
    return Blocks({name: _block(name, members) for name, members in layers.items()}, tuple(connections))


@styled
def architecture(model: "keras.Model") -> Plate:
    """Draw one of the book's models from its graph: finest resolution on top, one row for each halving.

    Each box names the block, the shape of its features (height × width × filters), its operations and its
    parameters. Each arrow is a connection of the graph; dashed ones carry the signal by which the decoder opens a gate.
    """
    graph = blocks_of(model)
    places = _places(graph)
    lowest = max(row for _, row in places.values())
    height = (lowest + 1) * ROW + BOX_HEIGHT + 0.42
    figure = plate(height)
    figure.set_layout_engine("none")
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, WIDTH), ylim=(height, 0))
    ax.axis("off")
    title = f"{TITLES.get(model.name, model.name)}: {model.count_params():,} parameters"
    ax.text(0.05, 0.17, title, fontsize=10.5, fontweight="bold", va="center")
    if any(block.kind == "gate" for block in graph.blocks.values()):
        ax.text(WIDTH - 0.05, 0.17, "dashed: what opens a gate", fontsize=8, va="center", ha="right", color=SOFT)
    boxes = {name: _Box(*place, spans=name == "bottleneck") for name, place in places.items()}
    for name, box in boxes.items():
        _draw_block(ax, graph.blocks[name], box)
    for source, target in graph.connections:
        _draw_connection(ax, source, target, boxes)
    return figure


def _sources(layer: Any) -> list[str]:
    inputs = layer.input if isinstance(layer.input, list) else [layer.input]
    operations = [tensor._keras_history.operation for tensor in inputs]
    return [operation.name for operation in operations if operation is not layer]


def _block(name: str, layers: list[Any]) -> Block:
    shapes = [tuple(layer.output.shape[1:]) for layer in layers]
    finest = max(shape[0] for shape in shapes)
    shape = [shape for shape in shapes if shape[0] == finest][-1]
    operations = tuple(_operation(layer) for layer in layers)
    return Block(name, shape, operations, sum(layer.count_params() for layer in layers))


def _operation(layer: Any) -> str:
    kind = type(layer).__name__
    word = OPERATIONS.get(kind, kind)
    if kind == "Conv2D":
        word += f"{HARD_SPACE}{layer.kernel_size[0]}×{layer.kernel_size[1]}"
    return word


def _places(graph: Blocks) -> dict[str, tuple[float, float]]:
    """The place of each block: x in inches, and its row, one further down for each halving of the image."""
    full = graph.blocks["image"].shape[0]
    branches = [name for name in graph.blocks if name.startswith("aspp_")]
    places = {}
    for name, block in graph.blocks.items():
        row = log2(full / block.shape[0])
        if block.kind in ("image", "output"):
            row = -1
        if name in branches:
            row += branches.index(name) - (len(branches) - 1) / 2
        column = {"image": 0, "encoder": 0, "decoder": 2, "output": 2, "aspp": 2}.get(block.kind, 1)
        places[name] = COLUMNS[1 if name in branches else column], row
    return places


class _Box:
    """The rectangle of a block, in inches from the top left corner of the figure."""

    def __init__(self, x: float, row: float, spans: bool) -> None:
        self.x = x
        self.y = (row + 1) * ROW + BOX_HEIGHT / 2 + 0.36
        self.width = WIDTH - 0.1 if spans else BOX_WIDTH
        self.left, self.right = x - self.width / 2, x + self.width / 2
        self.top, self.bottom = self.y - BOX_HEIGHT / 2, self.y + BOX_HEIGHT / 2


def _draw_block(ax: Axes, block: Block, box: _Box) -> None:
    fill, edge = COLOURS.get(block.kind, ("white", SOFT))
    patch = FancyBboxPatch(
        (box.left, box.top),
        box.width,
        BOX_HEIGHT,
        boxstyle="round,pad=0,rounding_size=0.07",
        facecolor=fill,
        edgecolor=edge,
        linewidth=1.1,
        gid=f"block:{block.name}",
    )
    ax.add_patch(patch)
    runs = [(len(list(run)), step) for step, run in groupby(block.operations)]
    counted = (f"{count}{HARD_SPACE}×{HARD_SPACE}{step}" if count > 1 else step for count, step in runs)
    lines = textwrap.wrap(", ".join(counted), 28 if box.width == BOX_WIDTH else 120)
    shape = "×".join(str(size) for size in block.shape)
    left, right = box.left + 0.08, box.right - 0.08
    ax.text(left, box.top + 0.14, block.title, fontsize=8.5, fontweight="bold", va="center")
    ax.text(right, box.top + 0.14, shape, fontsize=8, va="center", ha="right")
    ax.text(left, box.top + 0.25, "\n".join(lines), fontsize=7.5, va="top", color=INK, linespacing=1.25)
    if block.parameters:
        text = f"{block.parameters:,} parameters"
        ax.text(right, box.bottom - 0.11, text, fontsize=7.5, va="center", ha="right", color=INK, alpha=0.75)


def _draw_connection(ax: Axes, source: str, target: str, boxes: dict[str, _Box]) -> None:
    start, end = boxes[source], boxes[target]
    signal = target.startswith("gate") and not source.startswith("encoder")
    arrow = FancyArrowPatch(
        *_ends(start, end, shift=0.14 if signal else -0.14 if "gate" in source + target else 0),
        arrowstyle="-|>",
        mutation_scale=9,
        shrinkA=0,
        shrinkB=0,
        color=SOFT,
        linewidth=1.2,
        linestyle=(0, (3, 1.5)) if signal else "solid",
        gid=f"connection:{source}>{target}",
    )
    ax.add_patch(arrow)


def _ends(start: _Box, end: _Box, shift: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where an arrow leaves one box and enters the other: sideways, or up or down within a column."""
    if start.right < end.left:
        return (start.right, start.y + shift), (end.left, end.y + shift)
    if end.right < start.left:
        return (start.left, start.y + shift), (end.right, end.y + shift)
    x = min(start, end, key=lambda box: box.width).x
    if start.y < end.y:
        return (x, start.bottom), (x, end.top)
    return (x, start.top), (x, end.bottom)
