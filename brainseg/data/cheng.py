"""Cheng's borders: outlines that the authors of the original slices drew by hand.

The Kaggle images are slices of Jun Cheng's data set (figshare, doi 10.6084/m9.figshare.1512427), transposed and
stretched to 640x640. Cheng's own tumour borders, tumour types and patient IDs therefore belong to them as well.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainseg.data.coco import RunLengths, decode, enclosed_area, encode, read_json
from brainseg.errors import BrainsegError

BORDERS = Path("cheng2017", "annotations.coco.json")

_TYPES = {"meningioma": "meningioma", "glioma": "glioma", "pituitary tumor": "pituitary"}
_CATEGORIES = [{"id": i, "name": name, "supercategory": "tumor"} for i, name in enumerate(_TYPES, start=1)]
_LICENCE = {"id": 1, "name": "CC BY 4.0", "url": "https://creativecommons.org/licenses/by/4.0/"}


@dataclass(frozen=True, eq=False)
class Border:
    """Tumour border of one slice, in the frame of Cheng's file.

    Attributes:
        number: Number of the slice, which the name of a Kaggle image starts with.
        width, height: Size of Cheng's slice in pixels, 512 or 256.
        patient_id: As in the file.
        tumour_type: ``meningioma``, ``glioma`` or ``pituitary``.
        polygon (ndarray, (k, 2)): x, y in pixels of Cheng's slice.
    """

    number: int
    width: int
    height: int
    patient_id: str
    tumour_type: str
    polygon: NDArray[np.float64]

    @property
    def patient(self) -> str:
        """The patient ID without the letter that may follow its last digit: one value per person.

        >>> Border(1, 512, 512, "MR040240B", "glioma", np.zeros((3, 2))).patient
        'MR040240'
        """
        return re.sub(r"(?<=\d)[A-Z]$", "", self.patient_id)

    def encoded(self, height: int, width: int) -> RunLengths:
        """The area inside the border in the Kaggle image of that size: transposed, and stretched to it."""
        points = self.polygon[:, ::-1] / (self.height, self.width) * (width, height)
        return encode([points], height, width)

    def mask(self, size: int) -> NDArray[np.bool_]:
        """The same as a mask, (size, size).

        >>> upper_half = np.array([[0, 0], [512, 0], [512, 256], [0, 256]])
        >>> Border(1, 512, 512, "100360", "glioma", upper_half).mask(4)[0].astype(int)
        array([1, 1, 0, 0])
        """
        return decode(self.encoded(size, size))


def read_borders(root: Path) -> dict[int, Border]:
    """Read ``root/cheng2017/annotations.coco.json``: borders by slice number."""
    path = root / BORDERS
    content = read_json(path)
    try:
        types = {c["id"]: _TYPES[c["name"]] for c in content["categories"]}
        images = {i["id"]: i for i in content["images"]}
        borders = [_border(entry, images[entry["image_id"]], types) for entry in content["annotations"]]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BrainsegError(
            f"{path} is not a border file ({type(error).__name__}: {error}): "
            "make it again with 'brainseg data import-cheng'"
        ) from error
    return {border.number: border for border in borders}


def _border(entry: dict[str, Any], image: dict[str, Any], types: dict[int, str]) -> Border:
    return Border(
        number=int(Path(image["file_name"]).stem),
        width=int(image["width"]),
        height=int(image["height"]),
        patient_id=str(image["patient_id"]),
        tumour_type=types[entry["category_id"]],
        polygon=np.array(entry["segmentation"][0], np.float64).reshape(-1, 2),
    )


def import_cheng(sources: Path | Sequence[Path], out: Path) -> pd.DataFrame:
    """Collect borders, types and patient IDs of Cheng's ``.mat`` files in one COCO file.

    Args:
        sources: Folders with ``.mat`` files or zip files, or zip files with ``.mat`` files.
        out: The border file to write; :func:`read_borders` expects it at ``root/cheng2017/annotations.coco.json``.

    Returns:
        One row per slice: ``number``, ``width``, ``patient_id``, ``tumour_type`` and ``dice``, the overlap between the
        area inside the border and the ``tumorMask`` that the same file holds, between 0 and 1.
    """
    files = [sources] if isinstance(sources, Path) else sources
    slices = sorted((_read_mat(name, data) for name, data in _mat_files(files)), key=lambda s: s[0].number)
    if not slices:
        raise BrainsegError(f"no .mat files in {', '.join(map(str, files))}: name Cheng's zip files or their folder")
    borders = [border for border, _ in slices]
    if len({b.number for b in borders}) < len(borders):
        raise BrainsegError(f"{', '.join(map(str, files))} hold a slice twice: name each zip file or folder once")
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(out.name + ".partial")
    patients = len({b.patient_id for b in borders})
    info = {
        "description": "Tumour borders and patient IDs of Jun Cheng's brain tumor dataset "
        f"({len(borders)} T1-weighted contrast-enhanced slices, {patients} patient IDs)",
        "version": "5",
        "year": 2017,
        "contributor": "Jun Cheng",
        "url": "https://doi.org/10.6084/m9.figshare.1512427.v5",
    }
    partial.write_text(json.dumps(border_file(borders, info), separators=(",", ":")), encoding="utf-8")
    partial.replace(out)
    return pd.DataFrame(
        {
            "number": [b.number for b in borders],
            "width": [b.width for b in borders],
            "patient_id": [b.patient_id for b in borders],
            "tumour_type": [b.tumour_type for b in borders],
            "dice": [dice for _, dice in slices],
        }
    )


def _mat_files(sources: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for source in sources:
        if source.is_dir():
            yield from _mat_files(sorted(source.glob("*.zip")))
            yield from ((str(path), path.read_bytes()) for path in sorted(source.rglob("*.mat")))
        elif zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                names = [name for name in archive.namelist() if name.endswith(".mat")]
                yield from ((f"{source}/{name}", archive.read(name)) for name in names)
        else:
            raise BrainsegError(f"{source} is neither a folder nor a zip file: name Cheng's zip files or their folder")


def _read_mat(name: str, data: bytes) -> tuple[Border, float]:
    """Read one MATLAB 7.3 file; HDF5 readers see MATLAB's arrays transposed."""
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            cjdata = file["cjdata"]
            width, height = cjdata["image"].shape
            border = Border(
                number=int(Path(name).stem),
                width=int(width),
                height=int(height),
                patient_id="".join(map(chr, cjdata["PID"][()].ravel())),
                tumour_type=dict(enumerate(_TYPES.values(), start=1))[int(cjdata["label"][()].item())],
                polygon=np.asarray(cjdata["tumorBorder"][()], np.float64).reshape(-1, 2),
            )
            drawn = cjdata["tumorMask"][()].T > 0
    except (OSError, KeyError, ValueError, IndexError) as error:
        raise BrainsegError(f"{name} is not one of Cheng's .mat files ({type(error).__name__}: {error})") from error
    inside = decode(encode([border.polygon], border.height, border.width))
    return border, float(2 * (inside & drawn).sum() / max(inside.sum() + drawn.sum(), 1))


def border_file(borders: Sequence[Border], info: Mapping[str, Any]) -> dict[str, Any]:
    """What a border file holds, as JSON can hold it."""
    return {
        "info": info,
        "licenses": [_LICENCE],
        "categories": _CATEGORIES,
        "images": [
            {
                "id": b.number,
                "file_name": f"{b.number}.mat",
                "width": b.width,
                "height": b.height,
                "patient_id": b.patient_id,
            }
            for b in borders
        ],
        "annotations": [_border_entry(b) for b in borders],
    }


def _border_entry(border: Border) -> dict[str, Any]:
    low, extent = border.polygon.min(axis=0), np.ptp(border.polygon, axis=0)
    return {
        "id": border.number,
        "image_id": border.number,
        "category_id": list(_TYPES.values()).index(border.tumour_type) + 1,
        "segmentation": [border.polygon.round(3).ravel().tolist()],
        "area": round(enclosed_area(border.polygon), 2),
        "bbox": [round(float(v), 3) for v in (*low, *extent)],
        "iscrowd": 0,
    }
