"""What trainings took, by what was recorded of those like them."""

from dataclasses import replace

import numpy as np
import pytest

from brainseg.experiments.matrix import read_matrix
from brainseg.experiments.plan import NEEDS, plan
from brainseg.experiments.recipe import SCALES
from brainseg.experiments.recorded import recorded_runs


def test_a_recorded_run_takes_what_it_took() -> None:
    matrix = replace(read_matrix()["corrected"], models=("segnet",))
    (row,) = plan([matrix]).to_dict("records")
    (run,) = (run for run in recorded_runs("corrected") if run.recipe.model == "segnet")  # the only one of its kind
    assert row["run"] == "segnet-corrected-published"
    assert row["recorded"] == "yes"
    assert row["minutes"] == pytest.approx(run.provenance["seconds"] / 60)


def test_another_seed_takes_as_long_and_another_training_is_not_known() -> None:
    matrix = replace(read_matrix()["corrected"], models=("unet",), recorded=False)
    other_seed, other = plan([replace(matrix, seeds=(7,)), replace(matrix, steps=("published",))]).to_dict("records")
    assert other_seed["minutes"] > 0
    assert other_seed["recorded"] == "no"
    assert np.isnan([other["minutes"], other["memory_mb"]]).all()


def test_every_scale_says_what_its_jobs_need() -> None:
    assert list(NEEDS) == list(SCALES)
