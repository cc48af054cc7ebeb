"""Bad input, case by case: what is done to a good one, and a part of the line that the command ends with.

Of these the tests are made, and the page of the book that lists them.
"""

import gzip
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import h5py
import nibabel
import numpy as np
from PIL import Image

from tests.app.test_slices import RAMP, dicom
from tests.data.test_cheng import ellipse, write_mat
from tests.data_fixtures import Slice

Damage = Callable[[Path], object]


@dataclass(frozen=True)
class Case:
    """One input.

    Attributes:
        kind: Of input.
        what: Is wrong with it.
        command: Arguments of ``brainseg``; ``{}`` is the folder in which everything lies.
        damage: Makes or damages the input in that folder.
        line: A part of the line that is printed.
    """

    kind: str
    what: str
    command: tuple[str, ...]
    damage: Damage
    line: str


PREPARE = ("data", "prepare", "{}/data", "--workspace", "{}/work")
CHECK = ("data", "check", "{}/data")
IMPORT = ("data", "import-cheng", "{}/mats", "{}/out/borders.json")
TRAIN = Path("data/tumorseg-coco/train")
COCO = TRAIN / "_annotations.coco.json"
BORDERS = Path("data/cheng2017/annotations.coco.json")
FIRST = TRAIN / Slice(11).file_name
NAN, INFINITY = float("nan"), float("inf")
TRIANGLE = [1, 1, 9, 1, 9, 9]


def set_field(file: Path, place: tuple[str | int, ...], value: Any) -> Damage:
    """Change one field of a JSON file; ``KeyError`` as the value takes it away."""

    def damage(folder: Path) -> None:
        content = json.loads((folder / file).read_text())
        inner = content
        for step in place[:-1]:
            inner = inner[step]
        if value is KeyError:
            del inner[place[-1]]
        else:
            inner[place[-1]] = value
        (folder / file).write_text(json.dumps(content))

    return damage


def put(file: Path | str, content: bytes | str) -> Damage:
    """Replace a file."""

    def damage(folder: Path) -> None:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(content.encode() if isinstance(content, str) else content)

    return damage


def instead(file: Path | str, make: Damage) -> Damage:
    """Put something in the place of a file."""

    def damage(folder: Path) -> None:
        (folder / file).unlink(missing_ok=True)
        make(folder / file)

    return damage


def edit(file: Path | str, change: Callable[[bytes], bytes]) -> Damage:
    """Change the bytes of a file."""
    return lambda folder: (folder / file).write_bytes(change((folder / file).read_bytes()))


def both(*damages: Damage) -> Damage:
    """One after another."""
    return lambda folder: [damage(folder) for damage in damages]


def fifo(path: Path) -> None:
    os.mkfifo(path)


def loop(path: Path) -> None:
    path.symlink_to(path)


