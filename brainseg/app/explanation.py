"""One image explained to a person: what a network marks, what that rests on, how sure it is, what it does not mean."""

import base64
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from brainseg.app.pictures import MARK, png
from brainseg.app.prediction import NOT_A_DEVICE, Network, Prediction, outlined, put_back, seen
from brainseg.app.slices import Slice
from brainseg.data.outside import printable, write_whole
from brainseg.errors import BrainsegError
from brainseg.models import TITLES, as_input
from brainseg.models.predict import MIRRORS, predict
from brainseg.plotting import overlay, saliency_maps
from brainseg.saliency import explain
from brainseg.saliency.region import marked_or_whole
from brainseg.scores import THRESHOLD
from brainseg.scores.metrics import dice

SHOWN: Final = {
    "SmoothGrad": "Where a small change of brightness would move the answer most.",
    "Seg-Grad-CAM": "Where those features are strong, in the coarsest layer, that speak for the answer.",
    "occlusion": "What the answer loses when a black patch covers the place.",
}
"""The methods of a report, one of each family, and what their maps show."""

TRAINED_ON: Final = {
    "phantom": "It was trained on simulated images: about real ones its answer means nothing.",
    "tumorseg": "It was trained on contrast-enhanced T1 slices of one collection (Cheng 2017); each shows a tumour.",
}
"""What a network has seen, by data set."""


@dataclass(frozen=True, eq=False)
class Explanation(Prediction):
    """A prediction and what it rests on; all maps have the shape of the image, (h, w).

    Attributes:
        maps: Saliency, by the names of :data:`SHOWN`.
        mirrored_dice: How much the masks of the image and of its three mirror images agree: the mean Dice of the pairs;
            NaN where none of them marks anything.
    """

    maps: dict[str, NDArray[np.float32]]
    mirrored_dice: float

    def sentences(self) -> list[str]:
        """What is shown, and how sure the network is, in words."""
        highest = f"{self.probability.max():.2f}"
        if not self.found:
            return [
                "The network marks nothing in this image. That does not mean that nothing is there: it misses tumours.",
                f"The highest probability of any pixel is {highest}; above {THRESHOLD} it would be marked.",
                "The maps explain its answer for the whole image.",
            ]
        rim = np.count_nonzero(abs(self.probability - 0.5) < 0.25) / np.count_nonzero(self.mask)
        return [
            f"The network marks {100 * self.mask.mean():.1f} % of the image as tumour, in {self.pieces} "
            f"piece{'' if self.pieces == 1 else 's'}.",
            f"The mean probability of the marked pixels is {self.mean_probability:.2f}, the highest {highest}.",
            f"For every 100 marked pixels there are {100 * rim:.0f}, marked or not, with a probability between 0.25 "
            "and 0.75: the more there are, the less sure is the outline.",
            "Shown the image and its three mirror images, it marks places that agree with a Dice of "
            f"{self.mirrored_dice:.2f}, of which 1 is the same place every time.",
            "The maps explain the marked pixels.",
        ]


def explain_slice(network: Network, image: Slice, upright: bool = False) -> Explanation:
    """Ask a trained network about one image of any size, and explain its answer.

    Args:
        network: The trained network.
        image: Grey, (h, w), 0 to 255.
        upright: Whether the head stands upright in it, see :func:`brainseg.app.slices.is_upright`.
    """
    square = seen(network, image, upright)
    answer = predict(network.model, square[np.newaxis], network.recipe.preset.mirrored)
    region = marked_or_whole(answer)
    images = as_input(square[np.newaxis])
    maps = {method: explain(method, network.model, images, region)[0] for method in SHOWN}
    maps = {method: put_back(values, image, upright) for method, values in maps.items()}
    return Explanation(image, put_back(answer[0], image, upright), maps, _mirrored_dice(network, square))


def figure(explanation: Explanation) -> Figure:
    """The image with the outline of what is marked, and the maps, side by side."""
    maps = {name: values[np.newaxis] for name, values in explanation.maps.items()}
    outlines = {"prediction": explanation.mask[np.newaxis]} if explanation.found else None
    return saliency_maps(explanation.image[np.newaxis], maps, outlines)


def html(explanation: Explanation, network: Network, dataset: str, name: str) -> str:
    """A page that needs no other file: the pictures, the words, and what the network is.

    Args:
        explanation, network: What is said, and the network that says it.
        dataset: What the network was trained on, one of :data:`TRAINED_ON`.
        name: What the image is called.
    """
    mask = np.where(explanation.mask, 255, 0).astype(np.uint8)
    panels = [
        ("The image", png(explanation.image), "As it was given."),
        (
            "What is marked",
            png(mask),
            "White: the network says tumour." if explanation.found else "Nothing is marked.",
        ),
        ("Its outline", png(outlined(explanation)), "The same on the image."),
        *(
            (method, png(overlay(explanation.image, explanation.maps[method])), f"{text} Bright: strong.")
            for method, text in SHOWN.items()
        ),
    ]
    template = Template(files("brainseg.app").joinpath("explanation.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(f"{TITLES[network.recipe.model]} on {printable(name)}"),
        warning=escape(NOT_A_DEVICE),
        panels="\n".join(_panel(*panel) for panel in panels),
        sentences="\n".join(f"<li>{escape(sentence)}</li>" for sentence in explanation.sentences()),
        network="\n".join(f"<li>{escape(sentence)}</li>" for sentence in _about(network, dataset)),
    )


def write_report(explanation: Explanation, network: Network, dataset: str, name: str, page: Path) -> Path:
    """Write the page of :func:`html`, and beside it a PNG file with the pictures; returns the path of the latter."""
    text, drawn, picture = html(explanation, network, dataset, name), figure(explanation), page.with_suffix(".png")
    write_whole(page, text)
    try:
        write_whole(picture, lambda path: drawn.savefig(path, dpi=200, metadata={"Software": MARK}))
    except BrainsegError:
        page.unlink()
        raise
    return picture


def _mirrored_dice(network: Network, square: Slice) -> float:
    """Mean Dice of all pairs of the masks of an image and its mirror images, put back in place."""
    images = as_input(square[np.newaxis])
    masks = [
        np.flip(network.model.predict_on_batch(np.flip(images, axes)), axes)[0, ..., 0] > THRESHOLD for axes in MIRRORS
    ]
    pairs = [(a, b) for i, a in enumerate(masks) for b in masks[:i]]
    scores = dice(np.stack([a for a, _ in pairs]), np.stack([b for _, b in pairs]))
    return float(np.nan if np.isnan(scores).all() else np.nanmean(scores))


def _about(network: Network, dataset: str) -> list[str]:
    recipe, test = network.recipe, network.scores[network.scores["split"] == "test"]
    return [
        f"Network: {TITLES[recipe.model]}, {recipe.size} × {recipe.size} pixels, run {network.name}.",
        TRAINED_ON[dataset],
        f"On {len(test)} test images that it had not seen, its Dice was {test['dice'].mean():.2f} on average, and "
        f"{test['dice'].median():.2f} or more for half of them.",
    ]


def _panel(title: str, png: bytes, caption: str) -> str:
    title, caption = escape(title), escape(caption)
    picture = f'<img src="data:image/png;base64,{base64.b64encode(png).decode()}" alt="{title}: {caption}">'
    return f"<figure><h2>{title}</h2>{picture}<figcaption>{caption}</figcaption></figure>"
