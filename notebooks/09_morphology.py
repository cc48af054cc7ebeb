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
# # Morphology
#
# A network's mask is made of pixels that are cut off at a threshold one by one. It may have holes, frayed edges, and specks far from any tumour. {term}`Morphology <morphology>` is the craft
# of cleaning shapes, and the study's fourth claim is that it improves masks and scores.
#
# ```{admonition} Before you start
# :class: before
# **You will be able to** say what dilation, erosion, opening, closing and hole filling do to a shape; choose a {term}`post-processing` without looking at the test images; tell whether it helped, and in which images it did harm.
# **You need** the labels and borders of [chapter 1](01_data), {term}`Dice` per image ([chapter 6](06_table)) and the corrected training ([chapter 7](07_ladder)).
# **The answer**: on the study's images post-processing changes the mean Dice of the four networks by {glue:text}`least_gain:+.4f` to {glue:text}`most_gain:+.4f`, in one training of each; a change below {glue:text}`margin` does not matter. The step that the study ran, on its labels, changes {glue:text}`closed` of the {glue:text}`all_labels:,.0f` of training and test.
# ```

# %% tags=["parameters"]
dataset = "phantom"
data = None
scale = "quick"
seed = 0

# %% tags=["hide-input"]
import numpy as np
import pandas as pd

from brainseg import morphology, plotting
from brainseg.experiments import select
from brainseg.experiments.recorded import recorded, recorded_runs
from brainseg.experiments.rows import split_rows
from brainseg.experiments.workspace import Workspace
from brainseg.models import MODELS, TITLES
from brainseg.paper import tables
from brainseg.paper.display import glue, minus, source, table
from brainseg.scores import THRESHOLD, metrics, statistics

workspace = Workspace(dataset, scale, seed, data)
prepared = workspace.prepared
runs = {name: workspace.run(workspace.recipe(name, "corrected")) for name in MODELS}

# %% [markdown]
# ## Seven tools and what they do
#
# An opening removes what is thinner than its disc, a closing fills what is narrower, and both leave the rest in its place. {numref}`fig-morphology-tools` shows all seven tools on one mask, drawn to have one of each defect.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The opening takes the spur and the speck away, the closing fills the notch and the hole, hole filling fills the hole alone. Dilation and erosion change the size of everything, and so are used in pairs. Only the last two tools know what hangs together: they take the speck and leave the spur.", "name": "fig-morphology-tools"}, "image": {"alt": "A blob with a hole, a notch, a spur and a speck beside it, and seven pictures of it: grown, shrunk, without spur and speck, without notch and hole, without the hole, and twice without the speck."}}
drawn = np.zeros((1, 40, 40), np.uint8)
rows, columns = np.mgrid[:40, :40]
drawn[0] = (rows - 20) ** 2 + (columns - 18) ** 2 < 121
drawn[0, 18:21, 15:18] = drawn[0, 8:16, 20:22] = 0
drawn[0, 19:21, 28:37] = drawn[0, 4:6, 34:36] = 1
tools = {
    "before": drawn,
    "dilation": morphology.dilation(drawn, 2),
    "erosion": morphology.erosion(drawn, 2),
    "opening": morphology.opening(drawn, 2),
    "closing": morphology.closing(drawn, 2),
    "hole filling": morphology.fill_holes(drawn),
    "largest component": morphology.largest_component(drawn),
    "small ones removed": morphology.remove_small(drawn, 10),
}
plotting.montage([255 * mask[0] for mask in tools.values()], titles=list(tools), columns=4)

# %% [markdown]
# The first four ask the same question at every pixel: which pixels within a small {term}`footprint` around it, here a disc with a radius of two, belong to the shape? **Dilation** keeps the pixel if
# any does, **erosion** if all do. An **opening** is an erosion followed by a dilation, a **closing** the other way round. **Hole filling** fills what the shape encloses. Two more work on whole
# {term}`components <component>`: the largest one is kept, or those of a few pixels are removed.
#
# The code is short, because OpenCV and SciPy do the work. What is added is that outside of the image is background, so that a closing does not fill up to the edge.

# %% tags=["hide-input"]
source(morphology.opening, morphology.closing)

