"""Tests of the entries of the study's table: four networks, three measures, of the baselines and of the study's own.

An entry that something other than the network explains is an artefact. For the others there is only one test: to train
the network as published, at the study's own size, and to read the same measure on the training images in the last
epoch, where the study read its Dice. Of a baseline no code is published, so it cannot be tested.
"""

from dataclasses import replace

import numpy as np

from brainseg.errors import BrainsegError
from brainseg.experiments.ladder import recipe_at
from brainseg.experiments.recipe import SCALES
from brainseg.paper.claims.claim import ARTEFACT, CANNOT_BE_TESTED, Claim
from brainseg.paper.claims.consistency import implied_mean_iou
from brainseg.paper.claims.evidence import Evidence
from brainseg.paper.claims.verdicts import BLANK_MASK, PROBABILITIES, TRAINING_VALUE, Outcome, compared, judgement
from brainseg.paper.study import MEASURES

PRINTED = 0.00005
"""Half a unit of the last digit that the study prints."""


@judgement
def table_accuracy(claim: Claim, evidence: Evidence, model: str, baseline: bool = False) -> Outcome:
    """An artefact if a mask without any tumour has nearly the same accuracy."""
    value = _published(claim, evidence, model, "accuracy", baseline)
    blank = evidence.blank_mask("train", "accuracy")
    if abs(value - blank) <= claim.tolerance:
        why = f"A mask without any tumour has {blank:.4f} on the training images, nearly the same."
        return _judged(claim, evidence, model, "accuracy", baseline, why, (BLANK_MASK, blank))
    if value < blank:
        why = f"It is below the {blank:.4f} of a mask without any tumour."
    else:
        share = (value - blank) / (1 - blank)
        why = f"A mask without any tumour has {blank:.4f}; the entry is {share:.0%} of the way from there to 1."
    return _judged(claim, evidence, model, "accuracy", baseline, why)


@judgement
def table_mean_iou(claim: Claim, evidence: Evidence, model: str, baseline: bool = False) -> Outcome:
    """An artefact if it is half the share of background, which is what mean IoU gives for any probabilities."""
    value = _published(claim, evidence, model, "mean_iou", baseline)
    half = evidence.blank_mask("train", "mean_iou")
    implied = implied_mean_iou(*(_entry(evidence, model, metric, baseline) for metric in ("accuracy", "dice")))
    why = f"The accuracy and Dice beside it imply {implied:.2f}."
    if abs(value - half) <= claim.tolerance:
        why = f"Half the share of background is {half:.4f} on the training images. {why}"
        return _judged(claim, evidence, model, "mean_iou", baseline, why, (PROBABILITIES, half))
    return _judged(claim, evidence, model, "mean_iou", baseline, why)


@judgement
def table_dice(claim: Claim, evidence: Evidence, model: str, baseline: bool = False) -> Outcome:
    """An artefact if it is the training value of the last epoch and not the validation value."""
    value = _published(claim, evidence, model, "dice", baseline)
    training, validation = (evidence.logged(name)[model] for name in ("dice", "val_dice"))
    is_training, is_validation = (abs(value - logged) <= PRINTED for logged in (training, validation))
    if not baseline and is_training and not is_validation:
        why = f"It is the training value of the log's last epoch. The validation value there is {validation:.4f}."
        return _judged(claim, evidence, model, "dice", baseline, why, (TRAINING_VALUE, validation))
    return _judged(claim, evidence, model, "dice", baseline)


def _entry(evidence: Evidence, model: str, metric: str, baseline: bool) -> float:
    return evidence.published(f"{metric}_baseline" if baseline else metric)[model]


def _published(claim: Claim, evidence: Evidence, model: str, metric: str, baseline: bool) -> float:
    """The value of the entry; it must be the one in the study's table."""
    value = _entry(evidence, model, metric, baseline)
    if claim.published is None or abs(claim.published - value) > PRINTED:
        raise BrainsegError(
            f"claim {claim.id}: received the published value {claim.published}, expected the table's {value}"
        )
    return claim.published


def _judged(
    claim: Claim,
    evidence: Evidence,
    model: str,
    metric: str,
    baseline: bool,
    why: str = "",
    artefact: tuple[str, float] | None = None,
) -> Outcome:
    """An artefact, with its mechanism and value, is one whatever a run gives; else runs at the study's size decide."""
    wanted = recipe_at("published", model, SCALES["full"])
    runs = [run for run in evidence.published_runs() if not baseline and replace(run.recipe, seed=0) == wanted]
    again = float(np.mean([run.history[metric].iloc[-1] for run in runs])) if runs else 0.0
    if artefact is not None:
        more = f" Trained again at the study's size: {again:.4f}." if runs else ""
        return Outcome(ARTEFACT, artefact[1], why + more, artefact[0])
    if runs:
        seeds = "one seed" if len(runs) == 1 else f"{len(runs)} seeds"
        return compared(claim, again, f"Trained again at the study's size, {seeds}, {MEASURES[metric]}")
    reason = "No code is published for the baseline." if baseline else "No such run at the study's size is recorded."
    return Outcome(CANNOT_BE_TESTED, None, f"{reason} {why}".strip())
