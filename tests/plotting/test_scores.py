"""The pictures of scores put every number in its line and column, and say what a reader needs to know of them."""

import itertools
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from numpy.typing import NDArray

from brainseg import plotting
from brainseg.errors import BrainsegError
from brainseg.models import MODELS, TITLES
from brainseg.plotting.style import MODEL_COLOURS

STEPS = ["as published", "masks paired by id", "post-processing"]
METRICS = ["Dice", "IoU"]


def points(line: Line2D) -> list[tuple[float, float]]:
    return list(zip(np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float), strict=True))


def intervals(ax: Axes) -> dict[str, list[NDArray[Any]]]:
    """Segments of the horizontal lines, by their colour."""
    lines = [child for child in ax.collections if isinstance(child, LineCollection)]
    return {mpl.colors.to_hex(np.atleast_2d(line.get_edgecolor())[0]): line.get_segments() for line in lines}


def labels(ax: Axes) -> list[str]:
    return [tick.get_text() for tick in ax.get_yticklabels()]


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for entry in figure.legends for text in entry.get_texts()]


@pytest.fixture
def differences() -> pd.DataFrame:
    rows = [("A − B", 0.1, 0.02, 0.2, 52), ("A − C", -0.1, -0.3, 0.1, 7), ("B − C", -0.2, -0.25, -0.15, 52)]
    return pd.DataFrame(rows, columns=["label", "mean", "low", "high", "images"])


def test_forest_puts_every_difference_with_its_interval_in_its_line(differences: pd.DataFrame) -> None:
    (ax,) = plotting.forest(differences, "difference in IoU").axes
    assert ax.get_xlabel() == "difference in IoU, 95 % interval"
    assert labels(ax) == ["A − B (n = 52)", "A − C (n = 7)", "B − C (n = 52)"]
    zero, *lines = ax.lines
    assert {x for x, _ in points(zero)} == {0}
    for place, row in enumerate(differences.itertuples()):
        interval, point = lines[2 * place : 2 * place + 2]
        assert points(interval) == [(row.low, place), (row.high, place)]
        assert points(point) == [(row.mean, place)]
    bottom, top = ax.get_ylim()
    assert bottom > 2 > 0 > top


def test_forest_fills_points_whose_interval_excludes_zero_and_explains_it(differences: pd.DataFrame) -> None:
    touching = differences[:1].assign(low=0.0)
    figure = plotting.forest(pd.concat([differences, touching]))
    dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    filled = [line.get_markerfacecolor() == line.get_markeredgecolor() for line in dots]
    assert filled == [True, False, True, False]
    assert legend(figure) == ["interval excludes zero", "interval includes zero"]
    in_legend = [line.get_markerfacecolor() for line in figure.legends[0].get_lines()]
    assert in_legend == [dots[0].get_markerfacecolor(), dots[1].get_markerfacecolor()]


def test_forest_has_a_panel_per_group_on_one_scale(differences: pd.DataFrame) -> None:
    grouped = differences.assign(group=["recorded", "live", "recorded"])
    above, below = plotting.forest(grouped).axes
    assert [ax.get_title(loc="left") for ax in (above, below)] == ["recorded", "live"]
    assert [labels(ax) for ax in (above, below)] == [["A − B (n = 52)", "B − C (n = 52)"], ["A − C (n = 7)"]]
    assert above.get_xlim() == below.get_xlim()


@pytest.fixture
def steps() -> pd.DataFrame:
    rows = [
        (title, model, metric, mean := 0.1 + 0.2 * i + 0.03 * j + 0.01 * k, mean - 0.05, mean + 0.07, 52 - k)
        for (j, model), (i, title), (k, metric) in itertools.product(*map(enumerate, (MODELS, STEPS, METRICS)))
    ]
    return pd.DataFrame(rows, columns=["title", "model", "metric", "mean", "low", "high", "images"])


def test_ladder_shows_every_model_at_every_step_with_its_interval(steps: pd.DataFrame) -> None:
    figure = plotting.ladder(steps)
    assert [ax.get_title(loc="left") for ax in figure.axes] == METRICS
    assert labels(figure.axes[0]) == ["1. as published", "2. masks paired by id", "3. post-processing"]
    for ax, metric in zip(figure.axes, METRICS, strict=True):
        for model in MODELS:
            rows = steps[(steps["model"] == model) & (steps["metric"] == metric)]
            (dots,) = [line for line in ax.lines if line.get_color() == MODEL_COLOURS[model]]
            x, y = np.array(points(dots)).T
            np.testing.assert_allclose(x, rows["mean"])
            np.testing.assert_array_equal(np.round(y), range(len(STEPS)))
            ends = np.array(intervals(ax)[MODEL_COLOURS[model]])
            np.testing.assert_allclose(ends[:, :, 0], rows[["low", "high"]])
            np.testing.assert_allclose(ends[:, :, 1], np.stack([y, y], axis=1))


