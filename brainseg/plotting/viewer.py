"""A viewer of saliency maps for a page of the book: two maps beside each other, each of a network and a method."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from IPython.display import HTML
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from brainseg.opencv import cv2
from brainseg.plotting.lab import bits, code, part, png_address, still
from brainseg.plotting.saliency import coloured, overlay

Stack = NDArray[Any]

KEY = [to_hex(colour) for colour in matplotlib.colormaps["magma"](np.linspace(0, 1, 7))]
"""Colours from weak to strong, as :func:`brainseg.plotting.coloured` has them."""


def viewer(
    images: NDArray[np.uint8],
    titles: Sequence[str],
    maps: Mapping[str, Mapping[str, Stack]],
    masks: Mapping[str, Stack],
    border: Stack,
    scores: Mapping[str, Callable[[Stack, Stack], NDArray[np.float64]]],
) -> HTML:
    """Show slices under saliency maps, two at a time, as the reader chooses, with the border and what it says of them.

    Args:
        images: n grey slices, (n, h, h), 0 to 255.
        titles: What to call each.
        maps: By network, then by method: n maps, (n, h, h).
        masks: By network: n predicted masks, (n, h, h), 0 and 1. A method of its own shows them.
        border: n masks, (n, h, h), 0 and 1.
        scores: By what to call them: functions of n maps and n borders that give n numbers, NaN where they say nothing.

    >>> stack = np.zeros((1, 8, 8), np.uint8)
    >>> page = viewer(stack, ["a slice"], {"U-Net": {"gradient": stack}}, {"U-Net": stack}, stack, {})
    >>> 'data-lab="maps"' in page.data
    True
    """
    shown = {network: {"its mask": masks[network], **of_network} for network, of_network in maps.items()}
    content = {
        "images": [{"title": title, "src": _png(image)} for title, image in zip(titles, images, strict=True)],
        "networks": {
            network: {method: [_png(_rgba(one)) for one in stack] for method, stack in methods.items()}
            for network, methods in shown.items()
        },
        "border": [bits(mask) for mask in border],
        "scores": {
            network: {method: _scored(scores, stack, border) for method, stack in methods.items()}
            for network, methods in shown.items()
        },
        "key": KEY,
    }
    return HTML(part("maps", content, _instead(images, shown)) + code())


def _scored(
    scores: Mapping[str, Callable[[Stack, Stack], NDArray[np.float64]]], maps: Stack, border: Stack
) -> list[dict[str, float]]:
    """What the border says of each map."""
    values = {name: score(np.asarray(maps, np.float64), border) for name, score in scores.items()}
    return [{name: float(of[i]) for name, of in values.items() if not np.isnan(of[i])} for i in range(len(maps))]


def _instead(images: NDArray[np.uint8], shown: Mapping[str, Mapping[str, Stack]]) -> str:
    """The first slice under all methods of the first network, where no script runs."""
    network, methods = next(iter(shown.items()))
    row = np.concatenate([overlay(images[0], stack[0]) for stack in methods.values()], axis=1)
    names = ", ".join(methods)
    return still(_file(row[..., ::-1]), f"The first slice under maps of {network}, from left to right: {names}.")


def _rgba(saliency: Stack) -> NDArray[np.uint8]:
    """The colours of a map, (h, w, 4), in the order of OpenCV."""
    colours: NDArray[np.uint8] = np.rint(255 * coloured(saliency)[..., [2, 1, 0, 3]]).astype(np.uint8)
    return colours


def _png(picture: NDArray[np.uint8]) -> str:
    return png_address(_file(picture))


def _file(picture: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".png", picture)[1])
