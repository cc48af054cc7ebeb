"""One image answered by a network: its mask, its numbers, and the files that hold them.

The networks learnt from images in which the head lies: the study's are Cheng's slices transposed, so that the front or
the crown is on the left. A slice in which it stands upright is transposed before a network sees it, and the answer is
transposed back.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np
from numpy.typing import NDArray

from brainseg.app.pictures import png
from brainseg.app.slices import AT_ONCE, Slice, from_square, to_square
from brainseg.app.weights import Weights
from brainseg.data.outside import write_whole
from brainseg.errors import BrainsegError
from brainseg.models.predict import Answer, answered, asked
from brainseg.opencv import cv2
from brainseg.scores import THRESHOLD

if TYPE_CHECKING:
    from brainseg.experiments.run import Run

Network: TypeAlias = Union["Run", Weights]
"""A trained network: of the store, or one that is shipped."""

OUTLINE = (240, 53, 155)
"""Colour of an outline, red first: that of predictions in the book."""

STUDY_NAME = re.compile(r"(\d{1,9})_jpg\.rf\.")
"""How the names of the study's images begin; the number is that of the slice."""

NOT_A_DEVICE = "This is not a medical device. It must not be used to diagnose, or to decide on a treatment."


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a network says about one image.

    Attributes:
        image: As it was given, (h, w), 0 to 255.
        probability: Of tumour, (h, w), 0 to 1.
    """

    image: Slice
    probability: NDArray[np.float32]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Where the probability exceeds one half, (h, w)."""
        return self.probability > THRESHOLD

    @property
    def found(self) -> bool:
        """Whether anything is marked."""
        return bool(self.mask.any())

    @property
    def pieces(self) -> int:
        """Number of 8-connected components of the mask."""
        return cv2.connectedComponents(self.mask.astype(np.uint8), connectivity=8)[0] - 1

    @property
    def mean_probability(self) -> float | None:
        """Mean probability of the marked pixels; None if there are none."""
        return float(self.probability[self.mask].mean()) if self.found else None

    def to_dict(self) -> dict[str, Any]:
        """The numbers: ``area`` of the mask in pixels of the image, its ``share`` of the image, and so on.

        >>> Prediction(np.zeros((2, 2), np.uint8), np.array([[0.75, 0.5], [0, 0]], np.float32)).to_dict()
        {'height': 2, 'width': 2, 'area': 1, 'share': 0.25, 'components': 1, 'mean_probability': 0.75}
        """
        mean = self.mean_probability
        return {
            "height": self.image.shape[0],
            "width": self.image.shape[1],
            "area": int(np.count_nonzero(self.mask)),
            "share": round(float(self.mask.mean()), 4),
            "components": self.pieces,
            "mean_probability": None if mean is None else round(mean, 3),
        }


def predict_slice(network: Network, image: Slice, upright: bool = False) -> Prediction:
    """Ask a network about one image of any size.

    Args:
        network: Trained, of any size.
        image: Grey, (h, w), 0 to 255.
        upright: Whether the head stands upright in it, see :func:`brainseg.app.slices.is_upright`.

    >>> from brainseg.app.weights import shipped
    >>> answer = predict_slice(shipped("deeplab"), np.zeros((20, 30), np.uint8))
    >>> answer.mask.shape, answer.found
    ((20, 30), False)
    """
    (prediction,) = predict_slices(network, [(image, upright)])
    return prediction


def predict_slices(network: Network, slices: Iterable[tuple[Slice, bool]]) -> Iterator[Prediction]:
    """Ask a network about images one after another, :data:`brainseg.app.slices.AT_ONCE` at a time; none is kept.

    Args:
        network: Trained, of any size.
        slices: Images as in :func:`predict_slice`, each with whether the head stands upright in it.
    """
    answer, rest = answer_of(network), iter(slices)
    while some := list(islice(rest, AT_ONCE)):
        squares = np.stack([seen(network, image, upright) for image, upright in some])
        answers = answered(answer, squares, network.recipe.preset.mirrored)
        for (image, upright), probability in zip(some, answers, strict=True):
            yield Prediction(image, put_back(probability, image, upright))


def answer_of(network: Network) -> Answer:
    """What computes a network's answers: of one that is shipped ONNX Runtime, of one of the store Keras."""
    return network.answer if isinstance(network, Weights) else partial(asked, network.model.predict_on_batch)


def seen(network: Network, image: Slice, upright: bool) -> Slice:
    """The image as the network sees it: lying, in a square of the network's size."""
    return to_square(image.T if upright else image, network.recipe.size)


def put_back(values: NDArray[np.float32], image: Slice, upright: bool) -> NDArray[np.float32]:
    """A map of what a network saw, (size, size), in the shape and the place of the image."""
    height, width = image.shape
    return from_square(values, (width, height)).T if upright else from_square(values, (height, width))


def outlined(prediction: Prediction) -> NDArray[np.uint8]:
    """The image in colour, (h, w, 3), red first, with the contour of the mask."""
    picture = np.repeat(prediction.image[..., np.newaxis], 3, axis=-1)
    mask = prediction.mask.astype(np.uint8)
    contours = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
    cv2.drawContours(picture, contours, -1, OUTLINE, max(1, max(mask.shape) // 160))
    return picture


def answer_files(folder: Path, name: str) -> dict[str, Path]:
    """Where the answer to an image of a name is written, by ``mask`` and ``outline``."""
    return {kind: folder / f"{name}-{kind}.png" for kind in ("mask", "outline")}


def write_prediction(prediction: Prediction, folder: Path, name: str) -> dict[str, Path]:
    """Write the :func:`answer_files`, mask (0 and 255) and outline, both of the image's size; returns their paths."""
    paths = answer_files(folder, name)
    pictures = {"mask": np.where(prediction.mask, 255, 0).astype(np.uint8), "outline": outlined(prediction)}
    for kind, picture in pictures.items():
        write_whole(paths[kind], png(picture))
    return paths


def of_known_patients(network: Network, images: Sequence[Path]) -> Iterator[str]:
    """Say of how many images a shipped network has learnt from the patient, by their names, which the study gave them.

    >>> from brainseg.app.weights import shipped
    >>> list(of_known_patients(shipped("deeplab"), [Path("16_jpg.rf.0f.jpg"), Path("head.png")]))
    ['1 of 2 images is named like those of patients whom this network has learnt from: there, it answers too well.']
    >>> list(of_known_patients(shipped("deeplab"), [Path("head.png")]))
    []
    """
    numbers = [int(match.group(1)) for path in images if (match := STUDY_NAME.match(path.name))]
    if isinstance(network, Weights) and (known := len(network.known.intersection(numbers))):
        yield (
            f"{known} of {len(images)} images {'is' if known == 1 else 'are'} named like those of patients whom this "
            "network has learnt from: there, it answers too well."
        )


def names(images: Sequence[Path]) -> list[str]:
    """What to call the answers to image files: their names without the ending.

    Raises:
        BrainsegError: If two would be called the same.

    >>> names([Path("a/head.nii.gz"), Path("b/1000_jpg.rf.17.jpg")])
    ['head', '1000_jpg.rf.17']
    """
    stems = [path.stem.removesuffix(".nii") for path in images]
    if twice := sorted(stem for stem, times in Counter(stems).items() if times > 1):
        raise BrainsegError(
            f"received several images called {', '.join(twice)}, expected names that differ: give each another -o"
        )
    return stems
