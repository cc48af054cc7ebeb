"""Which cell a figure is from, written into its file: by kind of picture."""

import base64
import io
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Final

from PIL import Image

PNG, SVG = "image/png", "image/svg+xml"
PNG_HEADER: Final = 33
"""Bytes of a PNG file before which no text can stand: its signature and its first chunk."""

BEGINNING = re.compile(r"(<svg\b[^<>]*>)(?:<metadata>([^<>]*)</metadata>)?")
"""Of an SVG file, with its mark, which is text, and text in this place is not drawn."""


def source_of(png: bytes) -> str | None:
    """The text ``Source`` of a PNG file, if it has one."""
    with Image.open(io.BytesIO(png)) as picture:
        return picture.info.get("Source")


def with_source(png: bytes, source: str) -> bytes:
    """A PNG file with a text chunk ``Source`` in it (PNG specification, section 11.3.4.3), which viewers can show.

    >>> file = io.BytesIO()
    >>> Image.new("L", (1, 1)).save(file, "png")
    >>> source_of(with_source(file.getvalue(), "chapter, cell"))
    'chapter, cell'
    """
    chunk = b"tEXtSource\0" + source.encode("latin-1")
    whole = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return png[:PNG_HEADER] + whole + png[PNG_HEADER:]


def unmarked(drawing: str) -> str:
    """A drawing, SVG, as it is before it is marked.

    >>> unmarked(marked({SVG: "<svg><path/></svg>"}, "chapter, cell")[SVG])
    '<svg><path/></svg>'
    """
    found = BEGINNING.match(drawing)
    return found[1] + drawing[found.end() :] if found else drawing


def _with_source(drawing: str, source: str) -> str:
    return BEGINNING.sub(rf"\g<1><metadata>{source}</metadata>", drawing, count=1)


def _source_of(drawing: str) -> str | None:
    return found[2] if (found := BEGINNING.match(drawing)) else None


MARKS: Final[dict[str, tuple[Callable[[str, str], str], Callable[[str], str | None]]]] = {
    PNG: (
        lambda png, source: base64.b64encode(with_source(base64.b64decode(png), source)).decode(),
        lambda png: source_of(base64.b64decode(png)),
    ),
    SVG: (_with_source, _source_of),
}
"""Of each kind of figure, as a notebook has it: what marks one, and what reads the mark."""


def marked(data: Mapping[str, str], source: str) -> dict[str, str]:
    """The data of an output, with the figures among them marked."""
    return {kind: MARKS[kind][0](content, source) if kind in MARKS else content for kind, content in data.items()}


def marks(data: Mapping[str, str]) -> list[str | None]:
    """The marks of the figures in the data of an output.

    >>> marks(marked({SVG: "<svg></svg>", "text/plain": "Figure"}, "chapter, cell"))
    ['chapter, cell']
    """
    return [MARKS[kind][1](content) for kind, content in data.items() if kind in MARKS]
