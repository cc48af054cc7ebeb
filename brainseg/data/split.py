"""Folds of a data set: every image is a test image once, and by patient nobody is on two sides."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from brainseg.data import FOLDS
from brainseg.errors import BrainsegError

NOWHERE = -1
"""Fold of images whose patient is not known: by patient they cannot be placed safely, and are left out."""


def patient_folds(table: pd.DataFrame) -> pd.Series:
    """Assign every image to one of five folds, so that all images of a patient come to the same one.

    The folds have about equally many images, and the tumour types in about equal shares.

    Args:
        table: One row per image with ``patient`` (one value per person, "" if unknown) and ``tumour_type``.

    Returns:
        0 to 4, or -1 where the patient is unknown; index as in ``table``.

    Raises:
        BrainsegError: If there are fewer patients than folds.

    >>> table = pd.DataFrame({"patient": list("aabbccddeeffgghhiijj"), "tumour_type": ["glioma"] * 20})
    >>> table.groupby(patient_folds(table))["patient"].nunique().to_list()
    [2, 2, 2, 2, 2]
    """
    known = table[table["patient"] != ""]
    if (patients := known["patient"].nunique()) < FOLDS:
        raise BrainsegError(f"received {patients} patients, expected {FOLDS} or more: use a larger data set")
    folds = pd.Series(NOWHERE, table.index)
    folds[known.index] = _folds(known["tumour_type"], known["patient"])
    return folds


def image_folds(table: pd.DataFrame) -> pd.Series:
    """As :func:`patient_folds`, but every image by itself, as the study split them: a patient's images are dealt out.

    >>> table = pd.DataFrame({"patient": ["a"] * 10, "tumour_type": ["glioma"] * 10})
    >>> image_folds(table).value_counts().to_list()
    [2, 2, 2, 2, 2]
    """
    return pd.Series(_folds(table["tumour_type"], pd.Series(range(len(table)))), table.index)


def _folds(types: pd.Series, groups: pd.Series) -> NDArray[np.intp]:
    """Number of the fold of each row; types have a say where that leaves no fold without a row."""
    by_type = _assigned(types.to_numpy(), groups)
    return by_type if len(np.unique(by_type)) == FOLDS else _assigned(np.zeros(len(types)), groups)


def _assigned(types: NDArray[Any], groups: pd.Series) -> NDArray[np.intp]:
    folds = np.full(len(types), NOWHERE)
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a type is rarer than there are folds
        try:
            for number, (_, rows) in enumerate(splitter.split(types, types, groups)):
                folds[rows] = number
        except ValueError:  # every type is rarer than there are folds
            return folds
    return folds
