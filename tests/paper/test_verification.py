"""A verification fails where it should, and its report names what differs: pytest runs as ``make verify`` runs it."""

import base64
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nbformat
import pytest
from matplotlib.figure import Figure

from brainseg.data.dataset import open_dataset
from brainseg.paper.build.chapters import execute_chapter
from brainseg.paper.build.report import Check, Session, missing, summary
from tests.conftest import REPOSITORY
from tests.paper import forger

CHAPTER = """\
# %%
print("Dice 0.713 on 12 images")

# %% mystnb={"figure": {"caption": "A picture.", "name": "fig-picture"}}
from brainseg.plotting.style import plate
figure = plate(2)
_ = figure.subplots().imshow([[0, 2, 1]])
figure

# %% mystnb={"figure": {"caption": "Dots.", "name": "fig-dots"}}
chart = plate(2)
_ = chart.subplots().plot([0, 1, 2], [2, 0, 1], "o", markersize=12)
chart

# %% tags=["hide-input"]
print("median filter")
"""
PICTURE = "_ = figure.subplots().imshow([[0, 2, 1]])"
ENDS = {
    "exits": "import os; os._exit(0)",
    "is killed": "import os; os.kill(os.getpid(), 9)",
    "hangs": "import time; time.sleep(60)",
}
"""What a cell does to its kernel."""
CHECKS = """\
import pytest

@pytest.mark.parametrize("name", ["one", "two"])
def test_claim(name):
    pass
"""
LOCALLY, ON_WORKERS = (), ("-n", "2", "--dist", "loadscope")
ALL = ("notebooks/01_tiny.ipynb", "verification")

Result = tuple[int, dict[str, Any], str]
"""Of a verification: its exit status, its report, and the report's page."""


def pytest_says(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True)


