"""The split by patient: nobody on two sides, types in about equal shares."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainseg.data.cases import cases
from brainseg.data.cheng import read_borders
from brainseg.data.coco import read_dataset
from brainseg.data.prepare import prepare
from brainseg.data.split import patient_split
from brainseg.errors import BrainsegError
from tests.data_fixtures import write_dataset

TYPES = ("meningioma", "glioma", "pituitary")


def people(images: list[int], seed: int = 0) -> pd.DataFrame:
    """A table of so many images for each patient, in mixed order."""
    patients = [f"{number:03d}" for number, count in enumerate(images) for _ in range(count)]
    types = [TYPES[int(patient) % 3] for patient in patients]
    return pd.DataFrame({"patient": patients, "tumour_type": types}).sample(frac=1, random_state=seed)


@given(st.lists(st.integers(1, 20), min_size=6, max_size=60), st.integers(0, 5))
def test_every_image_is_placed_and_no_patient_twice(images: list[int], seed: int) -> None:
    table = people(images)
    split = patient_split(table, seed)
    assert set(split) == {"train", "valid", "test"}
    assert (table.groupby("patient")["patient"].transform(lambda p: split[p.index].nunique()).astype(int) == 1).all()


def test_shares_and_types_are_about_equal() -> None:
    table = people([int(n) for n in np.random.default_rng(0).integers(5, 20, 90)])
    split = patient_split(table)
    shares = split.value_counts(normalize=True)
    assert shares["test"] == pytest.approx(0.2, abs=0.03)
    assert shares["valid"] == pytest.approx(0.16, abs=0.03)
    types = pd.crosstab(split, table["tumour_type"], normalize="index")
    assert (types - types.mean()).abs().max().max() < 0.05


def test_the_same_seed_gives_the_same_split_whatever_the_index() -> None:
    table = people([3] * 30)
    split = patient_split(table, seed=1)
    np.testing.assert_array_equal(split, patient_split(table.reset_index(drop=True), seed=1))
    assert (split != patient_split(table, seed=2)).any()


def test_images_of_unknown_patients_are_left_out() -> None:
    table = people([3] * 30)
    table.iloc[7, 0] = ""
    assert patient_split(table).iloc[7] == ""


def test_too_few_patients_are_refused() -> None:
    with pytest.raises(BrainsegError, match="received 5 patients, expected 6 or more"):
        patient_split(people([2] * 5))


def test_identities_that_differ_in_a_final_letter_are_one_patient(tmp_path: Path) -> None:
    prepared = prepare(write_dataset(tmp_path), 32, tmp_path / "prepared")
    ids, split = prepared.table["patient_id"], prepared.split("patient")
    assert {"500", "500B", "500C"} <= set(ids)
    assert split[ids.str.startswith("500")].nunique() == 1


def test_no_patient_of_the_study_crosses_the_split(real_data: Path) -> None:
    images = list(cases(read_dataset(real_data), read_borders(real_data)))
    borders = [image.border for image in images]
    person = pd.Series([re.sub(r"[A-Z]$", "", border.patient_id) if border else "" for border in borders])
    types = [border.tumour_type if border else "" for border in borders]
    split = patient_split(pd.DataFrame({"patient": [b.patient if b else "" for b in borders], "tumour_type": types}))
    assert split[person != ""].groupby(person[person != ""]).nunique().eq(1).all()
    assert split.value_counts().to_dict() == {"train": 1373, "test": 429, "valid": 344}
    published = np.array([image.split for image in images])
    assert ((split == "test") & (published == "test")).sum() == 55
