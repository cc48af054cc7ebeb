"""Numbers recorded on the real images, which a reader of the book need not have."""

import gzip
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import pandas as pd

from brainseg.data.outside import expecting
from brainseg.errors import BrainsegError
from brainseg.experiments.matrix import chosen, read_matrix
from brainseg.experiments.recipe import SCALES, Recipe
from brainseg.experiments.run import Record
from brainseg.fingerprint import resource
from brainseg.models import MODELS

Content = TypeVar("Content")

MAP_SCORES: Final = {
    "energy": "energy inside the border",
    "pointing": "pointing game",
    "auc": "localisation AUC",
    "deletion": "deletion",
    "insertion": "insertion",
    "sensitivity": "sensitivity",
    "stability": "stability",
}
"""The scores of a saliency map, and what tables call them. Of all but deletion, more is better."""


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


def record_files(experiment: str) -> list[Path]:
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


@cache
def recorded_runs(experiment: str) -> tuple[Record, ...]:
    """The runs of a recorded experiment, in the order of their file names.

    Args:
        experiment: A name in ``experiments.yml``: ``ladder`` holds what ``make results`` trained on the study's images,
            from published to corrected, at the scale ``small``.

    Raises:
        BrainsegError: If there is no such experiment, or it is not recorded.
    """
    return tuple(_read(path, Record.from_json) for path in record_files(experiment))


def recorded_at_every_scale() -> list[Record]:
    """The recorded runs of the networks as published and corrected on the study's images, smallest scale first.

    >>> recorded_at_every_scale()[0].recipe.size
    64
    """
    return [record for experiment in experiments_at_every_scale() for record in recorded_runs(experiment)]


def experiments_at_every_scale() -> list[str]:
    """Names of the experiments that :func:`recorded_at_every_scale` reads."""
    matrices = [
        matrix
        for matrix in read_matrix().values()
        if matrix.recorded and matrix.records == ("runs",) and matrix.spans_the_ladder
    ]
    return [matrix.name for matrix in sorted(matrices, key=lambda matrix: list(SCALES).index(matrix.scale))]


@dataclass(frozen=True, eq=False)
class SaliencyRecord:
    """What ``brainseg saliency`` found about the maps of several networks.

    Attributes:
        scores: As :func:`brainseg.experiments.saliency.score_maps` gives them, with the columns ``model``,
            ``guidance``, ``fold`` (0 where the run names none) and ``seed``.
        randomisation: As :func:`brainseg.experiments.saliency.randomisation` gives it, with the same columns.
    """

    scores: pd.DataFrame
    randomisation: pd.DataFrame


@cache
def recorded_saliency(experiment: str) -> SaliencyRecord:
    """The scores of saliency maps of one recorded experiment.

    Raises:
        BrainsegError: If there is no such experiment, or it is not recorded.
    """
    contents = _by_model(experiment)
    return SaliencyRecord(_joined(contents, "scores"), _joined(contents, "randomisation"))


@cache
def recorded_labels(experiment: str) -> pd.DataFrame:
    """How alike maps are to those of other networks, as ``brainseg randomise-labels`` recorded it of several networks.

    Returns:
        As :func:`brainseg.experiments.saliency.label_randomisation` gives it, with the columns ``model``, ``guidance``,
        ``fold`` and ``seed``.

    Raises:
        BrainsegError: If there is no such experiment, or it is not recorded.
    """
    return _joined(_by_model(experiment), "labels")


