"""Slices from files of every kind, and the way to a model's square and back."""

from pathlib import Path
from typing import Any

import cv2
import nibabel
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from brainseg.app.slices import from_square, image_files, is_upright, read_slice, to_square
from brainseg.errors import BrainsegError

RAMP = np.arange(20, dtype=np.uint8).reshape(4, 5)
SPREAD = np.rint(RAMP * (255 / 19)).astype(np.uint8)


def dicom(path: Path, pixels: Any, without: tuple[str, ...] = (), **more: Any) -> Path:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    content = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    content.SOPClassUID, content.SOPInstanceUID = SecondaryCaptureImageStorage, meta.MediaStorageSOPInstanceUID
    content.Rows, content.Columns = pixels.shape[-2:]
    content.SamplesPerPixel, content.PhotometricInterpretation = 1, "MONOCHROME2"
    content.BitsAllocated, content.BitsStored, content.HighBit, content.PixelRepresentation = 16, 16, 15, 0
    if pixels.ndim == 3:
        content.NumberOfFrames = len(pixels)
    content.PixelData = pixels.astype("<u2").tobytes()
    for name, value in more.items():
        setattr(content, name, value)
    for name in without:
        delattr(content, name)
    pydicom.dcmwrite(path, content)
    return path


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".jpg"])
def test_a_picture_of_eight_bits_is_taken_as_it_is(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"slice{suffix}"
    cv2.imwrite(str(path), 100 + RAMP)
    np.testing.assert_allclose(read_slice(path).astype(int), 100 + RAMP, atol=2 if suffix == ".jpg" else 0)


def test_sixteen_bits_are_spread(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "slice.png"), RAMP.astype(np.uint16) * 1000 + 500)
    np.testing.assert_array_equal(read_slice(tmp_path / "slice.png"), SPREAD)


def test_dicom_is_read_with_its_slope_its_window_and_its_polarity(tmp_path: Path) -> None:
    path = tmp_path / "no suffix"
    np.testing.assert_array_equal(read_slice(dicom(path, RAMP)), SPREAD)
    np.testing.assert_array_equal(read_slice(dicom(path, RAMP, RescaleSlope="-3", RescaleIntercept="7")), 255 - SPREAD)
    np.testing.assert_array_equal(read_slice(dicom(path, RAMP, PhotometricInterpretation="MONOCHROME1")), 255 - SPREAD)
    windowed = read_slice(dicom(path, RAMP, WindowCenter="10", WindowWidth="5"))
    assert windowed[RAMP <= 7].max() == 0
    assert windowed[RAMP >= 12].min() == 255


def test_of_a_stack_the_middle_slice_or_the_one_asked_for(tmp_path: Path) -> None:
    stack = dicom(tmp_path / "stack.dcm", np.stack([RAMP, 19 - RAMP, RAMP]))
    np.testing.assert_array_equal(read_slice(stack), 255 - SPREAD)
    np.testing.assert_array_equal(read_slice(stack, 0), SPREAD)
    with pytest.raises(BrainsegError, match=r"received slice 3 of .*stack.dcm, expected one from 0 to 2"):
        read_slice(stack, 3)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_nifti_is_shown_as_a_radiologist_sees_it_however_it_is_stored(tmp_path: Path, suffix: str) -> None:
    """One bright voxel on the patient's left, in front, in the upper of two slices."""
    stored = np.zeros((6, 5, 2), np.int16)  # axes to the left, to the back and up
    stored[4, 1, 1] = 300
    path = tmp_path / f"head{suffix}"
    nibabel.save(nibabel.Nifti1Image(stored, np.diag([-1.0, -1.0, 1.0, 1.0])), path)  # type: ignore[no-untyped-call]
    shown = read_slice(path)
    assert shown.shape == (5, 6)
    assert np.argwhere(shown).tolist() == [[1, 4]]
    assert shown.max() == 255
    with pytest.raises(BrainsegError, match=r"is empty: all its pixels are 0; choose another with --slice"):
        read_slice(path, 0)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("nothing.png", None, "which is no file: expected a JPEG, PNG, DICOM or NIfTI image"),
        ("empty.png", b"", "cannot be read: expected a JPEG, PNG, DICOM or NIfTI image"),
        ("text.jpg", b"hello", "cannot be read: expected a JPEG"),
        ("text.nii", b"hello", "cannot be read as NIfTI"),
        ("text.nii.gz", b"hello", "cannot be read as NIfTI"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BrainsegError, match=message):
        read_slice(tmp_path / name)


