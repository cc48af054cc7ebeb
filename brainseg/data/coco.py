"""The Kaggle data set as Roboflow exported it: one folder and one COCO file per split.

Images and annotations can be paired in two ways. :func:`pair_by_id` follows the COCO format.
:func:`pair_by_position` walks both lists side by side, as the published notebook does, and
:func:`published_mask` repeats that notebook's steps from polygon to binary mask.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from brainseg.errors import BrainsegError
from brainseg.opencv import cv2

SPLITS = ("train", "valid", "test")
FOLDER = "tumorseg-coco"
ANNOTATIONS = "_annotations.coco.json"

RunLengths = dict[str, Any]
"""A mask as pycocotools' compressed run lengths."""

_CLOSING = {
    "train": cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)),
    "test": np.ones((5, 5), np.uint8),
}


@dataclass(frozen=True, eq=False)
class Annotation:
    """One labelled region of one image.

    Attributes:
        id, image_id: As in the file.
        category: Name of the category.
        bbox: x, y, width and height in pixels, as in the file.
        polygons (tuple of ndarray, each (k, 2)): Outlines as x, y in pixels of the image; empty where the region is
            run-length encoded.
        rle: COCO run-length encoding, compressed or not.
        area: In square pixels, as in the file.
    """

    id: int
    image_id: int
    category: str
    bbox: tuple[float, float, float, float]
    polygons: tuple[NDArray[np.float64], ...]
    rle: RunLengths | None
    area: float

    def encoded(self, height: int, width: int) -> RunLengths:
        """The region in its image: the union of all polygons, or the run-length encoding.

        >>> square = np.array([[1, 1], [3, 1], [3, 3], [1, 3]], float)
        >>> decode(Annotation(0, 0, "Tumor", (1, 1, 2, 2), (square,), None, 4).encoded(4, 4)).astype(int)
        array([[0, 0, 0, 0],
               [0, 1, 1, 0],
               [0, 1, 1, 0],
               [0, 0, 0, 0]])
        """
        if self.rle is None:
            return encode(self.polygons, height, width)
        if tuple(self.rle["size"]) != (height, width):
            raise BrainsegError(
                f"annotation {self.id} is run-length encoded for height and width {self.rle['size']}, "
                f"its image has {[height, width]}: correct the annotation file"
            )
        if isinstance(self.rle["counts"], list):
            return dict(coco_mask.frPyObjects(self.rle, height, width))
        return self.rle


@dataclass(frozen=True)
class Image:
    """One image file of a split; ``number`` is the slice number that its name starts with."""

    id: int
    path: Path
    number: int
    height: int
    width: int

    def read(self) -> NDArray[np.uint8]:
        """Grey values, equal to each of the three channels that ``cv2.imread`` returns; refuses any other image."""
        pixels = cv2.imread(str(self.path), cv2.IMREAD_COLOR)
        if pixels is None:
            raise BrainsegError(f"{self.path} cannot be decoded as an image: fetch the data set again")
        grey, *others = cv2.split(pixels)
        if not all(np.array_equal(grey, other) for other in others):
            raise BrainsegError(f"{self.path} is a coloured image, expected a grey one: fetch the data set again")
        if grey.shape != (self.height, self.width):
            raise BrainsegError(
                f"{self.path} has height and width {list(grey.shape)}, its annotation file says "
                f"{[self.height, self.width]}: fetch the data set again"
            )
        return np.asarray(grey, np.uint8)


@dataclass(frozen=True)
class Split:
    """Images and annotations of one split, both in the order of the file."""

    name: str
    images: tuple[Image, ...]
    annotations: tuple[Annotation, ...]
    categories: tuple[str, ...]

    @cached_property
    def _by_image(self) -> dict[int, tuple[Annotation, ...]]:
        found: dict[int, tuple[Annotation, ...]] = {}
        for annotation in self.annotations:
            found[annotation.image_id] = (*found.get(annotation.image_id, ()), annotation)
        return found

    def annotations_of(self, image: Image) -> tuple[Annotation, ...]:
        """All annotations that carry the image's id, in file order."""
        return self._by_image.get(image.id, ())


def read_dataset(root: Path) -> dict[str, Split]:
    """Read the splits ``train``, ``valid`` and ``test`` of ``root/tumorseg-coco``."""
    return {name: read_split(root / FOLDER / name) for name in SPLITS}


def read_split(folder: Path) -> Split:
    """Read one split: ``_annotations.coco.json`` and the names of the images beside it, which all must be there."""
    path = folder / ANNOTATIONS
    content = read_json(path)
    try:
        categories = {int(c["id"]): str(c["name"]) for c in content["categories"]}
        images = tuple(_image(entry, folder) for entry in content["images"])
        annotations = tuple(_annotation(entry, categories) for entry in content["annotations"])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BrainsegError(
            f"{path} is not a COCO annotation file ({type(error).__name__}: {error}): fetch the data set again"
        ) from error
    _require_files(images, folder)
    _require_image_ids(images, annotations, path)
    return Split(folder.name, images, annotations, tuple(categories.values()))


