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
# The chapters before this one ran a study again and found, here and there, that a number did not mean what it seemed to mean. Here each finding is run once more, as small as it can be made, with the question that brings it to light in any paper. Then come all claims, one by one: the study's and this book's own.
#
# ```{admonition} Before you start
# :class: before
# **You will be able to** show in a line or two of code how each of these numbers comes to look other than it is; ask a paper, with its table alone, whether its numbers can belong together; tell what was not reproduced from what cannot be tested, and both from an {term}`artefact`.
# **You need** the study's table ([chapter 6](06_table)); all else is said again.
# **The answer**: of the {glue:text}`entries` entries of the study's table {glue:text}`table_reproduced` are reproduced, {glue:text}`table_artefacts` are artefacts, and {glue:text}`table_untestable` cannot be tested; of its {glue:text}`words` claims in words the tests find {glue:text}`words_reproduced`, and {glue:text}`words_partly` in part. Of the {glue:text}`own` claims that this book makes, {glue:text}`failing` fail.
# ```
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
from brainseg.data.coco import read_dataset
from brainseg.experiments.recorded import recorded, recorded_runs
from brainseg.experiments.workspace import Workspace
from brainseg.models import MODELS, TITLES, as_input
from brainseg.paper import study
from brainseg.paper.build.chapters import problems
from brainseg.paper.claims import claim, consistency, evidence, ledger, order
from brainseg.paper.display import glue, items, listed, minus, source, table
from brainseg.saliency import cam, target
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
# Given probabilities, `MeanIoU` of Keras has the same value for the right answer, its exact opposite and a blank sheet: half the share of background. It expects classes, and cuts off the decimals of everything else.

# %% tags=["hide-input"]
labels = np.asarray(prepared.masks["box"][prepared.rows("test")])
answers = {
    "the labels, at 99 %": np.where(labels, 0.99, 0.01),
    "the opposite, at 99 %": np.where(labels, 0.01, 0.99),
    "a blank sheet": np.zeros(labels.shape),
}
scored = pd.DataFrame({name: published.published_scores(answer, labels) for name, answer in answers.items()}).T
table(scored.rename(columns=study.MEASURES), "The study's measures of three answers to the test images.", digits=4)

# %% tags=["hide-input"]
areas = checked["areas"].set_index(["split", "mask"])
glue(
    half=areas.loc[("train", "published"), "background_mean_iou"],
    printed_mean_ious=", ".join(map(str, study.published_table()["mean_iou"])),
)

# %% [markdown]
# On the study's training images half the share of background is {glue:text}`half:.4f`. The published values of the study's own networks are {glue:text}`printed_mean_ious`.
#
# **How to spot it.** A {term}`mean IoU` over two classes is near one half for a network that finds nothing, and near one for a network that finds all. If every network of a table has almost the same value, and it is
# just under one half, multiply it by two and compare with the share of background.
#
# ### Numbers that cannot belong together
#
# No entry of the table implies a mean IoU below {glue:text}`least_implied:.2f`, and none prints one above {glue:text}`most_printed:.4f`. For pooled pixels, accuracy and {term}`Dice` of the same answer leave no choice for its mean IoU: the first says how many pixels are wrong, the second how many are rightly called tumour, and the rest is arithmetic.

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
    for side, end in {"baseline": "_baseline", "study": ""}.items()
}
mean_ious = pd.DataFrame(columns).T.rename_axis(["network", "entry"])
glue(least_implied=mean_ious["implied"].min(), most_printed=mean_ious["published"].max())
table(mean_ious, "Mean IoU as the study printed it, and as its accuracy and Dice imply it.", digits=4)

# %% [markdown]
# The study's Dice is averaged over batches, and so is not quite that of pooled pixels. That spoils the arithmetic by up to {glue:text}`spoilt:.3f`, measured where there are masks: in the networks of this page, trained as published, on their training images.

# %% tags=["hide-input"]
trained_on = np.asarray(prepared.masks["position"][prepared.rows("train")])
both = {}
for name, run in runs.items():
    probability = np.asarray(run.probability[prepared.rows("train")])
    averaged = published.published_scores(probability, trained_on, run.recipe.batch_size)
    both[TITLES[name]] = {
        "implied": consistency.implied_mean_iou(averaged["accuracy"], averaged["dice"]),
        "of the masks": published.published_scores((probability > THRESHOLD).astype(float), trained_on)["mean_iou"],
    }
