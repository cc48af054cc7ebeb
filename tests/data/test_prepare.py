import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from brainseg.data.cases import cases
from brainseg.data.cheng import read_borders
from brainseg.data.coco import Image, decode, pair_by_position, published_mask, read_dataset, shrink, union
from brainseg.data.prepare import fingerprint, prepare
from brainseg.errors import BrainsegError
from tests.data_fixtures import Slice, pixels, write_dataset, write_split


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "data")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def complete(cache: Path) -> list[Path]:
    return [p for p in cache.iterdir() if p.is_dir() and not p.name.endswith(".partial")]


def test_arrays_are_what_the_readers_give(root: Path, cache: Path) -> None:
    prepared = prepare(root, 32, cache)
    borders = read_borders(root)
    row = 0
    for name, split in read_dataset(root).items():
        for image, annotation in pair_by_position(split):
            colour = np.asarray(cv2.imread(str(image.path)))
            np.testing.assert_array_equal(prepared.images[row], cv2.resize(colour, (32, 32))[..., 1])
            masks = {
                "position": annotation is not None and published_mask(annotation, image, 32, name),
                "box": bool(own := split.annotations_of(image)) and shrink(decode(union(own, image)), 32),
                "border": shrink(borders[image.number].mask(160), 32),
            }
            for kind, mask in masks.items():
                np.testing.assert_array_equal(prepared.masks[kind][row], mask)
            row += 1
    assert prepared.images.shape == (row, 32, 32)
    assert {a.dtype for a in (prepared.images, *prepared.masks.values())} == {np.dtype(np.uint8)}


def test_the_table_says_what_each_row_is(root: Path, cache: Path) -> None:
    table = prepare(root, 32, cache).table.set_index("number")
    assert table["split"].tolist() == ["train"] * 5 + ["valid"] * 2 + ["test"] * 2
    assert table["annotations"].tolist() == [1, 2, 1, 0, 1, 1, 1, 1, 1]
    assert table["label_number"].tolist() == [11, 12, 12, 13, 15, 21, 22, 31, 32]
    assert table["flags"].tolist()[:5] == ["", "several_annotations", "shifted", "no_annotation shifted", ""]
    assert table["category"].tolist() == ["0", "0", "1", "", "0", "0", "1", "0", "0"]
    assert table.loc[[31, 14, 21], "patient"].tolist() == ["500", "500", "500"]
    assert table.loc[[31, 14, 21], "patient_id"].tolist() == ["500C", "500B", "500"]
    assert table.loc[[11, 31, 15], "tumour_type"].tolist() == ["meningioma", "glioma", "pituitary"]
    assert table["frame_width"].tolist() == [512] * 7 + [256, 512]
    boxes = table[["box_x", "box_y", "box_width", "box_height"]]
    np.testing.assert_allclose(boxes.loc[11], [20.7, 30.2, 61.3, 52.9])
    np.testing.assert_allclose(boxes.loc[12], [40, 40, 100.5, 80.25])
    assert boxes.loc[14].isna().all()


def test_rows_of_a_split(root: Path, cache: Path) -> None:
    prepared = prepare(root, 32, cache)
    assert prepared.rows("test").tolist() == [7, 8]
    with pytest.raises(BrainsegError, match="'holdout', expected one of: train, valid, test"):
        prepared.rows("holdout")


def test_an_image_that_cheng_does_not_have_gets_an_empty_border(root: Path, cache: Path) -> None:
    write_split(root / "tumorseg-coco" / "valid", [Slice(99)])
    prepared = prepare(root, 32, cache)
    (row,) = prepared.rows("valid")
    assert not prepared.masks["border"][row].any()
    assert prepared.table.loc[row, ["patient", "tumour_type", "flags"]].tolist() == ["", "", "no_border"]