def read_json(path: Path) -> Any:
    """Read a JSON file in UTF-8, with or without byte order mark."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise BrainsegError(
            f"{path} does not exist: name the folder of a data set, or make one with 'brainseg data fetch' "
            "or 'brainseg data make-phantom'"
        ) from error
    except ValueError as error:
        raise BrainsegError(f"{path} is not valid JSON ({error}): fetch the data set again") from error


def _image(entry: dict[str, Any], folder: Path) -> Image:
    name = str(entry["file_name"])
    number = re.match(r"\d+", name)
    if number is None:
        raise BrainsegError(f"image {name} in {folder} has no slice number: expected a name like '1000_jpg.rf.….jpg'")
    return Image(int(entry["id"]), folder / name, int(number[0]), int(entry["height"]), int(entry["width"]))


def _annotation(entry: dict[str, Any], categories: dict[int, str]) -> Annotation:
    segmentation = entry["segmentation"]
    encoded = isinstance(segmentation, dict)
    polygons = () if encoded else tuple(np.array(p, np.float64).reshape(-1, 2) for p in segmentation)
    if not encoded and not polygons:
        raise ValueError(f"annotation {entry['id']} has neither polygon nor run-length encoding")
    x, y, width, height = (float(v) for v in entry["bbox"])
    return Annotation(
        id=int(entry["id"]),
        image_id=int(entry["image_id"]),
        category=categories[int(entry["category_id"])],
        bbox=(x, y, width, height),
        polygons=polygons,
        rle=segmentation if encoded else None,
        area=float(entry["area"]),
    )


def _require_files(images: tuple[Image, ...], folder: Path) -> None:
    present = {entry.name for entry in folder.iterdir()}
    missing = [image.path.name for image in images if image.path.name not in present]
    if missing:
        raise BrainsegError(
            f"{folder} lacks {len(missing)} of {len(images)} images, the first is {missing[0]}: "
            "fetch the data set again"
        )


def _require_image_ids(images: tuple[Image, ...], annotations: tuple[Annotation, ...], path: Path) -> None:
    ids = {image.id for image in images}
    if len(ids) < len(images):
        raise BrainsegError(f"{path} uses an image id twice: every image needs an id of its own")
    for annotation in annotations:
        if annotation.image_id not in ids:
            raise BrainsegError(
                f"annotation {annotation.id} in {path} belongs to image id {annotation.image_id}, "
                "which is not in the file: fetch the data set again"
            )


def pair_by_id(split: Split) -> list[tuple[Image, tuple[Annotation, ...]]]:
    """Pair every image with the annotations that carry its id: none, one or several."""
    return [(image, split.annotations_of(image)) for image in split.images]


def pair_by_position(split: Split) -> list[tuple[Image, Annotation | None]]:
    """Pair image k with annotation k of the list, as the published notebook does.

    The notebook walks ``zip(images, annotations)``: annotations beyond the number of images are dropped, and
    images beyond the number of annotations get no mask, here None.
    """
    padding = [None] * (len(split.images) - len(split.annotations))
    return list(zip(split.images, [*split.annotations, *padding], strict=False))


def published_mask(annotation: Annotation, image: Image, size: int, split: str) -> NDArray[np.bool_]:
    """Make the mask that the published notebook makes of an annotation, step by step.

    The first polygon only, truncated to integers and filled with 255 at the size of the image; through a JPEG
    file and back; bilinear resize; in the training split a closing with a 5x5 ellipse, in the test split one
    with a 5x5 square; values / 255 > 0.5.

    Args:
        annotation: The one that the notebook pairs with the image.
        image: Its size is the size at which the polygon is filled.
        size: Side of the mask in pixels.
        split: ``train``, ``valid`` or ``test``.

    Raises:
        BrainsegError: If the annotation is run-length encoded, which the published steps cannot read.
    """
    if not annotation.polygons:
        raise BrainsegError(
            f"annotation {annotation.id} is run-length encoded: the published protocol reads polygons only"
        )
    filled = np.zeros((image.height, image.width), np.uint8)
    cv2.fillPoly(filled, [annotation.polygons[0].astype(np.int32)], 255)
    mask = cv2.resize(_through_jpeg(filled), (size, size))
    if split in _CLOSING:
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, _CLOSING[split])
    return np.asarray(mask / 255.0 > 0.5)


def _through_jpeg(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What ``cv2.imread`` returns of a grey JPEG file that ``cv2.imwrite`` wrote."""
    _, encoded = cv2.imencode(".jpg", pixels)
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.uint8)


def union(annotations: Iterable[Annotation], image: Image) -> RunLengths:
    """Union of an image's annotations, one or more, at its full size."""
    return dict(coco_mask.merge([annotation.encoded(image.height, image.width) for annotation in annotations]))


def encode(polygons: Iterable[NDArray[np.float64]], height: int, width: int) -> RunLengths:
    """Fill polygons of x, y points, pixel (0, 0) covering [0, 1] x [0, 1]: their union."""
    parts = coco_mask.frPyObjects([np.ravel(p).tolist() for p in polygons], height, width)
    return dict(coco_mask.merge(parts))


def decode(encoded: RunLengths) -> NDArray[np.bool_]:
    """The mask, (height, width)."""
    return np.ascontiguousarray(coco_mask.decode(encoded), np.uint8).view(np.bool_)


def enclosed_area(polygon: NDArray[np.float64]) -> float:
    """Area inside a closed polygon of x, y points, by the shoelace formula.

    >>> enclosed_area(np.array([[0, 0], [4, 0], [4, 3]]))
    6.0
    """
    x, y = polygon.T
    return abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))) / 2


def resized(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """A grey image at (size, size), bilinearly, as the published notebook has it."""
    return np.asarray(cv2.resize(image, (size, size)), np.uint8)


def shrink(mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """Resize a mask to (size, size): a pixel is set if more than half of the area it covers is set.

    >>> shrink(np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0] * 4, [0] * 4], bool), 2).astype(int)
    array([[1, 0],
           [0, 0]])
    """
    return np.asarray(cv2.resize(mask.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA) > 0.5)
