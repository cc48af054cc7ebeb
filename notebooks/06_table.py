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
# ```{admonition} Before you start
# :class: before
# **You will be able to** say why the published mean IoU hardly differs between networks, and compute it without any network; find out which images a number was measured
# on; recognise a score above one for what it is.
#
# **You need** {term}`accuracy`, {term}`IoU` and {term}`Dice`, and what [chapter 1](01_data) says of the labels. How the networks are built and trained, in chapters
# [2](02_unet) to [5](05_deeplab), helps but can wait.
#
# **The answer**: none of the table's three measures says how well a network finds tumours on new images. A blank sheet has an accuracy of {glue:text}`blank:.4f`, more than any of the published baselines. The
# mean IoU of the study's own networks is nearly half the share of background, about {glue:text}`half:.2f`, as for any network that is never wholly sure. Their Dice is of the images that they learnt from.
# ```

# %% tags=["parameters"]
dataset = "phantom"
data = None
scale = "quick"
seed = 0

# %% tags=["hide-input"]
import numpy as np
import pandas as pd

from brainseg import plotting
from brainseg.experiments import select
from brainseg.experiments.recorded import recorded, recorded_runs
from brainseg.experiments.workspace import Workspace
from brainseg.models import MODELS, TITLES
from brainseg.paper import narrate, study, tables
from brainseg.paper.display import glue, source, table
from brainseg.scores import THRESHOLD, metrics, published

workspace = Workspace(dataset, scale, seed, data)
prepared = workspace.prepared
runs = {name: workspace.run(workspace.recipe(name)) for name in MODELS}

# %% [markdown]
# ## The published table
#
# In the table of the study's README, every score is higher than its baseline's. As *baseline* a picture in it shows the four architectures as others published them, and morphology and attention as what was added; its text speaks of “baseline models combined with attention layers”. No code is published for the baselines, so nothing more is known of them. Gates alone cannot be what they lack: the study's DeepLab has none either ([chapter 5](05_deeplab)).

# %% tags=["hide-input"]
printed = study.published_table()
sides = {"baseline": "_baseline", "study": ""}
both = {
    (title, side): printed[f"{measure}{end}"]
    for measure, title in study.MEASURES.items()
    for side, end in sides.items()
}
table(
    pd.DataFrame(both).rename(index=TITLES).rename_axis("network"), "The study's results, shares from 0 to 1.", digits=4
)

# %% [markdown]
# ## The same networks, trained again
#
# Trained again at the study's own size and on its images, the networks come close to the published accuracy and mean IoU. Dice varies: {glue:text}`nearby` of {glue:text}`baselines` are within a tenth of the published one
# ({ref}`how they were recorded <recorded-results>`). In the last epoch, on the training images, their accuracy is {glue:text}`accuracy_low:.3f` to
# {glue:text}`accuracy_high:.3f`, their mean IoU {glue:text}`mean_iou_low:.4f` to {glue:text}`mean_iou_high:.4f` and their Dice {glue:text}`dice_low:.2f` to {glue:text}`dice_high:.2f`.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "In the study (grey) and trained again (colour), accuracy is at most about two percentage points above that of a network that never finds a tumour (dashed line), and mean IoU lies within two thousandths of that line. The accuracies of all baselines (rings) lie below it. Only Dice tells the networks apart. Two of the axes do not begin at zero.", "name": "fig-comparison"}, "image": {"alt": "Dot plot of accuracy, mean IoU and Dice for four networks: rings for the published baselines, grey dots for the study's own networks, coloured diamonds for those trained again, a dashed line for a network that finds nothing."}}
full = select.by_step(recorded_runs("full"))
again = pd.DataFrame({model: steps["published"][0].history.iloc[-1] for model, steps in full.items()}).T
ends = again[list(study.MEASURES)].agg(["min", "max"])
glue(
    nearby=int(((again["dice"] - printed["dice"]).abs() < 0.1).sum()),
    **ends.loc["min"].add_suffix("_low"),
    **ends.loc["max"].add_suffix("_high"),
)
areas = recorded("tumorseg-check")["areas"].query("mask == 'published'").set_index("split")
beside = [
    {"metric": title, "model": name, "title": TITLES[name], "source": source, "value": values[name]}
    for measure, title in study.MEASURES.items()
    for source, values in {
        "published baseline": printed[f"{measure}_baseline"],
        "published": printed[measure],
        "ours": again[measure],
    }.items()
    for name in MODELS
]
nothing = {
    "accuracy": areas.loc["train", "background_accuracy"],
    "mean IoU": areas.loc["train", "background_mean_iou"],
    "Dice": 0.0,
}
plotting.published_against_ours(pd.DataFrame(beside), nothing)

