"""What the study's saliency maps show: at the layers that its notebook names, its formula gives the answers again."""

from functools import cache

import numpy as np
import pandas as pd

from brainseg.models import MODELS

NAMED = {"unet": 30, "linknet": 61, "segnet": 88, "deeplab": 120}
"""Number of the layer, ``conv2d_30`` and so on, that the notebook draws each network's saliency map of.

Keras counts the convolutions of a session, and begins at zero. The notebook prints the layers of DeepLab, which end
with ``conv2d_120``; of the others it prints those of a later build.
"""


ROUNDING = 1e-6
"""How far apart two probabilities in single precision may be, and be the same."""


@cache
def maps_and_answers(size: int = 32, width: int = 2) -> pd.DataFrame:
    """The study's map of each network, as it is built and not yet trained, beside the network's answer.

    Returns:
        One row per model: how many ``convolutions`` it has, and the ``place`` of the named layer among them, from 1, if
        the networks of one session were built in the order of the notebook; and how far ``apart``, at most, the map at
        the last of them and the answer divided by its largest value are, on random images; and ``same``: whether the
        named layer is the last, and map and answer are the same there.

    >>> found = maps_and_answers()
    >>> found["convolutions"].to_dict(), bool(found["same"].all())
    ({'unet': 31, 'linknet': 31, 'segnet': 27, 'deeplab': 16}, True)
    """
    from brainseg.backend import keras  # takes seconds, which other claims can do without
    from brainseg.models import build
    from brainseg.saliency.cam import published_grad_cam
    from brainseg.saliency.target import Target

    images = np.random.default_rng(0).random((4, size, size, 3), np.float32)
    rows, before = {}, 0
    for model in MODELS:
        network = build(model, size=size, width=width)
        answer = np.asarray(network.predict_on_batch(images))[..., 0]
        found = published_grad_cam(Target(network, images, "whole"))
        convolutions = sum(isinstance(layer, keras.layers.Conv2D) for layer in network.layers)
        rows[model] = {
            "convolutions": convolutions,
            "place": (NAMED[model] - before) % convolutions + 1,
            "apart": float(np.abs(found - answer / answer.max(axis=(1, 2), keepdims=True)).max()),
        }
        before += convolutions
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.assign(same=(table["place"] == table["convolutions"]) & (table["apart"] <= ROUNDING))
