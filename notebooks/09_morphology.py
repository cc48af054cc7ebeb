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
# of cleaning shapes, and the study's fourth claim is that it improves masks and scores. At the end of this chapter you can
#
# - say what dilation, erosion, opening, closing and hole filling do to a shape, and in which order to use them;
# - choose a {term}`post-processing` without looking at the test images;
# - tell whether it helped, in which images it did harm, and why.

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
from brainseg.experiments.recorded import recorded_runs
from brainseg.experiments.workspace import Workspace
from brainseg.models import MODELS, TITLES
from brainseg.paper import narrate, tables
from brainseg.paper.display import items, source
from brainseg.scores import THRESHOLD, metrics

workspace = Workspace(dataset, scale, seed, data)
prepared = workspace.prepared
runs = {name: workspace.run(workspace.recipe(name, "corrected")) for name in MODELS}

# %% [markdown]
# ## Seven tools and what they do
#
# Four of the seven ask the same question at every pixel: which pixels within a small {term}`footprint` around it, here a disc, belong to the shape? **Dilation** keeps the pixel if
# any does, **erosion** if all do. An **opening** is an erosion followed by a dilation: what is too thin for the disc vanishes, the rest keeps its place but for sharp corners. A **closing** is
# the other way round: gaps too narrow for the disc are filled. **Hole filling** fills what the shape encloses. Two more work on whole {term}`components <component>`:
# the largest one is kept, or those of a few pixels are removed.
#
# Here they are at work on one mask, drawn to have one of each defect:

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A drawn mask with a hole, a notch, a spur and a speck, and what each operation makes of it. The disc has a radius of two pixels.", "name": "fig-morphology-tools"}, "image": {"alt": "Eight small pictures of a blob before and after morphological operations."}}
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
# The code is short, because OpenCV and SciPy do the work; what is added is that the edge of the image is not treated as an edge of the shape.

# %% tags=["hide-input"]
source(morphology.opening, morphology.closing)

# %% [markdown]
# ## What the study did
#
# The README describes morphology as a post-processing of predictions. In the notebook, predictions get none. A closing is applied to the *labels* instead: with an ellipse of five by five pixels to the
# training labels before training, with a square of that size to test labels before they are shown. The labels are boxes. How many of their pixels does the closing with the ellipse change?

# %% tags=["hide-input"]
labels = np.asarray(prepared.masks["box"])
changed = (morphology.published_closing(labels) != labels).sum(axis=(1, 2))
items([f"Of {len(labels)} labels, {int((changed > 0).sum())} change, in at most {int(changed.max())} pixels."])

# %% [markdown]
# A box has no gap that a closing could fill, unless it ends a pixel or two before the edge of the image. The step that was to clean the masks leaves such labels as they are, and next to nothing in the published numbers can be owed to it.
# To see what morphology can do, it has to be applied to predictions.
#
# ## Choosing on validation images
#
# There are many ways to combine the tools, and one of them is the best on the test images by luck. If we tried all of them there and kept the best, the score would
# no longer be one of unseen images. So the choice is made on validation images: the {term}`pipeline` with the highest mean Dice is taken, and none if no pipeline beats doing nothing. (nnU-Net has
# a similar rule: it keeps only the largest component where that helps in cross-validation {cite:p}`isensee2021`.) The same images have chosen the epoch whose weights are kept.

# %% tags=["hide-input"]
source(morphology.choose)

# %% tags=["hide-input"]
chosen, compared = {}, {}
for name, run in runs.items():
    rows = select.split_rows(run.recipe, prepared)[1]
    chosen[name], compared[TITLES[name]] = morphology.choose(
        run.probability[rows] > THRESHOLD, np.asarray(prepared.masks["border"][rows])
    )
pd.concat({title: table.set_index("candidate")["dice"] for title, table in compared.items()}, axis=1).round(3)

# %% [markdown]
# One row is one candidate, one column one network, each number a mean Dice over validation images. The first row is doing nothing.
#
# ## What it does to test images

# %% tags=["hide-input"]
results = {name: [workspace.result(workspace.recipe(name, "processed"))] for name in MODELS}
before = {name: [run] for name, run in runs.items()}
effect = tables.processing_table(before, results)
effect[["before", "after", "change", "low", "high"]].round(3)

# %% [markdown]
# Which pipeline was chosen, and in which share of the test images the score rises or falls:

# %% tags=["hide-input"]
effect[["pipeline", "better", "worse"]].round(2)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Dice of every test image before and after the chosen post-processing, all four networks. Points under the diagonal are images that it harmed.", "name": "fig-before-after"}, "image": {"alt": "Scatter plot of Dice before and after post-processing with the diagonal."}}
pairs = [(run.scores, results[name][0].scores) for name, run in runs.items()]
old, new = (
    np.concatenate([scores.loc[scores["split"] == "test", "border_dice"] for scores in side])
    for side in zip(*pairs, strict=True)
)
plotting.before_after(old, new)

# %% [markdown]
# ## Where it harms
#
# The largest component is the wrong one when the network saw the tumour and something larger beside it. A small tumour is removed with the specks. These are the test images that lost most, in the answers of the network with the largest loss:

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Test images before (upper row) and after (lower row) post-processing, those that lose most to the left. Blue: the tumour's border; pink: the answer.", "name": "fig-harmed"}, "image": {"alt": "Slices in two rows with outlines of border and answer before and after post-processing."}}
changes = {name: select.change(before[name][0], results[name][0]) for name in MODELS}
worst = min(MODELS, key=lambda name: changes[name].min())
lost = changes[worst].nsmallest(3)
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
items([f"{TITLES[worst]}, pipeline: {chosen[worst]}. The largest loss of a test image is {-lost.min():.2f} in Dice."])

# %% [markdown]
# ## On the study's images
#
# As recorded, with the pipeline that was best on the validation images of each network:

# %% tags=["hide-input"]
study_runs = recorded_runs("ladder")
study = select.by_step(study_runs)
items(narrate.recorded(study_runs))

# %% tags=["hide-input"]
study = {name: steps for name, steps in study.items() if "processed" in steps}
study_effect = tables.processing_table(
    {name: steps["corrected"] for name, steps in study.items()},
    {name: steps["processed"] for name, steps in study.items()},
)
study_effect.round(4)

# %% tags=["hide-input"]
gain = study_effect["change"]
items(
    [
        f"Mean changes in Dice: {gain.min():+.4f} to {gain.max():+.4f}. Of {len(gain)} intervals, "
        f"{(study_effect['low'] > 0).sum()} lie above zero, {(study_effect['high'] < 0).sum()} below."
    ]
)

# %% [markdown]
# Did it help? A little, where it did. The gains are smaller than what training a network a second time changes ([chapter 8](08_attention)), and in some images the score falls.
#
# ## Summary
#
# - Opening removes what is thinner than the disc, closing fills what is narrower; both leave the rest in its place, but for corners.
# - The study applied a closing to labels, which are boxes, and a closing leaves a box inside the image as it is.
# - A post-processing is a choice, and a choice is made on validation images. On the study's images it raised the mean Dice by less than a hundredth, where at all.
# - A mean hides harm: look at the images that got worse.
#
# ## Exercises
#
# 1. In which order would you fill holes and remove small components? Find a mask for which the order matters.
# 2. Choose the pipeline on the *test* images instead. How much better does the score look, and what is the difference worth?
# 3. How large may the disc be before an opening removes the smallest tumour of the data set? Compute it from `prepared.masks["border"]`.
# 4. Dilation and erosion are each other's mirror: eroding a shape is dilating the rest. Check it with `morphology`, and explain what happens at the edge of the image.
