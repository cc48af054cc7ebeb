"""What runs from a packed folder, on a machine with JAX and little else: open the data, train, keep the runs there.

``brainseg pack`` writes such a folder, its ``run.py`` calls :func:`main`. It needs the packed wheels only.
"""

import argparse
import json
import lzma
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from brainseg.data.prepared import MASKS, Prepared, open_prepared
from brainseg.errors import BrainsegError
from brainseg.experiments.recipe import STEPS, recipe_at, scale_named
from brainseg.models import MODELS

CONTENTS = "pack.json"
BYTES = [{"id": lzma.FILTER_LZMA2, "preset": 6, "pb": 0}]
"""Grey values have no alignment that a model of their position could use (pb)."""


def write_data(prepared: Prepared, folder: Path) -> None:
    """Write a prepared data set small: compressed grey values, masks as bits, and the table with the split by patient.

    Parameters
    ----------
    prepared
        The data set.
    folder
        A folder, empty.
    """
    about = {"name": prepared.folder.name, "fingerprint": prepared.fingerprint, "size": prepared.size}
    (folder / "data.json").write_text(json.dumps(about | {"images": len(prepared.table)}))
    with lzma.open(folder / "images.xz", "wb", filters=BYTES) as file:
        file.write(np.ascontiguousarray(prepared.images).tobytes())
    bits: dict[str, Any] = {name: np.packbits(mask) for name, mask in prepared.masks.items()}
    np.savez_compressed(folder / "masks.npz", **bits)
    table = prepared.table.assign(patient_split=prepared.split("patient"))
    table.to_csv(folder / "table.csv", index=False)


def read_data(folder: Path, cache: Path) -> Prepared:
    """The data set that :func:`write_data` wrote, array for array; unpacked once, into a folder of the same name."""
    about = json.loads((folder / "data.json").read_text())
    size, target = about["size"], cache / about["name"]
    if not target.is_dir():
        shape = (about["images"], size, size)
        partial = cache / f"{about['name']}.partial"
        partial.mkdir(parents=True, exist_ok=True)
        with lzma.open(folder / "images.xz") as file:
            pixels = np.frombuffer(file.read(), np.uint8)
        np.save(partial / "images.npy", pixels.reshape(shape))
        with np.load(folder / "masks.npz") as masks:
            for name in MASKS:
                bits = np.unpackbits(masks[name], count=int(np.prod(shape)))
                np.save(partial / f"{name}.npy", bits.reshape(shape))
        (partial / "table.csv").write_bytes((folder / "table.csv").read_bytes())
        partial.rename(target)
    return open_prepared(target, size, about["fingerprint"])


def train_packed(
    folder: Path, models: Sequence[str], steps: Sequence[str], attention: str, guidance: float, seeds: Sequence[int]
) -> list[str]:
    """Train in a packed folder, one recipe after the other; the names of the runs, which lie in its folder ``runs``.

    Raises
    ------
    BrainsegError
        If a recipe does not exist.
    """
    from brainseg.experiments.train import train

    scale = scale_named(json.loads((folder / CONTENTS).read_text())["scale"])
    kind = None if attention == "none" else attention
    recipes = [
        recipe_at(step, model, scale, seed, kind, guidance) for seed in seeds for model in models for step in steps
    ]
    prepared = read_data(folder / "data", folder / "prepared")
    return [train(recipe, prepared, folder / "runs", progress=True).name for recipe in recipes]


def main(folder: Path, arguments: Sequence[str] | None = None) -> int:
    """The command line of ``run.py``; the exit status."""
    parser = argparse.ArgumentParser(prog="python run.py", description="Train in this packed folder.")
    parser.add_argument("models", nargs="+", choices=MODELS, metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument("--step", nargs="+", choices=tuple(STEPS), default=["corrected"], dest="steps")
    parser.add_argument("--attention", default="published")
    parser.add_argument("--guidance", type=float, default=0.0)
    parser.add_argument("--seed", nargs="+", type=int, default=[0], dest="seeds")
    given = parser.parse_args(arguments)
    try:
        names = train_packed(folder, **vars(given))
    except BrainsegError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 2
    sys.stdout.write("".join(f"{folder / 'runs' / name}\n" for name in names))
    return 0
