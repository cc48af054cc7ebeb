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
# # SegNet
#
# ```{admonition} Before you start
# :class: before
# **You will be able to** compare a network in code with the paper it is named after; say what {term}`batch normalisation` does to the first epochs; explain how a {term}`validation` set can be nearly useless without any
# sign of it in the code.
#
# **You need** the parts of a network, from [chapter 2](02_unet), and what [chapter 1](01_data) says of the pairing of images and labels.
#
# **The answer**: of the {glue:text}`held` images that the study validated SegNet on, {glue:text}`wrong` carry the label of another image, and the published validation accuracy, {glue:text}`log_accuracy:.4f`, is that of
# a mask without any tumour. Trained again at the same size, with care, it reaches a Dice of {glue:text}`corrected_borders` against the tumours' borders of new patients, who are easier than most, in one training.
# ```

# %% tags=["parameters"]
dataset = "phantom"
data = None
scale = "quick"
seed = 0

# %% tags=["hide-input"]
import pandas as pd

from brainseg import plotting
from brainseg.data import VALIDATION_SHARE
from brainseg.experiments import select
from brainseg.experiments.recorded import recorded, recorded_at_every_scale, recorded_runs
from brainseg.experiments.rows import split_rows
from brainseg.experiments.workspace import Workspace
from brainseg.models import build, segnet
from brainseg.paper import narrate, study, tables
from brainseg.paper.display import glue, items, source, table

workspace = Workspace(dataset, scale, seed, data)
prepared = workspace.prepared
recipe = workspace.recipe("segnet")
glue(shown=narrate.SHOWN[dataset])

# %% [markdown]
# ## The idea
#
# SegNet's best-known idea is a memory, and the study's SegNet does not have it. {term}`Max-pooling <max-pooling>` keeps the largest of four values and forgets where it was; SegNet {cite:p}`badrinarayanan2017` remembers the place and
# puts values back there when it enlarges the image. That is cheap and keeps edges where they were. No features are handed across from {term}`encoder to decoder <encoder and decoder>`.
#
# In the study, {term}`transposed convolutions <transposed convolution>` enlarge, and gated {term}`skip connections <skip connection>` carry features across, which
# makes this SegNet a relative of the U-Net. Five differences to that remain: its weights begin as other random numbers (Glorot's in place of He's); its gates are twice as wide; each decoder step has a single {term}`convolution`, where the paper's decoder mirrors its encoder; batch normalisation
# follows it {cite:p}`ioffe2015`; and there is no {term}`dropout`. At the published size it has {glue:text}`parameters:,.0f` parameters, and the study printed {glue:text}`printed:,.0f`.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The study's SegNet is a U-Net with half the convolutions in its decoder: each decoder block holds one, and a batch normalisation. Drawn at the published size from the graph that is trained.", "name": "fig-segnet"}, "image": {"alt": "Diagram of SegNet: four encoder blocks, a bottleneck, four decoder blocks, gates on the connections between them."}}
published_size = build("segnet", size=128, width=64)
plotting.architecture(published_size)

# %% tags=["hide-input"]
glue(parameters=published_size.count_params(), printed=study.PARAMETERS["segnet"])
source(segnet.segnet)

# %% [markdown]
# ## Training as published
#
# On the training images of {glue:text}`shown` SegNet's Dice rises to {glue:text}`last_training:.2f`; on validation images it ends at {glue:text}`last_validation:.2f`. The training:

# %% tags=["hide-input"]
items(narrate.protocol(recipe))

# %%
run = workspace.run(recipe)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Training Dice (grey) climbs steadily; validation Dice (green) starts at zero and stays far below. Accuracy and mean IoU hardly leave the dashed lines, which are what a network gets that never finds a tumour.", "name": "fig-segnet-curves"}, "image": {"alt": "Learning curves of loss, accuracy, mean IoU and Dice."}}
empty = tables.blank(recipe, prepared)
glue(**narrate.course(run, empty["accuracy"]))
plotting.learning_curves(run.history, empty["accuracy"], "segnet")

