"""The Kaggle data set as Roboflow exported it: one folder and one COCO file per split; and other sets in that format.

Images and annotations can be paired in two ways. :func:`pair_by_id` follows the COCO format.
:func:`pair_by_position` walks both lists side by side, as the published notebook does, and
:func:`published_mask` repeats that notebook's steps from polygon to binary mask.
"""

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from brainseg.data.outside import SIDE, TEXT, read_bytes, readable
from brainseg.data.pictures import decoded, header
from brainseg.data.schema import read_json, require
from brainseg.errors import BrainsegError
from brainseg.opencv import cv2

SPLITS = ("train", "valid", "test")
FOLDER = "tumorseg-coco"
ANNOTATIONS = "_annotations.coco.json"

SCHEMA = yaml.safe_load(Path(__file__).with_name("coco.schema.yml").read_text(encoding="utf-8"))
PLAIN_NAME = {"pattern": r"^(?![.])[^/\\\x00-\x1f\x7f]+$", "description": "a plain name, such as scan-1.png"}
ANY = copy.deepcopy(SCHEMA)
"""The same for a data set whose images have other names."""
ANY["properties"]["images"]["items"]["properties"]["file_name"] |= PLAIN_NAME
AGAIN = "get the data set again"

REACH: Final = 4 * SIDE
"""Pixels from the corner of an image that a point of an outline may lie, at most."""

LENGTH: Final = 64 * SIDE
"""Pixels that an outline may be long, at most."""

RunLengths = dict[str, Any]
"""A mask as pycocotools' compressed run lengths."""

_INSTANCES = "instances_"
KINDS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".bmp": "BMP"}
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
        rle: COCO run-length encoding, its ``counts`` as numbers.
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
        return dict(coco_mask.frPyObjects(self.rle, height, width))


@dataclass(frozen=True)
class Image:
    """One image file of a split; ``number`` is the slice number that its name starts with, -1 if with none."""

    id: int
    path: Path
    number: int
    height: int
    width: int

    def read(self) -> NDArray[np.uint8]:
        """Grey values, equal to each of the three channels that ``cv2.imread`` returns; refuses any other image."""
        grey, *others = cv2.split(self.colours())
        if not all(np.array_equal(grey, other) for other in others):
            raise BrainsegError(f"{self.path} is a coloured image, expected a grey one: {AGAIN}")
        return np.asarray(grey, np.uint8)

    def colours(self) -> NDArray[np.uint8]:
        """Values (height, width, 3) as ``cv2.imread`` returns them; refuses an image of another size than listed."""
        content = read_bytes(self.path)
        about = header(content, self.path)
        if (about.height, about.width) != (self.height, self.width):
            raise BrainsegError(
                f"{self.path} has height and width {[about.height, about.width]}, its annotation file says "
                f"{[self.height, self.width]}: correct the file, or get the image again"
            )
        if about.kind != KINDS.get(self.path.suffix.lower(), about.kind):
            raise BrainsegError(f"{self.path} is a {about.kind} picture, not what its name says: get it again")
        if about.bits != 8 or about.channels not in (1, 3):
            raise BrainsegError(
                f"{self.path} has {about.channels} values of {about.bits} bits per pixel, expected 1 or 3 of 8: "
                "save it so"
            )
        if about.orientation != 1:
            raise BrainsegError(
                f"{self.path} is to be turned (EXIF orientation {about.orientation}), and its labels are not: "
                "save it without that entry"
            )
        return np.asarray(decoded(content, self.path, cv2.IMREAD_COLOR), np.uint8)