both = pd.DataFrame(both).T
glue(spoilt=(both["implied"] - both["of the masks"]).abs().max())
table(both, "Mean IoU as implied by accuracy and batch-wise Dice, and as it is.", digits=3)

# %% [markdown]
# So either the table's numbers are not the accuracy, the mean IoU and the Dice of one answer, or one of them is not what its name says.
#
# **How to spot it.** Scores of the same answer are tied to each other: $\mathrm{IoU} = \mathrm{Dice} / (2 - \mathrm{Dice})$, for each image and for pooled pixels; recall, precision and Dice as well. It takes a minute, and the paper alone.
#
# ### A training value quoted as a result
#
# The Dice in the study's table is the training value of the last epoch in {glue:text}`training_values` of {glue:text}`networks` networks. A log line begins with the training values: they are what is read first, and what is copied first.

# %% tags=["hide-input"]
log = study.published_last_epoch()
glue(training_values=(printed["dice"] == log["dice"]).sum(), networks=len(log))
table(
    pd.DataFrame({"table": printed["dice"], "log, training": log["dice"], "log, validation": log["val_dice"]})
    .rename(index=TITLES)
    .rename_axis("network"),
    "Dice in the study's table, and in the last line of its logs.",
    digits=4,
)

# %% [markdown]
# Which of three values would you print? These are of the networks trained as published:

# %% tags=["hide-input"]
three = {
    TITLES[name]: {
        "training, last epoch": run.history["dice"].iloc[-1],
        "validation, last epoch": run.history["val_dice"].iloc[-1],
        "test, mean of images": run.scores.loc[run.scores["split"] == "test", "dice"].mean(),
    }
    for name, run in runs.items()
}
table(pd.DataFrame(three).T.rename_axis("network"), "Three values of Dice for the same network.")

# %% [markdown]
# **How to spot it.** Look for the sentence that says on which images a score was measured, and how many they are. Where there is a log, look for the number in it.
#
# ### Pairing by position
#
# In the study's list, {glue:text}`slipped` training images are paired with the label of another image. Five images and their five labels, as two lists, show how. One image has two labels, the next has none:

# %%
images = ["a", "b", "c", "d", "e"]
annotations = ["label of a", "label of b", "label of b", "label of d", "label of e"]
list(zip(images, annotations, strict=True))

# %% tags=["hide-input"]
slip = checked["pairing"].set_index("split").loc["train"]
glue(slipped=int(slip["images"]), slipped_dice=slip["label_dice"], slipped_apart=int(slip["apart"]))

# %% [markdown]
# The lists are equally long, and even `strict=True` is content. Image *c* has a label of *b*. In a longer list, everything between the image with two labels and the image with none slips by one place. The labels of the study's {glue:text}`slipped` images have a mean Dice of {glue:text}`slipped_dice:.2f` with the right ones; {glue:text}`slipped_apart` do not touch them.
#
# **How to spot it.** Ask by which key two lists were joined. In the data: draw ten labels on their images, and take some from the middle and the end of the list.
#
# ### Shapes that stretch
#
# One dimension too many, and a perfect answer has a “Dice” of {glue:text}`most_stretched:.1f`. Sixteen pixels become sixty-four products, without a warning:

# %%
answer, truth = np.ones((4, 4, 1)), np.ones((4, 4))
(answer * truth).shape

# %% tags=["hide-input"]
stretched = pd.DataFrame([published.broadcast_scores(mask, mask) for mask in labels[labels.any(axis=(1, 2))]])["dice"]
glue(
    perfect=len(stretched),
    above_one=(stretched > 1).sum(),
    at_zero=(stretched == 0).sum(),
    most_stretched=stretched.max(),
)

# %% [markdown]
# What the study printed for single images is computed from such products. Compare each of {glue:text}`perfect` labels of this page's test images with itself, so that every answer is perfect: {glue:text}`above_one` score more than one, and {glue:text}`at_zero` score zero. Each column of the answer is multiplied with the row of the same number of the label, and a box far from the image's diagonal
# shares no number between its columns and its rows.
#
# **How to spot it.** Dice and IoU never exceed one, and the Dice of an image is between its IoU and twice that. In code: `assert answer.shape == truth.shape` before any product.
#
# ### Boxes called segmentations
#
# {glue:text}`boxes:,.0f` of {glue:text}`labels:,.0f` labels of the study are rectangles with sides parallel to the image, and a share of {glue:text}`tumour:.2f` of a label is tumour. Here is the first label of the training list, in a field named `segmentation`, and how many different values its two coordinates take:

