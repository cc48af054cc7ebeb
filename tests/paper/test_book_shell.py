"""What can break in the book's pages and settings without any page looking broken."""

import re
import runpy
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from myst_nb.sphinx_ import HideCodeCellNode, visit_HideCellInput  # type: ignore[import-untyped]
from pybtex.database import parse_file  # type: ignore[import-untyped]
from sphinx_external_toc.parsing import parse_toc_yaml

import brainseg
from brainseg.paper.build.api import public
from tests.conftest import REPOSITORY

PAGES = sorted((REPOSITORY / "book").glob("**/*.md"))
CHAPTERS = sorted((REPOSITORY / "notebooks").glob("[0-9]*.py"))
mathml = runpy.run_path(str(REPOSITORY / "book" / "_ext" / "mathml.py"))["mathml"]
fold = runpy.run_path(str(REPOSITORY / "book" / "_ext" / "quiet.py"))["fold"]
CITATION = re.compile(r"\{cite(?::\w+)?\}`([^`]+)`")
TERM = re.compile(r"\{term\}`(?:[^`<]*<)?([^`>]+)>?`")


def settings(name: str) -> Any:
    return yaml.safe_load((REPOSITORY / name).read_text(encoding="utf-8"))


def contents() -> list[str]:
    """Every page; a page that stands twice is refused."""
    return list(parse_toc_yaml(REPOSITORY / "_toc.yml"))


def used(role: re.Pattern[str], text: str) -> set[str]:
    """What a role names in a text; a role may be broken over two lines, and a chapter's text is in comments."""
    joined = re.sub(r"\s*\n#?\s*", " ", text)
    return {name.strip() for match in role.findall(joined) for name in match.split(",")}


def test_every_entry_of_the_contents_has_a_source() -> None:
    made = [f"book/api/{room}" for room in public()]  # for each build
    names = [name for name in contents() if name not in made]
    lacking = [name for name in names if not any((REPOSITORY / f"{name}{end}").is_file() for end in (".md", ".py"))]
    assert lacking == []


def test_every_page_and_chapter_is_in_the_contents() -> None:
    names = {str(path.relative_to(REPOSITORY).with_suffix("")) for path in chain(PAGES, CHAPTERS)}
    assert names <= set(contents())


@pytest.mark.parametrize("path", [*PAGES, *CHAPTERS], ids=lambda path: path.stem)
def test_every_citation_is_in_the_bibliography(path: Path) -> None:
    known = set(parse_file(str(REPOSITORY / "book" / "references.bib")).entries)
    assert used(CITATION, path.read_text(encoding="utf-8")) <= known


def test_there_is_one_list_of_references() -> None:
    """With two, Sphinx warns of duplicate citations, and the build stops at that."""
    lists = [path.name for path in [*PAGES, *CHAPTERS] if "{bibliography}" in path.read_text(encoding="utf-8")]
    assert lists == ["references.md"]


@pytest.mark.parametrize("path", [*PAGES, *CHAPTERS], ids=lambda path: path.stem)
def test_every_term_is_in_the_glossary(path: Path) -> None:
    glossary = (REPOSITORY / "book" / "glossary.md").read_text(encoding="utf-8")
    known = {line.lower() for line in glossary.splitlines() if line and not line.startswith((" ", "#", ":"))}
    assert {term.lower() for term in used(TERM, path.read_text(encoding="utf-8"))} <= known


def test_roles_are_found_in_all_their_forms() -> None:
    text = "{cite:p}`one, two` {cite}`three` # {cite:t}`four,\n# five` {term}`boxes <box>` {term}`mean\n# IoU`"
    assert used(CITATION, text) == {"one", "two", "three", "four", "five"}
    assert used(TERM, text) == {"box", "mean IoU"}


def test_the_citation_file_is_complete_and_of_this_version() -> None:
    citation = settings("CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["authors"] == [{"name": "The brainseg authors"}]
    assert citation["version"] == brainseg.__version__


def test_files_named_in_the_settings_are_there() -> None:
    config = settings("_config.yml")
    sphinx = config["sphinx"]["config"]
    # What the package brings is put beside them when the book is built.
    static = [*(REPOSITORY / folder for folder in sphinx["html_static_path"]), REPOSITORY / "brainseg" / "plotting"]
    named = [*config["bibtex_bibfiles"], config["html"]["favicon"], config["logo"]]
    assert [name for name in named if not (REPOSITORY / name).is_file()] == []
    loaded = [*sphinx["html_css_files"], *(name for name, _ in sphinx["html_js_files"])]
    assert [name for name in loaded if not any((folder / name).is_file() for folder in static)] == []


def test_style_sheets_and_scripts_ask_nothing_of_other_hosts() -> None:
    static, plotting = REPOSITORY / "book" / "_static", REPOSITORY / "brainseg" / "plotting"
    for path in (*static.glob("*.css"), *static.glob("*.svg"), plotting / "lab.css", *plotting.glob("*.js")):
        addresses = set(re.findall(r"https?://[^\"' )]+", path.read_text(encoding="utf-8")))
        assert {address for address in addresses if not address.startswith("http://www.w3.org/")} == set()


def test_a_formula_becomes_mathml() -> None:
    markup = "".join(line.strip() for line in mathml(r"\frac{2 a}{b}", as_block=True).splitlines())
    assert markup == (
        '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">'
        "<mfrac><mrow><mn>2</mn><mi>a</mi></mrow><mi>b</mi></mfrac></math>"
    )


@pytest.mark.parametrize("tex", [r"\nosuchcommand x", r"\tfrac12", r"\begin{align} a \end{align}"])
def test_a_formula_that_cannot_be_shown_is_refused(tex: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(tex))):
        mathml(tex)


@pytest.mark.parametrize(("tags", "word"), [("", "Code"), (" tag_solution", "Solution"), (" tag_checks", "Checks")])
def test_a_folded_cell_as_myst_nb_writes_it_is_one_word(tags: str, word: str) -> None:
    written = SimpleNamespace(body=[f'<div class="cell tag_hide-input{tags} docutils container">'])
    node = HideCodeCellNode(prompt_show="Show code cell source", prompt_hide="Hide", classes=["above-input"])
    visit_HideCellInput(written, node)
    folded = fold("".join([*written.body, "code", "</details></div>"]))
    assert re.sub(r"<[^>]*>", " ", folded).split() == [word, "code"]
    assert '<details class="hide">' in folded
