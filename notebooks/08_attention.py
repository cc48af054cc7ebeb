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
# ```{admonition} Before you start
# :class: before
# **You will be able to** say what larger images and wider networks add; tell an effect of attention from the difference between two trainings; say what a network costs. **You need** [chapter 7](07_ladder), which compares four networks
# at one size with the attention that the study gave them. **The answer**: {glue:text}`gates_answer` At the study's own size, on patients whom it has not met, DeepLab reaches a mean Dice of {glue:text}`full_dice:.2f`. Another seed moves a network by up to
# {glue:text}`seed_range_fold:.3f` on one split, and by up to {glue:text}`seed_range:.3f` over five. DeepLab is the fastest of the four for one image.
# ```

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
from brainseg.paper import tables
from brainseg.paper.claims.order import PREDICT_MS, STEP_MS
from brainseg.paper.display import glue, listed, minus, table
from brainseg.scores.statistics import (
    BETTER,
    MARGIN,
    SAME,
    UNDECIDED,
    WORSE,
    Interval,
    beside_zero,
    decision,
    smallest_p,
)

# %% [markdown]
# ## Does attention help?
#
# **{glue:text}`gates_answer`**
#
# That attention layers improved segmentation is the study's first claim in words, as [chapter 11](11_audit) numbers them, and in its table every score is higher than its baseline's. The code of its baselines was not published. Here each network with gates was also trained without
# them, with the same corrected training, the same five folds by patient and the same seeds; each of {glue:text}`gate_images:,.0f` images of {glue:text}`gate_patients` patients is scored by networks that have not met its patient. DeepLab has no skip connection that a gate could weight.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "With gates, all three networks score lower: differences in Dice on the test images of all folds, with intervals over patients, images and seeds. Right of the line, gates would help. A filled point: the interval excludes zero.", "name": "fig-gates"}, "image": {"alt": "Forest plot of differences in Dice between three networks with attention gates and the same networks without."}}
corrected, ungated = recorded_runs("folds"), recorded_runs("gates")
with_and_without = select.with_and_without([*corrected, *ungated], "gate")
gates = tables.attention_effects(with_and_without)
plotting.forest(gates, xlabel="Dice with gates − Dice without")


# %% tags=["hide-input"]
def over_patients_and_folds(effects, designs):
    """Differences from no attention, with the intervals over patients and seeds, and over folds."""
    over_folds = designs.set_index("label")[["low", "high"]].add_suffix(", over folds")
    over_patients = effects.set_index("label")[["mean", "low", "high", "decision", "detectable"]]
    names = {"mean": "difference", "detectable": "detectable from"}
    return over_patients.rename(columns=names).join(over_folds).rename_axis("network, attention")


designs, altogether = tables.attention_designs(with_and_without), tables.attention_altogether(with_and_without, "gate")
glue(
    gate_images=int(gates["images"].max()),
    gate_patients=int(gates["patients"].max()),
    gate_mean=altogether.mean,
    gate_low=altogether.low,
    gate_high=altogether.high,
    margin=MARGIN,
    gates_answer=tables.answer_on_gates(designs),
    gate_trainings=int(designs["trainings"].max()),
    gate_seeds=len({run.recipe.seed for kinds in with_and_without.values() for run in kinds[None]}),
    gate_room=designs["high"].max(),
    gate_networks=len(designs),
    gate_pairs=int(designs["trainings"].sum()),
    gate_below_folds=beside_zero(designs["low"], designs["high"])[1],
    gate_below=listed(gates.loc[gates["high"] < 0, "label"].str.removesuffix(", gate")),
)
table(
    over_patients_and_folds(gates, designs),
    "Dice with gates minus Dice without: mean, interval over patients and seeds, what it says of these networks, the smallest difference that would be found four times out of five, and the interval over folds.",
    digits=3,
)

