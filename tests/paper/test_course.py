"""Chapters that are handed out: exercises, editions without answers, what is installed."""

import importlib.metadata
import re
from collections import defaultdict
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from packaging.requirements import Requirement
from pybtex.database import BibliographyData, Entry, Person  # type: ignore[import-untyped]

from brainseg.errors import BrainsegError
from brainseg.fingerprint import PACKAGE
from brainseg.paper.build.chapters import read_chapter
from brainseg.paper.build.prose import GLUED
from brainseg.paper.course.editions import edition, make_empty, script_of, scripts
from brainseg.paper.course.exercises import blanked, exercises, graded
from brainseg.paper.course.plain import Words
from brainseg.paper.course.requirements import pinned
from brainseg.paper.course.variants import drawn, variant
from tests.conftest import REPOSITORY
from tests.paper.secrets import kept_from_students

CHAPTERS = pytest.mark.parametrize("script", scripts(), ids=lambda path: path.stem)
HEAD = "### Count\n\n*Easy, ten minutes.* Count."
SOLVED = "def count():\n    ### BEGIN SOLUTION\n    return 41 + 1\n    ### END SOLUTION"
CHECKED = "assert count\n### BEGIN HIDDEN TESTS\nassert count() == 42\n### END HIDDEN TESTS"


def cell(source: str, *tags: str) -> NotebookNode:
    metadata = {"tags": list(tags)}
    is_code = {"solution", "checks"} & set(tags)
    found: NotebookNode = (
        new_code_cell(source, metadata=metadata) if is_code else new_markdown_cell(source, metadata=metadata)
    )
    return found


def chapter(*cells: NotebookNode) -> NotebookNode:
    notebook: NotebookNode = new_notebook(cells=list(cells))
    return notebook


def small() -> NotebookNode:
    return chapter(
        cell(HEAD),
        cell(SOLVED, "solution"),
        cell(CHECKED, "checks"),
        cell("### Explain\n\n*Hard, thirty minutes.* Why?"),
        cell("It says why.", "rubric"),
    )


def test_an_exercise_has_an_effort_points_and_its_cells() -> None:
    first, second = exercises(small())
    assert (first.number, first.title, first.minutes, first.points) == (1, "Count", 10, 1)
    assert (second.number, second.title, second.minutes, second.points) == (2, "Explain", 30, 3)
    assert set(first.cells) == {"solution", "checks"}


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([cell(SOLVED, "solution")], "below its exercise"),
        ([cell(HEAD), cell(SOLVED, "solution")], "received solution, expected a solution with checks"),
        ([cell(HEAD)], "received no cell"),
        ([cell(HEAD), cell(SOLVED, "solution"), cell(SOLVED, "solution")], "expected it once"),
        ([cell(HEAD), cell("1", "solution"), cell(CHECKED, "checks")], "BEGIN SOLUTION"),
        ([cell(HEAD.replace("ten", "eleven"))], "eleven minutes"),
        ([cell(HEAD.replace("Easy", "Trivial"))], "Trivial"),
    ],
)
def test_what_is_no_exercise_is_an_error(cells: list[NotebookNode], words: str) -> None:
    with pytest.raises(BrainsegError, match=words):
        exercises(chapter(*cells))


def test_students_get_neither_answers_nor_hidden_tests_nor_rubrics() -> None:
    notebook = small()
    secret = list(kept_from_students(notebook))
    graded(notebook)
    assert secret == ["return 41 + 1", "assert count() == 42", "It says why."]
    blanked(notebook)
    _, solution, checks, _, essay = notebook.cells
    assert solution.source.split("\n")[:2] == ["# Exercise 1: Count", "def count():"]
    with pytest.raises(NotImplementedError, match="your answer"):
        exec(f"{solution.source}\ncount()")  # noqa: S102 (of the lines above)
    assert checks.source == "assert count"
    assert essay.source.startswith("*Put your answer")


def test_nbgrader_marks_checks_by_itself_and_leaves_essays_to_the_teacher() -> None:
    notebook = small()
    graded(notebook)
    about = {one.metadata.nbgrader.grade_id: one.metadata.nbgrader for one in notebook.cells if one.metadata}
    roles = {name: (one.grade, one.solution, one.get("points")) for name, one in about.items()}
    assert roles == {
        "count": (False, True, None),
        "count-checks": (True, False, 1),
        "explain": (True, True, 3),
    }


