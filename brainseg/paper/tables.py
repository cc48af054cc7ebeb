"""Runs beside the published numbers, and beside each other: the tables that chapters, claims and commands share.

Runs come by model and, where there are several, by step of the ladder or kind of attention within it; those of each
differ in their fold and seed. A model that lacks a step is left out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations, pairwise

import numpy as np
import pandas as pd

from brainseg.data.prepared import Prepared
from brainseg.experiments.ladder import LADDER, STEPS, ladder
from brainseg.experiments.recipe import SCALES, Recipe
from brainseg.experiments.rows import split_rows
from brainseg.experiments.run import Record, Run
from brainseg.experiments.select import by_step, change, collect, generalisation
from brainseg.models import TITLES
from brainseg.paper.display import ABSENT
from brainseg.paper.study import MEASURES, published_last_epoch, published_table
from brainseg.scores.published import background_scores, published_scores
from brainseg.scores.statistics import (
    BETTER,
    MARGIN,
    UNDECIDED,
    WORSE,
    Interval,
    bootstrap_mean,
    labelled_differences,
    over_folds,
    paired_difference,
)

Runs = Mapping[str, Sequence[Record]]
Steps = Mapping[str, Mapping[str, Sequence[Record]]]
Kinds = Mapping[str, Mapping[str | None, Sequence[Record]]]

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


def summary(run: Record) -> pd.DataFrame:
    """The study's three metrics of one run beside the published ones, as shares: one row per metric.

    ``published`` is the study's table, ``published training`` and ``published validation`` the last epoch of its log,
    ``training`` and ``validation`` that of this run.
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


def blank(recipe: Recipe, prepared: Prepared) -> dict[str, float]:
    """The study's three metrics of finding no tumour in any image that a recipe is validated on."""
    return background_scores(prepared.masks[recipe.mask][split_rows(recipe, prepared)[1]])


def on_borders(records: Sequence[Record]) -> pd.DataFrame:
    """How well runs of one recipe, one per seed, find and outline the tumours of test images.

    Returns:
        One row per score: ``mean`` with the ``low`` and ``high`` end of its 95 % interval, ``median``, and ``images``,
        of how many images it is known. The last row, ``missed``, is the share of images in which the answer does not
        touch the tumour; HD95 is not known of images without any answer, so read it together with that.
    """
    scores = {title: collect(records, f"border_{score}") for score, title in SCORES.items()}
    scores["missed"] = scores["Dice"].assign(value=(scores["Dice"]["value"] == 0).astype(float))
    rows = {}
    for title, table in scores.items():
        known = table.dropna(subset="value")
        counted = {"median": known["value"].median(), "images": known["number"].nunique()}
        rows[title] = asdict(bootstrap_mean(table)) | counted
    return pd.DataFrame(rows).T.astype({"images": int}).rename_axis("score")


def ladder_scores(results: Steps) -> pd.DataFrame:
    """Every step of the ladder against the tumours' borders, on test images that are the same at every step.

    With folds these are all images, each scored by the networks that it was no training image of. Else they are the
    test images in both splits. Before the split by patient, though, other images of the same patients were trained on.

    Returns:
        Columns ``model``, ``step``, ``title``, ``metric`` (``Dice``, ``IoU``), ``mean``, ``low``, ``high``, ``images``.
    """
    rows = []
    trained = [(step, model) for step in STEPS for model in results if step in results[model]]
    for step, model in trained:
        for metric in ("Dice", "IoU"):
            scores = collect(results[model][step], f"border_{metric.lower()}", common=not _in_folds(results))
            names = {"model": model, "step": step, "title": STEPS[step], "metric": metric}
            rows.append(names | asdict(bootstrap_mean(scores)) | {"images": scores["number"].nunique()})
    return pd.DataFrame(rows)


def ladder_table(results: Steps) -> pd.DataFrame:
    """What each step would report, and what it is worth: one row per step, NaN where a model has no run.

    For each model two columns: ``reported``, the Dice that the step would put into a paper, mean over seeds, and ``on
    borders``, the mean Dice of :func:`ladder_scores`. With published scoring, what is reported is the batch-pooled Dice
    on training images in the last epoch, as in the study's table; after that it is the mean over the step's own test
    images of the Dice against its own labels.
    """
    scores = ladder_scores(results).query("metric == 'Dice'").set_index(["model", "step"])["mean"]
    columns = {}
    for model, steps in results.items():
        recipes = ladder(model, SCALES["quick"])
        columns[TITLES[model], "reported"] = {
            step: np.mean([_reported(recipes[step], record) for record in records]) for step, records in steps.items()
        }
        columns[TITLES[model], "on borders"] = scores[model].to_dict()
    return pd.DataFrame(columns).reindex(list(STEPS)).rename(index=STEPS).rename_axis("step")


