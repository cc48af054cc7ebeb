"""Train a recipe on a data set and keep the run, found again by what decides its weights.

A run is a folder. While it is trained it holds the state after the last epoch; when it is finished it holds the model
and its history, see :mod:`brainseg.experiments.run`.
"""

import hashlib
import json
import logging
import platform
import zipfile
import zlib
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock

from brainseg.backend import bfloat16, describe, keras, uncapped
from brainseg.data.outside import make_folder, remove
from brainseg.data.prepared import Prepared
from brainseg.errors import BrainsegError
from brainseg.experiments.fit import STATE, Examples, digest, fit
from brainseg.experiments.memory import peak_memory_mb
from brainseg.experiments.needs import require
from brainseg.experiments.recipe import Recipe
from brainseg.experiments.rows import label_rows, split_rows
from brainseg.experiments.run import Run, code_of, open_run, write_run
from brainseg.experiments.stored import unpack
from brainseg.fingerprint import commit

LOG = logging.getLogger("brainseg")


def train(recipe: Recipe, prepared: Prepared, store: Path, progress: bool = False) -> Run:
    """Train a recipe on a prepared data set, or find the run that did: in the store, or with the repository.

    Args:
        recipe: What to train; recipes that differ only in what comes after the training share a run.
        prepared: The data set, at the recipe's size.
        store: Folder of the runs. Several processes may ask for the same run at once: one trains, the others wait.
        progress: Show a progress bar on standard error, if there is anything to do.

    Raises:
        BrainsegError: If the data are not of the recipe's size, or the loss stops being finite.
    """
    recipe = recipe.trained
    if prepared.size != recipe.size:
        raise BrainsegError(
            f"received images of {prepared.size} pixels for a recipe of {recipe.size}: prepare the data at that size"
        )
    examples = examples_of(recipe, prepared)
    folder = store / run_name(recipe, examples)
    if not (folder / "run.json").exists():
        make_folder(folder)
        with FileLock(store / f"{folder.name}.lock"):
            if not (folder / "run.json").exists() and not unpack(recipe, folder):
                require(recipe, prepared, examples, store)
                _drop_damaged(folder / STATE)
                _train(recipe, prepared, examples, folder, progress)
    return open_run(folder, prepared)


def weights_fingerprint() -> str:
    """SHA-256 of the code that decides weights."""
    return code_of("brainseg.experiments.fit")


def run_name(recipe: Recipe, examples: Examples) -> str:
    """Name of a run: it changes with the recipe, the examples, the code and the versions that decide the weights."""
    decides = {
        "recipe": recipe.id,
        "examples": examples.fingerprint,
        "code": weights_fingerprint(),
        "keras": [keras.version(), describe()["backend"]],
    }
    digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
    return f"{recipe.model}-{recipe.size}-{recipe.id}-{digest[:8]}"


def examples_of(recipe: Recipe, prepared: Prepared) -> Examples:
    """The images and masks that a recipe is trained and validated on."""
    training, validation = split_rows(recipe, prepared)
    masks = prepared.masks[recipe.mask][label_rows(recipe, prepared)]
    return Examples(prepared.images[training], masks[training], prepared.images[validation], masks[validation])


def _drop_damaged(state: Path) -> None:
    """Remove the state of an interrupted training if it cannot be read: the training begins anew."""
    if not state.exists():
        return
    try:
        with zipfile.ZipFile(state) as archive:
            damaged = archive.testzip() or not {"history.npy", "seconds.npy"} <= set(archive.namelist())
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error):
        damaged = True
    if damaged:
        LOG.info("%s, of an interrupted training, is damaged and removed: the training begins anew", state)
        remove(state)


def _train(recipe: Recipe, prepared: Prepared, examples: Examples, folder: Path, progress: bool) -> None:
    if recipe.precision == "bfloat16" and not bfloat16():
        with uncapped(), ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
            return apart.submit(_train, recipe, prepared, examples, folder, progress).result()
    fitted = fit(recipe, examples, folder / STATE, progress)
    history = pd.DataFrame(fitted.history)
    history.insert(0, "epoch", np.arange(1, len(history) + 1))
    provenance = {
        "data": prepared.fingerprint,
        "examples": examples.fingerprint,
        "code": weights_fingerprint(),
        "weights": {"trained": fitted.trained, "rounded": digest(fitted.model.get_weights())},
        "commit": commit(),
        "made_with": describe() | {"python": platform.python_version(), "machine": platform.machine()},
        "seconds": round(fitted.seconds, 1),
        "memory_mb": round(peak_memory_mb()),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_run(folder, recipe, fitted.model, history, provenance)
    (folder / STATE).unlink()
