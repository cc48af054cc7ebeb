"""Scores of all maps of a network, and how the tables read them."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from brainseg.backend import keras
from brainseg.batches import as_input
from brainseg.errors import BrainsegError
from brainseg.narrate import against_controls as said
from brainseg.saliency import METHODS
from brainseg.saliency.evaluation import RANDOMISED, SCORES, explainable_rows, randomisation, score_maps
from brainseg.saliency.tables import CONTROLLED, SIZES, against_controls, averages, by_tumour, verdicts

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
