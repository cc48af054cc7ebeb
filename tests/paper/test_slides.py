"""Slides of a chapter, made from its executed notebook."""

import base64
import re
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from brainseg.paper.build.chapters import read_chapter
from brainseg.paper.course.editions import scripts
from brainseg.paper.course.exercises import exercises
from brainseg.paper.course.slides import slides
from tests.paper.secrets import kept_from_students

HEAD = """# Masks

```{admonition} Before you start
:class: before
**You will be able to** look.

**You need** eyes.

**The answer**: it is {glue:text}`share:.1f`. It was more.
```"""
PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg"/>'


def chapter(*cells: nbformat.NotebookNode) -> BeautifulSoup:
    place = {"scrapbook": {"name": "share", "mime_prefix": "application/papermill.record/"}}
    kept = new_output("display_data", {"application/papermill.record/text/plain": "-0.25"}, metadata=place)
    notebook = new_notebook(cells=[new_markdown_cell(HEAD), new_code_cell("glue(share=-0.25)", outputs=[kept]), *cells])
    return BeautifulSoup(slides(notebook, "07_masks"), "html.parser")


def shows(kind: str, content: str, **about: object) -> nbformat.NotebookNode:
    output = new_output("execute_result", {kind: content})
    cell: nbformat.NotebookNode = new_code_cell("show()", outputs=[output], metadata=about)
    return cell


def texts(page: BeautifulSoup, selector: str) -> list[str]:
    return [" ".join(tag.get_text(" ").split()) for tag in page.select(selector)]


def test_the_first_slide_is_the_answer_and_the_second_what_to_know_before() -> None:
    page = chapter()
    assert texts(page, "h1, h2") == ["Masks", "Before you start"]
    assert texts(page, "section:nth-of-type(1) p")[:2] == ["It is −0.2.", "It was more."]
    assert texts(page, "section:nth-of-type(2) p")[:2] == ["You will be able to look.", "You need eyes."]


def test_a_table_is_below_the_paragraph_right_above_it_and_the_section_begins_with_its_own() -> None:
    table = shows("text/html", "<table><caption>T</caption></table>", tags=["hide-input", "of-copy"])
    page = chapter(new_markdown_cell("## First\n\nOpens. Goes on.\n\nMiddle.\n\nNear {term}`Dice`."), table)
    assert texts(page, ".finding")[1:] == ["Opens.", "Near Dice."]
    assert texts(page, "section:nth-of-type(4) .badge") == ["phantom"]
    alone = chapter(new_markdown_cell("## First\n\nOpens."), table)
    assert len(alone.select("section")) == 3


@pytest.mark.parametrize("kind", ["image/svg+xml", "image/png"])
def test_a_figure_has_its_finding_its_caption_and_its_text(kind: str) -> None:
    about = {"figure": {"name": "fig-a", "caption": "It falls. In blue."}, "image": {"alt": 'A "line".'}}
    given = PICTURE.decode() if kind == "image/svg+xml" else base64.b64encode(PICTURE).decode()
    page = chapter(new_markdown_cell("## First\n\nOpens."), shows(kind, given, tags=["hide-input"], mystnb=about))
    assert texts(page, "section:nth-of-type(4) .finding") == ["It falls."]
    assert texts(page, "figcaption") == ["Figure 1. In blue."]
    (image,) = page.select("img")
    assert image["alt"] == 'A "line".'
    assert base64.b64decode(str(image["src"]).removeprefix(f"data:{kind};base64,")) == PICTURE


def test_what_is_too_long_is_named() -> None:
    rows = "".join(f"<tr><td>row {number}</td></tr>" for number in range(30))
    page = chapter(shows("text/html", f"<table><caption>Many</caption>{rows}</table>", tags=["hide-input"]))
    assert "row 7" not in page.get_text()
    assert texts(page, "section:nth-of-type(3) p")[:2] == [
        "Many",
        "30 lines, too many for a slide: they stand in the chapter.",
    ]


@pytest.mark.parametrize("script", scripts(), ids=lambda path: path.stem)
def test_slides_of_every_chapter_show_what_belongs_on_them_and_no_answer(script: Path) -> None:
    notebook = nbformat.read(script.with_suffix(".ipynb"), as_version=4)
    markup = slides(notebook, script.stem)
    page = BeautifulSoup(markup, "html.parser")
    sections = page.select("section")
    assert [section.select(".number")[0].get_text() for section in sections] == [
        f"Slide {number} / {len(sections)}" for number in range(1, len(sections) + 1)
    ]
    for section in sections:
        (title,) = section.select("h1, h2")
        assert title["id"] == section["aria-labelledby"]
        assert title.get_text()
    titles = texts(page, ".exercise h2")
    assert titles == [each.title for each in exercises(read_chapter(script))]
    given = [cell.metadata.get("mystnb", {}) for cell in notebook.cells]
    assert [str(image["alt"]) for image in page.select("section > figure > img")] == [
        about["image"]["alt"] for about in given if "image" in about
    ]
    lines = {text.strip() for text in page.get_text("\n").split("\n")}
    assert not lines & set(kept_from_students(read_chapter(script)))
    prose = " ".join(texts(page, "section p, section li, figcaption"))
    assert not re.search(r"\{[\w:]+\}`|:::|\*\*|\$", prose)
    assert not re.search(r"""(?:src|href)=["'](?!data:|https?:|#)""", markup)
    assert not page.select("script[src], link[rel=stylesheet]")
