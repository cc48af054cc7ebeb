"""Runs beside the published numbers, and beside each other: the tables of the comparison."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from brainseg.data.prepared import Prepared
from brainseg.experiments.ladder import STEPS, ladder
from brainseg.experiments.recipe import SCALES, Recipe
from brainseg.experiments.run import Record, Run
from brainseg.experiments.select import by_step, change, collect, generalisation
from brainseg.models import TITLES
from brainseg.paper.study import MEASURES, published_last_epoch, published_table
from brainseg.scores import THRESHOLD
from brainseg.scores.published import background_scores, published_scores
from brainseg.scores.statistics import Interval, bootstrap_mean, differences, labelled_differences, paired_difference


def summary(run: Record) -> pd.DataFrame:
    """The study's three metrics of one run beside the published ones.

    Returns:
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

    Returns:
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

    Returns:
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
        "model, 0 or 1": (probability > THRESHOLD).astype(float),
        "every label, 0 or 1": truth.astype(float),
    }
    scores = {name: published_scores(values, truth, run.recipe.batch_size) for name, values in predictions.items()}
    return pd.DataFrame(scores).T.rename(columns=MEASURES)


def background(prepared: Prepared, mask: str, split: str) -> dict[str, float]:
    """The study's three metrics of finding no tumour in any image of a split."""
    return background_scores(np.asarray(prepared.masks[mask][prepared.rows(split)]))


SCORES = {
    "dice": "Dice",
    "iou": "IoU",
    "precision": "precision",
    "recall": "recall",
    "specificity": "specificity",
    "surface_dice": "surface Dice, 1 px",
    "hd95_px": "HD95, px",
}
"""Scores per image against the tumour's border, and what to print for them."""


def on_borders(records: Sequence[Record], split: str = "test") -> pd.DataFrame:
    """How well runs of one recipe, one per seed, find and outline the tumours of a split.

    Returns:
        One row per score: ``mean`` with the ``low`` and ``high`` end of its 95 % interval, ``median``, and ``images``,
        of how many images it is known. The last row, ``missed``, is the share of images in which the answer does not
        touch the tumour; HD95 is not known of images without any answer, so read it together with that.
    """
    scores = {title: collect(records, f"border_{score}", split) for score, title in SCORES.items()}
    scores["missed"] = scores["Dice"].assign(value=(scores["Dice"]["value"] == 0).astype(float))
    rows = {}
    for title, table in scores.items():
        interval, known = bootstrap_mean(table), table["value"].dropna()
        rows[title] = {
            "mean": interval.mean,
            "low": interval.low,
            "high": interval.high,
            "median": known.median(),
            "images": table.loc[known.index, "number"].nunique(),
        }
    return pd.DataFrame(rows).T.astype({"images": int}).rename_axis("score")


def reported(recipe: Recipe, record: Record) -> float:
    """The Dice that a step of the ladder would put into the paper.

    With published scoring it is the batch-pooled Dice on training images in the last epoch, as in the study's table;
    after that the mean over the step's own test images of the Dice against the step's own labels.
    """
    if recipe.scoring == "published":
        return float(record.history["dice"].iloc[-1])
    return float(record.scores.loc[record.scores["split"] == "test", "dice"].mean())


def ladder_scores(results: Mapping[str, Mapping[str, Sequence[Record]]]) -> pd.DataFrame:
    """Every step of the ladder against the tumours' borders, on the same test images.

    The images are those that are test images in both splits: no step has trained on them. Before the split by patient,
    though, other images of the same patients were trained on.

    Args:
        results: By model, by step: runs that differ in their seed.

    Returns:
        Columns ``model``, ``step``, ``title``, ``metric`` (``Dice``, ``IoU``), ``mean``, ``low``, ``high``, ``images``.
    """
    rows = []
    trained = [(step, model) for step in STEPS for model in results if step in results[model]]
    for step, model in trained:
        for metric in ("Dice", "IoU"):
            scores = collect(results[model][step], f"border_{metric.lower()}", common=True)
            interval = bootstrap_mean(scores)
            names = {"model": model, "step": step, "title": STEPS[step], "metric": metric}
            ends = {"mean": interval.mean, "low": interval.low, "high": interval.high}
            rows.append({**names, **ends, "images": scores["number"].nunique()})
    return pd.DataFrame(rows)


