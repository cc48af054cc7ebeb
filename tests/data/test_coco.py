import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from brainseg.data.coco import (
    SPLITS,
    Annotation,
    Image,
    decode,
    pair_by_id,
    pair_by_position,
    published_mask,
    read_dataset,
    read_split,
    shrink,
    union,
)
from brainseg.errors import BrainsegError
from tests.data_fixtures import Slice, box, pixels, write_dataset, write_split


def published_masks(folder: Path, size: int, work: Path, step: int = 1) -> list[NDArray[Any]]:
    """The published notebook's steps, written down as plainly as they are described."""
    with (folder / "_annotations.coco.json").open(encoding="utf-8-sig") as file:
        coco = json.load(file)
    masks = []
    for image, annotation in list(zip(coco["images"], coco["annotations"], strict=False))[::step]:
        polygon = np.array(annotation["segmentation"][0], dtype=np.int32).reshape((-1, 1, 2))
        drawn = np.zeros((image["height"], image["width"]), dtype=np.uint8)
        cv2.fillPoly(drawn, [polygon], 255)
        name = str(work / image["file_name"])
        cv2.imwrite(name, drawn)
        mask: Any = cv2.resize(np.asarray(cv2.imread(name, cv2.IMREAD_GRAYSCALE)), (size, size))
        if folder.name == "train":
            mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
        if folder.name == "test":
            mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        masks.append(mask.astype(np.float32) / 255.0 > 0.5)
    return masks


@pytest.mark.parametrize("size", [32, 50])
@pytest.mark.parametrize("split", SPLITS)
def test_published_masks_equal_the_published_steps(tmp_path: Path, split: str, size: int) -> None:
    rng = np.random.default_rng(0)
    stars = [[rng.uniform(0, 159, 14).tolist()] for _ in range(8)]
    write_split(tmp_path / split, [Slice(n, [star]) for n, star in enumerate(stars, start=1)])
    read = read_split(tmp_path / split)
    ours = [
        published_mask(annotation, image, size, split)
        for image, annotation in pair_by_position(read)
        if annotation is not None
    ]
    (tmp_path / "work").mkdir()
    np.testing.assert_array_equal(ours, published_masks(tmp_path / split, size, tmp_path / "work"))


@pytest.mark.parametrize("split", SPLITS)
def test_published_masks_equal_the_published_steps_on_the_real_set(real_data: Path, tmp_path: Path, split: str) -> None:
    folder = real_data / "tumorseg-coco" / split
    ours = [
        published_mask(annotation, image, 128, split)
        for image, annotation in pair_by_position(read_split(folder))[::20]
        if annotation is not None
    ]
    np.testing.assert_array_equal(ours, published_masks(folder, 128, tmp_path, step=20))


def test_the_closing_of_the_published_training_split_matters(tmp_path: Path) -> None:
    fork = [box(20, 20, 100, 30), [20, 20, 120, 20, 120, 40, 60, 40, 60, 48, 120, 48, 120, 80, 20, 80]]
    write_split(tmp_path, [Slice(1, [[fork[1]]])])
    image, annotation = pair_by_position(read_split(tmp_path))[0]
    assert annotation is not None
    areas = {split: published_mask(annotation, image, 40, split).sum() for split in SPLITS}
    assert areas["valid"] < areas["train"] <= areas["test"]


def test_by_position_slips_and_by_id_does_not(tmp_path: Path) -> None:
    train = read_dataset(write_dataset(tmp_path))["train"]
    numbers = {image.id: image.number for image in train.images}
    by_position = [(i.number, numbers[a.image_id]) for i, a in pair_by_position(train) if a is not None]
    assert by_position == [(11, 11), (12, 12), (13, 12), (14, 13), (15, 15)]
    by_id = {i.number: [numbers[a.image_id] for a in annotations] for i, annotations in pair_by_id(train)}
    assert by_id == {11: [11], 12: [12, 12], 13: [13], 14: [], 15: [15]}


@pytest.mark.parametrize(
    ("counts", "expected"),
    [([1, 0, 1], [True, False, True]), ([2, 1], [True, True]), ([0, 1], [True, False])],
)
def test_by_position_ends_as_zip_does(tmp_path: Path, counts: list[int], expected: list[bool]) -> None:
    write_split(tmp_path, [Slice(n, [[box(1, 1, 9, 9)]] * count) for n, count in enumerate(counts)])
    split = read_split(tmp_path)
    found = [annotation is not None for _, annotation in pair_by_position(split)]
    assert len(found) == len(counts)
    assert sum(found) == min(len(counts), sum(counts))
    assert found == sorted(found, reverse=True)


def test_a_mask_is_the_union_of_all_polygons_of_all_annotations(tmp_path: Path) -> None:
    two_parts = [box(10, 10, 20, 20), box(60, 10, 30, 20)]
    write_split(tmp_path, [Slice(1, [two_parts, [box(80, 20, 40, 40)]])])
    ((image, annotations),) = pair_by_id(read_split(tmp_path))
    expected = np.zeros((160, 160), bool)
    expected[10:30, 10:30] = expected[10:30, 60:90] = expected[20:60, 80:120] = True
    np.testing.assert_array_equal(decode(union(annotations, image)), expected)


