"""Which images a recipe trains and validates on, and with whose masks."""

import numpy as np
from numpy.typing import NDArray

from brainseg.data import VALIDATION_SHARE
from brainseg.data.prepared import Prepared
from brainseg.experiments.recipe import Recipe


def split_rows(recipe: Recipe, prepared: Prepared) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows to train on and rows to validate on, as the recipe says.

    Where borders are learnt, an image without one is in neither: that nothing was drawn on it does not mean that
    nothing is there.
    """
    training, validation = (prepared.rows(name, recipe.split, recipe.fold) for name in ("train", "valid"))
    if recipe.preset.validation == "last_fifth":
        kept = int(len(training) * (1 - VALIDATION_SHARE))
        training, validation = training[:kept], training[kept:]
    if recipe.labels == "border":
        known = ~prepared.table["flags"].str.contains("no_border").to_numpy()
        training, validation = training[known[training]], validation[known[validation]]
    return training, validation


def label_rows(recipe: Recipe, prepared: Prepared) -> NDArray[np.intp]:
    """For every row, the row whose mask it is trained or validated on: its own, unless the recipe shuffles the labels.

    Shuffled, the masks of the training images are dealt out anew among them, and so are those of the validation images:
    then nothing that is known of an image's own tumour decides the weights, nor which of them are kept.
    """
    rows = np.arange(len(prepared.table))
    if recipe.pairing == "shuffled":
        random = np.random.default_rng(recipe.seed)
        for part in split_rows(recipe, prepared):
            rows[part] = random.permutation(part)
    return rows
