"""A course in nbgrader's own hands: handed out, answered by four students, marked, sent back."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from brainseg.paper.build.chapters import read_chapter
from brainseg.paper.course.editions import edition, script_of, write_course
from brainseg.paper.course.exercises import Exercise, blanked, exercises

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not find_spec("nbgrader"), reason="nbgrader is not installed: it comes with the extra course"),
]
CHAPTERS = os.environ.get("BRAINSEG_CHAPTERS", "05 06").split()
SECONDS = 60
"""That a cell may take where one of a student's hangs."""


def nbgrader(course: Path, *arguments: str) -> str:
    program = str(Path(sys.executable).with_name("nbgrader"))
    done = subprocess.run([program, *arguments], cwd=course, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return f"{done.stdout}{done.stderr}"


@pytest.fixture(scope="module", params=CHAPTERS)
def script(request: pytest.FixtureRequest) -> Path:
    return script_of(request.param)


@pytest.fixture(scope="module")
def course(script: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course folder with a chapter that is handed out."""
    folder = tmp_path_factory.mktemp("course") / "course"
    write_course([script], folder, "spring")
    nbgrader(folder, "generate_assignment", script.stem)
    return folder


def released(course: Path, script: Path) -> NotebookNode:
    path = course / "release" / script.stem / f"{script.stem}.ipynb"
    notebook: NotebookNode = nbformat.read(path, as_version=4)
    return notebook


def of_code(script: Path) -> list[Exercise]:
    return [each for each in exercises(read_chapter(script)) if "solution" in each.cells]


def answered(course: Path, script: Path, other: dict[str, str]) -> NotebookNode:
    """A submission with the right answers, but for some exercises, by the name of their cell."""
    notebook = released(course, script)
    right = {cell.metadata.nbgrader.grade_id: cell for cell in edition(script, "spring").cells if cell.metadata}
    for cell in notebook.cells:
        about = cell.metadata.get("nbgrader", {})
        if about.get("solution"):
            cell.source = other.get(about.grade_id, right[about.grade_id].source)
    return notebook


def submit(course: Path, script: Path, student: str, notebook: NotebookNode) -> None:
    folder = course / "submitted" / student / script.stem
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{script.stem}.ipynb")


def test_nbgrader_hands_out_what_the_command_hands_out(course: Path, script: Path) -> None:
    own = edition(script, "spring")
    blanked(own)
    assert [cell.source for cell in released(course, script).cells] == [cell.source for cell in own.cells]


def test_the_teachers_notebook_is_valid_and_a_students_is_not_yet(course: Path, script: Path) -> None:
    source = course / "source" / script.stem / f"{script.stem}.ipynb"
    assert "Success" in nbgrader(course, "validate", str(source))
    assert "NotImplementedError" in nbgrader(course, "validate", f"release/{script.stem}/{script.stem}.ipynb")


def test_right_wrong_empty_and_hanging_answers_get_their_marks(course: Path, script: Path) -> None:
    first, last = of_code(script)[0], of_code(script)[-1]
    wrong = "raise ValueError('a wrong answer')"
    submit(course, script, "right", answered(course, script, {}))
    submit(course, script, "wrong", answered(course, script, {first.name: wrong}))
    submit(course, script, "hanging", answered(course, script, {last.name: "while True:\n    pass"}))
    submit(course, script, "empty", released(course, script))
    nbgrader(course, "autograde", script.stem, f"--Execute.timeout={SECONDS}")

    from nbgrader.api import Gradebook

    every = sum(each.points for each in of_code(script))
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        found = {each.student.id: each for each in gradebook.assignment_submissions(script.stem)}
        marks = {student: one.code_score for student, one in found.items()}
        waiting = {student: one.needs_manual_grade for student, one in found.items()}
    assert marks == {"right": every, "wrong": every - first.points, "hanging": every - last.points, "empty": 0}
    essays = len(exercises(read_chapter(script))) > len(of_code(script))
    assert waiting["right"] == essays
    assert not waiting["empty"]

    nbgrader(course, "generate_feedback", script.stem, "--force")
    pages = {path.parts[-3]: path.read_text(encoding="utf-8") for path in (course / "feedback").rglob("*.html")}
    assert set(pages) == set(marks)
    assert "CellTimeoutError" in pages["hanging"]
    nbgrader(course, "export")
    rows = (course / "grades.csv").read_text(encoding="utf-8").split("\n")
    assert len([row for row in rows if script.stem in row]) == 4
    shutil.rmtree(course / "submitted")
