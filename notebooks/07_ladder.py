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
# # The comparison
#
# The study's result is a table: four networks, three measures, with and without attention. This chapter asks what the table measures, corrects it one step
# at a time, and then compares the four networks again. At the end of it you can
#
# - say why the published mean IoU hardly differs between networks, and compute what it must be;
# - tell what each number of the table was measured on, and recognise a score above 1 for what it is;
# - follow a score from *published* to *corrected*, one change at a time, and say what each change did;
# - read an {term}`interval <confidence interval>` of a difference, and say what a few {term}`seeds <seed>` cannot show.

# %% tags=["parameters"]
dataset = "phantom"
data = None
scale = "quick"
seed = 0

# %%
import numpy as np
import pandas as pd

from brainseg import plotting
from brainseg.experiments.recipe import STEPS
from brainseg.experiments.recorded import recorded, recorded_runs, run_names
from brainseg.experiments.workspace import Experiment
from brainseg.models import MODELS, TITLES
from brainseg.paper import narrate
from brainseg.paper import tables as evaluate
from brainseg.paper.display import items, source
from brainseg.paper.study import MEASURES, published_last_epoch, published_table
from brainseg.scores.metrics import dice, iou
from brainseg.scores.published import broadcast_scores, published_scores

experiment = Experiment(dataset, scale, seed, data)
prepared = experiment.data
runs = {name: experiment.run(name) for name in MODELS}

# %% [markdown]
# ## The published table
#
# From the study's README. *Baseline* is the same network without attention gates; no code is published for that column.

# %% tags=["hide-input"]
published_table().rename(
    index=TITLES, columns=lambda name: name.replace("mean_iou", "mean IoU").replace("dice", "Dice").replace("_", " ")
)

# %% [markdown]
# ## Beside it, this book's runs
#
# The runs of chapters 2 to 5, on the measures and on the images that the study's numbers come from: the training images, in the last epoch.

# %% tags=["hide-input", "trained"] mystnb={"figure": {"caption": "The study's three measures for each network: as published without and with gates (grey), and of this book's runs as published (colour), all on training images. The dashed line is a network that never finds a tumour, on the training images of this copy of the book. In accuracy the marks are within a few points of it, in mean IoU on it, but for baselines. The axes do not begin at zero.", "name": "fig-comparison"}, "image": {"alt": "Dot plot of accuracy, mean IoU and Dice for four networks."}}
nothing = evaluate.background(prepared, "position", "train")
plotting.published_against_ours(
    evaluate.comparison(runs.values()), {title: nothing[name] for name, title in MEASURES.items()}
)

# %% [markdown]
# The networks here are smaller than the study's, see smaller images and, unless this book was built with the study's data, other images.
# So a difference between a grey and a coloured mark is no verdict on anybody. What can be compared is how each measure
# behaves.
#
# ## The same runs on test images

# %% tags=["hide-input", "trained"]
columns = {"accuracy": "accuracy", "mean_iou": "mean IoU", "dice": "Dice, pooled", "dice_per_image": "Dice, per image"}
rows = {TITLES[name]: evaluate.scores_on_test(run, prepared) for name, run in runs.items()}
rows["no tumour anywhere"] = evaluate.background(prepared, "position", "test") | {"dice_per_image": 0.0}
pd.DataFrame(rows).T.rename(columns=columns)[list(columns.values())].round(4)

# %% [markdown]
# Take the last row away and the accuracies look like those of four good networks. With it, accuracy is seen to start at a height that has nothing to do with finding
# tumours, and mean IoU is seen to stay nearly where it starts. The published accuracies, on the study's images:

# %% tags=["hide-input"]
real = recorded("tumorseg-check")["areas"].set_index(["split", "mask"])
blank = real.loc[("train", "published"), "background_accuracy"]
accuracy = published_table()
below = (accuracy["accuracy_baseline"] < blank).sum()
items(
    [
        f"A mask without any tumour has an accuracy of **{blank:.4f}** on the study's training images.",
        f"{below} of {len(accuracy)} published baselines, {accuracy['accuracy_baseline'].min():.4f} to {accuracy['accuracy_baseline'].max():.4f}, are below that.",
        f"With gates, the networks are {100 * (accuracy['accuracy'].min() - blank):.1f} to {100 * (accuracy['accuracy'].max() - blank):.1f} points above it.",
    ]
)

