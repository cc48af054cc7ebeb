"""What is committed fits together: chapters, records and claims; and nothing in it tells of the machine."""

from pathlib import Path

import nbformat
import pytest
from sphinx_external_toc.parsing import parse_toc_yaml

from brainseg.paper.build.committed import grouped, repository_faults
from brainseg.paper.build.marks import MARKS

REPOSITORY = Path(__file__).resolve().parents[1]
CHAPTERS = sorted((REPOSITORY / "notebooks").glob("[0-9]*.py"))
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)


def cells(chapter: Path) -> list[nbformat.NotebookNode]:
    notebook = nbformat.read(chapter.with_suffix(".ipynb"), as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_committed_state_is_consistent() -> None:
    assert grouped(repository_faults(REPOSITORY)) == []


def test_every_chapter_has_a_reference_and_nothing_else_has() -> None:
    listed = [name for name in parse_toc_yaml(REPOSITORY / "_toc.yml") if name.startswith("notebooks/")]
    assert [f"notebooks/{chapter.stem}" for chapter in CHAPTERS] == listed
    references = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
    assert references == [chapter.with_suffix(".ipynb") for chapter in CHAPTERS]


@each_chapter
def test_reference_holds_no_trace_of_the_machine(chapter: Path) -> None:
    text = chapter.with_suffix(".ipynb").read_text(encoding="utf-8")
    for trace in ("/home/", "/root/", str(REPOSITORY), "it/s", "epoch/s"):
        assert trace not in text


@each_chapter
def test_figures_have_captions_and_a_text_for_those_who_do_not_see_them(chapter: Path) -> None:
    names = []
    for cell in cells(chapter):
        if any(MARKS.keys() & output.get("data", {}).keys() for output in cell.outputs):
            names.append(cell.metadata["mystnb"]["figure"]["name"])
            assert len(cell.metadata["mystnb"]["figure"]["caption"]) > 40
            assert len(cell.metadata["mystnb"]["image"]["alt"]) > 20
    assert names
    assert len(names) == len(set(names))