# %% [markdown]
# Validation Dice is below one hundredth, so no tumour is found, in the first {glue:text}`blind` of {glue:text}`epochs` epochs. Validation accuracy is {glue:text}`blind_accuracy:.3f` then, and that of a mask without any tumour is
# {glue:text}`background:.3f`. Over all epochs the validation mean IoU moves by {glue:text}`iou_moves:.4f` at most and
# ends at {glue:text}`last_iou:.4f`; half of the share of background is {glue:text}`half_background:.4f`.
#
# ## What batch normalisation does to the first epochs
#
# In the first epochs, batch normalisation can make predictions far worse than a blank sheet while training looks well. The study's log of SegNet has a validation accuracy of “0.0798” in its first epoch and of “0.3138” in its second. Trained again at
# the study's size, on its images, SegNet is at {glue:text}`lowest_segnet:.4f` in epoch {glue:text}`lowest_epoch`. The three networks without batch normalisation, trained again so, are never below {glue:text}`lowest_others:.4f`.

# %% tags=["hide-input"]
full = select.by_step(recorded_runs("full"))
histories = {model: steps["published"][0].history.set_index("epoch")["val_accuracy"] for model, steps in full.items()}
lowest = pd.Series({model: accuracy.min() for model, accuracy in histories.items()})
glue(
    lowest_segnet=lowest.pop("segnet"),
    lowest_epoch=int(histories["segnet"].idxmin()),
    lowest_others=lowest.min(),
)

# %% [markdown]
# Batch normalisation rescales features to a common range, by their statistics within a batch while training, and by running averages of these when
# predicting. This often makes learning faster. But early on the running averages lag behind the statistics of the batches, and predictions with them can be far off. A log alone does not prove that this is what happened; it fits. But it does not explain why the training that was made again answers validation images with blank sheets in {glue:text}`again_blank` later epochs.
#
# ## A validation set that hardly validates
#
# More than half of the images that the study validates SegNet on carry the label of another image: {glue:text}`wrong` of {glue:text}`held`.
#
# For SegNet and DeepLab the study does not validate on the split made for it. It sets `validation_split=0.2`, and Keras takes the *last* fifth of the
# training list. Two things follow. These images come from the same patients as the rest of the list. And in the study's list, the last fifth overlaps the stretch
# in which labels belong to other images ([chapter 1](01_data) shows how it comes about).

# %% tags=["hide-input"]
checked = recorded("tumorseg-check")
shift = checked["pairing"].iloc[0]
areas = checked["areas"].query("mask == 'published'").set_index("split")
images = int(areas.loc["train", "images"])
first = int(images * (1 - VALIDATION_SHARE))
glue(held=images - first, wrong=int(shift["last"] - first + 1))

# %% [markdown]
# In the training above, on {glue:text}`shown`, {glue:text}`validated_wrong` of {glue:text}`validated` validation images carry another image's label.

# %% tags=["hide-input"]
validation = split_rows(recipe, prepared)[1]
glue(
    validated=len(validation),
    validated_wrong=int(prepared.table["flags"].str.contains("shifted").iloc[validation].sum()),
)

# %% [markdown]
# On such images a network is scored wrong where it is right. A perfect network looks bad, and one that finds nothing looks no worse
# than usual. In the last line of the study's log, {glue:text}`wrong` of {glue:text}`held` images are such. In accuracy and mean IoU the network scores, to four digits, what a blank sheet scores.

# %% tags=["hide-input"]
log = study.published_last_epoch().loc["segnet"]
blank = areas.loc["last fifth of train"]
glue(
    log_accuracy=log["val_accuracy"],
    log_mean_iou=log["val_mean_iou"],
    log_dice=log["val_dice"],
    log_training=log["dice"],
)
compared = {
    "SegNet": [log["val_accuracy"], log["val_mean_iou"], log["val_dice"]],
    "no tumour anywhere": [blank["background_accuracy"], blank["background_mean_iou"], 0.0],
}
table(
    pd.DataFrame.from_dict(compared, orient="index", columns=list(study.MEASURES.values())),
    "Validation in the study's last epoch, shares from 0 to 1.",
    digits=4,
)

