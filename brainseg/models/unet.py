"""U-Net with attention gates."""

from brainseg.backend import keras
from brainseg.models.blocks import (
    Style,
    Tensor,
    attended,
    double_convolution,
    dropout,
    encoder,
    head,
    transposed_convolution,
)


def unet(image: Tensor, width: int, attention: str | None, style: Style) -> keras.Model:
    """Encoder and decoder of four levels; each decoder step concatenates the encoder's features of its level.

    Ronneberger, Fischer and Brox 2015, "U-Net", with the attention gates of Oktay et al. 2018, "Attention
    U-Net". The study pads its convolutions ('same'), so that nothing is cropped, enlarges by a 3×3 transposed
    convolution instead of a 2×2 one, adds dropout after every pooling and merge, and gates each skip at its
    own resolution.
    """
    x, skips = encoder(image, width, 4, style)
    x = double_convolution(x, 16 * width, "bottleneck", style)
    for level in (4, 3, 2, 1):
        skip = skips[level - 1]
        filters = skip.shape[-1]
        x = transposed_convolution(x, filters, f"decoder_{level}_up", style)
        skip = attended(skip, x, filters // 2, level, attention, style)
        x = keras.layers.Concatenate(name=f"decoder_{level}_merge")([x, skip])
        x = dropout(x, f"decoder_{level}_dropout", style)
        x = double_convolution(x, filters, f"decoder_{level}", style)
    return keras.Model(image, head(x, style), name="unet")
