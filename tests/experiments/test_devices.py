"""Several devices that share each batch: two that JAX makes of one processor."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainseg.backend import distribute, keras
from brainseg.errors import BrainsegError
from tests.data_fixtures import write_dataset

SCRIPT = """
import json, sys
from pathlib import Path
from typing import Any
from brainseg.backend import distribute
from brainseg.data.prepare import prepare
from brainseg.experiments.recipe import Scale, recipe_at
from brainseg.experiments.train import train

devices, root, store = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
distribute(devices)
recipe = recipe_at(sys.argv[4], "deeplab", Scale("tiny", 16, 2, int(sys.argv[5]), epochs=3))
run = train(recipe, prepare(root, 16, root / "prepared"), store / str(devices))
print(json.dumps({
    "name": run.name,
    "device": run.provenance["made_with"]["device"],
    "loss": run.history["loss"].tolist(),
    "val_loss": run.history["val_loss"].tolist(),
    "images": len(run.scores),
}))
"""
TOLERANCE = 1e-4
"""Relative: the devices' sums are added in another order, and a training multiplies that."""


def trained(devices: int, root: Path, store: Path, step: str, batch: int) -> dict[str, Any]:
    environment = os.environ | {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    command = [sys.executable, "-c", SCRIPT, str(devices), str(root), str(store), step, str(batch)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    content: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return content


@pytest.mark.skipif(not find_spec("jax"), reason="JAX is not installed")
def test_two_devices_train_as_one_does(tmp_path: Path) -> None:
    """DeepLab as published trains on four images, two a step, and validates on one, which both devices then get."""
    root = write_dataset(tmp_path / "data")
    one, two = (trained(devices, root, tmp_path, "published", 2) for devices in (1, 2))
    np.testing.assert_allclose(two["loss"], one["loss"], rtol=TOLERANCE)
    np.testing.assert_allclose(two["val_loss"], one["val_loss"], rtol=TOLERANCE)
    assert two["name"] == one["name"]
    assert str(two["device"]) == f"2 × {one['device']}"
    assert two["images"] == one["images"] == 9


@pytest.mark.skipif(not find_spec("jax"), reason="JAX is not installed")
def test_a_corrected_training_with_batches_of_an_odd_size_ends(tmp_path: Path) -> None:
    losses = trained(2, write_dataset(tmp_path / "data"), tmp_path, "corrected", 3)["loss"]
    assert np.isfinite(losses).all()


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="the backend is JAX")
def test_other_backends_say_what_to_do() -> None:
    with pytest.raises(BrainsegError, match="set KERAS_BACKEND=jax, or leave out the number of devices"):
        distribute(2)
    distribute(1)
