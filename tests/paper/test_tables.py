"""Tables of per-image scores: what they average over, what they compare, and which runs they name."""

import gzip
import itertools
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.stats

from brainseg.experiments.ladder import STEPS, ladder, recipe_at
from brainseg.experiments.recipe import SCALES
from brainseg.experiments.recorded import recorded_runs
from brainseg.experiments.run import Record
from brainseg.experiments.select import by_attention, by_model, by_step, change, ladder_in_folds
from brainseg.fingerprint import resource
from brainseg.models import MODELS
from brainseg.paper import tables
from tests.records import SMALL, record

LADDER = recorded_runs("ladder")


@pytest.fixture(scope="module")
def climbed() -> dict[str, dict[str, list[Record]]]:
    records = []
    for model in MODELS:
        recipes = ladder(model, SMALL)
        for place, (step, recipe) in enumerate(recipes.items()):
            if step != "scored":  # shares the run of the step before
                records.append(record(recipe if recipe.postprocessing else recipe.trained, 0.2 + 0.1 * place))
    return by_step(records)


def content_of(model: str, step: str) -> Any:
    path = resource(f"results/tumorseg-small-ladder/{model}-{step}-published-0.json.gz")
    return json.loads(gzip.decompress(path.read_bytes()))


def test_all_steps_are_scored_on_the_images_that_both_splits_test(climbed: dict[str, dict[str, list[Record]]]) -> None:
    table = tables.ladder_scores(climbed)
    assert set(table["images"]) == {10}
    assert len(table) == len(MODELS) * len(STEPS) * 2
    assert (table["low"] <= table["mean"]).all()
    assert (table["mean"] <= table["high"]).all()
    scores = climbed["unet"]["borders"][0].scores
    both = (scores["published_split"] == "test") & (scores["patient_split"] == "test")
    row = table.query("model == 'unet' and step == 'borders' and metric == 'Dice'")
    assert row["mean"].item() == pytest.approx(scores.loc[both, "border_dice"].mean())


def test_with_folds_all_steps_are_scored_on_every_image_once() -> None:
    records = []
    for place, step in enumerate(("published", "paired", "borders", "patients")):
        for fold in (0, 1):
            run = record(recipe_at(step, "deeplab", SMALL, fold=fold).trained, 0.3 + 0.1 * place)
            run.scores["split"] = np.where((run.scores["number"] < 13 + place) == (fold == 0), "test", "train")
            records.append(run)
    corrected = [
        replace(
            run, name=f"{model}-{seed}-{run.name}", recipe=recipe_at("corrected", model, SMALL, seed, fold=fold).trained
        )
        for fold, run in enumerate(records[-2:])
        for model, seed in (("deeplab", 0), ("deeplab", 1), ("unet", 0))
    ]
    steps = ladder_in_folds(records, corrected)
    assert set(tables.ladder_scores(steps)["images"]) == {40}
    effects = tables.step_effects(steps).set_index("label")
    assert set(effects["group"]) == {"Modified DeepLab"}
    names = ["masks paired by id", "true borders", "split by patient", "corrected training"]
    assert effects.index.tolist() == names
    assert set(effects["images"]) == {40}
    assert set(effects["seeds"]) == {1}
    assert effects["mean"].tolist() == pytest.approx([0.1, 0.1, 0.1, 0])


def test_published_steps_report_training_dice_and_later_ones_their_own_test_images(
    climbed: dict[str, dict[str, list[Record]]],
) -> None:
    table = tables.ladder_table(climbed)["U-Net", "reported"]
    assert table[STEPS["published"]] == table[STEPS["paired"]] == 0.33
    scores = climbed["unet"]["scored"][0].scores
    assert table[STEPS["scored"]] == pytest.approx(scores.loc[scores["split"] == "test", "dice"].mean())


def test_a_step_that_a_model_lacks_is_left_blank(climbed: dict[str, dict[str, list[Record]]]) -> None:
    fewer = {"unet": climbed["unet"], "segnet": {"published": climbed["segnet"]["published"]}}
    table: Any = tables.ladder_table(fewer)
    assert table["SegNet"].notna().any(axis="columns").tolist() == [True] + [False] * 6
    assert table["U-Net"].notna().all(axis=None)


