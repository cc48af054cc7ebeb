"""Which runs stand at which step or kind of attention, and what is asked of them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from brainseg.experiments.ladder import STEPS, ladder, recipe_at
from brainseg.experiments.select import by_attention, by_step, change, collect, generalisation, with_and_without
from tests.records import SMALL, record


def test_a_run_stands_at_every_step_that_shares_it() -> None:
    recipes = ladder("unet", SMALL)
    steps = by_step(record(recipe if recipe.postprocessing else recipe.trained) for recipe in recipes.values())["unet"]
    assert list(steps) == list(STEPS)
    assert steps["paired"] == steps["scored"]
    assert steps["corrected"] != steps["processed"]


def test_a_run_given_twice_counts_once() -> None:
    one = record(recipe_at("paired", "unet", SMALL))
    assert by_step([one, one])["unet"]["scored"] == [one]


def test_other_attention_is_no_step_of_the_ladder() -> None:
    assert by_step([record(recipe_at("corrected", "unet", SMALL, attention=None))]) == {}


def test_seeds_come_together() -> None:
    recipes = [recipe_at("corrected", "unet", SMALL, seed).trained for seed in (0, 1)]
    assert len(by_step(map(record, recipes))["unet"]["corrected"]) == 2


def test_kinds_of_attention_are_of_the_corrected_training_without_guidance() -> None:
    kinds = [record(recipe_at("corrected", "unet", SMALL, attention=kind)) for kind in ("channel", None, "gate")]
    others = [
        record(recipe_at("published", "unet", SMALL)),
        record(recipe_at("corrected", "unet", SMALL, guidance=1.0)),
    ]
    assert list(by_attention([*kinds, *others])["unet"]) == ["gate", None, "channel"]
    assert list(with_and_without([*kinds, *others], "gate")["unet"]) == ["gate", None]
    assert not with_and_without(kinds[:1], "channel")


def test_attention_is_compared_with_the_same_folds_and_seeds() -> None:
    runs = [
        record(recipe_at("corrected", "unet", SMALL, seed, attention, fold=fold))
        for fold, seed, attention in [(0, 0, "gate"), (0, 1, "gate"), (1, 0, "gate"), (0, 0, None), (2, 0, None)]
    ]
    kinds = with_and_without(runs, "gate")["unet"]
    assert {kind: [(run.recipe.fold, run.recipe.seed) for run in of_kind] for kind, of_kind in kinds.items()} == {
        "gate": [(0, 0)],
        None: [(0, 0)],
    }


def test_kinds_of_attention_are_compared_where_a_model_has_all_of_them_and_none() -> None:
    made: dict[str, list[tuple[int, str | None]]] = {
        "unet": [(0, "channel"), (1, "channel"), (2, "channel"), (1, "spatial"), (2, "spatial"), (0, None), (2, None)],
        "segnet": [(2, "channel"), (2, None)],
        "linknet": [(2, "channel"), (2, "spatial")],
    }
    runs = [
        record(recipe_at("corrected", model, SMALL, attention=attention, fold=fold))
        for model, of_model in made.items()
        for fold, attention in of_model
    ]
    found = with_and_without(runs, "channel", "spatial")
    assert {kind: [run.recipe.fold for run in of_kind] for kind, of_kind in found.pop("unet").items()} == {
        "channel": [2],
        "spatial": [2],
        None: [2],
    }
    assert not found


def test_scores_are_of_the_split_or_of_the_images_that_both_splits_test() -> None:
    one = record(recipe_at("published", "unet", SMALL), 0.5)
    assert len(collect([one], "border_dice")) == 20
    common = collect([one], "border_dice", common=True)
    assert common["number"].tolist() == [3, 7, 11, 15, 19, 23, 27, 31, 35, 39]
    assert common["value"].tolist() == one.scores.loc[common["number"], "border_dice"].tolist()


def test_the_gap_is_training_minus_test() -> None:
    one = record(recipe_at("published", "unet", SMALL))
    one.scores["border_dice"] = np.where(one.scores["split"] == "train", 0.7, 0.4)
    assert generalisation([one]) == pytest.approx({"training": 0.7, "test": 0.4, "gap": 0.3})


def test_changes_are_of_test_images_by_their_row() -> None:
    before = record(recipe_at("corrected", "unet", SMALL))
    after = replace(before, scores=before.scores.assign(border_dice=before.scores["border_dice"] + 0.1))
    test = before.scores.index[before.scores["split"] == "test"]
    pd.testing.assert_series_equal(change(before, after), pd.Series(0.1, test), check_names=False)