# %% [markdown]
# ## Why mean IoU hardly moves
#
# {term}`mean IoU` is the mean of two numbers: the {term}`IoU` of the tumour and that of the {term}`background`. A network that finds nothing has 0 for the first and
# the share of background for the second. A network that finds every pixel has 1 and 1. So good networks should be far above one half. In the published table none is.
#
# The reason is one line of code. The measure is `MeanIoU(num_classes=2)` of Keras. It expects for each pixel the number of a class, 0 or 1. The study hands it
# the network's output, which is a probability. To make a class number of it, Keras cuts off the decimals:

# %%
np.array([0.02, 0.50, 0.97, 0.999]).astype(int)

# %% [markdown]
# Every probability below 1 becomes class 0, background. The measure does not see a tumour that the network has found, unless the network is so sure that the
# computer rounds its answer to exactly 1. Apart from such pixels, what it gives is the mean of 0 and the share of background: half of the share of background,
# for any network whatever. One can test that by handing it very different answers to the same test images.

# %% tags=["hide-input", "trained"]
evaluate.mean_iou_of_anything(prepared, runs["unet"]).round(4)

# %% [markdown]
# The first three rows are a trained network, a blank sheet and the labels themselves, and mean IoU cannot tell them apart. In the last two rows it is given
# classes instead of probabilities and works as it should. The cure is a threshold: `BinaryIoU` of Keras has one, and so do the
# scores of this package. The measures of the study, as one function:

# %% tags=["hide-input"]
source(published_scores)

# %% [markdown]
# If this is what happened in the study, then its mean IoU can be computed without any network, from the labels alone. The last lines of the study's
# four training logs, beside half the share of background of the same images, measured on the study's own labels; and beside that the last lines of this book's own logs, recorded: the same training on the same images at the study's number of pixels, with a quarter of its filters.

# %% tags=["hide-input"]
areas = recorded("tumorseg-check")["areas"].set_index(["split", "mask"])["background_mean_iou"]
held = {"unet": "valid", "linknet": "valid", "segnet": "last fifth of train", "deeplab": "last fifth of train"}
log = published_last_epoch()["val_mean_iou"]
again = {run.recipe.model: run.history["val_mean_iou"].iloc[-1] for run in recorded_runs("tumorseg-laptop-published")}
pd.DataFrame(
    {
        "published validation mean IoU": [log[name] for name in MODELS],
        "half the background": [round(areas[held[name], "published"], 4) for name in MODELS],
        "trained again": [round(again[name], 4) for name in MODELS],
        "measured on": [held[name] for name in MODELS],
    },
    index=[TITLES[name] for name in MODELS],
)

# %% [markdown]
# The three columns agree to the last digit that was published. The third is of smaller networks with other weights, and the values are the same four. This mean IoU says how much of the images is background. It says nothing about the
# networks. This is a trap that the library sets, not a fault that one sees in the code: there is no error, no warning, and the value looks like a score.
#
# The mean IoU values of the published table are in no log, but with gates they, too, lie close to half the background, here of the training images. So does one of the baselines. The other three are lower, and since their code was not published, nobody can say why:

# %% tags=["hide-input"]
half = areas["train", "published"]
from_half = published_table().filter(like="mean_iou") - half
items(
    f"{side}, the published mean IoU minus {half:.4f}: {', '.join(f'{TITLES[name]} {value:+.4f}' for name, value in from_half[column].items())}."
    for side, column in {"With gates": "mean_iou", "Without": "mean_iou_baseline"}.items()
)

# %% [markdown]
# ## What each number was measured on
#
# The Dice in the published table equals, for every network, the training value in the last line of its log:

# %% tags=["hide-input"]
last = published_last_epoch()
table = published_table()
pd.DataFrame(
    {
        "published Dice": table["dice"],
        "training Dice in the log": last["dice"],
        "validation Dice in the log": last["val_dice"],
    }
).rename(index=TITLES)

