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
# # What the table measures
#
# The study's result is a table: four networks, three measures, with and without attention. This chapter asks what the table measures. [The next one](07_ladder) corrects it one step
# at a time, and then compares the four networks again. At the end of this one you can
#
# - say why the published mean IoU hardly differs between networks, and compute what it must be;
# - tell what each number of the table was measured on, and recognise a score above 1 for what it is.

# %% tags=["parameters"]
dataset = "phantom"
data = None
scale = "quick"
seed = 0

# %% tags=["hide-input"]
import numpy as np
import pandas as pd

from brainseg import plotting
from brainseg.experiments.recorded import recorded, recorded_runs
from brainseg.experiments.workspace import Workspace
from brainseg.models import MODELS, TITLES
from brainseg.paper import study, tables
from brainseg.paper.display import items, source
from brainseg.scores import THRESHOLD, metrics, published

workspace = Workspace(dataset, scale, seed, data)
prepared = workspace.prepared
runs = {name: workspace.run(workspace.recipe(name)) for name in MODELS}

# %% [markdown]
# ## The published table
#
# From the study's README. *Baseline* is the same network without attention gates; no code is published for that column.

# %% tags=["hide-input"]
study.published_table().rename(
    index=TITLES, columns=lambda name: name.replace("mean_iou", "mean IoU").replace("dice", "Dice").replace("_", " ")
)

# %% [markdown]
# ## Beside it, this book's runs
#
# The runs of chapters 2 to 5, on the measures and on the images that the study's numbers come from: the training images, in the last epoch.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The study's three measures for each network: as published without and with gates (grey), and of this book's runs as published (colour), all on training images. The dashed line is a network that never finds a tumour, on the training images of this copy of the book. In accuracy the marks are within a few points of it, in mean IoU on it, but for baselines. The axes do not begin at zero.", "name": "fig-comparison"}, "image": {"alt": "Dot plot of accuracy, mean IoU and Dice for four networks."}}
printed = study.published_table()
beside = [
    {"metric": title, "model": name, "title": TITLES[name], "source": source, "value": value}
    for name, run in runs.items()
    for metric, title in study.MEASURES.items()
    for source, value in {
        "published baseline": printed.loc[name, f"{metric}_baseline"],
        "published": printed.loc[name, metric],
        "ours": run.history[metric].iloc[-1],
    }.items()
]
nothing = published.background_scores(prepared.masks["position"][prepared.rows("train")])
plotting.published_against_ours(
    pd.DataFrame(beside), {title: nothing[metric] for metric, title in study.MEASURES.items()}
)

# %% [markdown]
# The networks here are smaller than the study's, see smaller images and, unless this book was built with the study's data, other images.
# So a difference between a grey and a coloured mark is no verdict on anybody. What can be compared is how each measure
# behaves.
#
# ## The same runs on test images
#
# *Pooled* counts all pixels of a batch as one image, as the study does; *per image* is the mean of the scores of single images.

# %% tags=["hide-input"]
columns = {"accuracy": "accuracy", "mean_iou": "mean IoU", "dice": "Dice, pooled", "dice_per_image": "Dice, per image"}
truth = np.asarray(prepared.masks["position"][prepared.rows("test")])
rows = {TITLES[name]: tables.scores_on_test(run, prepared) for name, run in runs.items()}
rows["no tumour anywhere"] = published.background_scores(truth) | {"dice_per_image": 0.0}
pd.DataFrame(rows).T.rename(columns=columns)[list(columns.values())].round(4)

# %% [markdown]
# Take the last row away and the accuracies look like those of four good networks. With it, accuracy is seen to start at a height that has nothing to do with finding
# tumours, and mean IoU is seen to stay nearly where it starts. The published accuracies, on the study's images:

# %% tags=["hide-input"]
real = recorded("tumorseg-check")["areas"].set_index(["split", "mask"])
blank = real.loc[("train", "published"), "background_accuracy"]
accuracy = study.published_table()
below = (accuracy["accuracy_baseline"] < blank).sum()
items(
    [
        f"A mask without any tumour has an accuracy of **{blank:.4f}** on the study's training images.",
        f"{below} of {len(accuracy)} published baselines, {accuracy['accuracy_baseline'].min():.4f} to {accuracy['accuracy_baseline'].max():.4f}, are below that.",
        f"With gates, the networks are {100 * (accuracy['accuracy'].min() - blank):.1f} to {100 * (accuracy['accuracy'].max() - blank):.1f} points above it.",
    ]
)

# %% [markdown]
# ## Why mean IoU hardly moves
#
# {term}`mean IoU` is the mean of two numbers: the {term}`IoU` of the tumour and that of the {term}`background`. A network that finds nothing has 0 for the first and
# the share of background for the second. A network that finds every pixel has 1 and 1. So good networks should be far above one half. In the published table none is.
#
# The reason is one line of code. The measure is `MeanIoU(num_classes=2)` of Keras. It expects for each pixel the number of a class, 0 or 1. The study hands it
# the network's output, which is a probability. To make a class number of it, Keras cuts off the decimals:

# %%
np.array([0.02, 0.50, 0.97, 0.999]).astype(int)

# %% [markdown]
# Every probability below 1 becomes class 0, background. The measure does not see a tumour that the network has found, unless the network is so sure that the
# computer rounds its answer to exactly 1. Apart from such pixels, what it gives is the mean of 0 and the share of background: half of the share of background,
# for any network whatever. One can test that by handing it very different answers to the same test images.

