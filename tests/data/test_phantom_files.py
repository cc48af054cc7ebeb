"""A phantom on disk has the layout, the quirks and the grey values of the real data set."""

import hashlib
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from brainseg.data.checksums import changed_files
from brainseg.data.cheng import Border, read_borders
from brainseg.data.coco import Image, Split, decode, pair_by_position, read_dataset
from brainseg.data.phantom import make_phantom
from brainseg.data.phantom.tumours import TYPES

pytestmark = pytest.mark.slow

PATIENTS, SIZE = 8, 160


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_phantom(tmp_path_factory.mktemp("phantom") / "made", patients=PATIENTS, seed=3, size=SIZE)


@pytest.fixture(scope="module")
def splits(root: Path) -> dict[str, Split]:
    return read_dataset(root)


@pytest.fixture(scope="module")
def borders(root: Path) -> dict[int, Border]:
    return read_borders(root)


@pytest.fixture(scope="module")
def images(splits: dict[str, Split]) -> list[Image]:
    return [image for split in splits.values() for image in split.images]


def digests(root: Path) -> dict[str, str]:
    files = [path for path in root.rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def box_mask(split: Split, image: Image) -> NDArray[np.bool_]:
    return decode(split.annotations_of(image)[0].encoded(image.height, image.width))


def overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


# --- layout ---------------------------------------------------------------------------------------------------


def test_every_image_is_a_grey_jpeg_of_the_right_size_with_a_border(
    images: list[Image], borders: dict[int, Border]
) -> None:
    for image in images:
        assert re.fullmatch(rf"{image.number}_jpg\.rf\.[0-9a-f]{{32}}\.jpg", image.path.name)
        assert image.read().shape == (SIZE, SIZE)
        assert borders[image.number].mask(SIZE).any()


def test_images_are_split_seventy_twenty_ten_without_repetition(splits: dict[str, Split], images: list[Image]) -> None:
    shares = {name: len(split.images) / len(images) for name, split in splits.items()}
    assert shares == pytest.approx({"train": 0.7, "valid": 0.2, "test": 0.1}, abs=0.01)
    assert len({image.number for image in images}) == len(images)


def test_slices_are_numbered_from_one_and_some_are_not_among_the_images(
    images: list[Image], borders: dict[int, Border]
) -> None:
    assert sorted(borders) == list(range(1, len(borders) + 1))
    assert 0.6 < len(images) / len(borders) < 0.8


def test_categories_are_those_of_the_export(splits: dict[str, Split]) -> None:
    for split in splits.values():
        assert split.categories == ("Tumor", "0", "1")
        assert {a.category for a in split.annotations} == {"0", "1"}


def test_category_tells_gliomas_from_other_tumours_with_errors(
    splits: dict[str, Split], borders: dict[int, Border]
) -> None:
    agree = [
        (split.annotations_of(image)[0].category == "0") == (borders[image.number].tumour_type == "glioma")
        for split in splits.values()
        for image in split.images
        if split.annotations_of(image)
    ]
    assert np.mean(agree) > 0.9


# --- quirks ---------------------------------------------------------------------------------------------------


def test_training_list_has_one_double_and_one_missing_annotation(splits: dict[str, Split]) -> None:
    counts = {name: Counter(len(s.annotations_of(image)) for image in s.images) for name, s in splits.items()}
    assert counts["train"] == {1: len(splits["train"].images) - 2, 2: 1, 0: 1}
    assert counts["valid"] == {1: len(splits["valid"].images)}
    assert counts["test"] == {1: len(splits["test"].images)}


def test_pairing_by_position_slips_between_them(splits: dict[str, Split]) -> None:
    train = splits["train"]
    number = [len(train.annotations_of(image)) for image in train.images]
    wrong = [a is None or a.image_id != image.id for image, a in pair_by_position(train)]
    assert np.flatnonzero(wrong).tolist() == list(range(number.index(2) + 1, number.index(0) + 1))
    assert sum(wrong) > 10


def test_labels_are_closed_upright_rectangles(splits: dict[str, Split]) -> None:
    for split in splits.values():
        for annotation in split.annotations:
            (polygon,) = annotation.polygons
            (left, top), (right, bottom) = polygon.min(0), polygon.max(0)
            expected = [[right, top], [left, top], [left, bottom], [right, bottom], [right, top]]
            np.testing.assert_array_equal(polygon, expected)
            assert 0 <= left < right <= SIZE
            assert annotation.area == pytest.approx((right - left) * (bottom - top), abs=1e-3)
            np.testing.assert_allclose(annotation.bbox, [left, top, right - left, bottom - top], atol=0.5)


def test_boxes_are_loose_and_a_few_miss(splits: dict[str, Split], borders: dict[int, Border]) -> None:
    dice = [
        overlap(box_mask(split, image), borders[image.number].mask(SIZE))
        for split in splits.values()
        for image in split.images
        if split.annotations_of(image)
    ]
    assert 0.45 < np.mean(dice) < 0.65
    assert 1 <= np.sum(np.equal(dice, 0)) <= 0.03 * len(dice)


def test_patients_are_on_both_sides_of_the_split(splits: dict[str, Split], borders: dict[int, Border]) -> None:
    people = {name: {borders[i.number].patient for i in split.images} for name, split in splits.items()}
    assert len(people["test"] & people["train"]) > len(people["test"]) / 2
    assert len({border.patient for border in borders.values()}) == PATIENTS


def test_some_patients_have_several_ids(borders: dict[int, Border]) -> None:
    names = {border.patient: set[str]() for border in borders.values()}
    for border in borders.values():
        names[border.patient].add(border.patient_id)
    several = [ids for ids in names.values() if len(ids) > 1]
    assert several
    assert len(several) < PATIENTS / 2


def test_one_patient_was_stored_in_small_frames(images: list[Image], borders: dict[int, Border]) -> None:
    assert {border.width for border in borders.values()} == {256, 512}
    small = [borders[image.number] for image in images if borders[image.number].width == 256]
    assert len({border.patient for border in small}) == 1
    assert all(border.polygon.max() <= 256 for border in small)


def test_border_frame_is_transposed(splits: dict[str, Split], borders: dict[int, Border]) -> None:
    """Boxes lie on the transposed borders, and bright tumours are brighter than what a plain frame would mark."""
    as_documented, as_stored, contrast = [], [], []
    for image in splits["train"].images:
        border = borders[image.number]
        inside = border.mask(SIZE)
        if splits["train"].annotations_of(image):
            box = box_mask(splits["train"], image)
            as_documented.append(overlap(box, inside))
            as_stored.append(overlap(box, inside.T))
        if border.tumour_type != "glioma":
            pixels = image.read()
            contrast.append(pixels[inside].mean() - pixels[inside.T].mean())
    assert np.mean(as_documented) > np.mean(as_stored) + 0.2
    assert np.mean(contrast) > 30


# --- pictures -------------------------------------------------------------------------------------------------


def test_grey_values_are_those_of_mri(images: list[Image]) -> None:
    pixels = np.stack([image.read() for image in images])
    assert 0.2 < (pixels < 15).mean() < 0.55
    assert 80 < np.median(pixels[pixels >= 25]) < 125
    assert 185 < np.percentile(pixels, 99.5) < 245


@pytest.mark.parametrize(("kind", "least", "most"), [("meningioma", 1.5, 3.0), ("pituitary", 1.3, 3.0)])
def test_benign_tumours_are_brighter_than_around(
    kind: str, least: float, most: float, images: list[Image], borders: dict[int, Border]
) -> None:
    ratios = []
    for image in images:
        if borders[image.number].tumour_type == kind:
            inside = borders[image.number].mask(SIZE)
            around = cv2.dilate(inside.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool) & ~inside
            ratios.append(image.read()[inside].mean() / image.read()[around].mean())
    assert least < np.median(ratios) < most


# --- the call -------------------------------------------------------------------------------------------------


def test_same_seed_gives_same_bytes_in_another_process_with_one_thread_and_another_seed_other_images(
    root: Path, tmp_path: Path
) -> None:
    again, other = tmp_path / "again", tmp_path / "other"
    call = "import os, sys; from pathlib import Path; from brainseg.data.phantom import make_phantom; "
    call += "os.cpu_count = lambda: 1; "
    call += f"make_phantom(Path(sys.argv[1]), patients={PATIENTS}, seed=3, size={SIZE})"
    subprocess.run([sys.executable, "-c", call, str(again)], check=True)
    assert digests(again) == digests(root)
    make_phantom(other, patients=8, seed=4, size=64)
    assert not set(digests(other).values()) & set(digests(root).values())


def test_folder_is_made_with_its_parents_and_nothing_else(root: Path) -> None:
    assert {path.name for path in root.iterdir()} == {"tumorseg-coco", "cheng2017", "SHA256SUMS"}
    assert changed_files(root) == []
    assert [path.name for path in root.parent.iterdir()] == [root.name]


# --- against the real data set --------------------------------------------------------------------------------


def test_borders_have_the_area_of_the_real_ones(real_data: Path, borders: dict[int, Border]) -> None:
    def mean_area(found: dict[int, Border], kind: str) -> float:
        chosen = [border for border in found.values() if border.tumour_type == kind][::7]
        return float(np.mean([border.mask(128).mean() for border in chosen]))

    real = read_borders(real_data)
    for kind in TYPES:
        assert 0.5 < mean_area(borders, kind) / mean_area(real, kind) < 2
