"""Report what is odd in a data set: files, pairing, labels, categories, patients, and what says nothing at all scores.

Any data set in COCO format can be checked. Beside one with Cheng's borders, the study's, more is known: what the
published steps make of its labels, how far these are from the tumours, and whom its images show.
"""

import hashlib
import itertools
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from tqdm import tqdm

from brainseg.data import VALIDATION_SHARE, bordered
from brainseg.data.alike import ALIKE, most_alike, thumbnail
from brainseg.data.cases import Case, cases
from brainseg.data.checksums import unlike_listed
from brainseg.data.cheng import BORDERS, all_borders, repeated
from brainseg.data.coco import FOLDER, KINDS, Annotation, Image, Split, enclosed_area, read_dataset, read_splits
from brainseg.data.findings import Finding, about_images, area, leaves, overlaps, some
from brainseg.data.outside import read_bytes
from brainseg.errors import BrainsegError

UNLIKE: Final = "files that are not as they were made or published"


@dataclass(frozen=True, eq=False)
class Report:
    """What :func:`check` found; areas are fractions of the image, overlaps lie between 0 and 1.

    Attributes:
        findings: ``finding``, ``count`` of ``total``, and ``detail``. A count of 0 says that this was looked for and
            not found.
        images: One row per image: ``split``, ``position`` (in the list), ``name`` (of the file, or number of the
            slice), ``patient`` (None if not known), ``category`` (of the first annotation, None if there is none),
            ``annotations`` (how many), ``label_position`` (of the image whose annotation pairing by position gives
            this image, -1 if none), ``label_dice`` (that annotation against the image's own label), ``box`` (area of
            the own label), ``readable``, ``why`` not, ``content`` (digest of the file). With borders also ``number``,
            ``patient_id`` and ``tumour_type``, ``border`` (area), ``published`` (area of the mask that the published
            steps make, 128 pixels wide), ``closed`` (number of its pixels that the closing among these steps changes),
            ``dice`` and ``iou`` of box and border, ``box_is_tumour`` and ``tumour_in_box`` (share of the one inside
            the other); without, ``twin`` (position in this table of the image of an earlier split that is nearly the
            same, -1 if there is none). Numbers are NaN where a mask that they need does not exist.
        pairing: Runs of images that the published pairing gives another image's annotation: ``split``, ``first`` and
            ``last`` position, ``images``, ``offset`` (position of the label minus that of the image), mean
            ``label_dice``, and ``apart``, how many of these labels do not touch the image's own. An image without a
            label of its own counts in ``images`` only.
        agreement: Box against border per split and over all (``split`` is ``all``): ``images`` that have both, mean
            ``dice``, ``iou``, ``box_is_tumour``, ``tumour_in_box``, and ``apart``, how many boxes do not touch the
            border. Empty without borders.
        patients: For every pair of splits, ``first`` and ``second``: ``patients`` of the second split, how many are
            ``shared`` with the first, ``images`` of the second, how many show a patient of the first (``known``);
            with borders also how many show a
            slice whose number follows or precedes that of one of the same patient there (``adjacent``), and the mean
            Dice on known images of a copy of the label of the nearest slice of the same patient in the first split:
            ``copied_box`` and ``copied_border``.
        categories: Number of images per category name (rows) and tumour type (columns); empty without borders.
        areas: Per ``split`` and ``mask`` (``label``; with borders ``published``, ``box``, ``border``): ``images`` that
            have one, ``mean`` and ``median`` area, ``background_accuracy`` (share of correct pixels when all are called
            background) and ``background_mean_iou`` (half of it: what a mean IoU over two classes then reads), and
            ``full_dice`` (mean Dice per image when none is; its accuracy is the mean area). The split ``last fifth of
            train``, with borders, is the part that Keras' ``validation_split=0.2`` sets aside.
        unchecked: ``what`` was not looked for, and ``why``.
    """

    findings: pd.DataFrame
    images: pd.DataFrame
    pairing: pd.DataFrame
    agreement: pd.DataFrame
    patients: pd.DataFrame
    categories: pd.DataFrame
    areas: pd.DataFrame
    unchecked: pd.DataFrame

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
        """Lines of text: the findings, those that were not found last; trivial answers; what was not checked.

        >>> rows = [("images without a border", 0, 9, ""), ("images without an annotation", 1, 9, "train 14")]
        >>> findings = pd.DataFrame(rows, columns=["finding", "count", "total", "detail"])
        >>> print(Report(findings, *[pd.DataFrame()] * 7).text())
            1 of 9     images without an annotation: train 14
            0 of 9     images without a border
        """
        ordered = self.findings.sort_values("count", key=lambda counts: counts == 0, kind="stable")
        lines = [
            f"{count:>5} of {total:<5} {finding}{f': {detail}' if detail else ''}"
            for finding, count, total, detail in ordered.itertuples(index=False)
        ]
        for row in self.areas.drop_duplicates("split").to_dict("records") if len(self.areas) else []:
            lines.append(
                f"{row['split']}: a blank answer has accuracy {row['background_accuracy']:.4f} and mean IoU "
                f"{row['background_mean_iou']:.4f}; marking every pixel has accuracy {row['mean']:.4f} and Dice "
                f"{row['full_dice']:.4f}"
            )
        return "\n".join([*lines, *(f"not checked: {what}; {why}" for what, why in self.unchecked.to_numpy())])