def ladder_table(results: Mapping[str, Mapping[str, Sequence[Record]]]) -> pd.DataFrame:
    """What each step would report, and what it is worth: one row per step.

    Returns:
        NaN where a model has no run at a step. For each model two columns: the Dice that the step :func:`reported`,
        mean over seeds, and the mean Dice against the borders on the test images that all steps share.
    """
    scores = ladder_scores(results).query("metric == 'Dice'").set_index(["model", "step"])["mean"]
    columns = {}
    for model, steps in results.items():
        recipes = ladder(model, SCALES["quick"])
        columns[TITLES[model], "reported"] = {
            step: np.mean([reported(recipes[step], record) for record in records]) for step, records in steps.items()
        }
        columns[TITLES[model], "on borders"] = scores[model].to_dict()
    return pd.DataFrame(columns).reindex(list(STEPS)).rename(index=STEPS).rename_axis("step")


def scoreboard(results: Mapping[str, Mapping[str, Sequence[Record]]], step: str) -> pd.DataFrame:
    """All scores of the models that have the step: one row per score, one column per model, with 95 % intervals."""
    tables = {TITLES[model]: on_borders(steps[step]) for model, steps in results.items() if step in steps}
    texts = {
        title: [str(Interval(*ends)) for ends in table[["mean", "low", "high"]].to_numpy()]
        for title, table in tables.items()
    }
    first = next(iter(tables.values()))
    return pd.DataFrame(texts, index=first.index)


def type_table(results: Mapping[str, Mapping[str, Sequence[Record]]], step: str) -> pd.DataFrame:
    """Mean Dice against the borders at one step, by type of tumour and by what an image was used for.

    Returns:
        Rows: for each model that has the step ``training``, ``validation`` and ``test`` images. One column per type.
    """
    sides = {"train": "training", "valid": "validation", "test": "test"}
    tables = {}
    for model, steps in results.items():
        if step in steps:
            scores = pd.concat(run.scores for run in steps[step])
            means = scores.pivot_table("border_dice", "split", "tumour_type")
            tables[TITLES[model]] = means.loc[list(sides)].rename(index=sides)
    return pd.concat(tables, names=["network", "images"]).rename_axis(columns=None)


def model_differences(results: Mapping[str, Mapping[str, Sequence[Record]]], step: str) -> pd.DataFrame:
    """Paired differences in Dice between all models at one step, on the same test images, for the forest plot.

    Returns:
        Columns ``label``, ``mean``, ``low``, ``high``, ``p``, ``p_holm``, ``images``, ``patients``, ``seeds``.
    """
    scores = {TITLES[model]: collect(steps[step], "border_dice") for model, steps in results.items() if step in steps}
    return differences(scores)


def seed_table(results: Mapping[str, Mapping[str, Sequence[Record]]], step: str) -> pd.DataFrame:
    """Mean Dice on test images of every run at one step: how much a seed changes.

    Returns:
        One row per model that has the step. Columns: ``seed 0`` and so on, and ``range``, the largest minus the
        smallest of them.
    """
    means = {
        TITLES[model]: {f"seed {run.recipe.seed}": collect([run], "border_dice")["value"].mean() for run in steps[step]}
        for model, steps in results.items()
        if step in steps
    }
    table = pd.DataFrame.from_dict(means, orient="index").rename_axis("network")
    return table.assign(range=table.max(axis="columns") - table.min(axis="columns"))


