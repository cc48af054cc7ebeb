"""The blocks that the four models are made of.

Each is a plain function on Keras tensors: it takes features of shape (batch, height, width, channels) and a
name that its layers start with. There are no custom layers, so that a saved model opens with Keras alone.
"""

import zlib
from dataclasses import dataclass
from typing import Any

from brainseg.backend import keras

Tensor = Any


@dataclass(frozen=True)
class Style:
    """The choices that hold for every block of one model.

    Attributes:
        initialiser: Class name of the Keras initialiser for the convolutions of the encoder, the bottleneck and the
            decoder; attention, transposed convolutions and the output always start from Glorot's.
        normalisation: "batch" puts a batch normalisation between a convolution and its ReLU; None puts nothing there.
        dropout: Share of values that a dropout sets to zero in training; at 0 the layer is left out.
        seed: With the name of a layer it fixes its initial weights and its dropout. Layers of the same name and shape
            so start equal in two models, for instance with different kinds of attention.
    """

    initialiser: str = "GlorotUniform"
    normalisation: str | None = None
    dropout: float = 0.0
    seed: int = 0

    def seed_of(self, name: str) -> int:
        """The seed of the layer of that name."""
        return zlib.crc32(f"{self.seed}/{name}".encode()) >> 1

    def start(self, name: str, initialiser: str = "GlorotUniform") -> keras.Initializer:
        """The initialiser of the layer of that name."""
        return getattr(keras.initializers, initialiser)(seed=self.seed_of(name))


def convolution(x: Tensor, filters: int, name: str, style: Style, kernel: int = 3, dilation: int = 1) -> Tensor:
    """Convolution, batch normalisation if the style asks for it, ReLU."""
    normalised = style.normalisation == "batch"
    x = keras.layers.Conv2D(
        filters,
        kernel,
        padding="same",
        dilation_rate=dilation,
        activation=None if normalised else "relu",
        kernel_initializer=style.start(name, style.initialiser),
        name=name,
    )(x)
    if normalised:
        x = keras.layers.BatchNormalization(name=f"{name}_norm")(x)
        x = keras.layers.ReLU(name=f"{name}_relu")(x)
    return x


def double_convolution(x: Tensor, filters: int, name: str, style: Style) -> Tensor:
    """Two 3×3 convolutions, each with its ReLU."""
    x = convolution(x, filters, f"{name}_conv_1", style)
    return convolution(x, filters, f"{name}_conv_2", style)


def dropout(x: Tensor, name: str, style: Style) -> Tensor:
    """Dropout, or nothing where the style's rate is 0."""
    if not style.dropout:
        return x
    return keras.layers.Dropout(style.dropout, seed=style.seed_of(name), name=name)(x)


def encoder(x: Tensor, width: int, levels: int, style: Style) -> tuple[Tensor, list[Tensor]]:
    """Halve the resolution `levels` times, from `width` filters to twice as many at each level.

    Returns the smallest features and, for the skip connections, those of each level before its pooling.
    """
    skips = []
    for level in range(1, levels + 1):
        x = double_convolution(x, width * 2 ** (level - 1), f"encoder_{level}", style)
        skips.append(x)
        x = keras.layers.MaxPooling2D(name=f"encoder_{level}_pool")(x)
        x = dropout(x, f"encoder_{level}_dropout", style)
    return x, skips


def transposed_convolution(x: Tensor, filters: int, name: str, style: Style) -> Tensor:
    """Double the resolution by a 3×3 transposed convolution of stride 2, linear."""
    return keras.layers.Conv2DTranspose(
        filters, 3, strides=2, padding="same", kernel_initializer=style.start(name), name=name
    )(x)


def glorot_convolution(
    x: Tensor, filters: int, name: str, style: Style, kernel: int = 1, activation: str | None = None
) -> Tensor:
    """Convolution that starts from Glorot's initialiser in every style: of the attention and of the output."""
    return keras.layers.Conv2D(
        filters, kernel, padding="same", activation=activation, kernel_initializer=style.start(name), name=name
    )(x)