# %%
polygon = read_dataset(workspace.dataset.root)["train"].annotations[0].polygons[0]
polygon.round(1).tolist(), [len(np.unique(side.round(3))) for side in polygon.T]

# %% tags=["hide-input"]
rectangles = checked["findings"].set_index("finding").loc["labels that are axis-parallel rectangles, not outlines"]
glue(
    boxes=rectangles["count"],
    labels=rectangles["total"],
    tumour=checked["agreement"].set_index("split").loc["all", "box_is_tumour"],
)

# %% [markdown]
# **How to spot it.** Look at labels before looking at scores. In a paper, look at the figure with the ground truth in it: straight sides are a sign.
#
# ### Patients on both sides
#
# Copying the label of the nearest training slice of the same patient, without any network, scores a Dice of {glue:text}`copied:.2f`: {glue:text}`known` of {glue:text}`tested` test images of the study show patients of its training set.

# %% tags=["hide-input"]
leak = checked["patients"].set_index(["first", "second"]).loc[("train", "test")]
glue(copied=float(leak["copied_box"]), known=int(leak["known"]), tested=int(leak["images"]))

# %% [markdown]
# **How to spot it.** A split is of *something*: ask whether of slices, scans or patients. If the number of patients is nowhere in a paper, it was probably of slices.
#
# ### A step that changes nothing
#
# On the study's images, at the study's size, the closing changes {glue:text}`closed` of {glue:text}`all_labels:,.0f` labels of training and test. The study closes its training labels with a disc-like footprint of five by five pixels, has code that is never run to close its test labels with a square, and its README describes the step as one that cleans predictions. Of the predictions of this page's U-Net, trained as published, it would have changed a share of {glue:text}`cleaned:.2f`.

# %% tags=["hide-input"]
closing = checked["findings"].set_index("finding").loc["labels that the published closing changes"]
glue(closed=closing["count"], all_labels=closing["total"])

# %% tags=["hide-input"]
predictions = np.asarray(runs["unet"].probability[prepared.rows("test")] > THRESHOLD)
differs = morphology.published_closing(predictions.astype(np.uint8)) != predictions
glue(cleaned=differs.any(axis=(1, 2)).mean())

# %% [markdown]
# **How to spot it.** Take the step away and run again. If nothing changes, it can explain nothing. A paper that names a step should say what it adds.
#
# ### An answer shown as its explanation
#
# The study's saliency maps are its networks' answers, divided by their largest value. Its notebook draws Grad-CAM of the last layer of each network, whose only channel is the answer ([chapter 10](10_saliency)). On this page's test images, that map and the answer of U-Net differ by {glue:text}`map_apart:.6f` at most.

# %% tags=["hide-input"]
tested = prepared.rows("test")
answer, slices = runs["unet"].probability[tested], as_input(prepared.images[tested])
explained = cam.published_grad_cam(target.Target(runs["unet"].model, slices, "whole"))
glue(map_apart=np.abs(explained - answer / answer.max(axis=(1, 2), keepdims=True)).max())

# %% [markdown]
# **How to spot it.** Ask which layer a class activation map is of, and subtract the map from the answer. An explanation with the answer's very outline explains nothing.
#
# ### Names of categories
#
# Categories `0` and `1` of the annotation files are types of tumour, not “no tumour” and “tumour”, as the README reads them: every image has a tumour. But for a few images, one holds gliomas and the other the two other types that the original collection has on record.

# %% tags=["hide-input"]
table(checked["categories"].set_index("category"), "Images of the study by category and type of tumour.")