# %% [markdown]
# The first intervals are about the trained networks, and are drawn over patients and seeds; those of {glue:text}`gate_below` lie below zero. For what gates do to networks that are trained anew, the folds are what counts: {glue:text}`gate_trainings` pairs of trainings of each network, {glue:text}`gate_seeds` for each fold, and each fold is tested on other patients. Folds learn from the
# same images in part, and the intervals over folds allow for that {cite:p}`nadeau2003`: of {glue:text}`gate_networks`, {glue:text}`gate_below_folds` lie below zero. None of all these intervals is corrected for how many they are.
#
# **The mean over networks is {glue:text}`gate_mean:+.3f`, with an interval over folds of {glue:text}`gate_low:+.3f` to {glue:text}`gate_high:+.3f`. A gain that matters is excluded; that gates cost Dice is likely, and not shown.** A difference below {glue:text}`margin` does not matter: a perfect outline that is shifted by a tenth of a pixel loses as much. Of a single network, the largest upper
# end over folds is {glue:text}`gate_room:+.3f`. The {glue:text}`gate_pairs` pairs of trainings are not as many independent results, because those of one fold share their patients. And this is one size: larger networks on more images may have more use of gates.
#
# ### Other kinds of attention
#
# **{glue:text}`kinds_answer`** The study's README also names {term}`channel attention` and {term}`spatial attention`; its notebook has only gates. {glue:text}`kinds_networks` were trained with either, too, once for each of the five folds, with one seed, and are compared with their trainings without attention of the same folds and seed. SegNet was not.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Neither kind is seen to raise the Dice of a network: no interval lies right of zero, and one, of LinkNet with channel attention, lies left of it. Differences from the same network without attention on the test images of all folds, with intervals over patients and images. A filled point: the interval excludes zero.", "name": "fig-attention"}, "image": {"alt": "Forest plot of differences in Dice between networks with channel or spatial attention and the same network without."}}
kinds = select.with_and_without([*corrected, *ungated, *recorded_runs("attention")], "channel", "spatial")
effects = tables.attention_effects(kinds)
plotting.forest(effects, xlabel="Dice with attention − Dice without")

# %% tags=["hide-input"]
of_kinds = tables.attention_designs(kinds)
changes = {kind: tables.attention_altogether(kinds, kind) for kind in ("channel", "spatial")}
of_all = select.by_attention([*corrected, *ungated])
unattended = tables.seed_table({model: of_all[model][None] for model in kinds})
by_chance = unattended.filter(like="seed ").mean()
seed_change = by_chance.max() - by_chance.min()
finding = (
    "Whether channel or spatial attention helps small networks cannot be told"
    if max(abs(change.mean) for change in changes.values()) < seed_change
    else "Channel or spatial attention changes small networks by more than another seed does"
)
above, below = beside_zero(effects["low"], effects["high"])
glue(
    kinds_answer=minus(
        f"{finding}: in the mean they change Dice by {changes['channel'].mean:+.3f} and {changes['spatial'].mean:+.3f}, "
        f"and another seed alone changes it by up to {seed_change:.3f}."
    ),
    kinds_networks=listed(TITLES[model] for model in kinds),
    kinds=len(effects),
    kinds_above=above,
    kinds_below=below,
    kinds_trainings=int(of_kinds["trainings"].max()),
    kinds_lowest=of_kinds["low"].min(),
    kinds_highest=of_kinds["high"].max(),
    unattended_low=by_chance.min(),
    unattended_high=by_chance.max(),
    **{f"{kind}_{end}": getattr(change, end) for kind, change in changes.items() for end in ("low", "high")},
)
table(
    over_patients_and_folds(effects, of_kinds),
    "Dice with a kind of attention minus Dice without: mean, interval over patients, what it says of these networks, the smallest difference that would be found four times out of five, and the interval over folds.",
    digits=3,
)

