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
# # U-Net
#
# ```{admonition} Before you start
# :class: before
# **You will be able to** say what a {term}`skip connection` carries and what an {term}`attention gate` does to it; read a learning curve,
# and tell learning from standing still; and recognise a training score that is quoted as a result.
#
# **You need** [chapter 1](01_data): what the labels are, and what a blank answer scores.
#
# **The answer**: built from the study's code, U-Net has the {glue:text}`parameters:,.0f` parameters that the study printed. Its published Dice,
# {glue:text}`published_dice:.4f`, is of the images that it learnt from. Trained again at the same size, with care, it reaches
# {glue:text}`corrected_borders` against the tumours' borders of new patients, who are easier than most, in one training.
# ```
#
# A tumour is found by looking at the whole head, and outlined by looking at single pixels. A network has to do both at once, and
# U-Net is the design that made it easy. This chapter builds the study's U-Net, trains it as the study did, and looks at what it
# has learnt.

# %% tags=["parameters"]
dataset = "phantom"
data = None
scale = "quick"
seed = 0

# %% tags=["hide-input"]
from brainseg import plotting
from brainseg.experiments import select
from brainseg.experiments.recorded import recorded_at_every_scale
from brainseg.experiments.workspace import Workspace
from brainseg.models import blocks, build, unet
from brainseg.paper import narrate, tables
from brainseg.paper.display import glue, items, source, table
from brainseg.paper.study import FIRST_DICE, PARAMETERS

workspace = Workspace(dataset, scale, seed, data)
prepared = workspace.prepared
recipe = workspace.recipe("unet")
glue(shown=narrate.SHOWN[dataset])

# %% [markdown]
# ## The idea
#
# U-Net {cite:p}`ronneberger2015` goes down and up again. On the way down, the {term}`encoder <encoder and decoder>`, pairs of
# {term}`convolutions <convolution>` look at the image, and {term}`max-pooling` halves its resolution after each pair. Four
# halvings later, one place of the {term}`feature map` has seen a large part of the head: enough to say that there is a tumour, too coarse
# to say where it ends. On the way up, the decoder doubles the resolution four times. At each level it is handed what the encoder saw
# there, over a skip connection, so that the outline can be drawn with the sharpness of the input.
#
# Skip connections carry everything, the skull as well as the tumour. An attention gate {cite:p}`oktay2018` is a dimmer on that cable: it
# compares what the encoder offers with what the decoder knows already, and multiplies every place by a number between zero and one.
# The study adds such a gate to each of the four skip connections.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "U-Net goes down and up again, and a gate weights what passes on each level. Drawn from the graph that is trained, at the study's size; each row has half the resolution of the row above, and dashed arrows carry the signal by which the decoder opens a gate.", "name": "fig-unet"}, "image": {"alt": "Diagram of U-Net: four encoder blocks down the left, a bottleneck, four decoder blocks up the right, gates on the connections between them."}}
published_size = build("unet", size=128, width=64)
plotting.architecture(published_size)

# %% [markdown]
# Its code is short. The encoder returns what the skip connections carry; each step of the decoder enlarges, gates, concatenates and
# convolves.

# %% tags=["hide-input"]
source(unet.unet, blocks.attended, blocks.attention_gate)

# %% [markdown]
# Built from this code at the published size, with images of $128 \times 128$ pixels and {glue:text}`published_width` filters at full resolution, it has **{glue:text}`parameters:,.0f`**
# parameters. The study printed {glue:text}`printed_parameters:,.0f`. For this chapter a smaller one is trained, with {glue:text}`trained_parameters:,.0f`.

# %% tags=["hide-input"]
trained = build("unet", size=recipe.size, width=recipe.width)
glue(
    published_width=64,
    parameters=published_size.count_params(),
    printed_parameters=PARAMETERS["unet"],
    trained_parameters=trained.count_params(),
)

