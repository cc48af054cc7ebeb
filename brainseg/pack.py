"""A folder that is enough to train on another machine, without network and TensorFlow; and the way back of its runs."""

import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock

from brainseg.data.prepared import Prepared
from brainseg.errors import BrainsegError
from brainseg.experiments.recipe import Recipe
from brainseg.experiments.train import run_name
from brainseg.fingerprint import PACKAGE, code_fingerprint, commit, source_files
from brainseg.packed import CONTENTS, write_data

NEEDED = ("filelock", "h5py", "keras", "pandas", "tqdm")
"""Packages that a training imports."""

THERE = ("ml-dtypes", "numpy", "opt-einsum", "scipy")
"""Packages that JAX needs itself, so that they are where it is."""

WHEELS = "wheels.tar.xz"
TEMPLATE = Path(__file__).with_name("pack_run.txt")
README = """# brainseg, packed

{images} images of {size} × {size} pixels, {wheels} packages for Python {python} on {platform}, and brainseg itself.
Needs Python {python} with JAX; no network, no TensorFlow. In this folder:

    python run.py unet linknet segnet deeplab --step published corrected --seed 0 1 2 3 4

An interrupted training goes on where it stopped. The runs come into `runs/`. Copy that folder back, then, where this
one was packed:

    brainseg import-runs runs --dataset {dataset} --scale {scale}{data}
"""


def pack(folder: Path, prepared: Prepared, dataset: str, scale: str, python: str | None = None) -> None:
    """Write everything that a training at a scale needs, besides Python and JAX, to a folder.

    Parameters
    ----------
    folder
        To make; it must not exist yet.
    prepared
        The data set at that scale's size.
    dataset, scale
        Names, as the command line has them.
    python
        Version of Python there, such as ``"3.12"``, on Linux and x86-64; None: as here, on a system like this.

    Raises
    ------
    BrainsegError
        If the folder exists, or a wheel cannot be had.
    """
    if folder.exists():
        raise BrainsegError(f"received the folder {folder}, which exists; expected a new one: choose another name")
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "data").mkdir(parents=True)
    write_data(prepared, partial / "data")
    with tempfile.TemporaryDirectory() as gathered:
        wheels = _wheels(Path(gathered), python)
        with tarfile.open(partial / WHEELS, "w:xz", preset=6) as archive:
            for wheel in wheels:
                archive.add(_stored(wheel), wheel.name)
    about = {"dataset": dataset, "scale": scale, "commit": commit(), "wheels": [wheel.name for wheel in wheels]}
    (partial / CONTENTS).write_text(json.dumps(about, indent=2) + "\n")
    shutil.copyfile(TEMPLATE, partial / "run.py")
    words: dict[str, Any] = {"images": len(prepared.table), "size": prepared.size, "dataset": dataset, "scale": scale}
    words |= {"wheels": len(wheels), "python": python or f"{sys.version_info.major}.{sys.version_info.minor}"}
    words |= {"data": " --data FOLDER" if dataset != "phantom" else "", "platform": "Linux" if python else sys.platform}
    (partial / "README.md").write_text(README.format(**words), encoding="utf-8")
    partial.rename(folder)


def import_runs(folder: Path, prepared: Prepared, store: Path) -> dict[str, str]:
    """Bring runs that were trained elsewhere into the store, under the names by which they are found here.

    The name of a run changes with the backend that trains it. An imported run takes the place of the one that would be
    trained here; its provenance keeps what it was computed with, and in ``trained_as`` the name that it had there.

    Parameters
    ----------
    folder
        With a folder for each finished run; unfinished ones are left out.
    prepared
        The data set that they were trained on.
    store
        Folder of the runs.

    Returns
    -------
    dict
        The new name of each run, by its name there. A run that is in the store already is left as it is.

    Raises
    ------
    BrainsegError
        If there is no run, or one was trained on other data, on images of another size, or with other code.
    """
    found = sorted(path.parent for path in folder.glob("*/run.json"))
    if not found:
        raise BrainsegError(f"received the folder {folder} without a finished run; expected the folder runs of a pack")
    names = {}
    for source in found:
        content = json.loads((source / "run.json").read_text())
        provenance = content["provenance"]
        here = {"data": prepared.fingerprint, "code": code_fingerprint(source_files("brainseg.experiments.train"))}
        for what, expected in here.items():
            if provenance[what] != expected:
                raise BrainsegError(
                    f"the run {source.name} was trained with other {what} ({provenance[what][:8]}) than is here "
                    f"({expected[:8]}): check out the version that it was packed with, or pack and train anew"
                )
        recipe = Recipe.from_dict(content["recipe"])
        if recipe.size != prepared.size:
            raise BrainsegError(
                f"the run {source.name} was trained on images of {recipe.size} pixels, expected {prepared.size}: "
                "name its scale with --scale"
            )
        name = names[source.name] = run_name(recipe, prepared)
        content["provenance"] = {"trained_as": source.name} | provenance
        store.mkdir(parents=True, exist_ok=True)
        with FileLock(store / f"{name}.lock"):
            if not (store / name / "run.json").exists():
                _put(source, json.dumps(content, indent=2) + "\n", store / name)
    return names


def _put(source: Path, about: str, target: Path) -> None:
    """Copy a run, with another run.json, to where it is whole or not at all; a training begun there gives way."""
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(source, partial)
    (partial / "run.json").write_text(about)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)


def _wheels(folder: Path, python: str | None) -> list[Path]:
    """Wheels of what is needed, in the versions that are installed here, and of this package."""
    pinned = [f"{name}=={version(name)}" for name in NEEDED]
    there = [] if python is None else ["--python-version", python]
    there += (
        [] if python is None else [f"--platform=manylinux{tag}_x86_64" for tag in ("2014", "_2_28", "_2_27", "_2_17")]
    )
    _pip("download", "--only-binary=:all:", *there, "--dest", str(folder), *pinned)
    if not (PACKAGE.parent / "pyproject.toml").is_file():
        raise BrainsegError(f"received an installed package, {PACKAGE}; expected a checkout: pack from the repository")
    _pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(PACKAGE.parent))
    wheels = sorted(folder.glob("*.whl"))
    return [wheel for wheel in wheels if wheel.name.partition("-")[0].replace("_", "-").lower() not in THERE]


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", arguments[0], "--quiet", "--disable-pip-version-check", *arguments[1:]]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise BrainsegError(f"pip could not gather the packages ({reason}): packing needs pip and the network")


def _stored(wheel: Path) -> Path:
    """The same wheel without compression, which the archive around all of them does better."""
    stored = wheel.with_suffix(".stored")
    with zipfile.ZipFile(wheel) as packed, zipfile.ZipFile(stored, "w", zipfile.ZIP_STORED) as plain:
        for member in packed.infolist():
            plain.writestr(zipfile.ZipInfo(member.filename), packed.read(member))
    return stored
