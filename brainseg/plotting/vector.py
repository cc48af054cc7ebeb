"""A chart as SVG: sharp at any size, small, and the same bytes every time."""

import io
import re
from typing import Final

from matplotlib.figure import Figure
from matplotlib.image import AxesImage, BboxImage, FigureImage

LARGEST: Final = 150_000
"""Characters of a drawing; what needs more is smaller as pixels."""

PICTURES: Final = (AxesImage, BboxImage, FigureImage)

COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
IDENTIFIER = re.compile(r' id="([^"]*)"')
REFERENCE = re.compile(r'#([^")]+)[")]')
DECIMAL = re.compile(r"(scale\([^)]*\))|-?\d+\.\d{3,}")
SIZE = re.compile(r'(width|height)="([\d.]+)pt"')
RIMMED = re.compile(r'<path d="([^"]+)" style="(fill: #\w+); (stroke: [^"]+)"/>\n<path d="\1" style="\2"/>')
PIXELS = 2
"""For each point, as in a figure of 144 dots per inch."""


def chart(figure: Figure) -> str | None:
    """A figure as SVG; None for one that shows pictures, or would be larger than :data:`LARGEST`.

    In the house style letters are outlines: no reader's fonts decide where a label ends, and no text of a label is
    markup.

    >>> figure = Figure(figsize=(1, 1))
    >>> _ = figure.subplots().plot([1, 2])
    >>> chart(figure)[:4]
    '<svg'
    """
    if figure.findobj(lambda artist: isinstance(artist, PICTURES)):
        return None
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    drawing = _reduced(file.getvalue())
    return drawing if len(drawing) <= LARGEST else None


def _reduced(drawing: str) -> str:
    """Without what draws nothing: comments, unused names, third decimals, white space, rimmed letters a second time."""
    drawing = COMMENT.sub("", drawing[drawing.index("<svg") :])
    drawing = SIZE.sub(lambda found: f'{found[1]}="{PIXELS * float(found[2]):.0f}"', drawing, count=2)
    drawing = DECIMAL.sub(lambda found: found[1] or f"{float(found[0]):.2f}", drawing)
    used = set(REFERENCE.findall(drawing))
    drawing = IDENTIFIER.sub(lambda found: found[0] if found[1] in used else "", drawing)
    drawing = re.sub(r"\s+", " ", drawing).replace("> <", ">\n<").replace(' "', '"')
    return RIMMED.sub(r'<path d="\1" style="\2; \3; paint-order: stroke"/>', drawing).strip()
