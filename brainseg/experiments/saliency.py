"""All saliency maps of a trained network on the same test images, scored beside the controls."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from brainseg.backend import keras
from brainseg.data.prepared import Prepared
from brainseg.errors import BrainsegError
from brainseg.experiments.recipe import Recipe
from brainseg.experiments.recorded import MAP_SCORES
from brainseg.experiments.run import Run
from brainseg.models import as_input
from brainseg.models.attention import attention_maps
from brainseg.saliency import METHODS, explain, known_methods
from brainseg.saliency.randomisation import randomised
from brainseg.saliency.scores import (
    controls,
    deletion,
    energy_inside,
    insertion,
    localisation_auc,
    pointing_game,
    rank_correlation,
    sensitivity,
    stability,
)
from brainseg.saliency.target import Array, Target
from brainseg.scores import THRESHOLD
from brainseg.scores.metrics import dice

OPTIONS: Mapping[str, Mapping[str, Any]] = {"RISE": {"masks": 300}}
"""What is not left as it is for all methods when maps are scored."""

RANDOMISED = tuple(name for name in METHODS if name not in ("occlusion", "RISE"))
"""The methods whose maps are compared with those of a network that has lost what it learned; asking thousands of times,
once for each of its parts, takes too long for the others."""

COPIES = 2
"""Noisy copies of an image, for the stability."""

SHUFFLES = 5
"""How often a network is destroyed: a single shuffle of its weights can leave maps alike, or reversed, by chance."""


def methods_of(run: Run, images: Array, among: Sequence[str] = tuple(METHODS)) -> list[str]:
    """The methods that a network can be explained with: all, but attention only where it has maps.

    Args:
        run: The trained network.
        images: At least one image that it takes, (n, h, w, channels).
        among: Methods to choose from.

    Raises:
        BrainsegError: If there is no such method.
    """
    return [name for name in known_methods(among) if name != "attention" or attention_maps(run.model, images[:1])]


def explainable_rows(run: Run, prepared: Prepared, number: int) -> NDArray[np.intp]:
    """Rows of test images, drawn at random, whose tumour's border is known and in which the network marks something.

    They are drawn in an order that is the same for all networks: those that mark something in the same images are
    explained in the same images.

    Args:
        run, prepared: A trained network, and the data that it was tested on.
        number: At most so many.

    Raises:
        BrainsegError: If there is no such image.
    """
    rows = np.random.default_rng(0).permutation(prepared.rows("test", run.recipe.split, run.recipe.fold))
    marked = (run.probability[rows] > THRESHOLD).any(axis=(1, 2))
    known = np.asarray(prepared.masks["border"][rows]).any(axis=(1, 2))
    rows = rows[marked & known]
    if not len(rows):
        raise BrainsegError(
            f"{run.name} marks nothing in any test image whose border is known: there is nothing to explain"
        )
    return np.sort(rows[:number])


def score_maps(
    run: Run,
    prepared: Prepared,
    number: int = 30,
    methods: Sequence[str] = tuple(METHODS),
    options: Mapping[str, Mapping[str, Any]] = OPTIONS,
    batch_size: int = 32,
    progress: bool = False,
) -> pd.DataFrame:
    """Score the maps of several methods, and the controls, on the same test images.

    Explained is the network's own mask. The localisation scores ask for the tumour's border, so what a map gets for
    them is limited by how right the mask is; that is why it is among the controls.

    Args:
        run, prepared, number: As :func:`explainable_rows`.
        methods: Which methods' maps; attention is left out where a network has none.
        options: Arguments by method that are not as they are for all.
        batch_size: Images that are computed at once.
        progress: Show a progress bar on standard error.

    Returns:
        One row for each map and image: ``map``, ``kind`` (method or control), ``number``, ``patient``, ``tumour_type``,
        ``area`` (of the tumour, as a share of the image), ``dice`` (of the mask), and the scores of
        :data:`brainseg.experiments.recorded.MAP_SCORES`.
    """
    images, region, rows = _explained(run, prepared, number)
    border = np.asarray(prepared.masks["border"][rows])

    def method(name: str) -> Callable[[Array], Array]:
        return lambda x: explain(
            name, run.model, x, **{"region": region, "batch_size": batch_size, **options.get(name, {})}
        )

    def control(name: str) -> Callable[[Array], Array]:
        return lambda x: controls(x, region)[name]

    sources = {name: ("method", method(name)) for name in methods_of(run, images, methods)}
    sources |= {name: ("control", control(name)) for name in controls(images[:1], region[:1])}
    about = prepared.table.iloc[rows][["number", "patient", "tumour_type"]].reset_index(drop=True)
    about = about.assign(area=border.mean(axis=(1, 2)), dice=dice(region.astype(bool), border))
    tables, target = [], Target(run.model, images, region, batch_size)
    for name, (kind, source) in tqdm(sources.items(), desc=f"maps of {run.recipe.model}", disable=not progress):
        maps = source(images)
        scores = {
            "energy": energy_inside(maps, border),
            "pointing": pointing_game(maps, border),
            "auc": localisation_auc(maps, border),
            "deletion": deletion(target, maps),
            "insertion": insertion(target, maps),
            "sensitivity": sensitivity(target, maps),
            "stability": stability(source, images, copies=COPIES),
        }
        tables.append(about.assign(**scores, map=name, kind=kind))
    table = pd.concat(tables, ignore_index=True)
    return table[["map", "kind", *about.columns, *MAP_SCORES]]


def randomisation(
    run: Run,
    prepared: Prepared,
    number: int = 8,
    methods: Sequence[str] = RANDOMISED,
    shuffles: int = SHUFFLES,
    progress: bool = False,
) -> pd.DataFrame:
    """How much the maps stay the same while what the network has learned is destroyed, part by part from the answer up.

    Args:
        run, prepared, number: As :func:`explainable_rows`.
        methods, progress: As :func:`score_maps`; only methods that are in :data:`RANDOMISED`.
        shuffles: How often the whole is done, each time with other shuffles of the weights.

    Returns:
        One row for each shuffle, part and method: ``shuffle``, ``map``, ``part`` (the last one that was destroyed),
        ``parts`` (how many were) and ``correlation`` (mean over the images of
        :func:`brainseg.saliency.scores.rank_correlation`; NaN where the maps of all of them are even).
    """
    images, region, _ = _explained(run, prepared, number)
    names = [name for name in methods_of(run, images, methods) if name in RANDOMISED]

    def maps(name: str, model: "keras.Model") -> Array:
        return explain(name, model, images, **{"region": region, **OPTIONS.get(name, {})})

    before = {name: maps(name, run.model) for name in names}
    table = []
    for shuffle in tqdm(range(shuffles), desc=f"{run.recipe.model} destroyed", disable=not progress):
        for parts, (part, model) in enumerate(randomised(run.model, shuffle), start=1):
            for name in names:
                alike = rank_correlation(before[name], maps(name, model))
                correlation = float(np.nan if np.isnan(alike).all() else np.nanmean(alike))
                row = {"map": name, "part": part, "parts": parts, "correlation": correlation}
                table.append({"shuffle": shuffle, **row})
    return pd.DataFrame(table)


def label_yardsticks(recipe: Recipe) -> dict[str, Recipe]:
    """What the maps of a network are compared with in :func:`label_randomisation`: recipes that differ in one field.

    >>> from brainseg.experiments.ladder import recipe_at
    >>> from brainseg.experiments.recipe import SCALES
    >>> {name: (other.seed, other.pairing) for name, other in
    ...     label_yardsticks(recipe_at("corrected", "unet", SCALES["quick"])).items()}
    {'another seed': (1, 'id'), 'shuffled labels': (0, 'shuffled')}
    """
    return {
        "another seed": replace(recipe, seed=recipe.seed + 1),
        "shuffled labels": replace(recipe, pairing="shuffled"),
    }


def label_randomisation(
    run: Run,
    others: Mapping[str, Run],
    prepared: Prepared,
    number: int = 30,
    methods: Sequence[str] = RANDOMISED,
    progress: bool = False,
) -> pd.DataFrame:
    """How alike the maps of a network are to those of others, for instance of one that learned shuffled labels.

    Adebayo et al. 2018, "Sanity checks for saliency maps", section 4. All explain what the first network marks, so that
    maps differ by the networks alone.

    Args:
        run: The network whose maps the others' are compared with.
        others: By what they are called.
        prepared, number: As :func:`explainable_rows`, for the first network.
        methods, progress: As :func:`score_maps`.

    Returns:
        One row for each method, other network and image: ``map``, ``network``, ``number``, ``patient``, ``dice`` (of
        the other network's mask) and ``correlation`` (:func:`brainseg.saliency.scores.rank_correlation`).
    """
    images, region, rows = _explained(run, prepared, number)
    border = np.asarray(prepared.masks["border"][rows])
    about = prepared.table.iloc[rows][["number", "patient"]].reset_index(drop=True)
    tables = []
    for name in tqdm(methods_of(run, images, methods), desc=f"maps of {run.recipe.model}", disable=not progress):
        options = {"region": region, **OPTIONS.get(name, {})}
        own = explain(name, run.model, images, **options)
        for network, other in others.items():
            marked = other.probability[rows] > THRESHOLD
            alike = rank_correlation(own, explain(name, other.model, images, **options))
            tables.append(about.assign(dice=dice(marked, border), correlation=alike, map=name, network=network))
    table = pd.concat(tables, ignore_index=True)
    return table[["map", "network", *about.columns, "dice", "correlation"]]


def _explained(run: Run, prepared: Prepared, number: int) -> tuple[Array, Array, NDArray[np.intp]]:
    """Images as the network takes them, what it marks in each, and their rows."""
    rows = explainable_rows(run, prepared, number)
    return as_input(prepared.images[rows]), (run.probability[rows] > THRESHOLD).astype(np.float32), rows
