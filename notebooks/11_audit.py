# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The audit
#
# The chapters before this one ran a study again and found, here and there, that a number did not mean what it seemed to mean. This chapter puts these findings side by side. Each of them is run once
# more, as small as it can be made, together with the question that brings it to light in any paper. Then come all claims, one by one: the study's and this book's own. At the end of it you can
#
# - show, in a line or two of code, how each of these numbers comes to look better or other than it is;
# - ask a paper, with its table alone and no data, whether its numbers can belong together;
# - tell a claim that was not reproduced from one that cannot be tested, and both from an {term}`artefact`;
# - check this book with the means that it uses to check others.
#
# None of what follows takes carelessness. Some of it takes a library that gives no warning, some of it a name that one believes. The study's authors published their notebook with its outputs, and that is the only reason why so much can be said about it.

# %% tags=["parameters"]
dataset = "phantom"
data = None
scale = "quick"
seed = 0

# %% tags=["hide-input"]
import nbformat
import numpy as np
import pandas as pd

from brainseg import morphology, plotting
from brainseg.data.check import check
from brainseg.experiments.recorded import recorded
from brainseg.experiments.workspace import Workspace
from brainseg.models import MODELS, TITLES
from brainseg.paper import study
from brainseg.paper.build.chapters import problems
from brainseg.paper.claims import consistency, evidence, ledger, order
from brainseg.paper.display import items, source
from brainseg.scores import THRESHOLD, published

workspace = Workspace(dataset, scale, seed, data)
prepared = workspace.prepared
runs = {name: workspace.run(workspace.recipe(name)) for name in MODELS}
report = check(workspace.dataset.root)
checked = recorded("tumorseg-check")

# %% [markdown]
# ## How a number comes to mean something else
#
# ### Probabilities where classes are expected
#
# Three answers to the test images: the labels themselves, given as probabilities of 0.99 and 0.01; their exact opposite; and a blank sheet. `MeanIoU` of Keras expects classes, and cuts off the decimals of everything else:

# %% tags=["hide-input"]
labels = np.asarray(prepared.masks["box"][prepared.rows("test")])
answers = {
    "the labels, at 99 %": np.where(labels, 0.99, 0.01),
    "the opposite, at 99 %": np.where(labels, 0.01, 0.99),
    "a blank sheet": np.zeros(labels.shape),
}
pd.DataFrame({name: published.published_scores(answer, labels) for name, answer in answers.items()}).T.rename(
    columns={"mean_iou": "mean IoU", "dice": "Dice"}
).round(4)

# %% [markdown]
# All three have the same mean IoU, half the share of background. On the study's training images and labels this is:

# %% tags=["hide-input"]
half = checked["areas"].set_index(["split", "mask"]).loc[("train", "published"), "background_mean_iou"]
items(
    [
        f"Half the share of background: **{half:.4f}**. The published values with gates: {', '.join(map(str, study.published_table()['mean_iou']))}."
    ]
)

# %% [markdown]
# **How to spot it.** A {term}`mean IoU` over two classes is near one half for a network that finds nothing, and near one for a network that finds all. If every network of a table has almost the same value, and it is
# just under one half, multiply it by two and compare with the share of background.
#
# ### Numbers that cannot belong together
#
# No data are needed to go one step further. For pooled pixels, accuracy and {term}`Dice` of the same answer leave no choice for its mean IoU: the first says how many pixels are wrong, the second how many are rightly called tumour, and the rest is arithmetic.

# %% tags=["hide-input"]
source(consistency.implied_mean_iou)

# %% tags=["hide-input"]
printed = study.published_table()
columns = {
    (TITLES[model], side): {
        "published": row[f"mean_iou{end}"],
        "implied": consistency.implied_mean_iou(row[f"accuracy{end}"], row[f"dice{end}"]),
    }
    for model, row in printed.iterrows()
    for side, end in {"without gates": "_baseline", "with gates": ""}.items()
}
mean_ious = pd.DataFrame(columns).T.rename_axis(["network", ""])
mean_ious.round(4)

