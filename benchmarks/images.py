"""What more images cost: the same work with 1, 2, 4 and 8 times as many. Time should grow with them, memory should not.

The sides of these races are the package with more and more images: a ratio is how many times longer they take.
"""

from typing import Any

import numpy as np

from benchmarks.cleaning import blobs
from benchmarks.harness import Race, Side, Work
from benchmarks.inference import file_of, write_network
from benchmarks.training import SCALES

FACTORS = (2, 4, 8)
FEWEST = {"an epoch of U-Net": 16, "predictions of U-Net": 32, "morphology": 100, "scores": 25, "SmoothGrad": 32}
WORKS = dict(zip(FEWEST, ("epoch", "predictions", "morphology", "scores", "smooth_gradient"), strict=True))
UNITS = {"SmoothGrad": "samples", "morphology": "masks", "scores": "masks"}


def races() -> list[Race]:
    """All kinds of work."""
    write_network("unet", 64, 8)
    return [race(work) for work in WORKS]


def smoke_races() -> list[Race]:
    """Those for which no network is built."""
    return [race(work, FACTORS[-1:], rounds=3) for work in ("morphology", "scores")]


def race(work: str, factors: tuple[int, ...] = FACTORS, rounds: int = 5) -> Race:
    """One kind of work."""
    fewest = FEWEST[work]
    first, *more = (Side(f"× {k}", f"images:{WORKS[work]}", {"count": k * fewest}) for k in (1, *factors))
    title = f"{work}, {fewest} {UNITS.get(work, 'images')}"
    return Race("images", title, first, tuple(more), tolerance=None, rounds=rounds)


def epoch(count: int) -> Work:
    """Batches from arrays, and a step of training for each."""
    from benchmarks.training import recipe_of
    from brainseg.experiments.batches import Batches
    from brainseg.experiments.fit import compiled, untrained

    recipe = recipe_of("unet", **SCALES["64 px"])
    network = compiled(recipe, untrained(recipe), steps_per_epoch=100)
    images = np.random.default_rng(0).integers(0, 256, (count, recipe.size, recipe.size), np.uint8)
    batches = Batches(images, images // 128, recipe.batch_size)

    def steps() -> None:
        for position in range(len(batches)):
            network.train_on_batch(*batches[position])

    return steps


def predictions(count: int) -> Work:
    """Probabilities of grey images, as ``brainseg predict`` gives them."""
    from brainseg.models.predict import answered
    from brainseg.models.runtime import opened

    network = opened(file_of("unet", 64, 8, "onnx").read_bytes())
    images = np.random.default_rng(0).integers(0, 256, (count, 64, 64), np.uint8)
    return lambda: answered(network, images)


def morphology(count: int) -> Work:
    """A pipeline of three operations."""
    from brainseg.morphology import Pipeline, apply

    masks, pipeline = blobs(count), Pipeline.parse("opening 2, largest_component, fill_holes")
    return lambda: apply(pipeline, masks)


def scores(count: int) -> Work:
    """All scores of each mask."""
    from brainseg.scores.metrics import image_scores

    masks = blobs(count + 1)
    return lambda: image_scores(masks[1:], masks[:-1])


def smooth_gradient(count: int) -> Work:
    """A map from more and more noisy copies of an image."""
    from brainseg.models import build
    from brainseg.saliency import explain

    network = build("unet", size=64, width=8, normalisation="batch")
    image: Any = np.random.default_rng(0).random((1, 64, 64, 3), np.float32)
    return lambda: explain("SmoothGrad", network, image, "whole", 16, samples=count)
