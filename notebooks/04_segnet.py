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
# SegNet's best-known idea is a memory: it notes where each maximum came from when it shrinks the image, and puts values back
# there when it enlarges. The study's SegNet has no such memory. This chapter shows what it has, and follows one odd number of
# its training log to its cause. At the end of it you can
#
# - compare a network in code with the paper it is named after;
# - say what {term}`batch normalisation` does to the first epochs;
# - explain how a {term}`validation` set can be nearly useless without any sign of it in the code.

# %% tags=["parameters"]
dataset = "phantom"
data = None
scale = "quick"
seed = 0

# %% tags=["hide-input"]
from brainseg import plotting
from brainseg.experiments import select
from brainseg.experiments.recorded import recorded, recorded_at_every_scale
from brainseg.experiments.workspace import Workspace
from brainseg.models import build, segnet
from brainseg.paper import narrate, study, tables
from brainseg.paper.display import items, source

workspace = Workspace(dataset, scale, seed, data)
prepared = workspace.prepared
recipe = workspace.recipe("segnet")

# %% [markdown]
# ## The idea
#
# SegNet {cite:p}`badrinarayanan2017` is an {term}`encoder and decoder` without features handed across. {term}`max-pooling` keeps the largest of four
# values and forgets where it was; SegNet remembers the place and uses it on the way up. That is cheap and keeps edges where they were.
#
# In the study, {term}`transposed convolutions <transposed convolution>` enlarge, and gated {term}`skip connections <skip connection>` carry features across, which
# makes this SegNet a relative of the U-Net. Three differences remain: each decoder step has a single {term}`convolution`, where the paper's decoder mirrors its encoder; batch normalisation
# follows it {cite:p}`ioffe2015`; and there is no {term}`dropout`.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The study's SegNet at its published size, drawn from the graph that is trained. Each decoder block holds one convolution and a batch normalisation.", "name": "fig-segnet"}, "image": {"alt": "Diagram of SegNet: four encoder blocks, a bottleneck, four decoder blocks, gates on the connections between them."}}
published_size = build("segnet", size=128, width=64)
plotting.architecture(published_size)

# %% tags=["hide-input"]
source(segnet.segnet)

# %% tags=["hide-input"]
trained = build("segnet", size=recipe.size, width=recipe.width)
items([narrate.parameters("segnet", published_size, trained)])

# %% [markdown]
# ## Training as published

# %% tags=["hide-input"]
items(narrate.protocol(recipe))

# %%
run = workspace.run(recipe)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Loss, accuracy, mean IoU and Dice, epoch by epoch, on training images (grey) and validation images (green). The dashed lines are what a network gets that never finds a tumour.", "name": "fig-segnet-curves"}, "image": {"alt": "Learning curves of loss, accuracy, mean IoU and Dice."}}
empty = tables.blank(recipe, prepared)
plotting.learning_curves(run.history, empty["accuracy"], "segnet")

# %% tags=["hide-input"]
items(narrate.training(run, empty["accuracy"]))

# %% [markdown]
# Batch normalisation rescales features to a common range, by their statistics within a batch while training, and by running averages of these when
# predicting. This often makes learning faster. But early on the running averages lag behind, and predictions can be far off
# while training looks well. That may be why the study's log has a validation accuracy of 0.3138 in epoch 2.
#
# ## A validation set that hardly validates
#
# For SegNet and DeepLab the study does not validate on the split made for it. It sets `validation_split=0.2`, and Keras takes the *last* fifth of the
# training list. Two things follow. These images come from the same patients as the rest of the list. And in the study's list, the last fifth overlaps the stretch
# in which labels belong to other images ([chapter 1](01_data) shows how it comes about).

# %% tags=["hide-input"]
validation = select.split_rows(recipe, prepared)[1]
wrong = int(prepared.table["flags"].str.contains("shifted").iloc[validation].sum())
shift = recorded("tumorseg-check")["pairing"].iloc[0]
train_images = int(recorded("tumorseg-check")["agreement"].set_index("split").loc["train", "images"]) + 1
first = int(train_images * 0.8)
items(
    [
        f"Here: of {len(validation)} validation images, {wrong} carry the label of another image.",
        f"On the study's images: of {train_images - first}, {shift['last'] - first + 1}.",
    ]
)

# %% [markdown]
# A network is scored wrong where it is right. On the wrongly labelled part a perfect network looks bad, and a network that finds nothing looks no worse
# than usual. The last line of the study's log reads:

