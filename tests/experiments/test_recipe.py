"""Recipes hold the published protocol, name runs, and refuse what does not go together."""

import dataclasses
import itertools
from typing import Any

import pytest

from brainseg.errors import BrainsegError
from brainseg.experiments.ladder import STEPS, ladder, recipe_at, steps_of
from brainseg.experiments.recipe import SCALES, TRAININGS, Recipe, scale_named
from brainseg.models import MODELS


def test_the_published_schedule_is_the_studys() -> None:
    schedules = {model: recipe_at("published", model, SCALES["full"]).preset for model in MODELS}
    assert {m: (s.epochs, s.patience, s.validation) for m, s in schedules.items()} == {
        "unet": (30, 5, "valid"),
        "linknet": (30, 5, "valid"),
        "segnet": (20, None, "last_fifth"),
        "deeplab": (20, None, "last_fifth"),
    }
    full = recipe_at("published", "unet", SCALES["full"])
    assert (full.size, full.width, full.batch_size, full.mask, full.attention) == (128, 64, 32, "position", "gate")


@pytest.mark.parametrize("model", MODELS)
def test_a_recipe_survives_the_way_through_json(model: str) -> None:
    recipe = recipe_at("published", model, SCALES["quick"], seed=3)
    assert Recipe.from_dict(recipe.to_dict()) == recipe


@pytest.mark.parametrize(
    "change",
    [
        {"model": "linknet"},
        {"attention": None},
        {"pairing": "id"},
        {"pairing": "id", "labels": "border"},
        {"pairing": "shuffled", "labels": "border"},
        {"scoring": "per_image"},
        {"split": "patient"},
        {"training": "corrected"},
        {"postprocessing": "validation"},
        {"size": 128},
        {"width": 16},
        {"batch_size": 32},
        {"images_per_epoch": None},
        {"scale_epochs": 99},
        {"seed": 1},
        {"guidance": 0.1},
    ],
    ids=str,
)
def test_every_field_changes_the_id(change: dict[str, Any]) -> None:
    recipe = recipe_at("published", "unet", SCALES["quick"])
    assert dataclasses.replace(recipe, **change).id != recipe.id


def test_pairing_and_labels_choose_the_mask() -> None:
    recipe = recipe_at("published", "unet", SCALES["quick"])
    assert dataclasses.replace(recipe, pairing="id").mask == "box"
    assert dataclasses.replace(recipe, pairing="id", labels="border").mask == "border"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": "border"}, "position and border, expected position and box or id and box"),
        ({"model": "resnet"}, "received model 'resnet', expected one of: unet"),
        ({"model": "deeplab"}, "cannot have attention 'gate'"),
        ({"training": "better"}, "received training 'better', expected one of: published"),
        ({"split": "slice"}, "received split 'slice', expected one of: published, patient"),
        ({"scoring": "best"}, "received scoring 'best', expected one of: published, per_image"),
        ({"postprocessing": "test"}, "received postprocessing 'test', expected one of: None, validation"),
        ({"batch_size": 0}, "batch size of 0"),
        ({"guidance": -0.1}, "received a guidance of -0.1, expected a finite number, 0 or more"),
        ({"guidance": float("inf")}, "received a guidance of inf"),
        ({"guidance": float("nan")}, "received a guidance of nan"),
    ],
)
def test_what_does_not_go_together_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BrainsegError, match=message):
        dataclasses.replace(recipe_at("published", "unet", SCALES["quick"]), **change)


@pytest.mark.parametrize("model", MODELS)
def test_each_step_of_the_ladder_changes_one_field(model: str) -> None:
    steps = [recipe.to_dict() for recipe in ladder(model, SCALES["quick"]).values()]
    assert len(steps) == 7
    changed = [[name for name in old if old[name] != new[name]] for old, new in itertools.pairwise(steps)]
    assert changed == [["pairing"], ["scoring"], ["labels"], ["split", "fold"], ["training"], ["postprocessing"]]


@pytest.mark.parametrize("model", MODELS)
def test_each_step_of_the_ladder_changes_one_field_of_a_fold(model: str) -> None:
    steps = [recipe_at(step, model, SCALES["laptop"], fold=3).to_dict() for step in STEPS]
    assert all(sum(old[name] != new[name] for name in old) == 1 for old, new in itertools.pairwise(steps))


