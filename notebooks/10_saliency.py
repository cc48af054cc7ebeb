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
# The study shows a coloured map for each network and says that it follows the tumour. A {term}`saliency map` is meant to tell which pixels an answer depends on. It is easily made, can look right, and may have nothing to do with the network; or, as in the study, be its answer once more.
#
# ```{admonition} Before you start
# :class: before
# **You will be able to** say which question a saliency map answers; measure whether it points at the tumour and whether it is true of the network; recognise a map that does not need the network.
# **You need** the four networks ([chapters 2](02_unet) [to 5](05_deeplab)), their corrected training ([chapter 7](07_ladder)), and the idea of a {term}`gradient`.
# **The answer**: the study's maps are its networks' answers, divided by their largest value. Of true saliency maps, in energy, none lies on the tumour as well as the mask that the network predicts: that has {glue:text}`mask_energy:.2f` of its energy inside the border, the best map, {glue:text}`best_map`, {glue:text}`best_energy:.2f`. And maps can stay much the same when all that the network has learned is destroyed (rank correlation {glue:text}`stays_most:.2f` for {glue:text}`stays_map`).
# ```

# %% tags=["parameters"]
dataset = "phantom"
data = None
scale = "quick"
seed = 0

# %% tags=["hide-input"]
from itertools import combinations

import numpy as np
import pandas as pd

from brainseg import plotting, saliency
from brainseg.experiments import select
from brainseg.experiments.recorded import MAP_SCORES, recorded_labels, recorded_runs, recorded_saliency
from brainseg.experiments.saliency import OPTIONS, methods_of
from brainseg.experiments.workspace import Workspace
from brainseg.models import MODELS, TITLES, as_input, guidance
from brainseg.paper import saliency_tables
from brainseg.paper.claims.shown import NAMED, maps_and_answers
from brainseg.paper.display import glue, listed, minus, source, table
from brainseg.plotting.viewer import viewer
from brainseg.saliency import cam, gradients, randomisation, region, scores, target
from brainseg.scores import THRESHOLD, statistics

workspace = Workspace(dataset, scale, seed, data)
prepared = workspace.prepared
runs = {name: workspace.run(workspace.recipe(name, "corrected")) for name in MODELS}

# %% [markdown]
# ## What is explained
#
# A map explains one number: here, the sum of the {term}`logits <logit>` of the pixels that the network marks, or of all where it marks none. A logit is a probability before the last step squeezes it, and still changes where that has long come close to one.
# The simplest map asks how much the sum would change if a pixel were a little brighter. That is a {term}`gradient`:

# %% tags=["hide-input"]
source(gradients.input_gradient)

# %% [markdown]
# ## One answer, twelve maps
#
# Twelve methods draw twelve maps of one answer, and the maps disagree: the mean rank correlation of two in {numref}`fig-twelve` is {glue:text}`alike:.2f`, where one is the same order of the pixels and zero no relation. They are of four families.
#
# - *Gradients* ask what a small change of brightness would do: the *gradient* itself {cite:p}`simonyan2014`; times the brightness, *gradient × input* {cite:p}`shrikumar2016`; its mean over noisy copies of the image, *SmoothGrad* {cite:p}`smilkov2017`, and their spread, *gradient variance* {cite:p}`adebayo2018local`; times the brightness, its mean on the way from a black image, *integrated gradients* {cite:p}`sundararajan2017`; and without what is negative on the way back, *guided backpropagation* {cite:p}`springenberg2015`.
# - *Class activation maps* show where the features of one coarse layer speak for the answer, weighted by their mean gradient, *Seg-Grad-CAM* {cite:p}`selvaraju2017,vinogradova2020`; by the gradient at each place, *HiResCAM* {cite:p}`draelos2020`, or in small windows, *Seg-XRes-CAM* {cite:p}`hasany2023`.
# - *Perturbations* hide one patch after another, *occlusion* {cite:p}`zeiler2014`, or random parts many times, *RISE* {cite:p}`petsiuk2018`, and look what the answer loses.
# - *Attention* shows what the network's own gates let through. DeepLab has none.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Twelve maps of one answer, that of U-Net to one test image, and they disagree. Bright: strong; where the image shows through, the map is weak, zero or negative. Each map has a scale of its own.", "name": "fig-twelve"}, "image": {"alt": "One slice under twelve different saliency maps: some are speckles on the tumour or around it, some broad glows, some blocks."}}
unet = runs["unet"]
on_test = unet.scores["border_dice"].where(unet.scores["split"] == "test").to_numpy()
cases = {name: rows[0] for name, rows in plotting.best_middle_worst(on_test, 1).items()}
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
glue(alike=np.nanmean([scores.rank_correlation(*pair)[0] for pair in combinations(best.values(), 2)]))
plotting.saliency_maps(prepared.images[first], best, outlines, columns=4)

