"""Translations say what the committed pages say, with the same numbers, and a book is built with them."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import nbformat
import pytest
import yaml
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from brainseg.errors import BrainsegError
from brainseg.paper.build.prose import COPIES
from brainseg.paper.build.translation import LOCALE, pages, write_language, write_templates
from brainseg.paper.narrate import SHOWN
from tests.conftest import REPOSITORY

CATALOGUES = sorted((REPOSITORY / LOCALE).rglob("*.po"))
OF_PAGES = [path for path in CATALOGUES if path.stem != "pages"]
MARKS = re.compile(
    r"\{(?P<role>[\w:]+)\}`(?:[^`<]*<)?(?P<target>[^`>]+)>?`|\]\((?P<link>[^)]+)\)|(?P<code>`+[^`]+`+|\$[^$]+\$)"
)


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


def page_of(path: Path) -> str:
    """The page that a file translates."""
    return str(path.relative_to(REPOSITORY / LOCALE).with_suffix("")).split("/LC_MESSAGES/")[1]


def sentences(catalogue: Catalog) -> set[str]:
    return {str(message.id) for message in catalogue if message.id}


def marks(text: str) -> Counter[str]:
    """Roles with what they point to, targets of links, code and formulas."""
    return Counter(" ".join(filter(None, found.groups())).strip() for found in MARKS.finditer(text))


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gettext")
    write_templates(REPOSITORY, folder, sorted(set(map(page_of, OF_PAGES))))
    return folder


def test_there_is_a_translation_and_all_pages_can_be_translated() -> None:
    assert OF_PAGES
    assert set(map(page_of, OF_PAGES)) <= set(pages(REPOSITORY))
    assert {"book/index", "book/teaching", "notebooks/01_data"} <= set(pages(REPOSITORY))


@pytest.mark.parametrize("path", OF_PAGES, ids=page_of)
def test_what_is_translated_still_stands_on_the_page(templates: Path, path: Path) -> None:
    """If not: make gettext, update the file as CONTRIBUTING.md says, and translate what is new, or leave it out."""
    assert sentences(read(path)) - sentences(read(templates / f"{page_of(path)}.pot")) == set()


def test_a_template_has_paragraphs_captions_lists_and_exercises(templates: Path) -> None:
    for page in map(page_of, OF_PAGES):
        found = sentences(read(templates / f"{page}.pot"))
        notebook = nbformat.read(REPOSITORY / f"{page}.ipynb", as_version=4)
        figures = [cell.metadata.get("mystnb", {}).get("figure") for cell in notebook.cells]
        assert {about["caption"] for about in figures if about} <= found
        lines = [line for cell in notebook.cells if cell.cell_type == "markdown" for line in cell.source.split("\n")]
        assert {line.lstrip("# ") for line in lines if line.startswith("#")} <= found


@pytest.mark.parametrize("path", CATALOGUES, ids=page_of)
def test_nothing_is_empty_or_unsure_and_every_number_link_and_code_is_there(path: Path) -> None:
    for message in read(path):
        if message.id:
            assert message.string, message.id
            assert not message.fuzzy, message.id
            assert marks(str(message.string)) == marks(str(message.id))


@pytest.mark.parametrize("language", sorted(path.name for path in (REPOSITORY / LOCALE).iterdir()))
def test_words_of_pages_and_cells_are_translated(language: str) -> None:
    found = sentences(read(REPOSITORY / LOCALE / language / "LC_MESSAGES" / "pages.po"))
    said = re.findall(r'word\("([^"]+)"\)', (REPOSITORY / "book" / "_ext" / "quiet.py").read_text(encoding="utf-8"))
    assert found == {*said, *COPIES.values(), *SHOWN.values(), "Code", "Solution", "Checks"}


def test_marks_are_roles_links_code_and_formulas() -> None:
    assert marks("{term}`A <b>` of {glue:text}`c:.1f`, `d`, [e](f) and $g$") == Counter(
        ["term b", "glue:text c:.1f", "`d`", "f", "$g$"]
    )


def test_another_language_is_an_error(tmp_path: Path) -> None:
    (tmp_path / LOCALE / "de").mkdir(parents=True)
    (tmp_path / "_config.yml").write_text((REPOSITORY / "_config.yml").read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(BrainsegError, match="LOCALE"):
        write_language(tmp_path, "xx")
    write_language(tmp_path, "de")
    assert yaml.safe_load((tmp_path / "_config.yml").read_text())["sphinx"]["config"]["language"] == "de"


CONFIGURATION = f"""
import sys
sys.path.insert(0, {str(REPOSITORY / "book" / "_ext")!r})
extensions, nb_execution_mode = ["myst_nb", "translated"], "off"
language, locale_dirs, gettext_compact, root_doc = "de", ["locale"], False, "page"
"""


def test_translated_sentences_have_their_numbers_and_words(tmp_path: Path) -> None:
    values = {"change": "-0.126", "count": "4", "shown": "the phantom"}
    outputs = [
        new_output(
            "display_data",
            {"application/papermill.record/text/plain": value},
            metadata={"scrapbook": {"name": name, "mime_prefix": "application/papermill.record/"}},
        )
        for name, value in values.items()
    ]
    said = "From {glue:text}`change:.2f` in {glue:text}`count` of {glue:text}`shown`."
    cells = [new_markdown_cell(f"# Page\n\n{said}"), new_code_cell("glue()", outputs=outputs)]
    about = {"language_info": {"name": "python", "pygments_lexer": "ipython3"}}
    nbformat.write(new_notebook(cells=cells, metadata=about), tmp_path / "page.ipynb")
    (tmp_path / "conf.py").write_text(CONFIGURATION, encoding="utf-8")
    messages = tmp_path / "locale" / "de" / "LC_MESSAGES"
    messages.mkdir(parents=True)
    translated = "Bei {glue:text}`shown` in {glue:text}`count` um {glue:text}`change:.2f`."
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8"\n\n'
    (messages / "page.po").write_text(f'{head}msgid "{said}"\nmsgstr "{translated}"\n', encoding="utf-8")
    (messages / "pages.po").write_text(f'{head}msgid "the phantom"\nmsgstr "dem Phantom"\n', encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "text", str(tmp_path), str(tmp_path / "text")]
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    assert "Bei dem Phantom in 4 um −0.13." in (tmp_path / "text" / "page.txt").read_text(encoding="utf-8")
