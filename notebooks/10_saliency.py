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
# # Saliency
#
# The study shows a coloured map for each network and says that it follows the tumour. A {term}`saliency map` is meant to tell which pixels an answer depends on. It is easy to make one and
# hard to know what it says: a map can look right and have nothing to do with the network. This chapter makes thirteen kinds of them, and then measures them. At the end of it you can
#
# - say which question a saliency map answers, and what its colours do not mean;
# - measure whether a map points at the tumour, and whether it tells the truth about the network;
# - name the controls that every map should be compared with, and recognise a map that does not need the network.

# %% tags=["parameters"]
dataset = "phantom"
data = None
scale = "quick"
seed = 0

# %% tags=["hide-input"]
import numpy as np

from brainseg import plotting, saliency
from brainseg.experiments import select
from brainseg.experiments.recorded import recorded_labels, recorded_runs, recorded_saliency
from brainseg.experiments.saliency import OPTIONS, SCORES, methods_of
from brainseg.experiments.workspace import Workspace
from brainseg.models import MODELS, TITLES, as_input, build, guidance
from brainseg.paper import narrate, saliency_tables
from brainseg.paper.display import items, source
from brainseg.plotting.viewer import viewer
from brainseg.saliency import cam, gradients, randomisation, region, scores
from brainseg.scores import THRESHOLD, statistics

workspace = Workspace(dataset, scale, seed, data)
prepared = workspace.prepared
runs = {name: workspace.run(workspace.recipe(name, "corrected")) for name in MODELS}

# %% [markdown]
# ## What is explained
#
# A network for whole images has one answer, and a map explains that. Here there are thousands of answers, one for each pixel, so one has to say which of them are meant. In this chapter it is the
# pixels that the network marks, unless it marks none; then it is the whole image. What is explained is the sum of their {term}`logits <logit>`: a logit is what the network computes before the last
# step squeezes it into a probability, and it still changes where a probability has long come close to 1.
#
# The simplest map asks: if this pixel were a little brighter, how much would the sum change? That is a {term}`gradient`:

# %% tags=["hide-input"]
source(gradients.input_gradient)

# %% [markdown]
# ## One answer, thirteen maps
#
# All methods answer for the same pixels of the same image, with two exceptions: Grad-CAM as published explains the whole image, and attention is not about any pixel. They fall into four families.
#
# *Gradients* ask what a small change of brightness would do:
#
# - *gradient* {cite:p}`simonyan2014`: how much the answer would change, for each pixel;
# - *gradient × input* {cite:p}`shrikumar2016`: that, times the brightness of the pixel;
# - *SmoothGrad* {cite:p}`smilkov2017`: the mean gradient of several noisy copies of the image;
# - *gradient variance* {cite:p}`adebayo2018local`: how much the gradients of such copies differ;
# - *integrated gradients* {cite:p}`sundararajan2017`: gradients all the way from a black image to this one;
# - *guided backpropagation* {cite:p}`springenberg2015`: a gradient that leaves out on its way back what is negative.
#
# *Class activation maps* show where the features of one layer are strong that speak for the answer, here of the last of the coarsest layers:
#
# - *Seg-Grad-CAM* {cite:p}`selvaraju2017,vinogradova2020`: each feature is weighted by its mean gradient;
# - *HiResCAM* {cite:p}`draelos2020`: each feature is weighted at each place by the gradient there;
# - *Seg-XRes-CAM* {cite:p}`hasany2023`: between the two, with means over small windows;
# - *Grad-CAM as published*: the study's own formula.
#
# *Perturbations* hide a part of the image and look what the answer loses: *occlusion* {cite:p}`zeiler2014` hides one patch after another, *RISE* {cite:p}`petsiuk2018` hides random parts many times. And *attention* shows what the network's own gates let through.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "One test image under all thirteen maps of U-Net's answer, the image with its outline first. Bright: strong; where the image shows through, the map is weak, zero or negative. Each map has a scale of its own.", "name": "fig-thirteen"}, "image": {"alt": "One slice under thirteen different saliency maps, which differ strongly."}}
unet = runs["unet"]
dice = unet.scores["border_dice"].where(unet.scores["split"] == "test").to_numpy()
cases = {name: rows[0] for name, rows in plotting.best_middle_worst(dice, 1).items()}
rows = np.array(list(cases.values()))
first = rows[:1]
images = as_input(prepared.images[rows])
marked = {name: runs[name].probability[rows] > THRESHOLD for name in MODELS}


