"""Tests of what the study claims in words.

Recorded runs are smaller than the study's, 64 × 64 pixels in place of 128 × 128 and an eighth of the filters. A verdict
is about that size; it cannot say that a claim is wrong at every size.
"""

from collections.abc import Iterable, Mapping

import pandas as pd

from brainseg.models import TITLES, resolve_attention
from brainseg.paper.claims.claim import (
    ARTEFACT,
    CANNOT_TELL,
    NOT_REPRODUCED,
    PARTLY,
    REFUTED,
    REPRODUCED,
    Claim,
)
from brainseg.paper.claims.evidence import Evidence, UntestableError
from brainseg.paper.claims.order import PREDICT_MS, STEP_MS
from brainseg.paper.claims.verdicts import ANSWER, Outcome, judgement
from brainseg.paper.saliency_tables import SIZES, sizes
from brainseg.paper.study import PARAMETERS
from brainseg.scores.statistics import (
    BETTER,
    SAME,
    UNDECIDED,
    WORSE,
    Interval,
    beside_zero,
    bootstrap_mean,
    counted,
    decision,
)


def _verdict(holds: bool) -> str:
    return REPRODUCED if holds else NOT_REPRODUCED


def _share(found: int, of: int) -> str:
    """The verdict where so many of what was looked at are as claimed."""
    return PARTLY if 0 < found < of else _verdict(found == of)


def _of_each(decisions: Iterable[str]) -> str:
    """The verdict on an improvement that is claimed of each network; a single one that has none refutes it.

    >>> _of_each([BETTER, SAME]), _of_each([SAME, UNDECIDED]), _of_each([UNDECIDED])
    ('partly', 'refuted', 'cannot tell')
    """
    found = set(decisions)
    if BETTER in found:
        return PARTLY if found - {BETTER} else REPRODUCED
    return REFUTED if found & {SAME, WORSE} else CANNOT_TELL


def _decided(effects: pd.DataFrame, margin: float) -> list[str]:
    """What each row with a mean and an interval says, see :func:`brainseg.scores.statistics.decision`."""
    return [decision(Interval(*ends), margin) for ends in effects[["mean", "low", "high"]].to_numpy()]


def _gained(designs: pd.DataFrame, margin: float) -> list[str]:
    """What each row says of a claimed gain of a design: none that matters is there, it is there, or neither is known.

    The intervals are over folds, see :func:`brainseg.paper.tables.design_effects`; of one fold there is none.
    """
    ends = designs[["low", "high"]].to_numpy()
    return [SAME if high < margin else BETTER if low > 0 else UNDECIDED for low, high in ends]


@judgement
def gates_improve(claim: Claim, evidence: Evidence) -> Outcome:
    """Reproduced if gates raise the Dice of every network that has them, refuted if a gain that matters is excluded.

    The tolerance is what does not matter.
    """
    designs = evidence.gate_designs()
    networks = designs["label"].str.removesuffix(", gate")
    means = ", ".join(f"{network} {mean:+.3f}" for network, mean in zip(networks, designs["mean"], strict=True))
    why = (
        f"Dice with gates minus Dice without, every patient tested once: {means}; lower in {designs['lower'].sum()} of "
        f"{designs['trainings'].sum()} pairs of trainings. Intervals over folds leave room for a gain of "
        f"{designs['high'].max():+.3f} at most."
    )
    return Outcome(_of_each(_gained(designs, claim.tolerance)), float(designs["mean"].mean()), why)


@judgement
def best_network(claim: Claim, evidence: Evidence, model: str) -> Outcome:
    """Reproduced if the network's Dice is above that of each other one; the tolerance is what does not matter.

    Refuted if a lead that matters over another one is excluded. Partly, if only one is seen of this lead and of the
    highest accuracy: on training images, in the last epoch, of networks of the study's own size.
    """
    title, pairs = TITLES[model], evidence.model_designs().set_index("label")[["mean", "low", "high", "trainings"]]
    ahead, behind = pairs[pairs.index.str.startswith(f"{title} − ")], pairs[pairs.index.str.endswith(f" − {title}")]
    turned = (-behind).rename(columns={"low": "high", "high": "low"}).assign(trainings=behind["trainings"])
    leads = pd.concat([ahead, turned])
    if leads.empty:
        raise UntestableError(f"{title} and another network are not both recorded.")
    decisions = _gained(leads, claim.tolerance)
    best = float(leads["mean"].min())
    by_dice, by_accuracy = (_number(means, model) for means in (evidence.full_means(), evidence.full_accuracies()))
    why = (
        f"Its mean Dice minus that of the best other network is {best:+.3f}, of {leads['trainings'].max()} trainings "
        f"each. A lead that matters is excluded over {decisions.count(SAME)} of {len(leads)} other networks, and seen "
        f"over {decisions.count(BETTER)}. At the study's size, trained once each, it is number {by_dice} by Dice on "
        f"borders, on one fold's patients, where training is corrected, and number {by_accuracy} by accuracy on "
        "training images in the last epoch, where it is as published. In the last lines of the study's logs it is "
        f"number {_number(evidence.logged('accuracy'), model)} by that accuracy."
    )
    leading = REFUTED if SAME in decisions else CANNOT_TELL if UNDECIDED in decisions else REPRODUCED
    return Outcome(leading if (by_accuracy == 1) == (leading == REPRODUCED) else PARTLY, best, why)


