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
# # Size, seeds, attention and cost
#
# [Chapter 7](07_ladder) compared four networks at one size, each trained once, with the attention that the study gave them. This chapter changes the scale, the seed and the attention, one after another, and counts what a network costs. Everything in it was {ref}`recorded <recorded-results>`; nothing is trained for this page. At the end of it you can
#
# - say what larger images and wider networks add, and what they leave the same;
# - say what a few {term}`seeds <seed>` cannot show;
# - tell an effect of attention from the difference between two trainings;
# - say what a network costs, in parameters, operations, time and memory.

# %% tags=["parameters"]
dataset = "phantom"
data = None
scale = "quick"
seed = 0

# %% tags=["hide-input"]
import pandas as pd

from brainseg import plotting
from brainseg.experiments import select
from brainseg.experiments.recorded import recorded, recorded_runs
from brainseg.models import TITLES
from brainseg.paper import narrate, tables
from brainseg.paper.display import items
from brainseg.scores.statistics import beside_zero, smallest_p

# %% [markdown]
# ## What a larger scale adds
#
# The networks of [chapter 7](07_ladder) see 64 × 64 pixels and have an eighth of the published width. For all four, the same training was recorded with images of 128 × 128 pixels, twice the width, 40 epochs in place of 20, and 8 images in a batch
# in place of 4, so that the number of steps is the same. All of this changed together: what follows does not say which of it helped. (The hours are by the clock, which ran on while two of these trainings were paused.)
#
# Scores are of single test images against the tumours' borders, with 95 % {term}`intervals <confidence interval>` from a {term}`bootstrap` over patients and images. {term}`HD95` and {term}`surface Dice` are about the outline, *missed* is the share of tumours
# that are not touched, and p_holm is a {term}`p value` corrected for the number of comparisons {cite:p}`holm1979`.

# %% tags=["hide-input"]
larger_runs = recorded_runs("corrected")
larger = select.by_step(larger_runs)
items(narrate.recorded(larger_runs))

# %% tags=["hide-input"]
tables.scoreboard(larger, "corrected")

# %% [markdown]
# The runs behind it, in `results/tumorseg-laptop-corrected`:

# %% tags=["hide-input"]
tables.run_names(larger)

# %% [markdown]
# The networks lie closer together than at the smaller scale. No two of them can be told apart:

# %% tags=["hide-input"]
between = tables.model_differences(larger, "corrected")
items([f"Of {len(between)} intervals, {sum(beside_zero(between['low'], between['high']))} exclude zero."])

# %% tags=["hide-input"]
tables.type_table(larger, "corrected").round(2)

# %% [markdown]
# Gliomas are hard for all of them. U-Net, LinkNet and SegNet score about as high on new patients as on those whom they learnt from; DeepLab has begun to overfit, on gliomas.
#
# Each network's mean Dice at both scales, on the same test images, and the difference with its 95 % interval. One training of each is compared, so the intervals are about these trained networks. Each answer is scored at its own
# resolution, against the border drawn at that resolution: at 64 pixels a small tumour is a few pixels, and its Dice is coarse. HD95 and surface Dice count pixels, and cannot be compared between the scales.

# %% tags=["hide-input"]
smaller = select.by_step(recorded_runs("ladder"))
scale_effects = tables.scale_effects(larger, smaller, "corrected")
both = scale_effects.set_index("label")[["smaller", "larger", "mean", "low", "high", "p", "p_holm"]]
both.rename_axis("network").rename(columns={"mean": "difference"}).round(4)

# %% tags=["hide-input"]
means = [f"{scale_effects[scale].mean():.2f} at the {scale} scale" for scale in ("smaller", "larger")]
above, below = beside_zero(scale_effects["low"], scale_effects["high"])
items(
    [
        f"Mean Dice on test images, of {len(scale_effects)} networks: {', '.join(means)}.",
        f"Of {len(scale_effects)} differences, the intervals of {above} lie above zero, those of {below} below.",
    ]
)

