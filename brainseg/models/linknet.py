"""LinkNet with attention gates."""

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


def linknet(image: Tensor, width: int, attention: str | None, style: Style) -> keras.Model:
    """Encoder and decoder of four levels; each decoder step adds the encoder's features of its level.

    Chaurasia and Culurciello 2017, "LinkNet". What the study keeps of it is the sum in place of U-Net's
    concatenation; the residual encoder (ResNet-18) and the slim decoder blocks (1×1, transposed, 1×1) have
    made way for U-Net's, and attention gates (Oktay et al. 2018) weight the skips. It is therefore nearly as
    heavy as the U-Net, not the light network of the paper.
    """
    x, skips = encoder(image, width, 4, style)
    x = double_convolution(x, 16 * width, "bottleneck", style)
    for level in (4, 3, 2, 1):
        skip = skips[level - 1]
        filters = skip.shape[-1]
        x = transposed_convolution(x, filters, f"decoder_{level}_up", style)
        skip = attended(skip, x, filters // 2, level, attention, style)
        x = keras.layers.Add(name=f"decoder_{level}_merge")([x, skip])
        x = dropout(x, f"decoder_{level}_dropout", style)
        x = double_convolution(x, filters, f"decoder_{level}", style)
    return keras.Model(image, head(x, style), name="linknet")