# %% [markdown]
# A difference between a grey and a coloured mark is no verdict on anybody: software, processor, precision and random numbers differ. What can be compared is how each measure behaves.
# The next sections take one measure each.
#
# ## What a blank sheet scores
#
# A mask without any tumour has an accuracy of {glue:text}`blank:.4f` on the study's training images. {glue:text}`below` of {glue:text}`baselines` published baselines, {glue:text}`baseline_low:.4f` to
# {glue:text}`baseline_high:.4f`, are below that. The study's own networks are {glue:text}`above_low:.1f` to {glue:text}`above_high:.1f` percentage points above it. On the validation images a blank
# sheet scores {glue:text}`blank_valid:.4f`, on the test images {glue:text}`blank_test:.4f`, so it does not matter which of them the table was measured on.

# %% tags=["hide-input"]
blank = areas.loc["train", "background_accuracy"]
glue(
    blank=blank,
    blank_valid=areas.loc["valid", "background_accuracy"],
    blank_test=areas.loc["test", "background_accuracy"],
    baselines=len(printed),
    below=int((printed["accuracy_baseline"] < blank).sum()),
    baseline_low=printed["accuracy_baseline"].min(),
    baseline_high=printed["accuracy_baseline"].max(),
    above_low=100 * (printed["accuracy"].min() - blank),
    above_high=100 * (printed["accuracy"].max() - blank),
)

# %% [markdown]
# The study has no score over its test images. The networks of the last four chapters, trained on {glue:text}`shown`, show what its measures say there. *Pooled* counts all pixels of a batch as one image, as the study does; *per
# image* is the mean of the scores of single images.

# %% tags=["hide-input"]
columns = {"accuracy": "accuracy", "mean_iou": "mean IoU", "dice": "Dice, pooled", "dice_per_image": "Dice, per image"}
truth = np.asarray(prepared.masks["position"][prepared.rows("test")])
rows = {TITLES[name]: tables.scores_on_test(run, prepared) for name, run in runs.items()}
rows["no tumour anywhere"] = published.background_scores(truth) | {"dice_per_image": 0.0}
glue(shown=narrate.SHOWN[dataset])
table(
    pd.DataFrame(rows).T.rename(columns=columns)[list(columns.values())],
    "The study's measures on test images, shares from 0 to 1.",
    digits={"accuracy": 4, "mean IoU": 4},
)

# %% [markdown]
# Take the last row away, and the accuracies look like those of four good networks. With it, one sees that accuracy starts at a height that has nothing to do with finding
# tumours, and that mean IoU stays nearly where it starts.
#
# ## Why mean IoU hardly moves
#
# The published mean IoU was computed from probabilities where classes are expected, and so it is half of the share of background, for any network whose answers stay below one.
#
# It should not be. {term}`Mean IoU <mean IoU>` is the mean of two numbers: the {term}`IoU` of the tumour and that of the {term}`background`. A network that finds nothing has zero for the first and
# the share of background for the second. A network that finds every pixel has one for both. So good networks should be far above one half. In the published table none is.
#
# The reason is one line of code. The measure is `MeanIoU(num_classes=2)` of Keras. It expects for each pixel the number of a class, `0` or `1`. The study hands it
# the network's output, which is a probability. To make a class number of it, Keras cuts off the decimals:

# %%
np.array([0.02, 0.50, 0.97, 0.999]).astype(int)

# %% [markdown]
# Every probability below one becomes class zero, background. The measure does not see a tumour that the network has found, unless the network is so sure that the
# computer rounds its answer to exactly one. Apart from such pixels, the tumour's IoU is zero and that of the background is its share of the pixels.
#
# One can test that with very different answers to the same test images. The first three rows are a trained network, a blank sheet and the labels themselves, and mean IoU cannot tell
# them apart. In the last two it is given classes instead of probabilities, and works as it should.

