"""Scores of saliency maps, read: means, what beats the controls, and for which tumours."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from brainseg.models import TITLES
from brainseg.saliency.evaluation import SCORES
from brainseg.statistics import paired_difference

CONTROLLED = tuple(name for name in SCORES if name != "stability")
"""The scores that a control can be compared in. A map that never changes is perfectly stable, so stability is none."""

DRAWS = 2000
"""Repetitions of the bootstrap behind an interval: there are hundreds of them."""

SIZES = ("smallest third", "middle third", "largest third")


def averages(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean of every score of every map: over the images of a network, then over the networks.

    Parameters
    ----------
    scores
        As :func:`brainseg.saliency.evaluation.score_maps` gives them, with the column ``model``.

    Returns
    -------
    DataFrame
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

    Parameters
    ----------
    scores
        As for :func:`averages`.
    names
        Which scores.

    Returns
    -------
    DataFrame
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

    Parameters
    ----------
    compared
        As :func:`against_controls` gives it.

    Returns
    -------
    DataFrame
        One row for each method, one column for each score: for example "2 better, 1 worse", or "–" for neither.
    """

    def words(found: pd.Series) -> str:
        counts = found.value_counts()
        return ", ".join(f"{counts[word]} {word}" for word in ("better", "worse") if word in counts) or "–"

    table = compared.groupby(["map", "score"], sort=False)["verdict"].agg(words).unstack()
    return table.loc[compared["map"].unique(), compared["score"].unique()].rename(columns=dict(SCORES))


def sizes(scores: pd.DataFrame) -> pd.Series:
    """Say of each image, by its number, in which third by size its tumour is, see :data:`SIZES`.

    Parameters
    ----------
    scores
        As for :func:`averages`.

    Examples
    --------
    >>> sizes(pd.DataFrame({"number": [7, 8, 9], "area": [0.1, 0.3, 0.2]})).to_dict()
    {7: 'smallest third', 8: 'largest third', 9: 'middle third'}
    """
    tumours = scores.drop_duplicates("number").set_index("number")["area"]
    return pd.cut(tumours, [-np.inf, *tumours.quantile([1 / 3, 2 / 3]), np.inf], labels=SIZES).astype(str)


def by_tumour(scores: pd.DataFrame, name: str, by: str = "map") -> pd.DataFrame:
    """Mean of one score for each type of tumour and for each third of the tumours by their size.

    Parameters
    ----------
    scores
        As for :func:`averages`.
    name
        Which score.
    by
        What the rows are: ``"map"``, or ``"model"``.

    Returns
    -------
    DataFrame
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
