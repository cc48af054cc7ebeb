"""A table of a paper's scores, read from a file and checked row by row: ``brainseg check-table``."""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from brainseg.errors import BrainsegError
from brainseg.paper.claims.consistency import broadcast_iou
from brainseg.paper.claims.pooled import SCORES, Interval, allowed, contradictions, hold_for_means, printed

NAMES: Final = {
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "specificity": "specificity",
    "prevalence": "share of tumour",
    "dice": "Dice",
    "iou": "IoU",
    "mean_iou": "mean IoU",
}
"""What to print for each score."""

ALSO: Final = {
    "acc": "accuracy",
    "pixelaccuracy": "accuracy",
    "ppv": "precision",
    "sensitivity": "recall",
    "tpr": "recall",
    "truepositiverate": "recall",
    "tnr": "specificity",
    "truenegativerate": "specificity",
    "tumourshare": "prevalence",
    "shareoftumour": "prevalence",
    "dicescore": "dice",
    "dicecoefficient": "dice",
    "dsc": "dice",
    "f1": "dice",
    "f1score": "dice",
    "jaccard": "iou",
    "jaccardindex": "iou",
    "jaccardscore": "iou",
    "iouscore": "iou",
    "intersectionoverunion": "iou",
    "tumouriou": "iou",
    "miou": "mean_iou",
    "meanintersectionoverunion": "mean_iou",
    **{name.replace("_", ""): name for name in SCORES},
}
"""What a column may be called, in small letters and without anything else, and the score that it means."""

NOTHING: Final = {"", "-", "–", "—", "na", "n/a", "nan", "none", "null"}
"""What a cell without a number may hold."""

HEIGHTS: Final = (32, 64, 96, 128, 160, 192, 224, 256, 320, 384, 480, 512, 640, 1024)
"""Usual heights of images, in pixels."""

ANYTHING: Final = Interval(Fraction(0), Fraction(1))

POSSIBLE, NOT_POOLED, IMPOSSIBLE = "possible", "not of pooled pixels", "impossible"


@dataclass(frozen=True)
class Row:
    """What the scores of one row say of each other.

    Attributes:
        name: What the table calls it.
        scores: The numbers, as printed.
        verdict: ``possible``, ``not of pooled pixels`` (but perhaps means over images), or ``impossible``.
        contradictions: Each with the score that does not fit, those that it contradicts, and what they allow of it.
        implied: What the other scores can be, without those that do not fit.
        notes: What the numbers look like, if not like scores.
    """

    name: str
    scores: Mapping[str, str]
    verdict: str
    contradictions: tuple[tuple[str, tuple[str, ...], Interval], ...]
    implied: Mapping[str, Interval]
    notes: tuple[str, ...]

    def sentences(self) -> list[str]:
        """The row in words, a line each.

        >>> for line in check("U-Net", {"dice": "0.50", "iou": "0.40"}).sentences():
        ...     print(line)
        U-Net: not of pooled pixels
          IoU 0.40 contradicts Dice 0.50: allowed is 0.3289 to 0.3378
          of Dice 0.50 follows: accuracy from 0.3289; precision from 0.3289; recall from 0.3289; IoU 0.3289 to 0.3378; \
mean IoU 0.1645 to 0.6689
        """
        lines = [f"{self.name}: {self.verdict}"]
        for score, others, fits in self.contradictions:
            beside = f"contradicts {self._printed(others)}" if others else "is no score"
            lines.append(f"  {self._printed([score])} {beside}: allowed is {between(fits)}")
        trusted = [score for score in self.scores if score not in self.implied]
        if trusted and self.implied:
            follows = [f"{NAMES[score]} {between(interval)}" for score, interval in self.implied.items()]
            says = "; ".join(words for words in follows if not words.endswith(between(ANYTHING))) or "nothing"
            lines.append(f"  of {self._printed(trusted)} follows: {says}")
        return lines + [f"  {note}" for note in self.notes]

    def _printed(self, scores: Sequence[str]) -> str:
        return ", ".join(f"{NAMES[score]} {self.scores[score]}" for score in scores)


