"""What can be said of the committed state in seconds, before anything is computed."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from brainseg.errors import BrainsegError
from brainseg.paper.build.chapters import clean, problems, read_chapter, sealed
from brainseg.paper.build.inputs import inputs
from brainseg.paper.build.prose import glued, resolved, typed_numbers


def repository_faults(root: Path) -> list[tuple[str, str]]:
    """What is wrong with the committed chapters, records and claims of a repository: each where, and what."""
    from brainseg.experiments.matrix import read_matrix
    from brainseg.experiments.recorded import recorded_labels, recorded_runs, recorded_saliency
    from brainseg.paper.claims.ledger import read_claims

    scripts = sorted((root / "notebooks").glob("[0-9]*.py"))
    found = [(script.stem, fault) for script in scripts for fault in chapter_faults(script)]
    known = {script.with_suffix(".ipynb").name for script in scripts}
    strangers = {path.name for path in (root / "notebooks").glob("*.ipynb")} - known
    found += [(name, "no script makes this notebook") for name in sorted(strangers)]
    found += [("notebooks", fault) for fault in _one_data_set(scripts)]
    readers: dict[str, Callable[[str], object]] = {
        **{"runs": recorded_runs, "labels": recorded_labels},
        **dict.fromkeys(("saliency", "maps"), recorded_saliency),
    }
    ledger = "book/claims.yml"
    checks: list[tuple[str, Callable[[], object]]] = [(ledger, lambda: read_claims(root / ledger))]
    for matrix in read_matrix().values():
        if matrix.recorded:
            checks += [(f"results/{matrix.folder}", partial(readers[kind], matrix.name)) for kind in matrix.records]
    for where, check in checks:
        try:
            check()
        except Exception as error:  # whatever a damaged file makes of its reader
            found.append((where, f"it cannot be read: {type(error).__name__}: {error}"))
    return found


def grouped(found: Iterable[tuple[str, str]]) -> list[str]:
    """One line for each cause, with the places where it shows and the command that mends it.

    >>> line, = grouped([("01_data", "it is stale: a.py has changed"), ("02_unet", "it is stale: a.py has changed")])
    >>> line[:67]
    'a.py has changed, so these are stale: 01_data, 02_unet. To mend it:'
    """
    places: dict[str, list[str]] = {}
    for where, cause in found:
        places.setdefault(cause, []).append(where)
    return [_line(cause, list(dict.fromkeys(where))) for cause, where in places.items()]


def _line(cause: str, where: list[str]) -> str:
    names = ", ".join(where[:12]) + (f" and {len(where) - 12} more" if len(where) > 12 else "")
    stale, words = cause.startswith(STALE), cause.removeprefix(STALE)
    said = (
        f"{words}, so {'these are' if len(where) > 1 else 'this is'} stale: {names}" if stale else f"{names}: {words}"
    )
    mend = next(command for pattern, command in MENDS.items() if re.match(pattern, said))
    return f"{said}. To mend it: {mend}"


STALE = "it is stale: "
MENDS = {
    r"book/claims\.yml: |claims, ": (
        "correct book/claims.yml, or what it is about; .venv/bin/brainseg claims judges it again"
    ),
    r"results/\S+: ": "git checkout results",
    r"data, ": "rm -r build/data build/verify, then the same command again",
    r"(?s).*": "undo the change, which git diff shows, or make reference",
}
"""What to do about a failure, by how its line begins; the first that fits."""


def _one_data_set(scripts: Iterable[Path]) -> Iterator[str]:
    known = set()
    for notebook in (script.with_suffix(".ipynb") for script in scripts):
        if notebook.is_file():
            known.add(json.loads(notebook.read_text(encoding="utf-8"))["metadata"].get("brainseg", {}).get("data"))
    if len(known) > 1:
        yield f"they were made from {len(known)} data sets, expected one"


def chapter_faults(script: Path) -> list[str]:
    """What is wrong with the committed notebook of a chapter, one line each; empty if nothing is."""
    notebook = script.with_suffix(".ipynb")
    if not notebook.is_file():
        return [f"{notebook.name} is missing"]
    now = inputs(script, script.parents[1] / "requirements.lock", {})
    return faults(notebook.read_text(encoding="utf-8"), script, now)


def _numbers(notebook: NotebookNode) -> Iterator[str]:
    """Numbers that were typed into prose or captions, and glued ones that no cell keeps."""
    figures = [cell.metadata.get("mystnb", {}) for cell in notebook.cells]
    words = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    words += [about["figure"]["caption"] for about in figures if "figure" in about]
    words += [about["image"]["alt"] for about in figures if "image" in about]
    if lines := [line for text in words for line in typed_numbers(text)]:
        yield f"numbers were typed that should come from a cell, by glue(): {'; '.join(lines)}"
    values = glued(notebook)
    for text in words:
        try:
            resolved(text, values)
        except BrainsegError as error:
            yield str(error)


def faults(text: str, script: Path, now: Mapping[str, Any]) -> list[str]:
    """The same of the text of a notebook, with what :func:`brainseg.paper.build.inputs.inputs` gives now."""
    try:
        notebook = nbformat.reads(text, as_version=4)
        return [
            *_unlike(notebook, script),
            *problems(notebook, now, script.stem),
            *_layout(notebook, text),
            *_numbers(notebook),
        ]
    except Exception as error:  # whatever a damaged file makes of the readers
        return [f"it cannot be read: {type(error).__name__}: {error}"]


def _unlike(notebook: NotebookNode, script: Path) -> Iterator[str]:
    """How a notebook differs from its script, and its outputs from those that were written."""
    source = read_chapter(script)
    clean(source, script.stem)
    about = {name: value for name, value in notebook.metadata.items() if name != "brainseg"}
    if about != source.metadata or notebook.nbformat_minor != source.nbformat_minor:
        yield f"its metadata are not those that {script.name} gets"
    if len(notebook.cells) != len(source.cells):
        yield f"it has {len(notebook.cells)} cells, {script.name} has {len(source.cells)}"
    unlike: dict[str, list[str]] = {}
    for cell, own in zip(notebook.cells, source.cells, strict=False):
        fields = [field for field in {**cell, **own} if field not in MADE and cell.get(field) != own.get(field)]
        if fields:
            unlike.setdefault(" and ".join(fields), []).append(own.id)
    yield from (f"{script.name} has another {fields} for {', '.join(names)}" for fields, names in unlike.items())
    was, written = sealed(notebook), notebook.metadata.get("brainseg", {}).get("outputs", {})
    if others := [name for name in sorted({*was, *written}) if was.get(name) != written.get(name)]:
        yield f"the outputs of {', '.join(others)} are not those that were written"


MADE = ("outputs", "execution_count")
"""What executing a cell adds to it."""


def _layout(notebook: NotebookNode, text: str) -> Iterator[str]:
    if text != nbformat.writes(notebook) + "\n":
        yield "its file is not laid out as it was written"
