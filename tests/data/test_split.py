"""Folds: every image is tested once, by patient nobody is on two sides, types have about equal shares."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainseg.data import FOLDS
from brainseg.data.cases import cases
from brainseg.data.cheng import read_borders
from brainseg.data.coco import read_dataset
from brainseg.data.prepare import prepare
from brainseg.data.split import image_folds, patient_folds
from brainseg.errors import BrainsegError
from tests.data_fixtures import write_dataset

TYPES = ("meningioma", "glioma", "pituitary")


def people(images: list[int], seed: int = 0) -> pd.DataFrame:
    """A table of so many images for each patient, in mixed order."""
    patients = [f"{number:03d}" for number, count in enumerate(images) for _ in range(count)]
    types = [TYPES[int(patient) % 3] for patient in patients]
    return pd.DataFrame({"patient": patients, "tumour_type": types}).sample(frac=1, random_state=seed)


@given(st.lists(st.integers(1, 20), min_size=5, max_size=60))
def test_every_image_is_in_one_fold_and_all_of_a_patient_in_the_same(images: list[int]) -> None:
    table = people(images)
    folds = patient_folds(table)
    assert set(folds) == set(range(FOLDS))
    assert folds.groupby(table["patient"]).nunique().eq(1).all()


@given(st.lists(st.integers(1, 20), min_size=5, max_size=60))
def test_folds_by_image_have_equally_many(images: list[int]) -> None:
    sizes = image_folds(people(images)).value_counts()
    assert len(sizes) == min(FOLDS, sum(images))
    assert sizes.max() - sizes.min() <= len(TYPES)


def test_shares_and_types_are_about_equal() -> None:
    table = people([int(n) for n in np.random.default_rng(0).integers(5, 20, 90)])
    folds = patient_folds(table)
    assert folds.value_counts(normalize=True).to_list() == pytest.approx([0.2] * FOLDS, abs=0.01)
    types = pd.crosstab(folds, table["tumour_type"], normalize="index")
    assert (types - types.mean()).abs().max().max() < 0.02


def test_folds_are_the_same_whatever_the_index() -> None:
    table = people([3] * 30)
    for folds in (patient_folds, image_folds):
        np.testing.assert_array_equal(folds(table), folds(table.reset_index(drop=True)))


def test_images_of_unknown_patients_are_in_no_fold_by_patient() -> None:
    table = people([3] * 30)
    table.iloc[7, 0] = ""
    assert patient_folds(table).iloc[7] == -1
    assert image_folds(table).min() == 0


def test_too_few_patients_are_refused() -> None:
    with pytest.raises(BrainsegError, match="received 4 patients, expected 5 or more"):
        patient_folds(people([2] * 4))


@pytest.mark.parametrize("by", ["published", "patient"])
def test_every_image_is_tested_once_and_validates_in_the_fold_before(tmp_path: Path, by: str) -> None:
    prepared = prepare(write_dataset(tmp_path), 32, tmp_path / "prepared")
    splits = pd.DataFrame({fold: prepared.split(by, fold) for fold in range(FOLDS)})
    placed = splits[(splits != "").any(axis=1)]
    assert len(placed)
    for _, row in placed.iterrows():
        (test,) = np.flatnonzero(row == "test")
        assert row[(test - 1) % FOLDS] == "valid"
        assert row.value_counts().to_dict() == {"train": 3, "valid": 1, "test": 1}


def test_a_split_by_patient_needs_a_fold(tmp_path: Path) -> None:
    prepared = prepare(write_dataset(tmp_path), 32, tmp_path / "prepared")
    with pytest.raises(BrainsegError, match="received no fold for the split by patient, expected 0 to 4"):
        prepared.split("patient")


def test_identities_that_differ_in_a_final_letter_are_one_patient(tmp_path: Path) -> None:
    prepared = prepare(write_dataset(tmp_path), 32, tmp_path / "prepared")
    ids, split = prepared.table["patient_id"], prepared.split("patient", 0)
    assert {"500", "500B", "500C"} <= set(ids)
    assert split[ids.str.startswith("500")].nunique() == 1


def test_no_patient_of_the_study_crosses_the_split(real_data: Path) -> None:
    images = list(cases(read_dataset(real_data), read_borders(real_data)))
    borders = [image.border for image in images]
    person = pd.Series([re.sub(r"[A-Z]$", "", border.patient_id) if border else "" for border in borders])
    types = [border.tumour_type if border else "" for border in borders]
    table = pd.DataFrame({"patient": [b.patient if b else "" for b in borders], "tumour_type": types})
    folds = patient_folds(table)
    assert folds[person != ""].groupby(person[person != ""]).nunique().eq(1).all()
    assert pd.crosstab(folds, table["tumour_type"]).to_numpy().tolist() == [[218, 43, 168]] * 4 + [[219, 43, 168]]
    assert image_folds(table).value_counts().to_list() == [430, 429, 429, 429, 429]