@pytest.mark.parametrize("compressed", [False, True])
def test_run_length_encodings_are_read(tmp_path: Path, compressed: bool) -> None:
    drawn = np.zeros((96, 160), bool)
    drawn[20:50, 100:140] = drawn[90:, 0] = True
    rle = run_lengths(drawn)
    if compressed:
        from pycocotools import mask as coco_mask

        rle = coco_mask.frPyObjects(rle, 96, 160)
        rle["counts"] = rle["counts"].decode()
    write_split(tmp_path, [Slice(1, [rle], height=96, width=160)])
    (annotation,) = read_split(tmp_path).annotations
    assert annotation.polygons == ()
    np.testing.assert_array_equal(decode(annotation.encoded(96, 160)), drawn)
    with pytest.raises(BrainsegError, match=r"\[96, 160\].*\[96, 100\]"):
        annotation.encoded(96, 100)


def run_lengths(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """COCO's uncompressed encoding: lengths of runs down the columns, the first of zeros."""
    column = mask.ravel(order="F").astype(int)
    edges = np.flatnonzero(np.diff(column)) + 1
    lengths = np.diff([0, *edges, column.size]).tolist()
    return {"size": list(mask.shape), "counts": lengths if column[0] == 0 else [0, *lengths]}


def test_the_published_steps_refuse_run_length_encodings() -> None:
    annotation = Annotation(3, 0, "0", (0, 0, 2, 2), (), {"size": [2, 2], "counts": [4]}, 0)
    with pytest.raises(BrainsegError, match="annotation 3 is run-length encoded"):
        published_mask(annotation, Image(0, Path("1.jpg"), 1, 2, 2), 2, "train")


def test_shrinking_keeps_what_covers_more_than_half_of_a_pixel() -> None:
    mask = np.random.default_rng(1).random((60, 60)) < 0.5
    means = mask.reshape(12, 5, 12, 5).mean(axis=(1, 3))
    np.testing.assert_array_equal(shrink(mask, 12), means > 0.5)


def test_images_are_read_as_grey_values(tmp_path: Path) -> None:
    write_split(tmp_path, [Slice(7)])
    (image,) = read_split(tmp_path).images
    assert image.number == 7
    np.testing.assert_allclose(image.read().astype(int), pixels(7, 160, 160).astype(int), atol=30)
    np.testing.assert_array_equal(image.read(), np.asarray(cv2.imread(str(image.path)))[..., 2])


def test_categories_and_a_byte_order_mark(tmp_path: Path) -> None:
    write_split(tmp_path, [Slice(1, category_id=2), Slice(2, [])], bom=True)
    split = read_split(tmp_path)
    assert split.categories == ("Tumor", "0", "1")
    assert [a.category for a in split.annotations] == ["1"]
    assert split.annotations_of(split.images[1]) == ()


def test_a_coloured_broken_or_resized_image_is_refused(tmp_path: Path) -> None:
    write_split(tmp_path, [Slice(1)])
    (image,) = read_split(tmp_path).images
    colours = np.random.default_rng(0).integers(0, 256, (160, 160, 3), np.uint8)
    cv2.imwrite(str(image.path), colours)
    with pytest.raises(BrainsegError, match="coloured"):
        image.read()
    cv2.imwrite(str(image.path), pixels(0, 80, 160))
    with pytest.raises(BrainsegError, match=r"\[80, 160\].*\[160, 160\]"):
        image.read()
    image.path.write_bytes(b"not an image")
    with pytest.raises(BrainsegError, match="cannot be decoded"):
        image.read()


def test_a_missing_annotation_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BrainsegError, match=r"train/_annotations\.coco\.json does not exist"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", r"received \[\], expected a COCO annotation file"),
        ('{"images": [], "categories": []}', "the field annotations is missing"),
    ],
)
def test_a_malformed_annotation_file_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "_annotations.coco.json").write_text(content)
    with pytest.raises(BrainsegError, match=message):
        read_split(tmp_path)


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    write_split(tmp_path, [Slice(1), Slice(2)])
    (tmp_path / Slice(2).file_name).unlink()
    with pytest.raises(BrainsegError, match="lacks 1 of 2 images, the first is 2_jpg"):
        read_split(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 9}, "belongs to image id 9"),
        ({"category_id": 9}, "belongs to category id 9"),
        ({"segmentation": []}, r"received annotations\[0\]\.segmentation \[\]"),
        ({"segmentation": [[1, 2, 3]]}, "annotation 0 is no outline"),
    ],
)
def test_an_inconsistent_annotation_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    write_split(tmp_path, [Slice(1)])
    path = tmp_path / "_annotations.coco.json"
    content = json.loads(path.read_text())
    content["annotations"][0].update(change)
    path.write_text(json.dumps(content))
    with pytest.raises(BrainsegError, match=message):
        read_split(tmp_path)


def test_image_names_and_ids_are_checked(tmp_path: Path) -> None:
    write_split(tmp_path, [Slice(1), Slice(2)])
    path = tmp_path / "_annotations.coco.json"
    content = json.loads(path.read_text())
    content["images"][1]["id"] = 0
    path.write_text(json.dumps(content))
    with pytest.raises(BrainsegError, match="uses an image id twice"):
        read_split(tmp_path)
    content["images"][1]["file_name"] = "scan.jpg"
    path.write_text(json.dumps(content))
    with pytest.raises(BrainsegError, match="a plain name that begins with a slice number"):
        read_split(tmp_path)