# %% [markdown]
# ## What the study did
#
# The step that was to clean the masks was applied to labels: of the {glue:text}`all_labels:,.0f` of training and test it changes {glue:text}`closed`. The README describes morphology as a post-processing of predictions, and a picture in it shows it before the networks; in the notebook, neither images nor predictions get any. A closing is applied to the *labels* instead:
# with an ellipse of five by five pixels to the training labels before training, with a square of that size, in code that is never run, to test labels. The labels are boxes. A box has no gap that a closing could fill, unless it ends a pixel or two before the edge of the image.

# %% tags=["hide-input"]
of_study = recorded("tumorseg-check")["findings"].set_index("finding").loc["labels that the published closing changes"]
glue(closed=of_study["count"], all_labels=of_study["total"])

# %% tags=["hide-input"]
labels = np.asarray(prepared.masks["box"])
changed = (morphology.published_closing(labels) != labels).any(axis=(1, 2))
glue(closed_anew=changed.sum(), labels_anew=len(labels))

# %% [markdown]
# Computed anew from the labels that this page has at hand: {glue:text}`closed_anew` of {glue:text}`labels_anew`. So next to nothing in the published numbers can be owed to it, and to see what morphology can do, it has to be applied to predictions.
#
# ## Choosing on validation images
#
# **A {term}`pipeline` is chosen on validation images, never on test images.** There are many ways to combine the tools, and one of them is the best on the test images by luck. If we tried all of them there and kept the best, the score would
# no longer be one of unseen images. So the pipeline with the highest mean Dice on validation images is taken, and none if no pipeline beats doing nothing. (nnU-Net has
# a similar rule: it keeps only the largest component where that helps in cross-validation {cite:p}`isensee2021`.) The same images have chosen the epoch whose weights are kept.

# %% tags=["hide-input"]
source(morphology.choose)

# %% tags=["hide-input"]
chosen, compared = {}, {}
for name, run in runs.items():
    rows = split_rows(run.recipe, prepared)[1]
    chosen[name], compared[TITLES[name]] = morphology.choose(
        run.probability[rows] > THRESHOLD, np.asarray(prepared.masks["border"][rows])
    )
candidates = pd.concat({title: found.set_index("candidate")["dice"] for title, found in compared.items()}, axis=1)
candidates.index = candidates.index.str.replace("_", " ").rename(
    "pipeline; radius or pixels, of images 128 pixels wide"
)
glue(candidates=len(candidates) - 1, best_on_validation=(candidates - candidates.loc["nothing"]).max().max())
table(candidates, "Mean Dice on validation images after each candidate.", digits=3)

# %% [markdown]
# The best of {glue:text}`candidates` candidates raises the mean Dice of a network by up to {glue:text}`best_on_validation:.3f` over the first row, which is doing nothing. In smaller images radii and areas shrink along, so that some candidates do the same.
#
# ## What it does to test images
#
# Most images do not change at all: of {glue:text}`scored` scores of test images, {glue:text}`better` rise and {glue:text}`harmed` fall, and the mean moves little.

# %% tags=["hide-input"]
results = {name: [workspace.result(workspace.recipe(name, "processed"))] for name in MODELS}
before = {name: [run] for name, run in runs.items()}


def effect_table(effect, caption, digits):
    def form(value):
        return f"{round(value, digits) + 0.0:+.{digits}f}"

    return table(
        pd.DataFrame(
            {
                "chosen": effect["pipeline"].str.replace("_", " "),
                "before": effect["before"],
                "change": effect["change"].map(form).map(minus),
                "95 % interval": (effect["low"].map(form) + " to " + effect["high"].map(form)).map(minus),
            }
        ).rename_axis("network"),
        caption,
        digits,
    )


effect = tables.processing_table(before, results)
effect_table(effect, "Mean Dice of test images before post-processing, and its change.", 3)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Most images lie on the diagonal: the chosen post-processing leaves their Dice as it was. A few gain much, and a few, under the diagonal, are harmed. All test images, all four networks.", "name": "fig-before-after"}, "image": {"alt": "Scatter plot of Dice before and after post-processing. Most points lie on the diagonal, some above it and a few below."}}
pairs = [(run.scores, results[name][0].scores) for name, run in runs.items()]
old, new = (
    np.concatenate([scores.loc[scores["split"] == "test", "border_dice"] for scores in side])
    for side in zip(*pairs, strict=True)
)
glue(scored=np.isfinite(new - old).sum(), better=(new > old).sum(), harmed=(new < old).sum())
plotting.before_after(old, new)