# %% [markdown]
# Others have outlined the tumours in Cheng's slices, too. A small autoencoder reached a mean Dice of 0.72 in five-fold cross-validation by slice, so that slices of one person could be on both sides
# {cite:p}`badza2021`; for a network that looks at three scales, 0.83 is reported {cite:p}`diazpernas2021`. Both had all 3064 slices, and ways of dividing and averaging differ. So these numbers show what
# has been reported on such images, and not which network is better.

# %% [markdown]
# ## What a few seeds cannot show
#
# Train a network again with another seed and its scores change. With one seed, intervals over patients and images do not contain that. Here each network was trained three times on the study's images at the scale `quick`. That is
# shorter than the training of chapter 7, with at most 400 images in an epoch, so that scores are lower. Nothing but the seed differs:

# %% tags=["hide-input"]
seed_runs = recorded_runs("seeds")
seeds = select.by_step(seed_runs)
items(narrate.recorded(seed_runs))

# %% tags=["hide-input"]
by_seed = tables.seed_table(seeds, "corrected")
by_seed.round(3)

# %% [markdown]
# With several seeds the bootstrap draws these as well, and the differences between networks are between means over their seeds. (With three seeds, such intervals are still too narrow; `brainseg.scores.statistics` says by how much.)

# %% tags=["hide-input"]
between = tables.model_differences(seeds, "corrected")
between.set_index(between["label"].rename("pair"))[["mean", "low", "high", "seeds"]].round(3)

# %% tags=["hide-input"]
apart = between["mean"].abs()
items(
    [
        f"Trainings of one network that differ in their seed only lie up to {by_seed['range'].max():.3f} apart in Dice.",
        f"Networks, each averaged over {by_seed.shape[1] - 1} seeds, lie {apart.min():.3f} to {apart.max():.3f} apart; "
        f"{sum(beside_zero(between['low'], between['high']))} of {len(between)} intervals exclude zero.",
    ]
)

# %% [markdown]
# So a seed moves one network about as far as one network lies from another. To say that one *design* is better than another, and not one
# trained network than another, several seeds of each are needed. A test that uses only the signs or ranks of paired differences, and so assumes nothing of their distribution, cannot go below this:

# %% tags=["hide-input"]
items(
    f"{n} seed{'s' if n > 1 else ''}: the smallest possible two-sided p is {smallest_p(n):.4f}."
    for n in (1, 3, 5, 6, 8)
)

# %% [markdown]
# ## Does attention help?
#
# The first of the study's claims, as [chapter 11](11_audit) numbers them, is that attention gates improve every network in every measure. The code of its baseline without gates was not published. Here each network was trained
# with gates, with nothing in their place, with {term}`channel attention` and with {term}`spatial attention`, on the same images, with the same corrected training. The study's README names the latter two; its notebook has only gates.
# DeepLab has no skip connection that a gate could weight.

# %% tags=["hide-input"]
attention_runs = recorded_runs("attention")
ablation = select.by_attention(attention_runs)
items(narrate.recorded(attention_runs))

# %% [markdown]
# Each line is the difference in Dice, on the same test images, from the same network without attention:

# %% tags=["hide-input"] mystnb={"figure": {"caption": "What attention changes in Dice on the study's test images, by network and kind of attention, with 95 % intervals over patients and images. Right of the line, attention helps. A filled point: the interval excludes zero.", "name": "fig-attention"}, "image": {"alt": "Forest plot of differences in Dice between networks with a kind of attention and the same network without."}}
effects = tables.attention_effects(ablation)
plotting.forest(effects, xlabel="Dice with attention − Dice without")

# %% [markdown]
# The table has the same differences with their intervals. Its last three columns are about the study's seventh claim, that attention reduces {term}`overfitting`: mean Dice on the images that were trained on, on test images,
# and the gap between them: training minus test. It is below zero where the test patients are easier than the others, as here. At this scale there is no overfitting that attention could reduce.

# %% tags=["hide-input"]
means = {
    (TITLES[model], kind or "none"): select.generalisation(runs)
    for model, kinds in ablation.items()
    for kind, runs in kinds.items()
}
overfitting = pd.DataFrame(means).T.rename_axis(["model", "attention"])
changes = effects.set_index("label")[["mean", "low", "high", "p_holm"]].rename(columns={"mean": "Dice − none"})
changes = changes.reindex(", ".join(names) for names in overfitting.index).set_axis(overfitting.index)
changes.join(overfitting).round(3)