# %% [markdown]
# The notebook contains no evaluation on the test split. Training values are easily quoted, because they stand first in every line of a log.
# They are of images that the network learns from, and Keras averages them over an epoch, while the weights still change and dropout is on. So they can be above or below what the
# finished network scores on the same images. What it scores on new ones, they do not say.
#
# ## Scores above 1
#
# For single test images the study's notebook prints pairs such as an IoU of 0.0541 with a Dice of 13.1321. They cannot both be: Dice never exceeds 1, and it is never more than twice
# the IoU. The shapes explain it. The true mask is a table of 128 × 128, the predicted one has a third dimension of length 1. NumPy stretches two such arrays to 128 × 128 × 128 and multiplies
# every column of one with every row of the other. The table
# shows what that makes of perfect answers: every label of the test split, compared with itself.

# %% tags=["hide-input"]
label = np.asarray(prepared.masks["position"][prepared.rows("test")])
stretched = pd.DataFrame([broadcast_scores(mask, mask) for mask in label if mask.any()])
right = pd.DataFrame({"iou": iou(label, label), "dice": dice(label, label)})
pd.DataFrame({"as in the notebook": stretched.mean(), "with equal shapes": right.mean()}).rename(
    index={"iou": "mean IoU of single images", "dice": "mean Dice"}
).round(3)

# %% [markdown]
# The explanation can be checked against the printed pair. If "Dice" is $d$ and the image has $h$ rows, then stretching makes the
# "IoU" equal to $\tfrac{d}{2} / (h - \tfrac{d}{2})$, whatever the masks are.

# %% tags=["hide-input"]
d, h = 13.1321, 128
items([f"For the printed {d} and {h} rows this is {d / 2 / (h - d / 2):.4f}. The notebook prints 0.0541."])

# %% [markdown]
# ## From published to corrected
#
# Six things stand between the published table and a fair one. This book takes them one at a time. Each row below is a {term}`recipe` that
# differs from the row above in one field; a test of this book checks that. Two of the fields change several things together, as the list says.
#
# 1. **As published.** Labels paired with images by their places in the two lists; boxes; the published split, training and scoring.
# 2. **Masks paired by id.** Each image gets its own label.
# 3. **Test images scored.** Test images in place of training images, and each by itself in place of all pixels pooled. No new training; only the question changes.
# 4. **True borders.** The tumours' outlines in place of the boxes.
# 5. **Split by patient.** All images of a person are on one side.
# 6. **Corrected training.** One preset for all four networks. It changes loss, normalisation, dropout, learning rate, augmentation, the number of epochs and which of them is kept, the validation images,
#    and it averages a prediction over mirror images; the appendix says what was tried.
# 7. **Post-processing.** Chosen on validation images; [chapter 7](07_morphology) is about it.
#
# Two numbers belong to each step. *Reported* is the Dice that the step would put into a paper, on its own images against its own labels. *On borders* is
# the mean Dice of the step's network against the tumours' borders, on the test images that are in no training set of any step.
# If a step makes the reported number fall and the other one stay, then it has not made the network worse; it has made the number more honest.
# But up to the step *true borders* the second number is too high as well: other images of nearly all of these patients were trained on. When the split by patient takes that away, it falls. (The training set is
# smaller from there, too.)
#
# First on the study's images, as recorded. A field without a number is a step that has not been recorded for that network:

# %% tags=["hide-input"]
study_runs = recorded_runs("tumorseg-small-ladder")
study = evaluate.by_step(study_runs)
items([*narrate.recorded(study_runs), narrate.on_borders(study_runs[0])])

# %% tags=["hide-input"]
evaluate.ladder_table(study).round(2)

# %% [markdown]
# The runs behind it, and behind all further tables of the corrected training, by the last part of the names that they have in `results/tumorseg-small-ladder`:

# %% tags=["hide-input"]
run_names(study)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The study's images: Dice and IoU against the tumours' borders, on the same test images at every step, with 95 % intervals over patients and images.", "name": "fig-ladder-study"}, "image": {"alt": "Dice and IoU of four networks at each of seven steps from published to corrected, recorded on the study's images."}}
plotting.ladder(evaluate.ladder_scores(study))

