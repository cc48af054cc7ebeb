"""What the answers of a run are worth: a row of scores for every image of a data set."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainseg.data.prepared import Prepared
from brainseg.experiments.recipe import Recipe
from brainseg.scores import THRESHOLD
from brainseg.scores.metrics import dice, image_scores, iou


def score(recipe: Recipe, prepared: Prepared, predicted: NDArray[np.bool_]) -> pd.DataFrame:
    """Scores of every image of a data set.

    Args:
        recipe: Says which masks were learnt from and which split was used.
        prepared: The data set.
        predicted: Binary masks, (n, size, size).

    Returns:
        One row per image: ``split`` (the recipe's: train, valid, test, or "" if it is in none), ``published_split``,
        ``patient_split``, ``number``, ``patient``, ``tumour_type``; ``predicted`` and ``labelled``, areas as shares of
        the image; ``dice`` and ``iou`` against the mask that the recipe learns from; and all scores of
        :func:`brainseg.scores.metrics.image_scores` against the tumour's border as ``border_…``, NaN where there is
        none.
    """
    table, own, border = prepared.table, prepared.masks[recipe.mask], prepared.masks["border"]
    scores = table[["number", "patient", "tumour_type"]].copy()
    scores.insert(0, "split", prepared.split(recipe.split, recipe.fold))
    scores.insert(1, "published_split", prepared.split("published"))
    scores.insert(2, "patient_split", prepared.split("patient", recipe.fold or 0))
    scores["predicted"] = predicted.mean(axis=(1, 2))
    scores["labelled"] = np.mean(own, axis=(1, 2))
    scores["dice"], scores["iou"] = dice(predicted, own), iou(predicted, own)
    against_border = image_scores(predicted, np.asarray(border)).add_prefix("border_")
    against_border[table["flags"].str.contains("no_border").to_numpy()] = np.nan
    return scores.join(against_border.set_index(scores.index))


def score_answers(recipe: Recipe, prepared: Prepared, probability: NDArray[np.float32]) -> pd.DataFrame:
    """As :func:`score`, of tumour probabilities, (n, size, size)."""
    return score(recipe, prepared, probability > THRESHOLD)


def read_scores(path: Path) -> pd.DataFrame:
    """Read a table of scores that was written as CSV."""
    texts = dict.fromkeys(("split", "published_split", "patient_split", "patient", "tumour_type"), str)
    scores = pd.read_csv(path, dtype=texts)
    return scores.fillna(dict.fromkeys(texts, ""))
