"""The words of chapters, with the numbers that cells have put into them."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from nbformat import NotebookNode

from brainseg.errors import BrainsegError
from brainseg.paper.display import minus

GLUED = re.compile(r"\{glue:text\}`(?:(?P<page>[^`:]+)::)?(?P<name>\w+)(?::(?P<form>[^`]+))?`")

ELSEWHERE = re.compile(
    r"```.*?```|\$\$.*?\$\$|\$[^$]*\$|``?[^`]*``?|\{[\w:]+\}`[^`]*`|\[[^\]]*\]\([^)]*\)|“[^”]*”|^\s*\d+\.\s",
    re.DOTALL | re.MULTILINE,
)
"""Code, mathematics, roles (citations and glued numbers among them), links, quotations, and numbers of a list."""


def glued(notebook: NotebookNode) -> dict[str, str]:
    """What the cells of an executed notebook have kept for its sentences, by name."""
    found = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            place = output.get("metadata", {}).get("scrapbook")
            if place:
                found[str(place["name"])] = str(output.data[f"{place['mime_prefix']}text/plain"])
    return found


def resolved(text: str, values: Mapping[str, str]) -> str:
    """Text with the values in place of the roles that name them; those of other pages stay.

    Raises:
        BrainsegError: If a value is missing, or is no number and is to be formatted as one.

    >>> resolved("It is {glue:text}`share:.1f`, of {glue:text}`images`.", {"share": "0.25", "images": "four"})
    'It is 0.2, of four.'
    """

    def value(found: re.Match[str]) -> str:
        name, form = found["name"], found["form"]
        if found["page"]:
            return found[0]
        if name not in values:
            raise BrainsegError(f"{found[0]} names a value that no cell keeps: call glue({name}=…) in one")
        try:
            return minus(format(float(values[name]), form) if form else values[name])
        except ValueError as error:
            raise BrainsegError(f"{found[0]} formats {values[name]!r}: {error}") from error

    return GLUED.sub(value, text)


STUDY: Final = "the study’s images"
COPIES: Final = {"phantom": "phantom", "tumorseg": STUDY}
"""What a badge says of the images that a copy of the book is made with, by their data set."""

WORDS: Final = 200
"""That are read in a minute."""


def minutes_to_read(words: int) -> int:
    """How long a text takes, in steps of five minutes.

    >>> minutes_to_read(2650), minutes_to_read(10)
    (15, 5)
    """
    return 5 * max(1, round(words / WORDS / 5))


def typed_numbers(text: str) -> Iterator[str]:
    r"""Lines of Markdown in which a number was typed that should come from a cell.

    >>> list(typed_numbers("Of `3` in HD95, 4 are left, see [chapter 6](06_table), $2 \times 2$ and {term}`Dice 2`."))
    ['Of  in HD95, 4 are left, see ,  and .']
    """
    for line in ELSEWHERE.sub("", text).splitlines():
        if re.search(r"(?<![\w.])[-+−]?\d", line):
            yield line.strip()