# %% tags=["hide-input"]
probability = runs["unet"].probability[prepared.rows("test")]
answers = {
    "U-Net's probabilities": probability,
    "no tumour anywhere": np.zeros(truth.shape),
    "every label, at 99 %": np.where(truth, 0.99, 0.01),
    "U-Net's classes": (probability > THRESHOLD).astype(float),
    "every label, as classes": truth.astype(float),
}
batch_size = runs["unet"].recipe.batch_size
scores = {name: published.published_scores(answer, truth, batch_size) for name, answer in answers.items()}
table(
    pd.DataFrame(scores).T.rename(columns=study.MEASURES),
    "Five answers to the same test images, shares from 0 to 1.",
    digits=4,
)

# %% [markdown]
# The cure is a threshold. `BinaryIoU` of Keras has one, and so do the scores of this package. The measures of the study, as one function:

# %% tags=["hide-input"]
source(published.published_scores)

# %% [markdown]
# If this is what happened in the study, then its mean IoU can be computed without any network, from the labels alone. It can, for all four networks:

# %% tags=["hide-input"]
held = {"unet": "valid", "linknet": "valid", "segnet": "last fifth of train", "deeplab": "last fifth of train"}
log = study.published_last_epoch()
background = areas["background_mean_iou"]
glue(half_valid=background["valid"], half_fifth=background["last fifth of train"])
columns = {
    "the study's log": log["val_mean_iou"],
    "half the background": {name: background[split] for name, split in held.items()},
    "trained again": again["val_mean_iou"],
    "validated on": held,
}
table(
    pd.DataFrame(columns, index=list(MODELS)).rename(index=TITLES).rename_axis("network"),
    "Mean IoU on the study's validation images, in the last epoch.",
    digits=4,
)

# %% [markdown]
# The three columns agree to the last digit that was published. The third is of networks trained again, with other weights, and the values are the same four. This mean IoU says how much of the images is
# background. It says nothing about the networks. This is a trap that the library sets, not a fault that one sees in the code: there is no error, no warning, and the value looks like a score.
#
# Only the first epochs of SegNet's log have other validation values, up to “0.5461”, with a validation accuracy of “0.3359”: answers so sure that they round to one are counted, and some of these are in the tumour.
#
# But for SegNet's “0.4811”, the mean IoU values of the published table are in no last line of a log; those of the study's own networks, too, lie close to half the background, here of the training images: {glue:text}`half:.4f`. So does one of the
# baselines. The other three are lower, and since their code was not published, nobody can say why.

# %% tags=["hide-input"]
half = background["train"]
glue(half=half)
distance = pd.DataFrame({side: printed[f"mean_iou{end}"] - half for side, end in sides.items()})
table(distance.rename(index=TITLES).rename_axis("network"), "Published mean IoU minus half the background.", digits=4)

# %% [markdown]
# ## What each number was measured on
#
# The published Dice is, for every network, the training value in the last line of its log:

# %% tags=["hide-input"]
best = printed["dice"].idxmax()
glue(best_dice=printed.loc[best, "dice"], best_valid=log.loc[best, "val_dice"])
columns = {"published": printed["dice"], "log, training": log["dice"], "log, validation": log["val_dice"]}
table(
    pd.DataFrame(columns).rename(index=TITLES).rename_axis("network"),
    "Dice in the study's table and in the last line of its logs.",
    digits=4,
)

# %% [markdown]
# The highest published Dice, {glue:text}`best_dice:.4f`, is {glue:text}`best_valid:.4f` on validation images in the same log. The notebook contains no score over the test split. The table's accuracies of the study's own networks stand in no line of their logs, so they are of other trainings than the Dice, or of an evaluation that the notebook does not keep.
#
# Training values are easily quoted, because they stand first in every line of a log.
# They are of images that the network learns from, and Keras averages them over an epoch, while the weights still change and dropout is on. The progress bar of the study's version seems to average once more, over the steps: else the mean IoU of training images, which says only how much of them is background, would be the same in every line. So they can be above or below what the
# finished network scores on the same images. What it scores on new ones, they do not say.
#
# ## Scores above one
#
# A Dice above one is no score: two arrays of unequal shape were multiplied, and NumPy stretched them. For single test images the study's notebook prints pairs such as an IoU of
# {glue:text}`printed_iou:.4f` with a Dice of {glue:text}`printed_dice:.4f`. They cannot both be: Dice never exceeds one, and it is never more than twice the IoU.
#
# The shapes explain it. The true mask has the shape `(128, 128)`, the predicted one `(128, 128, 1)`. NumPy stretches both to `(128, 128, 128)` and multiplies each column of the prediction with the row of the truth that has
# the same number. If “Dice” is $d$ and the image has $h$ rows, then stretching makes the “IoU” equal to $\tfrac{d}{2} / (h - \tfrac{d}{2})$, whatever the masks are. The printed pair
# obeys this. For the printed {glue:text}`printed_dice:.4f` and {glue:text}`rows` rows this is {glue:text}`implied_iou:.4f`.

