"""Pictures and pages that carry a mark, so that a command knows a file that it may replace."""

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from brainseg.data.outside import readable
from brainseg.errors import BrainsegError

MARK = "brainseg"
_MARKS = (f"Software\0{MARK}".encode(), f'name="generator" content="{MARK}"'.encode())
"""In a PNG file's text chunk, and in the head of a page."""


def png(picture: NDArray[np.uint8]) -> bytes:
    """A grey picture (h, w), or one in colour (h, w, 3) with red first, as a file with the mark.

    >>> b"Software" in png(np.zeros((1, 1), np.uint8))
    True
    """
    information, file = PngInfo(), io.BytesIO()
    information.add_text("Software", MARK)
    # The lowest level: a quarter of the time of the usual one, for files that are a few hundredths larger.
    Image.fromarray(picture).save(file, "png", pnginfo=information, compress_level=1)
    return file.getvalue()


def refuse_to_overwrite(files: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Refuse to write onto what is to be read, and over what carries no mark.

    Raises:
        BrainsegError: Naming the first such file.
    """
    read = {_identity(given) for given in inputs if given.exists()}
    for file in files:
        if not file.exists():
            continue
        if _identity(file) in read:
            raise BrainsegError(f"{file} is an image that is to be read: choose another -o")
        if not file.is_file() or not any(mark in _head(file) for mark in _MARKS):
            raise BrainsegError(f"{file} exists, and brainseg did not make it: move it away, or choose another -o")


def _head(file: Path) -> bytes:
    with readable(file), file.open("rb") as content:
        return content.read(4096)


def _identity(path: Path) -> tuple[int, int]:
    """The same for all names of a file."""
    status = path.stat()
    return status.st_dev, status.st_ino
