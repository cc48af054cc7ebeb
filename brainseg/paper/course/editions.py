"""A chapter as a folder for students or for their teacher, and several as a course of nbgrader's."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Collection, Iterable
from pathlib import Path
from string import Template
from typing import Final

import nbformat
from nbformat import NotebookNode
from pybtex.database import parse_file  # type: ignore[import-untyped]

from brainseg.data.outside import make_folder, write_whole
from brainseg.errors import BrainsegError
from brainseg.fingerprint import PACKAGE
from brainseg.paper.build.chapters import numbered, read_chapter
from brainseg.paper.build.inputs import input_files
from brainseg.paper.build.markdown import table
from brainseg.paper.build.prose import glued, minutes_to_read
from brainseg.paper.course.exercises import CODE_STUB, TEXT_STUB, blanked, exercises, graded
from brainseg.paper.course.plain import Words, captioned
from brainseg.paper.course.requirements import pinned
from brainseg.paper.course.variants import variant

REPOSITORY: Final = PACKAGE.parent
VARIANT: Final = re.compile(r"^variant = 0$", re.MULTILINE)
INSTALL: Final = """\
# Installs what is missing, from the files beside this notebook. Restart the kernel once after it has.
import os
from importlib.util import find_spec

os.environ.setdefault("BRAINSEG_WORKSPACE", os.path.abspath("made"))  # what is made stays beside this notebook
if find_spec("brainseg") is None:
    %pip install --quiet --require-hashes -r requirements.txt
    %pip install --quiet --no-deps {wheel}"""
BEFORE: Final = re.compile(
    r"\*\*You will be able to\*\* (?P<objectives>.*?) \*\*You need\*\* (?P<prerequisites>.*?) \*\*The answer\*\*"
)
CHAPTERS_NEED: Final = ("ipykernel", "jupytext", "papermill", "pillow")
"""Beside what the package needs; the last three are what :mod:`brainseg.paper.build.chapters` imports."""

KEPT: Final = "brainseg/repository/"
"""Where the wheel keeps what the package reads of the repository."""

HEAVY: Final = re.compile(r"brainseg/(app/weights|repository/results/tumorseg[\w-]+)/[\w-]+\.onnx")
"""Networks of the study's images: no chapter asks for them."""

CELL_SECONDS: Final = 300
"""That nbgrader lets a cell run: the slowest makes the phantom where it is not there yet."""


def scripts() -> list[Path]:
    """The scripts of all chapters.

    Raises:
        BrainsegError: If there is no checkout to find them in.
    """
    found = sorted((REPOSITORY / "notebooks").glob("[0-9]*.py"))
    if not found:
        raise BrainsegError("there are no chapters here, expected a checkout of the repository: the wheel has none")
    return found


def script_of(chapter: str) -> Path:
    """The script of a chapter by its number or name.

    >>> script_of("6").name
    '06_table.py'
    """
    for path in scripts():
        if chapter in (path.stem, path.stem[:2], path.stem[:2].lstrip("0")):
            return path
    raise BrainsegError(f"received chapter {chapter}, expected one of {', '.join(path.stem for path in scripts())}")


def edition(script: Path, seed: str | None = None) -> NotebookNode:
    """A chapter with its answers, as any Jupyter shows it, and with what nbgrader wants to know.

    Args:
        seed: From which the variant of its exercises is drawn; none, for the book's own.
    """
    notebook, executed = read_chapter(script), nbformat.read(script.with_suffix(".ipynb"), as_version=4)
    figures, words = _figures(notebook), words_of(executed)
    graded(notebook)
    cells = []
    for cell, about in zip(notebook.cells, figures, strict=True):
        if cell.cell_type == "markdown":
            cell.source = words.plain(cell.source)
        elif seed is not None:
            cell.source = VARIANT.sub(f"variant = {variant(seed, script.stem)}", cell.source)
        cells.append(cell)
        if about:
            caption = words.plain(captioned(about, words.figures[about["name"]]))
            cells.append(nbformat.v4.new_markdown_cell(caption))
    if cited := words.bibliography():
        cells.append(nbformat.v4.new_markdown_cell("\n".join(["## References", "", *(f"- {line}" for line in cited)])))
    notebook.cells = list(numbered(cells))
    return notebook


def words_of(executed: NotebookNode) -> Words:
    """What the roles of an executed chapter stand for."""
    numbers = {about["name"]: place for place, about in enumerate(filter(None, _figures(executed)), start=1)}
    return Words(glued(executed), numbers, parse_file(str(REPOSITORY / "book" / "references.bib")))


