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
# # The data
#
# ```{admonition} Before you start
# :class: before
# **You will be able to** say what a label outlines and how far that is from the tumour; find out which label each image was
# trained with; tell whether a test shows new patients; and say what a network scores that finds nothing.
#
# **You need** fractions, and no other chapter. Words with a dotted underline are in the [glossary](../book/glossary.md).
#
# **The answer**: the study's labels are boxes, and {glue:text}`box_is_tumour:.0f` % of a box is tumour. A quarter of the training
# images, {glue:text}`slipped:,.0f` of {glue:text}`train_images:,.0f`, have another image's label. Of {glue:text}`test_images:,.0f` test
# images, {glue:text}`known:,.0f` show a patient of the training set. And a blank answer is right in
# {glue:text}`blank_percent:.2f` % of the pixels.
# ```
#
# Before any network is trained, somebody has drawn the answer. Every score of a {term}`segmentation` study compares a
# network's picture with that drawing. So the first question is not how good the network is, but what was drawn, by whom,
# and around what.
#
# This chapter looks at the images before any network does. Its sentences give what was counted on the study's images; pictures and
# tables say which images they show.

# %% tags=["parameters"]
dataset = "phantom"
data = None
scale = "quick"
seed = 0

# %% tags=["hide-input"]
import pandas as pd

from brainseg import plotting
from brainseg.data import VALIDATION_SHARE, check, coco
from brainseg.data.dataset import open_dataset
from brainseg.experiments.recorded import recorded
from brainseg.models import TITLES
from brainseg.paper.display import glue, source, table
from brainseg.paper.study import published_table

images = open_dataset(dataset, data, progress=True)
report = check.check(images.root)
prepared = images.prepared(256)
train = prepared.rows("train")

# %% [markdown]
# ## A first look
#
# Every slice shows a head with a tumour. The study took {glue:text}`images:,.0f` of them from Kaggle {cite:p}`pkdarabi2023`, of
# {glue:text}`patients` patients. They come in three {term}`splits <split>`, each a folder of JPEG images and one file in {term}`COCO` format
# with the labels: `train` to learn from, `valid` to watch the training, `test` to measure what was learnt.

# %% tags=["hide-input"]
splits = prepared.table.groupby("split", sort=False).agg(
    images=("number", "size"), patients=("patient", "nunique"), annotations=("annotations", "sum")
)
table(splits, "What each split holds. A patient can be in several.")

