"""Scores of all maps of a network."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from brainseg.backend import keras
from brainseg.errors import BrainsegError
from brainseg.experiments.recorded import MAP_SCORES
from brainseg.experiments.saliency import (
    RANDOMISED,
    explainable_rows,
    label_randomisation,
    randomisation,
    score_maps,
)
from brainseg.models import as_input, build
from brainseg.saliency import METHODS

LAYERS = keras.layers
SIDE, IMAGES = 16, 6


@pytest.fixture(scope="module")
def data() -> Any:
    """Six dark images with a bright square each; the last is not a test image, the one before has no border."""
    images = np.full((IMAGES, SIDE, SIDE), 20, np.uint8)
    for i, image in enumerate(images):
        image[4 + i : 8 + i, 5:9] = 250
    border = (images > 100).astype(np.uint8)
    border[IMAGES - 2] = 0
    table = pd.DataFrame(
        {
            "number": np.arange(10, 10 + IMAGES),
            "patient": [f"p{i // 2}" for i in range(IMAGES)],
            "tumour_type": ["glioma", "meningioma"] * (IMAGES // 2),
        }
    )
    return SimpleNamespace(
        images=images, masks={"border": border}, table=table, rows=lambda name, split, fold: np.arange(IMAGES - 1)
    )


@pytest.fixture(scope="module")
def run(data: Any) -> Any:
    """A network that takes for tumour what is bright: its logit is 20 x − 10, after a pooling and back."""
    image = keras.Input((SIDE, SIDE, 3), name="image")
    x = LAYERS.UpSampling2D(2, name="up")(LAYERS.MaxPooling2D(2, name="pool")(image))
    model = keras.Model(image, LAYERS.Activation("sigmoid", name="probability")(LAYERS.Conv2D(1, 1, name="logits")(x)))
    model.get_layer("logits").set_weights([np.full((1, 1, 3, 1), 20 / 3, np.float32), np.array([-10], np.float32)])
    recipe = SimpleNamespace(split="patient", fold=0, model="unet")
    probability = model.predict_on_batch(as_input(data.images))[..., 0]
    return SimpleNamespace(model=model, probability=probability, recipe=recipe, name="bright")


@pytest.fixture(scope="module")
def scores(run: Any, data: Any) -> pd.DataFrame:
    return score_maps(run, data, options={"RISE": {"masks": 20}}, batch_size=16)


def test_explained_are_test_images_with_a_border_in_which_something_is_marked(run: Any, data: Any) -> None:
    assert explainable_rows(run, data, 99).tolist() == [0, 1, 2, 3]
    few = explainable_rows(run, data, 2)
    assert len(few) == 2
    np.testing.assert_array_equal(few, explainable_rows(run, data, 2))
    blind: Any = SimpleNamespace(**{**vars(run), "probability": np.zeros_like(run.probability)})
    with pytest.raises(BrainsegError, match="bright marks nothing in any test image whose border is known"):
        explainable_rows(blind, data, 2)


def test_networks_that_mark_the_same_images_are_explained_in_the_same_images(run: Any, data: Any) -> None:
    """One that marks fewer images is explained in those that the two have in common, and then in others."""
    for number in (1, 2, 3):
        rows = explainable_rows(run, data, number)
        missed = np.array(run.probability)
        missed[rows[0]] = 0
        other: Any = SimpleNamespace(**{**vars(run), "probability": missed})
        assert set(rows[1:]) <= set(explainable_rows(other, data, number))


def test_only_the_methods_that_are_asked_for_are_scored(run: Any, data: Any) -> None:
    table = score_maps(run, data, 1, methods=["gradient", "attention"])
    assert set(table.loc[table["kind"] == "method", "map"]) == {"gradient"}
    with pytest.raises(BrainsegError, match="received method 'guess', expected one of: gradient"):
        score_maps(run, data, 1, methods=["guess"])


def test_every_method_and_control_is_scored_on_the_same_images(scores: pd.DataFrame) -> None:
    assert set(scores["map"]) == (set(METHODS) - {"attention"}) | {"centre", "edges", "predicted mask", "noise"}
    assert scores.groupby("map")["number"].agg(list).map(lambda numbers: numbers == [10, 11, 12, 13]).all()
    assert (scores["area"] == 1 / 16).all()
    assert scores["dice"].between(0.5, 1).all()


def test_scores_know_what_the_network_looks_at(scores: pd.DataFrame) -> None:
    means: Any = scores.groupby("map")[list(MAP_SCORES)].mean()
    assert means.loc["gradient × input", "energy"] > 0.9
    assert means.loc["noise", "energy"] < 0.15
    assert means.loc["noise", "auc"] == pytest.approx(0.5, abs=0.15)
    assert means.loc["predicted mask", "pointing"] > 0.5
    assert means.loc["occlusion", "deletion"] < means.loc["noise", "deletion"] - 0.1
    assert means.loc["gradient × input", "sensitivity"] > 0.8
    assert means.loc["noise", "stability"] == pytest.approx(1)


def test_what_is_left_when_everything_is_destroyed(run: Any, data: Any) -> None:
    table = randomisation(run, data, number=2, shuffles=1)
    assert set(table["map"]) == set(RANDOMISED) - {"attention"}
    assert table["part"].unique().tolist() == ["logits"]
    assert table["correlation"].between(-1, 1).all()


def test_each_shuffle_destroys_a_network_in_another_way(run: Any, data: Any) -> None:
    other: Any = SimpleNamespace(**{**vars(run), "model": build("deeplab", size=SIDE, width=2)})
    one, two = (randomisation(other, data, 2, ["gradient"], shuffles) for shuffles in (1, 2))
    pd.testing.assert_frame_equal(two[two["shuffle"] == 0], one)
    first, second = (of_one["correlation"].to_numpy() for _, of_one in two.groupby("shuffle"))
    assert len(first) == len(second)
    assert not np.isclose(first, second).all()


def test_labels_are_randomised_for_the_same_region_of_the_same_images(run: Any, data: Any) -> None:
    """A network is as alike to itself as can be. One with opposite weights marks other pixels; in these, the magnitude
    of its gradient is the same, and nothing speaks for tumour."""
    turned = keras.models.clone_model(run.model)
    turned.set_weights([-weights for weights in run.model.get_weights()])
    probability = turned.predict_on_batch(as_input(data.images))[..., 0]
    dark: Any = SimpleNamespace(**{**vars(run), "model": turned, "probability": probability})
    methods = ["gradient", "Seg-Grad-CAM"]
    table = label_randomisation(run, {"itself": run, "dark": dark}, data, methods=methods)
    assert table.groupby(["map", "network"])["number"].agg(list).map(lambda numbers: numbers == [10, 11, 12, 13]).all()
    means: Any = table.groupby(["network", "map"])[["dice", "correlation"]].mean()
    np.testing.assert_allclose(means.loc["itself", "correlation"], 1)
    assert means.loc[("dark", "gradient"), "correlation"] == pytest.approx(1)
    assert np.isnan(means.loc[("dark", "Seg-Grad-CAM"), "correlation"])
    assert means.loc["itself", "dice"].min() > 0.5 > means.loc["dark", "dice"].max()
