"""Measurements behind what this book itself claims: each gives one number, from records or live."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

from brainseg.data import VALIDATION_SHARE
from brainseg.errors import BrainsegError, known
from brainseg.experiments.ladder import STEPS
from brainseg.experiments.recipe import TRAININGS
from brainseg.models import MODELS
from brainseg.paper.claims.consistency import broadcast_iou, implied_mean_iou
from brainseg.paper.claims.evidence import Evidence
from brainseg.paper.claims.order import minutes_before_training
from brainseg.paper.claims.verdicts import measurement
from brainseg.paper.saliency_tables import by_shuffle, destroyed
from brainseg.paper.study import PARAMETERS
from brainseg.scores.published import background_scores, broadcast_scores, published_scores
from brainseg.scores.statistics import beside_zero, smallest_p

DIGITS = 4
"""Decimals that the study prints."""


@measurement
def checked(evidence: Evidence, table: str, column: str, row: Mapping[str, str] = MappingProxyType({})) -> float:
    """A number in a table of ``brainseg data check``; the row is named by its values in some of the columns."""
    rows = evidence.check(table)
    for name in (column, *row):
        known(name, rows.columns, f"column of {table}")
    found = rows[(rows[list(row)] == pd.Series(row, dtype=str)).all(axis=1)]
    if len(found) != 1:
        raise BrainsegError(f"{table} has {len(found)} rows with {dict(row)}, expected one: name it by its values")
    return float(found[column].item())


@measurement
def of_table(evidence: Evidence, table: str, column: str, how: str) -> float:
    """``mean``, ``min`` or ``max`` of a column of a table of recorded results, by the name of the evidence's method."""
    return float(getattr(evidence, table)()[column].agg(how))


@measurement
def intervals_beside_zero(evidence: Evidence, table: str, sides: list[str]) -> float:
    """Number of differences in such a table whose interval lies ``above`` zero, ``below`` it, or either."""
    differences = getattr(evidence, table)()
    counts = beside_zero(differences["low"], differences["high"])
    return float(sum(counts[("above", "below").index(side)] for side in sides))


@measurement
def shifted_in_validation(evidence: Evidence) -> float:
    """Share of the last fifth of the training list that the published pairing gives the label of another image."""
    (row,) = evidence.check("pairing").to_dict("records")
    images = int(evidence.check("areas").set_index(["split", "mask"])["images"].to_dict()["train", "published"])
    first = int(images * (1 - VALIDATION_SHARE))
    held = images - first
    return float((row["last"] - max(first, row["first"]) + 1) / held)


@measurement
def validations_at_half_the_background(evidence: Evidence) -> float:
    """Number of networks whose logged validation mean IoU is half the background of these images, to the last digit."""
    held = {"valid": "valid", "last_fifth": "last fifth of train"}
    splits = {model: held[TRAININGS["published"][model].validation] for model in MODELS}
    logged = evidence.logged("val_mean_iou")
    return sum(
        round(evidence.blank_mask(split, "mean_iou"), DIGITS) == logged[model] for model, split in splits.items()
    )


@measurement
def maps_that_are_answers(evidence: Evidence) -> float:
    """Number of networks whose saliency map in the study is of the last layer, and so the answer, but for rounding."""
    return float(evidence.maps_and_answers()["same"].sum())


@measurement
def mean_ious_repeated(evidence: Evidence) -> float:
    """Number of networks that, trained again as published, end with the logged validation mean IoU."""
    logged = evidence.logged("val_mean_iou")
    last = {run.recipe.model: run.history["val_mean_iou"].iloc[-1] for run in evidence.published_runs()}
    return sum(round(float(value), DIGITS) == logged[model] for model, value in last.items())


@measurement
def validation_of_a_blank_mask(evidence: Evidence, model: str, split: str) -> float:
    """Largest difference of a network's logged validation accuracy and mean IoU from those of a blank mask."""
    blank = {name: round(evidence.blank_mask(split, name), DIGITS) for name in ("accuracy", "mean_iou")}
    return max(abs(value - evidence.logged(f"val_{name}")[model]) for name, value in blank.items())


@measurement
def baselines_below_blank(evidence: Evidence) -> float:
    """Number of published baseline accuracies below that of a mask without any tumour, on the training images."""
    blank = evidence.blank_mask("train", "accuracy")
    return sum(accuracy < blank for accuracy in evidence.published("accuracy_baseline").values())


