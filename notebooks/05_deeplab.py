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
# ```{admonition} Before you start
# :class: before
# **You will be able to** draw the window of a {term}`dilated convolution` and say what a pyramid of them sees; say which of the study's claims about attention can concern this network; compare what is published
# as a result with what its own log shows.
#
# **You need** the parts of a network, from [chapter 2](02_unet), and the validation set of [chapter 4](04_segnet).
#
# **The answer**: DeepLab has the best published scores, an eighth of U-Net's parameters and no attention gates, so attention cannot be why. Its published Dice, {glue:text}`table_dice:.4f`, is of training images;
# on validation images the same log has {glue:text}`log_dice:.4f`. Trained again at the same size, with care, it reaches {glue:text}`corrected_borders` against the tumours' borders of new patients, who are easier than most; on all patients, in five folds, {glue:text}`on_all:.2f`.
# ```

# %% tags=["parameters"]
dataset = "phantom"
data = None
scale = "quick"
seed = 0

# %% tags=["hide-input"]
from brainseg import plotting
from brainseg.experiments import select
from brainseg.experiments.recorded import recorded, recorded_at_every_scale, recorded_runs
from brainseg.experiments.workspace import Workspace
from brainseg.models import build, deeplab
from brainseg.paper import narrate, study, tables
from brainseg.paper.display import glue, items, source, table

workspace = Workspace(dataset, scale, seed, data)
prepared = workspace.prepared
recipe = workspace.recipe("deeplab")
glue(shown=narrate.SHOWN[dataset])

# %% [markdown]
# ## The idea
#
# DeepLab sees far with few weights, and gives up little resolution. The other three networks shrink the image until a small window sees much, and then work to get the resolution back. DeepLab stops at a quarter of it and
# widens the window instead.
#
# A $3 \times 3$ {term}`convolution` looks at a place and its eight neighbours. A dilated one looks at the same number of places, but further apart: with
# a dilation of six, at places six pixels away. DeepLab
# {cite:p}`chen2017,chen2018` puts several of them side by side, with different dilations, and mixes what they see:
# {term}`atrous spatial pyramid pooling`, or ASPP.
#
# The study's version stands on a small encoder of six convolutions with two poolings, where the paper uses a deep pretrained one. At a quarter of the
# image's resolution, its widest dilation, {glue:text}`dilation`, spans {glue:text}`reach` pixels to either side: on an image of {glue:text}`size` pixels, most of these places lie outside of the image, where padding puts
# zeros. It has {glue:text}`parameters:,.0f` parameters, and the study printed {glue:text}`printed:,.0f`: an eighth of U-Net's.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "In the study's modified DeepLab, a pyramid of five branches stands side by side at a quarter of the resolution, and no path leads around it. Drawn at the published size from the graph that is trained.", "name": "fig-deeplab"}, "image": {"alt": "Diagram of the modified DeepLab: three encoder blocks, five parallel branches of the pyramid, a decoder."}}
published_size = build("deeplab", size=128, width=64)
plotting.architecture(published_size)

# %% tags=["hide-input"]
glue(
    dilation=max(deeplab.DILATIONS),
    reach=4 * max(deeplab.DILATIONS),
    size=published_size.input_shape[1],
    parameters=published_size.count_params(),
    printed=study.PARAMETERS["deeplab"],
)
source(deeplab.spatial_pyramid, deeplab.deeplab)

# %% [markdown]
# ## Where is the attention?
#
# There is none. An {term}`attention gate` weights a {term}`skip connection`; DeepLab has no such connection, and the study's notebook has no gate in it.
#
# The study's title speaks of attention-driven models, and its table compares each model with a baseline. For DeepLab, whose baseline a picture in the README shows as DeepLabv3, the table's two columns cannot differ
# by attention gates, and there are no attention maps to show.
#
# ## Training as published
#
# DeepLab's Dice ends at {glue:text}`last_training:.2f` on training images of {glue:text}`shown` and at {glue:text}`last_validation:.2f` on validation images. As with SegNet, validation is on the last fifth of the training list, where many labels
# belong to other images ([chapter 4](04_segnet) counts them). The training:

# %% tags=["hide-input"]
items(narrate.protocol(recipe))

# %%
run = workspace.run(recipe)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "For half of the training, Dice is zero: the network finds nothing, and accuracy and mean IoU are those of a blank sheet (dashed lines). Then training Dice (grey) rises, validation Dice (purple) follows part of the way, and mean IoU does not move.", "name": "fig-deeplab-curves"}, "image": {"alt": "Learning curves of loss, accuracy, mean IoU and Dice."}}
empty = tables.blank(recipe, prepared)
glue(**narrate.course(run, empty["accuracy"]))
plotting.learning_curves(run.history, empty["accuracy"], "deeplab")

