"""The page of model cards: what the networks that come with the package are, and are not.

After Mitchell et al. 2019, "Model cards for model reporting". Every number on the page is computed from the records
that are shipped with the weights, and from those of the five folds; its prose is ``cards.md``.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from string import Template

import numpy as np
import pandas as pd

from brainseg.app.weights import Weights
from brainseg.experiments.run import Record
from brainseg.experiments.select import collect
from brainseg.models import TITLES
from brainseg.paper import narrate
from brainseg.paper.build.markdown import table
from brainseg.paper.display import ABSENT
from brainseg.paper.saliency_tables import SIZES
from brainseg.paper.tables import on_borders
from brainseg.scores.statistics import Interval, bootstrap_mean

TYPES = ("meningioma", "glioma", "pituitary")


def page(networks: Sequence[Weights], folds: Iterable[Record]) -> str:
    """The page as MyST Markdown.

    Args:
        networks: In the order in which they are to stand.
        folds: Runs with the corrected training that have tested every patient: of smaller networks, and of these sizes.
    """
    template = Template(Path(__file__).with_suffix(".md").read_text(encoding="utf-8"))
    return template.substitute(
        overview=_overview(networks),
        folds=_folds(networks, list(folds)),
        splits=_splits(networks[0]),
        cards="\n\n".join(map(card, networks)),
    )


def card(network: Weights) -> str:
    """The card of one network: how it was trained, how well it does and for what, and where it comes from."""
    scores = on_borders([network.record])
    scores.loc["missed", "median"] = np.nan  # of zeros and ones it says nothing
    rows = [
        (
            str(title),
            str(Interval(row["mean"], row["low"], row["high"])),
            "" if np.isnan(row["median"]) else f"{row['median']:.2f}",
            f"{row['images']:.0f}",
        )
        for title, row in scores.iterrows()
    ]
    parts = [
        f"## {TITLES[network.recipe.model]}",
        _list(narrate.protocol(network.recipe)),
        "Scores of single test images against the tumours' borders, with 95 % {term}`intervals <confidence interval>` "
        "over patients and images, of this one training; *missed* is the share of images whose tumour is not touched. "
        "Distances are in pixels of the size above:",
        table(["score", "mean [95 % interval]", "median", "images"], rows),
        "Dice by type and size of the tumour:",
        table(["images", "mean Dice [95 % interval]", "number", "patients"], _groups(network)),
        _list(_made(network)),
    ]
    return "\n\n".join(parts)


def _overview(networks: Iterable[Weights]) -> str:
    rows = [
        (
            TITLES[network.recipe.model],
            f"`{network.name}`",
            f"{network.recipe.size} × {network.recipe.size}",
            f"{network.model.count_params():,}",
            f"{network.file.stat().st_size / 1e6:.2f} MB",
            str(bootstrap_mean(collect([network.record], "border_dice"))),
        )
        for network in networks
    ]
    return table(["network", "run", "pixels", "parameters", "file", "test Dice [95 % interval]"], rows)


def _folds(networks: Iterable[Weights], runs: Sequence[Record]) -> str:
    """What networks in folds, smaller ones and such of the same size, score on these test images, and on all."""
    rows = []
    for network in networks:
        tested = collect([network.record], "border_dice")["number"]
        of_model = [run for run in runs if run.recipe.model == network.recipe.model]
        same_size = [run for run in of_model if run.recipe.size == network.recipe.size]
        smaller = [run for run in of_model if run.recipe.size < network.recipe.size]
        rows.append((TITLES[network.recipe.model], *_means(smaller, tested), *_means(same_size, tested)))
    titles = [f"{size}, {images}" for size in ("smaller", "of this size") for images in ("these images", "all images")]
    return table(["network", *titles], rows)


def _means(runs: Sequence[Record], numbers: pd.Series) -> tuple[str, str]:
    """Mean Dice on the images of these numbers, and on all; of no runs, none."""
    if not runs:
        return ABSENT, ABSENT
    scores = collect(runs, "border_dice")
    return f"{scores.loc[scores['number'].isin(numbers), 'value'].mean():.2f}", f"{scores['value'].mean():.2f}"


def _splits(network: Weights) -> str:
    rows = []
    for split, title in {"train": "training", "valid": "validation", "test": "test"}.items():
        own = network.scores[network.scores["split"] == split]
        counts = own["patient"].nunique(), len(own), *((own["tumour_type"] == kind).sum() for kind in TYPES)
        rows.append((title, *map(str, counts)))
    return table(["", "patients", "images", *TYPES], rows)


def _groups(network: Weights) -> Iterator[tuple[str, ...]]:
    """Dice of groups of test images, by the type of tumour and by thirds of its area."""
    test = network.scores[(network.scores["split"] == "test") & network.scores["border_dice"].notna()]
    area = 100 * test["labelled"]
    third = pd.qcut(area, len(SIZES), labels=SIZES)
    groups = {kind: test[test["tumour_type"] == kind] for kind in TYPES}
    for size in SIZES:
        within = area[third == size]
        groups[f"{size}: {within.min():.1f} to {within.max():.1f} % of the image"] = test.loc[within.index]
    for name, group in groups.items():
        mean = bootstrap_mean(group.assign(seed=network.recipe.seed, value=group["border_dice"]))
        yield name, str(mean), str(len(group)), str(group["patient"].nunique())


def _made(network: Weights) -> Iterator[str]:
    about = network.provenance
    made, half = about["made_with"], about["half_precision"]
    yield (
        f"Run `{network.name}`, finished {about['finished'][:10]} after {about['seconds'] / 60:.0f} minutes on "
        f"{made['device']}, with Keras {made['keras']} on {made['backend']}, by training code with the "
        f"fingerprint `{about['code'][:12]}`, on data with the fingerprint `{about['data']}`."
    )
    yield (
        "The kernels are kept in half precision, and the scores above are of the weights as they are kept. Rounding "
        f"changed the Dice of a test image by {half['mean']:.5f} on average and {half['largest']:.4f} at most, and its "
        f"mean from {half['mean_before']:.4f} to {half['mean_after']:.4f}."
    )
    yield f"Shown the test images upright, without transposing them, it reaches a mean Dice of {about['upright']:.2f}."


def _list(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)