# %% [markdown]
# All slices were taken after a {term}`contrast agent` was given, which makes many tumours light up. Some lie flat through the head,
# some upright from front to back, some upright from ear to ear. Can you find the tumour in each of these twelve?

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Tumours differ in size, place and brightness, and the bright rim of a head is scalp, not tumour. Twelve slices, evenly spaced through the training list, with nothing drawn on them.", "name": "fig-montage"}, "image": {"alt": "Grid of twelve grey MRI slices of heads."}}
chosen = train[:: len(train) // 12][:12]
plotting.montage(prepared.images[chosen])

# %% [markdown]
# ## What a label outlines
#
# Every label is a box: {glue:text}`rectangles:,.0f` of {glue:text}`labels:,.0f` are rectangles with sides parallel to the image. And only
# **{glue:text}`box_is_tumour:.0f` % of a label is tumour**, on average. A box says where the tumour is, not which pixels are tumour; the rest of
# it is tissue around the tumour.
#
# We know because the tumours were outlined before. Jun Cheng collected these images {cite:p}`cheng2015,cheng2017`, and his data set holds, for the
# very same slices, the {term}`border` of the tumour, drawn by hand, its type, and which patient the slice shows. Both data sets number their slices, and
# the number joins them.

# %% tags=["hide-input"]
real = recorded("tumorseg-check")
real_findings = real["findings"].set_index("finding")
real_boxes = real_findings.loc["labels that are axis-parallel rectangles, not outlines"]
real_whole = real["agreement"].astype(object).set_index("split").loc["all"]
glue(
    images=real_boxes["total"],
    patients=real_findings.loc["patients in more than one split", "total"],
    rectangles=real_boxes["count"],
    labels=real_boxes["total"],
    box_is_tumour=100 * real_whole["box_is_tumour"],
    tumour_in_box=100 * real_whole["tumour_in_box"],
    apart=real_whole["apart"],
    compared=real_whole["images"],
    outline_dice=real_whole["dice"],
    outline_iou=real_whole["iou"],
    less_than_half=real_findings.loc["labels that agree with the border by less than half (IoU)", "count"],
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Every label (amber) is a rectangle, with much other tissue around the tumour's border, which was drawn by hand (blue). The slices of the figure above.", "name": "fig-outlines"}, "image": {"alt": "The same twelve slices; each has an amber rectangle around a smaller, irregular blue outline."}}
plotting.montage(
    prepared.images[chosen], {"box": prepared.masks["box"][chosen], "border": prepared.masks["border"][chosen]}
)

# %% [markdown]
# Does the number join the right slices? Yes: a box holds {glue:text}`tumour_in_box:.0f` % of its tumour on average, and in only
# {glue:text}`apart` of {glue:text}`compared:,.0f` images do box and border not touch. The border of another slice would seldom lie in the box.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A network that learns from the box (amber) is taught that everything between it and the border (blue) is tumour, too. One slice whole, and its tumour close up.", "name": "fig-box"}, "image": {"alt": "A slice with a box and a border around its tumour, and the same enlarged."}}
middle = (
    report.images[report.images["split"] == "train"].dropna(subset=["dice"]).sort_values("dice").iloc[len(train) // 2]
)
row = train[int(middle["position"])]
plotting.box_against_border(prepared.images[row], prepared.masks["box"][row], prepared.masks["border"][row])

# %% [markdown]
# How much do the two agree? A perfect outline scores a Dice of **{glue:text}`outline_dice:.3f`** against the study's labels.
#
# {term}`Dice` {cite:p}`dice1945` is twice the area that two masks share, divided by the sum of their areas: one if they are the same, zero if they do not
# touch. {term}`IoU` is the area they share, divided by the area they cover together. It is the smaller of the two, except at zero and one, where they are
# equal; for these labels it is {glue:text}`outline_iou:.3f`. In {glue:text}`less_than_half:,.0f` of {glue:text}`compared:,.0f` images it is below one half.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "No label follows the border of its tumour: such an image would stand at the right edge. Dice of label against border, one value per image.", "name": "fig-agreement"}, "image": {"alt": "Histogram of the Dice coefficients of labels against borders."}}
plotting.agreement(report.images["dice"])

# %% tags=["hide-input"]
agreement = report.agreement.set_index("split").drop(columns="apart")
table(
    agreement.rename(
        columns={
            "dice": "Dice",
            "iou": "IoU",
            "box_is_tumour": "tumour in a box",
            "tumour_in_box": "of a tumour in its box",
        }
    ),
    "Labels against borders: means over images; the last two are shares of areas.",
    digits=3,
)

# %% [markdown]
# So a network that outlined every tumour exactly as the expert did would score little more than one half. A network that draws perfect boxes would be told that
# it is perfect, and its outlines would be as wrong as the boxes are.
#
# Nothing warns of it. The study calls its labels segmentations, and so does the file format: each annotation has a field named `segmentation`. It holds a
# polygon with five points, which is a rectangle drawn once around and back to its start. It takes a look at the pictures.
#
# ## Which label belongs to which image
#
# A quarter of the training images are paired with the label of another image: {glue:text}`slipped:,.0f` of {glue:text}`train_images:,.0f`
# ({glue:text}`slipped_percent:.1f` %). SegNet and DeepLab learn from the first four fifths of them, and {glue:text}`slipped_of_first:,.0f` of these slip.
#
# A COCO file has one list of images and one list of annotations, and every annotation carries the `image_id` of its image. The study's
# notebook walks the two lists side by side instead: image number $k$ gets annotation number $k$. That works as long as every image has
# exactly one annotation. In the training list one image has two and one has none. The lists are of the same length, so nothing looks wrong; but between these two,
# everything slips by one. From place {glue:text}`slip_first:,.0f` to place {glue:text}`slip_last:,.0f` of the training list, counted from zero,
# **{glue:text}`slipped:,.0f` images of the training list have the label of the image before them**. {glue:text}`slip_misses:,.0f` of these labels do not touch
# the right one; the mean Dice with it is {glue:text}`slip_dice:.2f`.

# %% tags=["hide-input"]
real_areas = real["areas"].set_index(["split", "mask"])
slip = real["pairing"].astype(object).iloc[0]
train_images = real_areas.loc[("train", "published"), "images"]
glue(
    train_images=train_images,
    valid_images=real_areas.loc[("valid", "published"), "images"],
    slipped=slip["images"],
    slipped_percent=100 * slip["images"] / train_images,
    slipped_of_first=int(train_images * (1 - VALIDATION_SHARE)) - slip["first"],
    slip_first=slip["first"],
    slip_last=slip["last"],
    slip_misses=slip["apart"],
    slip_dice=slip["label_dice"],
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The label that the published pairing gives (above) marks the tumour of another slice; below, the image's own. Four training images of the stretch that slips, of those whose two labels overlap least.", "name": "fig-pairing"}, "image": {"alt": "Four slices twice: above with a wrong label beside the tumour, below with the right one around it."}}
wrong = prepared.table.index[prepared.table["flags"].str.fullmatch("shifted")]
worst = report.images.loc[wrong, "label_dice"].sort_values(kind="stable").index[:4]
plotting.pairing(
    prepared.images[worst],
    prepared.masks["position"][worst],
    prepared.masks["box"][worst],
    [f"slice {n}" for n in prepared.table.loc[worst, "number"]],
)

# %% tags=["hide-input"]
stretches = report.pairing.set_index("split").rename(
    columns={
        "first": "from place",
        "last": "to place",
        "label_dice": "Dice with own label",
        "apart": "labels that miss",
    }
)
table(
    stretches.drop(columns="offset"), "Stretches of a list in which every image gets the label of the image before it."
)

# %% [markdown]
# This is the whole difference in code. As published:

# %% tags=["hide-input"]
source(coco.pair_by_position)

# %% [markdown]
# and by id, as the format means it:

# %% tags=["hide-input"]
source(coco.pair_by_id)

# %% [markdown]
# On its way from polygon to mask, the published label goes through a few more steps: it is truncated to whole pixels, makes a detour through a JPEG file,
# is resized, and goes through a morphological closing: of training labels, and, in code that is never run, another one of test labels. This book repeats them all, so that the study can be
# run as it was.

# %% tags=["hide-input"]
source(coco.published_mask)

# %% [markdown]
# ## Who is in which split
#
# The test images do not show new patients: {glue:text}`known:,.0f` of {glue:text}`test_images:,.0f` test images show a patient of the training split, and for
# {glue:text}`adjacent:,.0f` the slice right next to it is there. The slices were dealt out one by one, so that {glue:text}`patients_several` of {glue:text}`patients` patients have
# slices in more than one split.
#
# A test should tell how a network does on what it has not seen. Several slices of one patient lie a few millimetres apart and look much alike.
# If one of them is in the training split and its neighbour in the test split, the network has nearly seen the test. The Kaggle data set
# does not say which patient a slice shows. Cheng's does.

# %% tags=["hide-input"]
real_leak = real["patients"].astype(object).set_index(["first", "second"]).loc[("train", "test")]
glue(
    test_images=real_leak["images"],
    known=real_leak["known"],
    adjacent=real_leak["adjacent"],
    patients_several=real_findings.loc["patients in more than one split", "count"],
    copied_box=real_leak["copied_box"],
    copied_border=real_leak["copied_border"],
    best_published=published_table()["dice"].max(),
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Most patients are on several sides of the split. Above, one bar per patient, coloured by the split that each slice fell into; below, in how many splits the patients are.", "name": "fig-patients"}, "image": {"alt": "Stacked bars of slices per patient by split, and a bar chart of the combinations of splits."}}
plotting.patients_across_splits(prepared.table)

# %% [markdown]
# This makes a competitor that is no network. Copying the label of the nearest training slice scores a Dice of **{glue:text}`copied_box:.2f`** on the test images of
# known patients ({glue:text}`copied_border:.2f` if borders are copied and compared). The best Dice in the study's table is
# {glue:text}`best_published:.2f`; that is of training images, their pixels pooled, and [chapter 6](06_table) has networks on test images.

# %% tags=["hide-input"]
leak = report.patients.assign(splits=report.patients["first"] + " → " + report.patients["second"]).set_index("splits")
table(
    leak[["images", "known", "adjacent", "copied_box", "copied_border"]].rename(
        columns={
            "known": "patient known",
            "adjacent": "next slice known",
            "copied_box": "Dice, box copied",
            "copied_border": "Dice, border copied",
        }
    ),
    "Images of the second split whose patient, or whose neighbour, is in the first; and what a copy of the nearest slice scores.",
)

# %% [markdown]
# {term}`Leakage` of this kind is among the most frequent reasons why published results do not hold up {cite:p}`kapoor2023`. It does not
# need carelessness: the platform that exported this data set deals out images at random unless told otherwise, and the exported files
# contain no patient.
#
# ## What the categories mean
#
# The categories are not "tumour" and "no tumour". No image in this data set is without one, and a network trained on it has never seen a healthy head.
#
# The annotation file knows three categories, `Tumor`, `0` and `1`; the first is never used. The study's description reads `1` as tumour and `0` as no tumour. With the tumour
# types of Cheng's data set, one can see what they hold. Category `0` is glioma: {glue:text}`glioma_0:,.0f`, beside {glue:text}`meningioma_0:,.0f` meningiomas and
# {glue:text}`pituitary_0:,.0f` pituitary tumour. Category `1` is the two others: {glue:text}`pituitary_1:,.0f` pituitary tumours and {glue:text}`meningioma_1:,.0f` meningiomas, beside
# {glue:text}`glioma_1:,.0f` glioma.

# %% tags=["hide-input"]
glue(
    **{
        f"{kind}_{row['category']}": row[kind]
        for row in real["categories"].to_dict("records")
        for kind in ("glioma", "meningioma", "pituitary")
    }
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "One category holds the gliomas, the other the rest, but for a few images. Numbers of images by category of their label and tumour type; shade is the share within the row.", "name": "fig-categories"}, "image": {"alt": "Table of counts, two categories by three tumour types."}}
plotting.contingency(report.categories.rename_axis(columns="tumour type"))

# %% [markdown]
# ## How much of an image is tumour
#
# A network that finds nothing is right nearly everywhere: it has an {term}`accuracy` of **{glue:text}`blank_percent:.2f` %** on the training images. Tumours are small: by
# their borders they cover {glue:text}`border_area:.1f` % of a training image on average, by their labels {glue:text}`label_area:.1f` %; the rest is {term}`background`.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A label covers more than twice the area of its tumour. Share of the image that is tumour, by boxes (amber) and by borders (blue).", "name": "fig-area"}, "image": {"alt": "Distributions of tumour area for three tumour types, boxes and borders."}}
plotting.tumour_area(report.images)

# %% [markdown]
# The study's first two measures start at this height. {term}`Accuracy <accuracy>` counts pixels that are right. {term}`Mean IoU <mean IoU>` is the mean of two {term}`IoUs <IoU>`, that of the tumour and that of
# the background. For a blank answer they are zero and the share of background, so its mean IoU is half of its accuracy: {glue:text}`blank_iou_train:.4f` on the training images, and
# a mean IoU of **{glue:text}`blank_iou_valid:.4f`** on the validation images. Compare these with the study's table:

# %% tags=["hide-input"]
held = {"train": "training", "valid": "validation", "test": "test", "last fifth of train": "last fifth of training"}
blank = real_areas.xs("published", level="mask").loc[list(held), ["background_accuracy", "background_mean_iou"]]
printed = published_table()[["accuracy", "mean_iou"]].rename(index=TITLES)
rows = {"a blank answer": blank.set_axis(["accuracy", "mean_iou"], axis="columns").rename(index=held)}
measures = pd.concat(rows | {"the study": printed}, names=["answer by", "images or network"])
measures["accuracy"] *= 100
glue(
    blank_percent=100 * blank.loc["train", "background_accuracy"],
    blank_iou_train=blank.loc["train", "background_mean_iou"],
    blank_iou_valid=blank.loc["valid", "background_mean_iou"],
    label_area=100 * real_areas.loc[("train", "published"), "mean"],
    border_area=100 * real_areas.loc[("train", "border"), "mean"],
    lowest_accuracy=100 * printed["accuracy"].min(),
    highest_accuracy=100 * printed["accuracy"].max(),
    lowest_iou=printed["mean_iou"].min(),
    highest_iou=printed["mean_iou"].max(),
)
table(
    measures.rename(columns={"accuracy": "accuracy, %", "mean_iou": "mean IoU"}),
    "An answer without any tumour against the study's labels, and the networks of the study's table.",
    digits={"mean IoU": 4},
)

# %% [markdown]
# The four networks reach {glue:text}`lowest_accuracy:.2f` to {glue:text}`highest_accuracy:.2f` %, little above a blank answer, and a mean IoU of {glue:text}`lowest_iou:.4f` to
# {glue:text}`highest_iou:.4f`; all but one of these are below a blank answer's on the training images. The *last fifth* is what two of the networks were validated on.
#
# ## On the study's images
#
# One command looks for all of this in any data set of the same layout: `brainseg data check FOLDER`. On the study's images {glue:text}`checks_found` of its {glue:text}`checks` checks find
# something:

# %% tags=["hide-input"]
listed = real_findings[real_findings["count"] > 0][["count", "total"]]
unused = real_findings.loc["borders without an image"]
glue(
    checks=len(real_findings),
    checks_found=len(listed),
    collected=unused["total"],
    collected_unused=unused["count"],
    patients_renamed=real_findings.loc["patients with several IDs, which differ in a final letter", "count"],
)
table(listed.rename(columns={"total": "of"}), "What the check finds on the study's images.")

# %% [markdown]
# Where it finds nothing, it has looked all the same. No image is unreadable, coloured, of another size or doubled; no label is empty, reaches out of its image or disagrees with its entry of the bounding box; none is
# lost by the published pairing or changed by the published closing. Every image has a border that encloses tumour and lies in its slice, and no patient has two types of tumour.
#
# The phantom was made with the same quirks, most of them in about the same proportions. The same command, on the images that this chapter shows:

# %% tags=["hide-input"]
findings = report.findings.set_index("finding")[["count", "total"]]
table(
    findings[findings["count"] > 0].rename(columns={"total": "of"}),
    "What the check finds on the images of this chapter's figures.",
)

# %% [markdown]
# ## Summary
#
# - The labels are boxes. {glue:text}`box_is_tumour:.0f` % of a box is tumour, and a perfect outline scores a Dice of {glue:text}`outline_dice:.3f`. They mark where a tumour is; how well a network outlines it can be neither
#   learnt nor measured with them alone.
# - One image with two annotations and one with none gave {glue:text}`slipped:,.0f` of {glue:text}`train_images:,.0f` training images the label of the image before them.
# - {glue:text}`known:,.0f` of {glue:text}`test_images:,.0f` test images show a patient of the training split, so the test does not test on new patients. On these, a copy of the nearest training label of the same patient scores {glue:text}`copied_box:.2f`.
# - The categories are types of tumour. All {glue:text}`images:,.0f` images show one.
# - A blank answer has an accuracy of {glue:text}`blank_percent:.2f` % and a mean IoU of {glue:text}`blank_iou_train:.4f` on the training images, about what the study's table has.
#
# None of this shows in a training log. All of it shows in a picture or in a count.
#
# ## Exercises
#
# Some numbers depend on `variant`, so that another class can be given others.

# %% tags=["hide-input"]
import numpy as np

from brainseg.paper.course.variants import drawn

variant = 0

# %% [markdown]
# ### From Dice to IoU and back
#
# *Easy, ten minutes.* Dice and IoU of one image are tied: $\text{Dice} = 2\,\text{IoU} / (1 + \text{IoU})$. Write `iou_of(dice)`. It holds for every row of `report.images`. Does it hold for means? Put into
# `gap` the mean of the column `iou`, minus what `iou_of` makes of the mean of the column `dice`.


# %% tags=["hide-input", "solution"]
def iou_of(dice):
    """IoU of an image with this Dice."""
    ### BEGIN SOLUTION
    return dice / (2 - dice)
    ### END SOLUTION


### BEGIN SOLUTION
gap = report.images["iou"].mean() - iou_of(report.images["dice"].mean())
# It is above zero: the curve from Dice to IoU bends upwards, so the mean of its values lies above its value at the mean.
### END SOLUTION

# %% tags=["hide-input", "checks"]
assert np.isclose(iou_of(1), 1) and np.isclose(iou_of(0), 0), (
    "both are one for equal masks, zero for masks that do not touch"
)
### BEGIN HIDDEN TESTS
compared_rows = report.images.dropna(subset=["dice", "iou"])
assert np.allclose(compared_rows["dice"].map(iou_of), compared_rows["iou"], atol=1e-6)
mean_dice = compared_rows["dice"].mean()
assert np.isclose(gap, compared_rows["iou"].mean() - mean_dice / (2 - mean_dice), atol=1e-6)
### END HIDDEN TESTS

# %% [markdown]
# ### How tight is a box
#
# *Medium, fifteen minutes.* A box leaves room for two reasons: it can be loose, and a tumour has no corners. Write `tight(border)`, which returns the mask of the smallest box around a border's mask. Then put into
# `looseness` the share of the study's own box of image `chosen_row` that lies outside of the smallest one.

# %% tags=["hide-input"]
overlapping = train[(prepared.masks["box"][train] & prepared.masks["border"][train]).any(axis=(1, 2))]
chosen_row = overlapping[drawn(variant, len(overlapping), "row")]


# %% tags=["hide-input", "solution"]
def tight(border):
    """Mask of the smallest box around a mask, which is not empty."""
    ### BEGIN SOLUTION
    rows, columns = np.flatnonzero(border.any(axis=1)), np.flatnonzero(border.any(axis=0))
    smallest = np.zeros_like(border)
    smallest[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = 1
    return smallest
    ### END SOLUTION


### BEGIN SOLUTION
own_box = np.asarray(prepared.masks["box"][chosen_row]) > 0
looseness = np.mean(~(tight(prepared.masks["border"][chosen_row]) > 0)[own_box])
### END SOLUTION

# %% tags=["hide-input", "checks"]
assert tight(np.eye(3, dtype=int)).tolist() == [[1, 1, 1]] * 3, "the smallest box around a diagonal is the whole square"
### BEGIN HIDDEN TESTS
places = np.argwhere(np.asarray(prepared.masks["border"][chosen_row]))
(above, left), (below, right) = places.min(axis=0), places.max(axis=0)
assert tight(np.asarray(prepared.masks["border"][chosen_row])).sum() == (below - above + 1) * (right - left + 1)
shared = np.asarray(prepared.masks["box"][chosen_row])[above : below + 1, left : right + 1].sum()
assert np.isclose(looseness, 1 - shared / np.asarray(prepared.masks["box"][chosen_row]).sum(), atol=1e-6)
### END HIDDEN TESTS

# %% [markdown]
# ### One label too many
#
# *Medium, fifteen minutes.* Write `slipped(counts)`: `counts` has the number of labels of each image, in the order of the list, as many labels as images in all. How many images get another image's label if the two lists are
# walked side by side? Then try it: where must the image without a label stand for the most harm, and where for the least?


# %% tags=["hide-input", "solution"]
def slipped(counts):
    """How many images get the label of another one."""
    ### BEGIN SOLUTION
    owners = np.repeat(np.arange(len(counts)), counts)
    return int(np.sum(owners != np.arange(len(counts))))
    ### END SOLUTION


# %% tags=["hide-input", "checks"]
assert slipped([1, 1, 1]) == 0, "nothing slips where every image has one label"
assert slipped([1, 2, 0, 1]) == 1, "the third image gets the second label of the second"
### BEGIN HIDDEN TESTS
for place in range(5):
    listed = np.insert(np.ones(4 + drawn(variant, 9, "length"), int), 2, 2).tolist()
    listed.insert(place, 0)
    given = [owner for owner, count in enumerate(listed) for _ in range(count)]
    assert slipped(listed) == sum(owner != image for image, owner in enumerate(given))
### END HIDDEN TESTS

# %% [markdown]
# ### Deal out patients
#
# *Hard, thirty minutes.* Write `dealt(patients, shares)`: `patients` has the patient of each slice, `shares` the share of each split, by name. It returns the split of each slice, as a list, so that no patient is in two splits and
# each split's share of the *slices* is within `0.05` of what was asked. What else should be alike in the splits?


# %% tags=["hide-input", "solution"]
def dealt(patients, shares):
    """The split of each slice, whole patients together."""
    ### BEGIN SOLUTION
    sizes = pd.Series(patients).value_counts()
    left = {split: share * len(patients) for split, share in shares.items()}
    split_of = {}
    for patient, size in sizes.items():  # the largest first, each to the split that lacks most
        split_of[patient] = max(left, key=left.get)
        left[split_of[patient]] -= size
    return [split_of[patient] for patient in patients]
    # The types of tumour should be alike, too, and so should whatever else decides how hard a slice is.
    ### END SOLUTION


# %% tags=["hide-input", "checks"]
asked_shares = {"train": 0.7, "valid": 0.2, "test": 0.1}
of_patients = prepared.table["patient"].tolist()
assert len(dealt(of_patients, asked_shares)) == len(of_patients), "one split for each slice"
### BEGIN HIDDEN TESTS
for asked_of in (asked_shares, {"one": 0.5, "other": 0.5}):
    found_splits = pd.Series(dealt(of_patients, asked_of))
    assert found_splits.groupby(of_patients).nunique().max() == 1
    assert (found_splits.value_counts(normalize=True) - pd.Series(asked_of)).abs().max() < 0.05
### END HIDDEN TESTS
