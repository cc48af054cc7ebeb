"""The exercises of a chapter, as its script has them, and what nbgrader calls their cells.

An exercise begins with a Markdown cell: a title of level three, then its effort, as ``*Easy, ten minutes.*``. Cells
with these tags belong to it: ``solution``, code with an answer between ``### BEGIN SOLUTION`` and ``### END SOLUTION``;
``checks``, code that tests it, in part between ``### BEGIN HIDDEN TESTS`` and ``### END HIDDEN TESTS``; ``rubric``,
Markdown that says what a good essay has in it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from nbformat import NotebookNode

from brainseg.errors import BrainsegError

HEAD: Final = re.compile(
    r"### (?P<title>[^\n]+)\n\s*\*(?P<level>\w+), (?P<minutes>\w+) minutes\.\*\s*(?P<task>.*)", re.DOTALL
)
MINUTES: Final = {"five": 5, "ten": 10, "fifteen": 15, "twenty": 20, "thirty": 30}
POINTS: Final = {"Easy": 1, "Medium": 2, "Hard": 3}
GRADED: Final = ("checks", "rubric")

CODE_STUB: Final = 'raise NotImplementedError("put your answer in place of this line")'
TEXT_STUB: Final = "*Put your answer in place of this line.*"
REGIONS: Final = {"SOLUTION": CODE_STUB, "HIDDEN TESTS": None}
"""What is marked in code, and what stands in its place for students."""


@dataclass(frozen=True)
class Exercise:
    """An exercise, and the cells that belong to it.

    Attributes:
        minutes: That it takes.
        cells: By tag.
    """

    number: int
    title: str
    level: str
    minutes: int
    cells: dict[str, NotebookNode]

    @property
    def points(self) -> int:
        """What it counts."""
        return POINTS[self.level]

    @property
    def name(self) -> str:
        """By which nbgrader knows it."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


def exercises(notebook: NotebookNode) -> list[Exercise]:
    """The exercises of a chapter.

    Raises:
        BrainsegError: If an exercise has no effort, or not the cells that it needs.
    """
    found: list[Exercise] = []
    for cell in notebook.cells:
        tags = {"solution", *GRADED} & set(cell.metadata.get("tags", []))
        if cell.cell_type == "markdown" and cell.source.startswith("### ") and (head := HEAD.fullmatch(cell.source)):
            found.append(_exercise(len(found) + 1, head))
        for tag in tags:
            if not found or tag in found[-1].cells:
                raise BrainsegError(f"received a cell with the tag {tag}, expected it once, below its exercise")
            found[-1].cells[tag] = cell
    for exercise in found:
        if set(exercise.cells) not in ({"solution", "checks"}, {"rubric"}):
            given = " and ".join(exercise.cells) or "no cell"
            raise BrainsegError(f"{exercise.title}: received {given}, expected a solution with checks, or a rubric")
        if "solution" in exercise.cells and "### BEGIN SOLUTION" not in exercise.cells["solution"].source:
            raise BrainsegError(f"{exercise.title}: expected a part of the solution between ### BEGIN SOLUTION and END")
    return found


def _exercise(number: int, head: re.Match[str]) -> Exercise:
    level, minutes = head["level"], head["minutes"]
    if level not in POINTS or minutes not in MINUTES:
        raise BrainsegError(
            f"{head['title']}: received {level}, {minutes} minutes, expected {', '.join(POINTS)}, {', '.join(MINUTES)}"
        )
    return Exercise(number, head["title"], level, MINUTES[minutes], {})


def graded(notebook: NotebookNode) -> None:
    """Say in the metadata of a chapter's cells what nbgrader is to do with them, and in code which exercise it is."""
    found = exercises(notebook)
    for cell in notebook.cells:
        cell.metadata = NotebookNode()
    for exercise in found:
        for tag, cell in exercise.cells.items():
            cell.metadata.nbgrader = NotebookNode(_about(exercise, tag))
            if tag == "solution":
                cell.source = f"# Exercise {exercise.number}: {exercise.title}\n{cell.source.lstrip()}"


def _about(exercise: Exercise, tag: str) -> dict[str, Any]:
    about = {
        "grade": tag in GRADED,
        "grade_id": exercise.name if tag != "checks" else f"{exercise.name}-checks",
        "locked": tag == "checks",
        "schema_version": 3,
        "solution": tag != "checks",
        "task": False,
    }
    return about | ({"points": exercise.points} if tag in GRADED else {})


def blanked(notebook: NotebookNode) -> None:
    """Take the answers and hidden tests out of a chapter that :func:`graded` has been through, as nbgrader would."""
    for cell in notebook.cells:
        about = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code":
            cell.source = "\n".join(_without(cell.source))
        elif about.get("solution"):
            cell.source = TEXT_STUB


def _without(code: str) -> Iterator[str]:
    r"""Lines of code, with a stub in place of each region that students are to fill.

    >>> list(_without("def f():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION"))
    ['def f():', '    raise NotImplementedError("put your answer in place of this line")']
    """
    inside = None
    for line in code.split("\n"):
        marked = re.fullmatch(r"(\s*)### (BEGIN|END) (SOLUTION|HIDDEN TESTS)\s*", line)
        if marked:
            indent, edge, region = marked.groups()
            if (edge == "BEGIN") != (inside is None) or (inside or region) != region:
                raise BrainsegError(f"received {line.strip()}, expected regions that begin and end in turn")
            inside = region if edge == "BEGIN" else None
            if inside and (stub := REGIONS[region]):
                yield indent + stub
        elif inside is None:
            yield line
    if inside:
        raise BrainsegError(f"received ### BEGIN {inside} without its end, expected ### END {inside} below it")
