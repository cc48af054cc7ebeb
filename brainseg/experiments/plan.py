"""What the trainings of an experiment took where they were recorded, and so what they would take again."""

from collections.abc import Iterable
from statistics import median
from typing import Final

import pandas as pd

from brainseg.experiments.matrix import Matrix, read_matrix
from brainseg.experiments.recipe import Recipe
from brainseg.experiments.recorded import recorded_runs
from brainseg.experiments.run import Record

NEEDS: Final = {"quick": (2000, 30), "small": (2000, 90), "laptop": (4000, 720), "full": (24000, 2880)}
"""Megabytes of memory and minutes that a job of a cluster asks for, by scale; one that needs more is started again."""


def plan(matrices: Iterable[Matrix]) -> pd.DataFrame:
    """Table of the trainings of experiments.

    Returns:
        One row per run: ``experiment``, ``scale``, ``run``, ``seed``, ``recorded`` (yes or no); ``minutes`` of one core
        and the most ``memory_mb`` of the recorded runs of that network with that training at that scale, NaN where none
        says it.
    """
    known: dict[tuple[object, ...], list[Record]] = {}
    for matrix in read_matrix().values():
        if matrix.recorded and matrix.records == ("runs",):
            for record in recorded_runs(matrix.name):
                known.setdefault(_work(record.recipe), []).append(record)
    rows = []
    for matrix in matrices:
        for run in matrix.runs:
            made = [record.provenance for record in known.get(_work(run.recipe), [])]
            memory = [about["memory_mb"] for about in made if "memory_mb" in about]
            row = {"experiment": matrix.name, "scale": run.scale, "run": run.name, "seed": run.seed}
            rows.append(
                row
                | {
                    "recorded": "yes" if matrix.recorded else "no",
                    "minutes": median(about["seconds"] for about in made) / 60 if made else float("nan"),
                    "memory_mb": max(memory, default=float("nan")),
                }
            )
    return pd.DataFrame(rows)


def _work(recipe: Recipe) -> tuple[object, ...]:
    """What decides how much work a training is."""
    size = (recipe.size, recipe.width, recipe.batch_size, recipe.images_per_epoch, recipe.epochs)
    return (recipe.model, recipe.training, recipe.guidance > 0, *size)
