"""Report what is odd in a data set: files, pairing, labels, borders, categories, patients."""

import hashlib
import itertools
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from tqdm import tqdm

from brainseg.data import VALIDATION_SHARE
from brainseg.data.cases import Case, cases
from brainseg.data.checksums import CHECKSUMS, changed_files, unlike_published
from brainseg.data.cheng import Border, all_borders, repeated
from brainseg.data.coco import (
    FOLDER,
    SPLITS,
    Annotation,
    Image,
    RunLengths,
    Split,
    enclosed_area,
    published_mask,
    read_dataset,
)
from brainseg.data.outside import read_bytes
from brainseg.errors import BrainsegError

PUBLISHED_SIZE = 128

_NAMED = 3
_NOT_CLOSED = "valid"  # the split whose masks the published steps do not close
_OVERLAPS = ["dice", "iou", "box_is_tumour", "tumour_in_box"]

Finding = tuple[str, int, int, str]


@dataclass(frozen=True, eq=False)
class Report:
    """What :func:`check` found; areas are fractions of the image, overlaps lie between 0 and 1.

    Attributes:
        findings: ``finding``, ``count`` of ``total``, and ``detail``. A count of 0 says that this was looked for and
            not found.
        images: One row per image: ``split``, ``position`` (in the list), ``number``, ``patient``, ``patient_id`` and
            ``tumour_type`` (None without a border), ``category`` (of the first annotation, None if there is none),
            ``annotations`` (how many), ``label_position`` (of the image whose annotation the published pairing gives
            this image, -1 if none), ``label_dice`` (that annotation against the image's own label), ``box`` and
            ``border`` (areas), ``published`` (area of the mask that the published steps make, 128 pixels wide),
            ``closed`` (number of its pixels that the closing among these steps changes), ``dice`` and ``iou`` of box
            and border, ``box_is_tumour`` and ``tumour_in_box`` (share of the one inside the other), ``readable``,
            ``why`` not, ``content`` (digest of the file). Numbers are NaN where a mask that they need does not exist.
        pairing: Runs of images that the published pairing gives another image's annotation: ``split``, ``first`` and
            ``last`` position, ``images``, ``offset`` (position of the label minus that of the image), mean
            ``label_dice``, and ``apart``, how many of these labels do not touch the image's own. An image without a
            label of its own counts in ``images`` only.
        agreement: Box against border per split and over all (``split`` is ``all``): ``images`` that have both, mean
            ``dice``, ``iou``, ``box_is_tumour``, ``tumour_in_box``, and ``apart``, how many boxes do not touch the
            border.
        patients: For every pair of splits, ``first`` and ``second``: ``patients`` of the second split, how many are
            ``shared`` with the first, ``images`` of the second, how many show a patient of the first (``known``) or a
            slice whose number follows or precedes that of one of the same patient there (``adjacent``), and the mean
            Dice on known images of a copy of the label of the nearest slice of the same patient in the first split:
            ``copied_box`` and ``copied_border``.
        categories: Number of images per category name (rows) and tumour type (columns).
        areas: Per ``split`` and ``mask`` (``published``, ``box``, ``border``): ``images`` that have one, ``mean`` and
            ``median`` area, ``background_accuracy`` (share of correct pixels when all are called background) and
            ``background_mean_iou`` (half of it: what a mean IoU over two classes then reads). The split ``last fifth of
            train`` is the part that Keras' ``validation_split=0.2`` sets aside.
    """

    findings: pd.DataFrame
    images: pd.DataFrame
    pairing: pd.DataFrame
    agreement: pd.DataFrame
    patients: pd.DataFrame
    categories: pd.DataFrame
    areas: pd.DataFrame

    @property
    def exit_code(self) -> int:
        """1 if anything odd was found, else 0."""
        return int((self.findings["count"] > 0).any())

    def to_dict(self) -> dict[str, Any]:
        """All tables but ``images`` as lists of rows, numbers rounded to six decimals: what JSON can hold."""
        tables = vars(self) | {"categories": self.categories.reset_index()}
        return {
            name: json.loads(table.round(6).to_json(orient="records"))
            for name, table in tables.items()
            if name != "images"
        }

    def text(self) -> str:
        """The findings as lines of text, those that were not found last.

        >>> rows = [("images without a border", 0, 9, ""), ("images without an annotation", 1, 9, "train 14")]
        >>> findings = pd.DataFrame(rows, columns=["finding", "count", "total", "detail"])
        >>> print(Report(findings, *[pd.DataFrame()] * 6).text())
            1 of 9     images without an annotation: train 14
            0 of 9     images without a border
        """
        ordered = self.findings.sort_values("count", key=lambda counts: counts == 0, kind="stable")
        return "\n".join(
            f"{count:>5} of {total:<5} {finding}{f': {detail}' if detail else ''}"
            for finding, count, total, detail in ordered.itertuples(index=False)
        )