# %% [markdown]
# Of {glue:text}`kinds` differences from no attention, the intervals over patients of {glue:text}`kinds_above` lie above zero, and those of {glue:text}`kinds_below` below, not corrected for how many they are. They are about these trained networks, and not about the designs. Of a single network with one kind, {glue:text}`kinds_trainings` trainings say little: intervals over folds reach down to {glue:text}`kinds_lowest:+.3f` and up to {glue:text}`kinds_highest:+.3f`. For the mean over the networks they are
# {glue:text}`channel_low:+.3f` to {glue:text}`channel_high:+.3f` with channel attention, and {glue:text}`spatial_low:+.3f` to {glue:text}`spatial_high:+.3f` with spatial attention. That would exclude a gain of {glue:text}`margin`, if the seed did not matter. But all folds of one seed start from the same weights, so an interval over them has little in it of what another seed changes. Without attention
# the same networks have a mean Dice of {glue:text}`unattended_low:.3f` with one seed, and {glue:text}`unattended_high:.3f` with another.
#
# ## Does attention reduce overfitting?
#
# **{glue:text}`gap_answer`** That attention does is the study's seventh claim.

# %% tags=["hide-input"]
gaps = pd.DataFrame(
    {
        (TITLES[model], {"gate": "with gates", None: "without"}[kind]): select.generalisation(runs)
        for model, kinds in with_and_without.items()
        for kind, runs in kinds.items()
    }
).T
gaps.index.names = ["network", "attention"]
gap = gaps["gap"].unstack()
narrowed = tables.gap_designs(with_and_without)
narrow_above, _ = beside_zero(narrowed["low"], narrowed["high"])
glue(
    gap_without=gap["without"].mean(),
    gap_with=gap["with gates"].mean(),
    gap_answer=minus(
        f"Gates narrow the gap between training and test images by {narrowed['mean'].min():+.3f} to "
        f"{narrowed['mean'].max():+.3f}, and of {len(narrowed)} intervals over folds {narrow_above} lie above zero."
    ),
)
table(
    gaps,
    "Mean Dice on images that were learnt from and on test images, over all folds, and the gap between them.",
    digits=3,
)

# %% [markdown]
# On average the gap is {glue:text}`gap_without:.3f` without gates and {glue:text}`gap_with:.3f` with them. It is what is lost on new patients: every image is tested once, and learnt from in three other trainings. A gap is also narrower where both numbers are lower, and that is no gain.
#
# ## What size brings
#
# **At the study's own size DeepLab does better, and gliomas stay hard.** There DeepLab has a mean Dice of {glue:text}`full_dice:.2f` on {glue:text}`full_images:,.0f` images, each scored by a network that has not met its patient; at the small size of the sections above
# it has {glue:text}`small_dice:.2f`. The other networks were trained at the study's size for one fold, and {glue:text}`full_others` of {glue:text}`full_networks` gain there.
#
# At the study's size the images have twice the height and width, the networks {glue:text}`full_wider:.0f` times the filters, a batch {glue:text}`full_batches:.0f` times the images, and the training {glue:text}`full_epochs` epochs in place of {glue:text}`small_epochs`, in half
# precision on a graphics card. All of this changed together, so the table does not say which of it helped.

# %% tags=["hide-input"]
folds = select.by_model(corrected)
full = select.by_model([*recorded_runs("full"), *recorded_runs("full-folds")])
sizes = tables.scale_effects(full, folds).set_index("label").rename_axis("network")
one, other = (runs["deeplab"] for runs in (full, folds))
large, small = one[0].recipe, other[0].recipe
others = sizes.drop(index=TITLES["deeplab"])
gap_full, gap_small = (select.generalisation(runs) for runs in (one, other))
glue(
    full_dice=sizes.loc[TITLES["deeplab"], "larger"],
    small_dice=sizes.loc[TITLES["deeplab"], "smaller"],
    full_images=int(sizes.loc[TITLES["deeplab"], "images"]),
    full_others=beside_zero(others["low"], others["high"])[0],
    full_networks=len(others),
    full_wider=large.width / small.width,
    full_batches=large.batch_size / small.batch_size,
    full_epochs=large.epochs,
    small_epochs=small.epochs,
    full_training=gap_full["training"],
    gap_full=gap_full["gap"],
    gap_small=gap_small["gap"],
)
table(
    sizes[["images", "smaller", "larger", "mean", "low", "high"]].rename(columns={"mean": "difference"}),
    "Mean Dice at the small size and at the study's, on the same test images, and the difference with its interval.",
    digits=3,
)