# %% tags=["hide-input"]
items(
    [
        f"No column of the table implies less than {mean_ious['implied'].min():.2f}.",
        f"The published values are {mean_ious['published'].max():.4f} or less.",
    ]
)

# %% [markdown]
# The study's Dice is not of pooled pixels: it is pooled within a batch and averaged over the batches. How much that spoils the arithmetic can be measured where there are masks, on the training images of this copy:

# %% tags=["hide-input"]
trained_on = np.asarray(prepared.masks["position"][prepared.rows("train")])
spoilt = {}
for name, run in runs.items():
    probability = np.asarray(run.probability[prepared.rows("train")])
    averaged = published.published_scores(probability, trained_on, run.recipe.batch_size)
    spoilt[TITLES[name]] = {
        "implied": consistency.implied_mean_iou(averaged["accuracy"], averaged["dice"]),
        "of the masks": published.published_scores((probability > THRESHOLD).astype(float), trained_on)["mean_iou"],
    }
pd.DataFrame(spoilt).T.round(3)

# %% [markdown]
# The two columns are close to each other, and far from one half. So either these are not the accuracy, the mean IoU and the Dice of one answer, or one of them is not what its name says.
#
# **How to spot it.** Scores of the same answer are tied to each other. IoU is Dice / (2 − Dice), for each image and for pooled pixels. Recall, precision and Dice are tied as well. It takes a minute, and the paper alone.
#
# ### A training value quoted as a result
#
# A log line begins with the training values. They are what is read first, and what is copied first. Here are the Dice values that this copy's runs could put into a table, for the training as published:

# %% tags=["hide-input"]
pd.DataFrame(
    {
        TITLES[name]: {
            "training, last epoch": run.history["dice"].iloc[-1],
            "validation, last epoch": run.history["val_dice"].iloc[-1],
            "test, mean of images": run.scores.loc[run.scores["split"] == "test", "dice"].mean(),
        }
        for name, run in runs.items()
    }
).T.round(2)

# %% [markdown]
# And from the study's log, beside its table:

# %% tags=["hide-input"]
log = study.published_last_epoch()
pd.DataFrame({"table": printed["dice"], "log, training": log["dice"], "log, validation": log["val_dice"]}).rename(
    index=TITLES
)

# %% [markdown]
# **How to spot it.** Look for the sentence that says on which images a score was measured, and how many they are. Where there is a log, look for the number in it.
#
# ### Pairing by position
#
# Five images and their five labels, as two lists. One image has two labels, the next has none:

# %%
images = ["a", "b", "c", "d", "e"]
annotations = ["label of a", "label of b", "label of b", "label of d", "label of e"]
list(zip(images, annotations, strict=True))

# %% [markdown]
# The lists are equally long, and even `strict=True` is content. Image *c* has a label of *b*. In a longer list, everything between the image with two labels and the image with none slips by one place:

# %% tags=["hide-input"]
slipped = {"this copy": report.pairing, "the study's images": checked["pairing"]}
pd.concat({name: table[["split", "images", "label_dice", "apart"]] for name, table in slipped.items()}).droplevel(
    1
).rename(columns={"label_dice": "Dice with own label", "apart": "do not touch it"}).round(2)

# %% [markdown]
# **How to spot it.** Ask by which key two lists were joined. In the data: draw ten labels on their images, and take some from the middle and the end of the list.
#
# ### Shapes that stretch
#
# A perfect answer, and one dimension too many:

# %%
answer, truth = np.ones((4, 4, 1)), np.ones((4, 4))
(answer * truth).shape

# %% [markdown]
# Sixteen pixels have become sixty-four products, and there is no warning. What the study printed for single images is computed from such products. For ten labels of this copy, each compared with itself, so that every answer is perfect:

# %% tags=["hide-input"]
pd.DataFrame([published.broadcast_scores(mask, mask) for mask in labels[labels.any(axis=(1, 2))][:10]]).rename(
    columns={"iou": "“IoU”", "dice": "“Dice”"}
).round(3)

