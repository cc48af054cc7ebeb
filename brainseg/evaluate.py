"""Runs beside the published numbers: the tables of the comparison."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from brainseg.data.prepare import Prepared
from brainseg.metrics import background_scores, published_scores
from brainseg.models import TITLES
from brainseg.study import MEASURES, published_last_epoch, published_table
from brainseg.train import Run


def summary(run: Run) -> pd.DataFrame:
    """The study's three metrics of one run beside the published ones.

    Returns
    -------
    DataFrame
        One row per metric. Columns: ``published`` (the study's table), ``published training`` and ``published
        validation`` (the last epoch of its log), ``training`` and ``validation`` (the last epoch of this run). All are
        shares, 0 to 1.
    """
    table, log = published_table().loc[run.recipe.model], published_last_epoch().loc[run.recipe.model]
    last = run.history.iloc[-1]
    return pd.DataFrame(
        {
            "published": [table[metric] for metric in MEASURES],
            "published training": [log[metric] for metric in MEASURES],
            "published validation": [log[f"val_{metric}"] for metric in MEASURES],
            "training": [last[metric] for metric in MEASURES],
            "validation": [last[f"val_{metric}"] for metric in MEASURES],
        },
        index=pd.Index(MEASURES.values(), name="metric"),
    )


def scores_on_test(run: Run, prepared: Prepared) -> dict[str, float]:
    """The study's three metrics of a run on the test images, which the study did not measure, and ``dice_per_image``.

    ``dice_per_image`` is the mean over the test images of the Dice of each, against the masks that the recipe learns
    from; images where prediction and mask are both empty are left out.
    """
    rows = prepared.rows("test")
    truth = prepared.masks[run.recipe.mask][rows]
    scores = published_scores(run.probability[rows], truth, run.recipe.batch_size)
    per_image = run.scores.loc[run.scores["split"] == "test", "dice"]
    return {**scores, "dice_per_image": float(per_image.mean())}


def comparison(runs: Iterable[Run]) -> pd.DataFrame:
    """The published table and these runs in one long table, as :func:`brainseg.plotting.published_against_ours` wants.

    Returns
    -------
    DataFrame
        Columns ``metric``, ``model``, ``title``, ``source`` (``published baseline``, ``published``, ``ours``) and
        ``value`` (share, 0 to 1; ours is the training value of the last epoch, because the published one is).
    """
    table = published_table()
    rows = []
    for run in runs:
        model, last = run.recipe.model, run.history.iloc[-1]
        for metric, title in MEASURES.items():
            values = {
                "published baseline": table.loc[model, f"{metric}_baseline"],
                "published": table.loc[model, metric],
                "ours": last[metric],
            }
            rows += [
                {"metric": title, "model": model, "title": TITLES[model], "source": source, "value": float(value)}
                for source, value in values.items()
            ]
    return pd.DataFrame(rows)


def mean_iou_of_anything(prepared: Prepared, run: Run, split: str = "test") -> pd.DataFrame:
    """The three metrics of very different predictions on the same images: why mean IoU hardly moves.

    Returns
    -------
    DataFrame
        One row per prediction: the model's own probabilities; no tumour anywhere; the labels themselves, made into
        probabilities of 0.99 and 0.01; the model's mask, 0 or 1, instead of probabilities; the labels as such. The last
        two are what ``MeanIoU`` was made for.
    """
    rows = prepared.rows(split)
    truth = np.asarray(prepared.masks[run.recipe.mask][rows])
    probability = np.asarray(run.probability[rows])
    predictions: Mapping[str, np.ndarray] = {
        "model, probabilities": probability,
        "no tumour anywhere": np.zeros_like(probability),
        "every label, at 99 % probability": np.where(truth, 0.99, 0.01),
        "model, 0 or 1": (probability > 0.5).astype(float),
        "every label, 0 or 1": truth.astype(float),
    }
    scores = {name: published_scores(values, truth, run.recipe.batch_size) for name, values in predictions.items()}
    return pd.DataFrame(scores).T.rename(columns=MEASURES)


def background(prepared: Prepared, mask: str, split: str) -> dict[str, float]:
    """The three metrics of finding no tumour in any image of a split, by their printed names."""
    scores = background_scores(np.asarray(prepared.masks[mask][prepared.rows(split)]))
    return {title: scores[metric] for metric, title in MEASURES.items()}
