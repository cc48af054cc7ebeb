"""Any picture of a slice as the models take it: JPEG, PNG, DICOM or NIfTI, of any size."""

from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainseg.data.coco import resized
from brainseg.errors import BrainsegError
from brainseg.opencv import cv2

Slice = NDArray[np.uint8]
Reader = Callable[[Path], Slice]

AT_ONCE = 8
"""Images that are held and answered at once; more are hardly faster, and take more memory."""

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
    if _is_nifti(path):
        return _grey(_chosen(_nifti(path), number, path), path)
    if _is_dicom(path):
        return _grey(_chosen(_dicom(path), number, path), path)
    return _grey(_chosen(_picture(path), number, path), path)


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
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if not files:
        raise BrainsegError(f"received {folder}, a folder without files: name one with images in it")
    return files


def _is_nifti(path: Path) -> bool:
    return path.name.endswith((".nii", ".nii.gz"))


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132).endswith(b"DICM")


def _picture(path: Path) -> NDArray[Any]:
    read = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR
    picture = cv2.imdecode(np.fromfile(path, np.uint8), read) if path.stat().st_size else None
    if picture is None:
        raise BrainsegError(f"{path} cannot be read: expected a JPEG, PNG, DICOM or NIfTI image")
    if picture.ndim == 3:
        channels = cv2.split(picture)
        spread = np.maximum.reduce(channels) - np.minimum.reduce(channels)
        if float(spread.max()) > COLOUR * float(picture.max()):
            raise BrainsegError(f"{path} is a picture in colour, expected shades of grey")
        picture = picture[..., 1]
    return np.asarray(picture)[np.newaxis]


def _nifti(path: Path) -> NDArray[Any]:
    import nibabel  # here, because a picture should not wait for it
    from nibabel.filebasedimages import ImageFileError

    try:
        volume: Any = nibabel.as_closest_canonical(nibabel.load(path))  # type: ignore[no-untyped-call]
        values = np.squeeze(volume.get_fdata(dtype=np.float32))
    except (ImageFileError, OSError, EOFError) as error:
        raise BrainsegError(f"{path} cannot be read as NIfTI: {error}") from error
    if values.ndim not in (2, 3):
        raise BrainsegError(f"{path} has the shape {values.shape}, expected a slice or a volume of slices")
    stack = values[..., np.newaxis] if values.ndim == 2 else values
    return np.asarray(stack.transpose(2, 1, 0)[:, ::-1, ::-1])


def _dicom(path: Path) -> NDArray[Any]:
    import pydicom  # here, because a picture should not wait for it
    from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

    content = pydicom.dcmread(path)
    if "PixelData" not in content:
        raise BrainsegError(f"{path} is a DICOM file without an image")
    if content.get("SamplesPerPixel", 1) != 1:
        raise BrainsegError(f"{path} is a DICOM file in colour, expected shades of grey")
    try:
        stored = content.pixel_array
    except (AttributeError, RuntimeError, ValueError, NotImplementedError) as error:
        raise BrainsegError(f"the image in {path} cannot be decoded, save it uncompressed: {error}") from error
    values = np.asarray(apply_voi_lut(apply_modality_lut(stored, content), content), np.float32)
    if content.get("PhotometricInterpretation") == "MONOCHROME1":
        values = values.max() - values
    return values if values.ndim == 3 else values[np.newaxis]


def _chosen(stack: NDArray[Any], number: int | None, path: Path) -> NDArray[Any]:
    if not stack.size:
        raise BrainsegError(f"{path} is empty: it has no slices")
    chosen = len(stack) // 2 if number is None else number
    if not 0 <= chosen < len(stack):
        raise BrainsegError(f"received slice {number} of {path}, expected one from 0 to {len(stack) - 1}")
    return np.asarray(stack[chosen])


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
