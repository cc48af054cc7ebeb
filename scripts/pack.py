"""Pack what a training needs into a folder, for a machine that has Python, JAX and no network; bring its runs back.

    python scripts/pack.py pack FOLDER --dataset tumorseg --data data/real --scale full
    python FOLDER/run.py unet deeplab --step corrected --seed 0 1 2        (there; an interrupted training goes on)
    python scripts/pack.py bring FOLDER/runs --dataset tumorseg --data data/real --scale full

`bring` puts the runs into the store under the names that they have here, where `make results` finds them.
"""

import argparse
import json
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock

from brainseg.errors import BrainsegError
from brainseg.experiments.recipe import Recipe
from brainseg.experiments.train import examples_of, run_name, weights_fingerprint
from brainseg.experiments.workspace import Workspace
from brainseg.fingerprint import PACKAGE

# fmt: off
NEEDED = ["absl-py", "filelock", "h5py", "keras", "markdown-it-py", "mdurl", "namex", "optree", "packaging", "pandas",
          "pygments", "python-dateutil", "rich", "six", "tqdm", "typing-extensions"]
# fmt: on
"""Packages that a training imports and that do not come with JAX."""

RUN = """import argparse, json, os, sys
from dataclasses import replace
from itertools import product
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "lib"))
os.environ.setdefault("KERAS_BACKEND", "jax")
import numpy as np, pandas as pd
from brainseg.data.prepared import Prepared
from brainseg.errors import BrainsegError
from brainseg.experiments.ladder import STEPS, recipe_at
from brainseg.experiments.recipe import scale_named
from brainseg.experiments.train import train

parser = argparse.ArgumentParser()
parser.add_argument("models", nargs="+")
parser.add_argument("--step", nargs="+", default=["corrected"], choices=list(STEPS))
parser.add_argument("--attention", default="published")
parser.add_argument("--guidance", type=float, default=0.0)
parser.add_argument("--seed", nargs="+", type=int, default=[0])
parser.add_argument("--fold", nargs="+", type=int, default=[None])
changes = ["width", "batch_size", "epochs"]
for name in changes:
    parser.add_argument("--" + name.replace("_", "-"), type=int)
given = parser.parse_args()
about, arrays = json.loads((HERE / "about.json").read_text()), dict(np.load(HERE / "arrays.npz"))
table = pd.read_csv(HERE / "table.csv", keep_default_na=False, dtype=about["dtypes"])
prepared = Prepared(HERE, len(arrays["images"][0]), about["fingerprint"], table, arrays.pop("images"), arrays)
scale = scale_named(about["scale"])
scale = replace(scale, **{name: value for name in changes if (value := vars(given)[name]) is not None})
try:
    for fold, seed, model, step in product(given.fold, given.seed, given.models, given.step):
        recipe = recipe_at(step, model, scale, seed, given.attention, given.guidance, fold)
        if given.epochs not in (None, recipe.epochs):
            sys.exit(f"Error: --epochs is for the corrected training, step {step} has {recipe.epochs}: leave it out")
        print(train(recipe, prepared, HERE / "runs", progress=True).folder)
except BrainsegError as error:
    sys.exit(f"Error: {error}")
"""


def pack(folder: Path, workspace: Workspace, python: str | None) -> None:
    """Write the folder: packages in their locked versions, the arrays, and a script that trains on them."""
    if folder.exists():
        raise BrainsegError(f"{folder} exists, expected a new folder: choose another name")
    there = ["--python-version", python, "--only-binary=:all:"] if python else []
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder / "lib"), *there]
    subprocess.run([*pip, *(f"{name}=={version(name)}" for name in NEEDED)], check=True)  # noqa: S603 (the commands of this script)
    shutil.copytree(PACKAGE, folder / "lib" / "brainseg", ignore=shutil.ignore_patterns("__pycache__", "*.onnx"))
    (folder / "lib" / "results").mkdir()  # where a stored network would be looked for
    prepared = workspace.prepared
    table = prepared.table.assign(**{f"{by}_fold": folds for by, folds in prepared.folds.items()})
    table.to_csv(folder / "table.csv", index=False)
    arrays: dict[str, Any] = {"images": prepared.images, **prepared.masks}
    np.savez_compressed(folder / "arrays.npz", **arrays)
    dtypes = {name: "str" for name in table.columns if pd.api.types.is_string_dtype(table[name])}
    about = {"scale": workspace.scale.name, "fingerprint": prepared.fingerprint, "dtypes": dtypes}
    (folder / "about.json").write_text(json.dumps(about, indent=2) + "\n")
    (folder / "run.py").write_text(RUN)


def bring(folder: Path, workspace: Workspace) -> None:
    """Copy finished runs into the store; what was trained there counts as trained here."""
    for source in sorted(path.parent for path in folder.glob("*/run.json")):
        about = json.loads((source / "run.json").read_text())
        here = {"code": weights_fingerprint(), "data": workspace.prepared.fingerprint}
        if different := [what for what in here if about["provenance"][what] != here[what]]:
            raise BrainsegError(f"{source} was trained with other {different[0]} than is here: pack and train anew")
        recipe = Recipe.from_dict(about["recipe"])
        if recipe.size != workspace.prepared.size:
            raise BrainsegError(f"{source} was trained on images of {recipe.size} pixels: name its scale with --scale")
        target = workspace.runs / run_name(recipe, examples_of(recipe, workspace.prepared))
        workspace.runs.mkdir(parents=True, exist_ok=True)
        with FileLock(workspace.runs / f"{target.name}.lock"):
            if not (target / "run.json").is_file():
                shutil.rmtree(target, ignore_errors=True)
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("run.json"))
                about["provenance"]["trained_as"] = source.name
                (target / "partial-run.json").write_text(json.dumps(about, indent=2) + "\n")
                (target / "partial-run.json").replace(target / "run.json")
        print(f"{source.name} is {target.name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["pack", "bring"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dataset", default="phantom")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--scale", default="full")
    parser.add_argument("--python", help="its version there, such as 3.12, if not as here")
    given = parser.parse_args()
    try:
        workspace = Workspace(given.dataset, given.scale, data=given.data)
        pack(given.folder, workspace, given.python) if given.action == "pack" else bring(given.folder, workspace)
    except BrainsegError as error:
        sys.exit(f"Error: {error}")
