"""Writes the phantom to disk in the layout of the real data set, with the real one's quirks.

What is imitated was measured on the real set: 2146 images (Kaggle) out of 3064 slices (Cheng).
"""

import json
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from brainseg.data.phantom.scanner import PLANES, Slice, new_subject, scan_series
from brainseg.data.phantom.tumours import TYPES
from brainseg.errors import BrainsegError

MARKER = "phantom.json"
DATE = "2023-08-19T04:37:54+00:00"

PATIENTS_OF_TYPE = {"meningioma": 82, "glioma": 89, "pituitary": 62}
SLICES_PER_PATIENT = {"meningioma": 9.0, "glioma": 17.5, "pituitary": 16.5}
SLICES_PER_SERIES = 5
KAGGLE_NUMBERS = ((0.0, 0.024), (0.050, 0.098), (0.326, 0.956))
SPLITS = {"train": 0.7, "valid": 0.2, "test": 0.1}
DOUBLE_AT, MISSING_AT = 0.669, 0.919
BOX_SLACK = {"left": 10.0, "top": 13.3, "right": 13.8, "bottom": 12.8}
CATEGORY_OF_TYPE = {"meningioma": 2, "glioma": 1, "pituitary": 2}
MISLABELLED = {"meningioma": 9 / 216, "glioma": 1 / 1090, "pituitary": 1 / 840}


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

    Under `root` come `tumorseg-coco/{train,valid,test}` (grey JPEGs, one COCO file each) and
    `cheng2017/annotations.coco.json` (tumour borders, types and patients). The same arguments give the same
    files on one machine, whatever its number of cores; another processor may round a grey value differently.

    Parameters
    ----------
    root
        Folder to write to; an earlier phantom in it is replaced.
    patients
        Number of people, at least 3; about ten images each.
    seed
        Another seed is another group of people.
    size
        Height and width of the images in pixels.
    progress
        Show a progress bar on stderr.

    Returns
    -------
    Path
        `root`.

    Raises
    ------
    BrainsegError
        If an argument is out of range, or `root` holds a data set that is not a phantom.
    """
    root = Path(root)
    _check(root, patients, size)
    root.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    records = _scan_all(_plan(patients, rng), seed, progress)
    images = [r for r in records if _is_published(r.number, len(records))]
    staging = Path(tempfile.mkdtemp(prefix=".phantom-", dir=root))
    try:
        _write_borders(staging / "cheng2017", records)
        _write_splits(staging / "tumorseg-coco", images, size, rng)
        for folder in ("cheng2017", "tumorseg-coco"):
            shutil.rmtree(root / folder, ignore_errors=True)
            (staging / folder).rename(root / folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    (root / MARKER).write_text(json.dumps({"patients": patients, "seed": seed, "size": size}) + "\n")
    return root


def _check(root: Path, patients: int, size: int) -> None:
    if patients < 3:
        raise BrainsegError(f"patients is {patients}: the phantom needs at least 3, one for each tumour type")
    if not 64 <= size <= 2048:
        raise BrainsegError(f"size is {size}: choose between 64 and 2048 pixels")
    taken = [f for f in ("tumorseg-coco", "cheng2017") if (root / f).exists()]
    if taken and not (root / MARKER).exists():
        raise BrainsegError(f"{root} already holds {taken[0]}, which is not a phantom: choose another folder")


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
    """Give one patient in thirteen two IDs, which differ in a final letter only."""
    several = [p for p in dict.fromkeys(s.patient for s in series) if sum(s.patient == p for s in series) > 1]
    chosen = several[1:: max(1, 13 * len(several) // 40)] or several
    result = list(series)
    for patient in chosen:
        own = [i for i, s in enumerate(series) if s.patient == patient]
        for letter, i in zip("BCD", own, strict=False):
            result[i] = replace(series[i], patient_id=f"MR{int(series[i].patient_id):06d}{'B' if letter == 'D' else letter}")
    return result


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
        bar = tqdm(done, total=len(plan), desc="phantom", unit="series", disable=not progress)
        scanned = list(bar)
    return [
        Record(int(first[i]) + k + 1, series.patient_id, series.kind, one)
        for i, series in enumerate(plan)
        for k, one in enumerate(scanned[i])
    ]


def _is_published(number: int, total: int) -> bool:
    """Whether a slice of Cheng's set is also in Kaggle's: three ranges of numbers are."""
    return any(low < number / total <= high for low, high in KAGGLE_NUMBERS)


# --- Cheng's borders ------------------------------------------------------------------------------------------


def _write_borders(folder: Path, records: list[Record]) -> None:
    images = [
        {"id": r.number, "file_name": f"{r.number}.mat", "width": r.slice.frame, "height": r.slice.frame,
         "patient_id": r.patient_id}
        for r in records
    ]
    annotations = [_border(r) for r in records]
    categories = [
        {"id": i + 1, "name": "pituitary tumor" if kind == "pituitary" else kind, "supercategory": "tumor"}
        for i, kind in enumerate(TYPES)
    ]
    info = {"description": "Synthetic phantom in the layout of Jun Cheng's brain tumor dataset", "version": "1",
            "year": 2017, "contributor": "brainseg", "url": ""}
    licence = {"id": 1, "name": "CC BY 4.0", "url": "https://creativecommons.org/licenses/by/4.0/"}
    coco = {"info": info, "licenses": [licence], "categories": categories, "images": images,
            "annotations": annotations}
    _write_json(folder / "annotations.coco.json", coco)


def _border(record: Record) -> dict[str, Any]:
    border = record.slice.border
    low, high = border.min(0), border.max(0)
    x, y = border.T
    area = 0.5 * abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1)))
    return {"id": record.number, "image_id": record.number, "category_id": TYPES.index(record.kind) + 1,
            "segmentation": [[round(float(v), 3) for v in border.ravel()]], "area": round(area, 2),
            "bbox": [round(float(v), 3) for v in (*low, *(high - low))], "iscrowd": 0}


# --- Kaggle's images and boxes --------------------------------------------------------------------------------


def _write_splits(folder: Path, images: list[Record], size: int, rng: np.random.Generator) -> None:
    wrong = _mislabelled(images, rng)
    shuffled = [images[i] for i in rng.permutation(len(images))]
    counts = {name: max(1, round(share * len(images))) for name, share in SPLITS.items()}
    start = 0
    for name, count in counts.items():
        stop = len(images) if name == "test" else start + count
        _write_split(folder / name, shuffled[start:stop], size, wrong, name == "train", rng)
        start = stop


def _mislabelled(images: list[Record], rng: np.random.Generator) -> set[int]:
    """Numbers of the images in the wrong category."""
    wrong: set[int] = set()
    for kind, rate in MISLABELLED.items():
        numbers = [r.number for r in images if r.kind == kind]
        wrong |= {n for n in numbers if rng.random() < rate}
    return wrong


def _write_split(folder: Path, records: list[Record], size: int, wrong: set[int], slips: bool,
                 rng: np.random.Generator) -> None:
    folder.mkdir(parents=True)
    double, missing = (int(DOUBLE_AT * len(records)), int(MISSING_AT * len(records))) if slips else (-1, -1)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index, record in enumerate(records):
        name = f"{record.number}_jpg.rf.{rng.bytes(16).hex()}.jpg"
        _write_jpeg(folder / name, record.slice.pixels, size)
        images.append({"id": index, "license": 1, "file_name": name, "height": size, "width": size,
                       "date_captured": DATE})
        category = CATEGORY_OF_TYPE[record.kind]
        category = 3 - category if record.number in wrong else category
        box = _loose_box(record.slice, size, rng)
        if index != missing:
            annotations.append(_box_annotation(len(annotations), index, category, box))
        if index == double:
            corner = (box[2] - 2 * size / 512, box[3] - size / 512, box[2], box[3] + 5 * size / 512)
            annotations.append(_box_annotation(len(annotations), index, category, corner))
    info = {"year": "2023", "version": "1", "description": "Synthetic phantom in the layout of a roboflow.com export",
            "contributor": "", "url": "https://public.roboflow.com/object-detection/undefined", "date_created": DATE}
    licence = {"id": 1, "url": "https://creativecommons.org/licenses/by/4.0/", "name": "CC BY 4.0"}
    categories = [{"id": 0, "name": "Tumor", "supercategory": "none"},
                  {"id": 1, "name": "0", "supercategory": "Tumor"}, {"id": 2, "name": "1", "supercategory": "Tumor"}]
    _write_json(folder / "_annotations.coco.json", {"info": info, "licenses": [licence], "categories": categories,
                                                    "images": images, "annotations": annotations})


def _write_jpeg(path: Path, pixels: NDArray[np.uint8], size: int) -> None:
    """Transpose and stretch a slice to the Kaggle image, three equal channels, quality 75."""
    image = cv2.resize(np.ascontiguousarray(pixels.T), (size, size), interpolation=cv2.INTER_LINEAR)
    cv2.imwrite(str(path), cv2.merge([image] * 3), [cv2.IMWRITE_JPEG_QUALITY, 75])


def _loose_box(one: Slice, size: int, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """The box drawn by hand around a tumour, (left, top, right, bottom) on Roboflow's grid of 1/512."""
    border = one.border[:, ::-1] * size / one.frame
    shared = rng.normal(0, 4)
    slack = np.array(list(BOX_SLACK.values())) + shared + 4.5 * rng.standard_t(2.5, 4)
    edges = np.array([*border.min(0), *border.max(0)]) + slack * [-1, -1, 1, 1] * size / 640
    step = size / 512
    left, top, right, bottom = np.clip(np.round(edges / step), 0, 512) * step
    return float(left), float(top), float(max(right, left + 2 * step)), float(max(bottom, top + 2 * step))


def _box_annotation(number: int, image: int, category: int, box: tuple[float, float, float, float]) -> dict[str, Any]:
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    return {"id": number, "image_id": image, "category_id": category,
            "bbox": [int(left + 0.5), int(top + 0.5), width, height], "area": round(width * height, 3),
            "segmentation": [[right, top, left, top, left, bottom, right, bottom, right, top]], "iscrowd": 0}


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=4) + "\n")