def test_a_dicom_file_that_is_no_grey_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrainsegError, match="in colour, expected shades of grey"):
        read_slice(dicom(tmp_path / "a", RAMP, SamplesPerPixel=3))
    with pytest.raises(BrainsegError, match=r"cannot be decoded \(.*\): save it uncompressed"):
        read_slice(dicom(tmp_path / "b", RAMP, PixelData=b"\0\0"))
    with pytest.raises(BrainsegError, match=r"cannot be decoded \(.*\): save it uncompressed"):
        read_slice(dicom(tmp_path / "c", RAMP, without=("PixelRepresentation",)))
    values = nibabel.Nifti1Image(np.full((3, 3, 3), np.nan, np.float32), np.eye(4))  # type: ignore[no-untyped-call]
    nibabel.save(values, tmp_path / "nan.nii")
    with pytest.raises(BrainsegError, match="values that are not finite"):
        read_slice(tmp_path / "nan.nii")


def test_a_picture_in_colour_is_refused_and_one_of_three_equal_channels_is_not(tmp_path: Path) -> None:
    grey = np.repeat(100 + RAMP[..., np.newaxis], 3, axis=-1)
    cv2.imwrite(str(tmp_path / "grey.png"), grey)
    np.testing.assert_array_equal(read_slice(tmp_path / "grey.png"), 100 + RAMP)
    cv2.imwrite(str(tmp_path / "sky.png"), grey + np.array([90, 0, 0], np.uint8))
    with pytest.raises(BrainsegError, match=r"sky.png is a picture in colour, expected shades of grey"):
        read_slice(tmp_path / "sky.png")


def test_what_has_no_pixels_or_one_value_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "flat.png"), np.full((4, 5), 700, np.uint16))
    with pytest.raises(BrainsegError, match=r"flat.png is empty: all its pixels are 700"):
        read_slice(tmp_path / "flat.png")
    for shape in ((4, 5, 0), (0, 4, 5)):
        nothing = nibabel.Nifti1Image(np.zeros(shape, np.int16), np.eye(4))  # type: ignore[no-untyped-call]
        nibabel.save(nothing, tmp_path / "none.nii")
        with pytest.raises(BrainsegError, match=r"none.nii is empty: it has no slices"):
            read_slice(tmp_path / "none.nii")
    with pytest.raises(BrainsegError, match=r"which is a folder: name the images in it, for instance .*/\*\.png"):
        read_slice(tmp_path)


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".hidden").touch()
    with pytest.raises(BrainsegError, match=r"a folder without files: name one with images in it"):
        image_files([tmp_path])


def test_medical_formats_show_a_head_upright_pictures_as_the_study_has_them(tmp_path: Path) -> None:
    assert is_upright(dicom(tmp_path / "no suffix", RAMP))
    assert is_upright(tmp_path / "head.nii.gz")
    cv2.imwrite(str(tmp_path / "slice.png"), RAMP)
    assert not is_upright(tmp_path / "slice.png")


@given(st.integers(1, 40), st.integers(1, 40))
def test_to_the_square_and_back_keeps_places(height: int, width: int) -> None:
    image = np.zeros((height, width), np.uint8)
    image[height // 2, width // 3] = 255
    side = max(height, width)
    square = to_square(image, side)
    assert square.shape == (side, side)
    np.testing.assert_array_equal(from_square(square, (height, width)), image)
    assert from_square(to_square(image, 64), (height, width)).shape == (height, width)
