"""What the chapters say and show in the same way of every model: how it was trained, its numbers, and two figures."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from brainseg import plotting
from brainseg.data.prepared import Prepared
from brainseg.experiments.recipe import Recipe, Training
from brainseg.experiments.run import Run
from brainseg.experiments.select import common_test
from brainseg.models import ARCHITECTURES, as_input
from brainseg.models.attention import attention_maps
from brainseg.plotting.style import Plate
from brainseg.scores import THRESHOLD

NOTHING = 0.01
"""A Dice below this is called finding nothing."""

FEWEST = 5
"""The mean over fewer images than these is left out."""

LOSSES = {"binary_crossentropy": "binary cross-entropy", "bce_dice": "binary cross-entropy plus soft Dice loss"}
SHOWN = {"phantom": "the phantom", "tumorseg": "the study's images"}
"""What a data set is called in a sentence."""

LABELS = {
    "position": "the boxes, paired with the images by their places in the two lists",
    "box": "the boxes, paired with the images by their id",
    "border": "the tumours' true borders",
}


def protocol(recipe: Recipe) -> Iterator[str]:
    """Say how a recipe trains."""
    preset = recipe.preset
    watched, kept = {"loss": ("validation loss", "last"), "dice": ("validation Dice per image", "best")}[preset.monitor]
    stop = f"stopped when the {watched} has not improved for {preset.patience} epochs"
    held = "the split `valid`" if preset.validation == "valid" else "the last fifth of the training list"
    split = "the published one, slice by slice" if recipe.split == "published" else "by patient"
    seen = f"; an epoch sees {recipe.images_per_epoch} training images at most" if recipe.images_per_epoch else ""
    guidance = f" plus {recipe.guidance:g} times the guidance term" if recipe.guidance else ""
    shuffled = ", dealt out anew among the images" if recipe.pairing == "shuffled" else ""
    yield f"Images of {recipe.size} × {recipe.size} pixels, {recipe.batch_size} in a batch."
    yield f"{recipe.width} filters at full resolution{seen}."
    yield (
        f"At most {recipe.epochs} epochs, {stop if preset.patience is not None else 'without early stopping'}; "
        f"the weights of the {kept} epoch are kept."
    )
    yield f"Validation on {held}. The split is {split}."
    yield f"Loss: {LOSSES[preset.loss]}{guidance}. Optimiser: Adam, {_learning_rate(preset)}."
    yield _network(recipe)
    yield f"{_augmentation(preset)} Labels: {LABELS[recipe.mask]}{shuffled}."
    if preset.mirrored:
        yield "A prediction is the mean of those for the image and its three mirror images."


def _network(recipe: Recipe) -> str:
    where = "after each pooling" if recipe.model == "deeplab" else "after each pooling and merge"
    if recipe.preset.normalisation is None:
        rate = ARCHITECTURES[recipe.model].dropout
        dropout = f"dropout of {rate:g} {where}" if rate else "no dropout"
        normalised = "batch normalisation in the decoder" if recipe.model == "segnet" else "no batch normalisation"
        return f"As published: {normalised}, {dropout}."
    return (
        "Batch normalisation after each convolution of encoder and decoder; "
        f"dropout of {recipe.preset.dropout:g} {where}."
    )


def _learning_rate(preset: Training) -> str:
    rate = f"{preset.learning_rate:g}"
    if preset.warm_up is None:
        return f"at its default learning rate, {rate}"
    return f"with a learning rate that rises to {rate} in {preset.warm_up} epochs and falls to 0 along half a cosine"


def _augmentation(preset: Training) -> str:
    if (varied := preset.augmentation) is None:
        return "No augmentation."
    return (
        f"Augmentation: mirror images, rotation up to {360 * varied.rotation:.0f}°, zoom up to {100 * varied.zoom:.0f} "
        f"%, shift up to {100 * varied.shift:.0f} %, contrast up to {100 * varied.contrast:.0f} %."
    )


def course(run: Run, background: float) -> dict[str, float]:
    """Numbers of a training for sentences; ``background`` is the share of background in the validation masks, 0 to 1.

    Returns:
        ``epochs``: how many it ran. ``blind``: how many at its start have a validation Dice below :data:`NOTHING`, and
        ``blind_accuracy``, the validation accuracy of the last of these. ``last_training`` and ``last_validation``:
        Dice in the last epoch. ``last_iou``: validation mean IoU there, and ``iou_moves``, its range. ``background``
        and ``half_background``.
    """
    history, last = run.history, run.history.iloc[-1]
    blind = int((history["val_dice"] < NOTHING).cummin().sum())
    return {
        "epochs": len(history),
        "blind": blind,
        "blind_accuracy": float(history["val_accuracy"].iloc[max(blind, 1) - 1]),
        "last_training": float(last["dice"]),
        "last_validation": float(last["val_dice"]),
        "last_iou": float(last["val_mean_iou"]),
        "iou_moves": float(np.ptp(history["val_mean_iou"])),
        "background": background,
        "half_background": background / 2,
    }


def finds(run: Run) -> dict[str, float]:
    """Numbers of what a run finds on the test images that have a label, against the labels that it learnt from.

    Returns:
        ``dice``, the mean per image, and ``median_dice``; of ``tested`` images with a label, the ``missed`` whose
        label the answer does not touch.
    """
    scores = run.scores[run.scores["split"] == "test"]
    labelled = scores[scores["labelled"] > 0]
    return {
        "dice": float(scores["dice"].mean()),
        "median_dice": float(scores["dice"].median()),
        "tested": len(labelled),
        "missed": int((labelled["dice"] == 0).sum()),
    }


def finds_by_type(run: Run) -> pd.DataFrame:
    """The mean Dice of :func:`finds` by type of tumour, of those with :data:`FEWEST` images or more."""
    scores = run.scores[(run.scores["split"] == "test") & (run.scores["labelled"] > 0)]
    table = scores.groupby("tumour_type")["dice"].agg(["mean", "size"]).query("size >= @FEWEST")
    return table.rename(columns={"mean": "mean Dice", "size": "images"}).rename_axis("type of tumour")


def gate_maps(run: Run, prepared: Prepared) -> tuple[Plate, dict[str, float]]:
    """Show what the gates let through on a good, a middling and a bad test image, and how far the finest opens.

    Returns:
        The figure; ``gate_inside`` and ``gate_outside``, the mean opening of gate 1 inside and outside of the labels of
        all test images.
    """
    kind, test = run.recipe.mask, prepared.rows("test")
    images, truth = prepared.images[test], prepared.masks[kind][test]
    maps, dice = attention_maps(run.model, as_input(images)), run.scores["dice"].to_numpy()[test]
    inside, opening = truth.astype(bool), maps["gate_1"]
    means = {"gate_inside": float(opening[inside].mean()), "gate_outside": float(opening[~inside].mean())}
    return plotting.attention_maps(images, truth, maps, dice, kind), means


def both_ends(published: Run, corrected: Run, prepared: Prepared) -> Plate:
    """Show the answers of both ends of the ladder to test images that neither has seen, from best to worst."""
    common, runs = common_test(prepared), {"as published": published, "corrected": corrected}
    dice = {name: run.scores["border_dice"].to_numpy()[common] for name, run in runs.items()}
    return plotting.side_by_side(
        prepared.images[common],
        prepared.masks["border"][common],
        {name: run.probability[common] > THRESHOLD for name, run in runs.items()},
        plotting.spread(dice["corrected"], 5),
        dice,
    )
