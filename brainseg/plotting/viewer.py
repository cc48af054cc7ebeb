"""A viewer of saliency maps for a page of the book: choose image, network and method, and how strong the colour is."""

import base64
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np
from IPython.display import HTML
from numpy.typing import NDArray

from brainseg.opencv import cv2
from brainseg.plotting import coloured


def viewer(
    images: NDArray[np.uint8],
    titles: Sequence[str],
    maps: Mapping[str, Mapping[str, NDArray[Any]]],
    masks: Mapping[str, NDArray[Any]],
) -> HTML:
    """Show slices under saliency maps, one at a time, as the reader chooses.

    Args:
        images: n grey slices, (n, h, w), 0 to 255.
        titles: What to call each.
        maps: By network, then by method: n maps, (n, h, w).
        masks: By network: n predicted masks, (n, h, w), 0 and 1. A method of its own shows them.

    >>> stack = np.zeros((1, 8, 8), np.uint8)
    >>> "<select" in viewer(stack, ["a slice"], {"U-Net": {"gradient": stack}}, {"U-Net": stack}).data
    True
    """
    shown = {network: {"its mask": masks[network], **of_network} for network, of_network in maps.items()}
    content = {
        "images": [{"title": title, "src": _png(image)} for title, image in zip(titles, images, strict=True)],
        "maps": {
            network: {method: [_png(_rgba(one)) for one in stack] for method, stack in methods.items()}
            for network, methods in shown.items()
        },
    }
    template = Template(files("brainseg.plotting").joinpath("viewer.html").read_text(encoding="utf-8"))
    return HTML(template.substitute(content=json.dumps(content).replace("</", "<\\/")))


def _rgba(saliency: NDArray[Any]) -> NDArray[np.uint8]:
    """The colours of a map, (h, w, 4), in the order of OpenCV."""
    colours: NDArray[np.uint8] = np.rint(255 * coloured(saliency)[..., [2, 1, 0, 3]]).astype(np.uint8)
    return colours


def _png(picture: NDArray[np.uint8]) -> str:
    file = cv2.imencode(".png", picture)[1]
    return "data:image/png;base64," + base64.b64encode(file.tobytes()).decode()
