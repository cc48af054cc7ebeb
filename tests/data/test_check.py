import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from brainseg.data.check import Report, check
from brainseg.errors import BrainsegError
from tests.data_fixtures import Outline, Slice, bounding_box, box, pixels, write_borders, write_dataset, write_split

# A diamond in the Kaggle image of 160 pixels, and the same in Cheng's frame: x and y exchanged, times 512 / 160.
DIAMOND = [80.0, 40.0, 120.0, 80.0, 80.0, 120.0, 40.0, 80.0]
OVERLAPS = ("dice", "iou", "box_is_tumour", "tumour_in_box")
OUTLINE = [128.0, 256.0, 256.0, 384.0, 384.0, 256.0, 256.0, 128.0]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return check(write_dataset(tmp_path_factory.mktemp("data")))


def rectangle(x: float, y: float, width: float, height: float) -> NDArray[np.bool_]:
    """Quarters of pixels of a 160 pixel image that a rectangle covers."""
    at = (np.arange(640) + 0.5) / 4
    return np.outer((at > y) & (at < y + height), (at > x) & (at < x + width))


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


BORDER = rectangle(20, 30, 40, 50)


def row(table: pd.DataFrame, **where: Any) -> dict[str, Any]:
    """The only row that has these values."""
    (found,) = table[(table[list(where)] == pd.Series(where)).all(axis=1)].to_dict("records")
    return {str(column): value for column, value in found.items()}


def image(report: Report, number: int) -> dict[str, Any]:
    return row(report.images, number=number)


def counts(report: Report) -> dict[str, int]:
    """The findings that were found."""
    found = report.findings[report.findings["count"] > 0]
    return dict(zip(found["finding"], found["count"], strict=True))


def test_every_image_has_a_row_in_the_order_of_the_lists(report: Report) -> None:
    images = report.images
    assert images["number"].tolist() == [11, 12, 13, 14, 15, 21, 22, 31, 32]
    assert images["split"].tolist() == ["train"] * 5 + ["valid"] * 2 + ["test"] * 2
    assert images["position"].tolist() == [0, 1, 2, 3, 4, 0, 1, 0, 1]
    assert images["annotations"].tolist() == [1, 2, 1, 0, 1, 1, 1, 1, 1]
    assert images["category"].fillna("-").tolist() == ["0", "0", "1", "-", "0", "0", "1", "0", "0"]
    assert images["patient"].tolist() == ["100", "100", "200", "500", "300", "500", "600", "500", "700"]
    assert images["patient_id"].tolist()[3] == "500B"
    assert images["label_position"].tolist() == [0, 1, 1, 2, 4, 0, 1, 0, 1]
    assert images["readable"].all()
    assert images["content"].nunique() == 9


def test_areas_are_shares_of_the_image(report: Report) -> None:
    np.testing.assert_allclose(report.images["border"], 2000 / 160**2)
    assert image(report, 21)["box"] == 2000 / 160**2
    assert image(report, 15)["box"] == 70 * 90 / 160**2
    assert image(report, 11)["box"] == pytest.approx(61.3 * 52.9 / 160**2, rel=0.03)
    assert np.isnan(image(report, 14)["box"])
    # The triangle of image 13, as the published pairing gives it to 14, at 128 pixels.
    assert image(report, 14)["published"] == pytest.approx(4089 / 160**2, rel=0.05)


def test_overlap_of_box_and_border(report: Report) -> None:
    exact = image(report, 21)
    assert [exact[name] for name in OVERLAPS] == [1, 1, 1, 1]
    # 12: boxes of 50 x 50 and 40 x 30 pixels, of which the first shares 20 x 40 with the border of 40 x 50.
    several = image(report, 12)
    expected = {"dice": 1600 / 5700, "iou": 800 / 4900, "box_is_tumour": 800 / 3700, "tumour_in_box": 800 / 2000}
    assert {name: several[name] for name in expected} == pytest.approx(expected, rel=0.03)
    assert [image(report, 15)[name] for name in OVERLAPS] == [0, 0, 0, 0]
    assert image(report, 11)["dice"] == pytest.approx(dice(rectangle(20.7, 30.2, 61.3, 52.9), BORDER), abs=0.02)
    assert np.isnan([image(report, 14)[name] for name in OVERLAPS]).all()