def test_means_over_images_leave_unscored_ones_out_and_count_the_missed() -> None:
    one = record(recipe_at("corrected", "unet", SMALL))
    test = one.scores.index[one.scores["split"] == "test"]
    one.scores.loc[test[0], ["border_dice", "border_iou"]] = 0.0
    one.scores.loc[test[0], "border_hd95_px"] = np.nan
    table = tables.on_borders([one])
    assert table.loc["missed", "mean"] == pytest.approx(1 / len(test))
    assert table.loc["Dice", "mean"] == pytest.approx(one.scores.loc[test, "border_dice"].mean())
    assert table["images"].to_dict()["HD95, px"] == len(test) - 1
    shown: Any = tables.scoreboard({"unet": [one]})
    assert shown.columns.tolist() == ["U-Net"]
    assert shown.loc["specificity", "U-Net"] == "0.99 [0.99, 0.99]"


def test_attention_is_compared_with_none_on_the_same_images() -> None:
    kinds = {None: 0.5, "gate": 0.6, "channel": 0.5}
    runs = [record(recipe_at("corrected", "unet", SMALL, attention=kind), dice) for kind, dice in kinds.items()]
    table: Any = tables.attention_effects(by_attention(runs)).set_index("label")
    assert table["mean"].to_dict() == pytest.approx({"U-Net, gate": 0.1, "U-Net, channel": 0})
    assert table.loc["U-Net, channel", ["low", "high"]].tolist() == pytest.approx([0, 0])


def test_size_is_compared_on_the_same_test_images_of_networks_that_have_both() -> None:
    before = [record(recipe_at("corrected", model, SMALL).trained, 0.5) for model in ("unet", "segnet")]
    after = [record(recipe_at("corrected", model, SCALES["laptop"]).trained, 0.7) for model in ("unet", "linknet")]
    table = tables.scale_effects(by_model(after), by_model(before)).set_index("label")
    assert table.index.tolist() == ["U-Net"]
    row = table.loc["U-Net"].to_dict()
    assert row["mean"] == pytest.approx(row["larger"] - row["smaller"]) == pytest.approx(0.2)
    fewer = replace(after[0], scores=after[0].scores.assign(split="train").set_index("number", drop=False))
    fewer.scores.loc[[2, 3, 6], "split"] = "test"
    row = tables.scale_effects(by_model([fewer]), by_model(before)).iloc[0].to_dict()
    assert row["images"] == 3
    assert row["smaller"] == pytest.approx(before[0].scores["border_dice"][[2, 3, 6]].mean())


def test_folds_of_a_network_stand_side_by_side_with_the_mean_of_all_images() -> None:
    runs = [record(recipe_at("corrected", "unet", SMALL, fold=fold).trained, 0.5 + fold / 10) for fold in (0, 1)]
    for fold, run in enumerate(runs):
        run.scores["split"] = np.where(run.scores["number"] < 30, ["test", "train"][fold], ["train", "test"][fold])
    row = tables.fold_table(by_model(runs)).loc["U-Net"]
    means = [run.scores.query("split == 'test'")["border_dice"].mean() for run in runs]
    assert row.to_dict() == pytest.approx(
        {"fold 0": means[0], "fold 1": means[1], "all": (30 * means[0] + 10 * means[1]) / 40}
    )


def test_gates_narrow_a_gap_by_what_each_training_says() -> None:
    runs: dict[str | None, list[Record]] = {"gate": [], None: []}
    for kind, gap in (("gate", 0.1), (None, 0.3)):
        for fold in (0, 1):
            run = record(recipe_at("corrected", "unet", SMALL, attention=kind or "none", fold=fold).trained)
            half = (run.scores["number"] < 20) == (fold == 0)
            run.scores["split"] = np.where(half, "test", "train")
            run.scores["border_dice"] = np.where(half, 0.5, 0.5 + gap)
            runs[kind].append(run)
    effect = tables.gap_designs({"unet": runs}).iloc[0].to_dict()
    assert (effect["mean"], effect["low"], effect["high"]) == pytest.approx((0.2, 0.2, 0.2))
    assert (effect["trainings"], effect["lower"]) == (2, 0)


