"""What a class needs, and that a student's notebook writes only into its own folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from brainseg.experiments.recorded import recorded
from brainseg.experiments.stored import FOLDER
from brainseg.paper.course.classroom import RECORD, needs
from brainseg.paper.course.editions import REPOSITORY, script_of, write_edition

CHAPTERS = os.environ.get("BRAINSEG_CHAPTERS", "06").split()
EXECUTE = """
import sys, papermill
papermill.execute_notebook(sys.argv[1], "executed.ipynb", kernel_name="python3", progress_bar=False)
"""


def test_the_text_has_what_one_student_and_all_need() -> None:
    rows = [
        {"chapter": "01_a", "memory_mib": 1024.0, "first_seconds": 60.0, "again_seconds": 10.4, "disk_mib": 126.5},
        {"chapter": "02_b", "memory_mib": 1536.0, "first_seconds": 6.0, "again_seconds": 12.0, "disk_mib": 0.0},
    ]
    machine = {"date": "2026-01-02", "processor": "A processor", "python": "3.11.9"}
    text = needs({"chapters": pd.DataFrame(rows), "machine": pd.DataFrame([machine])})
    assert "30 students at once need up to 45 GiB" in text
    assert "busy for 30 minutes in all the first time" in text
    assert "for 6 where phantom and answers are there" in text
    assert "| [](/notebooks/01_a) | 1.0 | 60 | 10 | 126 |" in text
    assert "on 2026-01-02 on A processor, Python 3.11.9" in text


def test_the_record_is_of_chapters_that_there_are() -> None:
    chapters = recorded(RECORD)["chapters"]
    assert len(chapters) > 10
    assert all((REPOSITORY / "notebooks" / f"{name}.py").is_file() for name in chapters["chapter"])
    assert (chapters["memory_mib"] < 4 * 2**10).all()
    assert (chapters["again_seconds"] <= 1.1 * chapters["first_seconds"]).all()


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder, its size and when it was changed."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def reading_only(folders: list[Path]) -> list[str]:
    """Before a command: makes these folders unwritable for it, for root, too; nothing where the system cannot."""
    mounts = "".join(f"mount --bind '{one}' '{one}' && mount -o remount,bind,ro '{one}' && " for one in folders)
    start = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c"]
    try:
        possible = subprocess.run([*start, f"{mounts}true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        possible = False
    return [*start, f'{mounts}exec "$@"', "sh"] if possible else []


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_writes_beside_itself_only_and_trains_nothing(chapter: str, tmp_path: Path) -> None:
    """Whole, with its solutions, where home and package are read-only, or at least seen to be unchanged."""
    mine, home, site = (tmp_path / name for name in ("mine", "home", "site"))
    home.mkdir()
    write_edition(script_of(chapter), mine, student=False, seed="spring")
    (wheel,) = mine.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(site)
    given = {"HOME": home, "PYTHONPATH": site, "TMPDIR": mine, "JUPYTER_RUNTIME_DIR": mine, "PYTHONHASHSEED": 0}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("BRAINSEG", "XDG"))}
    before = tree(home), tree(site)
    command = [*reading_only([home, site]), sys.executable, "-B", "-c", EXECUTE, f"{script_of(chapter).stem}.ipynb"]
    environment |= {name: str(value) for name, value in given.items()}
    done = subprocess.run(command, cwd=mine, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tree(home), tree(site)) == before
    networks = {path.name for path in (mine / "made" / "runs").iterdir() if path.is_dir()}
    stored = {path.stem for path in (REPOSITORY / FOLDER).glob("*.onnx")}
    assert networks
    assert networks <= stored
