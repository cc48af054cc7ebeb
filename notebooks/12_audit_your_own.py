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
# # Audit a study of your own
#
# ```{admonition} Before you start
# :class: before
# **You will be able to** check any data set in COCO format with one command, and say what such a check cannot see; ask a table of scores whether its numbers can belong together; write claims down so that a program judges them.
# **You need** to know what a {term}`split` and {term}`leakage` are ([chapter 1](01_data)) and what a blank sheet scores ([chapter 6](06_table)).
# **The answer**: of {glue:text}`planted_kinds` kinds of fault that are planted in a second data set the check finds {glue:text}`found_kinds`, each as often as it was planted, and of a data set without faults it says nothing. Of {glue:text}`exchanged` images whose names were exchanged it finds {glue:text}`exchanged_found`: that takes a look.
# ```
#
# The eleven chapters before this one are about one study, whose authors made it possible to look closely. Nothing in them needs that study. Here the same tools meet a data set with other names, other folders and other faults, and then it is your turn.

# %% tags=["parameters"]
dataset = "phantom"
data = None
scale = "quick"
seed = 0

# %% tags=["hide-input"]
import json
import textwrap
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from PIL import Image as Picture

from brainseg import morphology, plotting
from brainseg.data.check import check
from brainseg.data.coco import decode, read_splits, shrink, union
from brainseg.data.dataset import open_dataset
from brainseg.data.planted import FAULTS, plant
from brainseg.paper.claims import checker, evidence, ledger
from brainseg.paper.display import glue, table

images = open_dataset(dataset, data, progress=True)
kept = TemporaryDirectory()
folder = Path(kept.name)

# %% [markdown]
# ## A second data set
#
# It has what the study's lacks, and lacks what the study's has: its labels are outlines, whole patients lie in a split, and no border file beside it says what is right. It stands for one that somebody else made, in the layout that {term}`COCO` itself uses: `annotations/instances_training.json`, and the images in `images/training`. Its splits are called `training`, `tuning` and `holdout`, and a file such as `P06-07.png` is named after its patient.
#
# It is made from the images of this book in a line, and faults are planted in it. Of a data set of your own you would not know which; so read the check before you look at what was planted.

# %%
second = folder / "second"
planted = plant(images.root, second)

# %% [markdown]
# ## What one command finds
#
# The check finds {glue:text}`found_kinds` of {glue:text}`planted_kinds` planted kinds of fault, each as often as it was planted. It takes any folder in this layout, or one with `_annotations.coco.json` beside the images of each split:
#
# ```bash
# brainseg data check FOLDER --patient "^P[0-9]+"
# ```
#
# `--patient` is a pattern, a regular expression, that finds in the name of a file whom it shows; yours will differ. In a notebook the command is a function:

# %%
report = check(second, patient="^P[0-9]+")

# %% tags=["hide-input", "of-copy"]
found = report.findings[report.findings["count"] > 0].set_index("finding")
table(found[["count", "total"]].rename(columns={"total": "of"}), "What the check finds in the second data set.")

# %% tags=["hide-input", "of-copy"]
signs = {
    "unlabelled": "images without an annotation",
    "shrunk": "images that cannot be read, or are of another size than listed",
    "patient": "images in holdout of patients who are in training too",
    "copies": "images that nearly repeat one of an earlier split",
    "ids": "categories with another id in another split",
}
kinds, counts = planted.groupby("fault", sort=False).size(), report.findings.set_index("finding")["count"]
table(
    pd.DataFrame({"planted": kinds, "found": {kind: counts[signs[kind]] for kind in kinds.index}, "what": FAULTS})
    .loc[list(FAULTS)]
    .rename_axis("fault"),
    "What was planted, and how often the check found it: images, or categories.",
)

# %% tags=["hide-input"]
clean = folder / "clean"
plant(images.root, clean, faults=[])
nothing = check(clean, patient="^P[0-9]+").findings
glue(
    planted_kinds=len(kinds),
    found_kinds=int(sum(counts[signs[kind]] == number for kind, number in kinds.items())),
    checks=len(nothing),
    clean_found=int((nothing["count"] > 0).sum()),
    unlabelled=kinds["unlabelled"],
    slipped=counts["images given another image's label by pairing by position"],
    shrunk=kinds["shrunk"],
    moved=kinds["patient"],
    copies=kinds["copies"],
    swapped=kinds["ids"],
)

