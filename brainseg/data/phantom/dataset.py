"""Writes the phantom to disk in the layout of the real data set, with the real one's quirks.

What is imitated was measured on the real set: 2146 images (Kaggle) out of 3064 slices (Cheng).
"""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from brainseg.data.checksums import write_checksums
from brainseg.data.cheng import BORDERS, Border, border_file
from brainseg.data.coco import ANNOTATIONS, FOLDER
from brainseg.data.outside import make_folder, writing
from brainseg.data.phantom.scanner import PLANES, Slice, new_subject, scan_series
from brainseg.data.phantom.tumours import TYPES
from brainseg.errors import BrainsegError
from brainseg.opencv import cv2

PATIENTS_AT_LEAST = 8
DATE = "2023-08-19T04:37:54+00:00"

PATIENTS_OF_TYPE = {"meningioma": 82, "glioma": 89, "pituitary": 62}
SLICES_PER_PATIENT = {"meningioma": 9.0, "glioma": 17.5, "pituitary": 16.5}
SLICES_PER_SERIES = 5
KAGGLE_NUMBERS = ((0.0, 0.024), (0.050, 0.098), (0.326, 0.956))
SPLITS = {"train": 0.7, "valid": 0.2}
DOUBLE_AT, MISSING_AT = 0.669, 0.919
ASTRAY = 0.005
BOX_SLACK = (10.0, 13.3, 13.8, 12.8)
CATEGORY_OF_TYPE = {"meningioma": 2, "glioma": 1, "pituitary": 2}
MISLABELLED = {"meningioma": 9 / 216, "glioma": 1 / 1090, "pituitary": 1 / 840}


Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Series:
    """One run of neighbouring slices of a patient in one plane."""

    patient: int
    patient_id: str
    kind: str
    plane: str
    slices: int
    frame: int


@dataclass(frozen=True)
class Record:
    """A slice with its place in the data set."""

    number: int
    patient_id: str
    kind: str
    slice: Slice


def make_phantom(root: Path, patients: int = 40, seed: int = 0, size: int = 640, progress: bool = False) -> Path:
    """Write a synthetic brain-tumour data set in the layout of the real one.

    Under `root` come `tumorseg-coco/{train,valid,test}` (grey JPEGs, one COCO file each),
    `cheng2017/annotations.coco.json` (tumour borders, types and patients) and the list of checksums `SHA256SUMS`. The
    same arguments give the same files on every x86-64 processor, whatever its number of cores; another kind may round a
    grey value differently.

    Args:
        root: Folder to make, and what is returned; it must not exist yet, or be empty.
        patients: Number of people, at least 8; about ten images each.
        seed: Another seed is another group of people.
        size: Height and width of the images in pixels.
        progress: Show a progress bar on stderr.

    >>> make_phantom(Path("phantom"), patients=2)
    Traceback (most recent call last):
    brainseg.errors.BrainsegError: received patients=2, expected at least 8: ask for more
    """
    root = Path(root)
    _check(root, patients, size)
    rng = np.random.default_rng(seed)
    records = _scan_all(_plan(patients, rng), seed, progress)
    images = [r for r in records if _is_published(r.number, len(records))]
    make_folder(root.parent)
    staging = root.with_name(f".{root.name}.unfinished")
    with writing(staging):
        _write_borders(staging / BORDERS, records)
        _write_splits(staging / FOLDER, images, size, rng)
        write_checksums(staging)
        staging.replace(root)
    return root


def _check(root: Path, patients: int, size: int) -> None:
    if patients < PATIENTS_AT_LEAST:
        raise BrainsegError(f"received patients={patients}, expected at least {PATIENTS_AT_LEAST}: ask for more")
    if not 64 <= size <= 2048:
        raise BrainsegError(f"received size={size}, expected 64 to 2048 pixels: choose another size")
    if root.exists() and not (root.is_dir() and not any(root.iterdir())):
        raise BrainsegError(f"{root} exists and is not an empty folder: choose another, or remove it")


# --- who is scanned, and how ---------------------------------------------------------------------------------


def _plan(patients: int, rng: np.random.Generator) -> list[Series]:
    """All series in the order in which Cheng's slices are numbered."""
    kinds = _apportion(patients)
    ids = rng.choice(np.arange(57_000, 113_000), patients, replace=False)
    series: list[Series] = []
    for patient, kind in enumerate(kinds):
        series += _plan_patient(patient, kind, str(ids[patient]), rng)
    series = _small_frames(_split_identities(series))
    shuffled = [series[i] for i in rng.permutation(len(series))]
    order = {"meningioma": 0, "pituitary": 2}
    early = {i for i in range(patients) if kinds[i] == "glioma" and i % 6 == 0}
    return sorted(shuffled, key=lambda s: (order.get(s.kind, 1 if s.patient in early else 3), PLANES.index(s.plane)))