def check(root: Path, progress: bool = False) -> Report:
    """Look for what is odd in the data set at ``root``; overlaps are measured at the size of the stored images."""
    dataset, drawn = read_dataset(root), all_borders(root)
    borders = {border.number: border for border in drawn}
    found = list(cases(dataset, borders))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        measured = tqdm(pool.map(_measure, found), total=len(found), desc="check", unit="image", disable=not progress)
        images = pd.DataFrame(list(measured))
    pairing = _pairing(images)
    agreement = _agreement(images)
    patients = pd.DataFrame([_leakage(found, first, second) for first, second in itertools.combinations(SPLITS, 2)])
    findings = [
        *_file_findings(images, dataset, root),
        *_pairing_findings(images, pairing, dataset),
        *_label_findings(images, dataset),
        *_border_findings(images, borders, repeated(drawn)),
        *_agreement_findings(images, agreement),
        *_category_findings(images, dataset),
        *_patient_findings(images, patients),
    ]
    return Report(
        findings=pd.DataFrame(findings, columns=["finding", "count", "total", "detail"]),
        images=images,
        pairing=pairing,
        agreement=agreement,
        patients=patients,
        categories=pd.crosstab(images["category"], images["tumour_type"]),
        areas=_areas(images),
    )


def _measure(case: Case) -> dict[str, Any]:
    image, border = case.image, case.border
    return {
        "split": case.split,
        "position": case.position,
        "number": image.number,
        "patient": border.patient if border else None,
        "patient_id": border.patient_id if border else None,
        "tumour_type": border.tumour_type if border else None,
        "category": case.annotations[0].category if case.annotations else None,
        "annotations": len(case.annotations),
        "label_position": case.label_position,
        **_published(case),
        "box": _area(case.box),
        "border": _area(case.tumour),
        **_overlaps(case.box, case.tumour),
        **_content(image),
    }


def _content(image: Image) -> dict[str, Any]:
    content, why = "", ""
    try:
        content = hashlib.sha256(read_bytes(image.path)).hexdigest()
        image.read()
    except BrainsegError as error:
        why = str(error)
    return {"readable": not why, "why": why, "content": content or str(image.path)}


def _published(case: Case) -> dict[str, float]:
    """The published annotation against the image's own label, and the mask that the published steps make of it."""
    image, label = case.image, case.published
    if label is None or not label.polygons:
        return dict.fromkeys(("label_dice", "published", "closed"), np.nan)
    mask, unclosed = (published_mask(label, image, PUBLISHED_SIZE, split) for split in (case.split, _NOT_CLOSED))
    return {
        "label_dice": _overlaps(label.encoded(image.height, image.width), case.box)["dice"],
        "published": float(mask.mean()),
        "closed": float(np.count_nonzero(mask != unclosed)),
    }


def _area(mask: RunLengths | None) -> float:
    return np.nan if mask is None else float(coco_mask.area(mask)) / math.prod(mask["size"])


def _overlaps(box: RunLengths | None, border: RunLengths | None) -> dict[str, float]:
    """Overlaps of two masks of one size; NaN where one of them is missing or a share of nothing is asked for."""
    if box is None or border is None:
        return dict.fromkeys(_OVERLAPS, np.nan)
    common, either = (float(coco_mask.area(coco_mask.merge([box, border], intersect=both))) for both in (True, False))
    boxed, bordered = float(coco_mask.area(box)), float(coco_mask.area(border))
    return {
        "dice": _share(2 * common, boxed + bordered),
        "iou": _share(common, either),
        "box_is_tumour": _share(common, boxed),
        "tumour_in_box": _share(common, bordered),
    }