# %% [markdown]
# None is wrong for that: they answer different questions. So ask of a map *which question* it answers, and how anybody would notice if it were wrong.
#
# ## What the study showed
#
# **The study's saliency map is the network's answer, divided by its largest value.** Grad-CAM takes the channels of one layer, weights each by the mean of its gradient, and shows their mean. The study's notebook does so for the layers {glue:text}`named`. Keras counts the convolutions of a session from zero, and the four networks have {glue:text}`convolutions`: built in the order of the notebook, each of these
# layers is the last of its network. (DeepLab's is that of a second build, whose layers the notebook prints.) There is one channel, the probability of tumour, and the gradient of its mean is the same at every place. So nothing is left but the answer. Of networks that are built in this way, trained or not, map and answer differ {glue:text}`apart`. The notebook's
# pictures, one training image under four maps, agree: they are as fine as the image, and the spots of three have straight sides, like the labels.


# %% tags=["hide-input"]
named = maps_and_answers()
glue(
    named=listed(f"conv2d_{number}" for number in NAMED.values()),
    convolutions=listed(named["convolutions"]),
    apart=f"by {named['apart'].max():.0e}" if named["apart"].any() else "nowhere",
)
source(cam.published_grad_cam)

# %% [markdown]
# Such a map lies on a tumour as well as the answer does, in {numref}`fig-published-cam` and everywhere. It does not say what the answer rests on, and no look at it could tell. **How to spot it**: ask which layer a class activation map is of, and subtract it from the answer.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The study's map is the answer again: bright where the network is sure of a tumour, right or wrong. Where nothing is marked, as by U-Net in the last line, the division makes weak doubts bright. Three test images: the one that U-Net marks best, one in the middle, and its worst.", "name": "fig-published-cam"}, "image": {"alt": "Three slices under the published heat map of four networks: spots with the shape of the predicted masks, on the tumour in the first line and elsewhere or nowhere in the others."}}
published = {
    TITLES[name]: cam.published_grad_cam(target.Target(run.model, images, "whole")) for name, run in runs.items()
}
border = np.asarray(prepared.masks["border"][rows])
plotting.saliency_maps(prepared.images[rows], published, {"border": border}, titles=list(cases))

# %% [markdown]
# ## Good, bad and missed tumours
#
# A wrong answer has a map too, and it can look as tidy as that of a right one: a map shows what the answer depends on, and that is always something.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "No map says that the answer is wrong. Six kinds of map of U-Net, for the test image that it marks best, one in the middle, and its worst. Where it marks nothing, its answer for the whole image is explained.", "name": "fig-all-maps"}, "image": {"alt": "Three slices in lines, each under six kinds of map; those of the badly marked slice look no different in kind."}}
shown = ("gradient", "integrated gradients", "HiResCAM", "occlusion", "RISE", "attention")
plotting.saliency_maps(
    prepared.images[rows],
    {method.replace(" ", "\n"): maps["unet"][method] for method in shown},
    outlines,
    titles=list(cases),
)

# %% [markdown]
# ## Look for yourself
#
# Every network, three images, and some of the methods, two maps beside each other. Turn the opacity down to see the slice under the map.

# %% tags=["hide-input"]
shown = ("gradient", "SmoothGrad", "Seg-Grad-CAM", "HiResCAM", "occlusion", "attention")
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
# A map can be asked three things, and only the first needs the border that was drawn by hand.
#
# - **Does it point at the tumour?** The share of the map's *energy inside the border*; whether its highest value lies inside, the *pointing game* {cite:p}`zhang2018`; and the *localisation AUC*, the probability that a pixel inside has a higher value than one outside, where one half is chance.
# - **Is it true of the network?** *Deletion* {cite:p}`petsiuk2018` paints pixels black, the strongest first: the faster the probability of the marked pixels falls, the better. *Insertion* is the reverse, from a blurred image; here more is better. *Sensitivity* {cite:p}`ancona2018`: do the values of a random part say how much the answer loses without it? Half-black images are unlike any that the network has learned from, which these scores cannot tell apart from a bad map.
# - **Is it stable** when noise is added that a reader would not notice?

# %% tags=["hide-input"]
source(scores.energy_inside, scores.deletion)

