"""Numbers recorded on the real images, which a reader of the book need not have."""

import gzip
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from brainseg.data.outside import expecting
from brainseg.errors import BrainsegError
from brainseg.experiments.matrix import chosen, read_matrix
from brainseg.experiments.recipe import SCALES, Recipe
from brainseg.experiments.run import Record
from brainseg.fingerprint import resource
from brainseg.models import MODELS

Content = TypeVar("Content")


def recorded(name: str) -> dict[str, pd.DataFrame]:
    """The tables of one recorded result, by their names.

    Args:
        name: Name of a file in ``results/``, without its ending. ``tumorseg-check`` is what ``brainseg data check
            FOLDER --record FILE`` wrote about the study's images.

    Raises:
        BrainsegError: If there is no such file.

    >>> int(recorded("tumorseg-check")["agreement"].set_index("split").loc["all", "images"])
    2145
    """
    path = resource(f"results/{name}.json")
    with _undamaged(path):
        return {table: pd.DataFrame(rows) for table, rows in json.loads(path.read_text(encoding="utf-8")).items()}


@cache
def recorded_runs(experiment: str) -> tuple[Record, ...]:
    """The runs of a recorded experiment, in the order of their file names.

    Args:
        experiment: A name in ``experiments.yml``: ``ladder`` holds what ``make results`` trained on the study's images,
            from published to corrected, at the scale ``small``.

    Raises:
        BrainsegError: If there is no such experiment, or it is not recorded.
    """
    return tuple(_read(path, Record.from_json) for path in _paths(experiment))


def recorded_at_every_scale() -> list[Record]:
    """The recorded runs of the networks as published and corrected on the study's images, smallest scale first.

    >>> recorded_at_every_scale()[0].recipe.size
    64
    """
    matrices = [
        matrix
        for matrix in read_matrix().values()
        if matrix.recorded and matrix.records == ("runs",) and matrix.spans_the_ladder
    ]
    matrices.sort(key=lambda matrix: list(SCALES).index(matrix.scale))
    return [record for matrix in matrices for record in recorded_runs(matrix.name)]


@dataclass(frozen=True, eq=False)
class SaliencyRecord:
    """What ``brainseg saliency`` found about the maps of several networks.

    Attributes:
        runs: The networks' runs, without scores and history: ``name``, ``recipe`` and ``provenance`` of each.
        scores: As :func:`brainseg.experiments.saliency.score_maps` gives them, with the columns ``model``, ``guidance``
            and ``seed``.
        randomisation: As :func:`brainseg.experiments.saliency.randomisation` gives it, with the same columns.
    """

    runs: list[dict[str, Any]]
    scores: pd.DataFrame
    randomisation: pd.DataFrame


@cache
def recorded_saliency(experiment: str) -> SaliencyRecord:
    """The scores of saliency maps of one recorded experiment.

    Raises:
        BrainsegError: If there is no such experiment, or it is not recorded.
    """
    contents = _by_model(experiment)
    runs = [{part: content[part] for part in ("name", "recipe", "provenance")} for content in contents]
    return SaliencyRecord(runs, _joined(contents, "scores"), _joined(contents, "randomisation"))


@cache
def recorded_labels(experiment: str) -> pd.DataFrame:
    """How alike maps are to those of other networks, as ``brainseg randomise-labels`` recorded it of several networks.

    Returns:
        As :func:`brainseg.experiments.saliency.label_randomisation` gives it, with the columns ``model``, ``guidance``
        and ``seed``.

    Raises:
        BrainsegError: If there is no such experiment, or it is not recorded.
    """
    return _joined(_by_model(experiment), "labels")


def _by_model(experiment: str) -> list[dict[str, Any]]:
    contents = [_read(path, json.loads) for path in _paths(experiment)]
    return sorted(contents, key=lambda content: MODELS.index(content["recipe"]["model"]))


def _joined(contents: list[dict[str, Any]], which: str) -> pd.DataFrame:
    recipes = [Recipe.from_dict(content["recipe"]) for content in contents]
    tables = [
        pd.DataFrame(content[which]).assign(model=recipe.model, guidance=recipe.guidance, seed=recipe.seed)
        for content, recipe in zip(contents, recipes, strict=True)
    ]
    return pd.concat(tables, ignore_index=True)


def _read(path: Path, parse: Callable[[str], Content]) -> Content:
    with _undamaged(path):
        return parse(gzip.decompress(path.read_bytes()).decode())


def _undamaged(path: Path) -> AbstractContextManager[None]:
    return expecting(f"{path} is damaged", "check it out again")


def _paths(experiment: str) -> list[Path]:
    """The files of an experiment's records, in the order of their names.

    Raises:
        BrainsegError: If there is no such experiment, or records that it should have are missing.
    """
    (matrix,) = chosen([experiment])
    folder = resource(f"results/{matrix.folder}")
    paths = {name: folder / f"{name}.json.gz" for name in sorted(matrix.files)}
    if missing := [name for name, path in paths.items() if not path.is_file()]:
        raise BrainsegError(
            f"{folder} lacks {len(missing)} of {len(paths)} records, for instance {missing[0]}: check it out again, or "
            f"record it with make results EXPERIMENT={experiment}"
        )
    return list(paths.values())