# %% [markdown]
# ## Where it harms
#
# The worst loss of a single image is {glue:text}`largest_loss:.2f` in Dice, of {glue:text}`worst_network`, whose chosen pipeline is: {glue:text}`worst_pipeline`. Every tool has its way to fail. The largest component is the wrong one when the network saw the tumour and something larger beside it. A small tumour is removed
# with the specks. A closing joins the tumour with what is near it.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "What post-processing took from the tumour: up to three test images of one network, those that lose most, before (upper row) and after (lower row).", "name": "fig-harmed"}, "image": {"alt": "Slices in two rows, with the outlines of border and answer before and after post-processing."}}
changes = {name: select.change(before[name][0], results[name][0]) for name in MODELS}
worst = min(MODELS, key=lambda name: changes[name].min())
lost = changes[worst].nsmallest(3)
lost = lost[(lost < 0) | (lost == lost.min())]
answers = {"before": runs[worst].probability > THRESHOLD}
answers["after"] = morphology.apply(chosen[worst], answers["before"])
plotting.side_by_side(
    prepared.images,
    prepared.masks["border"],
    answers,
    list(lost.index),
    {name: metrics.dice(mask, np.asarray(prepared.masks["border"])) for name, mask in answers.items()},
)

# %% tags=["hide-input"]
glue(largest_loss=-lost.min(), worst_network=TITLES[worst], worst_pipeline=str(chosen[worst]).replace("_", " "))

# %% [markdown]
# ## On the study's images
#
# It helps a little, where it helps: the largest gain is {glue:text}`most_gain:.4f`, of {glue:text}`most_network`. Of {glue:text}`networks` networks, {glue:text}`within` have an interval within ±{glue:text}`margin:.2f`, the margin below which a difference does not matter here ([chapter 7](07_ladder)).

# %% tags=["hide-input"]
recorded_steps = select.by_step(recorded_runs("ladder"))
study = {name: steps for name, steps in recorded_steps.items() if "processed" in steps}
study_effect = tables.processing_table(
    {name: steps["corrected"] for name, steps in study.items()},
    {name: steps["processed"] for name, steps in study.items()},
)
gain = study_effect["change"]
glue(
    least_gain=gain.min(),
    most_gain=gain.max(),
    most_network=gain.idxmax(),
    networks=len(gain),
    within=(study_effect[["low", "high"]].abs() < statistics.MARGIN).all(axis=1).sum(),
    margin=statistics.MARGIN,
    most_harmed=study_effect["worse"].max(),
    most_harmed_network=study_effect["worse"].idxmax(),
)
effect_table(study_effect, "Mean Dice of the study's test images before post-processing, and its change.", 4)

# %% [markdown]
# Each network here is of one training, so how the change differs between trainings is not known. And the mean hides harm: for {glue:text}`most_harmed_network`, a share of {glue:text}`most_harmed:.2f` of the test images scores lower than before. The verdict on the
# claim stands in [the ledger](11_audit).
#
# ## Summary
#
# - Opening removes what is thinner than the disc, closing fills what is narrower; both leave the rest in its place, but for corners.
# - The study applied a closing to labels, which are boxes. Of the {glue:text}`all_labels:,.0f` of training and test it changes {glue:text}`closed`.
# - A post-processing is a choice, and a choice is made on validation images.
# - On the study's images it changes the mean Dice by {glue:text}`least_gain:+.4f` to {glue:text}`most_gain:+.4f`, in one training of each network; a change below {glue:text}`margin` does not matter.
# - A mean hides harm: look at the images that got worse, up to a share of {glue:text}`most_harmed:.2f` of all.
#
# ## Exercises
#
# Some numbers depend on `variant`, so that another class can be given others.

# %% tags=["hide-input"]
from brainseg.paper.course.variants import drawn

variant = 0

# %% [markdown]
# ### First this, then that
#
# *Medium, ten minutes.* In which order would you fill holes and remove small {term}`components <component>`? Put into `torn` a mask, an array of zeros and ones with the shape `(1, height, width)`, for which the order matters when components of fewer than nine pixels are removed.

# %% tags=["hide-input", "solution"]
### BEGIN SOLUTION
torn = np.zeros((1, 5, 5), int)
torn[0, 1:4, 1:4] = 1
torn[0, 2, 2] = 0
# A ring of eight pixels: filled first it has nine, and stays; removed first it is gone. So fill first, if you trust the rings.
### END SOLUTION

