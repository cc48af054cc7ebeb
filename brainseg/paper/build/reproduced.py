"""What an executed chapter shows, beside what the committed one shows."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode

from brainseg.paper.build.agreement import compare
from brainseg.paper.build.descent import answered


def differences(executed: Path, reference: Path, rounding: bool) -> list[str]:
    """Outputs of an executed notebook that do not agree with the committed ones of the same chapter, one line each.

    Args:
        executed, reference: Notebooks of the same script.
        rounding: Whether the arithmetic is another, so that cells that show answers may differ by what rounding can do.
    """
    cells, references = _code_cells(executed), _code_cells(reference)
    pairs = zip(references, cells, answered([cell.source for cell in cells]), strict=True)
    found = {old.id: compare(old.outputs, new.outputs, answers and rounding) for old, new, answers in pairs}
    return [
        f"{executed.stem}, {name}: {one.kind}: {one.message}"
        for name, compared in found.items()
        for one in compared
        if not one.agrees
    ]


def _code_cells(path: Path) -> list[NotebookNode]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