# %% [markdown]
# ### Controls
#
# A score means nothing by itself, so four maps are scored along that know nothing of what happens in the network: a blob in the middle, the image's own edges, the mask that the network predicts, and noise. Where the mask itself points at the tumour as well, a saliency map has told us nothing new about the place.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A map that looks right need not know the network: the four controls. The predicted mask knows its answer, the others not even that.", "name": "fig-controls"}, "image": {"alt": "A slice under four simple maps: a central blob, edges, the predicted mask and noise."}}
plotting.saliency_maps(
    prepared.images[first],
    scores.controls(images[:1], marked["unet"][:1]),
    outlines,
)

# %% [markdown]
# ## The scores, on the study's images
#
# **By energy, no saliency map lies on the tumour as well as the predicted mask.** Of {glue:text}`pairs` pairs of network and method, {glue:text}`energy_better` have more energy inside the border than the best control, and {glue:text}`energy_worse` have less. Scored are {glue:text}`explained` test images of each network in which it marks something, with a mean Dice of {glue:text}`explained_dice:.2f`; they are of {glue:text}`explained_least` to {glue:text}`explained_most` patients.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The predicted mask, a control, has more energy inside the border than any saliency map. In deletion, where less is better, gradients, occlusion and RISE are on average ahead of the class activation maps. One mark a network, means over test images of the study; grey: the controls.", "name": "fig-map-scores"}, "image": {"alt": "Dot plot of energy inside the border, deletion and insertion for twelve methods and four controls. The predicted mask is far to the right in the first panel."}}
record = recorded_saliency("saliency")
explained = record.scores.groupby("model")["number"].nunique()
patients = record.scores.groupby("model")["patient"].nunique()
marks = record.scores.drop_duplicates(["model", "number"])["dice"]
by_network = record.scores.groupby(["kind", "map", "model"], sort=False)[list(MAP_SCORES)].mean()
averages = by_network.groupby(["kind", "map"], sort=False).mean()
energies = averages["energy"]
glue(
    explained=explained.min(),
    explained_least=patients.min(),
    explained_most=patients.max(),
    explained_dice=marks.mean(),
    mask_energy=energies["control", "predicted mask"],
    best_map=energies["method"].idxmax(),
    best_energy=energies["method"].max(),
)
plotting.map_scores(record.scores, {name: MAP_SCORES[name] for name in ("energy", "deletion", "insertion")})

# %% tags=["hide-input"]
others = averages.sort_index(level="kind", ascending=False, sort_remaining=False).droplevel("kind")
table(
    others[["pointing", "auc", "sensitivity", "stability"]].rename(columns=dict(MAP_SCORES)),
    "The other four scores, means over the images of a network and then over the networks. The last four lines are the controls.",
)

# %% [markdown]
# Each map is compared with the best of the controls on the same images, and counts as better or worse where the {term}`interval <confidence interval>` of the difference excludes zero:

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Only in deletion do more methods beat the best control than lose to it. In how many of the networks, on the study's images; an empty field: no difference that can be told from zero.", "name": "fig-against-controls"}, "image": {"alt": "A grid of twelve methods and six scores. The column energy is all worse; in the column deletion more are better than worse; the others are mixed or worse."}}
compared = saliency_tables.against_controls(record.scores)
of_energy = compared.loc[compared["score"] == "energy", "verdict"]


def in_most(word, *names):
    found = compared[compared["score"].isin(names)]
    share = found["verdict"].eq(word).groupby([found["map"], found["score"]], sort=False).mean()
    return ", ".join(dict.fromkeys(share.index.get_level_values("map")[share > 1 / 2])) or "no method"


glue(
    pairs=len(of_energy),
    energy_better=(of_energy == "better").sum(),
    energy_worse=(of_energy == "worse").sum(),
    better_at_deletion=in_most("better", "deletion"),
    better_elsewhere=in_most("better", "energy", "pointing", "auc", "insertion", "sensitivity"),
    worse_at_deletion=in_most("worse", "deletion"),
    worse_at_insertion=in_most("worse", "insertion"),
)
plotting.against_controls(compared, {name: MAP_SCORES[name] for name in saliency_tables.CONTROLLED})

# %% [markdown]
# In more than half of the networks, the best control is beaten in deletion by {glue:text}`better_at_deletion`; in the other scores by {glue:text}`better_elsewhere`. It beats {glue:text}`worse_at_deletion` in deletion, and {glue:text}`worse_at_insertion` in insertion. (*Stability* is left out: a map that never changes is perfectly stable.)
#
# A beaten map is not useless, but cannot be used for what the control does better. And maps explain the network's mask: where that is wrong, a faithful map must point beside the tumour.
#
# ### Large and small tumours
#
# The study's fifth claim is that the maps of U-Net and DeepLab follow tumours closely, and those of LinkNet and SegNet less, above all small tumours. Its maps are answers, so this is said of masks; and of these networks' masks it is not seen: their energy inside the border is {glue:text}`own_unet:.2f` for U-Net, {glue:text}`own_deeplab:.2f` for DeepLab, {glue:text}`own_linknet:.2f` for LinkNet and {glue:text}`own_segnet:.2f` for SegNet, in one training of each.

