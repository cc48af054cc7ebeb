"""Is a map about the model at all? If it stays the same when what the model learned is destroyed, it is not.

Adebayo et al. 2018, "Sanity checks for saliency maps", section 3: cascading randomisation of the weights.
"""

import re
from collections.abc import Iterator
from itertools import groupby

import numpy as np

from brainseg.backend import keras


def randomised(model: "keras.Model", seed: int = 0) -> Iterator[tuple[str, "keras.Model"]]:
    """Destroy what a model has learned, part by part, from its answer up to the image.

    The weights of a part are shuffled within each array: their distribution stays, so that the model still answers in
    the same range, and nothing else does. Adebayo et al. draw them anew from what training began with; a model of this
    book begins with a seed, and would get back where it came from.

    Args:
        model: It is not changed.
        seed: Of the order of the weights.

    Yields:
        Name of the part that was shuffled last, and the copy of the model in which it and all parts after it are. It is
        one copy all along: use it before you ask for the next.

    >>> from brainseg.models import build
    >>> [part for part, _ in randomised(build("deeplab", size=16, width=2))]
    ['logits', 'decoder_1', 'decoder_2', 'aspp', 'encoder_3', 'encoder_2', 'encoder_1']
    """
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    random = np.random.default_rng(seed)
    learned = [layer for layer in copy.layers if layer.weights]
    for part, layers in groupby(reversed(learned), lambda layer: _part(layer.name)):
        for layer in layers:
            layer.set_weights(
                [random.permuted(weights.ravel()).reshape(weights.shape) for weights in layer.get_weights()]
            )
        yield part, copy


def _part(layer: str) -> str:
    """Encoder or decoder stage of a layer, by its name; a stage's attention belongs to the decoder's stage."""
    found = re.match(r"(?:encoder|decoder|gate|channel|spatial)_\d+|[a-z]+", layer)
    return re.sub("^(gate|channel|spatial)_", "decoder_", found.group()) if found else layer