def _number(means: Mapping[str, float], model: str) -> int:
    """Which a model is, when the highest mean comes first.

    >>> _number({"unet": 0.5, "deeplab": 0.6}, "unet")
    2
    """
    return sorted(means, key=lambda name: -means[name]).index(model) + 1


@judgement
def fastest_network(claim: Claim, evidence: Evidence, model: str) -> Outcome:
    """Reproduced if its upper quartile of time is below the lower one of every other network, by more than a share."""
    times = evidence.efficiency("models").set_index("model")
    others = times.drop(index=model)
    ratio = float(times.loc[model, "batch_1_median_ms"] / others["batch_1_median_ms"].min())
    clear = times.loc[model, "batch_1_q3_ms"] < (1 - claim.tolerance) * others["batch_1_q1_ms"].min()
    quickest = min(STEP_MS, key=lambda name: STEP_MS[name])
    why = (
        f"One image takes it {ratio:.2f} of the time of the next network, on a processor. In the study's notebook, on "
        f"a graphics card, one image takes {PREDICT_MS[0]} to {PREDICT_MS[1]} ms with every network, and a step of "
        f"training {STEP_MS[model]} ms; with {TITLES[quickest]}, {STEP_MS[quickest]}."
    )
    return Outcome(_verdict(bool(clear)), ratio, why)


@judgement
def postprocessing_improves(claim: Claim, evidence: Evidence) -> Outcome:
    """Reproduced if it raises the Dice of every network; the tolerance is what does not matter."""
    effects = evidence.processing().rename(columns={"change": "mean"})
    decisions = _decided(effects, claim.tolerance)
    closed = evidence.finding("labels that the published closing changes")
    why = (
        f"Chosen on validation images, it changes the mean Dice of {len(effects)} networks by "
        f"{effects['mean'].min():+.3f} to {effects['mean'].max():+.3f}: {counted(decisions)}. Each was trained once; "
        f"{beside_zero(effects['low'], effects['high'])[0]} of the intervals over patients lie above zero. The study's "
        f"own step is for labels alone, and changes {closed['count']} of {closed['total']}. Smoother edges were not "
        "tested."
    )
    return Outcome(_of_each(decisions), float(effects["mean"].mean()), why)


@judgement
def maps_follow_tumours(
    claim: Claim, evidence: Evidence, closely: list[str], less: list[str], answer: str, score: str = "energy"
) -> Outcome:
    """An artefact if the study's maps are the networks' answers: then they follow a tumour as the answers do.

    Whether they are, :func:`brainseg.paper.claims.shown.maps_and_answers` says. Else reproduced if answers, recorded
    as maps of that name, score higher for each network named first than for each named second, by 95 % intervals that
    are apart by more than the tolerance, and their mean over the smallest third of the tumours is higher, too.
    """
    shown, scores = evidence.maps_and_answers(), evidence.saliency().scores
    own = scores[scores["map"] == answer].assign(value=lambda table: table[score], seed=0)
    means = {name: bootstrap_mean(own[own["model"] == name]) for name in (*closely, *less)}
    small = own[own["number"].map(sizes(own)) == SIZES[0]].groupby("model")["value"].mean()
    pairs = [(first, second) for first in closely for second in less]
    apart = [means[first].low - means[second].high > claim.tolerance for first, second in pairs]
    small_too = [small[first] > small[second] for first, second in pairs]
    listed = ", ".join(f"{TITLES[name]} {mean}" for name, mean in means.items())
    why = (
        f"The notebook shows maps of one training image. Energy of the {answer} inside the border, in networks trained "
        f"here: {listed}. Of {len(pairs)} pairs of networks, the intervals of "
        f"{sum(apart)} are apart as claimed; for small tumours {sum(small_too)} differ as claimed."
    )
    if shown["same"].all():
        return Outcome(ARTEFACT, float(shown["apart"].max()), _last_layer(shown) + why, ANSWER)
    nearest = min(means[first].mean - means[second].mean for first, second in pairs)
    return Outcome(_share(sum(apart + small_too), 2 * len(pairs)), nearest, why)


@judgement
def maps_show_influence(claim: Claim, evidence: Evidence) -> Outcome:
    """An artefact if the study's maps are the networks' answers; else nothing here tests it."""
    shown = evidence.maps_and_answers()
    if not shown["same"].all():
        raise UntestableError("The study's maps are not all its networks' answers; what led to these is not recorded.")
    why = f"{_last_layer(shown)}It shows what the network marks, and not what of the image led there."
    return Outcome(ARTEFACT, float(shown["apart"].max()), why, ANSWER)


