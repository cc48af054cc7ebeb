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
# A tumour is found by looking at the whole head and outlined by looking at single pixels. A network has to do both at once, and
# U-Net is the design that made it easy. This chapter builds the study's U-Net, trains it as the study did, and looks at what it
# has learnt. At the end of it you can
#
# - say what a {term}`skip connection` carries and what an {term}`attention gate` does to it;
# - read a learning curve and tell learning from standing still;
# - say which of its scores is a training score, and what the network finds on images it was not trained on.

# %% tags=["parameters"]
dataset = "phantom"
data = None
scale = "quick"
seed = 0

# %% tags=["hide-input"]
from brainseg import plotting
from brainseg.experiments.recorded import recorded_at_every_scale
from brainseg.experiments.workspace import Workspace
from brainseg.models import blocks, build, unet
from brainseg.paper import narrate, tables
from brainseg.paper.display import items, source

workspace = Workspace(dataset, scale, seed, data)
prepared = workspace.prepared
recipe = workspace.recipe("unet")

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
# compares what the encoder offers with what the decoder knows already and multiplies every place by a number between 0 and 1.
# The study adds such a gate to each of the four skip connections.
#
# The picture is drawn from the network itself, at the size that the study used.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The study's U-Net at its published size, drawn from the graph that is trained. Each row halves the resolution of the row above. Dashed arrows carry the signal by which the decoder opens a gate.", "name": "fig-unet"}, "image": {"alt": "Diagram of U-Net: four encoder blocks down the left, a bottleneck, four decoder blocks up the right, gates on the connections between them."}}
published_size = build("unet", size=128, width=64)
plotting.architecture(published_size)

# %% [markdown]
# Its code is short. The encoder returns what the skip connections carry; each step of the decoder enlarges, gates, concatenates and
# convolves.

# %% tags=["hide-input"]
source(unet.unet, blocks.attended, blocks.attention_gate)

# %% tags=["hide-input"]
trained = build("unet", size=recipe.size, width=recipe.width)
items([narrate.parameters("unet", published_size, trained)])

# %% [markdown]
# Four things differ from the papers, and are kept because the study has them: the convolutions are padded, so that nothing needs to be
# cropped; {term}`dropout` follows every pooling and every merge; the image is enlarged by a 3 × 3 {term}`transposed convolution` in place of a 2 × 2 one; and the gate works at the resolution of
# its skip connection, where the paper computes it at the coarser level and enlarges the result.
#
# ## Training as published

# %% tags=["hide-input"]
items(narrate.protocol(recipe))

# %% [markdown]
# The study trained at its full scale on a graphics processor. This page trains the same network with fewer filters, on smaller images and with fewer of them in a {term}`batch`, so that
# it takes minutes. That changes how good the scores are, not what they mean.

# %%
run = workspace.run(recipe)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Four measures, epoch by epoch, on training images (grey) and validation images (blue). The dashed lines are what a network gets that never finds a tumour. Accuracy starts there, and mean IoU stays there.", "name": "fig-unet-curves"}, "image": {"alt": "Learning curves of loss, accuracy, mean IoU and Dice."}}
empty = tables.blank(recipe, prepared)
plotting.learning_curves(run.history, empty["accuracy"], "unet")

# %% tags=["hide-input"]
items(narrate.training(run, empty["accuracy"]))

# %% [markdown]
# Look at the first epochs. The loss falls steeply and accuracy jumps above 95 %, and all that the network has learnt is to answer
# "no tumour" everywhere. The study's log shows the same: a Dice of 0.0076 in epoch 1 and of 0.0004 in epoch 2. Only
# Dice, of the four curves, tells when the network begins to find tumours. Why the mean IoU does not is a story of its own, told in
# [chapter 6](06_table).
#
# ## What it finds
#
# The scores below are of the test images. The study shows a few test images but reports no score on the whole test split.

# %% tags=["hide-input"]
items(narrate.found(run))

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Test images on which the network does best, middling and worst, by Dice. Orange: the label, as published; pink: the network's answer. Where no pink line is seen, it found nothing.", "name": "fig-unet-predictions"}, "image": {"alt": "Three rows of slices with the outlines of label and prediction: best, middle and worst."}}
test = prepared.rows("test")
dice = run.scores["dice"].to_numpy()[test]
plotting.predictions(prepared.images[test], prepared.masks[recipe.mask][test], run.probability[test], dice, recipe.mask)

