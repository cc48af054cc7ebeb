"""The pictures show what they are given: panels, outlines in their place, one box and arrow per part of the graph."""

import json
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from skimage.draw import disk, ellipse
from skimage.measure import find_contours

from brainseg import plotting
from brainseg.models import MODELS, build
from brainseg.plotting.architecture import block_name, blocks_of
from brainseg.plotting.images import best_middle_worst
from brainseg.plotting.style import MASK_COLOURS, MODEL_COLOURS

SIZE = 48


def blob(row: int, column: int, radius: int = 7) -> NDArray[np.uint8]:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[disk((row, column), radius, shape=mask.shape)] = 1  # type: ignore[no-untyped-call]
    return mask


def grey(n: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 255, (n, SIZE, SIZE), dtype=np.uint8)


def outlines(ax: Axes) -> dict[str, ContourSet]:
    contours = [child for child in ax.get_children() if isinstance(child, ContourSet)]
    return {str(contour.get_gid()).removeprefix("outline:"): contour for contour in contours}


def corners(contour: ContourSet) -> set[tuple[float, float]]:
    return {(x, y) for path in contour.get_paths() for x, y in np.asarray(path.vertices, float).round(6).tolist()}


def x_of(line: Line2D) -> float:
    return float(np.asarray(line.get_xdata(), float)[0])


def contour(mask: NDArray[Any]) -> set[tuple[float, float]]:
    lines: list[NDArray[np.float64]] = find_contours(mask, 0.5)  # type: ignore[no-untyped-call]
    return {(x, y) for line in lines for y, x in line.tolist()}


def titles(figure: Figure) -> list[str]:
    return [ax.get_title() or ax.get_title(loc="left") for ax in figure.axes]


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for entry in figure.legends for text in entry.get_texts()]


@pytest.mark.parametrize("n", [1, 3, 4, 7])
def test_montage_has_one_panel_per_image(n: int) -> None:
    names = [f"slice {i}" for i in range(n)]
    assert titles(plotting.montage(grey(n), titles=names)) == names


def test_outline_is_the_contour_half_way_between_mask_and_background() -> None:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[ellipse(20, 27, 6, 11, rotation=0.4)] = 1  # type: ignore[no-untyped-call]
    figure = plotting.montage(grey(1), {"border": [mask]})
    assert corners(outlines(figure.axes[0])["border"]) == contour(mask)


def test_outline_closes_at_the_edge_of_the_image() -> None:
    figure = plotting.montage(grey(1), {"box": [np.ones((SIZE, SIZE), np.uint8)]})
    drawn = np.array(sorted(corners(outlines(figure.axes[0])["box"])))
    assert drawn.min() == -0.5
    assert drawn.max() == SIZE - 0.5


def test_montage_leaves_out_missing_and_empty_masks_and_names_the_kinds() -> None:
    masks = [blob(20, 20), None, np.zeros((SIZE, SIZE), np.uint8)]
    figure = plotting.montage(grey(3), {"box": masks, "border": [blob(22, 22)] * 3})
    assert [set(outlines(ax)) for ax in figure.axes] == [{"box", "border"}, {"border"}, {"border"}]
    assert legend(figure) == ["box (label)", "border of the tumour"]


def test_close_up_holds_both_masks_and_stays_inside_the_image() -> None:
    box, border = blob(8, 40), blob(14, 36, 4)
    _, close = plotting.box_against_border(grey(1)[0], box, border).axes
    (left, right), (bottom, top) = close.get_xlim(), close.get_ylim()
    rows, columns = np.nonzero(box | border)
    assert -0.5 <= left <= columns.min() - 0.5
    assert columns.max() + 0.5 <= right <= SIZE - 0.5
    assert -0.5 <= top <= rows.min() - 0.5
    assert rows.max() + 0.5 <= bottom <= SIZE - 0.5
    assert right - left == pytest.approx(bottom - top)


def test_pairing_shows_each_slice_with_both_masks() -> None:
    by_position, by_id = [blob(10, 10), None], [blob(30, 30), blob(20, 20)]
    axes = plotting.pairing(grey(2), by_position, by_id).axes
    assert [set(outlines(ax)) for ax in axes[:2]] == [{"position"}, set()]
    assert [set(outlines(ax)) for ax in axes[2:]] == [{"box"}, {"box"}]


