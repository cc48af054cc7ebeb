"""Sentences about runs, with the numbers in them: what the chapters say in the same way of every model.

What is said of a run has the same words whatever its numbers are, and shares as decimals, so that outputs of two
machines can be compared with one tolerance.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainseg.backend import keras
from brainseg.data.prepared import Prepared
from brainseg.experiments.ladder import STEPS
from brainseg.experiments.recipe import Recipe, Training
from brainseg.experiments.recorded import SaliencyRecord
from brainseg.experiments.run import Record, Run
from brainseg.experiments.saliency import SCORES
from brainseg.experiments.select import collect
from brainseg.models import ARCHITECTURES, TITLES
from brainseg.paper.saliency_tables import ABLATED
from brainseg.paper.saliency_tables import labels as label_differences
from brainseg.paper.study import PARAMETERS
from brainseg.paper.tables import attention_effects, attention_table, ladder_table
from brainseg.scores.statistics import beside_zero, smallest_p

NOTHING = 0.01
"""A Dice below this is called finding nothing."""

FEWEST = 5
"""The mean over fewer images than these is left out."""

SIGNIFICANCE = 0.05
"""A p value below this is counted as significant."""


def parameters(name: str, published_size: "keras.Model", trained: "keras.Model") -> str:
    """Say how many parameters a model has at the published size and as it is trained here."""
    here = published_size.count_params()
    published = PARAMETERS[name]
    verdict = "the number that the study printed" if here == published else f"the study printed {published:,}"
    return (
        f"At the published size, 128 × 128 pixels and 64 filters at full resolution, {TITLES[name]} has **{here:,}** "
        f"parameters: {verdict}. As trained for this page it has {trained.count_params():,}."
    )


LOSSES = {"binary_crossentropy": "binary cross-entropy", "bce_dice": "binary cross-entropy plus soft Dice loss"}
LABELS = {
    "position": "the boxes, paired with the images by their places in the two lists",
    "box": "the boxes, paired with the images by their id",
    "border": "the tumours' true borders",
}


def protocol(recipe: Recipe) -> Iterator[str]:
    """Say how a recipe trains."""
    preset = recipe.preset
    watched, kept = {"loss": ("validation loss", "last"), "dice": ("validation Dice per image", "best")}[preset.monitor]
    stop = (
        f"stopped when the {watched} has not improved for {preset.patience} epochs"
        if preset.patience is not None
        else "without early stopping"
    )
    held = "the split `valid`" if preset.validation == "valid" else "the last fifth of the training list"
    split = "the published one, slice by slice" if recipe.split == "published" else "by patient"
    yield f"Images of {recipe.size} × {recipe.size} pixels, {recipe.batch_size} in a batch."
    seen = f"; an epoch sees {recipe.images_per_epoch} training images at most" if recipe.images_per_epoch else ""
    yield f"{recipe.width} filters at full resolution{seen}."
    yield f"At most {recipe.epochs} epochs, {stop}; the weights of the {kept} epoch are kept."
    yield f"Validation on {held}. The split is {split}."
    guidance = f" plus {recipe.guidance:g} times the guidance term" if recipe.guidance else ""
    yield f"Loss: {LOSSES[preset.loss]}{guidance}. Optimiser: Adam, {_learning_rate(preset)}."
    yield _network(recipe)
    shuffled = ", dealt out anew among the images" if recipe.pairing == "shuffled" else ""
    yield f"{_augmentation(preset)} Labels: {LABELS[recipe.mask]}{shuffled}."
    if preset.mirrored:
        yield "A prediction is the mean of those for the image and its three mirror images."


NORMALISED = {"segnet": "batch normalisation in the decoder"}
"""Where a network as published has batch normalisation; the others have none."""


def _network(recipe: Recipe) -> str:
    preset = recipe.preset
    if preset.normalisation is None:
        rate = ARCHITECTURES[recipe.model].dropout
        dropout = f"dropout of {rate:g} after each pooling and merge" if rate else "no dropout"
        return f"As published: {NORMALISED.get(recipe.model, 'no batch normalisation')}, {dropout}."
    return (
        "Batch normalisation after each convolution of encoder and decoder; "
        f"dropout of {preset.dropout:g} after each pooling and merge."
    )


def _learning_rate(preset: Training) -> str:
    if preset.warm_up is None:
        return f"at its default learning rate, {preset.learning_rate:g}"
    return (
        f"with a learning rate that rises to {preset.learning_rate:g} in {preset.warm_up} epochs and falls to 0 along "
        "half a cosine"
    )


def _augmentation(preset: Training) -> str:
    if (varied := preset.augmentation) is None:
        return "No augmentation."
    return (
        f"Augmentation: mirror images, rotation up to {360 * varied.rotation:.0f}°, "
        f"zoom up to {100 * varied.zoom:.0f} %, "
        f"shift up to {100 * varied.shift:.0f} %, contrast up to {100 * varied.contrast:.0f} %."
    )


def training(run: Run, background: float) -> Iterator[str]:
    """Say how a training went; ``background`` is the share of background in the validation masks, 0 to 1."""
    history, last = run.history, run.history.iloc[-1]
    blind = _leading(history["val_dice"] < NOTHING)
    seen = max(blind, 1)
    yield f"It ran for {len(history)} epochs, of at most {run.recipe.epochs}."
    yield (
        f"For the first {blind} epochs its validation Dice is below {NOTHING}: it finds no tumour. In epoch {seen} its "
        f"accuracy is {history['val_accuracy'].iloc[seen - 1]:.3f}; a mask without any tumour has {background:.3f}."
    )
    yield f"In the last epoch, Dice is {last['dice']:.2f} on training and {last['val_dice']:.2f} on validation images."
    low, high = history["val_mean_iou"].min(), history["val_mean_iou"].max()
    yield (
        f"Over all epochs the validation mean IoU stays between {low:.4f} and {high:.4f}; half of the background share "
        f"is {background / 2:.4f}."
    )


def test(run: Run, prepared: Prepared) -> Iterator[str]:
    """Say what a run finds on the test images."""
    scores = run.scores[run.scores["split"] == "test"]
    labelled = scores[scores["labelled"] > 0]
    missed = (labelled["dice"] == 0).mean()
    yield (
        f"Per image, Dice against the labels it learnt from is {scores['dice'].mean():.2f} on average; the median is "
        f"{scores['dice'].median():.2f}."
    )
    yield f"Its mask does not touch the label at all in a share of {missed:.2f} of the {len(labelled)} test images."
    by_type = labelled.groupby("tumour_type")["dice"].agg(["mean", "size"]).query("size >= @FEWEST")
    kinds = [f"{row['mean']:.2f} for {kind} (n = {row['size']:.0f})" for kind, row in by_type.iterrows()]
    yield f"By type of tumour, where there are {FEWEST} images or more: {', '.join(kinds)}."


def recorded(records: Sequence[Record]) -> Iterator[str]:
    """Say what recorded runs were trained on and with."""
    sizes = sorted({f"{r.recipe.size} × {r.recipe.size} pixels, width {r.recipe.width}" for r in records})
    seeds = sorted({record.recipe.seed for record in records})
    made = {f"{record.provenance['made_with']['device']}" for record in records}
    days = sorted(record.provenance["finished"][:10] for record in records)
    hours = sum(record.provenance["seconds"] for record in records if record.recipe.postprocessing is None) / 3600
    yield f"Recorded: the study's images, {'; '.join(sizes)}; seeds: {', '.join(map(str, seeds))}."
    devices = ", ".join(sorted(made))
    yield f"{len(records)} results of {hours:.1f} hours of training on {devices}, {days[0]} to {days[-1]}."


def on_borders(record: Record) -> str:
    """Say which images all steps of the ladder are compared on, and how many of their patients are in the training."""
    tested = collect([record], "border_dice", common=True)
    trained_on = record.scores.loc[record.scores["published_split"] == "train", "patient"]
    return (
        f"In no training set of any step are {len(tested)} images, of {tested['patient'].nunique()} patients. Of "
        f"{int(tested['patient'].isin(trained_on).sum())} of them, the published training set has other images of the "
        "same patient."
    )


def climb(results: Mapping[str, Mapping[str, Sequence[Record]]]) -> Iterator[str]:
    """Say what each step of the ladder changed, averaged over the models that were trained at every step."""
    complete = {model: steps for model, steps in results.items() if len(steps) == len(STEPS)}
    if not complete:
        return
    table = ladder_table(complete)
    means = {name: table.xs(name, axis=1, level=1).to_numpy().mean(axis=1) for name in ("reported", "on borders")}
    for before, step in enumerate(table.index[1:]):
        changes = {name: f"from {mean[before]:.2f} to {mean[before + 1]:.2f}" for name, mean in means.items()}
        yield (
            f"*{step}*: the reported Dice goes {changes['reported']}, Dice on borders {changes['on borders']} "
            f"(means of {len(complete)} networks)."
        )


def larger_scale(effects: pd.DataFrame) -> Iterator[str]:
    """Say what a larger scale changed in Dice.

    Args:
        effects: As :func:`brainseg.paper.tables.scale_effects` gives it.
    """
    means = [f"{effects[scale].mean():.2f} at the {scale} scale" for scale in ("smaller", "larger")]
    above, below = beside_zero(effects["low"], effects["high"])
    yield f"Mean Dice on test images, of {len(effects)} networks: {', '.join(means)}."
    yield f"Of {len(effects)} differences, the intervals of {above} lie above zero, those of {below} below."


def ahead(differences: pd.DataFrame) -> str:
    """Say how many differences between networks have an interval without zero."""
    apart = sum(beside_zero(differences["low"], differences["high"]))
    return f"Of {len(differences)} intervals, {apart} exclude zero."


def processing(effects: pd.DataFrame) -> str:
    """Say in how many networks post-processing changes the Dice on test images, and by how much.

    Args:
        effects: As :func:`brainseg.paper.tables.processing_table` gives it.
    """
    above, below = beside_zero(effects["low"], effects["high"])
    return (
        f"Mean changes in Dice: {effects['change'].min():+.4f} to {effects['change'].max():+.4f}. Of {len(effects)} "
        f"intervals, {above} lie above zero, {below} below."
    )


def seeds(table: pd.DataFrame, differences: pd.DataFrame) -> Iterator[str]:
    """Say how far runs that differ in their seed lie apart, and how far networks do.

    Args:
        table: As :func:`brainseg.paper.tables.seed_table` gives it.
        differences: Between the means of the same runs over their seeds, as
            :func:`brainseg.paper.tables.model_differences` gives.
    """
    apart = differences["mean"].abs()
    excluding = sum(beside_zero(differences["low"], differences["high"]))
    yield f"Trainings of one network that differ in their seed only lie up to {table['range'].max():.3f} apart in Dice."
    yield (
        f"Networks, each averaged over {table.shape[1] - 1} seeds, lie {apart.min():.3f} to {apart.max():.3f} apart; "
        f"{excluding} of {len(differences)} intervals exclude zero."
    )


def attention(results: Mapping[str, Mapping[str | None, Sequence[Record]]]) -> Iterator[str]:
    """Say in how many comparisons attention changes the Dice on test images, and what it does to overfitting."""
    effects, table = attention_effects(results), attention_table(results)
    above, below = beside_zero(effects["low"], effects["high"])
    significant = int((effects["p_holm"] < SIGNIFICANCE).sum())
    which = f"the intervals of {above} lie above zero, those of {below} below"
    yield f"Of {len(effects)} differences from no attention, {which}."
    yield f"After correction for their number, {significant} have a p value below {SIGNIFICANCE}."
    gaps = table["gap"].unstack("attention")
    for kind in gaps.columns.drop("none"):
        both = gaps[[kind, "none"]].dropna()
        yield (
            f"Gap between training and test Dice, mean of {len(both)} networks: {both[kind].mean():.3f} with {kind} "
            f"attention, {both['none'].mean():.3f} without."
        )


def against_controls(compared: pd.DataFrame) -> Iterator[str]:
    """Say which methods are better than the best control in most networks, and which are beaten by it, score by score.

    Args:
        compared: As :func:`brainseg.paper.saliency_tables.against_controls` gives it.
    """
    for score, rows in compared.groupby("score", sort=False):
        share = {word: rows["verdict"].eq(word).groupby(rows["map"], sort=False).mean() for word in ("better", "worse")}
        names = {word: ", ".join(map(str, found.index[found > 1 / 2])) for word, found in share.items()}
        strongest = rows.drop_duplicates("model")["control"].value_counts().index[0]
        yield (
            f"*{SCORES[str(score)]}* (strongest control: {strongest}): better in more than half of the networks: "
            f"{names['better'] or 'no method'}; beaten: {names['worse'] or 'no method'}."
        )


def guidance(table: pd.DataFrame) -> Iterator[str]:
    """Say what guidance in training changes, score by score.

    Args:
        table: As :func:`brainseg.paper.saliency_tables.guidance` gives it.
    """
    heaviest = table["weight"].max()
    for score, rows in table.groupby("score", sort=False):
        guided = rows[rows["weight"] > 0]
        above, below = beside_zero(guided["difference_low"], guided["difference_high"])
        ends = [
            f"{TITLES[str(model)]} {one['mean'].iloc[0]:.2f} without, "
            f"{one['mean'].iloc[-1]:.2f} with weight {heaviest:g}"
            for model, one in rows.groupby("model", sort=False)
        ]
        yield (
            f"*{ABLATED[str(score)]}*: {'; '.join(ends)}. Of {len(guided)} differences from no guidance, the intervals "
            f"of {above} lie above zero, those of {below} below."
        )


def retrained(records: Iterable[Record], earlier: Iterable[Record]) -> Iterator[str]:
    """Say how far apart two trainings of one recipe came out, for every recipe that is in both."""
    before = {record.recipe: record for record in earlier}
    for record in records:
        if (twin := before.get(record.recipe)) is not None:
            first, second = (collect([run], "border_dice")["value"].mean() for run in (twin, record))
            start, again = (run.history["loss"].iloc[0] for run in (twin, record))
            yield (
                f"{TITLES[record.recipe.model]}, seed {record.recipe.seed}: loss in the first epoch {start:.4f} then, "
                f"{again:.4f} now; mean Dice on test images at the end {first:.2f} then, {second:.2f} now."
            )


def labels(table: pd.DataFrame) -> Iterator[str]:
    """Say how well networks with shuffled labels find tumours, and which maps still look like those of true labels.

    Args:
        table: As :func:`brainseg.experiments.recorded.recorded_labels` gives it.
    """
    marks = table.drop_duplicates(["model", "network", "number"]).groupby(["model", "network"])["dice"].mean()
    for model in table["model"].unique():
        yield (
            f"{TITLES[model]}: mean Dice on these test images {marks[model, 'another seed']:.2f} with another seed, "
            f"{marks[model, 'shuffled labels']:.2f} with shuffled labels."
        )
    compared = label_differences(table)
    for model, rows in compared.groupby("model", sort=False):
        same = rows[rows["low"] <= 0].sort_values("difference")
        names = ", ".join(same["map"]) or "none"
        yield (
            f"{TITLES[str(model)]}: of {len(rows)} kinds of map, {len(rows) - len(same)} are less alike with shuffled "
            f"labels than with another seed; the interval of the difference does not lie above zero for: {names}."
        )


def saliency_recorded(record: SaliencyRecord) -> Iterator[str]:
    """Say what recorded scores of saliency maps were made with."""
    sizes = sorted({f"{run['recipe']['size']} × {run['recipe']['size']} pixels" for run in record.runs})
    images = record.scores.groupby("model")["number"].nunique()
    marks = record.scores.drop_duplicates(["model", "number"])["dice"]
    yield (
        f"Recorded: the study's images, {', '.join(sizes)}, corrected training, {len(record.runs)} networks, "
        f"{images.min()} test images of each in which it marks something."
    )
    yield f"The mean Dice of the masks that are explained is {marks.mean():.2f}."


def reachable(seeds: Iterable[int]) -> Iterator[str]:
    """Say how small a p value a test over so many seeds can become."""
    for number in seeds:
        counted = f"{number} seed{'s' if number > 1 else ''}"
        yield f"{counted}: the smallest possible two-sided p is {smallest_p(number):.4f}."


def efficiency(tables: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """Say which model was fastest, and on what."""
    machine = tables["machine"].iloc[0]
    fastest, lightest = (tables["models"].sort_values(cost).iloc[0] for cost in ("batch_1_median_ms", "multiply_adds"))
    yield f"Fastest for one image: {TITLES[fastest['model']]}, {fastest['batch_1_median_ms']:.0f} ms."
    yield f"Fewest multiply-adds: {TITLES[lightest['model']]}, {lightest['multiply_adds'] / 1e9:.1f} billion."
    yield f"Measured on {machine['processor']}, {machine['cores']} cores, one thread, {machine['date']}, when warm."
    yield f"At the end {machine['load']:.1f} processes wanted these cores: on a quiet machine it is faster."


def gate(maps: Mapping[str, NDArray[np.float32]], truth: NDArray[np.uint8]) -> str:
    """Say how far the finest gate opens inside and outside of the labels."""
    inside, opening = truth.astype(bool), maps["gate_1"]
    return (
        f"Mean opening of gate 1 on the test images: {opening[inside].mean():.2f} inside the labels, "
        f"{opening[~inside].mean():.2f} outside."
    )


def _leading(flags: Iterable[bool]) -> int:
    """Number of true values before the first false one."""
    return sum(1 for _ in takewhile(bool, flags))
