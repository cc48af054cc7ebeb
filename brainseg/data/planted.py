"""A second data set, made of the first: true outlines, plain COCO, other names, and faults that are planted in it."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainseg.data.cheng import read_borders
from brainseg.data.coco import enclosed_area, read_dataset
from brainseg.data.outside import make_folder
from brainseg.errors import BrainsegError, known
from brainseg.opencv import cv2

FAULTS: Final = {
    "unlabelled": "two images of training have no annotation",
    "shrunk": "the images of tuning were made half as large, and the annotation file was not changed",
    "patient": "two slices of a patient of training lie in holdout",
    "copies": "three images of training lie in holdout again, mirrored or brighter, as slices of somebody else",
    "ids": "in holdout two categories have each other's id",
}
"""What can be planted."""

CATEGORIES: Final = {1: "meningioma", 2: "glioma", 3: "pituitary"}
PATIENTS: Final = {"training": 2, "tuning": 1, "holdout": 1}
"""Patients of each type of tumour in each split."""

SLICES: Final = 8
"""Of a patient, at most; and at least half as many."""


@dataclass(frozen=True, eq=False)
class Picture:
    """An image of the second data set: whom it shows, what it shows, and what is drawn on it."""

    split: str
    patient: str
    number: int
    pixels: NDArray[np.uint8]
    category: str
    outline: NDArray[np.float64]

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.patient}-{self.number:02d}.png"


def plant(source: Path, root: Path, faults: Collection[str] = tuple(FAULTS), seed: int = 0) -> pd.DataFrame:
    """Write a small data set of patients of another one, with the tumours' borders as labels, and faults.

    Whole patients are in a split, and a file is named after its patient. The layout is COCO's own:
    ``annotations/instances_SPLIT.json`` and ``images/SPLIT``, with splits training, tuning and holdout.

    Args:
        source: Folder of the phantom, or of the study's data set with Cheng's borders.
        root: Folder to make.
        faults: Of :data:`FAULTS`; none for a data set without any.
        seed: Decides which images have the faults.

    Returns:
        What was planted: ``fault``, ``split`` and ``name`` of an image or category, one row for each.

    Raises:
        BrainsegError: If there is no such fault, the folder exists, or the data set has too few patients.
    """
    for fault in faults:
        known(fault, FAULTS, "fault")
    if root.exists():
        raise BrainsegError(f"{root} exists: name another folder, or remove it")
    pictures, rng = _chosen(source), np.random.default_rng(seed)
    planted: list[tuple[str, str, str]] = []
    training = [one for one in pictures if one.split == "training"]
    moving = training[-1].patient
    picked = [training[i] for i in rng.permutation(len(training)) if training[i].patient != moving]
    unlabelled = {one.name for one in picked[:2]} if "unlabelled" in faults else set()
    planted += [("unlabelled", "training", name) for name in sorted(unlabelled)]
    if "patient" in faults:
        moved = {one.name for one in training[-2:]}
        pictures = [replace(one, split="holdout") if one.name in moved else one for one in pictures]
        planted += [("patient", "holdout", name) for name in sorted(moved)]
    if "copies" in faults:
        copies = _copies(picked[2:5], pictures[-1].patient)
        pictures += copies
        planted += [("copies", "holdout", one.name) for one in copies]
    if "ids" in faults:
        planted += [("ids", "holdout", CATEGORIES[number]) for number in (1, 2)]
    for split in PATIENTS:
        listed = sorted((one for one in pictures if one.split == split), key=lambda one: one.name)
        swapped = "ids" in faults and split == "holdout"
        names = {2: CATEGORIES[1], 1: CATEGORIES[2], 3: CATEGORIES[3]} if swapped else CATEGORIES
        shrunk = "shrunk" in faults and split == "tuning"
        planted += [("shrunk", split, one.name) for one in listed if shrunk]
        _write(root, split, listed, names, unlabelled, 2 if shrunk else 1)
    return pd.DataFrame(planted, columns=["fault", "split", "name"])


def _chosen(source: Path) -> list[Picture]:
    """Patients of each type in turn, so that every split has all types, in the order of the splits."""
    borders = read_borders(source)
    images = {image.number: image for split in read_dataset(source).values() for image in split.images}
    slices: dict[tuple[str, str], list[int]] = {}
    for number in sorted(images.keys() & borders.keys()):
        slices.setdefault((borders[number].tumour_type, borders[number].patient), []).append(number)
    pictures, patients = [], 0
    places = [split for split, patients_of_type in PATIENTS.items() for _ in range(patients_of_type)]
    enough = {
        kind: [
            numbers for (other, _), numbers in sorted(slices.items()) if other == kind and 2 * len(numbers) >= SLICES
        ]
        for kind in CATEGORIES.values()
    }
    if lacking := [kind for kind, found in enough.items() if len(found) < len(places)]:
        raise BrainsegError(
            f"{source} has too few patients with {lacking[0]}, expected {len(places)} with {SLICES // 2} slices or more"
        )
    for place, split in enumerate(places):
        for kind in CATEGORIES.values():
            patients += 1
            for number, slice_number in enumerate(enough[kind][place][:SLICES], start=1):
                image, border = images[slice_number], borders[slice_number]
                outline = np.clip(border.points(image.height, image.width), 0, (image.width, image.height))
                pictures.append(Picture(split, f"P{patients:02d}", number, image.read(), kind, outline))
    return pictures


def _copies(originals: Iterable[Picture], patient: str) -> list[Picture]:
    """The same mirrored, brighter, and both, as slices of another patient."""
    copies = []
    for number, one in enumerate(originals):
        pixels, outline = one.pixels, one.outline
        if number != 1:
            pixels, outline = pixels[:, ::-1], np.abs(outline - (pixels.shape[1], 0))
        if number != 0:
            pixels = np.asarray(cv2.convertScaleAbs(pixels, alpha=1.2, beta=10), np.uint8)
        copies.append(Picture("holdout", patient, SLICES + 1 + number, pixels, one.category, outline))
    return copies


def _write(
    root: Path,
    split: str,
    pictures: list[Picture],
    names: dict[int, str],
    unlabelled: Collection[str],
    shrunk: int,
) -> None:
    folder = root / "images" / split
    make_folder(folder)
    ids = {name: number for number, name in names.items()}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, one in enumerate(pictures, start=1):
        height, width = one.pixels.shape
        pixels = cv2.resize(one.pixels, (width // shrunk, height // shrunk), interpolation=cv2.INTER_AREA)
        (folder / one.name).write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
        images.append({"id": number, "file_name": one.name, "height": height, "width": width})
        if one.name not in unlabelled:
            points = one.outline.round(2)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": ids[one.category],
                    "bbox": [*points.min(axis=0).tolist(), *np.ptp(points, axis=0).tolist()],
                    "area": enclosed_area(points),
                    "segmentation": [points.ravel().tolist()],
                    "iscrowd": 0,
                }
            )
    categories = [{"id": number, "name": name} for number, name in names.items()]
    content = {"categories": categories, "images": images, "annotations": annotations}
    path = root / "annotations" / f"instances_{split}.json"
    make_folder(path.parent)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