# %% tags=["hide-input"]
single = pd.Series([dice for shown in study.PRINTED_DICE.values() for dice in shown])
d, h = single[0], 128
label, answer = np.zeros((2, h, h), bool)
label[40:59, 65:83] = answer[38:60, 63:85] = True
glue(
    printed_dice=d,
    printed_iou=0.0541,
    rows=h,
    implied_iou=d / 2 / (h - d / 2),
    printed_pairs=len(single),
    printed_above=int((single > 1).sum()),
    printed_zeros=int((single == 0).sum()),
    near_dice=metrics.dice(answer[np.newaxis], label[np.newaxis]).item(),
    near_stretched=published.broadcast_scores(answer, label)["dice"],
)

# %% [markdown]
# A zero says as little. Of the {glue:text}`printed_pairs` pairs that the notebook prints, {glue:text}`printed_above` have a Dice above one, and {glue:text}`printed_zeros` are zero. Two of these, LinkNet's for the image “244” and DeepLab's for “286”, are of answers that lie on their labels, as the pictures in the notebook show; the others are of answers that are empty or lie beside theirs, and would be zero in any case. Two rectangles that lie as LinkNet's answer and its label do have a Dice of {glue:text}`near_dice:.2f`; stretched, they have {glue:text}`near_stretched:.4f`, because
# no column of the answer has the number of a row of the label.
#
# Even perfect answers get such scores. Here every label of the test split is compared with itself:

# %% tags=["hide-input"]
stretched = pd.DataFrame([published.broadcast_scores(mask, mask) for mask in truth if mask.any()])
right = pd.DataFrame({"iou": metrics.iou(truth, truth), "dice": metrics.dice(truth, truth)})
table(
    pd.DataFrame({"as in the notebook": stretched.mean(), "with equal shapes": right.mean()}).rename(
        index={"iou": "IoU", "dice": "Dice"}
    ),
    "Each label of a test image against itself, mean scores.",
    digits=3,
)

# %% [markdown]
# ## Summary
#
# - Accuracy starts at the share of background. A blank sheet scores {glue:text}`blank:.4f` on the study's training images; {glue:text}`below` of {glue:text}`baselines` published baselines are below it, and the study's own
#   networks are at most {glue:text}`above_high:.1f` percentage points above.
# - The published mean IoU was computed from probabilities where classes were expected. On validation images, in the last epoch, it is half the share of background, {glue:text}`half_valid:.4f` or {glue:text}`half_fifth:.4f`, for every network, to the
#   last digit.
# - The published Dice values of the study's own networks are training values. The highest, {glue:text}`best_dice:.4f`, is {glue:text}`best_valid:.4f` on validation images; the notebook has no score over the test split.
# - The scores of single images, such as {glue:text}`printed_dice:.1f`, are of arrays that NumPy stretched; they are no scores.
#
# [The next chapter](07_ladder) corrects all this one step at a time, and then compares the four networks again.
#
# ## Exercises
#
# Some numbers depend on `variant`, so that another class can be given others.

# %% tags=["hide-input"]
from brainseg.paper.course.variants import drawn

variant = 0

# %% [markdown]
# ### Turn the answer inside out
#
# *Medium, fifteen minutes.* Give `published_scores` the inverted answer, `1 - probability`, and think before you run it: which of the three measures
# will notice? Then explain the one that surprises you. Put into `inverted` the three scores of the inverted `probability` against `truth`, with the `batch_size` from above, and
# into `certain` the share of the inverted answer's pixels that are exactly one in single precision.