# %% [markdown]
# In several epochs of the log validation Dice is exactly zero at the same accuracy.
#
# ## What it finds
#
# On the test images of {glue:text}`shown`, SegNet's Dice against the labels is {glue:text}`dice:.2f` on average and {glue:text}`median_dice:.2f` in the median. Its mask does not touch the label in
# {glue:text}`missed` of {glue:text}`tested` images.

# %% tags=["hide-input"]
glue(**narrate.finds(run))
table(narrate.finds_by_type(run), "Dice of test images against the labels, by type of tumour.")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "At its best SegNet fills the label; at its worst it marks another place, or nothing. Test images with the best, middling and worst Dice. Orange: the label, as published; pink: the network's answer.", "name": "fig-segnet-predictions"}, "image": {"alt": "Three rows of slices with the outlines of label and prediction: best, middle and worst."}}
test = prepared.rows("test")
dice = run.scores["dice"].to_numpy()[test]
plotting.predictions(prepared.images[test], prepared.masks[recipe.mask][test], run.probability[test], dice, recipe.mask)

# %% [markdown]
# ## What its gates let through
#
# The finest gate opens more inside the labels than outside: to {glue:text}`gate_inside:.2f` against {glue:text}`gate_outside:.2f`, on average over the test images of {glue:text}`shown`. Zero closes the skip connection, one leaves it open.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The two finest gates open around what the network takes for the tumour and close elsewhere; the coarsest is open nearly everywhere. Attention maps over a good, a middling and a bad test image, from the finest resolution (left) to the coarsest.", "name": "fig-segnet-attention"}, "image": {"alt": "Three slices, each with four colour maps of gate opening."}}
figure, opening = narrate.gate_maps(run, prepared)
glue(**opening)
figure

# %% [markdown]
# ## The published Dice is a training value
#
# The Dice in the study's table, {glue:text}`log_training:.4f`, equals that of its training images in the last epoch, to the last digit. On validation images the same log has {glue:text}`log_dice:.4f`.
#
# Trained again at the study's size, on its images ({ref}`recorded <recorded-results>`), SegNet ends with a training Dice of {glue:text}`again_training:.2f`, near the log's, and a validation Dice of {glue:text}`again_valid:.2f`. The log's is near zero, and that is seen again, too: in {glue:text}`again_blank` of {glue:text}`again_epochs` epochs the validation Dice is zero, and in the last but one {glue:text}`again_before:.2f`; the log swings in the same way. In the last, validation accuracy,
# {glue:text}`again_accuracy:.4f`, is below that of a blank sheet, because what a network finds is counted as wrong where the label is of another image.

# %% tags=["hide-input"]
records = recorded_at_every_scale()
logs = tables.logs("segnet", records)
again = logs.iloc[-2:].droplevel("source")
valid_dice = full["segnet"]["published"][0].history["val_dice"]
glue(
    again_training=again.loc["training", "Dice"],
    again_valid=again.loc["validation", "Dice"],
    again_blank=int((valid_dice < 0.00005).sum()),
    again_epochs=len(valid_dice),
    again_before=valid_dice.iloc[-2],
    again_accuracy=again.loc["validation", "accuracy"],
)
table(logs, "SegNet's published scores, and last epochs on its images.", digits=4)

# %% [markdown]
# The study did not score its test images. By its measures, the network trained above has an accuracy of {glue:text}`test_accuracy:.3f` on the test images of {glue:text}`shown`, a mean IoU of {glue:text}`test_mean_iou:.4f` and a Dice, pooled over batches, of
# {glue:text}`test_dice:.2f`.

# %% tags=["hide-input"]
glue(**{f"test_{measure}": value for measure, value in tables.scores_on_test(run, prepared).items()})

# %% [markdown]
# ## The same network, trained with care
#
# Trained with care on the study's images, SegNet has a Dice of {glue:text}`corrected_borders` against the borders, on new patients; trained as published, it has {glue:text}`published_borders`, and had met most of its test patients. Each number is of one training, and the test patients of the corrected one are easier than most ([chapter 7](07_ladder)). With care means, as
# in [chapter 2](02_unet): true borders for labels, patients kept apart, a validation set of other patients, and the training that is usual today. [Chapter 7](07_ladder) takes these corrections one at a time.
#
# The published training learnt boxes. A network that drew every box of the study perfectly would score {glue:text}`box_dice:.3f` against the borders, as [chapter 1](01_data) shows.

