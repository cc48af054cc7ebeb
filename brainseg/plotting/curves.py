"""Learning curves and the comparison with what was published."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from brainseg.plotting.style import INK, MODEL_COLOURS, SOFT, WIDTH, Plate, note, plate, styled

PANELS = {
    "loss": "Loss",
    "accuracy": "Accuracy",
    "mean_iou": "Mean IoU as published",
    "dice": "Dice, pooled per batch",
}

NOTHING: Final[dict[str, Any]] = {"color": INK, "linestyle": (0, (4, 2)), "linewidth": 1.2, "zorder": 1}
"""The line of a model that finds no tumour anywhere."""


@styled
def learning_curves(history: pd.DataFrame, background: float, model: str) -> Plate:
    """Show loss, accuracy, mean IoU and Dice epoch by epoch, training against validation.

    Two dashed lines say what a model gets that finds nothing: accuracy equal to the background share, and mean
    IoU of half of it, which is what Keras's `MeanIoU(2)` gives for any probabilities below 1.

    Args:
        history: One row per epoch: `epoch`, `loss`, `accuracy`, `mean_iou`, `dice`, the last four also as `val_…`.
        background: Share of background pixels in the validation masks, 0 to 1.
        model: Gives the colour: `unet`, `linknet`, `segnet` or `deeplab`.
    """
    colour = MODEL_COLOURS[model]
    figure = plate(WIDTH * 0.8)
    axes = figure.subplots(2, 2, sharex=True)
    for ax, (metric, title) in zip(axes.flat, PANELS.items(), strict=True):
        ax.plot(history["epoch"], history[metric], color=SOFT, lw=1.5, label="training")
        ax.plot(history["epoch"], history[f"val_{metric}"], color=colour, lw=2.2, label="validation")
        ax.set_title(title)
        ax.margins(x=0.02)
    loss, accuracy, mean_iou, dice = axes.flat
    _nothing_line(accuracy, background, "all background")
    _nothing_line(mean_iou, background / 2, "half the background share")
    _focus(accuracy, background, 0.06)
    _focus(mean_iou, background / 2, 0.03)
    loss.set_ylim(bottom=0)
    dice.set_ylim(-0.02, 1)
    for ax in axes[1]:
        ax.set_xlabel("epoch")
        ax.xaxis.get_major_locator().set_params(integer=True)
    handles, labels = loss.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


@styled
def dice_by_epoch(histories: Sequence[pd.DataFrame], model: str) -> Plate:
    """Show the Dice per image of several trainings epoch by epoch, training against validation, and the mean of each.

    Args:
        histories: Of each training, which all have as many epochs: `epoch`, `dice_per_image` and `val_dice_per_image`.
        model: Gives the colour: `unet`, `linknet`, `segnet` or `deeplab`.
    """
    figure = plate(WIDTH * 0.55)
    ax = figure.subplots()
    epochs = histories[0]["epoch"]
    for column, label, colour in (
        ("dice_per_image", "training", SOFT),
        ("val_dice_per_image", "validation", MODEL_COLOURS[model]),
    ):
        each = np.stack([history[column] for history in histories])
        ax.plot(epochs, each.T, color=colour, lw=0.7, alpha=0.45)
        ax.plot(epochs, each.mean(axis=0), color=colour, lw=2.2, label=f"{label}, mean of {len(each)}")
    ax.set(xlabel="epoch", ylabel="Dice per image", ylim=(0, 1))
    ax.margins(x=0.02)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


SOURCES: Final[dict[str, tuple[str, str, bool]]] = {
    "published baseline": ("published baseline", "o", False),
    "published": ("published", "o", True),
    "ours": ("trained again", "D", True),
}
"""Where a number is from: what to call it, its mark, and whether that is filled. Ours is in the model's colour."""


@styled
def published_against_ours(table: pd.DataFrame, background: Mapping[str, float]) -> Plate:
    """Lay published numbers and ours side by side, one panel a metric, one line a model.

    Args:
        table: Columns `metric`, `model` (key), `title` (what to print for the model), `source` (`published baseline`,
            `published` or `ours`) and `value`, a share from 0 to 1. Metrics and models keep their order.
        background: For each metric, what the prediction "no tumour anywhere" gets on the same images.
    """
    metrics = list(dict.fromkeys(table["metric"]))
    titles = dict(zip(table["model"], table["title"], strict=True))
    figure = plate((0.33 * len(titles) + 0.62) * len(metrics) + 0.45)
    axes = figure.subplots(len(metrics), 1, squeeze=False)[:, 0]
    for ax, metric in zip(axes, metrics, strict=True):
        here = table[table["metric"] == metric]
        for place, model in enumerate(titles):
            _dots(ax, place, MODEL_COLOURS[model], here[here["model"] == model])
        ax.axvline(background[metric], **NOTHING)
        ax.set_yticks(range(len(titles)), titles.values())
        ax.set_ylim(len(titles) - 0.4, -0.6)
        ax.set_title(metric)
        ax.grid(True, axis="both")
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.margins(x=0.08)
    handles = [
        Line2D([], [], label=title, **_mark(source, INK))
        for source, (title, *_) in SOURCES.items()
        if source in set(table["source"])
    ]
    handles.append(Line2D([], [], label="no tumour anywhere", **NOTHING))
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _dots(ax: Axes, place: int, colour: str, rows: pd.DataFrame) -> None:
    values = rows.set_index("source")["value"]
    ax.plot([values.min(), values.max()], [place, place], color=colour, lw=1.4, alpha=0.5, zorder=2)
    for source, value in values.items():
        ax.plot(value, place, zorder=3, **_mark(str(source), colour))


def _mark(source: str, colour: str) -> dict[str, Any]:
    _, marker, filled = SOURCES[source]
    edge = colour if source == "ours" else SOFT
    face = edge if filled else "white"
    return {"marker": marker, "ms": 7.5, "mew": 1.4, "mec": edge, "mfc": face, "ls": "none"}


def _nothing_line(ax: Axes, value: float, text: str) -> None:
    ax.axhline(value, **NOTHING)
    below = {"xycoords": ("axes fraction", "data"), "xytext": (0, -5), "textcoords": "offset points"}
    note(ax, 1, value, text, ha="right", va="top", color=INK, **below)


def _focus(ax: Axes, value: float, least: float) -> None:
    """Show all the data, and at least the neighbourhood of a reference value."""
    low, high = ax.get_ylim()
    ax.set_ylim(max(0.0, min(low, value - least)), min(1.0, max(high, value + least / 2)))
