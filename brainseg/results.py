"""Numbers recorded on the real images, which a reader of the book need not have."""

import gzip
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

from brainseg.errors import BrainsegError
from brainseg.models import MODELS
from brainseg.recipe import Recipe
from brainseg.run import Record
from brainseg.sources import PACKAGE

RESULTS = PACKAGE.parent / "results"


def recorded(name: str) -> dict[str, pd.DataFrame]:
    """The tables of one recorded result, by their names.

    Parameters
    ----------
    name
        Name of a file in ``results/``, without its ending. ``tumorseg-check`` is what
        ``brainseg data check FOLDER --record FILE`` wrote about the study's images.

    Raises
    ------
    BrainsegError
        If there is no such file.

    Examples
    --------
    >>> int(recorded("tumorseg-check")["agreement"].set_index("split").loc["all", "images"])
    2145
    """
    path = RESULTS / f"{name}.json"
    if not path.is_file():
        raise BrainsegError(f"received the name {name!r}, expected a file {path}: choose one of those in {RESULTS}")
    return {table: pd.DataFrame(rows) for table, rows in json.loads(path.read_text(encoding="utf-8")).items()}


@cache
def recorded_runs(name: str) -> tuple[Record, ...]:
    """The runs of one recorded experiment, in the order of their file names: a compressed JSON file each.

    Parameters
    ----------
    name
        Name of a folder in ``results/``; ``tumorseg-small-ladder`` holds what ``make results`` trained on the study's
        images, from published to corrected, at the scale ``small``.

    Raises
    ------
    BrainsegError
        If there is no such folder, or it is empty.
    """
    return tuple(map(Record.from_json, _texts(name)))


@dataclass(frozen=True, eq=False)
class SaliencyRecord:
    """What ``brainseg saliency`` found about the maps of several networks.

    Attributes
    ----------
    runs
        The networks' runs, without scores and history: ``name``, ``recipe`` and ``provenance`` of each.
    scores
        As :func:`brainseg.saliency.evaluation.score_maps` gives them, with the columns ``model`` and ``guidance``.
    randomisation
        As :func:`brainseg.saliency.evaluation.randomisation` gives it, with the same columns.
    """

    runs: list[dict[str, Any]]
    scores: pd.DataFrame
    randomisation: pd.DataFrame


@cache
def recorded_saliency(name: str) -> SaliencyRecord:
    """The scores of saliency maps of one recorded experiment.

    Parameters
    ----------
    name
        Name of a folder in ``results/``, for instance ``tumorseg-small-saliency``.

    Raises
    ------
    BrainsegError
        If there is no such folder, or it is empty.
    """
    contents = _by_model(name)
    runs = [{part: content[part] for part in ("name", "recipe", "provenance")} for content in contents]
    return SaliencyRecord(runs, _joined(contents, "scores"), _joined(contents, "randomisation"))


@cache
def recorded_labels(name: str) -> pd.DataFrame:
    """How alike maps are to those of other networks, as ``brainseg randomise-labels`` recorded it of several networks.

    Parameters
    ----------
    name
        Name of a folder in ``results/``, for instance ``tumorseg-quick-labels``.

    Returns
    -------
    DataFrame
        As :func:`brainseg.saliency.evaluation.label_randomisation` gives it, with the columns ``model`` and
        ``guidance``.

    Raises
    ------
    BrainsegError
        If there is no such folder, or it is empty.
    """
    return _joined(_by_model(name), "labels")


def _by_model(name: str) -> list[dict[str, Any]]:
    return sorted(map(json.loads, _texts(name)), key=lambda content: MODELS.index(content["recipe"]["model"]))


def _joined(contents: list[dict[str, Any]], which: str) -> pd.DataFrame:
    recipes = [Recipe.from_dict(content["recipe"]) for content in contents]
    tables = [
        pd.DataFrame(content[which]).assign(model=recipe.model, guidance=recipe.guidance)
        for content, recipe in zip(contents, recipes, strict=True)
    ]
    return pd.concat(tables, ignore_index=True)


def _texts(name: str) -> list[str]:
    files = sorted((RESULTS / name).glob("*.json.gz"))
    if not files:
        raise BrainsegError(f"received the name {name!r}, expected a folder with records in {RESULTS}")
    return [gzip.decompress(path.read_bytes()).decode() for path in files]