# %% [markdown]
# Validation Dice is below one hundredth, so no tumour is found, in the first {glue:text}`blind` of {glue:text}`epochs` epochs. Validation accuracy is {glue:text}`blind_accuracy:.3f` then, and that of a mask without any tumour is
# {glue:text}`background:.3f`. Over all epochs the validation mean IoU moves by {glue:text}`iou_moves:.4f` at most and
# ends at {glue:text}`last_iou:.4f`; half of the share of background is {glue:text}`half_background:.4f`.
#
# ## What it finds
#
# On the test images of {glue:text}`shown`, DeepLab's Dice against the labels is {glue:text}`dice:.2f` on average and {glue:text}`median_dice:.2f` in the median. Its mask does not touch the label in
# {glue:text}`missed` of {glue:text}`tested` images.

# %% tags=["hide-input"]
glue(**narrate.finds(run))
table(narrate.finds_by_type(run), "Dice of test images against the labels, by type of tumour.")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "At its best DeepLab fills the label; at its worst it finds nothing, or marks another place. Test images with the best, middling and worst Dice. Orange: the label, as published; pink: the network's answer.", "name": "fig-deeplab-predictions"}, "image": {"alt": "Three rows of slices with the outlines of label and prediction: best, middle and worst."}}
test = prepared.rows("test")
dice = run.scores["dice"].to_numpy()[test]
plotting.predictions(prepared.images[test], prepared.masks[recipe.mask][test], run.probability[test], dice, recipe.mask)

# %% [markdown]
# ## The published Dice is a training value
#
# The published Dice of {glue:text}`table_dice:.4f`, the best of the four, is the training value of the last epoch. On validation images the same log has {glue:text}`log_dice:.4f`. Published
# accuracy and mean IoU, {glue:text}`table_accuracy:.4f` and {glue:text}`table_mean_iou:.4f`, are a little above the {glue:text}`log_accuracy:.4f` and {glue:text}`log_mean_iou:.4f` that this log ends with; they may come from
# another run of the notebook.
#
# Trained again on the study's images ({ref}`recorded <recorded-results>`), a smaller network and one of the study's size do as its log does: validation Dice is {glue:text}`small_valid:.2f` and {glue:text}`large_valid:.2f`, far below training Dice, and at the study's size
# the validation mean IoU is the same to the last digit, {glue:text}`large_mean_iou:.4f`.

# %% tags=["hide-input"]
published, log = study.published_table().loc["deeplab"], study.published_last_epoch().loc["deeplab"]
glue(
    table_dice=published["dice"],
    table_accuracy=published["accuracy"],
    table_mean_iou=published["mean_iou"],
    log_dice=log["val_dice"],
    log_accuracy=log["accuracy"],
    log_mean_iou=log["mean_iou"],
    gap=published["dice"] - log["val_dice"],
)

# %% tags=["hide-input"]
records = recorded_at_every_scale()
logs = tables.logs("deeplab", records)
small, large = logs.xs("validation", level="images").iloc[1:].to_dict("records")
glue(small_valid=small["Dice"], large_valid=large["Dice"], large_mean_iou=large["mean IoU"])
table(logs, "DeepLab's published scores, and last epochs on its images.", digits=4)

# %% [markdown]
# The study did not score its test images as a whole. Of four answers of DeepLab that the notebook shows, three lie on their labels; one, which the README shows, lies beside it. That one and one of the three have a printed Dice of zero ([chapter 6](06_table)). By its measures, the network trained above has an accuracy of {glue:text}`test_accuracy:.3f` on the test images of {glue:text}`shown`, a mean IoU of {glue:text}`test_mean_iou:.4f` and a Dice, pooled over batches, of
# {glue:text}`test_dice:.2f`.

# %% tags=["hide-input"]
glue(**{f"test_{measure}": value for measure, value in tables.scores_on_test(run, prepared).items()})

# %% [markdown]
# ## The same network, trained with care
#
# Trained with care on the study's images, DeepLab has a Dice of {glue:text}`corrected_borders` against the borders, on new patients; trained as published, it has {glue:text}`published_borders`, and had met most of its test patients. Each number is of one training, and the test patients of the corrected one are easier than most ([chapter 7](07_ladder)). With care means, as
# in [chapter 2](02_unet): true borders for labels, patients kept apart, a validation set of other patients, and the training that is usual today. [Chapter 7](07_ladder) takes these corrections one at a time.
#
# The published training learnt boxes. A network that drew every box of the study perfectly would score {glue:text}`box_dice:.3f` against the borders, as [chapter 1](01_data) shows.

# %% tags=["hide-input"]
ends = tables.outlines("deeplab", records)
glue(on_all=select.collect(recorded_runs("full-folds"), "border_dice")["value"].mean())
glue(box_dice=recorded("tumorseg-check")["agreement"].set_index("split").loc["all", "dice"], **tables.at_largest(ends))
table(ends, "DeepLab's mean Dice against borders, on the study's images.")

# %% [markdown]
# The same two trainings, on {glue:text}`shown`:

# %%
corrected = workspace.run(workspace.recipe("deeplab", "corrected"))

