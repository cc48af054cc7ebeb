"""How a check counts, names and compares what it finds in a data set."""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from brainseg.data.coco import RunLengths

NAMED: Final = 3
"""So many examples are named; of others the number is said."""

OVERLAPS: Final = ("dice", "iou", "box_is_tumour", "tumour_in_box")

Finding = tuple[str, int, int, str]
"""What is looked for, how often it was found, among how many, and a detail."""


def about_images(finding: str, images: pd.DataFrame, holds: pd.Series) -> Finding:
    """The finding that something holds for some of the images, which have ``split`` and ``name``."""
    found = images[holds]
    names = [f"{split} {name}" for split, name in zip(found["split"], found["name"], strict=True)]
    return finding, len(found), len(images), some(names)


def some(names: list[str], separator: str = ", ") -> str:
    """The first of many names.

    >>> some(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    shown = separator.join(names[:NAMED])
    return f"{shown} and {len(names) - NAMED} more" if len(names) > NAMED else shown


def counted(values: pd.Series) -> str:
    """How often each value occurs.

    >>> counted(pd.Series(["glioma", "pituitary", "glioma"]))
    '2 glioma, 1 pituitary'
    """
    return ", ".join(f"{count} {value}" for value, count in values.value_counts().items())


def overlaps(box: RunLengths | None, border: RunLengths | None) -> dict[str, float]:
    """Overlaps of two masks of one size; NaN where one of them is missing or a share of nothing is asked for."""
    if box is None or border is None:
        return dict.fromkeys(OVERLAPS, np.nan)
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


def area(mask: RunLengths | None) -> float:
    """Share of the image that a mask covers; NaN without one."""
    return np.nan if mask is None else float(coco_mask.area(mask)) / float(np.prod(mask["size"]))


def leaves(polygon: NDArray[np.float64], size: tuple[int, int]) -> bool:
    """Whether a polygon of x, y points reaches out of an image of that width and height."""
    return bool((polygon < 0).any() or (polygon > size).any())