# %% tags=["hide-input"]
ends = tables.outlines("segnet", records)
glue(box_dice=checked["agreement"].set_index("split").loc["all", "dice"], **tables.at_largest(ends))
table(ends, "SegNet's mean Dice against borders, on the study's images.")

# %% [markdown]
# The same two trainings, on {glue:text}`shown`:

# %%
corrected = workspace.run(workspace.recipe("segnet", "corrected"))

# %% tags=["hide-input"]
table(tables.outlines("segnet", [run, corrected]), "SegNet's mean Dice against borders, on each training's own images.")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "After a training of minutes, both SegNets outline some tumours roughly and miss one altogether: trained as published (upper row) and corrected (lower row), on test images that neither saw. Blue: the tumour's border; pink: the answer.", "name": "fig-segnet-corrected"}, "image": {"alt": "Slices in two rows, with the outlines of border and answer."}}
narrate.both_ends(run, corrected, prepared)

# %% [markdown]
# ## Summary
#
# - The study's SegNet keeps the name and, in the decoder, batch normalisation. It has one convolution per decoder step, and the pooling indices of the paper are not in it.
# - Its validation images are the end of the training list. In the study more than half of them, {glue:text}`wrong` of {glue:text}`held`, carry the label of another image.
# - Its published validation accuracy, {glue:text}`log_accuracy:.4f`, and mean IoU, {glue:text}`log_mean_iou:.4f`, are those of a mask without any tumour. The published Dice, {glue:text}`log_training:.4f`, is of training images; on
#   validation images the same log has {glue:text}`log_dice:.4f`.
# - Trained with care on the study's images, the same network has a Dice of {glue:text}`corrected_borders` against the borders of new patients, who are easier than most.
#
# ## Exercises
#
# Some numbers depend on `variant`, so that another class can be given others.

# %% tags=["hide-input"]
from brainseg.paper.course.variants import drawn

variant = 0

# %% [markdown]
# ### Half forgotten
#
# *Easy, ten minutes.* A running average of {term}`batch normalisation` keeps the share `momentum` of itself with every batch. Write `batches(momentum, share)`: after how many batches has it forgotten at least the share `share` of what it started from?
# How many are they at a momentum of `0.99` for one half, and how many batches has an epoch here?

# %% tags=["hide-input"]
import math

import numpy as np


# %% tags=["hide-input", "solution"]
def batches(momentum, share):
    """Batches until a running average has forgotten that share of its start."""
    ### BEGIN SOLUTION
    return math.ceil(math.log(1 - share) / math.log(momentum))
    # 69 at 0.99: several epochs, if an epoch has only a few batches. Until then predictions use what was never measured.
    ### END SOLUTION


# %% tags=["hide-input", "checks"]
assert batches(0.5, 0.5) == 1, "half is kept, so half is forgotten after one batch"
### BEGIN HIDDEN TESTS
kept_share = 0.8 + 0.001 * drawn(variant, 190, "momentum")
for forgotten in (0.3, 0.5, 0.9):
    counted, left_over = 0, 1.0
    while 1 - left_over < forgotten:
        left_over, counted = left_over * kept_share, counted + 1
    assert batches(kept_share, forgotten) == counted
### END HIDDEN TESTS

# %% [markdown]
# ### Known patients in the last fifth
#
# *Medium, fifteen minutes.* Write `known(patients, share)`: `patients` has the patient of each training image in the order of the list. How many of the last `share` of them, from place `int(len(patients) * (1 - share))` on, show a patient who is also among
# the images before?


# %% tags=["hide-input", "solution"]
def known(patients, share):
    """Images of the last share whose patient is among those before."""
    ### BEGIN SOLUTION
    first_held = int(len(patients) * (1 - share))
    before = set(patients[:first_held])
    return sum(patient in before for patient in patients[first_held:])
    ### END SOLUTION


