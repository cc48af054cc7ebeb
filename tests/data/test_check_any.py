"""A check of a data set that is not the study's: other names, other folders, no border file."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from brainseg.data.check import UNLIKE, check
from brainseg.data.checksums import write_checksums
from brainseg.data.coco import read_splits
from brainseg.errors import BrainsegError
from tests.data.test_check import counts, row
from tests.data_fixtures import Slice, box, pixels, write_borders, write_split

DIAMOND = [[[80.0, 40.0, 120.0, 80.0, 80.0, 120.0, 40.0, 80.0]]]


def rename(folder: Path, names: dict[str, str]) -> None:
    path = folder / "_annotations.coco.json"
    content = json.loads(path.read_text())
    for image in content["images"]:
        (folder / image["file_name"]).rename(folder / names[image["file_name"]])
        image["file_name"] = names[image["file_name"]]
    path.write_text(json.dumps(content))


def write_any(root: Path) -> Path:
    """Write two splits without any fault: two images each, named after two patients each."""
    for split, number in (("dev", 3), ("train2020", 1)):
        slices = [Slice(number + i, DIAMOND, category_id=i + 1) for i in (0, 1)]
        write_split(root / split, slices)
        rename(root / split, {one.file_name: f"case {one.number} of {split}.jpg" for one in slices})
        path = root / split / "_annotations.coco.json"
        content = json.loads(path.read_text())
        content["categories"] = content["categories"][1:]
        path.write_text(json.dumps(content))
    return root


def as_coco(root: Path, target: Path, images: str) -> Path:
    """The same in COCO's own layout."""
    for folder in root.iterdir():
        shutil.copytree(folder, target / images.format(folder.name), dirs_exist_ok=True)
        (target / "annotations").mkdir(exist_ok=True)
        (target / images.format(folder.name) / "_annotations.coco.json").rename(
            target / "annotations" / f"instances_{folder.name}.json"
        )
    return target


@pytest.mark.parametrize("images", ["", "{}", "images/{}", "images"])
def test_nothing_is_found_in_a_faultless_set_of_any_layout(tmp_path: Path, images: str) -> None:
    root = write_any(tmp_path / "roboflow")
    if images:
        root = as_coco(root, tmp_path / "coco", images)
    report = check(root, patient=r"case (\d)")
    assert counts(report) == {}
    assert report.exit_code == 0
    assert report.images["split"].tolist() == ["train2020"] * 2 + ["dev"] * 2
    assert report.images["patient"].tolist() == ["1", "2", "3", "4"]
    assert report.images["name"].tolist()[0] == "case 1 of train2020.jpg"
    assert report.areas[["split", "mask", "images"]].to_numpy().tolist() == [
        ["train2020", "label", 2],
        ["dev", "label", 2],
    ]


def test_the_studys_folder_without_borders_is_checked_like_any(tmp_path: Path) -> None:
    write_any(tmp_path / "tumorseg-coco")
    assert counts(check(tmp_path)) == counts(check(tmp_path / "tumorseg-coco")) == {}


def test_what_is_not_checked_is_said(tmp_path: Path) -> None:
    root = write_any(tmp_path)
    outlines, files = "whether labels follow what they mark", "whether files are as they were made"
    assert check(root).unchecked["what"].tolist() == [outlines, "patients in several splits", files]
    assert check(root, patient="case .").unchecked["what"].tolist() == [outlines, files]
    write_checksums(root)
    assert check(root, patient="case .").unchecked["what"].tolist() == [outlines]
    assert row(check(root).findings, finding=UNLIKE)["count"] == 0
    assert not any("patient" in finding for finding in check(root).findings["finding"])


def test_trivial_answers_score_what_their_masks_do(tmp_path: Path) -> None:
    write_split(
        tmp_path / "a", [Slice(1, [[box(0, 0, 160, 40)]]), Slice(2, [[box(0, 0, 80, 80)], [box(80, 0, 80, 80)]])]
    )
    found = row(check(tmp_path).areas, split="a")
    quarter, half = np.zeros((160, 160), bool), np.zeros((160, 160), bool)
    quarter[:40], half[:80] = True, True
    truth, full = np.stack([quarter, half]), np.ones((2, 160, 160), bool)
    assert found["background_accuracy"] == pytest.approx((truth == ~full).mean())
    assert found["mean"] == pytest.approx((truth == full).mean())
    dice = [2 * (one & two).sum() / (one.sum() + two.sum()) for one, two in zip(truth, full, strict=True)]
    assert found["full_dice"] == pytest.approx(np.mean(dice))


def test_colours_are_no_fault(tmp_path: Path) -> None:
    root = write_any(tmp_path)
    colours = np.dstack([pixels(seed, 160, 160) for seed in (7, 8, 9)])
    cv2.imwrite(str(root / "dev" / "case 3 of dev.jpg"), colours)
    assert counts(check(root)) == {}


def test_the_same_file_is_a_duplicate_and_no_near_duplicate(tmp_path: Path) -> None:
    root = write_any(tmp_path)
    shutil.copy(root / "train2020" / "case 1 of train2020.jpg", root / "dev" / "case 3 of dev.jpg")
    assert counts(check(root)) == {"image files identical to an earlier one": 1}


def test_an_id_is_looked_up_in_every_data_set(tmp_path: Path) -> None:
    finding = "categories with another id in another split"
    assert row(check(write_any(tmp_path)).findings, finding=finding) == {
        "finding": finding,
        "count": 0,
        "total": 2,
        "detail": "",
    }


def test_near_duplicates_in_one_split_are_no_fault(tmp_path: Path) -> None:
    root = write_any(tmp_path)
    picture = cv2.imread(str(root / "dev" / "case 3 of dev.jpg"))
    assert picture is not None
    cv2.imwrite(str(root / "dev" / "case 4 of dev.jpg"), picture[:, ::-1])
    assert counts(check(root)) == {}
    cv2.imwrite(str(root / "train2020" / "case 1 of train2020.jpg"), picture[::-1])
    report = check(root)
    assert counts(report) == {"images that nearly repeat one of an earlier split": 2}
    assert "dev case 3 of dev.jpg repeats train2020 case 1 of train2020.jpg" in report.text()


def test_an_image_that_tells_no_patient_is_counted(tmp_path: Path) -> None:
    assert counts(check(write_any(tmp_path), patient="case [123]")) == {"images whose name tells no patient": 1}


def test_what_cannot_be_used_is_refused(tmp_path: Path) -> None:
    root = write_any(tmp_path / "any")
    with pytest.raises(BrainsegError, match=r"received the pattern '\(', expected a regular expression"):
        check(root, patient="(")
    (root / "dev" / "case 3 of dev.jpg").unlink()
    with pytest.raises(BrainsegError, match=r"lacks 1 of 2 images, the first is case 3 of dev\.jpg"):
        check(root)
    write_borders(root, [])
    with pytest.raises(BrainsegError, match="says who they are: leave it out"):
        check(root, patient="case")
    write_split(tmp_path / "empty" / "train", [])
    with pytest.raises(BrainsegError, match="list no image"):
        check(tmp_path / "empty")


@pytest.mark.parametrize("name", ["../1.jpg", "a/1.jpg", ".1.jpg", "a\\1.jpg", "a\n.jpg", ""])
def test_an_image_outside_of_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    write_any(tmp_path)
    path = tmp_path / "dev" / "_annotations.coco.json"
    content = json.loads(path.read_text())
    content["images"][0]["file_name"] = name
    path.write_text(json.dumps(content))
    with pytest.raises(BrainsegError, match=r"expected a plain name, such as scan-1\.png"):
        read_splits(tmp_path)
