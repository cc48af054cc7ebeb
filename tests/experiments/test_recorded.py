"""Recorded runs beside live ones: each with its own numbers, its mark and its name."""

import gzip
import json
from dataclasses import replace

import numpy as np
import pytest

from brainseg.experiments.ladder import STEPS, ladder
from brainseg.experiments.recipe import SCALES
from brainseg.experiments.recorded import RESULTS, recorded_runs
from brainseg.experiments.run import Record
from brainseg.experiments.select import by_attention, by_step
from brainseg.models import MODELS, TITLES
from brainseg.paper.tables import log_and_recorded, recorded_and_live, run_names

LADDER = recorded_runs("tumorseg-small-ladder")


def live(model: str, step: str) -> Record:
    """A recorded run of the step as if it had been trained at the scale quick, on masks that it finds exactly."""
    record = by_step(LADDER)[model][step][0]
    scores = record.scores.assign(border_dice=1.0)
    return replace(record, name=f"{step}-live", recipe=ladder(model, SCALES["quick"])[step].trained, scores=scores)


def test_recorded_and_live_stand_in_one_table_with_marks_and_names() -> None:
    table = recorded_and_live(LADDER, [live("unet", "corrected"), live("unet", "published")], "phantom").reset_index()
    assert table["network"].unique().tolist() == ["U-Net"]
    assert table["trained as"].tolist() == ["published", "corrected"] * 2
    assert table["numbers"].tolist() == ["recorded: the study's images"] * 2 + ["live: phantom"] * 2
    assert table["made with"][0].startswith("small, ")
    assert table["made with"][2:].tolist() == ["quick", "quick"]
    recipes = ladder("unet", SCALES["quick"])
    assert table["run"][2:].tolist() == [recipes[step].trained.id for step in ("published", "corrected")]
    assert set(table["test images"][2:]) == {"1.00 [1.00, 1.00]"}


@pytest.mark.parametrize("step", ["published", "corrected"])
def test_numbers_of_a_recorded_run_are_those_of_its_file(step: str) -> None:
    content = json.loads(
        gzip.decompress((RESULTS / f"tumorseg-small-ladder/segnet-{step}-published-0.json.gz").read_bytes())
    )
    scores = zip(content["scores"]["split"], content["scores"]["border_dice"], strict=True)
    dice: dict[str, list[float]] = {}
    for split, value in scores:
        dice.setdefault(split, []).extend([] if value is None else [value])
    table = recorded_and_live(LADDER, [live("segnet", "corrected")], "tumorseg").xs(step, level="trained as")
    row = table.iloc[0]
    assert row["run"] == content["name"]
    assert row["training images"] == f"{np.mean(dice['train']):.2f}"
    assert row["test images"].startswith(f"{np.mean(dice['test']):.2f} [")
    about = content["provenance"]
    assert row["made with"] == f"small, {about['made_with']['device']}, {about['finished'][:10]}"


def test_logs_of_recorded_runs_as_published_stand_below_that_of_the_study() -> None:
    path = RESULTS / "tumorseg-small-ladder/segnet-published-published-0.json.gz"
    content = json.loads(gzip.decompress(path.read_bytes()))
    table = log_and_recorded("segnet", LADDER)
    assert table.index.tolist() == [("the study", ""), ("small", content["name"])]
    last = {name: values[-1] for name, values in content["history"].items()}
    measures = {"accuracy": "accuracy", "mean IoU": "mean_iou", "Dice": "dice"}
    for title, measure in measures.items():
        assert table[title, "training"].iloc[1] == last[measure]
        assert table[title, "validation"].iloc[1] == last[f"val_{measure}"]
    assert table["Dice", "validation"].iloc[0] == 0.0444


def test_a_scale_without_a_name_is_told_by_its_sizes() -> None:
    record = live("deeplab", "corrected")
    record = replace(record, recipe=replace(record.recipe, size=96, width=4))
    table = recorded_and_live([], [record], "tumorseg").reset_index()
    assert table.loc[0, "numbers"] == "live: the study's images"
    assert table.loc[0, "made with"] == "96 px, width 4"


def test_every_recorded_table_can_be_traced_to_its_runs() -> None:
    names = {record.name.split("-")[3] for record in LADDER}
    table = run_names(by_step(LADDER))
    assert list(table.columns) == [TITLES[model] for model in MODELS]
    assert set(table.index) <= set(STEPS.values())
    assert set(table.to_numpy().ravel()) - {""} == names
    kinds = run_names(by_attention(recorded_runs("tumorseg-quick-attention")))
    assert kinds.loc["gate", "Modified DeepLab"] == ""
    assert kinds.loc["none"].str.len().eq(8).all()
