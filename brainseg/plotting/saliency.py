"""Pictures of saliency: colour where a map is strong, the slice where it is not."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any, Final

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from brainseg.models import TITLES
from brainseg.plotting.images import Array, slice_panel, with_legend
from brainseg.plotting.scores import lines, model_point
from brainseg.plotting.style import MODEL_COLOURS, SOFT, WIDTH, Plate, bare, plate, styled

VERDICTS: Final = {"better": "#3d6fb6", "worse": "#c43c4b"}
"""The colour of a map that is better or worse than a control."""

STRONGEST = 99.5
"""Percentile of a map's positive values from which on its colour is full: single pixels do not set the scale."""

OPACITY: Final = 0.85
"""Of the strongest colour."""


def coloured(saliency: Array) -> NDArray[np.float64]:
    """A saliency map in colour, (h, w, 4): red, green, blue and opacity, 0 to 1; the stronger, the more opaque.

    Values of 0 and less are transparent, and each map has a scale of its own.

    >>> coloured(np.array([[-1.0, 0.0, 2.0]]))[..., 3].tolist()
    [[0.0, 0.0, 1.0]]
    """
    positive = np.maximum(np.asarray(saliency, np.float64), 0)
    highest = np.percentile(positive[positive > 0], STRONGEST) if positive.any() else 1.0
    strength = np.minimum(positive / highest, 1)
    return np.concatenate(
        [matplotlib.colormaps["magma"](strength)[..., :3], np.sqrt(strength)[..., np.newaxis]], axis=-1
    )


def overlay(image: Array, saliency: Array) -> NDArray[np.uint8]:
    """A slice with a saliency map over it, as :func:`coloured` has it: (h, w, 3), 0 to 255.

    Args:
        image: Grey, (h, w), 0 to 255.
        saliency: (h, w).

    >>> overlay(np.full((1, 2), 100, np.uint8), np.array([[0.0, 1.0]])).tolist()
    [[[100, 100, 100], [229, 230, 177]]]
    """
    colour = coloured(saliency)
    share = OPACITY * colour[..., 3:]
    mixed: NDArray[np.uint8] = np.rint(share * 255 * colour[..., :3] + (1 - share) * image[..., np.newaxis]).astype(
        np.uint8
    )
    return mixed


@styled
def saliency_maps(
    images: Array,
    maps: Mapping[str, Array],
    outlines: Mapping[str, Array] | None = None,
    titles: Sequence[str] | None = None,
    columns: int | None = None,
) -> Plate:
    """Lay saliency maps over slices: the slice and its maps in a row, or in several rows of so many columns.

    Args:
        images: n grey slices, (n, h, w), 0 to 255.
        maps: By the name of the method: n maps, (n, h, w).
        outlines: For each kind of mask (`box`, `position`, `border`, `prediction`) n masks, drawn on the slice without
            map.
        titles: What to write beside each slice.
        columns: Panels in a row; None: all of a slice's in one.

    >>> stack = np.zeros((2, 8, 8))
    >>> len(saliency_maps(stack, {"gradient": stack, "RISE": stack}).axes)
    6
    """
    outlines = outlines or {}
    panels = len(maps) + 1
    columns = min(columns or panels, panels)
    lines = -(-panels // columns)
    titled = len(images) * lines if lines > 1 else 1
    figure = plate(len(images) * lines * (WIDTH / columns + 0.02) + 0.2 * titled + 0.35 * bool(outlines))
    axes = figure.subplots(len(images) * lines, columns, squeeze=False)
    for i, image in enumerate(images):
        places: list[Any] = list(axes[i * lines : (i + 1) * lines].flat)
        slice_panel(places[0], image, {kind: masks[i] for kind, masks in outlines.items()})
        places[0].set_ylabel(titles[i] if titles is not None else "", fontsize=9.5)
        for ax, stack in zip(places[1:], maps.values(), strict=False):
            slice_panel(ax, overlay(image, stack[i]), {})
        if i == 0 or lines > 1:
            for ax, name in zip(places, ("slice", *maps), strict=False):
                ax.set_title(name, fontsize=9, fontweight="normal")
        for ax in places[panels:]:
            ax.remove()
    return with_legend(figure, outlines)


@styled
def map_scores(table: pd.DataFrame, scores: Mapping[str, str]) -> Plate:
    """Show the mean scores of all maps, one line a map, one mark a network, one panel a score; controls in grey.

    Args:
        table: One row for each map and image: `map`, `kind` (`method` or `control`), `model` (key) and the scores.
        scores: Which to show, and what to call them.
    """
    means = table.groupby(["kind", "map", "model"], sort=False)[list(scores)].mean().reset_index()
    means = means.sort_values("kind", ascending=False, kind="stable")
    maps, models = (list(dict.fromkeys(means[column])) for column in ("map", "model"))
    controls = set(means.loc[means["kind"] == "control", "map"])
    figure = plate(0.27 * len(maps) + 1.0)
    axes = figure.subplots(1, len(scores), sharey=True, squeeze=False)[0]
    for ax, (score, title) in zip(axes, scores.items(), strict=True):
        for model in models:
            values = means[means["model"] == model].set_index("map")[score].reindex(maps)
            ax.plot(values, np.arange(len(maps)), zorder=3, alpha=0.85, **model_point(model))
        lines(ax, maps)
        ax.axhspan(len(maps) - len(controls) - 0.5, len(maps) - 0.5, color=SOFT, alpha=0.12, lw=0)
        ax.set_title(fill(title, 16), fontsize=9.5)
    figure.legend(handles=_models(models), loc="outside lower center", ncols=len(models), handletextpad=0.3)
    return figure


@styled
def against_controls(table: pd.DataFrame, scores: Mapping[str, str]) -> Plate:
    """Show in how many networks each map is better or worse than the best control: one line a map, one column a score.

    Args:
        table: One row for each score, network and map: `score`, `map` and `verdict` (`better`, `worse`, or another).
        scores: Which to show, and what to call them.

    >>> row = {"score": "auc", "map": "RISE", "verdict": "better"}
    >>> [text.get_text() for text in against_controls(pd.DataFrame([row]), {"auc": "AUC"}).axes[0].texts]
    ['1 better']
    """
    maps = list(dict.fromkeys(table["map"]))
    figure = plate(0.3 * len(maps) + 0.7)
    ax = figure.subplots()
    bare(ax)
    ax.set(xlim=(0, len(scores)), ylim=(len(maps), 0))
    for (score, name), found in table.groupby(["score", "map"])["verdict"]:
        column, row = list(scores).index(str(score)), maps.index(str(name))
        better, worse = ((found == word).sum() for word in VERDICTS)
        colour = VERDICTS["better" if better > worse else "worse"]
        ax.add_patch(Rectangle((column, row), 1, 1, color=colour, alpha=abs(better - worse) / len(found) / 2, lw=0))
        text = "\n".join(f"{count} {word}" for word, count in zip(VERDICTS, (better, worse), strict=True) if count)
        ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=8, linespacing=0.95)
    ax.hlines(range(1, len(maps)), 0, len(scores), color="white", lw=2)
    ax.vlines(range(1, len(scores)), 0, len(maps), color="white", lw=2)
    ax.set_xticks(np.arange(len(scores)) + 0.5, [fill(title, 12) for title in scores.values()])
    ax.set_yticks(np.arange(len(maps)) + 0.5, maps)
    ax.tick_params(length=0, labelbottom=False, labeltop=True)
    return figure