COLUMNS: Final = {
    "run": "name of the training; equal names are the same weights",
    "model": "network: unet, linknet, segnet or deeplab",
    "training": "preset of the training: published or corrected",
    "attention": "gate, channel, spatial or none",
    "guidance": "weight of the guidance term in the loss",
    "size": "height and width of the images, pixels",
    "width": "filters at full resolution",
    "fold": "which fifth of the data is tested on; empty: the data set's own split, or by patient the first",
    "seed": "seed of the training",
    "learnt_from": "masks that were learnt from: position (boxes as published), box (boxes by id) or border",
    "split_by": "how images were divided: published (image by image) or patient",
    "postprocessing": "how answers were cleaned before scoring; empty: not at all",
    "split": "of this run: train, valid, test; empty: in none",
    "published_split": "of the data set as published: train, valid, test",
    "patient_split": "by patient, of this fold: train, valid, test; empty: patient unknown",
    "number": "of the image in the data set",
    "patient": "one value per person; empty: unknown",
    "tumour_type": "meningioma, glioma or pituitary",
    "predicted": "area of the answer, share of the image",
    "labelled": "area of the mask that was learnt from, share of the image",
    "dice": "Dice of the answer against the mask that was learnt from, 0 to 1",
    "iou": "IoU against the same mask, 0 to 1",
    "border_dice": "Dice against the tumour's border, 0 to 1; empty here and below: no border",
    "border_iou": "IoU against the border, 0 to 1",
    "border_precision": "share of the answer that is inside the border; empty: nothing marked",
    "border_recall": "share of the tumour that is marked",
    "border_specificity": "share of the background that is not marked",
    "border_hd95_px": "95th percentile of the distances between the two outlines, pixels; empty: nothing marked",
    "border_surface_dice": "share of the two outlines that lies within one pixel of the other",
    "border_lesions": "connected parts of the tumour",
    "border_found": "of these, how many the answer touches",
    "border_false_lesions": "connected parts of the answer that touch no tumour",
}
"""What the columns of :func:`recorded_scores` mean."""


def recorded_scores(experiment: str) -> pd.DataFrame:
    """All scores of a recorded experiment, tidy: one row per run and image, :data:`COLUMNS` for columns.

    Raises:
        BrainsegError: If there is no such experiment, or its runs are not recorded.

    >>> scores = recorded_scores("corrected")
    >>> scores.query("split == 'test'").groupby("model")["border_dice"].mean().round(2).to_dict()["unet"]
    0.69
    """
    (matrix,) = chosen([experiment])
    if matrix.records != ("runs",):
        raise BrainsegError(
            f"experiment {experiment} records {', '.join(matrix.records)}, expected one that records runs: "
            f"{', '.join(name for name, one in read_matrix().items() if one.recorded and one.records == ('runs',))}"
        )
    tables = []
    for record in recorded_runs(experiment):
        recipe = record.recipe
        about = {
            "run": record.name,
            "attention": recipe.attention or "none",
            "learnt_from": recipe.mask,
            "split_by": recipe.split,
        }
        same = ("model", "training", "guidance", "size", "width", "fold", "seed", "postprocessing")
        tables.append(record.scores.assign(**about, **{name: getattr(recipe, name) for name in same}))
    return pd.concat(tables, ignore_index=True)[list(COLUMNS)]


@cache
def recorded_provenance(experiment: str) -> pd.DataFrame:
    """Where the records of an experiment come from: one row per file, by its name.

    Returns:
        Columns ``run`` (the name of the training), ``seconds`` that it took, ``device``, ``finished``, ``code`` (its
        fingerprint).

    Raises:
        BrainsegError: If there is no such experiment, or it is not recorded.

    >>> recorded_provenance("ladder").loc["unet-published-published-0", "run"]
    'unet-64-84ed8f2f-4c7bb53b'
    """
    rows = {}
    for path in record_files(experiment):
        content = _read(path, json.loads)
        about = content["provenance"]
        same = {name: about[name] for name in ("seconds", "finished", "code")}
        rows[path.name.removesuffix(".json.gz")] = {
            "run": content["name"],
            "device": about["made_with"]["device"],
            **same,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _by_model(experiment: str) -> list[dict[str, Any]]:
    contents = [_read(path, json.loads) for path in record_files(experiment)]
    return sorted(contents, key=lambda content: MODELS.index(content["recipe"]["model"]))


def _joined(contents: list[dict[str, Any]], which: str) -> pd.DataFrame:
    recipes = [Recipe.from_dict(content["recipe"]) for content in contents]
    tables = [
        pd.DataFrame(content[which]).assign(
            model=recipe.model, guidance=recipe.guidance, fold=recipe.fold or 0, seed=recipe.seed
        )
        for content, recipe in zip(contents, recipes, strict=True)
    ]
    return pd.concat(tables, ignore_index=True)


def _read(path: Path, parse: Callable[[str], Content]) -> Content:
    with _undamaged(path):
        return parse(gzip.decompress(path.read_bytes()).decode())


def _undamaged(path: Path) -> AbstractContextManager[None]:
    return expecting(f"{path} is damaged", "check it out again")