# %% tags=["hide-input"]
items(narrate.climb(study))

# %% [markdown]
# Of these steps, *test images scored* alone lowers the reported number without another training: the network is the same, and only the question is fairer. All others but the last train anew, and a single network can move by nearly a tenth when it is trained again ([chapter 8](08_saliency) has an example), so read them by all four networks together.
# On borders, pairing by id changed next to nothing; learning from borders helped; keeping patients apart cost most; and the corrected training brought about as much again.
#
# And live, on the images that this copy of the book was made with, for the network that trains fastest:

# %% tags=["hide-input", "corrected"]
live = evaluate.by_step(experiment.result("deeplab", step) for step in STEPS)
evaluate.ladder_table(live).round(2)

# %% tags=["hide-input", "corrected"] mystnb={"figure": {"caption": "The same for DeepLab on the images of this copy of the book. With few test images the intervals are wide.", "name": "fig-ladder-live"}, "image": {"alt": "Dice and IoU of DeepLab at each of seven steps from published to corrected, trained for this page."}}
plotting.ladder(evaluate.ladder_scores(live))

# %% [markdown]
# Each live step is one training on a small data set, so a single one can fall far from the step before it without a reason that lies in the step.
#
# ## The four networks, compared fairly
#
# With borders for labels, patients kept apart and one training for all, the networks can be compared. Every score is of single test images; a mean stands with a 95 % {term}`interval <confidence interval>` from a
# {term}`bootstrap` over patients and images, which is rather too wide than too narrow (`brainseg.scores.statistics` says why). {term}`HD95` and {term}`surface Dice` are about the outline. HD95 is not known where nothing was marked; *missed* is the share of such or untouched tumours.

# %% tags=["hide-input"]
evaluate.scoreboard(study, "corrected")

# %% [markdown]
# By type of tumour, and beside the images that were learnt from and those that chose the epoch:

# %% tags=["hide-input"]
evaluate.type_table(study, "corrected").round(2)

# %% [markdown]
# Nearly everywhere, test images score higher than the images that were learnt from, and validation images lower or the same, although no network has met the patients of either. So the test patients are easier than most, in every type of tumour, and with
# another division of the patients all scores would be others. The comparison does not suffer from that: all networks are scored on the same images.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Differences in Dice between the networks on the same test images of the study, corrected training, with 95 % intervals. A filled point: the interval excludes zero.", "name": "fig-forest-study"}, "image": {"alt": "Forest plot of paired differences between networks, recorded on the study's images."}}
pairs = evaluate.model_differences(study, "corrected")
plotting.forest(pairs)

# %% tags=["hide-input"]
pairs.drop(columns="label").set_index(pairs["label"].rename("pair")).round(3)

# %% tags=["hide-input"]
items([narrate.ahead(pairs)])

# %% [markdown]
# The {term}`p values <p value>` are of a test that exchanges the two networks patient by patient, because slices of one patient are not independent. With six pairs, the chance that one of them falls below
# 0.05 by accident is up to 30 %, not 5 %; `p_holm` corrects for that {cite:p}`holm1979`.
#
# The same, live:

# %% tags=["hide-input", "corrected"]
corrected = evaluate.by_step(experiment.run(name, "corrected") for name in MODELS)
evaluate.scoreboard(corrected, "corrected").drop("HD95, px")

# %% [markdown]
# ### What a larger scale adds
#
# The networks above see 64 × 64 pixels and have an eighth of the published width. For all four, the same training was recorded with images of 128 × 128 pixels, twice the width, 40 epochs in place of 20, and 8 images in a batch
# in place of 4, so that the number of steps is the same. All of this changed together: what follows does not say which of it helped. (The hours are by the clock, which ran on while two of these trainings were paused.)

# %% tags=["hide-input"]
larger_runs = recorded_runs("tumorseg-laptop-corrected")
larger = evaluate.by_step(larger_runs)
items(narrate.recorded(larger_runs))

# %% tags=["hide-input"]
evaluate.scoreboard(larger, "corrected")

