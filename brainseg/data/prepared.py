"""A prepared data set: memory-mapped arrays and a table. What a training needs of the data, and all that it needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainseg.data import FOLDS
from brainseg.data.checksums import changed_files
from brainseg.errors import BrainsegError, known

MASKS = ("position", "box", "border")

_STRINGS = ("split", "file", "patient_id", "patient", "tumour_type", "category", "flags")


@dataclass(frozen=True, eq=False)
class Prepared:
    """A prepared data set.

    Attributes:
        folder: Where arrays and table lie.
        size: Side of the images and masks in pixels.
        fingerprint: Names the content of the input files, 16 hexadecimal digits.
        table: One row per image, train, valid and test after one another, each in file order. Columns: ``split``,
            ``file``, ``number`` (of the slice), ``patient_id``, ``patient`` (one value per person), ``tumour_type``,
            ``category`` (of the first annotation), ``annotations`` (how many carry the image's id), ``box_x``,
            ``box_y``, ``box_width``, ``box_height`` (extent of these annotations in pixels of the stored image, NaN if
            none), ``label_number`` (slice whose annotation the published pairing gives this image, -1 if none),
            ``frame_width`` (of Cheng's slice, 0 if it has none), ``image_size`` (side of the stored image) and
            ``flags`` (words separated by spaces: ``no_annotation``, ``several_annotations``, ``shifted``,
            ``no_border``).
        images (ndarray of uint8, (n, size, size)): Grey values 0 to 255, memory-mapped.
        masks (mapping to ndarrays of uint8, (n, size, size)): Values 0 and 1, memory-mapped. ``position``: as the
            published notebook makes them; ``box``: the data set's own labels paired by id; ``border``: Cheng's borders.
    """

    folder: Path
    size: int
    fingerprint: str
    table: pd.DataFrame
    images: NDArray[np.uint8]
    masks: Mapping[str, NDArray[np.uint8]]

    def split(self, by: str = "published", fold: int | None = None) -> pd.Series:
        """Name of the split of each row: train, valid, test, or "" where it is in none.

        Args:
            by: ``"published"``: image by image, or by ``"patient"``.
            fold: Which one, see :mod:`brainseg.data.split`; None: the split that the data set came with, which is
                image by image.
        """
        if fold is not None:
            return _split_of(self.folds[by], fold)
        if by != "published":
            raise BrainsegError(f"received no fold for the split by {by}, expected 0 to {FOLDS - 1}")
        return self.table["split"]

    @cached_property
    def folds(self) -> Mapping[str, pd.Series]:
        """Fold of each row, ``"published"`` (image by image) and by ``"patient"``."""
        if "patient_fold" in self.table:  # they have been made before, where scikit-learn is
            return {by: self.table[f"{by}_fold"] for by in ("published", "patient")}
        from brainseg.data.split import image_folds, patient_folds

        return {"published": image_folds(self.table), "patient": patient_folds(self.table)}

    def rows(self, split: str, by: str = "published", fold: int | None = None) -> NDArray[np.intp]:
        """Row numbers of a split, in order."""
        return np.flatnonzero(self.split(by, fold) == known(split, dict.fromkeys(self.table["split"]), "split"))


def _split_of(folds: pd.Series, fold: int) -> pd.Series:
    """A fold is the test set, the next one validates, the others train; -1 is in none."""
    names = {-1: "", fold: "test", (fold + 1) % FOLDS: "valid"}
    return folds.map(lambda number: names.get(number, "train"))


def open_prepared(folder: Path, size: int, fingerprint: str) -> Prepared:
    """Open the arrays and the table of a prepared data set; the arrays are mapped.

    Raises:
        BrainsegError: If a file is not as it was written.
    """
    if changed := changed_files(folder):
        raise BrainsegError(
            f"the prepared data in {folder} are damaged, {changed[0]}: remove that folder, and brainseg data prepare "
            "makes it anew"
        )
    table = pd.read_csv(
        folder / "table.csv",
        dtype=dict.fromkeys(_STRINGS, str),
        keep_default_na=False,
        na_values={name: [""] for name in ("box_x", "box_y", "box_width", "box_height")},
    )
    images, *masks = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("images", *MASKS))
    return Prepared(folder, size, fingerprint, table, images, dict(zip(MASKS, masks, strict=True)))