# %% [markdown]
# **How to spot it.** A name is not a meaning. Open ten images of each class and say what they have in common.
#
# ### Cells run out of order
#
# By the times that its file keeps, {glue:text}`early` of {glue:text}`networks` networks have their pictures from before the training whose numbers are quoted, by {glue:text}`early_least` to {glue:text}`early_most` minutes: {glue:text}`early_names`. Other weights made them. A notebook stores with every cell the place that it had in the order of execution; run from top to bottom, it counts from one upwards.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "In U-Net, LinkNet and SegNet, the study shows maps and predictions (triangles and circles) with smaller counts than the training whose numbers are quoted (square): other weights made the pictures. Execution counts of the study's notebook.", "name": "fig-execution-order"}, "image": {"alt": "Four lines with marks for building, training, saliency and predictions; in three of them the pictures come before the training."}}
counts = order.cells()["count"]
early = order.minutes_before_training()
glue(
    early=len(early),
    early_least=min(early.values()),
    early_most=max(early.values()),
    early_names=", ".join(TITLES[name] for name in early),
    twice=listed(counts[counts.duplicated()]),
    undefined=", ".join(word for words in order.UNDEFINED.values() for word in words),
    undefined_for=", ".join(TITLES[name] for name in order.UNDEFINED),
)
plotting.execution_order(order.cells())

# %% [markdown]
# Counts that stand twice, {glue:text}`twice`, are of several sessions: the file has times of several days. And some cells of {glue:text}`undefined_for` have outputs, but use names that nothing in the notebook defines: {glue:text}`undefined`. Either these cells changed after they ran, or cells that defined the names were removed. One did change: the picture below it has other titles than its code sets.
# Both happen easily in a notebook. This book's build refuses one with such counts:

# %%
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(execution_count=int(count)) for count in counts])
problems(notebook)[0][:78] + "…"

# %% [markdown]
# **How to spot it.** Read the numbers in the brackets beside the cells. *Restart and run all* before publishing makes them count from one.
#
# ### Claims without code
#
# The parameters that the study printed are those of attention gates, to the last one, and for DeepLab those of no attention at all; its README names channel attention and spatial attention. A gate weighs places, which spatial attention does, too; nothing weighs channels. A README describes what was meant to be done. What was done is in the code, and where only its outputs are left, some of them can still be asked: every kind of attention costs another number.

# %% tags=["hide-input", "of-neither"]
kinds = recorded("efficiency")["attention"].pivot(index="model", columns="attention", values="parameters")
kinds = kinds.loc[list(MODELS)].assign(printed=pd.Series(study.PARAMETERS)).astype("Int64")
added = kinds[["gate", "channel", "spatial", "printed"]].sub(kinds["none"], axis="index")
table(
    added.rename(index=TITLES).rename_axis(index="network", columns=None),
    "Parameters that each kind of attention adds, and how many more the study printed than a network without has.",
)

# %% [markdown]
# Three more things are in the README and in no cell: the baselines, saliency as a part of training, and morphology on images or predictions.
#
# **How to spot it.** For every claim, ask for the line of code that it rests on. Counts of parameters, layers, images and patients are the cheapest check there is.
#
# ## The same counts, made again
#
# None of the counts of labels and patients above needs a network. For this page they were made anew, from the files at hand:

# %% tags=["hide-input", "of-copy"]
slip = report.pairing.set_index("split").loc["train"]
found = report.findings.set_index("finding")
leak = report.patients.set_index(["first", "second"]).loc[("train", "test")]
overlap = report.agreement.set_index("split").loc["all"]
boxes, closing = (
    found.loc[name]
    for name in (
        "labels that are axis-parallel rectangles, not outlines",
        "labels that the published closing changes",
    )
)
anew = {
    "training images with the label of another": f"{slip['images']:.0f}",
    "of these, labels that do not touch their own": f"{slip['apart']:.0f}",
    "labels that are rectangles": f"{boxes['count']:,} of {boxes['total']:,}",
    "share of a label that is tumour": f"{overlap['box_is_tumour']:.2f}",
    "test images of known patients": f"{leak['known']:.0f} of {leak['images']:.0f}",
    "Dice of a copied label": f"{leak['copied_box']:.2f}",
    "labels that the closing changes": f"{closing['count']:,} of {closing['total']:,}",
}
table(pd.DataFrame({"counted": anew}), "Labels and patients, counted anew.")

# %% [markdown]
# ## The ledger
#
# Of the {glue:text}`entries` entries of the study's table {glue:text}`table_reproduced` are reproduced: {glue:text}`table_artefacts` are artefacts, and {glue:text}`table_untestable` cannot be tested. Every claim is in one file, `book/claims.yml`: its exact words, its place, its number, the test, how much difference counts as none, and why. The verdicts are not in that
# file. They are computed, for this page and by `brainseg claims`, from the numbers that were recorded on the study's images.

# %%
claims = ledger.read_claims()
verdicts = ledger.evaluate(claims, evidence.Evidence(data if dataset == "tumorseg" else None, workspace))

