"""A prepared data set: memory-mapped arrays and a table. What a training needs of the data, and all that it needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainseg.errors import known

MASKS = ("position", "box", "border")

_STRINGS = ("split", "file", "patient_id", "patient", "tumour_type", "category", "flags", "patient_split")


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

    def split(self, by: str = "published") -> pd.Series:
        """Name of the split of each row: ``"published"``, or by ``"patient"`` (:func:`patient_split`)."""
        return self.table["split"] if by == "published" else self._by_patient

    @cached_property
    def _by_patient(self) -> pd.Series:
        if "patient_split" in self.table:  # it has been made before, where scikit-learn is
            return self.table["patient_split"]
        from brainseg.data.split import patient_split

        return patient_split(self.table)

    def rows(self, split: str, by: str = "published") -> NDArray[np.intp]:
        """Row numbers of a split, in order."""
        return np.flatnonzero(self.split(by) == known(split, dict.fromkeys(self.table["split"]), "split"))


def open_prepared(folder: Path, size: int, fingerprint: str) -> Prepared:
    """Open the arrays and the table of a prepared data set; the arrays are mapped, not read."""
    table = pd.read_csv(
        folder / "table.csv",
        dtype=dict.fromkeys(_STRINGS, str),
        keep_default_na=False,
        na_values={name: [""] for name in ("box_x", "box_y", "box_width", "box_height")},
    )
    images, *masks = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("images", *MASKS))
    return Prepared(folder, size, fingerprint, table, images, dict(zip(MASKS, masks, strict=True)))
