"""Runs chosen, sorted and asked for their scores: what comparisons are made from."""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainseg.data.prepared import Prepared
from brainseg.experiments.ladder import STEPS, steps_of
from brainseg.experiments.rows import split_rows
from brainseg.experiments.run import Record, Run
from brainseg.experiments.scoring import score
from brainseg.models import ARCHITECTURES, MODELS
from brainseg.morphology import apply, choose
from brainseg.scores import THRESHOLD

PROCESSED = "-processed"
"""What the name of a run has at its end where its answers were post-processed."""


def postprocessed(run: Run, prepared: Prepared) -> Record:
    """A run scored again after the morphological pipeline that is best on its validation images.

    The choice sees validation images only, see :func:`brainseg.morphology.choose`. The record's provenance names the
    pipeline as ``pipeline``.
    """
    predicted = run.probability > THRESHOLD
    rows = split_rows(run.recipe, prepared)[1]
    pipeline, _ = choose(predicted[rows], np.asarray(prepared.masks[run.recipe.mask][rows]))
    recipe = dataclasses.replace(run.recipe, scoring="per_image", postprocessing="validation")
    return Record(
        name=f"{run.name}{PROCESSED}",
        recipe=recipe,
        history=run.history,
        scores=score(recipe, prepared, apply(pipeline, predicted)),
        provenance=run.provenance | {"pipeline": str(pipeline)},
    )


def collect(records: Iterable[Record], column: str, split: str = "test", common: bool = False) -> pd.DataFrame:
    """Per-image scores of runs that differ in their seed, as :mod:`brainseg.scores.statistics` wants them.

    Args:
        records: Runs of one recipe, one per seed.
        column: Which score, see :func:`brainseg.experiments.scoring.score`.
        split: Of the run's own split.
        common: Keep the images that are in this split by either way of splitting: what runs with different ways can be
            compared on.

    Returns:
        Columns ``seed``, ``patient``, ``number`` (of the image) and ``value``.
    """
    tables = []
    for record in records:
        scores = record.scores
        kept = scores["split"] == split
        if common:
            kept = (scores["published_split"] == split) & (scores["patient_split"] == split)
        table = scores.loc[kept, ["patient", "number"]].assign(seed=record.recipe.seed, value=scores.loc[kept, column])
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def generalisation(records: Sequence[Record]) -> dict[str, float]:
    """Mean Dice against the borders on training and on test images, and the gap between them."""
    train, test = (collect(records, "border_dice", split)["value"].mean() for split in ("train", "test"))
    return {"training": train, "test": test, "gap": train - test}


def change(before: Record, after: Record) -> pd.Series:
    """Change in Dice against the border of every test image; index: its row in the data set."""
    test = before.scores["split"] == "test"
    return (after.scores["border_dice"] - before.scores["border_dice"])[test].dropna()


def common_test(prepared: Prepared) -> NDArray[np.intp]:
    """Rows of the images that are test images in the published split as well as in the one by patient."""
    return np.flatnonzero((prepared.split("published") == "test") & (prepared.split("patient", 0) == "test"))


def by_step(records: Iterable[Record]) -> dict[str, dict[str, list[Record]]]:
    """Sort runs by model and step of the ladder; a run stands at every step that shares it. Others are left out.

    Runs of another attention than the published one are others. A run that is given twice counts once.
    """
    sorted_in: dict[str, dict[str, list[Record]]] = {}
    for record in {record.name: record for record in records}.values():
        for step in steps_of(record.recipe):
            sorted_in.setdefault(record.recipe.model, {}).setdefault(step, []).append(record)
    return {
        model: {step: sorted_in[model][step] for step in STEPS if step in sorted_in[model]}
        for model in MODELS
        if model in sorted_in
    }


def by_model(records: Iterable[Record], step: str = "corrected") -> dict[str, list[Record]]:
    """The runs of one step of :func:`by_step`, by model."""
    return {model: steps[step] for model, steps in by_step(records).items() if step in steps}


def ladder_in_folds(below: Sequence[Record], corrected: Iterable[Record]) -> dict[str, dict[str, list[Record]]]:
    """:func:`by_step` of runs below the corrected training, and of the corrected of the same networks and seeds."""
    trained = {(run.recipe.model, run.recipe.seed) for run in below}
    return by_step([*below, *(run for run in corrected if (run.recipe.model, run.recipe.seed) in trained)])


def by_attention(records: Iterable[Record]) -> dict[str, dict[str | None, list[Record]]]:
    """Sort the runs with the corrected training by model and attention; not those with guidance or post-processing."""
    sorted_in: dict[str, dict[str | None, list[Record]]] = {}
    for record in records:
        recipe = record.recipe
        if recipe.training == "corrected" and recipe.guidance == 0 and recipe.postprocessing is None:
            sorted_in.setdefault(recipe.model, {}).setdefault(recipe.attention, []).append(record)
    return {
        model: {kind: kinds[kind] for kind in ARCHITECTURES[model].attentions if kind in kinds}
        for model in MODELS
        if (kinds := sorted_in.get(model))
    }


def with_and_without(records: Iterable[Record], *attentions: str) -> dict[str, dict[str | None, list[Record]]]:
    """As :func:`by_attention`, only runs with these kinds of attention and without any, of the models that have all.

    Of these the folds and seeds that every kind has.
    """
    wanted = {*attentions, None}
    return {
        model: _in_common({kind: kinds[kind] for kind in kinds if kind in wanted})
        for model, kinds in by_attention(records).items()
        if wanted <= set(kinds)
    }


def _in_common(kinds: dict[str | None, list[Record]]) -> dict[str | None, list[Record]]:
    """Of each kind the runs whose fold and seed all kinds have."""
    common = set.intersection(*({(run.recipe.fold, run.recipe.seed) for run in runs} for runs in kinds.values()))
    return {kind: [run for run in runs if (run.recipe.fold, run.recipe.seed) in common] for kind, runs in kinds.items()}