# %% tags=["hide-input", "of-study"]
numbers = ledger.counts(verdicts)
numbers = numbers.loc[:, numbers.any()]
table(
    pd.DataFrame({"what it says": {verdict: claim.VERDICTS[verdict] for verdict in numbers}}).rename_axis("verdict"),
    "The verdicts that occur.",
)

# %% [markdown]
# Most claims in words are tested with networks smaller than the study's, and a verdict on them is one at that size.

# %% tags=["hide-input", "of-study"] mystnb={"figure": {"caption": "Nearly half of the entries of the study's table are artefacts and as many cannot be tested; few of its claims in words are reproduced, and this book's own claims hold.", "name": "fig-verdicts"}, "image": {"alt": "Three stacked bars with the number of claims by verdict."}}
glue(
    entries=numbers.loc["table"].sum(),
    words=numbers.loc["words"].sum(),
    table_reproduced=numbers.loc["table"].get(claim.REPRODUCED, 0),
    table_artefacts=numbers.loc["table"].get(claim.ARTEFACT, 0),
    table_untestable=numbers.loc["table"].get(claim.CANNOT_BE_TESTED, 0),
    words_reproduced=numbers.loc["words"].get(claim.REPRODUCED, 0),
    words_partly=numbers.loc["words"].get(claim.PARTLY, 0),
)
groups = {"table": "the study's table", "words": "the study's words", "book": "this book"}
plotting.verdict_counts(numbers.rename(index=groups))

# %% [markdown]
# ### The study's table, entry by entry

# %% tags=["hide-input", "of-study"] mystnb={"figure": {"caption": "Every mean IoU and every Dice of the study's own networks is an artefact, and of its baselines little can be tested. Each entry has the sign and the colour of its verdict.", "name": "fig-entries"}, "image": {"alt": "Twenty-four published numbers in a table, each coloured by its verdict."}}
plotting.verdict_table(ledger.as_published(verdicts, "published"), ledger.as_published(verdicts, "verdict"))

# %% [markdown]
# An artefact has a mechanism, and a value to compare it with: that of a blank mask, half the background, or the validation value of the same log. (For SegNet and DeepLab the latter is itself mostly of wrong labels, as
# [chapter 4](04_segnet) shows.)

# %% tags=["hide-input", "of-study"]
ids = ledger.as_published(verdicts.assign(name=verdicts["id"]), "name")
names = {
    entry: f"{network}, {measure} {side} gates"
    for network, row in ids.iterrows()
    for (measure, side), entry in row.items()
}
entries = verdicts[verdicts["group"] == "table"].set_index("id").rename(index=names)
explained = entries.loc[entries["mechanism"] != "", ["published", "measured", "mechanism"]]
table(
    explained.rename(columns={"measured": "beside it", "mechanism": "what it is"}).rename_axis("entry"),
    "Entries that something other than the claimed explains.",
    digits=4,
)

# %% [markdown]
# What became of the others:

# %% tags=["hide-input", "of-study"]
others = entries[entries["mechanism"] == ""]
again = others[others["verdict"] == claim.REPRODUCED]
full = {run.recipe.model: run.history.iloc[-1] for run in recorded_runs("full") if run.recipe.training == "published"}
own_entries = [one for one in claims if one.test.startswith("table_") and not one.arguments.get("baseline")]
trained_again = [full[one.arguments["model"]][one.test.removeprefix("table_")] for one in own_entries]
near = [abs(one.published - value) <= one.tolerance for one, value in zip(own_entries, trained_again, strict=True)]
glue(
    own_entries=len(own_entries),
    near=sum(near),
    met_again=len(again),
    above_blank=(again["measured"] - areas.loc[("train", "published"), "background_accuracy"]).min(),
)
items(f"{'; '.join(rows.index)}: {why}" for why, rows in others.groupby("why", sort=False))

# %% [markdown]
# For an entry that nothing else explains there is one test: the network as published, at the study's size. `make results EXPERIMENT=full DATA=data/real` runs it, on a graphics card. One training of each is recorded, with gates where the network
# has them: it reproduces {glue:text}`met_again` accuracies, on the training images in the last epoch, {glue:text}`above_blank:.4f` or more above that of a blank sheet. On which images the study measured them is not known: no line of its logs has them. For the baselines no code is published.
#
# The same trainings come within the tolerance of {glue:text}`near` of all {glue:text}`own_entries` entries of the study's own networks. The other entries among these are still artefacts: to find a number again is not to find what its name says.
#
# ### What the study says in words
#
# This is no verdict on ideas. Attention, saliency and morphology are good ideas, and this book's runs are few and small. It is a verdict on what the numbers show so far.