@dataclass(frozen=True)
class Split:
    """Images and annotations of one split, both in the order of the file; names of categories by their ids."""

    name: str
    images: tuple[Image, ...]
    annotations: tuple[Annotation, ...]
    named: dict[int, str]

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the categories, in the order of the file."""
        return tuple(self.named.values())

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


def read_splits(folder: Path) -> dict[str, Split]:
    """Read the splits of any data set in COCO format, those for training first.

    Args:
        folder: With ``SPLIT/_annotations.coco.json`` and images beside it, as Roboflow exports them; or with
            ``annotations/instances_SPLIT.json``, and images in ``SPLIT``, ``images/SPLIT`` or ``images``.
    """
    found = {path.parent.name: (path, [path.parent]) for path in folder.glob(f"*/{ANNOTATIONS}")}
    for path in folder.glob(f"annotations/{_INSTANCES}*.json"):
        name = path.stem.removeprefix(_INSTANCES)
        found[name] = (path, [folder / name, folder / "images" / name, folder / "images"])
    if not found:
        raise BrainsegError(
            f"{folder} has no annotation file, expected SPLIT/{ANNOTATIONS}, or annotations/{_INSTANCES}SPLIT.json: "
            "name the folder of a data set in COCO format"
        )
    splits = {}
    for name in sorted(found, key=_order):
        path, places = found[name]
        images = next((place for place in places if place.is_dir()), places[0])
        splits[name] = _read_split(name, path, images, ANY)
    return splits


def _order(split: str) -> tuple[int, str]:
    """Training, validation and test before others."""
    first = [place for place, start in enumerate(("train", "val", "test")) if split.lower().startswith(start)]
    return (*first, 3)[0], split


def read_split(folder: Path) -> Split:
    """Read one split: ``_annotations.coco.json`` and the names of the images beside it, which all must be there."""
    return _read_split(folder.name, folder / ANNOTATIONS, folder, SCHEMA)


def _read_split(name: str, path: Path, folder: Path, schema: dict[str, Any]) -> Split:
    content = read_annotations(path, schema, AGAIN)
    categories = {c["id"]: c["name"] for c in content["categories"]}
    images = tuple(_image(entry, folder) for entry in content["images"])
    _require_files(images, folder)
    _require_ids(images, content["annotations"], categories, path)
    sizes = {image.id: (image.height, image.width) for image in images}
    annotations = tuple(_annotation(entry, categories, sizes[entry["image_id"]]) for entry in content["annotations"])
    return Split(name, images, annotations, categories)


def read_annotations(path: Path, schema: dict[str, Any], instead: str) -> Any:
    """Read a COCO file that must fit a schema; ``instead`` says what to do with one that does not."""
    if not path.exists():
        raise BrainsegError(
            f"{path} does not exist: name the folder of a data set, or make one with 'brainseg data fetch' "
            "or 'brainseg data make-phantom'"
        )
    content = read_json(read_bytes(path, TEXT), path, instead)
    require(content, schema, f"{path}, which should be {schema['description']}")
    return content


def _image(entry: dict[str, Any], folder: Path) -> Image:
    name = entry["file_name"]
    (number,) = re.findall("^[0-9]{1,9}(?![0-9])", name) or [-1]
    return Image(entry["id"], folder / name, int(number), entry["height"], entry["width"])


def _annotation(entry: dict[str, Any], categories: dict[int, str], size: tuple[int, int]) -> Annotation:
    segmentation, what = entry["segmentation"], f"annotation {entry['id']}"
    encoded = isinstance(segmentation, dict)
    x, y, width, height = map(float, entry["bbox"])
    return Annotation(
        id=entry["id"],
        image_id=entry["image_id"],
        category=categories[entry["category_id"]],
        bbox=(x, y, width, height),
        polygons=() if encoded else tuple(outline(points, what) for points in segmentation),
        rle=_run_lengths(segmentation, what, size) if encoded else None,
        area=float(entry["area"]),
    )


def outline(points: Any, what: str) -> NDArray[np.float64]:
    """A list x, y, x, y, … as points (k, 2), if they are an outline: three or more, near the image, not endless.

    >>> outline([0, 0, 4, 0, 4, 3], "border 1").shape
    (3, 2)
    >>> outline([0, 0, 4, 0, 4, float("nan")], "border 1")
    Traceback (most recent call last):
    brainseg.errors.BrainsegError: border 1 is no outline: expected 3 points x, y or more, within 16384 pixels
    """
    try:
        numbers = np.asarray(points)
    except ValueError:  # lists of different lengths
        numbers = np.array(None)
    if (
        numbers.dtype.kind not in "iuf"
        or numbers.ndim != 1
        or numbers.size % 2
        or numbers.size < 6
        or not (np.abs(numbers.astype(np.float64)) <= REACH).all()
    ):
        raise BrainsegError(f"{what} is no outline: expected 3 points x, y or more, within {REACH} pixels")
    found = numbers.astype(np.float64).reshape(-1, 2)
    if (length := np.abs(np.diff(found, axis=0)).max(axis=1).sum()) > LENGTH:
        raise BrainsegError(f"{what} is {length:.0f} pixels long, expected at most {LENGTH}: draw it with fewer points")
    return found


def _run_lengths(rle: dict[str, Any], what: str, size: tuple[int, int]) -> RunLengths:
    """A run-length encoding with its runs as numbers, if they are whole ones that fill the image."""
    counts = _uncompressed(rle["counts"]) if isinstance(rle["counts"], str) else rle["counts"]
    if tuple(rle["size"]) != size:
        raise BrainsegError(
            f"{what} is run-length encoded for height and width {rle['size']}, its image has {list(size)}: "
            "correct the annotation file"
        )
    if not all(type(run) is int and run >= 0 for run in counts) or sum(counts) != size[0] * size[1]:
        raise BrainsegError(
            f"{what} has runs that do not fill its image of {size[0]} × {size[1]} pixels: correct the annotation file"
        )
    return {"size": list(size), "counts": counts}


def _uncompressed(text: str) -> list[int]:
    """The runs that pycocotools' compression stands for: six bits a character, from the fourth run on differences."""
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32 == 0:
            value -= (bits & 16) << (shift - 4)
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
        if not 0 <= bits < 64 or shift > 60:
            return []
    return runs


def _require_files(images: tuple[Image, ...], folder: Path) -> None:
    with readable(folder):
        present = {entry.name for entry in folder.iterdir()}
    missing = [image.path.name for image in images if image.path.name not in present]
    if missing:
        raise BrainsegError(
            f"{folder} lacks {len(missing)} of {len(images)} images, the first is {missing[0]}: get the data set again"
        )


def _require_ids(
    images: tuple[Image, ...], annotations: list[dict[str, Any]], categories: dict[int, str], path: Path
) -> None:
    ids = {image.id for image in images}
    if len(ids) < len(images):
        raise BrainsegError(f"{path} uses an image id twice: every image needs an id of its own")
    for annotation in annotations:
        for kind, among in (("image", ids), ("category", categories)):
            if (received := annotation[f"{kind}_id"]) not in among:
                raise BrainsegError(
                    f"annotation {annotation['id']} in {path} belongs to {kind} id {received}, "
                    f"which is not in the file: {AGAIN}"
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
    with a 5x5 square; values / 255 > 0.5. (The study closes training labels after the threshold, which gives the same,
    and never runs its code for test labels.)

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
    parts = coco_mask.frPyObjects([outline(np.ravel(p), "a region").ravel().tolist() for p in polygons], height, width)
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
