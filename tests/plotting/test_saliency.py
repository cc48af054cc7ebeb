"""Pictures of saliency: colour lies where a map is strong, and every number in its place."""

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from brainseg import plotting
from brainseg.errors import BrainsegError
from brainseg.experiments.recorded import MAP_SCORES, recorded_saliency
from brainseg.experiments.saliency import RANDOMISED
from brainseg.models import MODELS, TITLES
from brainseg.saliency import METHODS
from brainseg.saliency.scores import controls

IMAGES = np.full((2, 10, 12), 80, np.uint8)
MAP = np.zeros((2, 10, 12))
MAP[0, 2:4, 5:8] = 1
MAP[1, 6, :] = np.linspace(-1, 1, 12)


def test_what_is_not_positive_stays_grey_and_the_strongest_is_brightest() -> None:
    shown = plotting.overlay(IMAGES[1], MAP[1])
    assert shown.shape == (10, 12, 3)
    assert (shown[MAP[1] <= 0] == 80).all()
    brightness: NDArray[Any] = shown[6, 6:].sum(axis=-1)
    assert brightness.argmax() == 5
    assert (plotting.overlay(IMAGES[1], np.zeros((10, 12))) == 80).all()


def test_each_map_has_a_scale_of_its_own() -> None:
    np.testing.assert_allclose(plotting.coloured(1000 * MAP[0]), plotting.coloured(MAP[0]))


@pytest.mark.parametrize(("columns", "panels_in_first_row"), [(None, 4), (2, 2)])
def test_one_slice_a_row_with_its_maps_or_several_rows(columns: int | None, panels_in_first_row: int) -> None:
    maps = {"gradient": MAP, "RISE": MAP[:, ::-1], "occlusion": MAP[..., ::-1]}
    figure = plotting.saliency_maps(IMAGES, maps, {"border": MAP > 0}, titles=["one", "two"], columns=columns)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert [title for title in titles if title][:4] == ["slice", "gradient", "RISE", "occlusion"]
    assert len(figure.axes) == 8
    tops = [round(ax.get_position().y1, 3) for ax in figure.axes]
    assert tops.count(max(tops)) == panels_in_first_row
    assert [ax.get_ylabel() for ax in figure.axes if ax.get_ylabel()] == ["one", "two"]
    pictures = [np.asarray(ax.images[0].get_array()) for ax in figure.axes]
    np.testing.assert_array_equal(pictures[1], plotting.overlay(IMAGES[0], MAP[0]))
    np.testing.assert_array_equal(pictures[6], plotting.overlay(IMAGES[1], MAP[1, ::-1]))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["border of the tumour"]


def test_a_field_says_in_how_many_networks_a_map_is_better_or_worse_than_the_best_control() -> None:
    verdicts = {
        ("auc", "gradient"): ["better", "better", "worse"],
        ("auc", "RISE"): ["worse", "no different", "no different"],
        ("deletion", "RISE"): ["no different", "no different", "no different"],
    }
    rows = [{"score": score, "map": name, "verdict": one} for (score, name), of in verdicts.items() for one in of]
    figure = plotting.against_controls(pd.DataFrame(rows), {"deletion": "deletion", "auc": "localisation AUC"})
    (ax,) = figure.axes
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["gradient", "RISE"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["deletion", "localisation\nAUC"]
    assert {text.get_position(): text.get_text() for text in ax.texts} == {
        (1.5, 0.5): "2 better\n1 worse",
        (1.5, 1.5): "1 worse",
        (0.5, 1.5): "",
    }
    fields: Any = {patch.get_xy(): patch for patch in ax.patches if isinstance(patch, Rectangle)}
    assert fields[1, 0].get_alpha() == fields[1, 1].get_alpha() > fields[0, 1].get_alpha() == 0
    assert fields[1, 0].get_facecolor()[:3] != fields[1, 1].get_facecolor()[:3]


def test_every_map_has_a_line_and_every_network_its_mark() -> None:
    maps = {"gradient": "method", "centre": "control", "RISE": "method"}
    rows = [
        {"map": name, "kind": kind, "model": model, "energy": i + shift}
        for i, ((name, kind), model) in enumerate(product(maps.items(), MODELS[:2]))
        for shift in (-0.5, 0.5)
    ]
    figure = plotting.map_scores(pd.DataFrame(rows), {"energy": "energy inside the border"})
    (ax,) = figure.axes
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["gradient", "RISE", "centre"]
    found = [np.asarray(line.get_xdata(), float).tolist() for line in ax.get_lines()]
    assert found == [[0, 4, 2], [1, 5, 3]]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [TITLES[model] for model in MODELS[:2]]


def test_lines_of_randomisation_begin_with_the_whole_network() -> None:
    rows = [
        {"model": "unet", "map": name, "parts": parts, "correlation": 1 - parts / 10 + shift}
        for name in ("gradient", "HiResCAM")
        for parts in (1, 2)
        for shift in (-0.05, 0.05)
    ]
    figure = plotting.randomisation(pd.DataFrame(rows))
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["gradient", "HiResCAM"]
    line = figure.axes[0].get_lines()[0]
    np.testing.assert_allclose(np.asarray(line.get_xdata(), float), [0, 0.5, 1])
    np.testing.assert_allclose(np.asarray(line.get_ydata(), float), [1, 0.9, 0.8])
    band = figure.axes[0].collections[0].get_paths()[0].get_extents()
    np.testing.assert_allclose([band.ymin, band.ymax], [0.75, 1])


def test_recorded_scores_are_of_all_methods_and_networks_and_of_no_other_range() -> None:
    record = recorded_saliency("saliency")
    assert record.scores["model"].unique().tolist() == list(MODELS)
    blank: Any = np.zeros((1, 8, 8, 3), np.float32)
    assert set(record.scores["map"]) == set(METHODS) | set(controls(blank, blank[..., 0]))
    assert set(record.randomisation["map"]) == set(RANDOMISED)
    low = record.scores[list(MAP_SCORES)].min()
    assert (low.drop(["sensitivity", "stability"]) >= 0).all()
    assert (low >= -1).all()
    assert (record.scores[list(MAP_SCORES)].max() <= 1).all()
    with pytest.raises(BrainsegError, match="received experiment 'nowhere', expected one of"):
        recorded_saliency("nowhere")