# %% tags=["hide-input"]
sizes = record.scores["number"].map(saliency_tables.sizes(record.scores))
energy = record.scores.assign(size=sizes).pivot_table("energy", ["map", "model"], "size", sort=False)
energy = energy[list(saliency_tables.SIZES)]
centre = energy.loc["centre"].mean()
glue(
    **{
        f"own_{name}": masks["energy"].mean()
        for name, masks in record.scores.query("map == 'predicted mask'").groupby("model")
    },
    centre_small=centre.iloc[0],
    centre_large=centre.iloc[-1],
)
thirds = energy.loc["predicted mask"].loc[list(MODELS)].rename(index=TITLES)
table(
    pd.concat([thirds, centre.to_frame("a blob in the middle").T]).rename_axis(index=None, columns=None),
    "Energy inside the border, by size of the tumour: the masks of four networks, and a control that is the same for every image.",
)

# %% [markdown]
# A blob in the middle has {glue:text}`centre_small:.2f` of its energy inside small tumours and {glue:text}`centre_large:.2f` inside large ones, because they are larger. Such a table needs its controls.
#
# ## Is it about the network at all?
#
# A map that is about the network must change when the network forgets what it has learned, and some do not {cite:p}`adebayo2018`. Shuffle the weights of its last part, then of the one before, and so on up to the first: of {glue:text}`kinds` kinds of map, {glue:text}`kept` still have a mean rank correlation above one half with what they were, all of them made of gradients. (Occlusion and RISE take too long for this test and the next.
# That leaves ten, and nine for DeepLab, which has no gates.)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The maps of U-Net's answer while its parts are destroyed one after another, from the answer (second line) up to the whole network (last line). Gradients stay on the tumour to the end: that they lie there does not show that the network has learned anything.", "name": "fig-cascade"}, "image": {"alt": "One slice in lines under maps of five methods; in each line, the network is destroyed further. The gradients stay on the tumour, the class activation maps move."}}
tested = ("gradient", "integrated gradients", "guided backpropagation", "Seg-Grad-CAM", "HiResCAM")
broken = {"integrated gradients": "integrated\ngradients", "guided backpropagation": "guided back-\npropagation"}
asked = region.marked_or_whole(unet.probability[first])
cascade = {"learned": [maps["unet"][method][0] for method in tested]}
for part, model in randomisation.randomised(unet.model):
    if part in ("logits", "decoder_2", "decoder_4", "bottleneck", "encoder_1"):
        cascade[part.replace("_", " ")] = [saliency.explain(method, model, images[:1], asked)[0] for method in tested]
