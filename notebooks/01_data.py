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
# Before any network is trained, somebody has drawn the answer. Every score of a {term}`segmentation` study compares a
# network's picture with that drawing, so the first question is not how good the network is but what was drawn, by whom,
# and around what.
#
# The study took its images from Kaggle {cite:p}`pkdarabi2023`: magnetic resonance slices of heads with a tumour, each with
# a label. This chapter looks at them before any network does. At the end of it you can say
#
# - what a label outlines, and how far that is from the tumour;
# - which label each image was trained with, and why it was not always its own;
# - how the patients are spread over training and test images;
# - what score a network gets that never finds a tumour.

# %% tags=["parameters"]
dataset = "phantom"
data = None
scale = "quick"
seed = 0

# %% tags=["hide-input"]
import pandas as pd

from brainseg import plotting
from brainseg.data import check, coco
from brainseg.data.dataset import open_dataset
from brainseg.experiments.recorded import recorded
from brainseg.paper.display import Markdown, items, source
from brainseg.paper.study import published_table

pd.set_option("display.max_colwidth", None)

images = open_dataset(dataset, data, progress=True)
report = check.check(images.root)
prepared = images.prepared(256)
table = prepared.table

# %% tags=["hide-input"]
{
    "phantom": Markdown(
        "> This copy of the book shows the **phantom**: simulated slices with the layout and the quirks of the real images. "
        "Pictures and numbers on this page are the phantom's. What was measured on the study's own images stands beside them in "
        "the section *On the study's images*."
    ),
    "tumorseg": Markdown(
        "> This copy of the book shows the **study's own images**; pictures and numbers are measured on them."
    ),
}[dataset]

# %% [markdown]
# ## A first look
#
# The data set comes in three {term}`splits <split>`, each a folder of JPEG images and one file in {term}`COCO` format with the
# labels: `train` to learn from, `valid` to watch the training, `test` to measure what was learnt.

# %% tags=["hide-input"]
table.groupby("split", sort=False).agg(
    images=("number", "size"), patients=("patient", "nunique"), annotations=("annotations", "sum")
)