def test_predictions_run_from_best_to_worst_with_truth_and_prediction() -> None:
    scores = np.array([0.2, 0.9, np.nan, 0.5, 0.7, 0.1, 0.4])
    truth = np.stack([blob(20, 20)] * 7)
    probability = np.stack([blob(24, 24)] * 7) * 0.8
    figure = plotting.predictions(grey(7), truth, probability, scores, kind="border", count=2)
    assert titles(figure) == [f"Dice {score:.2f}" for score in (0.9, 0.7, 0.5, 0.4, 0.2, 0.1)]
    assert corners(outlines(figure.axes[0])["prediction"]) == contour(blob(24, 24))
    assert set(outlines(figure.axes[0])) == {"border", "prediction"}


def test_predictions_below_the_threshold_are_not_drawn() -> None:
    truth = np.stack([blob(20, 20)] * 3)
    figure = plotting.predictions(grey(3), truth, truth * 0.4, np.array([0.3, 0.2, 0.1]))
    assert all(set(outlines(ax)) == {"box"} for ax in figure.axes)


@given(
    st.lists(st.floats(0, 1) | st.just(float("nan")), min_size=1, max_size=30),
    st.integers(1, 6),
)
def test_best_middle_worst_never_repeats_a_row_nor_shows_one_without_score(scores: list[float], n: int) -> None:
    rows = [row for group in best_middle_worst(np.array(scores), n).values() for row in group]
    assert len(rows) == len(set(rows))
    ranked = [scores[row] for row in rows]
    assert all(one >= other for one, other in pairwise(ranked))
    scored = [score for score in scores if not np.isnan(score)]
    assert bool(ranked) == bool(scored)
    if scored:
        assert ranked[0] == max(scored)
        assert ranked[-1] == min(scored)


def test_attention_maps_lie_over_the_whole_slice_whatever_their_resolution() -> None:
    maps = {"gate_1": np.full((3, SIZE, SIZE), 0.3), "gate_4": np.full((3, SIZE // 8, SIZE // 8), 0.6)}
    figure = plotting.attention_maps(grey(3), np.stack([blob(20, 20)] * 3), maps, np.array([0.2, 0.9, 0.5]))
    panels = [ax for ax in figure.axes if ax.images]
    assert len(panels) == 3 * 3
    assert panels[2].get_title(loc="left") == f"gate 4, {SIZE // 8} × {SIZE // 8}"
    for ax in panels:
        assert {tuple(image.get_extent()) for image in ax.images} == {(-0.5, SIZE - 0.5, SIZE - 0.5, -0.5)}
        assert set(outlines(ax)) == {"box"}
    assert [len(ax.images) for ax in panels[:3]] == [1, 2, 2]
    assert panels[1].images[1].get_clim() == (0, 1)


def test_side_by_side_shows_each_answer_to_the_same_images() -> None:
    truth = np.stack([blob(20, 20)] * 3)
    answers = {"before": np.zeros_like(truth), "after": np.stack([blob(22, 22)] * 3)}
    scores = {"before": np.zeros(3), "after": np.array([0.1, 0.2, 0.3])}
    figure = plotting.side_by_side(grey(3), truth, answers, rows=[2, 0], scores=scores)
    panels = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title(loc="left") for ax in panels] == ["Dice 0.00", "Dice 0.00", "Dice 0.30", "Dice 0.10"]
    assert [set(outlines(ax)) for ax in panels] == [{"border"}] * 2 + [{"border", "prediction"}] * 2


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "patient": ["a", "a", "a", "b", "b", "c", "d", None],
            "split": ["train", "valid", "test", "train", "train", "test", "valid", "train"],
            "tumour_type": ["glioma"] * 4 + ["meningioma"] * 3 + [None],
            "box": [0.02, 0.03, 0.04, 0.05, 0.02, 0.02, np.nan, 0.01],
            "border": [0.01, 0.02, 0.02, 0.03, 0.01, 0.01, 0.02, 0.01],
        }
    )


def test_patients_are_counted_by_the_splits_they_are_in(table: pd.DataFrame) -> None:
    above, below = plotting.patients_across_splits(table).axes
    assert below.get_title(loc="left") == "1 of 4 patients are in more than one split"
    counts = dict(zip([tick.get_text() for tick in below.get_yticklabels()], below.patches, strict=True))
    assert {name: bar.get_width() for name, bar in counts.items() if isinstance(bar, Rectangle)} == {
        "train + valid + test": 1,
        "train": 1,
        "test": 1,
        "valid": 1,
    }
    heights: dict[float, float] = {}
    for bar in above.patches:
        if isinstance(bar, Rectangle):
            heights[bar.get_x()] = heights.get(bar.get_x(), 0) + bar.get_height()
    assert list(heights.values()) == [3, 2, 1, 1]


