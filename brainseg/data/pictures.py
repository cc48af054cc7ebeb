"""Pictures from bytes that may be anything: what a file says of itself is read, and refused, before it is decoded."""

import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Exif

from brainseg.data.outside import expecting, require_size
from brainseg.errors import BrainsegError
from brainseg.opencv import cv2

_PNG, _JPEG, _BMP = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM"
_FRAMES: Final = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""Markers of a JPEG file that begin a frame, and so say how large it is."""

_ALONE: Final = {0x01, *range(0xD0, 0xD9)}
"""Markers without a segment after them."""

_ORIENTATION: Final = 0x0112
_CHANNELS: Final = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}


@dataclass(frozen=True)
class Header:
    """What a picture says of itself.

    Attributes:
        kind: ``"JPEG"``, ``"PNG"`` or ``"BMP"``.
        height, width: In pixels.
        bits: Of a value.
        channels: 1 is grey, 2 grey with transparency, 3 colours, 4 colours with transparency or for print.
        orientation: How EXIF says that it is to be turned or mirrored, 2 to 8; 1: not at all.
    """

    kind: str
    height: int
    width: int
    bits: int
    channels: int
    orientation: int = 1


def header(content: bytes, path: Path) -> Header:
    """Read what a picture says of itself, and that it is whole: a PNG file by its checksums, a JPEG file by its end.

    Raises:
        BrainsegError: If it is no JPEG, PNG or BMP picture, is cut off or damaged, or is too large.
    """
    readers = {_PNG: _png, _JPEG: _jpeg, _BMP: _bmp}
    reader = next((readers[start] for start in readers if content.startswith(start)), None)
    if reader is None:
        raise BrainsegError(
            f"{path} cannot be read: expected a JPEG, PNG, DICOM or NIfTI image; this cannot be decoded as one"
        )
    with expecting(f"{path} cannot be decoded as an image", "it is cut off or damaged, get it again"):
        found = reader(content)
    require_size(path, found.height, found.width)
    return found


def decoded(content: bytes, path: Path, how: int) -> NDArray[Any]:
    """The pixels of a picture whose header has been read, as ``cv2.imdecode`` gives them.

    Raises:
        BrainsegError: If they cannot be decoded.
    """
    with expecting(f"{path} cannot be decoded as an image", "get it again"):
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), how)
        if pixels is None:
            raise ValueError("damaged pixels")
        return np.asarray(pixels)


def _png(content: bytes) -> Header:
    width, height, bits, kind = struct.unpack_from(">IIBB", content, 16)
    place, orientation = len(_PNG), 1
    while True:
        (length,) = struct.unpack_from(">I", content, place)
        end = place + 8 + length
        if struct.unpack_from(">I", content, end)[0] != zlib.crc32(content[place + 4 : end]):
            raise ValueError("a part has another checksum than it says")
        name = content[place + 4 : place + 8]
        if name == b"IEND":
            return Header("PNG", height, width, bits, _CHANNELS[kind], orientation)
        if name == b"eXIf":
            orientation = _orientation(b"Exif\0\0" + content[place + 8 : end])
        place = end + 4


def _jpeg(content: bytes) -> Header:
    """Go from marker to marker: of the segments between them, each says its length, a scan ends at the next marker."""
    place, size, orientation = 2, (0, 0, 0, 0), 1
    while True:
        marker = content[place + 1]
        if content[place] != 0xFF:
            raise ValueError("no marker where one should be")
        if marker == 0xD9:
            bits, height, width, channels = size
            return Header("JPEG", height, width, bits, channels, orientation)
        place += 1 if marker == 0xFF else 2
        if marker == 0xFF or marker in _ALONE:
            continue
        (length,) = struct.unpack_from(">H", content, place)
        segment = content[place + 2 : place + length]
        place += length
        if marker in _FRAMES:
            size = struct.unpack_from(">BHHB", segment)
        elif marker == 0xE1 and segment.startswith(b"Exif\0\0"):
            orientation = _orientation(segment)
        elif marker == 0xDA:
            found = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]").search(content, place)
            if found is None:
                raise ValueError("it has no end")
            place = found.start()


def _orientation(segment: bytes) -> int:
    exif = Exif()
    try:
        exif.load(segment)
        found = int(exif.get(_ORIENTATION, 1))
    except (OSError, ValueError, TypeError, SyntaxError, struct.error, KeyError, IndexError):
        return 1
    return found if 1 <= found <= 8 else 1


def _bmp(content: bytes) -> Header:
    width, height, _, bits = struct.unpack_from("<iiHH", content, 18)
    return Header("BMP", abs(height), width, 8, 1 if bits <= 8 else bits // 8)