# %% tags=["hide-input"]
log = study.published_last_epoch().loc["segnet"]
area = recorded("tumorseg-check")["areas"].set_index(["split", "mask"]).loc[("last fifth of train", "published")]
items(
    [
        f"Validation accuracy **{log['val_accuracy']:.4f}**. A mask without any tumour, on the same images and labels: {area['background_accuracy']:.4f}.",
        f"Validation mean IoU **{log['val_mean_iou']:.4f}**. A mask without any tumour: {area['background_mean_iou']:.4f}.",
        f"Validation Dice {log['val_dice']:.4f}. A mask without any tumour: 0.",
    ]
)

# %% [markdown]
# In accuracy and mean IoU the network scores, to four digits, what a blank sheet scores. In several epochs of the log its validation Dice is exactly 0.0000 at the same accuracy. The
# training Dice of the same epoch, 0.4494, is what stands in the published table.
#
# ## What it finds

# %% tags=["hide-input"]
items(narrate.found(run))

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Test images on which SegNet does best, middling and worst, by Dice. Orange: the label, as published; pink: the network's answer. Where no pink line is seen, it found nothing.", "name": "fig-segnet-predictions"}, "image": {"alt": "Three rows of slices with the outlines of label and prediction: best, middle and worst."}}
test = prepared.rows("test")
dice = run.scores["dice"].to_numpy()[test]
plotting.predictions(prepared.images[test], prepared.masks[recipe.mask][test], run.probability[test], dice, recipe.mask)

# %% [markdown]
# ## What its gates let through

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Attention maps of the four gates over a good, a middling and a bad test image, from the finest resolution (gate 1) to the coarsest (gate 4): 0 closes the skip connection, 1 leaves it open.", "name": "fig-segnet-attention"}, "image": {"alt": "Three slices, each with four colour maps of gate opening."}}
figure, sentence = narrate.gates(run, prepared)
figure

# %% tags=["hide-input"]
items([sentence])

# %% [markdown]
# ## Published, and here

# %% tags=["hide-input"]
tables.summary(run).round(4)

# %% tags=["hide-input"]
items([narrate.on_test(run, prepared)])

# %% [markdown]
# On the study's own images, as {ref}`recorded <recorded-results>`, with fewer filters and smaller batches:

# %% tags=["hide-input"]
tables.log_and_recorded("segnet", recorded_at_every_scale()).round(4)

# %% [markdown]
# As in the study's log, validation Dice stays far below training Dice. Validation accuracy is even below that of a blank sheet: much of this validation set has labels of other images, so that what a network finds is mostly counted as wrong.
#
# ## The same network, trained with care
#
# As in [chapter 2](02_unet): true borders for labels, patients kept apart, a validation set of other patients, and the training that is usual today. [Chapter 7](07_ladder) takes these corrections one at a time. Here are both ends of the road.

# %% tags=["hide-input"]
items(narrate.protocol(workspace.recipe("segnet", "corrected")))

# %%
corrected = workspace.run(workspace.recipe("segnet", "corrected"))

# %% [markdown]
# Mean Dice against the tumours' borders, whatever was learnt from, of each run on its own training and test images; the latter with its 95 % interval. First as {ref}`recorded <recorded-results>`
# on the study's images, then live, from the two runs of this page. The published runs learnt boxes: a network that drew every box of the study perfectly would score little more than one half against the borders, as [chapter 1](01_data) shows.

# %% tags=["hide-input"]
tables.recorded_and_live(recorded_at_every_scale(), [run, corrected], dataset)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Test images that neither training saw, answered by SegNet trained as published (upper row) and corrected (lower row). Blue: the tumour's border; pink: the answer. The published training was taught boxes.", "name": "fig-segnet-corrected"}, "image": {"alt": "Slices in two rows, with the outlines of border and answer."}}
narrate.both_ends(run, corrected, prepared)

# %% [markdown]
# ## Summary
#
# - The study's SegNet keeps the name and, in the decoder, batch normalisation. It has one convolution per decoder step, and the pooling indices of the paper are not in it.
# - Its validation images are the end of the training list. In the study more than half of them carry the label of another image.
# - Its published validation accuracy and mean IoU are those of a mask without any tumour.
#
# ## Exercises
#
# 1. Validate on the split `valid` instead (the field `validation` of the training preset). How do the validation curves change?
# 2. Count with `check(workspace.dataset.root)` of `brainseg.data.check`: how many images of the last fifth show a patient who is also in the first four fifths?
# 3. Where do running averages of batch normalisation start, and how many batches does it take at momentum 0.99 until they have forgotten half of it?
