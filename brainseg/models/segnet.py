"""SegNet with attention gates."""

from brainseg.backend import keras
from brainseg.models.blocks import (
    Style,
    Tensor,
    attended,
    convolution,
    double_convolution,
    dropout,
    encoder,
    head,
    transposed_convolution,
)


def segnet(image: Tensor, width: int, attention: str | None, style: Style) -> keras.Model:
    """Encoder and decoder of four levels; each decoder step concatenates and has one convolution, normalised.

    Badrinarayanan, Kendall and Cipolla 2017, "SegNet". Its idea, to enlarge with the places of the maxima
    that the encoder's pooling remembers, is not in the study: transposed convolutions enlarge, and gated
    skips (Oktay et al. 2018) carry features across, which the paper avoids. Of its batch normalisation, after
    every convolution in the paper, the study keeps the decoder's, after the ReLU.
    """
    x, skips = encoder(image, width, 4, style)
    x = double_convolution(x, 16 * width, "bottleneck", style)
    for level in (4, 3, 2, 1):
        skip = skips[level - 1]
        filters = skip.shape[-1]
        x = transposed_convolution(x, filters, f"decoder_{level}_up", style)
        skip = attended(skip, x, filters, level, attention, style)
        x = keras.layers.Concatenate(name=f"decoder_{level}_merge")([x, skip])
        x = dropout(x, f"decoder_{level}_dropout", style)
        x = convolution(x, filters, f"decoder_{level}_conv_1", style)
        if style.normalisation is None:
            x = keras.layers.BatchNormalization(name=f"decoder_{level}_norm")(x)
    return keras.Model(image, head(x, style), name="segnet")
