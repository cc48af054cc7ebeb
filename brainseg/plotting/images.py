"""Pictures of slices: outlines over grey images, never fills that hide what lies beneath.

`images` and `truth` are stacks (n, h, w): grey values 0 to 255, and masks of a `kind`, which is `box`, `position` or
`border`. Of n scores, images with NaN are left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from brainseg.plotting.style import MASK_COLOURS, MASK_TITLES, WIDTH, Plate, bare, halo, plate, styled
from brainseg.scores import THRESHOLD

Array = NDArray[Any]
"""An image (h, w) in 0…255, a mask (h, w) of 0 and 1, or a stack of them (n, h, w)."""

Images = Array | Sequence[Array]
Masks = Array | Sequence[Array | None]


@styled
def montage(
    images: Images,
    outlines: Mapping[str, Masks] | None = None,
    titles: Sequence[str] | None = None,
    columns: int = 4,
) -> Plate:
    """Show slices in a grid, with the outlines of their masks.

    Args:
        outlines: For each kind (`box`, `position`, `border`, `prediction`) n masks, None where there is none.
        titles: n titles.
        columns: Panels in a row.

    >>> import numpy as np
    >>> slices = np.zeros((5, 16, 16), np.uint8)
    >>> len(montage(slices, titles=list("abcde"), columns=3).axes)
    5
    """
    outlines = outlines or {}
    figure, axes = _grid(len(images), columns, titled=titles is not None)
    for i, ax in enumerate(axes):
        slice_panel(ax, images[i], {kind: masks[i] for kind, masks in outlines.items()})
        if titles is not None:
            ax.set_title(titles[i], fontsize=9, fontweight="normal")
    return with_legend(figure, outlines)


@styled
def box_against_border(image: Array, box: Array, border: Array) -> Plate:
    """Show one slice whole and, beside it, the tumour close up, with its box label and its border.

    `image`, `box` and `border` have one shape (h, w); neither mask may be empty.
    """
    figure = plate(WIDTH * 0.58)
    whole, close = figure.subplots(1, 2)
    for ax in (whole, close):
        slice_panel(ax, image, {"box": box, "border": border})
    left, right, top, bottom = _window(np.logical_or(box, border), margin=0.25)
    close.set(xlim=(left, right), ylim=(bottom, top))
    frame = Rectangle((left, top), right - left, bottom - top, fill=False, ec="white", lw=0.9, ls=":")
    whole.add_patch(frame)
    whole.set_title("whole slice", fontweight="normal")
    close.set_title("close up", fontweight="normal")
    return with_legend(figure, ("box", "border"))


@styled
def pairing(
    images: Images,
    by_position: Masks,
    by_id: Masks,
    titles: Sequence[str] | None = None,
) -> Plate:
    """Show each slice twice: with the mask it gets by its place in the list, and with its own.

    One slice a column. Upper row: paired by list position, as published; lower row: paired by `image_id`.
    None stands for an image without a mask.
    """
    n = len(images)
    side = WIDTH / max(n, 3)
    figure = plate(2 * side + 0.75, width=side * n)
    axes = figure.subplots(2, n, squeeze=False)
    for i in range(n):
        slice_panel(axes[0, i], images[i], {"position": by_position[i]})
        slice_panel(axes[1, i], images[i], {"box": by_id[i]})
        if titles is not None:
            axes[0, i].set_title(titles[i], fontsize=9, fontweight="normal")
    axes[0, 0].set_ylabel("by list position", fontsize=9.5)
    axes[1, 0].set_ylabel("by image id", fontsize=9.5)
    return with_legend(figure, ("position", "box"))


@styled
def predictions(
    images: Array,
    truth: Array,
    probability: Array,
    scores: Array,
    kind: str = "box",
    count: int = 4,
) -> Plate:
    """Show the best, the middle and the worst cases of a model.

    Args:
        probability: Of tumour, (n, h, w), 0 to 1.
        scores: The Dice of each.
        count: Cases in a row.
    """
    chosen = best_middle_worst(scores, count)
    columns = max(len(rows) for rows in chosen.values())
    figure = plate(WIDTH / columns * len(chosen) + 0.2 * len(chosen) + 0.35)
    axes = figure.subplots(len(chosen), columns, squeeze=False)
    for line, (name, rows) in zip(axes, chosen.items(), strict=True):
        for ax in line[len(rows) :]:
            ax.remove()
        for ax, row in zip(line, rows, strict=False):
            slice_panel(ax, images[row], {kind: truth[row], "prediction": probability[row] > THRESHOLD})
            ax.set_title(f"Dice {scores[row]:.2f}", fontsize=9, fontweight="normal")
        line[0].set_ylabel(name, fontsize=9.5)
    return with_legend(figure, (kind, "prediction"))


def best_middle_worst(scores: Array, count: int) -> dict[str, list[int]]:
    """Row numbers of the best, middle and worst scores, each from high to low, no row twice; NaN is left out.

    >>> best_middle_worst([0.1, 0.9, float("nan"), 0.5, 0.7, 0.2], 1)
    {'best': [1], 'middle': [3], 'worst': [0]}
    """
    ranked = _ranked(scores)
    count = min(count, max(len(ranked) // 3, 1))
    middle = (len(ranked) - count) // 2
    groups = {"best": ranked[:count], "middle": ranked[middle : middle + count], "worst": ranked[-count:]}
    return groups if len(ranked) >= 3 else {"all": ranked}


def spread(scores: Array, count: int) -> list[int]:
    """Row numbers from the best score to the worst, in equal steps of rank; NaN is left out.

    >>> spread(np.array([0.1, 0.9, np.nan, 0.5]), 3)
    [1, 3, 0]
    """
    ranked = _ranked(scores)
    return [ranked[i] for i in np.linspace(0, len(ranked) - 1, min(count, len(ranked))).round().astype(int)]


@styled
def attention_maps(images: Array, truth: Array, maps: Mapping[str, Array], scores: Array, kind: str = "box") -> Plate:
    """Lay the attention maps of a model over a good, a middling and a bad case, one slice a row, one map a column.

    Args:
        maps: By the name of the layer, such as `gate_1`: n maps with values 0 (closed) to 1 (open), of any resolution.
        scores: Which case is good.
    """
    cases = [rows[0] for rows in best_middle_worst(scores, 1).values()]
    columns = len(maps) + 1
    figure = plate(WIDTH / columns * len(cases) + 0.75)
    axes = figure.subplots(len(cases), columns, squeeze=False)
    for line, case in zip(axes, cases, strict=True):
        slice_panel(line[0], images[case], {kind: truth[case]})
        for ax, stack in zip(line[1:], maps.values(), strict=True):
            slice_panel(ax, images[case], {kind: truth[case]})
            extent = _extent(images[case])
            overlay = ax.imshow(stack[case], cmap="inferno", norm=Normalize(0, 1), alpha=0.62, extent=extent)
    titles = [f"{name.replace('_', ' ')}, {stack.shape[1]} × {stack.shape[2]}" for name, stack in maps.items()]
    for ax, title in zip(axes[0], ("slice", *titles), strict=True):
        ax.set_title(title, fontsize=9, fontweight="normal")
    bar = figure.colorbar(overlay, ax=axes[:, 1:], orientation="horizontal", shrink=0.6, aspect=40, pad=0.02)
    bar.set_label("opening: 0 closed, 1 open", fontsize=9)
    bar.outline.set_visible(False)
    return with_legend(figure, (kind,))


@styled
def side_by_side(
    images: Array,
    truth: Array,
    answers: Mapping[str, Array],
    rows: Sequence[int],
    scores: Mapping[str, Array],
) -> Plate:
    """Show several answers to the same images, one image a column, one answer a row.

    Args:
        truth: Masks of the borders.
        answers: By title: stacks of predicted masks.
        rows: Which images to show.
        scores: By the same titles: n scores, written above the pictures as Dice.
    """
    figure = plate((WIDTH / len(rows) + 0.2) * len(answers) + 0.35)
    axes = figure.subplots(len(answers), len(rows), squeeze=False)
    for line, (title, masks) in zip(axes, answers.items(), strict=True):
        for ax, row in zip(line, rows, strict=True):
            slice_panel(ax, images[row], {"border": truth[row], "prediction": masks[row]})
            ax.set_title(f"Dice {scores[title][row]:.2f}", fontsize=9, fontweight="normal")
        line[0].set_ylabel(title, fontsize=9.5)
    return with_legend(figure, ("border", "prediction"))


def _grid(n: int, columns: int, titled: bool) -> tuple[Plate, list[Axes]]:
    columns = min(columns, n)
    rows = -(-n // columns)
    side = WIDTH / max(columns, 2)
    figure = plate(rows * (side + 0.22 * titled) + 0.35, width=side * columns)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for ax in axes[n:]:
        ax.remove()
    return figure, axes[:n]


def slice_panel(ax: Axes, image: Array, outlines: Mapping[str, Array | None]) -> None:
    """Show one slice, grey (h, w) or in colour (h, w, 3), with the outlines of masks by their kind."""
    ax.imshow(image, vmin=0, vmax=255)
    for kind, mask in outlines.items():
        if mask is not None and np.any(mask):
            _outline(ax, mask, kind)
    ax.set(xlim=(-0.5, image.shape[1] - 0.5), ylim=(image.shape[0] - 0.5, -0.5))
    bare(ax)


def _outline(ax: Axes, mask: Array, kind: str) -> None:
    """Draw the contour of a mask half way between its pixels and the rest, closed at the image edge."""
    height, width = mask.shape
    contour = ax.contour(
        np.arange(-1, width + 1),
        np.arange(-1, height + 1),
        np.pad(np.asarray(mask, float), 1),
        levels=[0.5],
        colors=MASK_COLOURS[kind],
        linewidths=1.3,
        zorder=3,
    )
    contour.set(path_effects=halo(), gid=f"outline:{kind}")


def _ranked(scores: Array) -> list[int]:
    values = np.asarray(scores, float)
    return [int(i) for i in np.argsort(-values, kind="stable") if not np.isnan(values[i])]


def _extent(image: Array) -> tuple[float, float, float, float]:
    height, width = image.shape
    return -0.5, width - 0.5, height - 0.5, -0.5


def _window(mask: Array, margin: float) -> tuple[float, float, float, float]:
    """Left, right, top and bottom of a square around a mask, wider by `margin` of its side."""
    rows, columns = np.nonzero(mask)
    half = (0.5 + margin) * (max(np.ptp(rows), np.ptp(columns)) + 1)
    half = min(half, min(mask.shape) / 2)
    x = np.clip((columns.min() + columns.max()) / 2, half - 0.5, mask.shape[1] - 0.5 - half)
    y = np.clip((rows.min() + rows.max()) / 2, half - 0.5, mask.shape[0] - 0.5 - half)
    return x - half, x + half, y - half, y + half


def with_legend(figure: Plate, kinds: Iterable[str]) -> Plate:
    """Say below a figure which colour is which kind of mask."""
    handles = [Line2D([], [], color=MASK_COLOURS[kind], lw=2.4, label=MASK_TITLES[kind]) for kind in kinds]
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), handlelength=1.4)
    return figure
