"""Courses: the book in another order."""

import posixpath
import re
import shutil
from pathlib import Path

import nbformat
import pytest
import yaml
from sphinx_external_toc.parsing import parse_toc_yaml

from brainseg.errors import BrainsegError
from brainseg.paper.course.reading import write_reading
from tests.conftest import REPOSITORY

COURSES = yaml.safe_load((REPOSITORY / "book" / "courses.yml").read_text(encoding="utf-8"))


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    (tmp_path / "book").mkdir()
    for name in ("_toc.yml", "_config.yml", "book/courses.yml"):
        shutil.copy(REPOSITORY / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("course", COURSES)
def test_a_course_has_its_pages_first_and_every_page_once(staged: Path, course: str) -> None:
    write_reading(staged, course)
    pages, before = list(parse_toc_yaml(staged / "_toc.yml")), list(parse_toc_yaml(REPOSITORY / "_toc.yml"))
    assert pages[1 : 1 + len(COURSES[course]["pages"])] == COURSES[course]["pages"]
    assert sorted(pages) == sorted(before)
    whole, settings = ((folder / "_config.yml").read_text(encoding="utf-8") for folder in (REPOSITORY, staged))
    title = yaml.safe_load(whole)["title"]
    assert yaml.safe_load(settings) == yaml.safe_load(whole.replace(title, COURSES[course]["title"]))


def prose(page: str) -> str:
    """The Markdown of a page."""
    if not page.startswith("notebooks/"):
        return (REPOSITORY / f"{page}.md").read_text(encoding="utf-8")
    notebook = nbformat.read(REPOSITORY / f"{page}.ipynb", as_version=4)
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def linked(page: str) -> set[str]:
    """Pages that a page leads to."""
    links = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", re.sub(r"`[^`\n]*`", "", prose(page)))
    found = {posixpath.normpath(posixpath.join("/", posixpath.dirname(page), link)).lstrip("/") for link in links}
    return {re.sub(r"\.(md|ipynb)$", "", link) for link in found}


@pytest.mark.parametrize("course", COURSES)
def test_the_pages_of_a_course_are_there_and_lead_to_pages_that_are_in_its_book(staged: Path, course: str) -> None:
    write_reading(staged, course)
    pages = set(parse_toc_yaml(staged / "_toc.yml"))
    written = {page for page in pages if not page.startswith("book/api/")}
    assert all(
        (REPOSITORY / f"{page}.{'ipynb' if page.startswith('notebooks/') else 'md'}").is_file() for page in written
    )
    led = {page: linked(page) for page in written}
    assert {page: lost for page, links in led.items() if (lost := links - pages)} == {}
    assert all(led[page] for page in COURSES[course]["pages"] if page.startswith("notebooks/"))


@pytest.mark.parametrize("course", [name for name in COURSES if name != "all"])
def test_the_teachers_page_has_the_chapters_of_a_course(course: str) -> None:
    page = (REPOSITORY / "book" / "teaching.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| `{course}`,.*$", page, re.MULTILINE)
    chapters = [name for name in COURSES[course]["pages"] if name.startswith("notebooks/")]
    assert re.findall(r"\(/(notebooks/\w+)\)", row) == chapters


def test_another_course_is_an_error(staged: Path) -> None:
    with pytest.raises(BrainsegError, match="COURSE"):
        write_reading(staged, "none")