# %% tags=["hide-input", "checks"]
assert torn.ndim == 3 and set(np.unique(torn)) <= {0, 1}, "a stack of masks of zeros and ones"
### BEGIN HIDDEN TESTS
filled_first = morphology.remove_small(morphology.fill_holes(torn), 9)
removed_first = morphology.fill_holes(morphology.remove_small(torn, 9))
assert not np.array_equal(filled_first, removed_first)
### END HIDDEN TESTS

# %% [markdown]
# ### Chosen on the test images
#
# *Medium, fifteen minutes.* Choose the {term}`pipeline` of the network `tempted` on the *test* images instead. Put into `flattering` the mean Dice on test images of the candidate that is best there, and into `honest` the mean Dice on test images of the one
# in `chosen`. What is the difference worth?

# %% tags=["hide-input"]
tempted = MODELS[drawn(variant, len(MODELS), "network")]
tempting_rows = np.flatnonzero(runs[tempted].scores["split"] == "test")
tempting = runs[tempted].probability[tempting_rows] > THRESHOLD
tempting_truth = np.asarray(prepared.masks["border"][tempting_rows])

# %% tags=["hide-input", "solution"]
### BEGIN SOLUTION
flattering = morphology.choose(tempting, tempting_truth)[1]["dice"].max()
honest = np.nanmean(metrics.dice(morphology.apply(chosen[tempted], tempting), tempting_truth))
# Nothing: on other images the first choice has no reason to be ahead. The difference is what choosing there flatters.
### END SOLUTION

# %% tags=["hide-input", "checks"]
assert flattering >= honest - 1e-9, "the best on these images is at least as good there as any other"
### BEGIN HIDDEN TESTS
every = [metrics.dice(morphology.apply(one, tempting), tempting_truth) for one in morphology.CANDIDATES]
assert abs(flattering - max(np.nanmean(scores) for scores in every)) < 1e-4
assert abs(honest - np.nanmean(every[morphology.CANDIDATES.index(chosen[tempted])])) < 1e-4
### END HIDDEN TESTS

# %% [markdown]
# ### The largest disc
#
# *Medium, fifteen minutes.* An opening with too large a disc removes a whole tumour. Write `largest_radius(mask)`: the largest radius for which an opening of the mask, of shape `(height, width)`, still leaves something. What is it for the smallest tumour of the data set?


# %% tags=["hide-input", "solution"]
def largest_radius(mask):
    """Largest radius of an opening that leaves something of a mask, which is not empty."""
    ### BEGIN SOLUTION
    radius = 0
    while morphology.opening(mask[np.newaxis], radius + 1).any():
        radius += 1
    return radius
    ### END SOLUTION


# %% tags=["hide-input", "checks"]
in_a_frame = np.zeros((9, 9), np.uint8)
in_a_frame[3:6, 3:6] = 1
assert largest_radius(in_a_frame) == 1, "a disc of radius one fits into three by three pixels"
### BEGIN HIDDEN TESTS
with_tumour = np.flatnonzero(prepared.masks["border"].any(axis=(1, 2)))
for row in (with_tumour[drawn(variant, len(with_tumour), "tumour")], with_tumour[0]):
    outlined = np.asarray(prepared.masks["border"][row])
    found_radius = largest_radius(outlined)
    assert morphology.opening(outlined[np.newaxis], found_radius).any()
    assert not morphology.opening(outlined[np.newaxis], found_radius + 1).any()
### END HIDDEN TESTS

# %% [markdown]
# ### Each other's mirror
#
# *Medium, fifteen minutes.* Eroding a shape is dilating the rest. Write `eroded(masks, radius)` with `morphology.dilation` alone, for masks of zeros and ones. Does it give what `morphology.erosion` gives at the edge of the image, too?


# %% tags=["hide-input", "solution"]
def eroded(masks, radius):
    """The erosion of masks, by dilating what is around them."""
    ### BEGIN SOLUTION
    return 1 - morphology.dilation(1 - masks, radius)
    # Yes: both look at pixels of the image only, so nothing is eroded from outside, and nothing grows in from there.
    ### END SOLUTION


# %% tags=["hide-input", "checks"]
assert eroded(np.ones((1, 5, 5), np.uint8), 1).all(), "the edge of the image is no edge of the shape"
### BEGIN HIDDEN TESTS
scattered = np.random.default_rng(variant).random((3, 20, 20)) < 0.7
for reach in (1, 2, 3):
    assert np.array_equal(
        eroded(scattered.astype(np.uint8), reach), morphology.erosion(scattered.astype(np.uint8), reach)
    )
### END HIDDEN TESTS
