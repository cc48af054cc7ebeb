"""The study's modified DeepLab: atrous spatial pyramid pooling on a small encoder."""

from brainseg.backend import keras
from brainseg.models.blocks import Style, Tensor, convolution, double_convolution, encoder, head, weighted

DILATIONS = (6, 12, 18)


def spatial_pyramid(x: Tensor, filters: int, style: Style) -> Tensor:
    """Look at every place at several scales at once (ASPP) and mix what was seen to `filters` channels.

    The branches: the mean over the whole image, a 1×1 convolution, and 3×3 convolutions whose taps stand
    6, 12 and 18 pixels apart. Chen et al. 2017, "Rethinking atrous convolution", section 3.3.
    """
    size = x.shape[1]
    whole = keras.layers.GlobalAveragePooling2D(keepdims=True, name="aspp_image_pool")(x)
    whole = convolution(whole, filters, "aspp_image", style, kernel=1)
    whole = keras.layers.UpSampling2D(size, interpolation="bilinear", name="aspp_image_up")(whole)
    branches = [whole, convolution(x, filters, "aspp_point", style, kernel=1)]
    for dilation in DILATIONS:
        branches.append(convolution(x, filters, f"aspp_dilation_{dilation}", style, dilation=dilation))
    x = keras.layers.Concatenate(name="aspp_merge")(branches)
    return convolution(x, filters, "aspp_project", style, kernel=1)


def deeplab(image: Tensor, width: int, attention: str | None, style: Style) -> keras.Model:
    """Two poolings, a spatial pyramid at a quarter of the resolution, and two bilinear enlargements.

    After Chen et al. 2017, "Rethinking atrous convolution" (DeepLab v3). The study replaces the pretrained
    ResNet by six convolutions at a stride of 4 (the paper: 16), leaves out the batch normalisation and
    enlarges in two steps with a convolution before each. It has no skip connections, hence nothing to gate; the
    other kinds of attention weight what the spatial pyramid hands on.
    """
    x, _ = encoder(image, width, 2, style)
    x = double_convolution(x, 4 * width, "encoder_3", style)
    x = spatial_pyramid(x, 4 * width, style)
    x = weighted(x, "pyramid", attention, style)
    for level in (2, 1):
        x = convolution(x, width * 2**level, f"decoder_{level}_conv_1", style)
        x = keras.layers.UpSampling2D(2, interpolation="bilinear", name=f"decoder_{level}_up")(x)
    x = convolution(x, width, "decoder_1_conv_2", style)
    return keras.Model(image, head(x, style), name="deeplab")
