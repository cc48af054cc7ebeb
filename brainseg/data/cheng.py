"""Cheng's borders: outlines that the authors of the original slices drew by hand.

The Kaggle images are slices of Jun Cheng's data set (figshare, doi 10.6084/m9.figshare.1512427), transposed and
stretched to 640x640. Cheng's own tumour borders, tumour types and patient IDs therefore belong to them as well.
"""

import io
import json
import math
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from brainseg.data.coco import RunLengths, decode, enclosed_area, encode, outline, read_annotations
from brainseg.data.outside import SIDE, TEXT, expecting, read_bytes, require_size, shown, write_whole
from brainseg.errors import BrainsegError

BORDERS = Path("cheng2017", "annotations.coco.json")
SCHEMA = yaml.safe_load(Path(__file__).with_name("cheng.schema.yml").read_text(encoding="utf-8"))
MAT: Final = 1 << 26
"""Bytes of a ``.mat`` file, at most; the largest has less than a megabyte."""

DIRECTORY: Final = 1 << 18
"""Bytes that a zip file's list of its files has, at most; the longest of Cheng's has a fifth."""

NUMBERS: Final = {"image": SIDE**2, "tumorMask": SIDE**2, "tumorBorder": 1 << 13, "PID": 64, "label": 1}
"""Of each array of a ``.mat`` file, at most."""

AGAIN = "make it again with 'brainseg data import-cheng'"

_TYPES = {"meningioma": "meningioma", "glioma": "glioma", "pituitary tumor": "pituitary"}
_CATEGORIES = [{"id": i, "name": name, "supercategory": "tumor"} for i, name in enumerate(_TYPES, start=1)]
_SOURCE = {"contributor": "Jun Cheng", "url": "https://doi.org/10.6084/m9.figshare.1512427.v5"}
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

    def points(self, height: int, width: int) -> NDArray[np.float64]:
        """The border in the Kaggle image of that size, x and y: transposed, and stretched to it."""
        return np.asarray(self.polygon[:, ::-1] / (self.height, self.width) * (width, height))

    def encoded(self, height: int, width: int) -> RunLengths:
        """The area inside the border in the Kaggle image of that size."""
        return encode([self.points(height, width)], height, width)

    def mask(self, size: int) -> NDArray[np.bool_]:
        """The same as a mask, (size, size).

        >>> upper_half = np.array([[0, 0], [512, 0], [512, 256], [0, 256]])
        >>> Border(1, 512, 512, "100360", "glioma", upper_half).mask(4)[0].astype(int)
        array([1, 1, 0, 0])
        """
        return decode(self.encoded(size, size))


def read_borders(root: Path) -> dict[int, Border]:
    """Read ``root/cheng2017/annotations.coco.json``: borders by slice number.

    Raises:
        BrainsegError: If it is no border file, or a slice has several borders.
    """
    borders = all_borders(root)
    if several := repeated(borders):
        raise BrainsegError(
            f"{root / BORDERS} has several borders of slice {several[0]}, expected one of each: {AGAIN}"
        )
    return {border.number: border for border in borders}


def all_borders(root: Path) -> list[Border]:
    """As :func:`read_borders`, in file order, and a slice may have several."""
    path = root / BORDERS
    content = read_annotations(path, SCHEMA, AGAIN)
    types = {c["id"]: _TYPES[c["name"]] for c in content["categories"]}
    images = {i["id"]: i for i in content["images"]}
    try:
        return [_border(entry, images[entry["image_id"]], types) for entry in content["annotations"]]
    except KeyError as error:
        raise BrainsegError(
            f"{path} has a border of slice or type {error}, which is not in the file: {AGAIN}"
        ) from error


def repeated(borders: Iterable[Border]) -> list[int]:
    """Numbers of the slices that have several borders."""
    return [number for number, times in Counter(border.number for border in borders).items() if times > 1]


