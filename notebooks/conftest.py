"""nbval compares re-executed outputs with the committed ones; this gives it the tolerance stated in brainseg.book.comparison.

Cells tagged ``trained`` show numbers that descend from a trained network. With other arithmetic (oneDNN switched off), Dice
scores of these cells moved by up to 0.13 and whole numbers by a tenth: the tolerance is twice the former.
"""

from typing import Any

from nbval.plugin import IPyNbCell

from brainseg.book.comparison import agree

TRAINED_TOLERANCE = 0.25

exact_sanitize = IPyNbCell.sanitize


class TolerantText(str):
    """A text that equals another one if the two agree."""

    trained_tolerance: float | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and agree(self, other, self.trained_tolerance)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def tolerant_sanitize(cell: IPyNbCell, output: Any) -> Any:
    """What nbval compares: the output, as a text with tolerance if it is a text."""
    sanitized = exact_sanitize(cell, output)
    if not isinstance(sanitized, str):
        return sanitized
    text = TolerantText(sanitized)
    if "trained" in cell.cell.metadata.get("tags", []):
        text.trained_tolerance = TRAINED_TOLERANCE
    return text


IPyNbCell.sanitize = tolerant_sanitize