def _apportion(patients: int) -> list[str]:
    """Tumour types in the real proportions, at least one patient of each."""
    shares = np.array([PATIENTS_OF_TYPE[k] for k in TYPES]) / sum(PATIENTS_OF_TYPE.values()) * patients
    counts = np.maximum(np.floor(shares), 1).astype(int)
    while counts.sum() < patients:
        counts[np.argmax(shares - counts)] += 1
    while counts.sum() > patients:
        counts[np.argmax(counts)] -= 1
    return [kind for kind, count in zip(TYPES, counts, strict=True) for _ in range(count)]


def _plan_patient(patient: int, kind: str, patient_id: str, rng: np.random.Generator) -> list[Series]:
    slices = max(3, round(rng.normal(1, 0.25) * SLICES_PER_PATIENT[kind]))
    planes = min(3, max(1, round(slices / SLICES_PER_SERIES)))
    order = [PLANES[(patient + shift) % 3] for shift in range(planes)]
    counts = [slices // planes + (i < slices % planes) for i in range(planes)]
    return [Series(patient, patient_id, kind, p, n, 512) for p, n in zip(order, counts, strict=True)]


def _split_identities(series: list[Series]) -> list[Series]:
    """Give one glioma patient in five an ID per plane; they differ in a final letter only."""
    gliomas = [s.patient for s in series if s.kind == "glioma"]
    chosen = sorted({p for p in gliomas if gliomas.count(p) > 1})[::5]
    letters = dict(zip(PLANES, ("", "B", "C"), strict=True))
    return [
        replace(s, patient_id=f"MR{int(s.patient_id):06d}{letters[s.plane]}") if s.patient in chosen else s
        for s in series
    ]


def _small_frames(series: list[Series]) -> list[Series]:
    """One pituitary patient was stored at 256 × 256 instead of 512 × 512."""
    patient = max(s.patient for s in series if s.kind == "pituitary")
    return [replace(s, frame=256) if s.patient == patient else s for s in series]


def _scan_all(plan: list[Series], seed: int, progress: bool) -> list[Record]:
    people = sorted({s.patient for s in plan})
    kinds = {s.patient: s.kind for s in plan}
    subjects = {p: new_subject(kinds[p], np.random.default_rng((seed, p))) for p in people}
    total = sum(s.slices for s in plan)
    first = np.cumsum([0] + [s.slices for s in plan])

    def scan(index: int) -> list[Slice]:
        series = plan[index]
        wanted = [_is_published(int(first[index]) + i + 1, total) for i in range(series.slices)]
        rng = np.random.default_rng((seed, series.patient, PLANES.index(series.plane), 1))
        return scan_series(subjects[series.patient], series.plane, series.frame, wanted, rng)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = pool.map(scan, range(len(plan)))
        scanned = list(tqdm(done, total=len(plan), desc="phantom", unit="series", disable=not progress))
    return [
        Record(int(first[i]) + k + 1, series.patient_id, series.kind, one)
        for i, series in enumerate(plan)
        for k, one in enumerate(scanned[i])
    ]


def _is_published(number: int, total: int) -> bool:
    """Whether a slice of Cheng's set is also in Kaggle's: three ranges of numbers are."""
    return any(low < number / total <= high for low, high in KAGGLE_NUMBERS)


# --- Cheng's borders ------------------------------------------------------------------------------------------


def _write_borders(path: Path, records: list[Record]) -> None:
    borders = [Border(r.number, r.slice.frame, r.slice.frame, r.patient_id, r.kind, r.slice.border) for r in records]
    info = {
        "description": "Synthetic phantom in the layout of Jun Cheng's brain tumor dataset",
        "version": "1",
        "year": 2017,
        "contributor": "brainseg",
        "url": "",
    }
    _write_json(path, border_file(borders, info))


# --- Kaggle's images and boxes --------------------------------------------------------------------------------


def _write_splits(folder: Path, images: list[Record], size: int, rng: np.random.Generator) -> None:
    wrong, astray = _mislabelled(images, rng), _astray(images, rng)
    shuffled = [images[i] for i in rng.permutation(len(images))]
    names = [f"{r.number}_jpg.rf.{rng.bytes(16).hex()}.jpg" for r in shuffled]
    boxes = [_loose_box(r.slice, size, r.number in astray, rng) for r in shuffled]
    categories = [3 - CATEGORY_OF_TYPE[r.kind] if r.number in wrong else CATEGORY_OF_TYPE[r.kind] for r in shuffled]
    train, valid = (round(SPLITS[name] * len(images)) for name in ("train", "valid"))
    parts = {"train": slice(train), "valid": slice(train, train + valid), "test": slice(train + valid, None)}
    for split, part in parts.items():
        (folder / split).mkdir(parents=True)
        content = _coco(names[part], size)
        content["annotations"] = _annotations(boxes[part], categories[part], size, slips=split == "train")
        _write_json(folder / split / ANNOTATIONS, content)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            paths = [folder / split / name for name in names[part]]
            list(pool.map(lambda path, record: _write_jpeg(path, record.slice.pixels, size), paths, shuffled[part]))


def _astray(images: list[Record], rng: np.random.Generator) -> set[int]:
    """Numbers of the gliomas whose box misses the tumour."""
    numbers = [r.number for r in images if r.kind == "glioma"]
    return {int(n) for n in rng.choice(numbers, max(1, round(ASTRAY * len(images))), replace=False)}


def _mislabelled(images: list[Record], rng: np.random.Generator) -> set[int]:
    """Numbers of the images in the wrong category."""
    wrong: set[int] = set()
    for kind, rate in MISLABELLED.items():
        numbers = [r.number for r in images if r.kind == kind]
        wrong |= {n for n in numbers if rng.random() < rate}
    return wrong


def _coco(names: list[str], size: int) -> dict[str, Any]:
    """All of a split's file but the annotations."""
    info = {
        "year": "2023",
        "version": "1",
        "description": "Synthetic phantom in the layout of a roboflow.com export",
        "contributor": "",
        "url": "https://public.roboflow.com/object-detection/undefined",
        "date_created": DATE,
    }
    licence = {"id": 1, "url": "https://creativecommons.org/licenses/by/4.0/", "name": "CC BY 4.0"}
    categories = [
        {"id": 0, "name": "Tumor", "supercategory": "none"},
        {"id": 1, "name": "0", "supercategory": "Tumor"},
        {"id": 2, "name": "1", "supercategory": "Tumor"},
    ]
    images = [
        {"id": i, "license": 1, "file_name": name, "height": size, "width": size, "date_captured": DATE}
        for i, name in enumerate(names)
    ]
    return {"info": info, "licenses": [licence], "categories": categories, "images": images}


def _annotations(boxes: list[Box], categories: list[int], size: int, slips: bool) -> list[dict[str, Any]]:
    """One box per image; with slips, one image has a second and tiny one, and a later image has none."""
    entries = list(zip(range(len(boxes)), categories, boxes, strict=True))
    if slips:
        double, missing = int(DOUBLE_AT * len(boxes)), int(MISSING_AT * len(boxes))
        _, category, (_, _, right, bottom) = entries[double]
        del entries[missing]
        step = size / 512
        entries.insert(double + 1, (double, category, (right - 2 * step, bottom - step, right, bottom + 5 * step)))
    return [_annotation(number, *entry) for number, entry in enumerate(entries)]


def _annotation(number: int, image: int, category: int, box: Box) -> dict[str, Any]:
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": [int(left + 0.5), int(top + 0.5), width, height],
        "area": round(width * height, 3),
        "segmentation": [[right, top, left, top, left, bottom, right, bottom, right, top]],
        "iscrowd": 0,
    }