def test_tumour_area_has_a_panel_per_type_with_medians_in_per_cent(table: pd.DataFrame) -> None:
    figure = plotting.tumour_area(table)
    assert titles(figure) == ["glioma, 4 slices", "meningioma, 3 slices"]
    medians = [x_of(line) for line in figure.axes[0].lines]
    assert medians == pytest.approx([2.0, 3.5])


def test_agreement_tells_how_many_masks_do_not_touch() -> None:
    figure = plotting.agreement(np.array([0.0, 0.0, 0.4, 0.6, 0.8, 0.9, 1.0, np.nan]))
    assert {text.get_text().strip() for text in figure.axes[0].texts} == {"2 do not touch", "median 0.60"}
    bars = [bar for bar in figure.axes[0].patches if isinstance(bar, Rectangle)]
    assert sum(bar.get_height() for bar in bars) == 7


def history(epochs: int) -> pd.DataFrame:
    epoch = np.arange(1, epochs + 1)
    columns = {"loss": 1 / epoch, "accuracy": 0.97, "mean_iou": 0.4812, "dice": epoch / 40}
    validation = {f"val_{name}": values for name, values in columns.items()}
    return pd.DataFrame({"epoch": epoch, **columns, **validation})


@pytest.mark.parametrize("epochs", [1, 5])
def test_learning_curves_show_both_curves_and_what_finding_nothing_gives(epochs: int) -> None:
    frame = history(epochs)
    figure = plotting.learning_curves(frame, background=0.96, model="segnet")
    loss, accuracy, mean_iou, dice = figure.axes
    for ax, name in zip(figure.axes, ("loss", "accuracy", "mean_iou", "dice"), strict=True):
        training, validation = ax.lines[:2]
        np.testing.assert_allclose(np.asarray(training.get_ydata(), float), frame[name])
        np.testing.assert_allclose(np.asarray(validation.get_ydata(), float), frame[f"val_{name}"])
        assert validation.get_color() == MODEL_COLOURS["segnet"]
    assert [np.unique(ax.lines[2].get_ydata()).tolist() for ax in (accuracy, mean_iou)] == [[0.96], [0.48]]
    assert len(loss.lines) == len(dice.lines) == 2


def test_dice_by_epoch_shows_every_training_and_their_mean() -> None:
    random = np.random.default_rng(0)
    columns = ("dice_per_image", "val_dice_per_image")
    histories = [pd.DataFrame({"epoch": [1, 2, 3], **{name: random.random(3) for name in columns}}) for _ in range(4)]
    (ax,) = plotting.dice_by_epoch(histories, "deeplab").axes
    for lines, name in zip((ax.lines[:5], ax.lines[5:]), columns, strict=True):
        expected = [history[name].tolist() for history in histories]
        expected.append([sum(values) / 4 for values in zip(*expected, strict=True)])
        np.testing.assert_allclose([np.asarray(line.get_ydata(), float) for line in lines], expected)
    assert ax.lines[-1].get_color() == MODEL_COLOURS["deeplab"]


def test_comparison_puts_every_number_in_its_panel_and_line() -> None:
    values = {"published baseline": 0.90, "published": 0.95, "ours": 0.93}
    rows = [
        {"metric": metric, "model": model, "title": model.upper(), "source": source, "value": value + 0.01 * place}
        for metric in ("accuracy", "Dice")
        for place, model in enumerate(("unet", "deeplab"))
        for source, value in values.items()
    ]
    figure = plotting.published_against_ours(pd.DataFrame(rows), {"accuracy": 0.96, "Dice": 0.0})
    assert titles(figure) == ["accuracy", "Dice"]
    for ax in figure.axes:
        dots = {
            (round(x_of(line), 6), int(np.asarray(line.get_ydata(), float)[0]))
            for line in ax.lines
            if line.get_marker() in ("o", "D")
        }
        assert dots == {(round(v + 0.01 * place, 6), place) for v in values.values() for place in (0, 1)}
        assert [tick.get_text() for tick in ax.get_yticklabels()] == ["UNET", "DEEPLAB"]
    assert legend(figure) == ["published baseline", "published", "trained again", "no tumour anywhere"]
    assert 0.96 in [x_of(line) for line in figure.axes[0].lines]


