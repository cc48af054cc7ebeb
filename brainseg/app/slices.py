"""Any picture of a slice as the models take it: JPEG, PNG, DICOM or NIfTI, of any size."""

import gzip
import io
import warnings
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainseg.data.coco import resized
from brainseg.data.outside import FILE, expecting, read_bytes, readable, require_file, require_size
from brainseg.data.pictures import decoded, header
from brainseg.errors import BrainsegError
from brainseg.opencv import cv2

Slice = NDArray[np.uint8]
Reader = Callable[[Path], Slice]

AT_ONCE = 8
"""Images that are held and answered at once; more are hardly faster, and take more memory."""

RUNS = 1 << 23
"""Bytes of a run-length encoded DICOM image, at most; they can stand for 64 times as many."""

STEPS = 500_000
"""Reads of a DICOM file, at most. Each element takes one or two, and more memory than its bytes."""

VALUE = 1 << 20
"""Bytes of a DICOM element that says how an image is stored or shown, at most."""

COLOUR = 0.1
"""A picture is in colour if its red, green and blue differ anywhere by more than this share of its brightest value."""


def read_slice(path: Path, number: int | None = None) -> Slice:
    """Read one grey slice, (h, w), 0 to 255.

    A picture of eight bits is taken as it is. Anything else is spread linearly, its lowest value to 0 and its highest
    to 255, as it was done with the study's images; a DICOM file's own window comes before that. A NIfTI volume is
    turned until its axes run from left to right, back to front and foot to head, or nearly so, and cut across the last.
    Its slices are shown as a radiologist sees them: the patient's right on the left, the front on top.

    Args:
        path: A file; its content decides what it is, apart from NIfTI, which is known by ``.nii`` or ``.nii.gz``.
        number: Which slice of a file with several, from 0; None: the middle one.

    Raises:
        BrainsegError: If the file is not there, is none of these or is in colour, or if there is no such slice, or its
            values are not finite or all equal.
    """
    if path.is_dir():
        raise BrainsegError(f"received {path}, which is a folder: name the images in it, for instance {path}/*.png")
    if not path.is_file():
        raise BrainsegError(f"received {path}, which is no file: expected a JPEG, PNG, DICOM or NIfTI image")
    require_file(path, FILE)
    read = _nifti if _is_nifti(path) else _dicom if _is_dicom(path) else _picture
    with warnings.catch_warnings(action="ignore"):  # of libraries, about what is refused or does not matter here
        return _grey(read(path, number), path)


def image_files(given: Iterable[Path]) -> list[Path]:
    """The files that are given, and those in the folders that are given, by name; hidden ones are left out.

    Raises:
        BrainsegError: If there is no file in a folder.

    >>> folder = getfixture("tmp_path")
    >>> for name in ("b.png", "a.png", ".listing"):
    ...     (folder / name).touch()
    >>> [file.name for file in image_files([folder, Path("c.png")])]
    ['a.png', 'b.png', 'c.png']
    """
    return [file for path in given for file in (_within(path) if path.is_dir() else [path])]


def reader(number: int | None = None) -> Reader:
    """What reads slices as :func:`read_slice`, and has the last :data:`AT_ONCE` at hand if they are asked for again."""
    return lru_cache(maxsize=AT_ONCE)(partial(read_slice, number=number))


def is_upright(path: Path) -> bool:
    """Whether a file's format shows a head upright, front or crown on top: DICOM and NIfTI do.

    The study's images, which the networks learnt from, do not: they are Cheng's slices transposed, so that the front or
    the crown lies on the left.

    >>> is_upright(Path("head.nii.gz"))
    True
    """
    return _is_nifti(path) or (path.is_file() and _is_dicom(path))


