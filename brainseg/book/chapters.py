"""Chapters: from a jupytext script to an executed notebook that says what it was made from.

A chapter's only source is ``notebooks/NN_name.py`` in jupytext's percent format. Executing it gives a notebook that is
the same, byte for byte, each time the same machine runs the same inputs: cell ids come from the cell's place, and what
papermill and the kernel note about time and place is taken out again. Its metadata carry a hash of all its inputs, so
that a notebook that no longer belongs to its source, to the package or to the locked environment can be refused.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import papermill
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from brainseg.audit.claim import CLAIMS
from brainseg.errors import BrainsegError
from brainseg.sources import PACKAGE, fingerprint, imported_files

HIDDEN_TAGS = {"parameters", "injected-parameters"}
COLOUR_CODE = re.compile(r"\x1b\[[0-9;]*m")


def read_chapter(source: Path) -> NotebookNode:
    """Read a percent script as a notebook without outputs, cell ids fixed by the cells' places."""
    notebook: NotebookNode = jupytext.read(source, fmt="py:percent")
    notebook.metadata = NotebookNode(kernelspec={"name": "python3", "display_name": "Python 3", "language": "python"})
    for place, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{place:02d}"
        cell.metadata.pop("lines_to_next_cell", None)
    return notebook


def inputs_hash(source: Path, lock: Path, parameters: Mapping[str, object]) -> str:
    """Hash of everything that decides a chapter's outputs, as 64 hexadecimal digits.

    That is the chapter's script, the modules of the package that it imports (directly or not), the recorded results,
    the claims if it shows them, the locked environment, and the parameters. The phantom data set is made by the
    package, so its code stands for it.
    """
    recorded = sorted(path for path in (lock.parent / "results").rglob("*") if path.is_file())
    files = fingerprint([source, lock, *imported_files(source), *recorded, *claims_of(source)])
    return hashlib.sha256(f"{files} {json.dumps(parameters, sort_keys=True)}".encode()).hexdigest()


def claims_of(source: Path) -> list[Path]:
    """The file of the claims, if a chapter shows them."""
    return [CLAIMS] if PACKAGE / "audit" / "ledger.py" in imported_files(source) else []


def execute_chapter(source: Path, target: Path, lock: Path, parameters: Mapping[str, object]) -> None:
    """Execute a chapter in the folder of its script and write the notebook to ``target``.

    Raises
    ------
    BrainsegError
        If a cell fails: names the chapter, the cell and the error. ``target`` is not written then.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".unfinished.ipynb")
    nbformat.write(read_chapter(source), unfinished)
    try:
        notebook = papermill.execute_notebook(
            unfinished,
            unfinished,
            parameters=dict(parameters),
            cwd=source.parent,
            progress_bar={"desc": source.stem},
        )
    except PapermillExecutionError as error:
        raise BrainsegError(
            f"{source}: cell {error.cell_index + 1} failed with {error.ename}: {error.evalue}. The notebook up to "
            f"there is {unfinished}; the failing cell is\n{error.source}\n{_plain(error.traceback)}"
        ) from error
    clean(notebook)
    notebook.metadata["brainseg"] = {
        "inputs": inputs_hash(source, lock, parameters),
        "parameters": dict(parameters),
    }
    nbformat.write(notebook, unfinished)
    unfinished.replace(target)


def clean(notebook: NotebookNode) -> None:
    """Take out what differs between two equal runs, and hide the cells that only carry parameters."""
    notebook.metadata.pop("papermill", None)
    for place, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{place:02d}"
        cell.metadata = NotebookNode({key: cell.metadata[key] for key in ("tags", "mystnb") if cell.metadata.get(key)})
        tags = set(cell.metadata.get("tags", []))
        if tags & HIDDEN_TAGS:
            cell.metadata["tags"] = sorted(tags | {"remove-cell"})


def problems(notebook: NotebookNode, expected_inputs: str | None = None) -> list[str]:
    """What makes an executed notebook unfit for the book, one line each; empty if nothing does.

    Parameters
    ----------
    notebook
        An executed notebook.
    expected_inputs
        What :func:`inputs_hash` gives now; a notebook that carries another hash is stale.
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
    if not any(cell.outputs for cell in code):
        found.append("no cell has an output")
    made_from: Any = notebook.metadata.get("brainseg", {}).get("inputs")
    if expected_inputs is not None and made_from != expected_inputs:
        found.append("it is stale: its script, the package or the lock has changed since it was executed")
    return found


def check_executed(path: Path, source: Path, lock: Path, parameters: Mapping[str, object]) -> None:
    """Refuse an executed notebook with errors, cells out of order, no outputs, or changed inputs.

    Raises
    ------
    BrainsegError
        Naming the notebook and everything that is wrong with it.
    """
    found = problems(nbformat.read(path, as_version=4), inputs_hash(source, lock, parameters))
    if found:
        raise BrainsegError(f"{path} cannot go into the book: " + "; ".join(found))


def _plain(traceback: list[str]) -> str:
    return COLOUR_CODE.sub("", "\n".join(traceback))
