"""Chapters: from a jupytext script to an executed notebook that says what it was made from.

A chapter's only source is ``notebooks/NN_name.py`` in jupytext's percent format. Executing it gives a notebook that is
the same, byte for byte, each time the same machine runs the same inputs: cell ids come from the cell's place, and what
papermill and the kernel note about time and place goes into a file of its own. The notebook's metadata carry hashes of
all its inputs, so that a stale one can be refused, and what has changed can be named.
"""

import hashlib
import json
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from brainseg.errors import BrainsegError
from brainseg.fingerprint import commit
from brainseg.paper.build.descent import origins
from brainseg.paper.build.inputs import changed, inputs
from brainseg.paper.build.marks import marked, marks

HIDDEN_TAGS = {"parameters", "injected-parameters"}
LANGUAGE = {"name": "python", "pygments_lexer": "ipython3"}
"""What a notebook says of its language; the version of Python is where it says when and on what it was made."""

DAY = 24 * 3600
"""Seconds that a cell may take, where nothing else is said."""


def read_chapter(source: Path) -> NotebookNode:
    """Read a percent script as a notebook without outputs, cell ids fixed by the cells' places."""
    notebook: NotebookNode = jupytext.read(source, fmt="py:percent")
    notebook.metadata = NotebookNode(kernelspec={"name": "python3", "display_name": "Python 3", "language": "python"})
    for cell in numbered(notebook.cells):
        cell.metadata.pop("lines_to_next_cell", None)
    return notebook


def execute_chapter(
    source: Path,
    target: Path,
    lock: Path,
    parameters: Mapping[str, object],
    data: str | None = None,
    limit: int = DAY,
) -> None:
    """Execute a chapter in the folder of its script and write the notebook to ``target``.

    Beside it comes a JSON file of the same name with what is different each time: when, how long, on what.

    Args:
        limit: Seconds that a cell may take.

    Raises:
        BrainsegError: If a cell fails, takes longer, or ends its kernel: names the chapter, the cell and what happened.
            ``target`` is not written then.
    """
    from brainseg.backend import describe  # takes seconds, which a check can do without

    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".unfinished.ipynb")
    nbformat.write(read_chapter(source), unfinished)
    started, made_from = datetime.now(UTC), inputs(source, lock, parameters, data)
    options = {"cwd": source.parent, "progress_bar": {"desc": source.stem}, "execution_timeout": limit}
    try:
        try:
            notebook = papermill.execute_notebook(unfinished, unfinished, dict(parameters), **options)
        except RuntimeError:
            if _begun(unfinished):
                raise
            # Two kernels that start at once can choose the same port; then one ends before its first cell.
            notebook = papermill.execute_notebook(unfinished, unfinished, dict(parameters), **options)
    except PapermillExecutionError as error:
        raise BrainsegError(
            f"{source}: cell {error.cell_index + 1} failed with {error.ename}: {error.evalue}. The notebook up to "
            f"there is {unfinished}; the failing cell is\n{error.source}\n{plain(*error.traceback)}"
        ) from error
    except CellTimeoutError as error:
        raise BrainsegError(f"{_stopped_in(source, unfinished)} took longer than {limit} seconds") from error
    except RuntimeError as error:  # of nbclient, where a kernel dies
        raise BrainsegError(
            f"{_stopped_in(source, unfinished)} ended its kernel: it was killed, as when memory runs out, or it exited"
        ) from error
    if any(output.output_type == "error" for cell in notebook.cells for output in cell.get("outputs", [])):
        raise BrainsegError(f"{_stopped_in(source, unfinished)} exited")  # with 0, which papermill takes for success
    provenance = {
        "chapter": source.stem,
        "started": started.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - started).total_seconds(), 1),
        "slowest": dict(_slowest(notebook)),
        "commit": commit(),
        "made_with": describe() | {"python": platform.python_version(), "machine": platform.machine()},
        "inputs": made_from,
    }
    clean(notebook, source.stem)
    notebook.metadata["brainseg"] = made_from | {"outputs": sealed(notebook)}
    nbformat.write(notebook, unfinished)
    target.with_suffix(".json").write_text(json.dumps(provenance, indent=1) + "\n", encoding="utf-8")
    unfinished.replace(target)


def _stopped_in(source: Path, unfinished: Path) -> str:
    """Name the cell that was executed last."""
    return f"{source}: cell {max(_begun(unfinished), default=0)}"