def test_ladder_keeps_models_apart_by_place_shape_and_colour_and_names_them(steps: pd.DataFrame) -> None:
    figure = plotting.ladder(steps)
    assert legend(figure) == list(TITLES.values())
    dots = figure.axes[0].lines
    assert len({line.get_marker() for line in dots}) == len({line.get_color() for line in dots}) == len(MODELS)
    heights = sorted(y for line in dots for _, y in points(line))
    assert min(np.diff(heights)) > 0.15


def test_ladder_says_of_how_many_images_and_leaves_out_what_was_not_scored(steps: pd.DataFrame) -> None:
    dice, iou = plotting.ladder(steps).axes
    assert (dice.get_xlabel(), iou.get_xlabel()) == ("95 % interval, n = 52", "95 % interval, n = 51")
    missing = steps[(steps["model"] != "deeplab") | (steps["title"] != STEPS[1])].copy()
    missing.loc[missing["title"] == STEPS[0], "images"] = 48
    dice, _ = plotting.ladder(missing).axes
    assert dice.get_xlabel() == "95 % interval, n = 48 to 52"
    (deeplab,) = [line for line in dice.lines if line.get_color() == MODEL_COLOURS["deeplab"]]
    assert [np.isnan(x) for x, _ in points(deeplab)] == [False, True, False]


def test_before_after_counts_the_images_on_each_side_of_the_diagonal() -> None:
    before = np.array([0.2, 0.5, 0.6, 0.7, 0.0, np.nan, 0.3])
    after = np.array([0.4, 0.5, 0.1, 0.9, 0.0, 0.5, np.nan])
    (ax,) = plotting.before_after(before, after).axes
    assert {text.get_text() for text in ax.texts} == {"2 of 5 better", "2 of 5 unchanged", "1 of 5 harmed"}
    drawn = {str(line.get_label()): points(line) for line in ax.lines}
    assert drawn["better"] == [(0.2, 0.4), (0.7, 0.9)]
    assert drawn["unchanged"] == [(0.5, 0.5), (0.0, 0.0)]
    assert drawn["harmed"] == [(0.6, 0.1)]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Dice before", "Dice after")
    assert ax.get_xlim() == ax.get_ylim()


def test_before_after_writes_the_count_of_the_harmed_below_the_diagonal() -> None:
    figure = plotting.before_after([0.2, 0.6], [0.4, 0.1])
    figure.draw_without_rendering()
    (ax,) = figure.axes
    centres = {text.get_text().split()[-1]: centre(text, ax) for text in ax.texts}
    assert centres["harmed"][1] < centres["harmed"][0]
    assert centres["better"][1] > centres["better"][0]


def centre(text: Text, ax: Axes) -> tuple[float, float]:
    box = text.get_window_extent()
    x, y = ax.transData.inverted().transform(((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2))
    return float(x), float(y)


@pytest.mark.parametrize("scores", [[], [np.nan, np.nan]])
def test_before_after_of_no_image_is_an_empty_chart(scores: list[float]) -> None:
    figure = plotting.before_after(scores, scores)
    assert [text.get_text() for text in figure.axes[0].texts] == ["0 of 0 better", "0 of 0 unchanged", "0 of 0 harmed"]
    assert figure._repr_mimebundle_().keys() == {"text/plain", "image/svg+xml"}


def test_before_after_refuses_scores_of_other_images() -> None:
    with pytest.raises(BrainsegError, match="received 2 scores before and 3 after"):
        plotting.before_after([0.1, 0.2], [0.1, 0.2, 0.3])


def test_nothing_is_written_outside_the_figure_or_over_something_else(
    differences: pd.DataFrame, steps: pd.DataFrame
) -> None:
    differences["label"] = "SegNet − Modified DeepLab"
    for figure in (plotting.forest(differences), plotting.ladder(steps)):
        figure.draw_without_rendering()
        page = figure.bbox
        texts = [ax.xaxis.label for ax in figure.axes] + [tick for ax in figure.axes for tick in ax.get_yticklabels()]
        boxes = [text.get_window_extent() for text in texts if text.get_text() and text.get_visible()]
        boxes += [entry.get_window_extent() for entry in figure.legends]
        for box in boxes:
            assert page.x0 <= box.x0 < box.x1 <= page.x1
            assert page.y0 <= box.y0 < box.y1 <= page.y1
        assert not [1 for one, other in itertools.combinations(boxes, 2) if one.overlaps(other)]