def _last_layer(shown: pd.DataFrame) -> str:
    return (
        f"The layer that the notebook names is the last one, in all {len(shown)} networks, and there the map is "
        "the answer, divided by its largest value. "
    )


@judgement
def guidance_draws_maps_to_tumours(claim: Claim, evidence: Evidence) -> Outcome:
    """Reproduced if every network's gradients have more energy inside the border after training with saliency.

    Compared is the largest weight that is recorded with none, and the intervals are over folds. The tolerance is what
    does not matter.
    """
    effects = evidence.guidance()
    changes = effects[effects["weight"] == effects["weight"].max()].set_index(["score", "model"])
    changes = changes[["difference", "difference_low", "difference_high"]].set_axis(["mean", "low", "high"], axis=1)
    gains, prices = changes.loc["energy"], changes.loc["dice"]
    gained, paid = (
        ", ".join(f"{TITLES[str(model)]} {Interval(*ends)}" for model, *ends in table.itertuples())
        for table in (gains, prices)
    )
    why = (
        "The study's notebook has no such step, and a picture in its README shows the maps as an output; tested in its "
        "place is a penalty on gradients outside the tumour. "
        f"Their energy inside the border, with the largest weight minus without, over folds: {gained}. Dice on all "
        f"test images changes at the same time: {paid}."
    )
    return Outcome(_of_each(_gained(gains, claim.tolerance)), float(gains["mean"].mean()), why)


@judgement
def gates_reduce_overfitting(claim: Claim, evidence: Evidence) -> Outcome:
    """Reproduced if gates narrow the gap between learnt and test images in every network that has them.

    The tolerance is what does not matter.
    """
    designs = evidence.gap_designs()
    means = ", ".join(f"{label} {mean:+.3f}" for label, mean in zip(designs["label"], designs["mean"], strict=True))
    why = (
        f"By how much gates narrow the gap in Dice between images learnt from and test images: {means}. Intervals over "
        f"folds leave room for {designs['high'].max():+.3f} at most."
    )
    return Outcome(_of_each(_gained(designs, claim.tolerance)), float(designs["mean"].mean()), why)


@judgement
def has_images_without_tumour(claim: Claim, evidence: Evidence, shares: list[float]) -> Outcome:
    """Reproduced if number and split are as said and some images show no tumour; partly if some of this is so."""
    areas = evidence.check("areas").query("mask == 'border'").set_index("split")["images"]
    numbers = areas[["train", "valid", "test"]]
    without = ("images without a border", "images whose border encloses no pixel")
    healthy = sum(evidence.finding(name)["count"] for name in without)
    as_said = abs(numbers.sum() - (claim.published or 0)) <= claim.tolerance
    as_split = all(abs(number / numbers.sum() - share) < 0.005 for number, share in zip(numbers, shares, strict=True))
    split = " / ".join(f"{number / numbers.sum():.0%}" for number in numbers)
    why = f"{numbers.sum()} images, split {split}. Images without a tumour: {healthy}."
    if not healthy:
        mixed = evidence.finding("categories that mix tumour types")["count"]
        why += f" The categories 0 and 1 hold types of tumour; {mixed} of them mix several."
    return Outcome(_share(sum((as_said, as_split, healthy > 0)), 3), float(numbers.sum()), why)


@judgement
def labels_are_outlines(claim: Claim, evidence: Evidence) -> Outcome:
    """Partly, as the output is pixel-wise; reproduced if hardly a label, by the tolerance, is a rectangle."""
    boxes = evidence.finding("labels that are axis-parallel rectangles, not outlines")
    share, tumour = boxes["count"] / boxes["total"], evidence.agreement("box_is_tumour")
    why = (
        "Of the network's output this is true. Of the labels that it learns from and is scored by, "
        f"{boxes['count']} of {boxes['total']} are rectangles, and {tumour:.0%} of a label is tumour."
    )
    return Outcome(REPRODUCED if share <= claim.tolerance else PARTLY, share, why)


@judgement
def uses_attention(claim: Claim, evidence: Evidence, kinds: dict[str, list[str]]) -> Outcome:
    """Reproduced if every network with attention has each of these kinds, by the printed numbers of parameters.

    With each kind stand the modules that count as it: a gate weighs places, and so is spatial attention, too.
    """
    counts = evidence.efficiency("attention").set_index(["model", "attention"])["parameters"]
    gated = [model for model in PARAMETERS if resolve_attention(model)]
    matching = {
        model: [kind for kind, count in counts[model].items() if abs(count - PARAMETERS[model]) <= claim.tolerance]
        for model in gated
    }
    found = [kind for kind, modules in kinds.items() if all(set(modules) & set(names) for names in matching.values())]
    only = sorted({name for names in matching.values() for name in names})
    why = (
        f"The {len(gated)} networks with attention have the printed numbers of parameters with: "
        f"{', '.join(only) or 'no kind'}. Of {' and '.join(kinds)} attention that is: {', '.join(found) or 'none'}."
    )
    return Outcome(_share(len(found), len(kinds)), float(len(found)), why)