def test_pairing_lists_the_runs_that_slip(report: Report) -> None:
    (run,) = report.pairing.to_dict("records")
    # Image 13 gets the second box of 12, which lies right of its triangle; 14 has no label to compare with.
    assert run == {
        "split": "train",
        "first": 2,
        "last": 3,
        "images": 2,
        "offset": -1,
        "label_dice": 0,
        "apart": 1,
    }
    assert image(report, 11)["label_dice"] == 1
    assert np.isnan(image(report, 14)["label_dice"])


def test_pairing_separates_runs_by_offset_and_split(tmp_path: Path) -> None:
    root = write_dataset(tmp_path)
    shapes = [[box(10, 10, 40, 40)]], [[box(10, 10, 40, 20)]], [[box(90, 90, 9, 9)]]
    write_split(root / "tumorseg-coco" / "train", [Slice(n, shapes[i]) for i, n in enumerate((11, 12, 13))])
    write_split(root / "tumorseg-coco" / "valid", [Slice(21, []), Slice(22, shapes[0])])
    in_train(lambda content: content["annotations"].insert(0, content["annotations"].pop(1)))(root)
    report = check(root)
    columns = ["split", "first", "last", "images", "offset", "apart"]
    assert report.pairing[columns].to_numpy().tolist() == [
        ["train", 0, 0, 1, 1, 0],
        ["train", 1, 1, 1, -1, 0],
        ["valid", 0, 0, 1, 1, 0],
    ]
    # 40 x 20 of 40 x 40 pixels, both ways; image 21 has no label of its own, and 22 is given none.
    np.testing.assert_allclose(report.pairing["label_dice"], [2 / 3, 2 / 3, np.nan])
    assert image(report, 22)["label_position"] == -1


def test_agreement_per_split_and_over_all(report: Report) -> None:
    table = report.agreement
    assert table["split"].tolist() == ["train", "valid", "test", "all"]
    assert table["images"].tolist() == [4, 2, 2, 8]
    assert table["apart"].tolist() == [1, 1, 0, 2]
    assert row(table, split="valid")["dice"] == 0.5
    in_31 = dice(rectangle(33.3, 44.4, 55.5, 66.6), BORDER)
    assert row(table, split="test")["dice"] == pytest.approx((1 + in_31) / 2, abs=0.02)
    assert row(table, split="all")["iou"] == pytest.approx(report.images["iou"].mean())


def test_categories_by_tumour_type(report: Report) -> None:
    assert report.categories.to_dict("index") == {
        "0": {"glioma": 2, "meningioma": 3, "pituitary": 1},
        "1": {"glioma": 1, "meningioma": 0, "pituitary": 1},
    }


def test_areas_tell_what_background_alone_scores(report: Report) -> None:
    areas = report.areas
    assert areas[areas["mask"] == "box"][["split", "images"]].to_numpy().tolist() == [
        ["train", 4],
        ["valid", 2],
        ["test", 2],
        ["last fifth of train", 1],
    ]
    # The last fifth of five images is image 15, whose box has 70 x 90 pixels.
    assert row(areas, split="last fifth of train", mask="box")["mean"] == 6300 / 160**2
    valid = row(areas, split="valid", mask="box")
    assert valid["mean"] == valid["median"] == (2000 + 4000) / 2 / 160**2
    assert valid["background_accuracy"] == pytest.approx(1 - 3000 / 160**2)
    assert valid["background_mean_iou"] == pytest.approx((1 - 3000 / 160**2) / 2)
    assert row(areas, split="valid", mask="published")["mean"] == pytest.approx(valid["mean"], rel=0.06)


def test_findings_of_the_small_set(report: Report) -> None:
    assert counts(report) == {
        "images given another image's label by the published pairing": 2,
        "images without an annotation": 1,
        "images with several annotations": 1,
        "labels that are axis-parallel rectangles, not outlines": 8,
        "borders drawn on slices of another width than most": 1,
        "labels that do not touch the border": 2,
        "labels that agree with the border by less than half (IoU)": 5,
        "labels that leave out more than a tenth of the tumour": 5,
        "categories that no annotation uses": 1,
        "categories that mix tumour types": 2,
        "patients in more than one split": 1,
        "images in valid of patients who are in train too": 1,
        "images in test of patients who are in train too": 1,
        "images in test of patients who are in valid too": 1,
        "patients with several IDs, which differ in a final letter": 1,
    }
    assert report.exit_code == 1


