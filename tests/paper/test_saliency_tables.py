"""How the tables read the scores of saliency maps."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from brainseg import plotting
from brainseg.experiments.ladder import recipe_at
from brainseg.experiments.recipe import SCALES
from brainseg.experiments.recorded import MAP_SCORES
from brainseg.experiments.run import Record
from brainseg.paper.saliency_tables import ABLATED, CONTROLLED, against_controls, by_shuffle, destroyed, guidance
from brainseg.scores.statistics import over_folds


def made_up(**energies: list[float]) -> pd.DataFrame:
    """Scores of maps with the given energies in six images of six patients; a name that ends in _ is a control."""
    rows = [
        dict.fromkeys(MAP_SCORES, 0.5)
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
    assert "stability" not in CONTROLLED


def test_what_is_left_is_that_of_the_copy_with_every_part_destroyed() -> None:
    rows = [
        {"model": model, "map": name, "shuffle": shuffle, "parts": parts, "correlation": (value + shift) / parts}
        for model, name, value in (
            ("segnet", "gradient", 0.8),
            ("unet", "gradient", 0.4),
            ("unet", "attention", np.nan),
        )
        for shuffle, shift in enumerate((-0.6, 0.6))
        for parts in (2, 1)
    ]
    table = destroyed(pd.DataFrame(rows))
    assert table.columns.tolist() == ["U-Net", "SegNet", "mean"]
    assert table.loc["gradient"].to_dict() == pytest.approx({"U-Net": 0.2, "SegNet": 0.4, "mean": 0.3})
    ends: Any = by_shuffle(pd.DataFrame(rows))
    assert ends.loc[("unet", "gradient"), ["lowest", "highest"]].tolist() == pytest.approx([-0.1, 0.5])
    assert not ends["turned"].any()
    lower = pd.DataFrame(rows).assign(correlation=lambda table: table["correlation"] - 0.15)
    assert by_shuffle(lower)["turned"].to_dict() == {("segnet", "gradient"): False, ("unet", "gradient"): True}
    assert ("unet", "attention") not in ends.index


def guided_records(dice: dict[float, list[float]]) -> list[Record]:
    """Runs of U-Net, by their weight of guidance and the fold, with the same Dice in both test images of a fold."""
    return [
        Record(
            "run",
            recipe_at("corrected", "unet", SCALES["quick"], fold=fold, guidance=weight),
            pd.DataFrame({"loss": [2 * value, value]}),
            pd.DataFrame({"split": "test", "patient": ["a", "b"], "number": [2 * fold, 2 * fold + 1]}).assign(
                border_dice=value
            ),
            {},
        )
        for weight, of_folds in dice.items()
        for fold, value in enumerate(of_folds)
    ]


def test_guidance_is_compared_with_no_guidance_on_the_same_images_fold_by_fold() -> None:
    folds = np.arange(6) // 2
    without = made_up(gradient=[0.2, 0.3] * 3).assign(guidance=0.0, fold=folds)
    gains = np.array([0.2, 0.2, 0.4, 0.4, 0.3, np.nan])
    maps = pd.concat([without, without.assign(guidance=1.0, energy=without["energy"] + gains)])
    flat = guidance(guided_records({0.0: [0.7] * 3, 1.0: [0.5] * 3}), maps)
    table: Any = flat.set_index(["score", "weight"])
    assert set(table.index.get_level_values("score")) == set(ABLATED)
    expected = {("dice", 0.0): 0.7, ("dice", 1.0): 0.5, ("energy", 0.0): 0.25, ("energy", 1.0): 0.54}
    assert {key: table.loc[key, "mean"] for key in expected} == pytest.approx(expected)
    assert table.loc[("energy", 1.0), ["images", "patients"]].tolist() == [5, 5]
    ends = ["difference", "difference_low", "difference_high"]
    gain = over_folds([0.2, 0.4, 0.3])  # not weighted by images: a fold is one observation
    assert table.loc[("energy", 1.0), ends].tolist() == pytest.approx([gain.mean, gain.low, gain.high])
    assert table.loc[("dice", 1.0), ends].tolist() == pytest.approx([-0.2] * 3)
    assert table.loc[("dice", 1.0), ["folds", "lower"]].tolist() == [3, 3]
    assert table.loc[("energy", 1.0), ["folds", "lower"]].tolist() == [3, 0]
    assert table.loc[("dice", 0.0), ends].isna().all()
    panels = plotting.guidance(flat, ABLATED).axes
    assert [ax.get_title(loc="left").replace("\n", " ") for ax in panels] == list(ABLATED.values())
    hollow, filled = (line for line in panels[0].get_lines() if line.get_marker() == "o")
    assert [*np.asarray(hollow.get_ydata()), *np.asarray(filled.get_ydata())] == pytest.approx([0.7, 0.5])
