"""A command that is killed again and again, at any moment, ends with what it would have made, when it is left alone."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.data_fixtures import write_dataset

COMMANDS = {
    "phantom": ("data", "make-phantom", "{made}/phantom", "--patients", "8"),
    "prepare": ("data", "prepare", "{data}", "--scale", "small", "--record", "{made}/prepared.json"),
    "train": (
        *("train", "deeplab", "--step", "published", "--dataset", "tumorseg", "--data", "{data}"),
        *("--scale", "quick", "--record", "{made}/record.json"),
    ),
}
KILLS = 7
"""Of each command: more than twenty together."""


def call(command: str, data: Path, made: Path, seconds: float | None = None) -> bool:
    """Call a command, and kill it after so many seconds; whether it ended before."""
    words = [word.format(data=data, made=made) for word in COMMANDS[command]]
    program = [sys.executable, "-c", "from brainseg.cli import app; app()", *words]
    environment = os.environ | {"BRAINSEG_WORKSPACE": str(made / "work")}
    with subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return False
    assert process.returncode == 0, output.decode()
    return True


def what_counts(made: Path) -> dict[str, Any]:
    """What was made: every file, byte for byte; of a training its record, without times and memory."""
    found: dict[str, Any] = {}
    for path in sorted(made.rglob("*")):
        name = str(path.relative_to(made))
        if path.name == "record.json":
            content = json.loads(path.read_text())
            found[name] = content | {"provenance": content["provenance"]["weights"]}
        elif path.is_file() and path.suffix != ".lock" and "runs" not in path.parts and "digests" not in name:
            found[name] = path.read_bytes()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_killed_at_any_moment_ends_with_the_same_bytes(command: str, tmp_path: Path) -> None:
    data, whole, torn = write_dataset(tmp_path / "data"), tmp_path / "whole", tmp_path / "torn"
    whole.mkdir()
    torn.mkdir()
    started = time.monotonic()
    call(command, data, whole)
    lasts, moments, killed = time.monotonic() - started, random.Random(command), 0
    expected = what_counts(whole)
    assert expected
    while killed < KILLS:
        ended = call(command, data, torn, moments.uniform(0.2, 1) * lasts)
        killed += not ended
        if ended or what_counts(torn) == expected:  # killed on its way out: a phantom that is there is not made again
            shutil.rmtree(torn)
            torn.mkdir()
    call(command, data, torn)
    found = what_counts(torn)
    assert set(found) == set(expected)
    assert not [name for name in expected if found[name] != expected[name]]