# %% [markdown]
# **How to spot it.** Dice and IoU never exceed 1, and the Dice of an image is between its IoU and twice that. In code: `assert answer.shape == truth.shape` before any product.
#
# ### Boxes called segmentations
#
# The first label of the training list, as the file has it, and how many different values its two coordinates take:

# %%
polygon = workspace.dataset.splits["train"].annotations[0].polygons[0]
polygon.round(1).tolist(), [len(np.unique(side.round(3))) for side in polygon.T]

# %% [markdown]
# Two different values each: a rectangle with sides parallel to the image, in a field named `segmentation`. The same question to all labels:

# %% tags=["hide-input"]
finding = "labels that are axis-parallel rectangles, not outlines"
both = {
    "this copy": (report.findings, report.agreement),
    "the study's images": (checked["findings"], checked["agreement"]),
}
pd.DataFrame(
    {
        where: {
            "rectangles": "{count:,} of {total:,}".format(**found.set_index("finding").loc[finding]),
            "share of a label that is tumour": f"{overlaps.set_index('split').loc['all', 'box_is_tumour']:.2f}",
        }
        for where, (found, overlaps) in both.items()
    }
).T

# %% [markdown]
# **How to spot it.** Look at labels before looking at scores. In a paper, look at the figure with the ground truth in it: straight sides are a sign.
#
# ### Patients on both sides
#
# No network, no training: copy the label of the nearest training slice of the same patient. On test images of patients who are in the training split as well, that scores a Dice of

# %% tags=["hide-input"]
leaks = {"this copy": report.patients, "the study's images": checked["patients"]}
pd.DataFrame(
    {
        where: table.astype(object)
        .set_index(["first", "second"])
        .loc[("train", "test"), ["images", "known", "copied_box"]]
        for where, table in leaks.items()
    }
).T.astype({"images": int, "known": int, "copied_box": float}).rename(
    columns={"images": "test images", "known": "of known patients", "copied_box": "Dice of a copied label"}
).round(2)

# %% [markdown]
# **How to spot it.** A split is of *something*: ask whether of slices, scans or patients. If the number of patients is nowhere in a paper, it was probably of slices.
#
# ### A step that changes nothing
#
# The study closes its training labels with a disc-like footprint of five by five pixels, its test labels with a square, and its README describes the step as one that cleans predictions. Which share of the labels does it change, and which share of predictions would it have changed? The labels are all labels of this copy,
# the predictions those of U-Net as published for its test images, closed with the disc:

# %% tags=["hide-input"]
predictions = np.asarray(runs["unet"].probability[prepared.rows("test")] > THRESHOLD)
cleaned = morphology.published_closing(predictions.astype(np.uint8)) != predictions
step = report.findings.set_index("finding").loc["labels that the published closing changes"]
shares = {"labels": step["count"] / step["total"], "predictions of U-Net": cleaned.any(axis=(1, 2)).mean()}
pd.DataFrame({name: {"share that the step changes": share} for name, share in shares.items()}).T.round(2)

# %% tags=["hide-input"]
closed = checked["findings"].set_index("finding").loc["labels that the published closing changes"]
items(
    [
        f"On the study's images, at the study's size, the step changes **{closed['count']} of {closed['total']:,}** labels."
    ]
)

# %% [markdown]
# **How to spot it.** Take the step away and run again. If nothing changes, it can explain nothing. A paper that names a step should say what it adds.
#
# ### Names of categories
#
# The annotation files of the study know categories named `0` and `1`, and its README reads them as no tumour and tumour. Counted against the type of tumour that the original collection has on record:

# %% tags=["hide-input"]
checked["categories"].set_index("category").rename_axis("category, the study's images")

