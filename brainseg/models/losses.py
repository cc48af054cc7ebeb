"""Losses for binary segmentation: what a network minimises, given masks (b, h, w, 1), 0 or 1, and logits of that shape.

They take logits, not probabilities: so the cross-entropy needs no logarithm of a number near zero, and no approximate
reciprocal, whose last digits differ between makers of processors.
"""

from collections.abc import Callable, Mapping
from typing import Any

from brainseg.backend import keras
from brainseg.errors import known

SMOOTHING = 1.0
"""Pixels added to numerator and denominator of the overlap: so an image without tumour has a loss too, which grows with
every false positive, and a gradient."""


def binary_crossentropy(truth: Any, logits: Any) -> Any:
    """Mean over the pixels of −log(probability of what is true), by image, (b,); 0 or more.

    ``softplus(z) − z·y``, which is ``−y·log(sigmoid(z)) − (1 − y)·log(1 − sigmoid(z))``.

    >>> import numpy as np
    >>> round(float(binary_crossentropy(np.ones((1, 2, 2, 1)), np.zeros((1, 2, 2, 1)))[0]), 4), round(np.log(2), 4)
    (0.6931, np.float64(0.6931))
    """
    ops = keras.ops
    truth, logits = ops.cast(truth, "float32"), ops.cast(logits, "float32")
    return ops.mean(ops.softplus(logits) - logits * truth, axis=(1, 2, 3))


def soft_dice(truth: Any, logits: Any) -> Any:
    """One minus the Dice coefficient, 2·TP / (2·TP + FP + FN), of the soft counts of each image, (b,); 0 to 1.

    Milletari, Navab and Ahmadi 2016, "V-Net", section 3, with plain sums in place of squares in the denominator. Each
    image counts by itself: over a batch at once, a large tumour would outweigh a small one.

    >>> import numpy as np
    >>> empty = np.zeros((1, 4, 4, 1))
    >>> [round(float(soft_dice(empty, empty + np.log(p / (1 - p)))[0]), 2) for p in (1e-9, 0.1, 0.5)]
    [0.0, 0.44, 0.8]
    """
    ops, axes = keras.ops, (1, 2, 3)
    truth, probability = ops.cast(truth, "float32"), ops.sigmoid(ops.cast(logits, "float32"))
    found = ops.sum(truth * probability, axis=axes)
    false_positive = ops.sum((1 - truth) * probability, axis=axes)
    false_negative = ops.sum(truth * (1 - probability), axis=axes)
    errors = 0.5 * false_positive + 0.5 * false_negative
    return errors / (found + errors + SMOOTHING)


def bce_dice(truth: Any, logits: Any) -> Any:
    """:func:`binary_crossentropy` plus :func:`soft_dice`, (b,): the first judges each pixel, the second the overlap.

    Isensee et al. 2021, "nnU-Net", online methods.

    >>> import numpy as np
    >>> truth = np.ones((1, 2, 2, 1))
    >>> float(bce_dice(truth, 30 * truth)[0]) < 1e-6
    True
    """
    return binary_crossentropy(truth, logits) + soft_dice(truth, logits)


LOSSES: Mapping[str, Callable[[Any, Any], Any]] = {"binary_crossentropy": binary_crossentropy, "bce_dice": bce_dice}
"""The losses by name."""


def loss(name: str) -> Callable[[Any, Any], Any]:
    """The loss of that name."""
    return LOSSES[known(name, LOSSES, "loss")]