def attention_gate(skip: Tensor, signal: Tensor, channels: int, name: str, style: Style) -> Tensor:
    """Weight each place of the skip by how much the decoder asks for it.

    ``skip · sigmoid(w · relu(A·skip + B·signal))`` with 1×1 convolutions A, B (to `channels`) and w (to the
    one channel of ``<name>_map``, the attention map, values 0 to 1). After Oktay et al. 2018, "Attention
    U-Net", equations 1 and 2; there the signal is the coarser level's and the map is enlarged, here both
    have the same resolution already.
    """
    both = keras.layers.Add(name=f"{name}_add")(
        [
            glorot_convolution(skip, channels, f"{name}_skip", style),
            glorot_convolution(signal, channels, f"{name}_signal", style),
        ]
    )
    both = keras.layers.ReLU(name=f"{name}_relu")(both)
    attention = glorot_convolution(both, 1, f"{name}_map", style, activation="sigmoid")
    return keras.layers.Multiply(name=f"{name}_apply")([skip, attention])


def channel_attention(x: Tensor, name: str, style: Style, reduction: int = 16) -> Tensor:
    """Weight each channel by what the whole image holds: squeeze and excitation.

    ``x · sigmoid(B · relu(A · mean(x)))``: A leads from the channels' means over the image (``<name>_mean``) to a
    `reduction`-th as many values, but at least 4 (``<name>_squeeze``), and B to one weight for each channel, 0 to 1
    (``<name>_weights``). After Hu, Shen and Sun 2018, "Squeeze-and-excitation networks", equations 2 to 4, with
    their ratio of 16. Their linear layers are 1×1 convolutions of a 1×1 image here, and have a bias each.
    """
    channels = x.shape[-1]
    weights = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_mean")(x)
    squeezed = max(4, channels // reduction)
    weights = glorot_convolution(weights, squeezed, f"{name}_squeeze", style, activation="relu")
    weights = glorot_convolution(weights, channels, f"{name}_weights", style, activation="sigmoid")
    return keras.layers.Multiply(name=f"{name}_apply")([x, weights])


def spatial_attention(x: Tensor, name: str, style: Style) -> Tensor:
    """Weight each place by what its neighbourhood holds: the spatial module of CBAM.

    ``x · sigmoid(F · [mean(x), max(x)])`` with mean and maximum over the channels and a 7×7 convolution F, with a
    bias, to the one channel of ``<name>_map``, the attention map, values 0 to 1. After Woo et al. 2018, "CBAM",
    equation 3.
    """
    both = keras.layers.Concatenate(name=f"{name}_merge")(
        [keras.ops.mean(x, axis=-1, keepdims=True), keras.ops.max(x, axis=-1, keepdims=True)]
    )
    attention = glorot_convolution(both, 1, f"{name}_map", style, kernel=7, activation="sigmoid")
    return keras.layers.Multiply(name=f"{name}_apply")([x, attention])


def weighted(x: Tensor, place: str, attention: str | None, style: Style) -> Tensor:
    """Weight features by themselves: by channel, by place ("spatial"), or not at all (None).

    `place` says where in the model they are, for the names of the layers: ``channel_<place>_…``.
    """
    if attention is None:
        return x
    kinds = {"channel": channel_attention, "spatial": spatial_attention}
    return kinds[attention](x, f"{attention}_{place}", style)


def attended(skip: Tensor, signal: Tensor, channels: int, level: int, attention: str | None, style: Style) -> Tensor:
    """Weight the skip connection of a level by the model's kind of attention.

    Only the gate asks the decoder, by its `signal`, and has a number of `channels` of its own.
    """
    if attention == "gate":
        return attention_gate(skip, signal, channels, f"gate_{level}", style)
    return weighted(skip, f"{level}", attention, style)


def head(x: Tensor, style: Style) -> Tensor:
    """1×1 convolution to one channel (`logits`) and a sigmoid (`probability`, 0 to 1, float32)."""
    x = glorot_convolution(x, 1, "logits", style)
    return keras.layers.Activation("sigmoid", dtype="float32", name="probability")(x)
