"""No input of 100 MB takes a gigabyte more than a process that waits, see :mod:`tests.faults.memory`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.faults.fuzz import GROWTH
from tests.faults.memory import INPUTS


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux says what a read takes at most")
@pytest.mark.parametrize("name", INPUTS)
def test_a_small_file_that_stands_for_much_is_read_or_refused_in_little_memory(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.faults.memory", name, str(tmp_path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    took = {what: grown for what, (_, grown, _) in json.loads(done.stdout).items()}
    assert took.keys() == INPUTS[name].keys()
    assert not {what: grown for what, grown in took.items() if grown > GROWTH}