def _write_jpeg(path: Path, pixels: NDArray[np.uint8], size: int) -> None:
    """Transpose and stretch a slice to the Kaggle image, three equal channels, quality 75."""
    image = cv2.resize(np.ascontiguousarray(pixels.T), (size, size), interpolation=cv2.INTER_LINEAR)
    _, content = cv2.imencode(".jpg", cv2.merge([image] * 3), [cv2.IMWRITE_JPEG_QUALITY, 75])
    path.write_bytes(content.tobytes())


def _loose_box(one: Slice, size: int, astray: bool, rng: np.random.Generator) -> Box:
    """The box drawn by hand around a tumour, or beside it, on Roboflow's grid of 1/512."""
    border = one.border[:, ::-1] * 640 / one.frame
    slack = np.array(BOX_SLACK) + rng.normal(0, 4) + 4.5 * rng.standard_t(2.5, 4)
    edges = np.array([*border.min(0), *border.max(0)]) + slack * [-1, -1, 1, 1]
    if astray:
        sideways = 1.1 * (edges[2] - edges[0]) + 20
        edges += np.array([sideways, 0, sideways, 0]) * (1 if edges[0] + edges[2] < 640 else -1)
    left, top, right, bottom = (float(v) for v in np.clip(np.round(edges * 512 / 640), 0, 512) * size / 512)
    least = 2 * size / 512
    return left, top, max(right, left + least), max(bottom, top + least)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=4) + "\n")