# %% [markdown]
# Four things differ from the papers, and are kept because the study has them. The convolutions are padded, so that nothing needs to be
# cropped. {term}`Dropout <dropout>` follows every pooling and every merge. The image is enlarged by a $3 \times 3$ {term}`transposed convolution` in place of a $2 \times 2$ one. And the gate works at the
# resolution of its skip connection, where the paper computes it at the coarser level and enlarges the result.
#
# ## Training as published
#
# The network first learns to say "no tumour" everywhere. For {glue:text}`blind` of {glue:text}`epochs` epochs on {glue:text}`shown`, its validation {term}`Dice` is below one
# hundredth, and its {term}`accuracy`, {glue:text}`blind_accuracy:.3f`, is that of a mask without any tumour, {glue:text}`background:.3f`. The study's log begins in the same way, with a training Dice of
# {glue:text}`first_dice:.4f` in the first epoch and of {glue:text}`second_dice:.4f` in the second.
#
# The study trained at its full scale on a graphics processor. This chapter trains the same network with fewer filters, on smaller images and with fewer of them in a {term}`batch`, so that
# it takes minutes. That changes how good the scores are, not what they mean.

# %% tags=["hide-input"]
glue(first_dice=FIRST_DICE["unet"][1], second_dice=FIRST_DICE["unet"][2])
items(narrate.protocol(recipe))

# %%
run = workspace.run(recipe)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Only Dice tells when the network begins to find tumours: accuracy starts at the height of a blank answer (dashed), and mean IoU stays there. Four measures by epoch, on training images (grey) and validation images (blue).", "name": "fig-unet-curves"}, "image": {"alt": "Learning curves of loss, accuracy, mean IoU and Dice."}}
empty = tables.blank(recipe, prepared)
glue(**narrate.course(run, empty["accuracy"]))
plotting.learning_curves(run.history, empty["accuracy"], "unet")

# %% [markdown]
# Look at the first epochs: the loss falls steeply and accuracy jumps, while nothing is found. In the last epoch Dice is {glue:text}`last_training:.2f` on training and
# {glue:text}`last_validation:.2f` on validation images. But the validation mean IoU moves by {glue:text}`iou_moves:.4f` at most in all epochs and
# ends at {glue:text}`last_iou:.4f`; half of the share of background is {glue:text}`half_background:.4f`. [Chapter 6](06_table) tells why.
#
# ## What it finds
#
# On the test images of {glue:text}`shown` it reaches a mean Dice per image of **{glue:text}`dice:.2f`** against the labels that it learnt from; the median is {glue:text}`median_dice:.2f`. Its answer does not touch the label in
# {glue:text}`missed` of {glue:text}`tested` images. The study shows a few test images, and no score of them all.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The answers (pink) are rounder than the labels (orange), and where no pink line is seen, nothing was found. Test images on which the network does best, middling and worst, by Dice.", "name": "fig-unet-predictions"}, "image": {"alt": "Three rows of slices with the outlines of label and prediction: best, middle and worst."}}
test = prepared.rows("test")
dice = run.scores["dice"].to_numpy()[test]
plotting.predictions(prepared.images[test], prepared.masks[recipe.mask][test], run.probability[test], dice, recipe.mask)

# %% [markdown]
# The network was shown rectangles and hedges at their corners, because a tumour gives no hint of where a hand will end a box.

# %% tags=["hide-input"]
on_test = tables.scores_on_test(run, prepared)
glue(
    **narrate.finds(run),
    test_accuracy=on_test["accuracy"],
    test_iou=on_test["mean_iou"],
    test_pooled=on_test["dice"],
)
table(
    narrate.finds_by_type(run), "Dice per image against the labels, on test images; types with few images are left out."
)