def step_effects(results: Steps) -> pd.DataFrame:
    """Paired differences in Dice of each step that was trained anew from the one before, on the same test images.

    These are the images of :func:`ladder_scores`; the label is the step, and another column, ``group``, the model.
    """
    pairs: dict[tuple[str, str], tuple[pd.DataFrame, pd.DataFrame]] = {}
    for model, steps in results.items():
        trained = [step for step in steps if step not in LADDER or LADDER[step].field != "scoring"]
        scores = {step: collect(steps[step], "border_dice", common=not _in_folds(results)) for step in trained}
        pairs |= {(TITLES[model], STEPS[step]): (scores[step], scores[last]) for last, step in pairwise(trained)}
    table = labelled_differences(pairs)
    table[["group", "label"]] = table["label"].tolist()
    return table


def _in_folds(results: Steps) -> bool:
    return all(run.recipe.fold is not None for steps in results.values() for runs in steps.values() for run in runs)


def scoreboard(results: Runs) -> pd.DataFrame:
    """All scores: one row per score, one column per model, with 95 % intervals."""
    tables = {TITLES[model]: on_borders(runs) for model, runs in results.items()}
    texts = {
        title: table[["mean", "low", "high"]].apply(lambda ends: str(Interval(*ends)), axis=1)
        for title, table in tables.items()
    }
    return pd.DataFrame(texts)


def type_table(results: Runs) -> pd.DataFrame:
    """Mean Dice against the borders, one column per type of tumour.

    Returns:
        Rows: for each model ``training``, ``validation`` and ``test`` images.
    """
    sides = {"train": "training", "valid": "validation", "test": "test"}
    tables = {
        TITLES[model]: pd.concat(run.scores for run in runs)
        .pivot_table("border_dice", "split", "tumour_type")
        .loc[list(sides)]
        .rename(index=sides)
        for model, runs in results.items()
    }
    return pd.concat(tables, names=["network", "images"]).rename_axis(columns=None)


def model_differences(results: Runs) -> pd.DataFrame:
    """:func:`labelled_differences` in Dice of all pairs of models; the label is "first − second"."""
    scores = {TITLES[model]: collect(runs, "border_dice") for model, runs in results.items()}
    return labelled_differences({f"{a} − {b}": (scores[a], scores[b]) for a, b in combinations(scores, 2)})


def ahead_of(pairs: pd.DataFrame) -> dict[str, list[str]]:
    """Which models each model is better than, of a table by :func:`model_differences`; without those that are of none.

    >>> ahead_of(pd.DataFrame({"label": ["A − B", "A − C", "B − C"], "decision": ["better", UNDECIDED, "worse"]}))
    {'A': ['B'], 'C': ['B']}
    """
    behind: dict[str, list[str]] = {}
    for label, decision in zip(pairs["label"], pairs["decision"], strict=True):
        one, other = str(label).split(" − ")
        if decision in (BETTER, WORSE):
            first, second = (one, other) if decision == BETTER else (other, one)
            behind.setdefault(first, []).append(second)
    return behind


def answer_on_seeds(pairs: pd.DataFrame) -> str:
    """Whether further seeds would decide what is open, in one sentence, of a table by :func:`model_differences`.

    It is of two seeds or more, as the spread of one is not known.

    >>> pairs = pd.DataFrame({"decision": ["better", UNDECIDED, UNDECIDED], "seeds_needed": [1, np.inf, 7]})
    >>> answer_on_seeds(pairs)
    'With 7 seeds, 1 of the 2 that cannot be told could be, if mean and spread stayed.'
    >>> answer_on_seeds(pairs[:2])
    'More seeds alone would decide none of those that cannot be told: more patients are needed.'
    """
    needed = pairs.loc[pairs["decision"] == UNDECIDED, "seeds_needed"]
    enough = needed[np.isfinite(needed)]
    if needed.empty:
        return "None is left open."
    if enough.empty:
        return "More seeds alone would decide none of those that cannot be told: more patients are needed."
    return (
        f"With {enough.max():.0f} seeds, {len(enough)} of the {len(needed)} that cannot be told could be, if mean and "
        "spread stayed."
    )


