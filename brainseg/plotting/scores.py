"""Scores with their intervals: differences around zero, the steps of the ladder, every image before and after."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from brainseg.errors import BrainsegError
from brainseg.models import TITLES
from brainseg.plotting.style import INK, MODEL_COLOURS, RULE, SOFT, WIDTH, Plate, note, plate, styled

MODEL_MARKERS: Final = {"unet": "o", "linknet": "s", "segnet": "^", "deeplab": "D"}
"""One shape per model, for readers and printers without colour."""

SPACING: Final = 0.2
"""Distance between the models within a step, in steps."""

CHANGES: Final[dict[str, dict[str, Any]]] = {
    "better": {"marker": "^", "color": "#3d6fb6", "markersize": 5},
    "harmed": {"marker": "v", "color": "#c43c4b", "markersize": 5},
    "unchanged": {"marker": "o", "color": SOFT, "markersize": 3.5},
}
"""How the images of each kind of change are drawn."""


@styled
def forest(table: pd.DataFrame, xlabel: str = "difference in Dice") -> Plate:
    """Show differences with their intervals around zero; a filled point has an interval that excludes zero.

    Args:
        table: One row per difference, in the order to show: `label`, `mean`, `low`, `high` (ends of the 95 % interval)
            and `images` (how many are behind it). With a column `group`: one panel a group, under its name.
        xlabel: What was compared.

    >>> import pandas as pd
    >>> row = {"label": "U-Net − SegNet", "mean": 0.04, "low": 0.01, "high": 0.07, "images": 52}
    >>> [tick.get_text() for tick in forest(pd.DataFrame([row])).axes[0].get_yticklabels()]
    ['U-Net − SegNet (n = 52)']
    """
    groups = dict(iter(table.groupby("group", sort=False))) if "group" in table else {"": table}
    sizes = [len(rows) for rows in groups.values()]
    figure = plate(0.3 * sum(sizes) + 0.35 * len(sizes) + 0.85)
    axes = figure.subplots(len(groups), 1, sharex=True, squeeze=False, height_ratios=[n + 0.4 for n in sizes])[:, 0]
    for ax, (group, rows) in zip(axes, groups.items(), strict=True):
        ax.axvline(0, color=SOFT, lw=1.2, zorder=1)
        for place, row in enumerate(rows.to_dict("records")):
            ax.plot([row["low"], row["high"]], [place, place], color=INK, lw=1.6, zorder=2)
            ax.plot(row["mean"], place, zorder=3, **_point(row["low"] > 0 or row["high"] < 0))
        lines(ax, [f"{label} (n = {n})" for label, n in zip(rows["label"], rows["images"], strict=True)])
        ax.set_title(str(group))
    axes[-1].set_xlabel(f"{xlabel}, 95 % interval")
    texts = {True: "interval excludes zero", False: "interval includes zero"}
    figure.legend(
        handles=[Line2D([], [], label=text, **_point(excluding)) for excluding, text in texts.items()],
        loc="outside lower center",
        ncols=2,
    )
    return figure


@styled
def ladder(table: pd.DataFrame) -> Plate:
    """Show the score of every model at every step, the first step on top, one panel a metric.

    Args:
        table: Columns `title` (of the step), `model` (key), `metric`, `mean`, `low`, `high` (ends of the 95 % interval)
            and `images` (how many test images). Steps, models and metrics keep their order.
    """
    steps, models, metrics = (list(dict.fromkeys(table[column])) for column in ("title", "model", "metric"))
    figure = plate(0.62 * len(steps) + 1.0)
    axes = figure.subplots(1, len(metrics), sharex=True, sharey=True, squeeze=False)[0]
    for ax, metric in zip(axes, metrics, strict=True):
        for place, model in enumerate(models):
            rows = table[(table["metric"] == metric) & (table["model"] == model)].set_index("title").reindex(steps)
            heights = np.arange(len(steps)) + SPACING * (place - (len(models) - 1) / 2)
            ax.hlines(heights, rows["low"], rows["high"], color=MODEL_COLOURS[model], lw=1.6, zorder=2)
            ax.plot(rows["mean"], heights, zorder=3, **model_point(model))
        lines(ax, [f"{number}. {step}" for number, step in enumerate(steps, 1)])
        ax.hlines(np.arange(len(steps) - 1) + 0.5, 0, 1, transform=ax.get_yaxis_transform(), color=RULE, lw=0.7)
        ax.set_title(metric)
        ax.set_xlabel(f"95 % interval, n = {_range(table.loc[table['metric'] == metric, 'images'])}")
    axes[0].set_xlim(left=-0.02)
    figure.legend(
        handles=[Line2D([], [], label=TITLES[model], **model_point(model)) for model in models],
        loc="outside lower center",
        ncols=4,
        columnspacing=1.4,
        handletextpad=0.3,
    )
    return figure


@styled
def before_after(before: ArrayLike, after: ArrayLike) -> Plate:
    """Show the Dice of every image before and after; those under the diagonal were harmed.

    Args:
        before, after: Dice of the same images, (n,), 0 to 1; images with NaN in either are left out.

    Raises:
        BrainsegError: If they are not equally many.

    >>> [text.get_text() for text in before_after([0.2, 0.5, 0.6, 0.7], [0.4, 0.5, 0.6, 0.1]).axes[0].texts]
    ['1 of 4 better', '2 of 4 unchanged', '1 of 4 harmed']
    """
    old, new = np.asarray(before, float), np.asarray(after, float)
    if old.shape != new.shape:
        raise BrainsegError(
            f"received {old.size} scores before and {new.size} after, expected as many: score the same images twice"
        )
    known = ~np.isnan(old) & ~np.isnan(new)
    old, new = old[known], new[known]
    kinds = {"better": new > old, "unchanged": new == old, "harmed": new < old}
    figure = plate(WIDTH * 0.7, WIDTH * 0.7)
    ax = figure.subplots()
    ax.axline((0, 0), (1, 1), color=SOFT, lw=1.2, zorder=1)
    for name, rows in kinds.items():
        ax.plot(old[rows], new[rows], alpha=0.55, mec="none", ls="none", label=name, **CHANGES[name])
    corners = {"better": (0.04, 0.97, "left", "top"), "unchanged": (0.04, 0.91, "left", "top")}
    for name, (x, y, ha, va) in (corners | {"harmed": (0.97, 0.04, "right", "bottom")}).items():
        text = f"{kinds[name].sum()} of {len(old)} {name}"
        note(ax, x, y, text, ha=ha, va=va, xycoords="axes fraction", fontsize=9.5, color=CHANGES[name]["color"])
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal", xlabel="Dice before", ylabel="Dice after")
    ax.grid(True, axis="both")
    return figure


def lines(ax: Axes, labels: list[str]) -> None:
    """One line of the chart per label, from the top, with a grid that goes down."""
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.grid(True, axis="x")
    ax.grid(False, axis="y")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def _range(numbers: pd.Series) -> str:
    few, many = numbers.min(), numbers.max()
    return f"{few}" if few == many else f"{few} to {many}"


def _point(filled: bool) -> dict[str, Any]:
    face = INK if filled else "white"
    return {"marker": "o", "ms": 6.5, "mew": 1.4, "mec": INK, "mfc": face, "ls": "none"}


def model_point(model: str) -> dict[str, Any]:
    """How a network's score is marked."""
    return {"marker": MODEL_MARKERS[model], "ms": 5, "color": MODEL_COLOURS[model], "ls": "none"}