@pytest.mark.parametrize("attention", ["gate", "channel"])
def test_what_attention_changes_is_judged_by_its_folds(attention: str) -> None:
    cost = {"unet": (0.02, 0.04, 0.03), "segnet": (0.04, 0.02, 0.06)}
    kinds: dict[str, dict[str | None, list[Record]]] = {}
    for model, of_folds in cost.items():
        for kind in (attention, None):
            kinds.setdefault(model, {})[kind] = [
                record(
                    recipe_at("corrected", model, SMALL, attention=kind or "none", fold=fold).trained,
                    0.5 - (change if kind else 0),
                )
                for fold, change in enumerate(of_folds)
            ]
    designs: Any = tables.attention_designs(kinds).set_index("label")
    assert designs["mean"].to_dict() == pytest.approx({f"U-Net, {attention}": -0.03, f"SegNet, {attention}": -0.04})
    assert designs["lower"].tolist() == [3, 3]
    found = tables.attention_altogether(kinds, attention)
    low, high = wider(scipy.stats.ttest_1samp([-0.03, -0.03, -0.045], 0).confidence_interval(0.95))
    assert (found.mean, found.low, found.high) == pytest.approx((-0.035, low, high))


def wider(student: Any) -> tuple[float, float]:
    """Student's interval of three folds that learn from three times as many images as they test."""
    middle, half = (student.high + student.low) / 2, (student.high - student.low) / 2
    return middle - np.sqrt(1 + 3 / 3) * half, middle + np.sqrt(1 + 3 / 3) * half


