import functools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from brainseg.data.cheng import read_borders
from brainseg.data.fetch import fetch
from tests.conftest import Brainseg
from tests.data.test_check import write_faultless
from tests.data.test_cheng import ellipse, write_mat
from tests.data_fixtures import write_dataset

Captured = pytest.CaptureFixture[str]
SCRIPT = Path(sys.executable).parent / "brainseg"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "data")


def refusal(captured: Captured) -> str:
    """The one line on standard error that an error leaves, after a progress bar if there is one."""
    out, err = captured.readouterr()
    assert out == ""
    (line,) = [line for line in err.splitlines() if line.startswith("Error: ")]
    assert err.endswith(f"{line}\n")
    assert "Traceback" not in err
    return line


def write_mats(folder: Path) -> Path:
    folder.mkdir()
    for number in (7, 12):
        write_mat(folder / f"{number}.mat", ellipse(200, 250, 40, 30), 512, "100360", 1)
    return folder


def test_import_cheng_says_how_many_slices(brainseg: Brainseg, capsys: Captured, tmp_path: Path) -> None:
    target = tmp_path / "cheng2017" / "annotations.coco.json"
    assert brainseg("data", "import-cheng", write_mats(tmp_path / "mat"), target) == 0
    assert capsys.readouterr().out == f"{target}: borders of 2 slices\n"
    assert sorted(read_borders(tmp_path)) == [7, 12]


@pytest.mark.parametrize(
    ("source", "message"),
    [("nowhere", "neither a folder nor a zip file"), (".", "no .mat files"), ("text.zip", "nor a zip file")],
)
def test_import_cheng_refuses_what_it_cannot_use(
    brainseg: Brainseg, capsys: Captured, tmp_path: Path, source: str, message: str
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "text.zip").write_text("text")
    path = empty if source == "." else tmp_path / source
    assert brainseg("data", "import-cheng", path, tmp_path / "out.json") == 2
    assert message in refusal(capsys)
    assert not (tmp_path / "out.json").exists()


def test_check_reports_and_tells_by_its_status(
    brainseg: Brainseg, capsys: Captured, root: Path, tmp_path: Path
) -> None:
    assert brainseg("data", "check", root) == 1
    out, err = capsys.readouterr()
    assert "    1 of 9     images without an annotation: train 14\n" in out
    assert "9/9" in err
    assert brainseg("data", "check", write_faultless(tmp_path / "faultless")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("    0 of ") for line in lines if line.startswith(" "))


def test_check_takes_a_pattern_of_patients(brainseg: Brainseg, capsys: Captured, root: Path, tmp_path: Path) -> None:
    record = tmp_path / "found.json"
    folder = root / "tumorseg-coco"
    assert brainseg("data", "check", folder, "--patient", "^(.).", "--record", record) == 1
    assert "    0 of 2     images in test of patients who are in train too\n" in capsys.readouterr().out
    assert [row["what"] for row in json.loads(record.read_text())["unchecked"]] == [
        "whether labels follow what they mark",
        "whether files are as they were made",
    ]


@pytest.mark.parametrize(
    ("command", "missing", "message"),
    [
        ("check", ".", "has no annotation file"),
        ("check", "tumorseg-coco", "train/_annotations.coco.json does not exist"),
        ("check", "tumorseg-coco/valid/_annotations.coco.json", "valid/_annotations.coco.json does not exist"),
        ("prepare", ".", "has no folder tumorseg-coco/train"),
        ("prepare", "cheng2017", "has no folder cheng2017"),
        ("prepare", "tumorseg-coco/valid/_annotations.coco.json", "valid/_annotations.coco.json does not exist"),
    ],
)
def test_what_is_not_there_is_named(
    brainseg: Brainseg, capsys: Captured, root: Path, command: str, missing: str, message: str
) -> None:
    gone = root / missing
    if gone.is_dir():
        shutil.rmtree(gone)
    else:
        gone.unlink()
    workspace = ["--workspace", root.parent / "work"] if command == "prepare" else []
    assert brainseg("data", command, root, *workspace) == 2
    assert message in refusal(capsys)


def test_prepare_says_what_was_made_and_records_it(
    brainseg: Brainseg, capsys: Captured, root: Path, tmp_path: Path
) -> None:
    work, record = tmp_path / "work", tmp_path / "records" / "prepared.json"
    arguments = ("data", "prepare", root, "--workspace", work, "--record", record)
    assert brainseg(*arguments) == 0
    out, err = capsys.readouterr()
    assert out.startswith("9 images of 64 × 64 pixels in ")
    assert Path(out.split(" in ")[1].strip()).parent == work / "prepared"
    assert "9/9" in err
    first = json.loads(record.read_text())
    assert first["images"] == 9
    assert brainseg(*arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(record.read_text()) == first


def test_prepare_refuses_an_unknown_scale(brainseg: Brainseg, capsys: Captured, root: Path) -> None:
    assert brainseg("data", "prepare", root, "--scale", "huge") == 2
    assert "'huge', expected one of: quick, small, laptop, full" in refusal(capsys)


def test_prepare_refuses_an_image_that_cannot_be_read(
    brainseg: Brainseg, capsys: Captured, root: Path, tmp_path: Path
) -> None:
    next(root.rglob("22_*.jpg")).write_bytes(b"no image")
    assert brainseg("data", "prepare", root, "--workspace", tmp_path / "work") == 2
    assert "cannot be decoded" in refusal(capsys)


def test_fetch_leaves_what_is_there_and_says_what_next(brainseg: Brainseg, capsys: Captured, root: Path) -> None:
    assert brainseg("data", "fetch", root) == 0
    assert capsys.readouterr().out == f"The data set is in {root}. Next: brainseg data check {root}\n"


def test_fetch_without_a_network_is_one_line(
    brainseg: Brainseg, monkeypatch: pytest.MonkeyPatch, capsys: Captured, root: Path
) -> None:
    def refuse(handle: str) -> str:
        raise ConnectionError("no route\nto host")

    offline = functools.partial(fetch, figshare="http://127.0.0.1:9", kaggle=refuse)
    monkeypatch.setattr("brainseg.data.fetch.fetch", offline)
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    assert brainseg("data", "fetch", root.parent / "new") == 2
    assert "Kaggle did not give" in refusal(capsys)
    (root / "cheng2017" / "annotations.coco.json").unlink()
    assert brainseg("data", "fetch", root) == 2
    assert "cannot download http://127.0.0.1:9/3381290" in refusal(capsys)


@pytest.mark.parametrize(
    "arguments", [["check"], ["import-cheng", "."], ["fetch", "a", "b"], ["prepare", ".", "--size", "9"], ["tidy"]]
)
def test_wrong_use_is_explained(brainseg: Brainseg, capsys: Captured, arguments: list[str]) -> None:
    assert brainseg("data", *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Usage: brainseg data" in err


def test_the_installed_command(root: Path, tmp_path: Path) -> None:
    run = functools.partial(subprocess.run, capture_output=True, text=True, check=False)
    found = run([SCRIPT, "data", "check", root])
    assert found.returncode == 1
    assert "images without an annotation: train 14" in found.stdout
    refused = run([SCRIPT, "data", "check", tmp_path / "nowhere"])
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("Error: ")
    assert refused.stderr.count("\n") == 1