# %% [markdown]
# Every image has a tumour, in both categories. But for a few images, one holds gliomas and the other the two other types of tumour.
#
# **How to spot it.** A name is not a meaning. Open ten images of each class and say what they have in common.
#
# ### Cells run out of order
#
# A notebook stores with every cell the place that it had in the order of execution. Run from top to bottom, it counts 1, 2, 3. These are the study's cells, each network on a line of its own:

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Execution counts of the study's notebook. For U-Net, LinkNet and SegNet, the maps and predictions that are shown (triangles and circles) have smaller counts than the training whose numbers are quoted (square): other weights made the pictures.", "name": "fig-execution-order"}, "image": {"alt": "Four lines with marks for building, training, saliency and predictions; in three of them the pictures come before the training."}}
plotting.execution_order(order.cells())

# %% [markdown]
# Within one session, smaller counts mean that the pictures came before the training that is quoted, so from other weights. A count that stands twice speaks for several sessions, unless a cell was copied; then the order cannot be told.
# And some cells have outputs, but call names that nothing in the notebook defines.

# %% tags=["hide-input"]
places = order.cells()["count"]
early = order.shown_before_trained()
items(
    [
        f"If the counts are of one session, {len(early)} of {len(MODELS)} networks have their pictures from before the training: {', '.join(TITLES[name] for name in early)}.",
        f"Counts that stand twice: {', '.join(map(str, places[places.duplicated()]))}.",
        *(
            f"Not defined, for {TITLES[name]}: {', '.join(f'`{word}`' for word in words)}."
            for name, words in order.UNDEFINED.items()
        ),
    ]
)

# %% [markdown]
# Either these cells changed after they ran, or cells that defined the names were removed. Both happen easily in a notebook. Whoever runs the notebook from top to bottom is stopped there. This book's own build refuses a notebook like that. Here is what it says of a notebook with the study's execution counts:

# %%
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(execution_count=int(count)) for count in places])
items(problems(notebook)[:1])

# %% [markdown]
# **How to spot it.** Read the numbers in the brackets beside the cells. *Restart and run all* before publishing makes them count from 1.
#
# ### Claims without code
#
# A README describes what was meant to be done. What was done is in the code, and where only its outputs are left, some of them can still be asked. The study's README names channel attention and spatial attention. Its notebook prints the number of parameters of each network, and every kind of
# attention costs another number:

# %% tags=["hide-input"]
kinds = (
    recorded("efficiency")["attention"].pivot(index="model", columns="attention", values="parameters").loc[list(MODELS)]
)
kinds = kinds[["none", "gate", "channel", "spatial"]].astype("Int64")
kinds.assign(printed=pd.Series(study.PARAMETERS)).rename(index=TITLES).rename_axis(columns=None, index=None).astype(
    object
).fillna("–")

# %% [markdown]
# The printed numbers are those of gates, to the last digit, and for DeepLab those of no attention at all. Three more things are in the README and in no cell: the baseline without gates, saliency as a part of training, and morphology on predictions.
#
# **How to spot it.** For every claim, ask for the line of code that it rests on. Counts of parameters, layers, images and patients are the cheapest check there is.
#
# ## The ledger
#
# Every claim is in one file, `book/claims.yml`: its exact words, its place, its number, the test, how much difference counts as none, and why. The verdicts are not in that file. They are computed, here and by `brainseg claims`, from the numbers
# that were recorded on the study's images.
#
# - **Reproduced**: the test finds what is claimed, within the tolerance.
# - **Not reproduced**: the test was run and does not find it. Recorded runs are smaller than the study's, so this does not say that the claim is wrong at every size.
# - **Artefact**: the number can be had without what it is said to show. Running the study again would give it again.
# - **Cannot be tested**: what the test needs does not exist; the ledger says what that is.

# %%
claims = ledger.read_claims()
verdicts = ledger.evaluate(claims, evidence.Evidence(data if dataset == "tumorseg" else None, workspace))

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Verdicts of all claims: the entries of the study's table, what its README says in words, and what this book says.", "name": "fig-verdicts"}, "image": {"alt": "Three stacked bars with the number of claims by verdict."}}
groups = {"table": "the study's table", "words": "the study's words", "book": "this book"}
plotting.verdict_counts(ledger.counts(verdicts).rename(index=groups))