def test_the_ladder_starts_as_published_and_ends_corrected() -> None:
    steps = ladder("linknet", SCALES["laptop"], seed=2)
    assert tuple(steps) == tuple(STEPS)
    assert steps["published"] == recipe_at("published", "linknet", SCALES["laptop"], 2)
    last = steps["processed"]
    assert (last.mask, last.split, last.training, last.seed) == ("border", "patient", "corrected", 2)


@pytest.mark.parametrize("model", MODELS)
def test_a_run_stands_at_the_steps_that_share_its_training(model: str) -> None:
    for step, recipe in ladder(model, SCALES["small"], seed=1).items():
        made = recipe if step == "processed" else recipe.trained
        assert step in steps_of(made)
        rungs = [ladder(model, SCALES["small"], seed=1)[other] for other in steps_of(made)]
        assert all(made in (rung, rung.trained) for rung in rungs)
    assert steps_of(recipe_at("corrected", model, SCALES["small"], attention="none").trained) == (
        ["corrected"] if model == "deeplab" else []
    )
    assert steps_of(recipe_at("corrected", model, SCALES["small"], guidance=1).trained) == []


def test_no_attention_can_be_asked_for_by_name() -> None:
    assert recipe_at("corrected", "unet", SCALES["quick"], attention="none").attention is None


def test_the_corrected_training_is_one_for_all_models() -> None:
    assert len({str(TRAININGS["corrected"][model]) for model in MODELS}) == 1


def test_scoring_and_post_processing_need_no_training_of_their_own() -> None:
    steps = ladder("unet", SCALES["quick"])
    assert len({recipe.trained.id for recipe in steps.values()}) == 5
    assert steps["processed"].trained == steps["corrected"].trained


def test_unknown_steps_are_refused() -> None:
    with pytest.raises(BrainsegError, match="received step 'best', expected one of: published, paired"):
        recipe_at("best", "unet", SCALES["quick"])


def test_unknown_scales_and_fields_are_refused() -> None:
    with pytest.raises(BrainsegError, match="received scale 'huge', expected one of: quick, small, laptop, full"):
        scale_named("huge")
    with pytest.raises(BrainsegError, match="received fields modell for a recipe, expected model"):
        Recipe.from_dict({"modell": "unet"})


def test_recipes_written_before_there_were_guidance_folds_and_precisions_have_none() -> None:
    recipe = recipe_at("published", "unet", SCALES["quick"])
    fields = recipe.to_dict()
    for name in ("guidance", "fold", "precision"):
        del fields[name]
    assert Recipe.from_dict(fields) == recipe


@pytest.mark.parametrize("field", [{"fold": 3}, {"precision": "bfloat16"}, {"seed": 1}])
def test_every_field_changes_the_name(field: dict[str, Any]) -> None:
    recipe = recipe_at("corrected", "unet", SCALES["quick"])
    assert dataclasses.replace(recipe, **field).id != recipe.id


def test_without_a_fold_the_split_is_the_data_sets_own_and_by_patient_the_first() -> None:
    assert recipe_at("borders", "unet", SCALES["quick"]).fold is None
    assert recipe_at("patients", "unet", SCALES["quick"]).fold == 0
    assert recipe_at("borders", "unet", SCALES["quick"], fold=2).fold == 2


def test_unknown_folds_and_precisions_are_refused() -> None:
    recipe = recipe_at("corrected", "unet", SCALES["quick"])
    with pytest.raises(BrainsegError, match="received fold 5, expected 0 to 4, or none"):
        dataclasses.replace(recipe, fold=5)
    with pytest.raises(BrainsegError, match="received precision 'float16', expected one of: float32, bfloat16"):
        dataclasses.replace(recipe, precision="float16")


def test_guidance_changes_the_name_and_survives_the_way_through_json() -> None:
    recipe = recipe_at("corrected", "unet", SCALES["quick"], guidance=0.5)
    assert (
        len({recipe.id, dataclasses.replace(recipe, guidance=1.0).id, dataclasses.replace(recipe, guidance=0.0).id})
        == 3
    )
    assert dataclasses.replace(recipe, guidance=1).id == dataclasses.replace(recipe, guidance=1.0).id
    assert Recipe.from_dict(recipe.to_dict()) == recipe