@pytest.mark.parametrize(
    "code",
    [
        "### BEGIN SOLUTION\n1",
        "1\n### END SOLUTION",
        "### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION",
        "### BEGIN SOLUTION\n### END HIDDEN TESTS",
    ],
)
def test_a_region_without_its_other_end_hides_nothing_and_is_an_error(code: str) -> None:
    with pytest.raises(BrainsegError, match="###"):
        blanked(chapter(cell(code, "solution")))


@CHAPTERS
def test_a_chapter_has_three_to_five_exercises_and_folds_their_answers(script: Path) -> None:
    found = exercises(read_chapter(script))
    assert 3 <= len(found) <= 5
    assert len({each.name for each in found}) == len(found)
    for tag, one in (pair for each in found for pair in each.cells.items()):
        assert "{dropdown}" in one.source if tag == "rubric" else "hide-input" in one.metadata.tags


@CHAPTERS
def test_no_cell_of_a_student_has_a_line_of_an_answer(script: Path) -> None:
    notebook = read_chapter(script)
    secret = set(kept_from_students(notebook))
    assert len(secret) > 5
    graded(notebook)
    blanked(notebook)
    shown = {line.strip() for one in notebook.cells for line in one.source.split("\n")}
    assert shown & secret == set()


@CHAPTERS
def test_no_line_of_an_answer_is_in_the_package_that_goes_with_it(script: Path) -> None:
    files = [path for path in PACKAGE.rglob("*") if path.suffix in {".py", ".md", ".txt", ".yml", ".js", ".html"}]
    assert len(files) > 100
    package = {line.strip() for path in files for line in path.read_text(encoding="utf-8").split("\n")}
    assert package & set(kept_from_students(read_chapter(script))) == set()


def words_for(notebook: NotebookNode) -> Words:
    """Words with 1 for every glued value and a number for every figure, whatever the committed notebook has."""
    texts = [one.source for one in notebook.cells] + [str(one.metadata) for one in notebook.cells]
    values = {found["name"]: "1" for text in texts for found in GLUED.finditer(text)}
    entry = Entry("book", {"year": "1945", "title": "{D}ice"}, {"author": [Person("Dice, Lee")]})
    references = BibliographyData()
    references.entries = defaultdict(lambda: entry)
    return Words(values, defaultdict(lambda: 1), references)


@CHAPTERS
def test_no_role_directive_or_link_into_the_book_is_left_for_students(script: Path) -> None:
    notebook = read_chapter(script)
    words = words_for(notebook)
    for one in notebook.cells:
        if one.cell_type == "markdown":
            assert not re.search(r"\{[a-z:]+\}`|:::|\]\((?!https?:)", words.plain(one.source))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("{term}`Dice`, {term}`the\nIoUs <IoU>`", "Dice, the IoUs"),
        ("So {cite:p}`a,b`.", "So (Dice 1945; Dice and Jaccard 1912)."),
        ("See {numref}`fig-a` and [chapter 6](06_table).", "See figure 3 and chapter 6."),
        ("Look. {numref}`fig-a` shows it.", "Look. Figure 3 shows it."),
        ("[doi](https://doi.org/1)", "[doi](https://doi.org/1)"),
        ("{glue:text}`share:.1f` %", "0.5 %"),
        ("```{admonition} Before\n:class: before\n**You**\n\nneed\n```", "> **Before**\n>\n> **You**\n>\n> need"),
        (":::{dropdown} Good\n- a\n:::", "> **Good**\n>\n> - a"),
        ("`{term}` in code: $\\{x\\}$", "`{term}` in code: $\\{x\\}$"),
    ],
)
def test_roles_become_words(text: str, plain: str) -> None:
    dice, jaccard = Person("Dice, Lee"), Person("Jaccard, Paul")
    entries = {
        "a": Entry("article", {"year": "1945", "title": "{M}easures"}, {"author": [dice]}),
        "b": Entry("article", {"year": "1912", "title": "Flora", "doi": "10.1"}, {"author": [dice, jaccard]}),
    }
    words = Words({"share": "0.5"}, {"fig-a": 3}, BibliographyData(entries))
    assert words.plain(text) == plain
    if "cite" in text:
        expected = ["Dice 1945: Measures.", "Dice and Jaccard 1912: Flora. https://doi.org/10.1"]
        assert sorted(words.bibliography()) == sorted(expected)


