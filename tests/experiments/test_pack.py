"""A packed folder: enough to train where there are only Python and JAX; its runs come back."""

import json
import os
import shutil
import subprocess
import sys
import venv
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainseg.data.prepare import Prepared, prepare
from brainseg.errors import BrainsegError
from brainseg.experiments.recipe import recipe_at, scale_named
from brainseg.experiments.run import Run
from brainseg.experiments.train import run_name, train
from brainseg.pack import import_runs, pack
from brainseg.packed import read_data, write_data
from tests.data_fixtures import write_dataset

JAX = ("jax", "jaxlib", "ml_dtypes", "numpy", "numpy.libs", "opt_einsum", "scipy", "scipy.libs")
"""What pip install jax brings, without the description of each package."""

SCALE = scale_named("quick")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    root = write_dataset(tmp_path_factory.mktemp("data"))
    return prepare(root, SCALE.size, root / "prepared")


@pytest.fixture(scope="module")
def packed(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packs") / "pack"
    try:
        pack(folder, prepared, "tumorseg", SCALE.name)
    except BrainsegError as error:
        pytest.skip(f"no wheels can be had here: {error}")
    return folder


def bare_python(folder: Path) -> Path:
    """A Python that has JAX and what it needs, and no other package of this environment."""
    venv.create(folder, with_pip=False)
    (target,) = folder.glob("lib/python*/site-packages")
    there = Path(str(find_spec("numpy").origin)).parents[1]  # type: ignore[union-attr]
    for name in JAX:
        if (there / name).exists():
            (target / name).symlink_to(there / name)
    for found in (path for name in ("jax", "jaxlib") for path in there.glob(f"{name}-*.dist-info")):
        (target / found.name).symlink_to(found)
    return folder / "bin" / "python"


def without_network() -> list[str]:
    """What to put before a command so that it has no network, if that is possible here."""
    command = ["unshare", "--map-root-user", "--net"]
    possible = shutil.which("unshare") and not subprocess.run([*command, "true"], capture_output=True).returncode
    return command if possible else []


def test_data_come_out_as_they_went_in(prepared: Prepared, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    write_data(prepared, tmp_path / "data")
    again = read_data(tmp_path / "data", tmp_path / "prepared")
    assert (again.folder.name, again.size, again.fingerprint) == (
        prepared.folder.name,
        prepared.size,
        prepared.fingerprint,
    )
    np.testing.assert_array_equal(again.images, prepared.images)
    for name, mask in prepared.masks.items():
        np.testing.assert_array_equal(again.masks[name], mask)
    pd.testing.assert_frame_equal(again.table[prepared.table.columns], prepared.table)
    pd.testing.assert_series_equal(again.split("patient"), prepared.split("patient"), check_names=False)


def test_a_pack_trains_without_tensorflow_and_network_and_its_run_comes_back(
    packed: Path, prepared: Prepared, tmp_path: Path
) -> None:
    if not find_spec("jax"):
        pytest.skip("JAX is not installed")
    python = bare_python(tmp_path / "venv")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "KERAS", "TF_"))}
    lacking = "from importlib.util import find_spec\nprint([find_spec(n) for n in ('tensorflow', 'keras', 'pandas')])"
    assert subprocess.run([python, "-c", lacking], env=clean, capture_output=True, text=True).stdout == (
        "[None, None, None]\n"
    )
    command = [*without_network(), str(python), str(packed / "run.py"), "deeplab", "--step", "corrected"]
    done = subprocess.run(command, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    there = Path(done.stdout.strip())
    assert there.parent == packed / "runs"

    store, recipe = tmp_path / "runs", recipe_at("corrected", "deeplab", SCALE).trained
    names = import_runs(packed / "runs", prepared, store)
    assert names == {there.name: run_name(recipe, prepared)}
    found = train(recipe, prepared, store)
    assert found.provenance["made_with"]["backend"].startswith("jax")
    assert found.provenance["trained_as"] == there.name
    assert json.loads(found.to_json())["provenance"]["trained_as"] == there.name
    pd.testing.assert_frame_equal(found.scores, Run.open(there).scores, check_exact=True)
    assert found.model.output_shape == (None, SCALE.size, SCALE.size, 1)
    assert import_runs(packed / "runs", prepared, store) == names

    with pytest.raises(BrainsegError, match=r"trained on images of 64 pixels, expected 128: name its scale"):
        import_runs(packed / "runs", replace(prepared, size=128), store)
    other = replace(prepared, fingerprint="0" * 16)
    with pytest.raises(BrainsegError, match=r"was trained with other data .* than is here \(00000000\)"):
        import_runs(packed / "runs", other, store)


def test_what_cannot_be_packed_or_imported_is_refused(prepared: Prepared, tmp_path: Path) -> None:
    with pytest.raises(BrainsegError, match="which exists; expected a new one"):
        pack(tmp_path, prepared, "tumorseg", SCALE.name)
    with pytest.raises(BrainsegError, match="without a finished run"):
        import_runs(tmp_path, prepared, tmp_path / "runs")


def test_a_pack_says_what_it_does_not_know(packed: Path) -> None:
    done = subprocess.run([sys.executable, packed / "run.py", "resnet"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "invalid choice: 'resnet'" in done.stderr