# %% [markdown]
# The runs behind both, in `results/tumorseg-quick-attention`:

# %% tags=["hide-input"]
tables.run_names(ablation)

# %% tags=["hide-input"]
above, below = beside_zero(effects["low"], effects["high"])
significant = (effects["p_holm"] < 0.05).sum()
gaps = overfitting["gap"].unstack("attention")
both = {kind: gaps[[kind, "none"]].dropna() for kind in gaps.columns.drop("none")}
items(
    [
        f"Of {len(effects)} differences from no attention, the intervals of {above} lie above zero, those of {below} below.",
        f"After correction for their number, {significant} have a p value below 0.05.",
        *(
            f"Gap between training and test Dice, mean of {len(pair)} networks: {pair[kind].mean():.3f} with {kind} "
            f"attention, {pair['none'].mean():.3f} without."
            for kind, pair in both.items()
        ),
    ]
)

# %% [markdown]
# One training of each network is compared, at a small size and with few epochs. So the intervals say whether these trained networks differ, not whether the designs do.
# Trained a second time by the same recipe and seed, on another processor, U-Net with gates came out further from itself than most of these differences are: compare its Dice here with that of seed 0 in the table of seeds
# above ([chapter 10](10_saliency) has both trainings).
# `brainseg train unet --step corrected --attention channel` trains one of them here.

# %% [markdown]
# ## What a network costs
#
# The third claim is that the modified DeepLab is the fastest, fast enough for real time. In the study's own log each of the four networks takes 16 to 18 ms for one image, on its graphics card. The table counts parameters and multiply-adds from the networks' graphs, at the study's size of 128 × 128 pixels and
# 64 filters, and gives times and memory as measured on one computer.

# %% tags=["hide-input"]
efficiency = recorded("efficiency")
models = efficiency["models"].assign(network=efficiency["models"]["model"].map(TITLES)).set_index("network")


def time(batch):
    columns = [f"batch_{batch}_{quartile}_ms" for quartile in ("median", "q1", "q3")]
    return [f"{median:.0f} ({q1:.0f} to {q3:.0f})" for median, q1, q3 in models[columns].to_numpy()]


costs = {
    "parameters, million": (models["parameters"] / 1e6).map("{:.1f}".format),
    "multiply-adds, billion": (models["multiply_adds"] / 1e9).map("{:.1f}".format),
    "one image, ms": time(1),
    "eight images, ms": time(8),
    "memory for one, MB": models["batch_1_memory_mb"].map("{:.0f}".format),
}
pd.DataFrame(costs).rename_axis("model")

# %% tags=["hide-input"]
machine = efficiency["machine"].iloc[0]
fastest, lightest = (models[cost].idxmin() for cost in ("batch_1_median_ms", "multiply_adds"))
items(
    [
        f"Fastest for one image: {fastest}, {models.loc[fastest, 'batch_1_median_ms']:.0f} ms.",
        f"Fewest multiply-adds: {lightest}, {models.loc[lightest, 'multiply_adds'] / 1e9:.1f} billion.",
        f"Measured on {machine['processor']}, {machine['cores']} cores, one thread, {machine['date']}, when warm.",
        f"At the end {machine['load']:.1f} processes wanted these cores: on a quiet machine it is faster.",
    ]
)

# %% [markdown]
# ## Summary
#
# - At the larger scale every network scores higher, and no two of them can be told apart.
# - A seed moves one network about as far as one network lies from another: a difference counts only with its interval, over patients and over seeds.
# - At the scale `quick`, no kind of attention raises the Dice of any network with an interval above zero, and there is no overfitting that it could reduce.
# - The modified DeepLab is the fastest of the four for one image, with the fewest parameters and multiply-adds.
#
# ## Exercises
#
# 1. In accuracy, the baseline columns of the published table ([chapter 6](06_table)) are below those with gates. What would you need to know to call this difference
#    an effect of the gates?
# 2. Take the range over seeds as the yardstick: which of the differences in the table on attention are larger than the range of their network?
