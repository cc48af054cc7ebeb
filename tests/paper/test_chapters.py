import json
import shutil
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest

from brainseg.errors import BrainsegError
from brainseg.models import MODELS
from brainseg.paper.build import inputs as inputs_module
from brainseg.paper.build.chapters import check_executed, execute_chapter, problems, read_chapter, sealed
from brainseg.paper.build.inputs import inputs
from brainseg.paper.build.marks import marks
from brainseg.paper.build.reproduced import differences

CHAPTER = """\
# %% [markdown]
# # A chapter

# %% tags=["parameters"]
word = "phantom"

# %%
from brainseg.errors import BrainsegError
print(word, BrainsegError.__name__)
"""
FIGURE = """
# %% mystnb={"figure": {"caption": "A dot.", "name": "fig-dot"}}
import matplotlib.pyplot as plt
_ = plt.plot([1], [1], "o")
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lock, a chapter, and the notebook that was made from it on the data set 01."""
    folder = tmp_path_factory.mktemp("executed")
    (folder / "requirements.lock").write_text("numpy==2\n")
    (folder / "01_chapter.py").write_text(CHAPTER + FIGURE)
    execute_chapter(folder / "01_chapter.py", folder / "out.ipynb", folder / "requirements.lock", {}, "01")
    return folder


@pytest.fixture
def folder(executed: Path, tmp_path: Path) -> Path:
    """A copy of it to change."""
    return Path(shutil.copytree(executed, tmp_path / "folder"))


@pytest.fixture
def source(folder: Path) -> Path:
    return folder / "01_chapter.py"


@pytest.fixture
def lock(folder: Path) -> Path:
    return folder / "requirements.lock"


def test_two_executions_give_the_same_bytes_and_no_trace_of_time_or_place(executed: Path, tmp_path: Path) -> None:
    source, lock, again = executed / "01_chapter.py", executed / "requirements.lock", tmp_path / "again" / "two.ipynb"
    execute_chapter(source, again, lock, {}, "01")
    assert again.read_bytes() == (executed / "out.ipynb").read_bytes()
    assert str(executed) not in again.read_text()
    check_executed(again, source, lock, {}, "01")