# %% [markdown]
# The study's own measures of the same answers are an accuracy of {glue:text}`test_accuracy:.3f`, a mean IoU of {glue:text}`test_iou:.4f` and a Dice, pooled over batches, of
# {glue:text}`test_pooled:.2f`. Pooled Dice counts a large tumour more than a small one; the mean over images counts each image once.
#
# ## What its gates let through
#
# On average over the test images of {glue:text}`shown`, the finest gate opens to {glue:text}`gate_inside:.2f` inside the labels and to {glue:text}`gate_outside:.2f` outside. If it pointed at the tumour,
# the first would be far larger than the second: what follows a gate can undo its scale, so only the contrast counts.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A gate that pointed at the tumour would be bright inside the orange outline and dark elsewhere. Maps of the four gates, from the finest resolution (gate one) to the coarsest, over a good, a middling and a bad test image: zero closes the skip connection, one leaves it open.", "name": "fig-unet-attention"}, "image": {"alt": "Three slices, each with four colour maps of gate opening."}}
figure, openings = narrate.gate_maps(run, prepared)
glue(**openings)
figure

# %% [markdown]
# An attention map is a part of the computation, so it shows truly what the gate does. It is not an explanation of the answer: what a gate
# closes may still reach the output through the levels below. How far maps can explain a network is a question for measurements, not for looking;
# [chapter 10](10_saliency) has them.
#
# ## The published Dice is a training value
#
# The Dice in the study's table, {glue:text}`published_dice:.4f`, equals that of its training images in the last epoch, to the last digit. Published accuracy and mean IoU are close to the training values, too. So
# the Dice that stands for U-Net was measured on the images that it learnt from, and the others probably, too. (The picture of the table in the README has “0.9624” for it, probably a slip of typing: its text and the log have what stands here.)

# %% tags=["hide-input"]
records = recorded_at_every_scale()
logs = tables.logs("unet", records)
again = select.by_step(records)["unet"]["published"][-1].history
glue(
    published_dice=logs["Dice"].iloc[0],
    validation_dice=logs["Dice"].iloc[2],
    validation_iou=logs["mean IoU"].iloc[-1],
    again_dice=logs["Dice"].iloc[-2],
    again_epochs=len(again),
    again_blind=int((again["dice"] < narrate.NOTHING).cummin().sum()),
)
table(
    logs,
    "The study's table, the last epoch of its log, and that of the same training, with fewer filters and at the study's size.",
    digits=4,
)

# %% [markdown]
# The lower rows are {ref}`recorded <recorded-results>`: the same training on the study's images, first at $64 \times 64$ pixels with an eighth of the filters and small batches, then at the study's size, in half precision. There the validation mean IoU is the study's to the last digit,
# {glue:text}`validation_iou:.4f`, although this is another network with other weights. [Chapter 6](06_table) shows why it had to be. Accuracy and Dice do depend on the network, and on chance: this one marks next to nothing in its first
# {glue:text}`again_blind` epochs, stops after {glue:text}`again_epochs`, and ends with a training Dice of {glue:text}`again_dice:.2f`, well below the log's; the smaller one is above it. From one training each, nobody can say why.
#
# ## The same network, trained with care
#
# On the study's images, the corrected training reaches a mean Dice of **{glue:text}`corrected_borders`** against the tumours' borders on test images; trained as published, the same network has {glue:text}`published_borders`, and had met
# most of the patients. Each number is of one training, and the test patients of the corrected one are easier than most ([chapter 7](07_ladder)).
#
# What a network is given decides what it can learn: boxes instead of borders, some of them of other images. With the true borders, patients
# kept apart, and a training as it is usual today (batch normalisation, a loss that counts overlap, images varied at random, a learning rate that falls, answers that are averaged over mirror images), the same architecture does different work. [Chapter 7](07_ladder) takes
# these corrections one at a time; this is where they lead.

# %% tags=["hide-input"]
recorded_outlines = tables.outlines("unet", records)
glue(**tables.at_largest(recorded_outlines))
table(
    recorded_outlines,
    "U-Net on the study's images: mean Dice against the tumours' borders, of each run on its own training and test images.",
)

