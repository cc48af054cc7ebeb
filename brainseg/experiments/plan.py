"""What an experiment would cost and what of it there is: estimates from measured steps, states from the store."""

import dataclasses
import hashlib
import heapq
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout
from tqdm import tqdm

from brainseg.backend import describe, processor
from brainseg.data.prepared import Prepared
from brainseg.errors import BrainsegError
from brainseg.experiments.batches import Batches, augment
from brainseg.experiments.efficiency import own_peak_mb
from brainseg.experiments.matrix import Matrix, Planned
from brainseg.experiments.recipe import Recipe
from brainseg.experiments.recorded import RESULTS
from brainseg.experiments.train import PREDICTED_AT_ONCE, STATE, compiled, predict, run_name, split_rows
from brainseg.experiments.workspace import Experiment
from brainseg.fingerprint import code_fingerprint, source_files

MOST_STEPS = 16
"""So many steps are timed at once."""

TIMED_SECONDS = 8.0
"""Fewer, if they would take longer than this."""

SCORING_BYTES = 9
"""Of memory for each pixel of a data set at the end of a training: two copies of the prediction, and the mask."""


@dataclass(frozen=True)
class Cost:
    """What a training is made of, measured.

    Attributes:
        start: Processor seconds of a process until its first step is done: imports, the model, compiling.
        step, validation: Seconds for a batch that is trained on, and for one that is validated on.
        augmentation, prediction: Seconds for an image that is varied, and for one that is predicted as the recipe does
            it.
        memory_mb: Peak of the resident memory in megabytes (10⁶ bytes); that of a graphics card is not in it.
    """

    start: float
    step: float
    validation: float
    augmentation: float
    prediction: float
    memory_mb: float


