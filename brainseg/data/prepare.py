"""Decode, pair and resize a data set once, into memory-mapped arrays and a table."""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock
from tqdm import tqdm

from brainseg.data.cases import Case, cases
from brainseg.data.checksums import write_checksums
from brainseg.data.cheng import BORDERS, read_borders
from brainseg.data.coco import (
    FOLDER,
    SPLITS,
    Annotation,
    decode,
    published_mask,
    read_dataset,
    resized,
    shrink,
)
from brainseg.data.outside import make_folder, read_bytes, readable, write_whole, writing
from brainseg.data.prepared import MASKS, Prepared, open_prepared
from brainseg.errors import BrainsegError
from brainseg.fingerprint import code_fingerprint, source_files
from brainseg.opencv import cv2

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
    """
    make_folder(cache)
    digest = fingerprint(root, cache)
    folder = cache / f"{digest}-{_steps()}-{size}"
    if not folder.exists():
        with FileLock(cache / f"{folder.name}.lock"):
            if not folder.exists():
                partial = cache / f"{folder.name}.partial"
                with writing(partial):
                    _write(root, size, partial, progress)
                    write_checksums(partial)
                    partial.rename(folder)
    return open_prepared(folder, size, digest)


def fingerprint(root: Path, cache: Path) -> str:
    """Name the content of a data set's files: 16 hexadecimal digits that change whenever a file does.

    Digests of single files are kept in ``cache`` and used again while size and time of change stay the same.
    """
    memory = cache / f"digests-{_short(str(root.resolve()))}.json"
    known = _remembered(memory)
    now = time.time_ns()
    digests: dict[str, str] = {}
    kept: dict[str, tuple[int, int, str]] = {}
    for name, path, stat in _inputs(root):
        size, changed, digest = known.get(name, (None, None, ""))
        if (size, changed) != (stat.st_size, stat.st_mtime_ns):
            digest = hashlib.sha256(read_bytes(path)).hexdigest()
        digests[name] = digest
        if stat.st_mtime_ns < now - _RACE:
            kept[name] = (stat.st_size, stat.st_mtime_ns, digest)
    if {name: tuple(entry) for name, entry in known.items()} != kept:
        write_whole(memory, json.dumps(kept))
    return _short(json.dumps(digests, sort_keys=True))


def _remembered(memory: Path) -> dict[str, tuple[int, int, str]]:
    """Digests that were kept; none, if what is there is damaged."""
    try:
        known = json.loads(memory.read_text())
        return {name: (int(size), int(changed), str(digest)) for name, (size, changed, digest) in known.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _inputs(root: Path) -> Iterator[tuple[str, Path, os.stat_result]]:
    for folder in (*(Path(FOLDER, split) for split in SPLITS), BORDERS.parent):
        if not (root / folder).is_dir():
            raise BrainsegError(
                f"{root} has no folder {folder}: name the folder of a data set, or make one with "
                "'brainseg data fetch' or 'brainseg data make-phantom'"
            )
        with readable(root / folder), os.scandir(root / folder) as entries:
            for entry in sorted(entries, key=lambda e: e.name):
                counts = entry.name == BORDERS.name if folder == BORDERS.parent else not entry.name.startswith(".")
                with readable(Path(entry.path)):
                    found = entry.stat() if counts and entry.is_file() else None
                if found is not None:
                    yield str(folder / entry.name), Path(entry.path), found


def _steps() -> str:
    """Name the steps from files to arrays: the code, and the version of the library beneath it."""
    code = code_fingerprint(source_files(__name__))
    return _short(code + cv2.__version__)[:8]


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _write(root: Path, size: int, folder: Path, progress: bool) -> None:
    images = list(cases(read_dataset(root), read_borders(root)))
    if not images:
        raise BrainsegError(f"{root} has no images: name the folder of a data set")
    arrays = {name: _array(folder / f"{name}.npy", (len(images), size, size)) for name in ("images", *MASKS)}

    def fill(row: int, case: Case) -> None:
        arrays["images"][row] = resized(case.image.read(), size)
        if case.box is not None:
            arrays["box"][row] = shrink(decode(case.box), size)
        if case.published is not None:
            arrays["position"][row] = published_mask(case.published, case.image, size, case.split)
        if case.tumour is not None:
            arrays["border"][row] = shrink(decode(case.tumour), size)

    with _single_threaded_opencv(), ThreadPoolExecutor(os.cpu_count()) as pool:
        filled = pool.map(fill, range(len(images)), images)
        for _ in tqdm(filled, total=len(images), desc="prepare", unit="image", disable=not progress):
            pass
    for array in arrays.values():
        array.flush()
    pd.DataFrame([_row(case) for case in images]).to_csv(folder / "table.csv", index=False)


def _array(path: Path, shape: tuple[int, ...]) -> Any:
    """A mapped array of zeros in a file whose place on the disk is taken: written to a full disk, a map would crash."""
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


@contextmanager
def _single_threaded_opencv() -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _row(case: Case) -> dict[str, Any]:
    border = case.border
    x, y, width, height = _extent(case.annotations)
    return {
        "split": case.split,
        "file": case.image.path.name,
        "number": case.image.number,
        "patient_id": border.patient_id if border else "",
        "patient": border.patient if border else "",
        "tumour_type": border.tumour_type if border else "",
        "category": case.annotations[0].category if case.annotations else "",
        "annotations": len(case.annotations),
        "box_x": x,
        "box_y": y,
        "box_width": width,
        "box_height": height,
        "label_number": case.label_number,
        "frame_width": border.width if border else 0,
        "image_size": case.image.width,
        "flags": " ".join(_flags(case)),
    }


def _extent(annotations: tuple[Annotation, ...]) -> tuple[float, float, float, float]:
    """Smallest box around all annotations: x, y, width, height."""
    corners = [p for a in annotations for p in a.polygons]
    corners += [np.cumsum([a.bbox[:2], a.bbox[2:]], axis=0) for a in annotations if a.rle is not None]
    if not corners:
        return (np.nan,) * 4
    points = np.concatenate(corners)
    (x, y), (width, height) = points.min(axis=0), np.ptp(points, axis=0)
    return float(x), float(y), float(width), float(height)


def _flags(case: Case) -> Iterator[str]:
    if not case.annotations:
        yield "no_annotation"
    if len(case.annotations) > 1:
        yield "several_annotations"
    if case.label_position != case.position:
        yield "shifted"
    if case.border is None:
        yield "no_border"