@pytest.mark.parametrize("text", ["{doc}`a`", "{cite:p}`nobody`", "{numref}`fig-b`", "```{raw} html\na\n```"])
def test_what_has_no_plain_words_is_an_error(text: str) -> None:
    with pytest.raises(BrainsegError, match="received"):
        Words({}, {}, BibliographyData()).plain(text)


def test_what_is_pinned_is_all_that_is_needed_and_nothing_of_the_developers() -> None:
    wanted = ["keras>=3", "tensorflow", "ipykernel"]
    text = pinned((REPOSITORY / "requirements.lock").read_text(encoding="utf-8"), wanted)
    names = set(re.findall(r"^([a-z0-9._-]+)==", text, re.MULTILINE))
    assert not names & {"pytest", "mypy", "ruff", "snakemake", "jupyter-book", "jax"}
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=[a-z0-9])", text))
    waiting, reached = set(wanted), set[str]()
    while waiting:  # through what is installed, as another tool than the lock's says it
        asked = Requirement(waiting.pop())
        name = asked.name.lower().replace("_", "-")
        if name not in reached and (not asked.marker or asked.marker.evaluate({"extra": ""})):
            reached.add(name)
            waiting |= set(importlib.metadata.requires(name) or [])
    assert reached <= names


def test_a_package_that_is_not_locked_is_an_error() -> None:
    with pytest.raises(BrainsegError, match="without b"):
        pinned("a==1 \\\n    --hash=sha256:0\n", ["a", "b"])


@given(st.text(max_size=9), st.text(max_size=9))
def test_variants_of_two_seeds_differ_and_are_never_the_books(one: str, other: str) -> None:
    assert variant(one, "06_table") > 0
    assert (variant(one, "06_table") == variant(other, "06_table")) == (one == other)
    assert variant(one, "06_table") != variant(one, "07_ladder")


@given(st.integers(0, 2**31), st.integers(1, 50))
def test_what_is_drawn_is_one_of_them(number: int, among: int) -> None:
    assert drawn(number, among, "slice") in range(among)
    assert {drawn(one, among, "slice") for one in range(number, number + 20 * among + 100)} == set(range(among))


def test_a_seed_changes_the_variant_and_nothing_else(tmp_path: Path) -> None:
    script = tmp_path / "06_small.py"
    script.write_text("# %% [markdown]\n# # Small\n\n# %%\nvariant = 0\nother_variant = 0\n", encoding="utf-8")
    nbformat.write(read_chapter(script), script.with_suffix(".ipynb"))
    (_, own), (_, others) = edition(script).cells, edition(script, "seed").cells
    assert own.source == "variant = 0\nother_variant = 0"
    assert others.source == f"variant = {variant('seed', '06_small')}\nother_variant = 0"


def test_captions_follow_their_figures_and_what_is_cited_stands_at_the_end(tmp_path: Path) -> None:
    script = tmp_path / "06_small.py"
    about = 'mystnb={"figure": {"caption": "A head.", "name": "fig-head"}}'
    text = f"# %% [markdown]\n# {{numref}}`fig-head`, {{cite:p}}`dice1945`\n\n# %% {about}\n1\n\n# %%\n2\n"
    script.write_text(text, encoding="utf-8")
    nbformat.write(read_chapter(script), script.with_suffix(".ipynb"))
    assert [one.source.split(":")[0] for one in edition(script).cells] == [
        "Figure 1, (Dice 1945)",
        "1",
        "*Figure 1.* A head.",
        "2",
        "## References\n\n- Dice 1945",
    ]


def test_nothing_is_written_over(tmp_path: Path) -> None:
    make_empty(tmp_path / "new")
    (tmp_path / "new" / "kept.txt").touch()
    with pytest.raises(BrainsegError, match="not empty"):
        make_empty(tmp_path / "new")


def test_a_chapter_is_found_by_its_number_and_its_name() -> None:
    assert script_of("6") == script_of("06") == script_of("06_table")
    with pytest.raises(BrainsegError, match="received chapter 60"):
        script_of("60")