def dangling(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def folder(path: Path) -> None:
    path.mkdir()


ODD = {"a folder in its place": folder, "a pipe in its place": fifo, "a link to itself": loop}


# --- annotation files -----------------------------------------------------------------------------------------

SEGMENTATION: dict[str, tuple[Any, str]] = {
    "a point that is NaN": ([[NAN, 1, 2, 2, 3, 3]], "the number NaN"),
    "a point at infinity": ([[INFINITY, 1, 2, 2, 3, 3]], "the number Infinity"),
    "a point a billion pixels away": ([[1e9, 1, 2, 2, 3, 3]], "is no outline"),
    "a point too large for any number": ([[10**400, 1, 2, 2, 3, 3]], "is no outline"),
    "no point": ([[]], "is no outline"),
    "one point": ([[1, 1]], "is no outline"),
    "two points": ([[1, 1, 2, 2]], "is no outline"),
    "an odd number of coordinates": ([[1, 1, 2, 2, 3]], "is no outline"),
    "texts for coordinates": ([["1", "1", "2", "2", "3", "3"]], "is no outline"),
    "truth values for coordinates": ([[True, False, True, True, False, False]], "is no outline"),
    "lists of different lengths": ([[[1, 1], [2, 2, 2], [3]]], "is no outline"),
    "points as pairs": ([[[1, 1], [2, 2], [3, 3]]], "is no outline"),
    "nothing for coordinates": ([[None] * 6], "is no outline"),
    "an outline without an end": ([[0, 0, 9999, 9999] * 200], "pixels long, expected at most"),
    "no outline": ([], "expected polygons or a run-length encoding"),
    "a text": ("outline", "expected polygons or a run-length encoding"),
    "a number": (1, "expected polygons or a run-length encoding"),
    "an outline that is a number": ([1], "expected a polygon as a list of numbers"),
    "two thousand outlines": ([TRIANGLE] * 2000, "expected polygons or a run-length encoding"),
    "runs without a size": ({"counts": [25600]}, "the field size of annotations[0].segmentation is missing"),
    "runs without counts": ({"size": [160, 160]}, "the field counts of annotations[0].segmentation is missing"),
    "runs that are too short": ({"size": [160, 160], "counts": [9]}, "do not fill its image of 160 × 160"),
    "runs that are too long": ({"size": [160, 160], "counts": [2**40]}, "do not fill its image"),
    "a negative run": ({"size": [160, 160], "counts": [25601, -1]}, "do not fill its image"),
    "half a pixel in a run": ({"size": [160, 160], "counts": [0.5, 25599.5]}, "do not fill its image"),
    "compressed runs that are garbage": ({"size": [160, 160], "counts": "oooooooo"}, "do not fill its image"),
    "compressed runs that end early": ({"size": [160, 160], "counts": "P"}, "do not fill its image"),
    "no compressed run": ({"size": [160, 160], "counts": ""}, "do not fill its image"),
    "runs of another alphabet": ({"size": [160, 160], "counts": "é\n☃"}, "do not fill its image"),
    "runs for another image": ({"size": [10, 10], "counts": [100]}, "its image has [160, 160]"),
    "runs for no pixel": ({"size": [0, 0], "counts": []}, "expected"),
}

ANNOTATION: dict[tuple[str, str], tuple[Any, str]] = {
    ("bbox", "three numbers"): ([1, 2, 3], "expected four finite numbers"),
    ("bbox", "a text"): ("1 2 3 4", "expected four finite numbers"),
    ("bbox", "a number beyond all bounds"): ([1, 2, 3, 1e300], "expected four finite numbers"),
    ("area", "a negative number"): (-1, "expected a finite number, 0 or more"),
    ("area", "a text"): ("large", "expected a finite number"),
    ("area", "infinity"): (INFINITY, "the number Infinity"),
    ("id", "a text"): ("0", "expected a whole number"),
    ("id", "a number of 5,000 digits"): (int("9" * 4000), "expected a whole number"),
    ("image_id", "an image that is not there"): (99, "belongs to image id 99"),
    ("image_id", "a list"): ([0], "expected a whole number"),
    ("category_id", "a category that is not there"): (99, "belongs to category id 99"),
    ("category_id", "nothing"): (None, "expected a whole number"),
}

IMAGE: dict[tuple[str, str], tuple[Any, str]] = {
    ("id", "half a number"): (0.5, "expected a whole number"),
    ("id", "a truth value"): (True, "expected a whole number"),
    ("id", "another image's"): (1, "uses an image id twice"),
    ("height", "0"): (0, "expected 1 to 4096 pixels"),
    ("height", "a negative number"): (-160, "expected 1 to 4096 pixels"),
    ("height", "a billion"): (10**9, "expected 1 to 4096 pixels"),
    ("height", "another than the file's"): (161, "its annotation file says [161, 160]"),
    ("width", "a text"): ("160", "expected 1 to 4096 pixels"),
    ("file_name", "a way out of the data set"): ("../../../11.jpg", "expected a plain name"),
    ("file_name", "an absolute path"): ("/etc/passwd", "expected a plain name"),
    ("file_name", "a file in a folder"): ("11/12.jpg", "expected a plain name"),
    ("file_name", "nothing in it"): ("", "expected a plain name"),
    ("file_name", "no slice number"): ("scan.jpg", "expected a plain name"),
    ("file_name", "a line break"): ("11\n.jpg", "expected a plain name"),
    ("file_name", "a zero byte"): ("11\0.jpg", "expected a plain name"),
    ("file_name", "a number of ten digits"): ("1234567890.jpg", "expected a plain name"),
    ("file_name", "digits of another script"): ("\u0661\u0661.jpg", "expected a plain name"),
    ("file_name", "300 characters"): ("11" + "x" * 300, "expected a plain name"),
    ("file_name", "no text"): (None, "expected a plain name"),
    ("file_name", "an image that is not there"): ("77_jpg.jpg", "lacks 1 of 5 images"),
}

TEXTS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "is not valid JSON"),
    "half of it": (b'{"images": [', "is not valid JSON"),
    "another file": (b"\x89PNG\r\n\x1a\n", "is not valid JSON"),
    "UTF-16": ("{}".encode("utf-16"), "is not valid JSON"),
    "lists 100,000 deep": (b"[" * 100_000, "is not valid JSON"),
    "a number of 5,000 digits": (b"9" * 5000, "is not valid JSON"),
    "17 MB of spaces": (b" " * (1 << 24) + b"{}", "expected at most 16,777,216"),
    "a list for the whole": (b"[]", "expected a"),
    "a number for the whole": (b"1", "expected a"),
    "no lists": (b"{}", "the field categories is missing"),
    "a list that is none": (b'{"categories": [], "images": {}, "annotations": []}', "received images {}"),
    "entries that are none": (b'{"categories": [], "images": [1], "annotations": []}', "received images 1"),
}