def _border(entry: dict[str, Any], image: dict[str, Any], types: dict[int, str]) -> Border:
    number = int(Path(image["file_name"]).stem)
    return Border(
        number=number,
        width=image["width"],
        height=image["height"],
        patient_id=image["patient_id"],
        tumour_type=types[entry["category_id"]],
        polygon=outline(entry["segmentation"][0], f"the border of slice {number}"),
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
    _require_ours(out)
    patients = len({b.patient_id for b in borders})
    info = {
        "description": "Tumour borders and patient IDs of Jun Cheng's brain tumor dataset "
        f"({len(borders)} T1-weighted contrast-enhanced slices, {patients} patient IDs)",
        "version": "5",
        "year": 2017,
        **_SOURCE,
    }
    text = json.dumps(border_file(borders, info), separators=(",", ":"))
    if len(text) > TEXT:
        raise BrainsegError(
            f"the borders take {len(text):,} bytes, expected at most {TEXT:,}: name Cheng's files alone"
        )
    write_whole(out, text)
    return pd.DataFrame(
        {
            "number": [b.number for b in borders],
            "width": [b.width for b in borders],
            "patient_id": [b.patient_id for b in borders],
            "tumour_type": [b.tumour_type for b in borders],
            "dice": [dice for _, dice in slices],
        }
    )


def _require_ours(out: Path) -> None:
    """Refuse to overwrite what is no border file of Cheng's slices."""
    if not out.exists():
        return
    with expecting(f"{out} exists, and brainseg did not make it", "move it away, or name another file"):
        info = json.loads(read_bytes(out, TEXT))["info"]
        if {field: info[field] for field in _SOURCE} != _SOURCE:
            raise ValueError("another source")


def _mat_files(sources: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for source in sources:
        if source.is_dir():
            yield from _mat_files(sorted(source.glob("*.zip")))
            yield from ((str(path), read_bytes(path, MAT)) for path in sorted(source.rglob("*.mat")))
        elif source.is_file() and zipfile.is_zipfile(source):
            with expecting(f"{source} is a damaged zip file", "fetch it again"), short_zip(source) as archive:
                for about in archive.infolist():
                    if about.filename.endswith(".mat"):
                        if about.file_size > MAT:
                            raise ValueError(f"{about.filename} has {about.file_size:,} bytes, more than {MAT:,}")
                        yield f"{source}/{about.filename}", archive.read(about)
        else:
            raise BrainsegError(f"{source} is neither a folder nor a zip file: name Cheng's zip files or their folder")


def short_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip file whose list of its files is short, which is known before that is read.

    Raises:
        ValueError: If it is longer, or may be, as in the format for more than 65,535 files or 4 GB.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - (1 << 16) - 42))
        tail = file.read()
    end = tail.rfind(b"PK\5\6")
    length = int.from_bytes(tail[end + 12 : end + 16], "little") if end >= 0 else 0  # else ZipFile says that it is none
    if length > DIRECTORY or tail[max(0, end - 20) :].startswith(b"PK\6\7"):
        raise ValueError(f"a list of more than {DIRECTORY:,} bytes")
    return zipfile.ZipFile(path)


def _read_mat(name: str, data: bytes) -> tuple[Border, float]:
    """Read one MATLAB 7.3 file; HDF5 readers see MATLAB's arrays transposed."""
    with expecting(f"{name} is not one of Cheng's .mat files", "leave it out"):
        with h5py.File(io.BytesIO(data), "r") as file:
            width, height = _array(file, "image", shape_only=True)
            require_size(name, height, width)
            patient_id = "".join(map(chr, _array(file, "PID").ravel()))
            for what, text, pattern in (
                ("name", Path(name).stem, "[0-9]{1,9}"),
                ("PID", patient_id, "[A-Za-z0-9_.-]+"),
            ):
                if re.fullmatch(pattern, text) is None:
                    raise ValueError(f"{what} {shown(text)}")
            drawn = _array(file, "tumorMask").T > 0
            if drawn.shape != (height, width):
                raise ValueError(f"a mask of {drawn.shape} on an image of {(height, width)}")
            border = Border(
                number=int(Path(name).stem),
                width=int(width),
                height=int(height),
                patient_id=patient_id,
                tumour_type=dict(enumerate(_TYPES.values(), start=1))[int(_array(file, "label").item())],
                polygon=outline(_array(file, "tumorBorder").ravel(), "tumorBorder"),
            )
        inside = decode(encode([border.polygon], border.height, border.width))
        return border, float(2 * (inside & drawn).sum() / max(inside.sum() + drawn.sum(), 1))


def _array(file: h5py.File, name: str, shape_only: bool = False) -> Any:
    """An array of ``cjdata``: numbers, no more than a picture has, in this file and not in another."""
    for place in ("cjdata", f"cjdata/{name}"):
        if not isinstance(file.get(place, getlink=True), h5py.HardLink):
            raise ValueError(f"{place} is missing, or in another file")
    stored = file[f"cjdata/{name}"]
    sizes = [stored.size, *([math.prod(stored.chunks)] if stored.chunks else [])]
    if (
        stored.dtype.kind not in "buif"
        or stored.is_virtual
        or stored.external
        or stored.size > NUMBERS[name]
        or max(sizes) > SIDE**2
    ):
        raise ValueError(f"{name} is no array of numbers, or too large")
    return stored.shape if shape_only else stored[()]


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
