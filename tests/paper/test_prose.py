"""Numbers in the prose of chapters come from cells."""

from pathlib import Path

import jupytext
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from brainseg.errors import BrainsegError
from brainseg.paper.build.prose import GLUED, glued, resolved, typed_numbers
from tests.conftest import REPOSITORY


def test_glued_values_are_those_of_the_outputs() -> None:
    place = {"scrapbook": {"name": "images", "mime_prefix": "application/papermill.record/"}}
    kept = new_output("display_data", {"application/papermill.record/text/plain": "2146"}, metadata=place)
    cell = new_code_cell("glue(images=2146)", outputs=[kept, new_output("stream", text="2146")])
    assert glued(new_notebook(cells=[cell])) == {"images": "2146"}


def test_a_negative_value_has_a_minus_sign_and_values_of_other_pages_stay() -> None:
    text = "From {glue:text}`change:+.2f` to {glue:text}`notebooks/01_data::images`."
    assert resolved(text, {"change": "-0.126"}) == "From −0.13 to {glue:text}`notebooks/01_data::images`."


@pytest.mark.parametrize(("text", "words"), [("`other`", "no cell keeps"), ("`name:.2f`", "formats 'U-Net'")])
def test_a_value_that_is_not_there_is_an_error(text: str, words: str) -> None:
    with pytest.raises(BrainsegError, match=words):
        resolved("{glue:text}" + text, {"name": "U-Net"})


@pytest.mark.parametrize(
    "text",
    [
        "Of 215 images.",
        "It is 0.72.",
        "A fall of −0.2.",
        "In 2024 more.",
    ],
)
def test_typed_numbers_are_found(text: str) -> None:
    assert list(typed_numbers(text)) == [text]


@pytest.mark.parametrize(
    "text",
    [
        "Code `3`, $64 \\times 64$ pixels, {glue:text}`a:.2f`, {cite:p}`study2024`, HD95 and U-Net.",
        "1. First.\n2. Second.",
        "See [chapter 6](06_table).",
        "The README says “97.27%”.",
        "```python\nx = 3\n```",
    ],
)
def test_what_is_no_number_of_a_sentence_is_left_alone(text: str) -> None:
    assert list(typed_numbers(text)) == []


@pytest.mark.parametrize("script", sorted((REPOSITORY / "notebooks").glob("[0-9]*.py")), ids=lambda path: path.stem)
def test_sentences_and_captions_have_no_typed_number(script: Path) -> None:
    notebook = jupytext.read(script, fmt="py:percent")
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    for cell in notebook.cells:
        about = cell.metadata.get("mystnb", {})
        texts += [about[part][words] for part, words in (("figure", "caption"), ("image", "alt")) if part in about]
    assert [line for text in texts for line in typed_numbers(text)] == []


@pytest.mark.parametrize("page", sorted((REPOSITORY / "book").glob("*.md")), ids=lambda path: path.stem)
def test_a_page_takes_numbers_that_chapters_keep_and_formats_them(page: Path) -> None:
    for role in GLUED.finditer(page.read_text(encoding="utf-8")):
        assert role["form"], f"{role[0]}: MyST-NB takes the last colon for that of a format"
        kept = glued(nbformat.read(REPOSITORY / role["page"].lstrip("/"), as_version=4))
        assert format(kept[role["name"]] if role["form"] == "s" else float(kept[role["name"]]), role["form"])