def _figures(notebook: NotebookNode) -> list[dict[str, str]]:
    """Of each cell, what is said of its figure, if it has one."""
    return [cell.metadata.get("mystnb", {}).get("figure", {}) for cell in notebook.cells]


def write_edition(script: Path, folder: Path, student: bool = True, seed: str | None = None) -> None:
    """Make a folder with a chapter, what it needs, and how to run it; without its answers where it is for a student."""
    make_empty(folder)
    notebook = edition(script, seed)
    facts = _facts(notebook, script)
    if student:
        blanked(notebook)
    name = f"{script.stem}.ipynb"
    wheel = _build_wheel(folder, script)
    install = nbformat.v4.new_code_cell(INSTALL.format(wheel=wheel))
    notebook.cells = list(numbered([install, *notebook.cells]))
    _write(notebook, folder / name)
    about = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*about["dependencies"], *about["optional-dependencies"]["tensorflow"], *CHAPTERS_NEED]
    write_whole(folder / "requirements.txt", pinned((REPOSITORY / "requirements.lock").read_text("utf-8"), wanted))
    readme = Template(Path(__file__).with_name("readme.md").read_text(encoding="utf-8"))
    write_whole(folder / "README.md", readme.substitute(facts, notebook=name, wheel=wheel))
    shutil.copy2(REPOSITORY / "LICENSE", folder)


def write_course(scripts: Iterable[Path], folder: Path, seed: str | None = None) -> None:
    """Make a course of nbgrader's: each chapter an assignment, with its answers, and a configuration."""
    make_empty(folder)
    for script in scripts:
        place = folder / "source" / script.stem
        make_folder(place)
        _write(edition(script, seed), place / f"{script.stem}.ipynb")
    configuration = Template(Path(__file__).with_name("nbgrader_config.txt").read_text(encoding="utf-8"))
    stubs = {"code_stub": json.dumps(CODE_STUB), "text_stub": json.dumps(TEXT_STUB)}
    write_whole(folder / "nbgrader_config.py", configuration.substitute(stubs, seconds=CELL_SECONDS))


def make_empty(folder: Path) -> None:
    """Make a folder that is not there or empty: nothing is written over."""
    if folder.exists() and any(folder.iterdir()):
        raise BrainsegError(f"{folder} is not empty: name another folder, or move it away")
    make_folder(folder)


def _facts(notebook: NotebookNode, script: Path) -> dict[str, object]:
    """What a README says of a chapter."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    found = exercises(read_chapter(script))
    before = BEFORE.search(" ".join(word for word in texts[0].split() if word != ">"))
    if before is None:
        raise BrainsegError(f"{script} does not say at its head what one will be able to do, and what one needs")
    rows = [[each.title, each.level.lower(), str(each.minutes), str(each.points)] for each in found]
    return {
        "title": texts[0].partition("\n")[0].removeprefix("# "),
        "objectives": before["objectives"],
        "prerequisites": before["prerequisites"],
        "reading": minutes_to_read(sum(len(text.split()) for text in texts)),
        "solving": sum(each.minutes for each in found),
        "exercises": table(["exercise", "effort", "minutes", "points"], rows),
    }


def _write(notebook: NotebookNode, path: Path) -> None:
    write_whole(path, nbformat.writes(notebook) + "\n")


def _build_wheel(folder: Path, script: Path) -> str:
    """Build the wheel into a folder, with the recorded results that a chapter reads; its name."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run([*pip, "--wheel-dir", str(folder), str(REPOSITORY)], capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise BrainsegError(
            f"no wheel could be built, expected pip and its build backend: {done.stderr.strip()[-200:]}"
        )
    wheel = next(folder.glob("*.whl"))
    read = {path.relative_to(REPOSITORY).as_posix() for path in input_files(script, REPOSITORY / "requirements.lock")}
    _lighten(wheel, read)
    return wheel.name


def _lighten(wheel: Path, read: Collection[str]) -> None:
    """Take out of a wheel what its chapter does not read: most recorded results, and networks of the study's images."""

    def wanted(name: str) -> bool:
        is_result = name.startswith(f"{KEPT}results/")
        return not HEAVY.fullmatch(name) and (not is_result or name.removeprefix(KEPT) in read)

    with zipfile.ZipFile(wheel) as whole:
        files = {info: whole.read(info) for info in whole.infolist() if wanted(info.filename)}
    with zipfile.ZipFile(wheel, "w") as light:
        for info, content in files.items():
            if info.filename.endswith(".dist-info/RECORD"):
                lines = content.decode().splitlines(keepends=True)
                content = "".join(line for line in lines if wanted(line.partition(",")[0])).encode()
            light.writestr(info, content)
