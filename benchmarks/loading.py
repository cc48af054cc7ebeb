"""From the files of a data set to arrays of 64 × 64 pixels: this package, and the loop of the study's notebook.

The images are the phantom's. The package prepares three kinds of mask, a table and a fingerprint of all files, once;
the loop makes one kind of mask, anew at every start.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import ROOT, Race, Side, Work

SIZE = 64
PREPARED = ROOT / "build" / "benchmarks" / "prepared"


def races() -> list[Race]:
    """The first start with a data set, and every later one."""
    return [race("first start", "first_start"), race("every later start", "later_start")]


def smoke_races() -> list[Race]:
    """A later start."""
    return [race("every later start", "later_start", rounds=3)]


def race(work: str, start: str, rounds: int = 5) -> Race:
    """One kind of start."""
    from brainseg.data.dataset import open_dataset

    root = {"root": str(open_dataset("phantom").root)}
    loop = Side("the study’s loop", "loading:study_loop", root)
    return Race("loading", work, Side("brainseg", f"loading:{start}", root), (loop,), rounds=rounds)


def first_start(root: str) -> Work:
    """Prepare, with nothing prepared before."""
    from brainseg.data.prepare import prepare

    def arrays() -> Any:
        shutil.rmtree(PREPARED, ignore_errors=True)
        return _summary(prepare(Path(root), SIZE, PREPARED))

    return arrays


def later_start(root: str) -> Work:
    """Find that the files have not changed, open what is prepared, and read all of it."""
    from brainseg.data.prepare import prepare

    return lambda: _summary(prepare(Path(root), SIZE, PREPARED))


def study_loop(root: str) -> Work:
    """What the published notebook does: image k gets annotation k, through a JPEG file; lists become arrays."""
    import cv2

    from brainseg.data.coco import SPLITS

    closing = {
        "train": cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)),
        "test": np.ones((5, 5), np.uint8),
    }

    def arrays() -> Any:
        images, masks = [], []
        for split in SPLITS:
            for path, polygon in _published_pairs(Path(root) / "tumorseg-coco" / split):
                image: Any = cv2.imread(str(path))
                images.append(cv2.resize(image, (SIZE, SIZE)).astype(np.float32) / 255)
                filled = np.zeros(image.shape[:2], np.uint8)
                cv2.fillPoly(filled, [np.array(polygon).reshape(-1, 2).astype(np.int32)], 255)
                PREPARED.parent.mkdir(parents=True, exist_ok=True)
                stored = str(PREPARED.with_name("mask.jpg"))
                cv2.imwrite(stored, filled)
                read: Any = cv2.imread(stored, cv2.IMREAD_GRAYSCALE)
                mask = cv2.resize(read, (SIZE, SIZE))
                if split in closing:
                    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, closing[split])
                masks.append((mask / 255 > 0.5).astype(np.float32))
        return [np.mean(np.array(images)), np.mean(np.array(masks))]

    return arrays


def _published_pairs(folder: Path) -> list[tuple[Path, list[float]]]:
    content = json.loads((folder / "_annotations.coco.json").read_text())
    pairs = zip(content["images"], content["annotations"], strict=False)
    return [(folder / image["file_name"], annotation["segmentation"][0]) for image, annotation in pairs]


def _summary(prepared: Any) -> list[float]:
    """Means of the images and of the published masks: the answer."""
    from brainseg.models import as_input

    return [float(as_input(prepared.images).mean()), float(prepared.masks["position"].mean())]
