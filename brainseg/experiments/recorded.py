"""Numbers recorded on the real images, which a reader of the book need not have, beside live ones."""

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

from brainseg.errors import BrainsegError
from brainseg.experiments.recipe import SCALES, STEPS, Recipe
from brainseg.experiments.run import Record
from brainseg.experiments.select import by_step, collect
from brainseg.fingerprint import PACKAGE
from brainseg.models import MODELS, TITLES
from brainseg.paper.study import MEASURES, published_last_epoch
from brainseg.scores.statistics import bootstrap_mean

RESULTS = PACKAGE.parent / "results"


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
    path = RESULTS / f"{name}.json"
    if not path.is_file():
        raise BrainsegError(f"received the name {name!r}, expected a file {path}: choose one of those in {RESULTS}")
    return {table: pd.DataFrame(rows) for table, rows in json.loads(path.read_text(encoding="utf-8")).items()}


@cache
def recorded_runs(name: str) -> tuple[Record, ...]:
    """The runs of one recorded experiment, in the order of their file names: a compressed JSON file each.

    Args:
        name: Name of a folder in ``results/``; ``tumorseg-small-ladder`` holds what ``make results`` trained on the
            study's images, from published to corrected, at the scale ``small``.

    Raises:
        BrainsegError: If there is no such folder, or it is empty.
    """
    return tuple(map(Record.from_json, _texts(name)))


BOTH_ENDS = ("ladder", "published", "corrected", "full")
"""Experiments that train the networks as published, as corrected, or both."""


def recorded_at_every_scale() -> list[Record]:
    """The recorded runs of the networks as published and corrected on the study's images, smallest scale first.

    >>> recorded_at_every_scale()[0].recipe.size
    64
    """
    names = [f"tumorseg-{scale}-{experiment}" for scale in SCALES for experiment in BOTH_ENDS]
    return [record for name in names if (RESULTS / name).is_dir() for record in recorded_runs(name)]


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
def recorded_saliency(name: str) -> SaliencyRecord:
    """The scores of saliency maps of one recorded experiment.

    Args:
        name: Name of a folder in ``results/``, for instance ``tumorseg-small-saliency``.

    Raises:
        BrainsegError: If there is no such folder, or it is empty.
    """
    contents = _by_model(name)
    runs = [{part: content[part] for part in ("name", "recipe", "provenance")} for content in contents]
    return SaliencyRecord(runs, _joined(contents, "scores"), _joined(contents, "randomisation"))


@cache
def recorded_labels(name: str) -> pd.DataFrame:
    """How alike maps are to those of other networks, as ``brainseg randomise-labels`` recorded it of several networks.

    Args:
        name: Name of a folder in ``results/``, for instance ``tumorseg-quick-labels``.

    Returns:
        As :func:`brainseg.experiments.saliency.label_randomisation` gives it, with the columns ``model``, ``guidance``
        and ``seed``.

    Raises:
        BrainsegError: If there is no such folder, or it is empty.
    """
    return _joined(_by_model(name), "labels")


def _by_model(name: str) -> list[dict[str, Any]]:
    return sorted(map(json.loads, _texts(name)), key=lambda content: MODELS.index(content["recipe"]["model"]))


def _joined(contents: list[dict[str, Any]], which: str) -> pd.DataFrame:
    recipes = [Recipe.from_dict(content["recipe"]) for content in contents]
    tables = [
        pd.DataFrame(content[which]).assign(model=recipe.model, guidance=recipe.guidance, seed=recipe.seed)
        for content, recipe in zip(contents, recipes, strict=True)
    ]
    return pd.concat(tables, ignore_index=True)


IMAGES = {"phantom": "phantom", "tumorseg": "the study's images"}
"""What a table calls the images of a data set."""


