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
# ```{admonition} Before you start
# :class: before
# **You will be able to** say what adding does that concatenating does not; tell a name from a network, by what a re-implementation has kept
# of its paper; and recognise a training score that is quoted as a result.
#
# **You need** [chapter 2](02_unet): encoder, decoder, skip connections and gates.
#
# **The answer**: the study's LinkNet is its U-Net with sums. They save {glue:text}`saved:.0f` % of the parameters, so it is not the light network
# of its paper. Its published Dice, {glue:text}`published_dice:.4f`, is a training value. Trained again at the same size, with care, it reaches
# {glue:text}`corrected_borders` against the tumours' borders of new patients, who are easier than most, in one training.
# ```
#
# LinkNet was made to be light: a network that segments street scenes fast enough for a car. The study trains a LinkNet that is
# nearly as heavy as its U-Net. This chapter shows what makes the two differ, and what is left of the difference.

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
from brainseg.paper.display import glue, items, source, table
from brainseg.paper.study import FIRST_DICE, PARAMETERS

workspace = Workspace(dataset, scale, seed, data)
prepared = workspace.prepared
recipe = workspace.recipe("linknet")
glue(shown=narrate.SHOWN[dataset])

# %% [markdown]
# ## The idea
#
# LinkNet {cite:p}`chaurasia2017` has the shape of U-Net: an {term}`encoder and decoder`, joined at each level by a
# {term}`skip connection`. It *adds* the features of the encoder to those of the decoder, where U-Net puts them side by side. Adding
# costs nothing: the following {term}`convolution` sees half as many channels and needs half as many weights. In exchange the two sources
# can no longer be told apart.
#
# The paper's other ideas are an encoder taken from a pretrained ResNet and slim decoder blocks. The study keeps the sum, and takes
# encoder, decoder and {term}`attention gates <attention gate>` {cite:p}`oktay2018` from its U-Net.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "LinkNet differs from the U-Net of chapter two in one operation: where the two paths meet, they are added. Drawn from the graph that is trained, at the study's size.", "name": "fig-linknet"}, "image": {"alt": "Diagram of LinkNet: four encoder blocks, a bottleneck, four decoder blocks, gates on the connections between them."}}
published_size = build("linknet", size=128, width=64)
plotting.architecture(published_size)

# %% tags=["hide-input"]
source(linknet.linknet)

# %% [markdown]
# The sum saves {glue:text}`saved:.0f` % of the weights, not more: U-Net has {glue:text}`unet_parameters:,.0f` parameters at the published size, LinkNet **{glue:text}`parameters:,.0f`**. The study printed
# {glue:text}`printed_parameters:,.0f`. The paper's LinkNet has {glue:text}`paper_millions:.1f` million. For this chapter a smaller one is trained, with {glue:text}`trained_parameters:,.0f`.

# %% tags=["hide-input"]
heavier = build("unet", size=128, width=64).count_params()
lighter = published_size.count_params()
trained = build("linknet", size=recipe.size, width=recipe.width)
glue(
    unet_parameters=heavier,
    parameters=lighter,
    saved=100 * (1 - lighter / heavier),
    printed_parameters=PARAMETERS["linknet"],
    paper_millions=11.5,  # Chaurasia and Culurciello 2017, abstract
    trained_parameters=trained.count_params(),
)

# %% [markdown]
# ## Training as published
#
# The first epochs are like U-Net's: the network learns to say "no tumour" everywhere. For {glue:text}`blind` of {glue:text}`epochs` epochs on {glue:text}`shown`, its validation {term}`Dice` is below one
# hundredth, and its accuracy, {glue:text}`blind_accuracy:.3f`, is that of a mask without any tumour, {glue:text}`background:.3f`. The study's log has a training Dice of {glue:text}`second_dice:.4f` in the second
# epoch.

# %% tags=["hide-input"]
glue(second_dice=FIRST_DICE["linknet"][2])
items(narrate.protocol(recipe))

# %%
run = workspace.run(recipe)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "As with U-Net, only Dice tells when the network begins to find tumours; accuracy starts at the height of a blank answer (dashed), and mean IoU stays there. Four measures by epoch, on training images (grey) and validation images (orange).", "name": "fig-linknet-curves"}, "image": {"alt": "Learning curves of loss, accuracy, mean IoU and Dice."}}
empty = tables.blank(recipe, prepared)
glue(**narrate.course(run, empty["accuracy"]))
plotting.learning_curves(run.history, empty["accuracy"], "linknet")

