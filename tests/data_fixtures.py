"""Small data sets in the layout of the real one, written by the tests that read them."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

CATEGORIES = [{"id": 0, "name": "Tumor"}, {"id": 1, "name": "0"}, {"id": 2, "name": "1"}]
TYPES = ("meningioma", "glioma", "pituitary tumor")


def box(x: float, y: float, width: float, height: float) -> list[float]:
    """A closed rectangle as Roboflow writes it: five points, starting at the upper right."""
    return [x + width, y, x, y, x, y + height, x + width, y + height, x + width, y]


@dataclass
class Slice:
    """An image to write, and the COCO segmentations of its annotations."""

    number: int
    segmentations: list[Any] = field(default_factory=lambda: [[box(20, 30, 40, 50)]])
    category_id: int = 1
    height: int = 160
    width: int = 160
    seed: int | None = None

    @property
    def file_name(self) -> str:
        return f"{self.number}_jpg.rf.{self.number:032x}.jpg"


def pixels(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    """Grey texture with edges, so that a wrong decoding or resizing shows."""
    noise = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8), np.uint8)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def write_split(folder: Path, slices: list[Slice], bom: bool = False) -> None:
    """Write images and ``_annotations.coco.json`` of one split."""
    folder.mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, item in enumerate(slices):
        seed = item.number if item.seed is None else item.seed
        cv2.imwrite(str(folder / item.file_name), pixels(seed, item.height, item.width))
        images.append({"id": image_id, "file_name": item.file_name, "height": item.height, "width": item.width})
        annotations += [
            {
                "id": len(annotations) + i,
                "image_id": image_id,
                "category_id": item.category_id,
                "bbox": bounding_box(segmentation),
                "area": 100.0,
                "segmentation": segmentation,
                "iscrowd": 0,
            }
            for i, segmentation in enumerate(item.segmentations)
        ]
    content = {"categories": CATEGORIES, "images": images, "annotations": annotations}
    text = json.dumps(content)
    (folder / "_annotations.coco.json").write_text(text, encoding="utf-8-sig" if bom else "utf-8")


def bounding_box(segmentation: Any) -> list[float]:
    """Extent of all polygons; of a run-length encoding, the whole frame."""
    if isinstance(segmentation, dict):
        height, width = segmentation["size"]
        return [0, 0, width, height]
    points = np.concatenate([np.reshape(p, (-1, 2)) for p in segmentation])
    return [*points.min(axis=0).tolist(), *np.ptp(points, axis=0).tolist()]


@dataclass
class Outline:
    """A border to write: points in Cheng's frame, type 0, 1 or 2 of ``TYPES``."""

    number: int
    points: list[float]
    patient_id: str = "100360"
    tumour_type: int = 0
    width: int = 512


def write_borders(root: Path, outlines: list[Outline]) -> None:
    """Write ``cheng2017/annotations.coco.json``."""
    content = {
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(TYPES)],
        "images": [
            {
                "id": o.number,
                "file_name": f"{o.number}.mat",
                "width": o.width,
                "height": o.width,
                "patient_id": o.patient_id,
            }
            for o in outlines
        ],
        "annotations": [
            {"id": o.number, "image_id": o.number, "category_id": o.tumour_type + 1, "segmentation": [o.points]}
            for o in outlines
        ],
    }
    (root / "cheng2017").mkdir(parents=True, exist_ok=True)
    (root / "cheng2017" / "annotations.coco.json").write_text(json.dumps(content))


def write_dataset(root: Path) -> Path:
    """Write a data set with the quirks of the real one: in the training list, image 12 has two annotations and image
    14 none, so that the published pairing slips between them; patient 500 is in every split; 31 is 256 wide.
    """
    train = [
        Slice(11, [[box(20.7, 30.2, 61.3, 52.9)]]),
        Slice(12, [[box(40, 40, 50, 50)], [box(100.5, 90.25, 40, 30)]]),
        Slice(13, [[[30.6, 30.9, 120.2, 45.7, 80.1, 130.4]]], category_id=2),
        Slice(14, []),
        Slice(15, [[box(60, 20, 70, 90)]]),
    ]
    write_split(root / "tumorseg-coco" / "train", train)
    write_split(root / "tumorseg-coco" / "valid", [Slice(21), Slice(22, [[box(10, 90, 100, 40)]], 2)])
    write_split(root / "tumorseg-coco" / "test", [Slice(31, [[box(33.3, 44.4, 55.5, 66.6)]]), Slice(32)])
    # Boxes are in 160 pixels: a border at x, y in Cheng's 512 lies at y, x, times 160 / 512.
    square = [96.0, 64.0, 256.0, 64.0, 256.0, 192.0, 96.0, 192.0]
    write_borders(
        root,
        [
            Outline(11, square, "100", 0),
            Outline(12, square, "100", 0),
            Outline(13, square, "200", 1),
            Outline(14, square, "500B", 1),
            Outline(15, square, "300", 2),
            Outline(21, square, "500", 1),
            Outline(22, square, "600", 2),
            Outline(31, [v / 2 for v in square], "500C", 1, width=256),
            Outline(32, square, "700", 0),
        ],
    )
    return root


def write_bordered(root: Path, patients_of_type: int = 4, slices: int = 4) -> Path:
    """Write a data set with true borders and as many patients of each type of tumour, all in the training list."""
    outline = [128.0, 256.0, 256.0, 384.0, 384.0, 256.0, 256.0, 128.0]
    outlines = [
        Outline(1 + slices * patient + slice_, outline, str(100 + patient), patient % 3)
        for patient in range(3 * patients_of_type)
        for slice_ in range(slices)
    ]
    write_split(root / "tumorseg-coco" / "train", [Slice(one.number) for one in outlines])
    for name in ("valid", "test"):
        write_split(root / "tumorseg-coco" / name, [])
    write_borders(root, outlines)
    return root
