"""Scores of saliency maps, read: what beats the controls, what is left of a destroyed network, what guidance does."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from brainseg.experiments.recorded import MAP_SCORES
from brainseg.experiments.run import Record
from brainseg.experiments.select import collect
from brainseg.models import MODELS, TITLES
from brainseg.scores.statistics import bootstrap_mean, over_folds, paired_difference

CONTROLLED = tuple(name for name in MAP_SCORES if name != "stability")
"""The scores that a control can be compared in. A map that never changes is perfectly stable, so stability is none."""

ABLATED = {"dice": "Dice", **{name: MAP_SCORES[name] for name in ("energy", "pointing", "deletion", "insertion")}}
"""What guidance may change: the mask's agreement with the border, and scores of a map; and what tables call them."""

ALIKE = 0.2
"""The rank correlation from which on two maps count as alike in part, and below its opposite as partly reversed."""

SIZES = ("smallest third", "middle third", "largest third")


def against_controls(scores: pd.DataFrame, names: Sequence[str] = CONTROLLED) -> pd.DataFrame:
    """Every method beside the best control, on the same images of the same network.

    Args:
        scores: As :func:`brainseg.experiments.saliency.score_maps` gives them, with the column ``model``.
        names: Which scores.

    Returns:
        One row for each score, network and method: ``score``, ``model``, ``map``, ``control`` (the one with the best
        mean), ``mean`` (how much better the method is), ``low`` and ``high`` (ends of the 95 % interval over patients
        and images), ``images``, and ``verdict``: better, worse, or no different if the interval includes zero.
    """
    rows = []
    for name in names:
        sign = -1 if name == "deletion" else 1
        for model, of_model in scores.groupby("model", sort=False):
            table = of_model.assign(value=sign * of_model[name], seed=0)
            maps = dict(iter(table.groupby("map", sort=False)))
            controls = {key: rows_["value"].mean() for key, rows_ in maps.items() if rows_["kind"].iat[0] == "control"}
            best = max(controls, key=lambda key: controls[key])
            for method in (key for key in maps if key not in controls):
                found = paired_difference(maps[method], maps[best])
                verdict = "better" if found.low > 0 else "worse" if found.high < 0 else "no different"
                names_ = {"score": name, "model": model, "map": method, "control": best}
                ends = {"mean": found.mean, "low": found.low, "high": found.high}
                rows.append(names_ | ends | {"images": found.images, "verdict": verdict})
    return pd.DataFrame(rows)


def sizes(scores: pd.DataFrame) -> pd.Series:
    """Say of each image, by its number, in which third by size its tumour is, see :data:`SIZES`.

    >>> sizes(pd.DataFrame({"number": [7, 8, 9], "area": [0.1, 0.3, 0.2]})).to_dict()
    {7: 'smallest third', 8: 'largest third', 9: 'middle third'}
    """
    tumours = scores.drop_duplicates("number").set_index("number")["area"]
    return pd.cut(tumours, [-np.inf, *tumours.quantile([1 / 3, 2 / 3]), np.inf], labels=SIZES).astype(str)


def destroyed(randomisation: pd.DataFrame) -> pd.DataFrame:
    """How alike the maps of a network are to those of its copy in which every part is destroyed.

    Args:
        randomisation: As :func:`brainseg.experiments.saliency.randomisation` gives it, with the column ``model``.

    Returns:
        Means over shuffles of the weights: one row for each map, lowest mean first; one column for each network, and
        ``mean`` over those that have a value.
    """
    last = _all_destroyed(randomisation)
    table = last.pivot_table("correlation", "map", "model")
    table = table[[name for name in MODELS if name in table]].rename(columns=TITLES).rename_axis(columns=None)
    return table.assign(mean=table.mean(axis="columns")).sort_values("mean")


def by_shuffle(randomisation: pd.DataFrame) -> pd.DataFrame:
    """The same of every single shuffle, of each network (its key) and map; shuffles that leave even maps are left out.

    Returns:
        ``lowest`` and ``highest`` correlation, and ``turned``: whether one is above :data:`ALIKE` and one below −ALIKE.
    """
    alike = _all_destroyed(randomisation).dropna(subset="correlation").groupby(["model", "map"])["correlation"]
    ends = alike.agg(["min", "max"]).set_axis(["lowest", "highest"], axis="columns")
    return ends.assign(turned=(ends["lowest"] < -ALIKE) & (ends["highest"] > ALIKE))


def _all_destroyed(randomisation: pd.DataFrame) -> pd.DataFrame:
    return randomisation[randomisation["parts"] == randomisation.groupby("model")["parts"].transform("max")]


def guidance(records: Sequence[Record], scores: pd.DataFrame) -> pd.DataFrame:
    """What guidance in training changes: masks on all test images, maps of gradients on those that are explained.

    Args:
        records: Runs of one seed over folds, with several weights of the guidance term, 0 among them.
        scores: Scores of the maps of the same runs, as :func:`brainseg.experiments.recorded.recorded_saliency` has
            them.

    Returns:
        One row for each score of :data:`ABLATED`, network and weight: ``score``, ``model``, ``weight``; the mean with
        the ends of its 95 % interval over patients, ``mean``, ``low``, ``high``; and its difference from the networks
        without guidance on the images that both have a score of, with the interval of
        :func:`brainseg.scores.statistics.over_folds`: ``difference``, ``difference_low``, ``difference_high``; of how
        many ``images``, ``patients`` and ``folds``, and in how many of these it is ``lower``. All seven are NaN in rows
        without guidance.
    """
    dice = [
        collect([run], "border_dice").assign(model=run.recipe.model, guidance=run.recipe.guidance, fold=run.recipe.fold)
        for run in records
    ]
    maps = scores[scores["map"] == "gradient"]
    table = []
    for name in ABLATED:
        values = pd.concat(dice) if name == "dice" else maps.assign(value=maps[name])
        networks: dict[Any, pd.DataFrame] = dict(iter(values.assign(seed=0).groupby(["model", "guidance"])))
        for model, weight in sorted(networks, key=lambda key: (MODELS.index(key[0]), key[1])):
            found = networks[model, weight].dropna(subset="value")
            row = {"score": name, "model": model, "weight": weight, **asdict(bootstrap_mean(found))}
            if weight:
                without = networks[model, 0].dropna(subset="value")
                both = found.merge(without, on=["fold", "number"], suffixes=("", "_without"))
                changes = (both["value"] - both["value_without"]).groupby(both["fold"]).mean()
                change = over_folds(changes)
                row |= {"difference": change.mean, "difference_low": change.low, "difference_high": change.high}
                row |= {"images": len(both), "patients": both["patient"].nunique()}
                row |= {"folds": len(changes), "lower": int((changes < 0).sum())}
            table.append(row)
    return pd.DataFrame(table)