def test_text_says_what_was_found_first(report: Report) -> None:
    lines = report.text().splitlines()[: len(report.findings)]
    assert lines[0] == (
        "    2 of 9     images given another image's label by the published pairing: train list positions 2 to 3 get "
        "the label -1 away, mean Dice with their own 0.00, 1 do not touch it"
    )
    assert "    1 of 9     images without an annotation: train 14" in lines
    assert "    1 of 9     borders drawn on slices of another width than most: 1 are 256 wide" in lines
    found = [int(line.split()[0]) > 0 for line in lines]
    assert found == sorted(found, reverse=True)


def test_text_ends_with_what_trivial_answers_score_and_what_was_not_checked(report: Report) -> None:
    *_, train, valid, test, fifth, repeats, files = report.text().splitlines()
    area = row(report.areas, split="valid", mask="published")["mean"]
    assert valid.startswith(f"valid: a blank answer has accuracy {1 - area:.4f} and mean IoU {(1 - area) / 2:.4f}; ")
    assert f"marking every pixel has accuracy {area:.4f}" in valid
    assert [line.split(":")[0] for line in (train, test, fifth)] == ["train", "test", "last fifth of train"]
    assert repeats.startswith("not checked: images that nearly repeat others; the border file says")
    assert files == "not checked: whether files are as they were made; no list of their digests is known"


def test_leakage_counts_patients_slices_and_what_a_copied_label_scores(tmp_path: Path) -> None:
    square = [64.0, 64.0, 128.0, 64.0, 128.0, 128.0, 64.0, 128.0]  # 20 to 40 in both directions, of 160
    moved = [v + 32 for v in square]  # 30 to 50: a quarter in common with it
    folder = tmp_path / "tumorseg-coco"
    write_split(folder / "train", [Slice(n, [[box(10, 10, 40, 40)]]) for n in (1, 5, 20)])
    write_split(folder / "valid", [Slice(2, [[box(10, 10, 40, 20)]]), Slice(7, [[box(30, 10, 40, 40)]]), Slice(30)])
    write_split(folder / "test", [Slice(40)])
    write_borders(
        tmp_path,
        [
            *(Outline(n, square, "7") for n in (1, 2)),
            *(Outline(n, moved, "7A") for n in (5, 7)),
            *(Outline(n, square, str(n)) for n in (20, 30, 40)),
        ],
    )
    patients = check(tmp_path).patients
    # Image 2 follows image 1 and shares 40 x 20 of 40 x 40 pixels; 7 is nearest to 5 and shares 20 x 40.
    assert row(patients, first="train", second="valid") == {
        "first": "train",
        "second": "valid",
        "patients": 2,
        "shared": 1,
        "images": 3,
        "known": 2,
        "adjacent": 1,
        "copied_box": pytest.approx((2 * 800 / 2400 + 2 * 800 / 3200) / 2),
        "copied_border": 1,
    }
    none = row(patients, first="train", second="test")
    assert [none[name] for name in ("patients", "shared", "images", "known", "adjacent")] == [1, 0, 1, 0, 0]
    assert np.isnan(none["copied_box"])
    assert np.isnan(none["copied_border"])


def write_faultless(root: Path) -> Path:
    """Write outlines that equal the borders, one patient and one category to a tumour type, all in order."""
    label = [[DIAMOND]]
    folder = root / "tumorseg-coco"
    write_split(folder / "train", [Slice(1, label, 0), Slice(2, label, 1)])
    write_split(folder / "valid", [Slice(3, label, 2)])
    write_split(folder / "test", [Slice(4, label, 1)])
    write_borders(root, [Outline(n, OUTLINE, str(n), kind) for n, kind in ((1, 0), (2, 1), (3, 2), (4, 1))])
    return root


def test_nothing_is_found_in_a_faultless_set(tmp_path: Path) -> None:
    report = check(write_faultless(tmp_path))
    assert counts(report) == {}
    assert report.exit_code == 0
    assert report.pairing.empty
    assert report.agreement["dice"].tolist() == [1] * 4
    assert report.text().startswith("    0 of 4 ")


Content = dict[str, list[dict[str, Any]]]


def edited(path: str) -> Callable[[Callable[[Content], object]], Callable[[Path], None]]:
    """Make a fault of the data set out of an edit of one of its JSON files."""

    def wrap(edit: Callable[[Content], object]) -> Callable[[Path], None]:
        def fault(root: Path) -> None:
            content = json.loads((root / path).read_text())
            edit(content)
            (root / path).write_text(json.dumps(content))

        return fault

    return wrap


in_train, in_valid, in_test = (
    edited(f"tumorseg-coco/{name}/_annotations.coco.json") for name in ("train", "valid", "test")
)
in_borders = edited("cheng2017/annotations.coco.json")