# %% [markdown]
# The runs behind it, in `results/tumorseg-laptop-corrected`:

# %% tags=["hide-input"]
run_names(larger)

# %% [markdown]
# The networks lie closer together than at the smaller scale. No two of them can be told apart:

# %% tags=["hide-input"]
items([narrate.ahead(evaluate.model_differences(larger, "corrected"))])

# %% tags=["hide-input"]
evaluate.type_table(larger, "corrected").round(2)

# %% [markdown]
# Gliomas are hard for all of them. U-Net, LinkNet and SegNet score about as high on new patients as on those whom they learnt from; DeepLab has begun to overfit, on gliomas.
#
# Each network's mean Dice at both scales, on the same test images, and the difference with its 95 % interval. One training of each is compared, so the intervals are about these trained networks. Each answer is scored at its own
# resolution, against the border drawn at that resolution: at 64 pixels a small tumour is a few pixels, and its Dice is coarse. HD95 and surface Dice count pixels, and cannot be compared between the scales.

# %% tags=["hide-input"]
scale_effects = evaluate.scale_effects(larger, study, "corrected")
both = scale_effects.set_index("label")[["smaller", "larger", "mean", "low", "high", "p", "p_holm"]]
both.rename_axis("network").rename(columns={"mean": "difference"}).round(4)

# %% tags=["hide-input"]
items(narrate.larger_scale(scale_effects))

# %% [markdown]
# Others have outlined the tumours in Cheng's slices, too. A small autoencoder reached a mean Dice of 0.72 in five-fold cross-validation by slice, so that slices of one person could be on both sides
# {cite:p}`badza2021`; for a network that looks at three scales, 0.83 is reported {cite:p}`diazpernas2021`. Both had all 3064 slices, and ways of dividing and averaging differ. So these numbers show what
# has been reported on such images, and not which network is better.

# %% [markdown]
# ### What a few seeds cannot show
#
# Train a network again with another seed and its scores change. With one seed, intervals over patients and images do not contain that. Here each network was trained three times at the scale `quick`, on the
# study's images; nothing but the seed differs:

# %% tags=["hide-input"]
seed_runs = recorded_runs("tumorseg-quick-seeds")
seeds = evaluate.by_step(seed_runs)
items(narrate.recorded(seed_runs))

# %% tags=["hide-input"]
by_seed = evaluate.seed_table(seeds, "corrected")
by_seed.round(3)

# %% [markdown]
# With several seeds the bootstrap draws these as well, and the differences between networks are between means over their seeds. (With three seeds, such intervals are still too narrow; `brainseg.scores.statistics` says by how much.)

# %% tags=["hide-input"]
between = evaluate.model_differences(seeds, "corrected")
between.set_index(between["label"].rename("pair"))[["mean", "low", "high", "seeds"]].round(3)

# %% tags=["hide-input"]
items(narrate.seeds(by_seed, between))

# %% [markdown]
# So a seed moves one network about as far as one network lies from another. To say that one *design* is better than another, and not one
# trained network than another, several seeds of each are needed. A test that uses only the signs or ranks of paired differences, and so assumes nothing of their distribution, cannot go below this:

# %% tags=["hide-input"]
items(narrate.reachable((1, 3, 5, 6, 8)))

# %% [markdown]
# ## Does attention help?
#
# The study's first claim is that attention gates improve every network in every measure. The code of its baseline without gates was not published. Here each network was trained
# with gates, with nothing in their place, with {term}`channel attention` and with {term}`spatial attention`, on the same images, with the same corrected training. The study's README names the latter two; its notebook has only gates.
# DeepLab has no skip connection that a gate could weight.

# %% tags=["hide-input"]
attention_runs = recorded_runs("tumorseg-quick-attention")
ablation = evaluate.by_attention(attention_runs)
items(narrate.recorded(attention_runs))

# %% [markdown]
# Each line is the difference in Dice, on the same test images, from the same network without attention:

