"""The audit in pictures: verdicts of claims, and the order in which cells were run."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from brainseg.models import TITLES
from brainseg.plotting.scores import lines
from brainseg.plotting.style import INK, RULE, SOFT, Plate, bare, plate, styled

VERDICT_COLOURS: Final = {
    "reproduced": "#7fcdb4",
    "partly": "#d5e8a4",
    "not reproduced": "#f2b272",
    "refuted": "#e88d7d",
    "cannot tell": "#c9d3ea",
    "artefact": "#e3a8c8",
    "cannot be tested": "#e4e7ec",
}
VERDICT_MARKS: Final = {
    "reproduced": "=",
    "partly": "≈",
    "not reproduced": "≠",
    "refuted": "×",
    "cannot tell": "±",
    "artefact": "○",
    "cannot be tested": "?",
}
"""A sign for each verdict, for readers and printers without colour."""

CELLS: Final[dict[str, dict[str, Any]]] = {
    "built": {"ls": "none", "marker": "|", "ms": 9, "mew": 1.6, "color": SOFT, "label": "network built"},
    "trained": {
        "ls": "none",
        "ms": 8,
        "mew": 0,
        "marker": "s",
        "color": INK,
        "label": "training with the quoted numbers",
    },
    "saliency": {"ls": "none", "ms": 8, "mew": 0, "marker": "^", "color": "#d55e00", "label": "saliency map shown"},
    "predictions": {"ls": "none", "ms": 8, "mew": 0, "marker": "o", "color": "#0072b2", "label": "predictions shown"},
}


@styled
def verdict_counts(table: pd.DataFrame) -> Plate:
    """Show how many claims of each group have which verdict.

    Args:
        table: One row per group, in the order to show, one column per verdict; numbers of claims.

    >>> table = pd.DataFrame({"artefact": [2], "reproduced": [1]}, index=["words"])
    >>> [text.get_text() for text in verdict_counts(table).axes[0].texts]
    ['2', '1']
    """
    figure = plate(0.5 * len(table) + 1.2)
    ax = figure.subplots()
    left = np.zeros(len(table))
    for verdict in table:
        numbers = table[verdict].to_numpy()
        colour = VERDICT_COLOURS[str(verdict)]
        ax.barh(range(len(table)), numbers, left=left, height=0.62, color=colour, edgecolor="white")
        for place in np.flatnonzero(numbers):
            ax.text(float(left[place] + numbers[place] / 2), int(place), str(numbers[place]), ha="center", va="center")
        left = left + numbers
    lines(ax, [str(group) for group in table.index])
    ax.set_xlabel("number of claims")
    handles = [Patch(color=VERDICT_COLOURS[str(verdict)], label=str(verdict)) for verdict in table]
    _below(figure, handles)
    return figure


@styled
def verdict_table(values: pd.DataFrame, verdicts: pd.DataFrame) -> Plate:
    """Show a table of published numbers, each on the colour and with the sign of its verdict.

    Args:
        values, verdicts: Of the same shape and with the same labels: one row per network, and columns with two levels.
    """
    numbers = values.to_numpy(float)
    rows, columns = numbers.shape
    figure = plate(0.62 * rows + 1.15)
    ax = figure.subplots()
    bare(ax)
    ax.set(xlim=(-1.35, columns), ylim=(rows, -0.95))
    for row, model in enumerate(values.index):
        ax.text(-0.1, row + 0.5, model, ha="right", va="center", fontweight="bold")
        for column in range(columns):
            verdict = str(verdicts.iloc[row, column])
            ax.add_patch(Rectangle((column, row), 1, 1, facecolor=VERDICT_COLOURS[verdict], edgecolor="white", lw=2))
            text = f"{float(numbers[row, column]):.4f}\n{VERDICT_MARKS[verdict]}"
            ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", linespacing=1.3)
    for column, (metric, side) in enumerate(zip(*map(values.columns.get_level_values, (0, 1)), strict=True)):
        ax.text(column + 0.5, -0.12, str(side), ha="center", va="bottom", fontsize=8.5, color=SOFT)
        if column % 2 == 0:
            ax.text(column + 1, -0.55, str(metric), ha="center", va="bottom", fontweight="bold")
    shown = [verdict for verdict in VERDICT_COLOURS if (verdicts == verdict).to_numpy().any()]
    handles = [Patch(color=VERDICT_COLOURS[verdict], label=f"{VERDICT_MARKS[verdict]}  {verdict}") for verdict in shown]
    _below(figure, handles)
    return figure


def _below(figure: Plate, handles: list[Patch]) -> None:
    """Name the colours of verdicts: four a line, as more are wider than the figure."""
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4), columnspacing=1.2)


@styled
def execution_order(cells: pd.DataFrame) -> Plate:
    """Show when the cells of a notebook were run: one line a network, from the first count to the last.

    Args:
        cells: Columns `part` (network, in the order of the notebook), `cell` (what it did) and `count`.
    """
    parts = [part for part in cells["part"].unique() if part in TITLES]
    figure = plate(0.5 * len(parts) + 1.35)
    ax = figure.subplots()
    for place, part in enumerate(parts):
        own = cells[cells["part"] == part]
        ax.plot([own["count"].min(), own["count"].max()], [place, place], color=RULE, lw=1.4, zorder=1)
        for cell, look in CELLS.items():
            counts = own.loc[own["cell"] == cell, "count"]
            ax.plot(counts, [place] * len(counts), zorder=2, **look)
    lines(ax, [TITLES[part] for part in parts])
    ax.set_xlabel("execution count: earlier to the left, later to the right")
    handles = [Line2D([], [], **look) for look in CELLS.values()]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure
