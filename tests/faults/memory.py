"""Small files that stand for much: ``python -m tests.faults.memory READER FOLDER`` reads each, and says what it took.

The process grows by what the libraries need, then each input is made and read; the peak is set back in between.
"""

import json
import struct
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import h5py
import nibabel
import numpy as np

from brainseg.data.outside import SIDE
from brainseg.errors import BrainsegError
from brainseg.experiments.memory import peak_memory_mb
from tests.app.test_slices import RAMP, dicom
from tests.data.test_cheng import ellipse, write_mat
from tests.faults.fuzz import READERS

LARGEST = 100_000_000
"""Bytes that an input has, at most."""

Write = Callable[[Path], object]


def repeated(part: str, head: str = "[", tail: str = "]", size: int = (1 << 24) - 1000) -> Write:
    """A list of as many equal parts as a text of that size can hold."""
    return lambda path: path.write_text(head + ",".join([part] * (size // (len(part) + 1))) + tail)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def with_exif(entries: int, size: int) -> Write:
    """A PNG picture whose EXIF data say many times that all of them is the value of an entry."""

    def write(path: Path) -> None:
        picture = cv2.imencode(".png", np.add.outer(np.arange(40), np.arange(50)).astype(np.uint8))[1].tobytes()
        listed = b"".join(struct.pack(">HHII", 0x9000 + n, 7, size - 10_000, 10_000) for n in range(entries))
        exif = b"MM\0*\0\0\0\x08" + struct.pack(">H", entries) + listed
        path.write_bytes(picture[:33] + chunk(b"eXIf", exif.ljust(size, b"\0")) + picture[33:])

    return write


def picture(kind: type[np.generic], channels: int, suffix: str = ".png", *options: int) -> Write:
    """The largest picture that is read, of noise in its middle."""

    def write(path: Path) -> None:
        pixels = np.zeros((SIDE, SIDE, channels), kind)
        pixels[2000:2100] = np.random.default_rng(0).integers(0, 200, (100, SIDE, 1))
        path.write_bytes(cv2.imencode(suffix, pixels.squeeze(), options)[1].tobytes())

    return write


def mat(**changes: tuple[tuple[int, ...], str, int]) -> Write:
    """One of Cheng's files with other arrays, of a shape and a type, all of one value, which takes no room."""

    def write(path: Path) -> None:
        write_mat(path, ellipse(30, 25, 9, 8), 64, "100360", 1)
        with h5py.File(path, "r+") as file:
            for name, (shape, kind, value) in changes.items():
                del file["cjdata"][name]
                file["cjdata"].create_dataset(name, shape, kind, fillvalue=value, chunks=True)

    return write


def directory_of(entries: int) -> Write:
    """A zip file that is a directory and nothing else."""
    entry = b"PK\1\2" + struct.pack("<4B4HL2L5H2L", 20, 0, 20, 0, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    end = b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 0, 0, entries * len(entry), 0, 0)
    return lambda path: path.write_bytes(entry * entries + end)


def full_of(size: int, entries: int) -> Write:
    """A zip file of files of zeros."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(entries):
                archive.writestr(f"{number}.mat", bytes(size))

    return write


def with_elements(make: Callable[[], bytes], before: int = 0) -> Write:
    """A DICOM file with more elements behind or before its own, in explicit little endian."""

    def write(path: Path) -> None:
        content, more = dicom(path, RAMP).read_bytes(), make()
        place = content.index(struct.pack("<HH", 0x7FE0, 0x10)) if before else len(content)
        path.write_bytes(content[:place] + more + content[place:])

    return write


@cache
def elements(count: int = 4_000_000) -> bytes:
    """Elements without a value, all different."""
    made = np.zeros(count, [("group", "<u2"), ("number", "<u2"), ("kind", "S2"), ("size", "<u2")])
    groups, numbers = np.divmod(np.arange(count), 0xF000)
    made["group"], made["number"] = 0x6001 + 2 * groups, 0x1000 + numbers
    made["kind"] = b"SH"
    return made.tobytes()


def sequence(tag: tuple[int, int], ended: bool) -> bytes:
    """A sequence of one item, full of elements."""
    items = elements()
    length = len(items) + 8 if ended else 0xFFFFFFFF
    head = struct.pack("<HH2sHL", *tag, b"SQ", 0, length) + struct.pack("<HHL", 0xFFFE, 0xE000, len(items))
    return head + items + (b"" if ended else struct.pack("<HHL", 0xFFFE, 0xE0DD, 0))


def long_value(tag: tuple[int, int], size: int) -> bytes:
    return struct.pack("<HH2sHL", *tag, b"UN", 0, size) + b"1\\" * (size // 2)


def nifti(shape: tuple[int, ...], kind: type[np.generic], axes: tuple[int, ...] = (0, 1, 2)) -> Write:
    """A volume that is nothing but its header and one voxel."""

    def write(path: Path) -> None:
        header: Any = nibabel.Nifti1Header()  # type: ignore[no-untyped-call]
        header.set_data_shape(shape)
        header.set_data_dtype(kind)
        header.set_sform(np.eye(4)[[*axes, 3]], 1)
        header["vox_offset"], header["scl_slope"], header["scl_inter"] = 352, 2, 1
        head = header.binaryblock + bytes(4)
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        if path.suffix == ".gz":
            packer = zlib.compressobj(1, wbits=31)
            with path.open("wb") as file:
                file.write(packer.compress(head + b"\1" * 1000))
                for part in range(1000, size, 1 << 20):
                    file.write(packer.compress(bytes(min(1 << 20, size - part))))
                file.write(packer.flush())
        else:
            with path.open("wb") as file:
                file.write(head + b"\1" * 1000)
                file.truncate(352 + size)

    return write


LISTS = {
    "empty lists": repeated("[]"),
    "mappings of one field": repeated('{"":0}'),
    "a text of wide letters": repeated("🧠" * 1000, '"', '"', 1 << 22),
    "entries that are no entries": repeated("{}", '{"categories":[],"images":[', '],"annotations":[]}'),
    "categories": repeated('{"id":1,"name":""}', '{"images":[],"annotations":[],"categories":[', "]}"),
}
INPUTS: dict[str, dict[str, Write]] = {
    "coco": LISTS,
    "borders": {"mappings of one field": LISTS["mappings of one field"]},
    "mat": {
        "a patient of 16 million letters": mat(PID=((SIDE, SIDE), "u2", 0x4E00)),
        "a border of 8 million points": mat(tumorBorder=((SIDE**2,), "f8", 7)),
        "a large mask and image": mat(image=((SIDE, SIDE), "f8", 1), tumorMask=((SIDE, SIDE), "f8", 1)),
        "a label of 16 million": mat(label=((SIDE, SIDE), "f8", 1)),
        "63 MB": lambda path: path.write_bytes(bytes(63 << 20)),
    },
    "zip": {
        "two million entries": directory_of(2_000_000),
        "files of 60 MB": full_of(60 << 20, 3),
    },
    "picture": {
        "16 bits, four channels": picture(np.uint16, 4),
        "16 bits, grey": picture(np.uint16, 1),
        "JPEG in colour, progressive": picture(np.uint8, 3, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        "100 entries of all EXIF data": with_exif(100, 40_000_000),
        "90 MB of nothing": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(90_000_000)),
    },
    "dicom": {
        "four million elements": with_elements(elements, before=1),
        "a sequence of four million": with_elements(lambda: sequence((0x28, 0x3010), ended=True), 1),
        "the same without an end": with_elements(lambda: sequence((0x28, 0x3010), ended=False), 1),
        "widths of windows": with_elements(lambda: long_value((0x28, 0x1051), 90_000_000), 1),
        "90 MB of pixels": with_elements(lambda: long_value((0x7FE1, 0x10), 90_000_000)),
    },
    "nifti": {
        "5 slices of 4096 × 4096": nifti((SIDE, SIDE, 5), np.uint8),
        "cut across the first axis": nifti((5, SIDE, SIDE), np.uint8, (1, 2, 0)),
        "doubles": nifti((3000, 4000, 1), np.float64),
    },
    "nifti-gz": {
        "what unpacks to 500 MB": nifti((SIDE, SIDE, 31), np.uint8),
        "the same, cut across the first axis": nifti((31, SIDE, SIDE), np.uint8, (1, 2, 0)),
        "doubles": nifti((SIDE, SIDE, 3), np.float64),
    },
    "experiments": {
        "values": repeated("a", size=(1 << 18) - 10),
        "lists in lists": repeated("[[]]", size=(1 << 18) - 10),
        "aliases": lambda path: path.write_text("a: &a [1]\n" + "".join(f"b{n}: *a\n" for n in range(20_000))),
    },
}


def main(name: str, folder: str) -> None:
    """Read the inputs of a reader, and print as JSON of each what came of it, the megabytes and the seconds."""
    reader, found = READERS[name], {}
    path = Path(folder) / reader.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(reader.sources(Path(folder))[0])
    reader.read(path)
    for what, write in INPUTS[name].items():
        write(path)
        assert path.stat().st_size <= LARGEST
        Path("/proc/self/clear_refs").write_text("5")  # sets the peak back
        before, started = peak_memory_mb(), time.monotonic()
        try:
            reader.read(path)
            said = "read"
        except BrainsegError as error:
            said = str(error)
        found[what] = (said, round(peak_memory_mb() - before), round(time.monotonic() - started, 1))
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