def check(root: Path, patient: str | None = None, progress: bool = False) -> Report:
    """Look for what is odd in the data set at ``root``; overlaps are measured at the size of the stored images.

    Args:
        root: Folder with the study's data set and Cheng's borders; or with any in COCO format, as
            :func:`brainseg.data.coco.read_splits` expects it.
        patient: Where no border file says whom an image shows: a regular expression that finds it in the name of the
            image file, as its first group if it has one.
        progress: Show a progress bar.

    Raises:
        BrainsegError: If there is no such data set, or ``patient`` is no regular expression or not needed.
    """
    if (root / BORDERS).is_file():
        if patient is not None:
            raise BrainsegError(f"received a pattern of patients, and {root / BORDERS} says who they are: leave it out")
        return _check_beside_borders(root, progress)
    folder = root / FOLDER if (root / FOLDER).is_dir() else root
    dataset, patient_in = read_splits(folder), _finder(patient)
    small: dict[tuple[str, int], NDArray[np.float32]] = {}

    def measure(case: Case) -> dict[str, Any]:
        def read() -> None:
            small[case.split, case.position] = thumbnail(case.image.colours())

        row = _measure(case, case.image.path.name, read)
        return row | {"patient": patient_in(case.image.path.stem)}

    images = _over(cases(dataset, {}), measure, progress)
    images["twin"] = _twins(images, small)
    pairing, by = _pairing(images), "pairing by position"
    patients = _patients(images, dataset)
    unchecked = {"whether labels follow what they mark": "there is no second outline of the same to compare with"}
    findings = [
        *_file_findings(
            images, dataset, root, folder, "images that cannot be read, or are of another size than listed"
        ),
        _twin_finding(images),
        *_pairing_findings(images, pairing, dataset, by),
        *_label_findings(images, dataset),
        *_category_findings(dataset),
        _id_finding(dataset),
    ]
    if patient is None:
        unchecked["patients in several splits"] = "no pattern was given that finds in a file name whom it shows"
    else:
        findings += _patient_findings(images, patients, dataset)
        findings.append(about_images("images whose name tells no patient", images, images["patient"].isna()))
    return Report(
        findings=_table(findings),
        images=images,
        pairing=pairing,
        agreement=pd.DataFrame(),
        patients=patients,
        categories=pd.DataFrame(),
        areas=_areas({name: images[images["split"] == name] for name in dataset}, {"label": "box"}),
        unchecked=_unchecked(unchecked, findings),
    )


