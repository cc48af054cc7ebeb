"""What no student may find in what is handed out."""

import re
from collections.abc import Iterator
from typing import Final

from nbformat import NotebookNode

from brainseg.paper.course.exercises import exercises

SAYING: Final = re.compile(r"^(?!###).*\w\W+\w+\W+\w")
"""A line with more than two words: fewer, such as ``return rows``, tell nothing and stand anywhere."""

REGION: Final = re.compile(r"### BEGIN (SOLUTION|HIDDEN TESTS)\n.*?### END \1", re.DOTALL)


def kept_from_students(notebook: NotebookNode) -> Iterator[str]:
    """Lines of answers, hidden tests and rubrics that say something."""
    handed_out = (REGION.sub("", cell.source) for cell in notebook.cells if cell.cell_type == "code")
    shown = {line.strip() for source in handed_out for line in source.split("\n")}
    for exercise in exercises(notebook):
        for cell in exercise.cells.values():
            lines = (line.strip() for line in cell.source.split("\n"))
            yield from (line for line in lines if SAYING.search(line) and line not in shown)
