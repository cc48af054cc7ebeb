"""A packed folder trains on a machine with JAX alone, and its runs come back."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from brainseg.data.prepare import Prepared, prepare
from brainseg.experiments.ladder import recipe_at
from brainseg.experiments.recipe import scale_named
from brainseg.experiments.train import train
from tests.conftest import REPOSITORY
from tests.data_fixtures import write_dataset

pytestmark = pytest.mark.slow
PACK = (sys.executable, REPOSITORY / "scripts" / "pack.py")
THERE = ("jax", "jaxlib", "ml_dtypes", "numpy", "numpy.libs", "opt_einsum", "scipy", "scipy.libs")


def bare_python(folder: Path) -> Path:
    """A Python that has JAX and what JAX needs, and nothing else."""
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    installed = Path(sysconfig.get_path("purelib"))
    for name in THERE:
        for found in [installed / name, *installed.glob(f"{name}-*.dist-info")]:
            if found.exists():
                (site / found.name).symlink_to(found)
    return folder / "bin" / "python"


def without_network() -> list[str]:
    """What to put before a command so that it has no network, if that is possible here."""
    command = ["unshare", "--map-root-user", "--net"]
    possible = shutil.which("unshare") and not subprocess.run([*command, "true"], capture_output=True).returncode
    return command if possible else []


def run(*command: object, **environment: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "KERAS", "TF_"))}
    done = subprocess.run([*map(str, command)], env=clean | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(not find_spec("jax"), reason="JAX is not installed")
def test_a_pack_trains_without_tensorflow_and_network_and_its_run_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_dataset(tmp_path / "data")
    place = ("--dataset", "tumorseg", "--data", root, "--scale", "quick")
    work = {"BRAINSEG_WORKSPACE": str(tmp_path / "work")}
    packed = tmp_path / "packed"
    run(*PACK, "pack", packed, *place, **work)
    assert sum(path.stat().st_size for path in packed.rglob("*") if path.is_file()) < 200e6

    moved = packed.rename(tmp_path / "moved")
    python = bare_python(tmp_path / "venv")
    there = Path(
        run(*without_network(), python, moved / "run.py", "deeplab", "--step", "corrected", "--epochs", 4).strip()
    )
    assert there.parent == moved / "runs"
    assert run(*PACK, "bring", moved / "runs", *place, **work).startswith(f"{there.name} is deeplab-64-")

    prepared: Prepared = prepare(root, 64, tmp_path / "work" / "prepared")
    monkeypatch.setattr("brainseg.experiments.train.fit", None)
    scale = replace(scale_named("quick"), epochs=4)
    found = train(recipe_at("corrected", "deeplab", scale), prepared, tmp_path / "work" / "runs")
    assert found.provenance["made_with"]["backend"].startswith("jax")
    assert json.loads(found.to_json())["provenance"]["trained_as"] == there.name

    (there / "run.json").write_text((there / "run.json").read_text().replace(prepared.fingerprint, "0" * 16))
    refused = subprocess.run(
        [*PACK, "bring", moved / "runs", *place], capture_output=True, text=True, env=os.environ | work
    )
    assert refused.returncode == 1
    assert "was trained with other data" in refused.stderr