def _check_beside_borders(root: Path, progress: bool) -> Report:
    """The study's data set: Cheng's borders say where its tumours are, and whom its images show."""
    dataset, drawn = read_dataset(root), all_borders(root)
    borders = {border.number: border for border in drawn}
    found = list(cases(dataset, borders))
    images = _over(
        found, lambda one: _measure(one, str(one.image.number), one.image.read) | bordered.measured(one), progress
    )
    pairing, agreement = _pairing(images), bordered.agreement_of(images, dataset)
    patients = _patients(images, dataset, lambda first, second: bordered.copied(found, first, second))
    annotations = [annotation for split in dataset.values() for annotation in split.annotations]
    findings = [
        *_file_findings(
            images, dataset, root, root / FOLDER, "images that cannot be read, or are coloured or of another size"
        ),
        *_pairing_findings(images, pairing, dataset, "the published pairing"),
        *_label_findings(images, dataset),
        *bordered.label_findings(images, annotations),
        *bordered.border_findings(images, borders, repeated(drawn)),
        *bordered.agreement_findings(images, agreement),
        *_category_findings(dataset),
        _id_finding(dataset),
        *bordered.category_findings(images, dataset),
        *_patient_findings(images, patients, dataset),
        *bordered.patient_findings(images),
    ]
    groups = {name: images[images["split"] == name] for name in dataset}
    train = groups["train"]
    groups["last fifth of train"] = train.iloc[int(len(train) * (1 - VALIDATION_SHARE)) :]
    unchecked = {"images that nearly repeat others": "the border file says which slice of whom an image shows"}
    return Report(
        findings=_table(findings),
        images=images,
        pairing=pairing,
        agreement=agreement,
        patients=patients,
        categories=pd.crosstab(images["category"], images["tumour_type"]),
        areas=_areas(groups, {name: name for name in ("published", "box", "border")}),
        unchecked=_unchecked(unchecked, findings),
    )


def _over(found: Iterable[Case], measure: Callable[[Case], dict[str, Any]], progress: bool) -> pd.DataFrame:
    """A row for each image."""
    todo = list(found)
    if not todo:
        raise BrainsegError("received a data set whose annotation files list no image, expected one or more")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = pool.map(measure, todo)
        return pd.DataFrame(list(tqdm(rows, total=len(todo), desc="check", unit="image", disable=not progress)))


def _unchecked(why: dict[str, str], findings: list[Finding]) -> pd.DataFrame:
    """What was not looked for, and why; among it the files, where nothing says what they should be."""
    if UNLIKE not in {finding for finding, *_ in findings}:
        why = why | {"whether files are as they were made": "no list of their digests is known"}
    return pd.DataFrame(why.items(), columns=["what", "why"])


def _table(findings: list[Finding]) -> pd.DataFrame:
    return pd.DataFrame(findings, columns=["finding", "count", "total", "detail"])


def _finder(pattern: str | None) -> Callable[[str], str | None]:
    """A function that finds a patient in a name; None where there is none."""
    if pattern is None:
        return lambda name: None
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise BrainsegError(f"received the pattern {pattern!r}, expected a regular expression: {error}") from error

    def find(name: str) -> str | None:
        found = compiled.search(name)
        return found[min(1, compiled.groups)] if found else None

    return find


def _measure(case: Case, name: str, read: Callable[[], object]) -> dict[str, Any]:
    image, label = case.image, case.published
    return {
        "split": case.split,
        "position": case.position,
        "name": name,
        "category": case.annotations[0].category if case.annotations else None,
        "annotations": len(case.annotations),
        "label_position": case.label_position,
        "label_dice": overlaps(label.encoded(image.height, image.width), case.box)["dice"]
        if label and label.polygons
        else np.nan,
        "box": area(case.box),
        **_content(image, read),
    }