def to_square(image: Slice, size: int) -> Slice:
    """The image in the middle of a black square, resized bilinearly as the data sets are: (size, size).

    >>> to_square(np.full((2, 4), 9, np.uint8), 4)
    array([[0, 0, 0, 0],
           [9, 9, 9, 9],
           [9, 9, 9, 9],
           [0, 0, 0, 0]], dtype=uint8)
    """
    top, left, side = _frame(image.shape)
    square = np.zeros((side, side), np.uint8)
    square[top : top + image.shape[0], left : left + image.shape[1]] = image
    return resized(square, size)


def from_square(values: ArrayLike, shape: tuple[int, int]) -> NDArray[np.float32]:
    """The inverse for a map (size, size) of what a model answered: resized and cut to an image's shape (h, w)."""
    top, left, side = _frame(shape)
    large = cv2.resize(np.asarray(values, np.float32), (side, side))
    return np.asarray(large[top : top + shape[0], left : left + shape[1]], np.float32)


def _frame(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Top and left of an image in its square, and the square's side."""
    side = max(shape)
    return (side - shape[0]) // 2, (side - shape[1]) // 2, side


def _within(folder: Path) -> list[Path]:
    with readable(folder):
        files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if not files:
        raise BrainsegError(f"received {folder}, a folder without files: name one with images in it")
    return files


def _is_nifti(path: Path) -> bool:
    return path.name.endswith((".nii", ".nii.gz"))


def _is_dicom(path: Path) -> bool:
    with readable(path), path.open("rb") as file:
        return file.read(132).endswith(b"DICM")


def _picture(path: Path, number: int | None) -> NDArray[Any]:
    content = read_bytes(path)
    header(content, path)
    _choice(1, number, path)
    picture = decoded(content, path, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR)
    if picture.ndim == 3:
        channels = cv2.split(picture)
        spread = np.maximum.reduce(channels) - np.minimum.reduce(channels)
        if float(spread.max()) > COLOUR * float(picture.max()):
            raise BrainsegError(f"{path} is a picture in colour, expected shades of grey")
        picture = picture[..., 1]
    return np.asarray(picture)


def _nifti(path: Path, number: int | None) -> NDArray[Any]:
    import nibabel  # here, because a picture should not wait for it
    from nibabel.orientations import apply_orientation, io_orientation

    with expecting(f"{path} cannot be read as NIfTI", "save it again"):
        if path.suffix == ".gz":
            _require_whole(path)
        volume: Any = nibabel.load(path)
        kind, shape = volume.get_data_dtype(), (*volume.shape, 1, 1)[: max(3, len(volume.shape))]
        if kind.kind not in "iuf":
            raise ValueError(f"values of the kind {kind}, expected numbers")
        if kind.itemsize * np.prod(shape, dtype=float) > FILE:
            raise ValueError(f"the shape {shape}, expected at most {FILE:,} bytes")
        turned: Any = io_orientation(volume.affine)  # type: ignore[no-untyped-call]
        if not np.isfinite(turned).all():
            raise ValueError("axes without a direction")
        cut = _cut(shape, turned, number, path)
        values = np.asarray(volume.dataobj[cut[: len(volume.shape)]], np.float32)
        solid: Any = apply_orientation(  # type: ignore[no-untyped-call]
            values.reshape([*values.shape, 1, 1][: len(shape)]), turned
        )
        values = np.squeeze(solid)
    require_size(path, *values.shape[::-1])
    return np.asarray(values.T[::-1, ::-1])


def _cut(shape: tuple[int, ...], turned: NDArray[Any], number: int | None, path: Path) -> tuple[slice, ...]:
    """What to read of a volume, so that nothing but the chosen slice is: all of each axis but the last one of three.

    The axes are counted as they are once the volume is ``turned``, and those of one voxel are not counted.
    """
    order = [*(int(np.flatnonzero(turned[:, 0] == axis)[0]) for axis in range(3)), *range(3, len(shape))]
    long = [axis for axis in order if shape[axis] != 1]
    if len(long) not in (2, 3):
        raise BrainsegError(f"{path} has the shape {shape}, expected a slice or a volume of slices")
    chosen = _choice(0 if min(shape) < 1 else shape[long[2]] if len(long) == 3 else 1, number, path)
    cut = [slice(None)] * len(shape)
    if len(long) == 3:
        backwards = long[2] < 3 and turned[long[2], 1] < 0
        place = shape[long[2]] - 1 - chosen if backwards else chosen
        cut[long[2]] = slice(place, place + 1)
    return tuple(cut)


def _require_whole(path: Path) -> None:
    """Unpack a file to its end, where its checksum is."""
    unpacked = 0
    with gzip.open(path) as file:
        while part := file.read(1 << 20):
            unpacked += len(part)
            if unpacked > FILE:
                raise ValueError(f"it unpacks to more than {FILE:,} bytes")


class _Bounded(io.BufferedReader):
    """A file that is read in so many steps, at most."""

    left = STEPS

    def read(self, size: int | None = -1, /) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise ValueError(f"it is in more than {STEPS:,} pieces")
        return super().read(size)


def _dicom(path: Path, number: int | None) -> NDArray[Any]:
    import pydicom  # here, because a picture should not wait for it
    from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
    from pydicom.pixels.utils import pixel_array

    with expecting(f"the image in {path} cannot be decoded", "save it uncompressed"):
        about = pydicom.filereader.read_file_meta_info(path)
        if about.get("TransferSyntaxUID") == pydicom.uid.DeflatedExplicitVRLittleEndian:
            raise ValueError("it is compressed as a whole")
        with _Bounded(io.FileIO(path)) as file:
            content = pydicom.dcmread(file)
        for tag in content.group_dataset(0x0028).keys():  # noqa: SIM118 (the values would be parsed)
            value = content.get_item(tag).value
            if isinstance(value, bytes) and len(value) > VALUE:
                raise ValueError(f"{tag} has more than {VALUE:,} bytes")
        if "PixelData" not in content:
            raise BrainsegError(f"{path} is a DICOM file without an image")
        if content.get("SamplesPerPixel", 1) != 1:
            raise BrainsegError(f"{path} is a DICOM file in colour, expected shades of grey")
        if (colours := content.get("PhotometricInterpretation")) not in ("MONOCHROME1", "MONOCHROME2"):
            raise BrainsegError(f"{path} is a DICOM file with colours {colours}, expected shades of grey")
        require_size(path, int(content.Rows), int(content.Columns))
        frames = int(content.get("NumberOfFrames") or 1)
        chosen = _choice(frames, number, path)
        if content.file_meta.TransferSyntaxUID == pydicom.uid.RLELossless:
            frame = pydicom.encaps.get_frame(content.PixelData, chosen, number_of_frames=frames)
            if len(frame) > RUNS:
                raise ValueError(f"{len(frame):,} bytes of runs, expected at most {RUNS:,}")
        stored = pixel_array(content, index=chosen)
        if (width := content.get("WindowWidth")) is not None and np.min(np.asarray(width, float)) < 1:
            del content.WindowWidth  # some devices write 0 where there is no window
        values = np.asarray(apply_voi_lut(apply_modality_lut(stored, content), content), np.float32)
        return values.max() - values if colours == "MONOCHROME1" else values


def _choice(slices: int, number: int | None, path: Path) -> int:
    if slices < 1:
        raise BrainsegError(f"{path} is empty: it has no slices")
    chosen = slices // 2 if number is None else number
    if not 0 <= chosen < slices:
        raise BrainsegError(f"received slice {number} of {path}, expected one from 0 to {slices - 1}")
    return chosen


def _grey(values: NDArray[Any], path: Path) -> Slice:
    if not np.isfinite(values).all():
        raise BrainsegError(f"{path} has values that are not finite")
    low, high = float(values.min()), float(values.max())
    if low == high:
        raise BrainsegError(f"the slice of {path} is empty: all its pixels are {low:g}; choose another with --slice")
    if values.dtype == np.uint8:
        return values
    spread = (values.astype(np.float64) - low) * (255 / (high - low))
    return np.rint(spread).astype(np.uint8)