def recorded_and_live(recorded: Iterable[Record], live: Iterable[Record], dataset: str) -> pd.DataFrame:
    """A network as published and corrected: as recorded on the study's images, and as trained for this page.

    Args:
        recorded: Runs on the study's images; those of networks that are not among the live ones are left out.
        live: Runs that a chapter has just asked for.
        dataset: What these were trained on.

    Returns:
        One row per run, by network, where its numbers are from, and training. Columns: ``training images`` and ``test
        images``, the mean Dice against the tumours' borders on the run's own images, the latter with its 95 % interval;
        ``made with``, the scale, and for recorded runs device and date; ``run``, the name of a recorded run, and of
        another one the recipe's, because the run's own changes with the computer.
    """
    asked = by_step(live)
    sides = {"recorded: the study's images": by_step(recorded), f"live: {IMAGES[dataset]}": asked}
    rows = [
        {
            "network": TITLES[model],
            "numbers": numbers,
            "trained as": step,
            "training images": f"{collect([record], 'border_dice', 'train')['value'].mean():.2f}",
            "test images": str(bootstrap_mean(collect([record], "border_dice"))),
            "made with": _made(record, live=results is asked),
            "run": record.recipe.id if results is asked else record.name,
        }
        for model in asked
        for numbers, results in sides.items()
        for step in ("published", "corrected")
        for record in results.get(model, {}).get(step, [])
    ]
    return pd.DataFrame(rows).set_index(["network", "numbers", "trained as"])


def log_and_recorded(model: str, records: Iterable[Record]) -> pd.DataFrame:
    """The last line of the study's log of a network, and below it those of recorded runs as published.

    Args:
        model: Which network.
        records: Runs on the study's images; those of other networks, and those that are not as published, are left out.

    Returns:
        One row per log, by ``log`` (of the study, or the scale of a run) and ``run`` (its name). Columns, by measure:
        ``training`` and ``validation``, shares from 0 to 1.

    >>> log_and_recorded("unet", [])["Dice"].to_numpy().tolist()
    [[0.3624, 0.3906]]
    """
    runs = by_step(records).get(model, {}).get("published", [])
    lines = {("the study", ""): published_last_epoch().loc[model]}
    lines |= {(_scale(run.recipe), run.name): run.history.iloc[-1] for run in runs}
    columns = {
        (title, side): {name: line[f"{prefix}{measure}"] for name, line in lines.items()}
        for measure, title in MEASURES.items()
        for side, prefix in {"training": "", "validation": "val_"}.items()
    }
    return pd.DataFrame(columns).rename_axis(["log", "run"])


def _made(record: Record, live: bool) -> str:
    """Scale of a run; for a recorded one also device and date."""
    about = record.provenance
    details = [] if live else [about["made_with"]["device"], about["finished"][:10]]
    return ", ".join([_scale(record.recipe), *details])


Sorted = Mapping[str, Sequence[Record]] | Mapping[str | None, Sequence[Record]]
"""Runs by step of the ladder or by kind of attention, those of each differing in their seed."""


def run_names(results: Mapping[str, Sorted]) -> pd.DataFrame:
    """Which runs a table of results comes from, by the last part of their names.

    Args:
        results: By model.

    Returns:
        One row per step or kind, one column per model; empty texts where there is no run.
    """
    names = {
        TITLES[model]: {
            STEPS.get(kind or "", kind or "none"): ", ".join(record.name.split("-")[3] for record in records)
            for kind, records in kinds.items()
        }
        for model, kinds in results.items()
    }
    return pd.DataFrame(names).fillna("").rename_axis("run")


def _scale(recipe: Recipe) -> str:
    sizes = (recipe.size, recipe.width, recipe.batch_size, recipe.images_per_epoch, recipe.scale_epochs)
    for scale in SCALES.values():
        if sizes == (scale.size, scale.width, scale.batch_size, scale.images_per_epoch, scale.epochs):
            return scale.name
    return f"{recipe.size} px, width {recipe.width}"


def _texts(name: str) -> list[str]:
    """The contents of all files of a folder in ``results/``, as JSON, in the order of their names.

    Raises:
        BrainsegError: If there is no such folder, or it is empty.
    """
    files = sorted((RESULTS / name).glob("*.json.gz"))
    if not files:
        raise BrainsegError(f"received the name {name!r}, expected a folder with records in {RESULTS}")
    return [gzip.decompress(path.read_bytes()).decode() for path in files]
