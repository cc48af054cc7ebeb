"""The four networks in plain PyTorch, with batch normalisation, as its users write them.

They have the parameters of :func:`brainseg.models.build` with ``normalisation="batch"``. Their answers are those to the
mirror image: Keras crops a transposed convolution at one side, PyTorch at the other. So :func:`load` mirrors kernels;
images are to be mirrored before, and answers after.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

DILATIONS = (6, 12, 18)
Tensor = Any


class ConvBlock(nn.Module):  # type: ignore[misc]
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, channels: int, filters: int, kernel: int = 3, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, filters, kernel, padding="same", dilation=dilation)
        self.norm = nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Features of the same height and width."""
        return functional.relu(self.norm(self.conv(x)), inplace=True)


class DoubleConv(nn.Module):  # type: ignore[misc]
    """Two 3×3 convolutions."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        self.conv_1 = ConvBlock(channels, filters)
        self.conv_2 = ConvBlock(filters, filters)

    def forward(self, x: Tensor) -> Tensor:
        """Features of the same height and width."""
        return self.conv_2(self.conv_1(x))


class Gate(nn.Module):  # type: ignore[misc]
    """Attention gate on a skip connection."""

    def __init__(self, filters: int, channels: int) -> None:
        super().__init__()
        self.skip = nn.Conv2d(filters, channels, 1)
        self.signal = nn.Conv2d(filters, channels, 1)
        self.map = nn.Conv2d(channels, 1, 1)

    def forward(self, skip: Tensor, signal: Tensor) -> Tensor:
        """The skip connection, weighted place by place."""
        return skip * torch.sigmoid(self.map(functional.relu(self.skip(skip) + self.signal(signal))))


class Decoder(nn.Module):  # type: ignore[misc]
    """Enlarge, merge with the gated skip connection by sum or concatenation, one or two convolutions."""

    def __init__(self, filters: int, dropout: float, merge: str, convolutions: int) -> None:
        super().__init__()
        self.merge, self.dropout = merge, nn.Dropout(dropout)
        self.up = nn.ConvTranspose2d(2 * filters, filters, 3, stride=2, padding=1, output_padding=1)
        self.conv_1 = ConvBlock(filters if merge == "sum" else 2 * filters, filters)
        self.conv_2 = ConvBlock(filters, filters) if convolutions == 2 else nn.Identity()

    def forward(self, x: Tensor, skip: Tensor, gate: Gate) -> Tensor:
        """Features of the height and width of the skip connection."""
        x = self.up(x)
        skip = gate(skip, x)
        x = x + skip if self.merge == "sum" else torch.cat([x, skip], 1)
        return self.conv_2(self.conv_1(self.dropout(x)))


class EncoderDecoder(nn.Module):  # type: ignore[misc]
    """U-Net, LinkNet and SegNet, which differ in their decoder."""

    def __init__(
        self, width: int, dropout: float, merge: str = "concatenation", convolutions: int = 2, gate_share: int = 2
    ) -> None:
        super().__init__()
        filters = [width * 2**level for level in range(4)]
        self.encoder = nn.ModuleList(map(DoubleConv, [3, *filters[:-1]], filters))
        self.bottleneck = DoubleConv(filters[-1], 2 * filters[-1])
        self.decoder = nn.ModuleList(Decoder(number, dropout, merge, convolutions) for number in filters)
        self.gate = nn.ModuleList(Gate(number, number // gate_share) for number in filters)
        self.logits = nn.Conv2d(width, 1, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (batch, 1, h, w), of images (batch, 3, h, w)."""
        skips = []
        for block in self.encoder:
            x = block(x)
            skips.append(x)
            x = self.dropout(functional.max_pool2d(x, 2))
        x = self.bottleneck(x)
        for block, gate, skip in zip(self.decoder[::-1], self.gate[::-1], skips[::-1], strict=True):
            x = block(x, skip, gate)
        return self.logits(x)


class Pyramid(nn.Module):  # type: ignore[misc]
    """Atrous spatial pyramid pooling."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.image = ConvBlock(filters, filters, 1)
        self.point = ConvBlock(filters, filters, 1)
        self.dilation = nn.ModuleDict({str(rate): ConvBlock(filters, filters, dilation=rate) for rate in DILATIONS})
        self.project = ConvBlock((2 + len(DILATIONS)) * filters, filters, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Features of the same shape."""
        whole = self.image(x.mean((2, 3), keepdim=True)).expand_as(x)
        return self.project(torch.cat([whole, self.point(x), *(block(x) for block in self.dilation.values())], 1))