# %% [markdown]
# All that was found follows from what was planted, and the same data set without faults has {glue:text}`clean_found` findings in {glue:text}`checks` checks. Each finding asks for a decision that no check can make.
#
# - **No annotation**, {glue:text}`unlabelled` images. Is there no tumour, or was it forgotten? Look. For whoever pairs the two lists by position, {glue:text}`slipped` other images get a wrong label.
# - **Another size than listed**, {glue:text}`shrunk` images, all of `tuning`. Somebody made the pictures smaller, and not the outlines.
# - **A patient in two splits**, {glue:text}`moved` images of `holdout`. Move them, or the patient's others.
# - **Near-duplicates**, {glue:text}`copies` images of `holdout` that are also in `training`, mirrored or brighter. Their names say that they show somebody else.
# - **Categories**, {glue:text}`swapped` that have each other's number in `holdout`. Who goes by name sees nothing; who goes by number learns one type of tumour and is tested on another.
#
# ### Look at what was found
#
# A program that does not compare sizes draws the outlines of `tuning` far from their tumours:

# %% tags=["hide-input", "of-copy"] mystnb={"figure": {"caption": "Outlines of images that were made smaller after labelling are too large and miss their tumours. Four images of tuning, the outlines drawn on the pictures as they are.", "name": "fig-shrunk"}, "image": {"alt": "Four slices with outlines that lie too far down and to the right of the tumours, some cut off by the edge."}}
splits = read_splits(second)


def opened(image):
    """The picture, of whatever size it is."""
    return np.asarray(Picture.open(image.path))


def label(split, image):
    """The mask of what is drawn on an image, at the size that the annotation file says."""
    return decode(union(split.annotations_of(image), image))


