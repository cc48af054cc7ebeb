"""Sentences about runs, with the numbers in them: what the chapters say in the same way of every model.

What is said of a run has the same words whatever its numbers are, and shares as decimals, so that outputs of two
machines can be compared with one tolerance.
"""

from collections.abc import Iterable, Iterator
from itertools import takewhile

from brainseg.backend import keras
from brainseg.data.prepare import Prepared
from brainseg.models import TITLES
from brainseg.recipe import Recipe
from brainseg.study import PARAMETERS
from brainseg.train import Run

NOTHING = 0.01
"""A Dice below this is called finding nothing."""


def parameters(name: str, published_size: "keras.Model", trained: "keras.Model") -> str:
    """Say how many parameters a model has at the published size and as it is trained here."""
    here = published_size.count_params()
    published = PARAMETERS[name]
    verdict = "the number that the study printed" if here == published else f"the study printed {published:,}"
    return (
        f"At the published size, 128 × 128 pixels and 64 filters at full resolution, {TITLES[name]} has **{here:,}** "
        f"parameters: {verdict}. As trained for this page it has {trained.count_params():,}."
    )


def protocol(recipe: Recipe) -> Iterator[str]:
    """Say how a recipe trains."""
    schedule = recipe.schedule
    stop = (
        f"stopped when the validation loss has not improved for {schedule.patience} epochs"
        if schedule.patience is not None
        else "without early stopping"
    )
    held = "the split `valid`" if schedule.validation == "valid" else "the last fifth of the training list"
    yield f"Images of {recipe.size} × {recipe.size} pixels, {recipe.batch_size} in a batch."
    yield f"{recipe.width} filters at full resolution."
    yield f"At most {schedule.epochs} epochs, {stop}; the weights of the last epoch are kept."
    yield f"Validation on {held}."
    yield "Loss: binary cross-entropy. Optimiser: Adam at its default learning rate, 0.001."
    yield "No augmentation. Labels: the boxes, paired with the images by their places in the two lists."


def training(run: Run, background: float) -> Iterator[str]:
    """Say how a training went; ``background`` is the share of background in the validation masks, 0 to 1."""
    history, last = run.history, run.history.iloc[-1]
    blind = _leading(history["val_dice"] < NOTHING)
    seen = max(blind, 1)
    yield f"It ran for {len(history)} epochs, of at most {run.recipe.schedule.epochs}."
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
    by_type = labelled.groupby("tumour_type")["dice"].agg(["mean", "size"])
    kinds = [f"{row['mean']:.2f} for {kind} (n = {row['size']:.0f})" for kind, row in by_type.iterrows()]
    yield f"By type of tumour: {', '.join(kinds)}."


def _leading(flags: Iterable[bool]) -> int:
    """Number of true values before the first false one."""
    return sum(1 for _ in takewhile(bool, flags))