# %% [markdown]
# The answers are rounder than the labels. The network was shown rectangles and hedges at their corners, because a tumour gives no hint of
# where a hand will end a box.
#
# ## What its gates let through
#
# Each gate can be read out as a map: 0 where it closes the skip connection, 1 where it leaves it open. One good, one middling and one bad case:

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Attention maps of the four gates over three test images, from the finest resolution (gate 1) to the coarsest (gate 4). A gate that pointed at the tumour would be bright inside the orange outline and dark elsewhere.", "name": "fig-unet-attention"}, "image": {"alt": "Three slices, each with four colour maps of gate opening."}}
figure, sentence = narrate.gates(run, prepared)
figure

# %% tags=["hide-input"]
items([sentence])

# %% [markdown]
# An attention map is a part of the computation, so it shows truly what the gate does. It is not an explanation of the answer: what a gate
# closes may still reach the output through the levels below. How far maps can explain a network is a question for measurements, not for looking;
# [chapter 10](10_saliency) has them.
#
# ## Published, and here

# %% tags=["hide-input"]
tables.summary(run).round(4)

# %% [markdown]
# The columns from left to right: the table of the study's README; the last line of its training log, on training and on validation images; the
# same two for this run. Compare the first two. The published accuracy and mean IoU are close to the training values of the log, and the published
# Dice, 0.3624, equals the training value to the last digit. So the number that stands for U-Net was measured on the images that it learnt from. (On the
# study's slide the same number reads 0.9624, probably a slip of typing. The log has 0.3624, as the README does.)

# %% tags=["hide-input"]
on_test = tables.scores_on_test(run, prepared)
items(
    [
        f"On the test images, the study's measures of this run are: accuracy {on_test['accuracy']:.3f}, mean IoU {on_test['mean_iou']:.4f}, "
        f"Dice pooled over batches {on_test['dice']:.2f}.",
        f"Dice per image, averaged over images, is {on_test['dice_per_image']:.2f}. Pooled Dice counts a large tumour more than a small one; the mean over "
        "images counts each image once.",
    ]
)

# %% [markdown]
# And on the study's own images, as {ref}`recorded <recorded-results>`: the last line of the study's log, and below it that of the same training with fewer filters and smaller batches, at every scale that was recorded. At the scale `small` the images have a quarter
# of the study's pixels, at `laptop` they have all of them.

# %% tags=["hide-input"]
tables.log_and_recorded("unet", recorded_at_every_scale()).round(4)

# %% [markdown]
# At the study's number of pixels, the validation mean IoU is the study's to the last digit, although this is another network with other weights. [Chapter 6](06_table) shows why it had to be. Accuracy and Dice do depend on the network. Here they are higher than in the study's log; with so many
# differences, in filters, batches and software, this book cannot say why.
#
# ## The same network, trained with care
#
# What the network was given decides what it can learn: boxes instead of borders, some of them of other images, and test patients whom it has met. With the true borders, patients
# kept apart, and a training as it is usual today (batch normalisation, a loss that counts overlap, images varied at random, a learning rate that falls), the same graph does different work. [Chapter 7](07_ladder) takes these corrections one at a time. Here are both ends of the road.

# %% tags=["hide-input"]
items(narrate.protocol(workspace.recipe("unet", "corrected")))

# %%
corrected = workspace.run(workspace.recipe("unet", "corrected"))

# %% [markdown]
# Mean Dice against the tumours' borders, whatever was learnt from, of each run on its own training and test images; the latter with its 95 % interval. First as {ref}`recorded <recorded-results>`
# on the study's images, then live, from the two runs of this page. The published runs learnt boxes: a network that drew every box of the study perfectly would score little more than one half against the borders, as [chapter 1](01_data) shows.

# %% tags=["hide-input"]
tables.recorded_and_live(recorded_at_every_scale(), [run, corrected], dataset)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Test images that neither training saw, answered by U-Net trained as published (upper row) and corrected (lower row). Blue: the tumour's border; pink: the answer. The published training was taught boxes.", "name": "fig-unet-corrected"}, "image": {"alt": "Slices in two rows, with the outlines of border and answer."}}
narrate.both_ends(run, corrected, prepared)

# %% [markdown]
# ## Summary
#
# - U-Net joins a wide view to a sharp one by skip connections; attention gates weight what these carry.
# - Built at the published size, it has exactly the parameters of the study's network, and its training begins as the study's log does: with finding nothing.
# - The published Dice is a training value.
# - The labels are boxes, so even a good score here says that the network finds tumours, not that it outlines them.
#
# ## Exercises
#
# 1. Train without gates: `workspace.run(workspace.recipe("unet", attention=None))`. Is the difference in Dice larger than that
#    between two seeds?
# 2. The network hedges at the corners of a box. Plot the mean of `run.probability` over the test images after shifting each so that its label is in the
#    middle. What shape do you get?
# 3. Raise the threshold from 0.5 to 0.9, and lower it to 0.1. Which of accuracy, mean IoU and Dice change, and why?
