"""A finished training run: what a folder of the store holds, and the small record of it that can be published."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainseg.backend import keras
from brainseg.data.prepared import Prepared
from brainseg.experiments.recipe import Recipe
from brainseg.scores import THRESHOLD
from brainseg.scores.metrics import dice, image_scores, iou

DECIMALS = 4
"""Digits of a score that a record keeps."""


@dataclass(frozen=True, eq=False)
class Record:
    """What is known of a run without its weights and predictions: numbers only, no images.

    Attributes:
        name: Name of the run.
        recipe: What was trained.
        history: One row per epoch: ``epoch`` (from 1), ``loss``, ``accuracy``, ``mean_iou``, ``dice`` (the study's
            metrics as Keras computes them), ``dice_per_image``, and the same on the validation images as ``val_…``.
        scores: One row per image, see :func:`score`.
        provenance: What the run was made from and with: data, code, versions, device, time.
    """

    name: str
    recipe: Recipe
    history: pd.DataFrame
    scores: pd.DataFrame
    provenance: dict[str, Any]

    def to_json(self) -> str:
        """The record as a text, one line for each part: tables by columns, NaN as null."""
        parts = {
            "name": self.name,
            "recipe": self.recipe.to_dict(),
            "training": dataclasses.asdict(self.recipe.preset),
            "provenance": self.provenance,
            "history": columns(self.history),
            "scores": columns(self.scores),
        }
        lines = [f"{json.dumps(name)}: {json.dumps(part, ensure_ascii=False)}" for name, part in parts.items()]
        return "{\n" + ",\n".join(lines) + "\n}\n"

    @classmethod
    def from_json(cls, text: str) -> "Record":
        """The inverse of :meth:`to_json`."""
        content = json.loads(text)
        return cls(
            content["name"],
            Recipe.from_dict(content["recipe"]),
            pd.DataFrame(content["history"]),
            pd.DataFrame(content["scores"]),
            content["provenance"],
        )


@dataclass(frozen=True, eq=False)
class Run(Record):
    """A finished run in the store.

    Attributes:
        folder: Where it is stored.
    """

    folder: Path

    @cached_property
    def probability(self) -> NDArray[np.float32]:
        """Tumour probabilities of all images, (n, size, size), 0 to 1, in the order of the prepared data."""
        stored: NDArray[np.float32] = np.load(self.folder / "probability.npy", mmap_mode="r")
        return stored

    @cached_property
    def model(self) -> "keras.Model":
        """The trained model."""
        return keras.saving.load_model(self.folder / "model.keras", compile=False)

    @classmethod
    def open(cls, folder: Path) -> "Run":
        """Open a finished run's folder."""
        content = json.loads((folder / "run.json").read_text())
        return cls(
            name=folder.name,
            recipe=Recipe.from_dict(content["recipe"]),
            history=pd.read_csv(folder / "history.csv"),
            scores=_read_scores(folder / "scores.csv"),
            provenance=content["provenance"],
            folder=folder,
        )


def write_run(
    folder: Path,
    recipe: Recipe,
    prepared: Prepared,
    model: "keras.Model",
    history: pd.DataFrame,
    probability: NDArray[np.float32],
    provenance: Mapping[str, Any],
) -> None:
    """Score a trained model and write its run; ``run.json`` comes last and says that the rest is complete."""
    np.save(folder / "probability.npy", probability)
    model.save(folder / "model.keras", include_optimizer=False)
    history.to_csv(folder / "history.csv", index=False)
    score(recipe, prepared, probability > THRESHOLD).to_csv(folder / "scores.csv", index=False)
    partial = folder / "partial-run.json"
    partial.write_text(json.dumps({"recipe": recipe.to_dict(), "provenance": provenance}, indent=2) + "\n")
    partial.replace(folder / "run.json")


def score(recipe: Recipe, prepared: Prepared, predicted: NDArray[np.bool_]) -> pd.DataFrame:
    """Scores of every image of a data set.

    Args:
        recipe: Says which masks were learnt from and which split was used.
        prepared: The data set.
        predicted: Binary masks, (n, size, size).

    Returns:
        One row per image: ``split`` (the recipe's: train, valid, test, or "" if it is in none), ``published_split``,
        ``patient_split``, ``number``, ``patient``, ``tumour_type``; ``predicted`` and ``labelled``, areas as shares of
        the image; ``dice`` and ``iou`` against the mask that the recipe learns from; and all scores of
        :func:`brainseg.scores.metrics.image_scores` against the tumour's border as ``border_…``, NaN where there is
        none.
    """
    table, own, border = prepared.table, prepared.masks[recipe.mask], prepared.masks["border"]
    scores = table[["number", "patient", "tumour_type"]].copy()
    scores.insert(0, "split", prepared.split(recipe.split))
    scores.insert(1, "published_split", prepared.split("published"))
    scores.insert(2, "patient_split", prepared.split("patient"))
    scores["predicted"] = predicted.mean(axis=(1, 2))
    scores["labelled"] = np.mean(own, axis=(1, 2))
    scores["dice"], scores["iou"] = dice(predicted, own), iou(predicted, own)
    against_border = image_scores(predicted, np.asarray(border)).add_prefix("border_")
    against_border[table["flags"].str.contains("no_border").to_numpy()] = np.nan
    return scores.join(against_border.set_index(scores.index))


def _read_scores(path: Path) -> pd.DataFrame:
    texts = dict.fromkeys(("split", "published_split", "patient_split", "patient", "tumour_type"), str)
    scores = pd.read_csv(path, dtype=texts)
    return scores.fillna(dict.fromkeys(texts, ""))


def columns(table: pd.DataFrame) -> dict[str, list[Any]]:
    """A table as JSON can hold it: its columns by name, numbers rounded to :data:`DECIMALS`, NaN as None."""
    rounded = table.round(DECIMALS).astype(object)
    return {str(name): rounded[name].where(table[name].notna(), None).tolist() for name in table}