def test_what_was_prepared_is_opened_and_not_made_again(
    root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepare(root, 32, cache)

    def read(self: Image) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(Image, "read", read)
    again = prepare(root, 32, cache)
    np.testing.assert_array_equal(again.images, first.images)
    assert again.table.equals(first.table)
    assert isinstance(again.images, np.memmap)
    with pytest.raises(AssertionError, match="decoded again"):
        prepare(root, 48, cache)


@pytest.mark.parametrize(
    "name", ["tumorseg-coco/test/_annotations.coco.json", "cheng2017/annotations.coco.json", "image"]
)
def test_a_changed_file_gives_new_arrays(root: Path, cache: Path, name: str) -> None:
    path = root / name if name != "image" else root / "tumorseg-coco" / "test" / Slice(31).file_name
    before = prepare(root, 32, cache)
    if name == "image":
        cv2.imwrite(str(path), pixels(77, 160, 160))
    else:
        path.write_text(path.read_text().replace("44.4", "55.4").replace("48.0", "12.0"))
    after = prepare(root, 32, cache)
    assert after.fingerprint != before.fingerprint
    changed = {k: not np.array_equal(before.masks[k], after.masks[k]) for k in before.masks}
    changed["image"] = not np.array_equal(before.images, after.images)
    expected = {
        "tumorseg-coco/test/_annotations.coco.json": {"position", "box"},
        "cheng2017/annotations.coco.json": {"border"},
        "image": {"image"},
    }[name]
    assert {k for k, v in changed.items() if v} == expected


def test_the_fingerprint_follows_content_and_not_place_or_time(root: Path, cache: Path) -> None:
    cache.mkdir()
    copy = shutil.copytree(root, root.with_name("copy"))
    os.utime(copy / "cheng2017" / "annotations.coco.json", (1, 1))
    assert fingerprint(copy, cache) == fingerprint(root, cache)
    (copy / "tumorseg-coco" / "train" / Slice(15).file_name).unlink()
    assert fingerprint(copy, cache) != fingerprint(root, cache)


def test_old_files_are_hashed_once(root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir()
    for path in root.rglob("*.j*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    first = fingerprint(root, cache)
    read = []
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path))
    assert fingerprint(root, cache) == first
    assert read == []


def test_a_file_changed_within_the_clock_s_tick_is_noticed(root: Path, cache: Path) -> None:
    cache.mkdir()
    path = root / "cheng2017" / "annotations.coco.json"
    now = time.time_ns()
    os.utime(path, ns=(now, now))
    before = fingerprint(root, cache)
    path.write_text(path.read_text().replace("pituitary", "Pituitary"))
    os.utime(path, ns=(now, now))
    assert fingerprint(root, cache) != before


def _prepare(root: Path, cache: Path) -> str:
    return str(prepare(root, 32, cache).folder)


def test_two_processes_at_once_make_one_result(root: Path, cache: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        folders = pool.starmap(_prepare, [(root, cache)] * 4, chunksize=1)
    assert set(folders) == {str(p) for p in complete(cache)}
    assert len(complete(cache)) == 1
    np.testing.assert_array_equal(prepare(root, 32, cache).images, prepare(root, 32, cache / "own").images)


def test_a_killed_preparation_leaves_nothing_that_is_believed(root: Path, cache: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from brainseg.data import prepare as module\n"
        "module.published_mask = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "module.prepare(Path(sys.argv[1]), 32, Path(sys.argv[2]))\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(root), str(cache)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(cache.glob("*.partial/images.npy"))
    assert complete(cache) == []
    np.testing.assert_array_equal(prepare(root, 32, cache).images, prepare(root, 32, cache / "own").images)
    assert not list(cache.glob("*.partial"))


def test_an_error_leaves_nothing_that_is_believed(root: Path, cache: Path) -> None:
    path = root / "tumorseg-coco" / "test" / Slice(31).file_name
    content = path.read_bytes()
    path.write_bytes(b"broken")
    with pytest.raises(BrainsegError, match="cannot be decoded"):
        prepare(root, 32, cache)
    assert complete(cache) == []
    path.write_bytes(content)
    assert len(prepare(root, 32, cache).table) == 9


@pytest.mark.parametrize("folder", ["tumorseg-coco/valid", "cheng2017"])
def test_a_missing_folder_is_named(root: Path, cache: Path, folder: str) -> None:
    shutil.rmtree(root / folder)
    with pytest.raises(BrainsegError, match=f"has no folder {folder}"):
        prepare(root, 32, cache)


def test_memory_does_not_grow_with_the_number_of_images(root: Path, cache: Path) -> None:
    def peak(images: int) -> int:
        write_split(root / "tumorseg-coco" / "train", [Slice(n, height=64, width=64) for n in range(images)])
        tracemalloc.start()
        prepare(root, 128, cache)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(10)
    arrays = 4 * 100 * 128 * 128
    assert peak(110) - peak(10) < arrays / 10


def test_opencv_keeps_its_number_of_threads(root: Path, cache: Path) -> None:
    before = cv2.getNumThreads()
    prepare(root, 32, cache)
    assert cv2.getNumThreads() == before


def test_the_real_set(real_data: Path, tmp_path: Path) -> None:
    assert fingerprint(real_data, tmp_path) == fingerprint(real_data, tmp_path)
    images = list(cases(read_dataset(real_data), read_borders(real_data)))
    assert [sum(i.split == s for i in images) for s in ("train", "valid", "test")] == [1502, 429, 215]
    assert [(i.image.id, len(i.annotations)) for i in images if len(i.annotations) != 1] == [(1005, 2), (1380, 0)]
    assert [row for row, i in enumerate(images) if i.label_number != i.image.number] == list(range(1006, 1381))
