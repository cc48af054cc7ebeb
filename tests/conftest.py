"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real data set; skips where it is not there."""
    root = Path(os.environ.get("BRAINSEG_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (root / "tumorseg-coco").is_dir():
        pytest.skip(f"the real data set is not at {root}: set BRAINSEG_DATA to its folder")
    return root