# %% tags=["hide-input"]
of_types = tables.type_table({"deeplab": full["deeplab"]})
glue(full_glioma=of_types.xs("test", level="images")["glioma"].item())
table(of_types, "DeepLab at the study's size, all folds: mean Dice by type of tumour.")

# %% [markdown]
# Each answer is scored at its own resolution, against the border drawn at that resolution: at the smaller one a small tumour is a few pixels, and its Dice is coarse. Gliomas reach {glue:text}`full_glioma:.2f`. The larger network learns its training
# images better, to {glue:text}`full_training:.2f`, and loses more on new patients: the gap grows from {glue:text}`gap_small:.2f` to {glue:text}`gap_full:.2f`.
#
# ### A size between the two
#
# **{glue:text}`between_answer`** Networks of this size come with this book: images as large as the study's, {glue:text}`between_filters` filters where the study has {glue:text}`between_full_filters`, and batches of {glue:text}`between_batch` images in place of {glue:text}`between_full_batch`, so {glue:text}`between_steps:.0f` times as many steps in as many epochs. {glue:text}`between_networks` were trained so once for each of {glue:text}`between_folds` folds. On {glue:text}`between_images:,.0f` images their mean Dice is {glue:text}`between_dice`, and with the same seed at the small size {glue:text}`between_small`: gains of {glue:text}`between_gains`. Images, filters, batches, epochs and precision changed together here, too, and folds of one seed have little in them of what another seed changes.

# %% tags=["hide-input"]
between = select.by_model(recorded_runs("laptop-folds"))
medium = between["unet"][0].recipe
of_seed = {model: [run for run in folds[model] if run.recipe.seed == medium.seed] for model in between}
gains = tables.scale_effects(between, of_seed).set_index("label").rename_axis("network")
of_sizes = tables.design_effects({TITLES[model]: (runs, of_seed[model]) for model, runs in between.items()})


def brought(effects):
    """What a larger size brings which networks."""
    ends = effects.set_index("label")[["mean", "low", "high"]]
    said = ends.apply(lambda one: decision(Interval(*one)), axis="columns")
    brings = {BETTER: "a gain", WORSE: "a loss", SAME: "nothing that matters", UNDECIDED: "no sure gain"}
    return ", ".join(f"{listed(said.index[said == one])} {brings[one]}" for one in said.unique())


def scored(means, digits=2):
    return listed(f"{value:.{digits}f} ({title})" for title, value in means.items())


glue(
    between_answer=f"A size between the two brings {brought(of_sizes)}.",
    between_networks=listed(gains.index),
    between_filters=medium.width,
    between_full_filters=large.width,
    between_batch=medium.batch_size,
    between_full_batch=large.batch_size,
    between_steps=large.batch_size / medium.batch_size,
    between_folds=int(of_sizes["trainings"].max()),
    between_images=int(gains["images"].max()),
    between_dice=scored(gains["larger"]),
    between_small=scored(gains["smaller"]),
    between_gains=scored(of_sizes.set_index("label")["mean"], 3),
)
table(
    gains[["smaller", "larger"]]
    .join(of_sizes.set_index("label")[["mean", "low", "high"]])
    .rename(columns={"mean": "gain"}),
    "Mean Dice at the small size and at the one between, and the gain in the mean of folds, with its interval over folds.",
    digits=3,
)

# %% tags=["hide-input"]
sizes_of = {"small": of_seed, "between": between}
by_type = pd.concat(
    tables.type_table({model: runs[model]}).xs("test", level="images").assign(size=size)
    for model in between
    for size, runs in sizes_of.items()
)
table(by_type.set_index("size", append=True), "The same by type of tumour: mean Dice on the test images of all folds.")

# %% [markdown]
# **{glue:text}`wider_answer`** They were trained at all three sizes in the first fold, whose test patients are easier than most.

# %% tags=["hide-input"]
of_first = {model: [run for run in runs if run.recipe.fold == 0] for model, runs in between.items()}
wider = tables.scale_effects(full, of_first)
glue(wider_answer=f"The study's filters and batches bring {brought(wider)} over these, in one training each.")
table(
    wider.set_index("label")
    .rename_axis("network")
    .assign(small=tables.fold_table(of_seed)["fold 0"])[["small", "smaller", "larger", "mean", "low", "high"]]
    .rename(columns={"smaller": "between", "larger": "the study's", "mean": "difference"}),
    "Mean Dice on the test images of the first fold at three sizes, and the difference of the last two, with its interval over patients.",
    digits=3,
)