def seed_table(results: Runs) -> pd.DataFrame:
    """Mean Dice on the test images of all folds, for every seed: how much a seed changes.

    Returns:
        One row per model. Columns: ``seed 0`` and so on; ``range``, the largest minus the smallest of them; and of such
        ranges on the test images of a single fold the median, ``usual range in a fold``, and the largest, ``range in a
        fold``.
    """
    table = _means(results, ["seed"]).add_prefix("seed ").rename_axis(columns=None)
    of_folds = _means(results, ["fold", "seed"]).T.groupby(level=0)
    in_folds = of_folds.max() - of_folds.min()
    ranges = {"usual range in a fold": in_folds.median(), "range in a fold": in_folds.max()}
    return table.assign(range=table.max(axis="columns") - table.min(axis="columns"), **ranges)


def fold_table(results: Runs) -> pd.DataFrame:
    """Mean Dice on the test images of every fold, over all seeds, and on those of all folds together.

    Returns:
        One row per model. Columns: ``fold 0`` and so on, and ``all``, the mean over all images.
    """
    table = _means(results, ["fold"]).add_prefix("fold ").rename_axis(columns=None)
    scores = {TITLES[model]: collect(runs, "border_dice") for model, runs in results.items()}
    return table.assign(all=pd.Series({title: of_model["value"].mean() for title, of_model in scores.items()}))


def _means(results: Runs, by: list[str]) -> pd.DataFrame:
    """Mean Dice on test images, one row per model, one column for each ``fold``, ``seed`` or both."""
    tables = {
        TITLES[model]: pd.concat(
            collect([run], "border_dice").assign(fold=run.recipe.fold or 0, seed=run.recipe.seed) for run in runs
        )
        for model, runs in results.items()
    }
    means = {title: table.groupby(by)["value"].mean() for title, table in tables.items()}
    return pd.DataFrame(means).T.rename_axis("network")


def scale_effects(larger: Runs, smaller: Runs) -> pd.DataFrame:
    """Paired differences in Dice of networks at a larger scale from those at a smaller one, on the same test images.

    Returns:
        One row per model that was trained at both scales, with the columns of :func:`model_differences` and ``larger``
        and ``smaller``, the mean Dice at each, on the images that are test images at both.
    """
    pairs = {
        TITLES[model]: (collect(larger[model], "border_dice"), collect(smaller[model], "border_dice"))
        for model in larger
        if model in smaller
    }
    common = [after.merge(before, on="number") for after, before in pairs.values()]
    means = [{"larger": both["value_x"].mean(), "smaller": both["value_y"].mean()} for both in common]
    return labelled_differences(pairs).join(pd.DataFrame(means))


def attention_effects(results: Kinds) -> pd.DataFrame:
    """Paired differences in Dice of each kind of attention from none, labelled by model and kind."""
    return labelled_differences(
        {
            label: (collect(runs, "border_dice"), collect(others, "border_dice"))
            for label, (runs, others) in _with_and_without(results).items()
        }
    )


def _with_and_without(results: Kinds) -> dict[str, tuple[Sequence[Record], Sequence[Record]]]:
    """Runs with each kind of attention and without any, labelled by model and kind."""
    return {
        f"{TITLES[model]}, {kind}": (kinds[kind], kinds[None])
        for model, kinds in results.items()
        for kind in filter(None, kinds)
    }


def design_effects(
    pairs: Mapping[str, tuple[Sequence[Record], Sequence[Record]]], of: Callable[[Record], float] | None = None
) -> pd.DataFrame:
    """Differences between designs, training by training: of each fold and seed, one design's number minus the other's.

    Args:
        pairs: Runs of two designs, by a label; what one has and the other has not, of folds and seeds, is left out.
        of: The number of a run; None: the mean Dice of its test images against the borders.

    Returns:
        One row per pair: ``label``, ``mean``, ``low``, ``high``, of each fold's mean over its seeds, see
        :func:`brainseg.scores.statistics.over_folds`; of how many ``trainings`` of each design, and in how many the
        first is ``lower``.
    """
    rows = []
    for label, sides in pairs.items():
        changes = _changes(*sides, of or _mean_dice)
        counted = {"trainings": len(changes), "lower": int((changes < 0).sum())}
        rows.append({"label": label, **asdict(over_folds(changes.groupby(level=0).mean())), **counted})
    return pd.DataFrame(rows)


def _changes(runs: Iterable[Record], others: Iterable[Record], of: Callable[[Record], float]) -> pd.Series:
    """A number of each run minus that of the other one with its fold and seed, where there is one."""
    one, other = (
        pd.Series({(run.recipe.fold or 0, run.recipe.seed): of(run) for run in side}) for side in (runs, others)
    )
    return (one - other).dropna()


def _mean_dice(run: Record) -> float:
    return float(collect([run], "border_dice")["value"].mean())


def attention_designs(results: Kinds) -> pd.DataFrame:
    """:func:`design_effects` of each kind of attention: with it minus without any, labelled by model and kind."""
    return design_effects(_with_and_without(results))