def scale_effects(
    larger: Mapping[str, Mapping[str, Sequence[Record]]],
    smaller: Mapping[str, Mapping[str, Sequence[Record]]],
    step: str,
) -> pd.DataFrame:
    """Paired differences in Dice of networks at a larger scale from those at a smaller one, on the same test images.

    Returns:
        One row per model that has the step at both scales, with the columns of :func:`model_differences` and ``larger``
        and ``smaller``, the mean Dice at each.
    """
    pairs = {
        TITLES[model]: (collect(larger[model][step], "border_dice"), collect(smaller[model][step], "border_dice"))
        for model in larger
        if step in larger[model] and step in smaller.get(model, {})
    }
    means = [{"larger": after["value"].mean(), "smaller": before["value"].mean()} for after, before in pairs.values()]
    return labelled_differences(pairs).join(pd.DataFrame(means))


def attention_effects(results: Mapping[str, Mapping[str | None, Sequence[Record]]]) -> pd.DataFrame:
    """Paired differences in Dice of each kind of attention from none, on the same test images.

    Returns:
        One row per model and kind, with the columns of :func:`model_differences`.
    """
    return labelled_differences(
        {
            f"{TITLES[model]}, {kind}": (collect(kinds[kind], "border_dice"), collect(kinds[None], "border_dice"))
            for model, kinds in results.items()
            for kind in filter(None, kinds)
        }
    )


def attention_table(results: Mapping[str, Mapping[str | None, Sequence[Record]]]) -> pd.DataFrame:
    """Effect of attention and overfitting: one row per model and kind of attention.

    Returns:
        Columns ``Dice − none`` with ``low``, ``high`` (95 % interval) and ``p_holm`` (NaN in the rows without
        attention), ``training``, ``test`` and ``gap``, see :func:`generalisation`.
    """
    effects = attention_effects(results).set_index("label")[["mean", "low", "high", "p_holm"]]
    rows = {}
    for model, kinds in results.items():
        for kind, records in kinds.items():
            label = f"{TITLES[model]}, {kind}"
            effect = effects.loc[label].to_dict() if kind else dict.fromkeys(effects, np.nan)
            rows[TITLES[model], kind or "none"] = effect | generalisation(records)
    table = pd.DataFrame(rows).T.rename(columns={"mean": "Dice − none"})
    return table.rename_axis(["model", "attention"])


