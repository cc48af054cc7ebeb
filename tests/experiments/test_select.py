"""Tables of stored per-image scores: what they average over, and which runs stand at which step."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from brainseg.experiments import select
from brainseg.experiments.ladder import STEPS, ladder, recipe_at
from brainseg.experiments.recipe import SCALES, Recipe, published
from brainseg.experiments.run import Record
from brainseg.models import MODELS
from brainseg.paper import narrate
from brainseg.paper import tables as evaluate

SMALL = SCALES["small"]


def record(recipe: Recipe, dice: float = 0.6, seed: int = 0) -> Record:
    """A record of 40 images of 20 patients; the odd ones are test images by patient, 2 in 4 of them in both splits."""
    number = np.arange(40)
    by_patient = np.where(number // 2 % 2, "test", "train")
    as_published = np.where(number % 2, "test", "train")
    values = np.clip(dice + np.random.default_rng(seed).normal(0, 0.05, 40), 0, 1)
    scores = pd.DataFrame(
        {
            "split": as_published if recipe.split == "published" else by_patient,
            "published_split": as_published,
            "patient_split": by_patient,
            "number": number,
            "patient": [f"p{n // 2}" for n in number],
            "tumour_type": "glioma",
            "labelled": 0.1,
            "predicted": 0.1,
            "dice": values + 0.1,
            "border_dice": values,
            "border_iou": values / (2 - values),
            "border_precision": values,
            "border_recall": values,
            "border_specificity": 0.99,
            "border_surface_dice": values,
            "border_hd95_px": 5.0,
        }
    )
    history = pd.DataFrame({"epoch": [1, 2], "dice": [0.1, 0.33]})
    made = {"made_with": {"device": "CPU"}, "finished": "2026-01-02T03:04:05", "seconds": 1800.0, "pipeline": "nothing"}
    return Record(f"{recipe.model}-{recipe.id}", recipe, history, scores, made)


@pytest.fixture(scope="module")
def climbed() -> dict[str, dict[str, list[Record]]]:
    records = []
    for model in MODELS:
        recipes = ladder(model, SMALL)
        for place, (step, recipe) in enumerate(recipes.items()):
            if step != "scored":  # shares the run of the step before
                records.append(record(recipe if recipe.postprocessing else recipe.trained, 0.2 + 0.1 * place))
    return select.by_step(records)


def test_a_run_stands_at_every_step_that_shares_it(climbed: dict[str, dict[str, list[Record]]]) -> None:
    for model in MODELS:
        assert list(climbed[model]) == list(STEPS)
        assert climbed[model]["paired"] == climbed[model]["scored"]
        assert climbed[model]["corrected"] != climbed[model]["processed"]


def test_a_run_given_twice_counts_once() -> None:
    one = record(recipe_at("paired", "unet", SMALL))
    assert select.by_step([one, one])["unet"]["scored"] == [one]


def test_other_attention_is_no_step_of_the_ladder() -> None:
    assert select.by_step([record(recipe_at("corrected", "unet", SMALL, attention=None))]) == {}


def test_seeds_come_together() -> None:
    recipes = [recipe_at("corrected", "unet", SMALL, seed).trained for seed in (0, 1)]
    assert len(select.by_step(map(record, recipes))["unet"]["corrected"]) == 2


def test_all_steps_are_scored_on_the_images_that_both_splits_test(climbed: dict[str, dict[str, list[Record]]]) -> None:
    table = evaluate.ladder_scores(climbed)
    assert set(table["images"]) == {10}
    assert len(table) == len(MODELS) * len(STEPS) * 2
    assert (table["low"] <= table["mean"]).all()
    assert (table["mean"] <= table["high"]).all()
    scores = climbed["unet"]["borders"][0].scores
    both = (scores["published_split"] == "test") & (scores["patient_split"] == "test")
    row = table.query("model == 'unet' and step == 'borders' and metric == 'Dice'")
    assert row["mean"].item() == pytest.approx(scores.loc[both, "border_dice"].mean())


def test_published_steps_report_training_dice_and_later_ones_their_own_test_images(
    climbed: dict[str, dict[str, list[Record]]],
) -> None:
    table = evaluate.ladder_table(climbed)["U-Net", "reported"]
    assert table[STEPS["published"]] == table[STEPS["paired"]] == 0.33
    scores = climbed["unet"]["scored"][0].scores
    assert table[STEPS["scored"]] == pytest.approx(scores.loc[scores["split"] == "test", "dice"].mean())


def test_means_over_images_leave_unscored_ones_out_and_count_the_missed() -> None:
    one = record(recipe_at("corrected", "unet", SMALL))
    test = one.scores.index[one.scores["split"] == "test"]
    one.scores.loc[test[0], ["border_dice", "border_iou"]] = 0.0
    one.scores.loc[test[0], "border_hd95_px"] = np.nan
    table = evaluate.on_borders([one])
    assert table.loc["missed", "mean"] == pytest.approx(1 / len(test))
    assert table.loc["Dice", "mean"] == pytest.approx(one.scores.loc[test, "border_dice"].mean())
    assert table["images"].to_dict()["HD95, px"] == len(test) - 1


def test_attention_is_compared_with_none_on_the_same_images() -> None:
    kinds = {None: 0.5, "gate": 0.6, "channel": 0.5}
    runs = [record(recipe_at("corrected", "unet", SMALL, attention=kind), dice) for kind, dice in kinds.items()]
    runs.append(record(published("unet", SMALL)))
    runs.append(record(recipe_at("corrected", "unet", SMALL, guidance=1.0), 0.1))
    table = evaluate.attention_table(select.by_attention(runs)).loc["U-Net"]
    assert table.index.tolist() == ["gate", "none", "channel"]
    assert table.loc["gate", "Dice − none"] == pytest.approx(0.1)
    assert list(table.loc["channel", ["Dice − none", "low", "high"]]) == pytest.approx([0, 0, 0])
    assert table["Dice − none"].isna().tolist() == [False, True, False]
    gate = table.loc["gate"].to_dict()
    assert gate["gap"] == pytest.approx(gate["training"] - gate["test"])


def test_images_and_known_patients_of_the_ladder_are_counted() -> None:
    one = record(recipe_at("corrected", "unet", SMALL))
    assert "are 10 images, of 10 patients. Of 10 of them, the published training set has" in narrate.on_borders(one)


def test_networks_that_differ_are_counted() -> None:
    table = pd.DataFrame({"low": [0.1, -0.2, -0.1], "high": [0.2, -0.1, 0.1]})
    assert narrate.ahead(table) == "Of 3 intervals, 2 exclude zero."


def test_size_is_compared_on_the_same_test_images_of_networks_that_have_both() -> None:
    before = [record(recipe_at("corrected", model, SMALL).trained, 0.5) for model in ("unet", "segnet")]
    after = [record(recipe_at("corrected", model, SCALES["laptop"]).trained, 0.7) for model in ("unet", "linknet")]
    table = evaluate.scale_effects(select.by_step(after), select.by_step(before), "corrected").set_index("label")
    assert table.index.tolist() == ["U-Net"]
    row = table.loc["U-Net"].to_dict()
    assert row["mean"] == pytest.approx(row["larger"] - row["smaller"]) == pytest.approx(0.2)
    text = " ".join(narrate.larger_scale(table))
    assert f"of 1 networks: {row['smaller']:.2f} at the smaller scale, {row['larger']:.2f} at the larger" in text
    assert "Of 1 differences, the intervals of 1 lie above zero, those of 0 below." in text


def test_dice_by_type_is_of_all_images_of_that_use() -> None:
    one = record(recipe_at("corrected", "unet", SMALL).trained)
    one.scores["split"] = np.where(one.scores["number"] < 6, "valid", one.scores["split"])
    one.scores["tumour_type"] = np.where(one.scores["number"] % 3 == 0, "glioma", "pituitary")
    table = evaluate.type_table(select.by_step([one]), "corrected")
    assert table.index.tolist() == [("U-Net", side) for side in ("training", "validation", "test")]
    chosen = one.scores.query("split == 'test' and tumour_type == 'glioma'")["border_dice"]
    assert table.loc[("U-Net", "test"), "glioma"] == pytest.approx(chosen.mean())


def test_seeds_of_a_network_stand_side_by_side_with_their_range() -> None:
    dice = {("unet", 0): 0.5, ("unet", 1): 0.53, ("linknet", 0): 0.7, ("linknet", 1): 0.69}
    runs = [record(recipe_at("corrected", model, SMALL, seed).trained, value) for (model, seed), value in dice.items()]
    results = select.by_step(runs)
    table = evaluate.seed_table(results, "corrected")
    assert list(table.columns) == ["seed 0", "seed 1", "range"]
    assert table["range"].to_dict() == pytest.approx({"U-Net": 0.03, "LinkNet": 0.01})
    text = " ".join(narrate.seeds(table, evaluate.model_differences(results, "corrected")))
    assert "lie up to 0.030 apart in Dice" in text
    assert "averaged over 2 seeds, lie 0.180 to 0.180 apart; 1 of 1 intervals exclude zero" in text


def test_what_attention_does_is_counted_and_its_gap_set_beside_that_of_the_same_networks() -> None:
    kinds = {("unet", None): 0.5, ("unet", "gate"): 0.6, ("deeplab", None): 0.5, ("deeplab", "channel"): 0.3}
    runs = [record(recipe_at("corrected", model, SMALL, attention=kind), dice) for (model, kind), dice in kinds.items()]
    ablation = select.by_attention(runs)
    text = "\n".join(narrate.attention(ablation))
    assert "Of 2 differences from no attention, the intervals of 1 lie above zero, those of 1 below." in text
    gaps = evaluate.attention_table(ablation)["gap"]
    gate, none = gaps["U-Net", "gate"], gaps["U-Net", "none"]
    assert f"mean of 1 networks: {gate:.3f} with gate attention, {none:.3f} without" in text


def test_what_post_processing_changes_is_counted_per_image() -> None:
    before = record(recipe_at("corrected", "unet", SMALL))
    after = replace(before, recipe=recipe_at("processed", "unet", SMALL), scores=before.scores.copy())
    test = after.scores.index[after.scores["split"] == "test"]
    after.scores.loc[test[:5], "border_dice"] += 0.1
    after.scores.loc[test[5], "border_dice"] -= 0.2
    table = evaluate.processing_table({"unet": [before]}, {"unet": [after]}).loc["U-Net"]
    assert table["change"] == pytest.approx(0.3 / len(test))
    assert (table["better"], table["worse"]) == (5 / len(test), 1 / len(test))
    assert select.change(before, after).nsmallest(1).index.item() == test[5]


def test_model_differences_are_those_of_the_means(climbed: dict[str, dict[str, list[Record]]]) -> None:
    table = evaluate.model_differences(climbed, "corrected").set_index("label")
    assert len(table) == len(list(itertools.combinations(MODELS, 2)))
    assert table["mean"].abs().max() == pytest.approx(0)


def test_sentences_name_what_was_recorded(climbed: dict[str, dict[str, list[Record]]]) -> None:
    records = [run for steps in climbed.values() for run in steps["corrected"]]
    text = " ".join(narrate.recorded(records))
    assert "64 × 64 pixels, width 8; seeds: 0." in text
    assert "4 results of 2.0 hours of training on CPU, 2026-01-02" in text
    sentences = list(narrate.climb(climbed))
    assert len(sentences) == 6
    assert "the reported Dice goes from 0.33 to 0.33" in sentences[0]