def verify(folder: Path, *arguments: str, **environment: str) -> Result:
    """Run pytest as ``make verify`` does."""
    options = ("--nbval", "--nbval-current-env", "-W", "default", "--report", "report")
    done = pytest_says(folder, *options, *arguments, **environment)
    report, page = ((folder / "report" / name).read_text(encoding="utf-8") for name in ("report.json", "index.html"))
    return done.returncode, json.loads(report), page


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one executed chapter and two claims."""
    folder = tmp_path_factory.mktemp("sound")
    for name in ("notebooks", "verification", "book"):
        (folder / name).mkdir()
    shutil.copy(REPOSITORY / "conftest.py", folder)
    (folder / "requirements.lock").touch()
    (folder / "notebooks" / "01_tiny.py").write_text(CHAPTER)
    (folder / "verification" / "test_claims.py").write_text(CHECKS)
    (folder / "book" / "claims.yml").write_text("- id: one\n- id: two\n")
    chapter = folder / "notebooks" / "01_tiny.py"
    execute_chapter(chapter, chapter.with_suffix(".ipynb"), folder / "requirements.lock", {})
    return folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    """A copy of it to spoil."""
    return Path(shutil.copytree(sound, tmp_path / "repository"))


@pytest.mark.parametrize("workers", [LOCALLY, pytest.param(ON_WORKERS, marks=pytest.mark.slow)])
def test_what_is_whole_and_agrees_is_reproduced(folder: Path, workers: tuple[str, ...]) -> None:
    status, report, page = verify(folder, *ALL, *workers)
    assert (status, report["verdict"], report["reproduced"], report["missing"]) == (0, "reproduced", True, [])
    assert report["session"] == {"status": 0, "collected": 7, "run": 7, "deselected": 0}
    assert ">Reproduced: " in page


def fail(folder: Path) -> None:
    script = folder / "verification" / "test_claims.py"
    script.write_text(script.read_text().replace("pass", "assert name == 'two'"))


def end(folder: Path, how: str) -> None:
    """Let the second cell end its kernel: script and notebook say so alike."""
    script = folder / "notebooks" / "01_tiny.py"
    script.write_text(script.read_text().replace(PICTURE, ENDS[how]))
    _edit(folder, lambda cells: cells[1].update(source=cells[1].source.replace(PICTURE, ENDS[how])))
    forger.refresh(script)


def skip_a_check(folder: Path) -> None:
    script = folder / "verification" / "test_claims.py"
    script.write_text(script.read_text().replace("pass", "pytest.skip('no time')"))


def skip(folder: Path) -> None:
    _edit(folder, lambda cells: cells[0].metadata.update(tags=["nbval-skip"]))


def drop_a_cell(folder: Path) -> None:
    _edit(folder, lambda cells: cells.pop(2))


def break_collection(folder: Path) -> None:
    (folder / "verification" / "test_claims.py").write_text("import nowhere\n")


def remove_the_notebook(folder: Path) -> None:
    (folder / "notebooks" / "01_tiny.ipynb").unlink()


def add_a_chapter(folder: Path) -> None:
    shutil.copy(folder / "notebooks" / "01_tiny.py", folder / "notebooks" / "02_more.py")


def add_a_claim(folder: Path) -> None:
    with (folder / "book" / "claims.yml").open("a") as ledger:
        ledger.write("- id: three\n")


def empty_the_ledger(folder: Path) -> None:
    (folder / "book" / "claims.yml").write_text("[]\n")


def ignore_by_comment(folder: Path) -> None:
    _edit(folder, lambda cells: cells[0].update(source=f"# NBVAL_IGNORE_OUTPUT\n{cells[0].source}"))


def change_nothing(folder: Path) -> None:
    pass


def _edit(folder: Path, change: Callable[[list[Any]], object], name: str = "01_tiny") -> None:
    path = folder / "notebooks" / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    change(notebook.cells)
    nbformat.write(notebook, path)


WRONG: dict[str, tuple[Callable[[Path], None], tuple[str, ...], str]] = {
    "stopped at a failure": (fail, ("-x",), "not reproduced"),
    "kernel exits": (partial(end, how="exits"), (), "not verified"),
    "kernel is killed": (partial(end, how="is killed"), (), "not verified"),
    "kernel hangs": (partial(end, how="hangs"), ("--nbval-cell-timeout", "3"), "not verified"),
    "cell skipped": (skip, (), "not reproduced"),
    "check skipped": (skip_a_check, (), "not verified"),
    "collection failed": (break_collection, (), "not verified"),
    "cell not in the notebook": (drop_a_cell, (), "not reproduced"),
    "notebook not there": (remove_the_notebook, (), "not verified"),
    "chapter not asked for": (add_a_chapter, (), "not verified"),
    "claim not tested": (add_a_claim, (), "not verified"),
    "no claims": (empty_the_ledger, (), "not verified"),
    "left out by a word": (change_nothing, ("-k", "not two"), "not verified"),
    "left out by name": (change_nothing, ("--deselect", "notebooks/01_tiny.ipynb::Cell 3"), "not verified"),
    "a comment in a cell": (ignore_by_comment, (), "not reproduced"),
    "nothing compared": (change_nothing, ("--nbval-lax",), "not verified"),
    "only collected": (change_nothing, ("--collect-only",), "not verified"),
}


HEARD_FROM_WORKERS = ("stopped at a failure", "kernel is killed", "collection failed", "left out by name")
"""What a session with workers hears in another way than one without; the rest it counts after both alike."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "workers"),
    [*((case, LOCALLY) for case in WRONG), *((case, ON_WORKERS) for case in HEARD_FROM_WORKERS)],
    ids=[*WRONG, *(f"{case} on workers" for case in HEARD_FROM_WORKERS)],
)
def test_what_is_not_whole_or_does_not_agree_is_not_reproduced(
    folder: Path, case: str, workers: tuple[str, ...]
) -> None:
    spoil, options, verdict = WRONG[case]
    spoil(folder)
    status, report, page = verify(folder, *ALL, *workers, *options)
    assert status != 0
    assert (report["verdict"], report["reproduced"]) == (verdict, False)
    assert ">Reproduced" not in page
    if case.startswith("kernel"):
        (said,) = [one for one in report["missing"] if one.startswith("01_tiny, cell-02: ")]
        assert ("3 seconds" if "hangs" in case else "its kernel died") in said
        assert said.isprintable()


GOOD, CLAIM = Check("01_tiny", "cell-01", True), Check("claims", "claim: one", True)
WHOLE = Session(0, collected=2, run=2, deselected=0, chapters=[("01_tiny", "cell-01")], others=[("claims", "claim")])


