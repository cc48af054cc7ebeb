"""How the tables read the scores of saliency maps."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from brainseg import plotting
from brainseg.experiments.ladder import recipe_at
from brainseg.experiments.recipe import SCALES
from brainseg.experiments.run import Record
from brainseg.experiments.saliency import SCORES
from brainseg.paper.saliency_tables import ABLATED, CONTROLLED, against_controls, destroyed, guidance


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
    assert "stability" not in CONTROLLED


def test_what_is_left_is_that_of_the_copy_with_every_part_destroyed() -> None:
    rows = [
        {"model": model, "map": name, "parts": parts, "correlation": value / parts}
        for model, name, value in (
            ("segnet", "gradient", 0.8),
            ("unet", "gradient", 0.4),
            ("unet", "attention", np.nan),
        )
        for parts in (2, 1)
    ]
    table = destroyed(pd.DataFrame(rows))
    assert table.columns.tolist() == ["U-Net", "SegNet", "mean"]
    assert table.loc["gradient"].to_dict() == pytest.approx({"U-Net": 0.2, "SegNet": 0.4, "mean": 0.3})


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
    flat = guidance(guided_records({0.0: 0.7, 1.0: 0.5}), maps)
    table: Any = flat.set_index(["score", "weight"])
    assert set(table.index.get_level_values("score")) == set(ABLATED)
    expected = {("dice", 0.0): 0.7, ("dice", 1.0): 0.5, ("energy", 0.0): 0.25, ("energy", 1.0): 0.65}
    assert {key: table.loc[key, "mean"] for key in expected} == pytest.approx(expected)
    assert table.loc[("energy", 1.0), "difference"] == pytest.approx(0.4)
    assert table.loc[("dice", 1.0), ["difference", "difference_high"]].tolist() == pytest.approx([-0.2, -0.2])
    assert np.isnan(table.loc[("dice", 0.0), "difference"])
    panels = plotting.guidance(flat, ABLATED).axes
    assert [ax.get_title(loc="left").replace("\n", " ") for ax in panels] == list(ABLATED.values())
    hollow, filled = (line for line in panels[0].get_lines() if line.get_marker() == "o")
    assert [*np.asarray(hollow.get_ydata()), *np.asarray(filled.get_ydata())] == pytest.approx([0.7, 0.5])