def maps_of(run):
    asked = {"region": region.marked_or_whole(run.probability[rows])}
    return {
        method: saliency.explain(method, run.model, images, **{**asked, **OPTIONS.get(method, {})})
        for method in methods_of(run, images)
    }


maps = {name: maps_of(run) for name, run in runs.items()}
outlines = {"border": prepared.masks["border"][rows], "prediction": marked["unet"]}
best = {method: found[:1] for method, found in maps["unet"].items()}
plotting.saliency_maps(prepared.images[first], best, outlines, columns=4)

# %% [markdown]
# The maps disagree, although they are of one network, one image and one answer. Some follow the edges of the image, some are blobs, some cover the marked pixels and some lie beside them. That they disagree does not make one of them wrong: they answer different questions.
# So the first question to a saliency map is *which one*, and the second is how anybody would notice if it were wrong.
#
# ## What the study showed
#
# The study has one image from the training set for each network, under a Grad-CAM map: features of one convolution, weighted by the gradient of the mean probability of the whole image. Here is the same formula for all four networks, on three test images: one
# that U-Net marks well, one in the middle, and its worst. The layer is the last of the coarsest ones: the bottleneck, and in DeepLab, which never becomes as coarse, a layer of its decoder.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Grad-CAM by the study's formula, on three test images: the one that U-Net marks best, one in the middle, and its worst. The first column shows the border and what U-Net marks.", "name": "fig-published-cam"}, "image": {"alt": "Three slices under the published heat map of four networks."}}
published = {TITLES[name]: maps[name]["Grad-CAM as published"] for name in MODELS}
plotting.saliency_maps(prepared.images[rows], published, outlines, titles=list(cases))

# %% [markdown]
# A map of a layer with few pixels, enlarged to the image, is a blob wherever it lies. If tumours are often in the middle of the image, a blob in the middle will often touch one. Whether a map points at tumours better
# than such a blob has to be measured.
#
# ## Good, bad and missed tumours
#
# And here are all methods on the same three images, for all four networks. Look for a sign in the maps that tells a good answer from a bad one, or from a tumour that was missed.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "All thirteen kinds of map of all four networks, for the test image that U-Net marks best, one in the middle, and its worst. First line: the slice. Second and third: the border, and what the network marks. Where a network marks nothing, its answer for the whole image is explained. DeepLab has no attention gates.", "name": "fig-all-maps"}, "image": {"alt": "A table of small slices: thirteen methods in lines, four networks with three slices each in columns."}}
border = np.asarray(prepared.masks["border"][rows])
everything = {TITLES[name]: {"border": border, "its mask": marked[name], **maps[name]} for name in MODELS}
plotting.all_maps(prepared.images[rows], everything, list(cases))

# %% [markdown]
# A wrong answer has a map too, and it can look as tidy as that of a right one, whatever the method: a map shows what the answer depends on, and that is always something.
#
# ## Look for yourself
#
# Every network, three images, and some of the methods, two maps beside each other. Turn the opacity down to see the slice under the map.

# %% tags=["hide-input"]
shown = ("gradient", "SmoothGrad", "Seg-Grad-CAM", "Grad-CAM as published", "occlusion", "attention")
viewer(
    prepared.images[rows],
    [f"{name} case of U-Net" for name in cases],
    {TITLES[name]: {method: maps[name][method] for method in shown if method in maps[name]} for name in MODELS},
    {TITLES[name]: marked[name] for name in MODELS},
    border,
    {"energy inside the border": scores.energy_inside, "highest value inside": scores.pointing_game},
)

# %% [markdown]
# ## Three questions to a map
#
# **Does it point at the tumour?** Compared with the border that was drawn by hand: the share of the map's *energy inside the border*; whether its highest value lies inside (the *pointing game* {cite:p}`zhang2018`); and the *localisation AUC*, the probability that a pixel inside has a
# higher value than one outside, of which one half is chance.
#
# **Is it true of the network?** That needs no border. *Deletion* {cite:p}`petsiuk2018`: paint pixels black, the strongest first; the faster the probability of the marked pixels falls, the better the map has named what they rest on. *Insertion*: the reverse, from a blurred image; here more is better. A half-blackened image is unlike any that the network was trained on, and both scores depend on that, too.
# *Sensitivity* {cite:p}`ancona2018`: do the values of a random part of the map say how much the answer loses without that part?
#
# **Is it stable?** Does the map stay when noise is added that a reader would not notice?
#
# In code, one of each of the first two:

