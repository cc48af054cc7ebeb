"""Decode, pair and resize a data set once, into memory-mapped arrays and a table."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from filelock import FileLock
from numpy.typing import NDArray
from tqdm import tqdm

from brainseg.data.cheng import BORDERS, Border, read_borders
from brainseg.data.coco import (
    ANNOTATIONS,
    FOLDER,
    SPLITS,
    Annotation,
    Image,
    id_mask,
    pair_by_position,
    published_mask,
    read_dataset,
    resized,
    shrink,
)
from brainseg.data.prepared import MASKS, Prepared, open_prepared
from brainseg.errors import BrainsegError
from brainseg.fingerprint import code_fingerprint, source_files

__all__ = ["MASKS", "Prepared", "fingerprint", "prepare"]

_RACE = 2_000_000_000  # ns: a file changed this shortly before it was hashed may change again unnoticed


def prepare(root: Path, size: int, cache: Path, progress: bool = False) -> Prepared:
    """Prepare the data set at ``root``, or open what was prepared from the same files before.

    Images are resized once, bilinearly, as the published notebook does. The result appears in ``cache`` only
    when it is complete, and several processes may ask for it at once.

    Args:
        root: Folder with ``tumorseg-coco`` and ``cheng2017``.
        size: Side of the images and masks in pixels.
        cache: Folder for prepared data sets.
        progress: Whether to show a progress bar.

    Raises:
        BrainsegError: If a file of the data set is missing or unreadable.
    """
    cache.mkdir(parents=True, exist_ok=True)
    digest = fingerprint(root, cache)
    folder = cache / f"{digest}-{_steps()}-{size}"
    if not folder.exists():
        with FileLock(cache / f"{folder.name}.lock"):
            if not folder.exists():
                partial = cache / f"{folder.name}.partial"
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir()
                _write(root, size, partial, progress)
                partial.rename(folder)
    return open_prepared(folder, size, digest)


def fingerprint(root: Path, cache: Path) -> str:
    """Name the content of a data set's files: 16 hexadecimal digits that change whenever a file does.

    Digests of single files are kept in ``cache`` and used again while size and time of change stay the same.

    Raises:
        BrainsegError: If a split or the border file is missing.
    """
    memory = cache / f"digests-{_short(str(root.resolve()))}.json"
    known = json.loads(memory.read_text()) if memory.exists() else {}
    now = time.time_ns()
    digests: dict[str, str] = {}
    kept: dict[str, tuple[int, int, str]] = {}
    for name, path, stat in _inputs(root):
        size, changed, digest = known.get(name, (None, None, ""))
        if (size, changed) != (stat.st_size, stat.st_mtime_ns):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        digests[name] = digest
        if stat.st_mtime_ns < now - _RACE:
            kept[name] = (stat.st_size, stat.st_mtime_ns, digest)
    if {name: tuple(entry) for name, entry in known.items()} != kept:
        partial = memory.with_name(f"{memory.name}.{os.getpid()}")
        partial.write_text(json.dumps(kept))
        partial.replace(memory)
    return _short(json.dumps(digests, sort_keys=True))


def _inputs(root: Path) -> Iterator[tuple[str, Path, os.stat_result]]:
    for folder in (*(Path(FOLDER, split) for split in SPLITS), BORDERS.parent):
        names = {ANNOTATIONS} if folder != BORDERS.parent else {BORDERS.name}
        if not (root / folder).is_dir():
            raise BrainsegError(
                f"{root} has no folder {folder}: name the folder of a data set, or make one with "
                "'brainseg data fetch' or 'brainseg data make-phantom'"
            )
        with os.scandir(root / folder) as entries:
            for entry in sorted(entries, key=lambda e: e.name):
                if entry.name in names or entry.name.endswith(".jpg"):
                    yield str(folder / entry.name), Path(entry.path), entry.stat()


def _steps() -> str:
    """Name the steps from files to arrays: the code, and the version of the library beneath it."""
    code = code_fingerprint(source_files(__name__))
    return _short(code + cv2.__version__)[:8]


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class _Item:
    """What one row is made of."""

    row: int
    split: str
    image: Image
    annotations: tuple[Annotation, ...]
    published: Annotation | None
    label_number: int
    border: Border | None


def _items(root: Path) -> list[_Item]:
    borders = read_borders(root)
    items: list[_Item] = []
    for name, split in read_dataset(root).items():
        numbers = {image.id: image.number for image in split.images}
        for image, published in pair_by_position(split):
            items.append(
                _Item(
                    row=len(items),
                    split=name,
                    image=image,
                    annotations=split.annotations_of(image),
                    published=published,
                    label_number=-1 if published is None else numbers[published.image_id],
                    border=borders.get(image.number),
                )
            )
    return items


def _write(root: Path, size: int, folder: Path, progress: bool) -> None:
    items = _items(root)
    arrays = {
        name: np.lib.format.open_memmap(
            folder / f"{name}.npy", mode="w+", dtype=np.uint8, shape=(len(items), size, size)
        )
        for name in ("images", *MASKS)
    }

    def fill(item: _Item) -> None:
        image = item.image
        arrays["images"][item.row] = resized(image.read(), size)
        arrays["box"][item.row] = id_mask(item.annotations, image, size)
        if item.published is not None:
            arrays["position"][item.row] = published_mask(item.published, image, size, item.split)
        if item.border is not None:
            arrays["border"][item.row] = shrink(item.border.mask(image.height), size)

    with _single_threaded_opencv(), ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in tqdm(pool.map(fill, items), total=len(items), desc="prepare", unit="image", disable=not progress):
            pass
    for array in arrays.values():
        array.flush()
    pd.DataFrame([_row(item) for item in items]).to_csv(folder / "table.csv", index=False)


@contextmanager
def _single_threaded_opencv() -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _row(item: _Item) -> dict[str, Any]:
    border = item.border
    x, y, width, height = _extent(item.annotations)
    return {
        "split": item.split,
        "file": item.image.path.name,
        "number": item.image.number,
        "patient_id": border.patient_id if border else "",
        "patient": border.patient if border else "",
        "tumour_type": border.tumour_type if border else "",
        "category": item.annotations[0].category if item.annotations else "",
        "annotations": len(item.annotations),
        "box_x": x,
        "box_y": y,
        "box_width": width,
        "box_height": height,
        "label_number": item.label_number,
        "frame_width": border.width if border else 0,
        "image_size": item.image.width,
        "flags": " ".join(_flags(item)),
    }


def _extent(annotations: tuple[Annotation, ...]) -> tuple[float, float, float, float]:
    """Smallest box around all annotations: x, y, width, height."""
    corners = [p for a in annotations for p in a.polygons]
    corners += [_corners(a.bbox) for a in annotations if a.rle is not None]
    if not corners:
        return (np.nan,) * 4
    points = np.concatenate(corners)
    (x, y), (width, height) = points.min(axis=0), np.ptp(points, axis=0)
    return float(x), float(y), float(width), float(height)


def _corners(bbox: tuple[float, float, float, float]) -> NDArray[np.float64]:
    x, y, width, height = bbox
    return np.array([[x, y], [x + width, y + height]])


def _flags(item: _Item) -> Iterator[str]:
    if not item.annotations:
        yield "no_annotation"
    if len(item.annotations) > 1:
        yield "several_annotations"
    if item.published is None or item.published.image_id != item.image.id:
        yield "shifted"
    if item.border is None:
        yield "no_border"