class DeepLab(nn.Module):  # type: ignore[misc]
    """The study's modified DeepLab."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(
            [DoubleConv(3, width), DoubleConv(width, 2 * width), DoubleConv(2 * width, 4 * width)]
        )
        self.aspp = Pyramid(4 * width)
        self.wide = ConvBlock(4 * width, 4 * width)
        self.middle = ConvBlock(4 * width, 2 * width)
        self.narrow = ConvBlock(2 * width, width)
        self.logits = nn.Conv2d(width, 1, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (batch, 1, h, w), of images (batch, 3, h, w)."""
        first, second, third = self.encoder
        for block in (first, second):
            x = self.dropout(functional.max_pool2d(block(x), 2))
        x = self.wide(self.aspp(third(x)))
        x = self.middle(_doubled(x))
        return self.logits(self.narrow(_doubled(x)))


def _doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear")


KINDS: dict[str, dict[str, Any]] = {
    "unet": {},
    "linknet": {"merge": "sum"},
    "segnet": {"convolutions": 1, "gate_share": 1},
}
"""How the networks of :class:`EncoderDecoder` differ."""


def network(model: str, width: int, dropout: float = 0.0) -> nn.Module:
    """One of the four networks, channels last."""
    made = DeepLab(width, dropout) if model == "deeplab" else EncoderDecoder(width, dropout, **KINDS[model])
    return made.to(memory_format=torch.channels_last)


def bce_dice(logits: Tensor, masks: Tensor) -> Tensor:
    """Binary cross-entropy plus soft Dice loss, mean over the images of a batch."""
    probability = torch.sigmoid(logits)
    found = (masks * probability).sum((1, 2, 3))
    pixels = (masks + probability).sum((1, 2, 3))
    dice = 1 - (2 * found + 2) / (pixels + 2)
    return functional.binary_cross_entropy_with_logits(logits, masks) + dice.mean()


def load(net: nn.Module, weights: Path) -> nn.Module:
    """Give a network the weights of a Keras model, mirrored, and have it predict."""
    with np.load(weights) as stored:
        net.load_state_dict(_state(net, stored), strict=True)
    return net.eval()


def answer(net: nn.Module, images: NDArray[np.float32]) -> Tensor:
    """Probabilities of images (batch, h, w, channels) that are mirrored, (batch, h, w), mirrored too."""
    return torch.sigmoid(net(as_tensor(images)))[:, 0]


def as_tensor(images: NDArray[np.float32]) -> Tensor:
    """Images (batch, h, w, channels) as PyTorch takes them, in the same memory."""
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def mirrored(images: NDArray[Any]) -> NDArray[Any]:
    """Images reversed along height and width."""
    return np.ascontiguousarray(images[:, ::-1, ::-1])


CONVOLUTION = {"weight": "kernel", "bias": "bias"}
NORMALISATION = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
"""What Keras calls the variables of a layer."""


def _state(net: nn.Module, stored: Mapping[str, NDArray[np.float32]]) -> dict[str, Tensor]:
    state = {}
    for name, value in net.state_dict().items():
        path, _, variable = name.rpartition(".")
        if variable == "num_batches_tracked":
            state[name] = value
            continue
        array = stored[f"{keras_name(path)}/{(NORMALISATION if path.endswith('norm') else CONVOLUTION)[variable]}"]
        state[name] = torch.from_numpy(array if array.ndim == 1 else array[::-1, ::-1].transpose(3, 2, 0, 1).copy())
    return state


def keras_name(path: str) -> str:
    """What Keras calls the layer: levels count from 1 there, and the layers of a block have its name.

    >>> keras_name("encoder.0.conv_1.conv"), keras_name("aspp.dilation.6.norm")
    ('encoder_1_conv_1', 'aspp_dilation_6_norm')
    """
    own = {"wide": "decoder_2_conv_1", "middle": "decoder_1_conv_1", "narrow": "decoder_1_conv_2"}
    path = re.sub(r"^(encoder|decoder|gate)\.(\d)", lambda found: f"{found[1]}_{int(found[2]) + 1}", path)
    head, _, rest = path.partition(".")
    return ".".join(filter(None, [own.get(head, head), rest])).removesuffix(".conv").replace(".", "_")
