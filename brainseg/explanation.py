"""One image explained to a person: what a network marks, what that rests on, how sure it is, what it does not mean."""

import base64
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from brainseg.batches import as_input
from brainseg.metrics import THRESHOLD, dice
from brainseg.models import TITLES
from brainseg.plotting import overlay, saliency_maps
from brainseg.plotting.style import MASK_COLOURS
from brainseg.saliency import explain
from brainseg.saliency.region import marked_or_whole
from brainseg.slices import Slice, from_square, to_square
from brainseg.train import MIRRORS, predict

if TYPE_CHECKING:
    from brainseg.run import Run

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

NOT_A_DEVICE: Final = "This is not a medical device. It must not be used to diagnose, or to decide on a treatment."


@dataclass(frozen=True)
class Explanation:
    """What is said about one image; all maps have its shape, (h, w).

    Attributes
    ----------
    image
        As it was given, 0 to 255.
    probability
        Of tumour, 0 to 1.
    mask
        Where that exceeds one half.
    maps
        Saliency, by the names of :data:`SHOWN`.
    mirrored_dice
        How much the masks of the image and of its three mirror images agree: the mean Dice of the pairs; NaN where none
        of them marks anything.
    """

    image: Slice
    probability: NDArray[np.float32]
    mask: NDArray[np.bool_]
    maps: dict[str, NDArray[np.float32]]
    mirrored_dice: float

    @property
    def found(self) -> bool:
        """Whether anything is marked."""
        return bool(self.mask.any())

    def sentences(self) -> list[str]:
        """What is shown, and how sure the network is, in words."""
        highest = f"{self.probability.max():.2f}"
        if not self.found:
            return [
                "The network marks nothing in this image. That does not mean that nothing is there: it misses tumours.",
                f"The highest probability of any pixel is {highest}; above {THRESHOLD} it would be marked.",
                "The maps explain its answer for the whole image.",
            ]
        parts = cv2.connectedComponents(self.mask.astype(np.uint8))[0] - 1
        rim = np.count_nonzero(abs(self.probability - 0.5) < 0.25) / np.count_nonzero(self.mask)
        return [
            f"The network marks {100 * self.mask.mean():.1f} % of the image as tumour, in {parts} "
            f"piece{'' if parts == 1 else 's'}.",
            f"The mean probability of the marked pixels is {self.probability[self.mask].mean():.2f}, "
            f"the highest {highest}.",
            f"For every 100 marked pixels there are {100 * rim:.0f}, marked or not, with a probability between 0.25 "
            "and 0.75: the more there are, the less sure is the outline.",
            "Shown the image and its three mirror images, it marks places that agree with a Dice of "
            f"{self.mirrored_dice:.2f}, of which 1 is the same place every time.",
            "The maps explain the marked pixels.",
        ]


def explain_slice(run: "Run", image: Slice, batch_size: int = 32) -> Explanation:
    """Ask a trained network about one image of any size, and explain its answer.

    Parameters
    ----------
    run
        The trained network.
    image
        Grey, (h, w), 0 to 255.
    batch_size
        Images that are computed at once; more take more memory.
    """
    square = to_square(image, run.recipe.size)
    answer = predict(run.model, square[np.newaxis], run.recipe.preset.mirrored)
    probability = from_square(answer[0], shape := (image.shape[0], image.shape[1]))
    region = marked_or_whole(answer)
    images = as_input(square[np.newaxis])
    maps = {method: explain(method, run.model, images, region, batch_size)[0] for method in SHOWN}
    maps = {method: from_square(values, shape) for method, values in maps.items()}
    return Explanation(image, probability, probability > THRESHOLD, maps, _mirrored_dice(run, square))


def figure(explanation: Explanation) -> Figure:
    """The image with the outline of what is marked, and the maps, side by side."""
    maps = {name: values[np.newaxis] for name, values in explanation.maps.items()}
    outlines = {"prediction": explanation.mask[np.newaxis]} if explanation.found else None
    return saliency_maps(explanation.image[np.newaxis], maps, outlines)