# %% [markdown]
# **Of {glue:text}`between_pairs` differences between these networks and DeepLab at the study's own size, the intervals of {glue:text}`between_apart` exclude zero.** Each was trained once for each fold, and all are tested on every image.

# %% tags=["hide-input"]
pairs = tables.model_designs({**between, "deeplab": one}).set_index("label").rename_axis("networks")
glue(between_pairs=len(pairs), between_apart=sum(beside_zero(pairs["low"], pairs["high"])))
table(
    pairs[["mean", "low", "high"]].rename(columns={"mean": "difference"}),
    "Differences in mean Dice, of networks at the size between and of DeepLab at the study's, with their intervals over folds.",
    digits=3,
)

# %% [markdown]
# ### The networks of this book, and of others
#
# **Of the {glue:text}`sizes` networks that come with this book, {glue:text}`sizes_above` gain with their size, too.** They were trained before there were folds, on another division of the patients that are not in the first fold's test set; their test images are those of that fold. Mean Dice goes from {glue:text}`smaller:.2f` at $64 \times 64$ pixels to {glue:text}`larger:.2f` at $128 \times 128$, on the same test
# images, which are easier than most.

# %% tags=["hide-input"]
larger, ladder = select.by_model(recorded_runs("corrected")), select.by_model(recorded_runs("ladder"))
scale_effects = tables.scale_effects(larger, ladder)
above, below = beside_zero(scale_effects["low"], scale_effects["high"])
glue(
    smaller=scale_effects["smaller"].mean(),
    larger=scale_effects["larger"].mean(),
    sizes=len(scale_effects),
    sizes_above=above,
)
table(
    tables.scoreboard(larger),
    "The networks of this book: mean score of single test images against the borders, with its interval.",
)

# %% [markdown]
# Of {glue:text}`sizes` differences, the intervals of {glue:text}`sizes_above` lie above zero.
#
# Others have outlined the tumours in Cheng's slices, too. A small autoencoder reached a mean Dice of “0.72” in five-fold cross-validation by slice, so that slices of one person could be on both sides
# {cite:p}`badza2021`; for a network that looks at three scales, “0.83” is reported {cite:p}`diazpernas2021`. Both had all of Cheng's slices, and ways of dividing and averaging differ. So these numbers show what
# has been reported on such images, and not which network is better.
#
# ### Would longer training help?
#
# **{glue:text}`longer_answer`** The same DeepLab was trained for {glue:text}`longer_epochs` epochs in place of {glue:text}`full_epochs`, in batches of {glue:text}`longer_batch` and half as wide; trials on the training and validation images of the first fold chose that
# ([chapter 7](07_ladder), appendix). These networks have a mean Dice of {glue:text}`longer_dice:.2f` on all patients in place of {glue:text}`full_dice:.2f`: a gain of {glue:text}`longer_gain:.3f`, with an interval over patients of {glue:text}`longer_low:.3f` to {glue:text}`longer_high:.3f`; on gliomas, {glue:text}`longer_glioma:.2f`. But they are one training
# of each fold: {glue:text}`longer_lower` of {glue:text}`longer_folds` folds lose, and over folds the interval is {glue:text}`longer_low_folds:+.2f` to {glue:text}`longer_high_folds:+.2f`. And test patients of the other folds were in the trials. In the first fold, whose test images no choice has seen, it has {glue:text}`longer_first:.2f` in place of {glue:text}`full_first:.2f`.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Training images are learnt better to the end; what is gained on validation images in the second half is little. Dice of the longer trainings of DeepLab at the study's size, one thin line for each fold.", "name": "fig-longer"}, "image": {"alt": "Dice per image of training and validation images by epoch, of five trainings of DeepLab, with the mean of each."}}
longer = recorded_runs("longer")
plotting.dice_by_epoch([run.history for run in longer], "deeplab")

