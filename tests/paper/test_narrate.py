"""Sentences and numbers about a run are those of its recipe, history and scores."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from brainseg.experiments.ladder import recipe_at
from brainseg.experiments.recipe import SCALES
from brainseg.experiments.recorded import recorded
from brainseg.experiments.run import Run
from brainseg.models import as_input, build
from brainseg.models.attention import attention_maps
from brainseg.paper import display, narrate
from brainseg.paper.study import MEASURES, PARAMETERS, published_last_epoch, published_table
from brainseg.scores.metrics import dice


def run(val_dice: list[float], scores: pd.DataFrame | None = None, model: str = "unet") -> Run:
    n = len(val_dice)
    history = pd.DataFrame({"epoch": range(1, n + 1), "dice": [0.5] * n, "val_dice": val_dice})
    history["val_accuracy"] = np.linspace(0.9, 0.98, n)
    history["val_mean_iou"] = np.linspace(0.48, 0.49, n)
    recipe = recipe_at("published", model, SCALES["quick"])
    return Run("run", recipe, history, pd.DataFrame() if scores is None else scores, {}, Path(), Path())


def test_numbers_of_a_training_are_those_of_its_history() -> None:
    numbers = narrate.course(run([0.0, 0.001, 0.3, 0.2]), background=0.96)
    assert {name: numbers[name] for name in ("epochs", "blind", "last_training", "last_validation")} == {
        "epochs": 4,
        "blind": 2,
        "last_training": 0.5,
        "last_validation": 0.2,
    }
    assert numbers["half_background"] == 0.48


def test_what_is_found_is_counted_on_test_images_with_a_label() -> None:
    scores = pd.DataFrame(
        {
            "split": ["train", *["test"] * 7],
            "tumour_type": [*["glioma"] * 6, "pituitary", "pituitary"],
            "labelled": [*[0.1] * 7, 0.0],
            "dice": [1.0, 0.0, 0.6, 0.3, 0.1, 0.5, 0.9, np.nan],
        }
    )
    found = narrate.finds(run([0.1], scores))
    assert found == pytest.approx({"dice": 0.4, "median_dice": 0.4, "tested": 6, "missed": 1})
    by_type = narrate.finds_by_type(run([0.1], scores))
    assert by_type.to_dict("index") == {"glioma": pytest.approx({"mean Dice": 0.3, "images": 5})}


def test_what_a_gate_lets_through_is_shown_and_said_of_the_test_images() -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (4, 32, 32), np.uint8)
    masks = np.zeros((4, 32, 32), np.uint8)
    masks[:, 8:16, 8:16] = 1
    prepared: Any = SimpleNamespace(images=images, masks={"position": masks}, rows=lambda split: np.array([1, 2, 3]))
    network: Any = SimpleNamespace(
        model=build("unet", size=32, width=2),
        recipe=recipe_at("published", "unet", SCALES["quick"]),
        scores=pd.DataFrame({"dice": [0.9, 0.1, 0.5, 0.3]}),
    )
    figure, means = narrate.gate_maps(network, prepared)
    opening = attention_maps(network.model, as_input(images[1:]))["gate_1"]
    inside = opening[:, 8:16, 8:16]
    outside = (opening.sum() - inside.sum()) / (opening.size - inside.size)
    assert means == pytest.approx({"gate_inside": inside.mean(), "gate_outside": outside}, rel=1e-5)
    assert [ax.get_title(loc="left") for ax in figure.axes[:2]] == ["slice", "gate 1, 32 × 32"]


@pytest.mark.parametrize("model", PARAMETERS)
def test_protocol_names_what_is_validated_on(model: str) -> None:
    text = " ".join(narrate.protocol(recipe_at("published", model, SCALES["full"])))
    assert ("last fifth" in text) == (model in {"segnet", "deeplab"})
    assert "128 × 128 pixels, 32 in a batch" in text
    layers = {type(layer).__name__ for layer in build(model, size=32, width=2).layers}
    assert ("no batch normalisation" in text) == ("BatchNormalization" not in layers)
    assert ("no dropout" in text) == ("Dropout" not in layers)


@pytest.mark.parametrize("model", PARAMETERS)
def test_protocol_says_after_what_dropout_comes(model: str) -> None:
    text = " ".join(narrate.protocol(recipe_at("corrected", model, SCALES["quick"])))
    dropped = [layer.name for layer in build(model, size=32, width=2, dropout=0.1).layers if "dropout" in layer.name]
    assert ("after each pooling and merge" in text) == any(name.startswith("decoder") for name in dropped)
    assert ("after each pooling" in text) == any(name.startswith("encoder") for name in dropped)


def test_protocol_names_what_the_corrected_training_does_besides() -> None:
    published_one, corrected = (
        " ".join(narrate.protocol(recipe_at(step, "unet", SCALES["quick"]))) for step in ("published", "corrected")
    )
    assert "As published: no batch normalisation, dropout of 0.3 after each pooling and merge." in published_one
    assert "mirror images" not in published_one
    assert "dropout of 0.1 after each pooling and merge." in corrected
    assert corrected.endswith("A prediction is the mean of those for the image and its three mirror images.")


def test_protocol_names_the_guidance() -> None:
    recipe = recipe_at("published", "unet", SCALES["full"])
    assert "Loss: binary cross-entropy. " in " ".join(narrate.protocol(recipe))
    guided = " ".join(narrate.protocol(replace(recipe, guidance=0.5)))
    assert "Loss: binary cross-entropy plus 0.5 times the guidance term. " in guided


def test_the_published_dice_is_the_training_dice_of_the_log() -> None:
    table, log = published_table(), published_last_epoch()
    assert table["dice"].tolist() == log["dice"].tolist()
    assert set(MEASURES) <= set(table.columns) & set(log.columns)


def test_recorded_background_is_the_published_validation_mean_iou() -> None:
    areas = recorded("tumorseg-check")["areas"].set_index(["split", "mask"])["background_mean_iou"]
    log = published_last_epoch()["val_mean_iou"]
    for model, split in {"unet": "valid", "linknet": "valid", "segnet": "last fifth of train"}.items():
        assert round(areas[split, "published"], 4) == log[model]


def test_source_is_what_the_package_runs() -> None:
    assert "def dice(" in display.source(dice).data
    assert display.source(dice).data.count("```") == 2


def test_source_leaves_out_what_only_a_reference_needs() -> None:
    shown = display.source(dice).data
    assert not {"Parameters", ">>>"} & set(shown.split())
    assert shown.count('"""') == 2
    compile(shown.removeprefix("```python\n").removesuffix("```"), "shown", "exec")
