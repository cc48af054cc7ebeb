"""What can be checked besides where Cheng's borders are at hand: published steps, labels against tumours, patients."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from brainseg.data.cases import Case
from brainseg.data.cheng import Border
from brainseg.data.coco import Annotation, RunLengths, Split, published_mask
from brainseg.data.findings import OVERLAPS, Finding, about_images, area, counted, leaves, overlaps, some

PUBLISHED_SIZE: Final = 128

_NOT_CLOSED: Final = "valid"  # the split whose masks the published steps do not close


def measured(case: Case) -> dict[str, Any]:
    """What a row about an image has besides; :class:`brainseg.data.check.Report` says what."""
    border = case.border
    return {
        "number": case.image.number,
        "patient": border.patient if border else None,
        "patient_id": border.patient_id if border else None,
        "tumour_type": border.tumour_type if border else None,
        **_published(case),
        "border": area(case.tumour),
        **overlaps(case.box, case.tumour),
    }


def _published(case: Case) -> dict[str, float]:
    """The mask that the published steps make of the annotation that the published pairing gives."""
    image, label = case.image, case.published
    if label is None or not label.polygons:
        return dict.fromkeys(("published", "closed"), np.nan)
    mask, unclosed = (published_mask(label, image, PUBLISHED_SIZE, split) for split in (case.split, _NOT_CLOSED))
    return {"published": float(mask.mean()), "closed": float(np.count_nonzero(mask != unclosed))}


def agreement_of(images: pd.DataFrame, splits: Iterable[str]) -> pd.DataFrame:
    """Box against border per split and over all."""
    both = images.dropna(subset="dice")
    groups = {**{name: both[both["split"] == name] for name in splits}, "all": both}
    return pd.DataFrame(
        {
            "split": name,
            "images": len(group),
            **group[list(OVERLAPS)].mean().to_dict(),
            "apart": int((group["dice"] == 0).sum()),
        }
        for name, group in groups.items()
    )


def copied(images: list[Case], first: str, second: str) -> dict[str, Any]:
    """What copies of the labels of nearest slices of known patients score."""
    seen: dict[str, list[Case]] = {}
    for case in images:
        if case.split == first and case.border:
            seen.setdefault(case.border.patient, []).append(case)
    nearest = [
        (case, min(seen[case.border.patient], key=lambda other: abs(other.image.number - case.image.number)))
        for case in images
        if case.split == second and case.border and case.border.patient in seen
    ]
    return {
        "adjacent": sum(abs(case.image.number - other.image.number) == 1 for case, other in nearest),
        "copied_box": _mean_dice((case.box, other.box) for case, other in nearest),
        "copied_border": _mean_dice((case.tumour, other.tumour) for case, other in nearest),
    }


def _mean_dice(pairs: Iterable[tuple[RunLengths | None, RunLengths | None]]) -> float:
    dice = [overlaps(ours, theirs)["dice"] for ours, theirs in pairs]
    return float(pd.Series(dice, dtype=float).mean())


def label_findings(images: pd.DataFrame, annotations: list[Annotation]) -> Iterator[Finding]:
    """What the published steps make of the labels."""
    part = sum(len(annotation.polygons) != 1 for annotation in annotations)
    yield "labels of which the published steps read only a part, or nothing", part, len(annotations), ""
    closed = images[images["split"] != _NOT_CLOSED].dropna(subset="closed")
    yield about_images("labels that the published closing changes", closed, closed["closed"] > 0)


def border_findings(images: pd.DataFrame, borders: dict[int, Border], several: list[int]) -> Iterator[Finding]:
    """What is odd in the borders, of which there should be one for each slice."""
    yield about_images("images of a slice that another image shows", images, images.duplicated("number"))
    named = some([str(number) for number in several])
    yield "slices with several borders, of which the last counts", len(several), len(borders), named
    yield about_images("images without a border", images, images["border"].isna())
    yield about_images("images whose border encloses no pixel", images, images["border"] == 0)
    unused = sorted(borders.keys() - set(images["number"]))
    types = pd.Series([borders[number].tumour_type for number in unused], dtype=str)
    yield "borders without an image", len(unused), len(borders), counted(types)
    frames = ((number, border.polygon, (border.width, border.height)) for number, border in borders.items())
    outside = [str(number) for number, polygon, size in frames if leaves(polygon, size)]
    yield "borders that reach outside of their slice", len(outside), len(borders), some(outside)
    widths = pd.Series([border.width for border in borders.values()])
    odd = widths[widths != widths.mode()[0]] if len(widths) else widths
    detail = ", ".join(f"{count} are {width} wide" for width, count in odd.value_counts().items())
    yield "borders drawn on slices of another width than most", len(odd), len(widths), detail


def agreement_findings(images: pd.DataFrame, agreement: pd.DataFrame) -> Iterator[Finding]:
    """How far labels are from the tumours."""
    both = images[images["dice"].notna()]
    mean = agreement.set_index("split").loc["all"]
    half, cut = both["iou"] < 0.5, both["tumour_in_box"] < 0.9
    on_average = (
        f"on average over all, Dice {mean['dice']:.3f}, IoU {mean['iou']:.3f}, "
        f"{mean['box_is_tumour']:.0%} of the label is tumour"
    )
    cover = f"on average over all, they cover {mean['tumour_in_box']:.0%} of it"
    yield about_images("labels that do not touch the border", both, both["dice"] == 0)
    yield "labels that agree with the border by less than half (IoU)", int(half.sum()), len(both), on_average
    yield "labels that leave out more than a tenth of the tumour", int(cut.sum()), len(both), cover


def category_findings(images: pd.DataFrame, dataset: dict[str, Split]) -> Iterator[Finding]:
    """What the categories hold."""
    used = {annotation.category for split in dataset.values() for annotation in split.annotations}
    types = images.dropna(subset=["category", "tumour_type"]).groupby("category")["tumour_type"]
    mixed = [f"{name!r} holds {counted(group)}" for name, group in types if group.nunique() > 1]
    yield "categories that mix tumour types", len(mixed), len(used), "; ".join(mixed)


def patient_findings(images: pd.DataFrame) -> Iterator[Finding]:
    """Patients who look like several, or have several types of tumour."""
    known = images.dropna(subset="patient").groupby("patient")
    several = {
        "patients with several IDs, which differ in a final letter": known["patient_id"].nunique() > 1,
        "patients with several tumour types": known["tumour_type"].nunique() > 1,
    }
    for finding, holds in several.items():
        yield finding, int(holds.sum()), len(holds), some([str(patient) for patient in holds.index[holds]])