# %% tags=["hide-input", "checks"]
assert known(["a", "b", "c", "a"], 0.25) == 1, "the last image is of patient a, who is the first, too"
### BEGIN HIDDEN TESTS
in_order = prepared.table["patient"].iloc[prepared.rows("train")].tolist()
for part in (0.2, 0.1 + 0.01 * drawn(variant, 30, "share")):
    cut_at = int(len(in_order) * (1 - part))
    assert known(in_order, part) == int(pd.Series(in_order[cut_at:]).isin(in_order[:cut_at]).sum())
### END HIDDEN TESTS

# %% [markdown]
# ### What a perfect network would score
#
# *Medium, fifteen minutes.* A perfect network draws the right box of every image. Put into `ceiling` the mean Dice per image that it gets on this chapter's `validation` images, where some labels are of other images. The right boxes are `prepared.masks["box"]`, the labels
# of the published pairing `prepared.masks["position"]`.

# %% tags=["hide-input", "solution"]
from brainseg.scores import metrics

### BEGIN SOLUTION
right, labels = (np.asarray(prepared.masks[kind][validation]) for kind in ("box", "position"))
ceiling = np.nanmean(metrics.dice(right, labels))
# The labels of the published pairing also went through a JPEG file and a closing, so that even a right one is not quite the box.
### END SOLUTION

# %% tags=["hide-input", "checks"]
assert 0 < ceiling < 1, "some labels are right, and some are not"
### BEGIN HIDDEN TESTS
boxes_there = np.asarray(prepared.masks["box"][validation]) > 0
labels_there = np.asarray(prepared.masks["position"][validation]) > 0
pixels_there = boxes_there.sum(axis=(1, 2)) + labels_there.sum(axis=(1, 2))
each_dice = 2 * (boxes_there & labels_there).sum(axis=(1, 2))[pixels_there > 0] / pixels_there[pixels_there > 0]
assert abs(ceiling - each_dice.mean()) < 1e-4
### END HIDDEN TESTS

# %% [markdown]
# ### The memory that is missing
#
# *Hard, thirty minutes.* SegNet's own way to enlarge: write `pooled(features)`, which returns the largest value of each two by two places of a feature map and where it was, and `unpooled(values, places, shape)`, which puts the values back there, with zeros elsewhere. Say the
# places as you like; rows and columns are even. Of equal values, take the first.


# %% tags=["hide-input", "solution"]
def pooled(features):
    """Largest value of each two by two places, and where it was."""
    ### BEGIN SOLUTION
    height, width = features.shape
    windows = features.reshape(height // 2, 2, width // 2, 2).swapaxes(1, 2).reshape(height // 2, width // 2, 4)
    return windows.max(axis=2), windows.argmax(axis=2)
    ### END SOLUTION


def unpooled(values, places, shape):
    """A map of that shape with the values at their places."""
    ### BEGIN SOLUTION
    windows = np.zeros((*values.shape, 4), values.dtype)
    np.put_along_axis(windows, places[..., np.newaxis], values[..., np.newaxis], axis=2)
    return windows.reshape(*values.shape, 2, 2).swapaxes(1, 2).reshape(shape)
    ### END SOLUTION


# %% tags=["hide-input", "checks"]
small_map = np.array([[1.0, 2.0], [4.0, 3.0]])
assert pooled(small_map)[0].tolist() == [[4.0]], "the largest of four"
assert unpooled(*pooled(small_map), small_map.shape).tolist() == [[0.0, 0.0], [4.0, 0.0]], "it goes back to its place"
### BEGIN HIDDEN TESTS
random_map = np.random.default_rng(variant).random((6, 10))
back = unpooled(*pooled(random_map), random_map.shape)
assert back.shape == random_map.shape and np.count_nonzero(back) == 15
assert np.array_equal(back[back > 0], random_map[back > 0])
assert all(
    back[r : r + 2, c : c + 2].max() == random_map[r : r + 2, c : c + 2].max()
    for r in (0, 2, 4)
    for c in (0, 2, 4, 6, 8)
)
### END HIDDEN TESTS