# --- borders --------------------------------------------------------------------------------------------------

BORDER: dict[tuple[str, ...], tuple[tuple[str | int, ...], Any, str]] = {
    ("two outlines",): (("annotations", 0, "segmentation"), [TRIANGLE] * 2, "expected one outline"),
    ("two points",): (("annotations", 0, "segmentation"), [[1, 1, 2, 2]], "the border of slice 11 is no outline"),
    ("a point that is NaN",): (("annotations", 0, "segmentation"), [[NAN, *TRIANGLE[1:]]], "the number NaN"),
    ("a point at a billion",): (("annotations", 0, "segmentation"), [[1e9, *TRIANGLE[1:]]], "is no outline"),
    ("an unknown slice",): (("annotations", 0, "image_id"), 999, "a border of slice or type 999"),
    ("an unknown type",): (("annotations", 0, "category_id"), 9, "a border of slice or type 9"),
    ("several of one slice",): (("annotations", 0, "image_id"), 12, "has several borders of slice 12"),
    ("a tumour of another name",): (("categories", 0, "name"), "cyst", "expected one of: meningioma, glioma"),
    ("a slice without a width",): (("images", 0, "width"), 0, "expected 1 to 4096 pixels"),
    ("a slice of another name",): (("images", 0, "file_name"), "a.mat", "expected the number of a slice"),
    ("a patient that is a number",): (("images", 0, "patient_id"), 100360, "expected a name of at most 64"),
    ("a patient with a line break",): (("images", 0, "patient_id"), "1\n2", "expected a name of at most 64"),
    ("a slice without a patient",): (("images", 0, "patient_id"), KeyError, "the field patient_id of images[0]"),
}

# --- pictures of a data set -----------------------------------------------------------------------------------


def grey(height: int = 160, width: int = 160) -> np.ndarray:
    return np.add.outer(np.arange(height), np.arange(width)).astype(np.uint8)


def saved(path: Path, picture: Image.Image, kind: str, **options: Any) -> None:
    picture.save(path, kind, **options)