# %% [markdown]
# In the last epoch Dice is {glue:text}`last_training:.2f` on training and {glue:text}`last_validation:.2f` on validation images. The validation mean IoU moves by {glue:text}`iou_moves:.4f` at most in all epochs and
# ends at {glue:text}`last_iou:.4f`; half of the share of background is {glue:text}`half_background:.4f`.
#
# ## What it finds
#
# On the test images of {glue:text}`shown` it reaches a mean Dice per image of **{glue:text}`dice:.2f`** against the labels that it learnt from; the median is {glue:text}`median_dice:.2f`. Its answer does not touch the label in
# {glue:text}`missed` of {glue:text}`tested` images.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "LinkNet, too, rounds the boxes off. Test images on which it does best, middling and worst, by Dice; orange: the label, as published; pink: the answer, or nothing where no pink line is seen.", "name": "fig-linknet-predictions"}, "image": {"alt": "Three rows of slices with the outlines of label and prediction: best, middle and worst."}}
test = prepared.rows("test")
dice = run.scores["dice"].to_numpy()[test]
plotting.predictions(prepared.images[test], prepared.masks[recipe.mask][test], run.probability[test], dice, recipe.mask)

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
# {glue:text}`test_pooled:.2f`.
#
# ## What its gates let through
#
# On average over the test images of {glue:text}`shown`, LinkNet's finest gate opens to {glue:text}`gate_inside:.2f` inside the labels and to {glue:text}`gate_outside:.2f` outside. As with U-Net, the first would be far larger
# if it pointed at the tumour.
#
# A closed gate means something else in the two networks. In one that adds, the decoder's features go on alone; in one that concatenates, half of the
# channels are zero.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A gate that pointed at the tumour would be bright inside the orange outline and dark elsewhere. Maps of the four gates, from the finest resolution (gate one) to the coarsest, over a good, a middling and a bad test image: zero closes the skip connection, one leaves it open.", "name": "fig-linknet-attention"}, "image": {"alt": "Three slices, each with four colour maps of gate opening."}}
figure, openings = narrate.gate_maps(run, prepared)
glue(**openings)
figure

# %% [markdown]
# ## The published Dice is a training value
#
# The Dice in the study's table, {glue:text}`published_dice:.4f`, equals that of its training images in the last epoch, to the last digit; on validation images the same log has {glue:text}`validation_dice:.4f`.
#
# The gap between the two mixes two things: having seen the images raises the training value; dropout, and averaging over an epoch in which the network still learns, lower it. It is small, and that is
# no comfort: the validation images show the same patients as the training images, as [chapter 1](01_data) counts, so they test less than they seem to.

# %% tags=["hide-input"]
records = recorded_at_every_scale()
logs = tables.logs("linknet", records)
glue(
    published_dice=logs["Dice"].iloc[0],
    validation_dice=logs["Dice"].iloc[2],
    validation_iou=logs["mean IoU"].iloc[-1],
    recorded_dice=logs["Dice"].iloc[-2],
)
table(
    logs,
    "The study's table, the last epoch of its log, and that of the same training, with fewer filters and at the study's size.",
    digits=4,
)

# %% [markdown]
# The lower rows are {ref}`recorded <recorded-results>`: the same training on the study's images, first at $64 \times 64$ pixels with an eighth of the filters and small batches, then at the study's size, in half precision. There the training Dice, {glue:text}`recorded_dice:.4f`, comes close to the
# study's, and so does accuracy. The validation mean IoU is the same to the last digit, {glue:text}`validation_iou:.4f`, as it is for U-Net.
#
# ## The same network, trained with care
#
# On the study's images, the corrected training reaches a mean Dice of **{glue:text}`corrected_borders`** against the tumours' borders on test images; trained as published, the same network has {glue:text}`published_borders`, and had met
# most of the patients. Each number is of one training, and the test patients of the corrected one are easier than most ([chapter 7](07_ladder)).
#
# As in [chapter 2](02_unet), the corrected training has true borders for labels, keeps patients apart, and trains as is usual today. [Chapter 7](07_ladder) takes these corrections one at a time.

# %% tags=["hide-input"]
recorded_outlines = tables.outlines("linknet", records)
glue(**tables.at_largest(recorded_outlines))
table(
    recorded_outlines,
    "LinkNet on the study's images: mean Dice against the tumours' borders, of each run on its own training and test images.",
)

# %% [markdown]
# The published runs learnt boxes: a network that drew every box of the study perfectly would score little more than one half in this table, as [chapter 1](01_data) shows. The same two trainings, on {glue:text}`shown`:

# %%
corrected = workspace.run(workspace.recipe("linknet", "corrected"))

