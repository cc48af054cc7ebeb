"""What chapters show besides figures: numbers for sentences, tables, and source code."""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import Markdown, display

REFERENCE = re.compile(r'\n\n *(?:(?:Args|Returns|Yields|Raises):\n|>>> ).*?(?=""")', re.DOTALL)
"""In a docstring: from the first section that describes arguments, results, errors or examples, to the end."""

GLUED = "application/papermill.record/"
"""What MyST puts before the kind of an output that is not shown where it stands, but where a sentence names it."""

ABSENT = "–"


def glue(**values: object) -> None:
    """Keep values for sentences, which show them as ``{glue:text}`name``` or ``{glue:text}`name:.2f```.

    Six decimals are kept: the sixteenth can be another one on another processor.
    """
    for name, value in values.items():
        value = value.item() if isinstance(value, np.generic) else value
        value = round(value, 6) if isinstance(value, float) else value
        place = {"scrapbook": {"name": name, "mime_prefix": GLUED}}
        display({f"{GLUED}text/plain": value if isinstance(value, str) else repr(value)}, metadata=place, raw=True)


@dataclass(frozen=True, eq=False)
class Table:
    """A table as a page shows it; make it with :func:`table`.

    Attributes:
        caption: What it shows, and in which unit.
        columns, rows: Names, one tuple of texts per column and row: its levels.
        cells: Texts, by row.
        names: Of the levels of the rows.
    """

    caption: str
    columns: list[tuple[str, ...]]
    rows: list[tuple[str, ...]]
    cells: list[list[str]]
    names: list[str]

    def _repr_html_(self) -> str:
        head = "".join(f"<tr>{''.join(line)}</tr>" for line in self._head())
        body = "".join(
            f"<tr>{''.join(_cell('th', name, scope='row') for name in names)}"
            f"{''.join(_cell('td', text, **aligned) for text, aligned in zip(texts, self._aligned, strict=True))}</tr>"
            for names, texts in zip(_without_repeats(self.rows), self.cells, strict=True)
        )
        return f"<table><caption>{escape(self.caption)}</caption><thead>{head}</thead><tbody>{body}</tbody></table>"

    def __repr__(self) -> str:
        lines = [[*self.names, *(", ".join(filter(None, name)) for name in self.columns)]]
        lines += [[*names, *texts] for names, texts in zip(self.rows, self.cells, strict=True)]
        return "\n".join([self.caption, *("\t".join(line) for line in lines)])

    @cached_property
    def _aligned(self) -> list[dict[str, str]]:
        """Of each column, what marks it as one of words and not of numbers."""
        wordy = (any(re.match(r"[^\W\d_]|“", text) for text in texts) for texts in zip(*self.cells, strict=True))
        return [{"class": "words"} if found else {} for found in wordy]

    def _head(self) -> Iterator[list[str]]:
        last = len(self.columns[0]) - 1
        for level in range(last + 1):
            names = self.names if level == last else [""] * len(self.names)
            line = [_cell("th", name, scope="col") if name else "<td></td>" for name in names]
            of_words = iter(self._aligned)
            for name, group in groupby(self.columns, key=lambda column: column[: level + 1]):
                aligned = [next(of_words) for _ in group]
                line.append(_cell("th", name[-1], scope="col", colspan=len(aligned), **aligned[0]))
            yield line


def table(frame: pd.DataFrame, caption: str, digits: int | Mapping[str, int] = 2) -> Table:
    """Make a table for a page: whole numbers with separators, others with so many digits, – for what is not there.

    Args:
        frame: Names of columns and rows are texts to be read, and rows have names; up to two levels of each.
        caption: What it shows, and in which unit.
        digits: After the point; by the last level of the column's name, where they differ (others: 2).

    >>> table(pd.DataFrame({"Dice": [0.5, -0.001, None]}, index=["A", "B", "C"]), "Scores.").cells
    [['0.50'], ['0.00'], ['–']]
    """
    places, other = (digits, 2) if isinstance(digits, Mapping) else ({}, digits)
    columns, rows = [_levels(name) for name in frame.columns], [_levels(name) for name in frame.index]
    given = [
        [_text(value, places.get(name[-1], other)) for value in frame.iloc[:, place]]
        for place, name in enumerate(columns)
    ]
    names = [str(name or "") for name in frame.index.names]
    return Table(caption, columns, rows, [list(line) for line in zip(*given, strict=True)], names)


def _levels(name: object) -> tuple[str, ...]:
    return tuple(map(str, name)) if isinstance(name, tuple) else (str(name),)


def _text(value: Any, digits: int) -> str:
    if isinstance(value, str):
        return value
    if value is None or pd.isna(value):
        return ABSENT
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return minus(f"{value:,}")
    return minus(f"{round(float(value), digits) + 0.0:,.{digits}f}")


def minus(text: str) -> str:
    """Text whose negative numbers have a real minus sign.

    >>> minus("U-Net: -0.5")
    'U-Net: −0.5'
    """
    return re.sub(r"(?<!\w)-(?=\d)", "−", text)


def _cell(tag: str, text: str, **attributes: object) -> str:
    given = "".join(f' {name}="{value}"' for name, value in attributes.items() if value != 1)
    return f"<{tag}{given}>{escape(text)}</{tag}>"


def _without_repeats(rows: list[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Names of rows, the outer ones only where they change."""
    before: tuple[str, ...] = ()
    for row in rows:
        yield tuple("" if row[: i + 1] == before[: i + 1] and i < len(row) - 1 else name for i, name in enumerate(row))
        before = row


def source(*things: Callable[..., Any]) -> Markdown:
    """Show the source code of functions or classes as the package has it, without the reference part of docstrings.

    >>> shown = source(items).data
    >>> "Show sentences" in shown, ">>>" in shown
    (True, False)
    """
    code = "\n\n".join(REFERENCE.sub("", inspect.getsource(thing)).rstrip() for thing in things)
    return Markdown(f"```python\n{code}\n```")


def items(sentences: Iterable[str]) -> Markdown:
    """Show sentences as a list.

    >>> print(items(["One.", "Two."]).data)
    - One.
    - Two.
    """
    return Markdown("\n".join(f"- {sentence}" for sentence in sentences))


def listed(names: Iterable[object]) -> str:
    """Names in a sentence.

    >>> listed(["U-Net", "LinkNet", "SegNet"]), listed(["U-Net"])
    ('U-Net, LinkNet and SegNet', 'U-Net')
    """
    *first, last = [*map(str, names)] or [""]
    return f"{', '.join(first)} and {last}" if first else last