def _begun(unfinished: Path) -> list[int]:
    """Places of the cells that were begun, from 1."""
    cells = nbformat.read(unfinished, as_version=4).cells
    return [place for place, cell in enumerate(cells, 1) if cell.metadata.get("papermill", {}).get("start_time")]


def _slowest(notebook: NotebookNode, count: int = 3) -> Iterator[tuple[str, float]]:
    """Cells that took longest, by their place, with seconds."""
    seconds = {cell.id: cell.metadata.papermill.duration or 0 for cell in numbered(notebook.cells)}
    for name in sorted(seconds, key=lambda name: -seconds[name])[:count]:
        yield name, round(seconds[name], 1)


def numbered(cells: Iterable[NotebookNode]) -> Iterator[NotebookNode]:
    """The cells, each with an id that says its place."""
    for place, cell in enumerate(cells, start=1):
        cell.id = f"cell-{place:02d}"
        yield cell


def clean(notebook: NotebookNode, chapter: str) -> None:
    """Take out what differs between two equal runs, hide the cells that only carry parameters, and mark the others.

    A tag says which images a cell is about, unless the script does, and a picture in its file which chapter and
    cell it is from.
    """
    notebook.metadata.pop("papermill", None)
    notebook.metadata.language_info = NotebookNode(LANGUAGE)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    about = {id(cell): of for cell, of in zip(cells, origins([cell.source for cell in cells]), strict=True) if of}
    for cell in numbered(notebook.cells):
        tags = set(cell.metadata.get("tags", []))
        if tags & HIDDEN_TAGS:
            tags.add("remove-cell")
        if (of := about.get(id(cell))) and not any(tag.startswith("of-") for tag in tags):
            tags.add(f"of-{of}")
        kept = {"tags": sorted(tags), "mystnb": cell.metadata.get("mystnb")}
        cell.metadata = NotebookNode({key: value for key, value in kept.items() if value})
        for output in cell.get("outputs", []):
            if "data" in output:
                output.data.update(marked(output.data, f"{chapter}, {cell.id}"))


def sealed(notebook: NotebookNode) -> dict[str, str]:
    """16 hexadecimal digits for the outputs of each code cell that has any, by its id."""
    return {
        cell.id: hashlib.sha256(json.dumps(cell.outputs, sort_keys=True).encode()).hexdigest()[:16]
        for cell in notebook.cells
        if cell.get("outputs")
    }


def problems(notebook: NotebookNode, now: Mapping[str, Any] | None = None, chapter: str | None = None) -> list[str]:
    """What makes an executed notebook unfit for the book, one line each; empty if nothing does.

    Args:
        now: What :func:`brainseg.paper.build.inputs.inputs` gives now; what was made from something else is stale.
        chapter: Its name: its pictures must be of its own cells.
    """
    found = []
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    counts = [cell.execution_count for cell in code]
    if counts != list(range(1, len(code) + 1)):
        found.append(f"cells were not run once each from top to bottom: execution counts are {counts}")
    for cell in code:
        if "papermill-error-cell-tag" in cell.metadata.get("tags", []):
            found.append(f"{cell.id} is papermill's error banner")
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"{cell.id} shows an error: {output.ename}: {output.evalue}")
            if output.get("name") == "stderr":
                found.append(f"{cell.id} prints to standard error: {output.text.strip()[:200]}")
            for origin in marks(output.get("data", {})):
                if chapter is not None and origin != f"{chapter}, {cell.id}":
                    found.append(f"{cell.id} shows a picture of {origin or 'unknown origin'}")
    if not any(cell.outputs for cell in code):
        found.append("no cell has an output")
    if now is not None:
        found += [f"it is stale: {words}" for words in changed(notebook.metadata.get("brainseg", {}), now)]
    return found


def check_executed(
    path: Path, source: Path, lock: Path, parameters: Mapping[str, object], data: str | None = None
) -> None:
    """Refuse an executed notebook with errors, cells out of order, no outputs, or changed inputs.

    Raises:
        BrainsegError: Naming the notebook and everything that is wrong with it.
    """
    found = problems(nbformat.read(path, as_version=4), inputs(source, lock, parameters, data), source.stem)
    if found:
        raise BrainsegError(f"{path} cannot go into the book: " + "; ".join(found))


def plain(*lines: str) -> str:
    """Lines for a terminal, without their colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(lines))