def relabel(segmentation: Any) -> Callable[[Content], None]:
    entry = {"segmentation": segmentation, "bbox": bounding_box(segmentation)}
    return lambda content: content["annotations"][0].update(entry)


def copy_image(root: Path) -> None:
    folder = root / "tumorseg-coco" / "train"
    shutil.copy(folder / Slice(1).file_name, folder / Slice(2).file_name)


def spoil_image(root: Path) -> None:
    (root / "tumorseg-coco" / "test" / Slice(4).file_name).write_bytes(b"no image")


def add_image(root: Path) -> None:
    cv2.imwrite(str(root / "tumorseg-coco" / "test" / "5_jpg.rf.0.jpg"), pixels(5, 160, 160))


def renumber_image(root: Path) -> None:
    """Image 4 becomes another of slice 2, which is in the training split."""
    name = Slice(4).file_name.replace("4_", "2_", 1)
    in_test(lambda content: content["images"][0].update(file_name=name))(root)
    folder = root / "tumorseg-coco" / "test"
    (folder / Slice(4).file_name).rename(folder / name)


APART = {
    "labels that do not touch the border": 1,
    "labels that agree with the border by less than half (IoU)": 1,
    "labels that leave out more than a tenth of the tumour": 1,
}
KNOWN = {"patients in more than one split": 1, "images in test of patients who are in train too": 1}
RUN_LENGTHS = {"size": [160, 160], "counts": [160 * 60, 160 * 40, 160 * 60]}


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (copy_image, {"image files identical to an earlier one": 1}),
        (spoil_image, {"images that cannot be read, or are coloured or of another size": 1}),
        (add_image, {"image files that no annotation file lists": 1}),
        (renumber_image, {"images of a slice that another image shows": 1, "borders without an image": 1, **KNOWN}),
        (
            in_train(lambda content: content["annotations"].reverse()),
            {"images given another image's label by the published pairing": 2},
        ),
        (
            in_test(lambda content: content["annotations"].clear()),
            {"images without an annotation": 1, "images given no label by the published pairing": 1},
        ),
        (
            in_train(lambda content: content["annotations"].append(content["annotations"][1] | {"id": 9})),
            {"images with several annotations": 1, "annotations that the published pairing drops": 1},
        ),
        (in_test(relabel([box(44, 44, 72, 72)])), {"labels that are axis-parallel rectangles, not outlines": 1}),
        (
            in_test(relabel([DIAMOND, [80, 40, 84, 44, 80, 48]])),
            {"labels of which the published steps read only a part, or nothing": 1},
        ),
        (
            in_test(relabel(RUN_LENGTHS)),
            {
                "labels of which the published steps read only a part, or nothing": 1,
                "labels that are axis-parallel rectangles, not outlines": 1,
                "labels whose bounding box entry is off by more than a pixel": 1,
                "labels that agree with the border by less than half (IoU)": 1,
                "labels that leave out more than a tenth of the tumour": 1,
            },
        ),
        (in_test(relabel([[40, 40, 120, 120, 40, 40]])), {"labels without a pixel": 1, **APART}),
        (
            in_test(relabel([[*DIAMOND[:2], 120, 78, 165, 80, 120, 82, *DIAMOND[4:]]])),
            {"labels that reach outside of their image": 1},
        ),
        (
            in_test(relabel([[v - 40 for v in DIAMOND[:2]] + [40, 40, 2, 40]])),
            {**APART, "labels that the published closing changes": 1},  # a triangle near the edge
        ),
        (
            in_test(lambda content: content["annotations"][0]["bbox"].__setitem__(2, 82)),
            {"labels whose bounding box entry is off by more than a pixel": 1},
        ),
        (
            in_test(lambda content: content["annotations"][0].update(category_id=0)),
            {"categories that mix tumour types": 1},
        ),
        (
            in_valid(lambda content: content["annotations"][0].update(category_id=1)),
            {"categories that mix tumour types": 1, "categories that no annotation uses": 1},
        ),
        (in_borders(lambda content: content["annotations"].pop()), {"images without a border": 1}),
        (
            in_borders(lambda content: content["annotations"].append(content["annotations"][0] | {"image_id": 77})),
            {"borders without an image": 1},
        ),
        (
            in_borders(lambda content: content["annotations"][0].update(segmentation=[[9, 9, 90, 90, 9, 9]])),
            {"images whose border encloses no pixel": 1, **dict(list(APART.items())[:2])},
        ),
        (
            in_borders(lambda content: content["annotations"][0]["segmentation"][0].extend([128, 254, -1, 255])),
            {"borders that reach outside of their slice": 1},
        ),
        (
            in_borders(lambda content: content["images"][3].update(patient_id="2B")),
            {**KNOWN, "patients with several IDs, which differ in a final letter": 1},
        ),
        (
            in_borders(lambda content: content["images"][0].update(patient_id="2")),
            {"patients with several tumour types": 1},
        ),
        (
            in_borders(lambda content: content["images"][3].update(patient_id="3")),
            {
                "patients in more than one split": 1,
                "images in test of patients who are in valid too": 1,
                "patients with several tumour types": 1,
            },
        ),
    ],
)
def test_one_fault_at_a_time_is_found(tmp_path: Path, fault: Callable[[Path], None], expected: dict[str, int]) -> None:
    root = write_faultless(tmp_path)
    in_borders(lambda content: content["images"].append(content["images"][0] | {"id": 77, "file_name": "77.mat"}))(root)
    fault(root)
    report = check(root)
    assert counts(report) == expected
    assert report.exit_code == 1