# %% tags=["hide-input", "solution"]
### BEGIN SOLUTION
opposite = 1 - np.asarray(probability, np.float32)
inverted = published.published_scores(opposite, truth, batch_size)
certain = np.mean(opposite == 1)
# Accuracy and Dice notice: what was right is wrong now. Mean IoU notices, too, where the network was so sure that there is
# no tumour that the computer rounds 1 - p to exactly one: these pixels become class one, and nearly all are background.
### END SOLUTION

# %% tags=["hide-input", "checks"]
assert set(inverted) == {"accuracy", "mean_iou", "dice"}, "published_scores gives a dictionary of three measures"
assert 0 <= certain <= 1, "a share lies between zero and one"
### BEGIN HIDDEN TESTS
upside_down = 1 - np.asarray(probability, np.float32)
expected_scores = published.published_scores(upside_down, truth, batch_size)
assert all(np.isclose(inverted[name], value, atol=1e-4) for name, value in expected_scores.items())
assert np.isclose(certain, (upside_down >= 1).mean(), atol=1e-3)
### END HIDDEN TESTS

# %% [markdown]
# ### Which share of background
#
# *Easy, five minutes.* A blank sheet has half the share of background as its mean IoU, where the mean IoU is computed as it should be. Write `background_of(mean_iou)`, which says for
# which share of background a blank sheet scores `mean_iou`. For which share does it score a quarter?


# %% tags=["hide-input", "solution"]
def background_of(mean_iou):
    """Share of background for which a blank sheet has this mean IoU."""
    ### BEGIN SOLUTION
    return 2 * mean_iou
    ### END SOLUTION


# %% tags=["hide-input", "checks"]
assert np.isclose(background_of(0.4), 0.8), "four fifths of background"
### BEGIN HIDDEN TESTS
for share in np.linspace(0.05, 0.95, 7):
    empty_iou, background_iou = 0.0, share / 1.0
    assert np.isclose(background_of((empty_iou + background_iou) / 2), share)
### END HIDDEN TESTS

# %% [markdown]
# ### The largest score that is none
#
# *Hard, twenty minutes.* Find masks for which the stretched “Dice” is as large as it can be. Write `largest_pair(rows)`, which returns the predicted and the true mask of an image of `rows` by
# `rows` pixels, arrays of zeros and ones, so that no pair has a larger `published.broadcast_scores(…)["dice"]`. How few tumour pixels do you need?


# %% tags=["hide-input", "solution"]
def largest_pair(rows):
    """A predicted and a true mask with the largest stretched Dice."""
    predicted, actual = np.zeros((rows, rows), int), np.zeros((rows, rows), int)
    ### BEGIN SOLUTION
    # Column j of the prediction, with p pixels, meets row j of the truth, with t: 2pt of p + t pixels. That is their harmonic
    # mean, and at most rows. One whole column and the whole row of the same number are enough.
    predicted[:, 0] = actual[0] = 1
    ### END SOLUTION
    return predicted, actual


# %% tags=["hide-input", "checks"]
pair_size = 4 + drawn(variant, 20, "rows")
assert [mask.shape for mask in largest_pair(pair_size)] == 2 * [(pair_size, pair_size)], "two square masks"
### BEGIN HIDDEN TESTS
assert np.isclose(published.broadcast_scores(*largest_pair(pair_size))["dice"], pair_size)
### END HIDDEN TESTS

# %% [markdown]
# ### What the table may say
#
# *Medium, fifteen minutes.* Write at most ten sentences to an editor: what can be concluded from the study's table about how well the four networks find tumours, what cannot, and which two numbers you would ask the
# authors for.

# %% [markdown] tags=["rubric"]
# :::{dropdown} What a good answer says
# Three of these five make a good answer.
#
# - Accuracy is to be read beside that of a blank sheet, and the published baselines are below it.
# - The mean IoU of the study's own networks is nearly half the share of background, and says nothing of the networks.
# - The Dice of the study's own networks is of the images that were learnt from; the same log has lower ones for validation images.
# - No number of the table is said to be of test images, and no difference has an interval or a second training behind it.
# - It asks for a score of each test image against the tumours' borders, on new patients, and for the code or the answers of the baselines.
# :::