# %% tags=["hide-input"]
table(
    tables.outlines("deeplab", [run, corrected]), "DeepLab's mean Dice against borders, on each training's own images."
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Taught boxes (upper row), DeepLab marks too much; taught borders (lower row), after a training of minutes, too little. Both miss the tumour on the right. Test images that neither training saw. Blue: the tumour's border; pink: the answer.", "name": "fig-deeplab-corrected"}, "image": {"alt": "Slices in two rows, with the outlines of border and answer."}}
narrate.both_ends(run, corrected, prepared)

# %% [markdown]
# ## Summary
#
# - DeepLab looks at several scales at once with dilated convolutions. It gives up resolution only to a quarter, and no skip connection brings detail back.
# - As the study builds it, it has an eighth of U-Net's parameters and no attention gates: {glue:text}`parameters:,.0f` parameters in all.
# - The published Dice is a training value; its validation value in the same log is {glue:text}`gap:.2f` lower.
# - Trained with care on the study's images, it has a Dice of {glue:text}`corrected_borders` against the borders of new patients, who are easier than most, and of {glue:text}`on_all:.2f` on all patients, in five folds ([chapter 8](08_attention)).
#
# ## Exercises
#
# Some numbers depend on `variant`, so that another class can be given others.

# %% tags=["hide-input"]
from brainseg.paper.course.variants import drawn

variant = 0

# %% [markdown]
# ### How far a layer sees
#
# *Medium, fifteen minutes.* The receptive field of a stack of layers is the number of input pixels in a row that one output can depend on. Write `field(layers)`: each layer is a kernel size, a stride and a dilation. It starts from one pixel and a step of one; a layer adds the step, times the dilation, times
# the kernel size minus one, and then multiplies the step by its stride. How far does the branch of DeepLab's pyramid with the largest dilation see?


# %% tags=["hide-input", "solution"]
def field(layers):
    """Input pixels in a row that one output can depend on."""
    ### BEGIN SOLUTION
    seen, step = 1, 1
    for kernel, stride, dilation in layers:
        seen += step * dilation * (kernel - 1)
        step *= stride
    return seen
    ### END SOLUTION


# %% tags=["hide-input", "checks"]
assert field([(3, 1, 1), (3, 1, 1)]) == 5, "two convolutions of three by three see five by five pixels"
### BEGIN HIDDEN TESTS
two, pool = [(3, 1, 1), (3, 1, 1)], [(2, 2, 1)]
assert field([*two, *pool, *two, *pool, *two]) == 5 + 1 + 8 + 2 + 16
spread = 2 + drawn(variant, 30, "dilation")
assert field([*two, *pool, *two, *pool, *two, (3, 1, spread)]) == 32 + 8 * spread
### END HIDDEN TESTS

# %% [markdown]
# ### Weights that touch nothing
#
# *Hard, twenty minutes.* Write `touching(size, dilation)`: of the nine weights of a convolution with that dilation, which share ever meets a value that is not padding, on a feature map of `size` by `size` places? What does that say of the branch with the largest dilation at $128$ pixels, and at the size of the network that was trained above? The pyramid stands at a quarter of
# the image's resolution.


# %% tags=["hide-input", "solution"]
def touching(size, dilation):
    """Share of nine weights that meet the map at least at one place."""
    ### BEGIN SOLUTION
    return 1.0 if dilation < size else 1 / 9
    # At 128 pixels the map has 32 places a side, and all weights of that branch meet it at some of them. At 64 pixels
    # it has 16, fewer than the dilation: only the middle weight is left, and the branch is a convolution of one place.
    ### END SOLUTION


# %% tags=["hide-input", "checks"]
assert touching(100, 1) == 1, "an ordinary convolution uses all its weights"
### BEGIN HIDDEN TESTS
for side, apart in ((32, 18), (16, 18), (16, 16), (17, 16), (5 + drawn(variant, 30, "side"), 12)):
    met = {
        (row, column)
        for row in (-apart, 0, apart)
        for column in (-apart, 0, apart)
        if any(0 <= place + row < side for place in range(side))
        and any(0 <= place + column < side for place in range(side))
    }
    assert abs(touching(side, apart) - len(met) / 9) < 1e-9
### END HIDDEN TESTS

# %% [markdown]
# ### Is the best number the best network
#
# *Medium, fifteen minutes.* DeepLab has the best of four published Dice values. Write down, in at most ten sentences, what you would need to know to say that it is the best of the four networks, and what of it the study has published.

# %% [markdown] tags=["rubric"]
# :::{dropdown} What a good answer says
# Four of these six make a good answer.
#
# - On which images each number was measured: these are of training images.
# - Whether the networks were compared on the same images, at the same time of their training; the validation sets differ, too.
# - How much a network differs from itself, trained with another seed.
# - An interval of each difference, over patients.
# - Against which labels: boxes reward drawing boxes.
# - The best of several numbers is too high by chance, more so the more there are.
# :::