def test_a_set_without_borders_is_checked_for_the_rest(tmp_path: Path) -> None:
    write_borders(write_faultless(tmp_path), [])
    report = check(tmp_path)
    assert counts(report) == {"images without a border": 4}
    assert report.categories.empty
    assert report.agreement["images"].tolist() == [0] * 4


def test_what_is_no_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrainsegError, match=r"has no annotation file, expected SPLIT/_annotations\.coco\.json, or"):
        check(tmp_path)


def test_progress_is_shown_only_where_it_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_faultless(tmp_path)
    check(tmp_path)
    assert capsys.readouterr().err == ""
    check(tmp_path, progress=True)
    assert "4/4" in capsys.readouterr().err


@pytest.fixture(scope="module")
def real_report(real_data: Path) -> Report:
    return check(real_data)


@pytest.mark.slow
def test_pairing_and_labels_of_the_real_set(real_report: Report) -> None:
    (run,) = real_report.pairing.to_dict("records")
    assert (run["split"], run["first"], run["last"], run["images"], run["offset"]) == ("train", 1006, 1380, 375, -1)
    assert run["label_dice"] == pytest.approx(0.174, abs=0.005)
    assert run["apart"] == 147
    found = counts(real_report)
    assert found["labels that are axis-parallel rectangles, not outlines"] == 2146
    assert found["images without an annotation"] == found["images with several annotations"] == 1
    assert "labels that the published closing changes" in set(real_report.findings["finding"]) - set(found)


@pytest.mark.slow
def test_agreement_of_the_real_set(real_report: Report) -> None:
    overall = row(real_report.agreement, split="all")
    assert (overall["images"], overall["apart"]) == (2145, 10)
    expected = {"dice": 0.555, "iou": 0.396, "box_is_tumour": 0.402, "tumour_in_box": 0.976}
    assert {name: overall[name] for name in OVERLAPS} == pytest.approx(expected, abs=0.001)


@pytest.mark.slow
def test_patients_and_categories_of_the_real_set(real_report: Report) -> None:
    columns = ["patients", "shared", "images", "known", "adjacent"]
    assert real_report.patients[columns].to_numpy().tolist() == [
        [127, 127, 429, 429, 364],
        [95, 91, 215, 210, 173],
        [95, 83, 215, 195, 58],
    ]
    np.testing.assert_allclose(real_report.patients["copied_box"], [0.745, 0.721, 0.586], atol=0.001)
    assert counts(real_report)["patients in more than one split"] == 135
    assert real_report.categories.to_dict("index") == {
        "0": {"glioma": 1089, "meningioma": 9, "pituitary": 1},
        "1": {"glioma": 1, "meningioma": 206, "pituitary": 839},
    }


@pytest.mark.slow
def test_background_alone_scores_what_was_published(real_report: Report) -> None:
    """Validation accuracy and mean IoU of the study's logs, against an empty prediction on the same masks."""
    segnet = row(real_report.areas, split="last fifth of train", mask="published")
    assert segnet["background_accuracy"] == pytest.approx(0.9622, abs=0.0001)
    assert segnet["background_mean_iou"] == pytest.approx(0.4811, abs=0.0001)
    unet = row(real_report.areas, split="valid", mask="published")
    assert unet["background_mean_iou"] == pytest.approx(0.4813, abs=0.0001)
