"""The four models of the study as plain Keras graphs, sized by one number, their width."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from brainseg.errors import BrainsegError, known

if TYPE_CHECKING:
    from brainseg.backend import keras


@dataclass(frozen=True)
class Architecture:
    """What is fixed about a model before it is built.

    Attributes:
        title: Its name in prose.
        divisor: Height and width of the image must be multiples of this.
        attentions: The kinds of attention it can have, None for none; the first is the published one.
        dropout: The published dropout rate.
        initialiser: The published initialiser of its convolutions.
    """

    title: str
    divisor: int = 16
    attentions: tuple[str | None, ...] = ("gate", None, "channel", "spatial")
    dropout: float = 0.0
    initialiser: str = "GlorotUniform"


ARCHITECTURES = {
    "unet": Architecture("U-Net", dropout=0.3, initialiser="HeNormal"),
    "linknet": Architecture("LinkNet", dropout=0.3, initialiser="HeNormal"),
    "segnet": Architecture("SegNet"),
    "deeplab": Architecture("Modified DeepLab", divisor=4, attentions=(None, "channel", "spatial")),
}
MODELS = tuple(ARCHITECTURES)
TITLES = {name: architecture.title for name, architecture in ARCHITECTURES.items()}


def architecture(name: str) -> Architecture:
    """What is fixed about the model of that name."""
    return ARCHITECTURES[known(name, ARCHITECTURES, "model")]


def resolve_attention(name: str, attention: str | None = "published") -> str | None:
    """The kind of attention that a model gets: "published" stands for its own, "none" for None.

    >>> resolve_attention("unet"), resolve_attention("deeplab")
    ('gate', None)
    """
    kinds = architecture(name).attentions
    if attention == "published":
        return kinds[0]
    if attention == "none":
        return None
    if attention not in kinds:
        expected = ", ".join(repr(kind) for kind in ("published", *kinds))
        reason = ", because it has no skip connection that a gate could weight" if attention == "gate" else ""
        raise BrainsegError(f"{TITLES[name]} cannot have attention {attention!r}{reason}; expected one of: {expected}")
    return attention


def build(
    name: str,
    size: int = 128,
    channels: int = 3,
    width: int = 64,
    attention: str | None = "published",
    dropout: float | None = None,
    normalisation: str | None = None,
    seed: int = 0,
) -> "keras.Model":
    """Build one of the four models, untrained and not compiled.

    It maps images (batch, size, size, channels), float32 in 0 to 1, to tumour probabilities
    (batch, size, size, 1) in 0 to 1. The defaults are the study's: at 128×128×3 and width 64 the models have
    34,862,949 (U-Net), 31,729,509 (LinkNet), 32,081,989 (SegNet) and 4,334,145 (DeepLab) parameters.

    Args:
        name: "unet", "linknet", "segnet" or "deeplab".
        size: Height and width of the images in pixels: a multiple of 16 (of 4 for DeepLab).
        channels: Channels of the images. The study reads its grey images as colour: three equal channels.
        width: Filters at full resolution; every other number of filters is a multiple of it.
        attention: What weights the skip connections. "gate": each place, by what the decoder asks for (Oktay et al.
            2018); "channel": each channel, by its mean over the image (squeeze and excitation, Hu et al. 2018, with a
            ratio of 16 and at least 4 squeezed channels); "spatial": each place, by its neighbourhood (the spatial
            module of CBAM, Woo et al. 2018); None: nothing. DeepLab has no skips: it cannot have "gate", and the others
            weight the output of its spatial pyramid. "published" is "gate", and None for DeepLab.
        dropout: Rate of the dropout after each pooling and each merge; None is as published: 0.3 in U-Net and LinkNet,
            0 in SegNet and DeepLab.
        normalisation: None is as published: batch normalisation after the ReLU in SegNet's decoder, and no other. With
            "batch" it stands between each convolution (except in attention, transposed convolutions and the output) and
            its ReLU, in all four models alike; in SegNet's decoder this takes the place of the published one.
        seed: Fixes the initial weights and the dropout.

    >>> build("deeplab", size=16, width=2).output_shape
    (None, 16, 16, 1)
    """
    kind = architecture(name)
    attention = resolve_attention(name, attention)
    if size < kind.divisor or size % kind.divisor:
        nearest = max(1, round(size / kind.divisor)) * kind.divisor
        raise BrainsegError(
            f"{kind.title} cannot take images of {size} pixels; expected a multiple of {kind.divisor}, "
            f"for example {nearest}"
        )
    if width < 2 or width % 2:
        raise BrainsegError(f"width is {width}; expected an even number, 2 or more (64 as published)")
    if normalisation not in (None, "batch"):
        raise BrainsegError(f"normalisation is {normalisation!r}; expected None or 'batch'")

    from brainseg.backend import keras  # here, so that importing the names of the models stays quick
    from brainseg.models import deeplab, linknet, segnet, unet
    from brainseg.models.blocks import Style

    builders: dict[str, Callable[..., keras.Model]] = {
        "unet": unet.unet,
        "linknet": linknet.linknet,
        "segnet": segnet.segnet,
        "deeplab": deeplab.deeplab,
    }
    style = Style(kind.initialiser, normalisation, kind.dropout if dropout is None else dropout, seed)
    image = keras.Input((size, size, channels), name="image")
    return builders[name](image, width, attention, style)


def as_input(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Grey images (n, h, w), 0 to 255, as the models expect them: (n, h, w, 3), 0 to 1."""
    return np.repeat(images[..., np.newaxis].astype(np.float32) / 255, 3, axis=-1)