def turned(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(grey()).save(path, "jpeg", exif=exif)


def png_of(height: int, width: int, bits: int = 8) -> bytes:
    """The header of a picture of that size, with nothing in it."""
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"")),
        (b"IEND", b""),
    ]
    chunks = [
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


PICTURE: dict[str, tuple[Damage, str]] = {
    "a third of a JPEG file": (edit(FIRST, lambda b: b[: len(b) // 3]), "it is cut off or damaged"),
    "nine tenths of one": (edit(FIRST, lambda b: b[: len(b) * 9 // 10]), "it is cut off or damaged"),
    "a JPEG file without its end": (edit(FIRST, lambda b: b[:-2]), "it is cut off or damaged"),
    "nothing": (put(FIRST, b""), "cannot be decoded"),
    "a text": (put(FIRST, "a text"), "cannot be decoded"),
    "a GIF picture": (lambda f: saved(f / FIRST, Image.fromarray(grey()), "gif"), "cannot be decoded"),
    "a WebP picture": (lambda f: saved(f / FIRST, Image.fromarray(grey()), "webp"), "cannot be decoded"),
    "a PNG picture called .jpg": (lambda f: saved(f / FIRST, Image.fromarray(grey()), "png"), "is a PNG picture"),
    "colours for print (CMYK)": (
        lambda f: saved(f / FIRST, Image.fromarray(grey()).convert("CMYK"), "jpeg"),
        "4 values of 8 bits per pixel",
    ),
    "colours": (
        lambda f: cv2.imwrite(str(f / FIRST), np.random.default_rng(0).integers(0, 256, (160, 160, 3), np.uint8)),
        "is a coloured image",
    ),
    "another size": (lambda f: cv2.imwrite(str(f / FIRST), grey(80, 160)), "has height and width [80, 160]"),
    "an entry that turns it (EXIF)": (lambda f: turned(f / FIRST), "EXIF orientation 6"),
    "20,000 × 1 pixels": (put(FIRST, png_of(20_000, 1)), "expected 1 to 4096"),
    **{what: (instead(FIRST, make), "11_jpg") for what, make in {**ODD, "a link to nothing": dangling}.items()},
}

# --- Cheng's files --------------------------------------------------------------------------------------------


def mat(folder: Path, **changes: Any) -> None:
    """One of Cheng's files, with other arrays; ``KeyError`` takes one away."""
    (folder / "mats").mkdir(exist_ok=True)
    path = folder / "mats" / "7.mat"
    write_mat(path, ellipse(30, 25, 9, 8), 64, "100360", 1)
    with h5py.File(path, "r+") as file:
        for name, value in changes.items():
            del file["cjdata"][name]
            if value is not KeyError:
                file["cjdata"][name] = value


def named(name: str) -> Damage:
    def damage(folder: Path) -> None:
        mat(folder)
        (folder / "mats" / "7.mat").rename(folder / "mats" / name)

    return damage


def zipped(change: Callable[[bytes], bytes]) -> Damage:
    def damage(folder: Path) -> None:
        mat(folder)
        with zipfile.ZipFile(folder / "mats" / "one.zip", "w") as archive:
            archive.write(folder / "mats" / "7.mat", "7.mat")
        (folder / "mats" / "7.mat").unlink()
        edit("mats/one.zip", change)(folder)

    return damage


def zip_of_zeros(folder: Path) -> None:
    (folder / "mats").mkdir()
    with zipfile.ZipFile(folder / "mats" / "one.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("7.mat", bytes(70 << 20))


def zip_of_many(folder: Path) -> None:
    (folder / "mats").mkdir()
    with zipfile.ZipFile(folder / "mats" / "one.zip", "w") as archive:
        for number in range(6000):
            archive.writestr(f"{number}.mat", b"")


def encrypted(content: bytes) -> bytes:
    """Set the flag in the entry and in the directory."""
    changed = bytearray(content)
    changed[6] |= 1
    changed[content.index(b"PK\1\2") + 8] |= 1
    return bytes(changed)


def in_another_file(folder: Path) -> None:
    mat(folder, image=h5py.ExternalLink("/etc/passwd", "/image"))


MAT: dict[str, tuple[Damage, str]] = {
    "a mask of another size": (lambda f: mat(f, tumorMask=np.zeros((9, 9), np.uint8)), "a mask of (9, 9)"),
    "a patient that is no text": (lambda f: mat(f, PID=np.array([[0.5, 2e9]])), "not one of Cheng's"),
    "a patient with a line break": (lambda f: mat(f, PID=np.array([[10, 11]])), "PID"),
    "a border of two points": (lambda f: mat(f, tumorBorder=np.array([[1.0, 1, 2, 2]])), "tumorBorder is no outline"),
    "a border with NaN": (lambda f: mat(f, tumorBorder=np.full((1, 8), np.nan)), "tumorBorder is no outline"),
    "a border at a billion": (lambda f: mat(f, tumorBorder=np.full((1, 8), 1e9)), "tumorBorder is no outline"),
    "an unknown label": (lambda f: mat(f, label=np.array([[7.0]])), "KeyError: 7"),
    "two labels": (lambda f: mat(f, label=np.array([[1.0, 2.0]])), "not one of Cheng's"),
    "a label that is a text": (lambda f: mat(f, label="glioma"), "label is no array of numbers"),
    "no image": (lambda f: mat(f, image=KeyError), "cjdata/image is missing"),
    "an image in another file": (in_another_file, "cjdata/image is missing, or in another file"),
    "a PID of 65 letters": (lambda f: mat(f, PID=np.full(65, 65, np.uint16)), "too large"),
    "an image with one axis": (lambda f: mat(f, image=np.zeros(9)), "not one of Cheng's"),
    "no cjdata": (put("mats/7.mat", b"MATLAB 5.0"), "not one of Cheng's"),
    "half a file": (both(mat, edit("mats/7.mat", lambda b: b[: len(b) // 2])), "not one of Cheng's"),
    "nothing": (put("mats/7.mat", b""), "not one of Cheng's"),
    "no number for a name": (named("slice.mat"), "name 'slice'"),
    "a slice twice": (both(named("07.mat"), mat), "hold a slice twice"),
    "no file": (lambda f: (f / "mats").mkdir(), "no .mat files"),
    "a zip file with another checksum": (
        zipped(lambda b: b[:3000] + bytes([b[3000] ^ 255]) + b[3001:]),
        "is a damaged zip file",
    ),
    "an encrypted zip file": (zipped(encrypted), "is a damaged zip file"),
    "half a zip file": (zipped(lambda b: b[: len(b) // 2]), "neither a folder nor a zip file"),
    "a zip file of 6,000 files": (zip_of_many, "a list of more than 262,144 bytes"),
    "70 MB of zeros in a zip file": (zip_of_zeros, "is a damaged zip file"),
}

# --- a picture of one's own -----------------------------------------------------------------------------------


def nifti(folder: Path, name: str = "head.nii", values: Any = None, affine: Any = None) -> Path:
    stored = np.arange(60, dtype=np.int16).reshape(5, 4, 3) if values is None else values
    path = folder / name
    nibabel.save(nibabel.Nifti1Image(stored, np.eye(4) if affine is None else affine), path)  # type: ignore[no-untyped-call]
    return path


def patched(folder: Path, where: int, content: bytes) -> None:
    path = nifti(folder)
    whole = path.read_bytes()
    path.write_bytes(whole[:where] + content + whole[where + len(content) :])


def bomb(folder: Path) -> None:
    head = nifti(folder).read_bytes()[:352]
    with gzip.open(folder / "bomb.nii.gz", "wb", 1) as file:
        file.write(head)
        for _ in range(520):
            file.write(bytes(1 << 20))


RGB = np.zeros((4, 4, 4), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))

OWN: dict[str, tuple[str, Damage, str]] = {
    "no file": ("a.png", lambda f: None, "which is no file"),
    "an empty folder": ("a", lambda f: (f / "a").mkdir(), "a folder without files"),
    "a pipe": ("a.png", lambda f: fifo(f / "a.png"), "which is no file"),
    "a link to itself": ("a.png", lambda f: loop(f / "a.png"), "which is no file"),
    "nothing in it": ("a.png", put("a.png", b""), "cannot be decoded"),
    "a text": ("a.jpg", put("a.jpg", "hello"), "cannot be decoded"),
    "a name that moves the cursor": ("a\x1b[2J\n.png", put("a\x1b[2J\n.png", "x"), r"a\u001b[2J\n.png cannot be"),
    "a name of bytes that are no text": ("\udcff.png", put("\udcff.png", "x"), r"\udcff.png cannot be"),
    "half a JPEG file": (
        "a.jpg",
        lambda f: (cv2.imwrite(str(f / "a.jpg"), grey()), edit("a.jpg", lambda b: b[: len(b) // 2])(f)),
        "it is cut off or damaged",
    ),
    "half a PNG file": (
        "a.png",
        lambda f: (cv2.imwrite(str(f / "a.png"), grey()), edit("a.png", lambda b: b[: len(b) // 2])(f)),
        "it is cut off or damaged",
    ),
    "a PNG file with a changed byte": (
        "a.png",
        lambda f: (cv2.imwrite(str(f / "a.png"), grey()), edit("a.png", lambda b: b[:90] + b"\0\0\0" + b[93:])(f)),
        "another checksum",
    ),
    "a PNG file without pixels": ("a.png", put("a.png", png_of(9, 9)), "cannot be decoded"),
    "20,000 × 20,000 pixels of one bit": ("a.png", put("a.png", png_of(20_000, 20_000, 1)), "expected 1 to 4096"),
    "20,000 × 1 pixels": ("a.png", put("a.png", png_of(20_000, 1)), "expected 1 to 4096"),
    "4,000 × 1 pixels": ("a.png", put("a.png", png_of(4000, 1)), "neither more than 32 times"),
    "no pixels": ("a.png", put("a.png", png_of(0, 9)), "expected 1 to 4096"),
    "a GIF picture": ("a.gif", lambda f: saved(f / "a.gif", Image.fromarray(grey()), "gif"), "cannot be decoded"),
    "a TIFF picture": ("a.tif", lambda f: saved(f / "a.tif", Image.fromarray(grey()), "tiff"), "cannot be decoded"),
    "a picture in colour": (
        "a.png",
        lambda f: cv2.imwrite(str(f / "a.png"), np.dstack([grey(), grey() // 2, grey()])),
        "is a picture in colour",
    ),
    "one grey value": ("a.png", lambda f: cv2.imwrite(str(f / "a.png"), grey() * 0), "all its pixels are 0"),
    "a NIfTI file that is none": ("a.nii", put("a.nii", "hello"), "cannot be read as NIfTI"),
    "half a NIfTI file": (
        "head.nii",
        lambda f: (nifti(f), edit("head.nii", lambda b: b[:380])(f)),
        "cannot be read as NIfTI",
    ),
    "a .nii.gz file with a changed byte": (
        "head.nii.gz",
        lambda f: (nifti(f, "head.nii.gz"), edit("head.nii.gz", lambda b: b[:-9] + bytes([b[-9] ^ 1]) + b[-8:])(f)),
        "cannot be read as NIfTI",
    ),
    "a .nii.gz file without its end": (
        "head.nii.gz",
        lambda f: (nifti(f, "head.nii.gz"), edit("head.nii.gz", lambda b: b[:-9])(f)),
        "cannot be read as NIfTI",
    ),
    "a .nii.gz file that unpacks to 545 MB": ("bomb.nii.gz", bomb, "it unpacks to more than"),
    "a NIfTI file in colour": ("head.nii", lambda f: nifti(f, values=RGB), "expected numbers"),
    "complex numbers": ("head.nii", lambda f: nifti(f, values=np.zeros((4, 4, 4), np.complex64)), "expected numbers"),
    "two long axes more": ("head.nii", lambda f: nifti(f, values=np.zeros((3, 3, 3, 3, 3), np.int16)), "has the shape"),
    "values that are not finite": (
        "head.nii",
        lambda f: nifti(f, values=np.full((4, 4, 4), np.nan, np.float32)),
        "not finite",
    ),
    "axes without a direction": (
        "head.nii",
        lambda f: patched(f, 280, bytes(48)),
        "axes without a direction",
    ),
    "an axis of 32,767 voxels, three times": (
        "head.nii",
        lambda f: patched(f, 42, b"\xff\x7f" * 3),
        "cannot be read as",
    ),
    "a negative axis": ("head.nii", lambda f: patched(f, 42, b"\xfb\xff"), "head.nii"),
    "no axes": ("head.nii", lambda f: patched(f, 40, b"\0\0"), "head.nii"),
    "a DICOM file without pixels": ("a", lambda f: dicom(f / "a", RAMP, without=("PixelData",)), "without an image"),
    "too few pixels": ("a", lambda f: dicom(f / "a", RAMP, PixelData=b"\0\0"), "cannot be decoded"),
    "a DICOM file in colour": ("a", lambda f: dicom(f / "a", RAMP, SamplesPerPixel=3), "in colour"),
    "a palette": ("a", lambda f: dicom(f / "a", RAMP, PhotometricInterpretation="PALETTE COLOR"), "PALETTE COLOR"),
    "no rows": ("a", lambda f: dicom(f / "a", RAMP, Rows=0), "expected 1 to 4096"),
    "60,000 rows": ("a", lambda f: dicom(f / "a", RAMP, Rows=60_000), "expected 1 to 4096"),
    "a billion frames": ("a", lambda f: dicom(f / "a", RAMP, NumberOfFrames=10**9), "cannot be decoded"),
    "less than no frames": ("a", lambda f: dicom(f / "a", RAMP, NumberOfFrames=-1), "has no slices"),
    "seven bits": ("a", lambda f: dicom(f / "a", RAMP, BitsAllocated=7), "cannot be decoded"),
    "half a DICOM file": (
        "a",
        lambda f: (dicom(f / "a", RAMP), edit("a", lambda b: b[:200])(f)),
        "a",
    ),
}

# --- what is there already ------------------------------------------------------------------------------------


def picture(folder: Path) -> None:
    cv2.imwrite(str(folder / "slice.png"), grey())


def one_patient(folder: Path) -> None:
    content = json.loads((folder / BORDERS).read_text())
    for image in content["images"]:
        image["patient_id"] = "1"
    (folder / BORDERS).write_text(json.dumps(content))


PREDICT = ("predict", "{}/slice.png", "-o", "{}/out")
TAKEN = "exists, and brainseg did not make it"

OUTPUT: dict[str, tuple[tuple[str, ...], Damage, str]] = {
    "a record over a text": ((*CHECK, "--record", "{}/notes.txt"), put("notes.txt", "mine"), TAKEN),
    "a record over other JSON": ((*CHECK, "--record", "{}/a.json"), put("a.json", '{"mine": 1}'), TAKEN),
    "a record over an annotation file": ((*PREPARE, "--record", f"{{}}/{COCO}"), lambda f: None, TAKEN),
    "a record over a folder": ((*PREPARE, "--record", "{}/data"), lambda f: None, TAKEN),
    "a record in a file": (
        (*CHECK, "--record", "{}/notes/a.json"),
        put("notes", "mine"),
        "a part of its path is a file",
    ),
    "the ledger over a text": (("claims", "--json", "{}/notes.txt"), put("notes.txt", "mine"), TAKEN),
    "borders over a text": (("data", "import-cheng", "{}/mats", "{}/a.txt"), both(mat, put("a.txt", "mine")), TAKEN),
    "borders over an annotation file": (("data", "import-cheng", "{}/mats", f"{{}}/{COCO}"), mat, TAKEN),
    "borders into a file": (
        ("data", "import-cheng", "{}/mats", "{}/a/b"),
        both(mat, put("a", "mine")),
        "cannot be made",
    ),
    "a phantom over files": (("data", "make-phantom", "{}/data"), lambda f: None, "is not an empty folder"),
    "a phantom over a file": (("data", "make-phantom", "{}/a"), put("a", "mine"), "is not an empty folder"),
    "a phantom in a file": (("data", "make-phantom", "{}/a/b", "--patients", "8"), put("a", "mine"), "cannot be made"),
    "arrays in a file": ((*PREPARE[:4], "{}/a"), put("a", "mine"), "cannot be made"),
    "a mask over a picture": (PREDICT, both(picture, put("out/slice-mask.png", "mine")), TAKEN),
    "an outline over a picture": (PREDICT, both(picture, put("out/slice-outline.png", "mine")), TAKEN),
    "a mask over its input": (
        ("predict", "{}/a.png", "{}/a-mask.png", "-o", "{}"),
        lambda f: [cv2.imwrite(str(f / name), grey()) for name in ("a.png", "a-mask.png")],
        "is an image that is to be read",
    ),
    "answers into a file": ((*PREDICT[:3], "{}/a"), both(picture, put("a", "mine")), "cannot be made"),
    "answers of one name": (
        ("predict", "{}/a.png", "{}/a.jpg", "-o", "{}/out"),
        lambda f: [cv2.imwrite(str(f / name), grey()) for name in ("a.png", "a.jpg")],
        "several images called a",
    ),
    "a report over a page": (
        ("explain", "{}/slice.png", "-o", "{}/page.html"),
        both(picture, put("page.html", "mine")),
        TAKEN,
    ),
    "a report beside its input": (("explain", "{}/slice.png", "-o", "{}/slice.html"), picture, "is to be read"),
    "a report that is no page": (("explain", "{}/slice.png", "-o", "{}/a.txt"), picture, "ends in .html"),
    "a slice that is not there": ((*PREDICT, "--slice", "1"), picture, "expected one from 0 to 0"),
    "a network that is not there": ((*PREDICT, "--model", "vgg"), picture, "'vgg'"),
    "a run that is not there": (
        ("export", "nothing", "--dataset", "tumorseg", "--data", "{}/data"),
        lambda f: None,
        "there is no finished run",
    ),
    "a data set that is not there": (
        ("train", "unet", "--dataset", "mnist"),
        lambda f: None,
        "expected one of: phantom",
    ),
    "a folder that is no data set": (
        ("train", "unet", "--dataset", "tumorseg", "--data", "{}"),
        lambda f: None,
        "expected one with tumorseg-coco",
    ),
    "too few patients": (
        ("train", "unet", "--dataset", "tumorseg", "--data", "{}/data", "--step", "patients"),
        one_patient,
        "received 1 patients, expected 5 or more",
    ),
    "a seed beyond all bounds": (("train", "unet", "--seed", str(2**32)), lambda f: None, "--seed"),
    "a fold that is not there": (("train", "unet", "--fold", "5"), lambda f: None, "--fold"),
    "a guidance that is no number": (
        ("train", "unet", "--guidance", "nan"),
        lambda f: None,
        "expected a finite number",
    ),
    "an experiment that is not there": (("plan", "nothing"), lambda f: None, "received experiment 'nothing'"),
}


def all_cases() -> list[Case]:
    """Every case, in the order of the page."""
    case = partial(Case, "annotation file")
    found = [
        case(what, PREPARE, set_field(COCO, ("annotations", 0, "segmentation"), value), line)
        for what, (value, line) in SEGMENTATION.items()
    ]
    found += [
        case(f"{field} of an annotation: {what}", PREPARE, set_field(COCO, ("annotations", 0, field), value), line)
        for (field, what), (value, line) in ANNOTATION.items()
    ]
    found += [
        case(f"{field} of an image: {what}", PREPARE, set_field(COCO, ("images", 0, field), value), line)
        for (field, what), (value, line) in IMAGE.items()
    ]
    found += [
        case(
            f"no {field} in {kind}",
            PREPARE,
            set_field(COCO, (kind, 0, field), KeyError),
            f"the field {field} of {kind}[0]",
        )
        for kind, fields in {
            "annotations": ("id", "image_id", "category_id", "bbox", "area", "segmentation"),
            "images": ("id", "file_name", "height", "width"),
            "categories": ("id", "name"),
        }.items()
        for field in fields
    ]
    found += [case(what, CHECK, put(COCO, content), line) for what, (content, line) in TEXTS.items()]
    found += [case(what, CHECK, instead(COCO, make), "train/_annotations") for what, make in ODD.items()]
    found += [
        Case("border file", what, PREPARE, set_field(BORDERS, place, value), line)
        for (what,), (place, value, line) in BORDER.items()
    ]
    found += [Case("border file", what, CHECK, put(BORDERS, content), line) for what, (content, line) in TEXTS.items()]
    found += [Case("image of a data set", what, PREPARE, damage, line) for what, (damage, line) in PICTURE.items()]
    found += [Case("Cheng's .mat files", what, IMPORT, damage, line) for what, (damage, line) in MAT.items()]
    found += [
        Case("picture of one's own", what, ("predict", f"{{}}/{name}", "-o", "{}/out"), damage, line)
        for what, (name, damage, line) in OWN.items()
    ]
    return found + [Case("output and options", what, *rest) for what, rest in OUTPUT.items()]