def processing_table(before: Mapping[str, Sequence[Record]], after: Mapping[str, Sequence[Record]]) -> pd.DataFrame:
    """What post-processing does to the test images: one row per model.

    Returns:
        Columns ``pipeline`` (of the first seed), ``before``, ``after`` (mean Dice), ``change`` with ``low`` and
        ``high`` (95 % interval), ``better`` and ``worse`` (shares of the images).
    """
    rows = {}
    for model, records in after.items():
        old, new = (collect(side, "border_dice") for side in (before[model], records))
        effect = paired_difference(new, old)
        changes = pd.concat([change(*pair) for pair in zip(before[model], records, strict=True)])
        rows[TITLES[model]] = {
            "pipeline": records[0].provenance["pipeline"],
            "before": old["value"].mean(),
            "after": new["value"].mean(),
            "change": effect.mean,
            "low": effect.low,
            "high": effect.high,
            "better": (changes > 0).mean(),
            "worse": (changes < 0).mean(),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def costs(models: pd.DataFrame) -> pd.DataFrame:
    """What :func:`brainseg.experiments.efficiency.measure` found, as texts: times are medians with quartiles."""

    def time(row: pd.Series, batch: int) -> str:
        return "{:.0f} ({:.0f} to {:.0f})".format(*(row[f"batch_{batch}_{q}_ms"] for q in ("median", "q1", "q3")))

    rows = {
        TITLES[row["model"]]: {
            "parameters, million": f"{row['parameters'] / 1e6:.1f}",
            "multiply-adds, billion": f"{row['multiply_adds'] / 1e9:.1f}",
            "one image, ms": time(row, 1),
            "eight images, ms": time(row, 8),
            "memory for one, MB": f"{row['batch_1_memory_mb']:.0f}",
        }
        for _, row in models.iterrows()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


IMAGES = {"phantom": "phantom", "tumorseg": "the study's images"}
"""What a table calls the images of a data set."""


def recorded_and_live(recorded: Iterable[Record], live: Iterable[Record], dataset: str) -> pd.DataFrame:
    """A network as published and corrected: as recorded on the study's images, and as trained for this page.

    Args:
        recorded: Runs on the study's images; those of networks that are not among the live ones are left out.
        live: Runs that a chapter has just asked for.
        dataset: What these were trained on.

    Returns:
        One row per run, by network, where its numbers are from, and training. Columns: ``training images`` and ``test
        images``, the mean Dice against the tumours' borders on the run's own images, the latter with its 95 % interval;
        ``made with``, the scale, and for recorded runs device and date; ``run``, the name of a recorded run, and of
        another one the recipe's, because the run's own changes with the computer.
    """
    asked = by_step(live)
    sides = {"recorded: the study's images": by_step(recorded), f"live: {IMAGES[dataset]}": asked}
    rows = [
        {
            "network": TITLES[model],
            "numbers": numbers,
            "trained as": step,
            "training images": f"{collect([record], 'border_dice', 'train')['value'].mean():.2f}",
            "test images": str(bootstrap_mean(collect([record], "border_dice"))),
            "made with": _made(record, live=results is asked),
            "run": record.recipe.id if results is asked else record.name,
        }
        for model in asked
        for numbers, results in sides.items()
        for step in ("published", "corrected")
        for record in results.get(model, {}).get(step, [])
    ]
    return pd.DataFrame(rows).set_index(["network", "numbers", "trained as"])


def log_and_recorded(model: str, records: Iterable[Record]) -> pd.DataFrame:
    """The last line of the study's log of a network, and below it those of recorded runs as published.

    Args:
        model: Which network.
        records: Runs on the study's images; those of other networks, and those that are not as published, are left out.

    Returns:
        One row per log, by ``log`` (of the study, or the scale of a run) and ``run`` (its name). Columns, by measure:
        ``training`` and ``validation``, shares from 0 to 1.

    >>> log_and_recorded("unet", [])["Dice"].to_numpy().tolist()
    [[0.3624, 0.3906]]
    """
    runs = by_step(records).get(model, {}).get("published", [])
    lines = {("the study", ""): published_last_epoch().loc[model]}
    lines |= {(_scale(run.recipe), run.name): run.history.iloc[-1] for run in runs}
    columns = {
        (title, side): {name: line[f"{prefix}{measure}"] for name, line in lines.items()}
        for measure, title in MEASURES.items()
        for side, prefix in {"training": "", "validation": "val_"}.items()
    }
    return pd.DataFrame(columns).rename_axis(["log", "run"])


def _made(record: Record, live: bool) -> str:
    """Scale of a run; for a recorded one also device and date."""
    about = record.provenance
    details = [] if live else [about["made_with"]["device"], about["finished"][:10]]
    return ", ".join([_scale(record.recipe), *details])


Sorted = Mapping[str, Sequence[Record]] | Mapping[str | None, Sequence[Record]]
"""Runs by step of the ladder or by kind of attention, those of each differing in their seed."""


def run_names(results: Mapping[str, Sorted]) -> pd.DataFrame:
    """Which runs a table of results comes from, by the last part of their names.

    Args:
        results: By model.

    Returns:
        One row per step or kind, one column per model; empty texts where there is no run.
    """
    names = {
        TITLES[model]: {
            STEPS.get(kind or "", kind or "none"): ", ".join(record.name.split("-")[3] for record in records)
            for kind, records in kinds.items()
        }
        for model, kinds in results.items()
    }
    return pd.DataFrame(names).fillna("").rename_axis("run")


def _scale(recipe: Recipe) -> str:
    sizes = (recipe.size, recipe.width, recipe.batch_size, recipe.images_per_epoch, recipe.scale_epochs)
    for scale in SCALES.values():
        if sizes == (scale.size, scale.width, scale.batch_size, scale.images_per_epoch, scale.epochs):
            return scale.name
    return f"{recipe.size} px, width {recipe.width}"
