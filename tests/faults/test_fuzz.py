"""Readers refuse with the package's own error whatever is made of a good file, see :mod:`tests.faults.fuzz`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.faults.fuzz import READERS

NUMBER = int(os.environ.get("BRAINSEG_FUZZ", "500"))


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_a_reader_refuses_with_its_own_error_or_not_at_all(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.faults.fuzz", name, str(NUMBER), "0", str(tmp_path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120 + NUMBER)
    assert done.returncode == 0, f"{done.stdout}{done.stderr[-2000:]}; the input is {tmp_path / f'{name}-last'}"
