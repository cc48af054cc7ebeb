"""One look for every picture: sizes, type, and a fixed colour for each thing that recurs."""

import io
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.patheffects import AbstractPathEffect, withStroke

from brainseg.plotting.described import described
from brainseg.plotting.vector import chart

WIDTH: Final = 6.4
"""Width of a full-width figure in inches; with type of 10 points it stays readable on a phone."""

INK: Final = "#22272e"
SOFT: Final = "#6b7480"
RULE: Final = "#d5dae1"

MODEL_COLOURS: Final = {
    "unet": "#0072b2",
    "linknet": "#e69f00",
    "segnet": "#009e73",
    "deeplab": "#cc79a7",
}
"""One colour per model (Okabe and Ito's palette, safe for colour-blind readers)."""

MASK_COLOURS: Final = {
    "box": "#ffb000",
    "position": "#fe6100",
    "border": "#5b9dff",
    "prediction": "#f0359b",
}
"""One colour per kind of mask, bright enough to stand on a grey slice (after IBM's palette)."""

MASK_TITLES: Final = {
    "box": "box (label)",
    "position": "label by list position",
    "border": "border of the tumour",
    "prediction": "prediction",
}

SPLIT_COLOURS: Final = {"train": "#a9b4c2", "valid": "#3d6fb6", "test": "#d1495b"}

STYLE: Final[dict[str, object]] = {
    "axes.axisbelow": True,
    "axes.edgecolor": SOFT,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlepad": 6,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "figure.facecolor": "white",
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "image.cmap": "gray",
    "image.interpolation": "nearest",
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.fonttype": "path",
    "svg.hashsalt": "brainseg",
    "text.color": INK,
    "xtick.color": SOFT,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 9,
    "ytick.color": SOFT,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 9,
}

P = ParamSpec("P")
R = TypeVar("R")


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Draw inside the house style, whatever the caller's settings, and leave those as they were."""

    @wraps(draw)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with matplotlib.style.context(["default", STYLE]):
            return draw(*args, **kwargs)

    return wrapped


class Plate(Figure):
    """A figure that a notebook shows by itself: no pyplot, no global state, the same bytes every time.

    A chart is shown as SVG, what has pictures in it as PNG. Beside it a notebook keeps its text, which sums up what is
    drawn: figures of other data have other texts.
    """

    def __repr__(self) -> str:
        return described(self)

    @styled
    def draw(self, renderer: RendererBase) -> None:
        """Draw in the house style: matplotlib makes tick marks only now."""
        super().draw(renderer)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str | bytes]:
        text = repr(self)  # before anything is drawn, which gives some artists their colours
        if drawing := chart(self):
            return {"text/plain": text, "image/svg+xml": drawing}
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", metadata={"Software": None})
        return {"text/plain": text, "image/png": buffer.getvalue()}


def plate(height: float, width: float = WIDTH) -> Plate:
    """Return an empty figure of the given size in inches."""
    return Plate(figsize=(width, height), dpi=144, layout="constrained")


def halo() -> list[AbstractPathEffect]:
    """Return a dark rim that keeps a thin line visible on bright tissue."""
    return [withStroke(linewidth=3, foreground="black", alpha=0.55)]


def bare(ax: Axes) -> None:
    """Remove everything from an image panel but the image and its title."""
    ax.grid(False)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def note(ax: Axes, x: float, y: float, text: str, **kwargs: Any) -> None:
    """Write a short note on a chart, on a white rim so that no line crosses it."""
    rim = [withStroke(linewidth=3, foreground="white")]
    ax.annotate(text, (x, y), **{"fontsize": 8.5, "color": SOFT, "path_effects": rim, **kwargs})