# %% [markdown]
# ### The study's table, entry by entry

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The study's table, each entry with the sign and on the colour of its verdict. Without: without attention gates; with: with them.", "name": "fig-entries"}, "image": {"alt": "A table of 24 published numbers, each coloured by its verdict."}}
plotting.verdict_table(ledger.as_published(verdicts, "published"), ledger.as_published(verdicts, "verdict"))

# %% [markdown]
# What explains the artefacts, and beside each entry a value to compare it with: that of a blank mask, half the background, or the validation value of the same log. (For SegNet and DeepLab the latter is itself mostly of wrong labels, as
# [chapter 4](04_segnet) shows.)

# %% tags=["hide-input"]
entries = verdicts[verdicts["group"] == "table"]
explained = entries[entries["mechanism"] != ""].set_index("id")
explained[["published", "measured", "mechanism"]].astype({"published": float, "measured": float}).round(4)

# %% [markdown]
# And what became of the others:

# %% tags=["hide-input"]
others = entries[entries["mechanism"] == ""]
items(f"{', '.join(rows['id'])}: {why}" for why, rows in others.groupby("why", sort=False))

# %% [markdown]
# For entries that no mechanism explains there is one test: the network as published, at the study's size, with several seeds. `make results EXPERIMENT=full DATA=data/real` runs it, on a graphics processor. Once it is recorded, the same code compares
# it with the table, and the verdicts change by themselves.
#
# ### What the study says in words

# %% tags=["hide-input"]
items(
    f"Claim {number}: “{row['quote']}” **{row['verdict'].capitalize()}.** {row['why']} ([Chapter {int(row['shown_in'][:2])}]({row['shown_in'].split(':')[0]}))"
    for number, row in enumerate(verdicts[verdicts["group"] == "words"].to_dict("records"), start=1)
)

# %% [markdown]
# This is no verdict on ideas. Attention, saliency and morphology are good ideas, and this book's runs are few and small. It is a verdict on what the numbers show so far.
#
# ### What this book says
#
# A book that tests claims makes claims. Here are its own, tested in the same way. *Claimed* is what a chapter says, *measured* what the records say, or the runs of this copy where the name begins with *live*.

# %% tags=["hide-input"]
own = verdicts[verdicts["group"] == "book"].set_index("id")
shown = {
    name: own[column].astype(float).round(6).map("{:.4g}".format)
    for name, column in {"claimed": "published", "measured": "measured"}.items()
}
own.assign(**shown)[["claimed", "measured", "verdict"]]

# %% tags=["hide-input"]
items(
    [
        f"{len(own)} claims, of which {len(ledger.failures(verdicts))} do not hold. `brainseg claims` ends with an error if one does not.",
        "`brainseg claims --data FOLDER` measures what is claimed of the study's images anew, from the images.",
    ]
)

# %% [markdown]
# ## Summary
#
# - A number can be printed correctly, computed correctly, and still not be what its name says.
# - Most of these mechanisms leave a trace in the paper itself: a constant score, scores that do not fit each other, a missing number of patients, execution counts.
# - An artefact is repeated by running a study again. It takes a control to see it: a blank mask, a copied label, a step left out.
# - *Not reproduced* and *cannot be tested* are different answers, and both are honest ones.
#
# ## Exercises
#
# 1. Take the last paper on segmentation that you have read. For which of the eleven sections above can you answer the question from the paper alone?
# 2. A paper reports, for pooled pixels, an accuracy of 0.99 and a Dice of 0.80. Which mean IoU does it imply? Which share of the pixels is tumour at most?
# 3. Write a claim of your own into a copy of `book/claims.yml`, with a test from `brainseg.paper.claims.verdicts.TESTS`, and evaluate it. Choose the tolerance before you look at the result.
# 4. Which verdicts of the ledger would change if tolerances were ten times as large? Which ought to?
