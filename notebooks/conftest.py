"""nbval compares re-executed outputs as brainseg.paper.build.agreement says, and its report keeps what was compared.

By itself it compares texts letter by letter, and pictures not at all.
"""

from collections.abc import Generator, Sequence
from dataclasses import asdict
from typing import Any

import pytest
from nbval.plugin import IPyNbCell

from brainseg.paper.build.agreement import Comparison, compare


def compare_outputs(
    cell: IPyNbCell, output: Sequence[Any], reference: Sequence[Any], skip_compare: object = None
) -> bool:
    """Compare the outputs of a cell, in place of nbval's own method; False makes the cell fail."""
    cell.comparisons = compare(reference, output, cell.cell.metadata.get("tags", []))
    failed = [found for found in cell.comparisons if not found.agrees]
    cell.comparison_traceback = [f"{found.kind}: {found.message}" for found in failed]
    return not failed


IPyNbCell.compare_outputs = compare_outputs


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Add to the report of a cell the cell itself and its outputs beside the reference."""
    report = yield
    if isinstance(item, IPyNbCell):
        report.cell = {"id": item.cell.id, "source": item.cell.source, "tags": item.cell.metadata.get("tags", [])}
        report.cell["compared"] = bool(item.options["check"])
        report.comparisons = [_kept(found) for found in getattr(item, "comparisons", [])]
    return report


def _kept(found: Comparison) -> dict[str, Any]:
    """What the report keeps of a comparison: the contents only where they differ too much."""
    return asdict(found) | ({"reference": None, "output": None} if found.agrees else {})
