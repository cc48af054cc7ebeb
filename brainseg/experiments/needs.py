"""What a training cannot do without, asked before it begins: images on both sides, patients, memory, disk."""

import shutil
from pathlib import Path

from brainseg.data.prepared import Prepared
from brainseg.errors import BrainsegError
from brainseg.experiments.fit import Examples
from brainseg.experiments.recipe import Recipe

BASE = 500_000_000
"""Bytes of memory that Keras and what is beneath it take."""

MAPS = 10
"""Feature maps as large as the image and as many as the width, that a step of any of the networks holds, at least."""

WEIGHTS = 7600
"""Weights of the largest network, U-Net, for each square of the width, at most."""

COPIES = 10
"""Times that the weights are on the disk at once: with moments and the best so far, old beside new, and the model."""


def require(recipe: Recipe, prepared: Prepared, examples: Examples, store: Path) -> None:
    """Refuse a training that would fail, at its beginning or, worse, at its end.

    Raises:
        BrainsegError: If there is no image to train or to validate on, there are too few patients for the scores by
            patient, or memory or disk are certainly too small.
    """
    sides = {"train": len(examples.images), "validate": len(examples.validation_images)}
    for doing, images in sides.items():
        if not images:
            raise BrainsegError(
                f"received no image to {doing} on: of the {len(prepared.table)} of the data set none is left with "
                f"{recipe.labels} labels, split by {recipe.split}; use a larger one"
            )
    prepared.split("patient", recipe.fold or 0)
    pixels = recipe.size**2
    memory = BASE + 4 * MAPS * min(recipe.batch_size, sides["train"]) * pixels * recipe.width
    _require("memory", memory, _memory(), "choose a smaller scale, or end other programs")
    disk = 4 * (COPIES * WEIGHTS * recipe.width**2 + len(prepared.table) * pixels)
    _require(f"room in {store}", disk, shutil.disk_usage(store).free, "make some, or set BRAINSEG_WORKSPACE")


def _require(what: str, needed: int, there: int | None, instead: str) -> None:
    if there is not None and there < needed:
        raise BrainsegError(
            f"received {there / 1e6:.0f} MB of {what}, expected {needed / 1e6:.0f} MB for this training: {instead}"
        )


def _memory() -> int | None:
    """Bytes that can still be had, where Linux says it."""
    status = Path("/proc/meminfo")
    if not status.is_file():
        return None
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return sum(int(fields[name].split()[0]) * 1024 for name in ("MemAvailable", "SwapFree") if name in fields)
