"""What a figure shows, as a text: each thing that is drawn, with its words and a summary of the numbers behind it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.cm import ScalarMappable
from matplotlib.collections import Collection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from numpy.typing import NDArray

GOLDEN = 0.6180339887498949


def described(figure: Figure) -> str:
    """One line for each thing that a figure shows; two figures of other data have other texts.

    >>> figure = Figure()
    >>> _ = figure.subplots().plot([1, 2, 4], label="Dice")
    >>> print(described(figure).splitlines()[-1])
    Line2D Dice: points 6 values, mean 1.66667, weighted 1.69456; colour 4 values, mean 0.573529, weighted 0.578043
    """
    width, height = (round(side) for side in figure.get_size_inches() * figure.dpi)
    parts = [f"Figure of {width} by {height} pixels", *_lines(figure)]
    return "\n".join(parts)


def _lines(figure: Figure) -> Iterator[str]:
    for place, ax in enumerate(figure.axes, start=1):
        words = filter(None, (ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()))
        yield ": ".join([f"Panel {place}", *map(_oneline, words)])
        for artist in (*ax.lines, *ax.collections, *ax.images, *ax.patches, *ax.texts):
            yield f"{_name(artist)}: {'; '.join(f'{what} {summary(values)}' for what, values in _numbers(artist))}"
    yield from (_name(text) for text in figure.texts)


def _name(artist: Artist) -> str:
    words = artist.get_text() if isinstance(artist, Text) else str(artist.get_label())
    return f"{type(artist).__name__} {'' if words.startswith('_') else _oneline(words)}".rstrip()


def _oneline(words: str) -> str:
    return " ".join(words.split())


def summary(values: Any) -> str:
    """How many numbers there are, their mean, and their mean with weights that differ from place to place.

    >>> summary([1, 2]), summary([2, 1])
    ('2 values, mean 1.50000, weighted 1.27639', '2 values, mean 1.50000, weighted 1.72361')
    """
    numbers: NDArray[np.float64] = np.ma.filled(np.ma.asarray(values, dtype=float), np.nan).ravel()
    numbers = np.nan_to_num(numbers, nan=-1e-3, posinf=1e3, neginf=-1e3)
    if not numbers.size:
        return "0 values"
    weights = np.modf(GOLDEN * np.arange(1, numbers.size + 1))[0]
    weighted = float(numbers @ weights / weights.sum())
    return f"{numbers.size} values, mean {numbers.mean():#.6g}, weighted {weighted:#.6g}"


def _numbers(artist: Artist) -> Iterator[tuple[str, Any]]:
    """The numbers that decide how an artist looks, each with what they are, before they are placed on the page."""
    if isinstance(artist, ScalarMappable) and (array := artist.get_array()) is not None:
        yield "array", array
        yield "range", artist.get_clim()
    if isinstance(artist, Line2D):
        yield "points", artist.get_xydata()
        yield "colour", to_rgba(artist.get_color())
    elif isinstance(artist, Collection):
        yield "paths", np.concatenate([np.empty((0, 2)), *(np.asarray(path.vertices) for path in artist.get_paths())])
        yield "places", artist.get_offsets()
        yield "colours", np.concatenate([np.asarray(artist.get_facecolor()), np.asarray(artist.get_edgecolor())])
    elif isinstance(artist, Patch):
        yield "path", artist.get_patch_transform().transform_path(artist.get_path()).vertices
        yield "colours", [artist.get_facecolor(), artist.get_edgecolor()]
    elif isinstance(artist, Text):
        yield "place", artist.get_unitless_position()
