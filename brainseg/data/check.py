"""Report what is odd in a data set: pairing, labels, borders, categories, patients."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pycocotools import mask as coco_mask
from tqdm import tqdm

from brainseg.data.cheng import Border, read_borders
from brainseg.data.coco import Annotation, Image, Split, pair_by_position, published_mask, read_dataset, union
from brainseg.errors import BrainsegError

PUBLISHED_SIZE = 128
SPLIT_PAIRS = (("train", "valid"), ("train", "test"), ("valid", "test"))

_TINY = 0.02


@dataclass(frozen=True, eq=False)
class Report:
    """What :func:`check` found; areas are fractions of the image, overlaps lie between 0 and 1.

    Attributes
    ----------
    findings : DataFrame
        ``finding``, ``count`` of ``total``, and ``detail``. A count of 0 says that this was looked for and not found.
    images : DataFrame
        One row per image: ``split``, ``position`` (in the list), ``number``, ``patient``, ``patient_id``,
        ``tumour_type``, ``category``, ``annotations``, ``label_position`` (of the image whose annotation the
        published pairing gives this image, -1 if none), ``label_dice`` (that annotation against the image's own
        label), ``box`` and ``border`` (areas), ``position`` masks' area as ``published``, ``dice`` and ``iou`` of box
        and border, ``box_is_tumour`` (share of the box inside the border), ``tumour_in_box`` (share of the area
        inside the border that the box covers), ``readable``, ``content`` (digest of the file).
    pairing : DataFrame
        Runs of images that the published pairing gives another image's annotation: ``split``, ``first`` and ``last``
        position, ``images``, ``offset`` (position of the label minus that of the image), mean ``label_dice``, and
        ``apart``, how many of these labels do not touch the image's own.
    agreement : DataFrame
        Box against border per split and over all: ``images``, mean ``dice``, ``iou``, ``box_is_tumour``,
        ``tumour_in_box``, and ``apart``, how many boxes do not touch the border.
    patients : DataFrame
        For every pair of splits: ``patients`` of the ``second`` split, how many are ``shared`` with the ``first``,
        ``images`` of the second, how many show a patient of the first (``known``) or a slice next to one of the same
        patient there (``adjacent``), and the mean Dice on known images of a copy of the label of the nearest slice
        of the same patient in the first split: ``copied_box`` and ``copied_border``.
    categories : DataFrame
        Number of images per category name (rows) and tumour type (columns).
    areas : DataFrame
        Per split and kind of mask (``published``, ``box``, ``border``): ``mean`` and ``median`` area,
        ``background_accuracy`` (share of correct pixels when all are called background) and
        ``background_mean_iou`` (half of it: what a mean IoU over two classes then reads). The row ``last fifth of
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

    def text(self) -> str:
        """The findings as lines of text, those that were not found last."""
        ordered = self.findings.sort_values("count", key=lambda counts: counts == 0, kind="stable")
        return "\n".join(
            f"{row.count:>5} of {row.total:<5} {row.finding}{f': {row.detail}' if row.detail else ''}"
            for row in ordered.itertuples(index=False, name="Row")
        )


def check(root: Path, progress: bool = False) -> Report:
    """Look for what is odd in the data set at ``root``.

    Parameters
    ----------
    root : Path
        Folder with ``tumorseg-coco`` and ``cheng2017``.
    progress : bool
        Whether to show a progress bar.

    Raises
    ------
    BrainsegError
        If the data set cannot be read at all.
    """
    dataset, borders = read_dataset(root), read_borders(root)
    regions = list(_regions(dataset, borders))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        measured = tqdm(
            pool.map(_measure, regions), total=len(regions), desc="check", unit="image", disable=not progress
        )
        images = pd.DataFrame(list(measured))
    pairing = _pairing(images)
    patients = pd.DataFrame([_leakage(regions, first, second) for first, second in SPLIT_PAIRS])
    categories = pd.crosstab(images["category"], images["tumour_type"])
    findings = [
        *_file_findings(images),
        *_pairing_findings(images, pairing),
        *_label_findings(images, dataset),
        *_border_findings(images, borders),
        *_category_findings(images),
        *_patient_findings(images, patients),
    ]
    return Report(
        findings=pd.DataFrame(findings, columns=["finding", "count", "total", "detail"]),
        images=images,
        pairing=pairing,
        agreement=_agreement(images),
        patients=patients,
        categories=categories,
        areas=_areas(images),
    )
