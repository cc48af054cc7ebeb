"""Recipes hold the published protocol, name runs, and refuse what does not go together."""

import dataclasses
from typing import Any

import pytest

from brainseg.errors import BrainsegError
from brainseg.models import MODELS
from brainseg.recipe import SCALES, Recipe, published, scale_named


def test_the_published_schedule_is_the_studys() -> None:
    schedules = {model: published(model, SCALES["full"]).schedule for model in MODELS}
    assert {m: (s.epochs, s.patience, s.validation) for m, s in schedules.items()} == {
        "unet": (30, 5, "valid"),
        "linknet": (30, 5, "valid"),
        "segnet": (20, None, "last_fifth"),
        "deeplab": (20, None, "last_fifth"),
    }
    full = published("unet", SCALES["full"])
    assert (full.size, full.width, full.batch_size, full.mask, full.attention) == (128, 64, 32, "position", "gate")


@pytest.mark.parametrize("model", MODELS)
def test_a_recipe_survives_the_way_through_json(model: str) -> None:
    recipe = published(model, SCALES["quick"], seed=3)
    assert Recipe.from_dict(recipe.to_dict()) == recipe


@pytest.mark.parametrize(
    "change",
    [
        {"model": "linknet"},
        {"attention": None},
        {"pairing": "id"},
        {"pairing": "id", "labels": "border"},
        {"size": 128},
        {"width": 16},
        {"batch_size": 32},
        {"seed": 1},
    ],
    ids=str,
)
def test_every_field_changes_the_id(change: dict[str, Any]) -> None:
    recipe = published("unet", SCALES["quick"])
    assert dataclasses.replace(recipe, **change).id != recipe.id


def test_pairing_and_labels_choose_the_mask() -> None:
    recipe = published("unet", SCALES["quick"])
    assert dataclasses.replace(recipe, pairing="id").mask == "box"
    assert dataclasses.replace(recipe, pairing="id", labels="border").mask == "border"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": "border"}, "position and border, expected position and box or id and box"),
        ({"model": "resnet"}, "no model 'resnet'; expected one of: unet"),
        ({"model": "deeplab"}, "cannot have attention 'gate'"),
        ({"training": "better"}, "received training 'better', expected one of: published"),
        ({"batch_size": 0}, "batch size of 0"),
    ],
)
def test_what_does_not_go_together_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BrainsegError, match=message):
        dataclasses.replace(published("unet", SCALES["quick"]), **change)


def test_unknown_scales_and_fields_are_refused() -> None:
    with pytest.raises(BrainsegError, match="received scale 'huge', expected one of: quick, laptop, full"):
        scale_named("huge")
    with pytest.raises(BrainsegError, match="received fields modell for a recipe, expected model"):
        Recipe.from_dict({"modell": "unet"})