def test_a_parameter_reaches_the_chapter_and_its_cells_are_hidden(source: Path, lock: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.ipynb"
    source.write_text(CHAPTER)
    execute_chapter(source, target, lock, {"word": "real"})
    notebook = nbformat.read(target, as_version=4)
    assert notebook.cells[-1].outputs[0].text == "real BrainsegError\n"
    hidden = [cell.source for cell in notebook.cells if "remove-cell" in cell.metadata.get("tags", [])]
    assert len(hidden) == 2


def test_a_kernel_that_ends_before_its_first_cell_is_started_once_more(
    source: Path, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.write_text(CHAPTER)
    execute, calls = papermill.execute_notebook, []

    def clumsy(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            raise RuntimeError("Kernel died before replying to kernel_info")
        return execute(*arguments, **options)

    monkeypatch.setattr(papermill, "execute_notebook", clumsy)
    execute_chapter(source, tmp_path / "out.ipynb", lock, {})
    assert len(calls) == 2
    assert (tmp_path / "out.ipynb").is_file()


def test_a_failing_cell_stops_the_build_and_is_named(source: Path, lock: Path, tmp_path: Path) -> None:
    source.write_text(CHAPTER + "\n# %%\n1 / 0\n")
    target = tmp_path / "out.ipynb"
    with pytest.raises(BrainsegError, match=r"01_chapter\.py: cell 4 failed with ZeroDivisionError"):
        execute_chapter(source, target, lock, {})
    assert not target.exists()


@pytest.mark.parametrize(
    ("last", "words"),
    [
        ("import os; os.kill(os.getpid(), 9)", "ended its kernel"),
        ("import os; os._exit(0)", "ended its kernel"),
        ("import sys; sys.exit(0)", "exited"),
        ("import time; time.sleep(60)", "took longer than 1 seconds"),
    ],
)
def test_a_cell_that_ends_its_kernel_or_hangs_is_named_and_the_former_notebook_stays(
    source: Path, lock: Path, last: str, words: str
) -> None:
    target = source.with_name("out.ipynb")
    before = {path: path.read_bytes() for path in (target, target.with_suffix(".json"))}
    source.write_text(f"{CHAPTER}\n# %%\n{last}\n\n# %%\nprint(1)\n")
    with pytest.raises(BrainsegError, match=rf"01_chapter\.py: cell 4 {words}") as error:
        execute_chapter(source, target, lock, {}, "01", limit=1)
    assert str(error.value).isprintable()
    assert {path: path.read_bytes() for path in before} == before


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
    source: Path, lock: Path, change: str, words: str
) -> None:
    target = source.with_name("out.ipynb")
    check_executed(target, source, lock, {}, "01")
    check_executed(target, source, lock, {})
    if change == "source":
        source.write_text(source.read_text() + "\n# more\n")
    if change == "lock":
        lock.write_text("numpy==3\n")
    parameters = {"word": "real"} if change == "parameters" else {}
    with pytest.raises(BrainsegError, match=f"it is stale: {words}"):
        check_executed(target, source, lock, parameters, "02" if change == "data" else "01")


def test_inputs_are_the_modules_that_the_chapter_imports_and_what_these_read(source: Path, lock: Path) -> None:
    files = inputs(source, lock, {})["files"]
    assert set(files) == {"01_chapter.py", "requirements.lock", "brainseg/__init__.py", "brainseg/errors.py"}
    source.write_text(CHAPTER.replace("brainseg.errors", "brainseg.experiments.recorded"))
    files = inputs(source, lock, {})["files"]
    assert "experiments.yml" in files
    assert "book/claims.yml" not in files
    source.write_text(CHAPTER.replace("brainseg.errors", "brainseg.paper.claims.ledger"))
    assert "book/claims.yml" in inputs(source, lock, {})["files"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ('recorded("efficiency")', {"efficiency.json"}),
        ('recorded_saliency("saliency")', {f"tumorseg-small-saliency/{model}-fold-0-0.json.gz" for model in MODELS}),
        (
            'recorded_runs("guidance")',
            {
                f"tumorseg-quick-guidance/{model}-corrected-published{weight}-fold-{fold}-0.json.gz"
                for model in ("unet", "deeplab")
                for weight in ("", "-guidance-0.3", "-guidance-1")
                for fold in range(5)
            },
        ),
    ],
)
def test_of_the_results_those_are_inputs_that_the_chapter_asks_for(
    source: Path, lock: Path, asked: str, expected: set[str]
) -> None:
    def results() -> set[str]:
        names = [name.removeprefix("results/") for name in inputs(source, lock, {})["files"] if "results/" in name]
        return {name for name in names if "networks" not in name}

    source.write_text(CHAPTER.replace("brainseg.errors", "brainseg.experiments.recorded"))
    assert results() == set()
    source.write_text(source.read_text() + f"\n# %%\n{asked}\n")
    assert results() == expected
    source.write_text(CHAPTER.replace("brainseg.errors", "brainseg.paper.claims.evidence"))
    assert expected < results()


def test_a_result_that_is_not_asked_for_by_its_name_is_refused(source: Path, lock: Path) -> None:
    source.write_text(f"{CHAPTER}\n# %%\nrecorded_runs(name)\n")
    with pytest.raises(BrainsegError, match=r"recorded_runs\(name\), expected the name of a recorded result"):
        inputs(source, lock, {})


@pytest.mark.parametrize(
    ("read_by", "words"),
    [
        ({"errors.py": ("book/moved.yml",)}, "book/moved.yml is missing"),
        ({"moved.py": ("book/claims.yml",)}, "moved.py is not there to read book/claims.yml: correct READ_BY"),
    ],
)
def test_what_is_read_is_an_error_once_it_has_moved(
    source: Path, lock: Path, monkeypatch: pytest.MonkeyPatch, read_by: dict[str, str], words: str
) -> None:
    monkeypatch.setattr(inputs_module, "READ_BY", read_by)
    with pytest.raises(BrainsegError, match=words):
        inputs(source, lock, {})


def test_a_module_has_changed_if_it_does_something_else_and_a_chapter_if_it_says_something_else(
    source: Path, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = source.with_name("module.py")
    monkeypatch.setattr(inputs_module, "imported_files", lambda script: [module])

    def digests(comment: str, number: int) -> list[str]:
        module.write_text(f'"""{comment}"""\nNUMBER = {number}  # {comment}\n')
        source.write_text(f"# %% [markdown]\n# {comment}\n")
        files = inputs(source, lock, {})["files"]
        return [files[path.name] for path in (module, source)]

    before, reworded, changed = digests("One", 1), digests("Another", 1), digests("One", 2)
    assert before[0] == reworded[0] != changed[0]
    assert before[1] == changed[1] != reworded[1]


def test_what_a_chapter_shows_of_a_module_counts_with_its_words(
    source: Path, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = source.with_name("module.py")
    monkeypatch.setattr(inputs_module, "imported_files", lambda script: [module])
    source.write_text("# %%\ndisplay.source(module.shown)\n")

    def digest(of_shown: str, of_hidden: str) -> str:
        module.write_text(f'def shown():\n    """{of_shown}"""\n\n\ndef hidden():\n    """{of_hidden}"""\n')
        return str(inputs(source, lock, {})["files"][module.name])

    assert digest("One", "One") == digest("One", "Another") != digest("Another", "One")


def test_what_differs_each_time_stands_beside_the_notebook(source: Path, lock: Path) -> None:
    provenance = json.loads(source.with_name("out.json").read_text())
    assert provenance["chapter"] == "01_chapter"
    assert provenance["seconds"] > 0
    assert provenance["inputs"] == inputs(source, lock, {}, "01")
    assert {"keras", "backend", "device", "python"} <= set(provenance["made_with"])


def test_an_executed_chapter_agrees_with_itself_and_what_it_shows_otherwise_is_named(folder: Path) -> None:
    made, reference = folder / "out.ipynb", folder / "reference.ipynb"
    reference.write_text(made.read_text().replace("phantom BrainsegError", "phantom ValueError"))
    assert differences(made, made, rounding=False) == []
    assert differences(made, reference, rounding=True) == ["out, cell-03: stdout: 'ValueError' became 'BrainsegError'"]


def test_figures_say_where_they_are_from(executed: Path) -> None:
    notebook = nbformat.read(executed / "out.ipynb", as_version=4)
    cell = notebook.cells[-1]
    assert marks(cell.outputs[0].data) == ["01_chapter, cell-04"]
    assert problems(notebook, chapter="01_chapter") == []
    assert problems(notebook, chapter="02_other") == ["cell-04 shows a picture of 01_chapter, cell-04"]


def test_outputs_are_sealed_and_the_version_of_python_is_not_in_the_notebook(executed: Path) -> None:
    notebook = nbformat.read(executed / "out.ipynb", as_version=4)
    assert notebook.metadata.brainseg.outputs == sealed(notebook)
    assert set(sealed(notebook)) == {"cell-03", "cell-04"}
    assert notebook.metadata.language_info == {"name": "python", "pygments_lexer": "ipython3"}
    before = sealed(notebook)
    notebook.cells[2].outputs[0].text += "!"
    assert [name for name, digits in sealed(notebook).items() if digits != before[name]] == ["cell-03"]


def test_what_is_wrong_with_a_notebook_is_said(source: Path) -> None:
    source.write_text(CHAPTER)
    assert problems(read_chapter(source)) == [
        "cells were not run once each from top to bottom: execution counts are [None, None]",
        "no cell has an output",
    ]


def test_errors_and_warnings_in_outputs_are_found(source: Path) -> None:
    source.write_text(CHAPTER)
    notebook = read_chapter(source)
    error = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[])
    warning = nbformat.v4.new_output("stream", name="stderr", text="UserWarning: careful")
    notebook.cells[1].update(execution_count=1, outputs=[error])
    notebook.cells[2].update(execution_count=2, outputs=[warning])
    assert problems(notebook) == [
        "cell-02 shows an error: ValueError: no",
        "cell-03 prints to standard error: UserWarning: careful",
    ]
