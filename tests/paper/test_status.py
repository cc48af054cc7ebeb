import gzip
import json
from pathlib import Path

import pytest

from brainseg.paper.build.status import PACKAGES, status
from tests.conftest import REPOSITORY

MADE = {
    "python": "3.12.1",
    "machine": "x86_64",
    "keras": "3.15.1",
    "backend": "tensorflow 2.21.0",
    "device": "A processor",
    "threads": "1",
    "onednn": "0",
}
CHAPTER = {
    "chapter": "01_data",
    "started": "2026-01-02T03:04:05+00:00",
    "seconds": 12.3,
    "slowest": {"cell-07": 4.0, "cell-03": 2.0},
    "commit": "0123456789-dirty",
    "made_with": MADE,
    "inputs": {"files": {"a.py": "01", "b.py": "02"}, "parameters": {}, "data": "ab"},
}
RUN = {
    "name": "unet-64-one-two",
    "recipe": {"model": "unet"},
    "provenance": {"seconds": 61.5, "finished": "2026-01-02T03:00:00+00:00", "made_with": MADE, "commit": "0123456789"},
    "history": {"epoch": [1, 2, 3]},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "phantom-quick-0"
    for path, content in {
        "prepared.json": {"fingerprint": "abcd", "images": 421},
        "book/notebooks/01_data.json": CHAPTER,
        "runs/unet-published.json": RUN,
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(content))
    return folder


def test_the_page_says_when_how_long_on_what_and_from_what(folder: Path, tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("numpy==2\n")
    lines = status(folder, folder / "prepared.json", lock).splitlines()
    assert "| Data set, scale and seed | phantom-quick-0 |" in lines
    assert "| Images | 421, fingerprint `abcd` |" in lines
    assert "| Commit | `01234567` with changes |" in lines
    assert "| Processor | A processor; 1 thread, oneDNN off |" in lines
    assert "| unet, `unet-64-one-two` | 3 | 62 | 2026-01-02 03:00 | A processor | `01234567` |" in lines
    chapter = next(line for line in lines if line.startswith("| [](/notebooks/01"))
    assert chapter.startswith("| [](/notebooks/01_data) | 2026-01-02 03:04 | 12 | cell-07, 4 s | 2 files, `")
    record = next(line for line in lines if line.startswith("| `unet-corrected-published-0` "))
    path = REPOSITORY / "results/tumorseg-small-ladder/unet-corrected-published-0.json.gz"
    content = json.loads(gzip.decompress(path.read_bytes()))
    assert record.split(" | ")[1:3] == [f"`{content['name']}`", f"{content['provenance']['seconds']:.0f}"]


def test_the_packages_that_are_shown_are_all_in_the_lock() -> None:
    lines = (REPOSITORY / "requirements.lock").read_text().splitlines()
    locked = {line.partition("==")[0] for line in lines if "==" in line}
    assert set(PACKAGES) <= locked