def _share(part: float, whole: float) -> float:
    return part / whole if whole else np.nan


def _pairing(images: pd.DataFrame) -> pd.DataFrame:
    offset = images["label_position"] - images["position"]
    shifted = (offset != 0) & (images["label_position"] >= 0)
    run = ((offset != offset.shift()) | (images["split"] != images["split"].shift())).cumsum()
    runs = [
        {
            "split": group["split"].iloc[0],
            "first": int(group["position"].iloc[0]),
            "last": int(group["position"].iloc[-1]),
            "images": len(group),
            "offset": int(offset[group.index[0]]),
            "label_dice": float(group["label_dice"].mean()),
            "apart": int((group["label_dice"] == 0).sum()),
        }
        for _, group in images[shifted].groupby(run[shifted])
    ]
    return pd.DataFrame(runs, columns=["split", "first", "last", "images", "offset", "label_dice", "apart"])


def _agreement(images: pd.DataFrame) -> pd.DataFrame:
    both = images.dropna(subset="dice")
    groups = {**{name: both[both["split"] == name] for name in SPLITS}, "all": both}
    return pd.DataFrame(
        {
            "split": name,
            "images": len(group),
            **group[_OVERLAPS].mean().to_dict(),
            "apart": int((group["dice"] == 0).sum()),
        }
        for name, group in groups.items()
    )


def _leakage(images: list[Case], first: str, second: str) -> dict[str, Any]:
    seen: dict[str, list[Case]] = {}
    for case in images:
        if case.split == first and case.border:
            seen.setdefault(case.border.patient, []).append(case)
    asked = [case for case in images if case.split == second]
    patients = {case.border.patient for case in asked if case.border}
    nearest = [
        (case, min(seen[case.border.patient], key=lambda other: abs(other.image.number - case.image.number)))
        for case in asked
        if case.border and case.border.patient in seen
    ]
    return {
        "first": first,
        "second": second,
        "patients": len(patients),
        "shared": len(patients & seen.keys()),
        "images": len(asked),
        "known": len(nearest),
        "adjacent": sum(abs(case.image.number - other.image.number) == 1 for case, other in nearest),
        "copied_box": _mean_dice((case.box, other.box) for case, other in nearest),
        "copied_border": _mean_dice((case.tumour, other.tumour) for case, other in nearest),
    }


def _mean_dice(pairs: Iterable[tuple[RunLengths | None, RunLengths | None]]) -> float:
    dice = [_overlaps(ours, theirs)["dice"] for ours, theirs in pairs]
    return float(pd.Series(dice, dtype=float).mean())


def _areas(images: pd.DataFrame) -> pd.DataFrame:
    train = images[images["split"] == "train"]
    groups = {name: images[images["split"] == name] for name in SPLITS}
    groups["last fifth of train"] = train.iloc[int(len(train) * (1 - VALIDATION_SHARE)) :]
    return pd.DataFrame(
        {
            "split": name,
            "mask": kind,
            "images": int(group[kind].count()),
            "mean": group[kind].mean(),
            "median": group[kind].median(),
            "background_accuracy": 1 - group[kind].mean(),
            "background_mean_iou": (1 - group[kind].mean()) / 2,
        }
        for name, group in groups.items()
        for kind in ("published", "box", "border")
    )


def _file_findings(images: pd.DataFrame, dataset: dict[str, Split], root: Path) -> Iterator[Finding]:
    why = [why.removeprefix(f"{root / FOLDER}/") for why in images["why"][~images["readable"]]]
    yield "images that cannot be read, or are coloured or of another size", len(why), len(images), _some(why, "; ")
    yield _images("image files identical to an earlier one", images, images.duplicated("content"))
    yield _images("images of a slice that another image shows", images, images.duplicated("number"))
    listed = {image.path for split in dataset.values() for image in split.images}
    unlisted = [path.name for path in sorted((root / FOLDER).glob("*/*.jpg")) if path not in listed]
    changed = changed_files(root) if (root / CHECKSUMS).is_file() else unlike_published(root)
    if changed:  # as above
        yield "files that are not as they were made or published", len(changed), len(images), _some(changed)
    yield "image files that no annotation file lists", len(unlisted), len(images) + len(unlisted), _some(unlisted)


