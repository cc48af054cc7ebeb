"""Whatever a command is given, it ends with one line, and leaves what is there as it is."""

import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import Brainseg
from tests.data_fixtures import write_dataset
from tests.faults.cases import Case, all_cases
from tests.faults.page import PAGE, page


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("faults") / "data")


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder but those of the workspace, by name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and folder / "work" not in path.parents
    }


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: f"{case.kind}: {case.what}")
def test_a_case(
    case: Case,
    data: Path,
    tmp_path: Path,
    brainseg: Brainseg,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(data, tmp_path / "data")
    case.damage(tmp_path)
    before = contents(tmp_path)
    monkeypatch.setenv("BRAINSEG_WORKSPACE", str(tmp_path / "work"))
    status = brainseg(*(part.format(tmp_path) for part in case.command))
    out, err = capfd.readouterr()
    assert (status, out) == (2, "")
    assert case.line in err
    assert "Traceback" not in err
    assert "fault of brainseg" not in err
    if "Usage: " not in err:
        (line,) = [line for line in err.splitlines() if line.startswith("Error: ")]
        assert err.endswith(f"{line}\n")
        assert line.isprintable()
    assert contents(tmp_path) == before
    assert [path.name for path in tmp_path.rglob("*partial*")] == []


def test_there_are_many_and_no_two_are_called_alike() -> None:
    names = [(case.kind, case.what) for case in all_cases()]
    assert len(names) == len(set(names)) >= 150


def test_the_page_lists_them() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.faults.page"


def test_unreadable_files_are_named(
    data: Path, tmp_path: Path, brainseg: Brainseg, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(data, tmp_path / "data")
    file = next((tmp_path / "data").rglob("_annotations.coco.json"))
    file.chmod(0)
    if os.access(file, os.R_OK):
        pytest.skip("this user can read every file")
    assert brainseg("data", "check", tmp_path / "data") == 2
    assert "cannot be read: Permission denied" in capfd.readouterr().err