def attention_altogether(results: Kinds, attention: str) -> Interval:
    """Dice with a kind of attention minus without: of each fold the mean of trainings, and the interval over folds."""
    changes = [_changes(kinds[attention], kinds[None], _mean_dice) for kinds in results.values()]
    return over_folds(pd.concat(changes).groupby(level=0).mean())


def gap_designs(results: Kinds) -> pd.DataFrame:
    """:func:`design_effects` of gates on the gap between training and test images: without them minus with."""
    pairs = {TITLES[model]: (kinds[None], kinds["gate"]) for model, kinds in results.items()}
    return design_effects(pairs, lambda run: generalisation([run])["gap"])


def model_designs(results: Runs) -> pd.DataFrame:
    """:func:`design_effects` of all pairs of models; the label is "first − second"."""
    return design_effects(
        {f"{TITLES[one]} − {TITLES[other]}": (results[one], results[other]) for one, other in combinations(results, 2)}
    )


def answer_on_gates(designs: pd.DataFrame) -> str:
    """Whether attention helps, in one sentence, of a table of gates by :func:`attention_designs`.

    Gates help where the interval lies above zero, and do not where a gain that matters is excluded.

    >>> designs = pd.DataFrame({"low": [-0.05, -0.02], "high": [0.01, 0.005], "trainings": [5, 5], "lower": [5, 4]})
    >>> answer_on_gates(designs).split(":")[0]
    'In small networks attention gates bring no gain that matters'
    >>> answer_on_gates(designs.assign(high=[0.01, 0.03])).split(":")[0]
    'Whether attention gates help small networks cannot be told'
    """
    lower, trainings = designs[["lower", "trainings"]].sum()
    pairs = f"in {lower} of {trainings} pairs of trainings the one with gates scores lower."
    helped = int((designs["low"] > 0).sum())
    if helped:
        return f"Attention gates help {helped} of {len(designs)} small networks: {pairs}"
    if (designs["high"] < MARGIN).all():
        return f"In small networks attention gates bring no gain that matters: {pairs}"
    return f"Whether attention gates help small networks cannot be told: {pairs}"


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


def logs(model: str, records: Iterable[Record]) -> pd.DataFrame:
    """What the study published of a network, and the last epochs of its log and of recorded trainings as published.

    Returns:
        One row per source and kind of images, which the study's table does not name; one column per measure, shares
        from 0 to 1.

    >>> logs("unet", [])["Dice"].tolist()
    [0.3624, 0.3624, 0.3906]
    """
    runs = by_step(records).get(model, {}).get("published", [])
    lines = {"the study's log": published_last_epoch().loc[model]}
    lines |= {_size(run.recipe): run.history.iloc[-1] for run in runs}
    rows = {("the study's table", ABSENT): list(published_table().loc[model, list(MEASURES)])}
    rows |= {
        (name, side): list(line[[f"{prefix}{measure}" for measure in MEASURES]])
        for name, line in lines.items()
        for side, prefix in {"training": "", "validation": "val_"}.items()
    }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(MEASURES.values()))
    return table.set_axis(pd.MultiIndex.from_tuples(rows, names=["source", "images"]))


def outlines(model: str, records: Iterable[Record]) -> pd.DataFrame:
    """How well the runs of a network outline tumours: mean Dice against the borders on their own images.

    Returns:
        One row per training and size; a column for training images, one for test images with the 95 % interval.
    """
    steps = by_step(records).get(model, {})
    rows = {
        (name, _size(record.recipe)): {
            "training": collect([record], "border_dice", "train")["value"].mean(),
            "test [95 % interval]": str(bootstrap_mean(collect([record], "border_dice"))),
        }
        for step, name in {"published": "as published", "corrected": "corrected"}.items()
        for record in steps.get(step, [])
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.set_axis(pd.MultiIndex.from_tuples(rows, names=["trained", "size"]))


def at_largest(outlines: pd.DataFrame) -> dict[str, str]:
    """Of a table by :func:`outlines`, what the networks of the largest size score on test images, for sentences.

    Returns:
        ``published_borders`` and ``corrected_borders``, with their intervals.
    """
    scores = outlines["test [95 % interval]"].groupby("trained").last()
    return {"published_borders": scores["as published"], "corrected_borders": scores["corrected"]}


def _reported(recipe: Recipe, record: Record) -> float:
    if recipe.scoring == "published":
        return float(record.history["dice"].iloc[-1])
    return float(record.scores.loc[record.scores["split"] == "test", "dice"].mean())


def _size(recipe: Recipe) -> str:
    return f"{recipe.size} px, {recipe.width} filters"