def check(name: str, scores: Mapping[str, str]) -> Row:
    """Check the scores of one row, by name as in :data:`NAMES`, as printed.

    >>> check("a", {"dice": "0.50", "iou": "0.40"}).verdict, check("b", {"dice": "0.50", "iou": "0.60"}).verdict
    ('not of pooled pixels', 'impossible')
    """
    intervals = {score: printed(scores[score]) for score in SCORES if score in scores}
    found = contradictions(intervals)
    trusted = {score: interval for score, interval in intervals.items() if score not in {some[-1] for some in found}}
    verdict = POSSIBLE if not found else NOT_POOLED if hold_for_means(intervals) else IMPOSSIBLE
    return Row(
        name,
        {score: scores[score] for score in intervals},
        verdict,
        tuple((some[-1], some[:-1], _allowed_by(some[:-1], some[-1], intervals)) for some in found),
        _implied(trusted),
        tuple(_notes(intervals)),
    )


def read_table(path: Path) -> dict[str, dict[str, str]]:
    """The rows of a file, by name: scores as printed, with those of their columns that hold none as their name.

    Args:
        path: CSV with a head, or JSON: a list of objects, or one object of objects by name.

    Raises:
        BrainsegError: If it cannot be read, has no column of a score, or a cell of one holds something else.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = _json_rows(text) if path.suffix == ".json" else list(csv.DictReader(io.StringIO(text)))
    except OSError as error:
        raise BrainsegError(f"the file {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BrainsegError(
            f"{path} is no table: {error}; expected CSV with a head, or JSON, a list of rows"
        ) from error
    table: dict[str, dict[str, str]] = {}
    for number, row in enumerate(rows, start=1):
        cells = {str(column): str(cell or "").strip() for column, cell in row.items() if column}
        name = " ".join(cell for column, cell in cells.items() if _score(column) is None and cell) or f"row {number}"
        table[name if name not in table else f"{name} (row {number})"] = _scores(cells, f"{path}, {name}")
    if not any(table.values()):
        raise BrainsegError(f"{path} has no score in any column, expected some of: {', '.join(SCORES)}")
    return table


def between(interval: Interval) -> str:
    """An interval in words, four decimals, as far as 0 and 1.

    >>> between(printed("0.12")), between(printed("1")), between(ANYTHING)
    ('0.1150 to 0.1250', 'from 0.5000', '0 to 1')
    """
    low, high = (f"{min(1.0, max(0.0, float(value))):.4f}" for value in (interval.low, interval.high))
    if high == "1.0000" != low:
        return "0 to 1" if low == "0.0000" else f"from {low}"
    return low if low == high else f"{low} to {high}"


def _allowed_by(others: tuple[str, ...], score: str, intervals: Mapping[str, Interval]) -> Interval:
    return allowed({other: intervals[other] for other in others}).range(score)


def _implied(trusted: Mapping[str, Interval]) -> dict[str, Interval]:
    counts = allowed(trusted)
    return {score: counts.range(score) for score in SCORES if trusted and score not in trusted and counts.has(score)}


def _notes(intervals: Mapping[str, Interval]) -> list[str]:
    dice, iou = intervals.get("dice"), intervals.get("iou")
    share, mean_iou = intervals.get("prevalence"), intervals.get("mean_iou")
    notes = []
    if dice and iou and dice.low > 1:
        for height in HEIGHTS:
            if dice.high < 2 * height:
                low, high = (printed(f"{broadcast_iou(float(value), height):.9f}") for value in (dice.low, dice.high))
                if Interval(low.low, high.high).meets(iou):
                    notes.append(
                        f"the two are tied as if arrays of {height} rows had been stretched against each other"
                    )
    if share and mean_iou and Interval((1 - share.high) / 2, (1 - share.low) / 2).meets(mean_iou):
        notes.append("the mean IoU is half the share of background: what Keras gives for any probabilities below 1")
    return notes


def _score(column: str) -> str | None:
    return ALSO.get(re.sub(r"[^a-z0-9]", "", column.lower()))


def _scores(cells: Mapping[str, str], where: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for column, cell in cells.items():
        score = _score(column)
        if score is None or cell.lower() in NOTHING:
            continue
        if score in found:
            raise BrainsegError(f"{where}: received two columns of {NAMES[score]}, expected one: leave one out")
        text = f"{cell} %" if "%" in column and "%" not in cell else cell
        try:
            printed(text)
        except BrainsegError as error:
            raise BrainsegError(f"{where}, {column}: {error}") from None
        found[score] = text
    return found


def _json_rows(text: str) -> list[dict[str, Any]]:
    content = json.loads(text, parse_float=str, parse_int=str)
    if isinstance(content, dict):
        content = [{"name": name, **row} for name, row in content.items() if isinstance(row, dict)]
    if not (isinstance(content, list) and all(isinstance(row, dict) for row in content)):
        raise ValueError("it is not a list of objects")
    return content
