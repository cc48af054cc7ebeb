"""Pictures of saliency: colour where a map is strong, the slice where it is not."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from numpy.typing import NDArray

from brainseg.plotting.images import Array, slice_panel, with_legend
from brainseg.plotting.style import WIDTH, Plate, plate, styled

STRONGEST = 99.5
"""Percentile of a map's positive values from which on its colour is full: single pixels do not set the scale."""


def overlay(image: Array, saliency: Array, opacity: float = 0.85) -> NDArray[np.uint8]:
    """A slice with a saliency map over it, (h, w, 3), 0 to 255.

    Parameters
    ----------
    image
        Grey, (h, w), 0 to 255.
    saliency
        (h, w); values of 0 and less stay grey, and each map has a scale of its own.
    opacity
        Of the strongest colour, 0 to 1.

    Examples
    --------
    >>> overlay(np.full((1, 2), 100, np.uint8), np.array([[0.0, 1.0]]), opacity=1).tolist()
    [[[100, 100, 100], [252, 253, 191]]]
    """
    positive = np.maximum(np.asarray(saliency, np.float64), 0)
    highest = np.percentile(positive[positive > 0], STRONGEST) if positive.any() else 1.0
    strength = np.minimum(positive / highest, 1)
    colour = 255 * matplotlib.colormaps["magma"](strength)[..., :3]
    share = opacity * np.sqrt(strength)[..., np.newaxis]
    mixed: NDArray[np.uint8] = np.rint(share * colour + (1 - share) * np.asarray(image)[..., np.newaxis]).astype(
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

    Parameters
    ----------
    images
        n grey slices, (n, h, w), 0 to 255.
    maps
        By the name of the method: n maps, (n, h, w).
    outlines
        For each kind of mask (`box`, `position`, `border`, `prediction`) n masks, drawn on the slice without map.
    titles
        What to write beside each slice.
    columns
        Panels in a row; None: all of a slice's in one.

    Examples
    --------
    >>> stack = np.zeros((2, 8, 8))
    >>> len(saliency_maps(stack, {"gradient": stack, "RISE": stack}).axes)
    6
    """
    outlines = outlines or {}
    panels = len(maps) + 1
    columns = min(columns or panels, panels)
    lines = -(-panels // columns)
    figure = plate(len(images) * lines * (WIDTH / columns + 0.2) + 0.35 * bool(outlines))
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
