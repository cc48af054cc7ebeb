"""Charts of the data set: categories, patients, tumour area, agreement of labels and borders."""

from typing import Any

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from brainseg.plotting.style import (
    INK,
    MASK_COLOURS,
    MASK_TITLES,
    SOFT,
    SPLIT_COLOURS,
    WIDTH,
    Plate,
    note,
    plate,
    styled,
)


@styled
def contingency(counts: pd.DataFrame) -> Plate:
    """Show a table of counts as a heat map: shade is the share within the row, the number is the count.

    `counts` is what `pandas.crosstab` gives, for instance tumour types as rows and categories as columns.

    >>> import pandas as pd
    >>> figure = contingency(pd.DataFrame({"0": [3, 1], "1": [0, 4]}, index=["glioma", "pituitary"]))
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['3', '0', '1', '4']
    """
    share = counts.div(counts.sum(axis="columns"), axis="index").fillna(0)
    figure = plate(0.55 * len(counts) + 1.0)
    ax = figure.subplots()
    look = {"cmap": "Blues", "vmin": 0, "vmax": 1, "linewidths": 2, "cbar": False, "annot_kws": {"fontsize": 11}}
    seaborn.heatmap(share, annot=counts, fmt=",", ax=ax, **look)
    ax.tick_params(length=0, labelrotation=0)
    return figure


@styled
def patients_across_splits(table: pd.DataFrame) -> Plate:
    """Show how the slices of each patient fall into the splits.

    Above, one bar a patient, as high as the patient has slices, coloured by split. Below, how many patients
    each combination of splits holds.

    Args:
        table: One row per image, with the columns `patient` and `split`; rows without a patient are left out.
    """
    slices = pd.crosstab(table["patient"], table["split"])
    splits = [name for name in SPLIT_COLOURS if name in slices]
    slices = slices[splits]
    order = np.lexsort((slices.index.to_numpy(str), -slices.sum(axis=1).to_numpy()))
    slices = slices.iloc[order]

    figure = plate(WIDTH * 0.78)
    above, below = figure.subplots(2, 1, height_ratios=(1.4, 1))
    floor = np.zeros(len(slices))
    for split in splits:
        height = slices[split].to_numpy(float)
        above.bar(np.arange(len(slices)), height, 1.0, floor, color=SPLIT_COLOURS[split], label=split, lw=0)
        floor += height
    above.set(xlim=(-0.5, len(slices) - 0.5), ylabel="slices", xticks=[])
    above.legend(loc="upper right", ncols=len(splits), handlelength=1, handleheight=1)
    above.set_title("Each bar is one patient, from most to fewest slices")

    combination = (slices > 0).apply(lambda row: " + ".join(row.index[row]), axis=1)
    counts = combination.value_counts()
    counts = counts.iloc[np.lexsort((counts.index.to_numpy(str), counts.to_numpy()))]
    shared = [" + " in name for name in counts.index]
    _bars(below, counts, [SPLIT_COLOURS["test"] if both else SOFT for both in shared])
    below.set_title(f"{counts[shared].sum():,} of {counts.sum():,} patients are in more than one split")
    below.set_xlabel("patients")
    return figure


@styled
def tumour_area(table: pd.DataFrame) -> Plate:
    """Show the distribution of tumour area for each tumour type, as boxed and as drawn by hand.

    Args:
        table: One row per image, with the columns `tumour_type`, `box` and `border`, the areas as shares of the image,
            0 to 1.
    """
    types = sorted(table["tumour_type"].dropna().unique())
    percent = table[["box", "border"]] * 100
    edge = float(np.ceil(np.nanquantile(percent.to_numpy(float), 0.995)))
    figure = plate(1.15 * len(types) + 0.9)
    axes = figure.subplots(len(types), 1, sharex=True, squeeze=False)[:, 0]
    for ax, tumour_type in zip(axes, types, strict=True):
        here = percent[table["tumour_type"] == tumour_type]
        for kind in ("border", "box"):
            look = {"color": MASK_COLOURS[kind], "element": "step", "alpha": 0.3, "label": MASK_TITLES[kind]}
            seaborn.histplot(here[kind].dropna(), bins=40, binrange=(0, edge), ax=ax, **look)
            ax.axvline(here[kind].median(), color=MASK_COLOURS[kind], lw=1.6, ls=(0, (2, 1.5)))
        ax.set_title(f"{tumour_type}, {len(here):,} slices", fontsize=9.5)
        ax.set_ylabel("slices")
        ax.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes[-1].set_xlabel("tumour area, per cent of the image (dashed: median)")
    axes[-1].set_xlim(0, edge)
    axes[0].legend(loc="upper right")
    return figure


@styled
def agreement(dice: NDArray[Any] | pd.Series) -> Plate:
    """Show the distribution of the Dice of boxes against borders, with its median; NaN is left out.

    Slices that score exactly 0, where the two masks do not touch, get a bar of their own.
    """
    values = np.asarray(dice, float)
    values = values[~np.isnan(values)]
    apart = int(np.sum(values == 0))
    median = float(np.median(values))
    figure = plate(2.7)
    ax = figure.subplots()
    ax.hist(values[values > 0], 50, range=(0, 1), color=MASK_COLOURS["border"], edgecolor="white", lw=0.5)
    ax.bar(-0.02, apart, 0.02, color=MASK_COLOURS["prediction"])
    ax.axvline(median, color=INK, lw=1.4)
    ax.margins(y=0.12)
    top = ax.get_ylim()[1]
    note(ax, median, top, f"median {median:.2f} ", ha="right", va="top", color=INK)
    if apart:
        above = {"xytext": (4, 8), "textcoords": "offset points"}
        note(ax, -0.02, apart, f"{apart} do not touch", color=MASK_COLOURS["prediction"], **above)
    ax.set(xlim=(-0.035, 1), xlabel="Dice of box against border", ylabel="slices")
    return figure


def _bars(ax: Axes, counts: pd.Series, colours: list[str]) -> None:
    bars = ax.barh([str(name) for name in counts.index], counts.to_numpy(float), color=colours, height=0.72)
    ax.bar_label(bars, [f"{count:,}" for count in counts], padding=3, fontsize=9)
    ax.grid(False)
    ax.spines[["bottom", "left"]].set_visible(False)
    ax.tick_params(length=0)
    ax.set_xticks([])
    ax.margins(x=0.08)
