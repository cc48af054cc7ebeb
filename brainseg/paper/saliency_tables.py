"""Scores of saliency maps, read: means, what beats the controls, and for which tumours."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from brainseg.experiments.run import Record
from brainseg.experiments.saliency import SCORES
from brainseg.experiments.select import collect
from brainseg.models import MODELS, TITLES
from brainseg.scores.statistics import bootstrap_mean, paired_difference

CONTROLLED = tuple(name for name in SCORES if name != "stability")
"""The scores that a control can be compared in. A map that never changes is perfectly stable, so stability is none."""

DRAWS = 2000
"""Repetitions of the bootstrap behind an interval: there are hundreds of them."""

ABLATED = {"dice": "Dice", **{name: SCORES[name] for name in ("energy", "pointing", "deletion", "insertion")}}
"""What guidance may change: the mask's agreement with the border, and scores of a map; and what tables call them."""

SIZES = ("smallest third", "middle third", "largest third")


def averages(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean of every score of every map: over the images of a network, then over the networks.

    Args:
        scores: As :func:`brainseg.experiments.saliency.score_maps` gives them, with the column ``model``.

    Returns:
        One row for each map, methods before controls, by ``kind`` and ``map``; a column for each score.
    """
    means = scores.groupby(["kind", "map", "model"], sort=False)[list(SCORES)].mean()
    return (
        means.groupby(["kind", "map"], sort=False)
        .mean()
        .sort_index(level="kind", ascending=False, sort_remaining=False)
    )


def against_controls(scores: pd.DataFrame, names: Sequence[str] = CONTROLLED) -> pd.DataFrame:
    """Every method beside the best control, on the same images of the same network.

    Args:
        scores: As for :func:`averages`.
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
                found = paired_difference(maps[method], maps[best], draws=DRAWS)
                verdict = "better" if found.low > 0 else "worse" if found.high < 0 else "no different"
                rows.append(
                    {"score": name, "model": model, "map": method, "control": best, "mean": found.mean}
                    | {"low": found.low, "high": found.high, "images": found.images, "verdict": verdict}
                )
    return pd.DataFrame(rows)


def verdicts(compared: pd.DataFrame) -> pd.DataFrame:
    """In how many networks a method is better than the best control, and in how many worse.

    Args:
        compared: As :func:`against_controls` gives it.

    Returns:
        One row for each method, one column for each score: for example "2 better, 1 worse", or "–" for neither.
    """

    def words(found: pd.Series) -> str:
        counts = found.value_counts()
        return ", ".join(f"{counts[word]} {word}" for word in ("better", "worse") if word in counts) or "–"

    table = compared.groupby(["map", "score"], sort=False)["verdict"].agg(words).unstack()
    return table.loc[compared["map"].unique(), compared["score"].unique()].rename(columns=dict(SCORES))


def sizes(scores: pd.DataFrame) -> pd.Series:
    """Say of each image, by its number, in which third by size its tumour is, see :data:`SIZES`.

    Args:
        scores: As for :func:`averages`.

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
        One row for each map, lowest mean first; one column for each network, and ``mean`` over those that have a value.
    """
    last = randomisation.sort_values("parts").groupby(["model", "map"]).tail(1)
    table = last.pivot_table("correlation", "map", "model")
    table = table[[name for name in MODELS if name in table]].rename(columns=TITLES).rename_axis(columns=None)
    return table.assign(mean=table.mean(axis="columns")).sort_values("mean")


def by_tumour(scores: pd.DataFrame, name: str, by: str = "map") -> pd.DataFrame:
    """Mean of one score for each type of tumour and for each third of the tumours by their size.

    Args:
        scores: As for :func:`averages`.
        name: Which score.
        by: What the rows are: ``"map"``, or ``"model"``.

    Returns:
        One row for each map or network; columns: types of tumour, then :data:`SIZES`; a mean over all images.
    """
    table = scores.assign(size=scores["number"].map(sizes(scores)))
    parts = [table.pivot_table(name, by, group, sort=False) for group in ("tumour_type", "size")]
    known = [
        [kind for kind in wanted if kind in part]
        for part, wanted in zip(parts, (sorted(map(str, parts[0])), SIZES), strict=True)
    ]
    joined = pd.concat([part[columns] for part, columns in zip(parts, known, strict=True)], axis=1)
    return joined.loc[scores[by].unique()].rename(index=TITLES)


def guidance(records: Sequence[Record], scores: pd.DataFrame, method: str = "gradient") -> pd.DataFrame:
    """What guidance in training changes: masks on all test images, maps of one method on those that are explained.

    Args:
        records: Runs of one seed with several weights of the guidance term, 0 among them.
        scores: Scores of the maps of the same runs, as :func:`brainseg.experiments.recorded.recorded_saliency` has
            them.
        method: Which maps.

    Returns:
        One row for each score of :data:`ABLATED`, network and weight: ``score``, ``model``, ``weight``; the mean with
        the ends of its 95 % interval, ``mean``, ``low``, ``high``, and ``images``; and the same for its difference from
        the network without guidance on the same images, ``difference``, ``difference_low``, ``difference_high`` and
        ``common`` (images), NaN and 0 in its own row.
    """
    values: dict[Any, dict[str, pd.DataFrame]] = {
        (record.recipe.model, record.recipe.guidance): {"dice": _dice(record)} for record in records
    }
    for key, rows in scores[scores["map"] == method].groupby(["model", "guidance"]):
        values[key] |= {name: rows.assign(seed=0, value=rows[name]) for name in ABLATED if name != "dice"}
    table = []
    for name in ABLATED:
        for model, weight in sorted(values, key=lambda key: (MODELS.index(key[0]), key[1])):
            found, before = values[model, weight][name], values[model, 0][name]
            mean = bootstrap_mean(found, draws=DRAWS)
            row = {"score": name, "model": model, "weight": weight, "mean": mean.mean, "low": mean.low}
            row |= {"high": mean.high, "images": int(found["value"].notna().sum())}
            difference = paired_difference(found, before, draws=DRAWS) if weight else None
            row |= {
                "difference": difference.mean if difference else np.nan,
                "difference_low": difference.low if difference else np.nan,
                "difference_high": difference.high if difference else np.nan,
                "common": difference.images if difference else 0,
            }
            table.append(row)
    return pd.DataFrame(table)


def guidance_shown(table: pd.DataFrame, what: str = "mean") -> pd.DataFrame:
    """The rows of :func:`guidance` as texts: one row for each network and weight, one column for each score.

    Args:
        table: As :func:`guidance` gives it.
        what: ``"mean"``, or ``"difference"`` from the network without guidance, which then has no row.
    """
    low, high = ("low", "high") if what == "mean" else ("difference_low", "difference_high")
    sign = "" if what == "mean" else "+"
    texts = [f"{row[what]:{sign}.2f} [{row[low]:{sign}.2f}, {row[high]:{sign}.2f}]" for _, row in table.iterrows()]
    shown = table.assign(text=texts, network=table["model"].map(TITLES)).dropna(subset=what)
    wide = shown.pivot(index=["network", "weight"], columns="score", values="text")
    return wide.loc[shown["network"].unique(), list(ABLATED)].rename(columns=ABLATED).rename_axis(columns=None)


def labels(table: pd.DataFrame) -> pd.DataFrame:
    """How much less alike maps are to those of a network that learned shuffled labels than to those of another seed.

    Args:
        table: As :func:`brainseg.experiments.recorded.recorded_labels` gives it.

    Returns:
        One row for each network and method: ``model``, ``map``, mean correlations with the map ``another seed`` and the
        one after ``shuffled labels``, and the mean ``difference`` of the two on the same images with its 95 % interval,
        ``low`` and ``high``; ``images``. A map that does not depend on what was learned has a difference of 0.
    """
    rows = []
    for (model, name), found in table.groupby(["model", "map"], sort=False):
        sides = dict(iter(found.assign(seed=0, value=found["correlation"]).groupby("network")))
        seed, shuffled = sides["another seed"], sides["shuffled labels"]
        drop = paired_difference(seed, shuffled, draws=DRAWS)
        rows.append(
            {"model": model, "map": name, "another seed": seed["value"].mean()}
            | {"shuffled labels": shuffled["value"].mean(), "difference": drop.mean, "low": drop.low}
            | {"high": drop.high, "images": drop.images}
        )
    return pd.DataFrame(rows)


def _dice(record: Record) -> pd.DataFrame:
    """Dice against the border of every test image, whatever the seed."""
    return collect([record], "border_dice").assign(seed=0)