def _pairing_findings(images: pd.DataFrame, pairing: pd.DataFrame, dataset: dict[str, Split]) -> Iterator[Finding]:
    runs = [
        f"{run['split']} list positions {run['first']} to {run['last']} get the label {run['offset']:+d} away, "
        f"mean Dice with their own {run['label_dice']:.2f}, {run['apart']} do not touch it"
        for run in pairing.to_dict("records")
    ]
    shifted = int(pairing["images"].sum())
    yield "images given another image's label by the published pairing", shifted, len(images), _some(runs, "; ")
    yield _images("images given no label by the published pairing", images, images["label_position"] < 0)
    surplus = sum(max(0, len(split.annotations) - len(split.images)) for split in dataset.values())
    total = sum(len(split.annotations) for split in dataset.values())
    yield "annotations that the published pairing drops", surplus, total, ""


def _label_findings(images: pd.DataFrame, dataset: dict[str, Split]) -> Iterator[Finding]:
    yield _images("images without an annotation", images, images["annotations"] == 0)
    yield _images("images with several annotations", images, images["annotations"] > 1)
    tests: dict[str, Callable[[Annotation, Image], bool]] = {
        "labels that are axis-parallel rectangles, not outlines": _is_rectangle,
        "labels of which the published steps read only a part, or nothing": lambda a, _: len(a.polygons) != 1,
        "labels without a pixel": lambda a, image: coco_mask.area(a.encoded(image.height, image.width)) == 0,
        "labels that reach outside of their image": _is_outside,
        "labels whose bounding box entry is off by more than a pixel": _is_misdescribed,
    }
    labels = list(_labels(dataset))
    for finding, holds in tests.items():
        found = [(image, split) for split, image, annotation in labels if holds(annotation, image)]
        named = [f"{split} {image.number}" for image, split in found]
        yield finding, len(found), len(labels), "" if len(found) == len(labels) else _some(named)
    closed = images.dropna(subset="closed")
    yield _images("labels that the published closing changes", closed, closed["closed"] > 0)


def _labels(dataset: dict[str, Split]) -> Iterator[tuple[str, Image, Annotation]]:
    for name, split in dataset.items():
        images = {image.id: image for image in split.images}
        yield from ((name, images[annotation.image_id], annotation) for annotation in split.annotations)


def _is_rectangle(annotation: Annotation, image: Image) -> bool:
    """Whether the region is its bounding box: one outline that runs through its four corners, along its sides."""
    if annotation.rle is not None:
        encoded = annotation.encoded(image.height, image.width)
        return bool(0 < coco_mask.area(encoded) == math.prod(coco_mask.toBbox(encoded)[2:]))
    if len(annotation.polygons) > 1:
        return False
    (polygon,) = annotation.polygons
    enclosed = enclosed_area(polygon - polygon.min(axis=0))
    return bool(enclosed > 0 and np.isclose(enclosed, np.ptp(polygon, axis=0).prod()))


def _is_outside(annotation: Annotation, image: Image) -> bool:
    return any(_leaves(polygon, (image.width, image.height)) for polygon in annotation.polygons)


def _leaves(polygon: NDArray[np.float64], size: tuple[int, int]) -> bool:
    return bool((polygon < 0).any() or (polygon > size).any())


def _is_misdescribed(annotation: Annotation, image: Image) -> bool:
    if annotation.rle is not None:
        extent = coco_mask.toBbox(annotation.encoded(image.height, image.width))
    else:
        points = np.concatenate(annotation.polygons)
        extent = np.concatenate([points.min(axis=0), np.ptp(points, axis=0)])
    return bool(np.abs(extent - annotation.bbox).max() > 1)