@pytest.mark.parametrize(
    ("checks", "session", "verdict"),
    [
        ([GOOD, CLAIM], WHOLE, "reproduced"),
        ([GOOD, replace(CLAIM, passed=False)], WHOLE, "not reproduced"),
        ([replace(GOOD, passed=False), CLAIM], replace(WHOLE, status=1), "not reproduced"),
        ([replace(GOOD, passed=False, broken=True), CLAIM], replace(WHOLE, status=1), "not verified"),
        ([GOOD, replace(CLAIM, passed=False, broken=True)], WHOLE, "not verified"),
        ([GOOD, CLAIM], replace(WHOLE, status=3), "not verified"),
        ([GOOD, CLAIM], replace(WHOLE, collected=3), "not verified"),
        ([GOOD, CLAIM], replace(WHOLE, deselected=1), "not verified"),
        ([GOOD, CLAIM], replace(WHOLE, chapters=[*WHOLE.chapters, ("01_tiny", "cell-02")]), "not verified"),
        ([GOOD, CLAIM], replace(WHOLE, others=[*WHOLE.others, ("claims", "claim: two")]), "not verified"),
        ([replace(GOOD, cell={"compared": False}), CLAIM], WHOLE, "not verified"),
        ([GOOD], replace(WHOLE, collected=1, run=1), "not retrained"),
        ([CLAIM], replace(WHOLE, collected=1, run=1), "not verified"),
        ([], replace(WHOLE, collected=0, run=0, chapters=[], others=[]), "not verified"),
    ],
)
def test_the_verdict_is_that_of_a_whole_session(checks: list[Check], session: Session, verdict: str) -> None:
    found = summary(checks, session)
    assert (found["verdict"], found["reproduced"]) == (verdict, verdict == "reproduced")


def test_what_is_missing_is_named_and_a_chapter_that_is_missing_whole_once() -> None:
    expected = [("01_tiny", "cell-01"), ("01_tiny", "cell-02"), ("02_more", "cell-01"), ("02_more", "cell-02")]
    assert missing(expected, [GOOD]) == ["01_tiny, cell-02", "02_more, all of it"]
    broken = replace(GOOD, passed=False, broken=True, message="its kernel died")
    assert missing(expected[:1], [broken]) == ["01_tiny, cell-01: its kernel died"]


def tamper(cells: list[Any]) -> None:
    cells[0].outputs[0].text = cells[0].outputs[0].text.replace("0.713", "0.731")


def empty(cells: list[Any]) -> None:
    cells[0].outputs = []


def swap(cells: list[Any]) -> None:
    cells[1].outputs, cells[2].outputs = cells[2].outputs, cells[1].outputs


def blank(cells: list[Any]) -> None:
    """Leave the picture of an empty plot."""
    file = io.BytesIO()
    figure = Figure()
    figure.subplots()
    figure.savefig(file, format="png")
    cells[1].outputs[0].data["image/png"] = base64.b64encode(file.getvalue()).decode()


def move(cells: list[Any]) -> None:
    """Move a dot of the drawing."""
    data = cells[2].outputs[0].data
    *_, dot = re.finditer(r'(?<=" y=")[\d.]+', data["image/svg+xml"])
    data["image/svg+xml"] = f"{dot.string[: dot.start()]}{float(dot[0]) + 1:.2f}{dot.string[dot.end() :]}"


DEFECTS: dict[str, tuple[Callable[[list[Any]], None], dict[str, str]]] = {
    "tampered": (tamper, {"cell-01": "stdout: 0.731 became 0.713"}),
    "emptied": (empty, {"cell-01": "stdout: the reference has no such output"}),
    "swapped": (swap, {"cell-02": "image/svg+xml: ", "cell-03": "image/png: "}),
    "blank": (blank, {"cell-02": "image/png: "}),
    "moved": (move, {"cell-03": "image/svg+xml: "}),
}


def test_outputs_are_judged_as_a_reviewer_would_type_it(folder: Path) -> None:
    """On the stored networks, which is said; and not where something is left out."""
    junit = folder / "junit.xml"
    for options, status, verdict in (
        ((), 0, "Not retrained: all chapters agree"),
        (("-k", "not Cell"), 1, "Not verified: not everything was run"),
    ):
        said = pytest_says(folder, "--nbval", "notebooks/", "-W", "default", "--junitxml", str(junit), *options)
        assert said.returncode == status
        assert verdict in said.stdout
        (suite,) = ElementTree.parse(junit).getroot()
        assert int(suite.attrib["failures"]) == status
        assert (verdict in junit.read_text()) == bool(status) or "Not retrained" in junit.read_text()


@pytest.mark.slow
def test_progress_is_no_output_and_a_warning_is(folder: Path) -> None:
    """What is made when a chapter is executed for the first time shows bars on standard error."""
    path = folder / "notebooks" / "01_tiny.py"
    bar, warning = "phantom:  50%|#####     | 1/2 [00:01<00:01]\\r", "UserWarning: careful"
    for words, status in ((bar, 0), (warning, 1)):
        path.write_text(CHAPTER + f'\n# %%\nimport sys\n_ = sys.stderr.write("{words}")\n')
        notebook = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
        cell = nbformat.v4.new_code_cell(f'import sys\n_ = sys.stderr.write("{words}")', execution_count=5)
        notebook.cells = [*notebook.cells[:4], cell]
        nbformat.write(notebook, path.with_suffix(".ipynb"))
        forger.refresh(path)
        assert pytest_says(folder, "--nbval", "notebooks/", "-W", "default").returncode == status