def measure(recipe: Recipe) -> Cost:
    """Measure a recipe's training in this process, on random images; call it in a fresh one, see :func:`cost`.

    Other work on the machine makes the times longer.
    """
    preset, random = recipe.preset, np.random.default_rng(0)
    model = compiled(recipe, 1)

    def batches(count: int) -> Batches:
        images = random.integers(0, 256, (count * recipe.batch_size, recipe.size, recipe.size), np.uint8)
        return Batches(images, (images > 200).astype(np.uint8), recipe.batch_size)

    model.fit(batches(1), validation_data=batches(1), shuffle=False, verbose=0)
    start = process_time()
    step = _per_unit(lambda count: model.fit(batches(count), shuffle=False, verbose=0))
    validation = _per_unit(lambda count: model.evaluate(batches(count), verbose=0))
    some = batches(-(-PREDICTED_AT_ONCE // recipe.batch_size))
    augmentation = 0.0
    if (variation := preset.augmentation) is not None:
        augmentation = _timed(lambda: augment(some.images, some.masks, variation, 1)) / len(some.images)
    prediction = _timed(lambda: predict(model, some.images, preset.mirrored)) / len(some.images)
    return Cost(start, step, validation, augmentation, prediction, own_peak_mb())


def cost(recipe: Recipe, cache: Path) -> Cost:
    """The measured cost of a recipe's training, in a process of its own as a training is; kept in a folder.

    Args:
        recipe: Recipes that differ in data, seed or number of epochs share what is measured.
        cache: Folder for what was measured on this machine with this code.

    Raises:
        BrainsegError: If the process fails, for instance because the machine has too little memory.
    """
    shared = dataclasses.replace(
        recipe.trained, pairing="id", labels="border", split="patient", images_per_epoch=None, scale_epochs=40, seed=0
    )
    about = [shared.id, code_fingerprint(source_files("brainseg.experiments.train")), describe(), processor()]
    path = cache / f"{hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]}.json"
    if not path.is_file():
        code = (
            "import json, sys\nfrom dataclasses import asdict\nfrom brainseg.experiments.plan import measure\n"
            "from brainseg.experiments.recipe import Recipe\n"
            "print(json.dumps(asdict(measure(Recipe(**json.loads(sys.argv[1]))))))"
        )
        command = [sys.executable, "-c", code, json.dumps(shared.to_dict())]
        environment = {"TF_NUM_INTEROP_THREADS": "1"} | os.environ  # as the Snakefile trains
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            raise BrainsegError(
                f"a step of {recipe.model} at {recipe.size} pixels and width {recipe.width} could not be measured "
                f"({reason}): choose a smaller scale, or a machine with more memory"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(done.stdout.splitlines()[-1] + "\n")
    return Cost(**json.loads(path.read_text()))


def seconds_and_memory(recipe: Recipe, prepared: Prepared, cost: Cost, done: int = 0) -> tuple[float, float]:
    """Estimate the time of a training, at most, in seconds, and its peak of memory in megabytes.

    Args:
        recipe, prepared: What would be trained, on what.
        cost: What was measured of it.
        done: Epochs that an interrupted training has behind it.
    """
    training, validation = split_rows(recipe, prepared)
    seen = min(len(training), recipe.images_per_epoch or len(training))
    images = len(prepared.table)
    epoch = (
        -(-seen // recipe.batch_size) * cost.step
        + -(-len(validation) // recipe.batch_size) * cost.validation
        + seen * cost.augmentation
    )
    memory = cost.memory_mb + images * recipe.size**2 * SCORING_BYTES / 1e6
    return cost.start + (recipe.epochs - done) * epoch + images * cost.prediction, memory


@dataclass(frozen=True)
class State:
    """How far a training is.

    Attributes:
        epochs: Epochs that are done; None: it is finished.
        busy: Whether a process is at it.
    """

    epochs: int | None
    busy: bool = False

    def text(self, most: int) -> str:
        """In words.

        >>> [state.text(40) for state in (State(None), State(0), State(3), State(3, busy=True))]
        ['finished', 'not begun', 'stopped after epoch 3 of 40', 'in epoch 4 of 40']
        """
        if self.epochs is None:
            return "finished"
        if self.busy:
            return f"in epoch {min(self.epochs + 1, most)} of {most}"
        return f"stopped after epoch {self.epochs} of {most}" if self.epochs else "not begun"


def state(recipe: Recipe, prepared: Prepared, store: Path) -> State:
    """How far the training of a recipe is, by its folder in the store."""
    folder = store / run_name(recipe.trained, prepared)
    if (folder / "run.json").is_file():
        return State(None)
    epochs = 0
    if (folder / STATE).is_file():
        with np.load(folder / STATE) as stored:
            epochs = len(json.loads(str(stored["history"])))
    return State(epochs, _held(store / f"{folder.name}.lock"))


def plan(matrices: Iterable[Matrix], data: Path | None, progress: bool = False) -> pd.DataFrame:
    """Table of the trainings of some experiments.

    Args:
        matrices: The experiments.
        data: Folder of the real data set, if one of them is on it.
        progress: Show a bar while steps are measured.

    Returns:
        One row per run: ``experiment``, ``scale``, ``run``, ``seed``, ``state``, ``epochs`` (at most, that are left),
        ``minutes`` (at most; 0 if there is nothing to train, or an earlier row trains it) and ``memory_mb``.

    Raises:
        BrainsegError: If the data are missing, or a step cannot be measured.
    """
    rows, listed = [], set[str]()
    pairs = [(matrix, run) for matrix in matrices for run in matrix.runs]
    experiments = _experiments(pairs, data)
    for matrix, run in tqdm(pairs, desc="measure", unit="run", disable=not progress):
        experiment, recipe = experiments[run.dataset, run.scale], run.recipe
        workspace = experiment.dataset.workspace
        found = state(recipe, experiment.data, workspace / "runs")
        row = _row(matrix, run) | {"state": found.text(recipe.epochs), "epochs": 0, "minutes": 0.0, "memory_mb": 0.0}
        name = run_name(recipe.trained, experiment.data)
        if found.epochs is not None and name in listed:
            row["state"] = "shares a training"
        elif found.epochs is not None:
            measured = cost(recipe, workspace / "costs")
            seconds, memory = seconds_and_memory(recipe, experiment.data, measured, found.epochs)
            row |= {"epochs": recipe.epochs - found.epochs, "minutes": seconds / 60, "memory_mb": memory}
        listed.add(name)
        rows.append(row)
    return pd.DataFrame(rows)


def totals(table: pd.DataFrame, cores: int) -> str:
    """What a plan comes to on some cores, each training as fast as alone: one sentence.

    >>> totals(pd.DataFrame({"minutes": [60, 30, 30, 0], "memory_mb": [500, 700, 800, 0]}), cores=2)
    '3 trainings, 2.0 hours of one core; on 2 cores at most 1.0 hours and 1.5 GB of memory'
    """
    minutes = table["minutes"][table["minutes"] > 0].tolist()
    memory = sum(sorted(table["memory_mb"], reverse=True)[:cores]) / 1000
    return (
        f"{len(minutes)} trainings, {sum(minutes) / 60:.1f} hours of one core; on {cores} cores at most "
        f"{makespan(minutes, cores) / 60:.1f} hours and {memory:.1f} GB of memory"
    )


def makespan(times: Sequence[float], workers: int) -> float:
    """When the last of some jobs ends, if each worker takes the longest one that is left.

    >>> makespan([3, 1, 2, 2], workers=2)
    4
    """
    ends: list[float] = [0] * workers
    for time in sorted(times, reverse=True):
        heapq.heappush(ends, heapq.heappop(ends) + time)
    return max(ends)


def status(matrices: Iterable[Matrix], data: Path | None) -> pd.DataFrame:
    """Table of what there is of some experiments.

    Returns:
        One row per run: ``experiment``, ``scale``, ``run``, ``seed``, ``state`` (``"unknown"`` without the data), and
        ``recorded``, whether all that is to be recorded of it lies in ``results/``.
    """
    rows = []
    pairs = [(matrix, run) for matrix in matrices for run in matrix.runs]
    experiments = _experiments([pair for pair in pairs if data or pair[1].dataset == "phantom"], data)
    for matrix, run in pairs:
        experiment = experiments.get((run.dataset, run.scale))
        words = "unknown"
        if experiment is not None:
            words = state(run.recipe, experiment.data, experiment.dataset.workspace / "runs").text(run.recipe.epochs)
        kept = all((RESULTS / matrix.folder / f"{name}.json.gz").is_file() for name in matrix.names(run))
        rows.append(_row(matrix, run) | {"state": words, "recorded": "yes" if kept else "no"})
    return pd.DataFrame(rows)


def _experiments(pairs: Iterable[tuple[Matrix, Planned]], data: Path | None) -> dict[tuple[str, str], Experiment]:
    places = dict.fromkeys((run.dataset, run.scale) for _, run in pairs)
    return {
        (dataset, scale): Experiment(dataset, scale, data=None if dataset == "phantom" else data)
        for dataset, scale in places
    }


def _row(matrix: Matrix, run: Planned) -> dict[str, str | int | float]:
    return {"experiment": matrix.name, "scale": run.scale, "run": run.name, "seed": run.seed}


def _held(lock: Path) -> bool:
    """Whether a process holds a lock."""
    if not lock.exists():
        return False
    try:
        FileLock(lock).acquire(timeout=0).lock.release()
    except Timeout:
        return True
    return False


def _per_unit(work: Callable[[int], object]) -> float:
    """Seconds for each of some units of work, as many as fit into the time."""
    one = _seconds(lambda: work(1))
    count = min(int(TIMED_SECONDS / one), MOST_STEPS)
    return _seconds(lambda: work(count)) / count if count > 1 else one


def _timed(work: Callable[[], object]) -> float:
    """Seconds of the second time: the first may compile."""
    work()
    return _seconds(work)


def _seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started
