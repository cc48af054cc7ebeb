"""Splits of a data set that keep each patient on one side."""

import warnings

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from brainseg.errors import BrainsegError

FOLDS = 5
AT_LEAST = 6
NOBODY = ""
"""Split of images whose patient is not known: they cannot be placed safely, and are left out."""


def patient_split(table: pd.DataFrame, seed: int = 0) -> pd.Series:
    """Assign every image to train, valid or test, so that all images of a patient come to the same one.

    A fifth of the images becomes test, a fifth of the rest valid (more if there are fewer than ten patients), with the
    tumour types in about equal shares.

    Args:
        table: One row per image with ``patient`` (one value per person, "" if unknown) and ``tumour_type``.
        seed: Another seed is another split.

    Returns:
        ``"train"``, ``"valid"`` or ``"test"``, or "" where the patient is unknown; index as in ``table``.

    >>> table = pd.DataFrame({"patient": list("aabbccddeeffgghhiijj"), "tumour_type": ["glioma"] * 20})
    >>> table.groupby(patient_split(table))["patient"].nunique().to_dict()
    {'test': 2, 'train': 6, 'valid': 2}
    """
    known = table[table["patient"] != ""]
    if (patients := known["patient"].nunique()) < AT_LEAST:
        raise BrainsegError(f"received {patients} patients, expected {AT_LEAST} or more: use a larger data set")
    split = pd.Series(NOBODY, table.index, dtype=str)
    split[known.index] = "train"
    for name in ("test", "valid"):
        rest = known[split[known.index] == "train"]
        split[_fold(rest, seed)] = name
    return split


def _fold(table: pd.DataFrame, seed: int) -> pd.Index:
    """Rows of one fold, with at least one patient; where every type is rarer than there are folds, of any types."""
    folds = max(2, min(FOLDS, table["patient"].nunique() // 2))
    frequent = table["tumour_type"].value_counts().max() >= folds
    types = table["tumour_type"] if frequent else np.zeros(len(table))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a type is rarer than there are folds
        _, rows = next(splitter.split(table, types, table["patient"]))
    fold: pd.Index = table.index[rows]
    return fold