# %% tags=["hide-input"]
probability = runs["unet"].probability[prepared.rows("test")]
answers = {
    "model, probabilities": probability,
    "no tumour anywhere": np.zeros(truth.shape),
    "every label, at 99 % probability": np.where(truth, 0.99, 0.01),
    "model, 0 or 1": (probability > THRESHOLD).astype(float),
    "every label, 0 or 1": truth.astype(float),
}
batch_size = runs["unet"].recipe.batch_size
scores = {name: published.published_scores(answer, truth, batch_size) for name, answer in answers.items()}
pd.DataFrame(scores).T.rename(columns=study.MEASURES).round(4)

# %% [markdown]
# The first three rows are a trained network, a blank sheet and the labels themselves, and mean IoU cannot tell them apart. In the last two rows it is given
# classes instead of probabilities and works as it should. The cure is a threshold: `BinaryIoU` of Keras has one, and so do the
# scores of this package. The measures of the study, as one function:

# %% tags=["hide-input"]
source(published.published_scores)

# %% [markdown]
# If this is what happened in the study, then its mean IoU can be computed without any network, from the labels alone. The table has three columns of numbers:
# the validation mean IoU in the last line of the study's four training logs; half the share of background of the same images, with the study's own labels; and the last line of this book's recorded logs, of the same training at the study's number of pixels, with a quarter of its filters. The fourth column
# says which images.

# %% tags=["hide-input"]
areas = recorded("tumorseg-check")["areas"].set_index(["split", "mask"])["background_mean_iou"]
held = {"unet": "valid", "linknet": "valid", "segnet": "last fifth of train", "deeplab": "last fifth of train"}
log = study.published_last_epoch()["val_mean_iou"]
again = {run.recipe.model: run.history["val_mean_iou"].iloc[-1] for run in recorded_runs("published")}
pd.DataFrame(
    {
        "published validation mean IoU": [log[name] for name in MODELS],
        "half the background": [round(areas[held[name], "published"], 4) for name in MODELS],
        "trained again": [round(again[name], 4) for name in MODELS],
        "measured on": [held[name] for name in MODELS],
    },
    index=[TITLES[name] for name in MODELS],
)

# %% [markdown]
# The three columns agree to the last digit that was published. The third is of smaller networks with other weights, and the values are the same four. This mean IoU says how much of the images is background. It says nothing about the
# networks. This is a trap that the library sets, not a fault that one sees in the code: there is no error, no warning, and the value looks like a score.
#
# The mean IoU values of the published table are in no log, but with gates they, too, lie close to half the background, here of the training images. So does one of the baselines. The other three are lower, and since their code was not published, nobody can say why:

# %% tags=["hide-input"]
half = areas["train", "published"]
from_half = study.published_table().filter(like="mean_iou") - half
items(
    f"{side}, the published mean IoU minus {half:.4f}: {', '.join(f'{TITLES[name]} {value:+.4f}' for name, value in from_half[column].items())}."
    for side, column in {"With gates": "mean_iou", "Without": "mean_iou_baseline"}.items()
)

# %% [markdown]
# ## What each number was measured on
#
# The Dice in the published table equals, for every network, the training value in the last line of its log:

# %% tags=["hide-input"]
last = study.published_last_epoch()
table = study.published_table()
pd.DataFrame(
    {
        "published Dice": table["dice"],
        "training Dice in the log": last["dice"],
        "validation Dice in the log": last["val_dice"],
    }
).rename(index=TITLES)

# %% [markdown]
# The notebook contains no evaluation on the test split. Training values are easily quoted, because they stand first in every line of a log.
# They are of images that the network learns from, and Keras averages them over an epoch, while the weights still change and dropout is on. So they can be above or below what the
# finished network scores on the same images. What it scores on new ones, they do not say.
#
# ## Scores above 1
#
# For single test images the study's notebook prints pairs such as an IoU of 0.0541 with a Dice of 13.1321. They cannot both be: Dice never exceeds 1, and it is never more than twice
# the IoU. The shapes explain it. The true mask is a table of 128 × 128, the predicted one has a third dimension of length 1. NumPy stretches two such arrays to 128 × 128 × 128 and multiplies
# every column of one with every row of the other. The table
# shows what that makes of perfect answers: every label of the test split, compared with itself.

# %% tags=["hide-input"]
stretched = pd.DataFrame([published.broadcast_scores(mask, mask) for mask in truth if mask.any()])
right = pd.DataFrame({"iou": metrics.iou(truth, truth), "dice": metrics.dice(truth, truth)})
pd.DataFrame({"as in the notebook": stretched.mean(), "with equal shapes": right.mean()}).rename(
    index={"iou": "mean IoU of single images", "dice": "mean Dice"}
).round(3)

# %% [markdown]
# The explanation can be checked against the printed pair. If "Dice" is $d$ and the image has $h$ rows, then stretching makes the
# "IoU" equal to $\tfrac{d}{2} / (h - \tfrac{d}{2})$, whatever the masks are.

# %% tags=["hide-input"]
d, h = 13.1321, 128
items([f"For the printed {d} and {h} rows this is {d / 2 / (h - d / 2):.4f}. The notebook prints 0.0541."])

# %% [markdown]
# ## Summary
#
# - Accuracy starts at the share of background; a blank sheet scores above 95 %.
# - The published mean IoU was computed from probabilities where classes were expected. On validation images it is half the share of background, for every network, to the last digit.
# - The published Dice values are training values. The scores above 1 are of arrays that NumPy stretched; they are no scores.
#
# ## Exercises
#
# 1. Give `published_scores` the inverted answer, `1 - probability`. Which measures notice?
# 2. Which share of background would make a blank sheet score a mean IoU of 0.25?
# 3. Find a pair of masks for which the stretched "Dice" is the largest that it can be. How large is it, for images of $h$ rows?