plotting.saliency_maps(
    np.repeat(prepared.images[first], len(cascade), axis=0),
    {
        broken.get(method, method): np.stack(stages)
        for method, stages in zip(tested, zip(*cascade.values(), strict=True), strict=True)
    },
    titles=list(cascade),
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Lines that stay high belong to maps that show the image, or the pixels that were asked about, more than the network. Rank correlation of maps with those of the whole network, while its parts are destroyed from the answer up; eight test images of the study, five shuffles of the weights: their mean, and a band from the lowest to the highest. Shuffles that leave even maps are left out.", "name": "fig-randomisation"}, "image": {"alt": "Line charts, one for each method. Those of gradients fall slowly and stay far above zero; those of class activation maps fall to zero or below in some networks."}}
left = saliency_tables.destroyed(record.randomisation)
ends = saliency_tables.by_shuffle(record.randomisation)
turned = ends.index[ends["turned"]]
steady = ends["highest"].idxmin()
gradient_maps = ends.index.isin(("gradient", "SmoothGrad", "gradient variance", "gradient × input"), level="map")
glue(
    kinds=len(left),
    kept=(left["mean"] > 1 / 2).sum(),
    shuffles=record.randomisation["shuffle"].nunique(),
    stays_map=left["mean"].idxmax(),
    stays_most=left["mean"].max(),
    gradients_lowest=ends.loc[gradient_maps, "lowest"].min(),
    turned=len(turned),
    alike_from=saliency_tables.ALIKE,
    destroyed_pairs=len(ends),
    turned_maps=", ".join(dict.fromkeys(turned.get_level_values("map"))),
    steady_network=TITLES[steady[0]],
    steady_map=steady[1],
    steady_highest=minus(f"{ends.loc[steady, 'highest']:.2f}"),
)
plotting.randomisation(record.randomisation)

# %% [markdown]
# With everything destroyed, the mean rank correlation of {glue:text}`stays_map` is still {glue:text}`stays_most:.2f`, and plain gradients, their product with the image, and their mean and variance over noise keep at least {glue:text}`gradients_lowest:.2f` in every network and after every shuffle. For some others it is a matter of the shuffle: in {glue:text}`turned` of {glue:text}`destroyed_pairs` pairs of network and map
# one shuffle leaves more than {glue:text}`alike_from:.1f`, and another reverses the maps by as much. These are of {glue:text}`turned_maps`; only means over many shuffles could say more of them. Reversed after every shuffle that leaves a map, to {glue:text}`steady_highest` or less, is {glue:text}`steady_map` of {glue:text}`steady_network`. (Weights are shuffled {glue:text}`shuffles` times within each array, where Adebayo et al. draw them anew.)
#
# In {numref}`fig-cascade`, the gradients of a network that knows nothing any more still lie on the tumour, because *we* told them where to look: the marked pixels depend most on themselves and their neighbours, whatever the weights are. And a product with the image keeps the image. **So a map on the tumour is no evidence that the network has learned anything about tumours.**
# For that, ask for its answers on images that it has not seen.
#
# ### Another test: wrong labels
#
# Most maps do notice wrong labels: {glue:text}`unet_notice` of {glue:text}`unet_kinds` kinds for U-Net, {glue:text}`deeplab_notice` of {glue:text}`deeplab_kinds` for DeepLab. A network is trained with the borders dealt out anew among the images, so that it can learn little (Dice {glue:text}`unet_shuffled:.2f` and {glue:text}`deeplab_shuffled:.2f`). The yardstick is a training on the *true*
# labels with another seed ({glue:text}`unet_seed:.2f` and {glue:text}`deeplab_seed:.2f`), whose maps are not the same either. The networks are small and trained for minutes; maps of {glue:text}`dealt_images` test images are compared. The network with shuffled labels starts from the same weights as the one that it is compared with, and the yardstick from others: that makes it harder to notice wrong labels.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Most maps change more when the labels are shuffled than when the seed is another; of an interval that holds zero, that cannot be told. Rank correlation with the maps of a network with another seed, minus that with the maps of one that learned shuffled labels; test images of the study.", "name": "fig-labels"}, "image": {"alt": "Forest plot, one line a method: how much less alike maps are after training on shuffled labels. Most intervals lie right of zero."}}
dealt = recorded_labels("labels")
names = ("another seed", "shuffled labels")
glue(dealt_images=dealt.groupby("model")["number"].nunique().min())
marks = dealt.drop_duplicates(["model", "network", "number"]).pivot_table("dice", "model", "network")
values = dealt.assign(seed=0, value=dealt["correlation"])
differences = statistics.labelled_differences(
    {
        key: tuple(found[found["network"] == name] for name in names)
        for key, found in values.groupby(["model", "map"], sort=False)
    }
)
differences[["model", "map"]] = differences["label"].tolist()
for model, found in differences.groupby("model"):
    same = found[found["low"] <= 0].sort_values("mean")
    glue(
        **{
            f"{model}_seed": marks.loc[model, names[0]],
            f"{model}_shuffled": marks.loc[model, names[1]],
            f"{model}_kinds": len(found),
            f"{model}_notice": len(found) - len(same),
            f"{model}_same": listed(same["map"]) or "no map",
        }
    )
of_unet = differences[differences["model"] == "unet"].set_index("map")
another_seed = values[(values["model"] == "unet") & (values["network"] == names[0])].groupby("map")["value"].mean()
noticed = another_seed[of_unet.index[of_unet["low"] > 0]]
glue(
    unet_turned=listed(of_unet.index[of_unet["high"] < 0]),
    unsteady=noticed.idxmin(),
    unsteady_alike=noticed.min(),
)
plotting.forest(
    differences.assign(label=differences["map"], group=differences["model"].map(TITLES)).sort_values(
        "mean", kind="stable"
    ),
    xlabel="rank correlation lost by shuffled labels",
)

# %% [markdown]
# It is not seen in {glue:text}`unet_same` for U-Net, and in {glue:text}`deeplab_same` for DeepLab; U-Net's {glue:text}`unet_turned` is even more alike after shuffled labels. And a map that notices need not be steady: U-Net's {glue:text}`unsteady` correlates {glue:text}`unsteady_alike:.2f` with that of another seed. A map that truly does not notice is not worthless; but it shows something else than what the labels have taught: the image, the pixels that were asked about, or what any network of this build would do. All of this rests on one network of each kind.
#
# ## Saliency in training
#
# With saliency in training Dice is lower, and whether maps move to the tumour cannot be told. With the larger weight, Dice is lower in {glue:text}`lower` of {glue:text}`trained` pairs of trainings (U-Net {glue:text}`unet_dice`, DeepLab {glue:text}`deeplab_dice`: of the two intervals U-Net's excludes zero); energy of the gradient inside the border changes by {glue:text}`unet_energy` and {glue:text}`deeplab_energy`. The study's README says that saliency maps are part of the training; the notebook has no such step.
# What it could be is known: a term in the loss that punishes gradients at pixels that should not matter {cite:p}`ross2017`, here the share of their energy, as a sum of squares, outside the border. (`brainseg train unet --step corrected --guidance 0.1` trains with it, and the number is its weight.)

# %% tags=["hide-input"]
source(guidance.energy_outside)

# %% [markdown]
# A network that must not use what lies around a tumour cannot compare the tumour with its surroundings, so there may be a price. {numref}`fig-guidance` has gain and price; everything else in the training is the same. Each weight was trained once in each of five folds, all with one seed, so that every patient is tested; what another seed changes ([chapter 8](08_attention)) is not in the intervals. Maps are compared on at least {glue:text}`explained_images` images of {glue:text}`explained_patients` patients, those that both networks mark something in.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "With the larger weight Dice is lower in every fold; what guidance does to the energy of maps differs from fold to fold. Networks of five folds: means with intervals over patients; filled marks differ from no guidance, the interval of the difference over folds excludes zero. With the middle weight one of DeepLab's networks marks nothing, so maps were scored with the other two.", "name": "fig-guidance"}, "image": {"alt": "Five small charts over the weight of the guidance term: Dice falls; energy inside the border stays, the pointing game falls, deletion becomes worse, insertion a little better."}}
guided = recorded_runs("guidance")
guided_maps = recorded_saliency("guided-maps").scores
effect = saliency_tables.guidance(guided, guided_maps)
heaviest = effect["weight"].max()
of_score = effect[effect["weight"] == heaviest].set_index(["score", "model"])
glue(
    lower=int(of_score.loc["dice", "lower"].sum()),
    trained=int(of_score.loc["dice", "folds"].sum()),
    explained_images=int(of_score.loc["energy", "images"].min()),
    explained_patients=int(of_score.loc["energy", "patients"].min()),
)
for score, model in ((score, model) for score in ("dice", "energy") for model in ("unet", "deeplab")):
    change, low, high = of_score.loc[(score, model), ["difference", "difference_low", "difference_high"]]
    glue(**{f"{model}_{score}": minus(f"{change:+.2f} [{low:+.2f}, {high:+.2f}]")})
plotting.guidance(effect, saliency_tables.ABLATED)

# %% [markdown]
# One fold alone would have told another story. In the first, the energy of DeepLab's maps rises from {glue:text}`first_without:.2f` to {glue:text}`first_with:.2f`; in {glue:text}`fallen` of {glue:text}`folds` it falls, once to {glue:text}`fallen_to:.4f`, where the training itself went wrong: Dice {glue:text}`fallen_dice:.2f` in place of {glue:text}`fallen_dice_without:.2f`. And with the smaller weight {glue:text}`failed` of DeepLab's {glue:text}`folds` trainings end with a Dice of zero.

# %% tags=["hide-input"]
of_deeplab = guided_maps[(guided_maps["model"] == "deeplab") & (guided_maps["map"] == "gradient")]
by_fold = of_deeplab.pivot_table("energy", "fold", "guidance")
dice_of = {
    (run.recipe.model, run.recipe.guidance, run.recipe.fold): select.collect([run], "border_dice")["value"].mean()
    for run in guided
}
lowest = by_fold[heaviest].idxmin()
by_map = guided_maps.pivot_table(["energy", "deletion"], ["model", "map"], "guidance")
glue(
    folds=len(by_fold),
    first_without=by_fold.loc[0, 0],
    first_with=by_fold.loc[0, heaviest],
    fallen=(by_fold[heaviest] < by_fold[0]).sum(),
    fallen_to=by_fold[heaviest].min(),
    fallen_dice=dice_of["deeplab", heaviest, lowest],
    fallen_dice_without=dice_of["deeplab", 0, lowest],
    failed=sum(dice < 0.005 for dice in dice_of.values()),
    noise_without=by_map.loc[("unet", "noise"), ("deletion", 0)],
    noise_with=by_map.loc[("unet", "noise"), ("deletion", heaviest)],
    unet_mask_without=by_map.loc[("unet", "predicted mask"), ("energy", 0)],
    unet_mask_with=by_map.loc[("unet", "predicted mask"), ("energy", heaviest)],
    deeplab_mask_without=by_map.loc[("deeplab", "predicted mask"), ("energy", 0)],
    deeplab_mask_with=by_map.loc[("deeplab", "predicted mask"), ("energy", heaviest)],
    pointing_lower=int(of_score.loc[("pointing", "unet"), "lower"]),
)

# %% [markdown]
# And a map explains a mask. The masks lie worse: their own energy, a control, falls from {glue:text}`unet_mask_without:.2f` to {glue:text}`unet_mask_with:.2f` in U-Net and from {glue:text}`deeplab_mask_without:.2f` to {glue:text}`deeplab_mask_with:.2f` in DeepLab. That may be why U-Net's pointing game is lower in {glue:text}`pointing_lower` of {glue:text}`folds` folds. Deletion becomes worse for noise, too, from {glue:text}`noise_without:.2f` to {glue:text}`noise_with:.2f` in U-Net: the network has changed, so this score alone says nothing of its maps.
#
# So whether this term makes a network look at tumours cannot be told. Had the energy risen, that would not have shown it either: energy inside the border is close to what the term rewards. Other terms and longer trainings were not tried. The verdict on this, the study's sixth claim, stands in [the ledger](11_audit).
#
# ## What a map cannot say
#
# - It shows what *this* network's answer depends on. It does not show where a tumour is; for that there is the answer, and its score.
# - It does not make an answer trustworthy. Networks that find the wrong place have maps that look just as tidy.
# - It has no scale of its own. Two maps can be compared only by a score that says what they are for.
#
# `brainseg explain IMAGE -o report.html` makes such maps for any slice, and says beside them what they do not mean.
#
# ## Summary
#
# - The study's saliency maps are its networks' answers: at the last layer, Grad-CAM gives nothing else.
# - Twelve methods draw twelve maps of one answer. They answer different questions, and agree little (mean rank correlation of two, for one image: {glue:text}`alike:.2f`).
# - By energy inside the border, no map lies on the tumour as well as the predicted mask does: {glue:text}`energy_better` of {glue:text}`pairs` pairs of network and method beat the best control.
# - When all that the network has learned is destroyed, maps of {glue:text}`stays_map` keep a rank correlation of {glue:text}`stays_most:.2f` with what they were. A map on the tumour is no evidence that the network knows tumours.
# - With saliency in training, Dice is lower in {glue:text}`lower` of {glue:text}`trained` pairs of trainings with the larger weight; whether it moves maps to the tumour cannot be told: their energy inside the border changes by {glue:text}`unet_energy` in U-Net and {glue:text}`deeplab_energy` in DeepLab.
#
# ## Exercises
#
# Some numbers depend on `variant`, so that another class can be given others.

# %% tags=["hide-input"]
from brainseg.paper.course.variants import drawn

variant = 0

# %% [markdown]
# ### A map that says nothing
#
# *Easy, ten minutes.* A map is the same everywhere. Write `of_an_even_map(share)`, which returns its energy inside the border, its pointing game and its localisation AUC, in this order, for a tumour that covers that share of the image. Think first, then read the functions.


# %% tags=["hide-input", "solution"]
def of_an_even_map(share):
    """Energy inside, pointing game and localisation AUC of a map that is the same everywhere."""
    ### BEGIN SOLUTION
    return share, share, 0.5
    # All places share the highest value, so the pointing game gives the share of them that lies inside.
    ### END SOLUTION


# %% tags=["hide-input", "checks"]
assert len(of_an_even_map(0.1)) == 3, "three scores"
### BEGIN HIDDEN TESTS
even, spotted = np.ones((1, 10, 10)), np.zeros((1, 10, 10), int)
spotted[0, : 1 + drawn(variant, 8, "rows")] = 1
measured_scores = [
    score(even, spotted)[0] for score in (scores.energy_inside, scores.pointing_game, scores.localisation_auc)
]
assert np.allclose(of_an_even_map(spotted.mean()), measured_scores)
### END HIDDEN TESTS

# %% [markdown]
# ### Ask about the corners
#
# *Medium, fifteen minutes.* A map depends on what was asked. Explain the four corners of the image in place of the marked pixels. `corners` has ones in the four corner squares of `side` by `side` pixels. Put into `of_corners` the *gradient* maps of `unet.model` for `images` with that region, and into `there` the energy of the first map inside `corners`. What did you
# expect?

# %% tags=["hide-input"]
side = 6 + drawn(variant, 5, "side")
corners = np.zeros(images.shape[:3], np.float32)
for vertical in (slice(side), slice(-side, None)):
    for horizontal in (slice(side), slice(-side, None)):
        corners[:, vertical, horizontal] = 1

# %% tags=["hide-input", "solution"]
### BEGIN SOLUTION
of_corners = saliency.explain("gradient", unet.model, images, corners)
there = scores.energy_inside(of_corners[:1], corners[:1].astype(int))[0]
# Pixels depend most on themselves and their neighbours: the map lies where we asked, and no tumour is there.
### END SOLUTION

# %% tags=["hide-input", "checks"]
assert of_corners.shape == corners.shape, "one map for each image"
### BEGIN HIDDEN TESTS
again_there = np.maximum(of_corners[0], 0)
assert abs(there - (again_there * corners[0]).sum() / again_there.sum()) < 1e-3
own_corners = saliency.explain("gradient", unet.model, images, corners)
assert scores.rank_correlation(of_corners[:1], own_corners[:1])[0] > 0.99
### END HIDDEN TESTS

# %% [markdown]
# ### A control for one side
#
# *Medium, fifteen minutes.* Suppose that most tumours lie on the left. Which control would tell a map that has found tumours from one that has found the left? Write `always(borders, number)`: from the border masks of *training* images it makes one map, and returns it `number` times, for as many test images.


# %% tags=["hide-input", "solution"]
def always(borders, number):
    """The same map for every image: how often each place was tumour."""
    ### BEGIN SOLUTION
    return np.repeat(np.mean(borders, axis=0, keepdims=True), number, axis=0)
    # It knows where tumours are often, and no image. What a saliency map has more than it, it has from the image.
    ### END SOLUTION


# %% tags=["hide-input", "checks"]
assert always(np.ones((3, 4, 4)), 2).shape == (2, 4, 4), "as many maps as images"
### BEGIN HIDDEN TESTS
leaning = np.zeros((5, 8, 8), int)
leaning[:4, 2:5, :3] = leaning[4, 2:5, 5:] = 1
control_maps = always(leaning, 2)
assert np.array_equal(control_maps[0], control_maps[1])
left, right = (scores.energy_inside(control_maps[:1], leaning[which])[0] for which in ([0], [4]))
assert left > 2 * right > 0
### END HIDDEN TESTS

# %% [markdown]
# ### A finer layer
#
# *Medium, fifteen minutes.* Seg-Grad-CAM takes another layer with the option `layer`. Put into `finer` its maps of `unet.model` for `images`, with the region `asked_region`, at the layer `finer_layer`, and into `coarse_energy` and `finer_energy` the mean energy inside `border` of the map at the coarsest layer, which it takes by
# itself, and of yours. Does a finer map point better?

# %% tags=["hide-input"]
asked_region = region.marked_or_whole(unet.probability[rows])
finer_layer = f"decoder_{2 + drawn(variant, 3, 'layer')}_conv_2_relu"

# %% tags=["hide-input", "solution"]
### BEGIN SOLUTION
finer = saliency.explain("Seg-Grad-CAM", unet.model, images, asked_region, layer=finer_layer)
coarse = saliency.explain("Seg-Grad-CAM", unet.model, images, asked_region)
coarse_energy, finer_energy = (scores.energy_inside(found, border).mean() for found in (coarse, finer))
# The nearer a layer is to the answer, the more its map is like the mask, and the less it says of what the mask rests on.
### END SOLUTION

# %% tags=["hide-input", "checks"]
assert finer.shape == border.shape, "one map for each image"
### BEGIN HIDDEN TESTS
for option, energy in (({}, coarse_energy), ({"layer": finer_layer}, finer_energy)):
    own_maps = saliency.explain("Seg-Grad-CAM", unet.model, images, asked_region, **option)
    assert abs(energy - np.nanmean(scores.energy_inside(own_maps, border))) < 1e-2
### END HIDDEN TESTS

# %% [markdown]
# ### The map in the paper
#
# *Medium, fifteen minutes.* A paper shows one image with a bright map on the tumour and writes that the network “focuses on the tumour”. Write down, in at most eight sentences, what you would ask for before you believe it.

# %% [markdown] tags=["rubric"]
# :::{dropdown} What a good answer says
# Three of these five make a good answer.
#
# - More than one image, and how they were chosen; wrong answers among them.
# - A number for “on the tumour”, with its definition.
# - The same number for controls: the predicted mask, a blob in the middle, edges, noise.
# - A test that the map depends on what was learnt: weights or labels destroyed.
# - What was explained: which output, which pixels, which method and layer.
# :::
