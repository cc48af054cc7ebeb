"""Scores of all maps of a network, and how the tables read them."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from brainseg import plotting
from brainseg.backend import keras
from brainseg.errors import BrainsegError
from brainseg.experiments.ladder import recipe_at
from brainseg.experiments.recipe import SCALES
from brainseg.experiments.run import Record
from brainseg.experiments.saliency import (
    RANDOMISED,
    SCORES,
    explainable_rows,
    label_randomisation,
    randomisation,
    score_maps,
)
from brainseg.models import as_input
from brainseg.paper import narrate
from brainseg.paper.narrate import against_controls as said
from brainseg.paper.saliency_tables import (
    ABLATED,
    CONTROLLED,
    SIZES,
    against_controls,
    averages,
    by_tumour,
    guidance,
    guidance_shown,
    labels,
    verdicts,
)
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
        images=images, masks={"border": border}, table=table, rows=lambda name, split: np.arange(IMAGES - 1)
    )


@pytest.fixture(scope="module")
def run(data: Any) -> Any:
    """A network that takes for tumour what is bright: its logit is 20 x − 10, after a pooling and back."""
    image = keras.Input((SIDE, SIDE, 3), name="image")
    x = LAYERS.UpSampling2D(2, name="up")(LAYERS.MaxPooling2D(2, name="pool")(image))
    model = keras.Model(image, LAYERS.Activation("sigmoid", name="probability")(LAYERS.Conv2D(1, 1, name="logits")(x)))
    model.get_layer("logits").set_weights([np.full((1, 1, 3, 1), 20 / 3, np.float32), np.array([-10], np.float32)])
    recipe = SimpleNamespace(split="patient", model="unet")
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
    means: Any = averages(scores.assign(model="unet")).droplevel("kind")
    assert means.loc["gradient × input", "energy"] > 0.9
    assert means.loc["noise", "energy"] < 0.15
    assert means.loc["noise", "auc"] == pytest.approx(0.5, abs=0.15)
    assert means.loc["predicted mask", "pointing"] > 0.5
    assert means.loc["occlusion", "deletion"] < means.loc["noise", "deletion"] - 0.1
    assert means.loc["gradient × input", "sensitivity"] > 0.8
    assert means.loc["noise", "stability"] == pytest.approx(1)


def test_what_is_left_when_everything_is_destroyed(run: Any, data: Any) -> None:
    table = randomisation(run, data, number=2)
    assert set(table["map"]) == set(RANDOMISED) - {"attention"}
    assert table["part"].unique().tolist() == ["logits"]
    assert table["correlation"].between(-1, 1).all()


def made_up(**energies: list[float]) -> pd.DataFrame:
    """Scores of maps with the given energies in six images of six patients; a name that ends in _ is a control."""
    rows = [
        dict.fromkeys(SCORES, 0.5)
        | {"map": name.strip("_"), "kind": "control" if name.endswith("_") else "method", "model": "unet"}
        | {"number": i, "patient": f"p{i}", "tumour_type": "glioma", "area": 0.01 * (i + 1), "energy": value}
        | {"deletion": 1 - value}
        for name, values in energies.items()
        for i, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_a_method_is_compared_with_the_best_control_and_deletion_the_other_way_round() -> None:
    table = made_up(
        good=[0.8, 0.9] * 3, bad=[0.1, 0.2] * 3, same=[0.4, 0.6] * 3, poor_=[0.3, 0.3] * 3, best_=[0.5, 0.5] * 3
    )
    compared = against_controls(table, ["energy", "deletion"])
    assert set(compared["control"]) == {"best"}
    for _, rows in compared.groupby("score"):
        assert rows.set_index("map")["verdict"].to_dict() == {"good": "better", "bad": "worse", "same": "no different"}
        assert rows.set_index("map")["mean"].to_dict() == pytest.approx({"good": 0.35, "bad": -0.35, "same": 0.0})
    assert verdicts(compared)["deletion"].to_dict() == {"good": "1 better", "bad": "1 worse", "same": "–"}
    sentences = list(said(compared))
    assert len(sentences) == 2
    assert "better in more than half of the networks: good; beaten: bad." in sentences[0]
    assert "stability" not in CONTROLLED


def test_tumours_are_split_by_type_and_by_thirds_of_their_size() -> None:
    table = by_tumour(made_up(a=[0.1, 0.1, 0.2, 0.2, 0.3, 0.3]), "energy")
    assert table.loc["a"].to_dict() == pytest.approx({"glioma": 0.2} | dict(zip(SIZES, (0.1, 0.2, 0.3), strict=True)))
    assert by_tumour(made_up(a=[0.5] * 6), "energy", by="model").index.tolist() == ["U-Net"]


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


def compared(**correlations: list[float]) -> pd.DataFrame:
    """Correlations of six images, by the name of the map: with another seed, and with shuffled labels."""
    rows = [
        {"model": "unet", "map": name, "network": network, "number": i, "patient": f"p{i}", "correlation": value}
        | {"dice": 0.7 if network == "another seed" else 0.2}
        for name, values in correlations.items()
        for network, value in zip(("another seed", "shuffled labels"), values, strict=True)
        for i in range(6)
    ]
    return pd.DataFrame(rows)


def test_a_map_that_ignores_the_labels_is_named() -> None:
    table = compared(learns=[0.8, 0.1], ignores=[0.6, 0.6])
    found: Any = labels(table).set_index("map")
    assert found["difference"].to_dict() == pytest.approx({"learns": 0.7, "ignores": 0.0})
    assert found.loc["learns", "low"] == pytest.approx(0.7)
    sentences = list(narrate.labels(table))
    assert sentences[0] == ("U-Net: mean Dice on these test images 0.70 with another seed, 0.20 with shuffled labels.")
    assert sentences[1].startswith("U-Net: of 2 kinds of map, 1 are less alike")
    assert sentences[1].endswith("for: ignores.")


def guided_records(dice: dict[float, float]) -> list[Record]:
    """Runs of U-Net, by their weight of guidance, with the same Dice in all of six test images."""
    scores = {"split": ["test"] * 6, "patient": [f"p{i}" for i in range(6)], "number": range(6)}
    return [
        Record(
            "run",
            recipe_at("corrected", "unet", SCALES["quick"], guidance=weight),
            pd.DataFrame({"loss": [2 * value, value]}),
            pd.DataFrame({**scores, "border_dice": value}),
            {},
        )
        for weight, value in dice.items()
    ]


def test_guidance_is_compared_with_no_guidance_on_the_same_images() -> None:
    maps = pd.concat(
        [
            made_up(gradient=[0.2, 0.3] * 3).assign(guidance=0.0),
            made_up(gradient=[0.6, 0.7] * 3)[:4].assign(guidance=1.0),
        ]
    )
    table: Any = guidance(guided_records({0.0: 0.7, 1.0: 0.5}), maps).set_index(["score", "weight"])
    assert set(table.index.get_level_values("score")) == set(ABLATED)
    expected = {("dice", 0.0): 0.7, ("dice", 1.0): 0.5, ("energy", 0.0): 0.25, ("energy", 1.0): 0.65}
    assert {key: table.loc[key, "mean"] for key in expected} == pytest.approx(expected)
    assert table.loc[("energy", 1.0), ["difference", "common", "images"]].tolist() == pytest.approx([0.4, 4, 4])
    assert table.loc[("dice", 1.0), ["difference", "difference_high"]].tolist() == pytest.approx([-0.2, -0.2])
    assert np.isnan(table.loc[("dice", 0.0), "difference"])
    flat = table.reset_index()
    assert guidance_shown(flat)["Dice"].tolist() == ["0.70 [0.70, 0.70]", "0.50 [0.50, 0.50]"]
    assert guidance_shown(flat, "difference")["Dice"].to_dict() == {("U-Net", 1.0): "-0.20 [-0.20, -0.20]"}
    sentences = list(narrate.guidance(flat))
    assert sentences[0] == (
        "*Dice*: U-Net 0.70 without, 0.50 with weight 1. Of 1 differences from no guidance, the intervals of 0 lie "
        "above zero, those of 1 below."
    )
    panels = plotting.guidance(flat, ABLATED).axes
    assert [ax.get_title(loc="left").replace("\n", " ") for ax in panels] == list(ABLATED.values())
    hollow, filled = (line for line in panels[0].get_lines() if line.get_marker() == "o")
    assert [*np.asarray(hollow.get_ydata()), *np.asarray(filled.get_ydata())] == pytest.approx([0.7, 0.5])


def test_two_trainings_of_one_recipe_are_told_apart_from_others() -> None:
    now, before = guided_records({0.0: 0.4, 1.0: 0.3}), guided_records({0.0: 0.6, 0.5: 0.2})
    assert list(narrate.retrained(now, before)) == [
        "U-Net, seed 0: loss in the first epoch 1.2000 then, 0.8000 now; "
        "mean Dice on test images at the end 0.60 then, 0.40 now."
    ]