def test_designs_are_compared_as_a_paired_t_test_over_folds_does_but_for_what_folds_share() -> None:
    one, other = [0.5, 0.6, 0.55, 0.7, 0.65, 0.6], [0.52, 0.65, 0.54, 0.76, 0.62, 0.66]
    runs = {
        model: [
            record(recipe_at("corrected", model, SMALL, seed=place % 2, fold=place // 2).trained, mean, seed=place)
            for place, mean in enumerate(means)
        ]
        for model, means in (("unet", one), ("linknet", other))
    }
    by_fold = {
        model: np.reshape([run.scores.query("split == 'test'")["border_dice"].mean() for run in of_model], (3, 2))
        for model, of_model in runs.items()
    }
    found = tables.model_designs(by_model(itertools.chain(*runs.values()))).iloc[0].to_dict()
    means = (of_model.mean(axis=1) for of_model in by_fold.values())
    low, high = wider(scipy.stats.ttest_rel(*means).confidence_interval(0.95))
    assert (found["low"], found["high"]) == pytest.approx((low, high))
    lower = (by_fold["unet"] < by_fold["linknet"]).sum()
    assert (found["label"], found["trainings"], found["lower"]) == ("U-Net − LinkNet", 6, lower)
    fewer = tables.design_effects({"one seed less": (runs["unet"], runs["linknet"][:-1])}).iloc[0]
    assert fewer["trainings"] == 5
    alone = tables.design_effects({"one": (runs["unet"][:1], runs["linknet"][:1])}).iloc[0]
    assert np.isnan(alone["low"])


def test_dice_by_type_is_of_all_images_of_that_use() -> None:
    one = record(recipe_at("corrected", "unet", SMALL).trained)
    one.scores["split"] = np.where(one.scores["number"] < 6, "valid", one.scores["split"])
    one.scores["tumour_type"] = np.where(one.scores["number"] % 3 == 0, "glioma", "pituitary")
    table = tables.type_table(by_model([one]))
    assert table.index.tolist() == [("U-Net", side) for side in ("training", "validation", "test")]
    chosen = one.scores.query("split == 'test' and tumour_type == 'glioma'")["border_dice"]
    assert table.loc[("U-Net", "test"), "glioma"] == pytest.approx(chosen.mean())


def test_seeds_of_a_network_stand_side_by_side_with_their_range() -> None:
    dice = {("unet", 0): 0.5, ("unet", 1): 0.53, ("linknet", 0): 0.7, ("linknet", 1): 0.69}
    runs = [record(recipe_at("corrected", model, SMALL, seed).trained, value) for (model, seed), value in dice.items()]
    table = tables.seed_table(by_model(runs))
    assert list(table.columns) == ["seed 0", "seed 1", "range", "usual range in a fold", "range in a fold"]
    for column in ("range", "usual range in a fold", "range in a fold"):
        assert table[column].to_dict() == pytest.approx({"U-Net": 0.03, "LinkNet": 0.01})
    between = tables.model_differences(by_model(runs)).iloc[0].to_dict()
    assert (between["mean"], between["seeds"]) == (pytest.approx(-0.18), 2)


def test_folds_average_out_what_a_seed_changes_in_one() -> None:
    dice = {(0, 0): 0.5, (0, 1): 0.54, (1, 0): 0.6, (1, 1): 0.57}
    runs = [
        record(recipe_at("corrected", "unet", SMALL, seed, fold=fold).trained, value)
        for (fold, seed), value in dice.items()
    ]
    table = tables.seed_table(by_model(runs)).loc["U-Net"]
    assert (table["range"], table["range in a fold"]) == pytest.approx((0.005, 0.04))
    assert table["usual range in a fold"] == pytest.approx(0.035)


def test_what_post_processing_changes_is_counted_per_image() -> None:
    before = record(recipe_at("corrected", "unet", SMALL))
    after = replace(before, recipe=recipe_at("processed", "unet", SMALL), scores=before.scores.copy())
    test = after.scores.index[after.scores["split"] == "test"]
    after.scores.loc[test[:5], "border_dice"] += 0.1
    after.scores.loc[test[5], "border_dice"] -= 0.2
    table = tables.processing_table({"unet": [before]}, {"unet": [after]}).loc["U-Net"]
    assert table["change"] == pytest.approx(0.3 / len(test))
    assert (table["better"], table["worse"]) == (5 / len(test), 1 / len(test))
    assert change(before, after).nsmallest(1).index.item() == test[5]


def test_model_differences_are_those_of_the_means(climbed: dict[str, dict[str, list[Record]]]) -> None:
    table = tables.model_differences({model: steps["corrected"] for model, steps in climbed.items()}).set_index("label")
    assert len(table) == len(list(itertools.combinations(MODELS, 2)))
    assert table["mean"].abs().max() == pytest.approx(0)


def test_what_the_study_published_stands_above_recorded_logs() -> None:
    content = content_of("segnet", "published")
    table = tables.logs("segnet", LADDER)
    assert table.index.get_level_values("source").unique().tolist() == [
        "the study's table",
        "the study's log",
        "64 px, 8 filters",
    ]
    assert table["Dice"].tolist()[:3] == [0.4494, 0.4494, 0.0444]
    for measure, title in {"accuracy": "accuracy", "mean_iou": "mean IoU", "dice": "Dice"}.items():
        recorded = table.xs("64 px, 8 filters")[title].to_dict()
        assert recorded["training"] == content["history"][measure][-1]
        assert recorded["validation"] == content["history"][f"val_{measure}"][-1]


def test_outlines_are_scored_on_the_own_images_of_a_run() -> None:
    table = tables.outlines("segnet", LADDER)
    assert table.index.tolist() == [("as published", "64 px, 8 filters"), ("corrected", "64 px, 8 filters")]
    for step, row in zip(("published", "corrected"), table.to_dict("records"), strict=True):
        scores = content_of("segnet", step)["scores"]
        pairs = list(zip(scores["split"], scores["border_dice"], strict=True))
        train, test = (np.mean([dice for side, dice in pairs if side == split]) for split in ("train", "test"))
        assert row["training"] == pytest.approx(train)
        assert row["test [95 % interval]"].startswith(f"{test:.2f} [")
        name = {"published": "published_borders", "corrected": "corrected_borders"}[step]
        assert tables.at_largest(table)[name] == row["test [95 % interval]"]