tuning = splits["tuning"]
side = len(opened(tuning.images[0]))
drawn_on = {image: label(tuning, image)[:side, :side] for image in tuning.images}
missed = [image for image, mask in drawn_on.items() if mask.any()]
missed = missed[:: len(missed) // 4][:4]
plotting.montage([opened(image) for image in missed], {"border": [drawn_on[image] for image in missed]})

# %% [markdown]
# Each image of `holdout` was compared with all of `training`, at sixty-four pixels to a side, in eight ways to turn and mirror it. Brightness and contrast do not count. These three are pairs:

# %% tags=["hide-input", "of-copy"] mystnb={"figure": {"caption": "Three images of the holdout split (below) are images of the training split (above), mirrored, brighter, or both; the check found them by their pixels.", "name": "fig-twins"}, "image": {"alt": "Three pairs of slices; the lower of each pair is the upper one mirrored, brighter, or both."}}
twins = report.images[report.images["twin"] >= 0]
pairs = pd.concat([report.images.loc[twins["twin"]], twins])
files = {(name, image.path.name): image for name, split in splits.items() for image in split.images}
plotting.montage(
    [opened(files[split, name]) for split, name in zip(pairs["split"], pairs["name"], strict=True)],
    titles=[f"{split}, {name[:-4]}" for split, name in zip(pairs["split"], pairs["name"], strict=True)],
    columns=len(twins),
)

# %% [markdown]
# ### What it says it did not check
#
# A check that is silent about what it left out sounds like a clean bill. Without the pattern it cannot know whom an image shows, and says so:

# %%
check(second).unchecked["what"].tolist()

# %% [markdown]
# The first stays open in most data sets: nothing says whether an outline follows the tumour. The study's labels could be compared with borders because Jun Cheng had published them {cite:p}`cheng2017`.
#
# ## What saying nothing scores
#
# A blank answer is right in {glue:text}`blank_percent:.1f` % of the pixels of `holdout`, and has a mean IoU of {glue:text}`blank_iou:.3f` if mean IoU is computed over two classes. Know these two numbers before you read any score. The other end is an answer that marks every pixel: its mean Dice of {glue:text}`full_dice:.3f` is what remains of a Dice that knows nothing.

# %% tags=["hide-input", "of-copy"]
areas = report.areas.set_index("split")
glue(
    blank_percent=100 * areas.loc["holdout", "background_accuracy"],
    blank_iou=areas.loc["holdout", "background_mean_iou"],
    full_dice=areas.loc["holdout", "full_dice"],
)
trivial = {
    "accuracy, blank": areas["background_accuracy"],
    "mean IoU, blank": areas["background_mean_iou"],
    "accuracy, all": areas["mean"],
    "Dice, all": areas["full_dice"],
}
table(pd.DataFrame(trivial), "What a blank answer scores, and one that marks all pixels.", digits=3)

# %% [markdown]
# ## What no such check can see
#
# Exchange the names of two files in an annotation file, and the check finds {glue:text}`exchanged_found` of the {glue:text}`exchanged` images, though both have a wrong label now. All counts are right: every image has one outline, inside of it, of a category that exists. Here it is done to the data set without faults:

# %%
path = clean / "annotations" / "instances_training.json"
content = json.loads(path.read_text())
one, other = content["images"][0], content["images"][-1]
one["file_name"], other["file_name"] = other["file_name"], one["file_name"]
path.write_text(json.dumps(content))
exchanged = check(clean, patient="^P[0-9]+")
int(exchanged.findings["count"].sum())

# %% tags=["hide-input", "of-copy"] mystnb={"figure": {"caption": "Both outlines mark the other image's tumour, and only a look tells. Two images whose names were exchanged.", "name": "fig-exchanged"}, "image": {"alt": "Two slices, each with an outline beside its tumour."}}
glue(exchanged_found=int(exchanged.findings["count"].sum()), exchanged=len([one, other]))
training = read_splits(clean)["training"]
ends = [training.images[0], training.images[-1]]
plotting.montage([opened(image) for image in ends], {"border": [label(training, image) for image in ends]}, columns=2)

# %% [markdown]
# So draw labels, always: ten at random from each split, and ten from the ends of the lists. It takes a quarter of an hour.
#
# ## Any paper's table
#
# Of the three rows below, whose numbers come from made answers to the training images of the second data set, {glue:text}`contradicting` cannot be scores of one answer, its pixels pooled. Suppose that a paper prints this table:

# %% tags=["hide-input", "of-copy"]
outlined = [image for image in splits["training"].images if splits["training"].annotations_of(image)]
truth = np.stack([shrink(label(splits["training"], image), 128) for image in outlined]).astype(np.uint8)


def pooled(answer):
    """Scores of an answer, all pixels of all images counted as of one."""
    both, either = (answer & truth).sum(), (answer | truth).sum()
    empty = (1 - (answer | truth)).sum()
    tumour, background = both / either, empty / (empty + either - both)
    return {
        "accuracy": (answer == truth).mean(),
        "Dice": 2 * both / (answer.sum() + truth.sum()),
        "IoU": tumour,
        "mean IoU": (tumour + background) / 2,
    }


rows = {
    "Network A": pooled(morphology.dilation(truth, 1)),
    "Network B": pooled(morphology.erosion(truth, 1)),
    "Network C": pooled(np.roll(truth, 3, axis=2)),
}
rows["Network B"]["mean IoU"] = (1 - truth.mean()) / 2  # of probabilities, as chapter 6 has it
rows["Network C"] |= {"Dice": rows["Network C"]["IoU"], "IoU": rows["Network C"]["Dice"]}
printed = pd.DataFrame(rows).T.round(4).rename_axis("network")
table(printed, "A table as a paper might print it.", digits=4)

# %% [markdown]
# Type such a table into a file, a row for each method and a column for each score, with as many digits as are printed, and ask `brainseg check-table FILE`. It takes CSV or JSON and knows accuracy, precision, recall, specificity, Dice, IoU, mean IoU and the share of tumour, by most names that they have. Per cent need their sign, in the cell or at the head of the column; what is in a column of another name is printed beside the name of the row.

# %% tags=["hide-input", "of-copy"]
printed.to_csv(folder / "table.csv", float_format="%.4f")
verdicts = [checker.check(name, scores) for name, scores in checker.read_table(folder / "table.csv").items()]
glue(contradicting=sum(row.verdict != checker.POSSIBLE for row in verdicts), tabled=len(verdicts))
print("\n".join(textwrap.fill(line, 80, subsequent_indent="    ") for row in verdicts for line in row.sentences()))

# %% [markdown]
# Network A is possible, which does not mean right. In the row of Network B the mean IoU is below what accuracy and Dice leave room for: it is half of the background, as in [chapter 6](06_table). In that of Network C the two columns stand in each other's place, for an IoU never exceeds its Dice. *Not of pooled pixels* is no accusation: means over images obey fewer rules, and a paper that says which of the two it prints settles it.
#
# ## Claims of your own
#
# A sentence that a program can judge names a number, how far off is still right, and why. Write the claims before you look, each as an entry of a file; `study` is what you audit, `book` what you say of it yourself.

# %%
(folder / "claims.yml").write_text("""\
- id: all-labelled
  maker: study
  quote: Every tumour of the training set was outlined.
  place: Section 2
  test: checked
  arguments: {table: findings, column: count, row: {finding: images without an annotation}}
  published: 0
  tolerance: 0
  reason: Every one is every one.
- id: patients-apart
  maker: study
  quote: No patient is in more than one split.
  place: Section 2
  test: checked
  arguments: {table: findings, column: count, row: {finding: patients in more than one split}}
  published: 0
  tolerance: 0
  reason: None is none.
- id: blank-is-right
  maker: book
  quote: A blank sheet is right in about 99 % of the pixels of the holdout images.
  place: my audit
  test: checked
  arguments: {table: areas, column: background_accuracy, row: {split: holdout}}
  published: 0.99
  tolerance: 0.005
  reason: About is to the nearest per cent.
""")
claims = ledger.read_claims(folder / "claims.yml")
judged = ledger.evaluate(claims, evidence.Evidence(second, patient="^P[0-9]+"))

# %% tags=["hide-input", "of-copy"]
glue(claims=len(judged), held=int((judged["verdict"] == "reproduced").sum()))
shown = {"claimed": judged["published"], "measured": judged["measured"]}
shown = {name: values.map("{:.4g}".format) for name, values in shown.items()} | {"verdict": judged["verdict"]}
table(pd.DataFrame(shown).set_index(judged["quote"]).rename_axis("claim"), "Three claims, and what the data say.")

# %% [markdown]
# Of {glue:text}`claims` claims {glue:text}`held` holds. On the command line:
#
# ```bash
# brainseg claims claims.yml --data FOLDER --patient "^P[0-9]+"
# ```
#
# The test `checked` takes any number of the check's tables: `findings`, `areas`, `pairing`, `patients`. For claims about something else, a test is a function of what is at hand, as in `brainseg/paper/claims/findings.py`; that takes a checkout of this repository.
#
# ## Your own study
#
# 1. Put the data set into one of the two layouts, or let your tool export it as COCO.
# 2. Run the check, with a pattern for patients. If no file says who the patients are, that is your first finding.
# 3. Draw ten labels of each split.
# 4. Note what a blank sheet scores, and put it beside every table.
# 5. Check the table, and write down the claims with their tolerances before you test them.
# 6. Write to the authors before you write about them. Most faults are traps, and most people who fell into one want to know.
#
# The check reads at most fifty thousand images of a split, with eight bits to a pixel, and labels as polygons or run lengths. It compares images between splits and not within one, and it finds copies that were turned, mirrored, or made brighter, not those that were cropped.
#
# ## Summary
#
# - One command checks any data set in COCO format: it found {glue:text}`found_kinds` of {glue:text}`planted_kinds` planted kinds of fault, and {glue:text}`clean_found` in the same images without them.
# - It finds what contradicts itself, and no more: of {glue:text}`exchanged` exchanged images it found {glue:text}`exchanged_found`. Labels have to be looked at.
# - Near-duplicates are found by pixels, whatever the files are called: {glue:text}`copies` here. Patients are found by names, or not at all.
# - A blank answer is right in {glue:text}`blank_percent:.1f` % of these pixels. Scores begin there.
# - A table can contradict itself, as {glue:text}`contradicting` of {glue:text}`tabled` rows do here, and a claim with a number and a tolerance can be judged by a program: {glue:text}`held` of {glue:text}`claims` held.
#
# ## Exercises
#
# Some numbers depend on `variant`, so that another class can be given others.

# %% tags=["hide-input"]
from brainseg.paper.course.variants import drawn

variant = 0

# %% [markdown]
# ### Whom does it show
#
# *Easy, ten minutes.* The names of a data set are in `file_names`: hospital, patient, visit, slice. Patients are numbered anew in each hospital. Put into `pattern` a regular expression for `--patient` that gives each person one value, whatever the visit and the slice.

# %% tags=["hide-input"]
people = [("north", 7), ("south", 7), ("north", 70 + drawn(variant, 10, "patient")), ("south", 3)]
file_names = [
    f"{hospital}_pat{person}_v{visit}_s{number:03d}"
    for hospital, person in people
    for visit in (1, 2)
    for number in (4, 5)
]

# %% tags=["hide-input", "solution"]
### BEGIN SOLUTION
pattern = r"^[a-z]+_pat\d+"
# The hospital belongs to it: patient 7 of one is not patient 7 of the other.
### END SOLUTION

# %% tags=["hide-input", "checks"]
import re

assert all(re.search(pattern, name) for name in file_names), "the pattern finds somebody in every name"
### BEGIN HIDDEN TESTS
matches = [re.search(pattern, name) for name in file_names]
values = [match[1] if match.re.groups else match[0] for match in matches]
whose = [person for person in people for _ in range(4)]
assert len(set(values)) == len(set(whose)) == len(set(zip(values, whose, strict=True)))
### END HIDDEN TESTS

# %% [markdown]
# ### Two answers that know nothing
#
# *Easy, ten minutes.* An image of which a share `share` is tumour gets two answers: a blank one, and one that marks every pixel. Write `trivial_scores(share)`, which returns a dictionary with `blank_accuracy`, `blank_mean_iou`, `full_accuracy` and `full_dice`. For which share are the two equally accurate?


# %% tags=["hide-input", "solution"]
def trivial_scores(share):
    """What two answers score that do not look at the image."""
    ### BEGIN SOLUTION
    return {
        "blank_accuracy": 1 - share,
        "blank_mean_iou": (1 - share) / 2,
        "full_accuracy": share,
        "full_dice": 2 * share / (1 + share),
    }
    ### END SOLUTION


# %% tags=["hide-input", "checks"]
assert set(trivial_scores(0.5)) == {"blank_accuracy", "blank_mean_iou", "full_accuracy", "full_dice"}, "four scores"
### BEGIN HIDDEN TESTS
for tumour_pixels in (1, 10, 50, 99):
    mask = np.arange(100) < tumour_pixels
    every, blank_sheet = np.ones(100, bool), np.zeros(100, bool)
    got = trivial_scores(mask.mean())
    assert np.isclose(got["blank_accuracy"], (blank_sheet == mask).mean())
    assert np.isclose(got["blank_mean_iou"], (0 + (~mask).sum() / 100) / 2)
    assert np.isclose(got["full_accuracy"], (every == mask).mean())
    assert np.isclose(got["full_dice"], 2 * (every & mask).sum() / (every.sum() + mask.sum()))
### END HIDDEN TESTS

# %% [markdown]
# ### A holdout that holds out
#
# *Medium, twenty minutes.* `third` is another data set with the same kinds of fault, and `third_report` its check. Put into `to_keep` the names of the images of its `holdout` that may stay there: of no patient of `training`, and no near-duplicate of an image of `training`. The table `third_report.images` has a row for each image, with `split`, `name`, `patient` and `twin`.

# %% tags=["hide-input"]
third = folder / "third"
third_planted = plant(images.root, third, seed=1 + drawn(variant, 1000, "seed"))
third_report = check(third, patient="^P[0-9]+")

# %% tags=["hide-input", "solution"]
### BEGIN SOLUTION
everyone = third_report.images
learnt_from = set(everyone.loc[everyone["split"] == "training", "patient"])
held_out = everyone[everyone["split"] == "holdout"]
to_keep = held_out.loc[~held_out["patient"].isin(learnt_from) & (held_out["twin"] < 0), "name"].tolist()
# The patient whose name the copies bear stays: the images are somebody else's, the name is wrong.
### END SOLUTION

# %% tags=["hide-input", "checks"]
assert set(to_keep) <= set(third_report.images["name"]), "names of files, such as P12-01.png"
### BEGIN HIDDEN TESTS
listed_there = json.loads((third / "annotations" / "instances_holdout.json").read_text())["images"]
faulty = set(third_planted.loc[third_planted["fault"].isin(["patient", "copies"]), "name"])
assert sorted(to_keep) == sorted({image["file_name"] for image in listed_there} - faulty)
### END HIDDEN TESTS

# %% [markdown]
# ### Audit a study of your own
#
# *Hard, thirty minutes.* Take a data set in COCO format that anyone can download, best one that a paper used, and audit it with the six steps above. Write at most a page: what was found, what could not be checked, and what you would ask its authors.

# %% [markdown] tags=["rubric"]
# :::{dropdown} What a good answer says
# Four of these six make a good answer.
#
# - The data set is named with its version and where it is from, and the command is given as it was run.
# - It says whom the images show and how one knows, or that nobody can.
# - Findings that are faults are told from those that are not, such as several annotations where there are several things.
# - Labels were looked at, and it says how many and how they were chosen.
# - Scores of a blank answer stand beside a score that was published.
# - What was not checked has a place of its own, and the tone is one in which one would like to be written to.
# :::