# %% tags=["hide-input"]
table(
    tables.outlines("linknet", [run, corrected]),
    "The two trainings of this chapter: mean Dice against the borders, of each on its own training and test images.",
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Taught boxes, LinkNet draws wide around the tumours that it finds best (upper row, left); taught borders, it comes closer to them (lower row). Test images that neither training saw; blue: the tumour's border, pink: the answer.", "name": "fig-linknet-corrected"}, "image": {"alt": "Slices in two rows, with the outlines of border and answer."}}
narrate.both_ends(run, corrected, prepared)

# %% [markdown]
# ## Summary
#
# - LinkNet, as the study builds it, is U-Net with sums in place of concatenations.
# - Built at the published size, it has exactly the published number of parameters, {glue:text}`parameters:,.0f`: about a tenth fewer than U-Net, and not the light network that its paper is about.
# - The published Dice, {glue:text}`published_dice:.4f`, is the training value of the last epoch; the validation value is {glue:text}`validation_dice:.4f`.
# - Taught borders, and tested on new patients, who are easier than most, LinkNet outlines tumours with a mean Dice of {glue:text}`corrected_borders` in one training.
#
# ## Exercises
#
# Some numbers depend on `variant`, so that another class can be given others.

# %% tags=["hide-input"]
from brainseg.paper.course.variants import drawn

variant = 0

# %% [markdown]
# ### What a sum saves
#
# *Easy, ten minutes.* A decoder block begins with a {term}`convolution` of `kernel` by `kernel` places, from what is merged to `channels` filters. Both things that are merged have `channels` channels. Write
# `saved(channels, kernel)`: how many parameters does that convolution save if they are added and not concatenated?


# %% tags=["hide-input", "solution"]
def saved(channels, kernel):
    """Parameters that the first convolution after a merge saves by a sum."""
    ### BEGIN SOLUTION
    return kernel**2 * channels * channels
    # Concatenated it has 2 * channels inputs, added it has channels; biases are the same.
    ### END SOLUTION


# %% tags=["hide-input", "checks"]
assert saved(1, 1) == 1, "one weight for each place, input and filter"
### BEGIN HIDDEN TESTS
assert sum(saved(64 * 2**level, 3) for level in range(4)) == heavier - lighter
many, side = 3 + drawn(variant, 50, "channels"), 1 + 2 * drawn(variant, 4, "kernel")
assert saved(many, side) == side**2 * 2 * many * many - side**2 * many * many
### END HIDDEN TESTS

# %% [markdown]
# ### The decoder block of the paper
#
# *Medium, fifteen minutes.* LinkNet's own decoder block is slim: a convolution with one place to a quarter of the input's channels, a transposed one with $3 \times 3$ places that keeps this number, and one with a single place to the output's channels. Write
# `slim(inputs, outputs)`, its number of parameters, with biases and without normalisation. `inputs` is a multiple of four.


# %% tags=["hide-input", "solution"]
def slim(inputs, outputs):
    """Weights and biases of LinkNet's decoder block."""
    ### BEGIN SOLUTION
    quarter = inputs // 4
    return (inputs + 1) * quarter + (9 * quarter + 1) * quarter + (quarter + 1) * outputs
    ### END SOLUTION


# %% tags=["hide-input", "checks"]
from brainseg.backend import keras

assert slim(4, 1) == 17, "five parameters, ten, and two"
### BEGIN HIDDEN TESTS
given_channels, wanted_channels = 4 * (1 + drawn(variant, 30, "inputs")), 1 + drawn(variant, 60, "outputs")
block = keras.Sequential(
    [
        keras.layers.Input((8, 8, given_channels)),
        keras.layers.Conv2D(given_channels // 4, 1),
        keras.layers.Conv2DTranspose(given_channels // 4, 3, strides=2),
        keras.layers.Conv2D(wanted_channels, 1),
    ]
)
assert slim(given_channels, wanted_channels) == block.count_params()
### END HIDDEN TESTS

# %% [markdown]
# ### Two networks or two trainings
#
# *Medium, twenty minutes.* `seeds_of` has the mean Dice of two small networks on all of the study's images, trained with care in five folds, for several seeds. Put into `between` the difference of their means over the seeds, the first column minus the second,
# and into `within` the larger of the two ranges, largest minus smallest. Which is larger, and what follows?

# %% tags=["hide-input"]
from itertools import combinations

from brainseg.experiments import select
from brainseg.experiments.recorded import recorded_runs

by_seed = tables.seed_table(select.by_model(recorded_runs("folds"))).filter(like="seed ").T
pairs = list(combinations(by_seed.columns, 2))
seeds_of = by_seed[list(pairs[drawn(variant, len(pairs), "pair") if variant else 0])]

# %% tags=["hide-input", "solution"]
### BEGIN SOLUTION
between = seeds_of.mean().iloc[0] - seeds_of.mean().iloc[1]
within = (seeds_of.max() - seeds_of.min()).max()
# A difference that is not larger than what another seed changes can be one of trainings, and not of networks.
### END SOLUTION

# %% tags=["hide-input", "checks"]
assert within >= 0, "a range is never negative"
### BEGIN HIDDEN TESTS
one_network, other_network = (values.dropna().tolist() for _, values in seeds_of.items())
by_hand = sum(one_network) / len(one_network) - sum(other_network) / len(other_network)
assert abs(between - by_hand) < 1e-6
assert abs(within - max(max(values) - min(values) for values in (one_network, other_network))) < 1e-6
### END HIDDEN TESTS

# %% [markdown]
# ### A sum with weights
#
# *Medium, fifteen minutes.* Suppose that each level had one trainable number, and the skip connection were multiplied by it before it is added. What would you expect these numbers to become? Which part of the attention gate does this already, and what can the gate
# do that the number cannot? Five sentences are enough.

# %% [markdown] tags=["rubric"]
# :::{dropdown} What a good answer says
# Three of these four make a good answer.
#
# - Nothing forces the number to mean anything: the convolutions before and after can undo any factor but zero.
# - So its value alone does not say how much the network uses the skip connection.
# - The gate multiplies the skip connection, too, by a number between zero and one.
# - The gate's number differs from place to place and from image to image, because it is computed from both inputs.
# :::
