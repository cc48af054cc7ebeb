"""What is planted in the second data set is what a check of any data set finds: none more, none fewer."""

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainseg.data.check import Report, check
from brainseg.data.planted import FAULTS, plant
from brainseg.errors import BrainsegError
from tests.data.test_check import counts
from tests.data_fixtures import write_bordered

SPLITS = ("training", "tuning", "holdout")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bordered(tmp_path_factory.mktemp("source"))


def content(root: Path, split: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "annotations" / f"instances_{split}.json").read_text())
    return found


def expected(root: Path, copies: int) -> dict[str, int]:
    """What should be found, read from the files as plainly as can be; copies, which no file names, as planted."""
    found, people = Counter[str](), {}
    ids: dict[str, set[int]] = {}
    for split in SPLITS:
        coco = content(root, split)
        images, annotations = coco["images"], coco["annotations"]
        labelled = {one["image_id"] for one in annotations}
        found["images without an annotation"] += sum(one["id"] not in labelled for one in images)
        found["images given another image's label by pairing by position"] += sum(
            image["id"] != annotation["image_id"] for image, annotation in zip(images, annotations, strict=False)
        )
        found["images given no label by pairing by position"] += len(images) - len(annotations)
        for image in images:
            pixels = cv2.imread(str(root / "images" / split / image["file_name"]))
            assert pixels is not None
            wrong = pixels.shape[:2] != (image["height"], image["width"])
            found["images that cannot be read, or are of another size than listed"] += wrong
        people[split] = [image["file_name"][:3] for image in images]
        for category in coco["categories"]:
            ids.setdefault(category["name"], set()).add(category["id"])
    everyone = Counter(person for split in SPLITS for person in set(people[split]))
    found["patients in more than one split"] = sum(times > 1 for times in everyone.values())
    for first, second in (("training", "holdout"), ("training", "tuning"), ("holdout", "tuning")):
        known = sum(person in people[first] for person in people[second])
        found[f"images in {second} of patients who are in {first} too"] = known
    found["categories with another id in another split"] = sum(len(numbers) > 1 for numbers in ids.values())
    found["images that nearly repeat one of an earlier split"] = copies
    return {finding: count for finding, count in found.items() if count}


def second(
    source: Path, root: Path, *faults: str, seed: int = 0
) -> tuple[Report, dict[str, int], set[tuple[str, str]]]:
    """The report, what should be in it, and which images are copies."""
    planted = plant(source, root, faults, seed)
    copies = planted[planted["fault"] == "copies"]
    assert set(planted["fault"]) == set(faults)
    return (
        check(root, patient=r"^P\d+"),
        expected(root, len(copies)),
        set(zip(copies["split"], copies["name"], strict=True)),
    )


@given(faults=st.sets(st.sampled_from(sorted(FAULTS))), seed=st.integers(0, 99))
@settings(max_examples=12, deadline=None)
def test_what_is_planted_is_found_and_nothing_else(source: Path, faults: set[str], seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        report, wanted, copies = second(source, Path(folder, "second"), *sorted(faults), seed=seed)
    assert counts(report) == wanted
    twins = report.images[report.images["twin"] >= 0]
    assert set(zip(twins["split"], twins["name"], strict=True)) == copies


@pytest.mark.parametrize(
    ("fault", "wanted"),
    [
        ("unlabelled", {"images without an annotation": 2, "images given no label by pairing by position": 2}),
        ("shrunk", {"images that cannot be read, or are of another size than listed": 12}),
        (
            "patient",
            {"patients in more than one split": 1, "images in holdout of patients who are in training too": 2},
        ),
        ("copies", {"images that nearly repeat one of an earlier split": 3}),
        ("ids", {"categories with another id in another split": 2}),
    ],
)
def test_each_fault_is_found_by_its_number(source: Path, tmp_path: Path, fault: str, wanted: dict[str, int]) -> None:
    plant(source, tmp_path / "second", [fault])
    found = counts(check(tmp_path / "second", patient=r"^P\d+"))
    found.pop("images given another image's label by pairing by position", None)
    assert found == wanted


def test_without_faults_nothing_is_found(source: Path, tmp_path: Path) -> None:
    assert plant(source, tmp_path / "second", []).empty
    report = check(tmp_path / "second", patient=r"^P\d+")
    assert counts(report) == {}
    assert report.exit_code == 0
    assert report.images.groupby("split", sort=False).size().to_dict() == {"training": 24, "holdout": 12, "tuning": 12}


def test_whole_patients_and_all_types_are_in_each_split(source: Path, tmp_path: Path) -> None:
    plant(source, tmp_path / "second", [])
    people = {
        split: {image["file_name"][:3] for image in content(tmp_path / "second", split)["images"]} for split in SPLITS
    }
    assert {split: len(some) for split, some in people.items()} == {"training": 6, "tuning": 3, "holdout": 3}
    assert not people["training"] & people["tuning"] | (people["training"] | people["tuning"]) & people["holdout"]
    for split in SPLITS:
        used = {annotation["category_id"] for annotation in content(tmp_path / "second", split)["annotations"]}
        assert used == {1, 2, 3}


def test_the_same_seed_gives_the_same_files(source: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        plant(source, tmp_path / name)
    files = [
        sorted(path.relative_to(tmp_path / name) for path in (tmp_path / name).rglob("*.*")) for name in ("one", "two")
    ]
    assert files[0] == files[1]
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files[0])


def test_what_cannot_be_made_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(BrainsegError, match="received fault 'rust', expected one of: unlabelled"):
        plant(source, tmp_path / "second", ["rust"])
    with pytest.raises(BrainsegError, match="exists"):
        plant(source, tmp_path, [])
    few = write_bordered(tmp_path / "few", patients_of_type=3)
    with pytest.raises(BrainsegError, match="too few patients with meningioma, expected 4 with 4 slices or more"):
        plant(few, tmp_path / "second", [])