# %% tags=["hide-input"]
source(scores.energy_inside, scores.deletion)

# %% [markdown]
# ### Controls
#
# A score means nothing by itself. Four maps are scored along with the others that know nothing of what happens in the network: a blob in the middle of the image, the image's own edges, noise, and the mask that the network predicts. For most scores the last is the hardest: if the mask itself points at the tumour just as well, a
# saliency map has told us nothing about the place that the answer had not told already.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The four controls for the same image. None of them knows what happens in the network, and the third knows only its answer.", "name": "fig-controls"}, "image": {"alt": "A slice under four simple maps: a central blob, edges, the predicted mask and noise."}}
plotting.saliency_maps(
    prepared.images[first],
    scores.controls(images[:1], marked["unet"][:1]),
    outlines,
)

# %% [markdown]
# ## The scores, on the study's images

# %% tags=["hide-input"]
record = recorded_saliency("saliency")
pixels = sorted({f"{run['recipe']['size']} × {run['recipe']['size']} pixels" for run in record.runs})
explained = record.scores.groupby("model")["number"].nunique()
marks = record.scores.drop_duplicates(["model", "number"])["dice"]
items(
    [
        f"Recorded: the study's images, {', '.join(pixels)}, corrected training, {len(record.runs)} networks, "
        f"{explained.min()} test images of each in which it marks something.",
        f"The mean Dice of the masks that are explained is {marks.mean():.2f}.",
    ]
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Three scores of every map on the study's images, one mark a network; grey: the controls. Of deletion, less is better.", "name": "fig-map-scores"}, "image": {"alt": "Dot plot of localisation, deletion and insertion scores for thirteen methods and four controls."}}
plotting.map_scores(record.scores, {name: SCORES[name] for name in ("energy", "deletion", "insertion")})

# %% [markdown]
# All seven scores, means over the images of a network and then over the four networks; the last four lines are the controls:

# %% tags=["hide-input"]
by_network = record.scores.groupby(["kind", "map", "model"], sort=False)[list(SCORES)].mean()
averages = by_network.groupby(["kind", "map"], sort=False).mean()
averages = averages.sort_index(level="kind", ascending=False, sort_remaining=False)
averages.droplevel("kind").rename(columns=dict(SCORES)).round(2)

# %% [markdown]
# Which methods beat the best of the four controls? Each is compared with it on the same images of the same network. *Better* or *worse* is counted where the 95 % interval of the difference excludes zero:

# %% tags=["hide-input"]
compared = saliency_tables.against_controls(record.scores)


def in_words(found):
    counts = found.value_counts()
    return ", ".join(f"{counts[word]} {word}" for word in ("better", "worse") if word in counts) or "–"


verdicts = compared.groupby(["map", "score"], sort=False)["verdict"].agg(in_words).unstack()
verdicts.loc[compared["map"].unique(), compared["score"].unique()].rename(columns=dict(SCORES))


# %% tags=["hide-input"]
def in_most(rows, word):
    share = rows["verdict"].eq(word).groupby(rows["map"], sort=False).mean()
    return ", ".join(share.index[share > 1 / 2]) or "no method"


items(
    f"*{SCORES[score]}* (strongest control: {rows.drop_duplicates('model')['control'].value_counts().index[0]}): "
    f"better in more than half of the networks: {in_most(rows, 'better')}; beaten: {in_most(rows, 'worse')}."
    for score, rows in compared.groupby("score", sort=False)
)

# %% [markdown]
# A map that is beaten by a control is not useless, but it cannot be used for what the control does better. There is also a limit that no method passes: maps explain the network's mask, and where the mask is wrong a faithful map must point beside the tumour.
# *Stability* is left out of the comparison, because a map that never changes, such as noise drawn once, is perfectly stable.
#
# ### Large and small tumours
#
# The study's fifth claim is that the maps of U-Net and DeepLab follow the tumour closely, those of SegNet and LinkNet less so, above all for small tumours. With the study's own method, the share of energy inside the border is:

# %% tags=["hide-input"]
own = record.scores[record.scores["map"] == "Grad-CAM as published"]


def by_tumour(found, by):
    table = found.assign(size=found["number"].map(saliency_tables.sizes(found)))
    kinds = table.pivot_table("energy", by, "tumour_type", sort=False).sort_index(axis="columns")
    thirds = table.pivot_table("energy", by, "size", sort=False)[list(saliency_tables.SIZES)]
    return kinds.join(thirds).loc[found[by].unique()].rename(index=TITLES).round(2)


by_tumour(own, by="model")

# %% tags=["hide-input"]
places = {}
for recipe in (run["recipe"] for run in record.runs):
    network = build(recipe["model"], size=recipe["size"], width=recipe["width"])
    places[TITLES[recipe["model"]]] = network.get_layer(cam.coarsest_layer(network)).output.shape[1]
items(
    [
        f"Places of these maps: {', '.join(f'{name} {n} × {n}' for name, n in places.items())}.",
        f"Images with a meningioma, by network: {', '.join(str(n) for n in own[own['tumour_type'] == 'meningioma'].groupby('model', sort=False).size())} of 30.",
    ]
)

# %% [markdown]
# The claim is seen for DeepLab, and not for U-Net. But DeepLab's map has finer places than the others', and a fine map can have its energy inside a small border where a coarse one cannot. So the difference may be one of the grain of the maps, and not of what the
# networks look at; this table cannot say. The column of meningiomas rests on a handful of images.
#
# And for all maps, as a mean over the networks:

# %% tags=["hide-input"]
by_tumour(record.scores, by="map")

# %% [markdown]
# Read the last rows first. A map that is the same for every image has more energy inside large tumours, because they are larger. So a table like this needs its controls in it as well.
#
# ## Is it about the network at all?
#
# Here is a test that some well-known methods fail {cite:p}`adebayo2018`. Destroy what the network has learned: shuffle the weights of its last part, then of the part before it, and so on up to the first. A map that is about the network must change.
# Below, U-Net loses one part after another from left to right.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Maps of U-Net's answer while its parts are destroyed one after another, from the answer up. A row that stays the same does not show what the network has learned.", "name": "fig-cascade"}, "image": {"alt": "Rows of maps for five methods; in each, the network is destroyed further from left to right."}}
tested = ("gradient", "integrated gradients", "guided backpropagation", "Seg-Grad-CAM", "HiResCAM")
asked = region.marked_or_whole(unet.probability[first])
cascade = {"learned": [maps["unet"][method][0] for method in tested]}
for part, model in randomisation.randomised(unet.model):
    if part in ("logits", "decoder_2", "decoder_4", "bottleneck", "encoder_1"):
        cascade[part.replace("_", " ")] = [saliency.explain(method, model, images[:1], asked)[0] for method in tested]
plotting.saliency_maps(
    np.repeat(prepared.images[first], len(tested), axis=0),
    cascade,
    titles=[method.replace(" ", "\n", 1) for method in tested],
)

# %% [markdown]
# The same in numbers, on the study's images: how alike are the maps before and after, by the order in which they put the pixels? One is the same order, zero no relation, below zero a reversed one.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Rank correlation of maps with those of the whole network, while its parts are destroyed from the answer up, mean of eight test images of the study. A line that stays high belongs to a method that shows the image more than the network.", "name": "fig-randomisation"}, "image": {"alt": "Line charts, one for each method: rank correlation falls as parts of four networks are destroyed."}}
plotting.randomisation(record.randomisation)

# %% [markdown]
# With everything destroyed, the correlations are as follows. Where the maps of a network have become even, or it has no gates, there is no number.

# %% tags=["hide-input"]
destroyed = saliency_tables.destroyed(record.randomisation)
destroyed.round(2)

# %% [markdown]
# No kind of map ends near zero in all networks. Grad-CAM as published ends below zero for three networks of four: a partly reversed order is still a relation, and needs an explanation of its own. The mean of attention is near zero only because U-Net's maps stay alike (0.34) and LinkNet's are partly
# reversed (−0.52). The gradients of a network that knows nothing any more still lie on the tumour, because *we* told them where to look: explained are the marked pixels, and these depend most on themselves and
# their neighbours, whatever the weights are. A product with the image also keeps the image, and what the eye recognises in such a map is the image. So a map on the tumour is no evidence that the network has
# learned anything about tumours. For that the network must be asked otherwise: by its answers on images that it has not seen.
#
# ### Another test: wrong labels
#
# The second test of the same authors destroys the labels in place of the weights. A network is trained on the same images, with the tumour borders dealt out anew among them: nothing can be learned about tumours but where they tend to lie. A map that shows what a network has
# learned must then be another. How much another? Two trainings on the *true* labels that differ in nothing but their seed do not have the same maps either, so they are the yardstick. Explained are the same pixels in all three.

# %% tags=["hide-input"]
dealt = recorded_labels("labels")
names = ("another seed", "shuffled labels")
marks = dealt.drop_duplicates(["model", "network", "number"]).pivot_table("dice", "model", "network")
values = dealt.assign(seed=0, value=dealt["correlation"])
differences = statistics.labelled_differences(
    {
        key: tuple(found[found["network"] == name] for name in names)
        for key, found in values.groupby(["model", "map"], sort=False)
    }
)
differences[["model", "map"]] = differences["label"].tolist()


def alike(model):
    found = differences[differences["model"] == model]
    same = found[found["low"] <= 0].sort_values("mean")["map"]
    return (
        f"{TITLES[model]}: of {len(found)} kinds of map, {len(found) - len(same)} are less alike with shuffled "
        f"labels than with another seed; the interval of the difference does not lie above zero for: {', '.join(same) or 'none'}."
    )


networks = dealt["model"].unique()
items(
    [
        *(
            f"{TITLES[model]}: mean Dice on these test images {marks.loc[model, names[0]]:.2f} with another seed, "
            f"{marks.loc[model, names[1]]:.2f} with shuffled labels."
            for model in networks
        ),
        *map(alike, networks),
    ]
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Rank correlation with the maps of a network with another seed, minus that with the maps of a network that learned shuffled labels; test images of the study. At zero: a map that does not depend on the labels.", "name": "fig-labels"}, "image": {"alt": "Forest plot, one line a method: how much less alike maps are after training on shuffled labels."}}
plotting.forest(
    differences.assign(label=differences["map"], group=differences["model"].map(TITLES)).sort_values(
        "mean", kind="stable"
    ),
    xlabel="rank correlation lost by shuffled labels",
)

# %% tags=["hide-input"]
means = dealt.pivot_table("correlation", ["model", "map"], "network", sort=False)[list(names)]
both = means.join(differences.set_index(["model", "map"])[["mean", "low", "high"]])
both = both.rename(index=TITLES, level="model").rename(columns={"mean": "difference"})
both.rename_axis(columns=None).round(2)

# %% [markdown]
# A line at zero, or beyond, does not say that a map is worthless. It says that what the map shows is not what the labels have taught: the image itself, the pixels that were asked about, or what any network of this build would do. It is one network of each kind, so a
# difference that is small beside those between two seeds is not one to build on.
#
# ## Saliency in training
#
# The study's README says that saliency maps are part of the training, so that a network learns to look at tumours. The notebook has no such step. What it could be is known: a term in the loss that
# punishes gradients at pixels that should not matter {cite:p}`ross2017`. In this package it is the share of the gradient's energy that lies outside the tumour's border, where energy is the sum of squares (in the scores above it is the sum of what is positive in a map):

# %% tags=["hide-input"]
source(guidance.energy_outside)

# %% [markdown]
# `brainseg train unet --step corrected --guidance 0.1` trains with it, and 0.1 is the weight of the term. A network that must not use what lies around a tumour cannot compare the tumour with its surroundings, so there may be a price.
# Here are both, gain and price, on the study's images, for several weights; everything else in the training is the same:

# %% tags=["hide-input"]
guided = recorded_runs("guidance")
items(narrate.recorded(guided))

# %% tags=["hide-input"] mystnb={"figure": {"caption": "What the weight of the guidance term changes: Dice on all test images, and four scores of gradient maps on the test images that are explained. Filled marks differ from no guidance: the interval of the paired difference excludes zero. Of deletion, less is better.", "name": "fig-guidance"}, "image": {"alt": "Five small charts over the weight of the guidance term: Dice, energy inside the border, pointing game, deletion, insertion."}}
guided_maps = recorded_saliency("guided-maps").scores
effect = saliency_tables.guidance(guided, guided_maps)
plotting.guidance(effect, saliency_tables.ABLATED)


# %% tags=["hide-input"]
def as_text(what, low, high, sign=""):
    ends = effect[[what, low, high]].map(f"{{:{sign}.2f}}".format)
    texts = ends[what] + " [" + ends[low] + ", " + ends[high] + "]"
    table = effect.assign(text=texts, network=effect["model"].map(TITLES)).dropna(subset=what)
    wide = table.pivot(index=["network", "weight"], columns="score", values="text")
    return (
        wide.loc[table["network"].unique(), list(saliency_tables.ABLATED)]
        .rename(columns=saliency_tables.ABLATED)
        .rename_axis(columns=None)
    )


as_text("mean", "low", "high")

# %% [markdown]
# The differences from no guidance, on the same images, with their 95 % intervals:

# %% tags=["hide-input"]
as_text("difference", "difference_low", "difference_high", sign="+")


# %% tags=["hide-input"]
def changed(score, rows):
    heaviest = f"with weight {rows['weight'].max():g}"
    ends = [
        f"{TITLES[model]} {one['mean'].iloc[0]:.2f} without, {one['mean'].iloc[-1]:.2f} {heaviest}"
        for model, one in rows.groupby("model", sort=False)
    ]
    above, below = statistics.beside_zero(rows["difference_low"], rows["difference_high"])
    return (
        f"*{saliency_tables.ABLATED[score]}*: {'; '.join(ends)}. Of {rows['difference'].notna().sum()} differences from no guidance, the intervals "
        f"of {above} lie above zero, those of {below} below."
    )


items(changed(score, rows) for score, rows in effect.groupby("score", sort=False))

# %% [markdown]
# Two readings have to be kept apart. *Deletion* becomes worse with guidance, but so it does for the controls, noise among them, as the first table below shows: the guided network holds on to its answer longer when pixels go black, whichever they are. That is a change of the network, not of its maps.
# And the *energy inside the border* can rise because the mask that is explained lies better, or is smaller. So in the second table it is beside that of the mask itself, and of a blob in the middle:

# %% tags=["hide-input"]
by_weight = guided_maps.assign(model=guided_maps["model"].map(TITLES))
compared_maps = ["gradient", "Seg-Grad-CAM", "predicted mask", "centre", "noise"]
by_weight.pivot_table("deletion", ["model", "guidance"], "map")[compared_maps].round(2)

# %% tags=["hide-input"]
by_weight.pivot_table("energy", ["model", "guidance"], "map")[compared_maps].round(2)

# %% [markdown]
# How much do such numbers differ without any guidance? The same recipe with the same seed had been trained before, for the table on attention in [chapter 8](08_attention). In the first epoch the two trainings hardly differ; the small difference, most likely of rounding on another processor, grows:

# %% tags=["hide-input"]
earlier = {run.recipe: run for run in recorded_runs("attention")}
pairs = [(earlier[run.recipe], run) for run in guided if run.recipe in earlier]


def dice_of(run):
    return select.collect([run], "border_dice")["value"].mean()


items(
    f"{TITLES[now.recipe.model]}, seed {now.recipe.seed}: loss in the first epoch {then.history['loss'].iloc[0]:.4f} then, "
    f"{now.history['loss'].iloc[0]:.4f} now; mean Dice on test images at the end {dice_of(then):.2f} then, {dice_of(now):.2f} now."
    for then, now in pairs
)

# %% [markdown]
# The study's sixth claim is that saliency in training makes a network rely on tumour regions. The gradient maps of DeepLab move to the tumour, with intervals above zero, and with the larger weight it pays for that in Dice. But energy inside the border is close to what the term rewards, so this
# shows that maps can be moved, and not that the network relies more on the tumour; the ledger of [chapter 11](11_audit) says *not reproduced*. Those of U-Net
# rise too, but so does the mask that they explain, and the intervals include zero. Its changes in Dice are smaller than the difference between two trainings of one recipe. Everything rests on one seed for each weight: the intervals are over patients and images, and say nothing of what another training
# would have given. For that, several seeds of every weight would have to be trained.
#
# ## What a map cannot say
#
# - It shows what *this* network's answer depends on. It does not show where a tumour is; for that there is the answer, and its score.
# - It does not make an answer trustworthy. Networks that find the wrong place have maps that look just as tidy.
# - It has no scale of its own. Two maps can be compared only by a score that says what they are for.
#
# `brainseg explain IMAGE -o report.html` makes such maps for any slice, and says beside them what they do not mean.
#
# ## Exercises
#
# 1. A map is the same everywhere. Which values do its energy inside the border, its pointing game and its localisation AUC have, for a tumour that covers a tenth of the image?
# 2. Explain the four corners of the image in place of the marked pixels: `saliency.explain("gradient", unet.model, images, mask_of_corners)`. What do you expect to see, and what do you see?
# 3. Which control would you add for images in which most tumours lie on the left?
# 4. Seg-Grad-CAM with another layer: `saliency.explain(..., layer="encoder_1_conv_2_relu")`. Does it point better or worse, and is it more or less faithful?