# %% [markdown]
# The published runs learnt boxes: a network that drew every box of the study perfectly would score little more than one half in this table, as [chapter 1](01_data) shows. This is the corrected training, and what both give on {glue:text}`shown`:

# %% tags=["hide-input"]
items(narrate.protocol(workspace.recipe("unet", "corrected")))

# %%
corrected = workspace.run(workspace.recipe("unet", "corrected"))

# %% tags=["hide-input"]
table(
    tables.outlines("unet", [run, corrected]),
    "The two trainings of this chapter: mean Dice against the borders, of each on its own training and test images.",
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Taught boxes, U-Net draws wide around the tumours that it finds best (upper row, left); taught borders, it stays inside them (lower row). Test images that neither training saw; blue: the tumour's border, pink: the answer.", "name": "fig-unet-corrected"}, "image": {"alt": "Slices in two rows, with the outlines of border and answer."}}
narrate.both_ends(run, corrected, prepared)

# %% [markdown]
# ## Summary
#
# - U-Net joins a wide view to a sharp one by skip connections; attention gates weight what these carry.
# - Built at the published size, it has exactly the parameters of the study's network, {glue:text}`parameters:,.0f`. Its training begins as the study's log does: with finding nothing.
# - The published Dice, {glue:text}`published_dice:.4f`, is a training value; on validation images the same log has {glue:text}`validation_dice:.4f`.
# - The labels are boxes, so even a good score against them says that the network finds tumours, not that it outlines them.
# - Taught borders, and tested on new patients, who are easier than most, U-Net outlines tumours with a mean Dice of {glue:text}`corrected_borders` in one training.
#
# ## Exercises
#
# Some numbers depend on `variant`, so that another class can be given others.

# %% tags=["hide-input"]
from brainseg.paper.course.variants import drawn

variant = 0

# %% [markdown]
# ### Move the threshold
#
# *Medium, fifteen minutes.* Raise the threshold from one half, and lower it. Write `scores_at(probability, truth, threshold)`, which returns the accuracy of all pixels and the mean Dice of the images, in this order, when what *exceeds* the threshold
# is called tumour. Which of the two moves, and why? And why does the mean IoU of the study not move at all?

# %% tags=["hide-input"]
import numpy as np

from brainseg.scores import metrics

test_probability, test_truth = run.probability[test], np.asarray(prepared.masks[recipe.mask][test])


# %% tags=["hide-input", "solution"]
def scores_at(probability, truth, threshold):
    """Accuracy of all pixels, and mean Dice of the images, at a threshold."""
    ### BEGIN SOLUTION
    answer = np.asarray(probability) > threshold
    return np.mean(answer == (truth > 0)), np.nanmean(metrics.dice(answer, truth))
    # Dice moves: it looks at tumour pixels alone, and nearly all of the others stay what they were, so accuracy hardly does.
    # The study's mean IoU is given probabilities, cuts off their decimals, and so never sees a threshold.
    ### END SOLUTION


# %% tags=["hide-input", "checks"]
assert np.allclose(scores_at(np.array([[[0.2, 0.8]]]), np.array([[[0, 1]]]), 0.5), 1), "a right answer"
### BEGIN HIDDEN TESTS
for threshold in (0.1, 0.5, 0.6 + 0.01 * drawn(variant, 30, "threshold")):
    cut = test_probability > threshold
    overlap, areas = (cut & (test_truth > 0)).sum(axis=(1, 2)), cut.sum(axis=(1, 2)) + test_truth.sum(axis=(1, 2))
    dice_then = np.mean(2 * overlap[areas > 0] / areas[areas > 0])
    assert np.allclose(
        scores_at(test_probability, test_truth, threshold), [np.mean(cut == test_truth), dice_then], atol=1e-4
    )
### END HIDDEN TESTS

# %% [markdown]
# ### The average answer
#
# *Hard, twenty minutes.* The network hedges at the corners of a box. Write `centred(probability, truth)`: shift each answer, around the edges if need be, so that the middle of its label comes to the middle of the image, and return the mean of all answers.
# The middle of a label is the mean place of its pixels, rounded down; that of an image of $h$ rows is row $h / 2$. Images without a label are left out. What shape do you get?


# %% tags=["hide-input", "solution"]
def centred(probability, truth):
    """Mean of the answers, each shifted so that its label is in the middle."""
    ### BEGIN SOLUTION
    middle = np.array(truth.shape[1:]) // 2
    shifted = [
        np.roll(answer, tuple(middle - np.argwhere(label).mean(axis=0).astype(int)), axis=(0, 1))
        for answer, label in zip(probability, truth, strict=True)
        if label.any()
    ]
    return np.mean(shifted, axis=0)
    # A rounded hill: sure in the middle, unsure where a hand may have ended the box, least sure at the corners.
    ### END SOLUTION


# %% tags=["hide-input", "checks"]
assert centred(test_probability, test_truth).shape == test_truth.shape[1:], "one image"
### BEGIN HIDDEN TESTS
corner, spot = np.zeros((2, 8, 8)), np.zeros((2, 8, 8), int)
spot[0, drawn(variant, 8, "spot"), 1] = spot[1, 6, 7] = 1
corner[spot > 0] = 0.5
assert np.isclose(centred(corner, spot)[4, 4], 0.5) and np.isclose(centred(corner, spot).sum(), 0.5)
average = centred(test_probability, test_truth)
assert np.isclose(average.sum(), test_probability[test_truth.any(axis=(1, 2))].sum(axis=(1, 2)).mean(), rtol=1e-4)
### END HIDDEN TESTS

# %% [markdown]
# ### What a gate costs
#
# *Medium, fifteen minutes.* Look at `attention_gate` above. Write `gate_parameters(skip, signal, channels)`, the number of its parameters when the skip connection has `skip` channels, the decoder's signal has `signal`, and the
# gate works with `channels`. How many per cent of U-Net's parameters are in its four gates?


# %% tags=["hide-input", "solution"]
def gate_parameters(skip, signal, channels):
    """Weights and biases of an attention gate."""
    ### BEGIN SOLUTION
    return (skip + 1) * channels + (signal + 1) * channels + channels + 1
    # About one per cent: the convolutions of a gate look at one place each, the others at nine.
    ### END SOLUTION


# %% tags=["hide-input", "checks"]
assert gate_parameters(1, 1, 1) == 6, "three weights and three biases"
### BEGIN HIDDEN TESTS
finest = [
    weight.shape for layer in published_size.layers if layer.name.startswith("gate_1") for weight in layer.weights
]
assert gate_parameters(64, 64, 32) == sum(int(np.prod(shape)) for shape in finest)
wide = 8 + drawn(variant, 99, "channels")
assert gate_parameters(wide, 2 * wide, 5) == 5 * wide + 10 * wide + 5 + 5 + 5 + 1
### END HIDDEN TESTS

# %% [markdown]
# ### Plan the experiment
#
# *Medium, fifteen minutes.* You want to know whether gates help U-Net: `workspace.recipe("unet", attention=None)` is the same network without. Nothing is trained here. Write down, in at most ten sentences, which networks you would train,
# how often, what you would measure on which images, and which result would change your mind.

# %% [markdown] tags=["rubric"]
# :::{dropdown} What a good answer says
# Four of these six make a good answer.
#
# - Both networks are trained with several seeds: two trainings of one network differ, too, and that is the yardstick.
# - Everything else is the same: images, splits, epochs, and the seeds are paired.
# - What is measured is a score per image against borders, on patients that neither has seen.
# - The difference has an interval, over patients rather than over slices.
# - How large a difference would matter is said beforehand.
# - It says what would count against gates, and that *cannot tell* is a result.
# :::
