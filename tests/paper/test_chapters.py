import base64
import json
from pathlib import Path

import nbformat
import pytest

from brainseg.errors import BrainsegError
from brainseg.paper.build.chapters import check_executed, execute_chapter, problems, read_chapter, source_of
from brainseg.paper.build.inputs import inputs

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


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("source", "01_chapter.py has changed"),
        ("lock", "requirements.lock has changed"),
        ("parameters", r"the parameters are \{'word': 'real'\} in place of \{\}"),
        ("data", "the data set is 02 in place of 01"),
    ],
)
def test_a_notebook_older_than_its_inputs_is_refused_and_what_changed_is_named(
    source: Path, lock: Path, tmp_path: Path, change: str, words: str
) -> None:
    target = tmp_path / "out.ipynb"
    execute_chapter(source, target, lock, {}, "01")
    check_executed(target, source, lock, {}, "01")
    check_executed(target, source, lock, {})
    if change == "source":
        source.write_text(CHAPTER + "\n# more\n")
    if change == "lock":
        lock.write_text("numpy==3\n")
    parameters = {"word": "real"} if change == "parameters" else {}
    with pytest.raises(BrainsegError, match=f"it is stale: {words}"):
        check_executed(target, source, lock, parameters, "02" if change == "data" else "01")


def test_inputs_are_the_modules_that_the_chapter_imports_and_the_results_if_it_reads_any(
    source: Path, lock: Path, tmp_path: Path
) -> None:
    record = tmp_path / "results" / "runs" / "one.json.gz"
    record.parent.mkdir(parents=True)
    record.write_bytes(b"1")
    files = inputs(source, lock, {})["files"]
    assert {"01_chapter.py", "requirements.lock", "brainseg/errors.py"} <= set(files)
    assert "results/runs/one.json.gz" not in files
    imports = "brainseg.experiments.recorded import BrainsegError"
    source.write_text(CHAPTER.replace("brainseg.errors import BrainsegError", imports))
    assert "results/runs/one.json.gz" in inputs(source, lock, {})["files"]


def test_inputs_of_a_chapter_that_shows_the_ledger_are_the_claims_too(source: Path, lock: Path, tmp_path: Path) -> None:
    ledger = tmp_path / "book" / "claims.yml"
    ledger.parent.mkdir()
    ledger.touch()
    assert "book/claims.yml" not in inputs(source, lock, {})["files"]
    source.write_text(CHAPTER.replace("brainseg.errors", "brainseg.paper.claims.ledger"))
    assert "book/claims.yml" in inputs(source, lock, {})["files"]


def test_what_differs_each_time_stands_beside_the_notebook(source: Path, lock: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.ipynb"
    execute_chapter(source, target, lock, {}, "01")
    provenance = json.loads(target.with_suffix(".json").read_text())
    assert provenance["chapter"] == "01_chapter"
    assert provenance["seconds"] > 0
    assert provenance["inputs"] == inputs(source, lock, {}, "01")
    assert {"keras", "backend", "device", "python"} <= set(provenance["made_with"])


FIGURE = """
# %% mystnb={"figure": {"caption": "A dot.", "name": "fig-dot"}}
import matplotlib.pyplot as plt
_ = plt.plot([1], [1], "o")
"""


def test_figures_say_where_they_are_from(source: Path, lock: Path, tmp_path: Path) -> None:
    source.write_text(CHAPTER + FIGURE)
    target = tmp_path / "out.ipynb"
    execute_chapter(source, target, lock, {})
    cell = nbformat.read(target, as_version=4).cells[-1]
    assert cell.metadata.mystnb.figure.caption == "A dot. *01_chapter, cell-04*"
    assert source_of(base64.b64decode(cell.outputs[0].data["image/png"])) == "01_chapter, cell-04"
    check_executed(target, source, lock, {})


def test_a_picture_of_another_cell_is_found(source: Path, lock: Path, tmp_path: Path) -> None:
    source.write_text(CHAPTER + FIGURE)
    target = tmp_path / "out.ipynb"
    execute_chapter(source, target, lock, {})
    notebook = nbformat.read(target, as_version=4)
    assert problems(notebook, chapter="02_other") == ["cell-04 shows a picture of 01_chapter, cell-04"]


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