@measurement
def training_values_quoted(evidence: Evidence) -> float:
    """Number of networks whose published Dice is the training value of the last logged epoch, to the last digit."""
    logged = evidence.logged("dice")
    return sum(dice == logged[model] for model, dice in evidence.published("dice").items())


@measurement
def logged_gap(evidence: Evidence, model: str) -> float:
    """Training minus validation Dice in the last logged epoch."""
    return evidence.logged("dice")[model] - evidence.logged("val_dice")[model]


@measurement
def smallest_implied_mean_iou(evidence: Evidence) -> float:
    """The smallest mean IoU that accuracy and Dice of a column of the published table imply."""
    return min(
        implied_mean_iou(accuracy, evidence.published(f"dice{end}")[model])
        for end in ("", "_baseline")
        for model, accuracy in evidence.published(f"accuracy{end}").items()
    )


@measurement
def stretched_iou(evidence: Evidence, dice: float, rows: int) -> float:
    """The "IoU" that belongs to a printed "Dice" if shapes were stretched."""
    return broadcast_iou(dice, rows)


@measurement
def pictures_of_other_weights(evidence: Evidence) -> float:
    """Number of networks whose pictures were made before the training whose numbers are quoted."""
    return float(len(minutes_before_training()))


@measurement
def matching_parameters(evidence: Evidence) -> float:
    """Number of networks that have exactly the printed number of parameters."""
    counts = evidence.efficiency("models").set_index("model")["parameters"]
    return float(sum(counts[model] == printed for model, printed in PARAMETERS.items()))


@measurement
def size_ratio(evidence: Evidence, model: str, to: str) -> float:
    """Parameters of a network as a share of those of another, as the study prints them."""
    return PARAMETERS[model] / PARAMETERS[to]


@measurement
def ladder_change(evidence: Evidence, step: str, column: str) -> float:
    """Change of a Dice at a step of the ladder, mean over networks: ``reported`` or ``on borders``."""
    means = evidence.ladder_table().T.groupby(level=1).mean().loc[column].to_dict()
    steps = list(STEPS)
    after, before = (STEPS[steps[steps.index(step) - back]] for back in (0, 1))
    return float(means[after] - means[before])


@measurement
def methods_beating_controls(evidence: Evidence) -> float:
    """Number of pairs of network and saliency method with more energy inside the border than the best control."""
    return float((evidence.against_controls()["verdict"] == "better").sum())


@measurement
def alike_after_destruction(evidence: Evidence, method: str) -> float:
    """Mean rank correlation of the maps of networks with those of their destroyed copies."""
    return float(destroyed(evidence.saliency().randomisation)["mean"].to_dict()[method])


@measurement
def turned_by_shuffles(evidence: Evidence) -> float:
    """Number of pairs of network and map that one shuffle of the weights leaves alike in part, and another reverses."""
    return float(by_shuffle(evidence.saliency().randomisation)["turned"].sum())


@measurement
def smallest_p_of(evidence: Evidence, seeds: int) -> float:
    """The smallest p value that a two-sided test over so many paired seeds can give."""
    return smallest_p(seeds)


@measurement
def live_mean_iou_spread(evidence: Evidence) -> float:
    """How far mean IoU can tell labels, their opposite and a blank sheet apart, all given as probabilities."""
    truth = _test_labels(evidence)
    answers = [np.where(truth, 0.99, 0.01), np.where(truth, 0.01, 0.99), np.zeros(truth.shape)]
    return float(np.ptp([published_scores(answer, truth)["mean_iou"] for answer in answers]))


@measurement
def live_half_the_background(evidence: Evidence) -> float:
    """Difference of the mean IoU of a blank sheet from half the share of background."""
    truth = _test_labels(evidence)
    return abs(background_scores(truth)["mean_iou"] - (1 - float(truth.mean())) / 2)


@measurement
def live_stretched_pairs(evidence: Evidence) -> float:
    """Largest difference of a stretched "IoU" from what the stretched "Dice" beside it says it must be."""
    masks = [mask for mask in _test_labels(evidence) if mask.any()]
    pairs = [
        broadcast_scores(prediction, truth) for prediction, truth in zip(masks, masks[1:] + masks[:1], strict=True)
    ]
    return float(max(abs(broadcast_iou(pair["dice"], len(masks[0])) - pair["iou"]) for pair in pairs))


def _test_labels(evidence: Evidence) -> np.ndarray:
    prepared = evidence.live().prepared
    return np.asarray(prepared.masks["box"][prepared.rows("test")])