def html(explanation: Explanation, run: "Run", dataset: str, name: str) -> str:
    """A page that needs no other file: the pictures, the words, and what the network is.

    Parameters
    ----------
    explanation, run
        What is said, and the network that says it.
    dataset
        What the network was trained on, one of :data:`TRAINED_ON`.
    name
        What the image is called.
    """
    mask = np.where(explanation.mask, 255, 0).astype(np.uint8)
    panels = [
        ("The image", _png(explanation.image), "As it was given."),
        (
            "What is marked",
            _png(mask),
            "White: the network says tumour." if explanation.found else "Nothing is marked.",
        ),
        ("Its outline", _png(_outlined(explanation.image, mask)), "The same on the image."),
        *(
            (method, _png(overlay(explanation.image, explanation.maps[method])), f"{text} Bright: strong.")
            for method, text in SHOWN.items()
        ),
    ]
    template = Template(files("brainseg").joinpath("explanation.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(f"{TITLES[run.recipe.model]} on {name}"),
        warning=escape(NOT_A_DEVICE),
        panels="\n".join(_panel(*panel) for panel in panels),
        sentences="\n".join(f"<li>{escape(sentence)}</li>" for sentence in explanation.sentences()),
        network="\n".join(f"<li>{escape(sentence)}</li>" for sentence in _about(run, dataset)),
    )


def write_report(explanation: Explanation, run: "Run", dataset: str, name: str, page: Path) -> Path:
    """Write the page of :func:`html`, and beside it a PNG file with the pictures; returns the path of the latter."""
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(html(explanation, run, dataset, name), encoding="utf-8")
    picture = page.with_suffix(".png")
    figure(explanation).savefig(picture, dpi=200, metadata={"Software": None})
    return picture


def _mirrored_dice(run: "Run", square: Slice) -> float:
    """Mean Dice of all pairs of the masks of an image and its mirror images, put back in place."""
    images = as_input(square[np.newaxis])
    masks = [
        np.flip(run.model.predict_on_batch(np.flip(images, axes)), axes)[0, ..., 0] > THRESHOLD for axes in MIRRORS
    ]
    pairs = [(a, b) for i, a in enumerate(masks) for b in masks[:i]]
    scores = dice(np.stack([a for a, _ in pairs]), np.stack([b for _, b in pairs]))
    return float(np.nan if np.isnan(scores).all() else np.nanmean(scores))


def _about(run: "Run", dataset: str) -> list[str]:
    recipe, test = run.recipe, run.scores[run.scores["split"] == "test"]
    return [
        f"Network: {TITLES[recipe.model]}, {recipe.size} × {recipe.size} pixels, run {run.name}.",
        TRAINED_ON[dataset],
        f"On {len(test)} test images that it had not seen, its Dice was {test['dice'].mean():.2f} on average, and "
        f"{test['dice'].median():.2f} or more for half of them.",
    ]


def _panel(title: str, png: bytes, caption: str) -> str:
    title, caption = escape(title), escape(caption)
    picture = f'<img src="data:image/png;base64,{base64.b64encode(png).decode()}" alt="{title}: {caption}">'
    return f"<figure><h2>{title}</h2>{picture}<figcaption>{caption}</figcaption></figure>"


def _outlined(image: Slice, mask: Slice) -> NDArray[np.uint8]:
    """The image in colour, (h, w, 3), with the contour of the mask."""
    picture = np.repeat(image[..., np.newaxis], 3, axis=-1)
    contours = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
    colour = tuple(round(255 * part) for part in to_rgb(MASK_COLOURS["prediction"]))
    cv2.drawContours(picture, contours, -1, colour, max(1, max(image.shape) // 160))
    return picture


def _png(picture: NDArray[np.uint8]) -> bytes:
    """A grey picture (h, w), or one in colour (h, w, 3) with red first, as a file."""
    return bytes(cv2.imencode(".png", picture[..., ::-1] if picture.ndim == 3 else picture)[1])