def _border_findings(images: pd.DataFrame, borders: dict[int, Border], several: list[int]) -> Iterator[Finding]:
    if several:  # not else: the recorded findings about the study's images are compared row by row with others
        named = _some([str(number) for number in several])
        yield "slices with several borders, of which the last counts", len(several), len(borders), named
    yield _images("images without a border", images, images["border"].isna())
    yield _images("images whose border encloses no pixel", images, images["border"] == 0)
    unused = sorted(borders.keys() - set(images["number"]))
    types = pd.Series([borders[number].tumour_type for number in unused], dtype=str)
    yield "borders without an image", len(unused), len(borders), _counts(types)
    frames = ((number, border.polygon, (border.width, border.height)) for number, border in borders.items())
    outside = [str(number) for number, polygon, size in frames if _leaves(polygon, size)]
    yield "borders that reach outside of their slice", len(outside), len(borders), _some(outside)
    widths = pd.Series([border.width for border in borders.values()])
    odd = widths[widths != widths.mode()[0]] if len(widths) else widths
    detail = ", ".join(f"{count} are {width} wide" for width, count in odd.value_counts().items())
    yield "borders drawn on slices of another width than most", len(odd), len(widths), detail


def _agreement_findings(images: pd.DataFrame, agreement: pd.DataFrame) -> Iterator[Finding]:
    both = images[images["dice"].notna()]
    mean = agreement.set_index("split").loc["all"]
    half, cut = both["iou"] < 0.5, both["tumour_in_box"] < 0.9
    overlaps = (
        f"on average over all, Dice {mean['dice']:.3f}, IoU {mean['iou']:.3f}, "
        f"{mean['box_is_tumour']:.0%} of the label is tumour"
    )
    cover = f"on average over all, they cover {mean['tumour_in_box']:.0%} of it"
    yield _images("labels that do not touch the border", both, both["dice"] == 0)
    yield "labels that agree with the border by less than half (IoU)", int(half.sum()), len(both), overlaps
    yield "labels that leave out more than a tenth of the tumour", int(cut.sum()), len(both), cover


def _category_findings(images: pd.DataFrame, dataset: dict[str, Split]) -> Iterator[Finding]:
    names = {name for split in dataset.values() for name in split.categories}
    used = {annotation.category for split in dataset.values() for annotation in split.annotations}
    unused = sorted(names - used)
    yield "categories that no annotation uses", len(unused), len(names), _some([repr(name) for name in unused])
    types = images.dropna(subset=["category", "tumour_type"]).groupby("category")["tumour_type"]
    mixed = [f"{name!r} holds {_counts(group)}" for name, group in types if group.nunique() > 1]
    yield "categories that mix tumour types", len(mixed), len(used), "; ".join(mixed)


def _patient_findings(images: pd.DataFrame, patients: pd.DataFrame) -> Iterator[Finding]:
    known = images.dropna(subset="patient").groupby("patient")
    spread = known["split"].nunique()
    everywhere = int((spread == len(SPLITS)).sum())
    yield "patients in more than one split", int((spread > 1).sum()), len(spread), f"{everywhere} of them in all three"
    for row in patients.to_dict("records"):
        detail = (
            f"{row['shared']} of {row['patients']} patients; {row['adjacent']} images with the next slice there; "
            f"a copy of the label of the nearest slice has Dice {row['copied_box']:.2f}, "
            f"of its border {row['copied_border']:.2f}"
        )
        finding = f"images in {row['second']} of patients who are in {row['first']} too"
        yield finding, row["known"], row["images"], detail if row["known"] else ""
    several = {
        "patients with several IDs, which differ in a final letter": known["patient_id"].nunique() > 1,
        "patients with several tumour types": known["tumour_type"].nunique() > 1,
    }
    for finding, holds in several.items():
        yield finding, int(holds.sum()), len(holds), _some([str(patient) for patient in holds.index[holds]])


def _images(finding: str, images: pd.DataFrame, holds: pd.Series) -> Finding:
    """The finding that something holds for some of the images."""
    found = images[holds]
    names = [f"{split} {number}" for split, number in zip(found["split"], found["number"], strict=True)]
    return finding, len(found), len(images), _some(names)


def _counts(values: pd.Series) -> str:
    return ", ".join(f"{count} {value}" for value, count in values.value_counts().items())


def _some(names: list[str], separator: str = ", ") -> str:
    shown = separator.join(names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown
