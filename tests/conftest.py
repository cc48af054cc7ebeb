"""Fixtures shared by all tests."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("steady", deadline=None, derandomize=True)  # slow moments of a busy machine are no failures
settings.load_profile("steady")

REPOSITORY = Path(__file__).resolve().parents[1]

Brainseg = Callable[..., int]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real data set; skips where it is not there."""
    root = Path(os.environ.get("BRAINSEG_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (root / "tumorseg-coco").is_dir():
        pytest.skip(f"the real data set is not at {root}: set BRAINSEG_DATA to its folder")
    return root


@pytest.fixture
def brainseg(monkeypatch: pytest.MonkeyPatch) -> Brainseg:
    """Runs the command line with some arguments, and gives its exit status."""

    def run(*arguments: object) -> int:
        from brainseg import cli

        monkeypatch.setattr(sys, "argv", ["brainseg", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.app()
        return int(stopped.value.code or 0)

    return run