# %% tags=["hide-input"]
mean_dice = pd.concat([run.history[["dice_per_image", "val_dice_per_image"]] for run in longer]).groupby(level=0).mean()
third, last = (mean_dice.groupby(4 * mean_dice.index // len(mean_dice)).mean().loc[quarter] for quarter in (2, 3))
longest = {"deeplab": longer}
gain = tables.scale_effects(longest, full).iloc[0]
of_design = tables.design_effects({TITLES["deeplab"]: (longer, one)}).iloc[0]
answers = {
    BETTER: "Yes.",
    WORSE: "No, it costs Dice.",
    SAME: "By nothing that matters.",
    UNDECIDED: "These trainings cannot tell.",
}
first_folds = [tables.fold_table({"deeplab": runs["deeplab"]})["fold 0"].item() for runs in (longest, full)]
glue(
    longer_epochs=longer[0].recipe.epochs,
    longer_batch=longer[0].recipe.batch_size,
    longer_dice=gain["larger"],
    longer_gain=gain["mean"],
    longer_low=gain["low"],
    longer_high=gain["high"],
    longer_low_folds=of_design["low"],
    longer_high_folds=of_design["high"],
    longer_lower=of_design["lower"],
    longer_folds=of_design["trainings"],
    longer_answer=answers[decision(Interval(*of_design[["mean", "low", "high"]]))],
    longer_glioma=tables.type_table(longest).xs("test", level="images")["glioma"].item(),
    longer_first=first_folds[0],
    full_first=first_folds[1],
    third_valid=third["val_dice_per_image"],
    third_training=third["dice_per_image"],
    last_valid=last["val_dice_per_image"],
    last_training=last["dice_per_image"],
    learnt_patients=min(run.scores.query("patient_split == 'train'")["patient"].nunique() for run in longer),
)

# %% [markdown]
# From the third quarter of the epochs to the last, the mean Dice of training images rises from {glue:text}`third_training:.3f` to {glue:text}`last_training:.3f`, and that of validation images goes from {glue:text}`third_valid:.3f` to {glue:text}`last_valid:.3f`. At the small size too few steps seem to limit the networks ([chapter 7](07_ladder)). Here more of
# them teach little about new patients; perhaps the {glue:text}`learnt_patients` patients of a training set have no more to teach a network that starts from nothing. That more patients would help was not tried.
#
# ## What a seed does
#
# **On one split, a seed moves a network about as far as the networks lie apart.** Train a network again with another seed and its mean Dice changes by up to {glue:text}`seed_range_fold:.3f` on the test images of one fold, and by up to {glue:text}`seed_range:.3f` over all five. In one fold the range of {glue:text}`seed_count` seeds is {glue:text}`seed_usual:.3f` in the median, and that
# of the four networks, each averaged over its seeds, {glue:text}`networks_in_fold:.3f`. These are the corrected networks of
# [chapter 7](07_ladder); nothing but the seed differs.

# %% tags=["hide-input"]
by_seed = tables.seed_table(folds)
by_fold = tables.fold_table(folds).drop(columns="all")
apart = tables.model_designs(folds)["mean"].abs()
glue(
    seed_range=by_seed["range"].max(),
    seed_range_fold=by_seed["range in a fold"].max(),
    seed_network=by_seed["range in a fold"].idxmax(),
    seed_usual=by_seed["usual range in a fold"].median(),
    networks_in_fold=(by_fold.max() - by_fold.min()).median(),
    seed_count=by_seed.filter(like="seed ").shape[1],
    networks_nearest=apart.min(),
    networks_farthest=apart.max(),
    five_seeds=smallest_p(5),
    six_seeds=smallest_p(6),
)
table(
    by_seed,
    "Mean Dice on all test images by seed, the range of these, and the range on the test images of a single fold: its median over folds, and the largest.",
    digits=3,
)

# %% [markdown]
# The largest move is one of {glue:text}`seed_network`. Training with the same seed and other arithmetic moves networks, too ([how far](../book/reproducing.md)): other last bits of a sum are enough, and a training magnifies them as it magnifies a seed. No difference between two trainings is safe from that. Trainings of
# five folds average much of it out.
#
# Networks, each averaged over its folds and seeds, lie {glue:text}`networks_nearest:.3f` to {glue:text}`networks_farthest:.3f` apart. To say that one *design* is better than another, and not one trained network than another, several trainings of each are needed, of several folds or seeds, and trainings are what an interval is drawn over.
# A test that uses only the signs or ranks of paired differences, and so assumes nothing of their distribution, cannot go below a p value of {glue:text}`five_seeds:.4f` with five seeds, or {glue:text}`six_seeds:.4f` with six.
#
# ## What a network costs
#
# **DeepLab is the fastest for one image**, with the fewest parameters and multiply-adds. The study's third claim is that it is, and that this makes it fit for real time, which is not tested here. In the study's own notebook, on a graphics card, one image takes {glue:text}`predict_least` to {glue:text}`predict_most` ms with every network after its first call, and a step of training {glue:text}`step_deeplab` ms with DeepLab, {glue:text}`step_segnet` with SegNet. The table counts parameters and multiply-adds from the
# networks' graphs, at the study's size of $128 \times 128$ pixels and $64$ filters, and gives times and memory as measured on one processor.

# %% tags=["hide-input", "of-neither"]
models = recorded("efficiency")["models"].assign(network=lambda costs: costs["model"].map(TITLES)).set_index("network")


def time(batch):
    columns = [f"batch_{batch}_{quartile}_ms" for quartile in ("median", "q1", "q3")]
    return [f"{median:.0f} ({q1:.0f} to {q3:.0f})" for median, q1, q3 in models[columns].to_numpy()]


costs = {
    "parameters, million": models["parameters"] / 1e6,
    "multiply-adds, billion": models["multiply_adds"] / 1e9,
    "one image, ms": time(1),
    "eight images, ms": time(8),
    "memory for one, MB": models["batch_1_memory_mb"].round().astype(int),
}
fastest = models["batch_1_median_ms"].idxmin()
glue(predict_least=PREDICT_MS[0], predict_most=PREDICT_MS[1])
glue(step_deeplab=STEP_MS["deeplab"], step_segnet=STEP_MS["segnet"])
glue(fastest=fastest, fastest_ms=models.loc[fastest, "batch_1_median_ms"])
table(pd.DataFrame(costs), "What each network costs at the study's size; times are medians, with quartiles.", digits=1)

# %% [markdown]
# {glue:text}`fastest` takes {glue:text}`fastest_ms:.0f` ms for one image, with one thread, when warm.
#
# ## Summary
#
# - {glue:text}`gates_answer` {glue:text}`kinds_answer`
# - {glue:text}`gap_answer`
# - At the study's own size DeepLab has a mean Dice of {glue:text}`full_dice:.2f` on all patients, in place of {glue:text}`small_dice:.2f`, and {glue:text}`full_glioma:.2f` on gliomas. At a size between the two mean Dice is {glue:text}`between_dice`, and at the small size, with the same seed, {glue:text}`between_small`. DeepLab, trained {glue:text}`longer_epochs` epochs in place of {glue:text}`full_epochs`, half as wide and in smaller batches, has {glue:text}`longer_dice:.2f`; whether that is better, five trainings cannot tell.
# - Another seed moves one network by up to {glue:text}`seed_range_fold:.3f` on one split, and by up to {glue:text}`seed_range:.3f` over five, while the averages of networks lie at most {glue:text}`networks_farthest:.3f` apart: a difference counts only with its interval, over patients and over seeds.
# - The modified DeepLab is the fastest of the four for one image, with the fewest parameters and multiply-adds.
#
# ## Exercises
#
# Some numbers depend on `variant`, so that another class can be given others.

# %% tags=["hide-input"]
from brainseg.paper.course.variants import drawn

variant = 0

# %% [markdown]
# ### Effect or seed
#
# *Medium, fifteen minutes.* Take what another seed changes over all folds as the yardstick. `effects` has what channel and spatial attention change there, column `mean`, labelled by network and kind, and `unattended` the `range` of each network without attention over its seeds. Put into `beyond` the list of the labels whose difference is larger, in size, than `times` the range of its network.

# %% tags=["hide-input"]
times = 0.5 if variant == 0 else (25 + drawn(variant, 100, "times")) / 100

# %% tags=["hide-input", "solution"]
### BEGIN SOLUTION
network_of = effects["label"].str.partition(", ")[0]
beyond = list(effects.loc[effects["mean"].abs() > times * network_of.map(unattended["range"]), "label"])
# None is larger than the whole range: each can be a difference between two trainings, and not between designs.
### END SOLUTION

# %% tags=["hide-input", "checks"]
assert set(beyond) <= set(effects["label"]), "labels of the table"
### BEGIN HIDDEN TESTS
expected_labels = []
for label, difference in zip(effects["label"], effects["mean"], strict=True):
    if abs(difference) > times * unattended.loc[label.split(",")[0], "range"]:
        expected_labels.append(label)
assert list(beyond) == expected_labels
### END HIDDEN TESTS

# %% [markdown]
# ### How many seeds
#
# *Medium, fifteen minutes.* Two networks are trained with the same `seeds` seeds, and one is ahead with every one of them. If neither were better, each seed could as well have gone the other way. Write `seeds_needed(level)`: from how many seeds on is a result as one-sided as this, in either direction, at most as probable as `level`?


# %% tags=["hide-input", "solution"]
def seeds_needed(level):
    """Seeds from which on all of one sign, either one, are at most as probable as a level."""
    ### BEGIN SOLUTION
    seeds = 1
    while 2 / 2**seeds > level:
        seeds += 1
    return seeds
    # Six for the customary level of one in twenty, whatever the networks are.
    ### END SOLUTION


# %% tags=["hide-input", "checks"]
assert seeds_needed(1) == 1, "with one seed, one network is always ahead"
### BEGIN HIDDEN TESTS
for level in (0.05, 0.01, 0.0625, 0.3 / (1 + drawn(variant, 50, "level"))):
    assert smallest_p(seeds_needed(level)) <= level < smallest_p(seeds_needed(level) - 1)
### END HIDDEN TESTS

# %% [markdown]
# ### What a convolution costs
#
# *Easy, ten minutes.* Write `multiply_adds(size, kernel, inputs, filters)` for a padded {term}`convolution` of `kernel` by `kernel` places over a {term}`feature map` of `size` by `size`: every weight is used once at every place. Which costs more, one at the full size with $64$ filters in and out, or one at half the size with twice as many of both?


# %% tags=["hide-input", "solution"]
def multiply_adds(size, kernel, inputs, filters):
    """Multiply-adds of a convolution."""
    ### BEGIN SOLUTION
    return size**2 * kernel**2 * inputs * filters
    # Neither: a quarter of the places, four times the weights.
    ### END SOLUTION


# %% tags=["hide-input", "checks"]
assert multiply_adds(1, 1, 2, 3) == 6, "two inputs, three filters, one place"
### BEGIN HIDDEN TESTS
per_side, places = 8 + drawn(variant, 100, "size"), 3
assert multiply_adds(per_side, places, 5, 7) == sum(places * places * 5 * 7 for _ in range(per_side * per_side))
assert multiply_adds(128, 3, 64, 64) == multiply_adds(64, 3, 128, 128)
### END HIDDEN TESTS

# %% [markdown]
# ### The missing baseline
#
# *Medium, fifteen minutes.* In accuracy, the baselines of the published table ([chapter 6](06_table)) are below the study's own networks. Write down, in at most eight sentences, what you would need to know to call this difference an effect of the gates.

# %% [markdown] tags=["rubric"]
# :::{dropdown} What a good answer says
# Four of these six make a good answer.
#
# - What the baseline is: its code is not published, and something other than the gates may differ.
# - On which images both were measured, and that they are the same.
# - How much one of the networks differs from itself with another seed.
# - What a blank sheet scores: every baseline is below it.
# - Why DeepLab has such a difference, too, though it has no gates.
# - An interval, or the scores of single images that one could be computed from.
# :::