# %% tags=["hide-input", "of-study"]
items(
    f"Claim {number}: “{row['quote']}” **{row['verdict'].capitalize()}.** {minus(row['why'])} "
    f"([Chapter {int(row['shown_in'][:2])}]({row['shown_in'].split(':')[0]}))"
    for number, row in enumerate(verdicts[verdicts["group"] == "words"].to_dict("records"), start=1)
)

# %% [markdown]
# ### What this book says
#
# A book that tests claims makes claims: of its own {glue:text}`own`, tested in the same way, {glue:text}`failing` fail. Most of these tests compare a sentence with the records that it was written from: they find slips, and not wrong records. *Claimed* is what the sentence says, *measured* what the records say. `brainseg claims` ends with an error if one fails, and `brainseg claims --data FOLDER` measures what is claimed of the study's images anew, from the images.

# %% tags=["hide-input", "of-study"]
own = verdicts[verdicts["group"] == "book"]
glue(own=len(own), failing=len(ledger.failures(verdicts)))


def sentences(rows, caption):
    rows = rows.sort_values("place", key=lambda places: places.str.split().str[-1].astype(int), kind="stable")
    shown = {
        name: rows[column].map(lambda value: minus(f"{float(f'{value:.6f}'):.4g}") if value is not None else None)
        for name, column in {"claimed": "published", "measured": "measured"}.items()
    }
    quotes = "“" + rows["quote"].str.replace(r"[*$]", "", regex=True).str.replace(r"\times", "×") + "”"
    frame = pd.DataFrame({"this book says": quotes} | shown | {"verdict": rows["verdict"]}).set_index(
        rows["place"].str.capitalize()
    )
    return table(frame.rename_axis("chapter"), caption)


by_runs = own["id"].str.startswith("live-")
sentences(own[~by_runs], "What this book claims of the study and of recorded results.")

# %% tags=["hide-input"]
sentences(own[by_runs], "What it claims of arithmetic, tested with the labels of this page.")

# %% [markdown]
# ## Summary
#
# - A number can be printed correctly, computed correctly, and still not be what its name says: a mean IoU of {glue:text}`half:.4f` is half the background.
# - Most of these mechanisms leave a trace in the paper itself: a constant score, scores that imply {glue:text}`least_implied:.2f` where {glue:text}`most_printed:.4f` is the most that is printed, a missing number of patients, execution counts.
# - An artefact is repeated by running a study again. It takes a control to see it: a blank mask, a copied label (Dice {glue:text}`copied:.2f`), a step left out ({glue:text}`closed` labels change).
# - Of {glue:text}`entries` entries of the study's table {glue:text}`table_reproduced` are reproduced; {glue:text}`table_artefacts` are artefacts, {glue:text}`table_untestable` cannot be tested. These are different answers, and all are honest ones.
#
# [The next chapter](12_audit_your_own) takes all this to a study of your own.
#
# ## Exercises
#
# Some numbers depend on `variant`, so that another class can be given others.

# %% tags=["hide-input"]
from brainseg.paper.course.variants import drawn

variant = 0

# %% [markdown]
# ### What two scores imply
#
# *Medium, fifteen minutes.* A paper reports, for pooled pixels, the accuracy and the Dice that stand in `reported`. Put into `implied_here` the mean IoU that they imply, and into `most_tumour` the largest share of pixels that can be tumour.

# %% tags=["hide-input"]
reported = {"accuracy": 0.99 - 0.001 * drawn(variant, 20, "accuracy"), "dice": 0.80 - 0.01 * drawn(variant, 20, "dice")}
if variant == 0:
    reported = {"accuracy": 0.99, "dice": 0.80}

# %% tags=["hide-input", "solution"]
### BEGIN SOLUTION
wrong = 1 - reported["accuracy"]
found = reported["dice"] * wrong / (2 * (1 - reported["dice"]))
implied_here = consistency.implied_mean_iou(reported["accuracy"], reported["dice"])
most_tumour = found + wrong
# Every wrong pixel is at most a missed one: then tumour is what was found and what was missed.
### END SOLUTION

