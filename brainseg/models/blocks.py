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

    Attributes
    ----------
    initialiser
        Class name of the Keras initialiser for the convolutions of the encoder, the bottleneck and the
        decoder; gates, transposed convolutions and the output always start from Glorot's.
    normalisation
        "batch" puts a batch normalisation between a convolution and its ReLU; None puts nothing there.
    dropout
        Share of values that a dropout sets to zero in training; at 0 the layer is left out.
    seed
        With the name of a layer it fixes its initial weights and its dropout. Layers of the same name and
        shape so start equal in two models, for instance with and without attention.
    """

    initialiser: str = "GlorotUniform"
    normalisation: str | None = None
    dropout: float = 0.0
    seed: int = 0

    def seed_of(self, name: str) -> int:
        """Return the seed of the layer of that name."""
        return zlib.crc32(f"{self.seed}/{name}".encode()) >> 1

    def start(self, name: str, initialiser: str = "GlorotUniform") -> keras.Initializer:
        """Return the initialiser of the layer of that name."""
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


def attention_gate(skip: Tensor, signal: Tensor, channels: int, name: str, style: Style) -> Tensor:
    """Weight each place of the skip by how much the decoder asks for it.

    ``skip · sigmoid(w · relu(A·skip + B·signal))`` with 1×1 convolutions A, B (to `channels`) and w (to the
    one channel of ``<name>_map``, the attention map, values 0 to 1). After Oktay et al. 2018, "Attention
    U-Net", equations 1 and 2; there the signal is the coarser level's and the map is enlarged, here both
    have the same resolution already.
    """

    def pointwise(x: Tensor, filters: int, name: str, activation: str | None = None) -> Tensor:
        return keras.layers.Conv2D(filters, 1, activation=activation, kernel_initializer=style.start(name), name=name)(
            x
        )

    both = keras.layers.Add(name=f"{name}_add")(
        [pointwise(skip, channels, f"{name}_skip"), pointwise(signal, channels, f"{name}_signal")]
    )
    both = keras.layers.ReLU(name=f"{name}_relu")(both)
    attention = pointwise(both, 1, f"{name}_map", activation="sigmoid")
    return keras.layers.Multiply(name=f"{name}_apply")([skip, attention])


def head(x: Tensor, style: Style) -> Tensor:
    """1×1 convolution to one channel (`logits`) and a sigmoid (`probability`, 0 to 1, float32)."""
    x = keras.layers.Conv2D(1, 1, kernel_initializer=style.start("logits"), name="logits")(x)
    return keras.layers.Activation("sigmoid", dtype="float32", name="probability")(x)
