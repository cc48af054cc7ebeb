from pathlib import Path

import nbformat
import pytest

from brainseg.book import chapters
from brainseg.book.chapters import check_executed, execute_chapter, inputs_hash, problems, read_chapter
from brainseg.errors import BrainsegError

CHAPTER = """\
# %% [markdown]
# # A chapter

# %% tags=["parameters"]
word = "phantom"

# %%
from brainseg.errors import BrainsegError
print(word, BrainsegError.__name__)
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "01_chapter.py"
    path.write_text(CHAPTER)
    return path


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.lock"
    path.write_text("numpy==2\n")
    return path


def test_two_executions_give_the_same_bytes_and_no_trace_of_time_or_place(
    source: Path, lock: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "a" / "one.ipynb", tmp_path / "b" / "two.ipynb"
    for target in (first, second):
        execute_chapter(source, target, lock, {})
    assert first.read_bytes() == second.read_bytes()
    assert str(tmp_path) not in first.read_text()
    check_executed(first, source, lock, {})


def test_a_parameter_reaches_the_chapter_and_its_cells_are_hidden(source: Path, lock: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.ipynb"
    execute_chapter(source, target, lock, {"word": "real"})
    notebook = nbformat.read(target, as_version=4)
    assert notebook.cells[-1].outputs[0].text == "real BrainsegError\n"
    hidden = [cell.source for cell in notebook.cells if "remove-cell" in cell.metadata.get("tags", [])]
    assert len(hidden) == 2


def test_a_failing_cell_stops_the_build_and_is_named(source: Path, lock: Path, tmp_path: Path) -> None:
    source.write_text(CHAPTER + "\n# %%\n1 / 0\n")
    target = tmp_path / "out.ipynb"
    with pytest.raises(BrainsegError, match=r"01_chapter\.py: cell 4 failed with ZeroDivisionError"):
        execute_chapter(source, target, lock, {})
    assert not target.exists()


@pytest.mark.parametrize("change", ["source", "lock", "parameters"])
def test_a_notebook_older_than_its_inputs_is_refused(source: Path, lock: Path, tmp_path: Path, change: str) -> None:
    target = tmp_path / "out.ipynb"
    execute_chapter(source, target, lock, {})
    if change == "source":
        source.write_text(CHAPTER + "\n# more\n")
    if change == "lock":
        lock.write_text("numpy==3\n")
    with pytest.raises(BrainsegError, match="stale"):
        check_executed(target, source, lock, {"word": "real"} if change == "parameters" else {})


def test_the_hash_covers_the_modules_that_the_chapter_imports(source: Path, lock: Path) -> None:
    with_import = inputs_hash(source, lock, {})
    source.write_text(CHAPTER.replace("brainseg.errors", "brainseg.sources"))
    assert inputs_hash(source, lock, {}) != with_import


@pytest.mark.parametrize("name", ["check.json", "ladder/unet-0.json.gz"])
def test_the_hash_covers_the_recorded_results(source: Path, lock: Path, name: str) -> None:
    before = inputs_hash(source, lock, {})
    record = lock.parent / "results" / name
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    assert inputs_hash(source, lock, {}) != before


def test_the_hash_of_a_chapter_that_shows_the_ledger_covers_the_claims(
    source: Path, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = tmp_path / "claims.yml"
    monkeypatch.setattr(chapters, "CLAIMS", claims)
    claims.write_text("[]")
    without = inputs_hash(source, lock, {})
    source.write_text(CHAPTER.replace("brainseg.errors", "brainseg.audit.ledger"))
    before = inputs_hash(source, lock, {})
    claims.write_text("[1]")
    assert inputs_hash(source, lock, {}) != before
    source.write_text(CHAPTER)
    assert inputs_hash(source, lock, {}) == without


def test_what_is_wrong_with_a_notebook_is_said(source: Path) -> None:
    assert problems(read_chapter(source)) == [
        "cells were not run once each from top to bottom: execution counts are [None, None]",
        "no cell has an output",
    ]


def test_errors_and_warnings_in_outputs_are_found(source: Path) -> None:
    notebook = read_chapter(source)
    error = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[])
    warning = nbformat.v4.new_output("stream", name="stderr", text="UserWarning: careful")
    notebook.cells[1].update(execution_count=1, outputs=[error])
    notebook.cells[2].update(execution_count=2, outputs=[warning])
    assert problems(notebook) == [
        "cell-02 shows an error: ValueError: no",
        "cell-03 prints to standard error: UserWarning: careful",
    ]