# %% tags=["hide-input", "checks"]
assert 0 < implied_here < 1 and 0 < most_tumour < 1, "shares"
### BEGIN HIDDEN TESTS
pixels = 10**7
bad = pixels * (1 - reported["accuracy"])
hits = reported["dice"] * bad / 2 / (1 - reported["dice"])
tumour_iou, background_iou = hits / (hits + bad), (pixels - hits - bad) / (pixels - hits)
assert abs(implied_here - (tumour_iou + background_iou) / 2) < 1e-4
assert abs(most_tumour - (hits + bad) / pixels) < 1e-4
### END HIDDEN TESTS

# %% [markdown]
# ### Looser tolerances
#
# *Medium, fifteen minutes.* `settled` has the entries of the study's table that have both a published and a measured number, and `tolerance`, how large a difference counts as none. Put into `now_equal` how many of them differ by no more than that, and into `then_equal` how many would if every tolerance were `factor` times as large.
# Which verdicts ought to change?

# %% tags=["hide-input"]
numbers_of = verdicts[verdicts["group"] == "table"].dropna(subset=["published", "measured"])
settled = numbers_of[["published", "measured", "tolerance"]].astype(float)
factor = 10 if variant == 0 else 5 + drawn(variant, 20, "factor")

# %% tags=["hide-input", "solution"]
### BEGIN SOLUTION
apart = (settled["published"] - settled["measured"]).abs()
now_equal = int((apart <= settled["tolerance"]).sum())
then_equal = int((apart <= factor * settled["tolerance"]).sum())
# None ought to: a tolerance has a reason, best written down before the result is known, and its size follows from it.
### END SOLUTION

# %% tags=["hide-input", "checks"]
assert now_equal <= then_equal <= len(settled), "a larger tolerance never lets fewer pass"
### BEGIN HIDDEN TESTS
for times, counted in ((1, now_equal), (factor, then_equal)):
    assert counted == sum(abs(p - m) <= times * t for p, m, t in settled.to_numpy())
### END HIDDEN TESTS

# %% [markdown]
# ### A claim of your own
#
# *Hard, thirty minutes.* Write a claim into the ledger and let it be tested. Put into `mine` a `claim.Claim` with the test `checked`, about a number in a table of `checked` (its names are the tables of `brainseg data check`), with a `published` number, a `tolerance` and a `reason` that you chose before you looked; and into `found_mine` what `ledger.evaluate`
# makes of it, with `evidence.Evidence()`.

# %% tags=["hide-input", "solution"]
### BEGIN SOLUTION
mine = claim.Claim(
    id="boxes-are-half-tumour",
    maker="book",
    quote="About half of a label is tumour.",
    place="exercise",
    test="checked",
    arguments={"table": "agreement", "column": "box_is_tumour", "row": {"split": "all"}},
    published=0.5,
    tolerance=0.1,
    reason="About half is not less than two fifths, and not more than three.",
    shown_in="01_data: What a label outlines",
)
found_mine = ledger.evaluate([mine], evidence.Evidence())
### END SOLUTION

# %% tags=["hide-input", "checks"]
assert isinstance(mine, claim.Claim) and len(found_mine) == 1, "one claim, one row"
### BEGIN HIDDEN TESTS
assert mine.tolerance > 0 and mine.published is not None and len(mine.reason.split()) >= 5
row_of_mine = ledger.evaluate([mine], evidence.Evidence()).iloc[0]
assert row_of_mine["verdict"] == found_mine.iloc[0]["verdict"] and row_of_mine["measured"] is not None
### END HIDDEN TESTS

# %% [markdown]
# ### Audit a paper
#
# *Hard, thirty minutes.* Take the last paper on segmentation that you have read. For which of the sections above that end in *How to spot it* can you answer the question from the paper alone? Write a line for each: the answer and where it stands, or what is missing.

# %% [markdown] tags=["rubric"]
# :::{dropdown} What a good answer says
# Four of these six make a good answer.
#
# - The paper is named, with its data set and the numbers that are asked about.
# - Every section has a line; none is passed over.
# - An answer has a place: page, table, figure or line of code.
# - It says whether images, scans or patients were split, or that the paper does not.
# - At least one number is recomputed from others of the paper.
# - It tells *not said* from *wrong*, and neither accuses nor excuses.
# :::