GRAPHS = [(model, "published") for model in MODELS] + [("unet", None), ("linknet", None), ("segnet", None)]


@pytest.fixture(scope="module", params=GRAPHS, ids=lambda graph: f"{graph[0]}-{graph[1]}")
def model(request: pytest.FixtureRequest) -> Any:
    name, attention = request.param
    return build(name, size=64, width=8, attention=attention)


def layer_connections(model: Any) -> set[tuple[str, str]]:
    """Read who feeds whom from the serialised model, not from its tensors."""

    def origins(value: Any) -> list[str]:
        if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            return [value["config"]["keras_history"][0]]
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else []
        return [name for part in parts for name in origins(part)]

    layers = json.loads(model.to_json())["config"]["layers"]
    return {(source, layer["name"]) for layer in layers for source in origins(layer["inbound_nodes"])}


def test_blocks_hold_every_parameter_and_every_connection(model: Any) -> None:
    graph = blocks_of(model)
    assert sum(block.parameters for block in graph.blocks.values()) == model.count_params()
    between = {(block_name(source), block_name(target)) for source, target in layer_connections(model)}
    assert set(graph.connections) == {(source, target) for source, target in between if source != target}


def test_architecture_has_a_box_for_each_block_and_an_arrow_for_each_connection(model: Any) -> None:
    graph = blocks_of(model)
    figure = plotting.architecture(model)
    drawn = {str(patch.get_gid()) for patch in figure.axes[0].patches}
    boxes = {f"block:{name}" for name in graph.blocks}
    assert drawn == boxes | {f"connection:{source}>{target}" for source, target in graph.connections}
    written = {text.get_text() for text in figure.axes[0].texts}
    for block in graph.blocks.values():
        assert block.title in written
        assert "×".join(map(str, block.shape)) in written
        assert not block.parameters or f"{block.parameters:,} parameters" in written


def test_architecture_boxes_neither_overlap_nor_leave_the_page_and_hold_their_text(model: Any) -> None:
    figure = plotting.architecture(model)
    figure.draw_without_rendering()
    ax = figure.axes[0]
    page = ax.get_window_extent()
    boxes = [patch.get_window_extent() for patch in ax.patches if str(patch.get_gid()).startswith("block:")]
    assert not [1 for i, one in enumerate(boxes) for other in boxes[:i] if one.overlaps(other)]
    for text in ax.texts:
        words = text.get_window_extent()
        assert page.x0 <= words.x0 < words.x1 <= page.x1
        holders = [box for box in boxes if box.overlaps(words)]
        for box in holders:
            assert box.x0 <= words.x0 < words.x1 <= box.x1
            assert box.y0 <= words.y0 < words.y1 <= box.y1


def test_arrows_end_at_the_boxes_they_connect(model: Any) -> None:
    figure = plotting.architecture(model)
    patches = {str(patch.get_gid()): patch for patch in figure.axes[0].patches}
    for gid, patch in patches.items():
        if gid.startswith("connection:"):
            source, target = gid.removeprefix("connection:").split(">")
            points = np.asarray(patch.get_path().vertices)
            start, end = (patches[f"block:{name}"].get_path().get_extents() for name in (source, target))
            assert start.padded(1e-6).contains(*points[0])
            assert not start.padded(-1e-6).contains(*points[0])
            assert end.padded(0.02).count_contains(points) > 0  # the head of the arrow has a width
            assert end.padded(-0.02).count_contains(points) == 0


def test_figures_are_the_same_bytes_each_time_and_leave_settings_alone() -> None:
    before = dict(mpl.rcParams)
    first, second = (plotting.montage(grey(3), {"box": [blob(20, 20)] * 3})._repr_mimebundle_() for _ in range(2))
    assert first == second
    assert first.keys() == {"text/plain", "image/png"}
    assert dict(mpl.rcParams) == before


def test_caller_settings_do_not_change_the_pictures() -> None:
    dice = np.linspace(0, 1, 9)
    plain = plotting.agreement(dice)._repr_mimebundle_()
    with mpl.rc_context({"font.size": 30, "axes.grid": False, "figure.facecolor": "red"}):
        assert plotting.agreement(dice)._repr_mimebundle_() == plain


def relative_luminance(colour: str) -> float:
    channels = np.array(mpl.colors.to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("kind", MASK_COLOURS)
def test_outlines_stand_out_from_black(kind: str) -> None:
    assert (relative_luminance(MASK_COLOURS[kind]) + 0.05) / 0.05 > 4.5