def _content(image: Image, read: Callable[[], object]) -> dict[str, Any]:
    content, why = "", ""
    try:
        content = hashlib.sha256(read_bytes(image.path)).hexdigest()
        read()
    except BrainsegError as error:
        why = str(error)
    return {"readable": not why, "why": why, "content": content or str(image.path)}


def _twins(images: pd.DataFrame, small: dict[tuple[str, int], NDArray[np.float32]]) -> list[int]:
    """For each image the row of one of an earlier split that shows nearly the same, -1 if there is none."""
    rows = np.flatnonzero(images["readable"])
    places_of = list(zip(images["split"], images["position"], strict=True))
    splits, twins = images["split"].to_numpy(), np.full(len(images), -1)
    for name in images["split"].unique()[1:]:
        asked = rows[splits[rows] == name]
        among = rows[rows < np.flatnonzero(splits == name)[0]]
        if len(asked) and len(among):
            places, correlation = most_alike(
                *(np.stack([small[places_of[row]] for row in one]) for one in (asked, among))
            )
            twins[asked] = np.where(correlation >= ALIKE, among[places], -1)
    return [int(twin) for twin in twins]


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


def _patients(
    images: pd.DataFrame, splits: Iterable[str], more: Callable[[str, str], dict[str, Any]] = lambda first, second: {}
) -> pd.DataFrame:
    """Who is in both splits of each pair."""
    patients = {name: images.loc[images["split"] == name, "patient"] for name in splits}
    return pd.DataFrame(
        {
            "first": first,
            "second": second,
            "patients": patients[second].nunique(),
            "shared": len(set(patients[first].dropna()) & set(patients[second].dropna())),
            "images": len(patients[second]),
            "known": int(patients[second].dropna().isin(set(patients[first])).sum()),
            **more(first, second),
        }
        for first, second in itertools.combinations(splits, 2)
    )


def _areas(groups: dict[str, pd.DataFrame], masks: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "split": name,
            "mask": mask,
            "images": int(group[column].count()),
            "mean": group[column].mean(),
            "median": group[column].median(),
            "background_accuracy": 1 - group[column].mean(),
            "background_mean_iou": (1 - group[column].mean()) / 2,
            "full_dice": (2 * group[column] / (1 + group[column])).mean(),
        }
        for name, group in groups.items()
        for mask, column in masks.items()
    )


def _file_findings(
    images: pd.DataFrame, dataset: dict[str, Split], root: Path, folder: Path, unreadable: str
) -> Iterator[Finding]:
    why = [why.removeprefix(f"{folder}/") for why in images["why"][~images["readable"]]]
    yield unreadable, len(why), len(images), some(why, "; ")
    yield about_images("image files identical to an earlier one", images, images.duplicated("content"))
    listed = {image.path for split in dataset.values() for image in split.images}
    there = sorted(path for place in {path.parent for path in listed} for path in place.iterdir())
    unlisted = [path.name for path in there if path.suffix.lower() in KINDS and path not in listed]
    if unlike := unlike_listed(root):
        changed, total = unlike
        yield UNLIKE, len(changed), total, some(changed)
    yield "image files that no annotation file lists", len(unlisted), len(images) + len(unlisted), some(unlisted)


def _pairing_findings(
    images: pd.DataFrame, pairing: pd.DataFrame, dataset: dict[str, Split], by: str
) -> Iterator[Finding]:
    runs = [
        f"{run['split']} list positions {run['first']} to {run['last']} get the label {run['offset']:+d} away, "
        f"mean Dice with their own {run['label_dice']:.2f}, {run['apart']} do not touch it"
        for run in pairing.to_dict("records")
    ]
    shifted = int(pairing["images"].sum())
    yield f"images given another image's label by {by}", shifted, len(images), some(runs, "; ")
    yield about_images(f"images given no label by {by}", images, images["label_position"] < 0)
    surplus = sum(max(0, len(split.annotations) - len(split.images)) for split in dataset.values())
    total = sum(len(split.annotations) for split in dataset.values())
    yield f"annotations that {by} drops", surplus, total, ""