@styled
def randomisation(table: pd.DataFrame) -> Plate:
    """Show how alike maps stay while parts of the network are destroyed, one panel a method, one line a network.

    A line is the mean over shuffles of the weights, and the band around it reaches from the lowest to the highest.

    Args:
        table: One row for each network, method, part and shuffle: `model` (key), `map`, `parts` (how many are
            destroyed) and `correlation` with the map of the whole network.
    """
    methods = dict(iter(table.groupby("map", sort=False)))
    columns = 3
    rows = -(-len(methods) // columns)
    figure = plate(1.35 * rows + 0.6)
    axes = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    models = list(dict.fromkeys(table["model"]))
    for ax, (method, found) in zip(axes, methods.items(), strict=False):
        for model, of_model in found.groupby("model", sort=False):
            line = of_model.groupby("parts")["correlation"].agg(["mean", "min", "max"])
            share, colour = np.array([0, *line.index / line.index.max()]), MODEL_COLOURS[str(model)]
            ax.fill_between(share, [1, *line["min"]], [1, *line["max"]], color=colour, alpha=0.15, lw=0)
            ax.plot(share, [1, *line["mean"]], color=colour, lw=1.4)
        ax.axhline(0, color=SOFT, lw=0.8)
        ax.set_title(method, fontsize=9, fontweight="normal")
    for ax in axes[len(methods) :]:
        ax.remove()
    figure.supxlabel("share of the network's parts that are destroyed, from its answer up", fontsize=9.5)
    figure.supylabel("rank correlation", fontsize=9.5)
    handles = [Line2D([], [], color=MODEL_COLOURS[model], label=TITLES[model]) for model in models]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(models))
    return figure


@styled
def guidance(table: pd.DataFrame, scores: Mapping[str, str]) -> Plate:
    """Show how scores depend on the weight of the guidance term: one panel a score, one line a network.

    A filled mark is one whose difference from the network without guidance has an interval that excludes zero.

    Args:
        table: One row for each score, model and weight: `score`, `model` (key), `weight`, `mean` with the ends of its
            interval, `low` and `high`, and those of the difference, `difference_low` and `difference_high`.
        scores: Which to show, and what to call them.
    """
    weights, models = sorted(table["weight"].unique()), list(dict.fromkeys(table["model"]))
    figure = plate(2.9)
    axes = figure.subplots(1, len(scores), squeeze=False)[0]
    for ax, (score, title) in zip(axes, scores.items(), strict=True):
        for place, model in enumerate(models):
            rows = table[(table["score"] == score) & (table["model"] == model)].sort_values("weight")
            x = np.array([weights.index(weight) for weight in rows["weight"]]) + 0.14 * (place - (len(models) - 1) / 2)
            mark = model_point(model)
            ax.vlines(x, rows["low"], rows["high"], color=mark["color"], lw=1.4)
            ax.plot(x, rows["mean"], color=mark["color"], lw=0.8, alpha=0.6)
            differs = (rows["difference_low"] > 0) | (rows["difference_high"] < 0)
            for filled, face in ((False, "white"), (True, mark["color"])):
                ax.plot(x[differs == filled], rows["mean"][differs == filled], mfc=face, zorder=3, **mark)
        ax.set_xticks(range(len(weights)), [f"{weight:g}" for weight in weights])
        ax.set_xlim(-0.5, len(weights) - 0.5)
        ax.set_title(fill(title, 14), fontsize=9.5)
    figure.supxlabel("weight of the guidance term; intervals of 95 %", fontsize=9.5)
    figure.legend(handles=_models(models), loc="outside upper center", ncols=len(models), handletextpad=0.3)
    return figure


def _models(models: Sequence[str]) -> list[Line2D]:
    return [Line2D([], [], label=TITLES[model], **model_point(model)) for model in models]