# %% [markdown]
# Here are twelve slices of the training split, as the networks see them but larger. All were taken after a
# {term}`contrast agent` was given, which makes many tumours light up. Some slices lie flat through the head, some upright from
# front to back, some upright from ear to ear. Can you find the tumour in each?

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Twelve slices of the training split, evenly spaced through its list, with nothing drawn on them. The tumours differ in size, place and brightness; the bright rim is scalp, not tumour.", "name": "fig-montage"}, "image": {"alt": "Grid of twelve grey MRI slices of heads."}}
train = prepared.rows("train")
chosen = train[:: len(train) // 12][:12]
plotting.montage(prepared.images[chosen])

# %% [markdown]
# ## What a label outlines
#
# The same slices again, now with two outlines. The yellow one is the label that comes with the images, the one the study learnt
# from. The blue one is the tumour's border, drawn by hand: the images were collected by Jun Cheng
# {cite:p}`cheng2015,cheng2017`, and his data set holds, for the very same slices, the border of the tumour, its type, and
# which patient the slice shows. Both data sets number their slices, and the number in the name of the file joins them.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The slices of the figure above with their label (yellow) and the border of the tumour drawn by hand (blue). Every yellow outline is a rectangle. It leaves a wide margin of healthy tissue around the tumour.", "name": "fig-outlines"}, "image": {"alt": "The same twelve slices; each has a yellow rectangle around a smaller, irregular blue outline."}}
plotting.montage(
    prepared.images[chosen], {"box": prepared.masks["box"][chosen], "border": prepared.masks["border"][chosen]}
)

# %% tags=["hide-input"]
findings = report.findings.set_index("finding")
boxes = findings.loc["labels that are axis-parallel rectangles, not outlines"]
agreement = report.agreement.set_index("split")
whole = agreement.astype(object).loc["all"]
Markdown(
    f"Of the labels, {boxes['count']:,} of {boxes['total']:,} are rectangles with sides parallel to the image. Such a label is a "
    f"bounding box: it says where the tumour is, not which pixels are tumour. On average only **{100 * whole['box_is_tumour']:.0f} %** "
    f"of a box is tumour; the rest is tissue around it. The box does contain the tumour: on average "
    f"{100 * whole['tumour_in_box']:.0f} % of it. In {whole['apart'] or 'no'} image{'' if whole['apart'] == 1 else 's'} "
    "do box and border not touch at all. So the numbers join the right slices: the border of another one would seldom lie in the box."
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "One slice whole (left) and its tumour close up (right). A network that learns from the yellow box is taught that everything between the two outlines is tumour.", "name": "fig-box"}, "image": {"alt": "A slice with a box and a border around its tumour, and the same enlarged."}}
middle = (
    report.images[report.images["split"] == "train"].dropna(subset=["dice"]).sort_values("dice").iloc[len(train) // 2]
)
row = train[int(middle["position"])]
plotting.box_against_border(prepared.images[row], prepared.masks["box"][row], prepared.masks["border"][row])

# %% [markdown]
# How much do the two agree? A common measure is the {term}`Dice` coefficient {cite:p}`dice1945`, twice the area that two masks
# share divided by the sum of their areas: 1 if they are the same, 0 if they do not touch. Another is {term}`IoU`, the area they
# share divided by the area they cover together. It is the smaller of the two, except at 0 and 1, where they are equal.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Dice of label against border, one value per image. An image at 1 would have a label that follows the tumour's border.", "name": "fig-agreement"}, "image": {"alt": "Histogram of the Dice coefficients of labels against borders."}}
plotting.agreement(report.images["dice"])

# %% tags=["hide-input"]
agreement.drop(columns="apart").round(3).rename(
    columns={
        "dice": "Dice",
        "iou": "IoU",
        "box_is_tumour": "share of box that is tumour",
        "tumour_in_box": "share of tumour in box",
    }
)

# %% tags=["hide-input"]
Markdown(
    f"Read the Dice column as the score of a perfect outline. A network that outlined every tumour exactly as the expert did would score "
    f"**{whole['dice']:.2f}** against these labels, and a network that draws perfect boxes would look far better than it is: it would "
    "be told 1.00, and its outlines would be as wrong as the boxes are."
)

# %% [markdown]
# The study calls its labels segmentations, and the file format does too: each annotation has a field named `segmentation`. It holds a
# polygon with five points, which is a rectangle drawn once around and back to its start. Nothing in the format or in the software
# warns of it. It takes a look at the pictures.
#
# ## Which label belongs to which image
#
# A COCO file has one list of images and one list of annotations. Every annotation carries the `image_id` of its image. The study's
# notebook walks the two lists side by side instead: image number $k$ gets annotation number $k$. That works as long as every image has
# exactly one annotation.

# %% tags=["hide-input"]
numbers = table.loc[train].groupby("annotations").size()
n, total = findings.loc["images given another image's label by the published pairing", ["count", "total"]]
Markdown(
    "In the training list "
    + ", ".join(
        f"{m} image{'s have' if m > 1 else ' has'} {k} annotation{'' if k == 1 else 's'}" for k, m in numbers.items()
    )
    + f". The lists are of the same length, so nothing looks wrong; but from the image with two annotations to the image with none, every "
    f"image is trained with the label of the image before it: **{n:,} of {total:,} images ({100 * n / total:.1f} %)**."
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Four training images from the shifted stretch. Above, the label that the published pairing gives them; below, their own. The label above marks the tumour of another patient or another slice.", "name": "fig-pairing"}, "image": {"alt": "Four slices twice: above with a wrong label beside the tumour, below with the right one around it."}}
wrong = table.index[table["flags"].str.contains("shifted") & table["flags"].str.fullmatch("shifted")]
worst = report.images.loc[wrong, "label_dice"].sort_values(kind="stable").index[:4]
plotting.pairing(
    prepared.images[worst],
    prepared.masks["position"][worst],
    prepared.masks["box"][worst],
    [f"slice {n}" for n in table.loc[worst, "number"]],
)

# %% [markdown]
# The table below lists each such stretch: its first and last place in the list, how far away the label comes from, how well that label
# fits the image's own (mean Dice), and how many of these labels do not even touch it.

# %% tags=["hide-input"]
report.pairing.round(3).rename(columns={"label_dice": "mean Dice with own label", "apart": "labels that miss"})

# %% [markdown]
# This is the whole difference in code. As published:

# %% tags=["hide-input"]
source(coco.pair_by_position)

# %% [markdown]
# and by id, as the format means it:

# %% tags=["hide-input"]
source(coco.pair_by_id)

# %% [markdown]
# On its way from polygon to mask, the published label goes through a few more steps, all repeated here one by one so that the study can be
# run as it was: truncation to whole pixels, a detour through a JPEG file, a resize, and a morphological closing that differs between
# training and test.

# %% tags=["hide-input"]
source(coco.published_mask)

# %% [markdown]
# ## Who is in which split
#
# A test tells how a network does on what it has not seen. Several slices of one patient lie a few millimetres apart and look much alike.
# If one of them is in the training split and its neighbour in the test split, the network has nearly seen the test. The Kaggle data set
# does not say which patient a slice shows. Cheng's does.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Above, one bar per patient, coloured by the split that each slice fell into. Below, in how many splits the patients are. Slices were dealt out one by one, so that most patients are on several sides.", "name": "fig-patients"}, "image": {"alt": "Stacked bars of slices per patient by split, and a bar chart of the combinations of splits."}}
plotting.patients_across_splits(table)

# %% tags=["hide-input"]
leak = report.patients.astype(object).set_index(["first", "second"])
test = leak.loc[("train", "test")]
Markdown(
    f"Of the {test['images']:,} test images, **{test['known']:,}** show a patient whose other slices are in the training split, and for "
    f"{test['adjacent']:,} the slice right next to it is there. This can be turned into a competitor without any network: copy the label of "
    f"the nearest training slice of the same patient. It scores a mean Dice of **{test['copied_box']:.2f}** on those test images "
    f"({test['copied_border']:.2f} if borders are copied and compared instead of boxes)."
)

# %% tags=["hide-input"]
report.patients.round(3).rename(
    columns={
        "first": "seen split",
        "second": "tested split",
        "known": "images of shared patients",
        "adjacent": "next slice seen",
        "copied_box": "Dice of copied box",
        "copied_border": "Dice of copied border",
    }
)

# %% [markdown]
# {term}`Leakage` of this kind is among the most frequent reasons why published results do not hold up {cite:p}`kapoor2023`. It does not
# need carelessness: the platform that exported this data set deals out images at random unless told otherwise, and the exported files
# contain no patient.
#
# ## What the categories mean
#
# The annotation file knows three categories: `Tumor`, `0` and `1`. The study's description reads `1` as tumour and `0` as no tumour. But every
# image has a tumour. With the tumour types of Cheng's data set, one can see what the two categories hold:

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Number of images by category of their label (rows) and tumour type (columns). Shade is the share within the row.", "name": "fig-categories"}, "image": {"alt": "Table of counts, two categories by three tumour types."}}
plotting.contingency(report.categories)

# %% tags=["hide-input"]
types = report.categories
mostly = {name: types.loc[name].nlargest(2) for name in types.index}
items(
    f"Category `{name}`: "
    + " and ".join(f"{n:,} {kind}" for kind, n in top.items())
    + f", of {types.loc[name].sum():,}."
    for name, top in mostly.items()
)

# %% [markdown]
# So one category holds one type of tumour and the other the two others, but for a few images, and they say nothing about whether there is a tumour. No image in this data set is without
# one, and a network trained on it has never seen a healthy head.
#
# ## How much of an image is tumour
#
# Tumours are small. That makes some scores easy.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Share of the image that is tumour, by tumour type: as the boxes have it and as the borders have it.", "name": "fig-area"}, "image": {"alt": "Distributions of tumour area for three tumour types, boxes and borders."}}
plotting.tumour_area(report.images)

# %% [markdown]
# If nearly every pixel is {term}`background`, then a network that says "background" everywhere is right nearly everywhere. The table shows
# what it scores in pixel {term}`accuracy` and in {term}`mean IoU`, the study's first two measures; on the labels made as published,
# on boxes paired by id, and on borders. The last fifth of the training list is what two of the four networks were validated on.

# %% tags=["hide-input"]
areas = report.areas.set_index(["split", "mask"])
(100 * areas[["mean", "median", "background_accuracy"]]).map("{:.2f} %".format).assign(
    **{"background mean IoU": areas["background_mean_iou"].round(4)}
).rename(columns={"mean": "mean area", "median": "median area", "background_accuracy": "background accuracy"})

# %% [markdown]
# Keep these numbers in mind for the next chapters. The study published these accuracies and mean IoUs:

# %% tags=["hide-input"]
published = published_table()
(100 * published[["accuracy"]]).map("{:.2f} %".format).assign(**{"mean IoU": published["mean_iou"]})

# %% [markdown]
# ## On the study's images
#
# `brainseg data check FOLDER` looks for all of this in any data set of the same layout. The table lists what it finds in the data set
# of this copy of the book and what was recorded on the study's images. What was not found is listed as well: it says that somebody
# looked.

# %% tags=["hide-input"]
real = recorded("tumorseg-check")
real_findings = real["findings"].set_index("finding")
pd.DataFrame(
    {
        "this copy": [f"{row['count']:,} of {row['total']:,}" for _, row in findings.iterrows()],
        "study's images": [
            f"{row['count']:,} of {row['total']:,}" for _, row in real_findings.loc[findings.index].iterrows()
        ],
    },
    index=findings.index,
)

# %% tags=["hide-input"]
real_whole = real["agreement"].set_index("split").loc["all"]
real_leak = real["patients"].astype(object).set_index(["first", "second"]).loc[("train", "test")]
real_shift = real["pairing"].iloc[0]
real_areas = real["areas"].set_index(["split", "mask"])
items(
    [
        f"A perfect outline scores a Dice of **{real_whole['dice']:.3f}** against the study's labels; {100 * real_whole['box_is_tumour']:.0f} % "
        "of a label is tumour.",
        f"From place {real_shift['first']:,} to place {real_shift['last']:,} of the training list, {real_shift['images']} images are trained "
        f"with the label of the image before them. {real_shift['apart']} of these labels do not touch the right one.",
        f"{real_leak['known']} of {real_leak['images']} test images show a patient of the training split. Copying the label of the nearest "
        f"training slice scores a Dice of **{real_leak['copied_box']:.2f}**. (The best Dice in the study's table is "
        f"{published_table()['dice'].max():.2f}, but that is of training images, their pixels pooled; [chapter 6](06_table) has networks on test images.)",
        *(
            f"Category `{row['category']}`: "
            + ", ".join(f"{row[kind]:,} {kind}" for kind in ("glioma", "meningioma", "pituitary"))
            + "."
            for row in real["categories"].to_dict("records")
        ),
        f"Finding no tumour at all has an accuracy of {100 * real_areas.loc[('train', 'published'), 'background_accuracy']:.2f} % on the "
        f"training images and a mean IoU of **{real_areas.loc[('valid', 'published'), 'background_mean_iou']:.4f}** on the validation images.",
    ]
)

# %% [markdown]
# ## Summary
#
# - The labels are boxes. They mark where a tumour is; how well a network outlines it cannot be learnt or measured with them alone.
# - One image with two annotations and one with none shift the labels of every image in between.
# - Most patients have slices on both sides of the split, so the test split does not test on new patients.
# - The categories are not "tumour" and "no tumour".
# - Tumours are so small that a network that finds nothing has an accuracy above 96 %, and about the mean IoU of the study's table.
#
# None of this shows in a training log. All of it shows in a picture or in a count.
#
# ## Exercises
#
# 1. Dice and IoU of one image are tied: Dice = 2 IoU / (1 + IoU). Check it on one row of `report.images`. Is it also true of the means in the
#    table of agreement? Why not?
# 2. A box fits an ellipse so tightly that it touches it on all four sides. Which share of the box is ellipse? Compare it with the measured share:
#    how much of the margin is due to loose boxes, how much to corners?
# 3. Move the image without annotations to the front of the list. How many images get another image's label now?
# 4. Deal out patients instead of slices: write a function that puts each patient into one split, at 70, 20 and 10 %. How close to these shares can
#    you get, and what happens to the tumour types?
