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
# # LinkNet
#
# LinkNet was made to be light: a network that segments street scenes fast enough for a car. The study trains a LinkNet that is
# nearly as heavy as its U-Net. This chapter shows what makes the two differ, and what is left of the difference. At the end of it you can
#
# - say what adding does that concatenating does not;
# - tell a name from a network: which parts of a paper a re-implementation has kept;
# - recognise a training score that is quoted as a result.

# %% tags=["parameters"]
dataset = "phantom"
data = None
scale = "quick"
seed = 0

# %% tags=["hide-input"]
from brainseg import plotting
from brainseg.experiments.recorded import recorded_at_every_scale
from brainseg.experiments.workspace import Workspace
from brainseg.models import build, linknet
from brainseg.paper import narrate, tables
from brainseg.paper.display import items, source

workspace = Workspace(dataset, scale, seed, data)
prepared = workspace.prepared
recipe = workspace.recipe("linknet")

# %% [markdown]
# ## The idea
#
# LinkNet {cite:p}`chaurasia2017` has the shape of U-Net: an {term}`encoder and decoder`, joined at each level by a
# {term}`skip connection`. It *adds* the features of the encoder to those of the decoder, where U-Net puts them side by side. Adding
# costs nothing: the following {term}`convolution` sees half as many channels and needs half as many weights. In exchange the two sources
# can no longer be told apart.
#
# The paper's other ideas are an encoder taken from a pretrained ResNet-18 and slim decoder blocks. The study keeps the sum, and takes
# encoder, decoder and {term}`attention gates <attention gate>` {cite:p}`oktay2018` from its U-Net.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The study's LinkNet at its published size, drawn from the graph that is trained. It differs from the U-Net of chapter 2 in one operation: where the two paths meet, they are added.", "name": "fig-linknet"}, "image": {"alt": "Diagram of LinkNet: four encoder blocks, a bottleneck, four decoder blocks, gates on the connections between them."}}
published_size = build("linknet", size=128, width=64)
plotting.architecture(published_size)

# %% tags=["hide-input"]
source(linknet.linknet)

# %% tags=["hide-input"]
trained = build("linknet", size=recipe.size, width=recipe.width)
items([narrate.parameters("linknet", published_size, trained)])

# %% tags=["hide-input"]
heavier = build("unet", size=128, width=64).count_params()
lighter = published_size.count_params()
items(
    [
        f"U-Net has {heavier:,} parameters, LinkNet {lighter:,}: the sum saves {100 * (1 - lighter / heavier):.0f} %. The paper's LinkNet has 11.5 million."
    ]
)

# %% [markdown]
# ## Training as published

# %% tags=["hide-input"]
items(narrate.protocol(recipe))

# %%
run = workspace.run(recipe)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Loss, accuracy, mean IoU and Dice, epoch by epoch, on training images (grey) and validation images (orange). The dashed lines are what a network gets that never finds a tumour.", "name": "fig-linknet-curves"}, "image": {"alt": "Learning curves of loss, accuracy, mean IoU and Dice."}}
empty = tables.blank(recipe, prepared)
plotting.learning_curves(run.history, empty["accuracy"], "linknet")

# %% tags=["hide-input"]
items(narrate.training(run, empty["accuracy"]))

# %% [markdown]
# The first epochs are like U-Net's: the network first learns to say "no tumour" everywhere. The study's log has a Dice of 0.0000 in epoch 2.
#
# ## What it finds

# %% tags=["hide-input"]
items(narrate.found(run))

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Test images on which LinkNet does best, middling and worst, by Dice. Orange: the label, as published; pink: the network's answer. Where no pink line is seen, it found nothing.", "name": "fig-linknet-predictions"}, "image": {"alt": "Three rows of slices with the outlines of label and prediction: best, middle and worst."}}
test = prepared.rows("test")
dice = run.scores["dice"].to_numpy()[test]
plotting.predictions(prepared.images[test], prepared.masks[recipe.mask][test], run.probability[test], dice, recipe.mask)

# %% [markdown]
# ## What its gates let through
#
# In a network that adds, a closed gate means that the decoder's features go on alone; in one that concatenates, it means that half of the
# channels are zero. Do LinkNet's maps look different from U-Net's?

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Attention maps of the four gates over a good, a middling and a bad test image, from the finest resolution (gate 1) to the coarsest (gate 4): 0 closes the skip connection, 1 leaves it open.", "name": "fig-linknet-attention"}, "image": {"alt": "Three slices, each with four colour maps of gate opening."}}
figure, sentence = narrate.gates(run, prepared)
figure

# %% tags=["hide-input"]
items([sentence])

# %% [markdown]
# ## Published, and here

# %% tags=["hide-input"]
tables.summary(run).round(4)

# %% [markdown]
# The published Dice of 0.5740 is the training value of the last epoch, to the last digit; on validation images the same log reads 0.5106. The gap
# mixes two things: having seen the images raises the training value; dropout, and averaging over an epoch in which the network still learns, lower it. It is not large here, and that is no comfort: the validation images show the same
# patients as the training images, as [chapter 1](01_data) counts, so they test less than they seem to.

# %% tags=["hide-input"]
items([narrate.on_test(run, prepared)])

# %% [markdown]
# On the study's own images, as {ref}`recorded <recorded-results>`, with fewer filters and smaller batches:

# %% tags=["hide-input"]
tables.log_and_recorded("linknet", recorded_at_every_scale()).round(4)

# %% [markdown]
# With a quarter of the filters, the training Dice comes close to the study's. The validation mean IoU is the same to the last digit, as it is for U-Net.
#
# ## The same network, trained with care
#
# As in [chapter 2](02_unet): true borders for labels, patients kept apart, and the training that is usual today. [Chapter 7](07_ladder) takes these corrections one at a time. Here are both ends of the road.

# %% tags=["hide-input"]
items(narrate.protocol(workspace.recipe("linknet", "corrected")))

# %%
corrected = workspace.run(workspace.recipe("linknet", "corrected"))

# %% [markdown]
# Mean Dice against the tumours' borders, whatever was learnt from, of each run on its own training and test images; the latter with its 95 % interval. First as {ref}`recorded <recorded-results>`
# on the study's images, then live, from the two runs of this page. The published runs learnt boxes: a network that drew every box of the study perfectly would score little more than one half against the borders, as [chapter 1](01_data) shows.

# %% tags=["hide-input"]
tables.recorded_and_live(recorded_at_every_scale(), [run, corrected], dataset)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Test images that neither training saw, answered by LinkNet trained as published (upper row) and corrected (lower row). Blue: the tumour's border; pink: the answer. The published training was taught boxes.", "name": "fig-linknet-corrected"}, "image": {"alt": "Slices in two rows, with the outlines of border and answer."}}
narrate.both_ends(run, corrected, prepared)

# %% [markdown]
# ## Summary
#
# - LinkNet, as the study builds it, is U-Net with sums in place of concatenations.
# - Built at the published size, it has exactly the published number of parameters, about a tenth fewer than U-Net, and is not the light network that its paper is about.
# - The published Dice is the training value of the last epoch.
#
# ## Exercises
#
# 1. Make the sum weighted: multiply the skip by one trainable number per level. What would you expect these numbers to become? Which part of the
#    attention gate already does this?
# 2. Train U-Net and LinkNet with three seeds each. Is the difference between the models larger than that between the seeds?
# 3. How large would a LinkNet be whose decoder blocks are those of the paper (1 × 1 to a quarter of the channels, transposed 3 × 3, 1 × 1)?
