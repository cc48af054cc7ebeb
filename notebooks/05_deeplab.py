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
# # Modified DeepLab
#
# The other three networks shrink the image until a small window sees much, and then work to get the resolution back. DeepLab stops at a quarter of it and widens
# the window instead. In the study it has the fewest parameters and the best published scores. This chapter builds it,
# trains it as published, and looks at what the scores are of. At the end of it you can
#
# - draw the window of a {term}`dilated convolution` and say what a pyramid of them sees;
# - say which of the study's claims about attention can concern this network;
# - compare what is published as a result with what its own log shows.

# %% tags=["parameters"]
dataset = "phantom"
data = None
scale = "quick"
seed = 0

# %% tags=["hide-input"]
from brainseg import plotting
from brainseg.experiments.recorded import recorded_at_every_scale
from brainseg.experiments.workspace import Workspace
from brainseg.models import build, deeplab
from brainseg.paper import narrate, tables
from brainseg.paper.display import items, source

workspace = Workspace(dataset, scale, seed, data)
prepared = workspace.prepared
recipe = workspace.recipe("deeplab")

# %% [markdown]
# ## The idea
#
# A 3 × 3 {term}`convolution` looks at a place and its eight neighbours. A dilated one looks at the same number of places, but further apart: with
# dilation 6, at places six pixels away. It sees a wide neighbourhood with few weights, and the resolution stays. DeepLab
# {cite:p}`chen2017,chen2018` puts several of them side by side, with different dilations, and mixes what they see:
# {term}`atrous spatial pyramid pooling`, or ASPP.
#
# The study's version stands on a small encoder of six convolutions with two poolings, where the paper uses a deep pretrained one. At a quarter of the
# image's resolution, a dilation of 18 spans 72 pixels to either side: on an image of 128 pixels, most of these places lie outside of the image, where padding puts
# zeros.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The study's modified DeepLab at its published size, drawn from the graph that is trained. The pyramid stands side by side at a quarter of the resolution. No path leads around it.", "name": "fig-deeplab"}, "image": {"alt": "Diagram of the modified DeepLab: three encoder blocks, five parallel branches of the pyramid, a decoder."}}
published_size = build("deeplab", size=128, width=64)
plotting.architecture(published_size)

# %% tags=["hide-input"]
source(deeplab.spatial_pyramid, deeplab.deeplab)

# %% tags=["hide-input"]
trained = build("deeplab", size=recipe.size, width=recipe.width)
items([narrate.parameters("deeplab", published_size, trained)])

# %% [markdown]
# ## Where is the attention?
#
# The study's title speaks of attention-driven models, and its table compares each model with gates to the same model without. DeepLab has no
# {term}`skip connection`, so there is nothing that a gate could weight, and the study's notebook has none here. So for DeepLab the table's two columns, baseline and ours, cannot differ
# by attention gates, and there are no attention maps to show on this page.
#
# ## Training as published

# %% tags=["hide-input"]
items(narrate.protocol(recipe))

# %%
run = workspace.run(recipe)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Loss, accuracy, mean IoU and Dice, epoch by epoch, on training images (grey) and validation images (purple). The dashed lines are what a network gets that never finds a tumour.", "name": "fig-deeplab-curves"}, "image": {"alt": "Learning curves of loss, accuracy, mean IoU and Dice."}}
empty = tables.blank(recipe, prepared)
plotting.learning_curves(run.history, empty["accuracy"], "deeplab")

# %% tags=["hide-input"]
items(narrate.training(run, empty["accuracy"]))

# %% [markdown]
# As with SegNet, validation is on the last fifth of the training list, where many labels belong to other images
# ([chapter 4](04_segnet) counts them).
#
# ## What it finds

# %% tags=["hide-input"]
items(narrate.found(run))

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Test images on which the modified DeepLab does best, middling and worst, by Dice. Orange: the label, as published; pink: the network's answer. Where no pink line is seen, it found nothing.", "name": "fig-deeplab-predictions"}, "image": {"alt": "Three rows of slices with the outlines of label and prediction: best, middle and worst."}}
test = prepared.rows("test")
dice = run.scores["dice"].to_numpy()[test]
plotting.predictions(prepared.images[test], prepared.masks[recipe.mask][test], run.probability[test], dice, recipe.mask)

# %% [markdown]
# ## Published, and here

# %% tags=["hide-input"]
tables.summary(run).round(4)

# %% [markdown]
# The published Dice of 0.5756, the best of the four, is again the training value of the last epoch. On validation images the same log has 0.3344. Published
# accuracy and mean IoU, 0.9772 and 0.4817, are a little above what the log of this run of the notebook ends with; they may come from another one.

# %% tags=["hide-input"]
items([narrate.on_test(run, prepared)])

# %% [markdown]
# On the study's own images, as {ref}`recorded <recorded-results>`, with fewer filters and smaller batches:

# %% tags=["hide-input"]
tables.log_and_recorded("deeplab", recorded_at_every_scale()).round(4)

# %% [markdown]
# The smaller networks repeat the study's log closely here: a validation Dice of about a third, far below the training Dice, and, at the study's number of pixels, the same validation mean IoU to the last digit.
#
# ## The same network, trained with care
#
# As in [chapter 2](02_unet): true borders for labels, patients kept apart, a validation set of other patients, and the training that is usual today. [Chapter 7](07_ladder) takes these corrections one at a time. Here are both ends of the road.

# %% tags=["hide-input"]
items(narrate.protocol(workspace.recipe("deeplab", "corrected")))

# %%
corrected = workspace.run(workspace.recipe("deeplab", "corrected"))

# %% [markdown]
# Mean Dice against the tumours' borders, whatever was learnt from, of each run on its own training and test images; the latter with its 95 % interval. First as {ref}`recorded <recorded-results>`
# on the study's images, then live, from the two runs of this page. The published runs learnt boxes: a network that drew every box of the study perfectly would score little more than one half against the borders, as [chapter 1](01_data) shows.

# %% tags=["hide-input"]
tables.recorded_and_live(recorded_at_every_scale(), [run, corrected], dataset)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Test images that neither training saw, answered by the modified DeepLab trained as published (upper row) and corrected (lower row). Blue: the tumour's border; pink: the answer. The published training was taught boxes.", "name": "fig-deeplab-corrected"}, "image": {"alt": "Slices in two rows, with the outlines of border and answer."}}
narrate.both_ends(run, corrected, prepared)

# %% [markdown]
# ## Summary
#
# - DeepLab looks at several scales at once with dilated convolutions. It gives up resolution only to a quarter, and no skip connection brings detail back.
# - As the study builds it, it has an eighth of U-Net's parameters and no attention gates.
# - The published Dice is a training value; its validation value in the same log is 0.24 lower.
#
# ## Exercises
#
# 1. Which share of the weights of the convolution with dilation 18 ever touches the image, at 128 pixels and at the size of this page? Compute it from the
#    size of the feature map.
# 2. Give DeepLab a skip connection from its first encoder block, as DeepLab v3+ {cite:p}`chen2018plus` does. Where would a gate go?
# 3. Is the best of four published numbers the best network? Write down what you would need to know to say so.
