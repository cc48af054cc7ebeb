"""A finished training run: what a folder of the store holds, and the small record of it that can be published."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from filelock import FileLock
from numpy.typing import NDArray

from brainseg.data.checksums import sha256
from brainseg.data.outside import TEXT, expecting, read_bytes, write_whole
from brainseg.data.prepared import Prepared
from brainseg.errors import BrainsegError
from brainseg.experiments.recipe import Recipe
from brainseg.experiments.scoring import read_scores, score_answers
from brainseg.fingerprint import code_fingerprint, source_files
from brainseg.models.predict import predict

if TYPE_CHECKING:
    from brainseg.backend import keras

MODEL, HISTORY, ABOUT = "model.keras", "history.csv", "run.json"
KEPT = "answers.json"
"""File with the digests of answers and scores, which can be made again."""

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
        scores: One row per image, see :func:`brainseg.experiments.scoring.score`.
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
        answers: File with what the network answers to a data set.
    """

    folder: Path
    answers: Path

    @cached_property
    def probability(self) -> NDArray[np.float32]:
        """Tumour probabilities of all images, (n, size, size), 0 to 1, in the order of the prepared data."""
        stored: NDArray[np.float32] = np.load(self.answers, mmap_mode="r")
        return stored

    @cached_property
    def model(self) -> "keras.Model":
        """The trained model, see :mod:`brainseg.models.exact`."""
        return _model(self.folder)


def write_run(
    folder: Path, recipe: Recipe, model: "keras.Model", history: pd.DataFrame, provenance: Mapping[str, Any]
) -> None:
    """Write what a training made; ``run.json`` comes last, says that the rest is complete, and has its digests."""
    write_whole(folder / MODEL, lambda path: model.save(path, include_optimizer=False))
    write_whole(folder / HISTORY, lambda path: history.to_csv(path, index=False))
    files = {name: sha256(folder / name) for name in (MODEL, HISTORY)}
    about = json.dumps({"recipe": recipe.to_dict(), "provenance": provenance, "files": files}, indent=2) + "\n"
    write_whole(folder / ABOUT, about)


def read_recipe(folder: Path) -> Recipe:
    """The recipe of a finished run, by its folder."""
    return _about(folder)[0]


def _about(folder: Path) -> tuple[Recipe, dict[str, Any]]:
    """Recipe and provenance of a finished run, if its files are as they were written."""
    with _undamaged(folder):
        content = json.loads(read_bytes(folder / ABOUT, TEXT))
        recipe = Recipe.from_dict(content["recipe"])
        if not folder.name.startswith(f"{recipe.model}-{recipe.size}-{recipe.id}-"):
            raise ValueError(f"{ABOUT} is of another run")
        for name, expected in content["files"].items():
            if not (folder / name).is_file() or sha256(folder / name) != expected:
                raise ValueError(f"{name} is missing or has changed")
        return recipe, dict(content["provenance"])


def _undamaged(folder: Path) -> AbstractContextManager[None]:
    return expecting(f"the run {folder} is damaged", "remove that folder, and brainseg train makes it anew")


def open_run(folder: Path, prepared: Prepared) -> Run:
    """Open a finished run's folder, with its answers to a data set and what they are worth.

    These are kept beside the model, under names that change with the code and the arrays that decide them: a new score
    trains nothing anew. The provenance names this data set; ``examples`` in it is what was trained on.
    """
    recipe, provenance = _about(folder)
    named = _short(_digest(prepared.images), code_of("brainseg.models.predict"))
    answers = folder / f"probability-{named}.npy"
    masks = (_digest(prepared.masks[kind]) for kind in (recipe.mask, "border"))
    scores = folder / f"scores-{_short(named, *masks, prepared.table.to_json(), code_of(score_answers.__module__))}.csv"
    if not (_is_kept(answers) and _is_kept(scores)):
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            _answer(folder, recipe, prepared, answers, scores)
    return Run(
        name=folder.name,
        recipe=recipe,
        history=pd.read_csv(folder / HISTORY),
        scores=read_scores(scores),
        provenance=provenance | {"data": prepared.fingerprint},
        folder=folder,
        answers=answers,
    )


def _answer(folder: Path, recipe: Recipe, prepared: Prepared, answers: Path, scores: Path) -> None:
    """Write what is missing of a run's answers and scores; those of other code or other data, or damaged, give way."""
    if not _is_kept(answers):
        probability = predict(_model(folder), prepared.images, recipe.preset.mirrored)
        write_whole(answers, lambda path: np.save(path, probability))
    if not _is_kept(scores):
        table = score_answers(recipe, prepared, np.load(answers, mmap_mode="r"))
        write_whole(scores, lambda path: table.to_csv(path, index=False))
    kept = json.dumps({path.name: sha256(path) for path in (answers, scores)})
    write_whole(folder / KEPT, kept)
    for old in {*folder.glob("probability-*.npy"), *folder.glob("scores-*.csv")} - {answers, scores}:
        old.unlink()


def _is_kept(path: Path) -> bool:
    """Whether a file that can be made again is there, and as it was written."""
    try:
        kept = json.loads(path.with_name(KEPT).read_text())
        return bool(kept[path.name] == sha256(path))
    except (OSError, ValueError, LookupError, TypeError, BrainsegError):
        return False


def _model(folder: Path) -> "keras.Model":
    from brainseg.backend import keras  # here, because numbers alone need no Keras, which takes seconds
    from brainseg.experiments.fit import digest
    from brainseg.models.exact import exact

    _, provenance = _about(folder)
    with _undamaged(folder):
        model = keras.saving.load_model(folder / MODEL, compile=False)
        if digest(model.get_weights()) != provenance["weights"]["rounded"]:
            raise ValueError(f"{MODEL} has other weights than were noted")
        return exact(model)


def _digest(array: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


@cache
def code_of(module: str) -> str:
    """Fingerprint of the code that a module of this package depends on."""
    return code_fingerprint(source_files(module))


def _short(*texts: str) -> str:
    return hashlib.sha256("".join(texts).encode()).hexdigest()[:8]


def columns(table: pd.DataFrame) -> dict[str, list[Any]]:
    """A table as JSON can hold it: its columns by name, numbers rounded to :data:`DECIMALS`, NaN as None."""
    rounded = table.round(DECIMALS).astype(object)
    return {str(name): rounded[name].where(table[name].notna(), None).tolist() for name in table}