# %% tags=["hide-input"] mystnb={"figure": {"caption": "What attention changes in Dice on the study's test images, by network and kind of attention, with 95 % intervals over patients and images. Right of the line, attention helps. A filled point: the interval excludes zero.", "name": "fig-attention"}, "image": {"alt": "Forest plot of differences in Dice between networks with a kind of attention and the same network without."}}
plotting.forest(evaluate.attention_effects(ablation), xlabel="Dice with attention − Dice without")

# %% [markdown]
# The table has the same differences with their intervals. Its last three columns are about the study's seventh claim, that attention reduces {term}`overfitting`: mean Dice on the images that were trained on, on test images,
# and the gap between them: training minus test. It is below zero where the test patients are easier than the others, as here. There is no overfitting that attention could reduce.

# %% tags=["hide-input"]
evaluate.attention_table(ablation).round(3)

# %% [markdown]
# The runs behind both, in `results/tumorseg-quick-attention`:

# %% tags=["hide-input"]
run_names(ablation)

# %% tags=["hide-input"]
items(narrate.attention(ablation))

# %% [markdown]
# One training of each network is compared, at a small size and with few epochs. So the intervals say whether these trained networks differ, not whether the designs do.
# Trained a second time by the same recipe and seed, on another processor, U-Net with gates came out further from itself than most of these differences are ([chapter 8](08_saliency) shows it).
# `brainseg train unet --step corrected --attention channel` trains one of them here.

# %% [markdown]
# ## What a network costs
#
# The third claim is that the modified DeepLab is the fastest, fast enough for real time. In the study's own log each of the four networks takes 16 to 18 ms for one image, on its graphics card. The table counts parameters and multiply-adds from the networks' graphs, at the study's size of 128 × 128 pixels and
# 64 filters, and gives times and memory as measured on one computer.

# %% tags=["hide-input"]
efficiency = recorded("efficiency")
evaluate.costs(efficiency["models"])

# %% tags=["hide-input"]
items(narrate.efficiency(efficiency))

# %% [markdown]
# ## Summary
#
# - Accuracy starts at the share of background; a blank sheet scores above 95 %.
# - The published mean IoU was computed from probabilities where classes were expected. On validation images it is half the share of background, for every network, to the last digit.
# - The published Dice values are training values.
# - Six corrections, one at a time, lead from the published numbers to fair ones. One of them lowers the reported score without changing the network.
# - A difference between networks counts only with its interval, over patients and over seeds.
#
# ## Exercises
#
# 1. Give `published_scores` the inverted answer, `1 - probability`. Which measures notice?
# 2. Which share of background would make a blank sheet score a mean IoU of 0.25?
# 3. Find a pair of masks for which the stretched "Dice" is the largest that it can be. How large is it, for images of $h$ rows?
# 4. Take the interval of one network's Dice as if all images were independent: `bootstrap_mean` after giving each image a patient of its own. How much narrower does
#    it become, and why is that wrong?
# 5. In accuracy, the baseline columns of the published table are below those with gates. What would you need to know to call this difference
#    an effect of the gates?
#
# ## Appendix: what was tried for the corrected training
#
# The corrected training was chosen by trials with borders for labels and the split by patient, at 64 × 64 pixels. The first guess had width 16, 16 images in a batch, a learning rate of 0.001 and a dropout of
# 0.1; everything else is as [chapter 2](02_unet) says. The table lists all trials, in the order in which they were made, with what each changed; *valid*, the mean Dice of validation images, is the score
# that the choice was made by. *Missed* is the share of test images whose tumour is not touched.

# %% tags=["hide-input"]
trials = recorded("training-trials")["trials"]
trials.astype(object).fillna("").set_index("trial")

# %% [markdown]
# Choices were meant to be made by *valid*, but test scores were computed in every trial and were seen; and on the phantom, dropout was kept although the trial without it had a *valid* 0.007 higher. So the test scores of the corrected training may be
# slightly too good.
#
# Training and test scores lie close together in every trial on the study's images: at this size, in these trials, the networks are not limited by {term}`overfitting` but by how much they can learn in so few steps.
# Four images in a batch in place of sixteen, which is four times as many steps for the same images, helped more than twice the width. A learning rate of 0.003 made no difference to U-Net but is
# what SegNet needs to start within twelve short epochs.