def _label_findings(images: pd.DataFrame, dataset: dict[str, Split]) -> Iterator[Finding]:
    yield about_images("images without an annotation", images, images["annotations"] == 0)
    yield about_images("images with several annotations", images, images["annotations"] > 1)
    tests: dict[str, Callable[[Annotation, Image], bool]] = {
        "labels that are axis-parallel rectangles, not outlines": _is_rectangle,
        "labels without a pixel": lambda a, image: coco_mask.area(a.encoded(image.height, image.width)) == 0,
        "labels that reach outside of their image": _is_outside,
        "labels whose bounding box entry is off by more than a pixel": _is_misdescribed,
    }
    labels, paths = list(_labels(dataset)), [image.path for split in dataset.values() for image in split.images]
    names = dict(zip(paths, images["name"], strict=True))
    for finding, holds in tests.items():
        found = [(image, split) for split, image, annotation in labels if holds(annotation, image)]
        named = [f"{split} {names[image.path]}" for image, split in found]
        yield finding, len(found), len(labels), "" if len(found) == len(labels) else some(named)


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
    return any(leaves(polygon, (image.width, image.height)) for polygon in annotation.polygons)


def _is_misdescribed(annotation: Annotation, image: Image) -> bool:
    if annotation.rle is not None:
        extent = coco_mask.toBbox(annotation.encoded(image.height, image.width))
    else:
        points = np.concatenate(annotation.polygons)
        extent = np.concatenate([points.min(axis=0), np.ptp(points, axis=0)])
    return bool(np.abs(extent - annotation.bbox).max() > 1)


def _twin_finding(images: pd.DataFrame) -> Finding:
    repeats = images[(images["twin"] >= 0) & ~images.duplicated("content")]
    named = [
        f"{row['split']} {row['name']} repeats {images['split'][row['twin']]} {images['name'][row['twin']]}"
        for row in repeats.to_dict("records")
    ]
    return "images that nearly repeat one of an earlier split", len(repeats), len(images), some(named)


def _category_findings(dataset: dict[str, Split]) -> Iterator[Finding]:
    names = {name for split in dataset.values() for name in split.categories}
    used = {annotation.category for split in dataset.values() for annotation in split.annotations}
    unused = sorted(names - used)
    yield "categories that no annotation uses", len(unused), len(names), some([repr(name) for name in unused])


def _id_finding(dataset: dict[str, Split]) -> Finding:
    ids: dict[str, dict[int, str]] = {}
    for split in dataset.values():
        for number, name in split.named.items():
            ids.setdefault(name, {}).setdefault(number, split.name)
    several = [
        f"{name!r} is " + ", ".join(f"{number} in {split}" for number, split in places.items())
        for name, places in ids.items()
        if len(places) > 1
    ]
    return "categories with another id in another split", len(several), len(ids), some(several, "; ")


def _patient_findings(images: pd.DataFrame, patients: pd.DataFrame, splits: dict[str, Split]) -> Iterator[Finding]:
    spread = images.dropna(subset="patient").groupby("patient")["split"].nunique()
    everywhere = int((spread == len(splits)).sum())
    number = "three" if len(splits) == 3 else len(splits)
    yield (
        "patients in more than one split",
        int((spread > 1).sum()),
        len(spread),
        f"{everywhere} of them in all {number}",
    )
    for row in patients.to_dict("records"):
        detail = f"{row['shared']} of {row['patients']} patients"
        if "adjacent" in row:
            detail += (
                f"; {row['adjacent']} images with the next slice there; a copy of the label of the nearest slice has "
                f"Dice {row['copied_box']:.2f}, of its border {row['copied_border']:.2f}"
            )
        finding = f"images in {row['second']} of patients who are in {row['first']} too"
        yield finding, row["known"], row["images"], detail if row["known"] else ""
