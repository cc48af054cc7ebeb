"""Tests of the entries of the study's table: four networks, three measures, without and with attention gates.

An entry that something other than the network explains is an artefact. For the others there is only one test: to train
the network as published, at the study's own size, and to read the same measure where the study read it, on the training
images in the last epoch. As long as no such run is recorded, they cannot be tested.
"""

import numpy as np

from brainseg.errors import BrainsegError
from brainseg.models import TITLES, resolve_attention
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
        return _artefact(BLANK_MASK, blank, why, evidence, model, "accuracy", baseline)
    if value < blank:
        remark = f"It is below the {blank:.4f} of a mask without any tumour."
    else:
        share = (value - blank) / (1 - blank)
        remark = f"A mask without any tumour has {blank:.4f}; the entry is {share:.0%} of the way from there to 1."
    return _run_again(claim, evidence, model, "accuracy", baseline, remark)


@judgement
def table_mean_iou(claim: Claim, evidence: Evidence, model: str, baseline: bool = False) -> Outcome:
    """An artefact if it is half the share of background, which is what mean IoU gives for any probabilities."""
    value = _published(claim, evidence, model, "mean_iou", baseline)
    half = evidence.blank_mask("train", "mean_iou")
    accuracy, dice = (evidence.published(_column(metric, baseline))[model] for metric in ("accuracy", "dice"))
    implied = implied_mean_iou(accuracy, dice)
    contradiction = f"The accuracy and Dice beside it imply {implied:.2f}."
    if abs(value - half) <= claim.tolerance:
        why = f"Half the share of background is {half:.4f} on the training images. {contradiction}"
        return _artefact(PROBABILITIES, half, why, evidence, model, "mean_iou", baseline)
    return _run_again(claim, evidence, model, "mean_iou", baseline, contradiction)


@judgement
def table_dice(claim: Claim, evidence: Evidence, model: str, baseline: bool = False) -> Outcome:
    """An artefact if it is the training value of the last epoch and not the validation value."""
    value = _published(claim, evidence, model, "dice", baseline)
    training, validation = (evidence.logged(name)[model] for name in ("dice", "val_dice"))
    is_training, is_validation = (abs(value - logged) <= PRINTED for logged in (training, validation))
    if not baseline and is_training and not is_validation:
        why = f"It is the training value of the log's last epoch. The validation value there is {validation:.4f}."
        return _artefact(TRAINING_VALUE, validation, why, evidence, model, "dice", baseline)
    return _run_again(claim, evidence, model, "dice", baseline, "")


def _published(claim: Claim, evidence: Evidence, model: str, metric: str, baseline: bool) -> float:
    """The value of the entry; it must be the one in the study's table."""
    entry = evidence.published(_column(metric, baseline))[model]
    if claim.published is None or abs(claim.published - entry) > PRINTED:
        raise BrainsegError(
            f"claim {claim.id}: received the published value {claim.published}, expected the table's {entry}"
        )
    return claim.published


def _column(metric: str, baseline: bool) -> str:
    return f"{metric}_baseline" if baseline else metric


def _rerun(evidence: Evidence, model: str, metric: str, baseline: bool) -> tuple[float, int] | None:
    """Mean over seeds of a measure in the last epoch of training, at the study's size, and the number of seeds."""
    runs = evidence.full(model, None if baseline else resolve_attention(model))
    return (float(np.mean([run.history[metric].iloc[-1] for run in runs])), len(runs)) if runs else None


def _artefact(
    mechanism: str, measured: float, why: str, evidence: Evidence, model: str, metric: str, baseline: bool
) -> Outcome:
    if rerun := _rerun(evidence, model, metric, baseline):
        why += f" Trained again at the study's size: {rerun[0]:.4f} ({rerun[1]} seeds)."
    return Outcome(ARTEFACT, measured, why, mechanism)


def _run_again(claim: Claim, evidence: Evidence, model: str, metric: str, baseline: bool, remark: str) -> Outcome:
    if rerun := _rerun(evidence, model, metric, baseline):
        return compared(claim, rerun[0], f"Trained again at the study's size, {rerun[1]} seeds, {MEASURES[metric]}")
    reasons = ["No run at the study's size is recorded."]
    if baseline:
        reasons.insert(0, "No code is published for the baseline.")
    if baseline and resolve_attention(model) is None:
        reasons.insert(1, f"{TITLES[model]} has no gates that it could be without.")
    return Outcome(CANNOT_BE_TESTED, None, " ".join([*reasons, remark]).strip())