def test_one_cause_is_one_line(folder: Path) -> None:
    """The script was changed, and the chapter not executed again."""
    script = folder / "notebooks" / "01_tiny.py"
    script.write_text(script.read_text().replace("0.713", "0.731"))
    _, report, page = verify(folder, *ALL)
    assert report["verdict"] == "not reproduced"
    stale, other = (
        "notebooks/01_tiny.py has changed, so this is stale: 01_tiny.",
        "01_tiny.py has another source for cell-01.",
    )
    assert [line.partition(" To mend it:")[0] for line in report["causes"]] == [f"01_tiny: {other}", stale]
    assert "\x1b" not in page


@pytest.mark.slow
def test_every_defect_of_a_notebook_is_named_and_nothing_else(folder: Path) -> None:
    for name, (damage, _) in DEFECTS.items():
        shutil.copy(folder / "notebooks" / "01_tiny.ipynb", folder / "notebooks" / f"{name}.ipynb")
        _edit(folder, damage, name)  # without a script, nothing but the outputs is compared
    status, report, page = verify(folder, *(f"notebooks/{name}.ipynb" for name in DEFECTS), *ALL, *ON_WORKERS)
    found = {
        name: {one["name"]: one["message"] for one in report["checks"] if one["group"] == name and not one["passed"]}
        for name in DEFECTS
    }
    assert status == 1
    for name, (_, expected) in DEFECTS.items():
        assert found[name].keys() == expected.keys()
        for cell, message in expected.items():
            assert found[name][cell].startswith(message)
            assert f"{name}, {cell}" in page
    compared = 6
    assert report["groups"]["01_tiny"] | {"seconds": 0} == {
        "passed": 5,
        "failed": 0,
        "compared": compared,
        "levels": {"bitwise": compared, "within rounding": 0, "statistical": 0},
        "largest": 0,
        "seconds": 0,
    }
    assert "data:image/png;base64," in page


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of the repository's files, with the phantom in a workspace of its own."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        target = tmp_path / "repository" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, target)
    phantom = open_dataset("phantom").root
    shutil.copytree(phantom, tmp_path / "workspace" / "data" / phantom.name)
    return tmp_path / "repository"


@pytest.mark.slow
def test_five_seeded_defects_are_each_named(repository: Path) -> None:
    """A wrong number, a removed output, changed code, a changed image, and a claim that does not hold."""
    notebook = repository / "notebooks" / "01_data.ipynb"
    content = nbformat.read(notebook, as_version=4)
    tables = [
        cell for cell in content.cells if any("text/html" in out.get("data", {}) for out in cell.get("outputs", []))
    ]
    wrong, removed, counted = (
        *tables[:2],
        next(cell for cell in tables if "on the images of this chapter" in cell.source),
    )
    shown = wrong.outputs[0].data
    shown["text/html"] = re.sub(r"<td>(\d)", r"<td>9\1", shown["text/html"], count=1)
    removed.outputs = []
    nbformat.write(content, notebook)

    module = repository / "brainseg" / "plotting" / "dataset.py"
    module.write_text(module.read_text() + "\n\nLEFT_OVER = 1\n")

    workspace = repository.parent / "workspace"
    image = sorted(workspace.rglob("*.jpg"))[0]
    image.write_bytes(image.read_bytes() + b"\0")

    ledger = repository / "book" / "claims.yml"
    claim = r"(id: images-of-other-labels\n(?:  .*\n)*?  published: )\d+"
    ledger.write_text(re.sub(claim, r"\g<1>376", ledger.read_text()))

    chosen = "01_data or phantom or images-of-other-labels"
    places = {"BRAINSEG_WORKSPACE": str(workspace), "PYTHONPATH": str(repository)}
    status, report, _ = verify(repository, "notebooks/01_data.ipynb", "verification", "-k", chosen, **places)
    found = {f"{one['group']}: {one['name']}": one["message"] for one in report["checks"] if not one["passed"]}
    expected = {
        f"01_data: {wrong.id}": "became",
        f"01_data: {removed.id}": "the reference has no such output",
        f"01_data: {counted.id}": "became",  # it counts the changed image
        "01_data: as written": "brainseg/plotting/dataset.py has changed",
        "data: files of the phantom are as they were made": f"{image.name} has changed",
        "claims: claim: images-of-other-labels": "not reproduced",
    }
    assert status == 1
    assert found.keys() == expected.keys()
    for name, words in expected.items():
        assert words in found[name]
